//! Joins what the readers of this crate find into [`Facts`].
//!
//! Every reader sees the same tree; the only order between them is that projects are known before commands are ranked,
//! and commands before imports are followed.

use crate::facts::{Action, Candidate, Evidence, Facts, Finding, Gpu, Imports, Project, Weights};
use crate::python::follow::{Program, program};
use crate::python::{Sources, Start};
use crate::tree::{Content, Tree};
use crate::{commands, declared, era, gpu, stated, weights};

/// Candidates whose imports are followed.
const FOLLOWED: usize = 6;
/// Candidates that are followed until one is found that says something about GPU and weights.
const JUDGED: usize = 12;

/// Reads everything that can be known of a repository without running anything. Never fails: what could not be read is
/// among the findings.
pub fn inspect(tree: &Tree) -> Facts {
    let (mut requirements, projects, mut pythons, mut findings) = declared::declared(tree);
    let (stated, more_pythons, more_requirements, more_findings) = stated::stated(tree, &projects);
    requirements.extend(more_requirements);
    pythons.extend(more_pythons);
    findings.extend(more_findings);
    let sources = Sources::new(tree);
    let (candidates, more_findings) = commands::candidates(tree, &projects, &sources);
    findings.extend(more_findings);

    let packages = package_roots(&projects);
    let mut candidates: Vec<(Candidate, Option<Program<'_, '_>>)> =
        candidates.into_iter().map(|candidate| (candidate, None)).collect();
    for (candidate, program) in candidates.iter_mut().take(FOLLOWED) {
        *program = followed(&sources, candidate, &packages);
        if let Some(program) = program {
            candidate.imports = imports(&sources, candidate, program, &packages);
            let burden = weights::burden(program, &candidate.command.line, candidate.evidence.first());
            commands::weigh_down(candidate, burden.as_ref());
        }
    }
    candidates.sort_by(|(a, _), (b, _)| b.score.total_cmp(&a.score));
    let mut judged: Option<(Gpu, Vec<Weights>)> = None;
    for (candidate, program) in candidates.iter_mut().take(JUDGED) {
        let decides = !matches!(
            candidate.action,
            Action::Download | Action::Install | Action::Prepare | Action::Help | Action::Test
        );
        let Some(program) = program.take().or_else(|| followed(&sources, candidate, &packages)) else { continue };
        candidate.imports = imports(&sources, candidate, &program, &packages);
        if decides {
            let line = &candidate.command.line;
            let found = weights::find(&program, line, candidate.evidence.first());
            let (older, releases) = era::wants(&program, &requirements);
            pythons.extend(older);
            requirements.extend(releases);
            judged = Some((gpu::need(&program, line, candidate.evidence.first()), found));
            break;
        }
    }
    let candidates: Vec<Candidate> = candidates.into_iter().map(|(candidate, _)| candidate).collect();
    let (gpu, weights) = judged.unwrap_or_else(|| (gpu::need_of_package(&sources), weights::find_in_tree(tree)));

    let lfs_pointers = lfs_pointers(tree);
    findings.extend(odd_trees(tree, &lfs_pointers));
    Facts {
        requirements,
        projects,
        pythons,
        stated,
        gpu,
        given: None,
        candidates,
        weights,
        submodules: submodules(tree),
        lfs_pointers,
        findings,
    }
}

/// Reads what a command starts that a person wrote instead of the one found: its imports, its need of a GPU, its weights.
/// `workdir` is relative to the root. Facts stay as they are where it starts no program of the repository.
pub fn with_command(tree: &Tree, facts: &mut Facts, line: &str, workdir: &str) {
    let sources = Sources::new(tree);
    let Some(mut candidate) = commands::given(tree, &facts.projects, &sources, line, workdir) else { return };
    let packages = package_roots(&facts.projects);
    if let Some(program) = followed(&sources, &candidate, &packages) {
        candidate.imports = imports(&sources, &candidate, &program, &packages);
        facts.gpu = gpu::need(&program, line, candidate.evidence.first());
        facts.weights = weights::find(&program, line, candidate.evidence.first());
    }
    facts.given = Some(candidate);
}

