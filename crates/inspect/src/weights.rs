//! A program's files, its command line and the documents in, where its weights come from out.
//!
//! Nothing is fetched, and nobody is asked whether an id or a URL still exists.

use crate::facts::{Evidence, Weights};
use crate::python::follow::{Program, Weight};
use crate::python::sources::{has_ending, is_test, split};
use crate::python::{Call, Value};
use crate::tree::{Content, Tree};

/// Most sources that are listed.
const LIMIT: usize = 12;
/// Smaller files hold no weights, in bytes. An unresolved pointer is smaller still and counts all the same.
const SMALLEST: u64 = 4096;

/// Endings of files that hold weights and nothing else.
const ENDINGS: [&str; 24] = [
    "bin",
    "caffemodel",
    "ckpt",
    "gguf",
    "h5",
    "hdf5",
    "joblib",
    "keras",
    "mlmodel",
    "mnn",
    "model",
    "onnx",
    "params",
    "pb",
    "pdiparams",
    "pdparams",
    "pkl",
    "pt",
    "pth",
    "safetensors",
    "tflite",
    "torchscript",
    "trt",
    "weights",
];
/// Endings that hold weights when the folder's name says so.
const PACKED: [&str; 8] = ["dat", "gz", "lz4", "npy", "npz", "tar", "zip", "pickle"];

/// Parts of names that folders of a checkout have and owners on the hub have not.
const LOCAL_FOLDERS: [&str; 14] = [
    "path",
    "data",
    "output",
    "result",
    "weight",
    "checkpoint",
    "ckpt",
    "pretrain",
    "models",
    "image",
    "assets",
    "logs",
    "config",
    "experiments",
];

/// Lists where the weights of a program come from, surest first. `command` is the line that starts it.
pub(crate) fn find(program: &Program<'_, '_>, command: &str, evidence: Option<&Evidence>) -> Vec<Weights> {
    let tree = program.sources.tree;
    let mut found = Found::default();
    if let Some(evidence) = evidence {
        from_command(tree, command, evidence, &mut found);
    }
    from_calls(program, &mut found);
    from_texts(program, &mut found);
    found.list.append(&mut found.later);
    from_tree(tree, &mut found);
    from_documents(tree, &mut found);
    found.into_list(tree)
}

/// What makes it hard to try a program at all, by the weights that its own command line and calls name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Burden {
    /// They are given to those only who were let in.
    Gated(String),
    /// A model of so many billion parameters.
    Large(String, u32),
}

/// Models of more billions of parameters than this do not fit a usual GPU.
const LARGE: u32 = 30;

/// Finds what makes a program hard to try; `None` where its weights can be had and held, or nothing says otherwise.
pub(crate) fn burden(program: &Program<'_, '_>, command: &str, evidence: Option<&Evidence>) -> Option<Burden> {
    let tree = program.sources.tree;
    let mut found = Found::default();
    if let Some(evidence) = evidence {
        from_command(tree, command, evidence, &mut found);
    }
    // What a command names stands instead of the defaults in the code.
    if !found.list.iter().any(|weights| weights.from == "hf") {
        from_calls(program, &mut found);
    }
    let named: Vec<Weights> = found.list.into_iter().filter(|weights| weights.from == "hf").collect();
    let gated = named.iter().find(|weights| weights.gated || is_gated(tree, &weights.what));
    let large = || named.iter().find_map(|weights| Some((&weights.what, billions(&weights.what)?)));
    gated
        .map(|weights| Burden::Gated(weights.what.clone()))
        .or_else(|| large().filter(|(_, count)| *count > LARGE).map(|(what, count)| Burden::Large(what.clone(), count)))
}

/// Billions of parameters that a model's name tells: `Llama-2-70b-chat-hf`; experts are counted (`8x22B`).
fn billions(id: &str) -> Option<u32> {
    let name = id.rsplit('/').next().unwrap_or(id).to_ascii_lowercase();
    name.split(['-', '_', '.']).find_map(|part| {
        let count = part.strip_suffix('b')?;
        let (experts, each) = count.split_once('x').unwrap_or(("1", count));
        experts.parse::<u32>().ok()?.checked_mul(each.parse().ok()?)
    })
}

/// As [`find`], where no program is known.
pub(crate) fn find_in_tree(tree: &Tree) -> Vec<Weights> {
    let mut found = Found::default();
    from_tree(tree, &mut found);
    from_documents(tree, &mut found);
    found.into_list(tree)
}

#[derive(Debug, Default)]
struct Found {
    list: Vec<Weights>,
    /// From code that the program may not reach.
    later: Vec<Weights>,
}

