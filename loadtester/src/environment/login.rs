//! Readiness by the only proof that counts: a login and an answered query.

use std::time::Duration;

use tokio::runtime;
use tokio_postgres::{Config, NoTls, SimpleQueryMessage, config::SslMode};

use crate::engine::Endpoint;

/// Longest that one login may take.
const LOGIN_LIMIT: Duration = Duration::from_secs(5);
/// Longest that the set-up of a scenario may take.
const PREPARE_LIMIT: Duration = Duration::from_secs(120);

/// Logs in to `endpoint` and returns the version of the server that answers.
///
/// It blocks, on a runtime of its own.
///
/// # Errors
///
/// What the login met, in words.
pub(super) fn greet(endpoint: &Endpoint) -> Result<String, String> {
    ask(endpoint, &["SHOW server_version".to_owned()])
}

/// Logs in to `endpoint`, runs the statements one by one, and returns the first value that the last
/// one answers.
///
/// It blocks, on a runtime of its own.
///
/// # Errors
///
/// What the login or a statement met, in words.
pub(super) fn ask(endpoint: &Endpoint, statements: &[String]) -> Result<String, String> {
    within(LOGIN_LIMIT, endpoint, statements)
}

/// Logs in to `endpoint` and runs the statements one by one, whatever they answer.
///
/// It blocks, on a runtime of its own.
///
/// # Errors
///
/// What the login or a statement met, in words.
pub(super) fn prepare(endpoint: &Endpoint, statements: &[String]) -> Result<(), String> {
    let answered = ["SELECT 1".to_owned()];
    let statements = [statements, &answered].concat();
    within(PREPARE_LIMIT, endpoint, &statements).map(drop)
}

/// Gives one command to an admin console, which may answer without rows.
///
/// It blocks, on a runtime of its own.
///
/// # Errors
///
/// What the login or the command met, in words.
pub(super) fn order(console: &Endpoint, command: &str) -> Result<(), String> {
    const NO_ROW: &str = "an answer without a row";
    match within(LOGIN_LIMIT, console, &[command.to_owned()]) {
        Err(reason) if reason != NO_ROW => Err(reason),
        _ => Ok(()),
    }
}

fn within(limit: Duration, endpoint: &Endpoint, statements: &[String]) -> Result<String, String> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        tokio::time::timeout(limit, session(endpoint, statements))
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} s", limit.as_secs())))
    })
}

/// Not cancel safe: statements that were already sent stay done.
async fn session(endpoint: &Endpoint, statements: &[String]) -> Result<String, String> {
    let config = config(endpoint);
    let (client, driver) = match &endpoint.tls {
        Some(tls) => {
            let connected = Box::pin(config.connect(tls.handshakes())).await;
            let (client, connection) = connected.map_err(|error| in_words(&error))?;
            (client, tokio::spawn(connection))
        }
        None => {
            let connected = config.connect(NoTls).await;
            let (client, connection) = connected.map_err(|error| in_words(&error))?;
            (client, tokio::spawn(connection))
        }
    };
    let mut answer = Vec::new();
    for statement in statements {
        let answered = client.simple_query(statement).await;
        answer = answered.map_err(|error| in_words(&error))?;
    }
    drop(client);
    // The connection ends with the client; what it met meanwhile the client has already seen.
    let _ = driver.await;
    answer
        .iter()
        .find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        })
        .ok_or_else(|| "an answer without a row".to_owned())
}

fn config(endpoint: &Endpoint) -> Config {
    let Endpoint {
        host,
        port,
        user,
        password,
        dbname,
        tls,
    } = endpoint;
    let mut config = Config::new();
    config
        .host(host)
        .port(*port)
        .user(user)
        .dbname(dbname)
        .application_name("poolproof")
        .connect_timeout(LOGIN_LIMIT);
    if let Some(password) = password {
        config.password(password);
    }
    if tls.is_some() {
        config.ssl_mode(SslMode::Require);
    }
    config
}

/// tokio-postgres says what kind of error it was; the reason is in what it came from.
fn in_words(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
