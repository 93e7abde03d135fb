//! What the compiled-in knowledge answers to the questions that the stages ask.

use std::collections::{BTreeMap, BTreeSet};

use repro_core::{Context, Edit, KnowledgeBase};
use repro_knowledge::{all_texts, base};

fn requiring(names: &[(&str, Option<&str>)]) -> Context {
    let distributions: BTreeMap<String, Option<String>> =
        names.iter().map(|(name, version)| ((*name).to_owned(), version.map(str::to_owned))).collect();
    Context {
        distributions: Some(distributions),
        imports: Some(BTreeSet::new()),
        calls: Some(BTreeSet::new()),
        python: Some("3.11".to_owned()),
        base_image: Some("python:3.11-slim-bookworm".to_owned()),
        distribution: Some("debian".to_owned()),
        release: Some("bookworm".to_owned()),
        gpu: Some(false),
        ..Context::default()
    }
}

fn prevented(base: &KnowledgeBase, context: &Context) -> Vec<String> {
    base.preventive(context).into_iter().map(|found| found.pitfall).collect()
}

#[test]
fn every_note_passes_every_check() {
    let texts: BTreeMap<String, String> = all_texts().into_iter().map(|(p, t)| (p.to_owned(), t.to_owned())).collect();
    let findings: Vec<String> =
        repro_core::lint::lint_all(&texts, repro_knowledge::indexes()).iter().map(ToString::to_string).collect();
    assert_eq!(findings, Vec::<String>::new());
}

#[test]
fn desktop_opencv_asks_for_the_system_libraries_of_its_release() {
    let mut context = requiring(&[("opencv-python", Some("4.10.0.84"))]);
    assert_eq!(prevented(base(), &context), ["opencv-python/libgl-missing"]);
    let edits =
        |context: &Context| base().preventive(context).into_iter().flat_map(|found| found.edits).collect::<Vec<_>>();
    assert_eq!(edits(&context), [Edit::Apt(vec!["libgl1".to_owned(), "libglib2.0-0".to_owned()])]);
    context.release = Some("trixie".to_owned());
    assert_eq!(edits(&context), [Edit::Apt(vec!["libgl1".to_owned(), "libglib2.0-0t64".to_owned()])]);
}

#[test]
fn headless_opencv_asks_for_nothing() {
    let mut context = requiring(&[("opencv-python-headless", None)]);
    context.imports = Some(["cv2".to_owned()].into());
    assert_eq!(prevented(base(), &context), Vec::<String>::new());
}

#[test]
fn an_import_alone_brings_what_the_library_needs() {
    let mut context = requiring(&[("torch", None)]);
    context.imports = Some(["torch.utils.tensorboard".to_owned(), "jpype".to_owned()].into());
    let found = prevented(base(), &context);
    assert!(found.contains(&"torch/tensorboard-missing".to_owned()), "{found:?}");
    assert!(found.contains(&"jpype1/jvm-missing".to_owned()), "{found:?}");
}

#[test]
fn tables_answer() {
    let tables = base().tables();
    let on = |date: &str| tables.python_current_at(date.parse().unwrap()).to_owned();
    assert_eq!(on("2020-06-01"), "3.7");
    assert_eq!(on("2023-06-01"), "3.10");
    assert_eq!(on("2024-11-01"), "3.12");
    assert_eq!(tables.slim_tag("3.11", None).as_deref(), Some("python:3.11-slim-bookworm"));
    assert_eq!(tables.slim_tag("3.11", Some("trixie")).as_deref(), Some("python:3.11-slim-trixie"));
    assert_eq!(tables.slim_tag("3.6", Some("trixie")).as_deref(), Some("python:3.6-slim-bullseye"));
    assert_eq!(tables.slim_tag("3.99", None), None);
    assert_eq!(tables.torch_companions("2.1.0"), Some((Some("0.16.0"), Some("2.1.0"))));
    assert_eq!(tables.torch_companions("2.1.0+cu118"), Some((Some("0.16.0"), Some("2.1.0"))));
    assert_eq!(tables.pythons_of_torch("1.13.1").last().map(String::as_str), Some("3.11"));
    assert_eq!(tables.cuda_image("11.8"), Some("nvidia/cuda:11.8.0-cudnn8-devel-ubuntu22.04"));
    assert_eq!((tables.cuda_driver("13.0"), tables.cuda_driver("12.4.1")), (Some("580.65.06"), Some("550.54.15")));
    assert_eq!(tables.cuda_driver("13"), tables.cuda_driver("13.0"));
    let broken = tables.breaking_releases("numpy", Some("2023-06-01".parse().unwrap()));
    assert_eq!(broken.iter().map(|row| row.pin.as_str()).collect::<Vec<_>>(), ["numpy<2"]);
    assert_eq!(tables.apt_rename("libgl1-mesa-glx", "trixie"), Some(["libgl1".to_owned()].as_slice()));
    assert_eq!(tables.apt_rename("libgl1-mesa-glx", "bookworm"), None);
}

