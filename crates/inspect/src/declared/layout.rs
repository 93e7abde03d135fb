//! Where a project keeps its packages in; the importable top-level names out.
//!
//! Follows what the build backends do by default (a `src` folder, or folders beside the manifest), and lists less
//! rather than more: folders of tests, documents and examples are never a project's packages.

use std::collections::BTreeMap;

use super::{has_suffix, join};
use crate::tree::Tree;

/// What a manifest says about the place of its packages.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// Packages by dotted name.
    pub(crate) packages: Vec<String>,
    /// Modules (single files) by name.
    pub(crate) modules: Vec<String>,
    /// Folders to search, relative to the project's folder.
    pub(crate) search: Vec<String>,
    /// Dotted package (empty for the root package) -> folder, relative to the project's folder.
    pub(crate) folders: BTreeMap<String, String>,
    /// Folders that are packages themselves, relative to the project's folder (`src/flux`).
    pub(crate) package_folders: Vec<String>,
}

/// Folders beside a manifest that are not its packages.
const NO_PACKAGES: &[&str] = &[
    "asset",
    "assets",
    "benchmark",
    "benchmarks",
    "bin",
    "build",
    "ci",
    "config",
    "configs",
    "data",
    "dist",
    "doc",
    "docker",
    "docs",
    "example",
    "examples",
    "experiments",
    "figures",
    "images",
    "imgs",
    "node_modules",
    "notebook",
    "notebooks",
    "output",
    "outputs",
    "release",
    "requirements",
    "sample",
    "samples",
    "script",
    "scripts",
    "test",
    "testing",
    "tests",
    "third_party",
    "thirdparty",
    "tutorial",
    "tutorials",
    "venv",
];

/// Importable top-level names of the project in `folder`, each with the folder or file that holds it.
pub(crate) fn packages(tree: &Tree, folder: &str, layout: &Layout) -> BTreeMap<String, String> {
    let mut packages = BTreeMap::new();
    let base = layout.folders.get("").cloned().unwrap_or_default();
    for module in &layout.modules {
        for root in [base.as_str(), "src", ""] {
            let path = join(folder, &beside(root, &format!("{}.py", module.replace('.', "/"))));
            if let Some(path) = path.filter(|path| tree.contains(path)) {
                packages.insert(module.split('.').next().unwrap_or(module).to_owned(), path);
                break;
            }
        }
    }
    for package in &layout.packages {
        let top = package.split('.').next().unwrap_or(package).to_owned();
        let mapped = layout.folders.get(&top).cloned().unwrap_or_else(|| beside(&base, &top));
        if let Some(path) = join(folder, &mapped).filter(|path| path.is_empty() || tree.contains_folder(path)) {
            packages.insert(top, path);
        }
    }
    for package_folder in &layout.package_folders {
        if let Some(path) =
            join(folder, package_folder).filter(|path| tree.contains_folder(path) || tree.contains(path))
        {
            let name = path.rsplit('/').next().unwrap_or(&path).trim_end_matches(".py").to_owned();
            packages.insert(name, path);
        }
    }
    let declared = !(layout.packages.is_empty() && layout.package_folders.is_empty() && layout.modules.is_empty());
    if declared && layout.search.is_empty() && !packages.is_empty() {
        return packages;
    }
    let mut roots = layout.search.clone();
    if let Some(base) = layout.folders.get("").filter(|base| !base.is_empty() && *base != ".") {
        roots.push(base.clone());
    }
    if roots.is_empty() && join(folder, "src").is_some_and(|src| has_package_below(tree, &src)) {
        roots.push("src".to_owned());
    }
    if roots.is_empty() {
        roots.push(String::new());
    }
    for root in roots {
        if let Some(root) = join(folder, root.trim_end_matches('*')) {
            search(tree, &root, &mut packages);
        }
    }
    packages
}

fn beside(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Does `src` hold packages rather than being one?
fn has_package_below(tree: &Tree, src: &str) -> bool {
    if tree.contains(&format!("{src}/__init__.py")) {
        return false;
    }
    let mut found = BTreeMap::new();
    search(tree, src, &mut found);
    !found.is_empty()
}

/// Adds the folders directly below `root` that hold Python files, themselves or one level down.
fn search(tree: &Tree, root: &str, packages: &mut BTreeMap<String, String>) {
    let prefix = if root.is_empty() { String::new() } else { format!("{root}/") };
    for (path, _) in tree.iter().filter(|(path, _)| has_suffix(path, &[".py"])) {
        let Some(rest) = path.strip_prefix(&prefix) else { continue };
        let mut parts = rest.split('/');
        let (Some(top), depth) = (parts.next(), rest.matches('/').count()) else { continue };
        if depth == 0 || depth > 2 || packages.contains_key(top) {
            continue;
        }
        let identifier = top.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && top.chars().all(|c| c.is_alphanumeric() || c == '_');
        if identifier && !NO_PACKAGES.contains(&top.to_ascii_lowercase().as_str()) {
            packages.insert(top.to_owned(), format!("{prefix}{top}"));
        }
    }
}
