//! A program's arguments as a document writes them in, arguments that can really be given out.
//!
//! Placeholders become files of the repository, the program's own defaults or plain values; every change is told. What
//! cannot be filled stays as it is and is counted.

use super::program::{Program, join};
use super::samples::{self, Media, Samples, media_of, relative};
use super::shell::{Word, quote};
use super::words::tokens;
use crate::Tree;
use crate::python::{Argument, Module};

/// Arguments after filling.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Filled {
    pub(crate) arguments: Vec<Word>,
    pub(crate) setup: Vec<String>,
    pub(crate) changes: Vec<String>,
    /// Inputs that are in the repository or at a URL.
    pub(crate) at_hand: usize,
    /// Placeholders that were filled.
    pub(crate) replaced: usize,
    /// Samples of ours that it reads, by name.
    pub(crate) samples: Vec<&'static str>,
    pub(crate) lacks: Vec<Lack>,
}

/// What a command names that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lack {
    /// A file or folder to work on.
    Input(String),
    /// Weights at a path where nothing is.
    Weights(String),
    /// A model that the reader is to name: one they trained, unless the document says more.
    Model(String),
    /// A value nobody can guess.
    Value(String),
    /// A key or password.
    Secret(String),
}

/// What surrounds the arguments.
pub(crate) struct Surroundings<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) samples: &'a Samples<'a>,
    pub(crate) module: Option<&'a Module>,
    /// Source of the entry file; empty where there is none.
    pub(crate) source: &'a str,
    pub(crate) workdir: &'a str,
    /// What the program is called: it hints at what its inputs show.
    pub(crate) name: &'a str,
}

/// What an argument is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Output,
    Weights,
    File(Media),
    Folder(Option<Media>),
    Dataset,
    Prompt,
    Question,
    Gpu,
    Number,
    Secret,
    Input,
    Unknown,
}

/// Fills the arguments of a documented command.
pub(crate) fn fill(program: &Program, around: &Surroundings<'_>) -> Filled {
    let mut filled = Filled::default();
    let declared: &[Argument] = around.module.map_or(&[], |module| &module.arguments);
    let positionals: Vec<&Argument> = declared.iter().filter(|argument| argument.positional).collect();
    let one_parser = positionals.windows(2).all(|pair| pair.first().map(|a| &a.scope) == pair.last().map(|a| &a.scope));
    let mut words = program.arguments.iter().peekable();
    let mut position = 0;
    // The flag whose values are being read, and whether more than one may follow.
    let mut flag: Option<(Word, Option<&Argument>, bool)> = None;
    while let Some(word) = words.next() {
        let is_flag = word.text.starts_with('-')
            && word.text.len() > 1
            && !word.text.starts_with(|c: char| c == '-' && word.text.parse::<f64>().is_ok());
        if is_flag {
            flag = None;
            let (name, value) = match word.text.split_once('=') {
                Some((name, _)) => (name, word.raw.split_once('=').map(|(_, raw)| raw)),
                None => (word.text.as_str(), None),
            };
            let argument = declared.iter().find(|argument| argument.names.iter().any(|known| known == name));
            if let Some(raw) = value {
                let text = word.text.split_once('=').map_or("", |(_, text)| text);
                let value = Word { raw: raw.to_owned(), text: text.to_owned(), optional: false };
                if let Some(new) = decide(&value, Some(name), argument, around, &mut filled) {
                    filled.arguments.push(Word {
                        raw: format!("{name}={}", new.raw),
                        text: format!("{name}={}", new.text),
                        optional: false,
                    });
                }
                continue;
            }
            let next_is_value =
                words.peek().is_some_and(|next| !next.text.starts_with('-') || next.text.parse::<f64>().is_ok());
            if argument.is_some_and(|argument| argument.is_flag) || !next_is_value {
                filled.arguments.push(word.clone());
            } else {
                let many =
                    argument.is_some_and(|argument| argument.nargs.as_deref().is_some_and(|n| n != "?" && n != "1"));
                flag = Some((word.clone(), argument, many));
            }
            continue;
        }
        // `key=value` of hydra and its like, and plain positionals.
        if let Some((name, argument, many)) = flag.clone() {
            let first = filled.arguments.last().is_none_or(|last| last.raw != name.raw) && !many
                || many && !filled.arguments.iter().any(|done| done.raw == name.raw);
            if let Some(new) = decide(word, Some(&name.text), argument, around, &mut filled) {
                if first {
                    filled.arguments.push(name.clone());
                }
                if filled.arguments.last() != Some(&new) || !is_placeholder(&word.text) {
                    filled.arguments.push(new);
                }
            }
            if !many {
                flag = None;
            }
            continue;
        }
        let argument = positionals.get(position).copied().filter(|_| one_parser).or_else(|| {
            positionals
                .last()
                .copied()
                .filter(|last| one_parser && last.nargs.as_deref().is_some_and(|n| n == "+" || n == "*"))
        });
        position += 1;
        if let Some(new) = decide(word, None, argument, around, &mut filled) {
            // One sample stands for several inputs only once.
            if filled.arguments.last().is_none_or(|last| last.text != new.text) || new == *word {
                filled.arguments.push(new);
            }
        }
    }
    // A folder of whoever wrote the program is not here.
    let given = |argument: &Argument| {
        program.arguments.iter().any(|word| argument.names.iter().any(|name| word.text.split('=').next() == Some(name)))
    };
    let absent = declared.iter().filter(|argument| !argument.positional && !given(argument)).find_map(|argument| {
        let default = argument.default.as_deref()?;
        let reads =
            matches!(purpose(argument.names.last()?, Some(argument), default), Purpose::Dataset | Purpose::Input);
        (reads && default.starts_with(['~', '/']) && is_placeholder(default)).then_some(default)
    });
    filled.lacks.extend(absent.map(|default| Lack::Input(default.to_owned())));
    filled.setup.dedup();
    filled.changes.dedup();
    filled
}

