//! `--weights DIR`: what is in the folder, and its mounts.

use std::path::{Path, PathBuf};

use repro_generator::plan::Plan;
use repro_generator::weights::{self, Place};

use crate::engine::Mount;
use crate::failure::input;

/// More files than this are not looked at.
const MOST: usize = 50_000;
/// Deeper folders are not looked at: a hub's cache has five levels.
const DEPTH: usize = 8;

/// A folder of weights.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    /// Names of its files, relative to it.
    files: Vec<String>,
}

impl Folder {
    /// Lists a folder.
    ///
    /// # Errors
    /// Where it is none, or holds nothing.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let hint = "hint: give the folder that holds the weights, such as ~/.cache/huggingface";
        let path = fs_err::canonicalize(path).map_err(|error| input(format!("`--weights`: {error}\n{hint}")))?;
        let mut files = Vec::new();
        let mut folders = vec![(path.clone(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let entries = fs_err::read_dir(&folder).map_err(|error| input(format!("`--weights`: {error}\n{hint}")))?;
            for entry in entries.flatten().take(MOST.saturating_sub(files.len())) {
                let path_of = entry.path();
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) && depth < DEPTH {
                    folders.push((path_of, depth + 1));
                } else if let Some(name) = path_of.strip_prefix(&path).ok().and_then(Path::to_str) {
                    files.push(name.to_owned());
                }
            }
        }
        files.sort();
        if files.is_empty() {
            return Err(input(format!("`--weights`: {} holds no files\n{hint}", path.display())));
        }
        Ok(Self { path, files })
    }

    pub fn places(&self, plan: &Plan, home: &str) -> Vec<Place> {
        weights::places(plan, home, &self.files)
    }

    /// The mounts of places, which a container can only read.
    pub fn mounts(&self, places: &[Place]) -> Vec<Mount> {
        places
            .iter()
            .map(|place| Mount::Bind {
                source: self.path.join(&place.part),
                target: place.target.clone(),
                read_only: true,
            })
            .collect()
    }
}
