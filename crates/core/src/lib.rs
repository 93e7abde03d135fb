//! The knowledge base: typed queries by package, import, log text and image. Pure; the texts come from outside.
//!
//! ```
//! use repro_core::{Context, KnowledgeBase};
//!
//! let note = "# x\n\n```toml library\npackages = ['x']\n```\n\n## `lib-missing`: it needs libx\n\nIt loads libx.\n\n\
//!             ```toml pitfall\nkind = 'both'\nlog = ['libx.so.1: cannot open']\nfix = [{ apt = 'libx1' }]\n```\n";
//! let (base, findings) = KnowledgeBase::from_texts([("libraries/x.md", note)]);
//! assert!(findings.is_empty());
//! let diagnoses = base.diagnose("ImportError: libx.so.1: cannot open shared object file", &Context::default());
//! assert_eq!(diagnoses[0].pitfall, "x/lib-missing");
//! ```
//!
//! | question | call |
//! |---|---|
//! | which pitfalls will this program meet, and what prevents them? | [`KnowledgeBase::preventive`] |
//! | what does this log say? | [`KnowledgeBase::diagnose`]; in pieces, [`KnowledgeBase::reading`] |
//! | which distribution brings this module? | [`KnowledgeBase::distribution_of_import`] |
//! | is this module in the standard library? | [`KnowledgeBase::is_stdlib`] |
//! | which Python, image, torch, companion, breaking release? | [`Tables`], by [`KnowledgeBase::tables`] |
//! | what is inside this base image? | [`KnowledgeBase::image`] |
//! | what do the notes hold about this package, module, image, log? | [`KnowledgeBase::query`] |
//! | which notes are about this? | [`KnowledgeBase::library`], [`by_distribution`](KnowledgeBase::by_distribution), [`by_import`](KnowledgeBase::by_import) |

mod base;
pub mod contents;
mod context;
mod decisive;
mod diagnose;
mod environment;
pub mod export;
pub mod header;
pub mod index;
pub mod interfaces;
pub mod lint;
mod log;
pub mod proof;
pub mod query;
mod resolve;
mod tables;
pub mod template;

pub use base::{Indexes, KnowledgeBase, Match, is_note, normalised};
pub use context::Context;
/// What is known when a log is diagnosed; the same value that planning uses.
pub use context::Context as LogContext;
pub use decisive::Decisive;
pub use diagnose::{Diagnosis, OpenQuestion, Reading, Said, Wanted};
pub use environment::Environment;
pub use header::Header;
pub use query::{Answer, Query};
pub use repro_note::{Breaking, Edit, Finding, Note, Phase, Pitfall, PythonRelease, TorchRelease};
pub use tables::Tables;
