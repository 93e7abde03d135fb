//! A program's files in, its need for a GPU out, with the lines that show it.
//!
//! The code reachable from the program decides. Only where that says nothing are the documents asked, and after them
//! the rest of the package; tests, examples and side tools never are.

use std::collections::BTreeSet;

use crate::commands::{asks_for_cpu, is_device_option};
use crate::facts::{Evidence, Gpu, GpuNeed};
use crate::python::follow::{Program, Weight};
use crate::python::sources::{Found, Sources, has_ending, is_test, split};
use crate::python::{Context, Device, DeviceUse, Value};
use crate::tree::Tree;

/// Most evidence lines that are kept.
const EVIDENCE_LIMIT: usize = 6;

/// Import names of libraries that cannot even be imported, or do nothing, without CUDA.
const CUDA_ONLY: [&str; 44] = [
    "apex_C",
    "auto_gptq",
    "autoawq_kernels",
    "awq",
    "awq_ext",
    "causal_conv1d",
    "causal_conv1d_cuda",
    "cubvh",
    "cudf",
    "cumesh",
    "cuml",
    "cupy",
    "curope",
    "deep_gemm",
    "diso",
    "dpvo",
    "droid_backends",
    "exllamav2",
    "flash_attn",
    "flash_attn_interface",
    "flashinfer",
    "fused_ssim",
    "gsplat",
    "kaolin",
    "lietorch",
    "mamba_ssm",
    "nerfacc",
    "nvdiffrast",
    "pointnet2_ops",
    "pycuda",
    "pynvml",
    "raymarching",
    "sageattention",
    "selective_scan_cuda",
    "simple_knn",
    "spconv",
    "tensorrt",
    "tensorrt_llm",
    "tinycudann",
    "torchsparse",
    "transformer_engine",
    "triton",
    "vllm",
    "warp_rnnt",
];

/// Parts of names by which the many forks of one CUDA rasteriser go.
const CUDA_ONLY_PARTS: [&str; 3] = ["_rasterization", "_rasterizer", "rasterize_cuda"];

/// Frameworks that take a GPU where there is one.
const TAKES_GPU: [&str; 8] =
    ["torch", "jax", "flax", "diffusers", "transformers", "pytorch_lightning", "lightning", "ctranslate2"];

/// What the files of a program say about its device.
#[derive(Debug, Default)]
struct Signals {
    /// Unconditional demands in the program's own file.
    own_demands: Vec<Evidence>,
    /// A device set at module level of the program's own file.
    settings: Vec<Evidence>,
    /// Unconditional demands in code that it reaches.
    reached_demands: Vec<Evidence>,
    /// Demands under a condition that has nothing to do with the device.
    conditional_demands: Vec<Evidence>,
    /// Default parameters that nobody overrides.
    defaults: Vec<Evidence>,
    /// Imports of what exists for CUDA only.
    cuda_only: Vec<Evidence>,
    /// Questions for a GPU and arguments that choose the device, those of the program's own file first.
    choices: Vec<Evidence>,
    /// Does the program's own file choose?
    own_choice: bool,
    /// The command itself asks for the CPU.
    asks_for_cpu: bool,
    /// The first import of a framework that takes a GPU where there is one.
    framework: Option<Evidence>,
    /// Words about GPUs in code that a framework of another kind is steered by.
    mentions: Vec<Evidence>,
}

/// Judges the need of one program. `command` is the line that starts it, for the options it sets, and `place` where it
/// was read.
pub(crate) fn need(program: &Program<'_, '_>, command: &str, place: Option<&Evidence>) -> Gpu {
    let mut signals = read(program, command);
    // 4-bit and 8-bit weights of transformers are bitsandbytes kernels, which run on CUDA.
    // https://huggingface.co/docs/transformers/quantization/bitsandbytes
    if command.split_whitespace().any(|w| w.starts_with("--load") && (w.ends_with("4bit") || w.ends_with("8bit")))
        && let Some(place) = place
    {
        signals.cuda_only.push(place.clone());
    }
    let documents = documents(program.sources);
    judge(signals, documents)
}

