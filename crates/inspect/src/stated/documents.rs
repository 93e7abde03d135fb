//! READMEs, INSTALL pages and install scripts in, statements out.

use super::Notes;
use super::commands::{Setting, State, interpret, is_conditional, split};
use super::sentences::{Product, claims};
use crate::declared::{has_suffix, join};
use crate::documents::{Block, BlockForm, blocks};
use crate::facts::{Evidence, Scope, Strength};
use crate::tree::Tree;

/// Reads every document that tells how to install.
pub(super) fn read(notes: &mut Notes<'_>) {
    for path in paths(notes.tree) {
        let Some(text) = notes.tree.text(&path) else { continue };
        document(notes, &path, text);
    }
    for (path, text) in notes.tree.texts().filter(|(path, _)| is_install_script(path)).take(8) {
        script(notes, path, text);
    }
}

/// Languages of translated READMEs; the original says the same.
const TRANSLATIONS: &[&str] = &[
    "zh", "cn", "ja", "jp", "ko", "kr", "es", "fr", "de", "ru", "pt", "it", "tr", "vi", "hi", "ar", "chinese",
    "japanese", "tw", "hans", "hant",
];

fn is_translation(stem: &str) -> bool {
    stem.split(['_', '-', '.']).skip(1).any(|part| TRANSLATIONS.contains(&part))
}

fn tells_of_installing(stem: &str) -> bool {
    [
        "install",
        "setup",
        "getting_started",
        "getting-started",
        "gettingstarted",
        "get_started",
        "get-started",
        "quickstart",
        "quick_start",
        "quick-start",
        "environment",
        "requirements",
        "prerequisite",
        "linux",
        "ubuntu",
    ]
    .iter()
    .any(|word| stem.contains(word))
}

/// The documents that speak for the whole: READMEs and install pages at the root, install pages in `docs`, and pages
/// that the README calls its installation.
fn paths(tree: &Tree) -> Vec<String> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut original = false;
    for (path, _) in tree.texts() {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let name = name.to_ascii_lowercase();
        let (stem, suffix) = name.rsplit_once('.').unwrap_or((&name, ""));
        if !matches!(suffix, "md" | "markdown" | "rst" | "txt" | "") || stem.contains("require") {
            continue;
        }
        let top = folder.split('/').next().unwrap_or_default().to_ascii_lowercase();
        let in_docs = matches!(top.as_str(), "doc" | "docs" | "documentation") && folder.matches('/').count() <= 2;
        if folder.is_empty() && stem.starts_with("readme") {
            let translated = is_translation(stem);
            original |= !translated;
            found.push((usize::from(translated), path.to_owned()));
        } else if !is_translation(stem)
            && ((!suffix.is_empty() && (folder.is_empty() || in_docs) && tells_of_installing(stem))
                || (folder.is_empty() && stem == "install"))
        {
            found.push((2 + folder.matches('/').count(), path.to_owned()));
        }
    }
    if original {
        found.retain(|(rank, _)| *rank != 1);
    }
    found.sort();
    let mut paths: Vec<String> = found.into_iter().map(|(_, path)| path).collect();
    paths.truncate(8);
    let linked: Vec<String> = paths
        .iter()
        .filter(|path| path.to_ascii_lowercase().starts_with("readme"))
        .filter_map(|path| tree.text(path))
        .flat_map(|text| linked_install_pages(tree, text))
        .collect();
    for page in linked {
        if !paths.contains(&page) && paths.len() < 10 {
            paths.push(page);
        }
    }
    paths
}

/// Pages of the repository that Markdown links call installation, set-up or requirements.
fn linked_install_pages(tree: &Tree, text: &str) -> Vec<String> {
    let mut pages = Vec::new();
    for (at, _) in text.match_indices("](") {
        let before = text.get(..at).unwrap_or_default();
        let label = before.rsplit('[').next().unwrap_or_default();
        let target = text.get(at + 2..).unwrap_or_default();
        let target = target.split([')', '#', ' ', '\n']).next().unwrap_or_default();
        if !has_suffix(target, &[".md"]) || label.len() > 80 || !tells_of_installing(&label.to_ascii_lowercase()) {
            continue;
        }
        if let Some(page) = join("", target).filter(|page| tree.text(page).is_some()) {
            pages.push(page);
        }
    }
    pages
}

