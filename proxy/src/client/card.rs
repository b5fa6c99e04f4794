//! Who a connection is, for logs and for the console: what stays the same all its life.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Instant, SystemTime};

use super::replication::Replication;
use crate::pool::Pool;
use crate::pool::account::Stay;

/// Where a client comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAddress {
    /// TCP.
    Tcp {
        /// The client's end.
        remote: SocketAddr,
        /// Our end.
        local: SocketAddr,
    },
    /// A Unix socket, which names no place.
    Unix,
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { remote, .. } => remote.fmt(formatter),
            Self::Unix => formatter.write_str("unix"),
        }
    }
}

/// The number of a connection, in the order of their coming. Clients and servers are counted
/// together, as in PgBouncer; the console and the log call them by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

impl ConnectionId {
    /// A number that no other connection has. After four billion they begin anew.
    #[must_use]
    pub fn next() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A connection as the log calls it: `0x1f`, where PgBouncer prints an address in memory.
impl fmt::Display for ConnectionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:#x}", self.0)
    }
}

/// When something began, on both clocks: one to show, one to measure by.
#[derive(Clone, Copy, Debug)]
pub struct Began {
    /// The time of day.
    pub at: SystemTime,
    /// The same moment on the clock that never goes back.
    pub instant: Instant,
}

impl Began {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        Self {
            at: SystemTime::now(),
            instant: Instant::now(),
        }
    }

    /// Whole seconds from then to now.
    #[must_use]
    pub fn age_s(&self) -> u64 {
        self.instant.elapsed().as_secs()
    }
}

/// A client that is logged in.
#[derive(Debug)]
pub struct ClientCard {
    /// Its number.
    pub id: ConnectionId,
    /// The user that it logged in as, if its servers are opened as another.
    alias: Option<Box<str>>,
    /// The pool of its database and of the user as whom its servers are opened.
    pub pool: Arc<Pool>,
    /// Where it comes from.
    pub address: ClientAddress,
    /// When it came.
    pub began: Began,
    /// TLS version and cipher, or nothing on a plain connection.
    pub tls: Option<Box<str>>,
    /// Whether it is there for replication.
    pub replication: Replication,
    /// What it counts in, as long as it is there.
    pub stays: [Option<Stay>; 3],
    /// Statements that it has prepared.
    pub prepared: AtomicU32,
}

impl ClientCard {
    /// A client that has logged in as `user`.
    #[must_use]
    pub fn new(
        id: ConnectionId,
        user: &str,
        pool: Arc<Pool>,
        address: ClientAddress,
        began: Began,
    ) -> Self {
        Self {
            id,
            alias: (user != pool.id.user).then(|| user.into()),
            pool,
            address,
            began,
            tls: None,
            replication: Replication::None,
            stays: Default::default(),
            prepared: AtomicU32::new(0),
        }
    }

    /// The user that it logged in as.
    #[must_use]
    pub fn user(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.pool.id.user)
    }

    /// It has prepared so many statements.
    pub fn has_prepared(&self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.prepared.store(count, Ordering::Relaxed);
    }
}

#[cfg(test)]
impl ClientCard {
    /// Somebody at the console of a pooler that does not run.
    pub(crate) fn sample() -> Self {
        use crate::config::{CONSOLE, Config};
        use crate::pool::PoolId;
        use crate::pool::settings::PoolSettings;
        use crate::shared::Shared;

        let text = "[pgbouncer]\nlisten_addr = *\nauth_type = any\n";
        let config = Config::parse(std::path::Path::new("test.ini"), text).unwrap();
        let settings = PoolSettings::console(&config);
        let shared = Shared::new(config, 1, tokio::sync::mpsc::channel(1).0);
        let id = PoolId {
            database: CONSOLE.to_owned(),
            user: CONSOLE.to_owned(),
        };
        let pool = shared.pools.get(id, || settings);
        let (id, address) = (ConnectionId::next(), ClientAddress::Unix);
        Self::new(id, CONSOLE, pool, address, Began::now())
    }
}
