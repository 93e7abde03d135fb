//! Notes proved in containers: the failing line of every `toml proof` block shows its pitfall, and the cure ends it.
//!
//! In: the notes of the checkout. Out: a row for each proof, and the day of the run in the notes whose proof held. What is
//! prepared for several proofs is one image layer; what held with the same image and lines is not run again.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use repro_core::KnowledgeBase;
use repro_core::proof::{Case, Cure};
use sha2::{Digest as _, Sha256};

use crate::engine::{BuildRequest, BuildResult, Engine, RunRequest, silence};
use crate::failure::could_not_tell;
use crate::project::Project;
use crate::{bases, files, interrupt, lock, report};

/// How long one line may take: some compile.
const LIMIT: Duration = Duration::from_mins(20);
/// Room for the largest of what is installed.
const ROOM: u64 = 8_000_000_000;

/// What is to be proved, and how.
pub struct Options {
    /// Names of notes; empty: all.
    pub notes: Vec<String>,
    pub jobs: usize,
    /// Run also what held before with the same image and lines.
    pub fresh: bool,
    /// Part and number of parts, from 1.
    pub shard: Option<(usize, usize)>,
}

/// How a proof ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Failure and cure were seen.
    Proved,
    /// The failure was seen; the note says why the cure was not.
    FailureShown,
    /// It held before, with the same image and lines.
    Held,
    /// Something is not as the note says.
    Broken(String),
    /// Network or engine let us down.
    CouldNotTell(String),
}

/// One row of the report.
#[derive(Debug, Clone)]
pub struct Row {
    pub case: Case,
    pub end: End,
    pub seconds: f64,
    /// The block in its note.
    span: Range<usize>,
    versions: BTreeMap<String, String>,
}

/// Proves what `options` asks for. `texts`: the notes by their path below `knowledge/`.
pub fn verify(engine: &Engine, base: &KnowledgeBase, project: &Project, options: &Options) -> anyhow::Result<Vec<Row>> {
    let mut waiting = Vec::new();
    for note in base.notes().filter(|note| options.notes.is_empty() || options.notes.contains(&note.name)) {
        for pitfall in note.pitfalls.iter().filter(|pitfall| !pitfall.block.retired) {
            for proof in &pitfall.proofs {
                let row = match Case::of(note, pitfall, &proof.value) {
                    Ok(case) => (case, proof.span.clone(), proof.value.versions.clone()),
                    Err(why) => anyhow::bail!("knowledge/{}:{}: {why}", note.path, proof.line),
                };
                waiting.push(row);
            }
        }
    }
    if let Some((part, parts)) = options.shard {
        waiting =
            waiting.into_iter().enumerate().filter(|(at, _)| at % parts == part - 1).map(|(_, row)| row).collect();
    }
    // What is prepared alike comes one after the other: its layer is made once and can go away.
    waiting.sort_by(|a, b| (&a.0.image, &a.0.setup, &a.0.id).cmp(&(&b.0.image, &b.0.setup, &b.0.id)));
    for image in waiting.iter().map(|(case, ..)| case.image.clone()).collect::<std::collections::BTreeSet<_>>() {
        bases::ensure(engine, &image, project)?;
    }
    let queue = Mutex::new(waiting.into_iter());
    let rows = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
                    let Some((case, span, versions)) = next else { break };
                    if interrupt::requested() {
                        break;
                    }
                    let start = Instant::now();
                    let prover = Prover { engine, base, project, fresh: options.fresh };
                    let (end, seen) = match prover.prove(&case, &versions) {
                        Ok(done) => done,
                        Err(error) => (End::CouldNotTell(format!("{error:#}")), BTreeMap::new()),
                    };
                    let row = Row { case, end, seconds: start.elapsed().as_secs_f64(), span, versions: seen };
                    report::status(word(&row.end), describe(&row));
                    rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(row);
                }
            });
        }
    });
    if interrupt::requested() {
        anyhow::bail!(crate::failure::Failure::Interrupted);
    }
    let mut rows = rows.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    rows.sort_by(|a, b| a.case.id.cmp(&b.case.id));
    Ok(rows)
}

const fn word(end: &End) -> &'static str {
    match end {
        End::Proved => "Proved",
        End::FailureShown => "Shown",
        End::Held => "Held",
        End::Broken(_) => "Broken",
        End::CouldNotTell(_) => "Unknown",
    }
}

