//! Prepared statements that follow a client from server to server.
//!
//! A client names its statements as it likes ([`Names`]). Statements with the same text and the
//! same parameter types are one [`Statement`] with a name of the pooler's own, under which each
//! server has it that has needed it lately ([`Shelf`]). [`translate`] puts the one name for the
//! other, and has a server told what it does not know yet.
//!
//! What a client or a server knows is noted when a message is sent, and each such note stands in
//! line with its message ([`Change`]): it is confirmed by the answer, and undone if the message is
//! skipped after an error. Answers are never invented: in place of a message that is not needed the
//! server gets a Close of nothing, so that it is the server that puts the answers in order.

mod catalog;
mod names;
mod shelf;
pub mod translate;

pub use catalog::{Catalog, Statement};
pub use names::{NameChange, Names};
pub use shelf::{Change, Shelf};
