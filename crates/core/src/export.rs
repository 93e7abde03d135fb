//! The whole base as one JSON object, for other tools. In: the base; out: data as the notes hold it, without prose. Its
//! schema is `knowledge/schema.json`.

use repro_note::{Note, Pitfall};
use serde_json::{Map, Value, json};

use crate::base::{KnowledgeBase, full_id};

/// Every library note with its pitfalls, samples and proofs. `text_of` gives the text of a note by its path.
pub fn export<'t>(base: &KnowledgeBase, text_of: impl Fn(&str) -> Option<&'t str>) -> Value {
    let notes: Vec<Value> = base
        .notes()
        .filter(|note| note.path.starts_with("libraries/"))
        .filter_map(|note| Some(as_json(note, text_of(&note.path)?)))
        .collect();
    json!({ "schema": 1, "notes": notes })
}

fn as_json(note: &Note, text: &str) -> Value {
    let library = note.library.as_ref();
    let pitfalls: Vec<Value> = note.pitfalls.iter().map(|pitfall| pitfall_json(note, pitfall, text)).collect();
    json!({
        "name": note.name,
        "path": format!("knowledge/{}", note.path),
        "packages": library.map(|library| &library.value.packages),
        "imports": library.map(|library| &library.value.imports),
        "checked": library.and_then(|library| library.value.checked).map(|day| day.to_string()),
        "pitfalls": pitfalls,
    })
}

fn pitfall_json(note: &Note, pitfall: &Pitfall, text: &str) -> Value {
    let block = |span: &std::ops::Range<usize>| {
        let table = text.get(span.clone()).and_then(|text| toml::from_str::<toml::Table>(text).ok());
        table.map_or(Value::Null, |table| value(toml::Value::Table(table)))
    };
    let logs: Vec<Value> = pitfall.logs.iter().map(|log| json!({ "text": log.text, "source": log.source })).collect();
    let proofs: Vec<Value> = pitfall.proofs.iter().map(|proof| block(&proof.span)).collect();
    json!({
        "id": full_id(note, pitfall),
        "symptom": pitfall.symptom,
        "cause": pitfall.cause,
        "sources": pitfall.sources,
        "line": pitfall.line,
        "block": block(&pitfall.block_span),
        "logs": logs,
        "proofs": proofs,
    })
}

/// TOML as JSON: days as text.
fn value(toml: toml::Value) -> Value {
    match toml {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(yes) => Value::Bool(yes),
        toml::Value::Datetime(day) => Value::String(day.to_string()),
        toml::Value::Array(items) => Value::Array(items.into_iter().map(value).collect()),
        toml::Value::Table(table) => {
            Value::Object(table.into_iter().map(|(key, item)| (key, value(item))).collect::<Map<_, _>>())
        }
    }
}
