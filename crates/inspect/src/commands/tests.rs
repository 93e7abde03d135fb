//! Cases that go through all steps: a tree in, the best candidates out.

use super::*;
use crate::{Content, File, Kind};

/// Candidates of a tree of texts and of opaque files of 50 kB.
fn found(texts: &[(&str, &str)], opaque: &[&str], projects: &[Project]) -> Vec<Candidate> {
    let mut tree = Tree::from_texts(texts.iter().copied());
    for path in opaque {
        tree.insert(*path, File { size: 50_000, content: Content::Opaque });
    }
    let sources = Sources::new(&tree);
    candidates(&tree, projects, &sources).0
}

fn check(texts: &[(&str, &str)], opaque: &[&str], expected: &[&str]) {
    let found = found(texts, opaque, &[]);
    let lines: Vec<&str> = found.iter().map(|candidate| candidate.command.line.as_str()).take(expected.len()).collect();
    assert_eq!(lines, expected, "{found:#?}");
}

const MAIN: &str = "if __name__ == '__main__':\n    pass\n";

#[test]
fn an_inference_comes_before_a_training_that_is_documented_first() {
    check(
        &[
            (
                "README.md",
                "# X\n## Train\n```\npython train.py\n```\n## Inference\n```\npython demo.py --image a.jpg\n```\n",
            ),
            ("train.py", MAIN),
            ("demo.py", MAIN),
        ],
        &["a.jpg"],
        &["python demo.py --image a.jpg", "python train.py"],
    );
}

#[test]
fn what_only_takes_up_a_training_comes_after_it() {
    check(
        &[
            (
                "README.md",
                "# X\n## Usage\n```\npython train.py -s <path to dataset>\npython render.py -m <path to trained model>\n```\n",
            ),
            ("train.py", MAIN),
            ("render.py", MAIN),
        ],
        &[],
        &["python train.py -s '<path to dataset>'", "python render.py -m '<path to trained model>'"],
    );
}

#[test]
fn a_training_that_is_all_there_is_is_shortened() {
    let source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--max-steps', type=int, default=-1)\np.parse_args()\nloss.backward()\noptimizer.step()\n";
    let found = found(
        &[
            ("README.md", "## Usage\n```\npython words.py -i names.txt\n```\n"),
            ("words.py", source),
            ("names.txt", "a"),
        ],
        &[],
        &[],
    );
    let best = found.first().expect("a candidate");
    assert_eq!(best.command.line, "python words.py -i names.txt --max-steps 10");
    assert_eq!((best.kind, best.action), (Kind::Train, Action::Train));
    assert!(best.changes.iter().any(|change| change.contains("--max-steps 10")), "{:?}", best.changes);
}

#[test]
fn a_console_script_gets_a_sample_of_the_repository() {
    let project =
        Project { console_scripts: [("hear".to_owned(), "hear:main".to_owned())].into(), ..Project::default() };
    let found = found(
        &[("README.md", "## Usage\n    hear <output-directory> <input-audio-path>\n")],
        &["tests/a.wav"],
        &[project],
    );
    let best = found.first().expect("a candidate");
    assert_eq!(best.command.line, "hear output tests/a.wav");
    assert_eq!(best.command.setup, ["mkdir -p output"]);
    assert_eq!(best.kind, Kind::ConsoleScript);
}

#[test]
fn a_download_of_the_document_brings_the_weights() {
    let found = found(
        &[
            (
                "README.md",
                "## Demo\n```\nmkdir weights\ncd weights\nwget https://mirror.example/a.pth\ncd ..\n```\n```\nCUDA_VISIBLE_DEVICES={GPU ID} python demo.py -p weights/a.pth\n```\n",
            ),
            ("demo.py", MAIN),
        ],
        &[],
        &[],
    );
    let best = found.first().expect("a candidate");
    assert_eq!(best.command.line, "python demo.py -p weights/a.pth");
    assert_eq!(best.command.setup, ["mkdir -p weights", "wget -q -O weights/a.pth https://mirror.example/a.pth"]);
    assert_eq!(best.command.env.get("CUDA_VISIBLE_DEVICES").map(String::as_str), Some("0"));
}

