//! Waiting for a condition, for code that has a thread to itself.

use std::time::{Duration, Instant};

/// Pause between two looks.
const STEP: Duration = Duration::from_millis(10);

/// Asks `met` every few milliseconds until it says yes or `limit` is over, and says whether it did.
/// It is asked at least once.
pub(crate) fn until(limit: Duration, mut met: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if met() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "processes are started and stopped on a plain thread, with a look after each pause"
        )]
        std::thread::sleep(STEP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_asked_even_without_time() {
        assert!(until(Duration::ZERO, || true));
        assert!(!until(Duration::ZERO, || false));
    }

    #[test]
    fn a_later_yes_counts() {
        let mut looks = 0;
        assert!(until(Duration::from_secs(5), || {
            looks += 1;
            looks == 3
        }));
    }
}
