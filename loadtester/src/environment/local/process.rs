//! A child process that is watched, ended in order, and never outlives us.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use nix::{
    sys::signal::{SigSet, Signal, kill},
    unistd::Pid,
};

use super::{account::Account, workdir::Children};
use crate::{
    engine::descendants,
    environment::{EnvironmentError, error::LogTail, wait},
};

/// How long a program may take to leave on each signal before a stronger one follows.
const GRACE: Duration = Duration::from_secs(3);
/// Bytes at the end of a log that are looked at.
const TAIL_BYTES: u64 = 16 << 10;

/// How a program is asked to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    /// PostgreSQL: fast shutdown, then immediate shutdown. It ends its own children.
    Postgres,
    /// A pooler: the signal of its file. PgBouncer's SIGTERM waits for clients from 1.23 on; ours are
    /// gone by then.
    Pooler(Signal),
}

impl Farewell {
    /// One that leaves on SIGTERM.
    pub(super) const ON_TERM: Self = Self::Pooler(Signal::SIGTERM);

    fn signals(self) -> Vec<Signal> {
        match self {
            Self::Postgres => vec![Signal::SIGINT, Signal::SIGQUIT],
            Self::Pooler(signal) => vec![signal],
        }
    }

    /// What ends it at once, with all that it started. A killed postmaster could not do that.
    fn at_once(self) -> Signal {
        match self {
            Self::Postgres => Signal::SIGQUIT,
            Self::Pooler(_) => Signal::SIGKILL,
        }
    }
}

/// What to start and how.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    /// Name in messages.
    pub(super) name: &'static str,
    /// The file.
    pub(super) program: PathBuf,
    /// Its arguments.
    pub(super) args: Vec<OsString>,
    /// Folder it works in.
    pub(super) folder: PathBuf,
    /// File that takes its output.
    pub(super) log: PathBuf,
    /// Whom it runs as.
    pub(super) account: Account,
    /// How it is asked to leave.
    pub(super) farewell: Farewell,
}

/// A running child.
#[derive(Debug)]
pub(in crate::environment) struct Process {
    launch: Launch,
    child: Child,
    siblings: Arc<Children>,
}

impl Process {
    /// Starts a program. Call it on the main thread: the kernel ends the child when the thread
    /// that started it ends, and that thread lives as long as we do.
    pub(super) fn start(
        launch: Launch,
        siblings: &Arc<Children>,
    ) -> Result<Self, EnvironmentError> {
        let failed = EnvironmentError::io(format!("write {}", launch.log.display()));
        File::create(&launch.log).map_err(failed)?;
        let child = spawn(&launch, siblings)?;
        Ok(Self {
            launch,
            child,
            siblings: Arc::clone(siblings),
        })
    }

    /// Starts it as it was started first, with the same log, once it has ended. The thread must be the
    /// one that started it.
    pub(in crate::environment) fn start_again(&mut self) -> Result<(), EnvironmentError> {
        if self.status().is_some() {
            self.siblings.forget(pid_of(&self.child));
            self.child = spawn(&self.launch, &self.siblings)?;
        }
        Ok(())
    }

    /// Sends a signal to the process.
    pub(in crate::environment) fn signal(&self, signal: Signal) -> Result<(), EnvironmentError> {
        let doing = format!("send {signal} to {}", self.launch.name);
        kill(pid_of(&self.child), signal).map_err(|errno| EnvironmentError::io(doing)(errno.into()))
    }

    /// Sends a signal to the process and to all that it started, which are theirs for as long as they
    /// stand still.
    pub(in crate::environment) fn signal_all(
        &self,
        signal: Signal,
    ) -> Result<(), EnvironmentError> {
        let doing = || format!("send {signal} to {}", self.launch.name);
        for pid in descendants(&[self.pid()]) {
            match kill(Pid::from_raw(pid.cast_signed()), signal) {
                // A child may end between the look and the signal.
                Ok(()) | Err(nix::errno::Errno::ESRCH) => {}
                Err(errno) => return Err(EnvironmentError::io(doing())(errno.into())),
            }
        }
        Ok(())
    }

