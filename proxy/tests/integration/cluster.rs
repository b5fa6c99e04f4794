//! A throw-away PostgreSQL.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, io};

use nix::unistd::Pid;

use crate::raw::Client;

mod account;
mod guardian;
mod port;

pub(crate) use account::{hand_over, unprivileged};
pub(crate) use guardian::Guardian;
pub(crate) use port::free_port;

/// The superuser.
pub(crate) const SUPERUSER: &str = "postgres";
/// The superuser's password.
pub(crate) const SUPERUSER_PASSWORD: &str = "only for tests";
/// An ordinary role that logs in without a password.
pub(crate) const APP: &str = "app";

/// Another such role.
pub(crate) const OTHER: &str = "other";

/// How a client over TCP proves who it is: by password, but for members of a role that says
/// otherwise. The Unix socket, in a folder of our own, trusts everybody.
const HBA: &str = "\
local all all                       trust
host  all +auth_trust  127.0.0.1/32 trust
host  all +auth_md5    127.0.0.1/32 md5
host  all +auth_clear  127.0.0.1/32 password
host  replication +auth_trust 127.0.0.1/32 trust
host  all all          127.0.0.1/32 scram-sha-256
";

/// Durability is nothing to a cluster that lives for seconds.
const SETTINGS: &str = "\
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = '32MB'
fsync = off
full_page_writes = off
synchronous_commit = off
autovacuum = off
timezone = 'UTC'
password_encryption = 'scram-sha-256'
";

const SET_UP: &str = "\
CREATE ROLE auth_trust; CREATE ROLE auth_md5; CREATE ROLE auth_clear;
CREATE ROLE app LOGIN IN ROLE auth_trust;
CREATE ROLE other LOGIN IN ROLE auth_trust;
GRANT pg_signal_backend TO app";

/// A running PostgreSQL, removed when this value is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Cluster {
    folder: PathBuf,
    port: u16,
    _guardian: Guardian,
}

