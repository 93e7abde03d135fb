//! Files that can stand in for an input that a document only hints at: the repository's own, else samples of ours.

use std::collections::BTreeMap;

use super::words::tokens;
use crate::{Content, Tree};

/// What kind of file an input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Media {
    Image,
    Audio,
    Video,
    Text,
    Table,
    Pdf,
    Mesh,
    /// A scan of a body in three dimensions.
    Volume,
    Data,
    Weights,
    Config,
}

/// The kind of file that a name's suffix stands for.
pub(crate) fn media_of(name: &str) -> Option<Media> {
    let name = name.rsplit('/').next().unwrap_or(name);
    let (stem, suffix) = name.rsplit_once('.')?;
    if suffix.eq_ignore_ascii_case("gz") {
        return media_of(stem).filter(|media| *media != Media::Weights);
    }
    Some(match suffix.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" | "png" | "bmp" | "webp" | "tif" | "tiff" | "ppm" | "pgm" | "heic" => Media::Image,
        "wav" | "flac" | "mp3" | "ogg" | "m4a" | "aac" | "opus" => Media::Audio,
        "mp4" | "avi" | "mov" | "mkv" | "webm" => Media::Video,
        "txt" | "text" => Media::Text,
        "csv" | "tsv" | "parquet" | "xlsx" => Media::Table,
        "pdf" => Media::Pdf,
        "obj" | "glb" | "ply" | "stl" | "off" | "gltf" | "pcd" | "las" => Media::Mesh,
        "nii" | "dcm" | "nrrd" | "mha" => Media::Volume,
        "npy" | "npz" | "json" | "jsonl" | "h5ad" | "mat" | "pdb" | "fasta" | "fa" | "smi" => Media::Data,
        "pth" | "pt" | "ckpt" | "onnx" | "h5" | "tflite" | "pkl" | "safetensors" | "caffemodel" | "pb" | "bin"
        | "gguf" | "pickle" | "joblib" | "tar" => Media::Weights,
        "yaml" | "yml" | "toml" | "cfg" | "ini" | "conf" => Media::Config,
        _ => return None,
    })
}

/// The kind of file that the words of a name speak of: `image_path`, `the wav to read`.
pub(crate) fn media_of_words(words: &[String]) -> Option<Media> {
    words.iter().find_map(|word| match word.as_str() {
        "image" | "img" | "picture" | "photo" => Some(Media::Image),
        "audio" | "wav" | "speech" | "sound" => Some(Media::Audio),
        "video" => Some(Media::Video),
        "pdf" => Some(Media::Pdf),
        _ => None,
    })
}

/// A sentence of ours, for whoever wants a text.
pub(crate) const SENTENCE: &str = "A small cat sleeps on the table.";
/// A description of ours, for whoever draws or speaks what it says.
pub(crate) const PROMPT: &str = "a photograph of a small cat on a table";

/// Where samples of ours lie in an image.
pub const SAMPLE_FOLDER: &str = "/workspace/run";

/// Names of the samples of ours, as they lie in `knowledge/samples/`.
pub const OURS: [&str; 9] = [
    "clip.mp4",
    "mesh.obj",
    "page.pdf",
    "page.png",
    "portrait.jpg",
    "speech.wav",
    "street.jpg",
    "table.csv",
    "text.txt",
];

/// The sample of ours of a kind, where there is one. `words` are the words around the input: they choose between a page of
/// text, a street and a face.
pub(crate) fn ours(media: Media, words: &[String]) -> Option<&'static str> {
    let says = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    Some(match media {
        Media::Image if words.iter().any(|word| word.contains("ocr") || word.contains("tesseract")) || says(&PAGE) => {
            "page.png"
        }
        Media::Image if says(&STREET) => "street.jpg",
        Media::Image => "portrait.jpg",
        Media::Audio => "speech.wav",
        Media::Video => "clip.mp4",
        Media::Text => "text.txt",
        Media::Table => "table.csv",
        Media::Pdf => "page.pdf",
        Media::Mesh => "mesh.obj",
        Media::Volume | Media::Data | Media::Weights | Media::Config => return None,
    })
}

