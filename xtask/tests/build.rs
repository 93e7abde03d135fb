//! `build` on a real engine, for a folder outside of this project. Without an engine (or without an image to start from)
//! the test says why it is skipped; where `REPRO_ENGINE_REQUIRED` is set it fails instead.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use support::{BASE, ask, is_possible};

mod support;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("Outside ").tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn build(folder: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let output: Output = Command::new(assert_cmd::cargo::cargo_bin!("xtask"))
        .args(["build", "--format", "json"])
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    });
    (output.status.code(), value)
}

fn words(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn a_dockerfile_that_somebody_has_is_mended_and_changed_only_when_asked_to() {
    if !is_possible() {
        return;
    }
    let dockerfile = format!(
        "FROM {BASE} AS app\nWORKDIR /srv\nCOPY req/base.txt ./requirements/base.txt\nRUN pip install --no-cache-dir -r \
         requirements/base.txt\nUSER nobody\nCMD [\"python\", \"-c\", \"import magic\"]\n"
    );
    let outside = folder(&[("Dockerfile", &dockerfile), ("req/base.txt", "python-magic==0.4.27\n")]);
    let tag = format!("repro-test-build:{}", std::process::id());
    let (code, told) = build(outside.path(), &["--tag", &tag, "--no-fix"]);
    assert_eq!((code, &told["success"]), (Some(1), &Value::Bool(false)), "{told}");
    assert_eq!(told["attempts"][0]["diagnosis"], "python-magic/libmagic-missing", "{told}");

    let (code, mended) = build(outside.path(), &["--tag", &tag]);
    assert_eq!((code, words(&mended["level"])), (Some(0), "built"), "{mended}");
    // A note foresees it, so no attempt is lost.
    assert_eq!(mended["attempts"].as_array().map(Vec::len), Some(1), "{mended}");
    assert_eq!(
        (words(&mended["fixes_applied"][0]["action"]), words(&mended["image"])),
        ("apt", tag.as_str()),
        "{mended}"
    );
    assert!(words(&mended["patch"]).contains("+++ b/Dockerfile"), "{mended}");
    assert_eq!(fs::read_to_string(outside.path().join("Dockerfile")).unwrap(), dockerfile, "not asked to");

    let (code, written) = build(outside.path(), &["--tag", &tag, "--write"]);
    assert_eq!(code, Some(0), "{written}");
    let text = fs::read_to_string(outside.path().join("Dockerfile")).unwrap();
    assert!(
        text.contains("libmagic1") && text.ends_with("USER nobody\nCMD [\"python\", \"-c\", \"import magic\"]\n"),
        "{text}"
    );
    assert!(ask(&["run", "--rm", &tag]).is_some(), "the image does what its CMD says");
    let (code, again) = build(outside.path(), &["--tag", &tag]);
    assert_eq!(
        (code, again["attempts"].as_array().map(Vec::len), words(&again["patch"])),
        (Some(0), Some(1), ""),
        "{again}"
    );
    ask(&["image", "rm", &tag]);
}

#[test]
fn a_failing_step_is_mended_where_it_stands_and_what_nobody_knows_is_told() {
    if !is_possible() {
        return;
    }
    // A requirement that a distribution's own setup needs, and a file that is not there.
    let dockerfile = format!("FROM {BASE}\nRUN dot -V\n");
    let outside = folder(&[("docker/cpu.Dockerfile", &dockerfile)]);
    let file = outside.path().join("docker/cpu.Dockerfile");
    let (code, mended) = build(outside.path(), &["--dockerfile", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{mended}");
    assert!(words(&mended["patch"]).contains("--- a/docker/cpu.Dockerfile"), "{mended}");
    assert!(words(&mended["image"]).starts_with("outside-"), "{mended}");
    assert!(mended["caveats"].to_string().contains("nothing is declared"), "{mended}");
    ask(&["image", "rm", words(&mended["image"])]);

    let outside = folder(&[("Dockerfile", &format!("FROM {BASE}\nRUN false\n"))]);
    let (code, told) = build(outside.path(), &["--tag", "repro-test-build:never"]);
    assert_eq!((code, told["attempts"].as_array().map(Vec::len)), (Some(1), Some(1)), "{told}");
    assert!(Path::new(words(&told["logs"]["build"])).is_file(), "{told}");
}
