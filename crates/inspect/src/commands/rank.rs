//! A draft in, a scored candidate out, with a reason for each step of the score.

use super::arguments::{Lack, is_placeholder};
use super::classify::by_heading;
use super::collect::{Depth, Draft, Origin};
use super::shell::{Word, quote};
use crate::weights::Burden;
use crate::{Action, Candidate, Command, Imports, Kind, OnCpu};

/// Turns a draft into a candidate.
pub(crate) fn candidate(draft: &Draft, order: usize) -> Candidate {
    let (score, because) = score(draft, order);
    let mut changes = draft.program.changes.clone();
    changes.extend(draft.filled.changes.iter().cloned());
    changes.dedup();
    Candidate {
        command: Command {
            line: line(draft),
            setup: draft.filled.setup.clone(),
            env: draft.env.clone(),
            workdir: draft.program.workdir.clone(),
            samples: samples(draft),
        },
        kind: draft.program.kind,
        action: draft.action,
        entry: draft.program.entry.clone(),
        snippet: draft.snippet.clone(),
        score,
        because,
        changes,
        on_cpu: draft
            .on_cpu
            .as_ref()
            .map(|(arguments, changes)| OnCpu { line: line_with(draft, arguments), changes: changes.clone() }),
        imports: Imports::default(),
        questions: Vec::new(),
        evidence: vec![draft.evidence.clone()],
    }
}

/// The line that starts it.
pub(crate) fn line(draft: &Draft) -> String {
    line_with(draft, &draft.filled.arguments)
}

fn line_with(draft: &Draft, arguments: &[Word]) -> String {
    let words = draft.program.start.iter().cloned().chain(arguments.iter().map(|word| {
        // What could not be filled must not be read as a redirection.
        let value = word.text.split_once('=').map_or(word.text.as_str(), |(_, value)| value);
        if word.raw == word.text && is_placeholder(value) && word.text.contains(['<', '>', '{', '[', '$', ' ']) {
            quote(&word.text)
        } else {
            word.raw.clone()
        }
    }));
    words.chain(draft.redirects.iter().cloned()).collect::<Vec<_>>().join(" ")
}

