//! The beginning of a note. In: names, a day and the log of a failure; out: Markdown that an author completes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use regex::Regex;
use repro_note::Edit;

use crate::{decisive, log};

/// Lines of a log that a sample holds at most.
const SAMPLE: usize = 12;

/// What stands where an author has to write; lint finds what is left of it.
pub const PLACEHOLDERS: [&str; 8] = [
    "WHAT THE LIBRARY IS, IN ONE SENTENCE",
    "THE SYMPTOM IN PLAIN WORDS",
    "WHY IT HAPPENS, IN ONE SENTENCE",
    "https://LINK",
    "THE LINES OF THE LOG, AS THEY ARE",
    "A PIECE OF THE LINE THAT NO OTHER LOG HAS",
    "<VERSION",
    "WHAT A PROOF WOULD NEED",
];

/// A repair that worked and that no note knew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned<'a> {
    /// Where it was met: a link to the repository.
    pub source: &'a str,
    /// The log of the failure.
    pub log: &'a str,
    /// `lock`, `build` or `run`.
    pub phase: &'a str,
    /// What mended it.
    pub fix: &'a [Edit],
    /// What shows that it did, in a sentence: versions, level, proof.
    pub evidence: &'a str,
}

/// As [`note`], with the fix that worked and where; the author adds why.
pub fn learned(name: &str, id: &str, today: &str, learned: &Learned<'_>, present: Option<&str>) -> String {
    let mut text = note(name, id, today, Some(learned.log), present);
    let begin = text.rfind("\n## `").unwrap_or_default();
    let mut section = text.split_off(begin);
    section = section.replace(
        "Seen in [THE THREAD](https://LINK).",
        &format!("{} [Seen here]({}).", learned.evidence, learned.source),
    );
    section = section.replace("source=https://LINK", &format!("source={}", learned.source));
    section = section.replace("phase = [\"run\"]", &format!("phase = [\"{}\"]", learned.phase));
    section = section.replace(
        &format!("[[fix]]\npip_pin = \"{name}<VERSION\""),
        &format!("unproved = \"WHAT A PROOF WOULD NEED\"\n\n[[fix]]\n{}", fix_lines(learned.fix)),
    );
    text.push_str(&section);
    text
}

