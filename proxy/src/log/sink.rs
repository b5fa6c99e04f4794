//! Where the lines of the log go.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{Console, open};

/// The log file cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("logfile {} cannot be opened for writing: {error}", .path.display())]
pub struct LogFileError {
    path: PathBuf,
    error: io::Error,
}

/// Standard error, a file, both or neither.
#[derive(Debug)]
pub struct Sink {
    console: Console,
    file: Option<(PathBuf, Mutex<File>)>,
}

impl Sink {
    /// Opens the file, to write at its end.
    ///
    /// # Errors
    /// When that fails.
    pub fn open(console: Console, path: Option<&Path>) -> Result<Self, LogFileError> {
        let file = path.map(|path| match open(path) {
            Ok(file) => Ok((path.to_path_buf(), Mutex::new(file))),
            Err(error) => Err(LogFileError {
                path: path.to_path_buf(),
                error,
            }),
        });
        Ok(Self {
            console,
            file: file.transpose()?,
        })
    }

    /// Opens the file again under its name: after it was rotated, what follows goes to a new one.
    ///
    /// # Errors
    /// When that fails; the log then goes on in the old file.
    pub fn reopen(&self) -> Result<(), LogFileError> {
        if let Some((path, file)) = &self.file {
            let new = open(path).map_err(|error| LogFileError {
                path: path.clone(),
                error,
            })?;
            *file.lock().unwrap_or_else(PoisonError::into_inner) = new;
        }
        Ok(())
    }

    fn line(&self, line: &[u8]) {
        // A log that cannot be written must not stop the pooler, and there is nowhere to say so.
        if self.console == Console::Stderr {
            let _ = io::stderr().lock().write_all(line);
        }
        if let Some((_, file)) = &self.file {
            let _ = file
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write_all(line);
        }
    }
}

/// Each event comes whole in one write.
impl Write for &Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
