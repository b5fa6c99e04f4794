//! Pools.

pub mod state;
