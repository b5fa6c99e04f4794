//! What a server still owes the client that holds it: the state from which follows when the
//! server may go back to its pool.
//!
//! The client's requests stand in a queue in the order in which they were sent; each answer of
//! the server takes from the front of it. Nothing here knows of sockets or of bytes: both sides
//! report a message, [`Exchange::settled`] says whether the server is free. The rules are those of
//! the chapter «Message Flow» of PostgreSQL's manual and, where it is silent, of `postgres.c` and
//! `copyfromparse.c`; the tests are a table of conversations.

use std::collections::VecDeque;

use thiserror::Error;

use super::message::backend::TransactionStatus;
use super::tag::Frontend;

/// Requests that may be unanswered before the client is read no further. A client that pipelines
/// more waits for its answers as it would behind a full socket.
pub const PIPELINE_MAX: usize = 1 << 16;

/// Room that an idle server keeps for requests.
const PIPELINE_KEPT: usize = 64;

/// A request in the queue. One byte each, as a pipeline may be long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Parse,
    Bind,
    Describe,
    Execute,
    Close,
    Sync,
    Query,
    FunctionCall,
    /// CopyDone or CopyFail, remembered because a Sync means nothing before it and ends the
    /// batch after it.
    CopyEnd,
}

impl Request {
    /// Whether ReadyForQuery answers it.
    const fn ends_ready(self) -> bool {
        matches!(self, Self::Sync | Self::Query | Self::FunctionCall)
    }
}

/// How the server takes what the client sends next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// In order.
    Normal,
    /// As data of a COPY; Sync and Flush are ignored.
    CopyIn(CopyIn),
    /// Not at all until a Sync, because an extended message failed.
    SkipToSync,
}

/// What came from the client in copy-in mode, as far as it matters if the copy fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct CopyIn {
    data: bool,
    /// A Sync before any data.
    early_sync: bool,
    /// A Sync after data: if the copy fails, whether the server still read it as part of the copy
    /// (no answer) or after it (one ReadyForQuery) cannot be told from outside.
    late_sync: bool,
}

impl CopyIn {
    const fn is_doubtful(self) -> bool {
        self.late_sync || (self.early_sync && !self.data)
    }
}

/// A message that the server may not send now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("server sent {:?} where {expected} was expected", char::from(*.tag))]
pub struct Unexpected {
    /// Type byte of what came.
    pub tag: u8,
    /// What could have come.
    pub expected: &'static str,
}

/// The conversation between one client and one server.
#[derive(Debug)]
pub struct Exchange {
    pending: VecDeque<Request>,
    mode: Mode,
    status: TransactionStatus,
    /// Nothing of an extended batch was taken since the last ReadyForQuery.
    synced: bool,
    /// How many ReadyForQuery are due can no longer be known.
    doubtful: bool,
    /// The last message was an error: if the connection ends now, the client knows why.
    error_last: bool,
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            pending: VecDeque::new(),
            mode: Mode::Normal,
            status: TransactionStatus::Idle,
            synced: true,
            doubtful: false,
            error_last: false,
        }
    }
}

