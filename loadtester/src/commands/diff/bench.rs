//! Performs the cases on PostgreSQL and on the targets.

use std::sync::Arc;

use poolproof_scenarios::{
    pool::{ClientTls, PoolMode, PoolSettings},
    session::Transport,
};
use tokio::runtime::Runtime;

use super::{CLIENTS_MAX, cases::Case, not_offered, place, pool, unperformed};
use crate::{
    cli::DiffArgs,
    diff::{Beside, DiffError, Ending, Limits, Place, Stage, Trace},
    engine::Stop,
    environment::{Demand, Environment},
    exit::Exit,
    problem::Problem,
    targets::{CatalogTarget, TargetSpec},
};

/// What came of a case.
pub(super) struct Told {
    /// From PostgreSQL, unless it cannot be reached over what the case asks for.
    pub(super) oracle: Option<Trace>,
    /// On each target, in their order.
    pub(super) targets: Vec<Performed>,
}

/// What came of a case on a target.
pub(super) enum Performed {
    /// The mode does not promise what the case asks for.
    NotPromised,
    /// The target cannot be reached over what the case asks for.
    NotOffered,
    /// What its clients received.
    To(Trace),
}

/// Performs the cases, and gives PostgreSQL's version and what came of each, in their order.
///
/// A server that speaks TLS answers an SSLRequest otherwise than one that does not, so the cases over TLS have
/// servers of their own, after the others.
pub(super) fn perform(
    args: &DiffArgs,
    cases: &[Case],
    stop: &Stop,
) -> Result<(String, Vec<Told>), Problem> {
    let mut told: Vec<Option<Told>> = cases.iter().map(|_| None).collect();
    let mut version = String::new();
    for client_tls_sslmode in [ClientTls::Disable, ClientTls::Require] {
        let is_encrypted = !client_tls_sslmode.is_disabled();
        let chosen = |case: &Case| (case.transport() == Transport::Tls) == is_encrypted;
        let some: Vec<&Case> = cases.iter().filter(|case| chosen(case)).collect();
        if some.is_empty() || stop.is_stopped() {
            continue;
        }
        let bench = Bench::start(args, client_tls_sslmode, stop)?;
        bench
            .environment
            .postgres_version()
            .clone_into(&mut version);
        let places = cases.iter().zip(&mut told);
        let places = places.filter(|(case, _)| chosen(case));
        for ((_, place), came) in places.zip(bench.perform(&some)?) {
            *place = Some(came);
        }
    }
    // Some are missing only when the run was stopped, and then nobody looks at them.
    let told: Vec<Told> = told.into_iter().flatten().collect();
    match (cases.first(), told.iter().any(|came| came.oracle.is_some())) {
        (Some(first), false) if !stop.is_stopped() => {
            Err(not_offered(&oracle(), first.transport()))
        }
        _ => Ok((version, told)),
    }
}

/// Whom everybody is compared with.
fn oracle() -> TargetSpec {
    TargetSpec::Catalog(CatalogTarget::direct())
}

/// PostgreSQL, and what performs sessions on it and on the targets.
struct Bench<'a> {
    runtime: Runtime,
    environment: Environment,
    beside: Arc<Beside>,
    args: &'a DiffArgs,
    client_tls_sslmode: ClientTls,
    stop: &'a Stop,
}

impl<'a> Bench<'a> {
    fn start(
        args: &'a DiffArgs,
        client_tls_sslmode: ClientTls,
        stop: &'a Stop,
    ) -> Result<Self, Problem> {
        let mut targets = args.targets.clone();
        if !targets.contains(&oracle()) {
            targets.push(oracle());
        }
        let demand = Demand {
            targets,
            clients_max: CLIENTS_MAX,
            tls: !client_tls_sslmode.is_disabled(),
            choices: args.environment.choices()?,
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
        let direct = environment.target(&oracle(), &PoolSettings::default(), stop)?;
        let beside = Beside::connect(administrator, &direct.endpoint.user);
        let beside = runtime
            .block_on(beside)
            .map_err(|error| unperformed(&error))?;
        Ok(Self {
            runtime,
            environment,
            beside: Arc::new(beside),
            args,
            client_tls_sslmode,
            stop,
        })
    }

    /// What comes of each case, in their order.
    fn perform(&self, cases: &[&Case]) -> Result<Vec<Told>, Problem> {
        let mut told = self.oracle(cases)?;
        for target in &self.args.targets {
            let came = self.target(target, cases)?;
            for (told, performed) in told.iter_mut().zip(came) {
                told.targets.push(performed);
            }
        }
        Ok(told)
    }

    /// What PostgreSQL answers in each case.
    fn oracle(&self, cases: &[&Case]) -> Result<Vec<Told>, Problem> {
        let target =
            self.environment
                .target(&oracle(), &pool(self.client_tls_sslmode), self.stop)?;
        let place = place(&target);
        let mut stage = self.stage(&place)?;
        let mut told = Vec::new();
        for case in cases {
            if self.stop.is_stopped() {
                break;
            }
            let oracle = match place.offers(case.transport()) {
                true => Some(self.expected(&mut stage, case)?),
                false => None,
            };
            let targets = Vec::new();
            told.push(Told { oracle, targets });
        }
        Ok(told)
    }

    /// What PostgreSQL answers, which must be what the script expects of it.
    fn expected(&self, stage: &mut Stage, case: &Case) -> Result<Trace, Problem> {
        let trace = self.stage_session(stage, case)?;
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
                format!(
                    "{}: PostgreSQL itself {}{}",
                    case.id(),
                    trace.ending,
                    case.step(&trace.ending)
                ),
                "Wait in the script for what PostgreSQL sends, such as `wait ready 1`.",
            ));
        }
        Ok(trace)
    }

    /// What came of each case on a target, in their order.
    fn target(&self, spec: &TargetSpec, cases: &[&Case]) -> Result<Vec<Performed>, Problem> {
        let mode = PoolMode::from(self.args.mode);
        let pooled = *spec != oracle();
        let mut came: Vec<Performed> = cases.iter().map(|_| Performed::NotPromised).collect();
        let mut sizes: Vec<u32> = cases.iter().map(|case| case.pool_size(mode)).collect();
        sizes.sort_unstable();
        sizes.dedup();
        for size in sizes {
            let pool = PoolSettings {
                pool_mode: mode,
                default_pool_size: size,
                ..pool(self.client_tls_sslmode)
            };
            let target = self.environment.target(spec, &pool, self.stop)?;
            let place = place(&target);
            let mut stage = self.stage(&place)?;
            for (case, performed) in cases.iter().zip(&mut came) {
                let promised = !pooled || case.session.header.promised_by(mode);
                if !promised || case.pool_size(mode) != size || self.stop.is_stopped() {
                    continue;
                }
                *performed = match place.offers(case.transport()) {
                    true => Performed::To(self.stage_session(&mut stage, case)?),
                    false => Performed::NotOffered,
                };
            }
        }
        Ok(came)
    }

    fn stage(&self, place: &Place) -> Result<Stage, Problem> {
        let beside = Arc::clone(&self.beside);
        Stage::new(place.clone(), beside, Limits::default()).map_err(|error| unperformed(&error))
    }

    fn stage_session(&self, stage: &mut Stage, case: &Case) -> Result<Trace, Problem> {
        let performed = self.runtime.block_on(stage.perform(&case.session));
        performed.map_err(|error| case.unperformed(&error))
    }
}
