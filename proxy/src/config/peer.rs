//! Section `[peers]`: the other poolers behind the same port.

use super::database::ServerHost;
use super::section::section;

section! {
    /// The connect string of one peer.
    pub struct Peer (aliases &[]) {
        /// Its host, or the directory of its Unix socket.
        host: Vec<ServerHost> = Vec::new(), Live, Honoured;
        /// Its port.
        port: u16 = 6432, Live, Honoured;
        /// Connections to it for cancel requests.
        pool_size: Option<u32> = None, Live, Honoured;
    }
}
