//! A program's files in, what its age says out: code that only runs on Python 2, and code of TensorFlow 1.

use crate::facts::{Form, PythonClaim, Requirement, Scope, Strength};
use crate::python::follow::{Followed, Program};
use crate::python::sources::has_ending;
use crate::python::{Context, Module};

/// Functions and classes that TensorFlow 2 has not, or only below `compat.v1`.
const VERSION_1: [&str; 20] = [
    "ConfigProto",
    "GPUOptions",
    "InteractiveSession",
    "Session",
    "app.run",
    "get_collection",
    "get_default_session",
    "get_variable",
    "global_variables",
    "global_variables_initializer",
    "initialize_all_variables",
    "layers.conv2d",
    "layers.dense",
    "placeholder",
    "reset_default_graph",
    "set_random_seed",
    "summary.FileWriter",
    "train.AdamOptimizer",
    "train.Saver",
    "variable_scope",
];

/// What the age of a program asks for: Pythons, and releases of what it imports.
pub(crate) fn wants(program: &Program<'_, '_>, declared: &[Requirement]) -> (Vec<PythonClaim>, Vec<Requirement>) {
    let mut pythons = Vec::new();
    let mut requirements = Vec::new();
    let needed = || program.files.iter().filter(|file| file.needed);
    let old = needed().find_map(|file| {
        let text = program.sources.tree.text(&file.path).filter(|_| has_ending(&file.path, "py"))?;
        Some((file, prints_a_statement(&file.module, text)?))
    });
    if let Some((file, line)) = old {
        let evidence = program.evidence(file, line);
        pythons.push(PythonClaim { specifier: "<3".to_owned(), strength: Strength::Hard, evidence });
    }
    // A pin says more about the release than what is called.
    let is_pinned = declared.iter().any(|requirement| {
        matches!(requirement.scope, Scope::Main | Scope::Conda)
            && requirement.name.starts_with("tensorflow")
            && requirement.spec.contains(['=', '<', '>'])
    });
    if let Some((file, line)) = needed().find_map(version_1).filter(|_| !is_pinned) {
        let evidence = program.evidence(file, line);
        requirements.push(Requirement {
            name: "tensorflow".to_owned(),
            spec: "tensorflow<2".to_owned(),
            form: Form::Index,
            scope: Scope::Hint,
            evidence: evidence.clone(),
        });
        // https://www.tensorflow.org/install/source#cpu
        pythons.push(PythonClaim { specifier: "<3.8".to_owned(), strength: Strength::Hard, evidence });
    }
    (pythons, requirements)
}

/// The first line with a `print` of Python 2, in a file that does not parse as Python 3.
fn prints_a_statement(module: &Module, text: &str) -> Option<usize> {
    if module.errors == 0 {
        return None;
    }
    let is_statement = |line: &str| {
        let Some(rest) = line.trim_start().strip_prefix("print ") else { return false };
        let rest = rest.trim_start();
        rest.starts_with(['"', '\'', '%'])
            || rest.starts_with(|c: char| c.is_alphabetic() || c == '_') && !rest.contains(" = ")
    };
    // Words of a text are no code: a sentence would have to be more than one line of this kind, and quoted.
    let mut quoted = false;
    for (at, line) in text.lines().enumerate() {
        let quotes = line.matches("\"\"\"").count() + line.matches("'''").count();
        if !quoted && quotes == 0 && is_statement(line) {
            return Some(at + 1);
        }
        quoted ^= quotes % 2 == 1;
    }
    None
}

/// The file and the line that only TensorFlow 1 understands.
fn version_1(file: &Followed) -> Option<(&Followed, usize)> {
    let module = &file.module;
    let contrib = module.imports.iter().find(|import| {
        matches!(import.context, Context::Plain | Context::Main)
            && (import.module.starts_with("tensorflow.contrib")
                || import.module == "tensorflow" && import.names.iter().any(|name| name == "contrib"))
    });
    if let Some(import) = contrib {
        return Some((file, import.line));
    }
    // Code that knows both asks for the one that it has.
    if module.mentions("compat") || module.mentions("disable_v2_behavior") || module.mentions("__version__") {
        return None;
    }
    let mut found = module.calls.iter().filter(|call| {
        let name = call.name.strip_prefix("tensorflow.").unwrap_or_default();
        name.starts_with("contrib.") || VERSION_1.contains(&name)
    });
    let first = found.next()?;
    let is_telling = first.name.contains(".contrib.") || found.any(|other| other.name != first.name);
    is_telling.then_some((file, first.line))
}

#[cfg(test)]
mod tests {
    use crate::{Strength, Tree, inspect};

    fn check(code: &str, pythons: &[(&str, Strength)], specs: &[&str]) {
        let readme = "# X\n\n## Usage\n\n```sh\npython main.py\n```\n";
        let facts = inspect(&Tree::from_texts([("README.md", readme), ("main.py", code)]));
        let found: Vec<_> = facts.pythons.iter().map(|claim| (claim.specifier.as_str(), claim.strength)).collect();
        assert_eq!(found, pythons, "{code}");
        let found: Vec<_> = facts.requirements.iter().map(|requirement| requirement.spec.as_str()).collect();
        assert_eq!(found, specs, "{code}");
    }

    #[test]
    fn prints_without_brackets_ask_for_python_2() {
        check("import os\nprint 'walk', os.name\n", &[("<3", Strength::Hard)], &[]);
        check("import os\nprint('walk', os.name)\n", &[], &[]);
        check("'''\nprint everything\n'''\nprint(1)\n", &[], &[]);
    }

    #[test]
    fn calls_of_tensorflow_1_ask_for_it_and_its_python() {
        let old = [("<3.8", Strength::Hard)];
        check("import tensorflow as tf\nx = tf.placeholder(1)\ns = tf.Session()\n", &old, &["tensorflow<2"]);
        check("import tensorflow.contrib.slim as slim\nslim.f()\n", &old, &["tensorflow<2"]);
        check("import tensorflow.compat.v1 as tf\nx = tf.placeholder(1)\ns = tf.Session()\n", &[], &[]);
        check("import tensorflow as tf\nx = tf.ones(1)\n", &[], &[]);
    }
}
