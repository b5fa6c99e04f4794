//! Lines as they reach a file.

use super::*;

/// A log that goes to the file at `path`.
fn sink_to(path: &Path, settings: Settings) -> Sink {
    let settings = Settings {
        logfile: Some(path.to_path_buf()),
        ..settings
    };
    Sink::open(Console::Quiet, &settings).unwrap()
}

/// Runs `events` with a log of `sink`.
fn log_to(sink: Sink, verbose: u8, events: impl FnOnce()) {
    let subscriber = tracing_subscriber::registry()
        .with(level(&Settings::default(), verbose))
        .with(Lines(Arc::new(sink)));
    tracing::subscriber::with_default(subscriber, events);
}

/// Runs `events` with a log that goes to a file; gives the lines without their times.
fn logged(verbose: u8, events: impl FnOnce()) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    log_to(sink_to(&path, Settings::default()), verbose, events);
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
    let lines = logged(0, || {
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
        let events = || {
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
    let sink = sink_to(&path, Settings::default());
    sink.line(b"one\n");
    std::fs::rename(&path, folder.path().join("log.1")).unwrap();
    sink.line(b"two\n");
    sink.reopen().unwrap();
    sink.line(b"three\n");
    assert_eq!(
        std::fs::read_to_string(folder.path().join("log.1")).unwrap(),
        "one\ntwo\n"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
}

#[test]
fn a_reload_moves_the_log_and_one_that_is_wrong_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    let sink = sink_to(&one, Settings::default());
    let to = |path: &Path| Settings {
        logfile: Some(path.to_path_buf()),
        ..Settings::default()
    };
    sink.configure(&to(Path::new("/nonexistent/log")));
    sink.line(b"first\n");
    sink.configure(&to(&two));
    sink.line(b"second\n");
    assert_eq!(std::fs::read_to_string(&one).unwrap(), "first\n");
    assert_eq!(std::fs::read_to_string(&two).unwrap(), "second\n");
}

#[test]
fn json_lines_are_objects_whatever_clients_send() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let settings = Settings {
        log_format: crate::config::LogFormat::Json,
        job_name: "pool-1".to_owned(),
        ..Settings::default()
    };
    log_to(sink_to(&path, settings), 0, || {
        tracing::info!(
            conn = "C-0x1",
            database = "a\"b",
            user = "u\n",
            address = "unix",
            size = 3,
            "closing because: \u{1b}[0m (age=0s)"
        );
    });
    let text = std::fs::read_to_string(&path).unwrap();
    let line: serde_json::Value = serde_json::from_str(text.strip_suffix('\n').unwrap()).unwrap();
    let time = line["time"].as_str().unwrap();
    assert!(time.parse::<jiff::Timestamp>().is_ok(), "{time}");
    let expected = serde_json::json!({
        "time": time, "job": "pool-1", "pid": std::process::id(), "level": "LOG",
        "message": "closing because: \u{1b}[0m (age=0s)", "connection": "C-0x1",
        "database": "a\"b", "user": "u\n", "address": "unix", "size": "3",
    });
    assert_eq!(line, expected);
}

#[test]
fn syslog_gets_the_words_without_time_and_level() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("devlog");
    let daemon = std::os::unix::net::UnixDatagram::bind(&socket).unwrap();
    let settings = Settings {
        syslog: true,
        syslog_ident: "pool".to_owned(),
        syslog_facility: crate::config::Facility::Local0,
        ..Settings::default()
    };
    let sink = Sink::open(Console::Quiet, &settings).unwrap();
    log_to(sink.with_syslog_at(&socket), 0, || {
        tracing::warn!(
            conn = "S-0x2",
            database = "d",
            user = "u",
            address = "1.2.3.4:5",
            "lost"
        );
    });
    let mut buffer = [0; 256];
    let len = daemon.recv(&mut buffer).unwrap();
    let line = String::from_utf8_lossy(&buffer[..len]);
    assert!(line.starts_with("<132>"), "{line}");
    let words = format!("pool[{}]: S-0x2: d/u@1.2.3.4:5 lost", std::process::id());
    assert!(line.ends_with(&words), "{line}");
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let settings = Settings {
        logfile: Some("/nonexistent/log".into()),
        ..Settings::default()
    };
    let error = Sink::open(Console::Quiet, &settings).unwrap_err();
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