impl Found {
    fn add(&mut self, from: &str, what: &str, evidence: Evidence) {
        let bytes = stated_bytes(&evidence.text);
        self.list.push(Weights { from: from.to_owned(), what: what.to_owned(), bytes, gated: false, evidence });
    }

    /// Each source once, with what any of its places says of it.
    fn into_list(self, tree: &Tree) -> Vec<Weights> {
        let mut out: Vec<Weights> = Vec::new();
        for mut weights in self.list {
            weights.bytes = weights.bytes.or_else(|| bytes_in_tree(tree, &weights.what));
            weights.gated |= weights.from == "hf" && is_gated(tree, &weights.what);
            if let Some(known) = out.iter_mut().find(|known| known.what == weights.what) {
                known.bytes = known.bytes.or(weights.bytes);
                known.gated |= weights.gated;
            } else if out.len() < LIMIT {
                out.push(weights);
            }
        }
        out
    }
}

/// The size of a file of the checkout, in bytes: that of the object where it is a pointer.
fn bytes_in_tree(tree: &Tree, path: &str) -> Option<u64> {
    let file = tree.get(path.trim_start_matches("./"))?;
    match file.content {
        Content::LfsPointer(bytes) => Some(bytes).filter(|bytes| *bytes > 0),
        _ => Some(file.size),
    }
}

/// The size that a line states, in bytes: `model.pth (1.4 GB)`.
fn stated_bytes(line: &str) -> Option<u64> {
    let mut words = line.split(|c: char| c.is_whitespace() || "()[]|,;~*".contains(c)).filter(|word| !word.is_empty());
    let mut before: Option<f64> = None;
    words.find_map(|word| {
        let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = word.get(digits.len()..).unwrap_or_default();
        let number = digits.parse::<f64>().ok().filter(|number| *number > 0.0);
        let scale = match unit.to_ascii_lowercase().as_str() {
            "kb" | "kib" => 1e3,
            "mb" | "mib" => 1e6,
            "gb" | "gib" => 1e9,
            _ => {
                before = number.filter(|_| unit.is_empty());
                return None;
            }
        };
        let number = if digits.is_empty() { before.take() } else { number };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of bytes")]
        number.map(|number| (number * scale) as u64)
    })
}

/// Does a document say of a model of the hub that one has to be let in first?
fn is_gated(tree: &Tree, id: &str) -> bool {
    const SAYS: [&str; 8] = [
        "gated",
        "request access",
        "accept the license",
        "accept the terms",
        "accept the conditions",
        "accept the user conditions",
        "agree to the terms",
        "access has been granted",
    ];
    tree.texts().filter(|(path, _)| !path.contains('/') && path.to_ascii_lowercase().starts_with("readme")).any(
        |(_, text)| {
            let lines: Vec<String> = text.lines().map(str::to_ascii_lowercase).collect();
            let id = id.to_ascii_lowercase();
            let near = |at: usize| lines.get(at.saturating_sub(2)..(at + 3).min(lines.len())).unwrap_or_default();
            let says = |at: usize| near(at).iter().any(|line| SAYS.iter().any(|words| line.contains(words)));
            lines.iter().enumerate().any(|(at, line)| line.contains(&id) && says(at))
        },
    )
}

fn from_command(tree: &Tree, command: &str, evidence: &Evidence, found: &mut Found) {
    for word in command.split_whitespace() {
        let value = word.split_once('=').map_or(word, |(_, value)| value).trim_matches(['"', '\'']);
        if value.contains("://") {
            if is_weights_url(value) {
                found.add(host_kind(value), &hub_id(value).unwrap_or_else(|| value.to_owned()), evidence.clone());
            }
        } else if is_weights_file(value) && is_large(tree, value.trim_start_matches("./")) {
            found.add(kind_in_tree(tree, value), value.trim_start_matches("./"), evidence.clone());
        } else if is_hub_id(tree, value) && !word.starts_with('-') {
            found.add("hf", value, evidence.clone());
        }
    }
}

/// Calls that load by a hub's id or a URL.
fn from_calls(program: &Program<'_, '_>, found: &mut Found) {
    for (index, file) in program.files.iter().enumerate() {
        for call in &file.module.calls {
            let Some((from, what)) = loaded(program.sources.tree, call) else { continue };
            let evidence = program.evidence(file, call.line);
            let gated = call.keyword("use_auth_token").is_some_and(|value| *value == Value::Bool(true));
            let weights = Weights { from: from.to_owned(), what, bytes: None, gated, evidence };
            let reached = program.weight(index, call.context, call.scope.as_deref()) == Weight::Required;
            if file.needed && reached { found.list.push(weights) } else { found.later.push(weights) }
        }
    }
}

