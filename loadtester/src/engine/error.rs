//! Why a window could not be run at all.

use std::io;

/// A failure of the generator itself. What the target does wrong is a figure, not one of these.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The host of the endpoint has no address.
    #[error("expected a host with an address, got {host:?}: {source}")]
    Address {
        /// The host as it was given.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// A statement cannot be sent.
    #[error("transaction {transaction:?} cannot be encoded: {reason}")]
    Encode {
        /// Name of the transaction in the scenario.
        transaction: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No thread, descriptor or poll for the generator.
    #[error("the load generator cannot run: {0}")]
    Generator(#[source] io::Error),
    /// A certificate or a host that TLS cannot work with.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// A generator thread ended by a panic: a fault of this program.
    #[error("a thread of the load generator ended early; please report this")]
    Panicked,
}
