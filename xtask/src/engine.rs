//! The container engine: docker or podman, and the builder that works there.
//!
//! In: requests to build and to run. Out: what happened, with logs, and errors that say what to do. Every call is one
//! process without a shell. This module and its children are the only ones that name `docker`; they never touch a
//! container or an image that this program did not make.

mod build;
mod gpu;
mod process;
mod progress;
#[cfg(test)]
mod real;
mod run;
pub mod silence;
mod temporary;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use self::process::Said;
pub use self::{
    build::{BuildFailure, BuildFailureKind, BuildOutcome, BuildRequest, BuildResult, WAITS, pause},
    progress::BuildProgress,
    run::{Captured, ChangeKind, Mount, RunOutcome, RunRequest},
    temporary::Left,
};
use crate::interrupt;

/// Label of every image and container that this program makes. An image built from one of ours inherits it, so it alone
/// does not make an image ours: see [`TAG_LABEL`].
pub const OWN_LABEL: &str = "repro";
/// The tag under which this program built an image; ours is an image whose tag it is.
pub const TAG_LABEL: &str = "repro.tag";
/// Process id of the program that made a container.
const PROCESS_LABEL: &str = "repro.process";
/// Marks an image as a stand-in for one that no registry gave. Images built on a stand-in inherit it.
pub const STAND_IN_LABEL: &str = "repro.stand-in";
/// The tag that a stand-in stands for; inherited too.
pub const STAND_IN_TAG_LABEL: &str = "repro.stand-in.tag";

/// How long a question to the engine may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Environment variable that names the engine, as `--engine` does.
pub const ENGINE_VARIABLE: &str = "REPRO_ENGINE";

/// An engine that has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// The program that runs containers.
    program: PathBuf,
    /// The program that builds; another one where only that one has BuildKit.
    build_program: PathBuf,
    pub kind: Kind,
    pub builder: Builder,
    pub client_version: String,
    pub server_version: String,
    /// Platform that the engine runs on: `linux/amd64`.
    pub platform: String,
    /// Memory of the engine's host, in bytes.
    pub total_memory: Option<u64>,
    /// Where the engine keeps images, where that is a folder of this machine.
    pub storage: Option<PathBuf>,
    /// Names of the OCI runtimes that the engine knows; `nvidia` shows an installed container toolkit.
    runtimes: Vec<String>,
    /// Rootless podman without cgroups v2 refuses limits.
    can_limit: bool,
    pub rootless: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Docker,
    Podman,
}

impl Kind {
    /// The program's usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

/// Who executes Dockerfiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Builder {
    /// BuildKit through the buildx plugin.
    Buildx,
    /// BuildKit inside a docker CLI before 23.
    BuiltIn,
    /// Docker's first builder.
    Legacy,
    /// Podman's.
    Buildah,
}

impl Builder {
    /// For people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Buildx => "BuildKit (buildx)",
            Self::BuiltIn => "BuildKit (built into the docker CLI)",
            Self::Legacy => "legacy builder",
            Self::Buildah => "buildah",
        }
    }
}

