//! The documents of a repository in, their code blocks out: each with its headings, the text that leads to it, and the
//! lines it stands on.
//!
//! Markdown (fenced, indented and HTML blocks, inline spans) and reStructuredText (literal blocks, directives, doctests).
//! Nothing is judged here: whether a block is a command, a program or a quotation is for its readers to say.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::Tree;

/// How a block of code is written in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockForm {
    Fenced,
    Indented,
    Html,
    /// Lines under `>>> ` prompts that stand in running text.
    Doctest,
    /// A span inside a sentence.
    Span,
}

/// One piece of code in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) form: BlockForm,
    /// The language as written, in lower case, without options; empty where none is given.
    pub(crate) language: String,
    /// The headings above it, outermost first.
    pub(crate) headings: Vec<String>,
    /// The end of the text between the heading or block before and this one.
    pub(crate) lead: String,
    pub(crate) lines: Vec<Line>,
}

/// One line of a [`Block`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Line of the document, from 1.
    pub(crate) number: usize,
    /// The line without what the document's own syntax puts before it.
    pub(crate) text: String,
}

/// The metadata of a source distribution, which quotes upstream's README.
const METADATA: &str = "PKG-INFO";

/// Is this the repository's README, or what stands for it?
pub(crate) fn is_readme(path: &str) -> bool {
    !path.contains('/') && (path.to_ascii_lowercase().starts_with("readme") || path == METADATA)
}

/// The description that metadata quote, each line where it stands, and whether it is Markdown.
fn description(text: &str) -> (String, bool) {
    let mut quoted = String::new();
    let (mut body, mut inside) = (false, false);
    for line in text.lines() {
        if body {
            quoted.push_str(line);
        } else if line.is_empty() {
            body = true;
        } else if let Some(first) = line.strip_prefix("Description:") {
            inside = true;
            quoted.push_str(first.trim_start());
        } else if inside && line.starts_with([' ', '\t']) {
            // https://packaging.python.org/en/latest/specifications/core-metadata/#description
            quoted.push_str(line.strip_prefix("       |").or_else(|| line.strip_prefix("        ")).unwrap_or(line));
        } else {
            inside = false;
        }
        quoted.push('\n');
    }
    let is_markdown = text.contains("Description-Content-Type: text/markdown") || quoted.contains("\n```");
    (quoted, is_markdown)
}

/// Paths of the documents that say how to use the repository, the most telling first.
///
/// READMEs, INSTALL and usage pages, then `docs/`, then the READMEs of other folders; vendored code is left out.
pub(crate) fn paths(tree: &Tree) -> Vec<&str> {
    let mut found: Vec<(u8, usize, &str)> =
        tree.texts().filter_map(|(path, _)| Some((rank(path)?, path.matches('/').count(), path))).collect();
    if !found.iter().any(|(_, _, path)| is_readme(path)) {
        found.extend(tree.texts().filter(|(path, _)| *path == METADATA).map(|(path, _)| (0, 0, path)));
    }
    found.sort_unstable();
    found.truncate(80);
    found.into_iter().map(|(_, _, path)| path).collect()
}

/// Is this folder's content somebody else's, or about working on the repository rather than using it?
pub(crate) fn is_vendored(path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(folder, _)| {
        folder.split('/').any(|part| {
            matches!(
                part.to_ascii_lowercase().as_str(),
                "third_party"
                    | "third-party"
                    | "thirdparty"
                    | "3rdparty"
                    | "vendor"
                    | "vendored"
                    | "external"
                    | "externals"
                    | "extern"
                    | "submodules"
                    | "node_modules"
                    | "site-packages"
                    | "dependencies"
                    | "deps"
            )
        })
    })
}

