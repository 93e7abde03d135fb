//! `build`: the repair loop for a Dockerfile that someone already has.
//!
//! In: a folder with a Dockerfile. Out: an image whose declared distributions can be imported, what was changed on the way
//! as a patch, and a report. The files themselves are changed only when asked to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use repro_dockerfile::Dockerfile;
use repro_generator::edit::{Applied, describe};
use repro_generator::existing::{self, Action, Existing, Outcome, State};
use repro_generator::outlook::{self, outlook};
use repro_generator::receipt::{Base, Receipt};
use repro_generator::repair::{End, FixApplied};
use repro_generator::search::Search;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::commands::repro::{exit_code, pair, say_image};
use crate::cycle::{BUILD_LIMIT, say_attempt};
use crate::engine::{BuildRequest, BuildResult, Engine, RunRequest};
use crate::failure::{Failure, input};
use crate::project::Project;
use crate::report::{self, Format};
use crate::{bases, engine, files, git, interrupt, lock, search};

/// Build a Dockerfile that is already there, and mend what fails.
///
/// What contradicts itself is settled before the first build; a failing build, or a declared distribution that cannot be
/// imported in the image, is diagnosed and mended. What was changed is printed as a patch; the files stay as they are
/// unless `--write` is given.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask build ~/src/model\n  cargo xtask build ~/src/model --tag model:dev --write\n  \
                  cargo xtask build . --dockerfile docker/Dockerfile.cpu --context . --no-fix\n\n\
                  Exit codes: 0 built and all imports work, 1 not, 2 usage or bad input, 3 could not tell (engine, network or GPU missing)"
)]
pub struct Args {
    /// Folder with the Dockerfile, or the Dockerfile
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The Dockerfile, where it is not PATH/Dockerfile
    #[arg(long, value_name = "FILE")]
    dockerfile: Option<PathBuf>,
    /// Build context, where it is not PATH
    #[arg(long, value_name = "DIR")]
    context: Option<PathBuf>,
    /// Name of the image; `auto`: the folder with the git tag, else the short commit, else the time
    #[arg(long, default_value = "auto")]
    tag: String,
    /// Base image instead of the one that the Dockerfile names
    #[arg(long, value_name = "IMAGE")]
    base: Option<String>,
    /// Build and test once, tell what is wrong, change nothing
    #[arg(long)]
    no_fix: bool,
    /// Change the files themselves where that leads to an image that works
    #[arg(long, conflicts_with = "no_fix")]
    write: bool,
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    max_attempts: u8,
    /// Build without the builder's cache
    #[arg(long)]
    no_cache: bool,
    /// `KEY=VALUE` for the build; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    build_arg: Vec<String>,
    /// Platform of the image
    #[arg(long, default_value = "linux/amd64")]
    platform: String,
    /// Call the engine through sudo
    #[arg(long)]
    sudo: bool,
    /// Show what the builder prints
    #[arg(long)]
    verbose: bool,
    /// `docker`, `podman`, or the path of one
    #[arg(long)]
    engine: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How long importing everything may take.
const SMOKE_LIMIT: Duration = Duration::from_mins(15);
/// Nobody writes a larger Dockerfile or requirement file by hand.
const LARGEST_FILE: u64 = 1 << 20;
/// What `imports.py` prints before the name of each distribution.
const BEGINS: &str = "repro: importing ";
/// Imports what the image is said to have.
const IMPORTS: &str = include_str!("build/imports.py");

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let places = Places::find(args)?;
    let mut project = read(&places)?;
    let build_args: BTreeMap<String, String> =
        args.build_arg.iter().map(|argument| pair(argument)).collect::<anyhow::Result<_>>()?;
    let before = project.clone();
    if let Some(base) = &args.base {
        let edit = repro_note::Edit::BaseImage(base.clone());
        let knowledge = repro_knowledge::base();
        if let Applied::Conflict(why) =
            existing::apply(&mut project, &edit, existing::Place::Run, "asked for", &[], knowledge)
        {
            return Err(input(format!("`--base {base}`: {why}\nhint: write it as `name:tag`")));
        }
    }
    let mut settled = settle(&mut project, &build_args, !args.no_fix);
    if !args.no_fix {
        let foreseen = existing::prevent(&mut project, &build_args, repro_knowledge::base());
        for fix in &foreseen {
            report::status("Preventing", format!("{}: {}", fix.new.as_deref().unwrap_or_default(), fix.reason));
        }
        settled.extend(foreseen);
    }
    if args.sudo {
        engine::through_sudo();
    }
    let engine = Engine::detect(args.engine.as_deref())?;
    engine.remove_leftovers()?;
    let image = existing::root_image(&Dockerfile::parse(&project.dockerfile), &build_args).unwrap_or_default();
    let home = Project::find(&std::env::current_dir()?, None);
    // Where no registry answers, a stand-in may be made; whatever else is wrong with the image the build will say.
    let _ = bases::obtain(&engine, &image, &home);
    let key = lock::hex(&Sha256::digest(places.dockerfile.as_os_str().as_encoded_bytes()));
    let work = home.root.join("target/repro/build").join(key.get(..16).unwrap_or(&key));
    fs_err::create_dir_all(&work)?;
    let _lock = files::Lock::acquire(&work.join("lock"))?;
    let mut builder = Builder {
        engine: &engine,
        args,
        places: &places,
        before: &before,
        build_args: &build_args,
        tag: tag(args, &places)?,
        work,
        home,
        receipt: Receipt {
            schema: 1,
            repo: places.name.clone(),
            platform: args.platform.clone(),
            fixes_applied: settled,
            ..Receipt::default()
        },
        modules: 0,
    };
    let (state, end) = builder.repair(project)?;
    builder.finish(&state, &end, &image)
}