    /// Ends it at once, with all that it started.
    pub(in crate::environment) fn kill(&mut self) -> Result<(), EnvironmentError> {
        self.signal(self.launch.farewell.at_once())?;
        self.gone();
        Ok(())
    }

    /// Asks it to leave with `signal` first, and waits until it has.
    pub(in crate::environment) fn leave_on(
        &mut self,
        signal: Signal,
    ) -> Result<(), EnvironmentError> {
        self.signal(signal)?;
        self.gone();
        Ok(())
    }
}

/// Starts what `launch` says; what it prints is added to its log.
fn spawn(launch: &Launch, siblings: &Arc<Children>) -> Result<Child, EnvironmentError> {
    let Launch {
        name: _,
        program,
        args,
        folder,
        log,
        account,
        farewell,
    } = launch;
    let failed = || EnvironmentError::io(format!("start {}", program.display()));
    let output = File::options().append(true).open(log).map_err(failed())?;
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone().map_err(failed())?)
        .stderr(output)
        // Ctrl-C goes to the terminal's whole group; we alone decide who leaves when.
        .process_group(0);
    clean_environment(&mut command);
    account.apply(&mut command);
    prepare(&mut command, farewell.at_once());
    let child = command.spawn().map_err(failed())?;
    siblings.add(pid_of(&child), farewell.at_once());
    Ok(child)
}

impl Process {
    /// Its process number.
    pub(in crate::environment) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, once it has.
    pub(super) fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// The error that says how it ended, once it has.
    pub(in crate::environment) fn ended(&mut self) -> Option<EnvironmentError> {
        let status = self.status()?;
        Some(EnvironmentError::Ended {
            program: self.launch.name,
            status: in_words(status),
            log: self.log_tail(),
        })
    }

    /// The last lines of what it logged.
    pub(super) fn log_tail(&self) -> LogTail {
        // A log that cannot be read is no reason to hide the end that it would have explained.
        LogTail::of(&end_of(&self.launch.log).unwrap_or_default())
    }

    /// Asks it to leave in order, and waits until it has.
    pub(in crate::environment) fn leave(&mut self) {
        for signal in self.launch.farewell.signals() {
            // It may end between the look and the signal; it is not yet waited for, so the number
            // is still its own. One that stands still would not hear the signal.
            let asked = self.status().is_none() && self.signal(signal).is_ok();
            if !asked || self.signal_all(Signal::SIGCONT).is_err() {
                break;
            }
            if wait::until(GRACE, || self.status().is_some()) {
                break;
            }
        }
        self.end();
    }

    /// Waits a while for its end, and then brings it about.
    fn gone(&mut self) {
        wait::until(GRACE, || self.status().is_some());
        self.end();
    }

    /// Brings its end about, if it has not come.
    fn end(&mut self) {
        if self.status().is_none() {
            tracing::warn!(
                program = self.launch.name,
                "did not leave when asked to, and is killed"
            );
            // Both fail only for a process that has ended.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        self.siblings.forget(pid_of(&self.child));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The last [`TAIL_BYTES`] of a file.
fn end_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let from = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

/// A status as a sentence goes on after «ended with».
pub(in crate::environment) fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => Signal::try_from(signal)
            .map_or_else(|_| format!("signal {signal}"), |signal| signal.to_string()),
        (None, None) => status.to_string(),
    }
}

/// libpq's variables (PGPORT, PGDATA, PGOPTIONS, …) would change what PostgreSQL's programs do, and
/// other languages what they say.
pub(super) fn clean_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    command.env("LC_ALL", "C");
}

