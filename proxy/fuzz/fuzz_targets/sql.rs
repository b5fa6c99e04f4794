#![no_main]
//! The text of a statement.

use libfuzzer_sys::fuzz_target;
use poolproof_proxy::protocol::sql::{names_used, traces};

fuzz_target!(|text: &[u8]| {
    let _ = traces(text);
    assert!(names_used(text).count() <= text.len());
});