/// The keys of a `[[fix]]`.
fn fix_lines(edits: &[Edit]) -> String {
    let mut keys: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for edit in edits {
        let (key, values) = match edit {
            Edit::Apt(packages) => ("apt", packages.clone()),
            Edit::PipPin(v) => ("pip_pin", vec![v.clone()]),
            Edit::PipAdd(v) => ("pip_add", vec![v.clone()]),
            Edit::PipRemove(v) => ("pip_remove", vec![v.clone()]),
            Edit::PipFlag(v) => ("pip_flag", vec![v.clone()]),
            Edit::Env(v) => ("env", vec![v.clone()]),
            Edit::BaseImage(v) => ("base_image", vec![v.clone()]),
            Edit::RunFlag(v) => ("run_flag", vec![v.clone()]),
            Edit::Order(v) => ("order", vec![v.clone()]),
            Edit::Command(v) => ("command", vec![v.clone()]),
            Edit::UpstreamPatch(v) => ("upstream_patch", vec![v.clone()]),
        };
        keys.entry(key).or_default().extend(values);
    }
    let quoted = |text: &String| toml::Value::String(text.clone()).to_string();
    let lines = keys.into_iter().map(|(key, values)| match values.as_slice() {
        [one] => format!("{key} = {}", quoted(one)),
        many => format!("{key} = [{}]", many.iter().map(quoted).collect::<Vec<_>>().join(", ")),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A new note, or `present` with one more pitfall at its end. What the author has to fill in stands in capitals, so that
/// `lint-notes` and readers see what is missing.
pub fn note(name: &str, id: &str, today: &str, log: Option<&str>, present: Option<&str>) -> String {
    let mut out = match present {
        Some(text) => format!("{}\n", text.trim_end()),
        None => format!(
            "# {name}\n\n```toml library\npackages = [\"{name}\"]\nimports = [\"{}\"]\nchecked = {today}\n```\n\nWHAT THE LIBRARY IS, \
             IN ONE SENTENCE.\n",
            name.replace('-', "_")
        ),
    };
    let (sample, pattern) = log.and_then(signature).unwrap_or_else(|| {
        ("THE LINES OF THE LOG, AS THEY ARE".to_owned(), "A PIECE OF THE LINE THAT NO OTHER LOG HAS".to_owned())
    });
    let _ = write!(
        out,
        "\n## `{id}`: THE SYMPTOM IN PLAIN WORDS\n\nWHY IT HAPPENS, IN ONE SENTENCE.\nSeen in [THE THREAD](https://LINK).\n\n\
         ```text log source=https://LINK\n{sample}\n```\n\nThe fix:\n\n```toml pitfall\nkind = \"curative\"\nphase = [\"run\"]\nlog = ['''{pattern}''']\n\n\
         [[fix]]\npip_pin = \"{name}<VERSION\"\n```\n"
    );
    out
}

/// The lines up to the decisive one of a log, or to the last that speaks of an error, and a pattern for the decisive one; `None` where no line reports an error.
fn signature(log: &str) -> Option<(String, String)> {
    let text = log::end(log);
    let error = Regex::new(r"(?i)\b\w*(error|exception)\b\s*:|^E: |not found|no such file|cannot |failed").ok()?;
    let lines: Vec<&str> = text.lines().collect();
    let known = decisive::decisive(&text).and_then(|at| text.get(..at)).map(|before| before.lines().count());
    let at = known.or_else(|| lines.iter().rposition(|line| error.is_match(line)))?;
    let from = (at + 1).saturating_sub(SAMPLE);
    let sample = lines.get(from..=at)?.join("\n").replace("```", "` ` `");
    let decisive = lines.get(at)?.trim();
    // What differs from machine to machine.
    let changing = Regex::new(r"(?:/[\w.+-]+){2,}/?|0x[0-9a-fA-F]+|\d+(?:\.\d+)+|\b\d{3,}\b").ok()?;
    let mut pattern = String::new();
    let mut end = 0;
    for found in changing.find_iter(decisive) {
        pattern.push_str(&regex::escape(decisive.get(end..found.start())?));
        pattern.push_str(r"\S+");
        end = found.end();
    }
    pattern.push_str(&regex::escape(decisive.get(end..)?));
    Some((sample, pattern.replace("'''", "...")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_gives_sample_and_pattern() {
        let log = "Step 3\nTraceback (most recent call last):\n  File \"/srv/app/x.py\", line 3\nImportError: /usr/lib/x/liby.so.2: undefined symbol: z\n";
        let text = note("some-lib", "symbol-undefined", "2026-11-21", Some(log), None);
        assert!(
            text.contains("imports = [\"some_lib\"]") && text.contains("line 3\nImportError: /usr/lib/x"),
            "{text}"
        );
        assert!(text.contains(r"log = ['''ImportError: \S+: undefined symbol: z''']"), "{text}");
        let (parsed, findings) = repro_note::parse("libraries/some-lib.md", &text);
        assert_eq!((parsed.pitfalls.len(), findings), (1, vec![]));
        assert!(Regex::new(&parsed.pitfalls[0].block.log[0]).is_ok_and(|pattern| pattern.is_match(log)));
    }

    #[test]
    fn a_repair_that_worked_becomes_a_draft_that_lint_accepts_once_the_why_is_there() {
        let fix = [Edit::Apt(vec!["liby2".to_owned()]), Edit::Env("A=b".to_owned())];
        let seen = Learned {
            source: "https://github.com/user/repo",
            log: "x\nOSError: liby.so.2: cannot open shared object file\n",
            phase: "run",
            fix: &fix,
            evidence: "some-lib 1.2 on python:3.11-slim-bookworm ran after it.",
        };
        let draft = learned("some-lib", "liby-missing", "2026-11-21", &seen, None);
        let findings = |text: &str| -> Vec<&'static str> {
            let (note, mut findings) = repro_note::parse("libraries/some-lib.md", text);
            findings.extend(repro_note::lint::lint_note(&note, text));
            findings.extend(crate::lint::left_over("libraries/some-lib.md", text));
            findings.into_iter().map(|finding| finding.code).collect()
        };
        assert_eq!(
            findings(&draft).into_iter().collect::<std::collections::BTreeSet<_>>(),
            ["placeholder-left"].into()
        );
        assert!(draft.contains("[[fix]]\napt = \"liby2\"\nenv = \"A=b\"\n"), "{draft}");
        let done = draft
            .replace("WHAT THE LIBRARY IS, IN ONE SENTENCE.", "It computes.")
            .replace("THE SYMPTOM IN PLAIN WORDS", "liby is not found")
            .replace("WHY IT HAPPENS, IN ONE SENTENCE.", "The wheel is linked against liby.")
            .replace("WHAT A PROOF WOULD NEED", "needs a wheel that is on no index");
        assert_eq!(findings(&done), [""; 0], "{done}");
    }

    #[test]
    fn a_note_that_is_there_gets_one_more_pitfall() {
        let first = note("x", "one", "2026-11-21", None, None);
        let both = note("x", "two", "2026-11-21", None, Some(&first));
        assert!(both.starts_with(first.trim_end()));
        assert_eq!(repro_note::parse("libraries/x.md", &both).0.pitfalls.len(), 2);
    }
}
