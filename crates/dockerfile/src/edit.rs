//! Changing a Dockerfile and nothing else of it.
//!
//! In: the number of an instruction (or a span) and what should stand there. Out: the changed file; all that was not asked
//! for stays byte for byte, and is still read as before, else the change is refused and the file is as it was. Each
//! change adapts to the file's own line ends.

use std::ops::Range;

use crate::{
    Dockerfile, Span,
    builder::{comment_lines, whole_lines},
    instruction::Keyword,
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
        self.splice(at..at, &whole_lines(text, self.line_end()))
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
        changed.splice(at..at, &lines)?;
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
        self.splice(range, &text)
    }

    /// Removes an instruction; the comments above it stay.
    pub fn remove(&mut self, index: usize) -> Result<(), EditError> {
        let lines = self.instruction(index).ok_or(EditError::NoInstruction(index))?.lines();
        self.splice(self.after_byte_order_mark(lines.start)..lines.end, "")
    }

    /// Removes an instruction together with the comments directly above it.
    pub fn remove_with_comments(&mut self, index: usize) -> Result<(), EditError> {
        let instruction = self.instruction(index).ok_or(EditError::NoInstruction(index))?;
        let start = self.after_byte_order_mark(instruction.start_with_comments());
        self.splice(start..instruction.lines().end, "")
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
        self.splice(at..at, &whole_lines(&lines.join("\n"), self.line_end()))?;
        Ok(true)
    }

    /// Sets the image of a stage, whatever it was. False where it is that image already.
    pub fn set_image(&mut self, stage: usize, image: &str) -> Result<bool, EditError> {
        if image.is_empty() || image.contains(char::is_whitespace) || image.contains('\0') {
            return Err(EditError::NotAWord(image.to_owned()));
        }
        let stages = self.stages();
        let span = stages.get(stage).ok_or(EditError::NoStage(stage))?.from.image.span;
        if self.slice(span) == image {
            return Ok(false);
        }
        self.splice(span.range(), image)?;
        Ok(true)
    }

    /// Puts `text` in the place of a span, such as that of a word. The text has to be quoted for where it stands.
    pub fn replace_span(&mut self, span: Span, text: &str) -> Result<(), EditError> {
        self.splice(span.range(), text)
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
        let is_exec = instruction.exec().is_some();
        let installs: Vec<_> = commands
            .iter()
            .filter(|command| !command.nested && !is_exec)
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
        self.splice(at..at, &format!("{separator}{}", missing.join(&separator)))?;
        Ok(true)
    }

    /// Changes the text, unless instructions outside of `range`, or directives, would be read in another way.
    fn splice(&mut self, range: Range<usize>, replacement: &str) -> Result<(), EditError> {
        let mut text = self.text.clone();
        if text.get(range.clone()).is_none() {
            return Err(EditError::ReachesFurther);
        }
        text.replace_range(range.clone(), replacement);
        let changed = Self::parse(&text);
        let outside = |span: Span| span.end <= range.start || span.start >= range.end;
        let old: Vec<_> = self.instructions();
        let new: Vec<_> = changed.instructions();
        let before = old.iter().take_while(|it| it.span().end <= range.start).count();
        let after = old.iter().skip(before).filter(|it| outside(it.span())).count();
        let same = |old: &[crate::Instruction<'_>], new: &[crate::Instruction<'_>]| {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| old.source() == new.source())
        };
        let heads = same(old.get(..before).unwrap_or_default(), new.get(..before).unwrap_or_default());
        let tails = new.len() >= before + after
            && same(old.get(old.len() - after..).unwrap_or_default(), new.get(new.len() - after..).unwrap_or_default());
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

/// Without version, release and architecture.
fn package_name(package: &str) -> &str {
    package.split(['=', '/', ':']).next().unwrap_or(package)
}
