//! A program with its surroundings in, what running it does out.

use std::collections::BTreeMap;

use super::words::tokens;
use crate::Action;
use crate::python::{Module, Value};

/// What is known when a command is judged.
pub(crate) struct Clues<'a> {
    /// Path, module or name of the program.
    pub(crate) name: &'a str,
    pub(crate) arguments: &'a [super::shell::Word],
    pub(crate) comment: &'a str,
    pub(crate) lead: &'a str,
    /// Outermost first.
    pub(crate) headings: &'a [String],
    pub(crate) module: Option<&'a Module>,
    pub(crate) source: &'a str,
}

/// Is the program itself a web page or a web service? One that can start a server for an option imports it where it does.
pub(crate) fn serves(module: &Module, source: &str) -> bool {
    let starts: [(&str, &[&str]); 6] = [
        ("gradio", &[".launch("]),
        ("streamlit", &["st."]),
        ("flask", &[".run("]),
        ("fastapi", &["uvicorn.run("]),
        ("dash", &[".run(", ".run_server("]),
        ("aiohttp", &["run_app("]),
    ];
    let imports = |name: &str| {
        module.imports.iter().any(|import| import.scope.is_none() && import.module.split('.').next() == Some(name))
    };
    starts.iter().any(|(name, calls)| imports(name) && calls.iter().any(|call| source.contains(call)))
}

