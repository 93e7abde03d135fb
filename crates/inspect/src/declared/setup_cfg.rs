//! `setup.cfg` in; requirements, the project and statements about Python out.

use super::Sink;
use super::layout::Layout;
use super::pyproject::classifier_claim;
use super::requirements::{Entry, normalise};
use crate::facts::{Evidence, Project, Scope, Strength};

/// One `key = value` of an INI file, with the lines of its value.
struct Item {
    section: String,
    key: String,
    /// Line (from 1) and text of each line of the value that is not empty.
    lines: Vec<(usize, String)>,
}

impl Item {
    fn first(&self) -> Option<(usize, &str)> {
        self.lines.first().map(|(line, text)| (*line, text.as_str()))
    }
}

/// Reads an INI file as Python's configparser does: indented lines continue a value.
fn items(text: &str) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut section = String::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            if let Some(item) = items.last_mut().filter(|item| item.section == section) {
                item.lines.push((index + 1, trimmed.to_owned()));
            }
        } else if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some(position) = trimmed.find(['=', ':'])
            && let Some((key, value)) = trimmed.split_at_checked(position)
        {
            let value = value.get(1..).unwrap_or_default().trim();
            let lines = if value.is_empty() { Vec::new() } else { vec![(index + 1, value.to_owned())] };
            items.push(Item { section: section.clone(), key: key.trim().replace('-', "_"), lines });
        }
    }
    items
}

/// Reads the `setup.cfg` of a project's folder. Says whether it describes something that can be installed.
pub(crate) fn read(sink: &mut Sink<'_>, project: &mut Project, layout: &mut Layout, scope: &Scope) -> bool {
    let path = if project.folder.is_empty() { "setup.cfg".to_owned() } else { format!("{}/setup.cfg", project.folder) };
    let tree = sink.tree;
    let Some(text) = tree.text(&path) else { return false };
    let folder = project.folder.clone();
    let mut installable = false;
    let evidence_of = |line: usize, text: &str| Evidence::new(path.as_str(), line, text);
    for item in items(text) {
        let Item { section, key, lines } = &item;
        match (section.as_str(), key.as_str()) {
            ("metadata", "name") => {
                project.name = project.name.take().or_else(|| item.first().map(|(_, name)| normalise(name)));
                installable = true;
            }
            ("metadata", "version") => {
                let literal = item.first().map(|(_, version)| version).filter(|version| !version.contains(':'));
                project.version = project.version.take().or_else(|| literal.map(str::to_owned));
            }
            ("metadata", "classifiers" | "classifier") => {
                classifier_claim(sink, lines.iter().map(|(line, text)| (text, evidence_of(*line, text))));
            }
            ("options", "install_requires") => requirements(sink, lines, &folder, scope, &path),
            ("options", "setup_requires") => requirements(sink, lines, &folder, &Scope::Build, &path),
            ("options", "python_requires") => {
                if let Some((line, text)) = item.first() {
                    sink.python(text, Strength::Hard, &evidence_of(line, text));
                }
            }
            ("options", "py_modules") => layout.modules.extend(words(lines)),
            ("options", "packages") => {
                layout.packages.extend(words(lines).into_iter().filter(|name| !name.starts_with("find")));
                installable = true;
            }
            ("options", "package_dir") => {
                for (_, line) in lines {
                    let (package, target) = line.split_once('=').unwrap_or(("", line));
                    layout.folders.insert(package.trim().to_owned(), target.trim().to_owned());
                }
            }
            ("options.packages.find", "where") => layout.search.extend(words(lines)),
            ("options.extras_require", extra) => {
                project.extras.push(extra.to_owned());
                requirements(sink, lines, &folder, &Scope::Extra(extra.to_owned()), &path);
            }
            ("options.entry_points", "console_scripts") => {
                for (_, line) in lines {
                    if let Some((name, target)) = line.split_once('=') {
                        project.console_scripts.insert(name.trim().to_owned(), target.trim().to_owned());
                    }
                }
            }
            ("versioneer" | "pbr", _) => project.version_from_vcs = true,
            _ => {}
        }
    }
    if installable && project.evidence.is_none() {
        project.evidence = Some(Evidence::new(path.as_str(), 0, ""));
    }
    installable
}

fn words(lines: &[(usize, String)]) -> Vec<String> {
    lines
        .iter()
        .flat_map(|(_, line)| line.split([',', ' ']))
        .map(|word| word.trim().to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

fn requirements(sink: &mut Sink<'_>, lines: &[(usize, String)], folder: &str, scope: &Scope, path: &str) {
    for (line, text) in lines {
        let evidence = Evidence::new(path, *line, text);
        if let Some(files) = text.strip_prefix("file:") {
            for file in files.split(',') {
                let entry = Entry::File { path: file.trim().to_owned(), constraint: false };
                sink.entry(&entry, folder, scope, &evidence);
            }
            continue;
        }
        // One line may hold several, divided by semicolons or (outside brackets) commas; markers use semicolons too.
        let parts: Vec<&str> = match text.split_once(';') {
            Some((_, rest)) if !rest.contains(['<', '>', '=']) && !rest.trim().is_empty() => text.split(';').collect(),
            _ => vec![text.as_str()],
        };
        for part in parts {
            sink.requirement(part, folder, scope, &evidence);
        }
    }
}
