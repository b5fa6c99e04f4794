//! The link between a client and a server that are a few lines each.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use poolproof_scenarios::fault::LinkPlace;

use super::*;

/// A startup message, then a Query.
const STARTUP: &[u8] = b"\0\0\0\x08\0\x03\0\0";
const QUERY: &[u8] = b"Q\0\0\0\x05\0";
/// ParseComplete, BindComplete, CommandComplete.
const ANSWER: &[u8] = b"1\0\0\0\x042\0\0\0\x04C\0\0\0\x05\0";

fn fault(kind: FaultKind, lasts_ms: u64) -> Fault {
    Fault {
        kind,
        at: Duration::ZERO,
        after: 0,
        lasts: Duration::from_millis(lasts_ms),
        link: LinkPlace::Server,
        by: Duration::from_millis(50),
        on: None,
        clients: 0,
    }
}

/// A server that answers every Query with [`ANSWER`], and a client that is connected through a link.
fn pair() -> (Link, TcpStream) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let link = Link::start(server.local_addr().unwrap()).unwrap();
    thread::spawn(move || {
        for client in server.incoming() {
            let mut client = client.unwrap();
            thread::spawn(move || {
                let mut startup = [0; STARTUP.len()];
                client.read_exact(&mut startup)?;
                loop {
                    let mut query = [0; QUERY.len()];
                    client.read_exact(&mut query)?;
                    client.write_all(ANSWER)?;
                }
                #[expect(unreachable_code, reason = "it says what the loop may fail with")]
                io::Result::Ok(())
            });
        }
    });
    let client = connect(&link);
    (link, client)
}

fn connect(link: &Link) -> TcpStream {
    let mut client = TcpStream::connect(link.address()).unwrap();
    client.write_all(STARTUP).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    client
}

/// Asks, and says how long the whole answer took, or what came before the connection was closed.
fn ask(client: &mut TcpStream) -> Result<Duration, (Vec<u8>, Option<ErrorKind>)> {
    let asked = Instant::now();
    let mut got = Vec::new();
    if let Err(error) = client.write_all(QUERY) {
        return Err((got, Some(error.kind())));
    }
    let mut byte = [0];
    while got.len() < ANSWER.len() {
        match client.read(&mut byte) {
            Ok(0) => return Err((got, None)),
            Ok(_) => got.push(byte[0]),
            Err(error) => return Err((got, Some(error.kind()))),
        }
    }
    assert_eq!(got, ANSWER);
    Ok(asked.elapsed())
}

#[test]
fn a_whole_link_passes_everything() {
    let (_link, mut client) = pair();
    for _ in 0..3 {
        assert!(ask(&mut client).is_ok());
    }
}

#[test]
fn a_delayed_link_takes_its_time_each_way_until_it_is_mended() {
    let (link, mut client) = pair();
    ask(&mut client).unwrap();
    let struck = link.strike(&fault(FaultKind::LinkDelayed, 1_000));
    let slow = ask(&mut client).unwrap();
    assert!(slow >= Duration::from_millis(100), "{slow:?}");
    assert_eq!(struck.load(Relaxed), 1);
    link.mend();
    assert!(ask(&mut client).is_ok());
    assert_eq!(struck.load(Relaxed), 1);
}

#[test]
fn a_stalled_link_loses_nothing() {
    let (link, mut client) = pair();
    ask(&mut client).unwrap();
    let struck = link.strike(&fault(FaultKind::LinkStalled, 1_000));
    client.write_all(QUERY).unwrap();
    client
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let mut byte = [0];
    let waited = client.read(&mut byte).unwrap_err().kind();
    assert!(matches!(
        waited,
        ErrorKind::WouldBlock | ErrorKind::TimedOut
    ));
    assert_eq!(struck.load(Relaxed), 1);
    client
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    link.mend();
    let mut answer = [0; ANSWER.len()];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(answer, ANSWER);
}

#[test]
fn a_cut_is_in_order_and_a_reset_is_not_and_new_ones_fare_the_same() {
    for (kind, expected) in [
        (FaultKind::LinkCut, None),
        (FaultKind::LinkReset, Some(ErrorKind::ConnectionReset)),
    ] {
        let (link, mut client) = pair();
        ask(&mut client).unwrap();
        let struck = link.strike(&fault(kind, 60_000));
        let mut byte = [0];
        let ended = client.read(&mut byte).map_err(|error| error.kind());
        assert_eq!(ended.err(), expected, "{kind}");
        let mut late = TcpStream::connect(link.address()).unwrap();
        assert!(ask(&mut late).is_err(), "{kind}");
        assert_eq!(struck.load(Relaxed), 2, "{kind}");
        link.mend();
        assert!(ask(&mut connect(&link)).is_ok(), "{kind}");
    }
}

#[test]
fn a_reset_after_a_message_lets_that_message_through_and_nothing_more() {
    let (link, mut client) = pair();
    ask(&mut client).unwrap();
    let struck = link.strike(&Fault {
        on: Some(Message::BindComplete),
        ..fault(FaultKind::LinkCut, 0)
    });
    let (got, _) = ask(&mut client).unwrap_err();
    assert_eq!(got, ANSWER[..10], "ParseComplete and BindComplete");
    assert_eq!(struck.load(Relaxed), 1);
    // It was for one connection.
    assert!(ask(&mut connect(&link)).is_ok());
    assert_eq!(struck.load(Relaxed), 1);
}