#[test]
fn a_script_without_documents_is_run_by_its_own_usage_text() {
    let source = "import sys\ndef main(args):\n    if len(args) != 2:\n        sys.stderr.write('Usage: example.py <mode> <path to wav file>\\n')\n    f(int(args[0]))\nif __name__ == '__main__':\n    main(sys.argv[1:])\n";
    check(
        &[("README.md", "See example.py"), ("example.py", source)],
        &["speech.wav"],
        &["python example.py 1 speech.wav"],
    );
}

#[test]
fn a_snippet_is_the_program_of_a_library() {
    let found = found(
        &[("README.md", "## Usage\n```python\nfrom lib import f\nprint(f('cat.jpg'))\n```\n"), ("lib/__init__.py", "")],
        &["resources/cat.jpg"],
        &[],
    );
    let best = found.first().expect("a candidate");
    assert_eq!((best.kind, best.command.line.as_str()), (Kind::ReadmeSnippet, "python /workspace/run/snippet.py"));
    assert_eq!(best.command.setup, ["cp resources/cat.jpg cat.jpg"]);
}

#[test]
fn the_folder_of_a_cd_is_the_working_folder() {
    let found = found(
        &[
            ("README.md", "```\ngit clone https://mirror.example/x\ncd x\ncd tools\npython demo.py\n```\n"),
            ("tools/demo.py", MAIN),
            ("demo.py", MAIN),
        ],
        &[],
        &[],
    );
    let best = found.first().expect("a candidate");
    assert_eq!((best.command.line.as_str(), best.command.workdir.as_str()), ("python demo.py", "tools"));
}

#[test]
fn shell_scripts_are_followed_one_level() {
    check(
        &[
            ("README.md", "## Demo\n```\nbash run.sh\n```\n"),
            ("run.sh", "IN=data/a.jpg\npython infer.py --image $IN | tee log\n"),
            ("infer.py", MAIN),
        ],
        &["data/a.jpg"],
        &["python infer.py --image data/a.jpg"],
    );
}

#[test]
fn options_may_be_declared_beside_the_program() {
    let options = "import argparse\ndef read():\n    p = argparse.ArgumentParser()\n    p.add_argument('--num_epochs', type=int, default=20)\n    p.add_argument('--weights', default='a.pth')\n";
    check(
        &[
            ("README.md", "## Training\n```\npython train.py --weights <model>\n```\n"),
            ("train.py", "from options import read\nif __name__ == '__main__':\n    read()\n"),
            ("options.py", options),
        ],
        &[],
        &["python train.py --num_epochs 1"],
    );
}

#[test]
fn options_of_a_function_that_nobody_calls_are_none() {
    let helpers = "import argparse\ndef read():\n    p = argparse.ArgumentParser()\n    p.add_argument('--model', required=True)\n";
    check(
        &[
            ("README.md", "## Usage\n```\npython infer.py --image a.jpg\n```\n"),
            ("infer.py", "import helpers\nif __name__ == '__main__':\n    helpers.load()\n"),
            ("helpers.py", helpers),
        ],
        &["a.jpg"],
        &["python infer.py --image a.jpg"],
    );
}

#[test]
fn what_a_program_demands_is_added_to_a_bare_mention() {
    let source =
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--image', required=True)\np.parse_args()\n";
    check(
        &[("README.md", "## Usage\nRun `python look.py` to see more.\n"), ("look.py", source)],
        &["samples/cat.jpg"],
        &["python look.py --image samples/cat.jpg"],
    );
}

