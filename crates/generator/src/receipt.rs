//! The receipt: what was built, run and proved, exactly as the JSON contract of `repro` says.

use std::collections::BTreeMap;

use repro_inspect::{Kind, Question};
use serde::{Deserialize, Serialize};

use crate::repair::{Attempt, FixApplied};
use crate::verdict::{Framework, Server};

/// One object per run of `repro` or `build`, and `receipt.json` in each repository's folder. Schema 1: fields may be added,
/// never renamed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Receipt {
    pub schema: u32,
    pub success: bool,
    /// `built`, `ran` or `inferred`; `null` where not even the build ended well.
    pub level: Option<String>,
    /// What the success rests on: `probe`, `expect`, `artefact`, `output`.
    pub proof: Option<String>,
    pub repo: String,
    /// The source in one line: `git`, `dir` or `pypi`, and where from.
    #[serde(default)]
    pub source: String,
    pub commit: String,
    #[serde(default)]
    pub committed: String,
    pub image: Option<String>,
    pub image_id: Option<String>,
    pub base: Base,
    #[serde(default)]
    pub platform: String,
    pub build_command: String,
    pub run_commands: Vec<String>,
    /// The main command as upstream would type it.
    #[serde(default)]
    pub main: Option<String>,
    /// What kind of program that is.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// What it is asked, where it is a server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
    /// Patterns that its output must match.
    #[serde(default)]
    pub expect: Vec<String>,
    /// Can it only run with a GPU?
    #[serde(default)]
    pub needs_gpu: bool,
    /// Options of `docker run` that it needs.
    #[serde(default)]
    pub run_flags: Vec<String>,
    /// Named volumes of the run and where they go.
    #[serde(default)]
    pub volumes: Vec<(String, String)>,
    pub attempts: Vec<Attempt>,
    pub fixes_applied: Vec<FixApplied>,
    pub evidence: EvidenceSeen,
    pub logs: BTreeMap<String, String>,
    pub build_seconds: f64,
    pub run_seconds: f64,
    pub image_bytes: u64,
    pub caveats: Vec<String>,
    /// Why it ended as it did, where that is not success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The furthest stage that an attempt reached: `lock`, `build` or `run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub furthest: Option<String>,
    /// What a person could try, where it did not end well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<String>,
    /// Day on which this was proved, `YYYY-MM-DD`.
    #[serde(default)]
    pub proved: Option<String>,
    /// SHA-256 of the files that this receipt is about, by name.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

/// The base image as it was used.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Base {
    pub image: String,
    pub digest: Option<String>,
    pub stand_in: bool,
    /// Full version of its Python.
    #[serde(default)]
    pub python: Option<String>,
}

/// What was seen while the command ran.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct EvidenceSeen {
    pub exit_code: Option<i64>,
    pub frameworks: BTreeMap<String, Framework>,
    /// The text that matched an `expect` pattern.
    pub expected_output: Option<String>,
    /// Files that the command wrote, with their size in bytes.
    #[serde(default)]
    pub files: BTreeMap<String, u64>,
    /// What is in those of them that can be looked at: `png image 640x480`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub artefacts: BTreeMap<String, String>,
    /// How it answered, where it is a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Server>,
    /// The last line of real output.
    #[serde(default)]
    pub last_line: Option<String>,
}

impl EvidenceSeen {
    /// The files with what is in them, those that can be looked at first: `out/mask.png, png image 640x480 (1200 bytes)`.
    pub fn written(&self) -> impl Iterator<Item = String> + '_ {
        let (looked, others): (Vec<_>, Vec<_>) =
            self.files.iter().partition(|(path, _)| self.artefacts.contains_key(path.as_str()));
        looked.into_iter().chain(others).map(|(path, bytes)| {
            let look = self.artefacts.get(path).map(|look| format!(", {look}")).unwrap_or_default();
            format!("`{path}`{look} ({bytes} bytes)")
        })
    }
}
