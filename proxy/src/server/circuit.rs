//! Circuit breakers: an address that fails again and again is left alone for a while.
//!
//! [`Circuit`] is the state machine of one address, without a clock of its own; [`Circuits`] has
//! one for each address. A circuit opens only on a failed *attempt* to connect or log in. That
//! connections were lost counts towards it, but as one failure until the next attempt: when twenty
//! servers are gone at once because PostgreSQL was restarted, something happened once. So it is with
//! attempts that were under way at the same time: one that began before the last failure was counted
//! tells nothing new.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::connect::ServerAddress;

/// What opens a circuit, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Failures in a row after which it opens; 0 is never.
    pub failures: u32,
    /// How long nobody tries.
    pub timeout: Duration,
}

/// The state of a circuit, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Attempts are made.
    Closed,
    /// None is made.
    Open,
    /// One is being made, or the next one will be.
    HalfOpen,
}

impl State {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// One address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Circuit {
    Closed {
        /// In a row.
        failures: u32,
        /// Whether the last of them was a lost connection, beside which others count no more.
        lost: bool,
        /// When the last attempt of them failed.
        last: Option<Instant>,
    },
    Open {
        until: Instant,
    },
    /// A probe is under way; if nothing is heard of it by then, there may be another.
    Probing {
        until: Instant,
    },
}

/// Whether an attempt may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Yes.
    Granted,
    /// Not for this long.
    Refused(Duration),
}

impl Circuit {
    const NEW: Self = Self::Closed {
        failures: 0,
        lost: false,
        last: None,
    };

    /// Somebody wants to try.
    fn ask(&mut self, limits: Limits, now: Instant) -> Permit {
        match *self {
            Self::Closed { .. } => Permit::Granted,
            Self::Open { until } | Self::Probing { until } if now < until => {
                Permit::Refused(until - now)
            }
            Self::Open { .. } | Self::Probing { .. } => {
                *self = Self::Probing {
                    until: now + limits.timeout,
                };
                Permit::Granted
            }
        }
    }

    const fn succeeded(&mut self) {
        *self = Self::NEW;
    }

    /// An attempt that began at `began` failed. Says whether that opened the circuit.
    fn failed(&mut self, limits: Limits, began: Instant, now: Instant) -> bool {
        let opens = match self {
            Self::Closed {
                last: Some(last), ..
            } if began < *last => false,
            Self::Closed {
                failures,
                lost,
                last,
            } => {
                *failures = failures.saturating_add(1);
                *lost = false;
                *last = Some(now);
                limits.failures > 0 && *failures >= limits.failures
            }
            Self::Probing { .. } => true,
            // An attempt that began before it opened.
            Self::Open { .. } => false,
        };
        if opens {
            *self = Self::Open {
                until: now + limits.timeout,
            };
        }
        opens
    }

    /// A connection was lost.
    const fn lost(&mut self) {
        if let Self::Closed {
            failures,
            lost: lost @ false,
            ..
        } = self
        {
            *failures = failures.saturating_add(1);
            *lost = true;
        }
    }

    fn state(&self, now: Instant) -> State {
        match *self {
            Self::Closed { .. } => State::Closed,
            Self::Open { until } if now < until => State::Open,
            Self::Open { .. } | Self::Probing { .. } => State::HalfOpen,
        }
    }
}

/// A circuit and what was counted of it.
#[derive(Debug)]
struct Line {
    circuit: Circuit,
    successes: u64,
    failures: u64,
    refused: u64,
    opened: u64,
    last_error: Option<String>,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            circuit: Circuit::NEW,
            successes: 0,
            failures: 0,
            refused: 0,
            opened: 0,
            last_error: None,
        }
    }
}

