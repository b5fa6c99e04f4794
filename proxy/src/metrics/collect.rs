//! The figures, gathered when somebody asks for them: counters of the cores are added up then.
//!
//! `docs/operating.md` lists every name; a test holds the page to this file.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::console::COMPATIBLE_WITH;
use crate::pool::{Census, Pool};
use crate::server::circuit::{State, View};
use crate::shared::Shared;
use crate::stats::latency::{BOUNDS_US, Distribution, Histogram};
use crate::stats::{CoreStats, Totals};

/// Everything that `/metrics` tells.
#[derive(Debug)]
pub(super) struct Figures(pub(super) Arc<Shared>);

/// A counter of a pool.
struct Count {
    name: &'static str,
    help: &'static str,
    of: fn(&Totals) -> u64,
}

const COUNTS: &[Count] = &[
    Count {
        name: "poolproof_transactions_total",
        help: "Transactions that ended.",
        of: |totals| totals.transactions,
    },
    Count {
        name: "poolproof_queries_total",
        help: "Requests that were answered.",
        of: |totals| totals.queries,
    },
    Count {
        name: "poolproof_query_errors_total",
        help: "Errors that servers answered with.",
        of: |totals| totals.errors,
    },
    Count {
        name: "poolproof_client_refusals_total",
        help: "Clients sent away while they waited for a server: query_wait_timeout, or no server to be had.",
        of: |totals| totals.refusals,
    },
    Count {
        name: "poolproof_received_bytes_total",
        help: "Bytes from clients.",
        of: |totals| totals.received,
    },
    Count {
        name: "poolproof_sent_bytes_total",
        help: "Bytes to clients.",
        of: |totals| totals.sent,
    },
    Count {
        name: "poolproof_server_assignments_total",
        help: "Servers handed to clients.",
        of: |totals| totals.assignments,
    },
    Count {
        name: "poolproof_server_resets_total",
        help: "Servers cleaned before another client got them.",
        of: |totals| totals.resets,
    },
    Count {
        name: "poolproof_client_parses_total",
        help: "Statements that clients prepared.",
        of: |totals| totals.client_parses,
    },
    Count {
        name: "poolproof_server_parses_total",
        help: "Statements that were prepared on servers.",
        of: |totals| totals.server_parses,
    },
    Count {
        name: "poolproof_binds_total",
        help: "Bind messages.",
        of: |totals| totals.binds,
    },
];

/// How long something takes in a pool.
struct Duration {
    name: &'static str,
    help: &'static str,
    of: fn(&CoreStats) -> &Histogram,
    sum_us: fn(&Totals) -> u64,
}

const DURATIONS: &[Duration] = &[
    Duration {
        name: "poolproof_transaction_duration_seconds",
        help: "How long transactions held their servers.",
        of: |stats| &stats.transaction_time,
        sum_us: |totals| totals.transaction_us,
    },
    Duration {
        name: "poolproof_query_duration_seconds",
        help: "How long servers took over requests.",
        of: |stats| &stats.query_time,
        sum_us: |totals| totals.query_us,
    },
    Duration {
        name: "poolproof_wait_duration_seconds",
        help: "How long clients waited that had to wait for a server.",
        of: |stats| &stats.wait_time,
        sum_us: |totals| totals.wait_us,
    },
];

