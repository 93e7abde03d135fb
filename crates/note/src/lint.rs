//! Checks that one note allows on its own and that are too strict or too dear for loading. In: a note and its text; out:
//! findings.

use std::collections::BTreeSet;

use regex::Regex;

use crate::finding::Finding;
use crate::parse::Note;
use crate::pattern;
use crate::pitfall::{Fix, Pitfall, PitfallKind, When};
use crate::template::{self, Part};

/// Releases, distributions and image prefixes that `platforms` may name.
pub const PLATFORMS: [&str; 12] = [
    "debian",
    "ubuntu",
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "bionic",
    "focal",
    "jammy",
    "noble",
    "nvcr.io/nvidia/pytorch",
    "python",
];

/// Checks one note. `text` is the text that `note` was parsed from.
pub fn lint_note(note: &Note, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |code, span, message: String, hint: &str| {
        findings.push(Finding::new(code, &note.path, text, span, message).with_hint(hint));
    };
    for block in &note.blocks {
        if !block.introduced && block.role != "toml library" {
            find(
                "prose-missing",
                block.span.clone(),
                format!("nothing is said before this `{}` block", block.role),
                "write a sentence that says why it stands here",
            );
        }
    }
    if note.path.starts_with("libraries/") && note.library.is_none() {
        find("block-missing", 0..0, "the note has no `toml library` block".to_owned(), "name its packages and imports");
    }
    for pitfall in &note.pitfalls {
        findings.extend(lint_pitfall(note, pitfall, text));
    }
    findings
}

