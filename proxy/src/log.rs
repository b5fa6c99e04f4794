//! The log: what operators of PgBouncer expect to read, on standard error and in `logfile`.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;

use crate::config::Settings;

mod line;
mod sink;

pub use sink::{LogFileError, Sink};

/// Where the log goes, beside the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Console {
    /// To standard error.
    Stderr,
    /// Nowhere: `-q`, or a daemon.
    Quiet,
}

/// Sends what the process logs from now on to `console` and to `logfile`.
///
/// `verbose` is the number of `-v` on the command line; the larger of it and the setting counts.
///
/// # Errors
/// When the log file cannot be opened.
pub fn start(
    settings: &Settings,
    console: Console,
    verbose: u8,
) -> Result<Arc<Sink>, LogFileError> {
    let sink = Arc::new(Sink::open(console, settings.logfile.as_deref())?);
    let level = level(settings.verbose.max(u32::from(verbose)));
    let lines = tracing_subscriber::fmt::layer()
        .event_format(line::PgBouncerLine)
        .with_writer(Arc::clone(&sink));
    let subscriber = tracing_subscriber::registry().with(level).with(lines);
    // Only a second call in one process fails, and then the first one's log goes on.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(sink)
}

fn level(verbose: u32) -> LevelFilter {
    match verbose {
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

/// An error and what caused it, on one line; a cause that the error quotes is not repeated.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

fn open(path: &Path) -> io::Result<std::fs::File> {
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
}

#[cfg(test)]
mod tests;
