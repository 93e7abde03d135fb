//! `setup.py` in; requirements, the project and statements about Python out.
//!
//! The file is parsed, never run. A small evaluator follows what people do there: literals, names, list arithmetic,
//! helper functions that read `requirements.txt`. What it cannot follow is unknown, and unknown stays unsaid. The target
//! is taken to be Linux and a current Python 3, so that branches for Windows or Python 2 are not followed.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    self as ast, BoolOp, CmpOp, Expr, InterpolatedStringElement, Operator, PySourceType, Stmt, UnaryOp,
};
use ruff_text_size::Ranged;

use super::layout::Layout;
use super::pyproject::{classifier_claim, native_of};
use super::requirements::{Entry, normalise};
use super::{Sink, join, parent_folder};
use crate::facts::{Evidence, Native, Project, Scope, Strength};
use crate::tree::Tree;

/// Steps after which a file is taken to be beyond us.
const BUDGET: u32 = 40_000;
/// Nesting of calls and expressions that is followed.
const DEPTH: u32 = 40;
/// Length of a text or list beyond which it is not built further.
const SIZE: usize = 200_000;

/// Reads the `setup.py` of a project's folder. Says whether it calls `setup`.
pub(crate) fn read(sink: &mut Sink<'_>, project: &mut Project, layout: &mut Layout, scope: &Scope) -> bool {
    let path = if project.folder.is_empty() { "setup.py".to_owned() } else { format!("{}/setup.py", project.folder) };
    let tree = sink.tree;
    let Some(text) = tree.text(&path) else { return false };
    let parsed = ruff_python_parser::parse_unchecked_source(text, PySourceType::Python);
    let lines = LineStarts::new(text);
    if let Some(error) = parsed.errors().first() {
        let line = lines.line(error.location.start().to_usize());
        sink.finding(
            "setup-unreadable",
            format!("`{path}` is not valid Python 3: {}", error.error),
            None,
            Evidence::new(path.as_str(), line, text.lines().nth(line.saturating_sub(1)).unwrap_or_default()),
        );
    }
    let body = &parsed.syntax().body;
    let mut survey = Survey::default();
    survey.visit_body(body);
    let mut evaluator = Evaluator {
        tree,
        folder: project.folder.clone(),
        path: Rc::from(path.as_str()),
        lines: &lines,
        scopes: vec![BTreeMap::new()],
        functions: BTreeMap::new(),
        yields: Vec::new(),
        setup: None,
        budget: BUDGET,
        depth: 0,
    };
    evaluator.run(body);
    if evaluator.setup.is_none()
        && let Some(call) = survey.setup_call
    {
        evaluator.record_setup(call);
    }
    let Some(arguments) = evaluator.setup.take() else { return false };
    project.evidence.get_or_insert_with(|| Evidence::new(path.as_str(), 0, ""));
    let report = Report { path: &path, text, scope };
    report.fill(sink, project, layout, &arguments, &survey);
    survey.fill(project, tree);
    true
}

/// Offsets at which lines start.
struct LineStarts(Vec<usize>);

impl LineStarts {
    fn new(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// The line (from 1) of an offset.
    fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset)
    }
}

/// What a setup file names, whatever its control flow.
#[derive(Default)]
struct Survey<'a> {
    setup_call: Option<&'a ast::ExprCall>,
    imports: BTreeSet<String>,
    /// Names used anywhere, which tells of extension classes and version tools.
    names: BTreeSet<&'a str>,
    literals: Vec<String>,
    cuda_extensions: Vec<String>,
    extensions: BTreeSet<String>,
    guarded: u32,
}

impl<'a> Visitor<'a> for Survey<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(import) if self.guarded == 0 => {
                for alias in &import.names {
                    self.imports.extend(alias.name.split('.').next().map(str::to_owned));
                }
            }
            Stmt::ImportFrom(import) if self.guarded == 0 && import.level == 0 => {
                if let Some(module) = &import.module {
                    self.imports.extend(module.split('.').next().map(str::to_owned));
                }
            }
            _ => {}
        }
        // An import in `try` with a handler is one that the setup can do without.
        let guarded = matches!(statement, Stmt::Try(block) if !block.handlers.is_empty());
        self.guarded += u32::from(guarded);
        visitor::walk_stmt(self, statement);
        self.guarded -= u32::from(guarded);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Call(call) if last_name(&call.func) == Some("setup") => {
                self.setup_call = Some(call);
            }
            Expr::Call(call) if last_name(&call.func) == Some("CUDAExtension") => {
                let name = call.arguments.find_argument_value("name", 0).and_then(Expr::as_string_literal_expr);
                self.cuda_extensions.extend(name.map(|name| name.value.to_str().to_owned()));
            }
            Expr::Call(call) if last_name(&call.func).is_some_and(|name| name.ends_with("Extension")) => {
                let name = call.arguments.find_argument_value("name", 0).and_then(Expr::as_string_literal_expr);
                let top = name.and_then(|name| name.value.to_str().split('.').next());
                self.extensions.extend(top.map(str::to_owned));
            }
            Expr::Name(name) => {
                self.names.insert(name.id.as_str());
            }
            Expr::Attribute(attribute) => {
                self.names.insert(attribute.attr.as_str());
            }
            Expr::StringLiteral(literal) => {
                let text = literal.value.to_str();
                if text.len() < 200 {
                    self.literals.push(text.to_owned());
                }
            }
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }
}

/// Modules that every Python (or setuptools itself) brings, as far as setup files import them.
const BROUGHT: &[&str] = &[
    "__future__",
    "_winapi",
    "argparse",
    "ast",
    "atexit",
    "builtins",
    "codecs",
    "collections",
    "configparser",
    "contextlib",
    "copy",
    "ctypes",
    "datetime",
    "distutils",
    "email",
    "enum",
    "errno",
    "fnmatch",
    "functools",
    "getpass",
    "glob",
    "gzip",
    "hashlib",
    "imp",
    "importlib",
    "inspect",
    "io",
    "itertools",
    "json",
    "locale",
    "logging",
    "multiprocessing",
    "operator",
    "os",
    "pathlib",
    "pip",
    "pkg_resources",
    "pkgutil",
    "platform",
    "pprint",
    "random",
    "re",
    "runpy",
    "setuptools",
    "shlex",
    "shutil",
    "site",
    "socket",
    "ssl",
    "stat",
    "string",
    "struct",
    "subprocess",
    "sys",
    "sysconfig",
    "tarfile",
    "tempfile",
    "textwrap",
    "threading",
    "time",
    "tokenize",
    "tomllib",
    "traceback",
    "types",
    "typing",
    "unittest",
    "urllib",
    "urllib2",
    "uuid",
    "warnings",
    "wheel",
    "xml",
    "zipfile",
];

