//! The command line from outside: the binary is started as a user starts it, with real servers, and
//! judged by its exit code, its words, its files, and by what it leaves behind.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of a test fails the test"
)]

mod bench;
mod catalog;
mod compare;
mod faults;
mod history;
mod interruption;
mod leftovers;
mod processes;
mod replay;
mod sensitivity;
mod trouble;
mod usage;
mod verdicts;
