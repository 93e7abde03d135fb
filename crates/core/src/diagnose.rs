//! What a log says. In: a log and what is known of the program; out: diagnoses, best first. One pass looks for the
//! literals of all patterns; only patterns whose literals were all seen are compiled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use pep440_rs::Version;
use regex::Regex;
use repro_note::{Edit, Phase, Pitfall, Rank, pattern};
use serde::Serialize;

use crate::base::{Entry, KnowledgeBase, full_id, place};
use crate::contents::FileKind;
use crate::context::Context;
use crate::decisive::Decisive;
use crate::log::{Window, Windows};
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

/// What a log says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Best first; empty where nothing known is wrong.
    pub diagnoses: Vec<Diagnosis>,
    /// What is understood and has no certain answer, in the order of the log.
    pub questions: Vec<OpenQuestion>,
    /// Where nothing is known: the line that reports the failure, if one does.
    pub decisive: Option<Decisive>,
}

/// A failure that is understood, and whose cure no table knows for certain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenQuestion {
    /// Full id of the family, `shared-objects/shared-object-missing`.
    pub pitfall: String,
    pub cause: String,
    /// Line of the log that shows it, from 1.
    pub line: usize,
    pub excerpt: String,
    pub wanted: Wanted,
}

/// What an answer is wanted for. Only the base image's own distribution, or the package index, has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Wanted {
    /// The packages that bring a file.
    File {
        #[serde(rename = "file")]
        kind: FileKind,
        name: String,
    },
    /// A release of a distribution whose module has this name, or exists at all.
    Name { distribution: String, module: String, name: Option<String> },
}

/// All patterns of all notes, with their literals.
#[derive(Debug)]
pub(crate) struct PatternIndex {
    patterns: Vec<Pattern>,
    /// Every literal once, in the order of their numbers.
    literals: Option<AhoCorasick>,
    /// The same, dearer to make and faster to use: for logs that are long.
    fast: OnceLock<Option<AhoCorasick>>,
}

#[derive(Debug)]
struct Pattern {
    note: usize,
    pitfall: usize,
    /// Which of the pitfall's patterns, or of those that rule it out.
    at: usize,
    rules_out: bool,
    /// Sets of numbers of literals; one of each set stands in what the pattern matches.
    required: Vec<Vec<usize>>,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    fn regex(&self, pitfall: &Pitfall) -> Option<&Regex> {
        let source = if self.rules_out { &pitfall.block.not } else { &pitfall.block.log }.get(self.at)?;
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
                let (pitfall, at, rules_out) = (known.pitfall, known.at, known.rules_out);
                patterns.push(Pattern { note, pitfall, at, rules_out, required, compiled: OnceLock::new() });
            }
        }
        Self { patterns, literals: AhoCorasick::new(&literals).ok(), fast: OnceLock::new() }
    }

    fn fast(&self, entries: &[Entry]) -> Option<&AhoCorasick> {
        let make = || {
            let mut literals: Vec<(usize, &str)> = Vec::new();
            let known = entries.iter().flat_map(|entry| entry.header.patterns.iter());
            for (pattern, known) in self.patterns.iter().zip(known) {
                for (numbers, set) in pattern.required.iter().zip(known.literals.iter()) {
                    literals.extend(numbers.iter().copied().zip(set.iter().map(AsRef::as_ref)));
                }
            }
            literals.sort_unstable();
            literals.dedup();
            let literals = literals.into_iter().map(|(_, literal)| literal);
            AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(literals).ok()
        };
        self.fast.get_or_init(make).as_ref()
    }

    /// Numbers of the patterns that may match `text`, in the order of the notes: those all of whose required literals
    /// stand in it.
    fn candidates(&self, literals: &AhoCorasick, text: &str) -> Vec<usize> {
        let mut seen = vec![false; literals.patterns_len()];
        for found in literals.find_overlapping_iter(text) {
            if let Some(seen) = seen.get_mut(found.pattern().as_usize()) {
                *seen = true;
            }
        }
        let stands = |literal: &usize| seen.get(*literal).is_some_and(|seen| *seen);
        let may_match = |pattern: &Pattern| pattern.required.iter().all(|set| set.iter().any(stands));
        self.patterns.iter().enumerate().filter(|(_, pattern)| may_match(pattern)).map(|(number, _)| number).collect()
    }
}

