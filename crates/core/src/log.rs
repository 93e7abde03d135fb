//! Cleaning a build or run log for reading. In: raw text; out: the same lines without colours, overwritten progress and
//! the builder's prefixes. Line numbers are those of the raw text.

use std::borrow::Cow;

/// A log as the program would have printed it, with line starts for finding lines by offset.
pub(crate) struct CleanLog {
    pub(crate) text: String,
    /// Byte offset of each line's start.
    starts: Vec<usize>,
}

impl CleanLog {
    pub(crate) fn new(raw: &str) -> Self {
        let mut text = String::with_capacity(raw.len());
        let mut starts = Vec::new();
        for line in raw.split('\n') {
            starts.push(text.len());
            text.push_str(&clean_line(line));
            text.push('\n');
        }
        Self { text, starts }
    }

    /// Line number, from 1, of the byte at `offset`.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// The text of line `number` (from 1), trimmed.
    pub(crate) fn line(&self, number: usize) -> &str {
        let start = number.checked_sub(1).and_then(|index| self.starts.get(index)).copied();
        let end = self.starts.get(number).copied().unwrap_or(self.text.len());
        start.and_then(|start| self.text.get(start..end)).unwrap_or_default().trim()
    }
}

fn clean_line(line: &str) -> Cow<'_, str> {
    let line = match line.trim_end_matches('\r').rsplit_once('\r') {
        // What a progress bar overwrote is gone; only the last state of the line counts.
        Some((_, last)) if !last.trim().is_empty() => last,
        _ => line.trim_end_matches('\r'),
    };
    let line = if line.contains('\u{1b}') { Cow::Owned(strip_escapes(line)) } else { Cow::Borrowed(line) };
    let cut = line.len() - without_prefix(&line).len();
    match line {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(cut..).unwrap_or(text)),
        Cow::Owned(text) => Cow::Owned(text.get(cut..).unwrap_or(&text).to_owned()),
    }
}

/// Drops ANSI control sequences: `ESC [ … letter`, `ESC ] … BEL`, and single-character escapes.
fn strip_escapes(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\u{1b}' {
            clean.push(character);
            continue;
        }
        match characters.next() {
            Some('[') => while characters.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
            Some(']') => while characters.next().is_some_and(|c| c != '\u{7}') {},
            _ => {}
        }
    }
    clean
}

/// Drops what a builder or a log collector puts before each line: `#12 3.45 `, `3.456 `, and the timestamps of `docker logs -t` and CI.
fn without_prefix(line: &str) -> &str {
    let mut rest = line;
    // `2024-05-01T10:00:00.1234567Z text`
    if let Some((stamp, after)) = rest.split_once(' ')
        && stamp.len() >= 20
        && stamp.ends_with('Z')
        && stamp.as_bytes().get(4) == Some(&b'-')
        && stamp.as_bytes().get(10) == Some(&b'T')
    {
        rest = after;
    }
    // `#12 3.456 text`
    if let Some(after) = rest.strip_prefix('#')
        && let Some((step, after)) = after.split_once(' ')
        && is_number(step, false)
    {
        rest = after;
    }
    // `3.456 text`: BuildKit's seconds always have a fraction
    if let Some((seconds, after)) = rest.split_once(' ')
        && is_number(seconds, true)
    {
        rest = after;
    }
    rest
}

fn is_number(word: &str, fraction: bool) -> bool {
    let (whole, part) = word.split_once('.').map_or((word, None), |(whole, part)| (whole, Some(part)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && part.is_some() == fraction && part.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, expected: &str) {
        assert_eq!(clean_line(raw), expected);
    }

    #[test]
    fn colours_progress_and_prefixes_are_dropped() {
        check("\u{1b}[31mERROR\u{1b}[0m: bad", "ERROR: bad");
        check(" 10%\r 50%\rTraceback\r", "Traceback");
        check("#12 3.456   File \"x\"", "  File \"x\"");
        check("#0 21.48   RuntimeError: x", "  RuntimeError: x");
        check("0.950     The 'x'", "    The 'x'");
        check("#13 ERROR: process", "ERROR: process");
        check("2024-05-01T10:00:00.1234567Z boom", "boom");
        check("3 errors", "3 errors");
        check("\u{1b}]0;title\u{7}text", "text");
    }

    #[test]
    fn lines_keep_their_numbers() {
        let log = CleanLog::new("a\n#1 0.1 bc\n\nd");
        assert_eq!(log.text, "a\nbc\n\nd\n");
        assert_eq!(log.line_of(0), 1);
        assert_eq!(log.line_of(2), 2);
        assert_eq!(log.line_of(5), 3);
        assert_eq!(log.line(2), "bc");
        assert_eq!(log.line(4), "d");
        assert_eq!(log.line(9), "");
    }
}
