//! Documents and scripts in, drafts of candidates out: each command with its program, filled arguments and place.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::arguments::{self, Filled, Lack, Surroundings};
use super::classify::{self, Clues};
use super::downloads::{self, Download};
use super::program::{Program, Setting, Started, join, started};
use super::recipes::Recipe;
use super::samples::{Media, Samples, relative};
use super::shell::{self, Joint, Simple, Word, quote};
use super::{cpu, curl, prompts, short, snippet, words};
use crate::documents::{self, Block, BlockForm};
use crate::python::{self, Module, Sources};
use crate::weights::is_shared;
use crate::{Action, Evidence, Finding, Kind, Project, Question, Snippet, Tree};

/// Most questions to a server that are kept.
const MOST_QUESTIONS: usize = 4;

/// Where a command was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A document; the number is its place in the order of documents, and whether it is the root's README.
    Document { root: bool, subfolder: Depth },
    /// A span inside a sentence.
    Span { root: bool },
    /// A file that runs commands and is no document.
    Recipe(Recipe),
    /// What a person wrote into `repro.toml`.
    Person,
    /// Made up from what the repository has.
    Derived { mentioned: bool },
}

/// How far from the repository as a whole a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// At the root, or the first page of the documentation.
    Whole,
    /// Another page of the documentation.
    Page,
    /// In a folder of things to try.
    Showcase,
    /// In the folder of some part.
    Part,
}

/// Something that could be run, before it is ranked.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with a weight of its own")]
pub(crate) struct Draft {
    pub(crate) program: Program,
    pub(crate) filled: Filled,
    pub(crate) env: BTreeMap<String, String>,
    /// The arguments for a machine without a GPU and what changes with them, where that is something else.
    pub(crate) on_cpu: Option<(Vec<Word>, Vec<String>)>,
    /// Redirections as they are written after the arguments.
    pub(crate) redirects: Vec<String>,
    pub(crate) action: Action,
    pub(crate) told_by: String,
    /// Nothing but a general heading tells what it does.
    pub(crate) told_weakly: bool,
    /// Its subcommand says plainly that it infers.
    pub(crate) told_plainly: bool,
    pub(crate) origin: Origin,
    pub(crate) headings: Vec<String>,
    pub(crate) snippet: Option<Snippet>,
    /// For snippets: do they use the repository's own package?
    pub(crate) own: bool,
    /// For snippets: do they do something with what they make?
    pub(crate) acts: bool,
    /// Asks questions on a terminal.
    pub(crate) interactive: bool,
    /// The entry file does something when it is run.
    pub(crate) runs: bool,
    /// How surely it takes up what a training left: it stands below one and names no input of its own.
    pub(crate) after_training: f64,
    /// Wants a camera, a screen or a stream.
    pub(crate) needs_device: bool,
    pub(crate) evidence: Evidence,
}

impl Draft {
    /// What makes two drafts the same: the program and what it does.
    pub(crate) fn identity(&self) -> (String, Action) {
        (self.program.name.clone(), self.action)
    }
}

/// A parsed entry file.
pub(crate) struct Entry {
    pub(crate) module: Rc<Module>,
    /// Has a main guard, or does something at its outermost level.
    pub(crate) runs: bool,
}

/// Gathers drafts.
pub(crate) struct Collector<'t> {
    sources: &'t Sources<'t>,
    pub(crate) tree: &'t Tree,
    pub(crate) projects: &'t [Project],
    pub(crate) samples: Samples<'t>,
    pub(crate) drafts: Vec<Draft>,
    pub(crate) findings: Vec<Finding>,
    /// What documents ask a server on this machine.
    pub(crate) questions: Vec<Question>,
    entries: BTreeMap<String, Entry>,
    /// Bytes of Python that may still be parsed.
    pub(crate) budget: usize,
    /// Top-level names that the repository itself provides.
    own: Vec<String>,
    /// Scripts and targets that were followed.
    pub(super) followed: Vec<String>,
    /// Files that import a toolkit for windows.
    windows: OnceCell<Vec<String>>,
}

/// What is known while the commands of one document are read.
#[derive(Default)]
pub(super) struct Session {
    pub(super) workdir: String,
    pub(super) variables: BTreeMap<String, String>,
    exported: BTreeMap<String, String>,
    /// Setup commands of the block.
    setup: Vec<String>,
    /// The Python of the document so far.
    snippets: snippet::Earlier,
    /// What the document fetches or links to.
    downloads: Vec<Download>,
    /// Programs of the repository that fetch weights: name, folder and command.
    fetches: Vec<(String, String, String)>,
    /// A key that the text under these headings tells the reader to set.
    secret: Option<Vec<String>>,
    /// Headings under which a training was started, and whether that was in this block.
    trained: Option<Vec<String>>,
    trained_here: bool,
    /// Programs of the repository that fetch data: the line without arguments, its folder and its arguments.
    data: Vec<(String, String, Vec<String>)>,
    /// Programs that the document trains with, and all words after them.
    trainings: Vec<(String, Vec<String>)>,
}

impl Session {
    /// What a script knows that is started here.
    pub(super) fn inside(&self) -> Self {
        Self { workdir: self.workdir.clone(), variables: self.variables.clone(), ..Self::default() }
    }

    /// Remembers what a program is started with that fetches weights; of several uses the first is enough.
    fn fetch(&mut self, name: &str, command: String) {
        if !self.fetches.iter().any(|(known, _, _)| known == name) {
            self.fetches.push((name.to_owned(), self.workdir.clone(), command));
        }
    }
}

