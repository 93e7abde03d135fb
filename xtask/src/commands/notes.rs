//! `notes`: the knowledge base from the shell.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use repro_core::{KnowledgeBase, Note, Query};
use serde_json::{Value, json};

use crate::failure::input;
use crate::files;
use crate::project::Project;
use crate::report::{self, Format};

/// Ask the knowledge base.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask notes query --import cv2\n  cargo xtask notes query --package 'numpy==2.1' --format json\n  \
                        cargo xtask notes query --image python:3.12-slim-trixie --log build.log\n  \
                        cargo xtask notes show opencv-python\n  cargo xtask notes show opencv-python/libgl-missing\n  cargo xtask notes index\n  cargo xtask notes export > base.json\n  cargo xtask notes new imageio --id ffmpeg-missing --log build.log"
)]
pub struct Args {
    #[command(subcommand)]
    question: Question,
    #[arg(long, value_enum, default_value_t, global = true)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Question {
    /// Pitfalls of a package, a module, an image, a log, or with these words; all that is given must hold
    Query(QueryArgs),
    /// The text of a note, or of one pitfall (`library/id`)
    Show { name: String },
    /// All notes with their counts; the table of `knowledge/README.md` is made of it
    Index {
        /// Fail where the table is not what the notes say
        #[arg(long, conflicts_with = "write")]
        check: bool,
        /// Write the table
        #[arg(long)]
        write: bool,
    },
    /// The whole base as one JSON object; with `--schema`, what that object looks like
    Export {
        /// Print the JSON schema instead
        #[arg(long)]
        schema: bool,
    },
    /// Begin a note, or add a pitfall to the one that is there
    New {
        /// Distribution name as the index has it
        name: String,
        /// Name of the pitfall: what is wrong, `libgl-missing`
        #[arg(long, default_value = "what-is-wrong")]
        id: String,
        /// Log of the failure, from which sample and pattern are taken; `-` for standard input
        #[arg(long, value_name = "LOG")]
        log: Option<PathBuf>,
    },
}

