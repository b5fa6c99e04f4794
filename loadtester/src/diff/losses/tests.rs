use super::*;

/// Step, step and kind of each loss, and its name.
fn check(script: &str, expected: &[(usize, usize, Left, &str)]) {
    let session = Session::parse(script, "test").expect("a script");
    let losses = losses(&session);
    let found: Vec<_> = losses
        .iter()
        .map(|loss| (loss.step, loss.relied_on, loss.what, loss.name.as_str()))
        .collect();
    assert_eq!(found, expected, "{script}");
}

#[test]
fn what_is_relied_on_later_is_lost() {
    for (leaves, uses, what, name) in [
        (
            "SET work_mem = '1MB'",
            "SELECT 1",
            Left::Setting,
            "work_mem",
        ),
        (
            "SELECT set_config('a.b', 'c', false)",
            "SELECT 1",
            Left::Setting,
            "a.b",
        ),
        ("SET ROLE joe", "SELECT 1", Left::Role, "joe"),
        ("SELECT pg_advisory_lock(1)", "SELECT 1", Left::Lock, ""),
        (
            "SELECT pg_try_advisory_lock(1)",
            "SELECT pg_advisory_unlock(1)",
            Left::Lock,
            "",
        ),
        ("LISTEN c", "SELECT 1", Left::Channel, "c"),
        (
            "CREATE TEMP TABLE IF NOT EXISTS x (a int)",
            "SELECT * FROM x",
            Left::TemporaryTable,
            "x",
        ),
        (
            "SELECT 1 AS a INTO TEMPORARY TABLE \\\"X\\\"",
            "TABLE \\\"X\\\"",
            Left::TemporaryTable,
            "X",
        ),
        ("PREPARE p AS SELECT 1", "EXECUTE p", Left::Prepared, "p"),
        (
            "DECLARE k CURSOR WITH HOLD FOR SELECT 1",
            "FETCH NEXT FROM k",
            Left::Cursor,
            "k",
        ),
        (
            "INSERT INTO t VALUES (1)",
            "SELECT lastval()",
            Left::Sequence,
            "",
        ),
    ] {
        let later = format!("A: Query \"{leaves}\"\nA: wait\nA: Query \"{uses}\"\nA: wait\n");
        check(&later, &[(1, 3, what, name)]);
        let alone = format!("A: Query \"{leaves}\"\nB: Query \"{uses}\"\n");
        check(&alone, &[]);
        if what != Left::Cursor {
            let within = format!("A: Query \"BEGIN\"\nA: Query \"{leaves}; {uses}; COMMIT\"\n");
            check(&within, &[]);
        }
    }
}

#[test]
fn what_ends_with_its_transaction_is_no_loss() {
    for leaves in [
        "SET LOCAL work_mem = '1MB'",
        "SET TimeZone = 'UTC'",
        "SET TRANSACTION READ ONLY",
        "SELECT set_config('a.b', 'c', true)",
        "SELECT pg_advisory_xact_lock(1)",
        "CREATE TEMP TABLE x (a int) ON COMMIT DROP",
        "SELECT 'SET work_mem = 1; LISTEN c'",
        "SET work_mem = '1MB'; RESET work_mem",
        "LISTEN c; DISCARD ALL",
    ] {
        let script = format!("A: Query \"{leaves}\"\nA: Query \"SELECT a FROM x\"\n");
        check(&script, &[]);
    }
    check(
        "A: Query \"BEGIN; SET work_mem = '1MB'; ROLLBACK\"\nA: Query \"SELECT 1\"\n",
        &[],
    );
    check(
        "A: Query \"SET work_mem = '1MB'\"\nA: disconnect\nA: connect\nA: Query \"SELECT 1\"\n",
        &[],
    );
}

#[test]
fn statements_of_the_protocol_are_followed() {
    check(
        "A: Parse s \"SELECT 1\" | Sync\nA: Bind \"\" s | Execute | Sync\n",
        &[(1, 2, Left::Statement, "s")],
    );
    check(
        "A: Parse \"\" \"SELECT 1\" | Sync\nA: Bind \"\" \"\" | Execute | Sync\n",
        &[(1, 2, Left::Unnamed, "")],
    );
    check(
        "A: Parse \"\" \"LISTEN c\" | Bind \"\" \"\" | Execute | Sync\nA: wait NotificationResponse 1\n",
        &[(1, 2, Left::Channel, "c")],
    );
}

#[test]
fn a_loss_is_told_once_and_in_words() {
    let script = "A: Query \"SET a.b = 1\"\nA: Query \"SELECT 1\"\nA: Query \"SELECT 2\"\n";
    let session = Session::parse(script, "test").expect("a script");
    let losses: Vec<String> = losses(&session).iter().map(ToString::to_string).collect();
    assert_eq!(
        losses,
        [
            "A, step 1: the setting a.b is relied on in a later transaction (step 2): later \
             transactions may not find it, or others may; set it with SET LOCAL in each \
             transaction, with ALTER ROLE … SET, or for the whole pool"
        ]
    );
}
