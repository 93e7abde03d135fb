//! Steps of `ci` and `nightly`: run one after the other, timed, and shown in one table.

use std::process::ExitCode;
use std::time::Instant;

use duct::cmd;

use crate::project::Project;
use crate::report;

/// One step and how it went.
struct Step {
    name: String,
    seconds: f64,
    ok: bool,
}

/// A run of steps.
pub struct Steps<'p> {
    project: &'p Project,
    done: Vec<Step>,
}

impl<'p> Steps<'p> {
    pub fn new(project: &'p Project) -> Self {
        Self { project, done: Vec::new() }
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

    fn command(&mut self, name: &str, program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> bool {
        report::note(format!("\n== {name}"));
        let start = Instant::now();
        let mut expression = cmd(program, arguments).dir(&self.project.root).unchecked().stdin_null();
        for (key, value) in variables {
            expression = expression.env(key, value);
        }
        let ok = match expression.run() {
            Ok(output) => output.status.success(),
            Err(error) => {
                report::error(format!("`{program}` could not be started: {error}"));
                false
            }
        };
        self.done.push(Step { name: name.to_owned(), seconds: start.elapsed().as_secs_f64(), ok });
        ok
    }

    /// Prints the table; 0 where every step went well.
    pub fn end(self) -> ExitCode {
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
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
    }
}
