//! Shell commands: enough of `sh` to see which programs a RUN starts with which words, and to write words safely.
//!
//! In: the text of a RUN (continued lines already joined) or a script. Out: its simple commands with their words, each
//! with its place. Never runs or expands anything, never fails: what is not understood becomes a word like any other.
//! Bodies of `$(…)` and of backticks stay inside their word.

use std::ops::Range;

use serde::Serialize;

use crate::{
    instruction::{Heredoc, Word},
    span::{Span, slice},
    words::is_name,
};

/// How a command follows the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// It is the first.
    Start,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `;`
    Semicolon,
    /// `|` or `|&`
    Pipe,
    /// `&` after the one before.
    Background,
    /// A line end, in a script.
    Newline,
    /// A parenthesis opened or closed in between.
    Group,
}

impl Operator {
    /// As a shell writes it; empty for [`Operator::Start`].
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Start => "",
            Self::And => "&&",
            Self::Or => "||",
            Self::Semicolon => ";",
            Self::Pipe => "|",
            Self::Background => "&",
            Self::Newline => "\n",
            Self::Group => "(",
        }
    }
}

/// `NAME=value` before a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assignment {
    pub name: String,
    /// Quotes removed, variables as written.
    pub value: String,
    /// The whole of `NAME=value`.
    pub span: Span,
}

/// `2>&1`, `> file`, `<<EOF`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Redirection {
    /// With the number before it: `2>&`.
    pub operator: String,
    pub target: Word,
}

/// One simple command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShellCommand {
    pub joined_by: Operator,
    pub assignments: Vec<Assignment>,
    /// Program and arguments. Words of the shell's grammar before the program (`if`, `then`, `!`, `{`) are left out.
    pub words: Vec<Word>,
    pub redirections: Vec<Redirection>,
    pub span: Span,
    /// Does it stand inside the script word of `sh -c`? All its words then carry that word's place.
    pub nested: bool,
}

const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "zsh", "ksh"];

/// Words that start a command without being its program.
const LEADING: [&str; 10] = ["if", "then", "else", "elif", "do", "while", "until", "!", "{", "time"];
/// Words that end a compound command.
const CLOSING: [&str; 4] = ["fi", "done", "esac", "}"];

impl ShellCommand {
    pub(crate) fn of_words(words: Vec<Word>, span: Span) -> Self {
        Self {
            joined_by: Operator::Start,
            assignments: Vec::new(),
            words,
            redirections: Vec::new(),
            span,
            nested: false,
        }
    }

    /// Program and arguments without what merely starts them (`sudo -E`, `env A=b`, `exec`, `command`, `nohup`).
    pub fn unwrapped(&self) -> &[Word] {
        let mut words = self.words.as_slice();
        while let Some((first, rest)) = words.split_first() {
            let skips_options = match base_name(&first.text) {
                "sudo" | "env" => true,
                "exec" | "command" | "nohup" => false,
                _ => break,
            };
            words = rest;
            while skips_options
                && words.first().is_some_and(|word| word.text.starts_with('-') || word.text.contains('='))
            {
                words = words.get(1..).unwrap_or_default();
            }
        }
        words
    }

    /// The program's name without its folder, as far as it is literal.
    pub fn program(&self) -> Option<&str> {
        self.unwrapped().first().map(|word| base_name(&word.text))
    }

    /// The words after the program.
    pub fn arguments(&self) -> &[Word] {
        self.unwrapped().get(1..).unwrap_or_default()
    }

