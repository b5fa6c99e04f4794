//! What of the machine each container may use: the same for every pooler.

use std::str::FromStr;

use super::engine::Facts;
use crate::environment::{facts::Machine, limits};

/// Billionths of a processor, in which the engine counts.
const NANO: f64 = 1e9;
/// Open files that no load needs more of.
const OPEN_FILES_MAX: u64 = 65_536;

/// Limits that the user chose.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Processor time of each pooler.
    pub cpus: Option<Cpus>,
    /// Memory of each pooler.
    pub memory: Option<Memory>,
}

/// Processors, in parts if need be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cpus(f64);

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory(i64);

impl FromStr for Cpus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let cpus = text
            .parse()
            .ok()
            .filter(|cpus| (0.01..=1024.0).contains(cpus));
        cpus.map(Self).ok_or_else(|| {
            format!("expected processors from 0.01 to 1024, such as 1.5, got {text:?}")
        })
    }
}

impl FromStr for Memory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = match text.strip_suffix(['m', 'M']) {
            Some(number) => (number, 1 << 20),
            None => (text.strip_suffix(['g', 'G']).unwrap_or(""), 1 << 30),
        };
        // The engine takes no less than 6 MB.
        let bytes = number
            .parse::<i64>()
            .ok()
            .and_then(|number| number.checked_mul(unit));
        bytes
            .filter(|bytes| *bytes >= 6 << 20)
            .map(Self)
            .ok_or_else(|| {
                format!("expected memory of 6m or more, such as 256m or 1g, got {text:?}")
            })
    }
}

/// What one container may use; `None` where the engine cannot limit it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shares {
    /// Processors, as the kernel lists them.
    pub(super) cpuset: Option<String>,
    /// Processor time, in billionths of a processor.
    pub(super) nano_cpus: Option<i64>,
    /// Memory in bytes.
    pub(super) memory_bytes: Option<i64>,
    /// Open files: enough for the largest load, whatever the engine's default is.
    pub(super) open_files: Option<i64>,
}

impl Shares {
    /// Shares of every pooler: the processors in `allowed`, all of their time and all memory but
    /// for what the user limits.
    pub(super) fn of_poolers(facts: &Facts, limits: Limits, allowed: &Allowed) -> Self {
        let Limits { cpus, memory } = limits;
        let whole = Self::whole(facts, allowed);
        let cpus = cpus
            .map(|Cpus(cpus)| nano(cpus))
            .filter(|_| facts.limits_cpu);
        let memory = memory.map(|Memory(bytes)| bytes);
        Self {
            nano_cpus: cpus.or(whole.nano_cpus),
            memory_bytes: memory
                .filter(|_| facts.limits_memory)
                .or(whole.memory_bytes),
            ..whole
        }
    }

    /// Shares of PostgreSQL, which is the same to every target: all that we may use ourselves.
    pub(super) fn whole(facts: &Facts, allowed: &Allowed) -> Self {
        let cores = f64::from(allowed.cores);
        Self {
            cpuset: allowed.cpuset.clone().filter(|_| facts.binds_cpu),
            nano_cpus: facts.limits_cpu.then(|| nano(cores)),
            memory_bytes: allowed.memory_bytes.filter(|_| facts.limits_memory),
            open_files: allowed.open_files,
        }
    }

    /// Processors as `docker run --cpus` takes them.
    pub(super) fn cpus_in_words(&self) -> Option<String> {
        self.nano_cpus.map(|nano| (nano as f64 / NANO).to_string())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "at most 1024 processors, whole billionths"
)]
fn nano(cpus: f64) -> i64 {
    (cpus * NANO).round() as i64
}

/// What this process may use of the machine on which the engine runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Allowed {
    cpuset: Option<String>,
    cores: u32,
    memory_bytes: Option<i64>,
    open_files: Option<i64>,
}

impl Allowed {
    /// On this machine, from `/proc/self/status`; a machine behind a desktop's engine has
    /// processors of its own, and is not bound to ours.
    pub(super) fn here(facts: &Facts, machine: &Machine) -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            cpuset: cpus_allowed(&status).filter(|_| facts.shares_our_host),
            // A desktop's engine may have fewer than we see.
            cores: facts
                .cores
                .map_or(machine.cores, |cores| cores.min(machine.cores)),
            memory_bytes: i64::try_from(machine.memory_bytes)
                .ok()
                .filter(|bytes| *bytes > 0 && facts.shares_our_host),
            // An engine that runs beside us has the limit that we have; one elsewhere has its own.
            open_files: limits::open_files()
                .ok()
                .and_then(|files| i64::try_from(files.hard.min(OPEN_FILES_MAX)).ok())
                .filter(|_| facts.shares_our_host),
        }
    }
}

/// `Cpus_allowed_list` of proc_pid_status(5), such as `0-1,4`.
fn cpus_allowed(status: &str) -> Option<String> {
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(list.trim().to_owned()).filter(|list| !list.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn able() -> Facts {
        Facts {
            limits_cpu: true,
            binds_cpu: true,
            limits_memory: true,
            ..Facts::default()
        }
    }

    fn allowed() -> Allowed {
        Allowed {
            cpuset: cpus_allowed("Name:\tx\nCpus_allowed_list:\t0-1\n"),
            cores: 2,
            memory_bytes: Some(8 << 30),
            open_files: None,
        }
    }

    #[test]
    fn without_limits_every_container_has_what_we_have() {
        let poolers = Shares::of_poolers(&able(), Limits::default(), &allowed());
        assert_eq!(poolers, Shares::whole(&able(), &allowed()));
        assert_eq!(poolers.cpuset.as_deref(), Some("0-1"));
        assert_eq!(poolers.cpus_in_words().as_deref(), Some("2"));
        assert_eq!(poolers.memory_bytes, Some(8 << 30));
    }

    #[test]
    fn limits_are_the_poolers() {
        let limits = Limits {
            cpus: Some("1.5".parse().expect("processors")),
            memory: Some("256m".parse().expect("memory")),
        };
        let poolers = Shares::of_poolers(&able(), limits, &allowed());
        assert_eq!(poolers.nano_cpus, Some(1_500_000_000));
        assert_eq!(poolers.memory_bytes, Some(256 << 20));
    }

    #[test]
    fn an_engine_is_not_asked_for_what_it_cannot_do() {
        let shares = Shares::whole(&Facts::default(), &allowed());
        assert_eq!(shares, Shares::default());
    }

    #[test]
    fn amounts_have_units_and_bounds() {
        assert_eq!("1g".parse(), Ok(Memory(1 << 30)));
        for text in ["", "256", "1m", "m", "9999999999999g"] {
            assert!(text.parse::<Memory>().is_err(), "{text}");
        }
        for text in ["0", "many", "nan", "-1"] {
            assert!(text.parse::<Cpus>().is_err(), "{text}");
        }
    }
}