/// 0 for the root README, rising with the distance from it; `None` for what is no document about use.
fn rank(path: &str) -> Option<u8> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let name = name.to_ascii_lowercase();
    let (stem, suffix) = name.rsplit_once('.').unwrap_or((&name, ""));
    if !matches!(suffix, "md" | "markdown" | "rst" | "txt" | "") || is_vendored(path) || path.starts_with(".github/") {
        return None;
    }
    let readme = stem.starts_with("readme");
    let usage = [
        "usage",
        "quickstart",
        "quick_start",
        "quick-start",
        "getting_started",
        "getting-started",
        "demo",
        "inference",
    ]
    .iter()
    .any(|word| stem.contains(word));
    let prose = matches!(suffix, "md" | "markdown" | "rst");
    match folder {
        "" if stem == "readme" => Some(u8::from(!prose)),
        "" if readme => Some(if is_english(stem) { 1 } else { 2 }),
        "" if usage && prose => Some(2),
        "" if stem.starts_with("install") => Some(3),
        "" if prose && !is_about_the_project(stem) => Some(4),
        "" => None,
        _ if !prose => None,
        _ => {
            let top = folder.split('/').next().unwrap_or_default().to_ascii_lowercase();
            match top.as_str() {
                "doc" | "docs" | "documentation" if is_about_the_project(stem) => None,
                "doc" | "docs" | "documentation" if readme || usage || stem == "index" => Some(5),
                "doc" | "docs" | "documentation" => Some(6),
                _ if readme => Some(7),
                _ if stem.starts_with("install") || usage => Some(8),
                _ => None,
            }
        }
    }
}

/// `readme_en`, `readme-english`, `readme.en`.
fn is_english(stem: &str) -> bool {
    let rest = stem.trim_start_matches("readme").trim_start_matches(['_', '-', '.']);
    matches!(rest, "en" | "english" | "eng" | "en-us" | "en_us")
}

fn is_about_the_project(stem: &str) -> bool {
    [
        "change",
        "contribut",
        "code_of_conduct",
        "code-of-conduct",
        "license",
        "licence",
        "security",
        "news",
        "history",
        "release",
        "authors",
        "citation",
        "governance",
        "maintain",
        "support",
        "roadmap",
        "todo",
        "model_card",
        "model-card",
        "datasheet",
        "owners",
        "copying",
        "notice",
        "faq",
        "thanks",
        "acknowledg",
        "claude",
        "agents",
    ]
    .iter()
    .any(|word| stem.contains(word))
}

/// The code of one document, in its order.
pub(crate) fn blocks(path: &str, text: &str) -> Vec<Block> {
    if path == METADATA {
        let (text, is_markdown) = description(text);
        return if is_markdown { markdown(&text) } else { restructured_text(&text) };
    }
    let suffix = path.rsplit_once('.').map_or("", |(_, suffix)| suffix).to_ascii_lowercase();
    let restructured = suffix == "rst" || (!matches!(suffix.as_str(), "md" | "markdown") && text.contains("::\n\n"));
    if restructured { restructured_text(text) } else { markdown(text) }
}

/// Maps a byte offset to a line number.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// Line of the byte at `offset`, from 1.
    fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset)
    }
}

/// Heading and lead while a document is read.
#[derive(Default)]
struct Place {
    headings: Vec<(u8, String)>,
    lead: String,
}

impl Place {
    fn heading(&mut self, level: u8, text: &str) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        while self.headings.last().is_some_and(|(above, _)| *above >= level) {
            self.headings.pop();
        }
        if !text.is_empty() {
            self.headings.push((level, text));
        }
        self.lead.clear();
    }

    fn block(&mut self, form: BlockForm, language: &str, lines: Vec<Line>) -> Option<Block> {
        let lead = tail(&self.lead, 300).trim().to_owned();
        if form != BlockForm::Span {
            self.lead.clear();
        }
        let language = language
            .trim()
            .trim_start_matches(['{', '.'])
            .split(|c: char| c.is_whitespace() || matches!(c, ',' | '{' | '}' | ':'))
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let headings = self.headings.iter().map(|(_, text)| text.clone()).collect();
        lines.iter().any(|line| !line.text.trim().is_empty()).then_some(Block { form, language, headings, lead, lines })
    }
}

