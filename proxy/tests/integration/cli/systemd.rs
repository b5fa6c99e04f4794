//! What systemd does for a service, and what it is told.

use std::os::unix::net::UnixDatagram;
use std::process::Stdio;

use super::*;
use crate::cluster::hand_over;

/// What comes on `socket`, up to the line that begins with `wanted`.
fn told(socket: &UnixDatagram, wanted: &str) {
    let mut buffer = [0; 256];
    loop {
        let len = socket.recv(&mut buffer).expect("a notification");
        let words = String::from_utf8_lossy(&buffer[..len]).into_owned();
        if words.starts_with(wanted) {
            return;
        }
    }
}

#[test]
fn it_is_told_of_readiness_reloads_and_the_end() {
    bounded(|| {
        let site = Site::new();
        let path = site.folder.join("notify");
        let socket = UnixDatagram::bind(&path).expect("bind");
        hand_over(&path);
        let mut command = site.command(&["-q"]);
        let mut process = site.start_with(command.env("NOTIFY_SOCKET", &path));
        let pid = Pid::from_raw(process.id().cast_signed());
        told(&socket, &format!("READY=1\nMAINPID={pid}"));
        kill(pid, Signal::SIGHUP).expect("kill");
        told(&socket, "RELOADING=1\nMONOTONIC_USEC=");
        told(&socket, "READY=1");
        kill(pid, Signal::SIGTERM).expect("kill");
        told(&socket, "STOPPING=1");
        assert_eq!(process.wait().expect("wait").code(), Some(0));
    });
}

/// A socket that was opened before the pooler started is the one on which clients come, and those
/// that came first are served first.
#[test]
fn sockets_that_are_open_already_are_used() {
    bounded(|| {
        let site = Site::new();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listen");
        let address = listener.local_addr().expect("an address");
        let early = Client::silent(address);
        let pooler = site.command(&["-q"]);
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\" 3<&0 0</dev/null",
                "sh",
            ])
            .arg(pooler.get_program())
            .args(pooler.get_args())
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(listener)));
        let mut process = command.spawn().expect("start the pooler");
        let mut early = early;
        early.send(&crate::raw::startup(&[
            ("user", APP),
            ("database", "postgres"),
        ]));
        early.finish_login().expect("to be let in");
        assert_eq!(early.run("Q SELECT 1"), ONE);
        assert!(!site.answers(), "listen_port is not opened beside it");
        let pid = Pid::from_raw(process.id().cast_signed());
        kill(pid, Signal::SIGQUIT).expect("kill");
        assert_eq!(process.wait().expect("wait").code(), Some(0));
    });
}
