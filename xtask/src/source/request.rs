//! What a user typed, as a request.
//!
//! In: the argument (`USER/REPO`, a URL) and the value of `--source`. Out: a [`SourceRequest`] or a [`UsageError`] with
//! a hint. Pure text: no file is looked at and no server asked.

use std::path::PathBuf;

/// Where plain `USER/REPO` lives.
const DEFAULT_HOST: &str = "github.com";
/// Hosts that serve the same repository under `https://HOST/USER/REPO` to everybody.
const PUBLIC_HOSTS: [&str; 5] = ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "huggingface.co"];

/// A repository that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceRequest {
    /// First part of the folder of results.
    pub(crate) user: String,
    /// Second part of the folder of results, and the name of the checkout in the image.
    pub(crate) repo: String,
    /// What a Dockerfile fetches from, whatever the files come from.
    pub(crate) upstream: String,
    pub(crate) location: Location,
}

/// Where the files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    Git {
        url: String,
        /// `HOST/PATH`, safe as a relative path.
        cache_key: String,
        revision: Revision,
    },
    Folder {
        path: PathBuf,
        /// The commit that it has to be at.
        revision: Option<String>,
    },
    Sdist {
        /// Normalised distribution name.
        name: String,
        version: Option<String>,
    },
}

/// Which commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Revision {
    /// The newest of the default branch.
    Default,
    /// A branch, a tag, or a hash (perhaps shortened).
    Named(String),
    /// A branch, perhaps with slashes in it, and perhaps a folder after it; only the server knows where one ends.
    Path(String),
}

/// What was typed makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}\nhint: {hint}")]
pub(crate) struct UsageError {
    pub(crate) message: String,
    pub(crate) hint: String,
}

fn wrong<T>(message: impl Into<String>, hint: impl Into<String>) -> Result<T, UsageError> {
    Err(UsageError { message: message.into(), hint: hint.into() })
}

const FORMS: &str = "write `USER/REPO`, `USER/REPO@REVISION` or a URL such as `https://github.com/USER/REPO`";

impl SourceRequest {
    /// Reads the argument of a command and its `--source` option.
    pub(crate) fn parse(argument: &str, source: Option<&str>) -> Result<Self, UsageError> {
        let named = Named::parse(argument.trim())?;
        let Named { user, repo, url, cache_key, revision } = named;
        let upstream = public_url(&url);
        let location = match source.map(str::trim) {
            None => Location::Git { url, cache_key, revision },
            Some("") => return wrong("`--source` is empty", "name a folder, or `pypi:NAME[==VERSION]`"),
            Some(text) => match text.strip_prefix("pypi:") {
                Some(requirement) => {
                    if revision != Revision::Default {
                        return wrong(
                            format!("`{argument}` names a revision, and `--source {text}` is a release"),
                            "name the release instead: `--source pypi:NAME==VERSION`",
                        );
                    }
                    sdist(requirement)?
                }
                None if text.contains("://") => {
                    return wrong(
                        format!("`--source {text}` is a URL"),
                        "pass the URL instead of `USER/REPO`, without `--source`",
                    );
                }
                None => {
                    let revision = match revision {
                        Revision::Default => None,
                        Revision::Named(name) | Revision::Path(name) => Some(name),
                    };
                    Location::Folder { path: PathBuf::from(text), revision }
                }
            },
        };
        Ok(Self { user, repo, upstream, location })
    }
}

/// A git repository as an argument names it.
struct Named {
    user: String,
    repo: String,
    url: String,
    cache_key: String,
    revision: Revision,
}

