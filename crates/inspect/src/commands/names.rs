//! The text of a small program in, the names it uses without defining them out.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Alias, ExceptHandler, Expr, ExprContext, Parameter, Pattern, PySourceType, Stmt};

/// What a look at a program's names gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// Used before they are defined, sorted; builtins are left out.
    pub(crate) undefined: Vec<String>,
    /// Defined at the outermost level.
    pub(crate) defined: BTreeSet<String>,
    /// Parsed without an error.
    pub(crate) is_valid: bool,
    /// Says `...` where something is left to the reader.
    pub(crate) has_gap: bool,
    /// Number of statements at the outermost level that are no imports.
    pub(crate) statements: usize,
    /// Number of calls.
    pub(crate) calls: usize,
    /// Is something done with what is made? False where every call makes, loads or moves an object.
    pub(crate) acts: bool,
    /// Does the program end with a definition, so that nothing is done with it?
    pub(crate) only_defines: bool,
    /// What the last statement gives.
    pub(crate) last: Last,
}

/// What the last statement of a program gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Last {
    #[default]
    Nothing,
    /// A value to these names.
    Names(Vec<String>),
    /// A value that nobody keeps.
    Value,
}

fn last(statements: &[Stmt]) -> Last {
    let name = |target: &Expr| target.as_name_expr().map(|name| name.id.to_string());
    match statements.last() {
        Some(Stmt::Assign(assign)) => {
            let names = match assign.targets.as_slice() {
                [Expr::Tuple(tuple)] => tuple.elts.iter().map(name).collect::<Option<Vec<_>>>(),
                [target] => name(target).map(|name| vec![name]),
                _ => None,
            };
            names.map_or(Last::Nothing, |mut names| {
                names.retain(|name| name != "_");
                Last::Names(names)
            })
        }
        Some(Stmt::Expr(expression)) if !expression.value.is_string_literal_expr() => Last::Value,
        _ => Last::Nothing,
    }
}

/// Reads a program.
pub(crate) fn names(text: &str) -> Names {
    let parsed = ruff_python_parser::parse_unchecked_source(text, PySourceType::Python);
    let mut found = Names { is_valid: parsed.errors().is_empty(), only_defines: true, ..Names::default() };
    if !found.is_valid {
        return found;
    }
    found.last = last(&parsed.syntax().body);
    let mut bound: BTreeSet<&str> = BTreeSet::new();
    // Bodies of functions run later: what they use may be defined below them.
    let mut later: BTreeSet<&str> = BTreeSet::new();
    let mut undefined: BTreeSet<&str> = BTreeSet::new();
    let mut star = false;
    for statement in &parsed.syntax().body {
        let mut reader = Reader::default();
        reader.visit_stmt(statement);
        let is_definition = matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_));
        if !matches!(statement, Stmt::Import(_) | Stmt::ImportFrom(_)) {
            found.statements += 1;
            found.only_defines &= is_definition;
        }
        found.calls += reader.calls;
        found.acts |= reader.acts;
        found.has_gap |= reader.gap;
        star |= reader.star;
        if is_definition {
            later.extend(reader.used.difference(&reader.bound));
        } else {
            undefined
                .extend(reader.used.iter().filter(|name| !bound.contains(**name) && !reader.bound.contains(**name)));
        }
        bound.extend(reader.bound);
    }
    found.defined = bound.iter().map(|name| (*name).to_owned()).collect();
    undefined.extend(later.into_iter().filter(|name| !bound.contains(name)));
    if !star {
        found.undefined = undefined.into_iter().filter(|name| !BUILTINS.contains(name)).map(str::to_owned).collect();
    }
    found
}

/// Does this call do something with an object, rather than make one, load one or move it elsewhere?
fn acts(function: &Expr) -> bool {
    let begins_upper = |name: &str| name.starts_with(|c: char| c.is_uppercase());
    let makes = |name: &str| {
        matches!(
            name.trim_start_matches('_').split('_').next().unwrap_or(name),
            "build" | "create" | "load" | "from" | "init" | "make" | "open" | "set" | "to"
        )
    };
    match function {
        Expr::Name(name) => {
            let name = name.id.as_str();
            !begins_upper(name) && !makes(name) && !name.starts_with("get_")
        }
        Expr::Attribute(attribute) => {
            let name = attribute.attr.as_str();
            let of_class = attribute.value.as_name_expr().is_some_and(|value| begins_upper(value.id.as_str()));
            let moves = matches!(name, "eval" | "cuda" | "cpu" | "half" | "float" | "train" | "requires_grad_");
            !(begins_upper(name) || makes(name) || moves || of_class && name.starts_with("get_"))
        }
        _ => true,
    }
}

#[derive(Default)]
struct Reader<'a> {
    used: BTreeSet<&'a str>,
    bound: BTreeSet<&'a str>,
    calls: usize,
    acts: bool,
    gap: bool,
    star: bool,
}

