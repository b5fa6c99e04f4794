//! Who a client is: from its startup parameters to an [`Identity`].

use std::sync::{Arc, OnceLock};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::refusal::Refusal;
use super::replication::{self, Replication};
use crate::auth::credential::Credential;
use crate::auth::random::NoRandomness;
use crate::auth::scram::MECHANISM;
use crate::auth::verifier::{Challenge, Denial, Step, Subject, Verifier, VerifierError};
use crate::client::origin::Origin;
use crate::config::{AuthType, CONSOLE, Config, Database};
use crate::deadline::{Deadline, Elapsed};
use crate::io::post::after_flush;
use crate::parameters::ALWAYS;
use crate::protocol::message::backend::{
    SqlState, authentication_cleartext_password, authentication_md5_password, authentication_sasl,
    authentication_sasl_continue, authentication_sasl_final, negotiate_protocol_version,
};
use crate::protocol::options::{OPTIONS, OptionsError, options};
use crate::protocol::startup::StartupParameters;

mod demand;
mod pam;

use demand::Demand;

/// Longest answer to a challenge in bytes; a password in `auth_file` can be half as long.
const ANSWER_BYTES_MAX: usize = 2048;

/// A client that has proved who it is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The user that it logged in as.
    pub user: String,
    /// The database that it asked for.
    pub database: String,
    /// What the configuration says of that database.
    pub target: Arc<Database>,
}

impl Identity {
    /// The user as whom servers are opened for this client.
    #[must_use]
    pub fn server_user(&self) -> &str {
        self.target.connect.user.as_deref().unwrap_or(&self.user)
    }
}

/// Why a client was not let in.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// A startup parameter that the pooler can neither carry nor ignore.
    #[error("unsupported startup parameter: {0}")]
    Parameter(String),
    /// The same, in `options`.
    #[error("unsupported startup parameter in options: {0}")]
    Option(String),
    /// `options` that are not understood.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// `auth_type` trust, and the user is not listed.
    #[error("\"trust\" authentication failed")]
    NotListed,
    /// The password is wrong, or the user unknown: the client is not told which.
    #[error("password authentication failed: {0}")]
    Password(Denial),
    /// The same, found by SCRAM.
    #[error("SASL authentication failed: {0}")]
    Sasl(Denial),
    /// No password is nobody's, whatever PAM would say of it.
    #[error("empty password returned by client")]
    EmptyPassword,
    /// PAM does not let it in; its log says why.
    #[error("PAM authentication failed")]
    Pam,
    /// The client does not follow the protocol.
    #[error(transparent)]
    Exchange(#[from] VerifierError),
    /// It sent something else where its password was due.
    #[error("expected password response, got message type {0:?}")]
    MessageType(char),
    /// It sent an answer of an impossible length.
    #[error("expected a password message of 5 to {ANSWER_BYTES_MAX} bytes, got {0}")]
    Length(u32),
    /// The database is not configured.
    #[error("no such database: {0}")]
    NoDatabase(String),
    /// The console, and the user is neither of `admin_users` nor of `stats_users`.
    #[error("not allowed")]
    NotAllowed,
    /// `auth_type` any, and the database does not say whom to log in as.
    #[error("auth_type any needs user= in the connect string of database {0}")]
    AnyWithoutUser(String),
    /// It went away.
    #[error("client unexpected eof")]
    Gone(#[from] std::io::Error),
    /// It took too long.
    #[error("client_login_timeout")]
    Timeout,
    /// No rule of `auth_hba_file` lets it in.
    #[error("login rejected")]
    Rejected,
    /// Its certificate, or the lack of one.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The system user at the other end of the Unix socket may not be this user.
    #[error("unix socket login rejected")]
    Peer,
    /// A method that `Config` does not let through.
    #[error("auth_type {} is not supported", .0.as_str())]
    Unsupported(AuthType),
}

/// A client that is asked for a certificate and has none that fits: PgBouncer's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It comes in clear.
    #[error("TLS connection required")]
    Plain,
    /// It showed none.
    #[error("TLS client certificate required")]
    Missing,
    /// It names somebody else.
    #[error("TLS certificate name mismatch")]
    Mismatch,
}

impl From<Elapsed> for AuthError {
    fn from(_: Elapsed) -> Self {
        Self::Timeout
    }
}

impl From<NoRandomness> for AuthError {
    fn from(error: NoRandomness) -> Self {
        Self::Exchange(VerifierError::Randomness(error))
    }
}

