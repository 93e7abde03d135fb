//! Sources from real servers on loopback: `git daemon`, and small HTTP servers that refuse or that are an index.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    time::Instant,
};

use super::{pypi::SdistError, *};

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\n\
    oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

/// Runs git in `folder` with a fixed author and date.
#[track_caller]
fn git(folder: &Path, arguments: &str) -> String {
    let mut expression = duct::cmd("git", arguments.split(' ')).dir(folder).stderr_capture();
    for (name, value) in [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_AUTHOR_NAME", "a"),
        ("GIT_AUTHOR_EMAIL", "a@example.org"),
        ("GIT_COMMITTER_NAME", "a"),
        ("GIT_COMMITTER_EMAIL", "a@example.org"),
        ("GIT_AUTHOR_DATE", "2021-03-04T12:00:00Z"),
        ("GIT_COMMITTER_DATE", "2021-03-04T12:00:00Z"),
    ] {
        expression = expression.env(name, value);
    }
    expression.read().unwrap()
}

/// A checkout with one commit.
fn checkout(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    git(folder, "init --quiet --initial-branch=main .");
    fs::write(folder.join("demo.py"), "print('one')\n").unwrap();
    fs::write(folder.join("model.bin"), POINTER).unwrap();
    fs::write(folder.join(".gitattributes"), "*.bin filter=lfs -text\n").unwrap();
    commit_all(folder, "one");
}

fn commit_all(folder: &Path, message: &str) -> String {
    git(folder, "add --all --force");
    git(folder, &format!("commit --quiet -m {message}"));
    git(folder, "rev-parse HEAD")
}

/// A folder of repositories and a server for it.
struct Server {
    folder: tempfile::TempDir,
    port: u16,
    daemon: duct::Handle,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
    }
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let programs = git(folder.path(), "--exec-path");
        // Not `git daemon`: ending that would leave the real one behind.
        let daemon = duct::cmd!(
            Path::new(&programs).join("git-daemon"),
            "--export-all",
            "--reuseaddr",
            "--listen=127.0.0.1",
            format!("--port={port}"),
            format!("--base-path={}", folder.path().display()),
            folder.path()
        )
        .stderr_null()
        .unchecked()
        .start()
        .unwrap();
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "the server does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { folder, port, daemon }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn url(&self, name: &str) -> String {
        format!("git://127.0.0.1:{}/{name}", self.port)
    }
}

/// A cache of its own for each test.
struct Cache(tempfile::TempDir);

impl Cache {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn get(&self, argument: &str, source: Option<&str>) -> Result<Obtained, SourceError> {
        self.get_with(argument, source, false, None)
    }

    fn get_with(
        &self,
        argument: &str,
        source: Option<&str>,
        offline: bool,
        python: Option<&Python<'_>>,
    ) -> Result<Obtained, SourceError> {
        let request = SourceRequest::parse(argument, source).unwrap();
        obtain(&request, &Means { cache: self.0.path(), offline, python })
    }
}

#[track_caller]
fn refused(result: Result<Obtained, SourceError>, exit: &str, words: &str) {
    let error = result.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(words) && text.contains("\nhint: "), "{text}");
    let failure = format!("{:?}", Failure::from(error));
    assert!(failure.starts_with(exit), "{failure}");
}

#[test]
fn the_default_branch_is_fetched_pinned_and_read() {
    let server = Server::start();
    checkout(&server.path("a/b"));
    let commit = git(&server.path("a/b"), "rev-parse HEAD");
    let cache = Cache::new();
    let Obtained { source, tree, facts } = cache.get(&server.url("a/b"), None).unwrap();
    assert_eq!(source.commit.as_deref(), Some(commit.as_str()));
    assert_eq!(source.committed.as_deref(), Some("2021-03-04"));
    assert_eq!((source.user.as_str(), source.repo.as_str(), source.kind), ("a", "b", SourceKind::Git));
    assert_eq!(tree.text("demo.py"), Some("print('one')\n"));
    assert!(source.lfs);
    assert!(matches!(tree.get("model.bin").unwrap().content, repro_inspect::Content::LfsPointer(_)));
    let codes: Vec<&str> = facts.findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["lfs-pointer"]);
    assert!(!source.root.join(".git").exists());
    // The same again comes out of the cache.
    assert_eq!(cache.get(&server.url("a/b"), None).unwrap().source, source);
}

