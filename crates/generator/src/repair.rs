//! The repair loop as a pure function: what happened goes in, what to do next comes out.
//!
//! A runner of effects calls [`start`] once and [`next`] after each effect, until [`Action::Stop`]. Recorded outcomes
//! replay as tests.

use std::collections::{BTreeMap, BTreeSet};

use repro_core::{Context, Decisive, Diagnosis, KnowledgeBase, OpenQuestion, Phase, Said};
use repro_inspect::Action as Deed;
use repro_note::{Cost, Edit};
use serde::{Deserialize, Serialize};

use crate::edit::{self, Applied, describe};
use crate::names::requirement_name;
use crate::plan::{Lock, Plan, Reason};
use crate::planner::{self, about, context, promote};
use crate::resolve;
use crate::search::{self, Search};
use crate::verdict::Verdict;

/// What the runner is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Resolve `state.plan` and report [`Outcome::Locked`].
    Lock,
    /// Write the files of `state.plan` and build them.
    Build,
    /// Run the image that was built last.
    Run,
    /// Look for what no note and no table knows, and report [`Outcome::Found`].
    Search(Search),
    /// Nothing known is left: ask somebody else, and report [`Outcome::Advice`] or [`Outcome::NoAdvice`].
    Ask(Question),
    Stop(End),
}

/// What somebody else is asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Question {
    /// `lock`, `build` or `run`.
    pub stage: String,
    /// What is wrong, as far as it is known.
    pub why: String,
    /// The line of the log that reports the failure, where no note knows it.
    pub decisive: Option<String>,
    /// The end of the log.
    pub log: String,
    /// What the notes say about it, best first.
    pub diagnoses: Vec<Diagnosis>,
}

/// How the loop ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Proved,
    /// A verdict against the repository (as far as our knowledge goes), with the reason.
    NotReproduced(String),
    /// Engine, network or hardware let us down.
    CouldNotTell(String),
    /// The runner was asked to go no further than this stage.
    Stopped(String),
}

/// What an effect gave.
#[derive(Debug, Clone)]
pub enum Outcome {
    Locked {
        lock: Lock,
        seconds: f64,
    },
    /// Pinned releases have no wheel for the interpreter of the base: `(name, version to take instead)`.
    NoWheel {
        instead: Vec<(String, String)>,
        seconds: f64,
    },
    /// Resolved, with a release that has wheels for these Pythons only.
    OtherPython {
        lock: Lock,
        release: String,
        pythons: Vec<String>,
        seconds: f64,
    },
    Built {
        seconds: f64,
    },
    /// The resolver or the builder failed.
    Failed {
        log: String,
        seconds: f64,
    },
    /// The program ended, or was ended.
    Ran {
        verdict: Verdict,
        log: String,
        seconds: f64,
    },
    /// What a search has led to; empty where it found nothing.
    Found {
        edits: Vec<Edit>,
        seconds: f64,
    },
    /// Somebody else says what to change.
    Advice {
        edits: Vec<Edit>,
        why: String,
    },
    /// Nobody knows.
    NoAdvice,
    /// Nothing can be said about the repository: engine gone, network gone, disk full.
    Trouble(String),
}

/// One pass from lock or build to a failure or to success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub n: usize,
    /// How far it came: `build` (which includes the lock) or `run`.
    pub phase: String,
    /// The stage within that phase: `lock`, `build`, `run`.
    pub stage: String,
    pub ok: bool,
    pub seconds: f64,
    /// Id of the pitfall, or of the general family, that was recognised.
    pub diagnosis: Option<String>,
    /// What was wrong, in words.
    #[serde(default)]
    pub cause: Option<String>,
    /// The decisive line of the log.
    #[serde(default)]
    pub excerpt: Option<String>,
    /// The edits that were made before the next attempt.
    pub edits: Vec<String>,
    /// What they cost: `run`, `layer`, `resolve`, `base`; `null` where nothing was changed.
    #[serde(default)]
    pub cost: Option<Cost>,
}

/// The cost of edits as attempts list them.
pub(crate) fn cost_of(edits: &[String]) -> Option<Cost> {
    // What is in words only leads to another resolve.
    let cost = |line: &String| edit::read(line).map_or(Cost::Resolve, |edit| edit.cost());
    edits.iter().map(cost).max()
}

/// An edit that repaired something, as the contract lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixApplied {
    pub action: String,
    pub reason: String,
    pub old: Option<String>,
    pub new: Option<String>,
}

impl FixApplied {
    /// An edit that was made for this reason.
    pub fn of(edit: &Edit, reason: &str) -> Self {
        let text = describe(edit);
        let (action, new) = text.split_once(' ').unwrap_or((&text, ""));
        Self { action: action.to_owned(), reason: reason.to_owned(), old: None, new: Some(new.to_owned()) }
    }
}

/// Everything the loop remembers.
#[derive(Debug, Clone)]
pub struct State {
    pub plan: Plan,
    pub attempts: Vec<Attempt>,
    pub fixes: Vec<FixApplied>,
    stage: Stage,
    max_attempts: usize,
    /// Plans that were already tried, by their fingerprint.
    seen: BTreeSet<String>,
    /// Seconds of the attempt that is under way.
    seconds: f64,
    /// Modules that the repository itself holds: a missing one is a path problem, not a missing distribution.
    own_modules: OwnModules,
    /// Pythons for which a base can be had; empty for all.
    pythons: Vec<String>,
    /// How often somebody else may still be asked.
    questions: usize,
    /// What was asked last.
    asked: Option<Question>,
    /// What was searched for.
    searched: BTreeSet<Search>,
    /// The failure that is being searched about.
    searching: Option<Box<Searching>>,
    /// How things were before the last repair, in case it makes them worse.
    before: Option<Box<Before>>,
}

/// A failure whose cure is being looked for.
#[derive(Debug, Clone)]
struct Searching {
    question: OpenQuestion,
    log: String,
    why: String,
}

