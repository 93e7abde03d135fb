//! How commands end when they do not end well: exit code 2 for usage and bad input, 3 for what could not be told.

use std::io;
use std::process::ExitCode;

use crate::engine::EngineError;
use crate::files::LockError;

/// An error that carries its exit code.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Usage, or input that is wrong: exit code 2.
    #[error("{0}")]
    Input(String),
    /// Engine, network or hardware missing: exit code 3.
    #[error("{0}")]
    CouldNotTell(String),
    /// Ctrl-C: exit code 130.
    #[error("interrupted; what was running was stopped and removed")]
    Interrupted,
}

impl Failure {
    /// The exit code of an error: 2 unless something in its chain says otherwise. What the engine refuses, what another
    /// run holds, and what the disk does not take says nothing about the input.
    pub fn exit_code(error: &anyhow::Error) -> ExitCode {
        for cause in error.chain() {
            if let Some(engine) = cause.downcast_ref::<EngineError>() {
                return ExitCode::from(if matches!(engine, EngineError::Interrupted) { 130 } else { 3 });
            }
            if cause.is::<LockError>() || is_full_disk(cause) {
                return ExitCode::from(3);
            }
        }
        match error.chain().find_map(|cause| cause.downcast_ref::<Self>()) {
            Some(Self::CouldNotTell(_)) => ExitCode::from(3),
            Some(Self::Interrupted) => ExitCode::from(130),
            Some(Self::Input(_)) | None => ExitCode::from(2),
        }
    }

    /// The words of an error, with a next step where what failed was the disk and nobody gave one.
    pub fn message(error: &anyhow::Error) -> String {
        let text = format!("{error:#}");
        if text.contains("hint: ") || !error.chain().any(is_full_disk) {
            return text;
        }
        format!(
            "{text}\nhint: free some space there, and run the same command again; nothing that was there before is lost"
        )
    }
}

/// Did a file system refuse to take more? Not the engine's, which says so in words.
fn is_full_disk(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::ReadOnlyFilesystem
        )
    })
}

/// An input error as `anyhow` carries it.
pub fn input(text: impl Into<String>) -> anyhow::Error {
    Failure::Input(text.into()).into()
}

/// A «could not tell» as `anyhow` carries it.
pub fn could_not_tell(text: impl Into<String>) -> anyhow::Error {
    Failure::CouldNotTell(text.into()).into()
}
