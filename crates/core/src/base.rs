//! The knowledge base: all notes and tables, with queries by name, distribution, import, image and program. In: the
//! notes' texts; out: typed answers. Reads nothing by itself.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use pep440_rs::{Version, VersionSpecifiers};
use repro_note::{Block, Edit, Finding, Note, Pitfall, PitfallKind, parse};
use serde::Serialize;

use crate::contents::{self, Contents};
use crate::context::{Context, is_within};
use crate::diagnose::PatternIndex;
use crate::environment::Environment;
use crate::header::Header;
use crate::interfaces::{Asked, Interfaces, Lifetime};
use crate::resolve::{self, Captures};
use crate::tables::{Tables, longest_prefix};

/// All notes, with indexes. Made once; questions never change it.
#[derive(Debug, Default)]
pub struct KnowledgeBase {
    pub(crate) entries: Vec<Entry>,
    tables: OnceLock<Tables>,
    /// Notes of tables that have been checked before and are read when the first table is asked for.
    unread: Vec<(String, String)>,
    images: OnceLock<Vec<Image>>,
    indexes: Indexes,
    by_name: BTreeMap<String, usize>,
    by_distribution: BTreeMap<Cow<'static, str>, Vec<usize>>,
    by_import: BTreeMap<Cow<'static, str>, Vec<usize>>,
    pub(crate) patterns: OnceLock<PatternIndex>,
}

/// A note that is read when somebody asks for it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) header: Header,
    text: Cow<'static, str>,
    note: OnceLock<Note>,
}

impl Entry {
    pub(crate) fn note(&self) -> &Note {
        self.note.get_or_init(|| parse(&self.header.path, &self.text).0)
    }
}

/// An image note's block: an environment whose texts may hold `{python}`, and the Pythons it is about.
#[derive(Debug)]
struct Image {
    pythons: Option<VersionSpecifiers>,
    environment: Environment,
}

/// The indexes that are no text.
#[derive(Debug, Default)]
pub struct Indexes {
    /// Which packages bring which files.
    pub contents: Option<Contents>,
    /// When names came into libraries and went.
    pub interfaces: Option<Interfaces>,
}

/// A pitfall that the program is going to meet, with what prevents it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Match {
    /// Full id, `opencv-python/libgl-missing`.
    pub pitfall: String,
    /// Applied together.
    pub edits: Vec<Edit>,
    /// Why, in one sentence.
    pub cause: String,
    /// The first source that the note cites.
    pub source: Option<String>,
    /// Path and line of the pitfall, `knowledge/libraries/opencv-python.md:21`.
    pub note: String,
    /// What made it match: `requires opencv-python`, `imports cv2`, `is dlib`.
    pub because: String,
}

impl KnowledgeBase {
    /// Reads all notes. `texts` are pairs of the path below `knowledge/` and the text; files that are no notes
    /// (`README.md`, anything outside `libraries/`, `images/` and `matrices/`) are skipped. Never fails: what is wrong
    /// comes back as findings, and the rest is used.
    pub fn from_texts<P: AsRef<str>, T: AsRef<str>>(texts: impl IntoIterator<Item = (P, T)>) -> (Self, Vec<Finding>) {
        let mut base = Self::default();
        let mut tables = Tables::default();
        let mut findings = Vec::new();
        for (path, text) in texts {
            let (path, text) = (path.as_ref(), text.as_ref());
            if !is_note(path) {
                continue;
            }
            let (mut note, found) = parse(path, text);
            findings.extend(found);
            for matrix in std::mem::take(&mut note.matrices) {
                tables.join(matrix.value);
            }
            for block in &note.images {
                if let Err((span, message)) = read_image(block) {
                    findings.push(Finding::new("block-invalid", path, text, span, message));
                }
            }
            let (header, text) = (Header::of(&note), Cow::Owned(text.to_owned()));
            base.add(Entry { header, text, note: OnceLock::from(note) });
        }
        base.tables = OnceLock::from(tables);
        (base, findings)
    }

    /// Texts that have been checked before, with their headers ([`Header::of`]) in the same order: a note, or a table, is
    /// read when the first question about it is asked.
    pub fn from_checked(headers: &[Header], texts: &[(&'static str, &'static str)]) -> Self {
        let mut base = Self::default();
        for (path, text) in texts.iter().filter(|(path, _)| path.starts_with("matrices/")) {
            base.unread.push(((*path).to_owned(), (*text).to_owned()));
        }
        let known: BTreeMap<&str, &'static str> = texts.iter().copied().collect();
        for header in headers.iter().filter(|header| !header.path.starts_with("matrices/")) {
            let Some(text) = known.get(header.path.as_ref()) else { continue };
            base.add(Entry { header: header.clone(), text: Cow::Borrowed(text), note: OnceLock::new() });
        }
        base
    }