impl Survey<'_> {
    /// Fills in native languages, imports and the origin of the version.
    fn fill(&self, project: &mut Project, tree: &Tree) {
        let has = |name: &str| self.names.contains(name);
        let folder = if project.folder.is_empty() { String::new() } else { format!("{}/", project.folder) };
        for import in &self.imports {
            let local =
                tree.contains(&format!("{folder}{import}.py")) || tree.contains_folder(&format!("{folder}{import}"));
            if !local && !BROUGHT.contains(&import.as_str()) && !project.setup_imports.contains(import) {
                project.setup_imports.push(import.clone());
            }
        }
        let extension = [
            "Extension",
            "CUDAExtension",
            "CppExtension",
            "Pybind11Extension",
            "cythonize",
            "BuildExtension",
            "CMakeExtension",
            "CMakeBuild",
            "RustExtension",
        ];
        if extension.iter().any(|name| has(name)) {
            let compiled = self.literals.iter().filter_map(|literal| native_of(literal));
            project.native.extend(compiled);
            for (name, native) in [
                ("CUDAExtension", Native::Cuda),
                ("CUDAExtension", Native::Cxx),
                ("CppExtension", Native::Cxx),
                ("Pybind11Extension", Native::Cxx),
                ("cythonize", Native::Cython),
                ("CMakeExtension", Native::Cmake),
                ("CMakeBuild", Native::Cmake),
                ("RustExtension", Native::Rust),
            ] {
                if has(name) {
                    project.native.insert(native);
                }
            }
            if project.native.is_empty() && has("Extension") {
                project.native.insert(Native::C);
            }
        }
        project.cuda_extensions.extend(self.cuda_extensions.iter().cloned());
        project.extensions.extend(self.extensions.iter().filter(|name| is_identifier(name)).cloned());
        if self.imports.contains("skbuild") {
            project.native.insert(Native::Cmake);
        }
        project.version_from_vcs |= has("use_scm_version")
            || has("versioneer")
            || has("pbr")
            || self.literals.iter().any(|text| text == "setuptools_scm" || text == "pbr");
    }
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic() || c == '_') && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// The last name of `setup`, `setuptools.setup`, `distutils.core.setup`.
fn last_name(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(attribute) => Some(attribute.attr.as_str()),
        _ => None,
    }
}

/// Where a text was written.
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "a text is what it is")]
struct Text {
    text: Rc<str>,
    path: Rc<str>,
    line: usize,
}

#[derive(Debug, Clone)]
enum Value {
    Text(Text),
    List(Vec<Value>),
    Dict(Vec<(String, Value)>),
    /// An open file, by its path as written.
    File(String),
    Bool(bool),
    Numbers(Vec<i64>),
    /// `find_packages(…)` with the folder it searches.
    Found(String),
    Nothing,
    Unknown,
}

impl Value {
    /// All texts in it, in order.
    fn texts(&self) -> Vec<&Text> {
        match self {
            Self::Text(text) => vec![text],
            Self::List(items) => items.iter().flat_map(Self::texts).collect(),
            _ => Vec::new(),
        }
    }

    fn truth(&self) -> Option<bool> {
        match self {
            Self::Text(text) => Some(!text.text.is_empty()),
            Self::List(items) => Some(!items.is_empty()),
            Self::Dict(items) => Some(!items.is_empty()),
            Self::Bool(truth) => Some(*truth),
            Self::Nothing => Some(false),
            Self::Numbers(numbers) => Some(numbers.iter().any(|number| *number != 0)),
            Self::File(_) => Some(true),
            Self::Found(_) | Self::Unknown => None,
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.text.len(),
            Self::List(items) => items.len(),
            _ => 1,
        }
    }
}

/// Arguments of the `setup` call.
type Arguments = Vec<(String, Value, usize)>;

/// What a statement does to the flow.
enum Flow {
    On,
    Return(Value),
    Continue,
    Break,
}

struct Evaluator<'a, 't> {
    tree: &'t Tree,
    folder: String,
    path: Rc<str>,
    lines: &'a LineStarts,
    scopes: Vec<BTreeMap<String, Value>>,
    functions: BTreeMap<String, &'a ast::StmtFunctionDef>,
    /// What the generator functions that are being followed have given so far.
    yields: Vec<Vec<Value>>,
    setup: Option<Arguments>,
    budget: u32,
    depth: u32,
}

