//! What a Dockerfile says that it installs. In: its text and the requirement files of its context; out: places and names.

use std::collections::BTreeMap;

use repro_core::{Context, KnowledgeBase};
use repro_dockerfile::{Dockerfile, Instruction, Keyword, ShellCommand, Span};
use repro_note::Edit;

use super::Existing;
use crate::edit::python_of_image;
use crate::names;

/// Options of `pip install` that are followed by a value.
const WITH_VALUE: [&str; 22] = [
    "-i",
    "--index-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "-t",
    "--target",
    "--prefix",
    "--root",
    "--platform",
    "--python-version",
    "--progress-bar",
    "--timeout",
    "--default-timeout",
    "--retries",
    "--cache-dir",
    "--trusted-host",
    "--proxy",
    "--cert",
    "--config-settings",
    "--no-binary",
    "--only-binary",
];

/// One `pip install` of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// Number of its instruction.
    pub instruction: usize,
    /// The words that start it: `python3 -m pip`.
    pub program: Vec<String>,
    /// The requirements that it names.
    pub requirements: Vec<Installed>,
    /// The requirement files that it names, as written.
    pub files: Vec<String>,
    /// Where an option can be put.
    pub options: Span,
    /// Words of an exec form are JSON: they are not changed.
    pub is_shell: bool,
}

/// A requirement where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Normalised.
    pub name: String,
    /// As written, without quotes.
    pub spec: String,
    pub span: Span,
}

/// Every `pip install` of the file, in order.
pub fn installs(file: &Dockerfile) -> Vec<Install> {
    let mut found = Vec::new();
    for instruction in file.instructions().into_iter().filter(|instruction| instruction.keyword() == Keyword::Run) {
        let is_shell = instruction.exec().is_none();
        for command in instruction.commands() {
            let Some(words) = command.pip_install() else { continue };
            let all = command.unwrapped();
            let Some(install) = all.len().checked_sub(words.len() + 1).and_then(|at| all.get(at)) else { continue };
            let program = all.iter().take(all.len() - words.len() - 1).map(|word| word.text.clone()).collect();
            let mut one = Install {
                instruction: instruction.index(),
                program,
                requirements: Vec::new(),
                files: Vec::new(),
                options: install.span,
                is_shell,
            };
            let mut words = words.iter();
            while let Some(word) = words.next() {
                let text = word.text.as_str();
                if matches!(text, "-r" | "--requirement") {
                    one.files.extend(words.next().map(|file| file.text.clone()));
                } else if let Some(path) = text.strip_prefix("--requirement=") {
                    one.files.push(path.to_owned());
                } else if WITH_VALUE.contains(&text) || matches!(text, "-c" | "--constraint" | "-e" | "--editable") {
                    words.next();
                } else if !text.starts_with('-')
                    && let Some(name) = names::requirement_name(text)
                    && !text.starts_with('.')
                    && !text.contains('/')
                    && !text.contains('$')
                {
                    one.requirements.push(Installed { name, spec: text.to_owned(), span: word.span });
                }
            }
            found.push(one);
        }
    }
    found
}

/// The requirement files that the file installs from: for each the paths in the build context where it may lie, the
/// likeliest first.
pub fn requirement_files(file: &Dockerfile) -> Vec<Vec<String>> {
    let instructions = file.instructions();
    let mut files = Vec::new();
    for install in installs(file) {
        let before = instructions.get(..install.instruction).unwrap_or_default();
        for named in &install.files {
            let mut candidates = copied(before, named);
            // The file's place in the image often ends as that in the context does.
            let mut rest = named.trim_start_matches("./").trim_start_matches('/');
            candidates.push(rest.to_owned());
            while let Some((_, end)) = rest.split_once('/') {
                candidates.push(end.to_owned());
                rest = end;
            }
            if !files.contains(&candidates) {
                files.push(candidates);
            }
        }
    }
    files
}

/// The further requirement files that a requirement file names, as paths in the build context.
pub fn named_in(path: &str, text: &str) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let lines = text.lines().filter_map(|line| {
        let line = line.split(" #").next()?.trim();
        let named = line.strip_prefix("--requirement").or_else(|| line.strip_prefix("-r"))?;
        Some(joined(&format!("/{folder}"), named.trim_start_matches('=').trim()).trim_start_matches('/').to_owned())
    });
    lines.collect()
}

