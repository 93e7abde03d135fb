//! Python expressions in, values out, as far as they can be told without running anything.
//!
//! Names are looked up in the assignments seen so far; what is not known stays as its source text.

use std::cell::Cell;
use std::collections::BTreeMap;

use ruff_python_ast::{Expr, InterpolatedStringElement, Number, Operator, UnaryOp};
use ruff_text_size::Ranged;

/// Longest source text kept for what cannot be evaluated, in characters.
const SOURCE_LIMIT: usize = 160;
/// Deepest nesting that is evaluated.
const DEPTH_LIMIT: usize = 24;
/// Most elements of one list or table that are kept.
const LENGTH_LIMIT: usize = 1000;
/// Largest value that is remembered or substituted, see [`Value::size`].
const SIZE_LIMIT: usize = 20_000;
/// Longest text that `str.format` is followed for, in bytes.
const FORMAT_LIMIT: usize = 4000;
/// Longest text that concatenation may build, in bytes.
const TEXT_LIMIT: usize = 100_000;

/// A value as far as it can be read from the source.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    None,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    /// List, tuple or set.
    List(Vec<Value>),
    /// Pairs in the order of the source.
    Table(Vec<(Value, Value)>),
    /// The source text of what is not literal, on one line and shortened.
    Unknown(String),
}

impl Value {
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn list(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn table(&self) -> Option<&[(Value, Value)]> {
        match self {
            Self::Table(items) => Some(items),
            _ => None,
        }
    }

    /// The value of a key of a table.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.table()?.iter().find(|(k, _)| k.text() == Some(key)).map(|(_, value)| value)
    }

    /// Roughly the memory it takes, in values.
    fn size(&self) -> usize {
        match self {
            Self::Text(text) | Self::Unknown(text) => 1 + text.len() / 32,
            Self::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Self::Table(items) => 1 + items.iter().map(|(key, value)| key.size() + value.size()).sum::<usize>(),
            _ => 1,
        }
    }

    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// As a command line would spell it; `None` for `None` and what is not known.
    pub fn spelled(&self) -> Option<String> {
        match self {
            Self::None | Self::Unknown(_) | Self::Table(_) => None,
            Self::Bool(value) => Some(if *value { "True".to_owned() } else { "False".to_owned() }),
            Self::Integer(value) => Some(value.to_string()),
            Self::Float(value) => Some(value.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::List(items) => items.iter().map(Self::spelled).collect::<Option<Vec<_>>>().map(|all| all.join(" ")),
        }
    }
}

/// Names and their values where an expression stands: the innermost scope last.
#[derive(Debug)]
pub(crate) struct Names {
    scopes: Vec<BTreeMap<String, Value>>,
    /// What looking up names may still cost within one evaluation: `a = [a, a]` forty times over must not be built.
    budget: Cell<usize>,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { scopes: vec![BTreeMap::new()], budget: Cell::new(0) }
    }

    pub(crate) fn enter(&mut self) {
        self.scopes.push(BTreeMap::new());
    }

    pub(crate) fn leave(&mut self) -> BTreeMap<String, Value> {
        if self.scopes.len() > 1 { self.scopes.pop().unwrap_or_default() } else { BTreeMap::new() }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name))
    }

    /// A copy of the value, if the evaluation may still afford it.
    fn copy(&self, name: &str) -> Option<Value> {
        let value = self.get(name).filter(|value| !value.is_unknown())?;
        let left = self.budget.get().checked_sub(value.size())?;
        self.budget.set(left);
        Some(value.clone())
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.scopes.iter_mut().rev().find_map(|scope| scope.get_mut(name))
    }

    pub(crate) fn set(&mut self, name: &str, value: Value) {
        let value = if value.size() > SIZE_LIMIT { Value::Unknown(String::new()) } else { value };
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_owned(), value);
        }
    }

    pub(crate) fn into_outermost(self) -> BTreeMap<String, Value> {
        self.scopes.into_iter().next().unwrap_or_default()
    }
}

