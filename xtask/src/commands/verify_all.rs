//! `verify-all`: every stored repository rebuilt from its pins and run again.

mod one;
mod stored;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use self::stored::Stored;
pub use self::stored::parse_shard;
pub use self::table::cell;
use self::table::{Row, Status};
use crate::engine::Engine;
use crate::failure::{Failure, input};
use crate::project::Project;
use crate::report::{self, Format};
use crate::{files, interrupt};

/// Rebuild and rerun every stored repository.
///
/// Each one is built from its pins, run with the probe, and compared with its receipt. An interrupted run is taken up again
/// by the same command: what it proved within the last day is not proved twice.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask verify-all\n  cargo xtask verify-all --jobs 2 --shard 1/4 --junit verify.xml\n  \
    cargo xtask verify-all --only karpathy/micrograd,google/magika\n  cargo xtask verify-all --matrix --gpu-runner my-gpu-label\n\n\
    Exit codes: 0 all proved again, 1 one is not, 2 usage, 3 one could not be told and none failed. GPU repositories on a \
    machine without one come out as `needs GPU`, never as passed."
)]
pub struct Args {
    /// Only these repositories (may be repeated)
    #[arg(long, value_name = "USER/REPO,…", value_delimiter = ',')]
    only: Vec<String>,
    /// The I-th of N parts
    #[arg(long, value_name = "I/N", conflicts_with = "matrix")]
    shard: Option<String>,
    /// How many at a time; each holds one image
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    jobs: u8,
    /// Start over instead of going on where an interrupted run stopped
    #[arg(long)]
    fresh: bool,
    /// Build without the builder's cache, so that every server is asked again
    #[arg(long)]
    no_cache: bool,
    /// Print the matrix of jobs for GitHub Actions instead of verifying
    #[arg(long)]
    matrix: bool,
    /// With `--matrix`: append `matrix=…` to this file (GitHub's step output)
    #[arg(long, value_name = "FILE", requires = "matrix")]
    github_output: Option<PathBuf>,
    /// `runs-on` label of jobs that need a GPU; without it (or empty) one job says `needs GPU` of them
    #[arg(long, value_name = "LABEL")]
    gpu_runner: Option<String>,
    /// Write a `JUnit` report
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Append a Markdown summary (GitHub's step summary)
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Where the results are, instead of the project's own `repositories`
    #[arg(long, value_name = "DIR")]
    repositories: Option<PathBuf>,
    /// Seconds that each main command may run
    #[arg(long, default_value_t = 1200, value_name = "SECONDS")]
    timeout: u64,
    /// `docker`, `podman`, or the path of one
    #[arg(long)]
    engine: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// For how long what an interrupted run proved is believed.
const RESUME_SECONDS: i64 = 24 * 60 * 60;

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let project = Project::find(&std::env::current_dir()?, args.repositories.clone());
    let shard = args.shard.as_deref().map(stored::parse_shard).transpose()?;
    let mut all = stored::stored(&project.repositories)?;
    let only: Vec<&String> = args.only.iter().filter(|name| !name.is_empty()).collect();
    if let Some(name) = only.iter().find(|name| !all.iter().any(|stored| stored.repo == ***name)) {
        return Err(input(format!(
            "`{name}` is not stored in `{}`\nhint: `cargo xtask repro {name}` puts it there",
            project.repositories.display()
        )));
    }
    if !only.is_empty() {
        all.retain(|stored| only.contains(&&stored.repo));
    }
    if args.matrix {
        let matrix = stored::matrix(&all, args.gpu_runner.as_deref().filter(|label| !label.is_empty()));
        if let Some(path) = &args.github_output {
            files::append(path, format!("matrix={matrix}\n").as_bytes())?;
        }
        report::data(matrix);
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(shard) = shard {
        all = stored::shard(all, shard);
    }
    if all.is_empty() {
        report::note(format!("nothing to verify: `{}` holds none of it", project.repositories.display()));
    }
    let rows = verify(&all, &project, args)?;
    print(&rows, args)?;
    Ok(table::exit(&rows))
}

/// Verifies all of them, `--jobs` at a time, and keeps each row at once. Rows come back in the order of `all`.
fn verify(all: &[Stored], project: &Project, args: &Args) -> anyhow::Result<Vec<Row>> {
    let folder = project.root.join("target/repro");
    // Two runs would keep their rows in the same file, and hold four images.
    let _lock = files::Lock::acquire(&folder.join("verify.lock"))?;
    let kept = Kept::open(folder.join("verify.json"), args.fresh);
    let waiting: Vec<&Stored> = all.iter().filter(|one| one::without_engine(one).is_none()).collect();
    let rows: Mutex<Vec<Row>> = Mutex::new(all.iter().filter_map(one::without_engine).collect());
    let engine = if waiting.iter().all(|one| kept.proved(one).is_some()) {
        None
    } else {
        let engine = Engine::detect(args.engine.as_deref())
            .map_err(anyhow::Error::from)
            .and_then(|engine| one::remove_leftovers(&engine).map(|()| engine));
        if interrupt::requested() {
            anyhow::bail!(Failure::Interrupted);
        }
        Some(engine.inspect_err(|error| report::error(format!("{error:#}"))))
    };
    let next = AtomicUsize::new(0);
    let work = || -> anyhow::Result<()> {
        while let Some(stored) = waiting.get(next.fetch_add(1, Ordering::SeqCst)) {
            if interrupt::requested() {
                anyhow::bail!(Failure::Interrupted);
            }
            let row = match (kept.proved(stored), &engine) {
                (Some(row), _) => {
                    let at = jiff::Timestamp::from_second(row.at).map(|at| at.strftime("%F %R UTC").to_string());
                    let when = at.unwrap_or_default();
                    report::status("Known", format!("{}: proved before the interruption, at {when}", stored.repo));
                    Row { detail: format!("{} (at {when}, before an interruption)", row.detail), ..row.clone() }
                }
                (None, Some(Ok(engine))) => {
                    let means = one::Means {
                        engine,
                        project,
                        timeout: Duration::from_secs(args.timeout),
                        no_cache: args.no_cache,
                    };
                    let row = one::verify(stored, &means)?;
                    report::status("Verified", format!("{}: {} {}", row.repo, row.status.words(), row.detail));
                    kept.keep(&row)?;
                    row
                }
                (None, Some(Err(error))) => {
                    let detail = format!("{error:#}").lines().next().unwrap_or_default().to_owned();
                    Row { detail, ..one::row(stored) }
                }
                (None, None) => one::row(stored),
            };
            rows.lock().unwrap_or_else(PoisonError::into_inner).push(row);
        }
        Ok(())
    };
    let ended = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..args.jobs).map(|_| scope.spawn(work)).collect();
        // Each is waited for, so that none is cut short by another's error.
        let ends: Vec<_> = workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        ends.into_iter().try_for_each(|end| end.unwrap_or_else(|_| Err(anyhow::anyhow!("a worker panicked"))))
    });
    let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = ended {
        report::note(format!(
            "{} of {} were verified; the same command goes on from there, `--fresh` starts over",
            rows.len(),
            all.len()
        ));
        return Err(error);
    }
    // The run is complete: the next one proves these anew.
    kept.forget(all)?;
    rows.sort_by(|a, b| a.repo.cmp(&b.repo));
    Ok(rows)
}

