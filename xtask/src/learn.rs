//! What a repair has taught: a drafted note for each that worked and that no note knew.
//!
//! In: the attempts of a run that ended well with their logs; what a person changed after one that did not. Out: drafts
//! below `target/repro/drafts`, for an author to complete and to move into `knowledge/libraries`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use repro_core::template::{self, Learned};
use repro_core::{KnowledgeBase, Phase};
use repro_generator::overrides::Overrides;
use repro_generator::repair::{Attempt, State};
use repro_generator::{edit, existing};
use repro_note::{Edit, Rank};
use serde::{Deserialize, Serialize};

use crate::project::Project;
use crate::{files, report};

/// Of a log so much is kept: causes stand at its end.
const KEPT: usize = 256 << 10;

/// What is remembered of a run that did not end well.
#[derive(Debug, Serialize, Deserialize)]
struct Failed {
    overrides: Overrides,
    /// The Dockerfile that was built.
    #[serde(default)]
    dockerfile: String,
    /// `lock`, `build` or `run`.
    stage: String,
    log: String,
}

/// Where a run was, and what it gave.
pub struct Run<'a> {
    pub project: &'a Project,
    /// The repository's folder, with its `repro.toml`.
    pub folder: &'a Path,
    /// The folder of its work.
    pub work: &'a Path,
    pub logs: &'a Path,
    pub state: &'a State,
    /// What was shown, in a sentence.
    pub evidence: String,
}

/// Remembers a failure, so that what a person changes next can be learned from.
pub fn remember(run: &Run<'_>) -> anyhow::Result<()> {
    let Some(attempt) = run.state.attempts.last() else { return Ok(()) };
    let failed = Failed {
        overrides: overrides(run.folder),
        dockerfile: dockerfile(run.work),
        stage: attempt.stage.clone(),
        log: log_of(run.logs, attempt),
    };
    files::write_atomically(&run.work.join("failed.json"), &serde_json::to_vec(&failed)?)?;
    Ok(())
}

/// Drafts what is new. Gives the files.
pub fn draft(run: &Run<'_>) -> anyhow::Result<Vec<PathBuf>> {
    let knowledge = repro_knowledge::base();
    let mut written = Vec::new();
    for attempt in run.state.attempts.iter().filter(|attempt| !attempt.ok && !attempt.edits.is_empty()) {
        let id = attempt.diagnosis.as_deref().unwrap_or_default();
        if is_known(knowledge, id) {
            continue;
        }
        let log = log_of(run.logs, attempt);
        let edits: Vec<Edit> = attempt.edits.iter().filter_map(|line| edit::read(line)).collect();
        let name = id.rsplit('/').next().unwrap_or("what-is-wrong").to_owned();
        let name = if name == "advice" { "what-is-wrong".to_owned() } else { name };
        written.extend(write(run, knowledge, &name, &attempt.stage, &log, &edits)?);
    }
    let kept = run.work.join("failed.json");
    if let Some(failed) = fs_err::read(&kept).ok().and_then(|bytes| serde_json::from_slice::<Failed>(&bytes).ok()) {
        let mut edits = overrides(run.folder).edits_since(&failed.overrides);
        // What `repro.toml` changes, the Dockerfile shows; else somebody has changed the Dockerfile itself.
        if edits.is_empty() && !failed.dockerfile.is_empty() {
            edits = existing::edits_between(&failed.dockerfile, &dockerfile(run.work));
        }
        if !edits.is_empty() && run.state.attempts.iter().all(|attempt| attempt.ok) {
            written.extend(write(run, knowledge, "what-is-wrong", &failed.stage, &failed.log, &edits)?);
        }
        fs_err::remove_file(&kept)?;
    }
    for path in &written {
        report::status(
            "Drafted",
            format!("{}: a repair that no note knew; complete it and move it into knowledge/libraries", path.display()),
        );
    }
    Ok(written)
}

/// Does a note of its own stand behind this diagnosis, rather than a table or somebody's advice?
fn is_known(knowledge: &KnowledgeBase, id: &str) -> bool {
    let found = knowledge.pitfall(id);
    id.starts_with("main/") || id.starts_with("resolve/") || found.is_some_and(|(_, p)| p.block.rank == Rank::Specific)
}

