//! Writing a Dockerfile from nothing (or at the end of one).
//!
//! In: values. Out: instructions at the end of the file that read back as exactly those values. A value never becomes an
//! instruction, a flag, a directive or a heredoc: where plain text would, it is quoted, escaped or put into JSON. What a
//! Dockerfile cannot hold (a line end in ENV, a NUL) is taken out and said in [`Dockerfile::findings`].

use crate::{
    Dockerfile, Finding, Keyword,
    parse::{Kind, continued, without_end},
    shell::{Operator, ShellCommand, commands, json_words, word_ranges},
    span::{Lines, slice},
};

/// Comments are wrapped at this many columns.
const COMMENT_WIDTH: usize = 100;
/// Commands of RUN are folded between words where their line gets longer than this.
const COMMAND_WIDTH: usize = 120;

impl Dockerfile {
    /// An empty file.
    pub fn new() -> Self {
        let text = String::new();
        let lines = Lines::of(&text);
        Self { text, lines, nodes: Vec::new(), escape: '\\', findings: Vec::new(), written: Vec::new() }
    }

    /// Adds whole lines as they are.
    pub fn raw(&mut self, text: &str) -> &mut Self {
        self.close();
        let end = self.line_end();
        let mut whole = self.text.clone();
        if !whole.is_empty() && !whole.ends_with('\n') {
            whole.push_str(end);
        }
        whole.push_str(&whole_lines(text, end));
        self.reread(&whole);
        self
    }

    /// Adds a comment: one `# ` line for each line of `text`, wrapped at about 100 columns.
    pub fn comment(&mut self, text: &str) -> &mut Self {
        let before = (self.clone(), self.directives().len());
        let lines = comment_lines(text).join("\n");
        self.raw(&lines);
        if self.directives().len() > before.1 {
            // At the top of a file `# name=value` would be a directive; an empty comment line ends those.
            *self = before.0;
            self.raw(&format!("#\n{lines}"));
        }
        self
    }

    /// Adds a blank line.
    pub fn blank(&mut self) -> &mut Self {
        self.raw("\n")
    }

    /// Adds `FROM image`, or `FROM image AS alias`. Variables in `image` stay variables.
    pub fn from(&mut self, image: &str, alias: Option<&str>) -> &mut Self {
        let image = self.single_word(image, "FROM");
        match alias {
            Some(alias) => {
                let alias = self.single_word(alias, "FROM");
                self.raw(&format!("FROM {image} AS {alias}"))
            }
            None => self.raw(&format!("FROM {image}")),
        }
    }

    /// Adds `ARG name` or `ARG name=default`; the default is literal.
    pub fn arg(&mut self, name: &str, default: Option<&str>) -> &mut Self {
        if !self.is_pair_name(name, "ARG") {
            return self;
        }
        match default {
            Some(default) => {
                let default = self.literal(default, "ARG");
                self.raw(&format!("ARG {name}={}", quoted_value(&default, self.escape, false)))
            }
            None => self.raw(&format!("ARG {name}")),
        }
    }

    /// Adds one ENV with these pairs, in their order; values are literal. Nothing is added where there is no pair.
    pub fn env<K: AsRef<str>, V: AsRef<str>>(&mut self, pairs: &[(K, V)]) -> &mut Self {
        self.pairs("ENV", pairs, false)
    }

    /// Like [`Dockerfile::env`], but `$X` and `${X}` in values are variables: `("PATH", "/opt/bin:$PATH")`.
    pub fn env_expanding<K: AsRef<str>, V: AsRef<str>>(&mut self, pairs: &[(K, V)]) -> &mut Self {
        self.pairs("ENV", pairs, true)
    }

    /// Adds one LABEL with these pairs; values are literal.
    pub fn label<K: AsRef<str>, V: AsRef<str>>(&mut self, pairs: &[(K, V)]) -> &mut Self {
        self.pairs("LABEL", pairs, false)
    }

    fn pairs<K: AsRef<str>, V: AsRef<str>>(&mut self, keyword: &str, pairs: &[(K, V)], expands: bool) -> &mut Self {
        let mut written = Vec::new();
        for (name, value) in pairs {
            if self.is_pair_name(name.as_ref(), keyword) {
                let value = self.literal(value.as_ref(), keyword);
                written.push(format!("{}={}", name.as_ref(), quoted_value(&value, self.escape, expands)));
            }
        }
        if written.is_empty() {
            return self;
        }
        let indent = " ".repeat(keyword.len() + 1);
        let lines = written.join(&format!(" {}\n{indent}", self.escape));
        self.raw(&format!("{keyword} {lines}"))
    }