/// The last `count` bytes of `text` or a little less, cut between characters.
fn tail(text: &str, count: usize) -> &str {
    let mut start = text.len().saturating_sub(count);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..).unwrap_or_default()
}

/// Level of headings that are none in the document's own syntax: bold paragraphs and `<summary>`.
const PSEUDO: u8 = 7;

fn markdown(text: &str) -> Vec<Block> {
    let lines = Lines::new(text);
    let mut blocks = Vec::new();
    let mut place = Place::default();
    let mut code: Option<(BlockForm, String, Vec<Line>)> = None;
    let mut heading: Option<String> = None;
    let mut html: Option<(usize, String)> = None;
    // Text of a paragraph that so far holds nothing but bold text.
    let mut bold: Option<String> = None;
    let mut in_bold = false;
    for (event, range) in Parser::new_ext(text, Options::ENABLE_YAML_STYLE_METADATA_BLOCKS).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                code = Some(match kind {
                    CodeBlockKind::Fenced(language) => (BlockForm::Fenced, language.to_string(), Vec::new()),
                    CodeBlockKind::Indented => (BlockForm::Indented, String::new(), Vec::new()),
                });
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some((form, language, content)) = code.take() {
                    blocks.extend(place.block(form, &language, content));
                }
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(level)) => place.heading(level as u8, &heading.take().unwrap_or_default()),
            Event::Start(Tag::HtmlBlock) => html = Some((range.start, String::new())),
            Event::End(TagEnd::HtmlBlock) => {
                if let Some((start, content)) = html.take() {
                    html_block(&content, lines.at(start), &mut place, &mut blocks);
                }
            }
            Event::Html(content) => match &mut html {
                Some((_, all)) => all.push_str(&content),
                None => html_block(&content, lines.at(range.start), &mut place, &mut blocks),
            },
            Event::InlineHtml(content) if content.starts_with("</details") => place.heading(PSEUDO, ""),
            Event::Start(Tag::Paragraph) => bold = Some(String::new()),
            Event::End(TagEnd::Paragraph) => {
                place.lead.push('\n');
                if let Some(text) = bold.take().filter(|text| !text.trim().is_empty()) {
                    place.heading(PSEUDO, text.trim_end_matches(':'));
                }
            }
            Event::Start(Tag::Strong) => in_bold = true,
            Event::End(TagEnd::Strong) => in_bold = false,
            Event::Start(Tag::Item) => place.lead.push('\n'),
            Event::Text(content) => {
                if let Some((_, _, into)) = &mut code {
                    let first = lines.at(range.start);
                    for (offset, line) in content.lines().enumerate() {
                        push_line(into, first + offset, line);
                    }
                } else if let Some(into) = &mut heading {
                    into.push_str(&content);
                } else {
                    place.lead.push_str(&content);
                    match &mut bold {
                        Some(into) if in_bold => into.push_str(&content),
                        Some(_) if content.trim().trim_matches(':').is_empty() => {}
                        _ => bold = None,
                    }
                }
            }
            Event::Code(content) => {
                if let Some(into) = &mut heading {
                    into.push_str(&content);
                } else {
                    if let Some(into) = bold.as_mut().filter(|_| in_bold) {
                        into.push_str(&content);
                    } else {
                        bold = None;
                    }
                    let line = Line { number: lines.at(range.start), text: content.to_string() };
                    if content.contains(' ') {
                        blocks.extend(place.block(BlockForm::Span, "", vec![line]));
                    }
                    place.lead.push_str(&content);
                }
            }
            Event::SoftBreak | Event::HardBreak => match &mut heading {
                Some(into) => into.push(' '),
                None => place.lead.push(' '),
            },
            _ => {}
        }
    }
    blocks
}