/// The arguments that a program demands, as placeholders to be filled; `None` where that cannot be told.
pub(crate) fn demanded(module: &Module, source: &str, name: &str) -> Option<Vec<Word>> {
    if module.arguments.is_empty() {
        return if module.mentions("argv") { usage(source, name) } else { Some(vec![]) };
    }
    let subcommands = module.arguments.iter().any(|argument| matches!(argument.library, "click" | "typer" | "fire"))
        && module.arguments.windows(2).any(|pair| pair.first().map(|a| &a.scope) != pair.last().map(|a| &a.scope));
    if subcommands || source.contains("add_subparsers") {
        return None;
    }
    let mut words = Vec::new();
    // Flags first: a positional after a flag of several values would be taken for one of them.
    for positional in [false, true] {
        for argument in module
            .arguments
            .iter()
            .filter(|argument| argument.positional == positional && argument.required && argument.default.is_none())
        {
            if argument.nargs.as_deref().is_some_and(|n| n == "?" || n == "*") {
                continue;
            }
            let name = argument.names.last()?;
            if !positional {
                words.push(Word::new(name));
            }
            let bare = name.trim_start_matches('-');
            words.push(Word { raw: format!("<{bare}>"), text: format!("<{bare}>"), optional: false });
        }
    }
    Some(words)
}

/// The options that a program demands and its command does not give, as placeholders to be filled.
pub(crate) fn left_out(module: &Module, source: &str, given: &[Word]) -> Vec<Word> {
    let several =
        module.arguments.windows(2).any(|pair| pair.first().map(|a| &a.scope) != pair.last().map(|a| &a.scope));
    if several
        || source.contains("add_subparsers")
        || module.arguments.iter().any(|argument| argument.library != "argparse")
    {
        return vec![];
    }
    let has = |name: &String| given.iter().any(|word| word.text.split('=').next() == Some(name.as_str()));
    let mut words = Vec::new();
    for argument in module.arguments.iter().filter(|argument| {
        let bare =
            argument.positional && given.is_empty() && !argument.nargs.as_deref().is_some_and(|n| n == "?" || n == "*");
        argument.required
            && argument.default.is_none()
            && (bare || !argument.positional)
            && !argument.names.iter().any(has)
    }) {
        let Some(name) = argument.names.last() else { continue };
        let value = format!("<{}>", name.trim_start_matches('-'));
        let value = Word { raw: value.clone(), text: value, optional: false };
        if argument.positional {
            words.push(value);
        } else {
            words.splice(0..0, [Word::new(name), value]);
        }
    }
    words
}

/// The option for a model that a table of defaults leaves empty: `dict(…, model_path="")`.
pub(crate) fn unset_model(source: &str) -> Option<&str> {
    source.lines().find_map(|line| {
        let (name, value) = line.trim().trim_end_matches(',').split_once('=')?;
        let words = tokens(name);
        let [what, place] = words.as_slice() else { return None };
        let is_model =
            matches!(what.as_str(), "model" | "checkpoint" | "ckpt") && matches!(place.as_str(), "path" | "file");
        (is_model && matches!(value, "\"\"" | "''")).then_some(name)
    })
}

/// The arguments in a script's own usage text: `Usage: a.py <mode> <file>`.
fn usage(source: &str, name: &str) -> Option<Vec<Word>> {
    let file = name.rsplit('/').next().unwrap_or(name);
    source.lines().find_map(|line| {
        let at = line.to_ascii_lowercase().find("usage")?;
        let rest = line.get(at..)?;
        let after = rest.get(rest.find(file)? + file.len()..)?;
        let after = after.split("\\n").next()?.trim_end_matches(['\'', '"', ')', ',', ' ']);
        let line = crate::documents::Line { number: 1, text: format!("x {after}") };
        let words = super::shell::commands(&[line]).into_iter().next()?.words;
        Some(words.into_iter().skip(1).collect())
    })
}

