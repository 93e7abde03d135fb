//! The repair loop over a Dockerfile that someone already has, as a pure function: what happened in, what next out.

use std::collections::{BTreeMap, BTreeSet};

use repro_core::{Diagnosis, KnowledgeBase, Phase};
use repro_dockerfile::{Dockerfile, Keyword};

use super::Existing;
use super::edit::{Place, apply, relax};
use super::read::{self, context};
use crate::edit::{Applied, describe};
use crate::repair::{Attempt, End, FixApplied};

/// Smoke tests that may fail before nothing more is tried.
const MOST_SMOKES: usize = 3;

/// What the runner is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Build `state.project`.
    Build,
    /// Import what the image is said to have.
    Smoke,
    Stop(End),
}

/// What an effect gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Built {
        seconds: f64,
    },
    /// The builder failed; `step` is the failing instruction as it prints it.
    Failed {
        log: String,
        step: Option<String>,
        seconds: f64,
    },
    /// Everything could be imported.
    Imported {
        seconds: f64,
    },
    /// Some of it could not; what each distribution that failed printed.
    NotImported {
        logs: Vec<String>,
        seconds: f64,
    },
    /// Nothing can be said about the Dockerfile.
    Trouble(String),
}

/// Everything that the loop remembers.
#[derive(Debug, Clone)]
pub struct State {
    pub project: Existing,
    pub attempts: Vec<Attempt>,
    pub fixes: Vec<FixApplied>,
    build_args: BTreeMap<String, String>,
    max_attempts: usize,
    /// Are edits allowed?
    fix: bool,
    seen: Vec<Existing>,
    smokes: usize,
    seconds: f64,
}

/// Begins. Without `fix` one build and one smoke test are made, and what is wrong is told.
pub fn start(
    project: Existing,
    build_args: BTreeMap<String, String>,
    max_attempts: usize,
    fix: bool,
) -> (State, Action) {
    let state = State {
        seen: vec![project.clone()],
        project,
        attempts: Vec::new(),
        fixes: Vec::new(),
        build_args,
        max_attempts: max_attempts.max(1),
        fix,
        smokes: 0,
        seconds: 0.0,
    };
    (state, Action::Build)
}

/// One step.
pub fn next(mut state: State, outcome: Outcome, knowledge: &KnowledgeBase) -> (State, Action) {
    match outcome {
        Outcome::Built { seconds } => {
            state.seconds += seconds;
            (state, Action::Smoke)
        }
        Outcome::Imported { seconds } => {
            state.seconds += seconds;
            record(&mut state, "run", true, None, Vec::new());
            (state, Action::Stop(End::Proved))
        }
        Outcome::NotImported { logs, seconds } => {
            state.seconds += seconds;
            state.smokes += 1;
            repair(state, &logs, Place::Run, knowledge)
        }
        Outcome::Failed { log, step, seconds } => {
            state.seconds += seconds;
            let index = step.as_deref().and_then(|step| instruction(&state.project.dockerfile, step));
            let place = Place::Build(index.unwrap_or_else(|| last_run(&state.project.dockerfile)));
            repair(state, &[log], place, knowledge)
        }
        Outcome::Trouble(why) => (state, Action::Stop(End::CouldNotTell(why))),
    }
}

