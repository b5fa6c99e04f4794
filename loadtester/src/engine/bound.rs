//! Who was the limit of a window: the generator or what it measured.

use std::time::Duration;

/// Who was how busy over a window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Busy {
    /// Length of the window.
    pub(super) wall: Duration,
    /// Processors of the machine.
    pub(super) cores: u32,
    /// Threads of the generator.
    pub(super) threads: u32,
    /// Processor time of the generator's busiest thread.
    pub(super) generator_thread: Duration,
    /// Processor time of the target's busiest thread.
    pub(super) target_thread: Duration,
    /// Processor time of the target and of PostgreSQL together.
    pub(super) measured: Duration,
}

/// Share of the window above which a generator thread counts as the limit.
const GENERATOR_BUSY: f64 = 0.8;
/// Share above which what is measured is a limit itself.
const TARGET_BUSY: f64 = 0.9;

impl Busy {
    /// Whether the generator was the limit. In closed loop that is so when one of its threads used
    /// more than 80 % of the window, and nothing else explains the limit: no thread of the target
    /// used 90 %, and target and PostgreSQL together did not use 90 % of the processors that the
    /// generator left them. A single-threaded pooler at its end is a limit however busy we were.
    pub(super) fn generator_bound(&self) -> bool {
        let wall = self.wall.as_secs_f64();
        if wall <= 0.0 {
            return false;
        }
        let share = |time: Duration| time.as_secs_f64() / wall;
        let left = f64::from(self.cores.saturating_sub(self.threads).max(1));
        share(self.generator_thread) > GENERATOR_BUSY
            && share(self.target_thread) < TARGET_BUSY
            && share(self.measured) < TARGET_BUSY * left
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Busy;

    /// Shares of a window of one second: generator thread, target thread, target and PostgreSQL.
    fn check(cores: u32, shares: [u64; 3], expected: bool) {
        let [generator_thread, target_thread, measured] =
            shares.map(|percent| Duration::from_millis(percent * 10));
        let wall = Duration::from_secs(1);
        let busy = Busy {
            wall,
            cores,
            threads: 1,
            generator_thread,
            target_thread,
            measured,
        };
        assert_eq!(
            busy.generator_bound(),
            expected,
            "{cores} cores, {shares:?}"
        );
    }

    #[test]
    fn the_generator_is_the_limit_only_when_nothing_else_is() {
        check(4, [85, 50, 120], true);
        check(4, [80, 50, 120], false); // not above the bound
        check(4, [85, 95, 150], false); // the target's one thread is at its end
        check(4, [85, 50, 280], false); // the machine is
        check(1, [85, 10, 15], true);
        check(2, [60, 30, 60], false); // nobody is: think time, or waiting for locks
    }

    #[test]
    fn a_window_without_length_has_no_limit() {
        assert!(!Busy::default().generator_bound());
    }
}
