//! Finds the messages in a server's stream, however it is cut into reads.

use thiserror::Error;

use super::exchange::Shown;
use super::frame::{BadLength, HEADER_LEN, Header, MESSAGE_MAX};

/// ParseComplete, which has no body.
const PARSE_COMPLETE: &[u8] = b"1\0\0\0\x04";

/// Longest body that is looked at whole. ParameterStatus and ReadyForQuery are far shorter; the
/// messages that may be longer are only passed on.
const CAPTURE_MAX: usize = 64 * 1024;

/// The server's stream cannot be followed any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WalkError {
    /// A length that no message can have.
    #[error(transparent)]
    Length(#[from] BadLength),
    /// A short message that is not short.
    #[error("message {:?} is {len} bytes long, expected at most 65536", char::from(*.tag))]
    TooLong {
        /// Type byte.
        tag: u8,
        /// Bytes with the header.
        len: usize,
    },
}

/// A cursor over a stream of messages. Between two reads it remembers at most a header, and the
/// body of a message that must be seen whole.
#[derive(Debug, Default)]
pub struct Walker {
    head: [u8; HEADER_LEN],
    head_len: u8,
    /// Bytes of the current body that are still to come.
    body_left: usize,
    /// Type byte of the message whose body is being kept in `kept`.
    keeping: Option<u8>,
    kept: Vec<u8>,
    /// Bytes of the header that has begun which were passed on; see [`Walker::filter`].
    head_passed: u8,
}

impl Walker {
    /// Whether the stream stands between two messages.
    #[must_use]
    pub const fn at_boundary(&self) -> bool {
        self.head_len == 0 && self.body_left == 0
    }

