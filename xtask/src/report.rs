//! What the program says: data to stdout, everything else to stderr.

use std::fmt::Display;
use std::io::Write as _;

use anstyle::{AnsiColor, Style};

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
}

const BOLD: Style = Style::new().bold();
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default().bold();

/// Prints data: the answer of a command, and nothing else. A closed pipe ends the output quietly.
pub fn data(text: impl Display) {
    let mut out = anstream::stdout().lock();
    let _ = writeln!(out, "{text}");
}

/// Prints one JSON value as data.
pub fn json<T: serde::Serialize>(value: &T) -> anyhow::Result<()> {
    data(serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Says what is going on.
pub fn status(verb: &str, text: impl Display) {
    let _ = writeln!(anstream::stderr(), "{GREEN}{verb:>12}{GREEN:#} {text}");
}

/// Says something that a person should know.
pub fn warning(text: impl Display) {
    let _ = writeln!(anstream::stderr(), "{YELLOW}warning{YELLOW:#}: {text}");
}

/// Says why the command could not do what it was asked to.
pub fn error(text: impl Display) {
    let _ = writeln!(anstream::stderr(), "{RED}error{RED:#}: {text}");
}

/// Says something without a label.
pub fn note(text: impl Display) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// A heading in text output.
pub fn heading(text: impl Display) -> String {
    format!("{BOLD}{text}{BOLD:#}")
}
