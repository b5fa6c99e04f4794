//! Records what an application says to PostgreSQL, as a session script.
//!
//! ```text
//! relay → frames → tape → a script
//!                   ├ decode   bytes → the words of the scripts
//!                   └ mask     what nobody may read
//! ```
//!
//! A [`Relay`] stands between an application and its server and passes every byte on as it is. What the
//! application says goes onto a [`Tape`], in the order in which it was said over all connections, together
//! with where it had its answers: a replay of the script keeps that order.

mod decode;
mod frames;
mod mask;
mod relay;
mod tape;

pub use mask::Literals;
pub use relay::{Relay, RelayError};
pub use tape::Tape;