impl Exchange {
    /// Whether the server owes nothing, no transaction is open and so another client may have it.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.pending.is_empty()
            && self.synced
            && !self.doubtful
            && self.mode == Mode::Normal
            && self.status == TransactionStatus::Idle
    }

    /// The transaction status of the last ReadyForQuery.
    #[must_use]
    pub const fn status(&self) -> TransactionStatus {
        self.status
    }

    /// Whether messages are to be passed on as they come, without waiting for the end of a batch:
    /// in an open transaction and in a COPY the server is bound to this client anyway.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status != TransactionStatus::Idle || matches!(self.mode, Mode::CopyIn(_))
    }

    /// Whether so many requests wait for their answers that no more should be sent.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.pending.len() >= PIPELINE_MAX
    }

    /// Whether the last thing that the server said was an error.
    #[must_use]
    pub const fn ended_in_error(&self) -> bool {
        self.error_last
    }

    /// Gives back the memory of a long pipeline; for a server that goes to its pool.
    pub fn shrink(&mut self) {
        if self.pending.capacity() > PIPELINE_KEPT {
            self.pending.shrink_to(PIPELINE_KEPT);
        }
    }

    /// The client's next message goes to the server.
    pub fn client_sent(&mut self, message: Frontend) {
        let request = match message {
            Frontend::Parse => Request::Parse,
            Frontend::Bind => Request::Bind,
            Frontend::Describe => Request::Describe,
            Frontend::Execute => Request::Execute,
            Frontend::Close => Request::Close,
            Frontend::Query => Request::Query,
            Frontend::FunctionCall => Request::FunctionCall,
            Frontend::Sync => return self.client_syncs(),
            Frontend::CopyDone | Frontend::CopyFail => return self.client_ends_copy(),
            Frontend::CopyData => return self.client_copies(),
            Frontend::Flush | Frontend::Terminate => return,
        };
        match self.mode {
            Mode::SkipToSync => {}
            // Anything but copy messages makes the server fail the COPY, and with it this
            // message; its error is waited for like the COPY's own.
            Mode::Normal | Mode::CopyIn(_) => {
                self.synced &= request.ends_ready();
                self.pending.push_back(request);
            }
        }
    }

    fn client_syncs(&mut self) {
        match &mut self.mode {
            Mode::CopyIn(copy) if copy.data => copy.late_sync = true,
            Mode::CopyIn(copy) => copy.early_sync = true,
            Mode::Normal | Mode::SkipToSync => {
                self.mode = Mode::Normal;
                self.pending.push_back(Request::Sync);
            }
        }
    }

    fn client_ends_copy(&mut self) {
        match self.mode {
            Mode::CopyIn(_) => self.mode = Mode::Normal,
            // Without a request before it the server drops it.
            Mode::Normal if !self.pending.is_empty() => self.pending.push_back(Request::CopyEnd),
            Mode::Normal | Mode::SkipToSync => {}
        }
    }

    fn client_copies(&mut self) {
        if let Mode::CopyIn(copy) = &mut self.mode {
            copy.data = true;
        }
    }

    /// The server's next message goes to the client. `body` is the whole body of a ReadyForQuery;
    /// other bodies do not matter.
    ///
    /// # Errors
    ///
    /// When the message answers nothing that the client asked. What the server says next cannot
    /// be understood then, and the connection has to end.
    pub fn server_sent(&mut self, tag: u8, body: &[u8]) -> Result<(), Unexpected> {
        match tag {
            // Notices, parameters and notifications come between any two messages.
            b'N' | b'S' | b'A' => return Ok(()),
            b'1' => self.completes(Request::Parse, tag, "an answer to what comes before Parse")?,
            b'2' => self.completes(Request::Bind, tag, "an answer to what comes before Bind")?,
            b'3' => self.completes(Request::Close, tag, "an answer to what comes before Close")?,
            b'T' | b'n' if self.front() == Some(Request::Describe) => self.answered(),
            b'C' | b'I' | b's' if self.front() == Some(Request::Execute) => self.answered(),
            b'G' => self.copy_in_begins(tag)?,
            b'E' => self.server_failed(),
            b'Z' => self.ready(tag, body)?,
            b't' | b'T' | b'n' | b'C' | b'I' | b's' | b'D' | b'V' | b'H' | b'W' | b'd' | b'c' => {
                self.belongs(tag)?;
            }
            _ => {
                return Err(Unexpected {
                    tag,
                    expected: "a message of protocol 3",
                });
            }
        }
        self.error_last = tag == b'E';
        Ok(())
    }

    fn front(&self) -> Option<Request> {
        self.pending.front().copied()
    }

    /// The front request is done with.
    fn answered(&mut self) {
        if let Some(request) = self.pending.pop_front() {
            self.synced = request.ends_ready();
        }
        // What is left of a COPY that never was is dropped by the server too.
        while self.front() == Some(Request::CopyEnd) {
            self.pending.pop_front();
        }
    }

    fn completes(
        &mut self,
        request: Request,
        tag: u8,
        expected: &'static str,
    ) -> Result<(), Unexpected> {
        if self.front() != Some(request) {
            return Err(Unexpected { tag, expected });
        }
        self.answered();
        Ok(())
    }

    /// Data and tags are part of an answer; there must be a request that they can answer.
    fn belongs(&self, tag: u8) -> Result<(), Unexpected> {
        match self.front() {
            Some(_) => Ok(()),
            None => Err(Unexpected {
                tag,
                expected: "nothing, as no request was open,",
            }),
        }
    }

    /// CopyInResponse. From here to the client's CopyDone or CopyFail the server ignores Sync and
    /// Flush, also those that were sent before the client could know: libpq sends one right after
    /// each Execute.
    fn copy_in_begins(&mut self, tag: u8) -> Result<(), Unexpected> {
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

    fn server_failed(&mut self) {
        if let Mode::CopyIn(copy) = self.mode {
            self.doubtful |= copy.is_doubtful();
            self.mode = Mode::Normal;
        }
        match self.front() {
            // ReadyForQuery follows by itself. With no request it is the server's farewell.
            None | Some(Request::Query | Request::FunctionCall | Request::Sync) => {}
            Some(_) => self.skip_to_sync(),
        }
    }

    /// After a failed extended message the server discards everything up to a Sync, Query and
    /// FunctionCall included.
    fn skip_to_sync(&mut self) {
        self.synced = false;
        while let Some(request) = self.front() {
            if request == Request::Sync {
                return;
            }
            self.pending.pop_front();
        }
        self.mode = Mode::SkipToSync;
    }

    fn ready(&mut self, tag: u8, body: &[u8]) -> Result<(), Unexpected> {
        let status = match body {
            [byte] => TransactionStatus::from_byte(*byte),
            _ => None,
        };
        let status = status.ok_or(Unexpected {
            tag,
            expected: "a transaction status in it",
        })?;
        match self.front() {
            Some(request) if request.ends_ready() => self.answered(),
            None if self.doubtful => {}
            Some(_) | None => {
                let expected = "the answer to a request without ReadyForQuery";
                return Err(Unexpected { tag, expected });
            }
        }
        self.synced = true;
        self.status = status;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
