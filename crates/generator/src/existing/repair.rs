//! The repair loop over a Dockerfile that someone already has, as a pure function: what happened in, what next out.

use std::collections::{BTreeMap, BTreeSet};

use repro_core::{Diagnosis, KnowledgeBase, OpenQuestion, Phase};
use repro_dockerfile::{Dockerfile, Keyword};
use repro_note::Edit;

use super::Existing;
use super::conflicts::other_python;
use super::edit::{Place, apply, limit, relax};
use super::read::{self, context};
use crate::edit::{Applied, can_be_had, describe};
use crate::repair::{Attempt, End, FixApplied, cost_of};
use crate::search::{self, Day, Search};

/// Smoke tests that may fail before nothing more is tried.
const MOST_SMOKES: usize = 3;

/// What the runner is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Build `state.project`.
    Build,
    /// Import what the image is said to have.
    Smoke,
    /// Look for what no note and no table knows, and report [`Outcome::Found`] or [`Outcome::Dated`].
    Search(Search),
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
    /// What a search for a file or a name has led to; empty where it found nothing.
    Found {
        edits: Vec<Edit>,
        seconds: f64,
    },
    /// The releases of the day; `None` where they could not be had.
    Dated {
        day: Option<Day>,
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
    /// Pythons for which a base can be had; empty for all.
    pythons: Vec<String>,
    max_attempts: usize,
    /// Are edits allowed?
    fix: bool,
    seen: Vec<Existing>,
    smokes: usize,
    seconds: f64,
    /// What was searched for.
    searched: BTreeSet<Search>,
    /// The failure that is being searched about.
    searching: Option<Searching>,
    /// How things were before the last repair of an image that could be built, in case it makes them worse.
    before: Option<Before>,
}

/// A failing image, as it was before somebody tried to mend it.
#[derive(Debug, Clone)]
struct Before {
    project: Existing,
    logs: Vec<String>,
    /// The edits that were tried.
    tried: Vec<String>,
    /// How many edits had been made.
    fixes: usize,
}

/// A failure whose cure is being looked for.
#[derive(Debug, Clone)]
struct Searching {
    question: Option<OpenQuestion>,
    logs: Vec<String>,
    place: Place,
}

/// Begins. `pythons` are those for which a base can be had, empty for all. Without `fix` one build and one smoke test are
/// made, and what is wrong is told.
pub fn start(
    project: Existing,
    build_args: BTreeMap<String, String>,
    pythons: Vec<String>,
    max_attempts: usize,
    fix: bool,
) -> (State, Action) {
    let state = State {
        seen: vec![project.clone()],
        project,
        attempts: Vec::new(),
        fixes: Vec::new(),
        build_args,
        pythons,
        max_attempts: max_attempts.max(1),
        fix,
        smokes: 0,
        seconds: 0.0,
        searched: BTreeSet::new(),
        searching: None,
        before: None,
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
        Outcome::Found { edits, seconds } => {
            state.seconds += seconds;
            found(state, edits, knowledge)
        }
        Outcome::Dated { day, seconds } => {
            state.seconds += seconds;
            dated(state, day, knowledge)
        }
        Outcome::Trouble(why) => (state, Action::Stop(End::CouldNotTell(why))),
    }
}

/// Makes what a search has found, where that is something new; else goes on without it.
fn found(mut state: State, edits: Vec<Edit>, knowledge: &KnowledgeBase) -> (State, Action) {
    let Some(Searching { question, logs, place }) = state.searching.take() else { return unasked(state) };
    let diagnosis = question.map(|question| Diagnosis {
        pitfall: question.pitfall,
        cause: question.cause,
        line: question.line,
        excerpt: question.excerpt,
        fixable: true,
        fix: edits,
        source: None,
        note: String::new(),
    });
    let step = diagnosis.and_then(|diagnosis| {
        let step = mended(&state, &state.project, &diagnosis, place, knowledge)?;
        Some((diagnosis, step))
    });
    match step {
        Some((diagnosis, step)) => build_again(state, place, Some(&diagnosis), step),
        None => repair(state, &logs, place, knowledge),
    }
}

