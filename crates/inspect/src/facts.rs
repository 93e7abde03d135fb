//! What the readers of this crate find out: plain values, each with the place it was read from.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// A place in the repository that supports a statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Evidence {
    /// Path relative to the repository's root.
    pub path: String,
    /// Line, from 1; 0 where the statement is about the file as a whole.
    pub line: usize,
    /// The line itself, trimmed and shortened to 160 characters.
    pub text: String,
}

impl Evidence {
    /// Trims and shortens `text` to what a report can show.
    pub fn new(path: impl Into<String>, line: usize, text: &str) -> Self {
        let text = text.trim();
        let text = match text.char_indices().nth(160) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.to_owned(),
        };
        Self { path: path.into(), line, text }
    }
}

/// Something in the repository that is wrong or could not be read. Never fails a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// A stable kebab-case name of the kind of finding, such as `requirements-unreadable`.
    pub code: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What a person can do about it, where there is something.
    pub help: Option<String>,
    pub evidence: Evidence,
}

/// Everything that was read out of a repository.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Facts {
    /// Requirements of every file and section, each with its scope; nothing is merged or judged here.
    pub requirements: Vec<Requirement>,
    /// Installable packages of the repository, the one at the root first.
    pub projects: Vec<Project>,
    /// What is said about the Python version, everywhere it is said.
    pub pythons: Vec<PythonClaim>,
    /// What documents, scripts, CI and shipped Dockerfiles say in words or commands.
    pub stated: Stated,
    /// GPU need of the code behind the best main command, and of the repository's other code where that is silent.
    pub gpu: Gpu,
    /// The program of a command that a person wrote instead of those found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Candidate>,
    /// What could be run, best first.
    pub candidates: Vec<Candidate>,
    /// Where weights come from, as far as code and documents say.
    pub weights: Vec<Weights>,
    /// Folders that are submodules: path and URL from `.gitmodules`.
    pub submodules: Vec<(String, String)>,
    /// Files that are unresolved Git LFS pointers.
    pub lfs_pointers: Vec<String>,
    pub findings: Vec<Finding>,
}

/// Where a requirement was declared, which decides when it counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "name")]
pub enum Scope {
    /// The repository's own run-time requirements: root `requirements.txt`, `[project] dependencies`, `install_requires`, …
    Main,
    /// An extra (`[project.optional-dependencies]`, `extras_require`).
    Extra(String),
    /// A dependency group (PEP 735), Poetry group, or a requirements file for a named purpose (`dev`, `docs`, `demo`, `tf`).
    Group(String),
    /// What building the project needs (`[build-system] requires`, `setup_requires`).
    Build,
    /// The conda part of an environment file (name translated to the distribution where they differ).
    Conda,
    /// A constraint (`-c`): limits versions, asks for nothing.
    Constraint,
    /// A lock file of upstream (uv.lock, poetry.lock, Pipfile.lock): exact versions.
    Lock,
    /// A `pip install` line in documentation.
    Documentation,
    /// A `pip install` line in upstream's Dockerfile or CI.
    Hint,
}

/// One declared requirement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// Normalised distribution name (PEP 503); empty where only a URL or path is given and it does not tell.
    pub name: String,
    /// The requirement as pip reads it, without comments and options: `torch>=2.0 ; python_version < "3.12"`,
    /// `name @ git+https://…`, or for a local path the path relative to the repository's root.
    pub spec: String,
    pub form: Form,
    pub scope: Scope,
    pub evidence: Evidence,
}

impl Requirement {
    /// Its name, or where only an address is given, the normalised name of the repository at that address
    /// (`git+https://host/user/CLIP.git@main` -> `clip`): nearly always what it installs, but a guess.
    pub fn likely_name(&self) -> String {
        match self.form {
            _ if !self.name.is_empty() => self.name.clone(),
            Form::Vcs => crate::stated::repository_of(&self.spec),
            _ => String::new(),
        }
    }
}

/// How a requirement names its distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// By name, PEP 508, from the index.
    Index,
    /// A direct URL to an archive or wheel.
    Url,
    /// A version control URL (`git+https://…`).
    Vcs,
    /// A path inside the repository (`-e .`, `./submodules/x`).
    Path,
    /// A path inside the repository, to be installed in editable mode.
    Editable,
}

