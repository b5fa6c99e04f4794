//! One connection to the target: bytes in, bytes out, and what the server knows of it.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
};

use mio::{Interest, Registry, Token, net::TcpStream};

use super::{super::protocol::Frames, cipher::Cipher};
use crate::engine::tls::SSL_REQUEST;

/// An open socket and what belongs to it.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    /// In the clear without it.
    cipher: Option<Box<Cipher>>,
    pub(super) frames: Frames,
    /// What the socket did not take yet, in the clear.
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
    /// With a `cipher` everything but the request for it will be encrypted.
    pub(super) fn open(
        address: SocketAddr,
        cipher: Option<Box<Cipher>>,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        // Both at once and for good: edges come only when something changes, so that asking for
        // writability costs nothing while the socket takes what it is given.
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            stream,
            cipher,
            frames: Frames::default(),
            unsent: Vec::new(),
            prepared: Vec::new(),
        })
    }

    /// Whether the connection stands; false while it is still being made. Where it stands and is to be
    /// encrypted, the server is asked for that.
    pub(super) fn is_made(&mut self) -> io::Result<bool> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            Ok(_) => self.stream.set_nodelay(true)?,
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(false),
            Err(error) => return Err(error),
        }
        if self.cipher.is_some() {
            self.send_in_the_clear(&SSL_REQUEST)?;
        }
        Ok(true)
    }

    /// Whether the server has still to agree to TLS, or to prove who it is.
    pub(super) fn is_handshaking(&self) -> bool {
        let cipher = self.cipher.as_ref();
        cipher.is_some_and(|cipher| cipher.is_handshaking())
    }

    /// Sends `bytes`, or keeps what the socket does not take.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.cipher {
            Some(cipher) => cipher.send(bytes, &mut self.stream),
            None => self.send_in_the_clear(bytes),
        }
    }

    fn send_in_the_clear(&mut self, bytes: &[u8]) -> io::Result<()> {
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
        match &mut self.cipher {
            Some(cipher) => cipher.flush(&mut self.stream),
            None => Ok(()),
        }
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Came> {
        if let Some(cipher) = &mut self.cipher {
            return cipher.read(buffer, &mut self.stream);
        }
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

pub(super) fn would_block(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
