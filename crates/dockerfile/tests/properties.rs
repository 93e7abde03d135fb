//! What holds for any text and any value.

use proptest::{collection::vec, prelude::*};
use repro_dockerfile::{Dockerfile, Keyword, ShellCommand, json_words, shell_quote};

/// Pieces that Dockerfiles are made of, and those that break readers.
fn token() -> impl Strategy<Value = String> {
    const TOKENS: &[&str] = &[
        "FROM ",
        "from a",
        "RUN ",
        "COPY ",
        "ENV ",
        "ARG ",
        "ONBUILD ",
        "CMD ",
        "SHELL ",
        "USER x",
        "LABEL ",
        "#",
        "# escape=`",
        "# syntax=x",
        "# comment",
        "\n",
        "\n",
        "\r\n",
        "\r",
        " ",
        "\t",
        "\\",
        "\\\n",
        "\\\r\n",
        "`\n",
        "\\  \n",
        "<<EOF",
        "<<-E",
        "<< F",
        "EOF\n",
        "\tE\n",
        "<<'a b'",
        "3<<X",
        "X\n",
        "\"",
        "'",
        "`",
        "$",
        "${",
        "}",
        "${A:-",
        "$(",
        "(",
        ")",
        "&&",
        "||",
        "|",
        ";",
        "&",
        ">",
        "2>&1",
        "<(",
        "[",
        "]",
        "[\"a\", \"b\"]",
        "['a']",
        "--mount=a",
        "--from=x",
        "-- ",
        "A=b",
        "A",
        "=",
        ":",
        "@",
        "/",
        "AS ",
        "apt-get install -y ",
        "git",
        "bash -c ",
        "é",
        "\u{feff}",
        "\u{a0}",
        "\u{2028}",
        "\0",
        "if ",
        "then ",
        "fi",
        "{ ",
        "}",
    ];
    proptest::sample::select(TOKENS).prop_map(str::to_owned)
}

fn dockerfile_like() -> impl Strategy<Value = String> {
    vec(token(), 0..40).prop_map(|tokens| tokens.concat())
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![dockerfile_like(), any::<String>(), "[ -~\n\t]{0,80}"]
}

/// Reads everything that can be read, and holds every place against the text.
fn look_at_everything(text: &str) {
    let file = Dockerfile::parse(text);
    assert_eq!(file.to_string(), text);
    let lines = text.split_inclusive('\n').count() + 1;
    let in_text = |span: repro_dockerfile::Span| {
        assert!(text.get(span.range()).is_some(), "{span:?} of {text:?}");
        assert!(1 <= span.first_line && span.first_line <= span.last_line && span.last_line <= lines, "{span:?}");
    };
    let in_commands = |commands: Vec<ShellCommand>| {
        for command in commands {
            in_text(command.span);
            command.words.iter().for_each(|word| in_text(word.span));
            let _ = (command.program(), command.apt_packages(), command.pip_install());
        }
    };
    file.findings().iter().for_each(|finding| in_text(finding.span));
    file.directives().iter().for_each(|directive| in_text(directive.span));
    file.comments().iter().for_each(|comment| in_text(comment.span));
    let mut end = 0;
    for instruction in file.instructions() {
        let span = instruction.span();
        in_text(span);
        assert!(end <= span.start, "instructions follow each other");
        end = span.end;
        in_text(instruction.arguments_span());
        instruction.flags().iter().for_each(|flag| in_text(flag.span));
        instruction.words().iter().for_each(|word| in_text(word.span));
        instruction.pairs().iter().for_each(|pair| in_text(pair.span));
        instruction.comments().iter().for_each(|comment| in_text(comment.span));
        for heredoc in instruction.heredocs() {
            in_text(heredoc.body_span);
            in_text(heredoc.marker);
        }
        let _ = (instruction.from(), instruction.copy());
        in_commands(instruction.commands());
        if let Some(trigger) = instruction.trigger() {
            in_text(trigger.span());
            in_commands(trigger.commands());
        }
        let variables = file.variables_at(instruction.index(), &std::collections::BTreeMap::new());
        let _ = (variables.expand(text), file.shell_at(instruction.index()));
    }
    file.stages().iter().for_each(|stage| in_text(stage.span));
}

