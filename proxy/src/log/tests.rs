//! Lines as they reach a file.

use super::*;

/// Runs `events` with a log that goes to a file; gives the lines without their times.
fn logged(verbose: u32, events: impl FnOnce(&Sink)) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let sink = Arc::new(Sink::open(Console::Quiet, Some(&path)).unwrap());
    let lines = tracing_subscriber::fmt::layer()
        .event_format(line::PgBouncerLine)
        .with_writer(Arc::clone(&sink));
    let subscriber = tracing_subscriber::registry()
        .with(level(verbose))
        .with(lines);
    tracing::subscriber::with_default(subscriber, || events(&sink));
    let text = std::fs::read_to_string(&path).unwrap();
    text.lines()
        .map(|line| line.split_once(" UTC ").unwrap().1.to_owned())
        .collect()
}

#[test]
#[expect(
    clippy::cognitive_complexity,
    reason = "tracing's macros count as branches"
)]
fn lines_are_those_of_pgbouncer() {
    let pid = std::process::id();
    let lines = logged(0, |_| {
        tracing::info!("process up: {}", "poolproof-proxy");
        tracing::warn!(pool = "a/b", size = 3, "server login failed");
        tracing::error!(cause = %"none", "bad\nLOG forged\r\x1b[0m");
        tracing::debug!("not shown");
    });
    assert_eq!(
        lines,
        [
            format!("[{pid}] LOG process up: poolproof-proxy"),
            format!("[{pid}] WARNING server login failed pool=a/b size=3"),
            format!("[{pid}] ERROR bad LOG forged  [0m cause=none"),
        ]
    );
}

#[test]
#[expect(
    clippy::cognitive_complexity,
    reason = "tracing's macros count as branches"
)]
fn verbosity() {
    let count = |verbose| {
        let events = |_: &Sink| {
            tracing::info!("a");
            tracing::debug!("b");
            tracing::trace!("c");
        };
        logged(verbose, events).len()
    };
    assert_eq!([count(0), count(1), count(2), count(9)], [1, 2, 3, 3]);
}

#[test]
fn a_rotated_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let sink = Sink::open(Console::Quiet, Some(&path)).unwrap();
    let write = |words: &str| {
        use std::io::Write;
        (&sink).write_all(words.as_bytes()).unwrap();
    };
    write("one\n");
    std::fs::rename(&path, folder.path().join("log.1")).unwrap();
    write("two\n");
    sink.reopen().unwrap();
    write("three\n");
    assert_eq!(
        std::fs::read_to_string(folder.path().join("log.1")).unwrap(),
        "one\ntwo\n"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let error = Sink::open(Console::Quiet, Some(Path::new("/nonexistent/log"))).unwrap_err();
    let words = "logfile /nonexistent/log cannot be opened for writing: No such file or directory";
    assert!(error.to_string().starts_with(words), "{error}");
}

#[test]
fn causes_are_told_once() {
    #[derive(Debug, thiserror::Error)]
    #[error("login failed: {0}")]
    struct Outer(#[source] std::num::ParseIntError);
    #[derive(Debug, thiserror::Error)]
    #[error("server refused")]
    struct Outermost(#[source] Outer);
    let inner = "x".parse::<u8>().unwrap_err();
    let words = "server refused: login failed: invalid digit found in string";
    assert_eq!(chain(&Outermost(Outer(inner))), words);
}
