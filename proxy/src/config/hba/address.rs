//! Where a client comes from.

use std::net::IpAddr;

use super::super::error::Note;
use super::super::words::Word;

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    pub(super) fn contains(self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= self.bits
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= self.bits
            }
            _ => false,
        }
    }
}

/// Reads `all`, `ADDRESS/BITS`, or an address whose mask `next` gives. `None` is everywhere.
pub(super) fn address<'a>(
    word: &'a Word,
    next: impl FnOnce() -> Result<&'a Word, Note>,
) -> Result<Option<Network>, Note> {
    const EXPECTED: &str = "an address, ADDRESS/BITS or all";
    if word.text == "all" {
        return Ok(None);
    }
    let (address, bits) = match word.text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (word.text.as_str(), None),
    };
    let address: IpAddr = address.parse().map_err(|_| word.expected(EXPECTED))?;
    let bits = match bits {
        Some(bits) => bits.parse().map_err(|_| word.expected(EXPECTED))?,
        None => mask(next()?, address)?,
    };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    if bits > longest {
        return Err(word.expected(&format!("at most {longest} bits")));
    }
    Ok(Some(Network { address, bits }))
}

/// How many bits a mask keeps, all of them at its front.
fn mask(word: &Word, address: IpAddr) -> Result<u32, Note> {
    let expected = || word.expected("a mask of the address's kind, as 255.255.0.0");
    let mask: IpAddr = word.text.parse().map_err(|_| expected())?;
    let (ones, kept, same_kind) = match mask {
        IpAddr::V4(mask) => {
            let mask = mask.to_bits();
            (mask.leading_ones(), mask.count_ones(), address.is_ipv4())
        }
        IpAddr::V6(mask) => {
            let mask = mask.to_bits();
            (mask.leading_ones(), mask.count_ones(), address.is_ipv6())
        }
    };
    if ones == kept && same_kind {
        Ok(ones)
    } else {
        Err(expected())
    }
}
