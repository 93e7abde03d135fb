//! `completions`: shell completions on stdout.

use std::process::ExitCode;

use clap::CommandFactory as _;

/// Print shell completions.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cargo xtask completions bash > ~/.local/share/bash-completion/completions/xtask")]
pub struct Args {
    /// The shell to print them for
    shell: clap_complete::Shell,
}

#[expect(clippy::unnecessary_wraps, reason = "every command has the same signature")]
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut command = crate::Cli::command();
    clap_complete::generate(args.shell, &mut command, "xtask", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}