/// Limits everything to the releases of a day, where that is something new; else goes on without it.
fn dated(mut state: State, day: Option<Day>, knowledge: &KnowledgeBase) -> (State, Action) {
    let Some(Searching { logs, place, .. }) = state.searching.take() else { return unasked(state) };
    let Some(day) = day else { return repair(state, &logs, place, knowledge) };
    let mut project = state.project.clone();
    let reason = format!("later releases than those of {} broke it", day.date);
    let image = day.python.as_deref().and_then(|python| other_python(&project, &state.build_args, python, knowledge));
    let base = image.map(Edit::BaseImage).filter(|edit| can_be_had(edit, &state.pythons));
    if day.python.is_some() && base.is_none() {
        // Releases of that day do not run on the Python that is there.
        return repair(state, &logs, place, knowledge);
    }
    let mut edits = vec![format!("resolve as of {}", day.date)];
    if let Some(base) = base
        && apply(&mut project, &base, place, &reason, &[], knowledge) == Applied::Changed
    {
        edits.push(describe(&base));
    }
    limit(&mut project, &day.pins, &reason);
    if state.seen.contains(&project) {
        return repair(state, &logs, place, knowledge);
    }
    let fix = FixApplied { action: "order".to_owned(), reason: reason.clone(), old: None, new: Some(day.date) };
    let cause = ("resolve/dated".to_owned(), reason, excerpt(&logs));
    record_as(&mut state, place.name(), false, Some(cause), edits);
    state.fixes.push(fix);
    state.seen.push(project.clone());
    state.project = project;
    (state, Action::Build)
}

fn unasked(state: State) -> (State, Action) {
    (state, Action::Stop(End::CouldNotTell("an answer came that nobody had asked for".to_owned())))
}

/// The last line that says something.
fn excerpt(logs: &[String]) -> String {
    let last = logs.first().and_then(|log| log.lines().rev().map(str::trim).find(|line| !line.is_empty()));
    last.unwrap_or_default().chars().take(300).collect()
}

/// Builds what a diagnosis has made of the files.
fn build_again(mut state: State, place: Place, cause: Option<&Diagnosis>, step: Step) -> (State, Action) {
    record(&mut state, place.name(), false, cause, step.edits);
    state.seen.push(step.project.clone());
    state.project = step.project;
    state.fixes.extend(step.fixes);
    (state, Action::Build)
}

/// Each log is a failure of its own, with a cause of its own.
fn repair(mut state: State, logs: &[String], place: Place, knowledge: &KnowledgeBase) -> (State, Action) {
    // A step of somebody's own Dockerfile may well run the program.
    let phase = if place == Place::Run { Some(Phase::Run) } else { None };
    let asked = repro_core::Context { phase, ..context(&state.project, &state.build_args, knowledge) };
    let (mut diagnoses, mut questions, mut decisive) = (Vec::new(), Vec::new(), None);
    for log in logs {
        let mut said = knowledge.said(log, &asked);
        said.diagnoses.extend(foreseen(log, &asked, knowledge));
        diagnoses.push(said.diagnoses);
        questions.extend(said.questions);
        decisive = decisive.or(said.decisive);
    }
    let is_last = state.attempts.len() + 1 >= state.max_attempts || state.smokes >= MOST_SMOKES;
    if state.fix && !is_last {
        let mut step = Step { project: state.project.clone(), edits: Vec::new(), fixes: Vec::new() };
        let mut cause = None;
        for diagnoses in &diagnoses {
            let one = diagnoses.iter().filter(|diagnosis| diagnosis.fixable).find_map(|diagnosis| {
                mended(&state, &step.project, diagnosis, place, knowledge).map(|step| (diagnosis, step))
            });
            let Some((diagnosis, one)) = one else { continue };
            cause = cause.or(Some(diagnosis));
            step.project = one.project;
            step.edits.extend(one.edits);
            step.fixes.extend(one.fixes);
        }
        let is_new = cause.is_some() && !state.seen.contains(&step.project);
        // One later release too many is an accident. More than one, and time has broken it: one limit for all of them.
        let is_time = step.edits.iter().all(|edit| edit.starts_with("pip_pin "))
            && state.attempts.iter().any(|attempt| attempt.edits.iter().any(|edit| edit.starts_with("pip_pin ")));
        let requirements = read::specs(&state.project);
        let may_date =
            !requirements.is_empty() && !state.searched.iter().any(|search| matches!(search, Search::Day { .. }));
        if is_new && !(is_time && may_date) {
            state.before = (place == Place::Run).then(|| Before {
                project: state.project.clone(),
                logs: logs.to_vec(),
                tried: step.edits.clone(),
                fixes: state.fixes.len(),
            });
            return build_again(state, place, cause, step);
        }
        if !is_new && let Some((state, step, cause)) = taken_back(&state, place, knowledge) {
            return build_again(state, place, Some(&cause), step);
        }
        if !is_new
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
        if !is_new && let Some((question, search)) = search::next(questions, &mut state.searched, None) {
            state.searching = Some(Searching { question: Some(question), logs: logs.to_vec(), place });
            return (state, Action::Search(search));
        }
        // What is known to be no matter of releases no other release mends.
        let is_of_releases = |best: &Diagnosis| best.fix.iter().any(|edit| matches!(edit, Edit::PipPin(_)));
        if may_date && diagnoses.iter().flatten().next().is_none_or(is_of_releases) {
            let search = Search::Day { requirements };
            state.searched.insert(search.clone());
            state.searching = Some(Searching { question: None, logs: logs.to_vec(), place });
            return (state, Action::Search(search));
        }
    }
    let best = diagnoses.iter().flatten().next();
    let what = if place == Place::Run { "the smoke test failed" } else { "the build failed" };
    let unknown = || decisive.as_ref().map_or_else(|| what.to_owned(), |line| format!("{what}: {}", line.text));
    let mut why = best.map_or_else(unknown, |best| format!("{what}: {}", best.cause));
    if state.smokes >= MOST_SMOKES {
        why.push_str(&format!(" ({MOST_SMOKES} smoke tests failed)"));
    }
    record(&mut state, place.name(), false, best, Vec::new());
    if let Some(attempt) = state.attempts.last_mut() {
        attempt.excerpt = attempt.excerpt.take().or(decisive.map(|line| line.text));
    }
    // What the host lacks says nothing about the Dockerfile.
    let end = if best.is_some_and(|best| !best.fixable) { End::CouldNotTell(why) } else { End::NotReproduced(why) };
    (state, Action::Stop(end))
}

