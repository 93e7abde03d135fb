//! `bases`: stand-ins for base images, where no registry answers.

use std::{path::Path, process::ExitCode};

use serde::Serialize;

use crate::{
    bases::{self, Made, Options},
    engine::{Engine, human_bytes},
    failure::Failure,
    interrupt,
    project::Project,
    report::{self, Format},
    setup,
};

/// Build stand-ins for base images where no registry answers
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask bases python:3.11-slim-bookworm\n  cargo xtask bases                     \
                        every Python that this machine can give\n  cargo xtask bases --list\n  cargo xtask bases --remove\n\n\
                        A stand-in is made by debootstrap (as root) from a Debian mirror and a CPython of this machine, \
                        else Debian's own. It carries the label `repro.stand-in=1`."
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Args {
    /// Images with their Debian suite in the tag; none: every Python that can be had for the suites
    #[arg(value_name = "TAG")]
    tags: Vec<String>,
    /// Say which stand-ins are here and which can be made, and change nothing
    #[arg(long, conflicts_with_all = ["remove", "force", "mirror"])]
    list: bool,
    /// Remove the named stand-ins, or all of them
    #[arg(long, conflicts_with_all = ["force", "mirror"])]
    remove: bool,
    /// Debian suites to make stand-ins for when no tag is named
    #[arg(long = "suite", value_name = "SUITE", default_value = bases::USUAL_SUITE)]
    suites: Vec<String>,
    /// Debian mirror instead of the one that apt of this machine uses
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// Make them anew although images of these names are here, and without asking a registry
    #[arg(long)]
    force: bool,
    /// `docker`, `podman`, or a path
    #[arg(long, value_name = "ENGINE")]
    engine: Option<String>,
    /// Install and start an engine where there is none
    #[arg(long)]
    setup: bool,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What `--format json` prints.
#[derive(Debug, Default, Serialize)]
struct Answer {
    schema: u32,
    stand_ins: Vec<bases::StandIn>,
    /// Tags that could be made here and are not.
    possible: Vec<String>,
    made: Vec<String>,
    removed: Vec<String>,
    failed: Vec<Failed>,
}

#[derive(Debug, Serialize)]
struct Failed {
    tag: String,
    reason: String,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let engine = setup::ensure_engine(args.engine.as_deref(), args.setup)?;
    let project = Project::find(Path::new("."), None);
    let mut answer = Answer { schema: 1, ..Answer::default() };
    if args.remove {
        answer.removed = bases::remove(&engine, &args.tags)?;
        for tag in &answer.removed {
            report::status("Removed", tag);
        }
    } else if !args.list {
        make(&engine, args, &project, &mut answer)?;
    }
    answer.stand_ins = bases::stand_ins(&engine)?;
    let usual = bases::usual(&args.suites);
    answer.possible =
        usual.into_iter().filter(|tag| answer.stand_ins.iter().all(|stand_in| stand_in.tag != *tag)).collect();
    let failed = !answer.failed.is_empty();
    match args.format {
        Format::Json => report::json(&answer)?,
        Format::Text => report::data(text(&answer, args.list)),
    }
    Ok(if failed { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

fn make(engine: &Engine, args: &Args, project: &Project, answer: &mut Answer) -> anyhow::Result<()> {
    let options = Options { mirror: args.mirror.clone(), force: args.force };
    let tags = if args.tags.is_empty() { bases::usual(&args.suites) } else { args.tags.clone() };
    for tag in tags {
        if interrupt::requested() {
            return Err(Failure::Interrupted.into());
        }
        match bases::make(engine, &tag, &options, project) {
            Ok(Made::New) => answer.made.push(tag),
            Ok(Made::Present) => report::status("Present", &tag),
            Ok(Made::Pulled) => report::status("Fetched", format!("{tag} from its registry; no stand-in is needed")),
            Err(_) if interrupt::requested() => return Err(Failure::Interrupted.into()),
            // One Python that cannot be had is no reason to go without the others.
            Err(error) => {
                report::warning(format!("{error:#}"));
                answer.failed.push(Failed { tag, reason: format!("{error:#}") });
            }
        }
    }
    Ok(())
}

fn text(answer: &Answer, list: bool) -> String {
    let mut lines: Vec<String> = answer
        .stand_ins
        .iter()
        .map(|stand_in| {
            let python = match (&stand_in.python, stand_in.origin.as_deref()) {
                (Some(version), Some("debian")) => format!("Debian's own Python {version}"),
                (Some(version), _) => format!("Python {version} of this machine"),
                (None, _) => "no Python".to_owned(),
            };
            format!("{:<30}{:<10}{python}", stand_in.tag, human_bytes(stand_in.bytes))
        })
        .collect();
    if lines.is_empty() {
        lines.push("no stand-ins here".to_owned());
    }
    if list && !answer.possible.is_empty() {
        lines.push(format!("can be made: {}", answer.possible.join(" ")));
    }
    lines.join("\n")
}
