//! A password that the system's PAM is asked about.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::{Applicant, AuthError, read_answer};
use crate::auth::credential::Credential;
use crate::auth::verifier::Denial;
use crate::config::Secret;
use crate::protocol::message::backend::authentication_cleartext_password;

#[cfg(feature = "pam")]
mod system;

/// Asks the client for its password in clear and has PAM look at it; it then opens servers too.
///
/// Cancelled, what PAM says is heard by nobody.
pub(super) async fn ask<S>(
    stream: &mut S,
    out: &mut BytesMut,
    applicant: &Applicant<'_>,
) -> Result<(), AuthError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    authentication_cleartext_password(out);
    stream.write_all(out).await?;
    stream.flush().await?;
    out.clear();
    let answer = read_answer(stream).await?;
    let text = answer
        .strip_suffix(&[0])
        .and_then(|text| str::from_utf8(text).ok());
    let text = text.ok_or(AuthError::Password(Denial::WrongPassword))?;
    if text.is_empty() {
        return Err(AuthError::EmptyPassword);
    }
    let password = Secret::new(text);
    let user = &applicant.startup.user;
    if !lets_in(user, &password).await? {
        return Err(AuthError::Pam);
    }
    // Nobody else sets it.
    let _ = applicant
        .shown
        .set(Arc::new(Credential::new(user.clone(), &password)));
    Ok(())
}

#[cfg(feature = "pam")]
async fn lets_in(user: &str, password: &Secret) -> Result<bool, AuthError> {
    Ok(system::lets_in(user, password).await)
}

/// The configuration does not come to this: see `config::check` and `config::hba`.
#[cfg(not(feature = "pam"))]
async fn lets_in(_: &str, _: &Secret) -> Result<bool, AuthError> {
    std::future::ready(Err(AuthError::Unsupported(crate::config::AuthType::Pam))).await
}
