//! Text of a requirements file (or one requirement argument) in, entries with their lines out.
//!
//! Reads what pip reads, and what people put into such files although pip refuses it: conda's `name=1.2=build`, pasted
//! `pip list` tables, quoted list items. It never decides which file counts, never follows `-r` by itself and never
//! drops a line silently: what cannot be read comes out as [`Entry::Unreadable`].

use std::borrow::Cow;
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::MarkerTree;

use super::conda;
use crate::facts::Form;

/// What one requirement line or one argument of `pip install` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Something to install.
    Requirement(Wanted),
    /// `-r` or `-c` with the path as written.
    File { path: String, constraint: bool },
    /// The URL (or folder) of `--index-url`, `--extra-index-url` or `--find-links`.
    Index(String),
    /// Another option that holds for the whole file, as written.
    Option(String),
    /// `python=3.8` or `python>=3.6`: no distribution, but a statement about the interpreter (PEP 440 specifier).
    Python(String),
    /// The text, and why it is no requirement. `wanted` is what can still be had of it.
    Unreadable { reason: &'static str, wanted: Option<Wanted> },
}

/// One requirement apart from where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Normalised name; empty where the text does not tell.
    pub(crate) name: String,
    /// What pip is given, without options and comments; paths as written.
    pub(crate) spec: String,
    pub(crate) form: Form,
}

/// Normalises a distribution name as PEP 503 says: lower case, runs of `-`, `_` and `.` become one `-`.
pub(crate) fn normalise(name: &str) -> String {
    let mut normalised = String::with_capacity(name.len());
    for character in name.trim().chars() {
        if matches!(character, '-' | '_' | '.') {
            if !normalised.ends_with('-') {
                normalised.push('-');
            }
        } else {
            normalised.extend(character.to_lowercase());
        }
    }
    normalised
}

/// All entries of a requirements file, each with the line (from 1) it starts on.
pub(crate) fn read(text: &str) -> Vec<(usize, Entry)> {
    let mut entries = Vec::new();
    for (line, logical) in logical_lines(text) {
        entries.extend(read_line(&logical).into_iter().map(|entry| (line, entry)));
    }
    entries
}

/// Joins continued lines and takes comments off; empty lines are left out. Lines count from 1.
pub(crate) fn logical_lines(text: &str) -> Vec<(usize, Cow<'_, str>)> {
    let mut logical: Vec<(usize, Cow<'_, str>)> = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        // A comment line ends a continuation, as in pip: files with hashes say `# via …` below the last one.
        let comment = line.trim_start().starts_with('#');
        let continued = if comment { None } else { line.trim_end().strip_suffix('\\') };
        match (&mut open, continued) {
            (Some((_, joined)), Some(part)) => {
                joined.push_str(part);
            }
            (None, Some(part)) => open = Some((index + 1, part.to_owned())),
            (Some(_), None) => {
                if let Some((start, mut joined)) = open.take() {
                    if !comment {
                        joined.push_str(line);
                    }
                    logical.push((start, Cow::Owned(without_comment(&joined).trim().to_owned())));
                }
            }
            (None, None) => logical.push((index + 1, Cow::Borrowed(without_comment(line).trim()))),
        }
    }
    if let Some((start, joined)) = open {
        logical.push((start, Cow::Owned(without_comment(&joined).trim().to_owned())));
    }
    logical.retain(|(_, line)| !line.is_empty());
    logical
}

/// Cuts a comment: `#` at the start of the line or after white space.
fn without_comment(line: &str) -> &str {
    let mut before_is_space = true;
    for (position, character) in line.char_indices() {
        if character == '#' && before_is_space {
            return line.get(..position).unwrap_or_default();
        }
        before_is_space = character.is_whitespace();
    }
    line
}

/// Reads one logical line.
pub(crate) fn read_line(line: &str) -> Vec<Entry> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Vec::new();
    }
    // Files that were pasted from a README hold whole commands.
    for command in ["pip install ", "pip3 install ", "python -m pip install ", "!pip install "] {
        if let Some(rest) = line.strip_prefix(command) {
            return install_arguments(&split_words(rest));
        }
    }
    if line.starts_with('-') && !line.starts_with("---") {
        return install_arguments(&split_words(line));
    }
    vec![read_requirement(line, false)]
}

