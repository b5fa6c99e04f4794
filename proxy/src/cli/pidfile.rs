//! The file that tells others the process id, and keeps a second instance from starting.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum PidfileError {
    /// The process that it names runs.
    #[error("pidfile {} names process {pid}, which runs: is another pooler running?", .path.display())]
    Running {
        /// The file.
        path: PathBuf,
        /// The process.
        pid: i32,
    },
    /// It cannot be written.
    #[error("pidfile {} cannot be written: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

/// By what right the file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// No process that it names may run.
    Free,
    /// The process that it names has given up its place.
    TakenOver,
}

/// The file, removed when this is dropped unless it names somebody else by then.
#[derive(Debug)]
pub(super) struct Pidfile {
    path: PathBuf,
}

fn named(path: &Path) -> Option<i32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

impl Pidfile {
    /// Refuses if the process named in the file at `path` runs.
    ///
    /// # Errors
    /// [`PidfileError::Running`].
    pub(super) fn check(path: &Path, claim: Claim) -> Result<(), PidfileError> {
        let named = named(path).filter(|_| claim == Claim::Free);
        let Some(pid) = named.filter(|pid| *pid > 0) else {
            return Ok(());
        };
        // EPERM means that it runs as somebody else.
        match kill(Pid::from_raw(pid), None) {
            Ok(()) | Err(Errno::EPERM) => Err(PidfileError::Running {
                path: path.to_path_buf(),
                pid,
            }),
            Err(_) => Ok(()),
        }
    }

    /// Writes our process id to `path`, in place of what a process left there that is gone.
    ///
    /// # Errors
    /// When the process named there runs, or the file cannot be written.
    pub(super) fn create(path: &Path, claim: Claim) -> Result<Self, PidfileError> {
        Self::check(path, claim)?;
        let io = |error| PidfileError::Io {
            path: path.to_path_buf(),
            error,
        };
        if let Err(error) = fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(io(error));
        }
        // create_new does not follow a link that somebody put in the way.
        let mut file = fs::File::create_new(path).map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(Self {
            path: path.to_path_buf(),
        })
    }
}

impl Drop for Pidfile {
    fn drop(&mut self) {
        if named(&self.path).is_some_and(|pid| pid.cast_unsigned() == std::process::id()) {
            // Nobody is left to be told.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        let pidfile = Pidfile::create(&path, Claim::Free).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            format!("{}\n", std::process::id())
        );
        let error = Pidfile::create(&path, Claim::Free).unwrap_err();
        assert!(matches!(error, PidfileError::Running { .. }), "{error}");
        drop(pidfile);
        assert!(!path.exists());
    }

    #[test]
    fn a_successor_takes_the_file_and_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        // Process 1 always runs.
        fs::write(&path, "1\n").unwrap();
        assert!(Pidfile::create(&path, Claim::Free).is_err());
        let ours = Pidfile::create(&path, Claim::TakenOver).unwrap();
        assert_eq!(named(&path), i32::try_from(std::process::id()).ok());
        fs::write(&path, "1\n").unwrap();
        drop(ours);
        assert_eq!(named(&path), Some(1), "it is another's by now");
    }

    #[test]
    fn what_a_dead_process_left_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        // Process ids end at 2^22 on Linux.
        for left in ["", "x", "-1", "0", "2147483647\n"] {
            fs::write(&path, left).unwrap();
            assert!(Pidfile::create(&path, Claim::Free).is_ok(), "{left}");
        }
    }
}
