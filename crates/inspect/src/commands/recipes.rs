//! Files that run commands and are no documents in, drafts out: shell scripts, Makefiles, shipped images, CI, and the
//! shell lines of notebooks.
//!
//! They say less than a document: what CI runs is a test first, and what an image starts is somebody's deployment.

use serde_json::Value;

use super::collect::{Collector, Origin, Place, Session};
use super::program::join;
use super::shell::{self, quote};
use crate::declared::conda::yaml;
use crate::documents::{self, Line, is_vendored};
use crate::python::notebook_cells;
use crate::stated::{dockerfiles, instructions, workflows};

/// What kind of file runs a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recipe {
    Shell,
    Make,
    /// The command of an image that upstream ships the Dockerfile, the compose file or the Procfile of.
    Image,
    Ci,
    /// A shell line in a cell of a notebook.
    Cell,
}

impl Recipe {
    /// How much less a command of such a file says than one of a document, and in words why.
    pub(crate) fn weight(self) -> (f64, &'static str) {
        match self {
            Self::Shell => (-0.06, "a script of the repository runs it"),
            Self::Make => (-0.06, "a target of the Makefile runs it"),
            Self::Image => (-0.07, "the image that upstream describes runs it"),
            Self::Ci => (-0.10, "CI runs it"),
            Self::Cell => (-0.05, "a cell of a notebook runs it"),
        }
    }
}

/// Most files of one kind that are read.
const MOST: usize = 12;
/// Most files in all that are followed, so that a collection of hundred scripts costs no more than its first.
const FOLLOWED: usize = 30;

/// Adds what files run that no document names.
pub(crate) fn recipes(collector: &mut Collector<'_>) {
    let shells: Vec<&str> = collector
        .tree
        .texts()
        .map(|(path, _)| path)
        .filter(|path| {
            path.ends_with(".sh") && path.matches('/').count() <= 2 && !is_vendored(path) && !path.starts_with('.')
        })
        .take(2 * MOST)
        .collect();
    for path in shells {
        collector.script(path, &[], &Place::of(path, Origin::Recipe(Recipe::Shell)), &Session::default());
    }
    for target in makefile(collector).map(|(_, text)| targets(text)).unwrap_or_default() {
        let place = Place { lead: &target, ..Place::of("Makefile", Origin::Recipe(Recipe::Make)) };
        collector.make(&target, &place, &Session::default());
    }
    images(collector);
    for (path, text) in workflows(collector.tree) {
        if may_start(collector, text) {
            ci(collector, path, text);
        }
    }
    let notebooks = collector.tree.texts().filter(|(path, text)| {
        path.ends_with(".ipynb")
            && !is_vendored(path)
            && !path.contains(".ipynb_checkpoints")
            && ["\"!", "%%bash", "%%sh", "%run "].iter().any(|mark| text.contains(mark))
    });
    for (path, text) in notebooks.take(MOST) {
        if may_start(collector, text) {
            cells(collector, path, text);
        }
    }
}

/// Could a text of this kind start a program of the repository? Cheap, so that most are never parsed.
fn may_start(collector: &Collector<'_>, text: &str) -> bool {
    ["python", ".py", ".sh", "make "].iter().any(|word| text.contains(word))
        || collector
            .projects
            .iter()
            .any(|project| project.console_scripts.keys().any(|name| text.contains(name.as_str())))
}

impl Collector<'_> {
    /// Follows a shell script one level.
    pub(super) fn script(&mut self, path: &str, arguments: &[shell::Word], place: &Place<'_>, session: &Session) {
        if self.followed.iter().any(|known| known == path) || self.followed.len() > FOLLOWED {
            return;
        }
        self.followed.push(path.to_owned());
        let Some(text) = self.tree.text(path).filter(|text| text.len() < 100_000) else { return };
        let mut inner = session.inside();
        inner.variables.extend(arguments.iter().zip(1..).map(|(word, at)| (at.to_string(), word.text.clone())));
        let place = Place {
            path,
            origin: Origin::Recipe(Recipe::Shell),
            headings: place.headings,
            lead: place.lead,
            around: format!("{}\n{path}", place.around),
        };
        self.commands(&shell::commands(&numbered(text)), &place, &mut inner, 1);
    }

    /// Follows a target of the root's Makefile one level.
    pub(super) fn make(&mut self, target: &str, place: &Place<'_>, session: &Session) {
        let Some((path, text)) = makefile(self) else { return };
        let mark = format!("{path}:{target}");
        if self.followed.contains(&mark) || self.followed.len() > FOLLOWED {
            return;
        }
        self.followed.push(mark);
        let mut inner = session.inside();
        inner.workdir.clear();
        inner.variables.extend(text.lines().filter_map(make_variable));
        let lines: Vec<Line> = numbered(text)
            .into_iter()
            .skip_while(|line| !targets_of(&line.text).any(|name| name == target))
            .skip(1)
            .take_while(|line| line.text.starts_with('\t') || line.text.trim().is_empty())
            .map(|line| Line { text: make_line(&line.text), ..line })
            .collect();
        let place = Place {
            path,
            origin: Origin::Recipe(Recipe::Make),
            headings: place.headings,
            lead: place.lead,
            around: place.around.clone(),
        };
        self.commands(&shell::commands(&lines), &place, &mut inner, 1);
    }
}