    /// The packages of an `apt-get install`, `apt install` or `aptitude install`; `None` for other commands. Words with
    /// variables are among them.
    pub fn apt_packages(&self) -> Option<Vec<&Word>> {
        if !matches!(self.program()?, "apt-get" | "apt" | "aptitude") {
            return None;
        }
        let takes_value = ["-o", "--option", "-t", "--target-release", "--default-release", "-c", "--config-file"];
        let mut packages = Vec::new();
        let mut installs = false;
        let mut arguments = self.arguments().iter();
        while let Some(word) = arguments.next() {
            if takes_value.contains(&word.text.as_str()) {
                arguments.next();
            } else if word.text.starts_with('-') {
            } else if installs {
                packages.push(word);
            } else if word.text == "install" {
                installs = true;
            } else {
                return None;
            }
        }
        installs.then_some(packages)
    }

    /// The words after `install` of `pip install`, `python -m pip install` or `uv pip install`; `None` for other commands.
    pub fn pip_install(&self) -> Option<&[Word]> {
        let mut rest = self.arguments();
        let program = self.program()?;
        if program.starts_with("python") {
            let at = rest.iter().position(|word| !word.text.starts_with('-') || word.text == "-m")?;
            let after = rest.get(at..)?;
            if after.first()?.text != "-m" || after.get(1)?.text != "pip" {
                return None;
            }
            rest = after.get(2..)?;
        } else if program == "uv" {
            let at = rest.iter().position(|word| word.text == "pip")?;
            rest = rest.get(at + 1..)?;
        } else if !program
            .strip_prefix("pip")
            .is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
        {
            return None;
        }
        let at = rest.iter().position(|word| !word.text.starts_with('-'))?;
        (rest.get(at)?.text == "install").then(|| rest.get(at + 1..).unwrap_or_default())
    }

