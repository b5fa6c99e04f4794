use super::*;

const LIMITS: Limits = Limits {
    failures: 3,
    timeout: Duration::from_secs(30),
};

/// Plays `events`, each at a second, and writes the state after each: `f` is an attempt that
/// failed, `s` one that succeeded, `l` a lost connection, `?` somebody who asks to try.
fn play(limits: Limits, events: &[(u64, char)]) -> String {
    let began = Instant::now();
    let mut circuit = Circuit::NEW;
    let mut story = Vec::new();
    for (second, event) in events {
        let now = began + Duration::from_secs(*second);
        let said = match event {
            'f' => {
                circuit.failed(limits, now, now);
                String::new()
            }
            's' => {
                circuit.succeeded();
                String::new()
            }
            'l' => {
                circuit.lost();
                String::new()
            }
            _ => match circuit.ask(limits, now) {
                Permit::Granted => "yes ".to_owned(),
                Permit::Refused(time) => format!("no:{} ", time.as_secs()),
            },
        };
        story.push(format!("{said}{}", circuit.state(now).as_str()));
    }
    story.join(", ")
}

#[track_caller]
fn check(events: &[(u64, char)], expected: &str) {
    assert_eq!(play(LIMITS, events), expected);
}

#[test]
fn three_failures_in_a_row_open_it() {
    check(
        &[(0, 'f'), (0, 'f'), (0, '?'), (1, 'f'), (2, '?')],
        "closed, closed, yes closed, open, no:29 open",
    );
}

#[test]
fn a_success_in_between_starts_the_count_anew() {
    check(
        &[(0, 'f'), (0, 'f'), (0, 's'), (0, 'f'), (0, 'f')],
        "closed, closed, closed, closed, closed",
    );
}

#[test]
fn after_the_timeout_there_is_one_probe() {
    check(
        &[
            (0, 'f'),
            (0, 'f'),
            (0, 'f'),
            (29, '?'),
            (30, '?'),
            (30, '?'),
        ],
        "closed, closed, open, no:1 open, yes half-open, no:30 half-open",
    );
}

#[test]
fn a_probe_that_succeeds_closes_it_and_one_that_fails_opens_it() {
    let opened = [(0, 'f'), (0, 'f'), (0, 'f'), (30, '?')];
    let told = |event| play(LIMITS, &[&opened[..], &[(31, event), (32, '?')]].concat());
    let before = "closed, closed, open, yes half-open, ";
    assert_eq!(told('s'), format!("{before}closed, yes closed"));
    assert_eq!(told('f'), format!("{before}open, no:29 open"));
}

#[test]
fn a_probe_that_nothing_is_heard_of_makes_room_for_another() {
    check(
        &[
            (0, 'f'),
            (0, 'f'),
            (0, 'f'),
            (30, '?'),
            (59, '?'),
            (60, '?'),
        ],
        "closed, closed, open, yes half-open, no:1 half-open, yes half-open",
    );
}

#[test]
fn attempts_under_way_when_it_opened_do_not_lengthen_it() {
    check(
        &[(0, 'f'), (0, 'f'), (0, 'f'), (10, 'f'), (30, '?')],
        "closed, closed, open, open, yes half-open",
    );
}

#[test]
fn lost_connections_count_once_between_attempts() {
    check(
        &[(0, 'l'), (0, 'l'), (0, 'l'), (0, '?'), (0, 'f'), (1, 'f')],
        "closed, closed, closed, yes closed, closed, open",
    );
    check(
        &[(0, 'l'), (0, 'f'), (0, 'l'), (0, 'l'), (0, '?'), (1, 'f')],
        "closed, closed, closed, closed, yes closed, open",
    );
    check(
        &[(0, 'l'), (0, 'f'), (0, 's'), (0, 'l'), (0, 'f')],
        "closed, closed, closed, closed, closed",
    );
}

#[test]
fn attempts_that_were_under_way_together_fail_once() {
    let began = Instant::now();
    let at = |second| began + Duration::from_secs(second);
    let mut circuit = Circuit::NEW;
    // Ten servers are asked for at once, and again a second later; PostgreSQL is away for both.
    for (start, opens) in [(0, false), (2, false), (4, true)] {
        for _ in 0..10 {
            let opened = circuit.failed(LIMITS, at(start), at(start + 1));
            assert!(!opened || opens, "those of second {start}");
        }
        let expected = if opens { State::Open } else { State::Closed };
        assert_eq!(circuit.state(at(start + 1)), expected);
    }
}

#[test]
fn zero_failures_switch_it_off() {
    let off = Limits {
        failures: 0,
        ..LIMITS
    };
    let story = play(off, &[(0, 'f'); 5]);
    assert_eq!(story, ["closed"; 5].join(", "));
}

#[test]
fn addresses_do_not_fill_the_memory() {
    let circuits = Circuits::default();
    let address = |port: u16| ServerAddress::Tcp(([127, 0, 0, 1], port).into());
    for _ in 0..3 {
        circuits.failed(&address(1), LIMITS, Instant::now(), "refused");
    }
    for port in 2..3000 {
        circuits.succeeded(&address(port));
    }
    let views = circuits.view(Instant::now());
    assert!(views.len() <= ADDRESSES_MAX);
    let open = views.iter().find(|view| view.address == address(1));
    let open = open.expect("what is open is not forgotten");
    assert_eq!((open.state, open.opened), (State::Open, 1));
    assert_eq!(open.last_error.as_deref(), Some("refused"));
}
