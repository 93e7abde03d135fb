//! What the dated resolve reads and writes. The resolve itself is an effect: `uv pip compile` in a container of the base.

use repro_core::Environment;

use crate::names::{in_torch_family, requirement_name};
use crate::plan::{Lock, Plan, Reason};

/// The release of uv that resolves. One release for everybody: the same input gives the same lock.
pub const UV_VERSION: &str = "0.13.8";
/// Where the input lies inside the container.
pub const FOLDER: &str = "/resolve";

/// Tools that build packages. Bounded by date, since a source distribution of an old day seldom builds with today's.
const BUILDERS: [&str; 4] = ["setuptools", "wheel", "cython", "setuptools-scm"];

/// The files and arguments of one resolve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// File name -> text.
    pub files: Vec<(&'static str, String)>,
    /// `uv` and its arguments for the requirements; `None` where nothing is asked for.
    pub requirements: Option<Vec<String>>,
    /// The same for the tools that build packages.
    pub builders: Vec<String>,
}

/// The input for a plan. `environment` tells which constraint file the base brings.
pub fn input(plan: &Plan, environment: &Environment) -> Input {
    // Getting the metadata of what is built in the environment itself would need that environment: it is left out here and
    // installed afterwards, bounded by the lock.
    let is_late = |name: &str| plan.pip.unisolated.iter().any(|u| u.value == name);
    let mut requirements: Vec<String> =
        plan.pip.requirements.iter().filter(|w| !is_late(&w.name)).map(|w| w.spec.clone()).collect();
    // What is built in the environment itself, or has no build requirements of its own, needs the classic tools there: of
    // the same day as the rest, since the base's own may be too new for what the lock brings (`packaging`).
    let builds_here = !plan.pip.unisolated.is_empty()
        || plan.project.as_ref().is_some_and(|p| !p.isolated || p.legacy)
        || plan.pip.direct.iter().any(|d| plan.pip.unisolated.iter().any(|u| u.value == d.name));
    if builds_here {
        for tool in ["setuptools", "wheel"] {
            if !plan.pip.requirements.iter().any(|w| w.name == tool) {
                requirements.push(tool.to_owned());
            }
        }
    }
    let constraints: Vec<String> = plan.pip.constraints.iter().map(|w| w.spec.clone()).collect();
    let mut overrides: Vec<String> = plan.pip.removed.iter().map(|w| never(&w.name)).collect();
    if plan.on_ngc() {
        // The image's own builds satisfy no version on an index, and must not be replaced by one.
        overrides.extend(["torch", "torchvision", "torchaudio", "triton", "pytorch-triton"].map(never));
    }
    // A limit on a tool that builds packages must reach the builds, which see no other environment.
    let builder_limits: Vec<String> =
        plan.pip.constraints.iter().filter(|w| BUILDERS.contains(&w.name.as_str())).map(|w| w.spec.clone()).collect();
    let has_requirements = !requirements.is_empty();
    let files = vec![
        ("requirements.in", text(&requirements)),
        ("constraints.txt", text(&constraints)),
        ("overrides.txt", text(&overrides)),
        ("builders.in", text(&BUILDERS.map(str::to_owned))),
        ("builder-constraints.txt", text(&builder_limits)),
    ];
    let compile = |input: &str, output: &str| {
        compile(&environment.interpreter, &plan.python.version, plan.resolve_date.as_deref(), input, output)
    };
    let requirements = has_requirements.then(|| {
        let mut words = compile("requirements.in", "requirements.out");
        for (flag, file) in [("--constraint", "constraints.txt"), ("--override", "overrides.txt")] {
            words.extend([flag.to_owned(), format!("{FOLDER}/{file}")]);
        }
        if let Some(file) = environment.constraint_file.as_ref().filter(|_| plan.on_ngc()) {
            words.extend(["--constraint".to_owned(), file.clone()]);
        }
        words
    });
    let mut builders = compile("builders.in", "builders.out");
    builders.extend(["--constraint".to_owned(), format!("{FOLDER}/builder-constraints.txt")]);
    Input { files, requirements, builders }
}

