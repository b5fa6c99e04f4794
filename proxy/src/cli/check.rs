//! `--check`: whether the pooler would start, without starting it.

use std::io::{self, Write as _};
use std::path::Path;

use nix::unistd::{AccessFlags, access};

use super::failure::Failure;
use super::pidfile::PidfileError;
use crate::config::Config;
use crate::log::LogFileError;

/// Says what of a sound configuration this pooler does otherwise than PgBouncer, and looks whether
/// the files that it writes can be had. Whether ports are free is not looked at, nor who is named in
/// the pidfile: the pooler that is to be replaced may run.
pub(super) fn check(config: &Config) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    for warning in &config.warnings {
        writeln!(out, "{warning}")?;
    }
    look_at_files(config)?;
    let path = config.path.display();
    match config.warnings.len() {
        0 => writeln!(out, "{path}: every setting is acted on")?,
        count => writeln!(out, "{path}: sound, with {count} of its lines to look at")?,
    }
    Ok(())
}

fn look_at_files(config: &Config) -> Result<(), Failure> {
    if let Some(path) = &config.settings.logfile {
        let outcome = can_write(path);
        outcome.map_err(|error| LogFileError::new(path.clone(), error))?;
    }
    if let Some(path) = &config.settings.pidfile {
        can_create_pidfile(path)?;
    }
    Ok(())
}

/// Whether a pidfile, which is always a new file, could be written at `path`.
///
/// # Errors
/// Why not.
pub(super) fn can_create_pidfile(path: &Path) -> Result<(), PidfileError> {
    can_create(path).map_err(|error| PidfileError::Io {
        path: path.to_path_buf(),
        error,
    })
}

fn can_write(path: &Path) -> io::Result<()> {
    if path.exists() {
        Ok(access(path, AccessFlags::W_OK)?)
    } else {
        can_create(path)
    }
}

fn can_create(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    Ok(access(folder, AccessFlags::W_OK | AccessFlags::X_OK)?)
}
