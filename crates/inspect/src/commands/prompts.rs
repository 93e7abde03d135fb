//! A program that asks on a terminal in, what a person would type out.

use super::samples::{self, Samples};
use super::words::tokens;
use crate::python::{Module, Value};

/// Answers to a program's questions, one line each, and the samples of ours in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) lines: Vec<String>,
    pub(crate) samples: Vec<&'static str>,
}

/// Words with which people leave a loop of questions.
const LEAVING: [&str; 8] = ["exit", "quit", "q", "bye", "stop", "end", "exit()", "quit()"];

/// What to type: an answer to each question in the order of the source, then the word with which the program is left.
/// `None` where it asks nothing.
pub(crate) fn answers(module: &Module, source: &str, samples: &Samples<'_>) -> Option<Answers> {
    let mut answers = Answers::default();
    for call in module.calls.iter().filter(|call| call.name == "input") {
        let line = source.lines().nth(call.line.saturating_sub(1)).unwrap_or_default();
        let question = call.arguments.first().and_then(Value::text).unwrap_or(line);
        let (answer, sample) = answer(question, line, samples);
        answers.lines.push(answer);
        answers.samples.extend(sample);
    }
    let leaves = |word: &&str| source.contains(&format!("\"{word}\"")) || source.contains(&format!("'{word}'"));
    answers.lines.extend(LEAVING.iter().find(|word| leaves(word)).map(|word| (*word).to_owned()));
    (!answers.lines.is_empty()).then_some(answers)
}

/// Does a program take its text from the standard input?
pub(crate) fn reads_text(module: &Module, source: &str) -> bool {
    let ways = ["stdin.read", "in sys.stdin", "in stdin", "else sys.stdin", "= sys.stdin", "fileinput.input("];
    module.reads_stdin && !source.contains("input(\"") && ways.iter().any(|way| source.contains(way))
}

/// What a person would type, and the sample of ours that it names.
fn answer(question: &str, line: &str, samples: &Samples<'_>) -> (String, Option<&'static str>) {
    let lower = question.to_lowercase();
    let words = tokens(&lower);
    let says = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    if ["y/n", "yes/no", "[y]", "(y)"].iter().any(|part| lower.contains(part)) {
        return ("y".to_owned(), None);
    }
    if line.contains("int(input") || line.contains("float(input") || says(&["number", "many", "integer", "count"]) {
        return ("1".to_owned(), None);
    }
    let media = samples::media_of_words(&words);
    if let Some(media) = media.filter(|_| says(&["path", "file", "filename", "location", "name"])) {
        if let Some(file) = samples.file(media, "", "") {
            return (file.to_owned(), None);
        }
        if let Some(name) = samples::ours(media, &words) {
            return (samples::in_image(name), Some(name));
        }
    }
    (samples::SENTENCE.to_owned(), None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tree;

    fn check(source: &str, expected: &[&str]) {
        let tree = Tree::default();
        let found = answers(&crate::python::parse(source), source, &Samples::new(&tree));
        assert_eq!(found.unwrap_or_default().lines, expected, "{source}");
    }

    #[test]
    fn questions_are_answered_in_their_order() {
        check(
            "n = int(input('How often? '))\nwhile True:\n    text = input('> ')\n    if text == 'quit':\n        break\n",
            &["1", "A small cat sleeps on the table.", "quit"],
        );
        check("p = input('Path of the image: ')\nok = input('Go on? [y/n]')\n", &["/workspace/run/portrait.jpg", "y"]);
        check("print('quiet')\n", &[]);
    }

    #[test]
    fn a_program_that_reads_its_input_to_the_end_takes_a_text() {
        let reads = |source: &str| reads_text(&crate::python::parse(source), source);
        assert!(reads("import sys\nprint(len(sys.stdin.read()))\n"));
        assert!(reads("import sys\nf = open(a.name) if a.name else sys.stdin\n"));
        assert!(!reads("import sys\nif sys.stdin.isatty():\n    print(1)\n"));
    }
}