fn lint_pitfall(note: &Note, pitfall: &Pitfall, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let block = &pitfall.block;
    let id = &pitfall.id;
    let place = pitfall.block_span.clone();
    let mut find = |code, span, message: String, hint: &str| {
        findings.push(Finding::new(code, &note.path, text, span, message).with_hint(hint));
    };
    if block.retired {
        return findings;
    }
    if !pitfall.sources.iter().any(|source| source.starts_with("https://")) {
        find("source-missing", pitfall.span.clone(), format!("`{id}` cites no source"), "link a thread or a document");
    }
    if block.kind != PitfallKind::Preventive && block.log.is_empty() {
        find(
            "pattern-missing",
            place.clone(),
            format!("`{id}` is curative and has no `log`"),
            "add the line that shows it",
        );
    }
    if block.fixable && block.fix.is_empty() {
        find("fix-missing", place.clone(), format!("`{id}` has no `[[fix]]`"), "add one, or say `fixable = false`");
    }
    if !block.fixable && !block.fix.is_empty() {
        find(
            "fix-needless",
            place.clone(),
            format!("`{id}` is not fixable and has a `[[fix]]`"),
            "drop one of the two",
        );
    }
    match (&block.unproved, pitfall.proofs.is_empty()) {
        (None, true) => find(
            "proof-missing",
            place.clone(),
            format!("`{id}` has no `toml proof`"),
            "add the run that shows it, or say in `unproved` what no container without a GPU can show",
        ),
        (Some(_), false) => find(
            "proof-contradicts",
            place.clone(),
            format!("`{id}` is said to be `unproved` and has a `toml proof`"),
            "drop one of the two",
        ),
        (Some(why), true) if why.split_whitespace().count() < 3 => find(
            "reason-missing",
            place.clone(),
            format!("`unproved` of `{id}` says too little"),
            "say what the proof would need: `needs a GPU`, `needs the model hub`",
        ),
        (Some(_), true) if pitfall.logs.is_empty() => find(
            "evidence-missing",
            place.clone(),
            format!("`{id}` has neither a run nor a log that shows it"),
            "quote the log out of the thread that you cite, or add a `toml proof`",
        ),
        _ => {}
    }
    for proof in pitfall.proofs.iter().filter(|proof| block.log.is_empty() && proof.value.shows.is_none()) {
        find(
            "proof-shows-missing",
            proof.span.clone(),
            format!("`{id}` has no pattern, and its proof does not say what its failing line shows"),
            "add `shows = \"words of the output\"`: a line can fail for another reason",
        );
    }
    if !block.log.is_empty() && pitfall.logs.is_empty() {
        find(
            "sample-missing",
            place.clone(),
            format!("`{id}` has patterns and no `text log`"),
            "quote the log it was seen in",
        );
    }
    for log in &pitfall.logs {
        match log.source.as_deref() {
            Some(source) if source.starts_with("https://") => {}
            Some("proof") if !pitfall.proofs.is_empty() => {}
            Some("proof") => find(
                "proof-missing",
                log.span.clone(),
                "the sample is said to come from a proof and there is none".to_owned(),
                "add the `toml proof` block of the run",
            ),
            _ => find(
                "log-source-missing",
                log.span.clone(),
                "the sample does not say where it was seen".to_owned(),
                "write `text log source=https://…` or `source=proof`",
            ),
        }
    }
    for platform in block.platforms.iter().chain(block.fix.iter().flat_map(|fix| &fix.when.platforms)) {
        if !PLATFORMS.contains(&platform.as_str()) {
            let known = PLATFORMS.join(", ");
            find(
                "platform-unknown",
                place.clone(),
                format!("no platform is called `{platform}`"),
                &format!("known are {known}"),
            );
        }
    }
    for release in block.fix.iter().filter_map(|fix| fix.apt.as_ref()).flat_map(|apt| apt.by_release.keys()) {
        if !PLATFORMS.contains(&release.as_str()) {
            find(
                "platform-unknown",
                place.clone(),
                format!("no release is called `{release}`"),
                "use Debian's code names, or `any`",
            );
        }
    }
    let mut captures: Option<BTreeSet<String>> = None;
    let mut compiled = Vec::new();
    for source in block.log.iter().chain(&block.not) {
        let at = text
            .get(place.clone())
            .and_then(|toml| toml.find(source.as_str()))
            .map_or(place.start, |at| place.start + at);
        let span = at..at + source.len();
        let is_veto = block.not.contains(source);
        match (pattern::literals(source), Regex::new(&pattern::expression(source))) {
            (_, Err(error)) => {
                find("pattern-invalid", span, error.to_string().replace('\n', "; "), "mend the regular expression");
            }
            (Err(error), Ok(_)) => {
                find("literal-missing", span, error, "spell out a longer piece of the log line");
            }
            (_, Ok(regex)) if is_veto => drop(regex),
            (_, Ok(regex)) => {
                if !pitfall.logs.is_empty() && !pitfall.logs.iter().any(|log| regex.is_match(&log.text)) {
                    find(
                        "pattern-unmatched",
                        span,
                        "the pattern hits no `text log` of its pitfall".to_owned(),
                        "copy the failing line out of the log, or loosen the pattern",
                    );
                }
                let names: BTreeSet<String> = regex.capture_names().flatten().map(str::to_owned).collect();
                captures = Some(captures.map_or(names.clone(), |known| known.intersection(&names).cloned().collect()));
                compiled.push(regex);
            }
        }
    }
    for log in &pitfall.logs {
        if !compiled.is_empty() && !compiled.iter().any(|regex| regex.is_match(&log.text)) {
            find(
                "sample-unmatched",
                log.span.clone(),
                format!("no pattern of `{id}` hits this sample"),
                "loosen a pattern or drop the sample",
            );
        }
    }
    let captures = captures.unwrap_or_default();
    for fix in &block.fix {
        if is_empty(fix) {
            find(
                "fix-empty",
                place.clone(),
                format!("a `[[fix]]` of `{id}` does nothing"),
                "give it an edit such as `apt` or `pip_pin`",
            );
        }
        for template in templates(fix) {
            for part in template::parts(&template) {
                let Part::Placeholder { capture, table } = part else { continue };
                if !captures.contains(capture) && !capture.starts_with(template::INSTALLED) {
                    let message = format!("`{{{capture}}}` is no named group of every pattern of `{id}`");
                    find("capture-unknown", place.clone(), message, "name the group in each pattern: `(?P<name>…)`");
                }
                if let Some(table) = table
                    && !template::TABLES.contains(&table)
                {
                    let known = template::TABLES.join(", ");
                    find(
                        "table-unknown",
                        place.clone(),
                        format!("there is no table `{table}`"),
                        &format!("known are {known}"),
                    );
                }
            }
        }
    }
    let preventive = block.kind != PitfallKind::Curative;
    let general = note
        .library
        .as_ref()
        .is_none_or(|library| library.value.packages.is_empty() && library.value.imports.is_empty());
    if preventive && general && block.when.is_empty() {
        find("condition-missing", place, format!("`{id}` is preventive and applies to everything"), "say `when`");
    }
    findings
}

