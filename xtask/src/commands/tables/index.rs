//! What the package index says: days of breaking releases, Pythons and companions of torch.

use std::collections::BTreeMap;
use std::time::Duration;

use pep440_rs::Version;
use repro_generator::resolve::FOLDER;
use serde::Deserialize;
use serde_json::json;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Value};

use crate::engine::{Engine, Mount, RunRequest};
use crate::failure::could_not_tell;
use crate::project::Project;
use crate::{bases, files, report, source};

const SCRIPT: &str = include_str!("index.py");
/// Has a pip that can read a wheel's metadata without fetching all of it.
const IMAGE: &str = "python:3.11-slim-bookworm";
/// Distributions whose wheels are built against one torch.
const COMPANIONS: [&str; 2] = ["torchvision", "torchaudio"];

/// What the script prints; its own text says what the parts are.
#[derive(Debug, Default, Deserialize)]
struct Answer {
    released: BTreeMap<String, BTreeMap<String, String>>,
    pythons: BTreeMap<String, Vec<String>>,
    companions: BTreeMap<String, BTreeMap<String, String>>,
}

/// Asks the index, and writes `matrices/breaking.md` and `matrices/torch.md`.
pub(super) fn renew(engine: &Engine, project: &Project) -> anyhow::Result<()> {
    let folder = project.root.join("knowledge/matrices");
    let (breaking, torch) = (folder.join("breaking.md"), folder.join("torch.md"));
    let text = fs_err::read_to_string(&breaking)?;
    let (note, _) = repro_note::parse("matrices/breaking.md", &text);
    let rows = note.matrices.iter().flat_map(|matrix| &matrix.value.breaking);
    let released: Vec<(&str, &str)> = rows.map(|row| (row.distribution.as_str(), row.version.as_str())).collect();
    report::status("Asking", format!("the package index for {} releases, and for torch", released.len()));
    let answer = ask(engine, project, &released)?;
    let write = |path: &std::path::Path, renewed: anyhow::Result<String>| -> anyhow::Result<()> {
        files::write_if_changed(path, renewed?.as_bytes())?;
        report::status("Wrote", path.display());
        Ok(())
    };
    write(&breaking, in_blocks("matrices/breaking.md", &text, |table| with_days(table, &answer)))?;
    let text = fs_err::read_to_string(&torch)?;
    write(&torch, in_blocks("matrices/torch.md", &text, |table| with_torch(table, &answer)))
}

fn ask(engine: &Engine, project: &Project, released: &[(&str, &str)]) -> anyhow::Result<Answer> {
    bases::ensure(engine, IMAGE, project)?;
    let folder = tempfile::Builder::new().prefix("repro-index-").tempdir()?;
    let asked = json!({ "released": released, "companions": COMPANIONS }).to_string();
    for (name, text) in [("asked.json", asked.as_str()), ("index.py", SCRIPT), ("fetch_sdist.py", source::SDIST_SCRIPT)]
    {
        fs_err::write(folder.path().join(name), text)?;
    }
    let words = ["python3", "-B", &format!("{FOLDER}/index.py"), &format!("{FOLDER}/asked.json")];
    let said = engine.capture(&RunRequest {
        image: IMAGE.to_owned(),
        name: "index".to_owned(),
        command: Some(words.map(str::to_owned).to_vec()),
        mounts: vec![Mount::Bind { source: folder.path().to_owned(), target: FOLDER.to_owned(), read_only: true }],
        timeout: Some(Duration::from_mins(20)),
        ..RunRequest::default()
    })?;
    let last = said.stdout.lines().last().unwrap_or_default();
    serde_json::from_str(last).map_err(|_| {
        let why = said.stderr.lines().last().unwrap_or("it said nothing").to_owned();
        could_not_tell(format!(
            "the package index could not be asked: {why}\nhint: `cargo xtask doctor` checks the network of containers"
        ))
    })
}

/// The text of a note with each of its `toml matrix` blocks changed.
pub(super) fn in_blocks(path: &str, text: &str, change: impl Fn(&mut DocumentMut)) -> anyhow::Result<String> {
    let (note, _) = repro_note::parse(path, text);
    let mut spans: Vec<_> = note.matrices.iter().map(|matrix| matrix.span.clone()).collect();
    spans.sort_by_key(|span| std::cmp::Reverse(span.start));
    let mut text = text.to_owned();
    for span in spans {
        let Some(block) = text.get(span.clone()) else { continue };
        let mut document: DocumentMut = block.parse()?;
        change(&mut document);
        text.replace_range(span, &document.to_string());
    }
    Ok(text)
}

