//! Names, versions and environment files of conda in, requirements of the Python index out.
//!
//! Which conda packages are Python distributions is told by their build string where there is one, else by a list of
//! the libraries and tools that conda carries. An export of another operating system is recognised, and its pins are
//! handed on as hints only.

use std::collections::BTreeSet;

use pep440_rs::Version as Number;
use serde::Deserialize;

use super::requirements::{Entry, Wanted, normalise, read_line, read_specifiers};
use super::{Sink, parent_folder};
use crate::facts::{Evidence, Form, Scope, Strength};

/// The version part of a conda match specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Version {
    /// `=1.2` (a prefix), with its build string where there is one: then it is exact.
    Prefix(String, Option<String>),
    /// `>=1.2,<2`, `==1.2`; empty for any.
    Specifiers(String),
}

/// What a conda package is on the Python index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Package {
    /// The interpreter, with a PEP 440 specifier (empty where no version is given).
    Python(String),
    /// A distribution of the Python index.
    Distribution(Wanted),
    /// A library or tool that the index does not carry, by its conda name.
    Native(String),
}

/// Names that differ between conda's channels and the Python index.
/// Sources: the feedstocks' recipes, <https://github.com/conda-forge/feedstocks>.
const RENAMED: &[(&str, &str)] = &[
    ("brotli-python", "brotli"),
    ("dask-core", "dask"),
    ("importlib_metadata", "importlib-metadata"),
    ("ipython_genutils", "ipython-genutils"),
    ("libopencv", "opencv-python"),
    ("matplotlib-base", "matplotlib"),
    ("msgpack-python", "msgpack"),
    ("numpy-base", "numpy"),
    ("opencv", "opencv-python"),
    ("py-lightgbm", "lightgbm"),
    ("py-opencv", "opencv-python"),
    ("py-xgboost", "xgboost"),
    ("pyg", "torch-geometric"),
    ("pyqt", "pyqt5"),
    ("pytables", "tables"),
    ("python-blosc", "blosc"),
    ("python-flatbuffers", "flatbuffers"),
    ("python-graphviz", "graphviz"),
    ("python-lmdb", "lmdb"),
    ("python-tzdata", "tzdata"),
    ("python-xxhash", "xxhash"),
    ("pytorch", "torch"),
    ("pytorch-cluster", "torch-cluster"),
    ("pytorch-cpu", "torch"),
    ("pytorch-gpu", "torch"),
    ("pytorch-scatter", "torch-scatter"),
    ("pytorch-sparse", "torch-sparse"),
    ("pytorch-spline-conv", "torch-spline-conv"),
    ("pytorch_geometric", "torch-geometric"),
    ("pytorch_scatter", "torch-scatter"),
    ("pytorch_sparse", "torch-sparse"),
    ("ruamel_yaml", "ruamel-yaml"),
    ("seaborn-base", "seaborn"),
    ("tensorflow-base", "tensorflow"),
];

