//! The tables of `knowledge/matrices`, joined, with the questions the stages ask of them.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use jiff::civil::Date;
use jiff::{Span, ToSpan};
use pep440_rs::{Version, VersionSpecifiers};
use repro_note::{
    AptRename, Breaking, Matrix, Packages, PythonRelease, SlimTags, StandardLibrary, TorchRelease, WheelsFrom, parse,
};

/// The note that holds tables of packages and nothing else.
const PACKAGES: &str = "matrices/apt.md";

/// Months after which a new Python has wheels of most libraries.
const MONTHS_UNTIL_WHEELS: i32 = 10;

/// All tables in one value.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    pub(crate) imports: BTreeMap<String, String>,
    brings: BTreeMap<String, Vec<String>>,
    pub(crate) python: Vec<PythonRelease>,
    slim: Vec<SlimTags>,
    pub(crate) torch: Vec<TorchRelease>,
    wheels: BTreeMap<String, Vec<WheelsFrom>>,
    breaking: Vec<Breaking>,
    packages: PackageTables,
    /// Notes that hold tables of packages only; read when the first package is asked for.
    unread: Vec<(String, String)>,
    read_later: OnceLock<PackageTables>,
    stdlib: StandardLibrary,
    stdlib_always: BTreeSet<String>,
    pub(crate) local_modules: BTreeSet<String>,
    cuda_images: BTreeMap<String, String>,
    cuda_drivers: BTreeMap<String, String>,
}

/// The tables that lead from a file or an old name to packages. They are large and rarely asked.
#[derive(Debug, Clone, Default)]
struct PackageTables {
    apt_renames: BTreeMap<String, AptRename>,
    shared_objects: BTreeMap<String, Packages>,
    headers: BTreeMap<String, Packages>,
    commands: BTreeMap<String, Packages>,
}

impl PackageTables {
    fn join(&mut self, matrix: &mut Matrix) {
        self.apt_renames.append(&mut matrix.apt_renames);
        self.shared_objects.append(&mut matrix.shared_objects);
        self.headers.append(&mut matrix.headers);
        self.commands.append(&mut matrix.commands);
    }
}

impl Tables {
    /// The tables of these notes (path and text), which have been checked before: what cannot be read is left out.
    pub(crate) fn from_checked_texts(texts: &[(String, String)]) -> Self {
        let mut tables = Self::default();
        for (path, text) in texts {
            if path == PACKAGES {
                tables.unread.push((path.clone(), text.clone()));
            } else {
                parse(path, text).0.matrices.into_iter().for_each(|matrix| tables.join(matrix.value));
            }
        }
        tables
    }

    fn packages(&self) -> &PackageTables {
        if self.unread.is_empty() {
            return &self.packages;
        }
        self.read_later.get_or_init(|| {
            let mut packages = self.packages.clone();
            for (path, text) in &self.unread {
                parse(path, text).0.matrices.into_iter().for_each(|mut matrix| packages.join(&mut matrix.value));
            }
            packages
        })
    }

    /// Joins the tables of one block with those read before.
    pub(crate) fn join(&mut self, mut matrix: Matrix) {
        self.packages.join(&mut matrix);
        self.imports.extend(matrix.imports);
        self.brings.extend(matrix.brings);
        self.python.extend(matrix.python);
        self.slim.extend(matrix.slim);
        self.torch.extend(matrix.torch);
        self.wheels.extend(matrix.wheels);
        self.breaking.extend(matrix.breaking);
        self.local_modules.extend(matrix.local_modules);
        self.cuda_images.extend(matrix.cuda_images);
        self.cuda_drivers.extend(matrix.cuda_drivers);
        if let Some(stdlib) = matrix.stdlib {
            self.stdlib_always.extend(stdlib.always.iter().cloned());
            self.stdlib = stdlib;
        }
    }

