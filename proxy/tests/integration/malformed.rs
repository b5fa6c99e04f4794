//! Bytes that are no protocol.

use expect_test::expect;

use crate::patience::bounded;
use crate::raw::Client;
use crate::site::{AS_POSTGRES, OURS, Pool, Site, Sites};

/// Messages after which nothing can be believed.
const FRAMES: [&str; 9] = [
    "x 51 00 00 00 00",             // shorter than its own length
    "x 51 00 00 00 03 41",          // the same
    "x 51 ff ff ff ff 41",          // negative
    "x 51 80 00 00 00 41",          // the most negative
    "x 53 00 00 00 00",             // a Sync, too short
    "x 7a 00 00 00 04",             // no such message
    "x 00 00 00 00 04",             // no such message
    "x ff 00 00 00 04",             // no such message
    "x 16 03 01 02 00 01 00 01 fc", // TLS on a session that is open
];

#[test]
fn trap_10_a_broken_frame_ends_the_session_and_no_other() {
    bounded(|| {
        for against in OURS {
            let site = Site::start(*against, &Pool::of(2));
            let mut bystander = site.client();
            bystander.run("Q BEGIN");
            for frame in FRAMES {
                for before in [
                    "",
                    "Q SELECT 1 | < Z | ",
                    "Q BEGIN | < Z | ",
                    "P - SELECT 1 | ",
                ] {
                    let mut client = site.client();
                    let heard = client.run(&format!("{before}{frame} | < eof"));
                    let last = heard.rsplit('\n').next().unwrap();
                    let told = last.starts_with("E FATAL 08P01 ") && last.ends_with(" | eof");
                    assert!(told, "{before}{frame}: {heard}");
                }
            }
            let answer = bystander.run("Q SELECT 1");
            assert_eq!(answer, "T ?column?:23 | D 1 | C SELECT 1 | Z T");
            assert_eq!(bystander.run("Q COMMIT"), "C COMMIT | Z I");
            site.assert_whole(2);
        }
    });
}

#[test]
fn trap_10_a_huge_length_holds_nothing() {
    bounded(|| {
        for against in OURS {
            let site = Site::start(*against, &Pool::of(1));
            let mut clients: Vec<Client> = (0..20).map(|_| site.client()).collect();
            for client in &mut clients {
                client.say("x 51 7f ff ff ff 53 45");
            }
            site.assert_whole(1);
        }
    });
}

/// Startup packets that are none.
const STARTUPS: [&str; 12] = [
    "x 00 00 00 00",
    "x 00 00 00 03",
    "x 00 00 00 04",
    "x 00 00 00 07 00 03 00",
    "x ff ff ff ff 00 03 00 00",
    "x 7f ff ff ff 00 03 00 00",
    "x 00 00 00 08 00 02 00 00",             // protocol 2.0
    "x 00 00 00 08 00 04 00 00",             // protocol 4.0
    "x 00 00 00 08 00 03 00 00",             // no user, no end
    "x 00 00 00 09 00 03 00 00 00",          // no user
    "x 00 00 00 0c 00 03 00 00 75 73 65 72", // no end
    "x 47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a 0d 0a",
];

#[test]
fn trap_12_a_broken_startup_packet_is_refused() {
    bounded(|| {
        for against in AS_POSTGRES {
            let site = Site::start(*against, &Pool::of(1));
            for packet in STARTUPS {
                let mut client = Client::silent(site.address());
                let heard = client.run(&format!("{packet} | < eof"));
                let refused =
                    heard == "eof" || (heard.starts_with("E FATAL ") && heard.ends_with(" | eof"));
                assert!(refused, "{against:?} {packet}: {heard}");
            }
            site.assert_serves();
        }
    });
}

/// What is wrong within a message is PostgreSQL's to say.
#[test]
fn broken_bodies_are_answered_as_postgresql_does() {
    bounded(|| {
        let sites = Sites::start(AS_POSTGRES, &Pool::of(1), "");
        sites.check(
            "x 51 00 00 00 05 41 | < Z | Q SELECT 1",
            &expect![[r#"
                E ERROR 08P01 invalid string in message | Z I
                T ?column?:23 | D 1 | C SELECT 1 | Z I"#]],
        );
        sites.check(
            "x 51 00 00 00 04 | < Z | Q SELECT 1",
            &expect![[r#"
                E ERROR 08P01 invalid string in message | Z I
                T ?column?:23 | D 1 | C SELECT 1 | Z I"#]],
        );
        sites.check(
            "x 50 00 00 00 05 00 | S | Q SELECT 1",
            &expect![[r#"
                E ERROR 08P01 invalid string in message | Z I
                T ?column?:23 | D 1 | C SELECT 1 | Z I"#]],
        );
        sites.check(
            "x 42 00 00 00 06 00 00 | S | Q SELECT 1",
            &expect![[r#"
                E ERROR 26000 unnamed prepared statement does not exist | Z I
                T ?column?:23 | D 1 | C SELECT 1 | Z I"#]],
        );
        sites.check(
            "x 44 00 00 00 06 58 00 | S | Q SELECT 1",
            &expect![[r#"
                E ERROR 08P01 invalid DESCRIBE message subtype 88 | Z I
                T ?column?:23 | D 1 | C SELECT 1 | Z I"#]],
        );
        sites.check(
            "x 45 00 00 00 05 00 | S | Q SELECT 1",
            &expect![[r#"
                E ERROR 08P01 insufficient data left in message | Z I
                T ?column?:23 | D 1 | C SELECT 1 | Z I"#]],
        );
        sites.check(
            "x 43 00 00 00 06 58 00 | S | Q SELECT 1",
            &expect![[r#"
                E ERROR 08P01 invalid CLOSE message subtype 88 | Z I
                T ?column?:23 | D 1 | C SELECT 1 | Z I"#]],
        );
        sites.check(
            "x 46 00 00 00 04 | < Z | Q SELECT 1",
            &expect![[r#"
                E ERROR 08P01 insufficient data left in message | Z I
                T ?column?:23 | D 1 | C SELECT 1 | Z I"#]],
        );
    });
}
