//! Where PostgreSQL is.

use std::net::SocketAddr;

/// The PostgreSQL behind the proxy.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    /// Password of the only role.
    pub(crate) password: Option<String>,
}
