//! `doctor`: what this machine has and lacks, and how to get it.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use repro_generator::planner::NGC_IMAGE;
use serde::Serialize;

use crate::{
    bases,
    engine::{self, Builder, Engine, Pulled, RunRequest, human_bytes},
    failure::Failure,
    interrupt,
    project::Project,
    report::{self, Format},
};

/// Below this much free space a build with a deep-learning framework is likely to end in a full disk.
const COMFORTABLE_BYTES: u64 = 20_000_000_000;
/// Below this much, hardly any build ends well.
const LEAST_BYTES: u64 = 4_000_000_000;

/// Image of a few kilobytes, to ask a registry with.
const PROBE_IMAGE: &str = "hello-world:linux";
const REGISTRY_PATIENCE: Duration = Duration::from_secs(20);

/// Say what is missing on this machine and how to get it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask doctor\n  cargo xtask doctor --format json\n\n\
                        Exit code 0: a repository that needs no GPU can be reproduced here; 1: it cannot.")]
pub struct Args {
    /// `docker`, `podman`, or a path
    #[arg(long, value_name = "ENGINE")]
    engine: Option<String>,
    /// Ask nothing of the network
    #[arg(long)]
    offline: bool,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    /// Works, or is not needed by everyone.
    Warn,
    Missing,
}

/// One thing looked at.
#[derive(Debug, Clone, Serialize)]
struct Check {
    name: &'static str,
    status: Status,
    detail: String,
    /// What to do; empty where nothing is needed.
    hint: String,
}

#[derive(Debug, Serialize)]
struct Answer<'a> {
    schema: u32,
    /// Can a repository that needs no GPU be reproduced here?
    ready: bool,
    checks: &'a [Check],
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let project = Project::find(&std::env::current_dir()?, None);
    let (checks, ready) = examine(args, &project);
    if interrupt::requested() {
        return Err(Failure::Interrupted.into());
    }
    match args.format {
        Format::Json => report::json(&Answer { schema: 1, ready, checks: &checks })?,
        Format::Text => report::data(text(&checks, ready)),
    }
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn examine(args: &Args, project: &Project) -> (Vec<Check>, bool) {
    let mut checks = Vec::new();
    let engine = match Engine::detect(args.engine.as_deref()) {
        Ok(engine) => {
            checks.push(ok(
                "engine",
                format!("{}{}", engine.describe(), if engine.rootless { ", rootless" } else { "" }),
            ));
            Some(engine)
        }
        Err(error) => {
            let text = error.to_string();
            let (detail, hint) = text.split_once("\nhint: ").unwrap_or((&text, ""));
            checks.push(missing("engine", detail, hint));
            None
        }
    };
    let mut has_base = false;
    if let Some(engine) = &engine {
        checks.push(builder(engine));
        checks.push(disk(engine));
        let (registry, answers) = registry(engine, args.offline);
        checks.push(registry);
        let (base, here) = base_images(engine, answers);
        checks.push(base);
        has_base = here;
        if let Some(network) = container_network(engine, args.offline) {
            checks.push(network);
        }
        checks.push(gpu(engine));
    }
    checks.push(git());
    checks.push(debootstrap());
    checks.push(host_pythons());
    checks.push(writable(project));
    let needed = ["engine", "disk", "base images", "package index", "git", "results"];
    let ready = has_base && checks.iter().all(|check| check.status != Status::Missing || !needed.contains(&check.name));
    (checks, ready)
}

fn builder(engine: &Engine) -> Check {
    match engine.builder {
        Builder::Legacy => warn(
            "builder",
            engine.builder.describe().to_owned(),
            "everything works; BuildKit is faster and has cache mounts: install the buildx plugin (`docker-buildx`)",
        ),
        builder => ok("builder", builder.describe().to_owned()),
    }
}

fn disk(engine: &Engine) -> Check {
    match (engine.free_bytes(), &engine.storage) {
        (Some(free), Some(storage)) => {
            let detail = format!("{} free in `{}`", human_bytes(free), storage.display());
            if free < LEAST_BYTES {
                missing("disk", &detail, "free some space: an image with PyTorch takes 2 to 10 GB")
            } else if free < COMFORTABLE_BYTES {
                warn("disk", detail, "enough for small images; one with PyTorch and CUDA takes 10 GB and more")
            } else {
                ok("disk", detail)
            }
        }
        _ => warn("disk", "the engine's storage cannot be seen from here".into(), "look at `docker system df`"),
    }
}

