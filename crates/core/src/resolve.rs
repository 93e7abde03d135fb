//! From a pitfall's fixes to edits. In: fixes, what is known of the program, the captured groups of a pattern; out: the
//! edits of the first fix whose conditions hold and whose placeholders can be filled in.

use std::collections::BTreeMap;

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{Requirement, VersionOrUrl};
use repro_note::template::{INSTALLED, Part};
use repro_note::{Edit, Fix, Strings, template};

use crate::base::{KnowledgeBase, normalised};
use crate::contents::{FileKind, RELEASES};
use crate::context::{Context, is_within};
use crate::diagnose::Wanted;
use crate::interfaces::{Asked, Lifetime};

/// Named groups of a pattern that matched, as the log has them.
pub(crate) type Captures = BTreeMap<String, String>;

/// The edits of the first fix that applies. `library` are the distributions that the note is about.
pub(crate) fn edits(
    base: &KnowledgeBase,
    fixes: &[Fix],
    library: &[String],
    context: &Context,
    captures: &Captures,
) -> Option<Vec<Edit>> {
    let mut fitting = fixes.iter().filter(|fix| context.holds(&fix.when, library, false));
    fitting.find_map(|fix| edits_of(base, fix, context, captures))
}

/// What the first fix that applies asks of a table that has no answer, or one that was never sure.
pub(crate) fn question(
    base: &KnowledgeBase,
    fixes: &[Fix],
    library: &[String],
    context: &Context,
    captures: &Captures,
) -> Option<Wanted> {
    let fix = fixes.iter().find(|fix| context.holds(&fix.when, library, false))?;
    let packages = fix.apt.iter().flat_map(|apt| apt.on(context.release()));
    packages.chain(fix.pip_pin.0.iter().cloned()).find_map(|text| {
        template::parts(&text).into_iter().find_map(|part| match part {
            Part::Placeholder { capture, table: Some(table) } => {
                wanted(base, table, captures.get(capture)?, context, captures)
            }
            _ => None,
        })
    })
}

fn wanted(base: &KnowledgeBase, table: &str, value: &str, context: &Context, captures: &Captures) -> Option<Wanted> {
    let file = |kind: FileKind, name: &str| {
        let is_known = base.packages_of(kind, name, context.release()).is_some();
        (!is_known && template::is_plain(name)).then(|| Wanted::File { kind, name: name.to_owned() })
    };
    match table {
        "shared_object" => file(FileKind::SharedObject, value),
        "linked" => file(FileKind::SharedObject, &linked(value)),
        "header" => file(FileKind::Header, value),
        "command" => file(FileKind::Command, value),
        "pkg_config" => file(FileKind::PkgConfig, value),
        "cmake" => file(FileKind::CMake, value),
        // The table knows the great breaks only.
        "before_break" => {
            let distribution = distribution_with(base, value, context)?;
            // A module of any name may be somebody's own: what is on the index under it is another program.
            let is_declared = context.distributions.as_ref().is_some_and(|known| known.contains_key(&distribution));
            let is_known = is_declared || base.distribution_of_import(value).is_some();
            let name = captures.get("name").cloned();
            is_known.then(|| Wanted::Name { distribution, module: value.to_owned(), name })
        }
        _ => None,
    }
}

/// Makes an edit of a filled-in text.
type Kind = fn(String) -> Edit;

fn edits_of(base: &KnowledgeBase, fix: &Fix, context: &Context, captures: &Captures) -> Option<Vec<Edit>> {
    let capture = |name: &str| match name.strip_prefix(INSTALLED) {
        Some(distribution) => context.exact_version(distribution),
        None => captures.get(name).cloned(),
    };
    let table = |name: &str, value: &str| lookup(base, name, value, context, captures);
    let fill = |text: &String| template::fill(text, &capture, &table);
    let mut edits = Vec::new();
    if let Some(apt) = &fix.apt {
        let mut packages: Vec<String> = Vec::new();
        for filled in apt.on(context.release()).iter().map(fill) {
            // A table may answer with several packages.
            for package in filled?.split_whitespace() {
                if !packages.iter().any(|known| known == package) {
                    packages.push(package.to_owned());
                }
            }
        }
        edits.push(Edit::Apt(packages));
    }
    let lists: [(&Strings, Kind); 9] = [
        (&fix.pip_remove, Edit::PipRemove),
        (&fix.pip_pin, Edit::PipPin),
        (&fix.pip_add, Edit::PipAdd),
        (&fix.pip_flag, Edit::PipFlag),
        (&fix.env, Edit::Env),
        (&fix.run_flag, Edit::RunFlag),
        (&fix.order, Edit::Order),
        (&fix.command, Edit::Command),
        (&fix.upstream_patch, Edit::UpstreamPatch),
    ];
    for (list, edit) in lists {
        for text in &list.0 {
            edits.push(edit(fill(text)?));
        }
    }
    if let Some(image) = &fix.base_image {
        edits.push(Edit::BaseImage(fill(image)?));
    }
    Some(edits)
}

