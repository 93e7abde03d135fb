//! The smoke run: the image's own command, with the probe mounted beside its interpreter, within limits.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use repro_generator::artefact;
use repro_generator::receipt::EvidenceSeen;
use repro_generator::verdict::{self, Observation, Verdict, Written};
use repro_inspect::Question;
use sha2::{Digest as _, Sha256};

use crate::engine::{ChangeKind, Engine, Mount, RunRequest};
use crate::{files, lock, probe, server};

/// What is to be run.
pub struct Smoke {
    /// Id or name of the image.
    pub image: String,
    /// Part of the container's name.
    pub name: String,
    /// Top-level modules of the repository itself.
    pub own_modules: BTreeSet<String>,
    /// The main command as upstream would type it.
    pub command: String,
    /// Patterns of which each must match the output.
    pub expect: Vec<String>,
    pub gpus: bool,
    /// Options of `docker run` that the plan asks for.
    pub flags: Vec<String>,
    pub offline: bool,
    pub timeout: Duration,
    pub platform: Option<String>,
    /// Named volumes and where they go: caches of what is fetched while the command runs.
    pub volumes: Vec<(String, String)>,
    /// Weights that are already there.
    pub mounts: Vec<Mount>,
    /// Set for a server: what documents ask it.
    pub server: Option<Vec<Question>>,
    /// Folder in which is remembered what an image's interpreters are, for an image that will be run again.
    pub cache: Option<PathBuf>,
}

/// What one run showed.
pub struct Ran {
    pub verdict: Verdict,
    pub evidence: EvidenceSeen,
    /// The program's output; its beginning and its end where it is long.
    pub text: String,
    pub seconds: f64,
}

/// What a server is given to end before its time is up.
const TO_END: Duration = Duration::from_secs(30);

/// Most files that a receipt names.
const MOST_FILES: usize = 40;

/// How much of a log is read: causes stand at its ends.
const HEAD: usize = 256 * 1024;
const TAIL: usize = 2 * 1024 * 1024;

