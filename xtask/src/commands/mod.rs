//! One module per command.

pub mod bases;
pub mod bench;
pub mod broken;
pub mod build;
pub mod ci;
pub mod completions;
pub mod demo;
pub mod diagnose;
pub mod doctor;
pub mod lint_notes;
pub mod nightly;
pub mod notes;
pub mod plan;
pub mod repro;
pub mod tables;
pub mod verify_all;