/// The rows that an interrupted run has left, on disk.
struct Kept {
    path: PathBuf,
    before: Vec<Row>,
    rows: Mutex<Vec<Row>>,
}

impl Kept {
    /// Reads what is there. What cannot be read was not proved.
    fn open(path: PathBuf, fresh: bool) -> Self {
        let read = |path: &Path| serde_json::from_slice::<Vec<Row>>(&fs_err::read(path).ok()?).ok();
        let mut before = if fresh { Vec::new() } else { read(&path).unwrap_or_default() };
        let oldest = jiff::Timestamp::now().as_second() - RESUME_SECONDS;
        before.retain(|row| row.at >= oldest && row.status == Status::Proved);
        Self { path, rows: Mutex::new(before.clone()), before }
    }

    /// The row of an interrupted run that proved just this content.
    fn proved(&self, stored: &Stored) -> Option<&Row> {
        self.before.iter().find(|row| row.repo == stored.repo && row.key == stored.key)
    }

    fn keep(&self, row: &Row) -> anyhow::Result<()> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.retain(|known| known.repo != row.repo);
        rows.push(row.clone());
        Ok(files::write_atomically(&self.path, serde_json::to_string_pretty(&*rows)?.as_bytes())?)
    }

    /// Forgets these; what a wider run that was interrupted has left of others stays.
    fn forget(&self, all: &[Stored]) -> anyhow::Result<()> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.retain(|row| !all.iter().any(|stored| stored.repo == row.repo));
        if rows.is_empty() {
            let _ = fs_err::remove_file(&self.path);
            return Ok(());
        }
        Ok(files::write_atomically(&self.path, serde_json::to_string_pretty(&*rows)?.as_bytes())?)
    }
}

fn print(rows: &[Row], args: &Args) -> anyhow::Result<()> {
    match args.format {
        Format::Json => report::json(&json!({ "schema": 1, "repositories": rows }))?,
        Format::Text => report::data(table::text(rows)),
    }
    if let Some(path) = &args.junit {
        files::write_atomically(path, table::junit(rows)?.as_bytes())?;
    }
    if let Some(path) = &args.summary {
        files::append(path, table::markdown(rows).as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(folder: &tempfile::TempDir, fresh: bool) -> Kept {
        Kept::open(folder.path().join("verify.json"), fresh)
    }

    fn row(repo: &str, status: Status) -> Row {
        Row { status, ..one::row(&stored::tests::one(repo, false)) }
    }

    #[test]
    fn what_an_interrupted_run_proved_is_known_until_a_run_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = ["a/a", "b/b"].map(|repo| stored::tests::one(repo, false));
        let run = kept(&folder, false);
        run.keep(&row("a/a", Status::Proved)).unwrap();
        run.keep(&row("b/b", Status::Failed)).unwrap();
        assert!(kept(&folder, false).proved(&first).is_some());
        assert!(kept(&folder, false).proved(&second).is_none(), "only a proof is not repeated");
        assert!(kept(&folder, true).proved(&first).is_none(), "`--fresh`");
        let changed = Stored { key: "other".to_owned(), ..first.clone() };
        assert!(kept(&folder, false).proved(&changed).is_none());
        // A narrower run that is complete forgets its own only.
        kept(&folder, false).forget(&[second]).unwrap();
        assert!(kept(&folder, false).proved(&first).is_some());
        kept(&folder, false).forget(&[first]).unwrap();
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_old_interruption_proves_nothing_and_half_a_file_neither() {
        let folder = tempfile::tempdir().unwrap();
        let stored = stored::tests::one("a/a", false);
        let old = row("a/a", Status::Proved);
        kept(&folder, false).keep(&Row { at: old.at - RESUME_SECONDS - 60, ..old }).unwrap();
        assert!(kept(&folder, false).proved(&stored).is_none());
        fs_err::write(folder.path().join("verify.json"), "[{\"repo\":").unwrap();
        assert!(kept(&folder, false).proved(&stored).is_none());
    }
}
