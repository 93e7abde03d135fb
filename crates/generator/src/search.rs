//! What neither notes nor tables know, and the base image's own distribution or the package index does.
//!
//! In: a question that a log has left open; out: what an effect is to look for, and the edit that its answer stands for.

use std::collections::BTreeSet;

use repro_core::{OpenQuestion, Wanted};
use repro_note::Edit;
use serde::Serialize;

/// What a runner of effects is to look for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "search", rename_all = "snake_case")]
pub enum Search {
    /// A file, in the distribution's Contents index as the base image's own sources name it; or a name, in the releases of a
    /// distribution that are not later than `before` (YYYY-MM-DD).
    Wanted { wanted: Wanted, before: Option<String> },
    /// The releases of these requirements, and of all that they depend on, as of the day of the files, or of the newest
    /// release that they pin.
    Day { requirements: Vec<String> },
}

/// The releases of a day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Day {
    /// YYYY-MM-DD.
    pub date: String,
    /// `name==version`.
    pub pins: Vec<String>,
    /// The newest Python, not above that of the base, that all of them have wheels for.
    pub python: Option<String>,
}

/// The first question of a log that was not searched for yet; it is remembered in `searched`.
pub(crate) fn next(
    questions: Vec<OpenQuestion>,
    searched: &mut BTreeSet<Search>,
    before: Option<&str>,
) -> Option<(OpenQuestion, Search)> {
    questions.into_iter().find_map(|question| {
        let search = Search::Wanted { wanted: question.wanted.clone(), before: before.map(str::to_owned) };
        searched.insert(search.clone()).then_some((question, search))
    })
}

/// The edit that an answer stands for: packages that have the file, or the newest release that has the name.
pub fn edit(wanted: &Wanted, answer: &[String]) -> Option<Edit> {
    match wanted {
        Wanted::File { .. } => (!answer.is_empty()).then(|| Edit::Apt(answer.to_vec())),
        Wanted::Name { distribution, .. } => {
            let version: pep440_rs::Version = answer.first()?.parse().ok()?;
            Some(Edit::PipPin(format!("{distribution}<={version}")))
        }
    }
}
