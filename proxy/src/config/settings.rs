//! Section `[pgbouncer]`: every key, its type, its default and what becomes of it.

use std::path::PathBuf;
use std::time::Duration;

use super::choice::{AuthType, Facility, LogFormat, PoolMode, ProtocolVersion, SslMode};
use super::listen::{ListenHost, SocketDir};
use super::section::section;
use super::value::{FileMode, Limit, Milliseconds, NameList, Timeout};

const SINGLE_THREADED: &str = "it tunes the event loop of PgBouncer, which this pooler lacks";
const OPENSSL: &str = "it names a setting of OpenSSL, which this pooler does not use";
const RESOLVER: &str = "names are resolved by the system's own resolver";

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// PgBouncer's own: the password unless it has expired, for roles that may log in.
const AUTH_QUERY: &str = "SELECT rolname, CASE WHEN rolvaliduntil < pg_catalog.now() THEN NULL \
     ELSE rolpassword END FROM pg_catalog.pg_authid WHERE rolname=$1 AND rolcanlogin";

section! {
    /// The settings of section `[pgbouncer]`.
    pub struct Settings (aliases &[("service_name", "job_name")]) {
        // Pools and limits
        /// When a server goes back to its pool: session, transaction or statement.
        pool_mode: PoolMode = PoolMode::Session, Live, Honoured;
        /// Servers for each pair of database and user.
        default_pool_size: u32 = 20, Live, Honoured;
        /// Servers to keep open in a pool that is in use.
        min_pool_size: u32 = 0, Live, Honoured;
        /// Further servers for a pool whose clients wait too long.
        reserve_pool_size: u32 = 0, Live, Honoured;
        /// Wait after which the reserve is used; 0 is never.
        reserve_pool_timeout: Timeout = Timeout::from_secs(5), Live, Honoured;
        /// Clients at one time.
        max_client_conn: u32 = 100, Live, Honoured;
        /// Servers for one database, whoever the user; 0 is no limit.
        max_db_connections: Limit = Limit::new(0), Live, Honoured;
        /// Clients of one database; 0 is no limit.
        max_db_client_connections: Limit = Limit::new(0), Live, Honoured;
        /// Servers for one user, whatever the database; 0 is no limit.
        max_user_connections: Limit = Limit::new(0), Live, Honoured;
        /// Clients of one user; 0 is no limit.
        max_user_client_connections: Limit = Limit::new(0), Live, Honoured;
        /// Hand out the server that was idle longest instead of the one used last.
        server_round_robin: bool = false, Live, Honoured;
        /// Prepared statements to keep on each server in transaction mode; 0 leaves them alone.
        max_prepared_statements: u32 = 200, Live, Honoured;

        // Listening
        /// Addresses to listen on, separated by commas; `*` is all; empty is Unix sockets only.
        listen_addr: Vec<ListenHost> = Vec::new(), Restart, Honoured;
        /// Port to listen on; it names the Unix socket too.
        listen_port: u16 = 6432, Restart, Honoured;
        /// Connections that may wait to be accepted.
        listen_backlog: u32 = 128, Restart, Honoured;
        /// Directory of the Unix socket, to listen on and of servers without a host; a name that
        /// begins with @ is in the abstract namespace; empty is none.
        unix_socket_dir: SocketDir = SocketDir::Directory(PathBuf::from("/tmp")), Restart, Honoured;
        /// Permission bits of the Unix socket.
        unix_socket_mode: FileMode = FileMode(0o777), Restart, Honoured;
        /// Group of the Unix socket.
        unix_socket_group: Option<String> = None, Restart, Honoured;
        /// Let several processes listen on one port.
        so_reuseport: bool = false, Restart, Honoured;
        /// Accept a TCP connection only once it has sent something.
        tcp_defer_accept: bool = true, Restart, Honoured;
        /// Socket buffer in bytes; 0 leaves the system's.
        tcp_socket_buffer: u32 = 0, Live, Honoured;
        /// Keep TCP connections alive.
        tcp_keepalive: bool = true, Live, Honoured;
        /// Probes unanswered before a connection is given up; 0 leaves the system's.
        tcp_keepcnt: u32 = 0, Live, Honoured;
        /// Seconds of silence before the first probe; 0 leaves the system's.
        tcp_keepidle: u32 = 0, Live, Honoured;
        /// Seconds between probes; 0 leaves the system's.
        tcp_keepintvl: u32 = 0, Live, Honoured;
        /// Milliseconds that sent data may stay unacknowledged; 0 leaves the system's.
        tcp_user_timeout: Milliseconds = Milliseconds::default(), Live, Honoured;
        /// Number of this process among its peers; 0 is none.
        peer_id: u32 = 0, Restart, Honoured;

        // Time, in seconds
        /// To connect and log in to a server.
        server_connect_timeout: Timeout = Timeout::from_secs(15), Live, Honoured;
        /// Pause after a failed login to a server.
        server_login_retry: Duration = secs(15), Live, Honoured;
        /// Age at which a server is closed once it is free; 0 uses each server once.
        server_lifetime: Duration = secs(3600), Live, Honoured;
        /// Idle time after which a server is closed; 0 is never.
        server_idle_timeout: Timeout = Timeout::from_secs(600), Live, Honoured;
        /// Idle time after which a server is checked before use.
        server_check_delay: Duration = secs(30), Live, Honoured;
        /// Query that checks a server; empty only looks at the connection.
        server_check_query: String = String::new(), Live, Honoured;
        /// Longest run of a query; 0 is no limit.
        query_timeout: Timeout = Timeout::from_secs(0), Live, Honoured;
        /// Longest wait for a server; 0 is no limit.
        query_wait_timeout: Timeout = Timeout::from_secs(120), Live, Honoured;
        /// Wait after which a client is told that it waits; 0 is never.
        query_wait_notify: Timeout = Timeout::from_secs(5), Live, Honoured;
        /// Longest wait of a cancel request for a connection; 0 is no limit.
        cancel_wait_timeout: Timeout = Timeout::from_secs(10), Live, Honoured;
        /// Idle time after which a client is closed; 0 is never.
        client_idle_timeout: Timeout = Timeout::from_secs(0), Live, Honoured;
        /// To log in, from the first byte to the last; 0 is no limit.
        client_login_timeout: Timeout = Timeout::from_secs(60), Live, Honoured;
        /// Longest idle time inside a transaction; 0 is no limit.
        idle_transaction_timeout: Timeout = Timeout::from_secs(0), Live, Honoured;
        /// Longest transaction; 0 is no limit.
        transaction_timeout: Timeout = Timeout::from_secs(0), Live, Honoured;
        /// Unused time after which a database made by `*` is forgotten; 0 is never.
        autodb_idle_timeout: Timeout = Timeout::from_secs(3600), Live, Honoured;
        /// Longest wait for buffers to empty on SUSPEND.
        suspend_timeout: Duration = secs(10), Live, Honoured;
        /// How long a resolved host name is kept.
        dns_max_ttl: Duration = secs(15), Live, Honoured;
        /// How long a host name that could not be resolved is kept.
        dns_nxdomain_ttl: Duration = secs(15), Live, Honoured;
        /// How often zones are looked at for changes; 0 is never.
        dns_zone_check_period: Timeout = Timeout::from_secs(0), Live, Moot(RESOLVER);
        /// Another resolv.conf.
        resolv_conf: Option<PathBuf> = None, Restart, Moot(RESOLVER);

        // Server care
        /// Query that cleans a server after a session.
        server_reset_query: String = "DISCARD ALL".to_owned(), Live, Honoured;
        /// Clean after transactions and statements too.
        server_reset_query_always: bool = false, Live, Honoured;
        /// Close outdated servers in session mode at once instead of with the session.
        server_fast_close: bool = false, Live, Honoured;
        /// Startup parameters to take and forget.
        ignore_startup_parameters: NameList = NameList::default(), Live, Honoured;
        /// Parameters to carry from client to server beside the usual ones.
        track_extra_parameters: NameList = NameList::from_iter(["IntervalStyle"]), Restart, Honoured;
        /// Add the client's address to its application_name.
        application_name_add_host: bool = false, Live, Honoured;
        /// Refuse the simple query protocol.
        disable_pqexec: bool = false, Restart, Honoured;

        // Authentication
        /// How clients prove who they are.
        auth_type: AuthType = AuthType::Md5, Live, Honoured;
        /// File of user names and passwords.
        auth_file: Option<PathBuf> = None, Live, Honoured;
        /// File of rules for auth_type hba.
        auth_hba_file: Option<PathBuf> = None, Live, Honoured;
        /// File of user name maps for auth_type hba.
        auth_ident_file: Option<PathBuf> = None, Live, Honoured;
        /// User who looks up users that the file does not list.
        auth_user: Option<String> = None, Live, Honoured;
        /// Query by which users are looked up.
        auth_query: String = AUTH_QUERY.to_owned(), Live, Honoured;
        /// Database in which users are looked up; empty is the one connected to.
        auth_dbname: Option<String> = None, Live, Honoured;
        /// Options of auth_type ldap.
        auth_ldap_options: Option<String> = None, Live, Moot("LDAP is not supported");
        /// Iterations of the SCRAM secrets made from plain passwords.
        scram_iterations: u32 = 4096, Live, Honoured;
        /// Users who may do anything on the console.
        admin_users: NameList = NameList::default(), Live, Honoured;
        /// Users who may look at the console.
        stats_users: NameList = NameList::default(), Live, Honoured;

        // TLS
        /// TLS with clients.
        client_tls_sslmode: SslMode = SslMode::Disable, Live, Honoured;
        /// Authorities whose client certificates are good.
        client_tls_ca_file: Option<PathBuf> = None, Live, Honoured;
        /// Certificate shown to clients.
        client_tls_cert_file: Option<PathBuf> = None, Live, Honoured;
        /// Its private key.
        client_tls_key_file: Option<PathBuf> = None, Live, Honoured;
        /// TLS versions with clients.
        client_tls_protocols: String = "secure".to_owned(), Live, Honoured;
        /// Ciphers of TLS 1.2 with clients.
        client_tls_ciphers: String = "default".to_owned(), Live, Honoured;
        /// Ciphers of TLS 1.3 with clients.
        client_tls13_ciphers: Option<String> = None, Live, Honoured;
        /// Elliptic curve with clients.
        client_tls_ecdhcurve: String = "auto".to_owned(), Live, Moot(OPENSSL);
        /// Diffie-Hellman parameters with clients.
        client_tls_dheparams: String = "auto".to_owned(), Live, Moot(OPENSSL);
        /// TLS with servers.
        server_tls_sslmode: SslMode = SslMode::Prefer, Live, Honoured;
        /// Authorities whose server certificates are good.
        server_tls_ca_file: Option<PathBuf> = None, Live, Honoured;
        /// Certificate shown to servers.
        server_tls_cert_file: Option<PathBuf> = None, Live, Honoured;
        /// Its private key.
        server_tls_key_file: Option<PathBuf> = None, Live, Honoured;
        /// TLS versions with servers.
        server_tls_protocols: String = "secure".to_owned(), Live, Honoured;
        /// Ciphers of TLS 1.2 with servers.
        server_tls_ciphers: String = "default".to_owned(), Live, Honoured;
        /// Ciphers of TLS 1.3 with servers.
        server_tls13_ciphers: Option<String> = None, Live, Honoured;

        // Process and log
        /// File to log to.
        logfile: Option<PathBuf> = None, Live, Honoured;
        /// File for the process id.
        pidfile: Option<PathBuf> = None, Restart, Honoured;
        /// System user to become when started by root.
        user: Option<String> = None, Restart, Honoured;
        /// Log to syslog.
        syslog: bool = false, Live, Honoured;
        /// Name in syslog.
        syslog_ident: String = "pgbouncer".to_owned(), Live, Honoured;
        /// Facility in syslog.
        syslog_facility: Facility = Facility::Daemon, Live, Honoured;
        /// How much to log beyond the usual.
        verbose: u32 = 0, Live, Honoured;
        /// Log clients that log in.
        log_connections: bool = true, Live, Honoured;
        /// Log clients and servers that leave, and why.
        log_disconnections: bool = true, Live, Honoured;
        /// Log errors that the pooler itself sends.
        log_pooler_errors: bool = true, Live, Honoured;
        /// Log statistics every stats_period.
        log_stats: bool = true, Live, Honoured;
        /// Seconds over which averages are taken.
        stats_period: Duration = secs(60), Live, Honoured;
        /// Name of the process.
        job_name: String = "pgbouncer".to_owned(), Restart, Honoured;
        /// Another configuration file for the next reload.
        conffile: Option<PathBuf> = None, Live, Honoured;
        /// Bytes of a connection's buffer.
        pkt_buf: u32 = 4096, Restart, Moot(SINGLE_THREADED);
        /// Longest message that passes, in bytes.
        max_packet_size: u32 = 2_147_483_647, Live, Honoured;
        /// Buffers of one connection handled before another's turn.
        sbuf_loopcnt: u32 = 5, Live, Moot(SINGLE_THREADED);

        // This pooler's own
        /// Threads that serve connections; 0 is one for every two processors.
        worker_threads: u32 = 0, Restart, Honoured;
        /// Clean a server that a transaction left changed before another client gets it.
        server_reset_dirty: bool = true, Live, Honoured;
        /// Newest protocol to ask servers for: 3.2 gives longer cancel keys, and PostgreSQL since 11
        /// negotiates; other poolers behind may not.
        server_max_protocol_version: ProtocolVersion = ProtocolVersion::V3_0, Live, Honoured;
        /// Lines of the log: text as PgBouncer writes them, or one JSON object each.
        log_format: LogFormat = LogFormat::Text, Live, Honoured;
        /// Addresses that answer /metrics and /health over HTTP; empty is none.
        metrics_listen_addr: Vec<ListenHost> = Vec::new(), Restart, Honoured;
        /// Their port.
        metrics_listen_port: u16 = 9127, Restart, Honoured;
        /// Failures in a row after which a server address is refused.
        circuit_breaker_failures: u32 = 3, Live, Honoured;
        /// Seconds of refusal before one connection tries that address again.
        circuit_breaker_timeout: Duration = secs(30), Live, Honoured;
    }
}
