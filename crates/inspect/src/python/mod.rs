//! Python source in, plain facts about one file out: what it imports, calls, accepts as arguments and names in literals.
//!
//! The only part of this crate that knows the Python parser. It never runs anything, never fails (what cannot be
//! parsed is skipped and the rest is read), and never looks at more than one file; [`follow`] joins files.

mod arguments;
pub(crate) mod follow;
mod literal;
pub(crate) mod sources;
mod walk;

use std::collections::BTreeMap;

pub use follow::{Start, follow, follow_in, follow_text};
pub use literal::Value;
pub(crate) use sources::notebook_cells;
pub use sources::{Sources, notebook_code};

/// What one Python file says about itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Module {
    /// Imports in the order of the file, those of functions included.
    pub imports: Vec<Import>,
    /// Arguments that the program's command line accepts, whichever library reads them.
    pub arguments: Vec<Argument>,
    /// Calls with what is literal in their arguments.
    pub calls: Vec<Call>,
    /// String constants that look like a path, a URL or a hub id.
    pub texts: Vec<Text>,
    /// Values of names assigned at module level, the last one where there are several.
    pub assignments: BTreeMap<String, Value>,
    /// Functions and classes at module level.
    pub definitions: Vec<Definition>,
    /// Programs it starts by name.
    pub programs: Vec<Program>,
    /// Folders it adds to `sys.path`, as far as they can be read.
    pub search_paths: Vec<SearchPath>,
    /// Places that name a CUDA device or ask for one.
    pub devices: Vec<Device>,
    /// Does it contain `if __name__ == "__main__"`?
    pub has_main_guard: bool,
    /// Does it read standard input (`sys.stdin`, `input()`, `fileinput`)?
    pub reads_stdin: bool,
    /// Number of syntax errors the parser recovered from; Python 2 files have some.
    pub errors: usize,
    /// Hashes of all identifiers used, sorted; see [`Module::mentions`].
    names: Vec<u64>,
    /// Hashes of all names after `from … import`.
    imported: Vec<u64>,
    /// Offsets at which lines begin.
    starts: Vec<usize>,
}

impl Module {
    /// Is this identifier used (not merely defined or imported) anywhere in the file?
    pub fn mentions(&self, identifier: &str) -> bool {
        self.names.binary_search(&hash(identifier)).is_ok()
    }

    /// Hashes of the identifiers used, with or without those after `from … import`.
    fn identifiers(&self, imported: bool) -> impl Iterator<Item = u64> + '_ {
        self.names.iter().chain(self.imported.iter().filter(move |_| imported)).copied()
    }

    /// A line of the text that this module was parsed from, counted from 1.
    fn line<'t>(&self, text: &'t str, line: usize) -> &'t str {
        let start = line.checked_sub(1).and_then(|at| self.starts.get(at)).copied().unwrap_or(text.len());
        let end = self.starts.get(line).copied().unwrap_or(text.len());
        text.get(start..end).unwrap_or_default().trim_end()
    }

    /// Calls of the function with this dotted name, import aliases already resolved (`np.load` is `numpy.load`).
    pub fn calls_of<'m>(&'m self, name: &str) -> impl Iterator<Item = &'m Call> {
        self.calls.iter().filter(move |call| call.name == name)
    }
}

/// FNV-1a: identifiers are short, and nobody gains by making two of them collide.
fn hash(identifier: &str) -> u64 {
    identifier.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// One import statement (or call) with what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Dotted name after `import` or `from`; empty for `from . import x`.
    pub module: String,
    /// Number of leading dots of a relative import.
    pub level: u32,
    /// Names after `from … import`, `*` included; empty for a plain `import`.
    pub names: Vec<String>,
    /// Line, from 1.
    pub line: usize,
    pub context: Context,
    /// Top-level function or class (`Class.method`) whose body holds it.
    pub scope: Option<String>,
    /// Stands in one of several branches of an `if` chain that import: one of them is taken, but which one?
    pub branch: bool,
    /// A call with a literal name: `importlib.import_module("x")`, `__import__("x")`.
    pub dynamic: bool,
}

/// Where a statement stands, which decides whether it is reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Context {
    /// At module level: executed whenever the module is imported.
    #[default]
    Plain,
    /// Inside `try … except ImportError` (or wider) that goes on without it, or in its handler.
    Guarded,
    /// Under an `if` (or `elif`, `else`) of which nothing more is known.
    Conditional,
    /// Under `if TYPE_CHECKING`: never executed.
    TypeChecking,
    /// Under `if __name__ == "__main__"`.
    Main,
    /// In the body of a function.
    Function,
}

