//! The drivers that applications use.

use std::future::Future;

use ::tokio::runtime;

mod psql;
mod sqlx;
mod tokio;

/// Runs `future` to its end on this thread.
fn run<T>(future: impl Future<Output = T>) -> T {
    let mut builder = runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime");
    runtime.block_on(future)
}
