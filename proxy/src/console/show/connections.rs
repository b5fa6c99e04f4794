//! CLIENTS, SERVERS, SOCKETS and FDS: one row for each connection.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use crate::cancel::{CancelTarget, Doing, Holder};
use crate::client::card::{Began, ClientAddress, ConnectionId};
use crate::client::replication::Replication;
use crate::clock::Second;
use crate::console::table::{Cell, Column, Table, cell, int, maybe, text};
use crate::listen::Purpose;
use crate::pool::Pool;
use crate::pool::roster::ServerCard;
use crate::protocol::message::backend::ColumnType;
use crate::server::connect::ServerAddress;
use crate::shared::Shared;

/// Which connections SOCKETS shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    All,
    /// Those that are in the middle of something.
    Active,
}

fn columns() -> Vec<Column> {
    vec![
        text("type"),
        text("user"),
        text("database"),
        text("replication"),
        text("state"),
        text("addr"),
        int("port"),
        text("local_addr"),
        int("local_port"),
        text("connect_time"),
        text("request_time"),
        int("wait"),
        int("wait_us"),
        int("close_needed"),
        text("ptr"),
        text("link"),
        int("remote_pid"),
        text("tls"),
        text("application_name"),
        int("prepared_statements"),
        int("id"),
    ]
}

/// Who is bound to whom: clients by the server that they hold.
struct Links {
    by_server: HashMap<*const CancelTarget, ConnectionId>,
    by_target: HashMap<*const CancelTarget, Arc<ServerCard>>,
}

/// Everything that is connected, at one moment as far as that can be had without stopping it.
struct Sight {
    clients: Vec<(Arc<Holder>, Doing)>,
    servers: Vec<(Arc<Pool>, Arc<ServerCard>)>,
    links: Links,
}

impl Sight {
    fn of(shared: &Shared) -> Self {
        let clients = shared.cancels.all().into_iter();
        let clients: Vec<_> = clients
            .map(|holder| {
                let doing = holder.doing();
                (holder, doing)
            })
            .collect();
        let mut servers: Vec<_> = shared
            .pools
            .all()
            .into_iter()
            .flat_map(|pool| {
                let cards = pool.servers();
                cards.into_iter().map(move |card| (Arc::clone(&pool), card))
            })
            .collect();
        servers.sort_unstable_by_key(|(_, card)| card.id);
        let holds = |(holder, doing): &(Arc<Holder>, Doing)| {
            let target = doing.server.as_ref()?;
            Some((Arc::as_ptr(target), holder.card.id))
        };
        let links = Links {
            by_server: clients.iter().filter_map(holds).collect(),
            by_target: servers
                .iter()
                .map(|(_, card)| (Arc::as_ptr(&card.target), Arc::clone(card)))
                .collect(),
        };
        Self {
            clients,
            servers,
            links,
        }
    }
}

/// A connection, in the parts that clients and servers fill differently.
struct Row<'a> {
    kind: &'static str,
    user: &'a str,
    pool: &'a Pool,
    replication: Replication,
    state: &'static str,
    address: (String, u16),
    local: (String, u16),
    began: Began,
    asked: SystemTime,
    wait: Duration,
    closes: bool,
    id: ConnectionId,
    link: Option<ConnectionId>,
    process: u32,
    tls: Option<&'a str>,
    application: &'a str,
    prepared: u32,
}

impl Row<'_> {
    fn cells(self) -> Vec<Cell> {
        vec![
            cell(self.kind),
            cell(self.user),
            cell(&self.pool.id.database),
            cell(self.replication.as_str()),
            cell(self.state),
            cell(self.address.0),
            cell(self.address.1),
            cell(self.local.0),
            cell(self.local.1),
            cell(moment(self.began.at)),
            cell(moment(self.asked)),
            cell(self.wait.as_secs()),
            cell(self.wait.subsec_micros()),
            cell(u8::from(self.closes)),
            cell(self.id),
            Some(self.link.map_or_else(String::new, |id| id.to_string())),
            cell(self.process),
            cell(self.tls.unwrap_or_default()),
            cell(self.application),
            cell(self.prepared),
            cell(self.id.0),
        ]
    }
}

/// A time of day as PgBouncer prints it, in UTC.
fn moment(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at)
        .map(|time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
        .unwrap_or_default()
}

