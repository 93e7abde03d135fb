//! `verify-all` on a real engine: killed, interrupted, and taken up again. Without an engine (or without an image to start
//! from) the test says why it is skipped; where `REPRO_ENGINE_REQUIRED` is set it fails instead.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};
use support::{BASE, ask, is_possible};

mod support;

/// Results in a project of their own, so that no other run's rows and locks are met.
struct Results {
    folder: tempfile::TempDir,
    /// Names of this run's repositories begin with this.
    user: String,
}

impl Results {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("project/knowledge")).unwrap();
        fs::create_dir_all(folder.path().join("project/xtask")).unwrap();
        fs::write(folder.path().join("project/xtask/Cargo.toml"), "").unwrap();
        Self { folder, user: format!("verify{}", std::process::id()) }
    }

    fn repositories(&self) -> PathBuf {
        self.folder.path().join("results")
    }

    /// A repository whose Dockerfile has these lines after its base, and whose receipt says this level.
    fn add(&self, name: &str, lines: &str, level: &str, needs_gpu: bool) {
        let repo = format!("{}/{name}", self.user);
        let folder = self.repositories().join(&repo);
        fs::create_dir_all(&folder).unwrap();
        let dockerfile = format!("FROM {BASE}\n{lines}\n");
        let hash: String = Sha256::digest(&dockerfile).iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(folder.join("Dockerfile"), dockerfile).unwrap();
        let receipt = serde_json::json!({
            "schema": 1, "success": true, "level": level, "proof": "output", "repo": repo, "commit": "1",
            "image": null, "image_id": null, "base": { "image": BASE, "digest": null, "stand_in": false },
            "build_command": "", "run_commands": [], "main": "python demo.py", "needs_gpu": needs_gpu,
            "attempts": [], "fixes_applied": [],
            "evidence": { "exit_code": 0, "frameworks": {}, "expected_output": null }, "logs": {},
            "build_seconds": 0, "run_seconds": 0, "image_bytes": 0, "caveats": [], "files": { "Dockerfile": hash },
        });
        fs::write(folder.join("receipt.json"), receipt.to_string()).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.current_dir(self.folder.path().join("project")).args(["verify-all", "--format", "json"]);
        command.arg("--repositories").arg(self.repositories()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn kept(&self) -> PathBuf {
        self.folder.path().join("project/target/repro/verify.json")
    }

    /// Starts a run, and waits until the first repository is proved and the program of the second one is running.
    fn start(&self) -> Child {
        let child = self.command().spawn().unwrap();
        // Not the container of a run that was killed before.
        let process = format!("label=repro.process={}", child.id());
        let running = || {
            ask(&["ps", "--filter", &process, "--format", "{{.Names}}"]).is_some_and(|names| names.contains("second"))
        };
        let proved = || fs::read_to_string(self.kept()).is_ok_and(|text| text.contains("\"proved\""));
        let started = Instant::now();
        while !(proved() && running()) {
            assert!(started.elapsed() < Duration::from_mins(1), "the second repository does not run");
            std::thread::sleep(Duration::from_millis(50));
        }
        child
    }

    fn containers(&self, status: &str) -> String {
        let name = format!("name=repro-{}", self.user);
        let status = format!("status={status}");
        ask(&["ps", "--all", "--filter", &name, "--filter", &status, "--format", "{{.Names}}"]).unwrap()
    }

    fn images(&self) -> usize {
        let tags = ask(&["images", "--format", "{{.Repository}}"]).unwrap();
        tags.lines().filter(|tag| tag.contains(&format!("repro-verify-{}", self.user))).count()
    }
}

impl Drop for Results {
    fn drop(&mut self) {
        for name in self.containers("running").lines() {
            let _ = ask(&["rm", "--force", name]);
        }
        for tag in ask(&["images", "--format", "{{.Repository}}:{{.Tag}}"]).unwrap_or_default().lines() {
            if tag.contains(&format!("repro-verify-{}", self.user)) {
                let _ = ask(&["rmi", tag]);
            }
        }
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_killed_run_is_cleaned_up_after_and_an_interrupted_one_is_taken_up_where_it_was() {
    if !is_possible() {
        return;
    }
    let results = Results::new();
    let says = |text: &str, seconds: u8| {
        format!("CMD [\"python\", \"-c\", \"import time; print('{text}', flush=True); time.sleep({seconds})\"]")
    };
    results.add("a-first", &says("total: 42.5", 0), "ran", false);
    results.add("b-second", &says("total: 43.5", 4), "ran", false);
    results.add("c-build", "RUN echo 'no such release' >&2; exit 1", "ran", false);
    results.add("d-lower", &says("total: 44.5", 0), "inferred", false);
    let silent =
        "RUN echo \"fatal: unable to access 'https://mirror.example/x/': Could not resolve host\" >&2; exit 128";
    results.add("e-silent", silent, "ran", false);
    results.add("f-gpu", &says("total: 45.5", 0), "ran", true);
    assert!(Path::new(&results.repositories()).is_dir());

    let mut killed = results.start();
    signal(&killed, "KILL");
    killed.wait().unwrap();
    assert_eq!((results.images(), results.containers("running").lines().count()), (1, 1), "what a killed run leaves");

    // One beside it is told to wait; the first image is proved before the second run begins.
    let interrupted = results.start();
    assert_eq!(results.images(), 1, "the killed run's image is gone, and this run holds one");
    let beside = results.command().output().unwrap();
    assert_eq!(beside.status.code(), Some(3), "{}", words(&beside));
    assert!(words(&beside).contains("another run works on this"), "{}", words(&beside));
    signal(&interrupted, "INT");
    let interrupted = interrupted.wait_with_output().unwrap();
    assert_eq!(interrupted.status.code(), Some(130), "{}", words(&interrupted));
    assert!(words(&interrupted).contains("left behind by a run that was killed"), "{}", words(&interrupted));
    assert!(interrupted.stdout.is_empty(), "half a table is none");
    assert_eq!((results.images(), results.containers("running").as_str()), (0, ""));

    let complete = results.command().args(["--jobs", "2"]).output().unwrap();
    assert_eq!(complete.status.code(), Some(1), "{}", words(&complete));
    assert!(words(&complete).contains("a-first: proved before the interruption"), "{}", words(&complete));
    let answer: serde_json::Value = serde_json::from_slice(&complete.stdout).unwrap();
    let rows: Vec<(&str, &str)> = answer["repositories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["repo"].as_str().unwrap().rsplit('/').next().unwrap(), row["status"].as_str().unwrap()))
        .collect();
    let gpu = ("f-gpu", if rows.contains(&("f-gpu", "proved")) { "proved" } else { "needs-gpu" });
    let expected = [
        ("a-first", "proved"),
        ("b-second", "proved"),
        ("c-build", "failed"),
        ("d-lower", "failed"),
        ("e-silent", "could-not-tell"),
        gpu,
    ];
    assert_eq!(rows, expected, "{answer:#}");
    let has_gpu = Command::new("nvidia-smi").arg("-L").output().is_ok_and(|output| output.status.success());
    assert!(has_gpu || gpu.1 == "needs-gpu", "{answer:#}");
    assert!(answer["repositories"][2]["detail"].as_str().unwrap().contains("no such release"), "{answer:#}");
    assert_eq!((results.images(), results.kept().exists()), (0, false), "nothing stays of a complete run");
}
