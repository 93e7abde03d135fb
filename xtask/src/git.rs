//! Everything that starts `git`.
//!
//! In: URLs, revisions and folders. Out: commits, dates and files. It never asks anybody anything (no password, no host
//! key, no passphrase), never runs a hook, filter or helper that a repository or a user's settings name, and never waits
//! without end. The user's settings count for the network only (`url.*.insteadOf`, proxies, certificates); work on local
//! files ignores them, so that it comes out the same on every machine.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::interrupt;

/// A server that has said nothing of use for this long is not going to answer.
const ASK_LIMIT: Duration = Duration::from_secs(90);
/// A fetch may carry gigabytes; one that has stopped moving is ended earlier, by git itself.
const FETCH_LIMIT: Duration = Duration::from_hours(1);
/// Between asking a `git` to end and killing it.
const GRACE: Duration = Duration::from_secs(3);
/// Work on local files.
const LOCAL_LIMIT: Duration = Duration::from_mins(10);

/// Options of every call: no hooks, no helpers, no questions; a clone that stops moving ends.
const NEVER: [&str; 26] = [
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.askPass=",
    "-c",
    "credential.helper=",
    "-c",
    "credential.interactive=false",
    "-c",
    "filter.lfs.smudge=",
    "-c",
    "filter.lfs.process=",
    "-c",
    "filter.lfs.required=false",
    "-c",
    "safe.directory=*",
    "-c",
    "protocol.ext.allow=never",
    "-c",
    "http.lowSpeedLimit=1",
    "-c",
    "http.lowSpeedTime=60",
    "-c",
    "gc.auto=0",
];

/// Variables of an outer git (a hook, `git rebase --exec`) that would point ours at the wrong repository.
const FOREIGN: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_CEILING_DIRECTORIES",
];

/// Why git did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    #[error("`git` is not installed")]
    Missing,
    /// The server knows no repository of that name.
    #[error("there is no repository there")]
    NoRepository,
    /// The server wants to know who asks.
    #[error("the server asks for a password or key")]
    Private,
    /// ssh does not know the server.
    #[error("ssh does not know the server's host key")]
    HostKey,
    /// The server has no such object (any more).
    #[error("the server does not have it")]
    Gone,
    /// The server hands out branches and tags only, not commits by their hash.
    #[error("the server hands out no single commits")]
    Refused,
    /// No answer, or none that can be trusted: network, proxy, certificate, overload.
    #[error("the server does not answer: {0}")]
    Unreachable(String),
    #[error("the disk is full")]
    DiskFull,
    #[error("interrupted")]
    Interrupted,
    /// Anything else, in git's words.
    #[error("`git {command}` failed: {message}")]
    Failed { command: String, message: String },
}

/// What the server advertises under these patterns (`HEAD`, `refs/heads/main`, …): full name -> commit. A tag that is an
/// object of its own stands for its commit.
pub(crate) fn advertised(url: &str, patterns: &[String]) -> Result<BTreeMap<String, String>, GitError> {
    let mut arguments = vec!["ls-remote".to_owned(), "--".to_owned(), url.to_owned()];
    arguments.extend(patterns.iter().cloned());
    let listing = remote(None, &arguments, ASK_LIMIT)?;
    let mut found = BTreeMap::new();
    for line in listing.lines() {
        let Some((hash, name)) = line.split_once('\t') else { continue };
        // `ls-remote` matches patterns against the ends of names too: `refs/remotes/x/refs/heads/main`.
        let plain = name.strip_suffix("^{}");
        let wanted = |name: &str| patterns.is_empty() || patterns.iter().any(|pattern| pattern == name);
        match plain {
            Some(plain) if wanted(plain) => found.insert(plain.to_owned(), hash.to_owned()),
            None if wanted(name) => found.insert(name.to_owned(), hash.to_owned()),
            _ => None,
        };
    }
    Ok(found)
}

/// Makes an empty bare repository at `path`, unless one is there. The caller is the only one who works on it: what a
/// killed `git` left behind there, which would stop the next one, is removed.
pub(crate) fn init_bare(path: &Path) -> Result<(), GitError> {
    if path.join("HEAD").exists() && path.join("objects").exists() {
        for name in ["shallow.lock", "config.lock", "HEAD.lock", "packed-refs.lock"] {
            // Usually not there.
            let _ = fs::remove_file(path.join(name));
        }
        let packs = fs::read_dir(path.join("objects/pack")).into_iter().flatten().flatten();
        for file in packs.filter(|file| file.file_name().as_encoded_bytes().starts_with(b"tmp_")) {
            // Only space is lost where it stays.
            let _ = fs::remove_file(file.path());
        }
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| failed("init", &error))?;
    }
    local(None, ["init", "--quiet", "--bare", "--template=", "--"].map(OsStr::new), Some(path))?;
    Ok(())
}

