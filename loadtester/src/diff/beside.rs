//! A connection beside the target, straight to PostgreSQL: it makes the schema that a session finds,
//! watches what the server does, and clears away what a session left.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use poolproof_scenarios::session::{Fixture, Header, Payload};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, error::ErrorPosition};

use super::DiffError;
use crate::engine::Endpoint;

/// Longest that PostgreSQL may take for one of our own questions.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// Times that leftovers are looked for before they are taken as they are.
const SWEEPS_MAX: usize = 200;
/// Of those, the ones that only look.
const PATIENT_SWEEPS: usize = 20;
/// Pause between two of them.
const BETWEEN_SWEEPS: Duration = Duration::from_millis(5);

/// Other sessions of this database.
const OTHERS: &str = "pg_stat_activity WHERE datname = current_database() \
     AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
/// Of those, the ones that work: neither idle nor waiting for what their client says.
const WORKING: &str = "state NOT LIKE 'idle%' AND wait_event_type IS DISTINCT FROM 'Client'";

/// Of those, the ones that have come to what they do.
const RUNNING: &str = "state = 'active' \
     AND (strpos(query, 'pg_sleep') = 0 OR wait_event = 'PgSleep')";

/// What every session finds. Sequences and rows are the same each time.
const FIXTURE: &str = "\
    CREATE TABLE public.items (id int PRIMARY KEY, name text, price numeric(8,2));\
    INSERT INTO public.items VALUES (1, 'apple', 0.50), (2, 'pear', 0.75), (3, NULL, 1.00);\
    CREATE TABLE public.log (id serial PRIMARY KEY, entry text);";

/// What a session finds when it begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ground {
    /// A schema that was made anew.
    #[default]
    New,
    /// The schema that the session before has found, with its rows as they were: for sessions of which it
    /// is known that they change no more than this statement puts back.
    Restored(&'static str),
}

/// The connection.
pub struct Beside {
    /// With which statements the schema was made that is there.
    laid: Mutex<Option<Vec<String>>>,
    client: Client,
    connection: JoinHandle<()>,
    role: String,
}

