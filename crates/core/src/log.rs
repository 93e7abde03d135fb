//! Cleaning a build or run log for reading. In: bytes as they come; out: windows of the same lines without colours,
//! overwritten progress and the builder's prefixes. Line numbers are those of the raw text. Never holds more than one
//! window, whatever the log's length and the length of its lines.

use std::borrow::Cow;

use crate::decisive::{self, Decisive};
use crate::diagnose::shortened;

/// Bytes of clean text after which a window is full.
const WINDOW: usize = 4 << 20;
/// Bytes of a window's end that the next one begins with: what a pattern of several lines may span.
const OVERLAP: usize = 64 << 10;
/// Longer lines are cut: nobody explains a failure in one of them.
const LONGEST_LINE: usize = 64 << 10;

/// A piece of a log as the program would have printed it.
#[derive(Debug, Default)]
pub(crate) struct Window {
    pub(crate) text: String,
    /// Byte offset of each line's start.
    starts: Vec<usize>,
    /// Number of the first line, from 1.
    first: usize,
    /// Bytes of clean text before the window.
    pub(crate) before: usize,
}

impl Window {
    /// Line number, from 1, of the byte at `offset`.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.first + self.starts.partition_point(|start| *start <= offset) - 1
    }

    /// The line around the byte at `offset`, trimmed; of a raw line that was written over several times the state there.
    pub(crate) fn line_at(&self, offset: usize) -> &str {
        let bytes = self.text.as_bytes();
        let before = bytes.get(..offset).unwrap_or_default();
        let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let after = bytes.get(offset..).unwrap_or_default();
        let end = memchr::memchr(b'\n', after).map_or(bytes.len(), |at| offset + at);
        self.text.get(start..end).unwrap_or_default().trim()
    }

    fn push(&mut self, line: &str, is_plain: bool) {
        self.starts.push(self.text.len());
        if is_plain {
            self.text.push_str(without_prefix(line));
        } else {
            self.text.push_str(&clean_line(line));
        }
        self.text.push('\n');
    }

    /// The line at the end of the log that reports the failure.
    pub(crate) fn decisive(&self) -> Option<Decisive> {
        let mut from = self.text.len().saturating_sub(decisive::READ);
        while !self.text.is_char_boundary(from) {
            from += 1;
        }
        let at = from + decisive::decisive(self.text.get(from..).unwrap_or_default())?;
        Some(Decisive { line: self.line_of(at), text: shortened(self.line_at(at)) })
    }

    /// Drops all but the end.
    fn advance(&mut self) {
        let from = self.text.len().saturating_sub(OVERLAP);
        let kept = self.starts.partition_point(|start| *start < from);
        let cut = self.starts.get(kept).copied().unwrap_or(self.text.len());
        self.text.drain(..cut);
        self.starts.drain(..kept);
        for start in &mut self.starts {
            *start -= cut;
        }
        self.first += kept;
        self.before += cut;
    }
}

/// Takes a log in pieces.
#[derive(Debug)]
pub(crate) struct Windows {
    window: Window,
    /// A line whose end has not come yet.
    rest: Vec<u8>,
}

impl Windows {
    pub(crate) fn new() -> Self {
        Self { window: Window { first: 1, ..Window::default() }, rest: Vec::new() }
    }

