//! A program's first file in, everything out that running it imports from outside the repository.
//!
//! Import statements are followed through the repository's own files the way Python looks them up: the script's folder,
//! the working folder, installed packages of the repository, literal additions to `sys.path`. Nothing is executed, so
//! whether an import inside a function is reached is a judgement: it is when somebody uses the function's name.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::rc::Rc;

use super::sources::{Found, Sources, has_ending, is_test, join, normalise, split};
use super::{Context, Import, Module, SearchPath, hash, notebook_code, parse};
use crate::facts::{Evidence, Imports};
use crate::tree::Tree;

/// Most files that are followed for one program.
const FILE_LIMIT: usize = 400;
/// Most bytes of source that are followed for one program.
const BYTE_LIMIT: usize = 6_000_000;
/// Packages that many distributions share, so that the name below them decides which one is meant.
const SHARED: [&str; 8] =
    ["google", "google.cloud", "mpl_toolkits", "ruamel", "backports", "azure", "nvidia", "jaraco"];

/// Names that repositories give their own folders: where one leads nowhere, a submodule or a sibling checkout is
/// missing, and no distribution of that name is meant.
const OWN_NAMES: [&str; 18] = [
    "common", "config", "configs", "core", "data", "helpers", "layers", "lib", "libs", "models", "modules", "networks",
    "options", "scripts", "src", "tools", "util", "utils",
];

/// Where a program starts.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    /// A file of the repository: a script, a module or a notebook.
    File(&'a str),
    /// Code in a document: its text, the document's path, and the line of the document where it begins.
    Text { text: &'a str, path: &'a str, first: usize },
}

/// Follows the imports of a file. `roots` are folders that are searched after the file's own (the working folder first,
/// then the folders that hold installed packages); the repository's root and its package folders are always searched.
pub fn follow(tree: &Tree, entry: &str, roots: &[String]) -> Imports {
    follow_in(&Sources::new(tree), Start::File(entry), roots)
}

/// Follows the imports of a program that stands in a document.
pub fn follow_text(tree: &Tree, text: &str, path: &str, first: usize, roots: &[String]) -> Imports {
    follow_in(&Sources::new(tree), Start::Text { text, path, first }, roots)
}

/// As [`follow`], sharing what was parsed between several programs of one tree.
pub fn follow_in(sources: &Sources<'_>, start: Start<'_>, roots: &[String]) -> Imports {
    program(sources, start, roots, "").imports()
}

/// The files behind a program, with what is needed to judge whether code in them is reached. `command` is the line that
/// starts it: configuration files that it names may name classes.
pub(crate) fn program<'s, 't>(
    sources: &'s Sources<'t>,
    start: Start<'_>,
    roots: &[String],
    command: &str,
) -> Program<'s, 't> {
    let mut run = Program::new(sources, start, roots);
    match start {
        Start::File(path) => {
            run.enter_packages_of_entry(path);
            run.push(path);
        }
        Start::Text { text, path, first } => {
            let module = Rc::new(parse(text));
            run.files.push(Followed { path: path.to_owned(), module, first, is_document: true, needed: true });
            run.note(0);
        }
    }
    // First everything that is needed, to the end: a file reached both ways is needed.
    run.pass(true);
    if run.follow_configurations(command) {
        run.pass(true);
    }
    run.needed = false;
    run.pass(false);
    run
}

/// A file that is part of the program.
pub(crate) struct Followed {
    pub(crate) path: String,
    pub(crate) module: Rc<Module>,
    /// Line of the document at which the code begins; 1 for a file.
    first: usize,
    /// Code out of a document or notebook: its lines are not the file's.
    is_document: bool,
    /// Reached without passing an import that the program can do without.
    pub(crate) needed: bool,
}

/// A program's files.
pub(crate) struct Program<'s, 't> {
    pub(crate) sources: &'s Sources<'t>,
    /// Folders searched for modules, in the order of `sys.path`.
    pub(crate) roots: Vec<String>,
    working: String,
    /// The first is where the program starts.
    pub(crate) files: Vec<Followed>,
    seen: BTreeSet<String>,
    bytes: usize,
    entry_is_test: bool,
    /// Are the imports looked at now ones that the program needs?
    needed: bool,
    entry_text: Option<String>,
    /// Hashes of the identifiers that the files use.
    used: HashSet<u64>,
    /// Answers of [`Sources::resolve`] for the present roots.
    resolved: RefCell<BTreeMap<String, Found>>,
}

