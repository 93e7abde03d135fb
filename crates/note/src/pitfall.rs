//! The typed form of a `toml pitfall` block: who is affected, how it shows in a log, what mends it. Data only.

use std::collections::BTreeMap;

use jiff::civil::Date;
use pep440_rs::VersionSpecifiers;
use serde::{Deserialize, Deserializer};

/// One pitfall of a note: its block, and what the Markdown around the block says.
#[derive(Debug, Clone)]
pub struct Pitfall {
    /// The code span of its heading, unique within the note.
    pub id: String,
    /// The rest of the heading: the symptom in plain words.
    pub symptom: String,
    /// The first sentence under the heading: why it happens.
    pub cause: String,
    /// The links in its prose, in order; the first one is cited.
    pub sources: Vec<String>,
    /// Line of its heading, from 1.
    pub line: usize,
    /// Bytes of its heading.
    pub span: std::ops::Range<usize>,
    pub block: PitfallBlock,
    /// Bytes of its block's content.
    pub block_span: std::ops::Range<usize>,
    pub logs: Vec<crate::LogSample>,
    pub proofs: Vec<crate::Located<crate::Proof>>,
}

/// The fenced block itself. Unknown keys are findings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PitfallBlock {
    pub kind: PitfallKind,
    /// When it strikes; empty means at any time.
    #[serde(default)]
    pub phase: Vec<Phase>,
    /// Versions of the library that have it.
    pub affects: Option<VersionSpecifiers>,
    /// Python versions that have it.
    pub python: Option<VersionSpecifiers>,
    /// Release names (`bookworm`), distributions (`debian`) or image name prefixes (`nvcr.io/nvidia/pytorch`).
    #[serde(default)]
    pub platforms: Vec<String>,
    /// `true`: only in images that get a GPU; `false`: only in those that do not.
    pub gpu: Option<bool>,
    /// Only repositories committed on this day or later.
    #[serde(default, deserialize_with = "date")]
    pub after: Option<Date>,
    /// Only repositories committed before this day.
    #[serde(default, deserialize_with = "date")]
    pub before: Option<Date>,
    #[serde(default)]
    pub when: When,
    /// Regular expressions, each with a literal of at least six bytes; any of them makes the diagnosis.
    #[serde(default)]
    pub log: Vec<String>,
    /// Regular expressions that rule the diagnosis out when they match anywhere in the log.
    #[serde(default)]
    pub not: Vec<String>,
    /// How specific the patterns are, which decides the order of diagnoses.
    #[serde(default)]
    pub rank: Rank,
    /// The first one whose `when` holds and whose placeholders can be filled in is taken.
    #[serde(default)]
    pub fix: Vec<Fix>,
    /// `false` where only the host or upstream can mend it; the prose says how.
    #[serde(default = "yes")]
    pub fixable: bool,
    /// Why there is no proof: what a container without a GPU cannot show.
    pub unproved: Option<String>,
    /// Ids live for ever: a pitfall that no longer exists is retired, never deleted.
    #[serde(default)]
    pub retired: bool,
}

/// Is it prevented before the first build, cured after a failure, or both?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PitfallKind {
    Preventive,
    Curative,
    Both,
}

/// A phase of a repository's life in the tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Lock,
    Build,
    Run,
}

/// How specific a pitfall's patterns are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// Names what went wrong in one library.
    #[default]
    Specific,
    /// A family of failures that a table solves.
    Family,
    /// Says only that something went wrong; wins where nothing else matches.
    Last,
}

/// Conditions on the program and its surroundings. All that are given must hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// Any of these modules (or one below it) is imported.
    pub imports: Vec<String>,
    /// Any of these functions is called, by dotted name.
    pub calls: Vec<String>,
    /// Any of these distributions is present.
    pub distributions: Vec<String>,
    /// None of these distributions is present.
    pub absent: Vec<String>,
    /// As in a pitfall's `platforms`.
    pub platforms: Vec<String>,
    pub python: Option<VersionSpecifiers>,
    pub affects: Option<VersionSpecifiers>,
    pub gpu: Option<bool>,
    pub phase: Vec<Phase>,
}

impl When {
    /// Does this ask for nothing?
    pub fn is_empty(&self) -> bool {
        self.imports.is_empty()
            && self.calls.is_empty()
            && self.distributions.is_empty()
            && self.absent.is_empty()
            && self.platforms.is_empty()
            && self.python.is_none()
            && self.affects.is_none()
            && self.gpu.is_none()
            && self.phase.is_empty()
    }
}

/// One fix: all of its edits are applied together. Keys are the kinds of [`Edit`](crate::Edit).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fix {
    pub when: When,
    pub apt: Option<Packages>,
    pub pip_pin: Strings,
    pub pip_add: Strings,
    pub pip_remove: Strings,
    pub pip_flag: Strings,
    pub env: Strings,
    pub base_image: Option<Choice>,
    pub run_flag: Strings,
    pub order: Strings,
    pub command: Strings,
    pub upstream_patch: Strings,
}

