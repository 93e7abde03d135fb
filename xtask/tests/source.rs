//! `plan` on sources as users meet them: GitHub's names served by a git server on loopback (`url.<base>.insteadOf`),
//! servers that refuse or are gone, and folders full of odd files. Exit codes and messages are the contract.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// A project of its own, so that its caches are too, and a folder of repositories with a server in front.
struct Sandbox {
    folder: tempfile::TempDir,
    daemon: Option<Child>,
    port: u16,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop_server();
    }
}

impl Sandbox {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        fs::create_dir_all(project.join("knowledge")).unwrap();
        fs::create_dir_all(project.join("xtask")).unwrap();
        fs::write(project.join("xtask/Cargo.toml"), "").unwrap();
        fs::create_dir_all(folder.path().join("served")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { folder, daemon: None, port }
    }

    fn served(&self, name: &str) -> PathBuf {
        self.folder.path().join("served").join(name)
    }

    fn start_server(&mut self) {
        let programs = git(self.folder.path(), &["--exec-path"]);
        let base = self.folder.path().join("served");
        // Not `git daemon`: ending that would leave the real one behind.
        let daemon = Command::new(Path::new(&programs).join("git-daemon"))
            .args(["--export-all", "--reuseaddr", "--listen=127.0.0.1"])
            .arg(format!("--port={}", self.port))
            .arg(format!("--base-path={}", base.display()))
            .arg(&base)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.daemon = Some(daemon);
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "the server does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn stop_server(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }

    /// `plan …`, with `https://github.com/` standing for `instead`.
    fn plan_instead(&self, instead: &str, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_xtask"))
            .current_dir(self.folder.path().join("project"))
            .args(["plan", "--format", "json"])
            .args(arguments)
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", format!("url.{instead}.insteadOf"))
            .env("GIT_CONFIG_VALUE_0", "https://github.com/")
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn plan(&self, arguments: &[&str]) -> Output {
        self.plan_instead(&format!("git://127.0.0.1:{}/", self.port), arguments)
    }

    #[track_caller]
    fn answer(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.plan(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{complaint}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// One message with a next step, the right exit code, and nothing on stdout.
#[track_caller]
fn check_refused(output: &Output, code: i32, words: &str) {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{complaint}");
    assert!(complaint.contains(words) && complaint.contains("hint: "), "{complaint}");
    assert!(!complaint.contains("panicked"), "{complaint}");
    assert!(output.stdout.is_empty());
}

#[track_caller]
fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_COMMITTER_DATE", "2021-03-04T12:00:00Z")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A checkout with a program and a README that runs it. Gives its commit.
fn checkout(folder: &Path) -> String {
    fs::create_dir_all(folder).unwrap();
    git(folder, &["init", "--quiet", "--initial-branch=main", "."]);
    fs::write(folder.join("demo.py"), "import numpy\nprint(numpy.zeros(3))\n").unwrap();
    fs::write(folder.join("requirements.txt"), "numpy\n").unwrap();
    fs::write(folder.join("README.md"), "# Demo\n\n```bash\npython demo.py\n```\n").unwrap();
    commit(folder)
}

fn commit(folder: &Path) -> String {
    git(folder, &["add", "--all", "--force"]);
    git(folder, &["commit", "--quiet", "--message", "x"]);
    git(folder, &["rev-parse", "HEAD"])
}

#[test]
fn a_repository_is_planned_by_its_github_name_pinned_and_dated() {
    let mut sandbox = Sandbox::new();
    let first = checkout(&sandbox.served("user/model"));
    sandbox.start_server();
    let plan = sandbox.answer(&["user/model"]);
    assert_eq!(plan["repo"], "user/model");
    assert_eq!(plan["source"]["kind"], "git");
    assert_eq!(plan["source"]["location"], "https://github.com/user/model");
    assert_eq!(plan["source"]["commit"], *first);
    assert_eq!(plan["source"]["committed"], "2021-03-04");
    // The branch moves on; the old commit can still be named, also without a server.
    fs::write(sandbox.served("user/model").join("new.py"), "").unwrap();
    let second = commit(&sandbox.served("user/model"));
    assert_eq!(sandbox.answer(&["https://github.com/user/model/tree/main"])["source"]["commit"], *second);
    sandbox.stop_server();
    assert_eq!(sandbox.answer(&[&format!("user/model@{first}")])["source"]["commit"], *first);
}

#[test]
fn what_the_server_does_not_have_is_bad_input() {
    let mut sandbox = Sandbox::new();
    checkout(&sandbox.served("user/model"));
    fs::create_dir_all(sandbox.served("user/empty")).unwrap();
    git(&sandbox.served("user/empty"), &["init", "--quiet", "--bare", "."]);
    sandbox.start_server();
    check_refused(&sandbox.plan(&["user/nothing"]), 2, "there is no repository");
    check_refused(&sandbox.plan(&["user/empty"]), 2, "is empty");
    check_refused(&sandbox.plan(&["user/model@nowhere"]), 2, "no branch, tag or commit `nowhere`");
    check_refused(&sandbox.plan(&[&format!("user/model@{}", "0".repeat(40))]), 2, "no branch, tag or commit");
    check_refused(&sandbox.plan(&["user/model@--upload-pack=x"]), 2, "cannot be the name");
    check_refused(&sandbox.plan(&["../model"]), 2, "is a path");
}

#[test]
fn a_server_that_is_gone_is_no_verdict() {
    check_refused(&Sandbox::new().plan(&["user/model"]), 3, "could not tell");
}

#[test]
fn a_private_repository_does_not_hang() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let instead = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let _ = stream.write_all(
                b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        }
    });
    let started = Instant::now();
    check_refused(&Sandbox::new().plan_instead(&instead, &["user/secret"]), 2, "does not exist or is private");
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_checkout_full_of_oddities_is_planned() {
    let sandbox = Sandbox::new();
    let folder = sandbox.folder.path().join("odd folder");
    checkout(&folder);
    fs::write(folder.join("requirements.txt"), b"\xff\xd8\xff\xe0\0\x10JFIF\0").unwrap();
    fs::write(folder.join("README.md"), b"# D\xe9mo\n\n```bash\npython demo.py\n```\n").unwrap();
    fs::write(folder.join("it's \"odd\"\n.py"), "import torch\n").unwrap();
    fs::write(folder.join("setup.py"), "this is ( no Python").unwrap();
    fs::write(folder.join("pyproject.toml"), b"\xff\xfe[\0").unwrap();
    fs::create_dir_all(folder.join("a b")).unwrap();
    symlink("/etc", folder.join("a b/etc")).unwrap();
    symlink("../../../..", folder.join("a b/up")).unwrap();
    symlink("loop", folder.join("loop")).unwrap();
    let plan = sandbox.answer(&["user/model", "--source", folder.to_str().unwrap()]);
    assert_eq!(plan["source"]["kind"], "dir");
    assert_eq!(plan["repo"], "user/model");
}

#[test]
fn folders_that_cannot_be_a_source_are_bad_input() {
    let sandbox = Sandbox::new();
    let empty = sandbox.folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    check_refused(&sandbox.plan(&["user/model", "--source", empty.to_str().unwrap()]), 2, "holds no files");
    check_refused(&sandbox.plan(&["user/model", "--source", "/nonexistent"]), 2, "is not a folder");
    check_refused(&sandbox.plan(&["user/model", "--source", "pypi:x y"]), 2, "is not the name of a distribution");
}

#[test]
fn an_sdist_that_is_not_cached_takes_an_engine() {
    check_refused(&Sandbox::new().plan(&["user/model", "--source", "pypi:demo==1.0"]), 3, "takes a container");
}