/// Is this a name for something that the reader is to put in?
pub(crate) fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    if lower.contains("://") {
        return lower.contains('<') || lower.contains("your");
    }
    let hints = [
        "path/to",
        "path_to",
        "path-to",
        "pathto",
        "/path/",
        "your_",
        "your-",
        "your ",
        "/your",
        "yourown",
        "my_image",
        "you_want",
        "you want",
        "/some/",
        "xxx",
        "/absolute/",
        "foo/bar",
        "input_image_path",
        "…",
        "/...",
        ".../",
    ];
    let braces = text.starts_with('{')
        && text.ends_with('}')
        && !text.contains(['"', ':', '\''])
        && text.contains(|c: char| c.is_alphabetic());
    let variable = text.contains('$')
        && text.split('$').skip(1).any(|rest| rest.starts_with(|c: char| c.is_alphabetic() || c == '{' || c == '_'));
    let host =
        (text.starts_with('/') || text.starts_with("~/")) && !text.starts_with("/dev/") && !text.starts_with("/tmp");
    let windows = text.get(1..3).is_some_and(|part| part == ":\\" || part == ":/");
    let capitals = text.len() >= 3
        && text.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c == '-' || c.is_ascii_digit())
        && tokens(text).iter().any(|word| {
            matches!(
                word.as_str(),
                "image"
                    | "images"
                    | "img"
                    | "input"
                    | "output"
                    | "file"
                    | "infile"
                    | "outfile"
                    | "filename"
                    | "command"
                    | "subcommand"
                    | "dir"
                    | "path"
                    | "video"
                    | "audio"
                    | "text"
                    | "model"
                    | "data"
                    | "dataset"
                    | "config"
                    | "checkpoint"
                    | "ckpt"
                    | "prompt"
                    | "name"
                    | "folder"
                    | "weights"
                    | "url"
                    | "id"
                    | "root"
                    | "directory"
            )
        });
    let angle = text.contains('<') && text.contains('>');
    angle
        || braces
        || variable
        || host
        || windows
        || capitals
        || lower == "..."
        || lower.starts_with("your")
        || hints.iter().any(|hint| lower.contains(hint))
        || (text.starts_with('[')
            && text.ends_with(']')
            && text.contains(|c: char| c.is_alphabetic())
            && !text.contains([',', '"', '\'']))
}

/// `image_file`, `input-dir`: what usage lines call an argument without any brackets.
fn is_argument_name(text: &str) -> bool {
    let words = tokens(text);
    text.contains(['_', '-'])
        && text.chars().all(|c| c.is_ascii_alphabetic() || c == '_' || c == '-')
        && words.len() >= 2
        && words.last().is_some_and(|last| {
            matches!(
                last.as_str(),
                "file" | "path" | "dir" | "folder" | "directory" | "filename" | "files" | "image" | "audio" | "video"
            )
        })
}

/// `--env env_id`, `--algo algo_name`: a value that only repeats what its flag is called.
fn is_called_after(text: &str, flag: &str) -> bool {
    let (words, name) = (tokens(text), tokens(flag));
    let rest = words.strip_prefix(name.as_slice()).filter(|_| !name.is_empty() && text.contains('_'));
    rest.is_some_and(|rest| matches!(rest, [last] if matches!(last.as_str(), "name" | "id" | "path" | "file")))
}

