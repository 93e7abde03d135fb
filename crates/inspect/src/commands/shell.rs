//! Lines of a shell block or script in, simple commands out.
//!
//! Prompts, continuations, comments, quotes, redirections, usage brackets and placeholders with spaces are understood
//! as people write them in documents; this is no shell, and what it cannot make sense of it leaves out.

use crate::documents::Line;

/// One word of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Word {
    /// As written, quotes included.
    pub(crate) raw: String,
    /// Without quotes.
    pub(crate) text: String,
    /// In brackets: may be left out.
    pub(crate) optional: bool,
}

impl Word {
    /// A word that is written as it reads, quoted where the shell needs it.
    pub(crate) fn new(text: &str) -> Self {
        Self { raw: quote(text), text: text.to_owned(), optional: false }
    }
}

/// Quotes a word for a POSIX shell, only where it must be.
pub(crate) fn quote(text: &str) -> String {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_./:=,@%+~".contains(c));
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// What stands between a command and the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joint {
    /// `&&`, `;` or the end of the line.
    Next,
    /// `|`: the next command reads what this one prints.
    Pipe,
    /// `||`
    Else,
    /// `&`
    Background,
}

/// A command without operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Simple {
    /// Variables set before the command; where there are no words, set for what follows.
    pub(crate) env: Vec<(String, Word)>,
    pub(crate) words: Vec<Word>,
    /// Operator (`<`, `>`, `>>`, `2>`) and target; duplications of file descriptors are left out.
    pub(crate) redirects: Vec<(String, Word)>,
    /// The comment on the same line, or on the lines above it.
    pub(crate) comment: String,
    /// Line of the document, from 1.
    pub(crate) line: usize,
    pub(crate) joint: Joint,
    /// Number of the logical line in its block: commands that share it were written in one line.
    pub(crate) group: usize,
}

/// Reads the commands of a block in their order.
pub(crate) fn commands(lines: &[Line]) -> Vec<Simple> {
    let prompted = lines.iter().any(|line| strip_prompt(&line.text).is_some());
    let mut found = Vec::new();
    let mut comment = String::new();
    let mut at = 0;
    let mut group = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        let number = line.number;
        let text = line.text.trim();
        let text = match strip_prompt(text) {
            Some(rest) => rest,
            // Between prompts stands output.
            None if prompted && !text.starts_with('#') => continue,
            None => text,
        };
        if text.is_empty() {
            comment.clear();
            continue;
        }
        if let Some(rest) = text.strip_prefix('#') {
            comment.push_str(rest.trim_start_matches('#'));
            comment.push('\n');
            continue;
        }
        let mut logical = text.to_owned();
        let mut joined = 0;
        while joined < 60 {
            let next = lines.get(at).map(|line| line.text.trim()).unwrap_or_default();
            if let Some(start) = continued(&logical) {
                logical =
                    format!("{} {}", start.trim_end(), next.strip_prefix("> ").filter(|_| prompted).unwrap_or(next));
            } else if is_unclosed(&logical) && at < lines.len() {
                logical = format!("{logical}\n{next}");
            } else if is_flag_line(next) && !logical.trim_end().ends_with(['&', ';', '|']) {
                logical = format!("{logical} {next}");
            } else {
                break;
            }
            if at >= lines.len() {
                break;
            }
            at += 1;
            joined += 1;
        }
        group += 1;
        let Some(tokens) = tokens(&logical) else {
            comment.clear();
            continue;
        };
        let before = found.len();
        assemble(tokens, number, group, comment.trim(), &mut found);
        if found.len() > before {
            comment.clear();
        }
    }
    found
}

/// What stands before the backslash with which a line goes on, though a comment may follow it: no shell reads that, but
/// people write it and mean it.
fn continued(line: &str) -> Option<&str> {
    let bare = line.trim_end();
    bare.strip_suffix('\\').or_else(|| {
        let (before, comment) = bare.rsplit_once('#')?;
        let start = before.trim_end().strip_suffix('\\')?;
        (before.ends_with(' ') && !comment.contains(['"', '\'']) && !is_unclosed(start)).then_some(start)
    })
}

