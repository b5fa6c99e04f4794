//! The record as a file: `run.json`.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::record::{RunRecord, SCHEMA_VERSION};

/// Name of the record in a run's folder.
pub const FILE_NAME: &str = "run.json";

/// Largest file that is read, in bytes. A run of twenty scenarios on five targets takes about ten
/// megabytes.
const LARGEST_FILE: u64 = 512 << 20;

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be opened or read.
    #[error("cannot read the record {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is larger than any record.
    #[error("{path} is no record: expected at most {LARGEST_FILE} bytes, got {bytes}")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The file is not the JSON of a record.
    #[error("{path} is not the record of a run (run.json): {source}")]
    Shape {
        /// The file.
        path: PathBuf,
        /// What was expected, what came, and the line and column.
        source: serde_json::Error,
    },
    /// A newer poolproof wrote the file.
    #[error(
        "{path} has schema version {found}, and this poolproof reads up to {SCHEMA_VERSION}: \
         read it with the version that wrote it, or a later one"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

/// Writes the record as `run.json` into `dir`, which is made if it is missing. A reader sees the
/// old file or the new one, never a part.
///
/// # Errors
///
/// When the folder or the file cannot be written.
pub fn write(dir: &Path, record: &RunRecord) -> io::Result<PathBuf> {
    fs::create_dir_all(dir)?;
    let path = dir.join(FILE_NAME);
    let unfinished = dir.join("run.json.part");
    let mut text = serde_json::to_vec_pretty(record)?;
    text.push(b'\n');
    fs::write(&unfinished, text)?;
    fs::rename(&unfinished, &path)?;
    Ok(path)
}

/// Reads a record from `path`, which is the file or the folder that holds `run.json`.
///
/// # Errors
///
/// When there is no such file, when it is no record, or when a newer version wrote it.
pub fn read(path: &Path) -> Result<RunRecord, ReadError> {
    let path = if path.is_dir() {
        path.join(FILE_NAME)
    } else {
        path.to_owned()
    };
    let text = read_text(&path)?;
    parse(&text, &path)
}

/// The JSON Schema of the record, as `docs/run.schema.json` publishes it.
#[must_use]
pub fn schema() -> String {
    format!("{:#}\n", schemars::schema_for!(RunRecord).as_value())
}

fn read_text(path: &Path) -> Result<String, ReadError> {
    let failed = |source| ReadError::File {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes > LARGEST_FILE {
        return Err(ReadError::TooLarge {
            path: path.to_owned(),
            bytes,
        });
    }
    let mut text = String::new();
    // The file may grow while it is read; what is taken stays within the bound.
    file.take(LARGEST_FILE)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(text)
}

fn parse(text: &str, path: &Path) -> Result<RunRecord, ReadError> {
    /// A newer record may have any shape but for its version.
    #[derive(Deserialize)]
    struct Versioned {
        schema_version: u32,
    }
    let shape = |source| ReadError::Shape {
        path: path.to_owned(),
        source,
    };
    let found = serde_json::from_str::<Versioned>(text)
        .map_err(shape)?
        .schema_version;
    if found > SCHEMA_VERSION {
        return Err(ReadError::Newer {
            path: path.to_owned(),
            found,
        });
    }
    serde_json::from_str(text).map_err(shape)
}