    /// Reads on; `look` is shown every window that becomes full.
    pub(crate) fn push(&mut self, bytes: &[u8], look: &mut dyn FnMut(&Window)) {
        let Some(end) = memchr::memrchr(b'\n', bytes) else { return self.begin_line(bytes) };
        let (mut whole, rest) = (bytes.get(..end).unwrap_or_default(), bytes.get(end + 1..).unwrap_or_default());
        if !self.rest.is_empty() {
            let first = memchr::memchr(b'\n', whole).unwrap_or(whole.len());
            self.begin_line(whole.get(..first).unwrap_or_default());
            self.end_line(look);
            if first == whole.len() {
                return self.begin_line(rest);
            }
            whole = whole.get(first + 1..).unwrap_or_default();
        }
        // Most logs are plain text, and nothing has to be looked for in each of their lines.
        let is_plain = memchr::memchr2(b'\r', 0x1b, whole).is_none();
        // Of what is valid, which is nearly everything, this is the faster check.
        let text = std::str::from_utf8(whole).map_or_else(|_| String::from_utf8_lossy(whole), Cow::Borrowed);
        let ends = memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]);
        let mut start = 0;
        for end in ends {
            let line = text.get(start..end).unwrap_or_default();
            start = end + 1;
            if line.len() > LONGEST_LINE {
                self.begin_line(line.as_bytes());
                self.end_line(look);
            } else {
                self.window.push(line, is_plain);
                self.show_if_full(look);
            }
        }
        self.begin_line(rest);
    }

    fn end_line(&mut self, look: &mut dyn FnMut(&Window)) {
        let line = std::mem::take(&mut self.rest);
        let line = if line.len() > LONGEST_LINE { shorten(&line) } else { line };
        self.window.push(&String::from_utf8_lossy(&line), false);
        self.show_if_full(look);
    }

    fn show_if_full(&mut self, look: &mut dyn FnMut(&Window)) {
        if self.window.text.len() >= WINDOW {
            look(&self.window);
            self.window.advance();
        }
    }

    /// Keeps the beginning of a line, and not more of it than is read.
    fn begin_line(&mut self, piece: &[u8]) {
        self.rest.extend_from_slice(piece);
        if self.rest.len() > 2 * LONGEST_LINE {
            // Of a line that is overwritten again and again the last state counts; else its ends are kept.
            self.rest = shorten(&self.rest);
        }
    }

    /// Shows what is left, and gives the last window.
    pub(crate) fn finish(mut self, look: &mut dyn FnMut(&Window)) -> Window {
        if !self.rest.is_empty() {
            self.end_line(look);
        }
        if !self.window.text.is_empty() {
            look(&self.window);
        }
        self.window
    }
}

/// The clean text of a log's end.
pub(crate) fn end(raw: &str) -> String {
    let mut text = String::new();
    let mut windows = Windows::new();
    let mut look = |window: &Window| text.clone_from(&window.text);
    windows.push(raw.as_bytes(), &mut look);
    windows.finish(&mut look);
    text
}

/// At most [`LONGEST_LINE`] bytes of a line: what was not overwritten, of that both ends.
fn shorten(line: &[u8]) -> Vec<u8> {
    let end = line.len() - line.iter().rev().take_while(|byte| **byte == b'\r').count();
    let shown = line.get(..end).unwrap_or(line);
    let last = shown.iter().rposition(|byte| *byte == b'\r').map_or(0, |at| at + 1);
    let shown = shown.get(last..).unwrap_or(shown);
    if shown.len() <= LONGEST_LINE {
        return shown.to_vec();
    }
    let half = LONGEST_LINE / 2;
    let (head, tail) = (shown.get(..half), shown.get(shown.len() - half..));
    [head.unwrap_or_default(), b" ... ", tail.unwrap_or_default()].concat()
}

fn clean_line(line: &str) -> Cow<'_, str> {
    let line = line.trim_end_matches('\r');
    if line.contains('\r') {
        // What a progress bar overwrote is gone; anything else that was written over counts.
        let mut states: Vec<&str> = line.split('\r').filter(|state| !state.trim().is_empty()).collect();
        let last = states.pop();
        states.retain(|state| !is_progress(state));
        states.extend(last);
        let states: Vec<Cow<'_, str>> = states.into_iter().map(clean_line).collect();
        return Cow::Owned(states.join("\n"));
    }
    let line = if line.contains('\u{1b}') { Cow::Owned(strip_escapes(line)) } else { Cow::Borrowed(line) };
    let cut = line.len() - without_prefix(&line).len();
    match line {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(cut..).unwrap_or(text)),
        Cow::Owned(text) => Cow::Owned(text.get(cut..).unwrap_or(&text).to_owned()),
    }
}

