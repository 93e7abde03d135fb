//! What a base image holds: measured by one container run, or read from `knowledge/images/*.md` where the image cannot
//! be had. Planner, locks, checks and proofs read the same value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One base image, as seen from inside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Environment {
    /// The image's name as a Dockerfile writes it.
    pub image: String,
    /// Image id (`sha256:…`) where it was measured.
    pub image_id: Option<String>,
    /// Registry digest, where the registry gave one.
    pub digest: Option<String>,
    /// Was this measured in a container (true) or read from a note (false)?
    pub measured: bool,
    /// Is the image a stand-in that `cargo xtask bases` built?
    pub stand_in: bool,
    /// Full Python version, `3.11.9`; empty where there is none.
    pub python: String,
    /// Absolute path of the interpreter that `python` starts (or `python3` where there is no `python`).
    pub interpreter: String,
    /// The interpreter's site-packages for pure packages.
    pub purelib: String,
    /// `debian` or `ubuntu`, as `/etc/os-release` says in `ID`.
    pub distribution: String,
    /// `bookworm`, `noble`, … (`VERSION_CODENAME`).
    pub release: String,
    /// Machine architecture as dpkg names it: `amd64`.
    pub architecture: String,
    /// Are the interpreter's C headers there?
    pub headers: bool,
    /// Programs found on PATH out of those a plan cares about: `git`, `gcc`, `g++`, `curl`, `wget`, `make`, `cmake`, `nvcc`, …
    pub tools: Vec<String>,
    /// Installed distributions: normalised name -> version.
    pub packages: BTreeMap<String, String>,
    /// Constraint file that the image's pip applies by itself, such as `/etc/pip/constraint.txt`.
    pub constraint_file: Option<String>,
    /// Name of the user that processes run as by default.
    pub user: String,
    /// Name and home of the existing user with uid 1000, where there is one.
    pub uid_1000: Option<(String, String)>,
    /// CUDA toolkit version, `13.0`, where there is one.
    pub cuda: Option<String>,
    /// Does pip refuse to install without `--break-system-packages` (PEP 668)?
    pub externally_managed: bool,
}
