//! `nightly`: everything too long for continuous integration, with a dated result.
//!
//! In: the project and an engine. Out: a table on the screen and `.github/nightly/YYYY-MM-DD.md`, to be committed: what ran
//! on which commit and on what kind of machine, how long it took, what failed with its last lines. No host name and no path
//! of the machine is written down.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::commands::verify_all::{cell, parse_shard};
use crate::engine::Engine;
use crate::project::Project;
use crate::steps::{Step, Steps};
use crate::{files, interrupt, report, setup};

/// Everything that is too long for continuous integration.
///
/// All tests with the long ones, every stored repository, the proofs of the notes, the broken set-ups, the benchmark. The result is added to
/// `.github/nightly/YYYY-MM-DD.md`; commit it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask nightly --setup\n  cargo xtask nightly --only repositories,broken\n  cargo xtask nightly --shard 2/4   # its part of the repositories and proofs; \
    the tests and the benchmark are in the first part\n\n\
    Exit codes: 0 everything went well, 1 a step failed, 2 usage, 3 no engine"
)]
pub struct Args {
    /// Install and start what is missing
    #[arg(long)]
    setup: bool,
    /// The I-th of N parts of the repositories, proofs and set-ups
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
    /// Only these parts
    #[arg(long, value_enum, value_name = "PART,…", value_delimiter = ',')]
    only: Vec<Part>,
    /// Put the dated result here instead
    #[arg(long, value_name = "DIR", default_value = ".github/nightly")]
    results: PathBuf,
}

/// A part of the night's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Tests,
    Repositories,
    Proofs,
    Broken,
    Benchmark,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let project = Project::find(&std::env::current_dir()?, None);
    let (part, parts) = args.shard.as_deref().map_or(Ok((1, 1)), parse_shard)?;
    let engine = setup::ensure_engine(None, args.setup)?;
    let begun = jiff::Zoned::now();
    // As it was when it began: somebody may go on working meanwhile.
    let commit = commit(&project.root);
    let folder = project.root.join("target/repro/nightly");
    let tables = ["repositories.md", "proofs.md", "broken.md", "benchmark.md"].map(|name| folder.join(name));
    for table in &tables {
        let _ = fs_err::remove_file(table);
    }
    let [repositories, proofs, broken, benchmark] = tables.each_ref().map(|path| path.display().to_string());
    let mut steps = Steps::keeping_output(&project);
    let wanted = |part: Part| args.only.is_empty() || args.only.contains(&part);
    if part == 1 && wanted(Part::Tests) {
        let variables = [("REPRO_ENGINE_REQUIRED", "1"), ("REPRO_LONG", "1")];
        steps.cargo("tests, the long ones too", &["test", "--workspace", "--no-fail-fast", "--quiet"], &variables);
    }
    let shard = format!("{part}/{parts}");
    let mut verify = vec!["verify-all", "--fresh", "--shard", &shard, "--summary", &repositories];
    let junit = folder.join("repositories.xml").display().to_string();
    verify.extend(["--junit", &junit]);
    if wanted(Part::Repositories) {
        steps.xtask("every repository", &verify);
    }
    if wanted(Part::Proofs) {
        steps.xtask("proofs of the notes", &["lint-notes", "--verify", "--shard", &shard, "--summary", &proofs]);
    }
    if wanted(Part::Broken) {
        steps.xtask("broken set-ups", &["broken", "--shard", &shard, "--summary", &broken]);
    }
    if part == 1 && wanted(Part::Benchmark) {
        // Last, so that nothing else of ours is running or being cleaned up.
        steps.xtask("benchmark", &["bench", "--summary", &benchmark]);
    }
    if !interrupt::requested() {
        let run = Run {
            time: begun.strftime("%R %Z").to_string(),
            commit,
            machine: machine(&engine),
            shard: (parts > 1).then_some(shard),
            steps: &steps.done,
            tables: [
                ("Repositories", &tables[0]),
                ("Proofs", &tables[1]),
                ("Broken set-ups", &tables[2]),
                ("Benchmark", &tables[3]),
            ]
            .into_iter()
            .filter_map(|(name, path)| Some((name, fs_err::read_to_string(path).ok()?)))
            .collect(),
        };
        let path = project.root.join(&args.results).join(format!("{}.md", begun.date()));
        let text = run.markdown();
        files::write_atomically(
            &path,
            with(&path, &begun.date().to_string(), &scrubbed(&text, &project.root)).as_bytes(),
        )?;
        report::status("Wrote", format!("{}; commit it", path.display()));
    }
    steps.end()
}

/// One run, as it is written down.
struct Run<'a> {
    time: String,
    commit: String,
    machine: String,
    shard: Option<String>,
    steps: &'a [Step],
    /// Markdown that the steps have written, by heading.
    tables: Vec<(&'static str, String)>,
}

