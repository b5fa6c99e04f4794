//! The side that starts. It has no runtime yet, so all of this blocks.

use std::io::{self, IoSliceMut, Write as _};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use thiserror::Error;

use super::task;
use crate::config::{CONSOLE, Settings, SocketDir};
use crate::listen::{Handed, HandedUnix};
use crate::protocol::frame::{HEADER_LEN, Header};
use crate::protocol::message::frontend;
use crate::protocol::startup::PROTOCOL_3_0;
use crate::server::connect::ServerAddress;
use crate::server::login::ServerError;

/// Longest message of a console in bytes.
const MESSAGE_LEN_MAX: u32 = 64 << 10;
/// Longest silence of the other pooler.
const PATIENCE: Duration = Duration::from_secs(10);
/// Sockets that may come with one read.
const SOCKETS_AT_ONCE: usize = 8;

/// Why there is nothing to take over, though there should be.
#[derive(Debug, Error)]
pub enum TakeError {
    /// Without a Unix socket there is no way to the other pooler.
    #[error("-R finds the running pooler by its Unix socket: expected unix_socket_dir to be set")]
    NoSocketDir,
    /// The connection broke.
    #[error("cannot take over from the running pooler: {0}")]
    Lost(#[from] io::Error),
    /// It says no.
    #[error(
        "the running pooler does not hand over: {0}; it must be a poolproof-proxy of the same system user"
    )]
    Refused(ServerError),
    /// It does not say what was expected.
    #[error("the running pooler breaks the protocol: expected {0}")]
    Violation(&'static str),
}

/// The pooler that runs, which ends when it is told that its successor serves.
#[derive(Debug)]
pub struct Predecessor {
    line: Line,
    /// Where cancel requests for its clients go.
    pub cancels: Option<ServerAddress>,
}

