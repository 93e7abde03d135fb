//! Lines of shell in, statements about what they install out.
//!
//! Understands the few commands that install things (`apt`, `pip`, `conda`, `uv`, `python setup.py`) and what moves
//! around them (`cd`, `git clone`, `export`). A package name that a package manager would refuse is left out.

use super::{Notes, add};
use crate::declared::conda::{self, Package};
use crate::declared::join;
use crate::declared::requirements::{Entry, install_arguments, split_words};
use crate::facts::{Evidence, Form, Scope, Strength};

/// Where commands were read.
pub(super) struct Setting<'s> {
    pub(super) path: &'s str,
    /// Strength of what they say.
    pub(super) strength: Strength,
    /// Scope of the requirements they install.
    pub(super) scope: Scope,
    /// Are they said about the whole (false: about another system, or about developing)?
    pub(super) general: bool,
    /// The lines of the file, to show as evidence.
    pub(super) lines: &'s [&'s str],
}

impl Setting<'_> {
    /// The place of `needle` in the command that starts on `line`: commands go on over lines that end in `\\`.
    fn place(&self, line: usize, needle: &str) -> Evidence {
        let start = line.saturating_sub(1);
        let mut shown = (line, self.lines.get(start).copied().unwrap_or_default());
        for (index, text) in self.lines.iter().enumerate().skip(start).take(60) {
            let mut words = text.split(|c: char| c.is_whitespace() || "=<>~!\"'`,[;".contains(c));
            if words.any(|word| word == needle) && !needle.is_empty() {
                shown = (index + 1, text);
                break;
            }
            let goes_on =
                text.trim_end().ends_with('\\') || text.trim_start().starts_with('#') || text.trim().is_empty();
            if !goes_on {
                break;
            }
        }
        Evidence::new(self.path, shown.0, shown.1)
    }
}

/// What earlier commands of a document changed.
#[derive(Default)]
pub(super) struct State {
    /// Folder of the repository that commands run in; `None` while they run outside of it.
    folder: Place,
    /// Repositories cloned so far: folder name and address.
    clones: Vec<(String, String)>,
}

#[derive(Default, Clone, PartialEq, Eq)]
enum Place {
    /// Nothing was cloned or entered yet, which is the repository itself.
    #[default]
    Root,
    Folder(String),
    /// Inside the clone of another repository, by its address.
    Outside(String),
}

/// One simple command with its line.
pub(super) struct Simple {
    pub(super) line: usize,
    pub(super) words: Vec<String>,
    /// The comment above it or behind it, in lower case.
    pub(super) comment: String,
}

/// Splits lines into simple commands: continuations joined, prompts and comments cut, `&&`, `;` and `|` taken apart.
pub(super) fn split<'l>(lines: impl IntoIterator<Item = (usize, &'l str)>) -> Vec<Simple> {
    let mut simple = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let mut comment = String::new();
    for (number, line) in lines {
        let line = line.trim();
        if open.is_some() && line.starts_with('#') {
            continue;
        }
        if line.is_empty() {
            comment.clear();
        } else if without_prompt(line).starts_with('#') {
            comment = line.to_ascii_lowercase();
        }
        let (number, line) = match open.take() {
            Some((first, start)) => (first, format!("{start} {line}")),
            None => (number, without_prompt(line).to_owned()),
        };
        if let Some(start) = line.strip_suffix('\\') {
            open = Some((number, start.trim_end().to_owned()));
            continue;
        }
        push_simple(&mut simple, number, &line, &comment);
    }
    if let Some((number, line)) = open {
        push_simple(&mut simple, number, &line, &comment);
    }
    simple
}

fn without_prompt(line: &str) -> &str {
    let line = line.trim_start_matches(['!', '%']).trim_start();
    for prompt in ["$ ", "> ", "# "] {
        if let Some(rest) = line.strip_prefix(prompt) {
            // `# ` is root's prompt only in front of a command that needs root.
            if prompt != "# " || rest.starts_with("apt") {
                return rest.trim_start();
            }
        }
    }
    // `(env) $ command` and `user@host:~$ command`.
    match line.split_once("$ ") {
        Some((before, rest))
            if before.len() < 40
                && (before.ends_with([')', '~', ' ']) || before.contains('@'))
                && !before.contains(['=', '"']) =>
        {
            rest.trim_start()
        }
        _ => line,
    }
}

