//! Which package brings a file: every header, shared object, command, pkg-config module and `CMake` package of a few
//! releases of a distribution, out of its own Contents indexes. In: the two files of `knowledge/tables` that
//! `cargo xtask tables` writes. Out: packages. Nothing is decoded before a question is asked.

#![expect(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "files of a distribution are named in lower case"
)]

use std::collections::BTreeMap;

use fst::{IntoStreamer as _, Streamer as _};
use serde::Serialize;

/// The releases in the tables, in the order of a line's columns.
pub const RELEASES: [&str; 3] = ["bullseye", "bookworm", "trixie"];

/// Directories below which a header may lie that an `#include` names by its end only: beyond this many, its name says
/// nothing.
const MOST_PROVIDERS: usize = 3;
/// Keys of one header name that are looked at.
const MOST_KEYS: usize = 200;

/// What a file is, as the first letter of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    Command,
    Header,
    SharedObject,
    PkgConfig,
    CMake,
}

impl FileKind {
    const fn letter(self) -> char {
        match self {
            Self::Command => 'c',
            Self::Header => 'h',
            Self::SharedObject => 's',
            Self::PkgConfig => 'p',
            Self::CMake => 'm',
        }
    }
}

/// The key of a file in the index, by its path without the leading slash; `None` for files that nobody asks for.
///
/// A header's path is written from its end (`core.hpp/opencv2/opencv4`), so that all that an `#include` can mean lie side
/// by side.
pub fn key(path: &str) -> Option<String> {
    const TRIPLET: &str = "x86_64-linux-gnu/";
    let keyed = |kind: FileKind, name: &str| Some(format!("{}:{name}", kind.letter()));
    if let Some(rest) = path.strip_prefix("usr/include/") {
        let rest = rest.strip_prefix(TRIPLET).unwrap_or(rest);
        return keyed(FileKind::Header, &reversed(rest));
    }
    let below_root = path.strip_prefix("usr/").unwrap_or(path);
    if let Some(name) = below_root.strip_prefix("bin/").or_else(|| below_root.strip_prefix("sbin/")) {
        return (!name.contains('/')).then(|| keyed(FileKind::Command, name)).flatten();
    }
    let (folder, name) = below_root.rsplit_once('/')?;
    let lib = folder.strip_prefix("lib").map(|rest| rest.trim_start_matches('/')).map(|rest| {
        // `lib/x86_64-linux-gnu/pkgconfig` and `lib/pkgconfig` alike.
        rest.strip_prefix(TRIPLET.trim_end_matches('/')).map_or(rest, |rest| rest.trim_start_matches('/'))
    });
    let shared = folder.strip_prefix("share/");
    if lib.is_some_and(str::is_empty) && (name.ends_with(".so") || name.contains(".so.")) {
        return keyed(FileKind::SharedObject, name);
    }
    if lib == Some("pkgconfig") || shared == Some("pkgconfig") {
        return name.strip_suffix(".pc").and_then(|name| keyed(FileKind::PkgConfig, name));
    }
    if lib.is_some() || shared.is_some() {
        let package = name.strip_suffix("Config.cmake").or_else(|| name.strip_suffix("-config.cmake"))?;
        return (!package.is_empty()).then(|| keyed(FileKind::CMake, &package.to_lowercase())).flatten();
    }
    None
}

fn reversed(path: &str) -> String {
    path.split('/').rev().collect::<Vec<_>>().join("/")
}

/// Packages kept of each file, the most fitting first.
const KEPT: usize = 3;

/// The two files of the table out of Contents indexes, one text for each of [`RELEASES`], in their order. A line is a path,
/// blanks, and packages with their sections: `usr/bin/x  utils/x,devel/x-dev`.
/// <https://wiki.debian.org/DebianRepository/Format#A.22Contents.22_indices>
///
/// # Errors
/// Where the index cannot be put together; nothing in a text makes it so.
pub fn build(indexes: [&str; 3]) -> Result<(Vec<u8>, String), fst::Error> {
    let mut files: BTreeMap<String, [Vec<&str>; 3]> = BTreeMap::new();
    for (column, text) in indexes.into_iter().enumerate() {
        for line in text.lines() {
            let Some((path, packages)) = line.rsplit_once([' ', '\t']) else { continue };
            let Some(key) = key(path.trim_end()) else { continue };
            if let Some(found) = files.entry(key).or_default().get_mut(column) {
                found.extend(packages.split(',').filter(|package| !package.is_empty()));
            }
        }
    }
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    let mut text = String::new();
    let mut map = fst::MapBuilder::memory();
    for (key, mut columns) in files {
        for packages in &mut columns {
            packages.sort_by_cached_key(|package| rank(&key, package));
            packages.dedup();
            packages.truncate(KEPT);
        }
        let names = |packages: &Vec<&str>| packages.iter().map(|package| bare(package)).collect::<Vec<_>>().join(" ");
        let line = columns.iter().map(names).collect::<Vec<_>>().join("\t");
        let next = lines.len() as u64;
        let number = *lines.entry(line.clone()).or_insert_with(|| {
            text.push_str(&line);
            text.push('\n');
            next
        });
        map.insert(key, number)?;
    }
    Ok((map.into_inner()?, text))
}

