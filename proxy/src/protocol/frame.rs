//! Frames: the five bytes that every message begins with after the startup phase.

use thiserror::Error;

/// Type byte and length.
pub const HEADER_LEN: usize = 5;

/// The length counts itself, so nothing below four is one.
const LENGTH_MIN: u32 = 4;

/// The first five bytes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Type byte.
    pub tag: u8,
    /// Bytes of the whole message, type byte included.
    pub len: usize,
}

/// A header that no message can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("message {:?} says that it is {length} bytes long, expected 4 to {max}", char::from(*.tag))]
pub struct BadLength {
    /// Type byte.
    pub tag: u8,
    /// Length as sent.
    pub length: u32,
    /// Longest that is allowed.
    pub max: u32,
}

impl Header {
    /// Reads the header at the start of `bytes`; `None` when it is not all there yet.
    ///
    /// # Errors
    ///
    /// When the length is below four or above `max`. Lengths are signed on the wire, so that a
    /// negative one is above every `max`.
    pub fn read(bytes: &[u8], max: u32) -> Result<Option<Self>, BadLength> {
        let [tag, a, b, c, d, ..] = *bytes else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([a, b, c, d]);
        if length < LENGTH_MIN || length > max {
            return Err(BadLength { tag, length, max });
        }
        Ok(Some(Self {
            tag,
            len: length as usize + 1,
        }))
    }
}

/// Longest message that a length on the wire can say.
pub const MESSAGE_MAX: u32 = i32::MAX as u32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_only_when_all_of_it_is_there() {
        let bytes = [b'Q', 0, 0, 0, 9, b'x'];
        for n in 0..HEADER_LEN {
            assert_eq!(
                Header::read(&bytes[..n], MESSAGE_MAX),
                Ok(None),
                "{n} bytes"
            );
        }
        assert_eq!(
            Header::read(&bytes, MESSAGE_MAX),
            Ok(Some(Header { tag: b'Q', len: 10 }))
        );
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        for length in [0, 3, 101, 0x8000_0000, u32::MAX] {
            let mut bytes = vec![b'Q'];
            bytes.extend(u32::to_be_bytes(length));
            let expected = BadLength {
                tag: b'Q',
                length,
                max: 100,
            };
            assert_eq!(Header::read(&bytes, 100), Err(expected), "length {length}");
        }
    }
}
