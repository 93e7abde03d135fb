//! A block of Python in a document in, a program that can be cut out of it out.
//!
//! Only blocks that are complete by themselves become programs: they parse, define what they use, leave no gap, and do
//! something. Files they name are put where they look for them by commands of the setup.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::arguments::{Lack, is_placeholder};
use super::names::{Last, Names, names};
use super::program::join;
use super::samples::{self, Media, Samples, media_of};
use super::shell::quote;
use super::words::tokens;
use crate::documents::{Block, BlockForm};
use crate::python::{Call, Module, Value, parse};
use crate::{Snippet, SnippetPart, Tree};

/// A program found in a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) snippet: Snippet,
    pub(crate) text: String,
    pub(crate) names: Names,
    pub(crate) module: Module,
    pub(crate) setup: Vec<String>,
    pub(crate) changes: Vec<String>,
    pub(crate) lacks: Vec<Lack>,
    pub(crate) at_hand: usize,
    /// Samples of ours that it reads, by name.
    pub(crate) samples: Vec<&'static str>,
}

/// The blocks of one document that are Python, as far as it has been read.
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    blocks: Vec<Cut>,
}

/// A block that was cut out of its document.
#[derive(Debug, Clone)]
struct Cut {
    /// Several where a console session leaves out prompts; they follow each other.
    parts: Vec<SnippetPart>,
    text: String,
    /// Names that it defines.
    defines: BTreeSet<String>,
    headings: Vec<String>,
}

impl Cut {
    fn first(&self) -> usize {
        self.parts.first().map_or(0, |part| part.first)
    }
}

/// Most blocks that a program is put together from.
const MOST_BLOCKS: usize = 5;

/// Most lines over which a statement goes on that began behind a prompt.
const MOST_LINES: usize = 60;

/// Lets the program that they begin run one statement at a time, as a console session does, which shows the values of
/// expressions. Names of files, line numbers and `__main__` stay those of the program.
const AS_SESSION: [&str; 4] = [
    "import ast",
    "for statement in ast.parse(open(__file__, encoding=\"utf-8\").read()).body[3:]:",
    "    exec(compile(ast.Interactive([statement]), __file__, \"single\"), globals())",
    "raise SystemExit",
];

/// Reads the block as a program, put together with the blocks before it that define what it uses; `None` where it is none,
/// or not complete.
pub(crate) fn read(
    block: &Block,
    path: &str,
    document: &[&str],
    earlier: &mut Earlier,
    tree: &Tree,
    samples: &Samples<'_>,
) -> Option<Found> {
    if !matches!(block.form, BlockForm::Fenced | BlockForm::Indented | BlockForm::Doctest) {
        return None;
    }
    let language = block.language.as_str();
    let says_python = matches!(language, "python" | "py" | "python3" | "pycon" | "python-repl" | "ipython" | "py3");
    if !says_python && !matches!(language, "" | "pytb" | "text" | "default") {
        return None;
    }
    // Before anything is parsed: a program needs an import, its own or that of a block before it.
    let imports =
        block.lines.iter().any(|line| is_import(line.text.trim_start().trim_start_matches(">>>").trim_start()));
    if !imports && (!says_python || earlier.blocks.is_empty()) {
        return None;
    }
    let (parts, text) = cut_block(block, document)?;
    let alone = names(&text);
    if !alone.is_valid {
        return None;
    }
    let cut = Cut { parts, text, defines: alone.defined.clone(), headings: block.headings.clone() };
    let program = complete(cut.clone(), alone, &earlier.blocks, samples);
    earlier.blocks.push(cut);
    let Program { cuts, mut given, text, names, mut changes, samples: ours } = program?;
    if names.has_gap || names.only_defines || names.calls == 0 || names.statements == 0 {
        return None;
    }
    if text.lines().any(|line| matches!(line.trim(), "..." | "# ..." | "#..." | "# etc." | "# …")) {
        return None;
    }
    let parts: Vec<SnippetPart> = cuts.into_iter().flat_map(|cut| cut.parts).collect();
    let module = parse(&text);
    let mut whole = text.clone();
    let mut shown = Vec::new();
    let is_session = parts.iter().any(|part| part.prompt);
    let is_silent = !is_session && !module.calls.iter().any(shows);
    if is_session || is_silent && names.last == Last::Value {
        given.splice(0..0, AS_SESSION.map(str::to_owned));
        whole.insert_str(0, &AS_SESSION.map(|line| format!("{line}\n")).concat());
        let why =
            if is_session { "as the session that it is: values are shown" } else { "so that its values are shown" };
        changes.push(format!("run statement by statement, {why}"));
    } else if let Last::Names(last) = &names.last
        && is_silent
        && !last.is_empty()
    {
        let line = format!(
            "print(*(getattr(shown, \"shape\", shown) for shown in [{}] if shown is not None))",
            last.join(", ")
        );
        whole.push_str(&format!("{line}\n"));
        changes.push(format!("`{}` is printed at the end (the shape where it has one)", last.join("`, `")));
        shown.push(line);
    }
    let snippet = Snippet {
        path: path.to_owned(),
        given,
        parts,
        shown,
        sha256: Sha256::digest(whole.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
            hex.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0')));
            hex
        }),
    };
    let mut found =
        Found { snippet, text, names, module, setup: vec![], changes, lacks: vec![], at_hand: 0, samples: ours };
    inputs(&mut found, tree, samples);
    Some(found)
}