/// A package without its section.
fn bare(package: &str) -> &str {
    package.rsplit('/').next().unwrap_or(package)
}

/// Which of several packages one would install for a file: the one made for it, then the one with the shortest name.
fn rank<'p>(key: &str, package: &'p str) -> (bool, bool, usize, &'p str) {
    let name = bare(package);
    let (kind, file) = key.split_once(':').unwrap_or_default();
    let is_development = name.ends_with("-dev");
    let unfit = match kind {
        "s" if !file.ends_with(".so") => is_development || !package.starts_with("libs/"),
        "c" => name != file,
        _ => !is_development,
    };
    let special = ["-cross", "-dbg", "-udeb", "-doc", "-tests"].iter().any(|part| name.contains(part));
    (special, unfit, name.len(), name)
}

/// The index.
#[derive(Debug)]
pub struct Contents {
    files: fst::Map<&'static [u8]>,
    packages: &'static str,
}

impl Contents {
    /// `files` leads from a key to a line of `packages`, which has the packages of each of [`RELEASES`] between tabs.
    /// `None` where the files are not what the table's command writes.
    pub fn new(files: &'static [u8], packages: &'static str) -> Option<Self> {
        Some(Self { files: fst::Map::new(files).ok()?, packages })
    }

    /// Packages that bring a file on `release`, the most fitting first; without a release, those of the newest that has
    /// the file. `None` where none has it.
    pub fn packages(&self, kind: FileKind, name: &str, release: Option<&str>) -> Option<Vec<String>> {
        if kind == FileKind::Header {
            return self.packages_of_header(name, release);
        }
        let name = if kind == FileKind::CMake { name.to_lowercase() } else { name.to_owned() };
        let line = self.files.get(format!("{}:{name}", kind.letter()))?;
        self.at(line, release)
    }

