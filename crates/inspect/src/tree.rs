//! A repository's files as a value.
//!
//! `xtask` reads a checkout into a [`Tree`]; everything in this crate works on that value alone. Only files that some
//! reader may want carry their text; the others are known by path, size and kind.

use std::collections::BTreeMap;

use serde::Serialize;

/// The files of one checkout, by path relative to its root, with `/` between the parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tree {
    files: BTreeMap<String, File>,
}

/// One entry of a [`Tree`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct File {
    /// Size in bytes.
    pub size: u64,
    pub content: Content,
}

/// What is known of a file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Text, decoded (invalid UTF-8 is read as Latin-1), line ends as in the file.
    Text(String),
    /// Not text, or text nobody reads (weights, images, data), or too large to read.
    Opaque,
    /// A Git LFS pointer whose object, of so many bytes, is not in the checkout.
    LfsPointer(u64),
    /// A symbolic link with its target as written; never followed.
    Link(String),
    /// A submodule's folder that holds no checkout.
    Submodule,
}

impl Tree {
    /// Adds a file, replacing what stood at that path.
    pub fn insert(&mut self, path: impl Into<String>, file: File) {
        self.files.insert(path.into(), file);
    }

    /// A tree of text files, for tests and for sources that are already in memory.
    pub fn from_texts<P: Into<String>, T: Into<String>>(files: impl IntoIterator<Item = (P, T)>) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            let text = text.into();
            tree.insert(path, File { size: text.len() as u64, content: Content::Text(text) });
        }
        tree
    }

    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    /// The text of the file at `path`; `None` where there is no such file or its text was not read.
    pub fn text(&self, path: &str) -> Option<&str> {
        match &self.files.get(path)?.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Is there a file (or link) at exactly this path?
    pub fn contains(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Is there a folder at this path, that is, any file below it?
    pub fn contains_folder(&self, path: &str) -> bool {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        self.files.range(prefix.clone()..).next().is_some_and(|(p, _)| p.starts_with(&prefix))
    }

    /// The entries whose paths begin with `prefix`, in the order of their paths.
    pub fn below<'t>(&'t self, prefix: &'t str) -> impl Iterator<Item = (&'t str, &'t File)> {
        let entries = self.files.range(prefix.to_owned()..).map(|(path, file)| (path.as_str(), file));
        entries.take_while(move |(path, _)| path.starts_with(prefix))
    }

    /// All entries, in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// The entries whose text was read, in the order of their paths.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, file)| match &file.content {
            Content::Text(text) => Some((path.as_str(), text.as_str())),
            _ => None,
        })
    }

    pub fn len(&self) -> usize {
        self.files.len()
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}
