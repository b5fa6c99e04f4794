//! Which sessions are run: cases of the catalog, whole areas, or files.

use std::path::Path;

use poolproof_reports::matrix::Row;
use poolproof_scenarios::{Session, catalog};

use super::{super::choose, POOL_SIZE};
use crate::{cli::DiffArgs, problem::Problem};

/// A session to be run.
#[derive(Debug)]
pub(super) struct Case {
    area: String,
    name: String,
    pub(super) session: Session,
}

impl Case {
    /// `area/name`, or the file's name.
    pub(super) fn id(&self) -> String {
        if self.area.is_empty() {
            self.name.clone()
        } else {
            format!("{}/{}", self.area, self.name)
        }
    }

    /// Servers of the pool that it wants.
    pub(super) fn pool_size(&self) -> u32 {
        self.session.header.pool.unwrap_or(POOL_SIZE)
    }

    /// Its row, without cells.
    pub(super) fn row(&self) -> Row {
        Row {
            area: self.area.clone(),
            case: self.name.clone(),
            about: self.session.header.about.clone(),
            cells: Vec::new(),
        }
    }
}

/// Every session that the command line names.
///
/// # Errors
///
/// A name that is neither a case nor an area, or a file that is no script.
pub(super) fn chosen(args: &DiffArgs) -> Result<Vec<Case>, Problem> {
    let mut cases = Vec::new();
    for name in &args.cases {
        if name.ends_with(".session") {
            cases.push(file(Path::new(name))?);
            continue;
        }
        let before = cases.len();
        for case in catalog::CASES {
            if case.area == name || case.id() == *name {
                cases.push(entry(case)?);
            }
        }
        if cases.len() == before {
            return Err(unknown(name));
        }
    }
    for path in &args.replay {
        cases.push(file(path)?);
    }
    if cases.is_empty() {
        cases = catalog::CASES.iter().map(entry).collect::<Result<_, _>>()?;
    }
    Ok(cases)
}

fn unknown(name: &str) -> Problem {
    let ids: Vec<String> = catalog::CASES.iter().map(catalog::CaseEntry::id).collect();
    let near = poolproof_scenarios::nearest(name, ids.iter().map(String::as_str));
    let near = near.map(|near| format!("; did you mean {near}?"));
    Problem::usage(
        format!(
            "expected a case of the catalog, an area or a file that ends in .session, got {name:?}{}",
            near.unwrap_or_default()
        ),
        "`poolproof diff` without a name runs all cases and lists them.",
    )
}

fn entry(case: &catalog::CaseEntry) -> Result<Case, Problem> {
    Ok(Case {
        area: case.area.to_owned(),
        name: case.name.to_owned(),
        session: parse(case.text, case.path)?,
    })
}

fn file(path: &Path) -> Result<Case, Problem> {
    let name = path.display().to_string();
    Ok(Case {
        area: String::new(),
        session: parse(&choose::text(path)?, &name)?,
        name,
    })
}

fn parse(text: &str, file: &str) -> Result<Session, Problem> {
    Session::parse(text, file).map_err(|error| {
        Problem::usage(
            error,
            "docs/differential-testing.md explains what a script can say.",
        )
    })
}
