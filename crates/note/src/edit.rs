//! The closed set of changes to a plan. A note's fix, a repair and `check --fix` are all made of these.

use serde::{Deserialize, Serialize};

/// One change to a plan. Applying it twice changes nothing more than applying it once.
///
/// As JSON (contract): `{"kind": "apt", "value": ["libgl1"]}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "value")]
pub enum Edit {
    /// Install these packages of the base's distribution.
    Apt(Vec<String>),
    /// Constrain the version of a distribution, whoever asks for it: a PEP 508 requirement, `numpy<2`.
    PipPin(String),
    /// Install a distribution nobody declared: a PEP 508 requirement.
    PipAdd(String),
    /// Drop a declared distribution, by name.
    PipRemove(String),
    /// An option of the `pip install` that the named cause is about, `--no-build-isolation`.
    PipFlag(String),
    /// A variable of the image, `KEY=VALUE`.
    Env(String),
    /// Another base image.
    BaseImage(String),
    /// An option of `docker run`, `--shm-size=8g`.
    RunFlag(String),
    /// A change of order, as a sentence.
    Order(String),
    /// A shell line that runs while the image is built, before the project is installed.
    Command(String),
    /// A shell line that changes the checkout inside the image.
    UpstreamPatch(String),
}

/// What has to be done again after an edit, the cheapest first. Of cures that are equally likely the cheapest is tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// The program runs again, in the same image.
    Run,
    /// One layer, and what stands below it.
    Layer,
    /// The resolve, and every layer from the installation of its result on.
    Resolve,
    /// Everything.
    Base,
}

impl Edit {
    /// What it costs to make this edit.
    pub const fn cost(&self) -> Cost {
        match self {
            Self::RunFlag(_) => Cost::Run,
            Self::Apt(_) | Self::Env(_) | Self::Command(_) | Self::UpstreamPatch(_) => Cost::Layer,
            Self::PipPin(_) | Self::PipAdd(_) | Self::PipRemove(_) | Self::PipFlag(_) | Self::Order(_) => Cost::Resolve,
            Self::BaseImage(_) => Cost::Base,
        }
    }
}
