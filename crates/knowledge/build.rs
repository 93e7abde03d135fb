//! Reads every note when the project is built: a bad one fails the build with file, line and what to do.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a build script reads files and talks to cargo; the crate itself does neither"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use repro_core::{Header, KnowledgeBase, header};

fn main() -> ExitCode {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| ".".to_owned()));
    let root = manifest.join("../../knowledge");
    let mut texts = Vec::new();
    // Cargo looks at a folder's own time stamp only, which changes when a file is added or removed; edits need the files.
    if let Err(error) = collect(&root, "", &mut texts) {
        println!("cargo::error=cannot read the notes below `{}`: {error}", root.display());
        return ExitCode::FAILURE;
    }
    texts.sort();
    let (base, findings) = KnowledgeBase::from_texts(texts);
    for finding in &findings {
        for line in format!("knowledge/{finding}").lines() {
            println!("cargo::error={line}");
        }
    }
    // What questions must know before a note is read, so that a program reads only those it asks about.
    let headers: Vec<Header> = base.notes().map(Header::of).collect();
    let out = PathBuf::from(env::var("OUT_DIR").unwrap_or_default());
    let written = fs::write(out.join("headers.rs"), header::source(&headers))
        .and_then(|()| fs::write(out.join("count.rs"), headers.len().to_string()));
    if let Err(error) = written {
        println!("cargo::error=cannot write the index of the notes: {error}");
        return ExitCode::FAILURE;
    }
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn collect(folder: &Path, below: &str, texts: &mut Vec<(String, String)>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &path, texts)?;
        } else if repro_core::is_note(&path) {
            println!("cargo::rerun-if-changed={}", entry.path().display());
            texts.push((path, fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}