/// A line that only goes on with the options of the line before, as people break lines without a backslash.
fn is_flag_line(line: &str) -> bool {
    let mut chars = line.chars();
    chars.next() == Some('-')
        && chars.next().is_some_and(|c| c == '-' || c.is_ascii_alphabetic())
        && !line.contains("  ")
        && !line.contains(", -")
}

/// Cuts `$ `, `% `, `(env) $ `, `user@host:~$ ` and a notebook's `!`.
fn strip_prompt(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if let Some(rest) = line.strip_prefix("$ ").or_else(|| line.strip_prefix("% ")).or_else(|| line.strip_prefix("❯ "))
    {
        return Some(rest.trim_start());
    }
    if let Some(rest) = line.strip_prefix('!').filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic())) {
        return Some(rest);
    }
    if let Some(rest) = line.strip_prefix("%cd ") {
        return line.get(1..).filter(|_| !rest.is_empty());
    }
    if line.starts_with('$') && line.chars().nth(1).is_some_and(|c| c.is_ascii_lowercase() || c == '.') {
        // `$python demo.py`: a prompt without its space, unless it is a variable.
        let rest = line.get(1..)?;
        let known = ["python", "pip", "cd ", "bash ", "sh ", "git ", "./"].iter().any(|word| rest.starts_with(word));
        // `$tool --input x`
        let has_options = rest
            .split_once(' ')
            .is_some_and(|(name, tail)| tail.starts_with('-') && name.chars().all(|c| c.is_ascii_lowercase()));
        return (known || has_options).then_some(rest);
    }
    let (head, rest) = line.split_once("$ ").or_else(|| line.split_once("# "))?;
    let is_prompt = head.len() < 60
        && (head.starts_with('(') && head.contains(')') && !head.contains('"')
            || head.contains('@') && head.contains(':')
            || head.ends_with('~'))
        && !head.contains("  ")
        && !head.contains('=');
    is_prompt.then_some(rest.trim_start())
}

fn is_unclosed(text: &str) -> bool {
    let (mut single, mut double, mut escaped) = (false, false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if !single => escaped = true,
            '\'' if !double => single = !single,
            '"' if !single => double = !double,
            '#' if !single && !double => return false,
            _ => {}
        }
    }
    // An apostrophe in running text never closes; only double quotes are worth waiting for.
    double || (single && text.starts_with("python") && text.contains(" -c "))
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(Word),
    Joint(Joint),
    Redirect(String),
    Comment(String),
}

