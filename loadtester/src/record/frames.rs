//! Finds the messages in what one side sends. Pure.

use bytes::{Buf, Bytes, BytesMut};

/// Type and length.
const HEADER: usize = 5;
/// Longest message that PostgreSQL itself takes or sends, in bytes.
const MESSAGE_MAX: usize = 1 << 30;

/// Bytes that are no whole message yet.
#[derive(Debug, Default)]
pub(super) struct Frames {
    held: BytesMut,
    /// A length that no message can have has come: nothing after it can be read.
    lost: bool,
}

impl Frames {
    /// Takes what was read.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        if !self.lost {
            self.held.extend_from_slice(bytes);
        }
    }

    /// The next message: its type and its body.
    pub(super) fn next(&mut self) -> Option<(u8, Bytes)> {
        let header = self.held.get(..HEADER)?;
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
        if !(4..=MESSAGE_MAX).contains(&length) {
            self.lost = true;
            self.held.clear();
            return None;
        }
        if self.held.len() <= length {
            return None;
        }
        let mut whole = self.held.split_to(length + 1).freeze();
        let tag = whole.get_u8();
        whole.advance(HEADER - 1);
        Some((tag, whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_however_they_are_cut() {
        let stream = b"Q\0\0\0\x06x\0S\0\0\0\x04Q\0\0\0\x05\0";
        for cut in 0..stream.len() {
            let mut frames = Frames::default();
            let mut found = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                frames.take(part);
                found.extend(std::iter::from_fn(|| frames.next()));
            }
            let expected: [(u8, &[u8]); 3] = [(b'Q', b"x\0"), (b'S', b""), (b'Q', b"\0")];
            assert_eq!(found, expected.map(|(tag, body)| (tag, Bytes::from(body))));
        }
    }

    #[test]
    fn nothing_is_found_behind_a_length_that_cannot_be() {
        for length in [3_u32, u32::MAX] {
            let mut frames = Frames::default();
            frames.take(&[&b"Q"[..], &length.to_be_bytes()].concat());
            assert_eq!(frames.next(), None);
            frames.take(b"S\0\0\0\x04");
            assert_eq!(frames.next(), None);
        }
    }
}