/// Install scripts: shell scripts at the root, in `scripts` and the like, whose name says that they install.
fn is_install_script(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let Some(stem) = name.strip_suffix(".sh").or_else(|| name.strip_suffix(".bash")) else { return false };
    let stem = stem.to_ascii_lowercase();
    let near = folder.is_empty()
        || matches!(
            folder,
            "scripts"
                | "script"
                | "bin"
                | "tools"
                | "install"
                | "setup"
                | "env"
                | "envs"
                | "environment"
                | "bash"
                | "shell"
        );
    let installs = [
        "install",
        "setup",
        "environment",
        "requirement",
        "dependenc",
        "create_env",
        "make_env",
        "conda_env",
        "build_env",
        "prepare_env",
    ]
    .iter()
    .any(|word| stem.contains(word))
        || matches!(stem.as_str(), "env" | "init" | "bootstrap");
    let other = ["slurm", "data", "mac", "win", "docker", "uninstall", "hook", "dev", "test"]
        .iter()
        .any(|word| stem.contains(word));
    near && installs && !other
}

fn script(notes: &mut Notes<'_>, path: &str, text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    let setting =
        Setting { path, strength: Strength::Recommended, scope: Scope::Documentation, general: true, lines: &lines };
    let chosen = Setting { strength: Strength::Weak, scope: Scope::Documentation, general: false, ..setting };
    let mut state = State::default();
    // What a `case` chooses is one of several ways.
    let mut inside = false;
    let mut part: Vec<(usize, &str)> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let starts = line.trim_start().starts_with("case ");
        if starts || line.trim() == "esac" {
            interpret(notes, if inside { &chosen } else { &setting }, &mut state, &split(part.drain(..)));
            inside = starts;
        }
        part.push((index + 1, line));
    }
    interpret(notes, if inside { &chosen } else { &setting }, &mut state, &split(part));
}

/// Headings of sections that speak of other systems or other people than those who run the program.
const SIDE_HEADINGS: &[&str] = &[
    "windows",
    "macos",
    "mac os",
    "os x",
    "osx",
    "mac",
    "jetson",
    "raspberry",
    "android",
    "ios",
    "termux",
    "develop",
    "contribut",
    "unit test",
    "running test",
    "run the test",
    "building documentation",
    "build the doc",
    "colab",
    "changelog",
    "apple",
    "arm64",
    "rocm",
    "amd gpu",
    "m1",
    "tensorrt",
    "ncnn",
    "mobile",
    "openvino",
    "labeling",
    "annotation tool",
    "troubleshoot",
    "faq",
];

/// Headings of sections that tell of the past and the future.
const NEWS_HEADINGS: &[&str] = &[
    "news",
    "changelog",
    "change log",
    "update",
    "history",
    "roadmap",
    "todo",
    "to do",
    "release",
    "what's new",
    "citation",
    "acknowledg",
    "reference",
    "license",
    "faq",
    "troubleshoot",
    "known issue",
    "related",
    "credit",
];

fn holds(headings: &[String], words: &[&str]) -> bool {
    headings.iter().any(|heading| {
        let heading = heading.to_ascii_lowercase();
        words.iter().any(|word| holds_word(&heading, word))
    })
}

/// Does `text` hold `word` at the start of a word? Short ones must be whole words.
fn holds_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let starts = !text.get(..at).unwrap_or_default().ends_with(char::is_alphanumeric);
        let ends = !text.get(at + word.len()..).unwrap_or_default().starts_with(char::is_alphanumeric);
        starts && (ends || word.len() > 4)
    })
}

fn document(notes: &mut Notes<'_>, path: &str, text: &str) {
    let lines: Vec<&str> = text.lines().collect();

    let blocks = blocks(path, text);
    let mut state = State::default();
    // Prose is what no block of code covers.
    let mut code = vec![false; lines.len() + 1];
    for block in &blocks {
        if block.form != BlockForm::Span {
            for line in &block.lines {
                if let Some(covered) = code.get_mut(line.number) {
                    *covered = true;
                }
            }
        }
        if !is_shell(block) {
            continue;
        }
        let general = !holds(block.headings.get(1..).unwrap_or_default(), SIDE_HEADINGS)
            && !is_about_another_system(&block.lead)
            && !block.headings.get(1..).unwrap_or_default().iter().any(|heading| is_about_a_part(heading));
        let setting = Setting {
            path,
            strength: if general { Strength::Recommended } else { Strength::Weak },
            scope: Scope::Documentation,
            general,
            lines: &lines,
        };
        let commands = split(block.lines.iter().map(|line| (line.number, line.text.as_str())));
        if block.form == BlockForm::Span {
            // A span does not move the reader into another folder.
            interpret(notes, &setting, &mut State::default(), &commands);
        } else {
            interpret(notes, &setting, &mut state, &commands);
        }
    }
    prose(notes, path, &lines, &code);
}

/// Does the sentence right before a block say that it is for another system, or not for everybody?
fn is_about_another_system(lead: &str) -> bool {
    let last = lead.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    is_conditional(&last.trim_end_matches(['.', ':']).rsplit(". ").next().unwrap_or(last).to_ascii_lowercase())
}

