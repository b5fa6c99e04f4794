//! The system's PAM, asked whether a password is right. Only in builds with the feature `pam`.

use std::ffi::{OsStr, OsString};

use nonstick::{
    AuthnFlags, ConversationAdapter, Result as PamResult, Transaction as _, TransactionBuilder,
};

use crate::config::Secret;

/// The name of our rules in `/etc/pam.d`, PgBouncer's own.
const SERVICE: &str = "pgbouncer";

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

/// Whether PAM lets `user` in with `password`. Modules may take seconds, so they run on a thread
/// of their own. Cancelled, that thread ends by itself and nobody hears of it.
pub(super) async fn lets_in(user: &str, password: &Secret) -> bool {
    let (user, password) = (user.to_owned(), password.clone());
    let asked = tokio::task::spawn_blocking(move || {
        let outcome = ask(user, password);
        if let Err(error) = &outcome {
            tracing::warn!("PAM refuses a login: {error}");
        }
        outcome.is_ok()
    });
    asked.await.unwrap_or(false)
}

fn ask(user: String, password: Secret) -> PamResult<()> {
    let builder = TransactionBuilder::new_with_service(SERVICE).username(&user);
    let mut transaction = builder.build(Answers { user, password }.into_conversation())?;
    transaction.authenticate(AuthnFlags::empty())?;
    transaction.account_management(AuthnFlags::empty())
}
