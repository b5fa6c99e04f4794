//! Bytes that a socket would not take yet.

use std::io;
use std::task::{Context, Poll, ready};

use super::Stream;
use super::post::{self, Whom};

/// The unsent rest of what was written to a connection. Empty, it owns no memory.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
    /// TLS keeps something that it was given.
    unflushed: bool,
}

impl Outbox {
    /// Whether everything has been sent.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.unflushed
    }

    /// Whether the socket itself has taken everything.
    #[must_use]
    pub fn is_taken(&mut self, stream: &Stream) -> bool {
        if self.is_empty()
            && let Some(fd) = stream.posted()
        {
            match post::take_back(fd) {
                Ok(rest) => self.bytes = rest,
                Err(_) => return false,
            }
        }
        self.is_empty()
    }

    /// Adds bytes without trying to send them.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Forgets what is unsent, as nobody will take it.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Sends `bytes` after what is still unsent; what the socket does not take is kept. The
    /// caller stops producing while anything is kept, which bounds it. Short messages leave when
    /// the core has nothing else to do, and count as sent before: see [`super::post`]. Cancel safe.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    pub fn send(
        &mut self,
        cx: &mut Context<'_>,
        whom: Whom,
        stream: &mut Stream,
        mut bytes: &[u8],
    ) -> io::Result<()> {
        if let Some(fd) = stream.posted() {
            if self.bytes.is_empty() {
                self.bytes = post::take_back(fd)?;
            }
            if self.bytes.is_empty() && post::lay_out(whom, fd, bytes, cx.waker()) {
                return Ok(());
            }
        }
        if self.is_empty() {
            while !bytes.is_empty() {
                match stream.poll_write_some(cx, bytes)? {
                    Poll::Ready(sent) => bytes = &bytes[sent..],
                    Poll::Pending => break,
                }
            }
        }
        self.push(bytes);
        if self.bytes.is_empty() {
            self.unflushed = stream.poll_flush_some(cx)?.is_pending();
        }
        Ok(())
    }

    /// Sends what is left. Cancel safe.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    pub fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Stream,
    ) -> Poll<io::Result<()>> {
        if self.is_empty() {
            // Asked with every message, and nearly always true.
            if !post::has_unsent() {
                return Poll::Ready(Ok(()));
            }
            if let Some(fd) = stream.posted() {
                self.bytes = post::reclaim(fd)?;
            }
        }
        while self.sent < self.bytes.len() {
            self.sent += ready!(stream.poll_write_some(cx, &self.bytes[self.sent..]))?;
        }
        // The bytes are TLS' own now, and their memory is given back.
        self.clear();
        self.unflushed = stream.poll_flush_some(cx)?.is_pending();
        if self.unflushed {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}