fn push_simple(simple: &mut Vec<Simple>, line: usize, text: &str, above: &str) {
    if text.starts_with('#') || text.len() > 4000 {
        return;
    }
    let mut start = 0;
    let mut quote: Option<char> = None;
    let mut before = ' ';
    let mut parts: Vec<&str> = Vec::new();
    let mut comment = above.to_owned();
    for (at, character) in text.char_indices() {
        match quote {
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None => match character {
                '"' | '\'' => quote = Some(character),
                '#' if before.is_whitespace() => {
                    parts.extend(text.get(start..at));
                    start = text.len();
                    comment.push_str(&text.get(at..).unwrap_or_default().to_ascii_lowercase());
                    break;
                }
                '&' | ';' | '|' | '(' | ')' if !(character == '&' && before == '>') => {
                    parts.extend(text.get(start..at));
                    start = at + 1;
                }
                _ => {}
            },
        }
        before = character;
    }
    parts.extend(text.get(start..));
    for part in parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()) {
        let words = split_words(part);
        if !words.is_empty() {
            simple.push(Simple { line, words, comment: comment.clone() });
        }
    }
}

/// Reads commands in their order.
pub(super) fn interpret(notes: &mut Notes<'_>, setting: &Setting<'_>, state: &mut State, commands: &[Simple]) {
    let aside = Setting { general: false, strength: Strength::Weak, scope: setting.scope.clone(), ..*setting };
    for command in commands {
        let setting = if is_conditional(&command.comment) { &aside } else { setting };
        let evidence = setting.place(command.line, "");
        let mut words = command.words.as_slice();
        // Wrappers and assignments in front of the command.
        let mut assigned: Vec<(&str, &str)> = Vec::new();
        while let Some((first, rest)) = words.split_first() {
            let wrapper = matches!(
                first.as_str(),
                "sudo" | "env" | "time" | "then" | "do" | "run:" | "RUN" | "exec" | "nohup" | "command"
            ) || first.starts_with("--mount=")
                || first.starts_with("--network=")
                || (first.starts_with('-')
                    && first.len() == 2
                    && command.words.first().is_some_and(|word| word == "sudo" || word == "env"));
            if wrapper {
                words = rest;
            } else if let Some((name, value)) = assignment(first) {
                assigned.push((name, value));
                words = rest;
            } else {
                break;
            }
        }
        let Some((program, arguments)) = words.split_first() else {
            continue;
        };
        let installs = read_command(notes, setting, state, program, arguments, &evidence);
        if installs {
            for (name, value) in assigned {
                environment(notes, setting, name, value, &evidence);
            }
        }
    }
}

/// Does a comment or the text before a block say that not everybody needs what follows?
pub(super) fn is_conditional(text: &str) -> bool {
    const CONDITIONS: &[&str] = &[
        "optional",
        "if you want",
        "if you need",
        "if you wish",
        "if you'd like",
        "if you would like",
        "if you plan",
        "if needed",
        "if necessary",
        "only if",
        "only needed",
        "only required",
        "if you see",
        "if you get",
        "if you encounter",
        "in case of",
        "in case you",
        "if the installation fails",
        "for training",
        "to train",
        "train only",
        "for develop",
        "for contribut",
        "for test",
        "run tests",
        "windows",
        "macos",
        "for mac",
        "on mac",
        "jetson",
        "raspberry",
    ];
    const PLAIN: &[&str] = &["linux", "ubuntu", "debian", "inference", "not optional"];
    CONDITIONS.iter().any(|condition| text.contains(condition)) && !PLAIN.iter().any(|plain| text.contains(plain))
}

fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let good = !name.is_empty()
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    good.then_some((name, value))
}

