//! Where a test takes place: PostgreSQL itself, or a pooler in front of it.

use std::net::SocketAddr;
use std::path::Path;

use expect_test::Expect;

use crate::cluster::{APP, Cluster};
use crate::patience::wait_until;
use crate::raw::Client;

mod ini;
mod process;
mod proxy;

pub(crate) use ini::Pool;
use process::{Process, Program};

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Against {
    /// The oracle.
    Postgres,
    /// PgBouncer as installed.
    PgBouncer,
    /// Our pooler, in this process.
    Proxy,
    /// Our pooler, in a process of its own.
    ProxyProcess,
}

use Against::{PgBouncer, Postgres, Proxy, ProxyProcess};

/// PostgreSQL and every pooler.
pub(crate) const EVERYWHERE: &[Against] = &[Postgres, PgBouncer, Proxy];
/// PostgreSQL and our pooler, where PgBouncer answers otherwise than PostgreSQL.
pub(crate) const AS_POSTGRES: &[Against] = &[Postgres, Proxy];
/// Every pooler.
pub(crate) const POOLERS: &[Against] = &[PgBouncer, Proxy];
/// Our pooler, where PgBouncer does otherwise.
pub(crate) const OURS: &[Against] = &[Proxy];
/// Every pooler, each in a process of its own.
pub(crate) const POOLER_PROCESSES: &[Against] = &[PgBouncer, ProxyProcess];

/// What runs for the sake of a site, and stops with it.
#[derive(Debug)]
enum Running {
    /// The cluster, which outlives the site.
    Nothing,
    Process(Process),
    Proxy(proxy::Proxy),
}

/// A database of its own, and the way to it.
#[derive(Debug)]
pub(crate) struct Site {
    against: Against,
    cluster: &'static Cluster,
    database: String,
    address: SocketAddr,
    running: Running,
}

impl Site {
    /// A new database on the shared cluster; `pool` is what a pooler in front is told.
    pub(crate) fn start(against: Against, pool: &Pool) -> Self {
        Self::start_on(Cluster::shared(), against, pool)
    }

    /// The same on a cluster of the caller's own.
    pub(crate) fn start_on(cluster: &'static Cluster, against: Against, pool: &Pool) -> Self {
        let database = cluster.database();
        let (address, running) = match against {
            Postgres => (cluster.address(), Running::Nothing),
            PgBouncer => process(Program::PgBouncer, cluster, pool, &database),
            ProxyProcess => process(Program::Proxy, cluster, pool, &database),
            Proxy => {
                let proxy = proxy::Proxy::start(pool, cluster.address(), &database);
                (proxy.address(), Running::Proxy(proxy))
            }
        };
        Self {
            against,
            cluster,
            database,
            address,
            running,
        }
    }

    /// Who answers here.
    pub(crate) fn against(&self) -> Against {
        self.against
    }

