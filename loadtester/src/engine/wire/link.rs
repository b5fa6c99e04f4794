//! One connection to the target: bytes in, bytes out, and what the server knows of it.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
};

use mio::{Interest, Registry, Token, net::TcpStream};

use super::super::protocol::Frames;

/// An open socket and what belongs to it.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    pub(super) frames: Frames,
    /// What the socket did not take yet.
    unsent: Vec<u8>,
    /// Numbers of the statements that the server knows by name on this connection.
    prepared: Vec<usize>,
}

/// What a read brought.
pub(super) enum Came {
    /// So many bytes, and whether the socket may hold more.
    Bytes { len: usize, more: bool },
    /// Nothing for now.
    Nothing,
    /// The end of the stream.
    End,
}

impl Link {
    /// Begins to connect; the socket becomes writable when that is done.
    pub(super) fn open(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        // Both at once and for good: edges come only when something changes, so that asking for
        // writability costs nothing while the socket takes what it is given.
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            stream,
            frames: Frames::default(),
            unsent: Vec::new(),
            prepared: Vec::new(),
        })
    }

    /// Whether the connection stands; false while it is still being made.
    pub(super) fn is_made(&self) -> io::Result<bool> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            Ok(_) => self.stream.set_nodelay(true).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends `bytes`, or keeps what the socket does not take.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return Ok(());
        }
        let sent = match self.stream.write(bytes) {
            Ok(sent) => sent,
            Err(error) if would_block(&error) => 0,
            Err(error) => return Err(error),
        };
        self.unsent.extend_from_slice(&bytes[sent..]);
        Ok(())
    }

    /// Sends what was kept.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(error) if would_block(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Came> {
        match self.stream.read(buffer) {
            Ok(0) => Ok(Came::End),
            Ok(len) => Ok(Came::Bytes {
                len,
                more: len == buffer.len(),
            }),
            Err(error) if would_block(&error) => Ok(Came::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Whether the server knows statement `number`; from now on it does.
    pub(super) fn knows(&mut self, number: usize) -> bool {
        let known = self.prepared.contains(&number);
        if !known {
            self.prepared.push(number);
        }
        known
    }

    /// The server does not know `number` after all: the answer to its Parse was an error.
    pub(super) fn forget(&mut self, number: usize) {
        self.prepared.retain(|known| *known != number);
    }
}

fn would_block(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
