//! The admin console, asked as operators and exporters ask it.

use std::fs;
use std::process::Command;

use crate::cluster::{APP, program};
use crate::patience::{bounded, wait_until};
use crate::raw::{Client, row};
use crate::site::{Against, POOLERS, Pool, Site};

const ONE: &str = "T ?column?:23 | D 1 | C SELECT 1 | Z I";

/// A pool of `size` whose console is open to the tests' user.
fn pool(size: u32) -> Pool {
    Pool::of(size).with("admin_users", APP)
}

fn console(site: &Site) -> Client {
    Client::connect(site.address(), APP, "pgbouncer")
}

fn sites(pool: &Pool) -> Vec<Site> {
    let start = |against: &Against| Site::start(*against, pool);
    POOLERS.iter().map(start).collect()
}

/// The columns of an answer, with their types.
fn columns(answer: &str) -> Vec<String> {
    let first = answer.split(" | ").next().unwrap_or_default();
    let names = first.strip_prefix("T ").unwrap_or_default();
    names.split_whitespace().map(str::to_owned).collect()
}

/// PgBouncer 1.24.1's columns in order; types as `pg_type` numbers them.
const TABLES: &[(&str, &str)] = &[
    ("VERSION", "version:25"),
    ("STATE", "key:25 value:25"),
    ("LISTS", "list:25 items:23"),
    ("CONFIG", "key:25 value:25 default:25 changeable:25"),
    ("MEM", "name:25 size:23 used:23 free:23 memtotal:23"),
    ("DNS_HOSTS", "hostname:25 ttl:20 addrs:25"),
    ("DNS_ZONES", "zonename:25 serial:20 count:23"),
    ("PEERS", "peer_id:23 host:25 port:23 pool_size:23"),
    (
        "PEER_POOLS",
        "peer_id:23 cl_active_cancel_req:23 cl_waiting_cancel_req:23 sv_active_cancel:23 sv_login:23",
    ),
    (
        "USERS",
        "name:25 pool_size:25 reserve_pool_size:25 pool_mode:25 max_user_connections:23 \
         current_connections:23 max_user_client_connections:23 current_client_connections:23",
    ),
    (
        "POOLS",
        "database:25 user:25 cl_active:23 cl_waiting:23 cl_active_cancel_req:23 \
         cl_waiting_cancel_req:23 sv_active:23 sv_active_cancel:23 sv_being_canceled:23 \
         sv_idle:23 sv_used:23 sv_tested:23 sv_login:23 maxwait:23 maxwait_us:23 pool_mode:25 \
         load_balance_hosts:25",
    ),
    (
        "DATABASES",
        "name:25 host:25 port:23 database:25 force_user:25 pool_size:23 min_pool_size:23 \
         reserve_pool_size:23 server_lifetime:23 pool_mode:25 load_balance_hosts:25 \
         max_connections:23 current_connections:23 max_client_connections:23 \
         current_client_connections:23 paused:23 disabled:23",
    ),
    (
        "STATS",
        "database:25 total_server_assignment_count:1700 total_xact_count:1700 \
         total_query_count:1700 total_received:1700 total_sent:1700 total_xact_time:1700 \
         total_query_time:1700 total_wait_time:1700 total_client_parse_count:1700 \
         total_server_parse_count:1700 total_bind_count:1700 avg_server_assignment_count:1700 \
         avg_xact_count:1700 avg_query_count:1700 avg_recv:1700 avg_sent:1700 avg_xact_time:1700 \
         avg_query_time:1700 avg_wait_time:1700 avg_client_parse_count:1700 \
         avg_server_parse_count:1700 avg_bind_count:1700",
    ),
    (
        "STATS_TOTALS",
        "database:25 server_assignment_count:1700 xact_count:1700 query_count:1700 \
         bytes_received:1700 bytes_sent:1700 xact_time:1700 query_time:1700 wait_time:1700 \
         client_parse_count:1700 server_parse_count:1700 bind_count:1700",
    ),
    (
        "STATS_AVERAGES",
        "database:25 server_assignment_count:1700 xact_count:1700 query_count:1700 \
         bytes_received:1700 bytes_sent:1700 xact_time:1700 query_time:1700 wait_time:1700 \
         avg_client_parse_count:1700 avg_server_parse_count:1700 avg_bind_count:1700",
    ),
    ("TOTALS", "name:25 value:1700"),
    (
        "FDS",
        "fd:23 task:25 user:25 database:25 addr:25 port:23 cancel:20 link:23 client_encoding:25 \
         std_strings:25 datestyle:25 timezone:25 password:25 scram_client_key:17 \
         scram_server_key:17",
    ),
];

