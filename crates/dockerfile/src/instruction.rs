//! One instruction, seen through the tree.
//!
//! In: a node of the tree. Out: keyword, flags, arguments, heredocs, comments, and the typed views on them, each with its
//! place in the text. All of it is computed from the text; nothing is stored twice.

use std::ops::Range;

use serde::Serialize;

use crate::{
    Dockerfile,
    parse::{Kind, Node, Parts, join, without_end},
    shell::{self, ShellCommand},
    span::{Joined, Span, slice},
    words::{plain_words, quoted_words, unquote},
};

/// What an instruction does, by its first word; case does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Keyword {
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
    /// No builder knows it.
    Unknown,
}

const KEYWORDS: [(&str, Keyword); 18] = [
    ("ADD", Keyword::Add),
    ("ARG", Keyword::Arg),
    ("CMD", Keyword::Cmd),
    ("COPY", Keyword::Copy),
    ("ENTRYPOINT", Keyword::Entrypoint),
    ("ENV", Keyword::Env),
    ("EXPOSE", Keyword::Expose),
    ("FROM", Keyword::From),
    ("HEALTHCHECK", Keyword::Healthcheck),
    ("LABEL", Keyword::Label),
    ("MAINTAINER", Keyword::Maintainer),
    ("ONBUILD", Keyword::Onbuild),
    ("RUN", Keyword::Run),
    ("SHELL", Keyword::Shell),
    ("STOPSIGNAL", Keyword::Stopsignal),
    ("USER", Keyword::User),
    ("VOLUME", Keyword::Volume),
    ("WORKDIR", Keyword::Workdir),
];

impl Keyword {
    /// The keyword that `word` is, in any case.
    pub fn of(word: &str) -> Self {
        KEYWORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map_or(Self::Unknown, |(_, keyword)| *keyword)
    }

    /// In capitals; empty for [`Keyword::Unknown`].
    pub fn name(self) -> &'static str {
        KEYWORDS.iter().find(|(_, keyword)| *keyword == self).map_or("", |(name, _)| name)
    }
}

/// `--name` or `--name=value` between the keyword and the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flag {
    pub name: String,
    /// What stands after `=`, quotes removed, variables as written.
    pub value: Option<String>,
    pub span: Span,
}

/// One word with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Word {
    /// Quotes and escapes removed, variables as written.
    pub text: String,
    /// Does the value depend on a variable or on a command's output?
    pub expands: bool,
    /// The word as written, quotes included.
    pub span: Span,
}

/// A comment line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comment {
    /// Without `#` and the white space around.
    pub text: String,
    /// From `#` to the last character of the line.
    pub span: Span,
}

/// A here-document of RUN, COPY or ADD.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Heredoc<'a> {
    pub name: String,
    /// The number before `<<`.
    pub descriptor: Option<u32>,
    /// `<<-`: tabs at the start of lines are cut.
    pub strips_tabs: bool,
    /// False where the name is quoted, so that variables in the body stay as they are.
    pub expands: bool,
    /// The lines between, as written.
    pub body: &'a str,
    pub body_span: Span,
    /// `<<NAME` in the instruction.
    pub marker: Span,
}

/// `NAME=value` of ENV and LABEL, `NAME` or `NAME=default` of ARG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    pub name: String,
    /// Quotes removed, variables as written; `None` for an ARG without default.
    pub value: Option<String>,
    /// As written: what [`crate::Variables::expand`] takes.
    pub raw: Option<String>,
    pub span: Span,
}

/// What FROM says, variables as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FromView {
    pub image: Word,
    pub platform: Option<String>,
    pub alias: Option<Word>,
}

/// What COPY and ADD say, variables as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CopyView {
    /// Without the files that heredocs bring.
    pub sources: Vec<Word>,
    pub destination: Option<Word>,
    /// `--from=`: a stage, its number, or an image.
    pub from: Option<String>,
}

/// An image's name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageReference {
    /// With registry and path: `nvcr.io/nvidia/pytorch`.
    pub name: String,
    pub tag: Option<String>,
    /// `sha256:…`.
    pub digest: Option<String>,
}

impl ImageReference {
    /// Takes an image's name apart; variables should be filled in before.
    pub fn parse(text: &str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (text, None),
        };
        // A colon before the last slash belongs to the registry's port.
        let path_start = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match slice(rest, path_start..rest.len()).find(':') {
            Some(at) => {
                (slice(rest, 0..path_start + at), Some(slice(rest, path_start + at + 1..rest.len()).to_owned()))
            }
            None => (rest, None),
        };
        Self { name: name.to_owned(), tag, digest }
    }
}

