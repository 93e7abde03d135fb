//! Base images: fetched from their registry, or, where no registry answers, stood in for.
//!
//! In: a tag that names its Debian suite (`python:3.11-slim-bookworm`). Out: an image under that tag, with the layout of
//! the official one: Python under `/usr/local` with its headers, the same pip and setuptools, no compiler. A stand-in is
//! made by debootstrap from a Debian mirror and from a CPython of this machine (else from Debian's own), it is labelled
//! as one, and it is never made for a tag that a registry could give.

mod host_python;
mod root;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;

use self::host_python::HostPython;
use crate::{
    engine::{
        BuildOutcome, BuildRequest, BuildResult, Engine, EngineError, Image, Pulled, STAND_IN_LABEL,
        STAND_IN_TAG_LABEL, TAG_LABEL,
    },
    failure::could_not_tell,
    files, interrupt,
    project::Project,
    report,
};

/// Full version of the Python in a stand-in.
const PYTHON_LABEL: &str = "repro.python";
/// Where that Python came from: `host` or `debian`.
const ORIGIN_LABEL: &str = "repro.python.origin";

/// An image may be several gigabytes, and a registry slow; one that does not answer at all is noticed by the daemon.
const PULL_PATIENCE: Duration = Duration::from_mins(30);

/// Room for a root folder, its archive, the image and the Python on top.
const NEEDED_BYTES: u64 = 2_000_000_000;

/// Debian suites that stand-ins are made of, with the Python each one ships.
/// Source: <https://packages.debian.org/python3>.
const SUITES: [(&str, &str); 3] = [("bullseye", "3.9"), ("bookworm", "3.11"), ("trixie", "3.13")];

/// The suite of stand-ins whose suite nobody named; the newest that every Python of [`PYTHONS`] was published on.
pub const USUAL_SUITE: &str = "bookworm";

/// Minor versions of which stand-ins are made, with the pip and the further packages that the last official slim image of
/// each carried.
/// Sources: the history of <https://github.com/docker-library/python/blob/master/versions.json> for setuptools, and
/// `Lib/ensurepip/__init__.py` of each CPython release for pip.
const PYTHONS: [(&str, &str, &[&str]); 9] = [
    ("3.6", "21.2.4", &["setuptools==57.5.0", "wheel"]),
    ("3.7", "23.0.1", &["setuptools==57.5.0", "wheel<0.46"]),
    ("3.8", "23.0.1", &["setuptools==57.5.0", "wheel<0.46"]),
    ("3.9", "23.0.1", &["setuptools==79.0.1", "wheel<0.46"]),
    ("3.10", "23.0.1", &["setuptools==79.0.1", "wheel<0.46"]),
    ("3.11", "24.0", &["setuptools==79.0.1", "wheel<0.46"]),
    ("3.12", "25.0.1", &[]),
    ("3.13", "25.3", &[]),
    ("3.14", "25.3", &[]),
];

/// Shared libraries that the extension modules of a CPython are linked against, as the official slim images carry them.
/// Trixie's renamed packages (`libssl3t64`) provide these names.
const LIBRARIES: [&str; 15] = [
    "libbz2-1.0",
    "libdb5.3",
    "libexpat1",
    "libffi8",
    "libgdbm-compat4",
    "libgdbm6",
    "liblzma5",
    "libncursesw6",
    "libnsl2",
    "libreadline8",
    "libsqlite3-0",
    "libssl3",
    "libtirpc3",
    "libuuid1",
    "zlib1g",
];

/// Modules that every program may rely on in the official images.
const MODULES: &str = "import bz2, ctypes, decimal, hashlib, lzma, sqlite3, ssl, zlib, venv";

/// A tag of which a stand-in can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    /// As given, without the registry that is meant when none is named.
    text: String,
    /// `3.11`; `None`: plain Debian.
    python: Option<String>,
    /// `3.11.7` where the tag names a patch version.
    patch: Option<String>,
    suite: &'static str,
}