/// One state of a bar or of a counter.
fn is_progress(state: &str) -> bool {
    state.contains(['%', '━', '█', '▏', '#', '|']) || state.trim_end().ends_with("...")
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

/// Drops what a builder or a log collector puts before each line: `web-1  | `, `#12 3.45 `, `3.456 `, and the timestamps
/// of `docker logs -t` and CI.
fn without_prefix(line: &str) -> &str {
    let mut rest = line;
    // `web-1  | text`: compose names the service
    if let Some((service, after)) = rest.split_once(' ')
        && service.ends_with(|c: char| c.is_ascii_digit())
        && let Some(after) = after.trim_start().strip_prefix("| ")
        && is_service(service)
    {
        rest = after;
    }
    // Everything else begins with a number.
    if !rest.starts_with(|c: char| c.is_ascii_digit() || c == '#') {
        return rest;
    }
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

/// `web-1`, `my_app_web_1`: a name and the number of the container.
fn is_service(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let number = word.rsplit(['-', '_']).next().filter(|number| number.len() < word.len());
    word.chars().all(plain) && number.is_some_and(|number| is_number(number, false))
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
        check("error: x\r 50%\r 90%\r\r", "error: x\n 90%");
        check("#12 3.456   File \"x\"", "  File \"x\"");
        check("#0 21.48   RuntimeError: x", "  RuntimeError: x");
        check("0.950     The 'x'", "    The 'x'");
        check("#13 ERROR: process", "ERROR: process");
        check("2024-05-01T10:00:00.1234567Z boom", "boom");
        check("web-1  | ImportError: x", "ImportError: x");
        check("a table | of words", "a table | of words");
        check("3 errors", "3 errors");
        check("\u{1b}]0;title\u{7}text", "text");
    }

    /// All windows of a log that comes in pieces of `size` bytes.
    fn windows(raw: &[u8], size: usize) -> Vec<(usize, String)> {
        let mut seen = Vec::new();
        let mut look = |window: &Window| {
            assert_eq!(window.line_at(0), window.text.lines().next().unwrap_or_default().trim());
            seen.push((window.before, window.text.clone()));
        };
        let mut windows = Windows::new();
        for piece in raw.chunks(size) {
            windows.push(piece, &mut look);
        }
        windows.finish(&mut look);
        seen
    }

    #[test]
    fn lines_keep_their_numbers() {
        let mut seen = Vec::new();
        let mut windows = Windows::new();
        let mut look = |window: &Window| {
            seen.push((window.line_of(0), window.line_of(2), window.line_of(5), window.line_at(3).to_owned()));
            assert_eq!((window.text.as_str(), window.line_at(6), window.line_at(5)), ("a\nbc\n\nd\n", "d", ""));
        };
        windows.push(b"a\n#1 0.1 bc\n\nd", &mut look);
        windows.finish(&mut look);
        assert_eq!(seen, [(1, 2, 3, "bc".to_owned())]);
    }

    #[test]
    fn pieces_make_the_same_lines_as_the_whole() {
        let log = "\u{1b}[31mä\u{1b}[0m\r\n 1%\r 2%\nlast".as_bytes();
        for size in 1..log.len() {
            assert_eq!(windows(log, size), windows(log, log.len()), "{size}");
        }
    }

    #[test]
    fn a_long_log_is_shown_in_windows_that_overlap_and_a_long_line_is_cut() {
        let line = format!("{}\n", "x".repeat(99));
        let log = line.repeat(100_000);
        let seen = windows(log.as_bytes(), 1 << 16);
        assert_eq!(seen.len(), 3);
        let ends: Vec<usize> = seen.iter().map(|(before, text)| before + text.len()).collect();
        assert_eq!(ends.last(), Some(&log.len()));
        assert!(seen[1].0 < ends[0] && ends[0] - seen[1].0 <= OVERLAP, "{:?}", seen[1].0);
        let long = windows(&[b"begin ".as_slice(), &vec![b'x'; 10 << 20], b" end"].concat(), 1 << 16);
        assert_eq!(long.len(), 1);
        assert!(
            long[0].1.len() < 2 * LONGEST_LINE && long[0].1.starts_with("begin x") && long[0].1.ends_with("x end\n")
        );
    }
}
