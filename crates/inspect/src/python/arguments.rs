//! Calls of argument-parsing libraries in, [`Argument`]s out.
//!
//! argparse, click, typer, fire, absl flags (and TensorFlow's copy of them), and the libraries that make a command line
//! out of a dataclass or a function's signature (tyro, simple-parsing, `HfArgumentParser`, jsonargparse, draccus).

use ruff_python_ast::{Expr, ExprCall};

use super::literal::{Value, source_of};
use super::walk::{Walker, is_cuda};
use super::{Argument, Call, Definition, Device, DeviceUse, Parameter};

/// Reads a call that defines one argument.
pub(super) fn read(walker: &mut Walker<'_>, record: &Call, call: &ExprCall) {
    let argument = match record.method() {
        "add_argument" => argparse(walker, record, call),
        "option" | "argument" if record.decorates.is_some() => click(walker, record, call),
        method => method.strip_prefix("DEFINE_").and_then(|kind| absl(record, kind)),
    };
    let Some(argument) = argument else { return };
    if argument.default.as_deref().is_some_and(|default| default == "cuda" || default.starts_with("cuda:")) {
        walker.module.devices.push(Device {
            what: DeviceUse::Argument,
            line: argument.line,
            scope: record.scope.clone(),
            context: record.context,
            chosen: true,
            library: String::new(),
        });
    }
    walker.module.arguments.push(argument);
}

fn expression_of<'c>(call: &'c ExprCall, name: &str) -> Option<&'c Expr> {
    call.arguments
        .keywords
        .iter()
        .find(|keyword| keyword.arg.as_ref().is_some_and(|key| key.as_str() == name))
        .map(|keyword| &keyword.value)
}

fn spelled(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::spelled)
}

fn unknown(value: Option<&Value>) -> Option<String> {
    match value {
        Some(Value::Unknown(source)) => Some(source.clone()),
        _ => None,
    }
}

fn spelled_list(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::List(items)) => items.iter().filter_map(Value::spelled).collect(),
        Some(Value::Table(items)) => items.iter().filter_map(|(key, _)| key.spelled()).collect(),
        _ => Vec::new(),
    }
}

fn texts(record: &Call) -> Vec<String> {
    record.arguments.iter().filter_map(Value::text).map(str::to_owned).collect()
}

fn argparse(walker: &Walker<'_>, record: &Call, call: &ExprCall) -> Option<Argument> {
    let names = texts(record);
    let positional = !names.first()?.starts_with('-');
    let action = record.keyword("action");
    let is_flag = match action {
        Some(Value::Text(action)) => {
            matches!(action.as_str(), "store_true" | "store_false" | "store_const" | "count" | "help" | "version")
        }
        Some(Value::Unknown(action)) => action.contains("BooleanOptionalAction"),
        _ => false,
    };
    let nargs = record.keyword("nargs").and_then(Value::spelled);
    let default = record.keyword("default");
    let may_be_left_out = matches!(nargs.as_deref(), Some("?" | "*")) || default.is_some();
    Some(Argument {
        positional,
        required: if positional {
            !may_be_left_out && !is_flag
        } else {
            record.keyword("required") == Some(&Value::Bool(true))
        },
        default: spelled(default),
        default_expression: unknown(default),
        choices: spelled_list(record.keyword("choices")),
        kind: expression_of(call, "type").map(|kind| source_of(kind, walker.source)),
        is_flag,
        nargs,
        help: record.keyword("help").and_then(Value::text).map(str::to_owned),
        line: record.line,
        library: "argparse",
        scope: record.scope.clone(),
        names,
    })
}

