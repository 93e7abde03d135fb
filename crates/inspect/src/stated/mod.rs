//! A [`Tree`] and its projects in; what upstream says outside its package metadata out.
//!
//! Documents, install scripts, shipped Dockerfiles, CI and small version files are read for what they install and
//! require. Nothing is executed and nothing is judged: a value comes with the place it was read from and a strength.

mod commands;
mod containers;
mod documents;
mod places;
mod sentences;
mod workflows;

pub(crate) use containers::{dockerfiles, instructions};
pub(crate) use workflows::workflows;

use crate::declared::requirements::normalise;
use crate::facts::{Evidence, Finding, Form, Project, PythonClaim, Requirement, Scope, Stated, StatedValue, Strength};
use crate::tree::Tree;
use sentences::{Claim, Product};

/// What is said in words and commands. `projects` are the repository's own, so that installing them is told from
/// installing others.
pub(crate) fn stated(tree: &Tree, projects: &[Project]) -> (Stated, Vec<PythonClaim>, Vec<Requirement>, Vec<Finding>) {
    let mut notes = Notes {
        tree,
        projects,
        stated: Stated::default(),
        pythons: Vec::new(),
        requirements: Vec::new(),
        findings: Vec::new(),
    };
    documents::read(&mut notes);
    places::read(&mut notes);
    containers::read(&mut notes);
    workflows::read(&mut notes);
    (notes.stated, notes.pythons, notes.requirements, notes.findings)
}

/// Collects what readers find.
struct Notes<'t> {
    tree: &'t Tree,
    projects: &'t [Project],
    stated: Stated,
    pythons: Vec<PythonClaim>,
    requirements: Vec<Requirement>,
    findings: Vec<Finding>,
}

/// Adds a value unless it was said already with the same strength; readers come in the order of their weight.
fn add(values: &mut Vec<StatedValue>, value: &str, strength: Strength, evidence: &Evidence) {
    let value = value.trim();
    let known = values.iter().any(|old| old.value == value && old.strength >= strength);
    if !value.is_empty() && !known {
        values.push(StatedValue { value: value.to_owned(), strength, evidence: evidence.clone() });
    }
}

