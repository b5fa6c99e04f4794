//! The pooler as a whole, against a real PostgreSQL.
//!
//! What a test expects is what PostgreSQL itself says: each conversation is held with PostgreSQL
//! first, and then through the poolers, which must give the same answer.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where it stands"
)]

mod cluster;
mod patience;
mod raw;

mod smoke;
