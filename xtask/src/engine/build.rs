//! Builds an image from a Dockerfile and says how it went.
//!
//! In: a request and a place for the log. Out: the image, or the failed step with its output and what kind of failure it
//! is: a verdict on the Dockerfile, or trouble with the engine, the registry, the disk. It never changes the Dockerfile
//! and knows nothing of causes and cures.

use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
    time::{Duration, Instant},
};

use regex::Regex;
use serde::Serialize;

use super::{
    Builder, Engine, EngineError, OWN_LABEL, TAG_LABEL, expression,
    process::{self, End, Streams},
    progress::{BuildProgress, FailedStep, Reader, Style},
    silence,
};

/// Below this many free bytes a message about a full disk is believed.
const FULL_BELOW: u64 = 1024 * 1024 * 1024;

/// What to build.
#[derive(Debug, Clone, Default)]
pub struct BuildRequest {
    /// The build context.
    pub context: PathBuf,
    /// The Dockerfile; may lie outside the context.
    pub dockerfile: PathBuf,
    /// Name of the result, `user-repo:abc1234`. `None`: the image has only its id.
    pub tag: Option<String>,
    /// Labels beside those that mark the image as ours.
    pub labels: Vec<(String, String)>,
    pub build_args: Vec<(String, String)>,
    /// Stage to stop at.
    pub target: Option<String>,
    /// `linux/amd64`. Left out where the engine runs on that platform anyway.
    pub platform: Option<String>,
    pub no_cache: bool,
    /// Ask the registry for a newer base.
    pub pull: bool,
    /// Images whose layers may be reused.
    pub cache_from: Vec<String>,
    /// Network of RUN instructions: `none`, `host`; the builder's default where empty.
    pub network: Option<String>,
    /// `None`: no limit.
    pub timeout: Option<Duration>,
}

/// How a build went.
#[derive(Debug, Clone, Serialize)]
pub struct BuildOutcome {
    pub result: BuildResult,
    /// Wall clock.
    pub seconds: f64,
    /// Everything the builder printed.
    pub log: PathBuf,
    /// Steps taken from the cache.
    pub cached_steps: u32,
    /// The builder dropped part of a step's output because there was too much: the decisive lines may be missing.
    pub clipped: bool,
}

impl BuildOutcome {
    /// The image's id, where there is one.
    #[cfg(test)]
    pub fn image_id(&self) -> Option<&str> {
        match &self.result {
            BuildResult::Built { image_id } => Some(image_id),
            BuildResult::Failed(_) => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildResult {
    Built { image_id: String },
    Failed(BuildFailure),
}

/// A build that ended without an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuildFailure {
    pub kind: BuildFailureKind,
    /// The step that failed; `None` where no step had begun.
    pub step: Option<FailedStep>,
    /// What that step printed, without the builder's prefixes, its last 2000 lines; then the builder's own last words.
    pub output: Vec<String>,
    /// Exit code of the builder.
    pub exit_code: Option<i32>,
}

/// Whose failure it is. Only the first three speak about the Dockerfile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildFailureKind {
    /// A command exited with an error.
    Step,
    /// The file cannot be built: a parse error, a file to copy that is not there.
    Dockerfile,
    /// The registry answered, and it has no such base image (or gives it to nobody without an account).
    BaseImageMissing,
    /// No registry answered, and the base image is not on this machine.
    RegistryUnreachable,
    /// A step failed after a server that it asked had not answered.
    ServerSilent,
    /// The engine died or cannot be reached any more.
    Engine,
    /// No space left on the engine's disk.
    DiskFull,
    TimedOut,
    Interrupted,
}

impl BuildFailureKind {
    /// Does this failure say something about the Dockerfile? Otherwise we could not tell (exit code 3), and repeating
    /// the build may help.
    pub fn is_verdict(self) -> bool {
        matches!(self, Self::Step | Self::Dockerfile | Self::BaseImageMissing)
    }

