//! Poetry's dependency values and version constraints in, requirements with PEP 440 specifiers out.
//!
//! Source of the rules: <https://python-poetry.org/docs/dependency-specification/>.

use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};
use toml::de::DeValue;

use super::requirements::{Entry, Wanted, is_vcs, normalise};
use crate::facts::Form;

/// What one entry of a dependency table asks for: one requirement, or one for each element of a list.
pub(crate) fn entries_of(name: &str, value: &DeValue<'_>) -> Vec<Entry> {
    match value {
        DeValue::Array(list) => list.iter().filter_map(|value| entry_of(name, value.get_ref())).collect(),
        value => entry_of(name, value).into_iter().collect(),
    }
}

fn entry_of(name: &str, value: &DeValue<'_>) -> Option<Entry> {
    let text = |key: &str| value.get(key).and_then(|value| value.get_ref().as_str());
    let flag = |key: &str| value.get(key).and_then(|value| value.get_ref().as_bool()) == Some(true);
    let extras: Vec<&str> = value
        .get("extras")
        .and_then(|list| list.get_ref().as_array())
        .into_iter()
        .flat_map(|list| list.iter())
        .filter_map(|extra| extra.get_ref().as_str())
        .collect();
    let title = if extras.is_empty() { name.to_owned() } else { format!("{name}[{}]", extras.join(",")) };
    let marker = marker(text("markers"), text("python"), text("platform").or_else(|| text("sys_platform")));
    let wanted = |spec: String, form| Some(Entry::Requirement(Wanted { name: normalise(name), spec, form }));
    if let Some(git) = text("git") {
        let mut address = if is_vcs(git) && !git.starts_with("git@") { git.to_owned() } else { format!("git+{git}") };
        if let Some(revision) = text("rev").or_else(|| text("tag")).or_else(|| text("branch")) {
            address = format!("{address}@{revision}");
        }
        if let Some(folder) = text("subdirectory") {
            address = format!("{address}#subdirectory={folder}");
        }
        return wanted(format!("{title} @ {address}{marker}"), Form::Vcs);
    }
    if let Some(url) = text("url") {
        return wanted(format!("{title} @ {url}{marker}"), Form::Url);
    }
    if let Some(path) = text("path").or_else(|| text("file")) {
        return wanted(path.to_owned(), if flag("develop") || flag("editable") { Form::Editable } else { Form::Path });
    }
    let constraint = value.as_str().or_else(|| text("version")).unwrap_or("*");
    match specifiers(constraint) {
        Some(specifiers) => wanted(format!("{title}{specifiers}{marker}"), Form::Index),
        None => Some(Entry::Unreadable {
            reason: "its version cannot be read",
            wanted: Some(Wanted { name: normalise(name), spec: format!("{title}{marker}"), form: Form::Index }),
        }),
    }
}

fn marker(markers: Option<&str>, python: Option<&str>, platform: Option<&str>) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(markers.map(|marker| if marker.contains(" or ") { format!("({marker})") } else { marker.to_owned() }));
    if let Some(python) = python.and_then(specifiers) {
        for specifier in python.split(',').filter(|specifier| !specifier.is_empty()) {
            let (operator, version) = specifier.split_at(specifier.find(|c: char| !"<>=!~".contains(c)).unwrap_or(0));
            let variable = if version.trim_end_matches(".*").matches('.').count() >= 2 {
                "python_full_version"
            } else {
                "python_version"
            };
            parts.push(format!("{variable} {operator} \"{version}\""));
        }
    }
    parts.extend(platform.map(|platform| format!("sys_platform == \"{platform}\"")));
    if parts.is_empty() { String::new() } else { format!(" ; {}", parts.join(" and ")) }
}

/// Translates a constraint; empty for `*`, `None` where it cannot be read. Of alternatives (`||`) the newest counts,
/// since PEP 440 has none.
pub(crate) fn specifiers(constraint: &str) -> Option<String> {
    let newest = constraint.rsplit("||").next().unwrap_or_default().rsplit('|').next().unwrap_or_default().trim();
    let mut parts: Vec<String> = Vec::new();
    // Parts are divided by commas, or by spaces between complete parts; an operator may stand apart from its version.
    let mut pending = String::new();
    for word in newest.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty()) {
        pending.push_str(word);
        if pending.ends_with(['<', '>', '=', '!', '~', '^']) {
            continue;
        }
        let part = std::mem::take(&mut pending);
        let translated = translate(&part)?;
        if !translated.is_empty() {
            parts.push(translated);
        }
    }
    let joined = parts.join(",");
    (joined.is_empty() || VersionSpecifiers::from_str(&joined).is_ok()).then_some(joined)
}

