//! The one folder that a run makes, and its removal however the run ends.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, Uid},
};

use super::account::Account;
use crate::environment::{EnvironmentError, owner::Owner, wait};

/// Begin of the folder's name in the system's temporary folder.
const PREFIX: &str = "poolproof-";
/// File in the folder that names the process it belongs to.
const MARKER: &str = "owner";
/// How long servers that were told to go may still write while the folder is being removed.
const REMOVAL_LIMIT: Duration = Duration::from_secs(5);

/// A temporary folder that lives as long as this value.
#[derive(Debug)]
pub(super) struct Workdir {
    path: PathBuf,
    children: Arc<Children>,
}

/// Processes that must not outlive us, each with the signal that ends it at once.
#[derive(Debug, Default)]
pub(super) struct Children(Mutex<Vec<(Pid, Signal)>>);

impl Children {
    /// Remembers a process that was started.
    pub(super) fn add(&self, pid: Pid, at_once: Signal) {
        if let Ok(mut children) = self.0.lock() {
            children.push((pid, at_once));
        }
    }

    /// Forgets a process that has been waited for: its number may soon be another's.
    pub(super) fn forget(&self, pid: Pid) {
        if let Ok(mut children) = self.0.lock() {
            children.retain(|(known, _)| *known != pid);
        }
    }

    fn end(&self) {
        // A panic may have happened with the lock held; then the kernel ends the children when we
        // are gone.
        if let Ok(children) = self.0.try_lock() {
            for (pid, at_once) in children.iter() {
                // It may have ended by itself, which is what is wanted.
                let _ = kill(*pid, *at_once);
            }
        }
    }
}

impl Workdir {
    /// Makes the folder below the system's temporary folder, for `account` to enter.
    pub(super) fn create(account: &Account) -> Result<Self, EnvironmentError> {
        let base = std::env::temp_dir();
        if let (Some(folder), Account::Other { name, .. }) = (account.shut_out_of(&base), account) {
            return Err(EnvironmentError::Unreadable {
                account: name.clone(),
                folder,
            });
        }
        let failed = || EnvironmentError::io(format!("make a folder in {}", base.display()));
        let path = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir_in(&base)
            .map_err(failed())?
            .keep();
        let workdir = Self {
            path,
            children: Arc::default(),
        };
        let owner = Owner::this_process().to_string();
        fs::write(workdir.path.join(MARKER), owner).map_err(failed())?;
        workdir.remove_on_panic();
        Ok(workdir)
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The processes that work in the folder.
    pub(super) fn children(&self) -> &Arc<Children> {
        &self.children
    }

    /// A release build aborts on a panic and drops nothing, so the hook has to clean up. Where a
    /// panic unwinds, dropping does it, and a thread's panic must not end everybody else.
    fn remove_on_panic(&self) {
        if cfg!(panic = "unwind") {
            return;
        }
        let (path, children) = (self.path.clone(), Arc::clone(&self.children));
        let earlier = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            earlier(panic);
            children.end();
            remove(&path);
        }));
    }
}

impl Drop for Workdir {
    fn drop(&mut self) {
        if !remove(&self.path) {
            tracing::warn!(path = %self.path.display(), "the temporary folder could not be removed");
        }
    }
}

/// Removes the folder, again if a dying server wrote into it meanwhile.
fn remove(path: &Path) -> bool {
    wait::until(REMOVAL_LIMIT, || match fs::remove_dir_all(path) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    })
}

/// Folders of ours in `base` whose run was killed before it could remove them.
pub(super) fn leftovers(base: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(base)? {
        let entry = entry?;
        let named = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // Another user's folder is theirs to remove.
        let ours = entry
            .metadata()
            .is_ok_and(|facts| facts.is_dir() && facts.uid() == Uid::effective().as_raw());
        if named && ours && is_left(&entry.path()) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// A folder without a marker is either not ours or being made at this moment.
fn is_left(folder: &Path) -> bool {
    fs::read_to_string(folder.join(MARKER))
        .ok()
        .and_then(|text| Owner::parse(&text))
        .is_some_and(|owner| !owner.is_alive())
}

/// Removes a folder that [`leftovers`] found.
pub(super) fn remove_leftover(folder: &Path) -> io::Result<()> {
    fs::remove_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_dead_runs_are_left_over() {
        let base = tempfile::tempdir().expect("a folder");
        let make = |name: &str, marker: Option<&str>| {
            let folder = base.path().join(name);
            fs::create_dir(&folder).expect("a folder");
            if let Some(marker) = marker {
                fs::write(folder.join(MARKER), marker).expect("a marker");
            }
            folder
        };
        // Process numbers end at 2²², so this one was never given out.
        let dead = make("poolproof-dead", Some("99999999 1"));
        make("poolproof-alive", Some(&Owner::this_process().to_string()));
        make("poolproof-unmarked", None);
        make("another-dead", Some("99999999 1"));
        assert_eq!(leftovers(base.path()).expect("a list"), [dead]);
    }

    #[test]
    fn the_end_of_all_children_is_the_end_of_each() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("sleep");
        let children = Children::default();
        children.add(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
        children.end();
        let status = child.wait().expect("a status");
        assert_eq!(super::super::process::in_words(status), "SIGKILL");
    }

    #[test]
    fn dropping_removes_everything() {
        let workdir = Workdir::create(&Account::Own).expect("a folder");
        let path = workdir.path().to_owned();
        fs::create_dir_all(path.join("a/b")).expect("folders");
        drop(workdir);
        assert!(!path.exists());
    }
}
