//! Poolproof's pooler for PostgreSQL: a drop-in for PgBouncer.
//!
//! The files tell the life of a connection:
//! `listen → client/startup → client/auth → client/session → pool → relay → server`.

pub mod auth;
pub mod cancel;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod cores;
pub mod deadline;
pub mod io;
pub mod listen;
pub mod log;
pub mod parameters;
pub mod pool;
pub mod protocol;
pub mod running;
pub mod server;
pub mod shared;
pub mod stats;
pub mod stop;
pub mod worker;

pub use running::{Running, StartError, start};
pub use stop::Stop;
