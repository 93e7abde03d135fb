//! The verdict on one run of the main command.
//!
//! In: what was observed (exit code, output, the probe's evidence, files, what was expected). Out: the level that was
//! reached, what proves it, and the reasons in words. Never looks at anything itself, and never takes exit code 0 alone for
//! an answer: programs that swallow their own exceptions are common.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::artefact::Look;

/// How far a repository was brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The image was built.
    #[default]
    Built,
    /// The main command did its work and ended with exit code 0.
    Ran,
    /// A model was called while it did.
    Inferred,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Built => "built",
            Self::Ran => "ran",
            Self::Inferred => "inferred",
        })
    }
}

/// What a success rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The probe saw calls into a model.
    Probe,
    /// The output matched what a person expects of it.
    Expect,
    /// A file with content was written.
    Artefact,
    /// Output that is neither usage, nor an error, nor a remark of a library.
    Output,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Probe => "probe",
            Self::Expect => "expect",
            Self::Artefact => "artefact",
            Self::Output => "output",
        })
    }
}

/// What one framework was seen doing, in all processes of a run together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Framework {
    /// Outermost calls into models that returned.
    pub calls: u64,
    /// Device of the first call: `cpu`, `cuda:0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Every device seen, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
    /// Parameters of the largest model called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<u64>,
    /// Seconds inside the calls (on a GPU: until the work was handed over).
    pub seconds: f64,
    /// When the last call or fit ended, in seconds of Unix time. It is no part of a receipt, which says the same every time.
    #[serde(skip_serializing)]
    pub last_call: Option<f64>,
    /// Most GPU memory in use at a time, in bytes, in the process that used most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_gpu_bytes: Option<u64>,
    /// Calls of what has no parameters, such as a loss or an image transform; they prove nothing.
    #[serde(skip_serializing_if = "is_zero")]
    pub calls_without_parameters: u64,
    /// Trainings of an estimator or booster.
    #[serde(skip_serializing_if = "is_zero")]
    pub fits: u64,
    /// Outermost calls that ended in an exception.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed_calls: u64,
    /// The counts are lower bounds.
    #[serde(skip_serializing_if = "is_false")]
    pub at_least: bool,
    /// Class names of some of the models called.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl Framework {
    /// Was a model called or trained?
    pub fn worked(&self) -> bool {
        self.calls > 0 || self.fits > 0
    }

    /// For a reader: `12 calls, 11.7 M parameters, cuda:0, peak 1.9 GB`.
    pub fn describe(&self) -> String {
        let at_least = if self.at_least { "at least " } else { "" };
        let mut parts = Vec::new();
        if self.calls > 0 || self.fits == 0 {
            parts.push(format!("{at_least}{}", count(self.calls, "call", "calls")));
        }
        if self.fits > 0 {
            parts.push(count(self.fits, "fit", "fits"));
        }
        if let Some(parameters) = self.parameters.filter(|p| *p > 0) {
            parts.push(short(parameters, " parameters"));
        }
        if self.worked() {
            parts.extend(self.device.clone());
        }
        if let Some(bytes) = self.peak_gpu_bytes.filter(|b| *b > 0) {
            parts.push(format!("peak {}", short(bytes, "B")));
        }
        if self.failed_calls > 0 {
            parts.push(format!("{} failed", self.failed_calls));
        }
        parts.join(", ")
    }
}

fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// `11700000` as `11.7 M`, with `unit` behind: `1.9 GB`, `16 parameters`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn short(number: u64, unit: &str) -> String {
    let value = number as f64;
    for (prefix, size) in [("G", 1e9), ("M", 1e6), ("k", 1e3)] {
        if value >= size {
            return format!("{:.1} {prefix}{unit}", value / size);
        }
    }
    format!("{number} {}", unit.trim_start())
}

/// A framework that a process of the run had imported.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Imported {
    pub version: Option<String>,
    /// Module whose code imported it first.
    pub by: Option<String>,
    /// Did the program's own code import it, rather than an installed library?
    pub direct: bool,
}

/// What the probe's records say, all processes together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    pub frameworks: BTreeMap<String, Framework>,
    pub imported: BTreeMap<String, Imported>,
    /// Python processes that left a record.
    pub processes: usize,
    /// Processes that these started, Python or not.
    pub children: u64,
    /// The exception that ended the first process, `ValueError: …`.
    pub exception: Option<String>,
    /// A help text was printed.
    pub help: bool,
    /// What an argument parser complained about.
    pub usage_error: Option<String>,
    /// What went wrong inside the probe; the program is not touched by it.
    pub probe_errors: Vec<String>,
}