#[test]
fn branches_tags_and_hashes_are_found() {
    let server = Server::start();
    let upstream = server.path("a/b");
    checkout(&upstream);
    let first = git(&upstream, "rev-parse HEAD");
    git(&upstream, "tag -a v1 -m v1");
    git(&upstream, "checkout --quiet -b feature/x");
    fs::write(upstream.join("demo.py"), "print('two')\n").unwrap();
    let second = commit_all(&upstream, "two");
    git(&upstream, "checkout --quiet main");
    let cache = Cache::new();
    let check = |argument: String, expected: &str| {
        let source = cache.get(&argument, None).unwrap().source;
        assert_eq!(source.commit.as_deref(), Some(expected), "{argument}");
        source.subfolder
    };
    let url = server.url("a/b");
    check(format!("{url}@v1"), &first);
    check(format!("{url}@feature/x"), &second);
    check(format!("{url}@{second}"), &second);
    check(format!("{url}@{}", &second[..9]), &second);
    check(format!("{url}@heads/main"), &first);
    assert_eq!(check(format!("{url}/tree/feature/x/some/folder"), &second), Some("some/folder".to_owned()));
    assert_eq!(check(format!("{url}/tree/feature/x"), &second), None);
    // A shortened hash that no cache knows, with a server that can leave files away and one that cannot.
    let source = Cache::new().get(&format!("{url}@{}", &second[..9]), None).unwrap().source;
    assert_eq!(source.commit.as_ref(), Some(&second));
    git(&upstream, "config uploadpack.allowFilter true");
    let source = Cache::new().get(&format!("{url}@{}", &second[..9]), None).unwrap().source;
    assert_eq!(source.commit, Some(second));
    refused(cache.get(&format!("{url}@feature/y"), None), "Input", "no branch, tag or commit `feature/y`");
    refused(cache.get(&format!("{url}@v2"), None), "Input", "it has ");
}

#[test]
fn a_moved_branch_gives_the_new_commit_and_the_old_one_stays_in_the_cache() {
    let server = Server::start();
    let upstream = server.path("a/b");
    checkout(&upstream);
    let first = git(&upstream, "rev-parse HEAD");
    let cache = Cache::new();
    cache.get(&server.url("a/b"), None).unwrap();
    fs::write(upstream.join("demo.py"), "print('amended')\n").unwrap();
    git(&upstream, "commit --quiet --all --amend -m amended");
    git(&upstream, "reflog expire --expire=now --all");
    git(&upstream, "gc --quiet --prune=now");
    let now = cache.get(&server.url("a/b"), None).unwrap();
    assert_ne!(now.source.commit, Some(first.clone()));
    assert_eq!(now.tree.text("demo.py"), Some("print('amended')\n"));
    let pinned = format!("{}@{first}", server.url("a/b"));
    assert_eq!(cache.get(&pinned, None).unwrap().source.commit, Some(first));
    // Without that cache, the commit is gone.
    refused(Cache::new().get(&pinned, None), "Input", "forced push");
}

#[test]
fn an_empty_repository_and_one_that_is_not_there_are_told_apart() {
    let server = Server::start();
    fs::create_dir_all(server.path("a/empty")).unwrap();
    git(&server.path("a/empty"), "init --quiet --bare .");
    refused(Cache::new().get(&server.url("a/empty"), None), "Input", "is empty");
    refused(Cache::new().get(&format!("{}@main", server.url("a/empty")), None), "Input", "is empty");
    refused(Cache::new().get(&server.url("a/nothing"), None), "Input", "no repository");
}

#[test]
fn a_submodule_is_listed_and_left_to_the_image() {
    let server = Server::start();
    let upstream = server.path("a/b");
    checkout(&server.path("a/inner"));
    checkout(&upstream);
    git(&upstream, "-c protocol.file.allow=always submodule --quiet add ../inner ext/inner");
    commit_all(&upstream, "submodule");
    let Obtained { source, tree, .. } = Cache::new().get(&server.url("a/b"), None).unwrap();
    let inner = Submodule { path: "ext/inner".to_owned(), url: "../inner".to_owned(), initialised: false };
    assert_eq!(source.submodules, [inner]);
    assert_eq!(tree.get("ext/inner").unwrap().content, repro_inspect::Content::Submodule);
    let here = Cache::new().get("a/b", upstream.to_str()).unwrap();
    assert!(here.source.submodules[0].initialised);
    assert!(here.tree.contains("ext/inner/demo.py"));
}