fn numbered(text: &str) -> Vec<Line> {
    text.lines().zip(1..).map(|(line, number)| Line { number, text: line.to_owned() }).collect()
}

fn makefile<'t>(collector: &Collector<'t>) -> Option<(&'static str, &'t str)> {
    ["Makefile", "makefile"].into_iter().find_map(|path| Some((path, collector.tree.text(path)?)))
}

/// Names before the colon of a rule: `a b: c`.
fn targets_of(line: &str) -> impl Iterator<Item = &str> {
    let names = line.split_once(':').filter(|(_, rest)| !rest.starts_with('=') && !line.starts_with(['\t', '#', ' ']));
    names.map_or("", |(names, _)| names).split_whitespace()
}

/// Targets of a Makefile that a person would type.
fn targets(text: &str) -> Vec<String> {
    let plain = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let mut found: Vec<String> = text.lines().flat_map(targets_of).filter(plain).map(str::to_owned).collect();
    found.dedup();
    found.truncate(2 * MOST);
    found
}

/// `NAME = value`, `NAME := value`, `NAME ?= value`.
fn make_variable(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=').filter(|_| !line.starts_with(['\t', '#', ' ']))?;
    let name = name.trim_end_matches(['?', ':', '+']).trim().trim_start_matches("export ");
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| (name.to_owned(), make_line(value.split(" #").next().unwrap_or(value)).trim().to_owned()))
}

/// A line of a rule as a shell has it: without `@` and `-`, `$(NAME)` as `${NAME}`, `$$` as `$`.
fn make_line(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line.trim_start().trim_start_matches(['@', '-', '+']);
    while let Some((before, after)) = rest.split_once('$') {
        plain.push_str(before);
        plain.push('$');
        rest = if let Some(after) = after.strip_prefix('$') {
            after
        } else if let Some((name, after)) = after.strip_prefix('(').and_then(|after| after.split_once(')')) {
            plain.push_str(&format!("{{{name}}}"));
            after
        } else {
            after
        };
    }
    plain + rest
}

/// What the images start that upstream's Dockerfiles, compose file and Procfile describe.
fn images(collector: &mut Collector<'_>) {
    let tree = collector.tree;
    for (path, text) in dockerfiles(tree) {
        if let Some((line, command)) = image_command(text) {
            started(collector, path, &[Line { number: line, text: command }]);
        }
    }
    for path in ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"] {
        let Some(text) = tree.text(path) else { continue };
        let Ok(compose) = yaml::<Value>(text) else { continue };
        for service in compose.get("services").and_then(Value::as_object).into_iter().flat_map(|all| all.values()) {
            let command = service.get("command").or_else(|| service.get("entrypoint"));
            if let Some(text_of) = command.and_then(command_text) {
                let needle = text_of.split(' ').next_back().unwrap_or_default().trim_matches('\'');
                let line = text.lines().position(|line| line.contains(needle)).map_or(0, |at| at + 1);
                started(collector, path, &[Line { number: line, text: text_of }]);
            }
        }
    }
    if let Some(text) = tree.text("Procfile") {
        let lines: Vec<Line> = numbered(text)
            .into_iter()
            .filter_map(|line| Some(Line { text: line.text.split_once(": ")?.1.to_owned(), ..line }))
            .collect();
        started(collector, "Procfile", &lines);
    }
}

