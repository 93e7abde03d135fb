//! Runs a command in a container: named, limited, timed, and removed on every path.
//!
//! In: a request and a place for the log. Out: the exit code as the engine recorded it, whether time or memory ran out,
//! and the files that the run created or changed. The container never outlives the call: it is removed when the run has
//! ended, when it failed to start, when this program panics or is interrupted. Upstream code runs nowhere else.

use std::{
    collections::BTreeSet,
    io::Read as _,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{
    Engine, EngineError, Kind, OWN_LABEL, PROCESS_LABEL, expression,
    process::{self, End, Said, Streams},
};
use crate::interrupt;

/// At most so many changed files are reported.
const CHANGED_LIMIT: usize = 300;

/// Where the engine's storage cannot be read directly, the size of at most so many files is asked of the engine, at
/// some 30 ms each.
const SIZES_LIMIT: usize = 40;

/// Of at most so many files the content is brought.
const CONTENTS_LIMIT: usize = 16;

/// How long creating, inspecting or removing a container may take: a busy disk is slow, a hung daemon is slower.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long a command beside a container's own may take: as long as that, which has a limit of its own.
const BESIDE_LIMIT: Duration = Duration::from_hours(24);

/// How long a container may take to end after the command beside it.
const GRACE: Duration = Duration::from_secs(10);

/// How long writing a container's files as an image may take.
const KEEPING: Duration = Duration::from_mins(10);

/// What to run.
#[derive(Debug, Clone, Default)]
pub struct RunRequest {
    pub image: String,
    /// Program and arguments; `None`: what the image says.
    pub command: Option<Vec<String>>,
    /// Replaces the image's entry point; the empty string removes it.
    pub entrypoint: Option<String>,
    /// Part of the container's name, for people who look: `repro-NAME-…`.
    pub name: String,
    pub mounts: Vec<Mount>,
    pub env: Vec<(String, String)>,
    pub workdir: Option<String>,
    /// `0:0`, `1000`, a name; the image's own where empty.
    pub user: Option<String>,
    /// No network at all.
    pub offline: bool,
    /// All GPUs, and the host's shared memory, as frameworks with worker processes need it.
    pub gpus: bool,
    pub limits: Limits,
    /// `None`: no limit.
    pub timeout: Option<Duration>,
    /// Platform to run as, where the image is not of the host's.
    pub platform: Option<String>,
    /// Further flags of `docker run`, as they are.
    pub extra: Vec<String>,
    /// Keep what a run that ended well has left as an image of this name.
    pub keep_as: Option<String>,
    /// List the files that the run created or changed?
    pub list_changes: bool,
    /// Of which changed files (path, bytes) to bring the content; at most [`CONTENTS_LIMIT`] of them.
    pub contents_of: Option<fn(&str, u64) -> bool>,
    /// A second command, begun in the same container as soon as that runs. When it has ended the container is, too.
    pub beside: Option<Vec<String>>,
}

/// What a container may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory, swap included. `None`: four fifths of what the engine's host has.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub pids: u32,
    /// Bytes of `/dev/shm`; the engine's default (64 MiB) where empty.
    pub shm: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: None, pids: 4096, shm: None }
    }
}

/// A folder or file of the host, or a named volume, in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mount {
    Bind { source: PathBuf, target: String, read_only: bool },
    Volume { name: String, target: String },
}

/// How a run went.
#[derive(Debug, Clone, Serialize)]
pub struct RunOutcome {
    /// Exit code of the command; 137 where it was killed, 127 where it was not found.
    pub exit_code: i32,
    pub timed_out: bool,
    pub interrupted: bool,
    /// The kernel killed a process of the container because the memory limit was reached.
    pub oom_killed: bool,
    /// The engine's own message where the command could not be started (`exec: "x": executable file not found in $PATH`).
    pub error: Option<String>,
    /// Wall clock from start to end, without creating and removing the container.
    pub seconds: f64,
    pub log: PathBuf,
    /// Files that the run created, changed or deleted, outside mounts, `/tmp` and caches; sorted by path.
    pub changed: Vec<ChangedFile>,
    /// What the command beside it said; `None` where there was none, or the container ended before it.
    #[serde(skip)]
    pub beside: Option<Captured>,
}

