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
    for command in [
        "repro",
        "plan",
        "build",
        "broken",
        "tables",
        "verify-all",
        "diagnose",
        "doctor",
        "bases",
        "demo",
        "ci",
        "bench",
        "nightly",
        "completions",
    ] {
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
fn what_is_said_about_the_program_narrows_a_diagnosis() {
    let folder = tempfile::tempdir().unwrap();
    let requirements = folder.path().join("requirements.txt");
    let log = "AttributeError: module 'numpy' has no attribute 'float'.\n";
    let causes = |arguments: &[&str], pin: &str| {
        std::fs::write(&requirements, pin).unwrap();
        let mut diagnose = xtask();
        diagnose.args(["diagnose", "-", "--format", "json", "--requirements"]).arg(&requirements).args(arguments);
        let output = diagnose.write_stdin(log).assert().success().get_output().stdout.clone();
        let answer: serde_json::Value = serde_json::from_slice(&output).unwrap();
        let found =
            answer["diagnoses"].as_array().unwrap().iter().map(|one| one["pitfall"].as_str().unwrap().to_owned());
        found.collect::<Vec<_>>()
    };
    assert_eq!(causes(&[], "numpy==1.26.4\n").first().map(String::as_str), Some("numpy/builtin-alias-gone"));
    assert_eq!(causes(&["--phase", "run"], "numpy\n").first().map(String::as_str), Some("numpy/builtin-alias-gone"));
    // That numpy has the name still.
    assert_eq!(causes(&[], "numpy==1.19.5\n"), [""; 0]);
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
fn a_matrix_is_printed_without_an_engine_and_added_to_the_outputs_of_a_step() {
    let results = folder(&[]);
    let mut verify = xtask();
    verify.args(["verify-all", "--matrix", "--repositories"]).arg(results.path());
    verify.assert().success().stdout(predicate::str::contains("\"include\":[]"));
    let results =
        folder(&[("a/b/receipt.json", "no receipt"), ("c/d/README.md", "no result"), ("outputs", "first=1\n")]);
    let outputs = results.path().join("outputs");
    let mut verify = xtask();
    verify.args(["verify-all", "--matrix", "--gpu-runner", "", "--github-output"]).arg(&outputs);
    verify.arg("--repositories").arg(results.path()).assert().success();
    let line = r#"matrix={"include":[{"repository":"a/b","only":"a/b","runs-on":"ubuntu-latest"}]}"#;
    assert_eq!(std::fs::read_to_string(outputs).expect("outputs"), format!("first=1\n{line}\n"));
}

/// `verify-all` on these results, in a project of its own, so that no other run is disturbed.
fn verify_all(results: &TempDir) -> Command {
    std::fs::create_dir_all(results.path().join(".project/knowledge")).expect("a folder");
    std::fs::create_dir_all(results.path().join(".project/xtask")).expect("a folder");
    std::fs::write(results.path().join(".project/xtask/Cargo.toml"), "").expect("a file");
    let mut verify = xtask();
    verify.current_dir(results.path().join(".project")).args(["verify-all", "--repositories"]).arg(results.path());
    verify
}

/// A receipt with these fields beside the necessary ones.
fn receipt(repo: &str, more: &str) -> String {
    format!(
        r#"{{"schema":1,"success":true,"level":"ran","proof":"output","repo":"{repo}","commit":"1","image":"x:1","image_id":null,
        "base":{{"image":"python:3.11-slim-bookworm","digest":null,"stand_in":false}},"build_command":"","run_commands":[],
        "attempts":[],"fixes_applied":[],"evidence":{{"exit_code":0,"frameworks":{{}},"expected_output":null}},"logs":{{}},
        "build_seconds":0,"run_seconds":0,"image_bytes":0,"caveats":[]{more}}}"#
    )
}

