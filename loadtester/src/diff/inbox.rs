//! What a client has received so far: bytes in, events out. Pure.

use std::io;

use bytes::{Buf, BytesMut};
use postgres_protocol::message::backend::Message;

use super::trace::{Backend, Event};

/// Bytes before the body: the type, and a length that counts itself.
const HEADER: usize = 5;
/// Most bytes that one client takes in one session.
const BYTES_MAX: usize = 512 << 20;

/// The begin of a session's stream, and the messages that were found in it.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// What came, in order.
    pub(super) events: Vec<Event>,
    /// Bytes that are no whole message yet.
    rest: BytesMut,
    /// Single bytes that are to come in place of messages.
    replies: usize,
    bytes: usize,
    over: bool,
}

impl Inbox {
    /// The next byte answers an SSLRequest or a GSSENCRequest.
    pub(super) fn expect_reply(&mut self) {
        self.replies += 1;
    }

    /// Whether nothing more will come.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// How many messages of a type have come.
    pub(super) fn count(&self, tag: u8) -> usize {
        self.events.iter().filter(|event| event.is(tag)).count()
    }

    /// Whether the server waits for the data of a COPY FROM STDIN.
    pub(super) fn copies_in(&self) -> bool {
        let deciding = self.events.iter().rev().find_map(|event| match event {
            Event::Message(message) if b"GWCEZ".contains(&message.tag) => Some(message.tag),
            _ => None,
        });
        matches!(deciding, Some(b'G' | b'W'))
    }

    /// Takes what was read.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        if self.over {
            return;
        }
        self.bytes += bytes.len();
        if self.bytes > BYTES_MAX {
            return self.end(Event::Malformed(format!("more than {BYTES_MAX} bytes")));
        }
        self.rest.extend_from_slice(bytes);
        while !self.over && self.step() {}
    }

    /// The server has closed the connection.
    pub(super) fn close(&mut self) {
        if self.over {
            return;
        }
        if self.rest.is_empty() {
            return self.end(Event::Closed);
        }
        let left = self.rest.len();
        self.end(Event::Malformed(format!(
            "closed within a message, after {left} of its bytes"
        )));
    }

    fn end(&mut self, event: Event) {
        self.events.push(event);
        self.over = true;
    }

    /// Takes one message or reply; false when there is none.
    fn step(&mut self) -> bool {
        let Some(&tag) = self.rest.first() else {
            return false;
        };
        // An old server answers SSLRequest with an ErrorResponse.
        if self.replies > 0 && tag != b'E' {
            self.replies -= 1;
            self.rest.advance(1);
            self.events.push(Event::Reply(tag));
            return true;
        }
        let Some(length) = self.rest.get(1..HEADER) else {
            return false;
        };
        let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
        if !(4..=BYTES_MAX).contains(&length) {
            let tag = tag.escape_ascii();
            self.end(Event::Malformed(format!(
                "length {length} in a message of type {tag}"
            )));
            return false;
        }
        if self.rest.len() <= length {
            return false;
        }
        let whole = self.rest.split_to(length + 1);
        if let Err(reason) = check(&whole) {
            self.end(Event::Malformed(reason));
            return false;
        }
        let body = whole.freeze().slice(HEADER..);
        self.events.push(Event::Message(Backend { tag, body }));
        true
    }
}

/// Whether a message is what the protocol says of its type.
fn check(whole: &BytesMut) -> Result<(), String> {
    match whole[0] {
        // Two kinds that the library does not know, as drivers never ask for them.
        b'v' | b'V' | b'W' => return Ok(()),
        // In protocol 3.2 a secret may be longer than the four bytes that the library takes.
        b'K' => return check_key(whole.len() - HEADER),
        _ => {}
    }
    let named = |error: io::Error| format!("{} in {}", error, whole[..].escape_ascii());
    Message::parse(&mut whole.clone()).map_err(named)?;
    Ok(())
}

/// A process id of four bytes and a secret of 4 to 256 (manual, «BackendKeyData»).
fn check_key(length: usize) -> Result<(), String> {
    match length {
        8..=260 => Ok(()),
        _ => Err(format!(
            "expected 8 to 260 bytes of process id and secret in BackendKeyData, got {length}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(inbox: &Inbox) -> Vec<&'static str> {
        inbox.events.iter().map(Event::name).collect()
    }

    #[test]
    fn every_cut_gives_the_same_events() {
        let stream = b"NZ\0\0\0\x05IC\0\0\0\x0dSELECT 1\0";
        for cut in 0..stream.len() {
            let mut inbox = Inbox::default();
            inbox.expect_reply();
            inbox.take(&stream[..cut]);
            inbox.take(&stream[cut..]);
            inbox.close();
            assert_eq!(
                names(&inbox),
                ["Reply", "ReadyForQuery", "CommandComplete", "Closed"],
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn a_key_of_protocol_3_2_is_a_key() {
        for (length, name) in [
            (7_u16, "Malformed"),
            (8, "BackendKeyData"),
            (36, "BackendKeyData"),
            (260, "BackendKeyData"),
            (261, "Malformed"),
        ] {
            let mut inbox = Inbox::default();
            inbox.take(b"K");
            inbox.take(&(4 + u32::from(length)).to_be_bytes());
            inbox.take(&vec![7; usize::from(length)]);
            assert_eq!(names(&inbox), [name], "{length} bytes");
        }
    }

    #[test]
    fn what_is_no_message_ends_the_stream() {
        for bytes in [
            &b"Z\0\0\0\x03"[..],
            b"Z\xff\xff\xff\xff",
            b"!\0\0\0\x04",
            b"Z\0\0\0\x05",
        ] {
            let mut inbox = Inbox::default();
            inbox.take(bytes);
            inbox.close();
            inbox.take(b"Z\0\0\0\x05I");
            assert_eq!(names(&inbox), ["Malformed"], "{bytes:?}");
        }
    }
}
