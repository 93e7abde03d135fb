//! The shape of a Markdown text: headings, fenced blocks, prose and links with their byte spans. In: text; out: a flat
//! list of elements in order. Knows nothing about notes.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// One element of the text, in order of appearance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Element {
    Heading {
        /// 1 to 6.
        level: u8,
        /// The first code span's text, where the heading starts with one.
        code: Option<String>,
        /// The heading's text without that code span and the colon after it.
        text: String,
        span: Range<usize>,
    },
    /// A fenced code block; `content` is the span of what stands between the fences.
    Fence { info: String, content: Range<usize>, span: Range<usize> },
    /// A paragraph or list item of prose, with the links in it.
    Prose { text: String, links: Vec<String>, span: Range<usize> },
}

/// Reads the elements of `text`. Indented code blocks, HTML and block quotes are skipped.
pub(crate) fn elements(text: &str) -> Vec<Element> {
    let mut elements = Vec::new();
    let mut heading: Option<(u8, Option<String>, String)> = None;
    let mut fence: Option<(String, Option<Range<usize>>)> = None;
    let mut prose: Option<(String, Vec<String>, Range<usize>)> = None;
    for (event, span) in Parser::new_ext(text, Options::empty()).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => heading = Some((depth(level), None, String::new())),
            Event::End(TagEnd::Heading(_)) => {
                if let Some((level, code, words)) = heading.take() {
                    let words = words.trim();
                    let text = if code.is_some() { words.trim_start_matches(':').trim() } else { words };
                    elements.push(Element::Heading { level, code, text: text.to_owned(), span });
                }
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => fence = Some((info.into_string(), None)),
            Event::End(TagEnd::CodeBlock) => {
                if let Some((info, content)) = fence.take() {
                    let content = content.unwrap_or(span.end..span.end);
                    elements.push(Element::Fence { info, content, span });
                }
            }
            // A tight list has no paragraphs inside its items.
            Event::Start(Tag::Paragraph | Tag::Item) => prose = Some((String::new(), Vec::new(), span)),
            Event::End(TagEnd::Paragraph | TagEnd::Item) => {
                if let Some((text, links, span)) = prose.take()
                    && !text.trim().is_empty()
                {
                    elements.push(Element::Prose { text, links, span });
                }
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                if let Some((_, links, _)) = &mut prose {
                    links.push(dest_url.into_string());
                }
            }
            Event::Text(words) => {
                if let Some((_, content)) = &mut fence {
                    let start = content.as_ref().map_or(span.start, |content| content.start);
                    *content = Some(start..span.end);
                } else if let Some((_, _, text)) = &mut heading {
                    text.push_str(&words);
                } else if let Some((text, _, _)) = &mut prose {
                    text.push_str(&words);
                }
            }
            Event::Code(words) => {
                if let Some((_, code, text)) = &mut heading {
                    if code.is_none() && text.trim().is_empty() {
                        *code = Some(words.into_string());
                    } else {
                        text.push_str(&format!("`{words}`"));
                    }
                } else if let Some((text, _, _)) = &mut prose {
                    text.push_str(&format!("`{words}`"));
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some((text, _, _)) = &mut prose {
                    text.push('\n');
                }
            }
            _ => {}
        }
    }
    elements
}

fn depth(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_gives_its_code_span_and_its_words() {
        let found = elements("## `libgl-missing`: importing `cv2` fails\n");
        let [Element::Heading { level: 2, code: Some(code), text, .. }] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!((code.as_str(), text.as_str()), ("libgl-missing", "importing `cv2` fails"));
    }

    #[test]
    fn a_fence_knows_its_info_string_and_the_place_of_its_content() {
        let text = "words\n\n```toml pitfall\na = 1\nb = 2\n```\n";
        let found = elements(text);
        let Some(Element::Fence { info, content, .. }) = found.get(1) else { panic!("{found:?}") };
        assert_eq!(info, "toml pitfall");
        assert_eq!(text.get(content.clone()), Some("a = 1\nb = 2\n"));
    }

    #[test]
    fn prose_keeps_its_lines_and_links() {
        let found = elements("One `a`.\nTwo [x](https://e.org/1).\n");
        let [Element::Prose { text, links, .. }] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(text, "One `a`.\nTwo x.");
        assert_eq!(links, &["https://e.org/1"]);
    }
}
