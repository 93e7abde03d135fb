//! Looks for what no note and no table knows, where it can be known: in the Contents index that the base image's own
//! package sources name, and in the releases on the package index. Effects of [`repro_generator::search`].

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use repro_core::contents::{self, Contents, FileKind, RELEASES};
use repro_core::{Environment, Wanted};
use repro_generator::resolve::{self, FOLDER};
use repro_generator::search::{self, Day};
use repro_note::Edit;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::engine::{Captured, Engine, Mount, RunRequest};
use crate::project::Project;
use crate::{bases, environment, files, git, lock, report};

const RELEASED: &str = include_str!("search/released.py");
const UPLOADED: &str = include_str!("search/uploaded.py");
const CONTENTS: &str = include_str!("search/contents.sh");
/// How long one search may take.
const LIMIT: Duration = Duration::from_mins(5);
/// For how long an answer is believed: new releases come.
const KEPT: Duration = Duration::from_hours(7 * 24);
/// A folder that was changed later than so many days ago was not broken by time.
const OLD: i64 = 180;

/// Where to look.
pub struct Place<'a> {
    pub engine: &'a Engine,
    pub project: &'a Project,
    /// The base image.
    pub base: String,
}

impl Place<'_> {
    /// The edits that an answer stands for; empty where there is none. `installed` tells the version of a distribution in
    /// which the name is missing.
    ///
    /// # Errors
    /// Where the engine fails. A silent server is no error: there is no answer then.
    pub fn wanted(
        &self,
        wanted: &Wanted,
        before: Option<&str>,
        installed: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Vec<Edit>> {
        let answer = match wanted {
            Wanted::File { kind, name } => {
                report::status("Searching", format!("the distribution's index for {name}"));
                self.packages(*kind, name)?
            }
            Wanted::Name { distribution, module, name } => {
                let what = name.as_ref().map_or_else(|| module.clone(), |name| format!("{module}.{name}"));
                report::status("Searching", format!("the releases of {distribution} for {what}"));
                let asked = json!({ "distribution": distribution, "module": module, "name": name, "before": before,
                                    "installed": installed(distribution) });
                let answer: Released = self.ask("released.py", RELEASED, &asked)?.unwrap_or_default();
                if let Some(why) = &answer.why {
                    report::status("Found", format!("nothing: {why}"));
                }
                answer.release.into_iter().collect()
            }
        };
        Ok(search::edit(wanted, &answer).into_iter().collect())
    }

    /// The packages that bring a file, as the base's own package sources have it.
    fn packages(&self, kind: FileKind, name: &str) -> anyhow::Result<Vec<String>> {
        let words = ["sh", "-c", CONTENTS, "sh", &expression(kind, name)].map(str::to_owned).to_vec();
        let said = self.engine.capture(&RunRequest {
            image: self.base.clone(),
            name: "contents".to_owned(),
            entrypoint: Some(String::new()),
            command: Some(words),
            timeout: Some(LIMIT),
            user: Some("0".to_owned()),
            ..RunRequest::default()
        })?;
        if said.exit_code != 0 {
            let last = said.stderr.lines().last().unwrap_or_default();
            report::status("Found", format!("nothing: the index could not be had: {last}"));
        }
        Ok(packages_in(&said.stdout, kind, name))
    }

    /// Runs a script beside a question in a container that can ask the package index; what it answered is kept for a week.
    fn ask<T: DeserializeOwned>(
        &self,
        script: &str,
        text: &str,
        question: &serde_json::Value,
    ) -> anyhow::Result<Option<T>> {
        let question = question.to_string();
        let key = lock::hex(&Sha256::digest(format!("{text}\n{question}")));
        let cached: PathBuf = self.project.cache().join("search").join(format!("{key}.json"));
        let age = fs_err::metadata(&cached).ok().and_then(|data| data.modified().ok()?.elapsed().ok());
        if age.is_some_and(|age| age < KEPT)
            && let Some(known) = fs_err::read(&cached).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
        {
            return Ok(Some(known));
        }
        let folder = tempfile::Builder::new().prefix("repro-search-").tempdir().context("no temporary folder")?;
        for (name, text) in
            [("question.json", question.as_str()), (script, text), ("fetch_sdist.py", crate::source::SDIST_SCRIPT)]
        {
            fs_err::write(folder.path().join(name), text)?;
        }
        let program = ["python3", "-B", &format!("{FOLDER}/{script}"), &format!("{FOLDER}/question.json")];
        let said: Captured = self.engine.capture(&RunRequest {
            image: bases::any_python(self.engine, self.project)?,
            name: "search".to_owned(),
            command: Some(program.map(str::to_owned).to_vec()),
            mounts: vec![Mount::Bind { source: folder.path().to_owned(), target: FOLDER.to_owned(), read_only: true }],
            timeout: Some(LIMIT),
            ..RunRequest::default()
        })?;
        let Some(line) = said.stdout.lines().last().filter(|_| said.exit_code == 0) else { return Ok(None) };
        let is_silence = line.contains("\"network\": true");
        if !is_silence {
            files::write_atomically(&cached, line.as_bytes())?;
        }
        Ok(serde_json::from_str(line).ok())
    }

    /// The releases of the day of `folder`, or of the newest release that is pinned.
    ///
    /// # Errors
    /// Where the engine fails. What cannot be resolved is no error: there is no answer then.
    pub fn day(&self, requirements: &[String], folder: &std::path::Path) -> anyhow::Result<Option<Day>> {
        let pins = resolve::pins_of(requirements);
        let old = git::last_change(folder).filter(|day| age_in_days(day).is_some_and(|age| age > OLD));
        let date = match old {
            Some(day) => Some(day),
            None if pins.is_empty() => None,
            None => self.ask::<Uploaded>("uploaded.py", UPLOADED, &json!(pins))?.and_then(|answer| answer.date),
        };
        let Some(date) = date else { return Ok(None) };
        report::status("Resolving", format!("{} requirements as of {date}", requirements.len()));
        let environment = environment::measure(self.engine, &self.base, &self.project.cache())?;
        // A Python of today has no wheels of those days, and builds few of their sources.
        let cache = self.project.cache();
        let resolve = |python: &str| lock::as_of(self.engine, &environment, requirements, python, &date, &cache);
        let (pins, older) = if let Some(pins) = resolve(&environment.python)? {
            let older = self.older_python(&environment, &pins)?;
            (Some(pins), older)
        } else {
            let current = date.parse().map(|day| repro_knowledge::base().tables().python_current_at(day).to_owned());
            (None, current.ok().filter(|current| minor_of(current) < minor_of(&environment.python)))
        };
        let Some(older) = older else { return Ok(pins.map(|pins| Day { date, pins, python: None })) };
        let pins = resolve(&older)?;
        Ok(pins.map(|pins| Day { date, pins, python: Some(older) }))
    }

    /// The newest older Python for which all of these releases have wheels, where this one lacks some.
    fn older_python(&self, environment: &Environment, pins: &[String]) -> anyhow::Result<Option<String>> {
        let pins = resolve::pins_of(pins);
        let pythons = lock::pythons_with_wheels(self.engine, environment, &pins, &self.project.cache())?;
        let older = pythons.into_iter().filter(|python| minor_of(python) < minor_of(&environment.python));
        Ok(older.max_by_key(|python| minor_of(python)))
    }
}