#[test]
fn a_server_that_is_down_is_no_verdict_and_names_what_was_fetched_before() {
    let server = Server::start();
    checkout(&server.path("a/b"));
    let cache = Cache::new();
    let url = server.url("a/b");
    let commit = cache.get(&url, None).unwrap().source.commit.unwrap();
    drop(server);
    refused(cache.get(&url, None), "CouldNotTell", &format!("@{commit}"));
    refused(Cache::new().get(&url, None), "CouldNotTell", "--source DIR");
    assert_eq!(cache.get(&format!("{url}@{commit}"), None).unwrap().source.commit, Some(commit.clone()));
    assert_eq!(cache.get_with(&url, None, true, None).unwrap().source.commit, Some(commit));
    refused(Cache::new().get_with(&url, None, true, None), "CouldNotTell", "not in the cache");
}

/// Answers every request with what `answer` says: status line, headers and body.
fn http(answer: impl Fn(&str) -> (String, Vec<u8>) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let (head, body) = answer(first.split(' ').nth(1).unwrap_or(""));
            let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    port
}

#[test]
fn a_private_repository_never_asks_for_a_password() {
    let port = http(|_| ("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"".to_owned(), Vec::new()));
    let started = Instant::now();
    refused(Cache::new().get(&format!("http://127.0.0.1:{port}/a/b"), None), "Input", "private");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_server_in_trouble_is_no_verdict_and_a_missing_page_is_one() {
    let port = http(|_| ("503 Service Unavailable".to_owned(), Vec::new()));
    refused(Cache::new().get(&format!("http://127.0.0.1:{port}/a/b"), None), "CouldNotTell", "503");
    let port = http(|_| ("404 Not Found".to_owned(), Vec::new()));
    refused(Cache::new().get(&format!("http://127.0.0.1:{port}/a/b"), None), "Input", "no repository");
}

#[test]
fn a_checkout_at_hand_is_read_where_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("with space");
    checkout(&path);
    let commit = git(&path, "rev-parse HEAD");
    let cache = Cache::new();
    let source = cache.get("a/b", path.to_str()).unwrap().source;
    assert_eq!((source.kind, source.commit.as_deref()), (SourceKind::Dir, Some(commit.as_str())));
    assert_eq!(source.committed.as_deref(), Some("2021-03-04"));
    assert_eq!(source.upstream, "https://github.com/a/b");
    assert!(cache.get(&format!("a/b@{}", &commit[..8]), path.to_str()).is_ok());
    refused(cache.get("a/b@0123456", path.to_str()), "Input", "not at `0123456`");
}

#[test]
fn a_bare_repository_at_hand_is_read_like_a_checkout() {
    let folder = tempfile::tempdir().unwrap();
    checkout(&folder.path().join("work"));
    git(folder.path(), "clone --quiet --bare work bare");
    let path = folder.path().join("bare");
    let Obtained { source, tree, .. } = Cache::new().get("a/b", path.to_str()).unwrap();
    assert!(source.commit.is_some() && tree.contains("demo.py"));
    let stand_in = stand_in_clone(&source, &folder.path().join("source.git")).unwrap();
    assert_eq!(Some(stand_in.commit), source.commit);
}

#[test]
fn a_folder_without_version_control_is_dated_by_its_newest_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("demo.py"), "").unwrap();
    let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    fs::File::options().append(true).open(folder.path().join("demo.py")).unwrap().set_modified(moment).unwrap();
    let source = Cache::new().get("a/b", folder.path().to_str()).unwrap().source;
    assert_eq!((source.commit, source.committed.as_deref()), (None, Some("2020-09-13")));
}