/// Judges the repository as a whole, where no program of it is known.
pub(crate) fn need_of_package(sources: &Sources<'_>) -> Gpu {
    let documents = documents(sources);
    judge(Signals { framework: framework_of_package(sources), ..Signals::default() }, documents)
}

fn judge(signals: Signals, documents: Documents) -> Gpu {
    let Signals {
        own_demands,
        settings,
        reached_demands,
        conditional_demands,
        defaults,
        cuda_only,
        choices,
        own_choice,
        asks_for_cpu,
        framework,
        mentions,
    } = signals;
    let chooses = !choices.is_empty();
    let says_cpu = !documents.cpu.is_empty();
    let silent = !chooses && !says_cpu;
    let open = own_choice || (chooses && says_cpu);
    // What the program's own lines demand nobody can choose away; demands further down may lie on a path not taken
    // where the program chooses its device itself, and weaker signs count only where nothing speaks for the CPU.
    let demands = [
        !own_demands.is_empty(),
        !settings.is_empty() && !documents.offers_option,
        !cuda_only.is_empty(),
        !reached_demands.is_empty() && !open,
        silent && conditional_demands.len() > 1,
        silent && !defaults.is_empty(),
        silent && framework.is_some() && !documents.demands.is_empty(),
    ];
    let demanded = !asks_for_cpu && demands.contains(&true);
    let takes_gpu = framework.is_some()
        || asks_for_cpu
        || [&choices, &mentions, &conditional_demands, &reached_demands, &defaults].iter().any(|list| !list.is_empty());
    let (need, lists) = if demanded {
        let lists =
            vec![own_demands, settings, cuda_only, reached_demands, documents.demands, conditional_demands, defaults];
        (GpuNeed::Required, lists)
    } else if takes_gpu {
        let lists = vec![
            choices,
            documents.cpu,
            mentions,
            settings,
            framework.into_iter().collect(),
            reached_demands,
            defaults,
        ];
        (GpuNeed::Optional, lists)
    } else {
        (GpuNeed::None, Vec::new())
    };
    let mut evidence: Vec<Evidence> = Vec::new();
    for list in lists {
        // No single kind of evidence crowds out the others.
        for line in list.into_iter().take(3) {
            if evidence.len() < EVIDENCE_LIMIT && !evidence.contains(&line) {
                evidence.push(line);
            }
        }
    }
    Gpu { need, evidence }
}