/// The sample of ours for a kind of file (`image`, `audio`, `video`, `pdf`, `text`, `csv`, `mesh`); `about` are words on what
/// it is for.
pub fn sample_for(kind: &str, about: &str) -> Option<&'static str> {
    let media = match kind {
        "image" => Media::Image,
        "audio" => Media::Audio,
        "video" => Media::Video,
        "pdf" => Media::Pdf,
        "text" => Media::Text,
        "csv" => Media::Table,
        "mesh" => Media::Mesh,
        _ => return None,
    };
    ours(media, &tokens(about))
}

/// The path of a sample of ours in an image.
pub(crate) fn in_image(name: &str) -> String {
    format!("{SAMPLE_FOLDER}/{name}")
}

/// Words of inputs in which something is written.
const PAGE: [&str; 10] =
    ["text", "document", "doc", "page", "receipt", "invoice", "scan", "layout", "handwriting", "captcha"];

/// Words of inputs that show several things.
const STREET: [&str; 14] = [
    "street",
    "road",
    "car",
    "cars",
    "vehicle",
    "traffic",
    "scene",
    "city",
    "driving",
    "lane",
    "pedestrian",
    "bus",
    "yolo",
    "coco",
];

/// Files of a repository that can be inputs, the most fitting first.
pub(crate) struct Samples<'t> {
    by_media: BTreeMap<Media, Vec<(i32, &'t str)>>,
}

/// Folders that hold inputs to try.
const INPUTS: [&str; 22] = [
    "sample",
    "samples",
    "example",
    "examples",
    "demo",
    "demos",
    "input",
    "inputs",
    "test",
    "tests",
    "testdata",
    "data",
    "asset",
    "assets",
    "images",
    "imgs",
    "audio",
    "resources",
    "wavs",
    "prompts",
    "media",
    "img",
];

/// Words of files that show something else: results, figures of a paper, decoration.
const NOT_INPUTS: [&str; 39] = [
    "logo",
    "teaser",
    "figure",
    "fig",
    "framework",
    "architecture",
    "arch",
    "result",
    "results",
    "output",
    "outputs",
    "icon",
    "icons",
    "badge",
    "banner",
    "overview",
    "pipeline",
    "comparison",
    "diagram",
    "plot",
    "screenshot",
    "chart",
    "static",
    "paper",
    "mask",
    "masks",
    "depth",
    "gt",
    "qr",
    "wechat",
    "loss",
    "qrcode",
    "favicon",
    "grid",
    "collage",
    "out",
    "vocab",
    "montage",
    "requirements",
];

/// Words of files that show what a program is to refuse.
const DEFECTS: [&str; 14] = [
    "bad",
    "null",
    "evil",
    "awful",
    "leak",
    "corrupt",
    "corrupted",
    "broken",
    "invalid",
    "empty",
    "malformed",
    "truncated",
    "silence",
    "error",
];

impl<'t> Samples<'t> {
    pub(crate) fn new(tree: &'t Tree) -> Self {
        let mut by_media: BTreeMap<Media, Vec<(i32, &str)>> = BTreeMap::new();
        for (path, file) in tree.iter() {
            let Some(media) = media_of(path) else { continue };
            if matches!(file.content, Content::LfsPointer(_) | Content::Link(_) | Content::Submodule) || file.size == 0
            {
                continue;
            }
            if crate::documents::is_vendored(path)
                || path.starts_with(".git")
                || path.contains("/.git")
                || path.chars().any(char::is_control)
            {
                continue;
            }
            by_media.entry(media).or_default().push((fitness(path, file.size, media), path));
        }
        for files in by_media.values_mut() {
            files.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        }
        Self { by_media }
    }

