//! Changing a Dockerfile and nothing else of it.
//!
//! In: the number of an instruction (or a span) and what should stand there. Out: the changed file; all that was not asked
//! for stays byte for byte, and is still read as before, else the change is refused and the file is as it was. Each
//! change adapts to the file's own line ends.

use std::ops::Range;

use crate::{
    Dockerfile, Instruction, Span,
    builder::{comment_lines, whole_lines},
    instruction::Keyword,
    shell::ShellCommand,
    span::slice,
};

/// Why a change was refused; the file is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("there is no instruction number {0}")]
    NoInstruction(usize),
    #[error("there is no stage number {0}")]
    NoStage(usize),
    #[error("the change would alter how the rest of the file is read")]
    ReachesFurther,
    #[error("instruction number {0} has no `apt-get install` that could take another package")]
    NoAptInstall(usize),
    #[error("`{0}` is not one plain word")]
    NotAWord(String),
}

impl Dockerfile {
    /// Puts whole lines before an instruction, above the comments that belong to it.
    pub fn insert_before(&mut self, index: usize, text: &str) -> Result<(), EditError> {
        let instruction = self.instruction(index).ok_or(EditError::NoInstruction(index))?;
        let at = self.after_byte_order_mark(instruction.start_with_comments());
        self.splice(at..at, &whole_lines(text, self.line_end()), &(index..index))
    }

    /// Puts whole lines after an instruction.
    pub fn insert_after(&mut self, index: usize, text: &str) -> Result<(), EditError> {
        let mut changed = self.clone();
        if index + 1 == changed.instructions().len() {
            changed.close();
        }
        let at = changed.instruction(index).ok_or(EditError::NoInstruction(index))?.lines().end;
        let end = changed.line_end();
        let mut lines = whole_lines(text, end);
        if !slice(&changed.text, 0..at).ends_with('\n') {
            lines.insert_str(0, end);
        }
        changed.splice(at..at, &lines, &(index + 1..index + 1))?;
        *self = changed;
        Ok(())
    }

    /// Puts other lines in the place of an instruction; its comments stay.
    pub fn replace(&mut self, index: usize, text: &str) -> Result<(), EditError> {
        let lines = self.instruction(index).ok_or(EditError::NoInstruction(index))?.lines();
        let range = self.after_byte_order_mark(lines.start)..lines.end;
        let mut text = whole_lines(text, self.line_end());
        if !slice(&self.text, range.clone()).ends_with('\n') {
            text.truncate(text.trim_end_matches(['\r', '\n']).len());
        }
        self.splice(range, &text, &(index..index + 1))
    }

    /// Removes an instruction; the comments above it stay.
    pub fn remove(&mut self, index: usize) -> Result<(), EditError> {
        let lines = self.instruction(index).ok_or(EditError::NoInstruction(index))?.lines();
        self.splice(self.after_byte_order_mark(lines.start)..lines.end, "", &(index..index + 1))
    }

    /// Removes an instruction together with the comments directly above it.
    pub fn remove_with_comments(&mut self, index: usize) -> Result<(), EditError> {
        let instruction = self.instruction(index).ok_or(EditError::NoInstruction(index))?;
        let start = self.after_byte_order_mark(instruction.start_with_comments());
        self.splice(start..instruction.lines().end, "", &(index..index + 1))
    }

    /// Puts comment lines directly above an instruction, below those that are there. False where they stand there already.
    pub fn add_comment(&mut self, index: usize, text: &str) -> Result<bool, EditError> {
        let instruction = self.instruction(index).ok_or(EditError::NoInstruction(index))?;
        let lines = comment_lines(text);
        let present: Vec<String> = instruction.comments().into_iter().map(|comment| comment.text).collect();
        let bare: Vec<&str> = lines.iter().map(|line| line.trim_start_matches('#').trim()).collect();
        if present.windows(bare.len()).any(|window| window == bare) {
            return Ok(false);
        }
        let at = self.after_byte_order_mark(instruction.lines().start);
        self.splice(at..at, &whole_lines(&lines.join("\n"), self.line_end()), &(index..index))?;
        Ok(true)
    }

