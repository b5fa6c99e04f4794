//! What a client has sent and no server has yet: how much of it may go on now.
//!
//! While a client holds no server, its messages are gathered until a batch is whole (Query,
//! FunctionCall, Sync or Flush), so that a slow client holds none; more than [`GATHER_MAX`] is not
//! gathered, but for a text of up to [`TEXT_LEN_MAX`]. While it holds one, whole messages pass as
//! they come, and long ones in pieces. Messages are usually judged in the buffer that they were
//! read into; only what has to wait is kept.

use thiserror::Error;

use crate::prepared::translate::{Passage, TEXT_LEN_MAX};
use crate::protocol::frame::{BadLength, HEADER_LEN, Header};
use crate::protocol::tag::Frontend;

/// Bytes that are gathered before a server is taken for an unfinished batch.
pub const GATHER_MAX: usize = 64 * 1024;

/// Longest length that PostgreSQL takes from a client: `PQ_LARGE_MESSAGE_LIMIT` in its `libpq.h`.
/// Of a longer message nobody would ever see the end.
const SERVER_LEN_MAX: u32 = 0x3fff_fffe;

/// Bytes of a long message that must be there before it is passed on in pieces: names of
/// statements stand at the beginning of a message, and are far shorter.
const NAMES_LEN: usize = 1024;

/// Something that no client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadMessage {
    /// A length below four or above `max_packet_size`.
    #[error("invalid message length: {0}")]
    Length(#[from] BadLength),
    /// No message of a client has this type.
    #[error("invalid frontend message type {0}")]
    Type(u8),
    /// A simple query, where `disable_pqexec` is set: PgBouncer's words.
    #[error("PQexec disallowed")]
    Query,
}

/// Whether a client may use the simple query protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queries {
    /// It may.
    Allowed,
    /// It may not: `disable_pqexec`.
    Refused,
}

/// When messages may go to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// When the batch is whole.
    Gather,
    /// When the message is whole.
    Pass,
}

/// How much of the bytes at hand goes where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Bytes for the server.
    pub forward: usize,
    /// The client leaves once those are sent.
    pub terminate: bool,
}

/// What of a message that is longer than the bytes at hand is still to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Body {
    /// The stream stands between two messages.
    #[default]
    None,
    /// Bytes that belong to the server.
    Forward(usize),
    /// Bytes that nobody wants.
    Drop(usize),
}

/// A client's unsent bytes and the place in its stream.
#[derive(Debug)]
pub struct Intake {
    held: Vec<u8>,
    /// Bytes at the start of the unsent that are known to be whole messages.
    scanned: usize,
    /// Bytes of those that end with a batch.
    batch_end: usize,
    body: Body,
    len_max: u32,
    queries: Queries,
}

impl Intake {
    /// Of a client whose messages may say a length of up to `len_max`, or to what PostgreSQL takes.
    #[must_use]
    pub const fn new(len_max: u32) -> Self {
        let len_max = if len_max < SERVER_LEN_MAX {
            len_max
        } else {
            SERVER_LEN_MAX
        };
        Self {
            held: Vec::new(),
            scanned: 0,
            batch_end: 0,
            body: Body::None,
            len_max,
            queries: Queries::Allowed,
        }
    }

    /// The same, with what is said of simple queries.
    #[must_use]
    pub const fn with(mut self, queries: Queries) -> Self {
        self.queries = queries;
        self
    }

    /// Whether bytes wait here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Bytes that wait here.
    #[must_use]
    pub fn held_len(&self) -> usize {
        self.held.len()
    }

