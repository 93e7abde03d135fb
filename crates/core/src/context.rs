//! What is known about a program and its surroundings when the knowledge base is asked. Every part may be unknown.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use pep440_rs::{Version, VersionSpecifiers};
use repro_note::{Phase, When};

/// The program, its requirements and its base, as far as they are known; `None` means unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Context {
    /// Normalised distribution name -> exact version or specifier (`1.2.3`, `>=1.2,<2`); `None` where it is free.
    pub distributions: Option<BTreeMap<String, Option<String>>>,
    /// Dotted names of modules that the program imports.
    pub imports: Option<BTreeSet<String>>,
    /// Dotted names of functions that the program calls.
    pub calls: Option<BTreeSet<String>>,
    /// Normalised name of the project itself.
    pub project: Option<String>,
    /// Top-level modules that lie inside the repository: never to be installed from an index.
    pub repository_modules: BTreeSet<String>,
    /// Python version, `3.11` or `3.11.9`.
    pub python: Option<String>,
    /// The base image's name, `python:3.11-slim-bookworm`.
    pub base_image: Option<String>,
    /// `debian` or `ubuntu`.
    pub distribution: Option<String>,
    /// Release code name, `bookworm`. Read out of the image's name where it is not given.
    pub release: Option<String>,
    /// Will the container get a GPU?
    pub gpu: Option<bool>,
    /// Commit date of the repository.
    pub date: Option<Date>,
    /// Where the log comes from, or which phase is being planned.
    pub phase: Option<Phase>,
}

impl Context {
    /// The release, or what the image's name says about it.
    pub fn release(&self) -> Option<&str> {
        const RELEASES: [&str; 8] = ["buster", "bullseye", "bookworm", "trixie", "bionic", "focal", "jammy", "noble"];
        const NUMBERS: [(&str, &str); 4] =
            [("ubuntu18.04", "bionic"), ("ubuntu20.04", "focal"), ("ubuntu22.04", "jammy"), ("ubuntu24.04", "noble")];
        if self.release.is_some() {
            return self.release.as_deref();
        }
        let image = self.base_image.as_deref()?;
        let named = RELEASES.into_iter().find(|release| image.contains(release));
        let dense = image.replace(':', "");
        named.or_else(|| NUMBERS.into_iter().find(|(tag, _)| dense.contains(tag)).map(|(_, release)| release))
    }

    /// Do these conditions hold? `unknown` is the answer for a condition on something that is not known.
    pub(crate) fn holds(&self, when: &When, library: &[String], unknown: bool) -> bool {
        let imports = when.imports.is_empty() || self.imports_any(&when.imports).unwrap_or(unknown);
        let calls = when.calls.is_empty()
            || self.calls.as_ref().map_or(unknown, |calls| when.calls.iter().any(|call| calls.contains(call)));
        let present = |name: &String| self.distributions.as_ref().map(|present| present.contains_key(name));
        let distributions =
            when.distributions.is_empty() || when.distributions.iter().any(|name| present(name).unwrap_or(unknown));
        let absent = when.absent.is_empty() || when.absent.iter().all(|name| present(name).map_or(unknown, |is| !is));
        imports
            && calls
            && distributions
            && absent
            && self.on_platform(&when.platforms).unwrap_or(unknown)
            && self.python_in(when.python.as_ref()).unwrap_or(unknown)
            && self.version_in(when.affects.as_ref(), library).unwrap_or(unknown)
            && when.gpu.is_none_or(|wanted| self.gpu.map_or(unknown, |gpu| gpu == wanted))
            && (when.phase.is_empty() || self.phase.map_or(unknown, |phase| when.phase.contains(&phase)))
    }

    /// Is any of these modules, or one below it, imported?
    pub(crate) fn imports_any(&self, modules: &[String]) -> Option<bool> {
        let imports = self.imports.as_ref()?;
        Some(modules.iter().any(|module| imports.iter().any(|imported| is_within(imported, module))))
    }

    /// Is the base one of these platforms? An empty list means all of them.
    pub(crate) fn on_platform(&self, platforms: &[String]) -> Option<bool> {
        if platforms.is_empty() {
            return Some(true);
        }
        let release = self.release();
        let image = self.base_image.as_deref();
        if release.is_none() && image.is_none() && self.distribution.is_none() {
            return None;
        }
        Some(platforms.iter().any(|platform| {
            release == Some(platform)
                || self.distribution.as_deref() == Some(platform)
                || image.is_some_and(|image| image.starts_with(platform.as_str()))
        }))
    }