#[test]
fn a_script_of_several_steps_runs_as_a_whole_and_after_its_download() {
    let found = found(
        &[
            ("README.md", "## Test\n```\n$ bash get-networks.sh && bash all.sh -i samples -o out\n```\n"),
            ("get-networks.sh", "wget https://mirror.example/a.h5\n"),
            ("all.sh", "while getopts 'i:o:' x; do y=$OPTARG; done\npython a.py $i\npython b.py $o\n"),
            ("a.py", MAIN),
            ("b.py", MAIN),
        ],
        &["samples/cat.jpg"],
        &[],
    );
    let best = found.first().expect("a candidate");
    assert_eq!(best.command.line, "bash all.sh -i samples -o out");
    assert!(best.command.setup.contains(&"bash get-networks.sh".to_owned()), "{:?}", best.command.setup);
}

#[test]
fn a_script_among_weights_saves_them_beside_itself() {
    let found = found(
        &[
            ("README.md", "```\n./weights/get_weights.sh\n```\n## Demo\n```\npython demo.py --image a.jpg\n```\n"),
            ("weights/get_weights.sh", "wget https://mirror.example/a.pth\n"),
            ("demo.py", MAIN),
        ],
        &["a.jpg"],
        &[],
    );
    let best = found.first().expect("a candidate");
    assert_eq!(best.command.setup, ["(cd weights && bash get_weights.sh)"]);
}

#[test]
fn a_variable_without_quotes_is_several_words() {
    check(
        &[
            (
                "README.md",
                "## Sampling\n```\nFLAGS=\"--size 64 --steps 10\"\npython sample.py $FLAGS --name \"$FLAGS\"\n```\n",
            ),
            ("sample.py", MAIN),
        ],
        &[],
        &["python sample.py --size 64 --steps 10 --name '--size 64 --steps 10'"],
    );
}

#[test]
fn arguments_of_a_shell_script_reach_its_program() {
    check(
        &[
            ("README.md", "## Demo\n```\nbash run.sh data/a.jpg\n```\n"),
            ("run.sh", "python infer.py --image $1\n"),
            ("infer.py", MAIN),
        ],
        &["data/a.jpg"],
        &["python infer.py --image data/a.jpg"],
    );
}

#[test]
fn windows_and_microphones_come_last() {
    check(
        &[
            ("README.md", "## Run\n```\npython demo_box.py\npython demo_live.py\npython demo_line.py\n```\n"),
            ("demo_box.py", "from box import Box\nBox()\n"),
            ("box/__init__.py", "from box.ui import Ui\n"),
            ("box/ui.py", "from PyQt5.QtWidgets import QWidget\n"),
            ("demo_live.py", "import sounddevice as sd\nstream = sd.InputStream(device=0)\nstream.start()\n"),
            ("demo_line.py", MAIN),
        ],
        &[],
        &["python demo_line.py"],
    );
}

#[test]
fn a_pretrained_model_is_not_one_that_the_reader_trains() {
    check(
        &[
            (
                "README.md",
                "# X\n## Demo with the pre-trained models\n```\npython inference.py --checkpoint_path <ckpt> --image a.jpg\n```\n## Training\n```\npython train.py\n```\n",
            ),
            ("inference.py", MAIN),
            ("train.py", MAIN),
        ],
        &["a.jpg"],
        &["python inference.py --checkpoint_path '<ckpt>' --image a.jpg", "python train.py"],
    );
}

#[test]
fn notebooks_stand_in_the_order_in_which_the_readme_names_them() {
    let cell = r#"{"cells": [{"cell_type": "code", "source": ["import a\n", "a.b()"]}]}"#;
    let shell = r#"{"cells": [{"cell_type": "code", "source": ["!pip install a\n", "%cd a\n", "!python app.py"]}]}"#;
    check(
        &[
            ("README.md", "See [z](x/z.ipynb), [b](x/b.ipynb) and [colab](colab.ipynb)."),
            ("x/b.ipynb", cell),
            ("x/z.ipynb", cell),
            ("colab.ipynb", shell),
        ],
        &[],
        &[
            "jupyter nbconvert --to notebook --execute --ExecutePreprocessor.kernel_name=python3 --output-dir /tmp z.ipynb",
            "jupyter nbconvert --to notebook --execute --ExecutePreprocessor.kernel_name=python3 --output-dir /tmp b.ipynb",
        ],
    );
    assert_eq!(found(&[("README.md", "colab.ipynb"), ("colab.ipynb", shell)], &[], &[]).len(), 0);
}