/// Does this call show or keep something, by its name?
fn shows(call: &Call) -> bool {
    const WORDS: [&str; 22] = [
        "debug", "display", "dump", "error", "export", "imshow", "imwrite", "info", "launch", "log", "play", "plot",
        "pp", "pprint", "print", "render", "run", "save", "savefig", "serve", "show", "write",
    ];
    let method = call.method();
    method == "to_csv" || tokens(method).iter().any(|word| WORDS.contains(&word.as_str()))
}

/// A program whose names are all defined.
struct Program {
    cuts: Vec<Cut>,
    given: Vec<String>,
    text: String,
    names: Names,
    changes: Vec<String>,
    samples: Vec<&'static str>,
}

/// Puts the blocks before a block in front of it until everything that it uses is defined, and gives the reader's own values
/// to what no block defines.
fn complete(cut: Cut, alone: Names, earlier: &[Cut], samples: &Samples<'_>) -> Option<Program> {
    let mut program = Program {
        text: cut.text.clone(),
        cuts: vec![cut],
        given: Vec::new(),
        names: alone,
        changes: Vec::new(),
        samples: Vec::new(),
    };
    while let Some(missing) = program.names.undefined.first().cloned() {
        let headings = program.cuts.last().map(|cut| cut.headings.clone()).unwrap_or_default();
        let is_used = |cut: &Cut| program.cuts.iter().any(|used| used.parts == cut.parts);
        // The nearest block; one of the same section first, since other sections tell other stories.
        let defining = || earlier.iter().rev().filter(|cut| cut.defines.contains(&missing) && !is_used(cut));
        let near = defining().find(|cut| cut.headings == headings).or_else(|| defining().next());
        if let Some(cut) = near.filter(|_| program.cuts.len() < MOST_BLOCKS) {
            program.cuts.push(cut.clone());
            program.cuts.sort_by_key(Cut::first);
        } else {
            let (value, sample) = given_value(&missing, samples)?;
            program.changes.push(format!("`{missing}`, which the document leaves to its reader, is {value}"));
            program.given.push(format!("{missing} = {value}"));
            program.samples.extend(sample);
        }
        program.text = program.given.iter().map(|line| format!("{line}\n")).collect();
        program.text.extend(program.cuts.iter().map(|cut| cut.text.as_str()));
        program.names = names(&program.text);
        if !program.names.is_valid {
            return None;
        }
    }
    program.text.lines().any(|line| is_import(line.trim_start())).then_some(program)
}

/// What a reader would put for a name that no block defines, as a Python expression, and the sample of ours in it.
fn given_value(name: &str, samples: &Samples<'_>) -> Option<(String, Option<&'static str>)> {
    let words = tokens(name);
    let says = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let media = samples::media_of_words(&words);
    if let Some(media) =
        media.filter(|_| says(&["path", "file", "filename", "filepath"]) && !says(&["out", "output", "save"]))
    {
        if let Some(file) = samples.file(media, "", "") {
            return Some((format!("{file:?}"), None));
        }
        let ours = samples::ours(media, &words)?;
        return Some((format!("{:?}", samples::in_image(ours)), Some(ours)));
    }
    let value = match name {
        "device" => format!("{:?}", "cpu"),
        "text" | "sentence" | "question" | "query" | "document" => format!("{:?}", samples::SENTENCE),
        "prompt" => format!("{:?}", samples::PROMPT),
        "texts" | "sentences" | "documents" | "queries" | "prompts" => {
            format!("{:?}", [samples::SENTENCE, "It rains in the city today."])
        }
        _ => return None,
    };
    Some((value, None))
}