/// A failure, as it was before somebody tried to mend it.
#[derive(Debug, Clone)]
struct Before {
    plan: Plan,
    stage: Stage,
    log: String,
    /// The edits that were tried, as attempts list them.
    tried: Vec<String>,
    /// How many edits had been made.
    fixes: usize,
}

impl State {
    /// Somebody else may be asked, at most so often, when nothing known is left.
    pub fn allow_questions(&mut self, most: usize) {
        self.questions = most;
    }

    /// A person does not want what led to `after`: it is not proposed again.
    pub fn refuse(&mut self, after: &Self) {
        self.seen.insert(fingerprint(&after.plan));
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Lock,
    Build,
    Run,
}

impl Stage {
    const fn name(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Build => "build",
            Self::Run => "run",
        }
    }

    const fn phase(self) -> Phase {
        match self {
            Self::Lock => Phase::Lock,
            Self::Build => Phase::Build,
            Self::Run => Phase::Run,
        }
    }
}

/// Modules that a repository holds: name -> the folders (relative, the nearest to the top first) from which they can be
/// imported.
pub type OwnModules = BTreeMap<String, Vec<String>>;

/// The modules of a tree of files. `utils/io.py` makes `utils` importable from the top and `io` from `utils`.
pub fn own_modules<'p>(paths: impl Iterator<Item = &'p str>) -> OwnModules {
    let mut found = OwnModules::new();
    for path in paths {
        let Some(stem) = path.strip_suffix(".py") else { continue };
        let stem = stem.strip_suffix("/__init__").unwrap_or(stem);
        let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
        let folders = found.entry(name.to_owned()).or_default();
        if !folders.iter().any(|known| known == folder) {
            folders.push(folder.to_owned());
        }
    }
    for folders in found.values_mut() {
        folders.sort_by_key(|folder| (folder.split('/').filter(|part| !part.is_empty()).count(), folder.clone()));
    }
    found
}

/// Begins with a plan. A plan that is already locked is built as it is.
///
/// `own_modules`: modules of the repository; `pythons`: those for which a base can be had, empty for all.
pub fn start(plan: Plan, max_attempts: usize, own_modules: OwnModules, pythons: Vec<String>) -> (State, Action) {
    let stage = if plan.lock.is_some() { Stage::Build } else { Stage::Lock };
    let seen = BTreeSet::from([fingerprint(&plan)]);
    let state = State {
        plan,
        attempts: Vec::new(),
        fixes: Vec::new(),
        stage,
        max_attempts: max_attempts.max(1),
        seen,
        seconds: 0.0,
        own_modules,
        pythons,
        questions: 0,
        asked: None,
        searched: BTreeSet::new(),
        searching: None,
        before: None,
    };
    let action = if stage == Stage::Lock { Action::Lock } else { Action::Build };
    (state, action)
}

/// One step of the loop.
pub fn next(mut state: State, outcome: Outcome, knowledge: &KnowledgeBase) -> (State, Action) {
    match outcome {
        Outcome::Locked { lock, seconds } => {
            state.seconds += seconds;
            let input = lock_input(&state.plan);
            state.plan.lock = Some(lock);
            // Only now is it known what the declared distributions bring along.
            planner::prevent_with_lock(&mut state.plan, knowledge);
            if lock_input(&state.plan) != input {
                state.plan.lock = None;
                state.seen.insert(fingerprint(&state.plan));
                return (state, Action::Lock);
            }
            state.stage = Stage::Build;
            (state, Action::Build)
        }
        Outcome::NoWheel { instead, seconds } => {
            state.seconds += seconds;
            let mut changed = false;
            for (name, version) in instead {
                let python = &state.plan.python.version;
                let why = format!(
                    "the pinned release has no wheel for Python {python}, {version} is the oldest later one that has"
                );
                for (old, new) in resolve::repin(&mut state.plan, &name, &version, &Reason::said(&why)) {
                    changed = true;
                    let (old, new) = (Some(old), Some(new));
                    state.fixes.push(FixApplied { action: "pip_pin".to_owned(), reason: why.clone(), old, new });
                }
            }
            if changed {
                state.seen.insert(fingerprint(&state.plan));
                return (state, Action::Lock);
            }
            let why = "the resolver asked for other releases than the plan has".to_owned();
            (state, Action::Stop(End::CouldNotTell(why)))
        }
        Outcome::OtherPython { lock, release, pythons, seconds } => {
            let why = format!("{release} has no wheel for Python {}", state.plan.python.version);
            let Some((plan, image)) = with_older_python(&state, &pythons, &why, knowledge) else {
                return next(state, Outcome::Locked { lock, seconds }, knowledge);
            };
            state.seconds += seconds;
            let old = Some(std::mem::replace(&mut state.plan, plan).base_image);
            let fix = FixApplied { action: "base_image".to_owned(), reason: why, old, new: Some(image.clone()) };
            state.fixes.push(fix);
            // It belongs to the edits that made it necessary.
            if let Some(attempt) = state.attempts.last_mut() {
                attempt.edits.push(format!("base_image {image}"));
                attempt.cost = cost_of(&attempt.edits);
            }
            state.seen.insert(fingerprint(&state.plan));
            (state, Action::Lock)
        }
        Outcome::Built { seconds } => {
            state.seconds += seconds;
            if state.plan.main.is_none() {
                let why = "the image was built, but no command was found that could be run";
                record(&mut state, true, None, Vec::new());
                return (state, Action::Stop(End::NotReproduced(why.to_owned())));
            }
            state.stage = Stage::Run;
            (state, Action::Run)
        }
        Outcome::Ran { verdict, seconds, .. } if verdict.success => {
            state.seconds += seconds;
            record(&mut state, true, None, Vec::new());
            (state, Action::Stop(End::Proved))
        }
        Outcome::Ran { verdict, log, seconds } => {
            state.seconds += seconds;
            let why = verdict.false_success.clone().unwrap_or_else(|| verdict.reasons.join("; "));
            repair(state, &log, &why, knowledge)
        }
        Outcome::Failed { log, seconds } => {
            state.seconds += seconds;
            let why = format!("the {} failed", if state.stage == Stage::Lock { "resolve" } else { "build" });
            repair(state, &log, &why, knowledge)
        }
        Outcome::Found { edits, seconds } => {
            state.seconds += seconds;
            found(state, edits, knowledge)
        }
        Outcome::Advice { edits, why } => advised(state, edits, why),
        Outcome::NoAdvice => {
            let question = state.asked.take();
            let why = question.as_ref().map_or_else(|| "nobody knows".to_owned(), |question| question.why.clone());
            let best = question.as_ref().and_then(|question| question.diagnoses.first());
            let cause = best.map(|d| (d.pitfall.clone(), d.cause.clone(), Some(d.excerpt.clone())));
            record(&mut state, false, cause, Vec::new());
            note_line(&mut state, question.and_then(|question| question.decisive));
            (state, Action::Stop(End::NotReproduced(why)))
        }
        Outcome::Trouble(why) => (state, Action::Stop(End::CouldNotTell(why))),
    }
}

