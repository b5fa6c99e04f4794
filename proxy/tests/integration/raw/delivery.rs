//! What has become of the bytes that were sent.

use std::fs;
use std::net::{SocketAddr, TcpStream};

use crate::patience::wait_until;

/// Returns when the program at the other end, on this machine too, has read all that was sent.
///
/// Small writes one after the other would be glued together in the receiver's socket. The kernel
/// says how many bytes wait there, so that nothing need be guessed with a pause.
pub(crate) fn wait_until_read(stream: &TcpStream) {
    wait_until("the other side to read", || unread_by_peer(stream) == 0);
}

/// Closes `stream` and returns when the program at the other end has closed its side too.
pub(super) fn close_on_both_sides(stream: TcpStream) {
    let theirs = other_end(&stream);
    drop(stream);
    wait_until("the other side to close", || line_of(&theirs).is_none());
}

/// The bytes that wait in the socket at the other end; none once it has closed.
fn unread_by_peer(stream: &TcpStream) -> u64 {
    let Some(line) = line_of(&other_end(stream)) else {
        return 0;
    };
    // `sl local_address rem_address st tx_queue:rx_queue …`, numbers in hexadecimal.
    let queues = line.split_whitespace().nth(4).expect("a column of queues");
    let (_, received) = queues.split_once(':').expect("two queues");
    u64::from_str_radix(received, 16).expect("a number")
}

/// The other end of `stream` as its line in `/proc/net/tcp` names it.
fn other_end(stream: &TcpStream) -> String {
    let ours = stream.local_addr().expect("local address");
    let theirs = stream.peer_addr().expect("peer address");
    format!("{} {} ", hexadecimal(theirs), hexadecimal(ours))
}

fn line_of(addresses: &str) -> Option<String> {
    let table = fs::read_to_string("/proc/net/tcp").expect("read /proc/net/tcp");
    let line = table.lines().find(|line| line.contains(addresses));
    line.map(str::to_owned)
}

/// An address as `/proc/net/tcp` writes it: the host's octets as one little-endian number.
fn hexadecimal(address: SocketAddr) -> String {
    let SocketAddr::V4(address) = address else {
        panic!("the tests use IPv4");
    };
    let host = u32::from_le_bytes(address.ip().octets());
    format!("{host:08X}:{:04X}", address.port())
}
