//! Where things lie on the host: the project's root, its repositories, caches and logs.

use std::path::{Path, PathBuf};

/// The folders of one invocation.
#[derive(Debug, Clone)]
pub struct Project {
    /// The workspace's root.
    pub root: PathBuf,
    /// Folder of the results, `USER/REPO` below it.
    pub repositories: PathBuf,
}

impl Project {
    /// The project that `from` lies in, else the one that this program was built from. `repositories` overrides where
    /// results go.
    pub fn find(from: &Path, repositories: Option<PathBuf>) -> Self {
        let is_root = |dir: &&Path| dir.join("xtask/Cargo.toml").is_file() && dir.join("knowledge").is_dir();
        let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
        let root = from.ancestors().find(is_root).unwrap_or(built_from).to_path_buf();
        let repositories = repositories.unwrap_or_else(|| root.join("repositories"));
        Self { root, repositories }
    }

    /// Folder of one repository's results.
    pub fn folder(&self, repo: &str) -> PathBuf {
        self.repositories.join(repo)
    }

    /// Caches that may be deleted at any time.
    pub fn cache(&self) -> PathBuf {
        self.root.join("target/repro/cache")
    }

    /// Full logs and evidence of one repository's runs.
    pub fn logs(&self, repo: &str) -> PathBuf {
        self.root.join("target/repro/logs").join(repo)
    }

    /// Where files are put together before they are complete.
    pub fn work(&self, repo: &str) -> PathBuf {
        self.root.join("target/repro/work").join(repo)
    }
}
