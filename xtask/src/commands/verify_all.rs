//! `verify-all`: every stored repository rebuilt from its pins and run again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use repro_generator::receipt::Receipt;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::bases;
use crate::engine::{BuildFailure, BuildFailureKind, BuildRequest, BuildResult, Engine};
use crate::failure::{Failure, input};
use crate::project::Project;
use crate::report::{self, Format};
use crate::{files, interrupt, lock, smoke};

/// Rebuild and rerun every stored repository.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask verify-all\n  cargo xtask verify-all --shard 1/4 --junit verify.xml\n  \
    cargo xtask verify-all --only karpathy/micrograd\n\n\
    Exit codes: 0 all proved again, 1 one is not, 3 one could not be told and none failed. GPU repositories on a machine \
    without one come out as `needs GPU`, never as passed."
)]
pub struct Args {
    /// Only these repositories (USER/REPO, may be repeated)
    #[arg(long, value_name = "USER/REPO")]
    only: Vec<String>,
    /// The I-th of N parts
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
    /// How many at a time; each holds one image
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    jobs: u8,
    /// Start over instead of going on where an interrupted run stopped
    #[arg(long)]
    fresh: bool,
    /// Print the matrix of jobs for GitHub Actions instead of verifying
    #[arg(long)]
    matrix: bool,
    /// With `--matrix`: append `matrix=…` to this file (GitHub's step output)
    #[arg(long, value_name = "FILE", requires = "matrix")]
    github_output: Option<PathBuf>,
    /// `runs-on` label of jobs that need a GPU; without it they are left out of the matrix
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

/// How one repository came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Status {
    Proved,
    Failed,
    NeedsGpu,
    CouldNotTell,
}