#[derive(Debug, clap::Args)]
struct QueryArgs {
    /// Distribution, with a version or a specifier if you like: `numpy`, `numpy==1.26.4`, `numpy<2`
    #[arg(long, value_name = "NAME[==VERSION]")]
    package: Option<String>,
    /// Module, dotted names included
    #[arg(long, value_name = "MODULE")]
    import: Option<String>,
    /// Log of a failure; `-` reads standard input
    #[arg(long, value_name = "LOG")]
    log: Option<PathBuf>,
    /// Base image, `python:3.12-slim-trixie`
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Python version; else that of the image
    #[arg(long, value_name = "X.Y")]
    python: Option<String>,
    /// Only what can strike with a GPU, or with `--gpu false` without one
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    gpu: Option<bool>,
    /// Words in ids, symptoms and causes
    words: Vec<String>,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let base = repro_knowledge::base();
    match &args.question {
        Question::Query(question) => query(base, question, args.format),
        Question::Show { name } => Ok(show(base, name)),
        Question::Index { check: false, write: false } => index(base, args.format),
        Question::Index { write, .. } => keep_index(*write),
        Question::Export { schema: true } => {
            report::data(repro_knowledge::schema().trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Question::Export { schema: false } => {
            let texts: BTreeMap<&str, &str> = repro_knowledge::texts().into_iter().collect();
            report::json(&repro_core::export::export(base, |path| texts.get(path).copied()))?;
            Ok(ExitCode::SUCCESS)
        }
        Question::New { name, id, log } => new(name, id, log.as_deref()),
    }
}

fn query(base: &KnowledgeBase, args: &QueryArgs, format: Format) -> anyhow::Result<ExitCode> {
    let (package, version) = args.package.as_deref().map(named).transpose()?.unzip();
    let question = Query {
        package,
        version: version.flatten(),
        import: args.import.clone(),
        log: args.log.as_deref().map(read).transpose()?,
        words: args.words.clone(),
        image: args.image.clone(),
        python: args.python.clone(),
        gpu: args.gpu,
    };
    let answers = base.query(&question);
    match format {
        Format::Json => report::json(&json!({ "schema": 1, "pitfalls": answers }))?,
        Format::Text => {
            for answer in &answers {
                report::data(report::heading(format!("{}: {}", answer.pitfall, answer.symptom)));
                report::data(format!("  {}", answer.cause));
                for edit in &answer.fix {
                    report::data(format!("  fix: {}", repro_generator::edit::describe(edit)));
                }
                report::data(format!("  {}", answer.note));
            }
            if let Some(distribution) = args.import.as_deref().and_then(|module| base.distribution_of_import(module)) {
                report::data(format!("the module comes with `{distribution}`"));
            }
            if answers.is_empty() {
                report::status("Found", "no pitfall");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Name and version of `numpy`, `numpy==1.26.4`, `numpy<2`.
fn named(text: &str) -> anyhow::Result<(String, Option<String>)> {
    let requirement: pep508_rs::Requirement = text.parse().map_err(|error: pep508_rs::Pep508Error| {
        input(format!("`{text}` is no distribution: {}\nhint: `numpy`, `numpy==1.26.4`", error.message))
    })?;
    let version = match requirement.version_or_url {
        Some(pep508_rs::VersionOrUrl::VersionSpecifier(range)) if !range.is_empty() => Some(range.to_string()),
        _ => None,
    };
    Ok((requirement.name.to_string(), version))
}

/// The text of a file, or of standard input.
fn read(path: &Path) -> anyhow::Result<String> {
    if path == Path::new("-") {
        return Ok(std::io::read_to_string(std::io::stdin())?);
    }
    Ok(String::from_utf8_lossy(&fs_err::read(path)?).into_owned())
}

fn show(base: &KnowledgeBase, name: &str) -> ExitCode {
    let (library, id) = name.split_once('/').map_or((name, None), |(library, id)| (library, Some(id)));
    let text_of =
        |note: &Note| repro_knowledge::texts().into_iter().find(|(path, _)| *path == note.path).map(|(_, text)| text);
    let note = base.notes().find(|note| note.name == library);
    let Some((note, text)) = note.and_then(|note| Some((note, text_of(note)?))) else {
        report::error(format!("there is no note `{library}`"));
        report::note("hint: `cargo xtask notes index` lists them");
        return ExitCode::from(2);
    };
    let Some(id) = id else {
        report::data(text);
        return ExitCode::SUCCESS;
    };
    let starts: Vec<usize> = note.pitfalls.iter().map(|pitfall| pitfall.span.start).chain([text.len()]).collect();
    let section = note
        .pitfalls
        .iter()
        .position(|pitfall| pitfall.id == id)
        .and_then(|at| text.get(*starts.get(at)?..*starts.get(at + 1)?));
    if let Some(section) = section {
        report::data(section.trim_end());
        ExitCode::SUCCESS
    } else {
        report::error(format!("the note `{library}` has no pitfall `{id}`"));
        report::note(format!("hint: `cargo xtask notes show {library}` shows those that it has"));
        ExitCode::from(2)
    }
}

/// Compares the table of `knowledge/README.md` with the notes of the checkout, or writes it.
fn keep_index(write: bool) -> anyhow::Result<ExitCode> {
    let project = Project::find(&std::env::current_dir()?, None);
    let folder = project.root.join("knowledge");
    let (base, _) = KnowledgeBase::from_texts(super::lint_notes::read(&folder)?);
    let path = folder.join("README.md");
    let text = fs_err::read_to_string(&path)?;
    let Some(new) = repro_core::index::with_index(&text, &base) else {
        anyhow::bail!(
            "`{}` has no place for the index\nhint: it stands between `{}` and `{}`",
            path.display(),
            repro_core::index::BEGIN,
            repro_core::index::END
        );
    };
    let gone = repro_core::index::gone(&text, &base);
    if !gone.is_empty() {
        anyhow::bail!(
            "the index lists what no note has any more: {}\nhint: put it back with `retired = true`: an id that was given is never given again",
            gone.join(", ")
        );
    }
    if new == text {
        report::status("Current", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    if write {
        files::write_if_changed(&path, new.as_bytes())?;
        report::status("Wrote", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    report::error("the index in knowledge/README.md is not what the notes say");
    report::note("hint: `cargo xtask notes index --write`, or `cargo xtask lint-notes --fix`");
    Ok(ExitCode::FAILURE)
}

/// Writes the beginning of a note or of one more pitfall; the author fills in why, who is affected and the fix.
fn new(name: &str, id: &str, log: Option<&Path>) -> anyhow::Result<ExitCode> {
    let name = repro_core::normalised(name);
    let plain =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !plain(&name) || !plain(id) {
        return Err(input(format!(
            "`{name}/{id}` cannot be a pitfall's name\nhint: lower-case letters, digits and dashes: `opencv-python`, `--id libgl-missing`"
        )));
    }
    let log = log.map(read).transpose()?;
    let project = Project::find(&std::env::current_dir()?, None);
    let path = project.root.join("knowledge/libraries").join(format!("{name}.md"));
    let present = match fs_err::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let (note, _) = repro_note::parse(&format!("libraries/{name}.md"), present.as_deref().unwrap_or_default());
    if note.pitfalls.iter().any(|pitfall| pitfall.id == id) {
        return Err(input(format!(
            "`{name}` has a pitfall `{id}` already\nhint: `cargo xtask notes show {name}/{id}` shows it; ids are never used twice"
        )));
    }
    let today = jiff::Zoned::now().date().to_string();
    let text = repro_core::template::note(&name, id, &today, log.as_deref(), present.as_deref());
    files::write_if_changed(&path, text.as_bytes())?;
    report::status("Wrote", path.display());
    report::note("next: fill in what stands in capitals, then `cargo xtask lint-notes`");
    Ok(ExitCode::SUCCESS)
}

fn index(base: &KnowledgeBase, format: Format) -> anyhow::Result<ExitCode> {
    let rows: Vec<(&Note, usize, usize)> = base
        .notes()
        .filter(|note| note.path.starts_with("libraries/"))
        .map(|note| {
            // A run without a day has not held yet.
            let has_run =
                |pitfall: &&repro_core::Pitfall| pitfall.proofs.iter().any(|proof| proof.value.date.is_some());
            (note, note.pitfalls.len(), note.pitfalls.iter().filter(has_run).count())
        })
        .collect();
    match format {
        Format::Json => {
            let notes: Vec<Value> = rows
                .iter()
                .map(|(note, pitfalls, proved)| json!({ "note": note.name, "pitfalls": pitfalls, "proved": proved }))
                .collect();
            report::json(&json!({ "schema": 1, "notes": notes }))?;
        }
        Format::Text => {
            for (note, pitfalls, proved) in &rows {
                report::data(format!("{:<28} {pitfalls:>3} pitfalls, {proved:>3} with a run of ours", note.name));
            }
            let pitfalls: usize = rows.iter().map(|(_, pitfalls, _)| pitfalls).sum();
            let proved: usize = rows.iter().map(|(_, _, proved)| proved).sum();
            report::data(format!("{} notes, {pitfalls} pitfalls, {proved} with a run of ours", rows.len()));
        }
    }
    Ok(ExitCode::SUCCESS)
}
