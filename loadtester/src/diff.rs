//! The differential engine: the same session against PostgreSQL and against a pooler, and what
//! differs.
//!
//! ```text
//! encode → stage (client, beside) → trace → compare → matrix
//!                                     └ notation, columns
//! ```
//!
//! A [`Stage`] performs a script on one endpoint and returns a [`Trace`]; [`compare()`] says what is
//! the first thing that a target answered otherwise than PostgreSQL.

mod beside;
mod client;
mod columns;
mod compare;
pub(crate) mod encode;
mod error;
pub mod generate;
mod inbox;
mod ledger;
mod losses;
mod mask;
pub mod notation;
pub mod random;
pub mod shrink;
mod socket;
mod stage;
mod trace;

pub use beside::{Beside, Ground};
pub use columns::columns;
pub use compare::{Difference, Tier, compare};
pub use error::DiffError;
pub(crate) use error::told;
pub use ledger::{Known, Ledger, Needed, Seen};
pub use losses::{Left, Loss, losses};
pub use mask::MASKS;
pub use socket::Place;
pub use stage::{Limits, Stage};
pub use trace::{Backend, Ending, Event, Trace};
