//! The whole way from a repository to a receipt: effects in the order that the pure repair loop asks for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use repro_core::Environment;
use repro_generator::outlook::{self, outlook};
use repro_generator::overrides::{Overrides, TEMPLATE};
use repro_generator::plan::{Plan, Source, SourceKind};
use repro_generator::receipt::{Base, EvidenceSeen, Receipt};
use repro_generator::repair::{self, Action, Attempt, End, Outcome, State};
use repro_generator::search::Search;
use repro_generator::verdict::{Level, Verdict};
use repro_generator::{documents, planner, render, resolve};
use repro_inspect::{Facts, GpuNeed, Kind};
use sha2::{Digest as _, Sha256};

use crate::engine::{BuildRequest, BuildResult, Engine, Mount, RunRequest, silence};
use crate::failure::{Failure, could_not_tell, input};
use crate::project::Project;
use crate::replay::Replay;
use crate::{ask, bases, engine, environment, files, interrupt, learn, lock, report, search, smoke, source};

/// Which repository, and what a person says about it on the command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct From {
    /// USER/REPO, USER/REPO@REV, or an https or ssh URL
    #[arg(value_name = "REPOSITORY")]
    pub repository: String,
    /// A checkout at hand (a folder), or `pypi:NAME[==VERSION]` for an sdist
    #[arg(long, value_name = "DIR|pypi:NAME")]
    pub source: Option<String>,
    /// Base image instead of the chosen one
    #[arg(long, value_name = "IMAGE")]
    pub base: Option<String>,
    /// Start from NVIDIA's image where a GPU is optional
    #[arg(long)]
    pub gpu: bool,
    /// Main command instead of the one found
    #[arg(long, value_name = "LINE")]
    pub command: Option<String>,
    /// Day to resolve releases for instead of the day of the source; `none` for today's
    #[arg(long, value_name = "YYYY-MM-DD|none")]
    pub date: Option<String>,
    /// Platform of the image
    #[arg(long, default_value = "linux/amd64")]
    pub platform: String,
}

/// A repository, read.
pub struct Read {
    pub source: source::Source,
    pub facts: Facts,
    /// The modules that the repository itself holds.
    pub own_modules: repair::OwnModules,
    /// The release on the index that had what the checkout lacks.
    pub completed_by: Option<String>,
}

