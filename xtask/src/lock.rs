//! The dated resolve as an effect: uv in a container of the base, cached by its input.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use repro_core::Environment;
use repro_generator::plan::{Lock, Plan};
use repro_generator::resolve::{self, FOLDER, Input, UV_VERSION};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::engine::{BuildRequest, BuildResult, Engine, Mount, RunOutcome, RunRequest, WAITS, pause, silence};
use crate::failure::{Failure, could_not_tell};
use crate::files;

/// What a resolve gave: a lock, or the resolver's words.
pub enum Resolved {
    Lock(Lock),
    /// Pinned releases without a wheel for the base's Python, with the version to take instead.
    NoWheel(Vec<(String, String)>),
    /// A lock, in which this release has wheels for these Pythons only.
    OtherPython {
        lock: Lock,
        release: String,
        pythons: Vec<String>,
    },
    Refused {
        log: String,
    },
}

/// Looks for wheels that fit.
const WHEELS: &str = include_str!("lock/wheels.py");
/// How long one resolve may take; source distributions may have to be built for their metadata.
const LIMIT: std::time::Duration = std::time::Duration::from_mins(10);
/// The index of CPU builds of torch.
const TORCH_CPU_INDEX: &str = "https://download.pytorch.org/whl/cpu";

/// Resolves a plan inside `environment`'s image. Errors are about the engine or the network, never about the repository.
pub fn lock(
    engine: &Engine,
    plan: &Plan,
    environment: &Environment,
    cache: &Path,
    log: &Path,
) -> anyhow::Result<Resolved> {
    let input = resolve::input(plan, environment);
    let verified = environment.image == plan.base_image;
    let image = environment.image_id.clone().unwrap_or_else(|| environment.image.clone());
    let key = key(&input, &image);
    let cached = cache.join("lock").join(format!("{key}.json"));
    if let Ok(text) = fs_err::read_to_string(&cached)
        && let Ok((resolved, builders, index)) = serde_json::from_str::<(String, String, Option<String>)>(&text)
    {
        let lock = resolve::lock(plan, &resolved, &builders, index.as_deref(), verified);
        return fitting(engine, plan, environment, lock, cache);
    }
    let resolver = resolver(engine, environment, cache)?;
    let unfit = unfit(engine, &resolve::exact_pins(plan), &resolver, &image, cache)?;
    let instead: Vec<(String, String)> =
        unfit.into_iter().filter_map(|(name, help)| Some((name, help.instead?))).collect();
    if !instead.is_empty() {
        return Ok(Resolved::NoWheel(instead));
    }
    let folder = tempfile::Builder::new().prefix("repro-resolve-").tempdir().context("no temporary folder")?;
    for (name, text) in &input.files {
        fs_err::write(folder.path().join(name), text)?;
    }
    let mut text = String::new();
    for (name, words) in [("builders", Some(&input.builders)), ("requirements", input.requirements.as_ref())] {
        let Some(words) = words else { continue };
        let part = log.with_extension(format!("{name}.log"));
        let request = RunRequest {
            image: resolver.clone(),
            name: "resolve".to_owned(),
            command: Some(words.clone()),
            mounts: vec![Mount::Bind { source: folder.path().to_owned(), target: FOLDER.to_owned(), read_only: false }],
            timeout: Some(LIMIT),
            user: Some("0".to_owned()),
            ..RunRequest::default()
        };
        let start = Instant::now();
        let (outcome, said) = run_patiently(engine, &request, &part)?;
        text.push_str(&said);
        files::write_atomically(log, text.as_bytes())?;
        if outcome.exit_code != 0 {
            if outcome.interrupted {
                anyhow::bail!(Failure::Interrupted);
            }
            if engine.ran_out_of_disk(&text) {
                anyhow::bail!(Failure::CouldNotTell(format!(
                    "the engine's disk ran full during the resolve; see {}\nhint: free some space, then run the same command again",
                    log.display()
                )));
            }
            if outcome.timed_out {
                anyhow::bail!(Failure::CouldNotTell(format!(
                    "the resolve took longer than {} s; see {}\nhint: is the package index slow? Run the same command again",
                    LIMIT.as_secs(),
                    log.display()
                )));
            }
            if was_silence(&text) {
                anyhow::bail!(Failure::CouldNotTell(format!(
                    "the package index did not answer the resolver; see {}\nhint: check the network of containers with `cargo xtask doctor`",
                    log.display()
                )));
            }
            let seconds = start.elapsed().as_secs_f64();
            text.push_str(&format!("\n(exit code {} after {seconds:.0} s)\n", outcome.exit_code));
            return Ok(Resolved::Refused { log: text });
        }
    }
    let read = |name: &str| fs_err::read_to_string(folder.path().join(name)).unwrap_or_default();
    let (resolved, builders) = (read("requirements.out"), read("builders.out"));
    let has_torch = resolved.lines().any(|line| line.starts_with("torch=="));
    let index = if has_torch && !plan.on_ngc() { torch_index(engine, &resolver) } else { None };
    files::write_atomically(&cached, serde_json::to_string(&(&resolved, &builders, &index))?.as_bytes())?;
    let lock = resolve::lock(plan, &resolved, &builders, index.as_deref(), verified);
    fitting(engine, plan, environment, lock, cache)
}

