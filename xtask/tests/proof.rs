//! What counts as a proof and what does not, with a real engine: programs that end with exit code 0 without having done
//! their work, servers, weights that are already there.
//!
//! Without an engine (or without the base image) each test prints why it is skipped; where `REPRO_ENGINE_REQUIRED` is set
//! it fails instead.

use std::{fs, path::Path};

use support::{Sandbox, check, is_long_run, usual_engine};

mod support;

/// Runs `repro` on repositories with these files, once each and with an end that is expected.
impl Sandbox {
    fn of(files: &[(&str, &str)]) -> Option<Self> {
        usual_engine().map(|engine| Self::with(engine, Vec::new(), files))
    }

    /// After one attempt, or as many as the arguments say. Gives the receipt.
    #[track_caller]
    fn check(&self, arguments: &[&str], code: i32, words: &str) -> serde_json::Value {
        let mut command = self.repro(&["--format", "json", "--timeout", "120"]);
        if !arguments.contains(&"--max-attempts") {
            command.args(["--max-attempts", "1"]);
        }
        let output = command.args(arguments).output().unwrap();
        check(&output, code, words);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }
}

const README: &str = "# Thing\n\n## Usage\n\n```sh\npython demo.py\n```\n";

/// A repository whose command ends with exit code 0, and why that is no success.
#[track_caller]
fn check_false_success(demo: &str, why: &str) {
    let Some(sandbox) = Sandbox::of(&[("README.md", README), ("demo.py", demo)]) else { return };
    let receipt = sandbox.check(&[], 1, why);
    assert_eq!((&receipt["success"], &receipt["evidence"]["exit_code"]), (&false.into(), &0.into()), "{receipt}");
}

#[test]
fn a_swallowed_exception_is_no_success() {
    let demo = "import traceback\n\nif __name__ == '__main__':\n    try:\n        open('weights.bin')\n    except OSError:\n        \
                traceback.print_exc()\n    print('done')\n";
    check_false_success(demo, "an exception was swallowed: `FileNotFoundError");
}

#[test]
fn a_help_text_is_no_success() {
    let demo = "import argparse\n\nif __name__ == '__main__':\n    parser = argparse.ArgumentParser()\n    \
                parser.add_argument('--image')\n    if not parser.parse_args().image:\n        parser.print_help()\n";
    check_false_success(demo, "it printed its help text");
}

#[test]
fn an_input_at_its_end_is_no_success() {
    let demo = "if __name__ == '__main__':\n    try:\n        print(input('Enter a sentence: ').upper())\n    \
                except EOFError as error:\n        print(error)\n";
    let Some(sandbox) = Sandbox::of(&[("README.md", README), ("demo.py", demo)]) else { return };
    sandbox.check(&["--command", "python demo.py"], 1, "it waited for input and there was none");
}

#[test]
fn a_program_that_asks_on_a_terminal_is_answered() {
    let demo = "if __name__ == '__main__':\n    while True:\n        text = input('Enter a sentence: ')\n        \
                if text == 'quit':\n            break\n        print(text.upper())\n";
    let Some(sandbox) = Sandbox::of(&[("README.md", README), ("demo.py", demo)]) else { return };
    let receipt = sandbox.check(&["--offline"], 0, "");
    let log = fs::read_to_string(receipt["logs"]["run"].as_str().unwrap()).unwrap();
    assert!(log.contains("A SMALL CAT SLEEPS ON THE TABLE."), "{log}");
}

#[test]
fn a_server_of_weights_that_is_silent_is_no_verdict() {
    let demo = "import urllib.request\n\nif __name__ == '__main__':\n    \
                print(urllib.request.urlopen('http://weights.mirror.example/a.pth').read())\n";
    let Some(sandbox) = Sandbox::of(&[("README.md", README), ("demo.py", demo)]) else { return };
    sandbox.check(&[], 3, "the main command asked a server that did not answer");
    // What else is tried in its place says nothing about it.
    let readme = README.replace("python demo.py", "python demo.py\n```\n\n```sh\npython infer.py");
    let infer = "if __name__ == '__main__':\n    raise ValueError('too small')\n";
    let files = [("README.md", readme.as_str()), ("demo.py", demo), ("infer.py", infer)];
    let Some(both) = Sandbox::of(&files) else { return };
    both.check(&["--max-attempts", "2"], 3, "(`python demo.py`)");
    // Without a network it was asked for a verdict without one.
    sandbox.check(&["--offline"], 1, "Temporary failure in name resolution");
}

#[test]
fn a_test_runner_without_tests_is_no_success() {
    // Exit code 0 until Python 3.12.
    let Some(sandbox) = Sandbox::of(&[("README.md", README), ("demo.py", "print(1)\n")]) else { return };
    sandbox.check(&["--command", "python -m unittest discover"], 1, "a test runner found no tests");
}

