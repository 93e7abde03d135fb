//! Notes proved in containers: the failing line of every `toml proof` block shows its pitfall, and the cure ends it.
//!
//! In: the notes of the checkout. Out: a row for each proof, and the day of the run in the notes whose proof held. What is
//! prepared for several proofs is one image, which goes away after the last of them; what held with the same image and lines in the last days is not run
//! again, so that all of it is seen once in a while: indexes change, and knowledge rots.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use repro_core::KnowledgeBase;
use repro_core::proof::{Case, Cure};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::commands::verify_all::cell;
use crate::engine::{Engine, RunRequest, silence};
use crate::failure::could_not_tell;
use crate::project::Project;
use crate::{bases, files, interrupt, lock, report};

/// How long one line may take: some compile.
const LIMIT: Duration = Duration::from_mins(20);
/// How many days long what held is taken to hold.
const KEPT_DAYS: i32 = 7;
/// Room for the largest of what is installed.
const ROOM: u64 = 8_000_000_000;

/// What is to be proved, and how.
pub struct Options {
    /// Names of notes; empty: all.
    pub notes: Vec<String>,
    pub jobs: usize,
    /// Run also what held in the last days with the same image and lines.
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
    /// What was seen when it held.
    held: Option<Held>,
}

/// What is kept of a proof that held, beside the cache of images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    /// Full id of the pitfall.
    pitfall: String,
    /// The day on which it held.
    date: String,
    /// Distribution -> version in the image that both lines ran in.
    versions: BTreeMap<String, String>,
    /// Module -> distribution that brings it there.
    imports: BTreeMap<String, String>,
}

impl Held {
    fn is_recent(&self) -> bool {
        let today = jiff::Zoned::now().date();
        self.date.parse::<jiff::civil::Date>().is_ok_and(|day| (today - day).get_days() < KEPT_DAYS)
    }
}

/// Proves what `options` asks for; a row for each proof that came to an end before the user interrupted.
pub fn verify(engine: &Engine, base: &KnowledgeBase, project: &Project, options: &Options) -> anyhow::Result<Vec<Row>> {
    let mut waiting = Vec::new();
    for note in base.notes().filter(|note| options.notes.is_empty() || options.notes.contains(&note.name)) {
        for pitfall in note.pitfalls.iter().filter(|pitfall| !pitfall.block.retired) {
            for proof in &pitfall.proofs {
                let row = match Case::of(note, pitfall, &proof.value) {
                    Ok(case) => (case, proof.span.clone()),
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
    let mut missing: BTreeMap<String, String> = BTreeMap::new();
    for image in waiting.iter().map(|(case, ..)| case.image.clone()).collect::<std::collections::BTreeSet<_>>() {
        // One that cannot be had takes away its own proofs only.
        if let bases::Obtained::Nowhere(why) = bases::obtain(engine, &image, project)? {
            missing.insert(image, why);
        }
    }
    let images = Images::new(engine, waiting.iter().map(|(case, _)| case));
    let queue = Mutex::new(waiting.into_iter());
    let rows = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
                    let Some((case, span)) = next else { break };
                    if interrupt::requested() {
                        break;
                    }
                    let start = Instant::now();
                    let prover = Prover { engine, base, project, images: &images, fresh: options.fresh };
                    let tried = match missing.get(&case.image) {
                        Some(why) => Ok((End::CouldNotTell(why.clone()), None)),
                        None => prover.prove(&case),
                    };
                    let (end, held) = tried.unwrap_or_else(|error| (End::CouldNotTell(format!("{error:#}")), None));
                    images.done(&case);
                    if interrupt::requested() {
                        // It was stopped: what it seemed to show is not known.
                        break;
                    }
                    let row = Row { case, end, seconds: start.elapsed().as_secs_f64(), span, held };
                    report::status(word(&row.end), describe(&row));
                    rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(row);
                }
            });
        }
    });
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
    images: &'a Images<'a>,
    fresh: bool,
}

/// Fills apt's lists.
const LISTS: &str = "apt-get -qq update";
/// What every line of a proof runs with.
const VARIABLES: [(&str, &str); 4] = [
    ("PIP_ROOT_USER_ACTION", "ignore"),
    ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
    ("PIP_NO_CACHE_DIR", "1"),
    ("DEBIAN_FRONTEND", "noninteractive"),
];