    /// The script word of `sh -c SCRIPT`.
    fn script(&self) -> Option<&Word> {
        if !SHELLS.contains(&self.program()?) {
            return None;
        }
        let mut arguments = self.arguments().iter();
        while let Some(word) = arguments.next() {
            let options = word.text.strip_prefix(['-', '+'])?;
            if options.starts_with('-') {
                continue;
            }
            if options.contains('c') {
                return arguments.next();
            }
            if options == "o" {
                arguments.next();
            }
        }
        None
    }
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The simple commands of a script. `place` turns a byte range of `text` into its place in the file.
pub(crate) fn commands(text: &str, place: impl Fn(Range<usize>) -> Span) -> Vec<ShellCommand> {
    let mut scanner = Scanner { text, at: 0, heredocs: Vec::new() };
    let mut commands: Vec<ShellCommand> = Vec::new();
    let mut current = Draft::new(Operator::Start);
    let mut open = 0_usize;
    loop {
        scanner.skip_blanks();
        let parenthesis = scanner.rest().chars().next().filter(|char| matches!(char, '(' | ')'));
        if let Some(operator) = scanner.operator() {
            match parenthesis {
                Some('(') => open += 1,
                // What stands before a `)` that closes nothing is a label of `case`: `a | b) command ;;`.
                Some(_) if open == 0 => {
                    let mut draft = std::mem::replace(&mut current, Draft::new(Operator::Group));
                    while draft.joined_by == Operator::Pipe {
                        let Some(command) = commands.pop() else { break };
                        draft = Draft::new(command.joined_by);
                    }
                    current.joined_by = draft.joined_by;
                    continue;
                }
                Some(_) => open -= 1,
                None => {}
            }
            if !current.is_empty() {
                commands.push(std::mem::replace(&mut current, Draft::new(operator)).finish(&place));
            } else if !commands.is_empty() && !matches!(operator, Operator::Newline | Operator::Group) {
                // `&&` before a line end or a parenthesis, and after `fi`, is what joins.
                current.joined_by = operator;
            }
            continue;
        }
        if let Some(operator) = scanner.redirection() {
            scanner.skip_blanks();
            let Some(word) = scanner.word() else { continue };
            if operator.ends_with("<<") || operator.ends_with("<<-") {
                scanner.heredocs.push((word.text.clone(), operator.ends_with('-')));
            }
            current.cover(&word.range);
            current.redirections.push((operator, word));
            continue;
        }
        let Some(word) = scanner.word() else { break };
        let written = slice(text, word.range.clone());
        if current.words.is_empty() {
            if LEADING.contains(&written) || CLOSING.contains(&written) {
                continue;
            }
            if let Some((name, _)) = written.split_once('=').filter(|(name, _)| is_name(name)) {
                current.cover(&word.range);
                current.assignments.push((name.to_owned(), word));
                continue;
            }
        }
        current.cover(&word.range);
        current.words.push(word);
    }
    if !current.is_empty() {
        commands.push(current.finish(&place));
    }
    commands
}

/// Ranges of all words of a script, those of the grammar and targets of redirections included. A line may be broken
/// before each of them.
pub(crate) fn word_ranges(text: &str) -> Vec<Range<usize>> {
    let mut scanner = Scanner { text, at: 0, heredocs: Vec::new() };
    let mut words = Vec::new();
    loop {
        scanner.skip_blanks();
        if scanner.operator().is_some() || scanner.redirection().is_some() {
            continue;
        }
        match scanner.word() {
            Some(word) => words.push(word.range),
            None => return words,
        }
    }
}

/// Adds, after each `sh -c SCRIPT`, the commands of its script.
pub(crate) fn add_nested(commands: &mut Vec<ShellCommand>) {
    let mut all = Vec::with_capacity(commands.len());
    for command in commands.drain(..) {
        let mut inner = Vec::new();
        if let Some(script) = command.script() {
            inner = self::commands(&script.text, |_| script.span);
            for command in &mut inner {
                command.nested = true;
            }
        }
        all.push(command);
        all.append(&mut inner);
    }
    *commands = all;
}

/// Is the heredoc's body a shell script, given the commands of its instruction?
pub(crate) fn runs_heredoc(commands: &[ShellCommand], heredoc: &Heredoc<'_>) -> bool {
    let reads = |command: &&ShellCommand| {
        command
            .redirections
            .iter()
            .any(|redirection| redirection.operator.contains("<<") && heredoc.marker.contains(redirection.target.span))
    };
    let Some(command) = commands.iter().find(reads) else { return false };
    let interpreter = match heredoc.body.trim_start().strip_prefix("#!") {
        Some(first) if command.words.is_empty() => {
            first.lines().next().and_then(|line| line.split_whitespace().map(base_name).find(|word| *word != "env"))
        }
        _ => command.program(),
    };
    let Some(interpreter) = interpreter else { return true };
    SHELLS.contains(&interpreter) && command.arguments().iter().all(|word| word.text.starts_with('-'))
}

/// A command while it is being read.
struct Draft {
    joined_by: Operator,
    assignments: Vec<(String, Scanned)>,
    words: Vec<Scanned>,
    redirections: Vec<(String, Scanned)>,
    range: Option<Range<usize>>,
}

impl Draft {
    fn new(joined_by: Operator) -> Self {
        Self { joined_by, assignments: Vec::new(), words: Vec::new(), redirections: Vec::new(), range: None }
    }

    fn is_empty(&self) -> bool {
        self.range.is_none()
    }

    fn cover(&mut self, range: &Range<usize>) {
        let start = self.range.as_ref().map_or(range.start, |covered| covered.start);
        self.range = Some(start..range.end);
    }

    fn finish(self, place: &impl Fn(Range<usize>) -> Span) -> ShellCommand {
        let word = |scanned: Scanned| Word { text: scanned.text, expands: scanned.expands, span: place(scanned.range) };
        ShellCommand {
            joined_by: self.joined_by,
            assignments: self
                .assignments
                .into_iter()
                .map(|(name, scanned)| Assignment {
                    value: slice(&scanned.text, name.len() + 1..scanned.text.len()).to_owned(),
                    name,
                    span: place(scanned.range),
                })
                .collect(),
            words: self.words.into_iter().map(word).collect(),
            redirections: self
                .redirections
                .into_iter()
                .map(|(operator, target)| Redirection { operator, target: word(target) })
                .collect(),
            span: place(self.range.unwrap_or(0..0)),
            nested: false,
        }
    }
}

/// A word as the scanner sees it.
struct Scanned {
    text: String,
    expands: bool,
    range: Range<usize>,
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// End lines of the heredocs that start after the current line, and whether tabs before them are cut.
    heredocs: Vec<(String, bool)>,
}

impl<'t> Scanner<'t> {
    fn rest(&self) -> &'t str {
        slice(self.text, self.at..self.text.len())
    }

