//! A byte pump: what comes in goes out, on a connection of its own for each client. It is the target
//! `null`, the floor under every pooler: none can do less than one receive and one send each way.
//!
//! As the pooler has, it has a thread for each core, each with a listening socket of its own; the kernel
//! spreads the connections. A thread has one buffer for all of them.

mod pair;

use std::{
    io,
    net::SocketAddr,
    num::NonZero,
    thread::{self, available_parallelism},
};

use mio::{Events, Interest, Poll, Token, net::TcpListener};
use socket2::{Domain, Protocol, Socket, Type};

use pair::{Pair, Side};

/// Bytes that one read can take.
const BUFFER_BYTES: usize = 64 << 10;
/// Events that one poll can bring.
const EVENTS: usize = 1_024;
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4_096;
/// The listening socket's token; those of connections begin at 0.
const LISTENER: Token = Token(usize::MAX);

/// Pumps between clients that connect to `listen` and the server at `upstream` until the process
/// ends.
///
/// # Errors
///
/// When it cannot listen there, or a poll fails.
pub fn run(listen: SocketAddr, upstream: SocketAddr) -> io::Result<()> {
    let cores = available_parallelism().map_or(1, NonZero::get);
    let workers: io::Result<Vec<Worker>> =
        (0..cores).map(|_| Worker::new(listen, upstream)).collect();
    let threads: Vec<_> = workers?
        .into_iter()
        .map(|worker| thread::spawn(move || worker.work()))
        .collect();
    for thread in threads {
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("a thread of the pump panicked")))?;
    }
    Ok(())
}

/// A thread and its connections. The client's side of pair `n` has token `2n`, the server's `2n + 1`.
struct Worker {
    listener: TcpListener,
    upstream: SocketAddr,
    poll: Poll,
    pairs: Vec<Option<Pair>>,
    free: Vec<usize>,
}

impl Worker {
    fn new(listen: SocketAddr, upstream: SocketAddr) -> io::Result<Self> {
        let mut listener = listener(listen)?;
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            listener,
            upstream,
            poll,
            pairs: Vec::new(),
            free: Vec::new(),
        })
    }

    fn work(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                if event.token() == LISTENER {
                    self.accept();
                    continue;
                }
                let Token(token) = event.token();
                let (place, side) = (token / 2, Side::of(token));
                if let Some(Some(pair)) = self.pairs.get_mut(place)
                    && !pair.ready(side, event.is_read_closed(), &mut buffer)
                {
                    self.pairs[place] = None;
                    self.free.push(place);
                }
            }
        }
    }

    /// Takes in every client that waits. One that cannot be served is let go, and the others stay.
    fn accept(&mut self) {
        loop {
            match self.listener.accept() {
                Ok((client, _)) => {
                    let place = self.free.pop().unwrap_or_else(|| {
                        self.pairs.push(None);
                        self.pairs.len() - 1
                    });
                    let registry = self.poll.registry();
                    match Pair::open(client, self.upstream, registry, 2 * place) {
                        Ok(pair) => self.pairs[place] = Some(pair),
                        Err(error) => {
                            tracing::warn!(%error, "a client could not be served");
                            self.free.push(place);
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                // Nobody waits, or the system is out of descriptors until somebody leaves.
                Err(_) => return,
            }
        }
    }
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{Shutdown, TcpListener as StdListener, TcpStream},
        time::Duration,
    };

    use super::*;

    fn started(upstream: SocketAddr) -> SocketAddr {
        let mut worker = Worker::new("127.0.0.1:0".parse().unwrap(), upstream).unwrap();
        worker.upstream = upstream;
        let address = worker.listener.local_addr().unwrap();
        thread::spawn(move || worker.work());
        address
    }

    #[test]
    fn what_goes_in_comes_out_and_the_end_too() {
        let server = StdListener::bind("127.0.0.1:0").unwrap();
        let pump = started(server.local_addr().unwrap());
        let echo = thread::spawn(move || {
            let (mut client, _) = server.accept().unwrap();
            let mut all = Vec::new();
            client.read_to_end(&mut all).unwrap();
            client.write_all(&all).unwrap();
        });
        let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let mut client = TcpStream::connect(pump).unwrap();
        client.write_all(&sent).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut back = Vec::new();
        client.read_to_end(&mut back).unwrap();
        echo.join().unwrap();
        assert!(
            back == sent,
            "{} bytes of {} came back",
            back.len(),
            sent.len()
        );
    }

    /// What is said last and the end arrive together, and the poll tells of both at one time.
    #[test]
    fn an_end_right_behind_the_last_bytes_is_heard() {
        let server = StdListener::bind("127.0.0.1:0").unwrap();
        let pump = started(server.local_addr().unwrap());
        for _ in 0..500 {
            let mut client = TcpStream::connect(pump).unwrap();
            let (mut served, _) = server.accept().unwrap();
            served.write_all(b"bye").unwrap();
            drop(served);
            client
                .set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
            let mut all = Vec::new();
            client.read_to_end(&mut all).unwrap();
            assert_eq!(all, b"bye");
        }
    }

    #[test]
    fn without_a_server_the_client_is_let_go() {
        let nobody = StdListener::bind("127.0.0.1:0").unwrap();
        let address = nobody.local_addr().unwrap();
        drop(nobody);
        let mut client = TcpStream::connect(started(address)).unwrap();
        let mut byte = [0];
        assert!(matches!(client.read(&mut byte), Ok(0) | Err(_)));
    }
}