fn is_import(line: &str) -> bool {
    line.starts_with("import ") || (line.starts_with("from ") && line.contains(" import"))
}

/// The lines to cut and the program they give.
fn cut_block(block: &Block, document: &[&str]) -> Option<(Vec<SnippetPart>, String)> {
    let filled: Vec<_> = block.lines.iter().filter(|line| !line.text.trim().is_empty()).collect();
    let (first, last) = (filled.first()?.number, filled.last()?.number);
    let mut indent: Option<usize> = None;
    for line in &filled {
        let source = document.get(line.number.checked_sub(1)?)?;
        if !source.ends_with(line.text.as_str()) {
            return None;
        }
        let columns = source.len() - source.trim_start_matches([' ', '\t']).len();
        let outer = source.len() - line.text.len();
        if outer > columns {
            // Something other than white space stands before the code: a quotation.
            return None;
        }
        indent = Some(indent.map_or(columns, |indent| indent.min(columns)));
    }
    let prompt = filled.iter().any(|line| line.text.trim_start().starts_with(">>>"));
    let whole = SnippetPart { first, last, indent: indent?, prompt };
    let text_of = |parts: &[SnippetPart]| parts.iter().map(|part| cut_part(document, part)).collect::<Option<String>>();
    if prompt && !filled.first()?.text.trim_start().starts_with(">>>") {
        let parts = between_outputs(document, &whole);
        let text = text_of(&parts)?;
        if names(&text).is_valid {
            return Some((parts, text));
        }
    }
    let parts = if prompt { session(document, &whole)? } else { vec![whole] };
    let text = text_of(&parts)?;
    Some((parts, text))
}

/// The pieces of a program between lines that begin with `>>>` and show what it prints.
fn between_outputs(document: &[&str], whole: &SnippetPart) -> Vec<SnippetPart> {
    let mut parts: Vec<SnippetPart> = Vec::new();
    for number in whole.first..=whole.last {
        let line = document.get(number - 1).map_or("", |line| line.trim_start());
        if line.is_empty() || line.starts_with(">>>") {
            continue;
        }
        match parts.last_mut() {
            // Empty lines belong to the code around them.
            Some(part)
                if document.get(part.last..number - 1).is_some_and(|gap| gap.iter().all(|l| l.trim().is_empty())) =>
            {
                part.last = number;
            }
            _ => parts.push(SnippetPart { first: number, last: number, indent: whole.indent, prompt: false }),
        }
    }
    parts
}

/// The pieces of a console session: what stands behind prompts, and lines without one on which a statement goes on that
/// would not be complete without them.
fn session(document: &[&str], whole: &SnippetPart) -> Option<Vec<SnippetPart>> {
    let lines = document.get(..whole.last)?;
    let begins = |number: usize, prompt: &str| {
        number.checked_sub(1).and_then(|at| lines.get(at)).is_some_and(|line| line.trim_start().starts_with(prompt))
    };
    let prompted = |first: usize, last: usize| SnippetPart { first, last, indent: whole.indent, prompt: true };
    let plain = |first: usize, last: usize| SnippetPart { first, last, indent: whole.indent, prompt: false };
    let mut parts = Vec::new();
    let mut open = whole.first;
    let mut number = whole.first;
    while number <= whole.last {
        let mut end = number;
        while begins(end + 1, "...") {
            end += 1;
        }
        if begins(number, ">>>") {
            let statement = cut_part(document, &prompted(number, end))?;
            let goes_on = |last: &usize| {
                let rest = cut_part(document, &plain(end + 1, *last)).unwrap_or_default();
                names(&format!("{statement}{rest}")).is_valid
            };
            let limit = (end + 1..=whole.last.min(end + MOST_LINES)).find(|number| begins(*number, ">>>"));
            let limit = limit.unwrap_or(whole.last.min(end + MOST_LINES) + 1);
            if let Some(last) = (end + 1..limit).find(goes_on).filter(|_| !names(&statement).is_valid) {
                parts.extend([prompted(open, end), plain(end + 1, last)]);
                open = last + 1;
                end = last;
            }
        }
        number = end + 1;
    }
    // What is left may be output only.
    if (open..=whole.last).any(|number| begins(number, ">>>")) {
        parts.push(prompted(open, whole.last));
    }
    Some(parts)
}

