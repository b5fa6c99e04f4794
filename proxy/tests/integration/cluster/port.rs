//! Free ports.

use std::net::{Ipv4Addr, TcpListener};

/// A loopback port that was free a moment ago.
///
/// Another process may take it before our server does: whoever starts one tries again.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind a loopback port");
    listener.local_addr().expect("local address").port()
}
