//! What the notes hold about something. In: a question of several parts, all of which narrow; out: pitfalls with their
//! fixes. Made for people who look something up; planning asks [`KnowledgeBase::preventive`], which wants certainty.

use repro_note::{Edit, Note, Pitfall, When};
use serde::Serialize;

use crate::base::{KnowledgeBase, full_id, normalised, place};
use crate::context::{Context, is_affected};
use crate::resolve::{self, Captures};

/// A question. A part that is not given excludes nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// Distribution, in any spelling.
    pub package: Option<String>,
    /// Its exact version or a specifier: `1.26.4`, `<2`.
    pub version: Option<String>,
    /// Module, dotted or not.
    pub import: Option<String>,
    /// A log, or a piece of one.
    pub log: Option<String>,
    /// Words that stand in id, symptom or cause, in any case.
    pub words: Vec<String>,
    /// Base image.
    pub image: Option<String>,
    /// Python version, `3.12`; else that of the image.
    pub python: Option<String>,
    /// With or without a GPU.
    pub gpu: Option<bool>,
}

/// A pitfall that answers the question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Full id, `opencv-python/libgl-missing`.
    pub pitfall: String,
    /// How it shows, in plain words.
    pub symptom: String,
    /// Why it happens, in one sentence.
    pub cause: String,
    /// What mends it there; empty where that depends on a log, or where only the host or upstream can.
    pub fix: Vec<Edit>,
    /// The first source that the note cites.
    pub source: Option<String>,
    /// Path and line of the pitfall, `knowledge/libraries/opencv-python.md:21`.
    pub note: String,
}

impl KnowledgeBase {
    /// What the notes hold about this: in the order of the notes, or, where a log is given, as [`Self::diagnose`] has it.
    /// A question about nothing but an image, a Python or a GPU is answered by the pitfalls that speak of one.
    pub fn query(&self, query: &Query) -> Vec<Answer> {
        let context = self.context_of(query);
        let words: Vec<String> = query.words.iter().map(|word| word.to_lowercase()).collect();
        let is_about_surroundings = query.package.is_none()
            && query.import.is_none()
            && query.log.is_none()
            && words.is_empty()
            && (query.image.is_some() || query.python.is_some() || query.gpu.is_some());
        let fits = |note: &Note, pitfall: &Pitfall| {
            !pitfall.block.retired
                && may_affect(query, &context, note, pitfall)
                && (!is_about_surroundings || speaks_of_surroundings(query, pitfall))
                && (words.is_empty() || holds_words(note, pitfall, &words))
        };
        if let Some(log) = &query.log {
            let about =
                self.about(query).map(|notes| notes.into_iter().map(|note| note.path.clone()).collect::<Vec<_>>());
            let found = self.diagnose(log, &context).into_iter();
            return found
                .filter_map(|diagnosis| Some((self.pitfall(&diagnosis.pitfall)?, diagnosis.fix)))
                .filter(|((note, pitfall), _)| {
                    about.as_ref().is_none_or(|about| about.contains(&note.path)) && fits(note, pitfall)
                })
                .map(|((note, pitfall), fix)| answer(note, pitfall, fix))
                .collect();
        }
        let notes = self.about(query).unwrap_or_else(|| self.notes().filter(|note| note.library.is_some()).collect());
        let mut answers = Vec::new();
        for note in notes {
            let library: &[String] = note.library.as_ref().map_or(&[], |library| &library.value.packages);
            for pitfall in note.pitfalls.iter().filter(|pitfall| fits(note, pitfall)) {
                let fix = resolve::edits(self, &pitfall.block.fix, library, &context, &Captures::new());
                answers.push(answer(note, pitfall, fix.unwrap_or_default()));
            }
        }
        answers
    }

    /// The notes about the distribution and the module that are asked for; `None` where neither is.
    fn about(&self, query: &Query) -> Option<Vec<&Note>> {
        let by_package = query.package.as_deref().map(|name| self.by_distribution(name));
        let by_import = query.import.as_deref().map(|module| self.by_import(module));
        match (by_package, by_import) {
            (Some(mut notes), Some(others)) => {
                notes.retain(|note| others.iter().any(|other| other.path == note.path));
                Some(notes)
            }
            (notes, others) => notes.or(others),
        }
    }

    fn context_of(&self, query: &Query) -> Context {
        let image = query.image.as_deref().and_then(|name| self.image(name));
        let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Context {
            // What a question does not name may still be there.
            distributions: None,
            python: query.python.clone().or_else(|| image.as_ref().and_then(|image| known(&image.python))),
            base_image: query.image.clone(),
            distribution: image.as_ref().and_then(|image| known(&image.distribution)),
            release: image.as_ref().and_then(|image| known(&image.release)),
            gpu: query.gpu,
            ..Context::default()
        }
    }
}

/// Can this pitfall strike there? What nobody said rules nothing out.
fn may_affect(query: &Query, context: &Context, note: &Note, pitfall: &Pitfall) -> bool {
    let block = &pitfall.block;
    let library: &[String] = note.library.as_ref().map_or(&[], |library| &library.value.packages);
    let is_named = query.package.as_ref().is_some_and(|name| library.contains(&normalised(name)));
    let version = match (&block.affects, &query.version) {
        (Some(range), Some(version)) if is_named => is_affected(range, Some(version)),
        _ => true,
    };
    version
        && context.python_in(block.python.as_ref()).unwrap_or(true)
        && context.on_platform(&block.platforms).unwrap_or(true)
        && block.gpu.is_none_or(|wanted| context.gpu.is_none_or(|gpu| gpu == wanted))
        && surroundings(&block.when, context)
}

