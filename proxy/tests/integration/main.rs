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
mod counters;
mod drivers;
mod exporter;
mod fragments;
mod hosts;
mod lifetimes;
mod malformed;
mod memory;
mod metrics;
mod modes;
mod notices;
mod parameters;
mod peers;
mod pipeline;
mod pool_sizes;
mod prepared;
mod reload;
mod replication;
mod residue;
mod server_loss;
mod sharing;
mod shutdown;
mod sizes;
mod smoke;
mod sockets;
mod startup;
mod storm;
mod timeouts;
mod tls;
mod waiting;
