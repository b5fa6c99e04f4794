//! Opening a connection to a server.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::net::{TcpStream, UnixStream};

use super::circuit::Permit;
use super::encrypt::{Asking, EncryptError, Encryption};
use super::login::{LoginError, ServerGreeting, ServerLogin, login};
use crate::cancel::CancelTarget;
use crate::config::{ProtocolVersion, ServerHost, SslMode};
use crate::deadline::{Deadline, Elapsed};
use crate::io::Stream;
use crate::parameters::{Interner, Tracked};
use crate::pool::Commons;
use crate::pool::settings::PoolSettings;
use crate::protocol::message::backend::SqlState;
use crate::tcp::tune;
use crate::tls::end_point_hash;

/// Where a server really is, names resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerAddress {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket in the file system.
    Unix(PathBuf),
    /// A Unix socket in the abstract namespace, by its name.
    Abstract(String),
}

impl std::fmt::Display for ServerAddress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => path.display().fmt(formatter),
            Self::Abstract(name) => write!(formatter, "@{name}"),
        }
    }
}

/// A connection that is logged in, and what the server said of itself.
#[derive(Debug)]
pub struct Connected {
    /// The connection.
    pub stream: Stream,
    /// Where its queries are cancelled.
    pub cancel: Arc<CancelTarget>,
    /// What it set of the tracked parameters.
    pub parameters: Arc<Tracked>,
    /// Everything that it reported, in order.
    pub reported: Vec<(String, String)>,
    /// Which of the hosts it is.
    pub host: usize,
}

/// Why a server could not be had.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The name leads nowhere.
    #[error("cannot resolve {host}")]
    Resolve {
        /// Name as configured.
        host: String,
        /// The resolver's reason.
        #[source]
        source: std::io::Error,
    },
    /// Nobody answers there.
    #[error("cannot connect to server at {address}")]
    Connect {
        /// Where.
        address: ServerAddress,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// It does not let us in.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The connection cannot be encrypted as `server_tls_sslmode` demands.
    #[error(transparent)]
    Encrypt(#[from] EncryptError),
    /// It took too long.
    #[error("server_connect_timeout")]
    Timeout,
    /// It has failed so often that nobody tries at the moment.
    #[error(
        "server at {address} is left alone after repeated failures (circuit open), next attempt in {}s",
        .retry_in.as_secs()
    )]
    CircuitOpen {
        /// Which.
        address: ServerAddress,
        /// When it may be tried again.
        retry_in: Duration,
    },
}

impl ConnectError {
    /// Whether the server said that it starts, stops or recovers, and is to be asked again (57P03
    /// cannot_connect_now, PostgreSQL manual, appendix A). It says nothing for or against the address.
    pub(crate) fn is_not_yet(&self) -> bool {
        matches!(self, Self::Login(LoginError::Refused(error)) if error.code == SqlState::CANNOT_CONNECT_NOW)
    }

    /// Whether the address is to blame, and not what was asked of it: a password that is wrong or
    /// a database that is missing is no reason to keep others away.
    fn blames_address(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Timeout => true,
            Self::Login(LoginError::Refused(error)) => {
                // Connection exception, operator intervention, system error, internal error.
                ["08", "57", "58", "XX"].contains(&&error.code.as_str()[..2])
            }
            Self::Login(LoginError::Prover(_)) | Self::Encrypt(_) | Self::Resolve { .. } => false,
            Self::Login(_) => true,
            Self::CircuitOpen { .. } => false,
        }
    }
}

impl ConnectError {
    /// Which of two tells what came of trying several addresses: the later one, but no address that
    /// was left alone hides one that was tried; of those left alone, the one that is tried next.
    fn after(self, earlier: Option<Self>) -> Self {
        let wait = |error: &Self| match error {
            Self::CircuitOpen { retry_in, .. } => Some(*retry_in),
            _ => None,
        };
        match (wait(&self), earlier) {
            (Some(later), Some(earlier)) if wait(&earlier).is_none_or(|before| before < later) => {
                earlier
            }
            _ => self,
        }
    }
}

impl From<Elapsed> for ConnectError {
    fn from(_: Elapsed) -> Self {
        Self::Timeout
    }
}

/// Connects and logs in, at the first host that lets us; `turn` says with which to begin.
///
/// Cancelled, the connection is closed half-way and the server logs it.
///
/// # Errors
///
/// Why the last host that was tried could not be had; that circuits are open only where all are.
pub async fn connect(
    settings: &PoolSettings,
    turn: usize,
    commons: &Commons,
) -> Result<Connected, ConnectError> {
    connect_as(settings, turn, commons, &[]).await
}

/// As [`connect`], with further startup parameters.
///
/// # Errors
///
/// As [`connect`].
pub async fn connect_as(
    settings: &PoolSettings,
    turn: usize,
    commons: &Commons,
    parameters: &[(&str, &str)],
) -> Result<Connected, ConnectError> {
    let deadline = Deadline::after(settings.server_connect_timeout);
    let hosts = &settings.hosts;
    let mut failed = None;
    for at in 0..hosts.len() {
        let at = (turn + at) % hosts.len();
        match connect_host(settings, at, deadline, commons, parameters).await {
            Ok(connected) => return Ok(connected),
            Err(error) => failed = Some(error.after(failed)),
        }
    }
    Err(failed.unwrap_or(ConnectError::Timeout))
}