/// Is a section about something that can be left out, or about training alone?
fn is_about_a_part(heading: &str) -> bool {
    let heading = heading.to_ascii_lowercase();
    let whole = ["infer", "eval", "test", "demo", "install", "usage", "environment", "setup"];
    heading.contains("optional")
        || (holds_word(&heading, "training") && !whole.iter().any(|word| heading.contains(word)))
}

/// Could this code be commands? Languages lie, so the text decides.
fn is_shell(block: &Block) -> bool {
    block.lines.iter().any(|line| {
        let text = line.text.as_str();
        ["install", "conda", "export ", "setup.py", "-m venv", "virtualenv", "git clone", "cd ", "pyenv", "uv "]
            .iter()
            .any(|word| text.contains(word))
    })
}

fn prose(notes: &mut Notes<'_>, path: &str, lines: &[&str], code: &[bool]) {
    let mut news = false;
    let mut front_matter = lines.first().is_some_and(|line| line.trim() == "---");
    for (index, line) in lines.iter().enumerate() {
        let number = index + 1;
        if code.get(number).copied().unwrap_or_default() {
            continue;
        }
        let trimmed = line.trim();
        if front_matter {
            // The header of a hosted demo: `python_version: 3.10`.
            if index > 0 && trimmed == "---" {
                front_matter = false;
            }
            if let Some(minor) = trimmed
                .strip_prefix("python_version:")
                .and_then(|value| crate::declared::conda::minor_of(value.trim().trim_matches(['"', '\''])))
            {
                notes.python(&format!("=={minor}.*"), Strength::Recommended, &Evidence::new(path, number, line));
            }
            continue;
        }
        let underlined = lines
            .get(number)
            .is_some_and(|next| next.len() >= 3 && (next.chars().all(|c| c == '=') || next.chars().all(|c| c == '-')));
        if trimmed.starts_with('#') || (underlined && !trimmed.is_empty()) {
            let heading = trimmed.trim_start_matches('#').to_ascii_lowercase();
            news = NEWS_HEADINGS.iter().any(|word| heading.contains(word));
        }
        if news || trimmed.len() > 1200 || is_dated(trimmed) {
            continue;
        }
        badge(notes, path, number, line);
        for product in [Product::Python, Product::Torch, Product::Cuda] {
            for claim in claims(trimmed, product) {
                let strength = if is_about_another_machine(trimmed) { Strength::Weak } else { Strength::Recommended };
                notes.claim(product, &claim, strength, &Evidence::new(path, number, line));
            }
        }
    }
}

/// Does a sentence speak of a machine that is no Linux PC?
fn is_about_another_machine(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let other = ["windows", "macos", "mac", "m1", "jetson", "raspberry", "colab", "osx"];
    let this = ["linux", "ubuntu", "debian", "unix"];
    other.iter().any(|word| holds_word(&lower, word)) && !this.iter().any(|word| lower.contains(word))
}

/// `- **[2023/08/01]** …`, `* 2023-08-01: …`: a line of news.
fn is_dated(line: &str) -> bool {
    let start = line.trim_start_matches(|c: char| !c.is_ascii_digit()).get(..5).unwrap_or_default();
    let near = line.find(|c: char| c.is_ascii_digit()).is_some_and(|at| at < 8);
    near && start.starts_with("20")
        && start.ends_with(['/', '-', '.'])
        && start.chars().take(4).all(|c| c.is_ascii_digit())
}

/// A badge such as `…/badge/python-3.8%2B-blue`.
fn badge(notes: &mut Notes<'_>, path: &str, number: usize, line: &str) {
    let Some(at) = line.find("badge/").filter(|_| line.contains("ython")) else { return };
    let text = line.get(at + "badge/".len()..).unwrap_or_default();
    let text = text.split([')', '"', '?', ' ']).next().unwrap_or_default().to_ascii_lowercase();
    let Some(rest) = text.strip_prefix("python") else { return };
    let decoded = rest
        .replace("%20", " ")
        .replace("%2b", "+")
        .replace("%3e", ">")
        .replace("%3d", "=")
        .replace("%3c", "<")
        .replace("%7c", "|")
        .replace("%2c", ",")
        .replace('_', " ");
    // The colour stands behind the last dash.
    let message = decoded
        .trim_start_matches(['-', ' '])
        .rsplit_once('-')
        .map_or(decoded.clone(), |(message, _)| message.to_owned());
    for claim in claims(&format!("python {message}"), Product::Python) {
        notes.claim(Product::Python, &claim, Strength::Recommended, &Evidence::new(path, number, line));
    }
}
