//! Weights that somebody has already in, where they go in a container out.
//!
//! In: the plan and the names of the files in a folder. Out: which parts of that folder are mounted where. Nothing is copied
//! into an image, and nothing that is mounted can be changed from inside.

use crate::plan::Plan;

/// Where the whole folder is, for a command that names its weights itself.
pub const FOLDER: &str = "/workspace/weights";

/// A part of the folder (empty: all of it) and its place in the container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub part: String,
    pub target: String,
}

impl Place {
    /// As an option of `docker run` that names the folder as `$WEIGHTS`.
    pub fn option(&self) -> String {
        let part = if self.part.is_empty() { String::new() } else { format!("/{}", self.part) };
        format!("\"$WEIGHTS{part}:{}:ro\"", self.target)
    }
}

/// The places of a folder whose files have these names, relative to it. `home` is that of the image's user.
pub fn places(plan: &Plan, home: &str, files: &[String]) -> Vec<Place> {
    let mut places = vec![Place { part: String::new(), target: FOLDER.to_owned() }];
    let mut add = |part: &str, target: String| places.push(Place { part: part.to_owned(), target });
    let any = |test: &dyn Fn(&str) -> bool| files.iter().any(|file| test(file));
    let is_cache = any(&|file| file.starts_with("huggingface/") || file.starts_with("torch/"));
    if is_cache {
        for part in ["huggingface", "torch"].iter().filter(|part| any(&|file| file.starts_with(&format!("{part}/")))) {
            add(part, format!("{home}/.cache/{part}"));
        }
    } else if any(&|file| file.starts_with("hub/models--")) {
        add("", format!("{home}/.cache/huggingface"));
    } else if any(&|file| file.starts_with("models--")) {
        add("", format!("{home}/.cache/huggingface/hub"));
    } else if any(&|file| file.starts_with("hub/checkpoints/")) {
        add("", format!("{home}/.cache/torch"));
    }
    for path in wanted(plan) {
        let name = path.rsplit('/').next().unwrap_or(&path);
        let same = |file: &&String| file.as_str() == path || path.ends_with(&format!("/{file}"));
        let found = files.iter().find(same).or_else(|| files.iter().find(|file| file.rsplit('/').next() == Some(name)));
        if let Some(file) = found {
            add(file, format!("{}/{path}", plan.checkout()));
        }
    }
    places.sort();
    places.dedup();
    places
}

/// Files of weights that the main command names, or the checkout holds pointers to, relative to the checkout.
fn wanted(plan: &Plan) -> Vec<String> {
    let Some(main) = &plan.main else { return Vec::new() };
    let words = shlex::split(&main.command.line).unwrap_or_default();
    let named = words.iter().map(|word| word.split_once('=').map_or(word.as_str(), |(_, value)| value));
    let below = &main.command.workdir;
    let named = named
        .filter(|word| repro_inspect::is_weights_file(word) && !word.starts_with(['/', '~']) && !word.contains("://"))
        .map(|word| word.trim_start_matches("./"))
        .map(|word| if below.is_empty() { word.to_owned() } else { format!("{below}/{word}") });
    let pointers = plan.weights.iter().filter(|weights| weights.from == "lfs").map(|weights| weights.what.clone());
    let mut wanted: Vec<String> = named.chain(pointers).filter(|path| !path.split('/').any(|p| p == "..")).collect();
    wanted.sort();
    wanted.dedup();
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn check(line: &str, files: &[&str], expected: &[(&str, &str)]) {
        let mut plan = testing::plan();
        plan.main.as_mut().unwrap().command.line = line.to_owned();
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        let found = places(&plan, "/home/u", &files);
        let found: Vec<(&str, &str)> = found.iter().map(|p| (p.part.as_str(), p.target.as_str())).collect();
        let mut all = vec![("", FOLDER)];
        all.extend(expected);
        all.sort_unstable();
        assert_eq!(found, all, "{line} {files:?}");
    }

    #[test]
    fn caches_go_where_their_libraries_look() {
        check("python demo.py", &["hub/models--a--b/refs/main"], &[("", "/home/u/.cache/huggingface")]);
        check("python demo.py", &["models--a--b/refs/main"], &[("", "/home/u/.cache/huggingface/hub")]);
        check("python demo.py", &["hub/checkpoints/r.pth"], &[("", "/home/u/.cache/torch")]);
        let both = [("huggingface", "/home/u/.cache/huggingface"), ("torch", "/home/u/.cache/torch")];
        check("python demo.py", &["huggingface/hub/x", "torch/hub/y", "other/z"], &both);
    }

    #[test]
    fn files_go_where_the_command_names_them() {
        let target = "/workspace/repo/weights/a.pth";
        check("python demo.py --weights weights/a.pth", &["a.pth", "b.pth"], &[("a.pth", target)]);
        check("python demo.py --ckpt=./weights/a.pth", &["weights/a.pth"], &[("weights/a.pth", target)]);
        check(
            "python demo.py --weights ../a.pth /b.pth https://mirror.example/c.pth",
            &["a.pth", "b.pth", "c.pth"],
            &[],
        );
    }
}
