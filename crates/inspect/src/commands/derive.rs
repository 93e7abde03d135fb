//! What a repository can run although no document says so: console scripts, `__main__` modules, scripts with a telling
//! name, notebooks, and what its other files run.

use super::arguments::demanded;
use super::collect::{Collector, Origin};
use super::program::{Program, is_python_text, module_file, notebook_program};
use super::recipes;
use super::shell::Word;
use super::words::tokens;
use crate::documents::{self, is_vendored};
use crate::{Evidence, Kind};

/// Most programs of one kind that are looked at.
const MOST: usize = 12;

/// Adds what no document starts.
pub(crate) fn derive(collector: &mut Collector<'_>) {
    let known: Vec<String> = collector.drafts.iter().filter_map(|draft| draft.program.entry.clone()).collect();
    let names: Vec<String> = collector.drafts.iter().map(|draft| draft.program.name.clone()).collect();
    let mentions: String = documents::paths(collector.tree)
        .into_iter()
        .filter(|path| documents::is_readme(path))
        .filter_map(|path| collector.tree.text(path))
        .map(decoded)
        .collect();
    console_scripts(collector, &names, &mentions);
    modules(collector, &names);
    declared_scripts(collector, &known, &mentions);
    scripts(collector, &known, &mentions);
    notebooks(collector, &known, &mentions);
    recipes::recipes(collector);
    if collector.drafts.is_empty() {
        package_modules(collector);
    }
    if collector.drafts.is_empty() {
        silent_scripts(collector);
    }
}

/// Modules of the root's packages that say what they do as a program: better than nothing.
fn package_modules(collector: &mut Collector<'_>) {
    let root = collector.projects.iter().filter(|project| project.folder.is_empty());
    let packages: Vec<(String, String)> = root.flat_map(|project| project.packages.clone()).collect();
    for (package, folder) in packages {
        let tree = collector.tree;
        let modules: Vec<(&str, &str)> = tree
            .texts()
            .filter_map(|(path, text)| {
                let stem = path.strip_prefix(folder.as_str())?.strip_prefix('/')?.strip_suffix(".py")?;
                (!stem.contains('/') && text.contains("__main__") && stem != "__init__").then_some((path, stem))
            })
            .collect();
        for (path, stem) in modules.into_iter().take(MOST) {
            if collector.entry(path).is_none_or(|entry| !entry.module.has_main_guard) {
                continue;
            }
            let name = format!("{package}.{stem}");
            let program = Program::bare(
                Kind::Module,
                vec!["python".to_owned(), "-m".to_owned(), name.clone()],
                name,
                Some(path.to_owned()),
            );
            add(collector, program, false, Evidence::new(path, 0, "__main__"));
        }
    }
}

/// Scripts at the root that do their work as they stand and have no name for it: better than nothing, too.
fn silent_scripts(collector: &mut Collector<'_>) {
    let tree = collector.tree;
    let at_root = tree.texts().map(|(path, _)| path).filter(|path| path.ends_with(".py") && !path.contains('/'));
    for path in at_root.filter(|path| !is_for_others(path)).take(MOST) {
        if collector.entry(path).is_some_and(|entry| entry.runs) {
            let program = Program::script(path);
            add(collector, program, false, Evidence::new(path, 0, path));
        }
    }
}

/// Is this a file that tools read, or a helper of programs, by its name?
fn is_for_others(name: &str) -> bool {
    let helper = tokens(name.trim_end_matches(".py")).iter().any(|word| {
        matches!(
            word.as_str(),
            "util"
                | "utils"
                | "helpers"
                | "helper"
                | "common"
                | "config"
                | "configs"
                | "version"
                | "hparams"
                | "options"
                | "params"
                | "settings"
                | "constants"
        )
    });
    helper
        || matches!(
            name,
            "setup.py"
                | "conftest.py"
                | "__init__.py"
                | "hubconf.py"
                | "__main__.py"
                | "conf.py"
                | "noxfile.py"
                | "tasks.py"
                | "ez_setup.py"
                | "distribute_setup.py"
                | "get-pip.py"
                | "versioneer.py"
        )
        || name.starts_with("test_")
}

