//! Reading a checkout into a [`Tree`].
//!
//! In: a folder on disk. Out: every file by path, size and kind, with the text of those that some reader wants, and
//! findings about what is odd. It never follows a symbolic link, never opens anything but regular files, never runs
//! anything, and its answer depends on the folder's content alone, not on the order in which the disk lists it.

use std::{
    collections::{BTreeSet, VecDeque},
    ffi::OsString,
    fs::{self, File as DiskFile},
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::SystemTime,
};

use repro_inspect::{Content, Evidence, File, Finding, Tree};

/// Entries read at most: more means that this is a data set with a program beside it.
const MOST_ENTRIES: usize = 200_000;
/// Folders below folders followed at most.
const MOST_DEPTH: usize = 40;
/// Bytes of text kept at most, shallow files first.
const MOST_TEXT: u64 = 64 << 20;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
/// How a Git LFS pointer begins. <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>
const LFS_POINTER: &[u8] = b"version https://git-lfs";
/// Sizes that LFS pointers have: three short lines with a hash and a size.
const LFS_POINTER_SIZES: std::ops::RangeInclusive<u64> = 100..=200;
/// Files of a pointer's size that are opened at most: a data set can have any number of small files.
const MOST_POINTERS: usize = 2_000;
/// From so many files or bytes on, a second thread pays for its start.
const PARALLEL_FROM: (usize, u64) = (64, MIB);

/// What came out of a folder.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub tree: Tree,
    /// What is odd about the files themselves, in the order of their paths.
    pub findings: Vec<Finding>,
    /// Modification time of the newest file: the date of a folder that has no commit.
    pub newest: Option<SystemTime>,
}

/// Reads the folder `root`. Fails only where `root` itself is no readable folder; what is unreadable below it becomes a
/// finding.
pub(crate) fn read_tree(root: &Path) -> io::Result<Reading> {
    let mut walk = Walk::default();
    let submodules: BTreeSet<String> = fs::read(root.join(".gitmodules"))
        .map(|bytes| submodule_paths(&String::from_utf8_lossy(&bytes)))
        .unwrap_or_default();
    walk.folder(root, &submodules)?;
    let Walk { mut tree, mut wanted, mut odd, newest, .. } = walk;

    // Shallow files first: where the budget for text ends, it is the deep ones that stay closed.
    wanted.sort_by(|a, b| (a.depth, &a.path).cmp(&(b.depth, &b.path)));
    let mut pointers = 0;
    wanted.retain(|file| {
        pointers += usize::from(file.why == Why::MaybePointer);
        file.why != Why::MaybePointer || pointers <= MOST_POINTERS
    });
    let mut budget = MOST_TEXT;
    let (open, closed): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|file| {
        let fits = file.size <= budget;
        budget = if fits { budget - file.size } else { 0 };
        fits
    });
    for file in closed {
        if file.why == Why::Text {
            odd.past_budget.push(file.path);
        }
    }
    for (file, content) in read_all(&open) {
        if content.is_err() {
            odd.unreadable.push(file.path.clone());
        }
        let content = match content {
            Ok(Found::Content(content)) => content,
            Ok(Found::NotText(kind)) => {
                if file.why != Why::MaybePointer && file.why != Why::MaybeScript {
                    odd.not_text.push((file.path.clone(), kind));
                }
                Content::Opaque
            }
            Err(_) => Content::Opaque,
        };
        if content != Content::Opaque {
            tree.insert(file.path.clone(), File { size: file.size, content });
        }
    }
    Ok(Reading { tree, findings: odd.findings(), newest })
}

/// The `path =` values of a `.gitmodules` file.
pub(crate) fn submodule_paths(text: &str) -> BTreeSet<String> {
    submodules(text).into_iter().map(|(path, _)| path).collect()
}

/// The (path, URL) pairs of a `.gitmodules` file; a pair without a path is left out, one without a URL has an empty one.
pub(crate) fn submodules(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            found.push(Default::default());
            continue;
        }
        let (Some((key, value)), Some(last)) = (line.split_once('='), found.last_mut()) else { continue };
        let value = value.trim().trim_matches('"').trim_end_matches('/');
        match key.trim() {
            "path" => value.clone_into(&mut last.0),
            "url" => value.clone_into(&mut last.1),
            _ => {}
        }
    }
    found.retain(|(path, _)| !path.is_empty());
    found
}

