//! Reads what a builder prints: which step runs, what the step says, which step failed and with which exit code.
//!
//! In: one line at a time, of BuildKit's plain progress, of the legacy builder, or of buildah. Out: events, and at the end
//! the failed step with the output that is its own (BuildKit runs stages side by side and mixes their lines).
//! It decides nothing about causes, and text it does not know passes through as output.

use std::collections::{BTreeMap, VecDeque, btree_map::Entry};

use serde::Serialize;

/// How many lines of each step are kept for the report of a failure. The log file has them all.
const KEPT_LINES: usize = 2000;

/// What the builder says, as it says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildProgress<'a> {
    /// A step of the Dockerfile begins: `number` of `of` within its stage.
    Step { number: u32, of: u32, stage: Option<&'a str>, instruction: &'a str },
    /// The step that began last is taken from the cache.
    Cached,
    /// A line that a step printed, without the builder's prefix.
    Output(&'a str),
}

/// The step that ended a build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FailedStep {
    /// Its number within its stage, from 1, and how many the stage has. 0 where the builder gave none.
    pub number: u32,
    pub of: u32,
    /// Name of the stage, where the builder gave one.
    pub stage: Option<String>,
    /// The instruction as the builder prints it: `RUN pip install …`. Long ones are shortened by some builders.
    pub instruction: String,
    /// Exit code of a RUN's command.
    pub exit_code: Option<i32>,
}

/// Whose words these are. What a step prints must not be taken for the builder's: the three differ enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Style {
    #[default]
    BuildKit,
    Legacy,
    Buildah,
}

/// Follows one build.
#[derive(Debug, Default)]
pub(super) struct Reader {
    style: Style,
    steps: BTreeMap<u32, Step>,
    /// Key of the step that the last event belongs to. BuildKit's vertex numbers; the others are counted.
    current: Option<u32>,
    failed: Option<u32>,
    exit_code: Option<i32>,
    /// Lines after the failure was announced, and lines outside every step: the builder's own words.
    pub(super) closing: VecDeque<String>,
    /// BuildKit dropped output of a step because there was too much of it.
    pub(super) clipped: bool,
    pub(super) cached: u32,
    pub(super) image_id: Option<String>,
}

#[derive(Debug, Default)]
struct Step {
    number: u32,
    of: u32,
    stage: Option<String>,
    instruction: String,
    output: VecDeque<String>,
}

impl Reader {
    pub(super) fn new(style: Style) -> Self {
        Self { style, ..Self::default() }
    }

