//! A session of one of the real drivers, and how it carries a transaction out.

use poolproof_reports::record::ErrorClass;
use poolproof_scenarios::{
    pgbench::{Machine, Next},
    workload::Returns,
};
use tokio::time::sleep;

use super::{
    sqlx::SqlxSession,
    statement::{Filling, Prepared, Work},
    tokio_postgres::TokioSession,
    trouble::Trouble,
};
use crate::engine::{
    DriverKind, Endpoint, EngineError, Failure, generator::script_fault, plan::Nonce,
};

/// How every connection of a thread is made.
pub(super) enum Connector {
    TokioPostgres(Box<super::tokio_postgres::Connector>),
    Sqlx(Box<super::sqlx::Connector>),
}

impl Connector {
    pub(super) fn new(
        driver: DriverKind,
        endpoint: &Endpoint,
        address: std::net::SocketAddr,
    ) -> Result<Self, EngineError> {
        Ok(match driver {
            DriverKind::Sqlx => Self::Sqlx(Box::new(super::sqlx::connector(endpoint, address))),
            DriverKind::TokioPostgres | DriverKind::Wire => {
                let connector = super::tokio_postgres::Connector::new(endpoint, address)?;
                Self::TokioPostgres(Box::new(connector))
            }
        })
    }
}

/// A connection that was let in.
pub(super) enum Session {
    TokioPostgres(TokioSession),
    Sqlx(SqlxSession),
}

/// What came back for a statement.
#[derive(Debug, Default)]
pub(super) struct Answered {
    /// The first column of each row, where it is a number.
    pub(super) first: Vec<Option<i64>>,
    /// The number in the tag, where the driver tells it.
    pub(super) affected: Option<u64>,
    /// Names and values of the last row, where the script keeps them.
    pub(super) last: Vec<(String, Option<String>)>,
}

impl Session {
    /// Connects and logs in. Cancel safe: what was begun is closed.
    pub(super) async fn open(connector: &Connector, dbname: &str) -> Result<Self, Trouble> {
        Ok(match connector {
            Connector::TokioPostgres(config) => {
                Self::TokioPostgres(TokioSession::open(config, dbname).await?)
            }
            Connector::Sqlx(options) => Self::Sqlx(SqlxSession::open(options, dbname).await?),
        })
    }

    /// Runs a transaction whose machine has begun. Where it fails, what it left open is rolled back. Not
    /// cancel safe: answers may be left on the way.
    pub(super) async fn run(
        &mut self,
        work: &Work,
        machine: &mut Machine,
        nonces: impl Fn() -> Nonce,
    ) -> Result<(), Trouble> {
        let result = self.steps(work, machine, nonces).await;
        let open = work.statements.len() > 1 && !matches!(result, Ok(()) | Err(Trouble::Broken(_)));
        match result {
            Err(trouble) if open && self.rollback().await.is_err() => {
                Err(Trouble::Broken(trouble.failure().clone()))
            }
            result => result,
        }
    }

    async fn steps(
        &mut self,
        work: &Work,
        machine: &mut Machine,
        nonces: impl Fn() -> Nonce,
    ) -> Result<(), Trouble> {
        let program = &work.program;
        let mut together: Option<Vec<(&Prepared, Nonce)>> = None;
        loop {
            let next = machine.next(program);
            let next = next.map_err(|fault| Trouble::Script(script_fault(program, fault)))?;
            match next {
                Next::Done => return Ok(()),
                Next::Sleep(time) => sleep(time).await,
                Next::StartPipeline => together = Some(Vec::new()),
                Next::Ask(index) => {
                    let (statement, nonce) = (&work.statements[index], nonces());
                    if let Some(together) = &mut together {
                        together.push((statement, nonce));
                        continue;
                    }
                    let filling = Filling {
                        nonce,
                        machine,
                        program,
                    };
                    let answered = self.ask(statement, filling).await;
                    if let Some(answered) = verify(answered, &statement.ask.returns, nonce)?
                        && statement.keeps()
                    {
                        keep(&answered, statement, work, machine)?;
                    }
                }
                Next::SyncPipeline | Next::EndPipeline => {
                    let asked = together.take().unwrap_or_default();
                    let answers = self.ask_together(&asked, machine, work).await;
                    for ((statement, nonce), answered) in asked.iter().zip(answers) {
                        verify(answered, &statement.ask.returns, *nonce)?;
                    }
                    together = (next == Next::SyncPipeline).then(Vec::new);
                }
            }
        }
    }