const CONNECTION: &str = "type:25 user:25 database:25 replication:25 state:25 addr:25 port:23 \
    local_addr:25 local_port:23 connect_time:25 request_time:25 wait:23 wait_us:23 \
    close_needed:23 ptr:25 link:25 remote_pid:23 tls:25 application_name:25 \
    prepared_statements:23 id:23";
const BUFFERS: &str =
    "recv_pos:23 pkt_pos:23 pkt_remain:23 send_pos:23 send_remain:23 pkt_avail:23 send_avail:23";

#[test]
fn every_show_has_the_columns_of_pgbouncer() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &pool(1));
        site.assert_serves();
        let mut console = console(&site);
        let sockets = format!("{CONNECTION} {BUFFERS}");
        let connections = [
            ("CLIENTS", CONNECTION),
            ("SERVERS", CONNECTION),
            ("SOCKETS", &sockets),
            ("ACTIVE_SOCKETS", &sockets),
        ];
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compatibility.md");
        let page = fs::read_to_string(page).expect("read docs/compatibility.md");
        for (what, expected) in TABLES.iter().copied().chain(connections) {
            let answer = console.run(&format!("Q SHOW {what}"));
            let expected: Vec<_> = expected.split_whitespace().collect();
            assert_eq!(columns(&answer), expected, "{what}");
            assert!(answer.ends_with("C SHOW | Z I"), "{what}: {answer}");
            let row = row_of_the_page(what, &expected);
            assert!(page.lines().any(|line| line == row), "the page lacks {row}");
        }
    });
}

/// How docs/compatibility.md tells the columns of SHOW `what`, which stand here with their types.
fn row_of_the_page(what: &str, columns: &[&str]) -> String {
    let names = columns.iter().filter_map(|column| column.split(':').next());
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    format!("| {what} | {} |", names.join(" "))
}

#[test]
fn orders_are_answered_as_by_pgbouncer() {
    bounded(|| {
        let sites = sites(&pool(1));
        let mut consoles: Vec<_> = sites.iter().map(console).collect();
        for (command, tag) in [
            ("PAUSE", "PAUSE"),
            ("RESUME", "RESUME"),
            ("SUSPEND", "SUSPEND"),
            ("RESUME", "RESUME"),
            ("RECONNECT", "RECONNECT"),
            ("WAIT_CLOSE", "WAIT_CLOSE"),
            ("RELOAD;", "RELOAD"),
            ("SET default_pool_size = 3", "SET default_pool_size=3"),
            ("SET default_pool_size='4'", "SET default_pool_size=4"),
        ] {
            for (console, site) in consoles.iter_mut().zip(&sites) {
                let answer = console.run(&format!("Q {command}"));
                let expected = format!("C {tag} | Z I");
                assert_eq!(answer, expected, "{:?} on {command}", site.against());
            }
        }
    });
}

/// The first words of the error that `command` meets at the console.
#[track_caller]
fn check_error(sites: &[Site], command: &str, words: &str) {
    for site in sites {
        let answer = console(site).run(&format!("Q {command}"));
        let told = answer.starts_with("E ") && answer.contains(words);
        assert!(told, "{:?} on {command}: {answer}", site.against());
        assert!(answer.ends_with("Z I"), "{command}: {answer}");
    }
}