/// A file whose bytes somebody wants.
#[derive(Debug)]
struct Wanted {
    path: String,
    disk: PathBuf,
    depth: usize,
    size: u64,
    why: Why,
}

/// Why a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Its name says that it is text somebody reads.
    Text,
    /// It is executable and has no extension: perhaps a script.
    MaybeScript,
    /// It has the size of an LFS pointer.
    MaybePointer,
}

/// Things that are odd, by kind; each kind becomes few findings, however many files it concerns.
#[derive(Debug, Default)]
struct Odd {
    leaving_links: Vec<String>,
    unreadable: Vec<String>,
    special: Vec<String>,
    too_large: Vec<String>,
    past_budget: Vec<String>,
    too_deep: Vec<String>,
    not_text: Vec<(String, &'static str)>,
    cut_off: Vec<String>,
}

#[derive(Debug, Default)]
struct Walk {
    tree: Tree,
    wanted: Vec<Wanted>,
    odd: Odd,
    newest: Option<SystemTime>,
}

impl Walk {
    fn folder(&mut self, root: &Path, submodules: &BTreeSet<String>) -> io::Result<()> {
        // Breadth first: where the number of entries ends the walk, it is the deep ones that are missing.
        let mut waiting = VecDeque::from([(root.to_owned(), String::new(), 0)]);
        let mut count = 0;
        while let Some((disk, path, depth)) = waiting.pop_front() {
            let listing = match fs::read_dir(&disk) {
                Ok(listing) => listing,
                Err(error) if path.is_empty() => return Err(error),
                Err(_) => {
                    self.odd.unreadable.push(path);
                    continue;
                }
            };
            let mut entries: Vec<fs::DirEntry> = listing.filter_map(Result::ok).take(MOST_ENTRIES + 1).collect();
            if entries.is_empty() && submodules.contains(&path) {
                self.tree.insert(path, File { size: 0, content: Content::Submodule });
                continue;
            }
            // A virtual environment that lies in somebody's checkout is not part of the repository.
            if depth > 0 && entries.iter().any(|entry| entry.file_name() == "pyvenv.cfg") {
                continue;
            }
            if count + entries.len() > MOST_ENTRIES {
                self.odd.cut_off.push(path);
                continue;
            }
            count += entries.len();
            // Which folder is cut off must not depend on the order of the listing.
            entries.sort_by_cached_key(fs::DirEntry::file_name);
            for entry in entries {
                let name = entry.file_name();
                let path = join(&path, &name);
                let Ok(kind) = entry.file_type() else {
                    self.odd.unreadable.push(path);
                    continue;
                };
                if kind.is_dir() {
                    if is_skipped(&name) {
                    } else if depth >= MOST_DEPTH {
                        self.odd.too_deep.push(path);
                    } else {
                        waiting.push_back((entry.path(), path, depth + 1));
                    }
                } else if kind.is_symlink() {
                    self.link(&entry, path);
                } else if kind.is_file() {
                    // A checkout's `.git` can be a file that names the real folder.
                    if name != ".git" {
                        self.file(&entry, path, depth);
                    }
                } else {
                    self.odd.special.push(path);
                }
            }
        }
        Ok(())
    }

    fn link(&mut self, entry: &fs::DirEntry, path: String) {
        let Ok(target) = fs::read_link(entry.path()) else {
            self.odd.unreadable.push(path);
            return;
        };
        let target = target.to_string_lossy().into_owned();
        if leaves(&path, &target) {
            self.odd.leaving_links.push(path.clone());
        }
        self.tree.insert(path, File { size: target.len() as u64, content: Content::Link(target) });
    }

