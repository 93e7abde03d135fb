//! What a person may override: `repro.toml` beside a Dockerfile, and the command line.

use std::collections::BTreeMap;

use repro_note::Edit;
use serde::{Deserialize, Serialize};

/// The content of `repro.toml`. Every key is optional; the tool writes the file once and never changes it afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Overrides {
    /// Base image instead of the chosen one.
    pub base: Option<String>,
    /// Python minor version, `3.10`.
    pub python: Option<String>,
    /// Start from NVIDIA's image where a GPU is optional (`true`), or never (`false`).
    pub gpu: Option<bool>,
    /// Day to resolve for, `2023-05-01`, or `none` for today's releases.
    pub resolve_date: Option<String>,
    /// Main command instead of the one found.
    pub command: Option<String>,
    /// Commands that prepare for it.
    pub setup: Vec<String>,
    /// Working folder of the main command, relative to the checkout.
    pub workdir: Option<String>,
    /// Is the main command a server, which is visited and then stopped?
    pub server: Option<bool>,
    /// What it is asked, as `curl` lines: `curl -F image=@x.jpg localhost/predict`.
    pub ask: Vec<String>,
    /// Files that a person put into `run/`, which the command reads as `/workspace/run/NAME`.
    pub samples: Vec<String>,
    /// Regular expressions of which each must match the output.
    pub expect: Vec<String>,
    /// Packages of the distribution to add.
    pub apt: Vec<String>,
    /// Requirements to add, as pip reads them.
    pub pip: Vec<String>,
    /// Version limits, whoever asks for the distribution.
    pub pin: Vec<String>,
    /// Distributions to leave out.
    pub without: Vec<String>,
    /// Variables of the image.
    pub env: BTreeMap<String, String>,
    /// Options of `docker run`.
    pub run_flags: Vec<String>,
    /// Pythons for which a base image can be had; empty where any can. Set by the program, not by a person.
    #[serde(skip)]
    pub available_pythons: Vec<String>,
    /// Platform of the image.
    #[serde(skip)]
    pub platform: Option<String>,
}

impl Overrides {
    /// What a person has added since, as edits.
    pub fn edits_since(&self, before: &Self) -> Vec<Edit> {
        let new = |now: &[String], then: &[String]| -> Vec<String> {
            now.iter().filter(|one| !then.contains(one)).cloned().collect()
        };
        let mut edits = Vec::new();
        let apt = new(&self.apt, &before.apt);
        edits.extend((!apt.is_empty()).then_some(Edit::Apt(apt)));
        edits.extend(new(&self.pip, &before.pip).into_iter().map(Edit::PipAdd));
        edits.extend(new(&self.pin, &before.pin).into_iter().map(Edit::PipPin));
        edits.extend(new(&self.without, &before.without).into_iter().map(Edit::PipRemove));
        edits.extend(new(&self.run_flags, &before.run_flags).into_iter().map(Edit::RunFlag));
        let env = self.env.iter().filter(|(key, value)| before.env.get(*key) != Some(value));
        edits.extend(env.map(|(key, value)| Edit::Env(format!("{key}={value}"))));
        edits.extend(self.base.iter().filter(|base| before.base.as_ref() != Some(base)).cloned().map(Edit::BaseImage));
        edits
    }
}

/// The text of a fresh `repro.toml`: every key with its meaning, all commented out.
pub const TEMPLATE: &str = r#"# What you want different from what `cargo xtask repro` finds out. Uncomment and change; this file is never overwritten.

# base = "python:3.11-slim-bookworm"   # base image
# python = "3.11"                      # Python minor version
# gpu = false                          # start from NVIDIA's image where a GPU is optional
# resolve-date = "2023-05-01"          # releases after this day are not considered; "none" for today's
# command = "python demo.py"           # main command
# setup = ["mkdir -p out"]             # what prepares for it
# workdir = ""                         # folder below the checkout in which it runs
# server = true                        # the command is a server: it is visited, then stopped
# ask = ["curl -F image=@x.jpg localhost/predict"]   # what a server is asked; a sample of ours stands for the file
# samples = ["mine.jpg"]               # files of yours in `run/`; the command reads them as /workspace/run/mine.jpg
# expect = ["score: [0-9.]+"]          # regular expressions that its output must match
# apt = ["ffmpeg"]                     # further packages of the distribution
# pip = ["tensorboard"]                # further requirements
# pin = ["numpy<2"]                    # version limits
# without = ["flash-attn"]             # distributions to leave out
# run-flags = ["--shm-size=8g"]        # options of `docker run`

# [env]
# MPLBACKEND = "Agg"
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_added_is_edits() {
        let read = |text: &str| -> Overrides { toml::from_str(text).expect("valid") };
        let before = read("apt = ['git']\npin = ['a<1']");
        let after = read("apt = ['git', 'ffmpeg']\npin = ['a<1', 'b<2']\nenv = { A = 'b' }");
        let edits = [Edit::Apt(vec!["ffmpeg".to_owned()]), Edit::PipPin("b<2".to_owned()), Edit::Env("A=b".to_owned())];
        assert_eq!((after.edits_since(&before), before.edits_since(&before)), (edits.to_vec(), Vec::new()));
    }

    #[test]
    fn every_line_of_the_template_is_accepted_when_uncommented() {
        let text: String = TEMPLATE
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|l| l.contains('=') || l.starts_with('[')).unwrap_or(""))
            .map(|line| format!("{line}\n"))
            .collect();
        let overrides: Overrides = toml::from_str(&text).expect("the template is valid");
        assert_eq!(overrides.python.as_deref(), Some("3.11"));
        assert_eq!(overrides.env["MPLBACKEND"], "Agg");
    }
}