#[test]
fn what_cannot_be_done_is_refused_in_the_words_of_pgbouncer() {
    bounded(|| {
        let sites = sites(&pool(1));
        for (command, words) in [
            ("SELECT 1", "invalid command 'SELECT 1', use SHOW HELP;"),
            ("SHOW nope", "invalid command 'SHOW nope', use SHOW HELP;"),
            ("PAUSE nope", "no such database: nope"),
            ("KILL nope", "no such database: nope"),
            ("RESUME", "pooler is not paused/suspended"),
            ("DISABLE", "a database is required"),
            ("ENABLE", "a database is required"),
            ("SET nope = 1", "SET failed"),
            ("SET pool_mode = nope", "SET failed"),
        ] {
            check_error(&sites, command, words);
        }
        let ours = &sites[1..];
        check_error(ours, "KILL", "a database is required");
        check_error(ours, "KILL_CLIENT", "invalid client pointer supplied");
        check_error(ours, "KILL_CLIENT 4000000000", "client not found");
        check_error(ours, "PAUSE pgbouncer", "cannot pause admin db: pgbouncer");
    });
}

#[test]
fn who_is_no_admin_may_look_or_not_even_that() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1).with("stats_users", APP));
        let mut console = console(&site);
        assert!(console.run("Q SHOW STATE").ends_with("C SHOW | Z I"));
        for command in ["PAUSE", "RELOAD", "SET verbose = 1", "SHUTDOWN", "SHOW FDS"] {
            let answer = console.run(&format!("Q {command}"));
            assert!(
                answer.contains("admin access needed"),
                "{command}: {answer}"
            );
        }
        let closed = Site::start(Against::Proxy, &Pool::of(1));
        let refused = Client::try_connect(
            closed.address(),
            &[("user", APP), ("database", "pgbouncer")],
        );
        let heard = refused.err().unwrap_or_default();
        assert!(heard.contains("not allowed"), "{heard}");
    });
}

#[test]
fn a_paused_database_makes_its_clients_wait_until_resume() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &pool(1));
            let mut console = console(&site);
            let mut busy = site.client();
            busy.run("Q BEGIN");
            console.say(&format!("Q PAUSE {}", site.database()));
            let mut waiting = site.client();
            waiting.say("Q SELECT 1");
            assert_eq!(busy.run("Q COMMIT"), "C COMMIT | Z I", "{against:?}");
            assert_eq!(
                console.read_until(b"Z").join(" | "),
                "C PAUSE | Z I",
                "{against:?}"
            );
            wait_until("the servers to be gone", || site.backends() == 0);
            let resumed = console.run(&format!("Q RESUME {}", site.database()));
            assert_eq!(resumed, "C RESUME | Z I", "{against:?}");
            assert_eq!(waiting.read_until(b"Z").join(" | "), ONE, "{against:?}");
        }
    });
}

#[test]
fn psql_as_admin_shows_everything() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &pool(1));
        for what in poolproof_proxy::console::command::Show::ALL {
            let output = Command::new(program("psql"))
                .args(["--no-psqlrc", "-X", "-w", "-c"])
                .arg(format!("SHOW {}", what.word()))
                .args(["-h", "127.0.0.1", "-U", APP, "-d", "pgbouncer", "-p"])
                .arg(site.address().port().to_string())
                .output()
                .expect("run psql");
            assert!(output.status.success(), "{what:?}: {output:?}");
        }
    });
}

#[test]
fn a_killed_client_is_told_and_its_transaction_is_undone() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &pool(1));
        site.sql("CREATE TABLE t (n int)");
        let mut console = console(&site);
        let mut busy = site.client();
        busy.run("Q BEGIN | < Z | Q INSERT INTO t VALUES (1)");
        let shown = console.run("Q SHOW CLIENTS");
        let row = shown.split(" | ").find(|row| row.contains(site.database()));
        let id = row.and_then(|row| row.rsplit(&[',', ' '][..]).next());
        let id = id.expect("the client's number");
        let answer = console.run(&format!("Q KILL_CLIENT {id}"));
        assert_eq!(answer, "C KILL_CLIENT | Z I", "{shown}");
        let heard = busy.read_to_end().join(" | ");
        assert!(heard.contains("57P01 admin forced disconnect"), "{heard}");
        site.assert_whole(1);
        assert!(site.sql("SELECT n FROM t").is_empty());
    });
}