    /// Adds WORKDIR; the path is literal.
    pub fn workdir(&mut self, path: &str) -> &mut Self {
        let path = self.literal(path, "WORKDIR");
        self.raw(&format!("WORKDIR {}", quoted_value(&path, self.escape, false)))
    }

    /// Adds USER; the name is literal.
    pub fn user(&mut self, name: &str) -> &mut Self {
        let name = self.literal(name, "USER");
        self.raw(&format!("USER {}", quoted_value(&name, self.escape, false)))
    }

    /// Adds COPY. Sources and destination are literal except for the wildcards `*`, `?` and `[…]` of sources; flags are
    /// given whole: `--from=source`.
    pub fn copy<S: AsRef<str>, F: AsRef<str>>(&mut self, sources: &[S], destination: &str, flags: &[F]) -> &mut Self {
        let mut line = "COPY".to_owned();
        for flag in flags {
            let flag = self.single_word(flag.as_ref(), "COPY");
            if flag.starts_with("--") {
                line = format!("{line} {flag}");
            }
        }
        let paths = sources.iter().map(AsRef::as_ref).chain([destination]);
        let mut words = Vec::new();
        for path in paths {
            let path = self.literal(path, "COPY");
            words.push(escaped_word(&path, self.escape));
        }
        let needs_json = |word: &String| {
            word.is_empty()
                || word.contains(char::is_whitespace)
                || word.contains("<<")
                || word.starts_with("--")
                || word.starts_with('[')
        };
        let arguments = if words.iter().any(needs_json) { json_words(&words) } else { words.join(" ") };
        self.raw(&format!("{line} {arguments}"))
    }

    /// Adds one RUN that joins these shell commands with `&&`. Each is shell text (use
    /// [`shell_quote`](crate::shell_quote) for values); long ones are folded between words. Commands that do not survive
    /// on the lines of a Dockerfile (line ends in quotes, comments, heredocs, open quotes) are written in exec form, where
    /// they do.
    pub fn run<T: AsRef<str>>(&mut self, commands: &[T]) -> &mut Self {
        let commands: Vec<&str> =
            commands.iter().map(|command| command.as_ref().trim()).filter(|command| !command.is_empty()).collect();
        if commands.is_empty() {
            return self;
        }
        let joiner = format!(" {}\n && ", self.escape);
        let folded: Vec<String> = commands.iter().map(|command| fold(command, self.escape)).collect();
        let lines = format!("RUN {}", folded.join(&joiner));
        if self.reads_as(&lines, &commands) {
            return self.raw(&lines);
        }
        let script = match commands.as_slice() {
            [command] => (*command).to_owned(),
            // A brace on its own line ends even a command that closes with a comment or a heredoc.
            commands => commands.iter().map(|command| format!("{{ {command}\n}}")).collect::<Vec<_>>().join(" && "),
        };
        let script = self.without_nul(&script, "RUN");
        let mut words = self.shell_at(self.nodes.len());
        words.push(script);
        self.raw(&format!("RUN {}", json_words(&words)))
    }

    /// Adds CMD in exec form; words are literal.
    pub fn cmd_exec<T: AsRef<str>>(&mut self, words: &[T]) -> &mut Self {
        self.raw(&format!("CMD {}", json_words(words)))
    }

    /// Adds ENTRYPOINT in exec form; words are literal.
    pub fn entrypoint_exec<T: AsRef<str>>(&mut self, words: &[T]) -> &mut Self {
        self.raw(&format!("ENTRYPOINT {}", json_words(words)))
    }

    /// Adds SHELL: the words that later RUN lines in shell form are started with.
    pub fn shell<T: AsRef<str>>(&mut self, words: &[T]) -> &mut Self {
        self.raw(&format!("SHELL {}", json_words(words)))
    }

