//! The typed form of a `toml matrix` block: tables that are knowledge. Data only.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;

use crate::pitfall::{Packages, date};

/// One block of tables. A note may hold several blocks; tables of the same name are joined.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Matrix {
    /// Importable top-level (or dotted) module -> distribution that brings it.
    pub imports: BTreeMap<String, String>,
    /// Distribution (normalised name) -> distributions with needs of their own that it installs along.
    pub brings: BTreeMap<String, Vec<String>>,
    /// Python's minor releases.
    pub python: Vec<PythonRelease>,
    /// Which suites the official slim images of a Python exist for.
    pub slim: Vec<SlimTags>,
    /// torch with its companions, best known builds and Pythons.
    pub torch: Vec<TorchRelease>,
    /// Distribution -> the newest Python with a Linux wheel, from which release on. Oldest release first.
    pub wheels: BTreeMap<String, Vec<WheelsFrom>>,
    /// Releases that broke those who depend on the distribution without an upper bound.
    pub breaking: Vec<Breaking>,
    /// Package names that no longer install, by old name.
    pub apt_renames: BTreeMap<String, AptRename>,
    /// Shared object -> packages.
    pub shared_objects: BTreeMap<String, Packages>,
    /// Header, as `#include` writes it -> packages.
    pub headers: BTreeMap<String, Packages>,
    /// Command -> packages.
    pub commands: BTreeMap<String, Packages>,
    pub stdlib: Option<StandardLibrary>,
    /// CUDA minor version -> the newest image of it that is served, with cuDNN and the compiler.
    pub cuda_images: BTreeMap<String, String>,
    /// CUDA release -> oldest Linux driver that it came with.
    pub cuda_drivers: BTreeMap<String, String>,
    /// Names that repositories give to their own modules: a missing one is never a distribution.
    pub local_modules: Vec<String>,
}

/// One minor release of Python.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PythonRelease {
    /// `3.11`.
    pub version: String,
    #[serde(deserialize_with = "date")]
    pub released: Option<Date>,
    #[serde(default, deserialize_with = "date")]
    pub end_of_life: Option<Date>,
}

/// The suites for which `python:VERSION-slim-SUITE` exists, newest first.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlimTags {
    pub python: String,
    pub suites: Vec<String>,
}

/// One release of torch.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorchRelease {
    pub torch: String,
    /// The torchvision built for it, newest where several are.
    pub torchvision: Option<String>,
    pub torchaudio: Option<String>,
    /// Pythons with a Linux x86-64 wheel on the index; empty where not established.
    #[serde(default)]
    pub python: Vec<String>,
    /// CUDA builds that were seen, `cu118`; may be incomplete.
    #[serde(default)]
    pub cuda: Vec<String>,
    /// CUDA of the wheel that pip gets by default.
    pub default_cuda: Option<String>,
}

/// The newest Python for which a run of releases has wheels.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WheelsFrom {
    /// The first release of the run.
    pub from: String,
    /// `3.8`; empty where the wheels are for every later Python too.
    pub python: String,
}

/// A release that broke its users.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breaking {
    pub distribution: String,
    /// The first version that has the change.
    pub version: String,
    #[serde(deserialize_with = "date")]
    pub date: Option<Date>,
    /// The requirement that keeps the change away, `numpy<2`.
    pub pin: String,
    /// What broke, in one sentence without a full stop.
    pub what: String,
    pub source: String,
}

/// A package name that went away.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AptRename {
    /// What to install instead; empty where nothing replaces it.
    pub new: Vec<String>,
    /// Releases on which the old name does not install.
    pub gone: Vec<String>,
}

/// Top-level modules of Python's standard library.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StandardLibrary {
    /// In every Python 3 from 3.6 on.
    pub always: Vec<String>,
    /// Module -> first minor version that has it.
    pub added: BTreeMap<String, String>,
    /// Module -> first minor version that no longer has it.
    pub removed: BTreeMap<String, String>,
    /// Only in Python 2.
    pub python2: Vec<String>,
}
