//! A simple command in, the program of the repository that it starts out.
//!
//! Launchers (`sudo`, `uv run`, `torchrun`, `accelerate launch`, …) are seen through; whether a script, module or
//! console script exists is asked of the tree. What runs on the host or belongs to others is told apart, not guessed at.

use super::shell::{Simple, Word};
use crate::{Kind, Project, Tree};

/// What a command starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Started {
    /// A program of the repository.
    Program(Program),
    /// A shell script of the repository: path, and the words after it.
    Shell(String, Vec<Word>),
    /// A target of the repository's Makefile.
    Make(String),
    /// A Python file or module that the command names but the repository lacks.
    Missing(String),
    /// Anything else, by its first word: tools of the host, installers, other people's programs.
    Other(String),
}

/// A program of the repository as a command names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) kind: Kind,
    /// The words that start it, as they are written: `python a.py`, `python -m a`, `name`.
    pub(crate) start: Vec<String>,
    /// The Python file (or notebook) that it starts.
    pub(crate) entry: Option<String>,
    /// What tells one program from another: path, module or name.
    pub(crate) name: String,
    pub(crate) arguments: Vec<Word>,
    /// Folder it runs in, relative to the root.
    pub(crate) workdir: String,
    pub(crate) changes: Vec<String>,
}

impl Program {
    /// A program that is run from the root, without arguments.
    pub(crate) fn bare(kind: Kind, start: Vec<String>, name: String, entry: Option<String>) -> Self {
        Self { kind, start, entry, name, arguments: vec![], workdir: String::new(), changes: vec![] }
    }

    /// A Python file that is run from the root, without arguments.
    pub(crate) fn script(path: &str) -> Self {
        let start = vec!["python".to_owned(), super::shell::quote(path)];
        Self::bare(Kind::Script, start, path.to_owned(), Some(path.to_owned()))
    }
}

/// Where a command stands.
pub(crate) struct Setting<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) projects: &'a [Project],
    /// Folder as tracked through the block.
    pub(crate) workdir: &'a str,
    /// Folder of the document.
    pub(crate) folder: &'a str,
    /// Lead and headings: a folder they name decides between files of the same name.
    pub(crate) words: &'a str,
}

/// Finds the program behind a simple command.
pub(crate) fn started(simple: &Simple, setting: &Setting<'_>) -> Started {
    let mut changes = Vec::new();
    let words = strip_wrappers(&simple.words, &mut changes);
    let Some(first) = words.first() else { return Started::Other(String::new()) };
    let rest = words.get(1..).unwrap_or_default();
    let started = match first.text.as_str() {
        text if is_python(text) => python(rest, setting),
        "torchrun" | "deepspeed" | "horovodrun" | "torchpack" => {
            distributed(&[first.text.as_str()], rest, setting, &mut changes)
        }
        "accelerate" if rest.first().is_some_and(|word| word.text == "launch") => {
            distributed(&["accelerate", "launch"], rest.get(1..).unwrap_or_default(), setting, &mut changes)
        }
        "mpirun" | "mpiexec" | "srun" => {
            changes.push(format!("started once, without `{}`", first.text));
            after_launcher(rest, setting)
        }
        "streamlit" | "chainlit" | "gradio" | "fastapi" | "solara" | "marimo" | "panel" | "mesop" | "bentoml"
        | "litserve" => web(&first.text, rest, setting),
        "uvicorn" | "gunicorn" | "hypercorn" | "flask" | "waitress-serve" => server(&first.text, rest, setting),
        "jupyter" | "papermill" | "jupyter-notebook" | "jupyter-lab" | "ipython" => notebook(rest, setting),
        "bash" | "sh" | "zsh" | "source" | "." => rest
            .iter()
            .position(|word| !word.text.starts_with('-'))
            .and_then(|at| Some(shell_script(rest.get(at)?, rest.get(at + 1..).unwrap_or_default(), setting)))
            .unwrap_or_else(|| Started::Other(first.text.clone())),
        "make" => rest
            .iter()
            .find(|word| !word.text.starts_with('-') && !word.text.contains('='))
            .map_or_else(|| Started::Other("make".to_owned()), |word| Started::Make(word.text.clone())),
        text => named(text, rest, setting),
    };
    match started {
        Started::Program(mut program) => {
            changes.append(&mut program.changes);
            program.changes = changes;
            Started::Program(program)
        }
        other => other,
    }
}

