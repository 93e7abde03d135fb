//! `pyproject.toml` in; requirements, the project and statements about Python out.
//!
//! Reads PEP 621, PEP 735, Poetry, PDM, uv, flit, hatch and what setuptools reads from it. A broken file is a finding,
//! and what its readable part says is used.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::layout::Layout;
use super::requirements::{Entry, Wanted, is_vcs, normalise};
use super::{Sink, poetry};
use crate::facts::{Evidence, Form, Native, Project, Scope, Strength};

/// What a `pyproject.toml` means for the folder it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It declares something that can be installed.
    Project,
    /// It says that the folder is not to be installed (`package-mode = false`, `package = false`).
    NotInstallable,
    /// It is absent, or configures tools only.
    Silent,
}

/// A parsed document with what is needed to say where something stands.
pub(crate) struct Document<'t> {
    path: String,
    text: &'t str,
    pub(crate) root: DeValue<'t>,
}

impl<'t> Document<'t> {
    /// Parses as much as can be parsed, and says where that ends.
    pub(crate) fn parse(path: &str, text: &'t str) -> (Self, Option<String>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let problem = errors.first().map(|error| error.message().to_owned());
        (Self { path: path.to_owned(), text, root: DeValue::Table(table.into_inner()) }, problem)
    }

    /// The value at a path of keys.
    pub(crate) fn get(&self, keys: &[&str]) -> Option<&Spanned<DeValue<'t>>> {
        let (first, rest) = keys.split_first()?;
        rest.iter().try_fold(self.root.get(*first)?, |value, key| value.get_ref().get(*key))
    }

    pub(crate) fn text(&self, keys: &[&str]) -> Option<&str> {
        self.get(keys)?.get_ref().as_str()
    }

    pub(crate) fn table(&self, keys: &[&str]) -> impl Iterator<Item = (&str, &Spanned<DeValue<'t>>)> {
        self.get(keys).into_iter().flat_map(|value| entries(value.get_ref()))
    }

    /// The texts of a list.
    pub(crate) fn texts(&self, keys: &[&str]) -> impl Iterator<Item = &str> {
        self.get(keys).into_iter().flat_map(|value| texts(value.get_ref())).map(|(text, _)| text)
    }

    /// The place of a value.
    pub(crate) fn evidence(&self, value: &Spanned<DeValue<'_>>) -> Evidence {
        let line = self.text.get(..value.span().start).map_or(0, |before| before.matches('\n').count());
        Evidence::new(self.path.as_str(), line + 1, self.text.lines().nth(line).unwrap_or_default())
    }
}

/// Keys and values of a table; nothing where `value` is none.
pub(crate) fn entries<'v, 't>(
    value: &'v DeValue<'t>,
) -> impl Iterator<Item = (&'v str, &'v Spanned<DeValue<'t>>)> + use<'v, 't> {
    value.as_table().into_iter().flat_map(|table| table.iter()).map(|(key, value)| (key.get_ref().as_ref(), value))
}

/// The texts of a list (or the one text that stands for it), each with its place.
fn texts<'v, 't>(value: &'v DeValue<'t>) -> impl Iterator<Item = (&'v str, &'v Spanned<DeValue<'t>>)> + use<'v, 't> {
    value.as_array().into_iter().flat_map(|list| list.iter()).filter_map(|item| Some((item.get_ref().as_str()?, item)))
}

/// Reads the `pyproject.toml` of a project's folder.
pub(crate) fn read(sink: &mut Sink<'_>, project: &mut Project, layout: &mut Layout, scope: &Scope) -> Outcome {
    let path = if project.folder.is_empty() {
        "pyproject.toml".to_owned()
    } else {
        format!("{}/pyproject.toml", project.folder)
    };
    let tree = sink.tree;
    let Some(text) = tree.text(&path) else { return Outcome::Silent };
    let (document, problem) = Document::parse(&path, text);
    if let Some(problem) = problem {
        sink.finding(
            "pyproject-unreadable",
            format!("`{path}` is not valid TOML: {problem}"),
            None,
            Evidence::new(path.as_str(), 0, ""),
        );
    }
    project.evidence = Some(Evidence::new(path.as_str(), 0, ""));
    let reader = Reader { document: &document, folder: project.folder.clone(), sources: uv_sources(&document) };
    reader.build_system(sink, project);
    let standard = reader.standard(sink, project, scope);
    reader.groups(sink);
    reader.poetry(sink, project, layout, scope);
    reader.flit(sink, project, layout, scope);
    reader.tools(sink, project, layout);
    let is_poetry = document.get(&["tool", "poetry", "name"]).is_some()
        || document.get(&["tool", "poetry", "dependencies"]).is_some();
    let is_flit = document.get(&["tool", "flit", "metadata"]).is_some();
    let refuses = [["tool", "poetry", "package-mode"], ["tool", "uv", "package"], ["tool", "pdm", "distribution"]]
        .iter()
        .any(|keys| document.get(keys).and_then(|value| value.get_ref().as_bool()) == Some(false));
    if refuses {
        Outcome::NotInstallable
    } else if standard || is_poetry || is_flit {
        Outcome::Project
    } else {
        Outcome::Silent
    }
}

