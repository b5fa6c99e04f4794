//! How long a server works for a client: two readings of the clock for each request.

use std::time::{Duration, Instant};

/// What was begun and has not ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stopwatch {
    request: Option<Instant>,
    transaction: Option<Instant>,
    answered: Option<Instant>,
}

/// What ended with an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lap {
    /// Time since the request was sent, or since the answer before it in a pipeline.
    pub request: Duration,
    /// Time since the transaction began, if it has ended.
    pub transaction: Option<Duration>,
}

impl Stopwatch {
    /// Something was sent to the server; `now` is asked for only if that began a request.
    pub fn sent(&mut self, now: impl FnOnce() -> Instant) {
        if self.request.is_none() {
            let now = now();
            self.request = Some(now);
            self.transaction.get_or_insert(now);
        }
    }

    /// Since when a request is not answered.
    #[must_use]
    pub const fn request_since(&self) -> Option<Instant> {
        self.request
    }

    /// Since when a transaction runs.
    #[must_use]
    pub const fn transaction_since(&self) -> Option<Instant> {
        self.transaction
    }

    /// When the last request was answered.
    #[must_use]
    pub const fn answered_at(&self) -> Option<Instant> {
        self.answered
    }

    /// A request was answered at `now`. `ended` says that its transaction is over, `owes` that
    /// more of the pipeline is to be answered.
    pub fn answered(&mut self, now: Instant, ended: bool, owes: bool) -> Lap {
        let since = |then: Option<Instant>| then.map(|then| now.saturating_duration_since(then));
        let request = since(self.request).unwrap_or_default();
        let transaction = if ended {
            since(self.transaction.take())
        } else {
            None
        };
        self.request = owes.then_some(now);
        self.answered = Some(now);
        if ended {
            self.transaction = self.request;
        }
        Lap {
            request,
            transaction,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lap(request: u64, transaction: Option<u64>) -> Lap {
        Lap {
            request: Duration::from_secs(request),
            transaction: transaction.map(Duration::from_secs),
        }
    }

    #[test]
    fn requests_and_transactions() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut watch = Stopwatch::default();
        // BEGIN, a pause, COMMIT.
        watch.sent(|| at(0));
        assert_eq!(watch.answered(at(1), false, false), lap(1, None));
        watch.sent(|| at(5));
        assert_eq!(watch.answered(at(7), true, false), lap(2, Some(7)));
        // Two in a pipeline.
        watch.sent(|| at(10));
        watch.sent(|| panic!("the clock is not read again"));
        assert_eq!(watch.answered(at(11), true, true), lap(1, Some(1)));
        assert_eq!(watch.answered(at(14), true, false), lap(3, Some(3)));
    }
}
