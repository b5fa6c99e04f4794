//! What a client asks for when it begins: versions of the protocol, options, names.

use bytes::{BufMut, BytesMut};

use crate::cluster::APP;
use crate::patience::{bounded, wait_until};
use crate::raw::{Client, cancel_with};
use crate::site::{AS_POSTGRES, Against, POOLERS, Pool, Site};

/// A startup packet of protocol 3.`minor`.
fn packet(minor: u32, parameters: &[(&str, &str)]) -> BytesMut {
    let mut body = BytesMut::new();
    body.put_u32((3 << 16) | minor);
    for (name, value) in parameters {
        for text in [name, value] {
            body.put_slice(text.as_bytes());
            body.put_u8(0);
        }
    }
    body.put_u8(0);
    let mut packet = BytesMut::new();
    packet.put_u32(u32::try_from(body.len() + 4).expect("a short packet"));
    packet.put_slice(&body);
    packet
}

/// A client that asked for protocol 3.`minor`, and the greeting without the parameters.
fn greet(site: &Site, minor: u32, options: &[(&str, &str)]) -> (Client, String) {
    let names = [("user", APP), ("database", site.database())];
    let parameters = [&names, options].concat();
    let mut client = Client::silent(site.address());
    client.send(&packet(minor, &parameters));
    let greeting = client.finish_login().expect("to be let in");
    let said = greeting.iter().filter(|message| !message.starts_with("S "));
    let said: Vec<&str> = said.map(String::as_str).collect();
    let words = said.join(" | ");
    (client, words)
}

#[test]
fn trap_12_one_negotiation_for_what_a_client_cannot_have() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1));
        let check = |minor: u32, options: &[(&str, &str)], expected: &str| {
            let (_, greeting) = greet(&site, minor, options);
            assert_eq!(greeting, expected, "3.{minor} with {options:?}");
        };
        check(0, &[], "R ok | K key | Z I");
        check(2, &[], "R ok | K key | Z I");
        check(3, &[], "v 3.2 0 | R ok | K key | Z I");
        check(9999, &[], "v 3.2 0 | R ok | K key | Z I");
        check(0, &[("_pq_.a", "1")], "v 3.0 1 | R ok | K key | Z I");
        let two = [("_pq_.a", "1"), ("_pq_.b", "2")];
        check(4, &two, "v 3.2 2 | R ok | K key | Z I");
    });
}

#[test]
fn a_long_key_cancels_its_query_and_a_part_of_it_does_not() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1));
        let (mut client, _) = greet(&site, 2, &[]);
        let key = client.whole_key().to_vec();
        assert_eq!(key.len(), 4 + 32);
        client.say("Q SELECT pg_sleep(60)");
        wait_until("the query to run", || site.running("pg_sleep(60)") == 1);
        let mut forged = key.clone();
        forged[35] ^= 1;
        for wrong in [&key[..8], &key[..35], &forged] {
            cancel_with(site.address(), wrong);
        }
        assert!(client.hears_nothing(), "a forged key cancels nothing");
        cancel_with(site.address(), &key);
        let heard = client.read_until(b"Z").join(" | ");
        assert!(heard.contains("E ERROR 57014"), "{heard}");
    });
}

/// PostgreSQL 15 knows protocol 3.0 and says so.
#[test]
fn servers_are_asked_for_the_newest_protocol_on_request() {
    bounded(|| {
        let pool = Pool::of(1).with("server_max_protocol_version", "3.2");
        let site = Site::start(Against::Proxy, &pool);
        site.assert_serves();
        let mut client = site.client();
        client.say("Q SELECT pg_sleep(60)");
        wait_until("the query to run", || site.running("pg_sleep(60)") == 1);
        cancel_with(site.address(), client.whole_key());
        let heard = client.read_until(b"Z").join(" | ");
        assert!(heard.contains("E ERROR 57014"), "{heard}");
    });
}

#[test]
fn trap_12_names_that_nobody_has() {
    bounded(|| {
        for against in AS_POSTGRES {
            let site = Site::start(*against, &Pool::of(1));
            let refused = |user: &str, database: &str| {
                let names = [("user", user), ("database", database)];
                let refused = Client::try_connect(site.address(), &names);
                let words = refused
                    .err()
                    .unwrap_or_else(|| panic!("{against:?} lets in"));
                assert!(words.contains("E FATAL "), "{against:?}: {words}");
                words
            };
            let words = refused(APP, "no_such_database");
            assert!(words.contains("no_such_database"), "{against:?}: {words}");
            // PostgreSQL cuts such names off and goes on with what is left.
            if *against == Against::Proxy {
                refused(&"x".repeat(64), site.database());
                refused(&"x".repeat(9_000), site.database());
                refused(APP, &"x".repeat(9_000));
            }
            site.assert_serves();
        }
    });
}

/// What follows the startup packet at once belongs to the session.
#[test]
fn trap_11_a_query_behind_the_startup_packet() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1));
            let names = [("user", APP), ("database", site.database())];
            let mut bytes = packet(0, &names);
            bytes.extend_from_slice(&crate::raw::bytes_of("Q SELECT 1"));
            let mut client = Client::silent(site.address());
            client.send(&bytes);
            let heard = client.read_until(b"ZZ").join(" | ");
            let expected = "Z I | T ?column?:23 | D 1 | C SELECT 1 | Z I";
            assert!(heard.ends_with(expected), "{against:?}: {heard}");
        }
    });
}

/// Whoever opens connections without end gets no more than a bounded number of them, and the
/// clients inside notice nothing.
#[test]
fn connections_that_say_nothing_are_bounded() {
    const ROOM: usize = 1_000 + 5;
    bounded(|| {
        // Otherwise the system itself keeps those out who say nothing.
        let pool = Pool::of(1)
            .with("max_client_conn", 5)
            .with("tcp_defer_accept", 0);
        let site = Site::start(Against::Proxy, &pool);
        let mut inside = site.client();
        let mut silent: Vec<_> = (0..ROOM).map(|_| Client::silent(site.address())).collect();
        // One more than there is room for has been closed, whichever core took it.
        wait_until("one to be turned away", || {
            site.pooler().view().clients <= ROOM
                && silent.iter().any(|client| !client.hears_nothing())
        });
        assert_eq!(
            inside.run("Q SELECT 1"),
            "T ?column?:23 | D 1 | C SELECT 1 | Z I"
        );
        silent.clear();
        wait_until("them to be gone", || site.pooler().view().clients == 1);
        site.assert_serves();
    });
}
