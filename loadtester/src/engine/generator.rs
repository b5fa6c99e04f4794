//! What every generator thread has, whichever driver it runs.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use nix::time::{ClockId, clock_gettime};
use poolproof_reports::record::ErrorClass;
use poolproof_scenarios::{
    Scenario,
    pgbench::{Fault, Identity, Machine, Program, Random},
};

use super::{
    Endpoint, Failure, Live, LiveFigures, Stop,
    limits::Limits,
    plan::{Key, Plan, Stay, Visit, VisitId},
    tally::Tally,
};

/// One thread's part of a window.
pub(super) struct Job<'a> {
    pub(super) plan: Plan,
    pub(super) scenario: &'a Scenario,
    pub(super) endpoint: &'a Endpoint,
    pub(super) address: SocketAddr,
    pub(super) limits: Limits,
    /// Begin of the window, the same for all threads.
    pub(super) began: Instant,
    pub(super) live: &'a Live,
    pub(super) stop: &'a Stop,
}

/// What a thread brings back.
#[derive(Debug, Default)]
pub(super) struct Yield {
    pub(super) tally: Tally,
    /// Processor time of the thread.
    pub(super) cpu: Duration,
    /// When its last visit had left, from the begin of the window.
    pub(super) lasted: Duration,
}

impl Job<'_> {
    /// The time since the window began.
    pub(super) fn since(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }

    /// Why the window is over at `now` for everyone who is still there; `None` while it is not.
    /// `heard` is when the target last sent anything.
    pub(super) fn over(&self, now: Instant, heard: Instant) -> Option<Over> {
        let since = self.since(now);
        if self.stop.is_stopped() {
            return Some(Over::Stopped);
        }
        match self.plan.ends {
            Some(end) => (since >= end + self.limits.drain).then_some(Over::Drained),
            // One tick more than the timeout, so that clients run into their own first.
            None if now.saturating_duration_since(heard) > self.limits.timeout + 2 * TICK => {
                Some(Over::Silent)
            }
            None => (since >= self.limits.longest).then_some(Over::TooLong),
        }
    }

    /// Takes the transactions of an open load that are due and were not begun, at most those that
    /// are due by `now`.
    pub(super) fn miss(&mut self, tally: &mut Tally, now: Instant, failure: Failure) {
        let since = self.since(now);
        let Some(arrivals) = &mut self.plan.arrivals else {
            return;
        };
        let missed = std::iter::from_fn(|| arrivals.take(since)).count();
        tally.missed(since, missed as u64, failure);
    }

    /// What is left of a visit that cannot go on after `begun` transactions, and why.
    pub(super) fn forgo(&self, tally: &mut Tally, visit: &Visit, begun: u32, failure: Failure) {
        if let Stay::Transactions(all) = visit.stays {
            let now = self.since(Instant::now());
            tally.forgo(now, u64::from(all.saturating_sub(begun)), failure);
        }
    }
}

/// How often a thread looks at deadlines and tells what it has counted.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// Why a window ended for clients that were not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// [`Stop`] was set.
    Stopped,
    /// The drain after the planned end is over.
    Drained,
    /// The target sent nothing for as long as a client waits.
    Silent,
    /// [`Limits::longest`] is over.
    TooLong,
}

impl Over {
    fn reason(self) -> &'static str {
        match self {
            Self::Stopped => "the run was stopped",
            Self::Drained => "the window ended and the time to finish was over",
            Self::Silent => "the target had sent nothing for as long as a client waits",
            Self::TooLong => "the window had lasted as long as one may",
        }
    }

    /// What becomes of a transaction in flight.
    pub(super) fn unfinished(self) -> Failure {
        Failure::new(
            ErrorClass::Unfinished,
            format!("still going on when {}", self.reason()),
        )
    }

    /// What becomes of a transaction that was scheduled and not begun.
    pub(super) fn dropped(self) -> Failure {
        Failure::new(
            ErrorClass::Dropped,
            format!("not yet sent when {}", self.reason()),
        )
    }
}

/// What becomes of the transactions planned for a connection that broke after others of its
/// transactions had been sent.
pub(super) fn dropped_with(cause: &Failure) -> Failure {
    Failure::new(
        ErrorClass::Dropped,
        format!("their connection had ended: {}", cause.message),
    )
}

/// What runs the scripts of a visit. Its random numbers are a stream of their own.
pub(super) fn machine_of(key: Key, visit: VisitId) -> Machine {
    const STREAM: u64 = 1 << 63;
    Machine::new(Random::new(key.number(visit, STREAM)))
}

/// What a script finds in the variables that pgbench sets.
pub(super) fn identity_of(key: Key, visit: VisitId) -> Identity {
    Identity {
        client: i64::from(visit.0),
        seed: key.salt().cast_signed(),
    }
}

/// What becomes of a transaction whose script cannot go on: it was begun, and it is nobody's fault but
/// the script's.
pub(super) fn script_fault(program: &Program, (fault, line): (Fault, usize)) -> Failure {
    Failure::new(
        ErrorClass::Dropped,
        format!("{}: {fault}", program.place(line)),
    )
}

/// Tells a [`Live`] of a thread's tally now and then.
#[derive(Debug, Default)]
pub(super) struct Teller {
    told: LiveFigures,
}

impl Teller {
    pub(super) fn tell(&mut self, live: &Live, figures: LiveFigures) {
        live.advance(self.told, figures);
        self.told = figures;
    }
}

/// Processor time that the calling thread has used so far.
pub(super) fn thread_cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}