#[test]
fn a_program_that_names_its_input_is_found_where_no_document_says_so() {
    let source = "import argparse\nif __name__ == '__main__':\n    p = argparse.ArgumentParser()\n    p.add_argument('image_files', nargs='+')\n    p.parse_args()\n";
    check(&[("README.md", "# Faces"), ("src/alike.py", source)], &["data/a.jpg"], &["python src/alike.py data/a.jpg"]);
}

#[test]
fn an_example_that_does_its_work_as_it_stands_is_a_program() {
    check(
        &[
            ("README.md", "# Chains"),
            ("chains/__init__.py", ""),
            ("examples/plot_chain.py", "from chains import Chain\nprint(Chain().fit())\n"),
            ("examples/shapes.py", "SIDES = 3\n"),
            ("get-pip.py", MAIN),
            ("ez_setup.py", MAIN),
        ],
        &[],
        &["python examples/plot_chain.py"],
    );
    assert_eq!(found(&[("README.md", "# X"), ("ez_setup.py", MAIN), ("versioneer.py", MAIN)], &[], &[]).len(), 0);
}

#[test]
fn a_script_that_the_setup_installs_is_a_program() {
    let script = "#!/usr/bin/env python\nimport sys\nfor line in sys.stdin:\n    print(len(line))\n";
    let project = Project { scripts: vec!["scripts/count-words".to_owned()], ..Project::default() };
    let found = found(&[("README.md", "# X"), ("scripts/count-words", script)], &[], &[project]);
    let best = found.first().expect("a candidate");
    assert_eq!(best.command.line, "python scripts/count-words < /workspace/run/text.txt");
    assert_eq!(best.command.samples, ["text.txt"]);
}

#[test]
fn a_module_of_the_package_is_the_program_where_there_is_no_other() {
    let project = Project { packages: [("moods".to_owned(), "moods".to_owned())].into(), ..Project::default() };
    let data = format!("TABLE = '{}'\n{MAIN}", "x".repeat(500_000));
    let files = [("README.md", "# X"), ("moods/__init__.py", ""), ("moods/score.py", data.as_str())];
    let best = found(&files, &[], &[project]).into_iter().next().expect("a candidate");
    assert_eq!((best.kind, best.command.line.as_str()), (Kind::Module, "python -m moods.score"));
}

#[test]
fn a_line_that_sets_up_another_library_is_no_program() {
    let document = "```python\nimport plots\nplots.use('none')\n```\n";
    assert_eq!(found(&[("README.md", document)], &[], &[]).len(), 0);
    let compiled = Project { extensions: vec!["plots".to_owned()], ..Project::default() };
    assert_eq!(found(&[("README.md", document)], &[], &[compiled]).len(), 1);
}

#[test]
fn a_file_that_is_written_is_no_input() {
    let source = "import argparse\nif __name__ == '__main__':\n    p = argparse.ArgumentParser()\n    p.add_argument('--text', type=argparse.FileType('r'))\n    p.add_argument('--imagefile', type=argparse.FileType('wb'))\n    p.add_argument('--figure', help='where the picture is saved')\n    p.parse_args()\n";
    check(
        &[
            ("README.md", "## Usage\n```\npython cloud.py --text FILE --imagefile cloud.png --figure fig.png\n```\n"),
            ("cloud.py", source),
        ],
        &["examples/cat.png"],
        &["python cloud.py --text /workspace/run/text.txt --imagefile cloud.png --figure fig.png"],
    );
}

