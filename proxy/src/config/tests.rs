//! Whole configurations: what is read, what is refused, and what is warned about.

use std::fs;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::section::{Change, Section};
use super::*;

mod documentation;

/// Reads `text` as `pgbouncer.ini`, which has somewhere to listen and needs no users.
fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::parse(Path::new("pgbouncer.ini"), text)
}

fn check_errors(text: &str, expected: &Expect) {
    expected.assert_eq(&parse(text).unwrap_err().to_string());
}

fn check_warnings(text: &str, expected: &Expect) {
    let config = parse(text).unwrap();
    let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    expected.assert_eq(&warnings.join("\n"));
}

#[test]
fn a_whole_configuration() {
    let config = parse(
        "[databases]\n\
         shop = host=10.0.0.1,/run/pg port=5433 dbname=store user=app password='it''s' pool_size=7\n\
         * = host=localhost\n\
         [users]\n\
         bob = pool_mode=session\n\
         [peers]\n\
         3 = host=/tmp/peer3\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1, *\n\
         pool_mode = transaction\n\
         auth_type = any\n\
         query_wait_timeout = 0.5\n\
         query_timeout = 0\n\
         ignore_startup_parameters = extra_float_digits, options\n\
         worker_threads = 4\n",
    )
    .unwrap();
    let Config {
        settings,
        databases,
        users,
        peers,
        ..
    } = &config;
    assert_eq!(
        settings.listen_addr,
        [ListenHost::Named("127.0.0.1".to_owned()), ListenHost::Any]
    );
    assert_eq!(settings.pool_mode, PoolMode::Transaction);
    assert_eq!(
        settings.query_wait_timeout.get(),
        Some(Duration::from_millis(500))
    );
    assert_eq!(settings.query_timeout.get(), None);
    assert!(settings.ignore_startup_parameters.contains("options"));
    assert_eq!(settings.worker_threads, 4);

    let shop = databases.lookup("shop").unwrap();
    let hosts = [
        ServerHost::Tcp("10.0.0.1".to_owned()),
        ServerHost::Directory(PathBuf::from("/run/pg")),
    ];
    assert_eq!(shop.connect.host, hosts);
    assert_eq!((shop.connect.port, shop.connect.pool_size), (5433, Some(7)));
    assert_eq!(shop.server_name("shop"), "store");
    assert_eq!(
        shop.connect.password.as_ref().map(Secret::reveal),
        Some("it's")
    );
    assert!(config.server_credential(shop, "app").is_some());

    let other = databases.lookup("other").unwrap();
    assert_eq!(
        (other.name.as_str(), other.server_name("other")),
        ("*", "other")
    );
    assert_eq!(other.connect.port, 5432);
    assert!(config.server_credential(other, "app").is_none());
    assert_eq!(databases.iter().count(), 2);

    assert_eq!(users["bob"].pool_mode, Some(PoolMode::Session));
    assert_eq!(
        peers[&3].host,
        [ServerHost::Directory(PathBuf::from("/tmp/peer3"))]
    );
}

#[test]
fn the_last_of_several_sections_and_keys_wins() {
    let config = parse(
        "[pgbouncer]\nauth_type=any\npool_mode=session\ndefault_pool_size=3\n\
         [databases]\na = host=x\n\
         [pgbouncer]\npool_mode=transaction\n\
         [databases]\na = host=y\n",
    )
    .unwrap();
    assert_eq!(config.settings.pool_mode, PoolMode::Transaction);
    assert_eq!(config.settings.default_pool_size, 3);
    let a = config.databases.lookup("a").unwrap();
    assert_eq!(a.connect.host, [ServerHost::Tcp("y".to_owned())]);
}