/// Obtains and reads a repository. An engine is needed only for sdists that are not in the cache, and to complete a checkout
/// that lacks files.
pub fn read(from: &From, project: &Project, engine: Option<&Engine>, offline: bool) -> anyhow::Result<Read> {
    let request = source::SourceRequest::parse(&from.repository, from.source.as_deref())
        .map_err(|e| input(format!("{}\nhint: {}", e.message, e.hint)))?;
    let cache = project.cache();
    let sdist_engine = engine.filter(|_| matches!(request.location, source::Location::Sdist { .. }));
    let image = sdist_engine.map(|engine| bases::any_python(engine, project)).transpose()?.unwrap_or_default();
    let python = sdist_engine.map(|engine| source::in_container(engine, &image));
    let means = source::Means { cache: &cache, offline, python: python.as_ref().map(|run| run as &source::Python<'_>) };
    // The notes are read while the files are: the planner wants both.
    std::thread::spawn(|| repro_knowledge::base().tables());
    let mut obtained = source::obtain(&request, &means).map_err(Failure::from)?;
    let tree = &obtained.tree;
    if !tree.iter().any(|(path, _)| [".py", ".ipynb", ".pyx"].iter().any(|e| path.ends_with(e))) {
        return Err(input(format!(
            "`{}` holds no Python\nhint: only Python repositories can be reproduced",
            from.repository
        )));
    }
    let wanted = overrides(&obtained.source.name(), from, project)?;
    if let Some(line) = &wanted.command {
        let workdir = wanted.workdir.as_deref().unwrap_or_default();
        repro_inspect::with_command(tree, &mut obtained.facts, line, workdir);
    }
    let own_modules = repair::own_modules(tree.iter().map(|(path, _)| path));
    let completed_by = match engine {
        Some(engine) => complete(&mut obtained.source, &obtained.facts, engine, project, &cache)?,
        None => None,
    };
    Ok(Read { source: obtained.source, facts: obtained.facts, own_modules, completed_by })
}

/// Takes files that a checkout lacks from the project's release on the index; gives that release.
fn complete(
    source: &mut source::Source,
    facts: &Facts,
    engine: &Engine,
    project: &Project,
    cache: &Path,
) -> anyhow::Result<Option<String>> {
    let absent = source::absent(source).map_err(Failure::from)?;
    let Some(own) = facts.projects.first().filter(|_| !absent.is_empty()) else { return Ok(None) };
    let Some(name) = &own.name else { return Ok(None) };
    let image = bases::any_python(engine, project)?;
    let python = source::in_container(engine, &image);
    let means = source::Means { cache, offline: false, python: Some(&python) };
    Ok(source::fill_in(source, absent, name, own.version.as_deref(), &means))
}

/// What `repro.toml` and the command line say, together.
pub fn overrides(repo: &str, from: &From, project: &Project) -> anyhow::Result<Overrides> {
    let path = project.folder(repo).join("repro.toml");
    let mut overrides: Overrides = match fs_err::read_to_string(&path) {
        Ok(text) => toml::from_str(&text).map_err(|e| {
            input(format!("{}: {e}hint: `cargo xtask repro --help` names what can be said there", path.display()))
        })?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Overrides::default(),
        Err(error) => return Err(error.into()),
    };
    if let Some(line) = overrides.ask.iter().find(|line| repro_inspect::asked(line).is_none()) {
        let hint = "hint: write `ask` as curl asks a server of this machine: `curl -d 'text=hi' localhost/predict`";
        return Err(input(format!("{}: `{line}` is no question to a server\n{hint}", path.display())));
    }
    overrides.base = from.base.clone().or(overrides.base);
    overrides.command = from.command.clone().or(overrides.command);
    overrides.resolve_date = from.date.clone().or(overrides.resolve_date);
    if from.gpu {
        overrides.gpu = Some(true);
    }
    overrides.platform = Some(from.platform.clone());
    Ok(overrides)
}

/// Plans what was read. `pythons` limits the Pythons to those for which a base can be had; empty for all.
pub fn plan(read: &Read, from: &From, project: &Project, pythons: &[String]) -> anyhow::Result<Plan> {
    let repo = read.source.name();
    let mut overrides = overrides(&repo, from, project)?;
    overrides.available_pythons = pythons.to_vec();
    Ok(planner::plan(&repo, &read.facts, plan_source(&read.source), repro_knowledge::base(), &overrides))
}

fn plan_source(source: &source::Source) -> Source {
    Source {
        kind: match source.kind {
            source::SourceKind::Git => SourceKind::Git,
            source::SourceKind::Dir => SourceKind::Dir,
            source::SourceKind::Pypi => SourceKind::Pypi,
        },
        location: source.sdist.as_ref().map_or_else(|| source.location.clone(), |s| s.name.clone()),
        commit: source.sdist.as_ref().map_or_else(|| source.commit.clone().unwrap_or_default(), |s| s.version.clone()),
        committed: source.committed.clone().unwrap_or_default(),
        upstream: source.upstream.clone(),
        sdist: source.sdist.as_ref().map(|s| (s.filename.clone(), s.sha256.clone())),
        submodules: Vec::new(),
        lfs: source.lfs,
    }
}

/// Compiling extensions takes long; for ever is too long.
pub const BUILD_LIMIT: Duration = Duration::from_hours(3);

/// How the cycle is to be run.
#[derive(Debug, Clone)]
pub struct Options {
    pub max_attempts: usize,
    /// How long the main command may run.
    pub timeout: Duration,
    pub no_cache: bool,
    /// No network while the main command runs.
    pub offline: bool,
    /// Weights that are already there.
    pub weights: Option<crate::weights::Folder>,
    pub force: bool,
    pub build_args: Vec<(String, String)>,
    /// Where to stop before the run.
    pub stop_after: Option<StopAfter>,
    /// Program that is asked when nothing known is left.
    pub ask: Option<Vec<String>>,
    /// Ask a person before each change?
    pub interactive: bool,
}

/// A stage after which `repro` stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StopAfter {
    Facts,
    Plan,
    Lock,
    Dockerfile,
    Build,
}

/// What a cycle ended with.
pub struct Ended {
    pub receipt: Receipt,
    pub end: End,
}

/// Files that the tool writes and a person may change.
const WRITTEN: [&str; 5] =
    ["Dockerfile", "README.md", "requirements.lock", "build-constraints.txt", render::FETCH_SDIST];

/// Where a sample lies in a repository's folder.
fn sample_path(name: &str) -> String {
    format!("run/{name}")
}

/// The samples that a plan's main command reads.
fn samples(plan: &Plan) -> &[String] {
    plan.main.as_ref().map_or(&[], |main| main.command.samples.as_slice())
}

/// Lock, build, run and repair until it is proved, refused or unknowable; then keep the result.
pub fn reproduce(
    engine: &Engine,
    read: &Read,
    mut plan: Plan,
    project: &Project,
    options: &Options,
) -> anyhow::Result<Ended> {
    let repo = plan.repo.clone();
    let folder = project.folder(&repo);
    fs_err::create_dir_all(&folder)?;
    // Two runs on one repository would write the same build context.
    let work = project.work(&repo);
    fs_err::create_dir_all(work.join("run"))?;
    let _lock = files::Lock::acquire(&work.join("lock"))?;
    // What a run that was killed left behind.
    engine.remove_leftovers()?;
    let logs = project.logs(&repo);
    fs_err::create_dir_all(&logs)?;
    let stand_in = plan.source.kind == SourceKind::Dir;
    if stand_in {
        let made = source::stand_in_clone(&read.source, &work.join("source.git")).map_err(Failure::from)?;
        if let Some(release) = &read.completed_by {
            let files: Vec<&str> = read.source.found.iter().map(|(absent, _)| absent.path.as_str()).collect();
            let warning = format!("the checkout lacks {}: taken from {release}, with git's own hash", files.join(", "));
            plan.warnings.push(warning);
        }
        if !made.clean {
            plan.warnings
                .push("the checkout is not at a commit of upstream: nobody else can fetch what was built".to_owned());
            plan.source.upstream = String::new();
        }
        plan.source.commit = made.commit;
    }
    if plan.base_chosen {
        // A person's base has the Python that it has, whatever upstream asks for.
        let environment = environment_of(engine, &plan, project)?;
        planner::settle_python(&mut plan, &environment);
    }
    let by_hand = hand_edited(&folder)?;
    let keep = !by_hand.is_empty() && !options.force;
    if keep {
        report::warning(format!(
            "{} edited by hand: used as they are (`--force` writes them anew)",
            by_hand.join(", ")
        ));
    }
    let mut cycle = Cycle {
        engine,
        read,
        project,
        options,
        logs,
        folder,
        work,
        hand_edited: if keep { by_hand } else { Vec::new() },
        environment: None,
        image: None,
        build_seconds: 0.0,
        run_seconds: 0.0,
        evidence: EvidenceSeen::default(),
        left_out: Vec::new(),
        silences: BTreeMap::new(),
        verdict: None,
        build_log: None,
        run_log: None,
        stand_in,
        attempt: 1,
        replay: Replay::open(
            project.cache().join("failures").join(format!("{repo}.json")),
            !options.no_cache && !keep && options.stop_after.is_none(),
        ),
    };
    cycle.run(plan)
}

struct Cycle<'a> {
    engine: &'a Engine,
    read: &'a Read,
    project: &'a Project,
    options: &'a Options,
    logs: PathBuf,
    folder: PathBuf,
    work: PathBuf,
    hand_edited: Vec<String>,
    environment: Option<Environment>,
    image: Option<engine::Image>,
    build_seconds: f64,
    run_seconds: f64,
    evidence: EvidenceSeen,
    /// CUDA extensions that the image was built without.
    left_out: Vec<String>,
    /// What the last run of each command said of a server that did not answer it: that another command failed for a
    /// reason of its own says nothing about this one.
    silences: BTreeMap<String, String>,
    verdict: Option<Verdict>,
    build_log: Option<PathBuf>,
    run_log: Option<PathBuf>,
    /// Did a local clone stand in for upstream?
    stand_in: bool,
    attempt: usize,
    /// How attempts failed on the way to an earlier proof.
    replay: Replay,
}

