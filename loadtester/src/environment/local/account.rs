//! Whom the servers run as. PostgreSQL and PgBouncer refuse to run as root.

use std::{
    io,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

use nix::unistd::{Gid, Uid, User};

use crate::environment::EnvironmentError;

/// Accounts that a system with PostgreSQL has, best first; the second is there on every system.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// Bit of a folder's mode that lets everybody enter it.
const OTHERS_ENTER: u32 = 0o001;

/// The account that the servers run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::environment) enum Account {
    /// Our own: we are not root.
    Own,
    /// Another, as we are root.
    Other {
        /// Its name.
        name: String,
        /// Its user.
        uid: Uid,
        /// Its group.
        gid: Gid,
    },
}

impl Account {
    /// Our own account, or an unprivileged one when we are root.
    pub(super) fn choose() -> Result<Self, EnvironmentError> {
        if !Uid::effective().is_root() {
            return Ok(Self::Own);
        }
        UNPRIVILEGED
            .iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .map(|user| Self::Other {
                name: user.name,
                uid: user.uid,
                gid: user.gid,
            })
            .ok_or(EnvironmentError::NoAccount)
    }

    /// Makes `command` run as this account.
    pub(super) fn apply(&self, command: &mut Command) {
        if let Self::Other { uid, gid, .. } = self {
            command.uid(uid.as_raw()).gid(gid.as_raw());
        }
    }

    /// `UID:GID`, for a container that is to share its files.
    pub(in crate::environment) fn in_numbers(&self) -> String {
        match self {
            Self::Own => format!("{}:{}", Uid::effective(), Gid::effective()),
            Self::Other { uid, gid, .. } => format!("{uid}:{gid}"),
        }
    }

    /// Gives a file or folder to this account.
    pub(super) fn own(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid, .. } => chown(path, Some(uid.as_raw()), Some(gid.as_raw())),
        }
    }

    /// The first folder on the way to `path`, itself included, that this account cannot enter.
    pub(super) fn shut_out_of(&self, path: &Path) -> Option<PathBuf> {
        let Self::Other { uid, .. } = self else {
            return None;
        };
        let enters = |folder: &Path| {
            folder
                .metadata()
                .is_ok_and(|facts| facts.mode() & OTHERS_ENTER != 0 || facts.uid() == uid.as_raw())
        };
        let mut ancestors: Vec<&Path> = path.ancestors().collect();
        ancestors.reverse();
        ancestors
            .into_iter()
            .find(|folder| !enters(folder))
            .map(Path::to_owned)
    }
}
