//! The smoke run: the image's own command, with the probe mounted beside its interpreter, within limits.

use std::path::Path;

use repro_core::Environment;
use repro_generator::plan::Plan;
use repro_generator::receipt::EvidenceSeen;
use repro_generator::verdict::{self, Observation, Verdict};
use repro_inspect::Kind;

use crate::cycle::Options;
use crate::engine::{Engine, RunRequest};
use crate::probe;

/// What one run showed.
pub struct Ran {
    pub verdict: Verdict,
    pub evidence: EvidenceSeen,
    /// The program's output.
    pub text: String,
    pub seconds: f64,
}

/// Runs an image's own command and judges what was seen.
pub fn run(
    engine: &Engine,
    plan: &Plan,
    image: &str,
    environment: &Environment,
    options: &Options,
    log: &Path,
) -> anyhow::Result<Ran> {
    todo!()
}