/// Decides about one value: `None` leaves it (and its flag) out.
fn decide(
    word: &Word,
    flag: Option<&str>,
    argument: Option<&Argument>,
    around: &Surroundings<'_>,
    filled: &mut Filled,
) -> Option<Word> {
    let text = word.text.as_str();
    if let Some((key, value)) = text.split_once('=').filter(|(key, _)| {
        flag.is_none() && !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "._/+-".contains(c))
    }) {
        // `key=value`
        let raw = word.raw.split_once('=').map_or(value, |(_, raw)| raw);
        let inner = Word { raw: raw.to_owned(), text: value.to_owned(), optional: false };
        let new = decide(&inner, Some(key), None, around, filled)?;
        return Some(Word { raw: format!("{key}={}", new.raw), text: format!("{key}={}", new.text), optional: false });
    }
    if text == "..." || text == "…" || text == "etc." {
        filled.changes.push("`...` left out".to_owned());
        return None;
    }
    if text.contains("://") && !is_placeholder(text) {
        filled.at_hand += 1;
        return Some(word.clone());
    }
    let path = join(around.workdir, text).filter(|path| !path.is_empty());
    let exists = path.as_ref().is_some_and(|path| around.tree.contains(path) || around.tree.contains_folder(path));
    if exists
        && (text.contains(['/', '.']) || flag.is_none_or(|flag| purpose(flag, argument, text) != Purpose::Output))
        && !text.starts_with('<')
    {
        filled.at_hand += 1;
        return Some(word.clone());
    }
    let purpose = purpose(flag.unwrap_or_default(), argument, text);
    let named_like_one =
        flag.is_none() && is_argument_name(text) && argument.is_none_or(|argument| argument.choices.is_empty());
    if !is_placeholder(text) && !named_like_one && !is_called_after(text, flag.unwrap_or_default()) {
        return Some(literal(word, flag, purpose, around, filled));
    }
    if purpose == Purpose::Secret {
        filled.lacks.push(Lack::Secret(text.to_owned()));
        return Some(word.clone());
    }
    if let Some(choice) = argument.and_then(|argument| lightest(&argument.choices)) {
        return Some(replaced(text, &choice, "one of the program's own choices", filled));
    }
    if let Some(choice) = lightest(&alternatives(text)) {
        return Some(replaced(text, &choice, "one of those it names", filled));
    }
    if let Some(default) =
        argument.and_then(|argument| argument.default.as_deref()).filter(|default| usable_default(default, around))
    {
        return Some(replaced(text, default, "the program's own default", filled));
    }
    if word.optional && flag.is_none() && !matches!(purpose, Purpose::Input | Purpose::File(_)) {
        filled.changes.push(format!("optional `{text}` left out"));
        return None;
    }
    let media = media_of(text.trim_end_matches(['>', ']', '}'])).or_else(|| heard(around)).or(around.samples.usual());
    let folder = |media: Option<Media>| {
        let words = hints(around, flag, text);
        media
            .and_then(|media| {
                around.samples.folder_called(media, &words).or_else(|| around.samples.folder(media, around.workdir))
            })
            .map(|found| relative(found, around.workdir))
    };
    let file = |media: Option<Media>| {
        media
            .and_then(|media| around.samples.file(media, text, around.workdir))
            .map(|found| relative(found, around.workdir))
    };
    let new = match purpose {
        Purpose::Output => {
            let suffix = text
                .rsplit_once('.')
                .map(|(_, suffix)| suffix)
                .filter(|suffix| (2..=4).contains(&suffix.len()) && suffix.chars().all(|c| c.is_ascii_alphanumeric()));
            let is_file = suffix.is_some();
            let new = suffix.map_or_else(|| "output".to_owned(), |suffix| format!("output/result.{suffix}"));
            filled.setup.push("mkdir -p output".to_owned());
            filled
                .changes
                .push(format!("`{text}` replaced by `{new}`, a {} of ours", if is_file { "file" } else { "folder" }));
            filled.replaced += 1;
            return Some(Word::new(&new));
        }
        Purpose::Gpu => Some("0".to_owned()),
        Purpose::Number => Some("1".to_owned()),
        Purpose::Prompt => Some(samples::PROMPT.to_owned()),
        Purpose::Question => Some("What is this?".to_owned()),
        Purpose::File(media) => file(Some(media)),
        Purpose::Folder(wanted) => folder(wanted.or(media)),
        Purpose::Weights => file(Some(Media::Weights)),
        Purpose::Input => file(media),
        Purpose::Unknown if is_counted(around.source) && flag.is_none() => Some("1".to_owned()),
        Purpose::Dataset | Purpose::Secret | Purpose::Unknown => None,
    };
    match new {
        Some(new) => {
            let why = match purpose {
                Purpose::File(_) | Purpose::Folder(_) | Purpose::Weights | Purpose::Input => {
                    filled.at_hand += 1;
                    "from this repository"
                }
                _ => "a value of ours",
            };
            Some(replaced(text, &new, why, filled))
        }
        None if word.optional && !argument.is_some_and(|argument| argument.required && !argument.positional) => {
            filled.changes.push(format!("optional `{text}` left out"));
            None
        }
        None => {
            // Only a file whose kind is told: a guess would be run for nothing.
            let ours = match purpose {
                Purpose::File(media) => {
                    samples::ours(media, &hints(around, flag, text)).map(|name| (name, samples::in_image(name)))
                }
                Purpose::Folder(Some(media)) => samples::ours(media, &hints(around, flag, text))
                    .map(|name| (name, samples::SAMPLE_FOLDER.to_owned())),
                Purpose::Input => media_of(text.trim_end_matches(['>', ']', '}']))
                    .and_then(|media| samples::ours(media, &hints(around, flag, text)))
                    .map(|name| (name, samples::in_image(name))),
                _ => None,
            };
            if let Some((name, new)) = ours {
                filled.samples.push(name);
                return Some(replaced(text, &new, "a sample of ours", filled));
            }
            // The program may do without it, and can do nothing with a placeholder.
            let spare = flag.is_some()
                && argument.is_some_and(|argument| {
                    let has_default = argument.default.is_some() || argument.default_expression.is_some();
                    !argument.required && !argument.positional && (has_default || purpose == Purpose::Weights)
                });
            filled.lacks.push(match purpose {
                Purpose::Weights if spare => {
                    let default = argument.and_then(|argument| argument.default.as_deref());
                    Lack::Weights(default.unwrap_or(text).to_owned())
                }
                Purpose::Weights => Lack::Model(text.to_owned()),
                Purpose::File(_) | Purpose::Folder(_) | Purpose::Dataset | Purpose::Input => {
                    Lack::Input(text.to_owned())
                }
                _ => Lack::Value(text.to_owned()),
            });
            if spare {
                filled.changes.push(format!("`{} {text}` left out", flag.unwrap_or_default()));
                return None;
            }
            Some(word.clone())
        }
    }
}

