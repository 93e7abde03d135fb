//! The plan: everything that a Dockerfile, a lock and a run need to know, as plain data with a reason on every item.

use std::collections::BTreeMap;

use repro_inspect::{Candidate, Command, Evidence, Gpu, Kind, Native, Question, Snippet, Weights};
use serde::{Deserialize, Serialize};

/// Why something is in the plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// One sentence, lower case, no full stop.
    pub text: String,
    /// The line of the repository that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// The pitfall (`library/id`) that asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pitfall: Option<String>,
}

impl Reason {
    pub fn said(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub fn seen(text: impl Into<String>, evidence: &Evidence) -> Self {
        Self { text: text.into(), evidence: Some(evidence.clone()), pitfall: None }
    }

    pub fn known(text: impl Into<String>, pitfall: impl Into<String>) -> Self {
        Self { text: text.into(), evidence: None, pitfall: Some(pitfall.into()) }
    }

    /// The reason as one line of text: the pitfall's id, or the file and line, behind the sentence.
    pub fn line(&self) -> String {
        match (&self.pitfall, &self.evidence) {
            (Some(pitfall), _) => format!("{} [{pitfall}]", self.text),
            (None, Some(e)) if e.line > 0 => format!("{} ({}:{})", self.text, e.path, e.line),
            (None, Some(e)) => format!("{} ({})", self.text, e.path),
            (None, None) => self.text.clone(),
        }
    }
}

/// A value with the reasons for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because<T> {
    pub value: T,
    pub because: Vec<Reason>,
}

impl<T> Because<T> {
    pub fn new(value: T, reason: Reason) -> Self {
        Self { value, because: vec![reason] }
    }
}

/// What kind of source the checkout came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    Git,
    Dir,
    Pypi,
}

/// Where the checkout comes from, exactly enough to fetch it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub kind: SourceKind,
    /// Upstream's URL (git), folder (dir) or distribution name (pypi).
    pub location: String,
    /// Full commit id (git, dir); for an sdist its version.
    pub commit: String,
    /// Day of the commit or upload, `YYYY-MM-DD`.
    pub committed: String,
    /// URL that the Dockerfile fetches from; empty where there is no upstream that a stranger could reach.
    #[serde(default)]
    pub upstream: String,
    /// File name and SHA-256 of the sdist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdist: Option<(String, String)>,
    /// Folders of the submodules that the checkout needs.
    #[serde(default)]
    pub submodules: Vec<String>,
    /// Does it need Git LFS objects?
    #[serde(default)]
    pub lfs: bool,
}

/// The interpreter, with what led to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Python {
    /// Minor version, `3.11`.
    pub version: String,
    /// Upstream's constraint, as one specifier set; empty where nothing is said.
    pub constraint: String,
    pub because: Vec<Reason>,
}

/// A distribution to install.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Normalised name.
    pub name: String,
    /// What pip is given.
    pub spec: String,
    pub because: Vec<Reason>,
}

/// What pip installs, before it is resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pip {
    /// Resolved into the lock.
    pub requirements: Vec<Wanted>,
    /// Limits on versions, whoever asks for the distribution.
    pub constraints: Vec<Wanted>,
    /// Names that must not be installed, whoever asks for them.
    pub removed: Vec<Wanted>,
    /// Installed after the lock, one by one, because the index does not have them: URLs, repositories, local folders.
    pub direct: Vec<Direct>,
    /// Distributions that are built in the environment itself (`--no-build-isolation`): installed after the rest of the lock.
    pub unisolated: Vec<Because<String>>,
    /// Further options of `pip install`.
    pub flags: Vec<Because<String>>,
    /// Extra index URLs upstream names; used only where they answer.
    pub indexes: Vec<Because<String>>,
}

/// A requirement that no index resolves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Direct {
    pub name: String,
    /// URL, or folder relative to the checkout.
    pub target: String,
    pub local: bool,
    pub editable: bool,
    pub because: Vec<Reason>,
}

