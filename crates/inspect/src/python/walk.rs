//! One pass over a file's syntax tree that collects a [`Module`].

use std::collections::BTreeMap;

use ruff_python_ast::visitor::source_order::{SourceOrderVisitor, walk_expr, walk_stmt};
use ruff_python_ast::{
    Decorator, ExceptHandler, ExceptHandlerExceptHandler, Expr, ExprCall, Operator, Parameters, PySourceType, Stmt,
    StmtClassDef, StmtFunctionDef, StmtIf, StmtTry,
};
use ruff_python_parser::parse_unchecked_source;
use ruff_text_size::Ranged;

use super::literal::{Names, Value, evaluate, source_of};
use super::{
    Call, Context, Definition, Device, DeviceUse, Import, Module, Parameter, Program, SearchPath, Text, arguments, hash,
};

/// Largest file that is parsed, in bytes.
const FILE_LIMIT: usize = 4_000_000;
/// Most f-strings that begin with a hole.
const NESTING_LIMIT: usize = 5000;
/// Deepest nesting of expressions and statements that is walked.
const DEPTH_LIMIT: usize = 200;
/// Longest string constant that is looked at as a path, URL or id, in bytes.
const TEXT_LIMIT: usize = 400;

/// Parses and walks one file.
pub(super) fn module(text: &str) -> Module {
    // The lexer is quadratic in the nesting of f-strings.
    if text.len() > FILE_LIMIT || text.matches("f'{").chain(text.matches("f\"{")).nth(NESTING_LIMIT).is_some() {
        return Module::default();
    }
    let first = parse_and_walk(text);
    if first.errors > 0 && text.lines().any(is_magic) {
        // Jupyter's own lines are no Python. The parser's notebook grammar reads them, but panics on some broken input.
        // Blanks keep every offset where it was.
        let blanked: Vec<String> = text
            .split('\n')
            .map(|line| if is_magic(line) { " ".repeat(line.len()) } else { line.to_owned() })
            .collect();
        let second = parse_and_walk(&blanked.join("\n"));
        if second.errors < first.errors {
            return second;
        }
    }
    first
}

/// A line of a notebook that is a magic or a shell command: `%cd x`, `!pip install y`.
fn is_magic(line: &str) -> bool {
    line.trim_start().starts_with(['%', '!'])
}

fn parse_and_walk(text: &str) -> Module {
    // The parser is not ours and promises nothing about hostile text; a panic in it must not end a whole inspection.
    let Ok(parsed) = std::panic::catch_unwind(|| parse_unchecked_source(text, PySourceType::Python)) else {
        return Module { errors: 1, ..Module::default() };
    };
    let mut walker = Walker::new(text);
    walker.module.errors = parsed.errors().len();
    for statement in parsed.suite() {
        walker.visit_stmt(statement);
    }
    let too_deep = walker.too_deep;
    let module = walker.finish();
    if too_deep {
        // Dropping a tree recurses as deep as the tree is: for a hostile one that would overflow the stack.
        std::mem::forget(parsed);
    }
    module
}

pub(super) struct Walker<'a> {
    pub(super) source: &'a str,
    /// Offsets at which lines begin.
    lines: Vec<usize>,
    pub(super) module: Module,
    pub(super) names: Names,
    /// Local name -> dotted name it was imported as.
    aliases: BTreeMap<String, String>,
    /// Enclosing functions and classes.
    scopes: Vec<&'a str>,
    functions: usize,
    guarded: usize,
    conditional: usize,
    type_checking: usize,
    main: usize,
    /// Enclosing branches that depend on the device.
    chosen: usize,
    /// Enclosing `try` bodies whose handlers go on.
    caught: usize,
    /// Enclosing branches of an `if` chain of which at least two import something.
    branches: usize,
    depth: usize,
    too_deep: bool,
    decorates: Option<String>,
    identifiers: Vec<u64>,
}

