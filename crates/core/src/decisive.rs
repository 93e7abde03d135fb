//! The line of a log that says what went wrong, where no pattern knows it. In: clean text; out: a line, or none where nothing
//! reports a failure.
//!
//! The last line is seldom the cause: pip ends with "subprocess-exited-with-error", ninja with "build stopped", a traceback
//! with the error of whoever had called.

use std::sync::OnceLock;

use regex::Regex;
use serde::Serialize;

/// Bytes at the end of a log in which the cause is looked for.
pub(crate) const READ: usize = 256 << 10;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decisive {
    /// From 1.
    pub line: usize,
    /// Trimmed, shortened to 300 characters.
    pub text: String,
}

/// Where the decisive line of `text` begins, as a byte offset.
pub(crate) fn decisive(text: &str) -> Option<usize> {
    let mut lines: Vec<(usize, &str)> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        lines.push((at, line.trim_end()));
        at += line.len();
    }
    let exception = last_exception(&lines);
    let first = |pattern: &Regex| lines.iter().position(|(_, line)| pattern.is_match(line));
    let expressions = expressions();
    let chosen = match exception {
        // It only says that a program which it had started failed.
        Some(index) if lines.get(index).is_some_and(|(_, line)| expressions.of_a_child.is_match(line)) => {
            first(&expressions.compiler).or_else(|| first(&expressions.tool)).or(Some(index))
        }
        Some(index) => Some(index),
        None => first(&expressions.compiler).or_else(|| first(&expressions.tool)),
    };
    let last = |pattern: &Regex| lines.iter().rposition(|(_, line)| pattern.is_match(line));
    chosen.or_else(|| last(&expressions.signal)).and_then(|index| lines.get(index)).map(|(at, _)| *at)
}

/// The number of the line with the error of the last traceback; of errors that are each the direct cause of the next, the
/// first.
fn last_exception(lines: &[(usize, &str)]) -> Option<usize> {
    const HEAD: &str = "Traceback (most recent call last):";
    let indent = |line: &str| line.len() - line.trim_start().len();
    let heads: Vec<usize> = lines
        .iter()
        .enumerate()
        .filter(|(_, (_, line))| line.trim_start().starts_with(HEAD))
        .map(|(at, _)| at)
        .collect();
    let mut chosen = heads.len().checked_sub(1)?;
    while let Some(before) = chosen.checked_sub(1)
        && let (Some(from), Some(to)) = (heads.get(before), heads.get(chosen))
        && lines.get(*from..*to).is_some_and(|between| {
            between.iter().any(|(_, line)| line.contains("was the direct cause of the following exception"))
        })
    {
        chosen = before;
    }
    let head = *heads.get(chosen)?;
    let depth = indent(lines.get(head)?.1);
    let after = lines.iter().enumerate().skip(head + 1);
    let mut ends = after.filter(|(_, (_, line))| !line.trim().is_empty() && indent(line) <= depth);
    let end = ends.next().map(|(at, _)| at)?;
    // What executes a notebook repeats the exception of the cell at the end.
    if lines.get(end).is_some_and(|(_, line)| line.contains("CellExecutionError")) {
        return lines.iter().rposition(|(_, line)| expressions().exception.is_match(line)).or(Some(end));
    }
    // `LookupError:` alone: what it says stands below, often in a frame of stars.
    let is_bare = |(_, line): &(usize, &str)| line.ends_with(':') && !line.trim().contains(' ');
    let says = |line: &str| line.chars().filter(|c| c.is_alphabetic()).count() > 2;
    let below = lines.iter().enumerate().skip(end + 1).take(5).find(|(_, (_, line))| says(line)).map(|(at, _)| at);
    Some(below.filter(|_| lines.get(end).is_some_and(is_bare)).unwrap_or(end))
}

struct Expressions {
    compiler: Regex,
    tool: Regex,
    signal: Regex,
    of_a_child: Regex,
    exception: Regex,
}

