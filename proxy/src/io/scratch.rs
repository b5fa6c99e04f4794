//! The buffer that everything on a core is read into.
//!
//! What is read is acted on before the next read, so that one buffer serves all connections of a
//! core and an idle client needs none.

use std::cell::RefCell;

/// Size in bytes: large results pass in few system calls, and what is read is still in the core's
/// first cache when it is sent. Twice as much costs a third more CPU where that cache has 48 kB
/// (`docs/performance.md`).
pub const SCRATCH_LEN: usize = 32 * 1024;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_LEN].into_boxed_slice());
}

/// Lends the core's buffer to `work`, which must not ask for it again.
pub fn with<T>(work: impl FnOnce(&mut [u8]) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| work(scratch))
}

thread_local! {
    static SECOND: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Room that the second buffer keeps, in bytes.
const SECOND_KEPT: usize = 2 * SCRATCH_LEN;

/// Lends the core's second buffer, empty, for what cannot stay as it was read. `work` must not ask
/// for it again.
pub fn with_second<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    SECOND.with_borrow_mut(|second| {
        second.clear();
        second.shrink_to(SECOND_KEPT);
        work(second)
    })
}
