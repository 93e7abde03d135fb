//! Paths in; which requirements and environment files there are, and for what each one stands.
//!
//! Names and places decide, and what the README tells people to install. Files of tests, examples and vendored code
//! never speak for the whole.

use crate::facts::{Form, Scope};
use crate::tree::{Content, Tree};

use super::{Sink, conda, has_suffix, join, parent_folder};

/// The files of a repository that declare requirements, each with what it stands for.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    /// Requirements files, those of [`Scope::Main`] first.
    pub(crate) requirements: Vec<(String, Scope)>,
    /// Environment files of conda, the one with [`Scope::Conda`] first.
    pub(crate) environments: Vec<(String, Scope)>,
}

/// Folder names whose content is not the program itself.
const SIDE_FOLDERS: &[&str] = &[
    "3rdparty",
    "3rd_party",
    "benchmark",
    "benchmarks",
    "ci",
    "colab",
    "contrib",
    "demo",
    "demos",
    "deploy",
    "deployment",
    "dev",
    "doc",
    "docker",
    "docs",
    "documentation",
    "eval",
    "evaluation",
    "example",
    "examples",
    "ext",
    "extern",
    "external",
    "externals",
    "hooks",
    "integrations",
    "node_modules",
    "notebooks",
    "paper",
    "playground",
    "plugins",
    "recipes",
    "samples",
    "site",
    "submodule",
    "submodules",
    "test",
    "testing",
    "tests",
    "third-party",
    "third_party",
    "thirdparty",
    "tutorial",
    "tutorials",
    "vendor",
    "vendored",
    "web",
    "website",
    "build",
    "dist",
];

/// Does the path lie in a folder of tests, examples, documents or foreign code?
pub(crate) fn is_aside(path: &str) -> bool {
    let folder = parent_folder(path);
    folder.split('/').any(|part| {
        let part = part.to_ascii_lowercase();
        SIDE_FOLDERS.contains(&part.as_str()) || (part.starts_with('.') && part.len() > 1)
    })
}

/// Words in a file's name that tell that it is for people who work on the project.
const SIDE_WORDS: &[&str] = &[
    "ci",
    "dev",
    "devel",
    "develop",
    "development",
    "doc",
    "docs",
    "format",
    "lint",
    "linting",
    "linter",
    "mkdocs",
    "mypy",
    "pre-commit",
    "precommit",
    "publish",
    "readthedocs",
    "release",
    "rtd",
    "sphinx",
    "style",
    "test",
    "testing",
    "tests",
    "typing",
    "contrib",
    "docker",
    "mkl",
    "benchmark",
];

/// Words that mean the requirements of the program itself.
const MAIN_WORDS: &[&str] = &[
    "all",
    "base",
    "common",
    "core",
    "default",
    "full",
    "general",
    "install",
    "main",
    "package",
    "pip",
    "prod",
    "production",
    "project",
    "py",
    "py3",
    "python",
    "python3",
    "requirements",
    "runtime",
    "install_requires",
];

/// Is this the name of a requirements file?
fn is_requirements_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let Some(stem) =
        lower.strip_suffix(".txt").or_else(|| lower.strip_suffix(".pip")).or_else(|| lower.strip_suffix(".in"))
    else {
        return lower == "requirements";
    };
    stem.contains("require")
        || stem.contains("requirment")
        || stem.contains("requirem")
        || stem == "req"
        || stem == "reqs"
        || stem == "pip"
        || stem.starts_with("req_")
        || stem.starts_with("req-")
        || stem.starts_with("reqs_")
        || stem.starts_with("reqs-")
        || stem == "dependencies"
        || stem == "pip_packages"
}

/// What is left of a requirements file's name without the words that say that it is one: `requirements-tf.txt` -> `tf`.
fn purpose(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let lower = name.to_ascii_lowercase();
    let stem = lower.rsplit_once('.').map_or(lower.as_str(), |(stem, _)| stem);
    let words: Vec<&str> = stem
        .split(['-', '_', '.'])
        .filter(|word| {
            !word.is_empty()
                && !word.starts_with("requirement")
                && !matches!(
                    *word,
                    "require" | "requires" | "req" | "reqs" | "requirments" | "txt" | "dependencies" | "packages"
                )
        })
        .collect();
    let _ = folder;
    words.join("-")
}

fn scope_of_purpose(purpose: &str) -> Scope {
    if purpose.is_empty() || MAIN_WORDS.contains(&purpose) { Scope::Main } else { Scope::Group(purpose.to_owned()) }
}

fn is_side_purpose(purpose: &str) -> bool {
    purpose.split('-').any(|word| SIDE_WORDS.contains(&word))
}

/// The scope of a file that another one of `scope` includes: its own where its name says that it is for development.
pub(crate) fn scope_of_included(path: &str, scope: &Scope) -> Scope {
    let purpose = purpose(path);
    if *scope == Scope::Main && is_side_purpose(&purpose) { Scope::Group(purpose) } else { scope.clone() }
}

