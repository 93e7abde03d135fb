//! Can a container use a GPU here?
//!
//! In: nothing but this machine, asked through `nvidia-smi` and `nvidia-ctk`. Out: the GPUs, or the reason why not and
//! what to do. A GPU run is refused on that reason, never tried and never counted.

use std::{path::Path, time::Duration};

use serde::Serialize;

use super::{Engine, EngineError, Kind, expression, process};

const PATIENCE: Duration = Duration::from_secs(20);

/// The GPUs that containers can use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gpus {
    pub gpus: Vec<Gpu>,
    /// Version of the driver: `580.65.06`.
    pub driver: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gpu {
    pub name: String,
    /// Bytes.
    pub memory: u64,
}

impl Engine {
    /// The GPUs that a container of this engine can use, or why there are none.
    pub fn gpus(&self) -> Result<Gpus, EngineError> {
        let refuse = |reason: &str, hint: &str| EngineError::NoGpu { reason: reason.to_owned(), hint: hint.to_owned() };
        let arguments = ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"];
        let Ok(said) = process::ask(&expression("nvidia-smi", arguments), PATIENCE) else {
            return Err(refuse(
                "this machine has no `nvidia-smi`, so no NVIDIA driver",
                "use a machine with an NVIDIA GPU and its driver",
            ));
        };
        if !said.ok() {
            let reason = format!("`nvidia-smi` failed: {}", super::one_line(said.complaint()));
            return Err(refuse(&reason, "mend the NVIDIA driver until `nvidia-smi` lists a GPU"));
        }
        let gpus = read_gpus(&said.stdout);
        if gpus.gpus.is_empty() {
            return Err(refuse("`nvidia-smi` lists no GPU", "use a machine with an NVIDIA GPU"));
        }
        if !self.has_gpu_support() {
            return Err(refuse(
                "the NVIDIA container toolkit is missing",
                "install `nvidia-container-toolkit`, then `nvidia-ctk runtime configure --runtime=docker` and restart \
                 the daemon (podman: `nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`)",
            ));
        }
        Ok(gpus)
    }

    fn has_gpu_support(&self) -> bool {
        let cdi = || ["/etc/cdi", "/var/run/cdi"].iter().any(|folder| has_nvidia_specification(Path::new(folder)));
        match self.kind {
            // `--gpus` needs the toolkit's hook (or, since 28, a CDI file); `nvidia-ctk` comes with the hook.
            Kind::Docker => {
                self.runtimes.iter().any(|name| name.contains("nvidia"))
                    || which::which("nvidia-container-runtime-hook").is_ok()
                    || which::which("nvidia-ctk").is_ok()
            }
            Kind::Podman => cdi(),
        }
    }
}

fn has_nvidia_specification(folder: &Path) -> bool {
    std::fs::read_dir(folder)
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().contains("nvidia")))
}

/// `NVIDIA A100-SXM4-80GB, 81920, 580.65.06`, one GPU a line; memory in MiB.
fn read_gpus(text: &str) -> Gpus {
    let mut gpus = Gpus { gpus: Vec::new(), driver: String::new() };
    for line in text.lines() {
        let mut fields = line.rsplitn(3, ',').map(str::trim);
        let (Some(driver), Some(memory), Some(name)) = (fields.next(), fields.next(), fields.next()) else { continue };
        driver.clone_into(&mut gpus.driver);
        let mebibytes: u64 = memory.parse().unwrap_or(0);
        gpus.gpus.push(Gpu { name: name.to_owned(), memory: mebibytes.saturating_mul(1024 * 1024) });
    }
    gpus
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpus_are_read_from_comma_separated_lines() {
        let gpus = read_gpus("NVIDIA H100 80GB HBM3, 81559, 580.65.06\nNVIDIA L4, 23034, 580.65.06\n");
        assert_eq!(gpus.driver, "580.65.06");
        assert_eq!(gpus.gpus.len(), 2);
        assert_eq!(gpus.gpus[1], Gpu { name: "NVIDIA L4".into(), memory: 23034 * 1024 * 1024 });
        assert!(read_gpus("No devices were found\n").gpus.is_empty());
    }
}