    fn next(&mut self) -> Option<char> {
        let char = self.rest().chars().next()?;
        self.at += char.len_utf8();
        Some(char)
    }

    /// Spaces, continued lines and comments.
    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            if rest.starts_with([' ', '\t', '\r']) {
                self.at += 1;
            } else if rest.starts_with("\\\n") {
                self.at += 2;
            } else if rest.starts_with("\\\r\n") {
                self.at += 3;
            } else if rest.starts_with('#') {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else {
                return;
            }
        }
    }

    fn operator(&mut self) -> Option<Operator> {
        let rest = self.rest();
        let (length, operator) = if rest.starts_with("&&") {
            (2, Operator::And)
        } else if rest.starts_with("||") {
            (2, Operator::Or)
        } else if rest.starts_with("|&") {
            (2, Operator::Pipe)
        } else if rest.starts_with('|') {
            (1, Operator::Pipe)
        } else if rest.starts_with(';') {
            (1, Operator::Semicolon)
        } else if rest.starts_with('&') && !rest.starts_with("&>") {
            (1, Operator::Background)
        } else if rest.starts_with(['(', ')']) {
            (1, Operator::Group)
        } else if rest.starts_with('\n') {
            (1, Operator::Newline)
        } else {
            return None;
        };
        self.at += length;
        if operator == Operator::Newline {
            self.skip_heredocs();
        }
        Some(operator)
    }

    fn skip_heredocs(&mut self) {
        for (name, strips_tabs) in std::mem::take(&mut self.heredocs) {
            while self.at < self.text.len() {
                let rest = self.rest();
                let length = rest.find('\n').map_or(rest.len(), |at| at + 1);
                let line = slice(rest, 0..length).trim_end_matches(['\r', '\n']);
                let line = if strips_tabs { line.trim_start_matches('\t') } else { line };
                self.at += length;
                if line == name {
                    break;
                }
            }
        }
    }

    /// `2>&1` up to its target; `<(…)` is a word, not a redirection.
    fn redirection(&mut self) -> Option<String> {
        let rest = self.rest();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let after = slice(rest, digits..rest.len());
        let known = ["&>>", "&>", "<<<", "<<-", "<<", "<&", "<>", ">>", ">&", ">|", "<", ">"];
        let operator = known.into_iter().find(|operator| after.starts_with(operator))?;
        let is_process = slice(after, operator.len()..after.len()).starts_with('(') && operator.len() == 1;
        if is_process || (digits > 0 && operator.starts_with('&')) {
            return None;
        }
        self.at += digits + operator.len();
        Some(slice(rest, 0..digits + operator.len()).to_owned())
    }

    fn word(&mut self) -> Option<Scanned> {
        let start = self.at;
        let mut word = Scanned { text: String::new(), expands: false, range: start..start };
        while let Some(char) = self.rest().chars().next() {
            match char {
                ' ' | '\t' | '\r' | '\n' | ';' | '|' | '&' | ')' => break,
                '<' | '>' | '(' => {
                    // Process substitution starts a word; elsewhere these characters end it.
                    let substitutes = char != '(' && slice(self.rest(), 1..2) == "(" && self.at == start;
                    if !substitutes {
                        break;
                    }
                    self.at += 1;
                    word.expands = true;
                    let inner = self.parentheses();
                    word.text.push(char);
                    word.text.push_str(inner);
                }
                '\\' => {
                    self.at += 1;
                    match self.next() {
                        Some('\n') | None => {}
                        Some(escaped) => word.text.push(escaped),
                    }
                }
                '\'' => {
                    self.at += 1;
                    let rest = self.rest();
                    let length = rest.find('\'').unwrap_or(rest.len());
                    word.text.push_str(slice(rest, 0..length));
                    self.at = (self.at + length + 1).min(self.text.len());
                }
                '"' => self.double(&mut word),
                '$' | '`' => self.substitution(&mut word),
                _ => {
                    self.at += char.len_utf8();
                    word.text.push(char);
                }
            }
        }
        word.range = start..self.at;
        (self.at > start).then_some(word)
    }

    fn double(&mut self, word: &mut Scanned) {
        self.at += 1;
        while let Some(char) = self.rest().chars().next() {
            match char {
                '"' => {
                    self.at += 1;
                    return;
                }
                '$' | '`' => self.substitution(word),
                '\\' => {
                    self.at += 1;
                    match self.rest().chars().next() {
                        Some('\n') => self.at += 1,
                        Some(escaped @ ('$' | '`' | '"' | '\\')) => {
                            self.at += 1;
                            word.text.push(escaped);
                        }
                        _ => word.text.push('\\'),
                    }
                }
                _ => {
                    self.at += char.len_utf8();
                    word.text.push(char);
                }
            }
        }
    }

    /// `$X`, `${…}`, `$(…)` or backticks, kept as written.
    fn substitution(&mut self, word: &mut Scanned) {
        let start = self.at;
        if self.next() == Some('`') {
            let rest = self.rest();
            let length = rest.find('`').map_or(rest.len(), |at| at + 1);
            self.at += length;
            word.expands = true;
        } else {
            match self.rest().chars().next() {
                Some('(') => {
                    self.parentheses();
                    word.expands = true;
                }
                Some('{') => {
                    let rest = self.rest();
                    let length = rest.find('}').map_or(rest.len(), |at| at + 1);
                    self.at += length;
                    word.expands = true;
                }
                Some(char) if char.is_ascii_alphanumeric() || "_@*#?$!-".contains(char) => word.expands = true,
                _ => {}
            }
        }
        word.text.push_str(slice(self.text, start..self.at));
    }

    /// From a `(` to the `)` that belongs to it, quotes respected; the text read comes back.
    fn parentheses(&mut self) -> &'t str {
        let start = self.at;
        let mut depth = 0_usize;
        let mut quote: Option<char> = None;
        while let Some(char) = self.next() {
            match (char, quote) {
                ('\\', None | Some('"')) => {
                    self.next();
                }
                (_, Some(open)) if char == open => quote = None,
                ('\'' | '"', None) => quote = Some(char),
                ('(', None) => depth += 1,
                (')', None) => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        break;
                    }
                }
                _ => {}
            }
        }
        slice(self.text, start..self.at)
    }
}