impl<'s, 't> Program<'s, 't> {
    fn new(sources: &'s Sources<'t>, start: Start<'_>, roots: &[String]) -> Self {
        let mut all = Vec::new();
        let mut add = |folder: &str| {
            if !all.iter().any(|known| known == folder) {
                all.push(folder.to_owned());
            }
        };
        let path = match start {
            Start::File(path) => {
                add(split(path).0);
                path
            }
            Start::Text { path, .. } => path,
        };
        for root in roots.iter().chain(sources.package_roots()) {
            add(root);
        }
        Self {
            sources,
            working: roots.first().cloned().unwrap_or_default(),
            roots: all,
            files: Vec::new(),
            seen: BTreeSet::new(),
            bytes: 0,
            entry_is_test: is_test(path),
            needed: true,
            entry_text: match start {
                Start::Text { text, .. } => Some(text.to_owned()),
                Start::File(path) if has_ending(path, "ipynb") => sources.tree.text(path).map(notebook_code),
                Start::File(_) => None,
            },
            used: HashSet::new(),
            resolved: RefCell::default(),
        }
    }

    /// `python -m pkg.module` runs the `__init__.py` of every package above; so does a console script.
    fn enter_packages_of_entry(&mut self, path: &str) {
        let (folder, name) = split(path);
        let Some(module) = self.sources.module(path) else { return };
        if name != "__main__.py" && !module.imports.iter().any(|import| import.level > 0) {
            return;
        }
        let mut inits = Vec::new();
        let mut at = folder;
        while !at.is_empty() && self.sources.tree.contains(&format!("{at}/__init__.py")) {
            inits.push(format!("{at}/__init__.py"));
            at = split(at).0;
        }
        // The package's parent folder is where its absolute imports start.
        if !inits.is_empty() && !self.roots.iter().any(|root| root == at) {
            self.roots.push(at.to_owned());
        }
        // The entry itself stays first in the list, being what a report shows.
        self.push(path);
        for init in inits.iter().rev() {
            self.push(init);
        }
    }

    /// Adds a file unless it was followed before or the limits are reached.
    fn push(&mut self, path: &str) {
        if self.seen.contains(path) || self.files.len() >= FILE_LIMIT {
            return;
        }
        if is_test(path) && !self.entry_is_test && !self.files.is_empty() {
            return;
        }
        let size = self.sources.tree.text(path).map_or(0, str::len);
        if self.bytes + size > BYTE_LIMIT {
            return;
        }
        let Some(module) = self.sources.module(path) else { return };
        self.seen.insert(path.to_owned());
        self.bytes += size;
        let is_document = has_ending(path, "ipynb");
        self.files.push(Followed { path: path.to_owned(), module, first: 1, is_document, needed: self.needed });
        self.note(self.files.len() - 1);
    }

    /// Notes the names that a file uses and the folders that it puts on `sys.path`.
    fn note(&mut self, index: usize) {
        let Some(file) = self.files.get(index) else { return };
        let folder = split(&file.path).0.to_owned();
        let module = Rc::clone(&file.module);
        // `from .cli import main` in an `__init__.py` only passes the name on.
        self.used.extend(module.identifiers(!file.path.ends_with("__init__.py")));
        for addition in &module.search_paths {
            let path = match addition {
                SearchPath::File(path) => normalise(&format!("{folder}/{path}")),
                SearchPath::Working(path) if path.starts_with('/') => None,
                SearchPath::Working(path) => normalise(&format!("{}/{path}", self.working)),
            };
            if let Some(path) = path
                && !self.roots.contains(&path)
                && (path.is_empty() || self.sources.tree.contains_folder(&path))
            {
                self.roots.push(path);
                self.resolved.borrow_mut().clear();
            }
        }
    }