#[test]
fn every_error_of_a_file_is_reported_with_its_place() {
    check_errors(
        "loose = 1\n\
         [pgbouncer]\n\
         pool_mod = transaction\n\
         pool_mode = 'session'\n\
         default_pool_size = 1x\n\
         query_timeout = -1\n\
         listen_port = 65536\n\
         unix_socket_mode = 0999\n\
         log_stats = maybe\n\
         POOL_MODE = session\n\
         zzz = 1\n\
         [database]\n\
         a = host=x\n\
         b = host=x\n\
         [databases]\n\
         a = hosst=x port=y\n\
         pgbouncer = host=x\n\
         b = host=x,,y\n\
         c = host\n\
         [users]\n\
         u = pool_mode=x\n\
         [peers]\n\
         0 = host=x\n\
         junk\n",
        &expect![[r#"
            pgbouncer.ini:24:5: expected = after junk, got the end of the line
            pgbouncer.ini:1:1: expected [section] before loose
            pgbouncer.ini:3:1: unknown parameter pool_mod; did you mean pool_mode?
            pgbouncer.ini:4:13: pool_mode: expected session, transaction or statement, got "'session'"
            pgbouncer.ini:5:21: default_pool_size: expected a whole number from 0 to 2147483647, got "1x"
            pgbouncer.ini:6:17: query_timeout: expected seconds, such as 15 or 0.5, got "-1"
            pgbouncer.ini:7:15: listen_port: expected a whole number from 0 to 65535, got "65536"
            pgbouncer.ini:8:20: unix_socket_mode: expected permission bits in octal, such as 0777, got "0999"
            pgbouncer.ini:9:13: log_stats: expected 0 or 1 (also off/on, no/yes, false/true), got "maybe"
            pgbouncer.ini:10:1: unknown parameter POOL_MODE; did you mean pool_mode?
            pgbouncer.ini:11:1: unknown parameter zzz
            pgbouncer.ini:12:2: expected section pgbouncer, databases, users or peers, got database; did you mean databases?
            pgbouncer.ini:16:5: unknown parameter hosst; did you mean host?
            pgbouncer.ini:16:18: port: expected a whole number from 0 to 65535, got "y"
            pgbouncer.ini:17:1: expected a database name, got pgbouncer, the admin console's
            pgbouncer.ini:18:10: host: expected hosts separated by commas, none of them empty, got "x,,y"
            pgbouncer.ini:19:5: expected key=value, got host
            pgbouncer.ini:21:15: pool_mode: expected session, transaction or statement, got "x"
            pgbouncer.ini:23:1: expected a peer_id, a number from 1 to 16383, got 0"#]],
    );
}

#[test]
fn what_cannot_work_is_refused() {
    check_errors(
        "[pgbouncer]\nauth_type = hba\n",
        &expect!["pgbouncer.ini:2:13: auth_type: hba needs auth_hba_file, which is not set"],
    );
    check_errors(
        "[pgbouncer]\nauth_type = ldap\n",
        &expect![
            "pgbouncer.ini:2:13: auth_type: ldap is not supported: use scram-sha-256, or auth_query"
        ],
    );
    check_errors(
        "[pgbouncer]\nauth_type = cert\n",
        &expect![
            "pgbouncer.ini:2:13: auth_type: cert needs client_tls_sslmode verify-ca or verify-full"
        ],
    );
    check_errors(
        "[pgbouncer]\nauth_type = any\nclient_tls_sslmode = require\nserver_tls_sslmode = verify-full\n",
        &expect![[r#"
            pgbouncer.ini:3:22: client_tls_sslmode needs client_tls_cert_file, which is not set
            pgbouncer.ini:4:22: server_tls_sslmode needs server_tls_ca_file, which is not set"#]],
    );
    check_errors(
        "[pgbouncer]\nauth_type = any\nunix_socket_dir =\n",
        &expect![
            "pgbouncer.ini:1:1: nowhere to listen on: expected listen_addr or unix_socket_dir to be set"
        ],
    );
    check_errors(
        "[pgbouncer]\nauth_file = /nonexistent/users\n",
        &expect![
            "pgbouncer.ini:2:13: auth_file /nonexistent/users cannot be read: No such file or directory (os error 2)"
        ],
    );
}

#[test]
fn what_is_not_acted_on_is_warned_about() {
    check_warnings(
        "[pgbouncer]\nauth_type = any\npkt_buf = 8192\nservice_name = x\nverbose = 1\n\
         [databases]\na = host=x reserve_pool=3 pool_mode=Statement\n",
        &expect![
            "pgbouncer.ini:3:1: pkt_buf is ignored: it tunes the event loop of PgBouncer, which this pooler lacks"
        ],
    );
    check_warnings(
        "[pgbouncer]\n",
        &expect![
            "pgbouncer.ini:1:1: no user can log in: auth_type md5 takes its users from auth_file, which is not set"
        ],
    );
}

#[test]
fn a_password_is_never_shown() {
    let config = parse("[pgbouncer]\nauth_type=any\n[databases]\na = password=geheim\n").unwrap();
    assert!(!format!("{config:?}").contains("geheim"));
    let connect = &config.databases.lookup("a").unwrap().connect;
    let shown = ConnectString::KEYS
        .iter()
        .map(|key| (key.show)(connect))
        .collect::<String>();
    assert!(!shown.contains("geheim"), "{shown}");
}

/// A folder with files, and the path of the first.
fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let text = text.replace("DIR", folder.path().to_str().unwrap());
        fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().join(files[0].0);
    (folder, path)
}

/// What loading says, the folder's name replaced by DIR.
fn errors_of(files: &[(&str, &str)]) -> String {
    let (folder, path) = folder(files);
    let errors = Config::load(&path).unwrap_err().to_string();
    errors.replace(folder.path().to_str().unwrap(), "DIR")
}

#[test]
fn included_files_are_read_in_their_place() {
    let (_folder, path) = folder(&[
        (
            "main.ini",
            "[databases]\n%include DIR/more.ini\nb = host=x\n",
        ),
        (
            "more.ini",
            "a = host=x\n[pgbouncer]\nauth_type=trust\nauth_file=DIR/users\n[databases]\n",
        ),
        ("users", "\"bob\" \"geheim\"\n\"bob\" \"besser\"\n"),
    ]);
    let config = Config::load(&path).unwrap();
    assert!(config.databases.lookup("a").is_some() && config.databases.lookup("b").is_some());
    assert_eq!(config.path, path);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    use crate::auth::credential::Stored;
    let bob = &config.credentials.lookup("bob").unwrap().stored;
    assert_eq!(*bob, Stored::Plain(Secret::new("besser")));
    assert!(config.credentials.lookup("eve").is_none());
}

#[test]
fn faults_in_included_files_are_found_there() {
    let check = |files: &[(&str, &str)], expected: &Expect| expected.assert_eq(&errors_of(files));
    check(
        &[
            (
                "main.ini",
                "[pgbouncer]\nauth_type=any\n%include DIR/more.ini\nx=1\n",
            ),
            ("more.ini", "auth_type=any\ny = 1\n%include DIR/none.ini\n"),
        ],
        &expect![[r#"
            DIR/more.ini:3:10: DIR/none.ini cannot be read: No such file or directory (os error 2)
            DIR/more.ini:2:1: unknown parameter y
            DIR/main.ini:4:1: unknown parameter x"#]],
    );
    check(
        &[("main.ini", "%include DIR/main.ini\n")],
        &expect!["DIR/main.ini:1:10: DIR/main.ini is included more than 10 levels deep"],
    );
    check(
        &[
            ("main.ini", "[pgbouncer]\nauth_file = DIR/users\n"),
            ("users", "bob geheim\n"),
        ],
        &expect!["DIR/users:1:1: expected a user name in double quotes"],
    );
}

#[test]
fn files_that_include_each_other_twice_come_to_an_end() {
    let text = "%include DIR/main.ini\n%include DIR/main.ini\n";
    let errors = errors_of(&[("main.ini", text)]);
    assert!(
        errors.lines().count() <= 1_000,
        "{} errors",
        errors.lines().count()
    );
    assert!(
        errors.contains("is one of more than 1000 included files"),
        "{errors}"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let error = Config::load(Path::new("/nonexistent/x.ini"))
        .unwrap_err()
        .to_string();
    let expected = "/nonexistent/x.ini:1:1: the file cannot be read: No such file or directory";
    assert!(error.starts_with(expected), "{error}");

    let (_folder, path) = folder(&[("main.ini", "")]);
    fs::write(&path, b"[pgbouncer]\n; \xff\n").unwrap();
    let error = Config::load(&path).unwrap_err().to_string();
    assert!(
        error.ends_with("main.ini:1:1: the file is not UTF-8 in line 2"),
        "{error}"
    );
}

/// What `SHOW CONFIG` prints can be read again, for every key of a section.
fn shown_defaults_are_read_again<S: Section + PartialEq + std::fmt::Debug>() {
    for key in S::KEYS {
        let mut section = S::default();
        let shown = (key.show)(&section);
        assert_eq!(
            (key.parse)(&mut section, &shown),
            Ok(()),
            "{} = {shown}",
            key.name
        );
        assert_eq!(section, S::default(), "{} = {shown}", key.name);
        assert!(
            key.meaning.starts_with(' ') && key.meaning.ends_with('.'),
            "{}",
            key.name
        );
        assert_eq!(S::key(key.name).map(|found| found.name), Some(key.name));
    }
    for (alias, name) in S::ALIASES {
        assert_eq!(S::key(alias).map(|found| found.name), Some(*name));
    }
}

#[test]
fn every_key_can_be_shown_and_read() {
    shown_defaults_are_read_again::<Settings>();
    shown_defaults_are_read_again::<ConnectString>();
    shown_defaults_are_read_again::<UserSettings>();
    shown_defaults_are_read_again::<Peer>();
}

#[test]
fn values_are_read_as_pgbouncer_reads_them() {
    let check = |key: &str, text: &str, shown: Option<&str>| {
        let key = Settings::key(key).unwrap();
        let mut settings = Settings::default();
        let got = (key.parse)(&mut settings, text)
            .ok()
            .map(|()| (key.show)(&settings));
        assert_eq!(got.as_deref(), shown, "{} = {text}", key.name);
    };
    check("pool_mode", "TRANSACTION", Some("transaction"));
    check("default_pool_size", "0x10", Some("16"));
    check("default_pool_size", "", None);
    check("default_pool_size", "2147483648", None);
    check("default_pool_size", "+1", None);
    check("query_timeout", "1.5", Some("1.5"));
    check("query_timeout", "1e2", Some("100"));
    check("query_timeout", "inf", None);
    check("query_timeout", "nan", None);
    check("query_timeout", "1e300", None);
    check("listen_addr", " a ,*,", Some("a,*"));
    check("unix_socket_dir", "@name", Some("@name"));
    check("unix_socket_mode", "0700", Some("0700"));
    check("unix_socket_mode", "", None);
    check("admin_users", "a, b", Some("a,b"));
    check("auth_file", "", Some(""));
    check("tcp_user_timeout", "250", Some("250"));
}

#[test]
fn only_what_a_socket_or_a_thread_was_made_for_needs_a_restart() {
    let restart: Vec<&str> = Settings::KEYS
        .iter()
        .filter(|key| key.change == Change::Restart)
        .map(|key| key.name)
        .collect();
    // PgBouncer 1.18's own «no» in SHOW CONFIG, and what came after it or is ours.
    let pgbouncer = [
        "disable_pqexec",
        "job_name",
        "listen_addr",
        "listen_backlog",
        "listen_port",
        "pidfile",
        "pkt_buf",
        "resolv_conf",
        "so_reuseport",
        "unix_socket_dir",
        "unix_socket_group",
        "unix_socket_mode",
        "user",
    ];
    let newer = [
        "metrics_listen_addr",
        "metrics_listen_port",
        "peer_id",
        "track_extra_parameters",
        "worker_threads",
    ];
    // PgBouncer takes it on reload, ours when it opens its sockets.
    let ours = ["tcp_defer_accept"];
    for name in pgbouncer.iter().chain(&newer).chain(&ours) {
        assert!(restart.contains(name), "{name}");
    }
    let known = pgbouncer.len() + newer.len() + ours.len();
    assert_eq!(restart.len(), known, "{restart:?}");
}