impl Tag {
    /// Reads `python:3.11-slim-bookworm`, `python:3.11.7-slim-bookworm`, `debian:bookworm-slim`; nothing else has a
    /// stand-in.
    fn parse(image: &str) -> Option<Self> {
        let text = image.trim_start_matches("docker.io/").trim_start_matches("library/");
        let known = |name: &str| SUITES.iter().find(|(suite, _)| *suite == name).map(|(suite, _)| *suite);
        if let Some(suite) = text.strip_prefix("debian:") {
            let suite = known(suite.strip_suffix("-slim")?)?;
            return Some(Self { text: text.to_owned(), python: None, patch: None, suite });
        }
        let (version, suite) = text.strip_prefix("python:")?.split_once("-slim-")?;
        let suite = known(suite)?;
        let numbers: Vec<&str> = version.split('.').collect();
        let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let (minor, patch) = match numbers.as_slice() {
            [major, minor] => (format!("{major}.{minor}"), None),
            [major, minor, _] => (format!("{major}.{minor}"), Some(version.to_owned())),
            _ => return None,
        };
        numbers.iter().all(is_number).then(|| Self { text: text.to_owned(), python: Some(minor), patch, suite })
    }

    /// Pythons of this machine that this stand-in may carry, best first.
    fn host_pythons(&self) -> Vec<HostPython> {
        // Bullseye's C library is older than the one that a Python of this machine was linked against.
        let Some(minor) = self.python.as_deref().filter(|_| self.suite != "bullseye") else { return Vec::new() };
        let mut found = host_python::find(minor);
        found.retain(|python| self.patch.as_ref().is_none_or(|patch| *patch == python.version));
        found
    }

    /// Is this the Python that the suite itself ships? Its patch version is known only afterwards.
    fn has_debian_python(&self) -> bool {
        self.patch.is_none()
            && SUITES.iter().any(|(suite, own)| *suite == self.suite && self.python.as_deref() == Some(own))
    }
}

/// Can a stand-in of this image be made on this machine?
pub fn possible(image: &str) -> bool {
    let is_known = |minor: &str| PYTHONS.iter().any(|(known, ..)| *known == minor);
    Tag::parse(image).is_some_and(|tag| match &tag.python {
        None => true,
        Some(minor) => is_known(minor) && (tag.has_debian_python() || !tag.host_pythons().is_empty()),
    })
}

/// Whether an image is on this machine now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obtained {
    Here,
    /// Why not, and what to do.
    Nowhere(String),
}

/// Gets an image: it is here already, or its registry gives it. A stand-in is only made where stand-ins were made before,
/// that is, where somebody has decided to work with them.
pub fn obtain(engine: &Engine, image: &str, project: &Project) -> anyhow::Result<Obtained> {
    if engine.image_exists(image)? {
        return Ok(Obtained::Here);
    }
    report::status("Fetching", image);
    match engine.pull(image, None, PULL_PATIENCE)? {
        Pulled::Yes => Ok(Obtained::Here),
        Pulled::Missing(said) => Ok(Obtained::Nowhere(format!(
            "there is no image `{image}`: {said}\nhint: choose another one with `--base`"
        ))),
        Pulled::Unreachable(_) if possible(image) && !stand_ins(engine)?.is_empty() => {
            make(engine, image, &Options::default(), project)?;
            Ok(Obtained::Here)
        }
        Pulled::Unreachable(said) => {
            let hint = if possible(image) {
                format!("check the network, or make a stand-in: `cargo xtask bases {image}`")
            } else {
                "check the network; this image has no stand-in, `cargo xtask bases --list` says which have".to_owned()
            };
            Ok(Obtained::Nowhere(format!("`{image}` is not here and no registry answers: {said}\nhint: {hint}")))
        }
    }
}

/// Makes sure that an image is here, stood in for where no registry gives it: for who has agreed to stand-ins.
pub fn ensure(engine: &Engine, image: &str, project: &Project) -> anyhow::Result<()> {
    if let Obtained::Nowhere(why) = obtain(engine, image, project)? {
        if !possible(image) {
            return Err(could_not_tell(why));
        }
        make(engine, image, &Options::default(), project)?;
    }
    Ok(())
}

