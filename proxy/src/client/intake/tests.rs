use super::*;
use crate::protocol::exchange::Exchange;
use crate::protocol::frame::MESSAGE_MAX;

fn message(tag: u8, body: usize) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend(u32::try_from(body + 4).unwrap().to_be_bytes());
    bytes.resize(body + HEADER_LEN, b'x');
    bytes
}

fn messages(tags: &[u8]) -> Vec<u8> {
    tags.iter().flat_map(|tag| message(*tag, 3)).collect()
}

fn cut(bytes: &[u8], rule: Rule) -> Cut {
    Intake::new(MESSAGE_MAX).cut(bytes, rule).unwrap()
}

/// Bytes of a message that [`messages`] makes.
const EACH: usize = 8;

#[test]
fn a_batch_passes_when_it_is_whole() {
    let cases: [(&[u8], usize); 8] = [
        (b"Q", 1),
        (b"QQ", 2),
        (b"P", 0),
        (b"PBDE", 0),
        (b"PBDES", 5),
        (b"PBH", 3),
        (b"PBESPB", 4),
        (b"F", 1),
    ];
    for (tags, passing) in cases {
        let got = cut(&messages(tags), Rule::Gather);
        let expected = Cut {
            forward: passing * EACH,
            terminate: false,
        };
        assert_eq!(got, expected, "{}", String::from_utf8_lossy(tags));
    }
}

#[test]
fn a_batch_that_trickles_in_passes_at_its_last_byte() {
    let bytes = messages(b"PBESQ");
    let mut intake = Intake::new(MESSAGE_MAX);
    for n in 1..=bytes.len() {
        let expected = if n < 4 * EACH {
            0
        } else if n < 5 * EACH {
            4 * EACH
        } else {
            5 * EACH
        };
        assert_eq!(
            intake.cut(&bytes[..n], Rule::Gather).unwrap().forward,
            expected,
            "{n} bytes"
        );
    }
}

#[test]
fn with_a_server_in_a_transaction_whole_messages_pass() {
    let bytes = messages(b"PB");
    for n in 0..=bytes.len() {
        assert_eq!(
            cut(&bytes[..n], Rule::Pass).forward,
            n / EACH * EACH,
            "{n} bytes"
        );
    }
}

#[test]
fn what_is_too_long_to_gather_passes_in_pieces() {
    let query = message(b'F', 3 * GATHER_MAX);
    assert_eq!(cut(&query[..GATHER_MAX - 1], Rule::Gather).forward, 0);
    assert_eq!(cut(&query[..GATHER_MAX], Rule::Gather).forward, GATHER_MAX);
    assert_eq!(cut(&query[..NAMES_LEN], Rule::Pass).forward, NAMES_LEN);
    assert_eq!(cut(&query[..NAMES_LEN - 1], Rule::Pass).forward, 0);
    assert_eq!(cut(&message(b'd', 100)[..50], Rule::Pass).forward, 50);

    // A text must be whole, unless it is far too long.
    for tag in [b'Q', b'P'] {
        let text = message(tag, TEXT_LEN_MAX - HEADER_LEN);
        assert_eq!(cut(&text[..TEXT_LEN_MAX - 1], Rule::Gather).forward, 0);
        assert_eq!(cut(&text[..TEXT_LEN_MAX - 1], Rule::Pass).forward, 0);
        assert_eq!(cut(&text, Rule::Pass).forward, TEXT_LEN_MAX);
        let longer = message(tag, TEXT_LEN_MAX - HEADER_LEN + 1);
        assert_eq!(cut(&longer[..NAMES_LEN], Rule::Pass).forward, NAMES_LEN);
    }

    // Many short messages without an end pass up to the last whole one.
    let parses = messages(&[b'P'].repeat(GATHER_MAX / EACH + 1));
    assert_eq!(
        cut(&parses[..GATHER_MAX + 3], Rule::Gather).forward,
        GATHER_MAX
    );
}