/// What the table `name` says about `value`. Only plain words come out.
fn lookup(base: &KnowledgeBase, name: &str, value: &str, context: &Context, captures: &Captures) -> Option<String> {
    let tables = base.tables();
    let release = context.release();
    let words = |words: Vec<String>| (!words.is_empty()).then(|| words.join(" "));
    match name {
        "shared_object" => base.packages_of(FileKind::SharedObject, value, release).and_then(words),
        "linked" => base.packages_of(FileKind::SharedObject, &linked(value), release).and_then(words),
        "header" => base.packages_of(FileKind::Header, value, release).and_then(words),
        "command" => base.packages_of(FileKind::Command, value, release).and_then(words),
        "pkg_config" => base.packages_of(FileKind::PkgConfig, value, release).and_then(words),
        "cmake" => base.packages_of(FileKind::CMake, value, release).and_then(words),
        "apt_rename" => tables.apt_rename(value, release.unwrap_or("trixie")).and_then(|new| words(new.to_vec())),
        "distribution" => distribution(base, value, context),
        "torchvision" => tables.torch_companions(value)?.0.map(str::to_owned),
        "torchaudio" => tables.torch_companions(value)?.1.map(str::to_owned),
        "torch_image" => {
            // The newest Python but one: libraries of that time had wheels for it.
            let pythons = tables.pythons_of_torch(value);
            let chosen = pythons.get(pythons.len().checked_sub(2)?)?;
            tables.slim_tag(chosen, release)
        }
        "cuda_image" => tables.cuda_image(value).map(str::to_owned),
        "cuda_runtime_image" => tables.cuda_runtime_image(value),
        "cuda_tag" => tables.nearest_cuda_tag(value),
        "python_below" => {
            let below: u32 = value.parse::<u32>().ok()?.checked_sub(1)?;
            tables.slim_tag(&format!("3.{below}"), release)
        }
        "python_with" => {
            let last = tables.last_python_with(value)?;
            let is_older = |current: &str| minor_of(current).zip(minor_of(&last)).is_none_or(|(c, l)| c > l);
            context.python.as_deref().is_none_or(is_older).then(|| tables.slim_tag(&last, release))?
        }
        "before_break" => before_break(base, value, context, captures),
        "attribute" => limit(&base.lifetimes(Asked::Attribute(value, captures.get("name")?)), None, context),
        "keyword" => limit(&base.lifetimes(Asked::Parameter(value, captures.get("name")?)), None, context),
        "requirement" => requirement(value),
        "python_for" => tables.slim_tag(
            &python_for(value, captures.get("version"), &tables.slim_pythons().collect::<Vec<_>>())?,
            release,
        ),
        "older_suite" => older_suite(base, value, context),
        "spoken" => Some(spoken(value)),
        "nearest" => nearest(captures.get("version")?, value),
        _ => None,
    }
}

/// The file that the linker looks for when it is told `-lNAME`.
fn linked(name: &str) -> String {
    format!("lib{name}.so")
}

/// `11` of `3.11.4`.
fn minor_of(python: &str) -> Option<u32> {
    python.strip_prefix("3.")?.split('.').next()?.parse().ok()
}

/// The distribution to install for a module that is missing: out of the tables and notes, else the module's own name
/// where that may well be one.
fn distribution(base: &KnowledgeBase, module: &str, context: &Context) -> Option<String> {
    let top = module.split('.').next().unwrap_or(module);
    if context.repository_modules.iter().any(|local| is_within(module, local) || local == top) {
        return None;
    }
    let python = context.python.as_deref().unwrap_or("3.11");
    if module.contains('.') {
        // The parent was found, so only a distribution that shares the parent's namespace can bring the rest.
        return base.distribution_of_dotted_import(module).map(str::to_owned);
    }
    if let Some(known) = base.distribution_of_import(module) {
        return Some(known.to_owned());
    }
    // What a standard library had once is on no index under that name.
    if base.tables().last_python_with(module).is_some() {
        return None;
    }
    let plausible = module.len() > 2
        && module.starts_with(|c: char| c.is_ascii_alphabetic())
        && module.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !base.tables().is_stdlib(module, python)
        && !base.tables().is_local_name(module)
        && base.tables().distribution_of_import(module).is_none();
    plausible.then(|| module.to_ascii_lowercase().replace('_', "-"))
}

