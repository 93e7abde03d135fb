//! `Pipfile` in, requirements out.

use super::Sink;
use super::poetry;
use super::pyproject::Document;
use crate::facts::{Evidence, Scope, Strength};

/// Reads the root's `Pipfile`: `[packages]`, `[dev-packages]` and the Python version it requires.
pub(crate) fn read(sink: &mut Sink<'_>) {
    let tree = sink.tree;
    let Some(text) = tree.text("Pipfile") else { return };
    let (document, problem) = Document::parse("Pipfile", text);
    if let Some(problem) = problem {
        sink.finding(
            "pipfile-unreadable",
            format!("`Pipfile` is not valid TOML: {problem}"),
            None,
            Evidence::new("Pipfile", 0, ""),
        );
    }
    for (table, scope) in [("packages", Scope::Main), ("dev-packages", Scope::Group("dev".to_owned()))] {
        for (name, value) in document.table(&[table]) {
            let evidence = document.evidence(value);
            for entry in poetry::entries_of(name, value.get_ref()) {
                sink.entry(&entry, "", &scope, &evidence);
            }
        }
    }
    for key in ["python_version", "python_full_version"] {
        if let Some(value) = document.get(&["requires", key])
            && let Some(minor) = value.get_ref().as_str().and_then(super::conda::minor_of)
        {
            sink.python(&format!("=={minor}.*"), Strength::Recommended, &document.evidence(value));
        }
    }
}