/// Can a variable of this name change how something is built or installed?
pub(super) fn is_about_building(name: &str) -> bool {
    let part = [
        "CUDA",
        "TORCH",
        "FORCE_",
        "MAX_JOBS",
        "NVCC",
        "BUILD_",
        "TCNN",
        "TF_",
        "USE_",
        "CMAKE",
        "SETUPTOOLS",
        "WITH_",
        "_OPS",
        "_EXT",
    ]
    .iter()
    .any(|part| name.contains(part));
    (part
        || matches!(
            name,
            "CC" | "CXX"
                | "CFLAGS"
                | "CXXFLAGS"
                | "LDFLAGS"
                | "HF_HUB_ENABLE_HF_TRANSFER"
                | "MKL_THREADING_LAYER"
                | "KMP_DUPLICATE_LIB_OK"
        ))
        && !matches!(
            name,
            "CUDA_VISIBLE_DEVICES"
                | "TORCH_HOME"
                | "TORCH_DISTRIBUTED_DEBUG"
                | "CUDA_DEVICE_ORDER"
                | "CUDA_LAUNCH_BLOCKING"
        )
}

fn environment(notes: &mut Notes<'_>, setting: &Setting<'_>, name: &str, value: &str, evidence: &Evidence) {
    let placeholder = value.is_empty()
        || value.contains(['<', '$', '`', '{'])
        || value.contains("path/to")
        || value.to_ascii_lowercase().contains("your");
    if placeholder || !is_about_building(name) {
        return;
    }
    add(&mut notes.stated.env, &format!("{name}={value}"), setting.strength, evidence);
}

/// Reads one command. Says whether it installs or builds something.
fn read_command(
    notes: &mut Notes<'_>,
    setting: &Setting<'_>,
    state: &mut State,
    program: &str,
    arguments: &[String],
    evidence: &Evidence,
) -> bool {
    let base = program.rsplit('/').next().unwrap_or(program);
    let first = arguments.first().map_or("", String::as_str);
    match base {
        "apt" | "apt-get" | "aptitude" => {
            apt(notes, setting, arguments, evidence);
            true
        }
        "pip" | "pip3" => pip(notes, setting, state, arguments, evidence),
        _ if base.starts_with("pip3.") || base.starts_with("pip2") => pip(notes, setting, state, arguments, evidence),
        "uv" | "pdm" | "poetry" | "pipenv" | "rye" | "hatch" => match (base, first) {
            ("uv", "pip") => pip(notes, setting, state, arguments.get(1..).unwrap_or_default(), evidence),
            ("uv" | "poetry" | "pdm" | "rye", "run") | ("uv", "tool") => {
                let mut rest = arguments.get(1..).unwrap_or_default().iter();
                let inner = rest.find(|word| !word.starts_with('-'));
                inner.is_some_and(|inner| {
                    matches!(inner.as_str(), "pip" | "python" | "python3")
                        && read_command(notes, setting, state, inner, rest.as_slice(), evidence)
                })
            }
            ("uv" | "poetry" | "pdm" | "rye", "sync" | "install") => {
                own(notes, setting, state, "editable", "", evidence);
                true
            }
            ("uv", "venv" | "python" | "init") => {
                python_option(notes, setting, arguments, evidence);
                false
            }
            _ => false,
        },
        "conda" | "mamba" | "micromamba" | "conda-env" => {
            conda_command(notes, setting, arguments, evidence);
            true
        }
        "virtualenv" | "pyenv" | "mkvirtualenv" => {
            python_option(notes, setting, arguments, evidence);
            false
        }
        "cd" | "pushd" => {
            enter(notes, state, first);
            false
        }
        "git" if first == "clone" => {
            clone(state, arguments);
            false
        }
        "export" | "setenv" | "ENV" => {
            for word in arguments {
                if let Some((name, value)) = assignment(word) {
                    environment(notes, setting, name, value, evidence);
                }
            }
            false
        }
        _ if base.starts_with("python") || base == "py" => python(notes, setting, state, base, arguments, evidence),
        _ => false,
    }
}