fn click(walker: &Walker<'_>, record: &Call, call: &ExprCall) -> Option<Argument> {
    let positional = record.method() == "argument";
    let mut names = texts(record);
    // `@click.option("--image", "image_path")`: the last is the function's parameter.
    if !positional {
        names.retain(|name| name.starts_with('-'));
    }
    names.first()?;
    let boolean = names.iter().any(|name| name.contains('/'));
    let names = names.iter().map(|name| name.split('/').next().unwrap_or(name).to_owned()).collect();
    let kind = record.keyword("type");
    let kind_source = expression_of(call, "type").map(|kind| source_of(kind, walker.source));
    let choices = kind_source
        .as_deref()
        .and_then(|source| source.split_once("Choice("))
        .map(|(_, list)| list.split(['\'', '"']).skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .unwrap_or_default();
    let default = record.keyword("default");
    let required = record.keyword("required");
    Some(Argument {
        names,
        positional,
        required: if positional {
            required != Some(&Value::Bool(false)) && default.is_none()
        } else {
            required == Some(&Value::Bool(true))
        },
        default: spelled(default),
        default_expression: unknown(default),
        choices,
        kind: kind_source.or_else(|| spelled(kind)),
        is_flag: boolean || record.keyword("is_flag") == Some(&Value::Bool(true)),
        nargs: record.keyword("nargs").and_then(Value::spelled),
        help: record.keyword("help").and_then(Value::text).map(str::to_owned),
        line: record.line,
        library: "click",
        scope: record.decorates.clone(),
    })
}

fn absl(record: &Call, kind: &str) -> Option<Argument> {
    let name = record.argument(0, "name")?.text()?;
    let default = record.argument(1, "default");
    let is_enum = kind == "enum";
    let choices = if is_enum { spelled_list(record.argument(2, "enum_values")) } else { Vec::new() };
    Some(Argument {
        names: vec![format!("--{name}")],
        default: spelled(default),
        default_expression: unknown(default),
        choices,
        kind: Some(kind.to_owned()),
        is_flag: matches!(kind, "bool" | "boolean"),
        required: record.keyword("required") == Some(&Value::Bool(true)),
        help: record.argument(if is_enum { 3 } else { 2 }, "help").and_then(Value::text).map(str::to_owned),
        line: record.line,
        library: "absl",
        scope: record.scope.clone(),
        ..Argument::default()
    })
}

/// Adds what only the whole file tells: required flags, and command lines made of signatures.
pub(super) fn finish(walker: &mut Walker<'_>) {
    let mut required: Vec<String> = Vec::new();
    let mut targets: Vec<(&'static str, String)> = Vec::new();
    let uses_typer = walker.module.imports.iter().any(|import| import.module.split('.').next() == Some("typer"));
    for call in &walker.module.calls {
        let name = call.name.as_str();
        let library = match name {
            "fire.Fire" => "fire",
            "typer.run" => "typer",
            "tyro.cli"
            | "tyro.extras.subcommand_cli_from_dict"
            | "jsonargparse.CLI"
            | "jsonargparse.auto_cli"
            | "simple_parsing.parse"
            | "draccus.parse"
            | "pyrallis.parse"
            | "dcargs.cli"
            | "defopt.run"
            | "cyclopts.run" => "dataclass",
            _ if name.ends_with("HfArgumentParser") => "dataclass",
            _ => match call.method() {
                "add_arguments" => "dataclass",
                "command" | "callback" if uses_typer && call.decorates.is_some() => "typer",
                "mark_flag_as_required" | "mark_flags_as_required" => {
                    for value in &call.arguments {
                        required.extend(spelled_list(Some(value)));
                        required.extend(value.text().map(str::to_owned));
                    }
                    continue;
                }
                _ => continue,
            },
        };
        if let Some(target) = &call.decorates {
            targets.push((library, target.clone()));
            continue;
        }
        let first =
            call.arguments.first().or_else(|| call.keyword("config_class")).or_else(|| call.keyword("component"));
        match first {
            Some(Value::Unknown(source)) => targets.push((library, source.clone())),
            Some(Value::List(items)) => targets.extend(items.iter().filter_map(|item| match item {
                Value::Unknown(source) => Some((library, source.clone())),
                _ => None,
            })),
            Some(Value::Table(items)) => targets.extend(items.iter().filter_map(|(_, item)| match item {
                Value::Unknown(source) => Some((library, source.clone())),
                _ => None,
            })),
            None if library == "fire" => targets.push((library, "main".to_owned())),
            _ => {}
        }
    }
    let decorated = walker.module.definitions.iter().filter(|definition| {
        definition.decorators.iter().any(|name| name.ends_with("pyrallis.wrap") || name.ends_with("draccus.wrap"))
    });
    // `@wrap()` takes the class from the annotation of the first parameter.
    let wrapped: Vec<(&'static str, String)> = decorated
        .filter_map(|definition| definition.parameters.first()?.annotation.clone())
        .map(|name| ("dataclass", name))
        .collect();
    targets.extend(wrapped);
    for argument in &mut walker.module.arguments {
        let bare = argument.names.first().map(|name| name.trim_start_matches('-').to_owned());
        if bare.is_some_and(|name| required.contains(&name)) {
            argument.required = true;
        }
    }
    let mut more = Vec::new();
    for (library, target) in targets {
        if let Some(definition) = walker.module.definitions.iter().find(|definition| definition.name == target) {
            more.extend(signature(library, definition));
        }
    }
    walker.module.arguments.extend(more);
}

/// The command line that a library makes of a function's parameters or a class's fields.
fn signature(library: &'static str, definition: &Definition) -> Vec<Argument> {
    let fields = definition.parameters.iter().filter(|parameter| !matches!(parameter.name.as_str(), "self" | "cls"));
    fields.map(|parameter| from_parameter(library, definition, parameter)).collect()
}

fn from_parameter(library: &'static str, definition: &Definition, parameter: &Parameter) -> Argument {
    let annotation = parameter.annotation.as_deref().unwrap_or_default();
    let has_default = parameter.default.is_some();
    let positional = match library {
        "typer" => match parameter.via.as_deref() {
            Some("Argument") => true,
            Some(_) => false,
            None => !has_default && !annotation.contains("Option("),
        },
        _ => false,
    };
    let name = if positional {
        parameter.name.clone()
    } else if library == "typer" {
        format!("--{}", parameter.name.replace('_', "-"))
    } else {
        format!("--{}", parameter.name)
    };
    Argument {
        names: vec![name],
        positional,
        required: !has_default,
        default: spelled(parameter.default.as_ref()),
        default_expression: unknown(parameter.default.as_ref()),
        choices: literal_choices(annotation),
        kind: parameter.annotation.clone(),
        is_flag: annotation == "bool" && library != "fire"
            || matches!(parameter.default, Some(Value::Bool(_))) && library == "typer",
        line: parameter.line,
        library,
        scope: Some(definition.name.clone()),
        ..Argument::default()
    }
}

/// `Literal["a", "b"]` gives its texts.
fn literal_choices(annotation: &str) -> Vec<String> {
    match annotation.split_once("Literal[") {
        Some((_, list)) => {
            let list = list.split(']').next().unwrap_or_default();
            list.split(['\'', '"']).skip(1).step_by(2).map(str::to_owned).collect()
        }
        None => Vec::new(),
    }
}

/// A default that a call wraps: `typer.Option(0.5)`, `field(default=3)`; also which call it was.
pub(super) fn wrapped_default(walker: &Walker<'_>, default: &Expr) -> (Option<Value>, Option<String>) {
    let Expr::Call(call) = default else { return (Some(walker.value(default)), None) };
    let name = walker.dotted(&call.func);
    let method = name.rsplit('.').next().unwrap_or_default();
    if !matches!(method, "Option" | "Argument" | "field" | "Field" | "arg" | "flag") {
        return (Some(walker.value(default)), None);
    }
    let inner =
        expression_of(call, "default").or_else(|| if method == "field" { None } else { call.arguments.args.first() });
    let value = match inner {
        Some(Expr::EllipsisLiteral(_)) => None,
        Some(inner) => Some(walker.value(inner)),
        None => expression_of(call, "default_factory").map(|factory| Value::Unknown(source_of(factory, walker.source))),
    };
    (value, Some(method.to_owned()))
}

/// Does an argument's default name a CUDA device?
pub(super) fn wraps_cuda(default: &Expr) -> bool {
    match default {
        Expr::Call(call) => expression_of(call, "default").or_else(|| call.arguments.args.first()).is_some_and(is_cuda),
        other => is_cuda(other),
    }
}
