//! Every report of one simulated run: read, compared with the record, and checked for its bounds.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests end at the first surprise, and the simulation draws small positive numbers"
)]

mod browser;
mod files;
mod fixture;
mod history;
mod page;
mod text;