fn keywords(file: &Dockerfile) -> Vec<Keyword> {
    file.instructions().iter().map(repro_dockerfile::Instruction::keyword).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_never_fails_and_loses_nothing(text in any_text()) {
        look_at_everything(&text);
    }

    #[test]
    fn refused_changes_change_nothing_and_others_only_their_place(
        text in any_text(),
        added in any_text(),
        index in 0_usize..4,
        action in 0_usize..8,
    ) {
        let mut file = Dockerfile::parse(&text);
        let others: Vec<String> = file
            .instructions()
            .iter()
            .filter(|instruction| instruction.index() != index)
            .map(|instruction| instruction.source().to_owned())
            .collect();
        let result = match action {
            0 => file.insert_before(index, &added),
            1 => file.insert_after(index, &added),
            2 => file.replace(index, &added),
            3 => file.remove(index),
            4 => file.remove_with_comments(index),
            5 => file.add_comment(index, &added).map(drop),
            6 => file.set_image(index, &added).map(drop),
            _ => file.add_apt_packages(index, &["libgl1"]).map(drop),
        };
        if result.is_err() {
            prop_assert_eq!(file.to_string(), text);
        } else if action != 6 && action != 1 {
            let sources: Vec<String> = file.instructions().iter().map(|it| it.source().to_owned()).collect();
            let kept = sources.len() >= others.len()
                && others.iter().take(index).eq(sources.iter().take(index.min(others.len())));
            prop_assert!(kept, "{text:?} became {file}");
        }
        look_at_everything(&file.to_string());
    }

    #[test]
    fn changes_that_say_what_should_be_are_done_once(
        text in any_text(),
        comment in "[ -~]{1,200}",
        index in 0_usize..4,
    ) {
        let mut file = Dockerfile::parse(&text);
        if file.add_comment(index, &comment).is_ok() {
            let once = file.to_string();
            prop_assert_eq!(file.add_comment(index, &comment), Ok(false));
            prop_assert_eq!(file.to_string(), once);
        }
        if file.add_apt_packages(index, &["libgl1", "git"]).is_ok() {
            prop_assert_eq!(file.add_apt_packages(index, &["libgl1", "git"]), Ok(false));
        }
        if file.set_image(index, "a:b").is_ok() {
            prop_assert_eq!(file.set_image(index, "a:b"), Ok(false));
        }
    }

    #[test]
    fn what_is_written_reads_back_as_the_same_instructions(
        value in any_text(),
        other in any_text(),
        starts_with_backtick in any::<bool>(),
    ) {
        let mut file = Dockerfile::new();
        if starts_with_backtick {
            file.raw("# escape=`");
        }
        let clean = |text: &str| text.replace('\0', "").replace("\r\n", " ").replace('\n', " ");
        file.comment(&value)
            .from("python:3.11", Some("a"))
            .arg("A", Some(&value))
            .env(&[("B", &value), ("C", &other)])
            .label(&[("d.e", &other)])
            .comment(&other)
            .cmd_exec(&[&value, &other]);
        prop_assert_eq!(keywords(&file), [Keyword::From, Keyword::Arg, Keyword::Env, Keyword::Label, Keyword::Cmd]);
        let nothing = std::collections::BTreeMap::new();
        let read = |index: usize| -> Vec<String> {
            let variables = file.variables_at(index, &nothing);
            let instructions = file.instructions();
            instructions[index].pairs().iter().map(|it| variables.expand(it.raw.as_deref().unwrap_or("")).text).collect()
        };
        prop_assert_eq!(read(1), [clean(&value)]);
        prop_assert_eq!(read(2), [clean(&value), clean(&other)]);
        prop_assert_eq!(read(3), [clean(&other)]);
        let words = file.instructions()[4].exec().unwrap_or_default();
        prop_assert_eq!(words.into_iter().map(|word| word.text).collect::<Vec<_>>(), [value, other]);
        look_at_everything(&file.to_string());
    }

    #[test]
    fn words_without_meaning_to_a_builder_stay_one_instruction(value in any_text(), other in any_text()) {
        let mut file = Dockerfile::new();
        file.from(&value, Some(&other)).workdir(&value).user(&value).copy(&[&value], &other, &[&other]).arg(&value, None);
        file.env(&[(&value, &other)]).shell(&[&value]).entrypoint_exec(&[&other]);
        for keyword in [Keyword::From, Keyword::Workdir, Keyword::User, Keyword::Copy, Keyword::Shell, Keyword::Entrypoint] {
            let count = keywords(&file).iter().filter(|found| **found == keyword).count();
            prop_assert_eq!(count, 1, "{:?} in {}", keyword, file);
        }
        prop_assert!(!keywords(&file).contains(&Keyword::Unknown), "{file}");
        prop_assert!(!keywords(&file).contains(&Keyword::Run), "{file}");
    }

    #[test]
    fn commands_stay_in_their_instruction(first in any_text(), second in any_text()) {
        let mut file = Dockerfile::new();
        file.run(&[&first, &second]).user("x");
        let expected: &[Keyword] = if first.trim().is_empty() && second.trim().is_empty() {
            &[Keyword::User]
        } else {
            &[Keyword::Run, Keyword::User]
        };
        prop_assert_eq!(keywords(&file), expected, "{}", file);
    }

    #[test]
    fn quoted_words_come_out_of_a_run_as_they_were(words in vec(any_text(), 1..5)) {
        let words: Vec<String> = words.into_iter().map(|word| word.replace('\0', "")).collect();
        let command: Vec<String> = words.iter().map(|word| shell_quote(word)).collect();
        let mut file = Dockerfile::new();
        file.run(&["first".to_owned(), format!("program {}", command.join(" "))]);
        let instructions = file.instructions();
        prop_assert_eq!(instructions.len(), 1);
        let commands = instructions[0].commands();
        let last = commands.last().map(|command| command.arguments().iter().map(|word| word.text.clone()).collect::<Vec<_>>());
        prop_assert_eq!(last, Some(words), "{}", file);
    }

    #[test]
    fn json_words_are_json(words in vec(any::<String>(), 0..5)) {
        let text = json_words(&words);
        prop_assert!(!text.contains('\n'));
        prop_assert_eq!(serde_json::from_str::<Vec<String>>(&text).ok(), Some(words));
    }
}
