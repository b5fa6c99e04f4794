use super::*;

const STARTUP: &[u8] = b"user\0me\0application_name\0test\0\0";

fn say(tape: &mut Tape, client: &Client, messages: &[(u8, &'static [u8])]) {
    for (tag, body) in messages {
        tape.says(client, *tag, &Bytes::from_static(body));
    }
    tape.sends(client);
}

fn connect(tape: &mut Tape) -> Client {
    let client = tape.connects(&Bytes::from_static(STARTUP));
    tape.answered(&client, b'I');
    client
}

#[test]
fn what_two_clients_say_keeps_its_order() {
    let mut tape = Tape::new(Literals::Kept);
    let (a, b) = (connect(&mut tape), connect(&mut tape));
    say(&mut tape, &a, &[(b'Q', b"BEGIN\0")]);
    tape.answered(&a, b'T');
    say(&mut tape, &b, &[(b'Q', b"SELECT 1\0")]);
    tape.cancels(&b);
    tape.answered(&b, b'I');
    say(&mut tape, &a, &[(b'P', b"\0SELECT 2\0\0\0"), (b'S', b"")]);
    tape.answered(&a, b'T');
    tape.leaves(&a);
    say(&mut tape, &b, &[(b'X', b"")]);
    tape.closed(&b);
    let expected = "\
about: test
pool: 2
fixture: none

A: connect application_name=\"test\"
B: connect application_name=\"test\"
A: Query \"BEGIN\"
A: wait
B: Query \"SELECT 1\"
B: cancel
B: wait
A: Parse \"\" \"SELECT 2\" | Sync
A: wait
A: disconnect
B: Terminate
";
    assert_eq!(tape.session("test").to_string(), expected);
}

/// A replay logs in with credentials of its own, so that a refusal would be waited for in vain.
#[test]
fn who_never_logged_in_is_not_in_the_script() {
    let mut tape = Tape::new(Literals::Kept);
    let refused = tape.connects(&Bytes::from_static(STARTUP));
    tape.closed(&refused);
    assert!(tape.is_empty());
    let welcome = connect(&mut tape);
    let gone = tape.connects(&Bytes::from_static(STARTUP));
    tape.leaves(&gone);
    let late = tape.connects(&Bytes::from_static(STARTUP));
    say(&mut tape, &welcome, &[(b'Q', b"SELECT 1\0")]);
    tape.answered(&welcome, b'I');
    tape.leaves(&welcome);
    assert_eq!((tape.clients(), tape.strangers()), (1, 3), "{late:?}");
    let expected = "\
about: test
pool: 1
fixture: none

B: connect application_name=\"test\"
B: Query \"SELECT 1\"
B: wait
B: disconnect
";
    assert_eq!(tape.session("test").to_string(), expected);
}

#[test]
fn reads_that_cut_a_write_make_one_step() {
    let mut tape = Tape::new(Literals::Kept);
    let a = connect(&mut tape);
    say(&mut tape, &a, &[(b'Q', b"COPY t FROM STDIN\0")]);
    tape.invited(&a);
    say(&mut tape, &a, &[(b'd', b"1\n")]);
    say(&mut tape, &a, &[(b'd', b"2\n"), (b'c', b"")]);
    tape.answered(&a, b'I');
    let script = tape.session("").to_string();
    let steps: Vec<&str> = script.lines().skip(4).collect();
    assert_eq!(
        steps,
        [
            "A: Query \"COPY t FROM STDIN\"",
            "A: wait",
            "A: CopyData \"1\\n2\\n\" | CopyDone",
            "A: wait"
        ]
    );
}

#[test]
fn a_password_that_is_bound_is_masked() {
    let mut tape = Tape::new(Literals::Kept);
    let a = connect(&mut tape);
    say(
        &mut tape,
        &a,
        &[
            (b'P', b"s\0UPDATE u SET a = $1, password = $2\0\0\0"),
            (b'B', b"\0s\0\0\0\0\x02\0\0\0\x03Ann\0\0\0\x06sesame\0\0"),
        ],
    );
    let script = tape.session("").to_string();
    assert!(script.contains(r#"("Ann", "********")"#), "{script}");
    assert!(!script.contains("sesame"), "{script}");
}

#[test]
fn what_does_not_fit_is_left_out() {
    let mut tape = Tape::new(Literals::Kept);
    let a = connect(&mut tape);
    tape.says(&a, b'd', &Bytes::from(vec![0; BYTES_MAX + 1]));
    tape.sends(&a);
    assert!(tape.is_full());
    assert_eq!(tape.session("").steps.len(), 1);
}
