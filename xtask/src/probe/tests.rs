//! The probe in real interpreters: in a virtual environment of this machine with stand-ins for frameworks, in containers
//! with the real ones. Where there is no interpreter or engine they say so and pass, unless one was promised
//! (`REPRO_ENGINE_REQUIRED`); programs for heavy frameworks run where `REPRO_LONG` is set, as `cargo xtask nightly` does.

use std::fs;
use std::process::{Command, Output};
use std::time::Duration;

use repro_generator::verdict::{Level, Observation, Verdict, judge};

use super::*;
use crate::engine::{BuildRequest, Engine, RunRequest};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/probe_cases")
}

/// A program with what must come out, read from its first comment lines.
struct Case {
    path: PathBuf,
    said: Vec<(String, String)>,
}

impl Case {
    fn all(folder: &str) -> Vec<Self> {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(cases().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "py"));
        paths.sort();
        let cases = paths.into_iter().map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let said = text
                .lines()
                .map_while(|line| line.strip_prefix("# "))
                .filter_map(|line| line.split_once(": "))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect();
            Self { path, said }
        });
        cases.filter(|case| !case.said.is_empty()).collect()
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap().to_string_lossy().into_owned()
    }

    fn values(&self, key: &str) -> impl Iterator<Item = &str> {
        self.said.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.values(key).next()
    }

    fn options(&self) -> Vec<String> {
        self.values("python").flat_map(str::split_whitespace).map(str::to_owned).collect()
    }

    fn environment(&self) -> Vec<(String, String)> {
        self.values("env").filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    fn check(&self, exit_code: i32, log: &str, evidence: Evidence) {
        let name = self.name();
        assert_eq!(evidence.probe_errors, Vec::<String>::new(), "{name}");
        let seen = Observation { exit_code: Some(exit_code), log: log.to_owned(), evidence, ..Observation::default() };
        let verdict = judge(&seen);
        let context = format!("{name}: {verdict:?}\n{:?}\n{log}", seen.evidence);
        if let Some(expected) = self.value("exit") {
            assert_eq!(exit_code.to_string(), expected, "{context}");
        }
        if let Some(expected) = self.value("success") {
            assert_eq!(verdict.success.to_string(), expected, "{context}");
        }
        if let Some(expected) = self.value("level") {
            assert_eq!(verdict.level.to_string(), expected, "{context}");
        }
        for word in self.values("because") {
            assert!(verdict.reasons.iter().any(|reason| reason.contains(word)), "`{word}` in {context}");
        }
        let expected: Vec<&str> = self.values("seen").collect();
        for line in &expected {
            check_seen(line, &seen.evidence, &context);
        }
        if expected.is_empty() {
            assert!(!seen.evidence.frameworks.values().any(Framework::worked), "{context}");
        }
        check_level(&verdict, &context);
    }
}

/// `torch 3`, `jax 1+`, `scikit-learn fits 1+`, `torch parameters 8`, `torch device cpu`.
fn check_seen(line: &str, evidence: &Evidence, context: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let framework = evidence.frameworks.get(words[0]).unwrap_or_else(|| panic!("no {} in {context}", words[0]));
    let (number, wanted) = match words[1..] {
        ["fits", wanted] => (framework.fits, wanted),
        ["parameters", wanted] => (framework.parameters.unwrap_or_default(), wanted),
        ["device", wanted] => {
            assert_eq!(framework.device.as_deref(), Some(wanted), "{context}");
            return;
        }
        [wanted] => (framework.calls, wanted),
        _ => panic!("`{line}` in {context}"),
    };
    match wanted.strip_suffix('+') {
        Some(least) => assert!(number >= least.parse::<u64>().unwrap(), "`{line}` in {context}"),
        None => assert_eq!(number.to_string(), wanted, "`{line}` in {context}"),
    }
}

fn check_level(verdict: &Verdict, context: &str) {
    assert_eq!(verdict.success, verdict.proof.is_some(), "{context}");
    assert!(!(verdict.success && verdict.level == Level::Built), "{context}");
}