/// A text event may begin in the middle of a line (after an escape or an entity): then it goes on with that line.
fn push_line(into: &mut Vec<Line>, number: usize, text: &str) {
    match into.last_mut() {
        Some(last) if last.number == number => last.text.push_str(text),
        _ => into.push(Line { number, text: text.to_owned() }),
    }
}

/// Reads `<pre>`, `<summary>`, `<h2>` and fences out of a block of HTML, line by line.
fn html_block(content: &str, first: usize, place: &mut Place, blocks: &mut Vec<Block>) {
    let mut open: Option<(&str, BlockForm, String, Vec<Line>)> = None;
    for (offset, line) in content.lines().enumerate() {
        let number = first + offset;
        let lower = line.to_ascii_lowercase();
        if let Some((end, form, language, mut into)) = open.take() {
            let close = lower.find(end);
            let text = close.and_then(|at| line.get(..at)).unwrap_or(line);
            if close.is_none() || !text.trim().is_empty() {
                into.push(Line { number, text: if form == BlockForm::Html { plain(text) } else { text.to_owned() } });
            }
            if close.is_some() {
                blocks.extend(place.block(form, &language, without_trailing_blanks(into)));
            } else {
                open = Some((end, form, language, into));
            }
            continue;
        }
        if let Some(language) = line.trim_start().strip_prefix("```") {
            open = Some(("```", BlockForm::Fenced, language.to_owned(), Vec::new()));
        } else if let Some(at) = lower.find("<pre") {
            let rest = line.get(at..).unwrap_or_default();
            let rest = rest.split_once('>').map_or("", |(_, rest)| rest);
            if let Some(end) = rest.to_ascii_lowercase().find("</pre") {
                let text = plain(rest.get(..end).unwrap_or_default());
                blocks.extend(place.block(BlockForm::Html, "", vec![Line { number, text }]));
            } else {
                let text = plain(rest);
                let lines = if text.trim().is_empty() { vec![] } else { vec![Line { number, text }] };
                open = Some(("</pre", BlockForm::Html, String::new(), lines));
            }
        } else if lower.contains("<summary") || lower.contains("<h1") || lower.contains("<h2") || lower.contains("<h3")
        {
            let level = ["<h1", "<h2", "<h3"].iter().position(|tag| lower.contains(tag));
            place.heading(level.map_or(PSEUDO, |at| u8::try_from(at + 1).unwrap_or(PSEUDO)), &plain(line));
        } else if lower.contains("</details") {
            place.heading(PSEUDO, "");
        } else {
            place.lead.push_str(&plain(line));
            place.lead.push('\n');
        }
    }
    if let Some((_, form, language, into)) = open {
        blocks.extend(place.block(form, &language, into));
    }
}

/// Text of HTML without its tags, the common entities decoded.
fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        text.push_str(before);
        let is_tag =
            tag.get(1..2).is_some_and(|c| c.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!'));
        if let Some(end) = tag.find('>').filter(|_| is_tag) {
            rest = tag.get(end + 1..).unwrap_or_default();
        } else {
            text.push('<');
            rest = tag.get(1..).unwrap_or_default();
        }
    }
    text.push_str(rest);
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&")
}

/// Leading columns of a line, tabs counted as one.
fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

