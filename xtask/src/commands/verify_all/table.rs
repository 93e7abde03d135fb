//! How a verification is told: one table, JSON, `JUnit`, a summary in Markdown, an exit code.
//!
//! In: one [`Row`] per repository. Out: text. What could not be told and what needs a GPU is never shown as passed.

use std::process::ExitCode;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde::{Deserialize, Serialize};

/// How one repository came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Proved,
    Failed,
    NeedsGpu,
    CouldNotTell,
    /// It was never reproduced, so there is nothing to prove again.
    NotReproduced,
}

impl Status {
    pub const fn words(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Failed => "FAILED",
            Self::NeedsGpu => "needs GPU",
            Self::CouldNotTell => "could not tell",
            Self::NotReproduced => "not reproduced",
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    pub repo: String,
    pub status: Status,
    /// How far this run got: `built`, `ran`, `inferred`.
    pub level: Option<String>,
    /// Level in the stored receipt.
    pub stored: Option<String>,
    pub detail: String,
    pub build_seconds: f64,
    pub run_seconds: f64,
    /// Hash of the folder's files: a changed folder is verified anew.
    pub key: String,
    /// When it was verified, in seconds since 1970: a result from before an interruption says so.
    #[serde(default)]
    pub at: i64,
}

/// 0 all proved again (or in need of a GPU), 1 one is not, 3 one could not be told and none failed.
pub fn exit_code(rows: &[Row]) -> u8 {
    if rows.iter().any(|row| row.status == Status::Failed) {
        1
    } else if rows.iter().any(|row| row.status == Status::CouldNotTell) {
        3
    } else {
        0
    }
}

pub fn exit(rows: &[Row]) -> ExitCode {
    ExitCode::from(exit_code(rows))
}

/// The last line of the table.
pub fn total(rows: &[Row]) -> String {
    let passed = rows.iter().filter(|row| row.status == Status::Proved).count();
    let failed = rows.iter().filter(|row| row.status == Status::Failed).count();
    format!("{passed} passed, {failed} failed, {} skipped", rows.len() - passed - failed)
}

/// For people.
pub fn text(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.repo.chars().count()).max().unwrap_or(0).max("repository".len());
    let head =
        format!("{:width$}  {:14}  {:8}  {:>7}  {:>7}  detail\n", "repository", "result", "level", "build", "run");
    let lines = rows.iter().map(|row| {
        let line = format!(
            "{:width$}  {:14}  {:8}  {:>5.0} s  {:>5.0} s  {}",
            row.repo,
            row.status.words(),
            row.level.as_deref().unwrap_or("-"),
            row.build_seconds,
            row.run_seconds,
            row.detail
        );
        format!("{}\n", line.trim_end())
    });
    format!("{head}{}{}", lines.collect::<String>(), total(rows))
}

/// A Markdown table, as GitHub's step summary shows it.
pub fn markdown(rows: &[Row]) -> String {
    let mut text =
        "| repository | result | level | build | run | detail |\n| --- | --- | --- | ---: | ---: | --- |\n".to_owned();
    for row in rows {
        let level = row.level.as_deref().unwrap_or("-");
        text.push_str(&format!(
            "| {} | {} | {level} | {:.0} s | {:.0} s | {} |\n",
            cell(&row.repo),
            row.status.words(),
            row.build_seconds,
            row.run_seconds,
            cell(&row.detail)
        ));
    }
    format!("{text}\n{}\n", total(rows))
}

/// Foreign text within one cell of a Markdown table.
pub fn cell(text: &str) -> String {
    let mut cell = String::new();
    for letter in text.chars() {
        match letter {
            '<' => cell.push_str("&lt;"),
            '&' => cell.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '!' => cell.extend(['\\', letter]),
            letter if letter.is_control() => cell.push(' '),
            letter => cell.push(letter),
        }
    }
    cell
}

/// `JUnit`: a failure is a failure; what needs a GPU or could not be told is skipped, with the reason.
pub fn junit(rows: &[Row]) -> anyhow::Result<String> {
    let mut suite = TestSuite::new("verify-all");
    for row in rows {
        let status = match row.status {
            Status::Proved => TestCaseStatus::success(),
            Status::Failed => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message(row.detail.clone());
                status
            }
            Status::NeedsGpu | Status::CouldNotTell | Status::NotReproduced => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(format!("{}: {}", row.status.words(), row.detail));
                status
            }
        };
        let mut case = TestCase::new(row.repo.clone(), status);
        case.set_classname("verify-all");
        // A clock that was set back must not become a panic.
        case.set_time(Duration::try_from_secs_f64(row.build_seconds + row.run_seconds).unwrap_or_default());
        suite.add_test_case(case);
    }
    let mut report = Report::new("repro");
    report.add_test_suite(suite);
    Ok(report.to_string()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(status: Status, detail: &str) -> Row {
        Row {
            repo: "user/repo".to_owned(),
            status,
            level: None,
            stored: None,
            detail: detail.to_owned(),
            build_seconds: 1.0,
            run_seconds: 0.5,
            key: String::new(),
            at: 0,
        }
    }

    #[test]
    fn a_failure_is_worse_than_not_knowing() {
        let code = |all: &[Status]| exit_code(&all.iter().map(|&status| row(status, "")).collect::<Vec<_>>());
        assert_eq!(code(&[Status::Proved, Status::NeedsGpu, Status::NotReproduced]), 0);
        assert_eq!(code(&[Status::CouldNotTell, Status::Failed]), 1);
        assert_eq!(code(&[Status::CouldNotTell, Status::Proved]), 3);
        assert_eq!(code(&[]), 0);
    }

    #[test]
    fn only_what_was_proved_counts_as_passed() {
        let rows = [Status::Proved, Status::NeedsGpu, Status::CouldNotTell, Status::NotReproduced, Status::Failed]
            .map(|status| row(status, "why"));
        assert_eq!(total(&rows), "1 passed, 1 failed, 3 skipped");
        let junit = junit(&rows).unwrap();
        assert!(junit.contains("tests=\"5\" skipped=\"3\" errors=\"0\" failures=\"1\""), "{junit}");
        assert!(text(&rows).contains("needs GPU"));
    }

    #[test]
    fn foreign_words_stay_within_their_cell_and_their_attribute() {
        let rows = [row(Status::Failed, "a|b <script> `x` \"q\" & \u{1b}[31mred\u{0}\nnext")];
        let markdown = markdown(&rows);
        assert_eq!(markdown.lines().count(), 5, "{markdown}");
        assert!(markdown.contains("a\\|b &lt;script> \\`x\\` \"q\" &amp;  \\[31mred  next"), "{markdown}");
        let junit = junit(&rows).unwrap();
        assert!(junit.contains("a|b &lt;script&gt;") && !junit.contains(['\u{1b}', '\u{0}']), "{junit}");
    }
}