fn describe(row: &Row) -> String {
    match &row.end {
        End::Broken(why) | End::CouldNotTell(why) => format!("{} on {}: {why}", row.case.id, row.case.image),
        _ => format!("{} on {} ({:.0} s)", row.case.id, row.case.image, row.seconds),
    }
}

struct Prover<'a> {
    engine: &'a Engine,
    base: &'a KnowledgeBase,
    project: &'a Project,
    fresh: bool,
}

/// What a line did.
struct Seen {
    exit_code: i32,
    output: String,
    log: PathBuf,
}

impl Prover<'_> {
    fn prove(
        &self,
        case: &Case,
        versions: &BTreeMap<String, String>,
    ) -> anyhow::Result<(End, BTreeMap<String, String>)> {
        let base_id = self.engine.inspect(&case.image)?.map(|image| image.id).unwrap_or_default();
        let pitfall =
            self.base.pitfall(&case.id).map(|(_, pitfall)| format!("{:?}", pitfall.block)).unwrap_or_default();
        let key = lock::hex(&Sha256::digest(format!("{base_id}\n{case:?}\n{pitfall}")));
        let held = self.project.cache().join("proofs").join(&key);
        if held.exists() && !self.fresh {
            return Ok((End::Held, BTreeMap::new()));
        }
        let logs = self.project.root.join("target/repro/logs/proofs").join(case.id.replace('/', "-"));
        let image = match self.prepare(case, &logs)? {
            Ok(image) => image,
            Err(why) => return Ok((End::Broken(why), BTreeMap::new())),
        };
        let failing = self.run(&image, &case.failing, &logs.join("failing.log"))?;
        let edits = match case.shown(self.base, &failing.output, failing.exit_code) {
            Ok(edits) => edits,
            Err(why) => return Ok((told(&why, &failing), BTreeMap::new())),
        };
        let end = match case.cure(&edits) {
            Err(why) => End::Broken(why),
            Ok(None) => End::FailureShown,
            Ok(Some(Cure { image: other, line })) => {
                let image = if other == case.image {
                    image.clone()
                } else {
                    bases::ensure(self.engine, &other, self.project)?;
                    match self.prepare(&Case { image: other, ..case.clone() }, &logs)? {
                        Ok(image) => image,
                        Err(why) => return Ok((End::Broken(why), BTreeMap::new())),
                    }
                };
                let cured = self.run(&image, &line, &logs.join("fixed.log"))?;
                if cured.exit_code != 0 {
                    told(&format!("the cure ends with exit code {}", cured.exit_code), &cured)
                } else if case.persists(self.base, &cured.output) {
                    told("the output of the cure still leads to the pitfall", &cured)
                } else {
                    End::Proved
                }
            }
        };
        let seen = if matches!(end, End::Proved | End::FailureShown) {
            files::write_atomically(&held, case.id.as_bytes())?;
            self.versions(&image, versions)
        } else {
            BTreeMap::new()
        };
        Ok((end, seen))
    }

    /// The image in which both lines run: the base with apt's lists and what `setup` says.
    fn prepare(&self, case: &Case, logs: &Path) -> anyhow::Result<Result<String, String>> {
        self.engine.require_free(ROOM)?;
        let folder = tempfile::Builder::new().prefix("repro-proof-").tempdir().context("no temporary folder")?;
        let mut text = format!(
            "FROM {}\nENV PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 DEBIAN_FRONTEND=noninteractive\nRUN apt-get update\n",
            case.image
        );
        if !case.setup.is_empty() {
            let words = serde_json::to_string(&["sh", "-c", &case.setup])?;
            text.push_str(&format!("RUN {words}\n"));
        }
        let tag = format!("repro-proof:{}", &lock::hex(&Sha256::digest(&text))[..16]);
        let dockerfile = folder.path().join("Dockerfile");
        fs_err::write(&dockerfile, &text)?;
        let request = BuildRequest {
            context: folder.path().to_owned(),
            dockerfile,
            tag: Some(tag.clone()),
            timeout: Some(LIMIT),
            ..BuildRequest::default()
        };
        let log = logs.join("setup.log");
        let outcome = self.engine.build(&request, &log, &mut |_| {})?;
        Ok(match outcome.result {
            BuildResult::Built { .. } => Ok(tag),
            BuildResult::Failed(failure) if failure.kind.is_verdict() => {
                Err(format!("`setup` failed; see {}", log.display()))
            }
            BuildResult::Failed(failure) => {
                return Err(could_not_tell(format!(
                    "`setup` could not be finished ({:?}); see {}",
                    failure.kind,
                    log.display()
                )));
            }
        })
    }

    fn run(&self, image: &str, line: &str, log: &Path) -> anyhow::Result<Seen> {
        let request = RunRequest {
            image: image.to_owned(),
            name: "proof".to_owned(),
            command: Some(["sh", "-c", line].map(str::to_owned).to_vec()),
            user: Some("0".to_owned()),
            workdir: Some("/tmp".to_owned()),
            timeout: Some(LIMIT),
            ..RunRequest::default()
        };
        let outcome = self.engine.run(&request, log, &mut |_| {})?;
        let output = String::from_utf8_lossy(&fs_err::read(log)?).into_owned();
        Ok(Seen { exit_code: outcome.exit_code, output, log: log.to_owned() })
    }

    /// The versions that the prepared image really has of the distributions that the note names.
    fn versions(&self, image: &str, named: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let request = RunRequest {
            image: image.to_owned(),
            name: "proof-versions".to_owned(),
            command: Some(["python3", "-m", "pip", "list", "--format=json"].map(str::to_owned).to_vec()),
            offline: true,
            timeout: Some(Duration::from_mins(1)),
            ..RunRequest::default()
        };
        let said = self.engine.capture(&request).ok().map(|said| said.stdout).unwrap_or_default();
        let listed: Vec<BTreeMap<String, String>> = serde_json::from_str(said.trim()).unwrap_or_default();
        let mut versions = named.clone();
        for one in listed {
            if let (Some(name), Some(version)) = (one.get("name"), one.get("version"))
                && let Some(known) = versions.get_mut(&repro_core::normalised(name))
            {
                known.clone_from(version);
            }
        }
        versions
    }
}

