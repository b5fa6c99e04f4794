//! Which core a thread is: every core runs one thread with a runtime of its own.

use std::cell::Cell;

/// A core, counted from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CoreId(pub u16);

thread_local! {
    static CURRENT: Cell<CoreId> = const { Cell::new(CoreId(0)) };
}

impl CoreId {
    /// The core of the current thread; the first on threads that serve none.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.get()
    }

    /// Makes this the core of the current thread.
    pub fn settle(self) {
        CURRENT.set(self);
    }

    /// As an index into what there is one of for each core.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
