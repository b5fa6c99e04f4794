//! A pooler's program with its files.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use nix::unistd::{Pid, Uid};

use super::{PROGRAM, text};
use crate::cluster::{APP, Cluster, Guardian, free_port, hand_over, private_folder, psql_at};
use crate::patience::wait_until;

/// A folder with a configuration in front of PostgreSQL, removed in the end with what runs there.
pub(super) struct Site {
    pub(super) folder: PathBuf,
    port: AtomicU16,
    _guardian: Guardian,
}

impl Site {
    pub(super) fn new() -> Self {
        let folder = private_folder();
        let guardian = Guardian::watch(&folder, &folder.join("pid"));
        let site = Self {
            folder,
            port: free_port().into(),
            _guardian: guardian,
        };
        site.write("users", &format!("\"{APP}\" \"\"\n"));
        site.write("ini", &site.ini(""));
        site
    }

    pub(super) fn ini(&self, settings: &str) -> String {
        format!(
            "[databases]\npostgres = host=127.0.0.1 port={postgres}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = trust\nauth_file = {folder}/users\n\
             pidfile = {folder}/pid\nlogfile = {folder}/log\n{settings}\n",
            postgres = Cluster::shared().address().port(),
            port = self.port(),
            folder = self.folder.display(),
        )
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        fs::write(&path, text).expect("write a file");
        hand_over(&path);
    }

    /// The program with `args` and the configuration, as a user whom it accepts.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        if Uid::effective().is_root() {
            command.args(["-u", "postgres"]);
        }
        command
            .args(args)
            .arg(self.folder.join("ini"))
            .stdin(Stdio::null());
        command
    }

    pub(super) fn start(&self) -> Child {
        self.start_with(&mut self.command(&["-q"]))
    }

    pub(super) fn start_with(&self, command: &mut Command) -> Child {
        let started = (0..3).find_map(|_| self.try_start(command));
        started.unwrap_or_else(|| panic!("it ended: {}", self.log()))
    }

    /// The pooler, when it is up; nothing when it has ended for want of its port, in whose place
    /// another stands in the configuration now.
    fn try_start(&self, command: &mut Command) -> Option<Child> {
        let mut process = command.spawn().expect("start the pooler");
        let pid = Pid::from_raw(process.id().cast_signed());
        let mut ended = None;
        wait_until("the pooler to come up", || {
            ended = process.try_wait().expect("look at the pooler");
            ended.is_some() || (self.pid() == Some(pid) && self.answers())
        });
        let Some(status) = ended else {
            return Some(process);
        };
        assert_eq!(status.code(), Some(3), "it ended: {}", self.log());
        let taken = self.port.swap(free_port(), Ordering::Relaxed);
        let ini = fs::read_to_string(self.folder.join("ini")).expect("read the configuration");
        let line = |port: u16| format!("listen_port = {port}\n");
        self.write("ini", &ini.replace(&line(taken), &line(self.port())));
        None
    }

    /// Where it listens. Another program may have taken it until the pooler is up.
    pub(super) fn port(&self) -> u16 {
        self.port.load(Ordering::Relaxed)
    }

    pub(super) fn answers(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port())).is_ok()
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    pub(super) fn pid(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.folder.join("pid")).ok()?;
        text.trim().parse().ok().map(Pid::from_raw)
    }

    /// What psql gets through the pooler.
    pub(super) fn psql(&self) -> String {
        let output = psql_at((Ipv4Addr::LOCALHOST, self.port()).into(), APP, "postgres")
            .args(["-c", "SELECT 42"])
            .output()
            .expect("run psql");
        format!("{}{}", text(&output.stdout), text(&output.stderr))
    }
}
