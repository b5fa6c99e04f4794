#![no_main]
//! Every message of a client, in pieces. The first three bytes say how it is cut, by which rule
//! it is passed on, and how many statements a server may have.

use libfuzzer_sys::fuzz_target;
use poolproof_proxy::client::intake::Rule;
use poolproof_proxy::client::rehearsal::Rehearsal;

fuzz_target!(|input: &[u8]| {
    let Some(([cut, rule, statements], bytes)) = input.split_first_chunk::<3>() else {
        return;
    };
    let rule = if rule % 2 == 0 { Rule::Gather } else { Rule::Pass };
    let mut rehearsal = Rehearsal::new(1 << 20, usize::from(statements % 4));
    for piece in bytes.chunks(usize::from(*cut).max(1)) {
        if rehearsal.say(piece, rule).is_err() {
            return;
        }
    }
    assert!(rehearsal.held_len() <= bytes.len());
});