    fn file(&mut self, entry: &fs::DirEntry, path: String, depth: usize) {
        let Ok(meta) = entry.metadata() else {
            self.odd.unreadable.push(path);
            return;
        };
        let size = meta.len();
        if let Ok(modified) = meta.modified() {
            self.newest = self.newest.max(Some(modified));
        }
        let why = match reading_limit(&path, depth, meta.permissions().mode() & 0o111 != 0) {
            Some((limit, why)) if size <= limit => Some(why),
            other => {
                if let Some((_, Why::Text)) = other
                    && is_code_or_requirements(&path)
                {
                    self.odd.too_large.push(path.clone());
                }
                LFS_POINTER_SIZES.contains(&size).then_some(Why::MaybePointer)
            }
        };
        if let Some(why) = why {
            self.wanted.push(Wanted { path: path.clone(), disk: entry.path(), depth, size, why });
        }
        self.tree.insert(path, File { size, content: Content::Opaque });
    }
}

fn join(folder: &str, name: &OsString) -> String {
    let name = name.to_string_lossy();
    if folder.is_empty() { name.into_owned() } else { format!("{folder}/{name}") }
}

/// Folders that no repository means to hold: version control's own, and caches that tools leave in a checkout.
fn is_skipped(name: &OsString) -> bool {
    const SKIPPED: [&str; 13] = [
        ".git",
        ".hg",
        ".svn",
        "__pycache__",
        "node_modules",
        ".tox",
        ".nox",
        ".venv",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".ipynb_checkpoints",
        ".eggs",
    ];
    name.to_str().is_some_and(|name| SKIPPED.contains(&name) || name.ends_with(".egg-info"))
}

/// Does a link at `path` with this target point outside of the tree, by its words alone?
fn leaves(path: &str, target: &str) -> bool {
    if target.starts_with('/') {
        return true;
    }
    let mut depth = path.matches('/').count();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => match depth.checked_sub(1) {
                Some(up) => depth = up,
                None => return true,
            },
            _ => depth += 1,
        }
    }
    false
}

/// How large a file may be whose text is read, and why it is opened; `None` where nobody reads files of that name.
fn reading_limit(path: &str, depth: usize, executable: bool) -> Option<(u64, Why)> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let lower = name.to_ascii_lowercase();
    let (stem, extension) = match lower.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, extension),
        _ => (lower.as_str(), ""),
    };
    let limit = match extension {
        "pyx" | "pxd" | "pyw" | "md" | "markdown" | "mdx" | "rst" | "toml" | "cfg" | "ini" => MIB,
        "txt" | "in" => {
            if is_requirements(path, stem) {
                MIB
            } else {
                256 * KIB
            }
        }
        "yml" | "yaml" | "sh" | "bash" | "mk" | "dockerfile" => 256 * KIB,
        // Some programs carry their model in their source.
        "py" | "ipynb" | "lock" => 4 * MIB,
        // Configurations near the root may name weights; deeper ones are data.
        "json" if depth <= 1 => 64 * KIB,
        _ if stem.starts_with("readme") || stem.starts_with("install") => MIB,
        _ if stem.starts_with("dockerfile") || stem.starts_with("containerfile") => 256 * KIB,
        "" => match lower.as_str() {
            "makefile" | "gnumakefile" | "justfile" | "procfile" | "pipfile" | "pkg-info" | ".gitmodules"
            | ".python-version" | ".dockerignore" | ".gitattributes" => 256 * KIB,
            _ if executable => return Some((256 * KIB, Why::MaybeScript)),
            _ => return None,
        },
        _ => return None,
    };
    Some((limit, Why::Text))
}

fn is_requirements(path: &str, stem: &str) -> bool {
    let folder = path.rsplit('/').nth(1).unwrap_or("");
    stem.contains("require") || stem.contains("constraint") || folder.contains("require")
}

fn is_code_or_requirements(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let extension = name.rsplit('.').next().unwrap_or("");
    matches!(extension, "py" | "ipynb") || name.starts_with("readme") || is_requirements(&lower, name)
}

/// What a file turned out to hold.
enum Found {
    Content(Content),
    /// Bytes that are no text, and what they look like.
    NotText(&'static str),
}

/// Reads the wanted files, with a second thread where there are many. In the order of `files`.
fn read_all(files: &[Wanted]) -> Vec<(&Wanted, io::Result<Found>)> {
    let bytes: u64 = files.iter().map(|file| file.size).sum();
    if files.len() < 2 || (files.len() < PARALLEL_FROM.0 && bytes < PARALLEL_FROM.1) {
        return files.iter().map(|file| (file, read_one(file))).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::with_capacity(files.len() / 2);
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(index) else { return found };
            found.push((index, read_one(file)));
        }
    };
    let mut found = std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut found = work();
        match other.join() {
            Ok(others) => found.extend(others),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        found
    });
    found.sort_by_key(|(index, _)| *index);
    files.iter().zip(found.into_iter().map(|(_, content)| content)).collect()
}