/// Where uv fetches a distribution from, by normalised name.
fn uv_sources(document: &Document<'_>) -> BTreeMap<String, Wanted> {
    let mut sources = BTreeMap::new();
    for (name, value) in document.table(&["tool", "uv", "sources"]) {
        // A list gives one source for each marker; the first stands for all.
        let value = value.get_ref();
        let source = value.as_array().and_then(|list| list.iter().next()).map_or(value, Spanned::get_ref);
        let text = |key: &str| source.get(key).and_then(|value| value.get_ref().as_str());
        let wanted = if let Some(git) = text("git") {
            let mut address = if is_vcs(git) { git.to_owned() } else { format!("git+{git}") };
            if let Some(revision) = text("rev").or_else(|| text("tag")).or_else(|| text("branch")) {
                address = format!("{address}@{revision}");
            }
            if let Some(folder) = text("subdirectory") {
                address = format!("{address}#subdirectory={folder}");
            }
            Wanted { name: normalise(name), spec: format!("{name} @ {address}"), form: Form::Vcs }
        } else if let Some(url) = text("url") {
            Wanted { name: normalise(name), spec: format!("{name} @ {url}"), form: Form::Url }
        } else if let Some(path) = text("path") {
            let editable = source.get("editable").and_then(|value| value.get_ref().as_bool()) == Some(true);
            let form = if editable { Form::Editable } else { Form::Path };
            Wanted { name: normalise(name), spec: path.to_owned(), form }
        } else {
            continue;
        };
        sources.insert(wanted.name.clone(), wanted);
    }
    sources
}

struct Reader<'d, 't> {
    document: &'d Document<'t>,
    folder: String,
    sources: BTreeMap<String, Wanted>,
}

impl Reader<'_, '_> {
    /// Adds every requirement of a list of PEP 508 texts.
    fn list(&self, sink: &mut Sink<'_>, value: &DeValue<'_>, scope: &Scope) {
        for (text, place) in texts(value) {
            let evidence = self.document.evidence(place);
            let mut entry = super::requirements::read_requirement(text, false);
            if let Entry::Requirement(wanted) = &mut entry
                && let Some(source) = self.sources.get(&wanted.name)
            {
                *wanted = source.clone();
            }
            sink.entry(&entry, &self.folder, scope, &evidence);
        }
    }

    fn build_system(&self, sink: &mut Sink<'_>, project: &mut Project) {
        if let Some(requires) = self.document.get(&["build-system", "requires"]) {
            self.list(sink, requires.get_ref(), &Scope::Build);
            for (text, _) in texts(requires.get_ref()) {
                let name = normalise(
                    text.split(|c: char| !(c.is_alphanumeric() || "-_.".contains(c))).next().unwrap_or_default(),
                );
                match name.as_str() {
                    "setuptools-scm"
                    | "hatch-vcs"
                    | "setuptools-git-versioning"
                    | "versioneer"
                    | "pbr"
                    | "poetry-dynamic-versioning"
                    | "versioningit" => {
                        project.version_from_vcs = true;
                    }
                    "setuptools-rust" | "maturin" => {
                        project.native.insert(Native::Rust);
                    }
                    "scikit-build-core" | "scikit-build" | "cmake" => {
                        project.native.insert(Native::Cmake);
                    }
                    "meson-python" => {
                        project.native.insert(Native::C);
                    }
                    _ => {}
                }
            }
        }
        project.backend = self.document.text(&["build-system", "build-backend"]).map(str::to_owned);
    }

