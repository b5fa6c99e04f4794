//! Section `[databases]`: where the databases that clients ask for really are.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::choice::{LoadBalanceHosts, PoolMode};
use super::secret::Secret;
use super::section::section;
use super::value::{Expected, Limit, Value};
use crate::auth::credential::Credential;

section! {
    /// The connect string of one database. What is `None` is as `[pgbouncer]` says.
    pub struct ConnectString (aliases &[("reserve_pool", "reserve_pool_size")]) {
        /// Name on the server; by default the name that the client asked for.
        dbname: Option<String> = None, Live, Honoured;
        /// Hosts, separated by commas; a path is a Unix socket's directory, @ an abstract one;
        /// by default the Unix socket in unix_socket_dir.
        host: Vec<ServerHost> = Vec::new(), Live, Honoured;
        /// Port.
        port: u16 = 5432, Live, Honoured;
        /// User to log in as; by default the client's own.
        user: Option<String> = None, Live, Honoured;
        /// Password to log in with; by default the one in auth_file.
        password: Option<Secret> = None, Live, Honoured;
        /// User who looks up users that auth_file does not list.
        auth_user: Option<String> = None, Live, Honoured;
        /// Query by which users are looked up.
        auth_query: Option<String> = None, Live, Honoured;
        /// Database in which users are looked up.
        auth_dbname: Option<String> = None, Live, Honoured;
        /// Servers for each user.
        pool_size: Option<u32> = None, Live, Honoured;
        /// Servers to keep open while the pool is in use.
        min_pool_size: Option<u32> = None, Live, Honoured;
        /// Further servers for a pool whose clients wait too long.
        reserve_pool_size: Option<u32> = None, Live, Honoured;
        /// Query to run on each new server.
        connect_query: Option<String> = None, Live, Honoured;
        /// When a server goes back to its pool.
        pool_mode: Option<PoolMode> = None, Live, Honoured;
        /// How several hosts share new connections.
        load_balance_hosts: Option<LoadBalanceHosts> = None, Live, Honoured;
        /// Servers, whoever the user.
        max_db_connections: Option<Limit> = None, Live, Honoured;
        /// Clients, whoever the user.
        max_db_client_connections: Option<Limit> = None, Live, Honoured;
        /// Seconds of age at which a server is closed.
        server_lifetime: Option<Duration> = None, Live, Honoured;
        /// client_encoding of new servers.
        client_encoding: Option<String> = None, Live, Honoured;
        /// DateStyle of new servers.
        datestyle: Option<String> = None, Live, Honoured;
        /// TimeZone of new servers.
        timezone: Option<String> = None, Live, Honoured;
        /// application_name of new servers.
        application_name: Option<String> = None, Live, Honoured;
    }
}

impl ConnectString {
    /// The session parameters that new servers are asked for.
    #[must_use]
    pub fn startup_parameters(&self) -> Vec<(String, String)> {
        let values = [
            ("client_encoding", &self.client_encoding),
            ("datestyle", &self.datestyle),
            ("timezone", &self.timezone),
            ("application_name", &self.application_name),
        ];
        let set = values
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        set.collect()
    }
}

/// One host of a connect string.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerHost {
    /// A numeric address, or a name to resolve.
    Tcp(String),
    /// The directory of a Unix socket; the socket in it is `.s.PGSQL.PORT`.
    Directory(PathBuf),
    /// A Unix socket in Linux' abstract namespace, the leading `@` dropped.
    Abstract(String),
}

impl ServerHost {
    /// As it is written in the file.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Tcp(name) => name.clone(),
            Self::Directory(path) => path.display().to_string(),
            Self::Abstract(name) => format!("@{name}"),
        }
    }
}

impl Value for Vec<ServerHost> {
    fn parse(text: &str) -> Result<Self, Expected> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let host = |name: &str| match name.chars().next() {
            None => Err(Expected::new(
                "hosts separated by commas, none of them empty",
            )),
            Some('/') => Ok(ServerHost::Directory(PathBuf::from(name))),
            Some('@') => Ok(ServerHost::Abstract(name[1..].to_owned())),
            Some(_) => Ok(ServerHost::Tcp(name.to_owned())),
        };
        text.split(',').map(|name| host(name.trim())).collect()
    }

    fn show(&self) -> String {
        let names = self.iter().map(ServerHost::name);
        names.collect::<Vec<_>>().join(",")
    }
}

/// A database that clients can ask for.
#[derive(Clone, Debug)]
pub struct Database {
    /// Name in the file; `*` for the fallback.
    pub name: String,
    /// Where it is and how its pools differ from the rest.
    pub connect: ConnectString,
    /// The password of the connect string.
    pub credential: Option<Arc<Credential>>,
}

impl Database {
    /// The name on the server of the database that a client knows as `asked`.
    #[must_use]
    pub fn server_name<'a>(&'a self, asked: &'a str) -> &'a str {
        self.connect.dbname.as_deref().unwrap_or(asked)
    }
}

/// All databases.
#[derive(Clone, Debug, Default)]
pub struct Databases {
    pub(super) named: HashMap<String, Arc<Database>>,
    pub(super) fallback: Option<Arc<Database>>,
}

impl Databases {
    /// The database called `name`, or else the fallback `*`.
    #[must_use]
    pub fn lookup(&self, name: &str) -> Option<&Arc<Database>> {
        self.named.get(name).or(self.fallback.as_ref())
    }

    /// All databases in no particular order, the fallback last.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Database>> {
        self.named.values().chain(self.fallback.as_ref())
    }
}
