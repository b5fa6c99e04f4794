//! Recording what real applications say, and performing it again: on PostgreSQL without a difference, in
//! front of a pool in transaction mode with what the application loses.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of a test fails the test"
)]

mod applications;
mod site;

use std::fs;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use poolproof::{
    diff::{Ending, columns, compare, losses},
    record::{Literals, Tape},
};
use poolproof_scenarios::Session;

use applications::Application;
use site::Site;

/// Records what `application` says, as it is read back from the file.
fn recorded(site: &Site, literals: Literals, application: Application) -> Session {
    let text = site.record(Tape::new(literals), application);
    assert!(!text.contains(site.password()), "{text}");
    Session::parse(&text, "recorded").unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Performs a session on PostgreSQL twice: it comes to its end, and the same comes of it.
fn replays_alike(site: &Site, session: &Session) {
    let [first, second] = site.perform_twice(session);
    assert_eq!(first.ending, Ending::Complete, "{session}");
    let difference = compare(&first, &second, &session.header);
    let shown = columns(("first", "second"), &first, &second, difference.as_ref());
    assert_eq!(difference, None, "{shown}");
}

#[test]
fn what_applications_say_is_recorded_and_replays_alike() {
    let site = Site::start();
    for (name, application) in [
        ("psql", applications::psql as Application),
        ("pgbench", applications::pgbench),
        ("tokio-postgres", applications::tokio_postgres),
        ("sqlx", applications::sqlx),
    ] {
        let session = recorded(&site, Literals::Kept, application);
        assert!(session.steps.len() > 5, "{name}: {session}");
        replays_alike(&site, &session);
    }
}

#[test]
fn literals_are_masked_on_request() {
    let site = Site::start();
    let session = recorded(&site, Literals::Masked, applications::psql);
    let text = session.to_string();
    assert!(!text.contains("apple"), "{text}");
    replays_alike(&site, &session);
}

#[test]
fn what_an_application_would_lose_is_said_in_words() {
    let site = Site::start();
    let session = recorded(&site, Literals::Kept, applications::leaves_things);
    replays_alike(&site, &session);
    let words: Vec<String> = losses(&session).iter().map(ToString::to_string).collect();
    for (lost, name) in [
        ("the setting", "statement_timeout"),
        ("the temporary table", "basket"),
        ("LISTEN", "news"),
        ("the advisory lock", ""),
    ] {
        let sought = format!("{lost} {name}");
        let found = words.iter().any(|words| words.contains(sought.trim_end()));
        assert!(found, "{sought}: {words:#?}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.session"), session.to_string()).expect("a file");
    let replay = |target: &str| {
        site::poolproof()
            .args(["diff", "--no-progress", "--targets", target, "--replay"])
            .arg(folder.path())
            .arg("--out")
            .arg(folder.path().join("out"))
            .output()
            .expect("a run")
    };
    let direct = replay("direct");
    assert_eq!(direct.status.code(), Some(0), "{direct:?}");
    let proxy = replay("proxy");
    let said = String::from_utf8_lossy(&proxy.stdout);
    assert_eq!(proxy.status.code(), Some(1), "{said}");
    assert!(said.contains("relies on what transaction pooling does not promise"));
    assert!(said.contains("LISTEN news is relied on"), "{said}");
}

#[test]
fn a_recording_ends_with_a_file() {
    let site = Site::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (mut recorder, address) = site.recorder(folder.path());
    site.wait_for(applications::psql(address));
    let pid = i32::try_from(recorder.id()).expect("a process number");
    kill(Pid::from_raw(pid), Signal::SIGINT).expect("a signal");
    let status = recorder.wait().expect("its end");
    assert_eq!(status.code(), Some(0));
    let files = fs::read_dir(folder.path()).expect("the folder");
    let files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    let [file] = files.as_slice() else {
        panic!("{files:?}");
    };
    let text = fs::read_to_string(file).expect("a script");
    let session = Session::parse(&text, "recorded").expect("a script");
    assert!(text.contains("COPY fruit"), "{text}");
    replays_alike(&site, &session);
}