#[test]
fn a_disabled_database_keeps_its_clients_and_takes_no_new_ones() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &pool(1));
            let mut console = console(&site);
            let mut inside = site.client();
            console.run(&format!("Q DISABLE {}", site.database()));
            assert_eq!(inside.run("Q SELECT 1"), ONE, "{against:?}");
            let names = [("user", APP), ("database", site.database())];
            let refused = Client::try_connect(site.address(), &names).err();
            let told = refused
                .as_ref()
                .is_some_and(|words| words.contains("is disabled"));
            let told = told
                || refused
                    .as_ref()
                    .is_some_and(|words| words.contains("disabled"));
            assert!(told, "{against:?}: {refused:?}");
            console.run(&format!("Q ENABLE {}", site.database()));
            site.assert_serves();
        }
    });
}

#[test]
fn a_renewed_pool_closes_each_server_once_it_is_free() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &pool(2));
        let mut console = console(&site);
        let mut busy = site.client();
        let before = busy.run("Q BEGIN | < Z | Q SELECT pg_backend_pid()");
        assert_eq!(console.run("Q RECONNECT"), "C RECONNECT | Z I");
        console.say("Q WAIT_CLOSE");
        let within = busy.run("Q SELECT pg_backend_pid()");
        assert!(before.ends_with(&within), "{before} then {within}");
        busy.run("Q COMMIT");
        assert_eq!(console.read_until(b"Z").join(" | "), "C WAIT_CLOSE | Z I");
        let after = busy.run("Q SELECT pg_backend_pid()");
        let pid = |answer: &str| {
            answer
                .split(" | ")
                .find_map(|part| Some(part.strip_prefix("D ")?.to_owned()))
        };
        assert_ne!(pid(&within), pid(&after));
    });
}

#[test]
fn a_setting_holds_until_the_next_reload() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &pool(1));
        let mut console = console(&site);
        let size = |console: &mut Client| {
            let shown = console.run("Q SHOW CONFIG");
            let row = shown
                .split(" | ")
                .find(|row| row.contains("default_pool_size"));
            row.unwrap_or_default().to_owned()
        };
        let before = size(&mut console);
        console.run("Q SET default_pool_size = 7");
        let set = size(&mut console);
        assert!(before != set && set.contains('7'), "{before} then {set}");
        assert_eq!(console.run("Q RELOAD"), "C RELOAD | Z I");
        assert_eq!(size(&mut console), before);
    });
}

/// A server that lets us in has a closed circuit, and SHOW CIRCUITS says so.
#[test]
fn a_living_address_has_a_closed_circuit() {
    bounded(|| {
        let pool = pool(1)
            .with("server_login_retry", 0)
            .with("query_wait_timeout", 20);
        let site = Site::start(Against::Proxy, &pool);
        let mut console = console(&site);
        site.assert_serves();
        let shown = console.run("Q SHOW CIRCUITS");
        assert!(shown.contains("closed"), "{shown}");
    });
}

/// Nobody waits for an address that is left alone, from the failure on that opens its circuit:
/// there is no other attempt for longer than the test may last.
#[test]
fn clients_of_an_address_with_an_open_circuit_are_refused_at_once() {
    bounded(|| {
        let pool = pool(1)
            .with("server_login_retry", 1000)
            .with("query_wait_timeout", 1000)
            .with("circuit_breaker_failures", 1)
            .with("circuit_breaker_timeout", 1000)
            .on_database("host=/nowhere");
        let site = Site::start(Against::Proxy, &pool);
        let refused = site.client_with(&[]).err().unwrap_or_default();
        assert!(refused.starts_with("E FATAL 08001 "), "{refused}");
    });
}

