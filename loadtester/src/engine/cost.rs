//! What a window cost: processor time from its begin to its end, memory at its highest.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread::{self, Scope, ScopedJoinHandle},
    time::Duration,
};

use poolproof_reports::record::Cost;

use super::{Accounting, Watch, cgroup::Cgroup, procfs::Snapshot, task_clock::TaskClocks};

/// Pause between two looks at the memory. Ten a second see what lasts, and cost a fraction of a
/// per cent of one processor.
const PAUSE: Duration = Duration::from_millis(100);

/// A group of processes under watch.
#[derive(Debug)]
struct Group {
    roots: Vec<u32>,
    /// Where the figures come from instead, one for each of `roots`.
    cgroups: Vec<Cgroup>,
    /// `None` where there is nobody to count, or no way to.
    count: Option<Count>,
    peak_memory: AtomicU64,
}

/// What counts processor time: in a run always the same of the two.
#[derive(Debug)]
enum Count {
    /// Perf events, where the system lets us.
    Clocks(TaskClocks),
    /// The scheduler's sums, and what they were at the begin.
    Scheduler(Snapshot),
}

/// All groups under watch.
#[derive(Debug)]
pub(super) struct Meter {
    target: Group,
    postgres: Group,
    generator: Group,
}

/// What was used over the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) cost: Cost,
    /// Processor time of the thread that used most.
    pub(super) busiest_thread: Duration,
}

/// What each group used; `None` where nothing was watched or could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bill {
    pub(super) target: Option<Used>,
    pub(super) postgres: Option<Used>,
    /// Memory only: its processor time is that of its own threads, which they know exactly.
    pub(super) generator_memory: Option<u64>,
}

impl Meter {
    /// Begins to measure.
    pub(super) fn start(watch: &Watch) -> Self {
        Self {
            target: Group::watch(&watch.target, watch.accounting),
            postgres: Group::watch(&watch.postgres, watch.accounting),
            generator: Group::watch(&[], Accounting::Processes),
        }
    }

    /// Looks at the memory until the returned thread is unparked with `done` set.
    pub(super) fn sample<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        done: &'scope std::sync::atomic::AtomicBool,
    ) -> ScopedJoinHandle<'scope, ()> {
        scope.spawn(move || {
            while !done.load(Relaxed) {
                self.look();
                thread::park_timeout(PAUSE);
            }
        })
    }

    /// Looks at the memory once.
    fn look(&self) {
        self.target.look();
        self.postgres.look();
        self.generator.look_at_self();
    }

    /// Ends the measurement.
    pub(super) fn finish(mut self) -> Bill {
        self.look();
        Bill {
            target: self.target.used(),
            postgres: self.postgres.used(),
            generator_memory: self.generator.peak(),
        }
    }
}

impl Group {
    fn watch(roots: &[u32], accounting: Accounting) -> Self {
        let cgroups = match accounting {
            Accounting::Processes => Vec::new(),
            Accounting::Cgroups => roots.iter().filter_map(|root| Cgroup::of(*root)).collect(),
        };
        let mut group = Self {
            roots: roots.to_vec(),
            cgroups,
            count: None,
            peak_memory: AtomicU64::new(0),
        };
        group.count = group.begin();
        group
    }

    fn begin(&self) -> Option<Count> {
        if TaskClocks::are_allowed() {
            // Without them there is no figure: one by another measure would mislead.
            TaskClocks::start(&self.roots).ok().map(Count::Clocks)
        } else {
            self.snapshot().map(Count::Scheduler)
        }
    }

    /// Threads are those of the processes in either case.
    fn snapshot(&self) -> Option<Snapshot> {
        let mut snapshot = Snapshot::of(&self.roots)?;
        if !self.cgroups.is_empty() {
            snapshot.cpu = self.cgroups.iter().map(Cgroup::cpu).sum::<Option<_>>()?;
            snapshot.memory = self.memory()?;
        }
        Some(snapshot)
    }

    fn memory(&self) -> Option<u64> {
        if self.cgroups.is_empty() {
            return Snapshot::memory_of(&self.roots);
        }
        self.cgroups.iter().map(Cgroup::memory).sum()
    }

    fn look(&self) {
        if !self.roots.is_empty() {
            self.peak_memory
                .fetch_max(self.memory().unwrap_or(0), Relaxed);
        }
    }

    fn look_at_self(&self) {
        self.peak_memory
            .fetch_max(Snapshot::own_memory().unwrap_or(0), Relaxed);
    }

    fn peak(&self) -> Option<u64> {
        Some(self.peak_memory.load(Relaxed)).filter(|peak| *peak > 0)
    }

    fn used(&mut self) -> Option<Used> {
        let after = self.snapshot()?;
        let (cpu, busiest_thread) = match self.count.take()? {
            Count::Clocks(mut clocks) => {
                let times = clocks.read().ok()?;
                let busiest = times.values().max().copied().unwrap_or_default();
                (times.values().sum(), busiest)
            }
            Count::Scheduler(before) => (
                after.cpu.saturating_sub(before.cpu),
                busiest(&before.threads, &after.threads),
            ),
        };
        Some(Used {
            cost: Cost {
                cpu_us: u64::try_from(cpu.as_micros()).unwrap_or(u64::MAX),
                peak_rss_bytes: self.peak().unwrap_or(0).max(after.memory),
            },
            busiest_thread,
        })
    }
}

/// The most that one thread used between two readings.
fn busiest(before: &HashMap<u32, Duration>, after: &HashMap<u32, Duration>) -> Duration {
    after
        .iter()
        .map(|(tid, time)| time.saturating_sub(before.get(tid).copied().unwrap_or_default()))
        .max()
        .unwrap_or_default()
}