impl Evidence {
    /// One line for a receipt, one framework after the other.
    pub fn describe(&self) -> String {
        let parts: Vec<_> = self
            .frameworks
            .iter()
            .filter(|(_, framework)| framework.worked())
            .map(|(name, framework)| format!("{name}: {}", framework.describe()))
            .collect();
        parts.join("; ")
    }

    /// Is it sure that no model was called at `since` (seconds of Unix time) or later? Records of killed processes may lack
    /// their last calls.
    fn rested_since(&self, since: Option<f64>) -> bool {
        let mut worked = self.frameworks.values().filter(|framework| framework.worked());
        since.is_some_and(|since| {
            worked.all(|framework| !framework.at_least && framework.last_call.is_some_and(|last| last < since))
        })
    }
}

/// Everything known about one run.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    /// `None` where the engine did not say.
    pub exit_code: Option<i32>,
    pub timed_out: bool,
    /// The kernel killed it because memory ran out.
    pub out_of_memory: bool,
    /// Both outputs as they came; where that was too much, its beginning and its end.
    pub log: String,
    pub evidence: Evidence,
    /// Files that the run created or changed.
    pub files: Vec<Written>,
    /// Patterns that a person expects in the output (`repro.toml`).
    pub expect: Vec<String>,
    /// The command can do no more than show that the program starts: see [`is_trivial`].
    pub trivial: bool,
    /// The probe was mounted and no Python process left a record: nobody can tell what was imported or called.
    pub unwatched: bool,
    /// Set for a server, which is stopped after it was asked something: exit code and time-out then say nothing.
    pub server: Option<Server>,
}

/// A file that a run created or changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    pub path: String,
    /// Size in bytes, where it is known.
    pub bytes: Option<u64>,
    /// What is in it, where that can be told.
    pub look: Option<Look>,
}

/// How a server answered a visitor.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Server {
    /// The port on which it answered; `None` where nobody did.
    pub port: Option<u16>,
    /// Does it listen on the container's own address only, so that a published port does not reach it?
    #[serde(default)]
    pub loopback: bool,
    /// Status of its first page.
    #[serde(default)]
    pub page: Option<u16>,
    /// What it was asked, in order.
    #[serde(default)]
    pub asked: Vec<Asked>,
    /// When the visitor came, in seconds of Unix time.
    #[serde(default, skip_serializing)]
    pub since: Option<f64>,
    /// What went wrong with the visitor itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// One question to a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// `gradio: predict`, `POST /predict, the form of its page`.
    pub what: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// Its beginning.
    pub said: String,
}

impl Server {
    /// The last question that was answered with success.
    pub fn answer(&self) -> Option<&Asked> {
        self.asked.iter().rfind(|asked| asked.status < 400)
    }

    /// `port 7860 answered gradio: predict`.
    pub fn describe(&self) -> String {
        let Some(port) = self.port else {
            let trouble = self.trouble.as_ref().map(|trouble| format!(": {trouble}")).unwrap_or_default();
            return format!("no server answered{trouble}");
        };
        match (self.answer(), self.asked.last()) {
            (Some(asked), _) => format!("port {port} answered {}", asked.what),
            (None, Some(asked)) => format!("port {port} refused {}: {} {}", asked.what, asked.status, asked.said),
            (None, None) => format!("port {port} answered with its page"),
        }
    }
}

/// What a run proves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub level: Level,
    pub proof: Option<Proof>,
    pub success: bool,
    /// Why, one sentence each, the most weighty first.
    pub reasons: Vec<String>,
    /// Why exit code 0 was not a success after all.
    pub false_success: Option<String>,
    /// The text that matched an `expect` pattern.
    pub expected_output: Option<String>,
    /// What a reader should know of a success.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// Libraries of which only a small part is models: that another library imported one of them says nothing about the
/// program. librosa and nltk, say, bring scikit-learn along, and nearly everything reads its images with `OpenCV`.
const PARTLY_MODELS: [&str; 3] = ["opencv", "scikit-learn", "gensim"];

/// Libraries whose own import says nothing at all about models.
const TOOLS: [&str; 1] = ["opencv"];

