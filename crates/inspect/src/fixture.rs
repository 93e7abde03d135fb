//! Many files in one string, for tests.

use crate::tree::Tree;

/// A tree of the files in `text`: each begins with a line `//- /path`. The indentation of the first such line is cut
/// from every line.
pub(crate) fn tree(text: &str) -> Tree {
    let indents: Vec<usize> =
        text.lines().filter(|l| l.trim_start().starts_with("//- /")).map(|l| l.len() - l.trim_start().len()).collect();
    // In a literal whose first line stands at the quote, the others show the indentation.
    let indent = indents.get(1).or(indents.first()).copied().unwrap_or(0);
    let mut files: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let blanks = line.len() - line.trim_start().len();
        let line = line.get(indent.min(blanks)..).unwrap_or_default();
        if let Some(path) = line.strip_prefix("//- /") {
            files.push((path.trim().to_owned(), String::new()));
        } else if let Some((_, content)) = files.last_mut() {
            content.push_str(line);
            content.push('\n');
        }
    }
    Tree::from_texts(files)
}
