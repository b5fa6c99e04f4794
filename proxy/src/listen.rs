//! The sockets on which clients come.

use std::fs::Permissions;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs as _};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use nix::unistd::Group;
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

use crate::config::value::FileMode;
use crate::config::{ListenHost, Settings, SocketDir};

mod handed;

pub use handed::{Handed, HandedUnix};

/// Sockets that listen, not yet registered with any runtime.
#[derive(Debug)]
pub struct Listeners {
    /// For each core its TCP sockets. All cores listen on the same addresses, and the system
    /// spreads the connections over them.
    pub tcp: Vec<Vec<TcpListener>>,
    /// The Unix sockets, which the first core serves.
    pub unix: Vec<UnixSocket>,
    /// Where `/metrics` and `/health` are asked for.
    pub metrics: Vec<TcpListener>,
}

/// A Unix socket that listens; its file is deleted when this is dropped.
#[derive(Debug)]
pub struct UnixSocket {
    /// The socket.
    pub listener: UnixListener,
    /// Its file; one in the abstract namespace has none.
    pub file: Option<SocketFile>,
}

impl UnixSocket {
    /// Where clients find it; `@` begins a name of the abstract namespace.
    #[must_use]
    pub fn path(&self) -> String {
        let Ok(address) = self.listener.local_addr() else {
            return String::new();
        };
        let path = address.as_pathname().map(|path| path.display().to_string());
        let name = || Some(format!("@{}", address.as_abstract_name()?.escape_ascii()));
        path.or_else(name).unwrap_or_default()
    }
}

/// The file of a Unix socket, deleted when this is dropped.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl SocketFile {
    /// Leaves the file to another process.
    pub fn leave(mut self) {
        self.0.clear();
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            // Whoever deleted it before did what we wanted.
            let _ = std::fs::remove_file(&self.0);
        }
    }
}

/// What comes in on a socket that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Clients.
    Clients,
    /// Questions for metrics.
    Metrics,
}

/// A socket that listens, as SHOW FDS names it and as it is handed to a successor.
#[derive(Debug)]
pub struct Listening {
    /// The socket once more: kept only as long as the pooler takes clients.
    pub fd: OwnedFd,
    /// What comes in.
    pub purpose: Purpose,
    /// Address, or `unix`.
    pub address: String,
    /// Port; a Unix socket has none of its own.
    pub port: Option<u16>,
}

impl Listening {
    fn of(socket: &impl AsFd, purpose: Purpose, address: Option<SocketAddr>) -> io::Result<Self> {
        Ok(Self {
            fd: socket.as_fd().try_clone_to_owned()?,
            purpose,
            address: address.map_or_else(|| "unix".to_owned(), |address| address.ip().to_string()),
            port: address.map(|address| address.port()),
        })
    }