/// Says what the command does, how surely (below 1.7: by a general heading only), and by what that is told.
pub(crate) fn action(clues: &Clues<'_>) -> (Action, f64, String) {
    let mut votes: BTreeMap<Action, (f64, String)> = BTreeMap::new();
    let mut vote = |action: Action, weight: f64, why: String| {
        let entry = votes.entry(action).or_insert((0.0, String::new()));
        if entry.0 == 0.0 || weight > entry.0 {
            entry.1 = why;
        }
        entry.0 += weight;
    };
    let flags: Vec<&str> =
        clues.arguments.iter().map(|word| word.text.as_str()).filter(|text| text.starts_with('-')).collect();
    let tells = |flag: &str| matches!(flag, "--help" | "-h" | "--version" | "-V") || flag.starts_with("--list-");
    if flags.iter().any(|flag| tells(&flag.replace('_', "-"))) {
        return (Action::Help, 9.0, "it only prints help".to_owned());
    }
    let (folder, stem) = clues.name.rsplit_once(['/', '.']).map_or(("", clues.name), |(folder, stem)| {
        // `a/b.py`: the suffix is no part of the name.
        if stem == "py" || stem == "ipynb" { folder.rsplit_once('/').unwrap_or(("", folder)) } else { (folder, stem) }
    });
    let (mut named, mut plainly) = (false, false);
    for word in tokens(stem) {
        if let Some((action, weight)) = by_name(&word) {
            vote(action, if named { weight * 0.6 } else { weight }, format!("the program is named `{stem}`"));
            named = true;
            plainly |= weight > 2.0;
        }
    }
    if let Some(why) = makes_ready(stem) {
        vote(Action::Prepare, 3.0, why);
    }
    for word in tokens(folder) {
        if let Some((action, weight)) = by_name(&word) {
            // What a name leaves open (`training/run_x.py`) its folder tells.
            let share = match (named, plainly) {
                (false, _) => 0.35,
                (true, false) if action == Action::Train => 0.6,
                (true, _) => 0.2,
            };
            vote(action, weight * share, format!("the program lies in `{folder}`"));
        }
    }
    for (at, word) in clues.arguments.iter().enumerate() {
        let text = word.text.as_str();
        let after_mode = at > 0
            && clues.arguments.get(at - 1).is_some_and(|flag| {
                matches!(flag.text.as_str(), "--mode" | "--task" | "--phase" | "--split" | "--action")
            });
        let inline =
            ["--mode=", "mode=", "--task=", "--phase=", "--action="].iter().find_map(|flag| text.strip_prefix(flag));
        let sub = (at == 0
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && !text.starts_with('-'))
        .then_some(text);
        if let Some(mode) = inline.or(after_mode.then_some(text)).or(sub) {
            if let Some(action) = sub.and_then(keeps_house) {
                vote(action, 3.6, format!("its first words say `{mode}`"));
            }
            for word in tokens(mode) {
                if let Some((action, weight)) = by_name(&word) {
                    vote(action, weight * 1.2, format!("its first words say `{mode}`"));
                }
            }
        } else if let Some(flag) = text.strip_prefix("--") {
            let bare = flag.split('=').next().unwrap_or(flag);
            let next = clues.arguments.get(at + 1).map_or("", |word| word.text.as_str());
            let value = flag.split_once('=').map_or(next, |(_, value)| value);
            let on = !matches!(value, "False" | "false" | "0");
            let action = match bare.replace('-', "_").as_str() {
                "train" | "do_train" | "training" | "is_train" | "is_training" | "finetune" => Some(Action::Train),
                "eval" | "do_eval" | "evaluate" | "eval_only" | "test_only" | "val" | "validate" | "benchmark" => {
                    Some(Action::Evaluate)
                }
                "test" | "do_test" => Some(Action::Evaluate),
                "predict" | "do_predict" | "infer" | "inference" | "demo" | "generate" | "sample" => {
                    Some(Action::Infer)
                }
                "serve" | "server" | "webui" | "share" | "gui" | "web" => Some(Action::Serve),
                _ => None,
            };
            if let Some(action) = action.filter(|_| on) {
                // A switch that is called so says nothing else.
                let weight = if bare.starts_with("is_train") { 3.0 } else { 2.0 };
                vote(action, weight, format!("`--{bare}` is given"));
            }
            let value = value.parse::<f64>().unwrap_or_default();
            // A denoiser takes a thousand steps at most.
            let most = match bare.replace('-', "_").as_str() {
                "epochs" | "num_epochs" => 0.0,
                "timesteps" | "num_timesteps" | "total_timesteps" | "num_env_steps" => 5000.0,
                _ => f64::INFINITY,
            };
            if value > most {
                vote(Action::Train, 2.8, format!("`--{bare}` is given"));
            }
        }
    }
    let mut weight = 1.0;
    for heading in clues.headings.iter().rev() {
        if let Some(action) = by_heading(heading) {
            vote(action, weight * strength(heading, action), format!("it stands under `{heading}`"));
            weight *= 0.4;
        }
    }
    let near = clues.lead.rsplit(['\n', '.']).map(str::trim).find(|part| part.len() > 2).unwrap_or_default();
    for (text, weight) in [(clues.comment, 1.0), (near, 0.7)] {
        if let Some(action) = by_heading(text).filter(|action| *action != Action::Install) {
            vote(
                action,
                weight * strength(text, action),
                format!("the text says `{}`", text.chars().take(60).collect::<String>()),
            );
        }
    }
    if stem.ends_with("_test") {
        vote(Action::Test, 3.0, format!("the program is named `{stem}`"));
    }
    let says = |word: &str| clues.source.contains(word);
    let torch = says(".backward(") && says(".step(");
    let others = (says("value_and_grad") || says("jax.grad") || says("GradientTape"))
        && (says("apply_gradients") || says("apply_updates"));
    if torch || others {
        let weight = match (named, plainly) {
            (_, true) => 1.5,
            (true, false) => 2.8,
            (false, false) => 4.6,
        };
        vote(Action::Train, weight, "the program takes steps of an optimizer".to_owned());
    }
    let long = clues.module.into_iter().flat_map(|module| &module.calls).flat_map(|call| &call.keywords).find_map(
        |(name, value)| match value {
            Value::Integer(count) if is_length(name) && *count >= 1000 => Some(format!("`{name}={count}`")),
            _ => None,
        },
    );
    if let Some(length) = long {
        vote(Action::Train, 3.0, format!("the program trains with {length}"));
    }
    if let Some(module) = clues.module {
        let has = |names: &[&str]| {
            module
                .arguments
                .iter()
                .any(|a| a.names.iter().any(|n| names.contains(&n.trim_start_matches('-').replace('-', "_").as_str())))
        };
        let trains = has(&[
            "epochs",
            "lr",
            "learning_rate",
            "num_epochs",
            "max_epochs",
            "n_epochs",
            "weight_decay",
            "max_steps",
            "momentum",
            "warmup_steps",
        ]);
        let infers = has(&[
            "input",
            "image",
            "img",
            "image_path",
            "images",
            "image_files",
            "input_path",
            "audio",
            "video",
            "image_file",
            "prompt",
            "text",
            "input_image",
            "source",
            "image_name",
            "infile",
            "input_dir",
            "input_file",
        ]);
        if trains && !infers {
            vote(Action::Train, 1.1, "the program has the options of a training".to_owned());
        }
        if infers {
            vote(Action::Infer, 1.0, "the program takes an input".to_owned());
        }
        if module
            .imports
            .iter()
            .any(|import| matches!(import.module.split('.').next(), Some("unittest" | "pytest")) && !import.dynamic)
            && !named
        {
            vote(Action::Test, 3.0, "the program imports a test runner".to_owned());
        }
        if serves(module, clues.source) {
            vote(Action::Serve, 6.0, "the program is a web page".to_owned());
        }
    }
    votes
        .into_iter()
        // Of equal votes the one that is more use wins: actions are declared in that order.
        .fold(None::<(Action, f64, String)>, |best, (action, (weight, why))| match best {
            Some((_, most, _)) if most >= weight => best,
            _ => Some((action, weight, why)),
        })
        .unwrap_or((Action::Unknown, 0.0, "nothing says what it does".to_owned()))
}

