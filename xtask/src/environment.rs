//! Measures what a base image holds, by one run of a container without network.
//!
//! In: an image on this machine. Out: its [`Environment`], kept on disk under the image's id, so that an image is asked
//! once. The measuring changes nothing in the image, and an image without Python or without a shell is an answer too.

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::Context as _;
use repro_core::Environment;
use serde::Deserialize;
use sha2::Digest as _;

use crate::{
    engine::{Engine, EngineError, RunRequest},
    files,
};

/// Prints `KEY=VALUE` lines, then what [`PYTHON_PART`] says. POSIX shell; every program it calls may be missing.
const SHELL_PART: &str = include_str!("environment/measure.sh");

/// Prints one line of JSON. Runs on Python 2.7 and everything after.
const PYTHON_PART: &str = include_str!("environment/measure.py");

/// NGC images are large and start slowly from a cold disk.
const PATIENCE: Duration = Duration::from_mins(5);

/// What `measure.py` prints.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PythonAnswer {
    version: String,
    interpreter: String,
    purelib: String,
    headers: bool,
    externally_managed: bool,
    constraint_file: Option<String>,
    packages: BTreeMap<String, String>,
}

/// What the image holds. The answer is kept under `cache`, in a file named after the image's id and after what was asked.
pub fn measure(engine: &Engine, image: &str, cache: &Path) -> anyhow::Result<Environment> {
    let Some(info) = engine.inspect(image)? else {
        let said = "it is not on this machine".to_owned();
        return Err(EngineError::NoSuchImage { image: image.to_owned(), said }.into());
    };
    // A changed question makes old answers worthless.
    let question = format!("{:x}", sha2::Sha256::digest([SHELL_PART, PYTHON_PART].concat()));
    let question = question.get(..8).unwrap_or(&question);
    let id = info.id.trim_start_matches("sha256:");
    let kept = cache.join("environments").join(format!("{id}-{question}.json"));
    let known = std::fs::read(&kept).ok().and_then(|bytes| serde_json::from_slice::<Environment>(&bytes).ok());
    let measured = if let Some(environment) = known {
        environment
    } else {
        let environment = Environment { image_id: Some(info.id.clone()), ..ask(engine, image)? };
        let text = serde_json::to_string_pretty(&environment).context("cannot write an environment as JSON")?;
        files::write_atomically(&kept, text.as_bytes())?;
        environment
    };
    // What depends on the name and on the registry is not the image's own.
    Ok(Environment {
        image: image.to_owned(),
        digest: info.digest.clone(),
        stand_in: info.on_stand_in(),
        measured: true,
        ..measured
    })
}

fn ask(engine: &Engine, image: &str) -> anyhow::Result<Environment> {
    let captured = engine.capture(&RunRequest {
        image: image.to_owned(),
        // The image's own entry point may print banners, start servers, or not be a shell at all.
        entrypoint: Some("/bin/sh".to_owned()),
        command: Some(["-c", SHELL_PART, "measure", PYTHON_PART].map(ToOwned::to_owned).to_vec()),
        name: "measure".to_owned(),
        offline: true,
        timeout: Some(PATIENCE),
        ..RunRequest::default()
    })?;
    if captured.timed_out {
        anyhow::bail!(
            "measuring `{image}` took longer than {} s\nhint: is the disk busy? Run it again",
            PATIENCE.as_secs()
        );
    }
    Ok(read(&captured.stdout))
}

/// Reads the answer. Lines that are not understood are skipped: a login profile may print anything.
fn read(text: &str) -> Environment {
    let mut environment = Environment { measured: true, ..Environment::default() };
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.trim();
        if value.is_empty() {
            continue;
        }
        match key {
            "repro:distribution" => value.clone_into(&mut environment.distribution),
            "repro:release" => value.clone_into(&mut environment.release),
            "repro:architecture" => architecture(value).clone_into(&mut environment.architecture),
            "repro:user" => value.clone_into(&mut environment.user),
            "repro:uid_1000" => {
                environment.uid_1000 = value.split_once(':').map(|(name, home)| (name.to_owned(), home.to_owned()));
            }
            "repro:tool" => environment.tools.push(value.to_owned()),
            "repro:cuda" => environment.cuda = environment.cuda.take().or_else(|| cuda_version(value)),
            "repro:python" => {
                let Ok(python) = serde_json::from_str::<PythonAnswer>(value) else { continue };
                environment.python = python.version;
                environment.interpreter = python.interpreter;
                environment.purelib = python.purelib;
                environment.headers = python.headers;
                environment.externally_managed = python.externally_managed;
                environment.constraint_file = python.constraint_file;
                environment.packages =
                    python.packages.into_iter().map(|(name, version)| (normalised(&name), version)).collect();
            }
            _ => {}
        }
    }
    environment.tools.sort();
    environment.tools.dedup();
    environment
}

