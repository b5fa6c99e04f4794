//! Our pooler and PgBouncer, started one after the other from the same files.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use poolproof_proxy::Running;
use poolproof_proxy::config::Config;

use crate::cluster::{Cluster, Guardian, free_port, hand_over, private_folder, unprivileged};
use crate::patience::wait_until;

/// A pooler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooler {
    /// Ours, in this process.
    Ours,
    /// PgBouncer as installed.
    PgBouncer,
}

/// Both.
pub(crate) const POOLERS: [Pooler; 2] = [Pooler::Ours, Pooler::PgBouncer];

/// Where and as whom to log in.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) user: String,
    pub(crate) database: String,
}

impl Target {
    /// The same in another database.
    pub(crate) fn on(mut self, database: &str) -> Self {
        database.clone_into(&mut self.database);
        self
    }
}

/// The files of a pooler in front of a database of its own, and the port that they name.
pub(crate) struct Site {
    folder: PathBuf,
    port: u16,
    database: String,
    _guardian: Guardian,
}

/// A pooler that runs, until this is dropped.
pub(crate) enum Started {
    Ours(Running),
    PgBouncer(Child),
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Self::PgBouncer(process) = self {
            // One that has ended already is what we want.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Site {
    /// `settings` are lines of `[pgbouncer]`, `users` is the text of `auth_file`.
    pub(crate) fn new(settings: &str, users: &str) -> Self {
        Self::with_connect(settings, users, "")
    }

    /// The same with more in the connect string.
    pub(crate) fn with_connect(settings: &str, users: &str, connect: &str) -> Self {
        Self::in_front_of(Cluster::shared(), settings, users, connect)
    }

    /// The same in front of another cluster.
    pub(crate) fn in_front_of(
        cluster: &'static Cluster,
        settings: &str,
        users: &str,
        connect: &str,
    ) -> Self {
        let database = cluster.database();
        let folder = private_folder();
        let guardian = Guardian::watch(&folder, &folder.join("pid"));
        let port = free_port();
        let postgres = cluster.address();
        let text = format!(
            "; The same file for both poolers.\n\
             [databases]\n\
             {database} = {}port={} {connect}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_file = {folder}/users\n\
             pidfile = {folder}/pid\n\
             logfile = {folder}/log\n\
             ignore_startup_parameters = extra_float_digits\n\
             pool_mode = session\n\
             {settings}\n",
            if connect.contains("host=") {
                String::new()
            } else {
                format!("host={} ", postgres.ip())
            },
            postgres.port(),
            folder = folder.display(),
        );
        for (name, text) in [("ini", text.as_str()), ("users", users)] {
            fs::write(folder.join(name), text).expect("write a file");
            hand_over(&folder.join(name));
        }
        Self {
            folder,
            port,
            database,
            _guardian: guardian,
        }
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// As `user`, through the pooler.
    pub(crate) fn target(&self, user: &str) -> Target {
        self.at((Ipv4Addr::LOCALHOST, self.port).into(), user)
    }

    /// As `user`, past the pooler.
    pub(crate) fn direct(&self, user: &str) -> Target {
        self.at(Cluster::shared().address(), user)
    }

    fn at(&self, address: SocketAddr, user: &str) -> Target {
        Target {
            address,
            user: user.to_owned(),
            database: self.database.clone(),
        }
    }

    /// Starts a pooler and returns when clients can connect.
    pub(crate) fn start(&self, pooler: Pooler) -> Started {
        let ini = self.folder.join("ini");
        match pooler {
            Pooler::Ours => {
                let mut running = None;
                // The pooler that had the port before may still be leaving it.
                wait_until("our pooler to have its port", || {
                    let config = Config::load(&ini).expect("the file is accepted");
                    running = poolproof_proxy::start(config).ok();
                    running.is_some()
                });
                Started::Ours(running.expect("the pooler starts"))
            }
            Pooler::PgBouncer => {
                let process = launch(&ini);
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
                let mut started = Started::PgBouncer(process);
                wait_until("PgBouncer to come up", || {
                    if let Started::PgBouncer(process) = &mut started {
                        let ended = process.try_wait().expect("look at pgbouncer");
                        assert!(ended.is_none(), "PgBouncer refuses: {}", self.log());
                    }
                    TcpStream::connect(address).is_ok()
                });
                started
            }
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_else(|error| error.to_string())
    }
}

fn launch(ini: &Path) -> Child {
    // A process that was killed leaves its pidfile.
    let _ = fs::remove_file(ini.with_file_name("pid"));
    unprivileged(&mut Command::new("/usr/sbin/pgbouncer"))
        .arg("--quiet")
        .arg(ini)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("start pgbouncer: is it installed?")
}
