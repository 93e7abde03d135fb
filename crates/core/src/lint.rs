//! Checks across notes. In: the base, the notes' texts, and logs in which nothing is wrong; out: findings.

use std::collections::BTreeMap;

use repro_note::lint::lint_note;
use repro_note::{Finding, Note};

use crate::base::{Indexes, KnowledgeBase, full_id, is_note};
use crate::contents::RELEASES;
use crate::context::Context;
use crate::diagnose::Diagnosis;
use crate::index;
use crate::template::PLACEHOLDERS;

/// Reads and checks all notes: what parsing finds, what each note allows on its own, and what only all together show.
/// `texts` are pairs of the path below `knowledge/` and the text; those under `healthy/` are logs that no pattern may hit.
/// `indexes` answer what fixes ask of the tables that are no text.
pub fn lint_all(texts: &BTreeMap<String, String>, indexes: Indexes) -> Vec<Finding> {
    let (base, mut findings) = KnowledgeBase::from_texts(texts);
    let base = base.with_indexes(indexes);
    let text_of = |note: &Note| texts.get(&note.path).map_or("", String::as_str);
    let mut named: BTreeMap<&str, &Note> = BTreeMap::new();
    for note in base.notes() {
        findings.extend(left_over(&note.path, text_of(note)));
        findings.extend(lint_note(note, text_of(note)));
        if note.path.starts_with("libraries/")
            && let Some(other) = named.insert(&note.name, note)
        {
            let message = format!("`{}` and `{}` have one name", other.path, note.path);
            findings.push(Finding::new("duplicate-id", &note.path, text_of(note), 0..0, message));
        }
    }
    for note in base.notes() {
        // A pitfall that is only ever prevented has a log to show, and no pattern that looks for it.
        for pitfall in note.pitfalls.iter().filter(|pitfall| !pitfall.block.retired && !pitfall.block.log.is_empty()) {
            let id = full_id(note, pitfall);
            for log in &pitfall.logs {
                let mut diagnoses = base.matches(&log.text, &Context::default());
                if !diagnoses.iter().any(|diagnosis| diagnosis.pitfall == id) {
                    diagnoses = base.matches(&log.text, &on_platform(&pitfall.block.platforms));
                }
                findings.extend(ambiguity(&base, &id, &diagnoses).map(|(message, hint)| {
                    Finding::new("pattern-ambiguous", &note.path, text_of(note), log.span.clone(), message)
                        .with_hint(hint)
                }));
            }
        }
    }
    for (path, text) in texts.iter().filter(|(path, _)| path.starts_with("healthy/") && !is_note(path)) {
        for diagnosis in base.diagnose(text, &Context::default()) {
            let message =
                format!("`{}` hits line {} of a healthy log: {}", diagnosis.pitfall, diagnosis.line, diagnosis.excerpt);
            let start = text.split_inclusive('\n').take(diagnosis.line.saturating_sub(1)).map(str::len).sum::<usize>();
            let finding = Finding::new("pattern-hits-healthy", path, text, start..start, message);
            findings.push(finding.with_hint("tighten the pattern, or rule this text out with `not`"));
        }
    }
    for id in texts.get("README.md").into_iter().flat_map(|text| index::gone(text, &base)) {
        let text = texts.get("README.md").map_or("", String::as_str);
        let at = text.find(index::BEGIN).unwrap_or_default();
        let finding =
            Finding::new("id-gone", "README.md", text, at..at, format!("`{id}` was there and no note has it any more"));
        findings
            .push(finding.with_hint("put it back with `retired = true`: an id that was given is never given again"));
    }
    if let Some(text) = texts.get("README.md")
        && index::with_index(text, &base).is_some_and(|new| new != *text)
    {
        let at = text.find(index::BEGIN).unwrap_or_default();
        let message = "the index is not what the notes say".to_owned();
        let finding = Finding::new("index-stale", "README.md", text, at..at, message);
        findings.push(finding.with_hint("`cargo xtask lint-notes --fix` writes it"));
    }
    findings.sort_by(|a, b| (&a.path, a.position).cmp(&(&b.path, b.position)));
    findings
}

/// What a template has left for the author to write.
pub(crate) fn left_over(path: &str, text: &str) -> Vec<Finding> {
    let left = PLACEHOLDERS.iter().filter_map(|words| text.find(words).map(|at| (at, *words)));
    left.map(|(at, words)| {
        let message = format!("`{words}` is still to be written");
        Finding::new("placeholder-left", path, text, at..at + words.len(), message)
            .with_hint("put in its place what you know; `knowledge/README.md` has an example")
    })
    .collect()
}

/// What can be mended without thought: blanks at the ends of lines, the last line's end, and the index. Gives the texts
/// that change.
pub fn mended(texts: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut changed = BTreeMap::new();
    for (path, text) in texts.iter().filter(|(path, _)| is_note(path)) {
        let lines: String = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        let new = format!("{}\n", lines.trim_end_matches('\n'));
        if new != *text {
            changed.insert(path.clone(), new);
        }
    }
    let (base, _) = KnowledgeBase::from_texts(texts);
    // An index that would forget an id is left for somebody to think about.
    if let Some(text) = texts.get("README.md")
        && index::gone(text, &base).is_empty()
        && let Some(new) = index::with_index(text, &base)
        && new != *text
    {
        changed.insert("README.md".to_owned(), new);
    }
    changed
}

/// The official image on the first of these releases: some tables answer only for a base that is known.
fn on_platform(platforms: &[String]) -> Context {
    let Some(release) = platforms.iter().find(|platform| RELEASES.contains(&platform.as_str())) else {
        return Context::default();
    };
    Context {
        base_image: Some(format!("python:3.11-slim-{release}")),
        python: Some("3.11".to_owned()),
        release: Some(release.clone()),
        ..Context::default()
    }
}

/// What is wrong with the matches on a pitfall's own sample: it must come first, or share the first one's fix, and only
/// what is meant to give way, by its rank, may have another fix.
fn ambiguity(base: &KnowledgeBase, id: &str, matches: &[Diagnosis]) -> Option<(String, String)> {
    let rank = |id: &str| base.pitfall(id).map(|(_, pitfall)| pitfall.block.rank);
    let Some(own) = matches.iter().find(|diagnosis| diagnosis.pitfall == id) else {
        return Some((
            format!("the sample of `{id}` does not lead to it"),
            "check its patterns, and the placeholders of its fixes against the tables".to_owned(),
        ));
    };
    let other = matches.iter().find(|other| other.fix != own.fix && rank(&other.pitfall) <= rank(id))?;
    Some((
        format!("the sample of `{id}` is also taken for `{}`, which has another fix", other.pitfall),
        "tighten the other pattern, rank it `family` or `last`, or cut the sample to what it shows".to_owned(),
    ))
}
