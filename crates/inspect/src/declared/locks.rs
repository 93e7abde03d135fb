//! Lock files of uv, Poetry, PDM and Pipenv in, exact versions out.
//!
//! These files are long and written by programs, so the TOML ones are read line by line; only name, version and source
//! of each package are taken.

use serde::Deserialize;
use std::collections::BTreeMap;

use super::Sink;
use super::requirements::{Entry, Wanted, normalise};
use crate::facts::{Evidence, Form, Scope};

/// Reads the lock files at the root.
pub(crate) fn read(sink: &mut Sink<'_>) {
    let tree = sink.tree;
    for path in ["uv.lock", "poetry.lock", "pdm.lock"] {
        if let Some(text) = tree.text(path) {
            packages(sink, path, text);
        }
    }
    if let Some(text) = tree.text("Pipfile.lock") {
        pipenv(sink, text);
    }
}

/// Reads the `[[package]]` tables of a TOML lock file.
fn packages(sink: &mut Sink<'_>, path: &str, text: &str) {
    let mut current: Option<Package<'_>> = None;
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end();
        if line == "[[package]]" {
            flush(sink, path, current.take());
            current = Some(Package::default());
            inside = true;
        } else if line.starts_with('[') {
            // Sub-tables of the package; poetry keeps the source in one of them.
            inside = line == "[package.source]";
            if line == "[metadata]" {
                flush(sink, path, current.take());
            }
        } else if let Some((key, value)) = line.split_once(" = ").filter(|_| inside)
            && let Some(package) = &mut current
        {
            let value = value.trim();
            match key {
                "name" => {
                    package.name = unquoted(value);
                    package.line = index + 1;
                }
                "version" => package.version = unquoted(value),
                "source" => {
                    package.local =
                        ["virtual =", "editable =", "directory =", "path ="].iter().any(|key| value.contains(key));
                }
                "type" => package.local = matches!(unquoted(value), "directory" | "file"),
                "path" if path == "pdm.lock" => package.local = true,
                "git" => package.git = unquoted(value),
                _ => {}
            }
        }
    }
    flush(sink, path, current);
}

#[derive(Default)]
struct Package<'t> {
    name: &'t str,
    version: &'t str,
    git: &'t str,
    line: usize,
    local: bool,
}

fn unquoted(value: &str) -> &str {
    value.trim_matches('"')
}

fn flush(sink: &mut Sink<'_>, path: &str, package: Option<Package<'_>>) {
    let Some(package) = package else { return };
    if package.local
        || package.name.is_empty()
        || package.version.is_empty()
        || !super::is_specifier_set(&format!("=={}", package.version))
    {
        return;
    }
    let spec = format!("{}=={}", package.name, package.version);
    let evidence = Evidence::new(path, package.line, &spec);
    let form = if package.git.is_empty() { Form::Index } else { Form::Vcs };
    let spec = if form == Form::Vcs { format!("{} @ git+{}", package.name, package.git) } else { spec };
    let wanted = Wanted { name: normalise(package.name), spec, form };
    sink.entry(&Entry::Requirement(wanted), "", &Scope::Lock, &evidence);
}

#[derive(Deserialize)]
struct PipfileLock {
    #[serde(default)]
    default: BTreeMap<String, Locked>,
}

#[derive(Deserialize)]
struct Locked {
    version: Option<String>,
    markers: Option<String>,
}

fn pipenv(sink: &mut Sink<'_>, text: &str) {
    let lock: PipfileLock = match serde_json::from_str(text) {
        Ok(lock) => lock,
        Err(error) => {
            return sink.finding(
                "lock-unreadable",
                format!("`Pipfile.lock` is not what pipenv writes: {error}"),
                None,
                Evidence::new("Pipfile.lock", error.line(), ""),
            );
        }
    };
    for (name, locked) in lock.default {
        let Some(version) = locked.version else { continue };
        let marker = locked.markers.map(|marker| format!(" ; {marker}")).unwrap_or_default();
        let evidence =
            Evidence::new("Pipfile.lock", sink.line_of(text, &format!("\"{name}\": {{")), &format!("{name}{version}"));
        for entry in super::requirements::read_line(&format!("{name}{version}{marker}")) {
            sink.entry(&entry, "", &Scope::Lock, &evidence);
        }
    }
}