/// Judges a run.
pub fn judge(seen: &Observation) -> Verdict {
    let mut verdict = Verdict::default();
    let output = Output::read(&seen.log);
    let expected = match_expected(&seen.expect, &seen.log);
    if let Ok(text) = &expected {
        verdict.expected_output.clone_from(text);
    }
    let worked = seen.evidence.frameworks.values().any(Framework::worked);
    let calls = seen.evidence.describe();

    if let Some(reason) = stopped(seen) {
        verdict.reasons.push(reason);
        if worked {
            verdict.reasons.push(format!("before that: {calls}"));
        }
        return verdict;
    }
    let refuse = |mut verdict: Verdict, reason: String| {
        verdict.reasons.push(reason.clone());
        verdict.false_success = Some(reason);
        verdict
    };
    if seen.trivial {
        return refuse(verdict, "the command only shows that the program starts".to_owned());
    }
    if worked {
        verdict.level = Level::Inferred;
        if let Err(reason) = expected {
            return refuse(verdict, reason);
        }
        if let Some(server) =
            seen.server.as_ref().filter(|server| !server.asked.is_empty() && server.answer().is_none())
        {
            return refuse(verdict, format!("no question was answered with success: {}", server.describe()));
        }
        verdict.proof = Some(Proof::Probe);
        verdict.success = true;
        verdict.reasons.push(calls);
        verdict.reasons.extend(seen.server.as_ref().map(Server::describe));
        verdict.remarks =
            seen.files.iter().filter(|file| is_artefact(&file.path)).filter_map(without_content).collect();
        if seen.server.as_ref().is_some_and(|server| seen.evidence.rested_since(server.since)) {
            verdict.remarks.push(
                "the model was called before the server was asked and not after: its answer may come without it"
                    .to_owned(),
            );
        }
        if let Some(line) = &output.traceback {
            verdict.reasons.push(format!("an exception was reported on the way: {line}"));
        }
        return verdict;
    }
    if let Some(reason) = did_nothing(seen, &output) {
        return refuse(verdict, reason);
    }
    verdict.level = Level::Ran;
    if let Err(reason) = expected {
        return refuse(verdict, reason);
    }
    if let Some(reason) = never_called(&seen.evidence) {
        return refuse(verdict, reason);
    }
    if seen.server.as_ref().is_some_and(|server| server.answer().is_none()) {
        return refuse(verdict, "the server answers, but no model was called".to_owned());
    }
    if seen.unwatched && verdict.expected_output.is_none() {
        let reason = "no Python process left a record, so that nobody can tell whether a model was called; `expect` in \
                      repro.toml can say what its output must show";
        return refuse(verdict, reason.to_owned());
    }
    let written =
        || seen.files.iter().filter(|file| is_artefact(&file.path) && file.bytes.is_some_and(|bytes| bytes > 0));
    let artefact = written().filter(|file| without_content(file).is_none()).max_by_key(|file| file.look.is_some());
    let (proof, reason) = if let Some(text) = &verdict.expected_output {
        (Proof::Expect, format!("the output matches what is expected: `{text}`"))
    } else if let Some(asked) = seen.server.as_ref().and_then(Server::answer) {
        (Proof::Output, format!("the server answered {}: {}", asked.what, asked.said))
    } else if let Some(file) = artefact {
        (Proof::Artefact, file.describe())
    } else if let Some(reason) = written().find_map(without_content) {
        return refuse(verdict, reason);
    } else if let Some(line) = &output.real {
        (Proof::Output, format!("said `{line}`"))
    } else {
        return refuse(verdict, "it ended with exit code 0 and left nothing to see".to_owned());
    };
    verdict.proof = Some(proof);
    verdict.success = true;
    verdict.reasons.push(reason);
    verdict
}

impl Written {
    /// `wrote out/mask.png, png image 640x480 (1200 bytes)`.
    pub fn describe(&self) -> String {
        let look = self.look.as_ref().map(|look| format!(", {}", look.describe())).unwrap_or_default();
        format!("wrote {}{look} ({} bytes)", self.path, self.bytes.unwrap_or_default())
    }
}

/// Why a file is no result: an image without a picture, audio without a sound.
fn without_content(file: &Written) -> Option<String> {
    let look = file.look.as_ref()?;
    look.empty.as_ref().map(|_| format!("{} is no result: {}", file.path, look.describe()))
}

/// Why a run did not come to its own good end.
fn stopped(seen: &Observation) -> Option<String> {
    if seen.out_of_memory {
        return Some("it was killed because memory ran out".to_owned());
    }
    if let Some(server) = &seen.server {
        let exception = seen.evidence.exception.as_ref().map(|exception| format!(": {exception}")).unwrap_or_default();
        return server.port.is_none().then(|| match seen.exit_code {
            Some(code) if !seen.timed_out && !ENDED.contains(&code) => {
                format!("it ended with exit code {code} before it answered as a server{exception}")
            }
            _ => server.describe(),
        });
    }
    if seen.timed_out {
        return Some("it was still running when its time was up".to_owned());
    }
    match seen.exit_code {
        Some(0) => None,
        Some(code) => Some(match &seen.evidence.exception {
            Some(exception) => format!("exit code {code}: {exception}"),
            None => format!("exit code {code}"),
        }),
        None => Some("the engine gave no exit code".to_owned()),
    }
}

