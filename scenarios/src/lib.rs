//! What is run: the scenario model, its parser and the catalog.
//!
//! A scenario is one TOML file. This crate turns it into [`Scenario`], or says what was expected,
//! what came and where. It knows nothing of sockets, clocks or results.

pub mod catalog;
mod error;
pub mod fault;
pub mod invariant;
pub mod load;
mod nearest;
pub mod parse;
pub mod pgbench;
pub mod pool;
mod quick;
pub mod scenario;
pub mod session;
pub mod target;
pub mod threshold;
pub mod workload;

pub use error::{Problem, ScenarioError};
pub use fault::Fault;
pub use nearest::nearest;
pub use scenario::Scenario;
pub use session::Session;
pub use target::TargetFile;
pub use threshold::Threshold;
