//! POOLS, DATABASES and CIRCUITS.

use std::collections::HashMap;
use std::sync::Arc;

use crate::cancel::Holder;
use crate::config::value::Value as _;
use crate::config::{CONSOLE, Config, Database, PoolMode};
use crate::console::table::{Cell, Table, cell, int, maybe, text};
use crate::pool::{Pool, PoolId};
use crate::shared::Shared;

/// What the clients of one pool are about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClientCount {
    /// Between transactions, or with a server.
    pub(crate) active: usize,
    /// In the queue.
    pub(crate) waiting: usize,
    /// Cancel requests on their way.
    pub(crate) cancels: u32,
    /// Servers that such a request is on its way to.
    pub(crate) being_canceled: usize,
}

/// Counts the clients of every pool.
pub(crate) fn count_clients(clients: &[Arc<Holder>]) -> HashMap<PoolId, ClientCount> {
    let mut counts = HashMap::<PoolId, ClientCount>::new();
    for holder in clients {
        let doing = holder.doing();
        let count = counts.entry(holder.card.pool.id.clone()).or_default();
        count.waiting += usize::from(doing.waits);
        count.active += usize::from(!doing.waits);
        count.cancels += doing.cancels;
        count.being_canceled += usize::from(doing.cancels > 0 && doing.server.is_some());
    }
    counts
}

/// The pools in the order of their names.
fn sorted(shared: &Shared) -> Vec<Arc<Pool>> {
    let mut pools = shared.pools.all();
    pools.sort_by(|a, b| (&a.id.database, &a.id.user).cmp(&(&b.id.database, &b.id.user)));
    pools
}

pub(super) fn pools(shared: &Shared) -> Table {
    let numbers = [
        "cl_active",
        "cl_waiting",
        "cl_active_cancel_req",
        "cl_waiting_cancel_req",
        "sv_active",
        "sv_active_cancel",
        "sv_being_canceled",
        "sv_idle",
        "sv_used",
        "sv_tested",
        "sv_login",
        "maxwait",
        "maxwait_us",
    ];
    let names = [text("database"), text("user")].into_iter();
    let ends = [text("pool_mode"), text("load_balance_hosts")];
    let mut table = Table::new(names.chain(numbers.map(int)).chain(ends));
    let clients = count_clients(&shared.cancels.all());
    for pool in sorted(shared) {
        let count = clients.get(&pool.id).copied().unwrap_or_default();
        table.row(pool_row(shared, &pool, count));
    }
    table
}

fn pool_row(shared: &Shared, pool: &Pool, count: ClientCount) -> Vec<Cell> {
    let census = pool.census();
    let wait = pool.longest_wait();
    let config = shared.config();
    let target = config.databases.lookup(&pool.id.database);
    let several = target.filter(|target| target.connect.host.len() > 1);
    vec![
        cell(&pool.id.database),
        cell(&pool.id.user),
        cell(count.active),
        cell(count.waiting),
        cell(count.cancels),
        // A request is sent at once, on a connection of its own.
        cell(0),
        cell(census.servers_active.saturating_sub(count.being_canceled)),
        cell(count.cancels),
        cell(count.being_canceled),
        cell(census.servers_idle),
        // Idle servers are looked at before use, not set apart.
        cell(0),
        cell(0),
        cell(census.servers_opening),
        cell(wait.as_secs()),
        cell(wait.subsec_micros()),
        cell(pool.settings().mode.as_str()),
        maybe(several.map(|target| target.connect.load_balance_hosts.show())),
    ]
}

/// Servers and clients of one database, whoever the user.
#[derive(Clone, Copy, Default)]
struct Current {
    servers: usize,
    clients: usize,
}

