//! A [`Tree`] in; declared requirements, installable projects and statements about the Python version out.
//!
//! Each reader below knows one kind of file and puts what it finds into a [`Sink`]; nothing is merged or judged here,
//! and no reader follows a path out of the tree.

pub(crate) mod conda;
pub(crate) mod files;
mod layout;
mod locks;
mod pipfile;
mod poetry;
mod pyproject;
pub(crate) mod requirements;
mod setup;
mod setup_cfg;

use std::collections::BTreeSet;
use std::str::FromStr;

use pep440_rs::VersionSpecifiers;

use crate::facts::{Evidence, Finding, Form, Project, PythonClaim, Requirement, Scope, Strength};
use crate::tree::{Content, Tree};
use layout::Layout;
pub(crate) use pyproject::span_of_minors;
use requirements::{Entry, Wanted};

/// What the files of a repository declare: requirements in the order of weight of their files, projects with the root's
/// first, statements about Python, and what could not be read.
pub(crate) fn declared(tree: &Tree) -> (Vec<Requirement>, Vec<Project>, Vec<PythonClaim>, Vec<Finding>) {
    let mut sink = Sink::new(tree);
    let mut projects = Vec::new();
    let choice = files::choose(tree);
    for (path, scope) in &choice.requirements {
        if *scope == Scope::Main {
            sink.requirements_file(path, scope);
        }
    }
    projects.extend(project(&mut sink, "", &Scope::Main));
    for (path, scope) in &choice.environments {
        if let Some(text) = tree.text(path) {
            conda::environment(&mut sink, path, text, scope);
        }
    }
    pipfile::read(&mut sink);
    for (path, scope) in &choice.requirements {
        if *scope != Scope::Main {
            sink.requirements_file(path, scope);
        }
    }
    locks::read(&mut sink);
    for (folder, sole) in files::project_folders(tree, &sink, projects.is_empty()) {
        let declares = sink.requirements.iter().any(|wanted| matches!(wanted.scope, Scope::Main | Scope::Conda));
        let scope = if sole && !declares { Scope::Main } else { Scope::Group(folder.clone()) };
        let before = sink.pythons.len();
        projects.extend(project(&mut sink, &folder, &scope));
        // What one of several projects demands binds the whole only where the whole installs it.
        let installed = sink.requirements.iter().any(|wanted| {
            matches!(wanted.scope, Scope::Main | Scope::Conda) && wanted.spec.split('[').next() == Some(folder.as_str())
        });
        if !sole && !installed {
            for claim in sink.pythons.iter_mut().skip(before) {
                claim.strength = Strength::Weak;
            }
        }
    }
    // With nothing declared at the root, the one requirements file of a plausible subfolder speaks for the whole.
    if !sink.requirements.iter().any(|wanted| matches!(wanted.scope, Scope::Main | Scope::Conda))
        && let Some((path, scope)) = files::sole_nested(tree, &choice)
    {
        for wanted in &mut sink.requirements {
            if wanted.evidence.path == path {
                wanted.scope = scope.clone();
            }
        }
        for claim in &mut sink.pythons {
            if claim.evidence.path == path {
                claim.strength = Strength::Recommended;
            }
        }
    }
    for wanted in &mut sink.requirements {
        if wanted.name.is_empty() && matches!(wanted.form, Form::Path | Form::Editable) {
            let folder = wanted.spec.split('[').next().unwrap_or_default();
            let folder = if folder == "." { "" } else { folder };
            if let Some(name) = projects.iter().find(|project| project.folder == folder).and_then(|p| p.name.clone()) {
                wanted.name = name;
            }
        }
    }
    (sink.requirements, projects, sink.pythons, sink.findings)
}

/// Reads the project in `folder` out of pyproject.toml, setup.cfg and setup.py; `None` where nothing there can be installed.
fn project(sink: &mut Sink<'_>, folder: &str, scope: &Scope) -> Option<Project> {
    let mut project = Project { folder: folder.to_owned(), ..Project::default() };
    let mut layout = Layout::default();
    let before = sink.requirements.len();
    let by_pyproject = pyproject::read(sink, &mut project, &mut layout, scope);
    let by_cfg = setup_cfg::read(sink, &mut project, &mut layout, scope);
    let by_setup = setup::read(sink, &mut project, &mut layout, scope);
    if by_pyproject == pyproject::Outcome::NotInstallable
        || !(by_pyproject == pyproject::Outcome::Project || by_cfg || by_setup)
    {
        return None;
    }
    project.packages = layout::packages(sink.tree, folder, &layout);
    project.extras.sort();
    project.extras.dedup();
    if sink
        .requirements
        .get(before..)
        .is_some_and(|new| new.iter().any(|wanted| wanted.scope == Scope::Build && wanted.name == "cython"))
        && !project.native.is_empty()
    {
        project.native.insert(crate::facts::Native::Cython);
    }
    Some(project)
}