/// Runs an image's own command and judges what was seen.
pub fn run(engine: &Engine, smoke: &Smoke, log: &Path) -> anyhow::Result<Ran> {
    let folder = tempfile::Builder::new().prefix("repro-probe-").tempdir()?;
    let probe = probe::install_into(folder.path())?;
    let places = site_packages(engine, smoke)?;
    let known: Vec<&str> = vec!["--gpus", "all", "--ipc=host"];
    let mut mounts = probe.mounts(&places);
    let beside = match &smoke.server {
        Some(questions) => {
            let patience = smoke.timeout.saturating_sub(TO_END).max(smoke.timeout / 2);
            let about = format!("{} {}", smoke.name, smoke.command);
            let (mount, command) = server::prepare(folder.path(), questions, &about, patience)?;
            mounts.push(mount);
            Some(command)
        }
        None => None,
    };
    mounts.extend(
        smoke.volumes.iter().map(|(name, target)| Mount::Volume { name: name.clone(), target: target.clone() }),
    );
    mounts.extend(smoke.mounts.iter().cloned());
    // The hub's own libraries ask it even for what they have, unless they are told not to.
    let env = if smoke.offline { &[("HF_HUB_OFFLINE", "1"), ("TRANSFORMERS_OFFLINE", "1")][..] } else { &[] };
    let request = RunRequest {
        image: smoke.image.clone(),
        name: smoke.name.clone(),
        env: env.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        mounts,
        offline: smoke.offline,
        gpus: smoke.gpus,
        timeout: Some(smoke.timeout),
        platform: smoke.platform.clone(),
        extra: smoke.flags.iter().filter(|f| !known.contains(&f.as_str())).cloned().collect(),
        list_changes: true,
        contents_of: Some(|path, bytes| bytes <= artefact::LARGEST && artefact::can_look(path)),
        beside,
        ..RunRequest::default()
    };
    let outcome = engine.run(&request, log, &mut |_| {})?;
    if outcome.interrupted {
        anyhow::bail!(crate::failure::Failure::Interrupted);
    }
    let mut text = read_ends(log)?;
    if let Some(error) = &outcome.error {
        text.push_str(error);
    }
    let evidence = probe.evidence(&smoke.own_modules);
    // A file that lies ready for the program is no work of it.
    let made = engine
        .inspect(&smoke.image)?
        .map(|image| repro_generator::render::made_before(&image.command, &image.workdir))
        .unwrap_or_default();
    let is_made = |path: &str| {
        made.iter()
            .any(|made| path.strip_prefix(made.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    };
    let files: Vec<Written> = outcome
        .changed
        .iter()
        .filter(|change| change.kind != ChangeKind::Deleted && !is_made(&change.path))
        .map(|change| Written {
            path: change.path.clone(),
            bytes: change.size,
            look: change.content.as_deref().and_then(|bytes| artefact::look(&change.path, bytes)),
        })
        .collect();
    let server = smoke.server.as_ref().map(|_| server::read(outcome.beside.as_ref()));
    let observation = Observation {
        exit_code: Some(outcome.exit_code),
        timed_out: outcome.timed_out,
        out_of_memory: outcome.oom_killed,
        log: text.clone(),
        evidence: evidence.clone(),
        files: files.clone(),
        expect: smoke.expect.clone(),
        trivial: verdict::is_trivial(&smoke.command),
        unwatched: evidence.processes == 0,
        server: server.clone(),
    };
    let verdict = verdict::judge(&observation);
    let seen = EvidenceSeen {
        exit_code: Some(i64::from(outcome.exit_code)),
        frameworks: evidence.frameworks,
        expected_output: verdict.expected_output.clone(),
        artefacts: files
            .iter()
            .filter_map(|file| Some((file.path.clone(), file.look.as_ref()?.describe())))
            .take(MOST_FILES)
            .collect(),
        files: files
            .into_iter()
            .filter_map(|file| Some((file.path, file.bytes.filter(|bytes| *bytes > 0)?)))
            .take(MOST_FILES)
            .collect(),
        server,
        last_line: verdict::last_real_line(&text).filter(|_| smoke.server.is_none()),
    };
    Ok(Ran { verdict, evidence: seen, text, seconds: outcome.seconds })
}

/// Where the image's interpreters look for modules, also those of virtual environments in it. Asked once of an image that
/// is named by its id, since such an image never changes.
fn site_packages(engine: &Engine, smoke: &Smoke) -> anyhow::Result<Vec<String>> {
    let kept = smoke.cache.as_ref().zip(smoke.image.strip_prefix("sha256:")).map(|(cache, id)| {
        // A changed question makes old answers worthless.
        let question = lock::hex(&Sha256::digest(probe::FIND_SITE_PACKAGES));
        cache.join("site-packages").join(format!("{id}-{}", &question[..8]))
    });
    if let Some(known) = kept.as_ref().and_then(|path| fs_err::read_to_string(path).ok()) {
        return Ok(probe::site_packages(&known));
    }
    let said = engine.capture(&RunRequest {
        image: smoke.image.clone(),
        name: "look".to_owned(),
        entrypoint: Some(String::new()),
        command: Some(vec!["sh".to_owned(), "-c".to_owned(), probe::FIND_SITE_PACKAGES.to_owned()]),
        offline: true,
        timeout: Some(Duration::from_mins(1)),
        platform: smoke.platform.clone(),
        ..RunRequest::default()
    })?;
    let found = probe::site_packages(&said.stdout);
    if let Some(path) = kept.filter(|_| said.exit_code == 0 && !said.timed_out && !found.is_empty()) {
        files::write_atomically(&path, said.stdout.as_bytes())?;
    }
    Ok(found)
}

/// A log as text: all of it, or its beginning and its end.
fn read_ends(log: &Path) -> anyhow::Result<String> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = fs_err::File::open(log)?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::new();
    if length <= (HEAD + TAIL) as u64 {
        file.read_to_end(&mut bytes)?;
    } else {
        file.by_ref().take(HEAD as u64).read_to_end(&mut bytes)?;
        bytes.extend_from_slice(b"\n[...]\n");
        file.seek(SeekFrom::Start(length - TAIL as u64))?;
        file.read_to_end(&mut bytes)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
