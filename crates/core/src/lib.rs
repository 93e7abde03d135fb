//! The knowledge base: typed queries by package, import, log text and image. Pure; the texts come from outside.

mod environment;

pub use environment::Environment;