#[test]
fn a_value_that_repeats_its_flag_is_a_placeholder() {
    let source = "import argparse\nif __name__ == '__main__':\n    p = argparse.ArgumentParser()\n    p.add_argument('--algo', choices=['dqn', 'ppo'])\n    p.add_argument('--env', default='Pole-v1')\n    p.parse_args()\n";
    check(
        &[("README.md", "## Usage\n```\npython enjoy.py --algo algo_name --env env_id\n```\n"), ("enjoy.py", source)],
        &[],
        &["python enjoy.py --algo dqn --env Pole-v1"],
    );
}

proptest::proptest! {
    #[test]
    fn any_document_is_survived(text in "(\\PC|\n|```|\\$ |python a.py |<|>|\\[|\\]|\\{|'|\"|::\n\n|>>> |#){0,60}") {
        found(&[("README.md", &text), ("a.py", "")], &["a.jpg"], &[]);
        found(&[("README.rst", &text), ("run.sh", &text), ("Makefile", &text)], &[], &[]);
    }
}

#[test]
fn a_command_that_a_person_wrote_is_followed() {
    let tree = Tree::from_texts([
        ("demo.py", "import numpy\n"),
        ("examples/plot.py", "import matplotlib.pyplot\nmatplotlib.pyplot.plot([1])\n"),
    ]);
    let mut facts = crate::inspect(&tree);
    crate::with_command(&tree, &mut facts, "python plot.py --size 3", "examples");
    let given = facts.given.expect("a program of the repository");
    assert_eq!((given.entry.as_deref(), given.kind), (Some("examples/plot.py"), Kind::Script));
    assert!(given.imports.required.keys().any(|name| name.starts_with("matplotlib")), "{:?}", given.imports);
    let mut facts = crate::inspect(&tree);
    crate::with_command(&tree, &mut facts, "curl https://mirror.example", "");
    assert_eq!(facts.given, None);
}

#[test]
fn a_program_that_only_starts_another_has_its_options() {
    let project = Project {
        console_scripts: [("cloud".to_owned(), "cloud.__main__:main".to_owned())].into(),
        ..Project::default()
    };
    let main = "from .cli import main as cli_main, parse_args\n\ndef main():\n    cli_main(parse_args())\n";
    let cli = "import argparse\n\ndef make_parser():\n    p = argparse.ArgumentParser()\n    p.add_argument('--text')\n    \
               p.add_argument('--imagefile', type=argparse.FileType('wb'))\n    return p\n\nif __name__ == '__main__':\n    main()\n";
    let files = [
        ("README.md", "## Usage\n```\ncloud --text mytext.txt --imagefile words.png\n```\n"),
        ("cloud/__init__.py", ""),
        ("cloud/__main__.py", main),
        ("cloud/cli.py", cli),
        ("examples/alice.txt", "a"),
    ];
    let found = found(&files, &["examples/arabic.png"], &[project]);
    let best = found.first().expect("a candidate");
    assert_eq!(best.command.line, "cloud --text examples/alice.txt --imagefile words.png");
}

#[test]
fn a_long_training_in_the_code_is_told_whatever_its_heading_says() {
    let long = "if __name__ == '__main__':\n    gan.train(epochs=200000)\n";
    check(
        &[
            (
                "README.md",
                "## Examples\n### Regression\n```\npython a/regression.py\n```\n### Generating digits\n```\npython a/gan.py\n```\n",
            ),
            ("a/regression.py", MAIN),
            ("a/gan.py", long),
        ],
        &[],
        &["python a/regression.py", "python a/gan.py"],
    );
}

#[test]
fn a_snippet_that_trains_comes_after_one_that_only_generates() {
    let readme = "## Examples\n```python\nfrom pen import Pen\np = Pen()\np.generate()\n```\nIt can be trained:\n```python\n\
                  p.train_from_file('names.txt', num_epochs=1)\np.generate()\n```\n";
    let found = found(&[("README.md", readme), ("pen/__init__.py", ""), ("names.txt", "a")], &[], &[]);
    let best = found.first().expect("a candidate");
    assert_eq!((best.action, best.snippet.as_ref().map(|snippet| snippet.parts.len())), (Action::Infer, Some(1)));
}

