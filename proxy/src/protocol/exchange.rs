//! What a server still owes the client that holds it: the state from which follows when the
//! server may go back to its pool.
//!
//! The client's requests stand in a queue in the order in which they were sent; each answer of
//! the server takes from the front of it. Nothing here knows of sockets or of bytes: both sides
//! report a message, [`Exchange::settled`] says whether the server is free. The rules are those of
//! the chapter «Message Flow» of PostgreSQL's manual and, where it is silent, of `postgres.c` and
//! `copyfromparse.c`; the tests are a table of conversations.

mod copy;

use std::collections::VecDeque;

use thiserror::Error;

use self::copy::CopyIn;
use super::message::backend::TransactionStatus;
use super::tag::Frontend;

/// Requests that may be unanswered before the client is read no further. A client that pipelines
/// more waits for its answers as it would behind a full socket.
pub const PIPELINE_MAX: usize = 1 << 16;

/// Requests of one batch among which [`Exchange::owes_earlier_batch`] looks for the end of another.
const LOOK_MAX: usize = 256;

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
    /// A message of a statement that the pooler names in the client's place.
    Errand(Errand),
}

/// A message about a prepared statement that is not what the client sent. Each comes with a change
/// of what the pooler believes that client and server know, which is confirmed when the message is
/// answered and undone when it is not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Parse of which the client does not know.
    HiddenParse,
    /// Parse of which the client does not know, before a Query. If it fails there is no Sync
    /// after which the server would go on.
    HiddenAlias,
    /// Close of which the client does not know.
    HiddenClose,
    /// The client's Parse under the pooler's name.
    Parse,
    /// The client's Parse of what the server knows already: a Close of nothing stands for it, so
    /// that the answer has its place in the order, and is skipped after an error.
    KnownParse,
    /// The client's Close of a name: a Close of nothing stands for it.
    Close,
}

/// What becomes of a server's message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// The client gets it.
    #[default]
    AsIs,
    /// The client does not get it.
    Hidden,
    /// The client gets ParseComplete for it.
    AsParseComplete,
}

