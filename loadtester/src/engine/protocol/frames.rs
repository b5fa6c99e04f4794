//! Finds messages in a stream of bytes, however it is cut, in bounded memory.

use std::mem;

use super::super::Failure;

/// Bytes before the body: the type, and a length that counts itself.
const HEADER: usize = 5;
/// Longest body that PostgreSQL itself can send.
const BODY_MAX: usize = 1 << 30;
/// Bytes kept of an error, a notice or an authentication request.
const TEXT_KEPT: usize = 8 << 10;
/// Bytes kept of a row or a description; a script can keep the columns of shorter ones.
const ROW_KEPT: usize = 8 << 10;
/// Bytes kept of a tag or of a copied row: a nonce and the longest tag fit.
const BEGIN_KEPT: usize = 64;

/// A message. Of a long body only the begin is kept; the rest is passed over as it comes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) tag: u8,
    /// The body, or its begin.
    pub(crate) body: &'a [u8],
    /// Whether `body` is all of it.
    pub(crate) whole: bool,
}

/// The state between two reads: what is still to be passed over, and a message that is not whole.
#[derive(Debug, Default)]
pub(in crate::engine) struct Frames {
    skip: usize,
    held: Vec<u8>,
    /// `held` was handed out and is to be forgotten.
    spent: bool,
}

impl Frames {
    /// The next message of `rest`, which is moved past what was taken; `None` when `rest` is used
    /// up.
    ///
    /// # Errors
    ///
    /// A length that no message can have. The stream is of no use afterwards.
    pub(in crate::engine) fn next<'frames, 'rest: 'frames>(
        &'frames mut self,
        rest: &mut &'rest [u8],
    ) -> Result<Option<Frame<'frames>>, Failure> {
        if mem::take(&mut self.spent) {
            self.held.clear();
        }
        let passed = self.skip.min(rest.len());
        *rest = &rest[passed..];
        self.skip -= passed;
        if self.held.is_empty()
            && let Some(frame) = whole(rest)?
        {
            return Ok(Some(frame));
        }
        self.gather(rest)
    }

    /// Takes the next message from more than one read.
    fn gather(&mut self, rest: &mut &[u8]) -> Result<Option<Frame<'_>>, Failure> {
        if !self.take(HEADER, rest) {
            return Ok(None);
        }
        let (tag, len) = header(&self.held)?;
        let kept = len.min(kept_of(tag));
        if !self.take(HEADER + kept, rest) {
            return Ok(None);
        }
        self.skip = len - kept;
        self.spent = true;
        Ok(Some(Frame {
            tag,
            body: &self.held[HEADER..],
            whole: kept == len,
        }))
    }

    /// Fills `held` up to `size` bytes; false when `rest` ended before.
    fn take(&mut self, size: usize, rest: &mut &[u8]) -> bool {
        let wanted = size.saturating_sub(self.held.len()).min(rest.len());
        let (taken, left) = rest.split_at(wanted);
        self.held.extend_from_slice(taken);
        *rest = left;
        self.held.len() >= size
    }
}

/// The message at the begin of `rest`, if all of it is there: the way that nearly all take.
fn whole<'a>(rest: &mut &'a [u8]) -> Result<Option<Frame<'a>>, Failure> {
    if rest.len() < HEADER {
        return Ok(None);
    }
    let (tag, len) = header(rest)?;
    if rest.len() < HEADER + len {
        return Ok(None);
    }
    let (message, left) = rest.split_at(HEADER + len);
    *rest = left;
    Ok(Some(Frame {
        tag,
        body: &message[HEADER..],
        whole: true,
    }))
}

/// Type and length of the body.
fn header(bytes: &[u8]) -> Result<(u8, usize), Failure> {
    let [tag, a, b, c, d, ..] = *bytes else {
        return Err(Failure::violation(
            "expected a message, got less than its header",
        ));
    };
    let length = i32::from_be_bytes([a, b, c, d]);
    usize::try_from(i64::from(length) - 4)
        .ok()
        .filter(|len| *len <= BODY_MAX)
        .map(|len| (tag, len))
        .ok_or_else(|| {
            Failure::violation(format!(
                "expected a message of 4 to {} bytes, got {length} in one of type {}",
                BODY_MAX + 4,
                tag.escape_ascii()
            ))
        })
}

fn kept_of(tag: u8) -> usize {
    match tag {
        b'D' | b'T' => ROW_KEPT,
        b'C' | b'd' => BEGIN_KEPT,
        b'E' | b'R' => TEXT_KEPT,
        b'Z' => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, Frames, ROW_KEPT};

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[tag][..], &length.to_be_bytes(), body].concat()
    }

    /// All messages of `pieces` as (tag, kept begin of the body).
    fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<(u8, Vec<u8>)> {
        let mut frames = Frames::default();
        let mut found = Vec::new();
        for mut piece in pieces {
            while let Some(Frame { tag, body, .. }) = frames.next(&mut piece).unwrap() {
                found.push((tag, body[..body.len().min(64)].to_vec()));
            }
        }
        found
    }

    #[test]
    fn every_cut_of_a_stream_gives_the_same_messages() {
        let row = [b'x'; 300];
        let stream = [
            message(b'D', &row),
            message(b'C', b""),
            message(b'Z', b"I"),
            message(b'E', b"SERROR\0\0"),
        ]
        .concat();
        let tags = |found: &[(u8, Vec<u8>)]| found.iter().map(|each| each.0).collect::<Vec<_>>();
        for cut in 0..=stream.len() {
            let (one, two) = stream.split_at(cut);
            let found = read([one, two].into_iter());
            assert_eq!(tags(&found), b"DCZE", "cut at {cut}");
            assert_eq!(found[0].1, row[..64], "cut at {cut}");
            assert_eq!(found[2].1, b"I", "cut at {cut}");
            assert_eq!(found[3].1, b"SERROR\0\0", "cut at {cut}");
        }
        assert_eq!(tags(&read(stream.chunks(1))), b"DCZE");
    }

    #[test]
    fn memory_stays_bounded_however_long_the_message() {
        let mut frames = Frames::default();
        let start = [&b"D"[..], &(1_u32 << 29).to_be_bytes(), &[7; ROW_KEPT]].concat();
        let mut rest = start.as_slice();
        let frame = frames.next(&mut rest).unwrap().unwrap();
        assert_eq!((frame.body.len(), frame.whole), (ROW_KEPT, false));
        for _ in 0..1_000 {
            let mut rest = &[0_u8; 4096][..];
            assert_eq!(frames.next(&mut rest), Ok(None));
        }
        assert!(frames.held.capacity() < 2 * ROW_KEPT);
    }

    #[test]
    fn impossible_lengths_are_refused() {
        for length in [0_i32, 3, -1, i32::MIN, i32::MAX] {
            let bytes = [&b"Z"[..], &length.to_be_bytes(), b"I"].concat();
            let mut rest = bytes.as_slice();
            assert!(Frames::default().next(&mut rest).is_err(), "{length}");
        }
    }
}