/// Why the engine did not do what was asked. Every message says what to do next; none of them is a verdict on a
/// repository.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(
        "no container engine: neither `docker` nor `podman` is on PATH\n\
         hint: `cargo xtask doctor` says what is missing; `--setup` installs it on Debian and Ubuntu"
    )]
    NoCli,
    #[error(
        "`{choice}` is no container engine that can be started\nhint: `--engine` takes `docker`, `podman` or the path of one of them"
    )]
    NoSuchCli { choice: String },
    #[error(
        "the daemon behind `{}` does not answer: {said}\n\
         hint: start it (`systemctl start docker`, or Docker Desktop); `--setup` starts one on Debian and Ubuntu",
        .program.display()
    )]
    NotRunning { program: PathBuf, said: String },
    #[error(
        "`{}` may not talk to its daemon: {said}\n\
         hint: add yourself to the `docker` group and log in again (`sudo usermod -aG docker \"$USER\"`), or use rootless podman",
        .program.display()
    )]
    PermissionDenied { program: PathBuf, said: String },
    #[error("`{}` does not work: {said}\nhint: `{0} info` should succeed first", .program.display())]
    Unusable { program: PathBuf, said: String },
    #[error(
        "the engine was lost while trying to {what}: {said}\nhint: look at the daemon's log, then run the same command again"
    )]
    Lost { what: String, said: String },
    #[error(
        "the engine's disk is full ({free} free, at least {needed} needed)\nhint: free some space; `{prune}` removes images without a name"
    )]
    DiskFull { free: String, needed: String, prune: String },
    #[error(
        "image `{image}` is not on this machine and no registry answered: {said}\nhint: check the network; `cargo xtask bases {image}` makes a stand-in where there is no registry"
    )]
    RegistryUnreachable { image: String, said: String },
    #[error("there is no image `{image}`: {said}\nhint: check its name and tag, or log in to its registry")]
    NoSuchImage { image: String, said: String },
    #[error("no GPU can be used in a container: {reason}\nhint: {hint}")]
    NoGpu { reason: String, hint: String },
    #[error("the engine could not {what}: {said}\nhint: try the same by hand; the message is the engine's own")]
    Refused { what: String, said: String },
    #[error(
        "the engine answered `{what}` with something unexpected: {said}\nhint: `cargo xtask doctor` checks the engine"
    )]
    Answer { what: String, said: String },
    #[error("interrupted")]
    Interrupted,
    #[error("{0}\nhint: check the permissions and the free space of that place")]
    Io(#[source] io::Error),
}

