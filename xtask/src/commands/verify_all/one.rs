//! Verifies one stored repository: its base, a build from its pins, the main command with the probe, and the comparison
//! with what its receipt says.
//!
//! In: a receipt whose folder is as it says. Out: a [`Row`]. Trouble with the engine, the network or a server is
//! `could not tell`, and never stops the other repositories. The image is removed on every path.

use std::collections::BTreeSet;
use std::time::Duration;

use repro_generator::receipt::Receipt;
use repro_inspect::Kind;

use super::stored::{Stored, Unusable};
use super::table::{Row, Status};
use crate::engine::{BuildFailure, BuildRequest, BuildResult, Engine, Left, silence};
use crate::failure::Failure;
use crate::project::Project;
use crate::{bases, cycle, interrupt, report, smoke};

/// Names of the images that this command builds begin with this.
pub const TAG_START: &str = "repro-verify-";

/// Room beside the image itself: what a build downloads and throws away again.
const ROOM_BYTES: u64 = 1_000_000_000;

/// With what it is done.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    pub engine: &'a Engine,
    pub project: &'a Project,
    /// How long each main command may run.
    pub timeout: Duration,
    pub no_cache: bool,
}

/// The row of a repository before anything is known.
pub fn row(stored: &Stored) -> Row {
    Row {
        repo: stored.repo.clone(),
        status: Status::CouldNotTell,
        level: None,
        stored: stored.receipt.as_ref().ok().and_then(|receipt| receipt.level.clone()),
        detail: String::new(),
        build_seconds: 0.0,
        run_seconds: 0.0,
        key: stored.key.clone(),
        at: jiff::Timestamp::now().as_second(),
    }
}

/// What can be said without an engine; `None` where one has to be asked.
pub fn without_engine(stored: &Stored) -> Option<Row> {
    let (status, detail) = match &stored.receipt {
        Ok(_) => return None,
        Err(Unusable::Broken(why)) => {
            (Status::Failed, format!("{why}; restore it, or reproduce it anew with `cargo xtask repro`"))
        }
        Err(Unusable::NotReproduced(why)) => (Status::NotReproduced, why.clone()),
    };
    Some(Row { status, detail, ..row(stored) })
}

/// Rebuilds and reruns. The only error is an interruption.
pub fn verify(stored: &Stored, means: &Means<'_>) -> anyhow::Result<Row> {
    let mut row = row(stored);
    let Ok(receipt) = &stored.receipt else { return Ok(without_engine(stored).unwrap_or(row)) };
    let tried = attempt(stored, receipt, means, &mut row);
    if interrupt::requested() {
        anyhow::bail!(Failure::Interrupted);
    }
    if let Err(error) = tried {
        row.status = Status::CouldNotTell;
        row.detail = first_line(&format!("{error:#}"));
    }
    // What is committed or shown elsewhere names no path of this machine.
    row.detail = row.detail.replace(&format!("{}/", means.project.root.display()), "");
    row.at = jiff::Timestamp::now().as_second();
    Ok(row)
}