/// What is shown of a circuit.
#[derive(Clone, Debug)]
pub struct View {
    /// Which address.
    pub address: ServerAddress,
    /// Its state.
    pub state: State,
    /// Failures since the last success, while it is closed.
    pub failures_in_row: u32,
    /// Logins that succeeded.
    pub successes: u64,
    /// Attempts that failed and connections that were lost.
    pub failures: u64,
    /// Attempts that were not made.
    pub refused: u64,
    /// How often it has opened.
    pub opened: u64,
    /// Time until the next attempt may be made.
    pub retry_in: Option<Duration>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// Addresses that are remembered. Names that resolve to ever new addresses must not fill the
/// memory: beyond this, closed circuits are forgotten.
const ADDRESSES_MAX: usize = 1024;

/// The circuits of all addresses. Asked when a server is opened, never while messages pass.
#[derive(Debug, Default)]
pub struct Circuits {
    lines: Mutex<HashMap<ServerAddress, Line>>,
}

impl Circuits {
    fn lines(&self) -> MutexGuard<'_, HashMap<ServerAddress, Line>> {
        // Counters may be off by one after a panic, states are single assignments.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, address: &ServerAddress, change: impl FnOnce(&mut Line) -> T) -> T {
        let mut lines = self.lines();
        if !lines.contains_key(address) && lines.len() >= ADDRESSES_MAX {
            lines.retain(|_, line| !matches!(line.circuit, Circuit::Closed { .. }));
        }
        change(lines.entry(address.clone()).or_default())
    }

    /// Whether somebody may try `address` now; whoever may reports how it went.
    #[must_use]
    pub fn ask(&self, address: &ServerAddress, limits: Limits) -> Permit {
        self.change(address, |line| {
            let permit = line.circuit.ask(limits, Instant::now());
            line.refused += u64::from(permit != Permit::Granted);
            permit
        })
    }

    /// A login succeeded.
    pub fn succeeded(&self, address: &ServerAddress) {
        let was = self.change(address, |line| {
            line.successes += 1;
            let was = line.circuit;
            line.circuit.succeeded();
            was
        });
        if !matches!(was, Circuit::Closed { .. }) {
            tracing::info!(server = %address, "circuit closed: the server is back");
        }
    }

    /// The address answers, though it lets nobody in who asks like this.
    pub fn answered(&self, address: &ServerAddress) {
        self.change(address, |line| line.circuit.succeeded());
    }

    /// An attempt that began at `began` failed. Says whether that opened the circuit.
    pub fn failed(
        &self,
        address: &ServerAddress,
        limits: Limits,
        began: Instant,
        reason: &str,
    ) -> bool {
        let opened = self.change(address, |line| {
            line.failures += 1;
            line.last_error = Some(reason.to_owned());
            let opened = line.circuit.failed(limits, began, Instant::now());
            line.opened += u64::from(opened);
            opened
        });
        if opened {
            let seconds = limits.timeout.as_secs();
            tracing::warn!(server = %address, "circuit open for {seconds}s: {reason}");
        }
        opened
    }

    /// A connection that had been logged in was lost.
    pub fn lost(&self, address: &ServerAddress) {
        self.change(address, |line| {
            line.failures += 1;
            line.circuit.lost();
        });
    }

    /// All circuits at `now`, in the order of their addresses.
    #[must_use]
    pub fn view(&self, now: Instant) -> Vec<View> {
        let lines = self.lines();
        let view = |(address, line): (&ServerAddress, &Line)| View {
            address: address.clone(),
            state: line.circuit.state(now),
            failures_in_row: match line.circuit {
                Circuit::Closed { failures, .. } => failures,
                Circuit::Open { .. } | Circuit::Probing { .. } => 0,
            },
            successes: line.successes,
            failures: line.failures,
            refused: line.refused,
            opened: line.opened,
            retry_in: match line.circuit {
                Circuit::Closed { .. } => None,
                Circuit::Open { until } | Circuit::Probing { until } => {
                    Some(until.saturating_duration_since(now))
                }
            },
            last_error: line.last_error.clone(),
        };
        let mut views: Vec<View> = lines.iter().map(view).collect();
        views.sort_by_cached_key(|view| view.address.to_string());
        views
    }
}

#[cfg(test)]
mod tests;
