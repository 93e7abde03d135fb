//! A server's visitor: a program that runs beside a server in its own container, waits until it answers, asks it what a
//! visitor of its page would, and asks all processes to end.
//!
//! In: what documents ask of the server, and samples of ours. Out: [`Server`]. Nothing leaves the container, and no port of
//! the host is opened, so that it works without a network and with a remote engine alike.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use repro_generator::verdict::Server;
use repro_inspect::{Question, sample_for};
use serde::Serialize;

use crate::engine::{Captured, Mount};
use crate::probe;

const PROGRAM: &str = include_str!("server/visit.py");

/// Where the visitor and its samples are in the container.
const FOLDER: &str = "/opt/repro-visit";

/// Kinds of files that a visitor hands over, as [`Question`] names them.
const KINDS: [&str; 7] = ["image", "audio", "video", "pdf", "text", "csv", "mesh"];

/// What the visitor is told: `visit.py` reads it.
#[derive(Debug, Serialize)]
struct Visit<'a> {
    /// How long to wait for the server and its answers.
    seconds: u64,
    /// Where the samples are, and which of them stands for a kind of file.
    folder: &'a str,
    samples: BTreeMap<&'a str, &'a str>,
    questions: &'a [Question],
    /// Where the probe's records are.
    records: &'a str,
}

/// Puts the visitor into a folder of the host.
///
/// Gives its mount, and the command that runs it in a container. `about`: words on what the server is for.
pub fn prepare(
    folder: &Path,
    questions: &[Question],
    about: &str,
    patience: Duration,
) -> anyhow::Result<(Mount, Vec<String>)> {
    let folder = folder.join("visit");
    fs_err::create_dir_all(&folder)?;
    fs_err::set_permissions(&folder, std::fs::Permissions::from_mode(0o755))?;
    let samples: BTreeMap<&str, &str> =
        KINDS.iter().filter_map(|kind| Some((*kind, sample_for(kind, about)?))).collect();
    let ours = samples.values().filter_map(|name| Some((*name, repro_knowledge::sample(name)?)));
    for (name, bytes) in ours.chain([("visit.py", PROGRAM.as_bytes())]) {
        probe::write_readable(&folder.join(name), bytes)?;
    }
    let visit = Visit { seconds: patience.as_secs(), folder: FOLDER, samples, questions, records: probe::RECORDS };
    // The first Python there is, without its site-packages: the probe is not for the visitor.
    let start = "exec \"$(command -v python3 || command -v python)\" -I -S \"$0\" \"$1\"";
    let command = ["sh", "-c", start, &format!("{FOLDER}/visit.py"), &serde_json::to_string(&visit)?];
    let mount = Mount::Bind { source: folder, target: FOLDER.to_owned(), read_only: true };
    Ok((mount, command.map(str::to_owned).to_vec()))
}

/// What the visitor said; without a visitor that came to its end, a server that nobody reached.
pub fn read(said: Option<&Captured>) -> Server {
    let Some(said) = said else { return Server::default() };
    serde_json::from_str(said.stdout.trim()).unwrap_or_else(|_| Server {
        trouble: Some(said.stderr.lines().last().unwrap_or("it said nothing").to_owned()),
        ..Server::default()
    })
}