    /// The releases that have this package, as far as it is the best answer for some file.
    pub fn releases_with(&self, package: &str) -> Vec<&'static str> {
        let mut found = [false; RELEASES.len()];
        for line in self.packages.lines().filter(|line| line.contains(package)) {
            for (column, found) in line.split('\t').zip(&mut found) {
                *found |= column.split(' ').any(|word| word == package);
            }
        }
        RELEASES.into_iter().zip(found).filter(|(_, found)| *found).map(|(release, _)| release).collect()
    }

    /// Only where few packages have a header of that name: `config.h` could be anybody's.
    fn packages_of_header(&self, name: &str, release: Option<&str>) -> Option<Vec<String>> {
        let prefix = format!("h:{}", reversed(name.trim_start_matches("./")));
        if let Some(found) = self.files.get(&prefix).and_then(|line| self.at(line, release)) {
            return Some(found);
        }
        let (from, to) = (format!("{prefix}/"), format!("{prefix}0"));
        let mut keys = self.files.range().ge(from).lt(to).into_stream();
        let mut found: Vec<(usize, Vec<String>)> = Vec::new();
        let mut seen = 0;
        while let Some((key, line)) = keys.next() {
            seen += 1;
            if seen > MOST_KEYS {
                return None;
            }
            let depth = key.split(|byte| *byte == b'/').count();
            if let Some(packages) = self.at(line, release) {
                found.push((depth, packages));
            }
        }
        // The header nearest to the top is the one that others include by that name.
        found.sort_by_key(|(depth, packages)| (*depth, packages.clone()));
        let nearest = found.first()?.0;
        let mut packages: Vec<String> = Vec::new();
        for (depth, of_key) in &found {
            if *depth == nearest
                && let Some(first) = of_key.first()
                && !packages.contains(first)
            {
                packages.push(first.clone());
            }
        }
        (packages.len() <= MOST_PROVIDERS).then_some(packages)
    }

    fn at(&self, line: u64, release: Option<&str>) -> Option<Vec<String>> {
        let text = self.packages.lines().nth(usize::try_from(line).ok()?)?;
        let columns: Vec<&str> = text.split('\t').collect();
        let words =
            |text: &&str| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let found = match release {
            Some(release) => {
                let named_like = repro_note::named_like(release);
                let column = RELEASES.iter().position(|known| *known == release || Some(*known) == named_like)?;
                columns.get(column).map(words)?
            }
            None => columns.iter().rev().map(words).find(|found| !found.is_empty())?,
        };
        (!found.is_empty()).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_somebody_may_miss_have_keys() {
        let check = |path: &str, expected: Option<&str>| assert_eq!(key(path).as_deref(), expected, "{path}");
        check("usr/include/x86_64-linux-gnu/ffi.h", Some("h:ffi.h"));
        check("usr/include/opencv4/opencv2/core.hpp", Some("h:core.hpp/opencv2/opencv4"));
        check("usr/bin/ffmpeg", Some("c:ffmpeg"));
        check("sbin/ldconfig", Some("c:ldconfig"));
        check("usr/lib/x86_64-linux-gnu/libGL.so.1", Some("s:libGL.so.1"));
        check("lib/x86_64-linux-gnu/libz.so.1", Some("s:libz.so.1"));
        check("usr/lib/x86_64-linux-gnu/primus/libGL.so.1", None);
        check("usr/lib/x86_64-linux-gnu/pkgconfig/cairo.pc", Some("p:cairo"));
        check("usr/share/pkgconfig/eigen3.pc", Some("p:eigen3"));
        check("usr/share/eigen3/cmake/Eigen3Config.cmake", Some("m:eigen3"));
        check("usr/lib/x86_64-linux-gnu/cmake/spdlog/spdlog-config.cmake", Some("m:spdlog"));
        check("usr/share/doc/x/README", None);
        check("etc/passwd", None);
    }

    #[test]
    fn an_index_is_built_from_what_a_distribution_publishes() {
        let old = "usr/bin/tool          utils/big-tool,utils/tool\nusr/share/doc/x  doc/x\n";
        let new = "usr/bin/tool  utils/tool\nusr/include/zlib.h  libdevel/zlib1g-dev\nusr/lib/x86_64-linux-gnu/libz.so.1 \
                   libs/zlib1g,libdevel/lib64z1-cross\n";
        let (files, packages) = build([old, "", new]).unwrap();
        let contents = Contents::new(files.leak(), packages.leak()).unwrap();
        let check = |kind, name: &str, release: &str, expected: &[&str]| {
            assert_eq!(
                contents.packages(kind, name, Some(release)).unwrap_or_default(),
                expected,
                "{name} on {release}"
            );
        };
        check(FileKind::Command, "tool", "bullseye", &["tool", "big-tool"]);
        check(FileKind::Command, "tool", "bookworm", &[]);
        check(FileKind::SharedObject, "libz.so.1", "trixie", &["zlib1g", "lib64z1-cross"]);
        check(FileKind::Header, "zlib.h", "trixie", &["zlib1g-dev"]);
        assert_eq!(
            (contents.releases_with("tool"), contents.releases_with("too")),
            (vec!["bullseye", "trixie"], vec![])
        );
    }

    #[test]
    fn packages_are_found_by_release_and_headers_by_their_end() {
        let mut map = fst::MapBuilder::memory();
        for (key, line) in [("c:tool", 0), ("h:core.hpp/opencv2/opencv4", 1), ("h:ffi.h", 2)] {
            map.insert(key, line).unwrap();
        }
        let bytes: &'static [u8] = map.into_inner().unwrap().leak();
        let contents =
            Contents::new(bytes, "tool-old\ttool\ttool t2\n\tlibopencv-dev\tlibopencv-dev\nlibffi-dev\t\t\n").unwrap();
        let check = |kind, name: &str, release: Option<&str>, expected: &[&str]| {
            let found = contents.packages(kind, name, release).unwrap_or_default();
            assert_eq!(found, expected, "{name} on {release:?}");
        };
        check(FileKind::Command, "tool", Some("bullseye"), &["tool-old"]);
        check(FileKind::Command, "tool", None, &["tool", "t2"]);
        check(FileKind::Header, "opencv2/core.hpp", Some("trixie"), &["libopencv-dev"]);
        check(FileKind::Header, "opencv2/core.hpp", Some("bullseye"), &[]);
        check(FileKind::Header, "ffi.h", None, &["libffi-dev"]);
        check(FileKind::Header, "core.hpp/x", None, &[]);
        check(FileKind::Command, "tool", Some("noble"), &["tool", "t2"]);
        check(FileKind::Command, "tool", Some("stretch"), &[]);
    }
}