impl<'a> Evaluator<'a, '_> {
    /// Counts a step; false when the budget is spent.
    fn step(&mut self) -> bool {
        self.budget = self.budget.saturating_sub(1);
        self.budget > 0
    }

    fn text(&self, text: impl Into<Rc<str>>, at: &impl Ranged) -> Value {
        Value::Text(Text {
            text: text.into(),
            path: Rc::clone(&self.path),
            line: self.lines.line(at.start().to_usize()),
        })
    }

    fn look_up(&self, name: &str) -> Option<&Value> {
        self.scopes
            .last()
            .and_then(|scope| scope.get(name))
            .or_else(|| self.scopes.first().and_then(|scope| scope.get(name)))
    }

    fn variable(&mut self, name: &str) -> Option<&mut Value> {
        let local = self.scopes.last().is_some_and(|scope| scope.contains_key(name));
        let scope = if local { self.scopes.last_mut() } else { self.scopes.first_mut() };
        scope.and_then(|scope| scope.get_mut(name))
    }

    fn bind(&mut self, target: &'a Expr, value: Value) {
        match target {
            Expr::Name(name) => {
                if let Some(scope) = self.scopes.last_mut() {
                    scope.insert(name.id.to_string(), value);
                }
            }
            Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => {
                let mut values = if let Value::List(values) = value { values } else { Vec::new() }.into_iter();
                for target in elts {
                    self.bind(target, values.next().unwrap_or(Value::Unknown));
                }
            }
            Expr::Subscript(subscript) => {
                let key = self.evaluate(&subscript.slice);
                if let (Expr::Name(name), Value::Text(key)) = (&*subscript.value, key)
                    && let Some(Value::Dict(items)) = self.variable(name.id.as_str())
                {
                    items.retain(|(known, _)| **known != *key.text);
                    items.push((key.text.to_string(), value));
                }
            }
            _ => {}
        }
    }

    fn run(&mut self, body: &'a [Stmt]) -> Flow {
        for statement in body {
            if !self.step() {
                return Flow::On;
            }
            match self.execute(statement) {
                Flow::On => {}
                flow => return flow,
            }
        }
        Flow::On
    }

    fn execute(&mut self, statement: &'a Stmt) -> Flow {
        if self.depth > DEPTH {
            return Flow::On;
        }
        self.depth += 1;
        let flow = self.execute_inner(statement);
        self.depth -= 1;
        flow
    }

    fn execute_inner(&mut self, statement: &'a Stmt) -> Flow {
        match statement {
            Stmt::FunctionDef(function) => {
                self.functions.insert(function.name.to_string(), function);
            }
            Stmt::Assign(assign) => {
                let value = self.evaluate(&assign.value);
                for target in &assign.targets {
                    self.bind(target, value.clone());
                }
            }
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    let value = self.evaluate(value);
                    self.bind(&assign.target, value);
                }
            }
            Stmt::AugAssign(assign) if assign.op == Operator::Add => {
                let before = self.evaluate(&assign.target);
                let after = self.evaluate(&assign.value);
                let sum = add(before, after, Rc::clone(&self.path));
                self.bind(&assign.target, sum);
            }
            Stmt::Expr(expression) => {
                self.evaluate(&expression.value);
            }
            Stmt::Return(value) => {
                let value = value.value.as_ref().map_or(Value::Nothing, |value| self.evaluate(value));
                return Flow::Return(value);
            }
            Stmt::Continue(_) => return Flow::Continue,
            Stmt::Break(_) => return Flow::Break,
            Stmt::If(branch) => return self.branch(branch),
            Stmt::With(block) => {
                for item in &block.items {
                    let value = self.evaluate(&item.context_expr);
                    if let Some(target) = &item.optional_vars {
                        self.bind(target, value);
                    }
                }
                return self.run(&block.body);
            }
            Stmt::For(block) => {
                let items = self.evaluate(&block.iter);
                for item in self.iterate(items) {
                    self.bind(&block.target, item);
                    match self.run(&block.body) {
                        Flow::Return(value) => return Flow::Return(value),
                        Flow::Break => break,
                        Flow::On | Flow::Continue => {}
                    }
                    if self.budget == 0 {
                        break;
                    }
                }
            }
            Stmt::Try(block) => {
                match self.run(&block.body) {
                    Flow::On => {}
                    flow => return flow,
                }
                match self.run(&block.orelse) {
                    Flow::On => {}
                    flow => return flow,
                }
                return self.run(&block.finalbody);
            }
            _ => {}
        }
        Flow::On
    }

    /// Follows the branch that is known to be taken, or all of them where that is unknown.
    fn branch(&mut self, branch: &'a ast::StmtIf) -> Flow {
        let mut arms: Vec<(Option<&'a Expr>, &'a [Stmt])> = vec![(Some(&branch.test), &branch.body)];
        arms.extend(branch.elif_else_clauses.iter().map(|clause| (clause.test.as_ref(), clause.body.as_slice())));
        for (test, body) in arms {
            let truth = test.map_or(Some(true), |test| self.evaluate(test).truth());
            match truth {
                Some(true) => return self.run(body),
                Some(false) => {}
                None => match self.run(body) {
                    // What an uncertain branch returns counts only where it says something.
                    Flow::Return(value) if !value.texts().is_empty() => return Flow::Return(value),
                    _ => {}
                },
            }
        }
        Flow::On
    }

    fn iterate(&self, value: Value) -> Vec<Value> {
        match value {
            Value::List(items) => items,
            Value::File(path) => self.file_lines(&path),
            Value::Dict(items) => items.into_iter().map(|(key, _)| self.plain(&key)).collect(),
            _ => Vec::new(),
        }
    }

    /// A text whose place does not matter.
    fn plain(&self, text: &str) -> Value {
        Value::Text(Text { text: Rc::from(text), path: Rc::clone(&self.path), line: 0 })
    }

    /// The file of the tree that a path in this setup means.
    fn resolve(&self, path: &str) -> Option<String> {
        join(&self.folder, path.trim_start_matches('/')).filter(|path| self.tree.contains(path))
    }

    fn file_text(&self, path: &str) -> Value {
        let Some((path, text)) =
            self.resolve(path).and_then(|path| Some((self.tree.text(&path)?, path)).map(|(t, p)| (p, t)))
        else {
            return Value::Unknown;
        };
        if text.len() > SIZE {
            return Value::Unknown;
        }
        Value::Text(Text { text: Rc::from(text), path: Rc::from(path.as_str()), line: 1 })
    }

    fn file_lines(&self, path: &str) -> Vec<Value> {
        match self.file_text(path) {
            Value::Text(text) => split_lines(&text),
            _ => Vec::new(),
        }
    }

    fn evaluate(&mut self, expression: &'a Expr) -> Value {
        if !self.step() || self.depth > DEPTH {
            return Value::Unknown;
        }
        self.depth += 1;
        let value = self.evaluate_inner(expression);
        self.depth -= 1;
        if value.size() > SIZE { Value::Unknown } else { value }
    }

    fn evaluate_inner(&mut self, expression: &'a Expr) -> Value {
        match expression {
            Expr::StringLiteral(literal) => self.text(literal.value.to_str(), literal),
            Expr::FString(format) => self.format(format),
            Expr::BooleanLiteral(literal) => Value::Bool(literal.value),
            Expr::NoneLiteral(_) => Value::Nothing,
            Expr::NumberLiteral(literal) => match &literal.value {
                ast::Number::Int(number) => {
                    number.as_i64().map_or(Value::Unknown, |number| Value::Numbers(vec![number]))
                }
                _ => Value::Unknown,
            },
            Expr::Tuple(ast::ExprTuple { elts, .. })
            | Expr::List(ast::ExprList { elts, .. })
            | Expr::Set(ast::ExprSet { elts, .. }) => {
                let mut items = Vec::new();
                for element in elts {
                    if let Expr::Starred(starred) = element {
                        let value = self.evaluate(&starred.value);
                        items.extend(self.iterate(value));
                    } else {
                        items.push(self.evaluate(element));
                    }
                }
                // `(3, 8)` is compared with the interpreter's version.
                let numbers: Option<Vec<i64>> = items
                    .iter()
                    .map(|item| match item {
                        Value::Numbers(numbers) => numbers.first().copied().filter(|_| numbers.len() == 1),
                        _ => None,
                    })
                    .collect();
                match numbers {
                    Some(numbers) if !numbers.is_empty() => Value::Numbers(numbers),
                    _ => Value::List(items),
                }
            }
            Expr::Dict(dict) => {
                let mut items: Vec<(String, Value)> = Vec::new();
                for item in &dict.items {
                    let value = self.evaluate(&item.value);
                    match item.key.as_ref().map(|key| self.evaluate(key)) {
                        Some(Value::Text(key)) => items.push((key.text.to_string(), value)),
                        None => {
                            if let Value::Dict(more) = value {
                                items.extend(more);
                            }
                        }
                        _ => {}
                    }
                }
                Value::Dict(items)
            }
            Expr::Name(name) => match name.id.as_str() {
                "__file__" => self.plain("setup.py"),
                "__name__" => self.plain("__main__"),
                name => self.look_up(name).cloned().unwrap_or(Value::Unknown),
            },
            Expr::Attribute(attribute) => self.attribute(attribute),
            Expr::Subscript(subscript) => self.subscript(subscript),
            Expr::BinOp(operation) => {
                let left = self.evaluate(&operation.left);
                let right = self.evaluate(&operation.right);
                match operation.op {
                    Operator::Add => add(left, right, Rc::clone(&self.path)),
                    Operator::Div => join_paths([left, right], self),
                    Operator::BitOr => match (left, right) {
                        (Value::Dict(mut left), Value::Dict(right)) => {
                            left.extend(right);
                            Value::Dict(left)
                        }
                        (left, right) => add(left, right, Rc::clone(&self.path)),
                    },
                    Operator::Mod => match (left, right) {
                        (Value::Text(left), Value::Text(right)) if left.text.matches("%s").count() == 1 => {
                            Value::Text(Text { text: Rc::from(left.text.replace("%s", &right.text)), ..left })
                        }
                        _ => Value::Unknown,
                    },
                    _ => Value::Unknown,
                }
            }
            Expr::UnaryOp(operation) if operation.op == UnaryOp::Not => {
                self.evaluate(&operation.operand).truth().map_or(Value::Unknown, |truth| Value::Bool(!truth))
            }
            Expr::BoolOp(operation) => self.logic(operation),
            Expr::Compare(comparison) => self.compare(comparison).map_or(Value::Unknown, Value::Bool),
            Expr::If(choice) => match self.evaluate(&choice.test).truth() {
                Some(true) => self.evaluate(&choice.body),
                Some(false) => self.evaluate(&choice.orelse),
                None => match self.evaluate(&choice.body) {
                    Value::Unknown | Value::Nothing => self.evaluate(&choice.orelse),
                    value => value,
                },
            },
            Expr::ListComp(ast::ExprListComp { elt, generators, .. })
            | Expr::SetComp(ast::ExprSetComp { elt, generators, .. })
            | Expr::Generator(ast::ExprGenerator { elt, generators, .. }) => {
                let mut items = Vec::new();
                self.comprehend(elt, generators, &mut items);
                Value::List(items)
            }
            Expr::DictComp(dict) => {
                let mut items = Vec::new();
                if let (Some(key), [generator]) = (&dict.key, dict.generators.as_slice()) {
                    let source = match self.evaluate(&generator.iter) {
                        Value::Dict(pairs) => pairs.into_iter().map(|(key, _)| self.plain(&key)).collect(),
                        value => self.iterate(value),
                    };
                    for item in source {
                        self.bind(&generator.target, item);
                        if let Value::Text(key) = self.evaluate(key) {
                            let value = self.evaluate(&dict.value);
                            items.push((key.text.to_string(), value));
                        }
                    }
                }
                Value::Dict(items)
            }
            Expr::Yield(given) => {
                let value = given.value.as_ref().map_or(Value::Nothing, |value| self.evaluate(value));
                if let Some(yields) = self.yields.last_mut() {
                    yields.push(value);
                }
                Value::Unknown
            }
            Expr::YieldFrom(given) => {
                let value = self.evaluate(&given.value);
                let items = self.iterate(value);
                if let Some(yields) = self.yields.last_mut() {
                    yields.extend(items);
                }
                Value::Unknown
            }
            Expr::Named(named) => {
                let value = self.evaluate(&named.value);
                self.bind(&named.target, value.clone());
                value
            }
            Expr::Call(call) => self.call(call),
            _ => Value::Unknown,
        }
    }

    fn format(&mut self, format: &'a ast::ExprFString) -> Value {
        let mut joined = String::new();
        for part in &format.value {
            match part {
                ast::FStringPart::Literal(literal) => joined.push_str(&literal.value),
                ast::FStringPart::FString(inner) => {
                    for element in &inner.elements {
                        match element {
                            InterpolatedStringElement::Literal(literal) => joined.push_str(&literal.value),
                            InterpolatedStringElement::Interpolation(hole) => match self.evaluate(&hole.expression) {
                                Value::Text(text) => joined.push_str(&text.text),
                                _ => return Value::Unknown,
                            },
                        }
                    }
                }
            }
        }
        self.text(joined, format)
    }

    fn attribute(&mut self, attribute: &'a ast::ExprAttribute) -> Value {
        let name = attribute.attr.as_str();
        if let Expr::Name(module) = &*attribute.value {
            match (module.id.as_str(), name) {
                ("sys", "platform") => return self.plain("linux"),
                ("os", "name") => return self.plain("posix"),
                ("os", "sep") => return self.plain("/"),
                ("os", "linesep") => return self.plain("\n"),
                ("os", "curdir") => return self.plain("."),
                ("sys", "version_info") => return Value::Numbers(vec![3, 10, 0]),
                _ => {}
            }
        }
        let value = self.evaluate(&attribute.value);
        match (value, name) {
            (Value::Text(text), "parent") => self.plain(parent_folder(&text.text)),
            // A parsed requirement is known by its text.
            (Value::Text(text), "req" | "requirement" | "name" | "project_name" | "key") => Value::Text(text),
            (Value::Numbers(numbers), "major" | "minor") => {
                let at = usize::from(name == "minor");
                numbers.get(at).map_or(Value::Unknown, |number| Value::Numbers(vec![*number]))
            }
            _ => Value::Unknown,
        }
    }

    fn subscript(&mut self, subscript: &'a ast::ExprSubscript) -> Value {
        let value = self.evaluate(&subscript.value);
        if let Expr::Slice(slice) = &*subscript.slice {
            return match value {
                Value::Numbers(numbers) => {
                    let upper = slice.upper.as_ref().map(|upper| self.evaluate(upper));
                    match upper {
                        Some(Value::Numbers(upper)) => {
                            let end = upper.first().and_then(|end| usize::try_from(*end).ok()).unwrap_or(numbers.len());
                            Value::Numbers(numbers.into_iter().take(end).collect())
                        }
                        _ => Value::Unknown,
                    }
                }
                Value::List(items) => Value::List(items),
                _ => Value::Unknown,
            };
        }
        let key = self.evaluate(&subscript.slice);
        match (value, key) {
            (Value::Dict(items), Value::Text(key)) => items
                .into_iter()
                .rev()
                .find(|(known, _)| **known == *key.text)
                .map_or(Value::Unknown, |(_, value)| value),
            (Value::List(items), Value::Numbers(at)) => at
                .first()
                .and_then(|at| usize::try_from(*at).ok())
                .and_then(|at| items.get(at).cloned())
                .unwrap_or(Value::Unknown),
            (Value::Numbers(numbers), Value::Numbers(at)) => at
                .first()
                .and_then(|at| usize::try_from(*at).ok())
                .and_then(|at| numbers.get(at).copied())
                .map_or(Value::Unknown, |number| Value::Numbers(vec![number])),
            _ => Value::Unknown,
        }
    }

    fn logic(&mut self, operation: &'a ast::ExprBoolOp) -> Value {
        let stop = operation.op == BoolOp::Or;
        let mut last = Value::Unknown;
        let mut unknown = false;
        for value in &operation.values {
            last = self.evaluate(value);
            match last.truth() {
                Some(truth) if truth == stop && !(unknown && stop) => return last,
                Some(_) => {}
                None => unknown = true,
            }
        }
        if unknown { Value::Unknown } else { last }
    }

    fn compare(&mut self, comparison: &'a ast::ExprCompare) -> Option<bool> {
        let left = self.evaluate(&comparison.left);
        let (operator, right) = match (&*comparison.ops, &*comparison.comparators) {
            ([operator], [right]) => (operator, self.evaluate(right)),
            _ => return None,
        };
        match (left, right) {
            (Value::Numbers(left), Value::Numbers(right)) => Some(match operator {
                CmpOp::Lt => left < right,
                CmpOp::LtE => left <= right,
                CmpOp::Gt => left > right,
                CmpOp::GtE => left >= right,
                CmpOp::Eq => left == right,
                CmpOp::NotEq => left != right,
                _ => return None,
            }),
            (Value::Text(left), Value::Text(right)) => Some(match operator {
                CmpOp::Eq | CmpOp::Is => left.text == right.text,
                CmpOp::NotEq | CmpOp::IsNot => left.text != right.text,
                CmpOp::In => right.text.contains(&*left.text),
                CmpOp::NotIn => !right.text.contains(&*left.text),
                _ => return None,
            }),
            (Value::Text(left), Value::List(items)) => {
                let known = items.iter().all(|item| matches!(item, Value::Text(_)));
                let holds = items.iter().any(|item| matches!(item, Value::Text(text) if text.text == left.text));
                match operator {
                    CmpOp::In => (known || holds).then_some(holds),
                    CmpOp::NotIn => (known || holds).then_some(!holds),
                    _ => None,
                }
            }
            (Value::Nothing, Value::Nothing) => Some(matches!(operator, CmpOp::Eq | CmpOp::Is)),
            (Value::Nothing, Value::Text(_) | Value::List(_)) | (Value::Text(_) | Value::List(_), Value::Nothing) => {
                Some(matches!(operator, CmpOp::NotEq | CmpOp::IsNot))
            }
            _ => None,
        }
    }

    fn comprehend(&mut self, element: &'a Expr, generators: &'a [ast::Comprehension], items: &mut Vec<Value>) {
        let Some((first, rest)) = generators.split_first() else { return };
        let source = self.evaluate(&first.iter);
        for item in self.iterate(source) {
            if self.budget == 0 || items.len() > SIZE {
                return;
            }
            self.bind(&first.target, item.clone());
            // A test that is beyond us keeps the item.
            if first.ifs.iter().any(|test| self.evaluate(test).truth() == Some(false)) {
                continue;
            }
            if rest.is_empty() {
                items.push(match self.evaluate(element) {
                    Value::Unknown => item,
                    value => value,
                });
            } else {
                self.comprehend(element, rest, items);
            }
        }
    }

    /// Evaluates the arguments of `setup(…)` and keeps those of the last call.
    fn record_setup(&mut self, call: &'a ast::ExprCall) {
        let mut arguments = Arguments::new();
        for keyword in &call.arguments.keywords {
            let line = self.lines.line(keyword.start().to_usize());
            let value = self.evaluate(&keyword.value);
            match (&keyword.arg, value) {
                (Some(name), value) => arguments.push((name.to_string(), value, line)),
                (None, Value::Dict(items)) => {
                    arguments.extend(items.into_iter().map(|(key, value)| (key, value, line)));
                }
                (None, _) => {}
            }
        }
        self.setup = Some(arguments);
    }

    fn call(&mut self, call: &'a ast::ExprCall) -> Value {
        let name = last_name(&call.func).unwrap_or_default();
        if let Expr::Name(_) = &*call.func
            && let Some(function) = self.functions.get(name).copied()
        {
            return self.call_function(function, call);
        }
        if name == "setup" {
            self.record_setup(call);
            return Value::Nothing;
        }
        if let Expr::Attribute(attribute) = &*call.func
            && let Some(value) = self.method(attribute, call)
        {
            return value;
        }
        let mut arguments: Vec<Value> = Vec::new();
        for argument in &call.arguments.args {
            if let Expr::Starred(starred) = argument {
                let value = self.evaluate(&starred.value);
                arguments.extend(self.iterate(value));
            } else {
                arguments.push(self.evaluate(argument));
            }
        }
        let first = arguments.first().cloned().unwrap_or(Value::Unknown);
        match name {
            "open" => match first {
                Value::Text(path) => Value::File(path.text.to_string()),
                _ => Value::Unknown,
            },
            "join" => join_paths(arguments, self),
            "abspath" | "realpath" | "normpath" | "expanduser" | "Path" | "PurePath" | "str" | "Requirement"
            | "convert_path" | "deepcopy" | "copy" => first,
            "dirname" => match first {
                Value::Text(path) => self.plain(parent_folder(&path.text)),
                _ => self.plain(""),
            },
            "basename" => match first {
                Value::Text(path) => self.plain(path.text.rsplit('/').next().unwrap_or_default()),
                _ => Value::Unknown,
            },
            "exists" | "isfile" => match first {
                Value::Text(path) => Value::Bool(self.resolve(&path.text).is_some()),
                _ => Value::Unknown,
            },
            "system" => self.plain("Linux"),
            "machine" => self.plain("x86_64"),
            "getenv" => arguments.get(1).cloned().unwrap_or(Value::Nothing),
            "list" | "tuple" | "set" | "sorted" | "reversed" | "iter" | "fromkeys" | "frozenset" => {
                if call.arguments.args.is_empty() {
                    return Value::List(Vec::new());
                }
                match first {
                    Value::Unknown => Value::Unknown,
                    value => Value::List(self.iterate(value)),
                }
            }
            "filter" => {
                let items = arguments.get(1).cloned().unwrap_or(Value::Unknown);
                Value::List(self.iterate(items).into_iter().filter(|item| item.truth() != Some(false)).collect())
            }
            "map" => {
                let items = arguments.get(1).cloned().unwrap_or(Value::Unknown);
                Value::List(self.iterate(items))
            }
            "sum" | "chain" | "from_iterable" => {
                let items = if name == "chain" { Value::List(arguments) } else { first };
                let mut flat = Vec::new();
                for item in self.iterate(items) {
                    flat.extend(self.iterate(item));
                }
                Value::List(flat)
            }
            "dict" => {
                let mut items = if let Value::Dict(items) = first { items } else { Vec::new() };
                for keyword in &call.arguments.keywords {
                    let value = self.evaluate(&keyword.value);
                    match (&keyword.arg, value) {
                        (Some(name), value) => items.push((name.to_string(), value)),
                        (None, Value::Dict(more)) => items.extend(more),
                        (None, _) => {}
                    }
                }
                Value::Dict(items)
            }
            "parse_requirements" | "load_requirements" => match first {
                Value::Text(path) if self.resolve(&path.text).is_some() => Value::List(self.file_lines(&path.text)),
                Value::Text(text) => Value::List(split_lines(&text)),
                Value::File(path) => Value::List(self.file_lines(&path)),
                value => value,
            },
            "find_packages" | "find_namespace_packages" => {
                let place = call
                    .arguments
                    .keywords
                    .iter()
                    .find(|keyword| keyword.arg.as_ref().is_some_and(|arg| arg.as_str() == "where"));
                let place = match place {
                    Some(keyword) => self.evaluate(&keyword.value),
                    None => first,
                };
                Value::Found(if let Value::Text(text) = place { text.text.to_string() } else { String::new() })
            }
            _ => Value::Unknown,
        }
    }

    /// Methods of texts, lists, dictionaries and files; `None` where the receiver is none of these.
    fn method(&mut self, attribute: &'a ast::ExprAttribute, call: &'a ast::ExprCall) -> Option<Value> {
        let name = attribute.attr.as_str();
        let receiver = self.evaluate(&attribute.value);
        if matches!(receiver, Value::Unknown) {
            return match name {
                // `os.environ.get(key, default)`: nothing is set.
                "get" if last_name(&attribute.value) == Some("environ") => {
                    Some(call.arguments.args.get(1).map_or(Value::Nothing, |default| self.evaluate(default)))
                }
                _ => None,
            };
        }
        let arguments: Vec<Value> = call.arguments.args.iter().map(|argument| self.evaluate(argument)).collect();
        let first_text = match arguments.first() {
            Some(Value::Text(text)) => Some(text.text.clone()),
            _ => None,
        };
        Some(match receiver {
            Value::Text(text) => {
                let replaced = |new: &str| Value::Text(Text { text: Rc::from(new), ..text.clone() });
                let chosen: Vec<char> = first_text.as_deref().map(|chars| chars.chars().collect()).unwrap_or_default();
                let strips = |c: char| if arguments.is_empty() { c.is_whitespace() } else { chosen.contains(&c) };
                match (name, first_text.as_deref(), arguments.get(1)) {
                    ("strip", ..) => replaced(text.text.trim_matches(strips)),
                    ("rstrip", ..) => replaced(text.text.trim_end_matches(strips)),
                    ("lstrip", ..) => replaced(text.text.trim_start_matches(strips)),
                    ("lower", ..) => replaced(&text.text.to_lowercase()),
                    ("decode" | "encode" | "resolve" | "absolute" | "expanduser" | "as_posix" | "__str__", ..) => {
                        Value::Text(text)
                    }
                    ("replace", Some(old), Some(Value::Text(new)))
                        if !old.is_empty() && text.text.len() < SIZE / 100 =>
                    {
                        replaced(&text.text.replace(old, &new.text))
                    }
                    ("startswith", Some(prefix), _) => Value::Bool(text.text.starts_with(prefix)),
                    ("endswith", Some(suffix), _) => Value::Bool(text.text.ends_with(suffix)),
                    ("startswith" | "endswith", None, _) => {
                        let hit = arguments.iter().flat_map(Value::texts).any(|part| {
                            if name == "startswith" {
                                text.text.starts_with(&*part.text)
                            } else {
                                text.text.ends_with(&*part.text)
                            }
                        });
                        Value::Bool(hit)
                    }
                    ("splitlines" | "readlines", ..) | ("split", Some("\n"), _) => Value::List(split_lines(&text)),
                    ("split" | "rsplit", Some(separator), _) if !separator.is_empty() => {
                        Value::List(text.text.split(separator).take(5000).map(replaced).collect())
                    }
                    ("split", None, _) if text.text.contains('\n') => Value::List(split_lines(&text)),
                    ("split", None, _) => Value::List(text.text.split_whitespace().map(replaced).collect()),
                    ("join", ..) => {
                        let parts = arguments
                            .first()
                            .map(|list| list.texts().iter().map(|part| part.text.to_string()).collect::<Vec<_>>());
                        parts.map_or(Value::Unknown, |parts| replaced(&parts.join(&text.text)))
                    }
                    ("joinpath", ..) => join_paths(std::iter::once(Value::Text(text)).chain(arguments), self),
                    ("format", ..) => {
                        let mut filled = text.text.to_string();
                        for argument in &arguments {
                            let Value::Text(argument) = argument else { return Some(Value::Unknown) };
                            filled = filled.replacen("{}", &argument.text, 1);
                        }
                        if filled.contains('{') { Value::Unknown } else { replaced(&filled) }
                    }
                    ("read_text", ..) => self.file_text(&text.text),
                    ("open", ..) => Value::File(text.text.to_string()),
                    ("exists" | "is_file", ..) => Value::Bool(self.resolve(&text.text).is_some()),
                    _ => Value::Unknown,
                }
            }
            Value::File(path) => match name {
                "read" => self.file_text(&path),
                "readlines" => Value::List(self.file_lines(&path)),
                "__enter__" => Value::File(path),
                _ => Value::Unknown,
            },
            Value::List(_) => {
                let added = arguments.into_iter().next();
                let addition = match (name, added) {
                    ("append" | "add", Some(value)) => vec![value],
                    ("extend" | "update", Some(value)) => self.iterate(value),
                    ("insert", _) => call.arguments.args.get(1).map(|value| self.evaluate(value)).into_iter().collect(),
                    ("copy", _) => return Some(receiver),
                    _ => return Some(Value::Unknown),
                };
                self.change(&attribute.value, |value| {
                    if let Value::List(items) = value
                        && items.len() < SIZE
                    {
                        items.extend(addition);
                    }
                });
                Value::Nothing
            }
            Value::Dict(items) => match name {
                "values" => Value::List(items.into_iter().map(|(_, value)| value).collect()),
                "keys" => Value::List(items.iter().map(|(key, _)| self.plain(key)).collect()),
                "items" => Value::List(
                    items.into_iter().map(|(key, value)| Value::List(vec![self.plain(&key), value])).collect(),
                ),
                "copy" => Value::Dict(items),
                "get" => {
                    let found = items.into_iter().rev().find(|(key, _)| Some(key.as_str()) == first_text.as_deref());
                    found.map(|(_, value)| value).or_else(|| arguments.get(1).cloned()).unwrap_or(Value::Nothing)
                }
                "update" => {
                    let mut more = match arguments.into_iter().next() {
                        Some(Value::Dict(more)) => more,
                        _ => Vec::new(),
                    };
                    for keyword in &call.arguments.keywords {
                        let value = self.evaluate(&keyword.value);
                        if let Some(name) = &keyword.arg {
                            more.push((name.to_string(), value));
                        }
                    }
                    self.change(&attribute.value, |value| {
                        if let Value::Dict(items) = value {
                            items.extend(more);
                        }
                    });
                    Value::Nothing
                }
                _ => Value::Unknown,
            },
            _ => return None,
        })
    }

    /// Changes the value that a name, or a key of a named dictionary, stands for.
    fn change(&mut self, place: &'a Expr, change: impl FnOnce(&mut Value)) {
        match place {
            Expr::Name(name) => {
                if let Some(value) = self.variable(name.id.as_str()) {
                    change(value);
                }
            }
            Expr::Subscript(subscript) => {
                let key = self.evaluate(&subscript.slice);
                if let (Expr::Name(name), Value::Text(key)) = (&*subscript.value, key)
                    && let Some(Value::Dict(items)) = self.variable(name.id.as_str())
                    && let Some((_, value)) = items.iter_mut().find(|(known, _)| **known == *key.text)
                {
                    change(value);
                }
            }
            _ => {}
        }
    }

    fn call_function(&mut self, function: &'a ast::StmtFunctionDef, call: &'a ast::ExprCall) -> Value {
        if self.scopes.len() > 12 {
            return Value::Unknown;
        }
        let mut locals = BTreeMap::new();
        let mut given = call.arguments.args.iter();
        for parameter in function
            .parameters
            .posonlyargs
            .iter()
            .chain(&function.parameters.args)
            .chain(&function.parameters.kwonlyargs)
        {
            let name = parameter.parameter.name.as_str();
            let keyword = call
                .arguments
                .keywords
                .iter()
                .find(|keyword| keyword.arg.as_ref().is_some_and(|arg| arg.as_str() == name));
            let expression =
                keyword.map(|keyword| &keyword.value).or_else(|| given.next()).or(parameter.default.as_deref());
            let value = expression.map_or(Value::Unknown, |expression| self.evaluate(expression));
            locals.insert(name.to_owned(), value);
        }
        if let Some(rest) = &function.parameters.vararg {
            let values = given.map(|argument| self.evaluate(argument)).collect();
            locals.insert(rest.name.to_string(), Value::List(values));
        }
        self.scopes.push(locals);
        self.yields.push(Vec::new());
        let flow = self.run(&function.body);
        self.scopes.pop();
        let yields = self.yields.pop().unwrap_or_default();
        match flow {
            Flow::Return(value) => value,
            _ if !yields.is_empty() => Value::List(yields),
            _ => Value::Unknown,
        }
    }
}

