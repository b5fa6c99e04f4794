//! What is done now and then for the pooler as a whole: averages, the line of statistics in the
//! log, forgetting databases that nobody uses and connections that look nobody up, looking up hosts again, and opening the pools that
//! have servers without clients.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::config::ServerHost;
use crate::pool::settings::PoolSettings;
use crate::pool::{Pool, PoolId};
use crate::server::names::{HostNames, Ttl};
use crate::shared::Shared;

/// How often it looks whether something is due.
const PERIOD: Duration = Duration::from_secs(1);

/// Does it for as long as the pooler runs. Cancel safe.
pub async fn keep(shared: Arc<Shared>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looked = Instant::now();
    let mut unused = HashMap::new();
    let mut looking_up: Option<JoinHandle<()>> = None;
    loop {
        ticks.tick().await;
        // A resolver that does not answer must not keep the rest waiting.
        if looking_up.as_ref().is_none_or(JoinHandle::is_finished) {
            looking_up = Some(tokio::spawn(look_up_hosts(Arc::clone(&shared))));
        }
        open_fixed_pools(&shared);
        hurry_outdated(&shared);
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
        shared.lookups.tidy(&config, now);
    }
}

/// Looks up again the hosts of all pools whose addresses are too old, and renews the pools whose
/// servers are elsewhere now.
async fn look_up_hosts(shared: Arc<Shared>) {
    let ttl = shared.config().settings.name_ttl();
    let names = &shared.pools.commons().names;
    for pool in shared.pools.all() {
        if pool.servers().is_empty() {
            continue;
        }
        let found = addresses(&pool, names, ttl).await;
        if !found.is_empty() && pool.leave_addresses_but(&found) {
            tracing::info!(pool = %pool.id, "addresses of its host have changed");
        }
    }
}

/// Where the hosts of `pool` are that have a name; none if one of them is unknown at the moment,
/// and with it who has left.
async fn addresses(pool: &Pool, names: &HostNames, ttl: Ttl) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for host in &pool.settings().hosts {
        let ServerHost::Tcp(name) = host else {
            continue;
        };
        match names.lookup(name, ttl).await {
            Ok(addresses) => found.extend(addresses),
            Err(error) => {
                tracing::warn!(host = %name, %error, "cannot resolve");
                return Vec::new();
            }
        }
    }
    found
}

/// Makes the pools of databases that name their user and keep servers: those have use for servers
/// before the first client comes.
fn open_fixed_pools(shared: &Shared) {
    let config = shared.config();
    for target in config.databases.iter().filter(|target| target.name != "*") {
        let connect = &target.connect;
        let least = connect.min_pool_size;
        let (Some(user), Some(1..)) =
            (&connect.user, least.or(Some(config.settings.min_pool_size)))
        else {
            continue;
        };
        let id = PoolId {
            database: target.name.clone(),
            user: user.clone(),
        };
        // By the configuration of that moment, and not at all if it has no such database any more.
        let _ = shared
            .pools
            .get_if(id, |id| PoolSettings::anew(&shared.config(), id));
    }
}

/// Has the sessions look at their servers that are to leave outdated ones at once
/// (`server_fast_close`).
fn hurry_outdated(shared: &Shared) {
    if !shared.config().settings.server_fast_close {
        return;
    }
    for holder in shared.cancels.all() {
        if holder.card.pool.has_outdated() {
            holder.nudge();
        }
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
