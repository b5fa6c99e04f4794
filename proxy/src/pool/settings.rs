//! What the configuration says about one pool.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::credential::Credential;
use crate::client::auth::Identity;
use crate::config::{
    CONSOLE, Config, ConnectString, Database, LoadBalanceHosts, PoolMode, ServerHost, SocketDir,
    Timeout,
};
use crate::pool::PoolId;
use crate::pool::account::BudgetLimits;
use crate::server::circuit::Limits;
use crate::tls::ServerTls;

/// The settings of one pool, those of its database, its user and the whole pooler put together.
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// When a server goes back.
    pub mode: PoolMode,
    /// Servers at most.
    pub size: usize,
    /// Servers to keep while there is a client.
    pub min_size: usize,
    /// Servers beyond the size for clients that wait too long.
    pub reserve_size: usize,
    /// Wait after which those are used.
    pub reserve_pool_timeout: Timeout,
    /// What it may have together with other pools.
    pub budget: BudgetLimits,
    /// The oldest idle server is used first.
    pub server_round_robin: bool,
    /// Hosts, at least one.
    pub hosts: Vec<ServerHost>,
    /// Which of them a new connection goes to.
    pub load_balance_hosts: LoadBalanceHosts,
    /// Port of all of them.
    pub port: u16,
    /// Database, by its name on the server.
    pub dbname: String,
    /// User to log in as.
    pub user: String,
    /// That user is in the connect string: there is a use for servers without clients.
    pub user_is_fixed: bool,
    /// Session parameters to ask for at login.
    pub startup: Vec<(String, String)>,
    /// SQL that a new server runs first.
    pub connect_query: Option<String>,
    /// What is known of that user's password.
    pub credential: Option<Arc<Credential>>,
    /// Encryption of its servers.
    pub tls: ServerTls,
    /// To connect and log in.
    pub server_connect_timeout: Timeout,
    /// Pause after a failed login.
    pub server_login_retry: Duration,
    /// Age at which a server is closed.
    pub server_lifetime: Duration,
    /// Idle time after which a server is closed.
    pub server_idle_timeout: Timeout,
    /// Idle time after which a server is checked before use.
    pub server_check_delay: Duration,
    /// SQL that checks it; empty is none.
    pub server_check_query: String,
    /// A session whose server is outdated is ended instead of waited for.
    pub server_fast_close: bool,
    /// SQL that cleans a server after a session; empty is none.
    pub server_reset_query: String,
    /// Clean a server after each transaction.
    pub server_reset_query_always: bool,
    /// Clean a server that a transaction left dirty.
    pub server_reset_dirty: bool,
    /// Prepared statements to keep on each server; 0 leaves statements alone.
    pub max_prepared_statements: u32,
    /// When an address of the database is left alone.
    pub circuit: Limits,
    /// Longest wait of a client.
    pub query_wait_timeout: Timeout,
    /// Wait after which a client is told that it waits.
    pub query_wait_notify: Timeout,
    /// Some user's sessions, queries or transactions may last only so long.
    pub has_limits: bool,
}

impl PoolSettings {
    /// The settings of an existing pool after a reload; `None` if its database is no more.
    #[must_use]
    pub fn anew(config: &Config, id: &PoolId) -> Option<Self> {
        let identity = Identity {
            user: id.user.clone(),
            database: id.database.clone(),
            target: Arc::clone(config.databases.lookup(&id.database)?),
        };
        Some(Self::new(config, &identity))
    }

    /// The settings of the admin console, which has clients and no servers.
    #[must_use]
    pub fn console(config: &Config) -> Self {
        let target = Database {
            name: CONSOLE.to_owned(),
            connect: ConnectString::default(),
            credential: None,
        };
        let identity = Identity {
            user: CONSOLE.to_owned(),
            database: CONSOLE.to_owned(),
            target: Arc::new(target),
        };
        Self {
            mode: PoolMode::Statement,
            min_size: 0,
            ..Self::new(config, &identity)
        }
    }

