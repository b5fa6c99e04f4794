//! `poolproof diff`: the same sessions against several targets, and what they answer otherwise than
//! PostgreSQL.

mod bench;
mod cases;
mod judge;
mod random;
mod setup;

use poolproof_reports::matrix::{self, Cell, Matrix, Outcome, Row};
use poolproof_scenarios::{
    pool::{ClientTls, PoolMode, PoolSettings},
    session::Transport,
};

use super::{folder, measure, write};
use crate::{
    cli::{DiffArgs, Format, OutputFlags},
    diff::{DiffError, Known, Ledger, Needed, Place, Seen, columns},
    environment::Target,
    exit::Exit,
    output,
    problem::Problem,
    targets::TargetSpec,
};
use bench::{Performed, Told};
use cases::Case;
use judge::Judged;

/// Servers of a pool where a case doesn't say how many.
const POOL_SIZE: u32 = 4;
/// Threads of our pooler, however small the machine: what passes between them is tested too.
const WORKER_THREADS: u32 = 2;
/// Connections that cases open at most, beside those of poolers.
const CLIENTS_MAX: u32 = 50;

/// What poolers are told, where neither the mode nor a case says otherwise.
fn pool(client_tls_sslmode: ClientTls) -> PoolSettings {
    PoolSettings {
        default_pool_size: POOL_SIZE,
        client_tls_sslmode,
        worker_threads: Some(WORKER_THREADS),
        ..PoolSettings::default()
    }
}

/// Runs the command.
pub(super) fn run(args: &DiffArgs, flags: OutputFlags) -> Result<Exit, Problem> {
    let cases = cases::chosen(args)?;
    let ledger = ledger(args)?;
    let interrupts = measure::watch()?;
    folder(&args.out)?;
    if let Some(sessions) = args.random {
        let exit = random::run(args, flags, sessions, interrupts.stop())?;
        let stopped = interrupts.stop().is_stopped();
        return Ok(if stopped { interrupts.exit() } else { exit });
    }
    let (version, told) = bench::perform(args, &cases, interrupts.stop())?;
    if interrupts.stop().is_stopped() {
        return Ok(interrupts.exit());
    }
    let matrix = matrix(args, &cases, told, &ledger, &version);
    report(&matrix, args, flags)?;
    Ok(if matrix.is_clean() {
        Exit::Ok
    } else {
        Exit::Failed
    })
}

/// Judges what came of each case.
fn matrix(
    args: &DiffArgs,
    cases: &[Case],
    told: Vec<Told>,
    ledger: &Ledger,
    version: &str,
) -> Matrix {
    let mode = PoolMode::from(args.mode);
    let names = || args.targets.iter().map(TargetSpec::name);
    let mut needed = Needed::default();
    let mut rows: Vec<Row> = cases.iter().map(Case::row).collect();
    for ((case, Told { oracle, targets }), row) in cases.iter().zip(told).zip(&mut rows) {
        for (performed, name) in targets.into_iter().zip(names()) {
            let Judged { mut cell, got } = match (performed, &oracle) {
                (Performed::NotPromised, _) => judge::not_promised(mode).into(),
                (Performed::NotOffered, _) | (_, None) => {
                    judge::not_offered(case.transport()).into()
                }
                (Performed::To(trace), Some(oracle)) => {
                    let mut judged = judge::cell(case, oracle, &trace, name);
                    if args.traces && judged.cell.outcome == Outcome::Same {
                        let names = ("PostgreSQL", name);
                        judged.cell.trace = columns(names, oracle, &trace, None);
                    }
                    judged
                }
            };
            let seen = Seen {
                target: name,
                mode,
                case: &case.id(),
                outcome: cell.outcome,
                got: &got,
            };
            excuse(&mut cell, &seen, ledger, &mut needed);
            row.cells.push(cell);
        }
    }
    let names: Vec<String> = names().map(str::to_owned).collect();
    let ids: Vec<String> = cases.iter().map(Case::id).collect();
    Matrix {
        oracle: format!("PostgreSQL {version}"),
        mode: format!("{mode:?}").to_lowercase(),
        unneeded: ledger.unneeded(&names, mode, &ids, &needed),
        targets: names,
        rows,
    }
}

/// Excuses a difference that is known, and says of another one in the same case that it is another.
fn excuse(cell: &mut Cell, seen: &Seen<'_>, ledger: &Ledger, needed: &mut Needed) {
    if cell.outcome.is_explained() {
        return;
    }
    match ledger.known(seen, needed) {
        Some(Known::As(reason)) => {
            cell.outcome = Outcome::ByDesign;
            reason.clone_into(&mut cell.why);
        }
        Some(Known::Otherwise(way)) => {
            cell.why = format!("{}; the ledger knows it as {way}", cell.why);
        }
        None => {}
    }
}

fn ledger(args: &DiffArgs) -> Result<Ledger, Problem> {
    let (text, file) = match &args.ledger {
        None => (Ledger::OWN.to_owned(), "the ledger".to_owned()),
        Some(path) => {
            let next = "Check the path; docs/differential-testing.md shows what a ledger says.";
            let text = super::choose::text(path, "ledger", next)?;
            (text, path.display().to_string())
        }
    };
    Ledger::parse(&text).map_err(|error| {
        Problem::usage(
            format!("{file}: {error}"),
            "docs/differential-testing.md shows an entry.",
        )
    })
}

fn report(matrix: &Matrix, args: &DiffArgs, flags: OutputFlags) -> Result<(), Problem> {
    let json = output::to_json(matrix)?;
    let markdown = matrix::markdown(matrix);
    write(&args.out.join("matrix.json"), &json)?;
    write(&args.out.join("matrix.html"), &matrix::html(matrix))?;
    write(&args.out.join("matrix.md"), &markdown)?;
    write(&args.out.join("junit.xml"), &matrix::junit(matrix))?;
    output::print(&match flags.format {
        Format::Table => matrix::table(matrix),
        Format::Json => json,
        Format::Markdown => markdown,
    })
}

/// Where sessions are performed on a target.
fn place(target: &Target) -> Place {
    Place {
        endpoint: target.endpoint.clone(),
        sockets: target.sockets.clone(),
    }
}

/// There is nothing to compare with, or nothing to be compared.
fn not_offered(target: &TargetSpec, transport: Transport) -> Problem {
    Problem::usage(
        format!(
            "expected a target that offers connections over {transport}, got {}",
            target.name()
        ),
        "In containers and on targets that run already there is TCP in the clear alone.",
    )
}

/// A session that cannot be performed, or a PostgreSQL that cannot be asked.
fn unperformed(error: &DiffError) -> Problem {
    let exit = match error {
        DiffError::Encode { .. }
        | DiffError::Script { .. }
        | DiffError::Setup { .. }
        | DiffError::Endpoint(_) => Exit::Usage,
        DiffError::Beside(_) | DiffError::BesideSilent(_) | DiffError::Runtime(_) => {
            Exit::Environment
        }
    };
    Problem::new(
        exit,
        error,
        "docs/differential-testing.md explains what a script can say; `poolproof doctor` looks at \
         the environment.",
    )
}