/// Minor versions of Python (`3.11`) to which a choice is limited here; empty: no limit, a registry is expected to answer.
/// There is a limit only where somebody has decided to work with stand-ins.
pub fn pythons(engine: &Engine, _project: &Project) -> anyhow::Result<Vec<String>> {
    if stand_ins(engine)?.is_empty() {
        return Ok(Vec::new());
    }
    let mut minors = Vec::new();
    for (minor, ..) in PYTHONS {
        // The tag that a plan would name: not every Python has an image on the usual suite.
        let Some(tag) = repro_knowledge::base().tables().slim_tag(minor, Some(USUAL_SUITE)) else { continue };
        if possible(&tag) || engine.image_exists(&tag)? {
            minors.push(minor.to_owned());
        }
    }
    Ok(minors)
}

/// Some image with a Python and a pip of today, for work that needs no special one: the first that is here, else the
/// first that can be had.
pub fn any_python(engine: &Engine, project: &Project) -> anyhow::Result<String> {
    let tags = ["3.12", "3.11", "3.13", "3.10", "3.9"].map(|minor| format!("python:{minor}-slim-{USUAL_SUITE}"));
    for tag in &tags {
        if engine.image_exists(tag)? {
            return Ok(tag.clone());
        }
    }
    let mut why = String::new();
    for tag in tags {
        match obtain(engine, &tag, project)? {
            Obtained::Here => return Ok(tag),
            Obtained::Nowhere(reason) => why = reason,
        }
    }
    Err(could_not_tell(why))
}

/// How stand-ins are made.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Debian mirror; debootstrap's own, or that of this machine's apt, where empty.
    pub mirror: Option<String>,
    /// Make it although an image of that name is here, or a registry might answer.
    pub force: bool,
}

/// What became of one wanted stand-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// It was made now.
    New,
    /// An image of that name was here already.
    Present,
    /// A registry gave the real image.
    Pulled,
}

/// Makes one stand-in, unless an image of that name is here or its registry gives it.
pub fn make(engine: &Engine, image: &str, options: &Options, project: &Project) -> anyhow::Result<Made> {
    let Some(tag) = Tag::parse(image) else {
        anyhow::bail!(
            "there are no stand-ins for `{image}`\n\
             hint: they exist for tags that name their Debian suite: `python:3.11-slim-bookworm`, `debian:bookworm-slim`"
        );
    };
    if !options.force {
        if engine.image_exists(&tag.text)? {
            return Ok(Made::Present);
        }
        match engine.pull(&tag.text, None, PULL_PATIENCE)? {
            Pulled::Yes => return Ok(Made::Pulled),
            Pulled::Missing(said) => {
                anyhow::bail!("the registry answers, and has no `{image}`: {said}\nhint: choose a tag that exists")
            }
            Pulled::Unreachable(_) => {}
        }
    }
    // Two runs that want the same root would download it twice; the second one finds what the first has made.
    let folder = project.cache().join("bases");
    let _lock = files::Lock::wait(&folder.join("lock"), Duration::from_mins(30))?;
    engine.require_free(NEEDED_BYTES)?;
    let debian = format!("debian:{}-slim", tag.suite);
    if tag.python.is_none() {
        root::import(engine, tag.suite, &debian, options.mirror.as_deref(), &folder)?;
        return Ok(Made::New);
    }
    if !engine.image_exists(&debian)? {
        root::import(engine, tag.suite, &debian, options.mirror.as_deref(), &folder)?;
    }
    make_python(engine, &tag, &debian, &folder, project)?;
    Ok(Made::New)
}