fn translate(part: &str) -> Option<String> {
    let part = part.trim_matches(['"', '\'']);
    if part == "*" {
        return Some(String::new());
    }
    if let Some(version) = part.strip_prefix('^') {
        return bounds(version, |release| {
            // The first part that is not zero may not change; where all are zero, the last one given.
            release.iter().position(|part| *part != 0).unwrap_or(release.len().saturating_sub(1))
        });
    }
    if let Some(version) = part.strip_prefix('~').filter(|version| !version.starts_with('=')) {
        return bounds(version, |release| usize::from(release.len() > 1));
    }
    if part.starts_with(['<', '>', '!', '~']) || part.starts_with("==") {
        // Poetry reads wildcards behind any operator; PEP 440 only behind `==` and `!=`.
        let ordered = part.starts_with(['<', '>']);
        return Some(if ordered { part.trim_end_matches(".*").to_owned() } else { part.to_owned() });
    }
    let version = part.trim_start_matches('=');
    Version::from_str(version.trim_end_matches(".*")).ok()?;
    Some(format!("=={version}"))
}

/// `>=version,<next`, where the part at `keep(release)` is counted up.
fn bounds(version: &str, keep: impl Fn(&[u64]) -> usize) -> Option<String> {
    let version = version.trim().trim_start_matches('=').trim_end_matches(".*").trim();
    let parsed = Version::from_str(version).ok()?;
    let release: Vec<u64> = parsed.release().to_vec();
    let at = keep(&release);
    let mut next: Vec<u64> = release.get(..=at)?.to_vec();
    let last = next.last_mut()?;
    *last = last.checked_add(1)?;
    // `<4` and `<4.0` are the same; one zero reads better.
    if next.len() == 1 {
        next.push(0);
    }
    let next: Vec<String> = next.iter().map(u64::to_string).collect();
    Some(format!(">={version},<{}", next.join(".")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(constraint: &str, expected: &str) {
        assert_eq!(specifiers(constraint).as_deref(), Some(expected), "{constraint}");
    }

    #[test]
    fn carets_keep_the_first_part_that_is_not_zero() {
        check("^1.2.3", ">=1.2.3,<2.0");
        check("^0.2.3", ">=0.2.3,<0.3");
        check("^0.0.3", ">=0.0.3,<0.0.4");
        check("^0.0", ">=0.0,<0.1");
        check("^0", ">=0,<1.0");
        check("^3.8", ">=3.8,<4.0");
    }

    #[test]
    fn tildes_keep_the_minor_version() {
        check("~1.2.3", ">=1.2.3,<1.3");
        check("~1.2", ">=1.2,<1.3");
        check("~1", ">=1,<2.0");
        check("~=1.2", "~=1.2");
    }

    #[test]
    fn other_constraints_become_their_pep_440_form() {
        check("*", "");
        check("1.2.3", "==1.2.3");
        check("=3.8", "==3.8");
        check("1.2.*", "==1.2.*");
        check(">=1.0,<2.0", ">=1.0,<2.0");
        check(">= 1.0 < 2.0", ">=1.0,<2.0");
        check("~2.7 || ^3.6", ">=3.6,<4.0");
        assert_eq!(specifiers("what"), None);
    }

    #[test]
    fn a_python_constraint_of_an_entry_becomes_a_marker() {
        let table = toml::de::DeTable::parse("a = { version = '^1', python = '>=3.8,<3.12', extras = ['x'] }").unwrap();
        let entries = entries_of("a", table.get_ref().get("a").unwrap().get_ref());
        let expected = "a[x]>=1,<2.0 ; python_version >= \"3.8\" and python_version < \"3.12\"";
        assert_eq!(
            entries,
            [Entry::Requirement(Wanted { name: "a".to_owned(), spec: expected.to_owned(), form: Form::Index })]
        );
    }

    proptest! {
        #[test]
        fn no_constraint_makes_it_panic(text in "[0-9.^~<>=!*|, a-z]{0,20}") {
            let _ = specifiers(&text);
        }
    }
}