/// One string or a list of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strings(pub Vec<String>);

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StringsVisitor).map(Strings)
    }
}

struct StringsVisitor;

impl<'de> serde::de::Visitor<'de> for StringsVisitor {
    type Value = Vec<String>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a string or a list of strings")
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(vec![value.to_owned()])
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element::<String>()? {
            values.push(value);
        }
        Ok(values)
    }
}

/// Packages of the distribution, the same everywhere or by release.
///
/// `"libgl1"`, `["libgl1", "libegl1"]`, or `{ any = […], bookworm = […], trixie = […] }`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packages {
    /// Wanted on every release.
    pub any: Vec<String>,
    /// Wanted on one release, by its code name.
    pub by_release: BTreeMap<String, Vec<String>>,
}

/// Releases whose package names are those of another one in the respects that notes speak about.
const NAMED_LIKE: [(&str, &str); 6] = [
    ("noble", "trixie"),
    ("plucky", "trixie"),
    ("forky", "trixie"),
    ("sid", "trixie"),
    ("jammy", "bookworm"),
    ("focal", "bullseye"),
];

/// The Debian release whose package names another release shares, where it is none of those in the tables.
pub fn named_like(release: &str) -> Option<&'static str> {
    NAMED_LIKE.iter().find(|(name, _)| *name == release).map(|(_, like)| *like)
}

impl Packages {
    /// The packages to install on `release` (a code name). A release that is not named takes the names of its nearest
    /// relative: newer ones those of trixie, older ones those of bookworm.
    pub fn on(&self, release: Option<&str>) -> Vec<String> {
        let mut packages = self.any.clone();
        let wanted = release.unwrap_or("bookworm");
        let relative = named_like(wanted).unwrap_or("bookworm");
        let named = self.by_release.get(wanted).or_else(|| self.by_release.get(relative));
        let named = named.or_else(|| self.by_release.get("bookworm")).or_else(|| self.by_release.values().next());
        packages.extend(named.into_iter().flatten().cloned());
        packages
    }
}

impl Packages {
    /// As [`Self::on`], without relatives: a Debian release that has no entry of its own has no such package.
    pub fn exactly_on(&self, release: Option<&str>) -> Option<Vec<String>> {
        const DEBIAN: [&str; 3] = ["bullseye", "bookworm", "trixie"];
        let missing = self.any.is_empty()
            && release.is_some_and(|release| DEBIAN.contains(&release) && !self.by_release.contains_key(release));
        (!missing).then(|| self.on(release))
    }
}

impl<'de> Deserialize<'de> for Packages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Packages;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a package, a list of packages, or a table of lists by release")
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Packages, E> {
                Ok(Packages { any: vec![value.to_owned()], by_release: BTreeMap::new() })
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, sequence: A) -> Result<Packages, A::Error> {
                Ok(Packages { any: StringsVisitor.visit_seq(sequence)?, by_release: BTreeMap::new() })
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Packages, A::Error> {
                let mut packages = Packages::default();
                while let Some((release, Strings(names))) = map.next_entry::<String, Strings>()? {
                    if release == "any" {
                        packages.any = names;
                    } else {
                        packages.by_release.insert(release, names);
                    }
                }
                Ok(packages)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A base image by name; the planner replaces the placeholders.
pub type Choice = String;

fn yes() -> bool {
    true
}

/// A TOML date as a civil date.
pub(crate) fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    let value = toml::value::Datetime::deserialize(deserializer)?;
    let date = value.date.ok_or_else(|| serde::de::Error::custom("expected a date such as 2024-06-16"))?;
    let year = i16::try_from(date.year).map_err(serde::de::Error::custom)?;
    let month = i8::try_from(date.month).map_err(serde::de::Error::custom)?;
    let day = i8::try_from(date.day).map_err(serde::de::Error::custom)?;
    Date::new(year, month, day).map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_differ_by_release_and_fall_back_to_a_relative() {
        let fix: Fix = toml::from_str("apt.any = ['libgl1']\napt.bookworm = ['a']\napt.trixie = 'at64'").unwrap();
        let apt = fix.apt.unwrap();
        assert_eq!(apt.on(Some("trixie")), ["libgl1", "at64"]);
        assert_eq!(apt.on(Some("noble")), ["libgl1", "at64"]);
        assert_eq!(apt.on(Some("bullseye")), ["libgl1", "a"]);
        assert_eq!(apt.on(None), ["libgl1", "a"]);
    }

    #[test]
    fn a_typing_error_in_a_key_names_the_key() {
        let error = toml::from_str::<PitfallBlock>("kind = 'both'\n[[fix]]\natp = ['x']").unwrap_err();
        assert!(error.message().contains("unknown field `atp`"), "{error}");
        assert!(error.span().is_some());
    }

    #[test]
    fn dates_are_civil_dates() {
        let block: PitfallBlock = toml::from_str("kind = 'preventive'\nbefore = 2024-06-16").unwrap();
        assert_eq!(block.before, Some(Date::constant(2024, 6, 16)));
    }
}