/// Puts a Python on plain Debian: one of this machine, else the suite's own.
fn make_python(engine: &Engine, tag: &Tag, debian: &str, folder: &Path, project: &Project) -> anyhow::Result<()> {
    let minor = tag.python.as_deref().unwrap_or_default();
    let Some((_, pip, packages)) = PYTHONS.iter().find(|(known, ..)| *known == minor) else {
        anyhow::bail!("no stand-in carries Python {minor}\nhint: `cargo xtask bases --list` says which there are");
    };
    let pip_line = [&[format!("pip=={pip}")], packages.iter().map(|&p| p.to_owned()).collect::<Vec<_>>().as_slice()]
        .concat()
        .iter()
        .map(|requirement| format!("'{requirement}'"))
        .collect::<Vec<_>>()
        .join(" ");
    let log = project.root.join("target/repro/logs/bases").join(format!("{}.log", tag.text.replace([':', '/'], "-")));
    let mut refused = Vec::new();
    for python in tag.host_pythons() {
        report::status(
            "Making",
            format!("{} from Python {} in `{}`", tag.text, python.version, python.prefix.display()),
        );
        let context = Scratch::new(folder)?;
        python.copy_to(&context.path().join("usr/local"))?;
        let text = from_host(debian, &python, &pip_line);
        match build(engine, tag, &context, &text, &python.version, "host", &log)? {
            Ok(()) => return Ok(()),
            Err(why) => refused.push(format!("`{}`: {why}", python.prefix.display())),
        }
    }
    if tag.has_debian_python() {
        report::status("Making", format!("{} from Debian's own Python", tag.text));
        let context = Scratch::new(folder)?;
        match build(engine, tag, &context, &from_debian(debian, minor, pip, &pip_line), minor, "debian", &log)? {
            Ok(()) => return Ok(()),
            Err(why) => refused.push(format!("Debian's own: {why}")),
        }
    }
    if refused.is_empty() {
        return Err(could_not_tell(format!(
            "nothing here gives a Python {} for `{}`\nhint: install that version with pyenv or uv, or take {}",
            tag.patch.as_deref().unwrap_or(minor),
            tag.text,
            SUITES.map(|(suite, own)| format!("`python:{own}-slim-{suite}`")).join(", ")
        )));
    }
    Err(could_not_tell(format!(
        "`{}` could not be made: {}\nhint: the whole log is in `{}`",
        tag.text,
        refused.join("; "),
        log.display()
    )))
}

/// Builds the stand-in. The inner error is a Python that does not work there: another one may.
fn build(
    engine: &Engine,
    tag: &Tag,
    context: &Scratch,
    dockerfile: &str,
    version: &str,
    origin: &str,
    log: &Path,
) -> anyhow::Result<Result<(), String>> {
    let path = context.path().join("Dockerfile");
    fs_err::write(&path, dockerfile)?;
    let labels = [
        (STAND_IN_LABEL, "1"),
        (STAND_IN_TAG_LABEL, tag.text.as_str()),
        (PYTHON_LABEL, version),
        (ORIGIN_LABEL, origin),
    ];
    let request = BuildRequest {
        context: context.path().to_owned(),
        dockerfile: path,
        tag: Some(tag.text.clone()),
        labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
        timeout: Some(Duration::from_mins(30)),
        ..BuildRequest::default()
    };
    let BuildOutcome { result, .. } = engine.build(&request, log, &mut |_| {})?;
    match result {
        BuildResult::Built { .. } => Ok(Ok(())),
        BuildResult::Failed(failure) if failure.kind.is_verdict() => {
            // The builder's last words repeat the command; the command's own say why.
            let own =
                |line: &&String| !line.trim().is_empty() && !line.contains("exit code: ") && !line.starts_with("---");
            let last = failure.output.iter().take_while(|line| !line.contains("exit code: ")).filter(own).last();
            Ok(Err(last.cloned().unwrap_or_else(|| "no reason given".to_owned())))
        }
        BuildResult::Failed(failure) => {
            let last = failure.output.last().cloned().unwrap_or_default();
            Err(could_not_tell(format!("`{}` could not be made: {last}\nhint: see `{}`", tag.text, log.display())))
        }
    }
}

/// The official recipe, with a copy in place of the compilation.
fn from_host(debian: &str, python: &HostPython, pip_line: &str) -> String {
    let minor = &python.minor;
    let libraries = LIBRARIES.join(" ");
    format!(
        "FROM {debian}\n\
         ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8\n\
         RUN apt-get update \\\n \
         && apt-get install -y --no-install-recommends ca-certificates netbase tzdata {libraries} \\\n \
         && rm -rf /var/lib/apt/lists/*\n\
         {certificates}\
         ENV PYTHON_VERSION={version}\n\
         COPY usr /usr\n\
         RUN ldconfig \\\n \
         && cd /usr/local/bin \\\n \
         && ln -s python{minor} python3 && ln -s python3 python \\\n \
         && for name in idle pydoc; do ln -s $name{minor} ${{name}}3 && ln -s ${{name}}3 $name; done \\\n \
         && ln -s python{minor}-config python3-config && ln -s python3-config python-config \\\n \
         && python3 -c '{MODULES}' \\\n \
         && export PYTHONDONTWRITEBYTECODE=1 \\\n \
         && python3 -m ensurepip \\\n \
         && python3 -m pip install --disable-pip-version-check --no-cache-dir --no-compile --upgrade {pip_line} \\\n \
         && ln -sf pip3 pip \\\n \
         && pip --version\n\
         CMD [\"python3\"]\n",
        version = python.version,
        certificates = root::certificate_variables(),
    )
}

