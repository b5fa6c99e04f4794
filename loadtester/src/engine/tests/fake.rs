//! A small PostgreSQL that does what a test tells it, and remembers when it did.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use poolproof_reports::Latency;

use crate::engine::Endpoint;

/// What the server does with a query.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) after: Duration,
    pub(super) sends: Sends,
    pub(super) then: Then,
}

/// Which answer it sends.
#[derive(Clone, Debug)]
pub(super) enum Sends {
    /// The right one.
    Right,
    /// One with another nonce.
    WrongNonce,
    /// Two rows for one.
    TwoRows,
    /// All but ReadyForQuery.
    NoReady,
    /// ReadyForQuery twice.
    TwoReady,
    /// So many bytes of the right one.
    Part(usize),
    /// An ErrorResponse, and ReadyForQuery in status idle.
    Error(&'static str),
    /// An ErrorResponse and nothing else.
    Fatal(&'static str),
    /// These bytes.
    Bytes(&'static [u8]),
}

/// And after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    GoOn,
    Close,
    /// Read no more, keep the connection.
    Hang,
}

impl Reply {
    pub(super) fn right() -> Self {
        Self::after(Duration::ZERO)
    }

    pub(super) fn after(after: Duration) -> Self {
        Self {
            after,
            sends: Sends::Right,
            then: Then::GoOn,
        }
    }

    pub(super) fn sends(sends: Sends) -> Self {
        Self {
            sends,
            ..Self::right()
        }
    }

    pub(super) fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }
}

/// How it treats a client that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Open,
    /// Answers the startup packet with an ErrorResponse of this SQLSTATE.
    Refuses(&'static str),
    /// Says nothing at all.
    Silent,
    /// Closes at once.
    Shut,
}

type Script = dyn Fn(u64) -> Reply + Send + Sync;

/// The server. It lives until the test process ends; its threads end with their connections.
pub(super) struct Fake {
    address: SocketAddr,
    /// Time from having a query whole to having answered it, as the server saw it.
    served: Arc<Mutex<Latency>>,
}

impl Fake {
    /// Starts a server. `script` says what to do with the n-th query of a connection.
    pub(super) fn start(door: Door, script: impl Fn(u64) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let served = Arc::new(Mutex::new(Latency::default()));
        let (script, log): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&served));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                // A client that leaves ends its conversation with an error, which is its right.
                thread::spawn(move || converse(stream, door, script.as_ref(), &log).ok());
            }
        });
        Self { address, served }
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        endpoint(self.address.port())
    }

    pub(super) fn served(&self) -> Latency {
        self.served.lock().unwrap().clone()
    }
}

pub(super) fn endpoint(port: u16) -> Endpoint {
    Endpoint {
        host: "127.0.0.1".into(),
        port,
        user: "app".into(),
        password: None,
        dbname: "app".into(),
        tls: None,
    }
}

fn converse(
    mut stream: TcpStream,
    door: Door,
    script: &Script,
    log: &Mutex<Latency>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    stream.read_exact(&mut vec![0; u32::from_be_bytes(length) as usize - 4])?;
    match door {
        Door::Open => stream.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I")?,
        Door::Refuses(code) => return stream.write_all(&error("FATAL", code)),
        Door::Silent => return hang(stream),
        Door::Shut => return Ok(()),
    }
    for number in 0.. {
        let Some((nonce, described)) = query(&mut stream)? else {
            break;
        };
        let came = Instant::now();
        let reply = script(number);
        if !reply.after.is_zero() {
            #[expect(clippy::disallowed_methods, reason = "the delay is what is measured")]
            thread::sleep(reply.after);
        }
        stream.write_all(&bytes_of(&reply.sends, &nonce, described))?;
        log.lock().unwrap().record(came.elapsed());
        match reply.then {
            Then::GoOn => {}
            Then::Close => break,
            Then::Hang => return hang(stream),
        }
    }
    Ok(())
}

/// Takes what comes and answers nothing until the client leaves.
fn hang(mut stream: TcpStream) -> io::Result<()> {
    while stream.read(&mut [0; 1024])? > 0 {}
    Ok(())
}

/// Reads up to Query or Sync: the nonce that was asked for, and whether the extended protocol was
/// used. `None` after Terminate.
fn query(stream: &mut TcpStream) -> io::Result<Option<(Vec<u8>, bool)>> {
    let mut nonce = Vec::new();
    loop {
        let mut header = [0; 5];
        stream.read_exact(&mut header)?;
        let [tag, length @ ..] = header;
        let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
        stream.read_exact(&mut body)?;
        nonce = nonce_of(tag, &body).unwrap_or(nonce);
        match tag {
            b'Q' => return Ok(Some((nonce, false))),
            b'S' => return Ok(Some((nonce, true))),
            b'X' => return Ok(None),
            _ => {}
        }
    }
}

/// The nonce of a message: 18 digits, or an int8 in binary where a driver binds that.
fn nonce_of(tag: u8, body: &[u8]) -> Option<Vec<u8>> {
    let mut texts = body.windows(18);
    let mut parameters = body.windows(12).filter(|_| tag == b'B');
    let text = texts.find(|window| window.iter().all(u8::is_ascii_digit));
    let binary = || {
        let parameter = parameters.find(|window| window.starts_with(&[0, 0, 0, 8]))?;
        let number = i64::from_be_bytes(parameter[4..].try_into().unwrap());
        Some(number.to_string().into_bytes())
    };
    text.map(<[u8]>::to_vec).or_else(binary)
}

/// RowDescription of one column `n` of type text (OID 25).
const DESCRIPTION: &[u8] =
    b"T\0\0\0\x1a\0\x01n\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0";

fn bytes_of(sends: &Sends, nonce: &[u8], extended: bool) -> Vec<u8> {
    let begin: &[u8] = if extended {
        b"1\0\0\0\x042\0\0\0\x04"
    } else {
        b""
    };
    let described = [begin, DESCRIPTION].concat();
    let row = |nonce: &[u8]| [b"D\0\0\0\x1c\0\x01\0\0\0\x12", nonce].concat();
    let complete = b"C\0\0\0\x0dSELECT 1\0";
    let ready = b"Z\0\0\0\x05I";
    let answer = |rows: &[u8], end: &[u8]| [&described, rows, complete, end].concat();
    let row = row(nonce);
    match sends {
        Sends::Right => answer(&row, ready),
        Sends::WrongNonce => {
            let mut other = row;
            *other.last_mut().unwrap() ^= 1;
            answer(&other, ready)
        }
        Sends::TwoRows => answer(&[&row[..], &row].concat(), ready),
        Sends::NoReady => answer(&row, b""),
        Sends::TwoReady => answer(&row, &[&ready[..], ready].concat()),
        Sends::Part(len) => answer(&row, ready)[..*len].to_vec(),
        Sends::Error(code) => [&error("ERROR", code)[..], ready].concat(),
        Sends::Fatal(code) => error("FATAL", code),
        Sends::Bytes(bytes) => bytes.to_vec(),
    }
}

fn error(severity: &str, code: &str) -> Vec<u8> {
    let fields = format!("S{severity}\0V{severity}\0C{code}\0Mscripted\0\0");
    let length = u32::try_from(fields.len() + 4).unwrap();
    [&b"E"[..], &length.to_be_bytes(), fields.as_bytes()].concat()
}