    /// Takes one line and says what it means.
    pub(super) fn read(&mut self, line: &str, emit: &mut dyn FnMut(BuildProgress<'_>)) {
        match self.style {
            Style::BuildKit => match buildkit_prefix(line) {
                Some((id, rest)) => self.read_buildkit(id, rest, emit),
                // The builder's summaries; they repeat what was said, except for errors outside every step.
                None => keep(&mut self.closing, line),
            },
            Style::Legacy | Style::Buildah => match self.next_step(line) {
                // The step that carries the labels of the command line.
                Some(step) if step.number > step.of => {}
                Some(step) => {
                    let id = self.current.map_or(1, |id| id.saturating_add(1));
                    emit(step.event());
                    self.current = Some(id);
                    self.steps.insert(id, step);
                }
                None => self.read_plain(line, emit),
            },
        }
    }

    /// The step that this line opens. The legacy builder counts through the whole file, so a training script's
    /// `Step 3/100 : loss 0.3` is recognised as no step by its numbers.
    fn next_step(&self, line: &str) -> Option<Step> {
        let step = step_header(line, self.style)?;
        let before = self.current.and_then(|id| self.steps.get(&id));
        let follows = match (self.style, before) {
            (Style::Legacy, Some(before)) => step.of == before.of && step.number == before.number.saturating_add(1),
            (Style::Legacy, None) => step.number == 1,
            _ => true,
        };
        follows.then_some(step)
    }

    fn read_buildkit(&mut self, id: u32, rest: &str, emit: &mut dyn FnMut(BuildProgress<'_>)) {
        if rest == "CACHED" {
            self.cached = self.cached.saturating_add(1);
            emit(BuildProgress::Cached);
        } else if let Some(error) = rest.strip_prefix("ERROR: ") {
            // `#6 ERROR: process "/bin/sh -c false" did not complete successfully: exit code: 1`
            // A step that was only cancelled because another failed says so.
            if self.failed.is_none() && !error.ends_with("context canceled") && !error.ends_with(": canceled") {
                self.failed = Some(id);
                self.exit_code = exit_code(error);
                keep(&mut self.closing, error);
            }
        } else if let Some(step) = bracketed(rest) {
            // A vertex is announced again whenever its output resumes; only the first time is it a step that begins.
            if let Entry::Vacant(place) = self.steps.entry(id) {
                emit(step.event());
                place.insert(step);
            }
            self.current = Some(id);
        } else if let Some(text) = timed(rest) {
            if text.contains("[output clipped, log limit") {
                self.clipped = true;
            }
            emit(BuildProgress::Output(text));
            keep(&mut self.steps.entry(id).or_default().output, text);
            self.current = Some(id);
        }
    }

    fn read_plain(&mut self, line: &str, emit: &mut dyn FnMut(BuildProgress<'_>)) {
        let trimmed = line.trim();
        // ` ---> Using cache` (legacy), `--> Using cache 3f4c…` (buildah)
        if trimmed.trim_start_matches('-').starts_with("> Using cache") {
            self.cached = self.cached.saturating_add(1);
            emit(BuildProgress::Cached);
            return;
        }
        // ` ---> 61f550b81578`, ` ---> Running in d46628173c5a`, `Removing intermediate container d46628173c5a`
        if line.starts_with(" ---> ")
            || line.starts_with("--> ")
            || line.starts_with("Removing intermediate container ")
        {
            return;
        }
        if let Some(id) = line.strip_prefix("Successfully built ") {
            self.image_id = Some(id.trim().to_owned());
            return;
        }
        // `The command '/bin/sh -c false' returned a non-zero code: 1` (legacy)
        // `Error: building at STEP "RUN false": while running runtime: exit status 1` (buildah)
        if is_failure(trimmed) {
            self.failed = self.failed.or(self.current);
            self.exit_code = self.exit_code.or_else(|| exit_code(trimmed));
            keep(&mut self.closing, trimmed);
            return;
        }
        if self.failed.is_some() || self.current.is_none() {
            keep(&mut self.closing, line);
        }
        if self.failed.is_none() {
            if let Some(step) = self.current.and_then(|id| self.steps.get_mut(&id)) {
                keep(&mut step.output, line);
            }
            emit(BuildProgress::Output(line));
        }
    }

    /// The step that failed, and the lines that it printed. For a failure outside every step (a parse error, a missing
    /// base image), no step and the builder's last words.
    pub(super) fn failure(&self) -> (Option<FailedStep>, Vec<String>) {
        let step = self.failed.or(self.current).and_then(|id| self.steps.get(&id));
        let Some(step) = step.filter(|step| step.number > 0) else {
            return (None, self.closing.iter().cloned().collect());
        };
        let failed = FailedStep {
            number: step.number,
            of: step.of,
            stage: step.stage.clone(),
            instruction: step.instruction.clone(),
            exit_code: self.exit_code,
        };
        let mut lines: Vec<String> = step.output.iter().cloned().collect();
        lines.extend(self.closing.iter().cloned());
        (Some(failed), lines)
    }

    /// The builder's own last words, without what steps printed.
    pub(super) fn closing_text(&self) -> String {
        self.closing.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

impl Step {
    fn event(&self) -> BuildProgress<'_> {
        BuildProgress::Step {
            number: self.number,
            of: self.of,
            stage: self.stage.as_deref(),
            instruction: &self.instruction,
        }
    }
}

fn keep(lines: &mut VecDeque<String>, line: &str) {
    if lines.len() >= KEPT_LINES {
        lines.pop_front();
    }
    lines.push_back(line.to_owned());
}

/// `#7 [3/9] RUN …` -> (7, `[3/9] RUN …`)
fn buildkit_prefix(line: &str) -> Option<(u32, &str)> {
    let (number, rest) = line.strip_prefix('#')?.split_once(' ')?;
    Some((number.parse().ok()?, rest))
}

/// `[source 2/4] RUN …`, `[2/4] RUN …`, `[linux/amd64 source 2/4] RUN …`; also `[internal] load …`, which has no numbers.
fn bracketed(text: &str) -> Option<Step> {
    let (inside, instruction) = text.strip_prefix('[')?.split_once("] ")?;
    let (before, last) = inside.rsplit_once(' ').map_or((None, inside), |(before, last)| (Some(before), last));
    let Some((number, of)) = fraction(last) else {
        return Some(Step { instruction: text.to_owned(), ..Step::default() });
    };
    let stage = before.and_then(|before| before.split(' ').next_back()).filter(|stage| !stage.contains('/'));
    Some(Step {
        number,
        of,
        stage: stage.map(ToOwned::to_owned),
        instruction: instruction.to_owned(),
        output: VecDeque::new(),
    })
}

/// `Step 3/9 : RUN …` (legacy), `STEP 3/9: RUN …` and `[1/2] STEP 3/9: RUN …` (buildah)
fn step_header(line: &str, style: Style) -> Option<Step> {
    let (stage, rest) = match line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((stage, rest)) => (fraction(stage).map(|(number, _)| number.to_string()), rest),
        None => (None, line),
    };
    let (numbers, instruction) = match style {
        Style::BuildKit => return None,
        // It counts the labels of the command line (every build of ours has some) as one more step.
        Style::Legacy => rest.strip_prefix("Step ")?.split_once(" : ")?,
        Style::Buildah => rest.strip_prefix("STEP ")?.split_once(": ")?,
    };
    let (number, of) = fraction(numbers)?;
    let of = if style == Style::Legacy { of.saturating_sub(1) } else { of };
    Some(Step { number, of, stage, instruction: instruction.trim().to_owned(), output: VecDeque::new() })
}

fn fraction(text: &str) -> Option<(u32, u32)> {
    let (number, of) = text.split_once('/')?;
    Some((number.trim().parse().ok()?, of.parse().ok()?))
}

/// `1.912 Collecting six` -> `Collecting six`
fn timed(text: &str) -> Option<&str> {
    let (seconds, rest) = text.split_once(' ').unwrap_or((text, ""));
    let (whole, part) = seconds.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(whole) && digits(part)).then_some(rest)
}

fn is_failure(line: &str) -> bool {
    line.starts_with("The command '") && line.contains("' returned a non-zero code: ")
        || line.starts_with("Error: building at STEP")
        || line.starts_with("Error: error building at STEP")
        || line.starts_with("COPY failed: ")
        || line.starts_with("ADD failed: ")
}

/// The number after the last `exit code: `, `exit status ` or `non-zero code: `.
fn exit_code(text: &str) -> Option<i32> {
    ["exit code: ", "exit status ", "non-zero code: "].iter().find_map(|words| {
        let (_, after) = text.rsplit_once(words)?;
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(style: Style, log: &str) -> (Reader, Vec<String>) {
        let mut reader = Reader::new(style);
        let mut events = Vec::new();
        for line in log.lines() {
            reader.read(line, &mut |event| {
                events.push(match event {
                    BuildProgress::Step { number, of, stage, instruction } => {
                        format!("{number}/{of} {} {instruction}", stage.unwrap_or("-"))
                    }
                    BuildProgress::Cached => "cached".to_owned(),
                    BuildProgress::Output(line) => format!("| {line}"),
                });
            });
        }
        (reader, events)
    }

    #[test]
    fn buildkit_steps_run_side_by_side_and_the_failed_one_keeps_its_own_lines() {
        let (reader, events) = read(Style::BuildKit, "\
#1 [internal] load build definition from Dockerfile
#1 DONE 0.0s
#5 [source 1/2] FROM mirror.example/python:3.11-slim-bookworm
#5 CACHED
#6 [stage-1 2/4] RUN pip install -r requirements.lock
#7 [source 2/2] RUN git fetch
#6 1.912 Collecting six
#7 0.100 fetching
#6 2.1 ERROR: No matching distribution found for six==99
#6 ERROR: process \"/bin/sh -c pip install -r requirements.lock\" did not complete successfully: exit code: 1
#7 CANCELED
------
 > [stage-1 2/4] RUN pip install -r requirements.lock:
2.1 ERROR: No matching distribution found for six==99
------
ERROR: failed to solve: process \"/bin/sh -c pip install -r requirements.lock\" did not complete successfully: exit code: 1
");
        let (step, lines) = reader.failure();
        let step = step.unwrap();
        assert_eq!((step.number, step.of, step.exit_code), (2, 4, Some(1)));
        assert_eq!(step.stage.as_deref(), Some("stage-1"));
        assert_eq!(step.instruction, "RUN pip install -r requirements.lock");
        assert_eq!(lines.first().unwrap(), "Collecting six");
        assert!(!lines.iter().any(|line| line == "fetching"));
        assert_eq!(reader.cached, 1);
        assert!(events.contains(&"2/4 stage-1 RUN pip install -r requirements.lock".to_owned()), "{events:?}");
    }

    #[test]
    fn the_legacy_builder_tells_steps_and_exit_codes_in_its_own_words() {
        let (reader, events) = read(
            Style::Legacy,
            "\
Sending build context to Docker daemon  1.583kB
Step 1/3 : FROM python:3.11-slim-bookworm
 ---> 61f550b81578
Step 2/3 : RUN python -c \"1/0\"
 ---> Running in d46628173c5a
ZeroDivisionError: division by zero
The command '/bin/sh -c python -c \"1/0\"' returned a non-zero code: 7
",
        );
        let (step, lines) = reader.failure();
        let step = step.unwrap();
        assert_eq!((step.number, step.of, step.exit_code), (2, 2, Some(7)));
        assert_eq!(lines.first().unwrap(), "ZeroDivisionError: division by zero");
        assert_eq!(events.last().unwrap(), "| ZeroDivisionError: division by zero");
    }

    #[test]
    fn buildah_numbers_its_stages() {
        let (reader, _) = read(
            Style::Buildah,
            "\
[1/2] STEP 1/2: FROM python:3.11-slim-bookworm AS source
[2/2] STEP 2/3: RUN false
Error: building at STEP \"RUN false\": while running runtime: exit status 1
",
        );
        let step = reader.failure().0.unwrap();
        assert_eq!((step.stage.as_deref(), step.number, step.of, step.exit_code), (Some("2"), 2, 3, Some(1)));
    }

    #[test]
    fn a_failure_before_any_step_is_told_in_the_builders_words() {
        let (reader, _) = read(
            Style::Legacy,
            "Error response from daemon: dockerfile parse error line 2: unknown instruction: RUNN\n",
        );
        let (step, lines) = reader.failure();
        assert_eq!(step, None);
        assert_eq!(lines, ["Error response from daemon: dockerfile parse error line 2: unknown instruction: RUNN"]);
    }

    #[test]
    fn hash_signs_and_fractions_in_what_a_step_prints_are_no_steps() {
        let (reader, events) = read(
            Style::Legacy,
            "\
Step 1/2 : RUN ./train.sh
#1 is the best
Step 2/100 : loss 0.3
# comment
[1/2] Compiling
",
        );
        assert_eq!(events.len(), 1 + 4, "{events:?}");
        assert_eq!(reader.failure().0.unwrap().number, 1);
    }
}