/// The plan on the newest older Python for which there are wheels, and its image.
fn with_older_python(
    state: &State,
    pythons: &[String],
    why: &str,
    knowledge: &KnowledgeBase,
) -> Option<(Plan, String)> {
    let minor = |python: &str| -> Option<u32> { python.strip_prefix("3.")?.parse().ok() };
    let current = minor(&state.plan.python.version)?;
    let suite = state.plan.base_image.split_once("-slim-").map(|(_, suite)| suite);
    let mut older: Vec<&String> = pythons
        .iter()
        .filter(|python| minor(python).is_some_and(|minor| minor < current))
        .filter(|python| state.pythons.is_empty() || state.pythons.contains(python))
        .filter(|python| planner::admits(&state.plan.python.constraint, python))
        .collect();
    older.sort_by_key(|python| minor(python));
    older.into_iter().rev().find_map(|python| {
        let image = knowledge.tables().slim_tag(python, suite)?;
        let mut plan = state.plan.clone();
        let applied = edit::apply(&mut plan, &Edit::BaseImage(image.clone()), &Reason::said(why), None);
        (applied == Applied::Changed && !state.seen.contains(&fingerprint(&plan))).then_some((plan, image))
    })
}

fn repair(mut state: State, log: &str, why: &str, knowledge: &KnowledgeBase) -> (State, Action) {
    let log_context = Context {
        phase: Some(state.stage.phase()),
        repository_modules: state.own_modules.keys().cloned().collect(),
        ..context(&state.plan, None, knowledge)
    };
    let Said { diagnoses, questions, decisive } = knowledge.said(log, &log_context);
    let mut moves: Vec<Move> = if state.stage == Stage::Lock { built_here(log) } else { Vec::new() };
    moves.extend(diagnoses.iter().filter(|d| d.fixable).map(|d| Move::of(d, &state.plan, knowledge)));
    if state.stage == Stage::Lock {
        moves.extend(lock_moves(&state.plan, log));
    } else {
        moves.extend(path_moves(&state, log));
    }
    let last = state.attempts.len() + 1 >= state.max_attempts;
    let has_remedy = diagnoses.iter().any(|d| d.fixable);
    if !last
        && !has_remedy
        && let Some(step) = taken_back(&state, knowledge)
    {
        let cause = (step.id, format!("{}; what was tried before made things worse", step.cause), step.excerpt);
        let kept = state.before.take().map_or(usize::MAX, |before| before.fixes);
        state.fixes.truncate(kept);
        return resume(state, step.plan, Some(cause), step.edits, step.fixes);
    }
    if !last {
        for step in &moves {
            if let Some(changed) = apply(&state, step) {
                return go_on(state, step, changed, log);
            }
        }
        let before = state.plan.resolve_date.clone().or_else(|| day_of(&state.plan.source.committed));
        if let Some((question, search)) = search::next(questions, &mut state.searched, before.as_deref()) {
            let (log, why) = (log.to_owned(), why.to_owned());
            state.searching = Some(Box::new(Searching { question, log, why }));
            return (state, Action::Search(search));
        }
        // Nothing known mends this command: another of the repository's own may still run.
        if state.stage == Stage::Run
            && diagnoses.iter().all(|d| d.fixable)
            && let Some((plan, edit, fix)) = other_command(&state)
        {
            let cause = (None, why.to_owned(), None);
            let cause = Some((cause.0.unwrap_or_else(|| "main/other-command".to_owned()), cause.1, cause.2));
            return resume(state, plan, cause, vec![edit], vec![fix]);
        }
    }
    let best = diagnoses.first();
    // What only the host can mend no change of the plan does.
    if !last && state.questions > 0 && best.is_none_or(|best| best.fixable) {
        state.questions -= 1;
        let question = Question {
            stage: state.stage.name().to_owned(),
            why: reason(why, best, decisive.as_ref()),
            decisive: decisive.map(|line| line.text),
            log: end_of(log),
            diagnoses,
        };
        state.asked = Some(question.clone());
        return (state, Action::Ask(question));
    }
    let cause = best.map(|d| (d.pitfall.clone(), d.cause.clone(), Some(d.excerpt.clone())));
    let why = reason(why, best, decisive.as_ref());
    record(&mut state, false, cause, Vec::new());
    note_line(&mut state, decisive.map(|line| line.text));
    let why = if last && !moves.is_empty() {
        format!("{why} (stopped after {} attempts)", state.attempts.len())
    } else {
        why
    };
    (state, Action::Stop(End::NotReproduced(why)))
}