    /// The best file of a kind; one with the suffix of `like` and one near `folder` are preferred.
    pub(crate) fn file(&self, media: Media, like: &str, folder: &str) -> Option<&'t str> {
        let suffix = like.rsplit_once('.').map_or("", |(_, suffix)| suffix).to_ascii_lowercase();
        let near = if folder.is_empty() { None } else { Some(format!("{folder}/")) };
        self.by_media
            .get(&media)?
            .iter()
            .filter(|(fitness, _)| *fitness > 0)
            .max_by_key(|(fitness, path)| {
                let alike = !suffix.is_empty() && path.to_ascii_lowercase().ends_with(&format!(".{suffix}"));
                let near = near.as_ref().is_some_and(|near| path.starts_with(near));
                (
                    fitness + if alike { 12 } else { 0 } + if near { 10 } else { 0 },
                    std::cmp::Reverse(path.len()),
                    std::cmp::Reverse(*path),
                )
            })
            .map(|(_, path)| *path)
    }

    /// The best folder with files of a kind.
    pub(crate) fn folder(&self, media: Media, near: &str) -> Option<&'t str> {
        let file = self.file(media, "", near)?;
        file.rsplit_once('/').map(|(folder, _)| folder)
    }

    /// The folder with files of a kind that is called by one of these words.
    pub(crate) fn folder_called(&self, media: Media, words: &[String]) -> Option<&'t str> {
        self.by_media
            .get(&media)?
            .iter()
            .filter(|(fitness, _)| *fitness > 0)
            .filter_map(|(_, path)| path.rsplit_once('/').map(|(folder, _)| folder))
            .find(|folder| folder.rsplit('/').next().is_some_and(|name| words.iter().any(|word| word == name)))
    }

    /// The only file with this name, wherever it is.
    pub(crate) fn named(&self, name: &str) -> Option<&'t str> {
        let media = media_of(name)?;
        let mut found = self.by_media.get(&media)?.iter().filter(|(_, path)| path.rsplit('/').next() == Some(name));
        let (_, path) = found.next()?;
        found.next().is_none().then_some(*path)
    }

    /// The kind of input that the repository has samples of, where one stands out.
    pub(crate) fn usual(&self) -> Option<Media> {
        [Media::Image, Media::Audio, Media::Video]
            .into_iter()
            .filter_map(|media| {
                Some((self.by_media.get(&media)?.iter().map(|(fitness, _)| *fitness).max()?, std::cmp::Reverse(media)))
            })
            .filter(|(fitness, _)| *fitness >= 30)
            .max()
            .map(|(_, media)| media.0)
    }
}

/// How well a file serves as an input; 0 and less for one that does not.
fn fitness(path: &str, size: u64, media: Media) -> i32 {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut fitness = 20;
    let folders = tokens(folder);
    let words = tokens(name.rsplit_once('.').map_or(name, |(stem, _)| stem));
    if folders.iter().any(|word| INPUTS.contains(&word.as_str())) {
        fitness += 15;
    }
    if words.iter().any(|word| INPUTS.contains(&word.as_str())) {
        fitness += 6;
    }
    for word in folders.iter().chain(&words) {
        if NOT_INPUTS.contains(&word.as_str()) {
            fitness -= 14;
        }
    }
    if words.iter().any(|word| DEFECTS.contains(&word.as_str())) {
        fitness -= 14;
    }
    if folders.iter().any(|word| word == "doc" || word == "docs" || word == "site" || word == "web")
        && media == Media::Image
    {
        fitness -= 8;
    }
    let limits = match media {
        Media::Video => (10_000, 30_000_000),
        Media::Audio => (2_000, 8_000_000),
        Media::Weights | Media::Volume => (10_000, u64::MAX),
        Media::Image => (2_500, 6_000_000),
        _ => (1, 5_000_000),
    };
    if size < limits.0 || size > limits.1 {
        fitness -= 15;
    }
    let lower = name.to_ascii_lowercase();
    let suffix = lower.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    match suffix {
        "wav" | "jpg" | "jpeg" | "mp4" => fitness += 4,
        "png" | "flac" => fitness += 3,
        "mp3" => fitness += 1,
        "tif" | "tiff" | "heic" | "ppm" | "pgm" => fitness -= 6,
        _ => {}
    }
    if media == Media::Text && matches!(lower.as_str(), "requirements.txt" | "license.txt" | "cmakelists.txt") {
        return 0;
    }
    fitness - i32::try_from(path.matches('/').count()).unwrap_or(10).min(10)
}

