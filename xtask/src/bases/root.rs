//! The plain Debian below a stand-in.
//!
//! In: a suite and, perhaps, a mirror. Out: an image like `debian:SUITE-slim`: debootstrap's minimal system without
//! documentation, with apt set up as in the official image, and with the certificates that this machine trusts beyond the
//! usual ones. The root is kept as an archive, so that a second import takes seconds.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;

use super::Scratch;
use crate::{
    engine::{Engine, STAND_IN_LABEL, STAND_IN_TAG_LABEL},
    failure::could_not_tell,
    interrupt, report,
};

/// Where administrators put certificates that the distribution does not know.
const CERTIFICATES: &str = "/usr/local/share/ca-certificates";
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

const MIRROR_PATIENCE: Duration = Duration::from_mins(20);

/// What the official image leaves out; a licence file stays.
/// Source: `.slimify-excludes` of <https://github.com/debuerreotype/debuerreotype>.
const DPKG_EXCLUDES: &str = "\
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/groff/*
path-exclude /usr/share/info/*
path-exclude /usr/share/linda/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
";

/// Apt keeps no downloaded package and no uncompressed index, as in the official image.
const APT_SETTINGS: &str = r#"APT::AutoRemove::SuggestsImportant "false";
Acquire::GzipIndexes "true";
Acquire::Languages "none";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
"#;

/// Imports the suite's root under `tag`, making it first where there is none in `folder`.
pub(super) fn import(
    engine: &Engine,
    suite: &str,
    tag: &str,
    mirror: Option<&str>,
    folder: &Path,
) -> anyhow::Result<()> {
    let archive = folder.join(format!("{suite}-{}.tar", std::env::consts::ARCH));
    // A mirror given by hand is a wish to make the root anew.
    if !archive.is_file() || mirror.is_some() {
        make(suite, mirror, folder, &archive)?;
    }
    report::status("Importing", tag);
    let changes = [
        "CMD [\"bash\"]".to_owned(),
        "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
        format!("LABEL {STAND_IN_LABEL}=1 {STAND_IN_TAG_LABEL}={tag}"),
    ];
    engine.import(&archive, tag, &changes)?;
    Ok(())
}

/// Variables that make programs trust the bundle with the extra certificates, where there are any: pip, requests and uv
/// carry bundles of their own.
pub(super) fn certificate_variables() -> String {
    if extra_certificates().is_empty() {
        return String::new();
    }
    format!("ENV PIP_CERT={BUNDLE} REQUESTS_CA_BUNDLE={BUNDLE} SSL_CERT_FILE={BUNDLE}\n")
}

fn extra_certificates() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(CERTIFICATES)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "crt"))
        .collect();
    found.sort();
    found
}

fn make(suite: &str, mirror: Option<&str>, folder: &Path, archive: &Path) -> anyhow::Result<()> {
    let Ok(debootstrap) = which::which_in("debootstrap", Some(search_path()), ".") else {
        return Err(could_not_tell(
            "stand-ins are made with `debootstrap`, which is not installed\nhint: `apt-get install debootstrap`",
        ));
    };
    if duct::cmd!("id", "-u").read().is_ok_and(|id| id.trim() != "0") {
        return Err(could_not_tell(
            "`debootstrap` needs root to make a root folder\nhint: run this one command as root (`sudo`), or make the \
             stand-ins on another machine and bring them with `docker save` and `docker load`",
        ));
    }
    report::status("Fetching", format!("Debian {suite} (about a minute)"));
    let scratch = Scratch::kept_when_interrupted(folder)?;
    let root = scratch.path().join("root");
    let _guard = interrupt::on_interrupt({
        let root = root.clone();
        let scratch = scratch.path().to_owned();
        move || {
            if unmount(&root) {
                let _ = std::fs::remove_dir_all(scratch);
            }
        }
    });
    let certificates = extra_certificates();
    let mut arguments: Vec<String> = vec!["--variant=minbase".into()];
    if !certificates.is_empty() {
        arguments.push("--include=ca-certificates".into());
    }
    arguments.extend([suite.to_owned(), root.display().to_string()]);
    arguments.extend(mirror.map(ToOwned::to_owned).or_else(host_mirror));
    let done = run(&debootstrap, &arguments, MIRROR_PATIENCE);
    if !unmount(&root) {
        let left = scratch.keep();
        anyhow::bail!(
            "something is still mounted below `{}`\nhint: unmount it, then delete that folder",
            left.display()
        );
    }
    done.with_context(|| {
        format!("Debian {suite} could not be fetched\nhint: check the network, or name a mirror with `--mirror`")
    })?;

    configure(&root, suite, &certificates)?;
    // The whole folder is renamed into place at the end: an interrupted run leaves no half archive.
    let unfinished = scratch.path().join("root.tar");
    let arguments = [
        "--numeric-owner".to_owned(),
        "--create".to_owned(),
        format!("--file={}", unfinished.display()),
        format!("--directory={}", root.display()),
        "--exclude=./dev/*".to_owned(),
        ".".to_owned(),
    ];
    run(Path::new("/bin/tar"), &arguments, Duration::from_mins(10))?;
    fs_err::rename(&unfinished, archive)?;
    Ok(())
}

/// Makes the root what the official image is.
fn configure(root: &Path, suite: &str, certificates: &[PathBuf]) -> anyhow::Result<()> {
    fs_err::create_dir_all(root.join("etc/dpkg/dpkg.cfg.d"))?;
    fs_err::write(root.join("etc/dpkg/dpkg.cfg.d/docker"), DPKG_EXCLUDES)?;
    fs_err::write(root.join("etc/dpkg/dpkg.cfg.d/docker-apt-speedup"), "force-unsafe-io\n")?;
    fs_err::write(root.join("etc/apt/apt.conf.d/docker"), APT_SETTINGS)?;
    if !certificates.is_empty() {
        let folder = root.join(CERTIFICATES.trim_start_matches('/'));
        fs_err::create_dir_all(&folder)?;
        for certificate in certificates {
            if let Some(name) = certificate.file_name() {
                fs_err::copy(certificate, folder.join(name))?;
            }
        }
        chroot(root, &["update-ca-certificates"])?;
        // Pip before 24.2 reads no variable of OpenSSL's and carries its own bundle.
        fs_err::write(root.join("etc/pip.conf"), format!("[global]\ncert = {BUNDLE}\n"))?;
    }
    // No service starts in an image.
    let policy = root.join("usr/sbin/policy-rc.d");
    fs_err::write(&policy, "#!/bin/sh\nexit 101\n")?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs_err::set_permissions(&policy, mode)?;

    // A mirror need not carry the updates; then the release alone is used.
    let list = root.join("etc/apt/sources.list");
    let release = fs_err::read_to_string(&list)?;
    if let Some(extended) = with_updates(&release, suite) {
        fs_err::write(&list, extended)?;
        let upgraded = chroot(root, &["apt-get", "--quiet", "update"])
            .and_then(|()| chroot(root, &["apt-get", "--quiet", "--yes", "--no-install-recommends", "upgrade"]));
        if upgraded.is_err() {
            report::warning(format!("the mirror has no updates for {suite}; the stand-in is the release as published"));
            fs_err::write(&list, &release)?;
        }
    }
    clean(root);
    Ok(())
}

/// The updates and security fixes of a mirror, beside the release: `deb URI SUITE main` names the mirror.
fn with_updates(list: &str, suite: &str) -> Option<String> {
    let line = list.lines().find(|line| line.starts_with("deb "))?;
    let uri = line.split_whitespace().find(|word| word.contains("://"))?.trim_end_matches('/');
    let security = uri.strip_suffix("/debian").map(|start| format!("{start}/debian-security"))?;
    Some(format!("deb {uri} {suite} main\ndeb {uri} {suite}-updates main\ndeb {security} {suite}-security main\n"))
}

/// Removes what installing has left and what the official image does not carry. Best effort: an image with a manual page
/// more is as good.
fn clean(root: &Path) {
    for folder in ["usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian", "usr/share/groff"] {
        empty(&root.join(folder), &|_| false);
    }
    for folder in ["var/lib/apt/lists", "var/cache/apt/archives", "var/log", "tmp"] {
        empty(&root.join(folder), &|path| path.is_dir());
    }
    empty(&root.join("var/lib/apt/lists"), &|_| false);
    for folder in std::fs::read_dir(root.join("usr/share/doc")).into_iter().flatten().flatten() {
        if folder.path().is_symlink() {
            let _ = std::fs::remove_file(folder.path());
        } else {
            empty(&folder.path(), &|path| path.file_name().is_some_and(|name| name == "copyright"));
        }
    }
    for file in ["etc/resolv.conf", "etc/hostname", "var/cache/apt/pkgcache.bin", "var/cache/apt/srcpkgcache.bin"] {
        let _ = std::fs::remove_file(root.join(file));
    }
}

fn empty(folder: &Path, keep: &dyn Fn(&Path) -> bool) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if keep(&path) {
            continue;
        }
        let _ = if path.is_dir() && !path.is_symlink() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
    }
}

/// Unmounts everything below a root: an interrupted debootstrap may leave the kernel's file systems there, and what is
/// deleted in them is deleted for the whole machine. Says whether nothing is mounted any more.
fn unmount(root: &Path) -> bool {
    for folder in mounted_below(root) {
        let _ = duct::cmd("umount", [folder]).env("PATH", search_path()).stdout_null().stderr_null().unchecked().run();
    }
    mounted_below(root).is_empty()
}

/// Mount points below a folder, the innermost first.
fn mounted_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(folder) = folder.canonicalize() else { return Vec::new() };
    // `device folder type options 0 0`; spaces in the folder's name are written as `\040`.
    let table = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut found: Vec<PathBuf> = table
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(|path| PathBuf::from(path.replace("\\040", " ")))
        .filter(|path| path.starts_with(&folder))
        .collect();
    found.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
    found
}

fn chroot(root: &Path, command: &[&str]) -> anyhow::Result<()> {
    let arguments: Vec<String> =
        std::iter::once(root.display().to_string()).chain(command.iter().map(|&word| word.to_owned())).collect();
    let chroot = which::which_in("chroot", Some(search_path()), ".").context("`chroot` is missing")?;
    run(&chroot, &arguments, Duration::from_mins(10))
}

/// Runs a program of the administrator's; its last words are the error.
fn run(program: &Path, arguments: &[String], patience: Duration) -> anyhow::Result<()> {
    let expression = duct::cmd(program, arguments)
        .env("PATH", search_path())
        .env("LC_ALL", "C")
        .env("DEBIAN_FRONTEND", "noninteractive");
    let mut last = Vec::new();
    let end = crate::engine::watch(&expression, patience, None, &mut |line| {
        if !line.trim().is_empty() {
            last.push(line.to_owned());
            if last.len() > 5 {
                last.remove(0);
            }
        }
    })?;
    if end == Some(0) {
        return Ok(());
    }
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    anyhow::bail!("`{name}` failed: {}", last.join(" | "))
}

/// The administrator's programs are not on everybody's PATH.
fn search_path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin")
}

/// The mirror that apt of this machine uses, where this machine runs Debian; debootstrap knows one otherwise.
fn host_mirror() -> Option<String> {
    let release = std::fs::read_to_string("/etc/os-release").ok()?;
    if !release.lines().any(|line| line == "ID=debian") {
        return None;
    }
    let said = duct::cmd!("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
        .stderr_null()
        .unchecked()
        .read()
        .ok()?;
    said.lines()
        .map(|line| line.trim().trim_end_matches('/'))
        .find(|uri| uri.ends_with("/debian"))
        .map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_come_from_the_same_mirror_as_the_release() {
        let list = with_updates("deb http://mirror.example/debian bookworm main\n", "bookworm").unwrap();
        assert_eq!(list.lines().count(), 3);
        assert!(list.contains("deb http://mirror.example/debian-security bookworm-security main"), "{list}");
        assert_eq!(with_updates("deb http://mirror.example/packages bookworm main\n", "bookworm"), None);
        assert_eq!(with_updates("", "bookworm"), None);
    }
}
