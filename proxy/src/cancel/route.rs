//! Which pooler a cancel request is for, where several stand behind one port: pure.
//!
//! A client's request comes on a connection of its own, which the system may give to any of them.
//! So a key says whose it is: the first two bytes of the process id are the `peer_id` of the
//! pooler that made it. The last two bits of the key count how often it may be passed on, so that
//! poolers that each take the other for the right one do not pass it to and fro for ever.

use crate::protocol::startup::CancelKey;

/// Largest `peer_id`, as in PgBouncer.
pub const PEER_ID_MAX: u32 = 16_383;

/// The bits of a key's last byte that count.
const HOPS_MASK: u8 = 0b11;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// To a client of our own, if there is one with that key.
    Here,
    /// To another pooler, with the key as it is to be sent.
    Peer(u32, CancelKey),
    /// Nowhere: it has been passed on too often.
    Nowhere,
}

/// Marks a new key as one of the pooler with `peer_id`; 0 is a pooler without peers.
pub(super) fn mark(key: &mut CancelKey, peer_id: u32) {
    if peer_id == 0 {
        return;
    }
    let [_, _, third, fourth] = key.process.to_be_bytes();
    let [_, _, high, low] = peer_id.to_be_bytes();
    key.process = u32::from_be_bytes([high, low, third, fourth]);
    if let Some(last) = key.key.last_mut() {
        *last |= HOPS_MASK;
    }
}

/// Where the request with `key` goes that came to the pooler with `peer_id`.
#[must_use]
pub(super) fn route(key: &CancelKey, peer_id: u32) -> Route {
    let owner = key.process >> 16;
    if peer_id == 0 || owner == peer_id {
        return Route::Here;
    }
    let mut passed = key.clone();
    match passed.key.last_mut() {
        Some(last) if *last & HOPS_MASK > 0 => *last -= 1,
        _ => return Route::Nowhere,
    }
    Route::Peer(owner, passed)
}

/// The key without what counts its hops, as it is compared.
#[must_use]
pub(super) fn unmarked(key: &CancelKey, peer_id: u32) -> CancelKey {
    let mut key = key.clone();
    if peer_id != 0
        && let Some(last) = key.key.last_mut()
    {
        *last |= HOPS_MASK;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(process: u32, key: &[u8]) -> CancelKey {
        CancelKey {
            process,
            key: key.into(),
        }
    }

    #[test]
    fn alone_every_key_is_our_own() {
        let mut own = key(0x1234_5678, &[1, 2, 3, 0]);
        mark(&mut own, 0);
        assert_eq!(own, key(0x1234_5678, &[1, 2, 3, 0]));
        assert_eq!(route(&own, 0), Route::Here);
        assert_eq!(unmarked(&own, 0), own);
    }

    #[test]
    fn a_key_finds_its_pooler_and_stops_after_three_hops() {
        for id in [1, 7, 300, PEER_ID_MAX] {
            let mut own = key(0xffff_5678, &[0; 32]);
            mark(&mut own, id);
            assert_eq!(route(&own, id), Route::Here);
            let mut passed = own.clone();
            for _ in 0..3 {
                let Route::Peer(owner, next) = route(&passed, id + 1) else {
                    panic!("passed on: {id}");
                };
                assert_eq!((owner, route(&next, id)), (id, Route::Here));
                assert_eq!(unmarked(&next, id), own, "it is still the same key");
                passed = next;
            }
            assert_eq!(route(&passed, id + 1), Route::Nowhere);
        }
    }

    #[test]
    fn no_key_is_no_reason_to_panic() {
        assert_eq!(route(&key(0, &[]), 3), Route::Nowhere);
        assert_eq!(unmarked(&key(0, &[]), 3), key(0, &[]));
    }
}
