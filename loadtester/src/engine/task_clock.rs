//! Processor time as perf events count it, from one switch of a processor to the next
//! (perf_event_open(2)). What the scheduler's own sums leave out, of a task that wakes many in one
//! call, is in it: docs/measuring.md.

use std::{collections::HashMap, io, sync::OnceLock, time::Duration};

use perf_event::{Builder, Counter, events::Software};

use super::procfs::{descendants, threads};

/// The clocks of all threads of some processes and of their descendants.
#[derive(Debug)]
pub(super) struct TaskClocks(HashMap<u32, Counter>);

impl TaskClocks {
    /// Whether the system lets us count. Where it does not, as in a container without CAP_PERFMON
    /// or with `kernel.perf_event_paranoid` at 3, nothing is counted so in the whole run: figures by
    /// two measures cannot be compared.
    pub(super) fn are_allowed() -> bool {
        static ALLOWED: OnceLock<bool> = OnceLock::new();
        *ALLOWED.get_or_init(|| begin(std::process::id()).is_ok())
    }

    /// Counts from now on what the living threads of `roots` and of their descendants use, and all
    /// threads and processes that these begin.
    ///
    /// # Errors
    ///
    /// When one of them may not be counted, or descriptors run out: each thread takes one.
    pub(super) fn start(roots: &[u32]) -> io::Result<Self> {
        let mut clocks = HashMap::new();
        for thread in descendants(roots).into_iter().flat_map(threads) {
            match begin(thread) {
                Ok(clock) => drop(clocks.insert(thread, clock)),
                // It has ended meanwhile.
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self(clocks))
    }

    /// The time of each thread since then. That of a thread that was begun later is with the one
    /// that began it, and that of one that has ended stays.
    ///
    /// # Errors
    ///
    /// When the system does not answer.
    pub(super) fn read(&mut self) -> io::Result<HashMap<u32, Duration>> {
        let clocks = self.0.iter_mut();
        clocks
            .map(|(thread, clock)| Ok((*thread, Duration::from_nanos(clock.read()?))))
            .collect()
    }
}

/// The clock of one thread, which runs. It leaves out the kernel in name only, as everybody may ask
/// for such a one and the kernel has no clock of tasks without its own part.
fn begin(thread: u32) -> io::Result<Counter> {
    let thread = i32::try_from(thread).map_err(|_| io::ErrorKind::NotFound)?;
    let mut clock = Builder::new()
        .kind(Software::TASK_CLOCK)
        .observe_pid(thread);
    clock.inherit(true).enabled(true);
    clock.build()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        process::{Command, Stdio},
    };

    use super::*;

    /// A shell that does one turn of work for each line that it reads, in a child of its own, and
    /// says then what it and its children have used: user and system time, two lines (POSIX,
    /// `times`).
    const WORKER: &str = "while read line; do \
        (i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done); times; done";

    /// Reads a line of `times`, such as `0m0.010000s 0m1.250000s`, and adds both up.
    fn both(line: &str) -> Duration {
        let one = |text: &str| {
            let (minutes, seconds) = text.strip_suffix('s').unwrap().split_once('m').unwrap();
            let minutes: f64 = minutes.parse().unwrap();
            Duration::from_secs_f64(60.0 * minutes + seconds.parse::<f64>().unwrap())
        };
        line.split_whitespace().map(one).sum()
    }

    #[test]
    fn what_is_counted_is_what_the_system_counts_of_children_that_come_and_go() {
        if !TaskClocks::are_allowed() {
            // What it takes is missing: then nobody is counted so, this process included.
            assert!(TaskClocks::start(&[std::process::id()]).is_err());
            return;
        }
        let mut shell = Command::new("sh")
            .args(["-c", WORKER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut orders = shell.stdin.take().unwrap();
        let mut answers = BufReader::new(shell.stdout.take().unwrap()).lines();
        let mut used = || -> Duration {
            orders.write_all(b"go\n").unwrap();
            let lines = answers.by_ref().take(2);
            lines.map(|line| both(&line.unwrap())).sum()
        };
        // What came before is not counted: the first turn is over when the clocks start.
        let before = used();
        let mut clocks = TaskClocks::start(&[shell.id()]).unwrap();
        used();
        let expected = used() - before;
        let counted: Duration = clocks.read().unwrap().values().sum();
        drop(orders);
        shell.wait().unwrap();
        let ratio = counted.as_secs_f64() / expected.as_secs_f64();
        // What the machine's host takes away in between may be missing in the system's sum, and is in ours.
        assert!((0.85..1.5).contains(&ratio), "{counted:?} of {expected:?}");
    }

    #[test]
    fn who_is_not_there_has_no_time() {
        if let Ok(mut clocks) = TaskClocks::start(&[u32::MAX]) {
            assert!(clocks.read().unwrap().is_empty());
        }
    }
}
