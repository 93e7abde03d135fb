//! Stages, and which variables are visible where.
//!
//! In: the tree and the values given with `--build-arg`. Out: stages with their images, and the variables at an
//! instruction. The rules are `BuildKit`'s: an ARG before the first FROM is visible in FROM lines, and in a stage only after
//! that stage declares it again; ENV wins over ARG; a stage that starts from another inherits its variables. What the base
//! image itself sets is not known here.

use std::{collections::BTreeMap, ops::Range};

use serde::Serialize;

use crate::{
    Dockerfile, Span,
    instruction::{FromView, Instruction, Keyword},
    words::{Expansion, Variables},
};

/// One FROM and what follows it up to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// From 0.
    pub index: usize,
    /// In lower case: stage names ignore it.
    pub name: Option<String>,
    /// What FROM says, variables as written.
    pub from: FromView,
    /// The image with variables filled in.
    pub image: Expansion,
    /// The earlier stage that `image` names.
    pub base: Option<usize>,
    /// Numbers of its instructions, FROM included.
    pub instructions: Range<usize>,
    /// From FROM to the last instruction's end.
    pub span: Span,
}

/// Values that builders give without being asked, for `linux/amd64`.
const PLATFORM: [(&str, &str); 8] = [
    ("TARGETPLATFORM", "linux/amd64"),
    ("TARGETOS", "linux"),
    ("TARGETARCH", "amd64"),
    ("TARGETVARIANT", ""),
    ("BUILDPLATFORM", "linux/amd64"),
    ("BUILDOS", "linux"),
    ("BUILDARCH", "amd64"),
    ("BUILDVARIANT", ""),
];

type Values = BTreeMap<String, String>;

#[derive(Debug, Clone, Default)]
struct StageValues {
    arguments: Values,
    environment: Values,
}

/// The walk over a file that knows, at each instruction, what is visible.
struct Walk<'f> {
    file: &'f Dockerfile,
    build_args: &'f Values,
    globals: Values,
    /// Name and values of each stage so far.
    stages: Vec<(Option<String>, StageValues)>,
}

impl Walk<'_> {
    /// What the next instruction sees.
    fn visible(&self, keyword: Keyword) -> Variables {
        let mut values = Values::new();
        match self.stages.last() {
            Some((_, stage)) if keyword != Keyword::From => {
                values.extend(stage.arguments.clone());
                values.extend(stage.environment.clone());
            }
            _ => {
                let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
                values.extend(PLATFORM.into_iter().map(owned));
                values.extend(self.globals.clone());
            }
        }
        Variables { values, escape: self.file.escape() }
    }

    fn base(&self, image: &str) -> Option<usize> {
        let wanted = image.to_lowercase();
        self.stages.iter().rposition(|(name, _)| name.as_ref() == Some(&wanted))
    }

    fn pass(&mut self, instruction: &Instruction<'_>) {
        let visible = self.visible(instruction.keyword());
        match instruction.keyword() {
            Keyword::From => {
                let from = instruction.from();
                let image = from.as_ref().map(|from| visible.expand(&from.image.text).text).unwrap_or_default();
                let inherited = self.base(&image).and_then(|base| self.stages.get(base));
                let values = inherited.map(|(_, values)| values.clone()).unwrap_or_default();
                let name = from.and_then(|from| from.alias).map(|alias| alias.text.to_lowercase());
                self.stages.push((name, values));
            }
            Keyword::Arg => {
                for pair in instruction.pairs() {
                    let given = self.build_args.get(&pair.name).cloned();
                    let default = || pair.raw.as_ref().map(|raw| visible.expand(raw).text);
                    let declared = given.or_else(default);
                    match self.stages.last_mut() {
                        None => {
                            self.globals.extend(declared.map(|value| (pair.name, value)));
                        }
                        Some((_, stage)) => {
                            let platform =
                                || PLATFORM.iter().find(|(name, _)| *name == pair.name).map(|(_, v)| (*v).to_owned());
                            let value = declared.or_else(|| self.globals.get(&pair.name).cloned()).or_else(platform);
                            stage.arguments.extend(value.map(|value| (pair.name, value)));
                        }
                    }
                }
            }
            Keyword::Env => {
                // Every pair of one ENV sees the values from before it.
                if let Some((_, stage)) = self.stages.last_mut() {
                    for pair in instruction.pairs() {
                        let value = visible.expand(pair.raw.as_deref().unwrap_or_default()).text;
                        stage.environment.insert(pair.name, value);
                    }
                }
            }
            _ => {}
        }
    }
}

impl Dockerfile {
    /// The stages, with the defaults of their variables.
    pub fn stages(&self) -> Vec<Stage> {
        self.stages_with(&Values::new())
    }