fn replaced(old: &str, new: &str, why: &str, filled: &mut Filled) -> Word {
    filled.replaced += 1;
    filled.changes.push(format!("`{old}` replaced by `{new}`, {why}"));
    Word { raw: quote(new), text: new.to_owned(), optional: false }
}

/// Audio, where that is what the program's libraries read and the repository has some.
fn heard(around: &Surroundings<'_>) -> Option<Media> {
    let imports = |names: &[&str]| {
        around.module.is_some_and(|module| {
            module.imports.iter().any(|import| import.module.split('.').next().is_some_and(|top| names.contains(&top)))
        })
    };
    (imports(&["torchaudio", "librosa", "soundfile"]) && !imports(&["cv2", "PIL"]))
        .then_some(Media::Audio)
        .filter(|media| around.samples.file(*media, "", "").is_some())
}

/// Words around an argument, which say what it shows.
fn hints(around: &Surroundings<'_>, flag: Option<&str>, text: &str) -> Vec<String> {
    [around.name, flag.unwrap_or_default(), text].into_iter().flat_map(tokens).collect()
}

/// Does the program turn a bare argument into a number?
fn is_counted(source: &str) -> bool {
    ["int(args[", "int(sys.argv[", "int(argv["].iter().any(|call| source.contains(call))
}

/// A value that is no placeholder, and no file that exists.
fn literal(word: &Word, flag: Option<&str>, purpose: Purpose, around: &Surroundings<'_>, filled: &mut Filled) -> Word {
    let text = word.text.as_str();
    let name = text.rsplit('/').next().unwrap_or(text);
    let is_path = text.contains('/') || media_of(text).is_some();
    // `examples/*` without such a folder.
    let fixed = text.split('*').next().and_then(|before| before.rsplit_once('/')).map(|(folder, _)| folder);
    if let Some(folder) = fixed.filter(|folder| text.contains('*') && !folder.is_empty() && purpose != Purpose::Output)
    {
        if join(around.workdir, folder).is_some_and(|path| around.tree.contains_folder(&path)) {
            filled.at_hand += 1;
        } else {
            filled.lacks.push(Lack::Input(text.to_owned()));
        }
        return word.clone();
    }
    if purpose == Purpose::Output {
        let folder = if media_of(text).is_some() || name.contains('.') {
            text.rsplit_once('/').map_or("", |(folder, _)| folder)
        } else {
            text
        };
        let folder = folder.trim_start_matches("./").trim_end_matches('/');
        if !folder.is_empty()
            && folder != "."
            && is_path
            && join(around.workdir, folder).is_some_and(|path| !around.tree.contains_folder(&path))
            && !folder.contains(['*', '{', '$'])
        {
            filled.setup.push(format!("mkdir -p {}", quote(folder)));
        }
        return word.clone();
    }
    if !is_path || text.contains(' ') && media_of(text).is_none() {
        // `--source list.streams`
        let names_a_file = name
            .rsplit_once('.')
            .is_some_and(|(_, suffix)| suffix.len() > 2 && suffix.chars().all(|c| c.is_ascii_alphabetic()));
        if names_a_file && !text.contains(' ') && matches!(purpose, Purpose::Input | Purpose::File(_)) {
            filled.lacks.push(Lack::Input(text.to_owned()));
        }
        return word.clone();
    }
    if text.starts_with("/tmp/") && purpose == Purpose::Unknown {
        return word.clone();
    }
    // `--image_name x.jpg`, looked up by the program in a folder of its own.
    if let Some(found) = around.samples.named(name) {
        if !text.contains('/') && flag.is_some_and(|flag| tokens(flag).contains(&"name".to_owned())) {
            filled.at_hand += 1;
            return word.clone();
        }
        filled.at_hand += 1;
        return replaced(text, &relative(found, around.workdir), "where it is in this repository", filled);
    }
    match media_of(text) {
        Some(Media::Weights) => {
            filled.lacks.push(Lack::Weights(text.to_owned()));
            word.clone()
        }
        Some(
            media @ (Media::Image
            | Media::Audio
            | Media::Video
            | Media::Pdf
            | Media::Mesh
            | Media::Table
            | Media::Text
            | Media::Volume),
        ) => {
            let Some(found) = around.samples.file(media, text, around.workdir) else {
                // A text or a table that is named is a particular one; a picture is a picture.
                let ours = samples::ours(media, &hints(around, flag, text))
                    .filter(|_| !matches!(media, Media::Text | Media::Table));
                let Some(name) = ours else {
                    filled.lacks.push(Lack::Input(text.to_owned()));
                    return word.clone();
                };
                filled.samples.push(name);
                return replaced(text, &samples::in_image(name), "a sample of ours", filled);
            };
            filled.at_hand += 1;
            replaced(text, &relative(found, around.workdir), "from this repository", filled)
        }
        Some(_) => {
            filled.lacks.push(Lack::Input(text.to_owned()));
            word.clone()
        }
        None => {
            let hub = text.matches('/').count() == 1
                && !text.starts_with('.')
                && !text.ends_with('/')
                && text.split('/').all(|part| !part.is_empty());
            let folder = text.rsplit_once('/').map_or("", |(folder, _)| folder);
            let elsewhere = join(around.workdir, folder).is_some_and(|path| around.tree.contains_folder(&path));
            match purpose {
                Purpose::Weights if hub && !elsewhere => {}
                Purpose::Weights => filled.lacks.push(Lack::Weights(text.to_owned())),
                Purpose::Folder(Some(media)) if around.samples.folder(media, around.workdir).is_some() => {
                    let found = around.samples.folder(media, around.workdir).unwrap_or_default();
                    filled.at_hand += 1;
                    return replaced(text, &relative(found, around.workdir), "from this repository", filled);
                }
                Purpose::Folder(_) | Purpose::Dataset | Purpose::Input | Purpose::File(_) => {
                    filled.lacks.push(Lack::Input(text.to_owned()));
                }
                _ if text.ends_with('/')
                    || text.starts_with("./")
                    || text.starts_with("../")
                    || text.matches('/').count() > 1 =>
                {
                    filled.lacks.push(Lack::Input(text.to_owned()));
                }
                _ => {}
            }
            word.clone()
        }
    }
}

