//! The engine's own bounds on time. Nothing waits longer than these say.

use std::time::Duration;

/// Bounds of a window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// A client's patience with one connect and login, and with one transaction. Where nothing at
    /// all comes from the target for so long, a window without an end of its own is given up.
    pub(super) timeout: Duration,
    /// What transactions in flight at the planned end get to finish.
    pub(super) drain: Duration,
    /// Pause before a client that lost its connection comes back, so that a target that is gone
    /// costs ten attempts a second for each client, not ten thousand.
    pub(super) comeback: Duration,
    /// Longest window of a load without an end of its own.
    pub(super) longest: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            drain: Duration::from_secs(5),
            comeback: Duration::from_millis(100),
            longest: Duration::from_secs(600),
        }
    }
}
