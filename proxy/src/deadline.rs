//! The moment by which something must be done, or never.

use std::time::Duration;

pub use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};

use crate::config::Timeout;

/// A moment by which something must be done. It is passed down through all steps of a login, so
/// that they share one allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

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

    /// Runs `work` until it ends or the deadline passes. It must be called within a runtime.
    ///
    /// # Errors
    /// [`Elapsed`] when the deadline came first; `work` is dropped where it was.
    pub fn bound<F: IntoFuture>(self, work: F) -> tokio::time::Timeout<F::IntoFuture> {
        // No async fn, which would hold `work` twice.
        match self.0 {
            None => timeout(Duration::MAX, work),
            Some(moment) => timeout_at(moment, work),
        }
    }
}
