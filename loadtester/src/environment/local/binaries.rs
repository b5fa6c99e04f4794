//! Where the programs of PostgreSQL and of the targets are.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use poolproof_scenarios::TargetFile;

use super::process::clean_environment;
use crate::environment::EnvironmentError;

/// Debian and its kin keep the server's programs out of PATH, one folder for each major version.
const DEBIAN_POSTGRES: &str = "/usr/lib/postgresql";
/// Folders of system programs, which the PATH of an ordinary user lacks.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

const GET_POSTGRES: &str = "Install it (Debian, Ubuntu: `apt-get install postgresql`; Fedora: `dnf install \
     postgresql-server`; macOS: `brew install postgresql`), or name its folder with --pg-bin.";
/// PostgreSQL's server programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postgres {
    /// Makes a cluster.
    pub initdb: PathBuf,
    /// The server.
    pub postgres: PathBuf,
    /// What the server says of itself, such as `postgres (PostgreSQL) 17.5`.
    pub version: String,
}

/// Finds PostgreSQL: in `folder` when the user named one, else in PATH, else where Debian keeps it,
/// newest first.
///
/// # Errors
///
/// When it is in none of these places, or does not run.
pub fn postgres(folder: Option<&Path>) -> Result<Postgres, EnvironmentError> {
    let folders = folder.map_or_else(
        || path_folders().chain(debian_folders()).collect(),
        |folder| vec![folder.to_owned()],
    );
    let found = folders.iter().find_map(|folder| {
        // A link in PATH leads to the folder in which all the programs are.
        let initdb = fs::canonicalize(folder.join("initdb")).ok()?;
        let postgres = initdb.with_file_name("postgres");
        postgres.is_file().then_some((initdb, postgres))
    });
    let (initdb, postgres) = found.ok_or_else(|| EnvironmentError::Missing {
        program: "PostgreSQL (initdb and postgres)".to_owned(),
        looked_in: folder.map_or_else(
            || format!("PATH and {DEBIAN_POSTGRES}/*/bin"),
            |folder| folder.display().to_string(),
        ),
        remedy: GET_POSTGRES,
    })?;
    let version = version(&postgres, &["--version"])?;
    Ok(Postgres {
        initdb,
        postgres,
        version,
    })
}

/// A target's program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The file.
    pub path: PathBuf,
    /// What it says of itself, such as `PgBouncer 1.24.1`.
    pub version: String,
}

/// Finds the program of `target`: `chosen` when the user named one, a path as its file has it, else
/// in PATH or the folders of system programs.
///
/// # Errors
///
/// When it is in none of these places, or does not run.
pub fn program(
    target: &'static TargetFile,
    chosen: Option<&Path>,
) -> Result<Program, EnvironmentError> {
    let named = Path::new(&target.program);
    let candidates: Vec<PathBuf> = match chosen {
        Some(file) => vec![file.to_owned()],
        None if named.components().count() > 1 => vec![named.to_owned()],
        None => path_folders()
            .chain(SYSTEM_FOLDERS.iter().map(PathBuf::from))
            .map(|folder| folder.join(named))
            .collect(),
    };
    let looked_in = match &candidates[..] {
        [one] => one.display().to_string(),
        _ => format!("PATH, {}", SYSTEM_FOLDERS.join(" and ")),
    };
    let path = candidates
        .into_iter()
        .find(|candidate| candidate.is_file())
        .ok_or(EnvironmentError::Missing {
            program: called(target),
            looked_in,
            remedy: &target.get,
        })?;
    let version = version(&path, &target.version)?;
    Ok(Program { path, version })
}

/// A program's name, and whose it is where a target is called otherwise.
fn called(target: &TargetFile) -> String {
    let TargetFile { program, name, .. } = target;
    match program == name {
        true => name.clone(),
        false => format!("{program}, the program of the target {name},"),
    }
}

fn path_folders() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

/// `/usr/lib/postgresql/*/bin`, the newest version first.
fn debian_folders() -> Vec<PathBuf> {
    let entries = fs::read_dir(DEBIAN_POSTGRES)
        .into_iter()
        .flatten()
        .flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

/// The first line that a program answers when it is asked for its version.
pub(super) fn version(
    program: &Path,
    args: &[impl AsRef<OsStr>],
) -> Result<String, EnvironmentError> {
    let unusable = |got: String| EnvironmentError::Unusable {
        program: program.to_owned(),
        got,
    };
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    clean_environment(&mut command);
    let output = command
        .output()
        .map_err(|error| unusable(error.to_string()))?;
    // Some say it on standard error.
    let said = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
    let first = said
        .iter()
        .flat_map(|said| said.lines())
        .next()
        .unwrap_or_default()
        .trim();
    if !output.status.success() || first.is_empty() {
        return Err(unusable(format!(
            "{} and {:?}",
            super::process::in_words(output.status),
            String::from_utf8_lossy(&output.stderr).trim(),
        )));
    }
    Ok(first.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::CatalogTarget;

    #[test]
    fn a_named_place_is_the_only_one_looked_in() {
        let nowhere = Path::new("/nonexistent");
        let error = postgres(Some(nowhere)).expect_err("nothing there");
        assert!(
            error.to_string().contains("looked in /nonexistent"),
            "{error}"
        );
        let pgbouncer = CatalogTarget::pgbouncer().file();
        let error = program(pgbouncer, Some(nowhere)).expect_err("nothing there");
        assert!(error.remedy().contains("apt-get install pgbouncer"));
    }

    #[test]
    fn a_program_without_a_version_is_unusable() {
        let error = version(Path::new("/bin/false"), &[""]).expect_err("no version");
        assert!(error.to_string().contains("exit code 1"), "{error}");
    }
}
