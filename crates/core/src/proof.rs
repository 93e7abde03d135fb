//! What a `toml proof` block promises, as shell lines to run in containers. In: a pitfall with its proof, and what is
//! diagnosed in the output of its failing line; out: the image, the lines, and what is wrong with what was seen.

use repro_note::{Edit, Note, Pitfall, Proof};

use crate::base::{KnowledgeBase, full_id};
use crate::context::Context;
use crate::resolve::{self, Captures};

/// One promise: on this image, after `setup`, `failing` shows the pitfall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Full id of the pitfall.
    pub id: String,
    /// Path of the note below `knowledge/`.
    pub path: String,
    /// Base image of the containers.
    pub image: String,
    /// Shell line that both containers share; empty where there is nothing to prepare.
    pub setup: String,
    pub failing: String,
    /// Shell line that succeeds; `None`: what the pitfall's fix says, then `failing` again.
    pub fixed: Option<String>,
    /// Why the cure cannot be shown in a container without a GPU.
    pub not_shown: Option<String>,
    /// What the output of the failing line must hold; needed where the pitfall has no patterns that tell.
    pub shows: Option<String>,
    /// Has the pitfall patterns that must hit the output?
    pub has_patterns: bool,
}

/// What is to succeed, and on which image; `setup` comes first there, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cure {
    pub image: String,
    pub line: String,
}

impl Case {
    /// The case of one proof.
    ///
    /// # Errors
    /// A sentence, where the platform is none that has an image.
    pub fn of(note: &Note, pitfall: &Pitfall, proof: &Proof) -> Result<Self, String> {
        let image = image_of(&proof.platform)
            .ok_or_else(|| format!("`{}` is no platform: write release and Python, `bookworm-3.11`", proof.platform))?;
        Ok(Self {
            id: full_id(note, pitfall),
            path: note.path.clone(),
            image,
            setup: proof.setup.clone().unwrap_or_default(),
            failing: proof.failing.clone(),
            fixed: proof.fixed.clone(),
            not_shown: proof.not_shown.clone(),
            shows: proof.shows.clone(),
            has_patterns: !pitfall.block.log.is_empty(),
        })
    }

    /// What is known of the containers.
    pub fn context(&self) -> Context {
        let (python, release) = self.image.strip_prefix("python:").and_then(|tag| tag.split_once("-slim-")).unzip();
        Context {
            base_image: Some(self.image.clone()),
            distribution: Some("debian".to_owned()),
            release: release.map(str::to_owned),
            python: python.map(str::to_owned),
            gpu: Some(false),
            ..Context::default()
        }
    }

    /// What mends what the failing line shows: the fix of its diagnosis, which has to be that of this very pitfall; for a
    /// pitfall that is only ever prevented, its fix.
    ///
    /// # Errors
    /// A sentence that says what was seen instead.
    pub fn shown(&self, base: &KnowledgeBase, output: &str, exit_code: i32) -> Result<Vec<Edit>, String> {
        if let Some(words) = self.shows.as_ref().filter(|words| !output.contains(words.as_str())) {
            return Err(format!("the output of the failing line (exit code {exit_code}) does not hold `{words}`"));
        }
        if !self.has_patterns {
            if exit_code == 0 {
                return Err("the failing line succeeds".to_owned());
            }
            let Some((note, pitfall)) = base.pitfall(&self.id) else { return Err("the note is gone".to_owned()) };
            let library: &[String] = note.library.as_ref().map_or(&[], |library| &library.value.packages);
            let edits = resolve::edits(base, &pitfall.block.fix, library, &self.context(), &Captures::new());
            return Ok(edits.unwrap_or_default());
        }
        let found = base.matches(output, &self.context());
        let own = found.iter().find(|diagnosis| diagnosis.pitfall == self.id);
        own.map(|diagnosis| diagnosis.fix.clone()).ok_or_else(|| {
            let instead = found.first().map_or_else(|| "nothing".to_owned(), |other| format!("`{}`", other.pitfall));
            format!("the failing line does not show it (exit code {exit_code}); its output leads to {instead}")
        })
    }

    /// What shows the cure: the note's own line, else the fix and then the failing line again. `None` where the note says
    /// why there is none.
    ///
    /// # Errors
    /// A sentence, where the fix cannot be told by a shell line and the note gives none.
    pub fn cure(&self, edits: &[Edit]) -> Result<Option<Cure>, String> {
        let here = |line: String| Ok(Some(Cure { image: self.image.clone(), line }));
        if let Some(line) = &self.fixed {
            return here(line.clone());
        }
        if self.not_shown.is_some() {
            return Ok(None);
        }
        if let [Edit::BaseImage(image)] = edits {
            return Ok(Some(Cure { image: image.clone(), line: self.failing.clone() }));
        }
        let mut lines = Vec::new();
        for edit in edits {
            lines.push(shell_line(edit).ok_or_else(|| {
                format!("{edit:?} is no shell line: write `fixed`, or say in `not_shown` why there is none")
            })?);
        }
        if lines.is_empty() {
            return Err("it has no fix to apply: write `fixed`, or say in `not_shown` why there is none".to_owned());
        }
        lines.push(self.failing.clone());
        here(lines.join(" && "))
    }