impl EngineError {
    fn from_io(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What is known of an image on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Image {
    /// `sha256:…`
    pub id: String,
    /// Bytes on disk, shared layers counted in.
    pub bytes: u64,
    pub labels: BTreeMap<String, String>,
    /// Digest in its registry, `sha256:…`; none for an image that came from nowhere else.
    pub digest: Option<String>,
    /// `KEY=VALUE`
    pub env: Vec<String>,
    /// Default user; empty for root.
    pub user: String,
    pub workdir: String,
    /// What it runs, as words.
    pub command: Vec<String>,
    /// `amd64`
    pub architecture: String,
    pub tags: Vec<String>,
}

impl Image {
    /// Is it, or was it built on, one of the stand-ins that `cargo xtask bases` makes?
    pub fn on_stand_in(&self) -> bool {
        self.labels.contains_key(STAND_IN_LABEL)
    }

    /// Did this program build it, as the result of some repository? A stand-in is none, and neither is somebody's own
    /// image on a stand-in, which has inherited its labels.
    fn is_own_build(&self) -> bool {
        self.labels.get(OWN_LABEL).is_some_and(|value| value == "1")
            && self.labels.contains_key(TAG_LABEL)
            && self.labels.get(TAG_LABEL) != self.labels.get(STAND_IN_TAG_LABEL)
    }
}

/// What came of a pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulled {
    Yes,
    /// The registry answered that there is no such image, or none for us.
    Missing(String),
    /// No registry answered in time.
    Unreachable(String),
}

impl Engine {
    /// Finds an engine that answers: the one that `choice` (else the variable `REPRO_ENGINE`) names, by name or path;
    /// else docker, else podman.
    pub fn detect(choice: Option<&str>) -> Result<Self, EngineError> {
        let variable = std::env::var(ENGINE_VARIABLE).ok().filter(|value| !value.is_empty());
        if let Some(choice) = choice.map(ToOwned::to_owned).or(variable) {
            let program = which::which(&choice).map_err(|_| EngineError::NoSuchCli { choice })?;
            return Self::open(&program);
        }
        let mut first_error = None;
        // Who points docker to an engine elsewhere does not mean a podman here.
        let names: &[&str] = if std::env::var_os("DOCKER_HOST").is_some() && which::which("docker").is_ok() {
            &["docker"]
        } else {
            &["docker", "podman"]
        };
        for name in names {
            let Ok(program) = which::which(name) else { continue };
            match Self::open(&program) {
                Ok(engine) => return Ok(engine),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error.unwrap_or(EngineError::NoCli))
    }

    /// Asks one program what it is, and whether what it speaks to answers.
    fn open(program: &Path) -> Result<Self, EngineError> {
        let ask =
            |arguments: &[&str]| process::ask(&expression(program, arguments), PATIENCE).map_err(EngineError::from_io);
        let version = ask(&["--version"])?;
        // Distributions install podman under docker's name too.
        if version.stdout.to_ascii_lowercase().contains("podman") {
            Self::open_podman(program, &ask)
        } else {
            Self::open_docker(program, &ask)
        }
    }

    fn open_docker(program: &Path, ask: &dyn Fn(&[&str]) -> Result<Said, EngineError>) -> Result<Self, EngineError> {
        let version = ask(&["version", "--format", "{{json .}}"])?;
        if !version.ok() {
            return Err(not_answering(program, &version));
        }
        let version: DockerVersion = parse("version", &version.stdout)?;
        let Some(server) = version.server else {
            return Err(EngineError::NotRunning { program: program.to_owned(), said: "it names no server".into() });
        };
        let info = ask(&["info", "--format", "{{json .}}"])?;
        let info: DockerInfo = if info.ok() { parse("info", &info.stdout)? } else { DockerInfo::default() };
        // A docker CLI can speak to podman's socket; BuildKit's session is not spoken there.
        let is_podman = server.components.iter().any(|component| component.name.contains("Podman"));
        let (build_program, builder) =
            if is_podman { (program.to_owned(), Builder::Legacy) } else { find_builder(program, &server.version) };
        Ok(Self {
            program: program.to_owned(),
            build_program,
            kind: Kind::Docker,
            builder,
            client_version: version.client.version,
            platform: format!("{}/{}", server.os, server.arch),
            server_version: server.version,
            total_memory: Some(info.mem_total).filter(|&memory| memory > 0),
            storage: Some(PathBuf::from(info.docker_root_dir)).filter(|folder| folder.is_dir()),
            runtimes: info.runtimes.into_keys().collect(),
            can_limit: true,
            rootless: info.security_options.iter().any(|option| option.contains("rootless")),
        })
    }

    fn open_podman(program: &Path, ask: &dyn Fn(&[&str]) -> Result<Said, EngineError>) -> Result<Self, EngineError> {
        let info = ask(&["info", "--format", "json"])?;
        if !info.ok() {
            return Err(EngineError::Unusable { program: program.to_owned(), said: one_line(info.complaint()) });
        }
        let info: PodmanInfo = parse("info", &info.stdout)?;
        let rootless = info.host.security.rootless;
        Ok(Self {
            program: program.to_owned(),
            build_program: program.to_owned(),
            kind: Kind::Podman,
            builder: Builder::Buildah,
            client_version: info.version.version.clone(),
            server_version: info.version.version,
            platform: format!("{}/{}", info.host.os, info.host.arch),
            total_memory: Some(info.host.mem_total).filter(|&memory| memory > 0),
            storage: Some(PathBuf::from(info.store.graph_root)).filter(|folder| folder.is_dir()),
            runtimes: Vec::new(),
            can_limit: !rootless || info.host.cgroup_version == "v2",
            rootless,
        })
    }

    /// One line for people: `docker 28.2.2 (engine 20.10.24), BuildKit (built into the docker CLI)`.
    pub fn describe(&self) -> String {
        let name = self.kind.name();
        let versions = if self.client_version == self.server_version {
            format!("{name} {}", self.client_version)
        } else {
            format!("{name} {} (engine {})", self.client_version, self.server_version)
        };
        let other = if self.build_program == self.program {
            String::new()
        } else {
            format!(" of `{}`", self.build_program.display())
        };
        format!("{versions}, {}{other}", self.builder.describe())
    }

    /// As [`Self::describe`], without naming programs of this machine: for what is kept and shown elsewhere.
    pub fn describe_without_paths(&self) -> String {
        Self { build_program: self.program.clone(), ..self.clone() }.describe()
    }

    /// One call of the engine, without a label, a limit or a log: what a person would type. For comparisons.
    pub(crate) fn bare(&self, arguments: &[String]) -> duct::Expression {
        expression(self.program.as_path(), arguments)
    }

    /// As [`Self::bare`], with the builder that this program uses.
    pub(crate) fn bare_build(&self, arguments: &[String]) -> duct::Expression {
        let buildkit = matches!(self.builder, Builder::Buildx | Builder::BuiltIn);
        expression(self.build_program.as_path(), arguments).env("DOCKER_BUILDKIT", if buildkit { "1" } else { "0" })
    }

    /// Is there still an engine that answers?
    fn answers(&self) -> bool {
        process::ask(&expression(self.program.as_path(), ["version"]), PATIENCE).is_ok_and(|said| said.ok())
    }

    /// Is the image on this machine?
    pub fn image_exists(&self, image: &str) -> Result<bool, EngineError> {
        Ok(self.inspect(image)?.is_some())
    }

    /// What is known of an image; `None` where it is not on this machine.
    pub fn inspect(&self, image: &str) -> Result<Option<Image>, EngineError> {
        let said = self.ask(&["image", "inspect", image])?;
        if !said.ok() {
            let complaint = said.complaint().to_ascii_lowercase();
            let absent = ["no such image", "not known", "not found", "unable to find", "failed to find"];
            return if absent.iter().any(|words| complaint.contains(words)) {
                Ok(None)
            } else {
                Err(self.trouble(&said, &format!("inspect `{image}`"), None))
            };
        }
        let mut images: Vec<RawImage> = parse("image inspect", &said.stdout)?;
        Ok(images.pop().map(Image::from))
    }

    /// Removes an image that this program built under this tag. Says whether it did; any other image is left alone, a
    /// stand-in too.
    pub fn remove_image(&self, image: &str) -> Result<bool, EngineError> {
        let Some(info) = self.inspect(image)? else { return Ok(false) };
        let ours = info.is_own_build()
            && info.labels.get(TAG_LABEL).is_some_and(|tag| {
                info.tags.iter().all(|present| present == tag || present.ends_with(&format!("/{tag}")))
            });
        if !ours {
            return Ok(false);
        }
        self.succeed(&["rmi", image], &format!("remove `{image}`"))?;
        Ok(true)
    }

    /// Removes an image of ours whose name went to a newer one. What a builder keeps of it stays.
    pub fn remove_nameless(&self, id: &str) -> Result<bool, EngineError> {
        let nameless = self.inspect(id)?.is_some_and(|info| info.is_own_build() && info.tags.is_empty());
        if nameless {
            self.succeed(&["rmi", "--no-prune", id], &format!("remove `{id}`"))?;
        }
        Ok(nameless)
    }

    /// Takes a name away from an image; the image goes with its last name. The caller answers for whose it is.
    pub(crate) fn remove_tag(&self, tag: &str) -> Result<(), EngineError> {
        self.succeed(&["rmi", tag], &format!("remove `{tag}`")).map(drop)
    }

    /// Fetches an image from its registry.
    pub fn pull(&self, image: &str, platform: Option<&str>, timeout: Duration) -> Result<Pulled, EngineError> {
        let mut arguments = vec!["pull", "--quiet"];
        if let Some(platform) = platform {
            arguments.extend(["--platform", platform]);
        }
        arguments.push(image);
        let said =
            process::ask(&expression(self.program.as_path(), arguments), timeout).map_err(EngineError::from_io)?;
        if interrupt::requested() {
            return Err(EngineError::Interrupted);
        }
        if said.ok() {
            return Ok(Pulled::Yes);
        }
        if said.timed_out {
            return Ok(Pulled::Unreachable(said.stderr));
        }
        match build::classify(said.complaint()) {
            BuildFailureKind::RegistryUnreachable => Ok(Pulled::Unreachable(one_line(said.complaint()))),
            BuildFailureKind::Engine => Err(self.trouble(&said, &format!("pull `{image}`"), None)),
            _ => Ok(Pulled::Missing(one_line(said.complaint()))),
        }
    }

    /// Makes an image out of an uncompressed tar file of a root folder. `changes` are Dockerfile instructions.
    pub fn import(&self, archive: &Path, tag: &str, changes: &[String]) -> Result<(), EngineError> {
        let mut arguments: Vec<String> = vec!["import".into()];
        for change in changes {
            arguments.extend(["--change".to_owned(), change.clone()]);
        }
        arguments.extend([archive.display().to_string(), tag.to_owned()]);
        let said = process::ask(&expression(self.program.as_path(), arguments), Duration::from_mins(10))
            .map_err(EngineError::from_io)?;
        if said.ok() { Ok(()) } else { Err(self.trouble(&said, &format!("import `{tag}`"), None)) }
    }

    /// Ids and tags of the images with this label (`KEY` or `KEY=VALUE`).
    pub fn images_with_label(&self, label: &str) -> Result<Vec<Image>, EngineError> {
        let said =
            self.succeed(&["images", "--no-trunc", "--quiet", "--filter", &format!("label={label}")], "list images")?;
        let mut ids: Vec<&str> = said.stdout.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        // One question for all. An image that is gone meanwhile (another run may clean up beside this one) fails the call,
        // and the others are told all the same.
        let said = self.ask(&[&["image", "inspect"], ids.as_slice()].concat())?;
        let images: Vec<RawImage> = match serde_json::from_str(said.stdout.trim()) {
            Ok(images) => images,
            Err(_) if !said.ok() => return Err(self.trouble(&said, "inspect images", None)),
            Err(error) => {
                return Err(EngineError::Answer { what: "image inspect".to_owned(), said: error.to_string() });
            }
        };
        Ok(images.into_iter().map(Image::from).collect())
    }

    /// Removes containers that a killed run of this program left behind: ours, and their process is gone.
    pub fn remove_leftovers(&self) -> Result<usize, EngineError> {
        let own = format!("label={OWN_LABEL}=1");
        let said = self.succeed(&["ps", "--all", "--filter", &own, "--format", "{{.Names}}"], "list containers")?;
        let mut removed = 0;
        for name in said.stdout.lines().map(str::trim) {
            let format = format!("--format={{{{index .Config.Labels \"{PROCESS_LABEL}\"}}}}");
            let process = self.ask(&["inspect", "--type=container", &format, name])?.stdout;
            let gone = is_gone(process.trim());
            if gone && name.starts_with("repro-") {
                self.remove_container(name);
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Free bytes where the engine keeps its images; `None` where that cannot be seen from here (a remote engine, or one
    /// in a virtual machine).
    pub fn free_bytes(&self) -> Option<u64> {
        free_bytes(self.storage.as_deref()?)
    }

    /// Refuses to begin what would fill the disk.
    pub fn require_free(&self, needed: u64) -> Result<(), EngineError> {
        match self.free_bytes() {
            Some(free) if free < needed => Err(EngineError::DiskFull {
                free: human_bytes(free),
                needed: human_bytes(needed),
                prune: format!("{} image prune", self.kind.name()),
            }),
            _ => Ok(()),
        }
    }

    fn remove_container(&self, name: &str) {
        // Already gone is fine, and nothing else can be done about a daemon that is gone.
        // Not through `ask`, which does nothing more once the program is interrupted.
        let removal = expression(self.program.as_path(), ["rm", "--force", "--volumes", name]);
        let started = Instant::now();
        // An interruption removes it from another thread: who comes second waits until it is gone.
        while process::ask(&removal, PATIENCE).is_ok_and(|said| said.complaint().contains("already in progress"))
            && started.elapsed() < PATIENCE
        {
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn ask(&self, arguments: &[&str]) -> Result<Said, EngineError> {
        if interrupt::requested() {
            return Err(EngineError::Interrupted);
        }
        process::ask(&expression(self.program.as_path(), arguments), PATIENCE).map_err(EngineError::from_io)
    }

    fn succeed(&self, arguments: &[&str], what: &str) -> Result<Said, EngineError> {
        let said = self.ask(arguments)?;
        if said.ok() { Ok(said) } else { Err(self.trouble(&said, what, None)) }
    }

    /// Turns a failed call into the error that says what to do.
    fn trouble(&self, said: &Said, what: &str, image: Option<&str>) -> EngineError {
        let text = one_line(said.complaint());
        if said.timed_out {
            return EngineError::Lost { what: what.to_owned(), said: text };
        }
        let lower = text.to_ascii_lowercase();
        if lower.contains("no space left on device") {
            return EngineError::DiskFull {
                free: self.free_bytes().map_or_else(|| "unknown".to_owned(), human_bytes),
                needed: "more".to_owned(),
                prune: format!("{} image prune", self.kind.name()),
            };
        }
        match (build::classify(&text), image) {
            (BuildFailureKind::Engine, _) => EngineError::Lost { what: what.to_owned(), said: text },
            (BuildFailureKind::RegistryUnreachable, Some(image)) => {
                EngineError::RegistryUnreachable { image: image.to_owned(), said: text }
            }
            (BuildFailureKind::BaseImageMissing, Some(image)) => {
                EngineError::NoSuchImage { image: image.to_owned(), said: text }
            }
            _ => EngineError::Refused { what: what.to_owned(), said: text },
        }
    }
}

/// Runs any program to its end, with the same time limit, clean-up on interruption and log as a build has. Returns its exit
/// code; `None` where it was ended.
pub(crate) fn watch(
    command: &duct::Expression,
    timeout: Duration,
    log: Option<&Path>,
    on_line: &mut dyn FnMut(&str),
) -> Result<Option<i32>, EngineError> {
    match process::watch(command, process::Streams::Merged, Some(timeout), log, on_line)
        .map_err(EngineError::from_io)?
    {
        process::End::Exited(code) => Ok(code),
        process::End::TimedOut => Ok(None),
        process::End::Interrupted => Err(EngineError::Interrupted),
    }
}

/// Is the engine called through sudo?
static THROUGH_SUDO: AtomicBool = AtomicBool::new(false);

/// From now on the engine is called through sudo, which asks for a password where it wants one.
pub fn through_sudo() {
    THROUGH_SUDO.store(true, Ordering::Relaxed);
}

/// One call of a program, with messages in English whatever the user's language.
///
/// A `Path` names a file, a string a program to be looked up on PATH.
fn expression(
    program: impl duct::IntoExecutablePath,
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> duct::Expression {
    let arguments = arguments.into_iter().map(Into::into);
    let call = if THROUGH_SUDO.load(Ordering::Relaxed) {
        // sudo drops the variables that it is not told to keep.
        let kept = "LC_ALL,DOCKER_CLI_HINTS,BUILDKIT_PROGRESS,NO_COLOR,DOCKER_BUILDKIT,DOCKER_HOST";
        let words = [OsString::from(format!("--preserve-env={kept}")), program.to_executable()];
        duct::cmd("sudo", words.into_iter().chain(arguments).collect::<Vec<_>>())
    } else {
        duct::cmd(program, arguments)
    };
    call.env("LC_ALL", "C.UTF-8")
        .env("DOCKER_CLI_HINTS", "false")
        .env("BUILDKIT_PROGRESS", "plain")
        .env("NO_COLOR", "1")
}

/// The builder that works, by asking: the first CLI's buildx; a CLI before 23 (this one, else another of the same name
/// on PATH), which has BuildKit inside; another CLI's buildx; else the legacy builder.
fn find_builder(program: &Path, server_version: &str) -> (PathBuf, Builder) {
    let legacy = (program.to_owned(), Builder::Legacy);
    // Who switches BuildKit off in the environment has a reason.
    if std::env::var("DOCKER_BUILDKIT").is_ok_and(|value| value == "0") || major(server_version) < Some(18) {
        return legacy;
    }
    let mut programs = vec![program.to_owned()];
    for other in which::which_all("docker").into_iter().flatten() {
        let same = |known: &PathBuf| known.canonicalize().ok() == other.canonicalize().ok();
        if !programs.iter().any(same) {
            programs.push(other);
        }
    }
    for candidate in programs {
        let ask = |arguments: &[&str]| process::ask(&expression(candidate.as_path(), arguments), PATIENCE).ok();
        if ask(&["buildx", "version"]).is_some_and(|said| said.ok() && said.stdout.contains("buildx")) {
            return (candidate, Builder::Buildx);
        }
        // `docker version` would need the daemon; `docker --version` is the client's own.
        let own = ask(&["--version"]).map(|said| said.stdout).unwrap_or_default();
        let version = own.split_whitespace().find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()));
        if version.and_then(major).is_some_and(|major| (18..23).contains(&major)) {
            return (candidate, Builder::BuiltIn);
        }
    }
    legacy
}

fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

fn not_answering(program: &Path, said: &Said) -> EngineError {
    let text = one_line(said.complaint());
    let program = program.to_owned();
    let lower = text.to_ascii_lowercase();
    if lower.contains("permission denied") {
        EngineError::PermissionDenied { program, said: text }
    } else if said.timed_out
        || lower.contains("cannot connect")
        || lower.contains("is the docker daemon running")
        || lower.contains("error during connect")
        || lower.contains("failed to connect")
        || lower.contains("dial ")
    {
        EngineError::NotRunning { program, said: text }
    } else {
        EngineError::Unusable { program, said: text }
    }
}

/// The last telling line of a message, without the builder's advertisements.
fn one_line(text: &str) -> String {
    let line = text
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty() && !line.starts_with("See '") && !line.starts_with("Run '"))
        .unwrap_or_default();
    process::without_escapes(line)
}

fn parse<'a, T: Deserialize<'a>>(what: &str, text: &'a str) -> Result<T, EngineError> {
    serde_json::from_str(text.trim())
        .map_err(|error| EngineError::Answer { what: what.to_owned(), said: error.to_string() })
}

/// Free bytes of the file system that holds `folder`, for this user.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    // POSIX output, 1024-byte blocks: a heading, then `device blocks used available capacity mount`.
    let said = process::ask(&expression("df", ["-Pk".as_ref(), folder.as_os_str()]), PATIENCE).ok()?;
    let line = said.stdout.lines().nth(1)?;
    // Counted from the capacity column, since a device's name may contain spaces.
    let words: Vec<&str> = line.split_whitespace().collect();
    let capacity = words.iter().position(|word| word.ends_with('%'))?;
    words.get(capacity.checked_sub(1)?)?.parse::<u64>().ok()?.checked_mul(1024)
}

/// `1.5 GB`, in powers of ten as disks are sold and as docker prints them.
pub fn human_bytes(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    let mut value = bytes;
    let mut last = None;
    for unit in units {
        if value < 1000 {
            break;
        }
        last = Some((value / 1000, value % 1000 / 100, unit));
        value /= 1000;
    }
    match last {
        Some((whole, tenth, unit)) if whole < 10 => format!("{whole}.{tenth} {unit}"),
        Some((whole, _, unit)) => format!("{whole} {unit}"),
        None => format!("{bytes} B"),
    }
}

/// Has the process with this number ended? Where processes cannot be looked up (not Linux), none counts as ended.
fn is_gone(process: &str) -> bool {
    process
        .parse::<u32>()
        .is_ok_and(|id| Path::new("/proc/self").exists() && !Path::new(&format!("/proc/{id}")).exists())
}

/// Ten letters and digits that no other run has: process, clock and a counter, hashed.
fn random_suffix() -> String {
    use sha2::Digest as _;
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let seed = format!("{} {now} {}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let digits = format!("{:x}", sha2::Sha256::digest(seed));
    digits.chars().take(10).collect()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerVersion {
    client: DockerSide,
    server: Option<DockerServer>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerSide {
    version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct DockerServer {
    version: String,
    os: String,
    arch: String,
    components: Vec<DockerComponent>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct DockerComponent {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct DockerInfo {
    mem_total: u64,
    docker_root_dir: String,
    runtimes: BTreeMap<String, serde_json::Value>,
    security_options: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PodmanInfo {
    host: PodmanHost,
    store: PodmanStore,
    version: PodmanVersion,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodmanHost {
    arch: String,
    os: String,
    mem_total: u64,
    cgroup_version: String,
    security: PodmanSecurity,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PodmanSecurity {
    rootless: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodmanStore {
    graph_root: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PodmanVersion {
    version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawImage {
    id: String,
    size: u64,
    repo_tags: Option<Vec<String>>,
    repo_digests: Option<Vec<String>>,
    architecture: String,
    config: Option<RawConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawConfig {
    labels: Option<BTreeMap<String, String>>,
    env: Option<Vec<String>>,
    user: String,
    working_dir: String,
    cmd: Option<Vec<String>>,
}

impl From<RawImage> for Image {
    fn from(raw: RawImage) -> Self {
        let config = raw.config.unwrap_or_default();
        let id = if raw.id.starts_with("sha256:") { raw.id } else { format!("sha256:{}", raw.id) };
        let digests = raw.repo_digests.unwrap_or_default();
        Self {
            id,
            bytes: raw.size,
            labels: config.labels.unwrap_or_default(),
            // Podman gives local images a digest under `localhost/`, which no registry knows.
            digest: digests
                .iter()
                .filter(|digest| !digest.starts_with("localhost/"))
                .find_map(|digest| digest.split_once('@').map(|(_, digest)| digest.to_owned())),
            env: config.env.unwrap_or_default(),
            user: config.user,
            workdir: config.working_dir,
            command: config.cmd.unwrap_or_default(),
            architecture: raw.architecture,
            tags: raw.repo_tags.unwrap_or_default(),
        }
    }
}

/// For tests: an engine that has this image. `None`, with the reason printed, where there is none; a panic where one was
/// promised (`REPRO_ENGINE_REQUIRED`).
#[cfg(test)]
pub fn promised_with(image: &str) -> Option<Engine> {
    let reason = match Engine::detect(None) {
        Ok(engine) if engine.image_exists(image).unwrap_or(false) => return Some(engine),
        Ok(_) => format!("no image {image}"),
        Err(error) => error.to_string(),
    };
    assert!(std::env::var_os("REPRO_ENGINE_REQUIRED").is_none(), "an engine was promised: {reason}");
    anstream::eprintln!("skipped: {reason}");
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_cli_says_becomes_an_error_that_says_what_to_do() {
        let check = |said: &str, expected: &str| {
            let said = Said { code: Some(1), stderr: said.to_owned(), ..Said::default() };
            let error = not_answering(Path::new("docker"), &said).to_string();
            assert!(error.contains(expected) && error.contains("hint: "), "{error}");
        };
        check(
            "Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?",
            "does not answer",
        );
        check(
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            "may not talk",
        );
        check("illegal instruction", "does not work");
    }

    #[test]
    fn sizes_are_short() {
        let check = |bytes, expected: &str| assert_eq!(human_bytes(bytes), expected);
        check(0, "0 B");
        check(999, "999 B");
        check(1500, "1.5 kB");
        check(912_000_000, "912 MB");
        check(8_650_000_000, "8.6 GB");
    }

    #[test]
    fn the_free_space_of_a_folder_is_known_and_that_of_no_folder_is_not() {
        assert!(free_bytes(Path::new("/")).is_some_and(|free| free > 0));
        assert_eq!(free_bytes(Path::new("/nowhere/at/all")), None);
    }

    #[test]
    fn no_two_containers_share_a_name() {
        assert_ne!(random_suffix(), random_suffix());
    }

    #[test]
    fn an_engine_that_is_not_there_is_named() {
        let error = Engine::detect(Some("/nowhere/docker")).unwrap_err().to_string();
        assert!(error.contains("`/nowhere/docker`"), "{error}");
    }
}