/// Do the conditions on Python, platform and GPU hold, as far as they are known?
fn surroundings(when: &When, context: &Context) -> bool {
    context.python_in(when.python.as_ref()).unwrap_or(true)
        && context.on_platform(&when.platforms).unwrap_or(true)
        && when.gpu.is_none_or(|wanted| context.gpu.is_none_or(|gpu| gpu == wanted))
}

/// Does the pitfall speak of what the question names: its image, its Python, its GPU?
fn speaks_of_surroundings(query: &Query, pitfall: &Pitfall) -> bool {
    let block = &pitfall.block;
    let when = &block.when;
    let python = block.python.is_some() || when.python.is_some();
    let platform = !block.platforms.is_empty() || !when.platforms.is_empty();
    let gpu = block.gpu.is_some() || when.gpu.is_some();
    (query.image.is_some() && (platform || python))
        || (query.python.is_some() && python)
        || (query.gpu.is_some() && gpu)
}

fn holds_words(note: &Note, pitfall: &Pitfall, words: &[String]) -> bool {
    let text = format!("{} {} {}", full_id(note, pitfall), pitfall.symptom, pitfall.cause).to_lowercase();
    words.iter().all(|word| text.contains(word))
}

fn answer(note: &Note, pitfall: &Pitfall, fix: Vec<Edit>) -> Answer {
    Answer {
        pitfall: full_id(note, pitfall),
        symptom: pitfall.symptom.clone(),
        cause: pitfall.cause.clone(),
        fix,
        source: pitfall.sources.first().cloned(),
        note: place(note, pitfall),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTES: [(&str, &str); 2] = [
        (
            "libraries/x.md",
            "# x\n\n```toml library\npackages = ['x']\nimports = ['ex']\n```\n\n## `lib-missing`: it needs libx\n\nIt loads \
             libx.\n\n```toml pitfall\nkind = 'both'\naffects = '<2'\nlog = ['libx\\.so\\.1: cannot open']\n\
             fix = [{ apt = { bookworm = 'libx1', trixie = 'libx1t64' } }]\n```\n\n## `python-refused`: it does not build\n\nIt \
             was written before.\n\n```toml pitfall\nkind = 'curative'\npython = '>=3.12'\nlog = ['x is too old']\n\
             fix = [{ pip_pin = 'x>=2' }]\n```\n",
        ),
        (
            "libraries/y.md",
            "# y\n\n```toml library\npackages = ['y']\nimports = ['ex.y']\n```\n\n## `gone`: it is gone\n\nNobody kept \
             it.\n\n```toml pitfall\nkind = 'curative'\nlog = ['y is nowhere']\nfix = [{ pip_remove = 'y' }]\n```\n",
        ),
    ];

    fn check(query: &Query, expected: &[&str]) {
        let (base, findings) = KnowledgeBase::from_texts(NOTES);
        assert_eq!(findings, []);
        let found: Vec<String> = base.query(query).into_iter().map(|answer| answer.pitfall).collect();
        assert_eq!(found, expected, "{query:?}");
    }

    #[test]
    fn parts_narrow_and_what_is_not_said_excludes_nothing() {
        let x = Query { package: Some("X".into()), ..Query::default() };
        check(&x, &["x/lib-missing", "x/python-refused"]);
        check(&Query { version: Some("2.1".into()), ..x.clone() }, &["x/python-refused"]);
        check(&Query { version: Some("2.1".into()), python: Some("3.9".into()), ..x.clone() }, &[]);
        check(&Query { import: Some("ex.y".into()), ..x }, &[]);
        check(&Query { import: Some("ex.y.z".into()), ..Query::default() }, &["y/gone"]);
        check(&Query { words: vec!["LIBX".to_owned()], ..Query::default() }, &["x/lib-missing"]);
    }

    #[test]
    fn a_log_leads_to_what_it_shows_and_an_image_to_what_speaks_of_it() {
        let log = "ImportError: libx.so.1: cannot open shared object file\ny is nowhere";
        let asked = Query { log: Some(log.into()), ..Query::default() };
        check(&asked, &["x/lib-missing", "y/gone"]);
        check(&Query { package: Some("y".into()), ..asked }, &["y/gone"]);
        check(&Query { python: Some("3.13".into()), ..Query::default() }, &["x/python-refused"]);
        check(&Query { python: Some("3.10".into()), ..Query::default() }, &[]);
    }

    #[test]
    fn the_fix_is_that_of_the_image() {
        let (base, _) = KnowledgeBase::from_texts(NOTES);
        let on = |image: &str| {
            let query = Query { package: Some("x".into()), image: Some(image.into()), ..Query::default() };
            base.query(&query).into_iter().next().map(|answer| answer.fix)
        };
        assert_eq!(on("python:3.11-slim-trixie"), Some(vec![Edit::Apt(vec!["libx1t64".to_owned()])]));
        assert_eq!(on("python:3.11-slim-bookworm"), Some(vec![Edit::Apt(vec!["libx1".to_owned()])]));
    }
}