/// A virtual environment of this machine, with the stand-ins and the probe in it.
struct Local {
    python: PathBuf,
    probe: Probe,
    /// The `.pth` in its site-packages.
    start: PathBuf,
    _folder: tempfile::TempDir,
}

impl Local {
    fn new(interpreter: &Path) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("venv");
        let made = Command::new(interpreter).args(["-m", "venv", "--without-pip"]).arg(&place).output().ok()?;
        if !made.status.success() {
            return None;
        }
        let python = place.join("bin/python");
        let files = folder.path().join("probe");
        let records = files.join("records");
        let probe = install_for(&files, files.join("modules").to_str().unwrap(), records.to_str().unwrap()).unwrap();
        // The search through the whole file system is for images.
        let script = FIND_SITE_PACKAGES.split("find /").next().unwrap();
        let path = std::env::join_paths([&place.join("bin"), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        let found = Command::new("sh").args(["-c", script]).env("PATH", path).output().unwrap();
        let library = site_packages(&String::from_utf8_lossy(&found.stdout)).remove(0);
        assert!(Path::new(&library).starts_with(&place), "{library}");
        copy(&cases().join("stubs"), Path::new(&library));
        Some(Self { python, probe, start: Path::new(&library).join("repro_probe.pth"), _folder: folder })
    }

    /// Puts the probe into its place, or takes it away.
    fn set(&self, probed: bool) {
        if probed {
            fs::copy(&self.probe.start, &self.start).unwrap();
        } else if self.start.exists() {
            fs::remove_file(&self.start).unwrap();
        }
    }

    fn run(&self, case: &Case, probed: bool) -> Output {
        let mut command = Command::new(&self.python);
        command.args(case.options()).arg(&case.path).current_dir(case.path.parent().unwrap());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("LC_ALL", "C.UTF-8");
        command.env("PYTHONDONTWRITEBYTECODE", "1").envs(case.environment()).stdin(std::process::Stdio::null());
        self.set(probed);
        command.output().unwrap()
    }

    fn check(&self, case: &Case) {
        for entry in fs::read_dir(&self.probe.records).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        let plain = self.run(case, false);
        assert_eq!(fs::read_dir(&self.probe.records).unwrap().count(), 0, "{}", case.name());
        let probed = self.run(case, true);
        let log = format!("{}{}", String::from_utf8_lossy(&probed.stdout), String::from_utf8_lossy(&probed.stderr));
        if case.value("differs").is_none() {
            assert_eq!(plain, probed, "{}", case.name());
        }
        let code = std::os::unix::process::ExitStatusExt::signal(&probed.status)
            .map_or(probed.status.code(), |s| Some(128 + s));
        case.check(code.unwrap(), &log, self.probe.evidence(&BTreeSet::new()));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Interpreters of this machine: `python3`, and where `REPRO_PYTHONS` names more (a list like PATH), those.
fn interpreters() -> Vec<PathBuf> {
    let more = std::env::var_os("REPRO_PYTHONS").unwrap_or_default();
    let more: Vec<PathBuf> = std::env::split_paths(&more).filter(|path| path.is_file()).collect();
    if more.is_empty() { which::which("python3").into_iter().collect() } else { more }
}

#[test]
fn programs_are_counted_and_left_as_they_are_by_every_interpreter_here() {
    let mut tried = 0;
    for interpreter in interpreters() {
        let Some(local) = Local::new(&interpreter) else {
            anstream::eprintln!("skipped: {} makes no virtual environments", interpreter.display());
            continue;
        };
        for case in Case::all("programs") {
            local.check(&case);
            tried += 1;
        }
    }
    anstream::eprintln!("{tried} programs");
}

#[test]
fn an_interpreter_starts_as_fast_as_ever() {
    let Some(local) = interpreters().first().and_then(|interpreter| Local::new(interpreter)) else { return };
    let milliseconds = |probed: bool| {
        local.set(probed);
        let code = "import time; print(time.process_time() * 1000)";
        let output = Command::new(&local.python).args(["-c", code]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().parse::<f64>().unwrap()
    };
    // Processor time, and the least of many: this is about the work, not about what else the machine does.
    let least = |probed| (0..15).map(|_| milliseconds(probed)).fold(f64::MAX, f64::min);
    let cost = least(true) - least(false);
    assert!(cost < 15.0, "{cost} ms");
}

/// What programs run on that name no base of their own.
const USUAL_BASE: &str = "python:3.11-slim-bookworm";

/// An engine and an image with the wanted distributions, or nothing where there is no engine.
fn image(base: &str, needs: &str, apt: Option<&str>) -> Option<(Engine, String)> {
    let engine = crate::engine::promised_with(base)?;
    let folder = tempfile::tempdir().unwrap();
    let tag = format!("repro-test-probe:{}", needs.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
    let dockerfile = folder.path().join("Dockerfile");
    let quoted: Vec<String> = needs.split_whitespace().map(|need| format!("'{need}'")).collect();
    let libraries = apt.map_or_else(String::new, |apt| format!("RUN apt-get update && apt-get install -y {apt}\n"));
    let install = format!(
        "FROM {base}\n{libraries}RUN pip install --no-cache-dir {}\n\
         RUN python -m venv --system-site-packages /srv/environment && useradd --create-home --uid 1000 user\nUSER user\n",
        quoted.join(" ")
    );
    fs::write(&dockerfile, install).unwrap();
    let request = BuildRequest {
        context: folder.path().to_owned(),
        dockerfile,
        tag: Some(tag.clone()),
        ..BuildRequest::default()
    };
    let log = folder.path().join("build.log");
    let outcome = engine.build(&request, &log, &mut |_| {}).unwrap();
    assert!(outcome.image_id().is_some(), "{outcome:?}");
    Some((engine, tag))
}

/// The folders of an image that the probe starts from.
fn places(engine: &Engine, image: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let request = RunRequest {
        image: image.to_owned(),
        command: Some(["sh", "-c", FIND_SITE_PACKAGES].map(str::to_owned).to_vec()),
        name: "test-probe".into(),
        timeout: Some(Duration::from_mins(1)),
        ..RunRequest::default()
    };
    let mut printed = Vec::new();
    engine.run(&request, &folder.path().join("places.log"), &mut |line| printed.push(line.to_owned())).unwrap();
    let printed = printed.join("\n");
    let places = site_packages(&printed);
    let has_own = |place: &String| place.starts_with("/usr/local/lib/python3.") && place.ends_with("/site-packages");
    assert!(places.iter().any(has_own), "{printed}");
    assert!(places.iter().any(|place| place.starts_with("/srv/environment/")), "{printed}");
    places
}

/// What a program in a container did: exit code, both outputs.
#[derive(Debug)]
struct Done {
    exit_code: i32,
    stdout: String,
    stderr: String,
}

/// Where a program is run.
struct Place<'a> {
    engine: &'a Engine,
    image: &'a str,
    site_packages: &'a [String],
    interpreter: &'a str,
}

impl Place<'_> {
    /// Runs a program in a container, as a smoke run does.
    fn run(&self, case: &Case, probe: Option<&Probe>) -> Done {
        let folder = tempfile::tempdir().unwrap();
        let said = folder.path().join("said");
        fs::create_dir(&said).unwrap();
        fs::set_permissions(&said, fs::Permissions::from_mode(0o777)).unwrap();
        let mut mounts = probe.map(|probe| probe.mounts(self.site_packages)).unwrap_or_default();
        let programs = case.path.parent().unwrap().to_owned();
        mounts.push(Mount::Bind { source: programs, target: "/srv/programs".into(), read_only: true });
        mounts.push(Mount::Bind { source: said.clone(), target: "/srv/said".into(), read_only: false });
        // A shell before it: the kernel spares process 1 of a container, even from itself.
        let script = "\"$@\" > /srv/said/stdout 2> /srv/said/stderr; exit $?";
        let mut command: Vec<String> = ["sh", "-c", script, "sh", self.interpreter].map(str::to_owned).to_vec();
        command.extend(case.options());
        command.push(format!("/srv/programs/{}", case.name()));
        let request = RunRequest {
            image: self.image.to_owned(),
            command: Some(command),
            name: "test-probe".into(),
            mounts,
            env: case.environment(),
            workdir: Some("/srv/programs".into()),
            timeout: Some(Duration::from_mins(5)),
            ..RunRequest::default()
        };
        let outcome = self.engine.run(&request, &folder.path().join("run.log"), &mut |_| {}).unwrap();
        let read = |name: &str| String::from_utf8_lossy(&fs::read(said.join(name)).unwrap_or_default()).into_owned();
        Done { exit_code: outcome.exit_code, stdout: read("stdout"), stderr: read("stderr") }
    }

    /// Runs a program as it is and with the probe, which must make no difference but for the record.
    fn check(&self, case: &Case) {
        let folder = tempfile::tempdir().unwrap();
        let probe = install_into(folder.path()).unwrap();
        let (plain, probed) = (self.run(case, None), self.run(case, Some(&probe)));
        let name = case.name();
        if case.value("differs").is_none() {
            assert_eq!(
                (plain.exit_code, &plain.stdout),
                (probed.exit_code, &probed.stdout),
                "{name}: {}",
                plain.stderr
            );
            assert_eq!(without_times(&plain.stderr), without_times(&probed.stderr), "{name}");
        }
        case.check(probed.exit_code, &format!("{}{}", probed.stdout, probed.stderr), probe.evidence(&BTreeSet::new()));
    }

    /// Five runs of ten seconds each as it is and with the probe, in turns: the probe takes two per cent at most.
    fn check_cost(&self, case: &Case) {
        let folder = tempfile::tempdir().unwrap();
        let mut seconds: [Vec<f64>; 2] = Default::default();
        for _ in 0..5 {
            for (probed, all) in [false, true].into_iter().zip(&mut seconds) {
                let probe = install_into(folder.path()).unwrap();
                let done = self.run(case, probed.then_some(&probe));
                let said = done.stderr.lines().find_map(|line| line.strip_suffix(" s of processor time"));
                all.push(said.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{done:?}")));
            }
        }
        for all in &mut seconds {
            all.sort_by(f64::total_cmp);
        }
        let [plain, probed] = seconds;
        let name = case.name();
        anstream::eprintln!(
            "{name}: median {:.3} s as it is, {:.3} s with the probe: {plain:?} {probed:?}",
            plain[2],
            probed[2]
        );
        assert!(plain[2] > 8.0, "{name} is too short");
        // What else the machine does can spoil either of them.
        let ratio = (probed[2] / plain[2]).min(probed[0] / plain[0]);
        assert!(ratio < 1.02, "{name}: {ratio} of {plain:?}");
    }
}

/// What libraries report beside the results, without what is another with every run: times, processes, temporary files.
fn without_times(text: &str) -> String {
    let temporary = regex::Regex::new(r"/tmp/\S+|\d+").unwrap();
    temporary.replace_all(text, "#").into_owned()
}

#[test]
fn real_onnxruntime_is_counted_in_a_container_for_a_user_without_rights() {
    let Some((engine, image)) = image(USUAL_BASE, "onnxruntime scikit-learn", None) else { return };
    let site_packages = places(&engine, &image);
    let place = Place { engine: &engine, image: &image, site_packages: &site_packages, interpreter: "python" };
    for case in Case::all("programs") {
        place.check(&case);
    }
    // A virtual environment inside the image.
    let inference = Case::all("programs").into_iter().find(|case| case.name() == "inference.py").unwrap();
    Place { interpreter: "/srv/environment/bin/python", ..place }.check(&inference);
    for case in Case::all("frameworks") {
        if case.value("needs") == Some("scikit-learn") {
            place.check(&case);
        }
    }
}

#[test]
fn every_framework_is_counted_in_a_container() {
    if std::env::var_os("REPRO_LONG").is_none() {
        anstream::eprintln!("skipped: set REPRO_LONG to run it");
        return;
    }
    let only = std::env::var("REPRO_ONLY").unwrap_or_default();
    let mut groups: BTreeMap<(String, String), Vec<Case>> = BTreeMap::new();
    for case in Case::all("frameworks") {
        let said = |key| case.value(key).map(str::to_owned);
        let key = (said("base").unwrap_or_else(|| USUAL_BASE.to_owned()), said("needs").unwrap_or_default());
        groups.entry(key).or_default().push(case);
    }
    for ((base, needs), cases) in groups.iter().filter(|((_, needs), _)| needs.contains(&only)) {
        let apt = cases.iter().find_map(|case| case.value("apt"));
        let Some((engine, image)) = image(base, needs, apt) else { return };
        let site_packages = places(&engine, &image);
        let place = Place { engine: &engine, image: &image, site_packages: &site_packages, interpreter: "python" };
        for case in cases {
            place.check(case);
            anstream::eprintln!("{} with {needs}", case.name());
        }
        for case in cases.iter().filter(|case| case.value("cost").is_some()) {
            place.check_cost(case);
        }
        drop(engine.remove_image(&image));
    }
}

#[test]
fn the_folders_that_an_image_names_are_taken_once_each() {
    let printed =
        "noise\nsite-packages /usr/lib/python3/dist-packages\nsite-packages /a\nsite-packages /a\nsite-packages x\n";
    assert_eq!(site_packages(printed), ["/usr/lib/python3/dist-packages", "/a"]);
}

#[test]
fn records_that_are_none_are_reported_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let probe = install_into(folder.path()).unwrap();
    let write = |name: &str, text: &str| fs::write(probe.records.join(name), text).unwrap();
    write(
        "1-a.json",
        r#"{"pid":1,"parent":0,"started":1.0,"exception":"ValueError: x","frameworks":{"torch":{"calls":2,"device":"cpu","parameters":5}},"imported":{"torch":{"version":"2.1","by":{"module":"__main__","file":"a.py"}}}}"#,
    );
    write(
        "2-b.json",
        r#"{"pid":2,"parent":1,"started":2.0,"exception":"KeyError: y","frameworks":{"torch":{"calls":18446744073709551615,"device":"cuda:0","devices":["cuda:0"]}}}"#,
    );
    write(
        "7-g.json",
        r#"{"pid":3,"parent":1,"started":3.0,"finished":true,"frameworks":{"onnxruntime":{"calls":0,"calls_without_parameters":3,"while_importing":{"mine":2,"theirs":1}}}}"#,
    );
    write("3-c.json", "{");
    write("4-d.json.part", "{");
    write("5-e.json", r#"{"pid":[]}"#);
    std::os::unix::fs::symlink("/etc/hostname", probe.records.join("6-f.json")).unwrap();
    let evidence = probe.evidence(&BTreeSet::from(["mine".to_owned()]));
    let torch = &evidence.frameworks["torch"];
    assert_eq!((torch.calls, torch.parameters, torch.device.as_deref()), (u64::MAX, Some(5), Some("cpu")));
    assert!(torch.at_least, "no record says that its process came to an end");
    let tried = &evidence.frameworks["onnxruntime"];
    assert_eq!((tried.calls, tried.calls_without_parameters, tried.at_least), (2, 1, false));
    assert_eq!((evidence.processes, evidence.probe_errors.len()), (3, 3));
    assert_eq!(evidence.exception.as_deref(), Some("ValueError: x"));
    assert!(evidence.imported["torch"].direct);
}

#[test]
fn an_import_by_the_repositorys_own_package_is_direct_even_where_that_is_installed() {
    let check = |module: &str, file: &str, expected: bool| {
        let by = Importer { module: module.into(), file: file.into() };
        assert_eq!(is_own(&by, &BTreeSet::from(["mine".to_owned()])), expected, "{module} {file}");
    };
    check("mine.model", "/usr/local/lib/python3.11/site-packages/mine/model.py", true);
    check("librosa.core", "/usr/local/lib/python3.11/site-packages/librosa/core.py", false);
    check("multiprocessing.queues", "/usr/local/lib/python3.11/multiprocessing/queues.py", false);
    check("models.net", "/workspace/demo/models/net.py", true);
    check("__main__", "<string>", true);
}