/// Reads `python …`: as `-m pip`, as `setup.py`, as `-m venv`.
fn python(
    notes: &mut Notes<'_>,
    setting: &Setting<'_>,
    state: &State,
    base: &str,
    arguments: &[String],
    evidence: &Evidence,
) -> bool {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["-m", "pip", ..] => pip(notes, setting, state, arguments.get(2..).unwrap_or_default(), evidence),
        ["-m", "venv" | "virtualenv", ..] => {
            if let Some(minor) =
                base.strip_prefix("python").and_then(conda::minor_of).filter(|minor| minor.starts_with("3."))
            {
                notes.python(&format!("=={minor}.*"), setting.strength, evidence);
            }
            false
        }
        [script, action, ..]
            if script.ends_with("setup.py")
                && matches!(*action, "install" | "develop" | "build_ext" | "build" | "bdist_wheel") =>
        {
            let folder = script.strip_suffix("setup.py").unwrap_or_default().trim_end_matches('/');
            let how = if *action == "develop" || words.contains(&"--inplace") { "editable" } else { "plain" };
            let target = if folder.is_empty() { "." } else { folder };
            local(notes, setting, state, target, how, evidence);
            true
        }
        _ => false,
    }
}

/// `--python 3.10`, `-p python3.8`, `pyenv install 3.8.10`.
fn python_option(notes: &mut Notes<'_>, setting: &Setting<'_>, arguments: &[String], evidence: &Evidence) {
    for word in arguments {
        let value = word.split_once('=').map_or(word.as_str(), |(_, value)| value);
        let number = value.rsplit('/').next().unwrap_or(value).trim_start_matches("python").trim_start_matches("-p");
        if let Some(minor) = conda::minor_of(number).filter(|minor| minor.starts_with("3.")) {
            notes.python(&format!("=={minor}.*"), setting.strength, evidence);
            return;
        }
    }
}

/// Is this a name that Debian would accept (and no option, path, variable or sentence)?
pub(super) fn is_debian_name(name: &str) -> bool {
    name.len() >= 2
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c))
        && !name.ends_with(['-', '.'])
        && name.contains(|c: char| c.is_ascii_lowercase())
        && !["deb", "txt", "sh", "gz", "py"]
            .iter()
            .any(|suffix| name.rsplit_once('.').is_some_and(|(_, end)| end == *suffix))
}

fn apt(notes: &mut Notes<'_>, setting: &Setting<'_>, arguments: &[String], evidence: &Evidence) {
    let mut words = arguments.iter().map(String::as_str).skip_while(|word| *word != "install");
    words.next();
    let mut packages: Vec<String> = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "-t" | "-o" | "-c" | "--target-release" | "-a" => {
                words.next();
            }
            _ if word.starts_with('-') => {}
            _ if word.starts_with(['>', '<', '2', '#']) && !is_debian_name(word) => break,
            _ => {
                // `package=version`, `package:arch`, and commas as people write them.
                for part in word.split(',') {
                    let name = part.split(['=', ':', '/']).next().unwrap_or_default();
                    if is_debian_name(name) {
                        packages.push(name.to_owned());
                    }
                }
            }
        }
    }
    // A sentence that went on in the same line would give words, not packages.
    if packages.iter().any(|package| {
        matches!(package.as_str(), "and" | "the" | "to" | "then" | "or" | "on" | "with" | "your" | "is" | "if")
    }) {
        return;
    }
    let strength = if setting.general { setting.strength } else { Strength::Weak };
    for package in packages {
        notes.apt(&package, strength, &setting.place(evidence.line, &package));
    }
}

/// Options of pip that decide whether an install works.
const TELLING_FLAGS: &[&str] = &[
    "--no-build-isolation",
    "--no-deps",
    "--no-use-pep517",
    "--use-pep517",
    "--pre",
    "--no-binary",
    "--config-settings",
    "--global-option",
    "--ignore-installed",
];

