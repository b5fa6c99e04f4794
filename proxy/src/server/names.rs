//! Host names of servers: asked of the system's resolver, and kept for a while.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Names that are kept; beyond it those that are out of date are forgotten.
const KNOWN_MAX: usize = 10_000;

/// How long answers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ttl {
    /// `dns_max_ttl`: of addresses.
    pub found: Duration,
    /// `dns_nxdomain_ttl`: of the answer that there are none.
    pub missing: Duration,
}

/// The answers of the resolver.
#[derive(Debug, Default)]
pub struct HostNames(Mutex<HashMap<String, Known>>);

/// What became of a name.
#[derive(Clone, Debug)]
struct Known {
    answer: Result<Vec<IpAddr>, String>,
    at: Instant,
}

impl Known {
    fn left(&self, ttl: Ttl) -> Duration {
        let ttl = match &self.answer {
            Ok(_) => ttl.found,
            Err(_) => ttl.missing,
        };
        ttl.saturating_sub(self.at.elapsed())
    }

    fn repeat(self) -> io::Result<Vec<IpAddr>> {
        self.answer.map_err(io::Error::other)
    }
}

/// A name and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameView {
    /// How long it will still be used.
    pub left: Duration,
    /// Its addresses; none if it has none.
    pub addresses: Vec<IpAddr>,
}

impl HostNames {
    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        // Each change is a single call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The addresses of `host`, which may be one itself. Cancel safe.
    ///
    /// # Errors
    ///
    /// The resolver's reason, or the one that it gave a moment ago.
    pub async fn lookup(&self, host: &str, ttl: Ttl) -> io::Result<Vec<IpAddr>> {
        let resolve = async |host: &str| {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        };
        self.lookup_with(host, ttl, resolve).await
    }

    async fn lookup_with(
        &self,
        host: &str,
        ttl: Ttl,
        resolve: impl AsyncFnOnce(&str) -> io::Result<Vec<IpAddr>>,
    ) -> io::Result<Vec<IpAddr>> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let kept = self.known().get(host).cloned();
        if let Some(kept) = kept.filter(|kept| !kept.left(ttl).is_zero()) {
            return kept.repeat();
        }
        let answer = resolve(host).await;
        let known = Known {
            answer: match &answer {
                Ok(addresses) => Ok(addresses.clone()),
                Err(error) => Err(error.to_string()),
            },
            at: Instant::now(),
        };
        let mut all = self.known();
        if all.len() >= KNOWN_MAX {
            all.retain(|_, known| !known.left(ttl).is_zero());
        }
        all.insert(host.to_owned(), known);
        drop(all);
        answer
    }

    /// Everything that is known, by name.
    #[must_use]
    pub fn view(&self, ttl: Ttl) -> BTreeMap<String, NameView> {
        let view = |known: &Known| NameView {
            left: known.left(ttl),
            addresses: known.answer.clone().unwrap_or_default(),
        };
        let known = self.known();
        known
            .iter()
            .map(|(name, known)| (name.clone(), view(known)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const TTL: Ttl = Ttl {
        found: Duration::from_secs(15),
        missing: Duration::from_secs(5),
    };

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    /// A resolver whose answers change with each question; every third is that there is nothing.
    async fn ask(names: &HostNames, asked: &Cell<u8>, host: &str) -> Result<Vec<IpAddr>, String> {
        let resolve = async |_: &str| {
            asked.set(asked.get() + 1);
            if asked.get().is_multiple_of(3) {
                Err(io::Error::other("no such host"))
            } else {
                Ok(vec![address(asked.get())])
            }
        };
        let answer = names.lookup_with(host, TTL, resolve).await;
        answer.map_err(|error| error.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn answers_are_kept_for_as_long_as_they_may() {
        let (names, asked) = (HostNames::default(), Cell::new(0));
        let wait = |seconds| tokio::time::advance(Duration::from_secs(seconds));
        assert_eq!(ask(&names, &asked, "a").await, Ok(vec![address(1)]));
        wait(14).await;
        assert_eq!(ask(&names, &asked, "a").await, Ok(vec![address(1)]));
        assert_eq!(names.view(TTL)["a"].left, Duration::from_secs(1));
        wait(1).await;
        assert_eq!(ask(&names, &asked, "a").await, Ok(vec![address(2)]));
        wait(15).await;
        let missing = Err("no such host".to_owned());
        assert_eq!(ask(&names, &asked, "a").await, missing);
        wait(4).await;
        assert_eq!(ask(&names, &asked, "a").await, missing);
        assert!(names.view(TTL)["a"].addresses.is_empty());
        wait(1).await;
        assert_eq!(ask(&names, &asked, "a").await, Ok(vec![address(4)]));
        assert_eq!(asked.get(), 4);
    }

    #[tokio::test]
    async fn an_address_is_asked_of_nobody() {
        let (names, asked) = (HostNames::default(), Cell::new(0));
        let found = ask(&names, &asked, "10.0.0.9").await;
        assert_eq!(found, Ok(vec![address(9)]));
        assert_eq!(asked.get(), 0);
        assert!(names.view(TTL).is_empty());
    }
}
