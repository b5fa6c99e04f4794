//! Pool settings under PgBouncer's names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The pool settings of a scenario. Every pooler in the run gets these and no others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PoolSettings {
    /// When a server goes back to the pool.
    pub pool_mode: PoolMode,
    /// Servers in the pool of one database and user.
    pub default_pool_size: u32,
    /// Clients that the pooler accepts.
    pub max_client_conn: u32,
    /// Seconds that a client waits for a server before it gets an error.
    pub query_wait_timeout: u32,
    /// Named prepared statements that a server keeps. Without it each pooler has its own default, and poolers
    /// that do not know the key are not told of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_prepared_statements: Option<u32>,
    /// Threads of a pooler that takes this key, which is ours. Without it the default counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_threads: Option<u32>,
    /// Databases that the clients are spread over, each of which has a pool: `poolproof_1` and so on, made by
    /// the scenario's set-up. With one it is the target's own.
    #[serde(skip_serializing_if = "is_one")]
    pub databases: u32,
    /// Whether the load's clients speak TLS, and the target demands it.
    #[serde(skip_serializing_if = "ClientTls::is_disabled")]
    pub client_tls_sslmode: ClientTls,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the shape that serde takes"
)]
fn is_one(number: &u32) -> bool {
    *number == 1
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            pool_mode: PoolMode::Transaction,
            default_pool_size: 20,
            max_client_conn: 10_000,
            query_wait_timeout: 120,
            max_prepared_statements: None,
            worker_threads: None,
            databases: 1,
            client_tls_sslmode: ClientTls::Disable,
        }
    }
}

/// `client_tls_sslmode` of PgBouncer, as far as it makes a difference to a load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientTls {
    /// Clients speak in the clear.
    #[default]
    Disable,
    /// Clients speak TLS, or are turned away. Those of the load verify the certificate and its name.
    Require,
}

impl ClientTls {
    /// Whether clients speak in the clear.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        *self == Self::Disable
    }
}

/// `pool_mode` of PgBouncer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PoolMode {
    /// A server belongs to a client until the client leaves.
    Session,
    /// A server belongs to a client for one transaction.
    Transaction,
    /// A server belongs to a client for one statement.
    Statement,
}

impl std::fmt::Display for PoolMode {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Session => "session",
            Self::Transaction => "transaction",
            Self::Statement => "statement",
        })
    }
}