impl Named {
    fn parse(argument: &str) -> Result<Self, UsageError> {
        if argument.is_empty() {
            return wrong("no repository is named", FORMS);
        }
        if let Some((name, version)) = argument.strip_prefix("pypi:").map(|rest| (rest, "")) {
            return wrong(
                format!("`{argument}` names no repository{version}"),
                format!("name the folder of results too: `USER/REPO --source pypi:{name}`"),
            );
        }
        if argument.starts_with(['/', '.', '~']) {
            return wrong(
                format!("`{argument}` is a path"),
                format!("for a folder at hand, name the repository too: `USER/REPO --source {argument}`"),
            );
        }
        if let Some((scheme, rest)) = argument.split_once("://") {
            return Self::url(argument, &scheme.to_ascii_lowercase(), rest);
        }
        // git@host:USER/REPO.git
        if let Some((host, path)) = argument.split_once(':')
            && host.contains('@')
        {
            if path.starts_with('/') || host.starts_with('-') {
                return wrong(format!("`{argument}` is not understood"), FORMS);
            }
            let (path, revision) = after_at(path)?;
            let (user, repo) = folder_names(argument, path.trim_end_matches('/'))?;
            let name = host.rsplit('@').next().unwrap_or(host);
            let cache_key = cache_key(argument, name, path)?;
            return Ok(Self { user, repo, url: format!("{host}:{path}"), cache_key, revision });
        }
        // github.com/USER/REPO, as copied from a browser that hides the scheme.
        if argument.split('/').next().is_some_and(|first| PUBLIC_HOSTS.contains(&first)) {
            return Self::url(argument, "https", argument);
        }
        let (path, revision) = after_at(argument)?;
        if path.matches('/').count() != 1 {
            return wrong(format!("`{argument}` is not `USER/REPO`"), FORMS);
        }
        let (user, repo) = folder_names(argument, path)?;
        let url = format!("https://{DEFAULT_HOST}/{user}/{repo}");
        let cache_key = format!("{DEFAULT_HOST}/{user}/{repo}");
        Ok(Self { user, repo, url, cache_key, revision })
    }

    /// `rest` is what follows `scheme://`.
    fn url(argument: &str, scheme: &str, rest: &str) -> Result<Self, UsageError> {
        if !["https", "http", "ssh", "git", "git+https", "git+ssh"].contains(&scheme) {
            let hint = if scheme == "file" {
                "for a folder at hand: `USER/REPO --source DIR`"
            } else {
                "use an https or ssh URL"
            };
            return wrong(format!("`{argument}` has a scheme that is not supported"), hint);
        }
        let scheme = scheme.trim_start_matches("git+");
        let rest = rest.split(['#', '?']).next().unwrap_or(rest);
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (account, host) = match authority.rsplit_once('@') {
            Some((account, host)) => (Some(account), host),
            None => (None, authority),
        };
        if account.is_some_and(|account| scheme != "ssh" || account.contains(':')) {
            return wrong(
                "the URL holds credentials, and they would end up in the Dockerfile",
                "for a private repository, clone it yourself and pass the folder: `USER/REPO --source DIR`",
            );
        }
        let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let mut revision = Revision::Default;
        // /USER/REPO/tree/BRANCH/folder, and /USER/REPO/-/tree/BRANCH elsewhere
        let marker = parts.iter().skip(2).position(|part| {
            matches!(
                *part,
                "tree" | "blob" | "commit" | "commits" | "raw" | "resolve" | "-" | "releases" | "pull" | "issues"
            )
        });
        if let Some(at) = marker.map(|at| at + 2) {
            let tail: Vec<&str> = parts.split_off(at);
            let mut tail = tail.into_iter().skip_while(|part| *part == "-");
            let word = tail.next().unwrap_or("");
            let tail: Vec<&str> = tail.collect();
            revision = match (word, tail.as_slice()) {
                (_, []) => Revision::Default,
                ("commit", [hash, ..]) => Revision::Named(checked_revision(hash)?),
                ("releases", ["tag", tag @ ..]) if !tag.is_empty() => {
                    Revision::Named(checked_revision(&tag.join("/"))?)
                }
                ("pull", [number, ..]) => Revision::Named(checked_revision(&format!("pull/{number}/head"))?),
                ("tree" | "blob" | "commits" | "raw" | "resolve", tail) => {
                    let path = tail.join("/");
                    let path = path.replace("%2F", "/").replace("%2f", "/").replace("%23", "#");
                    Revision::Path(checked_revision(&path)?)
                }
                _ => Revision::Default,
            };
        }
        let mut path = parts.join("/");
        if revision == Revision::Default {
            let (before, found) = after_at(&path)?;
            revision = found;
            path = before.to_owned();
        }
        let (user, repo) = folder_names(argument, &path)?;
        let bare = path.strip_suffix(".git").unwrap_or(&path);
        let url = match (scheme, host) {
            ("https" | "http", "github.com" | "www.github.com") => format!("https://{DEFAULT_HOST}/{user}/{repo}"),
            ("https" | "http", _) if PUBLIC_HOSTS.contains(&host) => format!("https://{host}/{bare}"),
            _ => match account {
                Some(account) => format!("{scheme}://{account}@{host}/{path}"),
                None => format!("{scheme}://{host}/{path}"),
            },
        };
        let cache_key = cache_key(argument, host.trim_start_matches("www."), &path)?;
        Ok(Self { user, repo, url, cache_key, revision })
    }
}

