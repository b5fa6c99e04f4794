#![no_main]
//! Every message of a server, in pieces; the first byte says how it is cut.

use libfuzzer_sys::fuzz_target;
use poolproof_proxy::protocol::exchange::Shown;
use poolproof_proxy::protocol::walker::{WalkError, Walker};

fuzz_target!(|input: &[u8]| {
    let Some((cut, bytes)) = input.split_first() else {
        return;
    };
    let whole = |tag| matches!(tag, b'Z' | b'S' | b'C' | b'E');
    let (mut walker, mut filter) = (Walker::default(), Walker::default());
    let mut out = Vec::new();
    for piece in bytes.chunks(usize::from(*cut).max(1)) {
        let walked = walker.walk::<WalkError>(piece, whole, |_, _| Ok(()));
        let filtered = filter.filter::<WalkError>(piece, whole, |_, _| Ok(Shown::AsIs), &mut out);
        assert_eq!(walked.is_ok(), filtered.is_ok());
        if walked.is_err() {
            return;
        }
    }
    assert!(out.len() <= bytes.len());
});