    /// Is the function or class that holds a statement used by the program?
    fn reached(&self, index: usize, scope: &str) -> bool {
        let mut parts = scope.split('.');
        let outer = parts.next().unwrap_or_default();
        // What is called by its position or by the interpreter is not mentioned anywhere.
        if index == 0 && matches!(outer, "main" | "cli" | "run" | "app") {
            return true;
        }
        // A decorator registers it as a command of the program: `@main.command()`.
        let registered = |file: &Followed| {
            file.module.calls.iter().any(|call| call.decorates.as_deref() == Some(outer) && call.method() == "command")
        };
        if index == 0 && self.files.first().is_some_and(registered) {
            return true;
        }
        if !self.mentioned(outer) {
            return false;
        }
        parts.next().is_none_or(|inner| {
            matches!(inner, "forward" | "call" | "setup" | "main") || inner.starts_with("__") || self.mentioned(inner)
        })
    }

    fn mentioned(&self, name: &str) -> bool {
        self.used.contains(&hash(name))
    }

    fn resolve(&self, module: &str) -> Found {
        if let Some(found) = self.resolved.borrow().get(module) {
            return found.clone();
        }
        let found = self.sources.resolve(module, &self.roots);
        self.resolved.borrow_mut().insert(module.to_owned(), found.clone());
        found
    }

    /// How a statement counts for the program that is followed.
    pub(crate) fn weight(&self, index: usize, context: Context, scope: Option<&str>) -> Weight {
        match context {
            Context::TypeChecking => Weight::Never,
            Context::Main if index != 0 => Weight::Never,
            Context::Plain | Context::Main => Weight::Required,
            Context::Guarded | Context::Conditional => Weight::Optional,
            Context::Function => match scope {
                Some(scope) if !self.reached(index, scope) => Weight::Optional,
                _ => Weight::Required,
            },
        }
    }

    /// Follows imports until no new file turns up. Names that become used by a new file open functions of older ones, so
    /// the whole list is gone through again while it grows.
    fn pass(&mut self, needed: bool) {
        let mut done: BTreeSet<(usize, usize)> = BTreeSet::new();
        loop {
            let before = (self.files.len(), self.roots.len(), done.len());
            let mut queue: VecDeque<usize> = (0..self.files.len()).collect();
            while let Some(index) = queue.pop_front() {
                let known = self.files.len();
                self.follow_file(index, needed, &mut done);
                queue.extend(known..self.files.len());
            }
            if before == (self.files.len(), self.roots.len(), done.len()) || self.files.len() >= FILE_LIMIT {
                return;
            }
        }
    }

    /// Follows classes that configuration files name (`target: pkg.module.Class`), as far as the command or the
    /// program's own file names the configuration. True where that added a file.
    fn follow_configurations(&mut self, command: &str) -> bool {
        let builds = ["instantiate_from_config", "get_obj_from_str", "instantiate", "locate", "import_module"];
        if !builds.iter().any(|name| self.mentioned(name)) {
            return false;
        }
        let own = self.files.first().map(|file| Rc::clone(&file.module));
        let texts = own.iter().flat_map(|module| module.texts.iter().map(|text| text.value.as_str()));
        let words =
            command.split_whitespace().map(|word| word.rsplit('=').next().unwrap_or(word).trim_matches(['"', '\'']));
        let is_configuration = |path: &&str| has_ending(path, "yaml") || has_ending(path, "yml");
        let mut modules = BTreeSet::new();
        for path in words.chain(texts).filter(is_configuration).take(20) {
            let places = [normalise(&format!("{}/{path}", self.working)), normalise(path)];
            let Some(text) = places.iter().flatten().find_map(|place| self.sources.tree.text(place)) else { continue };
            for line in text.lines() {
                let line = line.trim_start().trim_start_matches("- ");
                let Some(value) = line.strip_prefix("target:").or_else(|| line.strip_prefix("_target_:")) else {
                    continue;
                };
                if let Some((module, _)) = value.trim().trim_matches(['"', '\'']).rsplit_once('.') {
                    modules.insert(module.to_owned());
                }
            }
        }
        let before = self.files.len();
        for module in modules {
            if let Found::Inside(files) = self.resolve(&module) {
                for file in files {
                    self.push(&file);
                }
            }
        }
        self.files.len() > before
    }