/// What is not as promised, with the last words of the output; where those speak of the network, nothing is known.
fn told(why: &str, seen: &Seen) -> End {
    if silence::is_at_the_end(seen.output.lines()) {
        return End::CouldNotTell(format!("the package index did not answer; see {}", seen.log.display()));
    }
    let last: Vec<&str> = seen.output.lines().rev().filter(|line| !line.trim().is_empty()).take(2).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    End::Broken(format!("{why}: {} ({})", last.join(" | "), seen.log.display()))
}

/// Writes the day and the versions of what was proved into the notes.
pub fn record(rows: &[Row], folder: &Path, today: &str) -> anyhow::Result<usize> {
    let mut by_note: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().filter(|row| matches!(row.end, End::Proved | End::FailureShown)) {
        by_note.entry(&row.case.path).or_default().push(row);
    }
    let mut changed = 0;
    for (path, mut rows) in by_note {
        let file = folder.join(path);
        let mut text = fs_err::read_to_string(&file)?;
        // From the end, so that the places before stay where they are.
        rows.sort_by_key(|row| std::cmp::Reverse(row.span.start));
        for row in rows {
            let Some(block) = text.get(row.span.clone()) else { continue };
            let new = dated(block, today, &row.versions)?;
            if new != block {
                text.replace_range(row.span.clone(), &new);
                changed += 1;
            }
        }
        files::write_if_changed(&file, text.as_bytes())?;
    }
    Ok(changed)
}

/// A `toml proof` block with another day and versions; everything else stays as it is written.
fn dated(block: &str, today: &str, versions: &BTreeMap<String, String>) -> anyhow::Result<String> {
    let mut document: toml_edit::DocumentMut = block.parse().context("a proof that was read is no TOML")?;
    let day: toml_edit::Datetime = today.parse().context("no day")?;
    match document.get_mut("date") {
        Some(item) => *item = toml_edit::value(day),
        None => {
            document.insert("date", toml_edit::value(day));
        }
    }
    if let Some(table) = document.get_mut("versions").and_then(toml_edit::Item::as_table_like_mut) {
        for (name, version) in versions {
            if table.get(name).and_then(toml_edit::Item::as_str) != Some(version) {
                table.insert(name, toml_edit::value(version));
            }
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_keeps_its_words_and_gets_its_day() {
        let block = "platform = \"bookworm-3.11\"\ndate = 2025-01-01\nversions = { x = \"1\" }\nfailing = '''python -c 'import x''''\n";
        let versions = BTreeMap::from([("x".to_owned(), "1.2".to_owned())]);
        let new = dated(block, "2026-11-21", &versions).unwrap();
        assert_eq!(new, block.replace("2025-01-01", "2026-11-21").replace("\"1\"", "\"1.2\""));
    }
}
