//! Whose a thing is: the process that made it, so that what a killed run left can be told from what a
//! living one uses.

use std::{fs, process};

use nix::{sys::signal::kill, unistd::Pid};

/// A process in words that stay true when its number is used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pid: u32,
    /// Clock ticks from boot to the process's start, where the system tells.
    started: Option<u64>,
}

impl Owner {
    /// This very process.
    pub(super) fn this_process() -> Self {
        let pid = process::id();
        Self {
            pid,
            started: start_time(pid),
        }
    }

    /// Reads what an owner was written as.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let pid = words.next()?.parse().ok()?;
        let started = words.next().and_then(|word| word.parse().ok());
        Some(Self { pid, started })
    }

    /// Whether it still runs. One that ended and whose parent has not asked for its end does not.
    pub(super) fn is_alive(&self) -> bool {
        let Ok(pid) = i32::try_from(self.pid) else {
            return false;
        };
        // EPERM says that it lives and is somebody else's.
        let exists = kill(Pid::from_raw(pid), None) != Err(nix::errno::Errno::ESRCH);
        exists && (self.started.is_none() || self.started == start_time(self.pid))
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.pid)?;
        self.started
            .map_or(Ok(()), |started| write!(out, " {started}"))
    }
}

/// Field 22 of `/proc/PID/stat`, `starttime` in proc_pid_stat(5), unless field 3, `state`, says that
/// the process has ended.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program, in parentheses, may hold spaces and parentheses of its own.
    let mut after_name = stat[stat.rfind(')')? + 1..].split_whitespace();
    if matches!(after_name.next()?, "Z" | "X") {
        return None;
    }
    after_name.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_read_back() {
        let owner = Owner::this_process();
        assert!(owner.is_alive());
        assert_eq!(Owner::parse(&owner.to_string()), Some(owner.clone()));
        let stranger = Owner {
            started: owner.started.map(|ticks| ticks + 1),
            ..owner
        };
        assert!(!stranger.is_alive(), "the number was used again");
        assert_eq!(Owner::parse("soon"), None);
    }

    #[test]
    fn who_ended_is_not_alive_before_its_parent_asks() {
        let mut child = process::Command::new("cat")
            .stdin(process::Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id();
        let owner = Owner {
            pid,
            started: start_time(pid),
        };
        assert!(owner.is_alive());
        child.kill().unwrap();
        let begun = std::time::Instant::now();
        while owner.is_alive() {
            assert!(begun.elapsed().as_secs() < 60, "it was killed");
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }
}
