//! Words and variables as a Dockerfile (not a shell) understands them.
//!
//! In: the arguments of an instruction and the values of variables. Out: ranges of words, and texts without their quotes
//! and with variables filled in. The rules are those of `BuildKit`'s `shell` package: single quotes keep everything,
//! double quotes let the escape character act before `"`, `$` and itself, outside of quotes it acts before any character.
//! Never fails: what cannot be understood stays as written, and variables without a value are named.

use std::{collections::BTreeMap, ops::Range};

use serde::Serialize;

use crate::span::slice;

/// Values of the variables that are visible at one place of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variables {
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) escape: char,
}

/// A text with its variables filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Expansion {
    pub text: String,
    /// Names of variables that have no value here (an empty text took their place); they may come from the base image.
    pub missing: Vec<String>,
}

impl Variables {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// All variables, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Removes quotes and escapes from `text` and fills in `$X`, `${X}`, `${X:-default}`, `${X-default}`,
    /// `${X:+other}`, `${X+other}`, `${X:?message}` and `${X?message}`. Pattern forms (`${X%…}`, `${X#…}`, `${X/…}`)
    /// stay as written and their variable counts as missing.
    pub fn expand(&self, text: &str) -> Expansion {
        let mut lexer = Lexer {
            rest: text,
            variables: Some(self),
            escape: self.escape,
            out: Expansion::default(),
            depth: 0,
            unclosed: 0,
        };
        lexer.run();
        lexer.out
    }
}

/// Removes quotes and escapes from one word and leaves variables as written.
pub(crate) fn unquote(text: &str, escape: char) -> String {
    let mut lexer = Lexer { rest: text, variables: None, escape, out: Expansion::default(), depth: 0, unclosed: 0 };
    lexer.run();
    lexer.out.text
}

/// Braces nest in `${A:-${B:-…}}`; deeper than this the text is kept as written, so that no input exhausts the stack.
const DEEPEST: usize = 32;

struct Lexer<'t, 'v> {
    rest: &'t str,
    variables: Option<&'v Variables>,
    escape: char,
    out: Expansion,
    depth: usize,
    /// How many `${` had no end so far. After a few, the rest of the text is not searched again for each.
    unclosed: usize,
}

impl Lexer<'_, '_> {
    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let char = chars.next()?;
        self.rest = chars.as_str();
        Some(char)
    }

    /// Reads up to the end.
    fn run(&mut self) {
        while let Some(char) = self.next() {
            if char == self.escape {
                // An escape character at the very end has nothing to act on and is dropped.
                if let Some(escaped) = self.next() {
                    self.out.text.push(escaped);
                }
                continue;
            }
            match char {
                '\'' => self.single(),
                '"' => self.double(),
                '$' => self.dollar(),
                _ => self.out.text.push(char),
            }
        }
    }

    fn single(&mut self) {
        while let Some(char) = self.next() {
            if char == '\'' {
                return;
            }
            self.out.text.push(char);
        }
    }

    fn double(&mut self) {
        while let Some(char) = self.next() {
            match char {
                '"' => return,
                '$' => self.dollar(),
                _ if char == self.escape => match self.rest.chars().next() {
                    Some(escaped) if escaped == '"' || escaped == '$' || escaped == self.escape => {
                        self.out.text.push(escaped);
                        self.next();
                    }
                    Some(_) => self.out.text.push(char),
                    None => {}
                },
                _ => self.out.text.push(char),
            }
        }
    }

    /// After a `$`.
    fn dollar(&mut self) {
        let Some(inner) = self.rest.strip_prefix('{') else {
            let name = parameter_prefix(self.rest);
            if name.is_empty() {
                self.out.text.push('$');
            } else {
                self.rest = slice(self.rest, name.len()..self.rest.len());
                self.variable(name, &format!("${name}"));
            }
            return;
        };
        let end = if self.unclosed < DEEPEST { closing_brace(inner, self.escape) } else { None };
        let Some(end) = end else {
            self.unclosed += 1;
            self.out.text.push('$');
            return;
        };
        let body = slice(inner, 0..end);
        self.rest = slice(inner, end + 1..inner.len());
        let written = format!("${{{body}}}");
        let name = name_prefix(body);
        let modifier = slice(body, name.len()..body.len());
        if name.is_empty() || self.depth > DEEPEST {
            self.out.text.push_str(&written);
            return;
        }
        let Some(variables) = self.variables else {
            self.out.text.push_str(&written);
            return;
        };
        let value = variables.get(name);
        let filled = value.filter(|value| !value.is_empty());
        let chosen = if let Some(word) = modifier.strip_prefix(":-") {
            filled.ok_or(word)
        } else if let Some(word) = modifier.strip_prefix('-') {
            value.ok_or(word)
        } else if let Some(word) = modifier.strip_prefix(":+") {
            filled.map_or(Ok(""), |_| Err(word))
        } else if let Some(word) = modifier.strip_prefix('+') {
            value.map_or(Ok(""), |_| Err(word))
        } else if modifier.is_empty() || modifier.starts_with(":?") || modifier.starts_with('?') {
            self.variable(name, &written);
            return;
        } else {
            self.out.missing.push(name.to_owned());
            self.out.text.push_str(&written);
            return;
        };
        match chosen {
            Ok(value) => self.out.text.push_str(value),
            Err(word) => {
                let mut inner = Lexer {
                    rest: word,
                    variables: self.variables,
                    escape: self.escape,
                    out: Expansion::default(),
                    depth: self.depth + 1,
                    unclosed: 0,
                };
                inner.run();
                self.out.text.push_str(&inner.out.text);
                self.out.missing.append(&mut inner.out.missing);
            }
        }
    }

    fn variable(&mut self, name: &str, written: &str) {
        match self.variables {
            None => self.out.text.push_str(written),
            Some(variables) => match variables.get(name) {
                Some(value) => self.out.text.push_str(value),
                None => self.out.missing.push(name.to_owned()),
            },
        }
    }
}

