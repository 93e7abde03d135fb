//! Progress of a build: the builder's own steps in one bar, or plain lines without a terminal.

use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::engine::BuildProgress;
use crate::report;

/// One running build.
pub struct Bar {
    bar: Option<ProgressBar>,
    said: RefCell<String>,
}

impl Bar {
    /// Begins with a verb and what it is about.
    pub fn new(verb: &str, subject: &str) -> Self {
        report::status(verb, subject);
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{spinner:>12} {elapsed:>4} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar, said: RefCell::default() }
    }

    /// Shows what the builder says.
    pub fn step(&self, progress: BuildProgress<'_>) {
        match (progress, &self.bar) {
            (BuildProgress::Step { number, of, stage, instruction }, bar) => {
                let stage = stage.map(|s| format!("{s} ")).unwrap_or_default();
                let short: String = instruction.chars().take(100).collect();
                let text = format!("[{stage}{number}/{of}] {short}");
                match bar {
                    Some(bar) => bar.set_message(text),
                    // Builders repeat a step's head with every line of its output.
                    None if *self.said.borrow() != text => {
                        report::note(format!("{:>12} {text}", ""));
                        *self.said.borrow_mut() = text;
                    }
                    None => {}
                }
            }
            (BuildProgress::Output(line), Some(bar)) => {
                let line: String = line.chars().filter(|c| !c.is_control()).take(160).collect();
                if !line.trim().is_empty() {
                    bar.set_message(line);
                }
            }
            (BuildProgress::Cached | BuildProgress::Output(_), _) => {}
        }
    }

    /// Ends the bar.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