    /// The stages, with these `--build-arg` values.
    pub fn stages_with(&self, build_args: &BTreeMap<String, String>) -> Vec<Stage> {
        let mut walk = Walk { file: self, build_args, globals: Values::new(), stages: Vec::new() };
        let mut stages: Vec<Stage> = Vec::new();
        for instruction in self.instructions() {
            if let Some(from) = instruction.from() {
                let image = walk.visible(Keyword::From).expand(&from.image.text);
                stages.push(Stage {
                    index: stages.len(),
                    name: from.alias.as_ref().map(|alias| alias.text.to_lowercase()),
                    base: walk.base(&image.text),
                    image,
                    from,
                    instructions: instruction.index()..instruction.index(),
                    span: instruction.span(),
                });
            }
            if let Some(stage) = stages.last_mut() {
                stage.instructions.end = instruction.index() + 1;
                let end = instruction.span();
                stage.span.end = end.end;
                stage.span.last_line = end.last_line;
            }
            // A FROM without an image starts no stage.
            if instruction.keyword() != Keyword::From || instruction.from().is_some() {
                walk.pass(&instruction);
            }
        }
        stages
    }

    /// The variables that the instruction with that number sees, given these `--build-arg` values.
    pub fn variables_at(&self, index: usize, build_args: &BTreeMap<String, String>) -> Variables {
        let mut walk = Walk { file: self, build_args, globals: Values::new(), stages: Vec::new() };
        for instruction in self.instructions() {
            if instruction.index() == index {
                return walk.visible(instruction.keyword());
            }
            walk.pass(&instruction);
        }
        walk.visible(Keyword::Unknown)
    }

    /// The words that start the shell form of RUN at the instruction with that number: those of the last SHELL of its
    /// stage, or of the stages it starts from, else `/bin/sh -c`.
    pub fn shell_at(&self, index: usize) -> Vec<String> {
        let instructions = self.instructions();
        let stages = self.stages();
        let mut stage = stages.iter().rev().find(|stage| stage.instructions.start <= index);
        let mut limit = index;
        while let Some(current) = stage {
            let area = current.instructions.start..limit.min(current.instructions.end);
            let shell = instructions.get(area).unwrap_or_default().iter().rev().find_map(|instruction| {
                (instruction.keyword() == Keyword::Shell).then(|| instruction.exec()).flatten()
            });
            if let Some(words) = shell {
                return words.into_iter().map(|word| word.text).collect();
            }
            // A base is always an earlier stage, so this ends.
            stage = current.base.and_then(|base| stages.get(base));
            limit = usize::MAX;
        }
        vec!["/bin/sh".to_owned(), "-c".to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn images_take_arguments_from_before_the_first_from() {
        let text = "ARG V=3.11\nARG IMAGE=python:${V}-slim\nFROM $IMAGE AS Base\nARG V\nENV A=$V\nFROM base\nFROM x:${V:+y}$Z\n";
        let file = Dockerfile::parse(text);
        let stages = file.stages();
        assert_eq!(stages[0].image.text, "python:3.11-slim");
        assert_eq!(stages[0].name.as_deref(), Some("base"));
        assert_eq!(stages[0].instructions, 2..5);
        assert_eq!((stages[0].span.first_line, stages[0].span.last_line), (3, 5));
        assert_eq!(stages[1].base, Some(0));
        assert_eq!(stages[2].image.text, "x:y");
        assert_eq!(stages[2].image.missing, ["Z"]);
        let given = values(&[("V", "3.9")]);
        assert_eq!(file.stages_with(&given)[0].image.text, "python:3.9-slim");
        assert_eq!(file.variables_at(5, &Values::new()).get("A"), None);
        assert_eq!(file.variables_at(6, &given).get("A"), None);
        let inside = file.variables_at(4, &given);
        assert_eq!(inside.get("V"), Some("3.9"));
        assert_eq!(inside.get("IMAGE"), None);
    }

    #[test]
    fn later_instructions_see_what_earlier_ones_of_their_stages_set() {
        let text =
            "FROM a AS x\nARG N=1\nENV N=2 M=$N\nENV O=$N\nRUN y\nFROM x\nRUN z\nFROM b\nARG TARGETARCH\nRUN w\n";
        let file = Dockerfile::parse(text);
        let at = |index| file.variables_at(index, &values(&[("N", "5")]));
        assert_eq!(at(4).get("N"), Some("2"));
        assert_eq!(at(4).get("M"), Some("5"));
        assert_eq!(at(4).get("O"), Some("2"));
        assert_eq!(at(6).get("O"), Some("2"));
        assert_eq!(at(9).get("O"), None);
        assert_eq!(at(9).get("TARGETARCH"), Some("amd64"));
    }

    #[test]
    fn the_shell_is_that_of_the_stage_or_of_its_base() {
        let text = "FROM a AS x\nRUN a\nSHELL [\"bash\", \"-c\"]\nFROM x\nRUN b\nFROM c\nRUN d\n";
        let file = Dockerfile::parse(text);
        assert_eq!(file.shell_at(1), ["/bin/sh", "-c"]);
        assert_eq!(file.shell_at(4), ["bash", "-c"]);
        assert_eq!(file.shell_at(6), ["/bin/sh", "-c"]);
    }
}