/// How the repository's own package is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectInstall {
    /// Folder relative to the checkout; empty for its root.
    pub folder: String,
    pub name: Option<String>,
    pub editable: bool,
    pub isolated: bool,
    /// Is it built by the setuptools of the environment, having no `[build-system]` of its own?
    #[serde(default)]
    pub legacy: bool,
    pub native: Vec<Native>,
    /// Dotted names of its CUDA extensions.
    #[serde(default)]
    pub cuda_extensions: Vec<String>,
    pub version_from_vcs: Option<String>,
    pub because: Vec<Reason>,
}

/// The command that is to be proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Main {
    pub command: Command,
    pub kind: Kind,
    pub snippet: Option<Snippet>,
    pub because: Vec<String>,
    pub changes: Vec<String>,
    pub evidence: Vec<Evidence>,
    /// What documents ask it, where it is a server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
    /// Regular expressions of which each must match the output; from `repro.toml`.
    #[serde(default)]
    pub expect: Vec<String>,
}

/// Exact versions to install, as of a date.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// `name==version` lines, sorted by name.
    pub requirements: Vec<String>,
    /// Upper bounds on build requirements as of the same date.
    pub build_constraints: Vec<String>,
    /// Packages of the torch family that come from `torch_index`, where that answers.
    pub torch: Vec<String>,
    /// The index for `torch`; `None` where the default index serves all.
    pub torch_index: Option<String>,
    /// The date that bounded the resolve; `None` for an undated one.
    pub date: Option<String>,
    /// False where the base image was not at hand and a note stood for it.
    pub verified: bool,
}

/// What is to be built and run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// `USER/REPO`: names the folder.
    pub repo: String,
    pub source: Source,
    pub gpu: Gpu,
    pub base_image: String,
    /// Did a person choose the base?
    #[serde(default)]
    pub base_chosen: bool,
    pub platform: String,
    pub python: Python,
    /// Releases after this day are not considered; `None` for today's.
    pub resolve_date: Option<String>,
    pub apt: Vec<Because<String>>,
    pub pip: Pip,
    pub project: Option<ProjectInstall>,
    pub env: BTreeMap<String, Because<String>>,
    pub run_flags: Vec<Because<String>>,
    /// Shell lines of the build, before the project is installed.
    pub commands: Vec<Because<String>>,
    /// Shell lines that change the checkout.
    pub patches: Vec<Because<String>>,
    /// Changes of order that were made, as sentences.
    pub orders: Vec<Because<String>>,
    /// `None` where nothing was found that could be run.
    pub main: Option<Main>,
    pub alternatives: Vec<Candidate>,
    pub weights: Vec<Weights>,
    /// Ids of the pitfalls that were applied before the first build.
    pub notes: Vec<String>,
    pub warnings: Vec<String>,
    pub lock: Option<Lock>,
}

impl Plan {
    /// The repository's name: the second half of `USER/REPO`.
    pub fn name(&self) -> &str {
        self.repo.rsplit('/').next().unwrap_or(&self.repo)
    }

    /// The image's tag: `user-repo:abc1234`.
    pub fn tag(&self) -> String {
        let clean = |text: &str| {
            let mut out = String::new();
            for c in text.to_lowercase().chars() {
                let c = if c.is_ascii_alphanumeric() || c == '.' || c == '_' { c } else { '-' };
                // A name may not hold two separators in a row, nor start with one.
                if c.is_ascii_alphanumeric() || out.chars().last().is_some_and(|l| l.is_ascii_alphanumeric()) {
                    out.push(c);
                }
            }
            out.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
        };
        let version: String = match self.source.kind {
            SourceKind::Pypi => self.source.commit.clone(),
            SourceKind::Git | SourceKind::Dir => self.source.commit.chars().take(7).collect(),
        };
        let version = if version.is_empty() { "latest".to_owned() } else { version };
        format!("{}:{}", clean(&self.repo.replace('/', "-")), version.replace('+', "-"))
    }

    /// The checkout's folder in the image.
    pub fn checkout(&self) -> String {
        format!("/workspace/{}", self.name())
    }

    /// Where the main command runs in the image.
    pub fn workdir(&self) -> String {
        let below = self.main.as_ref().map_or("", |main| main.command.workdir.as_str());
        if below.is_empty() { self.checkout() } else { format!("{}/{below}", self.checkout()) }
    }

    /// Does the plan start from NVIDIA's own image?
    pub fn on_ngc(&self) -> bool {
        self.base_image.starts_with("nvcr.io/")
    }
}
