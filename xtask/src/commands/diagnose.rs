//! `diagnose`: what a log says, which pitfall, which fix.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use repro_core::{Context, Phase, Said};
use repro_generator::existing::{self, Existing};
use serde_json::json;

use crate::report::{self, Format};

/// Say what a failing log means and what mends it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask diagnose build.log\n  docker build . 2>&1 | cargo xtask diagnose -\n  \
                        cargo xtask diagnose --base python:3.11-slim-trixie --format json build.log\n  \
                        cargo xtask diagnose --phase run --requirements requirements.txt run.log\n\n\
                        Exit codes: 0 answered, also where nothing is wrong; 2 usage or bad input"
)]
pub struct Args {
    /// The log; `-` reads standard input
    log: PathBuf,
    /// Base image that the log comes from
    #[arg(long, value_name = "IMAGE")]
    base: Option<String>,
    /// Where the log comes from: a resolve, a build, a run of the program
    #[arg(long, value_enum)]
    phase: Option<Stage>,
    /// Requirement file of the program: what is pinned to other versions is ruled out; may be repeated
    #[arg(long, value_name = "FILE")]
    requirements: Vec<PathBuf>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Where a log comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Stage {
    Lock,
    Build,
    Run,
}

/// Bytes that are read at a time.
const PIECE: usize = 1 << 16;

/// What the arguments say about the program.
fn context(args: &Args) -> anyhow::Result<Context> {
    let mut project = Existing::default();
    if let Some(base) = &args.base {
        project.dockerfile = format!("FROM {base}\n");
    }
    for path in &args.requirements {
        project.files.insert(path.display().to_string(), fs_err::read_to_string(path)?);
    }
    let known = existing::context(&project, &BTreeMap::new(), repro_knowledge::base());
    let phase = args.phase.map(|stage| match stage {
        Stage::Lock => Phase::Lock,
        Stage::Build => Phase::Build,
        Stage::Run => Phase::Run,
    });
    // What nobody has said excludes nothing.
    let distributions = known.distributions.filter(|_| !args.requirements.is_empty());
    Ok(Context { phase, distributions, ..known })
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let context = context(args)?;
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
    let Said { diagnoses, questions, decisive } = reading.said();
    match args.format {
        Format::Json => {
            report::json(&json!({ "schema": 1, "diagnoses": diagnoses, "open": questions, "decisive": decisive }))?;
        }
        Format::Text => {
            for question in questions.iter().filter(|one| diagnoses.iter().all(|known| known.line != one.line)) {
                report::data(report::heading(format!("{}: {}", question.pitfall, question.cause)));
                report::data(format!("  line {}: {}", question.line, question.excerpt));
                report::data("  fix: no table knows it; `repro` and `build` search for it");
            }
            match &decisive {
                Some(line) => {
                    report::data("nothing wrong that is known here; the line that reports a failure:");
                    report::data(format!("  line {}: {}", line.line, line.text));
                }
                None if diagnoses.is_empty() && questions.is_empty() => {
                    report::data("nothing wrong that is known here");
                }
                None => {}
            }
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
