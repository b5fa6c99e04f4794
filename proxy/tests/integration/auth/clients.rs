//! Clients as applications use them: each logs in and asks who it is on the server.

use std::future::Future;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection, Row};
use tokio_postgres::SimpleQueryMessage;

use super::poolers::Target;
use crate::cluster::psql_at;

const WHO_AM_I: &str = "SELECT current_user";

/// What a login came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// This user, on the server.
    User(String),
    /// An error: the SQLSTATE where the client tells it, and the words.
    Refused(Option<String>, String),
}

impl Answer {
    /// Logged in as `user`.
    pub(crate) fn of(user: &str) -> Self {
        Self::User(user.to_owned())
    }

    /// Whether it was refused.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(..))
    }

    /// The words of the refusal; the user, where there was none.
    pub(crate) fn words(&self) -> &str {
        match self {
            Self::User(user) => user,
            Self::Refused(_, words) => words,
        }
    }

    /// The SQLSTATE of the refusal.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::User(_) => None,
            Self::Refused(code, _) => code.as_deref(),
        }
    }
}

type Client = fn(&Target, &str) -> Answer;

/// All clients.
pub(crate) const CLIENTS: [Client; 3] = [psql, tokio_postgres, sqlx];

/// psql, and so libpq.
pub(crate) fn psql(target: &Target, password: &str) -> Answer {
    let output = psql_at(target.address, &target.user, &target.database)
        .args(["-c", WHO_AM_I])
        .env("PGPASSWORD", password)
        .env("PGCLIENTENCODING", "UTF8")
        .output()
        .expect("run psql");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        Answer::User(text(&output.stdout))
    } else {
        Answer::Refused(None, text(&output.stderr))
    }
}

/// tokio-postgres.
pub(crate) fn tokio_postgres(target: &Target, password: &str) -> Answer {
    let mut config = tokio_postgres::Config::new();
    config
        .host(target.address.ip().to_string())
        .port(target.address.port())
        .user(&target.user)
        .dbname(&target.database)
        .password(password);
    let answer = run(async {
        let (client, connection) = config.connect(tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        client.simple_query(WHO_AM_I).await
    });
    match answer {
        Ok(messages) => {
            let row = messages.iter().find_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            });
            Answer::of(row.expect("one row"))
        }
        Err(error) => match error.as_db_error() {
            Some(db) => Answer::Refused(Some(db.code().code().to_owned()), db.message().to_owned()),
            None => Answer::Refused(None, format!("{error:?}")),
        },
    }
}

/// sqlx.
pub(crate) fn sqlx(target: &Target, password: &str) -> Answer {
    let options = PgConnectOptions::new_without_pgpass()
        .host(&target.address.ip().to_string())
        .port(target.address.port())
        .username(&target.user)
        .database(&target.database)
        .password(password)
        .ssl_mode(PgSslMode::Disable)
        .disable_statement_logging();
    let answer = run(async {
        let mut connection = PgConnection::connect_with(&options).await?;
        let row = sqlx::raw_sql(WHO_AM_I).fetch_one(&mut connection).await?;
        connection.close().await?;
        row.try_get::<String, _>(0)
    });
    match answer {
        Ok(user) => Answer::User(user),
        Err(sqlx::Error::Database(db)) => Answer::Refused(
            db.code().map(|code| code.into_owned()),
            db.message().to_owned(),
        ),
        Err(error) => Answer::Refused(None, format!("{error:?}")),
    }
}

pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(work)
}