/// Where everything lies, absolute.
struct Places {
    /// Name of the folder.
    name: String,
    dockerfile: PathBuf,
    context: PathBuf,
}

impl Places {
    fn find(args: &Args) -> anyhow::Result<Self> {
        let absolute = |path: &Path| {
            fs_err::canonicalize(path).map_err(|error| {
                input(format!("{error}\nhint: give a folder with a Dockerfile, or `--dockerfile` and `--context`"))
            })
        };
        let path = absolute(&args.path)?;
        let (folder, named) = if path.is_file() {
            (path.parent().map(Path::to_owned).unwrap_or_default(), Some(path))
        } else {
            (path, None)
        };
        let dockerfile = match (&args.dockerfile, named) {
            (Some(file), _) => absolute(file)?,
            (None, Some(file)) => file,
            (None, None) => ["Dockerfile", "Containerfile", "dockerfile"]
                .iter()
                .map(|name| folder.join(name))
                .find(|file| file.is_file())
                .ok_or_else(|| {
                    input(format!(
                        "`{}` has no Dockerfile\nhint: name it with `--dockerfile FILE`; `cargo xtask repro` makes one for a repository that has none",
                        folder.display()
                    ))
                })?,
        };
        let context = args.context.as_deref().map(absolute).transpose()?.unwrap_or_else(|| folder.clone());
        let name = folder.file_name().map_or_else(|| "image".to_owned(), |name| name.to_string_lossy().into_owned());
        Ok(Self { name, dockerfile, context })
    }
}

/// The Dockerfile with the requirement files of its context.
fn read(places: &Places) -> anyhow::Result<Existing> {
    let text = |path: &Path| -> anyhow::Result<String> {
        if fs_err::metadata(path)?.len() > LARGEST_FILE {
            return Err(input(format!("`{}` is larger than 1 MiB\nhint: is it the right file?", path.display())));
        }
        String::from_utf8(fs_err::read(path)?)
            .map_err(|_| input(format!("`{}` is no text in UTF-8\nhint: is it the right file?", path.display())))
    };
    let dockerfile = text(&places.dockerfile)?;
    let file = Dockerfile::parse(&dockerfile);
    if file.stages().is_empty() {
        return Err(input(format!(
            "`{}` has no FROM, so it builds nothing\nhint: is it the right file?",
            places.dockerfile.display()
        )));
    }
    let is_there = |relative: &String| {
        let path = places.context.join(relative);
        // A link may lead out of the context, where the builder does not look either.
        path.is_file() && fs_err::canonicalize(&path).is_ok_and(|path| path.starts_with(&places.context))
    };
    let mut found = BTreeMap::new();
    let mut left: Vec<String> =
        existing::requirement_files(&file).into_iter().filter_map(|paths| paths.into_iter().find(is_there)).collect();
    while let Some(relative) = left.pop() {
        if found.contains_key(&relative) {
            continue;
        }
        let text = text(&places.context.join(&relative))?;
        left.extend(existing::named_in(&relative, &text).into_iter().filter(is_there));
        found.insert(relative, text);
    }
    let projects = existing::project_files(&file).into_iter().filter(is_there);
    let projects: Vec<String> = projects.map(|path| text(&places.context.join(path))).collect::<anyhow::Result<_>>()?;
    Ok(Existing { dockerfile, files: found, projects, ..Existing::default() })
}

