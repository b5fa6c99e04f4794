//! When a fault begins, and when it is undone. Pure.

use std::time::Duration;

use poolproof_scenarios::fault::{Fault, Party};

/// Least time for which a link does anything: a connection hears of it a moment later.
const LINK_LEAST: Duration = Duration::from_millis(200);

/// A fault in one window.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub(super) fault: Fault,
    pub(super) state: State,
    /// What it did, in words, or why it could not be done.
    pub(super) outcome: Result<String, String>,
}

/// Where a fault is. Times count from the begin of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It has not come yet.
    Waiting,
    /// It has come and is to be undone.
    Going { since: Duration },
    /// It is over.
    Over { since: Duration, until: Duration },
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Begin,
    End,
}

impl Course {
    pub(super) fn new(fault: Fault) -> Self {
        Self {
            fault,
            state: State::Waiting,
            outcome: Err("it never came".to_owned()),
        }
    }

    /// What is due at `now`, when `succeeded` transactions have. `struck` says that a fault which waits
    /// for its moment has had it.
    pub(super) fn due(&self, now: Duration, succeeded: u64, struck: bool) -> Option<Step> {
        match self.state {
            State::Waiting => {
                let due = now >= self.fault.at && succeeded >= self.fault.after;
                due.then_some(Step::Begin)
            }
            State::Going { since } => {
                (now >= since + self.least() && self.had(struck)).then_some(Step::End)
            }
            State::Over { .. } => None,
        }
    }

    /// Whether a fault that waits for a message has met it; any other has had its moment.
    fn had(&self, struck: bool) -> bool {
        struck || self.fault.on.is_none() || !self.fault.lasts.is_zero()
    }

    /// How long it goes on at least.
    fn least(&self) -> Duration {
        match self.fault.kind.party() {
            Party::Link => self.fault.lasts.max(LINK_LEAST),
            Party::Postgres | Party::Pooler | Party::Clients => self.fault.lasts,
        }
    }
}

#[cfg(test)]
mod tests {
    use poolproof_scenarios::{Scenario, catalog};

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn course(fault: &str) -> Course {
        let ramp = catalog::entry("ramp").expect("in the catalog").text;
        let scenario = Scenario::parse(&format!("{ramp}\n[[fault]]\n{fault}"), "f");
        Course::new(scenario.expect("a scenario").faults[0])
    }

    #[test]
    fn a_fault_comes_after_its_time_and_its_count() {
        let course = course("kind = \"postgres-frozen\"\nat = \"1s\"\nafter = 10\nfor = \"300ms\"");
        for (now, succeeded, due) in [
            (999 * MS, 10, None),
            (1_000 * MS, 9, None),
            (1_000 * MS, 10, Some(Step::Begin)),
        ] {
            assert_eq!(
                course.due(now, succeeded, false),
                due,
                "{now:?} {succeeded}"
            );
        }
    }

    #[test]
    fn it_ends_after_its_time_or_with_its_message() {
        let going = |fault| Course {
            state: State::Going { since: 1_000 * MS },
            ..course(fault)
        };
        let frozen = going("kind = \"postgres-frozen\"\nfor = \"300ms\"");
        assert_eq!(frozen.due(1_299 * MS, 0, true), None);
        assert_eq!(frozen.due(1_300 * MS, 0, true), Some(Step::End));
        let reset = going("kind = \"link-reset\"\non = \"BindComplete\"");
        assert_eq!(
            reset.due(9_000 * MS, 0, false),
            None,
            "the message has not come"
        );
        assert_eq!(reset.due(9_000 * MS, 0, true), Some(Step::End));
        let killed = going("kind = \"backends-killed\"");
        assert_eq!(killed.due(1_000 * MS, 0, true), Some(Step::End));
    }
}
