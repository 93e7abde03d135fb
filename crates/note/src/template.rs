//! Placeholders in a fix: `{name}` is a named capture group of the pattern that matched, `{name|table}` that capture
//! looked up in a table of the knowledge base. In: a template and two functions; out: the filled-in text, or nothing
//! where a value is missing or is not a plain word. Log text is foreign: it never reaches a shell line unchecked.

/// `{installed_NAME}` is the version of a distribution where it is known exactly, rather than a group of the pattern.
pub const INSTALLED: &str = "installed_";

/// Tables a placeholder may ask. The names are part of the note format.
pub const TABLES: [&str; 24] = [
    "linked",
    "python_for",
    "older_suite",
    "spoken",
    "attribute",
    "keyword",
    "cmake",
    "pkg_config",
    "shared_object",
    "header",
    "command",
    "distribution",
    "torchvision",
    "torchaudio",
    "torch_image",
    "cuda_image",
    "cuda_runtime_image",
    "cuda_tag",
    "python_below",
    "python_with",
    "nearest",
    "before_break",
    "requirement",
    "apt_rename",
];

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<'t> {
    Text(&'t str),
    Placeholder { capture: &'t str, table: Option<&'t str> },
}

/// Cuts a template into its parts. Braces that hold no plain name, and those behind a dollar sign, are text.
pub fn parts(template: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = template;
    let mut text_from = rest;
    while let Some(open) = rest.find('{') {
        let (before, after) = (rest.get(..open).unwrap_or_default(), rest.get(open + 1..).unwrap_or_default());
        let inside = after.find('}').and_then(|close| after.get(..close));
        let placeholder = inside.filter(|_| !before.ends_with('$')).and_then(placeholder);
        let Some(placeholder) = placeholder else {
            rest = after;
            continue;
        };
        let text_len = text_from.len() - rest.len() + open;
        push_text(&mut parts, text_from.get(..text_len).unwrap_or_default());
        parts.push(placeholder);
        rest = after.get(inside.map_or(0, str::len) + 1..).unwrap_or_default();
        text_from = rest;
    }
    push_text(&mut parts, text_from);
    parts
}

fn push_text<'t>(parts: &mut Vec<Part<'t>>, text: &'t str) {
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
}

fn placeholder(inside: &str) -> Option<Part<'_>> {
    let (capture, table) = match inside.split_once('|') {
        Some((capture, table)) => (capture, Some(table)),
        None => (inside, None),
    };
    let plain = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    (plain(capture) && table.is_none_or(plain)).then_some(Part::Placeholder { capture, table })
}

/// Is this captured text a plain word, safe in a shell line and in a requirement? Letters, digits and `._+:/@=~-`, no
/// leading dash, at most 300 bytes.
pub fn is_plain(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= 300
        && !value.starts_with('-')
        && value.chars().all(|c| c.is_ascii_alphanumeric() || "._+:/@=~-".contains(c))
}

/// Fills in `template`. `capture` gives a group's text; `table` looks a value up and may give several, separated by
/// spaces. `None` where a placeholder cannot be filled in.
pub fn fill(
    template: &str,
    capture: &dyn Fn(&str) -> Option<String>,
    table: &dyn Fn(&str, &str) -> Option<String>,
) -> Option<String> {
    let mut filled = String::new();
    for part in parts(template) {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Placeholder { capture: name, table: None } => {
                filled.push_str(&capture(name).filter(|value| is_plain(value))?);
            }
            Part::Placeholder { capture: name, table: Some(asked) } => filled.push_str(&table(asked, &capture(name)?)?),
        }
    }
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, value: &str, expected: Option<&str>) {
        let capture = |name: &str| (name == "module").then(|| value.to_owned());
        let table = |name: &str, key: &str| (name == "distribution").then(|| format!("dist-of-{key}"));
        assert_eq!(fill(template, &capture, &table).as_deref(), expected);
    }

    #[test]
    fn captures_and_tables_fill_placeholders() {
        check("numpy<2", "", Some("numpy<2"));
        check("get {module}!", "en_core", Some("get en_core!"));
        check("{module|distribution}", "cv2", Some("dist-of-cv2"));
        check("{other}", "x", None);
    }

    #[test]
    fn shell_variables_and_other_braces_are_text() {
        check("echo ${HOME} {} {a b} {\"k\": 1}", "x", Some("echo ${HOME} {} {a b} {\"k\": 1}"));
    }

    #[test]
    fn a_capture_that_is_not_a_plain_word_fills_nothing() {
        check("python -m spacy download {module}", "x; rm -rf /", None);
        check("python -m spacy download {module}", "$(id)", None);
        check("python -m spacy download {module}", "--help", None);
    }
}