/// Tells what contradicts itself, and settles it where fixing is allowed.
fn settle(project: &mut Existing, build_args: &BTreeMap<String, String>, fix: bool) -> Vec<FixApplied> {
    let knowledge = repro_knowledge::base();
    let mut settled = Vec::new();
    for conflict in existing::conflicts(project, build_args, knowledge) {
        report::warning(&conflict.message);
        if !fix {
            continue;
        }
        let applied = existing::apply(project, &conflict.edit, conflict.place, &conflict.message, &[], knowledge);
        if applied == Applied::Changed {
            let text = describe(&conflict.edit);
            report::status("Settling", &text);
            settled.push(FixApplied::of(&conflict.edit, &conflict.message));
        }
    }
    settled
}

/// The name of the image.
fn tag(args: &Args, places: &Places) -> anyhow::Result<String> {
    if args.tag != "auto" {
        return Ok(args.tag.clone());
    }
    let plain = |text: &str, more: &str| -> String {
        let kept = text.chars().map(|c| if c.is_ascii_alphanumeric() || more.contains(c) { c } else { '-' });
        kept.collect::<String>().trim_matches(['-', '.', '_']).to_owned()
    };
    let name = plain(&places.name.to_lowercase(), "-_.");
    let version = git::described(&places.context)
        .map_or_else(|| jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string(), |version| plain(&version, "-_."));
    anyhow::ensure!(!version.is_empty(), "no name could be made\nhint: give one with `--tag NAME`");
    Ok(format!("{}:{version}", if name.is_empty() { "image" } else { &name }))
}

struct Builder<'a> {
    engine: &'a Engine,
    args: &'a Args,
    places: &'a Places,
    /// The files as they lie there.
    before: &'a Existing,
    build_args: &'a BTreeMap<String, String>,
    tag: String,
    work: PathBuf,
    /// Where answers are kept.
    home: Project,
    receipt: Receipt,
    /// How many modules the last smoke test imported.
    modules: usize,
}

/// What `imports.py` prints last.
#[derive(Debug, Default, Deserialize)]
struct Answer {
    imported: Vec<String>,
    failed: Vec<String>,
    modules: usize,
    cuda: Option<bool>,
}

