//! CONFIG, USERS and PEERS: what the files say.

use std::collections::BTreeMap;

use crate::config::section::{Change, Section as _};
use crate::config::value::Value as _;
use crate::config::{CONSOLE, PoolMode, Settings, UserSettings};
use crate::console::table::{Table, cell, int, maybe, text};
use crate::shared::Shared;

/// What PgBouncer calls a setting and we do not have under a name of its own.
pub(super) fn config(shared: &Shared) -> Table {
    let mut table = Table::new([
        text("key"),
        text("value"),
        text("default"),
        text("changeable"),
    ]);
    let (config, defaults) = (shared.config(), Settings::default());
    let mut keys: Vec<_> = Settings::KEYS.iter().collect();
    keys.sort_unstable_by_key(|key| key.name);
    for key in keys {
        let value = match key.name {
            // Unless it was set, the file that was read.
            "conffile" if config.settings.conffile.is_none() => config.path.display().to_string(),
            _ => (key.show)(&config.settings),
        };
        let changeable = match key.change {
            Change::Live => "yes",
            Change::Restart => "no",
        };
        table.row([
            cell(key.name),
            cell(value),
            cell((key.show)(&defaults)),
            cell(changeable),
        ]);
    }
    table
}

/// Servers and clients of one user, whatever the database.
#[derive(Clone, Copy, Default)]
struct Current {
    servers: usize,
    clients: usize,
}

pub(super) fn users(shared: &Shared) -> Table {
    let mut table = Table::new([
        text("name"),
        text("pool_size"),
        text("reserve_pool_size"),
        text("pool_mode"),
        int("max_user_connections"),
        int("current_connections"),
        int("max_user_client_connections"),
        int("current_client_connections"),
    ]);
    let config = shared.config();
    let mut users: BTreeMap<String, Current> = BTreeMap::new();
    for name in config.users.keys().map(String::as_str).chain([CONSOLE]) {
        users.entry(name.to_owned()).or_default();
    }
    for name in config.credentials.names() {
        users.entry(name.to_owned()).or_default();
    }
    for pool in shared.pools.all() {
        let census = pool.census();
        users.entry(pool.id.user.clone()).or_default().servers +=
            census.servers_active + census.servers_idle + census.servers_opening;
    }
    for holder in shared.cancels.all() {
        let user = holder.card.user().to_owned();
        users.entry(user).or_default().clients += 1;
    }
    let (defaults, settings) = (UserSettings::default(), &config.settings);
    for (name, now) in users {
        let own = config.users.get(&name).unwrap_or(&defaults);
        let servers = own
            .max_user_connections
            .unwrap_or(settings.max_user_connections);
        let clients = own
            .max_user_client_connections
            .unwrap_or(settings.max_user_client_connections);
        table.row([
            cell(&name),
            // Empty where the database or the whole pooler decides.
            cell(own.pool_size.show()),
            cell(own.reserve_pool_size.show()),
            maybe(own.pool_mode.map(PoolMode::as_str)),
            cell(servers.show()),
            cell(now.servers),
            cell(clients.show()),
            cell(now.clients),
        ]);
    }
    table
}

pub(super) fn peers(shared: &Shared) -> Table {
    let mut table = Table::new([int("peer_id"), text("host"), int("port"), int("pool_size")]);
    let config = shared.config();
    for (id, peer) in &config.peers {
        let size = peer.pool_size.unwrap_or(config.settings.default_pool_size);
        table.row([
            cell(id),
            cell(peer.host.show()),
            cell(peer.port),
            cell(size),
        ]);
    }
    table
}

/// Cancel requests to peers: each has a connection of its own, opened when there is a place.
pub(super) fn peer_pools(shared: &Shared) -> Table {
    let mut table = Table::new(
        [
            "peer_id",
            "cl_active_cancel_req",
            "cl_waiting_cancel_req",
            "sv_active_cancel",
            "sv_login",
        ]
        .map(int),
    );
    for id in shared.config().peers.keys() {
        let view = shared.cancels.peers.view(*id);
        table.row([
            cell(id),
            cell(view.active),
            cell(view.waiting),
            cell(view.active),
            cell(0),
        ]);
    }
    table
}
