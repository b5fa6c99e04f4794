//! Stages of clients as visits: when each client comes and goes on linear ramps.

use std::time::Duration;

use poolproof_scenarios::load::ClientStage;

use super::{Pause, Stay, Visit, VisitId};

/// A stretch of time between two numbers of clients.
struct Slope {
    begins: Duration,
    lasts: Duration,
    from: u32,
    to: u32,
}

impl Slope {
    /// When the line through the slope passes `level`, a number between its ends.
    fn passes(&self, level: u32) -> Duration {
        let done = f64::from(level.abs_diff(self.from)) / f64::from(self.from.abs_diff(self.to));
        self.begins + self.lasts.mul_f64(done)
    }
}

/// The visits of `stages`, in the order of their begin. Client `i`, counted from 0, is there while
/// the number of clients lies above `i`; each time that it comes is a visit.
pub(super) fn visits(stages: &[ClientStage], think_time: Duration) -> Vec<Visit> {
    let mut present: Vec<Duration> = Vec::new();
    let mut stints: Vec<(Duration, Duration)> = Vec::new();
    let mut begins = Duration::ZERO;
    let mut from = 0;
    for stage in stages {
        let slope = Slope {
            begins,
            lasts: stage.lasts,
            from,
            to: stage.clients,
        };
        present.extend((from..stage.clients).map(|client| slope.passes(client)));
        for client in (stage.clients..from).rev() {
            stints.extend(present.pop().map(|came| (came, slope.passes(client))));
        }
        begins += stage.lasts;
        from = stage.clients;
    }
    stints.extend(present.into_iter().map(|came| (came, begins)));
    stints.retain(|(came, leaves)| came < leaves);
    stints.sort_unstable();
    (0..)
        .zip(stints)
        .map(|(id, (starts, leaves))| Visit {
            id: VisitId(id),
            starts,
            stays: Stay::Until(leaves),
            pause: Pause::Think(think_time),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use poolproof_scenarios::load::ClientStage;

    use super::{Stay, visits};

    /// Stages as (clients, ms) and visits as (begin, end) in ms.
    fn check(stages: &[(u32, u64)], expected: &[(u128, u128)]) {
        let stages: Vec<_> = stages
            .iter()
            .map(|&(clients, millis)| ClientStage {
                clients,
                lasts: Duration::from_millis(millis),
            })
            .collect();
        let found: Vec<_> = visits(&stages, Duration::ZERO)
            .iter()
            .map(|visit| {
                let Stay::Until(end) = visit.stays else {
                    panic!("a closed load")
                };
                (visit.starts.as_millis(), end.as_millis())
            })
            .collect();
        assert_eq!(found, expected, "{stages:?}");
    }

    #[test]
    fn clients_come_and_go_on_lines() {
        check(
            &[(4, 1000)],
            &[(0, 1000), (250, 1000), (500, 1000), (750, 1000)],
        );
        check(&[(2, 0), (2, 500)], &[(0, 500), (0, 500)]);
        check(&[(2, 0), (0, 1000)], &[(0, 500), (0, 1000)]);
        check(
            &[(2, 100), (0, 100), (1, 100)],
            &[(0, 200), (50, 150), (200, 300)],
        );
        check(&[(0, 100), (1, 100)], &[(100, 200)]);
    }

    #[test]
    fn ids_are_the_order_of_coming() {
        let stages = [ClientStage {
            clients: 10_000,
            lasts: Duration::from_secs(1),
        }];
        let visits = visits(&stages, Duration::ZERO);
        assert_eq!(visits.len(), 10_000);
        assert!(visits.is_sorted_by_key(|visit| (visit.starts, visit.id)));
    }
}
