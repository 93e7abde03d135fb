//! `repro`: the whole cycle for one repository.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use repro_generator::planner;
use repro_generator::receipt::Receipt;
use repro_generator::repair::End;

use crate::bases;
use crate::commands::plan;
use crate::cycle::{self, Ended, Options, StopAfter};
use crate::engine::Engine;
use crate::failure::input;
use crate::project::Project;
use crate::report::{self, Format};

/// Read a repository, build an image, run its main command, repair what fails, keep the result.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask repro karpathy/micrograd\n  cargo xtask repro spotify/basic-pitch@v0.4.0 --dry-run\n  \
    cargo xtask repro ipazc/mtcnn --source pypi:mtcnn\n  cargo xtask repro me/model --source ../model --command 'python demo.py'\n\n\
    Exit codes: 0 proved, 1 not reproduced, 2 usage or bad input, 3 could not tell (engine, network or GPU missing)"
)]
pub struct Args {
    #[command(flatten)]
    pub from: cycle::From,
    /// Stop at the plan
    #[arg(long)]
    dry_run: bool,
    /// Stop after a stage
    #[arg(long, value_enum, conflicts_with = "dry_run")]
    stop_after: Option<StopAfter>,
    /// Put results here instead of the project's own `repositories`
    #[arg(long, value_name = "DIR")]
    repositories: Option<PathBuf>,
    /// Build without the builder's cache, and repeat what failed before
    #[arg(long)]
    no_cache: bool,
    /// How often to build and run before giving up
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    max_attempts: u16,
    /// Seconds that the main command may run
    #[arg(long, default_value_t = 1200, value_name = "SECONDS")]
    timeout: u64,
    /// `docker`, `podman`, or the path of one
    #[arg(long)]
    engine: Option<String>,
    /// Further `--build-arg` of the build
    #[arg(long, value_name = "KEY=VALUE")]
    build_arg: Vec<String>,
    /// No network while the main command runs
    #[arg(long)]
    offline: bool,
    /// Weights that are already there: a cache of a model hub, or files as upstream names them; mounted, never copied
    #[arg(long, value_name = "DIR")]
    weights: Option<PathBuf>,
    /// Program that is asked when nothing known is left: a question as JSON on its stdin, edits as JSON from its stdout
    #[arg(long, value_name = "CMD")]
    ask: Option<String>,
    /// Ask before each change
    #[arg(long)]
    interactive: bool,
    /// Write files anew that were edited by hand
    #[arg(long)]
    force: bool,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let project = Project::find(&std::env::current_dir()?, args.repositories.clone());
    let ask = args.ask.as_deref().map(crate::ask::words).transpose()?;
    if args.interactive {
        crate::ask::require_terminal()?;
    }
    let is_sdist = args.from.source.as_deref().is_some_and(|s| s.starts_with("pypi:"));
    let stop = if args.dry_run { Some(StopAfter::Plan) } else { args.stop_after };
    let planning_only = matches!(stop, Some(StopAfter::Facts | StopAfter::Plan));
    // A plan needs no engine, except for the sdist that it is made from.
    let engine = if planning_only && !is_sdist {
        None
    } else {
        match Engine::detect(args.engine.as_deref()) {
            Ok(engine) => Some(engine),
            Err(error) => {
                // Wrong input stays wrong with an engine; at hand it can be told without one.
                if !is_sdist && args.from.source.is_some() {
                    cycle::read(&args.from, &project, None, false)?;
                }
                return Err(error.into());
            }
        }
    };
    let read = cycle::read(&args.from, &project, engine.as_ref(), false)?;
    if stop == Some(StopAfter::Facts) {
        report::json(&read.facts)?;
        return Ok(ExitCode::SUCCESS);
    }
    let pythons = match &engine {
        Some(engine) if !planning_only => bases::pythons(engine, &project)?,
        _ => Vec::new(),
    };
    let plan = cycle::plan(&read, &args.from, &project, &pythons)?;
    if stop == Some(StopAfter::Plan) {
        plan::print(&plan, args.format, false)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(engine) = engine else { return Ok(ExitCode::from(3)) };
    report::status("Need", planner::describe_gpu(&plan.gpu));
    report::status("Base", &plan.base_image);
    report::status("Main", plan.main.as_ref().map_or("nothing found", |m| &m.command.line));
    let options = Options {
        max_attempts: usize::from(args.max_attempts),
        timeout: Duration::from_secs(args.timeout),
        no_cache: args.no_cache,
        offline: args.offline,
        weights: args.weights.as_deref().map(crate::weights::Folder::read).transpose()?,
        force: args.force,
        build_args: args.build_arg.iter().map(|a| pair(a)).collect::<anyhow::Result<_>>()?,
        stop_after: stop,
        ask,
        interactive: args.interactive,
    };
    let ended = cycle::reproduce(&engine, &read, plan, &project, &options)?;
    say(&ended, &project, args.format)?;
    Ok(exit_code(&ended.end))
}

/// Key and value of `--build-arg`.
pub fn pair(argument: &str) -> anyhow::Result<(String, String)> {
    argument.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())).ok_or_else(|| {
        input(format!("`--build-arg {argument}` is not KEY=VALUE\nhint: write it as `--build-arg KEY=VALUE`"))
    })
}

