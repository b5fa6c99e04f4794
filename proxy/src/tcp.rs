//! What the settings `tcp_…` ask of the system, of connections on both sides.

use std::io;
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use socket2::{SockRef, Socket, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};

use crate::config::Settings;

/// Has the system treat a connection as `settings` say. What it refuses, it refuses for good
/// reason (a buffer beyond its limits, say), and the connection works without.
pub fn tune(socket: &TcpStream, settings: &Settings) {
    let socket = SockRef::from(socket);
    tune_usual(&socket, settings);
    tune_particulars(&socket, settings);
}

/// The same for all connections that will be accepted on `listener`: on Linux they begin with its
/// options, so that none of them has to be told. What a listener could not be made to forget at a
/// reload is left to [`tune_accepted`].
pub fn tune_listener(listener: &TcpListener, settings: &Settings) {
    tune_usual(&SockRef::from(listener), settings);
}

/// What every connection is to have.
fn tune_usual(socket: &SockRef<'_>, settings: &Settings) {
    // Messages are written whole; waiting for more of them only delays the answer.
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_keepalive(settings.tcp_keepalive);
}

/// What a connection from a listener that is tuned still has to be told: nothing, unless
/// `settings` say more than they do of themselves.
pub fn tune_accepted(socket: &TcpStream, settings: &Settings) {
    tune_particulars(&SockRef::from(socket), settings);
}

/// What the system has values of its own for.
fn tune_particulars(socket: &SockRef<'_>, settings: &Settings) {
    let has_times = [
        settings.tcp_keepidle,
        settings.tcp_keepintvl,
        settings.tcp_keepcnt,
    ]
    .iter()
    .any(|&value| value > 0);
    if settings.tcp_keepalive && has_times {
        let _ = socket.set_tcp_keepalive(&keepalive(settings));
    }
    if let Some(time) = settings.tcp_user_timeout.get() {
        let _ = socket.set_tcp_user_timeout(Some(time));
    }
    if settings.tcp_socket_buffer > 0 {
        let bytes = settings.tcp_socket_buffer as usize;
        let _ = socket.set_recv_buffer_size(bytes);
        let _ = socket.set_send_buffer_size(bytes);
    }
}

/// Has the system keep connections from us until they have said something. Those who say nothing
/// for this many seconds are let through all the same.
const DEFER_S: libc::c_int = 45;

/// `tcp_defer_accept`, on a socket that listens.
///
/// # Errors
/// When the system knows no such thing.
#[expect(unsafe_code, reason = "no crate at hand has this option")]
pub fn defer_accept(socket: &Socket) -> io::Result<()> {
    let seconds = DEFER_S;
    let length = libc::socklen_t::try_from(size_of_val(&seconds)).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open as long as `socket` is borrowed, and the option is an int,
    // which is what the pointer and the length describe.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            length,
        )
    };
    if outcome == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn keepalive(settings: &Settings) -> TcpKeepalive {
    let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
    let mut keepalive = TcpKeepalive::new();
    if settings.tcp_keepidle > 0 {
        keepalive = keepalive.with_time(seconds(settings.tcp_keepidle));
    }
    if settings.tcp_keepintvl > 0 {
        keepalive = keepalive.with_interval(seconds(settings.tcp_keepintvl));
    }
    if settings.tcp_keepcnt > 0 {
        keepalive = keepalive.with_retries(settings.tcp_keepcnt);
    }
    keepalive
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::section::Section as _;

    /// A connection of ours, and one that came to us.
    async fn tuned(settings: &Settings) -> [TcpStream; 2] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        tune_listener(&listener, settings);
        let address = listener.local_addr().unwrap();
        let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (ours, (theirs, _)) = (ours.unwrap(), theirs.unwrap());
        tune(&ours, settings);
        tune_accepted(&theirs, settings);
        [ours, theirs]
    }

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let mut settings = Settings::default();
        for (name, value) in pairs {
            let key = Settings::key(name).unwrap();
            (key.parse)(&mut settings, value).unwrap();
        }
        settings
    }

    #[tokio::test]
    async fn the_system_is_told_what_the_settings_say() {
        let sockets = tuned(&settings(&[
            ("tcp_keepidle", "70"),
            ("tcp_keepintvl", "8"),
            ("tcp_keepcnt", "3"),
            ("tcp_user_timeout", "4321"),
            ("tcp_socket_buffer", "8192"),
        ]))
        .await;
        for socket in &sockets {
            let socket = SockRef::from(socket);
            assert!(socket.keepalive().unwrap());
            let seconds = Duration::from_secs;
            assert_eq!(socket.tcp_keepalive_time().unwrap(), seconds(70));
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), seconds(8));
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
            let timeout = socket.tcp_user_timeout().unwrap();
            assert_eq!(timeout, Some(Duration::from_millis(4321)));
            // Linux doubles what it is asked for.
            assert_eq!(socket.send_buffer_size().unwrap(), 16_384);
            assert!(socket.tcp_nodelay().unwrap());
        }
    }

    #[tokio::test]
    async fn what_is_not_set_is_left_to_the_system() {
        let untouched = tuned(&settings(&[("tcp_keepalive", "0")])).await;
        let usual = tuned(&Settings::default()).await;
        for (untouched, usual) in untouched.iter().zip(&usual) {
            let (untouched, usual) = (SockRef::from(untouched), SockRef::from(usual));
            assert!(!untouched.keepalive().unwrap());
            assert_eq!(untouched.tcp_user_timeout().unwrap(), None);
            assert!(usual.keepalive().unwrap() && usual.tcp_nodelay().unwrap());
            assert_eq!(
                usual.tcp_keepalive_time().unwrap(),
                untouched.tcp_keepalive_time().unwrap()
            );
        }
    }
}