/// Conda packages that are no Python distributions (or only carry one that nobody asks for by this name).
const NATIVE: &[&str] = &[
    "alsa-lib",
    "arrow-cpp",
    "attr",
    "binutils",
    "blas",
    "boost",
    "boost-cpp",
    "bzip2",
    "c-ares",
    "c-compiler",
    "ca-certificates",
    "cairo",
    "cmake",
    "compilers",
    "conda",
    "cuda",
    "cudatoolkit",
    "cudatoolkit-dev",
    "cudnn",
    "curl",
    "cxx-compiler",
    "dbus",
    "eigen",
    "expat",
    "ffmpeg",
    "fftw",
    "fontconfig",
    "fortran-compiler",
    "freeglut",
    "freetype",
    "fribidi",
    "gcc",
    "gcc_linux-64",
    "geos",
    "gettext",
    "gflags",
    "gfortran",
    "giflib",
    "git",
    "git-lfs",
    "glew",
    "glib",
    "glog",
    "gmp",
    "gnutls",
    "go",
    "graphite2",
    "graphviz",
    "gst-plugins-base",
    "gstreamer",
    "gxx",
    "gxx_linux-64",
    "harfbuzz",
    "hdf5",
    "htop",
    "icu",
    "imagemagick",
    "intel-openmp",
    "jasper",
    "java-jdk",
    "jpeg",
    "keyutils",
    "krb5",
    "lame",
    "lcms2",
    "ld_impl_linux-64",
    "lerc",
    "llvm-openmp",
    "lz4-c",
    "magma",
    "make",
    "mesalib",
    "mkl",
    "mpc",
    "mpfr",
    "mpi",
    "mpich",
    "nasm",
    "nccl",
    "ncurses",
    "nettle",
    "nodejs",
    "nspr",
    "nss",
    "numactl",
    "openblas",
    "openexr",
    "openh264",
    "openjdk",
    "openjpeg",
    "openmpi",
    "openssl",
    "orc",
    "pandoc",
    "pango",
    "pcre",
    "pcre2",
    "perl",
    "pip",
    "pixman",
    "pkg-config",
    "poppler",
    "portaudio",
    "proj",
    "pthread-stubs",
    "python_abi",
    "pytorch-cuda",
    "pytorch-mutex",
    "pywin32",
    "qt",
    "qt-main",
    "r-base",
    "rdma-core",
    "re2",
    "readline",
    "ruby",
    "rust",
    "setuptools",
    "snappy",
    "sox",
    "spdlog",
    "sqlite",
    "suitesparse",
    "swig",
    "sysroot_linux-64",
    "tbb",
    "tesseract",
    "tk",
    "tzdata",
    "ucrt",
    "unzip",
    "vc",
    "vs2015_runtime",
    "wget",
    "wheel",
    "win_inet_pton",
    "wincertstore",
    "x264",
    "x265",
    "xvfbwrapper",
    "xz",
    "yaml",
    "zeromq",
    "zip",
    "zlib",
    "zstd",
];

/// Prefixes of such packages; `lib…` names that are distributions are excepted below.
const NATIVE_PREFIXES: &[&str] = &[
    "_",
    "aws-c-",
    "aws-checksums",
    "aws-crt",
    "aws-sdk",
    "binutils_",
    "blas-",
    "cuda-",
    "cudnn-",
    "font-ttf-",
    "fonts-conda-",
    "gcc-",
    "gst-",
    "gxx-",
    "kernel-headers",
    "libblas",
    "libcublas",
    "m2w64-",
    "magma-cuda",
    "mesa-",
    "mkl-devel",
    "mkl_",
    "msys2-",
    "mysql-",
    "nvidia::",
    "r-",
    "sysroot_",
    "xorg-",
];

/// Distributions of the index whose names start with `lib`.
const LIB_DISTRIBUTIONS: &[&str] = &["libcst", "libclang", "librosa", "libsass", "libtmux", "libsvm", "libtorrent"];

/// Debian packages that stand for a conda package which a program may call or load.
const DEBIAN: &[(&str, &[&str])] = &[
    ("boost", &["libboost-all-dev"]),
    ("cmake", &["cmake"]),
    ("compilers", &["build-essential"]),
    ("cxx-compiler", &["build-essential"]),
    ("eigen", &["libeigen3-dev"]),
    ("espeak", &["espeak"]),
    ("ffmpeg", &["ffmpeg"]),
    ("freeglut", &["freeglut3-dev"]),
    ("gcc", &["gcc"]),
    ("gcc_linux-64", &["gcc"]),
    ("git", &["git"]),
    ("git-lfs", &["git-lfs"]),
    ("glew", &["libglew-dev"]),
    ("graphviz", &["graphviz"]),
    ("gxx", &["g++"]),
    ("gxx_linux-64", &["g++"]),
    ("imagemagick", &["imagemagick"]),
    ("libsndfile", &["libsndfile1"]),
    ("make", &["make"]),
    ("openjdk", &["default-jre-headless"]),
    ("pandoc", &["pandoc"]),
    ("poppler", &["poppler-utils"]),
    ("portaudio", &["libportaudio2"]),
    ("sox", &["sox"]),
    ("swig", &["swig"]),
    ("tesseract", &["tesseract-ocr"]),
    ("unzip", &["unzip"]),
    ("wget", &["wget"]),
];