/// One file that a run left different from its image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedFile {
    pub path: String,
    /// Bytes; `None` where the size could not be had cheaply.
    pub size: Option<u64>,
    pub kind: ChangeKind,
    /// What is in it, where that was asked for.
    #[serde(skip)]
    pub content: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Added,
    Changed,
    Deleted,
}

/// What a short run said, both outputs apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    pub exit_code: i32,
    pub stdout: String,
    pub stderr: String,
    pub timed_out: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct State {
    exit_code: i32,
    #[serde(rename = "OOMKilled")]
    oom_killed: bool,
    error: String,
    running: bool,
    /// When it began; year one where it never did.
    started_at: String,
}

impl Engine {
    /// Runs a command with its output in `log` and, line by line, in `on_line`; stdin is closed. Lines are whole and each
    /// output is in order; between stdout and stderr no engine keeps one.
    ///
    /// An `Err` means that the container could not be had: trouble with the engine, or an image that is not there.
    /// A command that cannot be started is an outcome (127 or 126), as in a shell.
    pub fn run(
        &self,
        request: &RunRequest,
        log: &Path,
        on_line: &mut dyn FnMut(&str),
    ) -> Result<RunOutcome, EngineError> {
        let container = self.create(request)?;
        let mut last = String::new();
        let started = Instant::now();
        let over = AtomicBool::new(false);
        let (end, beside) = std::thread::scope(|scope| {
            let beside = request.beside.as_ref().map(|words| scope.spawn(|| container.beside(words, &over)));
            let end = process::watch(
                &expression(self.program.as_path(), ["start", "--attach", &container.name]),
                Streams::Apart,
                request.timeout,
                Some(log),
                &mut |line| {
                    if !line.trim().is_empty() {
                        line.clone_into(&mut last);
                    }
                    on_line(line);
                },
            );
            over.store(true, Ordering::SeqCst);
            if beside.is_some() && !matches!(end, Ok(End::Exited(_))) {
                container.kill();
            }
            (end, beside.and_then(|thread| thread.join().ok().flatten()))
        });
        let end = end.map_err(EngineError::from_io)?;
        let seconds = started.elapsed().as_secs_f64();
        let state = container.end(end, &last)?;
        let changed = if request.list_changes && end != End::Interrupted {
            container.changes(request.contents_of)
        } else {
            Vec::new()
        };
        if let Some(tag) = request.keep_as.as_ref().filter(|_| state.exit_code == 0 && end == End::Exited(Some(0))) {
            container.keep(tag)?;
        }
        container.remove();
        Ok(RunOutcome {
            exit_code: state.exit_code,
            timed_out: end == End::TimedOut,
            interrupted: end == End::Interrupted || interrupt::requested(),
            oom_killed: state.oom_killed,
            error: Some(state.error).filter(|error| !error.is_empty()),
            seconds,
            log: log.to_owned(),
            changed,
            beside,
        })
    }

    /// Runs a short command and returns what it printed. For questions to an image, not for upstream programs.
    pub fn capture(&self, request: &RunRequest) -> Result<Captured, EngineError> {
        let container = self.create(request)?;
        let said = process::ask(
            &expression(self.program.as_path(), ["start", "--attach", &container.name]),
            request.timeout.unwrap_or(PATIENCE),
        )
        .map_err(EngineError::from_io)?;
        if interrupt::requested() {
            return Err(EngineError::Interrupted);
        }
        let end = if said.timed_out { End::TimedOut } else { End::Exited(said.code) };
        let state = container.end(end, said.complaint())?;
        Ok(Captured { exit_code: state.exit_code, stdout: said.stdout, stderr: said.stderr, timed_out: said.timed_out })
    }

