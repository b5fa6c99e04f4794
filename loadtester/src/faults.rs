//! Faults on their way: what is done to whom while a window runs, and what came of it.
//!
//! ```text
//! course    when a fault begins and ends; pure
//! director  does it, on the thread that owns the environment
//!  ├ link      delays, stalls, cuts and resets what passes between two parties
//!  └ saboteur  clients that misbehave
//! effect    from a window's steps to what a fault did to it; pure
//! ```

mod course;
mod director;
mod effect;
pub mod link;
mod saboteur;

pub use director::{Cast, attend};
pub use link::Link;
pub(crate) use saboteur::log_in;
