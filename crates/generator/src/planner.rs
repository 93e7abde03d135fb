//! Facts and knowledge in, [`Plan`] out. Nothing is resolved, fetched or measured here.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use jiff::ToSpan as _;
use jiff::civil::Date;
use pep440_rs::{Version, VersionSpecifiers};
use repro_core::{Context, Environment, KnowledgeBase};
use repro_inspect::{
    Action, Candidate, Command, Evidence, Facts, Form, Gpu, GpuNeed, Kind, Native, Project, Requirement, Scope,
    Strength,
};
use repro_note::Edit;

use crate::edit::{self, Applied};
use crate::names::{in_torch_family, normalise, parse, provides, requirement_name};
use crate::overrides::Overrides;
use crate::plan::{Because, Direct, Main, Pip, Plan, ProjectInstall, Python, Reason, Source, SourceKind, Wanted};

/// The image that GPU repositories start from unless a person says otherwise.
pub const NGC_IMAGE: &str = "nvcr.io/nvidia/pytorch:25.11-py3";
/// The Debian release of CPU images: old enough for every Python that is still met, new enough to be supported.
const SUITE: &str = "bookworm";
/// How many alternatives to the main command a plan keeps.
const ALTERNATIVES: usize = 11;

/// Turns what was read into what is to be built.
pub fn plan(repo: &str, facts: &Facts, source: Source, knowledge: &KnowledgeBase, overrides: &Overrides) -> Plan {
    let best = facts.given.as_ref().or(facts.candidates.first());
    let gpu = facts.gpu.clone();
    let on_ngc = overrides.base.is_none()
        && match gpu.need {
            GpuNeed::Required => overrides.gpu != Some(false),
            GpuNeed::Optional => overrides.gpu == Some(true),
            GpuNeed::None => false,
        };
    let mut warnings: Vec<String> = Vec::new();
    let python = if on_ngc {
        let version = knowledge.image(NGC_IMAGE).map_or_else(|| "3.12".to_owned(), |e| minor(&e.python).to_owned());
        Python {
            version,
            constraint: constraint(facts),
            because: vec![Reason::said(format!("`{NGC_IMAGE}` carries it"))],
        }
    } else {
        choose_python(facts, &source.committed, knowledge, overrides, &mut warnings)
    };
    let base_image = match &overrides.base {
        Some(base) => base.clone(),
        None if on_ngc => NGC_IMAGE.to_owned(),
        None => knowledge
            .tables()
            .slim_tag(&python.version, Some(SUITE))
            .unwrap_or_else(|| format!("python:{}-slim-{SUITE}", python.version)),
    };
    let without_gpu = gpu.need != GpuNeed::None && is_without_gpu(&base_image);
    let main = main_command(best, facts.given.as_ref(), overrides, without_gpu);
    let resolve_date = match overrides.resolve_date.as_deref() {
        Some("none") => None,
        Some(date) => Some(date.to_owned()),
        None => dated(&source.committed, &python.version, knowledge, &mut warnings),
    };
    let project = project_install(facts, best, &source);
    let mut plan = Plan {
        repo: repo.to_owned(),
        gpu,
        base_chosen: overrides.base.is_some(),
        base_image,
        platform: overrides.platform.clone().unwrap_or_else(|| "linux/amd64".to_owned()),
        python,
        resolve_date,
        apt: Vec::new(),
        pip: Pip::default(),
        project,
        env: BTreeMap::new(),
        run_flags: Vec::new(),
        commands: Vec::new(),
        patches: Vec::new(),
        orders: Vec::new(),
        main,
        alternatives: facts.candidates.iter().skip(1).take(ALTERNATIVES).cloned().collect(),
        weights: facts.weights.clone(),
        notes: Vec::new(),
        warnings,
        lock: None,
        source: Source {
            submodules: needed_submodules(facts),
            lfs: source.lfs || !facts.lfs_pointers.is_empty(),
            ..source
        },
    };
    declared_requirements(&mut plan, facts, best);
    imported_requirements(&mut plan, facts, best, knowledge);
    native_builds(&mut plan);
    stated_packages(&mut plan, facts, knowledge);
    if on_ngc {
        let reason = Reason::said("the main command needs a GPU");
        for flag in ["--gpus", "all", "--ipc=host"] {
            plan.run_flags.push(Because::new(flag.to_owned(), reason.clone()));
        }
    }
    // On NVIDIA's image the host's own shared memory is used.
    if let Some(flag) = facts.stated.run_flags.first().filter(|_| !on_ngc) {
        plan.run_flags.push(Because::new(flag.value.clone(), Reason::seen("upstream's compose file", &flag.evidence)));
    }
    preventive(&mut plan, best, knowledge);
    started_programs(&mut plan, best, knowledge);
    preparing_programs(&mut plan, knowledge);
    overridden(&mut plan, overrides);
    warn(&mut plan, facts);
    plan
}

/// Submodules without those that only serve documentation, tests or benchmarks.
fn needed_submodules(facts: &Facts) -> Vec<String> {
    const ASIDE: [&str; 12] = [
        "doc",
        "docs",
        "documentation",
        "website",
        "site",
        "test",
        "tests",
        "testing",
        "benchmark",
        "benchmarks",
        "ci",
        ".github",
    ];
    let is_aside =
        |path: &str| path.split('/').next().is_some_and(|top| ASIDE.contains(&top.to_ascii_lowercase().as_str()));
    facts.submodules.iter().map(|(path, _)| path.clone()).filter(|path| !is_aside(path)).collect()
}

/// Makes one of the plan's alternatives its main command; the old one takes its place among the alternatives.
pub fn promote(plan: &mut Plan, index: usize) {
    if index < plan.alternatives.len() {
        let chosen = plan.alternatives.remove(index);
        plan.main = Some(main_of(&chosen, plan.gpu.need != GpuNeed::None && is_without_gpu(&plan.base_image)));
    }
}

/// Is this one of the small images for programs on a CPU?
fn is_without_gpu(base_image: &str) -> bool {
    base_image.starts_with("python:")
}

