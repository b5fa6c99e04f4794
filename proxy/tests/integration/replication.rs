//! Replication connections: a server of their own, whatever the pool mode.

use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};

use poolproof_proxy::Stop;

use crate::cluster::Cluster;
use crate::patience::{bounded, wait_until};
use crate::raw::Client;
use crate::site::{Against, Pool, Site};

/// A new role that may replicate.
fn role() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let name = format!("repl{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let cluster = Cluster::shared();
    cluster.role(&name, "x", &["auth_trust"]);
    cluster.sql(&format!("ALTER ROLE {name} REPLICATION"));
    name
}

fn pool(role: &str) -> Pool {
    Pool::of(1).with("admin_users", role).also_user(role)
}

fn connect(site: &Site, role: &str, replication: &str) -> Client {
    let names = [
        ("user", role),
        ("database", site.database()),
        ("replication", replication),
        ("application_name", "stand-by"),
    ];
    let connected = Client::try_connect(site.address(), &names);
    connected.unwrap_or_else(|answer| panic!("expected to be let in, got {answer}"))
}

/// What only a server for replication understands.
const WAL_LEVEL: &str = "T wal_level:25 | D replica | C SHOW | Z I";

#[test]
fn a_replication_connection_has_a_server_that_nobody_else_gets() {
    bounded(|| {
        for replication in ["database", "true"] {
            let role = role();
            let site = Site::start(Against::Proxy, &pool(&role));
            let mut stand_by = connect(&site, &role, replication);
            let identity = stand_by.run("Q IDENTIFY_SYSTEM");
            assert!(identity.contains("C IDENTIFY_SYSTEM | Z I"), "{identity}");
            assert_eq!(stand_by.run("Q SHOW wal_level"), WAL_LEVEL);
            // The pool's one server is free beside it, and knows nothing of replication.
            let names = [("user", role.as_str()), ("database", site.database())];
            let mut client = Client::try_connect(site.address(), &names).expect("let in");
            let refused = client.run("Q IDENTIFY_SYSTEM");
            assert!(refused.starts_with("E ERROR 42601"), "{refused}");

            let sql = "SELECT application_name FROM pg_stat_replication \
                       UNION ALL SELECT application_name FROM pg_stat_activity \
                       WHERE backend_type = 'walsender'";
            let named = || {
                Cluster::shared()
                    .sql(sql)
                    .iter()
                    .any(|name| name == "stand-by")
            };
            assert!(named(), "the client's startup parameters are its server's");
            let console_names = [("user", role.as_str()), ("database", "pgbouncer")];
            let mut console = Client::try_connect(site.address(), &console_names).expect("let in");
            let word = if replication == "true" {
                "physical"
            } else {
                "logical"
            };
            for what in ["CLIENTS", "SERVERS"] {
                let shown = console.run(&format!("Q SHOW {what}"));
                assert!(shown.contains(&format!(" {word} active ")), "{shown}");
            }
            stand_by.say("X");
            stand_by.vanish();
            wait_until("its server to go", || {
                !console.run("Q SHOW SERVERS").contains(word)
            });
        }
    });
}

/// Both sides send as they like, and the stream ends when both have said so.
#[test]
fn a_stream_of_changes_passes_both_ways() {
    bounded(|| {
        let role = role();
        let site = Site::start(Against::Proxy, &pool(&role));
        let mut stand_by = connect(&site, &role, "true");
        let identity = stand_by.run("Q IDENTIFY_SYSTEM");
        let row = identity.split(" | ").nth(1).unwrap_or_default();
        let position = row.split(' ').nth(3).unwrap_or_default();
        let script = format!("Q START_REPLICATION PHYSICAL {position} | < W");
        assert_eq!(stand_by.run(&script), "W");
        site.sql("CREATE TABLE t (n int)");
        let changes = stand_by.read_until(b"d");
        assert!(changes[0].starts_with("d "), "{changes:?}");
        stand_by.send(&crate::raw::bytes_of("c"));
        let end = stand_by.read_until(b"cZ").pop().unwrap_or_default();
        assert_eq!(end, "Z I");
        assert_eq!(stand_by.run("Q SHOW wal_level"), WAL_LEVEL);
    });
}