/// What a candidate's program imports, and with it what the scripts import that prepare its run.
fn imports(sources: &Sources<'_>, candidate: &Candidate, main: &Program<'_, '_>, packages: &[String]) -> Imports {
    let mut found = main.imports();
    for line in &candidate.command.setup {
        let mut words = line.split_whitespace();
        let script = words.next().filter(|word| *word == "python").and_then(|_| words.next());
        let folder = &candidate.command.workdir;
        let path = script.map(|script| format!("{folder}/{script}").trim_start_matches('/').to_owned());
        let Some(path) = path.filter(|path| sources.tree.text(path).is_some()) else { continue };
        let mut roots = vec![folder.clone()];
        roots.extend(packages.iter().cloned());
        let before = program(sources, Start::File(&path), &roots, line).imports();
        for (module, evidence) in before.required {
            found.required.entry(module).or_insert(evidence);
        }
        for (program, evidence) in before.programs {
            found.programs.entry(program).or_insert(evidence);
        }
    }
    found
}

/// Folders that hold the importable packages of projects.
fn package_roots(projects: &[Project]) -> Vec<String> {
    projects
        .iter()
        .flat_map(|project| project.packages.values())
        .map(|place| place.rsplit_once('/').map_or("", |(above, _)| above).to_owned())
        .collect()
}

/// The files behind a candidate; `None` where it starts no Python code that is known.
fn followed<'s, 't>(sources: &'s Sources<'t>, candidate: &Candidate, packages: &[String]) -> Option<Program<'s, 't>> {
    let mut roots = vec![candidate.command.workdir.clone()];
    roots.extend(packages.iter().cloned());
    if let Some(snippet) = &candidate.snippet {
        let lines: Vec<&str> = sources.tree.text(&snippet.path)?.lines().collect();
        let text = commands::snippet_in_place(&lines, snippet);
        let start = Start::Text { text: &text, path: &snippet.path, first: 1 };
        return Some(program(sources, start, &roots, &candidate.command.line));
    }
    let entry = candidate.entry.as_deref()?;
    sources.tree.text(entry)?;
    Some(program(sources, Start::File(entry), &roots, &candidate.command.line))
}

/// Paths and URLs of `.gitmodules`.
fn submodules(tree: &Tree) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut path, mut url) = (None, None);
    for line in tree.text(".gitmodules").unwrap_or_default().lines().chain(["["]) {
        if line.trim_start().starts_with('[') {
            if let (Some(path), Some(url)) = (path.take(), url.take()) {
                found.push((path, url));
            }
            (path, url) = (None, None);
        } else if let Some((key, value)) = line.split_once('=') {
            match key.trim() {
                "path" => path = Some(value.trim().trim_matches('"').to_owned()),
                "url" => url = Some(value.trim().trim_matches('"').to_owned()),
                _ => {}
            }
        }
    }
    found
}

fn lfs_pointers(tree: &Tree) -> Vec<String> {
    tree.iter()
        .filter(|(_, file)| matches!(file.content, Content::LfsPointer(_)))
        .map(|(path, _)| path.to_owned())
        .collect()
}

