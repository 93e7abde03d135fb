//! Which packages of a Debian release bring which files. In: the distribution's Contents indexes, through apt in a
//! container; out: the files of `knowledge/tables`.

use std::time::Duration;

use repro_core::contents::{self, RELEASES};

use crate::engine::{Engine, Mount, RunRequest};
use crate::failure::could_not_tell;
use crate::project::Project;
use crate::{bases, files, report};

/// Any image with an apt can ask for any release.
const IMAGE: &str = "debian:bookworm-slim";

/// Apt fetches Contents indexes where it is told of them, and checks their signatures.
/// <https://manpages.debian.org/bookworm/apt/apt.conf.5.en.html>
const SCRIPT: &str = r#"set -e
uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)
test -n "$uri"
echo "deb $uri $1 main" > /tmp/one.list
mkdir -p /tmp/lists/partial
target() { printf '%s' "Acquire::IndexTargets::deb::$1::$2=$3"; }
apt-get -qq update -o Dir::Etc::sourcelist=/tmp/one.list -o Dir::Etc::sourceparts=- -o Dir::State::Lists=/tmp/lists \
  -o "$(target own MetaKey '$(COMPONENT)/Contents-$(ARCHITECTURE)')" -o "$(target own ShortDescription Contents)" \
  -o "$(target own Description Contents)" \
  -o "$(target all MetaKey '$(COMPONENT)/Contents-all')" -o "$(target all ShortDescription Contents)" \
  -o "$(target all Description Contents)"
for file in /tmp/lists/*Contents*; do
  /usr/lib/apt/apt-helper cat-file "$file"
done | grep -E '^(usr/include/|(usr/)?s?bin/|(usr/)?lib/([^/ ]*/)?[^/ ]*\.so|[^ ]*pkgconfig/|[^ ]*[Cc]onfig\.cmake)' > "/out/$1"
"#;

/// Asks the mirrors for every release, and writes the tables.
pub(super) fn make(engine: &Engine, project: &Project) -> anyhow::Result<()> {
    bases::ensure(engine, IMAGE, project)?;
    let folder = tempfile::Builder::new().prefix("repro-tables-").tempdir()?;
    let mut texts = Vec::new();
    for release in RELEASES {
        report::status("Fetching", format!("the Contents index of {release}"));
        let log = project.root.join("target/repro/logs/tables").join(format!("{release}.log"));
        let words = ["sh", "-c", SCRIPT, "sh", release].map(str::to_owned).to_vec();
        let outcome = engine.run(
            &RunRequest {
                image: IMAGE.to_owned(),
                name: "tables".to_owned(),
                command: Some(words),
                mounts: vec![Mount::Bind {
                    source: folder.path().to_owned(),
                    target: "/out".to_owned(),
                    read_only: false,
                }],
                timeout: Some(Duration::from_mins(20)),
                user: Some("0".to_owned()),
                ..RunRequest::default()
            },
            &log,
            &mut |_| {},
        )?;
        if outcome.exit_code != 0 {
            return Err(could_not_tell(format!(
                "the index of {release} could not be had; see {}\nhint: containers must reach a mirror of the distribution",
                log.display()
            )));
        }
        texts.push(String::from_utf8_lossy(&fs_err::read(folder.path().join(release))?).into_owned());
    }
    let [a, b, c] = texts.as_slice() else { anyhow::bail!("an index is missing") };
    let (map, packages) = contents::build([a, b, c])?;
    let tables = project.root.join("knowledge/tables");
    fs_err::create_dir_all(&tables)?;
    files::write_if_changed(&tables.join("contents.fst"), &map)?;
    files::write_if_changed(&tables.join("contents-packages.txt"), packages.as_bytes())?;
    report::status("Wrote", format!("{} ({} and {} bytes)", tables.display(), map.len(), packages.len()));
    Ok(())
}
