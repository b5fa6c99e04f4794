//! PostgreSQL's frontend/backend protocol: bytes in, meaning out, no sockets.

pub mod message;
pub mod startup;
