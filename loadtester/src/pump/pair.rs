//! A client, a server, and what is on its way between them.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr},
};

use mio::{Interest, Registry, Token, net::TcpStream};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Side {
    pub(super) fn of(token: usize) -> Self {
        if token.is_multiple_of(2) {
            Self::Client
        } else {
            Self::Server
        }
    }
}

/// What one side said and the other has not taken yet.
#[derive(Debug, Default)]
struct Way {
    held: Vec<u8>,
    /// The poll has told of the end, which it does once: it is to be read for, behind what came before it.
    end_told: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// The end came in, and is told when everything before it has been.
    Ending,
    Ended,
}

/// Two sockets that are one connection.
#[derive(Debug)]
pub(super) struct Pair {
    client: TcpStream,
    server: TcpStream,
    /// From the client to the server.
    out: Way,
    /// From the server to the client.
    back: Way,
}

impl Pair {
    /// Begins to connect to the server; the client's side gets `token`, the server's the next one.
    pub(super) fn open(
        mut client: TcpStream,
        upstream: SocketAddr,
        registry: &Registry,
        token: usize,
    ) -> io::Result<Self> {
        let mut server = TcpStream::connect(upstream)?;
        client.set_nodelay(true)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut client, Token(token), both)?;
        registry.register(&mut server, Token(token + 1), both)?;
        Ok(Self {
            client,
            server,
            out: Way::default(),
            back: Way::default(),
        })
    }

    /// Moves what can be moved now that `side` is ready, and will say no more if it `ends`; false when
    /// the connection is over.
    pub(super) fn ready(&mut self, side: Side, ends: bool, buffer: &mut [u8]) -> bool {
        match side {
            Side::Client => self.out.end_told |= ends,
            Side::Server => self.back.end_told |= ends,
        }
        // A side that became ready may be read from, and may take what the other one said.
        let (client, server) = (&mut self.client, &mut self.server);
        let moved = match side {
            Side::Client => pump(client, server, &mut self.out, buffer)
                .and_then(|()| settle(server, client, &mut self.back, buffer)),
            Side::Server => pump(server, client, &mut self.back, buffer)
                .and_then(|()| settle(client, server, &mut self.out, buffer)),
        };
        let over = self.out.state == State::Ended && self.back.state == State::Ended;
        moved.is_ok() && !over
    }
}

/// Goes on with a way that was stuck, now that `to` takes more.
fn settle(
    from: &mut TcpStream,
    to: &mut TcpStream,
    way: &mut Way,
    buffer: &mut [u8],
) -> io::Result<()> {
    if way.held.is_empty() && way.state != State::Ending {
        return Ok(());
    }
    pump(from, to, way, buffer)
}

/// Reads from one side and writes to the other until one of them has enough.
fn pump(
    from: &mut TcpStream,
    to: &mut TcpStream,
    way: &mut Way,
    buffer: &mut [u8],
) -> io::Result<()> {
    while !way.held.is_empty() {
        match to.write(&way.held) {
            Ok(sent) => drop(way.held.drain(..sent)),
            Err(error) if later(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    while way.state == State::Open {
        let len = match from.read(buffer) {
            Ok(0) => {
                way.state = State::Ending;
                break;
            }
            Ok(len) => len,
            Err(error) if later(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let sent = match to.write(&buffer[..len]) {
            Ok(sent) => sent,
            Err(error) if later(&error) => 0,
            Err(error) => return Err(error),
        };
        if sent < len {
            way.held.extend_from_slice(&buffer[sent..len]);
            return Ok(());
        }
        // A read that does not fill the buffer has emptied the socket, of all but its end.
        if len < buffer.len() && !way.end_told {
            return Ok(());
        }
    }
    if way.state == State::Ending {
        match to.shutdown(Shutdown::Write) {
            Err(error) if error.kind() != ErrorKind::NotConnected => return Err(error),
            _ => way.state = State::Ended,
        }
    }
    Ok(())
}

/// Whether the socket says «not now»; one that is still connecting does as well.
fn later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::NotConnected
    )
}
