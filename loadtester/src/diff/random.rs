//! Performs generated sessions against PostgreSQL and a target, and shrinks the ones that differ.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use poolproof_scenarios::{Session, session::Transport};

use super::{
    DiffError, Difference, Ending, Stage, Trace, compare,
    generate::{self, Weights, names, promise::Promise},
    shrink::shrink,
};
use crate::engine::Stop;

/// How often a shrunk session is performed to tell whether it differs each time.
pub const REPLAYS: u32 = 5;

/// How often a session is performed again before it counts as one that differed once.
const TRIES_MAX: u32 = 3;

/// How often a smaller session is performed at most before it counts as one that does not differ.
const SHRINK_TRIES_MAX: u32 = 12;

/// Which sessions are performed.
#[derive(Clone, Debug)]
pub struct Hunt {
    /// Seed of all of them.
    pub seed: u64,
    /// How many.
    pub sessions: u64,
    /// Transport and protocol of the sessions, where they are not the usual ones.
    pub way: (Option<Transport>, Option<(u16, u16)>),
    /// What the target promises.
    pub promise: Promise,
    /// How often they do what.
    pub weights: Weights,
    /// After so many confirmed findings the hunt ends.
    pub findings_max: usize,
}

/// PostgreSQL and a target on a database of their own.
pub struct Pair {
    /// PostgreSQL itself.
    pub oracle: Stage,
    /// What is judged.
    pub target: Stage,
    /// Performances so far; each gives the session names of its own.
    pub runs: u64,
}

/// A session that a target answers otherwise than PostgreSQL.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Its number; with seed and promise it gives the session again.
    pub number: u64,
    /// As it was generated.
    pub generated: Session,
    /// The smallest one that still differs.
    pub shrunk: Session,
    /// How many of [`REPLAYS`] runs of the shrunk one differ.
    pub differs: u32,
    /// The last run of the shrunk session that differed.
    pub shown: Shown,
}

impl Finding {
    /// Whether any replay differed. Of the others nobody can say more than that it was seen once; a
    /// machine that had no time for anybody is a common reason.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.differs > 0
    }

    /// Whether every replay differed.
    #[must_use]
    pub fn is_deterministic(&self) -> bool {
        self.differs == REPLAYS
    }
}

/// One run of a session on both sides.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What PostgreSQL answered.
    pub oracle: Trace,
    /// What the target answered.
    pub target: Trace,
    /// The first difference between them.
    pub difference: Difference,
}

/// What came of a hunt.
#[derive(Debug, Default)]
pub struct Bag {
    /// Sessions that were performed.
    pub sessions: u64,
    /// Those that differ, by number.
    pub findings: Vec<Finding>,
}

impl Bag {
    /// The findings that were seen again.
    pub fn confirmed(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.is_confirmed())
    }
}

/// What the threads of a hunt share.
struct Shared<'a> {
    hunt: &'a Hunt,
    stop: &'a Stop,
    tell: &'a (dyn Fn(&Finding) + Sync),
    next: AtomicU64,
    done: &'a AtomicU64,
    findings: Mutex<Vec<Finding>>,
}

/// Performs every session of the hunt with `jobs` threads, and blocks until it has ended or is stopped.
/// `open` gives each thread its pair, on the thread's own runtime; `tell` is told of each finding at once;
/// `done` counts along.
///
/// # Errors
///
/// When PostgreSQL cannot be asked, or cannot perform a session.
pub fn run(
    hunt: &Hunt,
    jobs: u32,
    open: impl AsyncFn(u32) -> Result<Pair, DiffError> + Sync,
    tell: &(dyn Fn(&Finding) + Sync),
    done: &AtomicU64,
    stop: &Stop,
) -> Result<Bag, DiffError> {
    let shared = Shared {
        hunt,
        stop,
        tell,
        next: AtomicU64::new(0),
        done,
        findings: Mutex::default(),
    };
    let work = |job| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(DiffError::Runtime)?;
        runtime.block_on(async { Box::pin(shared.work(open(job).await?)).await })
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs)
            .map(|job| scope.spawn(move || work(job)))
            .collect();
        threads.into_iter().try_for_each(|thread| {
            let panics = |panic| std::panic::resume_unwind(panic);
            thread.join().unwrap_or_else(panics)
        })
    })?;
    let sessions = done.load(Ordering::Relaxed);
    let findings = shared.findings.into_inner();
    let mut findings = findings.unwrap_or_else(PoisonError::into_inner);
    findings.sort_by_key(|finding| finding.number);
    Ok(Bag { sessions, findings })
}