/// PostgreSQL's rule: a line for `all` databases is not one for physical replication.
#[test]
fn rules_for_replication_decide() {
    bounded(|| {
        let role = role();
        let folder = tempfile::tempdir().expect("make a folder");
        let hba = folder.path().join("hba");
        let rules = "host replication all 0.0.0.0/0 reject\nhost all all 0.0.0.0/0 trust\n";
        std::fs::write(&hba, rules).expect("write the rules");
        let with = |role: &str| {
            let pool = pool(role).with("auth_type", "hba");
            pool.with("auth_hba_file", hba.display())
        };
        let site = Site::start(Against::Proxy, &with(&role));
        let names = [
            ("user", role.as_str()),
            ("database", site.database()),
            ("replication", "true"),
        ];
        let refused = Client::try_connect(site.address(), &names).err();
        let refused = refused.unwrap_or_default();
        assert_eq!(refused, "E FATAL 28000 login rejected | eof");
        let mut logical = connect(&site, &role, "database");
        assert_eq!(logical.run("Q SHOW wal_level"), WAL_LEVEL);
    });
}

#[test]
fn another_word_is_refused_as_by_postgresql() {
    bounded(|| {
        let role = role();
        for against in [Against::Postgres, Against::Proxy] {
            let site = Site::start(against, &pool(&role));
            let names = [
                ("user", role.as_str()),
                ("database", site.database()),
                ("replication", "perhaps"),
            ];
            let refused = Client::try_connect(site.address(), &names).err();
            let words = "E FATAL 22023 invalid value for parameter \"replication\": \"perhaps\"";
            let refused = refused.unwrap_or_default();
            assert!(refused.starts_with(words), "{against:?}: {refused}");
        }
    });
}

/// Its server is released when the client leaves, as in session mode.
#[test]
fn a_shutdown_that_waits_for_servers_waits_for_those_of_replication() {
    bounded(|| {
        let role = role();
        let site = Site::start(Against::Proxy, &pool(&role));
        let mut stand_by = connect(&site, &role, "database");
        let mut busy = site.client();
        busy.run("Q BEGIN");
        site.pooler().shutdown(Stop::WaitForServers);
        wait_until("newcomers to be refused", || {
            TcpStream::connect(site.address()).is_err()
        });
        assert_eq!(busy.run("Q COMMIT"), "C COMMIT | Z I");
        for _ in 0..50 {
            assert_eq!(stand_by.run("Q SHOW wal_level"), WAL_LEVEL);
        }
        stand_by.say("X");
        site.pooler().join().unwrap();
    });
}

#[test]
fn an_operator_ends_a_replication_connection() {
    bounded(|| {
        let role = role();
        let site = Site::start(Against::Proxy, &pool(&role));
        let mut stand_by = connect(&site, &role, "database");
        let console_names = [("user", role.as_str()), ("database", "pgbouncer")];
        let mut console = Client::try_connect(site.address(), &console_names).expect("let in");
        console.run(&format!("Q KILL {}", site.database()));
        let heard = stand_by.read_to_end().join(" | ");
        assert_eq!(heard, "E FATAL 57P01 database removed | eof");
    });
}

/// Its server is outdated and never given back: it ends, and the client may come again.
#[test]
fn what_outdates_servers_ends_a_replication_connection() {
    bounded(|| {
        let role = role();
        let site = Site::start(Against::Proxy, &pool(&role));
        let console_names = [("user", role.as_str()), ("database", "pgbouncer")];
        let mut console = Client::try_connect(site.address(), &console_names).expect("let in");
        for replication in ["database", "true"] {
            let mut stand_by = connect(&site, &role, replication);
            for order in ["RECONNECT", "WAIT_CLOSE"] {
                let done = console.run(&format!("Q {order} {}", site.database()));
                assert_eq!(done, format!("C {order} | Z I"));
            }
            let heard = stand_by.read_to_end().join(" | ");
            assert_eq!(heard, "E FATAL 57P01 connection outdated | eof");
            let mut again = connect(&site, &role, replication);
            assert_eq!(again.run("Q SHOW wal_level"), WAL_LEVEL);
        }
    });
}