    /// The distribution that brings this module, by its longest dotted prefix in the table.
    pub fn distribution_of_import(&self, module: &str) -> Option<&str> {
        longest_prefix(&self.imports, module).map(|(_, distribution)| distribution.as_str())
    }

    /// What a distribution (normalised name) installs along that asks something of the system.
    pub fn brought_by(&self, distribution: &str) -> &[String] {
        self.brings.get(distribution).map_or(&[], Vec::as_slice)
    }

    /// The newest minor release of Python that most libraries had wheels for on `date`: the one that was at least ten
    /// months old. The newest known one for a date behind the table's end.
    pub fn python_current_at(&self, date: Date) -> &str {
        let span: Span = MONTHS_UNTIL_WHEELS.months();
        let settled = |release: &&PythonRelease| {
            release.released.is_some_and(|released| released.checked_add(span).is_ok_and(|settled| settled <= date))
        };
        let newest = self.python.iter().filter(settled).max_by_key(|release| release.released);
        newest.or_else(|| self.python.first()).map_or("3.11", |release| &release.version)
    }

    /// All minor releases of Python that the table knows, oldest first.
    pub fn pythons(&self) -> impl Iterator<Item = &PythonRelease> {
        self.python.iter()
    }

    /// Pythons with a Linux wheel of this torch (`2.1.0`, with or without a local label); empty where not established.
    pub fn pythons_of_torch(&self, version: &str) -> &[String] {
        self.torch_release(version).map_or(&[], |release| &release.python)
    }

    /// Pythons for which some torch in this range has a Linux wheel; empty where no release in the range is known.
    pub fn pythons_of_torch_in(&self, range: &VersionSpecifiers) -> Vec<&str> {
        let mut pythons: Vec<&str> = Vec::new();
        for release in &self.torch {
            let inside = release.torch.parse::<Version>().is_ok_and(|version| range.contains(&version));
            for python in release.python.iter().filter(|_| inside) {
                if !pythons.contains(&python.as_str()) {
                    pythons.push(python);
                }
            }
        }
        pythons
    }

    /// The newest Python for which some release of this distribution (normalised name) in this range has a Linux wheel;
    /// `None` where nothing is known or there is no newest one.
    pub fn newest_python_with_wheels(&self, distribution: &str, range: &VersionSpecifiers) -> Option<&str> {
        let rows = self.wheels.get(distribution)?;
        let firsts: Vec<Version> = rows.iter().filter_map(|row| row.from.parse().ok()).collect();
        // What a range says is said of its bounds and of the releases at which something changed.
        let bounds = range.iter().map(|specifier| specifier.version().clone());
        let mut newest: Option<&str> = None;
        for version in bounds.chain(firsts.iter().cloned()).filter(|version| range.contains(version)) {
            let Some(at) = firsts.iter().rposition(|first| *first <= version) else { continue };
            let python = rows.get(at).map(|row| row.python.as_str()).filter(|python| !python.is_empty())?;
            let key = |text: &str| text.parse::<Version>().ok();
            if newest.is_none_or(|known| key(known) < key(python)) {
                newest = Some(python);
            }
        }
        newest
    }

    /// The release of torch with this version; a version with two parts means its newest patch.
    pub fn torch_release(&self, version: &str) -> Option<&TorchRelease> {
        let plain = version.split('+').next().unwrap_or(version).trim();
        let exact = self.torch.iter().find(|release| release.torch == plain);
        exact.or_else(|| {
            self.torch
                .iter()
                .rev()
                .find(|release| release.torch.strip_prefix(plain).is_some_and(|rest| rest.starts_with('.')))
        })
    }

    /// The torchvision and torchaudio built for this torch; `None` where the release is not known.
    pub fn torch_companions(&self, version: &str) -> Option<(Option<&str>, Option<&str>)> {
        let release = self.torch_release(version)?;
        Some((release.torchvision.as_deref(), release.torchaudio.as_deref()))
    }