/// A snippet's program with each line at the number that it has in its document, for whoever points at lines. Lines of
/// ours are left out.
pub(crate) fn in_place(document: &[&str], snippet: &Snippet) -> String {
    let mut text = String::new();
    for (at, line) in document.iter().enumerate() {
        let part = snippet.parts.iter().find(|part| (part.first..=part.last).contains(&(at + 1)));
        text.push_str(part.and_then(|part| cut_line(line, part)).unwrap_or_default());
        text.push('\n');
    }
    text
}

/// The program that a part gives. Lines end with `\n`.
fn cut_part(document: &[&str], part: &SnippetPart) -> Option<String> {
    let lines = document.get(part.first.checked_sub(1)?..part.last)?;
    Some(lines.iter().filter_map(|line| cut_line(line, part)).map(|line| format!("{line}\n")).collect())
}

/// A line loses its first `indent` columns (fewer where it has fewer blanks). With prompts, only lines that begin with `>>>`
/// or `...` are kept, without the prompt and the one blank after it.
fn cut_line<'l>(line: &'l str, part: &SnippetPart) -> Option<&'l str> {
    let code = line.trim_start_matches([' ', '\t']);
    if !part.prompt {
        return line.get(part.indent.min(line.len() - code.len())..);
    }
    let rest = code.strip_prefix(">>>").or_else(|| code.strip_prefix("..."))?;
    Some(rest.strip_prefix(' ').unwrap_or(rest))
}

/// Finds the files that the program reads, and how they come to where it looks for them.
fn inputs(found: &mut Found, tree: &Tree, samples: &Samples<'_>) {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut read: Vec<String> = Vec::new();
    for call in &found.module.calls {
        let writes = tokens(call.method()).iter().any(|word| {
            matches!(
                word.as_str(),
                "save"
                    | "imsave"
                    | "imwrite"
                    | "write"
                    | "savefig"
                    | "export"
                    | "dump"
                    | "tofile"
                    | "savetxt"
                    | "makedirs"
                    | "mkdir"
                    | "download"
                    | "print"
                    | "urlretrieve"
            )
        }) || call
            .argument(1, "mode")
            .and_then(Value::text)
            .is_some_and(|mode| mode.len() <= 3 && mode.starts_with(['w', 'a', 'x']));
        let named = call.keywords.iter().map(|(name, value)| (name.as_str(), value));
        for (name, value) in call.arguments.iter().map(|value| ("", value)).chain(named) {
            let output = writes
                || tokens(name).iter().any(|word| {
                    matches!(word.as_str(), "out" | "output" | "save" | "dest" | "target" | "filename_out")
                });
            for text in texts(value) {
                if seen.insert(text.to_owned()) && !output {
                    read.push(text.to_owned());
                }
            }
        }
    }
    for (name, value) in &found.module.assignments {
        let output = tokens(name)
            .iter()
            .any(|word| matches!(word.as_str(), "out" | "output" | "save" | "dest" | "target" | "result"));
        for text in texts(value) {
            if seen.insert(text.to_owned()) && !output {
                read.push(text.to_owned());
            }
        }
    }
    for text in read {
        input(&text, found, tree, samples);
    }
    if ["api_key", "API_KEY", "access_token=", "auth_token", "apikey"].iter().any(|word| found.text.contains(word)) {
        found.lacks.push(Lack::Secret("api key".to_owned()));
    }
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Text(text) => vec![text.as_str()],
        Value::List(items) => items.iter().filter_map(Value::text).collect(),
        _ => vec![],
    }
}

