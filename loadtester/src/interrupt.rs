//! Ctrl-C and its kin: the first asks for an orderly end, the second ends us at once, and the kernel
//! then ends our children.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread,
};

use nix::sys::signal::{SigSet, Signal};

use crate::{engine::Stop, exit::Exit};

/// Signals that ask for an orderly end; the last comes when a terminal closes.
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// The watch over these signals.
#[derive(Clone, Debug)]
pub struct Interrupts {
    stop: Arc<Stop>,
    /// Number of the signal that came first; zero before one has.
    received: Arc<AtomicU8>,
}

impl Interrupts {
    /// Begins to watch. Call it on the main thread before any other is started, so that every
    /// thread leaves the signals to the watcher.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub fn watch() -> io::Result<Self> {
        let signals: SigSet = SIGNALS.into_iter().collect();
        signals.thread_block()?;
        let interrupts = Self {
            stop: Arc::default(),
            received: Arc::default(),
        };
        let watched = interrupts.clone();
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || watched.wait(signals))?;
        Ok(interrupts)
    }

    fn wait(&self, signals: SigSet) {
        if let Ok(signal) = signals.wait() {
            let number = u8::try_from(signal as i32).unwrap_or(u8::MAX);
            self.received.store(number, Ordering::Relaxed);
            self.stop.stop();
        }
        // From now on this thread takes the next one as the system means it: the process ends.
        if signals.thread_unblock().is_ok() {
            loop {
                thread::park();
            }
        }
    }

    /// The flag that windows and the environment look at.
    #[must_use]
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The exit code for the signal that came; for one that did not come, SIGINT's.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self.received.load(Ordering::Relaxed) {
            0 => Exit::Interrupted(Signal::SIGINT as u8),
            number => Exit::Interrupted(number),
        }
    }
}