impl<'a> Walker<'a> {
    fn new(source: &'a str) -> Self {
        let lines = std::iter::once(0).chain(source.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self {
            source,
            lines,
            module: Module::default(),
            names: Names::new(),
            aliases: BTreeMap::new(),
            scopes: Vec::new(),
            functions: 0,
            guarded: 0,
            conditional: 0,
            type_checking: 0,
            main: 0,
            chosen: 0,
            caught: 0,
            branches: 0,
            depth: 0,
            too_deep: false,
            decorates: None,
            identifiers: Vec::new(),
        }
    }

    fn finish(mut self) -> Module {
        arguments::finish(&mut self);
        self.identifiers.sort_unstable();
        self.identifiers.dedup();
        self.module.names = self.identifiers;
        self.module.starts = self.lines;
        self.module.imported =
            self.module.imports.iter().flat_map(|import| import.names.iter().map(|name| hash(name))).collect();
        self.module.assignments = self.names.into_outermost();
        self.module
    }

    pub(super) fn line(&self, node: &impl Ranged) -> usize {
        let offset = node.range().start().to_usize();
        self.lines.partition_point(|start| *start <= offset)
    }

    pub(super) fn scope(&self) -> Option<String> {
        if self.scopes.is_empty() { None } else { Some(self.scopes.join(".")) }
    }

    pub(super) fn context(&self) -> Context {
        if self.type_checking > 0 {
            Context::TypeChecking
        } else if self.guarded > 0 {
            Context::Guarded
        } else if self.conditional > 0 {
            Context::Conditional
        } else if self.functions > 0 {
            Context::Function
        } else if self.main > 0 {
            Context::Main
        } else {
            Context::Plain
        }
    }

    pub(super) fn value(&self, expression: &Expr) -> Value {
        evaluate(expression, self.source, &self.names)
    }

    /// The dotted name of an expression, its first part replaced by what it was imported as; parts that are no names
    /// are left empty (`.cuda` for `f(x).cuda`).
    pub(super) fn dotted(&self, expression: &Expr) -> String {
        let mut parts = Vec::new();
        let mut at = expression;
        loop {
            match at {
                Expr::Attribute(attribute) => {
                    parts.push(attribute.attr.as_str());
                    at = &attribute.value;
                }
                Expr::Name(name) => {
                    let id = name.id.as_str();
                    parts.push(self.aliases.get(id).map_or(id, String::as_str));
                    break;
                }
                _ => {
                    parts.push("");
                    break;
                }
            }
        }
        parts.reverse();
        parts.join(".")
    }

    fn text_of(&self, node: &impl Ranged) -> &'a str {
        let range = node.range();
        self.source.get(range.start().to_usize()..range.end().to_usize()).unwrap_or_default()
    }

    fn visit_suite(&mut self, suite: &'a [Stmt]) {
        for statement in suite {
            self.visit_stmt(statement);
        }
    }

    fn import(&mut self, module: &str, level: u32, names: Vec<String>, node: &impl Ranged, dynamic: bool) {
        self.module.imports.push(Import {
            module: module.to_owned(),
            level,
            names,
            line: self.line(node),
            context: self.context(),
            scope: self.scope(),
            branch: self.branches > 0,
            dynamic,
        });
    }

    fn device(&mut self, what: DeviceUse, node: &impl Ranged) {
        self.module.devices.push(Device {
            what,
            line: self.line(node),
            scope: self.scope(),
            context: self.context(),
            chosen: self.chosen + self.caught > 0,
            library: String::new(),
        });
    }

    fn if_statement(&mut self, statement: &'a StmtIf) {
        let test = self.text_of(&*statement.test);
        self.visit_expr(&statement.test);
        let depends = asks_for_device(test);
        self.chosen += usize::from(depends);
        let types = test.contains("TYPE_CHECKING") && !test.contains("not ");
        let main = test.contains("__name__") && test.contains("__main__");
        let other = !types && !main;
        let imports = |suite: &[Stmt]| suite.iter().any(|s| matches!(s, Stmt::Import(_) | Stmt::ImportFrom(_)));
        let clauses = statement.elif_else_clauses.iter().filter(|clause| imports(&clause.body)).count();
        let branches = usize::from(other && clauses > 0 && imports(&statement.body));
        self.branches += branches;
        self.type_checking += usize::from(types);
        self.main += usize::from(main);
        self.module.has_main_guard |= main;
        self.conditional += usize::from(other);
        self.visit_suite(&statement.body);
        self.type_checking -= usize::from(types);
        self.main -= usize::from(main);
        self.conditional -= usize::from(other);
        self.conditional += 1;
        for clause in &statement.elif_else_clauses {
            let more = clause.test.as_ref().is_some_and(|test| asks_for_device(self.text_of(test)));
            if let Some(test) = &clause.test {
                self.visit_expr(test);
            }
            self.chosen += usize::from(more);
            self.visit_suite(&clause.body);
            self.chosen -= usize::from(more);
        }
        self.conditional -= 1;
        self.branches -= branches;
        self.chosen -= usize::from(depends);
    }

