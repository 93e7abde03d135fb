//! The notes and tables of `knowledge/`, compiled in. In: nothing; out: the knowledge base. Reads no file at run time.
//!
//! The build script has parsed every note, so that a bad one fails the build with its line.

use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use repro_core::contents::Contents;
use repro_core::interfaces::Interfaces;
use repro_core::{Indexes, KnowledgeBase, is_note};

static KNOWLEDGE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../knowledge");

static HEADERS: [repro_core::Header; include!(concat!(env!("OUT_DIR"), "/count.rs"))] =
    include!(concat!(env!("OUT_DIR"), "/headers.rs"));

static BASE: LazyLock<KnowledgeBase> =
    LazyLock::new(|| KnowledgeBase::from_checked(&HEADERS, &texts()).with_indexes(indexes()));

/// The tables that are no text: files with the packages that bring them, names with the releases that have them.
pub fn indexes() -> Indexes {
    let bytes = |name: &str| KNOWLEDGE.get_file(format!("tables/{name}")).map(include_dir::File::contents);
    let text = |name: &str| KNOWLEDGE.get_file(format!("tables/{name}")).and_then(include_dir::File::contents_utf8);
    Indexes {
        contents: bytes("contents.fst").zip(text("contents-packages.txt")).and_then(|(a, b)| Contents::new(a, b)),
        interfaces: bytes("interfaces.fst")
            .zip(text("interfaces-releases.txt"))
            .and_then(|(a, b)| Interfaces::new(a, b)),
    }
}

/// The knowledge base that this program was built with.
pub fn base() -> &'static KnowledgeBase {
    &BASE
}

/// The notes that this program was built with: path below `knowledge/` and text, in the order of their paths.
pub fn texts() -> Vec<(&'static str, &'static str)> {
    let mut texts = all_texts();
    texts.retain(|(path, _)| is_note(path));
    texts
}

/// As [`texts`], with everything else that lies below `knowledge/`, such as the healthy logs.
pub fn all_texts() -> Vec<(&'static str, &'static str)> {
    let mut texts: Vec<(&str, &str)> = Vec::new();
    collect(&KNOWLEDGE, &mut texts);
    texts.sort_unstable();
    texts
}

/// The JSON schema of the exported base.
pub fn schema() -> &'static str {
    KNOWLEDGE.get_file("schema.json").and_then(include_dir::File::contents_utf8).unwrap_or_default()
}

/// A sample of ours, as `knowledge/samples/` has it.
pub fn sample(name: &str) -> Option<&'static [u8]> {
    KNOWLEDGE.get_file(format!("samples/{name}")).map(include_dir::File::contents)
}

fn collect(folder: &'static Dir<'static>, texts: &mut Vec<(&'static str, &'static str)>) {
    for file in folder.files() {
        if let (Some(path), Some(text)) = (file.path().to_str(), file.contents_utf8()) {
            texts.push((path, text));
        }
    }
    for folder in folder.dirs() {
        collect(folder, texts);
    }
}
