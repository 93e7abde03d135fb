//! One child process watched to its end: its output goes to a log file and to a callback, line by line, and it ends when
//! its time is up or the user interrupts.
//!
//! In: a duct expression. Out: how it ended. It never waits for ever: a process that ignores SIGTERM is killed with its
//! whole group, so that helpers it started (docker's build plugin, for one) end too.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use crate::interrupt;

/// Logs longer than this are cut: a program that prints without end must not fill the disk.
const LOG_LIMIT: u64 = 256 * 1024 * 1024;

/// A line longer than this reaches the callback in pieces; the log keeps it whole.
const LINE_LIMIT: usize = 64 * 1024;

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(5);

/// How a watched process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By itself, with this code (`None`: by a signal).
    Exited(Option<i32>),
    /// Its time was up; it was ended.
    TimedOut,
    /// The user interrupted; it was ended.
    Interrupted,
}

/// How the two outputs of a process become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Streams {
    /// One pipe for both: exactly the order in which the process wrote, also within lines.
    Merged,
    /// One pipe for each, joined line by line. An engine's client passes on what a container wrote in pieces, with no
    /// order between the two; joined in one pipe, a line of one would begin within a line of the other.
    Apart,
}

/// Runs `expression` with stdin closed.
///
/// Each line is handed to `on_line` without its end and without terminal escapes (a carriage return ends a line too:
/// progress bars are lines); `log` gets the lines as they were.
pub(super) fn watch(
    expression: &duct::Expression,
    streams: Streams,
    timeout: Option<Duration>,
    log: Option<&Path>,
    on_line: &mut dyn FnMut(&str),
) -> io::Result<End> {
    let mut log = log.map(LogFile::create).transpose()?;
    let expression = in_own_group(expression).stdin_null().unchecked();
    let (expression, errors) = match streams {
        Streams::Merged => (expression.stderr_to_stdout(), None),
        Streams::Apart => {
            let (reader, writer) = io::pipe()?;
            (expression.stderr_file(writer), Some(reader))
        }
    };
    let reader = Arc::new(expression.reader()?);
    // It holds the writing end, and with it the stream open.
    drop(expression);
    let pids = reader.pids();
    let _guard = interrupt::on_interrupt({
        let pids = pids.clone();
        move || signal_groups("TERM", &pids)
    });

    let (sender, chunks) = mpsc::sync_channel::<(usize, Vec<u8>)>(64);
    let for_thread = Arc::clone(&reader);
    forward(0, move |buffer| (&*for_thread).read(buffer), sender.clone());
    if let Some(mut errors) = errors {
        forward(1, move |buffer| errors.read(buffer), sender.clone());
    }
    drop(sender);

    let started = Instant::now();
    let mut lines = [Lines::default(), Lines::default()];
    let mut ending: Option<(End, Instant)> = None;
    loop {
        match chunks.recv_timeout(Duration::from_millis(100)) {
            Ok((stream, chunk)) => {
                let mut written = Ok(());
                if let Some(lines) = lines.get_mut(stream) {
                    lines.push(&chunk, &mut |raw, text| {
                        written = std::mem::replace(&mut written, Ok(())).and_then(|()| LogFile::write(&mut log, raw));
                        on_line(text);
                    });
                }
                if let Err(error) = written.and_then(|()| LogFile::flush(&mut log)) {
                    // Most likely a full disk: what goes on without a log cannot be explained later.
                    signal_groups("KILL", &pids);
                    return Err(error);
                }
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        match ending {
            None if interrupt::requested() => {
                signal_groups("TERM", &pids);
                ending = Some((End::Interrupted, Instant::now()));
            }
            None if timeout.is_some_and(|limit| started.elapsed() > limit) => {
                signal_groups("TERM", &pids);
                ending = Some((End::TimedOut, Instant::now()));
            }
            Some((_, since)) if since.elapsed() > GRACE => {
                signal_groups("KILL", &pids);
                break;
            }
            _ => {}
        }
    }
    for lines in &mut lines {
        lines.finish(&mut |raw, text| {
            // The process has ended; a log that misses its last words is better than no outcome.
            let _ = LogFile::write(&mut log, raw);
            on_line(text);
        });
    }
    LogFile::flush(&mut log)?;
    if let Some((end, _)) = ending {
        return Ok(end);
    }
    // The stream has ended, so has the process (or it closed its outputs and is about to).
    loop {
        if let Some(output) = reader.try_wait()? {
            return Ok(End::Exited(output.status.code()));
        }
        if interrupt::requested() || timeout.is_some_and(|limit| started.elapsed() > limit) {
            signal_groups("KILL", &pids);
            return Ok(if interrupt::requested() { End::Interrupted } else { End::TimedOut });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Passes on what a stream gives, from a thread of its own. A failed read means the same as the end: nothing more will come.
fn forward(
    stream: usize,
    mut read: impl FnMut(&mut [u8]) -> io::Result<usize> + Send + 'static,
    sender: mpsc::SyncSender<(usize, Vec<u8>)>,
) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = read(&mut buffer) {
            let Some(chunk) = buffer.get(..count) else { break };
            if sender.send((stream, chunk.to_vec())).is_err() {
                break;
            }
        }
    });
}

/// What a short command said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Exit code; `None` where a signal ended it or its time was up.
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) timed_out: bool,
}

