//! A client that says any bytes it likes and shows what came back.
//!
//! It shares no code with the pooler: a fault in the pooler's own codec would cancel itself out.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use postgres_protocol::message::frontend;

mod answer;
mod delivery;
mod readable;
mod script;

pub(crate) use answer::{row, rows};
pub(crate) use delivery::wait_until_read;
pub(crate) use script::{Step, bytes_of, steps};

/// No answer takes longer than this, unless the other side hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is read from the socket in one go.
const CHUNK: usize = 64 * 1024;

/// What a server gives to a client that it lets in, to ask for a cancel with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CancelKey {
    pub(crate) process: i32,
    pub(crate) secret: i32,
}

/// What comes instead of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The other side has closed.
    Eof,
    /// The other side says nothing for longer than it may.
    Silence,
}

impl End {
    /// How an answer shows it.
    fn describe(self) -> String {
        match self {
            Self::Eof => "eof".to_owned(),
            Self::Silence => format!("silence for {PATIENCE:?}"),
        }
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    unread: BytesMut,
    key: Option<CancelKey>,
    /// Process and key together, however long the key is.
    whole_key: Vec<u8>,
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
            whole_key: Vec::new(),
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
        // Whoever refuses everybody may have closed already; what it said can still be read.
        let _ = client.stream.write_all(&startup(parameters));
        client.finish_login().map(|_greeting| client)
    }

    /// Reads up to the first ReadyForQuery and returns what came before it.
    pub(crate) fn finish_login(&mut self) -> Result<Vec<String>, String> {
        let greeting = self.read_until(b"Z");
        match greeting.last() {
            Some(last) if last.starts_with('Z') => Ok(greeting),
            _ => Err(greeting.join(" | ")),
        }
    }

    /// The key that came with the greeting.
    pub(crate) fn key(&self) -> CancelKey {
        self.key.expect("BackendKeyData has been read")
    }

    /// Process and key of the greeting, as a cancel request repeats them.
    pub(crate) fn whole_key(&self) -> &[u8] {
        &self.whole_key
    }

    /// The socket, for what only a socket can do.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The same connection for another thread, which must not read.
    pub(crate) fn second_handle(&self) -> Self {
        Self {
            stream: self.stream.try_clone().expect("one more descriptor"),
            unread: BytesMut::new(),
            key: self.key,
            whole_key: self.whole_key.clone(),
        }
    }

    /// Whether nothing has come that was not read.
    pub(crate) fn hears_nothing(&self) -> bool {
        self.stream.set_nonblocking(true).expect("non-blocking");
        let outcome = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).expect("blocking");
        let silent = outcome.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        silent && self.unread.is_empty()
    }

    /// Sends what `script` says and returns when the other side has taken it.
    pub(crate) fn say(&mut self, script: &str) {
        self.send(&bytes_of(script));
        wait_until_read(&self.stream);
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
        transcript(&answers)
    }

    /// Reads messages until those of `kinds` have come in this order; the last answer says so if
    /// they never do.
    pub(crate) fn read_until(&mut self, kinds: &[u8]) -> Vec<String> {
        let mut answers = Vec::new();
        let mut missing = kinds.iter().peekable();
        while missing.peek().is_some() {
            match self.read() {
                Ok((kind, answer)) => {
                    missing.next_if(|expected| **expected == kind);
                    answers.push(answer);
                }
                Err(end) => {
                    answers.push(end.describe());
                    break;
                }
            }
        }
        answers
    }

    /// Reads until the other side closes; the last answer is `eof`.
    pub(crate) fn read_to_end(&mut self) -> Vec<String> {
        let mut answers = Vec::new();
        loop {
            match self.read() {
                Ok((_, answer)) => answers.push(answer),
                Err(end) => {
                    answers.push(end.describe());
                    return answers;
                }
            }
        }
    }

    /// Reads one message: its kind, and how it is shown.
    pub(crate) fn read(&mut self) -> Result<(u8, String), End> {
        let frame = self.read_frame()?;
        let kind = frame[0];
        if kind == b'K' {
            self.whole_key = frame[5..].to_vec();
        }
        if kind == b'K' && frame.len() == 13 {
            self.key = Some(CancelKey {
                process: (&frame[5..]).get_i32(),
                secret: (&frame[9..]).get_i32(),
            });
        }
        Ok((kind, readable::describe(frame)))
    }

    /// Reads one message with its header.
    fn read_frame(&mut self) -> Result<BytesMut, End> {
        loop {
            if let Some(length) = frame_length(&self.unread)
                && self.unread.len() >= length
            {
                return Ok(self.unread.split_to(length));
            }
            self.read_more()?;
        }
    }

    /// Reads what has come, or waits for it.
    fn read_more(&mut self) -> Result<(), End> {
        let filled = self.unread.len();
        self.unread.resize(filled + CHUNK, 0);
        let outcome = self.stream.read(&mut self.unread[filled..]);
        let count = outcome.as_ref().map_or(0, |count| *count);
        self.unread.truncate(filled + count);
        match outcome {
            Ok(0) => Err(End::Eof),
            Ok(_) => Ok(()),
            Err(error) => match error.kind() {
                // Whoever closes with bytes unread resets the connection.
                ErrorKind::ConnectionReset => Err(End::Eof),
                ErrorKind::WouldBlock => Err(End::Silence),
                _ => panic!("receive: {error}"),
            },
        }
    }

    /// Says that nothing more will be sent, and goes on listening.
    pub(crate) fn close_writing(&self) {
        self.stream.shutdown(Shutdown::Write).expect("shut down");
    }

    /// Leaves without a word, and returns when the other side has noticed.
    pub(crate) fn vanish_noticed(self) {
        delivery::close_on_both_sides(self.stream);
    }

    /// Leaves without a word; what is unread makes it a reset.
    pub(crate) fn vanish(self) {
        drop(self);
    }
}

/// The answers with ` | ` between them, and one line for each ReadyForQuery.
fn transcript(answers: &[String]) -> String {
    let mut text = String::new();
    for answer in answers {
        text.push_str(answer);
        text.push_str(if answer.starts_with("Z ") {
            "\n"
        } else {
            " | "
        });
    }
    text.trim_end_matches([' ', '|', '\n']).to_owned()
}

/// Header and body of the message at the front of `bytes`, if its header is there.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let mut length = bytes.get(1..5)?;
    Some(1 + usize::try_from(length.get_u32()).expect("64-bit"))
}

/// Asks for a cancel with a key of any length, and returns when the server has closed that
/// connection.
pub(crate) fn cancel_with(address: SocketAddr, whole_key: &[u8]) {
    let mut bytes = BytesMut::new();
    let length = u32::try_from(8 + whole_key.len()).expect("a short key");
    bytes.put_u32(length);
    bytes.put_u32((1234 << 16) | 5678);
    bytes.put_slice(whole_key);
    let mut client = Client::silent(address);
    client.send(&bytes);
    assert_eq!(client.read_to_end(), ["eof"], "a cancel has no answer");
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