fn main_of(candidate: &Candidate, without_gpu: bool) -> Main {
    let mut command = candidate.command.clone();
    let mut changes = candidate.changes.clone();
    if let Some(on_cpu) = candidate.on_cpu.as_ref().filter(|_| without_gpu) {
        command.line.clone_from(&on_cpu.line);
        changes.extend(on_cpu.changes.iter().cloned());
    }
    Main {
        command,
        kind: candidate.kind,
        snippet: candidate.snippet.clone(),
        because: candidate.because.clone(),
        changes,
        evidence: candidate.evidence.clone(),
        questions: candidate.questions.clone(),
        expect: Vec::new(),
    }
}

fn main_command(
    best: Option<&Candidate>,
    given: Option<&Candidate>,
    overrides: &Overrides,
    without_gpu: bool,
) -> Option<Main> {
    let mut main = if let Some(line) = &overrides.command {
        Main {
            command: Command {
                line: line.clone(),
                setup: overrides.setup.clone(),
                env: BTreeMap::new(),
                workdir: overrides.workdir.clone().unwrap_or_default(),
                samples: Vec::new(),
            },
            kind: given.map_or_else(|| kind_of(line), |given| given.kind),
            snippet: None,
            because: vec!["`repro.toml` or the command line says so".to_owned()],
            changes: Vec::new(),
            evidence: Vec::new(),
            questions: given.map(|given| given.questions.clone()).unwrap_or_default(),
            expect: Vec::new(),
        }
    } else {
        let mut main = main_of(best?, without_gpu);
        main.command.setup.extend(overrides.setup.iter().cloned());
        if let Some(workdir) = &overrides.workdir {
            main.command.workdir.clone_from(workdir);
        }
        main
    };
    if !overrides.ask.is_empty() {
        main.questions = overrides.ask.iter().filter_map(|line| repro_inspect::asked(line)).collect();
    }
    match overrides.server {
        Some(true) => main.kind = Kind::WebUi,
        Some(false) if main.kind == Kind::WebUi => main.kind = Kind::Script,
        _ => {}
    }
    main.expect.clone_from(&overrides.expect);
    // A name, and nothing that leaves the folder.
    let names =
        overrides.samples.iter().filter(|name| !name.is_empty() && !name.starts_with('.') && !name.contains('/'));
    main.command.samples.extend(names.cloned());
    main.command.samples.sort();
    main.command.samples.dedup();
    Some(main)
}

/// What a command that a person wrote starts.
fn kind_of(line: &str) -> Kind {
    let mut words = line.split_whitespace().map(|word| word.trim_matches(['"', '\'']));
    match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
        ("jupyter", _) => Kind::Notebook,
        (python, "-m") if python.starts_with("python") => Kind::Module,
        (start, _) if start.starts_with("python") || start.contains(['/', '.', '=']) => Kind::Script,
        ("sh" | "bash" | "cd" | "env" | "", _) => Kind::Script,
        _ => Kind::ConsoleScript,
    }
}

// ---- Python ---------------------------------------------------------------------------------------------

fn minor(version: &str) -> &str {
    match version.match_indices('.').nth(1) {
        Some((end, _)) => version.get(..end).unwrap_or(version),
        None => version,
    }
}

/// Gives the plan the Python of a base that a person chose.
pub fn settle_python(plan: &mut Plan, environment: &Environment) {
    let carried = minor(&environment.python);
    if !carried.is_empty() && carried != plan.python.version {
        carried.clone_into(&mut plan.python.version);
        plan.python.because = vec![Reason::said(format!("`{}` carries it", plan.base_image))];
    }
}

fn constraint(facts: &Facts) -> String {
    let claims = |strength: Strength| {
        let mut specifiers: Vec<&str> =
            facts.pythons.iter().filter(|c| c.strength == strength).map(|c| c.specifier.as_str()).collect();
        specifiers.sort_unstable();
        specifiers.dedup();
        specifiers.join(",")
    };
    let hard = claims(Strength::Hard);
    if hard.is_empty() { claims(Strength::Recommended) } else { hard }
}

/// Does a minor version, in its newest patch release, satisfy a specifier set? Unreadable specifiers bind nobody.
pub(crate) fn admits(specifier: &str, minor: &str) -> bool {
    let Ok(specifiers) = VersionSpecifiers::from_str(specifier) else { return true };
    // `>=3.8.1`, `<3.12` and `==3.10.4` are all about patch releases that an image of that minor version may have.
    ["0", "1", "2", "4", "6", "8", "10", "12", "14", "16", "18", "20", "99"]
        .iter()
        .filter_map(|patch| Version::from_str(&format!("{minor}.{patch}")).ok())
        .any(|version| specifiers.contains(&version))
}