impl Cluster {
    /// The one that all tests share which don't stop or freeze it.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// One more, for tests that stop or freeze it.
    pub(crate) fn start() -> Self {
        let folder = private_folder();
        let data = folder.join("data");
        let guardian = Guardian::watch(&folder, &data.join("postmaster.pid"));
        init(&folder);
        let port = (0..3)
            .map(|_| free_port())
            .find(|port| launch(&folder, *port))
            .unwrap_or_else(|| panic!("PostgreSQL does not start: {}", log_of(&folder)));
        let cluster = Self {
            folder,
            port,
            _guardian: guardian,
        };
        cluster.set_up();
        cluster
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Its folder, which only its user may read.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The process that accepts its connections.
    pub(crate) fn postmaster(&self) -> Pid {
        let file = self.folder.join("data/postmaster.pid");
        let text = fs::read_to_string(file).expect("read postmaster.pid");
        let number = text.lines().next().and_then(|line| line.parse().ok());
        Pid::from_raw(number.expect("a process"))
    }

    /// Stops it as a crash would and returns when it is down.
    pub(crate) fn crash(&self) {
        let stopped = pg_ctl(&self.folder)
            .args(["stop", "-m", "immediate"])
            .status();
        assert!(stopped.expect("run pg_ctl").success(), "pg_ctl stop");
    }

    /// Starts it again on the same port and returns when it answers.
    pub(crate) fn restart(&self) {
        assert!(
            launch(&self.folder, self.port),
            "PostgreSQL does not come back: {}",
            log_of(&self.folder)
        );
    }

    /// Runs `sql` as `user` in `database`, apart from every pool, and returns the rows as text with
    /// a space between the columns.
    pub(crate) fn sql_as(&self, user: &str, database: &str, sql: &str) -> Vec<String> {
        let output = Command::new(program("psql"))
            .args(["--no-psqlrc", "-qAtX", "-v", "ON_ERROR_STOP=1", "-F", " "])
            .args(["-U", user, "-d", database, "-c", sql])
            .args(["-p", &self.port.to_string(), "-h"])
            .arg(&self.folder)
            .output()
            .expect("run psql");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {complaint}");
        let rows = String::from_utf8(output.stdout).expect("UTF-8 from psql");
        rows.lines().map(str::to_owned).collect()
    }

    /// Runs `sql` as the superuser in the database `postgres`.
    pub(crate) fn sql(&self, sql: &str) -> Vec<String> {
        self.sql_as(SUPERUSER, "postgres", sql)
    }

    /// Makes a new empty database, owned by [`APP`], and returns its name.
    pub(crate) fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("db{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.sql(&format!("CREATE DATABASE {name} OWNER {APP}"));
        name
    }

    /// Makes a role that can log in. `groups` are roles of the host-based authentication:
    /// `auth_trust`, `auth_md5`, `auth_clear`; without one the role logs in with SCRAM-SHA-256.
    pub(crate) fn role(&self, name: &str, password: &str, groups: &[&str]) {
        self.sql(&format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'"));
        for group in groups {
            self.sql(&format!("GRANT {group} TO {name}"));
        }
    }

    /// How many backends serve `database` now.
    pub(crate) fn backends(&self, database: &str) -> usize {
        let sql = format!("SELECT pid FROM pg_stat_activity WHERE datname = '{database}'");
        self.sql(&sql).len()
    }

    fn set_up(&self) {
        for statement in SET_UP.split(';') {
            self.sql(statement);
        }
        // The raw client must be let in without a password.
        drop(Client::connect(self.address(), APP, "postgres"));
    }
}

/// psql for what listens at `address`: it reads no file of its user's and never asks for a password.
pub(crate) fn psql_at(address: SocketAddr, user: &str, database: &str) -> Command {
    let mut command = Command::new(program("psql"));
    command
        .args(["--no-psqlrc", "-qAtX", "-w"])
        .args(["-h", &address.ip().to_string()])
        .args(["-p", &address.port().to_string()])
        .args(["-U", user, "-d", database]);
    command
}

/// A program of PostgreSQL: from the newest version that is installed, or from the search path.
pub(crate) fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let installed = versions
        .flatten()
        .map(|entry| entry.path().join("bin").join(name));
    let newest = installed
        .filter(|path| path.exists())
        .max_by_key(|path| version_of(path));
    newest.unwrap_or_else(|| PathBuf::from(name))
}

fn version_of(program: &Path) -> Option<u32> {
    let version = program.ancestors().nth(2)?.file_name()?;
    version.to_str()?.parse().ok()
}

/// A new folder that belongs to whoever runs the servers.
pub(crate) fn private_folder() -> PathBuf {
    let made = tempfile::Builder::new()
        .prefix("poolproof-test-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir();
    let folder = made.expect("make a folder").keep();
    hand_over(&folder);
    folder
}

fn init(folder: &Path) {
    let password_file = folder.join("password");
    fs::write(&password_file, SUPERUSER_PASSWORD).expect("write the password");
    hand_over(&password_file);
    let output = unprivileged(&mut Command::new(program("initdb")))
        .args(["--no-sync", "--encoding=UTF8", "--locale=C"])
        .args(["--username", SUPERUSER, "--pwfile"])
        .arg(&password_file)
        .arg("--pgdata")
        .arg(folder.join("data"))
        .current_dir(folder)
        .output();
    let output = output.expect("run initdb: is PostgreSQL's server installed?");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "initdb: {complaint}");
    fs::write(folder.join("data/pg_hba.conf"), HBA).expect("write pg_hba.conf");
    append(&folder.join("data/postgresql.conf"), SETTINGS).expect("write postgresql.conf");
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    let before = fs::read_to_string(path)?;
    fs::write(path, before + text)
}

/// Whether PostgreSQL came up on `port`.
fn launch(folder: &Path, port: u16) -> bool {
    let options = format!("-p {port} -k {}", folder.display());
    let status = pg_ctl(folder)
        .args(["start", "-t", "20", "-o", &options])
        .arg("-l")
        .arg(folder.join("log"))
        .status();
    status.expect("run pg_ctl").success()
}

fn pg_ctl(folder: &Path) -> Command {
    let mut command = Command::new(program("pg_ctl"));
    unprivileged(&mut command)
        .args(["--wait", "--silent", "--pgdata"])
        .arg(folder.join("data"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn log_of(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_else(|error| error.to_string())
}
