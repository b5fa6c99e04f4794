//! `poolproof diff`: the same sessions against several targets, and what they answer otherwise than
//! PostgreSQL.

mod cases;
mod judge;
mod random;

use std::sync::Arc;

use poolproof_reports::matrix::{self, Matrix, Outcome, Row};
use poolproof_scenarios::{
    pool::{PoolMode, PoolSettings},
    session::Transport,
};
use tokio::runtime::Runtime;

use super::{folder, measure, write};
use crate::{
    cli::{DiffArgs, Format, OutputFlags},
    diff::{Beside, DiffError, Ending, Ledger, Limits, Needed, Place, Stage, Trace, columns},
    engine::Stop,
    environment::{Demand, Environment, Target},
    exit::Exit,
    output,
    problem::Problem,
    targets::{CatalogTarget, TargetSpec},
};
use cases::Case;

/// Servers of a pool where a case doesn't say how many.
const POOL_SIZE: u32 = 4;
/// Connections that cases open at most, beside those of poolers.
const CLIENTS_MAX: u32 = 50;

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
    let mut bench = Bench::start(args, interrupts.stop())?;
    let oracle = bench.oracle(&cases)?;
    let matrix = bench.matrix(args, &cases, &oracle, &ledger)?;
    if interrupts.stop().is_stopped() {
        return Ok(interrupts.exit());
    }
    report(&matrix, args, flags)?;
    Ok(if matrix.is_clean() {
        Exit::Ok
    } else {
        Exit::Failed
    })
}

fn ledger(args: &DiffArgs) -> Result<Ledger, Problem> {
    let (text, file) = match &args.ledger {
        None => (Ledger::OWN.to_owned(), "the ledger".to_owned()),
        Some(path) => (super::choose::text(path)?, path.display().to_string()),
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

/// PostgreSQL, and what performs sessions on it and on the targets.
struct Bench<'a> {
    runtime: Runtime,
    environment: Environment,
    beside: Arc<Beside>,
    stop: &'a Stop,
}

/// What came of a case on a target.
enum Performed {
    /// The mode does not promise what the case asks for.
    NotPromised,
    /// The target cannot be reached over what the case asks for.
    NotOffered,
    /// What its clients received.
    To(Trace),
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
        "In containers and on targets that run already there is TCP alone.",
    )
}

