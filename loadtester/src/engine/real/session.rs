//! A session of `tokio-postgres`, and statements as that driver takes them.

use std::{net::SocketAddr, slice};

use futures_util::future::join_all;
use poolproof_reports::record::ErrorClass;
use poolproof_scenarios::workload::{self, Protocol, Returns, Transaction};
use tokio::task::JoinHandle;
use tokio_postgres::{
    Client, Config, Error, NoTls, Row, SimpleQueryMessage, Statement,
    error::Severity,
    types::{FromSql, ToSql, Type},
};

use super::trouble::{Trouble, at_connect, in_session};
use crate::engine::{Endpoint, Failure, plan::Nonce, protocol::with_nonces};

/// All transactions of a scenario.
pub(super) struct Statements(Vec<Vec<Prepared>>);

/// A statement with all that does not change from one time to the next.
pub(super) struct Prepared {
    /// Index among all statements of the scenario.
    number: usize,
    protocol: Protocol,
    /// The SQL with `$1` for the nonce; as it was written for protocol `simple`.
    sql: String,
    source: workload::Statement,
    has_nonce: bool,
}

impl Statements {
    pub(super) fn new(transactions: &[Transaction]) -> Self {
        let mut numbers = 0..;
        let prepare = |transaction: &Transaction| {
            let statements = transaction.statements.iter().zip(&mut numbers);
            statements
                .map(|(statement, number)| Prepared {
                    number,
                    protocol: transaction.protocol,
                    sql: with_nonces(statement, "$1"),
                    has_nonce: !statement.nonces().is_empty(),
                    source: statement.clone(),
                })
                .collect()
        };
        Self(transactions.iter().map(prepare).collect())
    }

    pub(super) fn transaction(&self, index: usize) -> &[Prepared] {
        &self.0[index]
    }
}

/// Settings of every connection of a thread.
pub(super) fn config(endpoint: &Endpoint, address: SocketAddr) -> Config {
    let mut config = Config::new();
    config
        .host(&endpoint.host)
        .hostaddr(address.ip())
        .port(endpoint.port)
        .user(&endpoint.user)
        .dbname(&endpoint.dbname)
        .application_name("poolproof");
    if let Some(password) = &endpoint.password {
        config.password(password);
    }
    config
}

/// A connection that was let in.
pub(super) struct Session {
    client: Client,
    /// The half of the driver that reads and writes; its end says why a session ended.
    connection: JoinHandle<Result<(), Error>>,
    /// Statements prepared on this connection, by number.
    prepared: Vec<(usize, Statement)>,
}

impl Session {
    /// Connects and logs in. Cancel safe: what was begun is closed.
    pub(super) async fn open(config: &Config) -> Result<Self, Trouble> {
        let (client, connection) = config
            .connect(NoTls)
            .await
            .map_err(|error| Trouble::Broken(at_connect(&error)))?;
        let connection = tokio::spawn(connection);
        Ok(Self {
            client,
            connection,
            prepared: Vec::new(),
        })
    }

    /// Runs the statements of a transaction. Not cancel safe: answers may be left on the way.
    pub(super) async fn run(
        &mut self,
        statements: &[Prepared],
        nonces: impl Fn() -> Nonce,
    ) -> Result<(), Trouble> {
        if statements
            .first()
            .is_some_and(|first| first.protocol == Protocol::Pipeline)
        {
            return self.run_together(statements, nonces).await;
        }
        for statement in statements {
            let nonce = nonces();
            let answered = match self.answer(statement, nonce).await {
                Ok(columns) => verify(&columns, &statement.source.returns, nonce),
                Err(error) => return Err(self.trouble(&error, statements.len() > 1).await),
            };
            answered.map_err(Trouble::Broken)?;
        }
        Ok(())
    }

    /// Sends all statements before the first answer is read, as the driver does with queries that are
    /// waited for together; each has a Sync of its own. Not cancel safe.
    async fn run_together(
        &mut self,
        statements: &[Prepared],
        nonces: impl Fn() -> Nonce,
    ) -> Result<(), Trouble> {
        let asked: Vec<_> = statements.iter().map(|each| (each, nonces())).collect();
        let client = &self.client;
        let answers = join_all(asked.iter().map(|(statement, nonce)| async move {
            let number = nonce.number();
            let parameter: (&(dyn ToSql + Sync), _) = (&number, Type::INT8);
            let typed = if statement.has_nonce {
                slice::from_ref(&parameter)
            } else {
                &[]
            };
            let rows = client.query_typed(&statement.sql, typed).await;
            rows.map(|rows| numbers(&rows))
        }))
        .await;
        for ((statement, nonce), answer) in asked.iter().zip(answers) {
            match answer {
                Ok(columns) => {
                    verify(&columns, &statement.source.returns, *nonce).map_err(Trouble::Broken)?;
                }
                Err(error) => return Err(self.trouble(&error, statements.len() > 1).await),
            }
        }
        Ok(())
    }

