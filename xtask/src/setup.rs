//! An engine where there is none.
//!
//! In: leave to change this machine (`--setup`), or none. Out: an engine that answers, or an error that says exactly what
//! would be done. Nothing is installed or started unasked, and doing it twice changes nothing.

use std::{
    fs::File,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;

use crate::{
    engine::{self, Engine, EngineError},
    failure::{Failure, could_not_tell},
    interrupt,
    project::Project,
    report,
};

/// What a bare machine needs: the engine, what stand-ins are made with, what sources are fetched with.
const PACKAGES: [&str; 5] = ["docker.io", "iptables", "debootstrap", "ca-certificates", "git"];

/// A daemon on a slow disk takes some ten seconds to its first answer.
const START_PATIENCE: Duration = Duration::from_mins(1);
const INSTALL_PATIENCE: Duration = Duration::from_mins(30);

/// One thing that `--setup` does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Through apt.
    Install(Vec<&'static str>),
    /// The kernel knows no nftables: iptables has to use the older interface, or the daemon has no network.
    LegacyIptables,
    StartDaemon,
}

impl Step {
    fn describe(&self) -> String {
        match self {
            Self::Install(packages) => {
                format!("apt-get install --yes --no-install-recommends {}", packages.join(" "))
            }
            Self::LegacyIptables => "update-alternatives --set iptables /usr/sbin/iptables-legacy".to_owned(),
            Self::StartDaemon => "dockerd, started in the background until the machine stops".to_owned(),
        }
    }
}

/// An engine that answers. Where none does and `allow` is set, one is installed and started: on Debian and Ubuntu as root
/// the distribution's docker, otherwise rootless podman where the machine has it.
pub fn ensure_engine(choice: Option<&str>, allow: bool) -> anyhow::Result<Engine> {
    let error = match Engine::detect(choice) {
        Ok(engine) => {
            // What a killed run left behind would hold memory and a name; failing to look is no reason to stop.
            let _ = engine.remove_leftovers();
            return Ok(engine);
        }
        Err(error) => error,
    };
    let whole = error.to_string();
    // The error's own hint is replaced by a better one.
    let what = whole.split("\nhint: ").next().unwrap_or_default();
    // Who named an engine wants that one; who may not talk to a running daemon needs no second one.
    let cannot_be_helped = matches!(error, EngineError::NoSuchCli { .. } | EngineError::Interrupted)
        || (matches!(error, EngineError::PermissionDenied { .. }) && !is_root());
    if cannot_be_helped {
        return Err(could_not_tell(error.to_string()));
    }
    if !is_root() || !has_apt() {
        return Err(could_not_tell(format!("{what}\n{}", advice())));
    }
    if std::env::var_os("DOCKER_HOST").is_some() {
        return Err(could_not_tell(format!(
            "{what}\nhint: `DOCKER_HOST` points to another engine than this machine's; unset it to use a local one"
        )));
    }
    let steps = missing();
    if !allow {
        let list: Vec<String> = steps.iter().map(|step| format!("  {}", step.describe())).collect();
        return Err(could_not_tell(format!(
            "{what}\nhint: the same command with `--setup` runs, as root:\n{}",
            list.join("\n")
        )));
    }
    for step in &steps {
        if interrupt::requested() {
            return Err(Failure::Interrupted.into());
        }
        report::status("Setup", step.describe());
        perform(step)?;
    }
    Engine::detect(choice).map_err(|error| could_not_tell(error.to_string()))
}

/// What is left to do on this machine, in order.
fn missing() -> Vec<Step> {
    let mut steps = Vec::new();
    let absent: Vec<&str> = PACKAGES
        .into_iter()
        .filter(|package| match *package {
            "docker.io" => find("dockerd").is_none() || find("docker").is_none(),
            "ca-certificates" => find("update-ca-certificates").is_none(),
            other => find(other).is_none(),
        })
        .collect();
    let has_iptables = find("iptables").is_some();
    if !absent.is_empty() {
        steps.push(Step::Install(absent));
    }
    if !has_iptables || !iptables_works() {
        steps.push(Step::LegacyIptables);
    }
    steps.push(Step::StartDaemon);
    steps
}

fn perform(step: &Step) -> anyhow::Result<()> {
    match step {
        Step::Install(packages) => {
            // Indexes may be missing or old; an install that fails tells more than an update that does.
            let _ = apt(&["update"]);
            let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
            arguments.extend(packages);
            apt(&arguments)
        }
        Step::LegacyIptables => {
            // Only known after the installation: a kernel with nftables is fine.
            if iptables_works() {
                return Ok(());
            }
            run(&["update-alternatives", "--set", "iptables", "/usr/sbin/iptables-legacy"], Duration::from_mins(1))
        }
        Step::StartDaemon => start_daemon(),
    }
}

fn apt(arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = vec!["apt-get", "--quiet"];
    command.extend(arguments);
    run(&command, INSTALL_PATIENCE)
}

/// Removes the process file of a daemon that was killed: the next one would not start beside it. A process of that name
/// that still runs keeps its file.
fn forget_dead(file: &str, name: &str) {
    let Ok(text) = fs_err::read_to_string(file) else { return };
    let status = fs_err::read_to_string(format!("/proc/{}/status", text.trim())).unwrap_or_default();
    let runs = status.lines().any(|line| line == format!("Name:\t{name}"))
        && !status.lines().any(|line| line.starts_with("State:\tZ"));
    if !runs {
        let _ = fs_err::remove_file(file);
    }
}

/// Starts the daemon through the service manager where there is one, else by itself, and waits until it answers.
fn start_daemon() -> anyhow::Result<()> {
    if Engine::detect(Some("docker")).is_ok() {
        return Ok(());
    }
    let log = Project::find(Path::new("."), None).root.join("target/repro/dockerd.log");
    if Path::new("/run/systemd/system").exists() {
        run(&["systemctl", "start", "docker"], START_PATIENCE)?;
    } else {
        forget_dead("/var/run/docker.pid", "dockerd");
        forget_dead("/var/run/docker/containerd/containerd.pid", "containerd");
        detach(&log)?;
    }
    let started = Instant::now();
    loop {
        match Engine::detect(Some("docker")) {
            Ok(_) => return Ok(()),
            Err(_) if interrupt::requested() => return Err(Failure::Interrupted.into()),
            Err(error) if started.elapsed() > START_PATIENCE => {
                return Err(could_not_tell(format!(
                    "dockerd was started and does not answer: {error}\nhint: its log is `{}`{}",
                    log.display(),
                    last_words(&log)
                )));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(500)),
        }
    }
}

/// A daemon of its own session: it outlives this program and hears no Ctrl-C of its terminal.
fn detach(log: &Path) -> anyhow::Result<()> {
    let dockerd = find("dockerd").context("`dockerd` is not installed")?;
    if let Some(folder) = log.parent() {
        fs_err::create_dir_all(folder)?;
    }
    let out = File::create(log).with_context(|| format!("cannot write `{}`", log.display()))?;
    let (program, arguments) = match find("setsid") {
        Some(setsid) => (setsid, vec![dockerd]),
        None => (dockerd, Vec::new()),
    };
    let handle = duct::cmd(program, arguments)
        .env("PATH", search_path())
        .stdin_null()
        .stderr_to_stdout()
        .stdout_file(out)
        .unchecked()
        .before_spawn(|command| {
            command.process_group(0);
            Ok(())
        })
        .start()
        .context("cannot start `dockerd`")?;
    // The daemon is not this program's to wait for.
    std::mem::forget(handle);
    Ok(())
}

fn last_words(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(3).collect();
    lines.into_iter().rev().fold(String::new(), |text, line| text + "\n  " + line)
}

/// Can rules be listed? Where the kernel has no nftables, the newer iptables cannot.
fn iptables_works() -> bool {
    run(&["iptables", "--table", "nat", "--list", "--numeric"], Duration::from_secs(20)).is_ok()
}

/// What someone without root, or with another distribution, can do.
fn advice() -> String {
    let how = if which::which("podman").is_ok() {
        "`podman info` must succeed for this user (it needs `uidmap`, `slirp4netns` or `passt`, and lines in /etc/subuid \
         and /etc/subgid)"
    } else {
        "install rootless podman with your package manager (`apt-get install podman uidmap slirp4netns`, `dnf install \
         podman`), or ask an administrator for docker and membership of the `docker` group"
    };
    format!("hint: only root on Debian or Ubuntu can set an engine up here; otherwise {how}")
}

fn is_root() -> bool {
    find("id").is_some_and(|id| duct::cmd!(id, "-u").stderr_null().unchecked().read().is_ok_and(|id| id.trim() == "0"))
}

fn has_apt() -> bool {
    find("apt-get").is_some()
}

fn find(program: &str) -> Option<PathBuf> {
    which::which_in(program, Some(search_path()), ".").ok()
}

/// Programs of the administrator lie outside many a PATH.
fn search_path() -> String {
    format!("{}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin", std::env::var("PATH").unwrap_or_default())
}

fn run(command: &[&str], patience: Duration) -> anyhow::Result<()> {
    let (name, arguments) = command.split_first().context("an empty command")?;
    let program = find(name).with_context(|| format!("`{name}` is not installed"))?;
    let expression = duct::cmd(program, arguments)
        .env("PATH", search_path())
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("LC_ALL", "C");
    let mut last = Vec::new();
    let code = engine::watch(&expression, patience, None, &mut |line| {
        if !line.trim().is_empty() {
            last.push(line.to_owned());
            if last.len() > 4 {
                last.remove(0);
            }
        }
    })?;
    if code == Some(0) {
        return Ok(());
    }
    Err(could_not_tell(format!("`{}` failed: {}", command.join(" "), last.join(" | "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_says_the_command_that_it_runs() {
        let install = Step::Install(vec!["docker.io", "git"]).describe();
        assert_eq!(install, "apt-get install --yes --no-install-recommends docker.io git");
        assert!(Step::StartDaemon.describe().starts_with("dockerd"));
    }

    #[test]
    fn the_daemon_is_started_last() {
        assert_eq!(missing().last(), Some(&Step::StartDaemon));
    }
}