fn read(program: &Program<'_, '_>, command: &str) -> Signals {
    let mut signals = Signals { asks_for_cpu: asks_for_cpu(command), ..Signals::default() };
    let mut other_choices = Vec::new();
    let required = program.imports().required;
    let imported = |library: &str| required.keys().any(|name| name.split('.').next() == Some(library));
    let own_folder = program.files.first().map(|file| split(&file.path).0.to_owned());
    let own_files = own_files(program);
    for (index, file) in program.files.iter().enumerate() {
        if !file.needed {
            continue;
        }
        let own = own_files.contains(&file.path);
        for device in &file.module.devices {
            let place = || program.evidence(file, device.line);
            match sort(program, index, device) {
                Sorted::Ignored => {}
                // A library that the program can do without is not what its work runs on.
                Sorted::Choice if !device.library.is_empty() && !imported(&device.library) => {}
                Sorted::Choice if own => {
                    signals.own_choice = true;
                    signals.choices.push(place());
                }
                Sorted::Choice => other_choices.push(place()),
                Sorted::Demand if own && device.what == DeviceUse::Setting => signals.settings.push(place()),
                Sorted::Demand if own => signals.own_demands.push(place()),
                Sorted::Demand => signals.reached_demands.push(place()),
                Sorted::Conditional => signals.conditional_demands.push(place()),
                Sorted::Default => signals.defaults.push(place()),
            }
        }
        for argument in &file.module.arguments {
            let chooses = argument.names.iter().any(|name| is_device_option(name)) && !chooses_sound(argument);
            if chooses && (own || own_folder.as_deref() == Some(split(&file.path).0)) {
                signals.own_choice |= own && offers_cpu(argument);
                signals.choices.push(program.evidence(file, argument.line));
            } else if chooses {
                other_choices.push(program.evidence(file, argument.line));
            }
        }
        imports(program, index, &mut signals);
        if imported("tensorflow") && (file.module.mentions("gpu_options") || file.module.mentions("GPUOptions")) {
            let line = program.sources.tree.text(&file.path).and_then(|text| {
                text.lines().position(|line| line.contains("gpu_options") || line.contains("GPUOptions"))
            });
            signals.mentions.extend(line.map(|line| program.evidence(file, line + 1)));
        }
        for call in &file.module.calls {
            let library = call.name.split('.').next().unwrap_or_default();
            let steers = (library == "tensorflow" && matches!(call.method(), "device" | "set_visible_devices"))
                || call.name.contains("InferenceSession");
            if !steers || !imported(library) {
                continue;
            }
            let texts = || {
                call.arguments.iter().chain(call.keywords.iter().map(|(_, value)| value)).flat_map(
                    |value| match value {
                        Value::List(items) => items.iter().collect::<Vec<_>>(),
                        other => vec![other],
                    },
                )
            };
            if texts().filter_map(Value::text).any(|t| t.contains("CUDA") || t.to_ascii_lowercase().contains("gpu")) {
                signals.mentions.push(program.evidence(file, call.line));
            }
        }
    }
    if imported("tensorflow") {
        let docker = |path: &&str| {
            let name = path.to_ascii_lowercase();
            name.starts_with("dockerfile") && name.contains("gpu")
        };
        let place = program.sources.tree.iter().map(|(path, _)| path).find(docker);
        signals.mentions.extend(place.map(|path| Evidence::new(path, 1, "")));
    }
    if imported("tensorflow") || imported("keras") {
        signals.mentions.extend(asked_for_gpu_build(program.sources.tree));
    }
    signals.choices.extend(other_choices);
    signals
}

/// Where the root's requirements name the build of TensorFlow that is for GPUs.
fn asked_for_gpu_build(tree: &Tree) -> Option<Evidence> {
    let files = tree.texts().filter(|(path, _)| {
        !path.contains('/') && (path.starts_with("requirements") || matches!(*path, "setup.py" | "environment.yml"))
    });
    files.flat_map(|(path, text)| text.lines().enumerate().map(move |(at, line)| (path, at, line))).find_map(
        |(path, at, line)| {
            let plain = line.trim().trim_start_matches(['-', '\'', '"', ' ']).to_ascii_lowercase().replace('_', "-");
            plain.starts_with("tensorflow-gpu").then(|| Evidence::new(path, at + 1, line.trim()))
        },
    )
}

/// The program's own file; where that is a mere starter (`__main__.py`, a console script's module), with those it starts.
fn own_files(program: &Program<'_, '_>) -> BTreeSet<String> {
    let mut own = BTreeSet::new();
    if let Some(entry) = program.files.first() {
        own.insert(entry.path.clone());
        if entry.module.devices.is_empty() && entry.module.arguments.is_empty() && entry.module.imports.len() <= 12 {
            let started =
                entry.module.imports.iter().filter_map(|import| program.targets(&entry.path, import)).flatten();
            own.extend(started.filter(|path| !path.ends_with("__init__.py")));
        }
    }
    own
}