    fn try_statement(&mut self, statement: &'a StmtTry) {
        let handlers = || {
            statement.handlers.iter().map(|handler| match handler {
                ExceptHandler::ExceptHandler(handler) => handler,
            })
        };
        let guards = handlers().any(|handler| self.guards_imports(handler) && !self.gives_up(handler));
        let catches = handlers().any(|handler| !self.gives_up(handler));
        self.guarded += usize::from(guards);
        self.caught += usize::from(catches);
        self.visit_suite(&statement.body);
        self.visit_suite(&statement.orelse);
        self.guarded -= usize::from(guards);
        self.caught -= usize::from(catches);
        self.guarded += 1;
        for handler in handlers() {
            if let Some(kind) = &handler.type_ {
                self.visit_expr(kind);
            }
            self.visit_suite(&handler.body);
        }
        self.guarded -= 1;
        self.visit_suite(&statement.finalbody);
    }

    /// Does it catch a failing import?
    fn guards_imports(&self, handler: &ExceptHandlerExceptHandler) -> bool {
        handler.type_.as_ref().is_none_or(|kind| {
            let text = self.text_of(&**kind);
            ["ImportError", "ModuleNotFoundError", "Exception", "BaseException"].iter().any(|name| text.contains(name))
        })
    }

    /// Does it end the program, or install what is missing, so that the body is needed after all?
    fn gives_up(&self, handler: &ExceptHandlerExceptHandler) -> bool {
        let ends = match handler.body.last() {
            Some(Stmt::Raise(_)) => true,
            Some(Stmt::Expr(statement)) => match &*statement.value {
                Expr::Call(call) => {
                    matches!(self.dotted(&call.func).as_str(), "sys.exit" | "exit" | "quit" | "os._exit")
                }
                _ => false,
            },
            _ => false,
        };
        ends || {
            let text = self.text_of(handler);
            text.contains("pip") && ["os.system", "subprocess", "pip.main", "pipmain"].iter().any(|w| text.contains(w))
        }
    }

    fn function(&mut self, function: &'a StmtFunctionDef) {
        let decorators = self.decorators(&function.decorator_list, &function.name);
        self.scopes.push(function.name.as_str());
        self.visit_parameters(&function.parameters);
        self.scopes.pop();
        if let Some(returns) = &function.returns {
            self.visit_expr(returns);
        }
        if self.functions == 0 && self.scopes.is_empty() {
            let parameters = self.parameters(&function.parameters);
            let line = self.line(&function.name);
            self.module.definitions.push(Definition {
                name: function.name.to_string(),
                line,
                is_class: false,
                parameters,
                decorators,
                bases: Vec::new(),
            });
        }
        self.scopes.push(function.name.as_str());
        self.functions += 1;
        self.names.enter();
        // What surrounds a definition says nothing about when its body runs, except that it may not exist.
        let outside = (self.chosen, self.caught, self.main, self.branches);
        (self.chosen, self.caught, self.main, self.branches) = (0, 0, 0, 0);
        self.visit_suite(&function.body);
        (self.chosen, self.caught, self.main, self.branches) = outside;
        self.names.leave();
        self.functions -= 1;
        self.scopes.pop();
    }

    fn class(&mut self, class: &'a StmtClassDef) {
        let decorators = self.decorators(&class.decorator_list, &class.name);
        let mut bases = Vec::new();
        if let Some(arguments) = &class.arguments {
            for base in &arguments.args {
                bases.push(self.dotted(base));
                self.visit_expr(base);
            }
            for keyword in &arguments.keywords {
                self.visit_expr(&keyword.value);
            }
        }
        self.names.enter();
        if self.scopes.is_empty() {
            let mut fields = Vec::new();
            for statement in &class.body {
                if let Stmt::AnnAssign(field) = statement
                    && let Expr::Name(name) = &*field.target
                {
                    let (default, via) =
                        field.value.as_ref().map_or((None, None), |value| arguments::wrapped_default(self, value));
                    fields.push(Parameter {
                        name: name.id.to_string(),
                        annotation: Some(source_of(&*field.annotation, self.source)),
                        default,
                        via,
                        line: self.line(field),
                    });
                }
            }
            let line = self.line(&class.name);
            self.module.definitions.push(Definition {
                name: class.name.to_string(),
                line,
                is_class: true,
                parameters: fields,
                decorators,
                bases,
            });
        }
        self.scopes.push(class.name.as_str());
        self.visit_suite(&class.body);
        self.scopes.pop();
        self.names.leave();
    }