/// Puts into the files what the notes foresee and no import may show: packages, variables, distributions and limits that a
/// program lacks only when it runs. Only where the base is known; a Dockerfile that has them stays as it is.
pub fn prevent(
    project: &mut Existing,
    build_args: &BTreeMap<String, String>,
    knowledge: &KnowledgeBase,
) -> Vec<FixApplied> {
    let asked = repro_core::Context { phase: Some(Phase::Run), ..context(project, build_args, knowledge) };
    if asked.release().is_none() {
        return Vec::new();
    }
    let mut fixes = Vec::new();
    for found in knowledge.preventive(&asked) {
        let adds = |edit: &Edit| matches!(edit, Edit::Apt(_) | Edit::Env(_) | Edit::PipAdd(_) | Edit::PipPin(_));
        if !found.edits.iter().all(adds) {
            continue;
        }
        let reason = format!("{} ({})", found.cause, found.pitfall);
        let before = project.clone();
        let done =
            found.edits.iter().try_for_each(|edit| match apply(project, edit, Place::Run, &reason, &[], knowledge) {
                Applied::Conflict(why) => Err(why),
                Applied::Changed | Applied::Unchanged => Ok(()),
            });
        if done.is_err() {
            *project = before;
        } else if *project != before {
            fixes.extend(found.edits.iter().map(|edit| FixApplied::of(edit, &found.cause)));
        }
    }
    fixes
}

/// Where the last repair of an image that could be built has led to one that cannot: the files before it with the next best
/// repair instead.
fn taken_back(state: &State, place: Place, knowledge: &KnowledgeBase) -> Option<(State, Step, Diagnosis)> {
    let before = state.before.as_ref().filter(|_| place != Place::Run)?;
    let mut old = State { project: before.project.clone(), before: None, ..state.clone() };
    old.fixes.truncate(before.fixes);
    let asked = repro_core::Context { phase: Some(Phase::Run), ..context(&old.project, &old.build_args, knowledge) };
    let diagnoses = before.logs.iter().flat_map(|log| knowledge.diagnose(log, &asked)).filter(|one| one.fixable);
    diagnoses.into_iter().find_map(|mut diagnosis| {
        let mut step = mended(&old, &old.project, &diagnosis, Place::Run, knowledge)?;
        let undone = before.tried.iter().map(|edit| format!("undo {edit}"));
        step.edits = undone.chain(step.edits).collect();
        diagnosis.cause = format!("{}; what was tried before made things worse", diagnosis.cause);
        Some((old.clone(), step, diagnosis))
    })
}

