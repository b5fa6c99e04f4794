//! PgBouncer as the system has it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::Pool;
use crate::cluster::{Guardian, free_port, private_folder, unprivileged};
use crate::patience::wait_until;

/// A running PgBouncer, removed when this value is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(super) struct PgBouncer {
    address: SocketAddr,
    // The guardian stops it; only then can it be reaped.
    guardian: Option<Guardian>,
    process: Child,
}

impl PgBouncer {
    pub(super) fn start(pool: &Pool, postgres: SocketAddr, database: &str) -> Self {
        let folder = private_folder();
        let pid_file = folder.join("pgbouncer.pid");
        let guardian = Guardian::watch(&folder, &pid_file);
        let (address, process) = (0..3)
            .find_map(|_| launch(pool, &folder, postgres, database))
            .unwrap_or_else(|| panic!("PgBouncer does not start: {}", log_of(&folder)));
        Self {
            address,
            guardian: Some(guardian),
            process,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.guardian.take());
        let _ = self.process.wait();
    }
}

/// PgBouncer on a free port, when it is up; nothing when it has ended.
fn launch(
    pool: &Pool,
    folder: &Path,
    postgres: SocketAddr,
    database: &str,
) -> Option<(SocketAddr, Child)> {
    let port = free_port();
    let pid_file = folder.join("pgbouncer.pid");
    let pool = pool
        .clone()
        .with("pidfile", pid_file.display())
        .with("logfile", folder.join("log").display());
    let ini = pool.write(folder, port, postgres, database);
    let mut process = unprivileged(&mut Command::new("/usr/sbin/pgbouncer"))
        .arg("--quiet")
        .arg(ini)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("start pgbouncer: is it installed?");
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let mut ended = false;
    wait_until("PgBouncer to come up", || {
        ended = process.try_wait().expect("look at pgbouncer").is_some();
        ended || (pid_file.exists() && TcpStream::connect(address).is_ok())
    });
    (!ended).then_some((address, process))
}

fn log_of(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_else(|error| error.to_string())
}
