//! Files that are never half-written, and locks between processes.
//!
//! In: paths and bytes. Out: files that hold either their old content or the new one, and locks that end with the
//! process that holds them. It never deletes a lock file: another process may already wait on it.

use std::{
    fs::{File, Permissions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::interrupt;

/// How often a waiting process looks whether a lock is free.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// Puts `bytes` at `path`: readers see the old file or the new one, never a part, whatever happens meanwhile.
///
/// Missing folders are made. The file's mode is 0666 less the process's umask. On an error nothing is left behind.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    Staged::new(path, bytes)?.put()
}

/// A file that is written beside its place, and not yet at it. It goes when it is dropped.
///
/// Files that belong together are all staged before the first is put: a full disk is met while nothing has changed.
#[derive(Debug)]
pub(crate) struct Staged {
    file: tempfile::NamedTempFile,
    path: PathBuf,
}

impl Staged {
    /// Writes `bytes` beside `path`. Missing folders are made.
    pub(crate) fn new(path: &Path, bytes: &[u8]) -> io::Result<Self> {
        let folder = folder_of(path);
        fs_err::create_dir_all(folder)?;
        // The same folder, so that the rename stays within one file system.
        let mut file = tempfile::Builder::new()
            .prefix(".repro-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .map_err(|error| about(&error, "create a file in", folder))?;
        file.write_all(bytes).map_err(|error| about(&error, "write", path))?;
        file.as_file().sync_all().map_err(|error| about(&error, "write", path))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Puts it at its place.
    pub(crate) fn put(self) -> io::Result<()> {
        let Self { file, path } = self;
        file.persist(&path).map_err(|error| about(&error.error, "write", &path))?;
        // The rename itself is only durable with its folder; not every file system can do this, and none needs it to be
        // consistent.
        let _ = File::open(folder_of(&path)).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Writes only where the content differs, so that a repeated run leaves modification times alone.
/// Says whether it wrote.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    if holds(path, bytes) {
        return Ok(false);
    }
    write_atomically(path, bytes)?;
    Ok(true)
}

/// Adds to the end of a file that others write too, such as the outputs of a step on GitHub. The file (and its folder) is
/// made where it is missing.
pub(crate) fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs_err::create_dir_all(folder)?;
    }
    let mut file = File::options().append(true).create(true).open(path).map_err(|error| about(&error, "open", path))?;
    file.write_all(bytes).map_err(|error| about(&error, "write", path))
}

/// Is this what the file holds?
pub(crate) fn holds(path: &Path, bytes: &[u8]) -> bool {
    std::fs::read(path).is_ok_and(|present| present == bytes)
}

fn about(error: &io::Error, verb: &str, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {verb} `{}`: {error}", path.display()))
}

/// An exclusive advisory lock. It ends when the value is dropped, and when the process dies.
#[derive(Debug)]
#[must_use = "the lock ends as soon as the value is dropped"]
pub(crate) struct Lock {
    // Held for its lock only: closing the file releases it.
    _file: File,
}

/// Why a lock could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Another process holds it.
    #[error(
        "another run works on this at the moment ({holder}; lock `{}`)\n\
         hint: wait until it has ended, or stop it, and start again",
        .path.display()
    )]
    Held { path: PathBuf, holder: String },
    #[error("cannot lock `{}`: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
}

impl Lock {
    /// Takes the lock at `path`, or says at once which process holds it. The file (and its folder) is made where it is
    /// missing; it stays afterwards.
    pub(crate) fn acquire(path: &Path) -> Result<Self, LockError> {
        let io = |error| LockError::Io { path: path.to_owned(), error };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // A holder between locking and writing has said nothing yet: that is no reason to fail differently.
                let _ = (&file).take(200).read_to_string(&mut holder);
                let holder = if holder.trim().is_empty() { "process unknown" } else { holder.trim() };
                return Err(LockError::Held { path: path.to_owned(), holder: holder.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let line = format!("process {}, since {}\n", std::process::id(), jiff::Timestamp::now().strftime("%F %T UTC"));
        // Who holds it is a courtesy to the other process: a full disk must not cost the lock.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(line.as_bytes()));
        Ok(Self { _file: file })
    }

    /// Takes the lock at `path`, waiting at most `limit` for the process that holds it. For short work on shared caches.
    pub(crate) fn wait(path: &Path, limit: Duration) -> Result<Self, LockError> {
        let end = Instant::now() + limit;
        loop {
            match Self::acquire(path) {
                Err(LockError::Held { .. }) if Instant::now() < end && !interrupt::requested() => {
                    std::thread::sleep(LOCK_POLL);
                }
                other => return other,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_has_its_content_and_the_usual_mode_and_no_neighbours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/receipt.json");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o600, 0o600);
        let plain = folder.path().join("plain");
        std::fs::write(&plain, "").unwrap();
        assert_eq!(mode, std::fs::metadata(&plain).unwrap().permissions().mode());
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_write_that_fails_leaves_nothing_behind_and_names_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        let error = write_atomically(&path, b"x").unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn staged_files_change_nothing_before_they_are_put_and_go_when_they_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/x");
        write_atomically(&path, b"old").unwrap();
        let staged = Staged::new(&path, b"new").unwrap();
        assert!(holds(&path, b"old"));
        drop(staged);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        Staged::new(&path, b"new").unwrap().put().unwrap();
        assert!(holds(&path, b"new"));
    }

    #[test]
    fn an_unchanged_file_is_not_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        assert!(write_if_changed(&path, b"1").unwrap());
        assert!(!write_if_changed(&path, b"1").unwrap());
        assert!(write_if_changed(&path, b"2").unwrap());
    }

    #[test]
    fn what_others_wrote_before_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/summary.md");
        append(&path, b"one\n").unwrap();
        append(&path, b"two\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\n");
        assert!(append(folder.path(), b"x").is_err());
    }

    #[test]
    fn a_second_run_is_told_which_process_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/run.lock");
        let first = Lock::acquire(&path).unwrap();
        let error = Lock::acquire(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        assert!(error.contains("hint: "), "{error}");
        drop(first);
        let _second = Lock::acquire(&path).unwrap();
    }

    #[test]
    fn a_waiting_run_gets_the_lock_when_the_first_one_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.lock");
        let first = Lock::acquire(&path).unwrap();
        let waiting = std::thread::spawn({
            let path = path.clone();
            move || Lock::wait(&path, Duration::from_secs(20)).is_ok()
        });
        std::thread::sleep(Duration::from_millis(30));
        drop(first);
        assert!(waiting.join().unwrap());
        assert!(Lock::wait(&folder.path().join("new-folder/x"), Duration::ZERO).is_ok());
    }
}