fn choose_python(
    facts: &Facts,
    committed: &str,
    knowledge: &KnowledgeBase,
    overrides: &Overrides,
    warnings: &mut Vec<String>,
) -> Python {
    let constraint = constraint(facts);
    if let Some(version) = &overrides.python {
        let because = vec![Reason::said("`repro.toml` or the command line says so")];
        return Python { version: version.clone(), constraint, because };
    }
    let mut because = Vec::new();
    let mut choices: Vec<String> = knowledge.tables().slim_pythons().map(str::to_owned).collect();
    if !overrides.available_pythons.is_empty() {
        choices.retain(|c| overrides.available_pythons.contains(c));
    }
    let key = |version: &str| version.split('.').filter_map(|p| p.parse::<u32>().ok()).collect::<Vec<_>>();
    let mut narrow = |choices: &mut Vec<String>, reason: Reason, keep: &dyn Fn(&str) -> bool| {
        let kept: Vec<String> = choices.iter().filter(|c| keep(c)).cloned().collect();
        if kept.is_empty() {
            warnings.push(format!("no Python fits all that is said: left aside that {}", reason.line()));
        } else if kept.len() < choices.len() {
            *choices = kept;
            because.push(reason);
        }
    };
    for claim in facts.pythons.iter().filter(|c| c.strength == Strength::Hard) {
        let reason = Reason::seen(format!("upstream requires Python {}", claim.specifier), &claim.evidence);
        narrow(&mut choices, reason, &|c| admits(&claim.specifier, c));
    }
    // Wheels of a torch exist for few Pythons, and it cannot be built from source in reasonable time.
    for requirement in facts.requirements.iter().filter(|r| matches!(r.scope, Scope::Main | Scope::Conda)) {
        if requirement.name == "torch"
            && let Some(range) = range_of(&requirement.spec)
            && let pythons = knowledge.tables().pythons_of_torch_in(&range)
            && !pythons.is_empty()
        {
            let text = format!("`{}` has wheels for Python {} only", requirement.spec, pythons.join(", "));
            let reason = Reason::seen(text, &requirement.evidence);
            narrow(&mut choices, reason, &|c| pythons.contains(&c));
        }
    }
    // Nor can most other compiled libraries, where their release is older than the Python. What has a marker is
    // wanted for some Pythons only.
    for requirement in facts.requirements.iter().filter(|r| matches!(r.scope, Scope::Main | Scope::Conda)) {
        if !requirement.spec.contains(';')
            && let Some(range) = range_of(&requirement.spec)
            && let Some(newest) = knowledge.tables().newest_python_with_wheels(&requirement.name, &range)
        {
            let text = format!("`{}` has wheels up to Python {newest} only", requirement.spec);
            let reason = Reason::seen(text, &requirement.evidence);
            let newest = key(newest);
            narrow(&mut choices, reason, &|c| key(c) <= newest);
        }
    }
    for claim in facts.pythons.iter().filter(|c| c.strength == Strength::Recommended) {
        let reason = Reason::seen(format!("upstream names Python {}", claim.specifier), &claim.evidence);
        narrow(&mut choices, reason, &|c| admits(&claim.specifier, c));
    }
    // Bases older than the usual release are only taken where upstream leaves no other: their archives vanish.
    let tables = knowledge.tables();
    let on_suite = |python: &&str| tables.slim_tag(python, Some(SUITE)).is_some_and(|tag| tag.ends_with(SUITE));
    let oldest = tables.slim_pythons().find(on_suite).unwrap_or_default().to_owned();
    choices.sort_by_key(|c| key(c));
    let newest = choices.last().cloned().unwrap_or_default();
    let current = committed.parse().map_or(newest.as_str(), |date| tables.python_current_at(date));
    let current = if key(current) < key(&oldest) { oldest.as_str() } else { current };
    let version = choices
        .iter()
        .rev()
        .find(|c| key(c) <= key(current))
        .or_else(|| choices.first())
        .cloned()
        .unwrap_or_else(|| current.to_owned());
    let date = if committed.is_empty() { "today" } else { committed };
    because.push(Reason::said(if version == current {
        format!("it is the usual choice for {date}")
    } else {
        format!("of what is left it is nearest to {current}, the usual choice for {date}")
    }));
    Python { version, constraint, because }
}

/// The day to resolve for: that of the source, or the later one on which the chosen Python had wheels of most libraries.
fn dated(committed: &str, python: &str, knowledge: &KnowledgeBase, warnings: &mut Vec<String>) -> Option<String> {
    let date: Date = committed.parse().ok()?;
    let released = knowledge.tables().pythons().find(|p| p.version == python).and_then(|p| p.released);
    match released.and_then(|released| released.checked_add(10.months()).ok()) {
        Some(settled) if settled > date => {
            warnings
                .push(format!("releases are those of {settled}: on {date} there were hardly any for Python {python}"));
            Some(settled.to_string())
        }
        _ => Some(committed.to_owned()),
    }
}

/// The versions that a requirement allows, where it limits them; local labels (`+cu113`) set aside.
fn range_of(spec: &str) -> Option<VersionSpecifiers> {
    let parsed = parse(&without_local_label(spec))?;
    match parsed.version_or_url {
        Some(pep508_rs::VersionOrUrl::VersionSpecifier(specifiers)) if !specifiers.is_empty() => Some(specifiers),
        _ => None,
    }
}

// ---- what is installed ----------------------------------------------------------------------------------

fn project_install(facts: &Facts, best: Option<&Candidate>, source: &Source) -> Option<ProjectInstall> {
    let project = project_of(facts, best)?;
    let folder = if project.folder.is_empty() { "." } else { &project.folder };
    let mut because = vec![match &project.evidence {
        Some(evidence) => Reason::seen("the repository's own package", evidence),
        None => Reason::said("the repository's own package"),
    }];
    let stated = facts.stated.installs.iter().find(|s| s.value == "editable" && s.strength >= Strength::Recommended);
    let native: Vec<Native> = project.native.iter().copied().collect();
    // An unbuilt checkout shadows the installed package as soon as a program runs in it.
    let in_place = !native.is_empty() && !project.packages.is_empty();
    if let Some(stated) = stated {
        because.push(Reason::seen("upstream installs it in editable mode", &stated.evidence));
    } else if in_place {
        because.push(Reason::said("extensions are built in place, so that the checkout does not shadow them"));
    }
    let isolated = project.setup_imports.is_empty();
    let released = (source.kind == SourceKind::Pypi).then(|| source.commit.clone());
    if !isolated {
        because.push(Reason::said(format!("its setup imports {}", project.setup_imports.join(", "))));
    }
    Some(ProjectInstall {
        folder: if folder == "." { String::new() } else { folder.to_owned() },
        name: project.name.clone(),
        editable: stated.is_some() || in_place,
        isolated,
        legacy: project.backend.is_none(),
        native,
        cuda_extensions: project.cuda_extensions.clone(),
        version_from_vcs: project
            .version_from_vcs
            .then(|| project.version.clone().or(released).unwrap_or_else(|| "0.0.0".to_owned())),
        because,
    })
}

/// The project that the best command belongs to; else the one at the root.
fn project_of<'f>(facts: &'f Facts, best: Option<&Candidate>) -> Option<&'f Project> {
    let root = facts.projects.iter().find(|p| p.folder.is_empty());
    if root.is_some() {
        return root;
    }
    let best = best?;
    let program = best.command.line.split_whitespace().next().unwrap_or_default();
    facts.projects.iter().find(|p| {
        p.console_scripts.contains_key(program)
            || best.imports.followed.iter().chain(&best.entry).any(|path| path.starts_with(&format!("{}/", p.folder)))
    })
}