fn input(text: &str, found: &mut Found, tree: &Tree, samples: &Samples<'_>) {
    if text.contains("://") {
        return;
    }
    let media = media_of(text).filter(|_| {
        text.len() < 200
            && !text.contains(['\n', '*', '{', '%'])
            && !text.ends_with(' ')
            && text.rsplit('/').next().is_some_and(|name| !name.starts_with('.'))
    });
    let path = join("", text.trim_start_matches("./")).filter(|path| !path.is_empty());
    if path.as_ref().is_some_and(|path| tree.contains(path) || (text.contains('/') && tree.contains_folder(path))) {
        found.at_hand += 1;
        return;
    }
    let Some(media) = media else {
        let lower = text.to_ascii_lowercase();
        let whole =
            text.starts_with('<') && text.ends_with('>') && text.contains(['_', ' ', '-']) && !text.starts_with("<|");
        let hinted = ["path/to", "path_to", "your_"].iter().any(|hint| lower.contains(hint))
            || lower.contains("/path") && is_placeholder(text)
            || lower.starts_with("your");
        // `path_to_audio_file`: readers tell the kind of a file by its content.
        let kind = tokens(text).iter().find_map(|word| match word.as_str() {
            "image" | "img" | "picture" => Some(Media::Image),
            "audio" | "wav" => Some(Media::Audio),
            "video" => Some(Media::Video),
            _ => None,
        });
        let sample =
            kind.filter(|_| hinted && !text.contains(['/', ' '])).and_then(|media| samples.file(media, "", ""));
        let ours = kind
            .filter(|_| hinted && !text.contains(['/', ' ']))
            .and_then(|media| samples::ours(media, &hints(found, text)));
        if let Some(sample) = sample {
            copy(found, &From::Repository(sample), text, tree);
        } else if let Some(name) = ours {
            copy(found, &From::Ours(name), text, tree);
        } else if hinted || whole {
            found.lacks.push(Lack::Value(text.to_owned()));
        }
        return;
    };
    let source = samples.named(text.rsplit('/').next().unwrap_or(text)).or_else(|| match media {
        Media::Weights | Media::Config | Media::Data => None,
        media => samples.file(media, text, ""),
    });
    match (source, path) {
        (Some(source), Some(path)) => copy(found, &From::Repository(source), &path, tree),
        (None, Some(path)) if let Some(name) = our_sample(found, media, text) => {
            copy(found, &From::Ours(name), &path, tree);
        }
        _ if media == Media::Weights => found.lacks.push(Lack::Weights(text.to_owned())),
        _ => found.lacks.push(Lack::Input(text.to_owned())),
    }
}

/// Where a file comes from that a program reads.
enum From<'a> {
    Repository(&'a str),
    /// A sample of ours, by name.
    Ours(&'static str),
}

/// Lets the setup copy a file to where the program looks for it.
fn copy(found: &mut Found, from: &From<'_>, to: &str, tree: &Tree) {
    if let Some((folder, _)) = to.rsplit_once('/').filter(|(folder, _)| !tree.contains_folder(folder)) {
        found.setup.push(format!("mkdir -p {}", quote(folder)));
    }
    let (source, told) = match from {
        From::Repository(path) => {
            found.at_hand += 1;
            (quote(path), format!("`{path}`"))
        }
        From::Ours(name) => {
            found.samples.push(name);
            (samples::in_image(name), format!("`{name}`, a sample of ours,"))
        }
    };
    found.setup.push(format!("cp {source} {}", quote(to)));
    found.changes.push(format!("{told} copied to `{to}`, which the program reads"));
}

/// A sample of ours for a file that the program reads: one that is named like an example, where only a particular text or
/// table would do.
fn our_sample(found: &Found, media: Media, text: &str) -> Option<&'static str> {
    let general = ["input", "sample", "example", "test", "text", "file", "my", "document", "demo", "some"];
    let is_general = tokens(text).iter().any(|word| general.contains(&word.as_str()));
    samples::ours(media, &hints(found, text)).filter(|_| is_general || !matches!(media, Media::Text | Media::Table))
}