fn write(
    run: &Run<'_>,
    knowledge: &KnowledgeBase,
    id: &str,
    stage: &str,
    log: &str,
    edits: &[Edit],
) -> anyhow::Result<Option<PathBuf>> {
    if edits.is_empty() {
        return Ok(None);
    }
    let repo = &run.state.plan.repo;
    let name = library(knowledge, log).unwrap_or_else(|| repo.rsplit('/').next().unwrap_or(repo).to_lowercase());
    let present = knowledge.library(&name).map(|note| note.path.clone());
    let known = knowledge.library(&name).is_some_and(|note| note.pitfalls.iter().any(|pitfall| pitfall.id == id));
    let id = if known { format!("{id}-2") } else { id.to_owned() };
    let text = present.and_then(|path| repro_knowledge::texts().into_iter().find(|(known, _)| *known == path));
    let phase = if stage == "run" { Phase::Run } else { Phase::Build };
    let source = if run.state.plan.source.upstream.is_empty() {
        format!("https://github.com/{repo}")
    } else {
        run.state.plan.source.upstream.clone()
    };
    let learned = Learned {
        source: &source,
        log,
        phase: if phase == Phase::Run { "run" } else { "build" },
        fix: edits,
        evidence: &run.evidence,
    };
    let today = jiff::Zoned::now().date().to_string();
    let text = template::learned(&name, &id, &today, &learned, text.map(|(_, text)| text));
    let path = run.project.root.join("target/repro/drafts").join(format!("{name}.md"));
    files::write_atomically(&path, text.as_bytes()).context("the draft could not be written")?;
    Ok(Some(path))
}

/// The distribution whose files the traceback ends in, or whose build failed.
fn library(knowledge: &KnowledgeBase, log: &str) -> Option<String> {
    for line in log.lines().rev() {
        if let Some((_, rest)) = line.rsplit_once("-packages/") {
            let module = rest.split(['/', '.', '"']).next().filter(|module| !module.is_empty())?;
            let name = knowledge.distribution_of_import(module).map_or_else(|| module.to_owned(), str::to_owned);
            return Some(repro_core::normalised(&name));
        }
        if let Some((_, rest)) = line.split_once("Failed building wheel for ") {
            return rest.split_whitespace().next().map(repro_core::normalised);
        }
    }
    None
}

/// The Dockerfile that is built.
fn dockerfile(work: &Path) -> String {
    fs_err::read_to_string(work.join("Dockerfile")).unwrap_or_default()
}

fn overrides(folder: &Path) -> Overrides {
    let text = fs_err::read_to_string(folder.join("repro.toml")).unwrap_or_default();
    toml::from_str(&text).unwrap_or_default()
}

/// The end of an attempt's log.
fn log_of(logs: &Path, attempt: &Attempt) -> String {
    let path = logs.join(format!("attempt-{}-{}.log", attempt.n, attempt.stage));
    let bytes = fs_err::read(path).unwrap_or_default();
    let from = bytes.len().saturating_sub(KEPT);
    String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_of_a_failure_is_the_one_its_traceback_ends_in() {
        let knowledge = repro_knowledge::base();
        let log = "  File \"/usr/local/lib/python3.11/site-packages/torch/x.py\", line 1\n  File \
                   \"/usr/local/lib/python3.11/site-packages/cv2/__init__.py\", line 2\nImportError: libx.so.1: cannot open";
        assert_eq!(library(knowledge, log).as_deref(), Some("opencv-python"));
        assert_eq!(library(knowledge, "ERROR: Failed building wheel for Some_Lib\n").as_deref(), Some("some-lib"));
        assert_eq!(library(knowledge, "error"), None);
    }

    #[test]
    fn only_what_no_note_of_its_own_knows_is_learned() {
        let knowledge = repro_knowledge::base();
        assert!(is_known(knowledge, "opencv-python/libgl-missing") && is_known(knowledge, "resolve/undated"));
        assert!(!is_known(knowledge, "shared-objects/shared-object-missing") && !is_known(knowledge, "ask/advice"));
    }
}
