//! Answers as strings of message types. `D` carries the right nonce, `X` another one, `0` NULL.

use std::collections::VecDeque;

use poolproof_reports::record::ErrorClass;
use poolproof_scenarios::{
    pgbench::Keeps,
    workload::{Copies, Returns},
};

use super::{Answer, Awaits, Expected, Failure, Frame, Nonce, Order, Progress, Status};

const NONCE: u8 = 4;

fn row(digit: u8) -> Vec<u8> {
    [&[0, 1, 0, 0, 0, 18][..], Nonce::marker(digit).bytes()].concat()
}

fn expected(order: Order, returns: Returns, copies: Option<Copies>) -> Expected {
    Expected {
        order,
        returns,
        copies,
        keeps: Keeps::Nothing,
        number: 7,
    }
}

/// What is made of `messages`, the last of which must end the answer or break it.
fn outcome(order: Order, nonce_rows: Option<u64>, messages: &str) -> Result<Status, Failure> {
    let returns = nonce_rows.map_or(Returns::Anything, Returns::NonceRows);
    let expected = expected(order, returns, None);
    judge(&mut Answer::new(expected, Nonce::marker(NONCE)), messages)
}

fn judge(answer: &mut Answer, messages: &str) -> Result<Status, Failure> {
    let mut letters = messages.chars().peekable();
    while let Some(letter) = letters.next() {
        let (tag, body) = match letter {
            'D' => (b'D', row(NONCE)),
            'X' => (b'D', row(NONCE + 1)),
            '0' => (b'D', vec![0, 1, 255, 255, 255, 255]),
            'E' => (b'E', b"SERROR\0C42601\0Mno\0\0".to_vec()),
            'F' => (b'E', b"SERROR\0C22012\0Mno\0\0".to_vec()),
            '!' => (b'E', b"SFATAL\0C57P01\0Mgone\0\0".to_vec()),
            'U' => (b'C', b"UPDATE 1\0".to_vec()),
            'd' => (b'd', [Nonce::marker(NONCE).bytes(), &b"\tx\n"[..]].concat()),
            'x' => (b'd', b"5\tx\n".to_vec()),
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
            Progress::More | Progress::CopyIn => {}
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

const DESCRIBED: Order = Order::Extended {
    parses: true,
    describes: true,
};
const PREPARING: Order = Order::Extended {
    parses: true,
    describes: false,
};
const PREPARED: Order = Order::Extended {
    parses: false,
    describes: false,
};

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
    good(DESCRIBED, Some(1), "12TDCi");
    good(DESCRIBED, Some(3), "12TDDDCi");
    good(DESCRIBED, None, "12nCt");
    good(DESCRIBED, None, "12nIi");
    good(PREPARING, Some(1), "12DCi");
    good(PREPARED, Some(1), "2DCi");
    good(PREPARED, Some(0), "2Ci");
}

#[test]
fn news_may_come_anywhere() {
    good(DESCRIBED, Some(1), "N1S2ATNDNSCAi");
    good(Order::Simple, Some(1), "STNDACSi");
    bad(Order::Simple, None, "ENSi", SYNTAX);
}

#[test]
fn messages_out_of_order() {
    for messages in [
        "2", "T", "D", "C", "i", "11", "12D", "12TT", "12TCC", "12TCDi", "12nD",
    ] {
        bad(DESCRIBED, None, messages, VIOLATION);
    }
    for messages in [
        "i", "D", "1", "TT", "TDi", "TDCD", "IC", "K", "R", "G", "H", "W", "3", "s",
    ] {
        bad(Order::Simple, None, messages, VIOLATION);
    }
    for messages in ["1", "2T", "2i"] {
        bad(PREPARED, None, messages, VIOLATION);
    }
    bad(Order::Simple, None, "TDC?", VIOLATION);
}

#[test]
fn errors_end_with_one_ready_for_query() {
    bad(Order::Simple, Some(1), "Ei", SYNTAX);
    bad(Order::Simple, Some(1), "TDEe", SYNTAX);
    bad(DESCRIBED, Some(1), "Ei", SYNTAX);
    bad(DESCRIBED, Some(1), "12TDEi", SYNTAX);
    bad(DESCRIBED, Some(1), "12TDCEi", SYNTAX);
    bad(DESCRIBED, Some(1), "EE", VIOLATION);
    bad(DESCRIBED, Some(1), "1E2", VIOLATION);
}

#[test]
fn a_session_may_end_before_it_is_ready() {
    const GONE: &str = "sqlstate 57P01";
    // The server's first word is what went wrong.
    bad(Order::Simple, None, "E!", SYNTAX);
    bad(DESCRIBED, Some(1), "12TDE!", SYNTAX);
    let wanted = |messages: &str| {
        let returns = Returns::SqlState("42601".to_owned());
        class(Order::Simple, returns, None, messages)
    };
    assert_eq!(wanted("E!"), GONE);
    assert_eq!(wanted("EF"), VIOLATION);
    // The end of an answer is no end yet: what comes then is kept until the connection closes.
    let expected = expected(Order::Simple, Returns::Anything, None);
    let mut answer = Answer::new(expected, Nonce::marker(NONCE));
    for (tag, body) in [(b'C', &b"SELECT 1\0"[..]), (b'E', b"SFATAL\0C57P01\0\0")] {
        let whole = true;
        let taken = answer.take(&Frame { tag, body, whole });
        assert_eq!(taken, Ok(Progress::More));
    }
    let kept = answer.error().map(|failure| failure.class.to_string());
    assert_eq!(kept.as_deref(), Some(GONE));
}

#[test]
fn only_this_querys_rows_are_right() {
    bad(Order::Simple, Some(1), "TX", WRONG);
    bad(Order::Simple, Some(1), "T0", WRONG);
    bad(Order::Simple, Some(1), "TCi", WRONG);
    bad(Order::Simple, Some(1), "TDDCi", WRONG);
    bad(DESCRIBED, Some(1), "12nCi", WRONG);
    bad(DESCRIBED, Some(2), "12TDX", WRONG);
    bad(PREPARED, Some(0), "2DCi", WRONG);
    good(Order::Simple, None, "TXCi");
}

#[test]
fn rows_cut_anywhere_are_refused() {
    let row = row(NONCE);
    for end in 0..row.len() {
        let expected = expected(Order::Simple, Returns::Nonce, None);
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

/// Whether an answer to a statement that wants `returns` is right.
fn class(order: Order, returns: Returns, copies: Option<Copies>, messages: &str) -> String {
    let expected = expected(order, returns, copies);
    let mut answer = Answer::new(expected, Nonce::marker(NONCE));
    judge(&mut answer, messages)
        .map_or_else(|failure| failure.class.to_string(), |_| "right".into())
}

#[test]
fn rows_tags_and_errors_can_be_wanted() {
    let check = |returns: Returns, messages: &str, outcome: &str| {
        for (order, begin) in [(Order::Simple, ""), (DESCRIBED, "12")] {
            let messages = format!("{begin}{messages}");
            assert_eq!(
                class(order, returns.clone(), None, &messages),
                outcome,
                "{messages}"
            );
        }
    };
    check(Returns::Rows(2), "TXXCi", "right");
    check(Returns::Rows(2), "TXCi", WRONG);
    check(Returns::EachNonce, "TDDDCi", "right");
    check(Returns::EachNonce, "TDX", WRONG);
    check(Returns::Tag("UPDATE 1".into()), "TUi", "right");
    check(Returns::Tag("UPDATE 2".into()), "TUi", WRONG);
    check(Returns::SqlState("22012".into()), "Fe", "right");
    check(Returns::SqlState("22012".into()), "Ee", SYNTAX);
    check(Returns::SqlState("22012".into()), "TCi", WRONG);
}

#[test]
fn copies_go_the_way_that_was_asked() {
    let check = |order, copies, returns: &Returns, messages: &str, outcome: &str| {
        assert_eq!(
            class(order, returns.clone(), copies, messages),
            outcome,
            "{messages}"
        );
    };
    let (within, out) = (Some(Copies::In), Some(Copies::Out));
    check(
        Order::Simple,
        within,
        &Returns::Tag("UPDATE 1".into()),
        "GUi",
        "right",
    );
    check(DESCRIBED, within, &Returns::Anything, "12nGCi", "right");
    check(DESCRIBED, within, &Returns::Anything, "12nGEi", SYNTAX);
    check(DESCRIBED, within, &Returns::Anything, "12nH", VIOLATION);
    check(Order::Simple, None, &Returns::Anything, "G", VIOLATION);
    check(
        Order::Simple,
        out,
        &Returns::NonceRows(2),
        "HddcCi",
        "right",
    );
    check(Order::Simple, out, &Returns::NonceRows(2), "HdcCi", WRONG);
    check(DESCRIBED, out, &Returns::EachNonce, "12nHdx", WRONG);
    check(DESCRIBED, out, &Returns::Nonce, "12nHdcCi", "right");
    check(Order::Simple, out, &Returns::Anything, "Hdi", VIOLATION);
}

/// A pipeline of two batches: two statements, then one.
fn pipeline() -> Answer {
    let statement = |number| {
        let expected = Expected {
            number,
            ..expected(PREPARING, Returns::Nonce, None)
        };
        Awaits::Statement(expected, Nonce::marker(NONCE))
    };
    let all = [
        statement(1),
        statement(2),
        Awaits::Sync,
        statement(3),
        Awaits::Sync,
    ];
    Answer::to_pipeline(VecDeque::from(all))
}

#[test]
fn pipelines_have_a_ready_for_query_for_each_sync() {
    let check = |messages: &str, outcome: &str, unparsed: &[usize]| {
        let mut answer = pipeline();
        let class = judge(&mut answer, messages)
            .map_or_else(|failure| failure.class.to_string(), |_| "right".into());
        assert_eq!(class, outcome, "{messages}");
        assert_eq!(answer.unparsed(), unparsed, "{messages}");
    };
    check("12DC12DCi12DCi", "right", &[]);
    check("12DC12DCt12DCi", "right", &[]);
    check("12DC12DCi12DX", WRONG, &[]);
    check("12DC12DCii", VIOLATION, &[]);
    check("12CC", WRONG, &[]);
    // An error skips to the next Sync, behind which everything is as usual.
    check("Ei12DCi", SYNTAX, &[1, 2]);
    check("1Ei12DCi", SYNTAX, &[2]);
    check("12DC1Ei12DCi", SYNTAX, &[]);
    check("Ei1Fi", SYNTAX, &[1, 2]);
    check("12DC12DCiEi", SYNTAX, &[3]);
}