    /// The number of its file descriptor.
    #[must_use]
    pub fn number(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl Listeners {
    /// All sockets once more.
    ///
    /// # Errors
    /// When the system has no room for more file descriptors.
    pub fn all(&self) -> io::Result<Vec<Listening>> {
        let of = |socket: &TcpListener, purpose| {
            Listening::of(socket, purpose, socket.local_addr().ok())
        };
        let clients = self.tcp.iter().flatten();
        let clients = clients.map(|socket| of(socket, Purpose::Clients));
        let unix = self.unix.iter();
        let unix = unix.map(|unix| Listening::of(&unix.listener, Purpose::Clients, None));
        let metrics = self.metrics.iter();
        let metrics = metrics.map(|socket| of(socket, Purpose::Metrics));
        clients.chain(unix).chain(metrics).collect()
    }
}

/// Why clients cannot come.
#[derive(Debug, Error)]
pub enum ListenError {
    /// The address cannot be had.
    #[error("cannot listen on {address}: {source}; {}", advice(.source))]
    Bind {
        /// Host and port, or the path of a Unix socket.
        address: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A name in `listen_addr` leads nowhere.
    #[error("cannot resolve {host:?} in listen_addr: {source}")]
    Resolve {
        /// The name.
        host: String,
        /// The resolver's reason.
        source: io::Error,
    },
    /// A socket that somebody else opened is of no use.
    #[error("cannot use a socket that was handed to this process: {0}")]
    Handed(#[source] io::Error),
    /// Neither `listen_addr` nor `unix_socket_dir` is set.
    #[error("nowhere to listen: expected listen_addr or unix_socket_dir to be set")]
    Nowhere,
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "stop what listens there, or choose another listen_port",
        io::ErrorKind::AddrNotAvailable => "listen_addr must be an address of this machine, or *",
        io::ErrorKind::PermissionDenied => "choose a port above 1023, or a folder we may write to",
        _ => "see listen_addr, listen_port and unix_socket_dir",
    }
}

/// Opens all sockets that the settings ask for, those of clients on TCP once for each of `cores`
/// cores. Sockets that were handed over come in place of all that clients would come on.
///
/// # Errors
///
/// The first address that cannot be had.
pub fn listen(settings: &Settings, cores: usize, handed: Handed) -> Result<Listeners, ListenError> {
    let metrics = match handed.metrics {
        none if none.is_empty() => listen_metrics(settings)?,
        metrics => metrics,
    };
    if !handed.tcp.is_empty() || !handed.unix.is_empty() {
        let adopted = handed::adopt(handed.tcp, handed.unix, cores).map_err(ListenError::Handed)?;
        return Ok(Listeners { metrics, ..adopted });
    }
    let mut tcp: Vec<Vec<_>> = (0..cores).map(|_| Vec::new()).collect();
    for address in addresses(&settings.listen_addr, settings.listen_port)? {
        let bind = |source| ListenError::Bind {
            address: address.to_string(),
            source,
        };
        let opened = open_for_all(address, settings, cores).map_err(bind)?;
        for (sockets, socket) in tcp.iter_mut().zip(opened) {
            sockets.push(socket.into());
        }
    }
    let unix: Vec<_> = listen_unix(settings)?.into_iter().collect();
    if unix.is_empty() && tcp[0].is_empty() {
        return Err(ListenError::Nowhere);
    }
    Ok(Listeners { tcp, unix, metrics })
}

fn listen_metrics(settings: &Settings) -> Result<Vec<TcpListener>, ListenError> {
    let addresses = addresses(&settings.metrics_listen_addr, settings.metrics_listen_port)?;
    let open = |address: SocketAddr| {
        let bound = bind_tcp(address, false);
        let opened = bound.and_then(|socket| start_listening(&socket, settings).map(|()| socket));
        opened
            .map(TcpListener::from)
            .map_err(|source| ListenError::Bind {
                address: format!("{address} (metrics_listen_addr)"),
                source,
            })
    };
    addresses.into_iter().map(open).collect()
}

fn addresses(hosts: &[ListenHost], port: u16) -> Result<Vec<SocketAddr>, ListenError> {
    let mut addresses = Vec::new();
    for host in hosts {
        match host {
            ListenHost::Any => {
                let any = [
                    IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                    IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                ];
                let has_v6 = Socket::new(Domain::IPV6, Type::STREAM, None).is_ok();
                let usable = any
                    .into_iter()
                    .filter(|address| address.is_ipv4() || has_v6);
                addresses.extend(usable.map(|address| SocketAddr::new(address, port)));
            }
            ListenHost::Named(name) => {
                let resolve = |source| ListenError::Resolve {
                    host: name.clone(),
                    source,
                };
                addresses.extend((name.as_str(), port).to_socket_addrs().map_err(resolve)?);
            }
        }
    }
    Ok(addresses)
}

/// One socket for each of `cores` cores, all at `address`.
///
/// Sockets that share an address would share it with another process of ours too. So the first is
/// bound as if it were alone, which fails if anybody has the address, and shares it from then on;
/// the address is never let go in between. None listens before all are bound: who connects to a
/// socket finds it there.
fn open_for_all(address: SocketAddr, settings: &Settings, cores: usize) -> io::Result<Vec<Socket>> {
    let first = bind_tcp(address, settings.so_reuseport)?;
    let bound = first.local_addr()?.as_socket().unwrap_or(address);
    if cores > 1 {
        first.set_reuse_port(true)?;
    }
    let mut sockets = vec![first];
    for _ in 1..cores {
        sockets.push(bind_tcp(bound, true)?);
    }
    for socket in &sockets {
        start_listening(socket, settings)?;
    }
    Ok(sockets)
}

fn bind_tcp(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    if address.is_ipv6() {
        // IPv4 has a socket of its own.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn start_listening(socket: &Socket, settings: &Settings) -> io::Result<()> {
    if settings.tcp_defer_accept {
        crate::tcp::defer_accept(socket)?;
    }
    socket.listen(i32::try_from(settings.listen_backlog).unwrap_or(i32::MAX))
}

fn listen_unix(settings: &Settings) -> Result<Option<UnixSocket>, ListenError> {
    let name = format!(".s.PGSQL.{}", settings.listen_port);
    let (address, opened) = match &settings.unix_socket_dir {
        SocketDir::None => return Ok(None),
        SocketDir::Directory(directory) => {
            let path = directory.join(name);
            (path.display().to_string(), listen_path(path, settings))
        }
        SocketDir::Abstract(directory) => {
            let name = format!("{directory}/{name}");
            let opened = std::os::unix::net::SocketAddr::from_abstract_name(&name)
                .and_then(|address| UnixListener::bind_addr(&address))
                .map(|listener| UnixSocket {
                    listener,
                    file: None,
                });
            (format!("@{name}"), opened)
        }
    };
    let bind = |source| ListenError::Bind {
        address: address.clone(),
        source,
    };
    let socket = opened.map_err(bind)?;
    socket.listener.set_nonblocking(true).map_err(bind)?;
    Ok(Some(socket))
}

fn listen_path(path: PathBuf, settings: &Settings) -> io::Result<UnixSocket> {
    match std::os::unix::net::UnixStream::connect(&path) {
        Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
        // Nobody listens behind it: it was left by a process that did not end in order.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(&path)?;
        }
        Err(_) => {}
    }
    let listener = UnixListener::bind(&path)?;
    let file = SocketFile(path);
    // The group first: the wider mode must not be had by the group that the socket was made with.
    if let Some(group) = &settings.unix_socket_group {
        chown(&file.0, None, Some(group_id(group)?))?;
    }
    let FileMode(mode) = settings.unix_socket_mode;
    std::fs::set_permissions(&file.0, Permissions::from_mode(mode))?;
    Ok(UnixSocket {
        listener,
        file: Some(file),
    })
}

/// The number of a group, which may be written as its name or as the number itself.
fn group_id(group: &str) -> io::Result<u32> {
    if let Ok(id) = group.parse() {
        return Ok(id);
    }
    let found = Group::from_name(group).map_err(io::Error::from)?;
    found.map(|group| group.gid.as_raw()).ok_or_else(|| {
        let words = format!("unix_socket_group: there is no group {group:?}");
        io::Error::new(io::ErrorKind::NotFound, words)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_unix_socket_has_its_mode_and_group() {
        let folder = tempfile::tempdir().unwrap();
        // The only group that everybody may give a file to is the own one.
        let group = nix::unistd::getegid().as_raw();
        let settings = Settings {
            unix_socket_mode: FileMode(0o640),
            unix_socket_group: Some(group.to_string()),
            ..Settings::default()
        };
        let path = folder.path().join("socket");
        let socket = listen_path(path.clone(), &settings).unwrap();
        let found = std::fs::metadata(&path).unwrap();
        assert_eq!(found.mode() & 0o7777, 0o640);
        assert_eq!(found.gid(), group);
        drop(socket);
        assert!(!path.exists(), "its file goes with it");
    }

    #[test]
    fn a_port_is_shared_on_request_only() {
        let open = |port: u16, shared: bool| {
            let settings = Settings {
                so_reuseport: shared,
                ..on_loopback(port)
            };
            listen(&settings, 1, Handed::default())
        };
        let first = open(0, true).unwrap();
        let port = first.tcp[0][0].local_addr().unwrap().port();
        assert!(open(port, true).is_ok());
        assert!(open(port, false).is_err());
    }

    fn on_loopback(port: u16) -> Settings {
        Settings {
            listen_addr: vec![ListenHost::Named("127.0.0.1".to_owned())],
            listen_port: port,
            unix_socket_dir: SocketDir::None,
            ..Settings::default()
        }
    }

    #[test]
    fn the_cores_share_a_port_and_nobody_else_does() {
        let listeners = listen(&on_loopback(0), 3, Handed::default()).unwrap();
        let ports = listeners.tcp.iter().flatten();
        let mut ports: Vec<_> = ports.map(|l| l.local_addr().unwrap().port()).collect();
        assert_eq!(ports.len(), 3);
        ports.dedup();
        let [port] = ports[..] else {
            panic!("expected one port, got {ports:?}");
        };
        assert!(listen(&on_loopback(port), 1, Handed::default()).is_err());
        assert!(listen(&on_loopback(port), 3, Handed::default()).is_err());
    }

    /// The system completes one connection more than it was told to keep (listen(2) of Linux).
    #[test]
    fn as_many_connections_wait_as_listen_backlog_says() {
        let settings = Settings {
            listen_backlog: 2,
            // It keeps connections that say nothing out of the queue.
            tcp_defer_accept: false,
            ..on_loopback(0)
        };
        let listeners = listen(&settings, 1, Handed::default()).unwrap();
        let address = listeners.tcp[0][0].local_addr().unwrap();
        let patience = std::time::Duration::from_millis(200);
        let connect = |_| std::net::TcpStream::connect_timeout(&address, patience).ok();
        let waiting: Vec<_> = (0..5).map_while(connect).collect();
        assert_eq!(waiting.len(), 3);
    }

    #[test]
    fn groups() {
        assert_eq!(group_id("0").unwrap(), 0);
        assert_eq!(group_id("root").unwrap(), 0);
        let words = group_id("no such group").unwrap_err().to_string();
        assert!(words.contains("there is no group"), "{words}");
    }
}