    /// What went wrong and what to do next, where it says nothing about the Dockerfile.
    pub fn trouble(self) -> (&'static str, &'static str) {
        match self {
            Self::Step | Self::Dockerfile | Self::BaseImageMissing => {
                ("the build failed", "the end of the log says why")
            }
            Self::RegistryUnreachable => (
                "the base image is not on this machine and no registry answered the build",
                "check the network; `cargo xtask doctor` says whether a registry answers",
            ),
            Self::ServerSilent => (
                "a server did not answer a step of the build",
                "check the network (`cargo xtask doctor`), then run the same command again",
            ),
            Self::Engine => (
                "the engine was lost during the build",
                "see whether its daemon runs (`cargo xtask doctor`), then run the same command again",
            ),
            Self::DiskFull => (
                "the engine's disk ran full during the build",
                "free some space (`docker system df` shows what takes it), then run the same command again",
            ),
            Self::TimedOut => ("the build took too long", "the end of the log shows what it was waiting for"),
            Self::Interrupted => ("the build was interrupted", "run the same command again"),
        }
    }
}

/// How long to wait before something is taken up again after a server did not answer.
pub const WAITS: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(20)];

/// Waits, says why, and ends early when the user wants no more.
pub fn pause(wait: Duration, why: &str) {
    crate::report::status("Waiting", format!("{} s: {why}", wait.as_secs()));
    let end = Instant::now() + wait;
    while Instant::now() < end && !crate::interrupt::requested() {
        std::thread::sleep(Duration::from_millis(200));
    }
}

