//! What clients that misbehave do, as a server sees it.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
};

use poolproof_scenarios::{Scenario, catalog};

use super::*;
use crate::environment::wait;

/// Longest that a client may take to count what it did.
const PATIENCE: Duration = Duration::from_secs(30);

/// A fault that lasts longer than any look at it.
fn fault(kind: &str) -> Fault {
    let ramp = catalog::entry("ramp").expect("in the catalog").text;
    let text = format!("{ramp}\n[[fault]]\n{kind}\nclients = 1\n");
    let scenario = Scenario::parse(&text, "f");
    scenario.expect("a scenario").faults[0]
}

/// Sends the client of `kind`, lets it in, and returns what the server has of it: its connection and the first
/// bytes that it says.
fn let_in(kind: &str) -> (Saboteurs, TcpStream, Vec<u8>) {
    const AUTHENTICATION_OK: &[u8] = b"R\0\0\0\x08\0\0\0\0";
    const READY: &[u8] = b"Z\0\0\0\x05I";
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let endpoint = Endpoint {
        host: "127.0.0.1".into(),
        port: listener.local_addr().expect("an address").port(),
        user: "app".into(),
        password: None,
        dbname: "app".into(),
        tls: None,
    };
    let saboteurs = Saboteurs::send(&fault(kind), &endpoint).expect("a thread");
    let (mut client, _) = listener.accept().expect("a client");
    let mut bytes = [0; 1024];
    let startup = client.read(&mut bytes).expect("a startup message");
    assert!(startup > 8, "{startup}");
    let greeting = [AUTHENTICATION_OK, READY].concat();
    client.write_all(&greeting).expect("a client that reads");
    let said = client.read(&mut bytes).expect("what it came for");
    (saboteurs, client, bytes[..said].to_vec())
}

/// Whether `bytes` are a whole message, by the length in its header.
fn is_whole(bytes: &[u8]) -> bool {
    let length = [bytes[1], bytes[2], bytes[3], bytes[4]];
    u32::from_be_bytes(length) as usize + 1 == bytes.len()
}

#[test]
fn one_that_vanishes_resets_its_connection_in_mid_query() {
    let (saboteurs, mut client, said) = let_in("kind = \"clients-vanish\"");
    assert!(said.starts_with(b"Q") && is_whole(&said), "{said:?}");
    let end = client.read(&mut [0]).expect_err("no farewell");
    assert_eq!(end.kind(), io::ErrorKind::ConnectionReset);
    assert!(wait::until(PATIENCE, || saboteurs.acted.load(Relaxed) == 1));
}

#[test]
fn one_that_does_not_read_leaves_the_server_with_its_answer() {
    let (saboteurs, mut client, said) = let_in("kind = \"clients-stop-reading\"\nfor = \"1s\"");
    assert!(said.starts_with(b"Q") && is_whole(&said), "{said:?}");
    client.set_nonblocking(true).expect("a socket");
    let mut taken = 0;
    let full = loop {
        match client.write(&[b'D'; 64 << 10]) {
            Ok(bytes) => taken += bytes,
            Err(error) => break error.kind(),
        }
        assert!(taken < 20_000_000, "it reads");
    };
    assert_eq!(full, io::ErrorKind::WouldBlock);
    assert!(wait::until(PATIENCE, || saboteurs.acted.load(Relaxed) == 1));
}

#[test]
fn one_that_says_half_stays_and_says_no_more() {
    let (saboteurs, mut client, said) = let_in("kind = \"clients-half-say\"\nfor = \"300ms\"");
    assert!(said.starts_with(b"Q") && !is_whole(&said), "{said:?}");
    // Nothing more comes before the end of the fault, which is an end without a farewell.
    let end = client.read(&mut [0]).expect_err("no farewell");
    assert_eq!(end.kind(), io::ErrorKind::ConnectionReset);
    assert!(wait::until(PATIENCE, || saboteurs.acted.load(Relaxed) == 1));
}
