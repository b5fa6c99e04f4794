//! The pooler as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    poolproof_proxy::cli::run(std::env::args_os())
}
