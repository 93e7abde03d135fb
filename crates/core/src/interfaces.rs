//! When modules, names, attributes and parameters came into libraries and went. In: the two files of `knowledge/tables` that
//! `cargo xtask tables interfaces` writes. Out: the releases in which something is there. Nothing is decoded before a
//! question is asked.

use std::collections::BTreeMap;

use fst::{IntoStreamer as _, Streamer as _};
use serde::Deserialize;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked<'a> {
    Module(&'a str),
    /// A module, and a name in it.
    Name(&'a str, &'a str),
    /// A class, without its module, and an attribute.
    Attribute(&'a str, &'a str),
    /// A function, `Class.method` where it is one, and a parameter.
    Parameter(&'a str, &'a str),
}

impl Asked<'_> {
    fn key(self) -> String {
        match self {
            Self::Module(module) => format!("m:{module}"),
            Self::Name(module, name) => format!("n:{module}:{name}"),
            Self::Attribute(class, name) => format!("a:{class}.{name}"),
            Self::Parameter(function, name) => format!("k:{function}:{name}"),
        }
    }
}

/// In which releases of a library something is there; at least one of the two is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifetime {
    /// Normalised name of the distribution.
    pub library: String,
    /// The first release that has it; `None` where the oldest that was looked at has.
    pub since: Option<String>,
    /// The first release that lacks it again; `None` where the newest has it.
    pub until: Option<String>,
}

/// What `interfaces.py` says about one library.
#[derive(Debug, Clone, Deserialize)]
pub struct Changes {
    pub library: String,
    pub releases: Vec<String>,
    /// Key -> numbers of releases.
    pub keys: BTreeMap<String, (u16, Option<u16>)>,
}

/// Stands between a key and its library.
const BETWEEN: char = '\t';

/// The two files of the table: the index, and the releases of each library on a line of its own.
///
/// # Errors
/// Where the index cannot be put together; nothing in the input makes it so.
pub fn build(libraries: &[Changes]) -> Result<(Vec<u8>, String), fst::Error> {
    let mut keys: BTreeMap<String, u64> = BTreeMap::new();
    let mut text = String::new();
    for (number, one) in libraries.iter().enumerate() {
        text.push_str(&format!("{} {}\n", one.library, one.releases.join(" ")));
        for (key, (since, until)) in &one.keys {
            let until = until.map_or(0, |until| u64::from(until) + 1);
            let value = (number as u64) << 32 | u64::from(*since) << 16 | until;
            keys.insert(format!("{key}{BETWEEN}{}", one.library), value);
        }
    }
    let mut map = fst::MapBuilder::memory();
    for (key, value) in keys {
        map.insert(key, value)?;
    }
    Ok((map.into_inner()?, text))
}

/// The index.
#[derive(Debug)]
pub struct Interfaces {
    keys: fst::Map<&'static [u8]>,
    releases: &'static str,
}

impl Interfaces {
    /// `None` where the files are not what the table's command writes.
    pub fn new(keys: &'static [u8], releases: &'static str) -> Option<Self> {
        Some(Self { keys: fst::Map::new(keys).ok()?, releases })
    }

    /// Was this library looked at?
    pub fn covers(&self, library: &str) -> bool {
        self.releases.lines().any(|line| line.split(' ').next() == Some(library))
    }

    /// The lifetimes of what was asked for, one for each library that has had it and has changed it.
    pub fn lifetimes(&self, asked: Asked<'_>) -> Vec<Lifetime> {
        let key = asked.key();
        let (from, to) = (format!("{key}{BETWEEN}"), format!("{key}{}", char::from(BETWEEN as u8 + 1)));
        let mut found = Vec::new();
        let mut keys = self.keys.range().ge(from).lt(to).into_stream();
        while let Some((_, value)) = keys.next() {
            let part = |shift: u32| usize::try_from(value >> shift & 0xffff).unwrap_or_default();
            let Some(line) = self.releases.lines().nth(part(32)) else { continue };
            let mut words = line.split(' ').map(str::to_owned);
            let Some(library) = words.next() else { continue };
            let releases: Vec<String> = words.collect();
            let release = |number: usize| releases.get(number.checked_sub(1)?).cloned();
            // The oldest release that was looked at says nothing about those before it.
            let since = Some(part(16)).filter(|since| *since > 0).and_then(|since| release(since + 1));
            found.push(Lifetime { library, since, until: release(part(0)) });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Interfaces {
        let changes = |library: &str, keys: &[(&str, u16, Option<u16>)]| Changes {
            library: library.to_owned(),
            releases: ["1.0", "1.1", "2.0"].map(str::to_owned).to_vec(),
            keys: keys.iter().map(|(key, since, until)| ((*key).to_owned(), (*since, *until))).collect(),
        };
        let (keys, releases) = build(&[
            changes("eye", &[("n:eye.look:see", 0, Some(2)), ("m:eye.look", 1, None), ("a:Lens.focus", 1, Some(2))]),
            changes("ear", &[("a:Lens.focus", 0, Some(1)), ("k:hear:loud", 2, None), ("n:eye.look:seen", 0, Some(1))]),
        ])
        .unwrap();
        Interfaces::new(keys.leak(), releases.leak()).unwrap()
    }

    #[test]
    fn what_came_and_went_is_known_by_library() {
        let index = index();
        let check = |asked: Asked<'_>, expected: &[(&str, Option<&str>, Option<&str>)]| {
            let found = index.lifetimes(asked);
            let found: Vec<_> =
                found.iter().map(|one| (one.library.as_str(), one.since.as_deref(), one.until.as_deref())).collect();
            assert_eq!(found, expected, "{asked:?}");
        };
        check(Asked::Name("eye.look", "see"), &[("eye", None, Some("2.0"))]);
        check(Asked::Module("eye.look"), &[("eye", Some("1.1"), None)]);
        check(Asked::Attribute("Lens", "focus"), &[("ear", None, Some("1.1")), ("eye", Some("1.1"), Some("2.0"))]);
        check(Asked::Parameter("hear", "loud"), &[("ear", Some("2.0"), None)]);
        check(Asked::Name("eye.look", "se"), &[]);
        assert!(index.covers("eye") && !index.covers("ey"));
    }
}
