//! What a log says. In: a log and what is known of the program; out: diagnoses, best first. One pass looks for the
//! literals of all patterns; only patterns whose literals were all seen are compiled.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use pep440_rs::Version;
use regex::Regex;
use repro_note::{Edit, Phase, Pitfall, Rank, pattern};
use serde::Serialize;

use crate::base::{Entry, KnowledgeBase, full_id, place};
use crate::context::Context;
use crate::log::CleanLog;
use crate::resolve::{self, Captures};

/// How often one pattern may match a log before further matches are ignored.
const MOST_MATCHES: usize = 30;

/// One explanation of a failure, with what mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// Full id, `opencv-python/libgl-missing`.
    pub pitfall: String,
    /// Why it happened, in one sentence.
    pub cause: String,
    /// Line of the log that shows it, from 1.
    pub line: usize,
    /// That line, without colours and prefixes, shortened to 300 characters.
    pub excerpt: String,
    /// False where only the host or upstream can mend it; `cause` then says so.
    pub fixable: bool,
    /// Applied together; the smallest edit that mends this cause.
    pub fix: Vec<Edit>,
    pub source: Option<String>,
    /// Path and line of the pitfall, `knowledge/libraries/opencv-python.md:21`.
    pub note: String,
}

/// All patterns of all notes, with their literals.
#[derive(Debug)]
pub(crate) struct PatternIndex {
    patterns: Vec<Pattern>,
    /// Every literal once, in the order of their numbers.
    literals: Option<AhoCorasick>,
}

#[derive(Debug)]
struct Pattern {
    note: usize,
    pitfall: usize,
    /// Which of the pitfall's patterns.
    at: usize,
    /// Sets of numbers of literals; one of each set stands in what the pattern matches.
    required: Vec<Vec<usize>>,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    fn regex(&self, pitfall: &Pitfall) -> Option<&Regex> {
        let source = pitfall.block.log.get(self.at)?;
        self.compiled.get_or_init(|| Regex::new(&pattern::expression(source)).ok()).as_ref()
    }
}

impl PatternIndex {
    fn new(entries: &[Entry]) -> Self {
        let mut patterns = Vec::new();
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        let mut literals: Vec<&str> = Vec::new();
        let mut number = |literal| {
            *numbers.entry(literal).or_insert_with(|| {
                literals.push(literal);
                literals.len() - 1
            })
        };
        for (note, entry) in entries.iter().enumerate() {
            for known in entry.header.patterns.iter() {
                let required = known
                    .literals
                    .iter()
                    .map(|set| set.iter().map(|literal| number(literal.as_ref())).collect())
                    .collect();
                let (pitfall, at) = (known.pitfall, known.at);
                patterns.push(Pattern { note, pitfall, at, required, compiled: OnceLock::new() });
            }
        }
        Self { patterns, literals: AhoCorasick::new(&literals).ok() }
    }

    /// Patterns that may match `text`, in the order of the notes: those all of whose required literals stand in it.
    fn candidates(&self, text: &str) -> Vec<&Pattern> {
        let Some(literals) = &self.literals else { return Vec::new() };
        let mut seen = vec![false; literals.patterns_len()];
        for found in literals.find_overlapping_iter(text) {
            if let Some(seen) = seen.get_mut(found.pattern().as_usize()) {
                *seen = true;
            }
        }
        let stands = |literal: &usize| seen.get(*literal).is_some_and(|seen| *seen);
        self.patterns.iter().filter(|pattern| pattern.required.iter().all(|set| set.iter().any(stands))).collect()
    }
}

/// A diagnosis with what its place in the order depends on.
struct Ranked {
    rank: Rank,
    line: usize,
    diagnosis: Diagnosis,
}

impl KnowledgeBase {
    /// What the log says, best first: patterns that name one library's failure before families, earlier lines before
    /// later ones. Empty where nothing known is wrong. What is unknown in `context` excludes nothing.
    pub fn diagnose(&self, log: &str, context: &Context) -> Vec<Diagnosis> {
        let mut diagnoses: Vec<Diagnosis> = Vec::new();
        for diagnosis in self.matches(log, context) {
            let known = |other: &Diagnosis| {
                other.fix == diagnosis.fix && (!diagnosis.fix.is_empty() || other.pitfall == diagnosis.pitfall)
            };
            if !diagnoses.iter().any(known) {
                diagnoses.push(diagnosis);
            }
        }
        diagnoses
    }

