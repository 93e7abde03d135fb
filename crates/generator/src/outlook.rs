//! How far an attempt came, and what a person could try where the program has come to its end.
//!
//! In: the attempts and what is left of the plan; out: the furthest stage and sentences, each with the words to type.

use crate::repair::{Attempt, End};

/// What is left to a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlook {
    /// The furthest stage that an attempt has reached: `lock`, `build` or `run`; `None` before the first one.
    pub furthest: Option<String>,
    /// What could be tried, the most promising first; empty where it ended well, or where nothing can be told.
    pub tries: Vec<String>,
}

/// What the sentences depend on.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    pub attempts: &'a [Attempt],
    pub end: &'a End,
    pub max_attempts: usize,
    /// Commands of the repository that were not tried, best first; empty for a Dockerfile that somebody has.
    pub alternatives: &'a [String],
    /// Where a person says what is to be different.
    pub files: &'a str,
    /// Can another program be asked that was not?
    pub may_ask: bool,
    /// Log of the last attempt.
    pub log: Option<&'a str>,
}

/// What to say at the end.
pub fn outlook(ended: &Ended<'_>) -> Outlook {
    let rung = |stage: &str| ["lock", "build", "run"].iter().position(|known| *known == stage);
    let furthest = ended.attempts.iter().map(|attempt| attempt.stage.as_str()).max_by_key(|stage| rung(stage));
    let mut tries = Vec::new();
    if let (End::NotReproduced(_), Some(last)) = (ended.end, ended.attempts.last()) {
        match last.diagnosis.as_deref().and_then(|id| id.split_once('/')) {
            Some((note, _)) if !matches!(note, "resolve" | "main" | "ask") => {
                tries.push(format!("read what is known of the cause: `cargo xtask notes show {note}`"));
            }
            _ => {}
        }
        if ended.attempts.len() >= ended.max_attempts && made_progress(ended.attempts) {
            tries.push(format!(
                "each attempt failed differently: allow more with `--max-attempts {}`",
                ended.max_attempts + 5
            ));
        }
        match last.stage.as_str() {
            "lock" => tries
                .push("other releases: `pin`, `without` or `resolve-date` in repro.toml, or `--date none`".to_owned()),
            "run" => {
                let another = ended.alternatives.first();
                tries.extend(another.map(|line| {
                    format!("another command of the repository: `--command {}`", repro_dockerfile::shell_quote(line))
                }));
            }
            _ => {}
        }
        tries.push(format!(
            "mend {} by hand and run the same command again: it is used as it is, and learned from",
            ended.files
        ));
        if ended.may_ask {
            tries.push("let another program propose edits: `--ask PROGRAM`".to_owned());
        }
        if let (None, Some(log)) = (&last.diagnosis, ended.log) {
            let log = repro_dockerfile::shell_quote(log);
            tries.push(format!("write down what nobody knew yet: `cargo xtask notes new LIBRARY --log {log}`"));
        }
    }
    Outlook { furthest: furthest.map(str::to_owned), tries }
}

/// Did the last attempts fail for different reasons?
fn made_progress(attempts: &[Attempt]) -> bool {
    match attempts {
        [.., before, last] => (&before.stage, &before.excerpt) != (&last.stage, &last.excerpt),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(stage: &str, diagnosis: Option<&str>, excerpt: &str) -> Attempt {
        Attempt {
            n: 1,
            phase: String::new(),
            stage: stage.to_owned(),
            ok: false,
            seconds: 1.0,
            diagnosis: diagnosis.map(str::to_owned),
            cause: None,
            excerpt: Some(excerpt.to_owned()),
            edits: Vec::new(),
            cost: None,
        }
    }

    fn check(attempts: &[Attempt], end: &End, furthest: &str, words: &[&str]) {
        let alternatives = ["python other.py --x 'a b'".to_owned()];
        let ended = Ended {
            attempts,
            end,
            max_attempts: 2,
            alternatives: &alternatives,
            files: "repositories/a/b",
            may_ask: true,
            log: Some("run.log"),
        };
        let outlook = outlook(&ended);
        assert_eq!(outlook.furthest.as_deref(), Some(furthest));
        for word in words {
            assert!(outlook.tries.iter().any(|one| one.contains(word)), "{word}: {:?}", outlook.tries);
        }
        assert_eq!(outlook.tries.is_empty(), words.is_empty(), "{:?}", outlook.tries);
    }

    #[test]
    fn what_is_left_to_a_person_depends_on_where_it_ended() {
        let refused = End::NotReproduced("it failed".to_owned());
        let known = [attempt("run", Some("numpy/builtin-alias-gone"), "a"), attempt("build", Some("numpy/x"), "b")];
        check(&known, &refused, "run", &["notes show numpy", "--max-attempts 7", "repositories/a/b", "--ask"]);
        let unknown = [attempt("run", None, "a")];
        check(&unknown, &refused, "run", &["--command 'python other.py --x", "notes new LIBRARY --log run.log"]);
        check(&[attempt("lock", None, "a")], &refused, "lock", &["--date none"]);
        check(&unknown, &End::Proved, "run", &[]);
        check(&unknown, &End::CouldNotTell("no network".to_owned()), "run", &[]);
    }
}
