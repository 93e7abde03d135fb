//! Applying an [`Edit`] to a [`Plan`]: the only way in which notes, repairs and people change one.

use repro_note::Edit;

use crate::names::{self, normalise, requirement_name};
use crate::plan::{Because, Plan, Reason, Wanted};

/// What an edit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    Changed,
    /// The plan already said so.
    Unchanged,
    /// It contradicts what the plan holds for another reason; nothing was changed.
    Conflict(String),
}

/// Applies one edit. Applying it again gives [`Applied::Unchanged`].
///
/// `about` is the distribution that the cause names; options of `pip install` are applied to its installation alone.
pub fn apply(plan: &mut Plan, edit: &Edit, reason: &Reason, about: Option<&str>) -> Applied {
    match edit {
        Edit::Apt(packages) => {
            let mut changed = false;
            for package in packages {
                changed |= add(&mut plan.apt, package, reason);
            }
            plan.apt.sort_by(|a, b| a.value.cmp(&b.value));
            outcome(changed)
        }
        Edit::PipPin(spec) => pin(plan, spec, reason),
        Edit::PipAdd(spec) => {
            let Some(name) = requirement_name(spec) else {
                return Applied::Conflict(format!("`{spec}` is no requirement"));
            };
            if let Some(removed) = plan.pip.removed.iter().find(|w| w.name == name) {
                return Applied::Conflict(format!("`{name}` was removed: {}", reasons(&removed.because)));
            }
            if plan.pip.requirements.iter().any(|w| w.name == name && w.spec == *spec) {
                return Applied::Unchanged;
            }
            if let Some(changed) = add_extras(plan, &name, spec, reason) {
                return changed;
            }
            // A requirement of that name with a version of its own is a pin in other words.
            if plan.pip.requirements.iter().any(|w| w.name == name) {
                return if *spec == name { Applied::Unchanged } else { pin(plan, spec, reason) };
            }
            plan.pip.requirements.push(Wanted { name, spec: spec.clone(), because: vec![reason.clone()] });
            Applied::Changed
        }
        Edit::PipRemove(name) => {
            let name = normalise(name);
            if plan.pip.removed.iter().any(|w| w.name == name) {
                return Applied::Unchanged;
            }
            plan.pip.requirements.retain(|w| w.name != name);
            plan.pip.constraints.retain(|w| w.name != name);
            plan.pip.direct.retain(|d| d.name != name);
            plan.pip.removed.push(Wanted { spec: name.clone(), name, because: vec![reason.clone()] });
            Applied::Changed
        }
        Edit::PipFlag(flag) if flag == "--no-build-isolation" => {
            let mut changed = false;
            if let Some(project) = plan.project.as_mut()
                && (about.is_none() || about.map(normalise) == project.name)
                && project.isolated
            {
                project.isolated = false;
                project.because.push(reason.clone());
                changed = true;
            }
            if let Some(name) = about.map(normalise)
                && plan.project.as_ref().is_none_or(|p| p.name.as_deref() != Some(&name))
            {
                changed |= add(&mut plan.pip.unisolated, &name, reason);
            }
            outcome(changed)
        }
        Edit::PipFlag(flag) => outcome(add(&mut plan.pip.flags, flag, reason)),
        Edit::Env(pair) => {
            let Some((key, value)) = pair.split_once('=') else {
                return Applied::Conflict(format!("`{pair}` is not KEY=VALUE"));
            };
            match plan.env.get(key) {
                Some(old) if old.value == value => Applied::Unchanged,
                Some(old) if SEARCH_PATHS.contains(&key) => {
                    let Some(both) = joined(&old.value, value) else { return Applied::Unchanged };
                    plan.env.insert(key.to_owned(), Because::new(both, reason.clone()));
                    Applied::Changed
                }
                Some(old) => Applied::Conflict(format!("{key} is already `{}`: {}", old.value, reasons(&old.because))),
                None => {
                    plan.env.insert(key.to_owned(), Because::new(value.to_owned(), reason.clone()));
                    Applied::Changed
                }
            }
        }
        Edit::BaseImage(image) if *image == plan.base_image => Applied::Unchanged,
        Edit::BaseImage(image) if plan.base_chosen || plan.on_ngc() => {
            Applied::Conflict(format!("the base `{}` stays; `--base {image}` would try the other", plan.base_image))
        }
        Edit::BaseImage(image) => {
            plan.base_image.clone_from(image);
            if let Some(version) = python_of_image(image) {
                plan.python.version = version;
            }
            plan.python.because.push(reason.clone());
            Applied::Changed
        }
        Edit::RunFlag(flag) => outcome(add(&mut plan.run_flags, flag, reason)),
        Edit::Order(sentence) => outcome(add(&mut plan.orders, sentence, reason)),
        Edit::Command(line) => outcome(add(&mut plan.commands, line, reason)),
        Edit::UpstreamPatch(line) => outcome(add(&mut plan.patches, line, reason)),
    }
}

