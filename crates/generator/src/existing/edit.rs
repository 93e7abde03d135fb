//! Edits on a Dockerfile that someone already has. In: the files, an edit, where the build or the run stopped; out: the
//! changed files, or why not. What is added goes directly before the place where it is needed, so that every layer above
//! stays cached, and below a comment that says why.

use std::collections::BTreeMap;

use repro_core::KnowledgeBase;
use repro_dockerfile::{Dockerfile, EditError, Instruction, Keyword, ShellCommand, shell_quote};
use repro_note::Edit;

use super::Existing;
use super::read::{context, declared, installs, requirement_of_line};
use crate::edit::Applied;
use crate::names::{normalise, requirement_name};

/// Where something is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The instruction with this number failed.
    Build(usize),
    /// The built image failed.
    Run,
}

impl Place {
    /// How attempts call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Build(_) => "build",
            Self::Run => "run",
        }
    }
}

/// Instructions that come after everything that installs.
const CLOSING: [Keyword; 6] =
    [Keyword::Cmd, Keyword::Entrypoint, Keyword::Expose, Keyword::Healthcheck, Keyword::Stopsignal, Keyword::User];
/// Distributions that build others.
const BUILDERS: [&str; 3] = ["pip", "setuptools", "wheel"];
/// File in the image that holds limits for whatever pip installs.
const CONSTRAINTS: &str = "/etc/pip-constraints.txt";
/// The variables by which pip and uv learn of it.
const CONSTRAINED: &str = "PIP_CONSTRAINT=/etc/pip-constraints.txt PIP_BUILD_CONSTRAINT=/etc/pip-constraints.txt \
                           UV_CONSTRAINT=/etc/pip-constraints.txt UV_BUILD_CONSTRAINT=/etc/pip-constraints.txt";

/// Applies one edit. Applying it again changes nothing.
///
/// `about`: the distributions that the cause names; options of pip are given to their installation.
pub fn apply(
    project: &mut Existing,
    edit: &Edit,
    place: Place,
    reason: &str,
    about: &[String],
    knowledge: &KnowledgeBase,
) -> Applied {
    let mut changed = project.clone();
    let result = match edit {
        Edit::Apt(packages) => apt(&mut changed, packages, place, reason, knowledge),
        Edit::PipPin(spec) => pin(&mut changed, spec, place, reason),
        Edit::PipAdd(spec) => add(&mut changed, spec, place, reason),
        Edit::PipRemove(name) => remove(&mut changed, name, place, reason),
        Edit::PipFlag(flag) => flag_all(&mut changed, flag, place, about),
        Edit::Env(pair) => env(&mut changed, pair, place, reason),
        Edit::BaseImage(image) => base(&mut changed, image),
        Edit::RunFlag(flag) => {
            if !changed.run_flags.contains(flag) {
                changed.run_flags.push(flag.clone());
            }
            Ok(())
        }
        Edit::Command(line) | Edit::UpstreamPatch(line) => run_line(&mut changed, line, place, reason),
        Edit::Order(sentence) => Err(format!("only a person can do this here: {sentence}")),
    };
    match result {
        Err(why) => Applied::Conflict(why),
        Ok(()) if changed == *project => Applied::Unchanged,
        Ok(()) => {
            *project = changed;
            Applied::Changed
        }
    }
}

fn refused(error: &EditError) -> String {
    error.to_string()
}

/// Number of the instruction before which something goes.
fn before(file: &Dockerfile, place: Place) -> Option<usize> {
    let instructions = file.instructions();
    match place {
        Place::Build(index) => (index < instructions.len()).then_some(index),
        Place::Run => {
            let last = file.stages().last()?.instructions.clone();
            let area = instructions.get(last.clone())?;
            let closing = area.iter().rev().take_while(|one| CLOSING.contains(&one.keyword())).count();
            Some(last.end - closing)
        }
    }
}