impl Status {
    const fn words(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Failed => "FAILED",
            Self::NeedsGpu => "needs GPU",
            Self::CouldNotTell => "could not tell",
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row {
    repo: String,
    status: Status,
    level: Option<String>,
    /// Level in the stored receipt.
    stored: Option<String>,
    detail: String,
    build_seconds: f64,
    run_seconds: f64,
    /// Hash of the folder's files: a changed folder is verified anew.
    key: String,
}

/// GitHub refuses a matrix with more jobs than this.
const MATRIX_LIMIT: usize = 256;

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let project = Project::find(&std::env::current_dir()?, args.repositories.clone());
    let mut all = stored(&project)?;
    if !args.only.is_empty() {
        for name in &args.only {
            if !all.iter().any(|(repo, _)| repo == name) {
                return Err(input(format!("`{name}` is not stored in {}", project.repositories.display())));
            }
        }
        all.retain(|(repo, _)| args.only.contains(repo));
    }
    if args.matrix {
        let matrix = matrix(&all, args.gpu_runner.as_deref());
        if let Some(path) = &args.github_output {
            let mut text = fs_err::read_to_string(path).unwrap_or_default();
            text.push_str(&format!("matrix={matrix}\n"));
            files::write_atomically(path, text.as_bytes())?;
        }
        report::data(matrix);
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(shard) = &args.shard {
        let (index, count) = parse_shard(shard)?;
        all = all.into_iter().enumerate().filter(|(i, _)| i % count == index - 1).map(|(_, r)| r).collect();
    }
    let engine = Engine::detect(args.engine.as_deref())?;
    let rows = verify(&engine, &all, &project, args)?;
    print(&rows, args)?;
    Ok(exit_code(&rows))
}

/// All stored repositories, by name, with their receipts.
fn stored(project: &Project) -> anyhow::Result<Vec<(String, Receipt)>> {
    let mut all = Vec::new();
    let Ok(users) = fs_err::read_dir(&project.repositories) else { return Ok(all) };
    for user in users {
        let user = user?.path();
        if !user.is_dir() {
            continue;
        }
        for repo in fs_err::read_dir(&user)? {
            let path = repo?.path().join("receipt.json");
            let Ok(text) = fs_err::read_to_string(&path) else { continue };
            let receipt: Receipt = serde_json::from_str(&text)
                .map_err(|e| input(format!("{}: {e}\nhint: restore it from version control", path.display())))?;
            if receipt.success {
                all.push((receipt.repo.clone(), receipt));
            } else {
                report::note(format!("{}: not reproduced yet, so there is nothing to verify", receipt.repo));
            }
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(all)
}

fn parse_shard(text: &str) -> anyhow::Result<(usize, usize)> {
    let parsed = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match parsed {
        Some((i, n)) if i >= 1 && i <= n => Ok((i, n)),
        _ => Err(input(format!("`--shard {text}` is not I/N with I from 1 to N"))),
    }
}

/// The matrix as GitHub reads it. Where there are too many repositories for one job each, jobs take several.
fn matrix(all: &[(String, Receipt)], gpu_runner: Option<&str>) -> serde_json::Value {
    let entries: Vec<(&String, &str)> = all
        .iter()
        .filter_map(|(repo, receipt)| {
            let runner = if receipt.needs_gpu { gpu_runner? } else { "ubuntu-latest" };
            Some((repo, runner))
        })
        .collect();
    let size = entries.len().div_ceil(MATRIX_LIMIT - 1).max(1);
    let mut by_runner: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    for (repo, runner) in entries {
        by_runner.entry(runner).or_default().push(repo);
    }
    let include: Vec<_> = by_runner
        .iter()
        .flat_map(|(runner, repos)| {
            repos.chunks(size).map(move |chunk| {
                let only: Vec<String> = chunk.iter().map(|r| format!("--only {r}")).collect();
                let name = chunk.first().map_or("", |r| r.as_str());
                json!({ "repository": name, "only": only.join(" "), "runs-on": runner })
            })
        })
        .collect();
    json!({ "include": include })
}

fn verify(engine: &Engine, all: &[(String, Receipt)], project: &Project, args: &Args) -> anyhow::Result<Vec<Row>> {
    let kept = project.root.join("target/repro/verify.json");
    if args.fresh {
        let _ = fs_err::remove_file(&kept);
    }
    let before: Vec<Row> =
        fs_err::read(&kept).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let rows = Mutex::new(before.clone());
    let done = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let work = || -> anyhow::Result<()> {
        while let Some((repo, receipt)) = all.get(next.fetch_add(1, Ordering::SeqCst)) {
            if interrupt::requested() {
                anyhow::bail!(Failure::Interrupted);
            }
            let key = key(&project.folder(repo));
            let known = before.iter().find(|row| row.repo == *repo && row.key == key && row.status == Status::Proved);
            let row = match known {
                Some(row) => {
                    report::status("Known", format!("{repo}: proved before the interruption"));
                    row.clone()
                }
                None => verify_one(engine, repo, receipt, key, project, args)?,
            };
            report::status("Verified", format!("{repo}: {} {}", row.status.words(), row.detail));
            let mut rows = rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            rows.retain(|r| r.repo != row.repo);
            rows.push(row.clone());
            files::write_atomically(&kept, serde_json::to_string_pretty(&*rows)?.as_bytes())?;
            done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(row);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..args.jobs).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a worker panicked"))))
    })?;
    // The run is complete: the next one starts from nothing.
    let _ = fs_err::remove_file(&kept);
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by(|a, b| a.repo.cmp(&b.repo));
    Ok(done)
}

fn key(folder: &Path) -> String {
    let mut hash = Sha256::new();
    let mut names: Vec<String> =
        ["Dockerfile", "requirements.lock", "build-constraints.txt", "repro.toml", "receipt.json"]
            .map(str::to_owned)
            .into();
    let mut inputs: Vec<String> = fs_err::read_dir(folder.join("run"))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(format!("run/{}", entry.ok()?.file_name().to_str()?)))
        .collect();
    inputs.sort();
    names.append(&mut inputs);
    for name in names {
        hash.update(&name);
        hash.update(fs_err::read(folder.join(&name)).unwrap_or_default());
    }
    lock::hex(&hash.finalize())
}

fn verify_one(
    engine: &Engine,
    repo: &str,
    receipt: &Receipt,
    key: String,
    project: &Project,
    args: &Args,
) -> anyhow::Result<Row> {
    let mut row = Row {
        repo: repo.to_owned(),
        status: Status::CouldNotTell,
        level: None,
        stored: receipt.level.clone(),
        detail: String::new(),
        build_seconds: 0.0,
        run_seconds: 0.0,
        key,
    };
    if receipt.needs_gpu
        && let Err(why) = engine.gpus()
    {
        row.status = Status::NeedsGpu;
        row.detail = first_line(&why.to_string());
        return Ok(row);
    }
    report::status("Verifying", repo);
    if let bases::Obtained::Nowhere(why) = bases::obtain(engine, &receipt.base.image, project)? {
        row.detail = first_line(&why);
        return Ok(row);
    }
    let folder = project.folder(repo);
    let logs = project.logs(repo);
    fs_err::create_dir_all(&logs)?;
    let tag = format!("repro-verify-{}", receipt.image.as_deref().unwrap_or("image:latest"));
    let log = logs.join("verify-build.log");
    let mut request = BuildRequest {
        context: folder.clone(),
        dockerfile: folder.join("Dockerfile"),
        tag: Some(tag.clone()),
        platform: Some(receipt.platform.clone()).filter(|p| !p.is_empty()),
        timeout: Some(crate::cycle::BUILD_LIMIT),
        ..BuildRequest::default()
    };
    if folder.join("source.git").is_dir() {
        request.build_args.push(("UPSTREAM".to_owned(), repro_generator::render::STAND_IN_UPSTREAM.to_owned()));
    }
    let bar = crate::progress::Bar::new("Building", repo);
    let built = engine.build(&request, &log, &mut |step| bar.step(step))?;
    bar.finish();
    row.build_seconds = built.seconds;
    let image_id = match built.result {
        BuildResult::Built { image_id } => image_id,
        BuildResult::Failed(failure) => {
            row.status = if is_verdict(&failure) { Status::Failed } else { Status::CouldNotTell };
            row.detail = format!("build: {} ({})", last_words(&failure), log.display());
            return Ok(row);
        }
    };
    let smoke = smoke::Smoke {
        image: image_id,
        name: repo.replace('/', "-"),
        own_modules: std::collections::BTreeSet::new(),
        command: receipt.main.clone().unwrap_or_default(),
        expect: receipt.expect.clone(),
        gpus: receipt.needs_gpu,
        flags: receipt.run_flags.clone(),
        offline: false,
        timeout: Duration::from_secs(args.timeout),
        platform: Some(receipt.platform.clone()).filter(|p| !p.is_empty()),
        volumes: receipt.volumes.clone(),
    };
    let ran = smoke::run(engine, &smoke, &logs.join("verify-run.log")).context("the smoke run could not be made");
    let removed = engine.remove_image(&tag);
    let ran = ran?;
    removed?;
    row.run_seconds = ran.seconds;
    row.level = Some(ran.verdict.level.to_string());
    let kept_level = receipt.level.is_none() || receipt.level == row.level || row.level.as_deref() == Some("inferred");
    row.status = if ran.verdict.success && kept_level { Status::Proved } else { Status::Failed };
    row.detail = if row.status == Status::Proved {
        ran.evidence.frameworks.iter().map(|(n, f)| format!("{n}: {}", f.describe())).collect::<Vec<_>>().join("; ")
    } else {
        ran.verdict.false_success.clone().unwrap_or_else(|| ran.verdict.reasons.join("; "))
    };
    Ok(row)
}

/// Is this about the repository? A server that does not answer is not.
fn is_verdict(failure: &BuildFailure) -> bool {
    const SILENT: [&str; 7] = [
        "Could not resolve host",
        "unable to access",
        "Failed to connect",
        "Connection timed out",
        "Temporary failure in name resolution",
        "Temporary failure resolving",
        "Max retries exceeded",
    ];
    matches!(failure.kind, BuildFailureKind::Step | BuildFailureKind::Dockerfile | BuildFailureKind::BaseImageMissing)
        && !failure.output.iter().any(|line| SILENT.iter().any(|text| line.contains(text)))
}

fn last_words(failure: &BuildFailure) -> String {
    let line = failure.output.iter().rev().find(|line| !line.trim().is_empty());
    line.map_or_else(|| format!("{:?}", failure.kind), |line| line.trim().chars().take(200).collect())
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn exit_code(rows: &[Row]) -> ExitCode {
    if rows.iter().any(|r| r.status == Status::Failed) {
        ExitCode::from(1)
    } else if rows.iter().any(|r| r.status == Status::CouldNotTell) {
        ExitCode::from(3)
    } else {
        ExitCode::SUCCESS
    }
}

fn print(rows: &[Row], args: &Args) -> anyhow::Result<()> {
    match args.format {
        Format::Json => report::json(&json!({ "schema": 1, "repositories": rows }))?,
        Format::Text => {
            let width = rows.iter().map(|r| r.repo.len()).max().unwrap_or(10).max(10);
            report::data(format!(
                "{:width$}  {:14}  {:9}  {:>7}  {:>6}  detail",
                "repository", "result", "level", "build", "run"
            ));
            for row in rows {
                report::data(format!(
                    "{:width$}  {:14}  {:9}  {:>5.0} s  {:>4.0} s  {}",
                    row.repo,
                    row.status.words(),
                    row.level.as_deref().unwrap_or("-"),
                    row.build_seconds,
                    row.run_seconds,
                    row.detail
                ));
            }
            let passed = rows.iter().filter(|r| r.status == Status::Proved).count();
            let failed = rows.iter().filter(|r| r.status == Status::Failed).count();
            report::data(format!("{passed} passed, {failed} failed, {} skipped", rows.len() - passed - failed));
        }
    }
    if let Some(path) = &args.junit {
        files::write_atomically(path, junit(rows)?.as_bytes())?;
    }
    if let Some(path) = &args.summary {
        let mut text = fs_err::read_to_string(path).unwrap_or_default();
        text.push_str("| repository | result | level | detail |\n| --- | --- | --- | --- |\n");
        for row in rows {
            let level = row.level.as_deref().unwrap_or("-");
            let detail = row.detail.replace('|', "\\|").replace('<', "&lt;");
            text.push_str(&format!("| {} | {} | {level} | {detail} |\n", row.repo, row.status.words()));
        }
        files::write_atomically(path, text.as_bytes())?;
    }
    Ok(())
}

fn junit(rows: &[Row]) -> anyhow::Result<String> {
    let mut suite = TestSuite::new("verify-all");
    for row in rows {
        let status = match row.status {
            Status::Proved => TestCaseStatus::success(),
            Status::Failed => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message(row.detail.clone());
                status
            }
            Status::NeedsGpu | Status::CouldNotTell => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(format!("{}: {}", row.status.words(), row.detail));
                status
            }
        };
        let mut case = TestCase::new(row.repo.clone(), status);
        case.set_time(Duration::from_secs_f64((row.build_seconds + row.run_seconds).max(0.0)));
        suite.add_test_case(case);
    }
    let mut report = Report::new("repro");
    report.add_test_suite(suite);
    Ok(report.to_string()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(repo: &str, needs_gpu: bool) -> (String, Receipt) {
        (repo.to_owned(), Receipt { repo: repo.to_owned(), needs_gpu, ..Receipt::default() })
    }

    #[test]
    fn gpu_repositories_are_in_the_matrix_only_where_there_is_a_runner_for_them() {
        let all = [receipt("a/cpu", false), receipt("b/gpu", true)];
        assert_eq!(matrix(&all, None)["include"].as_array().map(Vec::len), Some(1));
        assert_eq!(matrix(&all, Some("gpu"))["include"].as_array().map(Vec::len), Some(2));
        assert_eq!(matrix(&[], None)["include"].as_array().map(Vec::len), Some(0));
    }

    #[test]
    fn a_matrix_stays_below_what_github_takes_and_loses_none() {
        let all: Vec<_> = (0..1000).map(|i| receipt(&format!("u/r{i}"), i % 3 == 0)).collect();
        let matrix = matrix(&all, Some("gpu"));
        let include = matrix["include"].as_array().expect("a list");
        assert!(include.len() <= MATRIX_LIMIT, "{}", include.len());
        let named: usize = include.iter().filter_map(|e| e["only"].as_str()).map(|o| o.matches("--only").count()).sum();
        assert_eq!(named, 1000);
    }

    #[test]
    fn shards_are_read_strictly() {
        assert_eq!(parse_shard("2/4").ok(), Some((2, 4)));
        for bad in ["0/4", "5/4", "x/4", "4", ""] {
            assert!(parse_shard(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_failure_is_worse_than_not_knowing() {
        let row = |status| Row {
            repo: String::new(),
            status,
            level: None,
            stored: None,
            detail: String::new(),
            build_seconds: 0.0,
            run_seconds: 0.0,
            key: String::new(),
        };
        assert_eq!(exit_code(&[row(Status::Proved), row(Status::NeedsGpu)]), ExitCode::SUCCESS);
        assert_eq!(exit_code(&[row(Status::CouldNotTell), row(Status::Failed)]), ExitCode::from(1));
        assert_eq!(exit_code(&[row(Status::CouldNotTell), row(Status::Proved)]), ExitCode::from(3));
    }
}