/// A diagnosis with what its place in the order depends on.
#[derive(Debug)]
struct Ranked {
    rank: Rank,
    line: usize,
    /// Note and pitfall, by number.
    owner: (usize, usize),
    diagnosis: Diagnosis,
}

/// A log that is being read, piece by piece. Holds a few megabytes, however long the log is.
#[derive(Debug)]
pub struct Reading<'k> {
    windows: Windows,
    seen: Seen<'k>,
}

/// What was seen so far.
#[derive(Debug)]
struct Seen<'k> {
    base: &'k KnowledgeBase,
    index: &'k PatternIndex,
    context: Context,
    found: Vec<Ranked>,
    questions: Vec<OpenQuestion>,
    /// Where in the clean log each pattern, by its number, has matched.
    places: BTreeMap<usize, BTreeSet<usize>>,
    /// Note and pitfall of what is ruled out.
    ruled_out: BTreeSet<(usize, usize)>,
}

impl Reading<'_> {
    /// Reads on. Bytes that are no UTF-8 are passed over.
    pub fn push(&mut self, bytes: &[u8]) {
        self.windows.push(bytes, &mut |window| self.seen.look(window));
    }

    /// What the whole log says, best first.
    pub fn finish(self) -> Vec<Diagnosis> {
        self.said().diagnoses
    }

    /// As [`Self::finish`], with what is left open.
    pub fn said(self) -> Said {
        let (all, mut questions, end) = self.all();
        questions.sort_by_key(|question| question.line);
        let mut seen = BTreeSet::new();
        questions.retain(|question| seen.insert(question.wanted.clone()));
        let mut diagnoses: Vec<Diagnosis> = Vec::new();
        for diagnosis in all {
            let known = |other: &Diagnosis| {
                other.fix == diagnosis.fix && (!diagnosis.fix.is_empty() || other.pitfall == diagnosis.pitfall)
            };
            if !diagnoses.iter().any(known) {
                diagnoses.push(diagnosis);
            }
        }
        let decisive = if diagnoses.is_empty() && questions.is_empty() { end.decisive() } else { None };
        Said { diagnoses, questions, decisive }
    }

    /// Everything, with those that lead to the same fix.
    fn all(self) -> (Vec<Diagnosis>, Vec<OpenQuestion>, Window) {
        let Self { windows, mut seen } = self;
        let end = windows.finish(&mut |window| seen.look(window));
        let Seen { mut found, ruled_out, questions, .. } = seen;
        found.retain(|ranked| !ruled_out.contains(&ranked.owner));
        let cost = |ranked: &Ranked| ranked.diagnosis.fix.iter().map(Edit::cost).max();
        found.sort_by(|a, b| {
            let key = |ranked: &Ranked| (ranked.rank, ranked.line, cost(ranked));
            key(a).cmp(&key(b)).then_with(|| a.diagnosis.pitfall.cmp(&b.diagnosis.pitfall))
        });
        (found.into_iter().map(|ranked| ranked.diagnosis).collect(), questions, end)
    }
}

