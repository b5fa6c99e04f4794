//! Poolproof's pooler for PostgreSQL: a drop-in for PgBouncer.
//!
//! The files tell the life of a connection:
//! `listen → client/startup → client/auth → client/session → pool → relay → server`.
//!
//! - [`listen`] opens the sockets, [`worker`] runs one thread and one runtime for each core;
//! - [`client`] takes a connection from its first byte ([`client::connection`]) to a session
//!   ([`client::session`]), a small state machine that asks for a server when a batch is whole;
//! - [`pool`] decides who gets which server ([`pool::state`]) and has servers opened;
//! - [`server`] is a connection to PostgreSQL; [`protocol::exchange`] knows what it still owes;
//! - [`cancel`] carries cancel requests to the query that they mean, or nowhere.
//!
//! [`start`] runs a pooler from a [`config::Config`]; the [`Running`] that it returns is watched
//! and stopped.

pub mod auth;
pub mod cancel;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod console;
pub mod cores;
pub mod deadline;
pub mod handover;
pub mod io;
pub mod keeper;
pub mod listen;
pub mod log;
pub mod metrics;
pub mod parameters;
pub mod pool;
pub mod prepared;
pub mod protocol;
pub mod running;
pub mod server;
pub mod shared;
pub mod stats;
pub mod stop;
pub mod tcp;
pub mod tls;
pub mod worker;

pub use running::{Opened, Running, StartError, open, start, start_on};
pub use stop::Stop;
