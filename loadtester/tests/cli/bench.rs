//! A folder of its own for each test, and the binary run in it with a time limit.

use std::{
    fs::{self, File},
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{Duration, Instant},
};

use poolproof_reports::{RunRecord, store};
use tempfile::TempDir;

/// Longest that one command may take. The slowest one runs the whole catalog.
const LIMIT: Duration = Duration::from_secs(480);

/// A scenario that is over in a moment.
const BRIEF: &str = r#"
name = "brief"
purpose = "A moment of load, for tests of the command line."
thresholds = ["success_rate >= 100%"]

[load]
shape = "closed"
stages = [{ clients = 4, for = "100ms" }, { clients = 4, for = "200ms" }]

[[transaction]]
name = "query"
protocol = "extended"
statements = [{ sql = "SELECT :nonce", returns = "nonce" }]
"#;

/// The machine, shared by the tests of this binary but for those that hold a pooler to figures.
static MACHINE: RwLock<()> = RwLock::new(());

/// What a test has of the machine; held for its end.
#[expect(dead_code, reason = "held, not looked at")]
enum Share {
    Some(RwLockReadGuard<'static, ()>),
    All(RwLockWriteGuard<'static, ()>),
}

/// Where one test works.
pub(crate) struct Bench {
    folder: TempDir,
    _share: Share,
}

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        // A test that failed leaves nothing half done behind the lock.
        let share = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
        Self::with(Share::Some(share))
    }

    /// While no other test of this binary runs.
    pub(crate) fn alone() -> Self {
        let share = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
        Self::with(Share::All(share))
    }

    fn with(share: Share) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let bench = Self {
            folder,
            _share: share,
        };
        fs::create_dir(bench.temp()).expect("a folder");
        for shared in [bench.path().to_owned(), bench.temp()] {
            // The servers run as another account when the tests run as root.
            fs::set_permissions(shared, fs::Permissions::from_mode(0o755)).expect("a mode");
        }
        bench.write("brief.toml", BRIEF);
        bench
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The temporary folder of the commands.
    pub(crate) fn temp(&self) -> PathBuf {
        self.path().join("tmp")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("a writable folder");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The record that a run left in its folder.
    pub(crate) fn record(&self) -> RunRecord {
        store::read(&self.path().join("poolproof-out")).expect("a record")
    }

    /// What is left in the temporary folder.
    pub(crate) fn left(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.temp()).expect("a folder");
        entries
            .map(|entry| entry.expect("an entry").path())
            .collect()
    }

    /// Starts the binary.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        self.start_saying(args, "stdout", "stderr")
    }

    fn start_saying(&self, args: &[&str], stdout: &str, stderr: &str) -> Running {
        let child = self.command(args, stdout, stderr).spawn();
        Running {
            child: child.expect("the binary"),
            begin: Instant::now(),
        }
    }

    fn command(&self, args: &[&str], stdout: &str, stderr: &str) -> Command {
        let output = |name: &str| File::create(self.path().join(name)).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_poolproof"));
        command
            .args(args)
            .current_dir(self.path())
            .env("TMPDIR", self.temp())
            .env("XDG_DATA_HOME", self.path().join("data"))
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(output(stdout))
            .stderr(output(stderr));
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        let status = self.start(args).wait();
        self.outcome(status)
    }

    /// Runs the binary to its end, with more in its environment.
    pub(crate) fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Outcome {
        let mut command = self.command(args, "stdout", "stderr");
        let child = command.envs(variables.iter().copied()).spawn();
        let mut running = Running {
            child: child.expect("the binary"),
            begin: Instant::now(),
        };
        let status = running.wait();
        self.outcome(status)
    }

    /// Runs the binary while another command of the bench is going on.
    pub(crate) fn run_beside(&self, args: &[&str]) -> Outcome {
        let status = self.start_saying(args, "stdout-2", "stderr-2").wait();
        Outcome {
            stdout: self.read("stdout-2"),
            stderr: self.read("stderr-2"),
            ..self.outcome(status)
        }
    }

    /// Runs the binary with a standard error that takes nothing.
    pub(crate) fn run_unheard(&self, args: &[&str]) -> Outcome {
        std::os::unix::fs::symlink("/dev/full", self.path().join("full")).expect("a link");
        let status = self.start_saying(args, "stdout", "full").wait();
        self.write("stderr", "");
        self.outcome(status)
    }

    /// Waits until standard error holds `text`.
    pub(crate) fn await_words(&self, running: &mut Running, text: &str) {
        while !self.read("stderr").contains(text) {
            assert!(
                running.child.try_wait().expect("a child").is_none(),
                "ended without {text:?}: {}",
                self.read("stderr")
            );
            running.pause();
        }
    }

    pub(crate) fn outcome(&self, status: ExitStatus) -> Outcome {
        Outcome {
            code: status
                .code()
                .or_else(|| Some(-status.signal()?))
                .expect("a code or a signal"),
            stdout: self.read("stdout"),
            stderr: self.read("stderr"),
        }
    }
}

/// A started binary. A test that fails leaves none behind.
pub(crate) struct Running {
    child: Child,
    begin: Instant,
}

impl Running {
    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            self.pause();
        }
    }

    /// A moment between two looks; the test fails when they go on for too long.
    pub(crate) fn pause(&self) {
        assert!(self.begin.elapsed() < LIMIT, "still going after {LIMIT:?}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail for one that has ended, which is the usual case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Outcome {
    /// Checks the exit code and that both streams together say all of `words`.
    #[track_caller]
    pub(crate) fn check(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        let said = format!("{}\n{}", self.stdout, self.stderr);
        for word in words {
            assert!(said.contains(word), "{word:?} is not in {self:#?}");
        }
    }
}
