//! Section `[users]`: what differs for some users.

use super::choice::PoolMode;
use super::section::section;
use super::value::{Limit, Timeout};

section! {
    /// The settings of one user. What is `None` is as the database or `[pgbouncer]` says.
    pub struct UserSettings (aliases &[("reserve_pool", "reserve_pool_size")]) {
        /// Servers for each database.
        pool_size: Option<u32> = None, Live, Honoured;
        /// Further servers for a pool whose clients wait too long.
        reserve_pool_size: Option<u32> = None, Live, Honoured;
        /// When a server goes back to its pool.
        pool_mode: Option<PoolMode> = None, Live, Honoured;
        /// Servers, whatever the database.
        max_user_connections: Option<Limit> = None, Live, Honoured;
        /// Clients, whatever the database.
        max_user_client_connections: Option<Limit> = None, Live, Honoured;
        /// Longest run of a query in seconds.
        query_timeout: Option<Timeout> = None, Live, Honoured;
        /// Longest idle time inside a transaction in seconds.
        idle_transaction_timeout: Option<Timeout> = None, Live, Honoured;
        /// Longest transaction in seconds.
        transaction_timeout: Option<Timeout> = None, Live, Honoured;
        /// Idle time after which a client is closed in seconds.
        client_idle_timeout: Option<Timeout> = None, Live, Honoured;
    }
}