/// The `pyproject.toml` files of the projects that the file installs (`pip install .`), as paths in the build context.
pub fn project_files(file: &Dockerfile) -> Vec<String> {
    let instructions = file.instructions();
    let mut found: Vec<String> = Vec::new();
    for instruction in instructions.iter().filter(|one| one.keyword() == Keyword::Run) {
        let before = instructions.get(..instruction.index()).unwrap_or_default();
        for command in instruction.commands() {
            let words = command.pip_install().unwrap_or_default();
            for word in words.iter().map(|word| word.text.as_str()) {
                let folder = word.split('[').next().unwrap_or(word).trim_end_matches('/');
                if folder != "." && !folder.starts_with("./") && !folder.starts_with('/') {
                    continue;
                }
                let mut paths = copied(before, &format!("{folder}/pyproject.toml"));
                paths.push(
                    format!("{}/pyproject.toml", folder.trim_start_matches(['.', '/']))
                        .trim_start_matches('/')
                        .to_owned(),
                );
                for path in paths {
                    if !found.contains(&path) {
                        found.push(path);
                    }
                }
            }
        }
    }
    found
}

/// What a `pyproject.toml` requires, as PEP 621 has it. <https://peps.python.org/pep-0621/>
fn dependencies(text: &str) -> Vec<(String, String)> {
    let document: toml::Table = text.parse().unwrap_or_default();
    let listed =
        document.get("project").and_then(|project| project.get("dependencies")).and_then(toml::Value::as_array);
    let specs = listed.into_iter().flatten().filter_map(toml::Value::as_str);
    specs.filter_map(|spec| Some((names::requirement_name(spec)?, spec.to_owned()))).collect()
}

/// Where a file of the image comes from in the context, as the COPY and ADD instructions before its use say; the last one
/// that could have brought it first.
fn copied(before: &[Instruction<'_>], named: &str) -> Vec<String> {
    let mut workdir = "/".to_owned();
    let mut found = Vec::new();
    let mut copies: Vec<(Vec<String>, String)> = Vec::new();
    for instruction in before {
        match instruction.keyword() {
            Keyword::From => "/".clone_into(&mut workdir),
            Keyword::Workdir => workdir = joined(&workdir, instruction.arguments().trim().trim_matches('"')),
            Keyword::Copy | Keyword::Add if instruction.flag("from").is_none() => {
                let Some((copy, Some(destination))) = instruction.copy().map(|copy| (copy.sources, copy.destination))
                else {
                    continue;
                };
                let sources: Vec<String> = copy.iter().map(|word| word.text.clone()).collect();
                copies.push((sources, joined(&workdir, &destination.text)));
            }
            _ => {}
        }
    }
    let wanted = joined(&workdir, named);
    for (sources, folder) in copies.iter().rev() {
        let folder = folder.trim_end_matches('/');
        for source in sources {
            let source = source.trim_start_matches("./").trim_start_matches('/').trim_end_matches(['/', '.']);
            let base = source.rsplit('/').next().unwrap_or(source);
            if wanted == *folder || wanted == format!("{folder}/{base}") {
                // A file, copied as it is called or under another name; or one that a pattern means.
                found.push(source.to_owned());
            }
            // What lies in a folder lands below the destination.
            if let Some(rest) = wanted.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) {
                found.push(if source.is_empty() { rest.to_owned() } else { format!("{source}/{rest}") });
                if base.contains(['*', '?']) {
                    found.push(
                        source.strip_suffix(base).map_or_else(|| rest.to_owned(), |folder| format!("{folder}{rest}")),
                    );
                }
            }
        }
    }
    found
}

/// An absolute path without `.`, `..` and empty parts.
fn joined(folder: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    format!("/{}", parts.join("/"))
}

/// Name and specifier of each requirement: of the Dockerfile's own words first, then of the files.
pub fn declared(project: &Existing) -> Vec<(String, String)> {
    let file = Dockerfile::parse(&project.dockerfile);
    let words = installs(&file).into_iter().flat_map(|install| install.requirements);
    let mut found: Vec<(String, String)> = words.map(|one| (one.name, one.spec)).collect();
    for text in project.files.values() {
        found.extend(text.lines().filter_map(requirement_of_line));
    }
    found.extend(project.projects.iter().flat_map(|text| dependencies(text)));
    found
}

/// The requirements that a resolver can read, for any system.
pub fn specs(project: &Existing) -> Vec<String> {
    let mut specs: Vec<String> = declared(project).into_iter().map(|(_, spec)| spec).collect();
    specs.retain(|spec| names::parse(spec).is_some() && !spec.contains("@ "));
    specs.sort();
    specs.dedup();
    specs
}

/// The distribution whose build failed, as this line of pip or uv says.
///
/// pip says "ERROR: Failed building wheel for NAME" and "ERROR: Could not build wheels for NAME", uv "Failed to build
/// `NAME==1.0`".
pub(super) fn failed_build(line: &str) -> Option<String> {
    let rest = ["Failed building wheel for ", "Could not build wheels for ", "Failed to build "]
        .iter()
        .find_map(|words| line.split_once(words))?
        .1;
    let name = rest.trim_start_matches(['`', '\'']).split([' ', ',', '`', '\'', '=']).next()?;
    names::requirement_name(name)
}