/// The full hash and the commit date (`YYYY-MM-DD`, in the committer's time zone) of a revision in the repository
/// `git_dir`; `None` where it has no such commit.
pub(crate) fn commit(git_dir: &Path, revision: &str) -> Result<Option<(String, String)>, GitError> {
    let revision = format!("{revision}^{{commit}}");
    let arguments = ["log", "-1", "--no-show-signature", "--format=%H%x09%cs", "--end-of-options", &revision, "--"];
    match local(Some(git_dir), arguments.map(OsStr::new), None) {
        Ok(line) => Ok(hash_and_date(&line)),
        Err(GitError::Failed { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The hash and date of a checkout's current commit, as [`commit`] gives them; `None` where it has none yet. One process.
pub(crate) fn head(checkout: &Path) -> Result<Option<(String, String)>, GitError> {
    let arguments = ["log", "-1", "--no-show-signature", "--format=%H%x09%cs", "HEAD", "--"];
    match run(&base(&[OsStr::new("-C"), checkout.as_os_str()], &arguments.map(OsStr::new)).on_local_files()) {
        Ok(line) => Ok(hash_and_date(&line)),
        Err(GitError::Failed { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn hash_and_date(line: &str) -> Option<(String, String)> {
    let (hash, date) = line.trim().split_once('\t')?;
    is_full_hash(hash).then(|| (hash.to_owned(), date.to_owned()))
}

/// Is this a whole SHA-1 or SHA-256 in hexadecimal?
pub(crate) fn is_full_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Fetches one commit, without its history, into the bare repository and keeps it there.
pub(crate) fn fetch_commit(git_dir: &Path, url: &str, hash: &str) -> Result<(), GitError> {
    let refspec = format!("{hash}:refs/repro/{hash}");
    fetch(git_dir, &["--depth=1", "--no-tags", "--", url, &refspec])
}

/// Fetches what a branch or tag names at the moment, without history.
pub(crate) fn fetch_ref(git_dir: &Path, url: &str, name: &str) -> Result<(), GitError> {
    fetch(git_dir, &["--depth=1", "--no-tags", "--", url, &format!("+{name}:refs/repro-upstream/{name}")])
}

/// Fetches all branches and tags with their whole history: for servers that hand out nothing smaller.
pub(crate) fn fetch_history(git_dir: &Path, url: &str) -> Result<(), GitError> {
    let refspecs = ["+refs/heads/*:refs/repro-upstream/heads/*", "+refs/tags/*:refs/repro-upstream/tags/*"];
    let mut arguments = vec!["--no-tags"];
    if git_dir.join("shallow").exists() {
        // The documented way to say "all": https://git-scm.com/docs/shallow
        arguments.push("--depth=2147483647");
    }
    arguments.extend(["--", url]);
    arguments.extend(refspecs);
    fetch(git_dir, &arguments)
}

/// Fetches the commits of all branches and tags without their files, where the server can do that: enough to complete a
/// shortened hash.
pub(crate) fn fetch_commits_only(git_dir: &Path, url: &str) -> Result<(), GitError> {
    let refspecs = ["+refs/heads/*:refs/repro-upstream/heads/*", "+refs/tags/*:refs/repro-upstream/tags/*"];
    fetch(git_dir, &["--no-tags", "--filter=tree:0", "--", url, refspecs[0], refspecs[1]])
}

/// Keeps a commit of a bare cache from being collected.
pub(crate) fn keep(git_dir: &Path, hash: &str) -> Result<(), GitError> {
    let name = format!("refs/repro/{hash}");
    local(Some(git_dir), ["update-ref", &name, hash].map(OsStr::new), None)?;
    Ok(())
}

/// Notes which commit a name of upstream's (`HEAD`, `named/main`) last stood for.
pub(crate) fn remember(git_dir: &Path, name: &str, hash: &str) -> Result<(), GitError> {
    let name = format!("refs/repro-last/{name}");
    local(Some(git_dir), ["update-ref", "--", &name, hash].map(OsStr::new), None)?;
    Ok(())
}

fn fetch(git_dir: &Path, arguments: &[&str]) -> Result<(), GitError> {
    let mut all = ["fetch", "--quiet", "--no-recurse-submodules"].map(str::to_owned).to_vec();
    all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    remote(Some(git_dir), &all, FETCH_LIMIT)?;
    Ok(())
}

/// Writes the files of a commit into the empty folder `folder`. Git LFS pointers stay pointers, submodules stay empty
/// folders, and no filter runs.
pub(crate) fn export(git_dir: &Path, hash: &str, folder: &Path) -> Result<(), GitError> {
    let index = tempfile::Builder::new().prefix("index-").tempdir().map_err(|error| failed("read-tree", &error))?;
    let run = |arguments: &[&str]| {
        let call = base(
            &[OsStr::new("--git-dir"), git_dir.as_os_str(), OsStr::new("--work-tree"), folder.as_os_str()],
            &arguments.iter().map(OsStr::new).collect::<Vec<_>>(),
        );
        run(&call.on_local_files().env("GIT_INDEX_FILE", index.path().join("index")))
    };
    run(&["read-tree", hash])?;
    run(&["checkout-index", "--all", "--force", "--quiet"])?;
    Ok(())
}

/// A bare repository that stands in for upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StandIn {
    /// The commit to fetch from it.
    pub(crate) commit: String,
    /// Is that upstream's commit (true), or one made of a folder's files as they are (false)?
    pub(crate) clean: bool,
}

/// A file of a commit whose content the repository does not have: partial clones and copies without large files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Absent {
    /// Relative to the root.
    pub(crate) path: String,
    /// Git's id of its content.
    pub(crate) id: String,
    mode: String,
}

/// The files of a commit that a checkout's repository lists and does not have.
pub(crate) fn absent(folder: &Path, hash: &str) -> Result<Vec<Absent>, GitError> {
    let ask = |arguments: &[&str]| {
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        run(&base(&[OsStr::new("-C"), folder.as_os_str()], &arguments).on_local_files())
    };
    let listing = ask(&["rev-list", "--objects", "--missing=print", "--no-walk", hash])?;
    let missing: Vec<&str> = listing.lines().filter_map(|line| line.strip_prefix('?')).collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let files = ask(&["ls-tree", "-r", "-z", "--full-tree", hash])?;
    Ok(files
        .split('\0')
        .filter_map(|line| {
            let (about, path) = line.split_once('\t')?;
            let [mode, "blob", id] = about.split(' ').collect::<Vec<_>>()[..] else { return None };
            let absent = || Absent { path: path.to_owned(), id: id.to_owned(), mode: mode.to_owned() };
            missing.contains(&id).then(absent)
        })
        .collect())
}

/// Git's id of a file's content.
pub(crate) fn content_id(file: &Path) -> Result<String, GitError> {
    let said = local(None, ["hash-object", "--no-filters", "--"].map(OsStr::new), Some(file))?;
    Ok(said.trim().to_owned())
}

/// Where the files of a stand-in come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StandInFrom<'a> {
    /// This commit of a bare repository.
    Commit { git_dir: &'a Path, hash: &'a str },
    /// A checkout with this commit and whatever was changed in it; `found` are files that it lacks, from elsewhere.
    Checkout { folder: &'a Path, hash: &'a str, found: &'a [(Absent, PathBuf)] },
    /// A folder without version control: all its files.
    Folder(&'a Path),
}

/// Makes the bare repository `destination` with exactly one commit and no history, from which `git fetch --depth 1`
/// of that commit works for any reader.
///
/// A checkout with changes, or a folder without version control, becomes one commit by a fixed author at a fixed date:
/// the same files give the same hash. A destination that already has the commit is left as it is, byte for byte.
pub(crate) fn stand_in(from: StandInFrom<'_>, destination: &Path) -> Result<StandIn, GitError> {
    let scratch = tempfile::Builder::new().prefix("repro-").tempdir().map_err(|error| failed("init", &error))?;
    let snapshot = scratch.path().join("snapshot.git");
    let (hash, clean, git_dir) = match from {
        StandInFrom::Commit { git_dir, hash } => (hash.to_owned(), true, git_dir),
        StandInFrom::Checkout { folder, hash, found } => {
            let (commit, clean) = take_snapshot(folder, Some(hash), found, &snapshot)?;
            (commit, clean, snapshot.as_path())
        }
        StandInFrom::Folder(folder) => {
            let (commit, clean) = take_snapshot(folder, None, &[], &snapshot)?;
            (commit, clean, snapshot.as_path())
        }
    };
    let answer = StandIn { commit: hash.clone(), clean };
    let name = "refs/heads/source";
    if destination.exists() {
        let present = commit(destination, name).ok().flatten();
        if present.is_some_and(|(present, _)| present == hash) {
            return Ok(answer);
        }
    }
    let parent = destination.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|error| failed("init", &error))?;
    let fresh =
        tempfile::Builder::new().prefix(".source-").tempdir_in(parent).map_err(|error| failed("init", &error))?;
    // World-readable whatever the umask: a container's user reads it.
    let init = ["init", "--quiet", "--bare", "--template=", "--shared=0644", "--"];
    local(None, init.map(OsStr::new), Some(fresh.path()))?;
    fs::set_permissions(fresh.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .map_err(|error| failed("init", &error))?;
    for key in ["uploadpack.allowAnySHA1InWant", "uploadpack.allowReachableSHA1InWant"] {
        local(Some(fresh.path()), ["config", key, "true"].map(OsStr::new), None)?;
    }
    let source = git_dir.canonicalize().map_err(|error| failed("fetch", &error))?;
    let refspec = format!("{hash}:{name}");
    let fetch = ["fetch", "--quiet", "--no-recurse-submodules", "--no-tags", "--depth=1", "--"];
    let mut arguments: Vec<&OsStr> = fetch.iter().map(OsStr::new).collect();
    arguments.extend([source.as_os_str(), OsStr::new(&refspec)]);
    // The far side is git again, and does not get our `-c` options: it reads them from a file.
    let settings = scratch.path().join("settings");
    fs::write(&settings, "[safe]\n\tdirectory = *\n[uploadpack]\n\tallowAnySHA1InWant = true\n[pack]\n\tthreads = 1\n")
        .map_err(|error| failed("fetch", &error))?;
    let options = ["-c", "fetch.unpackLimit=1", "-c", "protocol.version=2", "--git-dir"].map(OsStr::new);
    let before: Vec<&OsStr> = options.into_iter().chain([fresh.path().as_os_str()]).collect();
    run(&base(&before, &arguments).on_local_files().env("GIT_CONFIG_GLOBAL", &settings))?;
    local(Some(fresh.path()), ["symbolic-ref", "HEAD", name].map(OsStr::new), None)?;
    // It names the place of the fetch, and would differ from run to run.
    let _ = fs::remove_file(fresh.path().join("FETCH_HEAD"));
    if destination.exists() {
        fs::remove_dir_all(destination).map_err(|error| failed("init", &error))?;
    }
    fs::rename(fresh.path(), destination).map_err(|error| failed("init", &error))?;
    // Moved away: there is nothing left to remove.
    let _ = fresh.keep();
    Ok(answer)
}

/// Makes a commit of a folder's files as they are, in a repository of its own beside the folder's objects; the folder's
/// own `.git` is not written to. Gives `hash` itself, and true, where nothing differs from it.
fn take_snapshot(
    folder: &Path,
    hash: Option<&str>,
    found: &[(Absent, PathBuf)],
    git_dir: &Path,
) -> Result<(String, bool), GitError> {
    init_bare(git_dir)?;
    let mut ignored_too = true;
    if hash.is_some() {
        // Ignored files of a checkout are build outputs; those of a plain folder may be the weights.
        ignored_too = false;
        let paths = ["objects", "index", "shallow", "info/exclude"];
        let mut arguments = vec!["rev-parse"];
        for path in paths {
            arguments.extend(["--git-path", path]);
        }
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        let listing = run(&base(&[OsStr::new("-C"), folder.as_os_str()], &arguments).on_local_files())?;
        let places: Vec<PathBuf> = listing.lines().map(|line| folder.join(line)).collect();
        let [objects, index, shallow, exclude] = places.as_slice() else {
            return Err(GitError::Failed { command: "rev-parse".to_owned(), message: listing });
        };
        let write = || -> io::Result<()> {
            let objects = objects.canonicalize()?;
            let mut line = objects.into_os_string();
            line.push("\n");
            fs::create_dir_all(git_dir.join("objects/info"))?;
            fs::create_dir_all(git_dir.join("info"))?;
            fs::write(git_dir.join("objects/info/alternates"), line.as_encoded_bytes())?;
            // The index knows which files are unchanged without reading them.
            for (from, to) in [(index, "index"), (shallow, "shallow"), (exclude, "info/exclude")] {
                if from.exists() {
                    fs::copy(from, git_dir.join(to))?;
                }
            }
            Ok(())
        };
        write().map_err(|error| failed("add", &error))?;
    }
    let run = |arguments: &[&str]| {
        let options = ["-c", "advice.addEmbeddedRepo=false", "-C"].map(OsStr::new);
        let places = [folder.as_os_str(), OsStr::new("--git-dir"), git_dir.as_os_str(), OsStr::new("--work-tree=.")];
        let before: Vec<&OsStr> = options.into_iter().chain(places).collect();
        run(&base(&before, &arguments.iter().map(OsStr::new).collect::<Vec<_>>()).on_local_files())
    };
    let mut add = vec!["add", "--all"];
    if ignored_too {
        add.push("--force");
    }
    add.extend(["--", "."]);
    if let (Err(error), Some(hash)) = (run(&add), hash) {
        // Some indexes are of no use outside of their repository (split ones): start from the commit then.
        fs::remove_file(git_dir.join("index")).map_err(|_| error)?;
        run(&["read-tree", hash])?;
        run(&add)?;
    }
    for (absent, file) in found {
        let Some(file) = file.to_str() else { continue };
        run(&["hash-object", "-w", "--no-filters", "--", file])?;
        let entry = format!("{},{},{}", absent.mode, absent.id, absent.path);
        run(&["update-index", "--add", "--cacheinfo", &entry])?;
    }
    let tree = run(&["write-tree"])?.trim().to_owned();
    let mut date = "946684800 +0000".to_owned();
    if let Some(hash) = hash {
        let shown = run(&["log", "-1", "--no-show-signature", "--format=%T%x09%cd", "--date=raw", hash, "--"])?;
        if let Some((committed, when)) = shown.trim().split_once('\t') {
            if committed == tree {
                return Ok((hash.to_owned(), true));
            }
            when.clone_into(&mut date);
        }
    }
    let arguments = ["commit-tree", &tree, "-m", "The folder as it stands"].map(OsStr::new);
    let mut commit = base(&[OsStr::new("--git-dir"), git_dir.as_os_str()], &arguments).on_local_files();
    for who in ["AUTHOR", "COMMITTER"] {
        commit = commit
            .env(&format!("GIT_{who}_NAME"), "repro")
            .env(&format!("GIT_{who}_EMAIL"), "repro@localhost")
            .env(&format!("GIT_{who}_DATE"), &date);
    }
    let commit = self::run(&commit)?.trim().to_owned();
    run(&["update-ref", "refs/heads/source", &commit])?;
    Ok((commit, false))
}

/// One call of `git`.
struct Call {
    expression: duct::Expression,
    /// Its subcommand, for messages.
    command: String,
}

impl Call {
    fn env(self, name: &str, value: impl Into<OsString>) -> Self {
        Self { expression: self.expression.env(name, value), ..self }
    }

    /// Without the settings of user and machine: for work on local files.
    fn on_local_files(self) -> Self {
        let expression = self
            .expression
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env_remove("GIT_CONFIG_COUNT")
            .env_remove("GIT_CONFIG_PARAMETERS");
        Self { expression, ..self }
    }
}

/// A `git` command with everything shut off that could run foreign code or ask a question. `before` are options of git
/// itself, `arguments` begins with the subcommand.
fn base(before: &[&OsStr], arguments: &[&OsStr]) -> Call {
    let command = arguments.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    let all = NEVER.iter().map(|option| OsString::from(*option));
    let rest = before.iter().chain(arguments).map(|argument| (*argument).to_owned());
    let mut expression = duct::cmd("git", all.chain(rest).collect::<Vec<_>>())
        .stdin_null()
        .unchecked()
        // Messages are told apart by their words.
        .env("LC_ALL", "C")
        .env("GIT_TERMINAL_PROMPT", "0")
        // Set and empty: no program is asked, whatever `core.askPass` and `SSH_ASKPASS` say.
        .env("GIT_ASKPASS", "")
        .env("SSH_ASKPASS_REQUIRE", "never")
        .env("GCM_INTERACTIVE", "never")
        .env("GIT_LFS_SKIP_SMUDGE", "1")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_OPTIONAL_LOCKS", "0");
    for name in FOREIGN {
        expression = expression.env_remove(name);
    }
    Call { expression, command }
}

fn local<const N: usize>(
    git_dir: Option<&Path>,
    arguments: [&OsStr; N],
    path: Option<&Path>,
) -> Result<String, GitError> {
    let mut all = arguments.to_vec();
    all.extend(path.map(Path::as_os_str));
    let before: Vec<&OsStr> = git_dir.map_or(Vec::new(), |dir| vec![OsStr::new("--git-dir"), dir.as_os_str()]);
    run(&base(&before, &all).on_local_files())
}

/// The tag of the commit that is checked out in `folder`, else the commit's short name; `None` where git does not say.
pub fn described(folder: &Path) -> Option<String> {
    let said = |arguments: &[&str]| in_folder(folder, arguments);
    said(&["describe", "--tags", "--exact-match"]).or_else(|| said(&["rev-parse", "--short", "HEAD"]))
}

/// The commit that is checked out in `folder`; `None` where git does not say.
pub fn commit_of(folder: &Path) -> Option<String> {
    in_folder(folder, &["rev-parse", "HEAD"])
}

/// The day (YYYY-MM-DD) of the last commit that changed something in `folder`; `None` where git does not say.
pub fn last_change(folder: &Path) -> Option<String> {
    in_folder(folder, &["log", "-1", "--format=%cs", "--", "."])
}

fn in_folder(folder: &Path, arguments: &[&str]) -> Option<String> {
    let before = [OsStr::new("-C"), folder.as_os_str()];
    let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
    let said = run(&base(&before, &arguments).on_local_files()).ok()?;
    Some(said.trim().to_owned()).filter(|said| !said.is_empty())
}

fn remote(git_dir: Option<&Path>, arguments: &[String], limit: Duration) -> Result<String, GitError> {
    let ssh = std::env::var("GIT_SSH_COMMAND").unwrap_or_else(|_| "ssh".to_owned());
    let before: Vec<&OsStr> = git_dir.map_or(Vec::new(), |dir| vec![OsStr::new("--git-dir"), dir.as_os_str()]);
    let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
    let call = base(&before, &arguments)
        .env("GIT_SSH_COMMAND", format!("{ssh} -oBatchMode=yes -oConnectTimeout=20 -oServerAliveInterval=15"));
    run_within(&call, limit)
}

fn run(call: &Call) -> Result<String, GitError> {
    run_within(call, LOCAL_LIMIT)
}

/// Runs to the end, at most for `limit`, and gives stdout.
fn run_within(call: &Call, limit: Duration) -> Result<String, GitError> {
    let Call { expression, command } = call;
    // Files, not pipes: a helper that outlives a killed git would keep a pipe open, and us waiting.
    let outputs = || -> io::Result<_> { Ok((tempfile::tempfile()?, tempfile::tempfile()?)) };
    let (mut out, mut err) = outputs().map_err(|error| failed(command, &error))?;
    let spawn = || expression.stdout_file(out.try_clone()?).stderr_file(err.try_clone()?).start();
    let handle = spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => GitError::Missing,
        _ => failed(command, &error),
    })?;
    let end = Instant::now() + limit;
    let status = loop {
        let step = Duration::from_millis(100).min(end.saturating_duration_since(Instant::now()));
        match handle.wait_timeout(step) {
            Ok(Some(output)) => break output.status,
            Ok(None) if Instant::now() >= end || interrupt::requested() => {
                stop(&handle);
                return Err(if interrupt::requested() {
                    GitError::Interrupted
                } else {
                    GitError::Unreachable(format!("no end after {} s", limit.as_secs()))
                });
            }
            Ok(None) => {}
            Err(error) => return Err(failed(command, &error)),
        }
    };
    let read = |file: &mut fs::File| -> io::Result<String> {
        let mut bytes = Vec::new();
        file.rewind()?;
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    if status.success() {
        return read(&mut out).map_err(|error| failed(command, &error));
    }
    if interrupt::requested() {
        return Err(GitError::Interrupted);
    }
    let complaint = read(&mut err).unwrap_or_default();
    // What git wanted to say had no room either.
    if complaint.is_empty()
        && err.write_all(&[b' '; 4096]).is_err_and(|error| error.kind() == io::ErrorKind::StorageFull)
    {
        return Err(GitError::DiskFull);
    }
    Err(classify(command, &complaint))
}

/// Ends a `git`: asked first, so that it removes its locks and half-written packs, then killed.
fn stop(handle: &duct::Handle) {
    for pid in handle.pids() {
        // The answer is known whether or not the signal arrives.
        let _ = duct::cmd!("kill", "-TERM", pid.to_string()).stderr_null().unchecked().run();
    }
    if !matches!(handle.wait_timeout(GRACE), Ok(Some(_))) {
        let _ = handle.kill();
    }
}

fn failed(command: &str, error: &io::Error) -> GitError {
    if error.kind() == io::ErrorKind::StorageFull {
        return GitError::DiskFull;
    }
    GitError::Failed { command: command.to_owned(), message: error.to_string() }
}

/// What git's words on stderr mean.
fn classify(command: &str, stderr: &str) -> GitError {
    let has = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
    if has(&["No space left on device"]) {
        return GitError::DiskFull;
    }
    if has(&["Host key verification failed"]) {
        return GitError::HostKey;
    }
    // fatal: could not read Username for 'https://mirror.example': terminal prompts disabled
    // git@mirror.example: Permission denied (publickey).
    if has(&[
        "could not read Username",
        "could not read Password",
        "terminal prompts disabled",
        "unable to get password from user",
        "Authentication failed",
        "returned error: 401",
        "Permission denied (",
    ]) {
        return GitError::Private;
    }
    // fatal: remote error: upload-pack: not our ref 0123…
    // fatal: couldn't find remote ref refs/heads/gone
    if has(&["not our ref", "couldn't find remote ref", "could not find remote ref"]) {
        return GitError::Gone;
    }
    // error: Server does not allow request for unadvertised object 0123…
    if has(&["does not allow request for unadvertised object", "dumb http transport does not support"]) {
        return GitError::Refused;
    }
    // fatal: repository 'https://mirror.example/a/b/' not found
    // fatal: remote error: access denied or repository not exported: /a/b
    if has(&[
        "' not found",
        "Repository not found",
        "repository not exported",
        "returned error: 404",
        "does not appear to be a git repository",
        "The project you were looking for could not be found",
    ]) {
        return GitError::NoRepository;
    }
    let last = last_words(stderr);
    if has(&[
        "unable to access",
        "Could not resolve host",
        "unable to look up",
        "unable to connect",
        "Connection refused",
        "Connection reset",
        "Connection closed",
        "Connection timed out",
        "Network is unreachable",
        "Operation too slow",
        "The remote end hung up",
        "early EOF",
        "Could not read from remote repository",
        "RPC failed",
    ]) {
        return GitError::Unreachable(last);
    }
    GitError::Failed { command: command.to_owned(), message: last }
}

/// The line of a complaint that says most: the first `fatal:` or `error:` that names a cause, else the last line.
fn last_words(stderr: &str) -> String {
    // ssh: Could not resolve hostname mirror.example: Name or service not known
    // fatal: Could not read from remote repository.
    let says_nothing =
        ["Could not read from remote repository", "Please make sure you have", "and the repository exists"];
    let lines = || {
        let lines = stderr.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.filter(|line| !says_nothing.iter().any(|words| line.contains(words)))
    };
    let line = lines()
        .find_map(|line| line.strip_prefix("fatal: ").or_else(|| line.strip_prefix("error: ")))
        .or_else(|| lines().next_back())
        .unwrap_or("it said nothing");
    line.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stderr: &str, expected: &str) {
        let name = format!("{:?}", classify("fetch", stderr));
        assert_eq!(name.split(['(', ' ']).next().unwrap(), expected, "{stderr}");
    }

    #[test]
    fn a_server_that_wants_a_password_is_told_apart() {
        check("fatal: could not read Username for 'https://mirror.example': terminal prompts disabled\n", "Private");
        check(
            "git@mirror.example: Permission denied (publickey).\nfatal: Could not read from remote repository.",
            "Private",
        );
        check("Host key verification failed.\nfatal: Could not read from remote repository.", "HostKey");
    }

    #[test]
    fn what_is_not_there_is_told_apart() {
        check("remote: Not Found\nfatal: repository 'https://mirror.example/a/b/' not found\n", "NoRepository");
        check("fatal: remote error: access denied or repository not exported: /a/b", "NoRepository");
        check("fatal: remote error: upload-pack: not our ref 0123456789", "Gone");
        check("error: Server does not allow request for unadvertised object 0123", "Refused");
    }

    #[test]
    fn a_server_that_does_not_answer_is_told_apart() {
        check(
            "fatal: unable to access 'https://mirror.example/a/b/': Could not resolve host: mirror.example",
            "Unreachable",
        );
        check(
            "fatal: unable to access 'https://mirror.example/a/b/': CONNECT tunnel failed, response 403",
            "Unreachable",
        );
        check(
            "fatal: unable to access 'https://mirror.example/a/b/': The requested URL returned error: 503",
            "Unreachable",
        );
        check("fatal: write error: No space left on device", "DiskFull");
        check("fatal: something new", "Failed");
    }

    #[test]
    fn the_line_that_names_the_cause_is_shown() {
        let stderr = "ssh: Could not resolve hostname mirror.example: Name or service not known\n\
            fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\n";
        let error = classify("fetch", stderr).to_string();
        assert!(
            error.ends_with("ssh: Could not resolve hostname mirror.example: Name or service not known"),
            "{error}"
        );
    }

    #[test]
    fn what_a_killed_git_left_behind_does_not_stop_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let (upstream, cache) = (folder.path().join("upstream"), folder.path().join("cache.git"));
        fs::create_dir_all(&upstream).unwrap();
        fs::write(upstream.join("a.py"), "x = 1\n").unwrap();
        let made = stand_in(StandInFrom::Folder(&upstream), &folder.path().join("source.git")).unwrap();
        init_bare(&cache).unwrap();
        fs::write(cache.join("shallow.lock"), "").unwrap();
        fs::write(cache.join("objects/pack/tmp_pack_x"), "half").unwrap();
        let url = format!("file://{}", folder.path().join("source.git").display());
        assert!(fetch_commit(&cache, &url, &made.commit).is_err(), "a lock of git stops it");
        init_bare(&cache).unwrap();
        fetch_commit(&cache, &url, &made.commit).unwrap();
        assert!(!cache.join("objects/pack/tmp_pack_x").exists());
    }

    #[test]
    fn a_file_that_a_checkout_lists_and_lacks_makes_it_whole_again() {
        let folder = tempfile::tempdir().unwrap();
        let (checkout, found) = (folder.path().join("checkout"), folder.path().join("found.bin"));
        fs::create_dir_all(&checkout).unwrap();
        let git = |arguments: &[&str]| {
            let mut git = std::process::Command::new("git");
            git.arg("-C").arg(&checkout).args(["-c", "user.name=a", "-c", "user.email=a@example.org"]).args(arguments);
            let output = git.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        git(&["init", "--quiet"]);
        fs::write(checkout.join("model.bin"), "weights").unwrap();
        fs::write(checkout.join("a.py"), "x = 1\n").unwrap();
        git(&["add", "."]);
        git(&["commit", "--quiet", "--message", "x"]);
        let hash = git(&["rev-parse", "HEAD"]);
        assert_eq!(absent(&checkout, &hash).unwrap(), []);
        let id = git(&["rev-parse", "HEAD:model.bin"]);
        fs::remove_file(checkout.join(".git/objects").join(&id[..2]).join(&id[2..])).unwrap();
        fs::remove_file(checkout.join("model.bin")).unwrap();
        let lacks = absent(&checkout, &hash).unwrap();
        assert_eq!(lacks.iter().map(|one| (one.path.as_str(), &one.id)).collect::<Vec<_>>(), [("model.bin", &id)]);
        fs::write(&found, "weights").unwrap();
        assert_eq!(content_id(&found).unwrap(), id);
        let found: Vec<_> = lacks.into_iter().map(|one| (one, found.clone())).collect();
        let from = StandInFrom::Checkout { folder: &checkout, hash: &hash, found: &found };
        let made = stand_in(from, &folder.path().join("source.git")).unwrap();
        assert_eq!(made, StandIn { commit: hash, clean: true });
    }

    #[test]
    fn a_server_that_never_says_anything_is_given_up() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("git://{}/a/b", silent.local_addr().unwrap());
        let arguments = ["ls-remote", "--", &url].map(ToOwned::to_owned);
        let started = Instant::now();
        let error = remote(None, &arguments, Duration::from_millis(400)).unwrap_err();
        assert!(matches!(error, GitError::Unreachable(_)), "{error:?}");
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}