/// How many of something a pool has in each state.
struct States {
    name: &'static str,
    help: &'static str,
    of: fn(&PoolNow) -> Vec<(&'static str, usize)>,
}

const STATES: &[States] = &[
    States {
        name: "poolproof_pool_clients",
        help: "Clients by what they do: idle, active (with a server) or waiting for one.",
        of: |now| {
            let busy = now.census.servers_active + now.census.clients_waiting;
            vec![
                ("idle", now.clients.saturating_sub(busy)),
                ("active", now.census.servers_active),
                ("waiting", now.census.clients_waiting),
            ]
        },
    },
    States {
        name: "poolproof_pool_servers",
        help: "Servers by what they do: idle, active (with a client) or being opened.",
        of: |now| {
            vec![
                ("idle", now.census.servers_idle),
                ("active", now.census.servers_active),
                ("opening", now.census.servers_opening),
            ]
        },
    },
];

/// A pool at the moment of a scrape.
struct PoolNow {
    pool: Arc<Pool>,
    census: Census,
    totals: Totals,
    clients: usize,
}

impl PoolNow {
    fn labels(&self) -> [(&'static str, &str); 2] {
        let id = &self.pool.id;
        [("database", &id.database), ("user", &id.user)]
    }

    fn labels_and<'a>(
        &'a self,
        name: &'static str,
        value: &'a str,
    ) -> [(&'static str, &'a str); 3] {
        let [database, user] = self.labels();
        [database, user, (name, value)]
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let shared = &self.0;
        let pools = pools(shared);
        whole(shared, &mut encoder)?;
        for count in COUNTS {
            let mut family = begin(&mut encoder, count.name, count.help, MetricType::Counter)?;
            for now in &pools {
                counter(&mut family, &now.labels(), (count.of)(&now.totals))?;
            }
        }
        for duration in DURATIONS {
            let mut family = begin(
                &mut encoder,
                duration.name,
                duration.help,
                MetricType::Histogram,
            )?;
            for now in &pools {
                let distribution = now.pool.stats.distribution(duration.of);
                let sum_us = (duration.sum_us)(&now.totals);
                histogram(&mut family, &now.labels(), distribution, sum_us)?;
            }
        }
        for states in STATES {
            let mut family = begin(&mut encoder, states.name, states.help, MetricType::Gauge)?;
            for now in &pools {
                for (state, number) in (states.of)(now) {
                    gauge(&mut family, &now.labels_and("state", state), number as f64)?;
                }
            }
        }
        sizes(&pools, &mut encoder)?;
        let circuits = shared.pools.commons().circuits.view(Instant::now());
        self::circuits(&circuits, &mut encoder)
    }
}

/// The pools but for the console's, in the order of their names.
fn pools(shared: &Shared) -> Vec<PoolNow> {
    let mut clients = std::collections::HashMap::new();
    for holder in shared.cancels.all() {
        *clients.entry(holder.card.pool.id.clone()).or_insert(0) += 1;
    }
    let pools = shared.pools.all().into_iter();
    let mut pools: Vec<_> = pools
        .filter(|pool| pool.id.database != crate::config::CONSOLE)
        .map(|pool| PoolNow {
            census: pool.census(),
            totals: pool.stats.totals(),
            clients: clients.get(&pool.id).copied().unwrap_or(0),
            pool,
        })
        .collect();
    pools.sort_unstable_by(|one, other| {
        let key = |now: &PoolNow| (now.pool.id.database.clone(), now.pool.id.user.clone());
        key(one).cmp(&key(other))
    });
    pools
}

/// What concerns the pooler as a whole.
fn whole(shared: &Shared, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let help = "Always 1; says which version runs and whose console it has.";
    let mut family = begin(encoder, "poolproof_info", help, MetricType::Gauge)?;
    let version = env!("CARGO_PKG_VERSION");
    let labels = [("version", version), ("pgbouncer", COMPATIBLE_WITH)];
    gauge(&mut family, &labels, 1.0)?;

    let help = "Connections of clients, those in their login included.";
    let mut family = begin(
        encoder,
        "poolproof_client_connections",
        help,
        MetricType::Gauge,
    )?;
    family.encode_gauge(&shared.clients())?;

    let help = "max_client_conn.";
    let name = "poolproof_client_connections_limit";
    let mut family = begin(encoder, name, help, MetricType::Gauge)?;
    let limit = shared.config().settings.max_client_conn;
    family.encode_gauge(&limit)?;

    let help = "Logins of clients, by how they ended; cancel requests are none.";
    let mut family = begin(encoder, "poolproof_logins_total", help, MetricType::Counter)?;
    let (successes, failures) = shared.logins.totals();
    for (outcome, number) in [("success", successes), ("failure", failures)] {
        counter(&mut family, &[("outcome", outcome)], number)?;
    }
    Ok(())
}

fn sizes(pools: &[PoolNow], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let help = "pool_size of the pool.";
    let mut family = begin(encoder, "poolproof_pool_size", help, MetricType::Gauge)?;
    for now in pools {
        gauge(&mut family, &now.labels(), now.pool.settings().size as f64)?;
    }
    let help = "How long the client has waited that waits longest.";
    let name = "poolproof_pool_longest_wait_seconds";
    let mut family = begin(encoder, name, help, MetricType::Gauge)?;
    for now in pools {
        let wait = now.pool.longest_wait().as_secs_f64();
        gauge(&mut family, &now.labels(), wait)?;
    }
    Ok(())
}

/// The circuit breakers.
fn circuits(circuits: &[View], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let help = "1 for the state in which the circuit of a server address is, 0 for the others.";
    let name = "poolproof_circuit_state";
    let mut family = begin(encoder, name, help, MetricType::Gauge)?;
    for view in circuits {
        let address = view.address.to_string();
        for state in [State::Closed, State::Open, State::HalfOpen] {
            let labels = [("address", address.as_str()), ("state", state.as_str())];
            gauge(
                &mut family,
                &labels,
                f64::from(u8::from(state == view.state)),
            )?;
        }
    }
    type Of = fn(&View) -> u64;
    let counts: [(&str, &str, Of); 4] = [
        (
            "poolproof_server_logins_total",
            "Logins to a server address that succeeded.",
            |view| view.successes,
        ),
        (
            "poolproof_server_failures_total",
            "Failures that count against a server address.",
            |view| view.failures,
        ),
        (
            "poolproof_circuit_refusals_total",
            "Attempts that an open circuit refused.",
            |view| view.refused,
        ),
        (
            "poolproof_circuit_opened_total",
            "How often a circuit opened.",
            |view| view.opened,
        ),
    ];
    for (name, help, of) in counts {
        let mut family = begin(encoder, name, help, MetricType::Counter)?;
        for view in circuits {
            let address = view.address.to_string();
            counter(&mut family, &[("address", address.as_str())], of(view))?;
        }
    }
    Ok(())
}

/// Begins a family. The encoder adds `_total` to the name of a counter itself.
fn begin<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    name: &'a str,
    help: &str,
    kind: MetricType,
) -> Result<MetricEncoder<'a>, fmt::Error> {
    let name = name.strip_suffix("_total").unwrap_or(name);
    encoder.encode_descriptor(name, help, None, kind)
}