#[test]
fn a_folder_inside_of_another_checkout_is_not_that_checkout() {
    let folder = tempfile::tempdir().unwrap();
    checkout(folder.path());
    fs::create_dir(folder.path().join("inner")).unwrap();
    fs::write(folder.path().join("inner/x.py"), "").unwrap();
    assert_eq!(Cache::new().get("a/b", folder.path().join("inner").to_str()).unwrap().source.commit, None);
}

#[test]
fn a_checkout_without_a_readable_commit_is_used_with_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), "init --quiet .");
    fs::write(folder.path().join("x.py"), "").unwrap();
    let check = || {
        let obtained = Cache::new().get("a/b", folder.path().to_str()).unwrap();
        assert_eq!(obtained.source.commit, None);
        assert_eq!(obtained.facts.findings.last().map(|finding| finding.code.as_str()), Some("commit-unknown"));
    };
    check();
    fs::remove_dir_all(folder.path().join(".git")).unwrap();
    fs::write(folder.path().join(".git"), "gitdir: /nonexistent\n").unwrap();
    check();
}

#[test]
fn what_is_no_folder_or_holds_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    refused(Cache::new().get("a/b", folder.path().to_str()), "Input", "holds no files");
    refused(Cache::new().get("a/b", folder.path().join("x").to_str()), "Input", "is not a folder");
    fs::write(folder.path().join("x"), "").unwrap();
    refused(Cache::new().get("a/b", folder.path().join("x").to_str()), "Input", "is not a folder");
}

#[test]
fn foreign_programs_named_by_a_checkout_do_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b");
    checkout(&path);
    let trap = folder.path().join("trap.sh");
    let marker = folder.path().join("executed");
    fs::write(&trap, format!("#!/bin/sh\ntouch '{}'\ncat\n", marker.display())).unwrap();
    fs::set_permissions(&trap, fs::Permissions::from_mode(0o755)).unwrap();
    let trap = trap.display();
    for key in [
        "core.fsmonitor",
        "core.hooksPath",
        "filter.lfs.clean",
        "filter.lfs.smudge",
        "core.pager",
        "log.showSignature",
        "gpg.program",
        "core.sshCommand",
        "core.alternateRefsCommand",
    ] {
        let value = if key == "log.showSignature" { "true".to_owned() } else { trap.to_string() };
        git(&path, &format!("config {key} {value}"));
    }
    fs::write(path.join("demo.py"), "changed").unwrap();
    fs::write(path.join("model.bin"), "changed").unwrap();
    let source = Cache::new().get("a/b", path.to_str()).unwrap().source;
    stand_in_clone(&source, &folder.path().join("source.git")).unwrap();
    assert!(!marker.exists());
}

/// Fetches a commit as a Dockerfile would, and gives the names of the files.
fn fetch_like_a_build(stand_in: &Path, commit: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), "init --quiet .");
    git(folder.path(), &format!("fetch --quiet --depth 1 {} {commit}", stand_in.display()));
    git(folder.path(), "checkout --quiet FETCH_HEAD");
    assert_eq!(git(folder.path(), "rev-list --count HEAD"), "1");
    git(folder.path(), "ls-files").lines().map(str::to_owned).collect()
}

