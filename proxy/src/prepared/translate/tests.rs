//! Conversations as a table: what the client sends, and what its server gets for it.

use bytes::{BufMut, BytesMut};

use super::*;
use crate::prepared::NameChange;

/// One client, one server, and the statements of all clients.
#[derive(Default)]
struct Play {
    exchange: Exchange,
    shelf: Shelf,
    residue: Residue,
    names: Option<Box<Names>>,
    catalog: Catalog,
    stats: CoreStats,
}

/// A message: its type, and its body with `~` for zero bytes.
fn frame(written: &str) -> BytesMut {
    let (tag, body) = written.split_at(1);
    let body = body.replace('~', "\0");
    let mut bytes = BytesMut::new();
    bytes.put_slice(tag.as_bytes());
    bytes.put_u32(u32::try_from(body.len() + 4).unwrap());
    bytes.put_slice(body.as_bytes());
    bytes
}

impl Play {
    /// What the server gets for the client's messages, with the pooler's numbers as `#`, and
    /// whether the next one has to wait.
    fn say(&mut self, statements_max: usize, messages: &[&str]) -> (String, bool) {
        let frames: Vec<_> = messages.iter().map(|message| frame(message)).collect();
        let source = frames.concat();
        let mut out = Vec::new();
        let parties = Parties {
            exchange: &mut self.exchange,
            shelf: &mut self.shelf,
            residue: &mut self.residue,
            names: &mut self.names,
            catalog: &self.catalog,
            statements_max,
            stats: &self.stats,
        };
        let mut translator = Translator::new(parties, &source, &mut out);
        let mut at = 0;
        let mut waits = false;
        for frame in &frames {
            let tag = Frontend::from_tag(frame[0]).unwrap();
            let bytes = &source[at..at + frame.len()];
            let passage = translator.message(tag, at, bytes);
            waits = passage != Passage::Goes;
            if passage == Passage::Waits {
                break;
            }
            at += frame.len();
            if waits {
                break;
            }
        }
        (readable(translator.finish(at)), waits)
    }

    /// The server answers.
    fn hear(&mut self, tags: &[u8]) {
        let mut undone: Vec<NameChange> = Vec::new();
        for tag in tags {
            let body: &[u8] = if *tag == b'Z' { b"I" } else { b"" };
            let verdict = self.exchange.server_sent(*tag, body).unwrap();
            if verdict.confirmed {
                self.shelf.confirm();
            }
            self.shelf.undo(verdict.undone, &mut undone);
        }
        self.names.get_or_insert_default().undo(undone);
    }
}

/// Messages with a space between them; numbers after `poolproof_` counted from 1.
fn readable(mut bytes: &[u8]) -> String {
    let mut words = Vec::new();
    while !bytes.is_empty() {
        let len = length_of(bytes) + 1;
        let body = String::from_utf8_lossy(&bytes[5..len]).replace('\0', "~");
        words.push(format!("{}{body}", char::from(bytes[0])));
        bytes = &bytes[len..];
    }
    let mut text = words.join(" ");
    let mut seen: Vec<u64> = Vec::new();
    for part in text.split("poolproof_").skip(1) {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        seen.extend(digits.parse::<u64>().ok());
    }
    seen.sort_unstable();
    seen.dedup();
    for id in seen.iter().rev() {
        // Numbers of one test are of one length, but for a test at the turn of a decade.
        text = text.replace(&format!("poolproof_{id}~"), "#~");
    }
    text
}

const ONE: &str = "SELECT 1~~~";

#[test]
fn a_statement_goes_by_the_poolers_name() {
    let mut play = Play::default();
    let batch = [&format!("Pa~{ONE}"), "B~a~~~~~~~", "E~~~~~", "S"];
    let (sent, waits) = play.say(10, &batch);
    assert_eq!(sent, format!("P#~{ONE} B~#~~~~~~~ E~~~~~ S"));
    assert!(!waits);
    play.hear(b"12CZ");
    let (sent, _) = play.say(10, &["DSa~", "B~a~~~~~~~", "S"]);
    assert_eq!(sent, "DS#~ B~#~~~~~~~ S");
}

#[test]
fn the_unnamed_and_the_unknown_go_as_they_are() {
    let mut play = Play::default();
    let batch = [
        "P~SELECT 1~~~",
        "B~~~~~~~~",
        "B~nope~~~~~~~",
        "CSnope~",
        "CPa~",
        "S",
    ];
    let (sent, _) = play.say(10, &batch);
    assert_eq!(sent, batch.join(" "));
}

#[test]
fn statements_are_left_alone_at_zero() {
    let mut play = Play::default();
    let batch = [&format!("Pa~{ONE}"), "B~a~~~~~~~", "CSa~", "S"];
    let (sent, _) = play.say(0, &batch);
    assert_eq!(sent, batch.join(" "));
}

