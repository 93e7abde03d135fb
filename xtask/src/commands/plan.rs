//! `plan`: facts and plan, without an engine.

use std::path::PathBuf;
use std::process::ExitCode;

use repro_generator::plan::Plan;
use repro_generator::{documents, planner, report as contract};

use crate::cycle;
use crate::project::Project;
use crate::report::{self, Format};

/// Show what would be built and why; needs no engine.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask plan karpathy/micrograd\n  cargo xtask plan karpathy/micrograd --explain\n  \
                        cargo xtask plan me/model --source ../model --format json"
)]
pub struct Args {
    #[command(flatten)]
    pub from: cycle::From,
    /// Show the evidence behind each item
    #[arg(long)]
    explain: bool,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Folder of the results, for the `repro.toml` in it
    #[arg(long, value_name = "DIR")]
    repositories: Option<PathBuf>,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let project = Project::find(&std::env::current_dir()?, args.repositories.clone());
    let read = cycle::read(&args.from, &project, None, false)?;
    let plan = cycle::plan(&read, &args.from, &project, &[])?;
    print(&plan, args.format, args.explain)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a plan as data.
pub fn print(plan: &Plan, format: Format, explain: bool) -> anyhow::Result<()> {
    match format {
        Format::Json => report::json(&contract::plan_json(plan)),
        Format::Text => {
            report::data(text(plan, explain));
            Ok(())
        }
    }
}

/// Need, base and main command first; then the steps; with `explain` a reason under each.
pub fn text(plan: &Plan, explain: bool) -> String {
    let mut lines = vec![
        format!("{:<10}{} at {} ({})", "source", plan.repo, plan.source.commit, plan.source.committed),
        format!("{:<10}{}", "gpu", planner::describe_gpu(&plan.gpu)),
        format!("{:<10}{}", "base", plan.base_image),
    ];
    if explain {
        lines.extend(plan.python.because.iter().map(|r| format!("{:<12}{}", "", r.line())));
    }
    match &plan.main {
        Some(main) => {
            lines.push(format!("{:<10}{}", "main", main.command.line));
            for setup in &main.command.setup {
                lines.push(format!("{:<10}  after {setup}", ""));
            }
            if explain {
                lines.extend(main.because.iter().chain(&main.changes).map(|r| format!("{:<12}{r}", "")));
                lines.extend(main.evidence.iter().map(|e| format!("{:<12}{}:{}: {}", "", e.path, e.line, e.text)));
            }
        }
        None => lines.push(format!("{:<10}nothing found", "main")),
    }
    if let Some(date) = &plan.resolve_date {
        lines.push(format!("{:<10}{date}", "resolve"));
    }
    if explain {
        for (title, items) in [("apt", &plan.apt), ("flag", &plan.run_flags)] {
            for item in items {
                lines.push(format!("{title:<10}{}", item.value));
                lines.extend(item.because.iter().map(|r| format!("{:<12}{}", "", r.line())));
            }
        }
        for wanted in plan.pip.requirements.iter().chain(&plan.pip.constraints).chain(&plan.pip.removed) {
            lines.push(format!("{:<10}{}", "pip", wanted.spec));
            lines.extend(wanted.because.iter().map(|r| format!("{:<12}{}", "", r.line())));
        }
        for other in &plan.alternatives {
            lines.push(format!("{:<10}{} ({:.2})", "or", other.command.line, other.score));
            lines.push(format!("{:<12}{}", "", other.because.join("; ")));
        }
    } else {
        lines.extend(contract::steps(plan).iter().map(|step| format!("{:<10}{step}", "step")));
        for other in plan.alternatives.iter().take(3) {
            lines.push(format!("{:<10}{}", "or", other.command.line));
        }
    }
    lines.push(format!(
        "{:<10}{}",
        "run",
        documents::run_command(plan, repro_knowledge::base().image(&plan.base_image).as_ref(), None, &[])
    ));
    lines.extend(plan.warnings.iter().map(|w| format!("{:<10}{w}", "warning")));
    lines.join("\n")
}
