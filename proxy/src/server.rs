//! The side of the pooler that faces PostgreSQL servers.

pub mod login;