    fn decorators(&mut self, decorators: &'a [Decorator], target: &str) -> Vec<String> {
        let mut names = Vec::new();
        for decorator in decorators {
            names.push(match &decorator.expression {
                Expr::Call(call) => self.dotted(&call.func),
                other => self.dotted(other),
            });
            self.decorates = Some(target.to_owned());
            self.visit_expr(&decorator.expression);
            self.decorates = None;
        }
        names
    }

    fn parameters(&self, parameters: &Parameters) -> Vec<Parameter> {
        parameters
            .iter_non_variadic_params()
            .map(|parameter| {
                let (default, via) = parameter.default().map_or((None, None), |d| arguments::wrapped_default(self, d));
                Parameter {
                    name: parameter.parameter.name.to_string(),
                    annotation: parameter.parameter.annotation.as_ref().map(|a| source_of(&**a, self.source)),
                    default,
                    via,
                    line: self.line(parameter),
                }
            })
            .collect()
    }

    fn visit_parameters(&mut self, parameters: &'a Parameters) {
        for parameter in parameters.iter_non_variadic_params() {
            if let Some(annotation) = &parameter.parameter.annotation {
                self.visit_expr(annotation);
            }
            if let Some(default) = &parameter.default {
                if arguments::wraps_cuda(default) {
                    self.device(DeviceUse::Default, &**default);
                }
                self.visit_expr(default);
            }
        }
    }

    fn assign(&mut self, target: &'a Expr, value: &'a Expr) {
        match target {
            Expr::Name(name) => {
                let id = name.id.as_str();
                if is_cuda(value) && names_a_device(id) {
                    let what = if self.context() == Context::Plain { DeviceUse::Setting } else { DeviceUse::Demand };
                    self.device(what, value);
                }
                let evaluated = self.value(value);
                self.names.set(id, evaluated);
            }
            Expr::Subscript(subscript) => {
                let (key, evaluated) = (self.value(&subscript.slice), self.value(value));
                if let Expr::Name(name) = &*subscript.value
                    && let Some(Value::Table(items)) = self.names.get_mut(name.id.as_str())
                    && items.len() < 1000
                {
                    items.retain(|(k, _)| *k != key);
                    items.push((key, evaluated));
                }
            }
            Expr::Attribute(attribute) if is_cuda(value) && names_a_device(attribute.attr.as_str()) => {
                self.device(DeviceUse::Demand, value);
            }
            _ => {}
        }
    }

    /// `names.append(x)`, `.extend`, `.insert`, `.update` on a list or table whose content is known.
    fn grow(&mut self, call: &ExprCall) {
        let Expr::Attribute(attribute) = &*call.func else { return };
        let Expr::Name(name) = &*attribute.value else { return };
        let method = attribute.attr.as_str();
        if !matches!(method, "append" | "extend" | "update" | "insert") {
            return;
        }
        let Some(last) = call.arguments.args.last() else { return };
        let id = name.id.as_str();
        if self.names.get(id).is_none_or(Value::is_unknown) {
            return;
        }
        let value = self.value(last);
        match (self.names.get_mut(id), method, value) {
            (Some(Value::List(items)), "append" | "insert", value) if items.len() < 1000 => items.push(value),
            (Some(Value::List(items)), "extend", Value::List(more)) if items.len() < 1000 => items.extend(more),
            (Some(Value::Table(items)), "update", Value::Table(more)) if items.len() < 1000 => items.extend(more),
            _ => {}
        }
    }

    fn call(&mut self, call: &'a ExprCall) {
        let name = self.dotted(&call.func);
        let decorates = self.decorates.take();
        let arguments: Vec<Value> = call.arguments.args.iter().map(|argument| self.value(argument)).collect();
        let keywords: Vec<(String, Value)> = call
            .arguments
            .keywords
            .iter()
            .map(|keyword| {
                (keyword.arg.as_ref().map_or("**", |name| name.as_str()).to_owned(), self.value(&keyword.value))
            })
            .collect();
        let record = Call {
            name,
            arguments,
            keywords,
            line: self.line(call),
            scope: self.scope(),
            context: self.context(),
            decorates,
        };
        self.dynamic_import(&record, call);
        self.program(&record, call);
        self.search_path(&record, call);
        self.cuda(&record, call);
        if matches!(record.name.as_str(), "input" | "raw_input" | "fileinput.input") {
            self.module.reads_stdin = true;
        }
        arguments::read(self, &record, call);
        self.module.calls.push(record);
    }

