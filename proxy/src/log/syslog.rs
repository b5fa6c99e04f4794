//! Lines for the system's log: datagrams to `/dev/log`, as the C library's `syslog(3)` sends them.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::config::Facility;

/// Where the system's log listens.
pub(super) const SOCKET: &str = "/dev/log";

/// The way to the system's log. One that does not answer is tried again with the next line.
#[derive(Debug, Default)]
pub(super) struct Syslog(Mutex<Option<UnixDatagram>>);

impl Syslog {
    /// Sends `datagram` to the socket at `path`. A line that nobody takes is lost, as there is
    /// nowhere to say so; a log that is slow loses lines rather than hold the pooler up.
    pub(super) fn send(&self, path: &Path, datagram: &str) {
        let mut socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Once more with a new socket: the daemon may have been started again.
        for _ in 0..2 {
            if socket.is_none() {
                *socket = connect(path).ok();
            }
            let Some(connected) = &*socket else {
                return;
            };
            match connected.send(datagram.as_bytes()) {
                Ok(_) => return,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(_) => *socket = None,
            }
        }
    }
}

fn connect(path: &Path) -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// `<priority>time ident[pid]: words`, the format of RFC 3164, chapter 4.1.
pub(super) fn datagram(
    facility: Facility,
    severity: u8,
    now: &jiff::Zoned,
    ident: &str,
    words: &str,
) -> String {
    let priority = number(facility) * 8 + u32::from(severity);
    let time = now.strftime("%b %e %H:%M:%S");
    let pid = std::process::id();
    format!("<{priority}>{time} {ident}[{pid}]: {words}")
}

/// The facility's number (RFC 3164, chapter 4.1.1).
const fn number(facility: Facility) -> u32 {
    match facility {
        Facility::User => 1,
        Facility::Daemon => 3,
        Facility::Auth => 4,
        Facility::AuthPriv => 10,
        Facility::Local0 => 16,
        Facility::Local1 => 17,
        Facility::Local2 => 18,
        Facility::Local3 => 19,
        Facility::Local4 => 20,
        Facility::Local5 => 21,
        Facility::Local6 => 22,
        Facility::Local7 => 23,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_that_of_the_c_library() {
        let time: jiff::Timestamp = "2026-01-05T03:04:05Z".parse().unwrap();
        let now = time.to_zoned(jiff::tz::TimeZone::UTC);
        let found = datagram(Facility::Daemon, 6, &now, "pgbouncer", "process up");
        let pid = std::process::id();
        let expected = format!("<30>Jan  5 03:04:05 pgbouncer[{pid}]: process up");
        assert_eq!(found, expected);
        assert!(datagram(Facility::Local7, 3, &now, "x", "y").starts_with("<187>"));
    }

    #[test]
    fn lines_reach_whoever_listens_and_are_lost_without() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let syslog = Syslog::default();
        syslog.send(&path, "lost");
        let daemon = UnixDatagram::bind(&path).unwrap();
        syslog.send(&path, "one");
        let mut buffer = [0; 16];
        let read = |daemon: &UnixDatagram, buffer: &mut [u8]| {
            let len = daemon.recv(buffer).unwrap();
            String::from_utf8_lossy(&buffer[..len]).into_owned()
        };
        assert_eq!(read(&daemon, &mut buffer), "one");
        drop(daemon);
        std::fs::remove_file(&path).unwrap();
        let daemon = UnixDatagram::bind(&path).unwrap();
        syslog.send(&path, "two");
        assert_eq!(read(&daemon, &mut buffer), "two");
    }
}
