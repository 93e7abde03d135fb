//! What is stored: the folders of `repositories`, what their receipts say, and how they are dealt out to jobs.
//!
//! In: the folder of results. Out: one [`Stored`] per `USER/REPO`, also where its receipt cannot be used; a matrix for
//! GitHub Actions; the part that a shard takes. Nothing is changed and no engine takes part.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use repro_generator::receipt::Receipt;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::failure::input;
use crate::lock;

/// One folder below `repositories`.
#[derive(Debug, Clone)]
pub struct Stored {
    /// `USER/REPO`: the folder's own name, whatever the receipt says.
    pub repo: String,
    pub folder: PathBuf,
    /// Hash of everything that is built and of the receipt: a changed folder is verified anew.
    pub key: String,
    /// The receipt, or why there is none to verify.
    pub receipt: Result<Receipt, Unusable>,
}

/// Why a folder cannot be rebuilt and rerun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// Its receipt records no success, so there is nothing to prove again.
    NotReproduced(String),
    /// It is not what a receipt vouches for.
    Broken(String),
}

impl Stored {
    pub fn needs_gpu(&self) -> bool {
        self.receipt.as_ref().is_ok_and(|receipt| receipt.needs_gpu)
    }
}

/// Files that a build reads, beside those below `run/` and `source.git/`.
const BUILT_FROM: [&str; 3] = ["Dockerfile", "requirements.lock", "build-constraints.txt"];

/// Every folder `USER/REPO` below `repositories`, by name. A folder without anything that the tool writes is no result and
/// is left out.
pub fn stored(repositories: &Path) -> anyhow::Result<Vec<Stored>> {
    let mut all = Vec::new();
    if !repositories.is_dir() {
        return Err(input(format!(
            "`{}` is not a folder\nhint: `--repositories` takes the folder that holds USER/REPO",
            repositories.display()
        )));
    }
    for user in folders(repositories)? {
        for folder in folders(&user)? {
            let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let repo = format!("{}/{}", name(&user), name(&folder));
            if folder.join("receipt.json").exists() || folder.join("Dockerfile").exists() {
                all.push(Stored { receipt: read(&repo, &folder), key: key(&folder), repo, folder });
            }
        }
    }
    all.sort_by(|a, b| a.repo.cmp(&b.repo));
    Ok(all)
}

fn folders(of: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(of)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !hidden {
            found.push(path);
        }
    }
    Ok(found)
}

fn read(repo: &str, folder: &Path) -> Result<Receipt, Unusable> {
    let broken = |why: String| Unusable::Broken(why);
    let text = match fs_err::read_to_string(folder.join("receipt.json")) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Unusable::NotReproduced("there is no receipt".to_owned()));
        }
        Err(error) => return Err(broken(format!("receipt.json cannot be read: {}", error.kind()))),
    };
    let receipt: Receipt = serde_json::from_str(&text).map_err(|e| broken(format!("receipt.json: {e}")))?;
    if receipt.repo != repo {
        return Err(broken(format!("receipt.json is about `{}`", receipt.repo)));
    }
    // What needs a GPU may never have run where it was written; it is to be shown as that, and not to be forgotten.
    if !receipt.success && !receipt.needs_gpu {
        let why = receipt.reason.as_deref().and_then(|why| why.lines().next()).unwrap_or("its receipt is no success");
        return Err(Unusable::NotReproduced(why.to_owned()));
    }
    let changed = changed(&receipt, folder);
    if changed.is_empty() {
        Ok(receipt)
    } else {
        Err(broken(format!("not what the receipt is about: {}", changed.join(", "))))
    }
}

/// Files of a build that are not as the receipt says. A document may be edited; what is built may not.
fn changed(receipt: &Receipt, folder: &Path) -> Vec<String> {
    let is_built = |name: &str| BUILT_FROM.contains(&name) || name.starts_with("run/");
    let mut changed = Vec::new();
    for (name, hash) in receipt.files.iter().filter(|(name, _)| is_built(name)) {
        match fs_err::read(folder.join(name)) {
            Ok(bytes) if lock::hex(&Sha256::digest(&bytes)) == *hash => {}
            Ok(_) => changed.push(format!("{name} was changed")),
            Err(_) => changed.push(format!("{name} is missing")),
        }
    }
    changed
}