/// Each log is a failure of its own, with a cause of its own.
fn repair(mut state: State, logs: &[String], place: Place, knowledge: &KnowledgeBase) -> (State, Action) {
    // A step of somebody's own Dockerfile may well run the program.
    let (phase, name) = match place {
        Place::Build(_) => (None, "build"),
        Place::Run => (Some(Phase::Run), "run"),
    };
    let asked = repro_core::Context { phase, ..context(&state.project, &state.build_args, knowledge) };
    let diagnoses: Vec<Vec<Diagnosis>> = logs.iter().map(|log| knowledge.diagnose(log, &asked)).collect();
    let is_last = state.attempts.len() + 1 >= state.max_attempts || state.smokes >= MOST_SMOKES;
    if state.fix && !is_last {
        let mut project = state.project.clone();
        let (mut edits, mut fixes, mut cause) = (Vec::new(), Vec::new(), None);
        for diagnoses in &diagnoses {
            let step = diagnoses.iter().filter(|diagnosis| diagnosis.fixable).find_map(|diagnosis| {
                mended(&state, &project, diagnosis, place, knowledge).map(|step| (diagnosis, step))
            });
            let Some((diagnosis, step)) = step else { continue };
            cause = cause.or(Some(diagnosis));
            project = step.project;
            edits.extend(step.edits);
            fixes.extend(step.fixes);
        }
        if edits.is_empty()
            && let Some((project, name, excerpt)) = logs.iter().find_map(|log| relaxed(&state.project, log))
            && !state.seen.contains(&project)
        {
            let reason = format!("the version of {name} that is asked for cannot be had together with the rest");
            let cause = Some(("resolve/pins".to_owned(), reason.clone(), excerpt));
            record_as(&mut state, "build", false, cause, vec![format!("pip_pin {name}")]);
            state.fixes.push(FixApplied { action: "pip_pin".to_owned(), reason, old: None, new: Some(name) });
            state.seen.push(project.clone());
            state.project = project;
            return (state, Action::Build);
        }
        if let Some(diagnosis) = cause
            && !state.seen.contains(&project)
        {
            record(&mut state, name, false, Some(diagnosis), edits);
            state.seen.push(project.clone());
            state.project = project;
            state.fixes.extend(fixes);
            return (state, Action::Build);
        }
    }
    let best = diagnoses.iter().flatten().next();
    let what = if place == Place::Run { "the smoke test failed" } else { "the build failed" };
    let mut why = best.map_or_else(|| what.to_owned(), |best| format!("{what}: {}", best.cause));
    if state.smokes >= MOST_SMOKES {
        why.push_str(&format!(" ({MOST_SMOKES} smoke tests failed)"));
    }
    record(&mut state, name, false, best, Vec::new());
    // What the host lacks says nothing about the Dockerfile.
    let end = if best.is_some_and(|best| !best.fixable) { End::CouldNotTell(why) } else { End::NotReproduced(why) };
    (state, Action::Stop(end))
}

/// The project without the version of one distribution that pip's resolver names as asked for and in the way, with its
/// name and the line.
///
/// pip says: "The user requested werkzeug==2.2.3", and below it who depends on another one.
fn relaxed(project: &Existing, log: &str) -> Option<(Existing, String, String)> {
    if !log.contains("ResolutionImpossible") {
        return None;
    }
    let asked = log.lines().filter_map(|line| Some((line, line.split_once("The user requested ")?.1)));
    let mut asked: Vec<(&str, String)> =
        asked.filter_map(|(line, rest)| Some((line, crate::names::requirement_name(rest.trim())?))).collect();
    // Who depends on others is what the program is about; who is depended on gives way first.
    let is_wanted_by_others = |name: &str| {
        let wanted = |line: &str| {
            line.split_once(" depends on ")
                .is_some_and(|(_, rest)| crate::names::requirement_name(rest.trim()).is_some_and(|other| other == name))
        };
        log.lines().any(wanted)
    };
    asked.sort_by_key(|(_, name)| !is_wanted_by_others(name));
    asked.into_iter().find_map(|(line, name)| {
        let mut changed = project.clone();
        relax(&mut changed, &name).then(|| (changed, name, line.trim().to_owned()))
    })
}

/// The project after all edits of one diagnosis.
struct Step {
    project: Existing,
    edits: Vec<String>,
    fixes: Vec<FixApplied>,
}

