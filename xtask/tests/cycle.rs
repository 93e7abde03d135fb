//! `repro` as a whole program on a small repository of its own, with a real engine: what it ends with, what it leaves
//! behind, and what it must not touch.
//!
//! Without an engine (or without the base image) each test prints why it is skipped; where `REPRO_ENGINE_REQUIRED` is set
//! it fails instead. What takes long, or needs a daemon or a disk of its own, runs where `REPRO_LONG` is set, as `nightly`
//! does.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, fs::symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use support::{BASE, Sandbox, check, has_base, is_long_run, said, usual_engine};

mod support;

/// Prints real output and needs nothing but Python.
const MAIN: &str = "import collections, pathlib

if __name__ == '__main__':
    words = pathlib.Path(__file__).with_name('text.txt').read_text().split()
    for word, count in collections.Counter(words).most_common(3):
        print(word, count)
    print(len(words), 'words in all')
";

/// An end of the program, and how long the process may take to it.
const PATIENCE: Duration = Duration::from_mins(5);

/// What a test of the whole cycle does with a checkout that counts words.
impl Sandbox {
    /// With the engine that the program would choose.
    fn new() -> Option<Self> {
        usual_engine().map(|engine| Self::on(engine, Vec::new()))
    }

    fn on(engine: &str, variables: Vec<(String, String)>) -> Self {
        let fill = "with open('fill', 'wb') as file:\n    while True:\n        file.write(bytes(1 << 20))\n";
        let files = [
            ("main.py", MAIN),
            ("slow.py", "import time\nprint('begun', flush=True)\ntime.sleep(600)\n"),
            ("fill.py", fill),
            ("text.txt", "the cat and the dog and the bird\n"),
            ("README.md", "# Words\n\n## Usage\n\n```sh\npython main.py\n```\n"),
        ];
        let sandbox = Self::with(engine, variables, &files);
        sandbox.git(&["init", "--quiet", "--initial-branch=main", "."]);
        sandbox.commit();
        sandbox
    }

    fn git(&self, arguments: &[&str]) {
        let mut git = Command::new("git");
        git.current_dir(self.path("thing")).args(["-c", "user.name=a", "-c", "user.email=a@example.org"]);
        git.args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_COMMITTER_DATE", "2023-05-01T12:00:00Z");
        assert!(git.status().unwrap().success(), "{arguments:?}");
    }

    fn commit(&self) {
        self.git(&["add", "--all", "--force"]);
        self.git(&["commit", "--quiet", "--message", "x"]);
    }

    #[track_caller]
    fn check(&self, arguments: &[&str], code: i32, words: &str) -> Output {
        let output = self.repro(arguments).output().unwrap();
        check(&output, code, words);
        self.check_clean();
        output
    }

    /// Nothing temporary is left: no file beside a result, no folder.
    #[track_caller]
    fn check_clean(&self) {
        let names = |folder: &Path| -> Vec<String> {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names(&self.path("temporary")), [""; 0]);
        for folder in ["results", "project/target/repro/work"] {
            let mut names = names(&self.path(folder).join(&self.name));
            names.retain(|name| name.starts_with('.'));
            assert_eq!(names, [""; 0], "in {folder}");
        }
    }

    /// No container of this process is left.
    #[track_caller]
    fn check_no_container(&self, process: u32) {
        let label = format!("label=repro.process={process}");
        assert_eq!(self.engine(&["ps", "--all", "--quiet", "--filter", &label]), "");
    }

    /// Starts it and sends it `signal` as soon as `moment` has come.
    #[track_caller]
    fn interrupt(&self, mut command: Command, signal: &str, moment: Moment<'_>) -> (Output, u32) {
        let mut child = Running::start(&mut command);
        let process = child.child.id();
        child.wait_for(&moment, || match &moment {
            Moment::Container(name) => {
                let label = format!("label=repro.process={process}");
                let name = format!("name=repro-{name}");
                !self.engine(&["ps", "--quiet", "--filter", &label, "--filter", &name]).is_empty()
            }
            Moment::Word(_) => false,
        });
        assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
        (child.end(), process)
    }
}