    fn add(&mut self, entry: Entry) {
        let index = self.entries.len();
        let header = &entry.header;
        if header.is_library() {
            self.by_name.insert(header.name().to_owned(), index);
            for package in header.packages.iter() {
                self.by_distribution.entry(package.clone()).or_default().push(index);
            }
            for module in header.imports.iter() {
                self.by_import.entry(module.clone()).or_default().push(index);
            }
        }
        self.entries.push(entry);
    }

    /// All notes, in the order of their paths; reads those that nobody has asked for before.
    pub fn notes(&self) -> impl Iterator<Item = &Note> {
        self.entries.iter().map(Entry::note)
    }

    fn note_at(&self, index: usize) -> Option<&Note> {
        self.entries.get(index).map(Entry::note)
    }

    /// The tables of `knowledge/matrices`.
    pub fn tables(&self) -> &Tables {
        self.tables.get_or_init(|| Tables::from_checked_texts(&self.unread))
    }

    /// The indexes that are no text; without them only the tables of the notes are asked.
    #[must_use]
    pub fn with_indexes(mut self, indexes: Indexes) -> Self {
        self.indexes = indexes;
        self
    }

    /// Was looked up when names of this library came and went?
    pub(crate) fn knows_interface(&self, library: &str) -> bool {
        self.indexes.interfaces.as_ref().is_some_and(|index| index.covers(library))
    }