    /// The torch that this version of a companion (`torchvision`, `torchaudio`) was built for; `None` where that is not
    /// known.
    pub fn torch_release_of(&self, companion: &str, version: &str) -> Option<&str> {
        let version = version.split('+').next().unwrap_or(version);
        let found = self.torch.iter().find(|row| {
            let known = if companion == "torchvision" { &row.torchvision } else { &row.torchaudio };
            known.as_deref() == Some(version)
        });
        found.map(|row| row.torch.as_str())
    }

    /// The newest torch with a wheel for this Python that is not newer than `limit`, where one is given.
    pub fn newest_torch_for(&self, python: &str, limit: Option<&str>) -> Option<&TorchRelease> {
        let limit: Option<Version> = limit.and_then(|limit| limit.parse().ok());
        let allowed = |release: &&TorchRelease| {
            let version: Option<Version> = release.torch.parse().ok();
            release.python.iter().any(|minor| minor == python)
                && limit.as_ref().is_none_or(|limit| version.is_some_and(|version| version <= *limit))
        };
        self.torch.iter().rfind(allowed)
    }

    /// The official slim image of this Python minor (`3.11`), on `prefer_suite` where that exists, else on bookworm, else
    /// on its newest suite.
    pub fn slim_tag(&self, python: &str, prefer_suite: Option<&str>) -> Option<String> {
        let tags = self.slim.iter().find(|tags| tags.python == python)?;
        let mut wanted = [prefer_suite, Some("bookworm")].into_iter().flatten();
        let suite = wanted.find_map(|suite| tags.suites.iter().find(|known| *known == suite));
        let suite = suite.or_else(|| tags.suites.first())?;
        Some(format!("python:{python}-slim-{suite}"))
    }

    /// Pythons that have an official slim image with a suite in its tag, oldest first.
    pub fn slim_pythons(&self) -> impl Iterator<Item = &str> {
        self.slim.iter().map(|tags| tags.python.as_str())
    }

    /// Releases of this distribution (normalised name) that came after `date` and broke its users, oldest first: code
    /// of that date cannot know them. Without a date, all of them.
    pub fn breaking_releases(&self, distribution: &str, date: Option<Date>) -> Vec<&Breaking> {
        let mut found: Vec<&Breaking> = self
            .breaking
            .iter()
            .filter(|breaking| breaking.distribution == distribution)
            .filter(|breaking| date.is_none_or(|date| breaking.date.is_some_and(|released| released > date)))
            .collect();
        found.sort_by_key(|breaking| breaking.date);
        found
    }

    /// All breaking releases in the table.
    pub fn breaking(&self) -> &[Breaking] {
        &self.breaking
    }

    /// The CUDA image with compiler and cuDNN of this CUDA version (`11.8` or `11.8.0`); `None` where none is served.
    pub fn cuda_image(&self, cuda: &str) -> Option<&str> {
        let minor: String = cuda.split('.').take(2).collect::<Vec<_>>().join(".");
        self.cuda_images.get(&minor).map(String::as_str)
    }

    /// The oldest Linux driver that came with this CUDA version: of `13.0`, that with the first of its releases.
    pub fn cuda_driver(&self, cuda: &str) -> Option<&str> {
        let is_release =
            |release: &str| release.strip_prefix(cuda).is_some_and(|patch| patch.is_empty() || patch.starts_with('.'));
        let mut releases = self.cuda_drivers.iter().filter(|(release, _)| is_release(release));
        releases.next().map(|(_, driver)| driver.as_str())
    }

    /// The CUDA image without compiler whose libraries bear this version in their names. From CUDA 11 on, all minor
    /// versions share the names of the first, so that the newest one serves.
    pub fn cuda_runtime_image(&self, library_version: &str) -> Option<String> {
        let major = library_version.split('.').next().unwrap_or(library_version);
        let minor =
            |version: &str| -> u32 { version.rsplit('.').next().and_then(|part| part.parse().ok()).unwrap_or(0) };
        let same_major = self.cuda_images.iter().filter(|(version, _)| version.split('.').next() == Some(major));
        let newest = same_major.max_by_key(|(version, _)| minor(version));
        newest.map(|(_, image)| image.replace("-devel-", "-runtime-"))
    }

