//! `lint-notes`: the gate for everything below `knowledge/`. Reads the files of the checkout, not those compiled in, so
//! that a note can be checked before it builds.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use repro_core::Finding;
use serde_json::json;

use crate::project::Project;
use crate::report;

/// Check every note: schema, patterns against samples and healthy logs, sources, fixes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask lint-notes\n  cargo xtask lint-notes opencv-python numpy\n  \
                        cargo xtask lint-notes --format github   # annotations in a workflow")]
pub struct Args {
    /// Only findings of these notes (all are read, since patterns may meet other notes' samples)
    notes: Vec<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One finding a paragraph
    #[default]
    Text,
    /// One JSON object
    Json,
    /// Annotations of a GitHub workflow
    Github,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let project = Project::find(&std::env::current_dir()?, None);
    let texts = read(&project.root.join("knowledge"))?;
    let asked = |finding: &Finding| {
        let stem = Path::new(&finding.path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        args.notes.is_empty() || stem.is_some_and(|stem| args.notes.contains(&stem))
    };
    let findings: Vec<Finding> =
        repro_core::lint::lint_all(&texts, repro_knowledge::contents()).into_iter().filter(asked).collect();
    match args.format {
        Format::Json => {
            let findings: Vec<_> = findings.iter().map(as_json).collect();
            report::json(&json!({ "schema": 1, "findings": findings }))?;
        }
        Format::Github => findings.iter().for_each(|finding| report::data(annotation(finding))),
        Format::Text => {
            for finding in &findings {
                report::data(format!("knowledge/{finding}\n"));
            }
            let notes = texts.keys().filter(|path| repro_core::is_note(path)).count();
            report::status("Checked", format!("{notes} notes, {} findings", findings.len()));
        }
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every file below `folder` that is text, by its path relative to it.
fn read(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    let mut pending = vec![String::new()];
    while let Some(below) = pending.pop() {
        let entries = fs_err::read_dir(folder.join(&below)).context("the notes could not be read")?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            if entry.file_type()?.is_dir() {
                pending.push(path);
            } else {
                let bytes = fs_err::read(entry.path())?;
                texts.insert(path, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }
    Ok(texts)
}

fn as_json(finding: &Finding) -> serde_json::Value {
    json!({
        "code": finding.code,
        "path": format!("knowledge/{}", finding.path),
        "line": finding.position.line,
        "column": finding.position.column,
        "message": finding.message,
        "help": finding.hint,
    })
}

/// A workflow command that puts the finding beside its line.
fn annotation(finding: &Finding) -> String {
    let escaped = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let hint = finding.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    format!(
        "::error file=knowledge/{},line={},col={},title={}::{}",
        finding.path,
        finding.position.line,
        finding.position.column,
        finding.code,
        escaped(&format!("{}{hint}", finding.message))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_is_one_line() {
        let finding = Finding::new("unknown-key", "libraries/x.md", "a\nb", 2..3, "100 % wrong").with_hint("mend it");
        assert_eq!(
            annotation(&finding),
            "::error file=knowledge/libraries/x.md,line=2,col=1,title=unknown-key::100 %25 wrong%0Ahint: mend it"
        );
    }
}