/// Makes what a search has found, where that is something new; else goes on without it.
fn found(mut state: State, edits: Vec<Edit>, knowledge: &KnowledgeBase) -> (State, Action) {
    let Some(searching) = state.searching.take() else {
        let why = "an answer came that nobody had asked for".to_owned();
        return (state, Action::Stop(End::CouldNotTell(why)));
    };
    let Searching { question, log, why } = *searching;
    let step = Move {
        id: question.pitfall,
        cause: question.cause,
        excerpt: Some(question.excerpt),
        about: Vec::new(),
        edits,
        undated: false,
        relax: Vec::new(),
    };
    match apply(&state, &step) {
        Some(changed) => go_on(state, &step, changed, &log),
        None => repair(state, &log, &why, knowledge),
    }
}

/// The day of a time of a commit.
fn day_of(committed: &str) -> Option<String> {
    committed.get(..10).map(str::to_owned)
}

/// Goes on with what a move makes of the plan; how it was is kept, in case that makes things worse.
fn go_on(
    mut state: State,
    step: &Move,
    (plan, edits, fixes): (Plan, Vec<String>, Vec<FixApplied>),
    log: &str,
) -> (State, Action) {
    state.before = Some(Box::new(Before {
        plan: state.plan.clone(),
        stage: state.stage,
        log: log.to_owned(),
        tried: edits.clone(),
        fixes: state.fixes.len(),
    }));
    let cause = (step.id.clone(), step.cause.clone(), step.excerpt.clone());
    resume(state, plan, Some(cause), edits, fixes)
}

/// What else can be done about a failure whose repair made things worse.
struct TakenBack {
    id: String,
    cause: String,
    excerpt: Option<String>,
    plan: Plan,
    edits: Vec<String>,
    fixes: Vec<FixApplied>,
}

/// Where the last repair has led to a failure at an earlier stage: the plan before it with the next best repair instead.
fn taken_back(state: &State, knowledge: &KnowledgeBase) -> Option<TakenBack> {
    let before = state.before.as_ref().filter(|before| state.stage < before.stage)?;
    let old = State { plan: before.plan.clone(), stage: before.stage, ..state.clone() };
    let asked = Context {
        phase: Some(before.stage.phase()),
        repository_modules: state.own_modules.keys().cloned().collect(),
        ..context(&before.plan, None, knowledge)
    };
    let diagnoses = knowledge.diagnose(&before.log, &asked);
    let moves = diagnoses.iter().filter(|d| d.fixable).map(|d| Move::of(d, &before.plan, knowledge));
    moves.into_iter().find_map(|step| {
        let (plan, edits, fixes) = apply(&old, &step)?;
        let taken_back = before.tried.iter().map(|edit| format!("undo {edit}"));
        let edits = taken_back.chain(edits).collect();
        Some(TakenBack { id: step.id, cause: step.cause, excerpt: step.excerpt, plan, edits, fixes })
    })
}

/// Why it ended: what is known of it, else the line that says so.
fn reason(why: &str, best: Option<&Diagnosis>, decisive: Option<&Decisive>) -> String {
    let known = best.map(|best| best.cause.as_str()).or_else(|| decisive.map(|line| line.text.as_str()));
    // A run's own reasons may have that line already.
    known.filter(|known| !why.contains(known)).map_or_else(|| why.to_owned(), |known| format!("{why}: {known}"))
}

/// Gives the last attempt, whose cause nobody knows, the line that reports the failure.
fn note_line(state: &mut State, line: Option<String>) {
    if let Some(attempt) = state.attempts.last_mut() {
        attempt.excerpt = attempt.excerpt.take().or(line);
    }
}

/// The last few kilobytes, from the beginning of a line on.
fn end_of(log: &str) -> String {
    const MOST: usize = 8 << 10;
    let mut from = log.len().saturating_sub(MOST);
    while !log.is_char_boundary(from) {
        from += 1;
    }
    let end = log.get(from..).unwrap_or_default();
    if from == 0 { end.to_owned() } else { end.split_once('\n').map_or(end, |(_, rest)| rest).to_owned() }
}

/// Does what somebody else says, where all of it can be done and is something new.
fn advised(mut state: State, edits: Vec<Edit>, why: String) -> (State, Action) {
    let question = state.asked.clone();
    let excerpt = question.as_ref().and_then(|question| question.log.lines().last().map(str::to_owned));
    let id = "ask/advice".to_owned();
    let step = Move { id, cause: why, excerpt, about: Vec::new(), edits, undated: false, relax: Vec::new() };
    let is_sound = step.edits.iter().all(|edit| edit::check(edit).is_ok());
    match apply(&state, &step).filter(|_| is_sound) {
        Some((plan, edits, fixes)) => {
            state.asked = None;
            resume(state, plan, Some((step.id, step.cause, step.excerpt)), edits, fixes)
        }
        None => next(state, Outcome::NoAdvice, &KnowledgeBase::default()),
    }
}

/// A change that may mend a failure.
struct Move {
    id: String,
    cause: String,
    excerpt: Option<String>,
    about: Vec<String>,
    edits: Vec<Edit>,
    /// The resolve forgets the date.
    undated: bool,
    /// Declared versions of these distributions are dropped.
    relax: Vec<String>,
}

impl Move {
    fn of(diagnosis: &Diagnosis, plan: &Plan, knowledge: &KnowledgeBase) -> Self {
        Self {
            id: diagnosis.pitfall.clone(),
            cause: diagnosis.cause.clone(),
            excerpt: Some(diagnosis.excerpt.clone()),
            about: about(plan, &diagnosis.pitfall, knowledge),
            edits: diagnosis.fix.clone(),
            undated: false,
            relax: Vec::new(),
        }
    }
}