fn with_days(document: &mut DocumentMut, answer: &Answer) {
    let Some(rows) = document.get_mut("breaking").and_then(Item::as_array_of_tables_mut) else { return };
    for row in rows.iter_mut() {
        let word = |key: &str| row.get(key).and_then(Item::as_str).unwrap_or_default();
        let day = answer.released.get(word("distribution")).and_then(|versions| versions.get(word("version")));
        let day = day.and_then(|day| day.parse::<toml_edit::Datetime>().ok());
        let known = row.get("date").and_then(Item::as_datetime).copied();
        if let Some(day) = day.filter(|day| Some(*day) != known) {
            row.insert("date", toml_edit::value(day));
        }
    }
}

fn with_torch(document: &mut DocumentMut, answer: &Answer) {
    let Some(rows) = document.get_mut("torch").and_then(Item::as_array_mut) else { return };
    let known: Vec<String> =
        rows.iter().filter_map(|row| Some(row.as_inline_table()?.get("torch")?.as_str()?.to_owned())).collect();
    let oldest = known.iter().filter_map(|version| version.parse::<Version>().ok()).min();
    let mut newer: Vec<Version> = answer
        .pythons
        .keys()
        .filter(|version| !known.contains(version))
        .filter_map(|version| version.parse().ok())
        .filter(|version| oldest.as_ref().is_none_or(|oldest| version > oldest))
        .collect();
    newer.sort();
    for version in newer {
        let mut row = InlineTable::new();
        row.insert("torch", version.to_string().into());
        rows.push(row);
    }
    for row in rows.iter_mut().filter_map(Value::as_inline_table_mut) {
        let Some(torch) = row.get("torch").and_then(Value::as_str).map(str::to_owned) else { continue };
        for name in COMPANIONS {
            // The newest that asks for it.
            let asks = answer.companions.get(name).into_iter().flatten().filter(|(_, asked)| **asked == torch);
            let newest = asks.filter_map(|(version, _)| version.parse::<Version>().ok()).max();
            let known = row.get(name).and_then(Value::as_str);
            if let Some(version) = newest.map(|version| version.to_string()).filter(|version| known != Some(version)) {
                row.insert(name, version.into());
            }
        }
        let pythons = answer.pythons.get(&torch).filter(|pythons| !pythons.is_empty());
        let known: Vec<&str> =
            row.get("python").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        if let Some(pythons) = pythons.filter(|pythons| **pythons != known) {
            row.insert("python", Value::Array(pythons.iter().map(String::as_str).collect::<Array>()));
        }
        row.fmt();
    }
    for row in rows.iter_mut() {
        row.decor_mut().set_prefix("\n  ");
    }
    rows.set_trailing("\n");
    rows.set_trailing_comma(true);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Answer {
            released: [("numpy".to_owned(), pairs(&[("2.0.0", "2024-06-16")]))].into(),
            pythons: [
                ("2.1.0".to_owned(), vec!["3.8".to_owned(), "3.11".to_owned()]),
                ("2.1.1".to_owned(), Vec::new()),
            ]
            .into(),
            companions: [("torchvision".to_owned(), pairs(&[("0.16.0", "2.1.0"), ("0.16.10", "2.1.0")]))].into(),
        }
    }

    #[test]
    fn days_are_renewed_and_words_stay() {
        let text = "# breaking\n\nWords.\n\n```toml matrix\n[[breaking]]\ndistribution = \"numpy\"\nversion = \"2.0.0\"\ndate = 2024-01-01\n\
                    pin = \"numpy<2\"\nwhat = \"it broke\" # really\nsource = \"https://e.org\"\n```\n\nMore.\n";
        let new = in_blocks("matrices/breaking.md", text, |table| with_days(table, &answer())).unwrap();
        assert_eq!(new, text.replace("2024-01-01", "2024-06-16"));
    }

    #[test]
    fn a_release_gets_its_pythons_and_companions_and_a_newer_one_its_row() {
        let text = "# torch\n\n```toml matrix\ntorch = [\n  { torch = \"2.1.0\", torchvision = \"0.1\", python = [\"3.8\"], cuda = [\"cu118\"] },\n]\n```\n";
        let new = in_blocks("matrices/torch.md", text, |table| with_torch(table, &answer())).unwrap();
        let row =
            "  { torch = \"2.1.0\", torchvision = \"0.16.10\", python = [\"3.8\", \"3.11\"], cuda = [\"cu118\"] },\n";
        assert_eq!(new, format!("# torch\n\n```toml matrix\ntorch = [\n{row}  {{ torch = \"2.1.1\" }},\n]\n```\n"));
        let again = in_blocks("matrices/torch.md", &new, |table| with_torch(table, &answer())).unwrap();
        assert_eq!(again, new);
    }
}
