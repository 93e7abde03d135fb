//! Other brains: a program that is asked when nothing known is left, and a person who is asked before each change.
//!
//! In: a question as data. Out: edits, or nothing; what the program answers is foreign and only read. It is the user's own
//! program, named on the command line, and runs here with the user's rights, without a shell, for a limited time.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use repro_generator::plan::Plan;
use repro_generator::repair::{Attempt, Outcome, Question};
use repro_generator::{edit, report::plan_json};
use repro_inspect::Facts;
use repro_note::Edit;
use serde::Deserialize;
use serde_json::json;

use crate::failure::{Failure, input};
use crate::{interrupt, report};

/// How often a program is asked in one run.
pub const MOST_QUESTIONS: usize = 3;
/// How long it may think.
const PATIENCE: Duration = Duration::from_mins(5);
/// Longer answers are no answers.
const LONGEST_ANSWER: u64 = 1 << 20;

/// What it answers.
#[derive(Debug, Deserialize)]
struct Answer {
    edits: Vec<Edit>,
    #[serde(default)]
    why: String,
}

/// The words of `--ask`.
///
/// # Errors
/// Where the line cannot be read, or its program is not there.
pub fn words(line: &str) -> anyhow::Result<Vec<String>> {
    let words = shlex::split(line).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| input(format!("`--ask {line}` is no command\nhint: quote it as for a shell")))?;
    let program = words.first().map_or("", String::as_str);
    which::which(program).map_err(|_| {
        input(format!("`--ask`: there is no program `{program}`\nhint: give its path, or put it on PATH"))
    })?;
    Ok(words)
}

/// Asks the program. Whatever goes wrong with it is told, and means that it does not know.
pub fn program(
    words: &[String],
    question: &Question,
    facts: &Facts,
    plan: &Plan,
    attempts: &[Attempt],
) -> anyhow::Result<Outcome> {
    let asked = json!({
        "schema": 1, "question": "repair", "repo": plan.repo, "stage": question.stage, "why": question.why,
        "log": question.log, "decisive": question.decisive, "diagnoses": question.diagnoses, "attempts": attempts,
        "facts": facts, "plan": plan_json(plan),
        "edits": ["apt", "pip_pin", "pip_add", "pip_remove", "pip_flag", "env", "base_image", "run_flag", "command", "upstream_patch"],
    });
    report::status("Asking", words.join(" "));
    match answer(words, &asked.to_string()) {
        Ok(answer) => {
            for one in &answer.edits {
                if let Err(why) = edit::check(one) {
                    report::warning(format!("the answer is not used: {why}"));
                    return Ok(Outcome::NoAdvice);
                }
            }
            if answer.edits.is_empty() {
                report::warning("it knows nothing either");
                return Ok(Outcome::NoAdvice);
            }
            let why = answer.why.split_whitespace().collect::<Vec<_>>().join(" ");
            let why =
                if why.is_empty() { format!("`{}` says so", words.join(" ")) } else { why.chars().take(300).collect() };
            Ok(Outcome::Advice { edits: answer.edits, why })
        }
        Err(_) if interrupt::requested() => Err(Failure::Interrupted.into()),
        Err(error) => {
            report::warning(format!("the answer is not used: {error:#}"));
            Ok(Outcome::NoAdvice)
        }
    }
}

fn answer(words: &[String], question: &str) -> anyhow::Result<Answer> {
    let (program, arguments) = words.split_first().context("no program")?;
    // Files, not pipes: a program that reads nothing, or leaves a child behind, holds nobody up.
    let mut stdin = tempfile::tempfile()?;
    stdin.write_all(question.as_bytes())?;
    std::io::Seek::rewind(&mut stdin)?;
    let mut stdout = tempfile::tempfile()?;
    let handle = duct::cmd(program, arguments)
        .stdin_file(stdin)
        .stdout_file(stdout.try_clone()?)
        .stderr_null()
        .unchecked()
        .start()
        .context("it cannot be started")?;
    let end = std::time::Instant::now() + PATIENCE;
    let status = loop {
        if let Some(output) = handle.wait_timeout(Duration::from_millis(100))? {
            break output.status;
        }
        if interrupt::requested() || std::time::Instant::now() >= end {
            handle.kill()?;
            anyhow::bail!("it took longer than {} s", PATIENCE.as_secs());
        }
    };
    anyhow::ensure!(status.success(), "it ended with {status}");
    std::io::Seek::rewind(&mut stdout)?;
    anyhow::ensure!(stdout.metadata()?.len() <= LONGEST_ANSWER, "it said more than {LONGEST_ANSWER} bytes");
    let mut text = String::new();
    stdout.read_to_string(&mut text).context("it is no text")?;
    serde_json::from_str(&text)
        .context("it is not `{\"edits\": [{\"kind\": \"apt\", \"value\": [\"x\"]}], \"why\": \"…\"}`")
}

/// Can a person be asked?
///
/// # Errors
/// Where there is no terminal.
pub fn require_terminal() -> anyhow::Result<()> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(input("`--interactive` asks on a terminal, and there is none\nhint: leave it out, or run it by hand"))
}

/// Asks the person whether these edits may be made.
pub fn person(edits: &[String]) -> anyhow::Result<bool> {
    for edit in edits {
        report::note(format!("{:>12} {edit}", "change"));
    }
    report::note("make this change? [Y/n]");
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line)? == 0 {
        anyhow::bail!(Failure::Interrupted);
    }
    Ok(!line.trim().to_ascii_lowercase().starts_with('n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(script: &str) -> anyhow::Result<Answer> {
        answer(&["sh", "-c", script].map(str::to_owned), "{\"question\": \"repair\"}")
    }

    #[test]
    fn a_program_gets_the_question_and_its_edits_are_read() {
        let script =
            r#"grep -q '"question"' && echo '{"edits": [{"kind": "pip_pin", "value": "numpy<2"}], "why": "old"}'"#;
        let answer = ask(script).unwrap();
        assert_eq!((answer.edits, answer.why.as_str()), (vec![Edit::PipPin("numpy<2".to_owned())], "old"));
    }

    #[test]
    fn rubbish_failure_and_verbosity_are_no_answers() {
        for (script, said) in [
            ("echo rubbish", "is not"),
            ("exit 3", "ended with"),
            ("echo '{\"edits\": [{\"kind\": \"format_disk\", \"value\": \"/\"}]}'", "is not"),
            ("head -c 2000000 /dev/zero", "more than"),
            ("printf '\\377'", "no text"),
        ] {
            let error = ask(script).unwrap_err();
            assert!(format!("{error:#}").contains(said), "{script}: {error:#}");
        }
        assert!(words("nonexistent-program x").is_err() && words("'").is_err() && words("sh -c 'exit 1'").is_ok());
    }
}