fn restructured_text(text: &str) -> Vec<Block> {
    let source: Vec<&str> = text.lines().collect();
    let get = |at: usize| source.get(at).copied().unwrap_or_default();
    let mut blocks = Vec::new();
    let mut place = Place::default();
    // Underline styles in order of first use: that order is their level.
    let mut styles: Vec<(char, bool)> = Vec::new();
    let mut at = 0;
    while at < source.len() {
        let line = get(at);
        let trimmed = line.trim();
        // Titles: `====` above and below, or below only.
        let (title, over, height) = if adornment(line).is_some()
            && adornment(line) == adornment(get(at + 2))
            && !get(at + 1).trim().is_empty()
        {
            (get(at + 1).trim(), true, 3)
        } else if !trimmed.is_empty()
            && indent_of(line) == 0
            && adornment(line).is_none()
            && adornment(get(at + 1)).is_some_and(|_| get(at + 1).trim().chars().count() + 1 >= trimmed.chars().count())
        {
            (trimmed, false, 2)
        } else {
            ("", false, 0)
        };
        if height > 0 {
            let mark = adornment(get(at + height - 1)).unwrap_or('=');
            let style = (mark, over);
            let level = styles.iter().position(|known| *known == style).unwrap_or_else(|| {
                styles.push(style);
                styles.len() - 1
            });
            place.heading(u8::try_from(level + 1).unwrap_or(PSEUDO).min(PSEUDO), &title.replace('`', ""));
            at += height;
            continue;
        }
        let directive = trimmed.strip_prefix(".. ").and_then(|rest| rest.split_once("::"));
        let (language, literal) = match directive {
            Some((
                "code-block" | "code" | "sourcecode" | "prompt" | "parsed-literal" | "doctest" | "highlight",
                language,
            )) => (Some(language.trim()), true),
            Some(_) => (None, false),
            None => (Some(""), trimmed.ends_with("::")),
        };
        if literal && !trimmed.starts_with(">>>") {
            if directive.is_none() {
                spans(trimmed, at + 1, &mut place, &mut blocks);
                place.lead.push(' ');
            }
            let outer = indent_of(line);
            let mut end = at + 1;
            while end < source.len() && (get(end).trim().is_empty() || indent_of(get(end)) > outer) {
                end += 1;
            }
            // Options of the directive (`:linenos:`) stand before the blank line.
            let mut start = at + 1;
            while directive.is_some() && start < end && get(start).trim().starts_with(':') {
                start += 1;
            }
            let inner = (start..end).map(get).filter(|l| !l.trim().is_empty()).map(indent_of).min().unwrap_or(0);
            let content: Vec<Line> = (start..end)
                .map(|n| Line { number: n + 1, text: get(n).get(inner..).unwrap_or_default().to_owned() })
                .skip_while(|line| line.text.trim().is_empty())
                .collect();
            let content = without_trailing_blanks(content);
            if !content.is_empty() {
                blocks.extend(place.block(BlockForm::Indented, language.unwrap_or_default(), content));
                at = end;
                continue;
            }
            at += 1;
            continue;
        }
        if trimmed.starts_with(">>>") {
            let outer = indent_of(line);
            let mut end = at;
            while end < source.len() && !get(end).trim().is_empty() {
                end += 1;
            }
            let content = (at..end)
                .map(|n| Line { number: n + 1, text: get(n).get(outer..).unwrap_or_default().to_owned() })
                .collect();
            blocks.extend(place.block(BlockForm::Doctest, "pycon", content));
            at = end;
            continue;
        }
        if directive.is_none() && !trimmed.starts_with(".. ") {
            spans(trimmed, at + 1, &mut place, &mut blocks);
            place.lead.push(if trimmed.is_empty() { '\n' } else { ' ' });
        }
        at += 1;
    }
    blocks
}

fn without_trailing_blanks(mut lines: Vec<Line>) -> Vec<Line> {
    while lines.last().is_some_and(|line| line.text.trim().is_empty()) {
        lines.pop();
    }
    lines
}

/// The character of a line that consists of one punctuation character, at least three times.
fn adornment(line: &str) -> Option<char> {
    let line = line.trim_end();
    let first = line.chars().next().filter(char::is_ascii_punctuation)?;
    (line.len() >= 3 && line.chars().all(|c| c == first)).then_some(first)
}

