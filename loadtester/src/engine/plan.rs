//! What happens when: a pure function of scenario, seed, block and shard. No clock is read here.

use std::time::Duration;

use poolproof_scenarios::{
    Scenario,
    load::{Connect, Load},
};

mod arrivals;
mod hold;
mod mix;
mod nonce;
mod ramp;

pub(super) use self::{
    arrivals::Arrivals,
    mix::{Key, Mix},
    nonce::Nonce,
};

/// One part of a run that is spread over generators: part `index` of `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    /// From 0.
    pub(super) index: u32,
    /// At least 1.
    pub(super) of: u32,
}

/// The plan of one shard of one window. All times count from the begin of the window.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    /// In the order of their begin.
    pub(super) visits: Vec<Visit>,
    /// Visits at one moment; a further one waits, whatever its begin.
    pub(super) max_concurrent: usize,
    /// When the load ends by itself; `None` where it ends with its last visit.
    pub(super) ends: Option<Duration>,
    /// When a visit connects.
    pub(super) connect: Connect,
    /// Which transaction is run when.
    pub(super) mix: Mix,
    /// What its nonces hang on.
    pub(super) nonces: Key,
    /// In open loop, when transactions are to begin.
    pub(super) arrivals: Option<Arrivals>,
}

/// A client that comes, asks and leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visit {
    /// No other visit of the window has it, in no shard.
    pub(super) id: VisitId,
    /// When it comes.
    pub(super) starts: Duration,
    /// When it leaves.
    pub(super) stays: Stay,
    /// What it does between an answer and its next transaction.
    pub(super) pause: Pause,
}

/// What a client does between an answer and its next transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    /// It thinks for so long.
    Think(Duration),
    /// It says nothing until this moment.
    Until(Duration),
}

impl Pause {
    /// When a pause that begins at `now` ends.
    pub(super) fn ends(self, now: Duration) -> Duration {
        match self {
            Self::Think(time) => now + time,
            Self::Until(moment) => now.max(moment),
        }
    }
}

/// Identity of a visit within its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct VisitId(pub(super) u32);

/// How long a visit lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    /// It begins transactions until this moment, and comes back when it lost its connection.
    Until(Duration),
    /// It has this many transactions and one connection to run them on.
    Transactions(u32),
    /// It carries the arrivals of an open load until there are no more.
    Serves,
}

impl Visit {
    /// Whether it begins a further transaction after `begun` of them, at `now`. One that serves
    /// does so when a transaction arrives, which the arrivals say.
    pub(super) fn goes_on(&self, begun: u32, now: Duration) -> bool {
        match self.stays {
            Stay::Until(end) => now < end,
            Stay::Transactions(all) => begun < all,
            Stay::Serves => true,
        }
    }
}

impl Plan {
    /// Draws up the plan of `shard`.
    pub(super) fn new(scenario: &Scenario, seed: u64, block: u32, shard: Shard) -> Self {
        let key = Key::new(seed, &scenario.name, block);
        let mix = Mix::new(key, scenario.transactions.iter().map(|each| each.weight));
        let mut plan = Self::whole(&scenario.load, key, shard, &mix);
        plan.visits
            .retain(|visit| visit.id.0 % shard.of == shard.index);
        plan
    }

    /// The same plan with the nonces of `target`: whatever else is drawn is the same for all targets.
    pub(super) fn with_nonces_of(mut self, target: &str) -> Self {
        self.nonces = self.mix.key().named(target);
        self
    }