/// The place of a run of commands.
pub(super) struct Place<'p> {
    pub(super) path: &'p str,
    pub(super) origin: Origin,
    pub(super) headings: &'p [String],
    pub(super) lead: &'p str,
    /// Words of the text around, for deciding between files of the same name.
    pub(super) around: String,
}

impl<'p> Place<'p> {
    /// A file without texts around its commands.
    pub(super) fn of(path: &'p str, origin: Origin) -> Self {
        Self { path, origin, headings: &[], lead: "", around: String::new() }
    }
}

impl<'t> Collector<'t> {
    pub(crate) fn new(tree: &'t Tree, projects: &'t [Project], sources: &'t Sources<'t>) -> Self {
        let mut own: Vec<String> =
            projects.iter().flat_map(|project| project.packages.keys().chain(&project.extensions).cloned()).collect();
        for (path, _) in tree.iter() {
            let inner = path.strip_prefix("src/").or_else(|| path.strip_prefix("lib/")).unwrap_or(path);
            match inner.split_once('/') {
                Some((top, "__init__.py")) => own.push(top.to_owned()),
                None if inner.ends_with(".py") && inner != "setup.py" => {
                    own.push(inner.trim_end_matches(".py").to_owned());
                }
                _ => {}
            }
        }
        own.sort();
        own.dedup();
        Self {
            sources,
            tree,
            projects,
            samples: Samples::new(tree),
            drafts: vec![],
            findings: vec![],
            questions: vec![],
            entries: BTreeMap::new(),
            budget: 200_000,
            own,
            followed: vec![],
            windows: OnceCell::new(),
        }
    }

    /// Reads all documents in their order.
    pub(crate) fn documents(&mut self) {
        let mut budget = 3_000_000_usize;
        for path in documents::paths(self.tree) {
            let Some(text) = self.tree.text(path) else { continue };
            if text.len() > budget || text.len() > 600_000 {
                continue;
            }
            budget -= text.len();
            self.document(path, text);
        }
    }

    fn document(&mut self, path: &str, text: &str) {
        // Most pages of a large documentation have no command and no program in them.
        if !text.contains("python")
            && !text.contains("import ")
            && !text.contains(".py")
            && !text.contains(".sh")
            && !text.contains("make ")
            && !["uvicorn ", "gunicorn ", "flask ", "streamlit ", "gradio ", "chainlit ", "jupyter ", "torchrun "]
                .iter()
                .any(|tool| text.contains(tool))
            && !self
                .projects
                .iter()
                .any(|project| project.console_scripts.keys().any(|name| text.contains(name.as_str())))
        {
            return;
        }
        let root = documents::is_readme(path);
        let top = path.split('/').next().unwrap_or_default().to_ascii_lowercase();
        let subfolder = match top.as_str() {
            _ if !path.contains('/') => Depth::Whole,
            "doc" | "docs" | "documentation" if is_first_page(path) => Depth::Whole,
            "doc" | "docs" | "documentation" => Depth::Page,
            top if super::derive::SHOWCASES.contains(&top) => Depth::Showcase,
            _ => Depth::Part,
        };
        let lines: Vec<&str> = text.lines().collect();
        let mut session = Session { downloads: downloads::linked(text), ..Session::default() };
        let before = self.drafts.len();
        for block in documents::blocks(path, text) {
            let origin = if block.form == BlockForm::Span {
                Origin::Span { root }
            } else {
                Origin::Document { root, subfolder }
            };
            self.block(path, &lines, &block, origin, &mut session);
        }
        // A module of the package brings what its functions read, wherever the document says so.
        for (_, _, command) in session.fetches.iter().filter(|(_, _, command)| command.starts_with("python -m ")) {
            for draft in self.drafts.iter_mut().skip(before).filter(|draft| draft.own && draft.snippet.is_some()) {
                draft.filled.setup.push(command.clone());
                draft.filled.changes.push(format!("`{command}` first, as the document says"));
            }
        }
    }

    fn block(&mut self, path: &str, lines: &[&str], block: &Block, origin: Origin, session: &mut Session) {
        let foreign = [
            "json",
            "yaml",
            "yml",
            "toml",
            "xml",
            "html",
            "bibtex",
            "bib",
            "latex",
            "tex",
            "diff",
            "dockerfile",
            "c",
            "cpp",
            "c++",
            "cuda",
            "java",
            "javascript",
            "js",
            "ts",
            "typescript",
            "rust",
            "go",
            "swift",
            "csv",
            "mermaid",
            "ini",
            "matlab",
            "julia",
            "r",
            "batch",
            "bat",
            "powershell",
            "ps1",
            "cmd",
            "jsonc",
            "css",
            "sql",
            "lua",
        ];
        if foreign.contains(&block.language.as_str()) {
            return;
        }
        if let Some(found) = snippet::read(block, path, lines, &mut session.snippets, self.tree, &self.samples) {
            self.snippet(path, lines, block, origin, found, &session.downloads);
            return;
        }
        if block.language == "pycon" || block.form == BlockForm::Doctest {
            return;
        }
        session.workdir.clear();
        session.setup.clear();
        session.trained_here = false;
        if session.trained.as_ref().is_some_and(|headings| *headings != block.headings) {
            session.trained = None;
        }
        if session.secret.as_ref().is_some_and(|headings| *headings != block.headings) {
            session.secret = None;
        }
        let around = format!("{}\n{}", block.lead, block.headings.join("\n"));
        let place = Place { path, origin, headings: &block.headings, lead: &block.lead, around };
        self.commands(&shell::commands(&block.lines), &place, session, 0);
    }

