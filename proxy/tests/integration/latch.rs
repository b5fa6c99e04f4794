//! A query that runs until the test has seen enough.

use crate::cluster::APP;
use crate::patience::wait_until;
use crate::raw::Client;
use crate::site::Site;

/// What a client says to run until the latch is opened. The lock goes with the transaction.
pub(crate) const WAIT: &str = "Q SELECT pg_advisory_xact_lock(1)";

/// What it is told in the end.
pub(crate) const WAITED: &str = "T pg_advisory_xact_lock:2278 | D | C SELECT 1 | Z I";

/// A lock, held past the pooler.
#[derive(Debug)]
pub(crate) struct Latch {
    holder: Client,
}

impl Latch {
    /// Closes the latch of a site's database.
    pub(crate) fn close(site: &Site) -> Self {
        let mut holder = Client::connect(site.cluster().address(), APP, site.database());
        let answer = holder.run("Q SELECT pg_advisory_lock(1)");
        assert!(answer.ends_with("C SELECT 1 | Z I"), "{answer}");
        Self { holder }
    }

    /// Lets a client wait for the latch, and returns when its query runs.
    pub(crate) fn hold(&self, site: &Site, client: &mut Client) {
        let running = || site.running("pg_advisory_xact_lock");
        let before = running();
        client.say(WAIT);
        wait_until("the query to run", || running() > before);
    }

    /// Lets all queries end that wait.
    pub(crate) fn open(mut self) {
        let answer = self.holder.run("Q SELECT pg_advisory_unlock(1)");
        assert!(answer.contains("| D t |"), "{answer}");
    }
}