/// Collects what readers find.
pub(crate) struct Sink<'t> {
    tree: &'t Tree,
    requirements: Vec<Requirement>,
    pythons: Vec<PythonClaim>,
    findings: Vec<Finding>,
    /// Requirements files that were read already.
    visited: BTreeSet<String>,
}

impl<'t> Sink<'t> {
    fn new(tree: &'t Tree) -> Self {
        Self { tree, requirements: Vec::new(), pythons: Vec::new(), findings: Vec::new(), visited: BTreeSet::new() }
    }

    fn finding(&mut self, code: &str, message: String, help: Option<String>, evidence: Evidence) {
        self.findings.push(Finding { code: code.to_owned(), message, help, evidence });
    }

    /// Line (from 1) of the first line of `text` that holds `needle`; 0 where none does.
    #[expect(clippy::unused_self, reason = "reads better beside the other ways to place evidence")]
    fn line_of(&self, text: &str, needle: &str) -> usize {
        text.lines().position(|line| line.contains(needle)).map_or(0, |line| line + 1)
    }

    /// Adds a statement about Python, unless it says nothing or cannot be read.
    fn python(&mut self, specifier: &str, strength: Strength, evidence: &Evidence) {
        match requirements::read_specifiers(specifier) {
            Some(specifier) if !specifier.is_empty() => {
                self.pythons.push(PythonClaim { specifier, strength, evidence: evidence.clone() });
            }
            Some(_) => {}
            None if specifier.trim().is_empty() => {}
            None => self.finding(
                "python-unreadable",
                format!("`{}` is no set of Python versions", specifier.trim()),
                None,
                evidence.clone(),
            ),
        }
    }

    /// Adds a PEP 508 requirement of a manifest.
    fn requirement(&mut self, text: &str, folder: &str, scope: &Scope, evidence: &Evidence) {
        for entry in requirements::read_line(text) {
            self.entry(&entry, folder, scope, evidence);
        }
    }

    /// Adds what a line says; `folder` is where its paths start from. Included files are read with the same scope.
    fn entry(&mut self, entry: &Entry, folder: &str, scope: &Scope, evidence: &Evidence) {
        match entry {
            Entry::Requirement(wanted) => self.wanted(wanted, folder, scope, evidence),
            Entry::File { path, constraint } => match join(folder, path) {
                Some(path) if self.tree.contains(&path) => {
                    let scope = if *constraint { Scope::Constraint } else { files::scope_of_included(&path, scope) };
                    self.requirements_file(&path, &scope);
                }
                _ if path.contains("://") => {}
                _ => self.finding(
                    "requirements-missing-file",
                    format!("`{path}` is included but not in the repository"),
                    None,
                    evidence.clone(),
                ),
            },
            Entry::Index(_) | Entry::Option(_) => {}
            Entry::Python(specifier) => {
                let strength =
                    if matches!(scope, Scope::Main | Scope::Conda) { Strength::Recommended } else { Strength::Weak };
                self.python(specifier, strength, evidence);
            }
            Entry::Unreadable { reason, wanted } => {
                self.finding(
                    "requirement-unreadable",
                    format!("`{}` cannot be installed as written: {reason}", evidence.text),
                    wanted.as_ref().map(|wanted| format!("it is taken for `{}`", wanted.spec)),
                    evidence.clone(),
                );
                if let Some(wanted) = wanted {
                    self.wanted(wanted, folder, scope, evidence);
                }
            }
        }
    }