impl Seen<'_> {
    fn look(&mut self, window: &Window) {
        // Only where a window has been before.
        let fast = (window.before > 0).then(|| self.index.fast(&self.base.entries)).flatten();
        let Some(literals) = fast.or(self.index.literals.as_ref()) else { return };
        for number in self.index.candidates(literals, &window.text) {
            self.look_for(number, window);
        }
    }

    fn look_for(&mut self, number: usize, window: &Window) {
        let Some(pattern) = self.index.patterns.get(number) else { return };
        let Some(note) = self.base.entries.get(pattern.note).map(Entry::note) else { return };
        let Some(pitfall) = note.pitfalls.get(pattern.pitfall) else { return };
        let owner = (pattern.note, pattern.pitfall);
        let library: &[String] = note.library.as_ref().map_or(&[], |library| &library.value.packages);
        if self.ruled_out.contains(&owner) || !may_apply(pitfall, library, &self.context) {
            return;
        }
        let Some(regex) = pattern.regex(pitfall) else { return };
        if pattern.rules_out {
            if regex.is_match(&window.text) {
                self.ruled_out.insert(owner);
            }
            return;
        }
        let places = self.places.entry(number).or_default();
        for matched in regex.captures_iter(&window.text) {
            let Some(whole) = matched.get(0) else { continue };
            if places.len() == MOST_MATCHES {
                break;
            }
            if !places.insert(window.before + whole.start()) {
                continue;
            }
            let captures: Captures = regex
                .capture_names()
                .flatten()
                .filter_map(|name| Some((name.to_owned(), matched.name(name)?.as_str().to_owned())))
                .collect();
            let fix = if pitfall.block.fixable {
                resolve::edits(self.base, &pitfall.block.fix, library, &self.context, &captures)
            } else {
                Some(Vec::new())
            };
            // Of a match over several lines the last one is decisive: what stands before leads up to it.
            let end = whole.end().saturating_sub(1).max(whole.start());
            let line = window.line_of(end);
            if let Some(wanted) = resolve::question(self.base, &pitfall.block.fix, library, &self.context, &captures) {
                self.questions.push(OpenQuestion {
                    pitfall: full_id(note, pitfall),
                    cause: pitfall.cause.clone(),
                    line,
                    excerpt: shortened(window.line_at(end)),
                    wanted,
                });
            }
            // A family whose table has no answer says nothing.
            let Some(fix) = fix else { continue };
            self.found.push(Ranked {
                rank: pitfall.block.rank,
                line,
                owner,
                diagnosis: Diagnosis {
                    pitfall: full_id(note, pitfall),
                    cause: pitfall.cause.clone(),
                    line,
                    excerpt: shortened(window.line_at(end)),
                    fixable: pitfall.block.fixable,
                    fix,
                    source: pitfall.sources.first().cloned(),
                    note: place(note, pitfall),
                },
            });
        }
    }
}

impl KnowledgeBase {
    /// What the log says, best first: patterns that name one library's failure before families, earlier lines before
    /// later ones. Empty where nothing known is wrong. What is unknown in `context` excludes nothing.
    pub fn diagnose(&self, log: &str, context: &Context) -> Vec<Diagnosis> {
        let mut reading = self.reading(context.clone());
        reading.push(log.as_bytes());
        reading.finish()
    }

    /// As [`Self::diagnose`], with what is left open.
    pub fn said(&self, log: &str, context: &Context) -> Said {
        let mut reading = self.reading(context.clone());
        reading.push(log.as_bytes());
        reading.said()
    }

    /// As [`Self::diagnose`], for a log that comes in pieces.
    pub fn reading(&self, context: Context) -> Reading<'_> {
        let index = self.patterns.get_or_init(|| PatternIndex::new(&self.entries));
        let seen = Seen {
            base: self,
            index,
            context,
            found: Vec::new(),
            questions: Vec::new(),
            places: BTreeMap::new(),
            ruled_out: BTreeSet::new(),
        };
        Reading { windows: Windows::new(), seen }
    }

    /// As [`Self::diagnose`], with those that lead to the same fix.
    pub(crate) fn matches(&self, log: &str, context: &Context) -> Vec<Diagnosis> {
        let mut reading = self.reading(context.clone());
        reading.push(log.as_bytes());
        reading.all().0
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

pub(crate) fn shortened(line: &str) -> String {
    match line.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or(line)),
        None => line.to_owned(),
    }
}
