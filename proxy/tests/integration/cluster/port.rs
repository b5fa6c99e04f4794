//! Free ports.

use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the ports that Linux gives to clients and to listeners that ask for any: none of those
/// takes a port between this moment and that in which our server does.
const FIRST: u32 = 16_384;
const COUNT: u32 = 16_384;

/// A loopback port that was free a moment ago and is never handed out twice.
///
/// Another process may take it before our server does: whoever starts one tries again.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Tests that run at the same time in other processes begin elsewhere.
    let begin = process::id().wrapping_mul(509);
    let mut ports = (0..COUNT).map(|_| {
        let next = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        u16::try_from(FIRST + next % COUNT).expect("below 32,768")
    });
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    ports.find(is_free).expect("a free port")
}