    /// `[project]`, PEP 621. Says whether it is there.
    fn standard(&self, sink: &mut Sink<'_>, project: &mut Project, scope: &Scope) -> bool {
        let document = self.document;
        let Some(table) = document.get(&["project"]) else { return false };
        let table = table.get_ref();
        project.name = table.get("name").and_then(|name| name.get_ref().as_str()).map(normalise);
        project.version = table.get("version").and_then(|version| version.get_ref().as_str()).map(str::to_owned);
        if let Some(dependencies) = table.get("dependencies") {
            self.list(sink, dependencies.get_ref(), scope);
        }
        for (extra, list) in document.table(&["project", "optional-dependencies"]) {
            project.extras.push(extra.to_owned());
            self.list(sink, list.get_ref(), &Scope::Extra(extra.to_owned()));
        }
        for (name, target) in document.table(&["project", "scripts"]) {
            if let Some(target) = target.get_ref().as_str() {
                project.console_scripts.insert(name.to_owned(), target.trim().to_owned());
            }
        }
        if let Some(requires) = table.get("requires-python")
            && let Some(text) = requires.get_ref().as_str()
        {
            sink.python(text, Strength::Hard, &document.evidence(requires));
        }
        if let Some(classifiers) = table.get("classifiers") {
            let versions = texts(classifiers.get_ref()).map(|(text, place)| (text, document.evidence(place)));
            classifier_claim(sink, versions);
        }
        // What `dynamic` leaves to setuptools.
        for file in self.dynamic_files(&["tool", "setuptools", "dynamic", "dependencies"]) {
            self.file(sink, &file, scope);
        }
        for (extra, _) in document.table(&["tool", "setuptools", "dynamic", "optional-dependencies"]) {
            project.extras.push(extra.to_owned());
            for file in self.dynamic_files(&["tool", "setuptools", "dynamic", "optional-dependencies", extra]) {
                self.file(sink, &file, &Scope::Extra(extra.to_owned()));
            }
        }
        true
    }

    fn dynamic_files(&self, keys: &[&str]) -> Vec<String> {
        let Some(value) = self.document.get(keys) else { return Vec::new() };
        let Some(files) = value.get_ref().get("file").map(Spanned::get_ref) else { return Vec::new() };
        files
            .as_str()
            .map_or_else(|| texts(files).map(|(text, _)| text.to_owned()).collect(), |one| vec![one.to_owned()])
    }

    fn file(&self, sink: &mut Sink<'_>, file: &str, scope: &Scope) {
        let evidence = Evidence::new(self.document.path.as_str(), 0, file);
        sink.entry(&Entry::File { path: file.to_owned(), constraint: false }, &self.folder, scope, &evidence);
    }

    /// PEP 735 groups, and those of uv, PDM and hatch.
    fn groups(&self, sink: &mut Sink<'_>) {
        for (group, list) in self.document.table(&["dependency-groups"]) {
            let mut pending = vec![group];
            let mut seen: Vec<&str> = Vec::new();
            while let Some(name) = pending.pop() {
                if seen.contains(&name) {
                    continue;
                }
                seen.push(name);
                let list = if name == group { Some(list) } else { self.document.get(&["dependency-groups", name]) };
                let Some(list) = list else { continue };
                self.list(sink, list.get_ref(), &Scope::Group(group.to_owned()));
                for item in list.get_ref().as_array().into_iter().flat_map(|list| list.iter()) {
                    pending.extend(item.get_ref().get("include-group").and_then(|name| name.get_ref().as_str()));
                }
            }
        }
        for (group, list) in self.document.table(&["tool", "pdm", "dev-dependencies"]) {
            self.list(sink, list.get_ref(), &Scope::Group(group.to_owned()));
        }
        if let Some(list) = self.document.get(&["tool", "uv", "dev-dependencies"]) {
            self.list(sink, list.get_ref(), &Scope::Group("dev".to_owned()));
        }
        for (environment, table) in self.document.table(&["tool", "hatch", "envs"]) {
            for key in ["dependencies", "extra-dependencies"] {
                if let Some(list) = table.get_ref().get(key) {
                    self.list(sink, list.get_ref(), &Scope::Group(environment.to_owned()));
                }
            }
        }
    }

