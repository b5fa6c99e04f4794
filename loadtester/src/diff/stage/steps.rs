//! The steps of a script.

use bytes::BytesMut;
use poolproof_scenarios::session::{
    Action, Client as Name, Condition, Cuts, Message, StartupParameter, Step as Written, Who,
};

use super::{DiffError, Ending, Performance, Step, waiting::Need};
use crate::{
    diff::{
        client::{Client, Standing},
        encode,
        notation::{self, Show},
    },
    engine::Endpoint,
};

impl Performance<'_> {
    /// Performs one step. Not cancel safe.
    pub(super) async fn step(&mut self, step: &Written) -> Step {
        let Written { who, action } = step;
        if let Who::One(name) = who
            && let Some(ending) = self.enter(name, action).await?
        {
            return Ok(Some(ending));
        }
        match action {
            Action::Connect(_) | Action::Open => return Ok(None),
            Action::Send { messages, cuts } => return self.send(who, messages, cuts).await,
            Action::Rest => return self.rest(who).await,
            Action::Wait(condition) => return self.wait(who, condition).await,
            Action::Barrier => {
                let ending = self.until(Need::AllAnswered).await?;
                self.mark();
                return Ok(ending);
            }
            Action::Cancel(kind) => return self.cancel(who, *kind).await,
            Action::Disconnect => self.client(who)?.disconnect().await,
            Action::Reset => self.client(who)?.reset().await,
            Action::StopReading => self.client(who)?.set_reading(false),
            Action::ReadAgain => self.client(who)?.set_reading(true),
            Action::Expect(messages) => self.expect(who, messages)?,
            Action::Beside(sql) => {
                let sql = sql.bytes();
                self.stage
                    .beside
                    .run(&String::from_utf8_lossy(&sql))
                    .await?;
            }
        }
        Ok(None)
    }

    /// Gives a client a connection where it has none; unless it asked for something else, it logs
    /// in, which is then no part of its trace.
    async fn enter(&mut self, name: &Name, action: &Action) -> Step {
        match action {
            Action::Open => {
                self.open(name).await;
                Ok(None)
            }
            Action::Connect(parameters) => self.connect(name, parameters).await,
            _ if self.clients.contains_key(name) => Ok(None),
            _ => {
                if let Some(spare) = self.stage.spares.take() {
                    self.clients.insert(name.clone(), spare);
                    return Ok(None);
                }
                let ending = self.connect(name, &[]).await?;
                if let Some(client) = self.clients.get_mut(name)
                    && ending.is_none()
                    && !client.is_over()
                {
                    client.forget();
                }
                Ok(ending)
            }
        }
    }

    fn endpoint(&self) -> &Endpoint {
        &self.stage.place.endpoint
    }

    async fn open(&mut self, name: &Name) {
        let mut client = Client::open(&self.stage.place, self.transport, &self.stage.news).await;
        if let Some(before) = self.clients.remove(name) {
            client.continues(&before);
        }
        self.clients.insert(name.clone(), client);
    }

    async fn connect(&mut self, name: &Name, parameters: &[StartupParameter]) -> Step {
        self.open(name).await;
        let mut bytes = BytesMut::new();
        let step = self.step;
        encode::startup(self.protocol, parameters, self.endpoint(), &mut bytes)
            .map_err(|source| DiffError::Encode { step, source })?;
        let client = self.client(&Who::One(name.clone()))?;
        client.owed += 1;
        if parameters.is_empty() {
            client.standing = Standing::Usual;
        }
        client.send(&bytes, &[]).await;
        let answered = Condition::Answered;
        self.until(Need::Of(name, &answered)).await
    }

    async fn send(&mut self, who: &Who, messages: &[Message], cuts: &Cuts) -> Step {
        let mut bytes = BytesMut::new();
        let step = self.step;
        for message in messages {
            encode::message(message, self.endpoint(), &mut bytes)
                .map_err(|source| DiffError::Encode { step, source })?;
        }
        let client = self.client(who)?;
        client.at_rest = matches!(messages.last(), Some(Message::Query(_) | Message::Sync));
        for message in messages {
            client.owed += encode::owed(message);
            client.ends_copy = match message {
                Message::CopyDone | Message::CopyFail(_) => true,
                Message::Query(_) | Message::Execute { .. } => false,
                _ => client.ends_copy,
            };
            if matches!(message, Message::SslRequest | Message::GssEncRequest) {
                client.inbox().expect_reply();
            }
        }
        if let Cuts::Only(count) = cuts {
            let now = bytes.split_to((*count as usize).min(bytes.len()));
            client.unsent = bytes.freeze();
            bytes = now;
        }
        let sent = client.send(&bytes, &places(cuts, bytes.len())).await;
        Ok((!sent).then_some(Ending::Slow { step }))
    }

    async fn rest(&mut self, who: &Who) -> Step {
        let step = self.step;
        let client = self.client(who)?;
        let bytes = std::mem::take(&mut client.unsent);
        let sent = client.send(&bytes, &[]).await;
        Ok((!sent).then_some(Ending::Slow { step }))
    }

    async fn wait(&mut self, who: &Who, condition: &Condition) -> Step {
        let need = match who {
            Who::One(name) => Need::Of(name, condition),
            Who::All => Need::Server(condition),
        };
        let ending = self.until(need).await?;
        if matches!(condition, Condition::Quiet) {
            self.mark();
        }
        Ok(ending)
    }

    /// Holds what came since the last expectation against the script.
    fn expect(&mut self, who: &Who, expected: &[String]) -> Result<(), DiffError> {
        let step = self.step;
        let client = self.client(who)?;
        let came: Vec<String> = client.inbox().events[client.expected..]
            .iter()
            .map(|event| notation::event(event, Show::Full))
            .collect();
        client.expected += came.len();
        let matches = came.len() == expected.len()
            && came
                .iter()
                .zip(expected)
                .all(|(came, expected)| came.starts_with(expected.as_str()));
        if !matches {
            self.unmet.push(format!(
                "step {step}: expected {}, got {}",
                expected.join(" "),
                came.join(" ")
            ));
        }
        Ok(())
    }
}

/// Where writes end.
fn places(cuts: &Cuts, length: usize) -> Vec<usize> {
    match cuts {
        Cuts::None | Cuts::Only(_) => Vec::new(),
        Cuts::At(places) => places.iter().map(|place| *place as usize).collect(),
        Cuts::Every(bytes) => (1..length)
            .filter(|place| place % (*bytes).max(1) as usize == 0)
            .collect(),
    }
}