/// What the notes on a distribution foresee, where a log says that its build failed and not why.
fn foreseen(log: &str, asked: &repro_core::Context, knowledge: &KnowledgeBase) -> Vec<Diagnosis> {
    let failed = log.lines().filter_map(|line| Some((line, read::failed_build(line)?)));
    let failed: Vec<(&str, String)> = failed.collect();
    if failed.is_empty() {
        return Vec::new();
    }
    let foreseen = knowledge.preventive(&repro_core::Context { phase: Some(Phase::Build), ..asked.clone() });
    foreseen
        .into_iter()
        .filter_map(|found| {
            let (note, _) = knowledge.pitfall(&found.pitfall)?;
            let packages = &note.library.as_ref()?.value.packages;
            let (line, _) = failed.iter().find(|(_, name)| packages.contains(name))?;
            Some(Diagnosis {
                pitfall: found.pitfall,
                cause: found.cause,
                line: 0,
                excerpt: line.trim().to_owned(),
                fixable: true,
                fix: found.edits,
                source: found.source,
                note: found.note,
            })
        })
        .collect()
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
    if !diagnosis.fix.iter().all(|edit| can_be_had(edit, &state.pythons)) {
        return None;
    }
    let mut project = current.clone();
    let about = about(current, diagnosis, knowledge);
    let reason = format!("{} ({})", diagnosis.cause, diagnosis.pitfall);
    let (mut edits, mut fixes) = (Vec::new(), Vec::new());
    let mut place = place;
    for edit in &diagnosis.fix {
        let before = count(&project);
        match apply(&mut project, edit, place, &reason, &about, knowledge) {
            Applied::Changed => {
                fixes.push(FixApplied::of(edit, &diagnosis.cause));
                edits.push(describe(edit));
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
        cost: cost_of(&edits),
        edits,
    });
}

#[cfg(test)]
mod tests {
    use repro_core::Wanted;
    use repro_core::contents::FileKind;

    use super::*;

    const FILE: &str = "FROM python:3.11-slim-bookworm\nRUN pip install opencv-python\nCMD [\"python\"]\n";
    const LIBGL: &str = "ImportError: libGL.so.1: cannot open shared object file: No such file or directory";

    fn begin(max_attempts: usize, fix: bool) -> State {
        let project = Existing { dockerfile: FILE.to_owned(), ..Existing::default() };
        start(project, BTreeMap::new(), Vec::new(), max_attempts, fix).0
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

    fn begin_with(dockerfile: &str) -> State {
        let project = Existing { dockerfile: dockerfile.to_owned(), ..Existing::default() };
        start(project, BTreeMap::new(), Vec::new(), 5, true).0
    }

    #[test]
    fn what_no_table_knows_is_searched_for_once() {
        let knowledge = repro_knowledge::base();
        let log = "OSError: libsurely_not_there.so.7: cannot open shared object file: No such file or directory";
        let (state, action) = next(begin(5, true), failed(&[log]), knowledge);
        let wanted = Wanted::File { kind: FileKind::SharedObject, name: "libsurely_not_there.so.7".to_owned() };
        assert_eq!(action, Action::Search(Search::Wanted { wanted, before: None }));
        let answer = |edits: Vec<Edit>| Outcome::Found { edits, seconds: 1.0 };
        let (found, action) = next(state.clone(), answer(vec![Edit::Apt(vec!["surely".to_owned()])]), knowledge);
        assert_eq!((action, found.attempts[0].edits.as_slice()), (Action::Build, ["apt surely".to_owned()].as_slice()));
        assert_eq!(found.attempts[0].diagnosis.as_deref(), Some("shared-objects/shared-object-missing"));
        // Nothing was found: no further search for it.
        let (_, action) = next(state, answer(Vec::new()), knowledge);
        assert!(!matches!(action, Action::Search(Search::Wanted { .. })), "{action:?}");
    }

    #[test]
    fn a_repair_that_cannot_be_built_is_taken_back_for_the_next_best() {
        let knowledge = repro_knowledge::base();
        let two = format!("{LIBGL}\nAttributeError: module 'numpy' has no attribute 'float'.");
        let (state, _) = next(begin(5, true), failed(&[&two]), knowledge);
        let first = state.attempts[0].edits.clone();
        let worse = Outcome::Failed { log: "nobody has seen this".to_owned(), step: None, seconds: 1.0 };
        let (state, action) = next(state, worse, knowledge);
        assert_eq!(action, Action::Build);
        assert_eq!(state.attempts[1].edits[0], format!("undo {}", first[0]));
        assert_ne!(state.attempts[1].edits[1], first[0]);
        assert_eq!(state.fixes.len(), 1, "{:?}", state.fixes);
    }

    #[test]
    fn what_time_has_broken_twice_is_limited_to_its_day() {
        let knowledge = repro_knowledge::base();
        let text = "FROM python:3.9-slim-bookworm AS a\nRUN pip install flask==1.0\nFROM a AS b\nFROM python:3.9-slim-bookworm\n\
                    RUN pip install six\n";
        let (state, _) = next(
            begin_with(text),
            failed(&["ImportError: cannot import name 'escape' from 'jinja2' (/x/jinja2/__init__.py)"]),
            knowledge,
        );
        assert_eq!(state.attempts[0].edits, ["pip_pin jinja2<3.1"]);
        let second = "ImportError: cannot import name 'json' from 'itsdangerous' (/x/itsdangerous/__init__.py)";
        let (state, action) = next(state, failed(&[second]), knowledge);
        let requirements = read::specs(&state.project);
        assert_eq!(action, Action::Search(Search::Day { requirements }));
        // Without an image with that Python nothing is dated, and the day is not asked for again.
        let none = State { pythons: vec!["3.9".to_owned()], ..state.clone() };
        let too_old = Day { date: "2018-05-02".to_owned(), pins: Vec::new(), python: Some("3.7".to_owned()) };
        let (kept, action) = next(none, Outcome::Dated { day: Some(too_old), seconds: 1.0 }, knowledge);
        assert!(!matches!(action, Action::Search(Search::Day { .. })), "{action:?}");
        assert!(!kept.project.dockerfile.contains("3.7-slim"), "{}", kept.project.dockerfile);
        let day = Day {
            date: "2018-05-02".to_owned(),
            pins: vec!["jinja2==2.10".to_owned()],
            python: Some("3.7".to_owned()),
        };
        let (state, action) = next(state, Outcome::Dated { day: Some(day), seconds: 1.0 }, knowledge);
        assert_eq!(action, Action::Build);
        assert_eq!(state.attempts[1].edits, ["resolve as of 2018-05-02", "base_image python:3.7-slim-bookworm"]);
        let limits = state
            .project
            .dockerfile
            .matches("RUN printf '%s\\n' jinja2==2.10 >> /etc/pip-constraints.txt\nENV PIP_CONSTRAINT");
        assert_eq!(limits.count(), 2, "{}", state.project.dockerfile);
    }

    #[test]
    fn a_build_that_failed_without_a_reason_gets_what_the_notes_foresee() {
        let text = "FROM python:3.11-slim-bookworm\nRUN pip install pyaudio\n";
        let log = "  error: something unheard of\n  ERROR: Failed building wheel for pyaudio\n".to_owned();
        let step = Some("RUN pip install pyaudio".to_owned());
        let (state, action) =
            next(begin_with(text), Outcome::Failed { log, step, seconds: 1.0 }, repro_knowledge::base());
        assert_eq!(
            (action, state.attempts[0].diagnosis.as_deref()),
            (Action::Build, Some("pyaudio/portaudio-header-missing"))
        );
        assert!(state.project.dockerfile.contains("portaudio19-dev"), "{}", state.project.dockerfile);
    }

    #[test]
    fn what_no_import_shows_is_put_in_before_the_first_build() {
        let knowledge = repro_knowledge::base();
        let prevented = |text: &str| {
            let mut project = Existing { dockerfile: text.to_owned(), ..Existing::default() };
            let fixes = prevent(&mut project, &BTreeMap::new(), knowledge);
            (fixes.len(), project.dockerfile)
        };
        let (count, text) = prevented("FROM python:3.11-slim-bookworm\nRUN pip install openai-whisper\n");
        assert!(count == 1 && text.contains("no-install-recommends ffmpeg"), "{text}");
        assert_eq!(prevented(&text), (0, text.clone()));
        let unknown = "FROM somebody/base\nRUN pip install openai-whisper\n";
        assert_eq!(prevented(unknown), (0, unknown.to_owned()));
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
        let (state, _) = start(project, BTreeMap::new(), Vec::new(), 3, true);
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