/// `11` of `3.11.4`.
fn minor_of(python: &str) -> Option<u32> {
    python.strip_prefix("3.")?.split('.').next()?.parse().ok()
}

/// What `released.py` answers.
#[derive(Debug, Default, Deserialize)]
struct Released {
    release: Option<String>,
    why: Option<String>,
}

/// What `uploaded.py` answers.
#[derive(Debug, Deserialize)]
struct Uploaded {
    date: Option<String>,
}

fn age_in_days(day: &str) -> Option<i64> {
    let day: jiff::civil::Date = day.parse().ok()?;
    let today = jiff::Zoned::now().date();
    today.since((jiff::Unit::Day, day)).ok().map(|span| i64::from(span.get_days()))
}

/// Where a file of this kind lies, as an extended regular expression.
fn expression(kind: FileKind, name: &str) -> String {
    let name: String = name
        .chars()
        .flat_map(|c| (!c.is_ascii_alphanumeric() && c != '_' && c != '/').then_some('\\').into_iter().chain([c]))
        .collect();
    match kind {
        FileKind::Command => format!("(usr/)?s?bin/{name}"),
        FileKind::Header => format!("usr/include/([^ ]*/)?{name}"),
        FileKind::SharedObject => format!("(usr/)?lib/([^/ ]*/)?{name}"),
        FileKind::PkgConfig => format!("[^ ]*pkgconfig/{name}\\.pc"),
        FileKind::CMake => format!("[^ ]*/{name}(Config|-config)\\.cmake"),
    }
}

