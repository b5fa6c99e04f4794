//! What PgBouncer's signals mean.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{Config, ConfigErrors};
use crate::log::Sink;
use crate::running::Running;
use crate::stop::Stop;

/// The signals that the pooler obeys, caught from the moment that this exists.
pub(super) struct Signals {
    reload: Signal,
    pause: Signal,
    resume: Signal,
    wait_for_servers: Signal,
    wait_for_clients: Signal,
    immediate: Signal,
}

/// What a signal asks for.
enum Order {
    Reload,
    Stop(Stop, &'static str),
    NotSupported(&'static str),
}

impl Signals {
    /// Catches the signals; needs a runtime with I/O around it.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            reload: signal(SignalKind::hangup())?,
            pause: signal(SignalKind::user_defined1())?,
            resume: signal(SignalKind::user_defined2())?,
            wait_for_servers: signal(SignalKind::interrupt())?,
            wait_for_clients: signal(SignalKind::terminate())?,
            immediate: signal(SignalKind::quit())?,
        })
    }

    /// Does what the signals say until the pooler has stopped.
    pub(super) async fn obey(
        mut self,
        running: Arc<Running>,
        path: &Path,
        sink: &Sink,
    ) -> io::Result<()> {
        let joined = Arc::clone(&running);
        let mut end = tokio::task::spawn_blocking(move || joined.join());
        loop {
            let order = tokio::select! {
                ended = &mut end => return ended.unwrap_or_else(|error| Err(error.into())),
                order = self.next() => order,
            };
            match order {
                Order::Reload => reload(&running, path, sink),
                Order::Stop(stop, name) => {
                    tracing::info!("got {name}, shutting down ({stop:?})");
                    running.shutdown(stop);
                }
                Order::NotSupported(words) => tracing::warn!("{words} is not supported yet"),
            }
        }
    }

    /// Cancel safe: a signal that was not taken yet stays to be taken.
    async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.reload.recv() => Order::Reload,
            _ = self.pause.recv() => Order::NotSupported("SIGUSR1 (PAUSE)"),
            _ = self.resume.recv() => Order::NotSupported("SIGUSR2 (RESUME)"),
            _ = self.wait_for_servers.recv() => Order::Stop(Stop::WaitForServers, "SIGINT"),
            _ = self.wait_for_clients.recv() => Order::Stop(Stop::WaitForClients, "SIGTERM"),
            _ = self.immediate.recv() => Order::Stop(Stop::Immediate, "SIGQUIT"),
        }
    }
}

/// Opens the log and reads the configuration again; one that is wrong leaves the old one at work.
fn reload(running: &Running, path: &Path, sink: &Sink) {
    tracing::info!("got SIGHUP, re-reading config");
    if let Err(error) = sink.reopen() {
        tracing::error!("{error}");
    }
    match Config::load(path) {
        Ok(config) => {
            warn_of(&config);
            running.reload(config);
        }
        Err(errors) => refuse(&errors),
    }
}

/// Logs what the configuration says and the pooler will not act on.
pub(super) fn warn_of(config: &Config) {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
}

fn refuse(errors: &ConfigErrors) {
    for note in errors.notes() {
        tracing::error!("{note}");
    }
    tracing::error!("the configuration is wrong: going on with the old one");
}