/// `uname -m` speaks another language than dpkg, which is asked first.
fn architecture(name: &str) -> &str {
    match name {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// `13.0.2.006`, `Cuda compilation tools, release 12.4, V12.4.131`: the first two numbers.
fn cuda_version(text: &str) -> Option<String> {
    let text = text.split_once("release ").map_or(text, |(_, after)| after);
    let mut numbers = text.split(['.', ',', ' ']);
    let (major, minor) = (numbers.next()?.parse::<u32>().ok()?, numbers.next()?.parse::<u32>().ok()?);
    Some(format!("{major}.{minor}"))
}

/// A distribution's name as PEP 503 normalises it.
fn normalised(name: &str) -> String {
    let mut result = String::with_capacity(name.len());
    for letter in name.chars() {
        if matches!(letter, '-' | '_' | '.') {
            if !result.ends_with('-') {
                result.push('-');
            }
        } else {
            result.extend(letter.to_lowercase());
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_becomes_an_environment_and_noise_does_not_matter() {
        let environment = read(
            "Welcome = to this image\nrepro:distribution=debian\nrepro:release=bookworm\nrepro:architecture=x86_64\n\
             repro:user=root\nrepro:uid_1000=ubuntu:/home/ubuntu\nrepro:tool=git\nrepro:tool=gcc\nrepro:cuda=\n\
             repro:cuda=13.0.2.006\nrepro:cuda=12.9\n\
             repro:python={\"version\": \"3.12.3\", \"interpreter\": \"/usr/bin/python\", \"headers\": true, \
             \"constraint_file\": \"/etc/pip/constraint.txt\", \"packages\": {\"Torch_Audio\": \"2.9\"}}\n",
        );
        assert_eq!(environment.distribution, "debian");
        assert_eq!(environment.architecture, "amd64");
        assert_eq!(environment.tools, ["gcc", "git"]);
        assert_eq!(environment.cuda.as_deref(), Some("13.0"));
        assert_eq!(environment.uid_1000, Some(("ubuntu".into(), "/home/ubuntu".into())));
        assert_eq!(environment.python, "3.12.3");
        assert_eq!(environment.constraint_file.as_deref(), Some("/etc/pip/constraint.txt"));
        assert_eq!(environment.packages.get("torch-audio").map(String::as_str), Some("2.9"));
    }

    #[test]
    fn an_image_without_anything_is_an_answer() {
        assert_eq!(read(""), Environment { measured: true, ..Environment::default() });
    }

    #[test]
    fn cuda_versions_are_the_first_two_numbers() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(cuda_version(text).as_deref(), expected, "{text}");
        check("13.0.2.006", Some("13.0"));
        check("Cuda compilation tools, release 12.4, V12.4.131", Some("12.4"));
        check("none", None);
    }

    #[test]
    fn a_real_image_is_measured_once() {
        let Ok(engine) = Engine::detect(None) else {
            anstream::eprintln!("skipped: no engine");
            return;
        };
        let image = "python:3.11-slim-bookworm";
        if !engine.image_exists(image).unwrap() {
            anstream::eprintln!("skipped: no `{image}` here");
            return;
        }
        let cache = tempfile::tempdir().unwrap();
        let environment = measure(&engine, image, cache.path()).unwrap();
        assert!(environment.python.starts_with("3.11."), "{environment:?}");
        assert_eq!(environment.interpreter, "/usr/local/bin/python");
        assert_eq!(environment.purelib, "/usr/local/lib/python3.11/site-packages");
        assert_eq!((environment.distribution.as_str(), environment.release.as_str()), ("debian", "bookworm"));
        assert!(environment.headers && !environment.externally_managed);
        assert!(environment.packages.contains_key("pip") && environment.packages.contains_key("setuptools"));
        assert!(!environment.tools.iter().any(|tool| tool == "gcc"), "{:?}", environment.tools);
        assert_eq!(environment.user, "root");
        // The second answer is the kept one, whatever it says.
        let kept = std::fs::read_dir(cache.path().join("environments")).unwrap().next().unwrap().unwrap().path();
        let changed = Environment { user: "kept".to_owned(), ..environment };
        std::fs::write(&kept, serde_json::to_string(&changed).unwrap()).unwrap();
        assert_eq!(measure(&engine, image, cache.path()).unwrap(), changed);
    }
}