pub(super) fn databases(shared: &Shared) -> Table {
    let texts = |names: [&'static str; 2]| names.map(text);
    let mut table = Table::new(
        [text("name"), text("host"), int("port")]
            .into_iter()
            .chain(texts(["database", "force_user"]))
            .chain(
                [
                    "pool_size",
                    "min_pool_size",
                    "reserve_pool_size",
                    "server_lifetime",
                ]
                .map(int),
            )
            .chain(texts(["pool_mode", "load_balance_hosts"]))
            .chain(["max_connections", "current_connections"].map(int))
            .chain(["max_client_connections", "current_client_connections"].map(int))
            .chain(["paused", "disabled"].map(int)),
    );
    let config = shared.config();
    let clients = count_clients(&shared.cancels.all());
    let mut current = HashMap::<String, Current>::new();
    for pool in shared.pools.all() {
        let census = pool.census();
        let entry = current.entry(pool.id.database.clone()).or_default();
        entry.servers += census.servers_active + census.servers_idle + census.servers_opening;
        let count = clients.get(&pool.id).copied().unwrap_or_default();
        entry.clients += count.active + count.waiting;
    }
    // Those of the file, and those made from `*` because somebody asked for them.
    let mut names: Vec<&str> = config
        .databases
        .iter()
        .map(|each| each.name.as_str())
        .collect();
    names.extend(current.keys().map(String::as_str));
    names.sort_unstable();
    names.dedup();
    for name in names {
        let now = current.get(name).copied().unwrap_or_default();
        if name == CONSOLE {
            table.row(console_row(&config, now));
        } else if let Some(target) = config.databases.lookup(name) {
            table.row(database_row(shared, name, target, now));
        }
    }
    table
}

fn database_row(shared: &Shared, name: &str, target: &Database, now: Current) -> Vec<Cell> {
    let config = shared.config();
    let (settings, connect) = (&config.settings, &target.connect);
    let gate = shared.pools.gates().of(name);
    let host = (!connect.host.is_empty()).then(|| connect.host.show());
    let several = connect.host.len() > 1;
    let lifetime = connect.server_lifetime.unwrap_or(settings.server_lifetime);
    let lifetime = lifetime.as_secs();
    let most = |own: Option<crate::config::Limit>, all: crate::config::Limit| {
        cell(own.unwrap_or(all).get().unwrap_or(0))
    };
    vec![
        cell(name),
        host,
        cell(connect.port),
        cell(target.server_name(name)),
        maybe(connect.user.as_ref()),
        cell(connect.pool_size.unwrap_or(settings.default_pool_size)),
        cell(connect.min_pool_size.unwrap_or(settings.min_pool_size)),
        cell(
            connect
                .reserve_pool_size
                .unwrap_or(settings.reserve_pool_size),
        ),
        cell(lifetime),
        maybe(connect.pool_mode.map(PoolMode::as_str)),
        several.then(|| connect.load_balance_hosts.show()),
        most(connect.max_db_connections, settings.max_db_connections),
        cell(now.servers),
        most(
            connect.max_db_client_connections,
            settings.max_db_client_connections,
        ),
        cell(now.clients),
        cell(u8::from(gate.paused)),
        cell(u8::from(gate.disabled)),
    ]
}

/// The console as PgBouncer shows it.
fn console_row(config: &Config, now: Current) -> Vec<Cell> {
    vec![
        cell(CONSOLE),
        None,
        cell(config.settings.listen_port),
        cell(CONSOLE),
        cell(CONSOLE),
        cell(2),
        cell(0),
        cell(0),
        cell(config.settings.server_lifetime.as_secs()),
        cell(PoolMode::Statement.as_str()),
        None,
        cell(0),
        cell(0),
        cell(0),
        cell(now.clients),
        cell(0),
        cell(0),
    ]
}

pub(super) fn circuits(shared: &Shared) -> Table {
    let mut table = Table::new([
        text("address"),
        text("state"),
        int("failures_in_row"),
        super::bigint("successes"),
        super::bigint("failures"),
        super::bigint("refused"),
        super::bigint("opened"),
        int("retry_in"),
        text("last_error"),
    ]);
    for view in shared
        .pools
        .commons()
        .circuits
        .view(std::time::Instant::now())
    {
        table.row([
            cell(&view.address),
            cell(view.state.as_str()),
            cell(view.failures_in_row),
            cell(view.successes),
            cell(view.failures),
            cell(view.refused),
            cell(view.opened),
            maybe(view.retry_in.map(|time| time.as_secs())),
            view.last_error,
        ]);
    }
    table
}