/// What a server's message means for the pooler's own bookkeeping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What the client gets.
    pub shown: Shown,
    /// The oldest errand is done.
    pub confirmed: bool,
    /// So many errands, the oldest, will not be run.
    pub undone: usize,
    /// The server waits for a Sync that the client has no reason to send.
    pub needs_sync: bool,
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
    /// Errands among the requests.
    errands: usize,
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
            errands: 0,
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

    /// Whether the server has said that a transaction is open, failed or not.
    #[must_use]
    pub fn is_in_transaction(&self) -> bool {
        self.status != TransactionStatus::Idle
    }

    /// Whether messages are to be passed on as they come, without waiting for the end of a batch:
    /// in an open transaction and in a COPY the server is bound to this client anyway.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status != TransactionStatus::Idle || self.is_copying_in()
    }

    /// Whether so many requests wait for their answers that no more should be sent.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.pending.len() >= PIPELINE_MAX
    }

    /// Whether every request is answered, be it in the middle of a batch.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether anything but a Sync is owed behind what is answered now.
    #[must_use]
    pub fn owes_more(&self) -> bool {
        // A Query stays at the front until its ReadyForQuery, an Execute does not.
        let own = usize::from(self.synced && self.front() == Some(Request::Query));
        let mut behind = self.pending.iter().skip(own);
        behind.any(|request| *request != Request::Sync)
    }

    /// Whether a batch before this one may still fail, and its transaction with it. Of a long batch it is
    /// said without looking.
    #[must_use]
    pub fn owes_earlier_batch(&self) -> bool {
        let ends_ready = |request: &Request| request.ends_ready();
        self.pending.len() > LOOK_MAX || self.pending.iter().any(ends_ready)
    }

    /// Whether the server will answer everything without another word from the client.
    #[must_use]
    pub fn answers_by_itself(&self) -> bool {
        let last = self.pending.back().copied();
        self.mode == Mode::Normal && last.is_some_and(Request::ends_ready)
    }

    /// Whether the server discards what it is sent until a Sync.
    #[must_use]
    pub fn is_skipping(&self) -> bool {
        self.mode == Mode::SkipToSync
    }

    /// Whether answers are due that the client must not get as they are.
    #[must_use]
    pub const fn has_errands(&self) -> bool {
        self.errands > 0
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

    /// A message of the pooler's own goes to the server, which must not be skipping.
    pub fn errand_sent(&mut self, errand: Errand) {
        debug_assert!(!self.is_skipping(), "an errand that nobody runs");
        self.synced = false;
        self.errands += 1;
        self.pending.push_back(Request::Errand(errand));
    }

    fn client_syncs(&mut self) {
        match &mut self.mode {
            Mode::CopyIn(copy) => copy.syncs(),
            Mode::Normal | Mode::SkipToSync => {
                self.mode = Mode::Normal;
                self.pending.push_back(Request::Sync);
            }
        }
    }

    /// The server's next message goes to the client. `body` is the whole body of a ReadyForQuery;
    /// other bodies do not matter.
    ///
    /// # Errors
    ///
    /// When the message answers nothing that the client asked. What the server says next cannot
    /// be understood then, and the connection has to end.
    pub fn server_sent(&mut self, tag: u8, body: &[u8]) -> Result<Verdict, Unexpected> {
        let mut verdict = Verdict::default();
        match tag {
            // Notices, parameters and notifications come between any two messages.
            b'N' | b'S' | b'A' => return Ok(verdict),
            b'1' | b'3' => verdict = self.completes_naming(tag)?,
            b'2' => self.completes(Request::Bind, tag, "an answer to what comes before Bind")?,
            b'T' | b'n' if self.front() == Some(Request::Describe) => self.answered(),
            b'C' | b'I' | b's' if self.front() == Some(Request::Execute) => self.answered(),
            b'G' => self.copy_in_begins(tag)?,
            b'E' => {
                let alias = self.front() == Some(Request::Errand(Errand::HiddenAlias));
                verdict.undone = self.server_failed();
                verdict.needs_sync = alias && self.is_skipping();
            }
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
        Ok(verdict)
    }

    /// ParseComplete or CloseComplete.
    fn completes_naming(&mut self, tag: u8) -> Result<Verdict, Unexpected> {
        let Some(Request::Errand(errand)) = self.front() else {
            let (request, expected) = match tag {
                b'1' => (Request::Parse, "an answer to what comes before Parse"),
                _ => (Request::Close, "an answer to what comes before Close"),
            };
            self.completes(request, tag, expected)?;
            return Ok(Verdict::default());
        };
        let shown = match (errand, tag) {
            (Errand::HiddenParse | Errand::HiddenAlias, b'1') | (Errand::HiddenClose, b'3') => {
                Shown::Hidden
            }
            (Errand::Parse, b'1') | (Errand::Close, b'3') => Shown::AsIs,
            (Errand::KnownParse, b'3') => Shown::AsParseComplete,
            _ => {
                let expected = "an answer to what the pooler has sent";
                return Err(Unexpected { tag, expected });
            }
        };
        self.errands -= 1;
        self.answered();
        Ok(Verdict {
            shown,
            confirmed: true,
            ..Verdict::default()
        })
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

    /// Says how many errands will not be run.
    fn server_failed(&mut self) -> usize {
        self.copy_in_failed();
        match self.front() {
            // ReadyForQuery follows by itself. With no request it is the server's farewell.
            None | Some(Request::Query | Request::FunctionCall | Request::Sync) => 0,
            Some(_) => self.skip_to_sync(),
        }
    }

    /// After a failed extended message the server discards everything up to a Sync, Query and
    /// FunctionCall included. Says how many errands are among it.
    fn skip_to_sync(&mut self) -> usize {
        self.synced = false;
        let mut undone = 0;
        while let Some(request) = self.front() {
            match request {
                Request::Sync => {
                    self.errands -= undone;
                    return undone;
                }
                Request::Errand(_) => undone += 1,
                _ => {}
            }
            self.pending.pop_front();
        }
        self.errands -= undone;
        self.mode = Mode::SkipToSync;
        undone
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
            // A Sync was read behind the COPY after all, and the server skips no more.
            None if self.doubtful => self.mode = Mode::Normal,
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
