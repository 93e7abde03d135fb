//! Which modules the standard library has, as interpreters say themselves; those before 3.10 do not.

use repro_core::KnowledgeBase;

use crate::commands::lint_notes;
use crate::engine::{Engine, RunRequest};
use crate::project::Project;
use crate::{bases, report};

/// Prints every module of the interpreter's own library.
/// <https://docs.python.org/3/library/sys.html#sys.stdlib_module_names>
const SCRIPT: &str = "import sys; print(*sorted(sys.stdlib_module_names), sep='\\n')";

/// Compares the table of `matrices/python.md` with what the interpreters of the base images say; tells what differs and
/// returns whether something does.
pub(super) fn compare(engine: &Engine, project: &Project) -> anyhow::Result<bool> {
    let (base, _) = KnowledgeBase::from_texts(lint_notes::read(&project.root.join("knowledge"))?);
    let mut differs = false;
    for python in base.tables().slim_pythons().filter(|python| knows_itself(python)) {
        let Some(image) = base.tables().slim_tag(python, None) else { continue };
        if let bases::Obtained::Nowhere(why) = bases::obtain(engine, &image, project)? {
            report::warning(format!("Python {python} was not asked: {why}"));
            continue;
        }
        let request = RunRequest {
            image: image.clone(),
            name: "stdlib".to_owned(),
            command: Some(["python3", "-c", SCRIPT].map(str::to_owned).to_vec()),
            offline: true,
            ..RunRequest::default()
        };
        let said = engine.capture(&request)?;
        let modules: Vec<&str> = said.stdout.lines().collect();
        let unknown: Vec<&str> = modules.iter().copied().filter(|module| !base.is_stdlib(module, python)).collect();
        if !unknown.is_empty() {
            differs = true;
            report::warning(format!("Python {python} has {}, the table does not", unknown.join(", ")));
        }
        report::status("Compared", format!("{} modules of Python {python}", modules.len()));
    }
    Ok(differs)
}

/// `sys.stdlib_module_names` came with 3.10.
fn knows_itself(python: &str) -> bool {
    python.split_once('.').and_then(|(_, minor)| minor.parse::<u32>().ok()).is_some_and(|minor| minor >= 10)
}
