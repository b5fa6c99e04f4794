#![no_main]
//! What is typed at the admin console.

use libfuzzer_sys::fuzz_target;
use poolproof_proxy::console::command::parse;

fuzz_target!(|text: &str| {
    let _ = parse(text);
});