    fn dynamic_import(&mut self, record: &Call, call: &ExprCall) {
        if matches!(record.name.as_str(), "importlib.import_module" | "__import__" | "importlib.__import__")
            && let Some(Value::Text(name)) = record.arguments.first()
        {
            let level = name.chars().take_while(|c| *c == '.').count();
            let module = name.trim_start_matches('.').to_owned();
            if module.split('.').all(is_identifier) {
                self.import(&module, u32::try_from(level).unwrap_or(1), Vec::new(), call, true);
            }
        }
    }

    fn program(&mut self, record: &Call, call: &ExprCall) {
        let (shell, probed) = match record.name.as_str() {
            "subprocess.run"
            | "subprocess.call"
            | "subprocess.check_call"
            | "subprocess.check_output"
            | "subprocess.Popen"
            | "asyncio.create_subprocess_exec" => (false, false),
            "os.system"
            | "os.popen"
            | "subprocess.getoutput"
            | "subprocess.getstatusoutput"
            | "commands.getoutput"
            | "asyncio.create_subprocess_shell" => (true, false),
            "shutil.which" | "distutils.spawn.find_executable" => (false, true),
            _ => return,
        };
        let Some(first) = call.arguments.args.first() else { return };
        let line = match record.arguments.first() {
            Some(Value::List(items)) => items.first().and_then(Value::text).map(str::to_owned),
            Some(Value::Text(text)) if shell || record.keywords.iter().any(|(key, _)| key == "shell") => {
                Some(text.clone())
            }
            Some(Value::Text(text)) => Some(text.clone()),
            _ => leading_text(first),
        };
        if let Some(name) = line.as_deref().and_then(program_name) {
            self.module.programs.push(Program {
                name,
                line: record.line,
                scope: record.scope.clone(),
                context: record.context,
                probed,
            });
        }
    }

    fn search_path(&mut self, record: &Call, call: &ExprCall) {
        if !matches!(record.name.as_str(), "sys.path.append" | "sys.path.insert" | "site.addsitedir") {
            return;
        }
        if let Some(path) = call.arguments.args.last().and_then(|argument| self.folder(argument, 0)) {
            self.module.search_paths.push(path);
        }
    }

    /// A folder as code spells it: literals, `__file__`, `os.path.dirname`, `abspath`, `join`, `Path(…).parent`.
    fn folder(&self, expression: &Expr, depth: usize) -> Option<SearchPath> {
        if depth > 12 {
            return None;
        }
        match expression {
            Expr::Name(name) if name.id.as_str() == "__file__" => Some(SearchPath::File("\0".to_owned())),
            Expr::Name(name) => match self.names.get(name.id.as_str())? {
                Value::Text(text) => Some(SearchPath::Working(text.clone())),
                // Assigned from an expression that is no literal; its text is what is left of it.
                Value::Unknown(text) if text.contains("__file__") && text.len() < 160 => {
                    let parsed = ruff_python_parser::parse_expression(text).ok()?;
                    self.folder(&parsed.syntax().body, depth + 1)
                }
                _ => None,
            },
            Expr::Attribute(attribute) if attribute.attr.as_str() == "parent" => {
                self.folder(&attribute.value, depth + 1).map(parent)
            }
            Expr::Subscript(subscript) => {
                let Expr::Attribute(attribute) = &*subscript.value else { return None };
                let Value::Integer(count) = self.value(&subscript.slice) else { return None };
                if attribute.attr.as_str() != "parents" || !(0..8).contains(&count) {
                    return None;
                }
                let mut folder = self.folder(&attribute.value, depth + 1)?;
                for _ in 0..=count {
                    folder = parent(folder);
                }
                Some(folder)
            }
            Expr::BinOp(operation) if matches!(operation.op, Operator::Div | Operator::Add) => {
                let base = self.folder(&operation.left, depth + 1)?;
                let Value::Text(more) = self.value(&operation.right) else { return None };
                Some(below(base, &more))
            }
            Expr::Call(call) => {
                let name = self.dotted(&call.func);
                let first = call.arguments.args.first();
                match name.rsplit('.').next().unwrap_or_default() {
                    "dirname" => self.folder(first?, depth + 1).map(parent),
                    "abspath" | "realpath" | "normpath" | "expanduser" | "str" | "Path" | "fspath" => {
                        self.folder(first?, depth + 1)
                    }
                    "resolve" | "absolute" | "as_posix" => match &*call.func {
                        Expr::Attribute(attribute) => self.folder(&attribute.value, depth + 1),
                        _ => None,
                    },
                    "join" => {
                        let mut parts = call.arguments.args.iter();
                        let mut base = self.folder(parts.next()?, depth + 1)?;
                        for part in parts {
                            let Value::Text(more) = self.value(part) else { return None };
                            base = below(base, &more);
                        }
                        Some(base)
                    }
                    "getcwd" | "cwd" => Some(SearchPath::Working(String::new())),
                    _ => None,
                }
            }
            _ => match self.value(expression) {
                Value::Text(text) => Some(SearchPath::Working(text)),
                _ => None,
            },
        }
    }

