use super::*;

#[track_caller]
fn check(text: &str, expected: Command) {
    assert_eq!(parse(text), Some(expected), "{text}");
}

fn set(key: &str, value: &str) -> Command {
    Command::Set {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

fn db(name: &str) -> Option<String> {
    Some(name.to_owned())
}

#[test]
fn every_show_has_a_word() {
    for show in Show::ALL {
        check(&format!("SHOW {}", show.word()), Command::Show(*show));
        let loud = format!("  show   {} ; ", show.word().to_uppercase());
        check(&loud, Command::Show(*show));
    }
}

#[test]
fn orders() {
    check("pause", Command::Pause(None));
    check("PAUSE foo;", Command::Pause(db("foo")));
    check("RESUME \"a \"\"b\"", Command::Resume(db("a \"b")));
    check("DISABLE Foo", Command::Disable(db("Foo")));
    check("DISABLE", Command::Disable(None));
    check("ENABLE foo", Command::Enable(db("foo")));
    check("RECONNECT", Command::Reconnect(None));
    check("KILL foo", Command::Kill(db("foo")));
    check("KILL_CLIENT 17", Command::KillClient(db("17")));
    check("WAIT_CLOSE foo", Command::WaitClose(db("foo")));
    check("suspend", Command::Suspend);
    check("RELOAD", Command::Reload);
    check("SHUTDOWN", Command::Shutdown(Stop::Immediate));
    check(
        "SHUTDOWN wait_for_servers",
        Command::Shutdown(Stop::WaitForServers),
    );
    check(
        "SHUTDOWN WAIT_FOR_CLIENTS",
        Command::Shutdown(Stop::WaitForClients),
    );
}

#[test]
fn settings() {
    check("SET pool_mode=session", set("pool_mode", "session"));
    check("set POOL_MODE = 'session' ;", set("pool_mode", "session"));
    check("SET default_pool_size TO 5", set("default_pool_size", "5"));
    check(
        "SET server_reset_query = 'DISCARD ALL; SELECT ''x'''",
        set("server_reset_query", "DISCARD ALL; SELECT 'x'"),
    );
    check("SET auth_user=", set("auth_user", ""));
}

/// PgBouncer 1.24.1 calls each of these an invalid command.
#[test]
fn what_is_no_command() {
    for text in [
        "",
        ";",
        "foo",
        "select 1",
        "select 'x",
        "SHOW",
        "SHOW nope",
        "SHOW STATS x",
        "SHOW VERSION; SHOW STATE",
        "RELOAD x",
        "SET",
        "SET a b",
        "SHUTDOWN NOPE",
        "pause foo bar",
        "= =",
    ] {
        assert_eq!(parse(text), None, "{text}");
    }
}

#[test]
fn looking_needs_no_admin() {
    for show in Show::ALL {
        let needs = Command::Show(*show).needs_admin();
        // Descriptors come with secrets in PgBouncer.
        assert_eq!(needs, *show == Show::Fds, "{show:?}");
    }
    assert!(Command::Reload.needs_admin());
    assert!(set("a", "b").needs_admin());
}

proptest::proptest! {
    /// Whatever is typed is a command or none.
    #[test]
    fn any_text_is_answered(text: String) {
        let _ = parse(&text);
    }

    /// Quotes and blanks keep their sense wherever they stand.
    #[test]
    fn any_words_in_quotes_are_taken_as_they_are(value in "[^']*") {
        let found = parse(&format!("SET k = '{value}'"));
        let key = "k".to_owned();
        proptest::prop_assert_eq!(found, Some(Command::Set { key, value }));
    }
}
