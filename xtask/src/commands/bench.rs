//! `bench`: what a repeated `repro` costs beside the bare commands of the engine.
//!
//! In: a stored repository. Out: the times of a `repro` with nothing changed, and of the very `docker build` and
//! `docker run` that its receipt prints, taken in turns. It works in a folder of its own; the stored result stays as it is.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use repro_generator::receipt::Receipt;
use serde::Serialize;
use serde_json::json;

use crate::engine::Engine;
use crate::failure::{could_not_tell, input};
use crate::interrupt;
use crate::project::Project;
use crate::report::{self, Format};
use crate::{bases, files, setup};

/// Time a repeated `repro` beside the bare `docker build` and `docker run`.
///
/// Both are run in turns on unchanged input, after one round that does not count. The bare commands are those that the
/// receipt prints.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask bench\n  cargo xtask bench karpathy/micrograd --rounds 9 --format json\n\n\
    Exit codes: 0 within the limit, 1 above it, 2 usage, 3 could not tell (engine or network missing)"
)]
pub struct Args {
    /// A repository that is stored with a source distribution as its source
    #[arg(value_name = "USER/REPO", default_value = "google/magika")]
    repository: String,
    /// How many times each is run
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Seconds that the median of `repro` may be above that of the bare commands
    #[arg(long, default_value_t = 2.0, value_name = "SECONDS")]
    limit: f64,
    /// Append a Markdown table to this file
    #[arg(long, value_name = "FILE")]
    summary: Option<std::path::PathBuf>,
    /// `docker`, `podman`, or the path of one
    #[arg(long)]
    engine: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// One round, in seconds.
#[derive(Debug, Clone, Copy, Serialize)]
struct Round {
    build: f64,
    run: f64,
    repro: f64,
}

impl Round {
    fn bare(self) -> f64 {
        self.build + self.run
    }
}

/// Smallest, middle and largest of some seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

impl Spread {
    fn of(rounds: &[Round], seconds: impl Fn(Round) -> f64) -> Self {
        let mut all: Vec<f64> = rounds.iter().map(|&round| seconds(round)).collect();
        all.sort_by(f64::total_cmp);
        let at = |index: usize| all.get(index).copied().unwrap_or_default();
        let middle = all.len() / 2;
        let median =
            if all.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.saturating_sub(1)), at(middle)) };
        Self { min: at(0), median, max: at(all.len().saturating_sub(1)) }
    }
}

/// How long one command may take; nothing has changed, so none takes minutes.
const PATIENCE: Duration = Duration::from_mins(30);

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let project = Project::find(&std::env::current_dir()?, None);
    let stored = project.folder(&args.repository).join("receipt.json");
    let receipt = read(&stored)?;
    let source = source(&receipt).ok_or_else(|| {
        input(format!(
            "`{}` was not made from a source distribution\nhint: choose one whose receipt says `\"source\": \"pypi …\"`",
            args.repository
        ))
    })?;
    let engine = setup::ensure_engine(args.engine.as_deref(), false)?;
    if let bases::Obtained::Nowhere(why) = bases::obtain(&engine, &receipt.base.image, &project)? {
        return Err(could_not_tell(why));
    }
    let folder = project.root.join("target/repro/bench");
    let program = std::env::current_exe()?.display().to_string();
    let results = folder.join("repositories").display().to_string();
    let mut words: Vec<&str> = vec!["repro", &args.repository, "--source", &source, "--repositories", &results];
    if let Some(engine) = &args.engine {
        words.extend(["--engine", engine]);
    }
    let repro = duct::cmd(&program, words).dir(&project.root);
    report::status("Preparing", format!("{}: one round that does not count", args.repository));
    timed("repro", &repro)?;
    let receipt = read(&folder.join("repositories").join(&args.repository).join("receipt.json"))?;
    if !receipt.success {
        return Err(could_not_tell(format!("`{}` was not reproduced, so there is nothing to time", args.repository)));
    }
    let (build, run) = bare(&engine, &receipt)?;
    // The commands name the folder as seen from the project's root; here that is the folder of the results.
    let (build, run) = (build.dir(&folder), run.dir(&folder));
    timed("docker build", &build)?;
    let mut rounds = Vec::new();
    for number in 1..=args.rounds {
        // `repro` comes last, so that the image that stays is the one that the tool knows as its own.
        let build = timed("docker build", &build)?;
        let run = timed("docker run", &run)?;
        let repro = timed("repro", &repro)?;
        report::status("Round", format!("{number}: build {build:.2} s, run {run:.2} s, repro {repro:.2} s"));
        rounds.push(Round { build, run, repro });
    }
    print(&rounds, &receipt, &engine, args)
}

fn read(path: &std::path::Path) -> anyhow::Result<Receipt> {
    let text = fs_err::read_to_string(path).map_err(|error| {
        input(format!("{error}\nhint: the repository has to be stored; `cargo xtask verify-all` lists those that are"))
    })?;
    serde_json::from_str(&text)
        .map_err(|error| input(format!("{}: {error}\nhint: restore it from version control", path.display())))
}

