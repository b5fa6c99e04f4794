//! What must hold while a window runs and afterwards, whatever is done to the parties.
//!
//! Each invariant has a few clients of its own that work through the target beside the load, and is judged
//! by what PostgreSQL itself says: through the pooler that is judged, its faults could not be seen. What
//! clients meet on the way (a pooler that is gone, say) is no violation; a wrong answer is.

mod acknowledged;
mod bank;
mod hand;
mod no_leaks;
mod one_backend;
mod one_ready;
mod pool_limit;

use std::{
    io,
    thread::{self, JoinHandle},
};

use poolproof_reports::record::InvariantCheck;
use poolproof_scenarios::invariant::Invariant;
use tokio::{runtime, sync::watch, task::JoinSet};

use crate::engine::Endpoint;

/// Where the checkers work.
#[derive(Clone, Debug)]
pub struct Places {
    /// The target, as clients reach it.
    pub target: Endpoint,
    /// PostgreSQL itself, as superuser.
    pub direct: Endpoint,
    /// Server connections that the target may have; `None` where nothing limits them.
    pub servers_max: Option<u32>,
}

/// What a checker saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    looks: u64,
    violations: u64,
    first: Option<String>,
}

impl Seen {
    /// Counts a look at something that could be judged.
    fn look(&mut self, verdict: Result<(), String>) {
        self.looks += 1;
        if let Err(violation) = verdict {
            self.violations += 1;
            self.first.get_or_insert(violation);
        }
    }

    fn merge(&mut self, other: Self) {
        self.looks += other.looks;
        self.violations += other.violations;
        if self.first.is_none() {
            self.first = other.first;
        }
    }
}

/// Whether the window is over.
type Over = watch::Receiver<bool>;

/// Checkers at work.
#[derive(Debug)]
pub struct Checkers {
    over: watch::Sender<bool>,
    invariants: Vec<Invariant>,
    thread: JoinHandle<Vec<InvariantCheck>>,
}

impl Checkers {
    /// Makes what the checkers need and sends them to work; returns when they are ready.
    ///
    /// # Errors
    ///
    /// When PostgreSQL does not take their tables, or there is no thread.
    pub fn start(invariants: &[Invariant], places: &Places) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime
            .block_on(prepare(invariants, places))
            .map_err(io::Error::other)?;
        let (over, told) = watch::channel(false);
        let applies = |invariant: &Invariant| match invariant {
            // A target that nothing limits has no limit to keep.
            Invariant::PoolLimit => places.servers_max.is_some(),
            _ => true,
        };
        let invariants: Vec<Invariant> = invariants.iter().copied().filter(applies).collect();
        let (asked, places) = (invariants.clone(), places.clone());
        let thread = thread::Builder::new()
            .name("invariants".to_owned())
            .spawn(move || runtime.block_on(work(asked, places, told)))?;
        Ok(Self {
            over,
            invariants,
            thread,
        })
    }

    /// Ends the work, looks at what it left in PostgreSQL, and says what was seen.
    #[must_use]
    pub fn finish(self) -> Vec<InvariantCheck> {
        // A checker that is gone has ended by itself, which joining shows.
        let _ = self.over.send(true);
        let unseen = |_| self.invariants.iter().map(unseen).collect();
        self.thread.join().unwrap_or_else(unseen)
    }
}

/// The first violation among `checks`, as a sentence.
#[must_use]
pub fn violation(checks: &[InvariantCheck]) -> Option<String> {
    checks
        .iter()
        .find(|check| check.violations > 0)
        .map(|check| {
            let first = check.first.as_deref().unwrap_or_default();
            format!(
                "the invariant {} was violated {} times in {} looks, first: {first}",
                check.name, check.violations, check.looks
            )
        })
}

async fn prepare(invariants: &[Invariant], places: &Places) -> Result<(), String> {
    let user = &places.target.user;
    for invariant in invariants {
        let statements = match invariant {
            Invariant::Bank => bank::tables(user),
            Invariant::Acknowledged => acknowledged::tables(user),
            Invariant::OneBackend
            | Invariant::NoLeaks
            | Invariant::PoolLimit
            | Invariant::OneReady => continue,
        };
        let mut administrator = hand::Hand::new(&places.direct);
        for statement in statements {
            administrator.ask(&statement).await?;
        }
    }
    Ok(())
}

async fn work(invariants: Vec<Invariant>, places: Places, over: Over) -> Vec<InvariantCheck> {
    let mut checkers = JoinSet::new();
    for (index, invariant) in invariants.iter().copied().enumerate() {
        let (places, over) = (places.clone(), over.clone());
        checkers.spawn(async move {
            let seen = match invariant {
                Invariant::Bank => bank::check(&places, over).await,
                Invariant::Acknowledged => acknowledged::check(&places, over).await,
                Invariant::OneBackend => one_backend::check(&places, over).await,
                Invariant::NoLeaks => no_leaks::check(&places, over).await,
                Invariant::PoolLimit => pool_limit::check(&places, over).await,
                Invariant::OneReady => one_ready::check(&places, over).await,
            };
            (index, seen)
        });
    }
    gather(&invariants, checkers).await
}

/// What the checkers saw, in the order of `invariants`. One that panicked has been printed, and what it
/// should have looked at stays unseen, which is no verdict and no pass.
async fn gather(
    invariants: &[Invariant],
    mut checkers: JoinSet<(usize, Seen)>,
) -> Vec<InvariantCheck> {
    let mut checks: Vec<InvariantCheck> = invariants.iter().map(unseen).collect();
    while let Some(checked) = checkers.join_next().await {
        let Ok((index, seen)) = checked else { continue };
        let Seen {
            looks,
            violations,
            first,
        } = seen;
        let name = checks[index].name.clone();
        checks[index] = InvariantCheck {
            name,
            looks,
            violations,
            first,
        };
    }
    checks
}

/// The check of an invariant at which nobody looked.
fn unseen(invariant: &Invariant) -> InvariantCheck {
    InvariantCheck {
        name: invariant.to_string(),
        ..InvariantCheck::default()
    }
}

#[cfg(test)]
mod tests;