fn tag_of(image: &str, setup: &str) -> String {
    format!("repro-proof:{}", &lock::hex(&Sha256::digest(format!("{image}\n{setup}")))[..16])
}

/// An image that several proofs wait for: nothing yet, its name, or why it cannot be made.
type Made = Arc<Mutex<Option<Result<String, String>>>>;

/// The images that are prepared, each for as long as a proof needs it.
struct Images<'a> {
    engine: &'a Engine,
    made: Mutex<BTreeMap<String, Made>>,
    /// How many proofs still need each.
    waiting: Mutex<BTreeMap<String, usize>>,
}

impl<'a> Images<'a> {
    fn new<'c>(engine: &'a Engine, cases: impl Iterator<Item = &'c Case>) -> Self {
        let mut waiting = BTreeMap::new();
        for case in cases {
            *waiting.entry(tag_of(&case.image, &case.setup)).or_default() += 1;
        }
        Self { engine, made: Mutex::default(), waiting: Mutex::new(waiting) }
    }

    fn of(&self, tag: &str) -> Made {
        let mut made = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(made.entry(tag.to_owned()).or_default())
    }

    /// One proof less needs what it was prepared with; what none needs goes away.
    fn done(&self, case: &Case) {
        let tag = tag_of(&case.image, &case.setup);
        let mut waiting = self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let left = waiting.entry(tag.clone()).or_default();
        *left = left.saturating_sub(1);
        if *left == 0 && !case.setup.is_empty() {
            self.remove(&tag);
        }
    }

    fn remove(&self, tag: &str) {
        let made = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(tag);
        let made = made.and_then(|made| made.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
        if let Some(Ok(tag)) = made {
            // One that stays behind is told by the engine's own list of disk use, and takes nothing but room.
            let _ = self.engine.remove_tag(&tag);
        }
    }
}

impl Drop for Images<'_> {
    fn drop(&mut self) {
        let made = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let tags: Vec<String> = made.keys().cloned().collect();
        drop(made);
        for tag in tags {
            self.remove(&tag);
        }
    }
}

/// What a line did.
struct Seen {
    exit_code: i32,
    output: String,
    log: PathBuf,
}