    fn poetry(&self, sink: &mut Sink<'_>, project: &mut Project, layout: &mut Layout, scope: &Scope) {
        let document = self.document;
        let Some(table) = document.get(&["tool", "poetry"]).map(Spanned::get_ref) else { return };
        let text = |key: &str| table.get(key).and_then(|value| value.get_ref().as_str());
        project.name = project.name.take().or_else(|| text("name").map(normalise));
        project.version =
            project.version.take().or_else(|| text("version").filter(|version| *version != "0.0.0").map(str::to_owned));
        let extras: Vec<(&str, Vec<String>)> = document
            .table(&["tool", "poetry", "extras"])
            .map(|(extra, list)| (extra, texts(list.get_ref()).map(|(name, _)| normalise(name)).collect()))
            .collect();
        project.extras.extend(extras.iter().map(|(extra, _)| (*extra).to_owned()));
        // Beside a PEP 621 list, this table only says where things come from.
        let enriches = document.get(&["project", "dependencies"]).is_some();
        for (name, value) in document.table(&["tool", "poetry", "dependencies"]) {
            let evidence = document.evidence(value);
            if name.eq_ignore_ascii_case("python") {
                if let Some(text) = value.get_ref().as_str() {
                    sink.python(&poetry::specifiers(text).unwrap_or_default(), Strength::Hard, &evidence);
                }
                continue;
            }
            if enriches {
                continue;
            }
            let optional = value.get_ref().get("optional").and_then(|flag| flag.get_ref().as_bool()) == Some(true);
            let normalised = normalise(name);
            let mut scopes: Vec<Scope> = extras
                .iter()
                .filter(|(_, names)| optional && names.contains(&normalised))
                .map(|(extra, _)| Scope::Extra((*extra).to_owned()))
                .collect();
            if scopes.is_empty() {
                scopes.push(if optional { Scope::Extra("all".to_owned()) } else { scope.clone() });
            }
            for entry in poetry::entries_of(name, value.get_ref()) {
                for scope in &scopes {
                    sink.entry(&entry, &self.folder, scope, &evidence);
                }
            }
        }
        let groups = document
            .table(&["tool", "poetry", "group"])
            .filter_map(|(group, table)| Some((group, table.get_ref().get("dependencies")?.get_ref())))
            .chain(document.get(&["tool", "poetry", "dev-dependencies"]).map(|table| ("dev", table.get_ref())));
        for (group, dependencies) in groups {
            let scope = if group == "main" { scope.clone() } else { Scope::Group(group.to_owned()) };
            for (name, value) in entries(dependencies) {
                let evidence = document.evidence(value);
                for entry in poetry::entries_of(name, value.get_ref()) {
                    sink.entry(&entry, &self.folder, &scope, &evidence);
                }
            }
        }
        for (name, target) in document.table(&["tool", "poetry", "scripts"]) {
            let target = target.get_ref();
            if let Some(target) =
                target.as_str().or_else(|| target.get("reference").and_then(|target| target.get_ref().as_str()))
            {
                project.console_scripts.insert(name.to_owned(), target.trim().to_owned());
            }
        }
        for package in
            table.get("packages").and_then(|list| list.get_ref().as_array()).into_iter().flat_map(|list| list.iter())
        {
            let text = |key: &str| package.get_ref().get(key).and_then(|value| value.get_ref().as_str());
            if let Some(include) = text("include") {
                let top = include.split('/').next().unwrap_or(include);
                layout
                    .package_folders
                    .push(text("from").map_or_else(|| top.to_owned(), |from| format!("{from}/{top}")));
            }
        }
        if document.get(&["tool", "poetry-dynamic-versioning"]).is_some() {
            project.version_from_vcs = true;
        }
    }

    /// The tables of flit before PEP 621.
    fn flit(&self, sink: &mut Sink<'_>, project: &mut Project, layout: &mut Layout, scope: &Scope) {
        let document = self.document;
        if let Some(module) = document
            .text(&["tool", "flit", "metadata", "module"])
            .or_else(|| document.text(&["tool", "flit", "module", "name"]))
        {
            layout.packages.push(module.to_owned());
            layout.modules.push(module.to_owned());
            if document.get(&["project"]).is_none() {
                project.name =
                    Some(normalise(document.text(&["tool", "flit", "metadata", "dist-name"]).unwrap_or(module)));
            }
        }
        if let Some(list) = document.get(&["tool", "flit", "metadata", "requires"]) {
            self.list(sink, list.get_ref(), scope);
        }
        for (extra, list) in document.table(&["tool", "flit", "metadata", "requires-extra"]) {
            project.extras.push(extra.to_owned());
            self.list(sink, list.get_ref(), &Scope::Extra(extra.to_owned()));
        }
        if let Some(value) = document.get(&["tool", "flit", "metadata", "requires-python"])
            && let Some(text) = value.get_ref().as_str()
        {
            sink.python(text, Strength::Hard, &document.evidence(value));
        }
        for (name, target) in document.table(&["tool", "flit", "scripts"]) {
            if let Some(target) = target.get_ref().as_str() {
                project.console_scripts.insert(name.to_owned(), target.to_owned());
            }
        }
    }

