//! Where a repository comes from, and getting it onto the disk.
//!
//! In: what a user typed (`USER/REPO[@REV]`, a URL, `--source …`). Out: a [`Source`], which says what it is, from when,
//! and where its files lie, with the files read into a tree and the facts that they tell. Nothing of the repository is executed on the host, nobody
//! is asked for a password, and a server that does not answer is told apart from a repository that is not there.

mod pypi;
mod request;
#[cfg(test)]
mod tests;

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use repro_inspect::{Evidence, Facts, Finding, Tree};
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    pypi::{Python, SCRIPT as SDIST_SCRIPT, Sdist, in_container},
    request::{Location, Revision, SourceRequest},
};
use crate::{
    failure::Failure,
    files::{Lock, LockError},
    git::{self, GitError},
    read_tree::{self, Reading},
};

/// How long to wait for another run that fetches the same repository.
const LOCK_LIMIT: Duration = Duration::from_mins(15);

/// Which kind of place a source comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SourceKind {
    /// A git server.
    Git,
    /// A folder at hand.
    Dir,
    /// An sdist of the package index.
    Pypi,
}

/// A repository on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) kind: SourceKind,
    /// As a person would name it: URL, folder, or `pypi:NAME==VERSION`.
    pub(crate) location: String,
    /// These two name the folder of results.
    pub(crate) user: String,
    pub(crate) repo: String,
    /// The URL that a Dockerfile fetches from, whatever the files came from.
    pub(crate) upstream: String,
    /// Full hash of the commit; `None` for a folder without version control and for an sdist.
    pub(crate) commit: Option<String>,
    /// Day of the commit, the upload, or of the newest file, as `YYYY-MM-DD`.
    pub(crate) committed: Option<String>,
    /// Folder of the files. Only to be read.
    pub(crate) root: PathBuf,
    /// Bare repository that holds the commit, where it is not the folder's own.
    pub(crate) git_dir: Option<PathBuf>,
    /// Files of the commit that a checkout lacks, from a release: see [`fill_in`].
    #[serde(skip)]
    pub(crate) found: Vec<(git::Absent, PathBuf)>,
    pub(crate) submodules: Vec<Submodule>,
    /// Are files tracked by Git LFS?
    pub(crate) lfs: bool,
    pub(crate) sdist: Option<Sdist>,
    /// Folder of the repository that a URL pointed at (`/tree/BRANCH/folder`); a hint, the whole repository is read.
    pub(crate) subfolder: Option<String>,
}

impl Source {
    /// `USER/REPO`.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.user, self.repo)
    }
}

/// A folder that holds another repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Submodule {
    pub(crate) path: String,
    /// As `.gitmodules` writes it: may be relative to upstream's URL.
    pub(crate) url: String,
    /// Are its files there?
    pub(crate) initialised: bool,
}

/// A source with its files.
#[derive(Debug)]
pub(crate) struct Obtained {
    pub(crate) source: Source,
    pub(crate) tree: Tree,
    /// What the files tell; what is odd about the files themselves is among the findings.
    pub(crate) facts: Facts,
}

/// What obtaining a source may use.
pub(crate) struct Means<'a> {
    /// Folder for clones, work trees and sdists. May be deleted at any time between runs.
    pub(crate) cache: &'a Path,
    /// Use what is cached, ask no server.
    pub(crate) offline: bool,
    /// Runs Python in a container, for sdists; `None` where no engine is to be started.
    pub(crate) python: Option<&'a Python<'a>>,
}