    fn follow_file(&mut self, index: usize, needed: bool, done: &mut BTreeSet<(usize, usize)>) {
        let Some(file) = self.files.get(index) else { return };
        let (module, path) = (Rc::clone(&file.module), file.path.clone());
        if needed && !file.needed {
            return;
        }
        for (number, import) in module.imports.iter().enumerate() {
            if done.contains(&(index, number)) {
                continue;
            }
            let mut weight = self.weight(index, import.context, import.scope.as_deref());
            // The program's own file chooses between modules of the repository: one of them will be needed.
            if index == 0 && import.branch && weight == Weight::Optional {
                weight = Weight::Required;
            }
            if weight == Weight::Never || (needed && weight != Weight::Required) {
                continue;
            }
            if let Some(targets) = self.targets(&path, import) {
                done.insert((index, number));
                for target in targets {
                    self.push(&target);
                }
            }
        }
    }

    /// Files of the repository that an import executes; `None` where it leads outside.
    pub(crate) fn targets(&self, path: &str, import: &Import) -> Option<Vec<String>> {
        if import.level > 0 {
            return Some(self.relative(path, import));
        }
        match self.resolve(&import.module) {
            Found::Inside(mut files) => {
                // Names of a package may be its modules.
                let folder = files.last().and_then(|file| file.strip_suffix("/__init__.py")).map(str::to_owned);
                if let Some(folder) = folder {
                    self.modules_in(&folder, import, &mut files);
                }
                Some(files)
            }
            Found::Folders(folders) => {
                let mut files = Vec::new();
                for folder in folders {
                    self.modules_in(&folder, import, &mut files);
                }
                (!files.is_empty()).then_some(files)
            }
            Found::Outside => None,
        }
    }

    /// Adds the files of the modules that an import names in a folder.
    fn modules_in(&self, folder: &str, import: &Import, files: &mut Vec<String>) {
        files.extend(
            import.names.iter().filter(|name| *name != "*").filter_map(|name| self.sources.below(folder, name)),
        );
    }

    fn relative(&self, path: &str, import: &Import) -> Vec<String> {
        let mut base = split(path).0.to_owned();
        for _ in 1..import.level.min(20) {
            base.truncate(split(&base).0.len());
        }
        let mut files = Vec::new();
        let mut at = base;
        for part in import.module.split('.').filter(|part| !part.is_empty()) {
            files.extend(self.sources.below(&at, part));
            at = join(&at, part);
        }
        if import.module.is_empty() {
            files.extend(Some(format!("{at}/__init__.py")).filter(|init| self.sources.tree.contains(init)));
        }
        self.modules_in(&at, import, &mut files);
        files
    }

    /// Sorts what leads outside into required and optional.
    pub(crate) fn imports(&self) -> Imports {
        let mut imports = Imports::default();
        for (index, file) in self.files.iter().enumerate() {
            for import in &file.module.imports {
                let weight = self.weight(index, import.context, import.scope.as_deref());
                if weight == Weight::Never || import.level > 0 || import.module.is_empty() {
                    continue;
                }
                if self.targets(&file.path, import).is_some() {
                    continue;
                }
                let evidence = self.evidence(file, import.line);
                for name in outside_names(import) {
                    let own = OWN_NAMES.contains(&name.split('.').next().unwrap_or_default());
                    let list = if weight == Weight::Required && file.needed && !own {
                        &mut imports.required
                    } else {
                        &mut imports.optional
                    };
                    list.entry(name).or_insert_with(|| evidence.clone());
                }
            }
            for program in &file.module.programs {
                let weight = self.weight(index, program.context, program.scope.as_deref());
                if file.needed && weight == Weight::Required {
                    let evidence = self.evidence(file, program.line);
                    imports.programs.entry(program.name.clone()).or_insert(evidence);
                }
            }
        }
        imports.optional.retain(|name, _| !imports.required.contains_key(name));
        imports.followed = self
            .files
            .iter()
            .filter(|file| !file.is_document || has_ending(&file.path, "ipynb"))
            .map(|file| file.path.clone())
            .collect();
        imports
    }

