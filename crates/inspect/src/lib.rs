//! A repository's [`Tree`] in, [`Facts`] out.
//!
//! Pure: no file, process, network, clock or environment is touched, and the same tree gives the same facts.
//! Foreign input never fails this stage: what cannot be read becomes a [`Finding`] beside the facts.

mod assemble;
mod commands;
mod declared;
mod documents;
mod era;
mod facts;
#[cfg(test)]
mod fixture;
mod gpu;
pub mod python;
mod stated;
mod tree;
mod weights;

pub use assemble::{inspect, with_command};
pub use commands::{OURS, SAMPLE_FOLDER, asked, sample_for};
pub use facts::{
    Action, Candidate, Command, Evidence, Facts, Field, Finding, Form, Gpu, GpuNeed, Imports, Kind, Native, OnCpu,
    Project, PythonClaim, Question, Requirement, Scope, Snippet, SnippetPart, Stated, StatedValue, Strength, Weights,
};
pub use tree::{Content, File, Tree};
pub use weights::is_weights_file;