/// Splits like a shell; where quotes do not match, at white space.
pub(crate) fn split_words(text: &str) -> Vec<String> {
    shlex::split(text).unwrap_or_else(|| text.split_whitespace().map(str::to_owned).collect())
}

/// Options of `pip install` that take a value which does not matter to us.
const OPTIONS_WITH_VALUE: &[&str] = &[
    "-t",
    "--target",
    "--root",
    "--prefix",
    "--src",
    "--platform",
    "--python-version",
    "--abi",
    "--implementation",
    "--no-binary",
    "--only-binary",
    "--upgrade-strategy",
    "--config-settings",
    "-C",
    "--config-setting",
    "--global-option",
    "--install-option",
    "--build-option",
    "--progress-bar",
    "--trusted-host",
    "--proxy",
    "--timeout",
    "--default-timeout",
    "--retries",
    "--cert",
    "--client-cert",
    "--cache-dir",
    "--log",
    "--python",
    "-p",
    "--hash",
    "--use-feature",
    "--exclude-newer",
    "--torch-backend",
    "--index-strategy",
    "--report",
    "--group",
];

/// Reads the words after `pip install`.
pub(crate) fn install_arguments(words: &[String]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let (option, attached) = match word.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value)),
            _ => (word, None),
        };
        // `-rfile` and `-e.` are written without a space now and then.
        let (option, attached) = match (option.get(..2), option.get(2..)) {
            (Some(short @ ("-r" | "-c" | "-e" | "-f" | "-i")), Some(rest)) if !rest.is_empty() => (short, Some(rest)),
            _ => (option, attached),
        };
        let mut value = || attached.or_else(|| words.next()).map(|value| value.trim().to_owned());
        match option {
            "-r" | "--requirement" | "--requirements" => {
                entries.extend(value().map(|path| Entry::File { path, constraint: false }));
            }
            "-c" | "--constraint" | "--constraints" | "-b" | "--build-constraint" => {
                entries.extend(value().map(|path| Entry::File { path, constraint: true }));
            }
            "-e" | "--editable" => entries.extend(value().map(|target| read_requirement(&target, true))),
            "-i" | "--index-url" | "--extra-index-url" | "-f" | "--find-links" | "--index" | "--default-index" => {
                entries.extend(value().map(Entry::Index));
            }
            _ if OPTIONS_WITH_VALUE.contains(&option) => {
                let value = value().unwrap_or_default();
                entries.push(Entry::Option(format!("{option} {value}").trim_end().to_owned()));
            }
            _ if option.starts_with('-') && option.len() > 1 => entries.push(Entry::Option(word.to_owned())),
            "\\" | "" => {}
            // A marker was given as words of its own: `foo ; python_version < "3"` in an unquoted line.
            ";" => break,
            _ => entries.push(read_requirement(word, false)),
        }
    }
    entries
}