/// A hash of what a verification depends on.
fn key(folder: &Path) -> String {
    let mut names: BTreeSet<String> = BUILT_FROM.iter().map(|&name| name.to_owned()).collect();
    names.insert("receipt.json".to_owned());
    let inputs = fs_err::read_dir(folder.join("run")).into_iter().flatten();
    names.extend(inputs.filter_map(|entry| Some(format!("run/{}", entry.ok()?.file_name().to_str()?))));
    let mut hash = Sha256::new();
    for name in names {
        let bytes = fs_err::read(folder.join(&name)).ok();
        hash.update(format!("{name} {:?}\n", bytes.as_ref().map(Vec::len)));
        hash.update(bytes.unwrap_or_default());
    }
    // A stand-in for upstream is part of what can be built.
    hash.update([u8::from(folder.join("source.git").is_dir())]);
    lock::hex(&hash.finalize())
}

/// Reads `I/N`.
pub fn parse_shard(text: &str) -> anyhow::Result<(usize, usize)> {
    let parsed = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match parsed {
        Some((i, n)) if i >= 1 && i <= n => Ok((i, n)),
        _ => Err(input(format!("`--shard {text}` is not I/N with I from 1 to N\nhint: the first of four is `1/4`"))),
    }
}

/// The I-th of N parts: every one is in exactly one part.
pub fn shard(all: Vec<Stored>, (index, count): (usize, usize)) -> Vec<Stored> {
    all.into_iter().enumerate().filter(|(i, _)| i % count == index - 1).map(|(_, one)| one).collect()
}

/// GitHub refuses a matrix with more than 256 jobs. Rounding up, once for each kind of machine, stays below it.
const MATRIX_JOBS: usize = 250;

/// Machine of every job that needs no GPU.
const USUAL_RUNNER: &str = "ubuntu-latest";