impl Builder<'_> {
    fn repair(&mut self, project: Existing) -> anyhow::Result<(State, End)> {
        let (mut state, mut action) = existing::start(
            project,
            self.build_args.clone(),
            bases::pythons(self.engine, &self.home)?,
            usize::from(self.args.max_attempts),
            !self.args.no_fix,
        );
        loop {
            if interrupt::requested() {
                anyhow::bail!(Failure::Interrupted);
            }
            let attempts = state.attempts.len();
            let number = attempts + 1;
            let outcome = match action {
                Action::Build => self.build(&state.project, number)?,
                Action::Smoke => self.smoke(&state.project, number)?,
                Action::Search(search) => self.search(&state.project, &search)?,
                Action::Stop(end) => return Ok((state, end)),
            };
            (state, action) = existing::next(state, outcome, repro_knowledge::base());
            if let Some(attempt) = state.attempts.get(attempts) {
                say_attempt(attempt);
            }
        }
    }

    fn build(&mut self, project: &Existing, number: usize) -> anyhow::Result<Outcome> {
        let dockerfile = self.work.join("Dockerfile");
        files::write_atomically(&dockerfile, project.dockerfile.as_bytes())?;
        self.copy_ignore_file()?;
        let context = if project.files == self.before.files {
            self.places.context.clone()
        } else {
            let copy = self.work.join("context");
            mirror(&self.places.context, &copy).context("the build context could not be copied")?;
            for (path, text) in &project.files {
                // Written beside and renamed: the file that is linked here stays as it is.
                files::write_atomically(&copy.join(path), text.as_bytes())?;
            }
            copy
        };
        let log = self.work.join(format!("attempt-{number}-build.log"));
        let request = BuildRequest {
            context,
            dockerfile,
            tag: Some(self.tag.clone()),
            build_args: self.build_args.clone().into_iter().collect(),
            no_cache: self.args.no_cache && number == 1,
            platform: Some(self.args.platform.clone()),
            timeout: Some(BUILD_LIMIT),
            ..BuildRequest::default()
        };
        report::status("Building", &self.tag);
        let mut shown = 0;
        let outcome = if self.args.verbose {
            let outcome = self.engine.build_patiently(&request, &log, &mut |_| {
                shown = show(&log, shown);
            })?;
            show(&log, shown);
            outcome
        } else {
            let bar = crate::progress::Bar::new("Building", &self.tag);
            let outcome = self.engine.build_patiently(&request, &log, &mut |step| bar.step(step))?;
            bar.finish();
            outcome
        };
        self.receipt.build_seconds = outcome.seconds;
        self.receipt.logs.insert("build".to_owned(), log.display().to_string());
        self.receipt.image_id = None;
        let seconds = outcome.seconds;
        Ok(match outcome.result {
            BuildResult::Built { image_id } => {
                self.receipt.image_id = Some(image_id);
                Outcome::Built { seconds }
            }
            BuildResult::Failed(failure) if failure.kind.is_verdict() => Outcome::Failed {
                log: failure.output.join("\n"),
                step: failure.step.map(|step| step.instruction),
                seconds,
            },
            BuildResult::Failed(failure) => {
                let (what, hint) = failure.kind.trouble();
                Outcome::Trouble(format!("{what}; see {}\nhint: {hint}", log.display()))
            }
        })
    }

    /// Looks for what no note and no table knows.
    fn search(&self, project: &Existing, search: &Search) -> anyhow::Result<Outcome> {
        let start = Instant::now();
        let file = Dockerfile::parse(&project.dockerfile);
        let base = existing::root_image(&file, self.build_args).unwrap_or_default();
        let place = search::Place { engine: self.engine, project: &self.home, base };
        let seconds = || start.elapsed().as_secs_f64();
        Ok(match search {
            Search::Wanted { wanted, before } => {
                let edits = place.wanted(wanted, before.as_deref(), |_| None)?;
                Outcome::Found { edits, seconds: seconds() }
            }
            Search::Day { requirements } => {
                let day = place.day(requirements, &self.places.context)?;
                Outcome::Dated { day, seconds: seconds() }
            }
        })
    }

    /// A builder reads `NAME.dockerignore` beside a Dockerfile before the context's own.
    fn copy_ignore_file(&self) -> anyhow::Result<()> {
        let mut name = self.places.dockerfile.clone().into_os_string();
        name.push(".dockerignore");
        let copy = self.work.join("Dockerfile.dockerignore");
        match fs_err::read(PathBuf::from(name)) {
            Ok(bytes) => files::write_atomically(&copy, &bytes)?,
            Err(_) => drop(fs_err::remove_file(copy)),
        }
        Ok(())
    }

    fn smoke(&mut self, project: &Existing, number: usize) -> anyhow::Result<Outcome> {
        let distributions = existing::distributions(project);
        let image = self.receipt.image_id.clone().unwrap_or_else(|| self.tag.clone());
        if distributions.is_empty() {
            self.modules = 0;
            return Ok(Outcome::Imported { seconds: 0.0 });
        }
        report::status("Importing", format!("{} distributions", distributions.len()));
        let has_gpu = self.engine.gpus().is_ok();
        let mut command = vec![
            "-c".to_owned(),
            PICK.to_owned(),
            "sh".to_owned(),
            IMPORTS.to_owned(),
            json!(distributions).to_string(),
        ];
        command.extend(has_gpu.then(|| "cuda".to_owned()));
        let log = self.work.join(format!("attempt-{number}-run.log"));
        let request = RunRequest {
            image,
            name: "build-smoke".to_owned(),
            entrypoint: Some("/bin/sh".to_owned()),
            command: Some(command),
            offline: true,
            gpus: has_gpu,
            timeout: Some(SMOKE_LIMIT),
            platform: Some(self.args.platform.clone()),
            extra: project.run_flags.clone(),
            ..RunRequest::default()
        };
        let outcome = self.engine.run(&request, &log, &mut |_| {})?;
        if outcome.interrupted {
            anyhow::bail!(Failure::Interrupted);
        }
        self.receipt.run_seconds = outcome.seconds;
        self.receipt.logs.insert("run".to_owned(), log.display().to_string());
        let text = String::from_utf8_lossy(&fs_err::read(&log)?).into_owned();
        let seen: Option<Answer> = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
        let seconds = outcome.seconds;
        let Some(seen) = seen else { return Ok(Outcome::NotImported { logs: vec![text], seconds }) };
        self.modules = seen.modules;
        for name in &seen.failed {
            report::warning(format!("{name} cannot be imported"));
        }
        let ok = outcome.exit_code == 0 && seen.failed.is_empty() && seen.cuda != Some(false);
        self.receipt.evidence.exit_code = Some(outcome.exit_code.into());
        self.receipt.evidence.last_line =
            Some(format!("imported {} of {} distributions", seen.imported.len(), distributions.len()));
        if ok {
            return Ok(Outcome::Imported { seconds });
        }
        let mut parts = text.split(BEGINS).skip(1);
        let is_failed = |part: &&str| {
            let name = part.lines().next().unwrap_or_default();
            seen.failed.iter().any(|failed| failed == name) || name == "cuda"
        };
        Ok(Outcome::NotImported { logs: parts.by_ref().filter(is_failed).map(str::to_owned).collect(), seconds })
    }

    fn finish(&mut self, state: &State, end: &End, image: &str) -> anyhow::Result<ExitCode> {
        let patch = patch(self.before, &state.project, self.places);
        let success = *end == End::Proved;
        let built = self.receipt.image_id.clone().map(|id| self.engine.inspect(&id)).transpose()?.flatten();
        let receipt = &mut self.receipt;
        receipt.success = success;
        receipt.commit = git::commit_of(&self.places.context).unwrap_or_default();
        receipt.level = built.as_ref().map(|_| "built".to_owned());
        receipt.image = built.as_ref().map(|_| self.tag.clone());
        receipt.image_bytes = built.as_ref().map_or(0, |image| image.bytes);
        let base = self.engine.inspect(image)?;
        receipt.base = Base {
            image: image.to_owned(),
            digest: base.as_ref().and_then(|base| base.digest.clone()),
            stand_in: base.as_ref().is_some_and(engine::Image::on_stand_in),
            python: None,
        };
        let words =
            |words: &[&str]| words.iter().map(|word| repro_dockerfile::shell_quote(word)).collect::<Vec<_>>().join(" ");
        let (file, context) = (self.places.dockerfile.display().to_string(), self.places.context.display().to_string());
        let engine = self.engine.kind.name();
        receipt.build_command = words(&[engine, "build", "-f", &file, "-t", &self.tag, &context]);
        let mut run = vec![engine, "run", "--rm"];
        run.extend(state.project.run_flags.iter().map(String::as_str));
        run.push(&self.tag);
        receipt.run_commands = vec![words(&run)];
        receipt.run_flags.clone_from(&state.project.run_flags);
        receipt.attempts.clone_from(&state.attempts);
        receipt.fixes_applied.extend(state.fixes.iter().cloned());
        receipt.reason = match end {
            End::Proved => None,
            End::NotReproduced(why) | End::CouldNotTell(why) | End::Stopped(why) => Some(why.clone()),
        };
        let outlook = outlook(&outlook::Ended {
            attempts: &state.attempts,
            end,
            max_attempts: usize::from(self.args.max_attempts),
            alternatives: &[],
            files: "the Dockerfile",
            may_ask: false,
            log: receipt.logs.get("run").or_else(|| receipt.logs.get("build")).map(String::as_str),
        });
        receipt.furthest = (!success).then_some(outlook.furthest).flatten();
        receipt.tries = outlook.tries;
        if receipt.base.stand_in {
            receipt.caveats.push(format!("built on a stand-in for `{image}`: no registry answered"));
        }
        if success && self.modules == 0 {
            receipt
                .caveats
                .push("nothing is declared that could be imported: that it builds is all that was shown".to_owned());
        }
        if success && self.args.write && !patch.is_empty() {
            write(self.before, &state.project, self.places)?;
        } else if !patch.is_empty() && success {
            receipt
                .caveats
                .push("the files are as they were; apply the patch, or run it again with `--write`".to_owned());
        }
        self.say(end, &patch)?;
        Ok(exit_code(end))
    }

    fn say(&self, end: &End, patch: &str) -> anyhow::Result<()> {
        let receipt = &self.receipt;
        if self.args.format == Format::Json {
            let mut value = serde_json::to_value(receipt)?;
            if let Some(object) = value.as_object_mut() {
                object.insert("patch".to_owned(), json!(patch));
            }
            return report::json(&value);
        }
        report::data(report::heading(match end {
            End::Proved => format!("built: {} modules can be imported", self.modules),
            End::NotReproduced(why) => format!("not built: {why}"),
            End::CouldNotTell(why) => format!("could not tell: {why}"),
            End::Stopped(why) => why.clone(),
        }));
        say_image(receipt);
        if !patch.is_empty() {
            report::data(format!("\n{}", patch.trim_end()));
        }
        Ok(())
    }
}

