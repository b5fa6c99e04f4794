//! Which sessions are run: cases of the catalog, whole areas, or files.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use poolproof_reports::matrix::Row;
use poolproof_scenarios::{
    Session, catalog,
    pool::PoolMode,
    session::{Action, Message, Transport, Who},
};

use super::{super::choose, POOL_SIZE, setup, unperformed};
use crate::{
    cli::DiffArgs,
    diff::{DiffError, Ending, losses},
    problem::Problem,
};

/// A session to be run.
#[derive(Debug)]
pub(super) struct Case {
    area: String,
    name: String,
    pub(super) session: Session,
    origin: Origin,
    /// The file whose SQL comes before everything else of its set-up.
    setup: Option<PathBuf>,
}

/// Where a session comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// Somebody has written it to find something out.
    Written,
    /// It is what an application does, of which is asked whether it survives.
    Replayed,
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

    /// Servers of the pool that it wants. In session mode a client keeps its server, so that a pool that
    /// is smaller than the clients lets the last ones wait for ever.
    pub(super) fn pool_size(&self, mode: PoolMode) -> u32 {
        let wanted = self.session.header.pool.unwrap_or(POOL_SIZE);
        match mode {
            PoolMode::Session => wanted.max(clients_at_once(&self.session)),
            PoolMode::Transaction | PoolMode::Statement => wanted,
        }
    }

    /// The step at which a run ended, in the script's words; empty at the farewell.
    pub(super) fn step(&self, ending: &Ending) -> String {
        let (Ending::Hang { step } | Ending::Slow { step }) = ending else {
            return String::new();
        };
        let step = self.session.steps.get(step.saturating_sub(1));
        step.map_or_else(String::new, |step| format!(", `{step}`"))
    }

    /// What is said when it cannot be performed.
    pub(super) fn unperformed(&self, error: &DiffError) -> Problem {
        match (error, &self.setup) {
            (DiffError::Setup { nth: 1, line, .. }, Some(file)) => {
                setup::refused(file, *line, error)
            }
            _ => {
                let problem = unperformed(error);
                let what = format!("{}: {}", self.id(), problem.what);
                Problem { what, ..problem }
            }
        }
    }

    /// What its connections go over.
    pub(super) fn transport(&self) -> Transport {
        self.session.header.transport.unwrap_or_default()
    }

    /// Its row, without cells.
    pub(super) fn row(&self) -> Row {
        Row {
            area: self.area.clone(),
            case: self.name.clone(),
            about: self.session.header.about.clone(),
            relies_on: match self.origin {
                Origin::Written => Vec::new(),
                Origin::Replayed => losses(&self.session)
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            },
            cells: Vec::new(),
        }
    }
}

/// Most clients that are connected at one moment.
fn clients_at_once(session: &Session) -> u32 {
    let (mut connected, mut most) = (BTreeSet::new(), 0);
    for step in &session.steps {
        let Who::One(client) = &step.who else {
            continue;
        };
        let leaves = match &step.action {
            Action::Disconnect | Action::Reset => true,
            Action::Send { messages, .. } => messages.contains(&Message::Terminate),
            _ => false,
        };
        connected.insert(client);
        most = most.max(connected.len());
        if leaves {
            connected.remove(client);
        }
    }
    u32::try_from(most).unwrap_or(u32::MAX)
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
            cases.push(file(Path::new(name), Origin::Written)?);
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
    let setup = args.setup.as_deref().map(setup::text).transpose()?;
    for path in scripts(&args.replay)? {
        let mut case = file(&path, Origin::Replayed)?;
        case.session.header.setup.splice(0..0, setup.clone());
        case.setup.clone_from(&args.setup);
        cases.push(case);
    }
    if cases.is_empty() {
        cases = catalog::CASES.iter().map(entry).collect::<Result<_, _>>()?;
    }
    for case in &mut cases {
        args.complete(&mut case.session.header);
    }
    Ok(cases)
}

/// The files, and those that lie in folders, in the order of their names.
fn scripts(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Problem> {
    let mut scripts = Vec::new();
    for path in paths {
        if !path.is_dir() {
            scripts.push(path.clone());
            continue;
        }
        let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.map_err(|error| {
            Problem::usage(
                format!("cannot read {}: {error}", path.display()),
                "Name a folder that you may read.",
            )
        })?;
        let mut inside: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
        inside.retain(|file| file.extension().is_some_and(|ending| ending == "session"));
        if inside.is_empty() {
            return Err(Problem::usage(
                format!("expected files that end in .session in {}", path.display()),
                "`poolproof record` writes such files.",
            ));
        }
        inside.sort();
        scripts.append(&mut inside);
    }
    Ok(scripts)
}

fn unknown(name: &str) -> Problem {
    let ids: Vec<String> = catalog::CASES.iter().map(catalog::CaseEntry::id).collect();
    let areas = catalog::CASES.iter().map(|case| case.area);
    let known = areas.chain(ids.iter().map(String::as_str));
    let near = poolproof_scenarios::nearest(name, known);
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
        origin: Origin::Written,
        setup: None,
    })
}

fn file(path: &Path, origin: Origin) -> Result<Case, Problem> {
    let next = "Check the path; `poolproof record` writes session scripts, and \
                docs/differential-testing.md explains what one can say.";
    let text = choose::text(path, "session script", next)?;
    let name = path.display().to_string();
    Ok(Case {
        area: String::new(),
        session: parse(&text, &name)?,
        name,
        origin,
        setup: None,
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