/// Between fork and exec: signals reach the child again, which inherits that we have them blocked,
/// and the kernel sends it `at_once` when we end, even by SIGKILL.
fn prepare(command: &mut Command, at_once: Signal) {
    let us = Pid::this();
    let hook = move || {
        SigSet::empty().thread_set_mask()?;
        die_with(us, at_once)
    };
    // SAFETY: between fork and exec only async-signal-safe functions may be called. The hook makes
    // three system calls (rt_sigprocmask, prctl, getppid) and allocates nothing. It runs after the
    // change of user, which would have cleared what prctl sets.
    #[expect(unsafe_code, reason = "the standard library has no safe way to say it")]
    unsafe {
        command.pre_exec(hook);
    }
}

#[cfg(target_os = "linux")]
fn die_with(parent: Pid, signal: Signal) -> io::Result<()> {
    nix::sys::prctl::set_pdeathsig(signal)?;
    // The parent may have ended before the kernel was told.
    if nix::unistd::getppid() == parent {
        Ok(())
    } else {
        Err(nix::errno::Errno::ESRCH.into())
    }
}

/// Elsewhere a child outlives a parent that is killed by SIGKILL; every other end is cared for.
#[cfg(not(target_os = "linux"))]
fn die_with(_parent: Pid, _signal: Signal) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, folder: &Path, children: &Arc<Children>) -> Process {
        let launch = Launch {
            name: "sh",
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            folder: folder.to_owned(),
            log: folder.join("log"),
            account: Account::Own,
            farewell: Farewell::ON_TERM,
        };
        Process::start(launch, children).expect("a shell")
    }

    #[test]
    fn an_early_end_is_told_with_its_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut process = shell(
            "echo no such thing >&2; exit 7",
            folder.path(),
            &Arc::default(),
        );
        assert!(wait::until(Duration::from_secs(5), || process
            .status()
            .is_some()));
        let error = process.ended().expect("an end").to_string();
        assert!(error.contains("sh ended with exit code 7"), "{error}");
        assert!(error.contains("no such thing"), "{error}");
    }

    #[test]
    fn dropping_ends_the_process() {
        let folder = tempfile::tempdir().expect("a folder");
        let process = shell("exec sleep 60", folder.path(), &Arc::default());
        let pid = pid_of(&process.child);
        drop(process);
        assert_eq!(kill(pid, None), Err(nix::errno::Errno::ESRCH));
    }

    #[test]
    fn one_that_ended_starts_again_with_the_same_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut process = shell("echo here; exec sleep 60", folder.path(), &Arc::default());
        let first = process.pid();
        let lines = |count| {
            wait::until(Duration::from_secs(20), || {
                let log = std::fs::read_to_string(folder.path().join("log"));
                log.is_ok_and(|log| log.lines().count() == count)
            })
        };
        assert!(lines(1));
        process.kill().expect("a running process");
        assert!(process.status().is_some());
        process.start_again().expect("a second start");
        assert!(lines(2), "the log goes on");
        assert_ne!(process.pid(), first);
    }

    #[test]
    fn one_that_stands_still_leaves_all_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let process = shell("exec sleep 60", folder.path(), &Arc::default());
        process
            .signal_all(Signal::SIGSTOP)
            .expect("a running process");
        let pid = pid_of(&process.child);
        drop(process);
        assert_eq!(kill(pid, None), Err(nix::errno::Errno::ESRCH));
    }

    #[test]
    fn a_child_hears_the_signals_that_we_block() {
        let blocked: SigSet = [Signal::SIGTERM].into_iter().collect();
        blocked.thread_block().expect("a mask");
        let folder = tempfile::tempdir().expect("a folder");
        let mut process = shell("exec sleep 60", folder.path(), &Arc::default());
        kill(pid_of(&process.child), Signal::SIGTERM).expect("a running child");
        assert!(wait::until(GRACE, || process.status().is_some()));
        assert_eq!(process.status().map(in_words).as_deref(), Some("SIGTERM"));
    }

    #[test]
    fn a_signal_has_its_name() {
        assert_eq!(in_words(ExitStatus::from_raw(9)), "SIGKILL");
        assert_eq!(in_words(ExitStatus::from_raw(3 << 8)), "exit code 3");
    }
}
