//! A client of a checker: it comes back when it lost its connection, and gives up what takes too long.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::Over;
use crate::engine::Endpoint;

/// Longest that anything may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Pause before a client comes back.
const COMEBACK: Duration = Duration::from_millis(50);
/// Tries of a question that must be answered after the window, when PostgreSQL may still be coming back.
const TRIES: u32 = 100;

/// Rows of an answer, each value as text.
pub(super) type Rows = Vec<Vec<Option<String>>>;

/// A client that may have a connection.
pub(super) struct Hand {
    endpoint: Endpoint,
    client: Option<Client>,
}

impl Hand {
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        Self {
            endpoint: endpoint.clone(),
            client: None,
        }
    }

    /// Runs one statement and returns its rows.
    ///
    /// Not cancel safe: a statement that was sent may be done.
    pub(super) async fn ask(&mut self, sql: &str) -> Result<Rows, String> {
        let answered = timeout(LIMIT, self.try_to_ask(sql)).await;
        let answered = answered.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        let lost = self.client.as_ref().is_some_and(Client::is_closed);
        if answered.is_err() && (lost || self.client.is_none()) {
            self.hang_up();
            sleep(COMEBACK).await;
        }
        answered
    }

    /// Runs statements one after the other until one fails. A transaction that failed in the middle ends
    /// with its connection.
    pub(super) async fn all(&mut self, statements: &[String]) -> Result<Vec<Rows>, String> {
        let mut answers = Vec::new();
        for statement in statements {
            match self.ask(statement).await {
                Ok(rows) => answers.push(rows),
                Err(reason) => {
                    self.hang_up();
                    return Err(reason);
                }
            }
        }
        Ok(answers)
    }

    /// Asks until there is an answer, as after a fault PostgreSQL may take a moment.
    pub(super) async fn insist(&mut self, sql: &str) -> Result<Rows, String> {
        let mut last = self.ask(sql).await;
        for _ in 0..TRIES {
            if last.is_ok() {
                break;
            }
            self.hang_up();
            sleep(COMEBACK).await;
            last = self.ask(sql).await;
        }
        last
    }

    fn hang_up(&mut self) {
        self.client = None;
    }

    async fn try_to_ask(&mut self, sql: &str) -> Result<Rows, String> {
        let client = match self.client.take() {
            Some(client) => client,
            None => connect(&self.endpoint).await?,
        };
        let client = self.client.insert(client);
        let messages = client.simple_query(sql).await;
        let messages = messages.map_err(|error| error.to_string())?;
        let row = |message| match message {
            SimpleQueryMessage::Row(row) => Some(
                (0..row.len())
                    .map(|at| row.get(at).map(str::to_owned))
                    .collect(),
            ),
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    }
}

async fn connect(endpoint: &Endpoint) -> Result<Client, String> {
    let mut config = Config::new();
    config
        .host(&endpoint.host)
        .port(endpoint.port)
        .user(&endpoint.user)
        .dbname(&endpoint.dbname)
        .application_name("poolproof");
    if let Some(password) = &endpoint.password {
        config.password(password);
    }
    let (client, connection) = config
        .connect(NoTls)
        .await
        .map_err(|error| error.to_string())?;
    // It ends with the client; what it meets the client sees.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

/// Waits for `pause`, and says whether the window is still on.
pub(super) async fn goes_on(over: &mut Over, pause: Duration) -> bool {
    // The window's side hangs up only when it is over.
    timeout(pause, over.wait_for(|over| *over)).await.is_err()
}