/// Cuts a logical line into tokens; `None` where it is no command (an open quote, a here-document).
fn tokens(line: &str) -> Option<Vec<Token>> {
    let line = line.replace(['“', '”', '″'], "\"").replace(['‘', '’'], "'").replace('\u{a0}', " ");
    let chars: Vec<char> = line.chars().collect();
    let peek = |at: usize| chars.get(at).copied();
    let mut found = Vec::new();
    let mut word: Option<Word> = None;
    let mut at = 0;
    while let Some(c) = peek(at) {
        let begins = word.is_none();
        match c {
            '\n' | ' ' | '\t' => {
                found.extend(word.take().map(Token::Word));
                at += 1;
            }
            '#' if begins => {
                let end = (at..chars.len()).find(|n| peek(*n) == Some('\n')).unwrap_or(chars.len());
                found.push(Token::Comment(chars.get(at + 1..end).unwrap_or_default().iter().collect()));
                at = end;
            }
            '\'' | '"' => {
                let mut end = at + 1;
                let word = word.get_or_insert_default();
                word.raw.push(c);
                loop {
                    let next = peek(end)?;
                    word.raw.push(next);
                    end += 1;
                    if next == c {
                        break;
                    }
                    if next == '\\' && c == '"' && peek(end).is_some_and(|n| matches!(n, '"' | '\\' | '$' | '`')) {
                        let escaped = peek(end)?;
                        word.raw.push(escaped);
                        word.text.push(escaped);
                        end += 1;
                    } else {
                        word.text.push(next);
                    }
                }
                at = end;
            }
            '\\' => {
                let word = word.get_or_insert_default();
                let next = peek(at + 1)?;
                word.raw.push(c);
                word.raw.push(next);
                word.text.push(next);
                at += 2;
            }
            '$' if peek(at + 1) == Some('(') => {
                let end = closing(&chars, at + 1, '(', ')')?;
                let part: String = chars.get(at..=end)?.iter().collect();
                let word = word.get_or_insert_default();
                word.raw.push_str(&part);
                word.text.push_str(&part);
                at = end + 1;
            }
            '[' if begins => match closing(&chars, at, '[', ']') {
                // `[a]|[b]`: the first of several.
                Some(end) if peek(end + 1) == Some('|') && peek(end + 2) == Some('[') => {
                    let text: String = chars.get(at..=end)?.iter().collect();
                    found.push(Token::Word(Word { raw: text.clone(), text, optional: true }));
                    at = (end..chars.len())
                        .find(|n| peek(*n).is_some_and(char::is_whitespace) && peek(n - 1) == Some(']'))
                        .unwrap_or(chars.len());
                }
                Some(end) if peek(end + 1).is_none_or(char::is_whitespace) => {
                    let inner: String = chars.get(at + 1..end)?.iter().collect();
                    let inner = inner.trim();
                    let names_something =
                        inner.starts_with(|c: char| c.is_alphabetic()) && !inner.contains([',', '\'', '"']);
                    let generic = matches!(
                        inner.to_ascii_lowercase().as_str(),
                        "options" | "option" | "args" | "arguments" | "flags" | "optional arguments" | "params"
                    );
                    if names_something && !generic {
                        found.push(Token::Word(Word {
                            raw: format!("[{inner}]"),
                            text: format!("[{inner}]"),
                            optional: true,
                        }));
                    } else if !inner.is_empty()
                        && inner.starts_with(|c: char| c.is_ascii_digit() || c == '[' || c == '\'' || c == '"')
                    {
                        let text: String = chars.get(at..=end)?.iter().collect();
                        found.push(Token::Word(Word::new(&text)));
                    }
                    at = end + 1;
                }
                _ => {
                    push(&mut word, c);
                    at += 1;
                }
            },
            // `--input=[path of a file]`
            '[' if word.as_ref().is_some_and(|word| word.text.ends_with('='))
                && let Some(end) = closing(&chars, at, '[', ']')
                && chars.get(at + 1..end).is_some_and(is_phrase) =>
            {
                for part in chars.get(at..=end)? {
                    push(&mut word, *part);
                }
                at = end + 1;
            }
            '{' => {
                let end = closing(&chars, at, '{', '}').filter(|end| end - at < 60).unwrap_or(at);
                for part in chars.get(at..=end)? {
                    push(&mut word, *part);
                }
                at = end + 1;
            }
            '<' if peek(at + 1) == Some('<') => return None,
            // `<(ls *.pt)`: a word that bash replaces by a file.
            '<' if begins && peek(at + 1) == Some('(') => {
                let end = closing(&chars, at + 1, '(', ')')?;
                let text: String = chars.get(at..=end)?.iter().collect();
                found.push(Token::Word(Word { raw: text.clone(), text, optional: false }));
                at = end + 1;
            }
            '<' => {
                if let Some(end) = placeholder_end(&chars, at) {
                    for part in chars.get(at..=end)? {
                        push(&mut word, *part);
                    }
                    at = end + 1;
                } else {
                    found.extend(word.take().map(Token::Word));
                    found.push(Token::Redirect("<".to_owned()));
                    at += 1;
                }
            }
            '>' => {
                let descriptor = word
                    .as_ref()
                    .map(|word| word.text.clone())
                    .filter(|text| text == "1" || text == "2" || text == "&");
                if descriptor.is_none() {
                    found.extend(word.take().map(Token::Word));
                }
                word = None;
                let mut operator = descriptor.filter(|text| text != "1").unwrap_or_default();
                operator.push('>');
                at += 1;
                if peek(at) == Some('>') {
                    operator.push('>');
                    at += 1;
                }
                if peek(at) == Some('&') {
                    // `2>&1`: nothing that changes what the program does.
                    at += 1;
                    while peek(at).is_some_and(|c| c.is_ascii_digit() || c == '-') {
                        at += 1;
                    }
                } else {
                    found.push(Token::Redirect(operator));
                }
            }
            '&' | '|' | ';' => {
                let double = peek(at + 1) == Some(c);
                let inside =
                    !begins && c == '|' && !double && peek(at + 1).is_some_and(|n| n.is_alphanumeric() || n == '-');
                if c == '&' && peek(at + 1) == Some('>') {
                    found.extend(word.take().map(Token::Word));
                    word = Some(Word { raw: "&".to_owned(), text: "&".to_owned(), optional: false });
                    at += 1;
                } else if inside {
                    push(&mut word, c);
                    at += 1;
                } else {
                    found.extend(word.take().map(Token::Word));
                    found.push(Token::Joint(match (c, double) {
                        ('|', true) => Joint::Else,
                        ('|', false) => Joint::Pipe,
                        ('&', false) => Joint::Background,
                        _ => Joint::Next,
                    }));
                    at += if double { 2 } else { 1 };
                }
            }
            _ => {
                push(&mut word, c);
                at += 1;
            }
        }
    }
    found.extend(word.take().map(Token::Word));
    Some(found)
}

