//! Messages that the pooler writes itself, to clients and to servers.
//!
//! Each function appends one whole message, type byte and length included, as the chapter «Message
//! Formats» of PostgreSQL's manual lays it out. Strings must not hold a zero byte; what comes from
//! the wire or from a configuration file cannot, as both are checked where they are read.

pub mod backend;
pub mod frontend;

use bytes::{BufMut, BytesMut};

/// Appends a message of type `tag` whose body `body` writes; the length is filled in afterwards.
fn message(out: &mut BytesMut, tag: u8, body: impl FnOnce(&mut BytesMut)) {
    out.put_u8(tag);
    framed(out, body);
}

/// Appends a length, which counts itself, and what `body` writes.
fn framed(out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_u32(0);
    body(out);
    // Nothing written here comes near 4 GB: every caller's text is bounded where it is read.
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Appends a string and its terminating zero.
fn text(out: &mut BytesMut, text: &str) {
    debug_assert!(
        !text.contains('\0'),
        "a string on the wire ends at its first zero byte"
    );
    out.put_slice(text.as_bytes());
    out.put_u8(0);
}

#[cfg(test)]
mod tests;
