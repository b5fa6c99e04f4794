//! Removes what a test started, also when the test cannot.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Waits for the end of file on its standard input, then stops the server whose process number is
/// the first line of `$2` and removes the folder `$1`.
///
/// SIGQUIT ends PostgreSQL and every PgBouncer at once, and SIGCONT wakes what a test has frozen. A
/// zombie has ended, though nobody may be there to reap it.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
alive() { grep -q '^State:.[^ZX]' "/proc/$pid/status"; }
read -r _
if read -r pid < "$2"; then
    kill -QUIT "$pid"
    kill -CONT "$pid"
    ticks=0
    while alive && [ $ticks -lt 500 ]; do sleep 0.02; ticks=$((ticks + 1)); done
    alive && kill -KILL "$pid"
fi
rm -rf "$1"
"#;

/// A shell that outlives this process by a moment and cleans up after it.
///
/// Statics are not dropped and a killed process drops nothing, but the kernel closes its pipes
/// however it ends. The parent-death signal would not do: it fires when the *thread* ends.
#[derive(Debug)]
pub(crate) struct Guardian {
    shell: Child,
}

impl Guardian {
    /// Starts to watch. At the end the server named in `pid_file` is stopped and `folder` removed.
    pub(crate) fn watch(folder: &Path, pid_file: &Path) -> Self {
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "guardian"])
            .args([folder, pid_file])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0) // Ctrl-C reaches the whole group of the tests
            .spawn()
            .expect("start sh");
        Self { shell }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // A failure to wait leaves only the shell behind, which ends by itself.
        let _ = self.shell.wait();
    }
}