/// A default that works as it stands: no path, or one that is there.
fn usable_default(default: &str, around: &Surroundings<'_>) -> bool {
    if default.trim().is_empty() || is_placeholder(default) || matches!(default, "True" | "False") {
        return false;
    }
    let is_path = default.contains('/') || media_of(default).is_some();
    !is_path
        || default.contains("://")
        || join(around.workdir, default)
            .is_some_and(|path| around.tree.contains(&path) || around.tree.contains_folder(&path))
        || around.samples.named(default.rsplit('/').next().unwrap_or(default)).is_some()
        || (media_of(default).is_none() && default.matches('/').count() == 1 && !default.starts_with('.'))
}

/// The choice whose name says that it is the smallest, else the first.
pub(crate) fn lightest(choices: &[String]) -> Option<String> {
    let weight = |choice: &str| {
        let words = tokens(choice);
        ["tiny", "nano", "mini", "micro", "small", "base", "lite", "light", "n", "s"]
            .iter()
            .position(|light| words.iter().any(|word| word == light))
            .unwrap_or(99)
    };
    choices.iter().enumerate().min_by_key(|(at, choice)| (weight(choice), *at)).map(|(_, choice)| choice.clone())
}

/// The values between which `<a|b>` or `{a,b}` leaves the choice.
fn alternatives(text: &str) -> Vec<String> {
    let inner = text.trim_matches(['<', '>', '{', '}', '[', ']', '(', ')']);
    let parts: Vec<String> = inner.split(['|', ',', '/']).map(|part| part.trim().to_owned()).collect();
    let simple = |part: &String| {
        !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c)) && !part.contains("path")
    };
    let separated = inner.contains('|')
        || inner.contains(',')
        || text.starts_with('<') && inner.contains('/') && !inner.contains("to/");
    if separated && parts.len() > 1 && inner.len() < text.len() && parts.iter().all(simple) { parts } else { vec![] }
}

