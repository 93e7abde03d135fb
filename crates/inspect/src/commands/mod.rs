//! A tree and its projects in, what could be run out: commands of documents, scripts and packages, best first.
//!
//! Every candidate carries its reasons, what was changed against upstream's words, and where it was read. Nothing is
//! run, and no name of a repository decides anything.

#![expect(clippy::case_sensitive_file_extension_comparisons, reason = "programs are named in lower case")]

mod arguments;
mod classify;
mod collect;
mod cpu;
mod curl;
mod derive;
mod downloads;
mod names;
mod program;
mod prompts;
mod rank;
mod recipes;
mod samples;
mod shell;
mod short;
mod snippet;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use arguments::Lack;
use collect::Origin;

use crate::python::Sources;
use crate::{Action, Candidate, Finding, Kind, Project, Tree};

pub(crate) use cpu::{asks_for_cpu, is_device_option};
pub use curl::asked;
pub(crate) use rank::weigh_down;
pub use samples::{OURS, SAMPLE_FOLDER, sample_for};
pub(crate) use snippet::in_place as snippet_in_place;

/// Most candidates that are handed on.
const MOST: usize = 12;

/// What could be run, best first, and what documents name that is not there.
pub(crate) fn candidates(tree: &Tree, projects: &[Project], sources: &Sources<'_>) -> (Vec<Candidate>, Vec<Finding>) {
    let mut collector = collect::Collector::new(tree, projects, sources);
    collector.documents();
    collector.budget += 100_000;
    derive::derive(&mut collector);
    let offers = collector.offers_weights();
    let collect::Collector { mut drafts, findings, questions, .. } = collector;
    // A model that the reader is to name is one they trained, where the documents train one.
    let trains =
        drafts.iter().any(|draft| draft.action == Action::Train && !matches!(draft.origin, Origin::Derived { .. }));
    let trains = trains && !offers;
    for draft in drafts.iter_mut().filter(|draft| offers && !matches!(draft.origin, Origin::Derived { .. })) {
        for lack in &mut draft.filled.lacks {
            if let Lack::Model(what) = lack {
                *lack = Lack::Weights(std::mem::take(what));
            }
        }
    }
    for draft in drafts.iter_mut().filter(|draft| trains && draft.action != Action::Train) {
        if draft.filled.lacks.iter().any(|lack| matches!(lack, Lack::Model(_))) {
            draft.after_training = draft.after_training.max(0.4);
        }
    }
    let readme: Vec<usize> = drafts
        .iter()
        .enumerate()
        .filter(|(_, draft)| {
            matches!(draft.origin, Origin::Document { root: true, .. })
                && draft.action == Action::Infer
                && draft.filled.lacks.is_empty()
                && !draft.interactive
                && !draft.needs_device
        })
        .map(|(order, _)| order)
        .collect();
    let elsewhere: Vec<usize> = drafts
        .iter()
        .enumerate()
        .filter(|(_, draft)| {
            matches!(draft.origin, Origin::Document { root: false, .. } | Origin::Span { root: false })
        })
        .map(|(order, _)| order)
        .collect();
    let follows: BTreeSet<usize> =
        drafts.iter().enumerate().filter(|(_, draft)| draft.after_training > 0.3).map(|(order, _)| order).collect();
    let mut ranked: Vec<(usize, Candidate, (String, Action))> = drafts
        .into_iter()
        .enumerate()
        .map(|(order, draft)| (order, rank::candidate(&draft, order), draft.identity()))
        .collect();
    // What takes up the result of a training cannot come before it.
    let training = ranked
        .iter()
        .filter(|(_, candidate, _)| candidate.action == Action::Train && candidate.kind != Kind::Notebook)
        .map(|(_, candidate, _)| candidate.score)
        .fold(0.0, f64::max);
    for (order, candidate, _) in &mut ranked {
        if training > 0.0 && follows.contains(order) {
            candidate.score = candidate.score.min((training - 0.01).max(0.0));
        }
    }
    // What the README shows is what a repository is for; other pages go into its parts.
    let shown = ranked.iter().filter(|(order, _, _)| readme.contains(order)).map(|(_, candidate, _)| candidate.score);
    let shown = shown.fold(0.0, f64::max);
    for (order, candidate, _) in &mut ranked {
        if shown > 0.7 && elsewhere.contains(order) {
            candidate.score = candidate.score.min(shown - 0.01);
        }
    }
    let best_first = |a: &(usize, Candidate, (String, Action)), b: &(usize, Candidate, (String, Action))| {
        b.1.score.total_cmp(&a.1.score).then(a.0.cmp(&b.0))
    };
    ranked.sort_by(best_first);
    // One candidate for what a program does; another use of a program already listed makes room for other programs.
    // Of several forms of a command the first that upstream writes is taken, unless another is clearly better.
    // Upstream's own words are never given up for a form that had to be filled.
    let mut known: BTreeMap<(String, Action), (usize, f64, bool)> = BTreeMap::new();
    for (order, candidate, identity) in &ranked {
        let verbatim = candidate.changes.is_empty();
        let best = known.entry(identity.clone()).or_insert((*order, candidate.score, verbatim));
        if *order < best.0 && candidate.score > best.1 - 0.03 && verbatim >= best.2 {
            best.0 = *order;
        }
    }
    ranked.retain(|(order, _, identity)| known.get(identity).is_some_and(|best| best.0 == *order));
    let mut programs = BTreeSet::new();
    ranked.retain_mut(|(_, candidate, (program, action))| {
        let first = programs.insert(program.clone());
        if !first {
            candidate.score = (candidate.score - 0.12).max(0.0);
        }
        first || *action != Action::Help
    });
    ranked.sort_by(best_first);
    ranked.truncate(MOST);
    for (_, candidate, _) in ranked.iter_mut().filter(|(_, candidate, _)| candidate.kind == Kind::WebUi) {
        candidate.questions.clone_from(&questions);
    }
    (ranked.into_iter().map(|(_, candidate, _)| candidate).collect(), findings)
}

/// The program that a command starts which a person wrote; `None` where it starts none of the repository's.
pub(crate) fn given(
    tree: &Tree,
    projects: &[Project],
    sources: &Sources<'_>,
    line: &str,
    workdir: &str,
) -> Option<Candidate> {
    let mut collector = collect::Collector::new(tree, projects, sources);
    collector.given(line, workdir);
    collector.drafts.first().map(|draft| rank::candidate(draft, 0))
}

#[cfg(test)]
mod tests;
