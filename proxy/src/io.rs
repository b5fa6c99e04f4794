//! Sockets and buffers: the thin edge between the pooler and the runtime.

pub mod carrier;
pub mod outbox;
pub mod post;
pub mod scratch;
pub mod socket;
pub mod stream;

pub use outbox::Outbox;
pub use stream::Stream;