/// Why a source could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error("there is no repository at `{url}`\nhint: check the spelling of user and repository")]
    NoRepository { url: String },
    #[error(
        "`{url}` does not exist or is private: the server asks for a password\n\
         hint: check the spelling; for a private repository, clone it yourself and pass the folder: `--source DIR`"
    )]
    Private { url: String },
    #[error("ssh does not know the host key of `{url}`\nhint: connect to that host by hand once, or use the https URL")]
    HostKey { url: String },
    #[error("the repository at `{url}` is empty: it has no commit\nhint: is this the right repository?")]
    Empty { url: String },
    #[error("`{url}` has no branch, tag or commit `{revision}`\nhint: {hint}")]
    NoRevision { url: String, revision: String, hint: String },
    #[error("the default branch of `{url}` has no commit\nhint: name a branch: {hint}")]
    NoDefaultBranch { url: String, hint: String },
    #[error("could not tell what is at `{url}`: {why}\nhint: {hint}")]
    Unreachable { url: String, why: String, hint: String },
    #[error("`{path}` is not a folder\nhint: `--source` takes the folder of a checkout, or `pypi:NAME[==VERSION]`")]
    NotAFolder { path: String },
    #[error("the folder `{path}` holds no files\nhint: is this the right folder?")]
    EmptyFolder { path: String },
    #[error(
        "the checkout `{path}` is at commit {present}, not at `{wanted}`\nhint: check `{wanted}` out there, or leave `--source` away"
    )]
    OtherCommit { path: String, present: String, wanted: String },
    #[error("{0}")]
    Sdist(#[from] pypi::SdistError),
    #[error("`git` is not installed\nhint: install it (`apt-get install git`), or pass a folder: `--source DIR`")]
    GitMissing,
    #[error(
        "the disk is full, here or where temporary files go\nhint: free some space; `target/repro/cache` may be deleted"
    )]
    DiskFull,
    #[error("interrupted")]
    Interrupted,
    #[error("{0}")]
    Locked(#[from] LockError),
    #[error(
        "could not prepare the files of `{what}`: {why}\nhint: `target/repro/cache` may be deleted; then try again"
    )]
    Io { what: String, why: String },
}

impl From<SourceError> for Failure {
    /// Exit code 2 where the request is wrong, 3 where we could not tell.
    fn from(error: SourceError) -> Self {
        let text = error.to_string();
        match error {
            SourceError::Interrupted => Self::Interrupted,
            SourceError::NoRepository { .. }
            | SourceError::Private { .. }
            | SourceError::Empty { .. }
            | SourceError::NoRevision { .. }
            | SourceError::NoDefaultBranch { .. }
            | SourceError::NotAFolder { .. }
            | SourceError::EmptyFolder { .. }
            | SourceError::OtherCommit { .. } => Self::Input(text),
            SourceError::Sdist(error) if error.is_about_the_request() => Self::Input(text),
            SourceError::HostKey { .. }
            | SourceError::Unreachable { .. }
            | SourceError::Sdist(_)
            | SourceError::GitMissing
            | SourceError::DiskFull
            | SourceError::Locked(_)
            | SourceError::Io { .. } => Self::CouldNotTell(text),
        }
    }
}

/// Gets the requested source and reads its files.
pub(crate) fn obtain(request: &SourceRequest, means: &Means<'_>) -> Result<Obtained, SourceError> {
    match &request.location {
        Location::Git { url, cache_key, revision } => obtain_git(request, url, cache_key, revision, means),
        Location::Folder { path, revision } => obtain_folder(request, path, revision.as_deref(), means),
        Location::Sdist { name, version } => obtain_sdist(request, name, version.as_deref(), means),
    }
}

/// Makes `destination` (usually `source.git` beside a Dockerfile) a bare repository from which a build fetches this
/// source, with exactly one commit. Gives the commit to fetch, and whether it is upstream's own.
///
/// The commit differs from the source's own where a checkout has changes, and stands for the files as they are where a
/// folder has no version control or the source is an sdist. Files of submodules that are checked out are not in it.
pub(crate) fn stand_in_clone(source: &Source, destination: &Path) -> Result<git::StandIn, SourceError> {
    let from = match (&source.git_dir, &source.commit) {
        (Some(git_dir), Some(hash)) => git::StandInFrom::Commit { git_dir, hash },
        (None, Some(hash)) => git::StandInFrom::Checkout { folder: &source.root, hash, found: &source.found },
        (_, None) => git::StandInFrom::Folder(&source.root),
    };
    git::stand_in(from, destination).map_err(|error| match error {
        // Git does not always say why it could not write.
        GitError::Failed { .. } if is_full(destination) => SourceError::DiskFull,
        error => from_git(error, &source.location),
    })
}

/// The files that the repository of a checkout lists and does not have: partial clones, copies without large files.
pub(crate) fn absent(source: &Source) -> Result<Vec<git::Absent>, SourceError> {
    let (SourceKind::Dir, None, Some(hash)) = (source.kind, &source.git_dir, &source.commit) else {
        return Ok(Vec::new());
    };
    git::absent(&source.root, hash).map_err(|error| from_git(error, &source.location))
}

