//! Where a client comes from, as far as it says who the client may be.

use std::net::IpAddr;

use nix::unistd::{Uid, User};

use super::card::ClientAddress;
use crate::io::Stream;
use crate::tls::common_name;

/// Where a client comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// TCP.
    Tcp {
        /// Its address.
        address: IpAddr,
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
    /// Where the client on `stream`, which came from `address`, comes from.
    #[must_use]
    pub fn of(stream: &Stream, address: ClientAddress) -> Self {
        match address {
            ClientAddress::Tcp { remote, .. } => {
                let certificates = stream.tls().and_then(|tls| tls.peer_certificates());
                let shown = certificates.and_then(<[_]>::first);
                Self::Tcp {
                    address: remote.ip(),
                    encrypted: stream.tls().is_some(),
                    certificate: shown.map(|certificate| common_name(certificate)),
                }
            }
            ClientAddress::Unix => {
                let peer = stream.unix().and_then(|socket| socket.peer_cred().ok());
                Self::Unix {
                    user: peer.map(|peer| Uid::from_raw(peer.uid())),
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