/// Inline literals of one line of reStructuredText; the line's words become part of the lead.
fn spans(line: &str, number: usize, place: &mut Place, blocks: &mut Vec<Block>) {
    for (at, part) in line.split("``").enumerate() {
        if at % 2 == 1 && part.contains(' ') {
            blocks.extend(place.block(BlockForm::Span, "", vec![Line { number, text: part.to_owned() }]));
        }
        place.lead.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(path: &str, text: &str) -> Vec<String> {
        blocks(path, text)
            .into_iter()
            .map(|block| {
                let lines: Vec<String> =
                    block.lines.iter().map(|line| format!("{}:{}", line.number, line.text)).collect();
                format!("{} [{}] {}", block.headings.join(" > "), block.language, lines.join(" | "))
            })
            .collect()
    }

    fn check(path: &str, text: &str, expected: &[&str]) {
        assert_eq!(summary(path, text), expected);
    }

    #[test]
    fn a_fenced_block_keeps_its_headings_and_lines() {
        check(
            "README.md",
            "# A\n## Usage\ntext\n```bash\npython a.py\n\npython b.py\n```\n",
            &["A > Usage [bash] 5:python a.py | 6: | 7:python b.py"],
        );
    }

    #[test]
    fn a_block_in_a_list_loses_the_indent_of_the_list() {
        check("README.md", "1. do\n\n   ```sh\n   python a.py\n     --x\n   ```\n", &[" [sh] 4:python a.py | 5:  --x"]);
    }

    #[test]
    fn indented_and_html_blocks_are_read() {
        check(
            "README.md",
            "say\n\n    python a.py\n\n<pre><code>python b.py &lt;x&gt;\n</code></pre>\n",
            &[" [] 3:python a.py", " [] 5:python b.py <x>"],
        );
    }

    #[test]
    fn a_summary_and_a_bold_paragraph_are_headings() {
        check(
            "README.md",
            "# T\n<details>\n<summary><b>Step 1. Test</b></summary>\n\n```\npython a.py\n```\n</details>\n\n**Train**\n\n```\npython t.py\n```\n",
            &["T > Step 1. Test [] 6:python a.py", "T > Train [] 13:python t.py"],
        );
    }

    #[test]
    fn spans_keep_their_line() {
        check("README.md", "run\n`python a.py` now", &[" [] 2:python a.py"]);
    }

    #[test]
    fn literal_blocks_and_directives_of_rst_are_read() {
        check(
            "README.rst",
            "=====\nTitle\n=====\n\nUsage\n-----\n\nRun::\n\n  python a.py\n  python b.py\n\nor\n\n.. code-block:: python\n   :linenos:\n\n   import a\n",
            &["Title > Usage [] 10:python a.py | 11:python b.py", "Title > Usage [python] 18:import a"],
        );
    }

    #[test]
    fn doctests_of_rst_are_read_where_they_stand() {
        check(
            "README.rst",
            "Like this:\n\n>>> import a\n>>> a.f()\n1\n\nEnd\n",
            &[" [pycon] 3:>>> import a | 4:>>> a.f() | 5:1"],
        );
    }

    #[test]
    fn metadata_stand_for_a_readme_with_their_lines() {
        check(
            "PKG-INFO",
            "Name: x\nDescription: Title\n        =====\n        \n        Run::\n        \n          python a.py\n        \nPlatform: any::\n",
            &["Title [] 7:python a.py"],
        );
        check(
            "PKG-INFO",
            "Name: x\nDescription-Content-Type: text/markdown\n\n## Use\n```sh\npython a.py\n```\n",
            &["Use [sh] 6:python a.py"],
        );
        assert_eq!(paths(&Tree::from_texts([("PKG-INFO", ""), ("docs/a.md", "")])), ["PKG-INFO", "docs/a.md"]);
        assert_eq!(paths(&Tree::from_texts([("PKG-INFO", ""), ("README", "")])), ["README"]);
    }

    #[test]
    fn the_root_readme_comes_first_and_vendored_ones_never() {
        let tree = Tree::from_texts([
            ("docs/a.md", ""),
            ("README.md", ""),
            ("third_party/x/README.md", ""),
            ("CHANGELOG.md", ""),
            ("README_zh.md", ""),
            ("README_EN.md", ""),
        ]);
        assert_eq!(paths(&tree), ["README.md", "README_EN.md", "README_zh.md", "docs/a.md"]);
    }
}