/// An argument by which the CPU can be had: any but a bare switch for the GPU's number.
fn offers_cpu(argument: &crate::python::Argument) -> bool {
    let name = argument.names.last().map_or("", |name| name.trim_start_matches('-')).to_ascii_lowercase();
    let words = argument.help.as_deref().unwrap_or_default().to_ascii_lowercase();
    name.contains("cpu")
        || name.contains("no")
        || words.contains("cpu")
        || argument.choices.iter().any(|c| c == "cpu")
        || argument.default.as_deref() == Some("cpu")
}

/// `--device` of a microphone or a loudspeaker.
fn chooses_sound(argument: &crate::python::Argument) -> bool {
    let words = argument.help.as_deref().unwrap_or_default().to_ascii_lowercase();
    ["audio", "sound", "microphone", "input device", "output device"].iter().any(|word| words.contains(word))
}

enum Sorted {
    Ignored,
    Demand,
    Conditional,
    Default,
    Choice,
}

fn sort(program: &Program<'_, '_>, index: usize, device: &Device) -> Sorted {
    if device.what == DeviceUse::Argument {
        return Sorted::Ignored;
    }
    let context = match device.context {
        Context::Conditional | Context::Guarded => {
            if device.scope.is_some() {
                Context::Function
            } else {
                Context::Plain
            }
        }
        other => other,
    };
    if program.weight(index, context, device.scope.as_deref()) != Weight::Required {
        return Sorted::Ignored;
    }
    match device.what {
        DeviceUse::Question => Sorted::Choice,
        DeviceUse::Default if overridden(program, device) => Sorted::Ignored,
        DeviceUse::Default => Sorted::Default,
        _ if device.chosen => Sorted::Ignored,
        _ if matches!(device.context, Context::Conditional | Context::Guarded) => Sorted::Conditional,
        _ => Sorted::Demand,
    }
}

/// Does somebody call this function with a device of his own?
fn overridden(program: &Program<'_, '_>, device: &Device) -> bool {
    let Some(scope) = device.scope.as_deref() else { return false };
    let parts: Vec<&str> = scope.split('.').collect();
    let names: BTreeSet<&str> = parts.iter().copied().collect();
    program.files.iter().any(|file| {
        file.module.calls.iter().any(|call| {
            names.contains(call.method()) && call.keyword("device").is_some_and(|value| value.text() != Some("cuda"))
        })
    })
}

/// Imports of CUDA-only libraries, of extensions that the repository compiles for CUDA, and of frameworks.
fn imports(program: &Program<'_, '_>, index: usize, signals: &mut Signals) {
    let Some(file) = program.files.get(index) else { return };
    for import in &file.module.imports {
        if program.weight(index, import.context, import.scope.as_deref()) != Weight::Required {
            continue;
        }
        let top = import.module.split('.').next().unwrap_or_default();
        let place = || program.evidence(file, import.line);
        if import.level == 0 {
            if TAKES_GPU.contains(&top) && signals.framework.is_none() {
                signals.framework = Some(place());
            }
            let named = CUDA_ONLY.contains(&top) || CUDA_ONLY_PARTS.iter().any(|part| top.contains(part));
            if named
                || import.module == "numba.cuda"
                || import.module == "numba" && import.names.iter().any(|n| n == "cuda")
            {
                signals.cuda_only.push(place());
                continue;
            }
        }
        if imports_cuda_extension(program, import, &file.path) {
            signals.cuda_only.push(place());
        }
    }
    for call in file.module.calls.iter().filter(|call| {
        call.name == "torch.utils.cpp_extension.load" || call.name == "torch.utils.cpp_extension.load_inline"
    }) {
        let compiles_cuda = call.keywords.iter().any(|(key, value)| match value {
            Value::List(items) => items.iter().any(|item| match item {
                Value::Text(text) | Value::Unknown(text) => {
                    has_ending(text, "cu") || text.contains(".cu'") || text.contains(".cu\"")
                }
                _ => false,
            }),
            _ => key == "cuda_sources",
        });
        if compiles_cuda && program.weight(index, call.context, call.scope.as_deref()) == Weight::Required {
            signals.cuda_only.push(program.evidence(file, call.line));
        }
    }
}

