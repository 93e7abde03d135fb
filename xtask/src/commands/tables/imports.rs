//! Which distribution brings which module, out of what the proofs of the notes have installed: real wheels, no guesses.

use std::collections::BTreeMap;

use repro_core::KnowledgeBase;
use toml_edit::Item;

use super::index::in_blocks;
use crate::commands::lint_notes;
use crate::project::Project;
use crate::{files, proofs, report};

/// Adds to `matrices/imports.md` the modules that are called other than their distribution. Returns whether a row says
/// something else than a wheel does; such rows are told and stay.
pub(super) fn renew(project: &Project) -> anyhow::Result<bool> {
    let folder = project.root.join("knowledge");
    let texts = lint_notes::read(&folder)?;
    let (base, _) = KnowledgeBase::from_texts(&texts);
    let seen = proofs::imports(project)?;
    if seen.is_empty() {
        report::status("Skipped", "imports: no proof has run here yet; `cargo xtask lint-notes --verify` runs them");
        return Ok(false);
    }
    let tables = base.tables();
    let mut new: BTreeMap<&str, &str> = BTreeMap::new();
    let mut differs = false;
    for (module, distributions) in &seen {
        let is_own = tables.is_local_name(module) || base.is_stdlib(module, "3.11");
        match (tables.distribution_of_import(module), distributions.as_slice()) {
            (Some(known), _) if distributions.iter().any(|name| name == known) => {}
            // Several distributions, such as those of opencv, bring one module: the table says which is meant.
            (Some(known), [only]) if !same_family(known, only) => {
                differs = true;
                report::warning(format!("`{module}` is said to come with `{known}`; a wheel of `{only}` brings it"));
            }
            (None, [only]) if !is_own && repro_core::normalised(module) != *only => {
                new.insert(module, only);
            }
            _ => {}
        }
    }
    let path = folder.join("matrices/imports.md");
    let text = fs_err::read_to_string(&path)?;
    let text = in_blocks("matrices/imports.md", &text, |document| {
        let Some(table) = document.get_mut("imports").and_then(Item::as_table_mut) else { return };
        for (module, distribution) in &new {
            table.insert(module, toml_edit::value(*distribution));
        }
        table.sort_values_by(|one, _, other, _| one.get().to_lowercase().cmp(&other.get().to_lowercase()));
    })?;
    files::write_if_changed(&path, text.as_bytes())?;
    report::status("Wrote", format!("{}: {} modules seen, {} new", path.display(), seen.len(), new.len()));
    Ok(differs)
}

/// `opencv-python` and `opencv-python-headless`, `faiss-cpu` and `faiss-gpu`: builds of one thing.
fn same_family(one: &str, other: &str) -> bool {
    let stem = |name: &str| name.split('-').next().unwrap_or_default().to_owned();
    stem(one) == stem(other)
}