#[test]
fn what_a_receipt_does_not_vouch_for_fails_and_what_takes_an_engine_could_not_be_told() {
    let changed = format!(r#","files":{{"Dockerfile":"{}"}}"#, "0".repeat(64));
    let results = folder(&[
        ("a/broken/receipt.json", "{"),
        ("b/changed/receipt.json", &receipt("b/changed", &changed)),
        ("b/changed/Dockerfile", "FROM x\n"),
        ("c/good/receipt.json", &receipt("c/good", "")),
        ("c/good/Dockerfile", "FROM x\n"),
        ("d/gpu/receipt.json", &receipt("d/gpu", r#","needs_gpu":true"#)),
    ]);
    let [junit, summary] = ["junit.xml", "summary.md"].map(|name| results.path().join(name));
    let mut verify = verify_all(&results);
    verify.args(["--format", "json", "--junit"]).arg(&junit).arg("--summary").arg(&summary);
    let assert = verify.assert().code(1).stderr(predicate::str::contains("hint: "));
    let answer: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).expect("JSON");
    let rows = answer["repositories"].as_array().expect("rows");
    let statuses: Vec<_> = rows.iter().map(|row| (row["repo"].as_str(), row["status"].as_str())).collect();
    let expected =
        [("a/broken", "failed"), ("b/changed", "failed"), ("c/good", "could-not-tell"), ("d/gpu", "could-not-tell")];
    assert_eq!(statuses, expected.map(|(repo, status)| (Some(repo), Some(status))));
    assert!(rows[1]["detail"].as_str().is_some_and(|detail| detail.contains("Dockerfile was changed")), "{answer}");
    let junit = std::fs::read_to_string(junit).expect("a report");
    assert!(junit.contains(r#"tests="4" skipped="2" errors="0" failures="2""#), "{junit}");
    let summary = std::fs::read_to_string(summary).expect("a summary");
    assert!(
        summary.contains("| a/broken | FAILED |") && summary.contains("0 passed, 2 failed, 2 skipped"),
        "{summary}"
    );
    let mut verify = verify_all(&results);
    verify
        .args(["--only", "c/good,d/gpu"])
        .assert()
        .code(3)
        .stdout(predicate::str::contains("0 passed, 0 failed, 2 skipped"));
}

#[test]
fn bad_parts_and_bad_names_are_usage_and_an_empty_part_is_fine() {
    let results = folder(&[("a/b/receipt.json", &receipt("a/b", ""))]);
    for shard in ["0/2", "3/2", "1", "a/b", "", "1/0"] {
        verify_all(&results).args(["--shard", shard]).assert().code(2).stderr(predicate::str::contains("hint: "));
    }
    for wrong in [["--only", "a/c"], ["--jobs", "3"], ["--jobs", "0"]] {
        verify_all(&results).args(wrong).assert().code(2);
    }
    let mut nowhere = xtask();
    nowhere.args(["verify-all", "--repositories", "/nowhere"]);
    nowhere.assert().code(2).stderr(predicate::str::contains("is not a folder"));
    verify_all(&results)
        .args(["--shard", "2/2"])
        .assert()
        .success()
        .stdout(predicate::str::contains("0 passed, 0 failed"));
    verify_all(&folder(&[])).assert().success().stderr(predicate::str::contains("nothing to verify"));
}

#[test]
fn workflows_run_nothing_but_this_program_in_words_that_it_understands() {
    let workflows = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.github/workflows");
    let mut seen = 0;
    for entry in std::fs::read_dir(workflows).expect("workflows") {
        let path = entry.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("text");
        for line in text.lines() {
            let Some((_, run)) =
                line.split_once("run: ").filter(|(before, _)| before.trim_matches([' ', '-']).is_empty())
            else {
                continue;
            };
            let words = run.strip_prefix("cargo xtask ").unwrap_or_else(|| panic!("{}: {run}", path.display()));
            assert!(!words.contains(['|', ';', '&', '>', '`', '(', '{', '\'']), "{}: {run}", path.display());
            // What GitHub fills in is one word each.
            assert_eq!(words.matches('$').count(), words.matches("\"$").count(), "{}: {run}", path.display());
            let words = words.replace('"', "");
            xtask().args(words.split(' ')).arg("--help").assert().success();
            seen += 1;
        }
        assert!(!text.contains("run: |") && !text.contains("run: >"), "{}", path.display());
    }
    assert!(seen >= 4, "{seen}");
}

#[test]
fn without_an_engine_nothing_is_timed_and_no_nightly_result_is_written() {
    let sdist = receipt("a/b", r#","source":"pypi b==1""#);
    let project = folder(&[
        ("knowledge/README.md", ""),
        ("xtask/Cargo.toml", ""),
        ("repositories/a/b/receipt.json", &sdist),
        ("repositories/a/git/receipt.json", &receipt("a/git", r#","source":"git https://mirror.example/a/git""#)),
    ]);
    let run = |words: &[&str], code: i32, said: &str| {
        let mut command = xtask();
        command
            .current_dir(project.path())
            .args(words)
            .assert()
            .code(code)
            .stdout("")
            .stderr(predicate::str::contains(said));
    };
    run(&["bench", "a/b"], 3, "hint: ");
    run(&["bench", "a/git"], 2, "was not made from a source distribution");
    run(&["bench", "a/c"], 2, "hint: the repository has to be stored");
    run(&["nightly"], 3, "hint: ");
    run(&["nightly", "--shard", "3/2"], 2, "is not I/N");
    assert!(!project.path().join(".github").exists(), "no result without a run");
}

#[test]
fn build_says_what_is_wrong_with_what_it_is_given() {
    let files =
        folder(&[("a/README", ""), ("b/Dockerfile", "RUN x\n"), ("c/Dockerfile", "FROM python:3.11-slim-bookworm\n")]);
    std::fs::create_dir(files.path().join("d")).expect("a folder");
    std::fs::write(files.path().join("d/Dockerfile"), [0xff, 0xfe, 0x00]).expect("a file");
    for (folder, code, said) in [
        ("a", 2, "has no Dockerfile"),
        ("b", 2, "has no FROM"),
        ("d", 2, "no text in UTF-8"),
        ("e", 2, "hint: "),
        ("c", 3, "hint: "),
    ] {
        let mut command = xtask();
        command
            .current_dir(files.path())
            .args(["build", folder])
            .assert()
            .code(code)
            .stderr(predicate::str::contains(said));
    }
}

/// A project with one note of its own.
fn project(note: &str) -> TempDir {
    let index =
        "# Knowledge\n\n<!-- index: written by `cargo xtask notes index --write` -->\n<!-- end of the index -->\n";
    folder(&[("xtask/Cargo.toml", ""), ("knowledge/README.md", index), ("knowledge/libraries/thing.md", note)])
}

const NOTE: &str = "# thing\n\n```toml library\npackages = [\"thing\"]\nimports = [\"thing\"]\nchecked = 2026-11-21\n```\n\nA \
                    thing.\n\n## `lib-missing`: it needs libthing\n\nIt loads libthing.\nSeen in [a \
                    thread](https://mirror.example/1).\n\n```text log source=https://mirror.example/1\nlibthing.so.1: \
                    cannot open\n```\n\nThe fix:\n\n```toml pitfall\nkind = \"curative\"\nphase = [\"run\"]\nlog = \
                    [\"libthing\\\\.so\\\\.1: cannot open\"]\nunproved = \"no index has it\"\n\n[[fix]]\napt = \"libthing1\"\n```\n";

#[test]
fn a_stale_index_is_a_finding_that_fix_mends() {
    let project = project(NOTE);
    let run = |arguments: &[&str]| xtask().args(arguments).current_dir(project.path()).assert();
    run(&["lint-notes"]).code(1).stdout(predicate::str::contains("index-stale"));
    run(&["notes", "index", "--check"]).code(1);
    run(&["lint-notes", "--fix"]).success();
    run(&["notes", "index", "--check"]).success();
    let sarif = run(&["lint-notes", "--format", "sarif"]).success();
    let sarif: serde_json::Value = serde_json::from_slice(&sarif.get_output().stdout).expect("JSON");
    assert_eq!(
        (sarif["version"].as_str(), sarif["runs"][0]["results"].as_array().map(Vec::len)),
        (Some("2.1.0"), Some(0))
    );
}

#[test]
fn an_id_that_was_given_is_not_taken_away() {
    let project = project(NOTE);
    let run = |arguments: &[&str]| xtask().args(arguments).current_dir(project.path()).assert();
    run(&["lint-notes", "--fix"]).success();
    let note = project.path().join("knowledge/libraries/thing.md");
    std::fs::write(&note, NOTE.replace("`lib-missing`", "`lib-gone`")).expect("the note");
    run(&["lint-notes", "--fix"]).code(1).stdout(predicate::str::contains("id-gone"));
    run(&["notes", "index", "--write"]).failure().stderr(predicate::str::contains("thing/lib-missing"));
}

#[test]
fn the_base_answers_by_package_version_image_and_log() {
    let log = folder(&[("run.log", "ImportError: libGL.so.1: cannot open shared object file\n")]);
    let ask = |arguments: &[&str]| -> Vec<String> {
        let output =
            xtask().args(["notes", "query", "--format", "json"]).args(arguments).current_dir(log.path()).assert();
        let answer: serde_json::Value = serde_json::from_slice(&output.success().get_output().stdout).expect("JSON");
        let pitfalls = answer["pitfalls"].as_array().expect("a list");
        pitfalls.iter().map(|found| format!("{} {}", found["pitfall"], found["fix"]).replace('"', "")).collect()
    };
    let held = |found: &[String], what: &str| found.iter().any(|one| one.contains(what));
    let newer = ask(&["--package", "numpy==2.1"]);
    assert!(held(&newer, "numpy/built-for-1") && held(&newer, "numpy/builtin-alias-gone"), "{newer:?}");
    assert!(!held(&ask(&["--package", "numpy<1.20"]), "numpy/builtin-alias-gone"));
    let shown = ask(&["--log", "run.log", "--image", "python:3.12-slim-trixie"]);
    assert!(shown.first().is_some_and(|first| first.contains("opencv-python/libgl-missing")), "{shown:?}");
    assert!(held(&shown, "libglib2.0-0t64"), "{shown:?}");
    assert!(held(&ask(&["--import", "cv2", "opengl"]), "opencv-python/libgl-missing"));
    assert!(held(&ask(&["--image", "python:3.13-slim-bookworm"]), "tensorflow/version-1-needs-old-python"));
    xtask().args(["notes", "query", "--package", "num py"]).assert().code(2).stderr(predicate::str::contains("hint: "));
}

#[test]
fn a_log_begins_a_note_and_an_id_is_never_used_twice() {
    let project = project(NOTE);
    let log = project.path().join("build.log");
    std::fs::write(&log, "Step 1\nOSError: libother.so.2: cannot open shared object file\n").expect("a log");
    let new = |name: &str, id: &str| {
        let mut command = xtask();
        command.current_dir(project.path()).args(["notes", "new", name, "--id", id, "--log"]).arg(&log).assert()
    };
    new("Other_Lib", "libother-missing").success();
    let text = std::fs::read_to_string(project.path().join("knowledge/libraries/other-lib.md")).expect("the note");
    assert!(text.contains(r"OSError: libother\.so\.2: cannot open shared object file"), "{text}");
    new("thing", "lib-missing").code(2).stderr(predicate::str::contains("never used twice"));
    new("thing", "Not A Name").code(2).stderr(predicate::str::contains("hint: "));
    let kept = std::fs::read_to_string(project.path().join("knowledge/libraries/thing.md")).expect("the note");
    assert_eq!(kept, NOTE);
}

#[test]
fn proofs_without_an_engine_are_not_recorded() {
    let project = project(NOTE);
    xtask().args(["lint-notes", "--fix"]).current_dir(project.path()).assert().success();
    let mut command = xtask();
    command.args(["lint-notes", "--verify", "--engine", "docker"]).current_dir(project.path());
    command.assert().code(3).stderr(predicate::str::contains("hint: "));
    xtask().args(["lint-notes", "--verify", "nothing"]).current_dir(project.path()).assert().code(2);
}

#[test]
fn the_exported_base_is_what_its_schema_says() {
    let run = |arguments: &[&str]| -> serde_json::Value {
        let output = xtask().args(arguments).assert().success();
        serde_json::from_slice(&output.get_output().stdout).expect("JSON")
    };
    let (schema, base) = (run(&["notes", "export", "--schema"]), run(&["notes", "export"]));
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> =
        validator.iter_errors(&base).take(5).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new());
    assert!(base["notes"].as_array().is_some_and(|notes| notes.len() > 100));
}