/// The source text of an expression, on one line and shortened.
pub(crate) fn source_of(expression: &impl Ranged, source: &str) -> String {
    let range = expression.range();
    let text = source.get(range.start().to_usize()..range.end().to_usize()).unwrap_or_default();
    let mut out = String::with_capacity(text.len().min(SOURCE_LIMIT));
    let mut blank = false;
    for (count, character) in text.chars().enumerate() {
        if count >= SOURCE_LIMIT {
            out.push('…');
            break;
        }
        if character.is_whitespace() {
            blank = true;
            continue;
        }
        if blank && !out.is_empty() {
            out.push(' ');
        }
        blank = false;
        out.push(character);
    }
    out
}

/// Evaluates what can be told without running anything.
pub(crate) fn evaluate(expression: &Expr, source: &str, names: &Names) -> Value {
    names.budget.set(SIZE_LIMIT);
    at_depth(expression, source, names, 0)
}

fn at_depth(expression: &Expr, source: &str, names: &Names, depth: usize) -> Value {
    let unknown = || Value::Unknown(source_of(expression, source));
    if depth > DEPTH_LIMIT {
        return unknown();
    }
    let inner = |e: &Expr| at_depth(e, source, names, depth + 1);
    match expression {
        Expr::NoneLiteral(_) => Value::None,
        Expr::BooleanLiteral(literal) => Value::Bool(literal.value),
        Expr::StringLiteral(literal) => Value::Text(literal.value.to_str().to_owned()),
        Expr::NumberLiteral(literal) => match &literal.value {
            Number::Int(value) => value.as_i64().map_or_else(unknown, Value::Integer),
            Number::Float(value) => Value::Float(*value),
            Number::Complex { .. } => unknown(),
        },
        Expr::UnaryOp(operation) => match (operation.op, inner(&operation.operand)) {
            (UnaryOp::USub, Value::Integer(value)) => value.checked_neg().map_or_else(unknown, Value::Integer),
            (UnaryOp::USub, Value::Float(value)) => Value::Float(-value),
            (UnaryOp::Not, Value::Bool(value)) => Value::Bool(!value),
            _ => unknown(),
        },
        Expr::List(list) => Value::List(elements(list.iter(), source, names, depth)),
        Expr::Tuple(tuple) => Value::List(elements(tuple.iter(), source, names, depth)),
        Expr::Set(set) => Value::List(elements(set.iter(), source, names, depth)),
        Expr::Dict(dict) => {
            let mut items = Vec::new();
            for item in dict.iter().take(LENGTH_LIMIT) {
                match &item.key {
                    Some(key) => items.push((inner(key), inner(&item.value))),
                    None => match inner(&item.value) {
                        Value::Table(more) => items.extend(more),
                        other => items.push((Value::Unknown("**".to_owned()), other)),
                    },
                }
            }
            Value::Table(items)
        }
        Expr::FString(text) => {
            let mut out = String::new();
            for element in text.value.elements() {
                match element {
                    InterpolatedStringElement::Literal(literal) => out.push_str(&literal.value),
                    InterpolatedStringElement::Interpolation(hole) => match inner(&hole.expression).spelled() {
                        Some(value) if hole.format_spec.is_none() => out.push_str(&value),
                        _ => return unknown(),
                    },
                }
                if out.len() > TEXT_LIMIT {
                    return unknown();
                }
            }
            // The plain strings beside an f-string (`"a" f"{b}"`) are not among its elements.
            if text.value.iter().any(|part| matches!(part, ruff_python_ast::FStringPart::Literal(_))) {
                return unknown();
            }
            Value::Text(out)
        }
        Expr::BinOp(operation) => {
            let left = inner(&operation.left);
            if left.is_unknown() && !matches!(operation.op, Operator::Add) {
                return unknown();
            }
            binary(operation.op, left, inner(&operation.right)).unwrap_or_else(unknown)
        }
        Expr::Name(name) => names.copy(name.id.as_str()).unwrap_or_else(unknown),
        Expr::Subscript(subscript) => {
            let (value, key) = (inner(&subscript.value), inner(&subscript.slice));
            match (&value, &key) {
                (Value::Table(items), key) => {
                    items.iter().find(|(k, _)| k == key).map_or_else(unknown, |(_, found)| found.clone())
                }
                (Value::List(items), Value::Integer(index)) => {
                    usize::try_from(*index).ok().and_then(|i| items.get(i)).map_or_else(unknown, Clone::clone)
                }
                _ => unknown(),
            }
        }
        Expr::Call(call) => called(call, source, names, depth).unwrap_or_else(unknown),
        _ => unknown(),
    }
}

