//! What PgBouncer's signals mean.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::systemd::{Standing, tell};
use crate::config::Config;
use crate::console::orders::Refused;
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
    Pause,
    Resume,
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
    pub(super) async fn obey(mut self, running: Arc<Running>, sink: &Sink) -> io::Result<()> {
        let joined = Arc::clone(&running);
        let mut end = tokio::task::spawn_blocking(move || joined.join());
        loop {
            let order = tokio::select! {
                ended = &mut end => return ended.unwrap_or_else(|error| Err(error.into())),
                order = self.next() => order,
            };
            match order {
                Order::Reload => reload(&running, sink),
                Order::Pause => report("SIGUSR1", "PAUSE", running.pause()),
                Order::Resume => report("SIGUSR2", "RESUME", running.resume()),
                Order::Stop(stop, name) => {
                    tracing::info!("got {name}, {stop}");
                    tell(Standing::Stopping);
                    running.shutdown(stop);
                }
            }
        }
    }

    /// Cancel safe: a signal that was not taken yet stays to be taken.
    async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.reload.recv() => Order::Reload,
            _ = self.pause.recv() => Order::Pause,
            _ = self.resume.recv() => Order::Resume,
            _ = self.wait_for_servers.recv() => Order::Stop(Stop::WaitForServers, "SIGINT"),
            _ = self.wait_for_clients.recv() => Order::Stop(Stop::WaitForClients, "SIGTERM"),
            _ = self.immediate.recv() => Order::Stop(Stop::Immediate, "SIGQUIT"),
        }
    }
}

/// Opens the log and reads the configuration again; one that is wrong leaves the old one at work.
fn reload(running: &Running, sink: &Sink) {
    tracing::info!("got SIGHUP, re-reading config");
    tell(Standing::Reloading);
    if let Err(error) = sink.reopen() {
        tracing::error!("{error}");
    }
    // It says itself what is wrong.
    let _ = running.reload_file();
    tell(Standing::Ready);
}

fn report(signal: &str, order: &str, outcome: Result<(), Refused>) {
    match outcome {
        Ok(()) => tracing::info!("got {signal}, {order} everywhere"),
        Err(refused) => tracing::warn!("got {signal}, cannot {order}: {refused}"),
    }
}

/// Logs what the configuration says and the pooler will not act on.
pub(super) fn warn_of(config: &Config) {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
}
