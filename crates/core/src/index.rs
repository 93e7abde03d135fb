//! The table of all notes in `knowledge/README.md`. In: the file's text and the base; out: the text with the table as the
//! notes have it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::base::{KnowledgeBase, full_id};

/// What stands before the table.
pub const BEGIN: &str = "<!-- index: written by `cargo xtask notes index --write` -->";
/// What stands after it.
pub const END: &str = "<!-- end of the index -->";

/// How many pitfalls a base holds, and for how many what was shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub notes: usize,
    pub pitfalls: usize,
    /// With failure and cure shown in a container.
    pub proved: usize,
    /// With the failure shown only.
    pub shown: usize,
}

/// Counts the library notes that hold; what is retired is left out.
pub fn counts(base: &KnowledgeBase) -> Counts {
    let mut counts = Counts::default();
    for note in base.notes().filter(|note| note.path.starts_with("libraries/")) {
        counts.notes += 1;
        for pitfall in note.pitfalls.iter().filter(|pitfall| !pitfall.block.retired) {
            counts.pitfalls += 1;
            // A proof without a day has not held yet.
            let held = || pitfall.proofs.iter().filter(|proof| proof.value.date.is_some());
            let has_cure = held().any(|proof| proof.value.not_shown.is_none());
            counts.proved += usize::from(has_cure);
            counts.shown += usize::from(!has_cure && held().next().is_some());
        }
    }
    counts
}

/// `text` with the table renewed; `None` where it has no place for one.
pub fn with_index(text: &str, base: &KnowledgeBase) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n{END}{after}", table(base)))
}

/// Full ids that the table in `text` lists and that no note has any more. An id lives for ever, so that a receipt or a
/// report that names it can always be followed: the table is the memory of them.
pub fn gone(text: &str, base: &KnowledgeBase) -> Vec<String> {
    let known: BTreeSet<String> =
        base.notes().flat_map(|note| note.pitfalls.iter().map(|pitfall| full_id(note, pitfall))).collect();
    listed(text).into_iter().filter(|id| !known.contains(id)).collect()
}

fn listed(text: &str) -> Vec<String> {
    let table = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map_or("", |(table, _)| table);
    let row = |line: &str| {
        let (name, rest) = line.strip_prefix("| [")?.split_once(']')?;
        // Every second piece stands between backticks.
        Some(rest.split('`').skip(1).step_by(2).map(|id| format!("{name}/{id}")).collect::<Vec<_>>())
    };
    table.lines().filter_map(row).flatten().collect()
}

fn table(base: &KnowledgeBase) -> String {
    let counts = counts(base);
    let mut out = format!(
        "{} notes, {} pitfalls; {} proved in containers, failure and cure, {} with the failure only.\n\n| note | pitfalls |\n|---|---|\n",
        counts.notes, counts.pitfalls, counts.proved, counts.shown
    );
    for note in base.notes().filter(|note| note.path.starts_with("libraries/")) {
        let pitfalls: Vec<String> = note
            .pitfalls
            .iter()
            .map(|pitfall| match &pitfall.block {
                block if block.retired => format!("~~`{}`~~", pitfall.id),
                _ if pitfall.proofs.iter().any(|proof| proof.value.date.is_some()) => format!("`{}` ✓", pitfall.id),
                _ => format!("`{}`", pitfall.id),
            })
            .collect();
        let _ = writeln!(out, "| [{}]({}) | {} |", note.name, note.path, pitfalls.join(", "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_renewed_and_the_rest_stays() {
        let note = "# x\n\n```toml library\npackages = ['x']\n```\n\n## `lib-missing`: it needs libx\n\nIt loads libx.\n\n\
                    ```toml pitfall\nkind = 'both'\nlog = ['libx\\.so\\.1: cannot']\nfix = [{ apt = 'libx1' }]\n```\n";
        let (base, _) = KnowledgeBase::from_texts([("libraries/x.md", note)]);
        let text = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let new = with_index(&text, &base).expect("a place for the table");
        assert!(new.starts_with("before\n") && new.ends_with("\nafter\n") && !new.contains("old"), "{new}");
        assert!(
            new.contains("1 notes, 1 pitfalls; 0 proved") && new.contains("| [x](libraries/x.md) | `lib-missing` |")
        );
        assert_eq!(with_index(&new, &base).as_deref(), Some(new.as_str()));
        assert_eq!(with_index("no place", &base), None);
        assert_eq!(gone(&new, &base), Vec::<String>::new());
    }

    #[test]
    fn an_id_that_went_away_is_remembered_and_a_retired_one_stays() {
        let note = "# x\n\n```toml library\npackages = ['x']\n```\n\n## `old`: it was broken\n\nIt was.\n\n\
                    ```toml pitfall\nkind = 'curative'\nretired = true\n```\n";
        let (base, _) = KnowledgeBase::from_texts([("libraries/x.md", note)]);
        let text = with_index(&format!("{BEGIN}\n{END}\n"), &base).expect("a place for the table");
        assert!(text.contains("| ~~`old`~~ |"), "{text}");
        assert_eq!(gone(&text, &base), Vec::<String>::new());
        assert_eq!(gone(&text, &KnowledgeBase::default()), ["x/old"]);
    }
}
