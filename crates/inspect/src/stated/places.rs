//! Small files that say one thing: `.python-version`, `runtime.txt`, `packages.txt`, options of requirements files,
//! libraries of environment files.

use super::commands::{is_debian_name, note_conda};
use super::{Notes, cuda_of_label};
use crate::declared::requirements::{Entry, read_line};
use crate::declared::{conda, files};
use crate::facts::{Evidence, Scope, Strength};

pub(super) fn read(notes: &mut Notes<'_>) {
    interpreters(notes);
    for path in [
        "packages.txt",
        "apt.txt",
        "apt-packages.txt",
        "apt-requirements.txt",
        "Aptfile",
        "binder/apt.txt",
        ".binder/apt.txt",
    ] {
        package_list(notes, path);
    }
    let choice = files::choose(notes.tree);
    for (path, _) in choice.requirements.iter().filter(|(_, scope)| *scope == Scope::Main) {
        options(notes, path);
    }
    for (path, scope) in choice.environments.iter().take(4) {
        environment(notes, path, *scope == Scope::Conda);
    }
    sources(notes);
}

fn interpreters(notes: &mut Notes<'_>) {
    for (path, prefix) in [(".python-version", ""), ("runtime.txt", "python-"), (".tool-versions", "python ")] {
        let Some(text) = notes.tree.text(path) else { continue };
        for (index, line) in text.lines().enumerate() {
            let minor =
                line.trim().strip_prefix(prefix).and_then(conda::minor_of).filter(|minor| minor.starts_with("3."));
            if let Some(minor) = minor {
                notes.python(&format!("=={minor}.*"), Strength::Recommended, &Evidence::new(path, index + 1, line));
                break;
            }
        }
    }
}

/// A list of Debian packages, one on each line; a file with anything else in it is something else.
fn package_list(notes: &mut Notes<'_>, path: &str) {
    let Some(text) = notes.tree.text(path) else { return };
    let lines: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.split('#').next().unwrap_or_default().trim()))
        .filter(|(_, line)| !line.is_empty())
        .collect();
    if lines.iter().all(|(_, line)| line.split_whitespace().all(is_debian_name)) {
        for (number, line) in lines {
            for package in line.split_whitespace() {
                notes.apt(package, Strength::Recommended, &Evidence::new(path, number, line));
            }
        }
    }
}

/// Index addresses of a requirements file, and the CUDA version that its labels tell.
fn options(notes: &mut Notes<'_>, path: &str) {
    let Some(text) = notes.tree.text(path) else { return };
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        let option = trimmed.starts_with('-') && !trimmed.starts_with("-r") && !trimmed.starts_with("-e");
        if option {
            for entry in read_line(trimmed) {
                if let Entry::Index(url) = entry {
                    notes.index(&url, Strength::Recommended, &Evidence::new(path, index + 1, line));
                }
            }
        } else if trimmed.contains("cu")
            && !trimmed.starts_with('#')
            && (trimmed.contains("+cu") || trimmed.contains("/cu"))
            && cuda_of_label(trimmed).is_some()
        {
            notes.cuda_label(trimmed, Strength::Recommended, &Evidence::new(path, index + 1, line));
        }
    }
}

/// Native libraries, CUDA and torch out of an environment file.
fn environment(notes: &mut Notes<'_>, path: &str, main: bool) {
    let Some(text) = notes.tree.text(path) else { return };
    let listed = conda::listed_plainly(text);
    let foreign = conda::other_platform(&listed).is_some();
    // A full export names every library that something pulled in, wanted or not.
    let export = listed
        .items
        .iter()
        .filter(|(_, item, pip)| !pip && item.matches('=').count() >= 2 && !item.contains("=="))
        .count()
        > 20;
    let strength = if main && !foreign && !export { Strength::Recommended } else { Strength::Weak };
    for (line, item, _) in listed.items.iter().filter(|(_, _, pip)| !pip) {
        let Some((name, version)) = conda::read_match(item) else { continue };
        let evidence = Evidence::new(path, *line, item);
        let native = conda::debian_packages(&name.to_ascii_lowercase());
        if native.is_empty() || !(foreign || export) {
            note_conda(notes, &name, &version, strength, None, &evidence);
        }
    }
    for (line, item, _) in listed.items.iter().filter(|(_, _, pip)| *pip) {
        let evidence = Evidence::new(path, *line, item);
        if item.trim_start().starts_with("--")
            || item.trim_start().starts_with("-f")
            || item.trim_start().starts_with("-i")
        {
            for entry in read_line(item) {
                if let Entry::Index(url) = entry {
                    notes.index(&url, strength, &evidence);
                }
            }
        } else if item.contains("+cu") {
            notes.cuda_label(item, strength, &evidence);
        }
    }
}

/// Index addresses of `pyproject.toml` and `Pipfile`.
fn sources(notes: &mut Notes<'_>) {
    for path in ["pyproject.toml", "Pipfile"] {
        let Some(text) = notes.tree.text(path) else { continue };
        let mut inside = false;
        for (index, line) in text.lines().enumerate() {
            let trimmed = line.trim();
            if trimmed.starts_with('[') {
                inside = matches!(
                    trimmed,
                    "[[tool.uv.index]]" | "[[tool.poetry.source]]" | "[[tool.pdm.source]]" | "[[source]]"
                );
                continue;
            }
            let key = trimmed.split('=').next().unwrap_or_default().trim();
            let wanted = (inside && key == "url") || matches!(key, "extra-index-url" | "index-url" | "find-links");
            if !wanted {
                continue;
            }
            for url in trimmed.split(['"', '\'']).filter(|part| part.contains("://")) {
                notes.index(url, Strength::Recommended, &Evidence::new(path, index + 1, line));
            }
        }
    }
}