#[test]
fn a_snippet_that_does_nothing_with_its_objects_is_no_inference() {
    let readme = "## Usage\n```python\nfrom wren import GPT\nconfig = GPT.get_default_config()\nmodel = GPT(config)\n```\n\
                  See `demo.ipynb`.\n";
    let notebook = "{\"cells\": [{\"cell_type\": \"code\", \"source\": [\"import wren\\n\", \"wren.run()\"]}]}";
    let files = [("README.md", readme), ("wren/__init__.py", ""), ("demo.ipynb", notebook)];
    let found = found(&files, &[], &[]);
    assert_eq!(found.first().map(|candidate| candidate.kind), Some(Kind::Notebook), "{found:#?}");
}

#[test]
fn a_notebook_is_named_by_a_link_too() {
    let readme = "Tutorials: [basic](doc/Basic%20usage%2C%20two%20classes.ipynb)\n";
    let notebook = "{\"cells\": [{\"cell_type\": \"code\", \"source\": \"import fig\"}]}";
    let files =
        [("README.md", readme), ("doc/A sampling.ipynb", notebook), ("doc/Basic usage, two classes.ipynb", notebook)];
    let best = found(&files, &[], &[]).remove(0);
    assert!(best.command.line.contains("Basic usage"), "{best:#?}");
    let rendered = readme.replace(".ipynb", ".html");
    let best = found(&[&[("README.md", rendered.as_str())], &files[1..]].concat(), &[], &[]).remove(0);
    assert!(best.command.line.contains("Basic usage"), "{best:#?}");
}

#[test]
fn scripts_without_a_telling_name_are_better_than_nothing() {
    check(
        &[("README.md", "A library."), ("xor.py", "print(1)\n"), ("setup.py", "print(1)\n")],
        &[],
        &["python xor.py"],
    );
}

#[test]
fn a_script_that_reads_what_lies_beside_its_folder_is_run_in_there() {
    let files = [
        ("README.md", "## Usage\n```\npython train.py\n```\n"),
        ("walk/__init__.py", ""),
        ("walk/train.py", MAIN),
        ("walk/utils.py", "def load(path='../data/map/'):\n    pass\n"),
    ];
    let place = |opaque: &[&str]| {
        let found = found(&files, opaque, &[]);
        found.first().map(|best| (best.command.line.clone(), best.command.workdir.clone()))
    };
    assert_eq!(place(&["data/map/a.bin"]), Some(("python train.py".to_owned(), "walk".to_owned())));
    assert_eq!(place(&[]), Some(("python walk/train.py".to_owned(), String::new())));
}

#[test]
fn linked_weights_are_fetched_and_a_picture_stands_for_a_camera() {
    let source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--checkpoint-path', required=True)\np.add_argument('--video', default='')\np.add_argument('--images', nargs='+', default='')\nif __name__ == '__main__':\n    p.parse_args()\n";
    let readme = "# X\nWeights: https://host.org/a/net.pth, 40% AP.\n## Demo\n```\npython demo.py --checkpoint-path <path_to>/net.pth --video 0\n```\n";
    let found = found(&[("README.md", readme), ("demo.py", source)], &["data/a.jpg"], &[]);
    let best = found.first().expect("a candidate");
    assert_eq!(best.command.line, "python demo.py --checkpoint-path net.pth --images data/a.jpg", "{found:#?}");
    assert_eq!(best.command.setup, ["wget -q -O net.pth https://host.org/a/net.pth"]);
}

#[test]
fn a_package_that_looks_after_itself_does_so_before_it_is_used() {
    let mut project = Project::default();
    project.console_scripts.insert("txm".to_owned(), "tx.m:main".to_owned());
    project.console_scripts.insert("tx-translate".to_owned(), "tx.cli:main".to_owned());
    let readme = "# X\n## Command Line Interface\n```\ntxm update\ntxm install en_de\ntx-translate \"Hello\"\n```\n";
    let found = found(&[("README.md", readme), ("tx/__init__.py", "")], &[], &[project]);
    let best = found.first().expect("a candidate");
    assert_eq!(best.command.line, "tx-translate \"Hello\"", "{found:#?}");
    assert_eq!(best.command.setup, ["txm update", "txm install en_de"]);
}