/// The best of the packages that lines of a Contents index name.
fn packages_in(lines: &str, kind: FileKind, name: &str) -> Vec<String> {
    let Ok((files, packages)) = contents::build([lines, "", ""]) else { return Vec::new() };
    // An index lives as long as the program; this one is small.
    let Some(index) = Contents::new(files.leak(), packages.leak()) else { return Vec::new() };
    let mut found = index.packages(kind, name, Some(RELEASES[0])).unwrap_or_default();
    found.truncate(1);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(base: &str) -> Option<(Engine, Project)> {
        let engine = crate::engine::promised_with(base)?;
        Some((engine, Project::find(&std::env::current_dir().unwrap(), None)))
    }

    #[test]
    fn a_file_is_found_in_the_index_that_the_image_s_own_sources_name() {
        let base = "python:3.11-slim-bookworm";
        let Some((engine, project)) = place(base) else { return };
        let place = Place { engine: &engine, project: &project, base: base.to_owned() };
        assert_eq!(place.packages(FileKind::SharedObject, "libsndfile.so.1").unwrap(), ["libsndfile1"]);
    }

    #[test]
    fn a_file_is_looked_for_where_its_kind_lies() {
        let lines = "usr/lib/x86_64-linux-gnu/libx.so.1  libs/libx1,libdevel/libx-cross\nusr/include/deep/x.h libdevel/libx-dev\n\
                     usr/bin/x  utils/x-tools,utils/x\n";
        let check = |kind, name: &str, path: &str, package: &str| {
            let expression = regex::Regex::new(&format!("^(?:{})$", expression(kind, name))).unwrap();
            assert!(expression.is_match(path) && !expression.is_match(&path.replace('.', "_")), "{name}");
            assert_eq!(packages_in(lines, kind, name), [package], "{name}");
        };
        check(FileKind::SharedObject, "libx.so.1", "usr/lib/x86_64-linux-gnu/libx.so.1", "libx1");
        check(FileKind::Header, "x.h", "usr/include/deep/x.h", "libx-dev");
        assert_eq!(packages_in(lines, FileKind::Command, "x"), ["x"]);
        assert!(packages_in("", FileKind::Command, "x").is_empty());
    }

    #[test]
    fn the_newest_release_that_has_a_name_is_found_on_the_index() {
        let base = "python:3.11-slim-bookworm";
        let Some((engine, project)) = place(base) else { return };
        let place = Place { engine: &engine, project: &project, base: base.to_owned() };
        let check =
            |distribution: &str, module: &str, name: Option<&str>, installed: Option<&str>, expected: &[&str]| {
                let wanted = Wanted::Name {
                    distribution: distribution.to_owned(),
                    module: module.to_owned(),
                    name: name.map(str::to_owned),
                };
                let edits = place.wanted(&wanted, None, |_| installed.map(str::to_owned)).unwrap();
                let expected: Vec<Edit> = expected.iter().map(|&spec| Edit::PipPin(spec.to_owned())).collect();
                assert_eq!(edits, expected, "{module} {name:?}");
            };
        // A name that the package's own file makes, one that comes through a star, a module; one that is there still.
        check("jinja2", "jinja2", Some("escape"), Some("3.1.2"), &["jinja2<=3.0.3"]);
        check("networkx", "networkx", Some("from_numpy_matrix"), Some("3.1"), &["networkx<=2.8.8"]);
        check("markupsafe", "markupsafe", Some("soft_unicode"), None, &["markupsafe<=2.0.1"]);
        check("jinja2", "jinja2", Some("Template"), None, &[]);
        check("markupsafe", "markupsafe.no_such_module", None, None, &[]);
    }
}
