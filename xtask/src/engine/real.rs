//! Tests on a real engine: one case per behaviour. Without an engine (or without an image to start from) they print why
//! they are skipped; where `REPRO_ENGINE_REQUIRED` is set they fail instead, so that a promised engine cannot go missing
//! unnoticed.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::{
    run::{Limits, RunOutcome},
    *,
};

/// An engine and an image with Python in it, or the reason why there is none.
struct Real {
    engine: Engine,
    image: String,
    folder: tempfile::TempDir,
}

impl Real {
    fn get() -> Option<Self> {
        let found = Engine::detect(None).map_err(|error| error.to_string()).and_then(|engine| {
            ["python:3.11-slim-bookworm", "python:3.12-slim-bookworm", "python:3.13-slim-bookworm"]
                .into_iter()
                .find(|image| engine.image_exists(image).unwrap_or(false))
                .map(|image| (engine, image.to_owned()))
                .ok_or_else(|| "no base image here; `cargo xtask bases python:3.11-slim-bookworm` makes one".to_owned())
        });
        match found {
            Ok((engine, image)) => Some(Self { engine, image, folder: tempfile::tempdir().unwrap() }),
            Err(reason) if std::env::var_os("REPRO_ENGINE_REQUIRED").is_some() => {
                panic!("an engine was promised: {reason}")
            }
            Err(reason) => {
                anstream::eprintln!("skipped: {reason}");
                None
            }
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("test.log")
    }

    /// Builds `FROM image` and the given lines with every builder that works here.
    fn build_with_each(&self, rest: &str, change: impl Fn(&mut BuildRequest), check: impl Fn(&Engine, BuildOutcome)) {
        for engine in self.builders() {
            let dockerfile = self.folder.path().join("Dockerfile");
            fs::write(&dockerfile, format!("FROM {}\n{rest}\n", self.image)).unwrap();
            let context = self.folder.path().join("context");
            fs::create_dir_all(&context).unwrap();
            let mut request = BuildRequest { context, dockerfile, no_cache: true, ..BuildRequest::default() };
            change(&mut request);
            let outcome = engine.build(&request, &self.log(), &mut |_| {}).unwrap();
            check(&engine, outcome);
        }
    }

    fn builders(&self) -> Vec<Engine> {
        let mut engines = vec![self.engine.clone()];
        if self.engine.kind == Kind::Docker && self.engine.builder != Builder::Legacy {
            engines.push(Engine {
                builder: Builder::Legacy,
                build_program: self.engine.program.clone(),
                ..self.engine.clone()
            });
        }
        engines
    }

    fn request(&self, script: &str) -> RunRequest {
        RunRequest {
            image: self.image.clone(),
            command: Some(["sh", "-c", script].map(ToOwned::to_owned).to_vec()),
            name: "test".into(),
            list_changes: true,
            timeout: Some(Duration::from_mins(1)),
            ..RunRequest::default()
        }
    }

    fn run(&self, request: &RunRequest) -> (RunOutcome, Vec<String>) {
        let mut lines = Vec::new();
        let outcome = self.engine.run(request, &self.log(), &mut |line| lines.push(line.to_owned())).unwrap();
        (outcome, lines)
    }

    fn containers(&self, part: &str) -> String {
        self.engine.succeed(&["ps", "--all", "--quiet", "--filter", &format!("name={part}")], "list").unwrap().stdout
    }
}

fn failure(outcome: &BuildOutcome) -> &BuildFailure {
    match &outcome.result {
        BuildResult::Failed(failure) => failure,
        BuildResult::Built { image_id } => panic!("built {image_id}"),
    }
}

#[test]
fn a_good_dockerfile_becomes_an_image_that_is_marked_and_removed_as_ours() {
    let Some(real) = Real::get() else { return };
    let tag = format!("repro-test-{}:x", random_suffix());
    real.build_with_each(
        "RUN echo hello > /hello",
        |request| request.tag = Some(tag.clone()),
        |engine, outcome| {
            let id = outcome.image_id().unwrap_or_else(|| panic!("{outcome:?}")).to_owned();
            let info = engine.inspect(&tag).unwrap().unwrap();
            assert_eq!(info.id, id);
            assert_eq!(info.labels.get(TAG_LABEL), Some(&tag));
            assert!(engine.remove_image(&tag).unwrap());
            assert!(!engine.image_exists(&tag).unwrap());
        },
    );
}

#[test]
fn an_image_that_is_not_ours_is_left_alone() {
    let Some(real) = Real::get() else { return };
    assert!(!real.engine.remove_image(&real.image).unwrap());
    assert!(real.engine.image_exists(&real.image).unwrap());
    assert!(!real.engine.remove_image("repro-test-nothing:here").unwrap());
}

#[test]
fn a_failing_step_is_named_with_its_output_and_exit_code() {
    let Some(real) = Real::get() else { return };
    real.build_with_each(
        "RUN true\nRUN echo out && echo the cause >&2 && exit 7",
        |_| {},
        |engine, outcome| {
            let failure = failure(&outcome);
            assert_eq!(failure.kind, BuildFailureKind::Step, "{:?}: {failure:?}", engine.builder);
            let step = failure.step.as_ref().unwrap();
            assert_eq!((step.number, step.exit_code), (3, Some(7)), "{:?}", engine.builder);
            // Buildah counts labels of the command line as steps, one each.
            assert!(step.of == 3 || engine.builder == Builder::Buildah, "{step:?}");
            assert!(step.instruction.starts_with("RUN echo out"), "{step:?}");
            assert!(failure.output.contains(&"the cause".to_owned()), "{failure:?}");
            assert!(fs::read_to_string(&outcome.log).unwrap().contains("the cause"));
        },
    );
}

#[test]
fn a_file_that_cannot_be_copied_and_a_word_that_is_no_instruction_are_the_dockerfiles_fault() {
    let Some(real) = Real::get() else { return };
    for line in ["COPY nothere /x", "RUNN true"] {
        real.build_with_each(
            line,
            |_| {},
            |engine, outcome| {
                assert_eq!(failure(&outcome).kind, BuildFailureKind::Dockerfile, "{:?} {outcome:?}", engine.builder);
            },
        );
    }
}

#[test]
fn a_base_that_cannot_be_had_is_no_failed_step() {
    let Some(real) = Real::get() else { return };
    real.build_with_each(
        "FROM repro-test-no-such-image:1\nRUN true",
        |_| {},
        |engine, outcome| {
            let kind = failure(&outcome).kind;
            assert!(
                matches!(kind, BuildFailureKind::RegistryUnreachable | BuildFailureKind::BaseImageMissing),
                "{:?} {outcome:?}",
                engine.builder
            );
        },
    );
}

#[test]
fn a_build_that_takes_too_long_is_ended() {
    let Some(real) = Real::get() else { return };
    real.build_with_each(
        "RUN sleep 300",
        |request| request.timeout = Some(Duration::from_secs(3)),
        |_, outcome| {
            assert_eq!(failure(&outcome).kind, BuildFailureKind::TimedOut);
            assert!(outcome.seconds < 30.0, "{}", outcome.seconds);
        },
    );
}

#[test]
fn a_builder_that_loses_its_daemon_is_no_verdict() {
    let Some(real) = Real::get() else { return };
    let lost = real.folder.path().join("docker");
    let script =
        format!("#!/bin/sh\nexec '{}' -H unix:///nowhere/docker.sock \"$@\"\n", real.engine.build_program.display());
    fs::write(&lost, script).unwrap();
    fs::set_permissions(&lost, fs::Permissions::from_mode(0o755)).unwrap();
    if real.engine.kind == Kind::Docker {
        let error = Engine::detect(lost.to_str()).unwrap_err();
        assert!(matches!(error, EngineError::NotRunning { .. }), "{error:?}");
    }
    let engine = Engine { build_program: lost.clone(), program: lost, ..real.engine.clone() };
    let request = BuildRequest {
        context: real.folder.path().to_owned(),
        dockerfile: real.folder.path().join("Dockerfile"),
        ..BuildRequest::default()
    };
    fs::write(&request.dockerfile, format!("FROM {}\n", real.image)).unwrap();
    if engine.kind == Kind::Docker {
        let outcome = engine.build(&request, &real.log(), &mut |_| {}).unwrap();
        assert_eq!(failure(&outcome).kind, BuildFailureKind::Engine, "{outcome:?}");
    }
    let error = engine.run(&real.request("true"), &real.log(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, EngineError::Lost { .. } | EngineError::Refused { .. }), "{error:?}");
}

#[test]
fn a_run_tells_its_exit_code_its_output_and_the_files_it_made_and_leaves_no_container() {
    let Some(real) = Real::get() else { return };
    let request = RunRequest {
        name: "leaves/no Container".into(),
        env: vec![("GREETING".into(), "hello = world".into())],
        workdir: Some("/srv".into()),
        user: Some("0".into()),
        ..real.request(
            "echo \"$GREETING\"; pwd; mkdir out; printf 12345 > out/file; rm /etc/issue; echo x >> /etc/hosts; exit 3",
        )
    };
    let (outcome, lines) = real.run(&request);
    assert_eq!((outcome.exit_code, outcome.timed_out, outcome.oom_killed), (3, false, false), "{outcome:?}");
    assert_eq!(lines, ["hello = world", "/srv"]);
    assert_eq!(fs::read_to_string(&outcome.log).unwrap(), "hello = world\n/srv\n");
    let made =
        outcome.changed.iter().find(|file| file.path == "/srv/out/file").unwrap_or_else(|| panic!("{outcome:?}"));
    assert_eq!((made.kind, made.size), (ChangeKind::Added, Some(5)));
    assert!(outcome.changed.iter().any(|file| file.path == "/etc/issue" && file.kind == ChangeKind::Deleted));
    assert_eq!(real.containers("repro-leaves-no-container"), "");
}

#[test]
fn a_run_that_takes_too_long_is_killed_and_removed() {
    let Some(real) = Real::get() else { return };
    let request = RunRequest {
        name: "too-long".into(),
        timeout: Some(Duration::from_secs(6)),
        ..real.request("trap '' TERM INT; echo begun; sleep 300 & wait; sleep 300")
    };
    let (outcome, lines) = real.run(&request);
    assert!(outcome.timed_out, "{outcome:?}");
    assert_eq!(outcome.exit_code, 137);
    assert!(outcome.seconds < 40.0, "{}", outcome.seconds);
    assert_eq!(lines, ["begun"]);
    assert_eq!(real.containers("repro-too-long"), "");
}

#[test]
fn a_run_that_needs_too_much_memory_is_told_from_one_that_was_killed() {
    let Some(real) = Real::get() else { return };
    let request = RunRequest {
        command: Some(
            ["python", "-c", "x = bytearray(300 * 1024 * 1024); print(len(x))"].map(ToOwned::to_owned).to_vec(),
        ),
        limits: Limits { memory: Some(64 * 1024 * 1024), ..Limits::default() },
        ..real.request("")
    };
    let (outcome, _) = real.run(&request);
    assert_eq!(outcome.exit_code, 137);
    // Podman before 5 does not notice on cgroups v1.
    assert!(outcome.oom_killed || real.engine.kind == Kind::Podman, "{outcome:?}");
}

#[test]
fn a_program_that_is_not_there_is_an_outcome() {
    let Some(real) = Real::get() else { return };
    let request = RunRequest { command: Some(vec!["no-such-program".into()]), ..real.request("") };
    let (outcome, _) = real.run(&request);
    assert_eq!(outcome.exit_code, 127, "{outcome:?}");
    assert!(outcome.error.as_ref().is_some_and(|error| error.contains("no-such-program")), "{outcome:?}");
}

#[test]
fn an_image_that_is_not_there_is_an_error_that_names_it() {
    let Some(real) = Real::get() else { return };
    let request = RunRequest { image: "repro-test-no-such-image:1".into(), ..real.request("true") };
    let error = real.engine.run(&request, &real.log(), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("repro-test-no-such-image:1"), "{error}");
}

#[test]
fn stdin_is_closed_and_there_is_no_network_when_told_so() {
    let Some(real) = Real::get() else { return };
    let request = RunRequest {
        offline: true,
        ..real.request("cat; echo end; ls /sys/class/net; cat /proc/self/status | grep NoNewPrivs")
    };
    let (outcome, lines) = real.run(&request);
    assert_eq!(outcome.exit_code, 0);
    assert_eq!(lines.first().map(String::as_str), Some("end"));
    assert!(!lines.iter().any(|line| line.contains("eth0")), "{lines:?}");
    assert!(lines.iter().any(|line| line.split_whitespace().eq(["NoNewPrivs:", "1"])), "{lines:?}");
}

#[test]
fn mounted_folders_are_read_only_where_told_so() {
    let Some(real) = Real::get() else { return };
    let source = real.folder.path().join("a, b");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file"), "seen").unwrap();
    fs::set_permissions(real.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mount = Mount::Bind { source, target: "/mounted".into(), read_only: true };
    let request =
        RunRequest { mounts: vec![mount], ..real.request("cat /mounted/file; echo; touch /mounted/x || echo refused") };
    let (_, lines) = real.run(&request);
    assert!(lines.contains(&"seen".to_owned()) && lines.contains(&"refused".to_owned()), "{lines:?}");
}

#[test]
fn a_question_gets_both_outputs_apart() {
    let Some(real) = Real::get() else { return };
    let captured = real.engine.capture(&real.request("echo out; echo err >&2; exit 4")).unwrap();
    assert_eq!((captured.exit_code, captured.stdout.as_str(), captured.stderr.as_str()), (4, "out\n", "err\n"));
}

#[test]
fn a_gpu_is_refused_with_a_reason_where_there_is_none() {
    let Some(real) = Real::get() else { return };
    if let Err(error) = real.engine.gpus() {
        let request = RunRequest { gpus: true, ..real.request("true") };
        let refused = real.engine.run(&request, &real.log(), &mut |_| {}).unwrap_err();
        assert_eq!(refused.to_string(), error.to_string());
        assert!(refused.to_string().contains("hint: "));
    }
}

#[test]
fn a_container_whose_program_is_gone_is_found_and_removed() {
    let Some(real) = Real::get() else { return };
    let name = format!("repro-orphan-{}", random_suffix());
    // No process has this number: Linux counts to four million.
    let label = format!("{PROCESS_LABEL}=2000000000");
    let own = format!("{OWN_LABEL}=1");
    real.engine
        .succeed(&["create", "--name", &name, "--label", &own, "--label", &label, &real.image, "true"], "x")
        .unwrap();
    assert!(real.engine.remove_leftovers().unwrap() >= 1);
    assert_eq!(real.containers(&name), "");
}
