//! Our pooler, in the process of the tests.

use std::net::SocketAddr;
use std::path::Path;

use poolproof_proxy::config::Config;
use poolproof_proxy::{Running, start};
use tempfile::TempDir;

use super::Pool;

/// Threads of a pooler that isn't told how many: two, so that servers pass between them.
const CORES: u32 = 2;

/// A running pooler, stopped when this value is dropped.
#[derive(Debug)]
pub(super) struct Proxy {
    running: Running,
    folder: TempDir,
}

impl Proxy {
    pub(super) fn start(pool: &Pool, postgres: SocketAddr, database: &str) -> Self {
        let folder = tempfile::tempdir().expect("make a folder");
        let pool = pool.clone().unless_set("worker_threads", CORES).for_ours();
        let ini = pool.write(folder.path(), 0, postgres, database);
        // The port that one core was given may be taken before the others have it too.
        let started = (0..3).find_map(|_| {
            let config = Config::load(&ini).expect("a valid configuration");
            start(config).ok()
        });
        Self {
            running: started.expect("start the pooler"),
            folder,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.running.local_addrs()[0]
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn running(&self) -> &Running {
        &self.running
    }
}
