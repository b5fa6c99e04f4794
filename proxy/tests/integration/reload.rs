//! A reload in full flight.

use bytes::BytesMut;
use postgres_protocol::message::frontend::password_message;

use crate::cluster::{APP, Cluster, OTHER};
use crate::patience::{bounded, wait_until};
use crate::raw::{Client, row, startup};
use crate::site::{Against, POOLERS, Pool, Site};

const ONE: &str = "T ?column?:23 | D 1 | C SELECT 1 | Z I";

fn pool(size: u32) -> Pool {
    Pool::of(size).with("admin_users", APP)
}

fn ask(client: &mut Client, what: &str) -> String {
    row(&client.run(&format!("Q SELECT {what}"))).to_owned()
}

#[test]
fn trap_28_a_host_moves_while_transactions_run() {
    bounded(|| {
        let elsewhere: &'static Cluster = Box::leak(Box::new(Cluster::start()));
        let port = |client: &mut Client| ask(client, "inet_server_port()");
        for against in POOLERS {
            let site = Site::start(*against, &pool(2));
            elsewhere.sql(&format!("DROP DATABASE IF EXISTS {0}; ", site.database()));
            elsewhere.sql(&format!("CREATE DATABASE {} OWNER {APP}", site.database()));
            let (mut within, mut idle) = (site.client(), site.client());
            within.run("Q BEGIN");
            let old = port(&mut within);
            site.reconfigure_to(&pool(2), elsewhere.address());
            assert_eq!(port(&mut within), old, "{against:?}: a transaction stays");
            let new = elsewhere.address().port().to_string();
            assert_eq!(port(&mut idle), new, "{against:?}");
            assert_eq!(within.run("Q COMMIT"), "C COMMIT | Z I", "{against:?}");
            assert_eq!(port(&mut within), new, "{against:?}");
            wait_until("the old servers to be gone", || site.backends() == 0);
        }
    });
}

/// Nobody has a pool yet that the reload could tell of the change, nor of the new password.
#[test]
fn trap_28_a_host_moves_while_a_client_logs_in() {
    bounded(|| {
        let elsewhere: &'static Cluster = Box::leak(Box::new(Cluster::start()));
        let folder = tempfile::tempdir().expect("make a folder");
        let (hba, users) = (folder.path().join("hba"), folder.path().join("users"));
        let rules = "host all slow 0.0.0.0/0 password\nhost all all 0.0.0.0/0 trust\n";
        std::fs::write(&hba, rules).expect("write the rules");
        let list = |password: &str| {
            let listed = format!("\"{APP}\" \"\"\n\"slow\" \"{password}\"\n");
            std::fs::write(&users, listed).expect("write the users");
        };
        list("geheim");
        let pool = pool(1)
            .with("auth_type", "hba")
            .with("auth_hba_file", hba.display())
            .with("auth_file", users.display());
        let more = "[databases]\nsecond = {postgres} dbname={database}";
        let site = Site::start(Against::Proxy, &pool.clone().more(more));
        elsewhere.role("slow", "new", &[]);
        elsewhere.sql(&format!("CREATE DATABASE {}", site.database()));

        let asked = |database: &str| {
            let mut client = Client::silent(site.address());
            client.send(&startup(&[("user", "slow"), ("database", database)]));
            client.read_until(b"R");
            client
        };
        let (mut moved, mut removed) = (asked(site.database()), asked("second"));
        list("new");
        site.reconfigure_to(&pool, elsewhere.address());
        let mut password = BytesMut::new();
        password_message(b"geheim", &mut password).expect("no zero bytes");
        for client in [&mut moved, &mut removed] {
            client.send(&password);
        }
        moved.finish_login().expect("let in");
        let port = elsewhere.address().port().to_string();
        assert_eq!(ask(&mut moved, "inet_server_port()"), port);
        let refused = removed.read_to_end().join(" | ");
        assert_eq!(refused, "E FATAL 3D000 no such database: second | eof");
    });
}

#[test]
fn trap_28_a_pool_shrinks_while_transactions_run() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &pool(3));
            let mut within: Vec<_> = (0..3).map(|_| site.client()).collect();
            for client in &mut within {
                client.run("Q BEGIN");
            }
            site.reconfigure(&pool(1));
            for client in &mut within {
                assert_eq!(client.run("Q SELECT 1").split(" | ").last(), Some("Z T"));
                assert_eq!(client.run("Q COMMIT"), "C COMMIT | Z I", "{against:?}");
            }
            wait_until("one server", || site.backends() <= 1);
            let mut holder = site.client();
            holder.run("Q BEGIN");
            let mut waiter = site.client();
            waiter.say("Q SELECT 1");
            site.sql("SELECT 1");
            assert!(waiter.hears_nothing(), "{against:?}");
            // And grows again, for who waits already.
            site.reconfigure(&pool(2));
            let answer = waiter.read_until(b"Z").join(" | ");
            assert_eq!(answer, ONE, "{against:?}");
        }
    });
}

