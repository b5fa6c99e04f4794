//! Opens a history, or says why not; nothing is changed before it is known to be ours.

use std::{fs, fs::File, io::Read as _, path::Path};

use sqlx::{
    AnyConnection, Connection as _, Row as _,
    migrate::{MigrateError, Migrator},
};

use super::{HistoryError, Store};

/// The steps from nothing to today's tables, from `reports/migrations/`.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The first bytes of every SQLite database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Opens `store`, and makes its tables where there are none. Cancel safe.
pub(super) async fn open(store: &Store) -> Result<AnyConnection, HistoryError> {
    sqlx::any::install_default_drivers();
    if let Store::File(path) = store {
        prepare_file(path, store)?;
    }
    let mut connection = AnyConnection::connect(&store.url())
        .await
        .map_err(|source| HistoryError::Open {
            place: store.to_string(),
            source,
        })?;
    if matches!(store, Store::File(_)) {
        check_file(&mut connection, store).await?;
    }
    MIGRATIONS
        .run(&mut connection)
        .await
        .map_err(|error| refused(error, store))?;
    Ok(connection)
}

fn refused(error: MigrateError, store: &Store) -> HistoryError {
    let place = store.to_string();
    match error {
        MigrateError::VersionMissing(version) => HistoryError::Newer { place, version },
        source => HistoryError::Migrate { place, source },
    }
}

/// Makes the folder, and looks at the first bytes of a file that is there.
fn prepare_file(path: &Path, store: &Store) -> Result<(), HistoryError> {
    let failed = |source| HistoryError::Place {
        place: store.to_string(),
        source,
    };
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    if !path.exists() {
        return Ok(());
    }
    let mut begin = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAGIC.len() as u64)
        .read_to_end(&mut begin)
        .map_err(failed)?;
    if begin.is_empty() || begin == MAGIC {
        Ok(())
    } else {
        Err(damaged(store, "its first bytes are not those of one"))
    }
}

/// Whether the database is whole, and ours.
async fn check_file(connection: &mut AnyConnection, store: &Store) -> Result<(), HistoryError> {
    let check = sqlx::query("PRAGMA quick_check(1)").fetch_one(&mut *connection);
    let found: String = check
        .await
        .and_then(|row| row.try_get(0))
        .map_err(|error| damaged(store, &error.to_string()))?;
    if found != "ok" {
        return Err(damaged(store, &found));
    }
    let tables = sqlx::query("SELECT name FROM sqlite_master WHERE type = 'table'");
    let rows = tables
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| damaged(store, &error.to_string()))?;
    let names: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(0)).collect();
    let names = names?;
    if names.is_empty() || names.iter().any(|name| name == "_sqlx_migrations") {
        return Ok(());
    }
    Err(HistoryError::Foreign {
        place: store.to_string(),
    })
}

fn damaged(store: &Store, found: &str) -> HistoryError {
    HistoryError::Damaged {
        place: store.to_string(),
        found: found.to_owned(),
    }
}