impl Beside {
    /// Logs in as `administrator`, into the database of sessions that run as `role`.
    ///
    /// # Errors
    ///
    /// When PostgreSQL does not let it in. Cancel safe.
    pub async fn connect(administrator: &Endpoint, role: &str) -> Result<Self, DiffError> {
        let mut config = tokio_postgres::Config::new();
        config
            .host(&administrator.host)
            .port(administrator.port)
            .user(&administrator.user)
            .dbname(&administrator.dbname)
            .connect_timeout(ANSWER_LIMIT);
        if let Some(password) = &administrator.password {
            config.password(password);
        }
        let (client, connection) = config.connect(NoTls).await?;
        // What ends the connection is met by the next question on it.
        let connection = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self {
            laid: Mutex::default(),
            client,
            connection,
            role: role.to_owned(),
        })
    }

    /// Makes everything as a session expects to find it: nothing of the last one runs or holds a
    /// lock, and the schema is as `ground` says.
    ///
    /// # Errors
    ///
    /// When PostgreSQL cannot be asked. Not cancel safe: the schema may be missing.
    pub async fn prepare(&self, header: &Header, ground: Ground) -> Result<(), DiffError> {
        self.sweep().await?;
        let laid = self.laid().take();
        match ground {
            Ground::Restored(sql) if laid.as_ref() == Some(&header.setup) => self.run(sql).await?,
            Ground::New | Ground::Restored(_) => self.lay(header).await?,
        }
        *self.laid() = Some(header.setup.clone());
        Ok(())
    }

    /// The guard is never held across an await.
    fn laid(&self) -> std::sync::MutexGuard<'_, Option<Vec<String>>> {
        self.laid.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn lay(&self, header: &Header) -> Result<(), DiffError> {
        let role = &self.role;
        let fixture = match header.fixture {
            Fixture::Shared => FIXTURE,
            Fixture::None => "",
        };
        let schema = format!(
            "DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public AUTHORIZATION {role};\
             SET client_min_messages = error; SET ROLE {role}; {fixture}"
        );
        self.run(&schema).await?;
        let laid = self.set_up(&header.setup).await;
        // A dump of a schema sets parameters, which our own questions must not meet.
        let reset = self.run("RESET ROLE; RESET ALL").await;
        laid.and(reset)
    }

    /// Each by itself, so that what PostgreSQL refuses can be told from the others.
    async fn set_up(&self, statements: &[String]) -> Result<(), DiffError> {
        for (nth, sql) in (1..).zip(statements) {
            self.run(sql).await.map_err(|error| match error {
                DiffError::Beside(source) => DiffError::Setup {
                    nth,
                    line: line_of(&source, sql),
                    source,
                },
                other => other,
            })?;
        }
        Ok(())
    }

    /// Waits for what still works, then ends it, together with what holds locks that others wait for;
    /// idle sessions stay, since a pooler keeps them.
    async fn sweep(&self) -> Result<(), DiffError> {
        const UNCLEAN: &str = "(state <> 'idle' \
             OR pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory'))";
        for sweep in 0..SWEEPS_MAX {
            // A session that is leaving, or being reset by its pooler, needs a moment.
            let counted = if sweep < PATIENT_SWEEPS {
                "1"
            } else {
                "pg_terminate_backend(pid)"
            };
            let unclean = format!("SELECT count({counted}) FROM {OTHERS} AND {UNCLEAN}");
            if self.number(&unclean).await? == 0 {
                break;
            }
            sleep(BETWEEN_SWEEPS).await;
        }
        Ok(())
    }

    /// Runs statements.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says. Not cancel safe: they may have been run.
    pub async fn run(&self, statements: &str) -> Result<(), DiffError> {
        bounded(self.client.batch_execute(statements)).await
    }

    /// Whether the server has nothing to do for anybody but us.
    pub(super) async fn is_quiet(&self) -> Result<bool, DiffError> {
        let working = format!("SELECT count(*) FROM {OTHERS} AND {WORKING}");
        Ok(self.number(&working).await? == 0)
    }

    /// Whether a statement that holds `text` is being run; one that sleeps, whether it has fallen asleep:
    /// an activity is reported before the first message of the answer is made.
    pub(super) async fn runs(&self, text: &Payload) -> Result<bool, DiffError> {
        self.any(RUNNING, text).await
    }

    /// Whether no process has a statement that holds `text` before it.
    pub(super) async fn is_gone(&self, text: &Payload) -> Result<bool, DiffError> {
        Ok(!self.any("state = 'active'", text).await?)
    }

    /// Whether a statement that holds `text` waits for a lock.
    pub(super) async fn is_locked(&self, text: &Payload) -> Result<bool, DiffError> {
        self.any("wait_event_type = 'Lock'", text).await
    }

    async fn any(&self, state: &str, text: &Payload) -> Result<bool, DiffError> {
        let text = String::from_utf8_lossy(&text.bytes()).replace('\'', "''");
        let matching =
            format!("SELECT count(*) FROM {OTHERS} AND {state} AND strpos(query, '{text}') > 0");
        Ok(self.number(&matching).await? > 0)
    }

    async fn number(&self, query: &str) -> Result<u64, DiffError> {
        let answer = bounded(self.client.simple_query(query)).await?;
        let number = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
            _ => None,
        });
        Ok(number.unwrap_or(0))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// The line of `sql` that an error is about, where PostgreSQL tells.
fn line_of(error: &tokio_postgres::Error, sql: &str) -> Option<usize> {
    let Some(ErrorPosition::Original(position)) = error.as_db_error()?.position() else {
        return None;
    };
    // Characters, from 1.
    let before = sql.chars().take((*position as usize).saturating_sub(1));
    Some(1 + before.filter(|character| *character == '\n').count())
}

async fn bounded<T>(
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, DiffError> {
    timeout(ANSWER_LIMIT, answer)
        .await
        .map_err(|_| DiffError::BesideSilent(ANSWER_LIMIT))?
        .map_err(DiffError::Beside)
}