/// Is this folder one that holds environment files and nothing else by its name?
fn is_environment_folder(folder: &str) -> bool {
    is_requirements_folder(folder)
        || matches!(
            folder.to_ascii_lowercase().as_str(),
            "conda" | "env" | "envs" | "environment" | "environments" | "install" | "setup" | "config" | "configs"
        )
}

/// Is this folder one that holds requirements files and nothing else by its name?
fn is_requirements_folder(folder: &str) -> bool {
    matches!(
        folder.to_ascii_lowercase().as_str(),
        "requirements" | "requirement" | "reqs" | "req" | "requires" | "deps" | "dependencies"
    )
}

/// Finds the requirements and environment files, and what each stands for.
pub(crate) fn choose(tree: &Tree) -> Choice {
    let told = told_by_documents(tree);
    let mut found: Vec<(String, Scope)> = Vec::new();
    let mut environments: Vec<String> = Vec::new();
    for (path, file) in tree.iter() {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if matches!(file.content, Content::Submodule) {
            continue;
        }
        let depth = if folder.is_empty() { 0 } else { folder.split('/').count() };
        let in_folder = depth == 1 && is_requirements_folder(folder);
        let lower_txt = name.to_ascii_lowercase().ends_with(".txt") || name.to_ascii_lowercase().ends_with(".in");
        if depth <= 4
            && (is_requirements_name(name) || (in_folder && lower_txt))
            && !name.to_ascii_lowercase().contains("constraint")
        {
            // The `.txt` beside a `.in` was compiled from it.
            let compiled = name
                .strip_suffix(".in")
                .is_some_and(|stem| tree.contains(&join(folder, &format!("{stem}.txt")).unwrap_or_default()));
            if compiled {
                continue;
            }
            let scope =
                if depth == 0 || in_folder { scope_of_purpose(&purpose(path)) } else { Scope::Group(path.to_owned()) };
            found.push((path.to_owned(), scope));
        } else if depth <= 2 && conda::is_environment_file(path) && file_text_mentions_dependencies(tree, path) {
            environments.push(path.to_owned());
        }
    }
    settle_main(&mut found, &told);
    found.sort_by_key(|(path, scope)| (*scope != Scope::Main, path.matches('/').count()));
    let environments = settle_environments(environments, &told);
    Choice { requirements: found, environments }
}

fn file_text_mentions_dependencies(tree: &Tree, path: &str) -> bool {
    tree.text(path).is_some_and(|text| text.contains("dependencies:"))
}

/// Leaves the files of [`Scope::Main`] that really stand for the whole.
fn settle_main(found: &mut [(String, Scope)], told: &[String]) {
    let canonical = |path: &str| {
        let lower = path.to_ascii_lowercase();
        lower == "requirements.txt" || lower == "requirements.in" || lower == "requirements"
    };
    if found.iter().any(|(path, _)| canonical(path)) {
        for (path, scope) in found.iter_mut() {
            if *scope == Scope::Main && !canonical(path) {
                let purpose = purpose(path);
                *scope = Scope::Group(if purpose.is_empty() { path.clone() } else { purpose });
            }
        }
        return;
    }
    if found.iter().any(|(_, scope)| *scope == Scope::Main) {
        return;
    }
    // The README's own words come next, then the only file that is not for development.
    let named = told
        .iter()
        .find_map(|told| found.iter().position(|(path, _)| path == told).filter(|_| !is_side_purpose(&purpose(told))));
    let chosen = named.or_else(|| {
        let mut plausible = found.iter().enumerate().filter(|(_, (path, scope))| {
            matches!(scope, Scope::Group(name) if name != path) && !is_side_purpose(&purpose(path))
        });
        let first = plausible.next();
        if plausible.next().is_some() { None } else { first.map(|(position, _)| position) }
    });
    if let Some((_, scope)) = chosen.and_then(|position| found.get_mut(position)) {
        *scope = Scope::Main;
    }
}

fn settle_environments(mut paths: Vec<String>, told: &[String]) -> Vec<(String, Scope)> {
    let rank = |path: &String| {
        let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
        let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
        let canonical = match stem {
            "environment" => 0,
            "env" | "conda" | "conda_env" | "conda-env" | "conda_environment" => 1,
            _ => 2,
        };
        let side = stem.split(['-', '_']).any(|word| {
            SIDE_WORDS.contains(&word)
                || matches!(word, "cpu" | "mac" | "macos" | "osx" | "win" | "windows" | "arm64" | "rocm")
        });
        (
            is_aside(path),
            told.iter().position(|told| told == path).unwrap_or(usize::MAX),
            path.matches('/').count(),
            canonical,
            side,
            path.clone(),
        )
    };
    paths.sort_by_key(rank);
    let mut chosen = Vec::new();
    for path in paths {
        let folder = parent_folder(&path);
        let speaks = folder.is_empty() || is_environment_folder(folder) || told.contains(&path);
        let scope = if chosen.is_empty() && speaks { Scope::Conda } else { Scope::Group(path.clone()) };
        chosen.push((path, scope));
    }
    chosen
}

