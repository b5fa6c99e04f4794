//! What the files of /proc say.

use std::{collections::HashMap, time::Duration};

/// The parts of `/proc/PID/stat` that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) parent: u32,
    /// User and system time of the process, its ended threads included.
    pub(super) own_ticks: u64,
    /// The same of the children that it has waited for.
    pub(super) reaped_ticks: u64,
}

/// The parts of `/proc/PID/statm` that matter here, in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Statm {
    resident: u64,
    /// Of these, pages of files and of shared memory.
    shared: u64,
}

/// Reads `/proc/PID/stat`. The name stands in parentheses and may itself hold any character.
pub(super) fn stat(text: &str) -> Option<Stat> {
    let (_, after_name) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    // proc(5) counts from 1 and `after_name` begins with field 3.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(field(4)?).ok()?,
        own_ticks: field(14)? + field(15)?,
        reaped_ticks: field(16)? + field(17)?,
    })
}

/// Reads `/proc/PID/statm`.
pub(super) fn statm(text: &str) -> Option<Statm> {
    let mut fields = text.split_ascii_whitespace().skip(1);
    let mut next = || fields.next()?.parse().ok();
    Some(Statm {
        resident: next()?,
        shared: next()?,
    })
}

/// Reads `/proc/PID/task/TID/schedstat`: the time on a processor in nanoseconds comes first.
pub(super) fn schedstat(text: &str) -> Option<Duration> {
    let nanos = text.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

impl Statm {
    /// Pages of several processes together: what each has for itself, and once the largest that
    /// any of them shares. For a single process this is its resident size. For PostgreSQL it counts
    /// the shared buffers once and not once for each backend.
    pub(super) fn together(sizes: impl Iterator<Item = Self>) -> u64 {
        let (own, shared) = sizes.fold((0, 0), |(own, shared), size| {
            (
                own + size.resident.saturating_sub(size.shared),
                shared.max(size.shared),
            )
        });
        own + shared
    }
}

/// `roots` and whoever descends from them, as far as they are in `all`.
pub(super) fn descendants(roots: &[u32], all: &HashMap<u32, Stat>) -> Vec<(u32, Stat)> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for (pid, stat) in all {
        children.entry(stat.parent).or_default().push(*pid);
    }
    let mut found: Vec<(u32, Stat)> = Vec::new();
    let mut open = roots.to_vec();
    while let Some(pid) = open.pop() {
        let seen = found.iter().any(|(known, _)| *known == pid);
        if let Some(stat) = all.get(&pid).filter(|_| !seen) {
            found.push((pid, *stat));
            open.extend(children.remove(&pid).unwrap_or_default());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use super::{Stat, Statm, descendants, schedstat, stat, statm};

    #[test]
    fn stat_of_a_process_with_a_hostile_name() {
        let text = "812 (a) R 1 (b) S 77 812 812 0 -1 4194560 9 8 7 6 120 30 5 2 20 0 1 0 4242";
        assert_eq!(
            stat(text),
            Some(Stat {
                parent: 77,
                own_ticks: 150,
                reaped_ticks: 7
            })
        );
        assert_eq!(stat(""), None);
        assert_eq!(stat("812 (a) S 77 812"), None);
        assert_eq!(stat("812 (a) S x 1 1 1 1 1 1 1 1 1 1 1 1 1"), None);
    }

    #[test]
    fn statm_and_schedstat() {
        assert_eq!(
            statm("9000 500 300 10 0 200 0\n"),
            Some(Statm {
                resident: 500,
                shared: 300
            })
        );
        assert_eq!(statm("9000"), None);
        assert_eq!(
            schedstat("1500000 31705 1\n"),
            Some(Duration::from_micros(1_500))
        );
        assert_eq!(schedstat("\n"), None);
    }

    #[test]
    fn shared_pages_count_once() {
        let size = |resident, shared| Statm { resident, shared };
        assert_eq!(Statm::together([size(500, 300)].into_iter()), 500);
        let postgres = [size(10_000, 9_000), size(2_000, 1_500), size(700, 700)];
        assert_eq!(Statm::together(postgres.into_iter()), 1_000 + 500 + 9_000);
        assert_eq!(Statm::together([].into_iter()), 0);
    }

    #[test]
    fn a_tree_is_its_roots_and_all_below_once() {
        let parents = [(1, 0), (10, 1), (11, 10), (12, 11), (20, 1), (30, 30)];
        let all: HashMap<_, _> = parents
            .into_iter()
            .map(|(pid, parent)| {
                (
                    pid,
                    Stat {
                        parent,
                        own_ticks: 0,
                        reaped_ticks: 0,
                    },
                )
            })
            .collect();
        let check = |roots: &[u32], expected: &[u32]| {
            let mut pids: Vec<_> = descendants(roots, &all)
                .iter()
                .map(|(pid, _)| *pid)
                .collect();
            pids.sort_unstable();
            assert_eq!(pids, expected, "{roots:?}");
        };
        check(&[10], &[10, 11, 12]);
        check(&[10, 11], &[10, 11, 12]);
        check(&[20, 99], &[20]);
        check(&[30], &[30]);
        check(&[], &[]);
    }
}