    fn wanted(&mut self, wanted: &Wanted, folder: &str, scope: &Scope, evidence: &Evidence) {
        let mut spec = wanted.spec.clone();
        if matches!(wanted.form, Form::Path | Form::Editable) {
            let (path, extras) = match spec.split_once('[') {
                Some((path, extras)) => (path.to_owned(), format!("[{extras}")),
                None => (spec.clone(), String::new()),
            };
            // pip takes paths from where it is started: the root, unless the file's own folder is what is meant.
            let installs = |path: &String| {
                ["setup.py", "pyproject.toml", "setup.cfg"]
                    .iter()
                    .any(|name| join(path, name).is_some_and(|path| self.tree.contains(&path)))
            };
            let is_there =
                |path: &String| path.is_empty() || self.tree.contains(path) || self.tree.contains_folder(path);
            let places = [join(folder, &path), join("", &path)];
            let inside = places.iter().flatten().find(|path| installs(path));
            let inside = inside.or_else(|| places.iter().flatten().find(|path| is_there(path))).cloned();
            let Some(path) = inside else {
                self.finding(
                    "requirement-missing-path",
                    format!("`{}` is not in the repository", wanted.spec),
                    Some("a submodule that was not fetched, or a folder of the author's machine".to_owned()),
                    evidence.clone(),
                );
                return;
            };
            spec = format!("{}{extras}", if path.is_empty() { "." } else { &path });
        }
        let new = Requirement {
            name: wanted.name.clone(),
            spec,
            form: wanted.form,
            scope: scope.clone(),
            evidence: evidence.clone(),
        };
        // A setup.py that reads requirements.txt says the same line again.
        let locked = *scope == Scope::Lock;
        let known = !locked
            && self.requirements.iter().any(|old| {
                old.evidence.line == new.evidence.line
                    && old.spec == new.spec
                    && old.scope == new.scope
                    && old.evidence.path == new.evidence.path
            });
        if !known {
            self.requirements.push(new);
        }
    }

    /// Reads a requirements file and what it includes, once.
    fn requirements_file(&mut self, path: &str, scope: &Scope) {
        if !self.visited.insert(path.to_owned()) {
            return;
        }
        let unreadable = |sink: &mut Self, why: &str| {
            sink.finding(
                "requirements-unreadable",
                format!("`{path}` is not a requirements file: {why}"),
                Some("write the requirements as text, one on each line".to_owned()),
                Evidence::new(path, 0, ""),
            );
        };
        let text = match self.tree.get(path).map(|file| &file.content) {
            Some(Content::Text(text)) => text,
            Some(Content::Opaque) => return unreadable(self, "it is not text"),
            Some(Content::LfsPointer(_)) => return unreadable(self, "it is a Git LFS pointer that was not resolved"),
            Some(Content::Link(target)) => {
                return match join(parent_folder(path), target) {
                    Some(target) if self.tree.text(&target).is_some() => self.requirements_file(&target, scope),
                    _ => unreadable(self, "it is a link to something that is not in the repository"),
                };
            }
            Some(Content::Submodule) | None => return,
        };
        if looks_binary(text) {
            return unreadable(self, "it is not text");
        }
        let folder = parent_folder(path);
        let lines: Vec<&str> = text.lines().collect();
        for (line, entry) in requirements::read(text) {
            let evidence = Evidence::new(path, line, lines.get(line.saturating_sub(1)).copied().unwrap_or_default());
            self.entry(&entry, folder, scope, &evidence);
        }
    }
}

/// Does text that was decoded leniently look as if it had never been text?
fn looks_binary(text: &str) -> bool {
    let mut control = 0_usize;
    let mut all = 0_usize;
    for character in text.chars().take(4096) {
        all += 1;
        if character == '\0' {
            return true;
        }
        if character.is_control() && !character.is_whitespace() || character == '\u{fffd}' {
            control += 1;
        }
    }
    control * 20 > all
}

