//! Places in a text.
//!
//! In: a text, or pieces of one that were joined. Out: byte and line ranges in the original. Never panics: an offset
//! outside the text is taken for its end.

use std::ops::Range;

use serde::Serialize;

/// A place in a Dockerfile's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Span {
    /// First byte, from 0.
    pub start: usize,
    /// First byte after it.
    pub end: usize,
    /// Line of the first byte, from 1.
    pub first_line: usize,
    /// Line of the last byte, from 1; the same as `first_line` where the span is empty.
    pub last_line: usize,
}

impl Span {
    /// The bytes as a range, for slicing the text.
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Does `other` lie within this span?
    pub fn contains(&self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// Where each line of a text starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(after_breaks).collect())
    }

    fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset).max(1)
    }

    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        let last = range.end.saturating_sub(1).max(range.start);
        Span { start: range.start, end: range.end, first_line: self.line(range.start), last_line: self.line(last) }
    }
}

/// Text that was put together from pieces of a source (the lines of a continued instruction), with the way back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) text: String,
    /// Start in `text` and start in the source, of each piece.
    pieces: Vec<(usize, usize)>,
}

impl Joined {
    pub(crate) fn push(&mut self, start: usize, piece: &str) {
        self.pieces.push((self.text.len(), start));
        self.text.push_str(piece);
    }

    fn source_offset(&self, offset: usize) -> usize {
        let after = self.pieces.partition_point(|(joined, _)| *joined <= offset);
        match after.checked_sub(1).and_then(|at| self.pieces.get(at)) {
            Some((joined, source)) => source + (offset - joined),
            None => 0,
        }
    }

    /// The source range that a range of the joined text came from; it includes whatever was cut out in between.
    pub(crate) fn source(&self, range: &Range<usize>) -> Range<usize> {
        if range.is_empty() {
            let at = self.source_offset(range.start.min(self.text.len()));
            return at..at;
        }
        self.source_offset(range.start)..self.source_offset(range.end - 1) + 1
    }
}

/// `text[range]`, empty where the range is not in the text.
pub(crate) fn slice(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_from_one_and_a_final_newline_belongs_to_its_line() {
        let lines = Lines::of("ab\ncd\n");
        let span = lines.span(0..3);
        assert_eq!((span.first_line, span.last_line), (1, 1));
        let span = lines.span(1..4);
        assert_eq!((span.first_line, span.last_line), (1, 2));
        assert_eq!(lines.span(6..6).first_line, 3);
    }

    #[test]
    fn joined_text_leads_back_to_its_source() {
        // `RUN a \` newline `b`
        let mut joined = Joined::default();
        joined.push(0, "RUN a ");
        joined.push(8, "b c");
        assert_eq!(joined.source(&(4..5)), 4..5);
        assert_eq!(joined.source(&(6..9)), 8..11);
        assert_eq!(joined.source(&(4..7)), 4..9);
    }
}
