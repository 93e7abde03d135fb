//! `demo`: one real repository with a real neural network, end to end.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::commands::repro;
use crate::cycle::{self, From, Options};
use crate::project::Project;
use crate::report::{self, Format};
use crate::{bases, setup};

/// Reproduce one real repository end to end.
///
/// The repository is Google's Magika: a neural network that recognises file types, with its weights in the source
/// distribution.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask demo           # says what is missing\n  cargo xtask demo --setup   # installs and starts it first"
)]
pub struct Args {
    /// Install and start what is missing (Debian and Ubuntu as root: the distribution's Docker; else rootless podman)
    #[arg(long)]
    setup: bool,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What the demo reproduces.
const REPOSITORY: &str = "google/magika";
const SOURCE: &str = "pypi:magika==0.5.1";
/// A base image that can be stood in for on any machine with a Debian mirror.
const BASE: &str = "python:3.11-slim-bookworm";

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    // The demo leaves the project's own results alone.
    let here = Project::find(&std::env::current_dir()?, None);
    let project = Project { repositories: here.root.join("target/repro/demo"), ..here };
    let engine = setup::ensure_engine(None, args.setup)?;
    let from = From {
        repository: REPOSITORY.to_owned(),
        source: Some(SOURCE.to_owned()),
        platform: "linux/amd64".to_owned(),
        ..From::default()
    };
    if args.setup {
        bases::ensure(&engine, BASE, &project)?;
    }
    let pythons = bases::pythons(&engine, &project)?;
    let read = cycle::read(&from, &project, Some(&engine), false)?;
    let plan = cycle::plan(&read, &from, &project, &pythons)?;
    let options = Options {
        max_attempts: 5,
        timeout: Duration::from_mins(5),
        no_cache: false,
        weights: None,
        offline: true,
        force: true,
        build_args: Vec::new(),
        stop_after: None,
        ask: None,
        interactive: false,
    };
    let ended = cycle::reproduce(&engine, &read, plan, &project, &options)?;
    repro::say(&ended, &project, args.format)?;
    report::status("Demo", format!("took {:.0} s", start.elapsed().as_secs_f64()));
    Ok(repro::exit_code(&ended.end))
}