/// Runs a resolver; one that ended because the index was silent is begun again. Gives what it printed, too.
fn run_patiently(engine: &Engine, request: &RunRequest, log: &Path) -> anyhow::Result<(RunOutcome, String)> {
    for wait in WAITS {
        let outcome = engine.run(request, log, &mut |_| {})?;
        let said = fs_err::read_to_string(log).unwrap_or_default();
        let is_over = outcome.exit_code == 0 || outcome.interrupted || outcome.timed_out;
        if is_over || !was_silence(&said) {
            return Ok((outcome, said));
        }
        pause(wait, "the package index did not answer the resolver");
    }
    let outcome = engine.run(request, log, &mut |_| {})?;
    Ok((outcome, fs_err::read_to_string(log).unwrap_or_default()))
}

/// Did a server's silence end this resolve? A verdict of the resolver is one, whatever it retried before.
fn was_silence(said: &str) -> bool {
    silence::is_at_the_end(said.lines()) && !said.contains("No solution found")
}

/// Resolves requirements as of a day, for a Python: `name==version` each. `None` where that cannot be done.
///
/// # Errors
/// Where the engine fails.
pub fn as_of(
    engine: &Engine,
    environment: &Environment,
    requirements: &[String],
    python: &str,
    date: &str,
    cache: &Path,
) -> anyhow::Result<Option<Vec<String>>> {
    let resolver = resolver(engine, environment, cache)?;
    let folder = tempfile::Builder::new().prefix("repro-resolve-").tempdir().context("no temporary folder")?;
    let (text, words) = resolve::as_of(requirements, &environment.interpreter, python, date);
    fs_err::write(folder.path().join(resolve::AS_OF_INPUT), text)?;
    let request = RunRequest {
        image: resolver,
        name: "resolve".to_owned(),
        command: Some(words),
        mounts: vec![Mount::Bind { source: folder.path().to_owned(), target: FOLDER.to_owned(), read_only: false }],
        timeout: Some(LIMIT),
        user: Some("0".to_owned()),
        ..RunRequest::default()
    };
    let (outcome, _) = run_patiently(engine, &request, &folder.path().join("log"))?;
    if outcome.interrupted {
        anyhow::bail!(Failure::Interrupted);
    }
    let resolved = fs_err::read_to_string(folder.path().join(resolve::AS_OF_OUTPUT)).unwrap_or_default();
    Ok((outcome.exit_code == 0).then(|| resolve::pins(&resolved)))
}