/// Exit codes of processes that were ended by SIGINT, SIGKILL or SIGTERM.
const ENDED: [i32; 3] = [130, 137, 143];

/// Signs that a program ended with exit code 0 without having done its work.
fn did_nothing(seen: &Observation, output: &Output) -> Option<String> {
    if let Some(line) = &output.no_tests {
        return Some(format!("a test runner found no tests: `{line}`"));
    }
    if let Some(line) = &output.traceback {
        return Some(format!("an exception was swallowed: `{line}`"));
    }
    if let Some(line) = &output.end_of_input {
        return Some(format!("it waited for input and there was none: `{line}`"));
    }
    if seen.evidence.help {
        return Some("it printed its help text instead of doing its work".to_owned());
    }
    if let Some(message) = &seen.evidence.usage_error {
        return Some(format!("it refused its arguments: {message}"));
    }
    if let Some(line) = &output.usage {
        return Some(format!("it printed its usage instead of doing its work: `{line}`"));
    }
    if let Some(framework) = seen.evidence.frameworks.iter().find(|(_, f)| f.failed_calls > 0) {
        return Some(format!("every call into a model failed ({}: {})", framework.0, framework.1.describe()));
    }
    if let Some(line) = output.error.as_ref().filter(|_| output.real.is_none()) {
        return Some(format!("it reported an error and nothing else: `{line}`"));
    }
    None
}

/// Frameworks that the program imported and never called.
fn never_called(evidence: &Evidence) -> Option<String> {
    let names: Vec<&str> = evidence
        .imported
        .iter()
        .filter(|(name, imported)| {
            !TOOLS.contains(&name.as_str()) && (imported.direct || !PARTLY_MODELS.contains(&name.as_str()))
        })
        .map(|(name, _)| name.as_str())
        .collect();
    let (first, rest) = names.split_first()?;
    let others = if rest.is_empty() { String::new() } else { format!(" (nor {})", rest.join(", ")) };
    Some(format!("it imported {first}{others} and never called a model"))
}

/// The first text that every pattern's first match gives, `None` where nothing is expected.
///
/// # Errors
/// A sentence that names the pattern without a match, or one that cannot be read.
fn match_expected(patterns: &[String], log: &str) -> Result<Option<String>, String> {
    let mut first = None;
    for pattern in patterns {
        let regex = RegexBuilder::new(pattern)
            .multi_line(true)
            .size_limit(1 << 20)
            .build()
            .map_err(|_| format!("the expected pattern `{pattern}` is no regular expression"))?;
        let found = regex.find(log).ok_or_else(|| format!("the output lacks what is expected: `{pattern}`"))?;
        first.get_or_insert_with(|| shorten(found.as_str()));
    }
    Ok(first)
}

/// Files that a run leaves anyway: bytecode, caches, logs of libraries, lock files.
fn is_artefact(path: &str) -> bool {
    let hidden = path.split('/').any(|part| {
        (part.starts_with('.') && part.len() > 1)
            || part == "__pycache__"
            || part.ends_with(".egg-info")
            || part == "wandb"
    });
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    !hidden && !matches!(extension.as_deref(), Some("pyc" | "lock" | "pid" | "tmp" | "part" | "nbi" | "nbc" | "log"))
}

/// Can a command line do no more than show that a program starts: its help, its version, a bare import?
pub fn is_trivial(line: &str) -> bool {
    let words = shlex::split(line).unwrap_or_else(|| line.split_whitespace().map(str::to_owned).collect());
    let Some(program) = words.first() else { return true };
    let python = program.rsplit('/').next().is_some_and(|name| name.starts_with("python"));
    if python && let Some(code) = words.iter().position(|word| word == "-c").and_then(|at| words.get(at + 1)) {
        return only_imports(code);
    }
    // `-h` and `-v` are also heights and verbosities where something follows; alone at the end they are not.
    let last = words.last().map_or("", String::as_str);
    let short = words.len() > 1 && matches!(last, "-h" | "-V" | "help" | "version");
    short
        || words
            .iter()
            .skip(1)
            .any(|word| matches!(word.as_str(), "--help" | "--version" | "--helpfull" | "--help-all"))
}