    /// Walks through the commands of a block or script.
    pub(super) fn commands(&mut self, commands: &[Simple], place: &Place<'_>, session: &mut Session, depth: usize) {
        let folder = place.path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        for (at, original) in commands.iter().enumerate() {
            let mut simple = original.clone();
            for word in simple
                .words
                .iter_mut()
                .chain(simple.redirects.iter_mut().map(|(_, word)| word))
                .chain(simple.env.iter_mut().map(|(_, word)| word))
            {
                expand(word, &session.variables);
            }
            simple.words = simple.words.iter().zip(&original.words).flat_map(|(word, was)| split(word, was)).collect();
            simple.words.retain(|word| word.text != "$@" && word.text != "$*");
            let text = |at: usize| simple.words.get(at).map_or("", |word| word.text.as_str());
            match text(0) {
                "" => {
                    for (name, value) in &simple.env {
                        session.variables.insert(name.clone(), value.text.clone());
                    }
                    continue;
                }
                "export" | "set" | "setenv" => {
                    for (name, value) in simple.words.iter().skip(1).filter_map(shell::assignment) {
                        if ["KEY", "TOKEN", "SECRET"].iter().any(|part| name.contains(part)) {
                            session.secret = Some(place.headings.to_vec());
                        }
                        if !arguments::is_placeholder(&value.text) || name == "PYTHONPATH" {
                            session.exported.insert(name.clone(), value.text.clone());
                        }
                        session.variables.insert(name, value.text);
                    }
                    continue;
                }
                // Weights that are given to those only who were let in.
                "huggingface-cli" | "hf" if simple.words.iter().any(|word| word.text == "login") => {
                    session.secret = Some(place.headings.to_vec());
                    continue;
                }
                "for" if text(2) == "in" => {
                    session.variables.insert(text(1).to_owned(), text(3).trim_end_matches(';').to_owned());
                    continue;
                }
                "cd" | "pushd" => {
                    session.workdir = self.entered(&session.workdir, text(1), &folder);
                    continue;
                }
                "mkdir" | "cp" | "ln" => {
                    let args: Vec<&Word> =
                        simple.words.iter().skip(1).filter(|word| !word.text.starts_with('-')).collect();
                    let source = text(0) == "mkdir"
                        || args
                            .first()
                            .and_then(|word| join(&session.workdir, &word.text))
                            .is_some_and(|path| self.tree.contains(&path) || self.tree.contains_folder(&path));
                    if source
                        && !args.is_empty()
                        && args.iter().all(|word| !arguments::is_placeholder(&word.text))
                        && session.workdir.is_empty()
                    {
                        let mut words: Vec<String> = simple.words.iter().map(|word| word.raw.clone()).collect();
                        if text(0) == "mkdir" && text(1) != "-p" {
                            words.insert(1, "-p".to_owned());
                        }
                        session.setup.push(words.join(" "));
                    }
                    continue;
                }
                "curl" if let Some(asked) = curl::question(&simple.words, evidence(place.path, &simple)) => {
                    if self.questions.len() < MOST_QUESTIONS && !self.questions.contains(&asked) {
                        self.questions.push(asked);
                    }
                    continue;
                }
                "wget" | "curl" | "gdown" => {
                    session.downloads.extend(downloads::fetched(&simple.words, &session.workdir));
                    continue;
                }
                _ => {}
            }
            let around = format!("{}\n{}", place.around, original.comment);
            let setting = Setting {
                tree: self.tree,
                projects: self.projects,
                workdir: &session.workdir,
                folder: &folder,
                words: &around,
            };
            match started(&simple, &setting) {
                Started::Program(program) => {
                    let before = at
                        .checked_sub(1)
                        .and_then(|at| commands.get(at))
                        .filter(|before| before.joint == Joint::Pipe && before.group == simple.group);
                    self.program(program, &simple, before, place, session);
                }
                Started::Shell(path, _) if depth == 0 && fetches_weights(&path) => {
                    let command = match path.rsplit_once('/') {
                        // A script that lies among weights saves them beside itself.
                        Some((folder, name)) if is_for_weights(folder) && self.saves_here(&path, folder) => {
                            format!("(cd {} && bash {})", quote(&relative(folder, &session.workdir)), quote(name))
                        }
                        _ => format!("bash {}", quote(&relative(&path, &session.workdir))),
                    };
                    session.fetch(&path, command);
                }
                Started::Shell(path, arguments) if depth == 0 && !arguments.is_empty() && self.is_pipeline(&path) => {
                    let program = self.pipeline(&path, arguments, &session.workdir);
                    self.program(program, &simple, None, place, session);
                    let first = self.first_step(&path);
                    if let Some(draft) = self.drafts.last_mut() {
                        draft.program.entry = first;
                    }
                }
                Started::Shell(path, arguments) if depth == 0 => self.script(&path, &arguments, place, session),
                Started::Make(target) if depth == 0 => self.make(&target, place, session),
                Started::Missing(name)
                    if matches!(place.origin, Origin::Document { root: true, .. }) && self.findings.len() < 5 =>
                {
                    self.findings.push(Finding {
                        code: "documented-program-missing".to_owned(),
                        message: format!("the document starts `{name}`, which is not in the repository"),
                        help: Some("look for the program in a submodule or an older commit".to_owned()),
                        evidence: evidence(place.path, &simple),
                    });
                }
                _ => {}
            }
        }
    }

