//! What is wrong with a note, and where. In: byte offsets; out: lines and columns. Never prints.

use std::fmt;
use std::ops::Range;

/// Something wrong in a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable kebab-case name of the kind of finding: `unknown-key`, `pattern-unmatched`, …
    pub code: &'static str,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Something to do about it.
    pub hint: Option<String>,
    /// Path of the note, as it was given to [`parse`](crate::parse).
    pub path: String,
    /// Bytes of the note's text that the finding is about.
    pub span: Range<usize>,
    pub position: Position,
}

/// A line and a column, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl Position {
    /// The position of byte `offset` in `text`; the end of the text where the offset lies behind it.
    pub fn of(text: &str, offset: usize) -> Self {
        let mut end = offset.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = text.get(..end).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let last = before.rsplit('\n').next().unwrap_or_default();
        Self { line, column: last.chars().count() + 1 }
    }
}

impl Finding {
    /// A finding about `span` of the note `path`, whose whole text is `text`.
    pub fn new(code: &'static str, path: &str, text: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        let position = Position::of(text, span.start);
        Self { code, message: message.into(), hint: None, path: path.to_owned(), span, position }
    }

    /// The same finding with advice.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
        write!(f, "{}:{line}:{column}: error[{}]: {}", self.path, self.code, self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_characters_and_survives_offsets_inside_one() {
        let text = "äb\nc";
        assert_eq!(Position::of(text, 0), Position { line: 1, column: 1 });
        assert_eq!(Position::of(text, 1), Position { line: 1, column: 1 });
        assert_eq!(Position::of(text, 2), Position { line: 1, column: 2 });
        assert_eq!(Position::of(text, 4), Position { line: 2, column: 1 });
        assert_eq!(Position::of(text, 99), Position { line: 2, column: 2 });
    }
}