/// `path` as it is written from inside `workdir`.
pub(crate) fn relative(path: &str, workdir: &str) -> String {
    if workdir.is_empty() {
        return path.to_owned();
    }
    if let Some(rest) = path.strip_prefix(workdir).and_then(|rest| rest.strip_prefix('/')) {
        return rest.to_owned();
    }
    let here: Vec<&str> = workdir.split('/').collect();
    let there: Vec<&str> = path.split('/').collect();
    let shared = here.iter().zip(&there).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", here.len() - shared);
    up.chain(there.into_iter().skip(shared)).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::File;

    fn tree(files: &[(&str, u64)]) -> Tree {
        let mut tree = Tree::default();
        for (path, size) in files {
            tree.insert(*path, File { size: *size, content: Content::Opaque });
        }
        tree
    }

    #[test]
    fn a_small_file_of_a_sample_folder_is_preferred() {
        let tree = tree(&[
            ("docs/logo.png", 9000),
            ("samples/cat.jpg", 40_000),
            ("a/b/huge.jpg", 90_000_000),
            ("samples/cat_result.jpg", 40_000),
        ]);
        assert_eq!(Samples::new(&tree).file(Media::Image, "x", ""), Some("samples/cat.jpg"));
        assert_eq!(Samples::new(&tree).folder(Media::Image, ""), Some("samples"));
        assert_eq!(Samples::new(&tree).file(Media::Audio, "x", ""), None);
        assert_eq!(Samples::new(&tree).folder_called(Media::Image, &tokens("--samples_dir")), Some("samples"));
    }

    #[test]
    fn what_is_named_after_a_defect_comes_last() {
        let tree = tree(&[("test/empty.wav", 9000), ("test/bad-header.wav", 9000), ("test/words/long_name.wav", 9000)]);
        assert_eq!(Samples::new(&tree).file(Media::Audio, "", ""), Some("test/words/long_name.wav"));
    }

    #[test]
    fn a_compressed_file_is_what_is_in_it() {
        assert_eq!(media_of("a/ct.nii.gz"), Some(Media::Volume));
        assert_eq!(media_of("a.csv.gz"), Some(Media::Table));
        assert_eq!(media_of("a.tar.gz"), None);
    }

    #[test]
    fn a_name_that_is_unique_is_found() {
        let tree = tree(&[("resources/ivan.jpg", 9000), ("a/x.jpg", 9000), ("b/x.jpg", 9000)]);
        assert_eq!(Samples::new(&tree).named("ivan.jpg"), Some("resources/ivan.jpg"));
        assert_eq!(Samples::new(&tree).named("x.jpg"), None);
    }

    #[test]
    fn words_choose_between_our_samples() {
        let words = |text: &str| tokens(text);
        assert_eq!(ours(Media::Image, &words("--input-image")), Some("portrait.jpg"));
        assert_eq!(ours(Media::Image, &words("pytesseract.image_to_string")), Some("page.png"));
        assert_eq!(ours(Media::Image, &words("yolo predict bus.jpg")), Some("street.jpg"));
        assert_eq!(ours(Media::Weights, &[]), None);
    }

    #[test]
    fn paths_are_written_from_the_working_folder() {
        assert_eq!(relative("a/b.jpg", ""), "a/b.jpg");
        assert_eq!(relative("a/b.jpg", "a"), "b.jpg");
        assert_eq!(relative("a/b.jpg", "a/c/d"), "../../b.jpg");
        assert_eq!(relative("x.jpg", "a/c"), "../../x.jpg");
    }
}