/// The Debian packages that stand for a native conda package; empty where none is known to matter.
pub(crate) fn debian_packages(conda_name: &str) -> &'static [&'static str] {
    DEBIAN.iter().find(|(name, _)| *name == conda_name).map_or(&[], |(_, packages)| packages)
}

/// Says what a conda package is on the Python index.
pub(crate) fn translate(name: &str, version: &Version) -> Package {
    let lower = name.trim().to_ascii_lowercase();
    if lower == "python" {
        return Package::Python(python_specifier(version));
    }
    let renamed = RENAMED.iter().find(|(conda, _)| *conda == lower).map(|(_, index)| *index);
    if renamed.is_none() && is_native(&lower, version) {
        return Package::Native(lower);
    }
    let title = renamed.unwrap_or(&lower);
    // The index numbers the builds of OpenCV in a fourth part.
    let loose = title == "opencv-python";
    let specifiers = match version {
        Version::Prefix(number, build) => prefix_specifier(number, build.is_some() && !loose, loose),
        Version::Specifiers(specifiers) => read_specifiers(specifiers).unwrap_or_default(),
    };
    Package::Distribution(Wanted { name: normalise(title), spec: format!("{title}{specifiers}"), form: Form::Index })
}

fn is_native(lower: &str, version: &Version) -> bool {
    if NATIVE.contains(&lower) || NATIVE_PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) {
        return true;
    }
    if let Version::Prefix(_, Some(build)) = version {
        // Builds against an interpreter carry `py39…`, those of pure Python `py_0`, `pyhd8ed1ab_0`.
        return !build.starts_with('*') && !build.contains("py");
    }
    lower.starts_with("lib") && !LIB_DISTRIBUTIONS.contains(&lower)
}

/// `1.2` -> `==1.2.*`; `1.2.3` -> `==1.2.3`, since the index rarely has a fourth part; empty where it is no version.
fn prefix_specifier(number: &str, exact: bool, loose: bool) -> String {
    let number = number.trim();
    let stem = number.trim_end_matches('*').trim_end_matches('.');
    if stem.is_empty() || stem.parse::<Number>().is_err() {
        return String::new();
    }
    let wildcard = number.ends_with('*');
    if !wildcard && (exact || (!loose && stem.split('.').count() >= 3)) {
        format!("=={stem}")
    } else {
        format!("=={stem}.*")
    }
}

/// The interpreter's version down to the minor one, which is what images are chosen by.
fn python_specifier(version: &Version) -> String {
    match version {
        Version::Prefix(number, _) => minor_of(number).map(|minor| format!("=={minor}.*")).unwrap_or_default(),
        Version::Specifiers(specifiers) => {
            let specifiers = read_specifiers(specifiers).unwrap_or_default();
            match specifiers.strip_prefix("==").and_then(minor_of) {
                Some(minor) if !specifiers.contains(',') => format!("=={minor}.*"),
                _ => specifiers,
            }
        }
    }
}

/// `3.8.18` -> `3.8`; `None` for anything that is no Python 3 minor version (or better).
pub(crate) fn minor_of(number: &str) -> Option<String> {
    let mut parts = number.trim().split('.');
    let major: u32 = parts.next()?.parse().ok()?;
    let minor: u32 = parts.next()?.trim_end_matches('*').parse().ok()?;
    Some(format!("{major}.{minor}"))
}

