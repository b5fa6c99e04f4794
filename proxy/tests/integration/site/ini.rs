//! The one configuration that every pooler is given.

use std::fmt::{self, Write};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::cluster::{APP, OTHER, hand_over};

/// What a test asks of a pool.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    size: u32,
    settings: Vec<(&'static str, String)>,
    /// Who may log in beside [`APP`], without a password as well.
    users: Vec<String>,
    /// More of the database's connect string.
    connect: String,
    /// More lines, with any sections.
    more: String,
    /// Of the environment of a pooler's process.
    environment: Vec<(&'static str, String)>,
}

impl Pool {
    /// A pool of `size` servers in transaction mode.
    pub(crate) fn of(size: u32) -> Self {
        Self {
            size,
            settings: Vec::new(),
            users: Vec::new(),
            connect: String::new(),
            more: String::new(),
            environment: Vec::new(),
        }
    }

    /// More of the database's connect string.
    pub(crate) fn on_database(mut self, pairs: &str) -> Self {
        self.connect.push(' ');
        self.connect.push_str(pairs);
        self
    }

    /// More lines at the end. `{postgres}` in them is where PostgreSQL is, `{database}` the name
    /// of the site's database.
    pub(crate) fn more(mut self, lines: &str) -> Self {
        self.more.push_str(lines);
        self.more.push('\n');
        self
    }

    /// One more variable of the environment of a pooler in a process of its own.
    #[cfg(feature = "pam")]
    pub(crate) fn in_environment(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.environment.push((name, value.to_string()));
        self
    }

    pub(super) fn environment(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
    }

    /// One more user who may log in without a password.
    pub(crate) fn also_user(mut self, name: &str) -> Self {
        self.users.push(name.to_owned());
        self
    }

    /// One more line of `[pgbouncer]`.
    pub(crate) fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.settings.push((key, value.to_string()));
        self
    }

    /// One more line of `[pgbouncer]`, unless the test has set `key` already.
    pub(super) fn unless_set(self, key: &'static str, value: impl fmt::Display) -> Self {
        let set = self.settings.iter().any(|(name, _)| *name == key);
        if set { self } else { self.with(key, value) }
    }

    /// What our pooler is told unless a test says otherwise: to a busy machine a wait of some
    /// seconds is nothing, and no notice is to come of it.
    pub(super) fn for_ours(self) -> Self {
        self.unless_set("query_wait_notify", 0)
    }

    /// Writes `pgbouncer.ini` and what it names to `folder`, and returns its path.
    pub(super) fn write(
        &self,
        folder: &Path,
        listen_port: u16,
        postgres: SocketAddr,
        database: &str,
    ) -> PathBuf {
        let path = folder.join("pgbouncer.ini");
        let users = folder.join("userlist.txt");
        let names = [APP, OTHER]
            .into_iter()
            .chain(self.users.iter().map(String::as_str));
        let lines: String = names.map(|name| format!("\"{name}\" \"\"\n")).collect();
        fs::write(&users, lines).expect("write userlist.txt");
        let mut text = format!(
            "[databases]\n\
             {database} = host={} port={} dbname={database}{}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {listen_port}\n\
             unix_socket_dir =\n\
             auth_type = trust\n\
             auth_file = {}\n\
             pool_mode = transaction\n\
             default_pool_size = {}\n\
             max_client_conn = 2000\n\
             ignore_startup_parameters = extra_float_digits\n",
            postgres.ip(),
            postgres.port(),
            self.connect,
            users.display(),
            self.size
        );
        for (key, value) in &self.settings {
            writeln!(text, "{key} = {value}").expect("a string takes everything");
        }
        let place = format!("host={} port={}", postgres.ip(), postgres.port());
        let more = self.more.replace("{postgres}", &place);
        text.push_str(&more.replace("{database}", database));
        fs::write(&path, text).expect("write pgbouncer.ini");
        for file in [&path, &users] {
            hand_over(file);
        }
        path
    }
}