/// Splits `PATH@REVISION`.
fn after_at(text: &str) -> Result<(&str, Revision), UsageError> {
    match text.split_once('@') {
        None => Ok((text, Revision::Default)),
        Some((path, revision)) => {
            let revision = revision.strip_prefix("refs/").unwrap_or(revision);
            let revision =
                if revision == "HEAD" { Revision::Default } else { Revision::Named(checked_revision(revision)?) };
            Ok((path, revision))
        }
    }
}

/// Refuses what git would not take as the name of a branch, or could take as an option or a range.
/// The rules: <https://git-scm.com/docs/git-check-ref-format>
fn checked_revision(revision: &str) -> Result<String, UsageError> {
    if revision.is_empty() {
        return wrong("the revision after `@` is empty", "name a branch, a tag or a commit, or leave `@` away");
    }
    let odd = |character: char| character.is_whitespace() || character.is_control() || "~^:?*[\\".contains(character);
    let broken = revision.starts_with(['-', '/', '.'])
        || revision.ends_with(['/', '.'])
        || revision.contains("..")
        || revision.contains("//")
        || revision.contains("/.")
        || revision.contains("@{")
        || revision.split('/').any(|part| part.strip_suffix(".lock").is_some())
        || revision.len() > 255
        || revision.contains(odd);
    if broken {
        return wrong(
            format!("`{}` cannot be the name of a branch, tag or commit", revision.escape_debug()),
            "name a branch, a tag or a commit hash",
        );
    }
    Ok(revision.to_owned())
}

/// The two names of the folder of results, out of the path of a URL: the last part, and what stands before it.
fn folder_names(argument: &str, path: &str) -> Result<(String, String), UsageError> {
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    // Hugging Face: /spaces/USER/REPO
    if parts.len() == 3 && matches!(parts.first(), Some(&"spaces" | &"datasets")) {
        parts.remove(0);
    }
    let Some((repo, users)) = parts.split_last().filter(|(_, users)| !users.is_empty()) else {
        return wrong(format!("`{}` names no `USER/REPO`", argument.escape_debug()), FORMS);
    };
    let repo = repo.strip_suffix(".git").unwrap_or(repo);
    for part in users.iter().copied().chain([repo]) {
        check_name(part)?;
    }
    // Groups within groups (GitLab) become one name.
    Ok((users.join("-"), repo.to_owned()))
}

/// Refuses names that are no names of users or repositories anywhere, and would be trouble as names of folders.
fn check_name(name: &str) -> Result<(), UsageError> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    let fine = !name.is_empty()
        && name.len() <= 100
        && name.chars().all(allowed)
        && !name.starts_with('-')
        && !name.contains("..")
        && !matches!(name, "." | ".git");
    if fine {
        return Ok(());
    }
    wrong(
        format!("`{}` cannot be the name of a user or repository", name.escape_debug()),
        "names consist of letters, digits, `.`, `-` and `_`, and do not begin with `-`",
    )
}

/// A relative path for the cache that no two repositories share.
fn cache_key(argument: &str, host: &str, path: &str) -> Result<String, UsageError> {
    let host = host.to_ascii_lowercase();
    let fine = |character: char| character.is_ascii_alphanumeric() || ".-:[]".contains(character);
    if host.is_empty() || host.starts_with(['-', '.']) || !host.chars().all(fine) {
        return wrong(format!("`{}` names no host", argument.escape_debug()), FORMS);
    }
    let host: String = host.chars().map(|c| if ":[]".contains(c) { '_' } else { c }).collect();
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    Ok(format!("{host}/{path}"))
}