/// One argument of a command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Argument {
    /// Names as typed, dashes included (`-i`, `--image-input`); one bare name for a positional.
    pub names: Vec<String>,
    pub positional: bool,
    pub required: bool,
    /// Default as text, where it is literal: `0.5`, `cuda`; `None` where there is none or it is the literal `None`.
    pub default: Option<String>,
    /// The default's expression where it is not literal.
    pub default_expression: Option<String>,
    pub choices: Vec<String>,
    /// Type as written: `int`, `str`, `Path`, `bool`.
    pub kind: Option<String>,
    /// Takes no value.
    pub is_flag: bool,
    /// `nargs` as written: `+`, `*`, `?`, `2`.
    pub nargs: Option<String>,
    pub help: Option<String>,
    /// Line, from 1.
    pub line: usize,
    /// The library that reads it: `argparse`, `click`, `typer`, `fire`, `absl`, `dataclass`.
    pub library: &'static str,
    /// Function or class that it belongs to.
    pub scope: Option<String>,
}

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Dotted name with import aliases resolved: `torch.load`, `model.cuda`; `.cuda` where the object is itself an
    /// expression.
    pub name: String,
    pub arguments: Vec<Value>,
    pub keywords: Vec<(String, Value)>,
    /// Line, from 1.
    pub line: usize,
    /// Function or class (`Class.method`) whose body holds it.
    pub scope: Option<String>,
    pub context: Context,
    /// The function or class that it decorates.
    pub decorates: Option<String>,
}

impl Call {
    /// The keyword argument of this name.
    pub fn keyword(&self, name: &str) -> Option<&Value> {
        self.keywords.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The argument of this name, or else the one at this position.
    pub fn argument(&self, position: usize, name: &str) -> Option<&Value> {
        self.keyword(name).or_else(|| self.arguments.get(position))
    }

    /// The last part of the name: `load` of `torch.load`.
    pub fn method(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or(&self.name)
    }
}

/// A string constant that looks like a path, a URL or a hub id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub value: String,
    /// Line, from 1.
    pub line: usize,
    /// Function or class whose body holds it.
    pub scope: Option<String>,
}

/// A function or class at module level.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    pub name: String,
    /// Line, from 1.
    pub line: usize,
    pub is_class: bool,
    /// Parameters of a function, annotated fields of a class.
    pub parameters: Vec<Parameter>,
    /// Dotted names of decorators (calls without their arguments).
    pub decorators: Vec<String>,
    /// Base classes as written.
    pub bases: Vec<String>,
}

/// A parameter of a function or an annotated field of a class.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    pub name: String,
    pub annotation: Option<String>,
    /// The default, taken out of the call that wraps it (`typer.Option(0.5)`, `field(default=3)`).
    pub default: Option<Value>,
    /// The call that wraps the default: `Option`, `Argument`, `field`.
    pub via: Option<String>,
    /// Line, from 1.
    pub line: usize,
}

/// A program that is started by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    pub name: String,
    /// Line, from 1.
    pub line: usize,
    pub scope: Option<String>,
    pub context: Context,
    /// Only looked up (`shutil.which`), which a program may do to go on without it.
    pub probed: bool,
}

/// A folder added to `sys.path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchPath {
    /// Relative to the folder of the file that says so (`os.path.dirname(__file__)` and joins).
    File(String),
    /// Relative to the working folder, as a literal.
    Working(String),
}

/// A place that names a CUDA device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    pub what: DeviceUse,
    /// Line, from 1.
    pub line: usize,
    pub scope: Option<String>,
    pub context: Context,
    /// Stands in an `if`, ternary or `and` that asks about the device first, or under a handler of exceptions.
    pub chosen: bool,
    /// Top-level name of the library that is asked, for [`DeviceUse::Question`]; else empty.
    pub library: String,
}

/// How a device is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceUse {
    /// `x.cuda()`, `x.to("cuda")`, `f(device="cuda")`, `torch.device("cuda")`, `device = "cuda"`.
    Demand,
    /// `device = "cuda"` at module level, which some programs let the command line override.
    Setting,
    /// A parameter's default: `def load(device="cuda")`.
    Default,
    /// Default of a command line argument.
    Argument,
    /// `torch.cuda.is_available()` and its like: the program looks before it chooses.
    Question,
    /// Something under `torch.cuda` that raises without a GPU (`torch.cuda.set_device`, `torch.cuda.Event`).
    Runtime,
}

