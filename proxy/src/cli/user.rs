//! Which system user the process is: never root.

use std::ffi::CString;

use nix::errno::Errno;
use nix::unistd::{User, getuid, initgroups, setgid, setuid};

/// Why the process cannot run as the user that it should.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// It would run as root.
    #[error("the pooler should not run as root: name a system user with -u USER or user = USER")]
    Root,
    /// There is no such user.
    #[error("could not find user '{0}' to switch to")]
    Unknown(String),
    /// The system does not allow it.
    #[error("failed to assume identity of user '{name}': {error}; only root can do that")]
    NotAllowed {
        /// The user to become.
        name: String,
        /// What the system said.
        error: Errno,
    },
}

/// Becomes `wanted`, if one is named and the process is not that user already. Must be called
/// before the first thread is started: each thread has its own idea of who it is.
///
/// # Errors
/// When that fails, or the process would stay root.
pub(super) fn assume(wanted: Option<&str>) -> Result<(), UserError> {
    if let Some(name) = wanted {
        become_user(name)?;
    }
    if getuid().is_root() {
        Err(UserError::Root)
    } else {
        Ok(())
    }
}

fn become_user(name: &str) -> Result<(), UserError> {
    let unknown = || UserError::Unknown(name.to_owned());
    let user = User::from_name(name).ok().flatten().ok_or_else(unknown)?;
    if user.uid == getuid() {
        return Ok(());
    }
    let c_name = CString::new(name).map_err(|_| unknown())?;
    // Groups first: once the user is changed, the right to change them is gone.
    initgroups(&c_name, user.gid)
        .and_then(|()| setgid(user.gid))
        .and_then(|()| setuid(user.uid))
        .map_err(|error| UserError::NotAllowed {
            name: name.to_owned(),
            error,
        })
}
