//! Reading, writing and changing Dockerfiles: one lossless tree on which rendering, checking, explaining, building and
//! repairing all work.
//!
//! In: a Dockerfile's text, or calls that build one. Out: the same text byte for byte, with typed views on its
//! instructions, each with its place. Never reads a file, never runs anything, never fails on any text: what is wrong is
//! a [`Finding`] beside the tree.
//!
//! The tree is the text plus the ranges of its nodes. Views are computed from it, and every change is a change of the
//! text followed by a new reading, so that text and tree cannot disagree. Three groups of functions:
//!
//! - reading: [`Dockerfile::parse`], [`instructions`](Dockerfile::instructions), [`stages`](Dockerfile::stages),
//!   [`variables_at`](Dockerfile::variables_at), [`findings`](Dockerfile::findings);
//! - writing from nothing: [`Dockerfile::new`], then [`comment`](Dockerfile::comment), [`from`](Dockerfile::from),
//!   [`run`](Dockerfile::run), … in the order of the file. Values are literal: no value can become an instruction;
//! - changing: [`insert_before`](Dockerfile::insert_before), [`replace`](Dockerfile::replace),
//!   [`set_image`](Dockerfile::set_image), [`add_apt_packages`](Dockerfile::add_apt_packages), … Everything that is not
//!   asked for stays byte for byte.
//!
//! ```
//! use repro_dockerfile::{Dockerfile, Keyword, shell_quote};
//!
//! let mut file = Dockerfile::new();
//! file.comment("Python 3.11: `requires-python` in pyproject.toml, line 12.")
//!     .from("python:3.11-slim-bookworm", Some("base"))
//!     .blank()
//!     .env(&[("HF_HOME", "/cache/hf"), ("GREETING", "costs $5")])
//!     .run(&["apt-get update", "apt-get install -y --no-install-recommends git", "rm -rf /var/lib/apt/lists/*"])
//!     .run(&[format!("echo {}", shell_quote("it's here"))])
//!     .workdir("/workspace")
//!     .cmd_exec(&["python", "demo.py"]);
//! assert_eq!(
//!     file.to_string(),
//!     r#"# Python 3.11: `requires-python` in pyproject.toml, line 12.
//! FROM python:3.11-slim-bookworm AS base
//!
//! ENV HF_HOME=/cache/hf \
//!     GREETING="costs \$5"
//! RUN apt-get update \
//!  && apt-get install -y --no-install-recommends git \
//!  && rm -rf /var/lib/apt/lists/*
//! RUN echo 'it'\''s here'
//! WORKDIR /workspace
//! CMD ["python", "demo.py"]
//! "#
//! );
//!
//! let install = file.apt_installs().pop().unwrap();
//! file.add_apt_packages(install, &["libgl1"]).unwrap();
//! let run = file.instruction(install).unwrap();
//! assert_eq!(run.keyword(), Keyword::Run);
//! let packages: Vec<_> = run.commands()[1].apt_packages().unwrap().iter().map(|word| word.text.clone()).collect();
//! assert_eq!(packages, ["git", "libgl1"]);
//! ```

mod builder;
mod edit;
mod instruction;
mod parse;
mod scope;
mod shell;
mod span;
mod validate;
mod words;

use std::fmt;

use serde::Serialize;

pub use edit::EditError;
pub use instruction::{Comment, CopyView, Flag, FromView, Heredoc, ImageReference, Instruction, Keyword, Pair, Word};
pub use scope::Stage;
pub use shell::{Assignment, Operator, Redirection, ShellCommand, json_words, shell_quote};
pub use span::Span;
pub use words::{Expansion, Variables};

use crate::{
    parse::{Kind, Node, without_end},
    span::{Lines, slice},
};

/// Something that is wrong with a Dockerfile as a text; whether its commands are wise is for other crates to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A stable kebab-case name: `unknown-instruction`.
    pub code: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    pub span: Span,
}

impl Finding {
    pub(crate) fn new(code: &'static str, message: impl Into<String>, span: Span) -> Self {
        Self { code, message: message.into(), span }
    }
}

/// A parser directive: `# syntax=…`, `# escape=…` or `# check=…` at the top of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Directive {
    /// In lower case.
    pub name: String,
    pub value: String,
    /// The value's place.
    pub span: Span,
}

