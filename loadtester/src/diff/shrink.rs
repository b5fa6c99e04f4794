//! Makes a session that shows a difference as small as it goes: fewest steps first, then simplest
//! payloads.
//!
//! Steps are taken away by delta debugging: Zeller and Hildebrandt, «Simplifying and Isolating
//! Failure-Inducing Input», 2002. A candidate that asks for more than the target promises is not
//! tried: its difference would be by design and not the one that is looked for. Nor is one in which a
//! cancel request races with its query.

mod simpler;

use poolproof_scenarios::Session;

use super::generate::promise::{self, Promise};

/// Most candidates that are tried.
const TRIES_MAX: u32 = 400;

/// Shrinks `session`, of which `differs` says true, to a smaller one of which it says so too.
///
/// # Errors
///
/// Those of `differs`. Cancel safe: nothing is kept.
pub async fn shrink<E>(
    session: Session,
    promise: Promise,
    differs: impl AsyncFnMut(&Session) -> Result<bool, E>,
) -> Result<Session, E> {
    let mut search = Search {
        smallest: session,
        promise,
        differs,
        tries_left: TRIES_MAX,
    };
    loop {
        let steps = search.smallest.steps.len();
        search.fewer_steps().await?;
        let simpler = search.simpler_payloads().await?;
        // A simpler step may make another one needless.
        if !simpler && search.smallest.steps.len() == steps {
            return Ok(search.smallest);
        }
        if search.tries_left == 0 {
            return Ok(search.smallest);
        }
    }
}

struct Search<F> {
    smallest: Session,
    promise: Promise,
    differs: F,
    tries_left: u32,
}

impl<F, E> Search<F>
where
    F: AsyncFnMut(&Session) -> Result<bool, E>,
{
    /// Takes `candidate` if it still differs.
    async fn take(&mut self, candidate: Session) -> Result<bool, E> {
        let is_fair =
            promise::keeps(&candidate, self.promise) && promise::is_determined(&candidate);
        if self.tries_left == 0 || !is_fair {
            return Ok(false);
        }
        self.tries_left -= 1;
        let takes = (self.differs)(&candidate).await?;
        if takes {
            self.smallest = candidate;
        }
        Ok(takes)
    }

    /// Leaves out steps, in pieces of half the session at first and single ones at last.
    async fn fewer_steps(&mut self) -> Result<(), E> {
        let mut piece = self.smallest.steps.len().div_ceil(2);
        while piece > 0 {
            // From the end: what comes late depends on what came early.
            let mut end = self.smallest.steps.len();
            while end > 0 {
                let start = end.saturating_sub(piece);
                let mut candidate = self.smallest.clone();
                candidate.steps.drain(start..end);
                if !candidate.steps.is_empty() {
                    self.take(candidate).await?;
                }
                end = start;
            }
            piece /= 2;
        }
        Ok(())
    }

    /// Makes what is left simpler; says whether anything could be.
    async fn simpler_payloads(&mut self) -> Result<bool, E> {
        let mut any = false;
        let mut next = 0;
        while let Some(candidate) = simpler::candidate(&self.smallest, next) {
            // One that is taken has its own simpler form in the same place.
            if self.take(candidate).await? {
                any = true;
            } else {
                next += 1;
            }
            if self.tries_left == 0 {
                break;
            }
        }
        Ok(any)
    }
}

#[cfg(test)]
mod tests;
