//! Linux's /proc, as far as processor time and memory go (proc(5)). Reading text is pure; only
//! [`Snapshot`] opens files.

mod text;

use std::{collections::HashMap, fs, time::Duration};

use nix::unistd::{SysconfVar, sysconf};

use self::text::{Stat, Statm};

/// Times that a snapshot is taken again when a child was reaped while it was taken.
const TRIES: usize = 5;

/// What a process and all its descendants have used up to a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// Processor time of the living and of the children that they have reaped.
    pub(super) cpu: Duration,
    /// Processor time of each living thread.
    pub(super) threads: HashMap<u32, Duration>,
    /// Resident memory in bytes, shared pages counted once.
    pub(super) memory: u64,
}

impl Snapshot {
    /// Looks at `roots` and their descendants; `None` when none of `roots` lives.
    pub(super) fn of(roots: &[u32]) -> Option<Self> {
        let units = Units::of_this_system()?;
        let mut last = None;
        for _ in 0..TRIES {
            let (snapshot, reaped) = take(roots, units)?;
            // A child that is reaped between two reads would be missed or counted twice.
            if last == Some(reaped) || reaped_now(roots) == reaped {
                return Some(snapshot);
            }
            last = Some(reaped);
        }
        take(roots, units).map(|(snapshot, _)| snapshot)
    }

    /// Resident memory only: a snapshot that costs a third.
    pub(super) fn memory_of(roots: &[u32]) -> Option<u64> {
        let units = Units::of_this_system()?;
        let tree = tree(roots);
        (!tree.is_empty()).then(|| memory(tree.iter().map(|(pid, _)| *pid), units))
    }
}

impl Snapshot {
    /// Resident memory of this process without its children, in bytes.
    pub(super) fn own_memory() -> Option<u64> {
        let units = Units::of_this_system()?;
        Some(memory([std::process::id()].into_iter(), units)).filter(|bytes| *bytes > 0)
    }
}

/// The sizes that /proc counts in.
#[derive(Clone, Copy)]
struct Units {
    tick: Duration,
    page: u64,
}

impl Units {
    fn of_this_system() -> Option<Self> {
        let value = |name| {
            sysconf(name)
                .ok()
                .flatten()
                .and_then(|value| u32::try_from(value).ok())
        };
        let ticks = value(SysconfVar::CLK_TCK).filter(|ticks| *ticks > 0)?;
        let page = value(SysconfVar::PAGE_SIZE)?;
        Some(Self {
            tick: Duration::from_secs(1) / ticks,
            page: u64::from(page),
        })
    }
}

/// A snapshot, and the ticks of reaped children that it saw.
fn take(roots: &[u32], units: Units) -> Option<(Snapshot, u64)> {
    let tree = tree(roots);
    if tree.is_empty() {
        return None;
    }
    let mut snapshot = Snapshot::default();
    let mut reaped = 0;
    for (pid, stat) in &tree {
        let threads = thread_times(*pid);
        let living: Duration = threads.values().sum();
        // Ticks are coarse (10 ms) but hold threads that have ended; the scheduler's own figures
        // are exact but for the living only. Both fall short, so the larger is the nearer.
        snapshot.cpu += living.max(units.tick * clamp(stat.own_ticks));
        snapshot.cpu += units.tick * clamp(stat.reaped_ticks);
        snapshot.threads.extend(threads);
        reaped += stat.reaped_ticks;
    }
    snapshot.memory = memory(tree.iter().map(|(pid, _)| *pid), units);
    Some((snapshot, reaped))
}

fn clamp(ticks: u64) -> u32 {
    u32::try_from(ticks).unwrap_or(u32::MAX)
}

fn reaped_now(roots: &[u32]) -> u64 {
    tree(roots).iter().map(|(_, stat)| stat.reaped_ticks).sum()
}

/// Process numbers of `roots` and their descendants, as far as they live.
pub(crate) fn descendants(roots: &[u32]) -> Vec<u32> {
    tree(roots).into_iter().map(|(pid, _)| pid).collect()
}

/// `roots` and their descendants, as far as they live.
fn tree(roots: &[u32]) -> Vec<(u32, Stat)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let all: HashMap<u32, Stat> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, read(format!("/proc/{pid}/stat"), text::stat)?)))
        .collect();
    text::descendants(roots, &all)
}

/// The living threads of process `pid`.
pub(super) fn threads(pid: u32) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/task"));
    let names = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name());
    names.filter_map(|name| name.to_str()?.parse().ok())
}

/// Processor time of each thread of `pid`.
fn thread_times(pid: u32) -> HashMap<u32, Duration> {
    threads(pid)
        .filter_map(|tid| {
            let path = format!("/proc/{pid}/task/{tid}/schedstat");
            Some((tid, read(path, text::schedstat)?))
        })
        .collect()
}

fn memory(pids: impl Iterator<Item = u32>, units: Units) -> u64 {
    let sizes = pids.filter_map(|pid| read(format!("/proc/{pid}/statm"), text::statm));
    Statm::together(sizes) * units.page
}

fn read<T>(path: String, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    parse(&fs::read_to_string(path).ok()?)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Command, Stdio};

    use super::Snapshot;

    #[test]
    fn children_count_while_they_live_and_after() {
        // A shell whose child burns time and ends, and which then waits for its input to close.
        let mut shell = Command::new("sh")
            .args([
                "-c",
                "i=0; (while [ $i -lt 300000 ]; do i=$((i+1)); done); echo done; cat",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = shell.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).unwrap();
        let snapshot = Snapshot::of(&[shell.id()]);
        drop(shell.stdin.take());
        shell.wait().unwrap();
        let snapshot = snapshot.unwrap();
        assert!(snapshot.cpu.as_millis() >= 20, "{snapshot:?}");
        assert!(
            snapshot.memory > 100_000 && snapshot.memory < 100_000_000,
            "{snapshot:?}"
        );
    }

    #[test]
    fn who_is_not_there_has_no_figures() {
        assert_eq!(Snapshot::of(&[u32::MAX]), None);
        assert_eq!(Snapshot::of(&[]), None);
        assert_eq!(Snapshot::memory_of(&[u32::MAX]), None);
    }
}
