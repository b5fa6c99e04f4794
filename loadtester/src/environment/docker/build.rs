//! Builds our own images on first use, by the same script and Dockerfiles that `make images` runs.
//! They travel inside this program, so that it needs no sources beside it.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use sha2::{Digest, Sha256};

use super::{error::DockerError, image::Ours};
use crate::{
    engine::Stop,
    environment::{LogTail, local::in_words},
};

/// Pause between two looks at a build.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);
/// Name of this program in the folder of a build.
const PROGRAM: &str = "poolproof";

/// Files of `images/` that a build needs.
const FILES: [(&str, &str); 5] = [
    ("images/build", include_str!("../../../../images/build")),
    (
        "images/postgres/Dockerfile",
        include_str!("../../../../images/postgres/Dockerfile"),
    ),
    (
        "images/postgres/entrypoint",
        include_str!("../../../../images/postgres/entrypoint"),
    ),
    (
        "images/pgbouncer/Dockerfile",
        include_str!("../../../../images/pgbouncer/Dockerfile"),
    ),
    (
        "images/own/Dockerfile",
        include_str!("../../../../images/own/Dockerfile"),
    ),
];

/// What builds images.
#[derive(Debug)]
pub(super) struct Builder {
    /// Folder in which it works; it is removed with the run.
    folder: PathBuf,
    program_hash: OnceLock<String>,
}

impl Builder {
    /// A builder that works in `folder`, which it makes when it is needed.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            program_hash: OnceLock::new(),
        }
    }

    /// Builds one image, and waits for it. The first one also makes its base, which takes minutes
    /// where no registry can be reached.
    pub(super) fn build(&self, ours: Ours, stop: &Stop) -> Result<(), DockerError> {
        tracing::warn!(image = ours.name(), "building the image");
        let failed = |status: String, log: LogTail| DockerError::Build {
            image: ours.name().to_owned(),
            status,
            log,
        };
        let log = self.folder.join("log");
        let ended = self
            .start(ours, &log)
            .and_then(|child| wait(child, stop))
            .map_err(|error| failed(error.to_string(), LogTail::default()))?;
        match ended {
            Some(status) if status.success() => Ok(()),
            Some(status) => {
                let said = fs::read_to_string(&log).unwrap_or_default();
                Err(failed(in_words(status), LogTail::of(&said)))
            }
            None => Err(DockerError::Interrupted),
        }
    }

    /// The hash of this program, as the label of its image has it.
    pub(super) fn program_hash(&self) -> Result<&str, DockerError> {
        if let Some(known) = self.program_hash.get() {
            return Ok(known);
        }
        let hash = std::env::current_exe()
            .and_then(|program| hash(&program))
            .map_err(|error| DockerError::Build {
                image: Ours::Own.name().to_owned(),
                status: format!("cannot read this program: {error}"),
                log: LogTail::default(),
            })?;
        Ok(self.program_hash.get_or_init(|| hash))
    }

    fn start(&self, ours: Ours, log: &Path) -> io::Result<Child> {
        for (name, text) in FILES {
            let path = self.folder.join(name);
            fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
            fs::write(&path, text)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
        let mut command = Command::new("bash");
        if ours == Ours::Own {
            let own = std::env::current_exe()?;
            fs::copy(own, self.folder.join(PROGRAM))?;
            let hash = self.program_hash().map_err(io::Error::other)?;
            command.env("PROGRAM_HASH", hash);
        }
        let output = File::create(log)?;
        command
            .arg(self.folder.join("images/build"))
            .arg(ours.folder())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            // All that the script starts is in its group, and can be ended together.
            .process_group(0)
            .spawn()
    }
}

/// How a build ended; `None` when the user did not want to wait for it.
fn wait(mut child: Child, stop: &Stop) -> io::Result<Option<std::process::ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if stop.is_stopped() {
            killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM)?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::park_timeout(PAUSE);
    }
}

fn hash(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    let bytes = hasher.finalize();
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_hash_that_sha256sum_prints() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("abc");
        fs::write(&path, "abc").expect("a writable folder");
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash(&path).expect("a hash"), expected);
    }

    #[test]
    fn a_build_that_nobody_wants_ends_with_all_that_it_started() {
        let child = Command::new("bash")
            .args(["-c", "sleep 60 & wait"])
            .process_group(0)
            .spawn()
            .expect("bash");
        let stop = Stop::default();
        stop.stop();
        assert!(wait(child, &stop).expect("a wait").is_none());
    }
}