fn started(collector: &mut Collector<'_>, path: &str, lines: &[Line]) {
    let mut commands = shell::commands(lines);
    // Paths inside an image begin with a folder that the repository knows nothing of.
    for word in commands.iter_mut().flat_map(|command| &mut command.words) {
        let mut rest = word.text.strip_prefix('/');
        while let Some(inner) = rest {
            if collector.tree.contains(inner) {
                *word = shell::Word::new(inner);
                break;
            }
            rest = inner.split_once('/').map(|(_, below)| below);
        }
    }
    let place = Place::of(path, Origin::Recipe(Recipe::Image));
    collector.commands(&commands, &place, &mut Session::default(), 0);
}

/// `CMD` and `ENTRYPOINT` of the last stage as a shell would write them, and the line.
/// <https://docs.docker.com/reference/dockerfile/#understand-how-cmd-and-entrypoint-interact>
fn image_command(text: &str) -> Option<(usize, String)> {
    let (mut entry, mut command) = (None, None);
    let lines: Vec<&str> = text.lines().collect();
    for (number, logical) in instructions(&lines) {
        let (instruction, rest) = logical.split_once(char::is_whitespace)?;
        let value = || command_text(&serde_json::from_str(rest).unwrap_or_else(|_| Value::from(rest)));
        match instruction.to_ascii_uppercase().as_str() {
            "FROM" => (entry, command) = (None, None),
            "ENTRYPOINT" => entry = value().map(|text| (number, text)),
            "CMD" => command = value().map(|text| (number, text)),
            _ => {}
        }
    }
    // An init, or a script that ends in `exec "$@"`.
    let only_wraps = |text: &str| {
        let first = text.split(' ').next().unwrap_or_default();
        first.ends_with(".sh") || matches!(first.rsplit('/').next(), Some("tini" | "dumb-init" | "sh" | "bash"))
    };
    match (entry, command) {
        (Some((_, entry)), Some(command)) if only_wraps(&entry) => Some(command),
        (Some((line, entry)), Some((_, command))) => Some((line, format!("{entry} {command}"))),
        (entry, command) => entry.or(command),
    }
}