    /// The image nearest to a tag that is no longer served, `11.7.0-cudnn8-runtime-ubuntu18.04`: the same kind, in the
    /// newest patch release of that minor version.
    pub fn nearest_cuda_tag(&self, tag: &str) -> Option<String> {
        let (version, kind) = tag.split_once('-')?;
        let served = self.cuda_image(version)?.strip_prefix("nvidia/cuda:")?.split('-').next()?;
        Some(format!("nvidia/cuda:{served}-{kind}"))
    }

    /// What replaces this package on `release`; `None` where the name still installs there or is not known.
    pub fn apt_rename(&self, package: &str, release: &str) -> Option<&[String]> {
        let rename = self.packages().apt_renames.get(package)?;
        rename.gone.iter().any(|gone| gone == release).then_some(rename.new.as_slice())
    }

    /// Is this the top-level name (or a dotted name below one) of a standard library module in Python `python`?
    pub fn is_stdlib(&self, module: &str, python: &str) -> bool {
        let top = module.split('.').next().unwrap_or(module);
        if python.starts_with('2') {
            return self.stdlib.python2.iter().any(|name| name == top) || self.stdlib_always.contains(top);
        }
        let version: Option<Version> = python.parse().ok();
        let since = |bound: &String| {
            let bound: Option<Version> = bound.parse().ok();
            version.as_ref().zip(bound).is_none_or(|(version, bound)| *version >= bound)
        };
        if self.stdlib.removed.get(top).is_some_and(since) {
            return false;
        }
        self.stdlib_always.contains(top)
            || self.stdlib.removed.contains_key(top)
            || self.stdlib.added.get(top).is_some_and(since)
    }

    /// The newest Python whose standard library has this module, where a later one has it no more.
    pub fn last_python_with(&self, module: &str) -> Option<String> {
        let top = module.split('.').next().unwrap_or(module);
        let minor: u32 = self.stdlib.removed.get(top)?.strip_prefix("3.")?.parse().ok()?;
        Some(format!("3.{}", minor.checked_sub(1)?))
    }

    /// Is this a name that repositories give to their own modules, so that a missing one is never a distribution?
    pub fn is_local_name(&self, module: &str) -> bool {
        self.local_modules.contains(module)
    }

    /// Packages that bring this shared object, `libGL.so.1`, on `release`.
    pub fn packages_of_shared_object(&self, object: &str, release: Option<&str>) -> Option<Vec<String>> {
        let file = object.rsplit('/').next().unwrap_or(object);
        self.packages().shared_objects.get(file).and_then(|packages| packages.exactly_on(release))
    }

    /// Packages that bring this header, as `#include` writes it, on `release`.
    pub fn packages_of_header(&self, header: &str, release: Option<&str>) -> Option<Vec<String>> {
        self.packages().headers.get(header).and_then(|packages| packages.exactly_on(release))
    }

    /// Packages that bring this command on `release`.
    pub fn packages_of_command(&self, command: &str, release: Option<&str>) -> Option<Vec<String>> {
        let file = command.rsplit('/').next().unwrap_or(command);
        self.packages().commands.get(file).and_then(|packages| packages.exactly_on(release))
    }
}

/// The entry whose dotted key is the longest prefix of `module`.
pub(crate) fn longest_prefix<'m, K: Borrow<str> + Ord, T>(
    map: &'m BTreeMap<K, T>,
    module: &str,
) -> Option<(&'m str, &'m T)> {
    let mut prefix = module;
    loop {
        if let Some((key, value)) = map.get_key_value(prefix) {
            return Some((key.borrow(), value));
        }
        prefix = prefix.rsplit_once('.')?.0;
    }
}
