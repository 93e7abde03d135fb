//! The program as its users meet it: what it prints where, and its exit codes. No engine takes part.

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::*;
use tempfile::TempDir;

/// The program with no engine to talk to.
fn xtask() -> Command {
    let mut command = Command::cargo_bin("xtask").expect("the program is built");
    command
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .env("CONTAINER_HOST", "unix:///nonexistent/podman.sock");
    command
}

/// A folder with these files in it.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    folder
}

const README: &str = "# X\n\n## Usage\n\n```sh\npython demo.py\n```\n";
const DEMO: &str = "import numpy\nif __name__ == '__main__':\n    print(numpy.ones(3).sum())\n";

#[test]
fn every_command_has_help_with_an_example() {
    for command in
        ["repro", "plan", "verify-all", "diagnose", "doctor", "bases", "demo", "ci", "nightly", "completions"]
    {
        xtask().args([command, "--help"]).assert().success().stdout(predicate::str::contains("Example"));
    }
}

#[test]
fn a_plan_needs_no_engine_and_is_one_json_object() {
    let checkout = folder(&[("demo.py", DEMO), ("README.md", README)]);
    let output =
        xtask().args(["plan", "user/repo", "--format", "json", "--source"]).arg(checkout.path()).assert().success();
    let plan: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).expect("JSON");
    assert_eq!(plan["schema"], 1);
    assert_eq!(plan["repo"], "user/repo");
    assert_eq!(plan["main"]["command"], "python demo.py");
    assert_eq!(plan["gpu"]["need"], "none");
    assert!(plan["base_image"].as_str().is_some_and(|b| b.starts_with("python:3.")), "{plan}");
}

#[test]
fn repro_toml_is_read_and_a_wrong_key_is_named() {
    let checkout = folder(&[("demo.py", DEMO), ("README.md", README)]);
    let results = folder(&[("user/repo/repro.toml", "python = \"3.9\"\napt = [\"ffmpeg\"]\n")]);
    let mut plan = xtask();
    plan.args(["plan", "user/repo", "--source"]).arg(checkout.path()).arg("--repositories").arg(results.path());
    plan.assert().success().stdout(predicate::str::contains("python:3.9-slim").and(predicate::str::contains("ffmpeg")));
    let results = folder(&[("user/repo/repro.toml", "pyhton = \"3.9\"\n")]);
    let mut plan = xtask();
    plan.args(["plan", "user/repo", "--source"]).arg(checkout.path()).arg("--repositories").arg(results.path());
    plan.assert().code(2).stderr(predicate::str::contains("pyhton"));
}

#[test]
fn without_an_engine_repro_says_so_and_does_not_judge() {
    let checkout = folder(&[("demo.py", DEMO), ("README.md", README)]);
    let results = folder(&[]);
    let mut repro = xtask();
    repro.args(["repro", "user/repo", "--source"]).arg(checkout.path()).arg("--repositories").arg(results.path());
    repro.assert().code(3).stdout("").stderr(predicate::str::contains("hint:"));
    assert_eq!(std::fs::read_dir(results.path()).map(Iterator::count).ok(), Some(0), "nothing is left behind");
}

#[test]
fn bad_input_ends_with_exit_code_2_and_a_hint() {
    let empty = folder(&[]);
    let text_only = folder(&[("notes.txt", "nothing to run here")]);
    for (repo, source) in [
        ("user/repo", empty.path()),
        ("user/repo", text_only.path()),
        ("user/repo", Path::new("/nonexistent/folder")),
        ("../../etc", text_only.path()),
        ("-x/y", text_only.path()),
        ("", text_only.path()),
    ] {
        let mut plan = xtask();
        plan.arg("plan").arg("--source").arg(source).arg("--").arg(repo);
        let assert = plan.assert().code(2);
        let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(said.contains("hint") || said.contains("error"), "{repo}: {said}");
    }
}

#[test]
fn wrong_input_to_repro_is_told_without_an_engine() {
    let empty = folder(&[]);
    let text_only = folder(&[("notes.txt", "nothing to run here")]);
    // A repository without a commit and without a file.
    let no_commit = folder(&[(".git/HEAD", "ref: refs/heads/main\n"), (".git/objects/x", ""), (".git/refs/x", "")]);
    for (source, words) in [
        (empty.path(), "holds no files"),
        (text_only.path(), "holds no Python"),
        (no_commit.path(), "holds no files"),
        (Path::new("/nonexistent/folder"), "is not a folder"),
        (Path::new("/etc/passwd"), "is not a folder"),
    ] {
        let results = folder(&[]);
        let mut repro = xtask();
        repro.args(["repro", "user/repo", "--source"]).arg(source).arg("--repositories").arg(results.path());
        let one_hint = predicate::function(|said: &str| said.matches("hint: ").count() == 1);
        repro.assert().code(2).stdout("").stderr(predicate::str::contains(words).and(one_hint));
        assert_eq!(std::fs::read_dir(results.path()).map(Iterator::count).ok(), Some(0), "nothing is left behind");
    }
}

#[test]
fn hostile_files_are_findings_and_never_failures() {
    let checkout = folder(&[("demo.py", DEMO), ("README.md", README), ("setup.py", "print 'python 2'\nsetup(")]);
    std::fs::write(checkout.path().join("requirements.txt"), b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01").expect("a file");
    std::fs::write(checkout.path().join("it's a \"name\"\nwith a line.py"), "x = 1").expect("a file");
    std::os::unix::fs::symlink("/etc/passwd", checkout.path().join("link.py")).expect("a link");
    let mut plan = xtask();
    plan.args(["plan", "user/repo", "--source"]).arg(checkout.path());
    plan.assert().success().stdout(predicate::str::contains("python demo.py").and(predicate::str::contains("warning")));
}

#[test]
fn a_log_is_diagnosed_from_standard_input() {
    let mut diagnose = xtask();
    diagnose.args(["diagnose", "-", "--format", "json"]);
    let output = diagnose
        .write_stdin("ImportError: libGL.so.1: cannot open shared object file: No such file or directory\n")
        .assert()
        .success();
    let answer: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).expect("JSON");
    assert_eq!(answer["schema"], 1);
    assert_eq!(answer["diagnoses"][0]["fix"][0]["kind"], "apt");
    let mut diagnose = xtask();
    diagnose.args(["diagnose", "-", "--format", "json"]);
    diagnose
        .write_stdin("Successfully installed numpy-2.0.0\n")
        .assert()
        .success()
        .stdout(predicate::str::contains("\"diagnoses\": []"));
}

#[test]
fn a_matrix_is_printed_without_an_engine() {
    let results = folder(&[]);
    let mut verify = xtask();
    verify.args(["verify-all", "--matrix", "--repositories"]).arg(results.path());
    verify.assert().success().stdout(predicate::str::contains("\"include\":[]"));
}