    /// What `load` asks of all shards together, but for what is a shard's own from the start.
    fn whole(load: &Load, key: Key, shard: Shard, mix: &Mix) -> Self {
        let whole = |visits: Vec<Visit>, ends| Self {
            max_concurrent: visits.len(),
            visits,
            ends,
            connect: Connect::Once,
            mix: mix.clone(),
            nonces: key,
            arrivals: None,
        };
        match load {
            Load::Closed {
                stages,
                think_time,
                connect,
            } => Self {
                connect: *connect,
                ..whole(
                    ramp::visits(stages, *think_time),
                    Some(stages.iter().map(|stage| stage.lasts).sum()),
                )
            },
            Load::Connections {
                total,
                max_concurrent,
                transactions,
                think_time,
            } => Self {
                max_concurrent: share(*max_concurrent, shard) as usize,
                ..whole(
                    at_once(*total, Stay::Transactions(*transactions), *think_time),
                    None,
                )
            },
            Load::Open {
                stages,
                arrivals,
                clients,
                connect,
            } => Self {
                connect: *connect,
                arrivals: Some(Arrivals::new(stages, *arrivals, key, shard)),
                ..whole(
                    at_once(*clients, Stay::Serves, Duration::ZERO),
                    Some(stages.iter().map(|stage| stage.lasts).sum()),
                )
            },
            // The steps of a knee are windows of their own; this is the first of them.
            Load::Knee {
                from,
                step,
                think_time,
                connect,
                ..
            } => Self {
                connect: *connect,
                ..whole(at_once(*from, Stay::Until(*step), *think_time), Some(*step))
            },
            Load::Hold {
                clients,
                arrive,
                probes,
                think_time,
                lasts,
            } => whole(
                hold::visits(*clients, *arrive, *probes, *think_time, *lasts),
                Some(*lasts),
            ),
        }
    }
}

/// So many visits that all come at the begin, and pause for so long after each answer.
fn at_once(count: u32, stays: Stay, think_time: Duration) -> Vec<Visit> {
    (0..count)
        .map(|id| Visit {
            id: VisitId(id),
            starts: Duration::ZERO,
            stays,
            pause: Pause::Think(think_time),
        })
        .collect()
}

/// The part of `whole` that falls to a shard; the parts add up, and none is 0 unless it must be.
fn share(whole: u32, shard: Shard) -> u32 {
    whole / shard.of + u32::from(shard.index < whole % shard.of)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Plan, Shard, Stay, share};

    fn plan(name: &str, seed: u64, shard: Shard) -> Plan {
        let scenario = poolproof_scenarios::catalog::find(name).unwrap();
        Plan::new(&scenario, seed, 0, shard)
    }

    const WHOLE: Shard = Shard { index: 0, of: 1 };

    #[test]
    fn the_same_question_has_the_same_plan() {
        assert_eq!(plan("ramp", 7, WHOLE), plan("ramp", 7, WHOLE));
        assert_ne!(plan("ramp", 7, WHOLE).mix, plan("ramp", 8, WHOLE).mix);
    }

    #[test]
    fn targets_have_nonces_of_their_own_and_all_else_alike() {
        let plan = |target| plan("ramp", 7, WHOLE).with_nonces_of(target);
        let (one, other) = (plan("proxy"), plan("pgbouncer"));
        assert_eq!(one, plan("proxy"));
        assert_ne!(one.nonces, other.nonces);
        let nonces = one.nonces;
        assert_eq!(one, Plan { nonces, ..other });
    }

    #[test]
    fn shards_add_up_to_the_whole() {
        for name in ["ramp", "stress-1000"] {
            let whole = plan(name, 1, WHOLE);
            let parts: Vec<_> = (0..3)
                .map(|index| plan(name, 1, Shard { index, of: 3 }))
                .collect();
            let ids = |plan: &Plan| plan.visits.iter().map(|v| v.id).collect::<BTreeSet<_>>();
            let together: BTreeSet<_> = parts.iter().flat_map(ids).collect();
            assert_eq!(together, ids(&whole), "{name}");
            assert_eq!(
                parts.iter().map(|part| part.visits.len()).sum::<usize>(),
                whole.visits.len(),
                "{name}: no visit is in two shards"
            );
        }
    }

    #[test]
    fn the_stress_test_is_a_thousand_connections_of_ten_transactions() {
        let plan = plan("stress-1000", 1, WHOLE);
        assert_eq!((plan.visits.len(), plan.max_concurrent), (1_000, 50));
        assert!(
            plan.visits
                .iter()
                .all(|visit| visit.stays == Stay::Transactions(10))
        );
        assert_eq!(plan.ends, None);
    }

    #[test]
    fn shares_add_up() {
        let shares: Vec<_> = (0..4)
            .map(|index| share(50, Shard { index, of: 4 }))
            .collect();
        assert_eq!(shares, [13, 13, 12, 12]);
    }
}