fn registry(engine: &Engine, offline: bool) -> (Check, bool) {
    if offline {
        return (warn("registry", "not asked (`--offline`)".into(), ""), false);
    }
    match engine.pull(PROBE_IMAGE, None, REGISTRY_PATIENCE) {
        Ok(Pulled::Yes) => {
            let _ = engine.remove_tag(PROBE_IMAGE);
            (ok("registry", "answers".into()), true)
        }
        // It answered, and that is what was asked.
        Ok(Pulled::Missing(said)) => (ok("registry", format!("answers ({said})")), true),
        Ok(Pulled::Unreachable(said)) => (
            warn(
                "registry",
                format!("does not answer: {said}"),
                "check the network and the daemon's proxy settings; without a registry, `cargo xtask bases` makes \
                 stand-ins for `python:X.Y-slim-bookworm`",
            ),
            false,
        ),
        Err(error) => (warn("registry", error.to_string(), ""), false),
    }
}

fn base_images(engine: &Engine, registry_answers: bool) -> (Check, bool) {
    let stand_ins = bases::stand_ins(engine).unwrap_or_default();
    // Plain Debian is what the others are made of, and no base by itself.
    let tags: Vec<&str> = stand_ins.iter().filter(|one| one.python.is_some()).map(|one| one.tag.as_str()).collect();
    if !tags.is_empty() {
        return (ok("base images", format!("stand-ins: {}", tags.join(", "))), true);
    }
    if registry_answers {
        return (ok("base images", "from their registry".into()), true);
    }
    let here: Vec<String> = ["3.13", "3.12", "3.11", "3.10", "3.9", "3.8"]
        .map(|minor| format!("python:{minor}-slim-bookworm"))
        .into_iter()
        .filter(|tag| engine.image_exists(tag).unwrap_or(false))
        .collect();
    if here.is_empty() {
        (missing("base images", "none here, and no registry answers", "`cargo xtask bases` makes stand-ins"), false)
    } else {
        (ok("base images", format!("on this machine: {}", here.join(", "))), true)
    }
}

/// Builds run pip and apt in containers: does a container reach the package index that its pip is set to?
fn container_network(engine: &Engine, offline: bool) -> Option<Check> {
    if offline {
        return None;
    }
    let tag = ["3.12", "3.11", "3.13", "3.10"]
        .map(|minor| format!("python:{minor}-slim-bookworm"))
        .into_iter()
        .find(|tag| engine.image_exists(tag).unwrap_or(false))?;
    let command = ["pip", "download", "--no-deps", "--no-cache-dir", "--quiet", "--dest", "/tmp", "six"];
    let request = RunRequest {
        image: tag,
        command: Some(command.map(ToOwned::to_owned).to_vec()),
        name: "doctor".into(),
        timeout: Some(Duration::from_mins(1)),
        ..RunRequest::default()
    };
    let started = Instant::now();
    let hint =
        "builds install from it: check the engine's DNS and proxy settings, and pip's configuration in the image";
    Some(match engine.capture(&request) {
        Ok(captured) if captured.exit_code == 0 => {
            ok("package index", format!("reached from a container in {:.1} s", started.elapsed().as_secs_f64()))
        }
        Ok(captured) => {
            // Pip's last word would be that there is no such distribution.
            let unanswered = captured.stderr.lines().find(|line| line.contains("Retrying ("));
            let last = captured.stderr.lines().rev().find(|line| line.starts_with("ERROR"));
            let last = unanswered.or(last).unwrap_or("no answer");
            missing("package index", &format!("not reached from a container: {last}"), hint)
        }
        Err(error) => missing("package index", &error.to_string(), hint),
    })
}

/// The branch of a driver version: 580 of `580.65.06`.
fn branch(driver: &str) -> Option<u32> {
    driver.split('.').next()?.parse().ok()
}