#[test]
fn modules_lead_to_distributions() {
    let base = base();
    for (module, distribution) in [
        ("cv2", Some("opencv-python")),
        ("PIL.Image", Some("pillow")),
        ("sklearn.svm", Some("scikit-learn")),
        ("google.protobuf.message", Some("protobuf")),
        ("mpl_toolkits.mplot3d", Some("matplotlib")),
        ("detectron2.config", None),
        ("no_such_module", None),
    ] {
        assert_eq!(base.distribution_of_import(module), distribution, "{module}");
    }
    assert!(base.is_stdlib("os.path", "3.11"));
    assert!(base.is_stdlib("distutils", "3.11") && !base.is_stdlib("distutils", "3.12"));
    assert!(base.is_stdlib("tomllib", "3.11") && !base.is_stdlib("tomllib", "3.10"));
    assert!(!base.is_stdlib("numpy", "3.11"));
}

#[test]
fn a_missing_module_of_the_repository_is_no_distribution() {
    let log = "ModuleNotFoundError: No module named 'segmenter'";
    let mut context = Context::default();
    assert_eq!(base().diagnose(log, &context).len(), 1);
    context.repository_modules.insert("segmenter".to_owned());
    assert_eq!(base().diagnose(log, &context), []);
    assert_eq!(base().diagnose("ModuleNotFoundError: No module named 'utils'", &Context::default()), []);
    assert_eq!(base().diagnose("ModuleNotFoundError: No module named '_ctypes'", &Context::default()), []);
}

#[test]
fn a_log_cannot_smuggle_a_command_into_a_fix() {
    let log = "OSError: [E050] Can't find model 'en_core; rm -rf /'. It doesn't seem to be a shortcut link";
    let commands = base().diagnose(log, &Context::default()).into_iter().flat_map(|diagnosis| diagnosis.fix);
    assert!(!commands.into_iter().any(|edit| matches!(edit, Edit::Command(line) if line.contains("rm -rf"))));
}

#[test]
fn images_are_known_by_their_tags() {
    let slim = base().image("python:3.11-slim-bookworm").unwrap();
    assert_eq!((slim.python.as_str(), slim.release.as_str()), ("3.11", "bookworm"));
    assert_eq!(slim.purelib, "/usr/local/lib/python3.11/site-packages");
    assert!(slim.packages.contains_key("setuptools"));
    assert!(!base().image("python:3.12-slim-bookworm").unwrap().packages.contains_key("setuptools"));
    let ngc = base().image("nvcr.io/nvidia/pytorch:25.11-py3").unwrap();
    assert_eq!(ngc.constraint_file.as_deref(), Some("/etc/pip/constraint.txt"));
    assert_eq!(base().image("alpine:3"), None);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]
    #[test]
    fn a_damaged_note_is_a_finding_with_a_place_and_never_a_panic(
        which in proptest::prelude::any::<proptest::sample::Index>(),
        start in proptest::prelude::any::<proptest::sample::Index>(),
        length in 0_usize..400,
        put in proptest::sample::select(vec![
            "", "\n", "\n\n", "```", "\n```\n", "\n```toml pitfall\n", "\n```toml proof\n", "\n## `a`: b\n", "'", "\"", "'''", "[", "]]",
            "{", "(?P<", "(", "\\", "=", "ä", "💥", "\u{0}", "\r\n", "\u{feff}", "affects = '=>1'\n", "date = 2026-13-40\n", "\t",
        ]),
    ) {
        let notes = repro_knowledge::texts();
        let (path, text) = notes[which.index(notes.len())];
        let edge = |mut at: usize| {
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let from = edge(start.index(text.len()));
        let to = edge((from + length).min(text.len()));
        let damaged = format!("{}{put}{}", &text[..from], &text[to..]);
        let lines = damaged.split('\n').count();
        let texts = BTreeMap::from([(path.to_owned(), damaged)]);
        for finding in repro_core::lint::lint_all(&texts, repro_core::Indexes::default()) {
            proptest::prop_assert!((1..=lines).contains(&finding.position.line), "{finding}");
        }
    }
}
