//! Images that are built to be looked at once and go away again.
//!
//! In: the beginning of a name. Out: a tag that no other run has, and a guard that removes the image on every path, Ctrl-C
//! included. What a killed run left behind is told apart from what a living one still uses by the process in a label.

use super::{Engine, EngineError, PATIENCE, PROCESS_LABEL, TAG_LABEL, expression, process, random_suffix};
use crate::interrupt;

/// A name for one image; the image that has it goes when this value is dropped.
pub struct TemporaryImage {
    engine: Engine,
    pub tag: String,
    /// The label that the image has to be built with.
    pub label: (String, String),
    _guard: interrupt::Guard,
}

impl Drop for TemporaryImage {
    fn drop(&mut self) {
        self.engine.remove_by_unique_tag(&self.tag);
    }
}

/// A temporary image of this or of another run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// The process that built it is gone.
    Behind(String),
    InUse(String),
}

impl Engine {
    /// A name that begins with `start`, which has to be a valid name of an image.
    pub fn temporary_image(&self, start: &str) -> TemporaryImage {
        let tag = format!("{start}:{}", random_suffix());
        let guard = interrupt::on_interrupt({
            let (engine, tag) = (self.clone(), tag.clone());
            move || engine.remove_by_unique_tag(&tag)
        });
        let label = (PROCESS_LABEL.to_owned(), std::process::id().to_string());
        TemporaryImage { engine: self.clone(), tag, label, _guard: guard }
    }

    /// The temporary images that are here.
    pub fn temporary_images(&self) -> Result<Vec<Left>, EngineError> {
        let images = self.images_with_label(PROCESS_LABEL)?;
        Ok(images
            .iter()
            .filter_map(|image| {
                let tag = image.labels.get(TAG_LABEL)?.clone();
                let gone = image.labels.get(PROCESS_LABEL).is_some_and(|process| super::is_gone(process));
                Some(if gone { Left::Behind(tag) } else { Left::InUse(tag) })
            })
            .collect())
    }

    /// Only for a tag that this run has made up, so that it can be nobody else's. Not through `ask`, which does nothing more
    /// once the program is interrupted. An image that was never built, or is gone already, is no error.
    fn remove_by_unique_tag(&self, tag: &str) {
        let _ = process::ask(&expression(self.program.as_path(), ["rmi", tag]), PATIENCE);
    }
}
