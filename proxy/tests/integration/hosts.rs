//! Databases with several hosts.

use crate::patience::bounded;
use crate::site::{Against, POOLERS, Pool, Site};

/// A pool of four whose PostgreSQL is reached over TCP and over its Unix socket, the two being its
/// hosts.
fn pool(site: &crate::cluster::Cluster) -> Pool {
    let hosts = format!("host=127.0.0.1,{}", site.folder().display());
    Pool::of(4).on_database(&hosts)
}

/// Backends reached over TCP and over the Unix socket.
fn routes(site: &Site) -> (usize, usize) {
    let mut clients: Vec<_> = (0..4).map(|_| site.client()).collect();
    for client in &mut clients {
        client.run("Q BEGIN");
    }
    let count = |condition: &str| {
        let database = site.database();
        let sql = format!(
            "SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND client_addr {condition}"
        );
        site.cluster().sql(&sql).len()
    };
    (count("IS NOT NULL"), count("IS NULL"))
}

#[test]
fn hosts_take_turns() {
    bounded(|| {
        let cluster = crate::cluster::Cluster::shared();
        for against in POOLERS {
            let site = Site::start(*against, &pool(cluster));
            assert_eq!(routes(&site), (2, 2), "{against:?}");
        }
        let asked = pool(cluster).on_database("load_balance_hosts=round-robin");
        let site = Site::start(Against::Proxy, &asked);
        assert_eq!(routes(&site), (2, 2));
    });
}

#[test]
fn one_host_is_kept_to_on_request() {
    bounded(|| {
        let cluster = crate::cluster::Cluster::shared();
        let pool = pool(cluster).on_database("load_balance_hosts=disable");
        let site = Site::start(Against::Proxy, &pool);
        assert_eq!(routes(&site), (4, 0));
    });
}

/// And left when it does not answer.
#[test]
fn a_host_that_fails_is_left_for_the_next() {
    bounded(|| {
        let cluster = crate::cluster::Cluster::shared();
        let hosts = format!(
            "host=/nowhere,{} load_balance_hosts=disable",
            cluster.folder().display()
        );
        let site = Site::start(Against::Proxy, &Pool::of(4).on_database(&hosts));
        assert_eq!(routes(&site), (0, 4));
    });
}

/// A name is looked up, kept for a while, and shown.
#[test]
fn names_are_looked_up_and_shown() {
    bounded(|| {
        for against in POOLERS {
            let pool = Pool::of(1)
                .with("admin_users", crate::cluster::APP)
                .with("dns_max_ttl", 1000)
                .on_database("host=localhost");
            let site = Site::start(*against, &pool);
            site.assert_serves();
            let shown = site.console().run("Q SHOW DNS_HOSTS");
            let row = crate::raw::row(&shown);
            let words: Vec<_> = row.split(' ').collect();
            assert_eq!(words[0], "localhost", "{against:?}");
            let left: u32 = words[1].parse().expect("seconds");
            assert!((900..=1000).contains(&left), "{against:?}: {row}");
            assert!(words[2].contains("127.0.0.1:0"), "{against:?}: {row}");
        }
    });
}

#[test]
fn a_name_that_leads_nowhere_is_told() {
    bounded(|| {
        let pool = Pool::of(1)
            .with("query_wait_timeout", 1)
            .with("server_login_retry", 1)
            .on_database("host=no-such-host.invalid");
        let site = Site::start(Against::Proxy, &pool);
        let refused = site.client_with(&[]).err().unwrap_or_default();
        assert!(refused.starts_with("E FATAL 08P01"), "{refused}");
    });
}