    /// Whether no message is half sent.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        self.body == Body::None
    }

    /// Takes the waiting bytes out; [`Intake::put_back`] returns what is left of them.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    /// Returns what was taken, the first `used` bytes of which are done with.
    pub fn put_back(&mut self, mut taken: Vec<u8>, used: usize) {
        if used == taken.len() {
            return;
        }
        taken.drain(..used);
        self.held = taken;
    }

    /// Keeps bytes that have to wait.
    pub fn keep(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// Forgets what is known of the waiting bytes, as some at their start are done with.
    pub const fn start_over(&mut self) {
        self.forget_scan();
    }

    /// Length of the first request with all that belongs to it, up to the message that
    /// ReadyForQuery answers; `None` if that has not come yet, or if a Flush comes before it.
    #[must_use]
    pub fn first_batch(&self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Ok(Some(header)) = Header::read(&bytes[at..], self.len_max) {
            at += header.len;
            let message = Frontend::from_tag(header.tag)?;
            if message == Frontend::Flush || at > bytes.len() {
                return None;
            }
            if message.ends_batch() {
                return Some(at);
            }
        }
        None
    }

    /// How many bytes at the start of `bytes` nobody needs, as the client holds no server: what is
    /// left of a COPY that the server gave up, and Flush without anything to flush.
    ///
    /// # Errors
    ///
    /// A length that cannot be.
    pub fn discard(&mut self, bytes: &[u8]) -> Result<usize, BadMessage> {
        let mut at = 0;
        loop {
            if let Body::Drop(left) = self.body {
                let dropped = left.min(bytes.len() - at);
                at += dropped;
                self.body = if dropped < left {
                    Body::Drop(left - dropped)
                } else {
                    Body::None
                };
            }
            match Header::read(&bytes[at..], self.len_max)? {
                Some(header) if Frontend::from_tag(header.tag).is_some_and(Frontend::is_stray) => {
                    self.body = Body::Drop(header.len);
                    self.forget_scan();
                }
                _ => return Ok(at),
            }
        }
    }

    /// How much of `bytes`, everything unsent so far, may go to a server. Asking changes nothing
    /// but what is remembered of the scan, so that bytes which trickle in are looked at once.
    ///
    /// # Errors
    ///
    /// A type or a length that no client may send.
    pub fn cut(&mut self, bytes: &[u8], rule: Rule) -> Result<Cut, BadMessage> {
        let mut partial = None;
        let mut at = self.scanned.max(self.body_forward().min(bytes.len()));
        let mut terminate = false;
        while let Some(header) = Header::read(&bytes[at..], self.len_max)? {
            let message = Frontend::from_tag(header.tag).ok_or(BadMessage::Type(header.tag))?;
            if message == Frontend::Terminate {
                terminate = true;
                break;
            }
            if message == Frontend::Query && self.queries == Queries::Refused {
                return Err(BadMessage::Query);
            }
            if header.len > bytes.len() - at {
                partial = Some((header, message));
                break;
            }
            at += header.len;
            if message.ends_batch() {
                self.batch_end = at;
            }
        }
        self.scanned = at;
        let here = bytes.len() - at;
        let streams = |(header, message): (Header, Frontend)| match message {
            Frontend::CopyData => true,
            // What a text does is told by its words, and statements are shared by it: it must be whole.
            Frontend::Query | Frontend::Parse if header.len <= TEXT_LEN_MAX => false,
            _ => header.len > GATHER_MAX && here >= NAMES_LEN,
        };
        let forward = match rule {
            Rule::Pass if partial.is_some_and(streams) => bytes.len(),
            Rule::Pass => at,
            Rule::Gather if bytes.len() < GATHER_MAX || self.batch_end > 0 => {
                self.batch_end.max(self.body_forward().min(bytes.len()))
            }
            Rule::Gather if partial.is_some_and(streams) => bytes.len(),
            Rule::Gather => at,
        };
        Ok(Cut { forward, terminate })
    }

    /// `bytes`, as long as [`Intake::cut`] said, go to the server now: `send` is told each message,
    /// where it begins and its bytes at hand, and may end it before or after one. Says how many
    /// bytes went.
    pub fn commit<'a>(
        &mut self,
        bytes: &'a [u8],
        mut send: impl FnMut(Frontend, usize, &'a [u8]) -> Passage,
    ) -> usize {
        self.forget_scan();
        let left = self.body_forward();
        let mut at = left.min(bytes.len());
        self.body = Self::body_of(left - at);
        // The cut ends with a header only if that header is whole, and has checked each of them.
        while let Ok(Some(header)) = Header::read(&bytes[at..], self.len_max) {
            let step = header.len.min(bytes.len() - at);
            let message = Frontend::from_tag(header.tag);
            let frame = &bytes[at..at + step];
            let passage = message.map_or(Passage::Goes, |message| send(message, at, frame));
            if passage == Passage::Waits {
                return at;
            }
            self.body = Self::body_of(header.len - step);
            at += step;
            if passage == Passage::GoesAlone {
                return at;
            }
        }
        debug_assert!(
            bytes.len() - at < HEADER_LEN && at == bytes.len(),
            "a cut inside a header"
        );
        at
    }

    const fn body_of(left: usize) -> Body {
        if left == 0 {
            Body::None
        } else {
            Body::Forward(left)
        }
    }

    const fn body_forward(&self) -> usize {
        match self.body {
            Body::Forward(left) => left,
            Body::None | Body::Drop(_) => 0,
        }
    }

    const fn forget_scan(&mut self) {
        self.scanned = 0;
        self.batch_end = 0;
    }
}

#[cfg(test)]
mod tests;