/// The file that [`as_of`] reads.
pub const AS_OF_INPUT: &str = "as-of.in";
/// The file that [`as_of`] writes.
pub const AS_OF_OUTPUT: &str = "as-of.out";

/// The input, and `uv` with its arguments, for a resolve of loose requirements as of a day (YYYY-MM-DD).
pub fn as_of(requirements: &[String], interpreter: &str, python: &str, date: &str) -> (String, Vec<String>) {
    (text(requirements), compile(interpreter, python, Some(date), AS_OF_INPUT, AS_OF_OUTPUT))
}

/// `uv` with its arguments, for a file of requirements and the file that it writes, both in [`FOLDER`].
fn compile(interpreter: &str, python: &str, date: Option<&str>, input: &str, output: &str) -> Vec<String> {
    let mut words =
        vec!["uv", "pip", "compile", "--no-header", "--no-annotate", "--no-progress", "--color", "never", "--python"];
    words.extend([interpreter, "--python-version", python]);
    words.extend(date.into_iter().flat_map(|date| ["--exclude-newer", date]));
    let (input, output) = (format!("{FOLDER}/{input}"), format!("{FOLDER}/{output}"));
    words.extend(["--output-file", &output, &input]);
    words.into_iter().map(str::to_owned).collect()
}

/// Name and version of those requirements that name one exact release.
pub fn pins_of(requirements: &[String]) -> Vec<(String, String)> {
    requirements.iter().filter_map(|spec| Some((requirement_name(spec)?, exact_version(spec)?.to_owned()))).collect()
}

/// The requirements that name one exact release: `(name, version)`, in the order of the plan.
pub fn exact_pins(plan: &Plan) -> Vec<(String, String)> {
    let is_late = |name: &str| plan.pip.unisolated.iter().any(|u| u.value == name);
    let mut pins = Vec::new();
    for wanted in plan.pip.requirements.iter().filter(|w| !is_late(&w.name)) {
        let Some(version) = exact_version(&wanted.spec) else { continue };
        if !(plan.on_ngc() && in_torch_family(&wanted.name)) {
            pins.push((wanted.name.clone(), version.to_owned()));
        }
    }
    pins
}

/// What the lock holds of distributions whose version upstream, a repair or a note has limited.
pub fn limited_pins(plan: &Plan, lock: &Lock) -> Vec<(String, String)> {
    let is_limited = |name: &str| {
        let mut wanted = plan.pip.constraints.iter().chain(&plan.pip.requirements);
        wanted.any(|wanted| wanted.name == name && wanted.spec.contains(['<', '=', '~']))
    };
    let pins = lock.requirements.iter().chain(&lock.torch);
    pins.filter_map(|line| Some((requirement_name(line)?, exact_version(line)?.to_owned())))
        .filter(|(name, _)| is_limited(name) && !(plan.on_ngc() && in_torch_family(name)))
        .collect()
}

/// The version in `name==1.2`, `name[extra]==1.2 ; marker`; `None` for ranges and wildcards.
fn exact_version(spec: &str) -> Option<&str> {
    let bare = spec.split(';').next()?.trim();
    let (_, version) = bare.split_once("==")?;
    let version = version.trim_start_matches('=').trim();
    let is_plain = version.starts_with(|c: char| c.is_ascii_digit())
        && version.chars().all(|c| c.is_ascii_alphanumeric() || ".+!-".contains(c));
    is_plain.then_some(version)
}

