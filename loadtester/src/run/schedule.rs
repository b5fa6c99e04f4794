//! Which window comes when: pure functions of the seed.

use std::time::Duration;

use poolproof_scenarios::{
    Scenario,
    load::{ClientStage, Connect, Load},
};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// Length of the load that warms a target up.
const WARM_UP: Duration = Duration::from_millis(500);

/// The order in which the targets of one block have their windows. It is shuffled anew for each
/// block, so that a machine whose speed drifts favours nobody.
#[must_use]
pub fn order(seed: u64, scenario: usize, block: u32, targets: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..targets).collect();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // Streams of one seed are independent of each other.
    random.set_stream(((scenario as u64) << 32) | u64::from(block));
    order.shuffle(&mut random);
    order
}

/// The scenario's own transactions, asked for half a second by as many clients as its pool has
/// servers, or fewer where it has fewer clients.
#[must_use]
pub fn warm_up(scenario: &Scenario) -> Scenario {
    let clients = scenario
        .load
        .clients_max()
        .min(scenario.pool.default_pool_size);
    Scenario {
        load: Load::Closed {
            stages: vec![ClientStage {
                clients: clients.max(1),
                lasts: WARM_UP,
            }],
            think_time: Duration::ZERO,
            connect: Connect::Once,
        },
        faults: Vec::new(),
        invariants: Vec::new(),
        ..scenario.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use poolproof_scenarios::catalog;

    use super::*;

    #[test]
    fn a_block_has_every_target_once() {
        for block in 0..50 {
            let mut order = order(7, 0, block, 3);
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2]);
        }
    }

    #[test]
    fn a_seed_repeats_its_orders_and_blocks_differ() {
        let orders = |seed| -> Vec<_> { (0..50).map(|block| order(seed, 1, block, 3)).collect() };
        assert_eq!(orders(7), orders(7));
        assert_ne!(orders(7), orders(8));
        let distinct: BTreeSet<_> = orders(7).into_iter().collect();
        assert_eq!(distinct.len(), 6, "every order of three comes up");
    }

    #[test]
    fn nobody_goes_first_too_often() {
        let firsts = (0..3_000).filter(|block| order(7, 0, *block, 3)[0] == 0);
        let count = firsts.count();
        // 1,000 expected; three standard deviations of a binomial are 77.
        assert!((923..=1_077).contains(&count), "{count}");
    }

    #[test]
    fn warming_up_fills_the_pool() {
        let stress = catalog::find("stress-1000").expect("in the catalog");
        let Load::Closed { stages, .. } = warm_up(&stress).load else {
            panic!("expected a closed load");
        };
        assert_eq!(stages[0].clients, 20, "50 at a time on a pool of 20");
    }
}