/// Puts lines where they are needed; as root, where the file has chosen another user.
fn insert(project: &mut Existing, lines: &[String], place: Place, reason: &str, as_root: bool) -> Result<(), String> {
    let mut file = Dockerfile::parse(&project.dockerfile);
    let at = before(&file, place).ok_or("there is no such instruction")?;
    let user = as_root.then(|| user_at(&file, at)).flatten();
    let mut text = format!("# {}\n", reason.replace(['\n', '\r'], " "));
    text.extend(user.iter().map(|_| "USER root\n"));
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text.extend(user.iter().map(|user| format!("USER {user}\n")));
    let done = if at < file.instructions().len() {
        file.insert_before(at, &text)
    } else {
        file.insert_after(at.saturating_sub(1), &text)
    };
    done.map_err(|error| refused(&error))?;
    project.dockerfile = file.to_string();
    Ok(())
}

/// The user that the instruction with this number would run as, where the stage names one that is not root.
fn user_at(file: &Dockerfile, at: usize) -> Option<String> {
    let stages = file.stages();
    let stage = stages.iter().rev().find(|stage| stage.instructions.start < at.max(1))?;
    let instructions = file.instructions();
    let area = instructions.get(stage.instructions.start..at)?;
    let user = area.iter().rev().find(|one| one.keyword() == Keyword::User)?.arguments().trim().to_owned();
    (!matches!(user.split(':').next(), Some("root" | "0"))).then_some(user)
}

fn apt(
    project: &mut Existing,
    packages: &[String],
    place: Place,
    reason: &str,
    knowledge: &KnowledgeBase,
) -> Result<(), String> {
    let mut file = Dockerfile::parse(&project.dockerfile);
    let at = before(&file, place).ok_or("there is no such instruction")?;
    // An install that names what is gone on this release names what replaces it instead.
    if let (Place::Build(index), Some(release)) =
        (place, context(project, &BTreeMap::new(), knowledge).release().map(str::to_owned))
    {
        let words: Vec<_> = file
            .instruction(index)
            .iter()
            .flat_map(Instruction::commands)
            .filter_map(|command| Some(command.apt_packages()?.into_iter().cloned().collect::<Vec<_>>()))
            .flatten()
            .collect();
        let gone = words.iter().rev().find_map(|word| {
            let new = knowledge.tables().apt_rename(&word.text, &release)?;
            new.iter().all(|new| packages.contains(new)).then(|| (word.span, new.join(" ")))
        });
        if let Some((span, new)) = gone {
            file.replace_span(span, &new).map_err(|error| refused(&error))?;
            project.dockerfile = file.to_string();
            return Ok(());
        }
    }
    // What was put there before takes more.
    let neighbour = at.checked_sub(1).filter(|index| file.apt_installs().contains(index));
    if let Some(index) = neighbour
        && file.add_apt_packages(index, packages).is_ok()
    {
        project.dockerfile = file.to_string();
        return Ok(());
    }
    let stage = file.stages().into_iter().rev().find(|stage| stage.instructions.start < at.max(1));
    let present = |package: &String| {
        let area = stage.as_ref().map_or(0..0, |stage| stage.instructions.start..at);
        file.apt_installs().into_iter().filter(|index| area.contains(index)).any(|index| {
            let commands = file.instruction(index).map(|one| one.commands()).unwrap_or_default();
            commands.iter().filter_map(ShellCommand::apt_packages).flatten().any(|word| word.text == *package)
        })
    };
    let missing: Vec<String> = packages.iter().filter(|package| !present(package)).cloned().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!(
        "RUN apt-get update \\\n && apt-get install -y --no-install-recommends {} \\\n && rm -rf /var/lib/apt/lists/*",
        missing.join(" ")
    );
    insert(project, &[line], place, reason, true)
}

/// Takes the version away from what names a distribution; false where nothing names it with one.
pub(super) fn relax(project: &mut Existing, name: &str) -> bool {
    let before = project.clone();
    replace(project, name, Some(name)).is_ok() && *project != before
}

