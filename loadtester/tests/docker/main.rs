//! The environment of containers, with a real engine: a comparison, a fault, and that nothing stays.
//!
//! Where no engine answers these tests say so on standard error and check nothing. With
//! `POOLPROOF_REQUIRE_DOCKER` in the environment, as `.ci/run` has it, that fails them.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of a test fails the test"
)]

#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../cli/bench.rs"]
mod bench;
mod compare;
mod engine;
mod faults;
mod leftovers;