    fn create(&self, request: &RunRequest) -> Result<Container<'_>, EngineError> {
        if interrupt::requested() {
            return Err(EngineError::Interrupted);
        }
        if request.gpus {
            self.gpus()?;
        }
        let container = Container::named(self, &request.name);
        let mut arguments: Vec<String> = ["create", "--name", &container.name].map(ToOwned::to_owned).to_vec();
        let mut flag = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        flag("--label", format!("{OWN_LABEL}=1"));
        flag("--label", format!("{PROCESS_LABEL}={}", std::process::id()));
        flag("--security-opt", "no-new-privileges".to_owned());
        if self.can_limit {
            let memory = request.limits.memory.or(self.total_memory.map(|total| total / 10 * 8));
            if let Some(memory) = memory {
                flag("--memory", memory.to_string());
                // The same number: no swap. A host that swaps is worse than a run that is told it had too little.
                flag("--memory-swap", memory.to_string());
            }
            flag("--pids-limit", request.limits.pids.to_string());
        }
        if self.kind == Kind::Podman {
            // SELinux would otherwise hide mounted folders from the container; docker has it off by default.
            flag("--security-opt", "label=disable".to_owned());
        }
        arguments.extend(self.visible_run_arguments(request));
        let said =
            process::ask(&expression(self.program.as_path(), &arguments), PATIENCE).map_err(EngineError::from_io)?;
        if said.ok() {
            // Interrupted meanwhile: the guard's removal may have come too early, the drop's does not.
            if interrupt::requested() {
                return Err(EngineError::Interrupted);
            }
            return Ok(container);
        }
        Err(self.trouble(&said, &format!("create a container of `{}`", request.image), Some(&request.image)))
    }

    fn visible_run_arguments(&self, request: &RunRequest) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut flag = |name: &str, value: &str| arguments.extend([name.to_owned(), value.to_owned()]);
        for mount in &request.mounts {
            flag("--mount", &mount.to_flag());
        }
        for (key, value) in &request.env {
            flag("--env", &format!("{key}={value}"));
        }
        if let Some(workdir) = &request.workdir {
            flag("--workdir", workdir);
        }
        if let Some(user) = &request.user {
            flag("--user", user);
        }
        if request.offline {
            flag("--network", "none");
        }
        if let Some(platform) = request.platform.as_ref().filter(|platform| **platform != self.platform) {
            flag("--platform", platform);
        }
        if let Some(entrypoint) = &request.entrypoint {
            flag("--entrypoint", entrypoint);
        }
        if let Some(shm) = request.limits.shm {
            flag("--shm-size", &shm.to_string());
        }
        if request.gpus {
            match self.kind {
                Kind::Docker => flag("--gpus", "all"),
                Kind::Podman => flag("--device", "nvidia.com/gpu=all"),
            }
            arguments.push("--ipc=host".to_owned());
        }
        arguments.extend(request.extra.iter().cloned());
        arguments.push(request.image.clone());
        arguments.extend(request.command.iter().flatten().cloned());
        arguments
    }
}

impl Mount {
    /// The value of `--mount`. Its fields are comma-separated values, so one with a comma or a quote is quoted.
    fn to_flag(&self) -> String {
        let field = |text: String| {
            if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
        };
        let fields = match self {
            Self::Bind { source, target, read_only } => {
                let mut fields =
                    vec!["type=bind".to_owned(), format!("source={}", source.display()), format!("target={target}")];
                if *read_only {
                    fields.push("readonly".to_owned());
                }
                fields
            }
            Self::Volume { name, target } => {
                vec!["type=volume".to_owned(), format!("source={name}"), format!("target={target}")]
            }
        };
        fields.into_iter().map(field).collect::<Vec<_>>().join(",")
    }
}

impl State {
    fn began(&self) -> bool {
        !self.started_at.is_empty() && !self.started_at.starts_with("0001-")
    }
}

/// The exit code of a run that took place: the engine's record decides. A container that was killed before the engine
/// noticed has no code yet.
fn exit_code(state: &State, end: End) -> i32 {
    if state.exit_code == 0 && matches!(end, End::TimedOut | End::Interrupted) { 137 } else { state.exit_code }
}

/// The code that a shell gives for a program that could not be started, where these words of the engine speak of one.
fn start_code(words: &str) -> Option<i32> {
    // OCI runtime create failed: … exec: "x": executable file not found in $PATH: unknown
    // crun: executable file `x` not found in $PATH
    let words = words.to_ascii_lowercase();
    let speaks_of = |parts: &[&str]| parts.iter().all(|part| words.contains(part));
    if speaks_of(&["executable file", "not found"])
        || speaks_of(&["exec:", "no such file or directory"])
        || speaks_of(&["exec ", "no such file or directory"])
    {
        Some(127)
    } else if speaks_of(&["exec", "permission denied"]) && !words.contains("rlimit") && !words.contains("cgroup")
        || words.contains("exec format error")
    {
        Some(126)
    } else {
        None
    }
}