fn expressions() -> &'static Expressions {
    static EXPRESSIONS: OnceLock<Expressions> = OnceLock::new();
    EXPRESSIONS.get_or_init(|| {
        #[expect(clippy::expect_used, reason = "the expressions are constants, and a test compiles them")]
        let regex = |text: &str| Regex::new(text).expect("a valid expression");
        Expressions {
            // gcc, clang and nvcc; the linker; CMake; rustc.
            compiler: regex(
                r"^\s*\S+:\d+(?::\d+)?: (?:fatal )?error: |^\s*\S+\(\d+\): (?:fatal )?error\b|undefined reference to |cannot find -l|^\s*CMake Error|^\s*error\[E\d+\]: ",
            ),
            // apt; pip and uv, but not what they say after the cause; setuptools; shells; the builder.
            tool: regex(
                r"^\s*E: |^\s*(?:ERROR|error): (?:[^sF]|s[^u]|F[^a])|^\s*(?:×|╰─▶|cause:) |: (?:command )?not found$|No such file or directory$|returned a non-zero code",
            ),
            signal: regex(r"\b(?:Killed|Segmentation fault|Illegal instruction|Bus error|Aborted|core dumped)\b"),
            of_a_child: regex(
                r"CalledProcessError|Error compiling objects for extension|DistutilsExecError|SystemExit|CompileError|BackendUnavailable|subprocess-exited",
            ),
            exception: regex(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit): \S"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let line = decisive(text).map(|at| text[at..].lines().next().unwrap().trim());
        assert_eq!(line, Some(expected), "{text}");
    }

    #[test]
    fn the_cause_is_not_the_last_line() {
        check(
            "  running build_ext\n  x.cpp:3:10: fatal error: foo.h: No such file or directory\n  error: command '/usr/bin/g++' failed with exit code 1\n  ERROR: Failed building wheel for x\n",
            "x.cpp:3:10: fatal error: foo.h: No such file or directory",
        );
        check(
            "k.cu(12): error: identifier \"x\" is undefined\nTraceback (most recent call last):\n  File \"a\"\nRuntimeError: Error compiling objects for extension\n",
            "k.cu(12): error: identifier \"x\" is undefined",
        );
        check(
            "Traceback (most recent call last):\n  File \"a\"\nKeyError: 'x'\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"b\"\nRuntimeError: it failed\nmore\n",
            "KeyError: 'x'",
        );
        check(
            "Traceback (most recent call last):\n  File \"a\"\nnbconvert.CellExecutionError: An error occurred while executing the following cell:\n-----\nx = open(y)\n-----\n\nIndexError: too far\n\n",
            "IndexError: too far",
        );
        check(
            "Traceback (most recent call last):\n  File \"a\"\nLookupError: \n*****\n  Resource 'punkt' not found.\n  Please\n",
            "Resource 'punkt' not found.",
        );
        check(
            "Traceback (most recent call last):\n  File \"a\"\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"b\"\nRuntimeError: it failed\n",
            "RuntimeError: it failed",
        );
        check(
            "  error: subprocess-exited-with-error\n      Traceback (most recent call last):\n        File \"setup.py\"\n      ModuleNotFoundError: No module named 'x'\n  note: This error originates from a subprocess\n",
            "ModuleNotFoundError: No module named 'x'",
        );
        check(
            "Reading package lists...\nE: Unable to locate package x\nThe command '/bin/sh -c apt' returned a non-zero code: 100\n",
            "E: Unable to locate package x",
        );
        check("/bin/sh: 1: swig: not found\nmake: *** [all] Error 127\n", "/bin/sh: 1: swig: not found");
        check("Loading weights\nKilled\n", "Killed");
        check(
            "  × No solution found when resolving dependencies:\n  ╰─▶ Because x was not found in the package registry and you require x\n",
            "× No solution found when resolving dependencies:",
        );
    }

    #[test]
    fn a_log_that_reports_no_failure_has_none() {
        for text in [
            "",
            "WARNING: Retrying after connection broken by error\nSuccessfully installed x\n",
            "epoch 1, error 0.3\n",
        ] {
            assert_eq!(decisive(text), None, "{text}");
        }
    }
}