/// Takes absent files from an sdist of the project, as far as it has the same: path and content are compared with what git
/// says of them. Gives the release.
pub(crate) fn fill_in(
    source: &mut Source,
    absent: Vec<git::Absent>,
    name: &str,
    version: Option<&str>,
    means: &Means<'_>,
) -> Option<String> {
    // Where no sdist can be had the checkout stays as it is.
    let Ok((sdist, tree)) = pypi::obtain(name, version, means).or_else(|_| pypi::obtain(name, None, means)) else {
        return None;
    };
    let same = |absent: git::Absent| {
        let file = tree.join(&absent.path);
        let is_file = fs::symlink_metadata(&file).is_ok_and(|data| data.is_file());
        (is_file && git::content_id(&file).is_ok_and(|id| id == absent.id)).then_some((absent, file))
    };
    source.found = absent.into_iter().filter_map(same).collect();
    (!source.found.is_empty()).then(|| format!("{} {}", sdist.name, sdist.version))
}

/// Does the file system around `path` take no more?
fn is_full(path: &Path) -> bool {
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = tempfile::tempfile_in(folder).and_then(|mut file| file.write_all(&[b' '; 16 * 1024]));
    written.is_err_and(|error| error.kind() == io::ErrorKind::StorageFull)
}

fn obtain_git(
    request: &SourceRequest,
    url: &str,
    cache_key: &str,
    revision: &Revision,
    means: &Means<'_>,
) -> Result<Obtained, SourceError> {
    let git_dir = means.cache.join("git").join(format!("{cache_key}.git"));
    let _lock = Lock::wait(&means.cache.join("git").join(format!("{cache_key}.lock")), LOCK_LIMIT)?;
    git::init_bare(&git_dir).map_err(|error| from_git(error, url))?;

    let resolved = resolve(url, revision, &git_dir, means.offline)?;
    let known = git::commit(&git_dir, &resolved.hash).map_err(|error| from_git(error, url))?;
    let (hash, date) = match known {
        Some(known) => known,
        None if means.offline => return Err(not_cached(url)),
        None => fetch(url, &resolved, &git_dir)?,
    };
    // For the next run without a server. Names that git does not take as a reference are not worth failing for.
    let _ = git::remember(&git_dir, &revision_name(revision), &hash);
    let root = work_tree(&git_dir, &hash, means, url)?;
    let read = read(&root)?;
    let source = Source {
        found: Vec::new(),
        kind: SourceKind::Git,
        location: url.to_owned(),
        user: request.user.clone(),
        repo: request.repo.clone(),
        upstream: request.upstream.clone(),
        commit: Some(hash),
        committed: Some(date),
        submodules: submodules(&read.tree, &root),
        lfs: uses_lfs(&read.tree),
        root,
        git_dir: Some(git_dir),
        sdist: None,
        subfolder: resolved.subfolder,
    };
    finish(source, read, url)
}

/// What a revision turned out to be.
struct Resolved {
    hash: String,
    /// Full name of the branch or tag, where it was one.
    name: Option<String>,
    subfolder: Option<String>,
}

/// The name under which the commit of a revision is remembered.
fn revision_name(revision: &Revision) -> String {
    match revision {
        Revision::Default => "HEAD".to_owned(),
        Revision::Named(name) | Revision::Path(name) => format!("named/{name}"),
    }
}

