//! The probe: what is mounted beside an image's interpreter for one smoke run, and what it wrote down.
//!
//! In: a folder of the host for its files, the interpreters' site-packages folders in the image, then the records of the
//! run. Out: mounts and a variable for the run, and one [`Evidence`] for all processes. The image is never changed, and what
//! a program may have put into the folder of records is read with suspicion: no links, no large files, no trust in numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use repro_generator::verdict::{Evidence, Framework, Imported};
use serde::Deserialize;

use crate::engine::Mount;

/// Where the probe's modules are in the container. A folder of its own: nothing on a program's path can shadow it.
pub const FOLDER: &str = "/opt/repro-probe";

/// Where processes write their records in the container, also those whose environment was emptied.
pub const RECORDS: &str = "/opt/repro-evidence";

const FILES: [(&str, &str); 2] = [
    ("repro_probe.py", include_str!("probe/repro_probe.py")),
    ("repro_probe_frameworks.py", include_str!("probe/repro_probe_frameworks.py")),
];

const START: &str = include_str!("probe/repro_probe.pth");

/// A record is a few hundred bytes; what is larger is none of ours.
const RECORD_LIMIT: u64 = 1 << 20;

/// More processes than this are not looked at.
const PROCESS_LIMIT: usize = 4096;

/// Prints the folders that the probe has to start from, one a line after `site-packages `: those of the interpreters on
/// PATH, of virtual environments and of conda environments. For `sh -c`; looks at the image's own file system only.
pub const FIND_SITE_PACKAGES: &str = r#"
show() {
  "$1" -c 'import os, site, sysconfig
places = [sysconfig.get_path("purelib")] + list(getattr(site, "getsitepackages", list)())
import sys
for place in places:
    if os.path.isdir(place) and place in sys.path:
        print("site-packages " + place)
        break' 2>/dev/null
}
for name in python python3; do
  found=$(command -v "$name") && show "$found"
done
find / -xdev -maxdepth 6 \( -path /proc -o -path /sys \) -prune -o -name pyvenv.cfg -print -o -name conda-meta -print 2>/dev/null |
while read -r marker; do
  interpreter="${marker%/*}/bin/python"
  [ -x "$interpreter" ] && show "$interpreter"
done
exit 0
"#;

/// The folders that [`FIND_SITE_PACKAGES`] printed, each once.
pub fn site_packages(printed: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in printed.lines() {
        if let Some(path) = line.trim_end().strip_prefix("site-packages ")
            && path.starts_with('/')
            && !found.iter().any(|known| known == path)
        {
            found.push(path.to_owned());
        }
    }
    found
}

/// The probe's files on the host.
#[derive(Debug, Clone)]
pub struct Probe {
    modules: PathBuf,
    start: PathBuf,
    /// Folder of this run's records.
    pub records: PathBuf,
}

/// Writes the probe below `folder`, with an empty folder for the records of one run.
pub fn install_into(folder: &Path) -> anyhow::Result<Probe> {
    install_for(folder, FOLDER, RECORDS)
}

/// As [`install_into`], for programs that see the modules and the records under other paths.
fn install_for(folder: &Path, modules_seen: &str, records_seen: &str) -> anyhow::Result<Probe> {
    let modules = folder.join("modules");
    let records = folder.join("records");
    if records.exists() {
        fs_err::remove_dir_all(&records)?;
    }
    for made in [&modules, &records] {
        fs_err::create_dir_all(made)?;
    }
    // The program's user is not ours, and the host's umask may be strict.
    fs_err::set_permissions(&modules, std::fs::Permissions::from_mode(0o755))?;
    fs_err::set_permissions(&records, std::fs::Permissions::from_mode(0o777))?;
    let start = folder.join("repro_probe.pth");
    let text = START.replace("@FOLDER@", modules_seen).replace("@EVIDENCE@", records_seen);
    let files = FILES.iter().map(|(name, text)| (modules.join(name), *text)).chain([(start.clone(), text.as_str())]);
    for (path, text) in files {
        write_readable(&path, text.as_bytes())?;
    }
    Ok(Probe { modules, start, records })
}

/// Writes a file that any user may read, whatever the host's umask.
pub fn write_readable(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs_err::write(path, bytes)?;
    Ok(fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o644))?)
}

impl Probe {
    /// What a run has to mount: one `.pth` in each of `site_packages`, the modules, and the folder of records.
    pub fn mounts(&self, site_packages: &[String]) -> Vec<Mount> {
        let bind =
            |source: &Path, target: String, read_only| Mount::Bind { source: source.to_owned(), target, read_only };
        let mut mounts: Vec<Mount> = site_packages
            .iter()
            .map(|place| bind(&self.start, format!("{}/repro_probe.pth", place.trim_end_matches('/')), true))
            .collect();
        mounts.push(bind(&self.modules, FOLDER.to_owned(), true));
        mounts.push(bind(&self.records, RECORDS.to_owned(), false));
        mounts
    }

    /// Everything that was recorded. `own_modules`: top-level modules of the repository, which may be installed among the
    /// libraries.
    pub fn evidence(&self, own_modules: &BTreeSet<String>) -> Evidence {
        read_evidence(&self.records, own_modules)
    }
}

