//! Commands and links of a document in, what they bring out, and how that comes to where a program looks for it.

use super::arguments::{Filled, Lack, is_placeholder};
use super::program::join;
use super::samples::{Media, media_of, relative};
use super::shell::{Word, quote};
use crate::weights::urls;

/// A file that a document has fetched, or links to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Download {
    /// Where the document's own command leaves it; for a link the name of the file.
    path: String,
    /// What fetches it, with `{}` for the place.
    command: String,
    /// The document only links to it.
    is_link: bool,
}

/// What a command that fetches leaves, run in `workdir`.
pub(crate) fn fetched(words: &[Word], workdir: &str) -> Option<Download> {
    let url = words.iter().find(|word| word.text.contains("://") && !word.text.contains(['<', '$', '{']))?;
    let after = |flag: &str| {
        words.iter().position(|word| word.text == flag).and_then(|at| words.get(at + 1)).map(|word| word.text.clone())
    };
    let name = url.text.split(['?', '#']).next()?.rsplit('/').next()?.to_owned();
    let tool = words.first()?.text.as_str();
    let folder = after("-P").or_else(|| after("--directory-prefix"));
    let (path, command) = match tool {
        "wget" => (after("-O").unwrap_or(name), format!("wget -q -O {{}} {}", quote(&url.text))),
        "curl" => (
            after("-o").or_else(|| after("--output")).unwrap_or(name),
            format!("curl -fsSL -o {{}} {}", quote(&url.text)),
        ),
        _ => (after("-O").or_else(|| after("--output")).unwrap_or(name), format!("gdown -O {{}} {}", quote(&url.text))),
    };
    let path = folder.map_or(path.clone(), |folder| format!("{}/{path}", folder.trim_end_matches('/')));
    Some(Download { path: join(workdir, &path)?, command, is_link: false })
}

/// Weights that a text links to.
pub(crate) fn linked(text: &str) -> Vec<Download> {
    let mut found: Vec<Download> = Vec::new();
    for url in text.lines().flat_map(urls) {
        let name = url.split(['?', '#']).next().unwrap_or(url).rsplit('/').next().unwrap_or_default();
        // A page about a file is not the file.
        let url = if url.starts_with("https://huggingface.co/") {
            url.replacen("/blob/", "/resolve/", 1)
        } else if url.contains("/blob/") || url.contains("/tree/") {
            continue;
        } else {
            url.to_owned()
        };
        let is_new = found.iter().all(|known| known.path != name);
        if media_of(name) == Some(Media::Weights) && !url.contains(['$', '{', '*']) && is_new {
            let command = format!("wget -q -O {{}} {}", quote(&url));
            found.push(Download { path: name.to_owned(), command, is_link: true });
        }
    }
    found
}

/// Lets downloads of the document bring what a program lacks, at the place where it looks. `fetches_none` says that the
/// program is known to fetch nothing itself.
pub(crate) fn bring(filled: &mut Filled, workdir: &str, downloads: &[Download], fetches_none: bool) {
    for Download { path, command, is_link } in downloads {
        let file = path.rsplit('/').next().unwrap_or(path);
        let found = filled.lacks.iter().position(|lack| {
            let (Lack::Weights(text) | Lack::Input(text) | Lack::Model(text)) = lack else { return false };
            // Programs fetch weights themselves that go by a mere name, unless the document fetches them.
            text.rsplit('/').next() == Some(file) && (fetches_none || text.contains('/') || !is_link)
        });
        let lack = found.map(|at| filled.lacks.remove(at));
        if let Some(Lack::Weights(text) | Lack::Input(text) | Lack::Model(text)) = lack {
            let place = if is_placeholder(&text) {
                for word in filled.arguments.iter_mut().filter(|word| word.text == text) {
                    filled.changes.push(format!("`{text}` replaced by `{file}`, which is fetched"));
                    *word = Word::new(file);
                }
                file.to_owned()
            } else {
                relative(&join(workdir, &text).unwrap_or(text), workdir)
            };
            if let Some((folder, _)) = place.rsplit_once('/') {
                filled.setup.push(format!("mkdir -p {}", quote(folder)));
            }
            filled.setup.push(command.replace("{}", &quote(&place)));
            filled.at_hand += 1;
        }
    }
}
