//! Names and running text in, lower-case words out.

/// Cuts a name or a text into lower-case words at everything that is no letter, and at `camelCase` steps.
///
/// Digits stay with the word they follow (`gpt2`, `img2img`), a number alone is no word.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    for c in text.chars() {
        let step = c.is_uppercase() && before.is_lowercase();
        if (!c.is_alphanumeric() || step) && !word.is_empty() {
            found.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() && !(word.is_empty() && c.is_ascii_digit()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    if !word.is_empty() {
        found.push(word);
    }
    found
}

/// An option's name without dashes, groups and spelling: `--Use_GPU` and `trainer.use_gpu` as `use-gpu`.
pub(crate) fn option_name(name: &str) -> String {
    let name = name.trim_start_matches('-').to_ascii_lowercase().replace('_', "-");
    name.rsplit('.').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_at_separators_and_capitals() {
        assert_eq!(tokens("--imageInput_path2"), ["image", "input", "path2"]);
        assert_eq!(tokens("2d_demo img2img"), ["d", "demo", "img2img"]);
        assert_eq!(tokens("训练 Train"), ["训练", "train"]);
    }
}
