//! Scripts are read, written and refused.

use expect_test::{Expect, expect};
use proptest::{collection::vec, prelude::*};

use super::*;

const EVERY_WORD: &str = r#"name: every-word
about: Every word of the notation stands here once.
source: docs/differential-testing.md
traps: 1, 14
modes: session, transaction
pool: 2
interchangeable: A, B
setup: "CREATE TABLE t (a int)"

A: connect application_name="x"
A: Query "SELECT 'a\"b\\c\n\xff\x00'" cut 1,5
A: wait
A: wait ready 2
A: wait DataRow 3
A: Parse s "SELECT $1" types 23,25 | Bind "" s ("1", null) formats 1 results 0,1 | Execute | Execute p rows 5
A: Describe statement s | Describe portal "" | Close statement s | Close portal "P q" | Flush | Sync
B: FunctionCall 31 ("x") only 7
B: rest
B: CopyData "a\t" * 3 + "b" | CopyDone | CopyFail "no" cut every 1
B: cancel
B: cancel forged
B: cancel late
B: cancel finish
B: stop reading
B: read again
B: expect "DataRow (\"1\")" "ReadyForQuery"
all: barrier
all: beside "SELECT 1"
all: wait quiet
all: wait running "pg_sleep"
all: wait locked "UPDATE"
all: wait gone "pg_sleep"
C: open
C: SSLRequest | GSSENCRequest | Startup 3.2 user="u" _pq_.x="1" | Bytes "\x00Q"
C: wait closed
C: reset
A: Terminate
B: disconnect
"#;

#[test]
fn every_word_is_read_and_written_back() {
    let session = Session::parse(EVERY_WORD, "f").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(session.to_string(), EVERY_WORD);
    let clients: Vec<String> = session.clients().iter().map(Client::to_string).collect();
    assert_eq!(clients, ["A", "B", "C"]);
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "expect! reads best as an argument"
)]
fn check(text: &str, expected: Expect) {
    let said = Session::parse(text, "f")
        .expect_err("a mistake")
        .to_string();
    expected.assert_eq(&said);
}

#[test]
fn mistakes_are_named_with_their_place() {
    check(
        "A: Qery \"x\"",
        expect!["f:1:4: expected a message or a step, got `Qery`; did you mean `Query`?"],
    );
    check(
        "nmae: x",
        expect![[
            r#"f:1:1: expected one of name, about, source, traps, modes, pool, transport, protocol, fixture, setup, interchangeable or a client such as A, got "nmae"; did you mean `name`?"#
        ]],
    );
    check(
        "A: Query \"x",
        expect!["f:1:10: expected a closing quote, got the end of the line"],
    );
    check(
        "A: Sync\nname: x",
        expect![[r#"f:2:1: expected a client such as A, or all, got "name" after the first step"#]],
    );
    check(
        "A: barrier",
        expect!["f:1:4: this concerns every client: expected it after `all:`"],
    );
    check(
        "all: Sync",
        expect![
            "f:1:6: expected barrier, beside, or wait quiet, running, locked or gone after `all:`"
        ],
    );
    check(
        "pool: 0\nmodes: x",
        expect![[r#"
        f:1:7: expected a number above 0, got "0"
        f:2:8: expected session, transaction or statement, got "x""#]],
    );
    check(
        "A: Sync cut 5,3",
        expect!["f:1:13: expected places in rising order"],
    );
    check(
        "A: Query \"\\xz1\"",
        expect!["f:1:11: expected two hexadecimal digits after \\x"],
    );
    check(
        "A: Query \"x\" * 999999999",
        expect!["f:1:10: expected at most 268435456 bytes, got more"],
    );
}

fn payload() -> impl Strategy<Value = Payload> {
    let piece = (vec(any::<u8>(), 0..12), 1_u32..4);
    vec(piece, 0..4).prop_map(|pieces| {
        let mut payload = Payload::default();
        for (bytes, times) in pieces {
            payload.push(bytes, times);
        }
        payload
    })
}

fn name() -> impl Strategy<Value = Name> {
    prop_oneof![
        "[a-z_][a-z0-9_]{0,6}".prop_map(Payload::from),
        Just(Payload::from("rows")),
        payload(),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let values = || vec(proptest::option::of(payload()), 0..3);
    prop_oneof![
        payload().prop_map(Message::Query),
        (name(), payload(), vec(any::<u32>(), 0..3)).prop_map(|(statement, sql, types)| {
            Message::Parse {
                statement,
                sql,
                types,
            }
        }),
        (name(), name(), values(), vec(0_i16..2, 0..3)).prop_map(
            |(portal, statement, values, formats)| Message::Bind {
                portal,
                statement,
                values,
                results: formats.clone(),
                formats,
            }
        ),
        (name(), 0_u32..9).prop_map(|(portal, rows)| Message::Execute { portal, rows }),
        name().prop_map(Message::DescribeStatement),
        name().prop_map(Message::ClosePortal),
        (any::<u32>(), values())
            .prop_map(|(function, values)| Message::FunctionCall { function, values }),
        payload().prop_map(Message::CopyData),
        payload().prop_map(Message::Bytes),
        Just(Message::Sync),
    ]
}

fn cuts() -> impl Strategy<Value = Cuts> {
    prop_oneof![
        Just(Cuts::None),
        (1_u32..99).prop_map(Cuts::Every),
        (0_u32..99).prop_map(Cuts::Only),
        proptest::collection::btree_set(1_u32..99, 1..4)
            .prop_map(|places| Cuts::At(places.into_iter().collect())),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        sends in vec((0_usize..30, vec(message(), 1..4), cuts()), 0..6)
    ) {
        let steps = sends.into_iter().map(|(client, messages, cuts)| Step {
            who: Who::One(Client::nth(client)),
            action: Action::Send { messages, cuts },
        });
        let session = Session { steps: steps.collect(), ..Session::default() };
        let text = session.to_string();
        let read = Session::parse(&text, "f").unwrap_or_else(|error| panic!("{error}\n{text}"));
        prop_assert_eq!(read, session);
    }

    #[test]
    fn nothing_that_is_read_breaks_the_reader(text in "(A|all|name)?: ?[A-Za-z0-9\"\\\\(), |*+=]{0,40}") {
        let _ = Session::parse(&text, "f");
    }
}