impl<'a> Visitor<'a> for Reader<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                self.bound.insert(function.name.as_str());
            }
            Stmt::ClassDef(class) => {
                self.bound.insert(class.name.as_str());
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    self.bound.insert(
                        alias
                            .asname
                            .as_ref()
                            .map_or_else(|| alias.name.split('.').next().unwrap_or_default(), |name| name.as_str()),
                    );
                }
            }
            Stmt::Expr(expression) => self.gap |= expression.value.is_ellipsis_literal_expr(),
            Stmt::Assign(assignment) => self.gap |= assignment.value.is_ellipsis_literal_expr(),
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_alias(&mut self, alias: &'a Alias) {
        if alias.name.as_str() == "*" {
            self.star = true;
        } else if !alias.name.contains('.') {
            self.bound.insert(alias.asname.as_ref().unwrap_or(&alias.name).as_str());
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) if name.ctx == ExprContext::Load => {
                self.used.insert(name.id.as_str());
            }
            Expr::Name(name) => {
                self.bound.insert(name.id.as_str());
            }
            Expr::Call(call) => {
                self.calls += 1;
                self.acts |= acts(&call.func);
                self.gap |= call.arguments.args.iter().any(Expr::is_ellipsis_literal_expr)
                    || call.arguments.keywords.iter().any(|keyword| keyword.value.is_ellipsis_literal_expr());
            }
            Expr::List(list) => self.gap |= list.elts.iter().any(Expr::is_ellipsis_literal_expr),
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }

    fn visit_parameter(&mut self, parameter: &'a Parameter) {
        self.bound.insert(parameter.name.as_str());
        visitor::walk_parameter(self, parameter);
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(name) = &inner.name {
            self.bound.insert(name.as_str());
        }
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        if let Pattern::MatchAs(inner) = pattern
            && let Some(name) = &inner.name
        {
            self.bound.insert(name.as_str());
        }
        visitor::walk_pattern(self, pattern);
    }
}

/// Names that every module has.
const BUILTINS: &[&str] = &[
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BaseException",
    "EOFError",
    "Ellipsis",
    "Exception",
    "False",
    "FileExistsError",
    "FileNotFoundError",
    "IOError",
    "ImportError",
    "IndexError",
    "KeyError",
    "KeyboardInterrupt",
    "LookupError",
    "MemoryError",
    "ModuleNotFoundError",
    "NameError",
    "None",
    "NotImplemented",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "PermissionError",
    "RuntimeError",
    "StopIteration",
    "SyntaxError",
    "SystemExit",
    "TimeoutError",
    "True",
    "TypeError",
    "UnicodeDecodeError",
    "UnicodeEncodeError",
    "UserWarning",
    "ValueError",
    "Warning",
    "ZeroDivisionError",
    "__doc__",
    "__file__",
    "__import__",
    "__name__",
    "__package__",
    "abs",
    "aiter",
    "all",
    "anext",
    "any",
    "ascii",
    "bin",
    "bool",
    "breakpoint",
    "bytearray",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "compile",
    "complex",
    "delattr",
    "dict",
    "dir",
    "divmod",
    "enumerate",
    "eval",
    "exec",
    "exit",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "help",
    "hex",
    "id",
    "input",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "list",
    "locals",
    "map",
    "max",
    "memoryview",
    "min",
    "next",
    "object",
    "oct",
    "open",
    "ord",
    "pow",
    "print",
    "property",
    "quit",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "slice",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, undefined: &[&str], has_gap: bool) {
        let found = names(text);
        assert!(found.is_valid, "{text}");
        assert_eq!(
            (found.undefined, found.has_gap),
            (undefined.iter().map(|name| (*name).to_owned()).collect(), has_gap),
            "{text}"
        );
    }

    #[test]
    fn a_complete_program_leaves_nothing_undefined() {
        check(
            "import a.b\nfrom c import d as e\nx = [y for y in e(a)]\nfor i, (j, k) in x:\n    print(i, j, k)\n",
            &[],
            false,
        );
        check("def f(p, *q):\n    return g(p, q)\ndef g(*a): return h\nh = 1\nf(1)\n", &[], false);
        check(
            "with open('x') as f:\n    try:\n        f.read()\n    except OSError as error:\n        print(error)\n",
            &[],
            false,
        );
    }

    #[test]
    fn names_used_before_they_are_defined_are_told() {
        check("print(model(x))\nx = 1\n", &["model", "x"], false);
        check("from a import *\nf(x)\n", &[], false);
    }

    #[test]
    fn a_gap_is_told_and_a_slice_is_none() {
        check("x = 1\n...\n", &[], true);
        check("f = print(...)\n", &[], true);
        check("import a\na.x[..., 0]\n", &[], false);
    }

    #[test]
    fn what_does_not_parse_is_not_valid() {
        assert!(!names("print 'a'").is_valid);
        assert!(!names("f(<input>)").is_valid);
    }
}