#[test]
fn a_close_of_nothing_stands_for_what_is_known() {
    let mut play = Play::default();
    play.say(10, &[&format!("Pa~{ONE}"), "S"]);
    play.hear(b"1Z");
    let (sent, _) = play.say(10, &[&format!("Pb~{ONE}"), "CSa~", "S"]);
    assert_eq!(sent, "CSpoolproof_~ CSpoolproof_~ S");
}

#[test]
fn trap_03_an_error_undoes_what_was_not_run() {
    let mut play = Play::default();
    play.say(10, &["Pbad~SELEKT~~~", &format!("Pa~{ONE}"), "S"]);
    play.hear(b"EZ");
    let (sent, _) = play.say(10, &["B~a~~~~~~~", &format!("Pa~{ONE}"), "S"]);
    assert_eq!(sent, format!("B~a~~~~~~~ P#~{ONE} S"));
}

#[test]
fn trap_04_a_statement_is_evicted_within_a_batch() {
    let mut play = Play::default();
    let (sent, _) = play.say(
        1,
        &[
            &format!("Pa~{ONE}"),
            "B~a~~~~~~~",
            "Pc~SELECT 3~~~",
            "B~a~~~~~~~",
            "S",
        ],
    );
    let expected = "P#~SELECT 1~~~ B~#~~~~~~~ CS#~ P#~SELECT 3~~~ CS#~ P#~SELECT 1~~~ B~#~~~~~~~ S";
    assert_eq!(sent, expected);
    // The error comes at the first Bind: of all that follows nothing is so.
    play.hear(b"1EZ");
    let (sent, _) = play.say(1, &["B~a~~~~~~~", "S"]);
    assert_eq!(sent, "B~#~~~~~~~ S");
}

#[test]
fn trap_05_a_parse_that_failed_is_forgotten() {
    let mut play = Play::default();
    play.say(10, &["Pa~SELEKT~~~", "S"]);
    play.hear(b"EZ");
    let (sent, _) = play.say(10, &[&format!("Pa~{ONE}"), "S"]);
    assert_eq!(sent, format!("P#~{ONE} S"));
}

#[test]
fn trap_07_the_server_refuses_a_name_that_is_taken() {
    let mut play = Play::default();
    play.say(10, &[&format!("Pa~{ONE}"), "S"]);
    play.hear(b"1Z");
    let (sent, _) = play.say(10, &["Pa~SELECT 2~~~", "S"]);
    assert_eq!(sent, format!("Pa~{ONE} Pa~SELECT 2~~~ S"));
    assert!(play.residue.is_dirty());
}

#[test]
fn trap_02_what_follows_a_deallocation_waits_for_it() {
    let mut play = Play::default();
    play.say(10, &[&format!("Pa~{ONE}"), "S"]);
    play.hear(b"1Z");
    let batch = [
        "P~DEALLOCATE ALL~~~",
        "B~~~~~~~~",
        "E~~~~~",
        "B~a~~~~~~~",
        "S",
    ];
    let (sent, waits) = play.say(10, &batch);
    assert_eq!(sent, "P~DEALLOCATE ALL~~~ B~~~~~~~~ E~~~~~ H");
    assert!(waits);
}

#[test]
fn trap_13_sql_finds_the_names_of_the_protocol() {
    let mut play = Play::default();
    play.say(10, &[&format!("Pa~{ONE}"), "S"]);
    play.hear(b"1Z");
    let (sent, waits) = play.say(10, &["QDEALLOCATE a; SELECT 1~"]);
    let expected = format!("CSa~ Pa~{ONE} QDEALLOCATE a; SELECT 1~");
    assert_eq!(sent, expected);
    assert!(waits);
}

#[test]
fn what_depends_on_an_earlier_batch_waits_for_it() {
    let mut play = Play::default();
    let (sent, waits) = play.say(10, &["Pa~SELEKT~~~", "S", "E~~~~~", &format!("Pa~{ONE}")]);
    assert_eq!(sent, "P#~SELEKT~~~ S E~~~~~ H");
    assert!(waits);
}

#[test]
fn a_known_statement_is_parsed_where_an_earlier_batch_may_fail_its_transaction() {
    let mut play = Play::default();
    play.say(10, &[&format!("Pa~{ONE}"), "S"]);
    play.hear(b"1Z");
    let (sent, _) = play.say(10, &["QBEGIN; SELEKT~", &format!("Pb~{ONE}"), "S"]);
    assert_eq!(sent, format!("QBEGIN; SELEKT~ CS#~ P#~{ONE} S"));
}
