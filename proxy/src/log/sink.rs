//! Where the lines of the log go, and in which form.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::line::Entry;
use super::syslog::{SOCKET, Syslog, datagram};
use super::{Console, open};
use crate::config::{Facility, LogFormat, Settings};

/// The log file cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("logfile {} cannot be opened for writing: {error}", .path.display())]
pub struct LogFileError {
    path: PathBuf,
    error: io::Error,
}

impl LogFileError {
    /// For the file at `path`.
    pub(crate) const fn new(path: PathBuf, error: io::Error) -> Self {
        Self { path, error }
    }
}

/// What the settings say of the lines.
#[derive(Clone, Debug)]
struct Form {
    format: LogFormat,
    job_name: String,
    /// Name and facility in syslog; `None` without.
    syslog: Option<(String, Facility)>,
}

impl Form {
    fn of(settings: &Settings) -> Self {
        let ident = settings.syslog_ident.clone();
        Self {
            format: settings.log_format,
            job_name: settings.job_name.clone(),
            syslog: settings.syslog.then_some((ident, settings.syslog_facility)),
        }
    }
}

/// Standard error, a file, syslog, some of them or none.
pub struct Sink {
    console: Console,
    file: Mutex<Option<(PathBuf, File)>>,
    form: ArcSwap<Form>,
    syslog: Syslog,
    /// Where the system's log listens.
    syslog_socket: PathBuf,
    /// Changes how much is logged.
    filter: Box<dyn Fn(&Settings) + Send + Sync>,
}

impl fmt::Debug for Sink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = formatter.debug_struct("Sink");
        words.field("console", &self.console);
        words.field("form", &self.form).finish_non_exhaustive()
    }
}

impl Sink {
    /// Opens the file, to write at its end.
    ///
    /// # Errors
    /// When that fails.
    pub fn open(console: Console, settings: &Settings) -> Result<Self, LogFileError> {
        Ok(Self {
            console,
            file: Mutex::new(open_file(settings.logfile.as_deref())?),
            form: ArcSwap::from_pointee(Form::of(settings)),
            syslog: Syslog::default(),
            syslog_socket: PathBuf::from(SOCKET),
            filter: Box::new(|_| {}),
        })
    }

    /// With `filter`, which new settings are told to.
    pub(super) fn filtered_by(
        mut self,
        filter: impl Fn(&Settings) + Send + Sync + 'static,
    ) -> Self {
        self.filter = Box::new(filter);
        self
    }

    /// With the system's log at `path`.
    #[cfg(test)]
    pub(super) fn with_syslog_at(mut self, path: &Path) -> Self {
        self.syslog_socket = path.to_path_buf();
        self
    }

    /// Logs as `settings` say from now on. A new file that cannot be opened leaves the old one.
    pub fn configure(&self, settings: &Settings) {
        (self.filter)(settings);
        self.form.store(Arc::new(Form::of(settings)));
        let named = {
            let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.as_ref().map(|(path, _)| path.clone())
        };
        if named != settings.logfile {
            match open_file(settings.logfile.as_deref()) {
                Ok(new) => *self.file.lock().unwrap_or_else(PoisonError::into_inner) = new,
                Err(error) => tracing::error!("{error}"),
            }
        }
    }

    /// Opens the file again under its name: after it was rotated, what follows goes to a new one.
    ///
    /// # Errors
    /// When that fails; the log then goes on in the old file.
    pub fn reopen(&self) -> Result<(), LogFileError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((path, _)) = &*file {
            let path = path.clone();
            *file = open_file(Some(&path))?;
        }
        Ok(())
    }

    /// Writes an entry to wherever the log goes.
    pub(super) fn write(&self, entry: &Entry) {
        let form = self.form.load();
        let now = jiff::Timestamp::now();
        let line = match form.format {
            LogFormat::Text => entry.text(now),
            LogFormat::Json => entry.json(now, &form.job_name),
        };
        self.line(line.as_bytes());
        if let Some((ident, facility)) = &form.syslog {
            let words = match form.format {
                LogFormat::Text => entry.words(),
                LogFormat::Json => line.trim_end().to_owned(),
            };
            let now = now.to_zoned(jiff::tz::TimeZone::system());
            let datagram = datagram(*facility, entry.severity(), &now, ident, &words);
            self.syslog.send(&self.syslog_socket, &datagram);
        }
    }

    pub(super) fn line(&self, line: &[u8]) {
        // A log that cannot be written must not stop the pooler, and there is nowhere to say so.
        if self.console == Console::Stderr {
            let _ = io::stderr().lock().write_all(line);
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, file)) = &mut *file {
            let _ = file.write_all(line);
        }
    }
}

fn open_file(path: Option<&Path>) -> Result<Option<(PathBuf, File)>, LogFileError> {
    let Some(path) = path else {
        return Ok(None);
    };
    let path = path.to_path_buf();
    match open(&path) {
        Ok(file) => Ok(Some((path, file))),
        Err(error) => Err(LogFileError { path, error }),
    }
}