/// A container that exists as long as this value.
struct Container<'a> {
    engine: &'a Engine,
    name: String,
    removed: bool,
    _guard: interrupt::Guard,
}

impl<'a> Container<'a> {
    /// Chooses a name that is nobody else's. The container itself is made by the caller.
    fn named(engine: &'a Engine, hint: &str) -> Self {
        let hint: String = hint
            .chars()
            .map(
                |letter| {
                    if letter.is_ascii_alphanumeric() || letter == '_' { letter.to_ascii_lowercase() } else { '-' }
                },
            )
            .take(40)
            .collect();
        let hint = hint.trim_matches(['-', '_']);
        let middle = if hint.is_empty() { "run" } else { hint };
        let name = format!("repro-{middle}-{}", super::random_suffix());
        let guard = interrupt::on_interrupt({
            let engine = engine.clone();
            let name = name.clone();
            move || engine.remove_container(&name)
        });
        Self { engine, name, removed: false, _guard: guard }
    }

    fn ask(&self, arguments: &[&str]) -> Result<Said, EngineError> {
        process::ask(&expression(self.engine.program.as_path(), arguments), PATIENCE).map_err(EngineError::from_io)
    }

    /// Makes an image of what it holds.
    fn keep(&self, tag: &str) -> Result<(), EngineError> {
        let label = format!("LABEL {}={tag}", super::TAG_LABEL);
        let call = expression(self.engine.program.as_path(), ["commit", "--change", &label, &self.name, tag]);
        let said = process::ask(&call, KEEPING).map_err(EngineError::from_io)?;
        if said.ok() { Ok(()) } else { Err(self.engine.trouble(&said, &format!("keep a container as `{tag}`"), None)) }
    }

