//! Text and bytes of a message, with repetition, so that a megabyte stays readable.

/// Bytes, written as `"text" + "x" * 8192`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// Pieces in order; none of them is empty.
    pub pieces: Vec<Piece>,
}

/// Bytes that come `times` times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// At least one.
    pub bytes: Vec<u8>,
    /// At least one.
    pub times: u32,
}

impl Payload {
    /// Longest payload, in bytes.
    pub const BYTES_MAX: usize = 256 << 20;

    /// Bytes of it.
    #[must_use]
    pub fn len(&self) -> usize {
        let sizes = self.pieces.iter().map(Piece::len);
        sizes.fold(0, usize::saturating_add)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The bytes in full.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        for piece in &self.pieces {
            for _ in 0..piece.times {
                bytes.extend_from_slice(&piece.bytes);
            }
        }
        bytes
    }

    /// Adds `bytes`, `times` times. Nothing is added of nothing.
    pub fn push(&mut self, bytes: impl Into<Vec<u8>>, times: u32) {
        let bytes = bytes.into();
        if bytes.is_empty() || times == 0 {
            return;
        }
        match self.pieces.last_mut() {
            Some(last) if last.times == 1 && times == 1 => last.bytes.extend(bytes),
            _ => self.pieces.push(Piece { bytes, times }),
        }
    }
}

impl Piece {
    fn len(&self) -> usize {
        self.bytes.len().saturating_mul(self.times as usize)
    }
}

impl<T: Into<Vec<u8>>> From<T> for Payload {
    fn from(bytes: T) -> Self {
        let mut payload = Self::default();
        payload.push(bytes, 1);
        payload
    }
}