/// Does this fix hold no edit?
fn is_empty(fix: &Fix) -> bool {
    let Fix { when: When { .. }, apt, base_image, .. } = fix;
    apt.is_none() && base_image.is_none() && templates(fix).is_empty()
}

/// Every text of a fix that may hold placeholders.
fn templates(fix: &Fix) -> Vec<String> {
    let lists = [
        &fix.pip_pin,
        &fix.pip_add,
        &fix.pip_remove,
        &fix.pip_flag,
        &fix.env,
        &fix.run_flag,
        &fix.order,
        &fix.command,
        &fix.upstream_patch,
    ];
    let mut texts: Vec<String> = lists.into_iter().flat_map(|list| list.0.iter().cloned()).collect();
    texts.extend(fix.base_image.iter().cloned());
    if let Some(apt) = &fix.apt {
        texts.extend(apt.any.iter().chain(apt.by_release.values().flatten()).cloned());
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn check(block: &str, sample: &str, expected: &[&str]) {
        check_with("unproved='needs a GPU'\n", block, sample, expected);
    }

    fn check_with(reason: &str, block: &str, sample: &str, expected: &[&str]) {
        let text = format!(
            "# x\n\n```toml library\npackages = ['x']\nchecked = 2026-11-21\n```\n\n## `a`: it fails\n\nWhy, [here](https://e.org).\n\n\
             ```text log source=https://e.org\n{sample}\n```\n\nSo:\n\n```toml pitfall\n{reason}{block}\n```\n"
        );
        let (note, findings) = parse("libraries/x.md", &text);
        assert_eq!(findings, []);
        let codes: Vec<&str> = lint_note(&note, &text).into_iter().map(|finding| finding.code).collect();
        assert_eq!(codes, expected, "{block}");
    }

    #[test]
    fn a_pattern_must_hit_its_sample_and_hold_a_literal() {
        check("kind='curative'\nlog=['it was broken']\nfix=[{apt='x'}]", "it was broken", &[]);
        check(
            "kind='curative'\nlog=['it is broken']\nfix=[{apt='x'}]",
            "it was broken",
            &["pattern-unmatched", "sample-unmatched"],
        );
        check("kind='curative'\nlog=['.*bro']\nfix=[{apt='x'}]", "it was broken", &["literal-missing"]);
    }

    #[test]
    fn fixes_use_known_groups_tables_and_platforms() {
        check("kind='curative'\nlog=['(?P<w>it) was broken']\nfix=[{apt='{w}'}]", "it was broken", &[]);
        check("kind='curative'\nlog=['it was broken']\nfix=[{apt='{w}'}]", "it was broken", &["capture-unknown"]);
        check(
            "kind='curative'\nlog=['(?P<w>it) was broken']\nfix=[{apt='{w|nowhere}'}]",
            "it was broken",
            &["table-unknown"],
        );
        check(
            "kind='curative'\nplatforms=['slackware']\nlog=['was broken']\nfix=[{apt='x'}]",
            "it was broken",
            &["platform-unknown"],
        );
        check("kind='curative'\nlog=['was broken']\nfix=[{}]", "it was broken", &["fix-empty"]);
        check("kind='curative'\nlog=['was broken']", "it was broken", &["fix-missing"]);
    }

    #[test]
    fn a_pitfall_is_shown_by_a_run_or_says_why_not() {
        let block = "kind='curative'\nlog=['was broken']\nfix=[{apt='x'}]";
        check_with("", block, "it was broken", &["proof-missing"]);
        check_with("unproved='GPU'\n", block, "it was broken", &["reason-missing"]);
        let proof = format!("{block}\n```\n\nRun:\n\n```toml proof\nplatform='bookworm-3.11'\nfailing='x'");
        check_with("", &proof, "it was broken", &[]);
        check(&proof, "it was broken", &["proof-contradicts"]);
    }
}