/// Reads a match specification: `pytorch=1.10=py3.8_cuda`, `numpy>=1.20`, `conda-forge::ffmpeg`, `numpy 1.20.*`.
pub(crate) fn read_match(text: &str) -> Option<(String, Version)> {
    let text = text.split('#').next()?.trim().trim_matches(['"', '\'']).trim();
    let text = text.rsplit_once("::").map_or(text, |(_, rest)| rest).trim();
    let (text, bracket) = match text.split_once('[') {
        Some((text, bracket)) => (text.trim(), bracket),
        None => (text, ""),
    };
    let end = text.find([' ', '=', '<', '>', '!', '~']).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !named {
        return None;
    }
    let rest = rest.trim();
    let version = if rest.is_empty() {
        let inner = bracket.split(['\'', '"']).nth(1).filter(|_| bracket.contains("version")).unwrap_or_default();
        Version::Specifiers(inner.to_owned())
    } else if rest.contains('|') {
        Version::Specifiers(String::new())
    } else if rest.starts_with(['<', '>', '!', '~']) || rest.starts_with("==") {
        // A build string may follow: `==1.2.3=py38`.
        let rest = rest.trim_start_matches("==");
        let exact = !rest.starts_with(['<', '>', '!', '~']);
        let number = if exact { rest.split('=').next().unwrap_or(rest) } else { rest };
        Version::Specifiers(if exact { format!("=={}", number.trim()) } else { number.to_owned() })
    } else {
        let rest = rest.trim_start_matches('=').trim();
        let mut parts = rest.split(['=', ' ']).map(str::trim).filter(|part| !part.is_empty());
        let number = parts.next().unwrap_or_default();
        let build = parts.next().filter(|build| *build != "*");
        Version::Prefix(number.to_owned(), build.map(str::to_owned))
    };
    Some((name.to_owned(), version))
}

/// The part of an environment file that we read.
#[derive(Debug, Default, Deserialize)]
struct Environment {
    #[serde(default)]
    dependencies: Option<Vec<Dependency>>,
    #[serde(default)]
    prefix: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Dependency {
    Match(String),
    Pip {
        pip: Option<Vec<String>>,
    },
    /// A number, or a table for another installer.
    Other(serde::de::IgnoredAny),
}

/// YAML of the shape `T`, behind this one function so that the reader can be replaced.
pub(crate) fn yaml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())
}

/// Is this an environment file of conda? (By its name; `environment.yml`, `conda-gpu.yaml`, `env.yml`.)
pub(crate) fn is_environment_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let Some(stem) = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml")) else { return false };
    stem == "env"
        || stem == "conda"
        || stem.contains("environment")
        || stem.starts_with("env_")
        || stem.starts_with("env-")
        || stem.ends_with("_env")
        || stem.ends_with("-env")
        || stem.starts_with("conda-")
        || stem.starts_with("conda_")
}

/// Dependencies of an environment file as lines: `(line, text, is it of the pip section)`.
pub(crate) struct Listed {
    pub(crate) items: Vec<(usize, String, bool)>,
    prefix: Option<String>,
    /// Why the YAML reader gave up, where it did; the items then come from a plain reading of the lines.
    problem: Option<String>,
}

/// Reads the lists out of an environment file.
pub(crate) fn listed(text: &str) -> Listed {
    match yaml::<Environment>(text) {
        Ok(environment) => {
            let mut from = 0;
            let mut place = |item: &str| {
                // Items keep their order, so the line is the next one that holds the item's text.
                let found = text.lines().enumerate().skip(from).find(|(_, line)| line.contains(item)).map(|(n, _)| n);
                from = found.unwrap_or(from);
                found.map_or(0, |line| line + 1)
            };
            let mut items = Vec::new();
            for dependency in environment.dependencies.unwrap_or_default() {
                match dependency {
                    Dependency::Match(item) => items.push((place(&item), item, false)),
                    Dependency::Pip { pip } => {
                        items.extend(pip.unwrap_or_default().into_iter().map(|item| (place(&item), item, true)));
                    }
                    Dependency::Other(_) => {}
                }
            }
            Listed { items, prefix: environment.prefix, problem: None }
        }
        Err(problem) => Listed { items: plain_items(text), prefix: plain_prefix(text), problem: Some(problem) },
    }
}

/// The same read line by line alone: quicker, and enough for what is only a hint.
pub(crate) fn listed_plainly(text: &str) -> Listed {
    Listed { items: plain_items(text), prefix: plain_prefix(text), problem: None }
}

