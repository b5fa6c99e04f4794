//! LISTS and MEM: how many there are of each.

use crate::config::CONSOLE;
use crate::console::table::{Table, cell, int, text};
use crate::shared::Shared;

/// Things of one kind.
struct Count {
    databases: usize,
    users: usize,
    pools: usize,
    clients: usize,
    servers_idle: usize,
    servers_busy: usize,
}

fn count(shared: &Shared) -> Count {
    let config = shared.config();
    let pools = shared.pools.all();
    let mut databases: Vec<_> = config
        .databases
        .iter()
        .map(|each| each.name.as_str())
        .collect();
    databases.extend(pools.iter().map(|pool| pool.id.database.as_str()));
    databases.push(CONSOLE);
    databases.sort_unstable();
    databases.dedup();
    let mut users: Vec<_> = config.users.keys().map(String::as_str).collect();
    users.extend(config.credentials.names());
    users.extend(pools.iter().map(|pool| pool.id.user.as_str()));
    users.push(CONSOLE);
    users.sort_unstable();
    users.dedup();
    let censuses: Vec<_> = pools.iter().map(|pool| pool.census()).collect();
    Count {
        databases: databases.len(),
        users: users.len(),
        pools: pools.len(),
        clients: shared.cancels.all().len(),
        servers_idle: censuses.iter().map(|census| census.servers_idle).sum(),
        servers_busy: censuses
            .iter()
            .map(|census| census.servers_active + census.servers_opening)
            .sum(),
    }
}

/// PgBouncer keeps what it has freed for the next; here nothing is kept, so there are none free.
pub(super) fn lists(shared: &Shared) -> Table {
    let mut table = Table::new([text("list"), int("items")]);
    let count = count(shared);
    let config = shared.config();
    let names = shared
        .pools
        .commons()
        .names
        .view(config.settings.name_ttl());
    let names = names.len();
    for (list, items) in [
        ("databases", count.databases),
        ("users", count.users),
        ("peers", shared.config().peers.len()),
        ("pools", count.pools),
        ("peer_pools", shared.config().peers.len()),
        ("free_clients", 0),
        ("used_clients", count.clients),
        (
            "login_clients",
            shared.clients().saturating_sub(count.clients),
        ),
        ("free_servers", count.servers_idle),
        ("used_servers", count.servers_busy),
        ("dns_names", names),
        ("dns_zones", 0),
        ("dns_queries", 0),
        ("dns_pending", 0),
    ] {
        table.row([cell(list), cell(items)]);
    }
    table
}

/// What each kind of thing takes, as far as its size is fixed; buffers come and go.
pub(super) fn mem(shared: &Shared) -> Table {
    let mut table = Table::new([
        text("name"),
        int("size"),
        int("used"),
        int("free"),
        int("memtotal"),
    ]);
    let count = count(shared);
    let servers = count.servers_idle + count.servers_busy;
    for (name, size, used) in [
        ("pool", size_of::<crate::pool::Pool>(), count.pools),
        ("server", size_of::<crate::server::Server>(), servers),
        (
            "client",
            size_of::<crate::client::session::Session>(),
            count.clients,
        ),
        (
            "client_entry",
            size_of::<crate::cancel::Holder>(),
            count.clients,
        ),
    ] {
        table.row([
            cell(name),
            cell(size),
            cell(used),
            cell(0),
            cell(size.saturating_mul(used)),
        ]);
    }
    table
}
