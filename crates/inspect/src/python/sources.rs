//! A tree's Python files as [`Module`]s, each parsed at most once, and the question which file an import means.
//!
//! Nothing is parsed before somebody asks for it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::{Module, Value, parse};
use crate::tree::Tree;

/// The Python side of one tree, with what was parsed so far.
#[derive(Debug)]
pub struct Sources<'t> {
    pub(crate) tree: &'t Tree,
    modules: RefCell<BTreeMap<String, Rc<Module>>>,
    /// Folders below which the repository keeps importable packages.
    package_roots: Vec<String>,
    /// Names of extension modules that the repository's own setup files build, and of those the ones for CUDA.
    extensions: RefCell<Option<Rc<Extensions>>>,
}

/// Names of extension modules.
#[derive(Debug, Default)]
struct Extensions {
    all: BTreeSet<String>,
    cuda: BTreeSet<String>,
}

/// What an import means inside the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// These files are executed, packages' `__init__.py` first; empty for what has no Python source (`_C.so`).
    Inside(Vec<String>),
    /// Only folders of that name, without code of their own: `from folder import module` may mean a file in one.
    Folders(Vec<String>),
    Outside,
}

impl<'t> Sources<'t> {
    /// Looks for the folders with a build file, whose packages are importable once installed. Tests and examples hold
    /// none that count.
    pub fn new(tree: &'t Tree) -> Self {
        let mut package_roots = vec![String::new()];
        if tree.contains_folder("src") {
            package_roots.push("src".to_owned());
        }
        for (path, _) in tree.iter() {
            let (folder, name) = split(path);
            if matches!(name, "setup.py" | "pyproject.toml" | "setup.cfg") && !folder.is_empty() && !is_test(path) {
                let folder = folder.to_owned();
                let nested = format!("{folder}/src");
                if !package_roots.contains(&folder) {
                    package_roots.push(folder);
                }
                if tree.contains_folder(&nested) && !package_roots.contains(&nested) {
                    package_roots.push(nested);
                }
            }
        }
        Self { tree, modules: RefCell::default(), package_roots, extensions: RefCell::default() }
    }

    pub(crate) fn package_roots(&self) -> &[String] {
        &self.package_roots
    }

    /// The file at this path, parsed; a notebook's code cells count as one file. `None` where it has no text.
    pub fn module(&self, path: &str) -> Option<Rc<Module>> {
        if let Some(module) = self.modules.borrow().get(path) {
            return Some(Rc::clone(module));
        }
        let text = self.tree.text(path)?;
        let module = Rc::new(if has_ending(path, "ipynb") { parse(&notebook_code(text)) } else { parse(text) });
        self.modules.borrow_mut().insert(path.to_owned(), Rc::clone(&module));
        Some(module)
    }

    /// Which files does `import module` execute, seen from these folders (in the order of `sys.path`)?
    pub(crate) fn resolve(&self, module: &str, roots: &[String]) -> Found {
        let parts: Vec<&str> = module.split('.').collect();
        let mut namespace = None;
        for root in roots {
            match self.resolve_below(root, &parts) {
                // As in Python, a folder without `__init__.py` yields to any module or package of that name.
                Below::Namespace(files) => namespace = namespace.or(Some(files)),
                Below::Found(files) => return Found::Inside(files),
                Below::Absent => {}
            }
        }
        if let Some(files) = namespace {
            return Found::Inside(files);
        }
        let top = parts.first().copied().unwrap_or_default();
        let extensions = self.extensions();
        if extensions.all.contains(module) || extensions.all.contains(top) {
            return Found::Inside(Vec::new());
        }
        let folders: Vec<String> = roots
            .iter()
            .map(|root| parts.iter().fold(root.clone(), |at, part| join(&at, part)))
            .filter(|folder| self.tree.contains_folder(folder))
            .collect();
        if !folders.is_empty() {
            return Found::Folders(folders);
        }
        Found::Outside
    }

    /// As [`Self::resolve`], for the parts of a dotted name below one folder.
    fn resolve_below(&self, root: &str, parts: &[&str]) -> Below {
        let mut files = Vec::new();
        let mut at = root.to_owned();
        let mut regular = false;
        for (index, part) in parts.iter().enumerate() {
            let next = join(&at, part);
            let init = format!("{next}/__init__.py");
            let file = format!("{next}.py");
            let last = index + 1 == parts.len();
            if self.tree.contains(&init) {
                regular = true;
                files.push(init);
            } else if self.tree.contains(&file) {
                files.push(file);
                // `a.b` where `a` is a file: an attribute, or a mistake of ours; the file is all there is.
                return Below::Found(files);
            } else if self.compiled(&next) {
                return Below::Found(files);
            } else if !self.tree.contains_folder(&next) {
                // A submodule that is generated or compiled (`pkg._C`, `pkg.version`) is still the repository's own.
                return if regular { Below::Found(files) } else { Below::Absent };
            } else if last && !regular {
                // `import datasets` beside a folder of that name with no code of its own level: not this.
                return Below::Absent;
            }
            at = next;
        }
        if regular {
            // A namespace folder may stand above the package that was found, as a folder on the way may be one.
            Below::Found(files)
        } else if files.is_empty() {
            Below::Absent
        } else {
            Below::Namespace(files)
        }
    }