/// When a signal is sent.
#[derive(Clone, Copy)]
enum Moment<'a> {
    /// This stands in what the program says.
    Word(&'a str),
    /// A container of this name runs.
    Container(&'a str),
}

/// The program while it runs.
struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
    said: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || errors.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines, said: String::new() }
    }

    #[track_caller]
    fn wait_for(&mut self, moment: &Moment<'_>, has_come: impl Fn() -> bool) {
        let started = Instant::now();
        loop {
            match self.lines.recv_timeout(Duration::from_millis(20)) {
                Ok(line) => self.said += &format!("{line}\n"),
                Err(mpsc::RecvTimeoutError::Disconnected) => panic!("it ended too early:\n{}", self.said),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            if matches!(moment, Moment::Word(word) if self.said.contains(word)) || has_come() {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "the moment does not come:\n{}", self.said);
        }
    }

    fn end(mut self) -> Output {
        let mut stdout = Vec::new();
        self.child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
        let status = self.child.wait().unwrap();
        let mut said = std::mem::take(&mut self.said);
        for line in &self.lines {
            said += &format!("{line}\n");
        }
        Output { status, stdout, stderr: said.into_bytes() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Files of a folder and below, with their content.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

#[test]
fn a_small_repository_is_reproduced_and_its_results_survive_edits_and_failures() {
    let Some(sandbox) = Sandbox::new() else { return };
    let output = sandbox.check(&["--format", "json"], 0, "");
    let receipt: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&receipt["success"], &receipt["level"], &receipt["proof"]),
        (&true.into(), &"ran".into(), &"output".into())
    );
    assert_eq!(receipt["evidence"]["last_line"], "8 words in all");
    let mut names: Vec<String> = fs::read_dir(sandbox.result(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let expected = [
        "Dockerfile",
        "README.md",
        "build-constraints.txt",
        "receipt.json",
        "repro.toml",
        "requirements.lock",
        "source.git",
    ];
    assert_eq!(names, expected);

    // A person's changes stay, however often it is run.
    let mut dockerfile = fs::read_to_string(sandbox.result("Dockerfile")).unwrap();
    dockerfile.push_str("ENV MINE=1\n");
    fs::write(sandbox.result("Dockerfile"), &dockerfile).unwrap();
    for _ in 0..2 {
        sandbox.check(&[], 0, "Dockerfile edited by hand");
        assert_eq!(fs::read_to_string(sandbox.result("Dockerfile")).unwrap(), dockerfile);
    }

    // A verdict against leaves the earlier success as it is.
    let before = contents(&sandbox.result(""));
    sandbox.check(&["--command", "python nothing.py", "--max-attempts", "1", "--force"], 1, "holds an earlier success");
    assert!(contents(&sandbox.result("")) == before, "an earlier success was changed");
    sandbox.check(&["--force"], 0, "reproduced");
    assert!(!fs::read_to_string(sandbox.result("Dockerfile")).unwrap().contains("MINE"));
}

#[test]
fn what_no_note_knows_is_asked_of_a_program_and_learned() {
    let Some(sandbox) = Sandbox::new() else { return };
    let needs = MAIN.replace("import collections", "import os; print(os.environ['WORD_LIST'])\nimport collections");
    fs::write(sandbox.path("thing/main.py"), needs).unwrap();
    sandbox.commit();
    let asker = |name: &str, script: &str| {
        let path = sandbox.path(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    };
    let liar = asker("liar", "echo '{\"edits\": [{\"kind\": \"apt\", \"value\": [\"x; reboot\"]}]}'");
    check(&sandbox.repro(&["--ask", &liar]).output().unwrap(), 1, "the answer is not used");
    check(&sandbox.repro(&["--ask", "no-such-program"]).output().unwrap(), 2, "hint: ");
    check(&sandbox.repro(&["--interactive"]).output().unwrap(), 2, "there is none");
    let knows = "grep -q KeyError && echo '{\"edits\": [{\"kind\": \"env\", \"value\": \"WORD_LIST=the\"}], \"why\": \"it \
                 wants a list\"}'";
    let oracle = asker("oracle", knows);
    let output = sandbox.repro(&["--ask", &oracle, "--format", "json"]).output().unwrap();
    check(&output, 0, "Drafted");
    let receipt: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(receipt["attempts"][0]["edits"][0], "env WORD_LIST=the", "{receipt}");
    assert_eq!(
        (&receipt["attempts"][0]["diagnosis"], &receipt["attempts"][1]["ok"]),
        (&"ask/advice".into(), &true.into())
    );
    let drafts: Vec<PathBuf> =
        fs::read_dir(sandbox.path("project/target/repro/drafts")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let draft = fs::read_to_string(&drafts[0]).unwrap();
    assert!(draft.contains("KeyError: 'WORD_LIST'") && draft.contains("env = \"WORD_LIST=the\""), "{draft}");
}

#[test]
fn what_a_person_changes_in_the_dockerfile_is_learned() {
    let Some(sandbox) = Sandbox::new() else { return };
    let needs = MAIN.replace("import collections", "import os; print(os.environ['WORD_LIST'])\nimport collections");
    fs::write(sandbox.path("thing/main.py"), needs).unwrap();
    sandbox.commit();
    let output = sandbox.check(&["--max-attempts", "1"], 1, "not reproduced");
    // How far it came, and what a person could try.
    assert!(
        said(&output).contains("reached run") && said(&output).contains("try     mend `Dockerfile`"),
        "{}",
        said(&output)
    );
    let readme = fs::read_to_string(sandbox.result("README.md")).unwrap();
    assert!(readme.contains("The furthest stage was `run`. What a person could try:"), "{readme}");
    let dockerfile = sandbox.result("Dockerfile");
    let text = fs::read_to_string(&dockerfile).unwrap().replacen("\nCMD", "\nENV WORD_LIST=the\nCMD", 1);
    fs::write(&dockerfile, text).unwrap();
    sandbox.check(&["--max-attempts", "1"], 0, "Drafted");
    let drafts: Vec<PathBuf> =
        fs::read_dir(sandbox.path("project/target/repro/drafts")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let draft = fs::read_to_string(&drafts[0]).unwrap();
    assert!(draft.contains("KeyError: 'WORD_LIST'") && draft.contains("env = \"WORD_LIST=the\""), "{draft}");
}

#[test]
fn odd_files_take_part_in_a_whole_cycle() {
    let Some(sandbox) = Sandbox::new() else { return };
    let thing = sandbox.path("thing");
    fs::write(thing.join("requirements.txt"), b"\xff\xd8\xff\xe0\0\x10JFIF\0").unwrap();
    fs::write(thing.join("README.md"), b"# W\xf6rter\n\n```sh\npython main.py\n```\n").unwrap();
    fs::create_dir(thing.join("a b")).unwrap();
    fs::write(thing.join("a b/it's \"odd\"\nnamed $(x).py"), "x = 1\n").unwrap();
    fs::write(thing.join(std::ffi::OsStr::from_bytes(b"caf\xe9.py")), "x = 1\n").unwrap();
    fs::write(thing.join("-rf"), "").unwrap();
    symlink("/etc/passwd", thing.join("leaves")).unwrap();
    symlink("../../..", thing.join("a b/up")).unwrap();
    symlink("loop", thing.join("loop")).unwrap();
    sandbox.commit();
    let output = sandbox.check(&[], 0, "reproduced");
    assert!(said(&output).contains("8 words in all"));
}

#[test]
fn a_second_run_on_one_repository_is_told_of_the_first() {
    let Some(sandbox) = Sandbox::new() else { return };
    let mut first = sandbox.repro(&["--command", "python slow.py", "--timeout", "30", "--max-attempts", "1"]);
    let mut first = Running::start(&mut first);
    first.wait_for(&Moment::Word("Building"), || false);
    let process = first.child.id();
    let second = sandbox.repro(&[]).output().unwrap();
    check(&second, 3, &format!("another run works on this at the moment (process {process}"));
    // The second one has taken nothing away from the first.
    first.wait_for(&Moment::Word("Running"), || false);
    assert!(Command::new("kill").args(["-INT", &process.to_string()]).status().unwrap().success());
    assert_eq!(first.end().status.code(), Some(130));
    sandbox.check_no_container(process);
}

#[test]
fn an_interrupted_run_is_ended_with_its_container_and_writes_nothing() {
    let Some(sandbox) = Sandbox::new() else { return };
    check_interrupted(
        &sandbox,
        sandbox.repro(&["--command", "python slow.py"]),
        "-INT",
        Moment::Container("local-thing"),
    );
}

#[track_caller]
fn check_interrupted(sandbox: &Sandbox, command: Command, signal: &str, moment: Moment<'_>) {
    let before = contents(&sandbox.path("results"));
    let sent = Instant::now();
    let (output, process) = sandbox.interrupt(command, signal, moment);
    check(&output, 130, "interrupted");
    assert!(output.stdout.is_empty(), "{}", said(&output));
    assert_eq!(said(&output).matches("error: ").count(), 1, "{}", said(&output));
    assert!(contents(&sandbox.path("results")) == before, "an interrupted run has written");
    sandbox.check_no_container(process);
    sandbox.check_clean();
    assert!(sent.elapsed() < PATIENCE);
}

/// A program that passes on everything to the engine, with one change.
fn wrapper(sandbox: &Sandbox, script: &str) -> String {
    let path = sandbox.path("docker");
    let real = Command::new("sh").args(["-c", &format!("command -v {}", sandbox.engine)]).output().unwrap().stdout;
    let real = String::from_utf8(real).unwrap();
    fs::write(&path, format!("#!/bin/sh\nreal='{}'\n{script}", real.trim())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn without_a_network_it_says_so_and_does_not_judge() {
    let Some(mut sandbox) = Sandbox::new() else { return };
    let script = "case \"$*\" in\n  *'--network none'*) ;;\n  create*|build*) verb=$1; shift; \
                  exec \"$real\" \"$verb\" --network none \"$@\" ;;\nesac\nexec \"$real\" \"$@\"\n";
    sandbox.engine = wrapper(&sandbox, script);
    sandbox.variables.push(("DOCKER_BUILDKIT".to_owned(), "0".to_owned()));
    sandbox.check(&[], 3, "package index");
    assert!(!sandbox.result("receipt.json").exists());
}

#[test]
fn an_engine_that_goes_away_in_the_middle_is_no_verdict() {
    let Some(mut sandbox) = Sandbox::new() else { return };
    if sandbox.engine != "docker" {
        return eprintln!("skipped: podman has no daemon to lose");
    }
    sandbox.check(&[], 0, "reproduced");
    let earlier = contents(&sandbox.result(""));
    // Answers until it is to build.
    let script = "case $1 in\n  build|buildx) [ \"$2\" = version ] || exec \"$real\" -H unix:///nowhere/docker.sock \"$@\" ;;\n\
                  esac\nexec \"$real\" \"$@\"\n";
    sandbox.engine = wrapper(&sandbox, script);
    sandbox.variables.push(("DOCKER_BUILDKIT".to_owned(), "0".to_owned()));
    sandbox.check(&[], 3, "the engine was lost during the build");
    assert!(contents(&sandbox.result("")) == earlier, "an earlier success was changed");
}

#[test]
fn a_base_that_cannot_be_had_is_no_verdict() {
    let Some(sandbox) = Sandbox::new() else { return };
    let mut repro = sandbox.program(&["--source"]);
    repro.arg(sandbox.path("thing")).args(["--base", "repro-test-nothing-here:1"]);
    check(&repro.output().unwrap(), 3, "repro-test-nothing-here:1");
    sandbox.check_clean();
}

#[test]
fn the_legacy_builder_builds_a_whole_cycle() {
    let Some(mut sandbox) = Sandbox::new() else { return };
    if sandbox.engine != "docker" {
        return eprintln!("skipped: only docker has a legacy builder");
    }
    sandbox.variables.push(("DOCKER_BUILDKIT".to_owned(), "0".to_owned()));
    sandbox.check(&["--no-cache"], 0, "reproduced");
    assert!(
        said(&sandbox.check(&["--command", "python nothing.py", "--max-attempts", "1"], 1, "not reproduced"))
            .contains("log")
    );
}

#[test]
fn podman_builds_and_runs_a_whole_cycle() {
    if !has_base("podman", &[]) {
        return eprintln!("skipped: no podman with `{BASE}`");
    }
    let sandbox = Sandbox::on("podman", Vec::new());
    sandbox.check(&[], 0, "reproduced");
    check_interrupted(
        &sandbox,
        sandbox.repro(&["--command", "python slow.py"]),
        "-INT",
        Moment::Container("local-thing"),
    );
}

#[test]
fn an_interruption_at_any_stage_leaves_nothing_behind() {
    if !is_long_run() {
        return;
    }
    let Some(sandbox) = Sandbox::new() else { return };
    // Two servers that never say anything.
    let (git, registry) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let fetch = |sandbox: &Sandbox| {
        let mut fetch = sandbox.program(&[]);
        fetch.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_VALUE_0", "https://github.com/");
        fetch.env("GIT_CONFIG_KEY_0", format!("url.git://{}/.insteadOf", git.local_addr().unwrap()));
        fetch
    };
    let base = |sandbox: &Sandbox| {
        let mut base = sandbox.program(&["--source"]);
        base.arg(sandbox.path("thing"));
        base.args(["--base", &format!("{}/python:3.11-slim-bookworm", registry.local_addr().unwrap())]);
        base
    };
    for signal in ["-INT", "-TERM"] {
        let waiting = fetch(&sandbox);
        let arrived = git.try_clone().unwrap();
        let accepted = std::thread::spawn(move || arrived.accept().unwrap());
        let mut child = Running::start(&mut { waiting });
        let _connection = accepted.join().unwrap();
        let process = child.child.id();
        assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
        child.wait_for(&Moment::Word("interrupted"), || false);
        assert_eq!(child.end().status.code(), Some(130));
        sandbox.check_clean();

        check_interrupted(&sandbox, base(&sandbox), signal, Moment::Word("Fetching"));
        check_interrupted(&sandbox, sandbox.repro(&[]), signal, Moment::Container("measure"));
        let _ = fs::remove_dir_all(sandbox.path("project/target/repro/cache/lock"));
        check_interrupted(&sandbox, sandbox.repro(&[]), signal, Moment::Container("resolve"));
        check_interrupted(&sandbox, sandbox.repro(&["--no-cache"]), signal, Moment::Word("RUN "));
        check_interrupted(
            &sandbox,
            sandbox.repro(&["--command", "python slow.py"]),
            signal,
            Moment::Container("local-thing"),
        );
        let _ = fs::remove_dir_all(sandbox.path("project/target/repro/cache/environments"));
    }
    // And after all that it works.
    sandbox.check(&[], 0, "reproduced");
}

/// A daemon of its own, without a network, with its data in a folder that may be small.
struct Daemon {
    folder: tempfile::TempDir,
    process: Option<Child>,
}

impl Daemon {
    /// `size`: bytes of a file system of its own under its data, in `mount`'s words.
    fn start(size: Option<&str>) -> Option<Self> {
        let user = Command::new("id").arg("-u").output().ok()?;
        let root = user.stdout.trim_ascii() == b"0";
        let programs = ["dockerd", "unshare", "mount"];
        let has =
            |name: &&str| Command::new(name).arg("--version").stdout(Stdio::null()).status().is_ok_and(|s| s.success());
        if !root || !programs.iter().all(has) {
            eprintln!("skipped: a daemon of its own takes root and {}", programs.join(", "));
            return None;
        }
        let folder = tempfile::Builder::new().prefix("daemon.").tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        if let Some(size) = size {
            let options = format!("size={size}");
            let mut mount = Command::new("mount");
            mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&data);
            assert!(mount.status().unwrap().success());
        }
        let mut daemon = Self { folder, process: None };
        daemon.run();
        Some(daemon)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn host(&self) -> String {
        format!("unix://{}", self.path("d.sock"))
    }

    /// A network of its own, so that the machine's is left alone: a second daemon would take the first one's bridge away.
    /// Processes and mounts of its own, so that they end with it.
    fn run(&mut self) {
        let log = fs::File::create(self.path("log")).unwrap();
        let mut dockerd = Command::new("unshare");
        dockerd.args(["--net", "--pid", "--fork", "--mount-proc", "--kill-child"]);
        dockerd.args(["dockerd", "--iptables=false", "-H", &self.host()]);
        for (flag, name) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid")] {
            dockerd.args([flag, &self.path(name)]);
        }
        let space = self.folder.path().file_name().unwrap().to_string_lossy().replace('.', "-");
        dockerd.args(["--containerd-namespace", &space, "--containerd-plugins-namespace", &format!("{space}-plugins")]);
        dockerd.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(dockerd.spawn().unwrap());
        let started = Instant::now();
        while !self.docker(&["version"]).status.success() {
            let log = || fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_mins(1), "{}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn docker(&self, arguments: &[&str]) -> Output {
        Command::new("docker").args(["-H", &self.host()]).args(arguments).output().unwrap()
    }

    /// Copies an image of the usual engine.
    fn load(&self, image: &str) {
        let mut save = Command::new("docker").args(["save", image]).stdout(Stdio::piped()).spawn().unwrap();
        let mut load = Command::new("docker");
        load.args(["-H", &self.host(), "load", "--quiet"]).stdin(save.stdout.take().unwrap());
        let loaded = load.output().unwrap();
        assert!(save.wait().unwrap().success() && loaded.status.success(), "{}", said(&loaded));
    }

    /// As if the kernel had ended it for lack of memory.
    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        let _ = fs::remove_file(self.path("pid"));
        let _ = fs::remove_dir_all(self.path("exec"));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        // Usually nothing is mounted there.
        let _ = Command::new("umount").arg(self.path("data")).stderr(Stdio::null()).status();
    }
}

/// The base with git in it, so that a build needs no network; made with the usual engine.
const BASE_WITH_GIT: &str = "repro-test-git:1";

/// A sandbox whose resolve is done, and a daemon of its own with the base in it.
fn prepared(size: Option<&str>) -> Option<(Sandbox, Daemon)> {
    let mut sandbox = Sandbox::new().filter(|sandbox| sandbox.engine == "docker")?;
    let daemon = Daemon::start(size)?;
    let context = sandbox.path("base");
    fs::create_dir(&context).unwrap();
    let install = "apt-get update && apt-get install -y --no-install-recommends ca-certificates git";
    fs::write(context.join("Dockerfile"), format!("FROM {BASE}\nRUN {install}\n")).unwrap();
    let built = sandbox.engine(&["build", "--quiet", "--tag", BASE_WITH_GIT, context.to_str().unwrap()]);
    assert!(built.contains("sha256:"), "{built}");
    daemon.load(BASE_WITH_GIT);
    BASE_WITH_GIT.clone_into(&mut sandbox.base);
    sandbox.check(&["--stop-after", "lock"], 0, "stopped");
    fs::remove_dir_all(sandbox.path("results")).unwrap();
    sandbox.variables = vec![("DOCKER_HOST".to_owned(), daemon.host())];
    Some((sandbox, daemon))
}

#[test]
fn a_daemon_that_is_killed_in_the_middle_is_no_verdict_and_nothing_is_lost() {
    if !is_long_run() {
        return;
    }
    let Some((sandbox, mut daemon)) = prepared(None) else { return };
    sandbox.check(&[], 0, "reproduced");
    // While it builds: a step that lasts, written by hand.
    let dockerfile = fs::read_to_string(sandbox.result("Dockerfile")).unwrap();
    fs::write(sandbox.result("Dockerfile"), dockerfile.clone() + "RUN echo begun && sleep 600\n").unwrap();
    let before = contents(&sandbox.result(""));
    let mut child = Running::start(&mut sandbox.repro(&[]));
    child.wait_for(&Moment::Word("RUN echo begun"), || false);
    std::thread::sleep(Duration::from_secs(1));
    daemon.kill();
    check(&child.end(), 3, "the engine was lost during the build");
    assert!(contents(&sandbox.result("")) == before, "an earlier success was changed");
    sandbox.check_clean();

    // While it runs.
    daemon.run();
    fs::write(sandbox.result("Dockerfile"), dockerfile).unwrap();
    let before = contents(&sandbox.result(""));
    let slow = ["--command", "python slow.py", "--max-attempts", "1"];
    let mut child = Running::start(&mut sandbox.repro(&slow));
    let process = child.child.id();
    child.wait_for(&Moment::Container("local-thing"), || {
        !sandbox.engine(&["ps", "--quiet", "--filter", "name=repro-local-thing"]).is_empty()
    });
    daemon.kill();
    check(&child.end(), 3, "the engine was lost");
    assert!(contents(&sandbox.result("")) == before, "an earlier success was changed");
    sandbox.check_clean();

    // The next run removes what could not be removed without a daemon.
    daemon.run();
    sandbox.check(&[], 0, "reproduced");
    sandbox.check_no_container(process);
}

#[test]
fn an_interrupted_build_leaves_no_container_with_either_builder() {
    if !is_long_run() {
        return;
    }
    let Some((mut sandbox, _daemon)) = prepared(None) else { return };
    sandbox.check(&[], 0, "reproduced");
    let dockerfile = fs::read_to_string(sandbox.result("Dockerfile")).unwrap();
    fs::write(sandbox.result("Dockerfile"), dockerfile + "RUN echo begun && sleep 600\n").unwrap();
    for buildkit in ["1", "0"] {
        sandbox.variables.push(("DOCKER_BUILDKIT".to_owned(), buildkit.to_owned()));
        check_interrupted(&sandbox, sandbox.repro(&[]), "-INT", Moment::Word("RUN echo begun"));
        // The daemon needs a moment for what its client no longer waits for.
        let started = Instant::now();
        while !sandbox.engine(&["ps", "--all", "--quiet"]).is_empty() {
            assert!(started.elapsed() < Duration::from_secs(20), "{}", sandbox.engine(&["ps", "--all"]));
            std::thread::sleep(Duration::from_millis(200));
        }
        sandbox.variables.pop();
    }
}

#[test]
fn a_full_disk_of_the_engine_is_no_verdict() {
    if !is_long_run() {
        return;
    }
    let Some((sandbox, daemon)) = prepared(Some("1200m")) else { return };
    sandbox.check(&[], 0, "reproduced");
    // Before it builds.
    let filler =
        ["run", "--network", "none", "--name", "filler", BASE_WITH_GIT, "sh", "-c", "cat /dev/zero > /var/tmp/fill"];
    let filled = said(&daemon.docker(&filler));
    assert!(filled.to_lowercase().contains("no space left on device"), "{filled}");
    sandbox.check(&[], 3, "disk is full");
    daemon.docker(&["rm", "--force", "filler"]);
    // While the main command runs.
    let before = contents(&sandbox.result(""));
    sandbox.check(&["--command", "python fill.py"], 3, "disk ran full while the main command ran");
    assert!(contents(&sandbox.result("")) == before, "an earlier success was changed");
    // While it builds.
    let dockerfile = fs::read_to_string(sandbox.result("Dockerfile")).unwrap();
    fs::write(sandbox.result("Dockerfile"), dockerfile + "USER 0\nRUN cat /dev/zero > /var/tmp/fill\n").unwrap();
    let before = contents(&sandbox.result(""));
    sandbox.check(&[], 3, "disk ran full during the build");
    assert!(contents(&sandbox.result("")) == before, "an earlier success was changed");
}

/// A small file system at a folder, as long as this value.
struct Small(PathBuf);

impl Small {
    fn mount(folder: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir_all(&folder).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&folder).stderr(Stdio::null());
        let mounted = mount.status().is_ok_and(|status| status.success());
        if !mounted {
            eprintln!("skipped: a small file system takes root");
        }
        mounted.then_some(Self(folder))
    }

    /// Not a byte more.
    fn fill(&self) {
        let zeros = vec![0; 4096];
        let mut file = fs::File::create(self.0.join("filler")).unwrap();
        while file.write_all(&zeros).is_ok() {}
    }

    fn empty(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_of_this_machine_loses_nothing() {
    if !is_long_run() {
        return;
    }
    let Some(sandbox) = Sandbox::new() else { return };
    let Some(results) = Small::mount(sandbox.path("results"), "1m") else { return };
    let Some(temporary) = Small::mount(sandbox.path("temporary"), "1m") else { return };
    let Some(target) = Small::mount(sandbox.path("project/target"), "4m") else { return };
    sandbox.check(&[], 0, "reproduced");
    let before = contents(&sandbox.result(""));
    for (number, full) in [&results, &temporary, &target].into_iter().enumerate() {
        // Something new to write each time.
        fs::write(sandbox.path("thing/text.txt"), format!("other words {number}\n")).unwrap();
        sandbox.commit();
        full.fill();
        let output = sandbox.repro(&[]).output().unwrap();
        full.empty();
        check(&output, 3, "free some space");
        assert!(contents(&sandbox.result("")) == before, "an earlier success was changed");
        sandbox.check_clean();
    }
    assert!(said(&sandbox.check(&[], 0, "reproduced")).contains("3 words in all"));
}

#[test]
fn a_repository_of_two_gigabytes_takes_part_in_a_whole_cycle() {
    if !is_long_run() {
        return;
    }
    // On a daemon of its own, whose cache goes with it.
    let Some((sandbox, _daemon)) = prepared(None) else { return };
    let data = fs::File::create(sandbox.path("thing/data.bin")).unwrap();
    data.set_len(2 << 30).unwrap();
    sandbox.commit();
    let output = sandbox.check(&["--format", "json"], 0, "8 words in all");
    let receipt: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(receipt["image_bytes"].as_u64().is_some_and(|bytes| bytes > 2 << 30), "{receipt}");
}