/// `current` with all edits of a diagnosis, where that is something new.
fn mended(
    state: &State,
    current: &Existing,
    diagnosis: &Diagnosis,
    place: Place,
    knowledge: &KnowledgeBase,
) -> Option<Step> {
    let mut project = current.clone();
    let about = about(current, diagnosis, knowledge);
    let reason = format!("{} ({})", diagnosis.cause, diagnosis.pitfall);
    let (mut edits, mut fixes) = (Vec::new(), Vec::new());
    let mut place = place;
    for edit in &diagnosis.fix {
        let before = count(&project);
        match apply(&mut project, edit, place, &reason, &about, knowledge) {
            Applied::Changed => {
                let text = describe(edit);
                let (action, new) = text.split_once(' ').unwrap_or((&text, ""));
                fixes.push(FixApplied {
                    action: action.to_owned(),
                    reason: diagnosis.cause.clone(),
                    old: None,
                    new: Some(new.to_owned()),
                });
                edits.push(text);
            }
            Applied::Unchanged => {}
            // A fix is one conjunction: half of it is not what the note means.
            Applied::Conflict(_) => return None,
        }
        // What was put before the failing instruction has moved it.
        if let Place::Build(index) = &mut place {
            *index += count(&project).saturating_sub(before);
        }
    }
    (!edits.is_empty() && !state.seen.contains(&project)).then_some(Step { project, edits, fixes })
}

fn count(project: &Existing) -> usize {
    Dockerfile::parse(&project.dockerfile).instructions().len()
}

/// The distributions that are installed here and that a diagnosis is about.
fn about(project: &Existing, diagnosis: &Diagnosis, knowledge: &KnowledgeBase) -> Vec<String> {
    let names: BTreeSet<String> = read::declared(project).into_iter().map(|(name, _)| name).collect();
    let library = knowledge.pitfall(&diagnosis.pitfall).and_then(|(note, _)| note.library.as_ref());
    let packages = library.map(|library| library.value.packages.clone()).unwrap_or_default();
    packages.into_iter().filter(|package| names.contains(package)).collect()
}

/// Number of the instruction that a builder prints as `RUN pip install …`, its blanks and its end changed.
fn instruction(text: &str, printed: &str) -> Option<usize> {
    let dense = |text: &str| -> String {
        text.lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .flat_map(|line| line.trim_end().trim_end_matches('\\').chars())
            .filter(|character| !character.is_whitespace())
            .collect()
    };
    let wanted = dense(printed);
    let wanted = wanted.trim_end_matches('…').trim_end_matches("...");
    let file = Dockerfile::parse(text);
    let found = file.instructions().into_iter().find(|one| {
        let source = dense(one.source());
        !wanted.is_empty() && (source.starts_with(wanted) || wanted.starts_with(&source))
    });
    found.map(|one| one.index())
}

fn last_run(text: &str) -> usize {
    let file = Dockerfile::parse(text);
    let mut runs = file.instructions().into_iter().filter(|one| one.keyword() == Keyword::Run);
    runs.next_back().map_or(0, |one| one.index())
}

fn record(state: &mut State, phase: &str, ok: bool, diagnosis: Option<&Diagnosis>, edits: Vec<String>) {
    let cause = diagnosis.map(|found| (found.pitfall.clone(), found.cause.clone(), found.excerpt.clone()));
    record_as(state, phase, ok, cause, edits);
}

