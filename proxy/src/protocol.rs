//! PostgreSQL's frontend/backend protocol: bytes in, meaning out, no sockets.

pub mod exchange;
pub mod frame;
pub mod message;
pub mod options;
pub mod sql;
pub mod startup;
pub mod tag;
pub mod walker;
