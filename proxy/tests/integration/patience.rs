//! Nothing waits for ever, and nothing sleeps for luck.

use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a test may take.
const TEST: Duration = Duration::from_secs(30);

/// How long a condition may take to come true.
const CONDITION: Duration = Duration::from_secs(10);

/// How often a condition is looked at.
const GLANCE: Duration = Duration::from_micros(200);

/// Runs a test, and fails after half a minute where it would hang.
pub(crate) fn bounded(test: impl FnOnce() + Send + 'static) {
    bounded_by(TEST, test);
}

/// Runs a test, and fails after `limit` where it would hang.
pub(crate) fn bounded_by(limit: Duration, test: impl FnOnce() + Send + 'static) {
    let (done, end) = channel::<()>();
    let worker = thread::spawn(move || {
        let _done = done; // dropped at the end, also that of a panic
        test();
    });
    if end.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
        panic!("expected an end within {limit:?}");
    }
    if let Err(panic) = worker.join() {
        resume_unwind(panic);
    }
}

/// Returns when `condition` holds; fails, naming `what`, when it doesn't in ten seconds.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < CONDITION,
            "waited {CONDITION:?} for {what}"
        );
        thread::park_timeout(GLANCE);
    }
}