fn gpu(engine: &Engine) -> Check {
    match engine.gpus() {
        Ok(gpus) => {
            let names: Vec<String> =
                gpus.gpus.iter().map(|gpu| format!("{} ({})", gpu.name, human_bytes(gpu.memory))).collect();
            let detail = format!("{}, driver {}", names.join(", "), gpus.driver);
            let knowledge = repro_knowledge::base();
            let cuda = knowledge.image(NGC_IMAGE).and_then(|image| image.cuda);
            let needed = cuda.as_deref().and_then(|cuda| knowledge.tables().cuda_driver(cuda));
            match (needed, cuda) {
                (Some(needed), Some(cuda)) if branch(&gpus.driver) < branch(needed) => warn(
                    "gpu",
                    detail,
                    &format!(
                        "`{NGC_IMAGE}` has CUDA {cuda}, which needs driver {needed} or later (data-centre GPUs: a forward compatibility package)"
                    ),
                ),
                _ => ok("gpu", detail),
            }
        }
        Err(error) => {
            let text = error.to_string();
            let (detail, hint) = text.split_once("\nhint: ").unwrap_or((&text, ""));
            warn("gpu", detail.to_owned(), &format!("only for repositories that need one: {hint}"))
        }
    }
}

fn git() -> Check {
    match duct::cmd!("git", "--version").stderr_null().unchecked().read() {
        Ok(version) if !version.is_empty() => ok("git", version.trim_start_matches("git version ").to_owned()),
        _ => missing("git", "not installed", "`apt-get install git`"),
    }
}

fn debootstrap() -> Check {
    let found = ["debootstrap", "/usr/sbin/debootstrap"].iter().any(|name| which::which(name).is_ok());
    if found {
        ok("debootstrap", "installed; stand-ins can be made (as root)".into())
    } else {
        warn(
            "debootstrap",
            "not installed".into(),
            "only for stand-ins, where no registry answers: `apt-get install debootstrap`",
        )
    }
}

fn host_pythons() -> Check {
    let found: Vec<String> = bases::host_pythons().into_iter().map(|(version, _)| version).collect();
    if found.is_empty() {
        warn(
            "host pythons",
            "none".into(),
            "only for stand-ins: without one they carry Debian's own Python (3.9, 3.11, 3.13); pyenv or uv install others",
        )
    } else {
        ok("host pythons", format!("{} (for stand-ins)", found.join(", ")))
    }
}

fn writable(project: &Project) -> Check {
    let folder = project.root.join("target/repro");
    let try_it = fs_err::create_dir_all(&folder)
        .and_then(|()| tempfile::Builder::new().prefix("doctor-").tempfile_in(&folder).map(drop));
    let free =
        engine::free_bytes(&project.root).map(|free| format!(", {} free", human_bytes(free))).unwrap_or_default();
    match try_it {
        Ok(()) => ok("results", format!("`{}` can be written{free}", project.root.display())),
        Err(error) => missing("results", &error.to_string(), "run from a checkout that you may write to"),
    }
}

fn ok(name: &'static str, detail: String) -> Check {
    Check { name, status: Status::Ok, detail, hint: String::new() }
}

fn warn(name: &'static str, detail: String, hint: &str) -> Check {
    Check { name, status: Status::Warn, detail, hint: hint.to_owned() }
}

fn missing(name: &'static str, detail: &str, hint: &str) -> Check {
    Check { name, status: Status::Missing, detail: detail.to_owned(), hint: hint.to_owned() }
}

fn text(checks: &[Check], ready: bool) -> String {
    let mut lines = Vec::new();
    for check in checks {
        let status = match check.status {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Missing => "missing",
        };
        lines.push(format!("{status:<9}{:<16}{}", check.name, check.detail));
        if check.status != Status::Ok && !check.hint.is_empty() {
            lines.push(format!("{:<25}hint: {}", "", check.hint));
        }
    }
    lines.push(String::new());
    lines.push(if ready {
        "a repository that needs no GPU can be reproduced here".to_owned()
    } else {
        "nothing can be reproduced here yet: see `missing` above".to_owned()
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_stands_under_what_is_missing_and_not_under_what_is_there() {
        let checks = [ok("git", "2.39.5".into()), missing("engine", "none", "install one")];
        let text = text(&checks, false);
        assert!(text.contains("ok       git             2.39.5\nmissing  engine          none\n"), "{text}");
        assert!(text.contains("hint: install one"), "{text}");
    }
}
