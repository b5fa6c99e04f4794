//! Many clients that stay without a word, and a few that go on asking.

use std::time::Duration;

use super::{Pause, Stay, Visit, VisitId};

/// Transactions of a client that stays without a word: one when it comes and one when all speak
/// again, which shows that its connection has lived through the silence.
const WORDS: u32 = 2;

/// The visits, in the order of their begin: probes first, then the silent ones over `arrive`.
pub(super) fn visits(
    clients: u32,
    arrive: Duration,
    probes: u32,
    think_time: Duration,
    lasts: Duration,
) -> Vec<Visit> {
    let probe = |id| Visit {
        id: VisitId(id),
        starts: Duration::ZERO,
        stays: Stay::Until(lasts),
        pause: Pause::Think(think_time),
    };
    let silent = |nth| Visit {
        id: VisitId(probes + nth),
        starts: arrive.mul_f64(f64::from(nth) / f64::from(clients)),
        stays: Stay::Transactions(WORDS),
        pause: Pause::Until(lasts),
    };
    (0..probes)
        .map(probe)
        .chain((0..clients).map(silent))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Pause, Stay, visits};

    #[test]
    fn all_have_come_before_they_speak_again() {
        let (arrive, lasts) = (Duration::from_secs(2), Duration::from_secs(3));
        let visits = visits(1_000, arrive, 5, Duration::from_millis(20), lasts);
        assert_eq!(visits.len(), 1_005);
        assert!(visits.is_sorted_by_key(|visit| (visit.starts, visit.id)));
        let (probes, silent) = visits.split_at(5);
        assert!(probes.iter().all(|visit| visit.stays == Stay::Until(lasts)));
        assert!(silent.iter().all(|visit| visit.starts < arrive
            && visit.stays == Stay::Transactions(2)
            && visit.pause.ends(visit.starts) == lasts));
        assert_eq!(
            Pause::Until(arrive).ends(lasts),
            lasts,
            "it is over already"
        );
    }
}