    pub(crate) fn evidence(&self, file: &Followed, line: usize) -> Evidence {
        let text = if file.is_document { self.entry_text.as_deref() } else { self.sources.tree.text(&file.path) };
        let text = text.map_or("", |text| file.module.line(text, line));
        if has_ending(&file.path, "ipynb") {
            // A cell's line has no number of its own in the file; it is looked up as the JSON spells it.
            let spelled = serde_json::to_string(text.trim()).unwrap_or_default();
            let needle = spelled.trim_matches('"');
            let line = self.sources.tree.text(&file.path).and_then(|whole| {
                whole.lines().position(|l| !needle.is_empty() && l.contains(needle)).map(|at| at + 1)
            });
            return Evidence::new(file.path.clone(), line.unwrap_or(0), text);
        }
        Evidence::new(file.path.clone(), line + file.first - 1, text)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Required,
    Optional,
    Never,
}

/// The module names that an import asks of the outside.
fn outside_names(import: &Import) -> Vec<String> {
    if SHARED.contains(&import.module.as_str()) && !import.names.is_empty() {
        return import
            .names
            .iter()
            .filter(|name| *name != "*")
            .map(|name| format!("{}.{name}", import.module))
            .collect();
    }
    vec![import.module.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::tree;

    /// Required, optional and followed, each joined by blanks.
    fn check(fixture: &str, entry: &str, required: &str, optional: &str, followed: &str) {
        let imports = follow(&tree(fixture), entry, &[String::new()]);
        let join = |names: &BTreeMap<String, Evidence>| names.keys().cloned().collect::<Vec<_>>().join(" ");
        let got = (join(&imports.required), join(&imports.optional), imports.followed.join(" "));
        assert_eq!((got.0.as_str(), got.1.as_str(), got.2.as_str()), (required, optional, followed), "in\n{fixture}");
    }

    #[test]
    fn packages_submodules_and_relative_imports_are_followed() {
        check(
            "//- /run.py
             from pkg.deep import thing
             import torch
             //- /pkg/__init__.py
             import numpy
             from .a import *
             //- /pkg/a.py
             import scipy
             //- /pkg/deep/__init__.py
             //- /pkg/deep/thing.py
             from ...nowhere import x
             from ..b import y
             //- /pkg/b.py
             import pandas
             //- /pkg/unused.py
             import sklearn
             ",
            "run.py",
            "numpy pandas scipy torch",
            "",
            "run.py pkg/__init__.py pkg/deep/__init__.py pkg/deep/thing.py pkg/a.py pkg/b.py",
        );
    }

    #[test]
    fn what_a_registered_command_imports_is_needed() {
        check(
            "//- /run.py
             import click
             @click.group()
             def main():
                 pass
             @main.command(help='x')
             def acoustic():
                 import torch
             def other():
                 import numpy
             if __name__ == '__main__':
                 main()
             ",
            "run.py",
            "click torch",
            "numpy",
            "run.py",
        );
    }

    #[test]
    fn a_folder_without_code_of_that_name_hides_no_distribution() {
        check(
            "//- /run.py
             from datasets import load_dataset
             from utils import helper
             //- /datasets/prepare.py
             import a
             //- /utils/helper.py
             import b
             ",
            "run.py",
            "b datasets",
            "",
            "run.py utils/helper.py",
        );
    }

    #[test]
    fn the_scripts_folder_and_additions_to_the_path_are_searched() {
        check(
            "//- /tools/demo.py
             import sys, os
             import helper
             sys.path.append(os.path.join(os.path.dirname(__file__), '..', 'third_party'))
             import vendored
             //- /tools/helper.py
             import a
             //- /third_party/vendored.py
             import b
             ",
            "tools/demo.py",
            "a b os sys",
            "",
            "tools/demo.py tools/helper.py third_party/vendored.py",
        );
    }

    #[test]
    fn what_is_guarded_or_unreached_is_optional() {
        check(
            "//- /run.py
             from lib import used
             try:
                 import apex
             except ImportError:
                 pass
             used()
             //- /lib.py
             from typing import TYPE_CHECKING
             if TYPE_CHECKING:
                 import never
             def used():
                 import a
             def unused():
                 import b
             try:
                 from fast import x
             except ImportError:
                 x = None
             //- /fast.py
             import c
             if __name__ == '__main__':
                 import d
             ",
            "run.py",
            "a typing",
            "apex b c",
            "run.py lib.py fast.py",
        );
    }

    #[test]
    fn modules_that_the_project_compiles_are_its_own() {
        check(
            "//- /run.py
             import ops_cuda
             from pkg import _C
             import pkg.version
             //- /pkg/__init__.py
             //- /setup.py
             setup(ext_modules=[CUDAExtension('ops_cuda', ['a.cu'])])
             ",
            "run.py",
            "",
            "",
            "run.py pkg/__init__.py",
        );
    }

    #[test]
    fn a_module_entry_runs_its_packages_init() {
        check(
            "//- /src/pkg/__main__.py
             from .cli import main
             main()
             //- /src/pkg/__init__.py
             import a
             //- /src/pkg/cli.py
             from pkg.model import M
             def main():
                 import b
             //- /src/pkg/model.py
             import c
             ",
            "src/pkg/__main__.py",
            "a b c",
            "",
            "src/pkg/__main__.py src/pkg/__init__.py src/pkg/cli.py src/pkg/model.py",
        );
    }

    #[test]
    fn a_missing_folder_of_a_common_name_is_no_distribution() {
        check("//- /run.py\nimport torch\nfrom models.blocks import B\n", "run.py", "torch", "models.blocks", "run.py");
    }

    #[test]
    fn classes_that_a_configuration_names_are_followed() {
        check(
            "//- /run.py
             from util import instantiate_from_config
             p.add_argument('--config', default='configs/a.yaml')
             m = instantiate_from_config(c)
             //- /util.py
             def instantiate_from_config(c): pass
             //- /configs/a.yaml
             model:
               target: pkg.model.Net
             //- /configs/b.yaml
             target: pkg.other.Net
             //- /pkg/model.py
             import torch
             //- /pkg/other.py
             import jax
             ",
            "run.py",
            "torch",
            "",
            "run.py util.py pkg/model.py",
        );
    }

    #[test]
    fn tests_are_not_followed() {
        check(
            "//- /run.py
             from tests.helper import x
             //- /tests/__init__.py
             //- /tests/helper.py
             import pytest
             ",
            "run.py",
            "",
            "",
            "run.py",
        );
    }

    #[test]
    fn shared_packages_are_named_in_full() {
        check(
            "//- /run.py\nfrom google import genai\nfrom google.protobuf import text_format\n",
            "run.py",
            "google.genai google.protobuf",
            "",
            "run.py",
        );
    }

    #[test]
    fn a_snippet_is_followed_with_the_lines_of_its_document() {
        let tree = tree("//- /README.md\n# x\n//- /pkg/__init__.py\nimport a\n");
        let imports = follow_text(&tree, "import os\nimport pkg\nimport b\n", "README.md", 10, &[]);
        assert_eq!(imports.required.get("b"), Some(&Evidence::new("README.md", 12, "import b")));
        assert_eq!(imports.followed, ["pkg/__init__.py"]);
    }

    #[test]
    fn a_notebook_is_followed_through_its_cells() {
        let tree = tree(
            "//- /demo.ipynb\n{\"cells\": [{\"cell_type\": \"code\", \"source\": [\"%cd x\\n\", \"import pkg\\n\"]}]}\n\
             //- /pkg.py\nimport a\n",
        );
        let imports = follow(&tree, "demo.ipynb", &[]);
        assert_eq!(imports.followed, ["demo.ipynb", "pkg.py"]);
        assert!(imports.required.contains_key("a"));
    }

    #[test]
    fn programs_of_reached_functions_are_listed() {
        let tree = tree(
            "//- /run.py\nimport lib\nlib.load()\n//- /lib.py\nimport subprocess\ndef load():\n    \
             subprocess.run(['ffmpeg'])\ndef other():\n    subprocess.run(['sox'])\n",
        );
        let imports = follow(&tree, "run.py", &[]);
        assert_eq!(imports.programs.keys().collect::<Vec<_>>(), ["ffmpeg"]);
    }
}