    /// Runs a command in the container once that runs, then sees to it that the container ends. `over`: it has ended.
    fn beside(&self, words: &[String], over: &AtomicBool) -> Option<Captured> {
        let program = self.engine.program.as_path();
        let mut said = loop {
            if over.load(Ordering::SeqCst) {
                return None;
            }
            let running = self.ask(&["inspect", "--type=container", "--format={{.State.Running}}", &self.name]).ok()?;
            if running.stdout.trim() == "true" {
                let arguments = ["exec", &self.name].map(str::to_owned).into_iter().chain(words.iter().cloned());
                break process::ask(&expression(program, arguments), BESIDE_LIMIT).ok()?;
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        let asked_to_end = Instant::now();
        while !over.load(Ordering::SeqCst) && asked_to_end.elapsed() < GRACE {
            std::thread::sleep(Duration::from_millis(100));
        }
        if !over.load(Ordering::SeqCst) {
            self.kill();
        }
        Some(Captured {
            exit_code: said.code.unwrap_or(137),
            stdout: std::mem::take(&mut said.stdout),
            stderr: std::mem::take(&mut said.stderr),
            timed_out: said.timed_out,
        })
    }

    fn kill(&self) {
        // Already ended is the usual case here, and no error.
        let _ = self.ask(&["kill", &self.name]);
    }

    fn state(&self) -> Result<State, EngineError> {
        // After a kill the engine needs a moment to notice the end.
        for _ in 0..100 {
            let said = self.ask(&["inspect", "--type=container", "--format={{json .State}}", &self.name])?;
            if !said.ok() {
                if interrupt::requested() {
                    return Err(EngineError::Interrupted);
                }
                return Err(self.engine.trouble(&said, "read how a container ended", None));
            }
            let state: State = serde_json::from_str(said.stdout.trim())
                .map_err(|error| EngineError::Answer { what: "inspect".into(), said: error.to_string() })?;
            if !state.running {
                return Ok(state);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(EngineError::Answer { what: "kill".into(), said: format!("container `{}` does not end", self.name) })
    }

    /// How it ended. `words`: the last that the client said.
    fn end(&self, end: End, words: &str) -> Result<State, EngineError> {
        if end != End::Exited(Some(0)) {
            // The client may have ended without the container: by a timeout, an interruption, a lost connection.
            self.kill();
        }
        let mut state = self.state()?;
        if state.began() || matches!(end, End::TimedOut | End::Interrupted) {
            state.exit_code = exit_code(&state, end);
            return Ok(state);
        }
        if state.error.is_empty() {
            words.clone_into(&mut state.error);
        }
        // A program that is not there is the run's result; a container that cannot start is the engine's trouble.
        match start_code(&state.error) {
            Some(code) => {
                state.exit_code = code;
                Ok(state)
            }
            None => Err(EngineError::Refused {
                what: "start a container".to_owned(),
                said: process::without_escapes(&state.error),
            }),
        }
    }

    /// Best effort: a run is judged by more than its files. Where the container's own layer can be read it is: the engine's
    /// `diff` compares all files of the image, which takes seconds for a large one.
    fn changes(&self, contents_of: Option<fn(&str, u64) -> bool>) -> Vec<ChangedFile> {
        let layers = self.layers();
        let listing = match &layers {
            Some(layers) => layers.listing(),
            None => self.ask(&["diff", &self.name]).map(|said| said.stdout).unwrap_or_default(),
        };
        let mut files = changed_files(&listing);
        let mut asked = 0;
        files.retain_mut(|file| {
            if file.kind == ChangeKind::Deleted {
                return true;
            }
            let found = match &layers {
                Some(layers) => stat(&layers.upper.join(file.path.trim_start_matches('/'))),
                None if asked < SIZES_LIMIT => {
                    asked += 1;
                    self.header(&file.path)
                }
                None => None,
            };
            match found {
                Some(Entry::File(size)) => {
                    file.size = Some(size);
                    true
                }
                Some(Entry::Other) => false,
                None => true,
            }
        });
        let wanted = |file: &&mut ChangedFile| {
            let asked = contents_of.zip(file.size).is_some_and(|(wanted, size)| wanted(&file.path, size));
            asked && file.kind != ChangeKind::Deleted
        };
        for file in files.iter_mut().filter(wanted).take(CONTENTS_LIMIT) {
            file.content = match &layers {
                Some(layers) => std::fs::read(layers.upper.join(file.path.trim_start_matches('/'))).ok(),
                None => self.content(&file.path),
            };
        }
        files
    }

    /// The folders of the host in which overlay drivers keep a container's files, where this process may read them.
    fn layers(&self) -> Option<Layers> {
        let format = "--format={{json .GraphDriver.Data}}";
        let said = self.ask(&["inspect", "--type=container", format, &self.name]).ok()?;
        let data: serde_json::Value = serde_json::from_str(said.stdout.trim()).ok()?;
        let folders = |key: &str| data.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
        let upper = PathBuf::from(data.get("UpperDir")?.as_str()?);
        let lower: Vec<PathBuf> =
            folders("LowerDir").split(':').filter(|path| !path.is_empty()).map(PathBuf::from).collect();
        let readable = |folder: &PathBuf| std::fs::read_dir(folder).is_ok();
        (!lower.is_empty() && lower.iter().chain([&upper]).all(readable)).then_some(Layers { upper, lower })
    }

    /// Size and type from the tar header that `cp` begins with; the rest is not waited for.
    fn header(&self, path: &str) -> Option<Entry> {
        let reader = self.copy_out(path)?;
        let entry = read_header(&reader);
        let _ = reader.kill();
        entry
    }

    /// A file's content out of the tar stream of `cp`.
    fn content(&self, path: &str) -> Option<Vec<u8>> {
        let reader = self.copy_out(path)?;
        let Entry::File(size) = read_header(&reader)? else { return None };
        let mut content = Vec::new();
        (&reader).take(size).read_to_end(&mut content).ok()?;
        let _ = reader.kill();
        Some(content)
    }

    fn copy_out(&self, path: &str) -> Option<duct::ReaderHandle> {
        let source = format!("{}:{path}", self.name);
        let call = expression(self.engine.program.as_path(), ["cp", &source, "-"]);
        call.stdin_null().stderr_null().unchecked().reader().ok()
    }

    fn remove(mut self) {
        self.remove_now();
    }

    fn remove_now(&mut self) {
        if !std::mem::replace(&mut self.removed, true) {
            self.engine.remove_container(&self.name);
        }
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        self.remove_now();
    }
}

/// What a container wrote, and what its image has, topmost first.
struct Layers {
    upper: PathBuf,
    lower: Vec<PathBuf>,
}

impl Layers {
    /// As `docker diff` would print it, without folders.
    fn listing(&self) -> String {
        let mut listing = String::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(self.upper.join(&folder)).into_iter().flatten().flatten() {
                let path = folder.join(entry.file_name());
                // A name with a line break would be two lines; nobody's result is called that.
                let Some(name) = path.to_str().filter(|name| !name.contains('\n')).map(ToOwned::to_owned) else {
                    continue;
                };
                let Ok(data) = entry.metadata() else { continue };
                if data.is_dir() {
                    if !is_noise(&format!("/{name}")) {
                        folders.push(path);
                    }
                } else if let Some(kind) = self.kind(&path, &data) {
                    listing.push_str(&format!("{kind} /{name}\n"));
                }
            }
        }
        listing
    }

    /// `A`, `C` or `D`; `None` for a file that was opened for writing and is as it was.
    fn kind(&self, path: &Path, data: &std::fs::Metadata) -> Option<char> {
        // Overlay file systems note a deletion as a device with the number 0.
        if data.file_type().is_char_device() && data.rdev() == 0 {
            return Some('D');
        }
        let Some(before) = self.lower.iter().find_map(|layer| std::fs::symlink_metadata(layer.join(path)).ok()) else {
            return Some('A');
        };
        if before.file_type().is_char_device() && before.rdev() == 0 {
            return Some('A');
        }
        let same = before.len() == data.len()
            && before.mode() == data.mode()
            && before.modified().ok() == data.modified().ok();
        (!same).then_some('C')
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Entry {
    File(u64),
    /// A folder, a link, a device.
    Other,
}

fn stat(path: &Path) -> Option<Entry> {
    let data = std::fs::symlink_metadata(path).ok()?;
    Some(if data.is_file() { Entry::File(data.len()) } else { Entry::Other })
}

fn read_header(mut reader: &duct::ReaderHandle) -> Option<Entry> {
    let mut header = [0_u8; 512];
    reader.read_exact(&mut header).ok()?;
    tar_entry(&header)
}

/// Reads one header of a tar stream: size (octal, or binary where the first bit is set) and type.
fn tar_entry(header: &[u8; 512]) -> Option<Entry> {
    let size = header.get(124..136)?;
    let kind = *header.get(156)?;
    if !matches!(kind, b'0' | 0) {
        return Some(Entry::Other);
    }
    let bytes = if size.first()? & 0x80 == 0 {
        let digits: String = size.iter().map(|&byte| char::from(byte)).filter(char::is_ascii_digit).collect();
        u64::from_str_radix(&digits, 8).ok()?
    } else {
        size.get(4..)?.iter().fold(0_u64, |number, &byte| number.wrapping_shl(8) | u64::from(byte))
    };
    Some(Entry::File(bytes))
}

/// Reads `docker diff`: `A /workspace/out.png`, `C /etc`, `D /tmp/x`. Folders that contain a changed entry are folders,
/// and say nothing more.
fn changed_files(listing: &str) -> Vec<ChangedFile> {
    let mut entries: BTreeSet<(&str, ChangeKind)> = BTreeSet::new();
    for line in listing.lines() {
        let kind = match line.get(..2) {
            Some("A ") => ChangeKind::Added,
            Some("C ") => ChangeKind::Changed,
            Some("D ") => ChangeKind::Deleted,
            _ => continue,
        };
        if let Some(path) = line.get(2..).filter(|path| !is_noise(path)) {
            entries.insert((path, kind));
        }
    }
    let folders: BTreeSet<&str> = listing
        .lines()
        .filter_map(|line| line.get(2..))
        .filter_map(|path| path.rsplit_once('/').map(|(folder, _)| folder))
        .collect();
    entries
        .into_iter()
        .filter(|(path, _)| !folders.contains(path))
        .map(|(path, kind)| ChangedFile { path: path.to_owned(), size: None, kind, content: None })
        .take(CHANGED_LIMIT)
        .collect()
}

/// Caches and bookkeeping: nobody runs a program for these.
fn is_noise(path: &str) -> bool {
    let starts = ["/tmp", "/var/tmp", "/var/cache", "/var/log", "/var/lib/apt", "/run", "/dev", "/proc", "/sys"];
    starts.iter().any(|start| path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        || path.split('/').any(|part| {
            matches!(
                part,
                "__pycache__" | ".cache" | ".config" | ".local" | ".nv" | ".triton" | ".ipython" | ".pytest_cache"
            )
        })
        || Path::new(path).extension().is_some_and(|extension| extension == "pyc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_layer_holds_is_listed_against_the_layers_below() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("lower/etc/issue", "before");
        write("lower/etc/same", "same");
        write("upper/etc/issue", "after all");
        write("upper/srv/out/new", "12345");
        write("upper/home/x/.cache/big", "noise");
        std::fs::create_dir_all(folder.path().join("upper/srv/empty")).unwrap();
        // As a copy upwards leaves it: content and times are those of before.
        let copied = folder.path().join("upper/etc/same");
        std::fs::copy(folder.path().join("lower/etc/same"), &copied).unwrap();
        let time = std::fs::metadata(folder.path().join("lower/etc/same")).unwrap().modified().unwrap();
        std::fs::File::options().write(true).open(&copied).unwrap().set_modified(time).unwrap();
        let layers = Layers {
            upper: folder.path().join("upper"),
            lower: vec![folder.path().join("x"), folder.path().join("lower")],
        };
        let listing = layers.listing();
        let mut lines: Vec<&str> = listing.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["A /srv/out/new", "C /etc/issue"]);
    }

    #[test]
    fn a_diff_lists_files_without_their_folders_and_without_caches() {
        let files = changed_files(
            "C /workspace\nC /workspace/demo\nA /workspace/demo/out.png\nA /workspace/demo/__pycache__\n\
             A /workspace/demo/__pycache__/x.pyc\nC /root\nA /root/.cache\nA /root/.cache/model.bin\nC /tmp\nA /tmp/x\n\
             D /workspace/demo/old\nA /tmpfile\n",
        );
        let seen: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.kind)).collect();
        assert_eq!(
            seen,
            [
                ("/tmpfile", ChangeKind::Added),
                ("/workspace/demo/old", ChangeKind::Deleted),
                ("/workspace/demo/out.png", ChangeKind::Added),
            ]
        );
    }

    #[test]
    fn a_mount_with_a_comma_in_its_path_is_quoted() {
        let check = |source: &str, expected: &str| {
            let mount = Mount::Bind { source: source.into(), target: "/probe".into(), read_only: true };
            assert_eq!(mount.to_flag(), expected);
        };
        check("/a", "type=bind,source=/a,target=/probe,readonly");
        check("/a,b", "type=bind,\"source=/a,b\",target=/probe,readonly");
    }

    #[test]
    fn a_tar_header_tells_the_size_of_a_file() {
        let mut header = [0_u8; 512];
        header[124..135].copy_from_slice(b"00000001750");
        header[156] = b'0';
        assert_eq!(tar_entry(&header), Some(Entry::File(1000)));
        header[156] = b'5';
        assert_eq!(tar_entry(&header), Some(Entry::Other));
        header[156] = b'0';
        header[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
        assert_eq!(tar_entry(&header), Some(Entry::File(0x2_0000_0000)));
    }

    #[test]
    fn a_program_that_is_not_there_is_told_from_a_container_that_cannot_start() {
        let check = |words: &str, expected: Option<i32>| assert_eq!(start_code(words), expected, "{words}");
        check(
            "OCI runtime create failed: runc create failed: exec: \"x\": executable file not found in $PATH: unknown",
            Some(127),
        );
        check(
            "crun: executable file `x` not found in $PATH: No such file or directory: OCI runtime attempted",
            Some(127),
        );
        check("exec: \"/workspace/run.sh\": permission denied: unknown", Some(126));
        check("exec /run.sh: exec format error", Some(126));
        check(
            "error during container init: error setting rlimit type 7: operation not permitted: OCI permission denied",
            None,
        );
        check("could not select device driver \"\" with capabilities: [[gpu]]", None);
    }
}