    /// Walks over `bytes` and reports every message once: those for whose type byte `whole` says
    /// so when they are complete, with their body, the others when their header is, with none.
    ///
    /// # Errors
    ///
    /// Whatever `report` returns, and a length that cannot be. The walker is of no use afterwards.
    pub fn walk<E: From<WalkError>>(
        &mut self,
        bytes: &[u8],
        whole: impl Fn(u8) -> bool,
        report: impl FnMut(u8, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.advance(bytes, whole, report)?;
        self.head_passed = self.head_len;
        Ok(())
    }

    fn advance<E: From<WalkError>>(
        &mut self,
        mut bytes: &[u8],
        whole: impl Fn(u8) -> bool,
        mut report: impl FnMut(u8, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            if self.body_left > 0 {
                let (body, rest) = bytes.split_at(self.body_left.min(bytes.len()));
                self.continue_body(body, &mut report)?;
                bytes = rest;
            }
            if bytes.is_empty() {
                return Ok(());
            }
            let Some((header, rest)) = self.next_header(bytes)? else {
                return Ok(());
            };
            bytes = rest;
            let body_len = header.len - HEADER_LEN;
            // Errors may be of any length; of long ones nobody needs to know more.
            let passes = header.tag == b'E' && body_len > CAPTURE_MAX;
            if passes || !whole(header.tag) {
                report(header.tag, &[])?;
                self.body_left = body_len;
            } else if body_len <= bytes.len() {
                report(header.tag, &bytes[..body_len])?;
                bytes = &bytes[body_len..];
            } else if body_len <= CAPTURE_MAX {
                self.keeping = Some(header.tag);
                self.body_left = body_len;
            } else {
                return Err(WalkError::TooLong {
                    tag: header.tag,
                    len: header.len,
                }
                .into());
            }
        }
    }

    /// Whether a part of a header is held back, so that the next bytes must be filtered too.
    #[must_use]
    pub const fn holds_back(&self) -> bool {
        self.head_passed < self.head_len
    }

    /// As [`Walker::walk`], and appends to `out` what is to be passed on: `report` says of each
    /// message what becomes of it. A header that is not whole is held back until it is, as it may
    /// begin a message that is not to be shown.
    ///
    /// # Errors
    ///
    /// As [`Walker::walk`].
    pub fn filter<E: From<WalkError>>(
        &mut self,
        bytes: &[u8],
        whole: impl Fn(u8) -> bool,
        mut report: impl FnMut(u8, &[u8]) -> Result<Shown, E>,
        out: &mut Vec<u8>,
    ) -> Result<(), E> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let body_len = self.body_left.min(rest.len());
            if body_len > 0 {
                let body = &rest[..body_len];
                out.extend_from_slice(body);
                // The header decided; of a message whose body is looked at nothing is hidden.
                self.advance(body, &whole, |tag, body| report(tag, body).map(|_| ()))?;
                at += body_len;
                continue;
            }
            let have = usize::from(self.head_len);
            let taken = rest.len().min(HEADER_LEN - have);
            let mut head = self.head;
            head[have..have + taken].copy_from_slice(&rest[..taken]);
            let mut shown = Shown::AsIs;
            let header_only = |tag, body: &[u8]| -> Result<(), E> {
                shown = report(tag, body)?;
                Ok(())
            };
            self.advance(&rest[..taken], &whole, header_only)?;
            at += taken;
            if self.head_len > 0 {
                return Ok(());
            }
            let passed = usize::from(std::mem::take(&mut self.head_passed));
            match shown {
                Shown::AsIs => out.extend_from_slice(&head[passed..]),
                Shown::Hidden => {}
                Shown::AsParseComplete => out.extend_from_slice(PARSE_COMPLETE),
            }
        }
        Ok(())
    }

    /// The header that `bytes` begins or completes, and what follows it.
    fn next_header<'a>(
        &mut self,
        bytes: &'a [u8],
    ) -> Result<Option<(Header, &'a [u8])>, WalkError> {
        if self.head_len == 0
            && let Some(header) = Header::read(bytes, MESSAGE_MAX)?
        {
            return Ok(Some((header, &bytes[HEADER_LEN..])));
        }
        let have = usize::from(self.head_len);
        let taken = bytes.len().min(HEADER_LEN - have);
        self.head[have..have + taken].copy_from_slice(&bytes[..taken]);
        let Some(header) = Header::read(&self.head[..have + taken], MESSAGE_MAX)? else {
            self.head_len += u8::try_from(taken).unwrap_or(0);
            return Ok(None);
        };
        self.head_len = 0;
        Ok(Some((header, &bytes[taken..])))
    }

    fn continue_body<E>(
        &mut self,
        body: &[u8],
        report: &mut impl FnMut(u8, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.body_left -= body.len();
        let Some(tag) = self.keeping else {
            return Ok(());
        };
        self.kept.extend_from_slice(body);
        if self.body_left > 0 {
            return Ok(());
        }
        self.keeping = None;
        let kept = std::mem::take(&mut self.kept);
        report(tag, &kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"T\0\0\0\x06ab1\0\0\0\x04S\0\0\0\x08a\0b\0D\0\0\0\x07xyzZ\0\0\0\x05I";

    fn whole(tag: u8) -> bool {
        matches!(tag, b'Z' | b'S')
    }

    fn walk(chunks: impl Iterator<Item = Vec<u8>>) -> Vec<(u8, Vec<u8>)> {
        let mut walker = Walker::default();
        let mut seen = Vec::new();
        for chunk in chunks {
            let report = |tag, body: &[u8]| {
                seen.push((tag, body.to_vec()));
                Ok::<_, WalkError>(())
            };
            walker.walk(&chunk, whole, report).unwrap();
        }
        assert!(walker.at_boundary());
        seen
    }

    #[test]
    fn messages_are_found_however_the_stream_is_cut() {
        let expected = vec![
            (b'T', vec![]),
            (b'1', vec![]),
            (b'S', b"a\0b\0".to_vec()),
            (b'D', vec![]),
            (b'Z', b"I".to_vec()),
        ];
        for size in 1..=STREAM.len() {
            assert_eq!(
                walk(STREAM.chunks(size).map(<[u8]>::to_vec)),
                expected,
                "chunks of {size}"
            );
        }
        for cut in 0..STREAM.len() {
            let (a, b) = STREAM.split_at(cut);
            assert_eq!(
                walk([a.to_vec(), b.to_vec()].into_iter()),
                expected,
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn a_boundary_is_only_between_messages() {
        let mut walker = Walker::default();
        for (at, byte) in STREAM.iter().enumerate() {
            let ends = [0, 7, 12, 21, 29, STREAM.len()];
            assert_eq!(walker.at_boundary(), ends.contains(&at), "before byte {at}");
            walker
                .walk(&[*byte], whole, |_, _| Ok::<_, WalkError>(()))
                .unwrap();
        }
    }

    #[test]
    fn impossible_lengths_end_the_walk() {
        let report = |_, _: &[u8]| Ok::<_, WalkError>(());
        for bytes in [b"Z\0\0\0\x03", b"D\xff\xff\xff\xff", b"S\0\x10\0\0"] {
            assert!(
                Walker::default().walk(bytes, whole, report).is_err(),
                "{bytes:?}"
            );
        }
    }
}
