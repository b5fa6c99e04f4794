//! Open files: each client of the load is one here and one in the pooler.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::EnvironmentError;

/// Files that are open beside the clients' connections: libraries, logs, polls, the report's files.
pub(super) const BESIDE_CLIENTS: u64 = 256;

/// Open files of this process: what it may have now, and what it may raise that to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// What it may have now.
    pub soft: u64,
    /// What it may raise that to.
    pub hard: u64,
}

/// The limits of this process.
///
/// # Errors
///
/// When the system does not tell.
pub fn open_files() -> Result<OpenFiles, EnvironmentError> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)
        .map_err(|errno| EnvironmentError::io("read the limit of open files")(errno.into()))?;
    Ok(OpenFiles { soft, hard })
}

impl OpenFiles {
    /// Says whether `needed` files can be had.
    fn suffice(self, needed: u64) -> Result<(), EnvironmentError> {
        if self.hard < needed {
            return Err(EnvironmentError::OpenFiles {
                needed,
                hard: self.hard,
            });
        }
        Ok(())
    }
}

/// Raises the soft limit to the hard one, for us and for the children to come.
///
/// # Errors
///
/// When the hard limit is below `needed`.
pub fn raise_open_files(needed: u64) -> Result<(), EnvironmentError> {
    let limits = open_files()?;
    limits.suffice(needed)?;
    let OpenFiles { soft, hard } = limits;
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_err() {
        // macOS names an unlimited hard limit and refuses to set it; what is needed will do.
        setrlimit(Resource::RLIMIT_NOFILE, needed.max(soft), hard)
            .map_err(|errno| EnvironmentError::io("raise the limit of open files")(errno.into()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_forbids_is_refused_with_both_numbers() {
        let limits = OpenFiles {
            soft: 1_024,
            hard: 4_096,
        };
        assert!(limits.suffice(4_096).is_ok());
        let error = limits.suffice(4_097).expect_err("too many");
        assert_eq!(
            error.to_string(),
            "the load needs 4097 open files, and this system allows 4096"
        );
        assert!(error.remedy().contains("ulimit -Hn 4097"));
    }

    #[test]
    fn raising_takes_all_that_is_allowed() {
        raise_open_files(1).expect("one file");
        let OpenFiles { soft, hard } = open_files().expect("limits");
        assert_eq!(soft, hard);
    }
}