/// Reads one requirement without options in front of it.
pub(crate) fn read_requirement(text: &str, editable: bool) -> Entry {
    let text = cut_options(text).trim();
    // List items pasted out of a setup.py.
    let text = unquoted(text.trim_end_matches(',').trim()).trim_end_matches(',').trim();
    let unreadable = |reason| Entry::Unreadable { reason, wanted: None };
    if text.is_empty() {
        return unreadable("nothing is left of it");
    }
    if let Some(wanted) = read_address(text, editable) {
        return Entry::Requirement(wanted);
    }
    let Some((name, rest)) = split_name(text) else {
        return unreadable("it does not start with a name");
    };
    let normalised = normalise(name);
    let (extras, rest) = match rest.trim_start().strip_prefix('[') {
        Some(inner) => match inner.split_once(']') {
            Some((extras, rest)) => (extras.trim(), rest.trim_start()),
            None => return unreadable("its `[` is never closed"),
        },
        None => ("", rest.trim_start()),
    };
    let title = if extras.is_empty() { name.to_owned() } else { format!("{name}[{extras}]") };
    if let Some(address) = rest.strip_prefix('@') {
        return read_direct(&normalised, &title, address.trim());
    }
    if let Some(entry) = read_conda_line(name, &normalised, rest) {
        return entry;
    }
    let (version, marker) = match rest.split_once(';') {
        Some((version, marker)) => (version.trim(), Some(marker.trim())),
        None => (rest.trim(), None),
    };
    let version = version.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(version).trim();
    let version = version.trim_end_matches(',').trim();
    let marker_is_good = marker.is_none_or(|marker| marker.is_empty() || MarkerTree::from_str(marker).is_ok());
    let suffix = match marker {
        Some(marker) if marker_is_good && !marker.is_empty() => format!(" ; {marker}"),
        _ => String::new(),
    };
    let index = |version: &str| Wanted {
        name: normalised.clone(),
        spec: format!("{title}{version}{suffix}"),
        form: Form::Index,
    };
    if version.is_empty() {
        return if marker_is_good {
            python_or(index(""), "")
        } else {
            Entry::Unreadable { reason: "its marker cannot be read", wanted: Some(index("")) }
        };
    }
    match read_specifiers(version) {
        Some(version) if marker_is_good => python_or(index(&version), &version),
        Some(version) => Entry::Unreadable { reason: "its marker cannot be read", wanted: Some(index(&version)) },
        None if version.starts_with(|c: char| "<>=!~".contains(c)) => {
            Entry::Unreadable { reason: "its version cannot be read", wanted: Some(index("")) }
        }
        // A row of a pasted `pip list`: a name and a version, nothing else.
        None => match version.split_whitespace().collect::<Vec<_>>().as_slice() {
            [number] if Version::from_str(number).is_ok() => {
                python_or(index(&format!("=={number}")), &format!("=={number}"))
            }
            [number, path] if Version::from_str(number).is_ok() && path.starts_with(['/', '<', 'p']) => {
                Entry::Requirement(index(&format!("=={number}")))
            }
            _ => unreadable("it is not a requirement"),
        },
    }
}

/// Takes off quotes that open at the start; the last character alone may belong to a marker.
fn unquoted(text: &str) -> &str {
    let quote = text.chars().next().filter(|quote| matches!(quote, '"' | '\''));
    quote.map_or(text, |quote| text.trim_matches(quote).trim())
}

/// `python` is the interpreter, never a distribution.
fn python_or(wanted: Wanted, version: &str) -> Entry {
    if wanted.name == "python" { Entry::Python(version.to_owned()) } else { Entry::Requirement(wanted) }
}

/// Takes off what pip allows behind a requirement (`--hash=…`, `--install-option=…`, `--no-binary :all:`).
fn cut_options(text: &str) -> &str {
    text.split_once(" --").map_or(text, |(before, _)| before)
}

const ARCHIVES: &[&str] = &[".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz"];

/// Reads URLs, VCS addresses and paths that stand without a name; `None` where `text` is none of these.
fn read_address(text: &str, editable: bool) -> Option<Wanted> {
    if is_vcs(text) {
        return Some(Wanted { name: egg(text).unwrap_or_default(), spec: text.to_owned(), form: Form::Vcs });
    }
    let head = text.split([' ', '[', ';', '<', '>', '=', '!', '~']).next().unwrap_or_default();
    if head.contains("://") && !head.contains('@') || ["http://", "https://"].iter().any(|s| text.starts_with(s)) {
        if let Some(path) = text.strip_prefix("file://") {
            return Some(path_wanted(path, editable));
        }
        let name = egg(text).or_else(|| name_of_archive(text)).unwrap_or_default();
        return Some(Wanted { name, spec: text.to_owned(), form: Form::Url });
    }
    let named = head.contains('@') || text.split_once(' ').is_some_and(|(_, rest)| rest.trim_start().starts_with('@'));
    let is_path = editable || head.starts_with(['.', '/', '~']) || head.contains('/');
    let is_archive = !is_path && ARCHIVES.iter().any(|suffix| text.ends_with(suffix));
    if !named && (is_path || is_archive) { Some(path_wanted(text, editable)) } else { None }
}

fn path_wanted(text: &str, editable: bool) -> Wanted {
    let path = text.split_once(" ;").map_or(text, |(path, _)| path).trim();
    let name = egg(path).or_else(|| name_of_archive(path)).unwrap_or_default();
    let path = path.split_once('#').map_or(path, |(path, _)| path);
    Wanted { name, spec: path.to_owned(), form: if editable { Form::Editable } else { Form::Path } }
}

pub(crate) fn is_vcs(text: &str) -> bool {
    ["git+", "hg+", "svn+", "bzr+", "git://", "git@", "ssh://"].iter().any(|scheme| text.starts_with(scheme))
}

