//! Connections that outlive their session.
//!
//! To PostgreSQL a new connection is a new process, which costs more than all that a generated session asks
//! for. `DISCARD ALL` leaves of a session nothing that its next user could see (manual, «DISCARD»),
//! provided that nothing is under way, that it was begun with the usual parameters, and that names are
//! not used twice: a parameter with a dot in its name stays known, with an empty value.

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::{DiffError, Ending, Event, Performance, waiting::Need};
use crate::diff::client::{Client, Standing};

/// What gives a session back as it was at its login.
const RESET: &str = "DISCARD ALL";

/// The connections, where any are kept.
#[derive(Default)]
pub(super) struct Spares(Option<Vec<Client>>);

impl Spares {
    /// None yet, and room for them.
    pub(super) fn kept() -> Self {
        Self(Some(Vec::new()))
    }

    /// One that is logged in, and of which nothing has come.
    pub(super) fn take(&mut self) -> Option<Client> {
        let spares = self.0.as_mut()?;
        // The server may have closed it since.
        spares.retain(|spare| !spare.is_over());
        spares.pop()
    }

    pub(super) fn put(&mut self, mut client: Client) {
        if let Some(spares) = &mut self.0 {
            client.standing = Standing::Usual;
            client.forget();
            spares.push(client);
        }
    }
}

impl Performance<'_> {
    /// Resets the connections that another session can have. Their traces end as if they were closed.
    /// Not cancel safe.
    pub(super) async fn keep_spares(&mut self) -> Result<Option<Ending>, DiffError> {
        if self.stage.spares.0.is_none() {
            return Ok(None);
        }
        let mut reset = BytesMut::new();
        frontend::query(RESET, &mut reset).map_err(|source| DiffError::Encode {
            step: self.step,
            source,
        })?;
        let mut shown = Vec::new();
        for (name, client) in &mut self.clients {
            if !is_fit(client) {
                continue;
            }
            shown.push((name.clone(), client.inbox().events.len()));
            let answered = client.inbox().count(b'Z');
            client.owed = answered + 1;
            client.send(&reset, &[]).await;
        }
        if let Some(ending) = self.until(Need::AllAnswered).await? {
            return Ok(Some(ending));
        }
        for (name, shown) in shown {
            if let Some(client) = self.clients.get_mut(&name) {
                end(client, shown).await;
            }
        }
        Ok(None)
    }
}

/// Whether nothing but its state tells a connection from a new one.
fn is_fit(client: &Client) -> bool {
    let inbox = client.inbox();
    let last = inbox.events.iter().rev().find(|event| event.is(b'Z'));
    let idle = match last {
        Some(Event::Message(ready)) => ready.body[..] == *b"I",
        _ => true,
    };
    drop(inbox);
    let usual = client.standing == Standing::Usual && client.late_cancel.is_none();
    usual && idle && client.at_rest && !client.is_deaf() && !client.is_over()
}

/// Ends the trace of a connection that was reset. Of what came since then, only what others have notified
/// belongs to the session.
async fn end(client: &mut Client, shown: usize) {
    let since = client.take_back(shown);
    let is_reset = since.iter().any(|event| event.is(b'C')) && !client.is_over();
    {
        let mut inbox = client.inbox();
        let heard = since.into_iter().filter(|event| event.is(b'A'));
        inbox.events.extend(heard);
        inbox.events.push(Event::Closed);
    }
    if is_reset {
        client.standing = Standing::Spare;
    } else {
        client.disconnect().await;
    }
}