impl Said {
    pub(super) fn ok(&self) -> bool {
        self.code == Some(0)
    }

    /// What to show of a failure: stderr, or stdout where stderr is empty.
    pub(super) fn complaint(&self) -> &str {
        let text = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        text.trim()
    }
}

/// Runs a short command to its end with both outputs captured apart.
pub(super) fn ask(expression: &duct::Expression, timeout: Duration) -> io::Result<Said> {
    let handle = in_own_group(expression).stdin_null().stdout_capture().stderr_capture().unchecked().start()?;
    let pids = handle.pids();
    let _guard = interrupt::on_interrupt({
        let pids = pids.clone();
        move || signal_groups("TERM", &pids)
    });
    let started = Instant::now();
    // What is started after an interruption cleans up after it, and is let.
    let may_be_interrupted = !interrupt::requested();
    let mut interrupted: Option<Instant> = None;
    let output = loop {
        let step = Duration::from_millis(200).min(timeout.saturating_sub(started.elapsed()));
        if let Some(output) = handle.wait_timeout(step)? {
            break output;
        }
        if may_be_interrupted && interrupt::requested() {
            // The guard has asked it to end. A client that waits for a server may not listen.
            if interrupted.get_or_insert_with(Instant::now).elapsed() > GRACE {
                signal_groups("KILL", &pids);
                return Ok(Said { stderr: "interrupted".to_owned(), ..Said::default() });
            }
        }
        if started.elapsed() >= timeout {
            signal_groups("KILL", &pids);
            let stderr = format!("no answer within {} s", timeout.as_secs());
            return Ok(Said { timed_out: true, stderr, ..Said::default() });
        }
    };
    Ok(Said {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        timed_out: false,
    })
}

/// The process leads a group of its own: a Ctrl-C in the terminal then reaches only this program, which ends its
/// children in an order that lets containers be removed, and one signal ends the process with all it started.
fn in_own_group(expression: &duct::Expression) -> duct::Expression {
    expression.before_spawn(|command| {
        command.process_group(0);
        Ok(())
    })
}

/// Sends a signal to the groups that these processes lead. A group that is gone is no error.
fn signal_groups(signal: &str, pids: &[u32]) {
    for pid in pids {
        let _ = duct::cmd!("kill", format!("-{signal}"), "--", format!("-{pid}"))
            .stdout_null()
            .stderr_null()
            .unchecked()
            .run();
    }
}

/// A log that stops growing at [`LOG_LIMIT`].
struct LogFile {
    file: io::BufWriter<File>,
    written: u64,
}

impl LogFile {
    fn create(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder)?;
        }
        let file = File::create(path)
            .map_err(|error| io::Error::new(error.kind(), format!("cannot write `{}`: {error}", path.display())))?;
        Ok(Self { file: io::BufWriter::new(file), written: 0 })
    }

    /// Where there is no log, nothing is written.
    fn write(log: &mut Option<Self>, bytes: &[u8]) -> io::Result<()> {
        let Some(log) = log else { return Ok(()) };
        let before = log.written;
        log.written = before.saturating_add(bytes.len() as u64);
        if before >= LOG_LIMIT {
            return Ok(());
        }
        log.file.write_all(bytes)?;
        if log.written >= LOG_LIMIT {
            writeln!(log.file, "\n[log cut here: it grew beyond {} MiB]", LOG_LIMIT / 1024 / 1024)?;
        }
        Ok(())
    }

    /// Someone may be reading along (`tail -f`), and a killed program loses what is buffered.
    fn flush(log: &mut Option<Self>) -> io::Result<()> {
        log.as_mut().map_or(Ok(()), |log| log.file.flush())
    }
}