/// Writes `text` as one shell word (POSIX) whose value is exactly `text`. NUL, which no process argument can hold, is
/// left out. Line ends stay inside the quotes: [`Dockerfile::run`](crate::Dockerfile::run) knows how to write those.
pub fn shell_quote(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=@%+,".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for char in text.chars().filter(|char| *char != '\0') {
        match char {
            '\'' => quoted.push_str("'\\''"),
            _ => quoted.push(char),
        }
    }
    quoted.push('\'');
    quoted
}

/// Writes words as a JSON array, the exec form of CMD, ENTRYPOINT, RUN and SHELL.
pub fn json_words<T: AsRef<str>>(words: &[T]) -> String {
    let words: Vec<String> = words.iter().map(|word| serde_json::Value::from(word.as_ref()).to_string()).collect();
    format!("[{}]", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(range: Range<usize>) -> Span {
        Span { start: range.start, end: range.end, first_line: 1, last_line: 1 }
    }

    #[track_caller]
    fn check(text: &str, expected: &[&[&str]]) {
        let mut found = commands(text, plain);
        add_nested(&mut found);
        let found: Vec<Vec<&str>> =
            found.iter().map(|command| command.words.iter().map(|word| word.text.as_str()).collect()).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn commands_are_split_at_operators_outside_of_quotes() {
        check(
            "apt-get update && apt-get install -y git;pip install 'a && b' | tee x &",
            &[
                &["apt-get", "update"],
                &["apt-get", "install", "-y", "git"],
                &["pip", "install", "a && b"],
                &["tee", "x"],
            ],
        );
        check("a || b\nc # d && e\n\nf", &[&["a"], &["b"], &["c"], &["f"]]);
    }

    #[test]
    fn words_of_the_grammar_are_not_programs() {
        check(
            "if ! test -f x; then pip install y; else { echo z; }; fi && (cd a && make)",
            &[&["test", "-f", "x"], &["pip", "install", "y"], &["echo", "z"], &["cd", "a"], &["make"]],
        );
        check("case $x in\n a | b) c ;;\n *) (d) ;; esac; e", &[&["case", "$x", "in"], &["c"], &["d"], &["e"]]);
        check("for f in a b; do rm $f; done", &[&["for", "f", "in", "a", "b"], &["rm", "$f"]]);
    }

    #[test]
    fn quotes_substitutions_and_redirections_are_read() {
        check(
            r#"echo "a \"$B\" \n" c\ d '\' $(cat "x)" (y)) `z w`"#,
            &[&["echo", r#"a "$B" \n"#, "c d", r"\", r#"$(cat "x)" (y))"#, "`z w`"]],
        );
        let found = commands("A=1 B='x y' make -j2 >out 2>&1 <in", plain);
        let command = &found[0];
        assert_eq!(command.program(), Some("make"));
        assert_eq!(command.assignments[1].value, "x y");
        let operators: Vec<&str> = command.redirections.iter().map(|r| r.operator.as_str()).collect();
        assert_eq!(operators, [">", "2>&", "<"]);
    }

    #[test]
    fn scripts_inside_words_are_read_too() {
        check(
            "bash -lc 'pip install x && ls'",
            &[&["bash", "-lc", "pip install x && ls"], &["pip", "install", "x"], &["ls"]],
        );
    }

    #[test]
    fn heredoc_bodies_inside_a_script_are_no_commands() {
        check("cat <<X >y\nrm -rf /\nX\nls", &[&["cat"], &["ls"]]);
    }

    #[test]
    fn installs_are_recognised() {
        let apt = |text: &str| -> Option<Vec<String>> {
            let found = commands(text, plain);
            found.first()?.apt_packages().map(|words| words.iter().map(|word| word.text.clone()).collect())
        };
        assert_eq!(apt("sudo apt-get -o X=y install -y -t sid git=1 libgl1").unwrap_or_default(), ["git=1", "libgl1"]);
        assert_eq!(apt("apt-get update"), None);
        let pip = |text: &str| -> Option<usize> { commands(text, plain).first()?.pip_install().map(<[Word]>::len) };
        assert_eq!(pip("python3.10 -u -m pip --quiet install a b"), Some(2));
        assert_eq!(pip("pip3 install --upgrade pip"), Some(2));
        assert_eq!(pip("uv pip install a"), Some(1));
        assert_eq!(pip("pipenv install"), None);
        assert_eq!(pip("pip download x"), None);
    }

    #[test]
    fn quoted_words_have_exactly_their_value() {
        for text in ["", "plain-1.0", "a b", "it's", "$HOME `x` \"y\" \\", "a\nb", "#", "~", "é"] {
            let quoted = shell_quote(text);
            let found = commands(&format!("echo {quoted}"), plain);
            assert_eq!(found[0].words[1].text, text, "{quoted}");
        }
    }
}