pub(crate) fn is_python(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    let rest = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"));
    name == "py" || rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.' || c == 'w'))
}

/// Cuts what only decides where and how a program is started.
fn strip_wrappers<'w>(mut words: &'w [Word], changes: &mut Vec<String>) -> Vec<&'w Word> {
    loop {
        let text = |at: usize| words.get(at).map_or("", |word| word.text.as_str());
        let cut = match (text(0), text(1)) {
            ("nice", "-n") => 3,
            (
                "sudo" | "time" | "nohup" | "exec" | "command" | "setsid" | "do" | "then" | "else" | "if" | "!"
                | "\\time" | "nice",
                _,
            ) => 1,
            ("env", _) => {
                1 + words
                    .iter()
                    .skip(1)
                    .take_while(|word| word.text.contains('=') || word.text.starts_with('-'))
                    .count()
            }
            ("timeout", _) => 2,
            ("xvfb-run", _) => 1 + words.iter().skip(1).take_while(|word| word.text.starts_with('-')).count(),
            ("uv" | "poetry" | "pipenv" | "pdm" | "rye" | "hatch" | "pixi" | "uvx", "run") => {
                2 + flags(
                    words.get(2..).unwrap_or_default(),
                    &[
                        "--with",
                        "--extra",
                        "--group",
                        "-p",
                        "--python",
                        "--env-file",
                        "-e",
                        "--only-group",
                        "--package",
                    ],
                )
            }
            ("conda" | "mamba" | "micromamba", "run") => {
                2 + flags(words.get(2..).unwrap_or_default(), &["-n", "-p", "--name", "--prefix"])
            }
            ("uvx", _) => 1 + flags(words.get(1..).unwrap_or_default(), &["--from", "--with", "--python"]),
            _ => 0,
        };
        if cut == 0 || cut >= words.len() {
            break;
        }
        let wrapper = text(0).to_owned();
        if !matches!(wrapper.as_str(), "sudo" | "time" | "exec" | "command" | "do" | "then" | "else" | "if" | "!") {
            changes.push(format!("started without `{wrapper}`"));
        }
        words = words.get(cut..).unwrap_or_default();
    }
    words.iter().collect()
}

/// Number of words that are flags, with the values of those that take one.
fn flags(words: &[Word], with_value: &[&str]) -> usize {
    let mut at = 0;
    while let Some(word) = words.get(at).filter(|word| word.text.starts_with('-')) {
        at += if with_value.contains(&word.text.as_str()) { 2 } else { 1 };
    }
    at.min(words.len())
}

fn owned(words: &[&Word]) -> Vec<Word> {
    words.iter().map(|word| (*word).clone()).collect()
}

/// The words after `python`.
fn python(words: &[&Word], setting: &Setting<'_>) -> Started {
    let mut at = 0;
    let mut options: Vec<String> = Vec::new();
    while let Some(word) = words.get(at) {
        match word.text.as_str() {
            "-m" => return module(words.get(at + 1..).unwrap_or_default(), &options, setting),
            "-c" => return Started::Other("python -c".to_owned()),
            "-W" | "-X" => {
                options.push(word.raw.clone());
                options.extend(words.get(at + 1).map(|word| word.raw.clone()));
                at += 2;
            }
            "-" => return Started::Other("python".to_owned()),
            text if text.starts_with("-m") && text.len() > 2 && !text.starts_with("--") => {
                let name = Word::new(text.get(2..).unwrap_or_default());
                let rest: Vec<&Word> =
                    std::iter::once(&name).chain(words.get(at + 1..).unwrap_or_default().iter().copied()).collect();
                return module(&rest, &options, setting);
            }
            text if text.starts_with('-') => {
                options.push(word.raw.clone());
                at += 1;
            }
            _ => break,
        }
    }
    let Some(script) = words.get(at) else { return Started::Other("python".to_owned()) };
    script_program(&options, script, words.get(at + 1..).unwrap_or_default(), setting)
}