fn samples(draft: &Draft) -> Vec<String> {
    let mut names: Vec<String> = draft.filled.samples.iter().map(|name| (*name).to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

/// The score from 0 to 1 and its reasons, most weighty first.
fn score(draft: &Draft, order: usize) -> (f64, Vec<String>) {
    let mut steps: Vec<(f64, String)> = Vec::new();
    let mut step = |weight: f64, why: &str| steps.push((weight, why.to_owned()));
    let (base, what) = match (draft.program.kind, draft.action) {
        (Kind::ReadmeSnippet, Action::Infer) if draft.own => (0.55, "a program of its document that uses the package"),
        (Kind::ReadmeSnippet, Action::Infer) => (0.36, "a program of its document that uses other libraries only"),
        (Kind::ReadmeSnippet, Action::Train) => (0.36, "a program of its document that trains"),
        (Kind::ReadmeSnippet, _) => (0.30, "a program of its document"),
        (Kind::Notebook, Action::Train) => (0.28, "a notebook that trains"),
        (Kind::Notebook, Action::Infer) => (0.54, "a notebook that does inferences"),
        (Kind::Notebook, Action::Prepare | Action::Evaluate | Action::Download) => (0.46, "a notebook"),
        (Kind::Notebook, _) => (0.52, "a notebook"),
        (Kind::Script | Kind::Module, Action::Infer) if draft.told_weakly => (0.56, "it may do an inference"),
        (_, Action::Infer) => (0.60, "it does one inference"),
        (_, Action::Unknown) => (0.42, "nothing says what it does"),
        (_, Action::Evaluate) => (0.36, "it evaluates"),
        (_, Action::Train) => (0.32, "it trains"),
        (_, Action::Serve) => (0.26, "it starts a server"),
        (_, Action::Prepare) => (0.14, "it prepares data"),
        (_, Action::Help) => (0.12, "it prints help"),
        (_, Action::Test) => (0.10, "it runs tests"),
        (_, Action::Download) => (0.08, "it downloads"),
        (_, Action::Install) => (0.05, "it installs"),
    };
    step(base, &format!("{what}: {}", draft.told_by));
    match draft.origin {
        Origin::Document { root: true, .. } => step(0.10, "the README says it"),
        Origin::Document { subfolder: Depth::Part, .. } => {
            step(-0.13, "only a document of a part of the repository says it");
        }
        Origin::Document { subfolder: Depth::Showcase, .. } => step(-0.05, "only a document of a subfolder says it"),
        Origin::Document { subfolder: Depth::Page, .. } => step(-0.02, "a page of the documentation says it"),
        Origin::Document { .. } => step(0.03, "a document says it"),
        Origin::Span { root: true } => step(0.02, "a sentence of the README says it"),
        Origin::Span { .. } => step(-0.05, "a sentence of a document says it"),
        Origin::Recipe(recipe) => {
            let (weight, why) = recipe.weight();
            step(weight, why);
        }
        Origin::Person => {}
        Origin::Derived { mentioned: true } => step(-0.03, "the README names the file"),
        Origin::Derived { mentioned: false } => step(-0.12, "no document says how to run it"),
    }
    let mut weight = 1.0;
    for heading in draft.headings.iter().rev() {
        let Some(action) = by_heading(heading) else { continue };
        let value = match action {
            Action::Infer => 0.08,
            Action::Evaluate | Action::Install | Action::Serve => -0.05,
            Action::Train | Action::Prepare => -0.08,
            Action::Download => -0.06,
            Action::Test => -0.12,
            Action::Help | Action::Unknown => 0.0,
        };
        // That a training stands under `Training` says nothing new.
        let value = if action == draft.action && value < 0.0 { 0.0 } else { value };
        step(value * weight, &format!("it stands under `{heading}`"));
        weight *= 0.4;
    }
    // The first thing missing weighs most: whoever gets one thing can get the others.
    let mut lacks: Vec<(f64, String)> = draft.filled.lacks.iter().map(|lack| weigh(lack, draft)).collect();
    lacks.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut share = 1.0;
    for (value, why) in lacks {
        step(value * share, &why);
        share *= 0.5;
    }
    if !draft.filled.samples.is_empty() {
        step(-0.04, "its input is a sample of ours");
    }
    let only_weights = draft.filled.lacks.iter().all(|lack| matches!(lack, Lack::Weights(_) | Lack::Model(_)));
    if draft.filled.at_hand > 0 && only_weights {
        step(0.08, "its inputs are at hand");
    } else if draft.filled.lacks.is_empty() && draft.filled.samples.is_empty() {
        step(0.03, "it needs no input");
    }
    if !draft.filled.lacks.is_empty() && matches!(draft.origin, Origin::Derived { .. }) {
        step(-0.12, "its arguments are a guess");
    }
    if draft.filled.replaced > 0 {
        step(-0.02, "placeholders were filled");
    }
    if draft.program.kind == Kind::ReadmeSnippet && !draft.acts {
        step(-0.3, "it only makes an object");
    }
    if draft.program.kind == Kind::ConsoleScript && draft.told_plainly {
        step(0.08, "its first word says plainly what it does");
    }
    if draft.program.kind == Kind::ConsoleScript {
        step(0.04, "it is a command that the package installs");
    }
    #[expect(clippy::cast_precision_loss, reason = "only the first twenty count")]
    let later = order.min(20) as f64;
    if !matches!(draft.origin, Origin::Derived { .. }) {
        step(-0.004 * later, "others come before it");
    }
    if draft.after_training > 0.0 {
        step(-draft.after_training.min(0.2), "it takes up what a training left");
    }
    if draft.needs_device {
        step(-0.2, "it wants a camera, a screen or a stream");
    }
    if draft.interactive {
        step(-0.15, "it asks questions on a terminal");
    }
    if !draft.runs {
        step(-0.2, "its file does nothing when it is run");
    }
    let score: f64 = steps.iter().map(|(weight, _)| weight).sum();
    steps.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
    (score.clamp(0.0, 1.0), steps.into_iter().filter(|(weight, _)| weight.abs() > 0.005).map(|(_, why)| why).collect())
}

/// Lowers a candidate by what its weights ask for.
pub(crate) fn weigh_down(candidate: &mut Candidate, burden: Option<&Burden>) {
    let (weight, why) = match burden {
        None => return,
        Some(Burden::Gated(what)) => (0.15, format!("its weights `{what}` are given to those only who were let in")),
        Some(Burden::Large(what, billions)) => (0.08, format!("its model `{what}` has {billions} billion parameters")),
    };
    candidate.score = (candidate.score - weight).max(0.0);
    candidate.because.insert(0, why);
}

/// What something missing costs.
fn weigh(lack: &Lack, draft: &Draft) -> (f64, String) {
    match lack {
        Lack::Input(what) => (-0.14, format!("its input `{what}` is not here")),
        // A bare file name is what programs give that fetch their weights themselves.
        Lack::Weights(what) if !what.contains('/') => (-0.06, format!("its weights `{what}` are not here")),
        Lack::Weights(what) => (-0.10, format!("its weights `{what}` are not here")),
        Lack::Model(what) if draft.action == Action::Train => (-0.12, format!("it starts from a model, `{what}`")),
        Lack::Model(what) => (-0.27, format!("it needs a trained model, `{what}`")),
        Lack::Value(what) if draft.snippet.is_some() => (-0.2, format!("`{what}` is left to the reader")),
        Lack::Value(what) => (-0.09, format!("`{what}` is left to the reader")),
        Lack::Secret(_) => (-0.27, "it needs a key".to_owned()),
    }
}