    /// The releases of the distribution that have this package, as far as it brings files that are looked for.
    pub fn releases_with(&self, package: &str) -> Vec<&'static str> {
        self.indexes.contents.as_ref().map(|contents| contents.releases_with(package)).unwrap_or_default()
    }

    /// When something came into libraries and went.
    pub fn lifetimes(&self, asked: Asked<'_>) -> Vec<Lifetime> {
        self.indexes.interfaces.as_ref().map(|index| index.lifetimes(asked)).unwrap_or_default()
    }

    /// Packages that bring a file on `release`: as the tables of the notes have it, which choose where several do, else as
    /// the distribution's own index has it.
    pub fn packages_of(&self, kind: contents::FileKind, name: &str, release: Option<&str>) -> Option<Vec<String>> {
        let tables = self.tables();
        let file = name.rsplit('/').next().unwrap_or(name);
        let chosen = |name: &str| match kind {
            contents::FileKind::SharedObject => tables.packages_of_shared_object(name, release),
            contents::FileKind::Header => tables.packages_of_header(name, release),
            contents::FileKind::Command => tables.packages_of_command(name, release),
            contents::FileKind::PkgConfig | contents::FileKind::CMake => None,
        };
        let indexed = || {
            let name = if kind == contents::FileKind::Header { name } else { file };
            let mut packages = self.indexes.contents.as_ref()?.packages(kind, name, release)?;
            // The others would bring the same file.
            packages.truncate(1);
            Some(packages)
        };
        chosen(name).or_else(indexed).or_else(|| chosen(file))
    }

    /// The note of this name (the file's stem).
    pub fn library(&self, name: &str) -> Option<&Note> {
        self.by_name.get(name).and_then(|index| self.note_at(*index))
    }

    /// The pitfall with this full id, `library/id`.
    pub fn pitfall(&self, id: &str) -> Option<(&Note, &Pitfall)> {
        let (library, id) = id.rsplit_once('/')?;
        let note = self.library(library)?;
        note.pitfalls.iter().find(|pitfall| pitfall.id == id).map(|pitfall| (note, pitfall))
    }

    /// The notes about this distribution; the name is normalised here.
    pub fn by_distribution(&self, name: &str) -> Vec<&Note> {
        self.at(self.by_distribution.get(normalised(name).as_str()))
    }

    /// The notes about this module or the nearest module above it.
    pub fn by_import(&self, module: &str) -> Vec<&Note> {
        self.at(longest_prefix(&self.by_import, module).map(|(_, indexes)| indexes))
    }

    fn at(&self, indexes: Option<&Vec<usize>>) -> Vec<&Note> {
        indexes.into_iter().flatten().filter_map(|index| self.note_at(*index)).collect()
    }

    /// The distribution that brings this module: from the table of imports, else from the notes. `None` where neither
    /// knows; the module's own name is then a guess that the caller may make.
    pub fn distribution_of_import(&self, module: &str) -> Option<&str> {
        let from_note = || {
            let (_, indexes) = longest_prefix(&self.by_import, module)?;
            let entry = indexes.first().and_then(|index| self.entries.get(*index))?;
            entry.header.packages.first().map(AsRef::as_ref)
        };
        match self.tables().distribution_of_import(module) {
            // Known to be on no index.
            Some("") => None,
            Some(name) => Some(name),
            None => from_note(),
        }
    }

    /// As [`Self::distribution_of_import`], for a module whose parent is installed: only entries below the parent count.
    pub(crate) fn distribution_of_dotted_import(&self, module: &str) -> Option<&str> {
        longest_prefix(&self.tables().imports, module)
            .filter(|(key, _)| key.contains('.'))
            .map(|(_, name)| name.as_str())
    }

    /// Is `module` (top-level or dotted) in the standard library of Python `python` (`3.11`)?
    pub fn is_stdlib(&self, module: &str, python: &str) -> bool {
        self.tables().is_stdlib(module, python)
    }

    /// What the notes say about a base image; `None` where no note is about it. Fields nobody established are empty.
    pub fn image(&self, name: &str) -> Option<Environment> {
        self.images().iter().find_map(|image| {
            let (before, after) =
                image.environment.image.split_once("{python}").unwrap_or((&image.environment.image, ""));
            let python = name.strip_prefix(before)?.strip_suffix(after)?;
            if image.environment.image.contains("{python}") {
                let version: Version = python.parse().ok()?;
                let fits = image.pythons.as_ref().is_none_or(|range| range.contains(&version));
                if !fits || version.release().len() < 2 {
                    return None;
                }
            } else if !python.is_empty() {
                return None;
            }
            Some(with_python(&image.environment, python))
        })
    }

    fn images(&self) -> &[Image] {
        self.images.get_or_init(|| {
            let notes = self.entries.iter().filter(|entry| !entry.header.is_library()).map(Entry::note);
            notes.flat_map(|note| &note.images).filter_map(|block| read_image(block).ok()).collect()
        })
    }

    /// The pitfalls that this program is going to meet and that can be prevented, in the order of the notes. A
    /// condition on something that is not known does not hold; a free version means the newest.
    pub fn preventive(&self, context: &Context) -> Vec<Match> {
        let mut found = Vec::new();
        for entry in self.entries.iter().filter(|entry| may_prevent(&entry.header, context)) {
            let note = entry.note();
            let library: &[String] = note.library.as_ref().map_or(&[], |library| &library.value.packages);
            let presence = presence(note, context);
            for pitfall in &note.pitfalls {
                let block = &pitfall.block;
                if block.retired || !block.fixable || block.kind == PitfallKind::Curative {
                    continue;
                }
                // A condition on imports is presence enough: the distribution may well not be declared.
                let imported = block
                    .when
                    .imports
                    .iter()
                    .find(|module| context.imports.iter().flatten().any(|imported| is_within(imported, module)));
                let general = library.is_empty() && !block.when.is_empty();
                let because = match (imported, &presence) {
                    (Some(module), _) => format!("imports {module}"),
                    (None, Some(presence)) => presence.clone(),
                    (None, None) if general => "the conditions of the note hold".to_owned(),
                    (None, None) => continue,
                };
                let phase = context.phase.is_none_or(|phase| block.phase.is_empty() || block.phase.contains(&phase));
                // A distribution that is imported and not declared will be installed in its newest version.
                let version = context.version_in(block.affects.as_ref(), library).unwrap_or_else(|| {
                    block.affects.as_ref().is_none_or(|range| crate::context::is_affected(range, None))
                });
                let applies = phase
                    && version
                    && context.python_in(block.python.as_ref()).unwrap_or(false)
                    && context.on_platform(&block.platforms).unwrap_or(false)
                    && block.gpu.is_none_or(|wanted| context.gpu == Some(wanted))
                    && context.dated_within(block.after, block.before)
                    && context.holds(&block.when, library, false);
                if !applies {
                    continue;
                }
                let Some(edits) = resolve::edits(self, &block.fix, library, context, &Captures::new()) else {
                    continue;
                };
                found.push(Match {
                    pitfall: full_id(note, pitfall),
                    edits,
                    cause: pitfall.cause.clone(),
                    source: pitfall.sources.first().cloned(),
                    note: place(note, pitfall),
                    because,
                });
            }
        }
        found
    }
}