/// `python [options] SCRIPT arguments`
fn script_program(options: &[String], script: &Word, arguments: &[&Word], setting: &Setting<'_>) -> Started {
    let text = script.text.trim_start_matches("./");
    if text == "setup.py" || text.contains("://") {
        return Started::Other(text.to_owned());
    }
    let Some(found) = locate(text, arguments, setting) else {
        return if text.ends_with(".py") && !text.contains(['<', '{', '$', '*']) {
            Started::Missing(text.to_owned())
        } else {
            Started::Other(text.to_owned())
        };
    };
    let mut start = vec!["python".to_owned()];
    start.extend(options.iter().cloned());
    start.push(if found.written == text { script.raw.clone() } else { super::shell::quote(&found.written) });
    let mut changes = Vec::new();
    if found.written != text {
        changes.push(format!("`{text}` is `{}` in this repository", found.path));
    } else if found.workdir != setting.workdir {
        changes.push(format!("runs in {}, where `{text}` is", shown(&found.workdir)));
    }
    Started::Program(Program {
        kind: Kind::Script,
        start,
        name: found.path.clone(),
        entry: Some(found.path),
        arguments: owned(arguments),
        workdir: found.workdir,
        changes,
    })
}

/// A script that was found, and from where it is to be run.
struct Located {
    path: String,
    /// As it is to be written in the command.
    written: String,
    workdir: String,
}