impl Notes<'_> {
    fn python(&mut self, specifier: &str, strength: Strength, evidence: &Evidence) {
        let readable = !specifier.is_empty() && crate::declared::is_specifier_set(specifier);
        let known = self.pythons.iter().any(|old| old.specifier == specifier && old.strength >= strength);
        if readable && !known {
            self.pythons.push(PythonClaim { specifier: specifier.to_owned(), strength, evidence: evidence.clone() });
        }
    }

    fn claim(&mut self, product: Product, claim: &Claim, strength: Strength, evidence: &Evidence) {
        match product {
            Product::Python => self.python(&claim.specifier(product), strength, evidence),
            Product::Torch => add(&mut self.stated.torch, &claim.specifier(product), strength, evidence),
            Product::Cuda => add(&mut self.stated.cuda, &claim.version(), strength, evidence),
        }
    }

    fn apt(&mut self, package: &str, strength: Strength, evidence: &Evidence) {
        add(&mut self.stated.apt, package, strength, evidence);
    }

    fn requirement(&mut self, name: &str, spec: &str, form: Form, scope: &Scope, evidence: &Evidence) {
        let known = self
            .requirements
            .iter()
            .any(|old| old.spec == spec && old.scope == *scope && old.evidence.path == evidence.path);
        if !known {
            self.requirements.push(Requirement {
                name: name.to_owned(),
                spec: spec.to_owned(),
                form,
                scope: scope.clone(),
                evidence: evidence.clone(),
            });
        }
        if name == "torch" && form == Form::Index {
            let strength = if *scope == Scope::Documentation { Strength::Recommended } else { Strength::Weak };
            let specifier = spec.trim_start_matches("torch").split([';', '+']).next().unwrap_or_default().trim();
            if !specifier.starts_with('[') {
                add(&mut self.stated.torch, specifier, strength, evidence);
            }
        }
        self.cuda_label(
            spec,
            if *scope == Scope::Documentation { Strength::Recommended } else { Strength::Weak },
            evidence,
        );
    }

    /// Notes the CUDA version that a wheel label or an index address tells: `+cu113`, `/whl/cu121`.
    fn cuda_label(&mut self, text: &str, strength: Strength, evidence: &Evidence) {
        if let Some(version) = cuda_of_label(text) {
            add(&mut self.stated.cuda, &version, strength, evidence);
        }
    }

    fn index(&mut self, url: &str, strength: Strength, evidence: &Evidence) {
        // The default index and its mirrors say nothing.
        let host = url.split("://").nth(1).unwrap_or_default();
        let default = host.starts_with("pypi.") && host.trim_end_matches('/').ends_with("/simple");
        let usable = !host.is_empty() && !default && !url.contains(['{', '<', '$']);
        if usable {
            add(&mut self.stated.indexes, url, strength, evidence);
            self.cuda_label(url, strength, evidence);
        }
    }

    /// Is this the repository's own distribution?
    fn is_own(&self, name: &str) -> bool {
        self.projects.iter().any(|project| project.folder.is_empty() && project.name.as_deref() == Some(name))
    }

    /// Does an address with this last part fetch the repository itself?
    fn is_own_address(&self, address: &str) -> bool {
        let last = repository_of(address);
        !last.is_empty()
            && self.projects.iter().filter(|project| project.folder.is_empty()).any(|project| {
                project.name.as_deref() == Some(&last)
                    || project.packages.keys().any(|package| normalise(package) == last)
            })
    }
}

/// The normalised last part of a repository's address: `git+https://host/user/CLIP.git@main#egg=x` -> `clip`.
pub(crate) fn repository_of(address: &str) -> String {
    let address = address.split(['#', '?']).next().unwrap_or_default().trim_end_matches('/');
    let last = address.rsplit('/').next().unwrap_or_default();
    let last = last.split('@').next().unwrap_or_default();
    normalise(last.trim_end_matches(".git"))
}