/// What an argument is for, told by its flag, its placeholder and, failing these, its help.
fn purpose(flag: &str, argument: Option<&Argument>, text: &str) -> Purpose {
    let short = flag.trim_start_matches('-');
    let mut words = tokens(flag);
    if let Some(argument) = argument {
        for name in &argument.names {
            words.extend(tokens(name));
        }
    }
    let opened = argument.and_then(|argument| argument.kind.as_deref()).and_then(|kind| kind.split_once("FileType("));
    if opened.is_some_and(|(_, mode)| mode.trim_start_matches(['\'', '"']).starts_with(['w', 'a', 'x'])) {
        return Purpose::Output;
    }
    let placeholder = is_placeholder(text) || flag.is_empty() && is_argument_name(text) || is_called_after(text, flag);
    let own = if placeholder { tokens(text) } else { vec![] };
    let told = by_words(&words, &own, text);
    let help = argument.and_then(|argument| argument.help.as_deref()).map(tokens).unwrap_or_default();
    // `--images a.jpg b.jpg`: several files, unless the name says that they are folders.
    let many = argument.and_then(|argument| argument.nargs.as_deref()).is_some_and(|n| n == "+" || n == "*");
    let folders = ["dir", "dirs", "folder", "folders", "directory", "directories", "root"];
    let told = match told {
        Purpose::Folder(Some(media)) if many && !words.iter().any(|word| folders.contains(&word.as_str())) => {
            Purpose::File(media)
        }
        told => told,
    };
    let helps = |list: &[&str]| help.iter().any(|word| list.contains(&word.as_str()));
    if matches!(told, Purpose::Unknown | Purpose::File(_))
        && helps(&["output", "write", "written", "save", "saved"])
        && !helps(&["input", "read", "load", "from"])
    {
        return Purpose::Output;
    }
    if told != Purpose::Unknown {
        return told;
    }
    match short {
        "o" => return Purpose::Output,
        "i" | "f" => return Purpose::Input,
        "d" => return Purpose::Folder(None),
        _ => {}
    }
    if argument.and_then(|argument| argument.kind.as_deref()).is_some_and(|kind| kind == "int" || kind == "float") {
        return Purpose::Number;
    }
    match argument.and_then(|argument| argument.help.as_deref()) {
        Some(help) if placeholder => by_words(&tokens(help), &own, text),
        _ if placeholder
            && flag.is_empty()
            && own.iter().any(|word| word == "path" || word == "file" || word == "files") =>
        {
            Purpose::Input
        }
        _ => Purpose::Unknown,
    }
}