    /// Where to connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The database's name, the same before and behind the pooler.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// The PostgreSQL behind.
    pub(crate) fn cluster(&self) -> &'static Cluster {
        self.cluster
    }

    /// Gives the pooler another configuration and has it read that. Its console must be open to
    /// [`APP`].
    pub(crate) fn reconfigure(&self, pool: &Pool) {
        self.reconfigure_to(pool, self.cluster.address());
    }

    /// Gives the pooler another configuration and asks it to read that; what it answers.
    pub(crate) fn try_to_reconfigure(&self, pool: &Pool) -> String {
        self.write(pool, self.cluster.address());
        self.console().run("Q RELOAD")
    }

    /// The same, with PostgreSQL at another address.
    pub(crate) fn reconfigure_to(&self, pool: &Pool, postgres: SocketAddr) {
        self.write(pool, postgres);
        assert_eq!(self.console().run("Q RELOAD"), "C RELOAD | Z I");
    }

    /// Writes the pooler's configuration anew.
    fn write(&self, pool: &Pool, postgres: SocketAddr) {
        let (folder, pool) = match &self.running {
            Running::Proxy(proxy) => (proxy.folder(), pool.clone()),
            Running::Process(process) => {
                let folder = process.folder();
                (folder, process::with_files(pool, folder))
            }
            Running::Nothing => panic!("PostgreSQL has no pool"),
        };
        let port = match self.against {
            // As it was when it started, lest a restart be asked for.
            Proxy => 0,
            _ => self.address.port(),
        };
        pool.write(folder, port, postgres, &self.database);
    }

    /// The folder of the pooler's files.
    pub(crate) fn folder(&self) -> &Path {
        match &self.running {
            Running::Proxy(proxy) => proxy.folder(),
            Running::Process(process) => process.folder(),
            Running::Nothing => panic!("PostgreSQL has no pooler's files"),
        }
    }

    /// The admin console, which must be open to [`APP`].
    pub(crate) fn console(&self) -> Client {
        Client::connect(self.address, APP, "pgbouncer")
    }

    /// What the pooler's process has logged.
    pub(crate) fn log(&self) -> String {
        match &self.running {
            Running::Process(process) => process.log(),
            Running::Nothing | Running::Proxy(_) => panic!("{:?} has no log", self.against),
        }
    }

    /// Our pooler, when it is the one that answers here.
    pub(crate) fn pooler(&self) -> &poolproof_proxy::Running {
        match &self.running {
            Running::Proxy(proxy) => proxy.running(),
            Running::Nothing | Running::Process(_) => {
                panic!("{:?} is not ours", self.against)
            }
        }
    }

    /// The most memory that the pooler's process ever had, in kilobytes.
    pub(crate) fn peak_memory_kb(&self) -> u64 {
        match &self.running {
            Running::Process(process) => process.peak_memory_kb(),
            Running::Nothing | Running::Proxy(_) => panic!("{:?} has no process", self.against),
        }
    }

    /// A session of [`APP`].
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address, APP, &self.database)
    }

    /// A session of `user` in `database`.
    pub(crate) fn client_of(&self, user: &str, database: &str) -> Client {
        Client::connect(self.address, user, database)
    }

    /// A session of [`APP`] that says more at its login.
    pub(crate) fn client_with(&self, parameters: &[(&str, &str)]) -> Result<Client, String> {
        let names = [("user", APP), ("database", self.database.as_str())];
        Client::try_connect(self.address, &[&names, parameters].concat())
    }

    /// A new client's query is answered.
    #[track_caller]
    pub(crate) fn assert_serves(&self) {
        let answer = self.client().run("Q SELECT 1");
        let expected = "T ?column?:23 | D 1 | C SELECT 1 | Z I";
        assert_eq!(answer, expected, "{:?}", self.against);
    }

    /// `size` transactions run side by side, on `size` clean servers and no more.
    #[track_caller]
    pub(crate) fn assert_whole(&self, size: usize) {
        let mut clients: Vec<Client> = (0..size).map(|_| self.client()).collect();
        for client in &mut clients {
            let answer = client.run("Q BEGIN | < Z | Q SELECT 1");
            let expected = "C BEGIN | Z T\nT ?column?:23 | D 1 | C SELECT 1 | Z T";
            assert_eq!(answer, expected, "{:?}", self.against);
        }
        // A backend whose pooler has left it takes a while to notice.
        wait_until("no more backends than servers", || self.backends() <= size);
        for client in &mut clients {
            assert_eq!(client.run("Q COMMIT"), "C COMMIT | Z I");
        }
    }

    /// Runs `sql` as [`APP`], past the pooler.
    pub(crate) fn sql(&self, sql: &str) -> Vec<String> {
        self.cluster.sql_as(APP, &self.database, sql)
    }

    /// How many backends serve this database now, asked past the pooler.
    pub(crate) fn backends(&self) -> usize {
        self.cluster.backends(&self.database)
    }

    /// How many backends run a statement that contains `text` now.
    pub(crate) fn running(&self, text: &str) -> usize {
        self.count(&format!("state = 'active' AND query LIKE '%{text}%'"))
    }

    /// How many backends wait for `event` now.
    pub(crate) fn waiting(&self, event: &str) -> usize {
        self.count(&format!("wait_event = '{event}'"))
    }

    /// The backends of this database of which `condition` holds.
    fn count(&self, condition: &str) -> usize {
        let of_site = format!("datname = '{}' AND {condition}", self.database);
        let sql = format!("SELECT pid FROM pg_stat_activity WHERE {of_site}");
        self.cluster.sql(&sql).len()
    }
}