/// Does an import name an extension module that a setup file of the repository compiles with `CUDAExtension`?
fn imports_cuda_extension(program: &Program<'_, '_>, import: &crate::python::Import, path: &str) -> bool {
    let cuda = program.sources.cuda_extensions();
    if cuda.is_empty() {
        return false;
    }
    let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    let has = |name: &str| cuda.iter().any(|known| last(known) == name);
    if import.level == 0 {
        let inside =
            matches!(program.sources.resolve(&import.module, &program.roots), Found::Inside(files) if files.is_empty());
        if inside && has(&last(&import.module)) {
            return true;
        }
    }
    let folder = split(path).0;
    let absent = |name: &str| program.sources.below(folder, name).is_none();
    (import.level > 0 || import.names.iter().any(|name| name == "_C"))
        && import.names.iter().any(|name| has(name) && absent(name))
}

/// What documents say.
#[derive(Debug, Default)]
struct Documents {
    demands: Vec<Evidence>,
    cpu: Vec<Evidence>,
    /// They show an option that chooses the CPU.
    offers_option: bool,
}

fn documents(sources: &Sources<'_>) -> Documents {
    let mut found = Documents::default();
    for (path, text) in sources.tree.texts() {
        let (folder, name) = split(path);
        let lower = name.to_ascii_lowercase();
        let reads = folder.is_empty() && lower.starts_with("readme")
            || (folder.is_empty() || matches!(folder, "docs" | "doc")) && lower.starts_with("install");
        if !reads || lower.contains('.') && !["md", "rst", "txt"].iter().any(|ending| has_ending(&lower, ending)) {
            continue;
        }
        for (number, line) in text.lines().enumerate().take(4000) {
            if line.len() > 2000 {
                continue;
            }
            match sentence(line) {
                Some(Says::Demand) => found.demands.push(Evidence::new(path, number + 1, line)),
                Some(Says::Cpu) => {
                    found.offers_option |= ["--cpu", "--device cpu", "--device=cpu"].iter().any(|o| line.contains(o));
                    found.cpu.push(Evidence::new(path, number + 1, line));
                }
                None => {}
            }
        }
    }
    found
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Demand,
    Cpu,
}

/// What one line of a document says about GPUs.
fn sentence(line: &str) -> Option<Says> {
    let line = line.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| line.contains(word));
    if !has(&["gpu", "cpu", "cuda", "vram"]) {
        return None;
    }
    if has(&[
        "without gpu",
        "without a gpu",
        "without any gpu",
        "without cuda",
        "without an nvidia",
        "no gpu",
        "cpu-only",
        "cpu only",
        "on cpu",
        "on a cpu",
        "on the cpu",
        "on your cpu",
        "cpu mode",
        "cpu inference",
        "cpu version",
        "cpu support",
        "cpu or gpu",
        "gpu or cpu",
        "cpu and gpu",
        "gpu and cpu",
        "cpu/gpu",
        "gpu/cpu",
        "--cpu",
        "--device cpu",
        "--device=cpu",
        "device=\"cpu\"",
        "device='cpu'",
        "'cpu'",
        "\"cpu\"",
        "gpu is optional",
        "gpu (optional",
        "optional: gpu",
        "gpu is not required",
        "gpu is not needed",
        "don't need a gpu",
        "do not need a gpu",
        "not require a gpu",
    ]) {
        return Some(Says::Cpu);
    }
    let hardware =
        has(&["nvidia gpu", "cuda gpu", "cuda-enabled", "cuda-capable", "cuda capable", "cuda enabled", "vram"])
            || has(&["gpu"])
                && has(&["gb of memory", "gb memory", "gb of gpu memory", "gb gpu memory", "nvidia", "cuda"]);
    let demands = has(&["require", "need", "must", "at least", "minimum", "prerequisite", "necessary", "mandatory"])
        || has(&["only support"]) && has(&["gpu"]);
    let about_something_else = has(&[
        "train",
        "optional",
        "if you",
        "if your",
        "recommend",
        "faster",
        "speed",
        "accelerat",
        "not need",
        "not require",
        "for gpu",
        "finetun",
        "fine-tun",
        "to enable",
        "to use gpu",
        "multi-gpu",
        "tested on",
        "should",
    ]);
    (hardware && demands && !about_something_else).then_some(Says::Demand)
}

