//! Sessions of `sqlx`, whose statements are prepared in a round trip of their own: named and kept with protocol
//! `prepared`, unnamed otherwise.

use std::net::SocketAddr;

use futures_util::TryStreamExt;
use poolproof_scenarios::{
    pgbench::Value,
    workload::{Copies, Protocol},
};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Connection, Either, Error, Executor, PgConnection, Row,
    TypeInfo, ValueRef,
    postgres::{PgArguments, PgConnectOptions, PgRow, PgSslMode, PgValueFormat},
    query::Query,
};

use super::{
    column::{first_of_copy, number, shown},
    session::Answered,
    statement::{Filling, Prepared},
    trouble::{Trouble, sqlx_at_connect, sqlx_in_session},
};
use crate::engine::Endpoint;

/// Settings of every connection of a thread.
pub(in crate::engine) type Connector = PgConnectOptions;

/// The settings that lead to `endpoint`.
pub(super) fn connector(endpoint: &Endpoint, address: SocketAddr) -> Connector {
    let options = PgConnectOptions::new_without_pgpass()
        .host(&address.ip().to_string())
        .port(endpoint.port)
        .username(&endpoint.user)
        .application_name("poolproof")
        .disable_statement_logging();
    let options = match &endpoint.tls {
        Some(tls) => options
            .ssl_mode(PgSslMode::VerifyFull)
            .ssl_root_cert_from_pem(tls.authority().as_bytes().to_vec()),
        None => options.ssl_mode(PgSslMode::Disable),
    };
    match &endpoint.password {
        Some(password) => options.password(password),
        None => options,
    }
}

/// A connection that was let in.
pub(super) struct SqlxSession {
    connection: PgConnection,
}

impl SqlxSession {
    /// Connects and logs in. Cancel safe: what was begun is closed.
    pub(super) async fn open(connector: &Connector, dbname: &str) -> Result<Self, Trouble> {
        let options = connector.clone().database(dbname);
        let connection = PgConnection::connect_with(&options)
            .await
            .map_err(|error| Trouble::Broken(sqlx_at_connect(&error)))?;
        Ok(Self { connection })
    }

    /// Sends a statement and reads its answer. Not cancel safe.
    pub(super) async fn ask(
        &mut self,
        statement: &Prepared,
        filling: Filling<'_>,
    ) -> Result<Answered, Trouble> {
        let answered = match (statement.copies(), statement.protocol) {
            (Some(Copies::In), _) => self.copy_in(statement, filling).await,
            (Some(Copies::Out), _) => self.copy_out(statement, filling).await,
            (None, Protocol::Simple) => {
                let sql = AssertSqlSafe(statement.literally(filling));
                let results = sqlx::raw_sql(sql).fetch_many(&mut self.connection);
                gather(results, statement.keeps()).await
            }
            (None, protocol) => {
                let query = sqlx::query(AssertSqlSafe(statement.sql.clone()));
                let values = statement.parameters.iter().map(|it| filling.value(it));
                let query = values.fold(query, bind);
                let query = query.persistent(protocol == Protocol::Prepared);
                gather(self.connection.fetch_many(query), statement.keeps()).await
            }
        };
        answered.map_err(|error| trouble(&error))
    }

    async fn copy_in(
        &mut self,
        statement: &Prepared,
        filling: Filling<'_>,
    ) -> Result<Answered, Error> {
        let mut copy = self
            .connection
            .copy_in_raw(&statement.literally(filling))
            .await?;
        copy.send(statement.rows(filling.nonce)).await?;
        Ok(Answered {
            affected: Some(copy.finish().await?),
            ..Answered::default()
        })
    }

    async fn copy_out(
        &mut self,
        statement: &Prepared,
        filling: Filling<'_>,
    ) -> Result<Answered, Error> {
        let sql = statement.literally(filling);
        let mut rows = self.connection.copy_out_raw(&sql).await?;
        let mut answered = Answered::default();
        while let Some(row) = rows.try_next().await? {
            answered.first.push(first_of_copy(&row));
        }
        Ok(answered)
    }

    /// Rolls back what is open.
    pub(super) async fn rollback(&mut self) -> Result<(), Trouble> {
        let rolled_back = sqlx::raw_sql("ROLLBACK")
            .execute(&mut self.connection)
            .await;
        rolled_back.map(drop).map_err(|error| trouble(&error))
    }
}

/// The driver names the type of each value to the server, so that variables travel as what they are.
fn bind<'q>(
    query: Query<'q, sqlx::Postgres, PgArguments>,
    value: Value,
) -> Query<'q, sqlx::Postgres, PgArguments> {
    match value {
        Value::Null => query.bind(None::<i64>),
        Value::Boolean(truth) => query.bind(truth),
        Value::Int(number) => query.bind(number),
        Value::Double(number) => query.bind(number),
        // A column that a script kept came as text and goes back as the number that it was.
        Value::Text(text) => match text.parse::<i64>() {
            Ok(number) => query.bind(number),
            Err(_) => query.bind(text),
        },
    }
}

/// Reads everything that comes.
async fn gather(
    mut results: futures_util::stream::BoxStream<
        '_,
        Result<Either<sqlx::postgres::PgQueryResult, PgRow>, Error>,
    >,
    keeps: bool,
) -> Result<Answered, Error> {
    let mut answered = Answered::default();
    while let Some(result) = results.try_next().await? {
        match result {
            Either::Left(end) => answered.affected = Some(end.rows_affected()),
            Either::Right(row) => {
                let first = raw(&row, 0).and_then(|(name, binary, raw)| number(&name, binary, raw));
                answered.first.push(first);
                if keeps {
                    let columns = row.columns().iter().enumerate().map(|(index, column)| {
                        let value = raw(&row, index);
                        let value = value.and_then(|(name, binary, raw)| shown(&name, binary, raw));
                        (column.name().to_owned(), value)
                    });
                    answered.last = columns.collect();
                }
            }
        }
    }
    Ok(answered)
}

/// Type, form and bytes of a value; `None` for NULL.
fn raw(row: &PgRow, index: usize) -> Option<(String, bool, &[u8])> {
    let value = row.try_get_raw(index).ok()?;
    if value.is_null() {
        return None;
    }
    let name = value.type_info().name().to_owned();
    let binary = value.format() == PgValueFormat::Binary;
    Some((name, binary, value.as_bytes().ok()?))
}

/// What an error means for the session.
fn trouble(error: &Error) -> Trouble {
    let failure = sqlx_in_session(error);
    let survives = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>())
        .is_some_and(|error| {
            use sqlx::postgres::PgSeverity::{Fatal, Panic};
            !matches!(error.severity(), Fatal | Panic)
        });
    if survives {
        Trouble::Failed(failure)
    } else {
        Trouble::Broken(failure)
    }
}
