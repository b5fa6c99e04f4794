//! The log: what operators of PgBouncer expect to read, on standard error, in `logfile` and in
//! syslog; as PgBouncer's lines or as JSON.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::reload;

use crate::config::Settings;

mod line;
mod sink;
mod syslog;

pub use sink::{LogFileError, Sink};

/// Where the log goes, beside the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Console {
    /// To standard error.
    Stderr,
    /// Nowhere: `-q`, or a daemon.
    Quiet,
}

/// Sends what the process logs from now on to `console`, to `logfile` and to syslog.
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
    let (filter, handle) = reload::Layer::new(level(settings, verbose));
    let change = move |settings: &Settings| {
        // It fails only when the subscriber is gone, and with it everything that is logged.
        let _ = handle.modify(|filter| *filter = level(settings, verbose));
    };
    let sink = Arc::new(Sink::open(console, settings)?.filtered_by(change));
    let subscriber = tracing_subscriber::registry()
        .with(filter)
        .with(Lines(Arc::clone(&sink)));
    // Only a second call in one process fails, and then the first one's log goes on.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(sink)
}

/// Writes each event as a line.
struct Lines(Arc<Sink>);

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.0.write(&line::Entry::of(event));
    }
}

fn level(settings: &Settings, verbose: u8) -> LevelFilter {
    match settings.verbose.max(u32::from(verbose)) {
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
