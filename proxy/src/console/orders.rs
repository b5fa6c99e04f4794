//! What the console is told to do.

use std::sync::Arc;

use crate::config::{CONSOLE, SetError};
use crate::pool::Pool;
use crate::pool::gates::{Gate, Whole};
use crate::protocol::message::backend::SqlState;
use crate::shared::{ReloadError, Shared};

use super::command::Command;

/// An order that was carried out.
#[derive(Debug)]
pub struct Done {
    /// Tag of its CommandComplete.
    pub tag: String,
    /// What is to be said beside.
    pub notice: Option<&'static str>,
}

impl Done {
    fn with_tag(tag: impl Into<String>) -> Self {
        Self {
            tag: tag.into(),
            notice: None,
        }
    }
}

/// Why an order is not carried out: PgBouncer's words.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// DISABLE, ENABLE and KILL need one.
    #[error("a database is required")]
    DatabaseRequired,
    /// It is not in the configuration.
    #[error("no such database: {0}")]
    NoDatabase(String),
    /// The console itself.
    #[error("cannot {0} admin db: {CONSOLE}")]
    Console(&'static str),
    /// PAUSE or SUSPEND of what is at rest already.
    #[error("already suspended/paused")]
    AtRest,
    /// RESUME of what is not at rest.
    #[error("pooler is not paused/suspended")]
    NotAtRest,
    /// The same, of one database.
    #[error("database {0} is not paused")]
    NotPaused(String),
    /// KILL_CLIENT without a number.
    #[error("invalid client pointer supplied")]
    NoClientId,
    /// There is no such client, or no more.
    #[error("client not found")]
    NoClient,
    /// SET of what cannot be set.
    #[error("SET failed: {0}")]
    Set(#[from] SetError),
    /// A faulty file.
    #[error("RELOAD failed: {0}")]
    Reload(#[from] ReloadError),
}

impl Refused {
    /// What kind of error it is.
    #[must_use]
    pub const fn code(&self) -> SqlState {
        match self {
            Self::DatabaseRequired | Self::NoClientId => SqlState::SYNTAX_ERROR,
            Self::NoDatabase(_) => SqlState::INVALID_CATALOG_NAME,
            Self::Console(_) => SqlState::FEATURE_NOT_SUPPORTED,
            Self::AtRest | Self::NotAtRest | Self::NotPaused(_) | Self::NoClient => {
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE
            }
            Self::Set(_) => SqlState::INVALID_PARAMETER_VALUE,
            Self::Reload(_) => SqlState::CONFIG_FILE_ERROR,
        }
    }
}

/// Carries out an order; PAUSE, SUSPEND and WAIT_CLOSE take until what they wait for has come.
/// Cancelled, nobody waits any more, and the order stands.
///
/// # Errors
/// Why it is not carried out.
pub async fn carry_out(order: Command, shared: &Arc<Shared>) -> Result<Done, Refused> {
    match order {
        Command::Pause(database) => {
            pause(shared, database.as_deref()).await?;
            Ok(Done::with_tag("PAUSE"))
        }
        Command::Resume(database) => {
            resume(shared, database.as_deref())?;
            Ok(Done::with_tag("RESUME"))
        }
        Command::Disable(database) => {
            let database = required(shared, database, "disable")?;
            change(shared, &database, |gate| gate.disabled = true);
            Ok(Done::with_tag("DISABLE"))
        }
        Command::Enable(database) => {
            let database = required(shared, database, "enable")?;
            change(shared, &database, |gate| gate.disabled = false);
            Ok(Done::with_tag("ENABLE"))
        }
        Command::Reconnect(database) => {
            for pool in pools(shared, database.as_deref(), "reconnect")? {
                pool.renew("reconnect");
            }
            Ok(Done::with_tag("RECONNECT"))
        }
        Command::Kill(database) => kill(shared, database),
        Command::KillClient(id) => kill_client(shared, id.as_deref()),
        Command::WaitClose(database) => {
            let pools = pools(shared, database.as_deref(), "wait in")?;
            let closed = || !pools.iter().any(|pool| pool.has_outdated());
            shared.pools.commons().until(closed).await;
            Ok(Done::with_tag("WAIT_CLOSE"))
        }
        Command::Suspend => {
            suspend(shared).await?;
            Ok(Done::with_tag("SUSPEND"))
        }
        Command::Reload => {
            shared.reload()?;
            Ok(Done::with_tag("RELOAD"))
        }
        Command::Set { key, value } => set(shared, &key, &value),
        Command::Shutdown(stop) => {
            shared.ask_to_stop(stop);
            Ok(Done::with_tag("SHUTDOWN"))
        }
        // Answered by the caller, who has the tables and the connection.
        Command::Show(_) | Command::Handover => Ok(Done::with_tag("SHOW")),
    }
}

/// Whether clients can ask for `database`: it is configured, or made from `*` and in use.
fn exists(shared: &Shared, database: &str) -> bool {
    let config = shared.config();
    let named = config.databases.lookup(database);
    named.is_some_and(|target| target.name == database)
        || shared.pools.gates().of(database) != Gate::default()
        || shared
            .pools
            .all()
            .iter()
            .any(|pool| pool.id.database == database)
}

fn check(shared: &Shared, database: &str, verb: &'static str) -> Result<(), Refused> {
    if database == CONSOLE {
        Err(Refused::Console(verb))
    } else if exists(shared, database) {
        Ok(())
    } else {
        Err(Refused::NoDatabase(database.to_owned()))
    }
}

fn required(
    shared: &Shared,
    database: Option<String>,
    verb: &'static str,
) -> Result<String, Refused> {
    let database = database.ok_or(Refused::DatabaseRequired)?;
    check(shared, &database, verb)?;
    Ok(database)
}

/// The pools of `database`, or all.
fn pools(
    shared: &Shared,
    database: Option<&str>,
    verb: &'static str,
) -> Result<Vec<Arc<Pool>>, Refused> {
    if let Some(database) = database {
        check(shared, database, verb)?;
    }
    let mut pools = shared.pools.all();
    pools.retain(|pool| database.is_none_or(|database| pool.id.database == database));
    Ok(pools)
}

fn change(shared: &Shared, database: &str, change: impl FnOnce(&mut Gate)) {
    shared.pools.gates().change(database, change);
}

/// Waits until no client of `pools` holds a server.
async fn at_rest(shared: &Shared, pools: &[Arc<Pool>]) {
    let resting = || pools.iter().all(|pool| pool.census().servers_active == 0);
    shared.pools.commons().until(resting).await;
}

async fn pause(shared: &Shared, database: Option<&str>) -> Result<(), Refused> {
    match database {
        Some(database) => {
            check(shared, database, "pause")?;
            change(shared, database, |gate| gate.paused = true);
        }
        None => begin_rest(shared, Whole::Paused)?,
    }
    // After the gate is shut, so that no pool is made unseen in between.
    let pools = pools(shared, database, "pause")?;
    for pool in &pools {
        pool.pause("pool is paused");
    }
    at_rest(shared, &pools).await;
    Ok(())
}

fn begin_rest(shared: &Shared, whole: Whole) -> Result<(), Refused> {
    let mut gates = shared.pools.gates();
    if gates.whole != Whole::Active {
        return Err(Refused::AtRest);
    }
    gates.whole = whole;
    Ok(())
}

/// Pauses or resumes everything, as SIGUSR1 and SIGUSR2 ask. Does not wait.
///
/// # Errors
/// When it is as asked for already.
pub fn pause_all(shared: &Shared) -> Result<(), Refused> {
    begin_rest(shared, Whole::Paused)?;
    for pool in shared.pools.all() {
        pool.pause("pool is paused");
    }
    Ok(())
}

/// Hands out servers again: everywhere, or in one database.
///
/// # Errors
/// When nothing was at rest.
pub fn resume(shared: &Shared, database: Option<&str>) -> Result<(), Refused> {
    if let Some(database) = database {
        check(shared, database, "resume")?;
    }
    {
        let mut gates = shared.pools.gates();
        match database {
            Some(database) if !gates.of(database).paused => {
                return Err(Refused::NotPaused(database.to_owned()));
            }
            Some(database) => gates.change(database, |gate| gate.paused = false),
            None if gates.whole == Whole::Active => return Err(Refused::NotAtRest),
            None => gates.whole = Whole::Active,
        }
    }
    // After the gate is open, so that no pool is made shut in between.
    for pool in pools(shared, database, "resume")? {
        let closed = shared.pools.gates().is_closed(&pool.id.database);
        if !closed {
            pool.resume();
        }
    }
    Ok(())
}

/// No server is handed out any more; those that are out come back and stay open. What has not
/// come back by `suspend_timeout` is cut off, as in PgBouncer.
async fn suspend(shared: &Shared) -> Result<(), Refused> {
    begin_rest(shared, Whole::Suspended)?;
    let pools = shared.pools.all();
    for pool in &pools {
        pool.hold();
    }
    let patience = shared.config().settings.suspend_timeout;
    let resting = async {
        // Servers that come back do not close, so nobody tells of them.
        while pools.iter().any(|pool| pool.census().servers_active > 0) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(patience, resting).await.is_ok() {
        return Ok(());
    }
    for holder in shared.cancels.all() {
        if holder.doing().server.is_some() {
            holder.kill("suspend_timeout");
        }
    }
    Ok(())
}

fn kill(shared: &Shared, database: Option<String>) -> Result<Done, Refused> {
    let database = required(shared, database, "kill")?;
    // Whoever comes now waits until RESUME.
    change(shared, &database, |gate| gate.paused = true);
    for pool in pools(shared, Some(&database), "kill")? {
        shared.kill(&pool, "database removed");
    }
    Ok(Done::with_tag("KILL"))
}

fn kill_client(shared: &Shared, id: Option<&str>) -> Result<Done, Refused> {
    let id: u32 = id
        .and_then(|id| id.parse().ok())
        .ok_or(Refused::NoClientId)?;
    let clients = shared.cancels.all();
    let client = clients.iter().find(|holder| holder.card.id.0 == id);
    client
        .ok_or(Refused::NoClient)?
        .kill("admin forced disconnect");
    Ok(Done::with_tag("KILL_CLIENT"))
}

fn set(shared: &Shared, key: &str, value: &str) -> Result<Done, Refused> {
    // Drivers set these at once; the console speaks one language only.
    if key == "client_encoding" {
        return Ok(Done {
            tag: "SET".to_owned(),
            notice: Some("SET ignored"),
        });
    }
    shared.set(key, value)?;
    Ok(Done::with_tag(format!("SET {key}={value}")))
}