async fn connect_host(
    settings: &PoolSettings,
    at: usize,
    deadline: Deadline,
    commons: &Commons,
    parameters: &[(&str, &str)],
) -> Result<Connected, ConnectError> {
    let host = &settings.hosts[at];
    let (mut opened, mut failed) = (None, None);
    let ttl = commons.config.load().settings.name_ttl();
    let look_up = async |name: &str| commons.names.lookup(name, ttl).await;
    for address in resolve_with(host, settings.port, deadline, look_up).await? {
        match attempt(settings, &address, deadline, commons).await {
            Ok(stream) => {
                opened = Some((stream, address));
                break;
            }
            Err(error) => failed = Some(error.after(failed)),
        }
    }
    let opened = opened.ok_or_else(|| failed.unwrap_or(ConnectError::Timeout));
    let (stream, address) = opened?;
    let encryption = Encryption {
        tls: settings.tls.clone(),
        host: host.name(),
    };
    let route = Route {
        settings,
        host: at,
        address,
        encryption,
        deadline,
        parameters,
        version: commons.config.load().settings.server_max_protocol_version,
    };
    let began = Instant::now();
    let (stream, greeting) = match route.enter(stream).await {
        Ok(entered) => entered,
        Err(error) => return Err(blame(settings, &route.address, began, error, commons)),
    };
    commons.circuits.succeeded(&route.address);
    Ok(route.connected(stream, greeting, &commons.interner))
}

/// Opens a connection unless the circuit of its address is open. Cancel safe.
async fn attempt(
    settings: &PoolSettings,
    address: &ServerAddress,
    deadline: Deadline,
    commons: &Commons,
) -> Result<Stream, ConnectError> {
    if let Permit::Refused(retry_in) = commons.circuits.ask(address, settings.circuit) {
        let address = address.clone();
        return Err(ConnectError::CircuitOpen { address, retry_in });
    }
    let began = Instant::now();
    let opened = deadline.bound(open(address)).await;
    let opened = opened.unwrap_or_else(|elapsed| Err(elapsed.into()));
    let opened = opened.map_err(|error| blame(settings, address, began, error, commons))?;
    if let Stream::Tcp(socket) = &opened {
        tune(socket, &commons.config.load().settings);
    }
    Ok(opened)
}

/// Tells the circuit of `address` of a failed attempt, and what its clients are to hear of it: that
/// the circuit is open as soon as it is, since nobody tries again for a while. A server's own words
/// say more.
fn blame(
    settings: &PoolSettings,
    address: &ServerAddress,
    began: Instant,
    error: ConnectError,
    commons: &Commons,
) -> ConnectError {
    if error.is_not_yet() {
        return error;
    }
    if !error.blames_address() {
        // It has answered, if only with a no.
        commons.circuits.answered(address);
        return error;
    }
    let reason = crate::log::chain(&error);
    let opened = commons
        .circuits
        .failed(address, settings.circuit, began, &reason);
    match error {
        ConnectError::Login(LoginError::Refused(_)) => error,
        _ if opened => ConnectError::CircuitOpen {
            address: address.clone(),
            retry_in: settings.circuit.timeout,
        },
        _ => error,
    }
}

/// The way to one server.
struct Route<'a> {
    settings: &'a PoolSettings,
    /// Which of the settings' hosts.
    host: usize,
    address: ServerAddress,
    encryption: Encryption,
    deadline: Deadline,
    /// Protocol to ask for.
    version: ProtocolVersion,
    /// Further startup parameters.
    parameters: &'a [(&'a str, &'a str)],
}