/// Every file below a folder with its bytes.
fn bytes_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                waiting.push(entry.path());
            } else {
                assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o444, 0o444, "{:?}", entry.path());
                found.push((entry.path(), fs::read(entry.path()).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_stand_in_has_exactly_the_commit_of_a_clean_checkout() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("work");
    checkout(&path);
    fs::write(path.join("demo.py"), "print('two')\n").unwrap();
    let commit = commit_all(&path, "two");
    // As the scorer does it: objects elsewhere.
    git(folder.path(), "clone --quiet --shared work shared");
    for name in ["work", "shared"] {
        let source = Cache::new().get("a/b", folder.path().join(name).to_str()).unwrap().source;
        let destination = folder.path().join(format!("{name}-source.git"));
        let stand_in = stand_in_clone(&source, &destination).unwrap();
        assert_eq!(stand_in, git::StandIn { commit: commit.clone(), clean: true });
        assert_eq!(fetch_like_a_build(&destination, &commit), [".gitattributes", "demo.py", "model.bin"]);
        // A layer cache compares bytes.
        let before = bytes_below(&destination);
        stand_in_clone(&source, &destination).unwrap();
        assert!(bytes_below(&destination) == before);
        fs::remove_dir_all(&destination).unwrap();
        stand_in_clone(&source, &destination).unwrap();
        assert!(bytes_below(&destination) == before);
    }
    assert_eq!(git(&path, "status --porcelain"), "");
}

#[test]
fn a_stand_in_of_a_changed_checkout_holds_the_changes_and_no_ignored_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("work");
    checkout(&path);
    let commit = git(&path, "rev-parse HEAD");
    fs::write(path.join(".git/info/exclude"), "*.log\n").unwrap();
    fs::write(path.join("run.log"), "").unwrap();
    let source = Cache::new().get("a/b", path.to_str()).unwrap().source;
    let destination = folder.path().join("source.git");
    assert!(stand_in_clone(&source, &destination).unwrap().clean);
    fs::write(path.join("demo.py"), "print('changed')\n").unwrap();
    fs::write(path.join("new.py"), "").unwrap();
    let changed = stand_in_clone(&source, &destination).unwrap();
    assert!(!changed.clean && changed.commit != commit);
    let files = fetch_like_a_build(&destination, &changed.commit);
    assert_eq!(files, [".gitattributes", "demo.py", "model.bin", "new.py"]);
    let elsewhere = stand_in_clone(&source, &folder.path().join("elsewhere.git")).unwrap();
    assert_eq!(elsewhere, changed);
    // The checkout itself is as it was.
    assert_eq!(git(&path, "status --porcelain"), " M demo.py\n?? new.py");
}

#[test]
fn a_stand_in_of_a_plain_folder_holds_all_of_it_under_a_hash_of_its_content() {
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".gitignore"), "*.pth\n").unwrap();
        fs::write(folder.path().join("weights.pth"), [0; 10]).unwrap();
        let source = Cache::new().get("a/b", folder.path().to_str()).unwrap().source;
        let destination = folder.path().join("out/source.git");
        let stand_in = stand_in_clone(&source, &destination).unwrap();
        assert!(!stand_in.clean);
        assert_eq!(fetch_like_a_build(&destination, &stand_in.commit), [".gitignore", "weights.pth"]);
        stand_in.commit
    };
    assert_eq!(make(), make());
}

#[test]
fn a_stand_in_of_a_fetched_commit_comes_out_of_the_cache() {
    let server = Server::start();
    checkout(&server.path("a/b"));
    let cache = Cache::new();
    let source = cache.get(&server.url("a/b"), None).unwrap().source;
    drop(server);
    let destination = cache.0.path().join("out/source.git");
    let stand_in = stand_in_clone(&source, &destination).unwrap();
    assert_eq!(Some(&stand_in.commit), source.commit.as_ref());
    assert_eq!(fetch_like_a_build(&destination, &stand_in.commit).len(), 3);
}

#[test]
fn a_server_that_hands_out_no_single_commits_is_asked_for_its_branches() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = folder.path().join("upstream");
    checkout(&upstream);
    let first = git(&upstream, "rev-parse HEAD");
    fs::write(upstream.join("demo.py"), "print('two')\n").unwrap();
    let second = commit_all(&upstream, "two");
    let url = upstream.to_str().unwrap();
    let cache = folder.path().join("cache.git");
    crate::git::init_bare(&cache).unwrap();
    crate::git::fetch_ref(&cache, url, "refs/heads/main").unwrap();
    assert!(crate::git::commit(&cache, &second).unwrap().is_some());
    assert!(crate::git::commit(&cache, &first).unwrap().is_none());
    crate::git::fetch_history(&cache, url).unwrap();
    assert!(crate::git::commit(&cache, &first).unwrap().is_some());
}