fn declared_requirements(plan: &mut Plan, facts: &Facts, best: Option<&Candidate>) {
    let own: BTreeSet<&str> = facts.projects.iter().filter_map(|p| p.name.as_deref()).collect();
    // An environment at the root is left aside only for what is declared beside it, not for the needs of some part.
    let conda_at_root = facts.requirements.iter().any(|r| r.scope == Scope::Conda && !r.evidence.path.contains('/'));
    let has_main = facts
        .requirements
        .iter()
        .any(|r| r.scope == Scope::Main && !r.name.is_empty() && !(conda_at_root && r.evidence.path.contains('/')));
    let uses_extra =
        |extra: &str| best.is_some_and(|b| b.evidence.iter().any(|e| e.text.contains(&format!("[{extra}]"))));
    for requirement in &facts.requirements {
        let wanted = match &requirement.scope {
            Scope::Main => true,
            Scope::Conda => !has_main,
            Scope::Extra(extra) => uses_extra(extra),
            _ => false,
        };
        if !wanted || own.contains(requirement.name.as_str()) {
            continue;
        }
        add_requirement(plan, requirement, "declared");
    }
    build_requirements(plan, facts);
    for requirement in facts.requirements.iter().filter(|r| r.scope == Scope::Constraint) {
        let reason = Reason::seen("a constraint of upstream", &requirement.evidence);
        edit::apply(plan, &Edit::PipPin(requirement.spec.clone()), &reason, None);
    }
    for index in &facts.stated.indexes {
        plan.pip.indexes.push(Because::new(index.value.clone(), Reason::seen("named upstream", &index.evidence)));
    }
}

/// What builds the project, where it is built without an environment of its own.
fn build_requirements(plan: &mut Plan, facts: &Facts) {
    let Some(project) = plan.project.as_ref().filter(|project| !project.isolated) else { return };
    let folder = project.folder.clone();
    let is_its = |path: &str| path.rsplit_once('/').map_or("", |(folder, _)| folder) == folder;
    for requirement in facts.requirements.iter().filter(|r| r.scope == Scope::Build && is_its(&r.evidence.path)) {
        if !plan.pip.requirements.iter().any(|wanted| wanted.name == requirement.name) {
            add_requirement(plan, requirement, "the project is built with it");
        }
    }
}

fn add_requirement(plan: &mut Plan, requirement: &Requirement, text: &str) {
    let reason = Reason::seen(text, &requirement.evidence);
    let name = normalise(&requirement.name);
    match requirement.form {
        Form::Index => {
            if plan.on_ngc() && in_torch_family(&name) {
                let warning = format!("`{}` is left out: the base carries its own build of {name}", requirement.spec);
                if !plan.warnings.contains(&warning) {
                    plan.warnings.push(warning);
                }
                return;
            }
            let spec = without_local_label(&requirement.spec);
            if let Some(same) = plan.pip.requirements.iter_mut().find(|w| w.name == name && w.spec == spec) {
                same.because.push(reason);
                return;
            }
            plan.pip.requirements.push(Wanted { name, spec, because: vec![reason] });
        }
        Form::Path | Form::Editable => {
            let folder = requirement.spec.trim_start_matches("./").trim_end_matches('/');
            let folder = if folder == "." { "" } else { folder };
            if let Some(project) = plan.project.as_mut().filter(|p| p.folder == folder) {
                project.editable |= requirement.form == Form::Editable;
                return;
            }
            let (local, editable) = (true, requirement.form == Form::Editable);
            add_direct(plan, Direct { name, target: folder.to_owned(), local, editable, because: vec![reason] });
        }
        Form::Url | Form::Vcs => {
            let target = requirement.spec.split_once(" @ ").map_or(requirement.spec.as_str(), |(_, url)| url);
            let target = target.trim().to_owned();
            add_direct(plan, Direct { name, target, local: false, editable: false, because: vec![reason] });
        }
    }
}

fn add_direct(plan: &mut Plan, direct: Direct) {
    if !plan.pip.direct.iter().any(|d| d.target == direct.target) {
        plan.pip.direct.push(direct);
    }
}

/// `torch==1.10.0+cu113` names a build that only one index has; the release is the same without the label.
fn without_local_label(spec: &str) -> String {
    let (requirement, marker) = match spec.split_once(';') {
        Some((requirement, marker)) => (requirement, Some(marker)),
        None => (spec, None),
    };
    let Some((start, _)) = requirement.match_indices('+').next() else { return spec.to_owned() };
    let (head, tail) = requirement.split_at(start);
    let end =
        tail.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '_' | '-'))).unwrap_or(tail.len());
    let rest = tail.get(end..).unwrap_or_default();
    let requirement = format!("{head}{rest}");
    marker.map_or(requirement.clone(), |marker| format!("{requirement};{marker}"))
}

/// Adds what the main command's code imports and nobody declares.
fn imported_requirements(plan: &mut Plan, facts: &Facts, best: Option<&Candidate>, knowledge: &KnowledgeBase) {
    let Some(best) = best else { return };
    let own: BTreeSet<String> =
        facts.projects.iter().flat_map(|p| p.packages.keys().chain(&p.extensions).cloned()).collect();
    for (module, evidence) in &best.imports.required {
        let top = module.split('.').next().unwrap_or(module);
        if own.contains(top) || knowledge.is_stdlib(top, &plan.python.version) {
            continue;
        }
        let Some(distribution) = distribution_of(module, facts, knowledge) else {
            plan.warnings
                .push(format!("{}:{} imports `{module}`, which nothing declares", evidence.path, evidence.line));
            continue;
        };
        if plan.pip.requirements.iter().any(|w| provides(&w.name, &distribution))
            || plan.pip.direct.iter().any(|d| provides(&d.name, &distribution))
            || plan.project.as_ref().is_some_and(|p| p.name.as_deref() == Some(&distribution))
            || plan.on_ngc() && in_torch_family(&distribution)
        {
            continue;
        }
        let reason = Reason::seen("imported, but not declared", evidence);
        // Upstream may say elsewhere which release it wants: in an extra, a group, the documentation.
        let elsewhere = facts
            .requirements
            .iter()
            .filter(|r| provides(&r.name, &distribution) && !matches!(r.scope, Scope::Constraint | Scope::Build))
            .filter(|r| r.form == Form::Index)
            .min_by_key(|r| scope_rank(&r.scope));
        let (name, spec, because) = match elsewhere {
            Some(r) => {
                let reasons = vec![reason, Reason::seen("its version is named here", &r.evidence)];
                (r.name.clone(), without_local_label(&r.spec), reasons)
            }
            None => (distribution.clone(), distribution, vec![reason]),
        };
        plan.pip.requirements.push(Wanted { name, spec, because });
    }
}