/// What `--source` has to say for the same source distribution: `pypi magika==0.5.1` gives `pypi:magika==0.5.1`.
fn source(receipt: &Receipt) -> Option<String> {
    receipt.source.strip_prefix("pypi ").map(|what| format!("pypi:{what}"))
}

/// The receipt's own commands, with the engine and the builder that `repro` uses.
fn bare(engine: &Engine, receipt: &Receipt) -> anyhow::Result<(duct::Expression, duct::Expression)> {
    let words = |line: &str| {
        let words = shlex::split(line).filter(|words| words.len() > 1);
        words.ok_or_else(|| input(format!("the receipt's command cannot be read: `{line}`\nhint: reproduce it anew")))
    };
    let build = words(&receipt.build_command)?;
    let run = words(receipt.run_commands.first().map_or("", String::as_str))?;
    Ok((engine.bare_build(build.get(1..).unwrap_or_default()), engine.bare(run.get(1..).unwrap_or_default())))
}

/// Runs a command without showing what it prints. Seconds of wall clock; one that fails cannot be timed.
fn timed(name: &str, expression: &duct::Expression) -> anyhow::Result<f64> {
    if interrupt::requested() {
        anyhow::bail!(crate::failure::Failure::Interrupted);
    }
    let start = Instant::now();
    let mut last = String::new();
    let code = crate::engine::watch(expression, PATIENCE, None, &mut |line| {
        if !line.trim().is_empty() {
            line.trim().clone_into(&mut last);
        }
    })?;
    let seconds = start.elapsed().as_secs_f64();
    match code {
        Some(0) => Ok(seconds),
        _ => Err(could_not_tell(format!(
            "`{name}` did not end well, so its time says nothing: {last}\nhint: run it by hand; `cargo xtask doctor` checks the engine"
        ))),
    }
}

/// The machine's load, as the first number of `/proc/loadavg`; `None` where there is no such file.
fn load() -> Option<f64> {
    fs_err::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

fn print(rounds: &[Round], receipt: &Receipt, engine: &Engine, args: &Args) -> anyhow::Result<ExitCode> {
    let repro = Spread::of(rounds, |round| round.repro);
    let bare = Spread::of(rounds, Round::bare);
    let difference = Spread::of(rounds, |round| round.repro - round.bare());
    let within = difference.median <= args.limit;
    let rows = [
        ("repro", repro),
        ("docker build + docker run", bare),
        ("  docker build", Spread::of(rounds, |round| round.build)),
        ("  docker run", Spread::of(rounds, |round| round.run)),
        ("difference", difference),
    ];
    let verdict = format!(
        "repro adds {:.2} s (median of {} rounds), {} the limit of {} s",
        difference.median,
        rounds.len(),
        if within { "within" } else { "ABOVE" },
        args.limit
    );
    let load = load();
    let load_words = load.map_or_else(String::new, |load| format!(", load {load:.1} at the end"));
    let about = format!("{} with {}{load_words}", receipt.repo, engine.describe_without_paths());
    match args.format {
        Format::Json => report::json(&json!({
            "schema": 1, "repo": receipt.repo, "engine": engine.describe_without_paths(), "load": load,
            "build_command": receipt.build_command, "run_command": receipt.run_commands.first(),
            "rounds": rounds, "repro": repro, "bare": bare, "difference": difference,
            "limit": args.limit, "within": within,
        }))?,
        Format::Text => {
            report::data(&about);
            report::data(format!("{:26}  {:>7}  {:>7}  {:>7}", "seconds", "min", "median", "max"));
            for (name, spread) in rows {
                report::data(format!("{name:26}  {:>7.2}  {:>7.2}  {:>7.2}", spread.min, spread.median, spread.max));
            }
            report::data(&verdict);
        }
    }
    if let Some(path) = &args.summary {
        let mut text = format!("{about}\n\n| seconds | min | median | max |\n| --- | ---: | ---: | ---: |\n");
        for (name, spread) in rows {
            let name = name.trim();
            text.push_str(&format!("| {name} | {:.2} | {:.2} | {:.2} |\n", spread.min, spread.median, spread.max));
        }
        files::append(path, format!("{text}\n{verdict}\n").as_bytes())?;
    }
    Ok(if within { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_of_all_rounds() {
        let rounds = |all: &[f64]| all.iter().map(|&repro| Round { build: 1.0, run: 1.0, repro }).collect::<Vec<_>>();
        let spread = |all: &[f64]| Spread::of(&rounds(all), |round| round.repro - round.bare());
        assert_eq!(spread(&[5.0, 3.0, 9.0]), Spread { min: 1.0, median: 3.0, max: 7.0 });
        assert_eq!(spread(&[4.0, 3.0]), Spread { min: 1.0, median: 1.5, max: 2.0 });
        assert_eq!(spread(&[4.0]), Spread { min: 2.0, median: 2.0, max: 2.0 });
    }

    #[test]
    fn only_a_source_distribution_can_be_had_again_without_a_checkout() {
        let source = |text: &str| source(&Receipt { source: text.to_owned(), ..Receipt::default() });
        assert_eq!(source("pypi magika==0.5.1").as_deref(), Some("pypi:magika==0.5.1"));
        assert_eq!(source("git https://mirror.example/user/repo"), None);
    }
}