    async fn ask(
        &mut self,
        statement: &Prepared,
        filling: Filling<'_>,
    ) -> Result<Answered, Trouble> {
        match self {
            Self::TokioPostgres(session) => session.ask(statement, filling).await,
            Self::Sqlx(session) => session.ask(statement, filling).await,
        }
    }

    /// Sends all statements before the first answer is read, as `tokio-postgres` does with queries that
    /// are waited for together; each has a Sync of its own. `sqlx` knows no such thing and sends
    /// them one after the other.
    async fn ask_together(
        &mut self,
        asked: &[(&Prepared, Nonce)],
        machine: &Machine,
        work: &Work,
    ) -> Vec<Result<Answered, Trouble>> {
        let filled = asked.iter().map(|(statement, nonce)| {
            let filling = Filling {
                nonce: *nonce,
                machine,
                program: &work.program,
            };
            (*statement, filling)
        });
        match self {
            Self::TokioPostgres(session) => session.ask_together(filled.collect()).await,
            Self::Sqlx(session) => {
                let mut answers = Vec::new();
                for (statement, filling) in filled {
                    let answered = session.ask(statement, filling).await;
                    let failed = answered.is_err();
                    answers.push(answered);
                    if failed {
                        break;
                    }
                }
                answers
            }
        }
    }

    async fn rollback(&mut self) -> Result<(), Trouble> {
        match self {
            Self::TokioPostgres(session) => session.rollback().await,
            Self::Sqlx(session) => session.rollback().await,
        }
    }
}

/// Gives the columns of the row that came back to the script.
fn keep(
    answered: &Answered,
    statement: &Prepared,
    work: &Work,
    machine: &mut Machine,
) -> Result<(), Trouble> {
    let rows = answered.first.len();
    let wants_one = matches!(
        statement.ask.keeps,
        poolproof_scenarios::pgbench::Keeps::One(_)
    );
    if wants_one && rows != 1 {
        return Err(wrong(format!("expected one row for \\gset, got {rows}")));
    }
    let columns = answered.last.iter();
    let columns = columns.map(|(name, value)| (name.as_str(), value.clone()));
    machine.keep(&work.program, &statement.ask.keeps, columns);
    Ok(())
}

fn wrong(message: String) -> Trouble {
    Trouble::Broken(Failure::new(ErrorClass::WrongAnswer, message))
}

/// Holds an answer against what must come back. `None` is an error that was wanted.
fn verify(
    answered: Result<Answered, Trouble>,
    returns: &Returns,
    nonce: Nonce,
) -> Result<Option<Answered>, Trouble> {
    if let Returns::SqlState(code) = returns {
        return match answered {
            Err(Trouble::Failed(failure))
                if failure.class == ErrorClass::SqlState(code.clone()) =>
            {
                Ok(None)
            }
            Ok(_) => Err(wrong(format!("expected error {code}, got none"))),
            Err(other) => Err(other),
        };
    }
    let answered = answered?;
    let columns = &answered.first;
    let wants_nonce = matches!(
        returns,
        Returns::Nonce | Returns::NonceRows(_) | Returns::EachNonce
    );
    let mut others = columns.iter().filter(|it| **it != Some(nonce.number()));
    if let Some(other) = others.next().filter(|_| wants_nonce) {
        return Err(wrong(format!(
            "expected {nonce} in the first column, got {other:?}"
        )));
    }
    let rows = match returns {
        Returns::Nonce => Some(1),
        Returns::NonceRows(rows) | Returns::Rows(rows) => Some(*rows),
        _ => None,
    };
    if let Some(rows) = rows.filter(|rows| *rows != columns.len() as u64) {
        return Err(wrong(format!(
            "expected {rows} rows, got {}",
            columns.len()
        )));
    }
    // The drivers tell no tag but the number at its end.
    if let Returns::Tag(tag) = returns
        && let Some(number) = tag.rsplit(' ').next().and_then(|it| it.parse::<u64>().ok())
        && answered.affected.is_some_and(|affected| affected != number)
    {
        let got = answered.affected.unwrap_or(0);
        return Err(wrong(format!(
            "expected the tag {tag:?}, got one with {got}"
        )));
    }
    Ok(Some(answered))
}