/// How the file calls pip before this place.
fn pip(project: &Existing, place: Place) -> String {
    let file = Dockerfile::parse(&project.dockerfile);
    let at = before(&file, place).unwrap_or(usize::MAX);
    let last = installs(&file).into_iter().rev().find(|install| install.is_shell && install.instruction <= at);
    last.map_or_else(|| "python3 -m pip".to_owned(), |install| shell_words(&install.program))
}

fn shell_words(words: &[String]) -> String {
    words.iter().map(|word| shell_quote(word)).collect::<Vec<_>>().join(" ")
}

/// Replaces what names the distribution, in the Dockerfile and in requirement files; false where nothing does.
fn replace(project: &mut Existing, name: &str, spec: Option<&str>) -> Result<bool, String> {
    let mut found = false;
    loop {
        let mut file = Dockerfile::parse(&project.dockerfile);
        let wanted = spec.map(shell_quote);
        let next = installs(&file).into_iter().filter(|install| install.is_shell).find_map(|install| {
            let others = install.requirements.len() + install.files.len();
            let one =
                install.requirements.into_iter().find(|one| one.name == name && Some(one.spec.as_str()) != spec)?;
            Some((one.span, others))
        });
        let Some((span, others)) = next else { break };
        let text = match wanted {
            Some(wanted) => wanted,
            None if others < 2 => return Err(format!("`{name}` is all that a command installs")),
            None => String::new(),
        };
        file.replace_span(span, &text).map_err(|error| refused(&error))?;
        project.dockerfile = file.to_string();
        found = true;
    }
    let file = Dockerfile::parse(&project.dockerfile);
    found |= spec.is_some_and(|spec| {
        installs(&file).iter().flat_map(|install| &install.requirements).any(|one| one.name == name && one.spec == spec)
    });
    for text in project.files.values_mut() {
        let mut lines = String::new();
        for line in text.split_inclusive('\n') {
            match requirement_of_line(line) {
                Some((known, old)) if known == name => {
                    found = true;
                    match spec {
                        Some(spec) => lines.push_str(&line.replacen(&old, spec, 1)),
                        None => lines.push_str(&format!("# {line}")),
                    }
                }
                _ => lines.push_str(line),
            }
        }
        *text = lines;
    }
    Ok(found)
}

fn pin(project: &mut Existing, spec: &str, place: Place, reason: &str) -> Result<(), String> {
    let name = requirement_name(spec).ok_or_else(|| format!("`{spec}` is no requirement"))?;
    let spec = spec.replace(' ', "");
    if replace(project, &name, Some(&spec))? {
        return Ok(());
    }
    let file = Dockerfile::parse(&project.dockerfile);
    match place {
        // What something else asks for, or what a build asks for in an environment of its own.
        Place::Build(index) if installs(&file).iter().any(|install| install.instruction == index) => {
            let line = format!("RUN echo {} >> {CONSTRAINTS}", shell_quote(&spec));
            if project.dockerfile.contains(&line) {
                return Ok(());
            }
            let mut lines = vec![line, format!("ENV {CONSTRAINED}")];
            // A setup script without a build system of its own is run with what the image has.
            if BUILDERS.contains(&name.as_str()) {
                lines.push(format!("RUN {} install --no-cache-dir {}", pip(project, place), shell_quote(&spec)));
            }
            insert(project, &lines, place, reason, true)
        }
        // A program of the image has failed.
        Place::Build(_) | Place::Run => install(project, &spec, place, reason),
    }
}

/// Limits whatever is installed to these releases, in every stage that installs something.
pub(super) fn limit(project: &mut Existing, pins: &[String], reason: &str) {
    let words = pins.iter().map(|pin| shell_quote(pin)).collect::<Vec<_>>().join(" ");
    let lines = [format!("RUN printf '%s\\n' {words} >> {CONSTRAINTS}"), format!("ENV {CONSTRAINED}")];
    let file = Dockerfile::parse(&project.dockerfile);
    let installs = installs(&file);
    let mut limited: Vec<usize> = Vec::new();
    let mut places: Vec<usize> = Vec::new();
    for (number, stage) in file.stages().iter().enumerate() {
        let first = installs.iter().map(|install| install.instruction).find(|at| stage.instructions.contains(at));
        // A stage on another one has its files and variables.
        if stage.base.is_some_and(|base| limited.contains(&base)) {
            limited.push(number);
        } else if let Some(at) = first {
            limited.push(number);
            places.push(at);
        }
    }
    for at in places.into_iter().rev() {
        // An instruction that is there can be preceded.
        let _ = insert(project, &lines, Place::Build(at), reason, true);
    }
}