    /// Is there a compiled module, or the source of one, under this path?
    fn compiled(&self, stem: &str) -> bool {
        ["pyx", "so", "pyd"].iter().any(|ending| self.tree.contains(&format!("{stem}.{ending}")))
    }

    /// The file of the module `name` in a folder.
    pub(crate) fn below(&self, folder: &str, name: &str) -> Option<String> {
        let next = join(folder, name);
        [format!("{next}.py"), format!("{next}/__init__.py")].into_iter().rev().find(|file| self.tree.contains(file))
    }

    /// Names of extension modules that setup files compile for CUDA.
    pub(crate) fn cuda_extensions(&self) -> BTreeSet<String> {
        self.extensions().cuda.clone()
    }

    /// Names of extension modules that setup files build: `CUDAExtension("ops_cuda", …)`.
    fn extensions(&self) -> Rc<Extensions> {
        if let Some(known) = &*self.extensions.borrow() {
            return Rc::clone(known);
        }
        let mut names = Extensions::default();
        let setups: Vec<&str> = self
            .tree
            .texts()
            .filter(|(path, text)| split(path).1 == "setup.py" && text.contains("Extension") && !is_test(path))
            .map(|(path, _)| path)
            .take(40)
            .collect();
        for path in setups {
            let Some(module) = self.module(path) else { continue };
            // `extension = CUDAExtension` and then `extension("pkg._C", …)` is as common as the call itself.
            let chosen = module.mentions("CUDAExtension");
            for call in &module.calls {
                let method = call.method();
                if (method.ends_with("Extension") || method == "extension" || method.contains("ext_module"))
                    && let Some(name) = call.argument(0, "name").and_then(Value::text)
                {
                    names.all.insert(name.to_owned());
                    if method == "CUDAExtension" || (method != "CppExtension" && chosen) {
                        names.cuda.insert(name.to_owned());
                    }
                }
            }
        }
        let names = Rc::new(names);
        *self.extensions.borrow_mut() = Some(Rc::clone(&names));
        names
    }
}

enum Below {
    Found(Vec<String>),
    /// All of it lies in folders without `__init__.py`.
    Namespace(Vec<String>),
    Absent,
}

/// Folder and name of a path.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Joins folder and name; the empty folder is the root.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Resolves `.` and `..`; `None` where the path leaves the root.
pub(crate) fn normalise(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
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

pub(crate) fn has_ending(path: &str, ending: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, e)| e.eq_ignore_ascii_case(ending))
}

/// Does a path lie among tests?
pub(crate) fn is_test(path: &str) -> bool {
    let (folder, name) = split(path);
    name == "conftest.py"
        || name.starts_with("test_")
        || folder.split('/').any(|part| matches!(part, "test" | "tests" | "testing" | "unit_tests"))
}

/// The code cells of a notebook as one program, cells separated by an empty line.
pub fn notebook_code(text: &str) -> String {
    let cells = notebook_cells(text).into_iter().filter(|cell| cell.is_code);
    cells.map(|cell| cell.source + "\n\n").collect()
}

/// A cell of a notebook.
pub(crate) struct Cell {
    pub(crate) is_code: bool,
    pub(crate) source: String,
}

/// The cells of a notebook in their order; none where the text is no notebook.
/// <https://nbformat.readthedocs.io/en/latest/format_description.html#cell-types>
pub(crate) fn notebook_cells(text: &str) -> Vec<Cell> {
    let Ok(notebook) = serde_json::from_str::<serde_json::Value>(text) else { return Vec::new() };
    let cells = notebook.get("cells").and_then(serde_json::Value::as_array);
    let read = |cell: &serde_json::Value| {
        let source = match cell.get("source") {
            Some(serde_json::Value::String(source)) => source.clone(),
            Some(serde_json::Value::Array(lines)) => lines.iter().filter_map(serde_json::Value::as_str).collect(),
            _ => String::new(),
        };
        Cell { is_code: cell.get("cell_type").and_then(serde_json::Value::as_str) == Some("code"), source }
    };
    cells.into_iter().flatten().map(read).collect()
}