fn split_lines(text: &Text) -> Vec<Value> {
    text.text
        .lines()
        .enumerate()
        .take(5000)
        .map(|(index, line)| {
            // A literal of this file that spans lines keeps the place of its start.
            Value::Text(Text { text: Rc::from(line), path: Rc::clone(&text.path), line: text.line + index })
        })
        .collect()
}

fn join_paths(parts: impl IntoIterator<Item = Value>, evaluator: &Evaluator<'_, '_>) -> Value {
    // Parts that are not known are the folder of the file itself, nearly always.
    let known: Vec<String> = parts
        .into_iter()
        .filter_map(|part| match part {
            Value::Text(text) if !text.text.is_empty() => Some(text.text.to_string()),
            _ => None,
        })
        .collect();
    if known.is_empty() { Value::Unknown } else { evaluator.plain(&known.join("/")) }
}

/// `+` on what is known; a list keeps its known part when something unknown is added to it.
fn add(left: Value, right: Value, path: Rc<str>) -> Value {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) if left.text.len() + right.text.len() < SIZE => {
            let place = if left.line > 0 { (left.path, left.line) } else { (path, right.line) };
            Value::Text(Text { text: Rc::from(format!("{}{}", left.text, right.text)), path: place.0, line: place.1 })
        }
        (Value::List(mut left), Value::List(right)) if left.len() + right.len() < SIZE => {
            left.extend(right);
            Value::List(left)
        }
        (Value::List(mut list), Value::Unknown) | (Value::Unknown, Value::List(mut list)) => {
            list.push(Value::Unknown);
            Value::List(list)
        }
        (Value::List(list), _) | (_, Value::List(list)) => Value::List(list),
        _ => Value::Unknown,
    }
}