/// `cu113` -> `11.3`, `cu92` -> `9.2`, `cu121` -> `12.1`; `None` where the text holds no such label.
fn cuda_of_label(text: &str) -> Option<String> {
    text.match_indices("cu").find_map(|(at, _)| {
        let before = text.get(..at)?.chars().next_back();
        if !before.is_none_or(|before| matches!(before, '+' | '/')) {
            return None;
        }
        let digits: String = text.get(at + 2..)?.chars().take_while(char::is_ascii_digit).collect();
        let (major, minor) = digits.split_at_checked(digits.len().checked_sub(1)?)?;
        let version: u32 = major.parse().ok()?;
        (7..=14).contains(&version).then(|| format!("{major}.{minor}"))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(files: &[(&str, &str)]) -> (Stated, Vec<PythonClaim>, Vec<Requirement>) {
        let tree = Tree::from_texts(files.iter().copied());
        let (_, projects, ..) = crate::declared::declared(&tree);
        let (stated, pythons, requirements, _) = stated(&tree, &projects);
        (stated, pythons, requirements)
    }

    fn values(values: &[StatedValue]) -> Vec<(&str, Strength)> {
        values.iter().map(|value| (value.value.as_str(), value.strength)).collect()
    }

    fn names(values: &[StatedValue]) -> Vec<&str> {
        values.iter().map(|value| value.value.as_str()).collect()
    }

    fn pythons(files: &[(&str, &str)]) -> Vec<(String, Strength)> {
        read(files).1.into_iter().map(|claim| (claim.specifier, claim.strength)).collect()
    }

    fn requirements(files: &[(&str, &str)]) -> Vec<(Scope, String)> {
        read(files).2.into_iter().map(|wanted| (wanted.scope, wanted.spec)).collect()
    }

    #[track_caller]
    fn check_apt(readme: &str, expected: &[&str]) {
        assert_eq!(names(&read(&[("README.md", readme)]).0.apt), expected, "{readme}");
    }

    #[track_caller]
    fn check_pip(readme: &str, expected: &[&str]) {
        let found: Vec<String> = requirements(&[("README.md", readme)])
            .into_iter()
            .filter(|(scope, _)| *scope == Scope::Documentation)
            .map(|(_, spec)| spec)
            .collect();
        assert_eq!(found, expected, "{readme}");
    }

    const SETUP: (&str, &str) = ("setup.py", "from setuptools import setup\nsetup(name='own', packages=['own'])");

    #[test]
    fn apt_packages_are_read_out_of_code() {
        check_apt(
            "```bash\nsudo apt-get update && sudo apt-get install -y ffmpeg libgl1:amd64 # why\n```",
            &["ffmpeg", "libgl1"],
        );
        check_apt("Run `apt install libsndfile1` first.", &["libsndfile1"]);
        check_apt(
            "```\n$ sudo apt install build-essential \\\n    cmake=3.1 \\\n    libopenblas-dev\n```",
            &["build-essential", "cmake", "libopenblas-dev"],
        );
        check_apt("```\napt-get install -t sid linux-headers-$(uname -r) <package> ./x.deb\n```", &[]);
        check_apt("```\nbrew install ffmpeg\nyum install gcc\n```", &[]);
        check_apt("You may have to apt install the drivers and so on.", &[]);
    }

    #[test]
    fn what_is_said_about_other_systems_is_weak() {
        let (stated, ..) = read(&[(
            "README.md",
            "# X\n## Raspberry Pi\n```\nsudo apt install libatlas-base-dev\n```\n## Linux\n```\nsudo apt install ffmpeg\n```",
        )]);
        assert_eq!(values(&stated.apt), [("libatlas-base-dev", Strength::Weak), ("ffmpeg", Strength::Recommended)]);
    }

    #[test]
    fn pip_lines_of_documents_are_requirements() {
        check_pip(
            "```\npip install torch==1.10.0+cu113 -f https://host.example/whl/cu113/torch_stable.html\n```",
            &["torch==1.10.0+cu113"],
        );
        check_pip(
            "```python\n!pip install -q \"a[x]>=1\" 'b<2' git+https://host.example/c.git\n```",
            &["a[x]>=1", "b<2", "git+https://host.example/c.git"],
        );
        check_pip("First `pip install --upgrade pip`, then `python3 -m pip install --user d`.", &["d"]);
        check_pip("```\nuv pip install e\nconda run -n x pip install f\n```", &["e"]);
        check_pip("```\npip install -r requirements.txt\npip install <package>\n```", &[]);
    }

    #[test]
    fn what_not_everybody_needs_is_a_hint() {
        check_pip(
            "# X\n## Install\n```\n# required\npip install aa\n# optional: faster\npip install b\npip install c\n\npip install d  # for training\npip install e\n```",
            &["aa", "e"],
        );
        check_pip("If the installation fails with an error, run:\n```\npip install aa\n```", &[]);
        check_pip(
            "# X\n## Training\n```\npip install aa\n```\n## Training and inference\n```\npip install b\n```",
            &["b"],
        );
        check_pip("```\npip install pytest black aa\n```", &["aa"]);
    }

    #[test]
    fn labels_and_indexes_tell_of_torch_and_cuda() {
        let (stated, ..) = read(&[(
            "README.md",
            "```\npip install torch==1.10.0+cu113 --extra-index-url https://host.example/whl/cu113\npip install flash-attn --no-build-isolation\n```",
        )]);
        assert_eq!(names(&stated.torch), ["==1.10.0"]);
        assert_eq!(names(&stated.cuda), ["11.3"]);
        assert_eq!(names(&stated.indexes), ["https://host.example/whl/cu113"]);
        assert_eq!(names(&stated.pip_flags), ["--no-build-isolation flash-attn"]);
        assert_eq!(cuda_of_label("https://host.example/whl/cu92/x"), Some("9.2".to_owned()));
        assert_eq!(cuda_of_label("focus11"), None);
    }

    #[test]
    fn conda_commands_are_read() {
        let readme = "```\nconda create -y -n x python=3.10\nconda install pytorch==1.9.0 torchvision cudatoolkit=11.1 ffmpeg -c pytorch -c conda-forge\n```";
        let (stated, pythons, _) = read(&[("README.md", readme)]);
        assert_eq!(pythons[0].specifier, "==3.10.*");
        assert_eq!(names(&stated.cuda), ["11.1"]);
        assert_eq!(names(&stated.torch), ["==1.9.0"]);
        assert_eq!(names(&stated.apt), ["ffmpeg"]);
        check_pip(readme, &["torch==1.9.0", "torchvision"]);
    }

    #[test]
    fn installing_the_repository_itself_is_told_from_installing_others() {
        let installs = |readme: &str| {
            let (stated, _, requirements) =
                read(&[("README.md", readme), SETUP, ("own/__init__.py", ""), ("sub/x/setup.py", "")]);
            let specs: Vec<String> = requirements.into_iter().map(|wanted| wanted.spec).collect();
            (names(&stated.installs).join(" "), specs.join(" "))
        };
        let pair = |installs: &str, specs: &str| (installs.to_owned(), specs.to_owned());
        assert_eq!(installs("```\npip install -e .\n```"), pair("editable", ""));
        assert_eq!(installs("```\npip install -e '.[all]'\n```"), pair("editable", ".[all]"));
        assert_eq!(installs("```\npip install .\n```"), pair("plain", ""));
        assert_eq!(installs("```\npip install own\n```"), pair("index", ""));
        assert_eq!(installs("```\npip install own[gpu]\n```"), pair("index", "own[gpu]"));
        assert_eq!(installs("```\npip install git+https://host.example/me/own.git\n```"), pair("plain", ""));
        assert_eq!(installs("```\npython setup.py develop\n```"), pair("editable", ""));
        assert_eq!(installs("```\npip install ./sub/x\n```"), pair("", "sub/x"));
        assert_eq!(installs("```\ncd sub/x\npip install .\n```"), pair("", "sub/x"));
        assert_eq!(
            installs("```\ngit clone https://host.example/me/own\ncd own\npip install -e .\n```"),
            pair("editable", "")
        );
        assert_eq!(
            installs(
                "```\ngit clone https://host.example/me/own\ncd own\ngit clone https://host.example/you/Other.git\ncd Other\npip install .\n```"
            ),
            pair("", "git+https://host.example/you/Other.git")
        );
        assert_eq!(
            installs("```\ngit clone https://host.example/me/own.git\npip install -e own\n```"),
            pair("editable", "")
        );
    }

    #[test]
    fn what_a_script_chooses_between_is_weak() {
        let script = "conda create -n x python=3.9\ncase $1 in\n  a) pip install aa --index-url https://host.example/whl/cu118 ;;\nesac\npip install bb\n";
        let (stated, pythons, requirements) = read(&[("setup.sh", script)]);
        assert_eq!(pythons[0].strength, Strength::Recommended);
        assert_eq!(values(&stated.cuda), [("11.8", Strength::Weak)]);
        let scopes: Vec<&Scope> = requirements.iter().map(|wanted| &wanted.scope).collect();
        assert_eq!(scopes, [&Scope::Hint, &Scope::Documentation]);
    }

    #[test]
    fn an_address_without_a_name_tells_a_likely_one() {
        let (.., requirements) =
            read(&[("README.md", "```\npip install git+https://host.example/you/CLIP.git@main\n```")]);
        assert_eq!((requirements[0].name.as_str(), requirements[0].likely_name().as_str()), ("", "clip"));
    }

    #[test]
    fn sentences_of_the_readme_are_claims() {
        assert_eq!(
            pythons(&[(
                "README.md",
                "# T\n## Requirements\n- Python 3.8\n- PyTorch 1.9\n## News\n- Python 3.12 now works\n"
            )]),
            [("==3.8.*".to_owned(), Strength::Recommended)]
        );
        assert_eq!(
            pythons(&[("README.md", "![py](https://badge.example/badge/python-3.8%2B-blue.svg)")]),
            [(">=3.8".to_owned(), Strength::Recommended)]
        );
        assert_eq!(pythons(&[("examples/README.md", "Python 3.8+")]), []);
        assert_eq!(
            pythons(&[("README.md", "[Installation](guide/start.md)"), ("guide/start.md", "Needs Python 3.9+")])[0].0,
            ">=3.9"
        );
    }

    #[test]
    fn small_files_that_say_one_thing_are_read() {
        assert_eq!(pythons(&[(".python-version", "3.10.4\n")]), [("==3.10.*".to_owned(), Strength::Recommended)]);
        assert_eq!(pythons(&[(".python-version", "myenv\n")]), []);
        assert_eq!(pythons(&[("runtime.txt", "python-3.9.7\n")])[0].0, "==3.9.*");
        assert_eq!(
            pythons(&[("tox.ini", "[tox]\nenvlist = lint, py{38,39}, py310-full\n[testenv]\ndeps = pytest\n")]),
            [(">=3.8,<3.11".to_owned(), Strength::Weak)]
        );
        assert_eq!(names(&read(&[("packages.txt", "ffmpeg\nlibgl1\n")]).0.apt), ["ffmpeg", "libgl1"]);
        assert!(read(&[("packages.txt", "_libgcc_mutex=0.1=main\nffmpeg\n")]).0.apt.is_empty());
        assert_eq!(
            names(
                &read(&[(
                    "requirements.txt",
                    "--extra-index-url https://host.example/whl/cu121\ntorch==2.3.0+cu121\n"
                )])
                .0
                .cuda
            ),
            ["12.1"]
        );
    }

    #[test]
    fn environment_files_tell_of_libraries_and_cuda() {
        let (stated, ..) =
            read(&[("environment.yml", "dependencies:\n  - pytorch=1.11.0\n  - cudatoolkit=11.3\n  - ffmpeg=4\n")]);
        assert_eq!(
            (names(&stated.torch), names(&stated.cuda), names(&stated.apt)),
            (vec!["==1.11.0"], vec!["11.3"], vec!["ffmpeg"])
        );
    }

    #[test]
    fn compose_files_tell_of_shared_memory() {
        let compose = "services:\n  app:\n    image: pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime\n    shm_size: '8gb'\n    \
                       ipc: host\n    command: [python, x.py]\n  db:\n    image: ${DB}\n    shm_size: $(reboot)\n";
        let (stated, ..) = read(&[("docker-compose.yml", compose)]);
        let flags: Vec<_> = stated.run_flags.iter().map(|f| (f.value.as_str(), f.evidence.line)).collect();
        assert_eq!(flags, [("--shm-size=8gb", 4)]);
        assert_eq!(stated.torch.first().map(|t| t.value.as_str()), Some("==2.1.0"));
        assert_eq!(stated.base_images.len(), 1);
    }

    #[test]
    fn dockerfiles_are_hints() {
        let files = [(
            "Dockerfile",
            "ARG V=3.9\nFROM python:${V}-slim AS build\nENV TORCH_CUDA_ARCH_LIST=\"8.0 8.6\" PATH=/x\nRUN apt-get update && \\\n    # tools\n    apt-get install -y \\\n    libgl1 \\\n    git && rm -rf /x\nRUN pip install --no-cache-dir flask\nFROM build\n",
        )];
        let (stated, pythons, requirements) = read(&files);
        assert_eq!(names(&stated.base_images), ["python:3.9-slim"]);
        assert_eq!(pythons[0].specifier, "==3.9.*");
        assert_eq!(values(&stated.apt), [("libgl1", Strength::Weak), ("git", Strength::Weak)]);
        assert_eq!(stated.apt[0].evidence.line, 7);
        assert_eq!(names(&stated.env), ["TORCH_CUDA_ARCH_LIST=8.0 8.6"]);
        assert_eq!((requirements[0].spec.as_str(), &requirements[0].scope), ("flask", &Scope::Hint));
    }

    #[test]
    fn tags_of_base_images_tell_versions() {
        let (stated, ..) = read(&[(
            "docker/Dockerfile",
            "FROM pytorch/pytorch:2.1.2-cuda12.1-cudnn8-runtime\nFROM nvidia/cuda:11.3.1-devel-ubuntu20.04\n",
        )]);
        assert_eq!((names(&stated.torch), names(&stated.cuda)), (vec!["==2.1.2"], vec!["12.1", "11.3"]));
    }

    #[test]
    fn workflows_are_weak() {
        let files = [(
            ".github/workflows/test.yml",
            "jobs:\n  a:\n    strategy:\n      matrix:\n        python-version: [3.8, \"3.10\"]\n    steps:\n    - run: |\n        sudo apt-get install -y libsndfile1\n        pip install pytest torch==${{ matrix.torch }}+cpu\n",
        )];
        let (stated, pythons, requirements) = read(&files);
        assert_eq!((pythons[0].specifier.as_str(), pythons[0].strength), (">=3.8,<3.11", Strength::Weak));
        assert_eq!(values(&stated.apt), [("libsndfile1", Strength::Weak)]);
        assert_eq!(requirements.iter().map(|wanted| wanted.spec.as_str()).collect::<Vec<_>>(), ["pytest"]);
    }

    #[test]
    fn a_cog_file_is_read() {
        let files = [(
            "cog.yaml",
            "build:\n  python_version: \"3.10\"\n  cuda: \"11.8\"\n  system_packages:\n    - libgl1-mesa-glx\n  python_packages:\n    - torch==2.0.1\n",
        )];
        let (stated, pythons, requirements) = read(&files);
        assert_eq!(pythons[0].specifier, "==3.10.*");
        assert_eq!((names(&stated.cuda), names(&stated.apt)), (vec!["11.8"], vec!["libgl1-mesa-glx"]));
        assert_eq!(requirements[0].spec, "torch==2.0.1");
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(
            name in prop::sample::select(vec![
                "README.md", "README.rst", "docs/install.md", "install.sh", "Dockerfile", "cog.yaml", "tox.ini", ".python-version", "packages.txt",
                ".github/workflows/test.yml", "environment.yml", "requirements.txt", "runtime.txt",
            ]),
            text in "[\\PC\n\t]{0,300}",
        ) {
            let _ = read(&[(name, &text)]);
        }

        #[test]
        fn no_command_makes_a_reader_panic(words in prop::collection::vec(prop::sample::select(vec![
            "apt", "install", "pip", "-e", ".", "[", "é", "conda", "create", "python=3.", "&&", "\\\n", "\n", "'", "\"", "$(", "cd", "git", "clone", "https://a/b", "=", ">", "-r",
            "RUN", "FROM", "a:b", "${", "}", "#", "export", "A=1", "python", "-m", "setup.py", "::", "+cu1", "cu118",
        ]), 0..16), name in prop::sample::select(vec!["install.sh", "Dockerfile", "README.md"])) {
            let text = words.join(" ");
            let text = if name == "README.md" { format!("```\n{text}\n```") } else { text };
            let _ = read(&[(name, &text)]);
        }
    }
}