/// The Pythons that all of these releases have wheels for, as far as some of them have none for the base's own. Empty where
/// nothing is in the way.
///
/// # Errors
/// Where the engine fails.
pub fn pythons_with_wheels(
    engine: &Engine,
    environment: &Environment,
    pins: &[(String, String)],
    cache: &Path,
) -> anyhow::Result<Vec<String>> {
    let resolver = resolver(engine, environment, cache)?;
    let image = environment.image_id.clone().unwrap_or_else(|| environment.image.clone());
    let unfit = unfit(engine, pins, &resolver, &image, cache)?;
    let mut all = unfit.into_values().map(|help| help.pythons);
    let Some(mut common) = all.next() else { return Ok(Vec::new()) };
    for pythons in all {
        common.retain(|python| pythons.contains(python));
    }
    Ok(common)
}

/// A limit can lead to a release from before the base's Python.
fn fitting(
    engine: &Engine,
    plan: &Plan,
    environment: &Environment,
    lock: Lock,
    cache: &Path,
) -> anyhow::Result<Resolved> {
    let pins = resolve::limited_pins(plan, &lock);
    if pins.is_empty() {
        return Ok(Resolved::Lock(lock));
    }
    let resolver = resolver(engine, environment, cache)?;
    let image = environment.image_id.clone().unwrap_or_else(|| environment.image.clone());
    let unfit = unfit(engine, &pins, &resolver, &image, cache)?;
    let first = unfit.into_iter().find(|(_, help)| !help.pythons.is_empty());
    Ok(match first {
        Some((name, help)) => {
            let version = pins.iter().find(|(pinned, _)| *pinned == name).map_or("", |(_, version)| version);
            Resolved::OtherPython { lock, release: format!("{name} {version}"), pythons: help.pythons }
        }
        None => Resolved::Lock(lock),
    })
}

/// What helps where a release has no wheel for an interpreter; `wheels.py` says what the parts are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Help {
    instead: Option<String>,
    pythons: Vec<String>,
}

/// The pins that have no wheel for the Python of the base, with what helps. Where the index does not say, nothing: the
/// resolve, or the build, will.
fn unfit(
    engine: &Engine,
    pins: &[(String, String)],
    resolver: &str,
    image: &str,
    cache: &Path,
) -> anyhow::Result<BTreeMap<String, Help>> {
    if pins.is_empty() {
        return Ok(BTreeMap::new());
    }
    let key = hex(&Sha256::digest(format!("{WHEELS}{image}\n{pins:?}")));
    let cached = cache.join("lock").join(format!("{key}.wheels.json"));
    let known = fs_err::read_to_string(&cached).ok().and_then(|text| serde_json::from_str(&text).ok());
    if let Some(known) = known {
        return Ok(known);
    }
    let Some(answer) = look_for_wheels(engine, resolver, pins)? else { return Ok(BTreeMap::new()) };
    files::write_atomically(&cached, serde_json::to_string(&answer)?.as_bytes())?;
    Ok(answer)
}

/// Asks the index, from inside a container; `None` where it does not say.
fn look_for_wheels(
    engine: &Engine,
    image: &str,
    pins: &[(String, String)],
) -> anyhow::Result<Option<BTreeMap<String, Help>>> {
    let folder = tempfile::Builder::new().prefix("repro-wheels-").tempdir().context("no temporary folder")?;
    let input = serde_json::to_string(pins)?;
    for (name, text) in
        [("pins.json", input.as_str()), ("wheels.py", WHEELS), ("fetch_sdist.py", crate::source::SDIST_SCRIPT)]
    {
        fs_err::write(folder.path().join(name), text)?;
    }
    let program = ["python3", "-B", &format!("{FOLDER}/wheels.py"), &format!("{FOLDER}/pins.json")];
    let said = engine.capture(&RunRequest {
        image: image.to_owned(),
        name: "wheels".to_owned(),
        command: Some(program.map(str::to_owned).to_vec()),
        mounts: vec![Mount::Bind { source: folder.path().to_owned(), target: FOLDER.to_owned(), read_only: true }],
        timeout: Some(LIMIT),
        ..RunRequest::default()
    })?;
    Ok(said.stdout.lines().last().and_then(|line| serde_json::from_str(line).ok()))
}