/// Starts the image's own Python with the script that is the first argument.
const PICK: &str = r#"for python in python python3; do
  command -v "$python" >/dev/null 2>&1 && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 6))' 2>/dev/null \
    && exec "$python" -c "$@"
done
echo "the image has no Python from 3.6 on"
exit 127"#;

/// Shows what a log has got since, and says how much of it was shown.
fn show(log: &Path, shown: usize) -> usize {
    let Ok(bytes) = fs_err::read(log) else { return shown };
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(shown, |at| at + 1);
    if let Some(new) = bytes.get(shown..end).filter(|new| !new.is_empty()) {
        report::note(String::from_utf8_lossy(new).trim_end());
    }
    end.max(shown)
}

/// What was changed, as `patch -p1` reads it.
fn patch(before: &Existing, after: &Existing, places: &Places) -> String {
    let relative = |path: &Path| path.strip_prefix(&places.context).unwrap_or(path).display().to_string();
    let mut text = unified(&relative(&places.dockerfile), &before.dockerfile, &after.dockerfile);
    for (path, old) in &before.files {
        text.push_str(&unified(path, old, after.files.get(path).unwrap_or(old)));
    }
    text
}

fn unified(name: &str, old: &str, new: &str) -> String {
    if old == new {
        return String::new();
    }
    let difference = similar::TextDiff::from_lines(old, new);
    difference.unified_diff().header(&format!("a/{name}"), &format!("b/{name}")).to_string()
}