#[test]
fn a_killed_database_sends_its_clients_away_and_takes_new_ones_after_resume() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &pool(2));
        site.sql("CREATE TABLE t (n int)");
        let mut console = console(&site);
        let mut busy = site.client();
        let mut idle = site.client();
        busy.run("Q BEGIN | < Z | Q INSERT INTO t VALUES (1)");
        idle.run("Q SELECT 1");
        let killed = console.run(&format!("Q KILL {}", site.database()));
        assert_eq!(killed, "C KILL | Z I");
        for client in [&mut busy, &mut idle] {
            let heard = client.read_to_end().join(" | ");
            assert_eq!(heard, "E FATAL 57P01 database removed | eof");
        }
        wait_until("the servers to go", || site.backends() == 0);
        assert!(site.sql("SELECT n FROM t").is_empty());
        let resumed = console.run(&format!("Q RESUME {}", site.database()));
        assert_eq!(resumed, "C RESUME | Z I");
        site.assert_serves();
    });
}

/// Each way to stop that can be typed does what the signal of its name does.
#[test]
fn shutdown_from_the_console_in_all_forms() {
    bounded(|| {
        for (order, idle_goes_on, transaction_ends) in [
            ("SHUTDOWN", false, false),
            ("SHUTDOWN WAIT_FOR_SERVERS", false, true),
            ("SHUTDOWN WAIT_FOR_CLIENTS", true, true),
        ] {
            let site = Site::start(Against::Proxy, &pool(2));
            site.sql("CREATE TABLE t (n int)");
            let mut console = console(&site);
            let mut busy = site.client();
            let mut idle = site.client();
            busy.run("Q BEGIN | < Z | Q INSERT INTO t VALUES (1)");
            console.say(&format!("Q {order}"));
            if transaction_ends {
                assert_eq!(console.read_until(b"Z").join(" | "), "C SHUTDOWN | Z I");
                wait_until("newcomers to be refused", || {
                    std::net::TcpStream::connect(site.address()).is_err()
                });
                assert_eq!(busy.run("Q COMMIT"), "C COMMIT | Z I", "{order}");
            }
            if idle_goes_on {
                assert_eq!(idle.run("Q SELECT 1"), ONE, "{order}");
                assert!(console.run("Q SHOW STATE").ends_with("C SHOW | Z I"));
                idle.vanish();
                busy.vanish();
                console.vanish();
            }
            site.pooler().join().expect("an orderly end");
            let kept = site.sql("SELECT n FROM t").len();
            assert_eq!(kept, usize::from(transaction_ends), "{order}");
            wait_until("the servers to go", || site.backends() == 0);
        }
    });
}

/// Passwords and what can be derived from them, cancel keys included, are shown to nobody.
#[test]
fn no_show_tells_a_secret() {
    bounded(|| {
        let secret = "Geheimnis-7261";
        let site = Site::start(
            Against::Proxy,
            &pool(1).on_database(&format!("password={secret}")),
        );
        let mut client = site.client();
        client.run("Q BEGIN");
        let mut console = console(&site);
        let keys = [client.key(), console.key()].map(|key| key.secret.to_string());
        for what in poolproof_proxy::console::command::Show::ALL {
            let shown = console.run(&format!("Q SHOW {}", what.word()));
            assert!(!shown.contains(secret), "{what:?}: {shown}");
            for key in &keys {
                assert!(!shown.contains(key.as_str()), "{what:?}: {shown}");
            }
        }
    });
}

#[test]
fn a_server_is_shown_with_the_time_when_it_was_last_taken() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1).with("admin_users", APP));
            let (mut client, mut console) = (site.client(), site.console());
            wait_until("a later request", || {
                client.run("Q SELECT 1");
                let shown = console.run("Q SHOW SERVERS");
                let server: Vec<_> = row(&shown).split(' ').collect();
                // A time of day is three words; `local_port` comes before the first.
                server[12..15] > server[9..12]
            });
        }
    });
}
