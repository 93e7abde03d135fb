//! `tables`: what of `knowledge/matrices` and `knowledge/tables` can be looked up is looked up again.
//!
//! In: what distributions, the package index and interpreters say today. Out: the same files with other values, for a
//! person to read as a difference and to commit; words, order and whatever cannot be looked up stay.

mod contents;
mod imports;
mod index;
mod interfaces;
mod stdlib;

use std::process::ExitCode;

use crate::project::Project;
use crate::{report, setup};

/// Look up again what the tables of the knowledge base say
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask tables\n  cargo xtask tables contents\n  cargo xtask tables index imports\n\n\
                  Exit codes: 0 done, read the difference and commit it, 1 a table differs that has to be changed by hand, 2 usage, 3 no engine or no answer"
)]
pub struct Args {
    /// Which; all of them but `interfaces` where none is named
    #[arg(value_enum)]
    what: Vec<What>,
    /// `docker`, `podman`, or a path
    #[arg(long, value_name = "ENGINE")]
    engine: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Files and packages of Debian's releases, from their Contents indexes
    Contents,
    /// Days of breaking releases, Pythons and companions of torch, from the package index
    Index,
    /// Modules and their distributions, from the images that the proofs of the notes have left
    Imports,
    /// When names came into libraries and went, from the sources of their releases; takes hours, and goes on where it was
    Interfaces,
    /// Modules of the standard library, from the interpreters of the base images
    Stdlib,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let project = Project::find(&std::env::current_dir()?, None);
    let engine = setup::ensure_engine(args.engine.as_deref(), false)?;
    let asked = |what: What| args.what.is_empty() || args.what.contains(&what);
    let mut differs = false;
    if asked(What::Contents) {
        contents::make(&engine, &project)?;
    }
    if asked(What::Index) {
        index::renew(&engine, &project)?;
    }
    // Hours are nothing to start by leaving something out.
    if args.what.contains(&What::Interfaces) {
        interfaces::make(&engine, &project)?;
    }
    if asked(What::Imports) {
        differs |= imports::renew(&project)?;
    }
    if asked(What::Stdlib) {
        differs |= stdlib::compare(&engine, &project)?;
    }
    if differs {
        report::note("hint: what differs is changed by hand: only a person knows which of the two is meant");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
