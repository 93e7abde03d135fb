//! Ctrl-C, and the signals that ask a process to end.
//!
//! In: clean-ups that must happen even when the program is interrupted (remove a container, end a child process, delete
//! a temporary folder). Out: one flag that long work asks, and exit code 130. It never interrupts a write: files are
//! replaced atomically elsewhere, so whatever was finished is kept.
//!
//! The first signal runs every registered clean-up and then leaves the main thread a moment to end on its own; a second
//! one ends the process at once.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Exit code of an interrupted program, as shells report it: 128 plus the number of SIGINT.
pub const EXIT_CODE: u8 = 130;

/// How long the main thread may take to end by itself once the clean-ups have run.
const GRACE: Duration = Duration::from_secs(15);

static REQUESTED: AtomicBool = AtomicBool::new(false);
static REGISTRY: Registry = Registry::new();

type Cleanup = Box<dyn FnOnce() + Send>;

/// The clean-ups of one program, newest last.
struct Registry {
    next: AtomicU64,
    cleanups: Mutex<BTreeMap<u64, Cleanup>>,
}

/// Installs the handler; called once at start. Where the system refuses one, the program runs without it.
pub fn install() {
    let handled = ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(EXIT_CODE));
        }
        // A thread of its own: the handler's thread must stay free to see the second signal.
        std::thread::spawn(|| {
            REGISTRY.run();
            std::thread::sleep(GRACE);
            crate::report::error(crate::failure::Failure::Interrupted);
            std::process::exit(i32::from(EXIT_CODE));
        });
    });
    if let Err(error) = handled {
        anstream::eprintln!("warning: interruptions will not be cleaned up after: {error}");
    }
}

/// Has the user (or the system) asked the program to end? Long work looks here between its steps.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// Registers what must be undone when the program is interrupted while the returned guard lives.
///
/// Dropping the guard forgets the clean-up without running it. A clean-up runs at most once, on another thread, and
/// possibly beside the main thread's own removal of the same thing: it must not mind that the thing is already gone.
pub fn on_interrupt(cleanup: impl FnOnce() + Send + 'static) -> Guard {
    REGISTRY.add(Box::new(cleanup))
}

/// Registers a temporary folder (or file) that has to go. For folders that `tempfile` removes in normal operation.
pub fn remove_on_interrupt(path: PathBuf) -> Guard {
    on_interrupt(move || {
        let _ = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
    })
}

/// Keeps a clean-up registered.
#[must_use = "the clean-up is forgotten as soon as the guard is dropped"]
pub struct Guard {
    id: u64,
    registry: &'static Registry,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let forgotten = self.registry.cleanups().remove(&self.id);
        drop(forgotten);
    }
}

impl Registry {
    const fn new() -> Self {
        Self { next: AtomicU64::new(0), cleanups: Mutex::new(BTreeMap::new()) }
    }

    fn add(&'static self, cleanup: Cleanup) -> Guard {
        let id = self.next.fetch_add(1, Ordering::SeqCst);
        self.cleanups().insert(id, cleanup);
        Guard { id, registry: self }
    }

    fn run(&self) {
        loop {
            // Taken out one by one, so that no clean-up runs under the lock. The newest go first: they rest on the older.
            let next = self.cleanups().pop_last();
            match next {
                Some((_, cleanup)) => cleanup(),
                None => return,
            }
        }
    }

    fn cleanups(&self) -> MutexGuard<'_, BTreeMap<u64, Cleanup>> {
        // A panic in another thread cannot leave a map of closures half-changed.
        self.cleanups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicUsize};

    use super::*;

    #[test]
    fn a_dropped_guard_forgets_its_clean_up_and_a_kept_one_runs_once() {
        static OWN: Registry = Registry::new();
        let ran = Arc::new(AtomicUsize::new(0));
        let add = |amount: usize| {
            let ran = Arc::clone(&ran);
            Box::new(move || {
                ran.fetch_add(amount, Ordering::SeqCst);
            })
        };
        drop(OWN.add(add(100)));
        let kept = OWN.add(add(1));
        OWN.run();
        OWN.run();
        drop(kept);
        assert_eq!(ran.load(Ordering::SeqCst), 1);
    }
}