fn console_scripts(collector: &mut Collector<'_>, names: &[String], mentions: &str) {
    for (at, project) in collector.projects.iter().enumerate() {
        // Tools of packages in other folders are side programs.
        if at > 0 && !project.folder.is_empty() {
            continue;
        }
        for (name, target) in project.console_scripts.iter().take(MOST) {
            if names.contains(name) {
                continue;
            }
            let module = target.split([':', ' ', '[']).next().unwrap_or(target).trim();
            let entry = module_file(module, collector.tree, collector.projects);
            let evidence = project.evidence.clone().unwrap_or_else(|| {
                Evidence::new(format!("{}setup.py", project.folder), 0, &format!("{name} = {target}"))
            });
            let evidence = Evidence::new(evidence.path, evidence.line, &format!("{name} = {target}"));
            let program = Program::bare(Kind::ConsoleScript, vec![name.clone()], name.clone(), entry);
            add(collector, program, is_mentioned(mentions, name), evidence);
        }
    }
}

/// Scripts that the root's package installs as commands.
fn declared_scripts(collector: &mut Collector<'_>, known: &[String], mentions: &str) {
    let root = collector.projects.iter().filter(|project| project.folder.is_empty());
    for path in root.flat_map(|project| &project.scripts).take(MOST) {
        let name = path.rsplit('/').next().unwrap_or(path);
        // Those of the other kind are found by their suffix.
        if known.contains(path) || path.ends_with(".py") || !is_python_text(collector.tree, path) {
            continue;
        }
        let program = Program::script(path);
        add(collector, program, is_mentioned(mentions, name), Evidence::new(path.clone(), 0, name));
    }
}

fn modules(collector: &mut Collector<'_>, names: &[String]) {
    let mains: Vec<String> = collector
        .tree
        .texts()
        .map(|(path, _)| path)
        .filter(|path| path.ends_with("/__main__.py") && !is_vendored(path) && path.matches('/').count() <= 2)
        .take(MOST)
        .map(str::to_owned)
        .collect();
    for path in mains {
        let Some(folder) = path.strip_suffix("/__main__.py") else { continue };
        let module = folder.strip_prefix("src/").unwrap_or(folder).replace('/', ".");
        if names.contains(&module) || !module.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.') {
            continue;
        }
        let program = Program::bare(
            Kind::Module,
            vec!["python".to_owned(), "-m".to_owned(), module.clone()],
            module,
            Some(path.clone()),
        );
        let evidence = Evidence::new(path, 0, "__main__.py");
        add(collector, program, false, evidence);
    }
}

/// Folders whose scripts are there to be tried.
pub(super) const SHOWCASES: [&str; 10] =
    ["examples", "example", "demo", "demos", "scripts", "tools", "samples", "inference", "tutorials", "bin"];

/// Folders whose scripts may do their work as they stand, without asking whether they are the program.
const EXAMPLES: [&str; 6] = ["examples", "example", "demo", "demos", "samples", "tutorials"];

fn scripts(collector: &mut Collector<'_>, known: &[String], mentions: &str) {
    let telling = |path: &str| {
        let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".py");
        tokens(stem).iter().any(|word| {
            matches!(
                word.as_str(),
                "demo"
                    | "predict"
                    | "prediction"
                    | "infer"
                    | "inference"
                    | "test"
                    | "run"
                    | "example"
                    | "examples"
                    | "app"
                    | "main"
                    | "sample"
                    | "generate"
                    | "detect"
                    | "eval"
                    | "evaluate"
                    | "cli"
                    | "train"
                    | "usage"
                    | "quickstart"
                    | "simple"
                    | "chat"
                    | "transcribe"
                    | "segment"
                    | "recognize"
                    | "classify"
                    | "play"
                    | "translate"
                    | "webcam"
                    | "gradio"
            )
        })
    };
    let mut found: Vec<(bool, usize, String)> = collector
        .tree
        .texts()
        .filter(|(path, _)| path.ends_with(".py") && !is_vendored(path) && !known.iter().any(|known| known == path))
        .filter_map(|(path, text)| {
            let depth = path.matches('/').count();
            let name = path.rsplit('/').next().unwrap_or(path);
            if is_for_others(name) {
                return None;
            }
            let showcase = path.split('/').next().is_some_and(|top| SHOWCASES.contains(&top));
            let named = is_mentioned(mentions, name);
            let shows = path.split('/').next().is_some_and(|top| EXAMPLES.contains(&top));
            let has_main = text.contains("__main__") || depth == 0 || shows;
            let fits = match depth {
                0 => telling(path) || named || text.contains("__main__"),
                1 | 2 => showcase && (telling(path) || depth == 1) || named || takes_input(text),
                3 => named && telling(path) || showcase && telling(path),
                _ => named && telling(path),
            };
            (fits && has_main).then(|| (!named, depth * 2 + usize::from(!telling(path)), path.to_owned()))
        })
        .collect();
    found.sort();
    for (unnamed, _, path) in found.into_iter().take(2 * MOST) {
        if collector.entry(&path).is_none_or(|entry| !entry.runs) {
            continue;
        }
        let program = Program::script(&path);
        let line = collector.tree.text(&path).and_then(|text| {
            text.lines()
                .position(|line| line.contains("__main__"))
                .map(|at| (at + 1, text.lines().nth(at).unwrap_or_default()))
        });
        let (number, text) = line.unwrap_or((0, path.as_str()));
        let evidence = Evidence::new(path.clone(), number, text);
        add(collector, program, !unnamed, evidence);
    }
}