fn read_one(file: &Wanted) -> io::Result<Found> {
    // One byte more than needed, so that the end shows without growing.
    let mut buffer = Vec::with_capacity(usize::try_from(file.size).unwrap_or(0) + 1);
    // The size was asked a moment ago: a file that has grown since is not read without end.
    DiskFile::open(&file.disk)?.take(file.size).read_to_end(&mut buffer)?;
    if buffer.starts_with(LFS_POINTER) {
        let text = String::from_utf8_lossy(&buffer);
        let bytes = text.lines().find_map(|line| line.strip_prefix("size ")?.trim().parse().ok());
        return Ok(Found::Content(Content::LfsPointer(bytes.unwrap_or_default())));
    }
    match file.why {
        Why::MaybePointer => return Ok(Found::Content(Content::Opaque)),
        Why::MaybeScript if !buffer.starts_with(b"#!") => return Ok(Found::Content(Content::Opaque)),
        _ => {}
    }
    Ok(match decode(buffer) {
        Ok(text) => Found::Content(Content::Text(text)),
        Err(bytes) => Found::NotText(looks_like(&bytes)),
    })
}

/// Text out of bytes: UTF-8 with or without its mark, UTF-16 with its mark, else Latin-1; the bytes again where they are
/// no text at all.
fn decode(bytes: Vec<u8>) -> Result<String, Vec<u8>> {
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return utf16(rest, u16::from_le_bytes).ok_or(bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return utf16(rest, u16::from_be_bytes).ok_or(bytes);
    }
    // Text has no NUL; images, archives and weights have one within their first lines.
    if bytes.contains(&0) {
        return Err(bytes);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(error) => {
            let bytes = error.into_bytes();
            let control = bytes.iter().filter(|byte| **byte < 0x20 && !b"\t\n\r\x0b\x0c\x1b".contains(byte)).count();
            if control * 100 > bytes.len() {
                return Err(bytes);
            }
            Ok(bytes.iter().map(|byte| char::from(*byte)).collect())
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
    let text: String = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    (!text.contains('\0')).then_some(text)
}

/// What bytes that are no text look like, in words.
fn looks_like(bytes: &[u8]) -> &'static str {
    const MAGIC: [(&[u8], &str); 8] = [
        (b"\xff\xd8\xff", "a JPEG image"),
        (b"\x89PNG", "a PNG image"),
        (b"GIF8", "a GIF image"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"%PDF", "a PDF document"),
        (b"\x7fELF", "a compiled program"),
        (b"\xd0\xcf\x11\xe0", "an old Office document"),
    ];
    MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)).map_or("binary data", |(_, words)| words)
}