/// The first import of a GPU-taking framework anywhere in the package, tests, examples and tools aside.
fn framework_of_package(sources: &Sources<'_>) -> Option<Evidence> {
    for (path, text) in sources.tree.texts() {
        if !has_ending(path, "py") || is_test(path) || is_side(path) {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let Some(rest) = line.strip_prefix("import ").or_else(|| line.strip_prefix("from ")) else { continue };
            let top = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            if TAKES_GPU.contains(&top) {
                return Some(Evidence::new(path, number + 1, line));
            }
        }
    }
    None
}

/// Examples, documentation and tools beside the package.
fn is_side(path: &str) -> bool {
    split(path).0.split('/').any(|part| {
        matches!(
            part,
            "examples" | "example" | "docs" | "doc" | "benchmarks" | "benchmark" | "tools" | "scripts" | "third_party"
        )
    }) || split(path).1 == "setup.py"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::tree;
    use crate::python::Start;
    use crate::python::follow;

    fn judged(fixture: &str, entry: &str, command: &str) -> Gpu {
        let tree = tree(fixture);
        let sources = Sources::new(&tree);
        let place = Evidence::new("README.md", 1, command);
        need(&follow::program(&sources, Start::File(entry), &[String::new()], command), command, Some(&place))
    }

    fn check(fixture: &str, expected: GpuNeed) {
        let gpu = judged(fixture, "run.py", "python run.py");
        assert_eq!(gpu.need, expected, "{:?} in\n{fixture}", gpu.evidence);
    }

    #[test]
    fn a_microphone_is_no_gpu() {
        check(
            "//- /run.py\nimport argparse\np = argparse.ArgumentParser()\np.add_argument('--device', help='index of the audio input device')\n",
            GpuNeed::None,
        );
    }

    #[test]
    fn an_unconditional_demand_requires() {
        check("//- /run.py\nimport torch\nm = torch.load('x').cuda()\n", GpuNeed::Required);
        check("//- /run.py\nimport torch\nif __name__ == '__main__':\n    device = 'cuda'\n", GpuNeed::Required);
        check("//- /run.py\nimport torch\ndef main():\n    d = torch.device('cuda')\nmain()\n", GpuNeed::Required);
        check(
            "//- /run.py\nfrom lib import f\nf()\n//- /lib.py\nimport torch\ndef f():\n    x.to('cuda')\n",
            GpuNeed::Required,
        );
    }

    #[test]
    fn a_choice_makes_it_optional() {
        check("//- /run.py\nimport torch\nd = 'cuda' if torch.cuda.is_available() else 'cpu'\n", GpuNeed::Optional);
        check("//- /run.py\nimport torch\nif torch.cuda.is_available():\n    m.cuda()\n", GpuNeed::Optional);
        check(
            "//- /run.py\nimport torch\np.add_argument('--device', default='cuda')\nm.to(a.device)\n",
            GpuNeed::Optional,
        );
        check("//- /run.py\nimport torch\nd = 'cpu' if args.cpu else 'cuda'\nm.to(d)\n", GpuNeed::Optional);
    }

    #[test]
    fn a_framework_alone_is_optional_and_none_is_none() {
        check("//- /run.py\nimport torch\nprint(torch.ones(1))\n", GpuNeed::Optional);
        check("//- /run.py\nimport tensorflow as tf\nprint(tf.ones(1))\n", GpuNeed::None);
        check("//- /run.py\nimport numpy\n", GpuNeed::None);
        check("//- /run.py\nimport tensorflow as tf\nwith tf.device('/GPU:0'):\n    f()\n", GpuNeed::Optional);
        check(
            "//- /run.py\nimport tensorflow as tf\nc = tf.ConfigProto()\nc.gpu_options.allow_growth = True\n",
            GpuNeed::Optional,
        );
        check(
            "//- /run.py\nimport keras\nprint(keras.ones(1))\n//- /requirements.txt\ntensorflow_gpu==1.1.0\n",
            GpuNeed::Optional,
        );
        check(
            "//- /run.py\nimport tensorflow as tf\nprint(tf.ones(1))\n//- /Dockerfile.gpu\nFROM x\n",
            GpuNeed::Optional,
        );
    }

    #[test]
    fn code_that_is_not_reached_does_not_steer() {
        check(
            "//- /run.py\nfrom lib import f\nf()\n//- /lib.py\nimport torch\ndef f(): pass\ndef g():\n    x.cuda()\n\
             //- /tests/test_a.py\nimport torch\nx.cuda()\n//- /tools/t.py\nx.cuda()\n",
            GpuNeed::Optional,
        );
    }

    #[test]
    fn libraries_for_cuda_only_require() {
        check("//- /run.py\nfrom diff_gaussian_rasterization import R\n", GpuNeed::Required);
        check("//- /run.py\ntry:\n    import flash_attn\nexcept ImportError:\n    flash_attn = None\n", GpuNeed::None);
    }

    #[test]
    fn an_own_cuda_extension_requires_unless_guarded() {
        let setup = "//- /setup.py\nsetup(ext_modules=[CUDAExtension('pkg._C', ['a.cu'])])\n//- /pkg/__init__.py\n";
        check(&format!("{setup}from . import _C\n//- /run.py\nimport pkg\n"), GpuNeed::Required);
        check(
            &format!("{setup}try:\n    from . import _C\nexcept:\n    _C = None\n//- /run.py\nimport pkg\n"),
            GpuNeed::None,
        );
    }

    #[test]
    fn documents_decide_where_code_is_silent() {
        check(
            "//- /run.py\nimport torch\n//- /README.md\n- CUDA-enabled GPU with at least 8GB VRAM\n",
            GpuNeed::Required,
        );
        check(
            "//- /run.py\nimport torch\n//- /README.md\nTraining needs 8 NVIDIA GPUs with CUDA.\n",
            GpuNeed::Optional,
        );
        check(
            "//- /run.py\nimport torch\nm(device='cuda') if torch.cuda.is_available() else m()\n\
             //- /README.md\nRequires an NVIDIA GPU.\n",
            GpuNeed::Optional,
        );
    }

    #[test]
    fn the_command_may_ask_for_the_cpu() {
        let gpu = judged("//- /run.py\nimport torch\nx.cuda()\n", "run.py", "python run.py --device cpu");
        assert_eq!(gpu.need, GpuNeed::Optional);
    }

    #[test]
    fn the_command_may_ask_for_kernels_that_only_cuda_has() {
        let gpu = judged("//- /run.py\nimport torch\n", "run.py", "python run.py --load-4bit");
        assert_eq!(gpu.need, GpuNeed::Required);
    }

    fn check_sentence(line: &str, expected: Option<Says>) {
        assert_eq!(sentence(line), expected, "{line}");
    }

    #[test]
    fn sentences_are_told_apart() {
        check_sentence("* 1-8 high-end NVIDIA GPUs with at least 12 GB of memory.", Some(Says::Demand));
        check_sentence("This code requires a CUDA GPU.", Some(Says::Demand));
        check_sentence("Now the model can run on machines without GPUs.", Some(Says::Cpu));
        check_sentence("We train on 8 V100 GPUs, each needs 32 GB of memory", None);
        check_sentence("A GPU is recommended.", None);
        check_sentence("Install the requirements.", None);
    }
}
