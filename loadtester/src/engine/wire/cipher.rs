//! TLS on a connection of driver `wire`: the server is asked for it, then everything is encrypted.

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use rustls::ClientConnection;

use super::link::{Came, would_block};

/// The encrypted side of a link.
pub(super) struct Cipher {
    session: ClientConnection,
    /// The server has said that it speaks TLS. What is to be sent waits until then.
    agreed: bool,
}

impl Cipher {
    /// For a connection on which nothing was said yet.
    pub(super) fn new(mut session: ClientConnection) -> Self {
        // What is sent before the handshake is over is one startup packet.
        session.set_buffer_limit(None);
        Self {
            session,
            agreed: false,
        }
    }

    /// Whether the server has still to agree to TLS, or to prove who it is.
    pub(super) fn is_handshaking(&self) -> bool {
        !self.agreed || self.session.is_handshaking()
    }

    /// Encrypts `bytes`, and sends what the socket takes.
    pub(super) fn send(&mut self, bytes: &[u8], stream: &mut TcpStream) -> io::Result<()> {
        self.session.writer().write_all(bytes)?;
        self.flush(stream)
    }

    /// Sends what is encrypted, as far as the socket takes it.
    pub(super) fn flush(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        while self.agreed && self.session.wants_write() {
            match self.session.write_tls(stream) {
                Ok(_) => {}
                Err(error) if would_block(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what the server says. How much is left in the socket is not known here: it is asked
    /// until it has nothing.
    pub(super) fn read(&mut self, buffer: &mut [u8], stream: &mut TcpStream) -> io::Result<Came> {
        if !self.agreed && !self.agree(stream)? {
            return Ok(Came::Nothing);
        }
        loop {
            match self.session.reader().read(buffer) {
                Ok(0) => return Ok(Came::End),
                Ok(len) => return Ok(Came::Bytes { len, more: true }),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Came::End),
                Err(error) if would_block(&error) => {}
                Err(error) => return Err(error),
            }
            match self.session.read_tls(stream) {
                Ok(0) if self.session.is_handshaking() => return Ok(Came::End),
                Ok(_) => {}
                Err(error) if would_block(&error) => return Ok(Came::Nothing),
                Err(error) => return Err(error),
            }
            let processed = self.session.process_new_packets();
            // The server's next words, or an alert that tells it what is wrong.
            self.flush(stream)?;
            processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }

    /// Reads the answer to SSLRequest, and no byte more: what came behind it in the clear would be
    /// taken for the server's. False while it has not come.
    fn agree(&mut self, stream: &mut TcpStream) -> io::Result<bool> {
        let mut answer = [0];
        match stream.read(&mut answer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) if answer == *b"S" => {
                self.agreed = true;
                self.flush(stream)?;
                Ok(true)
            }
            Ok(_) => Err(io::Error::other(format!(
                "expected S in answer to SSLRequest, got {}",
                answer.escape_ascii()
            ))),
            Err(error) if would_block(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Cipher")
            .field("agreed", &self.agreed)
            .finish_non_exhaustive()
    }
}