/// An index on loopback with these files, each with its bytes and the hash that the index claims.
fn index(files: Vec<(&'static str, Vec<u8>, Option<String>)>, json: bool) -> u16 {
    use sha2::Digest as _;
    http(move |path| {
        if path == "/simple/demo-pkg/" {
            let listed = files.iter().map(|(name, bytes, hash)| {
                let hash = hash.clone().unwrap_or_else(|| {
                    let hexadecimal = |text: String, byte: &u8| text + &format!("{byte:02x}");
                    sha2::Sha256::digest(bytes).iter().fold(String::new(), hexadecimal)
                });
                if json {
                    format!(
                        r#"{{"filename": "{name}", "url": "../../files/{name}", "hashes": {{"sha256": "{hash}"}},
                            "yanked": false, "upload-time": "2022-05-06T07:08:09.123456Z"}}"#
                    )
                } else {
                    format!("<a href=\"../../files/{name}#sha256={hash}\">{name}</a><br>")
                }
            });
            let listed: Vec<String> = listed.collect();
            return if json {
                let body = format!(
                    r#"{{"meta": {{"api-version": "1.1"}}, "name": "demo-pkg", "files": [{}]}}"#,
                    listed.join(",")
                );
                ("200 OK\r\nContent-Type: application/vnd.pypi.simple.v1+json".to_owned(), body.into_bytes())
            } else {
                let body = format!("<html><body>{}</body></html>", listed.join("\n"));
                ("200 OK\r\nContent-Type: text/html".to_owned(), body.into_bytes())
            };
        }
        match files.iter().find(|(name, _, _)| path == format!("/files/{name}")) {
            Some((_, bytes, _)) => ("200 OK\r\nLast-Modified: Fri, 06 May 2022 07:08:09 GMT".to_owned(), bytes.clone()),
            None => ("404 Not Found".to_owned(), Vec::new()),
        }
    })
}

/// An archive as Python's tarfile writes it, with members that want to leave.
fn archive() -> Vec<u8> {
    let program = r"
import io, sys, tarfile
out = io.BytesIO()
with tarfile.open(fileobj=out, mode='w:gz') as tar:
    def add(name, data=b'', **more):
        info = tarfile.TarInfo(name)
        info.size = len(data)
        for key, value in more.items():
            setattr(info, key, value)
        tar.addfile(info, io.BytesIO(data))
    add('demo_pkg-1.0/setup.py', b'raise SystemExit(1)')
    add('demo_pkg-1.0/run', b'#!/bin/sh', mode=0o4777)
    add('demo_pkg-1.0/link', type=tarfile.SYMTYPE, linkname='../../..')
    add('demo_pkg-1.0/link/through.py', b'x')
    add('demo_pkg-1.0/null', type=tarfile.CHRTYPE)
    add('demo_pkg-1.0/../../escaped.py', b'x')
    add('/tmp/absolute-escaped.py', b'x')
sys.stdout.buffer.write(out.getvalue())
";
    duct::cmd!("python3", "-I", "-c", program).stdout_capture().run().unwrap().stdout
}

/// Runs the job with this machine's Python; `None` where that has no pip.
fn python_on(port: u16) -> Option<impl Fn(&pypi::Job<'_>) -> Result<String, SdistError>> {
    duct::cmd!("python3", "-c", "import pip").stderr_null().run().ok()?;
    Some(move |job: &pypi::Job<'_>| {
        let mut arguments = vec!["-c".to_owned(), job.script.to_owned()];
        arguments.extend(job.arguments.iter().cloned());
        arguments.push(job.folder.display().to_string());
        let expression = duct::cmd("python3", arguments)
            .env("PIP_INDEX_URL", format!("http://127.0.0.1:{port}/simple"))
            .env("PIP_CONFIG_FILE", "/dev/null")
            .env("PIP_RETRIES", "0")
            .env("NO_PROXY", "127.0.0.1")
            .stderr_to_stdout();
        expression.read().map_err(SdistError::Io)
    })
}