fn attempt(stored: &Stored, receipt: &Receipt, means: &Means<'_>, row: &mut Row) -> anyhow::Result<()> {
    let Means { engine, project, timeout, no_cache } = *means;
    if receipt.needs_gpu
        && let Err(why) = engine.gpus()
    {
        row.status = Status::NeedsGpu;
        row.detail = first_line(&why.to_string());
        return Ok(());
    }
    report::status("Verifying", &stored.repo);
    engine.require_free(receipt.image_bytes.saturating_add(ROOM_BYTES))?;
    if let bases::Obtained::Nowhere(why) = bases::obtain(engine, &receipt.base.image, project)? {
        row.detail = first_line(&why);
        return Ok(());
    }
    let logs = project.logs(&stored.repo);
    fs_err::create_dir_all(&logs)?;
    let log = logs.join("verify-build.log");
    let platform = Some(receipt.platform.clone()).filter(|platform| !platform.is_empty());
    // A name that no other run has: it is removed without asking whose it is.
    let image = engine.temporary_image(&format!("{TAG_START}{}", slug(&stored.repo)));
    let mut request = BuildRequest {
        context: stored.folder.clone(),
        dockerfile: stored.folder.join("Dockerfile"),
        tag: Some(image.tag.clone()),
        labels: vec![image.label.clone()],
        platform: platform.clone(),
        timeout: Some(cycle::BUILD_LIMIT),
        no_cache,
        ..BuildRequest::default()
    };
    if stored.folder.join("source.git").is_dir() {
        request.build_args.push(("UPSTREAM".to_owned(), repro_generator::render::STAND_IN_UPSTREAM.to_owned()));
    }
    let bar = crate::progress::Bar::new("Building", &stored.repo);
    let built = engine.build(&request, &log, &mut |step| bar.step(step))?;
    bar.finish();
    row.build_seconds = built.seconds;
    let image_id = match built.result {
        BuildResult::Built { image_id } => image_id,
        BuildResult::Failed(failure) => {
            row.status = if failure.kind.is_verdict() { Status::Failed } else { Status::CouldNotTell };
            row.detail = format!("build: {} (log: {})", last_words(&failure), log.display());
            return Ok(());
        }
    };
    let smoke = smoke::Smoke {
        image: image_id,
        name: slug(&stored.repo),
        own_modules: BTreeSet::new(),
        command: receipt.main.clone().unwrap_or_default(),
        expect: receipt.expect.clone(),
        gpus: receipt.needs_gpu,
        flags: receipt.run_flags.clone(),
        offline: false,
        timeout,
        platform,
        volumes: receipt.volumes.clone(),
        mounts: Vec::new(),
        server: (receipt.kind == Some(Kind::WebUi)).then(|| receipt.questions.clone()),
        cache: None,
    };
    let ran = smoke::run(engine, &smoke, &logs.join("verify-run.log"))?;
    drop(image);
    row.run_seconds = ran.seconds;
    row.level = Some(ran.verdict.level.to_string());
    (row.status, row.detail) = judge(receipt, &ran);
    Ok(())
}

/// Compares a run with the receipt: proved again, at the same level or a higher one, or not.
fn judge(receipt: &Receipt, ran: &smoke::Ran) -> (Status, String) {
    let verdict = &ran.verdict;
    let level = verdict.level.to_string();
    if !verdict.success {
        let why = verdict.false_success.clone().unwrap_or_else(|| verdict.reasons.join("; "));
        let failed = ran.evidence.exit_code != Some(0);
        if failed && silence::is_at_the_end(ran.text.lines()) {
            return (Status::CouldNotTell, format!("a server did not answer the run: {why}"));
        }
        return (Status::Failed, why);
    }
    if let Some(stored) = &receipt.level
        && rank(&level) < rank(stored)
    {
        return (Status::Failed, format!("the receipt says `{stored}`, and now it is only `{level}`"));
    }
    let seen: Vec<String> =
        ran.evidence.frameworks.iter().map(|(name, framework)| format!("{name}: {}", framework.describe())).collect();
    let proof = verdict.proof.map(|proof| proof.to_string()).unwrap_or_default();
    (Status::Proved, if seen.is_empty() { format!("proof {proof}") } else { seen.join("; ") })
}

/// Levels in their order; a word that is none is above all, so that nothing reaches it.
fn rank(level: &str) -> usize {
    ["built", "ran", "inferred"].iter().position(|known| *known == level).unwrap_or(usize::MAX)
}

