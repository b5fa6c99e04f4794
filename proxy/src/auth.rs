//! Passwords and proofs: pure state machines, no I/O.

pub mod credential;
