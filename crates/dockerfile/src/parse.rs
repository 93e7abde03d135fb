//! Cutting a text into the nodes of the tree.
//!
//! In: any text. Out: nodes whose ranges follow each other without a gap from the first byte to the last, and what is
//! wrong with them. Never fails and never changes the text. The rules are those of `BuildKit`'s parser.

use std::ops::Range;

use crate::{
    Finding,
    instruction::{Head, Keyword, json_strings},
    span::{Joined, Lines, slice},
    words::{quoted_words, unquote},
};

/// One whole-line piece of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Whole lines, the last line's end included.
    pub(crate) range: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Directive { name: String, value: Range<usize> },
    Comment,
    Blank,
    Instruction(Parts),
}

/// The parts of an instruction's lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    /// The lines of the instruction itself, with its continuations.
    pub(crate) head: Range<usize>,
    pub(crate) heredocs: Vec<HeredocParts>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeredocParts {
    pub(crate) name: String,
    /// Where `<<NAME` stands in the joined head.
    pub(crate) marker: Range<usize>,
    pub(crate) descriptor: Option<u32>,
    pub(crate) strips_tabs: bool,
    pub(crate) expands: bool,
    pub(crate) body: Range<usize>,
    pub(crate) terminated: bool,
}

pub(crate) struct Parsed {
    pub(crate) nodes: Vec<Node>,
    pub(crate) escape: char,
    pub(crate) findings: Vec<Finding>,
}

/// The size of the buffer that builders read a line into, less one.
const LONGEST_LINE: usize = 65_535;

const BYTE_ORDER_MARK: char = '\u{feff}';

pub(crate) fn parse(text: &str, lines: &Lines) -> Parsed {
    let mut parsed = Parsed { nodes: Vec::new(), escape: '\\', findings: Vec::new() };
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.len() > LONGEST_LINE {
            let message = format!("the line is longer than {LONGEST_LINE} bytes, the most that builders read");
            parsed.findings.push(Finding::new("line-too-long", message, lines.span(start..start + line.len())));
        }
        start += line.len();
    }
    let mut directives_over = false;
    let mut at = 0;
    while at < text.len() {
        let line = line_at(text, at);
        let content = content(text, &line);
        if content.is_empty() {
            directives_over = true;
            parsed.nodes.push(Node { kind: Kind::Blank, range: line.clone() });
            at = line.end;
            continue;
        }
        if content.starts_with('#') {
            let kind = if let Some((name, value)) = directive(text, &line, content).filter(|_| !directives_over) {
                check_directive(&name, &value, text, lines, &mut parsed);
                Kind::Directive { name, value }
            } else {
                directives_over = true;
                Kind::Comment
            };
            parsed.nodes.push(Node { kind, range: line.clone() });
            at = line.end;
            continue;
        }
        directives_over = true;
        let head = head_lines(text, &line, parsed.escape, lines, &mut parsed.findings);
        let joined = join(text, &head, parsed.escape);
        let mut heredocs = heredoc_markers(&joined.text, parsed.escape);
        at = head.end;
        for heredoc in &mut heredocs {
            at = read_body(text, at, heredoc);
            if !heredoc.terminated {
                let marker = lines.span(joined.source(&heredoc.marker));
                let message = format!("the heredoc `{}` has no end line `{}`", heredoc.name, heredoc.name);
                parsed.findings.push(Finding::new("heredoc-unterminated", message, marker));
            }
        }
        parsed
            .nodes
            .push(Node { kind: Kind::Instruction(Parts { head: head.clone(), heredocs }), range: head.start..at });
    }
    parsed
}

/// The line that starts at `start`, its line end included.
fn line_at(text: &str, start: usize) -> Range<usize> {
    let rest = slice(text, start..text.len());
    start..rest.find('\n').map_or(text.len(), |length| start + length + 1)
}

/// A line without its end, without a byte order mark at the top of the file, and without leading white space.
fn content<'t>(text: &'t str, line: &Range<usize>) -> &'t str {
    let line_text = without_end(slice(text, line.clone()));
    let line_text =
        if line.start == 0 { line_text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line_text) } else { line_text };
    line_text.trim_start()
}