#[test]
fn an_image_without_a_picture_is_no_success() {
    let demo = "import struct, zlib\n\n\ndef chunk(kind, data):\n    body = kind + data\n    \
                return struct.pack('>I', len(data)) + body + struct.pack('>I', zlib.crc32(body))\n\n\nif __name__ == '__main__':\n    \
                rows = b''.join(b'\\0' + b'\\x07' * 32 for _ in range(32))\n    head = struct.pack('>IIBBBBB', 32, 32, 8, 0, 0, 0, 0)\n    \
                parts = chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')\n    \
                open('mask.png', 'wb').write(b'\\x89PNG\\r\\n\\x1a\\n' + parts)\n";
    check_false_success(demo, "mask.png is no result: png image 32x32: all pixels are the same");
}

const SETUP: &str = "from setuptools import setup\n\n\ndef extensions():\n    try:\n        from torch.utils.cpp_extension import \
                     CUDAExtension\n    except ImportError:\n        return []\n    return [CUDAExtension('thing._C', ['thing/ops.cu'])]\n\n\n\
                     setup(name='thing', version='1', packages=['thing'], ext_modules=extensions())\n";

#[test]
fn an_extension_that_a_setup_left_out_is_no_success_where_a_gpu_is_needed() {
    let demo = "import thing\n\nif __name__ == '__main__':\n    print('score', thing.run())\n";
    let files = [
        ("README.md", README),
        ("demo.py", demo),
        ("setup.py", SETUP),
        ("thing/__init__.py", "def run():\n    return 0.5\n"),
        ("thing/ops.cu", "__global__ void f() {}\n"),
    ];
    let Some(sandbox) = Sandbox::of(&files) else { return };
    let receipt = sandbox.check(&[], 0, "");
    let caveats = receipt["caveats"].to_string();
    assert!(caveats.contains("built without the CUDA extension _C"), "{caveats}");
    // The program is not even started where the extension that it needs cannot be there.
    let needs = format!("import pycuda.driver\n{demo}");
    let files = files.map(|(path, text)| (path, if path == "demo.py" { needs.as_str() } else { text }));
    let Some(sandbox) = Sandbox::of(&files) else { return };
    let overrides = sandbox.path("results").join(&sandbox.name);
    fs::create_dir_all(&overrides).unwrap();
    fs::write(overrides.join("repro.toml"), "without = [\"pycuda\"]\n").unwrap();
    sandbox.check(&[], 1, "the setup silently left out the CUDA extension _C");
}

const SERVER: &str = "import http.server
import sys

PAGE = b'<form action=\"/upper\" method=\"post\"><input type=\"text\" name=\"words\"><input type=\"submit\"></form>'


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body):
        self.send_response(status)
        self.send_header('Content-Type', 'text/html')
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, PAGE)

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.answer(*work(body))


def work(body):
    return 200, body.upper()


if __name__ == '__main__':
    http.server.HTTPServer(('127.0.0.1', 8000), Handler).serve_forever()
";

const SERVER_README: &str = "# Thing\n\n## Web demo\n\n```sh\npython app.py\n```\n";

#[test]
fn a_server_is_asked_what_its_page_asks_and_stopped() {
    let Some(sandbox) = Sandbox::of(&[("README.md", SERVER_README), ("app.py", SERVER)]) else { return };
    let receipt = sandbox.check(&["--offline"], 0, "");
    let server = &receipt["evidence"]["server"];
    assert_eq!((&receipt["kind"], &server["port"]), (&"web_ui".into(), &8000.into()), "{receipt}");
    assert_eq!(server["asked"][0]["what"], "POST /upper, the form of its page");
    assert!(server["asked"][0]["said"].to_string().contains("WORDS=A+SMALL+CAT"), "{server}");
    // It listens on the container's own address.
    assert!(receipt["run_commands"].to_string().contains("--network host"), "{receipt}");
    let readme = fs::read_to_string(sandbox.result("README.md")).unwrap();
    assert!(readme.contains("port 8000 answered POST /upper"), "{readme}");

    // As documents ask it.
    let asks = format!("{SERVER_README}\n```sh\ncurl -d '{{\"words\": \"hi\"}}' http://localhost:8000/v1\n```\n");
    let Some(sandbox) = Sandbox::of(&[("README.md", &asks), ("app.py", SERVER)]) else { return };
    let receipt = sandbox.check(&["--offline"], 0, "");
    assert_eq!(receipt["evidence"]["server"]["asked"][0]["what"], "POST /v1, as a document does");
}

/// Nothing is replaced.
const AS_IT_IS: (&str, &str) = ("", "");

