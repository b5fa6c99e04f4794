//! What SHOW answers: PgBouncer's tables, column by column, and our own.

mod connections;
mod lists;
mod pools;
mod settings;
mod stats;

use std::net::SocketAddr;

use super::command::Show;
use super::table::{Column, Table, cell, int, text};
use crate::pool::gates::Whole;
use crate::protocol::message::backend::ColumnType;
use crate::shared::Shared;

/// The table that answers `what`; that of [`Show::Help`] is empty, as help is a notice.
#[must_use]
pub fn table(what: Show, shared: &Shared) -> Table {
    match what {
        Show::Help => Table::new([]),
        Show::Config => settings::config(shared),
        Show::Databases => pools::databases(shared),
        Show::Pools => pools::pools(shared),
        Show::Clients => connections::clients(shared),
        Show::Servers => connections::servers(shared),
        Show::Sockets => connections::sockets(shared, connections::Which::All),
        Show::ActiveSockets => connections::sockets(shared, connections::Which::Active),
        Show::Fds => connections::fds(shared),
        Show::Users => settings::users(shared),
        Show::Peers => settings::peers(shared),
        Show::PeerPools => settings::peer_pools(shared),
        Show::Lists => lists::lists(shared),
        Show::Mem => lists::mem(shared),
        Show::DnsHosts => dns_hosts(shared),
        Show::DnsZones => dns_zones(),
        Show::State => state(shared),
        Show::Version => version(),
        Show::Stats => stats::stats(shared),
        Show::StatsTotals => stats::totals(shared),
        Show::StatsAverages => stats::averages(shared),
        Show::Totals => stats::sums(shared),
        Show::Circuits => pools::circuits(shared),
    }
}

/// What SHOW HELP tells, with PgBouncer's lines first.
#[must_use]
pub fn help() -> String {
    [
        "",
        "SHOW HELP|CONFIG|DATABASES|POOLS|CLIENTS|SERVERS|USERS|VERSION",
        "SHOW PEERS|PEER_POOLS",
        "SHOW FDS|SOCKETS|ACTIVE_SOCKETS|LISTS|MEM|STATE",
        "SHOW DNS_HOSTS|DNS_ZONES",
        "SHOW STATS|STATS_TOTALS|STATS_AVERAGES|TOTALS",
        "SHOW CIRCUITS",
        "SET key = arg",
        "RELOAD",
        "PAUSE [<db>]",
        "RESUME [<db>]",
        "DISABLE <db>",
        "ENABLE <db>",
        "RECONNECT [<db>]",
        "KILL <db>",
        "KILL_CLIENT <client_id>",
        "SUSPEND",
        "SHUTDOWN",
        "SHUTDOWN WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS",
        "WAIT_CLOSE [<db>]",
        "HANDOVER",
    ]
    .join("\n\t")
}

/// A column of 64-bit numbers.
const fn bigint(name: &'static str) -> Column {
    (std::borrow::Cow::Borrowed(name), ColumnType::Int8)
}

fn dns_hosts(shared: &Shared) -> Table {
    let mut table = Table::new([text("hostname"), bigint("ttl"), text("addrs")]);
    let ttl = shared.config().settings.name_ttl();
    for (name, view) in shared.pools.commons().names.view(ttl) {
        // With a port that says nothing, as PgBouncer prints them.
        let addresses = view.addresses.iter().map(|ip| SocketAddr::new(*ip, 0));
        let addresses: Vec<_> = addresses.map(|address| address.to_string()).collect();
        table.row([
            cell(name),
            cell(view.left.as_secs()),
            cell(addresses.join(",")),
        ]);
    }
    table
}

fn dns_zones() -> Table {
    Table::new([text("zonename"), bigint("serial"), int("count")])
}

fn state(shared: &Shared) -> Table {
    let whole = shared.pools.gates().whole;
    let mut table = Table::new([text("key"), text("value")]);
    for (key, state) in [
        ("active", Whole::Active),
        ("paused", Whole::Paused),
        ("suspended", Whole::Suspended),
    ] {
        table.row([cell(key), cell(if whole == state { "yes" } else { "no" })]);
    }
    table
}

/// The words before the number are what exporters look for.
fn version() -> Table {
    let mut table = Table::new([text("version")]);
    let compatible = super::COMPATIBLE_WITH;
    let own = env!("CARGO_PKG_VERSION");
    table.row([cell(format_args!(
        "PgBouncer {compatible} (Poolproof {own})"
    ))]);
    table
}