/// A source distribution whose setup imports what only the finished environment has.
///
/// uv says: "Failed to build `diso==0.1.4`" and, further down, "`ModuleNotFoundError: No module named 'torch'`".
fn built_here(log: &str) -> Vec<Move> {
    let failed = log
        .split("Failed to ")
        .skip(1)
        .filter(|rest| rest.starts_with("build ") || rest.starts_with("download and build "));
    let missing = log.lines().find(|line| line.contains("ModuleNotFoundError: No module named"));
    let (Some(excerpt), Some(rest)) = (missing, failed.last()) else { return Vec::new() };
    let Some(name) = rest.split('`').nth(1).and_then(requirement_name) else { return Vec::new() };
    vec![Move {
        id: "resolve/builds-in-environment".to_owned(),
        cause: format!("the setup of {name} imports what it does not declare"),
        excerpt: Some(excerpt.trim().to_owned()),
        about: vec![name],
        edits: vec![Edit::PipFlag("--no-build-isolation".to_owned())],
        undated: false,
        relax: Vec::new(),
    }]
}

/// A module that the repository has, in a folder that is not searched.
fn path_moves(state: &State, log: &str) -> Vec<Move> {
    let missing = log.lines().filter_map(|line| {
        let (_, rest) = line.split_once("No module named ")?;
        let module = rest.trim().trim_matches(['\'', '"']).split('.').next()?;
        Some((line.trim(), module, state.own_modules.get(module)?))
    });
    let moves = missing.flat_map(|(line, module, folders)| {
        folders.iter().map(move |folder| {
            let place = format!("{}/{folder}", state.plan.checkout());
            Move {
                id: "main/module-path".to_owned(),
                cause: format!("`{module}` lies in a folder of the repository that is not searched"),
                excerpt: Some(line.to_owned()),
                about: Vec::new(),
                edits: vec![Edit::Env(format!("PYTHONPATH={}", place.trim_end_matches('/')))],
                undated: false,
                relax: Vec::new(),
            }
        })
    });
    moves.collect()
}

/// What else can be tried when the resolver says no: drop the pins that it names, then the date.
fn lock_moves(plan: &Plan, log: &str) -> Vec<Move> {
    let mut moves = Vec::new();
    let named: Vec<String> = plan
        .pip
        .requirements
        .iter()
        .filter(|w| {
            w.spec != w.name && (log.contains(&format!("`{}", w.name)) || log.contains(&format!(" {}", w.name)))
        })
        .map(|w| w.name.clone())
        .collect();
    let excerpt = log.lines().find(|l| l.contains("Because") || l.contains("error:")).map(|l| l.trim().to_owned());
    if !named.is_empty() {
        moves.push(Move {
            id: "resolve/pins".to_owned(),
            cause: format!("the declared versions of {} cannot be had together", named.join(", ")),
            excerpt: excerpt.clone(),
            about: Vec::new(),
            edits: Vec::new(),
            undated: false,
            relax: named,
        });
    }
    if plan.resolve_date.is_some() {
        moves.push(Move {
            id: "resolve/undated".to_owned(),
            cause: "no set of releases of the day of the source fits".to_owned(),
            excerpt,
            about: Vec::new(),
            edits: Vec::new(),
            undated: true,
            relax: Vec::new(),
        });
    }
    moves
}

fn apply(state: &State, step: &Move) -> Option<(Plan, Vec<String>, Vec<FixApplied>)> {
    if !step.edits.iter().all(|edit| edit::can_be_had(edit, &state.pythons)) {
        return None;
    }
    let mut plan = state.plan.clone();
    let reason = Reason::known(step.cause.clone(), step.id.clone());
    let (mut edits, mut fixes) = (Vec::new(), Vec::new());
    for fix in &step.edits {
        match edit::apply_to(&mut plan, fix, &reason, &step.about) {
            Applied::Changed => {
                fixes.push(FixApplied::of(fix, &step.cause));
                edits.push(describe(fix));
            }
            Applied::Unchanged => {}
            // A fix is one conjunction: half of it is not what the note means.
            Applied::Conflict(_) => return None,
        }
    }
    for name in &step.relax {
        for wanted in plan.pip.requirements.iter_mut().filter(|w| w.name == *name) {
            let fix = FixApplied {
                action: "pip_pin".to_owned(),
                reason: step.cause.clone(),
                old: Some(wanted.spec.clone()),
                new: Some(wanted.name.clone()),
            };
            edits.push(format!("pip_pin {} -> {}", wanted.spec, wanted.name));
            fixes.push(fix);
            wanted.spec.clone_from(&wanted.name);
            wanted.because.push(reason.clone());
        }
    }
    if step.undated && plan.resolve_date.take().is_some() {
        edits.push("resolve without a date".to_owned());
        fixes.push(FixApplied {
            action: "order".to_owned(),
            reason: step.cause.clone(),
            old: state.plan.resolve_date.clone(),
            new: None,
        });
    }
    let changed = !edits.is_empty() && !state.seen.contains(&fingerprint(&plan));
    changed.then_some((plan, edits, fixes))
}

/// The best alternative that does what the main command was meant to do.
fn other_command(state: &State) -> Option<(Plan, String, FixApplied)> {
    let mut plan = state.plan.clone();
    let old = plan.main.as_ref()?.command.line.clone();
    let index = plan
        .alternatives
        .iter()
        .position(|c| matches!(c.action, Deed::Infer | Deed::Evaluate | Deed::Train | Deed::Unknown))?;
    promote(&mut plan, index);
    let new = plan.main.as_ref()?.command.line.clone();
    if state.seen.contains(&fingerprint(&plan)) {
        return None;
    }
    let fix = FixApplied {
        action: "command".to_owned(),
        reason: "the command before it could not be brought to run".to_owned(),
        old: Some(old),
        new: Some(new.clone()),
    };
    Some((plan, format!("command {new}"), fix))
}