/// The https form of an ssh URL on a public host: nobody's key is in a build.
fn public_url(url: &str) -> String {
    let (host, path) = match url.split_once("://") {
        Some(("ssh" | "git", rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = authority.rsplit('@').next().unwrap_or(authority);
            (host.split(':').next().unwrap_or(host), path)
        }
        Some(_) => return url.to_owned(),
        None => match url.split_once(':') {
            Some((authority, path)) => (authority.rsplit('@').next().unwrap_or(authority), path),
            None => return url.to_owned(),
        },
    };
    if PUBLIC_HOSTS.contains(&host) {
        format!("https://{host}/{}", path.strip_suffix(".git").unwrap_or(path))
    } else {
        url.to_owned()
    }
}

/// `NAME` or `NAME==VERSION` of `--source pypi:`.
fn sdist(requirement: &str) -> Result<Location, UsageError> {
    let (name, version) = match requirement.split_once("==") {
        Some((name, version)) => (name.trim(), Some(version.trim())),
        None => (requirement.trim(), None),
    };
    let hint = "write `--source pypi:NAME` or `--source pypi:NAME==VERSION`";
    // https://packaging.python.org/en/latest/specifications/name-normalization/
    let inner = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    let edge = |character: Option<char>| character.is_some_and(|character| character.is_ascii_alphanumeric());
    if !edge(name.chars().next()) || !edge(name.chars().last()) || !name.chars().all(inner) || name.len() > 100 {
        return wrong(format!("`{}` is not the name of a distribution", name.escape_debug()), hint);
    }
    let version = match version {
        None => None,
        Some(text) => match text.parse::<pep440_rs::Version>() {
            Ok(version) => Some(version.to_string()),
            Err(_) => return wrong(format!("`{}` is not a version", text.escape_debug()), hint),
        },
    };
    let parts: Vec<&str> = name.split(['.', '_', '-']).filter(|part| !part.is_empty()).collect();
    Ok(Location::Sdist { name: parts.join("-").to_ascii_lowercase(), version })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(argument: &str) -> SourceRequest {
        SourceRequest::parse(argument, None).unwrap()
    }

    /// `expected`: name of the results, URL, revision (`*` before one whose end only the server knows).
    #[track_caller]
    fn check(argument: &str, expected: (&str, &str, &str)) {
        let request = parse(argument);
        let Location::Git { url, revision, .. } = &request.location else { panic!("{request:?}") };
        let revision = match revision {
            Revision::Default => String::new(),
            Revision::Named(name) => name.clone(),
            Revision::Path(path) => format!("*{path}"),
        };
        let name = format!("{}/{}", request.user, request.repo);
        assert_eq!((name.as_str(), url.as_str(), revision.as_str()), expected);
    }

    #[track_caller]
    fn check_refused(argument: &str, source: Option<&str>, message: &str) {
        let error = SourceRequest::parse(argument, source).unwrap_err();
        assert!(error.message.contains(message), "{error}");
        assert!(error.to_string().contains("\nhint: "), "{error}");
    }

    #[test]
    fn user_and_repository_mean_github() {
        check("openai/whisper", ("openai/whisper", "https://github.com/openai/whisper", ""));
        check("openai/whisper@v20231117", ("openai/whisper", "https://github.com/openai/whisper", "v20231117"));
        check("openai/whisper@feature/x", ("openai/whisper", "https://github.com/openai/whisper", "feature/x"));
        check("a/b@refs/heads/main", ("a/b", "https://github.com/a/b", "heads/main"));
    }

    #[test]
    fn https_urls_are_cut_to_the_repository() {
        for url in [
            "https://github.com/openai/whisper",
            "https://github.com/openai/whisper/",
            "https://github.com/openai/whisper.git",
            "https://www.github.com/openai/whisper?tab=readme-ov-file#setup",
            "http://github.com/openai/whisper/issues/12",
            "github.com/openai/whisper",
            "git+https://github.com/openai/whisper.git",
        ] {
            check(url, ("openai/whisper", "https://github.com/openai/whisper", ""));
        }
    }

    #[test]
    fn urls_of_branches_and_commits_name_the_revision() {
        let url = "https://github.com/a/b";
        check("https://github.com/a/b/tree/dev", ("a/b", url, "*dev"));
        check("https://github.com/a/b/tree/feature/x/src", ("a/b", url, "*feature/x/src"));
        check("https://github.com/a/b/blob/main/README.md", ("a/b", url, "*main/README.md"));
        check("https://github.com/a/b/commit/0123456", ("a/b", url, "0123456"));
        check("https://github.com/a/b/releases/tag/v1.0", ("a/b", url, "v1.0"));
        check("https://github.com/a/b/pull/12/files", ("a/b", url, "pull/12/head"));
        check("git+https://github.com/a/b.git@v2", ("a/b", url, "v2"));
    }

    #[test]
    fn other_hosts_keep_their_urls() {
        check("https://gitlab.com/g/sub/p/-/tree/main", ("g-sub/p", "https://gitlab.com/g/sub/p", "*main"));
        check("https://huggingface.co/u/m/tree/main", ("u/m", "https://huggingface.co/u/m", "*main"));
        check("https://huggingface.co/spaces/u/m", ("u/m", "https://huggingface.co/spaces/u/m", ""));
        check("https://git.example.org:8443/u/p.git", ("u/p", "https://git.example.org:8443/u/p.git", ""));
    }

    #[test]
    fn ssh_urls_are_fetched_by_ssh_and_built_by_https_where_everybody_may() {
        check("git@github.com:a/b.git", ("a/b", "git@github.com:a/b.git", ""));
        check("git@github.com:a/b.git@v1", ("a/b", "git@github.com:a/b.git", "v1"));
        check("ssh://git@github.com/a/b.git", ("a/b", "ssh://git@github.com/a/b.git", ""));
        assert_eq!(parse("git@github.com:a/b.git").upstream, "https://github.com/a/b");
        assert_eq!(parse("ssh://git@gitlab.com:22/a/b.git").upstream, "https://gitlab.com/a/b");
        assert_eq!(parse("git@git.example.org:a/b.git").upstream, "git@git.example.org:a/b.git");
    }

    #[test]
    fn no_two_repositories_share_a_cache() {
        let key = |argument: &str| match parse(argument).location {
            Location::Git { cache_key, .. } => cache_key,
            other => panic!("{other:?}"),
        };
        assert_eq!(key("a/b"), "github.com/a/b");
        assert_eq!(key("a/b"), key("git@github.com:a/b.git"));
        assert_eq!(key("https://git.example.org:8443/u/p.git"), "git.example.org_8443/u/p");
        assert_ne!(key("https://huggingface.co/spaces/u/m"), key("https://huggingface.co/u/m"));
    }

    #[test]
    fn a_folder_or_a_release_can_stand_for_the_files() {
        let request = SourceRequest::parse("a/b", Some("../b")).unwrap();
        assert_eq!(request.location, Location::Folder { path: "../b".into(), revision: None });
        assert_eq!(request.upstream, "https://github.com/a/b");
        let request = SourceRequest::parse("a/b@abc1234", Some("../b")).unwrap();
        assert_eq!(request.location, Location::Folder { path: "../b".into(), revision: Some("abc1234".to_owned()) });
        let request = SourceRequest::parse("a/b", Some("pypi:Py_WebRTC.VAD==2.0.10")).unwrap();
        let version = Some("2.0.10".to_owned());
        assert_eq!(request.location, Location::Sdist { name: "py-webrtc-vad".to_owned(), version });
    }

    #[test]
    fn names_that_would_be_trouble_are_refused() {
        check_refused("", None, "no repository");
        check_refused("whisper", None, "is not `USER/REPO`");
        check_refused("a/b/c", None, "is not `USER/REPO`");
        check_refused("../etc", None, "is a path");
        check_refused("/srv/checkout", None, "is a path");
        check_refused("a/..", None, "cannot be the name");
        check_refused("-a/b", None, "cannot be the name");
        check_refused("a/-b", None, "cannot be the name");
        check_refused("a/b c", None, "cannot be the name");
        check_refused("a/b\nc", None, "cannot be the name");
        check_refused("a/.git", None, "cannot be the name");
        check_refused("https://github.com/a", None, "names no `USER/REPO`");
        check_refused("https://gitlab.com/../../x/y", None, "cannot be the name");
        check_refused("a/b@", None, "is empty");
        check_refused("a/b@--upload-pack=x", None, "cannot be the name of a branch");
        check_refused("a/b@x..y", None, "cannot be the name of a branch");
        check_refused("file:///srv/x", None, "not supported");
        check_refused("ext::sh -c x", None, "");
        check_refused("https://user:token@github.com/a/b", None, "credentials");
        check_refused("https://token@github.com/a/b", None, "credentials");
        check_refused("pypi:six", None, "names no repository");
    }

    #[test]
    fn sources_that_make_no_sense_are_refused() {
        check_refused("a/b", Some(""), "is empty");
        check_refused("a/b", Some("https://github.com/a/b"), "is a URL");
        check_refused("a/b", Some("pypi:"), "is not the name of a distribution");
        check_refused("a/b", Some("pypi:six>=1"), "is not the name of a distribution");
        check_refused("a/b", Some("pypi:six==x"), "is not a version");
        check_refused("a/b@v1", Some("pypi:six"), "is a release");
    }
}