impl Engine {
    /// As [`Self::build`]; a build that ended because a server was silent is taken up again, from its cached layers.
    pub fn build_patiently(
        &self,
        request: &BuildRequest,
        log: &Path,
        progress: &mut dyn FnMut(BuildProgress<'_>),
    ) -> Result<BuildOutcome, EngineError> {
        let mut seconds = 0.0;
        for wait in WAITS.into_iter().map(Some).chain([None]) {
            let again = BuildRequest { no_cache: request.no_cache && seconds == 0.0, ..request.clone() };
            let outcome = self.build(&again, log, &mut *progress)?;
            seconds += outcome.seconds;
            let is_silence = matches!(&outcome.result, BuildResult::Failed(failure) if failure.kind == BuildFailureKind::ServerSilent);
            let Some(wait) = wait.filter(|_| is_silence && !crate::interrupt::requested()) else {
                return Ok(BuildOutcome { seconds, ..outcome });
            };
            pause(wait, "a server did not answer the build");
        }
        Err(EngineError::Interrupted)
    }

    /// Builds. An `Err` means that no build took place; everything else is in the outcome.
    pub fn build(
        &self,
        request: &BuildRequest,
        log: &Path,
        progress: &mut dyn FnMut(BuildProgress<'_>),
    ) -> Result<BuildOutcome, EngineError> {
        let folder = tempfile::tempdir().map_err(EngineError::Io)?;
        let id_file = folder.path().join("image-id");
        let mut reader = Reader::new(match self.builder {
            Builder::Buildx | Builder::BuiltIn => Style::BuildKit,
            Builder::Legacy => Style::Legacy,
            Builder::Buildah => Style::Buildah,
        });
        let mut last_lines: Vec<String> = Vec::new();
        let started = Instant::now();
        let end = process::watch(
            &self.build_command(request, &id_file),
            Streams::Merged,
            request.timeout,
            Some(log),
            &mut |line: &str| {
                reader.read(line, &mut *progress);
                if !line.trim().is_empty() {
                    if last_lines.len() >= 4 {
                        last_lines.remove(0);
                    }
                    last_lines.push(line.to_owned());
                }
            },
        )
        .map_err(EngineError::from_io)?;
        let seconds = started.elapsed().as_secs_f64();

        let image_id = match end {
            End::Exited(Some(0)) => read_id(&id_file).or_else(|| reader.image_id.clone()),
            _ => None,
        };
        let result = if let Some(image_id) = image_id {
            BuildResult::Built { image_id }
        } else {
            let (step, output) = reader.failure();
            let exit_code = if let End::Exited(code) = end { code } else { None };
            let step_code = step.as_ref().and_then(|step| step.exit_code);
            // The step's own words never decide whose failure it is: a program may print anything.
            let own_words = if step_code.is_some() {
                String::new()
            } else {
                format!("{}\n{}", reader.closing_text(), last_lines.join("\n"))
            };
            let kind = match end {
                End::TimedOut => BuildFailureKind::TimedOut,
                End::Interrupted => BuildFailureKind::Interrupted,
                End::Exited(_) if speaks_of_full_disk(&output) && self.is_disk_full() => BuildFailureKind::DiskFull,
                // error running container: from /usr/bin/crun creating container for [/bin/sh -c …]: cgroups in hybrid mode …
                End::Exited(_)
                    if self.builder == Builder::Buildah
                        && output.iter().any(|line| line.starts_with("error running container: ")) =>
                {
                    BuildFailureKind::Engine
                }
                End::Exited(_) if step_code.is_some() && silence::is_at_the_end(output.iter().map(String::as_str)) => {
                    BuildFailureKind::ServerSilent
                }
                End::Exited(_) if step_code.is_some() => BuildFailureKind::Step,
                End::Exited(_) => classify(&own_words),
            };
            // What a builder says when it loses its daemon differs; whether the daemon answers does not.
            let kind = if kind.is_verdict() && !self.answers() { BuildFailureKind::Engine } else { kind };
            BuildResult::Failed(BuildFailure { kind, step, output, exit_code })
        };
        Ok(BuildOutcome { result, seconds, log: log.to_owned(), cached_steps: reader.cached, clipped: reader.clipped })
    }

    fn build_command(&self, request: &BuildRequest, id_file: &Path) -> duct::Expression {
        let mut arguments: Vec<String> = match self.builder {
            Builder::Buildx => vec!["buildx".into(), "build".into(), "--load".into(), "--progress=plain".into()],
            Builder::BuiltIn => vec!["build".into(), "--progress=plain".into()],
            // The legacy builder leaves the container of a failed step behind unless told otherwise.
            Builder::Legacy => vec!["build".into(), "--force-rm".into()],
            Builder::Buildah => vec!["build".into(), "--force-rm".into(), "--layers".into()],
        };
        arguments.push("--iidfile".into());
        arguments.push(id_file.display().to_string());
        arguments.push("--label".into());
        arguments.push(format!("{OWN_LABEL}=1"));
        if let Some(tag) = &request.tag {
            arguments.push("--label".into());
            arguments.push(format!("{TAG_LABEL}={tag}"));
        }
        if self.builder == Builder::Buildah {
            // Dockerfiles may change the shell and use health checks; only docker's own format can say so.
            arguments.push("--format=docker".into());
        }
        arguments.extend(self.visible_arguments(request));
        let buildkit = match self.builder {
            Builder::Buildx | Builder::BuiltIn => "1",
            Builder::Legacy | Builder::Buildah => "0",
        };
        expression(self.build_program.as_path(), arguments)
            .env("DOCKER_BUILDKIT", buildkit)
            // The result is one plain image, as the other builders make it.
            .env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")
    }

    fn visible_arguments(&self, request: &BuildRequest) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut flag = |name: &str, value: &str| arguments.extend([name.to_owned(), value.to_owned()]);
        flag("--file", &request.dockerfile.display().to_string());
        if let Some(tag) = &request.tag {
            flag("--tag", tag);
        }
        for (key, value) in &request.labels {
            flag("--label", &format!("{key}={value}"));
        }
        for (key, value) in &request.build_args {
            flag("--build-arg", &format!("{key}={value}"));
        }
        for image in &request.cache_from {
            flag("--cache-from", image);
        }
        if let Some(target) = &request.target {
            flag("--target", target);
        }
        if let Some(network) = &request.network {
            flag("--network", network);
        }
        // Old engines refuse the flag without experimental features; where it changes nothing it is not needed.
        if let Some(platform) = request.platform.as_ref().filter(|platform| **platform != self.platform) {
            flag("--platform", platform);
        }
        if request.no_cache {
            arguments.push("--no-cache".to_owned());
        }
        if request.pull {
            arguments.push("--pull".to_owned());
        }
        arguments.push(request.context.display().to_string());
        arguments
    }

    fn is_disk_full(&self) -> bool {
        self.free_bytes().is_none_or(|free| free < FULL_BELOW)
    }

    /// Do these last words of a program speak of a full disk, and is the engine's disk one? What a program says alone is
    /// not believed.
    pub fn ran_out_of_disk(&self, words: &str) -> bool {
        let lines: Vec<String> = words.lines().map(str::to_owned).collect();
        speaks_of_full_disk(&lines) && self.is_disk_full()
    }
}

fn read_id(file: &Path) -> Option<String> {
    let id = std::fs::read_to_string(file).ok()?.trim().to_owned();
    (!id.is_empty()).then_some(id)
}

fn speaks_of_full_disk(lines: &[String]) -> bool {
    lines.iter().rev().take(200).any(|line| {
        let line = line.to_ascii_lowercase();
        line.contains("no space left on device") || line.contains("disk quota exceeded")
    })
}

/// Whose failure these words of the builder (never of a step) tell of.
pub(super) fn classify(words: &str) -> BuildFailureKind {
    // error during connect: Post "http://…/build?…": EOF
    // Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?
    // cannot write /tmp/x/image-id because server did not provide an image ID
    // ERROR: failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF
    static ENGINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            "(?i)error during connect|cannot connect to the docker daemon|is the docker daemon running\
             |failed to receive status: rpc error|code = unavailable desc|transport is closing\
             |failed to register layer|server did not provide an image id|unexpected eof$|no active session|cannot connect to podman",
        )
        .ok()
    });
    // dial tcp: lookup mirror.example on 192.0.2.53:53: no such host
    // Get "https://mirror.example/v2/": net/http: TLS handshake timeout
    // toomanyrequests: You have reached your pull rate limit
    static UNREACHABLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            "(?i)dial tcp|no such host|i/o timeout|tls handshake timeout|connection refused|connection reset\
             |network is unreachable|no route to host|server misbehaving|temporary failure in name resolution\
             |toomanyrequests|too many requests|x509: |proxyconnect|context deadline exceeded|client\\.timeout exceeded\
             |50[0234] (bad gateway|service unavailable|internal server error|gateway time-?out)|pinging container registry",
        )
        .ok()
    });
    // manifest for python:3.99-slim not found: manifest unknown: manifest unknown
    // pull access denied for nobody/nothing, repository does not exist or may require 'docker login'
    // failed to resolve source metadata for docker.io/library/python:3.99: docker.io/library/python:3.99: not found
    static MISSING: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            "(?i)manifest unknown|manifest for .* not found|pull access denied|no matching manifest for\
             |failed to resolve source metadata for .*not found|insufficient_scope|unauthorized|no such image\
             |repository name must|invalid reference format|short-name .* did not resolve",
        )
        .ok()
    });
    let hits = |pattern: &LazyLock<Option<Regex>>| pattern.as_ref().is_some_and(|regex| regex.is_match(words));
    if hits(&ENGINE) {
        BuildFailureKind::Engine
    } else if hits(&UNREACHABLE) {
        BuildFailureKind::RegistryUnreachable
    } else if hits(&MISSING) {
        BuildFailureKind::BaseImageMissing
    } else {
        BuildFailureKind::Dockerfile
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_builders_words_tell_whose_failure_it_is() {
        let check = |words: &str, expected: BuildFailureKind| assert_eq!(classify(words), expected, "{words}");
        check(
            "failed to solve with frontend dockerfile.v0: failed to create LLB definition: failed to do request: Head \
             \"https://mirror.example/v2/library/python/manifests/3.4\": dial tcp: lookup mirror.example on \
             192.0.2.53:53: no such host",
            BuildFailureKind::RegistryUnreachable,
        );
        check(
            "Get \"https://mirror.example/v2/\": dial tcp 192.0.2.1:443: i/o timeout",
            BuildFailureKind::RegistryUnreachable,
        );
        check(
            "manifest for python:3.99 not found: manifest unknown: manifest unknown",
            BuildFailureKind::BaseImageMissing,
        );
        check(
            "ERROR: failed to solve: mirror.example/python:3.99: failed to resolve source metadata for \
               mirror.example/python:3.99: mirror.example/python:3.99: not found",
            BuildFailureKind::BaseImageMissing,
        );
        check(
            "error during connect: Post \"http://%2Fvar%2Frun%2Fdocker.sock/v1.41/build\": EOF",
            BuildFailureKind::Engine,
        );
        check("cannot write /tmp/x/image-id because server did not provide an image ID", BuildFailureKind::Engine);
        check("dockerfile parse error line 2: unknown instruction: RUNN", BuildFailureKind::Dockerfile);
        check("failed to compute cache key: \"/nothere\" not found: not found", BuildFailureKind::Dockerfile);
        check(
            "COPY failed: file not found in build context or excluded by .dockerignore: stat nothere: file does not \
               exist",
            BuildFailureKind::Dockerfile,
        );
    }
}