/// Replaces the version of every exact pin on `name`; gives the old and the new text of each that changed.
pub fn repin(plan: &mut Plan, name: &str, version: &str, reason: &Reason) -> Vec<(String, String)> {
    let mut changed = Vec::new();
    for wanted in plan.pip.requirements.iter_mut().filter(|w| w.name == name) {
        let Some(old) = exact_version(&wanted.spec).filter(|old| *old != version) else { continue };
        let new = wanted.spec.replacen(old, version, 1);
        changed.push((std::mem::replace(&mut wanted.spec, new.clone()), new));
        wanted.because.push(reason.clone());
    }
    changed
}

/// The lock out of what the resolver wrote.
///
/// `torch_index` is the index for the torch family, where it answered: its builds for CPUs need none of the `nvidia-*`
/// packages, which are left out then.
pub fn lock(plan: &Plan, resolved: &str, builders: &str, torch_index: Option<&str>, verified: bool) -> Lock {
    let requirements = pins(resolved);
    let (family, rest): (Vec<String>, Vec<String>) =
        requirements.into_iter().partition(|line| requirement_name(line).is_some_and(|n| in_torch_family(&n)));
    let has_torch = family.iter().any(|line| line.starts_with("torch=="));
    let (requirements, torch, torch_index) = match torch_index.filter(|_| has_torch && !plan.on_ngc()) {
        Some(index) => {
            let torch = family.into_iter().filter(|l| l.starts_with("torch")).collect();
            (rest, torch, Some(index.to_owned()))
        }
        None if plan.on_ngc() => (rest, Vec::new(), None),
        None => {
            let mut all = rest;
            all.extend(family);
            all.sort();
            (all, Vec::new(), None)
        }
    };
    Lock {
        requirements,
        build_constraints: pins(builders).into_iter().map(|line| line.replacen("==", "<=", 1)).collect(),
        torch,
        torch_index,
        date: plan.resolve_date.clone(),
        verified,
    }
}

/// The requirement lines of a compiled file.
pub fn pins(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with(['#', '-']))
        .map(|line| line.split(" #").next().unwrap_or(line).trim().to_owned())
        .collect()
}

/// A requirement that holds nowhere: as an override it removes a distribution whoever asks for it.
fn never(name: &str) -> String {
    format!("{name} ; sys_platform == 'never'")
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Wanted;
    use crate::testing;

    #[test]
    fn a_limit_on_what_builds_packages_reaches_the_builds() {
        let mut plan = testing::plan();
        let limit = |name: &str, spec: &str| Wanted { name: name.to_owned(), spec: spec.to_owned(), because: vec![] };
        plan.pip.constraints = vec![limit("cython", "cython<3"), limit("numpy", "numpy<2")];
        let input = input(&plan, &Environment::default());
        let text =
            input.files.iter().find(|(name, _)| *name == "builder-constraints.txt").map(|(_, text)| text.as_str());
        assert_eq!(text, Some("cython<3\n"));
        assert!(input.builders.contains(&"/resolve/builder-constraints.txt".to_owned()));
    }

    #[test]
    fn an_exact_pin_is_found_and_replaced_whatever_stands_around_it() {
        let mut plan = testing::plan();
        let spec = "Numbers[fast] == 1.2.0 ; python_version > '3.6'";
        plan.pip.requirements = vec![
            Wanted { name: "numbers".to_owned(), spec: spec.to_owned(), because: vec![] },
            Wanted { name: "eye".to_owned(), spec: "eye==1.*".to_owned(), because: vec![] },
            Wanted { name: "ear".to_owned(), spec: "ear>=1".to_owned(), because: vec![] },
        ];
        assert_eq!(exact_pins(&plan), [("numbers".to_owned(), "1.2.0".to_owned())]);
        let changed = repin(&mut plan, "numbers", "1.4", &Reason::said("no wheel"));
        let new = "Numbers[fast] == 1.4 ; python_version > '3.6'";
        assert_eq!(changed, [(spec.to_owned(), new.to_owned())]);
        assert_eq!(plan.pip.requirements[0].spec, new);
        assert_eq!(repin(&mut plan, "numbers", "1.4", &Reason::said("no wheel")), []);
    }
}
