//! Required literals of a log pattern. In: a regular expression; out: literals one of which every match must hold, so
//! that a log is scanned once for all literals and only candidate patterns are compiled.

use regex_syntax::hir::{Hir, HirKind};

/// Shortest literal that makes a pattern cheap to rule out, in bytes.
pub const SHORTEST_LITERAL: usize = 6;

/// Flags that every log pattern is read with: `^` and `$` match at line ends.
const FLAGS: &str = "(?m)";

/// The pattern as it is compiled.
pub fn expression(pattern: &str) -> String {
    format!("{FLAGS}{pattern}")
}

/// Literals one of which every match of `pattern` contains, each of at least [`SHORTEST_LITERAL`] bytes.
///
/// Errors: the pattern is no regular expression, or has no such literal.
pub fn literals(pattern: &str) -> Result<Vec<String>, String> {
    let hir = regex_syntax::ParserBuilder::new()
        .multi_line(true)
        .build()
        .parse(pattern)
        .map_err(|error| format!("the pattern is no regular expression: {}", last_line(&error.to_string())))?;
    required(&hir).filter(|literals| literals.iter().all(|literal| literal.len() >= SHORTEST_LITERAL)).ok_or_else(
        || format!("the pattern has no literal of at least {SHORTEST_LITERAL} bytes that every match holds"),
    )
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().trim_start_matches("error:").trim().to_owned()
}

/// Literals one of which every match holds; the set whose shortest member is longest.
fn required(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).ok().map(|text| vec![text]),
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        HirKind::Concat(parts) => parts.iter().filter_map(required).max_by_key(|set| weight(set)),
        HirKind::Alternation(branches) => {
            let sets: Option<Vec<Vec<String>>> = branches.iter().map(required).collect();
            sets.map(|sets| sets.into_iter().flatten().collect())
        }
        _ => None,
    }
}

fn weight(set: &[String]) -> usize {
    set.iter().map(String::len).min().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: &[&str]) {
        assert_eq!(literals(pattern).unwrap(), expected, "{pattern}");
    }

    #[test]
    fn the_longest_required_literal_is_found() {
        check(r"lib(GL|EGL)\.so\.\d+: cannot open", &[": cannot open"]);
        check(r"(?P<a>x+) has no attribute 'float'", &[" has no attribute 'float'"]);
        check("(?:missing header|missing library)", &["missing header", "missing library"]);
        check("ab?(?:cannot find it)+", &["cannot find it"]);
    }

    #[test]
    fn patterns_without_a_long_literal_are_refused() {
        assert!(literals(r"\d+ .*").is_err());
        assert!(literals("(?i)cannot open").is_err());
        assert!(literals("(").unwrap_err().contains("no regular expression"));
    }
}
