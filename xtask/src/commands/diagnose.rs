//! `diagnose`: what a log says, which pitfall, which fix.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use repro_core::Context;
use serde_json::json;

use crate::report::{self, Format};

/// Say what a failing log means and what mends it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask diagnose build.log\n  docker build . 2>&1 | cargo xtask diagnose -\n  \
                        cargo xtask diagnose --base python:3.11-slim-trixie --format json build.log"
)]
pub struct Args {
    /// The log; `-` reads standard input
    log: PathBuf,
    /// Base image that the log comes from
    #[arg(long)]
    base: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut bytes = Vec::new();
    if args.log.as_os_str() == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes).context("standard input could not be read")?;
    } else {
        bytes = fs_err::read(&args.log)?;
    }
    let log = String::from_utf8_lossy(&bytes);
    let context = Context { base_image: args.base.clone(), ..Context::default() };
    let diagnoses = repro_knowledge::base().diagnose(&log, &context);
    match args.format {
        Format::Json => report::json(&json!({ "schema": 1, "diagnoses": diagnoses }))?,
        Format::Text if diagnoses.is_empty() => report::data("nothing wrong that is known here"),
        Format::Text => {
            for diagnosis in &diagnoses {
                report::data(report::heading(format!("{}: {}", diagnosis.pitfall, diagnosis.cause)));
                report::data(format!("  line {}: {}", diagnosis.line, diagnosis.excerpt));
                for fix in &diagnosis.fix {
                    report::data(format!("  fix: {}", repro_generator::edit::describe(fix)));
                }
                if let Some(source) = &diagnosis.source {
                    report::data(format!("  source: {source}"));
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
