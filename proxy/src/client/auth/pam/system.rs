//! The system's PAM, asked whether a password is right.

use std::ffi::{OsStr, OsString};
use std::io;
use std::thread;

use nonstick::{
    AuthnFlags, ConversationAdapter, Result as PamResult, Transaction as _, TransactionBuilder,
};
use tokio::sync::{Semaphore, oneshot};

use crate::config::Secret;

/// The name of our rules in `/etc/pam.d`, PgBouncer's own.
const SERVICE: &str = "pgbouncer";

/// Logins about which PAM is asked at one moment; the others wait. Each takes a thread.
const AT_ONCE_MAX: usize = 64;

static DESK: Semaphore = Semaphore::const_new(AT_ONCE_MAX);

/// Answers every question for the password with the one that the client gave.
struct Answers {
    user: String,
    password: Secret,
}

impl ConversationAdapter for Answers {
    fn prompt(&self, _: impl AsRef<OsStr>) -> PamResult<OsString> {
        Ok(OsString::from(&self.user))
    }

    fn masked_prompt(&self, _: impl AsRef<OsStr>) -> PamResult<OsString> {
        Ok(OsString::from(self.password.reveal()))
    }

    fn error_msg(&self, words: impl AsRef<OsStr>) {
        tracing::warn!("PAM: {}", words.as_ref().to_string_lossy());
    }

    fn info_msg(&self, words: impl AsRef<OsStr>) {
        tracing::debug!("PAM: {}", words.as_ref().to_string_lossy());
    }
}

/// Whether PAM lets `user` in with `password`. A module may take minutes, so each login has a
/// thread of its own, for which nobody waits when the pooler ends.
///
/// Cancelled, that thread ends by itself and keeps its place until then.
pub(super) async fn lets_in(user: &str, password: &Secret) -> bool {
    // It is never closed.
    let Ok(place) = DESK.acquire().await else {
        return false;
    };
    let (tell, told) = oneshot::channel();
    let (user, password) = (user.to_owned(), password.clone());
    let started: io::Result<_> = thread::Builder::new().name("pam".into()).spawn(move || {
        let outcome = ask(user, password);
        if let Err(error) = &outcome {
            tracing::warn!("PAM refuses a login: {error}");
        }
        drop(place);
        // The client may have gone.
        let _ = tell.send(outcome.is_ok());
    });
    match started {
        Ok(_) => told.await.unwrap_or(false),
        Err(error) => {
            tracing::error!("cannot ask PAM: expected a thread for a login, got: {error}");
            false
        }
    }
}

fn ask(user: String, password: Secret) -> PamResult<()> {
    let builder = TransactionBuilder::new_with_service(SERVICE).username(&user);
    let mut transaction = builder.build(Answers { user, password }.into_conversation())?;
    transaction.authenticate(AuthnFlags::empty())?;
    transaction.account_management(AuthnFlags::empty())
}