impl Cycle<'_> {
    fn run(&mut self, plan: Plan) -> anyhow::Result<Ended> {
        let (mut state, mut action) = repair::start(
            plan,
            self.options.max_attempts,
            self.read.own_modules.clone(),
            bases::pythons(self.engine, self.project)?,
        );
        if self.options.ask.is_some() {
            state.allow_questions(ask::MOST_QUESTIONS);
        }
        loop {
            if interrupt::requested() {
                anyhow::bail!(Failure::Interrupted);
            }
            let attempts = state.attempts.len();
            let outcome = match action {
                Action::Ask(question) => {
                    let words = self.options.ask.as_deref().unwrap_or_default();
                    ask::program(words, &question, &self.read.facts, &state.plan, &state.attempts)?
                }
                Action::Search(search) => self.search(&state.plan, &search)?,
                Action::Lock => self.lock(&state.plan)?,
                Action::Build if self.options.stop_after == Some(StopAfter::Lock) => {
                    return self.finish(&state, End::Stopped("stopped after the lock, as asked".to_owned()));
                }
                Action::Build => {
                    self.write(&state.plan)?;
                    if self.options.stop_after == Some(StopAfter::Dockerfile) {
                        return self.finish(&state, End::Stopped("stopped after the Dockerfile, as asked".to_owned()));
                    }
                    let key = self.attempt_key(&state.plan)?;
                    // The last attempt that is left is made, so that its end is one that was seen.
                    let is_last = self.attempt >= self.options.max_attempts;
                    if let Some(known) = if is_last { None } else { self.replay.build(&key) } {
                        report::status("Known", "this attempt failed before (`--no-cache` repeats it)");
                        known
                    } else {
                        let outcome = self.build(&state.plan)?;
                        self.replay.note(&key, &outcome);
                        outcome
                    }
                }
                Action::Run if self.options.stop_after == Some(StopAfter::Build) => {
                    return self.finish(&state, End::Stopped("stopped after the build, as asked".to_owned()));
                }
                Action::Run => {
                    if let Some(known) = self.replay.run() {
                        known
                    } else {
                        let outcome = self.smoke(&state.plan)?;
                        self.replay.note("", &outcome);
                        outcome
                    }
                }
                Action::Stop(end) => {
                    self.replay.end(end == End::Proved)?;
                    return self.finish(&state, end);
                }
            };
            let before = self.options.interactive.then(|| (state.clone(), outcome.clone()));
            (state, action) = repair::next(state, outcome, repro_knowledge::base());
            if let Some((mut before, outcome)) = before {
                // What the person does not want is left out, and the next best is proposed.
                while state.attempts.len() > attempts
                    && let Some(edits) =
                        state.attempts.last().map(|attempt| &attempt.edits).filter(|edits| !edits.is_empty())
                    && !ask::person(edits)?
                {
                    before.refuse(&state);
                    (state, action) = repair::next(before.clone(), outcome.clone(), repro_knowledge::base());
                }
            }
            if state.attempts.len() > attempts {
                self.attempt = state.attempts.len() + 1;
                state.attempts.last().inspect(|attempt| say_attempt(attempt));
            }
        }
    }

    /// The environment of the plan's base: measured where it can be had, else as the notes say.
    fn environment(&mut self, plan: &Plan) -> anyhow::Result<Environment> {
        if let Some(environment) = self.environment.as_ref().filter(|e| e.image == plan.base_image) {
            return Ok(environment.clone());
        }
        let environment = environment_of(self.engine, plan, self.project)?;
        self.environment = Some(environment.clone());
        Ok(environment)
    }

    fn lock(&mut self, plan: &Plan) -> anyhow::Result<Outcome> {
        let start = Instant::now();
        let environment = self.environment(plan)?;
        let date = plan.resolve_date.as_deref().unwrap_or("today");
        report::status("Resolving", format!("{} requirements as of {date}", plan.pip.requirements.len()));
        // Where the base itself cannot be had, a base with the same Python resolves for it.
        let place = if environment.measured { environment } else { self.neighbour(plan)? };
        let log = self.logs.join(format!("attempt-{}-lock.log", self.attempt));
        let resolved = lock::lock(self.engine, plan, &place, &self.project.cache(), &log)?;
        let seconds = start.elapsed().as_secs_f64();
        Ok(match resolved {
            lock::Resolved::Lock(lock) => Outcome::Locked { lock, seconds },
            lock::Resolved::OtherPython { lock, release, pythons } => {
                Outcome::OtherPython { lock, release, pythons, seconds }
            }
            lock::Resolved::NoWheel(instead) => Outcome::NoWheel { instead, seconds },
            lock::Resolved::Refused { log } => Outcome::Failed { log, seconds },
        })
    }

    /// Looks for what no note and no table knows.
    fn search(&self, plan: &Plan, search: &Search) -> anyhow::Result<Outcome> {
        let start = Instant::now();
        let place = search::Place { engine: self.engine, project: self.project, base: plan.base_image.clone() };
        let edits = match search {
            Search::Wanted { wanted, before } => {
                place.wanted(wanted, before.as_deref(), |name| installed(plan, name))?
            }
            // A plan has its day from the start.
            Search::Day { .. } => Vec::new(),
        };
        Ok(Outcome::Found { edits, seconds: start.elapsed().as_secs_f64() })
    }

    fn neighbour(&self, plan: &Plan) -> anyhow::Result<Environment> {
        let tag = repro_knowledge::base()
            .tables()
            .slim_tag(&plan.python.version, Some("bookworm"))
            .ok_or_else(|| could_not_tell(format!("no image with Python {} can be had", plan.python.version)))?;
        let stand_for = Plan { base_image: tag, ..plan.clone() };
        environment_of(self.engine, &stand_for, self.project)
    }

    /// Writes the build context of a plan.
    fn write(&mut self, plan: &Plan) -> anyhow::Result<()> {
        let environment = self.environment(plan)?;
        let texts = [
            ("Dockerfile", render::dockerfile(plan, Some(&environment)).to_string()),
            ("requirements.lock", render::lock_text(plan)),
            ("build-constraints.txt", render::build_constraints_text(plan)),
        ];
        for (name, text) in texts {
            let text = if self.hand_edited.iter().any(|n| n == name) {
                let text = fs_err::read_to_string(self.folder.join(name))?;
                if name == "Dockerfile" && self.attempt == 1 && !text.contains(&plan.source.commit) {
                    report::warning(format!(
                        "the Dockerfile edited by hand does not name {}: it builds another version",
                        plan.source.commit
                    ));
                }
                text
            } else {
                text
            };
            files::write_if_changed(&self.work.join(name), text.as_bytes())?;
        }
        if plan.source.kind == SourceKind::Pypi {
            files::write_if_changed(&self.work.join(render::FETCH_SDIST), source::SDIST_SCRIPT.as_bytes())?;
        }
        for name in samples(plan) {
            let path = sample_path(name);
            // A person's own file of that name comes first.
            let own = self.folder.join(&path);
            let bytes = match (fs_err::read(&own), repro_knowledge::sample(name)) {
                (Ok(bytes), _) => bytes,
                (Err(_), Some(bytes)) => bytes.to_vec(),
                (Err(error), None) => {
                    return Err(anyhow::Error::from(error).context(format!(
                        "the sample `{name}` that repro.toml names is not there\nhint: put it at `{}`",
                        own.display()
                    )));
                }
            };
            files::write_if_changed(&self.work.join(&path), &bytes)?;
        }
        Ok(())
    }

    /// A key for everything that the build and the run of a plan depend on; its files are written already.
    fn attempt_key(&mut self, plan: &Plan) -> anyhow::Result<String> {
        let base = self.environment(plan)?.image_id;
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for name in ["Dockerfile", "requirements.lock", "build-constraints.txt", render::FETCH_SDIST]
            .into_iter()
            .map(str::to_owned)
            .chain(samples(plan).iter().map(|name| sample_path(name)))
        {
            parts.push(fs_err::read(self.work.join(name)).unwrap_or_default());
        }
        let options = self.options;
        let flags: Vec<&String> = plan.run_flags.iter().map(|flag| &flag.value).collect();
        let main = plan.main.as_ref().map(|main| (&main.command.line, &main.expect));
        let asked = (&options.build_args, options.timeout, options.offline, &options.weights);
        parts.push(format!("{base:?} {:?} {flags:?} {main:?} {asked:?}", plan.platform).into_bytes());
        Ok(Replay::key(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>()))
    }

    fn build(&mut self, plan: &Plan) -> anyhow::Result<Outcome> {
        let log = self.logs.join(format!("attempt-{}-build.log", self.attempt));
        self.engine.require_free(room(plan))?;
        let mut request = BuildRequest {
            context: self.work.clone(),
            dockerfile: self.work.join("Dockerfile"),
            tag: Some(plan.tag()),
            labels: vec![("repro.repository".to_owned(), plan.repo.clone())],
            build_args: self.options.build_args.clone(),
            no_cache: self.options.no_cache && self.attempt == 1,
            platform: Some(plan.platform.clone()),
            timeout: Some(BUILD_LIMIT),
            ..BuildRequest::default()
        };
        if self.stand_in {
            request.build_args.push(("UPSTREAM".to_owned(), render::STAND_IN_UPSTREAM.to_owned()));
        }
        let bar = crate::progress::Bar::new("Building", &plan.tag());
        let outcome = self.engine.build_patiently(&request, &log, &mut |step| bar.step(step))?;
        bar.finish();
        self.build_seconds = outcome.seconds;
        self.build_log = Some(log.clone());
        // What an earlier attempt built and showed says nothing about this one.
        let before = self.image.take();
        self.verdict = None;
        self.evidence = EvidenceSeen::default();
        let seconds = outcome.seconds;
        Ok(match outcome.result {
            BuildResult::Built { image_id } => {
                self.image = self.engine.inspect(&image_id)?;
                // The image of the attempt before has lost its name to this one.
                if let Some(before) = before.filter(|before| before.id != image_id)
                    && let Err(error) = self.engine.remove_nameless(&before.id)
                {
                    report::warning(format!("the image of the attempt before stays: {error}"));
                }
                let left_out = self.extensions_left_out(plan, &image_id)?;
                if left_out.is_empty() || plan.gpu.need != GpuNeed::Required {
                    self.left_out = left_out;
                    Outcome::Built { seconds }
                } else {
                    let names = left_out.join(", ");
                    let what = format!("error: the setup silently left out the CUDA extension {names}");
                    Outcome::Failed { log: format!("{}\n{what}", fs_err::read_to_string(&log)?), seconds }
                }
            }
            BuildResult::Failed(failure) if failure.kind.is_verdict() => {
                Outcome::Failed { log: failure.output.join("\n"), seconds }
            }
            BuildResult::Failed(failure) => {
                let (what, hint) = failure.kind.trouble();
                Outcome::Trouble(format!("{what}; see {}\nhint: {hint}", log.display()))
            }
        })
    }

    /// The home of the image's user.
    fn home(&self) -> String {
        render::user(self.environment.as_ref()).1
    }

    fn weight_mounts(&self, plan: &Plan) -> Vec<Mount> {
        self.options.weights.as_ref().map_or_else(Vec::new, |folder| folder.mounts(&folder.places(plan, &self.home())))
    }

    /// Extensions for a GPU that a setup was to compile and left out, which many do silently where they see no GPU.
    fn extensions_left_out(&self, plan: &Plan, image: &str) -> anyhow::Result<Vec<String>> {
        let Some(project) = plan.project.as_ref().filter(|project| !project.cuda_extensions.is_empty()) else {
            return Ok(Vec::new());
        };
        let files = project.cuda_extensions.iter().map(|name| name.rsplit('.').next().unwrap_or(name).to_owned());
        let script =
            "for name do find / -xdev -name \"$name.*so\" -o -name \"$name.so\" | grep -q . || echo \"$name\"; done";
        let words = ["sh", "-c", script, "sh"].map(str::to_owned).into_iter().chain(files).collect();
        let said = self.engine.capture(&RunRequest {
            image: image.to_owned(),
            name: "look".to_owned(),
            entrypoint: Some(String::new()),
            command: Some(words),
            offline: true,
            timeout: Some(Duration::from_mins(2)),
            platform: Some(plan.platform.clone()),
            ..RunRequest::default()
        })?;
        Ok(said.stdout.lines().map(str::to_owned).collect())
    }

    fn smoke(&mut self, plan: &Plan) -> anyhow::Result<Outcome> {
        if plan.on_ngc()
            && let Err(why) = self.engine.gpus()
        {
            return Ok(Outcome::Trouble(format!(
                "the main command needs a GPU, and the image is built but was not run: {why}"
            )));
        }
        let log = self.logs.join(format!("attempt-{}-run.log", self.attempt));
        let image = self.image.as_ref().map_or_else(|| plan.tag(), |i| i.id.clone());
        let line = plan.main.as_ref().map(|m| m.command.line.clone()).unwrap_or_default();
        report::status("Running", &line);
        let request = smoke::Smoke {
            image,
            name: plan.repo.replace('/', "-"),
            own_modules: self.read.own_modules.keys().cloned().collect(),
            command: line.clone(),
            expect: plan.main.as_ref().map(|m| m.expect.clone()).unwrap_or_default(),
            gpus: plan.on_ngc(),
            flags: plan.run_flags.iter().map(|f| f.value.clone()).collect(),
            offline: self.options.offline,
            timeout: self.options.timeout,
            platform: Some(plan.platform.clone()),
            volumes: documents::volumes(plan, self.environment.as_ref()),
            mounts: self.weight_mounts(plan),
            server: plan.main.as_ref().filter(|main| main.kind == Kind::WebUi).map(|main| main.questions.clone()),
            cache: Some(self.project.cache()),
        };
        let ran = smoke::run(self.engine, &request, &log)?;
        let is_asked = !ran.verdict.success && ran.evidence.exit_code != Some(0) && !self.options.offline;
        self.silences.remove(&line);
        if let Some(said) = silence::line_at_the_end(ran.text.lines()).filter(|_| is_asked) {
            self.silences.insert(line, said.trim().to_owned());
        }
        if !ran.verdict.success && self.engine.ran_out_of_disk(&ran.text) {
            return Ok(Outcome::Trouble(format!(
                "the engine's disk ran full while the main command ran; see {}\nhint: free some space (`docker system df` \
                 shows what takes it), then run the same command again",
                log.display()
            )));
        }
        self.run_seconds = ran.seconds;
        self.run_log = Some(log);
        self.evidence = ran.evidence;
        self.verdict = Some(ran.verdict.clone());
        Ok(Outcome::Ran { verdict: ran.verdict, log: ran.text, seconds: ran.seconds })
    }

    /// Puts the result into the repository's folder and makes the receipt.
    fn finish(&self, state: &State, end: End) -> anyhow::Result<Ended> {
        let end = match (self.silences.first_key_value(), end) {
            (Some((command, line)), End::NotReproduced(_)) => End::CouldNotTell(format!(
                "the main command asked a server that did not answer: {line} (`{command}`)\nhint: run it where that server can be \
                     reached, or give what it fetches by `--weights DIR`"
            )),
            (_, end) => end,
        };
        let receipt = self.receipt(state, &end);
        let evidence = format!(
            "On {} the main command ran after it (level {}).",
            state.plan.base_image,
            receipt.level.as_deref().unwrap_or("none")
        );
        let run = learn::Run {
            project: self.project,
            folder: &self.folder,
            work: &self.work,
            logs: &self.logs,
            state,
            evidence,
        };
        match end {
            End::Proved => drop(learn::draft(&run)?),
            End::NotReproduced(_) => learn::remember(&run)?,
            End::CouldNotTell(_) | End::Stopped(_) => {}
        }
        let keep_old = !receipt.success && proved_before(&self.folder);
        if keep_old {
            report::warning(format!(
                "{} holds an earlier success; it stays as it is, and this attempt is kept in {}",
                self.folder.display(),
                self.work.display()
            ));
        }
        let into = if keep_old { self.work.clone() } else { self.folder.clone() };
        let receipt = self.keep(&state.plan, receipt, &into)?;
        Ok(Ended { receipt, end })
    }

    fn keep(&self, plan: &Plan, mut receipt: Receipt, into: &Path) -> anyhow::Result<Receipt> {
        let mut contents: Vec<(String, Vec<u8>)> = Vec::new();
        let names = ["Dockerfile", "requirements.lock", "build-constraints.txt", render::FETCH_SDIST]
            .map(str::to_owned)
            .into_iter()
            .chain(samples(plan).iter().map(|name| sample_path(name)));
        for name in names {
            if name == render::FETCH_SDIST && plan.source.kind != SourceKind::Pypi {
                continue;
            }
            match fs_err::read(self.work.join(&name)) {
                Ok(bytes) => contents.push((name, bytes)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        contents.push(("README.md".to_owned(), documents::readme(plan, Some(&receipt)).into_bytes()));
        // All of it beside its places first: what the disk does not take changes nothing.
        let mut staged = Vec::new();
        for (name, bytes) in &contents {
            // Left out of the receipt too, and so known as somebody's own the next time.
            if self.hand_edited.iter().any(|n| n == name) {
                continue;
            }
            let path = into.join(name);
            if !files::holds(&path, bytes) {
                staged.push(files::Staged::new(&path, bytes)?);
            }
            receipt.files.insert(name.clone(), lock::hex(&Sha256::digest(bytes)));
        }
        let toml = into.join("repro.toml");
        if !toml.exists() {
            staged.push(files::Staged::new(&toml, TEMPLATE.as_bytes())?);
        }
        // What is committed names no path of this machine; logs are for whoever ran it.
        let stored = Receipt { logs: BTreeMap::new(), ..receipt.clone() };
        let text = format!("{}\n", serde_json::to_string_pretty(&stored)?);
        staged.push(files::Staged::new(&into.join("receipt.json"), text.as_bytes())?);
        if self.stand_in && into != self.work {
            source::stand_in_clone(&self.read.source, &into.join("source.git")).map_err(Failure::from)?;
        }
        for file in staged {
            file.put()?;
        }
        Ok(receipt)
    }

    fn receipt(&self, state: &State, end: &End) -> Receipt {
        let plan = &state.plan;
        let success = *end == End::Proved;
        let level = match (&self.verdict, &self.image) {
            (Some(verdict), _) => Some(verdict.level),
            (None, Some(_)) => Some(Level::Built),
            (None, None) => None,
        };
        let environment = self.environment.clone().unwrap_or_default();
        let mut caveats = plan.warnings.clone();
        if environment.stand_in {
            caveats.push(format!("built on a stand-in for `{}`: no registry answered", plan.base_image));
        }
        if self.stand_in {
            caveats.push("a local clone stood in for upstream's server".to_owned());
        }
        if let Some(lock) = &plan.lock
            && lock.torch_index.is_none()
            && lock.requirements.iter().any(|r| r.starts_with("nvidia-"))
            && !plan.on_ngc()
        {
            caveats.push("torch comes with its CUDA packages: the index of CPU builds did not answer".to_owned());
        }
        if !self.left_out.is_empty() {
            caveats.push(format!("built without the CUDA extension {}", self.left_out.join(", ")));
        }
        caveats.extend(self.verdict.iter().flat_map(|verdict| verdict.remarks.clone()));
        let alternatives: Vec<String> = plan.alternatives.iter().map(|one| one.command.line.clone()).collect();
        // What is stored names no path of this machine.
        let place = format!("`Dockerfile` or `repro.toml` in repositories/{}", plan.repo);
        let outlook = outlook(&outlook::Ended {
            attempts: &state.attempts,
            end,
            max_attempts: self.options.max_attempts,
            alternatives: &alternatives,
            files: &place,
            may_ask: self.options.ask.is_none(),
            log: Some("LOG"),
        });
        let mut logs = BTreeMap::new();
        for (name, path) in [("build", &self.build_log), ("run", &self.run_log)] {
            if let Some(path) = path {
                logs.insert(name.to_owned(), path.display().to_string());
            }
        }
        Receipt {
            schema: 1,
            success,
            level: level.map(|l| l.to_string()),
            proof: self.verdict.as_ref().filter(|_| success).and_then(|v| v.proof).map(|p| p.to_string()),
            repo: plan.repo.clone(),
            source: source_line(plan),
            commit: plan.source.commit.clone(),
            committed: plan.source.committed.clone(),
            image: self.image.as_ref().map(|_| plan.tag()),
            image_id: self.image.as_ref().map(|i| i.id.clone()),
            base: Base {
                image: plan.base_image.clone(),
                digest: environment.digest.clone(),
                stand_in: environment.stand_in,
                python: Some(environment.python.clone()).filter(|p| !p.is_empty()),
            },
            platform: plan.platform.clone(),
            build_command: documents::build_command(plan, self.stand_in),
            run_commands: vec![documents::run_command(
                plan,
                self.environment.as_ref(),
                self.evidence.server.as_ref(),
                &self.options.weights.as_ref().map_or_else(Vec::new, |folder| folder.places(plan, &self.home())),
            )],
            main: plan.main.as_ref().map(|m| m.command.line.clone()),
            kind: plan.main.as_ref().map(|m| m.kind),
            questions: plan.main.as_ref().map(|m| m.questions.clone()).unwrap_or_default(),
            expect: plan.main.as_ref().map(|m| m.expect.clone()).unwrap_or_default(),
            needs_gpu: plan.on_ngc(),
            run_flags: plan.run_flags.iter().map(|f| f.value.clone()).collect(),
            volumes: documents::volumes(plan, self.environment.as_ref()),
            attempts: state.attempts.clone(),
            fixes_applied: state.fixes.clone(),
            evidence: self.evidence.clone(),
            logs,
            build_seconds: round(self.build_seconds),
            run_seconds: round(self.run_seconds),
            image_bytes: self.image.as_ref().map_or(0, |i| i.bytes),
            caveats,
            reason: match end {
                End::Proved => None,
                End::NotReproduced(why) | End::CouldNotTell(why) | End::Stopped(why) => Some(why.clone()),
            },
            furthest: (!success).then_some(outlook.furthest).flatten(),
            tries: outlook.tries,
            proved: success.then(|| jiff::Zoned::now().date().to_string()),
            files: BTreeMap::new(),
        }
    }
}

/// The environment of the plan's base: measured where the image can be had, else what the notes say of it.
pub fn environment_of(engine: &Engine, plan: &Plan, project: &Project) -> anyhow::Result<Environment> {
    match bases::obtain(engine, &plan.base_image, project)? {
        bases::Obtained::Here => environment::measure(engine, &plan.base_image, &project.cache()),
        bases::Obtained::Nowhere(why) => match repro_knowledge::base().image(&plan.base_image) {
            Some(environment) if plan.on_ngc() => Ok(environment),
            _ => Err(could_not_tell(why)),
        },
    }
}

/// The version of a distribution in the lock.
fn installed(plan: &Plan, name: &str) -> Option<String> {
    let lock = plan.lock.as_ref()?;
    let lines: Vec<String> = lock.requirements.iter().chain(&lock.torch).cloned().collect();
    resolve::pins_of(&lines).into_iter().find(|(known, _)| known == name).map(|(_, version)| version)
}

fn source_line(plan: &Plan) -> String {
    match plan.source.kind {
        SourceKind::Git => format!("git {}", plan.source.upstream),
        SourceKind::Dir => format!("dir {}", plan.source.upstream).trim_end().to_owned(),
        SourceKind::Pypi => format!("pypi {}=={}", plan.source.location, plan.source.commit),
    }
}

fn round(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}

/// Shows how an attempt ended and what is done about it.
pub fn say_attempt(attempt: &Attempt) {
    if attempt.ok {
        report::status("Attempt", format!("{} ended well", attempt.n));
        return;
    }
    let cause = attempt.cause.as_deref().unwrap_or("no known cause");
    report::status("Attempt", format!("{} failed at {}: {cause}", attempt.n, attempt.stage));
    if let Some(excerpt) = &attempt.excerpt {
        report::note(format!("{:>12} {excerpt}", "|"));
    }
    for edit in &attempt.edits {
        report::status("Repairing", edit);
    }
}

/// Names of files in a repository's folder that are not as the receipt says that they were written. What no receipt
/// speaks of is somebody's own.
fn hand_edited(folder: &Path) -> anyhow::Result<Vec<String>> {
    let written = match fs_err::read_to_string(folder.join("receipt.json")) {
        Ok(text) => {
            let receipt: Receipt = serde_json::from_str(&text).map_err(|e| {
                input(format!(
                    "{}/receipt.json: {e}\nhint: restore it from version control, or delete it",
                    folder.display()
                ))
            })?;
            receipt.files
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(error.into()),
    };
    let mut edited = Vec::new();
    for name in WRITTEN {
        let Ok(bytes) = fs_err::read(folder.join(name)) else { continue };
        if written.get(name) != Some(&lock::hex(&Sha256::digest(&bytes))) {
            edited.push(name.to_owned());
        }
    }
    Ok(edited)
}

/// Bytes of the engine's disk below which a build is not begun: a lower bound, so that nothing is refused that might fit.
fn room(plan: &Plan) -> u64 {
    let carries = |prefix: &str| {
        plan.lock.as_ref().is_some_and(|lock| lock.requirements.iter().any(|line| line.starts_with(prefix)))
    };
    // Packed and unpacked side by side, with the layer that is made of them.
    if carries("nvidia-") {
        6_000_000_000
    } else if carries("torch==") || carries("tensorflow") {
        2_000_000_000
    } else {
        300_000_000
    }
}

fn proved_before(folder: &Path) -> bool {
    fs_err::read_to_string(folder.join("receipt.json"))
        .ok()
        .and_then(|text| serde_json::from_str::<Receipt>(&text).ok())
        .is_some_and(|receipt| receipt.success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_no_receipt_speaks_of_is_somebodys_own() {
        let folder = tempfile::tempdir().unwrap();
        let dockerfile = folder.path().join("Dockerfile");
        assert_eq!(hand_edited(folder.path()).unwrap(), [""; 0]);
        fs_err::write(&dockerfile, "FROM mine").unwrap();
        assert_eq!(hand_edited(folder.path()).unwrap(), ["Dockerfile"]);
        let hash = lock::hex(&Sha256::digest("FROM mine"));
        let receipt = Receipt { files: BTreeMap::from([("Dockerfile".to_owned(), hash)]), ..Receipt::default() };
        fs_err::write(folder.path().join("receipt.json"), serde_json::to_string(&receipt).unwrap()).unwrap();
        assert_eq!(hand_edited(folder.path()).unwrap(), [""; 0]);
        fs_err::write(&dockerfile, "FROM other").unwrap();
        assert_eq!(hand_edited(folder.path()).unwrap(), ["Dockerfile"]);
        fs_err::write(folder.path().join("receipt.json"), "{").unwrap();
        assert!(hand_edited(folder.path()).unwrap_err().to_string().contains("hint: "));
    }

    #[test]
    fn every_sample_that_a_plan_can_name_is_compiled_in() {
        for name in repro_inspect::OURS {
            assert!(repro_knowledge::sample(name).is_some_and(|bytes| !bytes.is_empty()), "{name}");
        }
    }
}