/// Starts `program` in front of `database`.
fn process(
    program: Program,
    cluster: &Cluster,
    pool: &Pool,
    database: &str,
) -> (SocketAddr, Running) {
    let process = Process::start(program, pool, cluster.address(), database);
    (process.address(), Running::Process(process))
}

/// The same database everywhere.
#[derive(Debug)]
pub(crate) struct Sites(Vec<Site>);

impl Sites {
    /// Starts `places` with `pool`, and runs `sql` in the database of each.
    pub(crate) fn start(places: &[Against], pool: &Pool, sql: &str) -> Self {
        let sites = places.iter().map(|against| {
            let site = Site::start(*against, pool);
            site.sql(sql);
            site
        });
        Self(sites.collect())
    }

    /// Acts out `script` with a new client everywhere. PostgreSQL must answer `expected`, and
    /// everybody what PostgreSQL answers.
    #[track_caller]
    pub(crate) fn check(&self, script: &str, expected: &Expect) {
        self.check_with(script, expected, |client, bytes| client.send(bytes));
    }

    /// [`Self::check`]; `send` decides how the bytes are cut.
    #[track_caller]
    pub(crate) fn check_with(
        &self,
        script: &str,
        expected: &Expect,
        send: impl Fn(&mut Client, &[u8]),
    ) {
        self.compare(expected, script, |client| client.run_with(script, &send));
    }

    /// Acts out `script` with a new client everywhere, where a calculation says what everybody must
    /// answer.
    #[track_caller]
    pub(crate) fn expect_all(&self, script: &str, expected: &str) {
        for site in &self.0 {
            let mut client = site.client();
            let answer = client.run(script);
            let against = site.against();
            assert!(
                answer == expected,
                "{against:?}: {}",
                parting(&answer, expected)
            );
            assert_in_step(&mut client, &answer, against);
        }
    }

    /// Holds a conversation with a new client everywhere. PostgreSQL must answer `expected`, and
    /// everybody what PostgreSQL answers.
    #[track_caller]
    pub(crate) fn compare(
        &self,
        expected: &Expect,
        what: &str,
        conversation: impl Fn(&mut Client) -> String,
    ) {
        let mut oracle = None;
        for site in &self.0 {
            let mut client = site.client();
            let answer = conversation(&mut client);
            let oracle = oracle.get_or_insert_with(|| {
                expected.assert_eq(&answer);
                answer.clone()
            });
            assert_eq!(&answer, oracle, "{:?} on {what}", site.against());
            assert_in_step(&mut client, &answer, site.against());
        }
    }
}

/// Where two long answers part.
fn parting(answer: &str, expected: &str) -> String {
    let mut pairs = messages(answer).zip(messages(expected)).enumerate();
    match pairs.find(|(_, (got, wanted))| got != wanted) {
        Some((place, (got, wanted))) => format!("{place}: expected {wanted:?}, got {got:?}"),
        None => "one answer ends before the other".to_owned(),
    }
}

fn messages(answer: &str) -> impl Iterator<Item = &str> {
    answer.split('\n').flat_map(|line| line.split(" | "))
}

/// Nothing more may follow an answer than what was asked for, and the session must go on.
#[track_caller]
fn assert_in_step(client: &mut Client, answer: &str, against: Against) {
    let last = messages(answer).last();
    let (question, expected) = match last {
        Some("Z I") => ("Q SELECT 1", "T ?column?:23 | D 1 | C SELECT 1 | Z I"),
        Some("Z T" | "Z E") => ("Q ROLLBACK", "C ROLLBACK | Z I"),
        _ => return,
    };
    let found = client.run(question);
    assert_eq!(found, expected, "{against:?} lost its step after {answer}");
}
