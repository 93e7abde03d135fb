//! CI configuration and `tox.ini` in, weak statements out.
//!
//! These files are read by their lines: versions are often unquoted, which YAML turns into numbers (`3.10` into 3.1).

use super::Notes;
use super::commands::{Setting, State, interpret, split};
use crate::declared::has_suffix;
use crate::facts::{Evidence, Scope, Strength};
use crate::tree::Tree;

pub(super) fn read(notes: &mut Notes<'_>) {
    for (path, text) in workflows(notes.tree) {
        workflow(notes, path, text);
    }
    if let Some(text) = notes.tree.text("tox.ini") {
        tox(notes, text);
    }
}

/// The first configurations of a CI that builds or tests, with their texts.
pub(crate) fn workflows(tree: &Tree) -> Vec<(&str, &str)> {
    tree.texts().filter(|(path, _)| is_workflow(path)).take(8).collect()
}

/// Is this the configuration of a CI that builds or tests (and not one that publishes or formats)?
fn is_workflow(path: &str) -> bool {
    if matches!(path, ".gitlab-ci.yml" | ".travis.yml" | ".circleci/config.yml" | "azure-pipelines.yml") {
        return true;
    }
    let Some(name) = path.strip_prefix(".github/workflows/").filter(|name| has_suffix(name, &[".yml", ".yaml"])) else {
        return false;
    };
    let name = name.to_ascii_lowercase();
    ![
        "publish",
        "release",
        "deploy",
        "doc",
        "lint",
        "format",
        "stale",
        "label",
        "style",
        "codeql",
        "black",
        "ruff",
        "mypy",
        "pypi",
        "pre-commit",
        "precommit",
        "greet",
        "merge",
        "cla",
        "link",
    ]
    .iter()
    .any(|word| name.contains(word))
}

fn workflow(notes: &mut Notes<'_>, path: &str, text: &str) {
    let mut minors: Vec<(u32, usize)> = Vec::new();
    let mut listing: Option<usize> = None;
    let mut commands: Vec<(usize, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        let indent = line.len() - line.trim_start().len();
        let content = trimmed.trim_start_matches("- ").trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if let Some((key, value)) = content.split_once(':')
            && is_python_key(key.trim().trim_matches(['"', '\'']))
        {
            minors.extend(minors_of(value).into_iter().map(|minor| (minor, index)));
            listing = value.trim().is_empty().then_some(indent);
            continue;
        }
        if let Some(start) = listing {
            if trimmed.starts_with('-') && indent >= start {
                minors.extend(minors_of(content).into_iter().map(|minor| (minor, index)));
                continue;
            }
            listing = None;
        }
        let command = content.strip_prefix("run:").map_or(content, str::trim);
        let command = command.strip_prefix('|').unwrap_or(command).trim_matches(['"', '\'']);
        if command.contains("install")
            || trimmed.ends_with('\\')
            || commands.last().is_some_and(|(number, before)| *number == index && before.ends_with('\\'))
        {
            commands.push((index + 1, without_expressions(command)));
        }
    }
    let lines: Vec<&str> = text.lines().collect();
    let shown = |line: usize| lines.get(line.saturating_sub(1)).copied().unwrap_or_default().to_owned();
    if let (Some((low, _)), Some((high, at))) = (minors.iter().min(), minors.iter().max()) {
        let evidence = Evidence::new(path, at + 1, &shown(at + 1));
        notes.python(&crate::declared::span_of_minors(*low, *high), Strength::Weak, &evidence);
    }
    let setting = Setting { path, strength: Strength::Weak, scope: Scope::Hint, general: true, lines: &lines };
    let commands = split(commands.iter().map(|(number, command)| (*number, command.as_str())));
    interpret(notes, &setting, &mut State::default(), &commands);
}

/// Puts `$` for each `${{ … }}`, whose words are none of the command's.
fn without_expressions(command: &str) -> String {
    let mut plain = String::new();
    let mut rest = command;
    while let Some((before, after)) = rest.split_once("${{") {
        plain.push_str(before);
        plain.push('$');
        rest = after.split_once("}}").map_or("", |(_, rest)| rest);
    }
    plain + rest
}

fn is_python_key(key: &str) -> bool {
    matches!(
        key,
        "python-version"
            | "python"
            | "python_version"
            | "python-versions"
            | "pythonVersion"
            | "versionSpec"
            | "PYTHON_VERSION"
            | "python.version"
    )
}

/// Minor versions of Python 3 in a value: `["3.8", 3.10]`.
fn minors_of(value: &str) -> Vec<u32> {
    let value = value.split(" #").next().unwrap_or(value);
    value
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '"' | '\''))
        .filter_map(|word| {
            let minor = word.trim_start_matches("python").strip_prefix("3.")?;
            let minor = minor.split(['.', '-']).next()?;
            minor.parse().ok().filter(|minor| (2..=20).contains(minor))
        })
        .collect()
}

/// `envlist = py38, py39` and `py{38,39,310}`.
fn tox(notes: &mut Notes<'_>, text: &str) {
    let mut inside = false;
    let mut minors: Vec<(u32, usize)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        let value = match trimmed.split_once('=') {
            Some((key, value)) if matches!(key.trim(), "envlist" | "env_list") => {
                inside = true;
                value
            }
            None if inside && line.starts_with([' ', '\t']) => trimmed,
            _ => {
                inside = false;
                continue;
            }
        };
        for (at, _) in value.match_indices("py") {
            let rest = value.get(at + 2..).unwrap_or_default();
            let list = match rest.strip_prefix('{') {
                Some(inner) => inner.split('}').next().unwrap_or_default(),
                None => rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default(),
            };
            for word in list.split(',') {
                let minor =
                    word.trim().trim_start_matches("py").strip_prefix('3').map(|minor| minor.trim_start_matches('.'));
                minors.extend(
                    minor
                        .and_then(|minor| minor.parse().ok())
                        .filter(|minor: &u32| (2..=20).contains(minor))
                        .map(|minor| (minor, index)),
                );
            }
        }
    }
    if let (Some((low, _)), Some((high, at))) = (minors.iter().min(), minors.iter().max()) {
        let evidence = Evidence::new("tox.ini", at + 1, text.lines().nth(*at).unwrap_or_default());
        notes.python(&crate::declared::span_of_minors(*low, *high), Strength::Weak, &evidence);
    }
}
