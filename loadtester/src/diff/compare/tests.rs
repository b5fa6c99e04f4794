//! Each tier finds its own kind of difference.

use std::collections::BTreeMap;

use super::*;

fn message(tag: u8, body: &[u8]) -> Event {
    Event::Message(Backend {
        tag,
        body: body.to_vec().into(),
    })
}

fn trace(clients: &[&[Event]]) -> Trace {
    let clients = clients.iter().enumerate();
    let clients: BTreeMap<Client, Vec<Event>> = clients
        .map(|(index, events)| (Client::nth(index), events.to_vec()))
        .collect();
    Trace {
        clients,
        ending: Ending::Complete,
        unmet: Vec::new(),
    }
}

fn usual() -> Vec<Event> {
    vec![
        message(b'D', b"\0\x01\0\0\0\x011"),
        message(b'C', b"SELECT 1\0"),
        Event::Mark { step: 2 },
        message(b'E', b"SERROR\0C22012\0Mdivision by zero\0\0"),
        message(b'Z', b"I"),
    ]
}

fn check(change: impl FnOnce(&mut Vec<Event>), expected: Option<(Tier, usize)>) {
    let mut changed = usual();
    change(&mut changed);
    let found = compare(&trace(&[&usual()]), &trace(&[&changed]), &Header::default());
    let found = found.map(|difference| (difference.tier, difference.at));
    assert_eq!(found, expected);
}

#[test]
fn each_tier_finds_its_own() {
    check(|_| {}, None);
    check(
        |events| events[1] = Event::Malformed("length 3".into()),
        Some((Tier::Framing, 1)),
    );
    check(
        |events| {
            events.remove(4);
        },
        Some((Tier::Kinds, 4)),
    );
    check(|events| events.push(Event::Closed), Some((Tier::Kinds, 5)));
    check(
        |events| events[3] = message(b'E', b"SERROR\0C22013\0Mdivision by zero\0\0"),
        Some((Tier::Sqlstate, 3)),
    );
    check(
        |events| events[3] = message(b'E', b"SFATAL\0C22012\0Mdivision by zero\0\0"),
        Some((Tier::Sqlstate, 3)),
    );
    check(
        |events| events[0] = message(b'D', b"\0\x01\0\0\0\x012"),
        Some((Tier::Payload, 0)),
    );
    check(
        |events| events[4] = message(b'Z', b"T"),
        Some((Tier::Payload, 4)),
    );
    check(|events| events.swap(2, 3), Some((Tier::Timing, 2)));
}

#[test]
fn another_ending_is_a_difference() {
    let mut hanging = trace(&[&usual()]);
    hanging.ending = Ending::Hang { step: 3 };
    assert!(compare(&trace(&[&usual()]), &hanging, &Header::default()).is_some());
}

#[test]
fn who_comes_first_may_be_left_open() {
    let (one, two) = ([message(b'D', b"1")], [message(b'D', b"2")]);
    let (oracle, target) = (trace(&[&one, &two]), trace(&[&two, &one]));
    let closed = Header::default();
    assert!(compare(&oracle, &target, &closed).is_some());
    let open = Header {
        interchangeable: vec![Client::nth(0), Client::nth(1)],
        ..closed
    };
    assert!(compare(&oracle, &target, &open).is_none());
    assert!(compare(&oracle, &trace(&[&two, &two]), &open).is_some());
}

#[test]
fn the_order_of_a_greeting_is_not_promised() {
    let (one, two) = (message(b'S', b"a\x001\0"), message(b'S', b"b\x002\0"));
    let (oracle, target) = (trace(&[&[one.clone(), two.clone()]]), trace(&[&[two, one]]));
    assert!(compare(&oracle, &target, &Header::default()).is_none());
}
