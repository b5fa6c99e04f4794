//! Answers as strings of message types. `D` carries the right nonce, `X` another one, `0` NULL.

use poolproof_reports::record::ErrorClass;

use super::{Answer, Expected, Failure, Frame, Nonce, Order, Progress, Status};

const NONCE: u8 = 4;

fn row(digit: u8) -> Vec<u8> {
    [&[0, 1, 0, 0, 0, 18][..], Nonce::marker(digit).bytes()].concat()
}

/// What is made of `messages`, the last of which must end the answer or break it.
fn outcome(order: Order, nonce_rows: Option<u64>, messages: &str) -> Result<Status, Failure> {
    let mut answer = Answer::new(Expected { order, nonce_rows }, Nonce::marker(NONCE));
    let mut letters = messages.chars().peekable();
    while let Some(letter) = letters.next() {
        let (tag, body) = match letter {
            'D' => (b'D', row(NONCE)),
            'X' => (b'D', row(NONCE + 1)),
            '0' => (b'D', vec![0, 1, 255, 255, 255, 255]),
            'E' => (b'E', b"SERROR\0C42601\0Mno\0\0".to_vec()),
            'i' => (b'Z', b"I".to_vec()),
            't' => (b'Z', b"T".to_vec()),
            'e' => (b'Z', b"E".to_vec()),
            '?' => (b'Z', b"?".to_vec()),
            tag => (u8::try_from(tag).unwrap(), Vec::new()),
        };
        match answer.take(&Frame {
            tag,
            body: &body,
            whole: true,
        })? {
            Progress::Ready(status) => {
                assert_eq!(letters.peek(), None, "ended too soon");
                return answer.error().map_or(Ok(status), Err);
            }
            Progress::More => {}
        }
    }
    panic!("{messages} ended nothing");
}

fn good(order: Order, nonce_rows: Option<u64>, messages: &str) {
    let outcome = outcome(order, nonce_rows, messages);
    assert!(outcome.is_ok(), "{messages}: {outcome:?}");
}

fn bad(order: Order, nonce_rows: Option<u64>, messages: &str, class: &str) {
    match outcome(order, nonce_rows, messages) {
        Ok(status) => panic!("{messages} ended well, {status:?}"),
        Err(failure) => assert_eq!(failure.class.to_string(), class, "{messages}"),
    }
}

const VIOLATION: &str = "protocol violation";
const WRONG: &str = "wrong answer";
const SYNTAX: &str = "sqlstate 42601";

#[test]
fn legal_orders() {
    good(Order::Simple, Some(1), "TDCi");
    good(Order::Simple, Some(2), "TDCTDCi");
    good(Order::Simple, None, "Ci");
    good(Order::Simple, None, "CCTCi");
    good(Order::Simple, None, "Ii");
    good(Order::Described, Some(1), "12TDCi");
    good(Order::Described, Some(3), "12TDDDCi");
    good(Order::Described, None, "12nCt");
    good(Order::Described, None, "12nIi");
    good(Order::Preparing, Some(1), "12DCi");
    good(Order::Prepared, Some(1), "2DCi");
    good(Order::Prepared, Some(0), "2Ci");
}

#[test]
fn news_may_come_anywhere() {
    good(Order::Described, Some(1), "N1S2ATNDNSCAi");
    good(Order::Simple, Some(1), "STNDACSi");
    bad(Order::Simple, None, "ENSi", SYNTAX);
}

#[test]
fn messages_out_of_order() {
    for messages in [
        "2", "T", "D", "C", "i", "11", "12D", "12TT", "12TCC", "12TCDi", "12nD",
    ] {
        bad(Order::Described, None, messages, VIOLATION);
    }
    for messages in [
        "i", "D", "1", "TT", "TDi", "TDCD", "IC", "K", "R", "G", "H", "W", "3", "s",
    ] {
        bad(Order::Simple, None, messages, VIOLATION);
    }
    for messages in ["1", "2T", "2i"] {
        bad(Order::Prepared, None, messages, VIOLATION);
    }
    bad(Order::Simple, None, "TDC?", VIOLATION);
}

#[test]
fn errors_end_with_one_ready_for_query() {
    bad(Order::Simple, Some(1), "Ei", SYNTAX);
    bad(Order::Simple, Some(1), "TDEe", SYNTAX);
    bad(Order::Described, Some(1), "Ei", SYNTAX);
    bad(Order::Described, Some(1), "12TDEi", SYNTAX);
    bad(Order::Described, Some(1), "12TDCEi", SYNTAX);
    bad(Order::Described, Some(1), "EE", VIOLATION);
    bad(Order::Described, Some(1), "1E2", VIOLATION);
}

#[test]
fn only_this_querys_rows_are_right() {
    bad(Order::Simple, Some(1), "TX", WRONG);
    bad(Order::Simple, Some(1), "T0", WRONG);
    bad(Order::Simple, Some(1), "TCi", WRONG);
    bad(Order::Simple, Some(1), "TDDCi", WRONG);
    bad(Order::Described, Some(1), "12nCi", WRONG);
    bad(Order::Described, Some(2), "12TDX", WRONG);
    bad(Order::Prepared, Some(0), "2DCi", WRONG);
    good(Order::Simple, None, "TXCi");
}

#[test]
fn rows_cut_anywhere_are_refused() {
    let row = row(NONCE);
    for end in 0..row.len() {
        let expected = Expected {
            order: Order::Simple,
            nonce_rows: Some(1),
        };
        let mut answer = Answer::new(expected, Nonce::marker(NONCE));
        let description = Frame {
            tag: b'T',
            body: &[],
            whole: true,
        };
        answer.take(&description).unwrap();
        let cut = Frame {
            tag: b'D',
            body: &row[..end],
            whole: true,
        };
        assert_eq!(
            answer.take(&cut).unwrap_err().class,
            ErrorClass::ProtocolViolation,
            "{end}"
        );
    }
}
