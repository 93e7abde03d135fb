//! Steps of `ci` and `nightly`: run one after the other, timed, and shown in one table.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader};
use std::process::ExitCode;
use std::time::Instant;

use duct::cmd;

use crate::failure::Failure;
use crate::interrupt;
use crate::project::Project;
use crate::report;

/// One step and how it went.
pub struct Step {
    pub name: String,
    pub seconds: f64,
    pub ok: bool,
    /// Its last lines, where output is kept.
    pub last_lines: Vec<String>,
}

/// Lines of output that are kept of each step.
const KEPT_LINES: usize = 60;

/// A run of steps.
pub struct Steps<'p> {
    project: &'p Project,
    pub done: Vec<Step>,
    /// Keep the last lines of what each step prints?
    keep_output: bool,
}

impl<'p> Steps<'p> {
    pub fn new(project: &'p Project) -> Self {
        Self { project, done: Vec::new(), keep_output: false }
    }

    /// As [`Self::new`], and the last lines of each step's output are kept.
    pub fn keeping_output(project: &'p Project) -> Self {
        Self { keep_output: true, ..Self::new(project) }
    }

    /// Runs cargo with these arguments in the project's root.
    pub fn cargo(&mut self, name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> bool {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        self.command(name, &cargo, arguments, variables)
    }

    /// Runs this program itself with these arguments.
    pub fn xtask(&mut self, name: &str, arguments: &[&str]) -> bool {
        let program = std::env::current_exe().map_or_else(|_| "xtask".to_owned(), |p| p.display().to_string());
        self.command(name, &program, arguments, &[])
    }

    /// Runs a program to its end. Once the user has interrupted, nothing more is begun.
    fn command(&mut self, name: &str, program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> bool {
        if interrupt::requested() {
            return false;
        }
        report::note(format!("\n== {name}"));
        let start = Instant::now();
        let mut expression = cmd(program, arguments).dir(&self.project.root).unchecked().stdin_null();
        for (key, value) in variables {
            expression = expression.env(key, value);
        }
        let mut last_lines = VecDeque::new();
        let ended = if self.keep_output { passed_on(&expression, &mut last_lines) } else { succeeded(&expression) };
        let ok = ended.unwrap_or_else(|error| {
            report::error(format!("`{program}` could not be started: {error}"));
            false
        });
        let seconds = start.elapsed().as_secs_f64();
        self.done.push(Step { name: name.to_owned(), seconds, ok, last_lines: last_lines.into() });
        ok
    }

    /// Prints the table; 0 where every step went well, an error where the user has interrupted.
    pub fn end(&self) -> anyhow::Result<ExitCode> {
        if interrupt::requested() {
            anyhow::bail!(Failure::Interrupted);
        }
        report::data("");
        let width = self.done.iter().map(|s| s.name.len()).max().unwrap_or(4);
        let mut total = 0.0;
        for step in &self.done {
            total += step.seconds;
            let result = if step.ok { "ok" } else { "FAILED" };
            report::data(format!("{:width$}  {:>7.1} s  {result}", step.name, step.seconds));
        }
        report::data(format!("{:width$}  {total:>7.1} s", "all"));
        let failed = self.done.iter().filter(|s| !s.ok).count();
        report::data(format!("{} passed, {failed} failed", self.done.len() - failed));
        Ok(self.exit_code())
    }

    fn exit_code(&self) -> ExitCode {
        if self.done.iter().all(|step| step.ok) { ExitCode::SUCCESS } else { ExitCode::from(1) }
    }
}

fn succeeded(expression: &duct::Expression) -> std::io::Result<bool> {
    Ok(expression.run()?.status.success())
}

/// Shows both outputs as they come, and keeps the last lines.
fn passed_on(expression: &duct::Expression, last_lines: &mut VecDeque<String>) -> std::io::Result<bool> {
    let mut reader = BufReader::new(expression.stderr_to_stdout().reader()?);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes)? > 0 {
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        bytes.clear();
        report::note(&line);
        if last_lines.len() == KEPT_LINES {
            last_lines.pop_front();
        }
        last_lines.push_back(line);
    }
    let ended = reader.get_ref().try_wait()?;
    Ok(ended.is_some_and(|output| output.status.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_makes_the_whole_fail_and_its_last_lines_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project { root: folder.path().to_owned(), repositories: folder.path().to_owned() };
        let mut steps = Steps::keeping_output(&project);
        assert!(steps.command("good", "sh", &["-c", "echo $WORD"], &[("WORD", "seen")]));
        assert!(!steps.command("bad", "sh", &["-c", "seq 100; echo last >&2; exit 3"], &[]));
        assert!(!steps.command("absent", "/nowhere/program", &[], &[]));
        assert_eq!(steps.done[0].last_lines, ["seen"]);
        assert_eq!(steps.done[1].last_lines.len(), KEPT_LINES);
        assert_eq!(steps.done[1].last_lines.last().map(String::as_str), Some("last"));
        assert_eq!(steps.done.iter().map(|step| step.ok).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(steps.exit_code(), ExitCode::from(1));
    }
}
