//! When modules, names, attributes and parameters came into libraries and went, out of the sources of their releases on the
//! package index. In: the libraries of `libraries.txt`; out: two files of `knowledge/tables`.

use std::time::Duration;

use anyhow::Context as _;
use repro_core::interfaces::{Changes, build};

use crate::engine::{Engine, Mount, RunRequest};
use crate::failure::could_not_tell;
use crate::project::Project;
use crate::{bases, files, report, source};

/// The distributions that are looked at, those first that most programs use.
const LIBRARIES: &str = include_str!("libraries.txt");
const SCRIPT: &str = include_str!("interfaces.py");
/// Reading thousands of wheels takes hours; what was read is kept.
const LIMIT: Duration = Duration::from_hours(8);
/// For how long an answer is kept: new releases come.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// Asks the index about every library whose answer is not at hand, and writes the tables of all that has one.
pub(super) fn make(engine: &Engine, project: &Project) -> anyhow::Result<()> {
    let answers = project.cache().join("interfaces");
    fs_err::create_dir_all(&answers)?;
    for entry in fs_err::read_dir(&answers)? {
        let entry = entry?;
        if entry.metadata()?.modified()?.elapsed().is_ok_and(|age| age > KEPT) {
            fs_err::remove_file(entry.path())?;
        }
    }
    let folder = tempfile::Builder::new().prefix("repro-tables-").tempdir()?;
    let libraries: Vec<&str> = LIBRARIES.lines().filter(|line| !line.is_empty()).collect();
    let list = serde_json::to_string(&libraries)?;
    for (name, text) in
        [("libraries.json", list.as_str()), ("interfaces.py", SCRIPT), ("fetch_sdist.py", source::SDIST_SCRIPT)]
    {
        fs_err::write(folder.path().join(name), text)?;
    }
    let mount = |source: &std::path::Path, target: &str, read_only: bool| Mount::Bind {
        source: source.to_owned(),
        target: target.to_owned(),
        read_only,
    };
    report::status("Reading", format!("the releases of {} libraries", libraries.len()));
    let log = project.root.join("target/repro/logs/tables/interfaces.log");
    let program = ["python3", "-B", "-W", "ignore", "/in/interfaces.py", "/in/libraries.json", "/out"];
    let outcome = engine.run(
        &RunRequest {
            image: bases::any_python(engine, project)?,
            name: "interfaces".to_owned(),
            command: Some(program.map(str::to_owned).to_vec()),
            mounts: vec![mount(folder.path(), "/in", true), mount(&answers, "/out", false)],
            timeout: Some(LIMIT),
            user: Some("0".to_owned()),
            ..RunRequest::default()
        },
        &log,
        &mut |line| report::note(line),
    );
    let mut changes: Vec<Changes> = Vec::new();
    for entry in fs_err::read_dir(&answers)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            let text = fs_err::read_to_string(&path)?;
            changes.push(serde_json::from_str(&text).with_context(|| format!("{} cannot be read", path.display()))?);
        }
    }
    changes.sort_by(|one, other| one.library.cmp(&other.library));
    let (keys, releases) = build(&changes)?;
    let tables = project.root.join("knowledge/tables");
    files::write_if_changed(&tables.join("interfaces.fst"), &keys)?;
    files::write_if_changed(&tables.join("interfaces-releases.txt"), releases.as_bytes())?;
    report::status("Wrote", format!("{}: {} libraries, {} bytes", tables.display(), changes.len(), keys.len()));
    // What was read until it was interrupted is worth having.
    if !outcome.is_ok_and(|outcome| outcome.exit_code == 0) {
        return Err(could_not_tell(format!(
            "{} of {} libraries could be read; see {}\nhint: containers must reach the package index; run the same command again, it goes on from there",
            changes.len(),
            libraries.len(),
            log.display()
        )));
    }
    Ok(())
}
