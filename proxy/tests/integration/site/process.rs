//! A pooler in a process of its own: PgBouncer as the system has it, or our program.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::unistd::Uid;

use super::Pool;
use crate::cluster::{Guardian, free_port, private_folder, unprivileged};
use crate::patience::wait_until;

/// What runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Program {
    PgBouncer,
    Proxy,
}

impl Program {
    /// The program as a user whom it accepts.
    fn command(self) -> Command {
        match self {
            Self::PgBouncer => {
                let mut command = Command::new("/usr/sbin/pgbouncer");
                unprivileged(&mut command);
                command
            }
            Self::Proxy => {
                // Started as root, since others may not read the folder that it was built in.
                let mut command = Command::new(env!("CARGO_BIN_EXE_poolproof-proxy"));
                if Uid::effective().is_root() {
                    command.args(["-u", "postgres"]);
                }
                command
            }
        }
    }
}

/// A running pooler, removed when this value is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Process {
    address: SocketAddr,
    folder: PathBuf,
    // The guardian stops it; only then can it be reaped.
    guardian: Option<Guardian>,
    child: Child,
}

impl Process {
    pub(super) fn start(
        program: Program,
        pool: &Pool,
        postgres: SocketAddr,
        database: &str,
    ) -> Self {
        let folder = private_folder();
        let guardian = Guardian::watch(&folder, &folder.join("pid"));
        let (address, child) = (0..3)
            .find_map(|_| {
                let port = free_port();
                let pool = with_files(pool, &folder);
                let pool = match program {
                    Program::PgBouncer => pool,
                    Program::Proxy => pool.for_ours(),
                };
                let ini = pool.write(&folder, port, postgres, database);
                let mut command = program.command();
                command.envs(pool.environment());
                launch(&mut command, &ini, (Ipv4Addr::LOCALHOST, port).into())
            })
            .unwrap_or_else(|| panic!("{program:?} does not start: {}", log_of(&folder)));
        Self {
            address,
            folder,
            guardian: Some(guardian),
            child,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it has logged.
    pub(super) fn log(&self) -> String {
        log_of(&self.folder)
    }

    /// The most memory that was ever resident, in kilobytes.
    pub(super) fn peak_memory_kb(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(path).expect("read the status of a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next());
        kilobytes.expect("VmHWM").parse().expect("a number")
    }
}

/// `pool`, with the files that a process has.
pub(super) fn with_files(pool: &Pool, folder: &Path) -> Pool {
    pool.clone()
        .with("pidfile", folder.join("pid").display())
        .with("logfile", folder.join("log").display())
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.guardian.take());
        let _ = self.child.wait();
    }
}

/// The pooler at `address`, when it is up; nothing when it has ended.
fn launch(command: &mut Command, ini: &Path, address: SocketAddr) -> Option<(SocketAddr, Child)> {
    let mut child = command
        .arg("--quiet")
        .arg(ini)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("start a pooler: is pgbouncer installed?");
    let pid_file = ini.with_file_name("pid");
    let mut ended = false;
    wait_until("the pooler to come up", || {
        ended = child.try_wait().expect("look at the pooler").is_some();
        ended || (pid_file.exists() && TcpStream::connect(address).is_ok())
    });
    (!ended).then_some((address, child))
}

fn log_of(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_else(|error| error.to_string())
}