/// One process's record, as far as it is used.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Record {
    pid: i64,
    parent: i64,
    started: f64,
    /// Not set where the process was killed: its last calls may be missing.
    finished: bool,
    frameworks: BTreeMap<String, FrameworkRecord>,
    imported: BTreeMap<String, ImportedRecord>,
    exception: Option<String>,
    help: bool,
    usage_error: Option<String>,
    children: u64,
    probe_errors: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FrameworkRecord {
    #[serde(flatten)]
    seen: Framework,
    /// Library that was being imported, with the calls made before any other: they count where it is the program itself.
    while_importing: BTreeMap<String, u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ImportedRecord {
    version: Option<String>,
    by: Option<Importer>,
    /// Who holds something of it at the end, where no model of it was called.
    held: Vec<Holder>,
}

/// A module that holds something of a framework.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Holder {
    #[serde(flatten)]
    by: Importer,
    /// Models, or what may give some.
    models: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Importer {
    module: String,
    file: String,
}

/// Merges the records in `folder`. What cannot be read is counted among the probe's own errors.
pub fn read_evidence(folder: &Path, own_modules: &BTreeSet<String>) -> Evidence {
    let mut evidence = Evidence::default();
    let mut records = Vec::new();
    let mut paths: Vec<PathBuf> = fs_err::read_dir(folder)
        .map(|entries| entries.filter_map(|entry| entry.ok().map(|e| e.path())).collect())
        .unwrap_or_default();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    for path in paths.iter().take(PROCESS_LIMIT) {
        match read_record(path) {
            Ok(record) => records.push(record),
            Err(reason) => evidence.probe_errors.push(reason),
        }
    }
    records.sort_by(|a: &Record, b: &Record| a.started.total_cmp(&b.started));
    evidence.processes = records.len();
    let pids: BTreeSet<i64> = records.iter().map(|record| record.pid).collect();
    let first = records.iter().find(|record| !pids.contains(&record.parent)).or(records.first());
    evidence.exception = first.and_then(|record| record.exception.clone());
    for record in records {
        evidence.children = evidence.children.saturating_add(record.children);
        evidence.help |= record.help;
        evidence.usage_error = evidence.usage_error.or(record.usage_error);
        evidence.probe_errors.extend(record.probe_errors);
        for (name, FrameworkRecord { mut seen, while_importing }) in record.frameworks {
            for calls in while_importing.iter().filter(|(library, _)| own_modules.contains(*library)).map(|(_, n)| *n) {
                seen.calls = seen.calls.saturating_add(calls);
                seen.calls_without_parameters = seen.calls_without_parameters.saturating_sub(calls);
            }
            seen.at_least |= !record.finished;
            merge(evidence.frameworks.entry(name).or_default(), seen);
        }
        for (name, found) in record.imported {
            let entry = evidence.imported.entry(name).or_default();
            entry.direct |=
                found.by.as_ref().is_some_and(|by| is_own(by, own_modules)) && !borrows_tools(&found.held, own_modules);
            let by = found.by.map(|by| by.module);
            *entry = Imported { version: found.version.or(entry.version.take()), by: entry.by.take().or(by), ..*entry };
        }
    }
    for (name, framework) in &mut evidence.frameworks {
        framework.version = evidence.imported.get(name).and_then(|imported| imported.version.clone());
    }
    evidence.probe_errors.truncate(10);
    evidence
}

fn read_record(path: &Path) -> Result<Record, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let meta = fs_err::symlink_metadata(path).map_err(|error| error.to_string())?;
    if !meta.is_file() || meta.len() > RECORD_LIMIT {
        return Err(format!("`{name}` is no record"));
    }
    let text = fs_err::read(path).map_err(|error| error.to_string())?;
    serde_json::from_slice(&text).map_err(|error| format!("`{name}`: {error}"))
}

fn merge(into: &mut Framework, from: Framework) {
    into.calls = into.calls.saturating_add(from.calls);
    into.calls_without_parameters = into.calls_without_parameters.saturating_add(from.calls_without_parameters);
    into.fits = into.fits.saturating_add(from.fits);
    into.failed_calls = into.failed_calls.saturating_add(from.failed_calls);
    into.seconds += from.seconds;
    into.last_call = into.last_call.into_iter().chain(from.last_call).reduce(f64::max);
    into.parameters = into.parameters.max(from.parameters);
    into.peak_gpu_bytes = into.peak_gpu_bytes.max(from.peak_gpu_bytes);
    into.at_least |= from.at_least;
    into.device = into.device.take().or(from.device);
    for (all, new) in [(&mut into.devices, from.devices), (&mut into.models, from.models)] {
        for one in new {
            if !all.contains(&one) && all.len() < 16 {
                all.push(one);
            }
        }
    }
}

/// Has the program something of a framework, and no model among it?
fn borrows_tools(held: &[Holder], own_modules: &BTreeSet<String>) -> bool {
    let mut own = held.iter().filter(|holder| is_own(&holder.by, own_modules)).peekable();
    own.peek().is_some() && own.all(|holder| !holder.models)
}

/// Is the importing module the program's own, and not a library or the interpreter's?
fn is_own(by: &Importer, own_modules: &BTreeSet<String>) -> bool {
    let top = by.module.split('.').next().unwrap_or_default();
    if top == "__main__" || own_modules.contains(top) {
        return true;
    }
    let library = ["/site-packages/", "/dist-packages/", "/lib/python3"].iter().any(|part| by.file.contains(part));
    !library && !by.file.starts_with('<')
}

#[cfg(test)]
mod tests;