#[test]
fn an_sdist_is_fetched_checked_and_unpacked_without_running_it() {
    for json in [true, false] {
        let old = archive();
        let files = vec![
            ("demo_pkg-0.9.tar.gz", old.clone(), None),
            ("demo_pkg-1.0.tar.gz", old, None),
            ("demo_pkg-2.0rc1.tar.gz", Vec::new(), None),
            ("demo_pkg-3.0-py3-none-any.whl", Vec::new(), None),
        ];
        let Some(python) = python_on(index(files, json)) else { return };
        let cache = Cache::new();
        let Obtained { source, tree, .. } = cache.get_with("a/b", Some("pypi:Demo_Pkg"), false, Some(&python)).unwrap();
        let sdist = source.sdist.clone().unwrap();
        assert_eq!((sdist.version.as_str(), sdist.filename.as_str()), ("1.0", "demo_pkg-1.0.tar.gz"));
        assert_eq!(source.committed.as_deref(), Some("2022-05-06"));
        assert_eq!(source.location, "pypi:demo-pkg==1.0");
        let paths: Vec<&str> = tree.iter().map(|(path, _)| path).collect();
        assert!(paths.contains(&"demo_pkg-1.0/setup.py") || paths.contains(&"setup.py"), "{paths:?}");
        assert!(!Path::new("/tmp/absolute-escaped.py").exists());
        assert!(!paths.iter().any(|path| path.contains("escaped")), "{paths:?}");
        // Both names of it are cached now.
        assert!(cache.get_with("a/b", Some("pypi:demo-pkg==1.0"), true, None).is_ok());
        assert!(cache.get_with("a/b", Some("pypi:demo-pkg"), false, None).is_ok());
        let old = cache.get_with("a/b", Some("pypi:demo-pkg==0.9.0"), false, Some(&python)).unwrap();
        assert_eq!(old.source.sdist.unwrap().version, "0.9");
    }
}

#[test]
fn what_the_index_does_not_have_is_told_apart_from_an_index_that_is_silent() {
    let wheels = vec![("demo_pkg-3.0-py3-none-any.whl", Vec::new(), None)];
    let Some(python) = python_on(index(wheels, true)) else { return };
    let get = |source: &str| Cache::new().get_with("a/b", Some(source), false, Some(&python));
    refused(get("pypi:demo-pkg"), "Input", "only wheels");
    refused(get("pypi:other"), "Input", "no project `other`");
    let python = python_on(index(vec![("demo_pkg-1.0.tar.gz", archive(), None)], true)).unwrap();
    let get = |source: &str| Cache::new().get_with("a/b", Some(source), false, Some(&python));
    refused(get("pypi:demo-pkg==7"), "Input", "the newest are 1.0");
    let forged = vec![("demo_pkg-1.0.tar.gz", archive(), Some("0".repeat(64)))];
    let python = python_on(index(forged, true)).unwrap();
    refused(Cache::new().get_with("a/b", Some("pypi:demo-pkg"), false, Some(&python)), "CouldNotTell", "sha256");
    let python = python_on(1).unwrap();
    refused(
        Cache::new().get_with("a/b", Some("pypi:demo-pkg"), false, Some(&python)),
        "CouldNotTell",
        "could not tell",
    );
    refused(Cache::new().get_with("a/b", Some("pypi:demo-pkg"), false, None), "CouldNotTell", "takes a container");
}

#[test]
fn an_sdist_is_fetched_in_a_container_where_there_is_an_engine() {
    let found = crate::engine::Engine::detect(None).ok().and_then(|engine| {
        let images = ["python:3.12-slim-bookworm", "python:3.11-slim-bookworm", "python:3.9-slim-bookworm"];
        let image = images.into_iter().find(|image| engine.image_exists(image).unwrap_or(false))?;
        Some((engine, image))
    });
    let Some((engine, image)) = found else {
        assert!(std::env::var_os("REPRO_ENGINE_REQUIRED").is_none(), "an engine with an image was promised");
        anstream::eprintln!("skipped: no engine, or no image with Python");
        return;
    };
    let python = in_container(&engine, image);
    let cache = Cache::new();
    let source = Some("pypi:webrtcvad==2.0.10");
    let Obtained { source, tree, .. } = match cache.get_with("wiseman/py-webrtcvad", source, false, Some(&python)) {
        Ok(obtained) => obtained,
        // An engine without a network says nothing about us.
        Err(error @ SourceError::Sdist(SdistError::Network { .. })) => return anstream::eprintln!("skipped: {error}"),
        Err(error) => panic!("{error}"),
    };
    // The index never changes a file.
    assert_eq!(source.sdist.unwrap().sha256, "f1bed2fb25b63fb7b1a55d64090c993c9c9167b28485ae0bcdd81cf6ede96aea");
    assert!(tree.contains("setup.py") && tree.contains("cbits/pywebrtcvad.c"));
    let missing = cache.get_with("a/b", Some("pypi:webrtcvad==99"), false, Some(&python));
    refused(missing, "Input", "the newest are 2.0.10");
}