    /// Sets the image of a stage, whatever it was. False where it is that image already.
    pub fn set_image(&mut self, stage: usize, image: &str) -> Result<bool, EditError> {
        if image.is_empty() || image.contains(char::is_whitespace) || image.contains('\0') {
            return Err(EditError::NotAWord(image.to_owned()));
        }
        let stages = self.stages();
        let stage = stages.get(stage).ok_or(EditError::NoStage(stage))?;
        let (index, span) = (stage.instructions.start, stage.from.image.span);
        if self.slice(span) == image {
            return Ok(false);
        }
        self.splice(span.range(), image, &(index..index + 1))?;
        Ok(true)
    }

    /// Puts `text` in the place of a span, such as that of a word. The text has to be quoted for where it stands.
    pub fn replace_span(&mut self, span: Span, text: &str) -> Result<(), EditError> {
        let instructions = self.instructions();
        let before = instructions.iter().take_while(|instruction| instruction.span().end < span.start).count();
        let until = instructions.iter().take_while(|instruction| instruction.span().start <= span.end).count();
        self.splice(span.range(), text, &(before..until.max(before)))
    }

    /// Numbers of the RUN instructions that install packages with apt.
    pub fn apt_installs(&self) -> Vec<usize> {
        let installs = self.instructions().into_iter().filter(|instruction| {
            instruction.keyword() == Keyword::Run
                && instruction.commands().iter().any(|command| !command.nested && command.apt_packages().is_some())
        });
        installs.map(|instruction| instruction.index()).collect()
    }

    /// Adds packages to the last `apt-get install` of a RUN, in the style of its list (one a line, or one line). Packages
    /// that any install of this RUN names already, in whatever version, are left out; false where none is left.
    pub fn add_apt_packages<T: AsRef<str>>(&mut self, index: usize, packages: &[T]) -> Result<bool, EditError> {
        let instruction = self.instruction(index).ok_or(EditError::NoInstruction(index))?;
        let commands = instruction.commands();
        let editable = instruction.keyword() == Keyword::Run && instruction.exec().is_none();
        let installs: Vec<_> = commands
            .iter()
            .filter(|command| !command.nested && editable)
            .filter_map(|command| command.apt_packages().map(|packages| (command, packages)))
            .collect();
        let Some((command, listed)) = installs.last() else { return Err(EditError::NoAptInstall(index)) };
        let mut present: Vec<&str> =
            installs.iter().flat_map(|(_, listed)| listed.iter().map(|word| package_name(&word.text))).collect();
        let mut missing = Vec::new();
        for package in packages {
            let package = package.as_ref();
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.:=~/_".contains(&byte);
            if !package.bytes().all(is_plain) || !package.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric()) {
                return Err(EditError::NotAWord(package.to_owned()));
            }
            if !present.contains(&package_name(package)) {
                present.push(package_name(package));
                missing.push(package);
            }
        }
        if missing.is_empty() {
            return Ok(false);
        }
        // Without any package yet, they go behind the options.
        let last = listed.last().copied().or(command.words.last()).ok_or(EditError::NoAptInstall(index))?;
        let at = last.span.end;
        let before = slice(&self.text, 0..last.span.start);
        let indent = slice(before, before.rfind('\n').map_or(0, |at| at + 1)..before.len());
        let separator = if indent.trim().is_empty() && !indent.is_empty() && listed.len() > 1 {
            let in_script = instruction.heredocs().iter().any(|heredoc| heredoc.body_span.contains(last.span));
            let mark = if in_script { '\\' } else { self.escape };
            format!(" {mark}{}{indent}", self.line_end())
        } else {
            " ".to_owned()
        };
        let mut changed = self.clone();
        changed.splice(at..at, &format!("{separator}{}", missing.join(&separator)), &(index..index + 1))?;
        // In broken shell text (a quote that is never closed) what was added may not have become words.
        let listed: Vec<String> = changed.instruction(index).map(|it| apt_names(&it)).unwrap_or_default();
        if missing.iter().any(|package| !listed.iter().any(|listed| listed == package)) {
            return Err(EditError::ReachesFurther);
        }
        *self = changed;
        Ok(true)
    }

    /// Changes the text, unless directives or instructions other than those numbered in `own` would be read in another
    /// way.
    fn splice(&mut self, range: Range<usize>, replacement: &str, own: &Range<usize>) -> Result<(), EditError> {
        let mut text = self.text.clone();
        if text.get(range.clone()).is_none() {
            return Err(EditError::ReachesFurther);
        }
        text.replace_range(range, replacement);
        let changed = Self::parse(&text);
        let (old, new) = (self.instructions(), changed.instructions());
        let after = old.len().saturating_sub(own.end);
        let same = |old: Option<&[Instruction<'_>]>, new: Option<&[Instruction<'_>]>| {
            let (Some(old), Some(new)) = (old, new) else { return false };
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| old.source() == new.source())
        };
        let heads = same(old.get(..own.start), new.get(..own.start));
        let tail = new.len().checked_sub(after).filter(|start| *start >= own.start);
        let tails = same(old.get(old.len() - after..), tail.and_then(|start| new.get(start..)));
        let unfinished = |file: &Self| {
            let open = |code: &str| matches!(code, "continuation-at-end" | "heredoc-unterminated");
            file.findings.iter().filter(|finding| open(finding.code)).count()
        };
        let values = |file: &Self| file.directives().into_iter().map(|it| (it.name, it.value)).collect::<Vec<_>>();
        if !heads || !tails || unfinished(&changed) > unfinished(self) || values(self) != values(&changed) {
            return Err(EditError::ReachesFurther);
        }
        self.reread(&text);
        Ok(())
    }

    /// Offset 0 is after the byte order mark, where there is one.
    fn after_byte_order_mark(&self, at: usize) -> usize {
        if at == 0 && self.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { at }
    }
}

