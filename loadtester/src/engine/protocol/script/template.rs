//! Bytes in which only nonces change.

use std::io;

use bytes::BytesMut;

use crate::engine::plan::Nonce;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template {
    bytes: Vec<u8>,
    /// Where nonces stand.
    nonces: Vec<usize>,
}

impl Template {
    /// Encodes twice with markers that differ in every digit: where the results differ, a nonce
    /// begins.
    pub(super) fn new(encode: &dyn Fn(Nonce, &mut BytesMut) -> io::Result<()>) -> io::Result<Self> {
        let marked = |digit| {
            let mut out = BytesMut::new();
            encode(Nonce::marker(digit), &mut out).map(|()| out.to_vec())
        };
        let (bytes, other) = (marked(1)?, marked(2)?);
        let width = Nonce::marker(1).bytes().len();
        let mut nonces = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at] == other[at] {
                at += 1;
            } else {
                nonces.push(at);
                at += width;
            }
        }
        Ok(Self { bytes, nonces })
    }

    pub(super) fn write(&self, nonce: Nonce, out: &mut BytesMut) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let digits = nonce.bytes();
        for at in &self.nonces {
            out[start + at..][..digits.len()].copy_from_slice(digits);
        }
    }
}