/// The name that `#egg=name` gives.
fn egg(text: &str) -> Option<String> {
    let (_, fragment) = text.split_once('#')?;
    let egg = fragment.split('&').find_map(|part| part.strip_prefix("egg="))?;
    let name = egg.split(['[', '=', '<', '>', ' ']).next()?.trim();
    // `foo-1.0` was how a version was told to very old versions of pip.
    let name = match name.rsplit_once('-') {
        Some((before, after)) if after.starts_with(|c: char| c.is_ascii_digit()) && after.contains('.') => before,
        _ => name,
    };
    (!name.is_empty()).then(|| normalise(name))
}

/// The distribution that a wheel's or an sdist's file name tells.
fn name_of_archive(address: &str) -> Option<String> {
    let path = address.split(['?', '#']).next()?;
    let file = path.rsplit('/').next()?;
    let stem = ARCHIVES.iter().find_map(|suffix| file.strip_suffix(suffix))?;
    if super::has_suffix(file, &[".whl"]) {
        return stem.split('-').next().filter(|name| !name.is_empty()).map(normalise);
    }
    // `v1.2.zip` and `master.zip` of a code host tell no name.
    let (name, version) = stem.rsplit_once('-')?;
    let named = version.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty();
    named.then(|| normalise(name))
}

/// Splits a leading distribution name off.
fn split_name(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    // `_libgcc_mutex=0.1=main` is conda's; every other name starts and ends with a letter or a digit.
    let good_start =
        name.starts_with(|c: char| c.is_ascii_alphanumeric()) || (name.starts_with('_') && rest.starts_with('='));
    (good_start && name.ends_with(|c: char| c.is_ascii_alphanumeric())).then_some((name, rest))
}

/// Reads what stands behind `name @`.
fn read_direct(normalised: &str, title: &str, address: &str) -> Entry {
    let bare = address.split(" ;").next().unwrap_or(address).trim();
    let local = ["file:///", "/", "C:", "file://C:"].iter().any(|prefix| bare.starts_with(prefix));
    if bare.is_empty() || local {
        // `pip freeze` of a conda environment writes the folder of conda's build machine.
        let wanted = Wanted { name: normalised.to_owned(), spec: title.to_owned(), form: Form::Index };
        return Entry::Unreadable { reason: "it names a folder of another machine", wanted: Some(wanted) };
    }
    let form = match bare {
        _ if is_vcs(bare) => Form::Vcs,
        _ if bare.starts_with('.') || bare.starts_with("file:") => Form::Path,
        _ => Form::Url,
    };
    let spec =
        if form == Form::Path { bare.trim_start_matches("file:").to_owned() } else { format!("{title} @ {address}") };
    Entry::Requirement(Wanted { name: normalised.to_owned(), spec, form })
}

/// Reads `name=1.2` and `name=1.2=build`, conda's way to pin.
fn read_conda_line(name: &str, normalised: &str, rest: &str) -> Option<Entry> {
    let version = rest.strip_prefix('=').filter(|version| !version.starts_with(['=', '>', '<']))?;
    let mut parts = version.split('=').map(str::trim);
    let (number, build) = (parts.next().unwrap_or_default(), parts.next());
    if parts.next().is_some() || number.contains([' ', ',']) {
        return None;
    }
    Some(match conda::translate(name, &conda::Version::Prefix(number.to_owned(), build.map(str::to_owned))) {
        conda::Package::Python(specifier) => Entry::Python(specifier),
        conda::Package::Distribution(wanted) => Entry::Requirement(wanted),
        conda::Package::Native(_) if build.is_some() => {
            Entry::Unreadable { reason: "it is a package of conda, no Python distribution", wanted: None }
        }
        conda::Package::Native(_) => Entry::Requirement(Wanted {
            name: normalised.to_owned(),
            spec: format!("{name}=={number}"),
            form: Form::Index,
        }),
    })
}