/// Words with blanks between them, and nothing else.
fn is_phrase(chars: &[char]) -> bool {
    chars.contains(&' ') && chars.iter().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '/' | '.'))
}

fn push(word: &mut Option<Word>, c: char) {
    let word = word.get_or_insert_default();
    word.raw.push(c);
    word.text.push(c);
}

/// Index of the bracket that closes the one at `open`.
fn closing(chars: &[char], open: usize, left: char, right: char) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in chars.iter().enumerate().skip(open).take(400) {
        if *c == left {
            depth += 1;
        } else if *c == right {
            depth -= 1;
            if depth == 0 {
                return Some(at);
            }
        } else if *c == '\n' {
            return None;
        }
    }
    None
}

/// The `>` of `<path to image>`; `None` where the `<` is a redirection.
fn placeholder_end(chars: &[char], open: usize) -> Option<usize> {
    if !chars.get(open + 1)?.is_alphanumeric() && !"/._{[".contains(*chars.get(open + 1)?) {
        return None;
    }
    for (at, c) in chars.iter().enumerate().skip(open + 1).take(100) {
        match c {
            '>' => return (!chars.get(at - 1)?.is_whitespace()).then_some(at),
            '<' | ';' | '"' | '\n' | '&' => return None,
            _ => {}
        }
    }
    None
}

fn assemble(tokens: Vec<Token>, line: usize, group: usize, above: &str, into: &mut Vec<Simple>) {
    let inline: String = tokens
        .iter()
        .filter_map(|token| match token {
            Token::Comment(text) => Some(text.trim()),
            _ => None,
        })
        .collect::<Vec<_>>()
        .join(" ");
    let comment = [above, &inline].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
    let empty = || Simple {
        env: vec![],
        words: vec![],
        redirects: vec![],
        comment: comment.clone(),
        line,
        joint: Joint::Next,
        group,
    };
    let mut simple = empty();
    let mut redirect: Option<String> = None;
    for token in tokens {
        match token {
            Token::Word(word) => {
                if let Some(operator) = redirect.take() {
                    simple.redirects.push((operator, word));
                } else if let Some(set) = assignment(&word).filter(|_| simple.words.is_empty()) {
                    simple.env.push(set);
                } else {
                    simple.words.push(word);
                }
            }
            Token::Redirect(operator) => redirect = Some(operator),
            Token::Joint(joint) => {
                simple.joint = joint;
                let done = std::mem::replace(&mut simple, empty());
                if !done.words.is_empty() || !done.env.is_empty() {
                    into.push(done);
                }
            }
            Token::Comment(_) => {}
        }
    }
    if !simple.words.is_empty() || !simple.env.is_empty() {
        into.push(simple);
    }
}