impl Prover<'_> {
    fn prove(&self, case: &Case) -> anyhow::Result<(End, Option<Held>)> {
        let base_id = self.engine.inspect(&case.image)?.map(|image| image.id).unwrap_or_default();
        let pitfall =
            self.base.pitfall(&case.id).map(|(_, pitfall)| format!("{:?}", pitfall.block)).unwrap_or_default();
        let key = lock::hex(&Sha256::digest(format!("{base_id}\n{case:?}\n{pitfall}")));
        let kept = self.project.cache().join("proofs").join(&key);
        if !self.fresh
            && let Some(held) = fs_err::read(&kept).ok().and_then(|bytes| serde_json::from_slice::<Held>(&bytes).ok())
            && held.is_recent()
        {
            return Ok((End::Held, Some(held)));
        }
        let logs = self.project.root.join("target/repro/logs/proofs").join(case.id.replace('/', "-"));
        let image = match self.prepare(case, &logs)? {
            Ok(image) => image,
            Err(why) => return Ok((End::Broken(why), None)),
        };
        let failing = self.run(&image, &case.failing, &logs.join("failing.log"))?;
        let edits = match case.shown(self.base, &failing.output, failing.exit_code) {
            Ok(edits) => edits,
            Err(why) => return Ok((told(&why, &failing), None)),
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
                        Err(why) => return Ok((End::Broken(why), None)),
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
        if !matches!(end, End::Proved | End::FailureShown) || interrupt::requested() {
            return Ok((end, None));
        }
        let held = self.seen(&image, &case.id);
        files::write_atomically(&kept, &serde_json::to_vec(&held)?)?;
        Ok((end, Some(held)))
    }

    /// The image in which both lines run: the base with apt's lists and what `setup` has done there. Made once for all that
    /// share it.
    fn prepare(&self, case: &Case, logs: &Path) -> anyhow::Result<Result<String, String>> {
        let tag = tag_of(&case.image, &case.setup);
        let made = self.images.of(&tag);
        let mut made = made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(made) = made.as_ref() {
            return Ok(made.clone());
        }
        self.engine.require_free(ROOM)?;
        // One container rather than a build: no builder keeps a copy of every layer.
        let from = if case.setup.is_empty() { case.image.clone() } else { self.lists(case, logs)? };
        let line = if case.setup.is_empty() { LISTS } else { &case.setup };
        let log = logs.join("setup.log");
        let request = RunRequest {
            image: from,
            name: "proof-setup".to_owned(),
            command: Some(["sh", "-c", line].map(str::to_owned).to_vec()),
            env: VARIABLES.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            user: Some("0".to_owned()),
            workdir: Some("/".to_owned()),
            timeout: Some(LIMIT),
            keep_as: Some(tag.clone()),
            ..RunRequest::default()
        };
        let outcome = self.engine.run(&request, &log, &mut |_| {})?;
        let end = if outcome.exit_code == 0 {
            Ok(tag)
        } else if silence::is_at_the_end(String::from_utf8_lossy(&fs_err::read(&log)?).lines()) {
            return Err(could_not_tell(format!("a server did not answer `setup`; see {}", log.display())));
        } else {
            Err(format!("`setup` failed; see {}", log.display()))
        };
        *made = Some(end.clone());
        Ok(end)
    }

    /// The base with apt's lists, which every `setup` of that base starts from.
    fn lists(&self, case: &Case, logs: &Path) -> anyhow::Result<String> {
        let bare = Case { setup: String::new(), ..case.clone() };
        self.prepare(&bare, &logs.join("lists"))?.map_err(could_not_tell)
    }

    fn run(&self, image: &str, line: &str, log: &Path) -> anyhow::Result<Seen> {
        let request = RunRequest {
            image: image.to_owned(),
            name: "proof".to_owned(),
            command: Some(["sh", "-c", line].map(str::to_owned).to_vec()),
            env: VARIABLES.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            user: Some("0".to_owned()),
            workdir: Some("/tmp".to_owned()),
            timeout: Some(LIMIT),
            ..RunRequest::default()
        };
        let outcome = self.engine.run(&request, log, &mut |_| {})?;
        let output = String::from_utf8_lossy(&fs_err::read(log)?).into_owned();
        Ok(Seen { exit_code: outcome.exit_code, output, log: log.to_owned() })
    }

    /// Today, and what the prepared image really holds.
    fn seen(&self, image: &str, pitfall: &str) -> Held {
        let request = RunRequest {
            image: image.to_owned(),
            name: "proof-versions".to_owned(),
            command: Some(["python3", "-c", INSTALLED].map(str::to_owned).to_vec()),
            offline: true,
            timeout: Some(Duration::from_mins(1)),
            ..RunRequest::default()
        };
        let said = self.engine.capture(&request).ok().map(|said| said.stdout).unwrap_or_default();
        let installed: Installed = serde_json::from_str(said.trim()).unwrap_or_default();
        Held {
            pitfall: pitfall.to_owned(),
            date: jiff::Zoned::now().date().to_string(),
            versions: installed.versions,
            imports: installed.imports,
        }
    }
}

/// What [`INSTALLED`] prints.
#[derive(Default, Deserialize)]
struct Installed {
    versions: BTreeMap<String, String>,
    imports: BTreeMap<String, String>,
}

/// Prints the distributions of an interpreter with their versions, and which of them brings which top-level module.
const INSTALLED: &str = r#"
import json, re
versions, imports = {}, {}
try:
    from importlib.metadata import distributions
except ImportError:
    distributions = lambda: ()
for one in distributions():
    name = re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower()
    versions[name] = one.version
    for file in one.files or ():
        top = file.parts[0]
        if len(file.parts) == 1 and top.endswith(".py"):
            module = top[:-3]
        # A folder without one is shared by several distributions.
        elif len(file.parts) == 2 and file.parts[1] == "__init__.py":
            module = top
        else:
            continue
        if module.isidentifier() and not module.startswith("_"):
            imports[module] = name
print(json.dumps({"versions": versions, "imports": imports}))
"#;

/// What is not as promised, with the last words of the output; where those speak of the network, nothing is known.
fn told(why: &str, seen: &Seen) -> End {
    if silence::is_at_the_end(seen.output.lines()) {
        return End::CouldNotTell(format!("the package index did not answer; see {}", seen.log.display()));
    }
    let last: Vec<&str> = seen.output.lines().rev().filter(|line| !line.trim().is_empty()).take(2).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    End::Broken(format!("{why}: {} ({})", last.join(" | "), seen.log.display()))
}

