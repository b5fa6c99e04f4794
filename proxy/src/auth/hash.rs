//! The few functions from which md5 and SCRAM are made.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};

/// Bytes of a SHA-256 digest, and so of every key in SCRAM-SHA-256.
pub const KEY_BYTES: usize = 32;
/// A SHA-256 digest, or a key made of one.
pub type Key = [u8; KEY_BYTES];

/// SHA-256.
pub(crate) fn sha256(data: &[u8]) -> Key {
    Sha256::digest(data).into()
}

/// HMAC-SHA-256 of the parts, one after the other.
pub(crate) fn hmac(key: &[u8], parts: &[&[u8]]) -> Key {
    let mut mac = keyed(key);
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// `Hi` of RFC 5802, which is PBKDF2 with HMAC-SHA-256 and one block of output.
///
/// 4,096 iterations take about a millisecond: callers keep the result.
pub(crate) fn pbkdf2(password: &[u8], salt: &[u8], iterations: u32) -> Key {
    let keyed = keyed(password);
    let step = |data: &[&[u8]]| -> Key {
        // A copy of the keyed state saves hashing the key again in each iteration.
        let mut mac = keyed.clone();
        for part in data {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    };
    let mut block = step(&[salt, &1_u32.to_be_bytes()]);
    let mut result = block;
    for _ in 1..iterations {
        block = step(&[&block]);
        xor_into(&mut result, &block);
    }
    result
}

/// `a` XOR `b`.
pub(crate) fn xor(mut a: Key, b: &Key) -> Key {
    xor_into(&mut a, b);
    a
}

/// MD5 of the parts, one after the other, in lower-case hexadecimal.
pub(crate) fn md5_hex(parts: &[&[u8]]) -> String {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    let digest: [u8; 16] = hash.finalize().into();
    let nibble = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    digest
        .iter()
        .flat_map(|byte| [nibble(byte >> 4), nibble(byte & 15)])
        .collect()
}

fn xor_into(a: &mut Key, b: &Key) {
    for (a, b) in a.iter_mut().zip(b) {
        *a ^= b;
    }
}

#[expect(
    clippy::expect_used,
    reason = "HMAC takes keys of any length (RFC 2104)"
)]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn pbkdf2_as_in_rfc_7914_section_11() {
        // The first 32 of the 64 bytes there: PBKDF2 makes each block by itself. Many
        // iterations are in RFC 7677, whose exchange the tests of SCRAM repeat.
        let got = hex(&pbkdf2(b"passwd", b"salt", 1));
        assert_eq!(
            got,
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
        );
    }

    #[test]
    fn hmac_as_in_rfc_4231_case_2() {
        let got = hex(&hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]));
        assert_eq!(
            got,
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn md5_as_in_rfc_1321() {
        assert_eq!(
            md5_hex(&[b"message ", b"digest"]),
            "f96b697d7cb7938d525a2f31aaf161d0"
        );
    }
}