fn counter(
    family: &mut MetricEncoder<'_>,
    labels: &impl EncodeLabelSet,
    value: u64,
) -> fmt::Result {
    family
        .encode_family(labels)?
        .encode_counter::<NoLabelSet, _, u64>(&value, None)
}

fn gauge(family: &mut MetricEncoder<'_>, labels: &impl EncodeLabelSet, value: f64) -> fmt::Result {
    family.encode_family(labels)?.encode_gauge(&value)
}

fn histogram(
    family: &mut MetricEncoder<'_>,
    labels: &impl EncodeLabelSet,
    distribution: Distribution,
    sum_us: u64,
) -> fmt::Result {
    let seconds = |us: u64| us as f64 / 1e6;
    let bounds = BOUNDS_US.iter().map(|us| seconds(*us));
    let bounds = bounds.chain([f64::INFINITY]);
    let buckets: Vec<_> = bounds.zip(distribution.buckets).collect();
    let count = distribution.buckets.iter().sum();
    family
        .encode_family(labels)?
        .encode_histogram::<NoLabelSet>(seconds(sum_us), count, &buckets, None)
}

#[cfg(test)]
mod tests {
    /// Every name in this file, but for the beginning that all share.
    fn names() -> Vec<&'static str> {
        let own = include_str!("collect.rs")
            .split("#[cfg(test)]")
            .next()
            .unwrap();
        let quoted = own.split('"').skip(1).step_by(2);
        quoted
            .filter(|text| text.starts_with("poolproof_"))
            .collect()
    }

    #[test]
    fn the_page_lists_every_metric() {
        let page = include_str!("../../../docs/operating.md");
        let missing: Vec<_> = names()
            .into_iter()
            .filter(|name| !page.contains(&format!("`{name}`")))
            .collect();
        assert!(missing.is_empty(), "not in docs/operating.md: {missing:?}");
        assert!(names().len() > 20);
    }
}
