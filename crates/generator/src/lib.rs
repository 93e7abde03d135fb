//! Facts and knowledge in; plan, lock input, Dockerfile, README, verdict and the next step of the repair loop out. Pure.

pub mod artefact;
pub mod documents;
pub mod edit;
pub mod existing;
pub mod names;
pub mod outlook;
pub mod overrides;
pub mod plan;
pub mod planner;
pub mod receipt;
pub mod render;
pub mod repair;
pub mod report;
pub mod resolve;
pub mod search;
#[cfg(test)]
mod testing;
pub mod verdict;
pub mod weights;
