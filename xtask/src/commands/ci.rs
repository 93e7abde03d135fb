//! `ci`: what must hold before a change lands, on a bare machine, with a time table.

use std::process::ExitCode;

use crate::project::Project;
use crate::steps::Steps;
use crate::{bases, setup};

/// Everything that continuous integration checks.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask ci\n  cargo xtask ci --setup   # also installs and starts a container engine where none answers"
)]
pub struct Args {
    /// Install and start what is missing (Debian and Ubuntu as root: the distribution's Docker)
    #[arg(long)]
    setup: bool,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let project = Project::find(&std::env::current_dir()?, None);
    let engine = setup::ensure_engine(None, args.setup)?;
    if args.setup {
        bases::ensure(&engine, "python:3.11-slim-bookworm", &project)?;
    }
    let mut steps = Steps::new(&project);
    steps.cargo("format", &["fmt", "--all", "--check"], &[]);
    steps.cargo("clippy", &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"], &[]);
    steps.xtask("notes", &["lint-notes"]);
    steps.cargo("tests", &["test", "--workspace", "--quiet"], &[("REPRO_ENGINE_REQUIRED", "1")]);
    steps.xtask("demo", &["demo"]);
    steps.xtask("proofs, one note", &["lint-notes", "--verify", "--fresh", "--no-write", "apt"]);
    steps.xtask("verify, a shard", &["verify-all", "--fresh", "--shard", "1/7"]);
    steps.end()
}
