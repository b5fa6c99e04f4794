//! One client of a session: a socket, and a task that takes what comes.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use poolproof_scenarios::session::Transport;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    inbox::Inbox,
    socket::{Handle, Place, Reader, Socket, Writer},
    trace::Event,
};
use crate::engine::{Credentials, Frame, Login, LoginStep};

/// Bytes of one read.
const READ_BYTES: usize = 64 << 10;
/// Pause between two pieces of a message, so that they arrive apart.
const BETWEEN_PIECES: Duration = Duration::from_micros(500);
/// Longest that the server may leave what we write unread.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// Whether another session can have a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not as it is: the script has logged it in in its own way, or had it cancelled.
    Particular,
    /// It was begun as most are.
    Usual,
    /// It is as new, and its session is over.
    Spare,
}

/// A client that has a connection, or had one.
pub(super) struct Client {
    inbox: Arc<Mutex<Inbox>>,
    /// Reading goes on while this is set.
    reads: Arc<AtomicBool>,
    reads_changed: Arc<Notify>,
    line: Option<Line>,
    reader: Option<JoinHandle<()>>,
    /// Whether authentication requests are answered, and how far that is.
    login: Login,
    /// Events that the login has looked at.
    looked_at: usize,
    /// ReadyForQuery that were asked for.
    pub(super) owed: usize,
    /// Events that waits of the script have used up.
    pub(super) waited: usize,
    /// Events that expectations of the script have used up.
    pub(super) expected: usize,
    /// Process id and secret, once the server has told them.
    pub(super) key: Option<Bytes>,
    /// Whether it has ended the last COPY that it may have begun, so that an answer is still to come.
    pub(super) ends_copy: bool,
    /// Whether another session can have the connection.
    pub(super) standing: Standing,
    /// Whether the last message that was sent asks for all answers up to it.
    pub(super) at_rest: bool,
    /// What a half-sent message lacks.
    pub(super) unsent: Bytes,
    /// A cancel connection that has sent its first half, and the other half.
    pub(super) late_cancel: Option<(Socket, Bytes)>,
}

/// The sending side of a connection.
struct Line {
    writer: Writer,
    handle: Handle,
}

impl Client {
    /// Opens a connection. One that is refused is an event. Cancel safe.
    pub(super) async fn open(place: &Place, transport: Transport, news: &Arc<Notify>) -> Self {
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        let reads = Arc::new(AtomicBool::new(true));
        let reads_changed = Arc::new(Notify::new());
        let mut client = Self {
            inbox,
            reads,
            reads_changed,
            line: None,
            reader: None,
            login: Login::default(),
            looked_at: 0,
            owed: 0,
            waited: 0,
            expected: 0,
            ends_copy: false,
            key: None,
            standing: Standing::Particular,
            at_rest: true,
            unsent: Bytes::new(),
            late_cancel: None,
        };
        match place.connect(transport).await {
            Ok(Socket {
                reader,
                writer,
                handle,
            }) => {
                client.line = Some(Line { writer, handle });
                client.reader = Some(tokio::spawn(receive(reader, client.reading(news))));
            }
            Err(_) => client.inbox().events.push(Event::Refused),
        }
        client
    }

    fn reading(&self, news: &Arc<Notify>) -> Reading {
        Reading {
            inbox: Arc::clone(&self.inbox),
            reads: Arc::clone(&self.reads),
            reads_changed: Arc::clone(&self.reads_changed),
            news: Arc::clone(news),
        }
    }

    /// What has come so far. The guard is never held across an await.
    pub(super) fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the connection is of no more use, from either side.
    pub(super) fn is_over(&self) -> bool {
        self.line.is_none() || self.inbox().is_over()
    }

    /// Whether the script has made it stop reading.
    pub(super) fn is_deaf(&self) -> bool {
        !self.reads.load(Ordering::Relaxed)
    }