impl Odd {
    fn findings(mut self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut add = |code: &str, paths: &mut Vec<String>, what: &str, help: Option<&str>| {
            paths.sort();
            let Some(first) = paths.first() else { return };
            let rest = match paths.len() - 1 {
                0 => String::new(),
                rest => format!(" and {rest} more"),
            };
            findings.push(Finding {
                code: code.to_owned(),
                message: format!("`{}`{rest}: {what}", first.escape_debug()),
                help: help.map(str::to_owned),
                evidence: Evidence::new(first.clone(), 0, ""),
            });
        };
        add(
            "link-leaves-repository",
            &mut self.leaving_links,
            "symbolic link to a place outside of the repository; it is not followed",
            Some("what it points to is not part of the repository and will be missing in the image"),
        );
        add(
            "file-unreadable",
            &mut self.unreadable,
            "could not be read",
            Some("check the permissions of the checkout"),
        );
        add("not-a-file", &mut self.special, "neither a file, a folder nor a link; left out", None);
        add("file-too-large", &mut self.too_large, "too large to be read; its content is not considered", None);
        add(
            "text-budget-spent",
            &mut self.past_budget,
            "not read, since the files above it already hold 64 MiB of text",
            None,
        );
        add("folder-too-deep", &mut self.too_deep, "too deep below the root; left out", None);
        add(
            "too-many-files",
            &mut self.cut_off,
            "folder left out, since the checkout has more than 200000 entries",
            Some("point `--source` at a fresh checkout without data sets and build outputs"),
        );
        self.not_text.sort();
        for (path, kind) in self.not_text.into_iter().take(10) {
            findings.push(Finding {
                code: "not-text".to_owned(),
                message: format!("`{}` is not text: it looks like {kind}", path.escape_debug()),
                help: None,
                evidence: Evidence::new(path, 0, ""),
            });
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::{ffi::OsStrExt as _, fs::symlink};

    use super::*;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    fn read(files: &[(&str, &[u8])]) -> Reading {
        read_tree(folder(files).path()).unwrap()
    }

    #[track_caller]
    fn check_text(bytes: &[u8], expected: &str) {
        let reading = read(&[("README.md", bytes)]);
        assert_eq!(reading.tree.text("README.md"), Some(expected));
    }

    fn codes(reading: &Reading) -> Vec<&str> {
        reading.findings.iter().map(|finding| finding.code.as_str()).collect()
    }

    #[test]
    fn text_is_read_and_other_files_are_known_by_size() {
        let reading = read(&[
            ("README.md", b"# hello"),
            ("src/model.py", b"import torch"),
            ("kernel.cu", b"__global__ void f();"),
            ("weights/model.pth", &[0; 5000]),
        ]);
        assert_eq!(reading.tree.text("src/model.py"), Some("import torch"));
        assert_eq!(reading.tree.get("kernel.cu"), Some(&File { size: 20, content: Content::Opaque }));
        assert_eq!(reading.tree.get("weights/model.pth"), Some(&File { size: 5000, content: Content::Opaque }));
        assert!(reading.newest.is_some());
        assert_eq!(reading.findings, []);
    }

    #[test]
    fn version_control_caches_and_virtual_environments_are_left_out() {
        let reading = read(&[
            (".git/config", b""),
            ("third_party/lib/.git", b"gitdir: ../../.git/modules/lib"),
            ("third_party/lib/setup.py", b""),
            ("env/pyvenv.cfg", b""),
            ("env/lib/python3.11/site-packages/torch.py", b""),
            ("pkg/__pycache__/a.py", b""),
            ("node_modules/x/readme.md", b""),
        ]);
        let paths: Vec<&str> = reading.tree.iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["third_party/lib/setup.py"]);
    }

    #[test]
    fn utf_8_with_a_mark_loses_the_mark() {
        check_text(b"\xef\xbb\xbfhello", "hello");
    }

    #[test]
    fn utf_16_of_either_byte_order_is_decoded() {
        check_text(b"\xff\xfen\0u\0m\0p\0y\0", "numpy");
        check_text(b"\xfe\xff\0n\0u\0m\0p\0y", "numpy");
    }

    #[test]
    fn latin_1_is_decoded_byte_by_byte() {
        check_text(b"caf\xe9\r\n", "caf\u{e9}\r\n");
    }

    #[test]
    fn a_jpeg_named_requirements_txt_is_a_finding() {
        let reading = read(&[("requirements.txt", b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01")]);
        assert_eq!(reading.tree.get("requirements.txt").unwrap().content, Content::Opaque);
        assert_eq!(reading.findings[0].message, "`requirements.txt` is not text: it looks like a JPEG image");
    }

    #[test]
    fn an_lfs_pointer_is_recognised_under_any_name() {
        let pointer = format!(
            "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 132735423\n",
            "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
        );
        let reading = read(&[("weights/model.pth", pointer.as_bytes()), ("demo.ipynb", pointer.as_bytes())]);
        assert_eq!(reading.tree.get("weights/model.pth").unwrap().content, Content::LfsPointer(132_735_423));
        assert_eq!(reading.tree.get("demo.ipynb").unwrap().content, Content::LfsPointer(132_735_423));
    }

    #[test]
    fn an_empty_submodule_folder_is_recognised_and_a_filled_one_is_read() {
        let folder = folder(&[
            (
                ".gitmodules",
                b"[submodule \"a\"]\n\tpath = ext/a\n\turl = https://example.org/a\n[submodule \"b\"]\n path=ext/b\n",
            ),
            ("ext/b/b.py", b""),
        ]);
        fs::create_dir_all(folder.path().join("ext/a")).unwrap();
        fs::create_dir_all(folder.path().join("ext/empty")).unwrap();
        let tree = read_tree(folder.path()).unwrap().tree;
        assert_eq!(tree.get("ext/a").unwrap().content, Content::Submodule);
        assert!(tree.contains("ext/b/b.py"));
        assert!(!tree.contains("ext/empty"));
    }

    #[test]
    fn links_are_kept_as_links_and_those_that_leave_are_findings() {
        let folder = folder(&[("src/a.py", b"")]);
        let link = |target: &str, path: &str| symlink(target, folder.path().join(path)).unwrap();
        link("a.py", "src/b.py");
        link("../README.md", "src/up.md");
        link("../../etc/passwd", "src/out.txt");
        link("/etc", "etc");
        link(".", "loop");
        let reading = read_tree(folder.path()).unwrap();
        assert_eq!(reading.tree.get("src/b.py").unwrap().content, Content::Link("a.py".to_owned()));
        assert_eq!(reading.tree.len(), 6);
        assert_eq!(codes(&reading), ["link-leaves-repository"]);
        assert!(reading.findings[0].message.starts_with("`etc` and 1 more: "), "{:?}", reading.findings);
    }

    #[test]
    fn odd_file_names_are_kept() {
        let folder = folder(&[("a b/it's \"so\"\nodd.py", b"x")]);
        let bytes = std::ffi::OsStr::from_bytes(b"caf\xe9.py");
        fs::write(folder.path().join(bytes), "y").unwrap();
        let tree = read_tree(folder.path()).unwrap().tree;
        assert_eq!(tree.text("a b/it's \"so\"\nodd.py"), Some("x"));
        assert_eq!(tree.text("caf\u{fffd}.py"), Some("y"));
    }

    #[test]
    fn an_executable_without_an_extension_is_read_when_it_is_a_script() {
        let folder =
            folder(&[("bin/demo", b"#!/usr/bin/env python\n"), ("bin/tool", b"\x7fELF\0"), ("LICENSE", b"#!")]);
        for name in ["bin/demo", "bin/tool"] {
            fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let reading = read_tree(folder.path()).unwrap();
        assert!(reading.tree.text("bin/demo").is_some());
        assert!(reading.tree.text("bin/tool").is_none() && reading.tree.text("LICENSE").is_none());
        assert_eq!(reading.findings, []);
    }

    #[test]
    fn a_program_that_is_too_large_is_a_finding_and_a_table_is_not() {
        let large = vec![b'#'; 5 << 20];
        let reading = read(&[("big.py", &large), ("table.txt", &large), ("deep/er/model.json", b"{}")]);
        assert_eq!(codes(&reading), ["file-too-large"]);
        assert_eq!(reading.tree.texts().count(), 0);
    }

    #[test]
    fn where_the_text_budget_ends_the_deep_files_stay_closed() {
        let large = vec![b'#'; 1 << 20];
        let deep: Vec<String> = (0..70).map(|n| format!("deep/{n:02}.py")).collect();
        let mut files: Vec<(&str, &[u8])> = deep.iter().map(|path| (path.as_str(), large.as_slice())).collect();
        files.push(("zebra.py", b"x"));
        let reading = read(&files);
        assert_eq!(reading.tree.text("zebra.py"), Some("x"));
        assert_eq!(reading.tree.texts().count(), 64);
        assert_eq!(codes(&reading), ["text-budget-spent"]);
    }

    #[test]
    fn many_files_are_read_by_two_threads_each_with_its_own_text() {
        let files: Vec<(String, Vec<u8>)> =
            (0..300).map(|n| (format!("p{}/m{n}.py", n % 7), format!("n = {n}").into_bytes())).collect();
        let files: Vec<(&str, &[u8])> = files.iter().map(|(path, text)| (path.as_str(), text.as_slice())).collect();
        let tree = read(&files).tree;
        for (path, text) in files {
            assert_eq!(tree.text(path).unwrap().as_bytes(), text);
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        assert!(read_tree(Path::new("/nonexistent/checkout")).is_err());
    }
}
