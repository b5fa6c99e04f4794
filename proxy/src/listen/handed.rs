//! Sockets that another process opened: systemd, or a pooler that this one takes over from.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;

use listenfd::ListenFd;

use super::{Listeners, SocketFile, UnixSocket};

/// Sockets that listen already.
#[derive(Debug, Default)]
pub struct Handed {
    /// TCP, for clients; several may share an address.
    pub tcp: Vec<TcpListener>,
    /// Unix, for clients.
    pub unix: Vec<HandedUnix>,
    /// TCP, for metrics.
    pub metrics: Vec<TcpListener>,
}

/// A Unix socket that listens already.
#[derive(Debug)]
pub struct HandedUnix {
    /// The socket.
    pub listener: UnixListener,
    /// Whether its file is for us to delete.
    pub ours: bool,
}

impl Handed {
    /// The sockets that systemd gave this process (`LISTEN_FDS`, sd_listen_fds(3)); their files
    /// are systemd's. Those of a kind on which no client can come are refused.
    ///
    /// # Errors
    /// The first that does not listen on TCP or Unix.
    pub fn from_systemd() -> io::Result<Self> {
        let mut given = ListenFd::from_env();
        let mut handed = Self::default();
        for at in 0..given.len() {
            match given.take_unix_listener(at) {
                Ok(None) => {}
                Ok(Some(listener)) => {
                    let ours = false;
                    handed.unix.push(HandedUnix { listener, ours });
                }
                Err(_) => handed.tcp.extend(given.take_tcp_listener(at)?),
            }
        }
        Ok(handed)
    }
}

/// Gives each core its sockets. All are served, as connections come in on each; a core for which
/// there is none of an address shares one.
pub(super) fn adopt(
    handed: Vec<TcpListener>,
    unix: Vec<HandedUnix>,
    cores: usize,
) -> io::Result<Listeners> {
    let mut groups: Vec<(_, Vec<TcpListener>)> = Vec::new();
    for socket in handed {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        match groups.iter_mut().find(|(known, _)| *known == address) {
            Some((_, group)) => group.push(socket),
            None => groups.push((address, vec![socket])),
        }
    }
    let mut tcp: Vec<Vec<_>> = (0..cores).map(|_| Vec::new()).collect();
    for (_, group) in groups {
        for core in group.len()..cores {
            tcp[core].push(group[core % group.len()].try_clone()?);
        }
        for (at, socket) in group.into_iter().enumerate() {
            tcp[at % cores].push(socket);
        }
    }
    let unix = unix.into_iter().map(|HandedUnix { listener, ours }| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let path = address.as_pathname().filter(|_| ours);
        let file = path.map(Path::to_path_buf).map(SocketFile);
        Ok(UnixSocket { listener, file })
    });
    Ok(Listeners {
        tcp,
        unix: unix.collect::<io::Result<_>>()?,
        metrics: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many sockets each core has of those that were handed over.
    fn spread(sockets: usize, cores: usize) -> Vec<usize> {
        let one = TcpListener::bind("127.0.0.1:0").unwrap();
        let handed = (0..sockets).map(|_| one.try_clone().unwrap()).collect();
        let adopted = adopt(handed, Vec::new(), cores).unwrap();
        adopted.tcp.iter().map(Vec::len).collect()
    }

    #[test]
    fn every_core_listens_and_every_socket_is_served() {
        assert_eq!(spread(1, 1), [1]);
        assert_eq!(spread(1, 3), [1, 1, 1]);
        assert_eq!(spread(2, 3), [1, 1, 1]);
        assert_eq!(spread(3, 2), [2, 1]);
        assert_eq!(spread(5, 1), [5]);
    }

    #[test]
    fn the_file_of_a_socket_goes_with_whoever_owns_it() {
        let folder = tempfile::tempdir().unwrap();
        for ours in [true, false] {
            let path = folder.path().join(format!("{ours}"));
            let listener = UnixListener::bind(&path).unwrap();
            let adopted = adopt(Vec::new(), vec![HandedUnix { listener, ours }], 1).unwrap();
            drop(adopted);
            assert_eq!(path.exists(), !ours);
        }
    }
}