pub(crate) fn without_end(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

/// The line without its continuation mark, where it has one. A doubled escape character is no mark.
pub(crate) fn continued(line: &str, escape: char) -> Option<&str> {
    let before = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    (!before.ends_with(escape)).then_some(before)
}

/// The instruction's own lines, from its first to the first that is not continued.
fn head_lines(
    text: &str,
    first: &Range<usize>,
    escape: char,
    lines: &Lines,
    findings: &mut Vec<Finding>,
) -> Range<usize> {
    let mut end = first.end;
    let mut more = continued(content(text, first), escape).is_some();
    let mut blank = None;
    while more {
        if end >= text.len() {
            let message = "the last line ends in a continuation mark, but nothing follows";
            findings.push(Finding::new("continuation-at-end", message, lines.span(first.start..end)));
            break;
        }
        let line = line_at(text, end);
        let line_text = without_end(slice(text, line.clone()));
        let trimmed = line_text.trim_start();
        if trimmed.is_empty() {
            blank.get_or_insert(line.clone());
        } else if !trimmed.starts_with('#') {
            more = continued(line_text, escape).is_some();
        }
        end = line.end;
    }
    if let Some(blank) = blank {
        let message = "a blank line stands inside a continued instruction; builders warn and will refuse it one day";
        findings.push(Finding::new("continuation-blank-line", message, lines.span(blank)));
    }
    first.start..end
}

/// The head's lines as the one line that a builder sees: no comments, no blank lines, no continuation marks.
pub(crate) fn join(text: &str, head: &Range<usize>, escape: char) -> Joined {
    let mut joined = Joined::default();
    let mut at = head.start;
    while at < head.end {
        let line = line_at(text, at);
        at = line.end.min(head.end);
        let line_text = without_end(slice(text, line.clone()));
        let piece = if line.start == head.start { content(text, &line) } else { line_text };
        let trimmed = line_text.trim_start();
        if line.start != head.start && (trimmed.is_empty() || trimmed.starts_with('#')) {
            continue;
        }
        let start = line.start + (line_text.len() - piece.len());
        joined.push(start, continued(piece, escape).unwrap_or(piece));
    }
    joined
}

/// Name (lower case) and place of the value, where the comment is a parser directive that builders know.
fn directive(text: &str, line: &Range<usize>, content: &str) -> Option<(String, Range<usize>)> {
    let (name, value) = content.strip_prefix('#')?.split_once('=')?;
    let name = name.trim().to_ascii_lowercase();
    let value = value.trim();
    if value.is_empty() || !matches!(name.as_str(), "syntax" | "escape" | "check") {
        return None;
    }
    let line_text = slice(text, line.clone());
    // The value stands last in its line: what follows it is white space only.
    let end = line.start + line_text.trim_end().len();
    Some((name, end - value.len()..end))
}

fn check_directive(name: &str, value: &Range<usize>, text: &str, lines: &Lines, parsed: &mut Parsed) {
    let known = |node: &Node| matches!(&node.kind, Kind::Directive { name: other, .. } if other == name);
    let span = lines.span(value.clone());
    if parsed.nodes.iter().any(known) {
        parsed.findings.push(Finding::new(
            "directive-repeated",
            format!("the directive `{name}` is given twice"),
            span,
        ));
        return;
    }
    if name == "escape" {
        match slice(text, value.clone()) {
            "\\" => parsed.escape = '\\',
            "`" => parsed.escape = '`',
            other => {
                let message = format!("the escape character can be `\\` or a backtick, not `{other}`");
                parsed.findings.push(Finding::new("escape-invalid", message, span));
            }
        }
    }
}

/// The heredocs that an instruction announces, bodies still empty. Their words follow the shell's rules: the escape
/// character is `\\` whatever the file says.
fn heredoc_markers(joined: &str, escape: char) -> Vec<HeredocParts> {
    if !joined.contains("<<") {
        return Vec::new();
    }
    let mut head = Head::of(joined, 0, escape);
    if Keyword::of(slice(joined, head.keyword.clone())) == Keyword::Onbuild {
        head = Head::of(joined, head.arguments.start, escape);
    }
    let keyword = Keyword::of(slice(joined, head.keyword.clone()));
    let arguments = slice(joined, head.arguments.clone());
    if !matches!(keyword, Keyword::Run | Keyword::Copy | Keyword::Add) || json_strings(arguments).is_some() {
        return Vec::new();
    }
    let mut heredocs = Vec::new();
    let mut words = quoted_words(joined, 0..joined.len(), '\\', true).into_iter().peekable();
    while let Some(mut range) = words.next() {
        let word = slice(joined, range.clone());
        let Some((descriptor, rest)) = word.split_once("<<") else { continue };
        if !descriptor.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let (strips_tabs, mut written) = match rest.strip_prefix('-') {
            Some(written) => (true, written),
            None => (false, rest),
        };
        if written.is_empty() {
            // `<< EOF`: white space may stand before the name.
            let Some(name) = words.next() else { break };
            range.end = name.end;
            written = slice(joined, name);
        }
        if written.contains('<') {
            continue;
        }
        let name = unquote(written, '\\');
        let quotes = |text: &str| text.matches(['\'', '"']).count();
        heredocs.push(HeredocParts {
            expands: quotes(&name) == quotes(written),
            name,
            marker: range,
            descriptor: descriptor.parse().ok(),
            strips_tabs,
            body: 0..0,
            terminated: false,
        });
    }
    heredocs
}

/// Reads the body that starts at `start`; the offset after its end line comes back.
fn read_body(text: &str, start: usize, heredoc: &mut HeredocParts) -> usize {
    let mut at = start;
    while at < text.len() {
        let line = line_at(text, at);
        let mut line_text = without_end(slice(text, line.clone()));
        if heredoc.strips_tabs {
            line_text = line_text.trim_start_matches('\t');
        }
        if line_text == heredoc.name {
            heredoc.body = start..at;
            heredoc.terminated = true;
            return line.end;
        }
        at = line.end;
    }
    heredoc.body = start..at;
    at
}

#[cfg(test)]
mod tests {
    use crate::{Dockerfile, Keyword};

    /// The joined arguments of each instruction after its keyword.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let file = Dockerfile::parse(text);
        assert_eq!(file.to_string(), text);
        let found: Vec<String> = file
            .instructions()
            .iter()
            .map(|instruction| format!("{} {}", instruction.keyword_text(), instruction.arguments()))
            .collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[track_caller]
    fn check_findings(text: &str, expected: &[(&str, usize)]) {
        let file = Dockerfile::parse(text);
        let found: Vec<(&str, usize)> = file.findings.iter().map(|it| (it.code, it.span.first_line)).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn continued_lines_are_joined_without_comments_and_blank_lines() {
        check("FROM a\nRUN b \\\n  # why\n  && c \\  \n\n  && d\n", &["FROM a", "RUN b   && c   && d"]);
        check("RUN a\\\nb", &["RUN ab"]);
        check("\\\nRUN a\n", &["RUN a"]);
        check("RUN a \\\\\nUSER b\n", &["RUN a \\\\", "USER b"]);
        check("# comment \\\nRUN a\n", &["RUN a"]);
    }

    #[test]
    fn line_ends_and_marks_of_windows_are_kept_and_understood() {
        check("\u{feff}FROM a\r\nRUN b \\\r\n && c\r\n", &["FROM a", "RUN b  && c"]);
        check("# escape=`\r\nRUN b `\r\n c:\\\r\nUSER x", &["RUN b  c:\\", "USER x"]);
    }

    #[test]
    fn directives_stand_only_at_the_top() {
        let file = Dockerfile::parse("#  Syntax = docker/dockerfile:1 \n#escape=`\n# note\n# check=skip=all\nFROM a\n");
        let found: Vec<_> = file.directives().into_iter().map(|it| (it.name, it.value)).collect();
        assert_eq!(
            found,
            [("syntax".to_owned(), "docker/dockerfile:1".to_owned()), ("escape".to_owned(), "`".to_owned())]
        );
        assert_eq!(file.escape(), '`');
        for text in ["\n# escape=`\n", "# other=1\n# escape=`\n", "FROM a\n# escape=`\n", "# escape\n# escape=`\n"] {
            assert_eq!(Dockerfile::parse(text).escape(), '\\', "{text:?}");
        }
    }

    #[test]
    fn heredocs_take_the_lines_up_to_their_end_line() {
        let text = "RUN <<EOF\nFROM x\nEOF\nCOPY <<-\"A\" 3<<B /d\n\ta\n\tA\nA\nB\nRUN echo '<<C' x<<D <<<E\nUSER y\n";
        let file = Dockerfile::parse(text);
        let instructions = file.instructions();
        let keywords: Vec<Keyword> = instructions.iter().map(crate::Instruction::keyword).collect();
        assert_eq!(keywords, [Keyword::Run, Keyword::Copy, Keyword::Run, Keyword::User]);
        let bodies: Vec<_> = instructions
            .iter()
            .flat_map(crate::Instruction::heredocs)
            .map(|heredoc| (heredoc.name, heredoc.body, heredoc.expands, heredoc.strips_tabs, heredoc.descriptor))
            .collect();
        assert_eq!(
            bodies,
            [
                ("EOF".to_owned(), "FROM x\n", true, false, None),
                ("A".to_owned(), "\ta\n", false, true, None),
                ("B".to_owned(), "A\n", true, false, Some(3)),
            ]
        );
        check(
            "ONBUILD RUN <<E\nx\nE\nRUN << F\nF\nRUN [\"<<G\"]\nUSER <<H\n",
            &["ONBUILD RUN <<E", "RUN << F", "RUN [\"<<G\"]", "USER <<H"],
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        check_findings("FROM a\nRUNN b\n", &[("unknown-instruction", 2)]);
        check_findings("FROM a\nRUN <<E\nb\n", &[("heredoc-unterminated", 2)]);
        check_findings("FROM a\nRUN b \\\n\n c\n", &[("continuation-blank-line", 3)]);
        check_findings("FROM a\nRUN b \\\n", &[("continuation-at-end", 2)]);
        check_findings(
            "FROM a\nCMD ['b']\nRUN [ -f x ]\nCMD [\"a\", 1]\n",
            &[("exec-form-invalid", 2), ("exec-form-invalid", 4)],
        );
        check_findings("ARG A\nUSER b\nUSER c\nFROM a AS\n", &[("before-from", 2), ("from-malformed", 4)]);
        check_findings("# nothing\n", &[("from-missing", 1)]);
        check_findings(
            "FROM a\nENV b\nENV c=d e\nUSER\nCOPY x\n",
            &[("pair-malformed", 2), ("pair-malformed", 3), ("arguments-missing", 4), ("copy-malformed", 5)],
        );
        check_findings("# escape=x\n# escape=`\nFROM a\n", &[("escape-invalid", 1), ("directive-repeated", 2)]);
        check_findings("FROM a\nONBUILD FROM b\nONBUILD RUN\n", &[("onbuild-invalid", 2), ("arguments-missing", 3)]);
    }
}