/// The time of day of a moment on the coarse clock.
fn time_of_day(second: Second) -> SystemTime {
    let ago = Second::now().since(second);
    SystemTime::now()
        .checked_sub(ago)
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

fn parts(address: SocketAddr) -> (String, u16) {
    (address.ip().to_string(), address.port())
}

fn client_row<'a>(holder: &'a Holder, doing: &'a Doing, sight: &Sight, port: u16) -> Row<'a> {
    let card = &holder.card;
    let unix = || ("unix".to_owned(), port);
    let (address, local) = match card.address {
        ClientAddress::Tcp { remote, local } => (parts(remote), parts(local)),
        ClientAddress::Unix => (unix(), unix()),
    };
    let server = doing.server.as_ref();
    let link = server.and_then(|target| sight.links.by_target.get(&Arc::as_ptr(target)));
    let asked = time_of_day(doing.asked).max(card.began.at);
    let name = doing.parameters.as_ref();
    Row {
        kind: "C",
        user: card.user(),
        pool: &card.pool,
        replication: card.replication,
        state: if doing.waits { "waiting" } else { "active" },
        address,
        local,
        began: card.began,
        asked,
        wait: if doing.waits {
            asked.elapsed().unwrap_or_default()
        } else {
            Duration::ZERO
        },
        closes: holder.sentence().is_some(),
        id: card.id,
        link: link.map(|card| card.id),
        process: 0,
        tls: card.tls.as_deref(),
        application: name
            .and_then(|parameters| parameters.get("application_name"))
            .unwrap_or_default(),
        prepared: card.prepared.load(Ordering::Relaxed),
    }
}

fn server_row<'a>(pool: &'a Pool, card: &'a ServerCard, sight: &Sight) -> Row<'a> {
    let link = sight
        .links
        .by_server
        .get(&Arc::as_ptr(&card.target))
        .copied();
    let port = pool.settings().port;
    let address = match &card.target.address {
        ServerAddress::Tcp(address) => parts(*address),
        ServerAddress::Unix(_) | ServerAddress::Abstract(_) => ("unix".to_owned(), port),
    };
    let local = card.local.map_or_else(|| ("unix".to_owned(), port), parts);
    Row {
        kind: "S",
        user: &pool.id.user,
        pool,
        replication: card.replication,
        state: if link.is_some() { "active" } else { "idle" },
        address,
        local,
        began: card.began,
        asked: time_of_day(card.taken.get()).max(card.began.at),
        wait: Duration::ZERO,
        closes: pool.is_outdated(card),
        id: card.id,
        link,
        process: card.target.key.as_ref().map_or(0, |key| key.process),
        tls: card.tls.as_deref(),
        application: "",
        prepared: card.prepared.load(Ordering::Relaxed),
    }
}

pub(super) fn clients(shared: &Shared) -> Table {
    let sight = Sight::of(shared);
    let port = shared.config().settings.listen_port;
    let mut table = Table::new(columns());
    for (holder, doing) in &sight.clients {
        table.row(client_row(holder, doing, &sight, port).cells());
    }
    table
}

pub(super) fn servers(shared: &Shared) -> Table {
    let sight = Sight::of(shared);
    let mut table = Table::new(columns());
    for (pool, card) in &sight.servers {
        table.row(server_row(pool, card, &sight).cells());
    }
    table
}

/// Positions in buffers are always 0: nothing is kept in a buffer between two reads.
pub(super) fn sockets(shared: &Shared, which: Which) -> Table {
    let buffers = [
        "recv_pos",
        "pkt_pos",
        "pkt_remain",
        "send_pos",
        "send_remain",
        "pkt_avail",
        "send_avail",
    ];
    let sight = Sight::of(shared);
    let port = shared.config().settings.listen_port;
    let mut table = Table::new(columns().into_iter().chain(buffers.map(int)));
    let clients = sight
        .clients
        .iter()
        .filter(|(_, doing)| which == Which::All || doing.server.is_some() || doing.waits);
    let clients = clients.map(|(holder, doing)| client_row(holder, doing, &sight, port));
    let servers = sight.servers.iter();
    let servers = servers.map(|(pool, card)| server_row(pool, card, &sight));
    let servers = servers.filter(|row| which == Which::All || row.link.is_some());
    for mut row in clients.chain(servers) {
        row.state = match (row.kind, row.state) {
            ("C", "waiting") => "cl_waiting",
            ("C", _) => "cl_active",
            (_, "idle") => "sv_idle",
            _ => "sv_active",
        };
        let buffers = buffers.map(|_| cell(0));
        table.row(row.cells().into_iter().chain(buffers));
    }
    table
}

/// What listens. Connections are not shown with their secrets, as PgBouncer shows them to the
/// process that takes over; ours takes over the listening sockets only.
pub(super) fn fds(shared: &Shared) -> Table {
    let mut table = Table::new([
        int("fd"),
        text("task"),
        text("user"),
        text("database"),
        text("addr"),
        int("port"),
        (std::borrow::Cow::Borrowed("cancel"), ColumnType::Int8),
        int("link"),
        text("client_encoding"),
        text("std_strings"),
        text("datestyle"),
        text("timezone"),
        text("password"),
        (
            std::borrow::Cow::Borrowed("scram_client_key"),
            ColumnType::Bytea,
        ),
        (
            std::borrow::Cow::Borrowed("scram_server_key"),
            ColumnType::Bytea,
        ),
    ]);
    for listener in shared.listening().iter() {
        let nothing: [Option<String>; 7] = Default::default();
        let row = [
            cell(listener.number()),
            cell(match listener.purpose {
                Purpose::Clients => "pooler",
                Purpose::Metrics => "metrics",
            }),
            None,
            None,
            cell(&listener.address),
            maybe(listener.port),
            cell(0),
            cell(0),
        ];
        table.row(row.into_iter().chain(nothing));
    }
    table
}