/// An installable package: a folder with a `pyproject.toml` that builds, or a `setup.py` / `setup.cfg`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Folder relative to the root; empty for the root itself.
    pub folder: String,
    /// Normalised distribution name, where it can be read.
    pub name: Option<String>,
    /// Version, where it is literal.
    pub version: Option<String>,
    /// Build backend of `pyproject.toml`; `None` means setuptools by default.
    pub backend: Option<String>,
    /// Console scripts: name -> `module:function`.
    pub console_scripts: BTreeMap<String, String>,
    /// Files that it installs as commands (`scripts=[…]`), relative to the root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts: Vec<String>,
    /// Names of its extras.
    pub extras: Vec<String>,
    /// Importable top-level names with the folder (or file) that holds each, relative to the root.
    pub packages: BTreeMap<String, String>,
    /// Top-level names of modules that installing it compiles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
    /// Languages of extension modules that installing it compiles.
    pub native: BTreeSet<Native>,
    /// Dotted names of its CUDA extensions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cuda_extensions: Vec<String>,
    /// Its setup imports these before its own build requirements are stated (`torch`, `numpy`, `Cython`).
    pub setup_imports: Vec<String>,
    /// The version comes from version control (setuptools-scm, hatch-vcs, versioneer, …).
    pub version_from_vcs: bool,
    pub evidence: Option<Evidence>,
}

/// A language that building a project compiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Native {
    C,
    Cxx,
    Cuda,
    Cython,
    Fortran,
    Rust,
    Cmake,
}

/// One statement about the Python version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PythonClaim {
    /// A PEP 440 specifier set: `>=3.8`, `==3.10.*`.
    pub specifier: String,
    pub strength: Strength,
    pub evidence: Evidence,
}

/// How much a statement binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Seen in passing: classifiers, CI matrices, another platform's export.
    Weak,
    /// What upstream says it used or recommends: README, environment.yml, `.python-version`, shipped Dockerfile.
    Recommended,
    /// What the installer enforces: `requires-python`, `python_requires`, Poetry's `python`.
    Hard,
}

/// A value stated somewhere, with the place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatedValue {
    pub value: String,
    pub strength: Strength,
    pub evidence: Evidence,
}

/// What upstream says outside its package metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated {
    /// Debian/Ubuntu packages of `apt install` lines. README and INSTALL are `Recommended`, Dockerfile and CI `Weak`.
    pub apt: Vec<StatedValue>,
    /// CUDA versions: `11.8`, or `>=11.1` where a lower bound is stated.
    pub cuda: Vec<StatedValue>,
    /// torch versions (PEP 440 specifiers).
    pub torch: Vec<StatedValue>,
    /// Base images of shipped Dockerfiles.
    pub base_images: Vec<StatedValue>,
    /// Options of `docker run` that shipped compose files stand for: `--shm-size=8g`.
    pub run_flags: Vec<StatedValue>,
    /// Index URLs (`--index-url`, `--extra-index-url`, `-f`) of requirements files and install lines.
    pub indexes: Vec<StatedValue>,
    /// Environment variables that install or run lines set (`TORCH_CUDA_ARCH_LIST=…`).
    pub env: Vec<StatedValue>,
    /// How the project itself is installed in upstream's words: `editable`, `plain`, `index` or `none`.
    pub installs: Vec<StatedValue>,
    /// Options of `pip` lines that matter, each with a name it was used for: `--no-build-isolation flash-attn`.
    pub pip_flags: Vec<StatedValue>,
}

/// GPU need, with the lines that show it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpu {
    pub need: GpuNeed,
    pub evidence: Vec<Evidence>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GpuNeed {
    /// The main command cannot run without CUDA.
    Required,
    /// It uses a GPU where there is one.
    Optional,
    /// It never asks for one.
    #[default]
    None,
}

/// Something that could be the main command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    pub command: Command,
    pub kind: Kind,
    pub action: Action,
    /// The Python file of the repository that it starts, where that is known.
    pub entry: Option<String>,
    /// The lines of a document that make up the program, for [`Kind::ReadmeSnippet`].
    pub snippet: Option<Snippet>,
    /// From 0 to 1; comparable within one repository only.
    pub score: f64,
    /// Why it stands where it stands, one reason each, most weighty first.
    pub because: Vec<String>,
    /// What was changed against upstream's words, and why.
    pub changes: Vec<String>,
    /// The command for a machine without a GPU, where that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_cpu: Option<OnCpu>,
    /// What the code behind it imports; empty until the candidate was followed.
    pub imports: Imports,
    /// For [`Kind::WebUi`]: what documents ask the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
    pub evidence: Vec<Evidence>,
}