/// Words around an input of the program: its name, and what the program imports.
fn hints(found: &Found, text: &str) -> Vec<String> {
    let imports = found.module.imports.iter().flat_map(|import| tokens(&import.module));
    tokens(text).into_iter().chain(imports).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::blocks;
    use crate::{Content, File};

    fn snippets(path: &str, document: &str) -> Vec<Found> {
        let mut tree = Tree::default();
        tree.insert("resources/ivan.jpg", File { size: 50_000, content: Content::Opaque });
        let samples = Samples::new(&tree);
        let lines: Vec<&str> = document.lines().collect();
        let mut earlier = Earlier::default();
        blocks(path, document)
            .iter()
            .filter_map(|block| read(block, path, &lines, &mut earlier, &tree, &samples))
            .collect()
    }

    #[test]
    fn a_snippet_is_cut_by_lines_and_its_inputs_are_copied() {
        let found =
            snippets("README.md", "1. x\n\n   ```python\n   from a import b\n\n   print(b('ivan.jpg'))\n   ```\n");
        let [found] = found.as_slice() else { panic!("one snippet, not {found:?}") };
        assert_eq!(found.text, "from a import b\n\nprint(b('ivan.jpg'))\n");
        assert_eq!(found.snippet.parts, [SnippetPart { first: 4, last: 6, indent: 3, prompt: false }]);
        assert_eq!(found.setup, ["cp resources/ivan.jpg ivan.jpg"]);
    }

    #[test]
    fn what_a_block_uses_is_defined_by_the_blocks_before_it() {
        let document = "```python\nfrom a import B\nb = B()\n```\nThen\n```python\nb.noise()\n```\nor\n```python\n\
                        print(b.run(image_path, text))\n```\n";
        let found = snippets("README.md", document);
        let last = found.last().map(|found| found.snippet.clone()).expect("a program");
        assert_eq!(last.place(), "lines 2 to 3 and 11 to 11 of README.md");
        let given = ["image_path = \"resources/ivan.jpg\"", "text = \"A small cat sleeps on the table.\""];
        assert_eq!(last.given, given);
        let lines: Vec<&str> = document.lines().collect();
        assert_eq!(in_place(&lines, &last).lines().nth(10), Some("print(b.run(image_path, text))"));
        assert_eq!(snippets("README.md", "```python\nfrom a import B\n```\n```python\nB(model)\n```\n").len(), 0);
    }

    #[test]
    fn prompts_and_output_are_cut_away() {
        let found =
            snippets("README.rst", "Use::\n\n    >>> import a\n    >>> for x in a.b():\n    ...     print(x)\n    1\n");
        assert_eq!(found.first().map(|found| found.text.as_str()), Some("import a\nfor x in a.b():\n    print(x)\n"));
    }

    #[test]
    fn what_a_silent_program_ends_with_is_shown() {
        let only = |program: &str| {
            snippets("README.md", &format!("Use:\n\n```python\nfrom a import b\n{program}\n```\n")).remove(0)
        };
        let shape = "print(*(getattr(shown, \"shape\", shown) for shown in [x, y] if shown is not None))";
        let kept = only("x, _, y = b(b.c())");
        assert_eq!((kept.snippet.shown.as_slice(), kept.snippet.given.len()), (&[shape.to_owned()][..], 0));
        assert_eq!(kept.changes, ["`x`, `y` is printed at the end (the shape where it has one)"]);
        let value = only("b(b.c())");
        assert_eq!(
            (value.snippet.shown.len(), value.snippet.given.as_slice()),
            (0, &AS_SESSION.map(str::to_owned)[..])
        );
        for loud in ["print(b(b.c()))", "b(b.c()).save('x')", "x = b.c()\nb.save_all(x)"] {
            let found = only(loud);
            assert_eq!((found.snippet.shown.len(), found.snippet.given.len()), (0, 0), "{loud}");
        }
    }

    #[test]
    fn prompts_before_what_a_program_prints_are_no_session() {
        let document = "Use:\n\n    from a import b\n\n    for x in b():\n        print(x)\n    >>> ['AY1', 'HH']\n    >>> ['B']\n    \
                        print(b.c())\n    >>> 1\n";
        let found = snippets("README.md", document);
        let [found] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(found.text, "from a import b\n\nfor x in b():\n    print(x)\nprint(b.c())\n");
        assert!(found.snippet.given.is_empty() && found.snippet.parts.iter().all(|part| !part.prompt));
    }

    #[test]
    fn a_statement_of_a_session_goes_on_without_prompts() {
        let document = "```python\n>>> from a import (\n    b,\n\n    c\n)\n>>> for x in b:\n...     c(x)\n1\n>>> c(\"\"\"\nd\n\"\"\")\n2\n```\n";
        let found = snippets("README.md", document);
        let [found] = found.as_slice() else { panic!("one snippet, not {found:?}") };
        assert_eq!(found.text, "from a import (\n    b,\n\n    c\n)\nfor x in b:\n    c(x)\nc(\"\"\"\nd\n\"\"\")\n");
        let parts: Vec<(usize, usize, bool)> =
            found.snippet.parts.iter().map(|part| (part.first, part.last, part.prompt)).collect();
        assert_eq!(parts, [(2, 2, true), (3, 6, false), (7, 10, true), (11, 12, false)]);
        assert_eq!(found.snippet.place(), "lines 2 to 12 of README.md");
        assert_eq!(found.snippet.given, AS_SESSION);
    }

    #[test]
    fn what_is_not_complete_is_no_program() {
        for code in [
            "import a\na.f(image)",
            "import a\n...\na.f()",
            "import a\na.f(<x>)",
            "x = 1\nprint(x)",
            "import a\ndef f(): pass",
            "import a\nx = a.b",
        ] {
            assert_eq!(snippets("README.md", &format!("```python\n{code}\n```\n")).len(), 0, "{code}");
        }
    }

    #[test]
    fn code_in_a_quotation_cannot_be_cut() {
        assert_eq!(snippets("README.md", "> ```python\n> import a\n> a.f()\n> ```\n").len(), 0);
    }
}