fn install(project: &mut Existing, spec: &str, place: Place, reason: &str) -> Result<(), String> {
    let line = format!("RUN {} install --no-cache-dir {}", pip(project, place), shell_quote(spec));
    if project.dockerfile.contains(&line) {
        return Ok(());
    }
    // What the same cause has put there takes more.
    let mut file = Dockerfile::parse(&project.dockerfile);
    let neighbour = before(&file, place).and_then(|at| at.checked_sub(1)).filter(|at| is_because(&file, *at, reason));
    let last = neighbour
        .and_then(|at| installs(&file).into_iter().find(|install| install.instruction == at)?.requirements.pop());
    if let Some(last) = last {
        let both = format!("{} {}", shell_quote(&last.spec), shell_quote(spec));
        file.replace_span(last.span, &both).map_err(|error| refused(&error))?;
        project.dockerfile = file.to_string();
        return Ok(());
    }
    insert(project, &[line], place, reason, true)
}

/// Does this instruction stand below a comment with this reason?
fn is_because(file: &Dockerfile, at: usize, reason: &str) -> bool {
    let reason = reason.replace(['\n', '\r'], " ");
    file.instruction(at).is_some_and(|one| one.comments().last().is_some_and(|comment| comment.text == reason))
}

fn add(project: &mut Existing, spec: &str, place: Place, reason: &str) -> Result<(), String> {
    let name = requirement_name(spec).ok_or_else(|| format!("`{spec}` is no requirement"))?;
    // A name alone replaces a place that nobody else has.
    let placed: Vec<String> =
        declared(project).into_iter().filter(|(_, old)| old.contains("@ file:")).map(|(known, _)| known).collect();
    if placed.contains(&name) {
        // The others lie on the same machine.
        for name in &placed {
            replace(project, name, Some(name))?;
        }
        return Ok(());
    }
    if spec != name && replace(project, &name, Some(spec))? {
        return Ok(());
    }
    install(project, spec, place, reason)
}

fn remove(project: &mut Existing, name: &str, place: Place, reason: &str) -> Result<(), String> {
    let name = normalise(name);
    if project.removed.contains(&name) {
        return Ok(());
    }
    if !replace(project, &name, None)? {
        if matches!(place, Place::Build(_)) {
            return Err(format!("nothing here names `{name}`"));
        }
        // Something else brings it.
        let line = format!("RUN {} uninstall -y {}", pip(project, place), shell_quote(&name));
        insert(project, &[line], place, reason, true)?;
    }
    project.removed.push(name);
    Ok(())
}

/// Gives an option to the installation of what it is about: of the failing instruction, else of whatever names it.
fn flag_all(project: &mut Existing, flag: &str, place: Place, about: &[String]) -> Result<(), String> {
    let mut file = Dockerfile::parse(&project.dockerfile);
    let is_meant = |install: &super::Install| {
        place == Place::Build(install.instruction)
            || install.requirements.iter().any(|one| about.iter().any(|name| normalise(name) == one.name))
    };
    let meant: Vec<_> = installs(&file).into_iter().filter(|one| one.is_shell && is_meant(one)).collect();
    if meant.is_empty() {
        return Err("no `pip install` here is about it".to_owned());
    }
    for install in meant.iter().rev() {
        let source = file.instruction(install.instruction).map(|one| one.source().to_owned()).unwrap_or_default();
        if source.split_whitespace().any(|word| word == flag) {
            continue;
        }
        file.replace_span(install.options, &format!("install {flag}")).map_err(|error| refused(&error))?;
    }
    project.dockerfile = file.to_string();
    Ok(())
}