/// Can this edit be what it says? For edits that no note has been checked for: those of other programs and people.
///
/// # Errors
/// What is wrong, in words.
pub fn check(edit: &Edit) -> Result<(), String> {
    let is_word = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    let is_line =
        |text: &str| !text.trim().is_empty() && !text.contains(|c: char| c.is_control()) && text.len() <= 4096;
    let is_package = |name: &String| {
        let mut characters = name.chars();
        characters.next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            && characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.:=~".contains(c))
    };
    let fine = match edit {
        Edit::Apt(packages) => !packages.is_empty() && packages.len() <= 100 && packages.iter().all(is_package),
        Edit::PipPin(spec) => names::parse(spec).is_some_and(|requirement| requirement.version_or_url.is_some()),
        Edit::PipAdd(spec) => names::parse(spec).is_some(),
        Edit::PipRemove(name) => requirement_name(name).is_some_and(|known| known == normalise(name)),
        Edit::PipFlag(flag) | Edit::RunFlag(flag) => flag.starts_with('-') && is_word(flag),
        Edit::Env(pair) => pair.split_once('=').is_some_and(|(key, value)| {
            !key.is_empty()
                && !key.starts_with(|c: char| c.is_ascii_digit())
                && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !value.contains(|c: char| c.is_control())
        }),
        Edit::BaseImage(image) => is_word(image) && !image.starts_with('-'),
        Edit::Command(line) | Edit::UpstreamPatch(line) | Edit::Order(line) => is_line(line),
    };
    if fine { Ok(()) } else { Err(format!("`{}` is not what an edit of that kind can be", describe(edit))) }
}

/// Can the image of such an edit be had? `pythons` are those for which a base can be had; empty for all.
pub fn can_be_had(edit: &Edit, pythons: &[String]) -> bool {
    match edit {
        Edit::BaseImage(image) => {
            pythons.is_empty() || python_of_image(image).is_none_or(|python| pythons.contains(&python))
        }
        _ => true,
    }
}

/// Variables that hold several folders: another one contradicts nothing.
const SEARCH_PATHS: [&str; 2] = ["PYTHONPATH", "LD_LIBRARY_PATH"];

/// Two search paths as one; `None` where the first has all of the second.
fn joined(old: &str, new: &str) -> Option<String> {
    let known: Vec<&str> = old.split(':').collect();
    let more: Vec<&str> = new.split(':').filter(|folder| !known.contains(folder)).collect();
    (!more.is_empty()).then(|| [known, more].concat().join(":"))
}

/// Applies one edit to each of the distributions that its cause is about; most edits are about the plan as a whole.
pub fn apply_to(plan: &mut Plan, edit: &Edit, reason: &Reason, about: &[String]) -> Applied {
    if !matches!(edit, Edit::PipFlag(_)) || about.len() < 2 {
        return apply(plan, edit, reason, about.first().map(String::as_str));
    }
    let mut changed = false;
    for name in about {
        match apply(plan, edit, reason, Some(name)) {
            Applied::Changed => changed = true,
            Applied::Unchanged => {}
            conflict @ Applied::Conflict(_) => return conflict,
        }
    }
    outcome(changed)
}

/// The edit in one line, as attempts list it: `apt libgl1 libglib2.0-0`.
pub fn describe(edit: &Edit) -> String {
    match edit {
        Edit::Apt(packages) => format!("apt {}", packages.join(" ")),
        Edit::PipPin(v) => format!("pip_pin {v}"),
        Edit::PipAdd(v) => format!("pip_add {v}"),
        Edit::PipRemove(v) => format!("pip_remove {v}"),
        Edit::PipFlag(v) => format!("pip_flag {v}"),
        Edit::Env(v) => format!("env {v}"),
        Edit::BaseImage(v) => format!("base_image {v}"),
        Edit::RunFlag(v) => format!("run_flag {v}"),
        Edit::Order(v) => format!("order {v}"),
        Edit::Command(v) => format!("command {v}"),
        Edit::UpstreamPatch(v) => format!("upstream_patch {v}"),
    }
}