/// Elements of a display, with `*starred` lists spread.
fn elements<'a>(items: impl Iterator<Item = &'a Expr>, source: &str, names: &Names, depth: usize) -> Vec<Value> {
    let mut out = Vec::new();
    for item in items.take(LENGTH_LIMIT) {
        match item {
            Expr::Starred(starred) => match at_depth(&starred.value, source, names, depth + 1) {
                Value::List(more) => out.extend(more),
                other => out.push(other),
            },
            _ => out.push(at_depth(item, source, names, depth + 1)),
        }
    }
    out
}

fn binary(operator: Operator, left: Value, right: Value) -> Option<Value> {
    match (operator, left, right) {
        (Operator::Add, Value::Text(a), Value::Text(b)) if a.len() + b.len() <= TEXT_LIMIT => Some(Value::Text(a + &b)),
        (Operator::Add, Value::List(mut a), Value::List(b)) => {
            a.extend(b.into_iter().take(LENGTH_LIMIT));
            Some(Value::List(a))
        }
        // What one side says is still worth having: `["a"] + read("b.txt")`.
        (Operator::Add, Value::List(mut a), unknown @ Value::Unknown(_)) => {
            a.push(unknown);
            Some(Value::List(a))
        }
        (Operator::Add, unknown @ Value::Unknown(_), Value::List(mut b)) => {
            b.insert(0, unknown);
            Some(Value::List(b))
        }
        (Operator::Add, Value::Integer(a), Value::Integer(b)) => a.checked_add(b).map(Value::Integer),
        (Operator::Sub, Value::Integer(a), Value::Integer(b)) => a.checked_sub(b).map(Value::Integer),
        (Operator::Mult, Value::Integer(a), Value::Integer(b)) => a.checked_mul(b).map(Value::Integer),
        (Operator::Mod, Value::Text(format), value) => formatted(&format, value).map(Value::Text),
        // `pathlib` joins.
        (Operator::Div, Value::Text(a), Value::Text(b)) => Some(Value::Text(joined(&a, &b))),
        _ => None,
    }
}

/// Joins two path parts as `os.path.join` does.
fn joined(left: &str, right: &str) -> String {
    if right.starts_with('/') || left.is_empty() {
        right.to_owned()
    } else if left.ends_with('/') {
        format!("{left}{right}")
    } else {
        format!("{left}/{right}")
    }
}

/// `"%s-%d" % (…)` for `%s` and `%d`.
fn formatted(format: &str, value: Value) -> Option<String> {
    let mut values = match value {
        Value::List(items) => items.into_iter(),
        other => vec![other].into_iter(),
    };
    let mut out = String::new();
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        match characters.next()? {
            '%' => out.push('%'),
            's' | 'd' => out.push_str(&values.next()?.spelled()?),
            _ => return None,
        }
        if out.len() > TEXT_LIMIT {
            return None;
        }
    }
    Some(out)
}