fn pip(notes: &mut Notes<'_>, setting: &Setting<'_>, state: &State, arguments: &[String], evidence: &Evidence) -> bool {
    let Some(at) = arguments.iter().position(|word| word == "install") else { return false };
    // What stands behind a redirection belongs to the shell.
    let words: Vec<String> = arguments
        .get(at + 1..)
        .unwrap_or_default()
        .iter()
        .take_while(|word| !word.starts_with(['>', '<']) || word.contains('='))
        .cloned()
        .collect();
    let entries = install_arguments(&words);
    let scope = if setting.general { setting.scope.clone() } else { Scope::Hint };
    let mut named: Vec<String> = Vec::new();
    let mut flags: Vec<&str> = Vec::new();
    for entry in &entries {
        match entry {
            Entry::Option(option) => flags.push(option),
            Entry::Index(url) => notes.index(url, setting.strength, evidence),
            Entry::Python(_) | Entry::File { .. } | Entry::Unreadable { .. } => {}
            Entry::Requirement(wanted) => match wanted.form {
                Form::Path | Form::Editable => {
                    let how = if wanted.form == Form::Editable { "editable" } else { "plain" };
                    local(notes, setting, state, &wanted.spec, how, evidence);
                    named.push(wanted.spec.clone());
                }
                Form::Index if notes.is_own(&wanted.name) => {
                    add(&mut notes.stated.installs, "index", setting.strength, evidence);
                    if wanted.spec.contains('[') {
                        notes.requirement(&wanted.name, &wanted.spec, wanted.form, &scope, evidence);
                    }
                }
                Form::Vcs | Form::Url if notes.is_own_address(&wanted.spec) || notes.is_own(&wanted.name) => {
                    add(&mut notes.stated.installs, "plain", setting.strength, evidence);
                }
                _ if is_tool_of_pip(&wanted.name) || is_a_word(&wanted.spec) => {}
                _ => {
                    named.push(if wanted.name.is_empty() { wanted.spec.clone() } else { wanted.name.clone() });
                    let written = wanted.spec.split(['=', '<', '>', '!', '~', '[', ' ']).next().unwrap_or_default();
                    let place = setting.place(evidence.line, written);
                    let scope = if is_for_developers(&wanted.name) { Scope::Hint } else { scope.clone() };
                    notes.requirement(&wanted.name, &wanted.spec, wanted.form, &scope, &place);
                }
            },
        }
    }
    for flag in flags.iter().filter(|flag| TELLING_FLAGS.iter().any(|telling| flag.starts_with(telling))) {
        for name in &named {
            add(&mut notes.stated.pip_flags, &format!("{flag} {name}"), setting.strength, evidence);
        }
    }
    true
}

/// Tools of those who work on a project, not of those who run it.
fn is_for_developers(name: &str) -> bool {
    name.starts_with("pytest")
        || name.starts_with("sphinx")
        || matches!(
            name,
            "tox"
                | "nox"
                | "black"
                | "flake8"
                | "ruff"
                | "mypy"
                | "isort"
                | "pylint"
                | "pre-commit"
                | "twine"
                | "build"
                | "coverage"
                | "codecov"
                | "mkdocs"
                | "coveralls"
                | "yapf"
                | "autopep8"
        )
}

/// `pip install --upgrade pip` asks for nothing that the project needs.
fn is_tool_of_pip(name: &str) -> bool {
    matches!(name, "pip" | "virtualenv" | "uv" | "pipenv" | "poetry" | "conda" | "pipx" | "virtualenvwrapper")
}

/// Words of a sentence that went on behind a command in running text, and placeholders.
fn is_a_word(spec: &str) -> bool {
    matches!(
        spec,
        "and"
            | "the"
            | "to"
            | "then"
            | "or"
            | "with"
            | "your"
            | "for"
            | "in"
            | "if"
            | "from"
            | "package"
            | "PACKAGE"
            | "X"
            | "all"
            | "of"
            | "a"
            | "it"
            | "this"
            | "you"
            | "as"
            | "is"
            | "command"
            | "using"
    )
}