impl Route<'_> {
    /// Encrypts and logs in, and once more over TLS where `server_tls_sslmode` is allow and the
    /// server does not let anybody in without.
    async fn enter(&self, stream: Stream) -> Result<(Stream, ServerGreeting), ConnectError> {
        let mode = self.settings.tls.mode;
        let asking = Asking::first(mode, &self.address);
        let refused = match self.log_in(stream, asking).await {
            Err(ConnectError::Login(LoginError::Refused(error))) => error,
            outcome => return outcome,
        };
        let again = mode == SslMode::Allow
            && matches!(self.address, ServerAddress::Tcp(_))
            && refused.code == SqlState::INVALID_AUTHORIZATION;
        if !again {
            return Err(LoginError::Refused(refused).into());
        }
        let stream = self.deadline.bound(open(&self.address)).await??;
        self.log_in(stream, Asking::Always).await
    }

    async fn log_in(
        &self,
        stream: Stream,
        asking: Asking,
    ) -> Result<(Stream, ServerGreeting), ConnectError> {
        let encrypting = self.encryption.begin(stream, &self.address, asking);
        let mut stream = self.deadline.bound(encrypting).await??;
        let parameters = &self.settings.startup;
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain(self.parameters.iter().copied())
            .collect();
        let connect_query = self.settings.connect_query.as_deref();
        let request = ServerLogin {
            user: &self.settings.user,
            database: &self.settings.dbname,
            credential: self.settings.credential.as_deref(),
            version: self.version,
            parameters: &parameters,
            // A replication connection runs no SQL of ours.
            first_query: connect_query.filter(|_| self.parameters.is_empty()),
            end_point: stream
                .tls()
                .and_then(|session| session.peer_certificates()?.first())
                .and_then(|certificate| end_point_hash(certificate)),
        };
        let greeting = login(&mut stream, &request, self.deadline).await?;
        Ok((stream, greeting))
    }

    fn connected(self, stream: Stream, greeting: ServerGreeting, interner: &Interner) -> Connected {
        let ServerGreeting {
            parameters: reported,
            key,
        } = greeting;
        let mut parameters = interner.blank();
        for (name, value) in &reported {
            parameters.set(name, value);
        }
        let encryption = stream.tls().is_some().then_some(self.encryption);
        Connected {
            stream,
            cancel: Arc::new(CancelTarget {
                address: self.address,
                encryption,
                key,
            }),
            parameters: interner.intern(parameters),
            reported,
            host: self.host,
        }
    }
}

/// Where a host is. Cancel safe.
///
/// # Errors
///
/// When its name leads nowhere.
pub async fn resolve(
    host: &ServerHost,
    port: u16,
    deadline: Deadline,
) -> Result<Vec<ServerAddress>, ConnectError> {
    resolve_with(host, port, deadline, async |name| {
        let found = tokio::net::lookup_host((name, port)).await?;
        Ok(found.map(|address| address.ip()).collect())
    })
    .await
}

/// The addresses of a host; `look_up` finds those of a name.
async fn resolve_with(
    host: &ServerHost,
    port: u16,
    deadline: Deadline,
    look_up: impl AsyncFnOnce(&str) -> std::io::Result<Vec<IpAddr>>,
) -> Result<Vec<ServerAddress>, ConnectError> {
    match host {
        ServerHost::Directory(path) => Ok(vec![ServerAddress::Unix(
            path.join(format!(".s.PGSQL.{port}")),
        )]),
        ServerHost::Abstract(name) => Ok(vec![ServerAddress::Abstract(format!(
            "{name}/.s.PGSQL.{port}"
        ))]),
        ServerHost::Tcp(name) => {
            let found = deadline.bound(look_up(name)).await?;
            let host = name.clone();
            let found = found.map_err(|source| ConnectError::Resolve { host, source })?;
            let address = |ip| ServerAddress::Tcp(SocketAddr::new(ip, port));
            Ok(found.into_iter().map(address).collect())
        }
    }
}

/// Opens a connection. Cancel safe.
///
/// # Errors
///
/// When nobody answers there.
pub async fn open(address: &ServerAddress) -> Result<Stream, ConnectError> {
    let opened = match address {
        ServerAddress::Tcp(address) => open_tcp(*address).await,
        ServerAddress::Unix(path) => UnixStream::connect(path).await.map(Stream::from),
        ServerAddress::Abstract(name) => open_abstract(name),
    };
    opened.map_err(|source| ConnectError::Connect {
        address: address.clone(),
        source,
    })
}

async fn open_tcp(address: SocketAddr) -> std::io::Result<Stream> {
    let socket = TcpStream::connect(address).await?;
    // Messages are written whole; waiting for more of them only delays the answer.
    socket.set_nodelay(true)?;
    Ok(socket.into())
}

fn open_abstract(name: &str) -> std::io::Result<Stream> {
    use std::os::linux::net::SocketAddrExt as _;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    // Connecting to a Unix socket succeeds or fails at once.
    let socket = std::os::unix::net::UnixStream::connect_addr(&address)?;
    socket.set_nonblocking(true)?;
    Ok(UnixStream::from_std(socket)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_alone(seconds: u64) -> ConnectError {
        ConnectError::CircuitOpen {
            address: ServerAddress::Abstract("nowhere".to_owned()),
            retry_in: Duration::from_secs(seconds),
        }
    }

    /// What is told after `errors` in their order.
    fn told(errors: impl IntoIterator<Item = ConnectError>) -> String {
        let last = errors
            .into_iter()
            .fold(None, |earlier, error| Some(error.after(earlier)));
        last.expect("an error").to_string()
    }

    #[test]
    fn a_circuit_is_open_for_clients_where_all_are() {
        let open = |seconds| left_alone(seconds).to_string();
        assert_eq!(told([left_alone(30), left_alone(20)]), open(20));
        assert_eq!(told([left_alone(20), left_alone(30)]), open(20));
        let timeout = ConnectError::Timeout.to_string();
        assert_eq!(told([left_alone(30), ConnectError::Timeout]), timeout);
        assert_eq!(told([ConnectError::Timeout, left_alone(30)]), timeout);
    }
}