/// The distribution that a module belongs to, unless it is the repository's own or Python's.
fn distribution_with(base: &KnowledgeBase, module: &str, context: &Context) -> Option<String> {
    let top = module.split('.').next().unwrap_or(module);
    let python = context.python.as_deref().unwrap_or("3.11");
    let is_own = context.repository_modules.iter().any(|local| local == top) || base.tables().is_stdlib(top, python);
    (!is_own).then(|| base.distribution_of_import(module).map_or_else(|| normalised(top), normalised))
}

/// The requirement that keeps away the release which may have removed what a program asks of this module: of those
/// that came after the program's date the first one, without a date the last one.
fn before_break(base: &KnowledgeBase, module: &str, context: &Context, captures: &Captures) -> Option<String> {
    let distribution = distribution_with(base, module, context)?;
    if base.knows_interface(&distribution) {
        let asked = match captures.get("name") {
            Some(name) => Asked::Name(module, name),
            None => Asked::Module(module),
        };
        return limit(&base.lifetimes(asked), Some(&distribution), context);
    }
    let breaking = base.tables().breaking_releases(&distribution, context.date);
    let chosen = if context.date.is_some() { breaking.first() } else { breaking.last() };
    let pin = &chosen?.pin;
    // What is installed already from before the break was broken by something else.
    let installed: Option<Version> = context.exact_version(&distribution).and_then(|version| version.parse().ok());
    let Some(VersionOrUrl::VersionSpecifier(range)) = pin.parse::<Requirement>().ok()?.version_or_url else {
        return None;
    };
    installed.is_none_or(|installed| !range.contains(&installed)).then(|| pin.clone())
}

/// The requirement that has what came or went: below the release that dropped it, or from the one that brought it. Nothing
/// where several libraries may be meant.
fn limit(lifetimes: &[Lifetime], distribution: Option<&str>, context: &Context) -> Option<String> {
    let is_meant = |one: &&Lifetime| distribution.is_none_or(|meant| one.library == meant);
    let declared =
        |one: &&Lifetime| context.distributions.as_ref().is_some_and(|known| known.contains_key(&one.library));
    let mut meant: Vec<&Lifetime> = lifetimes.iter().filter(is_meant).collect();
    if meant.len() > 1 {
        meant.retain(declared);
    }
    let [one] = meant.as_slice() else { return None };
    let installed: Option<Version> = context.exact_version(&one.library).and_then(|version| version.parse().ok());
    let version = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<Version>().ok());
    let (since, until) = (version(&one.since), version(&one.until));
    let library = &one.library;
    let above = || since.as_ref().map(|since| format!("{library}>={}", short(since)));
    let below = || until.as_ref().map(|until| format!("{library}<{}", short(until)));
    match installed {
        Some(installed) if until.as_ref().is_some_and(|until| installed >= *until) => below(),
        Some(installed) if since.as_ref().is_some_and(|since| installed < *since) => above(),
        Some(_) => None,
        // Without a version a requirement gets the newest release.
        None => below().or_else(above),
    }
}

/// `2` for `2.0.0`: as people write bounds.
fn short(version: &Version) -> String {
    let text = version.to_string();
    let mut short = text.as_str();
    while let Some(shorter) = short.strip_suffix(".0") {
        short = shorter;
    }
    short.to_owned()
}

/// Of the versions that pip passes over (`0.1 Requires-Python >=3.8,<3.11; 0.2 Requires-Python …`), the newest Python that
/// the wanted one allows, else the last.
fn python_for(ignored: &str, wanted: Option<&String>, pythons: &[&str]) -> Option<String> {
    let wanted: Option<Version> = wanted.and_then(|version| version.parse().ok());
    let entries: Vec<(Version, VersionSpecifiers)> = ignored
        .split(';')
        .filter_map(|entry| entry.split_once(" Requires-Python "))
        .filter_map(|(version, range)| Some((version.trim().parse().ok()?, range.trim().parse().ok()?)))
        .collect();
    let exact = || entries.iter().find(|(version, _)| Some(version) == wanted.as_ref());
    let (_, range) = if wanted.is_some() { exact()? } else { entries.last()? };
    let newest =
        pythons.iter().rev().find(|python| python.parse::<Version>().is_ok_and(|python| range.contains(&python)));
    newest.map(|python| (*python).to_owned())
}

