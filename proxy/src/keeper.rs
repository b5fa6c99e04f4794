//! What is done now and then for the pooler as a whole: averages, the line of statistics in the
//! log, and forgetting databases that nobody uses.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use crate::pool::PoolId;
use crate::shared::Shared;

/// How often it looks whether something is due.
const PERIOD: Duration = Duration::from_secs(1);

/// Does it for as long as the pooler runs. Cancel safe.
pub async fn keep(shared: Arc<Shared>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looked = Instant::now();
    let mut unused = HashMap::new();
    loop {
        ticks.tick().await;
        let now = Instant::now();
        let config = shared.config();
        if now.duration_since(looked) >= config.settings.stats_period.max(PERIOD) {
            looked = now;
            shared.history().look(now, shared.totals());
            if config.settings.log_stats {
                log_stats(&shared);
            }
        }
        forget_unused(&shared, &mut unused, now);
    }
}

/// PgBouncer's line, which operators' scripts read.
fn log_stats(shared: &Shared) {
    let span = shared.history().last(None);
    let totals = span.totals;
    let each = |sum: u64, count: u64| sum.checked_div(count).unwrap_or(0);
    tracing::info!(
        "stats: {} xacts/s, {} queries/s, {} client parses/s, {} server parses/s, {} binds/s, \
         in {} B/s, out {} B/s, xact {} us, query {} us, wait {} us",
        span.per_second(totals.transactions),
        span.per_second(totals.queries),
        span.per_second(totals.client_parses),
        span.per_second(totals.server_parses),
        span.per_second(totals.binds),
        span.per_second(totals.received),
        span.per_second(totals.sent),
        each(totals.transaction_us, totals.transactions),
        each(totals.query_us, totals.queries),
        span.per_second(totals.wait_us),
    );
}

/// Forgets the pools of databases made from `*` that have had neither client nor server for
/// `autodb_idle_timeout`. `unused` remembers since when.
fn forget_unused(shared: &Shared, unused: &mut HashMap<PoolId, Instant>, now: Instant) {
    let config = shared.config();
    let Some(timeout) = config.settings.autodb_idle_timeout.get() else {
        unused.clear();
        return;
    };
    let since = std::mem::take(unused);
    for id in shared.pools.unused() {
        let target = config.databases.lookup(&id.database);
        if target.is_none_or(|target| target.name != "*") {
            continue;
        }
        let began = since.get(&id).copied().unwrap_or(now);
        if now.duration_since(began) >= timeout && shared.pools.remove_unused(&id) {
            tracing::info!("forgetting {id}: unused for autodb_idle_timeout");
        } else {
            unused.insert(id, began);
        }
    }
}