    fn cuda(&mut self, record: &Call, call: &'a ExprCall) {
        let name = record.name.as_str();
        let arguments = &call.arguments;
        let demanded = match record.method() {
            "cuda" => {
                // `x.cuda(non_blocking=True)`; `torch.cuda` itself is no call.
                matches!(&*call.func, Expr::Attribute(_))
            }
            "to" | "device" | "to_empty" | "set_default_device" => arguments.args.iter().any(is_cuda),
            _ => false,
        } || arguments.keywords.iter().any(|keyword| {
            keyword.arg.as_ref().is_some_and(|key| matches!(key.as_str(), "device" | "map_location" | "device_map"))
                && is_cuda(&keyword.value)
                // A call whose keyword only offers the device (`add_argument`) is read elsewhere.
                && record.method() != "add_argument"
        });
        // The device may be asked for in the very expression: `.to("cuda" if torch.cuda.is_available() else "cpu")`
        // has a ternary as its argument, which `is_cuda` does not take for a literal.
        // In a chain over several lines, the line of the method is the one worth showing.
        let place = match &*call.func {
            Expr::Attribute(attribute) => attribute.attr.range(),
            other => other.range(),
        };
        if demanded {
            self.device(DeviceUse::Demand, &place);
        }
        if name.ends_with("cuda.is_available")
            || name.ends_with("cuda.device_count")
            || name.ends_with("list_physical_devices")
            || name.ends_with("is_gpu_available")
            || name.ends_with("get_available_providers")
        {
            self.device(DeviceUse::Question, &place);
            if let Some(device) = self.module.devices.last_mut() {
                name.split('.').next().unwrap_or_default().clone_into(&mut device.library);
            }
        } else if name.starts_with("torch.cuda.")
            && matches!(
                record.method(),
                "set_device"
                    | "synchronize"
                    | "Stream"
                    | "current_stream"
                    | "get_device_properties"
                    | "get_device_name"
                    | "get_device_capability"
                    | "mem_get_info"
                    | "current_device"
            )
        {
            self.device(DeviceUse::Runtime, &place);
        }
    }

    /// Notes a use. What is only used once a GPU was found says nothing about what the program needs without one.
    fn identifier(&mut self, name: &'a str) {
        if self.chosen == 0 || self.functions == 0 {
            self.identifiers.push(hash(name));
        }
    }

    fn text(&mut self, value: &str, node: &impl Ranged) {
        if value.len() <= TEXT_LIMIT && looks_like_source(value) {
            self.module.texts.push(Text { value: value.to_owned(), line: self.line(node), scope: self.scope() });
        }
    }
}

