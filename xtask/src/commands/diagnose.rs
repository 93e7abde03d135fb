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

/// Bytes that are read at a time.
const PIECE: usize = 1 << 16;

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let context = Context { base_image: args.base.clone(), ..Context::default() };
    let mut reading = repro_knowledge::base().reading(context);
    let mut push = |input: &mut dyn std::io::Read| -> std::io::Result<()> {
        let mut piece = vec![0; PIECE];
        loop {
            match input.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(length) => reading.push(piece.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    };
    if args.log.as_os_str() == "-" {
        push(&mut std::io::stdin().lock()).context("standard input could not be read")?;
    } else {
        let file = fs_err::File::open(&args.log)?;
        let info = file.metadata()?;
        // Somebody may go on writing: what is there now is read.
        let end = if info.is_file() { info.len() } else { u64::MAX };
        push(&mut file.take(end))?;
    }
    let diagnoses = reading.finish();
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