/// Joins two relative paths, resolving `.` and `..`; `None` where it leaves the root.
pub(crate) fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    if path.starts_with('/') || path.starts_with('~') {
        return None;
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// A folder as it is told to a reader.
fn shown(folder: &str) -> String {
    if folder.is_empty() { "the root".to_owned() } else { format!("`{folder}`") }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Finds the script that a document names: from the tracked folder, the root, the document's folder, or by its name.
fn locate(script: &str, arguments: &[&Word], setting: &Setting<'_>) -> Option<Located> {
    let tree = setting.tree;
    let candidates = [script.to_owned(), format!("{script}.py")];
    for folder in [setting.workdir, "", setting.folder] {
        for name in candidates.iter().take(if script.ends_with(".py") { 1 } else { 2 }) {
            let Some(path) = join(folder, name).filter(|path| tree.contains(path)) else { continue };
            if !path.ends_with(".py") && !is_python_text(tree, &path) {
                continue;
            }
            return Some(Located { path, written: name.clone(), workdir: folder.to_owned() });
        }
    }
    if !script.ends_with(".py") || script.contains(['<', '{', '$', '*']) {
        return None;
    }
    // The whole path below some folder, else the bare name; the fewest folders first.
    let script = script.trim_start_matches("../").trim_start_matches('/');
    let name = script.rsplit('/').next().unwrap_or(script);
    let mut found = vec![];
    for wanted in [script, name] {
        let ending = format!("/{wanted}");
        found = tree
            .iter()
            .map(|(path, _)| path)
            .filter(|path| *path == wanted || path.ends_with(&ending))
            .collect::<Vec<_>>();
        if !found.is_empty() {
            break;
        }
    }
    let path = match found.as_slice() {
        [] => return None,
        [one] => *one,
        several => {
            // A folder that the text or the document's place names decides; without that it is a guess not worth making.
            let named: Vec<&&str> = several
                .iter()
                .filter(|path| {
                    let folder = parent(path);
                    !folder.is_empty()
                        && (setting.words.contains(folder)
                            || (!setting.folder.is_empty() && folder.starts_with(setting.folder)))
                })
                .collect();
            match named.as_slice() {
                [one] => **one,
                _ => return None,
            }
        }
    };
    // Upstream means the script's own folder, unless the inputs it names are at the root.
    let base = path.strip_suffix(script).map_or(parent(path), |base| base.trim_end_matches('/'));
    let resolved = |folder: &str| {
        arguments
            .iter()
            .filter(|word| {
                join(folder, &word.text)
                    .is_some_and(|path| !path.is_empty() && (tree.contains(&path) || tree.contains_folder(&path)))
            })
            .count()
    };
    let in_package = tree.contains(&format!("{base}/__init__.py")) && !reads_beside(tree, base);
    let at_root = resolved(setting.workdir) > resolved(base) || in_package;
    if at_root && setting.workdir.is_empty() {
        Some(Located { path: path.to_owned(), written: path.to_owned(), workdir: String::new() })
    } else {
        let written = path.strip_prefix(&format!("{base}/")).unwrap_or(path).to_owned();
        Some(Located { path: path.to_owned(), written, workdir: base.to_owned() })
    }
}

/// Does a file of this folder name something of the repository by a way that leads out of the folder? Then it is to be
/// run in there.
fn reads_beside(tree: &Tree, folder: &str) -> bool {
    let prefix = format!("{folder}/");
    let files = tree.below(&prefix).filter_map(|(path, _)| tree.text(path).filter(|_| path.ends_with(".py")));
    files.flat_map(|text| text.split(['"', '\''])).filter(|text| text.starts_with("../")).any(|text| {
        join(folder, text).is_some_and(|path| !path.is_empty() && (tree.contains(&path) || tree.contains_folder(&path)))
    })
}

pub(crate) fn is_python_text(tree: &Tree, path: &str) -> bool {
    tree.text(path)
        .is_some_and(|text| text.lines().next().is_some_and(|line| line.starts_with("#!") && line.contains("python")))
}

/// The words after `python -m`.
fn module(words: &[&Word], options: &[String], setting: &Setting<'_>) -> Started {
    let Some(first) = words.first() else { return Started::Other("python -m".to_owned()) };
    let rest = words.get(1..).unwrap_or_default();
    let name = first.text.strip_suffix(".py").unwrap_or(&first.text).replace('/', ".");
    match name.as_str() {
        "torch.distributed.launch"
        | "torch.distributed.run"
        | "accelerate.commands.launch"
        | "paddle.distributed.launch" => {
            let mut changes = Vec::new();
            let started = distributed(&["python", "-m", &name], rest, setting, &mut changes);
            return match started {
                Started::Program(mut program) => {
                    changes.append(&mut program.changes);
                    Started::Program(Program { changes, ..program })
                }
                other => other,
            };
        }
        "streamlit" | "gradio" | "chainlit" => return web(&name, rest, setting),
        "uvicorn" | "gunicorn" | "flask" => return server(&name, rest, setting),
        "jupyter" | "notebook" => return notebook(rest, setting),
        _ => {}
    }
    match locate_module(&name, setting) {
        Some((path, workdir)) => {
            let mut start = vec!["python".to_owned()];
            start.extend(options.iter().cloned());
            start.extend(["-m".to_owned(), name.clone()]);
            let changes = if workdir == setting.workdir {
                vec![]
            } else {
                vec![format!("runs in {}, where `{name}` is", shown(&workdir))]
            };
            Started::Program(Program {
                kind: Kind::Module,
                start,
                entry: Some(path),
                name,
                arguments: owned(rest),
                workdir,
                changes,
            })
        }
        None if setting.tree.contains_folder(name.split('.').next().unwrap_or_default()) => Started::Missing(name),
        None => Started::Other(format!("python -m {name}")),
    }
}

/// File of a module that can be run with `-m`, and the folder to run it from.
fn locate_module(name: &str, setting: &Setting<'_>) -> Option<(String, String)> {
    let relative = name.replace('.', "/");
    let file_in = |folder: &str| {
        let base = join(folder, &relative)?;
        [format!("{base}.py"), format!("{base}/__main__.py")].into_iter().find(|path| setting.tree.contains(path))
    };
    for folder in [setting.workdir, "", setting.folder] {
        if let Some(path) = file_in(folder) {
            return Some((path, folder.to_owned()));
        }
    }
    // Installed packages can be started from anywhere.
    module_file(name, setting.tree, setting.projects)
        .filter(|path| !path.ends_with("/__init__.py"))
        .map(|path| (path, setting.workdir.to_owned()))
}

/// File of a dotted module of one of the repository's packages.
pub(crate) fn module_file(name: &str, tree: &Tree, projects: &[Project]) -> Option<String> {
    let relative = name.replace('.', "/");
    let top = name.split('.').next().unwrap_or(name);
    let below = relative.strip_prefix(top).unwrap_or_default();
    let mut bases: Vec<String> = Vec::new();
    for project in projects {
        if let Some(folder) = project.packages.get(top) {
            bases.push(format!("{}{below}", folder.strip_suffix(".py").unwrap_or(folder)));
        }
        let folder = if project.folder.is_empty() { String::new() } else { format!("{}/", project.folder) };
        bases.extend(["", "src/", "lib/", "python/"].iter().map(|inner| format!("{folder}{inner}{relative}")));
    }
    bases.extend(["", "src/", "lib/"].iter().map(|inner| format!("{inner}{relative}")));
    bases
        .iter()
        .flat_map(|base| [format!("{base}.py"), format!("{base}/__main__.py"), format!("{base}/__init__.py")])
        .find(|path| tree.contains(path))
}

/// The words after a launcher of several processes: its own options are cut to one process.
fn distributed(launcher: &[&str], words: &[&Word], setting: &Setting<'_>, changes: &mut Vec<String>) -> Started {
    let is_script = |word: &Word| word.text.ends_with(".py") || matches!(word.text.as_str(), "-m" | "--module");
    let Some(at) = words.iter().position(|word| is_script(word)) else { return Started::Other(launcher.join(" ")) };
    let started = if words.get(at).is_some_and(|word| word.text.ends_with(".py")) {
        words.get(at).map_or(Started::Other(String::new()), |script| {
            script_program(&[], script, words.get(at + 1..).unwrap_or_default(), setting)
        })
    } else {
        module(words.get(at + 1..).unwrap_or_default(), &[], setting)
    };
    match started {
        Started::Program(mut program) => {
            // What follows the launcher's own words: `a.py`, or `-m a`.
            let tail: Vec<String> = program.start.iter().skip(1).cloned().collect();
            let mut start: Vec<String> = launcher.iter().map(|word| (*word).to_owned()).collect();
            match launcher {
                ["accelerate", "launch"] => start.push("--num_processes=1".to_owned()),
                ["torchrun"] | ["python", "-m", "torch.distributed.launch" | "torch.distributed.run"] => {
                    start.push("--nproc_per_node=1".to_owned());
                }
                ["deepspeed"] => start.push("--num_gpus=1".to_owned()),
                _ => start = vec!["python".to_owned()],
            }
            start.extend(tail);
            program.start = start;
            changes.push(format!("`{}` starts one process", launcher.join(" ")));
            Started::Program(program)
        }
        other => other,
    }
}

/// The first word that starts something, after a launcher whose options are not known.
fn after_launcher(words: &[&Word], setting: &Setting<'_>) -> Started {
    match words.iter().position(|word| is_python(&word.text)) {
        Some(at) => python(words.get(at + 1..).unwrap_or_default(), setting),
        None => Started::Other("mpirun".to_owned()),
    }
}

/// `streamlit run app.py` and its like.
fn web(tool: &str, words: &[&Word], setting: &Setting<'_>) -> Started {
    let Some(at) = words.iter().position(|word| word.text.ends_with(".py")) else {
        return Started::Other(tool.to_owned());
    };
    let Some(script) = words.get(at) else { return Started::Other(tool.to_owned()) };
    let Some(found) = locate(script.text.trim_start_matches("./"), &[], setting) else {
        return Started::Missing(script.text.clone());
    };
    let mut start = vec![tool.to_owned()];
    start.extend(words.iter().take(at).map(|word| word.raw.clone()));
    start.push(super::shell::quote(&found.written));
    Started::Program(Program {
        kind: Kind::WebUi,
        start,
        name: found.path.clone(),
        entry: Some(found.path),
        arguments: owned(words.get(at + 1..).unwrap_or_default()),
        workdir: found.workdir,
        changes: vec![],
    })
}

/// `uvicorn package.app:app` and its like.
fn server(tool: &str, words: &[&Word], setting: &Setting<'_>) -> Started {
    let target =
        words.iter().find(|word| word.text.contains(':') && !word.text.starts_with('-') && !word.text.contains('/'));
    let Some(module) = target.and_then(|word| word.text.split(':').next()) else {
        return Started::Other(tool.to_owned());
    };
    let Some((path, workdir)) = locate_module(module, setting) else { return Started::Other(tool.to_owned()) };
    Started::Program(Program {
        kind: Kind::WebUi,
        start: vec![tool.to_owned()],
        name: module.to_owned(),
        entry: Some(path),
        arguments: owned(words),
        workdir,
        changes: vec![],
    })
}

/// A notebook that a command opens or runs: executed headless instead.
fn notebook(words: &[&Word], setting: &Setting<'_>) -> Started {
    let named = words.iter().find(|word| word.text.ends_with(".ipynb"));
    let Some(text) = named.map(|word| word.text.trim_start_matches("./")) else {
        return Started::Other("jupyter".to_owned());
    };
    let found = [setting.workdir, "", setting.folder]
        .into_iter()
        .filter_map(|folder| join(folder, text))
        .find(|path| setting.tree.contains(path));
    match found {
        Some(path) => Started::Program(notebook_program(&path)),
        None => Started::Missing(text.to_owned()),
    }
}

/// Runs a notebook from its own folder without a browser.
pub(crate) fn notebook_program(path: &str) -> Program {
    let name = path.rsplit('/').next().unwrap_or(path);
    // Whatever the kernel was called on its author's machine.
    let kernel = "--ExecutePreprocessor.kernel_name=python3";
    let start = ["jupyter", "nbconvert", "--to", "notebook", "--execute", kernel, "--output-dir", "/tmp"];
    Program {
        kind: Kind::Notebook,
        start: start.iter().map(|word| (*word).to_owned()).chain([super::shell::quote(name)]).collect(),
        entry: Some(path.to_owned()),
        name: path.to_owned(),
        arguments: vec![],
        workdir: parent(path).to_owned(),
        changes: vec!["executed without a browser".to_owned()],
    }
}

fn shell_script(script: &Word, arguments: &[&Word], setting: &Setting<'_>) -> Started {
    shell_file(&script.text, setting)
        .map_or_else(|| Started::Other(script.text.clone()), |path| Started::Shell(path, owned(arguments)))
}

fn shell_file(text: &str, setting: &Setting<'_>) -> Option<String> {
    let text = text.trim_start_matches("./");
    [setting.workdir, "", setting.folder]
        .into_iter()
        .filter_map(|folder| join(folder, text))
        .find(|path| setting.tree.contains(path) && (path.ends_with(".sh") || !path.contains('.')))
}

/// A command by its own name: a console script, or an executable file of the repository.
fn named(text: &str, rest: &[&Word], setting: &Setting<'_>) -> Started {
    if let Some((target, _)) =
        setting.projects.iter().find_map(|project| Some((project.console_scripts.get(text)?, project)))
    {
        let module = target.split([':', ' ', '[']).next().unwrap_or(target).trim();
        return Started::Program(Program {
            kind: Kind::ConsoleScript,
            start: vec![text.to_owned()],
            name: text.to_owned(),
            entry: module_file(module, setting.tree, setting.projects),
            arguments: owned(rest),
            workdir: setting.workdir.to_owned(),
            changes: vec![],
        });
    }
    if text.ends_with(".py") {
        let script = Word::new(text);
        return match script_program(&[], &script, rest, setting) {
            Started::Program(mut program) => {
                program.changes.push("started with `python`".to_owned());
                Started::Program(program)
            }
            other => other,
        };
    }
    if text.ends_with(".sh") {
        return shell_script(&Word::new(text), rest, setting);
    }
    let relative = text.trim_start_matches("./");
    let installed = setting
        .projects
        .iter()
        .map(|project| project.folder.as_str())
        .chain([setting.workdir, ""])
        .flat_map(|folder| ["", "bin", "scripts"].map(|inner| (folder, inner)))
        .filter_map(|(folder, inner)| join(folder, inner).and_then(|folder| join(&folder, relative)))
        .find(|path| !path.is_empty() && is_python_text(setting.tree, path));
    // Typed by its name alone, it is the one that installing the package puts on the path.
    let declared = |path: &String| setting.projects.iter().any(|project| project.scripts.contains(path));
    match installed {
        Some(path) if !text.contains('/') && declared(&path) => Started::Program(Program {
            kind: Kind::ConsoleScript,
            start: vec![text.to_owned()],
            name: path.clone(),
            entry: Some(path),
            arguments: owned(rest),
            workdir: setting.workdir.to_owned(),
            changes: vec![],
        }),
        Some(path) => Started::Program(Program {
            kind: Kind::Script,
            start: vec!["python".to_owned(), super::shell::quote(&path)],
            name: path.clone(),
            entry: Some(path),
            arguments: owned(rest),
            workdir: String::new(),
            changes: vec![format!("`{text}` is a script of the repository, started with `python`")],
        }),
        None => Started::Other(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::shell;
    use crate::documents::Line;

    fn check(files: &[&str], command: &str, words: &str, expected: &str) {
        let tree = Tree::from_texts(files.iter().map(|path| (*path, "#!/usr/bin/env python\n")));
        let project = Project {
            console_scripts: [("tool".to_owned(), "pkg.cli:main".to_owned())].into(),
            packages: [("pkg".to_owned(), "src/pkg".to_owned())].into(),
            scripts: vec!["flow".to_owned()],
            ..Project::default()
        };
        let line = Line { number: 1, text: command.to_owned() };
        let simple = shell::commands(&[line]).remove(0);
        let setting = Setting { tree: &tree, projects: &[project], workdir: "", folder: "", words };
        let found = match started(&simple, &setting) {
            Started::Program(program) => format!(
                "{} in `{}` entry {}",
                program.start.join(" "),
                program.workdir,
                program.entry.unwrap_or_default()
            ),
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn scripts_are_found_where_they_are() {
        check(&["a.py"], "sudo python3.8 -u a.py x", "", "python -u a.py in `` entry a.py");
        check(&["p/a.py"], "python a.py", "", "python a.py in `p` entry p/a.py");
        check(
            &["p/a.py", "p/__init__.py", "README.rst"],
            "python a.py < README.rst",
            "",
            "python p/a.py in `` entry p/a.py",
        );
        check(&["p/a.py", "q/a.py"], "python a.py", "move to `q`", "python a.py in `q` entry q/a.py");
        check(&["p/a.py", "q/a.py"], "python a.py", "", "Missing(\"a.py\")");
    }

    #[test]
    fn modules_are_found_in_the_tree_and_in_packages() {
        check(&["a/b.py"], "python -m a.b x", "", "python -m a.b in `` entry a/b.py");
        check(&["src/pkg/__main__.py"], "python -m pkg", "", "python -m pkg in `` entry src/pkg/__main__.py");
        check(&["a.py"], "python -m venv x", "", "Other(\"python -m venv\")");
    }

    #[test]
    fn console_scripts_must_be_declared() {
        check(&["src/pkg/cli.py"], "tool x", "", "tool in `` entry src/pkg/cli.py");
        check(&["src/pkg/cli.py"], "other x", "", "Other(\"other\")");
        check(&["flow"], "flow x", "", "flow in `` entry flow");
        check(&["flow"], "./flow x", "", "python flow in `` entry flow");
    }

    #[test]
    fn launchers_start_one_process() {
        check(
            &["train.py"],
            "torchrun --nproc_per_node=8 --nnodes=... train.py --x 1",
            "",
            "torchrun --nproc_per_node=1 train.py in `` entry train.py",
        );
        check(
            &["a/b.py"],
            "accelerate launch -m a.b",
            "",
            "accelerate launch --num_processes=1 -m a.b in `` entry a/b.py",
        );
        check(&["app.py"], "uv run --with x streamlit run app.py", "", "streamlit run app.py in `` entry app.py");
        check(
            &["a.ipynb"],
            "jupyter notebook a.ipynb",
            "",
            "jupyter nbconvert --to notebook --execute --ExecutePreprocessor.kernel_name=python3 --output-dir /tmp a.ipynb in `` entry a.ipynb",
        );
    }
}