    /// Would `lines` be read as one RUN with just these commands, and what comes after them as what it is? A comment at
    /// their end can carry a continuation on.
    fn reads_as(&self, lines: &str, written: &[&str]) -> bool {
        let directive = if self.escape == '`' { "# escape=`\n" } else { "" };
        let file = Self::parse(&format!("{directive}{lines}\nUSER x\n"));
        let instructions = file.instructions();
        let [run, _next] = instructions.as_slice() else { return false };
        if run.keyword() != Keyword::Run
            || !run.flags().is_empty()
            || !run.heredocs().is_empty()
            || run.exec().is_some()
            || written.iter().any(|command| command.ends_with([';', '&', '|', '\\']) || command.contains('\0'))
        {
            return false;
        }
        let mut expected = Vec::new();
        for command in written {
            let mut parts = commands(command, |range| self.lines.span(range));
            if let Some(first) = parts.first_mut().filter(|_| !expected.is_empty()) {
                first.joined_by = Operator::And;
            }
            expected.append(&mut parts);
        }
        let found = commands(run.arguments(), |range| self.lines.span(range));
        meaning(&found) == meaning(&expected)
    }

    /// Ends what an unfinished last instruction leaves open, so that lines added after it stand for themselves.
    pub(crate) fn close(&mut self) {
        let Some(node) = self.nodes.last() else { return };
        let Kind::Instruction(parts) = &node.kind else { return };
        let mut text = self.text.clone();
        let head = slice(&text, parts.head.clone());
        let mut at = parts.head.start;
        let mut last_mark = None;
        let mut more = true;
        for line in head.split_inclusive('\n') {
            let content = without_end(line);
            let skipped = at > parts.head.start && (content.trim().is_empty() || content.trim_start().starts_with('#'));
            if !skipped {
                let mark = continued(content, self.escape).map(|before| at + before.len());
                more = mark.is_some();
                last_mark = mark;
            }
            at += line.len();
        }
        let open: Vec<String> =
            parts.heredocs.iter().filter(|heredoc| !heredoc.terminated).map(|heredoc| heredoc.name.clone()).collect();
        match last_mark.filter(|_| more) {
            Some(mark) => {
                text.replace_range(mark..mark + self.escape.len_utf8(), "");
            }
            None if open.is_empty() => return,
            None => {
                let end = self.line_end();
                for name in open {
                    if !text.ends_with('\n') {
                        text.push_str(end);
                    }
                    text.push_str(&name);
                    text.push_str(end);
                }
            }
        }
        self.reread(&text);
    }

    /// Reads the changed text, and keeps what was said about written values.
    pub(crate) fn reread(&mut self, text: &str) {
        let written = std::mem::take(&mut self.written);
        *self = Self::parse(text);
        self.written = written;
    }

    fn say(&mut self, code: &'static str, message: String) {
        let end = self.text.len();
        let span = self.lines.span(end..end);
        self.written.push(Finding::new(code, message, span));
    }

    /// A value without line ends and NUL.
    fn literal(&mut self, value: &str, keyword: &str) -> String {
        let value = self.without_nul(value, keyword);
        if !value.contains('\n') {
            return value;
        }
        self.say(
            "line-end-in-value",
            format!("a value of {keyword} had line ends; a Dockerfile cannot hold them, so they became spaces"),
        );
        value.replace("\r\n", " ").replace('\n', " ")
    }

    fn without_nul(&mut self, value: &str, keyword: &str) -> String {
        if value.contains('\0') {
            self.say("nul-in-value", format!("a value of {keyword} had NUL characters; they were left out"));
        }
        value.replace('\0', "")
    }

    fn single_word(&mut self, value: &str, keyword: &str) -> String {
        let word: String = value.chars().filter(|char| !char.is_whitespace() && *char != '\0').collect();
        if word != value {
            self.say("white-space-in-word", format!("a word of {keyword} had white space; it was left out"));
        }
        word
    }

    fn is_pair_name(&mut self, name: &str, keyword: &str) -> bool {
        let fits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte));
        if !fits {
            self.say("name-invalid", format!("{keyword} cannot set `{}`; it was left out", name.escape_debug()));
        }
        fits
    }
}

/// `text` with this line end after each line, the last included.
pub(crate) fn whole_lines(text: &str, end: &str) -> String {
    let mut whole = text.replace("\r\n", "\n");
    if !whole.ends_with('\n') {
        whole.push('\n');
    }
    if end == "\n" { whole } else { whole.replace('\n', end) }
}

