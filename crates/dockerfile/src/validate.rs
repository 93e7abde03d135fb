//! What is wrong with a Dockerfile as a text: what a builder refuses or reads in another way than it looks.
//!
//! In: the tree. Out: findings. Whether commands are wise, pinned or needed is judged elsewhere.

use crate::{
    Dockerfile, Finding,
    instruction::{Instruction, Keyword, json_strings},
};

pub(crate) fn validate(file: &Dockerfile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let instructions = file.instructions();
    let mut in_stage = false;
    for instruction in &instructions {
        check(instruction, &mut findings);
        let keyword = instruction.keyword();
        if !in_stage && !matches!(keyword, Keyword::From | Keyword::Arg | Keyword::Unknown) {
            let message = format!("{} stands before the first FROM; only ARG may", keyword.name());
            findings.push(Finding::new("before-from", message, instruction.keyword_span()));
            // Once is enough.
            in_stage = true;
        }
        in_stage |= keyword == Keyword::From;
    }
    if !instructions.iter().any(|instruction| instruction.keyword() == Keyword::From) {
        findings.push(Finding::new("from-missing", "there is no FROM: nothing can be built", file.lines.span(0..0)));
    }
    findings
}

fn check(instruction: &Instruction<'_>, findings: &mut Vec<Finding>) {
    let keyword = instruction.keyword();
    let span = instruction.keyword_span();
    if keyword == Keyword::Unknown {
        let message = format!("`{}` is no Dockerfile instruction", instruction.keyword_text());
        findings.push(Finding::new("unknown-instruction", message, span));
        return;
    }
    if instruction.arguments().is_empty() && instruction.heredocs().is_empty() {
        findings.push(Finding::new("arguments-missing", format!("{} needs arguments", keyword.name()), span));
        return;
    }
    let arguments = instruction.arguments();
    let arguments_span = instruction.arguments_span();
    match keyword {
        Keyword::From => {
            let words = instruction.words();
            let named = words.len() == 3 && words.get(1).is_some_and(|word| word.text.eq_ignore_ascii_case("as"));
            if words.len() != 1 && !named {
                let message = "FROM takes one image, and `AS name` after it where the stage has a name";
                findings.push(Finding::new("from-malformed", message, arguments_span));
            }
        }
        Keyword::Env | Keyword::Label => {
            for pair in instruction.pairs() {
                if pair.name.is_empty() || pair.value.is_none() {
                    let message = format!("{} takes `NAME=value` pairs", keyword.name());
                    findings.push(Finding::new("pair-malformed", message, pair.span));
                } else if pair.raw.as_deref() == Some("") && !instruction.arguments().contains('=') {
                    let message = format!("{} {} has no value", keyword.name(), pair.name);
                    findings.push(Finding::new("pair-malformed", message, pair.span));
                }
            }
        }
        Keyword::Cmd | Keyword::Entrypoint | Keyword::Run | Keyword::Shell => {
            // `[ -f x ]` is a shell command; `['a', 'b']` and `["a", 1]` are meant as exec forms.
            let looks_like_json = arguments.starts_with('[')
                && arguments.ends_with(']')
                && arguments.trim_start_matches('[').trim_start().starts_with(['"', '\'']);
            let is_json = json_strings(arguments).is_some();
            if !is_json && (looks_like_json || keyword == Keyword::Shell) {
                let message = "this is no JSON array of strings (double quotes only), so it is not an exec form";
                findings.push(Finding::new("exec-form-invalid", message, arguments_span));
            }
        }
        Keyword::Copy | Keyword::Add if instruction.words().len() < 2 => {
            let message = format!("{} takes at least one source and a destination", keyword.name());
            findings.push(Finding::new("copy-malformed", message, arguments_span));
        }
        Keyword::Onbuild => {
            if let Some(trigger) = instruction.trigger() {
                if matches!(trigger.keyword(), Keyword::Onbuild | Keyword::From | Keyword::Maintainer) {
                    let message = format!("ONBUILD cannot put off {}", trigger.keyword().name());
                    findings.push(Finding::new("onbuild-invalid", message, trigger.keyword_span()));
                } else {
                    check(&trigger, findings);
                }
            }
        }
        _ => {}
    }
}