impl AuthError {
    /// What to tell the client, if it still listens: PgBouncer's words, PostgreSQL's codes.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        let violation =
            |error: &Self| Refusal::new(SqlState::PROTOCOL_VIOLATION, error.to_string());
        match self {
            Self::Gone(_) => None,
            Self::Parameter(name) | Self::Option(name) => {
                Some(violation(self).with_hint(parameter_hint(name)))
            }
            // Whose name the certificate has is for the log.
            Self::Certificate(CertificateError::Mismatch) => Some(Refusal::new(
                SqlState::INVALID_AUTHORIZATION,
                "certificate authentication failed",
            )),
            Self::NotListed
            | Self::NotAllowed
            | Self::Rejected
            | Self::Certificate(_)
            | Self::Peer => Some(Refusal::new(
                SqlState::INVALID_AUTHORIZATION,
                self.to_string(),
            )),
            Self::Pam | Self::EmptyPassword => {
                Some(Refusal::new(SqlState::INVALID_PASSWORD, self.to_string()))
            }
            // Both are PgBouncer's words; neither says why.
            Self::Password(_) => Some(Refusal::new(
                SqlState::INVALID_PASSWORD,
                "password authentication failed",
            )),
            Self::Sasl(_) => Some(Refusal::new(
                SqlState::INVALID_PASSWORD,
                "SASL authentication failed",
            )),
            Self::NoDatabase(_) => Some(Refusal::new(
                SqlState::INVALID_CATALOG_NAME,
                self.to_string(),
            )),
            Self::Exchange(VerifierError::Randomness(_))
            | Self::AnyWithoutUser(_)
            | Self::Unsupported(_) => Some(Refusal::new(
                SqlState::INTERNAL_ERROR,
                "bouncer config error",
            )),
            Self::Options(_)
            | Self::Exchange(_)
            | Self::MessageType(_)
            | Self::Length(_)
            | Self::Timeout => Some(violation(self)),
        }
    }
}

fn parameter_hint(name: &str) -> String {
    format!("The pooler's administrator can let it pass: ignore_startup_parameters = {name}")
}

/// Asks the client for its proof and checks it. Everything is sent up to, and not including,
/// AuthenticationOk: NegotiateProtocolVersion where it is due, challenges, AuthenticationSASLFinal.
///
/// Not one byte beyond the client's last answer is read.
///
/// Cancelled, what was read so far is lost; the connection is then good for nothing but closing.
///
/// # Errors
/// Why the client is not let in; [`AuthError::refusal`] is what it should be told.
pub async fn authenticate<S>(
    stream: &mut S,
    applicant: &Applicant<'_>,
    config: &Config,
    deadline: Deadline,
) -> Result<(), AuthError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    check_parameters(applicant.startup, config)?;
    deadline.bound(prove(stream, applicant, config)).await?
}

/// Who asks to be let in.
#[derive(Clone, Debug)]
pub struct Applicant<'a> {
    /// What it says of itself.
    pub startup: &'a StartupParameters,
    /// Which kind of replication it asks for.
    pub replication: Replication,
    /// Where it comes from.
    pub origin: Origin,
    /// What is known of the user that it says it is.
    pub known: Option<Arc<Credential>>,
    /// The password that it has shown, where others know whether it is right.
    pub shown: OnceLock<Arc<Credential>>,
}

/// Refuses what the pooler can neither carry to a server nor may ignore.
fn check_parameters(startup: &StartupParameters, config: &Config) -> Result<(), AuthError> {
    let known = |name: &str| {
        name.eq_ignore_ascii_case(replication::PARAMETER)
            || ALWAYS
                .iter()
                .any(|tracked| tracked.eq_ignore_ascii_case(name))
            || config
                .settings
                .track_extra_parameters
                .contains_ignoring_case(name)
            || config
                .settings
                .ignore_startup_parameters
                .contains_ignoring_case(name)
    };
    for (name, value) in &startup.parameters {
        if known(name) {
            continue;
        }
        if !name.eq_ignore_ascii_case(OPTIONS) {
            return Err(AuthError::Parameter(name.clone()));
        }
        for (name, _) in options(value)? {
            if !known(&name) {
                return Err(AuthError::Option(name));
            }
        }
    }
    Ok(())
}

/// What a user may do on the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Look.
    Stats,
    /// Everything.
    Admin,
}

/// As [`authenticate`], for the admin console.
///
/// # Errors
/// Why the client is not let in; [`AuthError::refusal`] is what it should be told.
pub async fn authenticate_operator<S>(
    stream: &mut S,
    applicant: &Applicant<'_>,
    config: &Config,
    deadline: Deadline,
) -> Result<Role, AuthError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let startup = applicant.startup;
    // As in PgBouncer the system's own user of the pooler needs no password on its Unix socket.
    if startup.user == CONSOLE && applicant.origin.is_own_user() {
        let mut out = BytesMut::new();
        negotiate(startup, &mut out);
        stream.write_all(&out).await?;
        return Ok(Role::Admin);
    }
    deadline.bound(prove(stream, applicant, config)).await??;
    let settings = &config.settings;
    // As PgBouncer has it: where nobody proves anything, everybody may look.
    let anybody = settings.auth_type == AuthType::Any;
    if settings.admin_users.contains(&startup.user) {
        Ok(Role::Admin)
    } else if anybody || settings.stats_users.contains(&startup.user) {
        Ok(Role::Stats)
    } else {
        Err(AuthError::NotAllowed)
    }
}