fn plain_prefix(text: &str) -> Option<String> {
    text.lines().find_map(|line| line.strip_prefix("prefix:")).map(|value| value.trim().to_owned())
}

/// List items below `dependencies:`, and below `pip:` in it, told by their lines alone.
fn plain_items(text: &str) -> Vec<(usize, String, bool)> {
    let mut items = Vec::new();
    let (mut inside, mut pip_indent) = (false, None);
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        let indent = line.len() - line.trim_start().len();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if indent == 0 && !trimmed.starts_with('-') {
            inside = trimmed.starts_with("dependencies:");
            pip_indent = None;
            continue;
        }
        let Some(item) = trimmed.strip_prefix('-').filter(|_| inside) else { continue };
        let item = item.trim();
        if item == "pip:" {
            pip_indent = Some(indent);
            continue;
        }
        if pip_indent.is_some_and(|pip| indent <= pip) {
            pip_indent = None;
        }
        items.push((index + 1, item.to_owned(), pip_indent.is_some()));
    }
    items
}

/// Was the file exported on another operating system than Linux? Says by what it was recognised.
pub(crate) fn other_platform(listed: &Listed) -> Option<String> {
    if let Some(prefix) = &listed.prefix
        && (prefix.get(1..2) == Some(":") || prefix.starts_with("/Users/"))
    {
        return Some(format!("prefix: {prefix}"));
    }
    listed
        .items
        .iter()
        .filter(|(_, _, pip)| !pip)
        .map(|(_, item, _)| item)
        .find(|item| {
            let name = item.split('=').next().unwrap_or_default().trim();
            let build = item.rsplit('=').next().unwrap_or_default();
            matches!(
                name,
                "vs2015_runtime"
                    | "vc"
                    | "vc14_runtime"
                    | "ucrt"
                    | "pywin32"
                    | "wincertstore"
                    | "win_inet_pton"
                    | "libcxx"
                    | "appnope"
                    | "vs2017_win-64"
            ) || name.starts_with("m2w64-")
                || name.ends_with("osx-64")
                || build.contains("_win")
                || build.starts_with("win_")
                || build.contains("osx")
        })
        .cloned()
}

/// Reads one environment file into `sink`. `scope` says where its pins belong.
pub(crate) fn environment(sink: &mut Sink<'_>, path: &str, text: &str, scope: &Scope) {
    let listed = listed(text);
    if let Some(problem) = &listed.problem {
        sink.finding(
            "environment-unreadable",
            format!("`{path}` is not valid YAML, its lists were read line by line: {problem}"),
            None,
            Evidence::new(path, 0, ""),
        );
    }
    let foreign = other_platform(&listed);
    let (scope, strength) = match &foreign {
        Some(sign) => {
            sink.finding(
                "environment-other-platform",
                format!("`{path}` was exported on another operating system; its pins are not used"),
                Some(
                    "export with `conda env export --from-history`, or state the requirements in requirements.txt"
                        .to_owned(),
                ),
                Evidence::new(path, sink.line_of(text, sign), sign),
            );
            (Scope::Hint, Strength::Weak)
        }
        None if *scope == Scope::Conda => (scope.clone(), Strength::Recommended),
        None => (scope.clone(), Strength::Weak),
    };
    let folder = parent_folder(path);
    let mut seen = BTreeSet::new();
    for (line, item, pip) in &listed.items {
        let evidence = Evidence::new(path, *line, item);
        if *pip {
            for entry in read_line(item) {
                sink.entry(&entry, folder, &scope, &evidence);
            }
            continue;
        }
        let Some((name, version)) = read_match(item) else { continue };
        match translate(&name, &version) {
            Package::Python(specifier) => sink.python(&specifier, strength, &evidence),
            // `opencv`, `py-opencv` and `libopencv` are one distribution.
            Package::Distribution(wanted) if seen.insert(wanted.name.clone()) => {
                sink.entry(&Entry::Requirement(wanted), folder, &scope, &evidence);
            }
            Package::Native(_) | Package::Distribution(_) => {}
        }
    }
}
