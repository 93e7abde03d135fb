//! Distribution names: how requirements spell them, and which names stand for the same import.

use std::str::FromStr;

use pep508_rs::{PackageName, Requirement, VerbatimUrl};

/// A distribution's name, normalised as PEP 503 says.
pub fn normalise(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.trim().chars() {
        match c {
            '-' | '_' | '.' if out.ends_with('-') => {}
            '-' | '_' | '.' => out.push('-'),
            c => out.extend(c.to_lowercase()),
        }
    }
    out
}

/// The normalised name that a requirement such as `Pillow>=9 ; python_version < "3.12"` is about.
pub fn requirement_name(spec: &str) -> Option<String> {
    let end = spec.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))).unwrap_or(spec.len());
    let (name, rest) = spec.split_at(end);
    // `git+https://…` and `file:///…` name a place, not a distribution.
    if name.is_empty() || rest.starts_with(['+', ':', '/']) {
        return None;
    }
    PackageName::from_str(name).ok().map(|n| n.to_string())
}

/// The parsed requirement, where it is one that PEP 508 can say.
pub fn parse(spec: &str) -> Option<Requirement<VerbatimUrl>> {
    Requirement::from_str(spec).ok()
}

/// Families of distributions that provide the same import: having one of them satisfies a need for another.
const SAME_IMPORT: &[&[&str]] = &[
    &["opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"],
    &["tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tf-nightly", "tensorflow-intel", "tensorflow-macos"],
    &["onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino"],
    &["pillow", "pillow-simd"],
    &["mmcv", "mmcv-full", "mmcv-lite"],
    &["faiss-cpu", "faiss-gpu", "faiss"],
    &["scikit-learn", "sklearn"],
    &["pytorch-lightning", "lightning"],
    &["psycopg2", "psycopg2-binary"],
    &["pycrypto", "pycryptodome"],
    &["beautifulsoup4", "bs4"],
    &["pyyaml", "yaml"],
];

/// Does having `have` satisfy an import that `want` provides?
pub fn provides(have: &str, want: &str) -> bool {
    have == want || SAME_IMPORT.iter().any(|family| family.contains(&have) && family.contains(&want))
}

/// Distributions beside the torch family whose wheels have more than about 100 MB.
const LARGE: [&str; 12] = [
    "bitsandbytes",
    "cupy-cuda11x",
    "cupy-cuda12x",
    "mxnet",
    "onnxruntime-gpu",
    "paddlepaddle",
    "paddlepaddle-gpu",
    "pyspark",
    "tensorflow",
    "tensorflow-cpu",
    "tensorflow-gpu",
    "xformers",
];

/// Does it take long to fetch?
pub fn is_large(name: &str) -> bool {
    LARGE.contains(&name) || in_torch_family(name)
}

/// Distributions of the torch family, which NVIDIA's image carries in builds of its own.
pub fn in_torch_family(name: &str) -> bool {
    matches!(name, "torch" | "torchvision" | "torchaudio" | "triton" | "pytorch-triton" | "torchtext" | "torchdata")
        || name.starts_with("nvidia-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised_as_the_index_does() {
        for (text, name) in [("Pillow", "pillow"), ("ruamel.yaml", "ruamel-yaml"), ("foo__-bar", "foo-bar")] {
            assert_eq!(normalise(text), name);
        }
    }

    #[test]
    fn the_name_of_a_requirement_ends_where_its_version_begins() {
        for (spec, name) in [("torch>=2", Some("torch")), ("a[b] ; x", Some("a")), ("git+https://x", None), ("", None)]
        {
            assert_eq!(requirement_name(spec).as_deref(), name, "{spec}");
        }
    }
}
