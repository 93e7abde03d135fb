//! The beginning of a note. In: names, a day and the log of a failure; out: Markdown that an author completes.

use std::fmt::Write as _;

use regex::Regex;

use crate::log;

/// Lines of a log that a sample holds at most.
const SAMPLE: usize = 12;

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

/// The lines around the last error of a log, and a pattern for the decisive one; `None` where no line reports an error.
fn signature(log: &str) -> Option<(String, String)> {
    let text = log::end(log);
    let error = Regex::new(r"(?i)\b\w*(error|exception)\b\s*:|^E: |not found|no such file|cannot |failed").ok()?;
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().rposition(|line| error.is_match(line))?;
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
    fn a_note_that_is_there_gets_one_more_pitfall() {
        let first = note("x", "one", "2026-11-21", None, None);
        let both = note("x", "two", "2026-11-21", None, Some(&first));
        assert!(both.starts_with(first.trim_end()));
        assert_eq!(repro_note::parse("libraries/x.md", &both).0.pitfalls.len(), 2);
    }
}
