//! Conversations as a table: what the client sends stands on the left as `>`, what the server
//! sends as `<`, and after each step is said whether the server is settled.

use super::*;

/// Plays `script`: words that begin with `>` hold client tags, with `<` server tags (`Z` is
/// followed by its status), `+` asserts that the server is settled and `-` that it is not.
fn play(script: &str) -> Exchange {
    let mut exchange = Exchange::default();
    for (at, word) in script.split_whitespace().enumerate() {
        let context = || format!("word {at}, {word:?}, of {script:?}");
        match word.as_bytes() {
            b"+" => assert!(
                exchange.settled(),
                "not settled after {}: {exchange:?}",
                context()
            ),
            b"-" => assert!(
                !exchange.settled(),
                "settled after {}: {exchange:?}",
                context()
            ),
            [b'>', tags @ ..] => {
                for tag in tags {
                    exchange.client_sent(Frontend::from_tag(*tag).expect("a client's message"));
                }
            }
            [b'<', tags @ ..] => {
                if let Err(error) = server(&mut exchange, tags) {
                    panic!("{error} at {}", context());
                }
            }
            _ => panic!("no such word: {}", context()),
        }
    }
    exchange
}

fn server(exchange: &mut Exchange, tags: &[u8]) -> Result<(), Unexpected> {
    let mut tags = tags.iter();
    while let Some(tag) = tags.next() {
        let body = if *tag == b'Z' {
            tags.as_slice().get(..1).unwrap_or(&[])
        } else {
            &[]
        };
        exchange.server_sent(*tag, body)?;
        if *tag == b'Z' {
            tags.next();
        }
    }
    Ok(())
}

#[test]
fn conversations_settle_when_postgresql_says_so() {
    let conversations = [
        // Simple queries, one and several, of one and of several statements.
        "+ >Q - <TDDC - <ZI +",
        ">QQQ <TDCZI - <CZI - <IZI +",
        ">Q <TDCTDCCZI +",
        ">Q <EZI +",
        ">Q <TDEZI +",
        // Transactions stay, failed ones too.
        ">Q <CZT - >Q <CZT - >Q <CZI +",
        ">Q <CZT >Q <EZE - >Q <CZI +",
        // Extended batches, also with several Syncs in flight.
        ">PBDES - <12TDDC - <ZI +",
        ">PBES >BES >S <12CZI - <2CZI - <ZI +",
        ">PBES >Q <12CZI - <TDCZI +",
        ">PDS <1tTZI +",
        ">PDS <1tnZI +",
        ">PBES <12sZI +",
        ">BES <2IZI +",
        ">CS <3ZI +",
        // Flush frees nothing: the batch is open until its Sync.
        ">PH - <1 - >S - <ZI +",
        ">PBDEH <12TDC - >S <ZI +",
        // The answer to the last Sync comes while a new batch has begun.
        ">S >P <ZI - <1 - >S <ZI +",
        // An error skips to Sync, and drops Query and FunctionCall on the way.
        ">PBES <EZI +",
        ">PBES >PBES <EZI - <12CZI +",
        ">PBE - <1E - >BE - >S - <ZI +",
        ">PQS <EZI +",
        ">PQ <E - >Q - >F - >S <ZI +",
        ">PQ <1TDCZI +",
        ">PQ <1EZI +",
        // An error at the Sync itself, where a deferred constraint is checked.
        ">PBES <12CEZI +",
        // Function calls.
        ">F <VZI +",
        ">FQ <EZI - <CZI +",
        // Asynchronous messages anywhere.
        ">Q <NTSDACNZI + <NSA +",
        ">PBES <EN - <SZI +",
    ];
    for conversation in conversations {
        play(conversation);
    }
}