/// The packages that an instruction installs with apt, as written.
fn apt_names(instruction: &Instruction<'_>) -> Vec<String> {
    let commands = instruction.commands();
    commands.iter().filter_map(ShellCommand::apt_packages).flatten().map(|word| word.text.clone()).collect()
}

/// Without version, release and architecture.
fn package_name(package: &str) -> &str {
    package.split(['=', '/', ':']).next().unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: std::fmt::Debug>(
        text: &str,
        change: impl FnOnce(&mut Dockerfile) -> Result<T, EditError>,
        expected: &str,
    ) {
        let mut file = Dockerfile::parse(text);
        change(&mut file).unwrap();
        assert_eq!(file.to_string(), expected);
    }

    #[track_caller]
    fn check_refused<T: std::fmt::Debug>(
        text: &str,
        change: impl FnOnce(&mut Dockerfile) -> Result<T, EditError>,
        expected: &EditError,
    ) {
        let mut file = Dockerfile::parse(text);
        assert_eq!(change(&mut file).as_ref().unwrap_err(), expected);
        assert_eq!(file.to_string(), text);
    }

    #[test]
    fn lines_are_put_before_and_after_with_the_file_s_own_line_ends() {
        let text = "FROM a \r\n\r\n# why\r\n  run b\r\nUSER c";
        check(text, |file| file.insert_before(1, "ARG d\n"), "FROM a \r\n\r\nARG d\r\n# why\r\n  run b\r\nUSER c");
        check(
            text,
            |file| file.insert_after(1, "# e\nARG d"),
            "FROM a \r\n\r\n# why\r\n  run b\r\n# e\r\nARG d\r\nUSER c",
        );
        check(text, |file| file.insert_after(2, "ARG d"), "FROM a \r\n\r\n# why\r\n  run b\r\nUSER c\r\nARG d\r\n");
        check("\u{feff}FROM a\n", |file| file.insert_before(0, "ARG d"), "\u{feff}ARG d\nFROM a\n");
        check("FROM a\nRUN b \\", |file| file.insert_after(1, "USER c"), "FROM a\nRUN b \nUSER c\n");
    }

    #[test]
    fn instructions_are_replaced_and_removed() {
        let text = "FROM a\n# why\nRUN b \\\n  # c\n  d\nUSER e";
        check(text, |file| file.replace(1, "RUN f\n"), "FROM a\n# why\nRUN f\nUSER e");
        check(text, |file| file.replace(2, "USER g\n"), "FROM a\n# why\nRUN b \\\n  # c\n  d\nUSER g");
        check(text, |file| file.remove(1), "FROM a\n# why\nUSER e");
        check(text, |file| file.remove_with_comments(1), "FROM a\nUSER e");
    }

    #[test]
    fn changes_that_reach_further_are_refused() {
        let text = "FROM a\nRUN b\n";
        check_refused(text, |file| file.insert_before(1, "RUN c \\"), &EditError::ReachesFurther);
        check_refused(text, |file| file.insert_before(1, "RUN <<E\nx"), &EditError::ReachesFurther);
        check_refused(text, |file| file.insert_before(0, "# escape=`"), &EditError::ReachesFurther);
        check_refused(text, |file| file.insert_after(1, "RUN c \\"), &EditError::ReachesFurther);
        check_refused(text, |file| file.remove(7), &EditError::NoInstruction(7));
        check_refused(text, |file| file.set_image(0, "c\nRUN d"), &EditError::NotAWord("c\nRUN d".to_owned()));
        check_refused("FROM a\n# escape=`\n", |file| file.remove(0), &EditError::ReachesFurther);
    }

    #[test]
    fn the_image_of_a_stage_is_set_in_place() {
        let text = "ARG V\nFROM --platform=x  a:$V  AS b # c\nFROM b\n";
        check(text, |file| file.set_image(0, "d:1"), "ARG V\nFROM --platform=x  d:1  AS b # c\nFROM b\n");
        let mut file = Dockerfile::parse(text);
        assert_eq!(file.set_image(1, "b"), Ok(false));
        assert_eq!(file.set_image(2, "b"), Err(EditError::NoStage(2)));
    }

    #[test]
    fn comments_are_added_once() {
        let mut file = Dockerfile::parse("FROM a\n# one\nRUN b\n");
        assert_eq!(file.add_comment(1, "two\nthree"), Ok(true));
        assert_eq!(file.to_string(), "FROM a\n# one\n# two\n# three\nRUN b\n");
        assert_eq!(file.add_comment(1, "two\nthree"), Ok(false));
        assert_eq!(file.add_comment(1, "one"), Ok(false));
    }

    #[test]
    fn packages_join_an_install_in_its_own_style() {
        let one_line = "FROM a\nRUN apt-get update && apt-get install -y git=1.2 curl && rm -rf /x\n";
        check(
            one_line,
            |file| file.add_apt_packages(1, &["libgl1", "git", "curl:amd64"]),
            "FROM a\nRUN apt-get update && apt-get install -y git=1.2 curl libgl1 && rm -rf /x\n",
        );
        let a_line_each = "RUN apt-get install -y \\\n        git \\\n        curl \\\n    && rm -rf /x\n";
        check(
            a_line_each,
            |file| file.add_apt_packages(0, &["libgl1", "libx"]),
            "RUN apt-get install -y \\\n        git \\\n        curl \\\n        libgl1 \\\n        libx \\\n    && rm -rf /x\n",
        );
        check(
            "RUN <<E\napt-get install -y \\\n  a \\\n  b\nE\n",
            |file| file.add_apt_packages(0, &["c"]),
            "RUN <<E\napt-get install -y \\\n  a \\\n  b \\\n  c\nE\n",
        );
        check(
            "RUN apt-get install -y $PKGS; ls",
            |file| file.add_apt_packages(0, &["c"]),
            "RUN apt-get install -y $PKGS c; ls",
        );
        check("RUN apt install -y", |file| file.add_apt_packages(0, &["c"]), "RUN apt install -y c");
        check_refused("RUN ls\n", |file| file.add_apt_packages(0, &["c"]), &EditError::NoAptInstall(0));
        check_refused(one_line, |file| file.add_apt_packages(1, &["c; ls"]), &EditError::NotAWord("c; ls".to_owned()));
        check_refused("RUN apt-get install \"a", |file| file.add_apt_packages(0, &["c"]), &EditError::ReachesFurther);
        check_refused(
            "RUN [\"apt-get\", \"install\", \"a\"]\n",
            |file| file.add_apt_packages(0, &["c"]),
            &EditError::NoAptInstall(0),
        );
    }
}
