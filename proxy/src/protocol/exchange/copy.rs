//! COPY from the client, in which the server takes messages otherwise than in order.

use super::{Exchange, Mode, Request, Unexpected};

/// What came from the client in copy-in mode, as far as it matters if the copy fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct CopyIn {
    data: bool,
    /// A Sync before any data.
    early_sync: bool,
    /// A Sync after data: if the copy fails, whether the server still read it as part of the copy
    /// (no answer) or after it (one ReadyForQuery) cannot be told from outside.
    late_sync: bool,
}

impl CopyIn {
    /// The client has sent a Sync.
    pub(super) const fn syncs(&mut self) {
        if self.data {
            self.late_sync = true;
        } else {
            self.early_sync = true;
        }
    }

    const fn is_doubtful(self) -> bool {
        self.late_sync || (self.early_sync && !self.data)
    }
}

impl Exchange {
    /// Whether the server waits for the data of a COPY, or for its end.
    #[must_use]
    pub const fn is_copying_in(&self) -> bool {
        matches!(self.mode, Mode::CopyIn(_))
    }

    /// CopyDone or CopyFail goes to the server.
    pub(super) fn client_ends_copy(&mut self) {
        match self.mode {
            Mode::CopyIn(_) => self.mode = Mode::Normal,
            // Without a request before it the server drops it.
            Mode::Normal if !self.pending.is_empty() => self.pending.push_back(Request::CopyEnd),
            Mode::Normal | Mode::SkipToSync => {}
        }
    }

    /// CopyData goes to the server.
    pub(super) const fn client_copies(&mut self) {
        if let Mode::CopyIn(copy) = &mut self.mode {
            copy.data = true;
        }
    }

    /// CopyInResponse. From here to the client's CopyDone or CopyFail the server ignores Sync and
    /// Flush, also those that were sent before the client could know: libpq sends one right after
    /// each Execute.
    pub(super) fn copy_in_begins(&mut self, tag: u8) -> Result<(), Unexpected> {
        if !matches!(self.front(), Some(Request::Execute | Request::Query)) {
            return Err(Unexpected {
                tag,
                expected: "CopyInResponse only after Execute or Query",
            });
        }
        let mut copy = CopyIn::default();
        while let Some(request) = self.pending.get(1).copied() {
            match request {
                Request::Sync => copy.early_sync = true,
                Request::CopyEnd => {
                    self.pending.remove(1);
                    return Ok(());
                }
                // The server fails the COPY over it.
                _ => break,
            }
            self.pending.remove(1);
        }
        self.mode = Mode::CopyIn(copy);
        Ok(())
    }

    /// The server has sent an error, which ends its copy-in mode.
    pub(super) const fn copy_in_failed(&mut self) {
        if let Mode::CopyIn(copy) = self.mode {
            self.doubtful |= copy.is_doubtful();
            self.mode = Mode::Normal;
        }
    }
}