    /// The folder after `cd`.
    fn entered(&self, workdir: &str, target: &str, folder: &str) -> String {
        if target.is_empty() || target == "-" || target.starts_with('~') {
            return String::new();
        }
        let exists = |path: &String| path.is_empty() || self.tree.contains_folder(path);
        [workdir, "", folder]
            .into_iter()
            .filter_map(|base| join(base, target))
            .find(exists)
            // The repository's own name after a clone, or a place we do not know.
            .unwrap_or_default()
    }

    /// Does this shell script name no folder of its own?
    fn saves_here(&self, path: &str, folder: &str) -> bool {
        let name = folder.rsplit('/').next().unwrap_or(folder);
        self.tree.text(path).is_some_and(|text| !text.contains("cd ") && !text.contains(&format!("{name}/")))
    }

    /// Does this shell script read options, or start one program after another? It only works as a whole.
    fn is_pipeline(&self, path: &str) -> bool {
        self.tree.text(path).is_some_and(|text| {
            let starts = |line: &&str| line.trim_start().split(' ').next().is_some_and(super::program::is_python);
            text.contains("getopts ") || text.lines().filter(starts).count() > 1
        })
    }

    /// The first Python file that this shell script starts.
    fn first_step(&self, path: &str) -> Option<String> {
        let words = self.tree.text(path)?.split_whitespace();
        words.filter(|word| word.ends_with(".py")).find(|word| self.tree.contains(word)).map(str::to_owned)
    }

    /// A shell script with its arguments as a program.
    fn pipeline(&mut self, path: &str, arguments: Vec<Word>, workdir: &str) -> Program {
        self.followed.push(path.to_owned());
        Program {
            kind: Kind::Script,
            start: vec!["bash".to_owned(), quote(&relative(path, workdir))],
            entry: None,
            name: path.to_owned(),
            arguments,
            workdir: workdir.to_owned(),
            changes: vec![],
        }
    }

    /// Reads a command that a person wrote.
    pub(crate) fn given(&mut self, line: &str, workdir: &str) {
        let place = Place::of("repro.toml", Origin::Person);
        let lines = [documents::Line { number: 1, text: line.to_owned() }];
        let mut session = Session { workdir: workdir.to_owned(), ..Session::default() };
        self.commands(&shell::commands(&lines), &place, &mut session, 1);
    }

    /// The parsed entry file of a program, read once.
    pub(crate) fn entry(&mut self, path: &str) -> Option<&Entry> {
        // Data in very long lines cost a parser next to nothing.
        let code = |text: &str| text.lines().map(str::len).filter(|length| *length < 10_000).sum::<usize>();
        let size = self.tree.text(path).map(code).filter(|size| *size < 400_000 && !path.ends_with(".ipynb"))?;
        if !self.entries.contains_key(path) {
            // Documents name their main programs first; a page of hundred commands is not worth parsing them all.
            self.budget = self.budget.checked_sub(size)?;
            let module = self.sources.module(path)?;
            let top = module.calls.iter().any(|call| {
                call.scope.is_none()
                    && call.decorates.is_none()
                    && matches!(call.context, python::Context::Plain | python::Context::Conditional)
            });
            let runs = module.has_main_guard || top;
            let module = self.with_options(path, module);
            self.entries.insert(path.to_owned(), Entry { module, runs });
        }
        self.entries.get(path)
    }

    /// The module with the options that modules beside it declare for its command line.
    fn with_options(&self, path: &str, module: Rc<Module>) -> Rc<Module> {
        let mut found = Vec::new();
        let files = module
            .imports
            .iter()
            .flat_map(|import| self.imported(path, import).into_iter().map(move |file| (file, import)));
        for (file, import) in files {
            if !self.tree.text(&file).is_some_and(|text| text.contains("add_argument(") && text.len() < 100_000) {
                continue;
            }
            // A program that only starts another has that one's options.
            let starts = module.arguments.is_empty()
                && import.names.iter().any(|name| {
                    words::tokens(name).iter().any(|word| matches!(word.as_str(), "main" | "cli" | "parse" | "parser"))
                });
            let Some(beside) = self.sources.module(&file).filter(|beside| starts || !beside.has_main_guard) else {
                continue;
            };
            // Functions and classes that declare options do so for those who use them.
            let used = |argument: &&python::Argument| {
                let scope = argument.scope.as_deref().map(|scope| scope.split('.').next().unwrap_or(scope));
                starts || scope.is_none_or(|scope| module.mentions(scope))
            };
            let options = beside.arguments.iter().filter(used).filter(|argument| {
                argument.library == "argparse" && (!argument.positional || module.arguments.is_empty())
            });
            found.extend(options.cloned());
        }
        if found.is_empty() {
            return module;
        }
        let mut module = Rc::unwrap_or_clone(module);
        module.arguments.append(&mut found);
        Rc::new(module)
    }

    /// Files of the repository that an import of this file names.
    fn imported(&self, path: &str, import: &python::Import) -> Vec<String> {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let inner = import.module.replace('.', "/");
        let up = "../".repeat(import.level.saturating_sub(1) as usize);
        let bases = if import.level > 0 {
            vec![join(folder, &format!("{up}{inner}"))]
        } else {
            vec![join(folder, &inner), Some(inner)]
        };
        let mut files: Vec<String> = Vec::new();
        for base in bases.into_iter().flatten() {
            let names = import.names.iter().map(|name| format!("{base}/{name}.py").trim_start_matches('/').to_owned());
            files.extend(
                [format!("{base}.py"), format!("{base}/__init__.py")]
                    .into_iter()
                    .chain(names)
                    .filter(|file| self.tree.contains(file)),
            );
        }
        files.sort();
        files.dedup();
        files
    }