/// The lines of a comment, each with its `#`.
pub(crate) fn comment_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.replace("\r\n", "\n").split(['\n', '\r']) {
        let line = line.trim_end();
        if line.chars().count() + 2 <= COMMENT_WIDTH {
            lines.push(if line.is_empty() { "#".to_owned() } else { format!("# {line}") });
            continue;
        }
        let mut current = String::new();
        for word in line.split_whitespace() {
            if !current.is_empty() && current.chars().count() + 1 + word.chars().count() + 2 > COMMENT_WIDTH {
                lines.push(format!("# {current}"));
                current.clear();
            }
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
        lines.push(format!("# {current}"));
    }
    lines
}

/// A value for ENV, LABEL, ARG, WORKDIR and USER, in double quotes where it needs them.
fn quoted_value(value: &str, escape: char, expands: bool) -> String {
    let is_plain =
        |char: char| char.is_ascii_alphanumeric() || "_-./:@%+,=".contains(char) || (expands && "${}".contains(char));
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for char in value.chars() {
        if char == '"' || char == escape || (char == '$' && !expands) {
            quoted.push(escape);
        }
        quoted.push(char);
    }
    quoted.push('"');
    quoted
}

/// A path for COPY, which knows no quotes around words but removes quotes and escapes inside them.
fn escaped_word(word: &str, escape: char) -> String {
    let mut escaped = String::with_capacity(word.len());
    for char in word.chars() {
        if char == escape || matches!(char, '$' | '"' | '\'') {
            escaped.push(escape);
        }
        escaped.push(char);
    }
    escaped
}

/// Breaks a long command between words; each continued line is indented.
fn fold(command: &str, escape: char) -> String {
    const INDENT: &str = "      ";
    if command.contains('\n') || command.chars().count() + 4 <= COMMAND_WIDTH {
        return command.to_owned();
    }
    let starts: Vec<usize> = word_ranges(command).into_iter().map(|range| range.start).skip(1).collect();
    let mut folded = String::new();
    let mut line = String::new();
    let mut at = 0;
    for end in starts.into_iter().chain([command.len()]) {
        let piece = slice(command, at..end);
        if !line.is_empty() && line.chars().count() + piece.trim_end().chars().count() + INDENT.len() > COMMAND_WIDTH {
            folded.push_str(&line);
            folded.push(escape);
            folded.push('\n');
            folded.push_str(INDENT);
            line.clear();
        }
        line.push_str(piece);
        at = end;
    }
    folded + &line
}

/// What a list of commands amounts to, whatever the white space between their words.
fn meaning(commands: &[ShellCommand]) -> Vec<&str> {
    let mut meaning = Vec::new();
    for command in commands {
        meaning.push(command.joined_by.symbol());
        meaning.extend(command.assignments.iter().flat_map(|a| [a.name.as_str(), a.value.as_str()]));
        meaning.extend(command.words.iter().map(|word| word.text.as_str()));
        meaning.extend(command.redirections.iter().flat_map(|r| [r.operator.as_str(), r.target.text.as_str()]));
    }
    meaning
}

#[cfg(test)]
mod tests {
    use crate::{Dockerfile, Keyword, shell_quote};

    #[track_caller]
    fn check(build: impl FnOnce(&mut Dockerfile) -> &mut Dockerfile, expected: &str) {
        let mut file = Dockerfile::new();
        build(&mut file);
        assert_eq!(file.to_string(), expected);
    }

    #[test]
    fn comments_are_wrapped_and_never_become_directives() {
        let long = "word ".repeat(30);
        let mut file = Dockerfile::new();
        file.comment(&long);
        assert!(file.text().lines().count() == 2 && file.text().lines().all(|line| line.len() <= 100));
        check(|file| file.comment("one\r\n\n  two"), "# one\n#\n#   two\n");
        check(|file| file.comment("escape=`"), "#\n# escape=`\n");
        check(|file| file.raw("# syntax=x").comment("escape=`").comment("y"), "# syntax=x\n#\n# escape=`\n# y\n");
    }

