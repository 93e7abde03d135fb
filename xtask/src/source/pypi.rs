//! Sdists of the package index, fetched inside a container.
//!
//! In: a distribution's name and perhaps a version. Out: an unpacked, hash-checked sdist in the cache. The index, its
//! certificates and proxies are those that pip is configured for in the container. Nothing of the sdist is executed,
//! neither there nor on the host.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::Means;
use crate::{
    engine::{Engine, EngineError, Mount, RunRequest},
    files::{self, Lock, LockError},
};

/// The program that does the work in the container.
pub(crate) const SCRIPT: &str = include_str!("sdist.py");
/// For how long the newest release of yesterday counts as the newest.
const NEWEST_LIMIT: Duration = Duration::from_hours(24);
/// For an sdist of some gigabytes.
const FETCH_LIMIT: Duration = Duration::from_mins(30);
/// How long to wait for another run that fetches the same sdist.
const LOCK_LIMIT: Duration = Duration::from_mins(30);
/// Where the cache folder is mounted.
const INSIDE: &str = "/repro-sdist";

/// A source distribution as the index has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sdist {
    /// Normalised distribution name.
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) filename: String,
    /// Of the file as downloaded, in lower-case hexadecimal; compared with the index's.
    pub(crate) sha256: String,
    /// Day of the upload, `YYYY-MM-DD`, where the index says.
    pub(crate) uploaded: Option<String>,
}

/// One run of Python with pip: script, arguments, and the folder that it may write to, which it sees under
/// [`Job::inside`].
pub(crate) struct Job<'a> {
    pub(crate) script: &'a str,
    pub(crate) arguments: Vec<String>,
    pub(crate) folder: &'a Path,
}

/// Something that runs a [`Job`] and gives what it printed. See [`in_container`].
pub(crate) type Python<'a> = dyn Fn(&Job<'_>) -> Result<String, SdistError> + 'a;

