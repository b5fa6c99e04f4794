//! Messages as large as a buffer, a byte smaller or larger, and far larger.

use std::thread;

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use crate::patience::bounded;
use crate::raw::bytes_of;
use crate::site::{AS_POSTGRES, EVERYWHERE, POOLERS, Pool, Site, Sites};

/// Header and final zero of a Query.
const QUERY_FRAME: usize = 6;
/// Header, number of columns and length of the value in a DataRow of one column.
const ROW_FRAME: usize = 11;

/// One byte around the buffer sizes of poolers, and around their multiples.
fn sizes() -> impl Iterator<Item = usize> {
    [4096, 8192, 16_384, 65_536].into_iter().flat_map(|buffer| {
        (1..=3).flat_map(move |times| (buffer * times - 1)..=(buffer * times + 1))
    })
}

#[test]
fn trap_10_queries_around_every_buffer_size() {
    bounded(|| {
        let sites = Sites::start(EVERYWHERE, &Pool::of(1), "");
        for size in sizes() {
            let frame = "SELECT length('')".len() + QUERY_FRAME;
            let text = "x".repeat(size - frame);
            let expected = format!("T length:23 | D {} | C SELECT 1 | Z I", text.len());
            sites.expect_all(&format!("Q SELECT length('{text}')"), &expected);
        }
    });
}

#[test]
fn trap_10_rows_around_every_buffer_size() {
    bounded(|| {
        let sites = Sites::start(EVERYWHERE, &Pool::of(1), "");
        for size in sizes() {
            let length = size - ROW_FRAME;
            let row = format!("x*{length} | C SELECT 1 | Z I");
            let sql = format!("SELECT repeat('x', {length})");
            sites.expect_all(&format!("Q {sql}"), &format!("T repeat:25 | D {row}"));
            let extended = format!("P - {sql} | B - - | E - | S");
            sites.expect_all(&extended, &format!("1 | 2 | D {row}"));
        }
    });
}

#[test]
fn bound_values_around_every_buffer_size() {
    bounded(|| {
        let sites = Sites::start(EVERYWHERE, &Pool::of(1), "");
        for length in sizes() {
            let batch = "P - SELECT $1::text | B - - ";
            let text = "x".repeat(length);
            let expected = format!("1 | 2 | D x*{length} | C SELECT 1 | Z I");
            sites.expect_all(&format!("{batch}{text} | E - | S"), &expected);
        }
    });
}

/// Texts about statements are alone on their way, and come whole all the same.
#[test]
fn long_texts_with_words_about_statements() {
    bounded(|| {
        let sites = Sites::start(AS_POSTGRES, &Pool::of(1), "");
        for length in [10_000, 100_000, 2_000_000] {
            let text = "x".repeat(length);
            let query = format!("Q SELECT length('execute {text}')");
            let answer = format!("T length:23 | D {} | C SELECT 1 | Z I", length + 8);
            let both = format!("{answer}\nT ?column?:23 | D 2 | C SELECT 1 | Z I");
            sites.expect_all(&format!("{query} | Q SELECT 2"), &both);
        }
    });
}

#[test]
fn a_message_of_many_megabytes() {
    bounded(|| {
        let sites = Sites::start(EVERYWHERE, &Pool::of(1), "");
        let length = 20 << 20;
        let text = "x".repeat(length);
        let answer = format!("T text:25 | D x*{length} | C SELECT 1 | Z I");
        sites.expect_all(&format!("Q SELECT '{text}' AS text"), &answer);
    });
}

/// Sends 40 MB and is sent 40 MB, both at once.
#[test]
fn trap_10_both_sides_write_at_once() {
    const QUERIES: usize = 4000;
    bounded(|| {
        for against in EVERYWHERE {
            let site = Site::start(*against, &Pool::of(1));
            let mut client = site.client();
            let query = bytes_of(&format!("Q SELECT '{}' AS text", "x".repeat(10_000)));
            let mut writer = client.second_handle();
            let sender = thread::spawn(move || {
                for _ in 0..QUERIES {
                    writer.send(&query);
                }
            });
            for _ in 0..QUERIES {
                let answer = client.read_until(b"Z").join(" | ");
                assert_eq!(answer, "T text:25 | D x*10000 | C SELECT 1 | Z I");
            }
            sender.join().unwrap();
        }
    });
}

/// A hundred rows of a megabyte each, and one row of a hundred.
#[test]
fn trap_10_a_client_stops_reading_and_leaves() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(2));
            for sql in [
                "SELECT repeat('x', 1000000) FROM generate_series(1, 100)",
                "SELECT repeat('x', 100000000)",
            ] {
                let mut stuck = site.client();
                let mut query = BytesMut::new();
                frontend::query(sql, &mut query).unwrap();
                stuck.send(&query);
                assert_eq!(stuck.read().unwrap().1, "T repeat:25");
                // The other server of the pool serves everybody else meanwhile.
                for _ in 0..100 {
                    site.assert_serves();
                }
                stuck.vanish();
                site.assert_whole(2);
            }
        }
    });
}