/// The base with uv in it, built once per base.
fn resolver(engine: &Engine, environment: &Environment, cache: &Path) -> anyhow::Result<String> {
    let base = environment.image_id.as_deref().unwrap_or(&environment.image);
    let digest = hex(&Sha256::digest(format!("{base} {UV_VERSION}")));
    let tag = format!("repro-resolver:{}", &digest[..16]);
    if engine.image_exists(&tag)? {
        return Ok(tag);
    }
    let folder = tempfile::Builder::new().prefix("repro-resolver-").tempdir()?;
    // uv's own wheel asks for a newer Python than some bases have; its program runs on any.
    let text = format!(
        "FROM {}\nUSER 0\nRUN python3 -m pip download --quiet --no-cache-dir --no-deps --only-binary=:all: --python-version 3.12 \\\n    \
         --platform manylinux2014_x86_64 --platform manylinux_2_28_x86_64 --dest /tmp/uv uv=={UV_VERSION} \\\n \
         && python3 -m zipfile -e /tmp/uv/uv-*.whl /tmp/uv \\\n && install -m 755 /tmp/uv/uv-*.data/scripts/uv /usr/local/bin/uv \\\n \
         && rm -rf /tmp/uv\n",
        environment.image
    );
    fs_err::write(folder.path().join("Dockerfile"), text)?;
    let log = cache.join("resolver.log");
    let request = BuildRequest {
        context: folder.path().to_owned(),
        dockerfile: folder.path().join("Dockerfile"),
        tag: Some(tag.clone()),
        ..BuildRequest::default()
    };
    let outcome = engine.build(&request, &log, &mut |_| {})?;
    if let BuildResult::Failed(failure) = outcome.result {
        let (what, hint) = if failure.kind.is_verdict() {
            ("uv cannot be had", "containers must reach the package index; `cargo xtask doctor` checks that")
        } else {
            failure.kind.trouble()
        };
        return Err(could_not_tell(format!(
            "the resolver could not be set up on `{}`: {what}; see {}\nhint: {hint}",
            environment.image,
            log.display()
        )));
    }
    Ok(tag)
}

/// The index of CPU builds, where it answers from inside a container.
fn torch_index(engine: &Engine, resolver: &str) -> Option<String> {
    let script =
        format!("import urllib.request\nurllib.request.urlopen('{TORCH_CPU_INDEX}/torch/', timeout=10).read(1)");
    let request = RunRequest {
        image: resolver.to_owned(),
        name: "index".to_owned(),
        command: Some(vec!["python3".to_owned(), "-c".to_owned(), script]),
        timeout: Some(std::time::Duration::from_secs(30)),
        ..RunRequest::default()
    };
    let answer = engine.capture(&request).ok()?;
    (answer.exit_code == 0).then(|| TORCH_CPU_INDEX.to_owned())
}

fn key(input: &Input, image: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{image}\n{UV_VERSION}\n{input:?}"));
    hex(&hash.finalize())
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_without_a_wheel_gives_way_to_the_oldest_release_that_has_one() {
        let image = "python:3.11-slim-bookworm";
        let Some(engine) = crate::engine::promised_with(image) else { return };
        let pin = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        // The first has wheels for older Pythons only, the second no wheel at all, the third one for any Python.
        let pins = [pin("numpy", "1.19.5"), pin("antlr4-python3-runtime", "4.9.3"), pin("six", "1.15.0")];
        let answer = look_for_wheels(&engine, image, &pins).unwrap().unwrap();
        let pythons = ["3.6", "3.7", "3.8", "3.9"].map(str::to_owned).to_vec();
        let help = Help { instead: Some("1.23.2".to_owned()), pythons };
        assert_eq!(answer, BTreeMap::from([("numpy".to_owned(), help)]));
    }
}