/// A session that cannot be performed, or a PostgreSQL that cannot be asked.
fn unperformed(error: &DiffError) -> Problem {
    let exit = match error {
        DiffError::Encode { .. } | DiffError::Script { .. } | DiffError::Endpoint(_) => Exit::Usage,
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

impl<'a> Bench<'a> {
    fn start(args: &DiffArgs, stop: &'a Stop) -> Result<Self, Problem> {
        let mut targets = args.targets.clone();
        let direct = TargetSpec::Catalog(CatalogTarget::direct());
        if !targets.contains(&direct) {
            targets.push(direct);
        }
        let demand = Demand {
            targets,
            clients_max: CLIENTS_MAX,
            tls: false,
            choices: args.environment.choices(),
        };
        let environment = Environment::start(&demand, stop)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| unperformed(&DiffError::Runtime(error)))?;
        let administrator = environment.administrator().ok_or_else(|| {
            Problem::usage(
                "expected a target whose PostgreSQL is ours",
                "Name direct, proxy or pgbouncer among the targets.",
            )
        })?;
        let direct = environment.target(
            &TargetSpec::Catalog(CatalogTarget::direct()),
            &PoolSettings::default(),
            stop,
        )?;
        let beside = Beside::connect(administrator, &direct.endpoint.user);
        let beside = runtime
            .block_on(beside)
            .map_err(|error| unperformed(&error))?;
        Ok(Self {
            runtime,
            environment,
            beside: Arc::new(beside),
            stop,
        })
    }

    /// What PostgreSQL answers in each case.
    fn oracle(&mut self, cases: &[Case]) -> Result<Vec<Trace>, Problem> {
        let direct = TargetSpec::Catalog(CatalogTarget::direct());
        let target = self
            .environment
            .target(&direct, &PoolSettings::default(), self.stop)?;
        let mut traces = Vec::new();
        let place = place(&target);
        let mut stage = self.stage(&place)?;
        for case in cases {
            if self.stop.is_stopped() {
                break;
            }
            let transport = case.transport();
            if !place.offers(transport) {
                return Err(not_offered(&direct, transport));
            }
            let trace = self.perform(&mut stage, case)?;
            if let Some(unmet) = trace.unmet.first() {
                return Err(Problem::new(
                    Exit::Usage,
                    format!("{}: PostgreSQL itself does not meet {unmet}", case.id()),
                    "Mend the expectation in the script.",
                ));
            }
            if trace.ending != Ending::Complete {
                return Err(Problem::new(
                    Exit::Usage,
                    format!("{}: PostgreSQL itself gives {:?}", case.id(), trace.ending),
                    "Wait in the script for what PostgreSQL sends, such as `wait ready 1`.",
                ));
            }
            traces.push(trace);
        }
        Ok(traces)
    }

    fn stage(&self, place: &Place) -> Result<Stage, Problem> {
        let beside = Arc::clone(&self.beside);
        Stage::new(place.clone(), beside, Limits::default()).map_err(|error| unperformed(&error))
    }

    fn perform(&self, stage: &mut Stage, case: &Case) -> Result<Trace, Problem> {
        let performed = self.runtime.block_on(stage.perform(&case.session));
        performed.map_err(|error| {
            let problem = unperformed(&error);
            Problem {
                what: format!("{}: {}", case.id(), problem.what),
                ..problem
            }
        })
    }

    fn matrix(
        &mut self,
        args: &DiffArgs,
        cases: &[Case],
        oracle: &[Trace],
        ledger: &Ledger,
    ) -> Result<Matrix, Problem> {
        let mode = PoolMode::from(args.mode);
        let mut needed = Needed::default();
        let mut rows: Vec<Row> = cases.iter().map(Case::row).collect();
        for target in &args.targets {
            let traces = self.target(target, mode, cases)?;
            let judged = cases.iter().zip(oracle).zip(traces).zip(&mut rows);
            for (((case, oracle), trace), row) in judged {
                let name = target.name();
                let mut cell = match trace {
                    Performed::NotPromised => judge::not_promised(mode),
                    Performed::NotOffered => judge::not_offered(case.transport()),
                    Performed::To(trace) => {
                        let mut cell = judge::cell(case, oracle, &trace, name);
                        if args.traces && cell.outcome == Outcome::Same {
                            cell.trace = columns(("PostgreSQL", name), oracle, &trace, None);
                        }
                        cell
                    }
                };
                if !cell.outcome.is_explained()
                    && let Some(reason) = ledger.reason(name, mode, &case.id(), &mut needed)
                {
                    cell.outcome = Outcome::ByDesign;
                    reason.clone_into(&mut cell.why);
                }
                row.cells.push(cell);
            }
        }
        let names: Vec<String> = args
            .targets
            .iter()
            .map(|target| target.name().to_owned())
            .collect();
        let ids: Vec<String> = cases.iter().map(Case::id).collect();
        Ok(Matrix {
            oracle: format!("PostgreSQL {}", self.environment.postgres_version()),
            mode: format!("{mode:?}").to_lowercase(),
            unneeded: ledger.unneeded(&names, mode, &ids, &needed),
            targets: names,
            rows,
        })
    }

    /// What came of each case on a target, in their order.
    fn target(
        &mut self,
        spec: &TargetSpec,
        mode: PoolMode,
        cases: &[Case],
    ) -> Result<Vec<Performed>, Problem> {
        let pooled = *spec != TargetSpec::Catalog(CatalogTarget::direct());
        let mut traces: Vec<Performed> = cases.iter().map(|_| Performed::NotPromised).collect();
        let mut sizes: Vec<u32> = cases.iter().map(|case| case.pool_size(mode)).collect();
        sizes.sort_unstable();
        sizes.dedup();
        for size in sizes {
            let pool = PoolSettings {
                pool_mode: mode,
                default_pool_size: size,
                ..PoolSettings::default()
            };
            let target = self.environment.target(spec, &pool, self.stop)?;
            let place = place(&target);
            let mut stage = self.stage(&place)?;
            for (case, trace) in cases.iter().zip(&mut traces) {
                let promised = !pooled || case.session.header.promised_by(mode);
                if !promised || case.pool_size(mode) != size || self.stop.is_stopped() {
                    continue;
                }
                *trace = match place.offers(case.transport()) {
                    true => Performed::To(self.perform(&mut stage, case)?),
                    false => Performed::NotOffered,
                };
            }
        }
        Ok(traces)
    }
}