/// A command that is kept off the GPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnCpu {
    /// Instead of [`Command::line`].
    pub line: String,
    /// What that changes against upstream's words.
    pub changes: Vec<String>,
}

/// A request to a server, as a document writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub method: String,
    /// Path and query.
    pub path: String,
    /// A JSON text to send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// The fields of a form.
    #[serde(default)]
    pub fields: Vec<Field>,
    /// Is the form sent in parts (`multipart/form-data`)?
    #[serde(default)]
    pub multipart: bool,
    /// The kind of file that is sent as it is: `image`, `audio`, `video`, `pdf`, `text`, `csv`, `mesh`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    pub evidence: Evidence,
}

/// A field of a form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    pub name: String,
    pub value: String,
    /// The kind of file that is sent instead of a value, as for [`Question::body`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// A command as a program would run it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Upstream's program as one simple shell command; redirections allowed, no `cd`, no assignments, no pipes.
    pub line: String,
    /// Simple commands that prepare for it, in order.
    pub setup: Vec<String>,
    pub env: BTreeMap<String, String>,
    /// Working folder relative to the repository's root; empty for the root.
    pub workdir: String,
    /// Files of the folder `run/` beside the Dockerfile that it reads: samples of ours, by name, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Script,
    Module,
    ConsoleScript,
    ReadmeSnippet,
    Notebook,
    WebUi,
    Train,
}

/// What running a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Infer,
    Evaluate,
    Train,
    Serve,
    Prepare,
    Download,
    Install,
    Test,
    Help,
    Unknown,
}

/// Lines of a document that are a program, one block of them or several. Upstream's code is never copied out of the image:
/// the lines are cut inside it and compared with the hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snippet {
    pub path: String,
    /// Lines of ours that come first: what runs a console session as one, and what the document leaves to its reader.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<String>,
    /// The pieces of the document, in its order.
    pub parts: Vec<SnippetPart>,
    /// Lines of ours that come last: they print what a program computes that prints nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<String>,
    /// SHA-256 of the whole program after cutting, as lower-case hex.
    pub sha256: String,
}

/// Consecutive lines of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnippetPart {
    /// First and last line, from 1, both included.
    pub first: usize,
    pub last: usize,
    /// Number of leading columns to cut from each line (code that is indented in the document).
    pub indent: usize,
    /// Only lines behind `>>>` or `...` are kept, without the prompt.
    pub prompt: bool,
}

impl Snippet {
    /// First line of its last stretch: what the program is about comes last.
    pub fn line(&self) -> usize {
        self.stretches().last().map_or(0, |(first, _)| *first)
    }

    /// First and last lines, parts that follow each other taken together.
    fn stretches(&self) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = Vec::new();
        for part in &self.parts {
            match found.last_mut() {
                Some((_, last)) if *last + 1 == part.first => *last = part.last,
                _ => found.push((part.first, part.last)),
            }
        }
        found
    }

    /// `lines 3 to 9 and 14 to 16 of README.md`.
    pub fn place(&self) -> String {
        let lines: Vec<String> = self.stretches().iter().map(|(first, last)| format!("{first} to {last}")).collect();
        format!("lines {} of {}", lines.join(" and "), self.path)
    }
}

/// Modules that a program imports from outside the repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imports {
    /// Dotted module names that are imported when the program starts or does its work.
    pub required: BTreeMap<String, Evidence>,
    /// Imported only under `try … except ImportError`, in an untaken branch, or in a function that the program may not call.
    pub optional: BTreeMap<String, Evidence>,
    /// Programs it starts by name (`subprocess.run(["ffmpeg", …])`, `shutil.which("git")`).
    pub programs: BTreeMap<String, Evidence>,
    /// Files of the repository that were followed, in order of discovery.
    pub followed: Vec<String>,
}

/// Where weights come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// `hf`, `url`, `repo`, `wheel`, `lfs` or `none`.
    pub from: String,
    /// Hub id, URL or path.
    pub what: String,
    /// Their size in bytes, where it is known or stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Does upstream say that one has to be let in first?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gated: bool,
    pub evidence: Evidence,
}
