//! Passwords and proofs: pure state machines, no I/O.

pub mod credential;
pub mod hash;
pub mod md5;
pub mod prover;
pub mod random;
pub mod scram;
pub mod verifier;