fn resume(
    mut state: State,
    plan: Plan,
    cause: Option<(String, String, Option<String>)>,
    edits: Vec<String>,
    fixes: Vec<FixApplied>,
) -> (State, Action) {
    record(&mut state, false, cause, edits);
    state.fixes.extend(fixes);
    state.seen.insert(fingerprint(&plan));
    let relock = lock_input(&plan) != lock_input(&state.plan);
    let only_run = plan.run_flags != state.plan.run_flags
        && fingerprint_without_run(&plan) == fingerprint_without_run(&state.plan);
    state.plan = plan;
    let (stage, action) = if relock || state.plan.lock.is_none() {
        state.plan.lock = None;
        (Stage::Lock, Action::Lock)
    } else if only_run && state.stage == Stage::Run {
        (Stage::Run, Action::Run)
    } else {
        (Stage::Build, Action::Build)
    };
    state.stage = stage;
    (state, action)
}

fn record(state: &mut State, ok: bool, cause: Option<(String, String, Option<String>)>, edits: Vec<String>) {
    let (diagnosis, cause, excerpt) = match cause {
        Some((id, cause, excerpt)) => (Some(id), Some(cause), excerpt),
        None => (None, None, None),
    };
    state.attempts.push(Attempt {
        n: state.attempts.len() + 1,
        phase: if state.stage == Stage::Run { "run" } else { "build" }.to_owned(),
        stage: state.stage.name().to_owned(),
        ok,
        seconds: (std::mem::take(&mut state.seconds) * 10.0).round() / 10.0,
        diagnosis,
        cause,
        excerpt,
        cost: cost_of(&edits),
        edits,
    });
}

/// What the resolver reads: two plans with the same input have the same lock.
pub fn lock_input(plan: &Plan) -> String {
    let specs = |list: &[crate::plan::Wanted]| list.iter().map(|w| w.spec.clone()).collect::<BTreeSet<_>>();
    let unisolated: BTreeSet<&str> = plan.pip.unisolated.iter().map(|u| u.value.as_str()).collect();
    format!(
        "{}\n{}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        plan.base_image,
        plan.python.version,
        plan.resolve_date,
        specs(&plan.pip.requirements),
        specs(&plan.pip.constraints),
        specs(&plan.pip.removed),
        unisolated,
        plan.pip.direct.iter().filter_map(|d| requirement_name(&d.name)).collect::<Vec<_>>(),
    )
}

fn fingerprint(plan: &Plan) -> String {
    let flags: Vec<&str> = plan.run_flags.iter().map(|f| f.value.as_str()).collect();
    format!("{}\n{flags:?}", fingerprint_without_run(plan))
}