/// Places of keyword, flags and arguments in a joined line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) keyword: Range<usize>,
    flags: Vec<Range<usize>>,
    pub(crate) arguments: Range<usize>,
}

/// What separates a keyword from its arguments; other Unicode white space does not.
fn is_gap(char: char) -> bool {
    matches!(char, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

impl Head {
    pub(crate) fn of(line: &str, from: usize, escape: char) -> Self {
        let part = slice(line, from..line.len());
        let start = from + (part.len() - part.trim_start().len());
        let end = line.trim_end().len().max(start);
        let part = slice(line, start..end);
        let keyword_end = start + part.find(is_gap).unwrap_or(part.len());
        let mut head = Self { keyword: start..keyword_end, flags: Vec::new(), arguments: end..end };
        let mut at = keyword_end;
        loop {
            let rest = slice(line, at..end);
            at += rest.len() - rest.trim_start().len();
            let rest = slice(line, at..end);
            if !rest.starts_with("--") {
                break;
            }
            let Some(word) = quoted_words(line, at..end, escape, false).into_iter().next() else { break };
            at = word.end;
            if slice(line, word.clone()) == "--" {
                let rest = slice(line, at..end);
                at += rest.len() - rest.trim_start().len();
                break;
            }
            head.flags.push(word);
        }
        head.arguments = at.min(end)..end;
        head
    }
}

/// The strings of a JSON array that holds nothing else; anything else is no exec form.
pub(crate) fn json_strings(text: &str) -> Option<Vec<String>> {
    if !text.starts_with('[') {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// Ranges of the string literals of a JSON array, quotes included.
fn json_literals(text: &str) -> Vec<Range<usize>> {
    let mut literals = Vec::new();
    let mut start = None;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match (byte, start) {
            (b'\\', Some(_)) => {
                bytes.next();
            }
            (b'"', Some(first)) => {
                literals.push(first..at + 1);
                start = None;
            }
            (b'"', None) => start = Some(at),
            _ => {}
        }
    }
    literals
}

/// One instruction of a [`Dockerfile`].
#[derive(Debug, Clone)]
pub struct Instruction<'a> {
    file: &'a Dockerfile,
    index: usize,
    node: usize,
    parts: &'a Parts,
    joined: Joined,
    head: Head,
}

impl<'a> Instruction<'a> {
    pub(crate) fn new(file: &'a Dockerfile, index: usize, node: usize, parts: &'a Parts) -> Self {
        let joined = join(&file.text, &parts.head, file.escape);
        let head = Head::of(&joined.text, 0, file.escape);
        Self { file, index, node, parts, joined, head }
    }

    /// Its number among the file's instructions, from 0; this is what the editing functions take.
    pub fn index(&self) -> usize {
        self.index
    }

    pub fn keyword(&self) -> Keyword {
        Keyword::of(self.keyword_text())
    }

    /// The keyword as written.
    pub fn keyword_text(&self) -> &str {
        slice(&self.joined.text, self.head.keyword.clone())
    }

    pub fn keyword_span(&self) -> Span {
        self.place(&self.head.keyword)
    }

    /// From the keyword to the last character, heredocs included, the line end not.
    pub fn span(&self) -> Span {
        let start = self.place(&self.head.keyword).start;
        let range = self.file.nodes.get(self.node).map_or(0..0, |node| node.range.clone());
        let end = range.start + without_end(slice(&self.file.text, range.clone())).len();
        self.file.lines.span(start.min(end)..end)
    }

    /// The text of [`Instruction::span`].
    pub fn source(&self) -> &'a str {
        slice(&self.file.text, self.span().range())
    }

    pub fn flags(&self) -> Vec<Flag> {
        self.head
            .flags
            .iter()
            .map(|range| {
                let written = slice(&self.joined.text, range.start + 2..range.end);
                let (name, value) = match written.split_once('=') {
                    Some((name, value)) => (name, Some(unquote(value, self.file.escape))),
                    None => (written, None),
                };
                Flag { name: name.to_owned(), value, span: self.place(range) }
            })
            .collect()
    }

    /// The first flag of that name.
    pub fn flag(&self, name: &str) -> Option<Flag> {
        self.flags().into_iter().find(|flag| flag.name == name)
    }

    /// What follows keyword and flags, continued lines joined, without the bodies of heredocs.
    pub fn arguments(&self) -> &str {
        slice(&self.joined.text, self.head.arguments.clone())
    }

    pub fn arguments_span(&self) -> Span {
        self.place(&self.head.arguments)
    }

    pub fn heredocs(&self) -> Vec<Heredoc<'a>> {
        self.parts
            .heredocs
            .iter()
            .map(|parts| Heredoc {
                name: parts.name.clone(),
                descriptor: parts.descriptor,
                strips_tabs: parts.strips_tabs,
                expands: parts.expands,
                body: slice(&self.file.text, parts.body.clone()),
                body_span: self.file.lines.span(parts.body.clone()),
                marker: self.place(&parts.marker),
            })
            .collect()
    }

    /// The comment lines directly above, in their order; a blank line ends them.
    pub fn comments(&self) -> Vec<Comment> {
        self.comment_nodes().map(|node| self.file.comment_of(node)).collect()
    }

    fn comment_nodes(&self) -> impl Iterator<Item = &'a Node> + use<'a> {
        let before = self.file.nodes.get(..self.node).unwrap_or_default();
        let count = before.iter().rev().take_while(|node| node.kind == Kind::Comment).count();
        before.iter().skip(before.len() - count)
    }

    /// Start of the first comment line directly above, or of the instruction's own first line.
    pub(crate) fn start_with_comments(&self) -> usize {
        self.comment_nodes().next().map_or(self.lines().start, |node| node.range.start)
    }

    /// The instruction's whole lines, line ends included.
    pub(crate) fn lines(&self) -> Range<usize> {
        self.file.nodes.get(self.node).map_or(0..0, |node| node.range.clone())
    }

    /// The words of the exec form (a JSON array); `None` where the arguments are in shell form.
    pub fn exec(&self) -> Option<Vec<Word>> {
        use Keyword as K;
        let takes_json =
            matches!(self.keyword(), K::Add | K::Cmd | K::Copy | K::Entrypoint | K::Run | K::Shell | K::Volume);
        let arguments = self.arguments();
        let strings = json_strings(arguments).filter(|_| takes_json)?;
        let start = self.head.arguments.start;
        let literals = json_literals(arguments);
        let words = strings.into_iter().zip(literals);
        Some(
            words
                .map(|(text, literal)| Word {
                    text,
                    expands: false,
                    span: self.place(&(start + literal.start..start + literal.end)),
                })
                .collect(),
        )
    }

    /// The arguments split at white space (quotes have no meaning there), or the words of the exec form.
    pub fn words(&self) -> Vec<Word> {
        self.exec().unwrap_or_else(|| {
            plain_words(&self.joined.text, self.head.arguments.clone())
                .into_iter()
                .map(|range| self.word(&range))
                .collect()
        })
    }

    /// The instruction that ONBUILD puts off.
    pub fn trigger(&self) -> Option<Self> {
        if self.keyword() != Keyword::Onbuild || self.arguments().is_empty() {
            return None;
        }
        let head = Head::of(&self.joined.text, self.head.arguments.start, self.file.escape);
        Some(Self { head, ..self.clone() })
    }

    /// What FROM says; `None` for other instructions and where no image is named.
    pub fn from(&self) -> Option<FromView> {
        if self.keyword() != Keyword::From {
            return None;
        }
        let mut words = self.words().into_iter();
        let image = words.next()?;
        let alias = match words.next() {
            Some(word) if word.text.eq_ignore_ascii_case("as") => words.next(),
            _ => None,
        };
        Some(FromView { image, platform: self.flag("platform").and_then(|flag| flag.value), alias })
    }

    /// The pairs of ENV and LABEL, in both of their forms, and the names of ARG; empty for other instructions.
    pub fn pairs(&self) -> Vec<Pair> {
        let keyword = self.keyword();
        if !matches!(keyword, Keyword::Env | Keyword::Label | Keyword::Arg) {
            return Vec::new();
        }
        let text = &self.joined.text;
        let escape = self.file.escape;
        let words = quoted_words(text, self.head.arguments.clone(), escape, false);
        let old_form = |first: &Range<usize>| keyword != Keyword::Arg && !slice(text, first.clone()).contains('=');
        if let Some(first) = words.first().filter(|first| old_form(first)) {
            let raw = slice(text, first.end..self.head.arguments.end).trim();
            return vec![Pair {
                name: unquote(slice(text, first.clone()), escape),
                value: Some(unquote(raw, escape)),
                raw: Some(raw.to_owned()),
                span: self.place(&self.head.arguments),
            }];
        }
        words
            .into_iter()
            .map(|range| {
                let (name, raw) = match slice(text, range.clone()).split_once('=') {
                    Some((name, raw)) => (name, Some(raw)),
                    None => (slice(text, range.clone()), None),
                };
                Pair {
                    name: unquote(name, escape),
                    value: raw.map(|raw| unquote(raw, escape)),
                    raw: raw.map(str::to_owned),
                    span: self.place(&range),
                }
            })
            .collect()
    }

    /// What COPY and ADD say; `None` for other instructions.
    pub fn copy(&self) -> Option<CopyView> {
        if !matches!(self.keyword(), Keyword::Copy | Keyword::Add) {
            return None;
        }
        let mut sources = self.words();
        let destination = sources.pop();
        let heredocs = self.heredocs();
        sources.retain(|word| heredocs.iter().all(|heredoc| heredoc.marker != word.span));
        Some(CopyView { sources, destination, from: self.flag("from").and_then(|flag| flag.value) })
    }

    /// The simple commands that RUN, CMD or ENTRYPOINT starts, in their order: those of the shell form, of a heredoc that
    /// is a shell script, of the exec form, and those inside `sh -c "…"`. Empty for other instructions.
    pub fn commands(&self) -> Vec<ShellCommand> {
        if !matches!(self.keyword(), Keyword::Run | Keyword::Cmd | Keyword::Entrypoint) {
            return Vec::new();
        }
        let lines = &self.file.lines;
        let mut commands = match self.exec() {
            Some(words) => vec![ShellCommand::of_words(words, self.place(&self.head.arguments))],
            None => shell::commands(self.arguments(), |range| {
                let start = self.head.arguments.start;
                self.place(&(start + range.start..start + range.end))
            }),
        };
        shell::add_nested(&mut commands);
        for heredoc in &self.heredocs() {
            if shell::runs_heredoc(&commands, heredoc) {
                let start = heredoc.body_span.start;
                let mut inner =
                    shell::commands(heredoc.body, |range| lines.span(start + range.start..start + range.end));
                shell::add_nested(&mut inner);
                commands.retain(|command| !command.words.is_empty() || !command.assignments.is_empty());
                commands.append(&mut inner);
            }
        }
        commands
    }

    fn word(&self, range: &Range<usize>) -> Word {
        let written = slice(&self.joined.text, range.clone());
        Word { text: unquote(written, self.file.escape), expands: written.contains('$'), span: self.place(range) }
    }

    fn place(&self, range: &Range<usize>) -> Span {
        self.file.lines.span(self.joined.source(range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &[Word]) -> Vec<&str> {
        words.iter().map(|word| word.text.as_str()).collect()
    }

    #[test]
    fn flags_stand_between_keyword_and_arguments() {
        let file = Dockerfile::parse("RUN --mount=type=cache,target=/a \\\n --network=none pip --version\n");
        let run = &file.instructions()[0];
        let flags: Vec<_> = run.flags().into_iter().map(|flag| (flag.name, flag.value.unwrap_or_default())).collect();
        assert_eq!(
            flags,
            [("mount".to_owned(), "type=cache,target=/a".to_owned()), ("network".to_owned(), "none".to_owned())]
        );
        assert_eq!(run.arguments(), "pip --version");
        assert_eq!(file.slice(run.arguments_span()), "pip --version");
        assert_eq!(run.flag("network").map(|flag| flag.span.first_line), Some(2));
    }

    #[test]
    fn from_is_taken_apart() {
        let file = Dockerfile::parse("from --platform=linux/amd64 localhost:5000/a/b:1.2@sha256:0f as Base\n");
        let from = file.instructions()[0].from().unwrap();
        assert_eq!(from.platform.as_deref(), Some("linux/amd64"));
        assert_eq!(from.alias.map(|alias| alias.text).as_deref(), Some("Base"));
        let image = ImageReference::parse(&from.image.text);
        assert_eq!(image.name, "localhost:5000/a/b");
        assert_eq!(image.tag.as_deref(), Some("1.2"));
        assert_eq!(image.digest.as_deref(), Some("sha256:0f"));
        assert_eq!(ImageReference::parse("localhost:5000/a").tag, None);
    }

    #[track_caller]
    fn check_pairs(line: &str, expected: &[(&str, Option<&str>)]) {
        let file = Dockerfile::parse(line);
        let pairs = file.instructions()[0].pairs();
        let found: Vec<_> = pairs.iter().map(|pair| (pair.name.as_str(), pair.value.as_deref())).collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn pairs_are_read_in_both_forms() {
        check_pairs(
            "ENV A=b C=\"d e\" F='g' \\\n  H=i\\ j",
            &[("A", Some("b")), ("C", Some("d e")), ("F", Some("g")), ("H", Some("i j"))],
        );
        check_pairs("ENV A  b c=\"d\" ", &[("A", Some("b c=d"))]);
        check_pairs("LABEL \"a b\"=c", &[("a b", Some("c"))]);
        check_pairs("ARG A=1 B C=", &[("A", Some("1")), ("B", None), ("C", Some(""))]);
    }

    #[test]
    fn copies_name_sources_and_destination() {
        let file =
            Dockerfile::parse("COPY --from=base --chown=1:1 a b* /c/\nCOPY [\"d e\", \"/f\"]\nCOPY <<X g /h\nX\n");
        let copies: Vec<CopyView> = file.instructions().iter().filter_map(Instruction::copy).collect();
        assert_eq!(texts(&copies[0].sources), ["a", "b*"]);
        assert_eq!(copies[0].from.as_deref(), Some("base"));
        assert_eq!(texts(&copies[1].sources), ["d e"]);
        assert_eq!(file.slice(copies[1].sources[0].span), "\"d e\"");
        assert_eq!(texts(&copies[2].sources), ["g"]);
        assert_eq!(copies[2].destination.as_ref().map(|word| word.text.as_str()), Some("/h"));
    }

    #[track_caller]
    fn check_commands(text: &str, expected: &[(&str, usize)]) {
        let file = Dockerfile::parse(text);
        let run = file.instructions().pop().unwrap();
        let commands = run.commands();
        let found: Vec<(String, usize)> =
            commands.iter().map(|it| (texts(&it.words).join(" "), it.span.first_line)).collect();
        let expected: Vec<(String, usize)> = expected.iter().map(|(text, line)| ((*text).to_owned(), *line)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn commands_of_every_form_are_found_with_their_lines() {
        check_commands("RUN a b \\\n # why\n && c 'd \\\n e' | f", &[("a b", 1), ("c d  e", 3), ("f", 4)]);
        check_commands("RUN <<E\na\nb && \\\n  c\nE\n", &[("a", 2), ("b", 3), ("c", 4)]);
        check_commands("RUN <<E bash -e\na\nE\n", &[("bash -e", 1), ("a", 2)]);
        check_commands("RUN python3 <<E\nimport os\nE\n", &[("python3", 1)]);
        check_commands("RUN <<E\n#!/usr/bin/env python3\nimport os\nE\n", &[("", 1)]);
        check_commands("RUN cat <<E > /x && ls\nrm\nE\n", &[("cat", 1), ("ls", 1)]);
        check_commands("CMD [\"sh\", \"-c\", \"a && b\"]\n", &[("sh -c a && b", 1), ("a", 1), ("b", 1)]);
        check_commands("ENTRYPOINT exec python a.py", &[("exec python a.py", 1)]);
    }

    #[test]
    fn comments_directly_above_belong_to_the_instruction() {
        let file = Dockerfile::parse("# file\n\n# one\n  #  two\nFROM a\n");
        let comments = file.instructions()[0].comments();
        let found: Vec<_> = comments.iter().map(|comment| (comment.text.as_str(), comment.span.first_line)).collect();
        assert_eq!(found, [("one", 3), ("two", 4)]);
        assert_eq!(file.slice(comments[1].span), "#  two");
    }

    #[test]
    fn onbuild_holds_another_instruction() {
        let file = Dockerfile::parse("ONBUILD RUN --network=none a && b\n");
        let trigger = file.instructions()[0].trigger().unwrap();
        assert_eq!(trigger.keyword(), Keyword::Run);
        assert_eq!(trigger.commands().len(), 2);
        assert_eq!(trigger.source(), "RUN --network=none a && b");
    }
}