#[test]
fn what_a_training_of_the_same_words_left_comes_after_it_and_its_data_before() {
    let readme = "# X\n## Usage\nFirst:\n\n    $ python download.py mnist faces\n\nTo train:\n\n    $ python main.py --dataset mnist --train\n\nTo test:\n\n    $ python main.py --dataset mnist\n";
    let found = found(&[("README.md", readme), ("main.py", MAIN), ("download.py", MAIN)], &[], &[]);
    let best = found.first().expect("a candidate");
    assert_eq!(best.command.line, "python main.py --dataset mnist --train", "{found:#?}");
    assert_eq!(best.command.setup, ["python download.py mnist"]);
}

#[test]
fn the_readme_comes_before_other_pages() {
    let readme = "# X\n## Usage\n```python\nimport x\nx.fit(x.data())\n```\n";
    let page = "# X\n## Command line usage\n```\nx-run -algo SVD\n```\n";
    let mut project = Project::default();
    project.console_scripts.insert("x-run".to_owned(), "x.m:main".to_owned());
    let files = [("README.md", readme), ("x/__init__.py", ""), ("docs/getting_started.md", page)];
    let found = found(&files, &[], &[project]);
    assert_eq!(found.first().map(|candidate| candidate.kind), Some(Kind::ReadmeSnippet), "{found:#?}");
}

#[test]
fn a_program_whose_table_leaves_its_model_empty_needs_one() {
    let readme = "# X\nWeights: [here](https://host.org/net.pt)\n## Sampling\n```\npython scripts/image_sample.py --model_path /path/to/model.pt\n```\n";
    let other = "def main():\n    d = dict(\n        n=1,\n        model_path=\"\",\n    )\nif __name__ == '__main__':\n    main()\n";
    let files = [("README.md", readme), ("scripts/image_sample.py", MAIN), ("scripts/super_sample.py", other)];
    check(&files, &[], &["python scripts/image_sample.py --model_path /path/to/model.pt"]);
}

#[test]
fn what_a_snippet_loads_is_fetched_from_the_link() {
    let readme = "# X\n[net.pth](https://host.org/v1/net.pth)\n## Usage\n```python\nimport torch\nfrom model import Net\nnet = Net()\nnet.load_state_dict(torch.load('net.pth'))\nprint(net(torch.ones(1)))\n```\n";
    let found = found(&[("README.md", readme), ("model.py", "")], &[], &[]);
    let best = found.first().expect("a candidate");
    assert_eq!(best.command.setup, ["wget -q -O net.pth https://host.org/v1/net.pth"], "{found:#?}");
}

#[test]
fn what_a_program_demands_is_not_left_out() {
    let source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--checkpoint_file', required=True)\nif __name__ == '__main__':\n    p.parse_args()\n";
    let readme = "# X\n## Inference\n```\npython inference.py --checkpoint_file [checkpoint file path]\n```\n";
    check(
        &[("README.md", readme), ("inference.py", source)],
        &[],
        &["python inference.py --checkpoint_file '[checkpoint file path]'"],
    );
}

#[test]
fn weights_that_the_readme_gives_away_need_no_training() {
    let lines = "## Train\n```\npython train.py\n```\n## Inference\n```\npython inference.py --checkpoint_file <checkpoint file>\n```\n";
    let given = format!("# X\n[Pretrained models](https://drive.google.com/x)\n{lines}");
    let own = format!("# X\n{lines}");
    let [infer, train] = ["python inference.py --checkpoint_file '<checkpoint file>'", "python train.py"];
    check(&[("README.md", &given), ("inference.py", MAIN), ("train.py", MAIN)], &[], &[infer, train]);
    check(&[("README.md", &own), ("inference.py", MAIN), ("train.py", MAIN)], &[], &[train, infer]);
}