#[test]
fn copies_settle_when_postgresql_says_so() {
    let conversations = [
        // Out, simple and extended.
        ">Q <HdddcC - <ZI +",
        ">PBES <12HddcCZI +",
        ">Q <HddEZI +",
        // In, simple: done, failed by the client, failed by the server with data in flight.
        ">Q <G - >ddc - <CZI +",
        ">Q <G >df <EZI +",
        ">Q <G >dd <EZI + >dddc +",
        ">Q <G >d <E >dc - <ZI +",
        // Data sent before the server asked for it.
        ">Qddc <GCZI +",
        ">Q >dc <GC - <ZI +",
        // A Query that turns out not to be a COPY.
        ">Qdc <EZI +",
        ">QdcQ <EZI - <CZI +",
        // Two COPYs in one Query, and in a pipeline.
        ">Q <G >dc <CG - >dc <C - <ZI +",
        ">QcQc <GCZI - <GCZI +",
        // Extended: as libpq does it, with a Sync after Execute and one after CopyDone.
        ">PBDES <12nG >ddc - >S <CZI +",
        ">PBES <12G >dc >S <EZI +",
        ">PBES <12G >df >S <EZI +",
        ">PBES <12G >d <E - >c - >S <ZI +",
        // Without the first Sync, and with one that comes before CopyDone.
        ">PBEH <12G >dc - >S - <CZI +",
        ">PBEH <12G >dSc - <C - >S <ZI +",
        ">PBEcS <12GCZI +",
        // In a pipeline.
        ">PBEcS >PBES <12GCZI - <12CZI +",
        // In a transaction.
        ">Q <CZT >Q <G >dc <CZT - >Q <CZI +",
    ];
    for conversation in conversations {
        play(conversation);
    }
}

#[test]
fn a_copy_that_failed_around_a_sync_binds_the_server_for_good() {
    // Whether the server read the Sync before or after it failed cannot be seen, so a second
    // ReadyForQuery may or may not follow: both are taken, and no other client gets the server.
    play(">PBEH <12G >dSd <E - >cS <ZI - <ZI -");
    play(">PBEH <12G >S <E - >S <ZI - >Q <CZI -");
    // The client's Sync was read after the failure: the server is not waiting for another.
    play(">PBEH <12G >dS <E <ZI - >Q <TDCZI - >PBES <12CZI -");
    play(">PBEH <12G >dS <E <ZE - >PBE >S <EZE -");
}

#[test]
fn answers_to_nothing_are_refused() {
    let cases: [(&str, &[u8]); 12] = [
        ("", b"ZI"),
        ("", b"D"),
        ("", b"C"),
        ("", b"1"),
        (">Q", b"1"),
        (">PS", b"2"),
        (">PS", b"ZI"),
        (">BES", b"1"),
        (">S", b"G"),
        (">Q", b"Zx"),
        (">Q", b"Z"),
        (">Q", b"y"),
    ];
    for (before, tags) in cases {
        let mut exchange = play(before);
        assert!(
            server(&mut exchange, tags).is_err(),
            "{before:?} then {tags:?}"
        );
    }
}

#[test]
fn messages_pass_at_once_only_where_the_server_is_bound_anyway() {
    assert!(!play(">Q").is_open());
    assert!(play(">Q <CZT").is_open());
    assert!(play(">Q <EZE").is_open());
    assert!(play(">Q <G").is_open());
    assert!(!play(">Q <G >c").is_open());
}

#[test]
fn a_pipeline_has_a_bound() {
    let mut exchange = Exchange::default();
    for _ in 0..PIPELINE_MAX {
        assert!(!exchange.is_full());
        exchange.client_sent(Frontend::Sync);
    }
    assert!(exchange.is_full());
    exchange.server_sent(b'Z', b"I").unwrap();
    assert!(!exchange.is_full());
}

#[test]
fn the_last_word_is_remembered() {
    assert!(play(">Q <E").ended_in_error());
    assert!(!play(">Q <EZI").ended_in_error());
    assert!(play("<E").ended_in_error());
}

#[test]
fn a_client_may_leave_what_the_server_will_answer_by_itself() {
    for (script, expected) in [
        (">Q", true),
        (">PBES", true),
        (">Q <CZT", false), // everything is answered
        (">PBE", false),
        (">PBEH", false),
        (">Q <G", false),
        (">Q <G >c", true),
    ] {
        assert_eq!(play(script).answers_by_itself(), expected, "{script}");
    }
}

#[test]
fn more_is_owed_behind_the_answer_that_comes() {
    for (script, expected) in [
        (">Q <C", false),
        (">QQ <C", true),
        (">PBES <12C", false),
        (">PBESS <12C", false),
        (">PBESPBES <12C", true),
        (">PBEQ <12C", true),
        (">QPBES <C", true),
    ] {
        assert_eq!(play(script).owes_more(), expected, "{script}");
    }
}

#[test]
fn an_earlier_batch_is_owed_until_its_ready() {
    for (script, expected) in [
        (">PBE", false),
        (">PBES", true),
        (">PBES <12C", true),
        (">PBES <12CZT", false),
        (">PS >P <1", true),
        (">PS >P <1ZT", false),
    ] {
        assert_eq!(play(script).owes_earlier_batch(), expected, "{script}");
    }
}