/// Asks the pooler that runs with these settings for what listens. `None` if there is none.
///
/// # Errors
/// When there is one, and it does not give what it has.
pub fn take(settings: &Settings) -> Result<Option<(Handed, Predecessor)>, TakeError> {
    let Some(stream) = connect(settings)? else {
        return Ok(None);
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = Line {
        stream,
        input: BytesMut::new(),
        sockets: Vec::new(),
    };
    line.log_in()?;
    let rows = line.ask("HANDOVER")?;
    let (handed, cancels) = sort(rows, std::mem::take(&mut line.sockets))?;
    Ok(Some((handed, Predecessor { line, cancels })))
}

impl Predecessor {
    /// Tells it that its successor serves: it accepts nobody any more and ends with its clients.
    ///
    /// # Errors
    /// When it cannot be told.
    pub fn dismiss(mut self) -> Result<(), TakeError> {
        self.line.ask("SHUTDOWN WAIT_FOR_CLIENTS").map(drop)
    }
}

fn connect(settings: &Settings) -> Result<Option<UnixStream>, TakeError> {
    let name = format!(".s.PGSQL.{}", settings.listen_port);
    let connected = match &settings.unix_socket_dir {
        SocketDir::None => return Err(TakeError::NoSocketDir),
        SocketDir::Directory(folder) => UnixStream::connect(folder.join(name)),
        SocketDir::Abstract(folder) => {
            let name = format!("{folder}/{name}");
            UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)
        }
    };
    match connected {
        Ok(stream) => Ok(Some(stream)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The cells of a row.
type Row = Vec<Option<String>>;

/// Puts each socket where its row says. Sockets come in the order of their rows.
fn sort(
    rows: Vec<Row>,
    sockets: Vec<OwnedFd>,
) -> Result<(Handed, Option<ServerAddress>), TakeError> {
    const SHORT: TakeError = TakeError::Violation("a socket with each row");
    let mut handed = Handed::default();
    let mut cancels = None;
    let mut sockets = sockets.into_iter();
    for row in rows {
        let cell = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or_default();
        match (cell(0), cell(1)) {
            (task::CANCEL, name) => cancels = Some(ServerAddress::Abstract(name.to_owned())),
            (task::CLIENTS, "unix") => {
                let listener = UnixListener::from(sockets.next().ok_or(SHORT)?);
                let ours = true;
                handed.unix.push(HandedUnix { listener, ours });
            }
            (task::CLIENTS, _) => {
                let socket = sockets.next().ok_or(SHORT)?;
                handed.tcp.push(TcpListener::from(socket));
            }
            (task::METRICS, _) => {
                let socket = sockets.next().ok_or(SHORT)?;
                handed.metrics.push(TcpListener::from(socket));
            }
            // A later version may have more to give.
            _ => {}
        }
    }
    Ok((handed, cancels))
}

/// The connection to the console of the other pooler.
#[derive(Debug)]
struct Line {
    stream: UnixStream,
    input: BytesMut,
    /// Sockets that came, in order.
    sockets: Vec<OwnedFd>,
}

impl Line {
    fn log_in(&mut self) -> Result<(), TakeError> {
        let mut out = BytesMut::new();
        let names = [("user", CONSOLE), ("database", CONSOLE)];
        frontend::startup_message(&mut out, PROTOCOL_3_0, names);
        self.stream.write_all(&out)?;
        self.until_ready().map(drop)
    }

    /// Asks for something, and gives the rows of the answer.
    fn ask(&mut self, sql: &str) -> Result<Vec<Row>, TakeError> {
        let mut out = BytesMut::new();
        frontend::query(&mut out, sql);
        self.stream.write_all(&out)?;
        self.until_ready()
    }

    fn until_ready(&mut self) -> Result<Vec<Row>, TakeError> {
        let mut rows = Vec::new();
        loop {
            let (tag, body) = self.message()?;
            match tag {
                b'Z' => return Ok(rows),
                b'D' => rows.push(row(&body).ok_or(TakeError::Violation("a whole row"))?),
                b'E' => return Err(TakeError::Refused(ServerError::parse(&body))),
                // Whoever is the same system user is let in without a word.
                b'R' if body[..] != [0; 4] => {
                    return Err(TakeError::Violation("to be let in without a password"));
                }
                _ => {}
            }
        }
    }

    fn message(&mut self) -> Result<(u8, BytesMut), TakeError> {
        loop {
            let header = Header::read(&self.input, MESSAGE_LEN_MAX)
                .map_err(|_| TakeError::Violation("messages of at most 64 kB"))?;
            match header {
                Some(Header { tag, len }) if self.input.len() >= len => {
                    let mut body = self.input.split_to(len);
                    body.advance(HEADER_LEN);
                    return Ok((tag, body));
                }
                _ => self.receive()?,
            }
        }
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_AT_ONCE))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = recvmsg(&self.stream, &mut parts, &mut beside, flags)?.bytes;
        if received == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(sockets) = message {
                self.sockets.extend(sockets);
            }
        }
        self.input.extend_from_slice(&buffer[..received]);
        Ok(())
    }
}

/// The cells of a DataRow; `None` if it is cut short.
fn row(mut body: &[u8]) -> Option<Row> {
    let count = body.try_get_u16().ok()?;
    let cells = (0..count).map(|_| {
        let length = body.try_get_i32().ok()?;
        let Ok(length) = usize::try_from(length) else {
            return Some(None);
        };
        let (text, rest) = body.split_at_checked(length)?;
        body = rest;
        Some(Some(String::from_utf8_lossy(text).into_owned()))
    });
    cells.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::backend::data_row;

    #[test]
    fn rows_whole_and_cut_short() {
        let mut out = BytesMut::new();
        let cells = [Some("pooler"), None, Some("6432")];
        data_row(&mut out, cells.into_iter());
        let body = &out[HEADER_LEN..];
        let expected = cells.map(|cell| cell.map(str::to_owned)).to_vec();
        assert_eq!(row(body), Some(expected));
        for length in 0..body.len() {
            assert_eq!(row(&body[..length]), None, "{length}");
        }
    }

    #[test]
    fn a_row_without_its_socket_is_an_error() {
        let row = vec![
            Some("pooler".to_owned()),
            Some("127.0.0.1".to_owned()),
            None,
        ];
        assert!(matches!(
            sort(vec![row], Vec::new()),
            Err(TakeError::Violation(_))
        ));
    }
}
