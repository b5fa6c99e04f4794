//! Bytes to messages, and messages to bytes.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;

/// Tag and length.
pub(crate) const HEADER_LEN: usize = 5;
/// Longest message that is taken, in bytes.
const MESSAGE_MAX: usize = 64 << 20;

/// One message with its header.
#[derive(Clone, Debug)]
pub(crate) struct Frame(pub(crate) Bytes);

impl Frame {
    /// A message from its tag and its body.
    pub(crate) fn new(tag: u8, body: &[u8]) -> Self {
        let length = u32::try_from(body.len() + 4).expect("a message of a test is short");
        Self([&[tag][..], &length.to_be_bytes(), body].concat().into())
    }

    pub(crate) fn tag(&self) -> u8 {
        self.0[0]
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.0[HEADER_LEN..]
    }

    /// The first string of the body.
    pub(crate) fn text(&self) -> &[u8] {
        self.body().split(|byte| *byte == 0).next().unwrap_or(b"")
    }
}

/// Finds the messages in what comes.
#[derive(Debug)]
pub(crate) struct Reader {
    stream: OwnedReadHalf,
    buffer: BytesMut,
    /// Whether a read ended within the header of the message that is first in the buffer.
    header_was_split: bool,
}

/// What a [`Reader`] found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) frame: Frame,
    pub(crate) header_was_split: bool,
}

impl Reader {
    pub(crate) fn new(stream: OwnedReadHalf) -> Self {
        Self {
            stream,
            buffer: BytesMut::with_capacity(16 << 10),
            header_was_split: false,
        }
    }

    /// The next message; `None` at the end of the stream. Cancel safe.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Found>> {
        loop {
            if let Some(found) = self.buffered()? {
                return Ok(Some(found));
            }
            self.header_was_split |= (1..HEADER_LEN).contains(&self.buffer.len());
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The next message, if it is here already.
    pub(crate) fn buffered(&mut self) -> io::Result<Option<Found>> {
        let Some(header) = self.buffer.get(1..HEADER_LEN) else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(header.try_into().expect("four bytes")) as usize;
        if !(4..MESSAGE_MAX).contains(&length) {
            let reason = format!("expected a length of 4 to {MESSAGE_MAX} bytes, got {length}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        if self.buffer.len() <= length {
            return Ok(None);
        }
        let header_was_split = std::mem::take(&mut self.header_was_split);
        let frame = Frame(self.buffer.split_to(1 + length).freeze());
        Ok(Some(Found {
            frame,
            header_was_split,
        }))
    }

    /// A startup packet, which has no tag, from its length to its end. Cancel safe.
    pub(crate) async fn startup(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(length) = self.buffer.first_chunk() {
                let length = u32::from_be_bytes(*length) as usize;
                if !(8..=10_000).contains(&length) {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                if self.buffer.len() >= length {
                    return Ok(self.buffer.split_to(length).freeze());
                }
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
