//! Sessions of `tokio-postgres`.

use std::{net::SocketAddr, pin::pin};

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, TryStreamExt, future::join_all};
use poolproof_scenarios::{
    pgbench::{Piece, Value},
    workload::{Copies, Protocol},
};
use tokio::task::JoinHandle;
use tokio_postgres::{
    Client, Config, Error, NoTls, Row, RowStream, SimpleQueryMessage, Statement,
    config::SslMode,
    error::Severity,
    types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked},
};

use super::{
    column::{first_of_copy, number, shown},
    session::Answered,
    statement::{Filling, Prepared},
    trouble::{Trouble, at_connect, in_session},
};
use crate::engine::{Endpoint, EngineError, Tls};

/// Settings of every connection of a thread.
pub(in crate::engine) struct Connector {
    config: Config,
    tls: Option<Tls>,
}

impl Connector {
    pub(super) fn new(endpoint: &Endpoint, address: SocketAddr) -> Result<Self, EngineError> {
        let mut config = Config::new();
        config
            .host(&endpoint.host)
            .hostaddr(address.ip())
            .port(endpoint.port)
            .user(&endpoint.user)
            .application_name("poolproof");
        if let Some(password) = &endpoint.password {
            config.password(password);
        }
        let tls = endpoint.tls.clone();
        if tls.is_some() {
            config.ssl_mode(SslMode::Require);
        }
        Ok(Self { config, tls })
    }
}

/// A connection that was let in.
pub(super) struct TokioSession {
    client: Client,
    /// The half of the driver that reads and writes; its end says why a session ended.
    connection: JoinHandle<Result<(), Error>>,
    /// Statements prepared on this connection, by number.
    prepared: Vec<(usize, Statement)>,
}

impl TokioSession {
    /// Connects and logs in. Cancel safe: what was begun is closed.
    pub(super) async fn open(connector: &Connector, dbname: &str) -> Result<Self, Trouble> {
        let mut config = connector.config.clone();
        config.dbname(dbname);
        let broken = |error| Trouble::Broken(at_connect(&error));
        let (client, connection) = match &connector.tls {
            Some(tls) => {
                let connected = Box::pin(config.connect(tls.handshakes())).await;
                let (client, connection) = connected.map_err(broken)?;
                (client, tokio::spawn(connection))
            }
            None => {
                let (client, connection) = config.connect(NoTls).await.map_err(broken)?;
                (client, tokio::spawn(connection))
            }
        };
        Ok(Self {
            client,
            connection,
            prepared: Vec::new(),
        })
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
                let messages = self
                    .client
                    .simple_query(&statement.literally(filling))
                    .await;
                messages.map(|messages| of_messages(&messages))
            }
            (None, Protocol::Prepared) => self.prepared(statement, filling).await,
            (None, Protocol::Extended | Protocol::Pipeline) => {
                typed(&self.client, statement, filling).await
            }
        };
        match answered {
            Ok(answered) => Ok(answered),
            Err(error) => Err(self.trouble(&error).await),
        }
    }

    /// Asks for everything before the first answer is read. Not cancel safe.
    pub(super) async fn ask_together(
        &mut self,
        asked: Vec<(&Prepared, Filling<'_>)>,
    ) -> Vec<Result<Answered, Trouble>> {
        let client = &self.client;
        let asked = asked
            .into_iter()
            .map(|(statement, filling)| typed(client, statement, filling));
        let mut answers = Vec::new();
        for answered in join_all(asked).await {
            answers.push(match answered {
                Ok(answered) => Ok(answered),
                Err(error) => Err(self.trouble(&error).await),
            });
        }
        answers
    }

    async fn prepared(
        &mut self,
        statement: &Prepared,
        filling: Filling<'_>,
    ) -> Result<Answered, Error> {
        let known = self.prepared.iter().find(|(it, _)| *it == statement.number);
        let handle = match known {
            Some((_, handle)) => handle.clone(),
            None => {
                let types: Vec<_> = statement.parameters.iter().map(type_of).collect();
                let handle = self.client.prepare_typed(&statement.sql, &types).await?;
                self.prepared.push((statement.number, handle.clone()));
                handle
            }
        };
        let given = given(statement, filling);
        let given = given.iter().map(|it| it as &(dyn ToSql + Sync));
        let rows = self.client.query_raw(&handle, given).await?;
        of_rows(rows, statement.keeps()).await
    }

    async fn copy_in(&self, statement: &Prepared, filling: Filling<'_>) -> Result<Answered, Error> {
        let sink = self.client.copy_in(&statement.literally(filling)).await?;
        let mut sink = pin!(sink);
        for piece in statement.rows(filling.nonce).chunks(64 << 10) {
            sink.feed(Bytes::copy_from_slice(piece)).await?;
        }
        let affected = Some(sink.finish().await?);
        Ok(Answered {
            affected,
            ..Answered::default()
        })
    }

    async fn copy_out(
        &self,
        statement: &Prepared,
        filling: Filling<'_>,
    ) -> Result<Answered, Error> {
        let rows = self.client.copy_out(&statement.literally(filling)).await?;
        let mut rows = pin!(rows);
        let mut answered = Answered::default();
        while let Some(row) = rows.try_next().await? {
            answered.first.push(first_of_copy(&row));
        }
        Ok(answered)
    }

    /// Rolls back what is open.
    pub(super) async fn rollback(&mut self) -> Result<(), Trouble> {
        let rolled_back = self.client.batch_execute("ROLLBACK").await;
        rolled_back.map_err(|error| Trouble::Broken(in_session(&error)))
    }

    /// What an error means for the session.
    async fn trouble(&mut self, error: &Error) -> Trouble {
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
        if survives {
            Trouble::Failed(failure)
        } else {
            Trouble::Broken(failure)
        }
    }
}

