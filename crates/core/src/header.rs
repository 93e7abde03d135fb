//! What a question must know of a note before the note is read. In: a note; out: its header, also as Rust source, which
//! the build script of `repro-knowledge` compiles in. A program reads only the notes that its questions are about.

use std::borrow::Cow;
use std::fmt::Write as _;

use repro_note::{Note, PitfallKind, pattern};

/// Texts that are compiled in, or read.
pub type Texts = Cow<'static, [Cow<'static, str>]>;

/// A note's header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// Path below `knowledge/`.
    pub path: Cow<'static, str>,
    /// Distributions that the note is about.
    pub packages: Texts,
    /// Modules that they bring.
    pub imports: Texts,
    /// Modules for which a pitfall that can be prevented waits.
    pub awaited: Texts,
    /// Can one of its pitfalls be prevented?
    pub prevents: bool,
    /// Is the note about no distribution, with pitfalls whose conditions alone decide?
    pub general: bool,
    /// What the patterns of its pitfalls look for.
    pub patterns: Cow<'static, [Pattern]>,
}

/// One pattern of a pitfall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Index of the pitfall within the note.
    pub pitfall: usize,
    /// Index of the pattern within the pitfall's `log`, or `not`.
    pub at: usize,
    /// Does it rule the pitfall out?
    pub rules_out: bool,
    /// Sets of texts: one of each set stands in every log that the pattern matches.
    pub literals: Cow<'static, [Texts]>,
}

impl Header {
    /// The header of a note.
    pub fn of(note: &Note) -> Self {
        let library = note.library.as_ref().map(|library| &library.value);
        let live = || note.pitfalls.iter().filter(|pitfall| !pitfall.block.retired && pitfall.block.fixable);
        let prevented = || live().filter(|pitfall| pitfall.block.kind != PitfallKind::Curative);
        let awaited = prevented().flat_map(|pitfall| pitfall.block.when.imports.clone());
        let mut patterns = Vec::new();
        for (index, pitfall) in note.pitfalls.iter().enumerate().filter(|(_, pitfall)| !pitfall.block.retired) {
            let logs = pitfall.block.log.iter().enumerate().map(|(at, source)| (at, source, false));
            let nots = pitfall.block.not.iter().enumerate().map(|(at, source)| (at, source, true));
            for (at, source, rules_out) in logs.chain(nots) {
                let Ok(literals) = pattern::literals(source) else { continue };
                let literals = literals.into_iter().map(texts).collect();
                patterns.push(Pattern { pitfall: index, at, rules_out, literals });
            }
        }
        let no_packages = library.is_none_or(|library| library.packages.is_empty());
        Self {
            path: Cow::Owned(note.path.clone()),
            packages: texts(library.map(|library| library.packages.clone()).unwrap_or_default()),
            imports: texts(library.map(|library| library.imports.clone()).unwrap_or_default()),
            awaited: texts(awaited),
            prevents: prevented().next().is_some(),
            general: no_packages && prevented().any(|pitfall| !pitfall.block.when.is_empty()),
            patterns: Cow::Owned(patterns),
        }
    }

    /// The file's stem.
    pub fn name(&self) -> &str {
        let file = self.path.rsplit('/').next().unwrap_or(&self.path);
        file.strip_suffix(".md").unwrap_or(file)
    }

    /// Is the note about a library, tool or family of failures?
    pub fn is_library(&self) -> bool {
        self.path.starts_with("libraries/")
    }
}

fn texts(list: impl IntoIterator<Item = String>) -> Texts {
    Cow::Owned(list.into_iter().map(Cow::Owned).collect())
}

/// The headers as a Rust expression of type `[repro_core::Header; N]` that may initialise a `static`.
pub fn source(headers: &[Header]) -> String {
    let mut out = String::from("[\n");
    for header in headers {
        let _ = write_header(&mut out, header);
    }
    out.push(']');
    out
}

fn write_header(out: &mut String, header: &Header) -> std::fmt::Result {
    writeln!(out, "repro_core::Header {{ path: {},", borrowed(&header.path))?;
    writeln!(out, "packages: {}, imports: {},", list(&header.packages), list(&header.imports))?;
    writeln!(out, "awaited: {}, prevents: {}, general: {},", list(&header.awaited), header.prevents, header.general)?;
    writeln!(out, "patterns: std::borrow::Cow::Borrowed(&[")?;
    for pattern in header.patterns.iter() {
        let Pattern { pitfall, at, rules_out, literals } = pattern;
        let sets: Vec<String> = literals.iter().map(list).collect();
        let sets = format!("std::borrow::Cow::Borrowed(&[{}])", sets.join(", "));
        writeln!(
            out,
            "repro_core::header::Pattern {{ pitfall: {pitfall}, at: {at}, rules_out: {rules_out}, literals: {sets} }},"
        )?;
    }
    writeln!(out, "]) }},")
}

fn borrowed(text: &str) -> String {
    format!("std::borrow::Cow::Borrowed({text:?})")
}

fn list(texts: &Texts) -> String {
    let texts: Vec<String> = texts.iter().map(|text| borrowed(text)).collect();
    format!("std::borrow::Cow::Borrowed(&[{}])", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_what_questions_ask_before_a_note_is_read() {
        let text = "# x\n\n```toml library\npackages = ['x']\nimports = ['ex']\n```\n\n## `lib-missing`: it needs libx\n\nIt \
                    loads libx.\n\n```toml pitfall\nkind = 'both'\nwhen.imports = ['ex.y']\nlog = ['libx\\.so\\.1: cannot open']\n\
                    fix = [{ apt = 'libx1' }]\n```\n";
        let (note, findings) = repro_note::parse("libraries/x.md", text);
        assert_eq!(findings, []);
        let header = Header::of(&note);
        assert_eq!((header.name(), header.is_library(), header.prevents, header.general), ("x", true, true, false));
        assert_eq!(
            (header.packages.as_ref(), header.awaited.as_ref()),
            ([Cow::from("x")].as_slice(), [Cow::from("ex.y")].as_slice())
        );
        assert_eq!(header.patterns[0].literals[0].as_ref(), ["libx.so.1: cannot open"]);
        assert!(source(&[header]).contains(
            "literals: std::borrow::Cow::Borrowed(&[std::borrow::Cow::Borrowed(&[std::borrow::Cow::Borrowed(\"libx.so.1: cannot open\")])])"
        ));
    }
}