impl Run<'_> {
    fn markdown(&self) -> String {
        let failed = self.steps.iter().filter(|step| !step.ok).count();
        let verdict = if failed == 0 { "ok".to_owned() } else { format!("{failed} FAILED") };
        let part = self.shard.as_ref().map_or_else(String::new, |shard| format!(", part {shard}"));
        let mut text = format!("## {}{part}: {verdict}\n\nCommit {}. {}.\n\n", self.time, self.commit, self.machine);
        text.push_str("| step | result | time |\n| --- | --- | ---: |\n");
        let row = |name: &str, result: &str, seconds: f64| format!("| {} | {result} | {seconds:.0} s |\n", cell(name));
        for step in self.steps {
            text.push_str(&row(&step.name, if step.ok { "ok" } else { "FAILED" }, step.seconds));
        }
        text.push_str(&row("all", &verdict, self.steps.iter().map(|step| step.seconds).sum()));
        for (name, table) in &self.tables {
            text.push_str(&format!("\n### {name}\n\n{}\n", table.trim()));
        }
        for step in self.steps.iter().filter(|step| !step.ok) {
            text.push_str(&format!("\n### Failed: {}\n\nIts last lines:\n\n", step.name));
            // Indented rather than fenced: no line of output can end it.
            for line in &step.last_lines {
                let line: String = anstream::adapter::strip_str(line).to_string();
                text.push_str(format!("    {}", line.replace('\r', "")).trim_end());
                text.push('\n');
            }
        }
        text
    }
}

/// The day's file with this run at its end: a second run on one day takes nothing away from the first.
fn with(path: &Path, day: &str, run: &str) -> String {
    let before = fs_err::read_to_string(path).unwrap_or_else(|_| {
        format!("# Nightly of {day}\n\nWritten by `cargo xtask nightly`, one section for each run.\n")
    });
    format!("{}\n\n{}\n", before.trim_end(), run.trim_end())
}

/// Without what is only this machine's: the project's folder, the home, folders of temporary files, the host's name.
fn scrubbed(text: &str, root: &Path) -> String {
    let mut text = text.replace(&format!("{}/", root.display()), "");
    let home = std::env::var("HOME").unwrap_or_default();
    let temporary = std::env::temp_dir().display().to_string();
    let host = fs_err::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    for (own, instead) in
        [(root.display().to_string(), "."), (home, "~"), (temporary, "TMP"), (host.trim().to_owned(), "HOST")]
    {
        // A home of `/` or a one-letter host says nothing, and stands in every line.
        if own.len() > 3 {
            text = text.replace(&own, instead);
        }
    }
    text
}

/// The commit, and whether the files differ from it.
fn commit(root: &Path) -> String {
    let git = |arguments: &[&str]| duct::cmd("git", arguments).dir(root).stderr_null().read().ok();
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_none_or(|changes| !changes.is_empty());
    if changed { format!("{commit} with changes that are not committed") } else { commit }
}

/// The machine in general words: cores, memory, engine, builder, GPU.
fn machine(engine: &Engine) -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory =
        engine.total_memory.map_or_else(String::new, |bytes| format!(", {} memory", crate::engine::human_bytes(bytes)));
    let gpu = if engine.gpus().is_ok() { "a GPU" } else { "no GPU" };
    format!("{cores} cores{memory}, {gpu}, {}, {}", engine.platform, engine.describe_without_paths())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, ok: bool, last_lines: &[&str]) -> Step {
        let last_lines = last_lines.iter().map(|&line| line.to_owned()).collect();
        Step { name: name.to_owned(), seconds: 61.4, ok, last_lines }
    }

    fn markdown(steps: &[Step]) -> String {
        let run = Run {
            time: "03:17 UTC".to_owned(),
            commit: "0123456789ab".to_owned(),
            machine: "2 cores, docker 28.2.2".to_owned(),
            shard: None,
            steps,
            tables: vec![("Repositories", "| a |\n| --- |\n".to_owned())],
        };
        run.markdown()
    }

    #[test]
    fn a_run_is_written_down_with_its_failures_and_their_last_lines() {
        let text =
            markdown(&[step("tests", true, &["fine"]), step("bench", false, &["\u{1b}[31mabove\u{1b}[0m", "```"])]);
        assert!(text.starts_with("## 03:17 UTC: 1 FAILED\n\nCommit 0123456789ab. 2 cores, docker 28.2.2.\n"), "{text}");
        assert!(
            text.contains("| tests | ok | 61 s |\n| bench | FAILED | 61 s |\n| all | 1 FAILED | 123 s |"),
            "{text}"
        );
        assert!(text.ends_with("### Failed: bench\n\nIts last lines:\n\n    above\n    ```\n"), "{text}");
        assert!(!text.contains("fine") && !markdown(&[step("tests", true, &[])]).contains("FAILED"));
    }

    #[test]
    fn a_second_run_of_a_day_takes_nothing_away_from_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("2026-01-02.md");
        let first = with(&path, "2026-01-02", "## 1\n");
        fs_err::write(&path, &first).unwrap();
        assert_eq!(with(&path, "2026-01-02", "## 2\n"), format!("{first}\n## 2\n"));
        assert!(first.starts_with("# Nightly of 2026-01-02\n\n") && first.ends_with("\n\n## 1\n"));
    }

    #[test]
    fn nothing_of_the_machine_is_written_down() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("target/repro/x.log");
        assert_eq!(scrubbed(&format!("see {}", inside.display()), folder.path()), "see target/repro/x.log");
        let other = tempfile::tempdir().unwrap();
        let text = scrubbed(&format!("{}", other.path().display()), folder.path());
        assert!(text.starts_with("TMP/"), "{text}");
    }
}