    /// The first column of each row that the statement answers.
    async fn answer(&mut self, statement: &Prepared, nonce: Nonce) -> Result<Columns, Error> {
        let number = nonce.number();
        let parameters: &[&(dyn ToSql + Sync)] = if statement.has_nonce { &[&number] } else { &[] };
        match statement.protocol {
            Protocol::Simple => {
                let sql = with_nonces(&statement.source, &nonce.to_string());
                self.client
                    .simple_query(&sql)
                    .await
                    .map(|messages| texts(&messages))
            }
            Protocol::Extended | Protocol::Pipeline => {
                let typed: Vec<_> = parameters
                    .iter()
                    .map(|value| (*value, Type::INT8))
                    .collect();
                self.client
                    .query_typed(&statement.sql, &typed)
                    .await
                    .map(|rows| numbers(&rows))
            }
            Protocol::Prepared => {
                let prepared = self.prepared(statement).await?;
                self.client
                    .query(&prepared, parameters)
                    .await
                    .map(|rows| numbers(&rows))
            }
        }
    }

    async fn prepared(&mut self, statement: &Prepared) -> Result<Statement, Error> {
        let known = self
            .prepared
            .iter()
            .find(|(number, _)| *number == statement.number);
        if let Some((_, prepared)) = known {
            return Ok(prepared.clone());
        }
        let types: &[Type] = if statement.has_nonce {
            &[Type::INT8]
        } else {
            &[]
        };
        let prepared = self.client.prepare_typed(&statement.sql, types).await?;
        self.prepared.push((statement.number, prepared.clone()));
        Ok(prepared)
    }

    /// What an error means for the session. A transaction of several statements is rolled back.
    async fn trouble(&mut self, error: &Error, rolls_back: bool) -> Trouble {
        if error.is_closed() {
            // The driver tells the query only that the connection is closed; the connection knows
            // of the FATAL error that closed it.
            let cause = (&mut self.connection).await.ok().and_then(Result::err);
            return Trouble::Broken(in_session(cause.as_ref().unwrap_or(error)));
        }
        let failure = in_session(error);
        let survives = error.as_db_error().is_some_and(|error| {
            !matches!(
                error.parsed_severity(),
                Some(Severity::Fatal | Severity::Panic)
            )
        });
        if !survives || (rolls_back && self.client.batch_execute("ROLLBACK").await.is_err()) {
            return Trouble::Broken(failure);
        }
        Trouble::Failed(failure)
    }
}

/// First columns: a number, or `None` for NULL and what is no number.
type Columns = Vec<Option<i64>>;

fn texts(messages: &[SimpleQueryMessage]) -> Columns {
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.map(|row| {
        row.try_get(0)
            .ok()
            .flatten()
            .and_then(|text| text.parse().ok())
    })
    .collect()
}

fn numbers(rows: &[Row]) -> Columns {
    rows.iter()
        .map(|row| {
            row.try_get::<_, Number>(0)
                .ok()
                .map(|Number(number)| number)
        })
        .collect()
}

/// An int8, or a text of digits.
struct Number(i64);

impl<'a> FromSql<'a> for Number {
    fn from_sql(
        kind: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        if *kind == Type::INT8 {
            Ok(Self(i64::from_be_bytes(raw.try_into()?)))
        } else {
            Ok(Self(std::str::from_utf8(raw)?.parse()?))
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn verify(columns: &Columns, returns: &Returns, nonce: Nonce) -> Result<(), Failure> {
    let rows = match returns {
        Returns::Anything => return Ok(()),
        Returns::Nonce => 1,
        Returns::NonceRows(rows) => *rows,
    };
    let wrong = |message| Err(Failure::new(ErrorClass::WrongAnswer, message));
    match columns
        .iter()
        .find(|column| **column != Some(nonce.number()))
    {
        Some(other) => wrong(format!(
            "expected {nonce} in the first column, got {other:?}"
        )),
        None if columns.len() as u64 != rows => {
            wrong(format!("expected {rows} rows, got {}", columns.len()))
        }
        None => Ok(()),
    }
}