/// A command that is written as a text or as a list of words; `sh -c` is seen through.
fn command_text(value: &Value) -> Option<String> {
    let words: Vec<&str> = match value {
        Value::String(text) => return Some(text.clone()),
        Value::Array(words) => words.iter().map(Value::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    match words.as_slice() {
        [shell, "-c" | "-lc" | "-ec", text] if shell.ends_with("sh") => Some((*text).to_owned()),
        words => Some(words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")),
    }
}

/// The steps of a CI configuration, each read like a block of a document.
fn ci(collector: &mut Collector<'_>, path: &str, text: &str) {
    let Ok(parsed) = yaml::<Value>(text) else { return };
    let mut steps = Vec::new();
    walk(&parsed, &Vec::new(), &mut steps);
    let mut after = 0;
    for step in steps {
        let lines: Vec<Line> = step
            .text
            .lines()
            .map(|line| {
                let found = text.lines().enumerate().skip(after).find(|(_, there)| there.contains(line.trim()));
                after = found.map_or(after, |(at, _)| at);
                Line { number: found.map_or(0, |(at, _)| at + 1), text: filled(line, &step.matrix) }
            })
            // What is known to GitHub only.
            .filter(|line| !line.text.contains("${{"))
            .collect();
        let mut session = Session::default();
        session.workdir = join("", &filled(&step.workdir, &step.matrix))
            .filter(|folder| collector.tree.contains_folder(folder))
            .unwrap_or_default();
        let place = Place { lead: &step.name, ..Place::of(path, Origin::Recipe(Recipe::Ci)) };
        collector.commands(&shell::commands(&lines), &place, &mut session, 0);
    }
}

/// The first value of each variable of a matrix.
type Matrix = Vec<(String, String)>;

/// A step of CI that runs something.
struct Step {
    name: String,
    text: String,
    workdir: String,
    matrix: Matrix,
}

/// Finds the commands in a CI configuration by the keys under which the known services have them: `run` (GitHub, and
/// with `command` below it `CircleCI`), `script` (GitLab, Travis, Azure).
fn walk(value: &Value, matrix: &Matrix, steps: &mut Vec<Step>) {
    match value {
        Value::Array(all) => all.iter().for_each(|value| walk(value, matrix, steps)),
        Value::Object(map) => {
            let axes = value.pointer("/strategy/matrix").and_then(Value::as_object);
            let mut matrix = matrix.clone();
            matrix.extend(axes.into_iter().flatten().filter_map(|(name, values)| {
                let first = match values.as_array()?.first()? {
                    Value::String(text) => text.clone(),
                    Value::Number(number) => number.to_string(),
                    _ => return None,
                };
                Some((name.clone(), first))
            }));
            let text = |key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            for key in ["run", "script", "command"] {
                let Some(found) = map.get(key) else { continue };
                let lines = match found {
                    Value::String(text) => text.clone(),
                    Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
                    _ => continue,
                };
                let name = if map.contains_key("name") { text("name") } else { text("displayName") };
                let workdir = ["working-directory", "workingDirectory", "working_directory"];
                let workdir = workdir.into_iter().map(text).find(|folder| !folder.is_empty()).unwrap_or_default();
                steps.push(Step { name, text: lines, workdir, matrix: matrix.clone() });
            }
            map.values().filter(|value| value.is_array() || value.is_object()).for_each(|value| {
                walk(value, &matrix, steps);
            });
        }
        _ => {}
    }
}

/// Puts in the values of `${{ matrix.name }}`.
fn filled(text: &str, matrix: &Matrix) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let Some((inside, tail)) = after.split_once("}}") else { break };
        let value =
            inside.trim().strip_prefix("matrix.").and_then(|name| matrix.iter().find(|(known, _)| known == name));
        done.push_str(before);
        match value {
            Some((_, value)) => done.push_str(value),
            None => done.push_str(&format!("${{{{{inside}}}}}")),
        }
        rest = tail;
    }
    done + rest
}

/// The shell lines of a notebook, read as a document: its texts give the headings.
fn cells(collector: &mut Collector<'_>, path: &str, text: &str) {
    let mut document = String::new();
    for cell in notebook_cells(text) {
        if !cell.is_code {
            document.push_str(&cell.source);
            document.push_str("\n\n");
            continue;
        }
        let script = ["%%bash", "%%sh", "%%shell", "%%script bash"].iter().any(|magic| cell.source.starts_with(magic));
        let mut going_on = false;
        let lines: Vec<String> = cell
            .source
            .lines()
            .filter_map(|line| {
                let taken = if going_on || script {
                    (!line.starts_with("%%")).then(|| line.to_owned())
                } else {
                    shell_line(line)
                };
                going_on = taken.is_some() && line.trim_end().ends_with('\\');
                taken
            })
            .collect();
        if !lines.is_empty() {
            document.push_str(&format!("~~~~bash\n{}\n~~~~\n\n", lines.join("\n")));
        }
    }
    let mut session = Session::default();
    for block in documents::blocks("notebook.md", &document) {
        if block.form != documents::BlockForm::Fenced || block.language != "bash" {
            continue;
        }
        let mut commands = shell::commands(&block.lines);
        for command in &mut commands {
            command.line = line_of(text, command);
        }
        let place =
            Place { headings: &block.headings, lead: &block.lead, ..Place::of(path, Origin::Recipe(Recipe::Cell)) };
        collector.commands(&commands, &place, &mut session, 0);
    }
}

/// A line of a cell that goes to a shell, or does what a shell would.
/// <https://ipython.readthedocs.io/en/stable/interactive/magics.html>
fn shell_line(line: &str) -> Option<String> {
    let line = line.trim();
    if let Some(command) = line.strip_prefix('!') {
        return Some(command.trim_start_matches('!').trim().to_owned());
    }
    let (magic, rest) = line.split_once(' ')?;
    match magic {
        "%cd" => Some(format!("cd {rest}")),
        "%run" => Some(format!("python {rest}")),
        "%env" | "%set_env" => Some(format!("export {}", rest.replacen(' ', "=", usize::from(!rest.contains('='))))),
        _ => None,
    }
}

/// The line of a notebook's file that holds most of a command's words behind the first; 0 where it cannot be told.
fn line_of(text: &str, command: &shell::Simple) -> usize {
    let in_json =
        |word: &shell::Word| serde_json::to_string(&word.raw).unwrap_or_default().trim_matches('"').to_owned();
    let written: Vec<String> = command.words.iter().skip(1).map(in_json).collect();
    let found = (1..=written.len()).rev().find_map(|count| {
        text.lines().position(|line| written.iter().take(count).all(|word| line.contains(word.as_str())))
    });
    found.map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use crate::python::Sources;
    use crate::{Candidate, Tree};

    const MAIN: &str = "if __name__ == '__main__':\n    pass\n";

    /// The best candidate of a repository in which `demo.py` and `a.png` lie and no document says how to run it.
    fn best(path: &str, text: &str) -> Candidate {
        let tree = Tree::from_texts([("app/demo.py", MAIN), ("app/__init__.py", ""), ("app/a.txt", "a"), (path, text)]);
        let mut found = super::super::candidates(&tree, &[], &Sources::new(&tree)).0;
        found.retain(|candidate| candidate.evidence.iter().any(|evidence| evidence.path == path));
        assert!(!found.is_empty(), "{path} starts nothing");
        found.remove(0)
    }

    fn check(path: &str, text: &str, command: &str, line: usize, because: &str) {
        let found = best(path, text);
        let place = found.evidence.first().map(|evidence| evidence.line);
        assert_eq!((found.command.line.as_str(), place), (command, Some(line)), "{found:#?}");
        assert!(found.because.iter().any(|why| why == because), "{:?}", found.because);
    }

    #[test]
    fn a_target_of_a_makefile_with_its_variables() {
        let text =
            "PY ?= python3\nINPUT := app/a.txt\n.PHONY: demo\ndemo: install\n\t@$(PY) app/demo.py --input $(INPUT)\n";
        check("Makefile", text, "python app/demo.py --input app/a.txt", 5, "a target of the Makefile runs it");
    }

    #[test]
    fn the_command_of_an_image() {
        let because = "the image that upstream describes runs it";
        let exec = "FROM x AS a\nCMD [\"other\"]\nFROM y\nWORKDIR /srv\nENTRYPOINT [\"python\", \"/srv/app/demo.py\"]\nCMD [\"--input\", \"app/a.txt\"]\n";
        check("Dockerfile", exec, "python app/demo.py --input app/a.txt", 5, because);
        check(
            "Dockerfile",
            "FROM x\nENTRYPOINT [\"tini\", \"--\"]\nCMD python -m app.demo\n",
            "python -m app.demo",
            3,
            because,
        );
        let compose = "services:\n  a:\n    image: x\n    command: [\"sh\", \"-c\", \"python app/demo.py\"]\n";
        check("compose.yaml", compose, "python app/demo.py", 4, because);
        check("Procfile", "release: true\nweb: python app/demo.py\n", "python app/demo.py", 2, because);
    }

    #[test]
    fn a_step_of_ci() {
        let text = "name: x\njobs:\n  a:\n    strategy:\n      matrix:\n        file: [a.txt, b.txt]\n    steps:\n      - run: pip install .\n      \
                    - name: Try it\n        working-directory: app\n        run: |\n          echo ${{ secrets.KEY }}\n          python demo.py ${{ matrix.file }}\n";
        let found = best(".github/workflows/test.yml", text);
        assert_eq!((found.command.line.as_str(), found.command.workdir.as_str()), ("python demo.py a.txt", "app"));
        check(".gitlab-ci.yml", "test:\n  script:\n    - python app/demo.py\n", "python app/demo.py", 3, "CI runs it");
        // What GitHub alone knows cannot be filled.
        let secret = "jobs:\n  a:\n    steps:\n      - run: python app/demo.py ${{ inputs.file }}\n      - run: python -m app.demo\n";
        check(".github/workflows/test.yml", secret, "python -m app.demo", 5, "CI runs it");
    }

    #[test]
    fn shell_lines_of_a_notebook() {
        let text = r##"{"cells": [
 {"cell_type": "markdown", "source": ["# Inference"]},
 {"cell_type": "code", "source": [
  "%cd app\n",
  "import os\n",
  "!pip install x\n",
  "!python demo.py \\\n",
  "  --input a.txt"
 ]}]}"##;
        let found = best("colab.ipynb", text);
        assert_eq!(
            (found.command.line.as_str(), found.command.workdir.as_str()),
            ("python demo.py --input a.txt", "app")
        );
        check("colab.ipynb", text, "python demo.py --input a.txt", 7, "a cell of a notebook runs it");
        assert!(found.because.iter().any(|why| why == "it stands under `Inference`"), "{:?}", found.because);
    }

    #[test]
    fn files_that_are_something_else_are_survived() {
        for path in ["Makefile", "Dockerfile", "compose.yml", "Procfile", ".travis.yml", "a.ipynb", "run.sh"] {
            for text in
                ["python", "{\"!python", "CMD [\"python", "a: &a [*a]\npython: .py", "services: 3\n.py", "$($(\n\t$("]
            {
                let tree = Tree::from_texts([(path, text)]);
                let _ = super::super::candidates(&tree, &[], &Sources::new(&tree));
            }
        }
    }
}