/// The receipt of a page or notebook in `tests/web`, with `replaced` (old and new text) in its files; `None` where it is
/// not run.
#[track_caller]
fn web_receipt(name: &str, replaced: (&str, &str)) -> Option<serde_json::Value> {
    if !is_long_run() {
        return None;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web").join(name);
    let read = |entry: fs::DirEntry| {
        let text = fs::read_to_string(entry.path()).unwrap().replace(replaced.0, replaced.1);
        (entry.file_name().into_string().unwrap(), text)
    };
    let files: Vec<(String, String)> = fs::read_dir(folder).unwrap().map(|entry| read(entry.unwrap())).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let receipt = Sandbox::of(&files)?.check(&["--offline"], 0, "");
    assert_eq!((&receipt["level"], &receipt["proof"]), (&"inferred".into(), &"probe".into()), "{receipt}");
    assert!(receipt["evidence"]["frameworks"]["scikit-learn"]["calls"].as_u64() > Some(0), "{receipt}");
    Some(receipt)
}

#[track_caller]
fn check_web(name: &str, replaced: (&str, &str), asked: &str) {
    let Some(receipt) = web_receipt(name, replaced) else { return };
    assert!(receipt["evidence"].to_string().contains(asked), "{receipt}");
    assert!(!receipt["caveats"].to_string().contains("before the server was asked"), "{receipt}");
}

#[test]
fn a_model_that_is_only_tried_out_while_a_server_starts_is_told() {
    let computed = "float(model.predict_proba([[image.getpixel((0, 0)) / 255.0]])[0, 1])}\n";
    let Some(receipt) = web_receipt("flask", (computed, "0.5}\n\n\nmodel.predict([[0.5]])\n")) else { return };
    assert!(receipt["caveats"].to_string().contains("the model was called before the server was asked"), "{receipt}");
}

#[test]
fn gradio_is_asked_through_its_queue() {
    check_web("gradio", AS_IT_IS, "gradio: classify");
}

#[test]
fn gradio_before_version_four_is_asked_by_the_number_of_its_function() {
    let old = "gradio==3.50.2\nfastapi==0.104.1\nhuggingface-hub==0.17.3\npydantic==2.4.2\n";
    check_web("gradio", ("gradio==5.49.1\n", old), "gradio: function 1");
}

#[test]
fn streamlit_runs_its_page_for_a_visitor() {
    check_web("streamlit", AS_IT_IS, "streamlit: the page, run for one visitor");
}

#[test]
fn flask_is_asked_by_the_form_of_its_page() {
    check_web("flask", AS_IT_IS, "POST /predict, the form of its page");
}

#[test]
fn fastapi_is_asked_as_its_description_says() {
    check_web("fastapi", AS_IT_IS, "POST /predict, as its OpenAPI description says");
}

#[test]
fn a_notebook_is_executed_whatever_its_kernel_was_called() {
    check_web("notebook", AS_IT_IS, "png image 640x480");
}

#[test]
fn a_server_that_answers_and_has_no_model_is_no_success() {
    let broken = SERVER.replace("return 200, body.upper()", "return 500, b'no model'");
    let Some(sandbox) = Sandbox::of(&[("README.md", SERVER_README), ("app.py", &broken)]) else { return };
    sandbox.check(&[], 1, "the server answers, but no model was called");
    let fallen = SERVER.replace("import sys\n", "import sys\nsys.exit('no weights')\n");
    let Some(sandbox) = Sandbox::of(&[("README.md", SERVER_README), ("app.py", &fallen)]) else { return };
    sandbox.check(&[], 1, "it ended with exit code 1 before it answered as a server");
}

#[test]
fn weights_that_are_already_there_are_mounted_where_the_command_looks() {
    let demo = "import argparse, os, pathlib\n\nif __name__ == '__main__':\n    parser = argparse.ArgumentParser()\n    \
                parser.add_argument('--weights')\n    path = pathlib.Path(parser.parse_args().weights)\n    \
                print('read', path.read_text(), os.environ.get('HF_HUB_OFFLINE'))\n    \
                print('hub', (pathlib.Path(os.environ['HF_HOME']) / 'hub/models--a--b/refs/main').read_text())\n    \
                try:\n        path.write_text('x')\n        print('written')\n    except OSError:\n        print('kept')\n";
    let readme = README.replace("python demo.py", "python demo.py --weights ckpt/a.pth");
    let Some(sandbox) = Sandbox::of(&[("README.md", &readme), ("demo.py", demo)]) else { return };
    let write = |path: &str, text: &str| {
        let path = sandbox.path("weights").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("hub/models--a--b/refs/main", "abc");
    write("a.pth", "numbers");
    let weights = sandbox.path("weights");
    let receipt = sandbox.check(&["--offline", "--weights", weights.to_str().unwrap()], 0, "");
    let log = fs::read_to_string(Path::new(receipt["logs"]["run"].as_str().unwrap())).unwrap();
    for words in ["read numbers 1", "hub abc", "kept"] {
        assert!(log.contains(words), "{log}");
    }
    assert!(receipt["run_commands"].to_string().contains("$WEIGHTS/a.pth:/workspace/"), "{receipt}");
    assert!(!receipt.to_string().replace(&receipt["logs"].to_string(), "").contains(weights.to_str().unwrap()));
    sandbox.check(&["--weights", sandbox.path("nothing").to_str().unwrap()], 2, "`--weights`");
}
