//! The processes that a command has started, from procfs.

use std::{
    fs,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Longest that the kernel and the servers may take to follow a dead parent.
const LIMIT: Duration = Duration::from_secs(10);

/// A process that was seen: its number, and the start that tells it from a later one of that number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) pid: i32,
    pub(crate) name: String,
    parent: i32,
    started: String,
}

/// Every process below `ancestor`.
pub(crate) fn below(ancestor: i32) -> Vec<Seen> {
    let all = all();
    let mut found: Vec<Seen> = Vec::new();
    let mut parents = vec![ancestor];
    while let Some(parent) = parents.pop() {
        for seen in all.iter().filter(|seen| seen.parent == parent) {
            parents.push(seen.pid);
            found.push(seen.clone());
        }
    }
    found
}

/// Waits until none of these is there any more.
#[track_caller]
pub(crate) fn await_end(seen: &[Seen]) {
    let begin = Instant::now();
    loop {
        let all = all();
        let left: Vec<&Seen> = seen
            .iter()
            .filter(|seen| {
                all.iter()
                    .any(|one| one.pid == seen.pid && one.started == seen.started)
            })
            .collect();
        if left.is_empty() {
            return;
        }
        assert!(begin.elapsed() < LIMIT, "still there: {left:#?}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

pub(crate) fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).expect("a running process");
}

fn all() -> Vec<Seen> {
    let entries = fs::read_dir("/proc").expect("procfs");
    entries
        .filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
        })
        .collect()
}

/// proc_pid_stat(5): the name is in parentheses, the parent is field 4, the start field 22. A zombie
/// has ended.
fn parse(pid: i32, stat: &str) -> Option<Seen> {
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    (fields.first() != Some(&"Z")).then_some(())?;
    Some(Seen {
        pid,
        name: name.to_owned(),
        parent: fields.get(1)?.parse().ok()?,
        started: (*fields.get(19)?).to_owned(),
    })
}