/// `NAME=value` as name and value.
pub(crate) fn assignment(word: &Word) -> Option<(String, Word)> {
    let (name, text) = word.text.split_once('=')?;
    let (raw_name, raw) = word.raw.split_once('=')?;
    let valid = !name.is_empty()
        && raw_name == name
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    valid.then(|| (name.to_owned(), Word { raw: raw.to_owned(), text: text.to_owned(), optional: false }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Simple> {
        let lines: Vec<Line> =
            text.lines().enumerate().map(|(at, text)| Line { number: at + 1, text: text.to_owned() }).collect();
        commands(&lines)
    }

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<String> = read(text)
            .into_iter()
            .map(|simple| {
                let env = simple.env.iter().map(|(name, word)| format!("{name}={}", word.raw));
                let words = simple.words.iter().map(|word| word.raw.clone());
                let redirects = simple.redirects.iter().map(|(operator, word)| format!("{operator} {}", word.raw));
                env.chain(words).chain(redirects).collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_prompt_may_stand_without_its_space() {
        check("$tool --input a.txt", &["tool --input a.txt"]);
    }

    #[test]
    fn what_bash_makes_a_file_of_is_one_word() {
        check("python a.py -f <(ls m/*.pt) -o .", &["python a.py -f <(ls m/*.pt) -o ."]);
    }

    #[test]
    fn a_comment_behind_a_backslash_does_not_end_the_command() {
        check(
            "python run.py \\\n  --task a \\  # which task\n  --n 1    # runs\nls",
            &["python run.py --task a --n 1", "ls"],
        );
    }

    #[test]
    fn prompts_are_cut_and_output_between_them_is_left_out() {
        check(
            "$ python a.py\nresult: 1\n(env) $ python b.py\nuser@host:~/x$ ls",
            &["python a.py", "python b.py", "ls"],
        );
    }

    #[test]
    fn lines_are_joined_by_backslash_quote_or_leading_flag() {
        check(
            "python a.py \\\n  --x 1\npython b.py\n  --y 2\npython c.py \"a\nb\"",
            &["python a.py --x 1", "python b.py --y 2", "python c.py \"a\nb\""],
        );
    }

    #[test]
    fn chains_become_single_commands() {
        check("cd x && A=1 python a.py | tee log; ls", &["cd x", "A=1 python a.py", "tee log", "ls"]);
    }

    #[test]
    fn placeholders_are_words_and_redirections_are_not() {
        check(
            "python a.py -s <path to data> < in.txt > out.txt 2>&1",
            &["python a.py -s <path to data> < in.txt > out.txt"],
        );
        check("CUDA_VISIBLE_DEVICES={GPU ID} python a.py", &["CUDA_VISIBLE_DEVICES={GPU ID} python a.py"]);
    }

    #[test]
    fn a_phrase_after_an_equals_sign_is_one_word() {
        let found = read("python a.py --x=[folder of images] --y=[1, 2]");
        let words: Vec<&str> = found.iter().flat_map(|simple| &simple.words).map(|word| word.text.as_str()).collect();
        assert_eq!(words, ["python", "a.py", "--x=[folder of images]", "--y=[1,", "2]"]);
    }

    #[test]
    fn alternatives_in_brackets_are_one_word() {
        check("python a.py --x <a | b> --y [c d]|[e f]", &["python a.py --x <a | b> --y [c d]"]);
    }

    #[test]
    fn optional_flags_in_brackets_are_dropped_and_optional_names_kept() {
        check("prog [-l lang] [input_file] [OPTIONS] [0,1]", &["prog [input_file] '[0,1]'"]);
    }

    #[test]
    fn comments_belong_to_the_command_below_them() {
        let found = read("# to train\npython t.py # now\n\npython u.py");
        assert_eq!(found.iter().map(|s| s.comment.as_str()).collect::<Vec<_>>(), ["to train\nnow", ""]);
    }

    #[test]
    fn an_open_quote_is_no_command() {
        check("it's only text", &[]);
    }
}