fn scope_rank(scope: &Scope) -> u8 {
    match scope {
        Scope::Main => 0,
        Scope::Extra(_) => 1,
        Scope::Group(_) => 2,
        Scope::Conda => 3,
        Scope::Documentation => 4,
        Scope::Lock => 5,
        Scope::Hint | Scope::Build | Scope::Constraint => 6,
    }
}

/// The distribution that provides an import: by table, else by a declaration of that very name anywhere upstream.
fn distribution_of(module: &str, facts: &Facts, knowledge: &KnowledgeBase) -> Option<String> {
    if let Some(name) = knowledge.distribution_of_import(module) {
        return Some(normalise(name));
    }
    let top = normalise(module.split('.').next().unwrap_or(module));
    facts.requirements.iter().any(|r| normalise(&r.name) == top).then_some(top)
}

// ---- system packages ------------------------------------------------------------------------------------

/// Compilers for what is compiled during installation. The NGC image has them.
fn native_builds(plan: &mut Plan) {
    let Some(project) = &plan.project else { return };
    if plan.on_ngc() {
        // https://docs.pytorch.org/docs/stable/cpp_extension.html: compiling needs no GPU, only the toolkit.
        if project.native.contains(&Native::Cuda) {
            let reason = Reason::said("a build sees no GPU, and many setups then leave their CUDA extension out");
            edit::apply(plan, &Edit::Env("FORCE_CUDA=1".to_owned()), &reason, None);
        }
        return;
    }
    if project.native.is_empty() {
        return;
    }
    let languages: Vec<String> = project.native.iter().map(|n| format!("{n:?}").to_lowercase()).collect();
    let reason = Reason {
        text: format!("installing the project compiles {}", languages.join(", ")),
        evidence: project.because.first().and_then(|r| r.evidence.clone()),
        pitfall: None,
    };
    let mut packages = vec!["build-essential".to_owned()];
    if project.native.contains(&Native::Cmake) {
        packages.push("cmake".to_owned());
    }
    if project.native.contains(&Native::Fortran) {
        packages.push("gfortran".to_owned());
    }
    if project.native.contains(&Native::Rust) {
        packages.extend(["cargo".to_owned(), "rustc".to_owned()]);
    }
    edit::apply(plan, &Edit::Apt(packages), &reason, None);
}

/// Packages that upstream's own words ask for, as far as the release has them.
fn stated_packages(plan: &mut Plan, facts: &Facts, knowledge: &KnowledgeBase) {
    for stated in facts.stated.apt.iter().filter(|s| s.strength >= Strength::Recommended) {
        // The image has its own Python with headers and pip; the distribution's beside it only gets in the way.
        if stated.value.starts_with("python") {
            continue;
        }
        let packages = match knowledge.tables().apt_rename(&stated.value, SUITE) {
            Some(renamed) => renamed.to_vec(),
            None => vec![stated.value.clone()],
        };
        let reason = Reason::seen("upstream installs it", &stated.evidence);
        edit::apply(plan, &Edit::Apt(packages), &reason, None);
    }
    if plan.pip.direct.iter().any(|d| d.target.starts_with("git+")) && !plan.on_ngc() {
        let reason = Reason::said("pip fetches a requirement with git");
        edit::apply(plan, &Edit::Apt(vec!["git".to_owned()]), &reason, None);
    }
}

/// Programs that the code starts by name.
fn started_programs(plan: &mut Plan, best: Option<&Candidate>, knowledge: &KnowledgeBase) {
    let Some(best) = best else { return };
    for (program, evidence) in &best.imports.programs {
        if let Some(packages) = knowledge.tables().packages_of_command(program, Some(SUITE)) {
            let reason = Reason::seen(format!("the code starts `{program}`"), evidence);
            edit::apply(plan, &Edit::Apt(packages), &reason, None);
        }
    }
}

/// Programs that the main command and its preparation start: fetching weights, executing a notebook.
fn preparing_programs(plan: &mut Plan, knowledge: &KnowledgeBase) {
    let Some(main) = plan.main.clone() else { return };
    let carried = knowledge.image(&plan.base_image).map(|e| e.tools).unwrap_or_default();
    let lines = main.command.setup.iter().chain([&main.command.line]);
    for line in lines {
        let Some(program) = line.split_whitespace().next().filter(|p| !carried.iter().any(|c| c == p)) else {
            continue;
        };
        let reason = Reason::said(format!("`{line}` needs it"));
        if program == "gdown" {
            edit::apply(plan, &Edit::PipAdd("gdown".to_owned()), &reason, None);
        } else if program == "jupyter" {
            for name in ["nbconvert", "ipykernel"] {
                edit::apply(plan, &Edit::PipAdd(name.to_owned()), &reason, None);
            }
        } else if let Some(packages) = knowledge.tables().packages_of_command(program, Some(SUITE)) {
            edit::apply(plan, &Edit::Apt(packages), &reason, None);
        }
    }
    let fetches = main.command.setup.iter().any(|l| l.starts_with("wget ") || l.starts_with("curl "));
    if fetches && !plan.on_ngc() {
        let reason = Reason::said("fetching over https needs certificates");
        edit::apply(plan, &Edit::Apt(vec!["ca-certificates".to_owned()]), &reason, None);
    }
}

