//! Reading one note. In: its path and text; out: the typed note and what is wrong with it. Never fails, never panics.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::Date;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::finding::Finding;
use crate::markdown::{Element, elements};
use crate::matrix::Matrix;
use crate::pitfall::{Pitfall, PitfallBlock, date};

/// One note, as far as it could be read.
#[derive(Debug, Clone, Default)]
pub struct Note {
    /// Path as it was given, `libraries/opencv-python.md`.
    pub path: String,
    /// The file's stem: the library's normalised distribution name, the image's or the table's name.
    pub name: String,
    pub library: Option<Located<Library>>,
    pub pitfalls: Vec<Pitfall>,
    pub matrices: Vec<Located<Matrix>>,
    /// `toml image` blocks as text; `repro-core` gives them their type.
    pub images: Vec<Block>,
    /// `python check` blocks: the library is all right when one runs.
    pub checks: Vec<Block>,
    /// Every block with a role, in order and without its text, for checks on prose and placement.
    pub blocks: Vec<Block>,
}

/// A value with the place it was read from.
#[derive(Debug, Clone)]
pub struct Located<T> {
    pub value: T,
    /// Bytes of the block's content.
    pub span: Range<usize>,
    /// Line of the content's start, from 1.
    pub line: usize,
}

/// A fenced block with a role.
#[derive(Debug, Clone)]
pub struct Block {
    /// Language and role: `toml pitfall`.
    pub role: String,
    /// What follows the role: `renders=debian-12`.
    pub attributes: BTreeMap<String, String>,
    pub text: String,
    pub span: Range<usize>,
    pub line: usize,
    /// Is there prose between this block and the heading or block before it?
    pub introduced: bool,
}

/// The `toml library` block.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Library {
    /// Distributions that the note is about; empty for a note on a tool or a family of failures.
    pub packages: Vec<String>,
    /// Modules they bring.
    pub imports: Vec<String>,
    /// Day on which somebody last held the note against the world.
    #[serde(deserialize_with = "date")]
    pub checked: Option<Date>,
}

/// A verbatim piece of a log.
#[derive(Debug, Clone)]
pub struct LogSample {
    pub text: String,
    /// Where it was seen: a link, or `proof` for a run of ours that a `toml proof` block records.
    pub source: Option<String>,
    pub span: Range<usize>,
    pub line: usize,
}

/// The `toml proof` block: a run of ours that showed the failure and the cure.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Release and Python, `bookworm-3.11`.
    pub platform: String,
    /// Day on which it last held; left out until it has.
    #[serde(default, deserialize_with = "date")]
    pub date: Option<Date>,
    /// Installed versions that matter.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// Shell line that prepares what both lines below share; the packages of apt are known by then.
    pub setup: Option<String>,
    /// Shell line that fails with the sample log.
    pub failing: String,
    /// Words that its output holds; for a pitfall whose patterns do not tell that already.
    pub shows: Option<String>,
    /// Shell line that succeeds; where it is left out, the pitfall's fix and then `failing` again.
    pub fixed: Option<String>,
    /// Why the cure is not shown: what a container without a GPU cannot do.
    pub not_shown: Option<String>,
}

/// Reads one note. `path` is its path below `knowledge/`; the file's stem is its name.
pub fn parse(path: &str, text: &str) -> (Note, Vec<Finding>) {
    let file = path.rsplit('/').next().unwrap_or(path);
    let name = file.strip_suffix(".md").unwrap_or(file).to_owned();
    let mut reader = Reader {
        path,
        text,
        note: Note { path: path.to_owned(), name, ..Note::default() },
        findings: Vec::new(),
        section: None,
        introduced: false,
        line_ends: text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(offset, _)| offset).collect(),
    };
    let mut titled = false;
    for element in elements(text) {
        match element {
            Element::Heading { level: 1, code, text: title, span } => {
                titled = true;
                reader.title(code.as_deref().unwrap_or(&title), span);
            }
            Element::Heading { level, code, text: symptom, span } => reader.heading(level, code, symptom, span),
            Element::Fence { info, content, span } => reader.fence(&info, content, span),
            Element::Prose { text, links, .. } => reader.prose(&text, links),
        }
    }
    reader.close_section();
    if !titled {
        let message = "the note has no title";
        let hint = format!("start it with `# {}`", reader.note.name);
        reader.find("name-mismatch", 0..0, message, Some(hint));
    }
    (reader.note, reader.findings)
}

