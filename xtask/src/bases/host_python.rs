//! A CPython of this machine, copied into a base image.
//!
//! In: a minor version. Out: the installations of it that are complete (interpreter, library, headers), and a copy of one
//! below another prefix. Only Python's own files are taken: never what was installed into it, never a distribution's
//! patched Python, whose library folder is another one.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;

/// Where the copy will live.
const NEW_PREFIX: &str = "/usr/local";

/// What the interpreter is asked: implementation, version, prefix.
const QUESTION: &str = "import platform, sys; print(platform.python_implementation()); \
                        print('.'.join(map(str, sys.version_info[:3])) + ('' if sys.version_info[3] == 'final' else 'x')); \
                        print(sys.prefix); print(platform.machine())";

/// A complete installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostPython {
    /// `3.11`
    pub(super) minor: String,
    /// `3.11.7`
    pub(super) version: String,
    pub(super) prefix: PathBuf,
}

/// Installations of this minor version under the prefixes of the usual tools, the newest patch first.
pub(super) fn find(minor: &str) -> Vec<HostPython> {
    let mut found: Vec<HostPython> = prefixes(minor).iter().filter_map(|prefix| examine(prefix, minor)).collect();
    let patch = |python: &HostPython| python.version.rsplit('.').next().and_then(|patch| patch.parse::<u32>().ok());
    found.sort_by_key(|python| std::cmp::Reverse(patch(python)));
    found
}

/// Folders that may hold an installation: those of pyenv, uv, mise and asdf, and the places of hand-made ones.
fn prefixes(minor: &str) -> BTreeSet<PathBuf> {
    let home = std::env::home_dir().unwrap_or_default();
    let pyenv = std::env::var_os("PYENV_ROOT").map_or_else(|| home.join(".pyenv"), PathBuf::from);
    let parents = [
        (pyenv.join("versions"), format!("{minor}.")),
        (home.join(".local/share/uv/python"), format!("cpython-{minor}.")),
        (home.join(".local/share/mise/installs/python"), format!("{minor}.")),
        (home.join(".asdf/installs/python"), format!("{minor}.")),
        (PathBuf::from("/opt/python"), format!("{minor}.")),
    ];
    let mut prefixes = BTreeSet::from([
        PathBuf::from(NEW_PREFIX),
        PathBuf::from(format!("/opt/python{minor}")),
        PathBuf::from(format!("/opt/python/{minor}")),
    ]);
    for (parent, start) in parents {
        for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&start) {
                // Version managers link `3.11` to `3.11.7`: one installation.
                prefixes.extend(entry.path().canonicalize().ok());
            }
        }
    }
    prefixes
}

fn examine(prefix: &Path, minor: &str) -> Option<HostPython> {
    let program = prefix.join(format!("bin/python{minor}"));
    let complete = program.is_file()
        && prefix.join(format!("lib/python{minor}/os.py")).is_file()
        && include_folders(prefix, minor).iter().any(|folder| folder.join("Python.h").is_file());
    if !complete {
        return None;
    }
    let handle = duct::cmd(program, ["-I", "-S", "-c", QUESTION])
        .stdin_null()
        .stdout_capture()
        .stderr_null()
        .unchecked()
        .start()
        .ok()?;
    let output = handle.wait_timeout(Duration::from_secs(20)).ok().flatten();
    let Some(output) = output else {
        let _ = handle.kill();
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines();
    let (implementation, version, said_prefix, machine) = (lines.next()?, lines.next()?, lines.next()?, lines.next()?);
    // A link into another prefix would leave the library behind; a 32-bit Python would need other libraries.
    let usable = implementation == "CPython"
        && !version.ends_with('x')
        && version.starts_with(&format!("{minor}."))
        && Path::new(said_prefix).canonicalize().ok() == prefix.canonicalize().ok()
        && machine == std::env::consts::ARCH;
    usable.then(|| HostPython { minor: minor.to_owned(), version: version.to_owned(), prefix: prefix.to_owned() })
}

/// Up to 3.7 the folder's name may carry the ABI flag.
fn include_folders(prefix: &Path, minor: &str) -> [PathBuf; 2] {
    [prefix.join(format!("include/python{minor}")), prefix.join(format!("include/python{minor}m"))]
}

impl HostPython {
    /// Copies the installation to `target`, the later `/usr/local`, as the official images lay it out: without tests,
    /// compiled files and static libraries, with an empty `site-packages`, and knowing its new prefix.
    pub(super) fn copy_to(&self, target: &Path) -> anyhow::Result<()> {
        let Self { minor, prefix, .. } = self;
        let library = format!("python{minor}");
        for name in ["bin", "lib/pkgconfig", "include"] {
            fs_err::create_dir_all(target.join(name))?;
        }
        let programs = [
            format!("python{minor}"),
            format!("python{minor}m"),
            format!("python{minor}-config"),
            format!("python{minor}m-config"),
            format!("idle{minor}"),
            format!("pydoc{minor}"),
            format!("2to3-{minor}"),
        ];
        for name in programs {
            let from = prefix.join("bin").join(&name);
            if from.exists() {
                fs_err::copy(&from, target.join("bin").join(&name))?;
            }
        }
        copy_folder(&prefix.join("lib").join(&library), &target.join("lib").join(&library), &|path, is_folder| {
            let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            let extension = path.extension().unwrap_or_default();
            if is_folder {
                matches!(name.as_ref(), "__pycache__" | "test" | "tests" | "idle_test" | "site-packages")
            } else {
                extension == "pyc" || extension == "a"
            }
        })?;
        fs_err::create_dir_all(target.join("lib").join(&library).join("site-packages"))?;
        for folder in include_folders(prefix, minor) {
            if let Some(name) = folder.file_name().filter(|_| folder.is_dir()) {
                copy_folder(&folder, &target.join("include").join(name), &|_, _| false)?;
            }
        }
        let own = |name: &str| {
            name == "libpython3.so"
                || name == "python3.pc"
                || name == "python3-embed.pc"
                || name.strip_prefix("libpython").or_else(|| name.strip_prefix("python-")).is_some_and(|rest| {
                    rest.strip_prefix(minor.as_str())
                        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
                })
        };
        for folder in ["lib", "lib/pkgconfig"] {
            for entry in std::fs::read_dir(prefix.join(folder)).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let is_static = entry.path().extension().is_some_and(|extension| extension == "a");
                if own(&name.to_string_lossy()) && !is_static && !entry.path().is_dir() {
                    copy_entry(&entry.path(), &target.join(folder).join(&name))?;
                }
            }
        }
        strip(target, &library);
        mend(target, &prefix.to_string_lossy()).context("cannot tell the copied Python its new prefix")
    }
}