/// 0 proved, 1 a verdict against, 3 unknowable. A stage that one asked to stop after is an end that one asked for.
pub fn exit_code(end: &End) -> ExitCode {
    match end {
        End::Proved | End::Stopped(_) => ExitCode::SUCCESS,
        End::NotReproduced(_) => ExitCode::from(1),
        End::CouldNotTell(_) => ExitCode::from(3),
    }
}

/// Says how a cycle ended: the receipt as JSON, or a few lines.
pub fn say(ended: &Ended, project: &Project, format: Format) -> anyhow::Result<()> {
    let receipt = &ended.receipt;
    if format == Format::Json {
        return report::json(receipt);
    }
    match &ended.end {
        End::Proved => report::data(report::heading(format!(
            "reproduced: level {}, proof {}",
            receipt.level.as_deref().unwrap_or_default(),
            receipt.proof.as_deref().unwrap_or_default()
        ))),
        End::NotReproduced(why) => report::data(report::heading(format!("not reproduced: {why}"))),
        End::CouldNotTell(why) => report::data(report::heading(format!("could not tell: {why}"))),
        End::Stopped(why) => report::data(report::heading(why)),
    }
    for (name, framework) in &receipt.evidence.frameworks {
        report::data(format!("  {name}: {}", framework.describe()));
    }
    if let Some(server) = &receipt.evidence.server {
        report::data(format!("  {}", server.describe()));
    }
    for line in receipt.evidence.written().take(5) {
        report::data(format!("  wrote {line}"));
    }
    if let Some(line) = &receipt.evidence.last_line {
        report::data(format!("  said: {line}"));
    }
    report::data(format!("  folder  {}", project.folder(&receipt.repo).display()));
    say_image(receipt);
    Ok(())
}

/// The image, how to build and run it, where the logs are, and what to keep in mind.
pub fn say_image(receipt: &Receipt) {
    report::data(format!("  image   {}", receipt.image.as_deref().unwrap_or("none")));
    report::data(format!("  build   {}", receipt.build_command));
    for command in &receipt.run_commands {
        report::data(format!("  run     {command}"));
    }
    for (name, path) in &receipt.logs {
        report::data(format!("  log     {name}: {path}"));
    }
    for caveat in &receipt.caveats {
        report::data(format!("  caveat  {caveat}"));
    }
    if let Some(furthest) = &receipt.furthest {
        report::data(format!("  reached {furthest}, as the furthest stage"));
    }
    for one in &receipt.tries {
        report::data(format!("  try     {one}"));
    }
}
