//! Required literals of a log pattern. In: a regular expression; out: texts that stand in whatever it matches, so that a
//! log is scanned once for all texts of all patterns and only candidate patterns are compiled.

use regex_syntax::hir::{Hir, HirKind};

/// Length of the literal, in bytes, that each pattern must have to be cheap to rule out.
pub const SHORTEST_LITERAL: usize = 6;

/// Shorter ones stand in every log, and rule nothing out.
const SHORTEST_ASIDE: usize = 4;

/// Flags that every log pattern is read with: `^` and `$` match at line ends.
const FLAGS: &str = "(?m)";

/// The pattern as it is compiled. Words, digits and blanks are those of ASCII, as programs print them: the classes of all
/// of Unicode take most of the time of compiling.
pub fn expression(pattern: &str) -> String {
    let mut text = FLAGS.to_owned();
    let mut rest = pattern.chars();
    while let Some(one) = rest.next() {
        let next = if one == '\\' { rest.next() } else { None };
        match next {
            Some('w') => text.push_str("[0-9A-Za-z_]"),
            Some('W') => text.push_str("[^0-9A-Za-z_]"),
            Some('d') => text.push_str("[0-9]"),
            Some('D') => text.push_str("[^0-9]"),
            Some('s') => text.push_str("[ \\t\\n\\r\\x0b\\x0c]"),
            Some('S') => text.push_str("[^ \\t\\n\\r\\x0b\\x0c]"),
            Some('b') => text.push_str("(?-u:\\b)"),
            Some(other) => text.extend([one, other]),
            None => text.push(one),
        }
    }
    text
}

/// Sets of literals: whatever `pattern` matches holds at least one of each set. One set has only literals of at least
/// [`SHORTEST_LITERAL`] bytes.
///
/// Errors: the pattern is no regular expression, or has no such set.
pub fn literals(pattern: &str) -> Result<Vec<Vec<String>>, String> {
    let hir = regex_syntax::ParserBuilder::new()
        .multi_line(true)
        .build()
        .parse(pattern)
        .map_err(|error| format!("the pattern is no regular expression: {}", last_line(&error.to_string())))?;
    let mut sets = required(&hir);
    sets.retain(|set| shortest(set) >= SHORTEST_ASIDE);
    sets.sort();
    sets.dedup();
    if sets.iter().any(|set| shortest(set) >= SHORTEST_LITERAL) {
        Ok(sets)
    } else {
        Err(format!("the pattern has no literal of at least {SHORTEST_LITERAL} bytes that every match holds"))
    }
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().trim_start_matches("error:").trim().to_owned()
}

/// Sets of which every match holds at least one literal each.
fn required(hir: &Hir) -> Vec<Vec<String>> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            String::from_utf8(literal.0.to_vec()).map(|text| vec![vec![text]]).unwrap_or_default()
        }
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        HirKind::Concat(parts) => parts.iter().flat_map(required).collect(),
        HirKind::Alternation(branches) => {
            // Of each branch the best set: together they are one.
            let best = |branch: &Hir| required(branch).into_iter().max_by_key(|set| shortest(set));
            let sets: Option<Vec<Vec<String>>> = branches.iter().map(best).collect();
            sets.map(|sets| vec![sets.into_iter().flatten().collect()]).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

fn shortest(set: &[String]) -> usize {
    set.iter().map(String::len).min().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: &[&[&str]]) {
        assert_eq!(literals(pattern).unwrap(), expected, "{pattern}");
    }

    #[test]
    fn classes_are_those_of_ascii_wherever_they_stand() {
        for (pattern, text) in
            [(r"\w+-[\w.]+", "a_1-b.c"), (r"x\\w", "x\\w"), (r"\bno\b[^\s;]*\s\S", "no, y"), (r"\d\D", "1a")]
        {
            let compiled = regex::Regex::new(&expression(pattern)).unwrap();
            assert!(compiled.is_match(text), "{pattern}: {}", expression(pattern));
        }
        assert!(!regex::Regex::new(&expression(r"^\w$")).unwrap().is_match("é"));
    }

    #[test]
    fn every_required_literal_is_found() {
        check(r"lib(GL|EGL)\.so\.\d+: cannot open", &[&[".so."], &[": cannot open"]]);
        check(r"(?P<a>x+) has no attribute 'float'", &[&[" has no attribute 'float'"]]);
        check("(?:missing header|missing library)", &[&["missing header", "missing library"]]);
        check("ab?(?:cannot find it)+", &[&["cannot find it"]]);
        check("module '(?:numpy|scipy)' .* gone", &[&[" gone"], &["module '"], &["numpy", "scipy"]]);
    }

    #[test]
    fn patterns_without_a_long_literal_are_refused() {
        assert!(literals(r"\d+ .*").is_err());
        assert!(literals("(?i)cannot open").is_err());
        assert!(literals("(").unwrap_err().contains("no regular expression"));
    }
}