/// Debian's own Python, callable as the official one is. It keeps its own library folder (`dist-packages`); everything
/// that pip installs goes below `/usr/local`, as it does there. Debian's own pip only works inside a virtual environment.
fn from_debian(debian: &str, minor: &str, pip: &str, pip_line: &str) -> String {
    // Debian cuts distutils out of the standard library; from 3.12 on there is none.
    let distutils = if minor == "3.13" { "" } else { " python3-distutils" };
    format!(
        "FROM {debian}\n\
         ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8\n\
         {certificates}\
         RUN apt-get update \\\n \
         && apt-get install -y --no-install-recommends ca-certificates netbase tzdata python{minor}-venv{distutils} \\\n \
         && cd /tmp && apt-get download libpython{minor}-dev \\\n \
         && dpkg-deb -x libpython{minor}-dev_*.deb /tmp/headers && cp -r /tmp/headers/usr/include/. /usr/include/ \\\n \
         && rm -rf /tmp/* /var/lib/apt/lists/* /usr/lib/python3*/EXTERNALLY-MANAGED\n\
         RUN cd /usr/local/bin \\\n \
         && ln -s /usr/bin/python{minor} python{minor} && ln -s python{minor} python3 && ln -s python3 python \\\n \
         && python3 -c '{MODULES}' \\\n \
         && export PYTHONDONTWRITEBYTECODE=1 \\\n \
         && python3 -m venv /tmp/venv \\\n \
         && /tmp/venv/bin/pip download --disable-pip-version-check --no-cache-dir --no-deps --dest /tmp pip=={pip} \\\n \
         && python3 /tmp/pip-{pip}-py3-none-any.whl/pip install --disable-pip-version-check --no-cache-dir \
         --no-compile {pip_line} \\\n \
         && rm -rf /tmp/* \\\n \
         && ln -sf pip3 pip \\\n \
         && pip --version\n\
         CMD [\"python3\"]\n",
        certificates = root::certificate_variables(),
    )
}

/// A stand-in that is here.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StandIn {
    pub tag: String,
    pub image_id: String,
    /// Full version of its Python; none in plain Debian.
    pub python: Option<String>,
    /// `host` or `debian`
    pub origin: Option<String>,
    pub bytes: u64,
}

/// The stand-ins on this machine, by tag.
pub fn stand_ins(engine: &Engine) -> Result<Vec<StandIn>, EngineError> {
    let images = engine.images_with_label(&format!("{STAND_IN_LABEL}=1"))?;
    let mut found: Vec<StandIn> = images.iter().filter_map(stand_in).collect();
    found.sort_by(|one, other| one.tag.cmp(&other.tag));
    Ok(found)
}

/// An image that merely rests on a stand-in has the label, but not the tag.
fn stand_in(image: &Image) -> Option<StandIn> {
    let tag = image.labels.get(STAND_IN_TAG_LABEL)?;
    // Podman writes the registry that it assumes.
    let bare =
        |present: &String| present.trim_start_matches("docker.io/library/").trim_start_matches("localhost/") == tag;
    let is_it = image.tags.iter().any(bare);
    // Whatever was built on it since carries a tag of its own.
    (is_it && image.labels.get(TAG_LABEL).is_none_or(|own| own == tag)).then(|| StandIn {
        tag: tag.clone(),
        image_id: image.id.clone(),
        python: image.labels.get(PYTHON_LABEL).cloned(),
        origin: image.labels.get(ORIGIN_LABEL).cloned(),
        bytes: image.bytes,
    })
}