    /// Where setuptools, hatch, PDM and maturin find packages, and where versions come from.
    fn tools(&self, sink: &mut Sink<'_>, project: &mut Project, layout: &mut Layout) {
        let document = self.document;
        layout.packages.extend(document.texts(&["tool", "setuptools", "packages"]).map(str::to_owned));
        layout.modules.extend(document.texts(&["tool", "setuptools", "py-modules"]).map(str::to_owned));
        layout.search.extend(document.texts(&["tool", "setuptools", "packages", "find", "where"]).map(str::to_owned));
        for (package, folder) in document.table(&["tool", "setuptools", "package-dir"]) {
            if let Some(folder) = folder.get_ref().as_str() {
                layout.folders.insert(package.to_owned(), folder.to_owned());
            }
        }
        for keys in [
            ["tool", "hatch", "build", "targets", "wheel", "packages"].as_slice(),
            &["tool", "hatch", "build", "packages"],
            &["tool", "scikit-build", "wheel", "packages"],
        ] {
            layout.package_folders.extend(document.texts(keys).map(str::to_owned));
        }
        for keys in [
            ["tool", "pdm", "build", "package-dir"],
            ["tool", "pdm", "package-dir", ""],
            ["tool", "maturin", "python-source", ""],
        ] {
            let keys: Vec<&str> = keys.into_iter().filter(|key| !key.is_empty()).collect();
            if let Some(folder) = document.text(&keys) {
                layout.search.push(folder.to_owned());
            }
        }
        let from_vcs = document.get(&["tool", "setuptools_scm"]).is_some()
            || document.text(&["tool", "hatch", "version", "source"]) == Some("vcs")
            || document.text(&["tool", "pdm", "version", "source"]) == Some("scm")
            || document.get(&["tool", "versioneer"]).is_some();
        project.version_from_vcs |= from_vcs;
        if let Some(modules) = document.get(&["tool", "setuptools", "ext-modules"]) {
            for item in modules.get_ref().as_array().into_iter().flat_map(|list| list.iter()) {
                for (source, _) in item.get_ref().get("sources").into_iter().flat_map(|list| texts(list.get_ref())) {
                    project.native.extend(native_of(source));
                }
            }
        }
        // pixi keeps conda packages here.
        for (name, value) in document.table(&["tool", "pixi", "dependencies"]) {
            let version =
                value.get_ref().as_str().or_else(|| value.get_ref().get("version").and_then(|v| v.get_ref().as_str()));
            let evidence = document.evidence(value);
            let version = version.filter(|version| *version != "*").unwrap_or_default();
            let Some((name, version)) = super::conda::read_match(&format!("{name} {version}")) else { continue };
            match super::conda::translate(&name, &version) {
                super::conda::Package::Python(specifier) => sink.python(&specifier, Strength::Recommended, &evidence),
                super::conda::Package::Distribution(wanted) => {
                    sink.entry(&Entry::Requirement(wanted), &self.folder, &Scope::Conda, &evidence);
                }
                super::conda::Package::Native(_) => {}
            }
        }
    }
}

/// The language of a source file, by its suffix.
pub(crate) fn native_of(source: &str) -> Option<Native> {
    match source.rsplit_once('.')?.1 {
        "c" => Some(Native::C),
        "cpp" | "cc" | "cxx" | "C" | "c++" => Some(Native::Cxx),
        "cu" => Some(Native::Cuda),
        "pyx" => Some(Native::Cython),
        "f" | "f90" | "f77" | "for" | "F90" | "f95" | "pyf" => Some(Native::Fortran),
        _ => None,
    }
}

/// One weak statement out of `Programming Language :: Python :: 3.X` classifiers: from the lowest to the highest.
pub(crate) fn classifier_claim(sink: &mut Sink<'_>, classifiers: impl Iterator<Item = (impl AsRef<str>, Evidence)>) {
    let mut minors: Vec<(u32, Evidence)> = classifiers
        .filter_map(|(text, evidence)| {
            let version = text.as_ref().trim().strip_prefix("Programming Language :: Python :: 3.")?.trim().to_owned();
            Some((version.parse().ok()?, evidence))
        })
        .collect();
    minors.sort_by_key(|(minor, _)| *minor);
    if let (Some((low, _)), Some((high, evidence))) = (minors.first(), minors.last()) {
        sink.python(&span_of_minors(*low, *high), Strength::Weak, evidence);
    }
}

/// `==3.8.*`, or `>=3.8,<3.12` for a span.
pub(crate) fn span_of_minors(low: u32, high: u32) -> String {
    if low == high { format!("==3.{low}.*") } else { format!(">=3.{low},<3.{}", high.saturating_add(1)) }
}