/// Does a program only import, and at most print what it has imported or its version?
fn only_imports(code: &str) -> bool {
    static PRINTED: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"^print\((['"][^'"]*['"]|[\w.]*__\w+__|\w+(\.\w+)*)?(, *[\w.]+)*\)$"#).ok());
    code.split(['\n', ';']).map(str::trim).filter(|part| !part.is_empty() && !part.starts_with('#')).all(|part| {
        part.starts_with("import ")
            || part.starts_with("from ")
            || part == "pass"
            || PRINTED.as_ref().is_some_and(|printed| printed.is_match(part))
    })
}

/// The last line of output that is the program's own, for a receipt.
pub fn last_real_line(log: &str) -> Option<String> {
    Output::read(log).real
}

/// A log's lines, told apart.
#[derive(Debug, Default)]
struct Output {
    /// The last line of the program's own output.
    real: Option<String>,
    /// The last line of the last traceback, or its first where it has none.
    traceback: Option<String>,
    /// The first line that reports an error.
    error: Option<String>,
    /// A line of a usage text.
    usage: Option<String>,
    /// A test runner's line that there are no tests.
    no_tests: Option<String>,
    /// A line that says that standard input was at its end.
    end_of_input: Option<String>,
}

static USAGE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // "usage: demo.py [-h] --image IMAGE", "Usage: demo [OPTIONS] COMMAND", "  -h, --help            show this help message and exit"
    Regex::new(r"(?i)^\s*usage:\s*\S|^\s*-h, --help\b|show this (help )?message and exit").ok()
});
static ERROR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // "ValueError: bad", "torch.cuda.OutOfMemoryError: CUDA out of memory", "Error: no such file", "[ERROR] failed to load",
    // "2024-05-01 12:00:00 ERROR demo: no model", "demo.py: error: …", "Failed to load the model"
    Regex::new(concat!(
        r"^\s*(\w+\.)*\w*(Error|Exception|Interrupt)\b(:|$)",
        r"|^\W*(?i:(fatal |critical |an? )?(error|exception|failure)(\W*$|\s*[:!]| (in|while|when|on|loading|reading|opening)\b))",
        r"|^\W*(?i:(fatal|critical|failed)(\W*$|\s*[:!]| to\b)|could not\b|cannot\b|can't\b|unable to\b)",
        r"|\b(ERROR|CRITICAL|FATAL)\b|: (?i:error): |(?i:no such file or directory|not found\.?$|does not exist)",
        r"|(?i:an? (error|exception) (has )?occurred)",
    ))
    .ok()
});
static RAISED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // "ValueError: bad", "torch.cuda.OutOfMemoryError: …", "KeyboardInterrupt", "model.NoWeights"
    Regex::new(r"^(\w+\.)*[A-Z]\w*(:|$)").ok()
});
static REMARK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // "/x/y.py:12: UserWarning: …", "  warnings.warn(", "WARNING:root:…", "2024-05-01 12:00:00.123: I tensorflow/…",
    // "I0000 00:00:1700000000.1 …", " 45%|████ | 45/100", "Downloading: 12%", "INFO: Created TensorFlow Lite XNNPACK delegate"
    Regex::new(concat!(
        r"Warning\b|^\s*warnings\.warn\(|(?i:^\W*(warning|info|debug|note)\b)|\b(WARNING|WARN|DEBUG)\b",
        r"|^\d{4}-\d\d-\d\d [\d:.,]+: [IWEF] |^[IWEF]\d{4} [\d:.]+ |\d+%\||(?i:^downloading\b)|\bit/s\b|\bs/it\b",
    ))
    .ok()
});
static NO_TESTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // "Ran 0 tests in 0.000s", "==== no tests ran in 0.01s ====", "collected 0 items", "NO TESTS RAN"
    Regex::new(r"(?i)^Ran 0 tests in |\bno tests ran\b|^collected 0 items\b").ok()
});

fn hits(regex: &LazyLock<Option<Regex>>, line: &str) -> bool {
    regex.as_ref().is_some_and(|regex| regex.is_match(line))
}

impl Output {
    fn read(log: &str) -> Self {
        let mut output = Self::default();
        let mut in_traceback = false;
        // Progress bars write over a line with carriage returns: what a person sees is the last piece.
        let lines = log.lines().map(|line| line.trim_end_matches('\r').rsplit('\r').next().unwrap_or(line));
        for line in lines {
            let text = without_colours(line);
            let text = text.trim_end();
            if text.trim().is_empty() {
                continue;
            }
            if text.trim_start().starts_with("Traceback (most recent call last)") {
                in_traceback = true;
                output.traceback = Some(shorten(text));
                continue;
            }
            if in_traceback {
                // Frames and code are indented; the line that ends a traceback is not.
                if text.starts_with(' ') || text.starts_with('\t') {
                    continue;
                }
                // Others may be of the other output, with which this one shares the log.
                if hits(&RAISED, text) {
                    in_traceback = false;
                    // What Ctrl-C leaves behind is how a server is stopped.
                    output.traceback = (text != "KeyboardInterrupt").then(|| shorten(text));
                }
            }
            if hits(&NO_TESTS, text) {
                output.no_tests.get_or_insert_with(|| shorten(text));
            } else if text.contains("EOFError") || text.contains("EOF when reading a line") {
                output.end_of_input.get_or_insert_with(|| shorten(text));
            } else if hits(&USAGE, text) {
                output.usage.get_or_insert_with(|| shorten(text));
            } else if hits(&ERROR, text) {
                output.error.get_or_insert_with(|| shorten(text));
            } else if !hits(&REMARK, text) {
                output.real = Some(shorten(text));
            }
        }
        output
    }
}

