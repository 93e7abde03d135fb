//! `cargo xtask`: every effect of the project, one command per module below `commands`.
#![expect(unreachable_pub, reason = "a binary has no outside: `pub` marks what a module offers to the others")]

mod ask;
mod bases;
mod commands;
mod cycle;
mod engine;
mod environment;
mod failure;
mod files;
mod git;
mod interrupt;
mod learn;
mod lock;
mod probe;
mod progress;
mod project;
mod proofs;
mod read_tree;
mod replay;
mod report;
mod search;
mod server;
mod setup;
mod smoke;
mod source;
mod steps;
mod weights;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;

/// From a repository with a model in it to an image in which its main command has really run.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read a repository, build an image, run its main command, repair what fails, keep the result
    Repro(commands::repro::Args),
    /// Show what would be built and why; needs no engine
    Plan(commands::plan::Args),
    /// Rebuild and rerun every stored repository
    VerifyAll(commands::verify_all::Args),
    /// Build a Dockerfile that is already there, and mend what fails
    Build(commands::build::Args),
    /// Say what a failing log means and what mends it
    Diagnose(commands::diagnose::Args),
    /// Check every note of the knowledge base
    LintNotes(commands::lint_notes::Args),
    /// Ask the knowledge base
    Notes(commands::notes::Args),
    /// Reproduce one real repository end to end
    Demo(commands::demo::Args),
    /// Say what is missing on this machine and how to get it
    Doctor(commands::doctor::Args),
    /// Build stand-ins for base images where no registry answers
    Bases(commands::bases::Args),
    /// Everything that continuous integration checks
    Ci(commands::ci::Args),
    /// Time a repeated `repro` beside the bare `docker build` and `docker run`
    Bench(commands::bench::Args),
    /// Repair the set-ups of `xtask/broken`, and say how each ended
    Broken(commands::broken::Args),
    /// Look up again what the tables of the knowledge base say
    Tables(commands::tables::Args),
    /// Everything that is too long for continuous integration
    Nightly(commands::nightly::Args),
    /// Print shell completions
    Completions(commands::completions::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    interrupt::install();
    let result = match cli.command {
        Command::Repro(args) => commands::repro::run(&args),
        Command::Plan(args) => commands::plan::run(&args),
        Command::VerifyAll(args) => commands::verify_all::run(&args),
        Command::Broken(args) => commands::broken::run(&args),
        Command::Build(args) => commands::build::run(&args),
        Command::Diagnose(args) => commands::diagnose::run(&args),
        Command::LintNotes(args) => commands::lint_notes::run(&args),
        Command::Notes(args) => commands::notes::run(&args),
        Command::Demo(args) => commands::demo::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Bases(args) => commands::bases::run(&args),
        Command::Ci(args) => commands::ci::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Tables(args) => commands::tables::run(&args),
        Command::Nightly(args) => commands::nightly::run(&args),
        Command::Completions(args) => commands::completions::run(&args),
    };
    match result {
        Ok(_) if interrupt::requested() => ExitCode::from(interrupt::EXIT_CODE),
        Ok(code) => code,
        // What fails while everything is being ended fails because of that.
        Err(_) if interrupt::requested() => {
            report::error(Failure::Interrupted);
            ExitCode::from(interrupt::EXIT_CODE)
        }
        Err(error) => {
            report::error(Failure::message(&error));
            Failure::exit_code(&error)
        }
    }
}