    /// Makes a draft of a command that starts a program.
    fn program(
        &mut self,
        program: Program,
        simple: &Simple,
        before: Option<&Simple>,
        place: &Place<'_>,
        session: &mut Session,
    ) {
        let mut env: BTreeMap<String, String> = session
            .exported
            .iter()
            .filter(|(name, _)| name.as_str() == "PYTHONPATH" || simple.line > 0 && !is_of_the_host(name))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        let mut changes = Vec::new();
        for (name, value) in &simple.env {
            if name.contains("VISIBLE_DEVICES") {
                let first = value.text.split(',').next().unwrap_or_default();
                if first.parse::<u32>().is_ok() && value.text == "0" {
                    env.insert(name.clone(), "0".to_owned());
                } else {
                    env.insert(name.clone(), "0".to_owned());
                    changes.push(format!("`{name}={}` set to `0`", value.text));
                }
            } else if !arguments::is_placeholder(&value.text) {
                env.insert(name.clone(), value.text.clone());
            }
        }
        let mut redirects = Vec::new();
        let mut lacks = Vec::new();
        let mut setup = session.setup.clone();
        for (operator, target) in &simple.redirects {
            let exists = join(&program.workdir, &target.text).is_some_and(|path| self.tree.contains(&path));
            if operator == "<" && !exists && target.text != "/dev/null" {
                let found = self
                    .samples
                    .file(super::samples::Media::Text, &target.text, &program.workdir)
                    .or_else(|| self.readme());
                match found {
                    Some(found) => {
                        let found = relative(found, &program.workdir);
                        changes.push(format!("`{}` replaced by `{found}`, from this repository", target.text));
                        redirects.push(format!("< {}", quote(&found)));
                    }
                    None => lacks.push(Lack::Input(target.text.clone())),
                }
            } else if operator == "<" || !target.text.contains('/') {
                redirects.push(format!("{operator} {}", target.raw));
            }
        }
        if let Some(before) = before {
            match before.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().as_slice() {
                ["cat", file] if join(&program.workdir, file).is_some_and(|path| self.tree.contains(&path)) => {
                    redirects.push(format!("< {}", quote(file)));
                    changes.push(format!("reads `{file}` instead of a pipe"));
                }
                ["echo" | "printf", text] => {
                    setup.push(format!("printf '%s\\n' {} > stdin.txt", quote(text)));
                    redirects.push("< stdin.txt".to_owned());
                    changes.push("reads the text from a file instead of a pipe".to_owned());
                }
                _ => lacks.push(Lack::Input("a pipe".to_owned())),
            }
        }
        let mut program = program;
        let filmed = self.photographed(&mut program);
        let line = evidence(place.path, simple);
        let mut draft = self.draft(program, place.origin, place.headings, place.lead, &simple.comment, line);
        downloads::bring(&mut draft.filled, &draft.program.workdir, &session.downloads, false);
        setup.append(&mut draft.filled.setup);
        setup.dedup();
        draft.filled.setup = setup;
        draft.filled.changes.splice(0..0, changes);
        draft.filled.lacks.append(&mut lacks);
        draft.env = env;
        draft.redirects = redirects;
        if draft.redirects.iter().any(|redirect| redirect.starts_with('<')) {
            draft.interactive = false;
        }
        self.answer(&mut draft);
        if session.secret.is_some() {
            draft.filled.lacks.push(Lack::Secret("key".to_owned()));
        }
        let keeps_house = draft.program.kind == Kind::ConsoleScript
            && matches!(draft.action, Action::Download | Action::Install)
            && draft.filled.lacks.is_empty();
        if keeps_house {
            // What follows in the block counts on it.
            session.setup.push(super::rank::line(&draft));
        } else if draft.action == Action::Download && fetches_weights(&draft.program.name) {
            session.fetch(&draft.program.name, super::rank::line(&draft));
        } else {
            for (_, _, command) in session.fetches.iter().filter(|(_, folder, _)| *folder == draft.program.workdir) {
                draft.filled.setup.push(command.clone());
                draft.filled.changes.push(format!("`{command}` first, as the document says"));
            }
        }
        if draft.action == Action::Download && draft.filled.lacks.is_empty() {
            let words = draft.filled.arguments.iter().map(|word| word.text.clone()).collect();
            session.data.push((draft.program.start.join(" "), draft.program.workdir.clone(), words));
        }
        if draft.action == Action::Train {
            // Of the data that a program fetches by name, those that this training names.
            for (start, workdir, names) in &session.data {
                let named = names.iter().find(|name| {
                    !name.starts_with('-') && draft.filled.arguments.iter().any(|word| word.text == **name)
                });
                if let Some(name) = named.filter(|_| *workdir == draft.program.workdir) {
                    let command = format!("{start} {}", quote(name));
                    draft.filled.changes.push(format!("`{command}` first, as the document says"));
                    draft.filled.setup.push(command);
                }
            }
            session.trained = Some(place.headings.to_vec());
            session.trained_here = true;
            let words = simple.words.iter().map(|word| word.text.clone()).collect();
            session.trainings.push((draft.program.name.clone(), words));
        } else if draft.filled.at_hand == 0 {
            // The same words without the one that says to train.
            let words: Vec<&str> = simple.words.iter().map(|word| word.text.as_str()).collect();
            let untrained = session.trainings.iter().any(|(name, trained)| {
                *name == draft.program.name
                    && trained.len() > words.len()
                    && words.iter().all(|word| trained.iter().any(|known| known == word))
            });
            draft.after_training = if session.trained_here || untrained {
                0.4
            } else if session.trained.is_some() {
                0.15
            } else {
                0.0
            };
        }
        let camera = ["webcam", "camera", "realsense", "screen", "microphone", "youtube", "rtsp", "stream", "streams"];
        draft.needs_device |= words::tokens(&simple.comment).iter().any(|word| camera.contains(&word.as_str()))
            || simple
                .words
                .iter()
                .skip(1)
                .any(|word| words::tokens(&word.text).iter().any(|word| camera.contains(&word.as_str())))
            || !filmed && camera_at(&simple.words).is_some();
        self.drafts.push(draft);
    }

