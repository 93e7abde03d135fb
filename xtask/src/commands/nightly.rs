//! `nightly`: everything too long for continuous integration.

use std::process::ExitCode;

use crate::project::Project;
use crate::setup;
use crate::steps::Steps;

/// Everything that is too long for continuous integration.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cargo xtask nightly --setup")]
pub struct Args {
    /// Install and start what is missing
    #[arg(long)]
    setup: bool,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let project = Project::find(&std::env::current_dir()?, None);
    setup::ensure_engine(None, args.setup)?;
    let mut steps = Steps::new(&project);
    let variables = [("REPRO_ENGINE_REQUIRED", "1"), ("REPRO_LONG", "1")];
    steps.cargo("tests, the long ones too", &["test", "--workspace", "--quiet"], &variables);
    steps.xtask("every repository", &["verify-all", "--fresh"]);
    Ok(steps.end())
}
