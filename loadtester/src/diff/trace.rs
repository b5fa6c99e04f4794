//! What came of a session: for every client, what it received and what had come before which mark.

use std::{collections::BTreeMap, fmt};

use bytes::Bytes;
use poolproof_scenarios::session::Client;

/// What one run of a session showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What each client received, in order.
    pub clients: BTreeMap<Client, Vec<Event>>,
    /// How it ended.
    pub ending: Ending,
    /// Expectations of the script that did not hold.
    pub unmet: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// After the last step.
    Complete,
    /// A step waited for what did not come, and the server had nothing more to do.
    Hang {
        /// Which step, from 1; the number after the last one is the farewell.
        step: usize,
    },
    /// A step waited for longer than is allowed, and the server was still working.
    Slow {
        /// Which step, from 1.
        step: usize,
    },
}

impl fmt::Display for Ending {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => out.write_str("comes to the end"),
            Self::Hang { step } => write!(out, "sends nothing more in step {step}"),
            Self::Slow { step } => write!(out, "is not done with step {step}"),
        }
    }
}

/// Something that a client saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message.
    Message(Backend),
    /// The single byte that answers SSLRequest or GSSENCRequest.
    Reply(u8),
    /// Everything before it had come when this step was over.
    Mark {
        /// Which step, from 1.
        step: usize,
    },
    /// The connection could not be made.
    Refused,
    /// The server closed the connection.
    Closed,
    /// Bytes that are no message; nothing after them can be read.
    Malformed(String),
}

/// A message of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Its type.
    pub tag: u8,
    /// What follows the length.
    pub body: Bytes,
}

impl Backend {
    /// Its name in PostgreSQL's manual.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.tag {
            b'1' => "ParseComplete",
            b'2' => "BindComplete",
            b'3' => "CloseComplete",
            b'A' => "NotificationResponse",
            b'c' => "CopyDone",
            b'C' => "CommandComplete",
            b'd' => "CopyData",
            b'D' => "DataRow",
            b'E' => "ErrorResponse",
            b'G' => "CopyInResponse",
            b'H' => "CopyOutResponse",
            b'I' => "EmptyQueryResponse",
            b'K' => "BackendKeyData",
            b'n' => "NoData",
            b'N' => "NoticeResponse",
            b'R' => "Authentication",
            b's' => "PortalSuspended",
            b'S' => "ParameterStatus",
            b't' => "ParameterDescription",
            b'T' => "RowDescription",
            b'v' => "NegotiateProtocolVersion",
            b'V' => "FunctionCallResponse",
            b'W' => "CopyBothResponse",
            b'Z' => "ReadyForQuery",
            _ => "Unknown",
        }
    }

    /// A field of an ErrorResponse or a NoticeResponse, such as `C` for the SQLSTATE.
    #[must_use]
    pub fn field(&self, kind: u8) -> Option<&[u8]> {
        self.fields()
            .find(|field| field.0 == kind)
            .map(|field| field.1)
    }

    /// Type and text of each field of an ErrorResponse or a NoticeResponse.
    pub fn fields(&self) -> impl Iterator<Item = (u8, &[u8])> {
        let mut rest = &self.body[..];
        std::iter::from_fn(move || {
            let (&kind, text) = rest.split_first().filter(|(kind, _)| **kind != 0)?;
            let end = text.iter().position(|byte| *byte == 0)?;
            rest = &text[end + 1..];
            Some((kind, &text[..end]))
        })
    }
}

impl Event {
    /// What a script calls it after `wait`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Message(message) => message.name(),
            Self::Reply(_) => "Reply",
            Self::Mark { .. } => "Mark",
            Self::Refused => "Refused",
            Self::Closed => "Closed",
            Self::Malformed(_) => "Malformed",
        }
    }

    /// Whether it is a message of this type.
    #[must_use]
    pub fn is(&self, tag: u8) -> bool {
        matches!(self, Self::Message(message) if message.tag == tag)
    }
}