/// Asks the server which commit a revision is. A full hash is its own answer and needs no server.
fn resolve(url: &str, revision: &Revision, git_dir: &Path, offline: bool) -> Result<Resolved, SourceError> {
    // Longest first: `/tree/feature/x/folder` may be the branch `feature/x` and a folder.
    let mut spellings: Vec<(String, Option<String>)> = Vec::new();
    match revision {
        Revision::Default => {}
        Revision::Named(name) => spellings.push((name.clone(), None)),
        Revision::Path(path) => {
            let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
            for end in ends.collect::<Vec<_>>().into_iter().rev() {
                let (name, rest) = path.split_at(end);
                let rest = rest.trim_start_matches('/');
                spellings.push((name.to_owned(), (!rest.is_empty()).then(|| rest.to_owned())));
            }
        }
    }
    let found = |hash: &str, name: Option<String>, subfolder: &Option<String>| Resolved {
        hash: hash.to_ascii_lowercase(),
        name,
        subfolder: subfolder.clone(),
    };
    for (name, rest) in &spellings {
        if git::is_full_hash(name) {
            return Ok(found(name, None, rest));
        }
    }
    let remembered = || {
        let name = format!("refs/repro-last/{}", revision_name(revision));
        git::commit(git_dir, &name).ok().flatten().map(|(hash, _)| hash)
    };
    if offline {
        return remembered().map(|hash| found(&hash, None, &None)).ok_or_else(|| not_cached(url));
    }
    let mut patterns: Vec<String> = Vec::new();
    for (name, _) in &spellings {
        // In the order in which git itself prefers them.
        patterns.extend(["refs/tags/", "refs/heads/", "refs/"].map(|prefix| format!("{prefix}{name}")));
    }
    if patterns.is_empty() {
        patterns.push("HEAD".to_owned());
    }
    let asked = git::advertised(url, &patterns).map_err(|error| match (from_git(error, url), remembered()) {
        (SourceError::Unreachable { url, why, .. }, Some(hash)) => SourceError::Unreachable {
            url,
            why,
            hint: format!("try again later, or name the commit that was fetched before: `@{hash}`"),
        },
        (error, _) => error,
    })?;
    if let Some(name) = patterns.iter().find(|pattern| asked.contains_key(*pattern)) {
        let rest =
            spellings.iter().find(|(spelling, _)| name.ends_with(spelling.as_str())).and_then(|(_, rest)| rest.clone());
        return Ok(found(&asked[name], Some(name.clone()), &rest));
    }
    // A shortened hash.
    for (name, rest) in &spellings {
        let short = (7..40).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if short && let Some(hash) = complete(url, name, git_dir)? {
            return Ok(found(&hash, None, rest));
        }
    }
    let all = git::advertised(url, &[]).map_err(|error| from_git(error, url))?;
    if all.is_empty() {
        return Err(SourceError::Empty { url: url.to_owned() });
    }
    let Some((revision, _)) = spellings.first() else {
        return Err(SourceError::NoDefaultBranch { url: url.to_owned(), hint: similar(&all, "") });
    };
    let hint = format!("it has {}", similar(&all, revision));
    Err(SourceError::NoRevision { url: url.to_owned(), revision: revision.clone(), hint })
}