/// Requirements and environment files that the README (or an INSTALL document) tells people to use, in its order.
fn told_by_documents(tree: &Tree) -> Vec<String> {
    let mut told = Vec::new();
    for (path, text) in tree.texts() {
        let lower = path.to_ascii_lowercase();
        let name = lower.rsplit('/').next().unwrap_or(&lower);
        let document = (!lower.contains('/') && (name.starts_with("readme") || name.starts_with("install")))
            || (lower.starts_with("docs/") && name.starts_with("install"));
        if !document || has_suffix(&lower, &[".py"]) {
            continue;
        }
        for line in text.lines() {
            let tells = (line.contains("pip") && line.contains("-r"))
                || (line.contains("conda") && line.contains("-f"))
                || line.contains("--file")
                || line.contains("env create");
            if !tells {
                continue;
            }
            let words =
                line.split(|c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\'' | '=' | ',' | ')' | '('));
            for word in words {
                let word = word.trim_end_matches(['.', ';', ':']);
                let is_file = has_suffix(word, &[".txt", ".yml", ".yaml", ".in"]);
                if let Some(found) = is_file.then(|| join("", word)).flatten().filter(|found| tree.contains(found))
                    && !told.contains(&found)
                {
                    told.push(found);
                }
            }
        }
    }
    told
}

/// The one requirements file (or else environment file) below the root that may speak for the whole, where nothing else
/// does, with the scope it then has.
pub(crate) fn sole_nested(tree: &Tree, choice: &Choice) -> Option<(String, Scope)> {
    let requirements = sole(tree, &choice.requirements).map(|path| (path, Scope::Main));
    requirements.or_else(|| sole(tree, &choice.environments).map(|path| (path, Scope::Conda)))
}

fn sole(tree: &Tree, files: &[(String, Scope)]) -> Option<String> {
    let mut plausible = files.iter().map(|(path, _)| path).filter(|path| {
        let depth = path.matches('/').count();
        depth > 0 && depth <= 2 && !is_aside(path) && !is_side_purpose(&purpose(path)) && tree.text(path).is_some()
    });
    let first = plausible.next()?;
    plausible.next().is_none().then(|| first.clone())
}

/// Folders below the root whose setup counts: those that requirements install by path, submodules with a setup, and,
/// where the root is no project, plausible folders near it. The flag says that it is the only one of these last.
pub(crate) fn project_folders(tree: &Tree, sink: &Sink<'_>, root_is_none: bool) -> Vec<(String, bool)> {
    let mut folders: Vec<(String, bool)> = Vec::new();
    for wanted in &sink.requirements {
        if matches!(wanted.form, Form::Path | Form::Editable) {
            let folder = wanted.spec.split('[').next().unwrap_or_default();
            if folder != "." && tree.contains_folder(folder) && !folders.iter().any(|(known, _)| known == folder) {
                folders.push((folder.to_owned(), false));
            }
        }
    }
    for folder in told_paths(tree) {
        if !folders.iter().any(|(known, _)| *known == folder) {
            folders.push((folder, false));
        }
    }
    for deepest in [1, 2].into_iter().filter(|_| root_is_none) {
        let mut near: Vec<String> = Vec::new();
        for (path, _) in tree.texts() {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let depth = folder.split('/').count();
            if folder.is_empty() || depth > deepest || !matches!(name, "setup.py" | "pyproject.toml") || is_aside(path)
            {
                continue;
            }
            let installable = name == "setup.py"
                || tree.text(path).is_some_and(|text| text.contains("[project]") || text.contains("[tool.poetry]"));
            if installable && !near.iter().any(|known| known == folder) {
                near.push(folder.to_owned());
            }
        }
        let sole = near.len() == 1;
        let found = !near.is_empty();
        for folder in near {
            if !folders.iter().any(|(known, _)| *known == folder) {
                folders.push((folder, sole));
            }
        }
        if found {
            break;
        }
    }
    folders
}

/// Folders with a setup that the README installs: `pip install ./x`, `pip install -e x`, `pip install submodules/x`.
fn told_paths(tree: &Tree) -> Vec<String> {
    let mut told = Vec::new();
    for (path, text) in tree.texts() {
        if path.contains('/') || !path.to_ascii_lowercase().starts_with("readme") {
            continue;
        }
        for line in text.lines().filter(|line| line.contains("pip") && line.contains("install")) {
            let after = line.split_once("install").map(|(_, after)| after).unwrap_or_default();
            for word in after.split(|c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\'')) {
                let word = word.split('[').next().unwrap_or_default();
                let Some(folder) =
                    join("", word).filter(|folder| !folder.is_empty() && word.contains(|c: char| c.is_alphanumeric()))
                else {
                    continue;
                };
                let has_setup =
                    tree.contains(&format!("{folder}/setup.py")) || tree.contains(&format!("{folder}/pyproject.toml"));
                if has_setup && !told.contains(&folder) {
                    told.push(folder);
                }
            }
        }
    }
    told
}