/// With the unnamed statement.
async fn typed(
    client: &Client,
    statement: &Prepared,
    filling: Filling<'_>,
) -> Result<Answered, Error> {
    let given = given(statement, filling);
    let typed = given
        .iter()
        .zip(&statement.parameters)
        .map(|(given, piece)| (given, type_of(piece)));
    let rows = client.query_typed_raw(&statement.sql, typed).await?;
    of_rows(rows, statement.keeps()).await
}

/// The type that is named to the server: it finds out those of a script's variables for itself.
fn type_of(piece: &Piece) -> Type {
    match piece {
        Piece::Nonce => Type::INT8,
        _ => Type::UNKNOWN,
    }
}

fn given(statement: &Prepared, filling: Filling<'_>) -> Vec<Given> {
    let values = statement.parameters.iter().map(|it| filling.value(it));
    values.map(Given).collect()
}

/// A value that travels as text, whatever the server takes it for.
#[derive(Debug)]
struct Given(Value);

impl ToSql for Given {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        if self.0 == Value::Null {
            return Ok(IsNull::Yes);
        }
        out.extend_from_slice(self.0.to_string().as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

fn of_messages(messages: &[SimpleQueryMessage]) -> Answered {
    let mut answered = Answered::default();
    for message in messages {
        match message {
            SimpleQueryMessage::Row(row) => {
                let first = row.try_get(0).ok().flatten();
                answered
                    .first
                    .push(first.and_then(|text| text.parse().ok()));
                let columns = row.columns().iter().enumerate().map(|(index, column)| {
                    let value = row.try_get(index).ok().flatten();
                    (column.name().to_owned(), value.map(str::to_owned))
                });
                answered.last = columns.collect();
            }
            SimpleQueryMessage::CommandComplete(affected) => answered.affected = Some(*affected),
            _ => {}
        }
    }
    answered
}

async fn of_rows(rows: RowStream, keeps: bool) -> Result<Answered, Error> {
    let mut rows = pin!(rows);
    let mut answered = Answered::default();
    while let Some(row) = rows.try_next().await? {
        let first = row.try_get::<_, Option<Number>>(0).ok().flatten();
        answered.first.push(first.map(|Number(number)| number));
        if keeps {
            answered.last = columns(&row);
        }
    }
    answered.affected = rows.rows_affected();
    Ok(answered)
}

fn columns(row: &Row) -> Vec<(String, Option<String>)> {
    let columns = row.columns().iter().enumerate().map(|(index, column)| {
        let value = row.try_get::<_, Option<Shown>>(index).ok().flatten();
        (column.name().to_owned(), value.map(|Shown(text)| text))
    });
    columns.collect()
}

/// A number in any of the forms that one comes in.
struct Number(i64);

impl<'a> FromSql<'a> for Number {
    fn from_sql(
        kind: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(number(kind.name(), true, raw).ok_or("not a number")?))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A value as text.
struct Shown(String);

impl<'a> FromSql<'a> for Shown {
    fn from_sql(
        kind: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(shown(kind.name(), true, raw).ok_or("not readable")?))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