/// An edit out of the words of [`describe`], `apt libgl1 libglib2.0-0`; `None` where they are none.
pub fn read(line: &str) -> Option<Edit> {
    let (kind, value) = line.split_once(' ')?;
    // What a pin replaced is no part of what is known now.
    if value.contains(" -> ") {
        return None;
    }
    let value = match kind {
        "apt" => serde_json::json!(value.split_whitespace().collect::<Vec<_>>()),
        _ => serde_json::json!(value),
    };
    serde_json::from_value(serde_json::json!({ "kind": kind, "value": value })).ok()
}

/// The Python minor version that an official image's tag names.
pub fn python_of_image(image: &str) -> Option<String> {
    let tag = image.strip_prefix("python:")?;
    let version: String = tag.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let mut parts = version.split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    (!major.is_empty() && !minor.is_empty()).then(|| format!("{major}.{minor}"))
}

fn pin(plan: &mut Plan, spec: &str, reason: &Reason) -> Applied {
    let Some(name) = requirement_name(spec) else { return Applied::Conflict(format!("`{spec}` is no requirement")) };
    if plan.pip.constraints.iter().any(|w| w.spec == spec) {
        return Applied::Unchanged;
    }
    if let Some(old) = plan.pip.constraints.iter().find(|w| w.name == name && w.spec.contains("==")) {
        return Applied::Conflict(format!("`{}` holds: {}", old.spec, reasons(&old.because)));
    }
    plan.pip.constraints.push(Wanted { name, spec: spec.to_owned(), because: vec![reason.clone()] });
    Applied::Changed
}

/// Adds the extras of `spec` to the requirements of that name, whose versions stay; `None` where it has none, or a version
/// of its own, or nothing of that name is required.
fn add_extras(plan: &mut Plan, name: &str, spec: &str, reason: &Reason) -> Option<Applied> {
    let extras = names::parse(spec).filter(|r| r.version_or_url.is_none() && !r.extras.is_empty())?.extras;
    let mut known = None;
    for wanted in plan.pip.requirements.iter_mut().filter(|wanted| wanted.name == name) {
        let Some(mut requirement) = names::parse(&wanted.spec) else { continue };
        let missing: Vec<_> = extras.iter().filter(|extra| !requirement.extras.contains(extra)).cloned().collect();
        if missing.is_empty() {
            known.get_or_insert(Applied::Unchanged);
            continue;
        }
        requirement.extras.extend(missing);
        wanted.spec = requirement.to_string();
        wanted.because.push(reason.clone());
        known = Some(Applied::Changed);
    }
    known
}

fn add(list: &mut Vec<Because<String>>, value: &str, reason: &Reason) -> bool {
    if let Some(item) = list.iter_mut().find(|item| item.value == value) {
        if !item.because.contains(reason) {
            item.because.push(reason.clone());
        }
        return false;
    }
    list.push(Because::new(value.to_owned(), reason.clone()));
    true
}

fn outcome(changed: bool) -> Applied {
    if changed { Applied::Changed } else { Applied::Unchanged }
}

