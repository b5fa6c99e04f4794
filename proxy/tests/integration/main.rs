//! The pooler as a whole, against a real PostgreSQL.
//!
//! What a test expects is what PostgreSQL itself says: each conversation is held with PostgreSQL
//! first, and then through the poolers, which must give the same answer.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where it stands"
)]

mod cluster;
mod latch;
mod patience;
mod raw;
mod site;

mod auth;
mod cancel;
mod cli;
mod client_loss;
mod console;
mod conversation;
mod copy;
mod drivers;
mod exporter;
mod fragments;
mod malformed;
mod memory;
mod metrics;
mod notices;
mod peers;
mod pipeline;
mod prepared;
mod replication;
mod residue;
mod server_loss;
mod sharing;
mod shutdown;
mod sizes;
mod smoke;
mod startup;
mod storm;
mod tls;
mod waiting;