fn fingerprint_without_run(plan: &Plan) -> String {
    let values = |list: &[crate::plan::Because<String>]| list.iter().map(|i| i.value.clone()).collect::<Vec<_>>();
    format!(
        "{}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        lock_input(plan),
        values(&plan.apt),
        plan.env.iter().map(|(k, v)| (k, &v.value)).collect::<Vec<_>>(),
        values(&plan.commands),
        values(&plan.patches),
        values(&plan.pip.flags),
        plan.pip.direct,
        plan.project.as_ref().map(|p| (&p.folder, p.editable, p.isolated)),
        plan.main.as_ref().map(|m| &m.command),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    /// A library whose import needs a system library, and one whose newest release broke its callers.
    const NOTES: [(&str, &str); 2] = [
        (
            "libraries/eye.md",
            "# eye\n\n```toml library\npackages = ['eye']\n```\n\n## `lib-missing`: it needs libeye\n\nIt loads libeye. \
             [source](https://mirror.example/1)\n\n```toml pitfall\nkind = 'curative'\nlog = ['libeye\\.so\\.1: cannot open']\n\
             fix = [{ apt = 'libeye1' }]\n```\n",
        ),
        (
            "libraries/numbers.md",
            "# numbers\n\n```toml library\npackages = ['numbers']\n```\n\n## `old-api`: an old name is gone\n\nRelease 2 dropped \
             it. [source](https://mirror.example/2)\n\n```toml pitfall\nkind = 'curative'\n\
             log = ['numbers has no attribute .old']\nfix = [{ pip_pin = 'numbers<2' }]\n```\n",
        ),
    ];

    fn knowledge() -> KnowledgeBase {
        KnowledgeBase::from_texts(NOTES).0
    }

    fn ran(success: bool, log: &str) -> Outcome {
        let reasons = vec!["exit code 1".to_owned()];
        Outcome::Ran { verdict: Verdict { success, reasons, ..Verdict::default() }, log: log.to_owned(), seconds: 1.0 }
    }

    fn begin() -> (State, Action) {
        start(testing::plan(), 5, OwnModules::new(), Vec::new())
    }

    /// Plays outcomes in order and gives the actions that they led to.
    fn play(outcomes: Vec<Outcome>) -> (State, Vec<Action>) {
        let knowledge = knowledge();
        let (mut state, first) = begin();
        let mut actions = vec![first];
        for outcome in outcomes {
            let (after, action) = next(state, outcome, &knowledge);
            state = after;
            actions.push(action);
        }
        (state, actions)
    }

    fn locked() -> Outcome {
        Outcome::Locked { lock: Lock::default(), seconds: 1.0 }
    }

    fn built() -> Outcome {
        Outcome::Built { seconds: 1.0 }
    }

    #[test]
    fn what_a_lock_brings_along_is_known_before_the_first_build() {
        let note = "# lens\n\n```toml library\npackages = ['lens']\n```\n\n## `lib-missing`: it needs liblens\n\nIt loads \
                    liblens. [source](https://mirror.example/3)\n\n```toml pitfall\nkind = 'preventive'\n\
                    affects = '<2'\nfix = [{ apt = 'liblens1' }]\n```\n\n## `no-numbers`: it breaks with numbers 2\n\n\
                    [source](https://mirror.example/4)\n\n```toml pitfall\nkind = 'preventive'\naffects = '<1'\n\
                    fix = [{ pip_pin = 'numbers<2' }]\n```\n";
        let (knowledge, problems) = KnowledgeBase::from_texts([("libraries/lens.md", note)]);
        assert!(problems.is_empty(), "{problems:?}");
        let locked = |pin: &str| Outcome::Locked {
            lock: Lock { requirements: vec!["eye==1".to_owned(), pin.to_owned()], ..Lock::default() },
            seconds: 1.0,
        };
        let (state, action) = next(begin().0, locked("lens==1.5"), &knowledge);
        assert_eq!((action, state.plan.notes.as_slice()), (Action::Build, &["lens/lib-missing".to_owned()][..]));
        assert_eq!(state.plan.apt[0].value, "liblens1");
        // A limit asks for another lock, once.
        let (state, action) = next(begin().0, locked("lens==0.5"), &knowledge);
        assert_eq!((action, state.plan.pip.constraints[0].spec.as_str()), (Action::Lock, "numbers<2"));
        assert_eq!(next(state, locked("lens==0.5"), &knowledge).1, Action::Build);
        assert_eq!(next(begin().0, locked("lens==2.0"), &knowledge).0.plan.apt, []);
    }

    #[test]
    fn what_goes_well_is_one_attempt() {
        let (state, actions) = play(vec![locked(), built(), ran(true, "")]);
        assert_eq!(actions, [Action::Lock, Action::Build, Action::Run, Action::Stop(End::Proved)]);
        assert_eq!(state.attempts.len(), 1);
        assert!(state.attempts[0].ok && state.fixes.is_empty());
    }

    #[test]
    fn a_missing_library_is_installed_without_resolving_again() {
        let log = "ImportError: libeye.so.1: cannot open shared object file";
        let (state, actions) = play(vec![locked(), built(), ran(false, log), built(), ran(true, "")]);
        assert_eq!(actions[3], Action::Build);
        assert_eq!(actions.last(), Some(&Action::Stop(End::Proved)));
        assert_eq!(state.attempts[0].diagnosis.as_deref(), Some("eye/lib-missing"));
        assert_eq!(state.attempts[0].edits, ["apt libeye1"]);
        assert_eq!(state.fixes[0].new.as_deref(), Some("libeye1"));
        assert_eq!(state.attempts.len(), 2);
    }

    #[test]
    fn a_new_limit_resolves_again() {
        let log = "AttributeError: numbers has no attribute 'old'";
        let (state, actions) = play(vec![locked(), built(), ran(false, log)]);
        assert_eq!(actions.last(), Some(&Action::Lock));
        assert!(state.plan.lock.is_none());
        assert_eq!(state.plan.pip.constraints[0].spec, "numbers<2");
    }

    #[test]
    fn a_pin_that_gives_way_is_recorded_and_costs_no_attempt() {
        let instead = vec![("eye".to_owned(), "2".to_owned())];
        let no_wheel = Outcome::NoWheel { instead, seconds: 1.0 };
        let (state, actions) = play(vec![no_wheel.clone(), locked(), built(), ran(true, "")]);
        assert_eq!(actions, [Action::Lock, Action::Lock, Action::Build, Action::Run, Action::Stop(End::Proved)]);
        assert_eq!(state.plan.pip.requirements[0].spec, "eye==2");
        assert_eq!((state.attempts.len(), state.fixes[0].old.as_deref()), (1, Some("eye==1")));
        // Who says it again gets no third resolve.
        let (_, actions) = play(vec![no_wheel.clone(), no_wheel]);
        assert!(matches!(actions.last(), Some(Action::Stop(End::CouldNotTell(_)))), "{actions:?}");
    }

    #[test]
    fn a_module_that_lies_elsewhere_in_the_repository_is_searched_for_there() {
        let own = own_modules(["src/deep/shapes.py", "src/shapes.py", "main.py", "lines/__init__.py"].into_iter());
        assert_eq!(own["shapes"], ["src", "src/deep"]);
        assert_eq!(
            (own["main"].as_slice(), own["lines"].as_slice()),
            ([String::new()].as_slice(), [String::new()].as_slice())
        );
        let knowledge = knowledge();
        let (state, _) = start(testing::plan(), 5, own, Vec::new());
        let (state, _) = next(state, locked(), &knowledge);
        let (state, _) = next(state, built(), &knowledge);
        let log = "ModuleNotFoundError: No module named 'shapes'";
        let (state, action) = next(state, ran(false, log), &knowledge);
        assert_eq!((action, state.plan.env["PYTHONPATH"].value.as_str()), (Action::Build, "/workspace/repo/src"));
        assert_eq!(state.attempts[0].diagnosis.as_deref(), Some("main/module-path"));
        // Nobody's own: the index, not a folder.
        let (state, _) = next(state, built(), &knowledge);
        let (state, _) = next(state, ran(false, "ModuleNotFoundError: No module named 'nobodys'"), &knowledge);
        assert_eq!(state.plan.env["PYTHONPATH"].value, "/workspace/repo/src");
    }

    #[test]
    fn a_limit_that_no_wheel_of_this_python_satisfies_takes_an_older_python() {
        let lock = || Lock { requirements: vec!["numbers==1.9".to_owned()], ..Lock::default() };
        let other = |pythons: &[&str]| Outcome::OtherPython {
            lock: lock(),
            release: "numbers 1.9".to_owned(),
            pythons: pythons.iter().map(|&python| python.to_owned()).collect(),
            seconds: 1.0,
        };
        let knowledge = repro_knowledge::base();
        let (state, action) = next(begin().0, other(&["3.8", "3.9", "3.12"]), knowledge);
        assert_eq!((action, state.plan.base_image.as_str()), (Action::Lock, "python:3.9-slim-bookworm"));
        assert!(state.fixes[0].reason.contains("numbers 1.9 has no wheel for Python 3.10"), "{:?}", state.fixes);
        // Where none is older, what was resolved is tried.
        let (state, action) = next(state, other(&["3.12"]), knowledge);
        assert_eq!((action, state.plan.lock), (Action::Build, Some(lock())));
    }

    #[test]
    fn the_same_failure_twice_is_not_repaired_twice() {
        let log = "ImportError: libeye.so.1: cannot open shared object file";
        let (state, actions) = play(vec![locked(), built(), ran(false, log), built(), ran(false, log)]);
        assert!(matches!(actions.last(), Some(Action::Stop(End::NotReproduced(_)))), "{actions:?}");
        assert_eq!(state.attempts.len(), 2);
    }

    #[test]
    fn a_resolve_that_fails_drops_the_pins_it_names_and_then_the_date() {
        let refused =
            || Outcome::Failed { log: "Because eye==1 has no wheel, eye cannot be used".to_owned(), seconds: 1.0 };
        let (state, actions) = play(vec![refused(), refused()]);
        assert_eq!(actions, [Action::Lock, Action::Lock, Action::Lock]);
        assert_eq!(state.attempts[0].edits, ["pip_pin eye==1 -> eye"]);
        assert_eq!(state.attempts[1].edits, ["resolve without a date"]);
        assert_eq!(state.plan.resolve_date, None);
    }

    #[test]
    fn what_imports_its_surroundings_in_its_setup_is_built_in_the_environment() {
        let log = "error: Failed to build `eye==1`\n  cause: the build backend returned an error\n\
                   ModuleNotFoundError: No module named 'torch'\n";
        let (state, actions) = play(vec![Outcome::Failed { log: log.to_owned(), seconds: 1.0 }]);
        assert_eq!(actions.last(), Some(&Action::Lock));
        assert_eq!(state.plan.pip.unisolated[0].value, "eye");
        assert_eq!(state.attempts[0].diagnosis.as_deref(), Some("resolve/builds-in-environment"));
    }

    #[test]
    fn a_repair_that_makes_things_worse_is_taken_back_for_the_next_best() {
        let log = "libeye.so.1: cannot open\nAttributeError: numbers has no attribute 'old'";
        let knowledge = knowledge();
        let (state, actions) = play(vec![locked(), built(), ran(false, log)]);
        assert_eq!(
            (actions.last(), state.attempts[0].edits.as_slice()),
            (Some(&Action::Build), ["apt libeye1".to_owned()].as_slice())
        );
        let worse = Outcome::Failed { log: "nobody has seen this".to_owned(), seconds: 1.0 };
        let (state, action) = next(state, worse, &knowledge);
        assert_eq!(
            (action, state.attempts[1].edits.as_slice()),
            (Action::Lock, ["undo apt libeye1".to_owned(), "pip_pin numbers<2".to_owned()].as_slice())
        );
        assert_eq!(state.fixes.iter().map(|fix| fix.action.as_str()).collect::<Vec<_>>(), ["pip_pin"]);
        assert!(state.plan.apt.is_empty() && state.plan.pip.constraints[0].spec == "numbers<2");
    }

    #[test]
    fn where_nothing_is_left_somebody_else_is_asked_and_checked() {
        let knowledge = knowledge();
        let failing = || {
            let (mut state, _) = begin();
            state.allow_questions(1);
            let (state, _) = next(state, locked(), &knowledge);
            let (state, _) = next(state, built(), &knowledge);
            let (state, action) = next(state, ran(false, "something unheard of"), &knowledge);
            let Action::Ask(question) = action else { panic!("{action:?}") };
            assert_eq!((question.stage.as_str(), question.log.as_str()), ("run", "something unheard of"));
            state
        };
        let advice = |edits: Vec<Edit>| Outcome::Advice { edits, why: "an oracle says so".to_owned() };
        let (state, action) = next(failing(), advice(vec![Edit::Apt(vec!["libx1".to_owned()])]), &knowledge);
        assert_eq!((action, state.attempts[0].diagnosis.as_deref()), (Action::Build, Some("ask/advice")));
        // Once was allowed.
        let (state, _) = next(state, built(), &knowledge);
        assert!(matches!(next(state, ran(false, "?"), &knowledge).1, Action::Stop(End::NotReproduced(_))));
        for edits in [Vec::new(), vec![Edit::Apt(vec!["; rm".to_owned()])], vec![Edit::BaseImage(String::new())]] {
            let (state, action) = next(failing(), advice(edits), &knowledge);
            assert!(matches!(action, Action::Stop(End::NotReproduced(_))), "{action:?}");
            assert_eq!((state.attempts.len(), state.attempts[0].edits.len()), (1, 0));
        }
    }

    #[test]
    fn what_a_person_does_not_want_is_not_proposed_again() {
        let knowledge = knowledge();
        let log = "ImportError: libeye.so.1: cannot open shared object file";
        let (state, _) = next(begin().0, locked(), &knowledge);
        let (mut state, _) = next(state, built(), &knowledge);
        let (after, action) = next(state.clone(), ran(false, log), &knowledge);
        assert_eq!(action, Action::Build);
        state.refuse(&after);
        assert!(matches!(next(state, ran(false, log), &knowledge).1, Action::Stop(End::NotReproduced(_))));
    }

    #[test]
    fn trouble_with_the_engine_is_no_verdict() {
        let (state, actions) = play(vec![locked(), Outcome::Trouble("the daemon is gone".to_owned())]);
        assert_eq!(actions.last(), Some(&Action::Stop(End::CouldNotTell("the daemon is gone".to_owned()))));
        assert!(state.attempts.is_empty());
    }

    #[test]
    fn the_loop_ends_after_as_many_attempts_as_were_allowed() {
        let knowledge = knowledge();
        let (mut state, mut action) = start(testing::plan(), 2, OwnModules::new(), Vec::new());
        for _ in 0..10 {
            let outcome = match action {
                Action::Lock => Outcome::Failed { log: "Because eye==1 has no wheel".to_owned(), seconds: 1.0 },
                Action::Build => built(),
                Action::Run => ran(false, ""),
                Action::Search(_) | Action::Ask(_) | Action::Stop(_) => break,
            };
            (state, action) = next(state, outcome, &knowledge);
        }
        assert!(matches!(action, Action::Stop(End::NotReproduced(_))));
        assert_eq!(state.attempts.len(), 2);
    }
}