    /// Gives a program that is started with the camera a picture, where it takes one by another option and the
    /// repository has some.
    fn photographed(&mut self, program: &mut Program) -> bool {
        let Some(at) = camera_at(&program.arguments) else { return false };
        let Some(path) = program.entry.clone() else { return false };
        if self.samples.file(Media::Image, "", &program.workdir).is_none() {
            return false;
        }
        let Some(entry) = self.entry(&path) else { return false };
        let pictures = ["--image", "--images", "--img", "--imgs", "--image-path", "--image_path", "--input-image"];
        let option = entry.module.arguments.iter().flat_map(|argument| &argument.names);
        let Some(option) = option.into_iter().find(|name| pictures.contains(&name.as_str())).cloned() else {
            return false;
        };
        let old: Vec<Word> = program
            .arguments
            .splice(
                at..at + 2,
                [Word::new(&option), Word { raw: "<image>".into(), text: "<image>".into(), optional: false }],
            )
            .collect();
        let old: Vec<&str> = old.iter().map(|word| word.text.as_str()).collect();
        program.changes.push(format!("`{}` replaced by `{option}`: there is no camera", old.join(" ")));
        true
    }

    /// Lets a file answer what a program asks on a terminal.
    pub(crate) fn answer(&self, draft: &mut Draft) {
        let entry = draft.program.entry.as_ref().and_then(|path| Some((path, self.entries.get(path)?)));
        let Some((path, entry)) = entry else { return };
        let source = self.tree.text(path).unwrap_or_default();
        if !draft.interactive {
            let is_fed = draft.filled.at_hand > 0
                || !draft.filled.samples.is_empty()
                || draft.redirects.iter().any(|redirect| redirect.starts_with('<'));
            let computes = matches!(draft.action, Action::Infer | Action::Unknown);
            if computes && !is_fed && prompts::reads_text(&entry.module, source) {
                let name = "text.txt";
                draft.redirects.push(format!("< {}", super::samples::in_image(name)));
                draft.filled.changes.push(format!("reads `{name}`, a sample of ours, where it would wait for input"));
                draft.filled.samples.push(name);
            }
            return;
        }
        let Some(answers) = prompts::answers(&entry.module, source, &self.samples) else { return };
        let lines: Vec<String> = answers.lines.iter().map(|line| quote(line)).collect();
        draft.filled.setup.push(format!("printf '%s\\n' {} > stdin.txt", lines.join(" ")));
        draft.filled.changes.push(format!("what it asks is answered from a file: {}", lines.join(" ")));
        draft.filled.samples.extend(answers.samples);
        draft.redirects.push("< stdin.txt".to_owned());
    }