/// What is wrong with the tree as a whole.
fn odd_trees(tree: &Tree, lfs_pointers: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |code: &str, message: String, help: &str, path: &str| {
        findings.push(Finding {
            code: code.to_owned(),
            message,
            help: Some(help.to_owned()),
            evidence: Evidence::new(path, 0, ""),
        });
    };
    if tree.is_empty() {
        add("empty", "there is no file in the repository".to_owned(), "name another revision or branch", "");
        return findings;
    }
    let is_python =
        |path: &str| path.rsplit_once('.').is_some_and(|(_, ending)| matches!(ending, "py" | "ipynb" | "pyx" | "pyw"));
    let has_shebang = || {
        tree.texts().any(|(path, text)| {
            !path.contains('.') && text.starts_with("#!") && text.lines().next().is_some_and(|l| l.contains("python"))
        })
    };
    if !tree.iter().any(|(path, _)| is_python(path)) && !has_shebang() {
        add(
            "no-python",
            "there is no Python file in the repository".to_owned(),
            "check the repository's name and branch; a program in another language cannot be reproduced",
            "",
        );
    }
    if let Some(first) = lfs_pointers.first() {
        let others = match lfs_pointers.len() - 1 {
            0 => " holds".to_owned(),
            1 => " and one other file hold".to_owned(),
            more => format!(" and {more} other files hold"),
        };
        add(
            "lfs-pointer",
            format!("`{first}`{others} only a Git LFS pointer: the content is not in this checkout"),
            "run `git lfs install && git lfs pull` in the checkout, or name the repository instead of a folder",
            first,
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::GpuNeed;
    use crate::fixture::tree;
    use crate::tree::File;

    fn codes(tree: &Tree) -> Vec<String> {
        inspect(tree).findings.into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn an_empty_tree_is_a_finding() {
        assert_eq!(codes(&Tree::default()), ["empty"]);
    }

    #[test]
    fn a_tree_without_python_is_a_finding() {
        assert!(codes(&tree("//- /main.go\npackage main\n")).contains(&"no-python".to_owned()));
        assert!(!codes(&tree("//- /run.py\n")).contains(&"no-python".to_owned()));
    }

    #[test]
    fn a_pointer_is_a_finding_and_a_fact() {
        let mut tree = tree("//- /run.py\nimport torch\n");
        tree.insert("w.pth", File { size: 130, content: Content::LfsPointer(9000) });
        let facts = inspect(&tree);
        assert_eq!(facts.lfs_pointers, ["w.pth"]);
        assert!(facts.findings.iter().any(|finding| finding.code == "lfs-pointer"));
        assert!(facts.weights.iter().any(|weights| weights.from == "lfs" && weights.what == "w.pth"));
    }

    #[test]
    fn submodules_are_read() {
        let tree = tree("//- /.gitmodules\n[submodule \"a\"]\n\tpath = ext/a\n\turl = https://host.example/a.git\n");
        assert_eq!(submodules(&tree), [("ext/a".to_owned(), "https://host.example/a.git".to_owned())]);
    }

    #[test]
    fn the_best_command_decides_about_the_gpu() {
        let tree = tree(
            "//- /README.md\n# x\n## Inference\n```bash\npython demo.py --image a.png\n```\n\
             //- /a.png\n//- /demo.py\nimport argparse\nimport torch\np = argparse.ArgumentParser()\n\
             p.add_argument('--image')\nx = torch.ones(1).cuda()\n//- /tools/other.py\nimport jax\n",
        );
        let facts = inspect(&tree);
        assert_eq!(facts.gpu.need, GpuNeed::Required, "{:?}", facts.candidates);
        assert!(facts.candidates.iter().any(|candidate| candidate.imports.required.contains_key("torch")));
    }

    #[test]
    fn what_prepares_the_run_needs_its_imports_too() {
        let tree = tree(
            "//- /README.md\n# x\n## Usage\n```\npython download.py mnist\npython main.py --dataset mnist --train\n```\n\
             //- /main.py\nimport scipy\nprint(scipy)\n\
             //- /download.py\nimport requests, subprocess\nsubprocess.call(['curl', 'x'])\n",
        );
        let facts = inspect(&tree);
        let best = facts.candidates.first().expect("a candidate");
        assert_eq!(best.command.setup, ["python download.py mnist"], "{best:?}");
        assert_eq!(best.imports.required.keys().collect::<Vec<_>>(), ["requests", "scipy", "subprocess"]);
        assert!(best.imports.programs.contains_key("curl"));
    }

    #[test]
    fn weights_behind_a_gate_lower_the_rank() {
        let demo = "from transformers import AutoModel\nm = AutoModel.from_pretrained('acme/open-7b')\n";
        let best = |readme: &str| {
            let tree = Tree::from_texts([("README.md", readme), ("chat.py", demo), ("talk.py", demo)]);
            let candidate = inspect(&tree).candidates.into_iter().next().expect("a candidate");
            (candidate.command.line, candidate.because)
        };
        let commands = |first: &str| {
            format!(
                "## Inference\n```\npython chat.py --model {first}\n```\n```\npython talk.py --model acme/open-7b\n```\n"
            )
        };
        assert_eq!(best(&commands("acme/shut-7b")).0, "python chat.py --model acme/shut-7b");
        let gated = format!("Request access to acme/shut-7b first.\n{}", commands("acme/shut-7b"));
        assert_eq!(best(&gated).0, "python talk.py --model acme/open-7b");
        assert_eq!(best(&commands("acme/open-8x22b")).0, "python talk.py --model acme/open-7b");
        let only =
            "Request access to acme/shut-7b first.\n## Inference\n```\npython chat.py --model acme/shut-7b\n```\n";
        assert_eq!(
            best(only).1.first().map(String::as_str),
            Some("its weights `acme/shut-7b` are given to those only who were let in")
        );
    }

    proptest! {
        #[test]
        fn any_texts_are_survived(files in prop::collection::vec((prop::sample::select(vec![
            "README.md", "setup.py", "pyproject.toml", "requirements.txt", "a.py", "pkg/__init__.py", ".gitmodules",
            "environment.yml", "Dockerfile", "x.ipynb", "setup.cfg", "run.sh", ".github/workflows/t.yml", "Pipfile",
        ]), "(\\PC|\n){0,200}"), 0..5)) {
            inspect(&Tree::from_texts(files));
        }
    }
}
