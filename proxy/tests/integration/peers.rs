//! Several poolers that stand for one: a cancel request finds its client whichever it comes to.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use poolproof_proxy::config::Config;
use poolproof_proxy::{Running, StartError, start};

use crate::cluster::{APP, Cluster, free_port};
use crate::patience::{bounded, wait_until};
use crate::raw::{Client, cancel, cancel_with};

/// Poolers 1 and 2, which know each other, and 3, which knows nobody.
fn poolers(database: &str) -> Vec<(Running, SocketAddr)> {
    // Another program may take a port between the moments.
    let started = (0..3).find_map(|_| try_poolers(database).ok());
    started.expect("start the poolers")
}

fn try_poolers(database: &str) -> Result<Vec<(Running, SocketAddr)>, StartError> {
    let postgres = Cluster::shared().address().port();
    let ports = [free_port(), free_port(), free_port()];
    let [one, two, _] = ports;
    (1..)
        .zip(ports)
        .map(|(id, port)| {
            let peers = if id == 3 {
                String::new()
            } else {
                format!("[peers]\n1 = host=127.0.0.1 port={one}\n2 = host=127.0.0.1 port={two}\n")
            };
            let text = format!(
                "[databases]\n{database} = host=127.0.0.1 port={postgres} user={APP}\n{peers}\
                 [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
                 auth_type = any\npool_mode = transaction\npeer_id = {id}\nworker_threads = 1\n"
            );
            let config = Config::parse(Path::new("peers.ini"), &text).expect("a sound file");
            let address = (Ipv4Addr::LOCALHOST, port).into();
            Ok((start(config)?, address))
        })
        .collect()
}

#[test]
fn a_cancel_request_is_passed_on_to_the_pooler_that_it_is_for() {
    bounded(|| {
        let database = Cluster::shared().database();
        let poolers = poolers(&database);
        let running = || {
            let sql = format!(
                "SELECT 1 FROM pg_stat_activity WHERE datname = '{database}' \
                 AND state = 'active' AND query LIKE '%pg_sleep(60)%'"
            );
            Cluster::shared().sql(&sql).len()
        };
        for (client_of, asks) in [(0, 0), (0, 1), (1, 0)] {
            let mut client = Client::connect(poolers[client_of].1, APP, &database);
            client.say("Q SELECT pg_sleep(60)");
            wait_until("the query to run", || running() == 1);
            // One that knows no peers passes nothing on.
            cancel(poolers[2].1, client.key());
            let mut forged = client.whole_key().to_vec();
            forged[5] ^= 1;
            cancel_with(poolers[asks].1, &forged);
            assert!(client.hears_nothing(), "a forged key cancels nothing");
            cancel(poolers[asks].1, client.key());
            let heard = client.read_until(b"Z").join(" | ");
            assert!(
                heard.contains("E ERROR 57014"),
                "{client_of} {asks}: {heard}"
            );
        }
    });
}

#[test]
fn peers_are_shown() {
    bounded(|| {
        let database = Cluster::shared().database();
        let poolers = poolers(&database);
        let mut console = Client::connect(poolers[0].1, APP, "pgbouncer");
        let peers = console.run("Q SHOW PEERS");
        let port = poolers[1].1.port();
        assert!(
            peers.contains(&format!("D 2 127.0.0.1 {port} 20")),
            "{peers}"
        );
        let pools = console.run("Q SHOW PEER_POOLS");
        assert!(
            pools.contains("D 1 0 0 0 0 | D 2 0 0 0 0 | C SHOW"),
            "{pools}"
        );
        let lists = console.run("Q SHOW LISTS");
        assert!(lists.contains("D peers 2"), "{lists}");
    });
}
