//! What contradicts itself before anything is built. In: a Dockerfile with its requirement files; out: sentences with the
//! edits that settle them, out of the tables. Only what cannot work is told: what may fail is left to the build.

use std::collections::BTreeMap;

use repro_core::KnowledgeBase;
use repro_dockerfile::{Dockerfile, ShellCommand};
use repro_note::Edit;

use super::Existing;
use super::edit::Place;
use super::read::{context, declared, root_image};
use crate::names;

/// Two things that cannot both be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// What contradicts what, in one sentence.
    pub message: String,
    /// What settles it.
    pub edit: Edit,
    pub place: Place,
}

/// Every conflict that the tables know of.
pub fn conflicts(
    project: &Existing,
    build_args: &BTreeMap<String, String>,
    knowledge: &KnowledgeBase,
) -> Vec<Conflict> {
    let mut found = Vec::new();
    let file = Dockerfile::parse(&project.dockerfile);
    let context = context(project, build_args, knowledge);
    let tables = knowledge.tables();
    let pins: BTreeMap<String, String> =
        declared(project).into_iter().filter_map(|(name, spec)| Some((name, exact(&spec)?))).collect();
    if let Some(torch) = pins.get("torch") {
        let (vision, audio) = tables.torch_companions(torch).unwrap_or_default();
        for (name, companion) in [("torchvision", vision), ("torchaudio", audio)] {
            let (Some(pinned), Some(companion)) = (pins.get(name), companion) else { continue };
            let is_built_for_it = tables.torch_release_of(name, pinned).is_none_or(|release| release == public(torch));
            if !is_built_for_it {
                found.push(Conflict {
                    message: format!("{name} {pinned} was built for another torch than {torch}"),
                    edit: Edit::PipPin(format!("{name}=={companion}")),
                    place: Place::Run,
                });
            }
        }
        let pythons = tables.pythons_of_torch(torch);
        if let Some(python) = context.python.as_deref()
            && let Some(newest) = pythons.last()
            && !pythons.iter().any(|known| python == known || python.starts_with(&format!("{known}.")))
            && let Some(image) = other_python(project, build_args, newest, knowledge)
        {
            found.push(Conflict {
                message: format!(
                    "torch {torch} has no wheel for Python {python}; the newest that it has one for is {newest}"
                ),
                edit: Edit::BaseImage(image),
                place: Place::Run,
            });
        }
    }
    if let Some(release) = context.release() {
        for index in file.apt_installs() {
            let commands = file.instruction(index).map(|one| one.commands()).unwrap_or_default();
            for word in commands.iter().filter_map(ShellCommand::apt_packages).flatten() {
                if let Some(new) = tables.apt_rename(&word.text, release).filter(|new| !new.is_empty()) {
                    found.push(Conflict {
                        message: format!(
                            "{release} has no package {}; it is called {} there",
                            word.text,
                            new.join(", ")
                        ),
                        edit: Edit::Apt(new.to_vec()),
                        place: Place::Build(index),
                    });
                }
            }
        }
    }
    found
}

/// The version of `torch==2.1.0`.
fn exact(spec: &str) -> Option<String> {
    let requirement = names::parse(spec)?;
    let Some(pep508_rs::VersionOrUrl::VersionSpecifier(range)) = requirement.version_or_url else { return None };
    let text = range.to_string();
    text.strip_prefix("==").filter(|version| !version.contains(['*', ','])).map(str::to_owned)
}

/// Without the label of a build.
fn public(version: &str) -> &str {
    version.split('+').next().unwrap_or(version)
}

/// The official image with another Python, where the file starts from one.
pub(super) fn other_python(
    project: &Existing,
    build_args: &BTreeMap<String, String>,
    python: &str,
    knowledge: &KnowledgeBase,
) -> Option<String> {
    let image = root_image(&Dockerfile::parse(&project.dockerfile), build_args)?;
    let (_, kind) = image.strip_prefix("python:")?.split_once('-')?;
    let suite = kind.strip_prefix("slim-").or_else(|| kind.strip_prefix("slim").map(|_| "")).filter(|s| !s.is_empty());
    if kind.starts_with("slim") {
        knowledge.tables().slim_tag(python, suite)
    } else {
        Some(format!("python:{python}-{kind}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dockerfile: &str, expected: &[(&str, Edit)]) {
        let project = Existing { dockerfile: dockerfile.to_owned(), ..Existing::default() };
        let found = conflicts(&project, &BTreeMap::new(), repro_knowledge::base());
        let edits: Vec<&Edit> = found.iter().map(|one| &one.edit).collect();
        assert_eq!(edits, expected.iter().map(|(_, edit)| edit).collect::<Vec<_>>(), "{found:?}");
        for (one, (words, _)) in found.iter().zip(expected) {
            assert!(one.message.contains(words), "{}", one.message);
        }
    }

    #[test]
    fn what_cannot_work_is_told_before_it_is_built() {
        let pair = "FROM python:3.10-slim-bookworm\nRUN pip install torch==2.1.0 torchvision==0.15.2\n";
        check(pair, &[("another torch", Edit::PipPin("torchvision==0.16.0".to_owned()))]);
        check(&pair.replace("0.15.2", "0.16.0"), &[]);
        check(
            &pair.replace("0.15.2", "0.16.0").replace("3.10", "3.12"),
            &[("no wheel for Python 3.12", Edit::BaseImage("python:3.11-slim-bookworm".to_owned()))],
        );
        let renamed = "FROM python:3.11-slim-trixie\nRUN apt-get update && apt-get install -y libgl1-mesa-glx git\n";
        check(renamed, &[("libgl1-mesa-glx", Edit::Apt(vec!["libgl1".to_owned()]))]);
        check(&renamed.replace("trixie", "bullseye"), &[]);
    }
}