/// Calls whose result depends on nothing but their arguments.
fn called(call: &ruff_python_ast::ExprCall, source: &str, names: &Names, depth: usize) -> Option<Value> {
    let inner = |e: &Expr| at_depth(e, source, names, depth + 1);
    let arguments = &call.arguments;
    match &*call.func {
        Expr::Name(name) => match (name.id.as_str(), &*arguments.args) {
            ("dict", args) => {
                let mut items = match args {
                    [] => Vec::new(),
                    [only] => match inner(only) {
                        Value::Table(items) => items,
                        _ => return None,
                    },
                    _ => return None,
                };
                for keyword in arguments.keywords.iter().take(LENGTH_LIMIT) {
                    match &keyword.arg {
                        Some(key) => items.push((Value::Text(key.as_str().to_owned()), inner(&keyword.value))),
                        None => match inner(&keyword.value) {
                            Value::Table(more) => items.extend(more),
                            _ => return None,
                        },
                    }
                }
                Some(Value::Table(items))
            }
            ("list" | "tuple" | "set" | "sorted", [only]) => match inner(only) {
                Value::List(items) => Some(Value::List(items)),
                _ => None,
            },
            ("list" | "tuple" | "set", []) => Some(Value::List(Vec::new())),
            ("str" | "Path" | "PurePath", [only]) => match inner(only) {
                Value::Unknown(_) => None,
                value => value.spelled().map(Value::Text),
            },
            _ => None,
        },
        Expr::Attribute(attribute) => {
            let method = attribute.attr.as_str();
            if method == "Path"
                && let [only] = &*arguments.args
            {
                return inner(only).text().map(|text| Value::Text(text.to_owned()));
            }
            if method == "join" && ends_in_path(&attribute.value) {
                let mut path = String::new();
                for argument in &arguments.args {
                    path = joined(&path, inner(argument).text()?);
                }
                return Some(Value::Text(path));
            }
            if !matches!(method, "join" | "split" | "splitlines" | "strip" | "format" | "lower" | "copy") {
                return None;
            }
            match (inner(&attribute.value), method, &*arguments.args) {
                (Value::Text(text), "join", [only]) => {
                    let parts: Option<Vec<String>> = inner(only).list()?.iter().map(Value::spelled).collect();
                    Some(Value::Text(parts?.join(&text)))
                }
                (Value::Text(text), "split", []) => {
                    Some(Value::List(text.split_whitespace().map(|part| Value::Text(part.to_owned())).collect()))
                }
                (Value::Text(text), "split", [separator]) => {
                    let separator = inner(separator);
                    let separator = separator.text().filter(|s| !s.is_empty())?;
                    Some(Value::List(text.split(separator).map(|part| Value::Text(part.to_owned())).collect()))
                }
                (Value::Text(text), "splitlines", []) => {
                    Some(Value::List(text.lines().map(|part| Value::Text(part.to_owned())).collect()))
                }
                (Value::Text(text), "strip", []) => Some(Value::Text(text.trim().to_owned())),
                (Value::Text(text), "lower", []) => Some(Value::Text(text.to_lowercase())),
                (Value::Text(text), "format", args) if text.len() <= FORMAT_LIMIT => {
                    let mut out = text;
                    for (index, argument) in args.iter().enumerate() {
                        let value = inner(argument).spelled().filter(|v| v.len() + out.len() <= FORMAT_LIMIT)?;
                        out = if out.contains("{}") {
                            out.replacen("{}", &value, 1)
                        } else {
                            out.replace(&format!("{{{index}}}"), &value)
                        };
                    }
                    for keyword in &arguments.keywords {
                        let key = keyword.arg.as_ref()?;
                        let value = inner(&keyword.value).spelled().filter(|v| v.len() + out.len() <= FORMAT_LIMIT)?;
                        out = out.replace(&format!("{{{}}}", key.as_str()), &value);
                    }
                    (!out.contains('{')).then_some(Value::Text(out))
                }
                (value @ (Value::List(_) | Value::Table(_)), "copy", []) => Some(value),
                _ => None,
            }
        }
        _ => None,
    }
}

/// `os.path` or a name that ends in `path`.
fn ends_in_path(expression: &Expr) -> bool {
    match expression {
        Expr::Attribute(attribute) => attribute.attr.as_str() == "path",
        Expr::Name(name) => matches!(name.id.as_str(), "path" | "osp"),
        _ => false,
    }
}
