#![no_main]
//! The first packet of a connection.

use libfuzzer_sys::fuzz_target;
use poolproof_proxy::protocol::startup::{body_length, parse};

fuzz_target!(|packet: &[u8]| {
    if let Some((header, body)) = packet.split_first_chunk::<4>() {
        let _ = body_length(*header);
        let _ = parse(body);
    }
});