    /// Fills arguments, finds out what the program does, and shortens trainings.
    pub(crate) fn draft(
        &mut self,
        mut program: Program,
        origin: Origin,
        headings: &[String],
        lead: &str,
        comment: &str,
        evidence: Evidence,
    ) -> Draft {
        let source = program
            .entry
            .as_deref()
            .and_then(|path| self.tree.text(path))
            .filter(|_| program.kind != Kind::Notebook)
            .unwrap_or_default();
        if let Some(path) = program.entry.clone() {
            self.entry(&path);
        }
        let entry = program.entry.as_ref().and_then(|path| self.entries.get(path));
        let module = entry.map(|entry| entry.module.as_ref());
        if let Some(module) = module.filter(|_| !matches!(origin, Origin::Derived { .. })) {
            for word in arguments::left_out(module, source, &program.arguments) {
                if word.text.starts_with('-') {
                    program.changes.push(format!("`{}` added, which the program demands", word.text));
                }
                program.arguments.push(word);
            }
        }
        let around = Surroundings {
            tree: self.tree,
            samples: &self.samples,
            module,
            source,
            workdir: &program.workdir,
            name: &program.name,
        };
        let mut filled = arguments::fill(&program, &around);
        if matches!(origin, Origin::Derived { .. })
            && let Some(name) = arguments::unset_model(source)
        {
            filled.lacks.push(Lack::Model(name.to_owned()));
        }
        let text = headings.iter().map(String::as_str).chain([lead, comment]).collect::<Vec<_>>().join("\n");
        let text = text.to_lowercase();
        if ["pretrained", "pre-trained", "预训练"].iter().any(|word| text.contains(word)) {
            for lack in &mut filled.lacks {
                if let Lack::Model(what) = lack {
                    *lack = Lack::Weights(std::mem::take(what));
                }
            }
        }
        let clues =
            Clues { name: &program.name, arguments: &filled.arguments, comment, lead, headings, module, source };
        let (action, surely, told_by) = classify::action(&clues);
        let told_plainly = action == Action::Infer
            && filled.arguments.first().is_some_and(|word| classify::infers_plainly(&word.text));
        if action == Action::Train && program.kind != Kind::WebUi && program.kind != Kind::Notebook {
            let mut changes = short::shorten(&mut filled.arguments, module);
            filled.changes.append(&mut changes);
            program.kind = Kind::Train;
        }
        if action == Action::Infer {
            filled.changes.append(&mut short::shorten_timesteps(&mut filled.arguments, module));
            filled.changes.append(&mut short::one_sample(&mut filled.arguments, module));
            filled.changes.append(&mut short::quieten(&mut filled.arguments, module, source));
        }
        if action == Action::Serve && matches!(program.kind, Kind::Script | Kind::Module | Kind::ConsoleScript) {
            program.kind = Kind::WebUi;
        }
        let loops = filled.arguments.iter().any(|word| matches!(word.text.as_str(), "--loop" | "--interactive"));
        let interactive = loops
            || module.is_some_and(|module| module.reads_stdin) && source.contains("input(") && filled.at_hand == 0;
        let runs = entry.is_none_or(|entry| entry.runs) || program.kind == Kind::ConsoleScript;
        let records = ["InputStream(", "sd.rec(", "sounddevice.rec(", "input=True, frames"];
        let needs_device = records.iter().any(|call| source.contains(call)) && filled.at_hand == 0
            || program.entry.as_deref().is_some_and(|path| self.opens_windows(path));
        let on_cpu = cpu::without_gpu(&filled.arguments, module);
        Draft {
            program,
            filled,
            on_cpu,
            env: BTreeMap::new(),
            redirects: vec![],
            action,
            told_by,
            told_weakly: surely < 1.7,
            told_plainly,
            origin,
            headings: headings.to_vec(),
            snippet: None,
            own: true,
            acts: true,
            interactive,
            runs,
            after_training: 0.0,
            needs_device,
            evidence,
        }
    }

    /// Does the program import a toolkit for windows, itself or by way of modules of the repository?
    fn opens_windows(&self, entry: &str) -> bool {
        let toolkits = self.windows.get_or_init(|| {
            let names = ["PyQt", "PySide", "tkinter", "Tkinter", "wx", "kivy", "dearpygui"];
            let begins = |line: &str| {
                let rest = line.strip_prefix("import ").or_else(|| line.strip_prefix("from "));
                rest.is_some_and(|rest| names.iter().any(|name| rest.starts_with(name)))
            };
            let files = self.tree.texts().filter(|(path, text)| {
                path.ends_with(".py") && names.iter().any(|name| text.contains(name)) && text.lines().any(begins)
            });
            files.map(|(path, _)| path.to_owned()).collect()
        });
        if toolkits.is_empty() {
            return false;
        }
        let mut files = vec![entry.to_owned()];
        let mut at = 0;
        while let Some(path) = files.get(at).cloned() {
            at += 1;
            if toolkits.contains(&path) {
                return true;
            }
            let Some(module) = self.sources.module(&path).filter(|_| at < 20) else { continue };
            for import in module.imports.iter().filter(|import| import.context == python::Context::Plain) {
                let found = self.imported(&path, import);
                files.extend(found.into_iter().filter(|file| !files.contains(file)).collect::<Vec<_>>());
            }
        }
        false
    }

    fn snippet(
        &mut self,
        path: &str,
        lines: &[&str],
        block: &Block,
        origin: Origin,
        found: snippet::Found,
        downloads: &[Download],
    ) {
        let own =
            found.module.imports.iter().any(|import| {
                import.module.split('.').next().is_some_and(|top| self.own.iter().any(|known| known == top))
            });
        // A line that sets up another library belongs to some program of the reader's.
        if !own && found.names.statements == 1 && found.names.calls == 1 && found.at_hand == 0 {
            return;
        }
        let says = |word: &str| found.text.contains(word);
        let trains = says("Trainer(")
            || found.module.calls.iter().any(is_training) && !says(".predict(")
            || (says(".backward(") || says(".fit(")) && (says(" optim") || says("epochs=")) && !says(".predict(");
        let heading = block.headings.iter().rev().find_map(|heading| classify::by_heading(heading));
        let action = match heading {
            _ if classify::serves(&found.module, &found.text) => Action::Serve,
            _ if trains => Action::Train,
            Some(action @ (Action::Evaluate | Action::Prepare | Action::Download | Action::Train)) => action,
            _ => Action::Infer,
        };
        let number = found.snippet.line();
        let line = lines.get(number.saturating_sub(1)).copied().unwrap_or_default();
        let evidence = Evidence::new(path, number, line);
        let program = Program {
            kind: if action == Action::Serve { Kind::WebUi } else { Kind::ReadmeSnippet },
            start: vec!["python".to_owned(), super::samples::in_image("snippet.py")],
            entry: None,
            name: format!("{path}:{number}"),
            arguments: vec![],
            workdir: String::new(),
            changes: vec![format!("{}, cut out as a script", found.snippet.place())],
        };
        let mut filled = Filled {
            arguments: vec![],
            setup: found.setup,
            replaced: found.changes.len(),
            changes: found.changes,
            at_hand: found.at_hand,
            lacks: found.lacks,
            samples: found.samples,
        };
        downloads::bring(&mut filled, "", downloads, true);
        self.drafts.push(Draft {
            program,
            filled,
            on_cpu: None,
            env: BTreeMap::new(),
            redirects: vec![],
            action,
            told_by: "a program in the document".to_owned(),
            told_weakly: false,
            told_plainly: false,
            origin,
            headings: block.headings.clone(),
            snippet: Some(found.snippet),
            own,
            acts: found.names.calls > 1 && found.names.acts,
            interactive: found.module.reads_stdin,
            runs: true,
            after_training: 0.0,
            needs_device: false,
            evidence,
        });
    }