/// What a call downloads.
fn loaded(tree: &Tree, call: &Call) -> Option<(&'static str, String)> {
    let text = |position, name| call.argument(position, name).and_then(Value::text).map(str::to_owned);
    match call.method() {
        "from_pretrained" | "from_checkpoint" | "from_single_file" => {
            let id = text(0, "pretrained_model_name_or_path")?;
            // `bert-base-uncased` is an id without an owner.
            let plain = !id.contains(['/', '.', ' ', '\\']) && id.contains('-') && !tree.contains_folder(&id);
            (plain || is_hub_id(tree, &id)).then_some(("hf", id))
        }
        "hf_hub_download" | "snapshot_download" | "cached_download" | "load_from_hub" => {
            text(0, "repo_id").filter(|id| is_hub_id(tree, id)).map(|id| ("hf", id))
        }
        "pipeline" => text(1, "model").filter(|id| is_hub_id(tree, id)).map(|id| ("hf", id)),
        "create_model" if call.name.starts_with("timm.") => match call.keyword("pretrained") {
            Some(Value::Bool(true)) => text(0, "model_name").map(|id| ("hf", format!("timm/{id}"))),
            _ => None,
        },
        "load" if call.name == "torch.hub.load" => match call.keyword("source").and_then(Value::text) {
            Some("local") => None,
            _ => text(0, "repo_or_dir").map(|id| ("url", format!("https://github.com/{}", id.replace(':', "/tree/")))),
        },
        "SentenceTransformer" | "WhisperModel" | "AutoModel" => text(0, "model_name_or_path").map(|id| ("hf", id)),
        "load_state_dict_from_url"
        | "load_url"
        | "load_file_from_url"
        | "download_url_to_file"
        | "urlretrieve"
        | "download"
        | "get_file"
        | "cached_path"
        | "wget"
        | "download_file_from_google_drive" => {
            let urls = call.arguments.iter().chain(call.keywords.iter().map(|(_, value)| value));
            urls.filter_map(Value::text)
                .find(|value| value.contains("://") && is_weights_url(value))
                .map(|url| ("url", url.to_owned()))
        }
        _ if call.name.starts_with("torchvision.models.") => {
            let asks = call.keyword("pretrained") == Some(&Value::Bool(true))
                || call.keyword("weights").is_some_and(|value| *value != Value::None);
            asks.then(|| ("url", format!("https://download.pytorch.org/models/{}", call.method())))
        }
        _ => None,
    }
}

/// String constants of the program's files: URLs of weights, and weights or folders of weights in the tree.
fn from_texts(program: &Program<'_, '_>, found: &mut Found) {
    let tree = program.sources.tree;
    for file in program.files.iter().filter(|file| file.needed) {
        let folder = split(&file.path).0;
        for text in &file.module.texts {
            let value = text.value.as_str();
            if value.contains("://") {
                if is_weights_url(value) && (is_weights_file(value) || !value.contains("huggingface.co")) {
                    found.add(host_kind(value), value, program.evidence(file, text.line));
                }
                continue;
            }
            let path = value.trim_start_matches("./").trim_end_matches('/');
            for path in [path.to_owned(), format!("{folder}/{path}")] {
                if is_weights_file(&path) && is_large(tree, &path) {
                    found.add(kind_in_tree(tree, &path), &path, program.evidence(file, text.line));
                } else if !path.contains('.')
                    && let Some(first) = weights_below(tree, &path)
                {
                    found.add(kind_in_tree(tree, &first), &path, program.evidence(file, text.line));
                }
            }
        }
    }
}

/// The first file of weights below a folder.
fn weights_below(tree: &Tree, folder: &str) -> Option<String> {
    if folder.is_empty() || !tree.contains_folder(folder) {
        return None;
    }
    let prefix = format!("{folder}/");
    tree.below(&prefix)
        .map(|(path, _)| path)
        .find(|path| is_weights_file(path) && is_large(tree, path))
        .map(str::to_owned)
}

/// Weights that lie in the checkout, whether or not code names them; those of tests and documents do not count.
fn from_tree(tree: &Tree, found: &mut Found) {
    for (path, file) in tree.iter() {
        if !looks_like_weights(path)
            || is_test(path)
            || path.split('/').any(|p| matches!(p, "docs" | "doc" | "data" | "testdata"))
        {
            continue;
        }
        if is_large(tree, path) {
            let size = format!("{} bytes", file.size);
            found.add(kind_in_tree(tree, path), path, Evidence::new(path, 0, &size));
        }
    }
}

