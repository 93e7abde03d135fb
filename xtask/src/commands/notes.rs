//! `notes`: the knowledge base from the shell.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use repro_core::{KnowledgeBase, Note};
use serde_json::{Value, json};

use crate::failure::input;
use crate::files;
use crate::project::Project;
use crate::report::{self, Format};

/// Ask the knowledge base.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask notes query --import cv2\n  cargo xtask notes query --package numpy --format json\n  \
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
    /// Notes about a package or module, or whose pitfalls hold all of the words
    Query {
        /// Distribution name
        #[arg(long)]
        package: Option<String>,
        /// Module name, dotted names included
        #[arg(long)]
        import: Option<String>,
        /// Words to look for in ids, symptoms and causes
        words: Vec<String>,
    },
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

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let base = repro_knowledge::base();
    match &args.question {
        Question::Query { package, import, words } => {
            query(base, package.as_deref(), import.as_deref(), words, args.format)
        }
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

fn query(
    base: &KnowledgeBase,
    package: Option<&str>,
    import: Option<&str>,
    words: &[String],
    format: Format,
) -> anyhow::Result<ExitCode> {
    let mut notes: Vec<&Note> = match (package, import) {
        (Some(package), _) => base.by_distribution(package),
        (None, Some(module)) => base.by_import(module),
        (None, None) => base.notes().filter(|note| note.path.starts_with("libraries/")).collect(),
    };
    if package.is_some() && import.is_some() {
        let about: Vec<&str> =
            import.map(|module| base.by_import(module)).into_iter().flatten().map(|n| n.name.as_str()).collect();
        notes.retain(|note| about.contains(&note.name.as_str()));
    }
    let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let mut found: Vec<Value> = Vec::new();
    for note in notes {
        for pitfall in &note.pitfalls {
            let text = format!("{}/{} {} {}", note.name, pitfall.id, pitfall.symptom, pitfall.cause).to_lowercase();
            if words.iter().all(|word| text.contains(word)) {
                found.push(json!({
                    "pitfall": format!("{}/{}", note.name, pitfall.id),
                    "symptom": pitfall.symptom,
                    "cause": pitfall.cause,
                    "source": pitfall.sources.first(),
                    "note": format!("knowledge/{}:{}", note.path, pitfall.line),
                }));
            }
        }
    }
    match format {
        Format::Json => report::json(&json!({ "schema": 1, "pitfalls": found }))?,
        Format::Text => {
            for pitfall in &found {
                let text = |key: &str| pitfall.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                report::data(format!(
                    "{}: {}\n  {}\n  {}",
                    text("pitfall"),
                    text("symptom"),
                    text("cause"),
                    text("note")
                ));
            }
            if let Some(distribution) = import.and_then(|module| base.distribution_of_import(module)) {
                report::data(format!("the module comes with `{distribution}`"));
            }
            if found.is_empty() {
                report::status("Found", "no pitfall");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
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
    let log = match log {
        Some(path) if path == Path::new("-") => Some(std::io::read_to_string(std::io::stdin())?),
        Some(path) => Some(String::from_utf8_lossy(&fs_err::read(path)?).into_owned()),
        None => None,
    };
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
            (note, note.pitfalls.len(), note.pitfalls.iter().filter(|pitfall| !pitfall.proofs.is_empty()).count())
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
