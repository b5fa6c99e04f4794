//! Where a client comes from, as far as it says who the client may be.

use std::net::IpAddr;

use nix::unistd::{Uid, User};

use crate::io::Stream;
use crate::tls::common_name;

/// Where a client comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// TCP.
    Tcp {
        /// Its address, where the system still knows it.
        address: Option<IpAddr>,
        /// Over TLS.
        encrypted: bool,
        /// What its certificate calls it. `Some(None)` is a certificate without one common name.
        certificate: Option<Option<String>>,
    },
    /// A Unix socket.
    Unix {
        /// The system user of the process at the other end.
        user: Option<Uid>,
    },
}

impl Origin {
    /// Where the client on `stream` comes from.
    #[must_use]
    pub fn of(stream: &Stream) -> Self {
        match stream {
            Stream::Tcp(socket) => Self::Tcp {
                address: socket.peer_addr().ok().map(|address| address.ip()),
                encrypted: false,
                certificate: None,
            },
            Stream::Unix(socket) => Self::Unix {
                user: socket
                    .peer_cred()
                    .ok()
                    .map(|peer| Uid::from_raw(peer.uid())),
            },
            Stream::Tls(tls) => {
                let (carrier, session) = tls.get_ref();
                let shown = session.peer_certificates().and_then(<[_]>::first);
                Self::Tcp {
                    address: carrier.peer_addr().map(|address| address.ip()),
                    encrypted: true,
                    certificate: shown.map(|certificate| common_name(certificate)),
                }
            }
        }
    }

    /// The name of the system user of a client on a Unix socket. Looks it up in the system's
    /// database of users, which may read files.
    #[must_use]
    pub fn system_user(&self) -> Option<String> {
        let Self::Unix { user: Some(uid) } = self else {
            return None;
        };
        Some(User::from_uid(*uid).ok()??.name)
    }

    /// Whether it is a process of the very user as whom the pooler runs.
    #[must_use]
    pub fn is_own_user(&self) -> bool {
        matches!(self, Self::Unix { user: Some(user) } if *user == Uid::effective())
    }
}
