//! A `curl` line of a document in, the question that it asks a server on this machine out.

use super::samples::{Media, media_of};
use super::shell::{self, Word};
use super::words::tokens;
use crate::documents::Line;
use crate::{Evidence, Field, Question};

/// The question of a `curl` line that a person wrote; `None` where it asks no server of this machine.
pub fn asked(line: &str) -> Option<Question> {
    let simple = shell::commands(&[Line { number: 1, text: line.to_owned() }]).into_iter().next()?;
    question(&simple.words, Evidence::new("repro.toml", 0, line))
}

/// The question, where the line asks a server of this machine.
pub(crate) fn question(words: &[Word], evidence: Evidence) -> Option<Question> {
    let path = words.iter().find_map(|word| path_here(&word.text))?;
    let mut question =
        Question { method: String::new(), path, json: None, fields: vec![], multipart: false, body: None, evidence };
    let mut words = words.iter().map(|word| word.text.as_str()).skip(1).peekable();
    while let Some(word) = words.next() {
        let (flag, glued) = match word.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, Some(value)),
            _ => (word, None),
        };
        let takes = matches!(
            flag,
            "-X" | "--request"
                | "-d"
                | "--data"
                | "--data-raw"
                | "--data-binary"
                | "--json"
                | "-F"
                | "--form"
                | "-H"
                | "--header"
                | "-o"
                | "--output"
        );
        if !takes {
            continue;
        }
        let Some(value) = glued.or_else(|| words.next()) else { break };
        match flag {
            "-X" | "--request" => question.method = value.to_ascii_uppercase(),
            "-F" | "--form" => {
                question.multipart = true;
                question.fields.extend(field(value));
            }
            "-d" | "--data" | "--data-raw" | "--data-binary" | "--json" => match value.strip_prefix('@') {
                Some(file) => question.body = Some(kind(file, "")),
                None if value.trim_start().starts_with(['{', '[']) => question.json = Some(value.to_owned()),
                None => question.fields.extend(value.split('&').filter_map(field)),
            },
            _ => {}
        }
    }
    if question.method.is_empty() {
        let sends = question.json.is_some() || question.body.is_some() || !question.fields.is_empty();
        question.method.push_str(if sends { "POST" } else { "GET" });
    }
    Some(question)
}

/// Path and query of a URL that names this machine.
fn path_here(url: &str) -> Option<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = ["localhost", "127.0.0.1", "0.0.0.0"].into_iter().find(|host| rest.starts_with(host))?;
    let rest = rest.get(host.len()..)?;
    if !rest.is_empty() && !rest.starts_with([':', '/', '?']) {
        return None;
    }
    Some(rest.find(['/', '?']).and_then(|at| rest.get(at..)).map_or_else(
        || "/".to_owned(),
        |path| {
            if path.starts_with('?') { format!("/{path}") } else { path.to_owned() }
        },
    ))
}

fn field(text: &str) -> Option<Field> {
    let (name, value) = text.split_once('=')?;
    let value = value.trim_matches('"');
    let file = value.strip_prefix(['@', '<']).map(|file| kind(file.split(';').next().unwrap_or(file), name));
    Some(Field { name: name.to_owned(), value: value.to_owned(), file })
}

/// The kind of sample that stands for a file; of an unknown one the name of its field may tell.
fn kind(file: &str, name: &str) -> String {
    let audio =
        || tokens(name).iter().any(|word| matches!(word.as_str(), "audio" | "wav" | "speech" | "sound" | "voice"));
    match media_of(file) {
        Some(Media::Audio) => "audio",
        Some(Media::Video) => "video",
        Some(Media::Pdf) => "pdf",
        Some(Media::Text) => "text",
        Some(Media::Table) => "csv",
        Some(Media::Mesh) => "mesh",
        None if audio() => "audio",
        _ => "image",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    fn check(line: &str, expected: &str) {
        let simple = shell::commands(&[Line { number: 1, text: line.to_owned() }]).remove(0);
        let found = question(&simple.words, Evidence::new("README.md", 1, line)).map(|asked| {
            let fields: Vec<String> = asked
                .fields
                .iter()
                .map(|field| {
                    format!("{}={}", field.name, field.file.as_ref().map_or(field.value.clone(), |f| format!("<{f}>")))
                })
                .collect();
            let sent = asked.json.or(asked.body.map(|kind| format!("<{kind}>"))).unwrap_or_else(|| fields.join("&"));
            format!("{} {} {sent}", asked.method, asked.path)
        });
        assert_eq!(found.unwrap_or_default().trim_end(), expected, "{line}");
    }

    #[test]
    fn a_document_says_how_its_server_is_asked() {
        check("curl -X POST -F image=@dog.jpg 'http://localhost:5000/predict'", "POST /predict image=<image>");
        check(
            r#"curl http://127.0.0.1:8000/v1 -H 'Content-Type: x' -d '{"text": "hi"}'"#,
            r#"POST /v1 {"text": "hi"}"#,
        );
        check("curl --data-binary @a.wav 0.0.0.0:80/asr?lang=en", "POST /asr?lang=en <audio>");
        check("curl -d 'a=1&b=x' localhost/", "POST / a=1&b=x");
        check("curl localhost:8080", "GET /");
        check("curl -L -o weights.bin https://mirror.example/weights.bin", "");
        check("curl http://localhost.mirror.example/x", "");
    }
}