/// A Dockerfile: its text and the tree over it. `to_string()` gives the text back byte for byte.
#[derive(Debug, Clone)]
pub struct Dockerfile {
    text: String,
    lines: Lines,
    nodes: Vec<Node>,
    escape: char,
    findings: Vec<Finding>,
    /// What the writing functions had to change in a value; their places are those at the time of writing.
    written: Vec<Finding>,
}

impl fmt::Display for Dockerfile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Default for Dockerfile {
    fn default() -> Self {
        Self::new()
    }
}

impl Dockerfile {
    /// Reads any text. Never fails; what is wrong is in [`Dockerfile::findings`].
    pub fn parse(text: &str) -> Self {
        let lines = Lines::of(text);
        let parsed = parse::parse(text, &lines);
        let mut file = Self {
            text: text.to_owned(),
            lines,
            nodes: parsed.nodes,
            escape: parsed.escape,
            findings: parsed.findings,
            written: Vec::new(),
        };
        let mut findings = validate::validate(&file);
        file.findings.append(&mut findings);
        file.findings.sort_by_key(|finding| finding.span);
        file
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What a span covers; empty where it does not lie in this text.
    pub fn slice(&self, span: Span) -> &str {
        slice(&self.text, span.range())
    }

    /// The whole lines from `first` to `last` (from 1, both included) without the last line end; what lies beyond the text
    /// is left out. For excerpts in reports.
    pub fn lines(&self, first: usize, last: usize) -> &str {
        let start: usize = self.text.split_inclusive('\n').take(first.saturating_sub(1)).map(str::len).sum();
        let end: usize = self.text.split_inclusive('\n').take(last).map(str::len).sum();
        without_end(slice(&self.text, start..end))
    }

    /// What is wrong with the text, in the order of the places, and what the writing functions had to change in values.
    pub fn findings(&self) -> Vec<Finding> {
        self.findings.iter().chain(&self.written).cloned().collect()
    }

    /// The character that continues lines: `\`, or a backtick where the file says so.
    pub fn escape(&self) -> char {
        self.escape
    }

    /// The parser directives at the top.
    pub fn directives(&self) -> Vec<Directive> {
        let directive = |node: &Node| match &node.kind {
            Kind::Directive { name, value } => Some(Directive {
                name: name.clone(),
                value: slice(&self.text, value.clone()).to_owned(),
                span: self.lines.span(value.clone()),
            }),
            _ => None,
        };
        self.nodes.iter().filter_map(directive).collect()
    }

    /// All comment lines that stand outside of instructions.
    pub fn comments(&self) -> Vec<Comment> {
        self.nodes.iter().filter(|node| node.kind == Kind::Comment).map(|node| self.comment_of(node)).collect()
    }

    /// All instructions, in their order.
    pub fn instructions(&self) -> Vec<Instruction<'_>> {
        self.instruction_nodes().map(|(index, node, parts)| Instruction::new(self, index, node, parts)).collect()
    }

    /// The instruction with that number, from 0.
    pub fn instruction(&self, index: usize) -> Option<Instruction<'_>> {
        self.instruction_nodes().nth(index).map(|(index, node, parts)| Instruction::new(self, index, node, parts))
    }

    /// The instruction that a line (from 1) belongs to.
    pub fn instruction_at_line(&self, line: usize) -> Option<Instruction<'_>> {
        self.instructions().into_iter().find(|instruction| {
            let span = instruction.span();
            (span.first_line..=span.last_line).contains(&line)
        })
    }

    fn instruction_nodes(&self) -> impl Iterator<Item = (usize, usize, &parse::Parts)> {
        let instructions = self.nodes.iter().enumerate().filter_map(|(node, it)| match &it.kind {
            Kind::Instruction(parts) => Some((node, parts)),
            _ => None,
        });
        instructions.enumerate().map(|(index, (node, parts))| (index, node, parts))
    }

    pub(crate) fn comment_of(&self, node: &Node) -> Comment {
        let line = without_end(slice(&self.text, node.range.clone())).trim_end();
        let start = node.range.start + line.find('#').unwrap_or(0);
        let end = node.range.start + line.len();
        let text = slice(&self.text, start..end).trim_start_matches('#').trim().to_owned();
        Comment { text, span: self.lines.span(start..end) }
    }

    /// The line end that the file uses.
    pub(crate) fn line_end(&self) -> &'static str {
        let first = self.text.split_inclusive('\n').next().unwrap_or("");
        if first.ends_with("\r\n") { "\r\n" } else { "\n" }
    }
}
