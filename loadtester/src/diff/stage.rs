//! Performs a session on one endpoint.

mod cancel;
mod farewell;
mod spares;
mod steps;
mod waiting;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use poolproof_scenarios::{
    Session,
    session::{Client as Name, Transport, Who},
};
use spares::Spares;
use tokio::sync::Notify;

use super::{
    Beside, DiffError, Ground,
    client::{Client, Standing},
    socket::Place,
    trace::{Ending, Event, Trace},
};
use crate::engine::Credentials;

/// How long a step may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Once the server has nothing to do for so long and no byte comes, a wait is a hang.
    pub hang: Duration,
    /// A wait that is longer than this ends, whatever the server does.
    pub slow: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hang: Duration::from_secs(1),
            slow: Duration::from_secs(15),
        }
    }
}

/// The version of the protocol that every server speaks.
const USUAL_PROTOCOL: (u16, u16) = (3, 0);

/// A place where sessions are performed, one after the other.
pub struct Stage {
    place: Place,
    beside: Arc<Beside>,
    credentials: Credentials,
    limits: Limits,
    ground: Ground,
    /// Something has come, for whichever client.
    news: Arc<Notify>,
    spares: Spares,
}

impl Stage {
    /// Performs at `place`; `beside` looks at the PostgreSQL behind it. Two stages of one
    /// PostgreSQL take turns, as they share its schema.
    ///
    /// # Errors
    ///
    /// When the endpoint's names cannot be sent.
    pub fn new(
        place: impl Into<Place>,
        beside: Arc<Beside>,
        limits: Limits,
    ) -> Result<Self, DiffError> {
        let place = place.into();
        let credentials = Credentials::new(&place.endpoint)
            .map_err(|error| DiffError::Endpoint(error.to_string()))?;
        Ok(Self {
            place,
            beside,
            credentials,
            limits,
            ground: Ground::New,
            news: Arc::new(Notify::new()),
            spares: Spares::default(),
        })
    }

    /// The same stage, with something else than a new schema for each session.
    #[must_use]
    pub fn on(mut self, ground: Ground) -> Self {
        self.ground = ground;
        self
    }

    /// The same stage, which gives connections of one session to the next where nobody can tell: for
    /// PostgreSQL itself, of which `DISCARD ALL` makes a session like a new one. A new process for each
    /// would take most of the time.
    #[must_use]
    pub fn with_spares(mut self) -> Self {
        self.spares = Spares::kept();
        self
    }

    /// Makes the schema as it is to be found and performs the session.
    ///
    /// # Errors
    ///
    /// When the script cannot be performed by anybody. What the endpoint does wrong is in the trace.
    ///
    /// Not cancel safe: what was begun is left to the next call, which clears it away.
    pub async fn perform(&mut self, session: &Session) -> Result<Trace, DiffError> {
        self.beside.prepare(&session.header, self.ground).await?;
        let mut performance = Performance {
            stage: self,
            transport: session.header.transport.unwrap_or_default(),
            protocol: session.header.protocol.unwrap_or(USUAL_PROTOCOL),
            clients: BTreeMap::new(),
            step: 0,
            unmet: Vec::new(),
        };
        let mut ending = Ending::Complete;
        for step in &session.steps {
            performance.step += 1;
            if let Some(early) = performance.step(step).await? {
                ending = early;
                break;
            }
        }
        if ending == Ending::Complete {
            performance.step += 1;
            ending = performance.farewell().await?;
        }
        performance.into_trace(ending).await
    }
}

/// One session while it is performed.
struct Performance<'a> {
    stage: &'a mut Stage,
    /// What its connections go over.
    transport: Transport,
    /// Version of the protocol that logins ask for.
    protocol: (u16, u16),
    clients: BTreeMap<Name, Client>,
    /// Number of the step that is performed, from 1.
    step: usize,
    unmet: Vec<String>,
}

/// How a step ended: `None` when the next one follows.
type Step = Result<Option<Ending>, DiffError>;

impl Performance<'_> {
    /// The client that takes a step. Steps of all have none.
    fn client(&mut self, who: &Who) -> Result<&mut Client, DiffError> {
        let step = self.step;
        let missing = |reason: &str| DiffError::Script {
            step,
            reason: reason.to_owned(),
        };
        match who {
            Who::One(name) => self
                .clients
                .get_mut(name)
                .ok_or_else(|| missing("expected a client that has a connection")),
            Who::All => Err(missing("expected a step that concerns all clients")),
        }
    }

    /// Writes down in every trace what has come before this place.
    fn mark(&self) {
        for client in self.clients.values() {
            client.inbox().events.push(Event::Mark { step: self.step });
        }
    }

    /// Closes what is still open and keeps what came.
    async fn into_trace(mut self, ending: Ending) -> Result<Trace, DiffError> {
        let mut clients = BTreeMap::new();
        for (name, mut client) in std::mem::take(&mut self.clients) {
            let events = std::mem::take(&mut client.inbox().events);
            clients.insert(name, events.into_iter().filter(is_shown).collect());
            if client.standing == Standing::Spare {
                self.stage.spares.put(client);
            } else {
                client.disconnect().await;
            }
        }
        Ok(Trace {
            clients,
            ending,
            unmet: self.unmet,
        })
    }
}

/// How somebody is authenticated is between them and the target; that they are is part of the trace.
fn is_shown(event: &Event) -> bool {
    match event {
        Event::Message(message) if message.tag == b'R' => message.body[..] == [0; 4],
        _ => true,
    }
}