fn looks_like_weights(path: &str) -> bool {
    let folder = split(path).0.to_ascii_lowercase();
    let packed = path.rsplit_once('.').is_some_and(|(_, ending)| PACKED.contains(&ending));
    is_weights_file(path)
        || packed && ["weight", "checkpoint", "pretrained", "model"].iter().any(|word| folder.contains(word))
}

/// Links of documents: a download that a heading or sentence calls weights, checkpoints or a model.
fn from_documents(tree: &Tree, found: &mut Found) {
    for (path, text) in tree.texts() {
        let (folder, name) = split(path);
        let lower = name.to_ascii_lowercase();
        let fetches = has_ending(&lower, "sh")
            && ["download", "weight", "model", "checkpoint", "ckpt", "setup"].iter().any(|word| lower.contains(word));
        if !(fetches
            || folder.is_empty() && lower.starts_with("readme")
            || matches!(folder, "docs" | "doc") && lower.starts_with("install"))
        {
            continue;
        }
        for (number, line) in text.lines().enumerate().take(4000) {
            if line.len() > 20_000 || !line.contains("://") {
                continue;
            }
            let words = line.to_ascii_lowercase();
            let about = ["weight", "checkpoint", "pretrained", "pre-trained", "model", "ckpt", "wget", "curl"]
                .iter()
                .any(|word| words.contains(word));
            for url in urls(line) {
                if is_weights_file(url) && is_weights_url(url) || about && is_shared(url) {
                    found.add(host_kind(url), url, Evidence::new(path, number + 1, line));
                } else if about && let Some(id) = hub_id(url) {
                    found.add("hf", &id, Evidence::new(path, number + 1, line));
                }
            }
        }
    }
}

/// Does a link, or a line with one, lead to a place where people share files?
pub(crate) fn is_shared(text: &str) -> bool {
    let hosts = [
        "drive.google.com",
        "dropbox.com",
        "1drv.ms",
        "onedrive.live.com",
        "sharepoint.com",
        "zenodo.org/record",
        "mega.nz",
        "pan.baidu.com",
    ];
    hosts.iter().any(|host| text.contains(host))
}

/// The URLs of a line.
pub(crate) fn urls(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("https://").map(|(at, _)| {
        let rest = line.get(at..).unwrap_or_default();
        let end = rest.find([' ', ')', ']', '"', '\'', '>', '<', '`', '|', '\\']).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default().trim_end_matches(['.', ',', ';', ':'])
    })
}

/// `owner/name` of a page of the model hub; not of its data sets, applications, papers and documentation.
fn hub_id(url: &str) -> Option<String> {
    let rest = url.split_once("huggingface.co/")?.1;
    let mut parts = rest.split(['/', '?', '#']);
    let (owner, name) = (parts.next()?, parts.next()?);
    let page = matches!(
        owner,
        "datasets" | "spaces" | "papers" | "docs" | "blog" | "collections" | "models" | "join" | "settings"
    );
    (!page && !owner.is_empty() && !name.is_empty()).then(|| format!("{owner}/{name}"))
}

/// Does a value look like `owner/name`, and is no path of the repository?
fn is_hub_id(tree: &Tree, value: &str) -> bool {
    let Some((owner, name)) = value.split_once('/') else { return false };
    let fits = |part: &str| {
        !part.is_empty()
            && part.len() < 96
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let known_ending =
        [".py", ".txt", ".json", ".yaml", ".yml", ".png", ".jpg", ".jpeg", ".mp4", ".wav", ".csv", ".html", ".md"];
    fits(owner)
        && fits(name)
        && !owner.starts_with('.')
        && !known_ending.iter().any(|ending| name.to_ascii_lowercase().ends_with(ending))
        && !is_weights_file(name)
        && !LOCAL_FOLDERS.iter().any(|word| owner.to_ascii_lowercase().contains(word))
        && !tree.contains(value)
        && !tree.contains_folder(owner)
}

fn host_kind(url: &str) -> &'static str {
    if url.contains("huggingface.co/") { "hf" } else { "url" }
}

/// Does a URL lead to a file of weights?
fn is_weights_url(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    is_weights_file(path)
        || path.contains("drive.google.com")
            && (url.split_once("id=").is_some_and(|(_, id)| id.len() > 5)
                || path.contains("/d/")
                || path.contains("/folders/"))
        || (path.contains("/releases/download/") || path.contains("/resolve/"))
            && PACKED.iter().any(|e| path.ends_with(&format!(".{e}")))
        || ["weight", "checkpoint", "model"].iter().any(|word| path.contains(word))
            && PACKED.iter().any(|e| path.ends_with(&format!(".{e}")))
}