    /// Is the Python version in this range?
    pub(crate) fn python_in(&self, range: Option<&VersionSpecifiers>) -> Option<bool> {
        let Some(range) = range else { return Some(true) };
        let version: Version = self.python.as_deref()?.parse().ok()?;
        Some(range.contains(&version))
    }

    /// The version of this distribution, where it is known exactly.
    pub(crate) fn exact_version(&self, distribution: &str) -> Option<String> {
        let version: Version =
            self.distributions.as_ref()?.get(distribution)?.as_deref()?.trim_start_matches("==").trim().parse().ok()?;
        Some(version.to_string())
    }

    /// Is the version of any of these distributions in this range? `None` where none of them is known to be present.
    pub(crate) fn version_in(&self, range: Option<&VersionSpecifiers>, library: &[String]) -> Option<bool> {
        let Some(range) = range else { return Some(true) };
        let present = self.distributions.as_ref()?;
        let mut known = library.iter().filter_map(|name| present.get(name)).peekable();
        known.peek()?;
        Some(known.any(|version| is_affected(range, version.as_deref())))
    }

    /// Does the commit date lie in the window? An unknown date lies in every window.
    pub(crate) fn dated_within(&self, after: Option<Date>, before: Option<Date>) -> bool {
        self.date
            .is_none_or(|date| after.is_none_or(|after| date >= after) && before.is_none_or(|before| date < before))
    }
}

/// Is dotted name `module` the module `outer` or one below it?
pub(crate) fn is_within(module: &str, outer: &str) -> bool {
    module.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Would `required` (an exact version, a specifier, or nothing) install a version in `range`?
///
/// A free or open requirement installs the newest release, which is taken to lie above every bound that is named; one
/// with an upper bound installs the highest version below it.
pub(crate) fn is_affected(range: &VersionSpecifiers, required: Option<&str>) -> bool {
    let newest = Version::new([99_999]);
    let required = required.map(str::trim).filter(|text| !text.is_empty());
    let Some(required) = required else { return range.contains(&newest) };
    if let Ok(version) = required.parse::<Version>() {
        return range.contains(&version);
    }
    let Ok(specifiers) = required.parse::<VersionSpecifiers>() else { return range.contains(&newest) };
    let mut candidates = vec![newest];
    for specifier in range.iter().chain(specifiers.iter()) {
        let version = specifier.version();
        candidates.push(version.clone());
        // A little above the bound, for ranges that exclude the bound itself.
        let release: Vec<u64> = version.release().iter().copied().chain([0, 0, 1]).collect();
        candidates.push(Version::new(release));
    }
    candidates.sort();
    let installed = candidates.iter().rev().find(|candidate| specifiers.contains(candidate));
    installed.is_some_and(|version| range.contains(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(range: &str, required: Option<&str>, expected: bool) {
        assert_eq!(is_affected(&range.parse().unwrap(), required), expected, "{range} {required:?}");
    }

    #[test]
    fn a_free_requirement_means_the_newest_release() {
        check(">=2", None, true);
        check("<2", None, false);
        check(">=2", Some(">=1.0"), true);
        check("<1.5", Some(">=1.0"), false);
    }

    #[test]
    fn bounds_and_pins_are_respected() {
        check(">=2", Some("1.26.4"), false);
        check(">=2", Some("==2.1.0"), true);
        check(">=1.24", Some("<2"), true);
        check(">=2", Some("<2"), false);
        check(">=2", Some("~=1.21"), false);
        check("<0.20", Some("==0.19.*"), true);
    }

    #[test]
    fn the_release_is_read_out_of_the_image_name() {
        let on = |image: &str| {
            let context = Context { base_image: Some(image.to_owned()), ..Context::default() };
            context.release().map(str::to_owned)
        };
        assert_eq!(on("python:3.11-slim-bookworm").as_deref(), Some("bookworm"));
        assert_eq!(on("nvidia/cuda:12.1.1-devel-ubuntu22.04").as_deref(), Some("jammy"));
        assert_eq!(on("ubuntu:24.04").as_deref(), Some("noble"));
        assert_eq!(on("nvcr.io/nvidia/pytorch:25.11-py3"), None);
    }
}
