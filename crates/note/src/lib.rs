//! Markdown notes: text in, typed notes and findings with spans out. Pure.

mod edit;

pub use edit::Edit;