impl Shared<'_> {
    /// Performs sessions until none is left. Not cancel safe, as [`Stage::perform`] is not.
    async fn work(&self, mut pair: Pair) -> Result<(), DiffError> {
        let Hunt {
            seed,
            sessions,
            way,
            promise,
            weights,
            findings_max,
        } = self.hunt;
        while !self.stop.is_stopped() && self.found() < *findings_max {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= *sessions {
                break;
            }
            let mut session = generate::session(*seed, number, *promise, weights);
            (session.header.transport, session.header.protocol) = *way;
            let finding = examine(&mut pair, *promise, number, session).await?;
            self.done.fetch_add(1, Ordering::Relaxed);
            if let Some(finding) = finding {
                (self.tell)(&finding);
                self.lock().push(finding);
            }
        }
        Ok(())
    }

    fn found(&self) -> usize {
        let findings = self.lock();
        let confirmed = findings.iter().filter(|finding| finding.is_confirmed());
        confirmed.count()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Finding>> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Performs a session on both sides; one that differs, and does so again, is shrunk and replayed.
async fn examine(
    pair: &mut Pair,
    promise: Promise,
    number: u64,
    generated: Session,
) -> Result<Option<Finding>, DiffError> {
    let Some(first) = pair.perform(&generated).await? else {
        return Ok(None);
    };
    // Shrinking takes a while, and of what was seen once it would show nothing.
    let (mut tries, mut shown) = (0, None);
    while shown.is_none() && tries < TRIES_MAX {
        tries += 1;
        shown = pair.perform(&generated).await?;
    }
    let mut shrunk = generated.clone();
    if shown.is_some() {
        let (again, _) = pair.replay(&generated, REPLAYS).await?;
        let tries = tries_of(again + 1, REPLAYS + tries);
        let still = async |candidate: &Session| {
            for _ in 0..tries {
                if pair.perform(candidate).await?.is_some() {
                    return Ok::<_, DiffError>(true);
                }
            }
            Ok(false)
        };
        shrunk = shrink(shrunk, promise, still).await?;
    }
    let (differs, last) = pair.replay(&shrunk, REPLAYS).await?;
    let shown = last.or(shown);
    Ok(Some(Finding {
        number,
        generated,
        shrunk,
        differs,
        shown: shown.unwrap_or(first),
    }))
}

/// How often a smaller session is performed before it counts as one that does not differ, where the whole
/// one did so `seen` of `performed` times: until a difference as frequent would have shown with a
/// probability of 95 %.
fn tries_of(seen: u32, performed: u32) -> u32 {
    let missed = 1.0 - f64::from(seen) / f64::from(performed);
    (1..SHRINK_TRIES_MAX)
        .find(|&tries| missed.powf(f64::from(tries)) <= 0.05)
        .unwrap_or(SHRINK_TRIES_MAX)
}

impl Pair {
    /// Performs a session again and again: how often it differs, and how at last.
    async fn replay(
        &mut self,
        session: &Session,
        times: u32,
    ) -> Result<(u32, Option<Shown>), DiffError> {
        let (mut differs, mut last) = (0, None);
        for _ in 0..times {
            if let Some(shown) = self.perform(session).await? {
                differs += 1;
                last = Some(shown);
            }
        }
        Ok((differs, last))
    }

    /// Performs a session on both sides; `None` when they answer alike, or when PostgreSQL itself does
    /// not come to the end, as it may with steps left out.
    ///
    /// # Errors
    ///
    /// When it cannot be performed. Not cancel safe, as [`Stage::perform`] is not.
    pub async fn perform(&mut self, session: &Session) -> Result<Option<Shown>, DiffError> {
        self.runs += 1;
        let session = &names::renamed(session, self.runs);
        let oracle = match self.oracle.perform(session).await {
            // A step that was left out may be what another one needs.
            Err(DiffError::Script { .. }) => return Ok(None),
            performed => performed?,
        };
        if oracle.ending != Ending::Complete {
            return Ok(None);
        }
        let target = self.target.perform(session).await?;
        Ok(
            compare(&oracle, &target, &session.header).map(|difference| Shown {
                oracle,
                target,
                difference,
            }),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0.5⁵ is 3 %, 0.5⁴ is 6 %; 0.2 and 0.2² likewise on both sides of 5 %.
    #[test]
    fn what_differs_now_and_then_is_asked_until_it_would_have_shown() {
        assert_eq!(tries_of(6, 6), 1);
        assert_eq!(tries_of(4, 5), 2);
        assert_eq!(tries_of(3, 6), 5);
        assert_eq!(tries_of(1, 8), SHRINK_TRIES_MAX);
    }
}