/// `cause`: id, sentence and line.
fn record_as(state: &mut State, phase: &str, ok: bool, cause: Option<(String, String, String)>, edits: Vec<String>) {
    let (diagnosis, cause, excerpt) = match cause {
        Some((id, cause, excerpt)) => (Some(id), Some(cause), Some(excerpt)),
        None => (None, None, None),
    };
    state.attempts.push(Attempt {
        n: state.attempts.len() + 1,
        phase: phase.to_owned(),
        stage: phase.to_owned(),
        ok,
        seconds: (std::mem::take(&mut state.seconds) * 10.0).round() / 10.0,
        diagnosis,
        cause,
        excerpt,
        edits,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "FROM python:3.11-slim-bookworm\nRUN pip install opencv-python\nCMD [\"python\"]\n";
    const LIBGL: &str = "ImportError: libGL.so.1: cannot open shared object file: No such file or directory";

    fn begin(max_attempts: usize, fix: bool) -> State {
        let project = Existing { dockerfile: FILE.to_owned(), ..Existing::default() };
        start(project, BTreeMap::new(), max_attempts, fix).0
    }

    fn failed(logs: &[&str]) -> Outcome {
        Outcome::NotImported { logs: logs.iter().map(|&log| log.to_owned()).collect(), seconds: 1.0 }
    }

    #[test]
    fn a_failing_import_is_mended_and_what_was_tried_is_not_tried_again() {
        let knowledge = repro_knowledge::base();
        let (state, action) = next(begin(5, true), Outcome::Built { seconds: 1.0 }, knowledge);
        assert_eq!(action, Action::Smoke);
        let (state, action) = next(state, failed(&[LIBGL]), knowledge);
        assert_eq!(action, Action::Build);
        assert_eq!(state.attempts[0].edits, ["apt libgl1 libglib2.0-0"]);
        assert!(state.project.dockerfile.contains("libgl1 libglib2.0-0"), "{}", state.project.dockerfile);
        let (again, action) = next(state.clone(), failed(&[LIBGL]), knowledge);
        assert!(matches!(action, Action::Stop(End::NotReproduced(_))), "{action:?}");
        assert_eq!(again.attempts.len(), 2);
        let (done, action) = next(state, Outcome::Imported { seconds: 1.0 }, knowledge);
        assert_eq!((action, done.attempts.len()), (Action::Stop(End::Proved), 2));
    }

    #[test]
    fn failures_that_have_nothing_to_do_with_each_other_are_mended_together() {
        let numpy = "AttributeError: module 'numpy' has no attribute 'float'.";
        let (state, action) = next(begin(5, true), failed(&[LIBGL, numpy, LIBGL, "?"]), repro_knowledge::base());
        assert_eq!(action, Action::Build);
        assert_eq!(state.attempts[0].edits, ["apt libgl1 libglib2.0-0", "pip_pin numpy<1.24"]);
    }

    #[test]
    fn without_fixing_and_at_the_last_attempt_the_diagnosis_is_told() {
        for (max_attempts, fix) in [(3, false), (1, true)] {
            let (state, action) = next(begin(max_attempts, fix), failed(&[LIBGL]), repro_knowledge::base());
            let Action::Stop(End::NotReproduced(why)) = action else { panic!("{action:?}") };
            assert!(why.contains("OpenGL"), "{why}");
            assert_eq!((state.project.dockerfile.as_str(), state.attempts[0].edits.len()), (FILE, 0));
        }
    }

    #[test]
    fn of_versions_that_contradict_each_other_the_one_that_others_want_gives_way() {
        let project = Existing {
            dockerfile: "FROM python:3.11-slim-bookworm\nRUN pip install Flask==2.3.3 werkzeug==2.2.3\n".to_owned(),
            ..Existing::default()
        };
        let log = "The conflict is caused by:\n    The user requested flask==2.3.3\n    The user requested \
                   werkzeug==2.2.3\n    flask 2.3.3 depends on Werkzeug>=2.3.7\n\nERROR: ResolutionImpossible: for help";
        let (state, _) = start(project, BTreeMap::new(), 3, true);
        let failed =
            Outcome::Failed { log: log.to_owned(), step: Some("RUN pip install Flask".to_owned()), seconds: 1.0 };
        let (state, action) = next(state, failed, repro_knowledge::base());
        assert_eq!(action, Action::Build);
        assert!(
            state.project.dockerfile.ends_with("pip install Flask==2.3.3 werkzeug\n"),
            "{}",
            state.project.dockerfile
        );
    }

    #[test]
    fn the_failing_instruction_is_found_as_builders_print_it() {
        let text = "FROM a\nRUN apt-get update \\\n # why\n && apt-get install -y x\nRUN pip install \\\n   y\n";
        for (printed, index) in [
            ("RUN apt-get update  && apt-get install -y x", 1),
            ("RUN pip install    y", 2),
            ("RUN pip inst…", 2),
            ("RUN other", usize::MAX),
        ] {
            assert_eq!(instruction(text, printed).unwrap_or(usize::MAX), index, "{printed}");
        }
    }
}
