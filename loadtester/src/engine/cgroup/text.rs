//! The texts that name control groups and hold their figures. Pure.

use std::path::{Path, PathBuf};

/// The folder of a process's group: by the name of a `controller` in version 1, else in version 2.
/// `groups` is `/proc/PID/cgroup` (cgroups(7)), `mounts` is `/proc/self/mountinfo` (proc(5)).
pub(super) fn folder(groups: &str, mounts: &str, controller: Option<&str>) -> Option<PathBuf> {
    let path = groups.lines().find_map(|line| {
        // hierarchy-ID:controller-list:cgroup-path
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        names(controllers, controller).then_some(path)
    })?;
    let (mounted, root) = mounts.lines().find_map(|line| mount(line, controller))?;
    // A mount may show only a part of the hierarchy, below its root.
    let below = Path::new(path).strip_prefix(root).ok()?;
    Some(Path::new(mounted).join(below))
}

/// Whether a list of controllers holds the one looked for; version 2 has an empty list.
fn names(controllers: &str, wanted: Option<&str>) -> bool {
    match wanted {
        Some(wanted) => controllers.split(',').any(|name| name == wanted),
        None => controllers.is_empty(),
    }
}

/// Where a line of mountinfo mounts the hierarchy looked for, and which part of it.
fn mount<'a>(line: &'a str, controller: Option<&str>) -> Option<(&'a str, &'a str)> {
    let (place, kind) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(3);
    let (root, mounted) = (place.next()?, place.next()?);
    let mut kind = kind.split(' ');
    let (filesystem, options) = (kind.next()?, kind.nth(1)?);
    let found = match controller {
        Some(_) => filesystem == "cgroup" && names(options, controller),
        None => filesystem == "cgroup2",
    };
    found.then_some((mounted, root))
}

/// The number behind `key` in lines of `key number`.
pub(super) fn value(text: &str, key: &str) -> Option<u64> {
    let of = |line: &str| {
        line.strip_prefix(key)?
            .strip_prefix(' ')?
            .trim()
            .parse()
            .ok()
    };
    text.lines().find_map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_that_shows_a_part_is_taken_from_there() {
        let mounts = "33 31 0:30 /docker /mnt rw - cgroup cgroup rw,cpu,cpuacct\n";
        let of = |groups| folder(groups, mounts, Some("cpuacct"));
        assert_eq!(of("2:cpu,cpuacct:/docker/4aea\n"), Some("/mnt/4aea".into()));
        assert_eq!(of("2:cpu,cpuacct:/elsewhere\n"), None);
        assert_eq!(of("2:cpuset:/docker/4aea\n"), None);
    }

    #[test]
    fn a_key_is_a_whole_word() {
        assert_eq!(value("anon_thp 1\nanon 2\n", "anon"), Some(2));
        assert_eq!(value("anon many\n", "anon"), None);
        assert_eq!(value("", "anon"), None);
    }
}
