//! Markdown notes: text in, typed notes and findings with spans out. Pure: never reads a file, never fails, never panics.
//!
//! A note is one file under `knowledge/`. Its Markdown is for people; its fenced blocks are for the program. A block's
//! info string is *language then role*: `toml library`, `toml pitfall`, `toml image`, `toml matrix`, `toml proof`,
//! `text log source=…`, `dockerfile renders=PLATFORM`, `python check`. A block without a role is just an example.
//!
//! [`parse`] reads one note. What is wrong with it comes back beside it as [`Finding`]s, each with a byte span and a
//! line and column. [`lint`](lint::lint_note) holds the checks that one note allows on its own and that are too dear or
//! too strict for loading; checks across notes live in `repro-core`.

mod edit;
mod finding;
pub mod lint;
mod markdown;
mod matrix;
mod parse;
pub mod pattern;
mod pitfall;
pub mod template;

pub use edit::{Cost, Edit};
pub use finding::{Finding, Position};
pub use matrix::{AptRename, Breaking, Matrix, PythonRelease, SlimTags, StandardLibrary, TorchRelease, WheelsFrom};
pub use parse::{Block, Library, Located, LogSample, Note, Proof, parse};
pub use pitfall::{Choice, Fix, Packages, Phase, Pitfall, PitfallBlock, PitfallKind, Rank, Strings, When, named_like};
