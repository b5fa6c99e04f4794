//! Encryption of both sides, and what certificates prove.
//!
//! Everything that files and settings say is read once, with the configuration, into a
//! [`ClientTls`] and a [`ServerTls`]; connections that are open keep the one that they began with,
//! so that a reload replaces certificates without disturbing anybody.

mod certificate;
mod clients;
mod files;
mod keys;
mod servers;
mod suites;
mod verify;

pub use certificate::{common_name, end_point_hash};
pub use clients::ClientTls;
pub use keys::{CLIENT_KEYS, Remark, SERVER_KEYS};
pub use servers::ServerTls;

/// What PostgreSQL calls its protocol in ALPN (registered with IANA); direct TLS demands it.
pub const ALPN: &[u8] = b"postgresql";