/// The folder of a path; empty for the root.
pub(crate) fn parent_folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Joins a relative path as written to a folder of the tree. `None` where it leaves the tree or is absolute.
pub(crate) fn join(folder: &str, path: &str) -> Option<String> {
    let path = path.trim();
    let path = path.strip_prefix("file:").unwrap_or(path).replace('\\', "/");
    if path.starts_with('/') || path.starts_with('~') || path.contains("://") || path.starts_with('$') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
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

/// Does a path end in one of these suffixes, in any case?
pub(crate) fn has_suffix(path: &str, suffixes: &[&str]) -> bool {
    suffixes.iter().any(|suffix| {
        let start = path.len().checked_sub(suffix.len());
        start.and_then(|start| path.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    })
}

/// Is `text` a readable set of PEP 440 specifiers?
pub(crate) fn is_specifier_set(text: &str) -> bool {
    VersionSpecifiers::from_str(text).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::facts::Native;
    use crate::tree::File;

    fn requirements(files: &[(&str, &str)]) -> Vec<(Scope, String)> {
        let (requirements, ..) = declared(&Tree::from_texts(files.iter().copied()));
        requirements.into_iter().map(|wanted| (wanted.scope, wanted.spec)).collect()
    }

    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &[(Scope, &str)]) {
        let expected: Vec<(Scope, String)> =
            expected.iter().map(|(scope, spec)| (scope.clone(), (*spec).to_owned())).collect();
        assert_eq!(requirements(files), expected);
    }

    fn group(name: &str) -> Scope {
        Scope::Group(name.to_owned())
    }

    fn extra(name: &str) -> Scope {
        Scope::Extra(name.to_owned())
    }

    fn pythons(files: &[(&str, &str)]) -> Vec<(String, Strength)> {
        let (_, _, pythons, _) = declared(&Tree::from_texts(files.iter().copied()));
        pythons.into_iter().map(|claim| (claim.specifier, claim.strength)).collect()
    }

    fn root_project(files: &[(&str, &str)]) -> Project {
        let (_, projects, ..) = declared(&Tree::from_texts(files.iter().copied()));
        projects.into_iter().next().expect("a project")
    }

    fn codes(files: &[(&str, &str)]) -> Vec<String> {
        let (.., findings) = declared(&Tree::from_texts(files.iter().copied()));
        findings.into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn the_root_file_is_main_and_named_files_are_groups() {
        check(
            &[
                ("requirements.txt", "a"),
                ("requirements-dev.txt", "b"),
                ("requirements_tf.txt", "c"),
                ("demo/requirements.txt", "d"),
            ],
            &[(Scope::Main, "a"), (group("dev"), "b"), (group("tf"), "c"), (group("demo/requirements.txt"), "d")],
        );
    }

    #[test]
    fn included_files_are_read_relative_to_the_including_one() {
        check(
            &[
                (
                    "requirements.txt",
                    "-r requirements/base.txt\n-c requirements/limits.txt\n-r requirements/tests.txt\n",
                ),
                ("requirements/base.txt", "a\n-r more.txt"),
                ("requirements/more.txt", "b"),
                ("requirements/limits.txt", "c<2"),
                ("requirements/tests.txt", "pytest"),
            ],
            &[(Scope::Main, "a"), (Scope::Main, "b"), (Scope::Constraint, "c<2"), (group("tests"), "pytest")],
        );
    }

    #[test]
    fn paths_of_a_requirements_file_are_taken_from_where_pip_is_started() {
        let setup = "from setuptools import setup\nsetup(name='x')\n";
        check(&[("docs/requirements.txt", "."), ("setup.py", setup)], &[(group("docs/requirements.txt"), ".")]);
        check(&[("demo/requirements.txt", "."), ("demo/setup.py", setup)], &[(group("demo/requirements.txt"), "demo")]);
    }

    #[test]
    fn packages_are_found_where_the_manifest_puts_them() {
        let setup = "from setuptools import setup\nsetup(name='x', packages=['faces'], package_dir={'faces': '.'})\n";
        let project = root_project(&[("setup.py", setup), ("__init__.py", "")]);
        assert_eq!(project.packages.get("faces").map(String::as_str), Some(""));
        let scikit = "[project]\nname = \"x\"\n[tool.scikit-build]\nwheel.packages = [\"cython/ears\"]\n";
        let project = root_project(&[("pyproject.toml", scikit), ("cython/ears/__init__.py", "")]);
        assert_eq!(project.packages.get("ears").map(String::as_str), Some("cython/ears"));
    }

    #[test]
    fn files_that_include_each_other_end() {
        check(
            &[("requirements.txt", "-r a.txt\nx"), ("a.txt", "-r requirements.txt\ny")],
            &[(Scope::Main, "y"), (Scope::Main, "x")],
        );
    }

    #[test]
    fn the_readme_decides_between_files_when_none_is_canonical() {
        check(
            &[
                ("requirements_a.txt", "a"),
                ("requirements_b.txt", "b"),
                ("README.md", "```\npip install -r requirements_b.txt\n```"),
            ],
            &[(Scope::Main, "b"), (group("a"), "a")],
        );
    }

    #[test]
    fn a_file_in_a_plausible_subfolder_speaks_for_a_repository_that_declares_nothing_else() {
        check(&[("code/requirements.txt", "a")], &[(Scope::Main, "a")]);
        check(&[("examples/requirements.txt", "a")], &[(group("examples/requirements.txt"), "a")]);
        check(
            &[("code/requirements.txt", "a"), ("environment.yml", "dependencies:\n- b")],
            &[(Scope::Conda, "b"), (group("code/requirements.txt"), "a")],
        );
    }

    #[test]
    fn an_environment_file_of_a_subfolder_speaks_only_where_nothing_else_does() {
        let nested = ("lib/net/environment.yml", "dependencies:\n- python=3.6\n- b");
        check(&[("requirements.txt", "a"), nested], &[(Scope::Main, "a"), (group("lib/net/environment.yml"), "b")]);
        assert_eq!(pythons(&[("requirements.txt", "a"), nested])[0].1, Strength::Weak);
        check(&[nested], &[(Scope::Conda, "b")]);
        assert_eq!(pythons(&[nested])[0].1, Strength::Recommended);
        check(&[("envs/gpu_environment.yml", "dependencies:\n- b")], &[(Scope::Conda, "b")]);
    }

    #[test]
    fn one_of_several_projects_does_not_bind_the_whole() {
        let project = "[project]\nname='x'\nrequires-python='>=3.11'\ndependencies=['d']";
        assert_eq!(
            pythons(&[("server/pyproject.toml", project), ("client/setup.py", "setup(name='y')")])[0].1,
            Strength::Weak
        );
        assert_eq!(pythons(&[("python/pyproject.toml", project)])[0].1, Strength::Hard);
        check(&[("python/pyproject.toml", project)], &[(Scope::Main, "d")]);
    }

    #[test]
    fn local_paths_become_paths_of_the_repository_with_the_name_of_their_project() {
        let files = [
            ("requirements/base.txt", "-e ../lib\n../gone\n/home/me/x"),
            ("lib/setup.py", "from setuptools import setup\nsetup(name='My_Lib', install_requires=['z'])"),
        ];
        let (requirements, projects, _, findings) = declared(&Tree::from_texts(files));
        assert_eq!(
            (requirements[0].name.as_str(), requirements[0].spec.as_str(), requirements[0].form),
            ("my-lib", "lib", Form::Editable)
        );
        assert_eq!((requirements[1].spec.as_str(), &requirements[1].scope), ("z", &group("lib")));
        assert_eq!(projects[0].folder, "lib");
        assert_eq!(findings.len(), 2);
    }

    #[test]
    fn a_picture_named_requirements_is_a_finding() {
        let mut tree = Tree::default();
        tree.insert("requirements.txt", File { size: 10, content: Content::Opaque });
        let (.., findings) = declared(&tree);
        assert_eq!(findings[0].code, "requirements-unreadable");
        assert_eq!(codes(&[("requirements.txt", "ÿØÿà\0\u{10}JFIF\0")]), ["requirements-unreadable"]);
    }

    #[test]
    fn pep_621_and_groups_are_read() {
        check(
            &[(
                "pyproject.toml",
                "[build-system]\nrequires = ['hatchling']\n[project]\nname='p'\ndependencies=['a>=1', 'b']\n[project.optional-dependencies]\ncli=['c']\n\
                 [dependency-groups]\ndev=['d', {include-group='test'}]\ntest=['t']\n[tool.uv.sources]\nb = {git='https://host.example/b', rev='1'}",
            )],
            &[
                (Scope::Build, "hatchling"),
                (Scope::Main, "a>=1"),
                (Scope::Main, "b @ git+https://host.example/b@1"),
                (extra("cli"), "c"),
                (group("dev"), "d"),
                (group("dev"), "t"),
                (group("test"), "t"),
            ],
        );
    }

    #[test]
    fn a_pyproject_for_tools_only_is_no_project() {
        let (_, projects, ..) = declared(&Tree::from_texts([(
            "pyproject.toml",
            "[tool.black]\nline-length = 1\n[tool.poetry]\npackage-mode = false\n",
        )]));
        assert_eq!(projects, []);
    }

    #[test]
    fn a_broken_pyproject_keeps_what_can_be_read() {
        let files = [("pyproject.toml", "[project]\nname = 'p'\ndependencies = ['a']\n[tool.x\ny = = 1\n")];
        assert_eq!(codes(&files), ["pyproject-unreadable"]);
        assert_eq!(requirements(&files), [(Scope::Main, "a".to_owned())]);
    }

    #[test]
    fn poetry_is_translated() {
        let files = [
            (
                "pyproject.toml",
                "[tool.poetry]\nname='p'\npackages=[{include='pkg', from='src'}]\n[tool.poetry.dependencies]\npython='^3.8'\na='^1.2'\nb={version='*', optional=true}\n\
             c={git='https://host.example/c.git', rev='x'}\n[tool.poetry.extras]\nall=['b']\n[tool.poetry.group.dev.dependencies]\nd='1.0'\n[tool.poetry.scripts]\nrun='pkg.cli:main'\n",
            ),
            ("src/pkg/__init__.py", ""),
        ];
        check(
            &files,
            &[
                (Scope::Main, "a>=1.2,<2.0"),
                (extra("all"), "b"),
                (Scope::Main, "c @ git+https://host.example/c.git@x"),
                (group("dev"), "d==1.0"),
            ],
        );
        assert_eq!(pythons(&files), [(">=3.8,<4.0".to_owned(), Strength::Hard)]);
        let project = root_project(&files);
        assert_eq!(project.console_scripts["run"], "pkg.cli:main");
        assert_eq!(project.packages["pkg"], "src/pkg");
    }

    #[test]
    fn dynamic_dependencies_are_read_once() {
        check(
            &[
                ("requirements.txt", "a\nb"),
                (
                    "pyproject.toml",
                    "[project]\nname='p'\ndynamic=['dependencies']\n[tool.setuptools.dynamic]\ndependencies={file=['requirements.txt']}",
                ),
            ],
            &[(Scope::Main, "a"), (Scope::Main, "b")],
        );
    }

    #[test]
    fn setup_cfg_is_read() {
        let files = [
            (
                "setup.cfg",
                "[metadata]\nname = P.q\nversion = attr: p.__version__\n[options]\npackages = find:\npython_requires = >=3.7\ninstall_requires =\n    a>=1\n    b; python_version<'3'\n\
             [options.extras_require]\nx = c\n[options.entry_points]\nconsole_scripts =\n  run = p.m:f\n",
            ),
            ("p/__init__.py", ""),
        ];
        check(&files, &[(Scope::Main, "a>=1"), (Scope::Main, "b ; python_version<'3'"), (extra("x"), "c")]);
        let project = root_project(&files);
        assert_eq!((project.name.as_deref(), project.version), (Some("p-q"), None));
        assert_eq!(project.packages.keys().collect::<Vec<_>>(), ["p"]);
        assert_eq!(pythons(&files), [(">=3.7".to_owned(), Strength::Hard)]);
    }

    #[track_caller]
    fn check_setup(source: &str, expected: &[&str]) {
        let files = [("setup.py", source), ("requirements/core.txt", "r1>=1\n# no\n\nr2\n")];
        let found: Vec<String> =
            requirements(&files).into_iter().filter(|(scope, _)| *scope == Scope::Main).map(|(_, spec)| spec).collect();
        assert_eq!(found, expected, "{source}");
    }

    #[test]
    fn setup_py_literals_are_followed() {
        let none: [&str; 2] = ["r1>=1", "r2"];
        let with = |more: &[&'static str]| none.iter().copied().chain(more.iter().copied()).collect::<Vec<_>>();
        check_setup("setup(install_requires=['a', 'b>=2'])", &with(&["a", "b>=2"]));
        check_setup(
            "deps = ['a'] + ['b']\ndeps.append('c')\ndeps += ['d']\nsetup(install_requires=deps)",
            &with(&["a", "b", "c", "d"]),
        );
        check_setup("kw = dict(install_requires=['a'])\nsetup(name='x', **kw)", &with(&["a"]));
        check_setup(
            "deps = ['a']\nif sys.version_info < (3,):\n    deps.append('enum34')\nsetup(install_requires=deps)",
            &with(&["a"]),
        );
        check_setup(
            "deps = ['a']\nif sys.platform == 'win32':\n    deps.append('w')\nsetup(install_requires=deps)",
            &with(&["a"]),
        );
        check_setup("V = '1.0'\nsetup(install_requires=[f'a>={V}', 'b==%s' % V])", &with(&["a>=1.0", "b==1.0"]));
        check_setup(
            "def main():\n    setup(install_requires=['a'])\nif __name__ == '__main__':\n    main()",
            &with(&["a"]),
        );
        check_setup("setup(install_requires='''\n  a\n  b\n''')", &with(&["a", "b"]));
    }

    #[test]
    fn setup_py_that_reads_a_requirements_file_is_followed() {
        for source in [
            "setup(install_requires=open('requirements/core.txt').read().splitlines())",
            "with open('requirements/core.txt') as f:\n    r = [l.strip() for l in f if l.strip() and not l.startswith('#')]\nsetup(install_requires=r)",
            "here = os.path.abspath(os.path.dirname(__file__))\ndef reqs(n='core.txt'):\n    with open(os.path.join(here, 'requirements', n)) as f:\n        return [l.replace('\\n', '') for l in f.readlines()]\nsetup(install_requires=reqs())",
            "setup(install_requires=[str(r) for r in pkg_resources.parse_requirements(open('requirements/core.txt'))])",
            "setup(install_requires=(Path(__file__).parent / 'requirements' / 'core.txt').read_text().split('\\n'))",
            "def load(p):\n    out = []\n    for line in open(p):\n        line = line.split('#')[0].strip()\n        if not line:\n            continue\n        out.append(line)\n    return out\nsetup(install_requires=load('requirements/core.txt'))",
            "def gen(p):\n    for line in open(p):\n        yield line.strip()\nsetup(install_requires=list(gen('requirements/core.txt')))",
            "setup(install_requires=strange(compute('requirements/core.txt')))",
        ] {
            check_setup(source, &["r1>=1", "r2"]);
        }
    }

    #[test]
    fn setup_py_describes_the_project() {
        let files = [
            (
                "setup.py",
                "import torch, numpy as np\nimport os\nfrom setuptools import setup, find_packages, Extension\nfrom torch.utils.cpp_extension import CUDAExtension\n\
                 setup(name='My_Ext', version='1.2', packages=find_packages('python'), package_dir={'': 'python'}, setup_requires=['cython'],\n\
                 ext_modules=[CUDAExtension('x', ['a.cpp', 'b.cu']), Extension('y', ['c.pyx'])], python_requires='>=3.6',\n\
                 entry_points={'console_scripts': ['run = pkg.main:f']}, extras_require={'gpu': ['cupy']})",
            ),
            ("python/pkg/__init__.py", ""),
            ("tests/test_a.py", ""),
        ];
        let project = root_project(&files);
        assert_eq!(project.name.as_deref(), Some("my-ext"));
        assert_eq!(project.version.as_deref(), Some("1.2"));
        assert_eq!(project.packages.get("pkg").map(String::as_str), Some("python/pkg"));
        assert_eq!(project.native.iter().copied().collect::<Vec<_>>(), [Native::Cxx, Native::Cuda, Native::Cython]);
        assert_eq!(project.setup_imports, ["numpy", "torch"]);
        assert_eq!(project.console_scripts["run"], "pkg.main:f");
        assert_eq!(
            requirements(&files),
            [(extra("gpu"), "cupy".to_owned()), (Scope::Build, "cython".to_owned())]
                .into_iter()
                .rev()
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_setup_py_of_python_2_is_a_finding_and_still_read() {
        let files =
            [("setup.py", "from setuptools import setup\nprint 'hello'\nsetup(name='old', install_requires=['a'])")];
        assert_eq!(codes(&files), ["setup-unreadable"]);
        assert_eq!(requirements(&files), [(Scope::Main, "a".to_owned())]);
    }

    #[test]
    fn an_environment_file_is_translated() {
        let files = [
            (
                "environment.yml",
                "name: x\nchannels: [pytorch]\ndependencies:\n  - python=3.8.5\n  - pytorch=1.11.0\n  - cudatoolkit=11.3\n  - conda-forge::opencv=4.5\n  - numpy>=1.2\n  - ffmpeg\n  - pip\n  - pip:\n    - timm==0.4\n    - -e .\n    - git+https://host.example/x.git#egg=x\n",
            ),
            ("a.py", ""),
        ];
        check(
            &files,
            &[
                (Scope::Conda, "torch==1.11.0"),
                (Scope::Conda, "opencv-python==4.5.*"),
                (Scope::Conda, "numpy>=1.2"),
                (Scope::Conda, "timm==0.4"),
                (Scope::Conda, "."),
                (Scope::Conda, "git+https://host.example/x.git#egg=x"),
            ],
        );
        assert_eq!(pythons(&files), [("==3.8.*".to_owned(), Strength::Recommended)]);
    }

    #[test]
    fn an_export_of_another_platform_gives_hints_only() {
        let files = [(
            "environment.yml",
            "dependencies:\n  - python=3.9.18=h4de0772_0_cpython\n  - vs2015_runtime=14=h1\n  - numpy=1.2.3=py39h1\nprefix: C:\\Users\\x\n",
        )];
        assert_eq!(codes(&files), ["environment-other-platform"]);
        check(&files, &[(Scope::Hint, "numpy==1.2.3")]);
        assert_eq!(pythons(&files), [("==3.9.*".to_owned(), Strength::Weak)]);
    }

    #[test]
    fn an_environment_file_that_is_no_yaml_is_read_line_by_line() {
        let files =
            [("environment.yml", "dependencies:\n  - python=3.7\n  - numpy\n  - pip:\n      - a==1\n\tbroken: [\n")];
        assert_eq!(codes(&files), ["environment-unreadable"]);
        check(&files, &[(Scope::Conda, "numpy"), (Scope::Conda, "a==1")]);
    }

    #[test]
    fn lock_files_give_exact_versions() {
        check(
            &[
                (
                    "uv.lock",
                    "version = 1\n[[package]]\nname = \"a\"\nversion = \"1.0\"\nsource = { registry = \"x\" }\n\n[[package]]\nname = \"own\"\nversion = \"0.1\"\nsource = { editable = \".\" }\n",
                ),
                (
                    "poetry.lock",
                    "[[package]]\nname = \"b\"\nversion = \"2.0\"\noptional = false\n\n[package.dependencies]\nversion = \"9\"\n\n[metadata]\npython-versions = \"*\"\n",
                ),
                ("Pipfile.lock", "{\"default\": {\"c\": {\"version\": \"==3.0\"}}}"),
            ],
            &[(Scope::Lock, "a==1.0"), (Scope::Lock, "b==2.0"), (Scope::Lock, "c==3.0")],
        );
    }

    #[test]
    fn a_pipfile_is_read() {
        let files = [(
            "Pipfile",
            "[packages]\na = \"*\"\nb = {version = \"==1.0\", extras = [\"x\"]}\n[dev-packages]\nc = \">=2\"\n[requires]\npython_version = \"3.9\"\n",
        )];
        check(&files, &[(Scope::Main, "a"), (Scope::Main, "b[x]==1.0"), (group("dev"), "c>=2")]);
        assert_eq!(pythons(&files), [("==3.9.*".to_owned(), Strength::Recommended)]);
    }

    #[test]
    fn paths_never_leave_the_tree() {
        assert_eq!(join("a/b", "../c"), Some("a/c".to_owned()));
        assert_eq!(join("a", "../../c"), None);
        assert_eq!(join("", "/etc/passwd"), None);
        assert_eq!(join("", "."), Some(String::new()));
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(
            name in prop::sample::select(vec!["requirements.txt", "pyproject.toml", "setup.py", "setup.cfg", "environment.yml", "Pipfile", "Pipfile.lock", "uv.lock"]),
            text in "[\\PC\n\t]{0,300}",
        ) {
            let _ = declared(&Tree::from_texts([(name, text)]));
        }

        #[test]
        fn no_program_makes_the_evaluator_panic(lines in prop::collection::vec(prop::sample::select(vec![
            "a = ['x'] + ['y']", "a += a", "a = a + a", "def f(x=f): return f(x)", "f(a)", "for i in a:\n  a.append(i)", "b = {'k': a}", "b['k'] = b",
            "setup(install_requires=a, extras_require=b)", "a = 'é' * 3", "c = a[-1:99]", "with open('setup.py') as f:\n  a = f.read().split('s')",
            "a = [x for x in a for y in a]", "if sys.version_info[:2] > (3,):\n  a = 1", "a = ''.join(a)", "a = a.replace('', 'é')",
        ]), 0..12)) {
            let _ = declared(&Tree::from_texts([("setup.py", lines.join("\n"))]));
        }
    }
}