    /// Does the README link to weights?
    pub(crate) fn offers_weights(&self) -> bool {
        let text = self.readme().and_then(|path| self.tree.text(path)).unwrap_or_default();
        let gives = |line: &str| {
            let line = line.to_lowercase();
            let says = ["pretrained", "pre-trained", "weights", "checkpoint", "预训练"];
            is_shared(&line) && says.iter().any(|word| line.contains(word))
        };
        !downloads::linked(text).is_empty() || text.lines().any(gives)
    }

    fn readme(&self) -> Option<&'t str> {
        documents::paths(self.tree).into_iter().next().filter(|path| !path.contains('/'))
    }
}

/// Where the arguments ask for the first camera.
fn camera_at(words: &[Word]) -> Option<usize> {
    words.windows(2).position(|pair| {
        matches!(
            pair.first().map(|word| word.text.as_str()),
            Some("--source" | "--video" | "--camera" | "--cam" | "--input")
        ) && pair.last().is_some_and(|word| word.text == "0")
    })
}

/// Does this call train a model, by its name? `train()` without a word only sets a mode.
fn is_training(call: &python::Call) -> bool {
    let given = call.arguments.first().or_else(|| call.keywords.first().map(|(_, value)| value));
    let mode = given.is_none_or(|value| matches!(value, python::Value::Bool(_)));
    call.method().starts_with("train_") || call.method() == "train" && !mode
}

/// Is this a folder for weights, by its name?
fn is_for_weights(folder: &str) -> bool {
    let name = folder.rsplit('/').next().unwrap_or(folder).trim_end_matches('s');
    matches!(name, "weight" | "model" | "checkpoint" | "ckpt" | "pretrained")
}

/// Is this program called after weights, or examples, that it fetches? Whole datasets are another matter.
fn fetches_weights(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let words = words::tokens(name);
    let says = |list: &[&str]| words.iter().any(|word| list.contains(&word.trim_end_matches('s')));
    says(&["download", "get", "fetch"])
        && says(&[
            "corpora",
            "corpu",
            "lexicon",
            "vocab",
            "model",
            "weight",
            "network",
            "pretrained",
            "checkpoint",
            "ckpt",
            "example",
            "demo",
            "sample",
        ])
        && !says(&["dataset"])
}

/// Is this page of the documentation one that readers begin with?
fn is_first_page(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    ["index", "readme", "usage", "quick", "getting", "start", "demo", "inference", "tutorial"]
        .iter()
        .any(|word| name.contains(word))
}

/// Variables about the machine of whoever wrote the document.
fn is_of_the_host(name: &str) -> bool {
    ["PATH", "HOME", "KEY", "TOKEN", "SECRET", "LIBRARY", "PROXY", "proxy"].iter().any(|part| name.contains(part))
}

fn evidence(path: &str, simple: &Simple) -> Evidence {
    Evidence::new(path, simple.line, &raw(simple))
}

fn raw(simple: &Simple) -> String {
    let env = simple.env.iter().map(|(name, word)| format!("{name}={}", word.raw));
    let redirects = simple.redirects.iter().map(|(operator, word)| format!("{operator} {}", word.raw));
    env.chain(simple.words.iter().map(|word| word.raw.clone())).chain(redirects).collect::<Vec<_>>().join(" ")
}

/// Puts in the values of variables that are known.
fn expand(word: &mut Word, variables: &BTreeMap<String, String>) {
    if !word.text.contains('$') || word.raw.starts_with('\'') {
        return;
    }
    let mut text = String::new();
    let mut rest = word.text.as_str();
    while let Some(at) = rest.find('$') {
        let (before, tail) = rest.split_at(at);
        text.push_str(before);
        let tail = tail.get(1..).unwrap_or_default();
        let (name, default, after) = if let Some(inner) = tail.strip_prefix('{') {
            let Some((inside, after)) = inner.split_once('}') else { break };
            let (name, default) =
                inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default)));
            (name, default, after)
        } else {
            let end = tail.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(tail.len());
            let (name, after) = tail.split_at(end);
            (name, None, after)
        };
        match variables.get(name).map(String::as_str).or(default) {
            Some(value) if !name.is_empty() => text.push_str(value),
            _ => {
                text.push('$');
                text.push_str(tail.get(..tail.len() - after.len()).unwrap_or_default());
            }
        }
        rest = after;
    }
    text.push_str(rest);
    if text != word.text && !rest.contains('\0') {
        *word = Word::new(&text);
    }
}

/// The words of a variable that stood by itself and without quotes.
fn split(word: &Word, was: &Word) -> Vec<Word> {
    let bare = was.raw.starts_with('$') && !was.raw.contains(['(', '"', '\'']) && word.text != was.text;
    if !bare || !word.text.contains(' ') {
        return vec![word.clone()];
    }
    let line = documents::Line { number: 1, text: format!("x {}", word.text) };
    let words = shell::commands(&[line]).into_iter().next().map(|simple| simple.words).unwrap_or_default();
    words.into_iter().skip(1).collect()
}