    /// Does the output of the cured line still lead to the pitfall?
    pub fn persists(&self, base: &KnowledgeBase, output: &str) -> bool {
        self.has_patterns && base.matches(output, &self.context()).iter().any(|diagnosis| diagnosis.pitfall == self.id)
    }
}

/// The image of a platform: `bookworm-3.11` is `python:3.11-slim-bookworm`.
pub fn image_of(platform: &str) -> Option<String> {
    let (release, python) = platform.split_once('-')?;
    let is_release = release.chars().all(|c| c.is_ascii_lowercase()) && !release.is_empty();
    let is_python = python.split('.').count() == 2 && python.chars().all(|c| c.is_ascii_digit() || c == '.');
    (is_release && is_python).then(|| format!("python:{python}-slim-{release}"))
}

/// An edit as a shell line that has the same effect on a container; `None` for edits of what is outside of it.
fn shell_line(edit: &Edit) -> Option<String> {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    Some(match edit {
        Edit::Apt(packages) => format!("apt-get install -y --no-install-recommends {}", packages.join(" ")),
        Edit::PipPin(spec) | Edit::PipAdd(spec) => format!("pip install {}", quoted(spec)),
        Edit::PipRemove(name) => format!("pip uninstall -y {}", quoted(name)),
        Edit::Env(pair) => format!("export {}", quoted(pair)),
        Edit::Command(line) => line.clone(),
        Edit::PipFlag(_) | Edit::BaseImage(_) | Edit::RunFlag(_) | Edit::Order(_) | Edit::UpstreamPatch(_) => {
            return None;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = "# x\n\n```toml library\npackages = ['x']\n```\n\n## `lib-missing`: it needs libx\n\nIt loads libx.\n\n\
                        ```toml pitfall\nkind = 'both'\nlog = ['libx\\.so\\.1: cannot open']\nfix = [{ apt = 'libx1' }]\n```\n\n\
                        Shown here:\n\n```toml proof\nplatform = 'bookworm-3.11'\ndate = 2026-11-21\nsetup = 'pip install x==1'\n\
                        failing = 'python -c \"import x\"'\n```\n";

    fn case() -> (KnowledgeBase, Case) {
        let (base, findings) = KnowledgeBase::from_texts([("libraries/x.md", NOTE)]);
        assert_eq!(findings, []);
        let (note, pitfall) = base.pitfall("x/lib-missing").expect("the pitfall");
        let case = Case::of(note, pitfall, &pitfall.proofs[0].value).expect("a case");
        (base, case)
    }

    #[test]
    fn a_failure_is_cured_by_the_fix_of_its_own_diagnosis() {
        let (base, case) = case();
        assert_eq!(case.image, "python:3.11-slim-bookworm");
        let shown = case.shown(&base, "ImportError: libx.so.1: cannot open shared object file", 1);
        let edits = shown.expect("it is shown");
        let line = "apt-get install -y --no-install-recommends libx1 && python -c \"import x\"";
        assert_eq!(case.cure(&edits), Ok(Some(Cure { image: case.image.clone(), line: line.to_owned() })));
        let older = Cure { image: "python:3.9-slim-bookworm".to_owned(), line: case.failing.clone() };
        assert_eq!(case.cure(&[Edit::BaseImage(older.image.clone())]), Ok(Some(older)));
        assert!(!case.persists(&base, "fine"));
    }

    #[test]
    fn what_was_promised_and_not_seen_is_told() {
        let (base, case) = case();
        let told = case.shown(&base, "all is well", 0).expect_err("nothing was shown");
        assert!(told.contains("leads to nothing"), "{told}");
        let flag = [Edit::PipFlag("--no-build-isolation".to_owned())];
        assert!(case.cure(&flag).expect_err("no line").contains("write `fixed`"));
        let excused = Case { not_shown: Some("needs a GPU".to_owned()), ..case };
        assert_eq!(excused.cure(&flag), Ok(None));
    }

    #[test]
    fn what_is_only_prevented_fails_for_the_reason_that_its_proof_names() {
        let (base, case) = case();
        let quiet = Case { has_patterns: false, shows: Some("libx".to_owned()), ..case };
        assert!(quiet.shown(&base, "no space left", 1).expect_err("another reason").contains("does not hold `libx`"));
        assert!(quiet.shown(&base, "libx is gone", 1).is_ok() && quiet.shown(&base, "libx is there", 0).is_err());
    }

    #[test]
    fn platforms_have_images() {
        assert_eq!(image_of("trixie-3.13").as_deref(), Some("python:3.13-slim-trixie"));
        assert_eq!(image_of("trixie"), None);
        assert_eq!(image_of("Trixie-3"), None);
    }
}