    /// As [`Self::diagnose`], with those that lead to the same fix.
    pub(crate) fn matches(&self, log: &str, context: &Context) -> Vec<Diagnosis> {
        let log = CleanLog::new(log);
        let index = self.patterns.get_or_init(|| PatternIndex::new(&self.entries));
        let mut found: Vec<Ranked> = Vec::new();
        for pattern in index.candidates(&log.text) {
            let Some(note) = self.entries.get(pattern.note).map(Entry::note) else { continue };
            let Some(pitfall) = note.pitfalls.get(pattern.pitfall) else { continue };
            let library: &[String] = note.library.as_ref().map_or(&[], |library| &library.value.packages);
            if !may_apply(pitfall, library, context) {
                continue;
            }
            let Some(regex) = pattern.regex(pitfall) else { continue };
            for matched in regex.captures_iter(&log.text).take(MOST_MATCHES) {
                let Some(whole) = matched.get(0) else { continue };
                let captures: Captures = regex
                    .capture_names()
                    .flatten()
                    .filter_map(|name| Some((name.to_owned(), matched.name(name)?.as_str().to_owned())))
                    .collect();
                let fix = if pitfall.block.fixable {
                    resolve::edits(self, &pitfall.block.fix, library, context, &captures)
                } else {
                    Some(Vec::new())
                };
                // A family whose table has no answer says nothing.
                let Some(fix) = fix else { continue };
                // Of a match over several lines the last one is decisive: what stands before leads up to it.
                let line = log.line_of(whole.end().saturating_sub(1).max(whole.start()));
                found.push(Ranked {
                    rank: pitfall.block.rank,
                    line,
                    diagnosis: Diagnosis {
                        pitfall: full_id(note, pitfall),
                        cause: pitfall.cause.clone(),
                        line,
                        excerpt: shortened(log.line(line)),
                        fixable: pitfall.block.fixable,
                        fix,
                        source: pitfall.sources.first().cloned(),
                        note: place(note, pitfall),
                    },
                });
            }
        }
        found.retain(|ranked| !self.is_ruled_out(&ranked.diagnosis.pitfall, &log.text));
        found.sort_by(|a, b| (a.rank, a.line, &a.diagnosis.pitfall).cmp(&(b.rank, b.line, &b.diagnosis.pitfall)));
        found.into_iter().map(|ranked| ranked.diagnosis).collect()
    }

    /// Does a `not` pattern of this pitfall match the log?
    fn is_ruled_out(&self, id: &str, text: &str) -> bool {
        let Some((_, pitfall)) = self.pitfall(id) else { return false };
        let regexes = pitfall.block.not.iter().filter_map(|source| Regex::new(&pattern::expression(source)).ok());
        regexes.into_iter().any(|regex| regex.is_match(text))
    }
}

/// Can this pitfall be behind a log of this program? A log is stronger evidence than a guess about versions, so only
/// an exact version rules a pitfall out; dates do not.
fn may_apply(pitfall: &Pitfall, library: &[String], context: &Context) -> bool {
    let block = &pitfall.block;
    let same_phase = |phase: Phase| match phase {
        // A resolver builds packages, too.
        Phase::Lock | Phase::Build => block.phase.iter().any(|phase| *phase != Phase::Run),
        Phase::Run => block.phase.contains(&Phase::Run),
    };
    let exact = |name: &String| -> Option<Version> {
        context.distributions.as_ref()?.get(name)?.as_deref()?.trim_start_matches("==").parse().ok()
    };
    let version = block.affects.as_ref().is_none_or(|range| {
        let mut exact = library.iter().filter_map(exact).peekable();
        exact.peek().is_none() || exact.any(|version| range.contains(&version))
    });
    version
        && (block.phase.is_empty() || context.phase.is_none_or(same_phase))
        && context.python_in(block.python.as_ref()).unwrap_or(true)
        && context.on_platform(&block.platforms).unwrap_or(true)
        && block.gpu.is_none_or(|wanted| context.gpu.is_none_or(|gpu| gpu == wanted))
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or(line)),
        None => line.to_owned(),
    }
}