impl<'a> SourceOrderVisitor<'a> for Walker<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if self.depth > DEPTH_LIMIT {
            self.too_deep = true;
            return;
        }
        self.depth += 1;
        match statement {
            Stmt::Import(import) => {
                for alias in &import.names {
                    let name = alias.name.as_str();
                    let first = name.split('.').next().unwrap_or(name);
                    let (local, full) = alias.asname.as_ref().map_or((first, first), |local| (local.as_str(), name));
                    self.aliases.insert(local.to_owned(), full.to_owned());
                    self.import(name, 0, Vec::new(), import, false);
                }
            }
            Stmt::ImportFrom(import) => {
                let module = import.module.as_ref().map_or("", |module| module.as_str());
                let names: Vec<String> = import.names.iter().map(|alias| alias.name.to_string()).collect();
                if import.level == 0 {
                    for alias in &import.names {
                        let local = alias.asname.as_ref().unwrap_or(&alias.name);
                        self.aliases.insert(local.to_string(), format!("{module}.{}", alias.name.as_str()));
                    }
                }
                self.import(module, import.level, names, import, false);
            }
            Stmt::FunctionDef(function) => self.function(function),
            Stmt::ClassDef(class) => self.class(class),
            Stmt::If(statement) => self.if_statement(statement),
            Stmt::Try(statement) => self.try_statement(statement),
            Stmt::Assign(assign) => {
                self.visit_expr(&assign.value);
                for target in &assign.targets {
                    self.assign(target, &assign.value);
                    self.visit_expr(target);
                }
            }
            Stmt::AnnAssign(assign) => {
                self.visit_expr(&assign.annotation);
                if let Some(value) = &assign.value {
                    if arguments::wraps_cuda(value) && !self.scopes.is_empty() && self.functions == 0 {
                        // A dataclass field is a default, not a demand.
                        self.device(DeviceUse::Default, &**value);
                        self.visit_expr(value);
                        if let Expr::Name(name) = &*assign.target {
                            let evaluated = self.value(value);
                            self.names.set(name.id.as_str(), evaluated);
                        }
                    } else {
                        self.visit_expr(value);
                        self.assign(&assign.target, value);
                    }
                }
            }
            Stmt::AugAssign(assign) => {
                self.visit_expr(&assign.value);
                if let Expr::Name(name) = &*assign.target
                    && matches!(assign.op, Operator::Add)
                {
                    let more = self.value(&assign.value);
                    let id = name.id.as_str();
                    match (self.names.get_mut(id), more) {
                        (Some(Value::List(items)), Value::List(more)) if items.len() < 1000 => items.extend(more),
                        (Some(Value::List(items)), unknown) if items.len() < 1000 => items.push(unknown),
                        (Some(Value::Text(text)), Value::Text(more)) if text.len() < 10_000 => text.push_str(&more),
                        (Some(_), _) => self.names.set(id, Value::Unknown(String::new())),
                        (None, _) => {}
                    }
                }
            }
            Stmt::Expr(expression) => {
                if let Expr::Call(call) = &*expression.value {
                    self.grow(call);
                }
                // A string that stands alone is a comment.
                if !matches!(&*expression.value, Expr::StringLiteral(_)) {
                    self.visit_expr(&expression.value);
                }
            }
            _ => walk_stmt(self, statement),
        }
        self.depth -= 1;
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if self.depth > DEPTH_LIMIT {
            self.too_deep = true;
            return;
        }
        self.depth += 1;
        match expression {
            Expr::Call(call) => {
                self.call(call);
                walk_expr(self, expression);
            }
            // To compare with a device is not to ask for one.
            Expr::Compare(_) => {
                self.caught += 1;
                walk_expr(self, expression);
                self.caught -= 1;
            }
            // What follows the first operand of `and` or `or` may never be looked at.
            Expr::BoolOp(operation) => {
                for (index, operand) in operation.values.iter().enumerate() {
                    self.conditional += usize::from(index > 0);
                    self.visit_expr(operand);
                    self.conditional -= usize::from(index > 0);
                }
            }
            Expr::If(choice) => {
                let depends = asks_for_device(self.text_of(&*choice.test));
                self.chosen += usize::from(depends);
                walk_expr(self, expression);
                self.chosen -= usize::from(depends);
            }
            Expr::Name(name) => {
                let id = name.id.as_str();
                self.identifier(id);
                // `from sys import stdin`.
                if self.aliases.get(id).is_some_and(|full| full == "sys.stdin") {
                    self.module.reads_stdin = true;
                }
            }
            Expr::Attribute(attribute) => {
                let name = attribute.attr.as_str();
                self.identifier(name);
                if name.ends_with("Tensor") && self.dotted(expression).starts_with("torch.cuda.") {
                    self.device(DeviceUse::Runtime, attribute);
                }
                if name == "stdin" && self.dotted(expression) == "sys.stdin" {
                    self.module.reads_stdin = true;
                }
                walk_expr(self, expression);
            }
            Expr::StringLiteral(literal) => {
                let text = literal.value.to_str();
                if text.starts_with("torch.cuda.") && text.ends_with("Tensor") {
                    self.device(DeviceUse::Runtime, literal);
                }
                self.text(text, literal);
            }
            Expr::FString(literal) => {
                if let Value::Text(text) = self.value(expression) {
                    self.text(&text, literal);
                }
                walk_expr(self, expression);
            }
            _ => walk_expr(self, expression),
        }
        self.depth -= 1;
    }
}

/// Is it the literal `"cuda"` or `"cuda:N"`, or `torch.device` of one?
pub(super) fn is_cuda(expression: &Expr) -> bool {
    match expression {
        Expr::StringLiteral(literal) => {
            let text = literal.value.to_str();
            text == "cuda" || text.strip_prefix("cuda:").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
        }
        _ => false,
    }
}

