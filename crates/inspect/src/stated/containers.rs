//! Dockerfiles, compose files and `cog.yaml` that upstream ships in, hints out.
//!
//! They are often broken or made for something else, so what they say is weak, but for the Python version of the one
//! at the root.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::commands::{Setting, State, interpret, is_about_building, is_debian_name, split};
use super::sentences::{Claim, Product, Version};
use super::{Notes, add};
use crate::declared::conda;
use crate::declared::requirements::{Entry, logical_lines, read_line};
use crate::documents::is_vendored;
use crate::facts::{Evidence, Scope, Strength};
use crate::tree::Tree;

pub(super) fn read(notes: &mut Notes<'_>) {
    for (path, text) in dockerfiles(notes.tree) {
        dockerfile(notes, path, text);
    }
    for name in ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"] {
        if let Some(text) = notes.tree.text(name) {
            compose(notes, name, text);
        }
    }
    if let Some(text) = notes.tree.text("cog.yaml") {
        cog(notes, text);
    }
}

/// The first Dockerfiles that upstream ships, with their texts; those nearest to the root come first.
pub(crate) fn dockerfiles(tree: &Tree) -> Vec<(&str, &str)> {
    let is_shipped = |path: &str| is_dockerfile(path) && !is_vendored(path) && !path.starts_with(".devcontainer/");
    let mut found: Vec<(&str, &str)> = tree.texts().filter(|(path, _)| is_shipped(path)).collect();
    found.sort_by_key(|(path, _)| (path.matches('/').count(), *path));
    found.truncate(6);
    found
}

/// Suffixes of files that are about Dockerfiles and are none.
const SOURCES: &[&str] =
    &[".go", ".j2", ".js", ".json", ".md", ".py", ".rs", ".sh", ".template", ".ts", ".yaml", ".yml"];

fn is_dockerfile(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    (name == "dockerfile"
        || name.starts_with("dockerfile.")
        || name.starts_with("dockerfile-")
        || name.starts_with("dockerfile_")
        || name.ends_with(".dockerfile"))
        && !name.ends_with("ignore")
        && !name.contains("windows")
        && !SOURCES.iter().any(|suffix| name.ends_with(suffix))
}

fn dockerfile(notes: &mut Notes<'_>, path: &str, text: &str) {
    let root = !path.contains('/');
    let lines: Vec<&str> = text.lines().collect();
    let setting = Setting { path, strength: Strength::Weak, scope: Scope::Hint, general: true, lines: &lines };
    let shown = |line: usize| lines.get(line.saturating_sub(1)).copied().unwrap_or_default().to_owned();
    let mut arguments: BTreeMap<String, String> = BTreeMap::new();
    let mut state = State::default();
    let mut stages: Vec<String> = Vec::new();
    for (number, logical) in instructions(&lines) {
        let (instruction, rest) = logical.split_once(char::is_whitespace).unwrap_or((&logical, ""));
        let evidence = Evidence::new(path, number, &shown(number));
        match instruction.to_ascii_uppercase().as_str() {
            "ARG" => {
                if let Some((name, value)) = rest.split_once('=') {
                    arguments.insert(name.trim().to_owned(), value.trim().trim_matches(['"', '\'']).to_owned());
                }
            }
            "FROM" => {
                let mut words = rest.split_whitespace().filter(|word| !word.starts_with("--"));
                let image = substitute(words.next().unwrap_or_default(), &arguments);
                if words.next().is_some_and(|word| word.eq_ignore_ascii_case("as")) {
                    stages.extend(words.next().map(str::to_owned));
                }
                if !stages.contains(&image) && !rest.contains("{{") && !image.contains('$') && image != "scratch" {
                    base(notes, &image, root, &evidence);
                }
            }
            "ENV" => {
                let pairs: Vec<(String, String)> = crate::declared::requirements::split_words(rest)
                    .iter()
                    .filter_map(|word| word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())))
                    .collect();
                let pairs = if pairs.is_empty() {
                    rest.split_once(char::is_whitespace)
                        .map(|(name, value)| vec![(name.to_owned(), value.trim().trim_matches('"').to_owned())])
                        .unwrap_or_default()
                } else {
                    pairs
                };
                for (name, value) in pairs {
                    if is_about_building(&name) && !value.contains('$') {
                        add(&mut notes.stated.env, &format!("{name}={value}"), Strength::Weak, &evidence);
                    }
                }
            }
            "RUN" => {
                let rest = rest.trim_start_matches('[').replace("\", \"", " ");
                let commands = split([(number, rest.as_str())]);
                interpret(notes, &setting, &mut state, &commands);
            }
            _ => {}
        }
    }
}

/// Instructions with their continuations and heredocs left as they are; comments inside are dropped.
pub(crate) fn instructions(lines: &[&str]) -> Vec<(usize, String)> {
    let mut joined: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (index, line) in lines.iter().enumerate() {
        let trimmed = line.trim();
        if trimmed.starts_with('#') || trimmed.is_empty() {
            continue;
        }
        let (part, continues) = match trimmed.strip_suffix('\\') {
            Some(part) => (part.trim_end(), true),
            None => (trimmed, false),
        };
        match joined.last_mut().filter(|_| open) {
            Some((_, logical)) => {
                logical.push(' ');
                logical.push_str(part);
            }
            None => joined.push((index + 1, part.to_owned())),
        }
        open = continues;
    }
    joined
}

