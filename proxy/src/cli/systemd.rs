//! What systemd is told: that the pooler is up, that it reloads, that it stops (sd_notify(3)).

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use nix::time::{ClockId, clock_gettime};

/// What the service is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It serves clients.
    Ready,
    /// It reads its configuration again.
    Reloading,
    /// It comes to its end.
    Stopping,
}

impl Standing {
    fn words(self) -> String {
        match self {
            // The process that took over from another one is the service from now on.
            Self::Ready => format!("READY=1\nMAINPID={}", std::process::id()),
            Self::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_us()),
            Self::Stopping => "STOPPING=1".to_owned(),
        }
    }
}

fn monotonic_us() -> i64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC);
    time.map_or(0, |time| time.tv_sec() * 1_000_000 + time.tv_nsec() / 1_000)
}

/// Tells systemd, if it asked to be told by `NOTIFY_SOCKET`. Whoever does not listen any more is
/// no reason to stop.
pub(super) fn tell(standing: Standing) {
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET")
        && let Err(error) = send(&socket, &standing.words())
    {
        tracing::warn!(%error, "cannot tell systemd: {standing:?}");
    }
}

fn send(socket: &OsStr, words: &str) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let sender = UnixDatagram::unbound()?;
    sender.send_to_addr(words.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_reach_the_socket_in_the_file_system_and_the_abstract_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("poolproof-test-{}", std::process::id());
        let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
        let listeners = [
            UnixDatagram::bind(&path).unwrap(),
            UnixDatagram::bind_addr(&abstract_name).unwrap(),
        ];
        let sockets = [path.display().to_string(), format!("@{name}")];
        for (listener, socket) in listeners.iter().zip(sockets) {
            send(OsStr::new(&socket), &Standing::Stopping.words()).unwrap();
            let mut buffer = [0; 64];
            let len = listener.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..len], b"STOPPING=1");
        }
        assert!(
            Standing::Reloading
                .words()
                .starts_with("RELOADING=1\nMONOTONIC_USEC=")
        );
    }
}