#[test]
fn a_message_sent_in_pieces_counts_once() {
    let mut bytes = message(b'Q', GATHER_MAX);
    bytes.extend(messages(b"S"));
    let mut intake = Intake::new(MESSAGE_MAX);
    let mut exchange = Exchange::default();

    let mut send = |message, _, _: &[u8]| {
        exchange.client_sent(message);
        Passage::Goes
    };
    assert_eq!(intake.commit(&bytes[..GATHER_MAX], &mut send), GATHER_MAX);
    assert!(!intake.at_boundary());
    let rest = &bytes[GATHER_MAX..];
    let cut = intake.cut(rest, Rule::Gather).unwrap();
    assert_eq!(
        cut,
        Cut {
            forward: rest.len(),
            terminate: false
        }
    );
    assert_eq!(intake.commit(rest, &mut send), rest.len());
    assert!(intake.at_boundary());

    exchange.server_sent(b'Z', b"I").unwrap();
    assert!(!exchange.settled(), "the Sync is open");
    exchange.server_sent(b'Z', b"I").unwrap();
    assert!(exchange.settled());
}

#[test]
fn terminate_is_not_passed_on() {
    let expected = Cut {
        forward: EACH,
        terminate: true,
    };
    assert_eq!(cut(&messages(b"QX"), Rule::Gather), expected);
    assert_eq!(cut(&messages(b"PX"), Rule::Pass), expected);
    assert_eq!(
        cut(&messages(b"PX"), Rule::Gather),
        Cut {
            forward: 0,
            terminate: true
        }
    );
}

#[test]
fn leftovers_of_a_copy_are_dropped_without_a_server() {
    let mut intake = Intake::new(MESSAGE_MAX);
    let bytes = messages(b"ddcHQd");
    assert_eq!(intake.discard(&bytes).unwrap(), 4 * EACH);
    assert!(intake.at_boundary());

    let long = message(b'd', 1000);
    assert_eq!(intake.discard(&long[..600]).unwrap(), 600);
    assert!(!intake.at_boundary());
    assert_eq!(intake.discard(&long[600..]).unwrap(), 405);
    assert!(intake.at_boundary());
}

#[test]
fn bad_messages_are_told() {
    let mut intake = Intake::new(1000);
    assert_eq!(
        intake.cut(b"y\0\0\0\x04", Rule::Gather),
        Err(BadMessage::Type(b'y'))
    );
    assert_eq!(
        intake.cut(b"p\0\0\0\x04", Rule::Pass),
        Err(BadMessage::Type(b'p'))
    );
    assert!(matches!(
        intake.cut(b"Q\0\0\0\x03", Rule::Gather),
        Err(BadMessage::Length(_))
    ));
    assert!(matches!(
        intake.cut(b"Q\0\0\x04\0", Rule::Gather),
        Err(BadMessage::Length(_))
    ));
    assert!(matches!(
        intake.discard(b"d\xff\xff\xff\xff"),
        Err(BadMessage::Length(_))
    ));
    // PostgreSQL takes no more than a gigabyte, whatever the configuration says.
    let mut intake = Intake::new(MESSAGE_MAX);
    assert!(intake.cut(b"Q\x3f\xff\xff\xfe", Rule::Gather).is_ok());
    assert!(matches!(
        intake.cut(b"Q\x3f\xff\xff\xff", Rule::Gather),
        Err(BadMessage::Length(_))
    ));
}

#[test]
fn the_first_batch_ends_where_an_answer_is_due() {
    let intake = Intake::new(MESSAGE_MAX);
    let cases: [(&[u8], Option<usize>); 6] = [
        (b"QQ", Some(1)),
        (b"PBESPBES", Some(4)),
        (b"PBQ", Some(3)),
        (b"PBHS", None),
        (b"PB", None),
        (b"", None),
    ];
    for (tags, expected) in cases {
        let expected = expected.map(|count| count * EACH);
        assert_eq!(intake.first_batch(&messages(tags)), expected, "{tags:?}");
    }
    assert_eq!(intake.first_batch(&messages(b"Q")[..EACH - 1]), None);
}