/// Fills `${NAME}`, `${NAME:-default}` and `$NAME` from `ARG`s.
fn substitute(text: &str, arguments: &BTreeMap<String, String>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        let (name, default, tail) = if let Some(inner) = after.strip_prefix('{') {
            let (inner, tail) = inner.split_once('}').unwrap_or((inner, ""));
            let (name, default) = inner.split_once(":-").map_or((inner, None), |(name, default)| (name, Some(default)));
            (name, default, tail)
        } else {
            let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
            let (name, tail) = after.split_at_checked(end).unwrap_or((after, ""));
            (name, None, tail)
        };
        if let Some(value) = arguments.get(name).map(String::as_str).or(default) {
            filled.push_str(value);
        } else {
            filled.push('$');
            filled.push_str(name);
        }
        rest = tail;
    }
    filled + rest
}

/// Notes a base image, and the versions its tag tells.
fn base(notes: &mut Notes<'_>, image: &str, root: bool, evidence: &Evidence) {
    add(&mut notes.stated.base_images, image, Strength::Weak, evidence);
    let reference = image.split('@').next().unwrap_or(image);
    let (name, tag) = reference.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).unwrap_or((reference, ""));
    let last = name.rsplit('/').next().unwrap_or(name);
    match last {
        "python" => {
            if let Some(minor) =
                conda::minor_of(tag.split('-').next().unwrap_or_default()).filter(|minor| minor.starts_with("3."))
            {
                notes.python(
                    &format!("=={minor}.*"),
                    if root { Strength::Recommended } else { Strength::Weak },
                    evidence,
                );
            }
        }
        "pytorch" if name.ends_with("pytorch/pytorch") => {
            if let Some(version) = version_of(tag.split('-').next().unwrap_or_default()) {
                notes.claim(Product::Torch, &Claim::Exactly(version), Strength::Weak, evidence);
            }
            if let Some(version) =
                tag.split_once("cuda").and_then(|(_, rest)| version_of(rest.split('-').next().unwrap_or_default()))
            {
                notes.claim(Product::Cuda, &Claim::Exactly(version), Strength::Weak, evidence);
            }
        }
        "cuda" | "cudagl" => {
            if let Some(version) = version_of(tag.split('-').next().unwrap_or_default()) {
                notes.claim(Product::Cuda, &Claim::Exactly(version), Strength::Weak, evidence);
            }
        }
        _ => {}
    }
}

fn version_of(text: &str) -> Option<Version> {
    let mut parts = text.split('.').map(str::parse::<u32>);
    Some(Version { major: parts.next()?.ok()?, minor: parts.next()?.ok()?, patch: parts.next().and_then(Result::ok) })
}

/// The part of a compose file that says how its containers run.
/// <https://docs.docker.com/reference/compose-file/services/>
#[derive(Deserialize)]
struct Compose {
    #[serde(default)]
    services: BTreeMap<String, Service>,
}

#[derive(Deserialize)]
struct Service {
    image: Option<String>,
    shm_size: Option<Text>,
}

/// Shared memory is what a compose file knows and a Dockerfile cannot say. Its environment, volumes, ports and
/// privileges belong to somebody's deployment.
fn compose(notes: &mut Notes<'_>, path: &str, text: &str) {
    let Ok(Compose { services }) = conda::yaml::<Compose>(text) else { return };
    let place = |needle: &str| {
        let found = text.lines().enumerate().find(|(_, line)| line.contains(needle));
        found.map_or_else(|| Evidence::new(path, 0, needle), |(index, line)| Evidence::new(path, index + 1, line))
    };
    for service in services.values() {
        if let Some(image) = service.image.as_deref().filter(|image| !image.contains('$')) {
            base(notes, image, false, &place(image));
        }
        if let Some(size) = service.shm_size.as_ref().map(Text::text) {
            let is_size = size.starts_with(|c: char| c.is_ascii_digit())
                && size.chars().all(|c| c.is_ascii_digit() || matches!(c.to_ascii_lowercase(), 'k' | 'm' | 'g' | 'b'));
            if is_size {
                add(&mut notes.stated.run_flags, &format!("--shm-size={size}"), Strength::Weak, &place("shm_size"));
            }
        }
    }
}

#[derive(Deserialize)]
struct Cog {
    build: Option<CogBuild>,
}

#[derive(Deserialize)]
struct CogBuild {
    cuda: Option<Text>,
    python_version: Option<Text>,
    #[serde(default)]
    python_packages: Option<Vec<String>>,
    #[serde(default)]
    system_packages: Option<Vec<String>>,
}

/// A version that YAML may have read as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Text(String),
    Number(f64),
}

impl Text {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
        }
    }
}

fn cog(notes: &mut Notes<'_>, text: &str) {
    let Ok(Cog { build: Some(build) }) = conda::yaml::<Cog>(text) else { return };
    let place = |needle: &str| {
        let found = text.lines().enumerate().find(|(_, line)| line.contains(needle));
        found.map_or_else(
            || Evidence::new("cog.yaml", 0, needle),
            |(index, line)| Evidence::new("cog.yaml", index + 1, line),
        )
    };
    if let Some(minor) = build.python_version.and_then(|version| conda::minor_of(&version.text())) {
        notes.python(&format!("=={minor}.*"), Strength::Recommended, &place("python_version"));
    }
    if let Some(version) = build.cuda.and_then(|version| version_of(&version.text())) {
        notes.claim(Product::Cuda, &Claim::Exactly(version), Strength::Weak, &place("cuda"));
    }
    for package in build.system_packages.unwrap_or_default().iter().filter(|package| is_debian_name(package)) {
        notes.apt(package, Strength::Weak, &place(package));
    }
    for line in build.python_packages.unwrap_or_default() {
        for (_, logical) in logical_lines(&line) {
            for entry in read_line(&logical) {
                if let Entry::Requirement(wanted) = entry {
                    notes.requirement(&wanted.name, &wanted.spec, wanted.form, &Scope::Hint, &place(&line));
                }
            }
        }
    }
}
