//! A client that says any bytes it likes and shows what came back.
//!
//! It shares no code with the pooler: a fault in the pooler's own codec would cancel itself out.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use postgres_protocol::message::frontend;

mod delivery;
mod readable;
mod script;

pub(crate) use delivery::{unread_by_peer, wait_until_read};
pub(crate) use script::{Step, bytes_of, steps};

/// No answer takes longer than this, unless the other side hangs.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is read from the socket in one go.
const CHUNK: usize = 64 * 1024;

/// What a server gives to a client that it lets in, to ask for a cancel with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CancelKey {
    pub(crate) process: i32,
    pub(crate) secret: i32,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    unread: BytesMut,
    key: Option<CancelKey>,
}

impl Client {
    /// A connection on which nothing has been said yet.
    pub(crate) fn silent(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("connect");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("read timeout");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("write timeout");
        Self {
            stream,
            unread: BytesMut::new(),
            key: None,
        }
    }

    /// A session that is ready for its first query.
    pub(crate) fn connect(address: SocketAddr, user: &str, database: &str) -> Self {
        Self::try_connect(address, &[("user", user), ("database", database)])
            .unwrap_or_else(|answer| panic!("expected to be let in, got {answer}"))
    }

    /// A session, or what the server said instead of ReadyForQuery.
    pub(crate) fn try_connect(
        address: SocketAddr,
        parameters: &[(&str, &str)],
    ) -> Result<Self, String> {
        let mut client = Self::silent(address);
        client.send(&startup(parameters));
        client.finish_login().map(|_greeting| client)
    }

    /// Reads up to the first ReadyForQuery and returns what came before it.
    pub(crate) fn finish_login(&mut self) -> Result<Vec<String>, String> {
        let greeting = self.read_until(&[b'Z']);
        match greeting.last() {
            Some(last) if last.starts_with('Z') => Ok(greeting),
            _ => Err(greeting.join(" | ")),
        }
    }

    /// The key that came with the greeting.
    pub(crate) fn key(&self) -> CancelKey {
        self.key.expect("BackendKeyData has been read")
    }

    /// The socket, for what only a socket can do.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends `bytes` as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("send");
    }

    /// Sends `bytes` in two parts, the second when the other side has taken the first.
    pub(crate) fn send_split(&mut self, bytes: &[u8], at: usize) {
        let (head, tail) = bytes.split_at(at);
        self.send(head);
        wait_until_read(&self.stream);
        self.send(tail);
    }

    /// Sends `bytes` one at a time, each when the other side has taken the one before.
    pub(crate) fn send_bytewise(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.send(&[*byte]);
            wait_until_read(&self.stream);
        }
    }

    /// Acts out `script` and returns what came back, see [`steps`].
    pub(crate) fn run(&mut self, script: &str) -> String {
        self.run_with(script, |client, bytes| client.send(bytes))
    }

    /// Acts out `script`; `send` decides how the bytes are cut.
    pub(crate) fn run_with(&mut self, script: &str, send: impl Fn(&mut Self, &[u8])) -> String {
        let mut answers = Vec::new();
        for step in steps(script) {
            match step {
                Step::Send(bytes) => send(self, &bytes),
                Step::Await(kinds) => answers.extend(self.read_until(&kinds)),
                Step::AwaitEnd => answers.extend(self.read_to_end()),
            }
        }
        answers.join(" | ")
    }

    /// Reads messages until those of `kinds` have come in this order; `eof` if they never do.
    pub(crate) fn read_until(&mut self, kinds: &[u8]) -> Vec<String> {
        let mut answers = Vec::new();
        let mut missing = kinds.iter().peekable();
        while missing.peek().is_some() {
            let Some((kind, answer)) = self.read() else {
                answers.push("eof".to_owned());
                break;
            };
            missing.next_if(|expected| **expected == kind);
            answers.push(answer);
        }
        answers
    }

    /// Reads until the other side closes; the last answer is `eof`.
    pub(crate) fn read_to_end(&mut self) -> Vec<String> {
        let mut answers = Vec::new();
        while let Some((_, answer)) = self.read() {
            answers.push(answer);
        }
        answers.push("eof".to_owned());
        answers
    }

    /// Reads one message; `None` when the other side has closed.
    pub(crate) fn read(&mut self) -> Option<(u8, String)> {
        let frame = self.read_frame()?;
        let kind = frame[0];
        if kind == b'K' && frame.len() == 13 {
            self.key = Some(CancelKey {
                process: (&frame[5..]).get_i32(),
                secret: (&frame[9..]).get_i32(),
            });
        }
        Some((kind, readable::describe(frame)))
    }

    /// Reads one message with its header; `None` when the other side has closed.
    pub(crate) fn read_frame(&mut self) -> Option<BytesMut> {
        loop {
            if let Some(length) = frame_length(&self.unread)
                && self.unread.len() >= length
            {
                return Some(self.unread.split_to(length));
            }
            if !self.read_more() {
                assert!(
                    self.unread.is_empty(),
                    "closed within a message: {:?}",
                    self.unread
                );
                return None;
            }
        }
    }

    /// Whether more bytes came before the other side closed.
    fn read_more(&mut self) -> bool {
        let filled = self.unread.len();
        self.unread.resize(filled + CHUNK, 0);
        let outcome = self.stream.read(&mut self.unread[filled..]);
        let count = match outcome {
            Ok(count) => count,
            // Whoever closes with bytes unread resets the connection.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("no answer within {PATIENCE:?}: {error}"),
        };
        self.unread.truncate(filled + count);
        count > 0
    }

    /// Says that nothing more will be sent, and goes on listening.
    pub(crate) fn close_writing(&self) {
        self.stream.shutdown(Shutdown::Write).expect("shut down");
    }

    /// Leaves without a word; what is unread makes it a reset.
    pub(crate) fn vanish(self) {
        drop(self);
    }
}

/// Header and body of the message at the front of `bytes`, if its header is there.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let mut length = bytes.get(1..5)?;
    Some(1 + usize::try_from(length.get_u32()).expect("64-bit"))
}

/// A startup packet.
pub(crate) fn startup(parameters: &[(&str, &str)]) -> BytesMut {
    let mut bytes = BytesMut::new();
    frontend::startup_message(parameters.iter().copied(), &mut bytes).expect("no zero bytes");
    bytes
}

/// Asks for a cancel, and returns when the server has closed that connection.
pub(crate) fn cancel(address: SocketAddr, key: CancelKey) {
    let mut bytes = BytesMut::new();
    frontend::cancel_request(key.process, key.secret, &mut bytes);
    let mut client = Client::silent(address);
    client.send(&bytes);
    assert_eq!(client.read_to_end(), ["eof"], "a cancel has no answer");
}
