//! The end of a session: every client has its answers, says goodbye and is let go.

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::{DiffError, Ending, Performance, waiting::Need};
use crate::diff::client::{Client, Standing};

impl Performance<'_> {
    /// Takes leave of the server. Not cancel safe.
    pub(super) async fn farewell(&mut self) -> Result<Ending, DiffError> {
        for client in self.clients.values_mut() {
            // Those who don't listen, or are in the middle of something, just leave.
            let copies = client.inbox().copies_in() && !client.ends_copy;
            let busy = client.is_deaf() || !client.unsent.is_empty() || copies;
            if busy {
                client.disconnect().await;
            }
        }
        if let Some(ending) = self.until(Need::AllAnswered).await? {
            return Ok(ending);
        }
        if let Some(ending) = self.keep_spares().await? {
            return Ok(ending);
        }
        let mut goodbye = BytesMut::new();
        frontend::terminate(&mut goodbye);
        let leaving = |client: &&mut Client| client.standing != Standing::Spare;
        for client in self.clients.values_mut().filter(leaving) {
            client.send(&goodbye, &[]).await;
            client.finish_sending();
        }
        let ending = self.until(Need::AllClosed).await?;
        Ok(ending.unwrap_or(Ending::Complete))
    }
}