/// Is this the name of how often a training goes through its data?
fn is_length(name: &str) -> bool {
    matches!(name, "epochs" | "n_epochs" | "num_epochs" | "nb_epoch" | "nb_epochs" | "max_epochs")
}

/// Is this a subcommand that can mean nothing but an inference?
pub(crate) fn infers_plainly(name: &str) -> bool {
    by_name(name).is_some_and(|(action, weight)| action == Action::Infer && weight > 2.5)
}

/// Subcommands by which a program looks after itself.
fn keeps_house(name: &str) -> Option<Action> {
    match name {
        "update" | "upgrade" | "pull" => Some(Action::Download),
        "login" | "init" | "configure" => Some(Action::Install),
        "list" | "search" | "info" | "show" | "version" | "remove" | "uninstall" | "delete" => Some(Action::Help),
        _ => None,
    }
}

/// A verb before what a training starts from (`prepare_train_labels`), or before a model that gets another form
/// (`compress_model`): the program is named after what it works on, not after what is done with it later.
fn makes_ready(stem: &str) -> Option<String> {
    let words = tokens(stem);
    let (verb, rest) = words.split_first()?;
    let of = |list: &[&str]| rest.iter().any(|word| list.contains(&word.trim_end_matches('s')));
    let data = matches!(verb.as_str(), "prepare" | "preprocess" | "prep" | "preproc" | "create" | "make" | "build")
        && of(&["train", "val", "label", "dataset", "data", "annotation", "split", "list", "index", "manifest"]);
    let model = matches!(verb.as_str(), "compress" | "prune" | "strip" | "shrink" | "slim" | "release" | "average")
        && of(&["model", "checkpoint", "ckpt", "weight"]);
    (data || model).then(|| format!("the program is named `{stem}`"))
}

/// What a word in a program's name says about it, and how surely.
fn by_name(word: &str) -> Option<(Action, f64)> {
    // `demo01`, `test2`
    let bare = word.trim_end_matches(|c: char| c.is_ascii_digit());
    Some(match if bare.len() > 2 { bare } else { word } {
        "train" | "training" | "trainer" | "finetune" | "finetuning" | "pretrain" | "pretraining" | "sft" | "dpo"
        | "ppo" | "grpo" | "distill" | "fit" | "tune" | "tuning" | "trainval" | "finetuned" | "learn" => {
            (Action::Train, 3.0)
        }
        "eval" | "evaluate" | "evaluation" | "benchmark" | "bench" | "val" | "validate" | "validation" | "metrics"
        | "metric" | "fid" | "score" | "evaluator" | "benchmarks" | "ablation" => (Action::Evaluate, 2.8),
        "compare" => (Action::Evaluate, 0.9),
        "test" => (Action::Evaluate, 1.4),
        "tests" | "pytest" | "unittest" => (Action::Test, 2.4),
        "infer" | "inference" | "predict" | "prediction" | "predictor" | "demo" | "demos" | "txt2img" | "img2img"
        | "text2img" | "img2txt" | "image2text" | "transcribe" | "tts" | "synthesize" | "synthesis" | "synthesise"
        | "detect" | "detector" | "recognize" | "translate" | "chat" | "caption" | "separate" | "upscale"
        | "restore" | "enhance" | "segment" | "text2image" | "image2image" | "super" | "colorize" | "stylize"
        | "denoise" | "inpaint" | "inpainting" | "t2i" | "t2v" | "i2v" | "outpaint" | "completion" | "decode"
        | "parse" | "tag" | "sampling" | "interactive" | "matting" | "vocode" | "recon" | "reconstruct" | "enjoy" => {
            (Action::Infer, 3.0)
        }
        "sample" | "generate" | "gen" | "generation" | "example" | "examples" | "render" | "estimate" | "classify"
        | "extract" | "embed" | "cli" | "simple" | "play" | "query" | "ask" | "quickstart" | "usage" | "minimal"
        | "encode" | "track" | "process" | "apply" | "analyze" | "test_minimal" | "playground" | "tutorial" => {
            (Action::Infer, 1.8)
        }
        "run" => (Action::Infer, 1.4),
        "serve" | "server" | "serving" | "webui" | "web" | "app" | "gradio" | "streamlit" | "api" | "flask"
        | "fastapi" | "gui" | "ui" | "controller" | "worker" | "webcam" | "daemon" | "dashboard" | "deploy"
        | "viewer" | "visualizer" => (Action::Serve, 2.6),
        "prepare" | "preprocess" | "preprocessing" | "convert" | "conversion" | "converter" | "create" | "build"
        | "make" | "tokenize" | "export" | "setup" | "compile" | "prep" | "preproc" | "crop" | "align" | "merge"
        | "quantize" | "submit" | "slurm" | "upload" | "publish" | "dataset" | "datasets" | "augment" | "collect"
        | "annotate" | "migrate" | "calc" | "stats" | "plot" | "split" => (Action::Prepare, 2.4),
        "download" | "downloader" | "fetch" => (Action::Download, 3.2),
        "install" => (Action::Install, 3.0),
        _ => return None,
    })
}