/// The longest start of `text` that is a variable's name.
pub(crate) fn name_prefix(text: &str) -> &str {
    let starts_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if !starts_well {
        return "";
    }
    let end = text.bytes().position(|byte| !(byte.is_ascii_alphanumeric() || byte == b'_')).unwrap_or(text.len());
    slice(text, 0..end)
}

/// Like [`name_prefix`], and also what shells call positional and special parameters (`$1`, `$?`), which never have a
/// value in a Dockerfile.
fn parameter_prefix(text: &str) -> &str {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let special = usize::from(text.starts_with(['@', '*', '#', '?', '-', '$', '!']));
    let name = name_prefix(text);
    if name.is_empty() { slice(text, 0..digits.max(special)) } else { name }
}

/// Is this a name that a shell and a Dockerfile both accept for a variable?
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && name_prefix(text) == text
}

/// Offset of the `}` that belongs to an already read `${`.
fn closing_brace(text: &str, escape: char) -> Option<usize> {
    let mut depth = 0_usize;
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        if char == escape {
            chars.next();
        } else if char == '$' && chars.peek().is_some_and(|(_, next)| *next == '{') {
            depth += 1;
        } else if char == '}' {
            if depth == 0 {
                return Some(at);
            }
            depth -= 1;
        }
    }
    None
}

/// Ranges of the words of `text` from `from` on, split at white space outside of quotes; quotes stay in the words. For
/// ENV, LABEL and ARG, and (with `braces`) for finding heredocs, where `${A:-b c}` is one word.
pub(crate) fn quoted_words(text: &str, area: Range<usize>, escape: char, braces: bool) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start: Option<usize> = None;
    let mut quote: Option<char> = None;
    let mut depth = 0_usize;
    let area_end = area.end.min(text.len());
    let mut chars = slice(text, area.start..area_end).char_indices().peekable();
    while let Some((offset, char)) = chars.next() {
        let at = area.start + offset;
        if quote.is_none() && depth == 0 && char.is_whitespace() {
            if let Some(start) = start.take() {
                words.push(start..at);
            }
            continue;
        }
        start.get_or_insert(at);
        if char == escape && quote != Some('\'') {
            chars.next();
        } else if quote == Some(char) {
            quote = None;
        } else if quote.is_none() && (char == '\'' || char == '"') {
            quote = Some(char);
        } else if braces && quote.is_none() && char == '$' && chars.peek().is_some_and(|(_, next)| *next == '{') {
            depth += 1;
        } else if quote.is_none() && char == '}' {
            depth = depth.saturating_sub(1);
        }
    }
    if let Some(start) = start {
        words.push(start..area_end);
    }
    words
}

/// Ranges of the words of `text` in `area`, split at white space whatever the quotes. For FROM, COPY, EXPOSE and the like.
pub(crate) fn plain_words(text: &str, area: Range<usize>) -> Vec<Range<usize>> {
    let part = slice(text, area.clone());
    let mut words = Vec::new();
    let mut rest = part;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return words;
        }
        let start = area.start + (part.len() - rest.len());
        let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
        words.push(start..start + length);
        rest = slice(rest, length..rest.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str, missing: &[&str]) {
        let values = [("A", "one"), ("EMPTY", ""), ("B", "two words")];
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let expansion = Variables { values, escape: '\\' }.expand(text);
        assert_eq!(expansion.text, expected, "{text}");
        assert_eq!(expansion.missing, missing, "{text}");
    }

    #[test]
    fn variables_are_filled_in_with_their_modifiers() {
        check("$A-${A}", "one-one", &[]);
        check("${A:-x}${NONE:-x}${EMPTY:-x}${EMPTY-x}", "onexx", &[]);
        check("${A:+x}${NONE:+x}${EMPTY:+x}${EMPTY+y}", "xy", &[]);
        check("${NONE:-${A:-b}}", "one", &[]);
        check("$NONE/${OTHER}", "/", &["NONE", "OTHER"]);
        check("${A:?needed}${NONE:?needed}", "one", &["NONE"]);
        check("${A%e}", "${A%e}", &["A"]);
        check("${A", "${A", &[]);
        check("$ ${}", "$ ${}", &[]);
        check("$1x", "x", &["1"]);
    }

    #[test]
    fn quotes_and_escapes_are_removed_where_they_act() {
        check(r"'$A' \$A", "$A $A", &[]);
        check(r#""$A \$A \" \\ \n""#, r#"one $A " \ \n"#, &[]);
        check(r"'a\' b", r"a\ b", &[]);
        check(r"a\", "a", &[]);
        check("\"open $B", "open two words", &[]);
    }

    #[test]
    fn words_keep_their_quotes() {
        let text = r#"A="b c" D='e f' G=\ h"#;
        let words: Vec<_> = quoted_words(text, 0..text.len(), '\\', false).into_iter().map(|r| &text[r]).collect();
        assert_eq!(words, [r#"A="b c""#, "D='e f'", r"G=\ h"]);
        let words: Vec<_> = plain_words(text, 2..text.len()).into_iter().map(|r| &text[r]).collect();
        assert_eq!(words, ["\"b", "c\"", "D='e", "f'", r"G=\", "h"]);
    }
}