    /// Sends `bytes` in pieces that end at `places`. A server that has closed is no error: the trace
    /// shows it. Returns false when the server does not take the bytes in time.
    ///
    /// Not cancel safe: a piece may be sent in part.
    pub(super) async fn send(&mut self, bytes: &[u8], places: &[usize]) -> bool {
        let mut start = 0;
        for end in places.iter().copied().chain([bytes.len()]) {
            let end = end.clamp(start, bytes.len());
            let Some(Line { writer, .. }) = &mut self.line else {
                return true;
            };
            let piece = async {
                writer.write_all(&bytes[start..end]).await?;
                writer.flush().await
            };
            match timeout(WRITE_LIMIT, piece).await {
                Err(_) => return false,
                Ok(Err(_)) => return true,
                Ok(Ok(())) => {}
            }
            start = end;
            if start < bytes.len() {
                sleep(BETWEEN_PIECES).await;
            }
        }
        true
    }

    /// Answers the authentication requests that have come.
    ///
    /// Not cancel safe: an answer may be sent in part.
    pub(super) async fn log_in(&mut self, credentials: &mut Credentials) {
        let mut answers = BytesMut::new();
        {
            let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
            for event in &inbox.events[self.looked_at..] {
                let Event::Message(message) = event else {
                    continue;
                };
                match message.tag {
                    b'K' => self.key = Some(message.body.clone()),
                    b'R' => {}
                    _ => continue,
                }
                let frame = Frame {
                    tag: message.tag,
                    body: &message.body,
                    whole: true,
                };
                // A request that cannot be answered leaves the client waiting, as the trace shows.
                if message.tag == b'R'
                    && let Ok(LoginStep::Send(answer)) = self.login.take(&frame, credentials)
                {
                    answers.extend_from_slice(&answer);
                }
            }
            self.looked_at = inbox.events.len();
        }
        if !answers.is_empty() {
            self.send(&answers, &[]).await;
        }
    }

    /// The same client as `before` on a new connection: its trace goes on.
    pub(super) fn continues(&mut self, before: &Self) {
        let mut events = before.inbox().events.clone();
        self.looked_at = events.len();
        self.waited = before.waited.min(events.len());
        self.expected = before.expected;
        self.owed = events.iter().filter(|event| event.is(b'Z')).count();
        let mut inbox = self.inbox();
        events.append(&mut inbox.events);
        inbox.events = events;
    }

    /// Forgets what came and what was asked for: the login is over, and the script begins.
    pub(super) fn forget(&mut self) {
        self.inbox().events.clear();
        self.looked_at = 0;
        self.owed = 0;
        self.waited = 0;
        self.expected = 0;
    }

    /// Takes back what came after the first `shown` events.
    pub(super) fn take_back(&mut self, shown: usize) -> Vec<Event> {
        self.looked_at = self.looked_at.min(shown);
        self.inbox().events.split_off(shown)
    }

    /// Stops taking answers, or takes them again.
    pub(super) fn set_reading(&self, reads: bool) {
        self.reads.store(reads, Ordering::Relaxed);
        self.reads_changed.notify_one();
    }

    /// Closes the connection without a word.
    pub(super) async fn disconnect(&mut self) {
        self.stop_reader().await;
        self.line = None;
    }

    /// Breaks the connection.
    pub(super) async fn reset(&mut self) {
        if let Some(line) = &self.line {
            line.handle.reset_on_close();
        }
        self.disconnect().await;
    }

    /// Says that nothing more will be sent, and goes on reading.
    pub(super) fn finish_sending(&self) {
        if let Some(line) = &self.line {
            line.handle.finish_sending();
        }
    }

    async fn stop_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.abort();
            // It is aborted: the error says so.
            let _ = reader.await;
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(reader) = &self.reader {
            reader.abort();
        }
    }
}

/// What the reading task shares with its client.
struct Reading {
    inbox: Arc<Mutex<Inbox>>,
    reads: Arc<AtomicBool>,
    reads_changed: Arc<Notify>,
    news: Arc<Notify>,
}

/// Takes what comes until the server closes. Cancel safe: what was read is in the inbox.
async fn receive(mut socket: Reader, reading: Reading) {
    let Reading {
        inbox,
        reads,
        reads_changed,
        news,
    } = reading;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        if !reads.load(Ordering::Relaxed) {
            reads_changed.notified().await;
            continue;
        }
        let read: io::Result<usize> = tokio::select! {
            read = socket.read(&mut buffer) => read,
            () = reads_changed.notified() => continue,
        };
        let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(0) | Err(_) => inbox.close(),
            Ok(count) => inbox.take(&buffer[..count]),
        }
        let over = inbox.is_over();
        drop(inbox);
        news.notify_one();
        if over {
            return;
        }
    }
}