/// Notes an install of a path.
fn local(notes: &mut Notes<'_>, setting: &Setting<'_>, state: &State, target: &str, how: &str, evidence: &Evidence) {
    let (path, extras) = match target.split_once('[') {
        Some((path, extras)) => (path, format!("[{extras}")),
        None => (target, String::new()),
    };
    match &state.folder {
        Place::Outside(address) => {
            // Installing the clone of another repository is installing it from its address.
            if matches!(path, "." | "./") && setting.general {
                notes.requirement("", &format!("git+{address}"), Form::Vcs, &setting.scope, evidence);
            }
        }
        // `git clone …/x` and `pip install -e x` beside it: the clone, even where the package in it has the same name.
        Place::Root if state.clones.first().is_some_and(|(folder, _)| folder == path.trim_end_matches('/')) => {
            own(notes, setting, state, how, &extras, evidence);
        }
        place => {
            let folder = if let Place::Folder(folder) = place { folder.as_str() } else { "" };
            match join(folder, path) {
                Some(path) if path.is_empty() => own(notes, setting, state, how, &extras, evidence),
                Some(path) if notes.tree.contains_folder(&path) || notes.tree.contains(&path) => {
                    let name = notes
                        .projects
                        .iter()
                        .find(|project| project.folder == path)
                        .and_then(|project| project.name.clone());
                    let form = if how == "editable" { Form::Editable } else { Form::Path };
                    let scope = if setting.general { setting.scope.clone() } else { Scope::Hint };
                    notes.requirement(&name.unwrap_or_default(), &format!("{path}{extras}"), form, &scope, evidence);
                }
                _ => {}
            }
        }
    }
}

/// Notes how the repository itself is installed, with the extras that upstream chooses.
fn own(notes: &mut Notes<'_>, setting: &Setting<'_>, state: &State, how: &str, extras: &str, evidence: &Evidence) {
    if matches!(state.folder, Place::Outside(_)) {
        return;
    }
    let strength = if setting.general { setting.strength } else { Strength::Weak };
    add(&mut notes.stated.installs, how, strength, evidence);
    if !extras.is_empty() {
        let name = notes
            .projects
            .iter()
            .find(|project| project.folder.is_empty())
            .and_then(|project| project.name.clone())
            .unwrap_or_default();
        let form = if how == "editable" { Form::Editable } else { Form::Path };
        let scope = if setting.general { setting.scope.clone() } else { Scope::Hint };
        notes.requirement(&name, &format!(".{extras}"), form, &scope, evidence);
    }
}

fn clone(state: &mut State, arguments: &[String]) {
    let mut plain = arguments.iter().skip(1).filter(|word| !word.starts_with('-'));
    let Some(address) = plain.find(|word| word.contains("://") || word.contains('@')) else { return };
    let folder = plain.next().cloned().unwrap_or_else(|| {
        address.trim_end_matches('/').rsplit('/').next().unwrap_or_default().trim_end_matches(".git").to_owned()
    });
    if !state.clones.iter().any(|(known, _)| *known == folder) {
        state.clones.push((folder, address.clone()));
    }
}

fn enter(notes: &Notes<'_>, state: &mut State, target: &str) {
    let target = target.trim_end_matches('/');
    let target = target.strip_prefix("$HOME/").or_else(|| target.strip_prefix("~/")).unwrap_or(target);
    let folder = match &state.folder {
        Place::Folder(folder) => folder.clone(),
        _ => String::new(),
    };
    let outside = matches!(state.folder, Place::Outside(_));
    if target == ".." || target.starts_with("../") {
        state.folder = match (&state.folder, join(&folder, target)) {
            (Place::Folder(_), Some(folder)) if !folder.is_empty() => Place::Folder(folder),
            _ => Place::Root,
        };
        return;
    }

    let last = target.rsplit('/').next().unwrap_or(target);
    match state.clones.iter().position(|(folder, _)| folder == last) {
        // The first clone is the repository itself, unless its own name says otherwise.
        Some(0) if !state.clones.iter().skip(1).any(|(_, address)| notes.is_own_address(address)) => {
            state.folder = Place::Root;
        }
        Some(at) => {
            state.folder = match state.clones.get(at) {
                Some((_, address)) if !notes.is_own_address(address) => Place::Outside(address.clone()),
                _ => Place::Root,
            };
        }
        None => {
            let inner = join(&folder, target).filter(|inner| !outside && !inner.is_empty());
            if let Some(inner) = inner.filter(|inner| notes.tree.contains_folder(inner) || notes.tree.contains(inner)) {
                state.folder = Place::Folder(inner);
            } else if state.clones.is_empty() {
                state.folder = Place::Root;
            }
        }
    }
}