/// The official image with the same Python on the newest older release of the distribution that has this package, where
/// the base's own release has not.
fn older_suite(base: &KnowledgeBase, package: &str, context: &Context) -> Option<String> {
    let (image, python, release) = (context.base_image.as_deref()?, context.python.as_deref()?, context.release()?);
    let with = base.releases_with(package);
    let current = RELEASES.iter().position(|known| *known == release)?;
    let older = RELEASES.get(..current)?.iter().rev().find(|older| with.contains(*older))?;
    let minor = python.split('.').take(2).collect::<Vec<_>>().join(".");
    let tag = base.tables().slim_tag(&minor, Some(older)).filter(|tag| tag.ends_with(older))?;
    (image.starts_with("python:") && !with.contains(&release)).then_some(tag)
}

/// The distribution that people call by this name.
fn spoken(name: &str) -> String {
    match normalised(name).as_str() {
        "pytorch" => "torch".to_owned(),
        "sklearn" => "scikit-learn".to_owned(),
        "opencv" => "opencv-python".to_owned(),
        "pil" => "pillow".to_owned(),
        other => other.to_owned(),
    }
}

/// A requirement with its versions as a log states it, `tokenizers>=0.11.1,!=0.11.3,<0.14`; nothing where it is none. pip
/// writes `x<3.2 and >=3.1` where two are in the way.
fn requirement(text: &str) -> Option<String> {
    let requirement: Requirement = text.replace(" and ", ",").parse().ok()?;
    match (requirement.version_or_url, requirement.extras.is_empty()) {
        (Some(VersionOrUrl::VersionSpecifier(versions)), true) => {
            let versions: Vec<String> = versions.iter().map(|version| version.to_string().replace(' ', "")).collect();
            Some(format!("{}{}", requirement.name, versions.join(",")))
        }
        _ => None,
    }
}

/// Of the versions that exist (`1.0, 1.1, 2.0`), the highest that is not above the wanted one, else the lowest.
fn nearest(wanted: &str, available: &str) -> Option<String> {
    let plain = wanted.split('+').next().unwrap_or(wanted);
    let wanted: Version = plain.parse().ok()?;
    let mut versions: Vec<(Version, &str)> = available
        .split(',')
        .map(str::trim)
        .filter_map(|text| Some((text.parse::<Version>().ok()?, text)))
        .filter(|(version, _)| !version.any_prerelease())
        .collect();
    versions.sort();
    let below = versions.iter().rfind(|(version, _)| *version <= wanted);
    below.or_else(|| versions.first()).map(|(_, text)| (*text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_is_taken_over_only_as_one() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(requirement(text).as_deref(), expected, "{text}");
        check("tokenizers>=0.11.1,!=0.11.3,<0.14", Some("tokenizers>=0.11.1,!=0.11.3,<0.14"));
        check("huggingface-hub >= 0.19, < 1.0", Some("huggingface-hub>=0.19,<1.0"));
        check("x; rm -rf /", None);
        check("x @ https://e.org/x.whl", None);
    }

    #[test]
    fn the_python_is_that_of_the_version_that_is_wanted() {
        let ignored =
            "0.1.0 Requires-Python >=3.6,<3.9; 0.2.0 Requires-Python >=3.8,<3.11; 0.3 Requires-Python nonsense";
        let check = |wanted: Option<&str>, expected: Option<&str>| {
            let wanted = wanted.map(str::to_owned);
            let pythons = ["3.8", "3.9", "3.10", "3.11"];
            assert_eq!(python_for(ignored, wanted.as_ref(), &pythons).as_deref(), expected, "{wanted:?}");
        };
        check(Some("0.1"), Some("3.8"));
        check(None, Some("3.10"));
        check(Some("7"), None);
        assert_eq!(requirement("rasa-sdk<3.2.0 and >=3.1.1").as_deref(), Some("rasa-sdk>=3.1.1,<3.2.0"));
    }

    #[test]
    fn the_nearest_version_is_the_highest_not_above_the_wanted_one() {
        assert_eq!(nearest("1.13.1", "1.0, 1.13.0, 2.0").as_deref(), Some("1.13.0"));
        assert_eq!(nearest("0.9", "1.0, 1.1").as_deref(), Some("1.0"));
        assert_eq!(nearest("2.1.0+cu118", "2.0.1, 2.1.0, 2.2.0rc1").as_deref(), Some("2.1.0"));
        assert_eq!(nearest("1.0", "none"), None);
    }
}