/// Puts the changed files in their places. Somebody may have gone on editing: what is no longer as it was read stays.
fn write(before: &Existing, after: &Existing, places: &Places) -> anyhow::Result<()> {
    let mut changed = vec![(places.dockerfile.clone(), &before.dockerfile, &after.dockerfile)];
    for (path, old) in &before.files {
        changed.push((places.context.join(path), old, after.files.get(path).unwrap_or(old)));
    }
    changed.retain(|(_, old, new)| old != new);
    let mut staged = Vec::new();
    for (path, old, new) in changed {
        if fs_err::read(&path)? != old.as_bytes() {
            return Err(input(format!(
                "`{}` was changed meanwhile, so nothing was written\nhint: the patch can be applied by hand, or run it again",
                path.display()
            )));
        }
        staged.push((files::Staged::new(&path, new.as_bytes())?, path));
    }
    for (file, path) in staged {
        file.put()?;
        report::status("Wrote", path.display());
    }
    Ok(())
}

/// A copy of a folder whose files are links to the same contents, where the disk can do that. What is there goes first.
fn mirror(from: &Path, to: &Path) -> std::io::Result<()> {
    if to.exists() {
        fs_err::remove_dir_all(to)?;
    }
    fs_err::create_dir_all(to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            mirror(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs_err::read_link(entry.path())?, &target)?;
        } else if kind.is_file() && std::fs::hard_link(entry.path(), &target).is_err() {
            fs_err::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