/// The distributions that the final image is said to have, for a smoke test: what is installed for other systems only is
/// left out.
pub fn distributions(project: &Existing) -> Vec<String> {
    let mut names: Vec<String> = declared(project)
        .into_iter()
        .filter(|(_, spec)| !spec.contains(';'))
        .map(|(name, _)| name)
        // Builders are no part of the program.
        .filter(|name| !matches!(name.as_str(), "pip" | "setuptools" | "wheel" | "uv"))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The requirement of a line of a requirement file; `None` for options, comments and places.
pub(super) fn requirement_of_line(line: &str) -> Option<(String, String)> {
    let line = line.split(" #").next().unwrap_or(line).trim();
    if line.is_empty() || line.starts_with(['#', '-', '.']) {
        return None;
    }
    let spec = line.split(" --").next().unwrap_or(line).trim_end_matches('\\').trim();
    Some((names::requirement_name(spec)?, spec.to_owned()))
}

/// What a person has added to a Dockerfile, as edits: packages, requirements, variables, another base, commands.
pub fn edits_between(before: &str, after: &str) -> Vec<Edit> {
    let (before, after) = (Dockerfile::parse(before), Dockerfile::parse(after));
    let mut edits = Vec::new();
    let image = |file: &Dockerfile| root_image(file, &BTreeMap::new());
    if let (Some(old), Some(new)) = (image(&before), image(&after))
        && old != new
    {
        edits.push(Edit::BaseImage(new));
    }
    let commands = |file: &Dockerfile| -> Vec<ShellCommand> {
        let runs = file.instructions().into_iter().filter(|one| one.keyword() == Keyword::Run);
        runs.flat_map(|one| one.commands()).collect()
    };
    let packages = |file: &Dockerfile| -> Vec<String> {
        let commands = commands(file);
        commands.iter().filter_map(ShellCommand::apt_packages).flatten().map(|word| word.text.clone()).collect()
    };
    let old = packages(&before);
    let new: Vec<String> = packages(&after).into_iter().filter(|package| !old.contains(package)).collect();
    if !new.is_empty() {
        edits.push(Edit::Apt(new));
    }
    let requirements = |file: &Dockerfile| -> Vec<String> {
        installs(file).into_iter().flat_map(|install| install.requirements).map(|one| one.spec).collect()
    };
    let old = requirements(&before);
    for spec in requirements(&after).into_iter().filter(|spec| !old.contains(spec)) {
        let is_limit = names::requirement_name(&spec).is_some_and(|name| name != names::normalise(&spec));
        edits.push(if is_limit { Edit::PipPin(spec) } else { Edit::PipAdd(spec) });
    }
    let variables = |file: &Dockerfile| -> Vec<String> {
        let pairs =
            file.instructions().into_iter().filter(|one| one.keyword() == Keyword::Env).flat_map(|one| one.pairs());
        pairs.filter_map(|pair| Some(format!("{}={}", pair.name, pair.value?))).collect()
    };
    let old = variables(&before);
    edits.extend(variables(&after).into_iter().filter(|pair| !old.contains(pair)).map(Edit::Env));
    // What is neither apt nor pip is a command as it stands.
    let others = |file: &Dockerfile| -> Vec<String> {
        let plain = |command: &&ShellCommand| {
            !command.nested
                && command.pip_install().is_none()
                && !matches!(command.program(), Some("apt-get" | "apt" | "rm"))
        };
        let commands = commands(file);
        commands
            .iter()
            .filter(plain)
            .map(|command| file.slice(command.span).split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    };
    let old = others(&before);
    edits.extend(others(&after).into_iter().filter(|line| !old.contains(line)).map(Edit::Command));
    edits
}

/// The image that the last stage is built on in the end, variables filled in.
pub fn root_image(file: &Dockerfile, build_args: &BTreeMap<String, String>) -> Option<String> {
    let stages = file.stages_with(build_args);
    let mut stage = stages.last()?;
    while let Some(base) = stage.base.and_then(|base| stages.get(base)) {
        stage = base;
    }
    Some(stage.image.text.clone())
}

/// What the knowledge base is asked with.
pub fn context(project: &Existing, build_args: &BTreeMap<String, String>, knowledge: &KnowledgeBase) -> Context {
    let image = root_image(&Dockerfile::parse(&project.dockerfile), build_args).unwrap_or_default();
    let known = knowledge.image(&image);
    let mut distributions: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (name, spec) in declared(project) {
        let version = names::parse(&spec).and_then(|requirement| match requirement.version_or_url {
            Some(pep508_rs::VersionOrUrl::VersionSpecifier(range)) if !range.is_empty() => Some(range.to_string()),
            _ => None,
        });
        let entry = distributions.entry(name).or_default();
        *entry = entry.take().or(version);
    }
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Context {
        distributions: Some(distributions),
        python: known.as_ref().and_then(|image| text(&image.python)).or_else(|| python_of_image(&image)),
        distribution: known.as_ref().and_then(|image| text(&image.distribution)),
        release: known.as_ref().and_then(|image| text(&image.release)),
        base_image: text(&image),
        ..Context::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_found_with_its_place() {
        let text = "FROM python:3.11-slim AS base\nFROM base\nRUN apt-get update && python3 -m pip install --no-cache-dir \\\n  \
                    -i https://e.org 'numpy<2' torch -r /app/requirements.txt && pip install .\nRUN [\"pip\", \"install\", \"x\"]\n";
        let file = Dockerfile::parse(text);
        let found = installs(&file);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].program, ["python3", "-m", "pip"]);
        let names: Vec<&str> = found[0].requirements.iter().map(|one| one.spec.as_str()).collect();
        assert_eq!(
            (names.as_slice(), found[0].files.as_slice()),
            (["numpy<2", "torch"].as_slice(), ["/app/requirements.txt".to_owned()].as_slice())
        );
        assert_eq!(file.slice(found[0].requirements[0].span), "'numpy<2'");
        assert_eq!((found[0].is_shell, found[2].is_shell), (true, false));
        assert_eq!(root_image(&file, &BTreeMap::new()).as_deref(), Some("python:3.11-slim"));
    }

    #[test]
    fn a_requirement_file_is_looked_for_where_it_was_copied_from() {
        for (copy, named, expected) in [
            ("COPY req/base.txt ./r/base.txt", "r/base.txt", "req/base.txt"),
            ("COPY req/base.txt /opt/", "/opt/base.txt", "req/base.txt"),
            ("COPY . .", "requirements.txt", "requirements.txt"),
            ("COPY docker /srv/app", "base.txt", "docker/base.txt"),
            ("COPY req/*.txt .", "cpu.txt", "req/cpu.txt"),
            ("COPY --from=x a.txt .", "a.txt", "a.txt"),
        ] {
            let file = Dockerfile::parse(&format!("FROM a\nWORKDIR /srv/app\n{copy}\nRUN pip install -r {named}\n"));
            let files = requirement_files(&file);
            assert!(files[0].iter().take(2).any(|path| path == expected), "{copy}: {files:?}");
        }
    }

    #[test]
    fn what_a_person_has_added_to_a_dockerfile_is_edits() {
        let before =
            "FROM python:3.11-slim\nRUN apt-get update && apt-get install -y git\nRUN pip install x==1\nCMD [\"x\"]\n";
        let after = "FROM python:3.10-slim\nENV A=b\nRUN apt-get update && apt-get install -y git libx1\nRUN pip install x==1 'y<2' z\n\
                     RUN touch /x && chmod 600 /x\nCMD [\"x\"]\n";
        let edits = [
            Edit::BaseImage("python:3.10-slim".to_owned()),
            Edit::Apt(vec!["libx1".to_owned()]),
            Edit::PipPin("y<2".to_owned()),
            Edit::PipAdd("z".to_owned()),
            Edit::Env("A=b".to_owned()),
            Edit::Command("touch /x".to_owned()),
            Edit::Command("chmod 600 /x".to_owned()),
        ];
        assert_eq!(edits_between(before, after), edits);
        assert_eq!(edits_between(after, after), []);
    }

    #[test]
    fn files_that_requirement_files_and_projects_name_are_read_too() {
        assert_eq!(
            named_in("req/prod.txt", "-r base.txt # x\n--requirement=../all.txt\nsix\n"),
            ["req/base.txt", "all.txt"]
        );
        assert_eq!(named_in("prod.txt", "-r base.txt\n"), ["base.txt"]);
        let file = Dockerfile::parse("FROM a\nWORKDIR /app\nCOPY . .\nRUN pip install .[web]\n");
        assert!(project_files(&file).contains(&"pyproject.toml".to_owned()), "{:?}", project_files(&file));
        let project = Existing {
            projects: vec!["[project]\nname = 'x'\ndependencies = ['lxml==4.9', 'six']\n".to_owned()],
            ..Existing::default()
        };
        assert_eq!(distributions(&project), ["lxml", "six"]);
    }

    #[test]
    fn lines_of_requirement_files_are_read_without_options_and_comments() {
        for (line, expected) in [
            ("numpy==1.2  # why", Some("numpy==1.2")),
            ("torch --hash=sha256:x", Some("torch")),
            ("-r other.txt", None),
            ("# numpy", None),
            ("git+https://e.org/x", None),
        ] {
            assert_eq!(requirement_of_line(line).map(|(_, spec)| spec).as_deref(), expected, "{line}");
        }
    }
}
