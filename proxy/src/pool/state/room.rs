//! Room for servers beyond what the queue asks for: the reserve, the least that a pool keeps, what
//! limits over several pools take away, and servers that are looked after before use.

use super::{Order, PoolState};

impl<S, W> PoolState<S, W> {
    /// Changes which idle server a client gets.
    pub const fn set_order(&mut self, order: Order) {
        self.order = order;
    }

    /// Changes the number of servers beyond the size.
    pub const fn set_reserve(&mut self, reserve: usize) {
        self.reserve = reserve;
    }

    /// `overdue` clients have waited so long that the reserve is for them. Says how many servers
    /// to open; they are counted already.
    #[must_use]
    pub fn open_reserve(&mut self, overdue: usize) -> usize {
        let room = (self.size + self.reserve).saturating_sub(self.total);
        let wanted = overdue.min(self.waiting).saturating_sub(self.opening);
        let count = if self.may_open() { wanted.min(room) } else { 0 };
        self.opening += count;
        self.total += count;
        count
    }

    /// Sees to it that there are `least` servers, as far as the size goes. Says how many to open;
    /// they are counted already.
    #[must_use]
    pub fn open_up_to(&mut self, least: usize) -> usize {
        let missing = least.min(self.size).saturating_sub(self.total);
        let count = if self.may_open() { missing } else { 0 };
        self.opening += count;
        self.total += count;
        count
    }

    /// A server that was to be opened has no room under a limit over several pools: no further
    /// attempt before [`PoolState::room`].
    pub const fn put_off(&mut self) {
        self.opening -= 1;
        self.total -= 1;
        self.put_off = true;
    }

    /// A server that was to be opened is not opened after all, as nobody waits for it.
    pub const fn forgo(&mut self) {
        self.opening -= 1;
        self.total -= 1;
    }

    /// There may be room now. Says how many servers to open; they are counted already.
    #[must_use]
    pub fn room(&mut self) -> usize {
        self.put_off = false;
        self.open_wanted()
    }

    /// A server that was taken is looked after before a client gets it: until
    /// [`PoolState::opened`], or [`PoolState::unfit`] and [`PoolState::closed`], it counts as being
    /// opened.
    pub const fn looked_after(&mut self) {
        self.opening += 1;
    }

    /// A server that was looked after is about to be closed.
    pub const fn unfit(&mut self) {
        self.opening -= 1;
    }

    /// Takes an idle server for good, so that another pool has room for one. The caller closes it
    /// and reports [`PoolState::closed`].
    #[must_use]
    pub fn evict(&mut self) -> Option<S> {
        self.take_oldest().map(|(server, _)| server)
    }
}