struct Reader<'t> {
    path: &'t str,
    text: &'t str,
    note: Note,
    findings: Vec<Finding>,
    section: Option<Section>,
    introduced: bool,
    /// Byte offsets of the line ends.
    line_ends: Vec<usize>,
}

/// A pitfall whose end has not been reached.
struct Section {
    id: String,
    symptom: String,
    span: Range<usize>,
    cause: Option<String>,
    sources: Vec<String>,
    block: Option<(PitfallBlock, Range<usize>)>,
    /// A block was there, whether or not it could be read.
    has_block: bool,
    logs: Vec<LogSample>,
    proofs: Vec<Located<Proof>>,
}

impl Reader<'_> {
    /// Line, from 1, of a byte of the text.
    fn line_of(&self, offset: usize) -> usize {
        self.line_ends.partition_point(|end| *end < offset) + 1
    }

    fn find(&mut self, code: &'static str, span: Range<usize>, message: impl Into<String>, hint: Option<String>) {
        let mut finding = Finding::new(code, self.path, self.text, span, message);
        finding.hint = hint;
        self.findings.push(finding);
    }

    fn title(&mut self, title: &str, span: Range<usize>) {
        self.close_section();
        self.introduced = false;
        if title != self.note.name {
            let message = format!("the title is `{title}`, the file is called `{}`", self.note.name);
            self.find("name-mismatch", span, message, Some("give both the normalised distribution name".to_owned()));
        }
    }

    fn heading(&mut self, level: u8, code: Option<String>, symptom: String, span: Range<usize>) {
        self.introduced = false;
        if level > 2 {
            return;
        }
        self.close_section();
        let Some(id) = code else { return };
        let plain = id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !plain || id.is_empty() {
            let message = format!("`{id}` is no pitfall id");
            self.find(
                "id-invalid",
                span.clone(),
                message,
                Some("use lower-case letters, digits and dashes".to_owned()),
            );
        }
        if self.note.pitfalls.iter().any(|pitfall| pitfall.id == id) {
            let message = format!("the id `{id}` is used twice in this note");
            self.find("duplicate-id", span.clone(), message, Some("name what is wrong more closely".to_owned()));
        }
        if symptom.is_empty() {
            let hint = "write the symptom in plain words behind the id".to_owned();
            self.find("symptom-missing", span.clone(), format!("the heading of `{id}` names no symptom"), Some(hint));
        }
        self.section = Some(Section {
            id,
            symptom,
            span,
            cause: None,
            sources: Vec::new(),
            block: None,
            has_block: false,
            logs: Vec::new(),
            proofs: Vec::new(),
        });
    }

    fn prose(&mut self, text: &str, links: Vec<String>) {
        self.introduced = true;
        if let Some(section) = &mut self.section {
            // One sentence per line, so the first line is the first sentence.
            if section.cause.is_none() {
                section.cause = text.lines().next().map(str::to_owned);
            }
            section.sources.extend(links);
        }
    }

    fn fence(&mut self, info: &str, content: Range<usize>, span: Range<usize>) {
        let introduced = std::mem::take(&mut self.introduced);
        let mut words = info.split_whitespace();
        let language = words.next().unwrap_or_default();
        let Some(role) = words.next() else {
            // An example without a role belongs to the prose around it.
            self.introduced = introduced;
            return;
        };
        let mut attributes: BTreeMap<String, String> = BTreeMap::new();
        let role = match role.split_once('=') {
            Some((key, value)) => {
                attributes.insert(key.to_owned(), value.to_owned());
                key
            }
            None => role,
        };
        for word in words {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            attributes.insert(key.to_owned(), value.to_owned());
        }
        let source = self.text.get(content.clone()).unwrap_or_default();
        let line = self.line_of(content.start);
        let role = format!("{language} {role}");
        let mut block =
            Block { role: role.clone(), attributes, text: String::new(), span: content.clone(), line, introduced };
        match role.as_str() {
            "toml library" => {
                if let Some(library) = self.toml::<Library>(&block) {
                    if self.note.library.is_some() {
                        self.find("duplicate-block", span, "a second `toml library` block", None);
                    } else {
                        self.note.library = Some(library);
                    }
                }
            }
            "toml pitfall" => self.pitfall(&block, span),
            "toml matrix" => {
                let matrix = self.toml::<Matrix>(&block);
                self.note.matrices.extend(matrix);
            }
            "toml image" => self.note.images.push(Block { text: source.to_owned(), ..block.clone() }),
            "toml proof" => {
                let proof = self.toml::<Proof>(&block);
                match &mut self.section {
                    Some(section) => section.proofs.extend(proof),
                    None => self.misplaced(&role, span),
                }
            }
            "text log" => {
                let sample = LogSample {
                    text: source.to_owned(),
                    source: block.attributes.remove("source"),
                    span: content,
                    line,
                };
                match &mut self.section {
                    Some(section) => section.logs.push(sample),
                    None => self.misplaced(&role, span),
                }
            }
            "python check" => self.note.checks.push(Block { text: source.to_owned(), ..block.clone() }),
            "dockerfile renders" => {}
            _ => {
                let hint = "roles are `toml library`, `toml pitfall`, `toml image`, `toml matrix`, `toml proof`, \
                            `text log`, `dockerfile renders=…` and `python check`";
                self.find("unknown-role", span, format!("no block has the role `{role}`"), Some(hint.to_owned()));
            }
        }
        self.note.blocks.push(block);
    }

    fn misplaced(&mut self, role: &str, span: Range<usize>) {
        let hint = "put it below the heading of its pitfall".to_owned();
        self.find("block-misplaced", span, format!("a `{role}` block outside of a pitfall"), Some(hint));
    }

    fn pitfall(&mut self, block: &Block, span: Range<usize>) {
        let read = self.toml::<PitfallBlock>(block);
        let Some(section) = &mut self.section else {
            self.misplaced("toml pitfall", span);
            return;
        };
        let second = std::mem::replace(&mut section.has_block, true);
        if second {
            let hint = "a second pitfall needs a heading of its own".to_owned();
            self.find("duplicate-block", span, "a second `toml pitfall` block in one section", Some(hint));
        } else if let Some(read) = read {
            section.block = Some((read.value, read.span));
        }
    }

    fn close_section(&mut self) {
        let Some(section) = self.section.take() else { return };
        let line = self.line_of(section.span.start);
        match section.block {
            Some((block, block_span)) => self.note.pitfalls.push(Pitfall {
                cause: section.cause.unwrap_or_else(|| section.symptom.clone()),
                id: section.id,
                symptom: section.symptom,
                sources: section.sources,
                line,
                span: section.span,
                block,
                block_span,
                logs: section.logs,
                proofs: section.proofs,
            }),
            None if !section.has_block => {
                let message = format!("`{}` has no `toml pitfall` block", section.id);
                let hint = "say in one who is affected and what mends it".to_owned();
                self.find("block-missing", section.span, message, Some(hint));
            }
            // Its block could not be read, which is a finding already.
            None => {}
        }
    }

    fn toml<T: DeserializeOwned>(&mut self, block: &Block) -> Option<Located<T>> {
        let source = self.text.get(block.span.clone()).unwrap_or_default();
        match toml::from_str::<T>(source) {
            Ok(value) => Some(Located { value, span: block.span.clone(), line: block.line }),
            Err(error) => {
                let inner = error.span().unwrap_or(0..0);
                let start = block.span.start + inner.start;
                let message = error.message().trim_end_matches('\n').replace('\n', "; ");
                let code = if message.contains("unknown field") { "unknown-key" } else { "block-invalid" };
                self.find(code, start..block.span.start + inner.end, message, None);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<(&'static str, usize)> {
        parse("libraries/x.md", text).1.into_iter().map(|f| (f.code, f.position.line)).collect()
    }

    const GOOD: &str = "# x\n\n```toml library\npackages = ['x']\nimports = ['x']\nchecked = 2026-11-21\n```\n\n\
        ## `it-fails`: it fails\n\nBecause of this.\nSee [a](https://e.org/1).\n\n\
        ```text log source=https://e.org/1\nboom: it failed badly\n```\n\nSo:\n\n\
        ```toml pitfall\nkind = 'curative'\nlog = ['it failed badly']\n[[fix]]\napt = 'libx1'\n```\n";

    #[test]
    fn a_good_note_is_read_whole() {
        let (note, findings) = parse("libraries/x.md", GOOD);
        assert_eq!(findings, []);
        let pitfall = note.pitfalls.first().unwrap();
        assert_eq!((pitfall.id.as_str(), pitfall.symptom.as_str()), ("it-fails", "it fails"));
        assert_eq!(pitfall.cause, "Because of this.");
        assert_eq!(pitfall.sources, ["https://e.org/1"]);
        assert_eq!(pitfall.line, 9);
        let log = pitfall.logs.first().unwrap();
        assert_eq!((log.text.as_str(), log.source.as_deref()), ("boom: it failed badly\n", Some("https://e.org/1")));
        assert_eq!(note.library.unwrap().value.packages, ["x"]);
    }

    #[test]
    fn an_error_in_a_block_is_found_at_its_line_and_column() {
        let text = GOOD.replace("apt = 'libx1'", "atp = 'libx1'");
        let (_, findings) = parse("libraries/x.md", &text);
        let finding = findings.first().unwrap();
        assert_eq!(finding.code, "unknown-key");
        assert_eq!((finding.position.line, finding.position.column), (24, 1), "{finding}");
        assert!(finding.message.contains("unknown field `atp`"));
    }

    #[test]
    fn roles_titles_ids_and_places_are_checked() {
        assert_eq!(codes("# y\n"), [("name-mismatch", 1)]);
        assert_eq!(codes("words\n"), [("name-mismatch", 1)]);
        assert_eq!(codes("# x\n\n```toml piffall\n```\n"), [("unknown-role", 3)]);
        assert_eq!(codes("# x\n\n## `a`: b\n"), [("block-missing", 3)]);
        assert_eq!(codes("# x\n\n```toml pitfall\nkind='both'\n```\n"), [("block-misplaced", 3)]);
        let twice = "## `a`: b\n```toml pitfall\nkind='both'\n```\n";
        assert_eq!(codes(&format!("# x\n{twice}{twice}")), [("duplicate-id", 6)]);
    }

    #[test]
    fn a_wrong_version_range_is_found_where_it_stands() {
        let text = GOOD.replace("kind = 'curative'", "kind = 'curative'\naffects = '=>4'");
        let (_, findings) = parse("libraries/x.md", &text);
        let finding = findings.first().unwrap();
        assert_eq!((finding.code, finding.position.line, finding.position.column), ("block-invalid", 22, 11));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(```toml (pitfall|library|matrix|proof)\n|```|## `a`: b\n|# x\n|kind = 'both'\n|[a-z\\[\\]='\"\n ]{0,8}|ä|\\PC){0,40}") {
            let (_, findings) = parse("libraries/x.md", &text);
            for finding in findings {
                assert!(finding.span.end <= text.len());
            }
        }
    }
}