/// Cuts a byte stream into lines.
#[derive(Default)]
struct Lines {
    pending: Vec<u8>,
    after_return: bool,
}

impl Lines {
    /// `emit` gets each line as it was, end included, and as text.
    fn push(&mut self, chunk: &[u8], emit: &mut dyn FnMut(&[u8], &str)) {
        for &byte in chunk {
            self.pending.push(byte);
            if byte == b'\n' && self.after_return && self.pending.len() == 1 {
                // The second half of `\r\n`: it belongs to the line that is out already.
                self.pending.clear();
            } else if byte == b'\n' || byte == b'\r' || self.pending.len() >= LINE_LIMIT {
                self.emit(emit);
            }
            self.after_return = byte == b'\r';
        }
    }

    /// What is left when the stream has ended.
    fn finish(&mut self, emit: &mut dyn FnMut(&[u8], &str)) {
        if !self.pending.is_empty() {
            self.emit(emit);
        }
    }

    fn emit(&mut self, emit: &mut dyn FnMut(&[u8], &str)) {
        let raw = std::mem::take(&mut self.pending);
        let text = String::from_utf8_lossy(&raw);
        emit(&raw, &without_escapes(text.trim_end_matches(['\n', '\r'])));
    }
}

/// Removes terminal escapes such as the legacy builder's `\u{1b}[91m` before each line of stderr.
pub(super) fn without_escapes(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(chunks: &[&str]) -> Vec<String> {
        let mut seen = Vec::new();
        let mut lines = Lines::default();
        for chunk in chunks {
            lines.push(chunk.as_bytes(), &mut |_, line| seen.push(line.to_owned()));
        }
        lines.finish(&mut |_, line| seen.push(line.to_owned()));
        seen
    }

    #[test]
    fn lines_end_at_newlines_and_carriage_returns_wherever_chunks_are_cut() {
        assert_eq!(collect(&["on", "e\ntw", "o\r", "three\r\n", "\n", "end"]), ["one", "two", "three", "", "end"]);
    }

    #[test]
    fn terminal_escapes_do_not_reach_the_reader() {
        assert_eq!(collect(&["\u{1b}[91mTraceback\u{1b}[0m\n"]), ["Traceback"]);
    }

    #[test]
    fn a_process_that_takes_too_long_is_ended_with_all_it_started() {
        let started = Instant::now();
        let end = watch(
            &duct::cmd!("sh", "-c", "echo begun; sleep 60 & sleep 60"),
            Streams::Merged,
            Some(Duration::from_millis(300)),
            None,
            &mut |_| {},
        );
        assert_eq!(end.unwrap(), End::TimedOut);
        assert!(started.elapsed() < Duration::from_secs(4), "took {:?}", started.elapsed());
    }

    #[test]
    fn both_outputs_reach_the_log_and_the_callback() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("deep/run.log");
        for streams in [Streams::Merged, Streams::Apart] {
            let mut seen = Vec::new();
            let end = watch(
                &duct::cmd!("sh", "-c", "echo one; sleep 0.1; echo two >&2; sleep 0.1; printf 'half\\rthree'; exit 3"),
                streams,
                Some(Duration::from_secs(20)),
                Some(&log),
                &mut |line| seen.push(line.to_owned()),
            );
            assert_eq!(end.unwrap(), End::Exited(Some(3)));
            assert_eq!(seen, ["one", "two", "half", "three"]);
            assert_eq!(std::fs::read_to_string(&log).unwrap(), "one\ntwo\nhalf\rthree");
        }
    }

    #[test]
    fn lines_of_two_streams_are_joined_whole() {
        let mut seen = Vec::new();
        let script = "printf begin; printf 'other\\n' >&2; sleep 0.2; printf 'end\\n'";
        watch(&duct::cmd!("sh", "-c", script), Streams::Apart, None, None, &mut |line| seen.push(line.to_owned()))
            .unwrap();
        assert_eq!(seen, ["other", "beginend"]);
    }

    #[test]
    fn a_short_command_that_hangs_is_given_up() {
        let said = ask(&duct::cmd!("sleep", "60"), Duration::from_millis(200)).unwrap();
        assert!(said.timed_out && !said.ok(), "{said:?}");
    }
}