/// Has a file of this name weights in it and nothing else?
pub fn is_weights_file(path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let lower = path.to_ascii_lowercase();
    lower.ends_with(".pth.tar")
        || lower
            .rsplit_once('.')
            .is_some_and(|(stem, ending)| !stem.is_empty() && !stem.ends_with('/') && ENDINGS.contains(&ending))
}

/// Is it a file of the tree that is large enough to hold weights?
fn is_large(tree: &Tree, path: &str) -> bool {
    tree.get(path).is_some_and(|file| match file.content {
        Content::LfsPointer(_) => true,
        Content::Text(_) | Content::Opaque => file.size >= SMALLEST,
        Content::Link(_) | Content::Submodule => false,
    })
}

fn kind_in_tree(tree: &Tree, path: &str) -> &'static str {
    match tree.get(path.trim_start_matches("./")) {
        Some(file) if matches!(file.content, Content::LfsPointer(_)) => "lfs",
        _ => "repo",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::tree;
    use crate::python::{Sources, Start, follow};
    use crate::tree::File;

    /// `from what` of each source.
    fn check(fixture: &str, command: &str, expected: &[&str]) {
        let mut tree = tree(fixture);
        tree.insert("ckpt/own.pth", File { size: 1_000_000, content: Content::Opaque });
        tree.insert("ckpt/pointer.onnx", File { size: 130, content: Content::LfsPointer(9000) });
        let sources = Sources::new(&tree);
        let program = follow::program(&sources, Start::File("run.py"), &[String::new()], command);
        let evidence = Evidence::new("README.md", 1, command);
        let found = find(&program, command, Some(&evidence));
        let got: Vec<String> = found
            .iter()
            .map(|w| format!("{} {}", w.from, w.what))
            .filter(|line| expected.contains(&"repo ckpt/own.pth") || !line.contains("ckpt/"))
            .collect();
        assert_eq!(got, expected, "in\n{fixture}");
    }

    #[test]
    fn sizes_and_gates_are_told_where_they_are_stated() {
        for (line, bytes) in [
            ("| [base](https://mirror.example/a.pth) | 1.4 GB |", Some(1_400_000_000)),
            ("weights (350MB)", Some(350_000_000)),
            ("ViT 16 patches, 3 epochs", None),
            ("the MB of 2 cities", None),
        ] {
            assert_eq!(stated_bytes(line), bytes, "{line}");
        }
        let readme = "//- /README.md\nUses a/b.\n\nRequest access to the model.\n\n\nAnd c/d.\n";
        assert!(is_gated(&tree(readme), "a/b") && !is_gated(&tree(readme), "c/d"));
    }

    #[test]
    fn ids_of_the_hub_are_read_from_calls() {
        check(
            "//- /run.py\nM.from_pretrained('a/b')\nhf_hub_download(repo_id='c/d', filename='x')\n\
             T.from_pretrained('bert-base-uncased')\nM.from_pretrained('./local')\nM.from_pretrained(name)\n",
            "python run.py",
            &["hf a/b", "hf c/d", "hf bert-base-uncased"],
        );
    }

    #[test]
    fn urls_of_weights_are_read_from_code() {
        check(
            "//- /run.py\nURLS = {'tiny': 'https://host.example/x/tiny.pt'}\nP = 'https://host.example/page'\n",
            "python run.py",
            &["url https://host.example/x/tiny.pt"],
        );
    }

    #[test]
    fn the_command_names_its_weights() {
        check(
            "//- /run.py\n",
            "python run.py --model org/model-7b --net=https://host.example/a.pkl",
            &["hf org/model-7b", "url https://host.example/a.pkl"],
        );
    }

    #[test]
    fn weights_in_the_tree_are_told_from_pointers() {
        check("//- /run.py\n", "python run.py", &["repo ckpt/own.pth", "lfs ckpt/pointer.onnx"]);
    }

    #[test]
    fn documents_link_to_downloads() {
        check(
            "//- /run.py\n//- /README.md\nDownload [weights](https://drive.google.com/file/d/abc/view), \
             or the [model](https://huggingface.co/org/name). See https://huggingface.co/spaces/a/b.\n",
            "python run.py",
            &["url https://drive.google.com/file/d/abc/view", "hf org/name"],
        );
    }
}