/// Reads one file. What cannot be parsed is skipped; a file beyond 4 MB or too deeply nested gives an empty module.
pub fn parse(text: &str) -> Module {
    walk::module(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `line context module names` of every import.
    fn imports(text: &str) -> Vec<String> {
        parse(text)
            .imports
            .iter()
            .map(|import| {
                let dots = ".".repeat(import.level as usize);
                let names = import.names.join(",");
                format!("{} {:?} {dots}{} {names}", import.line, import.context, import.module).trim_end().to_owned()
            })
            .collect()
    }

    fn check_imports(text: &str, expected: &[&str]) {
        assert_eq!(imports(text), expected, "in\n{text}");
    }

    #[test]
    fn plain_imports_are_read_with_their_lines() {
        check_imports(
            "import os, numpy as np\n\nfrom a.b import c as d, e\nfrom ..x import *\nfrom . import y\n",
            &["1 Plain os", "1 Plain numpy", "3 Plain a.b c,e", "4 Plain ..x *", "5 Plain . y"],
        );
    }

    #[test]
    fn an_import_under_except_import_error_is_guarded() {
        check_imports(
            "try:\n    import apex\nexcept ImportError:\n    apex = None\n    import other\n",
            &["2 Guarded apex", "5 Guarded other"],
        );
        check_imports("try:\n    import apex\nexcept:\n    pass\n", &["2 Guarded apex"]);
        check_imports("try:\n    import apex\nexcept ValueError:\n    pass\n", &["2 Plain apex"]);
    }

    #[test]
    fn a_handler_that_gives_up_guards_nothing() {
        check_imports("try:\n    import torch\nexcept ImportError:\n    raise RuntimeError('x')\n", &["2 Plain torch"]);
        check_imports(
            "import sys\ntry:\n    import cv2\nexcept ImportError as e:\n    print(e)\n    sys.exit(1)\n",
            &["1 Plain sys", "3 Plain cv2"],
        );
    }

    #[test]
    fn the_context_tells_what_is_executed() {
        check_imports(
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nelse:\n    import b\n",
            &["1 Plain typing TYPE_CHECKING", "3 TypeChecking a", "5 Conditional b"],
        );
        check_imports("if __name__ == '__main__':\n    import a\n", &["2 Main a"]);
        check_imports(
            "def f():\n    import a\nclass C:\n    import c\n    def g(self):\n        import b\n",
            &["2 Function a", "4 Plain c", "6 Function b"],
        );
        check_imports(
            "import sys\nif sys.platform == 'win32':\n    import winreg\n",
            &["1 Plain sys", "3 Conditional winreg"],
        );
    }

    #[test]
    fn literal_dynamic_imports_count() {
        check_imports(
            "import importlib\nimportlib.import_module('a.b')\n__import__('c')\n__import__(name)\n",
            &["1 Plain importlib", "2 Plain a.b", "3 Plain c"],
        );
    }

    #[test]
    fn python_two_does_not_lose_the_rest() {
        check_imports(
            "import a\nprint 'x', y\ntry:\n    f()\nexcept Exception, e:\n    print e\nexec 'x'\nimport b\n",
            &["1 Plain a", "8 Plain b"],
        );
    }

    #[test]
    fn notebook_magics_do_not_disturb() {
        check_imports("%cd x\n!pip install y\nimport a\n", &["3 Plain a"]);
    }

    /// `names required default choices kind flag` of every argument.
    fn check_arguments(text: &str, expected: &[&str]) {
        let got: Vec<String> = parse(text)
            .arguments
            .iter()
            .map(|argument| {
                format!(
                    "{} {} {} [{}] {}{}",
                    argument.names.join(","),
                    if argument.required { "required" } else { "optional" },
                    argument.default.as_deref().unwrap_or("-"),
                    argument.choices.join(","),
                    argument.kind.as_deref().unwrap_or("-"),
                    if argument.is_flag { " flag" } else { "" },
                )
            })
            .collect();
        assert_eq!(got, expected, "in\n{text}");
    }

    #[test]
    fn argparse_arguments_are_read() {
        check_arguments(
            "import argparse\np = argparse.ArgumentParser()\np.add_argument('audio', nargs='+', type=str)\n\
             p.add_argument('-o', '--out-dir', required=True)\np.add_argument('--steps', type=int, default=-1)\n\
             p.add_argument('--mode', choices=['a', 'b'], default='a')\np.add_argument('--cpu', action='store_true')\n\
             p.add_argument('x', nargs='?')\n",
            &[
                "audio required - [] str",
                "-o,--out-dir required - [] -",
                "--steps optional -1 [] int",
                "--mode optional a [a,b] -",
                "--cpu optional - [] - flag",
                "x optional - [] -",
            ],
        );
    }

    #[test]
    fn click_decorators_are_read() {
        check_arguments(
            "import click\n@click.command()\n@click.option('--network', 'pkl', help='x', required=True)\n\
             @click.option('--fp16/--no-fp16', default=False)\n@click.option('--m', type=click.Choice(['a', 'b']))\n\
             @click.argument('src')\ndef main(pkl, fp16, m, src):\n    pass\n",
            &[
                "--network required - [] -",
                "--fp16 optional False [] - flag",
                "--m optional - [a,b] click.Choice(['a', 'b'])",
                "src required - [] -",
            ],
        );
    }

    #[test]
    fn signatures_and_dataclasses_become_arguments() {
        check_arguments(
            "import fire\ndef main(name: str, steps=4):\n    pass\nfire.Fire(main)\n",
            &["--name required - [] str", "--steps optional 4 [] -"],
        );
        check_arguments(
            "import typer\ndef main(src: str, k: int = typer.Option(3), go: bool = False):\n    pass\ntyper.run(main)\n",
            &["src required - [] str", "--k optional 3 [] int", "--go optional False [] bool flag"],
        );
        check_arguments(
            "import tyro\n@dataclass\nclass Args:\n    ckpt: str\n    size: int = field(default=8)\n\
             args = tyro.cli(Args)\n",
            &["--ckpt required - [] str", "--size optional 8 [] int"],
        );
    }

    #[test]
    fn absl_flags_are_read() {
        check_arguments(
            "from absl import flags\nflags.DEFINE_string('input', None, 'h')\nflags.DEFINE_integer('n', 3, 'h')\n\
             flags.mark_flag_as_required('input')\n",
            &["--input required - [] string", "--n optional 3 [] integer"],
        );
    }

    #[test]
    fn calls_are_named_through_their_aliases() {
        let module = parse(
            "import torch as th\nfrom subprocess import run\nth.load('a.pth')\nf(1).cuda()\nrun(['ffmpeg', x])\n",
        );
        let names: Vec<&str> = module.calls.iter().map(|call| call.name.as_str()).collect();
        assert_eq!(names, ["torch.load", ".cuda", "f", "subprocess.run"]);
        assert_eq!(module.calls[0].arguments, [Value::Text("a.pth".to_owned())]);
        assert_eq!(module.texts.iter().map(|text| text.value.as_str()).collect::<Vec<_>>(), ["a.pth"]);
    }

    fn check_programs(text: &str, expected: &[&str]) {
        let got: Vec<String> = parse(text).programs.into_iter().map(|program| program.name).collect();
        assert_eq!(got, expected, "in\n{text}");
    }

    #[test]
    fn external_programs_are_found() {
        check_programs("import subprocess, os, shutil\nsubprocess.run(['ffmpeg', '-i', x])\n", &["ffmpeg"]);
        check_programs("import os\nos.system(f'ffmpeg -i {x}')\nos.system('/usr/bin/sox ' + y)\n", &["ffmpeg", "sox"]);
        check_programs("import shutil\nshutil.which('espeak')\n", &["espeak"]);
        check_programs("import subprocess\ncmd = ['colmap', a]\nsubprocess.check_call(cmd)\n", &["colmap"]);
        check_programs("import subprocess, sys\nsubprocess.run([sys.executable, 'x.py'])\n", &[]);
    }

    #[test]
    fn additions_to_the_search_path_are_read() {
        let module = parse(
            "import sys, os\nfrom pathlib import Path\nsys.path.append('third_party')\n\
             sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))\n\
             sys.path.append(str(Path(__file__).resolve().parents[1]))\nROOT = os.path.dirname(os.path.abspath(__file__))\n\
             sys.path.append(os.path.join(ROOT, 'lib'))\n",
        );
        assert_eq!(
            module.search_paths,
            [
                SearchPath::Working("third_party".to_owned()),
                SearchPath::File("..".to_owned()),
                SearchPath::File("..".to_owned()),
                SearchPath::File("lib".to_owned()),
            ]
        );
    }

    fn check_devices(text: &str, expected: &[(DeviceUse, bool)]) {
        let got: Vec<(DeviceUse, bool)> =
            parse(text).devices.iter().map(|device| (device.what, device.chosen)).collect();
        assert_eq!(got, expected, "in\n{text}");
    }

    #[test]
    fn demands_for_a_device_are_told_from_choices() {
        use DeviceUse::{Argument, Default, Demand, Question, Setting};
        check_devices("model.cuda()\n", &[(Demand, false)]);
        check_devices(
            "x.to('cuda:0')\ndevice = 'cuda'\ntorch.zeros(1, device='cuda')\n",
            &[(Demand, false), (Setting, false), (Demand, false)],
        );
        check_devices("device = 'cuda' if torch.cuda.is_available() else 'cpu'\n", &[(Question, true)]);
        check_devices("if torch.cuda.is_available():\n    model.cuda()\n", &[(Question, false), (Demand, true)]);
        check_devices("def f(device='cuda'):\n    pass\n", &[(Default, false)]);
        check_devices("p.add_argument('--device', default='cuda')\n", &[(Argument, true)]);
        check_devices("if x.device != torch.device('cuda'):\n    pass\n", &[(Demand, true)]);
        check_devices("if not args.cpu:\n    m = m.cuda()\n", &[(Demand, true)]);
    }

    #[test]
    fn literals_are_evaluated_as_setup_files_use_them() {
        let module = parse(
            "V = '1.' + '2'\nbase = ['a', 'b']\nbase += ['c']\nbase.append('d')\nextras = {'x': base}\n\
             extras['y'] = ['z']\nsetup(name='n', version=V, install_requires=base + read('r.txt'), \
             extras_require=extras, **kw)\n",
        );
        let setup = module.calls_of("setup").next().cloned();
        let text = |t: &str| Value::Text(t.to_owned());
        let setup = setup.as_ref();
        assert_eq!(setup.and_then(|call| call.keyword("version")), Some(&text("1.2")));
        assert_eq!(
            setup.and_then(|call| call.keyword("install_requires")),
            Some(&Value::List(vec![
                text("a"),
                text("b"),
                text("c"),
                text("d"),
                Value::Unknown("read('r.txt')".to_owned())
            ]))
        );
        assert_eq!(
            setup.and_then(|call| call.keyword("extras_require")).and_then(|extras| extras.get("y")),
            Some(&Value::List(vec![text("z")]))
        );
    }

    #[test]
    fn what_grows_without_end_stays_small() {
        use std::fmt::Write as _;
        let mut text = "a = ['x']\n".to_owned();
        for _ in 0..60 {
            let _ = writeln!(text, "a = [a, a]");
        }
        parse(&text);
        for deep in ["(", "[", "-", "not ", "lambda: ", "f(", "{1: ", "x if y else ", "f'{", "a.b[", "await "] {
            parse(&deep.repeat(4000));
        }
        parse(&format!("x = {}1", "1 + ".repeat(20_000)));
        parse(&format!("x{}", ".y()".repeat(20_000)));
        let nested = (0..300).fold(String::new(), |text, i| text + &" ".repeat(i) + "if x:\n");
        parse(&nested);
    }

    #[test]
    fn standard_input_and_main_guard_are_noticed() {
        assert!(parse("import sys\nfor l in sys.stdin: pass\n").reads_stdin);
        assert!(parse("x = input('?')\n").reads_stdin);
        assert!(!parse("x = f(input)\n").reads_stdin);
        assert!(parse("if __name__ == '__main__': f()\n").has_main_guard);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC*") {
            parse(&text);
        }

        #[test]
        fn any_mix_of_python_is_survived(parts in prop::collection::vec(prop::sample::select(vec![
            "import ", "a.b", "from ", ".", "\n", "    ", "if ", ":", "(", ")", "[", "]", "'", "\"\"\"", "f'{", "}", "=",
            "try", "except", "def ", "class ", "@", "%", "!", "é", "\u{feff}", "\0", "\\", "lambda", "print ", "**", ",",
            "sys.path.append", "add_argument", "'cuda'", ".cuda()", "\t", "\r", "1", "+", "match ", "case ",
        ]), 0..60)) {
            parse(&parts.concat());
        }
    }
}
