//! `broken`: set-ups that were broken on purpose, repaired on a real engine.
//!
//! In: the folders of `xtask/broken`, each with a `case.toml` and the files of a repository or of a build context. Out: a
//! table of how each ended, in how many attempts. What counts as repaired is decided by the case's own check in the
//! image, not by what the repair says of itself.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::commands::verify_all::parse_shard;
use crate::engine::{Engine, RunRequest};
use crate::failure::{Failure, input};
use crate::project::Project;
use crate::report::{self, Format};
use crate::{files, interrupt, setup};

/// Repair the set-ups of `xtask/broken`, and say how each ended.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask broken\n  cargo xtask broken libgl-missing numpy-too-new\n  cargo xtask broken --shard 1/4\n\n\
                  Exit codes: 0 each ended as it should, 1 one did not, 2 usage, 3 could not tell (engine or network missing)"
)]
pub struct Args {
    /// Names of set-ups; all of them where none is named
    names: Vec<String>,
    /// The I-th of N parts
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
    /// Append a Markdown table to this file
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// `docker`, `podman`, or the path of one
    #[arg(long)]
    engine: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A `case.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Which kind of failure it stands for, in words.
    family: String,
    kind: Kind,
    /// What is broken and how one knows, in a sentence.
    #[expect(dead_code, reason = "for those who read the file")]
    about: String,
    /// Program and arguments that must succeed in the repaired image.
    #[serde(default)]
    check: Vec<String>,
    /// What its output must hold.
    #[serde(default)]
    expect: String,
    #[serde(default)]
    outcome: Wanted,
    /// For `told`: words that the reason must hold.
    #[serde(default)]
    reason: String,
    #[serde(default = "five")]
    max_attempts: u8,
    /// For `repro`: what else the command line says.
    #[serde(default)]
    arguments: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// `files/` is a build context with a Dockerfile.
    Build,
    /// `files/` is a checkout.
    Repro,
}

/// How it is to end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    #[default]
    Repaired,
    /// Nobody can mend it here; the report has to say why.
    Told,
}

const fn five() -> u8 {
    5
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum End {
    Repaired,
    /// Not repaired, and said to be so for the reason that the case names.
    Told,
    NotRepaired,
    /// Said to be repaired, and the image does not do the job.
    Wrong,
    CouldNotTell,
}

#[derive(Debug, Clone, Serialize)]
struct Row {
    name: String,
    family: String,
    end: End,
    /// Is that how it is to end?
    ok: bool,
    attempts: usize,
    seconds: f64,
    /// Edits, in order.
    edits: Vec<String>,
    /// Why it was not repaired.
    why: String,
}

/// How long one set-up may take in all.
const PATIENCE: Duration = Duration::from_mins(30);
/// How long a check may take.
const CHECK: Duration = Duration::from_mins(5);

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let project = Project::find(&std::env::current_dir()?, None);
    let folder = project.root.join("xtask/broken");
    let mut names: Vec<String> = Vec::new();
    for entry in fs_err::read_dir(&folder)? {
        let entry = entry?;
        if entry.path().join("case.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    if let Some(unknown) = args.names.iter().find(|name| !names.contains(name)) {
        return Err(input(format!("there is no set-up `{unknown}`\nhint: known are {}", names.join(", "))));
    }
    names.retain(|name| args.names.is_empty() || args.names.contains(name));
    if let Some((part, parts)) = args.shard.as_deref().map(parse_shard).transpose()? {
        names = names.into_iter().enumerate().filter(|(at, _)| at % parts == part - 1).map(|(_, name)| name).collect();
    }
    let engine = setup::ensure_engine(args.engine.as_deref(), false)?;
    let mut rows = Vec::new();
    for name in &names {
        if interrupt::requested() {
            anyhow::bail!(Failure::Interrupted);
        }
        let path = folder.join(name);
        let text = fs_err::read_to_string(path.join("case.toml"))?;
        let case: Case = toml::from_str(&text)
            .map_err(|error| input(format!("{}/case.toml: {error}hint: mend the file", path.display())))?;
        let row = repair(&engine, &project, name, &case, &path)?;
        report::status(if row.ok { "Ok" } else { "NOT OK" }, describe(&row));
        rows.push(row);
    }
    let verdict = verdict(&rows);
    match args.format {
        Format::Json => report::json(&json!({ "schema": 1, "set_ups": rows }))?,
        Format::Text => {
            for row in &rows {
                report::data(describe(row));
            }
            report::data(&verdict);
        }
    }
    if let Some(path) = &args.summary {
        let mut text = "| set-up | family | ended | attempts | time |\n| --- | --- | --- | ---: | ---: |\n".to_owned();
        for row in &rows {
            text.push_str(&format!(
                "| {} | {} | {}{} | {} | {:.0} s |\n",
                row.name,
                row.family,
                word(row.end),
                if row.ok { "" } else { " (NOT as it should)" },
                row.attempts,
                row.seconds
            ));
        }
        files::append(path, format!("{text}\n{verdict}\n").as_bytes())?;
    }
    let unknown = rows.iter().any(|row| row.end == End::CouldNotTell);
    Ok(match rows.iter().all(|row| row.ok) {
        true => ExitCode::SUCCESS,
        false if unknown && rows.iter().all(|row| row.ok || row.end == End::CouldNotTell) => ExitCode::from(3),
        false => ExitCode::FAILURE,
    })
}

const fn word(end: End) -> &'static str {
    match end {
        End::Repaired => "repaired",
        End::Told => "told",
        End::NotRepaired => "not repaired",
        End::Wrong => "WRONG",
        End::CouldNotTell => "could not tell",
    }
}

fn describe(row: &Row) -> String {
    let more = if row.why.is_empty() { row.edits.join("; ") } else { row.why.clone() };
    format!("{:28} {:14} {} attempts, {:.0} s  {more}", row.name, word(row.end), row.attempts, row.seconds)
}

fn verdict(rows: &[Row]) -> String {
    let count = |end: End| rows.iter().filter(|row| row.end == end).count();
    format!(
        "{} set-ups: {} repaired, {} told, {} not repaired, {} wrong, {} could not be told",
        rows.len(),
        count(End::Repaired),
        count(End::Told),
        count(End::NotRepaired),
        count(End::Wrong),
        count(End::CouldNotTell)
    )
}

fn repair(engine: &Engine, project: &Project, name: &str, case: &Case, path: &Path) -> anyhow::Result<Row> {
    let start = Instant::now();
    let work = project.root.join("target/repro/broken");
    let results = work.join("repositories");
    // What an earlier run left would be taken for an earlier success.
    let _ = fs_err::remove_dir_all(results.join("broken").join(name));
    let (source, results, attempts) =
        (path.join("files").display().to_string(), results.display().to_string(), case.max_attempts.to_string());
    let (tag, repo) = (format!("repro-broken:{name}"), format!("broken/{name}"));
    let mut words: Vec<&str> = match case.kind {
        Kind::Build => vec!["build", &source, "--tag", &tag],
        Kind::Repro => vec!["repro", &repo, "--source", &source, "--repositories", &results],
    };
    words.extend(["--max-attempts", &attempts, "--format", "json"]);
    words.extend(case.arguments.iter().map(String::as_str));
    let log = work.join(format!("{name}.json"));
    let mut text = String::new();
    let program = std::env::current_exe()?;
    let call = duct::cmd(program, words).dir(&project.root).stderr_null();
    let code = crate::engine::watch(&call, PATIENCE, None, &mut |line| {
        text.push_str(line);
        text.push('\n');
    })?;
    files::write_atomically(&log, text.as_bytes())?;
    let told: Value = serde_json::from_str(&text).unwrap_or_default();
    let edits = told["attempts"].as_array().into_iter().flatten().flat_map(|attempt| {
        attempt["edits"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    let reason = told["reason"].as_str().unwrap_or_default().to_owned();
    let mut row = Row {
        name: name.to_owned(),
        family: case.family.clone(),
        end: End::NotRepaired,
        ok: false,
        attempts: told["attempts"].as_array().map_or(0, Vec::len),
        seconds: 0.0,
        edits: edits.collect(),
        why: reason,
    };
    let image = told["image"].as_str();
    (row.end, row.why) = match (code, image) {
        (Some(0), Some(image)) => match check(engine, case, image)? {
            None => (End::Repaired, String::new()),
            Some(why) => (End::Wrong, why),
        },
        _ if case.outcome == Wanted::Told && row.why.contains(&case.reason) && told.is_object() => (End::Told, row.why),
        (Some(3) | None, _) => (End::CouldNotTell, row.why),
        _ => (End::NotRepaired, row.why),
    };
    row.ok = match case.outcome {
        Wanted::Repaired => row.end == End::Repaired,
        Wanted::Told => row.end == End::Told,
    };
    if let Some(image) = image {
        // The next set-up needs the room; what cannot be removed is somebody else's by now.
        let _ = engine.remove_image(image);
    }
    row.seconds = start.elapsed().as_secs_f64();
    Ok(row)
}

/// Why the image does not do its job; `None` where it does.
fn check(engine: &Engine, case: &Case, image: &str) -> anyhow::Result<Option<String>> {
    let Some((program, arguments)) = case.check.split_first() else { return Ok(None) };
    let said = engine.capture(&RunRequest {
        image: image.to_owned(),
        name: "broken-check".to_owned(),
        entrypoint: Some(program.clone()),
        command: Some(arguments.to_vec()),
        timeout: Some(CHECK),
        ..RunRequest::default()
    })?;
    let output = format!("{}\n{}", said.stdout, said.stderr);
    if said.exit_code != 0 {
        let last = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned();
        return Ok(Some(format!("the check ends with exit code {}: {last}", said.exit_code)));
    }
    let holds = output.contains(&case.expect);
    Ok((!holds).then(|| format!("the check does not say `{}`", case.expect)))
}
