//! Where the faults are planted: everything that passes goes through here.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use super::frames::{Found, Frame, HEADER_LEN};
use super::relay::End;
use super::server::Key;
use crate::fault::Fault;

/// Bytes of the buffer that is too short.
const BUFFER: usize = 8192;

/// The row that [`Fault::MixesRows`] keeps for the next client, and whose it was.
pub(crate) type Kept = Arc<Mutex<Option<(Key, Frame)>>>;

/// The fault of one client's connection, and what it has to remember.
pub(crate) struct Plant {
    fault: Option<Fault>,
    me: Key,
    kept: Kept,
    /// What the proxy answers by itself.
    pub(crate) answers: Vec<Frame>,
    held: Vec<Frame>,
    names: HashSet<Vec<u8>>,
    last_parse: Vec<u8>,
    failed: bool,
    skipped_answers: u32,
    rows: u32,
}

impl Plant {
    /// For the client that owns `me`; all clients share `kept`.
    pub(crate) fn new(fault: Option<Fault>, me: Key, kept: Kept) -> Self {
        Self {
            fault,
            me,
            kept,
            answers: Vec::new(),
            held: Vec::new(),
            names: HashSet::new(),
            last_parse: Vec::new(),
            failed: false,
            skipped_answers: 0,
            rows: 0,
        }
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// Whether the server goes back after a ReadyForQuery with this status.
    pub(crate) fn hands_back(&self, status: u8) -> Option<End> {
        match (status, self.fault) {
            (_, Some(Fault::HandsBackAtFirstReady)) if status == b'I' => Some(End::AsItIs),
            (b'I', _) => Some(End::Settled),
            (b'T', Some(Fault::HandsBackInTransaction))
            | (b'E', Some(Fault::HandsBackInFailedTransaction)) => Some(End::AsItIs),
            _ => None,
        }
    }

    /// Whether this error ends the connection.
    pub(crate) fn disconnects_on(&self, error: &Frame) -> bool {
        self.has(Fault::DisconnectsOnUnknownStatement) && is_code(error, b"C26000\0")
    }

    /// What is passed to the server for a message of the client.
    pub(crate) fn client_says(&mut self, found: Found) -> Vec<Frame> {
        let Found {
            frame,
            header_was_split,
        } = found;
        let Some(fault) = self.fault else {
            return vec![frame];
        };
        match (fault, frame.tag()) {
            (Fault::MisreadsSplitHeader, _) if header_was_split => vec![],
            (Fault::LosesFlush, b'H') => vec![],
            (Fault::CopyFailBecomesCopyDone, b'f') => vec![Frame::new(b'c', b"")],
            (Fault::LosesLastCopyData, b'd') => self.hold(frame),
            (Fault::LosesLastCopyData, b'c') => {
                self.held.clear();
                vec![frame]
            }
            (Fault::SwallowsDeallocate, b'Q') if frame.text().starts_with(b"DEALLOCATE") => {
                self.answers.push(Frame::new(b'C', b"DEALLOCATE\0"));
                self.answers.push(Frame::new(b'Z', b"I"));
                vec![]
            }
            (Fault::ClosesStatementForPortal, b'C') if frame.body().first() == Some(&b'P') => {
                let statement = [b"S", &frame.body()[1..]].concat();
                vec![Frame::new(b'C', &statement)]
            }
            (Fault::RetriesQuery, b'Q') if frame.text().starts_with(b"INSERT") => {
                self.skipped_answers = 1;
                vec![frame.clone(), frame]
            }
            (Fault::InventsParseComplete, b'P') if self.failed => {
                self.answers.push(Frame::new(b'1', b""));
                vec![frame]
            }
            (Fault::KeepsFailedParse, b'P') => self.parse_once(frame),
            _ => vec![frame],
        }
    }

    /// A Parse under a name that is taken for prepared is not passed on.
    fn parse_once(&mut self, frame: Frame) -> Vec<Frame> {
        self.last_parse = frame.text().to_vec();
        if !self.names.contains(&self.last_parse) {
            return vec![frame];
        }
        self.answers.push(Frame::new(b'1', b""));
        vec![]
    }

    /// Keeps a message back until the next one comes.
    fn hold(&mut self, frame: Frame) -> Vec<Frame> {
        std::mem::replace(&mut self.held, vec![frame])
    }

    /// Whether a message of the server is part of an answer that nobody is told.
    pub(crate) fn skips(&mut self, frame: &Frame) -> bool {
        let skips = self.skipped_answers > 0;
        if skips && frame.tag() == b'Z' {
            self.skipped_answers -= 1;
        }
        skips
    }

    /// What is passed to the client for a message of the server.
    pub(crate) fn server_says(&mut self, frame: Frame) -> Vec<Frame> {
        let Some(fault) = self.fault else {
            return vec![frame];
        };
        let tag = frame.tag();
        let passed = self.spoil(fault, frame);
        match tag {
            b'E' => self.failed = true,
            b'Z' => {
                self.failed = false;
                self.rows = 0;
            }
            b'C' => self.rows = 0,
            b'D' => self.rows += 1,
            _ => {}
        }
        passed
    }

    fn spoil(&mut self, fault: Fault, frame: Frame) -> Vec<Frame> {
        match (fault, frame.tag()) {
            (Fault::ForgetsReadyAfterError, b'Z') if self.failed => vec![],
            (Fault::DropsNotice, b'N')
            | (Fault::DropsNotification, b'A')
            | (Fault::ForgetsCopyDone, b'c')
            | (Fault::LosesNoData, b'n')
            | (Fault::LosesEmptyQuery, b'I') => vec![],
            (Fault::MixesRows, b'D') => vec![self.mixed(frame)],
            (Fault::TruncatesAtBufferEdge, b'D') if frame.0.len() > BUFFER => {
                vec![Frame::new(b'D', &frame.0[HEADER_LEN..BUFFER])]
            }
            (Fault::DelaysErrorsToSync, b'E') => {
                self.held.push(frame);
                vec![]
            }
            (Fault::DelaysErrorsToSync | Fault::LosesRowDescription, b'Z') => {
                let mut frames = std::mem::take(&mut self.held);
                frames.push(frame);
                frames
            }
            (Fault::ReordersParameterStatus, b'S') => {
                self.held.push(frame);
                vec![]
            }
            (Fault::ReordersParameterStatus, b'Z') => {
                let mut frames = vec![frame];
                frames.append(&mut self.held);
                frames
            }
            (Fault::WrongCommandTag, b'C') if frame.text().starts_with(b"UPDATE") => {
                vec![Frame::new(b'C', b"UPDATE 0\0")]
            }
            (Fault::NullBecomesEmpty, b'D') => vec![without_nulls(&frame)],
            (Fault::LosesRowDescription, b'T') => self.hold(frame),
            (Fault::LosesRowDescription, b'D') => {
                let mut frames = std::mem::take(&mut self.held);
                frames.push(frame);
                frames
            }
            (Fault::LosesRowDescription, b'C') => {
                self.held.clear();
                vec![frame]
            }
            (Fault::WrongSqlstate, b'E') => vec![with_code(&frame, b"C23505\0", b"CXX000\0")],
            (Fault::DuplicatesDataRow, b'D') => {
                self.held = vec![frame.clone()];
                vec![frame]
            }
            (Fault::DuplicatesDataRow, b'C') => {
                let mut frames = std::mem::take(&mut self.held);
                frames.retain(|_| self.rows > 1);
                frames.push(frame);
                frames
            }
            (Fault::SuspendedBecomesComplete, b's') => vec![Frame::new(b'C', b"SELECT 0\0")],
            (Fault::KeepsFailedParse, b'E') if !self.last_parse.is_empty() => {
                self.names.insert(std::mem::take(&mut self.last_parse));
                vec![frame]
            }
            (Fault::KeepsFailedParse, b'1') => {
                self.last_parse.clear();
                vec![frame]
            }
            _ => vec![frame],
        }
    }

    /// The row that another client has left behind, if there is one of the same length.
    fn mixed(&self, frame: Frame) -> Frame {
        let mut kept = self.kept.lock().expect("no thread panics with the lock");
        let of_another = kept
            .take_if(|(whose, row)| *whose != self.me && row.0.len() == frame.0.len())
            .map(|(_, row)| row);
        *kept = Some((self.me, frame.clone()));
        of_another.unwrap_or(frame)
    }
}

fn is_code(error: &Frame, code: &[u8]) -> bool {
    error.body().windows(code.len()).any(|field| field == code)
}

fn with_code(error: &Frame, from: &[u8], to: &[u8]) -> Frame {
    let mut body = error.body().to_vec();
    if let Some(place) = body.windows(from.len()).position(|field| field == from) {
        body[place..place + from.len()].copy_from_slice(to);
    }
    Frame::new(b'E', &body)
}

/// The length -1, which says NULL, becomes 0.
fn without_nulls(row: &Frame) -> Frame {
    let mut body = row.body().to_vec();
    let mut place = 2;
    while let Some(length) = body.get(place..place + 4) {
        let length = i32::from_be_bytes(length.try_into().expect("four bytes"));
        if length < 0 {
            body[place..place + 4].fill(0);
        }
        place += 4 + usize::try_from(length).unwrap_or(0);
    }
    Frame::new(b'D', &body)
}