/// PgBouncer lets its clients stay, who then find that it is gone.
#[test]
fn trap_28_a_database_is_removed_while_transactions_run() {
    bounded(|| {
        let more = "[databases]\nsecond = {postgres} dbname={database}";
        let site = Site::start(Against::Proxy, &pool(2).more(more));
        let mut within = site.client_of(APP, "second");
        within.run("Q BEGIN");
        let mut other = site.client();
        site.reconfigure(&pool(2));
        let heard = within.read_to_end().join(" | ");
        assert_eq!(heard, "E FATAL 57P01 database removed | eof");
        assert_eq!(other.run("Q SELECT 1"), ONE);
        let names = [("user", APP), ("database", "second")];
        let refused = Client::try_connect(site.address(), &names);
        let refused = refused.err().unwrap_or_default();
        assert!(refused.contains("no such database: second"), "{refused}");
        wait_until("its server to be gone", || site.backends() <= 1);
    });
}

/// Who is in stays in; who comes is asked for the new one, and so are servers.
#[test]
fn trap_28_a_password_changes_while_transactions_run() {
    bounded(|| {
        let cluster = Cluster::shared();
        cluster.sql("CREATE ROLE rotating LOGIN PASSWORD 'first'");
        for against in POOLERS {
            cluster.sql("ALTER ROLE rotating PASSWORD 'first'");
            let with =
                |password: &str| pool(2).on_database(&format!("user=rotating password={password}"));
            let site = Site::start(*against, &with("first"));
            let mut within = site.client();
            within.run("Q BEGIN");
            cluster.sql("ALTER ROLE rotating PASSWORD 'second'");
            site.reconfigure(&with("second"));
            let name = ask(&mut within, "current_user");
            assert_eq!(name, "rotating", "{against:?}");
            let mut other = site.client();
            assert_eq!(other.run("Q SELECT 1"), ONE, "{against:?}: a new server");
            assert_eq!(within.run("Q COMMIT"), "C COMMIT | Z I", "{against:?}");
            site.assert_whole(2);
        }
    });
}

/// Servers that are not encrypted as the file says by now are replaced.
#[test]
fn trap_28_encryption_of_servers_changes_while_transactions_run() {
    bounded(|| {
        let with = |mode: &str| pool(1).with("server_tls_sslmode", mode);
        let site = Site::start(Against::Proxy, &with("disable"));
        let mut client = site.client();
        let pid = |client: &mut Client| ask(client, "pg_backend_pid()");
        let first = pid(&mut client);
        site.reconfigure(&with("disable"));
        assert_eq!(pid(&mut client), first, "nothing has changed");
        client.run("Q BEGIN");
        site.reconfigure(&with("prefer"));
        assert_eq!(pid(&mut client), first, "a transaction stays");
        client.run("Q COMMIT");
        assert_ne!(pid(&mut client), first);
    });
}

#[test]
fn what_a_file_no_longer_sets_returns_to_its_default() {
    bounded(|| {
        for against in POOLERS {
            let pool = pool(2);
            let site = Site::start(*against, &pool.clone().with("idle_transaction_timeout", 1));
            let mut cut = site.client();
            cut.run("Q BEGIN");
            assert_eq!(cut.read_to_end().last().map(String::as_str), Some("eof"));
            site.reconfigure(&pool);
            let shown = site.console().run("Q SHOW CONFIG");
            let row = crate::raw::rows(&shown)
                .find(|row| row.starts_with("idle_transaction_timeout "))
                .unwrap_or_default();
            assert_eq!(row, "idle_transaction_timeout 0 0 yes", "{against:?}");
        }
    });
}

/// Session parameters and queries of new servers that the file changes reach those who are there.
#[test]
fn new_servers_replace_those_that_began_otherwise() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &pool(1));
        let mut client = site.client_of(OTHER, site.database());
        assert_eq!(ask(&mut client, "to_regclass('mark')::text"), "null");
        let mark = pool(1).on_database("connect_query='CREATE TEMP TABLE mark ()'");
        site.reconfigure(&mark);
        assert_eq!(ask(&mut client, "to_regclass('mark')::text"), "mark");
    });
}

#[test]
fn a_faulty_file_changes_nothing() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &pool(1));
        let mut client = site.client();
        let faulty = pool(7).with("no_such_key", 1);
        let told = site.try_to_reconfigure(&faulty);
        assert!(told.contains("unknown parameter no_such_key"), "{told}");
        assert_eq!(client.run("Q SELECT 1"), ONE);
        let shown = site.console().run("Q SHOW CONFIG");
        let size = crate::raw::rows(&shown).find(|row| row.starts_with("default_pool_size "));
        assert_eq!(size, Some("default_pool_size 1 20 yes"));
    });
}

/// `conffile`: the next reload reads another file.
#[test]
fn another_file_is_read_on_request() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &pool(1));
        let text = std::fs::read_to_string(site.folder().join("pgbouncer.ini"));
        let text = text.expect("the configuration");
        let other = site.folder().join("other.ini");
        let larger = text.replace("default_pool_size = 1", "default_pool_size = 7");
        std::fs::write(&other, larger).expect("write other.ini");
        let mut console = site.console();
        let told = console.run(&format!("Q SET conffile = '{}'", other.display()));
        assert!(told.starts_with("C SET"), "{told}");
        assert_eq!(console.run("Q RELOAD"), "C RELOAD | Z I");
        site.assert_whole(7);
    });
}
