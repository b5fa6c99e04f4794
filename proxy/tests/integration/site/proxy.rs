//! Our pooler, in the process of the tests.

use std::net::SocketAddr;

use poolproof_proxy::config::Config;
use poolproof_proxy::{Running, start};
use tempfile::TempDir;

use super::Pool;

/// Threads of the pooler: two, so that servers pass from one to the other.
const CORES: u32 = 2;

/// A running pooler, stopped when this value is dropped.
#[derive(Debug)]
pub(super) struct Proxy {
    running: Running,
    _folder: TempDir,
}

impl Proxy {
    pub(super) fn start(pool: &Pool, postgres: SocketAddr, database: &str) -> Self {
        let folder = tempfile::tempdir().expect("make a folder");
        let pool = pool.clone().with("worker_threads", CORES);
        let ini = pool.write(folder.path(), 0, postgres, database);
        let config = Config::load(&ini).expect("a valid configuration");
        Self {
            running: start(config).expect("start the pooler"),
            _folder: folder,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.running.local_addrs()[0]
    }

    pub(super) fn running(&self) -> &Running {
        &self.running
    }
}