/// Does the command line of this program name something to work on?
fn takes_input(text: &str) -> bool {
    text.lines().filter(|line| line.contains("add_argument(")).any(|line| {
        let name = line.split(['\'', '"']).nth(1).unwrap_or_default();
        tokens(name).iter().any(|word| {
            matches!(word.as_str(), "image" | "images" | "img" | "audio" | "wav" | "video" | "text" | "prompt")
        })
    })
}

fn notebooks(collector: &mut Collector<'_>, known: &[String], mentions: &str) {
    let mut found: Vec<(Option<usize>, usize, String)> = collector
        .tree
        .iter()
        .map(|(path, _)| path)
        .filter(|path| {
            path.ends_with(".ipynb")
                && !is_vendored(path)
                && !path.contains(".ipynb_checkpoints")
                && !known.iter().any(|known| known == path)
        })
        .map(|path| {
            (
                mentioned_at(mentions, path.rsplit('/').next().unwrap_or(path)).or_else(|| rendered_at(mentions, path)),
                path.matches('/').count(),
                path.to_owned(),
            )
        })
        .collect();
    found.sort_by_key(|(place, depth, path)| (place.unwrap_or(usize::MAX), *depth, path.clone()));
    found.truncate(2 * MOST);
    found.retain(|(_, _, path)| collector.tree.text(path).is_none_or(|text| !is_shell_only(text)));
    for (place, _, path) in found.into_iter().take(MOST) {
        let evidence = Evidence::new(path.clone(), 0, &path);
        add(collector, notebook_program(&path), place.is_some(), evidence);
    }
}

/// A notebook that only types commands for a rented machine is no program of its own.
fn is_shell_only(text: &str) -> bool {
    if text.contains("\"import ") || text.contains("\"from ") {
        return false;
    }
    let code = crate::python::notebook_code(text);
    let mut lines = code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).peekable();
    lines.peek().is_some() && lines.all(|line| line.starts_with(['!', '%']))
}

/// Does the text name this file, and not only one whose name ends the same?
fn is_mentioned(text: &str, name: &str) -> bool {
    mentioned_at(text, name).is_some()
}

/// Where the text names a notebook by its rendering, as documentation sites have them.
fn rendered_at(text: &str, path: &str) -> Option<usize> {
    let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".ipynb");
    mentioned_at(text, &format!("{stem}.html"))
}

/// A text with the spaces, commas and brackets of its links.
fn decoded(text: &str) -> String {
    if !text.contains("%20") {
        return text.to_owned();
    }
    [("%20", " "), ("%2C", ","), ("%28", "("), ("%29", ")")]
        .iter()
        .fold(text.to_owned(), |text, (coded, plain)| text.replace(coded, plain))
}

/// Where the text names this file.
fn mentioned_at(text: &str, name: &str) -> Option<usize> {
    text.match_indices(name).filter(|_| name.len() > 3).map(|(at, _)| at).find(|at| {
        let before = text.get(..*at).and_then(|before| before.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|after| after.chars().next());
        let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-');
        !inside(before) && !inside(after)
    })
}

/// Adds a program with the arguments that it demands.
fn add(collector: &mut Collector<'_>, mut program: Program, mentioned: bool, evidence: Evidence) {
    if program.kind != Kind::Notebook
        && let Some(path) = program.entry.clone()
    {
        let source = collector.tree.text(&path).unwrap_or_default();
        let Some(entry) = collector.entry(&path) else { return };
        let demanded: Option<Vec<Word>> = demanded(&entry.module, source, &program.name);
        match demanded {
            Some(words) => program.arguments = words,
            None => {
                program.arguments =
                    vec![Word { raw: "<command>".to_owned(), text: "<command>".to_owned(), optional: false }];
            }
        }
    }
    let mut draft = collector.draft(program, Origin::Derived { mentioned }, &[], "", "", evidence);
    collector.answer(&mut draft);
    collector.drafts.push(draft);
}
