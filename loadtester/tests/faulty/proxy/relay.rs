//! A client and the server it holds, until the server may go to the next client.
//!
//! One batch at a time is given to the server, so that never more than one ReadyForQuery is owed; the
//! client's next batch waits in its socket.

use std::io;

use tokio::io::AsyncWriteExt;

use super::frames::{Found, Frame};
use super::server::Server;
use super::session::Client;
use crate::fault::Fault;

/// How it ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The server has answered everything, and no transaction is open.
    Settled,
    /// The server goes back in whatever state it is: a planted fault.
    AsItIs,
    /// The client is to be cut off: a planted fault.
    Disconnect,
    /// The client has left.
    ClientLost {
        /// Whether it left a transaction open and nothing unanswered.
        open: bool,
    },
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The client's: its transaction is open, or its batch.
    Client,
    /// The server's, up to its ReadyForQuery.
    Server { simple: bool },
    /// The client's, whose data the server takes.
    Copy { simple: bool },
}

/// Who is connected.
pub(crate) struct Relay<'a> {
    client: &'a mut Client,
    server: &'a mut Server,
    turn: Turn,
    batch_open: bool,
    /// Whether the client has ended the COPY that its last statement may begin.
    copy_ended: bool,
}

impl<'a> Relay<'a> {
    pub(crate) fn new(client: &'a mut Client, server: &'a mut Server) -> Self {
        Self {
            client,
            server,
            turn: Turn::Client,
            batch_open: false,
            copy_ended: false,
        }
    }

    /// Relays until the server may go. Not cancel safe: the server must be closed then.
    pub(crate) async fn run(mut self, batch: Vec<Frame>) -> io::Result<End> {
        for frame in batch {
            self.tell_server(&frame).await?;
        }
        if self.client.plant.has(Fault::HandsBackAtFirstReady) {
            self.send_what_is_there().await?;
        }
        loop {
            let listens = !matches!(self.turn, Turn::Server { .. });
            tokio::select! {
                biased;
                frame = self.server.frame() => {
                    if let Some(end) = self.server_says(frame?).await? {
                        return Ok(end);
                    }
                }
                found = self.client.from.next(), if listens => {
                    match found.unwrap_or(None) {
                        Some(found) if found.frame.tag() != b'X' => self.client_says(found).await?,
                        _ => return self.take_leave().await,
                    }
                }
            }
        }
    }

    /// The client has no more to say. What it has asked for before is still answered.
    async fn take_leave(mut self) -> io::Result<End> {
        if !self.batch_open || self.client.plant.has(Fault::LeavesAnswerOfLostClient) {
            return Ok(self.client_lost());
        }
        self.server.to.write_all(&Frame::new(b'X', b"").0).await?;
        while let Ok(frame) = self.server.frame().await {
            let frames = self.client.plant.server_says(frame);
            self.tell_client(&frames).await?;
        }
        Ok(End::Disconnect)
    }

    fn client_lost(&self) -> End {
        End::ClientLost {
            open: self.turn == Turn::Client && !self.batch_open,
        }
    }

    async fn client_says(&mut self, found: Found) -> io::Result<()> {
        for frame in self.client.plant.client_says(found) {
            self.tell_server(&frame).await?;
        }
        let answers = std::mem::take(&mut self.client.plant.answers);
        self.tell_client(&answers).await
    }

    async fn tell_server(&mut self, frame: &Frame) -> io::Result<()> {
        self.batch_open = !matches!(frame.tag(), b'Q' | b'F' | b'S');
        self.copy_ended = match frame.tag() {
            b'c' | b'f' => true,
            b'Q' | b'E' => false,
            _ => self.copy_ended,
        };
        self.turn = match (frame.tag(), self.turn) {
            (b'Q' | b'F', _) => Turn::Server { simple: true },
            // PostgreSQL passes over a Sync while it takes data.
            (b'S', copy @ Turn::Copy { .. }) => copy,
            (b'S', _) => Turn::Server { simple: false },
            (b'c' | b'f', Turn::Copy { simple: true }) => Turn::Server { simple: true },
            (b'c' | b'f', Turn::Copy { simple: false }) => Turn::Client,
            (_, turn) => turn,
        };
        self.server.to.write_all(&frame.0).await
    }

    async fn server_says(&mut self, frame: Frame) -> io::Result<Option<End>> {
        if self.client.plant.skips(&frame) {
            return Ok(None);
        }
        self.turn = match (frame.tag(), self.turn) {
            (b'G', turn) if self.copy_ended => turn,
            (b'G', Turn::Server { simple }) => Turn::Copy { simple },
            (b'G', Turn::Client) => Turn::Copy { simple: false },
            (b'E', Turn::Copy { simple: true }) => Turn::Server { simple: true },
            (b'E', Turn::Copy { simple: false }) | (b'Z', _) => Turn::Client,
            (_, turn) => turn,
        };
        let (tag, status) = (frame.tag(), frame.body().first().copied());
        let plant = &mut self.client.plant;
        if tag == b'E' && plant.disconnects_on(&frame) {
            return Ok(Some(End::Disconnect));
        }
        let early = tag == b'C' && plant.has(Fault::HandsBackAtCommandComplete);
        let frames = plant.server_says(frame);
        // Whoever has left will be noticed when it has no more to say.
        let delivered = self.tell_client(&frames).await;
        if delivered.is_err() && tag == b'Z' && status != Some(b'I') {
            return Ok(Some(self.client_lost()));
        }
        Ok(match (tag, status) {
            (b'Z', Some(status)) => self.client.plant.hands_back(status),
            (b'C', _) if early && self.is_in_simple_query() => Some(End::AsItIs),
            _ if delivered.is_err() => Some(self.client_lost()),
            _ => None,
        })
    }

    fn is_in_simple_query(&self) -> bool {
        self.turn == Turn::Server { simple: true }
    }

    async fn tell_client(&mut self, frames: &[Frame]) -> io::Result<()> {
        for frame in frames {
            self.client.to.write_all(&frame.0).await?;
        }
        Ok(())
    }

    /// Passes on whole batches that have come already.
    async fn send_what_is_there(&mut self) -> io::Result<()> {
        while let Some(found) = self.client.from.buffered()? {
            self.tell_server(&found.frame).await?;
        }
        Ok(())
    }
}
