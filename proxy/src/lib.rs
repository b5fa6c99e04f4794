//! Poolproof's pooler for PostgreSQL: a drop-in for PgBouncer.
//!
//! The files tell the life of a connection:
//! `listen → client/startup → client/auth → client/session → pool → relay → server`.

pub mod auth;
pub mod client;
pub mod config;
pub mod deadline;
pub mod log;
pub mod protocol;
pub mod server;