/// Turns the arguments of `setup` into facts.
struct Report<'r> {
    path: &'r str,
    text: &'r str,
    scope: &'r Scope,
}

impl Report<'_> {
    fn evidence(&self, line: usize) -> Evidence {
        Evidence::new(self.path, line, self.text.lines().nth(line.saturating_sub(1)).unwrap_or_default())
    }

    fn fill(
        &self,
        sink: &mut Sink<'_>,
        project: &mut Project,
        layout: &mut Layout,
        arguments: &Arguments,
        survey: &Survey<'_>,
    ) {
        let folder = project.folder.clone();
        for (name, value, line) in arguments {
            match (name.as_str(), value) {
                ("name", Value::Text(text)) => {
                    project.name.get_or_insert_with(|| normalise(&text.text));
                }
                ("version", Value::Text(text)) if !text.text.contains(['\n', '{']) => {
                    project.version.get_or_insert_with(|| text.text.to_string());
                }
                ("install_requires" | "requires", value) => {
                    self.requirements(sink, value, &folder, self.scope, *line, survey);
                }
                ("setup_requires", value) => self.requirements(sink, value, &folder, &Scope::Build, *line, survey),
                ("tests_require", value) => {
                    self.requirements(sink, value, &folder, &Scope::Group("test".to_owned()), *line, survey);
                }
                ("extras_require", Value::Dict(extras)) => {
                    for (extra, value) in extras {
                        // `'gpu:sys_platform == "linux"'` names an extra and a marker.
                        let (extra, marker) = extra.split_once(':').unwrap_or((extra, ""));
                        let scope = if extra.is_empty() { self.scope.clone() } else { Scope::Extra(extra.to_owned()) };
                        if !extra.is_empty() {
                            project.extras.push(extra.to_owned());
                        }
                        for text in value.texts() {
                            let line = if marker.is_empty() {
                                text.text.to_string()
                            } else {
                                format!("{} ; {marker}", text.text)
                            };
                            self.one(sink, &line, text, &folder, &scope);
                        }
                    }
                }
                ("python_requires", Value::Text(text)) => {
                    sink.python(&text.text, Strength::Hard, &self.evidence(*line));
                }
                ("classifiers", value) => {
                    classifier_claim(
                        sink,
                        value.texts().into_iter().map(|text| (text.text.to_string(), self.evidence(text.line))),
                    );
                }
                ("entry_points", value) => entry_points(project, value),
                ("scripts", value) => {
                    let paths = value.texts().into_iter().filter_map(|text| join(&folder, &text.text));
                    project.scripts.extend(paths.filter(|path| sink.tree.contains(path)));
                }
                ("packages", Value::Found(place)) => {
                    layout.search.extend(Some(place.clone()).filter(|place| !place.is_empty() && place != "."));
                }
                ("packages", value) => layout
                    .packages
                    .extend(value.texts().iter().map(|text| text.text.to_string()).filter(|name| !name.is_empty())),
                ("py_modules", value) => layout.modules.extend(value.texts().iter().map(|text| text.text.to_string())),
                ("package_dir", Value::Dict(folders)) => {
                    for (package, target) in folders {
                        if let Value::Text(target) = target {
                            layout.folders.insert(package.clone(), target.text.to_string());
                        }
                    }
                }
                ("use_scm_version" | "pbr", value) if value.truth() != Some(false) => project.version_from_vcs = true,
                _ => {}
            }
        }
    }

    /// Adds a list of requirements; where the list is beyond the evaluator, the requirements file that the setup names.
    fn requirements(
        &self,
        sink: &mut Sink<'_>,
        value: &Value,
        folder: &str,
        scope: &Scope,
        line: usize,
        survey: &Survey<'_>,
    ) {
        let texts = value.texts();
        let empty = matches!(value, Value::List(items) if items.is_empty()) || matches!(value, Value::Nothing);
        if texts.is_empty() && !empty && *scope != Scope::Build {
            let named = survey.literals.iter().find(|literal| {
                literal.contains("req")
                    && super::has_suffix(literal, &[".txt"])
                    && join(folder, literal).is_some_and(|path| sink.tree.contains(&path))
            });
            match named {
                Some(file) => sink.entry(
                    &Entry::File { path: file.clone(), constraint: false },
                    folder,
                    scope,
                    &self.evidence(line),
                ),
                None => sink.finding(
                    "setup-requirements-unknown",
                    format!("`{}` computes its requirements in a way that was not followed", self.path),
                    None,
                    self.evidence(line),
                ),
            }
            return;
        }
        for text in texts {
            // A text of several lines is a whole file.
            for (index, part) in text.text.lines().enumerate() {
                let place = Text {
                    text: Rc::from(part),
                    path: Rc::clone(&text.path),
                    line: if text.line == 0 { line } else { text.line + index },
                };
                self.one(sink, part, &place, folder, scope);
            }
        }
    }

    fn one(&self, sink: &mut Sink<'_>, text: &str, place: &Text, folder: &str, scope: &Scope) {
        let source =
            if *place.path == *self.path { self.text } else { sink.tree.text(&place.path).unwrap_or_default() };
        let shown = source.lines().nth(place.line.saturating_sub(1)).unwrap_or(text);
        let evidence = Evidence::new(&*place.path, place.line, shown);
        // Comments and options of a requirements file come along when its lines are used as they are.
        let Some((_, text)) = super::requirements::logical_lines(text).into_iter().next() else { return };
        if text.starts_with('-') && !text.starts_with("-e") && !text.starts_with("-r") {
            return;
        }
        sink.requirement(&text, folder, scope, &evidence);
    }
}

fn entry_points(project: &mut Project, value: &Value) {
    let lines: Vec<String> = match value {
        Value::Dict(groups) => groups
            .iter()
            .filter(|(group, _)| group == "console_scripts")
            .flat_map(|(_, value)| value.texts().into_iter().map(|text| text.text.to_string()).collect::<Vec<_>>())
            .collect(),
        // The INI form.
        Value::Text(text) => {
            let mut inside = false;
            text.text
                .lines()
                .filter(|line| {
                    if line.trim().starts_with('[') {
                        inside = line.trim() == "[console_scripts]";
                        return false;
                    }
                    inside
                })
                .map(str::to_owned)
                .collect()
        }
        _ => Vec::new(),
    };
    for line in lines.iter().flat_map(|line| line.lines()) {
        if let Some((name, target)) = line.split_once('=') {
            project.console_scripts.insert(name.trim().to_owned(), target.trim().to_owned());
        }
    }
}
