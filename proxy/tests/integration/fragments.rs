//! The network cuts a conversation where it likes.
//!
//! PgBouncer refuses a startup packet that comes in pieces, and is left out where that matters.

use std::time::Duration;

use expect_test::expect;

use crate::cluster::APP;
use crate::patience::{bounded, bounded_by};
use crate::raw::{Client, bytes_of, startup};
use crate::site::{AS_POSTGRES, EVERYWHERE, Pool, Site, Sites};

/// Hundreds of cuts, for each of which the kernel's table of sockets is read: seconds on an idle
/// machine, and more on a busy one.
const MANY_CUTS: Duration = Duration::from_secs(90);

/// A little of everything.
const SESSION: &str = "
    Q SELECT 1
    P - SELECT $1::int | DS - | B - - 2 | E - | S
    Q COPY t FROM STDIN | d 3 | c
    Q BEGIN | Q SELECT 1/0 | Q ROLLBACK";

#[test]
fn trap_11_a_session_byte_by_byte() {
    bounded_by(MANY_CUTS, || {
        let sites = Sites::start(EVERYWHERE, &Pool::of(1), "CREATE TABLE t (n int)");
        sites.check_with(
            SESSION,
            &expect![[r#"
                T ?column?:23 | D 1 | C SELECT 1 | Z I
                1 | t 23 | T int4:23 | 2 | D 2 | C SELECT 1 | Z I
                G | C COPY 1 | Z I
                C BEGIN | Z T
                E ERROR 22012 division by zero | Z E
                C ROLLBACK | Z I"#]],
            |client, bytes| client.send_bytewise(bytes),
        );
    });
}

#[test]
fn trap_11_a_session_cut_once_at_every_byte() {
    bounded_by(MANY_CUTS, || {
        for against in AS_POSTGRES {
            let site = Site::start(*against, &Pool::of(1));
            site.sql("CREATE TABLE t (n int)");
            let mut bytes = startup(&[("user", APP), ("database", site.database())]);
            bytes.extend_from_slice(&bytes_of(SESSION));
            let expected = answers(&site, |client| client.send(&bytes));
            for at in 1..bytes.len() {
                let found = answers(&site, |client| client.send_split(&bytes, at));
                assert_eq!(found, expected, "{against:?} cut at {at}");
            }
        }
    });
}

#[test]
fn trap_11_a_login_byte_by_byte() {
    bounded(|| {
        for against in AS_POSTGRES {
            let site = Site::start(*against, &Pool::of(1));
            let mut client = Client::silent(site.address());
            client.send_bytewise(&startup(&[("user", APP), ("database", site.database())]));
            client.finish_login().expect("to be let in");
            assert_eq!(
                client.run("Q SELECT 1"),
                "T ?column?:23 | D 1 | C SELECT 1 | Z I"
            );
        }
    });
}

/// What a session is told after its greeting.
fn answers(site: &Site, send: impl FnOnce(&mut Client)) -> Vec<String> {
    let mut client = Client::silent(site.address());
    send(&mut client);
    client.finish_login().expect("to be let in");
    client.read_until(b"ZZZZZZ")
}
