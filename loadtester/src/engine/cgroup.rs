//! Linux's control groups, as far as a container's processor time and memory go: version 1
//! (cpuacct.usage and memory.stat) and version 2 (cpu.stat and memory.stat, the kernel's
//! `admin-guide/cgroup-v2`). Reading text is pure; only [`Cgroup::of`] and its questions open files.

mod text;

use std::{fs, path::PathBuf, time::Duration};

/// The control group that holds a process and all that it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cgroup {
    /// Folder with the processor time.
    cpu: PathBuf,
    /// Folder with the memory.
    memory: PathBuf,
    version: Version,
}

/// Which of the two interfaces of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Cgroup {
    /// The group of process `pid`; `None` where the system has none, or keeps it from us.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        Self::find(&groups, &mounts)
    }

    /// A controller is in one of the two versions, never in both; a machine may mix them.
    fn find(groups: &str, mounts: &str) -> Option<Self> {
        let one = |controller| text::folder(groups, mounts, Some(controller));
        if let (Some(cpu), Some(memory)) = (one("cpuacct"), one("memory")) {
            let version = Version::One;
            return Some(Self {
                cpu,
                memory,
                version,
            });
        }
        let folder = text::folder(groups, mounts, None)?;
        Some(Self {
            cpu: folder.clone(),
            memory: folder,
            version: Version::Two,
        })
    }

    /// Processor time of everything that ever ran in the group.
    pub(super) fn cpu(&self) -> Option<Duration> {
        match self.version {
            Version::One => {
                let nanoseconds = read(self.cpu.join("cpuacct.usage"))?;
                Some(Duration::from_nanos(nanoseconds.trim().parse().ok()?))
            }
            Version::Two => {
                let microseconds = text::value(&read(self.cpu.join("cpu.stat"))?, "usage_usec")?;
                Some(Duration::from_micros(microseconds))
            }
        }
    }

    /// Memory in bytes that its processes have mapped, shared pages counted once: what resident
    /// memory is to a process. Files that were merely read are left out, as they are the kernel's.
    pub(super) fn memory(&self) -> Option<u64> {
        let stat = read(self.memory.join("memory.stat"))?;
        let [own, files] = match self.version {
            Version::One => ["total_rss", "total_mapped_file"],
            Version::Two => ["anon", "file_mapped"],
        };
        Some(text::value(&stat, own)? + text::value(&stat, files)?)
    }
}

fn read(path: PathBuf) -> Option<String> {
    fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine of our own: what its container looks like from the host.
    const GROUPS_ONE: &str = "4:memory:/docker/4aea\n2:cpuacct:/docker/4aea\n0::/docker/4aea\n";
    const MOUNTS_ONE: &str = "\
33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    #[test]
    fn version_one_has_a_folder_for_each_controller() {
        let found = Cgroup::find(GROUPS_ONE, MOUNTS_ONE).expect("a group");
        assert_eq!(
            found.cpu,
            PathBuf::from("/sys/fs/cgroup/cpuacct/docker/4aea")
        );
        assert_eq!(
            found.memory,
            PathBuf::from("/sys/fs/cgroup/memory/docker/4aea")
        );
        assert_eq!(found.version, Version::One);
    }

    #[test]
    fn version_two_has_one_folder() {
        let groups = "0::/system.slice/docker-4aea.scope\n";
        let mounts = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
        let found = Cgroup::find(groups, mounts).expect("a group");
        let folder = PathBuf::from("/sys/fs/cgroup/system.slice/docker-4aea.scope");
        assert_eq!((found.cpu, found.memory), (folder.clone(), folder));
        assert_eq!(found.version, Version::Two);
    }

    #[test]
    fn figures_are_read_in_either_version() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("a writable folder");
        };
        let group = |version| Cgroup {
            cpu: folder.path().to_owned(),
            memory: folder.path().to_owned(),
            version,
        };
        write("cpuacct.usage", "1500000\n");
        write(
            "cpu.stat",
            "usage_usec 2500\nuser_usec 2000\nsystem_usec 500\n",
        );
        write(
            "memory.stat",
            "cache 9\nanon 300\nfile_mapped 40\ntotal_rss 700\ntotal_mapped_file 11\n",
        );
        let one = group(Version::One);
        assert_eq!(
            (one.cpu(), one.memory()),
            (Some(Duration::from_micros(1_500)), Some(711))
        );
        let two = group(Version::Two);
        assert_eq!(
            (two.cpu(), two.memory()),
            (Some(Duration::from_micros(2_500)), Some(340))
        );
    }

    #[test]
    fn what_is_not_there_has_no_figures() {
        assert_eq!(Cgroup::of(u32::MAX), None);
        assert_eq!(Cgroup::find(GROUPS_ONE, ""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_a_group_whose_time_goes_on() {
        let group = Cgroup::of(std::process::id()).expect("every process of Linux has one");
        let before = group.cpu().expect("a figure");
        let mut sum = 0_u64;
        while group.cpu().expect("still there") == before {
            sum = std::hint::black_box(sum + 1);
        }
    }
}