/// The last line that says why, before the builder repeats the command.
fn last_words(failure: &BuildFailure) -> String {
    let is_own = |line: &&String| {
        let line = line.trim();
        !line.is_empty()
            && !line.starts_with("---")
            && !line.contains("exit code: ")
            && !line.contains("returned a non-zero code")
    };
    let before = failure.output.iter().take_while(|line| !line.contains("exit code: "));
    let line = before.filter(is_own).last().or_else(|| failure.output.iter().rfind(is_own));
    line.map_or_else(|| format!("{:?}", failure.kind), |line| line.trim().chars().take(200).collect())
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// A repository's name as part of an image's.
fn slug(repo: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = repo.chars().map(letter).collect();
    let mut parts: Vec<&str> = text.split('-').collect();
    parts.retain(|part| !part.is_empty());
    parts.join("-")
}

/// Removes the images that a killed run of this command left behind.
pub fn remove_leftovers(engine: &Engine) -> anyhow::Result<()> {
    engine.remove_leftovers()?;
    for left in engine.temporary_images()? {
        match left {
            Left::Behind(tag) if tag.starts_with(TAG_START) => {
                report::status("Removing", format!("{tag}, left behind by a run that was killed"));
                engine.remove_image(&tag)?;
            }
            Left::Behind(_) | Left::InUse(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use repro_generator::receipt::EvidenceSeen;
    use repro_generator::verdict::{Level, Verdict};

    use super::*;
    use crate::engine::BuildFailureKind;

    fn ran(success: bool, level: Level, exit_code: i64, text: &str) -> smoke::Ran {
        let verdict = Verdict { success, level, reasons: vec!["why".to_owned()], ..Verdict::default() };
        let evidence =
            EvidenceSeen { exit_code: Some(exit_code), frameworks: BTreeMap::new(), ..EvidenceSeen::default() };
        smoke::Ran { verdict, evidence, text: text.to_owned(), seconds: 0.0 }
    }

    #[test]
    fn a_lower_level_than_the_receipts_is_a_verdict_against_and_a_higher_one_is_not() {
        let check = |stored: &str, now: Level, expected: Status| {
            let receipt = Receipt { level: Some(stored.to_owned()), ..Receipt::default() };
            let (status, detail) = judge(&receipt, &ran(true, now, 0, ""));
            assert_eq!(status, expected, "{stored} {now}: {detail}");
        };
        check("inferred", Level::Inferred, Status::Proved);
        check("inferred", Level::Ran, Status::Failed);
        check("ran", Level::Inferred, Status::Proved);
        check("ran", Level::Ran, Status::Proved);
        check("something else", Level::Inferred, Status::Failed);
    }

    #[test]
    fn a_run_that_fails_is_a_verdict_unless_a_server_was_silent() {
        let receipt = Receipt::default();
        let status = |success, code, text| judge(&receipt, &ran(success, Level::Built, code, text)).0;
        assert_eq!(status(false, 1, "ValueError: x"), Status::Failed);
        assert_eq!(status(false, 1, "OSError: [Errno 101] Network is unreachable"), Status::CouldNotTell);
        assert_eq!(status(false, 0, "Network is unreachable"), Status::Failed);
        let long_ago = format!("Connection refused\n{}", "line\n".repeat(100));
        assert_eq!(status(false, 1, &long_ago), Status::Failed);
    }

    #[test]
    fn the_last_words_of_a_step_are_its_own() {
        let output = [
            "ERROR: No matching distribution found for x==1",
            "------",
            "executor failed running [/bin/sh -c pip]: exit code: 1",
        ];
        let failure = BuildFailure {
            kind: BuildFailureKind::Step,
            step: None,
            output: output.map(str::to_owned).to_vec(),
            exit_code: Some(1),
        };
        assert_eq!(last_words(&failure), "ERROR: No matching distribution found for x==1");
        assert_eq!(last_words(&BuildFailure { output: Vec::new(), ..failure }), "Step");
    }

    #[test]
    fn an_image_may_carry_any_repositorys_name() {
        assert_eq!(slug("IntuitionEngineeringTeam/chars2vec"), "intuitionengineeringteam-chars2vec");
        assert_eq!(slug("a_b/--c..d"), "a-b-c-d");
    }
}
