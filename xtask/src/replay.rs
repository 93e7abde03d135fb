//! Attempts that failed before: what a repeated `repro` need not build and run again to learn the same.
//!
//! In: the plan of an attempt with everything that its build and run depend on. Out: how that attempt failed, where an
//! earlier `repro` of the same repository went on from there to a proof. A success is never taken from here: what is said
//! to be proved has run now.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use repro_generator::repair::Outcome;
use repro_generator::verdict::Verdict;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{files, lock};

/// For how long a failure is believed: it may have been a server's.
const LIMIT: Duration = Duration::from_hours(7 * 24);

/// How one attempt failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Failure {
    /// Seconds of the build, where that ended well.
    built: Option<f64>,
    /// What was judged of the run; `None` where the build failed.
    verdict: Option<Verdict>,
    log: String,
    seconds: f64,
}

/// The failures of one repository.
#[derive(Debug, Default)]
pub struct Replay {
    path: PathBuf,
    known: BTreeMap<String, Failure>,
    made: BTreeMap<String, Failure>,
    /// Key and time of the build of the attempt that is under way.
    built: Option<(String, f64)>,
    /// The run that follows a build that was not repeated.
    next: Option<Outcome>,
}

impl Replay {
    /// Reads what `path` holds; nothing where `believe` is not set, or it is old.
    pub fn open(path: PathBuf, believe: bool) -> Self {
        let age = fs_err::metadata(&path).ok().and_then(|data| data.modified().ok()?.elapsed().ok());
        let young = age.is_some_and(|age| age < LIMIT);
        let known = if believe && young {
            fs_err::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
        } else {
            BTreeMap::new()
        };
        Self { path, known, ..Self::default() }
    }

    /// A key for everything that an attempt depends on. The program itself is part of it: another one may judge otherwise.
    pub fn key(parts: &[&[u8]]) -> String {
        let mut hash = Sha256::new();
        let program = std::env::current_exe().and_then(fs_err::metadata);
        let program = program.ok().map(|data| (data.len(), data.modified().ok()));
        hash.update(format!("{program:?}"));
        for part in parts {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        lock::hex(&hash.finalize())
    }

    /// What the build of this attempt gave, where it is known that the attempt fails.
    pub fn build(&mut self, key: &str) -> Option<Outcome> {
        self.built = None;
        let failure = self.known.get(key)?.clone();
        self.made.insert(key.to_owned(), failure.clone());
        let Failure { built, verdict, log, seconds } = failure;
        match (built, verdict) {
            (Some(built), Some(verdict)) => {
                self.next = Some(Outcome::Ran { verdict, log, seconds });
                Some(Outcome::Built { seconds: built })
            }
            _ => Some(Outcome::Failed { log, seconds }),
        }
    }

    /// What the run gave, where its build was taken from here.
    pub fn run(&mut self) -> Option<Outcome> {
        self.next.take()
    }

    /// Notes what a real build or run gave.
    pub fn note(&mut self, key: &str, outcome: &Outcome) {
        match outcome {
            Outcome::Built { seconds } => self.built = Some((key.to_owned(), *seconds)),
            Outcome::Failed { log, seconds } => {
                let failure = Failure { built: None, verdict: None, log: log.clone(), seconds: *seconds };
                self.made.insert(key.to_owned(), failure);
            }
            Outcome::Ran { verdict, log, seconds } if !verdict.success => {
                if let Some((key, built)) = self.built.take() {
                    let verdict = Some(verdict.clone());
                    let failure = Failure { built: Some(built), verdict, log: log.clone(), seconds: *seconds };
                    self.made.insert(key, failure);
                }
            }
            Outcome::Ran { .. }
            | Outcome::Locked { .. }
            | Outcome::NoWheel { .. }
            | Outcome::OtherPython { .. }
            | Outcome::Advice { .. }
            | Outcome::NoAdvice
            | Outcome::Found { .. }
            | Outcome::Trouble(_) => {}
        }
    }

    /// Keeps the failures on the way to a proof; where there was none, everything is to be tried again.
    pub fn end(&self, proved: bool) -> anyhow::Result<()> {
        if proved && !self.made.is_empty() {
            // Not written anew where it is unchanged: its age is that of the failures.
            files::write_if_changed(&self.path, serde_json::to_string(&self.made)?.as_bytes())?;
        } else if self.path.exists() {
            fs_err::remove_file(&self.path)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(success: bool) -> Outcome {
        let verdict = Verdict { success, reasons: vec!["exit code 1".to_owned()], ..Verdict::default() };
        Outcome::Ran { verdict, log: "why".to_owned(), seconds: 2.0 }
    }

    /// One `repro`: the first attempt fails at its run, the second one succeeds.
    fn first(folder: &tempfile::TempDir, proved: bool) -> Replay {
        let mut replay = Replay::open(folder.path().join("x.json"), true);
        for (key, success) in [("one", false), ("two", true)] {
            assert!(replay.build(key).is_none());
            replay.note(key, &Outcome::Built { seconds: 1.0 });
            assert!(replay.run().is_none());
            replay.note(key, &ran(success));
        }
        replay.end(proved).unwrap();
        replay
    }

    #[test]
    fn a_failure_on_the_way_to_a_proof_is_not_repeated_and_a_success_always_is() {
        let folder = tempfile::tempdir().unwrap();
        first(&folder, true);
        let mut again = Replay::open(folder.path().join("x.json"), true);
        assert!(matches!(again.build("one"), Some(Outcome::Built { seconds: 1.0 })));
        assert!(matches!(again.run(), Some(Outcome::Ran { verdict, .. }) if !verdict.success));
        assert!(again.build("two").is_none() && again.run().is_none());
        again.end(true).unwrap();
        assert!(Replay::open(folder.path().join("x.json"), true).build("one").is_some(), "it stays known");
        assert!(Replay::open(folder.path().join("x.json"), false).build("one").is_none(), "`--no-cache`");
    }

    #[test]
    fn without_a_proof_in_the_end_everything_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        first(&folder, true);
        first_again_unproved(&folder);
        assert!(Replay::open(folder.path().join("x.json"), true).build("one").is_none());
    }

    fn first_again_unproved(folder: &tempfile::TempDir) {
        let mut replay = Replay::open(folder.path().join("x.json"), true);
        assert!(replay.build("one").is_some());
        replay.end(false).unwrap();
    }

    #[test]
    fn a_failed_build_is_known_and_trouble_never_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut replay = Replay::open(folder.path().join("x.json"), true);
        replay.note("one", &Outcome::Failed { log: "no".to_owned(), seconds: 1.0 });
        replay.note("two", &Outcome::Trouble("disk".to_owned()));
        replay.end(true).unwrap();
        let mut again = Replay::open(folder.path().join("x.json"), true);
        assert!(matches!(again.build("one"), Some(Outcome::Failed { log, .. }) if log == "no"));
        assert!(again.run().is_none() && again.build("two").is_none());
    }

    #[test]
    fn keys_tell_their_parts_apart() {
        assert_ne!(Replay::key(&[b"ab", b"c"]), Replay::key(&[b"a", b"bc"]));
        assert_eq!(Replay::key(&[b"ab"]), Replay::key(&[b"ab"]));
    }
}