/// Drops debug symbols, as the official images do. Saves some 20 MB; a machine without binutils keeps them.
fn strip(target: &Path, library: &str) {
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in ["lib", "bin", &format!("lib/{library}/lib-dynload")] {
        for entry in std::fs::read_dir(target.join(folder)).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_elf = std::fs::read(&path).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF"));
            if is_elf && !path.is_symlink() {
                files.push(path);
            }
        }
    }
    let arguments = std::iter::once(PathBuf::from("--strip-unneeded")).chain(files);
    let _ = duct::cmd("strip", arguments).stdout_null().stderr_null().unchecked().run();
}

fn copy_folder(from: &Path, to: &Path, skip: &dyn Fn(&Path, bool) -> bool) -> io::Result<()> {
    fs_err::create_dir_all(to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if skip(&entry.path(), kind.is_dir()) {
            continue;
        }
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy_folder(&entry.path(), &target, skip)?;
        } else {
            copy_entry(&entry.path(), &target)?;
        }
    }
    Ok(())
}

/// A link stays a link, a file keeps its mode.
fn copy_entry(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_symlink() {
        fs_err::os::unix::fs::symlink(fs_err::read_link(from)?, to)
    } else {
        fs_err::copy(from, to).map(drop)
    }
}

/// Replaces the old prefix in every text file below `folder`: first lines of scripts, build settings. Binaries stay as
/// they are: they find their prefix by where they lie, and linkers let strings share their ends (the `3.6.15` of
/// `/home/me/3.6.15` may be the interpreter's own version).
fn mend(folder: &Path, old: &str) -> io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            mend(&path, old)?;
            continue;
        }
        let Ok(text) = String::from_utf8(fs_err::read(&path)?) else { continue };
        if !text.contains('\0') && text.contains(old) {
            fs_err::write(&path, text.replace(old, NEW_PREFIX))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_replaced_in_texts_and_left_alone_in_binaries() {
        let folder = tempfile::tempdir().unwrap();
        let check = |content: &[u8], expected: &[u8]| {
            let path = folder.path().join("bin/file");
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, content).unwrap();
            mend(folder.path(), "/home/me/3.11").unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), expected);
        };
        check(b"#!/home/me/3.11/bin/python3.11\n", b"#!/usr/local/bin/python3.11\n");
        check(b"nothing", b"nothing");
        check(b"\x7fELF\0/home/me/3.11\0", b"\x7fELF\0/home/me/3.11\0");
    }

    #[test]
    fn a_found_python_is_complete_and_of_the_version_asked_for() {
        for minor in ["3.8", "3.11", "3.13"] {
            for python in find(minor) {
                assert!(python.version.starts_with(&format!("{minor}.")), "{python:?}");
                assert!(python.prefix.join(format!("bin/python{minor}")).is_file(), "{python:?}");
            }
        }
        assert_eq!(find("1.5"), []);
    }
}