/// Reads a set of version specifiers, with the repairs that old versions of pip did silently; `None` where nothing helps.
pub(crate) fn read_specifiers(version: &str) -> Option<String> {
    let compact: String = version.chars().filter(|c| !c.is_whitespace()).collect();
    if VersionSpecifiers::from_str(&compact).is_ok() {
        return Some(compact);
    }
    // A comma was forgotten: `>=1.7<2.0`.
    let mut separated = String::with_capacity(compact.len() + 2);
    let mut before = ',';
    for character in compact.chars() {
        let starts_operator = "<>=!~".contains(character) && !"<>=!~,".contains(before);
        if starts_operator {
            separated.push(',');
        }
        separated.push(character);
        before = character;
    }
    let parts: Vec<String> = separated.split(',').filter(|part| !part.is_empty()).map(repair_specifier).collect();
    let repaired = parts.join(",");
    VersionSpecifiers::from_str(&repaired).is_ok().then_some(repaired)
}

fn repair_specifier(part: &str) -> String {
    let end = part.find(|c: char| !"<>=!~".contains(c)).unwrap_or(part.len());
    let Some((operator, version)) = part.split_at_checked(end) else { return part.to_owned() };
    let operator = match operator {
        "=>" => ">=",
        "=<" => "<=",
        "=" => "==",
        _ => operator,
    };
    let ordered = matches!(operator, "<" | ">" | "<=" | ">=" | "~=");
    let version = if ordered { version.trim_end_matches(".*").split('+').next().unwrap_or(version) } else { version };
    if operator == "~=" && !version.contains('.') {
        format!(">={version},=={version}.*")
    } else {
        format!("{operator}{version}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wanted(name: &str, spec: &str, form: Form) -> Entry {
        Entry::Requirement(Wanted { name: name.to_owned(), spec: spec.to_owned(), form })
    }

    #[track_caller]
    fn check(line: &str, expected: &Entry) {
        assert_eq!(read_line(line), std::slice::from_ref(expected), "{line}");
    }

    #[track_caller]
    fn check_index(line: &str, name: &str, spec: &str) {
        check(line, &wanted(name, spec, Form::Index));
    }

    #[test]
    fn a_plain_requirement_keeps_its_text() {
        check_index("numpy", "numpy", "numpy");
        check_index("torch >= 1.7 , < 2", "torch", "torch>=1.7,<2");
        check_index("Scikit_Image[data]==0.19.*", "scikit-image", "Scikit_Image[data]==0.19.*");
        check_index("torch==1.10.0+cu113", "torch", "torch==1.10.0+cu113");
        check_index("requests (>=2.0)", "requests", "requests>=2.0");
    }

    #[test]
    fn markers_are_kept() {
        check_index("triton>=2;sys_platform==\"linux\"", "triton", "triton>=2 ; sys_platform==\"linux\"");
        check_index(
            "a>=1; (platform_machine=='x86_64' and sys_platform=='linux') or sys_platform=='linux2'",
            "a",
            "a>=1 ; (platform_machine=='x86_64' and sys_platform=='linux') or sys_platform=='linux2'",
        );
    }

    #[test]
    fn hashes_and_options_behind_a_requirement_are_taken_off() {
        check_index("numpy==1.20.0 --hash=sha256:aa --hash=sha256:bb", "numpy", "numpy==1.20.0");
        check_index("numpy==1.20.0 --no-binary :all:", "numpy", "numpy==1.20.0");
    }

    #[test]
    fn urls_tell_a_name_where_they_hold_one() {
        check(
            "https://host.example/torch-1.10.0-cp38-cp38-linux_x86_64.whl",
            &wanted("torch", "https://host.example/torch-1.10.0-cp38-cp38-linux_x86_64.whl", Form::Url),
        );
        check(
            "https://host.example/x/archive/master.zip",
            &wanted("", "https://host.example/x/archive/master.zip", Form::Url),
        );
        check("name @ https://host.example/a.whl", &wanted("name", "name @ https://host.example/a.whl", Form::Url));
        check(
            "clip@git+https://host.example/CLIP.git@rev",
            &wanted("clip", "clip @ git+https://host.example/CLIP.git@rev", Form::Vcs),
        );
        check(
            "-e git+https://host.example/t.git@main#egg=taming-transformers",
            &wanted("taming-transformers", "git+https://host.example/t.git@main#egg=taming-transformers", Form::Vcs),
        );
        check("git+ssh://git@host.example/a/b.git", &wanted("", "git+ssh://git@host.example/a/b.git", Form::Vcs));
        check(
            "git+https://${TOKEN}@host.example/b.git",
            &wanted("", "git+https://${TOKEN}@host.example/b.git", Form::Vcs),
        );
    }

    #[test]
    fn paths_are_told_from_names() {
        check("-e .", &wanted("", ".", Form::Editable));
        check("-e .[dev]", &wanted("", ".[dev]", Form::Editable));
        check("./submodules/x", &wanted("", "./submodules/x", Form::Path));
        check("submodules/x", &wanted("", "submodules/x", Form::Path));
        check("wheels/foo-1.0-py3-none-any.whl", &wanted("foo", "wheels/foo-1.0-py3-none-any.whl", Form::Path));
    }

    #[test]
    fn options_of_the_file_are_read() {
        check("-r other.txt", &Entry::File { path: "other.txt".to_owned(), constraint: false });
        check("--constraint=c.txt", &Entry::File { path: "c.txt".to_owned(), constraint: true });
        check("--extra-index-url https://host.example/cu118", &Entry::Index("https://host.example/cu118".to_owned()));
        check("-f https://host.example/torch.html", &Entry::Index("https://host.example/torch.html".to_owned()));
        check("--no-binary :all:", &Entry::Option("--no-binary :all:".to_owned()));
        check("--pre", &Entry::Option("--pre".to_owned()));
    }

    #[test]
    fn what_other_tools_write_is_understood() {
        check_index("numpy=1.19.2=py38h54aff64_0", "numpy", "numpy==1.19.2");
        check_index("tqdm=4.62", "tqdm", "tqdm==4.62.*");
        check_index("numpy                1.21.2", "numpy", "numpy==1.21.2");
        check_index("\"numpy>=1.0\",", "numpy", "numpy>=1.0");
        check_index("numpy>=1.0.*", "numpy", "numpy>=1.0");
        check_index("numpy>=1.7<2.0", "numpy", "numpy>=1.7,<2.0");
        check_index("pip install numpy", "numpy", "numpy");
        check("python==3.8", &Entry::Python("==3.8".to_owned()));
        check("python=3.8.5", &Entry::Python("==3.8.*".to_owned()));
    }

    #[test]
    fn what_cannot_be_installed_says_why() {
        let reason_of = |line: &str| match read_line(line).as_slice() {
            [Entry::Unreadable { reason, wanted }] => (*reason, wanted.clone().map(|wanted| wanted.spec)),
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(reason_of("These are the packages you need:").1, None);
        assert_eq!(
            reason_of("certifi @ file:///croot/certifi_1/work/certifi"),
            ("it names a folder of another machine", Some("certifi".to_owned()))
        );
        assert_eq!(reason_of("pytz==2004d-x.y").1, Some("pytz".to_owned()));
        assert_eq!(reason_of("libffi=3.3=he6710b0_2").1, None);
        assert_eq!(reason_of("-----------").1, None);
    }

    #[test]
    fn comments_and_continuations_follow_pip() {
        let text = "\u{feff}numpy  # why\nfoo \\\n  --hash=sha256:00 \\\n  --hash=sha256:11\n# all\nbar#egg\n";
        let lines: Vec<(usize, String)> =
            logical_lines(text).into_iter().map(|(line, text)| (line, text.into_owned())).collect();
        assert_eq!(lines[0], (1, "numpy".to_owned()));
        assert_eq!(lines[1].0, 2);
        assert_eq!(lines[2], (6, "bar#egg".to_owned()));
        assert_eq!(read(text)[1], (2, wanted("foo", "foo", Form::Index)));
        let text = "foo==1 \\\n  --hash=sha256:00 \\\n  # via bar\nbar==2 \\\n  --hash=sha256:11\n";
        let specs: Vec<(usize, Entry)> = read(text);
        assert_eq!(
            specs,
            [(1, wanted("foo", "foo==1", Form::Index)), (4, wanted("bar", "bar==2", Form::Index))],
            "a comment below the hashes takes nothing away from the next requirement"
        );
    }

    #[test]
    fn names_are_normalised() {
        assert_eq!(normalise("Ruamel.YAML__x"), "ruamel-yaml-x");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC*") {
            let _ = read(&text);
        }

        #[test]
        fn no_text_of_the_right_alphabet_makes_the_reader_panic(text in "[a-z0-9@=<>~!;\\[\\](),./:#+ \\\\\n\"'-]{0,60}") {
            let _ = read(&text);
        }
    }
}