    /// Whether a server opened under `other` is as good as one opened under these.
    #[must_use]
    pub fn leads_to_same(&self, other: &Self) -> bool {
        let secret = |settings: &Self| {
            let credential = settings.credential.as_ref()?;
            Some(credential.stored.clone())
        };
        self.hosts == other.hosts
            && self.port == other.port
            && self.dbname == other.dbname
            && self.user == other.user
            && self.startup == other.startup
            && self.connect_query == other.connect_query
            && self.tls.is_as(&other.tls)
            && secret(self) == secret(other)
    }

    /// The settings for the pool of `identity`. As in PgBouncer the user's come before the
    /// database's, and those before the rest.
    #[must_use]
    pub fn new(config: &Config, identity: &Identity) -> Self {
        let settings = &config.settings;
        let connect = &identity.target.connect;
        let user = config.users.get(&identity.user);
        let login = connect.user.as_deref().unwrap_or(&identity.user);
        let hosts = match (&connect.host[..], &settings.unix_socket_dir) {
            ([], SocketDir::Directory(path)) => vec![ServerHost::Directory(path.clone())],
            ([], SocketDir::Abstract(name)) => vec![ServerHost::Abstract(name.clone())],
            ([], SocketDir::None) => vec![ServerHost::Tcp("localhost".to_owned())],
            (hosts, _) => hosts.to_vec(),
        };
        let size = user
            .and_then(|user| user.pool_size)
            .or(connect.pool_size)
            .unwrap_or(settings.default_pool_size);
        let min_size = connect.min_pool_size.unwrap_or(settings.min_pool_size);
        let reserve_size = user
            .and_then(|user| user.reserve_pool_size)
            .or(connect.reserve_pool_size)
            .unwrap_or(settings.reserve_pool_size);
        let budget = BudgetLimits {
            database: connect
                .max_db_connections
                .unwrap_or(settings.max_db_connections),
            user: config.user_limits(login).servers,
        };
        Self {
            mode: user
                .and_then(|user| user.pool_mode)
                .or(connect.pool_mode)
                .unwrap_or(settings.pool_mode),
            size: size as usize,
            min_size: min_size as usize,
            reserve_size: reserve_size as usize,
            reserve_pool_timeout: settings.reserve_pool_timeout,
            budget,
            server_round_robin: settings.server_round_robin,
            hosts,
            load_balance_hosts: connect
                .load_balance_hosts
                .unwrap_or(LoadBalanceHosts::RoundRobin),
            port: connect.port,
            dbname: identity.target.server_name(&identity.database).to_owned(),
            user: login.to_owned(),
            user_is_fixed: connect.user.is_some(),
            startup: connect.startup_parameters(),
            connect_query: connect.connect_query.clone(),
            credential: config.server_credential(&identity.target, login).cloned(),
            tls: config.server_tls.clone(),
            server_connect_timeout: settings.server_connect_timeout,
            server_login_retry: settings.server_login_retry,
            server_lifetime: connect.server_lifetime.unwrap_or(settings.server_lifetime),
            server_idle_timeout: settings.server_idle_timeout,
            server_check_delay: settings.server_check_delay,
            server_check_query: settings.server_check_query.clone(),
            server_fast_close: settings.server_fast_close,
            server_reset_query: settings.server_reset_query.clone(),
            server_reset_query_always: settings.server_reset_query_always,
            server_reset_dirty: settings.server_reset_dirty,
            max_prepared_statements: settings.max_prepared_statements,
            circuit: Limits {
                failures: settings.circuit_breaker_failures,
                timeout: settings.circuit_breaker_timeout,
            },
            query_wait_timeout: settings.query_wait_timeout,
            query_wait_notify: settings.query_wait_notify,
            has_limits: config.has_session_limits(),
        }
    }
    /// What is known of the password towards servers, if it came from a look-up that says
    /// something else by now.
    #[must_use]
    pub fn learned(&self, identity: &Identity, known: Arc<Credential>) -> Option<Self> {
        let own = identity.target.credential.is_none() && self.user == identity.user;
        let news = !self
            .credential
            .as_ref()
            .is_some_and(|credential| Arc::ptr_eq(credential, &known));
        (own && news).then(|| Self {
            credential: Some(known),
            ..self.clone()
        })
    }
}