// ---- knowledge and people -------------------------------------------------------------------------------

/// Applies the fixes of preventive pitfalls that this plan would fall into.
fn preventive(plan: &mut Plan, best: Option<&Candidate>, knowledge: &KnowledgeBase) {
    let imports: BTreeSet<String> = best.map(|b| b.imports.required.keys().cloned().collect()).unwrap_or_default();
    prevent(plan, Some(&imports), knowledge, |_| true);
}

/// As in planning, with what a lock brings beside the declared distributions: their packages of the distribution,
/// variables and limits. Pitfalls that the plan knows already, or that want more than that, are left. The plan's lock no
/// longer fits it where requirements changed.
pub fn prevent_with_lock(plan: &mut Plan, knowledge: &KnowledgeBase) {
    prevent(plan, None, knowledge, |edit| {
        matches!(edit, Edit::Apt(_) | Edit::Env(_) | Edit::RunFlag(_) | Edit::PipAdd(_) | Edit::PipPin(_))
    });
}

fn prevent(
    plan: &mut Plan,
    imports: Option<&BTreeSet<String>>,
    knowledge: &KnowledgeBase,
    is_allowed: impl Fn(&Edit) -> bool,
) {
    // A fix may bring in a library with pitfalls of its own; a few rounds settle that.
    for _ in 0..4 {
        let context = context(plan, imports, knowledge);
        let mut changed = false;
        for found in knowledge.preventive(&context) {
            if plan.notes.contains(&found.pitfall) || !found.edits.iter().all(&is_allowed) {
                continue;
            }
            let reason = Reason::known(found.cause.clone(), found.pitfall.clone());
            plan.notes.push(found.pitfall.clone());
            let about = about(plan, &found.pitfall, knowledge);
            for fix in &found.edits {
                match edit::apply_to(plan, fix, &reason, &about) {
                    Applied::Changed => changed = true,
                    Applied::Unchanged => {}
                    Applied::Conflict(why) => plan.warnings.push(format!("{}: {why}", found.pitfall)),
                }
            }
        }
        if !changed {
            break;
        }
    }
}

/// The distributions that a pitfall is about: those of its library's packages that the plan installs.
pub fn about(plan: &Plan, pitfall: &str, knowledge: &KnowledgeBase) -> Vec<String> {
    let Some((note, _)) = knowledge.pitfall(pitfall) else { return Vec::new() };
    let installed = |name: &str| {
        plan.pip.requirements.iter().any(|w| w.name == name)
            || plan.pip.direct.iter().any(|d| d.name == name)
            || plan.project.as_ref().is_some_and(|p| p.name.as_deref() == Some(name))
            || plan
                .lock
                .iter()
                .flat_map(|l| &l.requirements)
                .any(|line| requirement_name(line).as_deref() == Some(name))
    };
    let packages = note.library.iter().flat_map(|library| &library.value.packages);
    packages.map(|p| normalise(p)).filter(|name| installed(name)).collect()
}

/// What the knowledge base needs to know of a plan.
pub fn context(plan: &Plan, imports: Option<&BTreeSet<String>>, knowledge: &KnowledgeBase) -> Context {
    let mut distributions: BTreeMap<String, Option<String>> = BTreeMap::new();
    for wanted in &plan.pip.requirements {
        let specifiers = parse(&wanted.spec).and_then(|r| match r.version_or_url {
            Some(pep508_rs::VersionOrUrl::VersionSpecifier(specifiers)) => Some(specifiers.to_string()),
            _ => None,
        });
        distributions.insert(wanted.name.clone(), specifiers.filter(|s| !s.is_empty()));
    }
    for direct in &plan.pip.direct {
        distributions.entry(direct.name.clone()).or_default();
    }
    if plan.lock.is_none() {
        let declared: Vec<String> = distributions.keys().cloned().collect();
        // Another build of the same library beside it does not keep it away: pip installs both.
        for name in declared.iter().flat_map(|name| knowledge.tables().brought_by(name)) {
            distributions.entry(name.clone()).or_default();
        }
    }
    for pin in plan.lock.iter().flat_map(|l| &l.requirements) {
        if let Some((name, version)) = pin.split_once("==") {
            distributions.insert(name.to_owned(), Some(version.to_owned()));
        }
    }
    let base = knowledge.image(&plan.base_image);
    Context {
        distribution: base.as_ref().map(|e| e.distribution.clone()).filter(|d| !d.is_empty()),
        release: base.as_ref().map(|e| e.release.clone()).filter(|r| !r.is_empty()),
        distributions: Some(distributions),
        imports: imports.cloned(),
        project: plan.project.as_ref().and_then(|p| p.name.clone()),
        python: Some(plan.python.version.clone()),
        base_image: Some(plan.base_image.clone()),
        gpu: Some(plan.on_ngc()),
        date: plan.resolve_date.as_ref().and_then(|d| d.parse().ok()),
        ..Context::default()
    }
}

fn overridden(plan: &mut Plan, overrides: &Overrides) {
    let reason = Reason::said("`repro.toml` says so");
    let mut edits: Vec<Edit> = Vec::new();
    if !overrides.apt.is_empty() {
        edits.push(Edit::Apt(overrides.apt.clone()));
    }
    edits.extend(overrides.without.iter().cloned().map(Edit::PipRemove));
    edits.extend(overrides.pip.iter().cloned().map(Edit::PipAdd));
    edits.extend(overrides.pin.iter().cloned().map(Edit::PipPin));
    edits.extend(overrides.run_flags.iter().cloned().map(Edit::RunFlag));
    for edit in &edits {
        if let Applied::Conflict(why) = edit::apply(plan, edit, &reason, None) {
            plan.warnings.push(format!("repro.toml: {why}"));
        }
    }
    for (key, value) in &overrides.env {
        plan.env.insert(key.clone(), Because::new(value.clone(), reason.clone()));
    }
}

