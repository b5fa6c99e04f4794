//! Where the servers of a run live and whom they run as.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::{account::Account, workdir::Workdir};
use crate::environment::EnvironmentError;

/// Bits of a file's mode that let everybody read and run it.
const READ_AND_RUN: u32 = 0o005;

/// The folder of a run, and the account that works in it.
#[derive(Debug)]
pub(in crate::environment) struct Site {
    /// Whom the servers run as.
    pub(in crate::environment) account: Account,
    /// Their folder, which is removed with this value.
    pub(super) workdir: Workdir,
}

impl Site {
    /// Makes the folder, for our own account or for an unprivileged one.
    pub(in crate::environment) fn create() -> Result<Self, EnvironmentError> {
        let account = Account::choose()?;
        Ok(Self {
            workdir: Workdir::create(&account)?,
            account,
        })
    }

    /// The run's folder.
    pub(in crate::environment) fn path(&self) -> &Path {
        self.workdir.path()
    }

    /// Makes a folder that only the servers' account may enter.
    pub(in crate::environment) fn folder(&self, name: &str) -> Result<PathBuf, EnvironmentError> {
        let folder = self.path().join(name);
        let make = || -> io::Result<()> {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)?;
            self.account.own(&folder)
        };
        make().map_err(EnvironmentError::io(format!("make {}", folder.display())))?;
        Ok(folder)
    }

    /// Writes a file that only the servers' account may read.
    pub(in crate::environment) fn file(
        &self,
        path: &Path,
        text: &str,
    ) -> Result<(), EnvironmentError> {
        let write = || -> io::Result<()> {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(path)?.write_all(text.as_bytes())?;
            self.account.own(path)
        };
        write().map_err(EnvironmentError::io(format!("write {}", path.display())))
    }

    /// A path by which the servers' account can run this very program. Root's build is often in a
    /// folder that nobody else may enter, so it gets a second name, or a copy across file systems.
    pub(super) fn own_program(&self) -> Result<PathBuf, EnvironmentError> {
        let own = std::env::current_exe().map_err(EnvironmentError::io("find this program"))?;
        if self.account == Account::Own {
            return Ok(own);
        }
        let reachable = self.path().join("poolproof");
        let provide = || -> io::Result<()> {
            let shared = own.metadata()?.permissions().mode() & READ_AND_RUN == READ_AND_RUN;
            if shared && fs::hard_link(&own, &reachable).is_ok() {
                return Ok(());
            }
            fs::copy(&own, &reachable)?;
            fs::set_permissions(&reachable, fs::Permissions::from_mode(0o755))
        };
        provide().map_err(EnvironmentError::io(format!("copy {}", own.display())))?;
        Ok(reachable)
    }
}
