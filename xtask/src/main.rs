//! `cargo xtask`: every effect of the project, one command per module below `commands`.
// The lead wires commands in later; until then each module only has to compile.
#![allow(dead_code)]

mod engine;
mod failure;
mod files;
mod project;
mod report;
mod git;
mod interrupt;
mod read_tree;
mod source;

fn main() {}