fn by_words(flag: &[String], own: &[String], text: &str) -> Purpose {
    let has = |list: &[&str]| flag.iter().chain(own).any(|word| list.contains(&word.as_str()));
    let flag_has = |list: &[&str]| flag.iter().any(|word| list.contains(&word.as_str()));
    let folder = has(&["dir", "folder", "directory", "dirs", "imgs", "images", "frames", "root", "directories"])
        || text.ends_with('/');
    // `<clip.mp4>` is a video, whatever its flag is called.
    let shown = media_of(text.trim_end_matches(['>', ']', '}']))
        .filter(|media| !own.is_empty() && !matches!(media, Media::Weights | Media::Config | Media::Data));
    let media = if shown.is_some() {
        shown
    } else if has(&[
        "image", "images", "img", "imgs", "picture", "photo", "photos", "jpg", "png", "jpeg", "face", "rgb", "pic",
    ]) {
        Some(Media::Image)
    } else if has(&[
        "audio",
        "wav",
        "wavs",
        "speech",
        "voice",
        "song",
        "music",
        "mp3",
        "flac",
        "sound",
        "speaker",
        "track",
        "utterance",
    ]) {
        Some(Media::Audio)
    } else if has(&["video", "videos", "mp4", "movie", "avi"]) {
        Some(Media::Video)
    } else if has(&["pdf"]) {
        Some(Media::Pdf)
    } else if has(&["csv", "tsv"]) {
        Some(Media::Table)
    } else if has(&["mesh", "obj", "ply", "glb", "pointcloud"]) {
        Some(Media::Mesh)
    } else if has(&["txt", "corpus"]) || has(&["text"]) && has(&["file", "path", "filename"]) {
        Some(Media::Text)
    } else {
        None
    };
    if has(&["key", "token", "secret", "password", "apikey"])
        && has(&["api", "secret", "password", "hf", "apikey", "auth", "access", "openai"])
    {
        return Purpose::Secret;
    }
    if has(&[
        "out",
        "output",
        "outputs",
        "outdir",
        "outfile",
        "save",
        "savedir",
        "saved",
        "dst",
        "dest",
        "destination",
        "export",
        "result",
        "results",
        "write",
        "logdir",
        "log",
        "logs",
        "workdir",
        "target",
    ]) || media_of(text).is_some() && text.to_ascii_lowercase().starts_with("out")
    {
        return Purpose::Output;
    }
    if has(&["vocab", "vocabulary", "tokenizer", "merges"]) {
        return Purpose::Weights;
    }
    if has(&["gpu", "gpus", "gpuid", "cuda", "device"]) {
        return Purpose::Gpu;
    }
    if has(&[
        "ckpt",
        "checkpoint",
        "checkpoints",
        "weight",
        "weights",
        "pretrained",
        "pth",
        "resume",
        "snapshot",
        "ckpts",
        "state",
        "classifier",
    ]) || media_of(text) == Some(Media::Weights)
        || flag_has(&["model", "models", "network"]) && !has(&["name", "type", "size"])
        || own.iter().any(|word| word == "model" || word == "models")
    {
        return Purpose::Weights;
    }
    if has(&["prompt", "caption", "description", "sentence", "instruction", "text", "sentences"])
        && !has(&["path", "file", "txt"])
        && media_of(text).is_none()
    {
        return Purpose::Prompt;
    }
    if has(&["question", "query", "message"]) && !has(&["path", "file"]) {
        return Purpose::Question;
    }
    // A mask belongs to one picture: another picture is none.
    if has(&["mask", "masks"]) {
        return Purpose::Dataset;
    }
    if has(&["dataset", "datasets", "data", "dataroot", "scene", "colmap", "nerf"]) && media.is_none() {
        return Purpose::Dataset;
    }
    if let Some(media) = media {
        return if folder { Purpose::Folder(Some(media)) } else { Purpose::File(media) };
    }
    if has(&["input", "inputs", "source", "src", "infile", "in", "filename", "filenames"]) {
        return if folder { Purpose::Folder(None) } else { Purpose::Input };
    }
    if has(&[
        "num", "number", "count", "seed", "width", "height", "steps", "epochs", "scale", "size", "fps", "port", "n",
        "batch", "rank", "world",
    ]) {
        return Purpose::Number;
    }
    if folder && !own.is_empty() {
        return Purpose::Folder(None);
    }
    match media_of(text) {
        Some(media) if !own.is_empty() => Purpose::File(media),
        _ => Purpose::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Content, File, Kind};

    fn check(source: &str, command: &str, expected: &str) {
        let mut tree = Tree::default();
        for path in ["samples/cat.jpg", "tests/a.wav", "names.txt"] {
            tree.insert(path, File { size: 50_000, content: Content::Opaque });
        }
        let module = crate::python::parse(source);
        let samples = Samples::new(&tree);
        let line = crate::documents::Line { number: 1, text: command.to_owned() };
        let arguments = super::super::shell::commands(&[line]).remove(0).words;
        let program = Program {
            kind: Kind::Script,
            start: vec![],
            entry: None,
            name: String::new(),
            arguments,
            workdir: String::new(),
            changes: vec![],
        };
        let around =
            Surroundings { tree: &tree, samples: &samples, module: Some(&module), source, workdir: "", name: "" };
        let filled = fill(&program, &around);
        let words: Vec<String> = filled.arguments.iter().map(|word| word.raw.clone()).collect();
        let lacks = if filled.lacks.is_empty() { String::new() } else { format!(" lacks {:?}", filled.lacks) };
        assert_eq!(format!("{}{lacks}", words.join(" ")), expected);
    }

    #[test]
    fn placeholders_become_files_of_the_repository() {
        check("", "--image path/to/image.jpg --output_dir <dir>", "--image samples/cat.jpg --output_dir output");
        check("", "<output-directory> <input-audio-path>", "output tests/a.wav");
        check("", "audio.flac audio.mp3 --model turbo", "tests/a.wav --model turbo");
        check("", "[image_file]", "samples/cat.jpg");
        check("", "-i names.txt -o names", "-i names.txt -o names");
    }

    #[test]
    fn the_programs_own_default_is_preferred() {
        let source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--image_name', type=str, default='cat.jpg')\n";
        check(source, "--image_name your_image_name", "--image_name cat.jpg");
    }

    #[test]
    fn a_suffix_says_more_than_a_flag() {
        check("", "--face <clip.mp4>", "--face /workspace/run/clip.mp4");
        check("", "single INFILE", "single samples/cat.jpg");
        check("import librosa", "<path of the input>", "tests/a.wav");
        check("", "-o mask.jpg", "-o mask.jpg");
        check("", "--folder=[folder of test images]", "--folder=samples");
    }

    #[test]
    fn a_placeholder_that_nothing_fills_is_left_out_where_it_may_be() {
        let source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--model', default='weights/a.pth')\np.add_argument('--scene', required=True)\n";
        check(source, "--model=<path to the model>", " lacks [Weights(\"weights/a.pth\")]");
        check(source, "--scene <scene>", "--scene <scene> lacks [Input(\"<scene>\")]");
    }

    #[test]
    fn a_default_that_turns_something_off_is_no_value() {
        let source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--test', default=False)\n";
        check(source, "--test path/to/img.jpg", "--test samples/cat.jpg");
    }

    #[test]
    fn folders_of_the_author_are_not_here() {
        let source =
            "import argparse\np = argparse.ArgumentParser()\np.add_argument('--data_dir', default='~/faces')\n";
        check(source, "-v", "-v lacks [Input(\"~/faces\")]");
        check(source, "--data_dir samples", "--data_dir samples");
    }

    #[test]
    fn what_cannot_be_filled_stays_and_is_told() {
        check(
            "",
            "-s <path to COLMAP dataset>",
            "-s <path to COLMAP dataset> lacks [Input(\"<path to COLMAP dataset>\")]",
        );
        check("", "examples/*", "examples/* lacks [Input(\"examples/*\")]");
        check("", "samples/*", "samples/*");
        check("", "--weights weights/x.pth", "--weights weights/x.pth lacks [Weights(\"weights/x.pth\")]");
    }
}