/// The matrix as GitHub reads it: per job the repositories (separated by commas) and `runs-on`. Where there are too many
/// for one job each, jobs take several. Repositories that need a GPU go to `gpu_runner`; without one they share a job that
/// says `needs GPU` of each.
pub fn matrix(all: &[Stored], gpu_runner: Option<&str>) -> serde_json::Value {
    let all: Vec<&Stored> = all.iter().filter(|one| !matches!(one.receipt, Err(Unusable::NotReproduced(_)))).collect();
    let size = all.len().div_ceil(MATRIX_JOBS).max(1);
    let mut by_runner: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut waiting = Vec::new();
    for one in all {
        match (one.needs_gpu(), gpu_runner) {
            (true, None) => waiting.push(one.repo.as_str()),
            (true, Some(runner)) => by_runner.entry(runner).or_default().push(&one.repo),
            (false, _) => by_runner.entry(USUAL_RUNNER).or_default().push(&one.repo),
        }
    }
    let entry = |name: &str, repos: &[&str], runner: &str| json!({ "repository": name, "only": repos.join(","), "runs-on": runner });
    let mut include = Vec::new();
    for (runner, repos) in &by_runner {
        for chunk in repos.chunks(size) {
            let name = match chunk {
                [one] => (*one).to_owned(),
                _ => format!("{} and {} more", chunk.first().unwrap_or(&""), chunk.len() - 1),
            };
            include.push(entry(&name, chunk, runner));
        }
    }
    if !waiting.is_empty() {
        include.push(entry("needs GPU", &waiting, USUAL_RUNNER));
    }
    json!({ "include": include })
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A folder as it is read, without files.
    pub fn one(repo: &str, needs_gpu: bool) -> Stored {
        Stored {
            repo: repo.to_owned(),
            folder: PathBuf::new(),
            key: String::new(),
            receipt: Ok(Receipt { repo: repo.to_owned(), needs_gpu, ..Receipt::default() }),
        }
    }

    fn include(all: &[Stored], gpu_runner: Option<&str>) -> Vec<(String, String)> {
        let text = |entry: &serde_json::Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let matrix = matrix(all, gpu_runner);
        let include = matrix["include"].as_array().cloned().unwrap_or_default();
        include.iter().map(|entry| (text(entry, "only"), text(entry, "runs-on"))).collect()
    }

    #[test]
    fn gpu_repositories_go_to_their_own_machine_or_say_together_that_they_need_one() {
        let all = [one("a/cpu", false), one("b/gpu", true), one("c/gpu", true)];
        let pair = |only: &str, runner: &str| (only.to_owned(), runner.to_owned());
        assert_eq!(include(&all, None), [pair("a/cpu", "ubuntu-latest"), pair("b/gpu,c/gpu", "ubuntu-latest")]);
        assert_eq!(
            include(&all, Some("gpu")),
            [pair("b/gpu", "gpu"), pair("c/gpu", "gpu"), pair("a/cpu", "ubuntu-latest")]
        );
        assert_eq!(include(&[], None), []);
    }

    #[test]
    fn what_was_never_reproduced_gets_no_job_and_what_is_broken_does() {
        let with = |repo: &str, why| Stored { receipt: Err(why), ..one(repo, false) };
        let all = [with("a/a", Unusable::NotReproduced(String::new())), with("b/b", Unusable::Broken(String::new()))];
        assert_eq!(include(&all, None), [("b/b".to_owned(), "ubuntu-latest".to_owned())]);
    }

    #[test]
    fn a_matrix_stays_below_what_github_takes_and_loses_none() {
        for count in [0, 1, 249, 250, 251, 255, 256, 257, 499, 1000, 2511] {
            for every in [2, 3, 250] {
                let all: Vec<_> = (0..count).map(|i| one(&format!("u/r{i}"), i % every == 0)).collect();
                for runner in [Some("gpu"), None] {
                    let include = include(&all, runner);
                    assert!(include.len() < 256, "{count} {every}: {}", include.len());
                    let mut named: Vec<&str> =
                        include.iter().flat_map(|(only, _)| only.split(',')).filter(|n| !n.is_empty()).collect();
                    named.sort_unstable();
                    named.dedup();
                    assert_eq!(named.len(), count);
                }
            }
        }
    }

    #[test]
    fn shards_are_read_strictly_and_together_hold_each_repository_once() {
        assert_eq!(parse_shard("2/4").ok(), Some((2, 4)));
        for bad in ["0/4", "5/4", "x/4", "4", "", "1/0", "-1/4", "1/4/2", "1 / 4"] {
            assert!(parse_shard(bad).is_err(), "{bad}");
        }
        let all: Vec<_> = (0..11).map(|i| one(&format!("u/r{i:02}"), false)).collect();
        let mut seen: Vec<String> =
            (1..=4).flat_map(|i| shard(all.clone(), (i, 4))).map(|stored| stored.repo).collect();
        seen.sort();
        assert_eq!(seen, all.iter().map(|stored| stored.repo.clone()).collect::<Vec<_>>());
    }

    /// A folder of results with one repository in it, whose receipt says what `change` makes of it.
    fn results(change: impl FnOnce(&mut Receipt)) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let repo = folder.path().join("user/repo");
        fs_err::create_dir_all(&repo).unwrap();
        fs_err::write(repo.join("Dockerfile"), "FROM x\n").unwrap();
        let mut receipt = Receipt { repo: "user/repo".to_owned(), success: true, ..Receipt::default() };
        receipt.files.insert("Dockerfile".to_owned(), lock::hex(&Sha256::digest("FROM x\n")));
        change(&mut receipt);
        fs_err::write(repo.join("receipt.json"), serde_json::to_string(&receipt).unwrap()).unwrap();
        folder
    }

    #[track_caller]
    fn broken(folder: &tempfile::TempDir) -> String {
        match stored(folder.path()).unwrap().remove(0).receipt {
            Err(Unusable::Broken(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_folder_that_is_not_what_its_receipt_vouches_for_is_broken_and_hides_no_other() {
        let folder = results(|_| {});
        assert!(stored(folder.path()).unwrap()[0].receipt.is_ok());
        let key = stored(folder.path()).unwrap()[0].key.clone();
        fs_err::write(folder.path().join("user/repo/README.md"), "a document may be edited").unwrap();
        assert!(stored(folder.path()).unwrap()[0].receipt.is_ok());
        fs_err::write(folder.path().join("user/repo/Dockerfile"), "FROM y\n").unwrap();
        assert_eq!(broken(&folder), "not what the receipt is about: Dockerfile was changed");
        assert_ne!(stored(folder.path()).unwrap()[0].key, key);
        fs_err::remove_file(folder.path().join("user/repo/Dockerfile")).unwrap();
        assert!(broken(&folder).contains("Dockerfile is missing"));
        fs_err::write(folder.path().join("user/repo/receipt.json"), "{\"schema\": 1").unwrap();
        assert!(broken(&folder).starts_with("receipt.json: EOF"));
        assert!(broken(&results(|receipt| receipt.repo = "../../etc".to_owned())).contains("is about `../../etc`"));
    }

    #[test]
    fn what_needs_a_gpu_is_shown_also_where_it_never_ran() {
        let gpu = results(|receipt| (receipt.success, receipt.needs_gpu) = (false, true));
        assert!(stored(gpu.path()).unwrap()[0].needs_gpu());
        let failed = results(|receipt| receipt.success = false);
        assert!(matches!(stored(failed.path()).unwrap()[0].receipt, Err(Unusable::NotReproduced(_))));
    }
}
