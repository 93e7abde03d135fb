//! A repository's [`Tree`] in, [`Facts`] out.
//!
//! Pure: no file, process, network, clock or environment is touched, and the same tree gives the same facts.
//! Foreign input never fails this stage: what cannot be read becomes a [`Finding`] beside the facts.

mod commands;
mod documents;
mod declared;
mod facts;
pub mod python;
mod tree;

pub use facts::{
    Action, Candidate, Command, Evidence, Facts, Finding, Form, Gpu, GpuNeed, Imports, Kind, Native, Project,
    PythonClaim, Requirement, Scope, Snippet, Stated, StatedValue, Strength, Weights,
};
pub use tree::{Content, File, Tree};
