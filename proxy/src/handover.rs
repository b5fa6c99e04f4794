//! One pooler takes over from another without a refused connection: `-R`.
//!
//! The successor logs in to the console of the pooler that runs, on its Unix socket, where the
//! system says that both are the same user's, and says HANDOVER. What listens comes back in rows,
//! each with its socket (`SCM_RIGHTS`, unix(7)). From then on both accept; nobody who waits to be
//! accepted is lost, as the queue belongs to the socket and not to a process. When the successor
//! serves, it says SHUTDOWN WAIT_FOR_CLIENTS on the same connection: the predecessor accepts no
//! more, serves its clients until they leave, and ends.
//!
//! Cancel requests for those clients come to the successor, which does not know their keys. It
//! passes them on to a Unix socket of the predecessor's (`cancel` in the rows), as long as that
//! listens.

pub mod give;
pub mod take;

/// What a row of HANDOVER is about, in its first column.
mod task {
    /// A socket on which clients come.
    pub(super) const CLIENTS: &str = "pooler";
    /// A socket on which metrics are asked for.
    pub(super) const METRICS: &str = "metrics";
    /// Where cancel requests are passed on to; the row has no socket.
    pub(super) const CANCEL: &str = "cancel";
}
