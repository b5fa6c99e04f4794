//! `-R`: one pooler takes over from another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::*;
use crate::cluster::Cluster;
use crate::raw::cancel;

const CANCELLED: &str =
    "T pg_sleep:2278 | E ERROR 57014 canceling statement due to user request | Z E";

fn settings(site: &Site) -> String {
    let folder = site.folder.display();
    format!("unix_socket_dir = {folder}\npool_mode = transaction\nworker_threads = 2")
}

/// Clients that come, ask and leave, one after the other, until they are told to stop.
struct Visitors {
    stop: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
    thread: thread::JoinHandle<()>,
}

impl Visitors {
    fn come(address: std::net::SocketAddr) -> Self {
        let (stop, served) = (Arc::default(), Arc::default());
        let (stopped, counted): (Arc<AtomicBool>, Arc<AtomicUsize>) =
            (Arc::clone(&stop), Arc::clone(&served));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let mut client = Client::connect(address, APP, "postgres");
                assert_eq!(client.run("Q SELECT 1"), ONE);
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self {
            stop,
            served,
            thread,
        }
    }

    /// Returns when some more have been served.
    fn go_on(&self) {
        let before = self.served.load(Ordering::Relaxed);
        wait_until("more visitors", || {
            assert!(!self.thread.is_finished(), "a visitor was turned away");
            self.served.load(Ordering::Relaxed) > before + 10
        });
    }

    fn leave(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("nobody was turned away");
    }
}

#[test]
fn a_successor_takes_the_sockets_and_nobody_is_refused() {
    bounded(|| {
        let site = Site::new();
        site.write("ini", &site.ini(&settings(&site)));
        let mut old = site.start();
        let address = (Ipv4Addr::LOCALHOST, site.port()).into();
        let visitors = Visitors::come(address);
        let mut client = Client::connect(address, APP, "postgres");
        client.run("Q BEGIN");
        visitors.go_on();

        let mut new = site.command(&["-q", "-R"]).spawn().expect("start");
        let new_pid = Pid::from_raw(new.id().cast_signed());
        wait_until("the successor", || {
            let ended = new.try_wait().expect("look at the successor");
            assert!(ended.is_none(), "it ended: {}", site.log());
            site.log().contains(&format!("[{new_pid}] LOG took over"))
        });
        assert_eq!(site.pid(), Some(new_pid));
        visitors.go_on();

        // A cancel request comes to the successor and is for a client of the predecessor.
        client.say("Q SELECT pg_sleep(60)");
        wait_until("the query to run", || {
            let sql = "SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'";
            Cluster::shared().sql(sql).len() == 1
        });
        cancel(address, client.key());
        assert_eq!(client.read_until(b"Z").join(" | "), CANCELLED);
        assert_eq!(client.run("Q ROLLBACK"), "C ROLLBACK | Z I");
        assert_eq!(client.run("Q SELECT 1"), ONE);

        assert!(old.try_wait().expect("look").is_none(), "it has a client");
        client.vanish();
        assert_eq!(old.wait().expect("wait").code(), Some(0));
        visitors.go_on();
        visitors.leave();
        let socket = site.folder.join(format!(".s.PGSQL.{}", site.port()));
        assert!(socket.exists(), "the socket is the successor's");
        assert_eq!(site.pid(), Some(new_pid), "so is the pidfile");

        kill(new_pid, Signal::SIGTERM).expect("kill");
        assert_eq!(new.wait().expect("wait").code(), Some(0));
        assert!(!socket.exists());
        assert_eq!(site.pid(), None);
    });
}

#[test]
fn without_a_predecessor_it_starts_as_ever() {
    bounded(|| {
        let site = Site::new();
        site.write("ini", &site.ini(&settings(&site)));
        let mut process = site.start_with(&mut site.command(&["-q", "-R"]));
        assert_eq!(site.psql(), "42");
        let pid = Pid::from_raw(process.id().cast_signed());
        kill(pid, Signal::SIGQUIT).expect("kill");
        assert_eq!(process.wait().expect("wait").code(), Some(0));
    });
}

/// Whoever could have the sockets could read what clients send, passwords included.
#[test]
fn nobody_gets_the_sockets_over_tcp() {
    bounded(|| {
        let site = Site::new();
        let settings = format!("{}\nadmin_users = {APP}", settings(&site));
        site.write("ini", &site.ini(&settings));
        let mut process = site.start();
        let address = (Ipv4Addr::LOCALHOST, site.port()).into();
        let mut admin = Client::connect(address, APP, "pgbouncer");
        let answer = admin.run("Q HANDOVER");
        assert!(
            answer.starts_with("E ERROR 0A000 HANDOVER is for"),
            "{answer}"
        );
        let pid = Pid::from_raw(process.id().cast_signed());
        kill(pid, Signal::SIGQUIT).expect("kill");
        assert_eq!(process.wait().expect("wait").code(), Some(0));
    });
}