/// Some names that the server has, those first that resemble `wanted`.
fn similar(all: &std::collections::BTreeMap<String, String>, wanted: &str) -> String {
    let wanted = wanted.to_ascii_lowercase();
    let mut names: Vec<&str> = all
        .keys()
        .filter_map(|name| name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/tags/")))
        .collect();
    let total = names.len();
    names.sort_by_key(|name| {
        let name = name.to_ascii_lowercase();
        std::cmp::Reverse(!wanted.is_empty() && (name.contains(&wanted) || wanted.contains(&name)))
    });
    names.truncate(5);
    let shown: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match total {
        0 => "neither branches nor tags".to_owned(),
        _ if total > shown.len() => format!("{} and {} more", shown.join(", "), total - shown.len()),
        _ => shown.join(", "),
    }
}

/// The full hash that begins with `short`, out of the cache or the server's history.
fn complete(url: &str, short: &str, git_dir: &Path) -> Result<Option<String>, SourceError> {
    let from = |error| from_git(error, url);
    if let Some((hash, _)) = git::commit(git_dir, short).map_err(from)? {
        return Ok(Some(hash));
    }
    let scratch = tempfile::Builder::new().prefix("repro-").tempdir().map_err(|error| io_error(url, &error))?;
    let history = scratch.path().join("history.git");
    git::init_bare(&history).map_err(from)?;
    git::fetch_commits_only(&history, url).map_err(from)?;
    Ok(git::commit(&history, short).map_err(from)?.map(|(hash, _)| hash))
}

/// Fetches a commit into the cache, in the smallest way the server allows. Gives its hash and date.
fn fetch(url: &str, resolved: &Resolved, git_dir: &Path) -> Result<(String, String), SourceError> {
    let from = |error| from_git(error, url);
    let gone = || SourceError::NoRevision {
        url: url.to_owned(),
        revision: resolved.hash.clone(),
        hint: "the commit may have been removed by a forced push; leave `@REV` away for the newest one".to_owned(),
    };
    match git::fetch_commit(git_dir, url, &resolved.hash) {
        Ok(()) => {}
        Err(GitError::Gone) => return Err(gone()),
        Err(GitError::Refused) => {
            let by_name = resolved.name.as_deref().map(|name| git::fetch_ref(git_dir, url, name));
            if !matches!(by_name, Some(Ok(()))) || git::commit(git_dir, &resolved.hash).map_err(from)?.is_none() {
                git::fetch_history(git_dir, url).map_err(from)?;
            }
        }
        Err(error) => return Err(from(error)),
    }
    let (hash, date) = git::commit(git_dir, &resolved.hash).map_err(from)?.ok_or_else(gone)?;
    git::keep(git_dir, &hash).map_err(from)?;
    Ok((hash, date))
}

/// The files of a commit in the cache, written out where they are not there yet.
fn work_tree(git_dir: &Path, hash: &str, means: &Means<'_>, url: &str) -> Result<PathBuf, SourceError> {
    let trees = means.cache.join("tree");
    let root = trees.join(hash);
    if root.is_dir() {
        return Ok(root);
    }
    let io = |error: io::Error| io_error(url, &error);
    fs::create_dir_all(&trees).map_err(io)?;
    let fresh = tempfile::Builder::new().prefix(".tree-").tempdir_in(&trees).map_err(io)?;
    git::export(git_dir, hash, fresh.path()).map_err(|error| from_git(error, url))?;
    match fs::rename(fresh.path(), &root) {
        Ok(()) => {
            // Moved away: there is nothing left to remove.
            let _ = fresh.keep();
            Ok(root)
        }
        // Another run, on another name of the same commit, was faster.
        Err(_) if root.is_dir() => Ok(root),
        Err(error) => Err(io(error)),
    }
}

fn obtain_folder(
    request: &SourceRequest,
    path: &Path,
    wanted: Option<&str>,
    means: &Means<'_>,
) -> Result<Obtained, SourceError> {
    let shown = path.display().to_string();
    let root = match path.canonicalize() {
        Ok(root) if root.is_dir() => root,
        _ => return Err(SourceError::NotAFolder { path: shown }),
    };
    let is_checkout = root.join(".git").exists();
    let is_bare = !is_checkout && ["HEAD", "objects", "refs"].iter().all(|name| root.join(name).exists());
    let mut git_dir = None;
    let mut root = root;
    let (head, both);
    if is_bare {
        let revision = wanted.unwrap_or("HEAD");
        let found = git::commit(&root, revision).map_err(|error| from_git(error, &shown))?;
        let Some((hash, date)) = found else {
            return Err(match wanted {
                None => SourceError::Empty { url: shown },
                Some(wanted) => SourceError::NoRevision {
                    url: shown,
                    revision: wanted.to_owned(),
                    hint: "`git log --all` in that folder shows what there is".to_owned(),
                },
            });
        };
        let files = work_tree(&root, &hash, means, &shown)?;
        git_dir = Some(std::mem::replace(&mut root, files));
        head = Ok(Some((hash, date)));
        both = read(&root)?;
    } else if is_checkout {
        // The process answers while the files are read.
        let (asked, files) = std::thread::scope(|scope| {
            let head = scope.spawn(|| git::head(&root));
            let files = read(&root);
            (head.join(), files)
        });
        head = asked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        both = files?;
    } else {
        head = Ok(None);
        both = read(&root)?;
    }
    let mut findings = Vec::new();
    let head = match head {
        Ok(Some(head)) => Some(head),
        Err(GitError::Interrupted) => return Err(SourceError::Interrupted),
        Ok(None) if !is_checkout => None,
        other => {
            let why = other.err().map_or_else(|| "it has no readable commit".to_owned(), |error| error.to_string());
            findings.push(Finding {
                code: "commit-unknown".to_owned(),
                message: format!("the commit of the checkout could not be read: {why}"),
                help: Some("the files are used as they are, dated by the newest of them".to_owned()),
                evidence: Evidence::new("", 0, ""),
            });
            None
        }
    };
    if let (Some(wanted), false) = (wanted, is_bare) {
        let present = head.as_ref().map_or("unknown", |(hash, _)| hash);
        let hexadecimal = wanted.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !(hexadecimal && present.starts_with(&wanted.to_ascii_lowercase())) {
            return Err(SourceError::OtherCommit {
                path: shown,
                present: present.to_owned(),
                wanted: wanted.to_owned(),
            });
        }
    }
    let (commit, committed) = head.unzip();
    let source = Source {
        found: Vec::new(),
        kind: SourceKind::Dir,
        location: git_dir.as_ref().unwrap_or(&root).display().to_string(),
        user: request.user.clone(),
        repo: request.repo.clone(),
        upstream: request.upstream.clone(),
        commit,
        committed: committed.or_else(|| both.newest.and_then(day)),
        submodules: submodules(&both.tree, &root),
        lfs: uses_lfs(&both.tree),
        root,
        git_dir,
        sdist: None,
        subfolder: None,
    };
    let mut obtained = finish(source, both, &shown)?;
    obtained.facts.findings.append(&mut findings);
    Ok(obtained)
}

fn obtain_sdist(
    request: &SourceRequest,
    name: &str,
    version: Option<&str>,
    means: &Means<'_>,
) -> Result<Obtained, SourceError> {
    let (sdist, root) = pypi::obtain(name, version, means)?;
    let read = read(&root)?;
    let location = format!("pypi:{}=={}", sdist.name, sdist.version);
    let source = Source {
        found: Vec::new(),
        kind: SourceKind::Pypi,
        location: location.clone(),
        user: request.user.clone(),
        repo: request.repo.clone(),
        upstream: request.upstream.clone(),
        commit: None,
        committed: sdist.uploaded.clone().or_else(|| read.newest.and_then(day)),
        submodules: Vec::new(),
        lfs: false,
        root,
        git_dir: None,
        sdist: Some(sdist),
        subfolder: None,
    };
    finish(source, read, &location)
}

/// The files of a folder, and what they tell.
struct Files {
    tree: Tree,
    facts: Facts,
    newest: Option<SystemTime>,
}

fn read(root: &Path) -> Result<Files, SourceError> {
    let Reading { tree, findings, newest } =
        read_tree::read_tree(root).map_err(|error| io_error(&root.display().to_string(), &error))?;
    let mut facts = repro_inspect::inspect(&tree);
    facts.findings.extend(findings);
    Ok(Files { tree, facts, newest })
}

fn finish(source: Source, files: Files, name: &str) -> Result<Obtained, SourceError> {
    if files.tree.is_empty() {
        return Err(SourceError::EmptyFolder { path: name.to_owned() });
    }
    Ok(Obtained { source, tree: files.tree, facts: files.facts })
}

fn submodules(tree: &Tree, root: &Path) -> Vec<Submodule> {
    read_tree::submodules(tree.text(".gitmodules").unwrap_or(""))
        .into_iter()
        .map(|(path, url)| {
            let initialised = tree.contains_folder(&path) && root.join(&path).is_dir();
            Submodule { path, url, initialised }
        })
        .collect()
}

/// Does any `.gitattributes` hand files to Git LFS, or is there a pointer?
fn uses_lfs(tree: &Tree) -> bool {
    tree.iter().any(|(path, file)| {
        matches!(file.content, repro_inspect::Content::LfsPointer(_))
            || (path.ends_with(".gitattributes") && tree.text(path).is_some_and(|text| text.contains("filter=lfs")))
    })
}

/// The UTC day of a moment.
fn day(moment: SystemTime) -> Option<String> {
    Some(jiff::Timestamp::try_from(moment).ok()?.strftime("%F").to_string())
}

fn not_cached(url: &str) -> SourceError {
    SourceError::Unreachable {
        url: url.to_owned(),
        why: "it is not in the cache, and no server is to be asked".to_owned(),
        hint: "leave `--offline` away once, or pass a folder: `--source DIR`".to_owned(),
    }
}

fn io_error(what: &str, error: &io::Error) -> SourceError {
    if error.kind() == io::ErrorKind::StorageFull {
        return SourceError::DiskFull;
    }
    SourceError::Io { what: what.to_owned(), why: error.to_string() }
}

/// A git failure in the words of a source.
fn from_git(error: GitError, url: &str) -> SourceError {
    let url = url.to_owned();
    match error {
        GitError::Missing => SourceError::GitMissing,
        GitError::NoRepository => SourceError::NoRepository { url },
        GitError::Private => SourceError::Private { url },
        GitError::HostKey => SourceError::HostKey { url },
        GitError::DiskFull => SourceError::DiskFull,
        GitError::Interrupted => SourceError::Interrupted,
        error @ (GitError::Gone | GitError::Refused | GitError::Unreachable(_)) => SourceError::Unreachable {
            url,
            why: error.to_string(),
            hint: "check the network and try again; a checkout at hand works without: `--source DIR`".to_owned(),
        },
        GitError::Failed { command, message } if matches!(command.as_str(), "ls-remote" | "fetch") => {
            SourceError::Unreachable {
                url,
                why: format!("`git {command}` says: {message}"),
                hint: "check the URL and the network; a checkout at hand works without: `--source DIR`".to_owned(),
            }
        }
        error @ GitError::Failed { .. } => SourceError::Io { what: url, why: error.to_string() },
    }
}
