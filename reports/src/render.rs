//! Everything drawn from a record, one file per format. All figures come from the record alone, so
//! that two formats never disagree.

mod csv;
mod hlog;
mod html;
mod junit;
mod markdown;
mod rows;
mod sparkline;
mod table;

pub use csv::csv;
pub use hlog::hlog;
pub use html::{figure_of, html, html_with, trends};
pub use junit::junit;
pub use markdown::markdown;
pub use sparkline::sparkline;
pub use table::{TableStyle, table};

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{GateReport, RunRecord, store};

/// Writes every report into `dir`, which is made if it is missing, and returns the files' paths:
/// the record, the pages and what other tools read.
///
/// # Errors
///
/// When a file cannot be written; those before it stay.
pub fn write_all(record: &RunRecord, gate: &GateReport, dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = vec![store::write(dir, record)?];
    let reports = [
        ("report.html", html(record, gate)),
        ("report.md", markdown(record, gate)),
        ("junit.xml", junit(record, gate)),
        ("results.csv", csv(record, gate)),
        ("windows.csv", csv::windows(record)),
        ("latency.hlog", hlog(record)?),
    ];
    for (name, text) in reports {
        let path = dir.join(name);
        fs::write(&path, text)?;
        paths.push(path);
    }
    Ok(paths)
}