fn env(project: &mut Existing, pair: &str, place: Place, reason: &str) -> Result<(), String> {
    let (key, value) = pair.split_once('=').ok_or_else(|| format!("`{pair}` is not KEY=VALUE"))?;
    let file = Dockerfile::parse(&project.dockerfile);
    let at = before(&file, place).ok_or("there is no such instruction")?;
    match file.variables_at(at, &BTreeMap::new()).get(key) {
        Some(old) if old == value => return Ok(()),
        Some(old) => return Err(format!("{key} is `{old}` here already")),
        None => {}
    }
    let mut line = Dockerfile::new();
    line.env(&[(key, value)]);
    insert(project, &[line.to_string().trim_end().to_owned()], place, reason, false)
}

fn base(project: &mut Existing, image: &str) -> Result<(), String> {
    let mut file = Dockerfile::parse(&project.dockerfile);
    let stages = file.stages();
    let mut stage = stages.last().ok_or("there is no FROM")?;
    while let Some(base) = stage.base.and_then(|base| stages.get(base)) {
        stage = base;
    }
    let index = stage.index;
    file.set_image(index, image).map_err(|error| refused(&error))?;
    project.dockerfile = file.to_string();
    Ok(())
}

fn run_line(project: &mut Existing, line: &str, place: Place, reason: &str) -> Result<(), String> {
    let line = format!("RUN {}", line.replace(['\n', '\r'], " "));
    if project.dockerfile.contains(&line) {
        return Ok(());
    }
    insert(project, &[line], place, reason, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "FROM python:3.11-slim-bookworm\nCOPY requirements.txt .\nRUN pip install -r requirements.txt 'numpy>1' dlib\n\
                        USER me\nCMD [\"python\", \"x.py\"]\n";

    fn project() -> Existing {
        let files = [("requirements.txt".to_owned(), "torch==1.0 # old\nscipy\n".to_owned())].into();
        Existing { dockerfile: FILE.to_owned(), files, ..Existing::default() }
    }

    /// The edit changes once, and a second time nothing.
    fn applied(edit: &Edit, place: Place) -> Existing {
        let knowledge = repro_knowledge::base();
        let mut project = project();
        assert_eq!(
            apply(&mut project, edit, place, "why", &["dlib".to_owned()], knowledge),
            Applied::Changed,
            "{edit:?}"
        );
        let once = project.clone();
        // The place moves with what was put before it.
        let moved = match place {
            Place::Build(index) => {
                let grown = Dockerfile::parse(&once.dockerfile).instructions().len()
                    - Dockerfile::parse(FILE).instructions().len();
                Place::Build(index + grown)
            }
            Place::Run => Place::Run,
        };
        let again = apply(&mut project, edit, moved, "why", &["dlib".to_owned()], knowledge);
        assert_eq!((again, &project), (Applied::Unchanged, &once), "{edit:?}");
        once
    }

    #[test]
    fn packages_go_before_what_needs_them_and_run_as_root() {
        let edit = Edit::Apt(vec!["cmake".to_owned()]);
        let built = applied(&edit, Place::Build(2)).dockerfile;
        assert!(built.contains("COPY requirements.txt .\n# why\nRUN apt-get update \\\n && apt-get install -y --no-install-recommends cmake \\\n && rm -rf /var/lib/apt/lists/*\nRUN pip"), "{built}");
        let run = applied(&edit, Place::Run).dockerfile;
        let end = run.split("dlib\n").nth(1).unwrap();
        assert!(end.starts_with("# why\nRUN apt-get update"), "{run}");
        assert!(end.ends_with("lists/*\nUSER me\nCMD [\"python\", \"x.py\"]\n"), "{run}");
    }

    #[test]
    fn a_renamed_package_is_called_by_its_new_name() {
        let text = "FROM python:3.11-slim-trixie\nRUN apt-get update && apt-get install -y git libgl1-mesa-glx\n";
        let mut project = Existing { dockerfile: text.to_owned(), ..Existing::default() };
        let edit = Edit::Apt(vec!["libgl1".to_owned()]);
        let result = apply(&mut project, &edit, Place::Build(1), "why", &[], repro_knowledge::base());
        assert_eq!((result, project.dockerfile), (Applied::Changed, text.replace("libgl1-mesa-glx", "libgl1")));
    }

    #[test]
    fn a_pin_replaces_what_names_the_distribution_and_else_limits_it() {
        let pin = |spec: &str, place| applied(&Edit::PipPin(spec.to_owned()), place);
        assert!(pin("numpy<2", Place::Run).dockerfile.contains("requirements.txt 'numpy<2' dlib"));
        assert_eq!(pin("torch<2", Place::Run).files["requirements.txt"], "torch<2 # old\nscipy\n");
        let built = pin("setuptools<58", Place::Build(2)).dockerfile;
        assert!(built.contains("RUN echo 'setuptools<58' >> /etc/pip-constraints.txt\nENV PIP_CONSTRAINT="), "{built}");
        assert!(pin("pillow<10", Place::Run).dockerfile.contains("RUN pip install --no-cache-dir 'pillow<10'\n"));
    }

    #[test]
    fn a_name_replaces_a_folder_of_somebody_s_machine() {
        let mut project = project();
        project
            .files
            .insert("conda.txt".to_owned(), "certifi @ file:///croot/certifi_1690232220950/work\nsix\n".to_owned());
        let edit = Edit::PipAdd("certifi".to_owned());
        let result = apply(&mut project, &edit, Place::Build(2), "why", &[], repro_knowledge::base());
        assert_eq!(
            (result, project.files["conda.txt"].as_str(), project.dockerfile.as_str()),
            (Applied::Changed, "certifi\nsix\n", FILE)
        );
    }

    #[test]
    fn other_edits_change_what_they_name_only() {
        let file = |edit: Edit, place| applied(&edit, place).dockerfile;
        assert_eq!(file(Edit::PipRemove("dlib".to_owned()), Place::Run), FILE.replace(" dlib\n", " \n"));
        assert_eq!(
            applied(&Edit::PipRemove("scipy".to_owned()), Place::Run).files["requirements.txt"],
            "torch==1.0 # old\n# scipy\n"
        );
        let flag = file(Edit::PipFlag("--no-build-isolation".to_owned()), Place::Build(2));
        assert_eq!(flag, FILE.replace("pip install", "pip install --no-build-isolation"));
        assert!(file(Edit::Env("A=b c".to_owned()), Place::Run).contains("# why\nENV A=\"b c\"\nUSER me"));
        assert!(
            file(Edit::BaseImage("python:3.10-slim".to_owned()), Place::Run).starts_with("FROM python:3.10-slim\n")
        );
        assert!(file(Edit::Command("touch x".to_owned()), Place::Build(2)).contains("RUN touch x\nRUN pip"));
        assert_eq!(applied(&Edit::RunFlag("--shm-size=8g".to_owned()), Place::Run).run_flags, ["--shm-size=8g"]);
    }

    #[test]
    fn pins_of_one_cause_are_one_instruction() {
        let mut project = project();
        for (spec, why) in [("a<1", "why"), ("b<2", "why"), ("c", "other")] {
            let edit = Edit::PipPin(spec.to_owned());
            let done = apply(&mut project, &edit, Place::Run, why, &[], repro_knowledge::base());
            assert_eq!(done, Applied::Changed, "{spec}");
        }
        let end = project.dockerfile.split("dlib\n").nth(1).unwrap();
        let expected =
            "# why\nRUN pip install --no-cache-dir 'a<1' 'b<2'\n# other\nRUN pip install --no-cache-dir c\nUSER me\n";
        assert!(end.starts_with(expected), "{end}");
    }

    #[test]
    fn what_cannot_be_done_is_a_conflict_and_changes_nothing() {
        let mut project = project();
        let edit = Edit::Order("a before b".to_owned());
        let result = apply(&mut project, &edit, Place::Run, "why", &[], repro_knowledge::base());
        assert!(matches!(result, Applied::Conflict(_)) && project == super::tests::project());
    }
}
