//! The machine, in the words of its own files.

use std::{fs, num::NonZero, thread};

/// What a report says of the machine. Where the system does not tell, `unknown` or zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Operating system's own name.
    pub os: String,
    /// Kernel release.
    pub kernel: String,
    /// Processor model.
    pub cpu_model: String,
    /// Processors that this process may use.
    pub cores: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

impl Machine {
    /// Reads what the system tells.
    #[must_use]
    pub fn read() -> Self {
        let file = |path| fs::read_to_string(path).unwrap_or_default();
        let unknown = || "unknown".to_owned();
        Self {
            os: os_name(&file("/etc/os-release")).unwrap_or_else(|| std::env::consts::OS.into()),
            kernel: kernel(&file("/proc/sys/kernel/osrelease")).unwrap_or_else(unknown),
            cpu_model: cpu_model(&file("/proc/cpuinfo")).unwrap_or_else(unknown),
            cores: cores(),
            memory_bytes: memory_bytes(&file("/proc/meminfo")).unwrap_or_default(),
        }
    }
}

fn cores() -> u32 {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    u32::try_from(cores).unwrap_or(u32::MAX)
}

/// `PRETTY_NAME` of os-release(5).
fn os_name(os_release: &str) -> Option<String> {
    let value = value_after(os_release, "PRETTY_NAME=")?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

fn kernel(osrelease: &str) -> Option<String> {
    let release = osrelease.trim();
    (!release.is_empty()).then(|| release.to_owned())
}

/// The first `model name` of proc_cpuinfo(5); ARM machines have none.
fn cpu_model(cpuinfo: &str) -> Option<String> {
    let value = value_after(cpuinfo, "model name")?;
    Some(value.trim_start_matches([' ', '\t', ':']).to_owned())
}

/// `MemTotal` of proc_meminfo(5), which counts in kibibytes.
fn memory_bytes(meminfo: &str) -> Option<u64> {
    let value = value_after(meminfo, "MemTotal:")?;
    let kibibytes: u64 = value.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

fn value_after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(key))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_linux_are_read() {
        let os = "NAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(
            os_name(os).as_deref(),
            Some("Debian GNU/Linux 12 (bookworm)")
        );
        let cpu = "processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz\nmodel name\t: Other\n";
        assert_eq!(cpu_model(cpu).as_deref(), Some("Some CPU @ 2.00GHz"));
        let memory = "MemTotal:       16384 kB\nMemFree: 1 kB\n";
        assert_eq!(memory_bytes(memory), Some(16_777_216));
        assert_eq!(
            kernel("6.1.0-18-amd64\n").as_deref(),
            Some("6.1.0-18-amd64")
        );
    }

    #[test]
    fn what_is_absent_is_not_invented() {
        assert_eq!(os_name(""), None);
        assert_eq!(cpu_model("processor : 0"), None);
        assert_eq!(memory_bytes("MemTotal: much"), None);
        assert_eq!(kernel(" \n"), None);
    }
}