/// Who a client is that has proved it. Only those who are let in learn which databases there are.
///
/// # Errors
/// When its database is not configured, or does not say whom to log in as.
pub fn identify(startup: &StartupParameters, config: &Config) -> Result<Identity, AuthError> {
    let StartupParameters { user, database, .. } = startup;
    let Some(target) = config.databases.lookup(database) else {
        return Err(AuthError::NoDatabase(database.clone()));
    };
    if config.settings.auth_type == AuthType::Any && target.connect.user.is_none() {
        return Err(AuthError::AnyWithoutUser(target.name.clone()));
    }
    let target = Arc::clone(target);
    Ok(Identity {
        user: user.clone(),
        database: database.clone(),
        target,
    })
}

async fn prove<S>(
    stream: &mut S,
    applicant: &Applicant<'_>,
    config: &Config,
) -> Result<(), AuthError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Applicant {
        startup,
        origin,
        known,
        replication: _,
        shown: _,
    } = applicant;
    let mut out = BytesMut::new();
    negotiate(startup, &mut out);
    match Demand::of(config, applicant)? {
        Demand::Nothing => {}
        Demand::Known if known.is_none() => return Err(AuthError::NotListed),
        Demand::Known => {}
        Demand::Pam => Box::pin(pam::ask(stream, &mut out, applicant)).await?,
        Demand::Outside(method) => method.check(origin, &startup.user, known.is_some())?,
        Demand::Password(auth_type) => {
            let subject = Subject::new(&startup.user, known.as_ref());
            let iterations = config.settings.scram_iterations;
            let (verifier, challenge) = Verifier::begin(auth_type, subject, iterations)?;
            let exchange = exchange(stream, &mut out, verifier, challenge);
            // The cryptography of SCRAM takes longer than a message does.
            after_flush(Box::pin(exchange)).await?;
        }
    }
    stream.write_all(&out).await?;
    Ok(stream.flush().await?)
}

/// Says what the client cannot have of the protocol that it asked for.
fn negotiate(startup: &StartupParameters, out: &mut BytesMut) {
    if startup.needs_negotiation() {
        let unknown: Vec<&str> = startup
            .protocol_options
            .iter()
            .map(String::as_str)
            .collect();
        negotiate_protocol_version(out, startup.negotiated_version(), &unknown);
    }
}

/// Leads the exchange. What is left in `out` at the end is still to be sent.
async fn exchange<S>(
    stream: &mut S,
    out: &mut BytesMut,
    mut verifier: Verifier,
    mut challenge: Challenge,
) -> Result<(), AuthError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        write_challenge(out, &challenge);
        stream.write_all(out).await?;
        stream.flush().await?;
        out.clear();
        let answer = read_answer(stream).await?;
        match verifier.answer(&answer)? {
            Step::Ask(next, asks) => (verifier, challenge) = (next, asks),
            Step::Denied(denial) => {
                return Err(match challenge {
                    Challenge::Sasl | Challenge::SaslContinue(_) => AuthError::Sasl(denial),
                    Challenge::CleartextPassword | Challenge::Md5Password(_) => {
                        AuthError::Password(denial)
                    }
                });
            }
            Step::Granted(server_final) => {
                if let Some(data) = server_final {
                    authentication_sasl_final(out, &data);
                }
                return Ok(());
            }
        }
    }
}

fn write_challenge(out: &mut BytesMut, challenge: &Challenge) {
    match challenge {
        Challenge::CleartextPassword => authentication_cleartext_password(out),
        Challenge::Md5Password(salt) => authentication_md5_password(out, *salt),
        Challenge::Sasl => authentication_sasl(out, &[MECHANISM]),
        Challenge::SaslContinue(data) => authentication_sasl_continue(out, data),
    }
}

/// Reads one message of type `p` and gives its body.
async fn read_answer(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, AuthError> {
    let mut header = [0; 5];
    stream.read_exact(&mut header).await?;
    let [tag, length @ ..] = header;
    if tag != b'p' {
        return Err(AuthError::MessageType(char::from(tag)));
    }
    let length = u32::from_be_bytes(length);
    let body = usize::try_from(length)
        .ok()
        .and_then(|length| length.checked_sub(4));
    let body = body.filter(|body| (1..=ANSWER_BYTES_MAX).contains(body));
    let mut answer = vec![0; body.ok_or(AuthError::Length(length))?];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests;
