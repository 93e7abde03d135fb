//! `notes`: the knowledge base from the shell.

use std::process::ExitCode;

use clap::Subcommand;
use repro_core::{KnowledgeBase, Note};
use serde_json::{Value, json};

use crate::report::{self, Format};

/// Ask the knowledge base.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask notes query --import cv2\n  cargo xtask notes query --package numpy --format json\n  \
                        cargo xtask notes show opencv-python\n  cargo xtask notes show opencv-python/libgl-missing\n  cargo xtask notes index"
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
    /// All notes with their counts
    Index,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let base = repro_knowledge::base();
    match &args.question {
        Question::Query { package, import, words } => {
            query(base, package.as_deref(), import.as_deref(), words, args.format)
        }
        Question::Show { name } => Ok(show(base, name)),
        Question::Index => index(base, args.format),
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