fn warn(plan: &mut Plan, facts: &Facts) {
    for finding in &facts.findings {
        plan.warnings.push(format!("{}: {}", finding.evidence.path, finding.message));
    }
    if plan.main.is_none() {
        plan.warnings.push("no command was found that could be the main command; name one with `--command`".to_owned());
    }
    if plan.source.kind == SourceKind::Dir && plan.source.upstream.is_empty() {
        plan.warnings.push("the source is a local folder: nobody else can fetch it".to_owned());
    }
}

/// The GPU need in one line with its first evidence.
pub fn describe_gpu(gpu: &Gpu) -> String {
    let need = match gpu.need {
        GpuNeed::Required => "required",
        GpuNeed::Optional => "optional",
        GpuNeed::None => "none",
    };
    match gpu.evidence.first() {
        Some(Evidence { path, line, text }) => format!("{need} ({path}:{line}: {text})"),
        None => need.to_owned(),
    }
}

/// Is this an action that computes something with a model?
pub fn computes(action: Action) -> bool {
    matches!(action, Action::Infer | Action::Evaluate | Action::Train | Action::Serve | Action::Unknown)
}

#[cfg(test)]
mod tests {
    use repro_inspect::{Tree, inspect};

    use super::*;

    /// Plans a repository given as texts, of a commit on `date`.
    fn plan_of(date: &str, files: &[(&str, &str)], overrides: &Overrides) -> Plan {
        let tree = Tree::from_texts(files.iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())));
        plan("user/repo", &inspect(&tree), source(date), repro_knowledge::base(), overrides)
    }

    fn source(date: &str) -> Source {
        Source {
            kind: SourceKind::Git,
            location: "https://mirror.example/user/repo".to_owned(),
            commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            committed: date.to_owned(),
            upstream: "https://mirror.example/user/repo".to_owned(),
            sdist: None,
            submodules: Vec::new(),
            lfs: false,
        }
    }

    fn specs(plan: &Plan) -> Vec<&str> {
        plan.pip.requirements.iter().map(|w| w.spec.as_str()).collect()
    }

    const SCRIPT: &str =
        "import torch\nimport numpy\nif __name__ == '__main__':\n    print(torch.nn.Linear(1, 1)(torch.ones(1)))\n";
    const README: &str = "# X\n\n## Usage\n\n```sh\npython demo.py\n```\n";

    #[test]
    fn what_the_main_command_imports_is_installed_though_nobody_declares_it() {
        let plan = plan_of("2022-11-20", &[("demo.py", SCRIPT), ("README.md", README)], &Overrides::default());
        assert_eq!(specs(&plan), ["numpy", "torch"]);
        assert_eq!(plan.main.as_ref().map(|m| m.command.line.as_str()), Some("python demo.py"));
        assert_eq!(plan.resolve_date.as_deref(), Some("2022-11-20"));
        assert_eq!(plan.base_image, "python:3.10-slim-bookworm");
    }

    #[test]
    fn an_import_takes_its_version_from_the_extra_that_names_it() {
        let setup = "from setuptools import setup\nsetup(name='x', packages=['x'], extras_require={'all': ['torch>=1.7,<2']})\n";
        let files = [("demo.py", SCRIPT), ("README.md", README), ("setup.py", setup), ("x/__init__.py", "")];
        let plan = plan_of("2022-11-20", &files, &Overrides::default());
        assert!(specs(&plan).contains(&"torch>=1.7,<2"), "{:?}", specs(&plan));
    }

    #[test]
    fn what_builds_the_project_is_installed_where_it_is_built_without_isolation() {
        let setup = "import numpy\nfrom setuptools import setup, Extension\nsetup(name='x', packages=['x'], ext_modules=[Extension('fastx', ['x.c'])])\n";
        let build = "[build-system]\nrequires = [\"setuptools\", \"numpy\", \"pybind11>=2.6\"]\n";
        let script = "import fastx\nif __name__ == '__main__':\n    fastx.run()\n";
        let files = [
            ("demo.py", script),
            ("README.md", README),
            ("setup.py", setup),
            ("pyproject.toml", build),
            ("x/__init__.py", ""),
        ];
        let plan = plan_of("2022-11-20", &files, &Overrides::default());
        assert!(specs(&plan).contains(&"pybind11>=2.6"), "{:?}", specs(&plan));
        assert!(!plan.warnings.iter().any(|warning| warning.contains("fastx")), "{:?}", plan.warnings);
    }

    #[test]
    fn a_release_knows_its_version_though_version_control_is_gone() {
        let build =
            "[build-system]\nrequires = [\"setuptools-scm\"]\n[project]\nname = \"x\"\ndynamic = [\"version\"]\n";
        let tree = Tree::from_texts([("demo.py", SCRIPT), ("README.md", README), ("pyproject.toml", build)]);
        let source = Source { kind: SourceKind::Pypi, commit: "0.3.3".to_owned(), ..source("2022-11-20") };
        let plan = plan("user/repo", &inspect(&tree), source, repro_knowledge::base(), &Overrides::default());
        assert_eq!(plan.project.and_then(|project| project.version_from_vcs).as_deref(), Some("0.3.3"));
    }

    #[test]
    fn the_wheels_of_a_pinned_torch_limit_the_python() {
        let files = [("demo.py", SCRIPT), ("README.md", README), ("requirements.txt", "torch==1.10.0+cu113\nnumpy\n")];
        let plan = plan_of("2024-05-01", &files, &Overrides::default());
        assert_eq!(plan.python.version, "3.9");
        assert!(specs(&plan).contains(&"torch==1.10.0"), "{:?}", specs(&plan));
    }

    #[test]
    fn the_environment_of_the_root_goes_with_the_requirements_of_a_part() {
        let readme = "# X\n\n```sh\npip install -r ui/requirements.txt\npython demo.py\n```\n";
        let environment = "dependencies:\n  - timm=0.6.12\n";
        let mut files = vec![("README.md", readme), ("demo.py", "x = 1"), ("environment.yml", environment)];
        files.push(("ui/requirements.txt", "gradio\n"));
        let found = plan_of("2023-11-28", &files, &Overrides::default());
        assert_eq!(specs(&found), ["gradio", "timm==0.6.12"]);
        files.push(("requirements.txt", "numpy\n"));
        let found = plan_of("2023-11-28", &files, &Overrides::default());
        assert!(!specs(&found).contains(&"timm==0.6.12"), "{:?}", specs(&found));
    }

    #[test]
    fn a_command_is_kept_off_the_gpu_where_the_image_has_none() {
        let readme = "# X\n\n## Inference\n\n```sh\npython demo.py --device cuda\n```\n";
        let demo = "import argparse\nimport torch\np = argparse.ArgumentParser()\np.add_argument('--device', default='cuda', help='cuda or cpu')\n\
                    a = p.parse_args()\nif __name__ == '__main__':\n    print(torch.ones(1).to(a.device))\n";
        let main = |overrides: &Overrides| {
            let plan = plan_of("2024-03-01", &[("README.md", readme), ("demo.py", demo)], overrides);
            (plan.on_ngc(), plan.main.map(|main| (main.command.line, main.changes)).unwrap_or_default())
        };
        let (on_ngc, (line, changes)) = main(&Overrides::default());
        assert_eq!((on_ngc, line.as_str()), (false, "python demo.py --device cpu"));
        assert_eq!(changes, ["`--device cuda` set to `cpu`: the image has no GPU"]);
        let (on_ngc, (line, changes)) = main(&Overrides { gpu: Some(true), ..Overrides::default() });
        assert_eq!((on_ngc, line.as_str(), changes.len()), (true, "python demo.py --device cuda", 0));
    }

    #[test]
    fn what_a_declared_library_brings_along_has_its_needs_too() {
        let apt = |requirements: &str| {
            let files = [("README.md", README), ("demo.py", "x = 1"), ("requirements.txt", requirements)];
            let plan = plan_of("2024-03-01", &files, &Overrides::default());
            plan.apt.iter().map(|package| package.value.clone()).collect::<Vec<_>>()
        };
        assert_eq!(apt("invisible-watermark\n"), ["libgl1", "libglib2.0-0"]);
        assert_eq!(apt("invisible-watermark\nopencv-python-headless\n"), ["libgl1", "libglib2.0-0"]);
        assert_eq!(apt("opencv-python-headless\n"), [""; 0]);
    }

    #[test]
    fn the_wheels_of_pinned_libraries_limit_the_python() {
        let python = |requirements: &str| {
            let files = [("README.md", README), ("demo.py", "x = 1"), ("requirements.txt", requirements)];
            plan_of("2023-11-28", &files, &Overrides::default()).python.version
        };
        assert_eq!(python("scikit-image==0.17.2\n"), "3.8");
        assert_eq!(python("tensorflow>=1.15.2,<2.0\n"), "3.7");
        assert_eq!(python("numpy>=1.16\n"), "3.11", "an open range binds nobody");
    }

    #[test]
    fn a_source_older_than_every_usual_base_is_dated_by_its_python() {
        let plan = plan_of("2015-01-01", &[("demo.py", "print(1)\n"), ("README.md", README)], &Overrides::default());
        assert_eq!(plan.base_image, "python:3.7-slim-bookworm");
        assert!(plan.resolve_date.as_deref() > Some("2018"), "{:?}", plan.resolve_date);
        assert!(plan.warnings.iter().any(|w| w.contains("2015-01-01")), "{:?}", plan.warnings);
    }

    #[test]
    fn a_program_that_cannot_run_without_cuda_starts_from_nvidias_image_and_keeps_its_torch() {
        let script = SCRIPT.replace("torch.ones(1)", "torch.ones(1).cuda()");
        let files =
            [("demo.py", script.as_str()), ("README.md", README), ("requirements.txt", "torch==1.10.0\nnumpy\n")];
        let plan = plan_of("2022-11-20", &files, &Overrides::default());
        assert_eq!(plan.base_image, NGC_IMAGE);
        assert_eq!(specs(&plan), ["numpy"]);
        let flags: Vec<&str> = plan.run_flags.iter().map(|f| f.value.as_str()).collect();
        assert_eq!(flags, ["--gpus", "all", "--ipc=host"]);
    }

    #[test]
    fn what_a_person_says_goes_before_what_was_read() {
        let overrides = Overrides {
            base: Some("python:3.12-slim-trixie".to_owned()),
            command: Some("python other.py".to_owned()),
            apt: vec!["ffmpeg".to_owned()],
            pin: vec!["numpy<2".to_owned()],
            without: vec!["torch".to_owned()],
            resolve_date: Some("none".to_owned()),
            ..Overrides::default()
        };
        let files = [("demo.py", SCRIPT), ("README.md", README), ("requirements.txt", "torch\nnumpy\n")];
        let plan = plan_of("2022-11-20", &files, &overrides);
        assert_eq!(plan.base_image, "python:3.12-slim-trixie");
        assert_eq!(plan.main.as_ref().map(|m| m.command.line.as_str()), Some("python other.py"));
        assert_eq!(specs(&plan), ["numpy"]);
        assert_eq!(plan.pip.constraints[0].spec, "numpy<2");
        assert_eq!(plan.apt[0].value, "ffmpeg");
        assert_eq!(plan.resolve_date, None);
    }

    #[test]
    fn the_python_is_that_of_the_base_that_a_person_chose() {
        let files = [("demo.py", SCRIPT), ("README.md", README)];
        let mut plan = plan_of("2022-11-20", &files, &Overrides::default());
        settle_python(&mut plan, &Environment { python: "3.12.4".to_owned(), ..Environment::default() });
        assert_eq!(plan.python.version, "3.12");
        settle_python(&mut plan, &Environment::default());
        assert_eq!(plan.python.version, "3.12");
    }

    #[test]
    fn planning_does_not_depend_on_the_order_of_files() {
        let files =
            [("demo.py", SCRIPT), ("README.md", README), ("requirements.txt", "torch\nnumpy\n"), ("a.py", "x = 1\n")];
        let mut reversed = files;
        reversed.reverse();
        assert_eq!(
            plan_of("2022-11-20", &files, &Overrides::default()),
            plan_of("2022-11-20", &reversed, &Overrides::default())
        );
    }
}