/// Removes stand-ins: those named, or all. Returns the tags that are gone.
pub fn remove(engine: &Engine, tags: &[String]) -> Result<Vec<String>, EngineError> {
    let mut removed = Vec::new();
    for stand_in in stand_ins(engine)? {
        if tags.is_empty() || tags.contains(&stand_in.tag) {
            engine.remove_tag(&stand_in.tag)?;
            removed.push(stand_in.tag);
        }
    }
    Ok(removed)
}

/// The tags that `cargo xtask bases` makes when none is named: every Python that can be had for these suites.
pub fn usual(suites: &[String]) -> Vec<String> {
    suites
        .iter()
        .flat_map(|suite| PYTHONS.iter().map(move |(minor, ..)| format!("python:{minor}-slim-{suite}")))
        .filter(|tag| possible(tag))
        .collect()
}

/// Pythons of this machine that a stand-in may carry, one a minor version.
pub fn host_pythons() -> Vec<(String, PathBuf)> {
    let mut seen = BTreeSet::new();
    PYTHONS
        .iter()
        .filter_map(|(minor, ..)| host_python::find(minor).into_iter().next())
        .filter(|python| seen.insert(python.version.clone()))
        .map(|python| (python.version, python.prefix))
        .collect()
}

/// A folder that goes when it is no longer needed, also when the program is interrupted.
struct Scratch {
    folder: tempfile::TempDir,
    guard: Option<interrupt::Guard>,
}

impl Scratch {
    fn new(parent: &Path) -> anyhow::Result<Self> {
        let mut scratch = Self::kept_when_interrupted(parent)?;
        scratch.guard = Some(interrupt::remove_on_interrupt(scratch.path().to_owned()));
        Ok(scratch)
    }

    /// For a folder in which something may be mounted: who mounts must unmount before it is removed.
    ///
    /// Below the cache rather than in `/tmp`, which may be small, in memory, or mounted without device files.
    fn kept_when_interrupted(parent: &Path) -> anyhow::Result<Self> {
        fs_err::create_dir_all(parent)?;
        let folder = tempfile::Builder::new()
            .prefix("making-")
            .tempdir_in(parent)
            .with_context(|| format!("cannot create a folder in `{}`", parent.display()))?;
        Ok(Self { folder, guard: None })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn keep(self) -> PathBuf {
        drop(self.guard);
        self.folder.keep()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tags_that_name_their_suite_have_stand_ins() {
        let check = |image: &str, expected: Option<(Option<&str>, &str)>| {
            let tag = Tag::parse(image);
            assert_eq!(tag.as_ref().map(|tag| (tag.python.as_deref(), tag.suite)), expected, "{image}");
        };
        check("python:3.11-slim-bookworm", Some((Some("3.11"), "bookworm")));
        check("docker.io/library/python:3.9.2-slim-bullseye", Some((Some("3.9"), "bullseye")));
        check("debian:trixie-slim", Some((None, "trixie")));
        check("python:3.11-slim", None);
        check("python:3.11-bookworm", None);
        check("python:3-slim-bookworm", None);
        check("python:3.x-slim-bookworm", None);
        check("python:3.11-slim-buster", None);
        check("mirror.example/python:3.11-slim-bookworm", None);
        check("python:3.11-slim-bookworm@sha256:00", None);
        check("", None);
    }

    #[test]
    fn the_pythons_that_debian_ships_can_always_be_stood_in_for() {
        assert!(SUITES.iter().all(|(suite, own)| possible(&format!("python:{own}-slim-{suite}"))));
        assert!(!possible("python:2.7-slim-bullseye"));
    }

    #[test]
    fn an_image_built_on_a_stand_in_is_none() {
        let image = |tag: &str, own: &str| Image {
            tags: vec![tag.to_owned()],
            labels: [(STAND_IN_LABEL, "1"), (STAND_IN_TAG_LABEL, "python:3.11-slim-bookworm"), (TAG_LABEL, own)]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            ..Image::default()
        };
        assert!(stand_in(&image("python:3.11-slim-bookworm", "python:3.11-slim-bookworm")).is_some());
        assert!(stand_in(&image("user-repo:abc1234", "user-repo:abc1234")).is_none());
        assert!(stand_in(&image("mine:1", "python:3.11-slim-bookworm")).is_none());
    }
}
