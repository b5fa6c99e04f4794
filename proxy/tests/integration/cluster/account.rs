//! PostgreSQL and PgBouncer refuse to run as root: who runs them instead.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::unistd::{Uid, User};

/// Lets `command` run as user `postgres` when the tests run as root.
pub(crate) fn unprivileged(command: &mut Command) -> &mut Command {
    match substitute() {
        Some(user) => command.uid(user.uid.as_raw()).gid(user.gid.as_raw()),
        None => command,
    }
}

/// Gives `path` to the user whom [`unprivileged`] chooses.
pub(crate) fn hand_over(path: &Path) {
    if let Some(user) = substitute() {
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("chown");
    }
}

fn substitute() -> Option<User> {
    Uid::effective().is_root().then(|| {
        let user = User::from_name("postgres").expect("read the user database");
        user.expect("PostgreSQL refuses root: expected a user named postgres")
    })
}