fn reasons(reasons: &[Reason]) -> String {
    reasons.iter().map(Reason::line).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn why() -> Reason {
        Reason::known("a test", "x/y")
    }

    #[test]
    fn extras_are_added_to_what_is_required_already() {
        let mut plan = testing::plan();
        let extra = Edit::PipAdd("eye[colour]".to_owned());
        assert_eq!(apply(&mut plan, &extra, &why(), None), Applied::Changed);
        assert_eq!(plan.pip.requirements[0].spec, "eye[colour]==1");
        assert_eq!(apply(&mut plan, &extra, &why(), None), Applied::Unchanged);
        assert!(plan.pip.constraints.is_empty());
    }

    #[test]
    fn applying_an_edit_twice_changes_nothing_more() {
        let edits = [
            Edit::Apt(vec!["libgl1".to_owned(), "ffmpeg".to_owned()]),
            Edit::PipPin("numbers<2".to_owned()),
            Edit::PipAdd("third".to_owned()),
            Edit::PipRemove("eye".to_owned()),
            Edit::PipFlag("--no-build-isolation".to_owned()),
            Edit::PipFlag("--pre".to_owned()),
            Edit::Env("A=b".to_owned()),
            Edit::BaseImage("python:3.11-slim-bookworm".to_owned()),
            Edit::RunFlag("--shm-size=8g".to_owned()),
            Edit::Order("x before y".to_owned()),
            Edit::Command("python -m x".to_owned()),
            Edit::UpstreamPatch("sed -i s/a/b/ x.py".to_owned()),
        ];
        for edit in edits {
            let mut plan = testing::plan();
            assert_eq!(apply(&mut plan, &edit, &why(), Some("numbers")), Applied::Changed, "{edit:?}");
            let once = plan.clone();
            assert_eq!(apply(&mut plan, &edit, &why(), Some("numbers")), Applied::Unchanged, "{edit:?}");
            assert_eq!(plan, once, "{edit:?}");
        }
    }

    #[test]
    fn edits_that_contradict_each_other_are_reported_and_change_nothing() {
        let pairs = [
            (Edit::Env("A=b".to_owned()), Edit::Env("A=c".to_owned())),
            (Edit::PipRemove("third".to_owned()), Edit::PipAdd("third".to_owned())),
            (Edit::PipPin("numbers==1".to_owned()), Edit::PipPin("numbers==2".to_owned())),
        ];
        for (first, second) in pairs {
            let mut plan = testing::plan();
            apply(&mut plan, &first, &why(), None);
            let before = plan.clone();
            assert!(matches!(apply(&mut plan, &second, &why(), None), Applied::Conflict(_)), "{second:?}");
            assert_eq!(plan, before, "{second:?}");
        }
    }

    #[test]
    fn edits_of_strangers_are_checked() {
        let text = |text: &str| text.to_owned();
        for edit in [
            Edit::Apt(vec![text("libgl1"), text("g++")]),
            Edit::PipPin(text("numpy<2")),
            Edit::PipAdd(text("six")),
            Edit::PipRemove(text("Eye_x")),
            Edit::PipFlag(text("--pre")),
            Edit::Env(text("A_B=c d")),
            Edit::BaseImage(text("python:3.9-slim-bookworm")),
            Edit::Command(text("python -m x")),
        ] {
            assert_eq!(check(&edit), Ok(()));
        }
        for edit in [
            Edit::Apt(vec![text("libgl1; rm -rf /")]),
            Edit::Apt(Vec::new()),
            Edit::PipPin(text("numpy")),
            Edit::PipAdd(text("--index-url=x")),
            Edit::PipRemove(text("a b")),
            Edit::PipFlag(text("pre")),
            Edit::RunFlag(text("--a b")),
            Edit::Env(text("1A=c")),
            Edit::BaseImage(text("a b")),
            Edit::Command(text("a\nRUN b")),
        ] {
            assert!(check(&edit).is_err(), "{edit:?}");
        }
    }

    #[test]
    fn another_folder_to_search_contradicts_nothing() {
        let mut plan = testing::plan();
        let path = |folders: &str| Edit::Env(format!("PYTHONPATH={folders}"));
        assert_eq!(apply(&mut plan, &path("/a"), &why(), None), Applied::Changed);
        assert_eq!(apply(&mut plan, &path("/b:/a"), &why(), None), Applied::Changed);
        assert_eq!(plan.env["PYTHONPATH"].value, "/a:/b");
        assert_eq!(apply(&mut plan, &path("/b"), &why(), None), Applied::Unchanged);
    }

    #[test]
    fn the_python_of_an_official_image_is_read_from_its_tag() {
        assert_eq!(python_of_image("python:3.11-slim-bookworm").as_deref(), Some("3.11"));
        assert_eq!(python_of_image("python:3.9.2"), Some("3.9".to_owned()));
        assert_eq!(python_of_image("debian:12"), None);
    }

    #[test]
    fn edits_are_read_back_out_of_an_attempt() {
        assert_eq!(read("apt a b"), Some(Edit::Apt(vec!["a".to_owned(), "b".to_owned()])));
        assert_eq!(read("pip_pin numpy<2"), Some(Edit::PipPin("numpy<2".to_owned())));
        assert_eq!((read("resolve without a date"), read("pip_pin a==1 -> a")), (None, None));
    }
}
