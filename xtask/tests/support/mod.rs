//! What several tests of the whole program share: is an engine here, a repository to reproduce, how an end is checked.
//!
//! Without an engine (or without the base image) a test says why it is skipped; where `REPRO_ENGINE_REQUIRED` is set it
//! fails instead. What takes long, or needs a daemon or a disk of its own, runs where `REPRO_LONG` is set, as `nightly`
//! does.

#![allow(dead_code, reason = "each program of tests uses a part of it")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use predicates::prelude::*;

pub(crate) const BASE: &str = "python:3.11-slim-bookworm";

/// Says why a test does not run; a promised engine that is not there is a failure.
pub(crate) fn skip(reason: &str) {
    assert!(std::env::var_os("REPRO_ENGINE_REQUIRED").is_none(), "an engine was promised: {reason}");
    eprintln!("skipped: {reason}");
}

/// Is there time for what takes long?
pub(crate) fn is_long_run() -> bool {
    let set = std::env::var_os("REPRO_LONG").is_some();
    if !set {
        eprintln!("skipped: takes long (REPRO_LONG is not set)");
    }
    set
}

/// What the engine prints on stdout; `None` where it fails.
pub(crate) fn ask(arguments: &[&str]) -> Option<String> {
    let program = std::env::var("REPRO_ENGINE").unwrap_or_else(|_| "docker".to_owned());
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Is there an engine with something to start from? Says why not.
pub(crate) fn is_possible() -> bool {
    if ask(&["version"]).is_none() {
        skip("no container engine answers");
    } else if ask(&["image", "inspect", BASE]).is_none() {
        skip(&format!("no `{BASE}` is here"));
    } else {
        return true;
    }
    false
}

pub(crate) fn has_base(engine: &str, variables: &[(String, String)]) -> bool {
    let mut inspect = Command::new(engine);
    inspect.args(["image", "inspect", BASE]).envs(variables.iter().cloned());
    inspect.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The engine that the program would choose, if it has the base. Says why not.
pub(crate) fn usual_engine() -> Option<&'static str> {
    let engine = ["docker", "podman"].into_iter().find(|engine| has_base(engine, &[]));
    if engine.is_none() {
        skip(&format!("no engine with `{BASE}`"));
    }
    engine
}

/// A project, a checkout, results and temporary files of their own. The images that are made for it go with it.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
    /// `USER/REPO`, nobody else's.
    pub(crate) name: String,
    pub(crate) engine: String,
    pub(crate) base: String,
    pub(crate) variables: Vec<(String, String)>,
}

impl Sandbox {
    /// With these files in the checkout, which is a folder without git. `variables` go to every program.
    pub(crate) fn with(engine: &str, variables: Vec<(String, String)>, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("cycle.").tempdir().unwrap();
        // A daemon's user may be another one.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["project/knowledge", "project/xtask", "results", "temporary"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let suffix = folder.path().extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let name = format!("local/thing-{suffix}");
        let sandbox = Self { folder, name, engine: engine.to_owned(), base: BASE.to_owned(), variables };
        fs::write(sandbox.path("project/xtask/Cargo.toml"), "").unwrap();
        for (path, text) in files {
            let path = sandbox.path("thing").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        sandbox
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the results of this repository lie.
    pub(crate) fn result(&self, name: &str) -> PathBuf {
        self.path("results").join(&self.name).join(name)
    }

    /// `repro USER/REPO --source …` on the checkout.
    pub(crate) fn repro(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(&["--source"]);
        command.arg(self.path("thing")).args(["--base", &self.base]).args(arguments);
        command
    }

    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.current_dir(self.path("project")).args([
            "repro",
            &self.name,
            "--engine",
            &self.engine,
            "--repositories",
        ]);
        command.arg(self.path("results")).args(arguments);
        command.env("TMPDIR", self.path("temporary")).envs(self.variables.iter().cloned());
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn engine(&self, arguments: &[&str]) -> String {
        let mut engine = Command::new(&self.engine);
        let output = engine.args(arguments).envs(self.variables.iter().cloned()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let label = format!("label=repro.repository={}", self.name);
        let images = self.engine(&["images", "--quiet", "--filter", &label]);
        let mut images: Vec<&str> = images.lines().collect();
        images.dedup();
        if !images.is_empty() {
            self.engine(&[&["rmi", "--force"], images.as_slice()].concat());
        }
    }
}

pub(crate) fn said(output: &Output) -> String {
    [&output.stderr, &output.stdout].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// The right exit code and these words; where it is 2 or 3, one message with a next step, unless JSON was asked for.
#[track_caller]
pub(crate) fn check(output: &Output, code: i32, words: &str) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(predicate::str::contains(words).eval(&said), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    if matches!(code, 2 | 3) && !output.stdout.starts_with(b"{") {
        assert_eq!(said.matches("hint: ").count(), 1, "{said}");
        assert_eq!(said.matches("error: ").count() + said.matches("could not tell: ").count(), 1, "{said}");
    }
}