/// Does a condition look at the device before it goes on?
fn asks_for_device(test: &str) -> bool {
    let lower = test.to_ascii_lowercase();
    ["cuda", "gpu", "cpu", "device", "is_available"].iter().any(|word| lower.contains(word))
}

fn names_a_device(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.contains("device") || lower == "dev" || lower == "gpu"
}

fn is_identifier(part: &str) -> bool {
    let mut characters = part.chars();
    characters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && characters.all(|c| c.is_alphanumeric() || c == '_')
}

/// One folder up.
fn parent(path: SearchPath) -> SearchPath {
    match path {
        // The file itself: its folder is the empty path.
        SearchPath::File(text) if text == "\0" => SearchPath::File(String::new()),
        SearchPath::File(text) => SearchPath::File(below_text(&text, "..")),
        SearchPath::Working(text) => SearchPath::Working(below_text(&text, "..")),
    }
}

fn below(path: SearchPath, more: &str) -> SearchPath {
    match path {
        // `os.path.join(__file__, "..")` climbs out of the file's own name.
        SearchPath::File(text) if text == "\0" => match more.trim_matches('/').strip_prefix("..") {
            Some(rest) => SearchPath::File(rest.trim_start_matches('/').to_owned()),
            None => SearchPath::File(more.to_owned()),
        },
        SearchPath::File(text) => SearchPath::File(below_text(&text, more)),
        SearchPath::Working(text) => SearchPath::Working(below_text(&text, more)),
    }
}

fn below_text(base: &str, more: &str) -> String {
    if base.is_empty() { more.to_owned() } else { format!("{}/{}", base.trim_end_matches('/'), more.trim_matches('/')) }
}

/// What an f-string, a `+`, a `%` or a `.format` begins with.
fn leading_text(expression: &Expr) -> Option<String> {
    match expression {
        Expr::StringLiteral(literal) => Some(literal.value.to_str().to_owned()),
        Expr::FString(text) => match text.value.elements().next()? {
            ruff_python_ast::InterpolatedStringElement::Literal(literal) => Some(literal.value.to_string()),
            ruff_python_ast::InterpolatedStringElement::Interpolation(_) => None,
        },
        Expr::BinOp(operation) => match &*operation.left {
            // Long chains of `+` nest to the left; a program's name is rarely behind more than a few.
            Expr::BinOp(inner) => match &*inner.left {
                Expr::BinOp(_) => None,
                other => leading_text(other),
            },
            other => leading_text(other),
        },
        Expr::List(list) => match list.iter().next()? {
            Expr::StringLiteral(literal) => Some(literal.value.to_str().to_owned()),
            _ => None,
        },
        Expr::Call(call) => match &*call.func {
            Expr::Attribute(attribute) if attribute.attr.as_str() == "format" => match &*attribute.value {
                Expr::StringLiteral(literal) => Some(literal.value.to_str().to_owned()),
                _ => None,
            },
            Expr::Attribute(attribute) if attribute.attr.as_str() == "split" => match &*attribute.value {
                Expr::StringLiteral(literal) => Some(literal.value.to_str().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// The program that a shell line starts: its first word that is no assignment, without its folder.
fn program_name(line: &str) -> Option<String> {
    let word = line
        .split_whitespace()
        .find(|word| !word.contains('=') && !matches!(*word, "sudo" | "exec" | "nohup" | "time" | "env" | "command"))?;
    let name = word.rsplit('/').next().unwrap_or(word).trim_matches(|c| matches!(c, '"' | '\'' | ';' | '&' | '|'));
    let fits = !name.is_empty()
        && name.len() <= 40
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+'))
        && name.bytes().any(|b| b.is_ascii_alphabetic())
        && !matches!(
            name,
            "cd" | "echo" | "export" | "set" | "exit" | "true" | "test" | "source" | "." | "if" | "for" | "while"
        );
    fits.then(|| name.to_owned())
}

/// Does a string constant look like a URL, a path with a folder or a known ending, or a hub id?
fn looks_like_source(value: &str) -> bool {
    if value.len() < 4 || value.contains(['\n', '\t']) {
        return false;
    }
    if value.contains("://") {
        return true;
    }
    if value.contains(' ') {
        return false;
    }
    let name = value.rsplit('/').next().unwrap_or(value);
    let ends = name.rsplit_once('.').is_some_and(|(stem, ending)| {
        !stem.is_empty() && (2..=12).contains(&ending.len()) && ending.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    ends || value.contains('/')
}