/// Why an sdist could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SdistError {
    #[error(
        "the package index has no project `{name}`\nhint: check the spelling; the name on the index can differ from the import name"
    )]
    NoProject { name: String },
    #[error("`{name}` cannot be had as source: {why}\nhint: use the repository instead, without `--source`")]
    NoSdist { name: String, why: String },
    #[error("`{name}`: {why}\nhint: name one of these, or none for the newest: `--source pypi:{name}`")]
    NoVersion { name: String, why: String },
    #[error(
        "could not tell what the package index has of `{name}`: {why}\nhint: check the network, and `pip config list` in a container"
    )]
    Network { name: String, why: String },
    #[error(
        "the sdist of `{name}` is not what the index promised: {why}\nhint: try again; if it stays so, do not use it"
    )]
    Broken { name: String, why: String },
    #[error(
        "`{name}` is not in the cache, and fetching an sdist takes a container\nhint: `cargo xtask doctor` says what is missing; with an engine, leave `--offline` away"
    )]
    NoEngine { name: String },
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("fetching the sdist in a container failed: {0}\nhint: the image needs a Python with pip")]
    Container(String),
    #[error(
        "the disk is full, here or where temporary files go\nhint: free some space; `target/repro/cache` may be deleted"
    )]
    DiskFull,
    #[error(transparent)]
    Locked(#[from] LockError),
    #[error("cannot use the cache of sdists: {0}\nhint: `target/repro/cache` may be deleted; then try again")]
    Io(#[from] std::io::Error),
}

impl SdistError {
    /// Is the request wrong (true), or could we not tell (false)?
    pub(crate) fn is_about_the_request(&self) -> bool {
        matches!(self, Self::NoProject { .. } | Self::NoSdist { .. } | Self::NoVersion { .. })
    }
}

/// Runs jobs in containers of `image`, which has to hold a Python with pip.
pub(crate) fn in_container<'a>(
    engine: &'a Engine,
    image: &'a str,
) -> impl Fn(&Job<'_>) -> Result<String, SdistError> + 'a {
    move |job| {
        // What is written belongs to whoever owns the cache. Without root, the engine maps its root to that user.
        let owner = fs::metadata(job.folder)?;
        let user = if engine.rootless { "0:0".to_owned() } else { format!("{}:{}", owner.uid(), owner.gid()) };
        let mut command = ["python3", "-I", "-c", job.script].map(ToOwned::to_owned).to_vec();
        command.extend(job.arguments.iter().cloned());
        command.push(INSIDE.to_owned());
        let said = engine.capture(&RunRequest {
            image: image.to_owned(),
            command: Some(command),
            entrypoint: Some(String::new()),
            name: "sdist".to_owned(),
            mounts: vec![Mount::Bind { source: job.folder.to_owned(), target: INSIDE.to_owned(), read_only: false }],
            env: [("HOME", "/tmp"), ("PIP_NO_INPUT", "1"), ("PIP_NO_CACHE_DIR", "1")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .to_vec(),
            user: Some(user),
            timeout: Some(FETCH_LIMIT),
            ..RunRequest::default()
        })?;
        if said.timed_out {
            return Err(SdistError::Container(format!("no end after {} s", FETCH_LIMIT.as_secs())));
        }
        if said.exit_code != 0 {
            let last = said.stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
            return Err(SdistError::Container(last.trim().to_owned()));
        }
        Ok(said.stdout)
    }
}

/// What the script answers.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answer {
    Sdist(Sdist),
    Failure { error: String, message: String },
}

/// Gets an sdist, out of the cache where it is there. Gives it with the folder of its files.
pub(super) fn obtain(name: &str, version: Option<&str>, means: &Means<'_>) -> Result<(Sdist, PathBuf), SdistError> {
    let folder = means.cache.join("sdist").join(name);
    fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    let _lock = Lock::wait(&means.cache.join("sdist").join(format!("{name}.lock")), LOCK_LIMIT)?;
    let note = folder.join(format!("{}.json", version.unwrap_or("newest")));
    let cached = read_note(&note, &folder);
    let fresh = version.is_some() || age(&note).is_some_and(|age| age < NEWEST_LIMIT);
    match cached {
        Some(found) if fresh || means.offline || means.python.is_none() => return Ok(found),
        _ => {}
    }
    let Some(python) = means.python.filter(|_| !means.offline) else {
        return Err(SdistError::NoEngine { name: name.to_owned() });
    };
    let arguments = vec![name.to_owned(), version.unwrap_or("").to_owned()];
    let printed = python(&Job { script: SCRIPT, arguments, folder: &folder })?;
    let sdist = read_answer(name, &printed)?;
    let line = serde_json::to_vec(&sdist).unwrap_or_default();
    files::write_atomically(&note, &line)?;
    if version != Some(sdist.version.as_str()) {
        files::write_atomically(&folder.join(format!("{}.json", sdist.version)), &line)?;
    }
    let tree = tree_of(&sdist, &folder);
    Ok((sdist, tree))
}

fn tree_of(sdist: &Sdist, folder: &Path) -> PathBuf {
    folder.join(&sdist.version).join("tree")
}

fn read_note(note: &Path, folder: &Path) -> Option<(Sdist, PathBuf)> {
    let sdist: Sdist = serde_json::from_slice(&fs::read(note).ok()?).ok()?;
    let tree = tree_of(&sdist, folder);
    tree.is_dir().then_some((sdist, tree))
}

fn age(path: &Path) -> Option<Duration> {
    fs::metadata(path).ok()?.modified().ok()?.elapsed().ok()
}

fn read_answer(name: &str, printed: &str) -> Result<Sdist, SdistError> {
    let last = printed.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("");
    let name = name.to_owned();
    let odd = || SdistError::Container(format!("it answered `{}`", last.chars().take(200).collect::<String>()));
    match serde_json::from_str(last).map_err(|_| odd())? {
        Answer::Sdist(sdist) => {
            // These become paths and words of a Dockerfile.
            let plain = |text: &str| {
                !text.is_empty()
                    && !text.starts_with(['.', '-'])
                    && text.chars().all(|character| character.is_ascii_alphanumeric() || "._+!-".contains(character))
            };
            let hexadecimal = sdist.sha256.len() == 64 && sdist.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
            if sdist.name == name && plain(&sdist.version) && plain(&sdist.filename) && hexadecimal {
                Ok(sdist)
            } else {
                Err(SdistError::Broken { name, why: format!("odd names or hash: {last}") })
            }
        }
        Answer::Failure { error, message: why } => Err(match error.as_str() {
            "no-project" => SdistError::NoProject { name },
            "no-sdist" => SdistError::NoSdist { name, why },
            "no-version" => SdistError::NoVersion { name, why },
            "network" => SdistError::Network { name, why },
            "hash" | "archive" => SdistError::Broken { name, why },
            "disk" => SdistError::DiskFull,
            _ => SdistError::Container(why),
        }),
    }
}