/// A line without terminal colours (`\x1b[31m`).
fn without_colours(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        if letter != '\u{1b}' {
            out.push(letter);
        } else if letters.next() == Some('[') {
            letters.by_ref().find(char::is_ascii_alphabetic);
        }
    }
    out
}

fn shorten(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(160) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn torch(calls: u64) -> Evidence {
        let framework = Framework { calls, device: Some("cpu".into()), ..Framework::default() };
        let imported = Imported { direct: true, ..Imported::default() };
        Evidence {
            frameworks: if calls > 0 { [("torch".to_owned(), framework)].into() } else { BTreeMap::new() },
            imported: [("torch".to_owned(), imported)].into(),
            processes: 1,
            ..Evidence::default()
        }
    }

    fn ended(log: &str, evidence: Evidence) -> Observation {
        Observation { exit_code: Some(0), log: log.to_owned(), evidence, ..Observation::default() }
    }

    fn check(seen: &Observation, level: Level, proof: Option<Proof>) -> Verdict {
        let verdict = judge(seen);
        assert_eq!((verdict.level, verdict.proof), (level, proof), "{verdict:?}");
        assert_eq!(verdict.success, proof.is_some(), "{verdict:?}");
        assert_eq!(verdict.false_success.is_some(), !verdict.success && seen.exit_code == Some(0) && !seen.timed_out);
        verdict
    }

    #[test]
    fn a_model_call_and_exit_code_zero_is_an_inference() {
        let verdict = check(&ended("cat 0.9\n", torch(12)), Level::Inferred, Some(Proof::Probe));
        assert_eq!(verdict.reasons, ["torch: 12 calls, cpu"]);
    }

    #[test]
    fn a_model_call_before_a_crash_proves_nothing() {
        let seen = Observation { exit_code: Some(1), ..ended("", torch(12)) };
        let verdict = check(&seen, Level::Built, None);
        assert_eq!(verdict.reasons, ["exit code 1", "before that: torch: 12 calls, cpu"]);
    }

    #[test]
    fn a_program_that_computes_until_its_time_is_up_has_not_succeeded() {
        let seen = Observation { exit_code: Some(137), timed_out: true, ..ended("", torch(12)) };
        check(&seen, Level::Built, None);
    }

    #[test]
    fn a_server_is_judged_by_its_answer_and_its_model() {
        let asked = |status| vec![Asked { what: "POST /predict".into(), status, said: "cat".into() }];
        let visited = |port, asked, calls| Observation {
            exit_code: Some(130),
            server: Some(Server { port, asked, page: port.map(|_| 200), ..Server::default() }),
            ..ended("Running on http://0.0.0.0:7860\n", torch(calls))
        };
        let verdict = check(&visited(Some(7860), asked(200), 1), Level::Inferred, Some(Proof::Probe));
        assert_eq!(verdict.reasons, ["torch: 1 call, cpu", "port 7860 answered POST /predict"]);
        check(&visited(Some(7860), vec![], 1), Level::Inferred, Some(Proof::Probe));
        // A model that was only tried out while the server started.
        let mut warmed_up = visited(Some(7860), asked(200), 1);
        for (last_call, remarks) in [(None, 0), (Some(9.0), 1), (Some(11.0), 0)] {
            warmed_up.server.as_mut().unwrap().since = Some(10.0);
            warmed_up.evidence.frameworks.get_mut("torch").unwrap().last_call = last_call;
            assert_eq!(judge(&warmed_up).remarks.len(), remarks, "{last_call:?}");
        }
        let why = |seen: &Observation| judge(seen).reasons.join("; ");
        assert!(why(&visited(Some(7860), asked(500), 1)).starts_with("no question was answered with success"));
        assert!(why(&visited(None, vec![], 1)).starts_with("no server answered"));
        let fallen = Observation { exit_code: Some(1), ..visited(None, vec![], 0) };
        assert_eq!(why(&fallen), "it ended with exit code 1 before it answered as a server");
        assert!(why(&visited(Some(7860), asked(200), 0)).contains("never called a model"));
        let plain = |asked| Observation { evidence: Evidence::default(), ..visited(Some(80), asked, 0) };
        assert_eq!(why(&plain(vec![])), "the server answers, but no model was called");
        check(&plain(asked(200)), Level::Ran, Some(Proof::Output));
    }

    #[test]
    fn a_framework_that_is_imported_and_never_called_is_a_false_success() {
        let verdict = check(&ended("done, 12 results written\n", torch(0)), Level::Ran, None);
        assert_eq!(verdict.false_success.as_deref(), Some("it imported torch and never called a model"));
    }

    #[test]
    fn a_loss_alone_is_no_model() {
        let mut evidence = torch(0);
        evidence.frameworks.insert("torch".into(), Framework { calls_without_parameters: 3, ..Framework::default() });
        check(&ended("loss 0.3\n", evidence), Level::Ran, None);
    }

    #[test]
    fn a_fit_is_work() {
        let mut evidence = torch(0);
        evidence.frameworks.insert("scikit-learn".into(), Framework { fits: 1, ..Framework::default() });
        let verdict = check(&ended("", evidence), Level::Inferred, Some(Proof::Probe));
        assert_eq!(verdict.reasons, ["scikit-learn: 1 fit"]);
    }

    #[test]
    fn a_library_that_brings_scikit_learn_along_does_not_ask_for_a_model() {
        let with = |name: &str, direct| Evidence {
            imported: [(name.to_owned(), Imported { direct, ..Imported::default() })].into(),
            ..Evidence::default()
        };
        check(&ended("tempo 120.2\n", with("scikit-learn", false)), Level::Ran, Some(Proof::Output));
        check(&ended("tempo 120.2\n", with("scikit-learn", true)), Level::Ran, None);
        check(&ended("320x200\n", with("opencv", true)), Level::Ran, Some(Proof::Output));
        check(&ended("ok\n", with("torch", false)), Level::Ran, None);
    }

    #[test]
    fn a_swallowed_exception_is_a_false_success_unless_a_model_was_called() {
        let log = "loading\nTraceback (most recent call last):\n  File \"demo.py\", line 3, in <module>\n    main()\nValueError: no weights\ndone\n";
        let verdict = check(&ended(log, torch(0)), Level::Built, None);
        assert_eq!(verdict.false_success.as_deref(), Some("an exception was swallowed: `ValueError: no weights`"));
        check(&ended(log, Evidence::default()), Level::Built, None);
        let mixed = log.replace("    main()\n", "    main()\ndone\n");
        let verdict = check(&ended(&mixed, Evidence::default()), Level::Built, None);
        assert_eq!(verdict.false_success.as_deref(), Some("an exception was swallowed: `ValueError: no weights`"));
        let verdict = check(&ended(log, torch(1)), Level::Inferred, Some(Proof::Probe));
        assert!(verdict.reasons.iter().any(|reason| reason.contains("ValueError: no weights")));
    }

    #[test]
    fn help_and_usage_are_never_more_than_built() {
        for log in [
            "usage: demo.py [-h] --image IMAGE\n\noptions:\n  -h, --help  show this help message and exit\n",
            "Usage: demo [OPTIONS] COMMAND [ARGS]...\n\n  Does things.\n",
        ] {
            check(&ended(log, Evidence::default()), Level::Built, None);
        }
        let helped = Evidence { help: true, ..Evidence::default() };
        check(&ended("Runs the model on an image\n", helped), Level::Built, None);
        let trivial = Observation { trivial: true, ..ended("1.0\n", torch(3)) };
        check(&trivial, Level::Built, None);
    }

    #[test]
    fn a_test_runner_without_tests_and_an_ended_input_are_false_successes() {
        for log in [
            "\n----------\nRan 0 tests in 0.000s\n\nOK\n",
            "collected 0 items\n\n===== no tests ran in 0.01s =====\n",
            "Enter a sentence: EOF when reading a line\nbye\n",
        ] {
            check(&ended(log, Evidence::default()), Level::Built, None);
        }
    }

    #[test]
    fn an_error_and_nothing_else_is_no_output() {
        for log in [
            "Error: model.pth not found\n",
            "[ERROR] could not open the camera\n",
            "2024-05-01 12:00:00 ERROR demo: no model\n",
            "\u{1b}[31mFailed to load weights\u{1b}[0m\n",
            "Cannot open file x.jpg\n",
        ] {
            check(&ended(log, Evidence::default()), Level::Built, None);
        }
    }

    #[test]
    fn remarks_of_libraries_are_no_output() {
        for log in [
            "/x/y.py:12: UserWarning: nope\n  warnings.warn(\n",
            "2024-05-01 12:00:00.123456: I tensorflow/core/util/port.cc:113] oneDNN\n",
            " 10%|#    | 1/10 [00:00<00:01]\r100%|#####| 10/10 [00:01<00:00, 9.9it/s]\n",
            "\n \n",
        ] {
            check(&ended(log, Evidence::default()), Level::Ran, None);
        }
    }

    #[test]
    fn without_a_framework_other_evidence_counts_in_order() {
        let base = ended("score 0.93\n", Evidence::default());
        check(&base, Level::Ran, Some(Proof::Output));
        let written = |path: &str, empty: Option<&str>| Written {
            path: path.to_owned(),
            bytes: Some(1200),
            look: Some(Look { kind: "png image".into(), detail: "4x3".into(), empty: empty.map(str::to_owned) }),
        };
        let blank = written("out/blank.png", Some("all pixels are the same"));
        let verdict = check(&Observation { files: vec![blank.clone()], ..base.clone() }, Level::Ran, None);
        assert!(verdict.reasons[0].starts_with("out/blank.png is no result"), "{:?}", verdict.reasons);
        let files = vec![blank, written("out/mask.png", None)];
        check(&Observation { files: files.clone(), ..base.clone() }, Level::Ran, Some(Proof::Artefact));
        let expect = vec![r"score 0\.\d+".to_owned()];
        let verdict = check(&Observation { files, expect, ..base }, Level::Ran, Some(Proof::Expect));
        assert_eq!(verdict.expected_output.as_deref(), Some("score 0.93"));
    }

    #[test]
    fn what_is_expected_must_be_there_even_after_an_inference() {
        let seen = Observation { expect: vec!["^dog".to_owned()], ..ended("cat\n", torch(1)) };
        check(&seen, Level::Inferred, None);
        let seen = Observation { expect: vec!["(".to_owned()], ..ended("cat\n", torch(1)) };
        check(&seen, Level::Inferred, None);
    }

    #[test]
    fn without_a_record_only_an_expected_output_counts() {
        let base = Observation { unwatched: true, ..ended("score 0.9", Evidence::default()) };
        assert!(!judge(&base).success);
        let expect = vec!["score [0-9.]+".to_owned()];
        check(&Observation { expect, ..base }, Level::Ran, Some(Proof::Expect));
    }

    #[test]
    fn empty_and_incidental_files_are_no_artefacts() {
        for (path, size) in [
            ("out.txt", Some(0)),
            ("out.txt", None),
            ("pkg/__pycache__/a.cpython-311.pyc", Some(10)),
            ("home/user/.config/matplotlib/fontlist.json", Some(10)),
            ("run.log", Some(10)),
        ] {
            let file = Written { path: path.to_owned(), bytes: size, look: None };
            let seen = Observation { files: vec![file], ..ended("", Evidence::default()) };
            check(&seen, Level::Ran, None);
        }
    }

    #[test]
    fn help_versions_and_bare_imports_are_trivial_commands() {
        for (line, trivial) in [
            ("python demo.py --help", true),
            ("demo -h", true),
            ("demo --version", true),
            ("python -c 'import torch'", true),
            ("python3.11 -c 'import torch; print(torch.__version__)'", true),
            ("python -c \"from demo import run; run()\"", false),
            ("python demo.py -h 480 -w 640", false),
            ("python demo.py --image x.jpg", false),
            ("python -c 'import demo; demo.main()'", false),
            ("", true),
            ("demo 'unclosed", false),
        ] {
            assert_eq!(is_trivial(line), trivial, "{line}");
        }
    }

    #[test]
    fn a_framework_is_described_in_words() {
        let framework = Framework {
            calls: 12,
            parameters: Some(11_689_512),
            device: Some("cuda:0".into()),
            peak_gpu_bytes: Some(1_900_000_000),
            ..Framework::default()
        };
        assert_eq!(framework.describe(), "12 calls, 11.7 M parameters, cuda:0, peak 1.9 GB");
        let few = Framework { calls: 1, parameters: Some(16), ..Framework::default() };
        assert_eq!(few.describe(), "1 call, 16 parameters");
    }

    #[test]
    fn foreign_text_never_panics() {
        for log in ["\u{1b}", "\u{1b}[", "Traceback (most recent call last)", "é\r\u{0}\n\r\r", "Usage:"] {
            judge(&ended(log, Evidence::default()));
            last_real_line(log);
        }
    }
}