/// Module -> the distributions that bring it, as seen in the images of all proofs that have held on this machine.
pub fn imports(project: &Project) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let folder = project.cache().join("proofs");
    let entries = match fs_err::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(seen),
        Err(error) => return Err(error.into()),
    };
    for entry in entries {
        let Ok(held) = serde_json::from_slice::<Held>(&fs_err::read(entry?.path())?) else { continue };
        for (module, distribution) in held.imports {
            let known = seen.entry(module).or_default();
            if !known.contains(&distribution) {
                known.push(distribution);
            }
        }
    }
    Ok(seen)
}

/// The rows as a Markdown table: all that does not hold, and how many do.
pub fn markdown(rows: &[Row]) -> String {
    let mut text = format!("{}\n", counted(rows));
    let broken: Vec<&Row> =
        rows.iter().filter(|row| matches!(row.end, End::Broken(_) | End::CouldNotTell(_))).collect();
    if !broken.is_empty() {
        text.push_str("\n| pitfall | image | what was seen |\n| --- | --- | --- |\n");
    }
    for row in broken {
        let (End::Broken(why) | End::CouldNotTell(why)) = &row.end else { continue };
        text.push_str(&format!("| {} | {} | {} |\n", cell(&row.case.id), cell(&row.case.image), cell(why)));
    }
    text
}

/// How many ended how, in one line.
pub fn counted(rows: &[Row]) -> String {
    let count = |wanted: fn(&End) -> bool| rows.iter().filter(|row| wanted(&row.end)).count();
    format!(
        "{} proved, {} with the failure only, {} held in the last {KEPT_DAYS} days, {} broken, {} could not be told",
        count(|end| *end == End::Proved),
        count(|end| *end == End::FailureShown),
        count(|end| *end == End::Held),
        count(|end| matches!(end, End::Broken(_))),
        count(|end| matches!(end, End::CouldNotTell(_))),
    )
}

/// Writes day and versions of what held into the notes below `folder`; the number of blocks that changed.
pub fn record(rows: &[Row], folder: &Path) -> anyhow::Result<usize> {
    let mut by_note: BTreeMap<&str, Vec<(&Row, &Held)>> = BTreeMap::new();
    for row in rows {
        if let Some(held) = &row.held {
            by_note.entry(&row.case.path).or_default().push((row, held));
        }
    }
    let mut changed = 0;
    for (path, mut rows) in by_note {
        let file = folder.join(path);
        let mut text = fs_err::read_to_string(&file)?;
        // From the end, so that the places before stay where they are.
        rows.sort_by_key(|(row, _)| std::cmp::Reverse(row.span.start));
        for (row, held) in rows {
            let Some(block) = text.get(row.span.clone()) else { continue };
            let new = dated(block, held)?;
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
fn dated(block: &str, held: &Held) -> anyhow::Result<String> {
    let mut document: toml_edit::DocumentMut = block.parse().context("a proof that was read is no TOML")?;
    let day: toml_edit::Datetime = held.date.parse().context("no day")?;
    match document.get_mut("date") {
        Some(item) => *item = toml_edit::value(day),
        None => {
            document.insert("date", toml_edit::value(day));
        }
    }
    if let Some(table) = document.get_mut("versions").and_then(toml_edit::Item::as_table_like_mut) {
        let named: Vec<String> = table.iter().map(|(name, _)| name.to_owned()).collect();
        for name in named {
            let known = table.get(&name).and_then(toml_edit::Item::as_str);
            if let Some(version) =
                held.versions.get(&repro_core::normalised(&name)).filter(|version| known != Some(version))
            {
                table.insert(&name, toml_edit::value(version));
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
        let versions = [("x", "1.2"), ("unnamed", "3")].map(|(name, version)| (name.to_owned(), version.to_owned()));
        let held = Held {
            pitfall: "x/y".to_owned(),
            date: "2026-11-21".to_owned(),
            versions: versions.into(),
            imports: BTreeMap::new(),
        };
        let new = dated(block, &held).unwrap();
        assert_eq!(new, block.replace("2025-01-01", "2026-11-21").replace("\"1\"", "\"1.2\""));
    }
}