/// Does this path (below `knowledge/`) hold a note?
pub fn is_note(path: &str) -> bool {
    let folder = path.split('/').next().unwrap_or_default();
    let markdown = path.len() > 3 && path.get(path.len() - 3..).is_some_and(|end| end.eq_ignore_ascii_case(".md"));
    matches!(folder, "libraries" | "images" | "matrices") && markdown && !path.ends_with("/README.md")
}

/// Can the note of this header have something to prevent in this program?
fn may_prevent(header: &Header, context: &Context) -> bool {
    let names = |name: &Cow<'static, str>| {
        context.project.as_deref() == Some(name.as_ref())
            || context.distributions.iter().any(|known| known.contains_key(name.as_ref()))
    };
    let imported = |module: &Cow<'static, str>| context.imports.iter().flatten().any(|found| is_within(found, module));
    header.prevents
        && (header.general
            || header.packages.iter().any(names)
            || header.imports.iter().chain(header.awaited.iter()).any(imported))
}

/// Why this note is about the program, if it is.
fn presence(note: &Note, context: &Context) -> Option<String> {
    let library = &note.library.as_ref()?.value;
    if let Some(project) = context.project.as_ref().filter(|project| library.packages.contains(project)) {
        return Some(format!("is {project}"));
    }
    let declared = |name: &&String| context.distributions.iter().any(|known| known.contains_key(name.as_str()));
    if let Some(package) = library.packages.iter().find(declared) {
        return Some(format!("requires {package}"));
    }
    // The declared distribution decides which of several that bring one module is meant.
    let other_brings_it = context
        .distributions
        .iter()
        .flat_map(BTreeMap::keys)
        .any(|name| library.imports.iter().any(|module| brings(name, module)));
    let imported = |module: &&String| context.imports.iter().flatten().any(|imported| is_within(imported, module));
    library.imports.iter().find(imported).filter(|_| !other_brings_it).map(|module| format!("imports {module}"))
}

/// Does this distribution bring that module under another name than the note's own? The headless wheels of `cv2` do.
fn brings(distribution: &str, module: &str) -> bool {
    module == "cv2" && distribution.starts_with("opencv-") && distribution.ends_with("-headless")
}

/// Full id of a pitfall.
pub(crate) fn full_id(note: &Note, pitfall: &Pitfall) -> String {
    format!("{}/{}", note.name, pitfall.id)
}

/// Path and line of a pitfall, from the project's root.
pub(crate) fn place(note: &Note, pitfall: &Pitfall) -> String {
    format!("knowledge/{}:{}", note.path, pitfall.line)
}

/// A distribution name as PEP 503 normalises it.
pub fn normalised(name: &str) -> String {
    let mut result = String::with_capacity(name.len());
    for character in name.chars() {
        if matches!(character, '-' | '_' | '.') {
            if !result.ends_with('-') {
                result.push('-');
            }
        } else {
            result.push(character.to_ascii_lowercase());
        }
    }
    result
}

/// Keys that a `toml image` block may have: `pythons` and the fields of [`Environment`].
const IMAGE_KEYS: [&str; 18] = [
    "pythons",
    "image",
    "digest",
    "python",
    "interpreter",
    "purelib",
    "distribution",
    "release",
    "architecture",
    "headers",
    "tools",
    "packages",
    "constraint_file",
    "user",
    "uid_1000",
    "cuda",
    "externally_managed",
    "stand_in",
];

fn read_image(block: &Block) -> Result<Image, (Range<usize>, String)> {
    let whole = || block.span.clone();
    let mut table: toml::Table = toml::from_str(&block.text).map_err(|error| {
        let inner = error.span().unwrap_or(0..0);
        (block.span.start + inner.start..block.span.start + inner.end, error.message().to_owned())
    })?;
    if let Some(unknown) = table.keys().find(|key| !IMAGE_KEYS.contains(&key.as_str())) {
        return Err((whole(), format!("unknown field `{unknown}`, expected one of {}", IMAGE_KEYS.join(", "))));
    }
    let pythons = match table.remove("pythons") {
        Some(range) => Some(range.try_into().map_err(|error: toml::de::Error| (whole(), error.message().to_owned()))?),
        None => None,
    };
    let environment = table.try_into().map_err(|error: toml::de::Error| (whole(), error.message().to_owned()))?;
    Ok(Image { pythons, environment })
}

/// The environment with `{python}` replaced.
fn with_python(environment: &Environment, python: &str) -> Environment {
    let fill = |text: &str| text.replace("{python}", python);
    Environment {
        image: fill(&environment.image),
        python: fill(&environment.python),
        interpreter: fill(&environment.interpreter),
        purelib: fill(&environment.purelib),
        ..environment.clone()
    }
}