/// How much a heading counts: `Usage` stands above everything, `Inference` does not.
fn strength(text: &str, action: Action) -> f64 {
    let telling = |word: &String| {
        matches!(
            word.as_str(),
            "inference"
                | "infer"
                | "predict"
                | "prediction"
                | "predictions"
                | "demo"
                | "generate"
                | "generating"
                | "generation"
                | "sample"
                | "sampling"
                | "transcribe"
                | "detect"
                | "synthesis"
                | "translate"
                | "classify"
        )
    };
    let told =
        action != Action::Infer || tokens(text).iter().any(telling) || text.contains(['推', '预', '演', '予', '추']);
    if told { 1.6 } else { 0.9 }
}

/// What a heading or a sentence says about the commands below it; the last telling word of a sentence decides least.
pub(crate) fn by_heading(text: &str) -> Option<Action> {
    // What stands in brackets explains, it does not name.
    let text = text.find('(').filter(|at| *at > 0).and_then(|at| text.get(..at)).unwrap_or(text);
    let words = tokens(text);
    let writes = |word: &str| matches!(word, "generate" | "generating" | "create" | "creating" | "make" | "write");
    let is_data = |word: &String| {
        let data = ["manifest", "label", "annotation", "split", "metadata", "vocabulary", "dataset"];
        data.contains(&word.trim_end_matches('s'))
    };
    // `generate the manifest`
    if words.iter().zip(1..).any(|(word, next)| writes(word) && words.iter().skip(next).take(3).any(is_data)) {
        return Some(Action::Prepare);
    }
    let mut counts: BTreeMap<Action, usize> = BTreeMap::new();
    for word in &words {
        let action = match word.as_str() {
            "train" | "training" | "finetune" | "finetuning" | "finetune-tuning" | "pretraining" | "pretrain"
            | "trained-from" | "retrain" | "tuning" => Action::Train,
            "evaluate" | "evaluation" | "evaluating" | "eval" | "benchmark" | "benchmarks" | "benchmarking"
            | "reproduce" | "reproducing" | "results" | "metrics" | "validation" | "fid" => Action::Evaluate,
            "inference" | "infer" | "inferring" | "predict" | "prediction" | "predictions" | "demo" | "demos"
            | "usage" | "quickstart" | "use" | "using" | "run" | "running" | "example" | "examples" | "generate"
            | "generating" | "generation" | "sample" | "sampling" | "samples" | "started" | "test" | "testing"
            | "transcribe" | "detect" | "detection" | "try" | "play" | "synthesis" | "start" | "translate"
            | "classify" | "cli" | "command" => Action::Infer,
            "install" | "installation" | "installing" | "setup" | "requirements" | "dependencies" | "environment"
            | "prerequisites" | "prerequisite" | "docker" | "conda" | "build" | "compile" => Action::Install,
            "prepare" | "preparation" | "preparing" | "preprocess" | "preprocessing" | "convert" | "conversion"
            | "dataset" | "datasets" | "export" => Action::Prepare,
            "download" | "downloading" | "downloads" => Action::Download,
            "web" | "webui" | "gradio" | "server" | "serving" | "serve" | "deploy" | "deployment" | "gui" | "api"
            | "browser" | "webcam" => Action::Serve,
            "unittest" | "unittests" | "pytest" | "contributing" | "development" | "lint" => Action::Test,
            _ => continue,
        };
        // Training is what a heading is about where it is named at all; `test` and `run` are said of everything.
        *counts.entry(action).or_default() += if matches!(action, Action::Infer) { 2 } else { 3 };
    }
    for (part, action) in [
        ("训练", Action::Train),
        ("微调", Action::Train),
        ("学習", Action::Train),
        ("학습", Action::Train),
        ("评估", Action::Evaluate),
        ("评测", Action::Evaluate),
        ("評価", Action::Evaluate),
        ("推理", Action::Infer),
        ("推論", Action::Infer),
        ("预测", Action::Infer),
        ("测试", Action::Infer),
        ("使用", Action::Infer),
        ("快速开始", Action::Infer),
        ("演示", Action::Infer),
        ("示例", Action::Infer),
        ("使い方", Action::Infer),
        ("추론", Action::Infer),
        ("사용", Action::Infer),
        ("运行", Action::Infer),
        ("安装", Action::Install),
        ("环境", Action::Install),
        ("インストール", Action::Install),
        ("설치", Action::Install),
        ("数据", Action::Prepare),
        ("下载", Action::Download),
        ("部署", Action::Serve),
    ] {
        // A sentence of such length says everything at once.
        if text.contains(part) && text.chars().count() < 48 {
            *counts.entry(action).or_default() += 3;
        }
    }
    counts
        .into_iter()
        .fold(None::<(Action, usize)>, |best, (action, count)| match best {
            Some((_, most)) if most >= count => best,
            _ => Some((action, count)),
        })
        .map(|(action, _)| action)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, arguments: &str, headings: &[&str], source: &str, expected: Action) {
        let line = crate::documents::Line { number: 1, text: format!("x {arguments}") };
        let words = super::super::shell::commands(&[line]).remove(0).words;
        let headings: Vec<String> = headings.iter().map(|text| (*text).to_owned()).collect();
        let module = crate::python::parse(source);
        let clues = Clues {
            name,
            arguments: words.get(1..).unwrap_or_default(),
            comment: "",
            lead: "",
            headings: &headings,
            module: Some(&module),
            source,
        };
        assert_eq!(action(&clues).0, expected, "{name} {arguments}");
    }

    #[test]
    fn names_arguments_and_headings_decide() {
        check("train.py", "-s data", &["Training"], "", Action::Train);
        check("demo/inference_on_a_image.py", "-i x.jpg", &["Demo"], "", Action::Infer);
        check("tools/train.py", "", &["Quick Start", "Reproduce"], "", Action::Train);
        check("llava.serve.cli", "--image-file x", &["CLI Inference"], "", Action::Infer);
        let flask = "from flask import Flask\napp = Flask('x')\nif __name__ == '__main__':\n    app.run()\n";
        check("predict.py", "", &[], flask, Action::Serve);
        check("app.py", "", &["Demo"], "import gradio\ngradio.Interface().launch()", Action::Serve);
        check("main.py", "train --x 1", &[], "", Action::Train);
        check("prog", "--help", &["Usage"], "", Action::Help);
        check("tts", "--list_models", &["Usage"], "", Action::Help);
        check("scripts/convert_checkpoint.py", "", &["Usage"], "", Action::Prepare);
        check("scripts/prepare_train_labels.py", "--labels x.json", &["Training"], "", Action::Prepare);
        check("compress_model.py", "-i a.pth", &["Usage"], "", Action::Prepare);
        check("pkgm", "update", &["Command Line Interface"], "", Action::Download);
        check("a/b.py", "", &["Generate the manifest of an example"], "", Action::Prepare);
    }

    #[test]
    fn a_plain_name_gives_way_to_an_optimizer() {
        let steps = "loss.backward()\noptimizer.step()\n";
        check("run_field.py", "--config a.txt", &["Quick Start"], steps, Action::Train);
        check("predict.py", "--prompt a", &["Usage"], steps, Action::Infer);
        check("pkg.run", "--alg=a --num_timesteps=2e7", &["Example 1"], "", Action::Train);
    }

    #[test]
    fn a_test_script_that_takes_an_image_infers() {
        check(
            "test.py",
            "--image_name x.jpg",
            &["测试"],
            "import argparse\np=argparse.ArgumentParser()\np.add_argument('--image_name')",
            Action::Infer,
        );
        check("scripts/training/run_clm.py", "", &[], "", Action::Train);
        check("test.py", "--epoch 3", &["Evaluation"], "", Action::Evaluate);
        check("run.py", "--task a --is_training 1", &["Quick Test"], "", Action::Train);
        check("run.py", "--task a --is_training 0", &["Quick Test"], "", Action::Infer);
    }
}
