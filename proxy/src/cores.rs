//! Which core a thread is: every core runs one thread with a runtime of its own.

use std::cell::Cell;

/// A core, counted from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CoreId(pub u16);

thread_local! {
    static CURRENT: Cell<Option<CoreId>> = const { Cell::new(None) };
}

impl CoreId {
    /// The core of the current thread; the first on threads that serve none.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.get().unwrap_or(Self(0))
    }

    /// Whether the current thread serves connections.
    #[must_use]
    pub fn is_here() -> bool {
        CURRENT.get().is_some()
    }

    /// Makes this the core of the current thread.
    pub fn settle(self) {
        CURRENT.set(Some(self));
    }

    /// As an index into what there is one of for each core.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
