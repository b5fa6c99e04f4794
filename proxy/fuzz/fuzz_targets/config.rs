#![no_main]
//! pgbouncer.ini; lines that name other files are left out.

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use poolproof_proxy::config::Config;

fuzz_target!(|text: &str| {
    let lines = text.lines().filter(|line| !line.contains("file") && !line.contains('%'));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    let _ = Config::parse(Path::new("pgbouncer.ini"), &text);
});
