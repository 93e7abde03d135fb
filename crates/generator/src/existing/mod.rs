//! A Dockerfile that someone already has: what it installs, changes of it, and the repair loop over it.
//!
//! In: the Dockerfile with the requirement files that it installs from; out: the same files with edits, and what to do
//! next. Everything that no edit asks for stays byte for byte.

mod conflicts;
mod edit;
mod read;
mod repair;

use std::collections::BTreeMap;

pub use conflicts::{Conflict, conflicts};
pub use edit::{Place, apply};
pub use read::{
    Install, Installed, context, declared, distributions, edits_between, installs, named_in, project_files,
    requirement_files, root_image, specs,
};
pub use repair::{Action, Outcome, State, next, prevent, start};

/// The files that builds are made of and that edits change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Existing {
    pub dockerfile: String,
    /// Requirement files that the Dockerfile installs from, by their path in the build context.
    pub files: BTreeMap<String, String>,
    /// The `pyproject.toml` of projects that the Dockerfile installs; they are read, not edited.
    pub projects: Vec<String>,
    /// Options of `docker run` that the image needs.
    pub run_flags: Vec<String>,
    /// Distributions that an edit has taken out.
    pub removed: Vec<String>,
}