fn conda_command(notes: &mut Notes<'_>, setting: &Setting<'_>, arguments: &[String], evidence: &Evidence) {
    let mut words = arguments.iter().map(String::as_str).peekable();
    let action = words.find(|word| matches!(*word, "create" | "install" | "env" | "run"));
    if !matches!(action, Some("create" | "install")) {
        return;
    }
    let scope = if setting.general { setting.scope.clone() } else { Scope::Hint };
    let mut previous = String::new();
    while let Some(word) = words.next() {
        match word {
            "-n" | "--name" | "-c" | "--channel" | "-p" | "--prefix" | "-f" | "--file" | "--solver" => {
                words.next();
                continue;
            }
            _ if word.starts_with('-') => continue,
            _ if word.contains(['/', '<', '{', '$'])
                && !word.contains("::")
                && !word.contains("<=")
                && !word.contains("<3") =>
            {
                continue;
            }
            _ => {}
        }
        // `python = 3.8` and `python 3.8` are written now and then.
        let mut text = word.to_owned();
        if matches!(word, "=" | "==" | ">=") {
            text = format!("{previous}{word}{}", words.next().unwrap_or_default());
        }
        previous.clone_from(&text);
        let Some((name, version)) = conda::read_match(&text) else { continue };
        note_conda(notes, &name, &version, setting.strength, Some(&scope), evidence);
    }
}

/// Notes one conda package: the interpreter, torch, CUDA, a native library or a distribution.
pub(super) fn note_conda(
    notes: &mut Notes<'_>,
    name: &str,
    version: &conda::Version,
    strength: Strength,
    scope: Option<&Scope>,
    evidence: &Evidence,
) {
    let lower = name.to_ascii_lowercase();
    if matches!(
        lower.as_str(),
        "cudatoolkit" | "pytorch-cuda" | "cuda-toolkit" | "cuda" | "cuda-version" | "cudatoolkit-dev" | "cuda-nvcc"
    ) {
        let number = match version {
            conda::Version::Prefix(number, _) => number.clone(),
            conda::Version::Specifiers(specifiers) => specifiers.clone(),
        };
        let number = number.trim_start_matches("==");
        let cuda = match conda::minor_of(number) {
            Some(minor) => minor,
            None => number
                .strip_prefix(">=")
                .and_then(conda::minor_of)
                .map(|minor| format!(">={minor}"))
                .unwrap_or_default(),
        };
        add(&mut notes.stated.cuda, &cuda, strength, evidence);
        return;
    }
    match conda::translate(name, version) {
        Package::Python(specifier) => {
            if scope.is_some() {
                notes.python(&specifier, strength, evidence);
            }
        }
        Package::Native(native) => {
            for package in conda::debian_packages(&native) {
                notes.apt(package, strength, evidence);
            }
        }
        Package::Distribution(wanted) => match scope {
            Some(_) if is_a_word(&wanted.spec) || is_tool_of_pip(&wanted.name) || notes.is_own(&wanted.name) => {}
            Some(scope) => notes.requirement(&wanted.name, &wanted.spec, wanted.form, scope, evidence),
            None if wanted.name == "torch" => {
                add(&mut notes.stated.torch, wanted.spec.trim_start_matches("torch"), strength, evidence);
            }
            None => {}
        },
    }
}