    #[test]
    fn values_are_written_so_that_they_stay_literal() {
        check(
            |file| file.env(&[("A", "b"), ("C", "d $e \"f\" \\ 'g'"), ("H", "")]),
            "ENV A=b \\\n    C=\"d \\$e \\\"f\\\" \\\\ 'g'\" \\\n    H=\"\"\n",
        );
        check(|file| file.env_expanding(&[("PATH", "/a b:$PATH")]), "ENV PATH=\"/a b:$PATH\"\n");
        check(|file| file.arg("A", None).arg("B", Some("c d")), "ARG A\nARG B=\"c d\"\n");
        check(|file| file.label(&[("org.x/y", "z")]), "LABEL org.x/y=z\n");
        check(|file| file.workdir("/a b").user("$me"), "WORKDIR \"/a b\"\nUSER \"\\$me\"\n");
        check(
            |file| {
                file.copy(&["a", "$b"], "/c/", &["--from=x"]).copy(&["d e"], "./", &[""; 0]).copy(&["[f"], "g", &["h"])
            },
            "COPY --from=x a \\$b /c/\nCOPY [\"d e\", \"./\"]\nCOPY [\"[f\", \"g\"]\n",
        );
        check(
            |file| file.shell(&["bash", "-c"]).entrypoint_exec(&["a\nb"]),
            "SHELL [\"bash\", \"-c\"]\nENTRYPOINT [\"a\\nb\"]\n",
        );
    }

    #[test]
    fn what_a_dockerfile_cannot_hold_is_left_out_and_said() {
        let mut file = Dockerfile::new();
        file.from("a\nRUN b", Some("c d")).env(&[("A", "b\nRUN c"), ("D\nRUN", "e"), ("F", "g\0")]);
        assert_eq!(file.to_string(), "FROM aRUNb AS cd\nENV A=\"b RUN c\" \\\n    F=g\n");
        let codes: Vec<&str> = file.findings().iter().map(|finding| finding.code).collect();
        assert_eq!(
            codes,
            ["white-space-in-word", "white-space-in-word", "line-end-in-value", "name-invalid", "nul-in-value"]
        );
    }

    #[test]
    fn commands_are_joined_and_long_ones_folded() {
        check(|file| file.run(&["a  b", "", "c | d"]), "RUN a  b \\\n && c | d\n");
        let packages = "libpackage1 ".repeat(20);
        let mut file = Dockerfile::new();
        file.run(&[format!("apt-get install {packages}"), "ls".to_owned()]);
        assert!(file.text().lines().count() == 4 && file.text().lines().all(|line| line.len() <= 122), "{file}");
        let commands = file.instructions()[0].commands();
        assert_eq!(commands[0].words.len(), 22);
        assert_eq!(commands[1].program(), Some("ls"));
    }

    #[test]
    fn commands_that_lines_cannot_hold_are_written_in_exec_form() {
        check(
            |file| file.run(&[format!("echo {}", shell_quote("a\nUSER b"))]),
            "RUN [\"/bin/sh\", \"-c\", \"echo 'a\\nUSER b'\"]\n",
        );
        check(|file| file.run(&["a # why", "b"]), "RUN [\"/bin/sh\", \"-c\", \"{ a # why\\n} && { b\\n}\"]\n");
        check(|file| file.run(&["cat <<E"]), "RUN [\"/bin/sh\", \"-c\", \"cat <<E\"]\n");
        check(
            |file| file.run(&["a", "\\\n\\\n#"]).user("x"),
            "RUN [\"/bin/sh\", \"-c\", \"{ a\\n} && { \\\\\\n\\\\\\n#\\n}\"]\nUSER x\n",
        );
        check(|file| file.run(&["--flag a"]), "RUN [\"/bin/sh\", \"-c\", \"--flag a\"]\n");
        check(
            |file| file.from("a", None).shell(&["bash", "-c"]).run(&["a\\"]),
            "FROM a\nSHELL [\"bash\", \"-c\"]\nRUN [\"bash\", \"-c\", \"a\\\\\"]\n",
        );
    }

    #[test]
    fn an_unfinished_last_instruction_is_ended_before_more_is_added() {
        let mut file = Dockerfile::parse("FROM a\nRUN b \\\n# c");
        file.user("d");
        assert_eq!(file.to_string(), "FROM a\nRUN b \n# c\nUSER d\n");
        let mut file = Dockerfile::parse("FROM a\r\nRUN <<E\r\nb");
        file.user("d");
        assert_eq!(file.to_string(), "FROM a\r\nRUN <<E\r\nb\r\nE\r\nUSER d\r\n");
        assert_eq!(file.instructions().len(), 3);
        assert_eq!(file.instructions()[2].keyword(), Keyword::User);
    }
}
