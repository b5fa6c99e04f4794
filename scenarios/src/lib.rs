//! What is run: the scenario model, its parser and the catalog.
//!
//! A scenario is one TOML file. This crate turns it into [`Scenario`], or says what was expected,
//! what came and where. It knows nothing of sockets, clocks or results.

pub mod load;
pub mod pool;
pub mod scenario;
pub mod threshold;
pub mod workload;

pub use scenario::Scenario;
