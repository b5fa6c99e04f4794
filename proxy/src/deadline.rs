//! The moment by which something must be done, or never.

use std::future::Future;

use tokio::time::{Instant, timeout_at};

use crate::config::Timeout;

/// A moment by which something must be done. It is passed down through all steps of a login, so
/// that they share one allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

/// The deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time allowed is over")]
pub struct Elapsed;

impl Deadline {
    /// No end.
    pub const NEVER: Self = Self(None);

    /// The end of `timeout`, counted from now.
    #[must_use]
    pub fn after(timeout: Timeout) -> Self {
        // A moment too far for the clock to hold is as good as never.
        Self(
            timeout
                .get()
                .and_then(|time| Instant::now().checked_add(time)),
        )
    }

    /// Runs `work` until it ends or the deadline passes.
    ///
    /// # Errors
    /// [`Elapsed`] when the deadline came first; `work` is dropped where it was.
    pub async fn bound<F: Future>(self, work: F) -> Result<F::Output, Elapsed> {
        match self.0 {
            None => Ok(work.await),
            Some(moment) => timeout_at(moment, work).await.map_err(|_| Elapsed),
        }
    }
}
