//! `lint-notes`: the gate for everything below `knowledge/`. Reads the files of the checkout, not those compiled in, so
//! that a note can be checked before it builds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use repro_core::{Finding, KnowledgeBase};
use serde_json::json;

use crate::project::Project;
use crate::proofs::{self, End};
use crate::{files, report, setup};

/// Check every note: schema, patterns against samples and healthy logs, sources, fixes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask lint-notes\n  cargo xtask lint-notes opencv-python numpy\n  \
                        cargo xtask lint-notes --format github   # annotations in a workflow\n  \
                        cargo xtask lint-notes --verify numpy    # runs the note's proofs in containers")]
pub struct Args {
    /// Only findings of these notes (all are read, since patterns may meet other notes' samples)
    notes: Vec<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Mend what needs no thought: blanks at the ends of lines, and the index in knowledge/README.md
    #[arg(long)]
    fix: bool,
    /// Run the proofs in containers, and write the day into those that hold
    #[arg(long)]
    verify: bool,
    /// With `--verify`: run also what held in the last week with the same image and lines
    #[arg(long, requires = "verify")]
    fresh: bool,
    /// With `--verify`: leave the notes as they are
    #[arg(long, requires = "verify")]
    no_write: bool,
    /// With `--verify`: how many proofs at a time
    #[arg(long, value_name = "N", default_value_t = 2, requires = "verify")]
    jobs: usize,
    /// With `--verify`: only this part of the proofs, `1/4`
    #[arg(long, value_name = "I/N", requires = "verify")]
    shard: Option<String>,
    /// With `--verify`: append a Markdown table to this file
    #[arg(long, value_name = "FILE", requires = "verify")]
    summary: Option<std::path::PathBuf>,
    /// `docker`, `podman`, or a path
    #[arg(long, value_name = "ENGINE", requires = "verify")]
    engine: Option<String>,
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
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let project = Project::find(&std::env::current_dir()?, None);
    let mut texts = read(&project.root.join("knowledge"))?;
    if args.fix {
        for (path, text) in repro_core::lint::mended(&texts) {
            files::write_if_changed(&project.root.join("knowledge").join(&path), text.as_bytes())?;
            report::status("Mended", format!("knowledge/{path}"));
            texts.insert(path, text);
        }
    }
    let asked = |finding: &Finding| {
        let stem = Path::new(&finding.path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        args.notes.is_empty() || stem.is_some_and(|stem| args.notes.contains(&stem))
    };
    let findings: Vec<Finding> =
        repro_core::lint::lint_all(&texts, repro_knowledge::indexes()).into_iter().filter(asked).collect();
    match args.format {
        Format::Json => {
            let findings: Vec<_> = findings.iter().map(as_json).collect();
            report::json(&json!({ "schema": 1, "findings": findings }))?;
        }
        Format::Sarif => report::json(&sarif(&findings))?,
        Format::Github => findings.iter().for_each(|finding| report::data(annotation(finding))),
        Format::Text => {
            for finding in &findings {
                report::data(format!("knowledge/{finding}\n"));
            }
            let notes = texts.keys().filter(|path| repro_core::is_note(path)).count();
            report::status("Checked", format!("{notes} notes, {} findings", findings.len()));
        }
    }
    if !findings.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    if args.verify { verify(args, &texts, &project) } else { Ok(ExitCode::SUCCESS) }
}

/// Runs the proofs: exit code 1 where one does not hold, 3 where that could not be told.
fn verify(args: &Args, texts: &BTreeMap<String, String>, project: &Project) -> anyhow::Result<ExitCode> {
    let known =
        |name: &String| texts.keys().any(|path| Path::new(path).file_stem().is_some_and(|stem| stem == name.as_str()));
    if let Some(unknown) = args.notes.iter().find(|name| !known(name)) {
        return Err(crate::failure::input(format!(
            "there is no note `{unknown}`\nhint: `cargo xtask notes index` lists them"
        )));
    }
    let shard = args.shard.as_deref().map(crate::commands::verify_all::parse_shard).transpose()?;
    let engine = setup::ensure_engine(args.engine.as_deref(), false)?;
    let (base, _) = KnowledgeBase::from_texts(texts);
    let base = base.with_indexes(repro_knowledge::indexes());
    let options = proofs::Options { notes: args.notes.clone(), jobs: args.jobs, fresh: args.fresh, shard };
    let rows = proofs::verify(&engine, &base, project, &options)?;
    let written = if args.no_write { 0 } else { proofs::record(&rows, &project.root.join("knowledge"))? };
    let count = |wanted: fn(&End) -> bool| rows.iter().filter(|row| wanted(&row.end)).count();
    let broken = count(|end| matches!(end, End::Broken(_)));
    let unknown = count(|end| matches!(end, End::CouldNotTell(_)));
    report::status("Verified", format!("{}; {written} blocks written", proofs::counted(&rows)));
    if let Some(path) = &args.summary {
        files::append(path, proofs::markdown(&rows).as_bytes())?;
    }
    if crate::interrupt::requested() {
        anyhow::bail!(crate::failure::Failure::Interrupted);
    }
    Ok(match (broken, unknown) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::from(3),
        _ => ExitCode::FAILURE,
    })
}

/// Every file below `folder` that is text, by its path relative to it.
pub fn read(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
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

/// Findings as code scanning reads them.
/// <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>
fn sarif(findings: &[Finding]) -> serde_json::Value {
    let rules: BTreeSet<&str> = findings.iter().map(|finding| finding.code).collect();
    let rules: Vec<_> = rules.into_iter().map(|code| json!({ "id": code })).collect();
    let results: Vec<_> = findings
        .iter()
        .map(|finding| {
            let hint = finding.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
            json!({
                "ruleId": finding.code,
                "level": "error",
                "message": { "text": format!("{}{hint}", finding.message) },
                "locations": [{ "physicalLocation": {
                    "artifactLocation": { "uri": format!("knowledge/{}", finding.path) },
                    "region": { "startLine": finding.position.line, "startColumn": finding.position.column },
                } }],
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": { "name": "cargo xtask lint-notes", "rules": rules } }, "results": results }],
    })
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
    fn code_scanning_gets_a_place_for_every_finding() {
        let finding = Finding::new("unknown-key", "libraries/x.md", "a\nb", 2..3, "wrong").with_hint("mend it");
        let told = sarif(&[finding]);
        let result = &told["runs"][0]["results"][0];
        assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 2);
        assert_eq!(result["message"]["text"], "wrong\nhint: mend it");
        assert_eq!(told["runs"][0]["tool"]["driver"]["rules"][0]["id"], "unknown-key");
    }

    #[test]
    fn an_annotation_is_one_line() {
        let finding = Finding::new("unknown-key", "libraries/x.md", "a\nb", 2..3, "100 % wrong").with_hint("mend it");
        assert_eq!(
            annotation(&finding),
            "::error file=knowledge/libraries/x.md,line=2,col=1,title=unknown-key::100 %25 wrong%0Ahint: mend it"
        );
    }
}
