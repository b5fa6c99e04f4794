//! The admin console: the database `pgbouncer`, for the users in `admin_users` and `stats_users`.
//!
//! [`command`] understands what is typed, [`show`] answers questions, [`orders`] carries out the
//! rest. Words, columns and types are those of PgBouncer 1.24; what is ours comes after.

pub mod command;
pub mod orders;
pub mod show;
pub mod table;

use std::io;
use std::sync::Arc;
use std::task::Poll;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::cancel::{Holder, Registered};
use crate::client::auth::Role;
use crate::client::card::ClientAddress;
use crate::client::connection::log_end;
use crate::client::end::End;
use crate::client::farewell::say_farewell;
use crate::client::intake::BadMessage;
use crate::client::origin::Origin;
use crate::handover::give::give;
use crate::io::Stream;
use crate::protocol::frame::{HEADER_LEN, Header};
use crate::protocol::message::backend::{
    Severity, SqlState, TransactionStatus, authentication_ok, backend_key_data, command_complete,
    error_response, notice_with_detail, parameter_status, ready_for_query,
};
use crate::protocol::startup::CancelKey;
use crate::shared::Shared;
use command::{Command, Show, parse};

/// Longest message that the console takes, in bytes: a `SET auth_query` of any sense fits in.
const MESSAGE_LEN_MAX: u32 = 64 * 1024;

/// The release of PgBouncer whose console this is. Tools read it to know which columns there are.
pub const COMPATIBLE_WITH: &str = "1.24.1";

/// Somebody at the console.
#[derive(Debug)]
pub struct Operator {
    /// What they may do.
    pub role: Role,
    /// Who they are.
    pub user: String,
    /// Their entry among the clients.
    pub registered: Registered,
    /// What they could cancel by.
    pub key: CancelKey,
}

/// Answers somebody at the console until they leave. Cancelled, the connection closes, and an
/// order that waits for something waits no more; what it has set in motion goes on.
pub async fn serve(mut stream: Stream, operator: Operator, shared: Arc<Shared>) {
    let holder = Arc::clone(&operator.registered.holder);
    let end = tokio::select! {
        end = converse(&mut stream, &operator, &shared) => end,
        end = killed(&holder) => end,
    };
    log_end(&holder.card, &end);
    if let Some(refusal) = end.refusal() {
        say_farewell(&mut stream, refusal).await;
    }
}

/// Waits until the client is to be ended. Cancel safe.
async fn killed(holder: &Holder) -> End {
    std::future::poll_fn(|cx| {
        holder.begins(cx.waker());
        holder.sentence().map_or(Poll::Pending, Poll::Ready)
    })
    .await
    .into()
}

impl From<&'static str> for End {
    fn from(reason: &'static str) -> Self {
        Self::Killed(reason)
    }
}

async fn converse(stream: &mut Stream, operator: &Operator, shared: &Arc<Shared>) -> End {
    let mut out = greeting(&operator.key);
    let mut succession = Succession::None;
    loop {
        if let Err(error) = send(stream, &mut out).await {
            return End::Client(error);
        }
        let (tag, body) = match read(stream).await {
            Ok(message) => message,
            Err(end) => return end,
        };
        match tag {
            b'Q' => {
                let text = body.strip_suffix(&[0]).unwrap_or(&body);
                let text = String::from_utf8_lossy(text);
                match parse(&text) {
                    Some(Command::Handover) => match hand_over(stream, operator, shared).await {
                        Ok(()) => {
                            succession = Succession::Prepared;
                            command_complete(&mut out, "HANDOVER");
                        }
                        Err(words) => complain(&mut out, SqlState::FEATURE_NOT_SUPPORTED, &words),
                    },
                    Some(command) => {
                        if succession == Succession::Prepared
                            && matches!(command, Command::Shutdown(_))
                        {
                            shared.is_succeeded();
                        }
                        answer(&mut out, &text, command, operator, shared).await;
                    }
                    None => {
                        let words = format!("invalid command '{text}', use SHOW HELP;");
                        complain(&mut out, SqlState::SYNTAX_ERROR, &words);
                    }
                }
                ready_for_query(&mut out, TransactionStatus::Idle);
            }
            b'X' => return End::Terminated,
            // Answered once for the batch, as PostgreSQL skips to Sync after an error.
            b'S' => {
                let words = "extended query protocol not supported by admin console";
                complain(&mut out, SqlState::FEATURE_NOT_SUPPORTED, words);
                ready_for_query(&mut out, TransactionStatus::Idle);
            }
            b'P' | b'B' | b'D' | b'E' | b'C' | b'H' => {}
            other => return BadMessage::Type(other).into(),
        }
    }
}

/// Whether whoever is at the console takes the pooler's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Succession {
    None,
    /// It has the sockets; with SHUTDOWN it is the successor.
    Prepared,
}

/// Gives what listens to a successor: a process of the same system user, on the Unix socket.
/// Cancelled, the successor has part of it and cannot go on.
async fn hand_over(
    stream: &Stream,
    operator: &Operator,
    shared: &Arc<Shared>,
) -> Result<(), String> {
    match stream.unix() {
        Some(socket)
            if operator.role == Role::Admin
                && Origin::of(stream, ClientAddress::Unix).is_own_user() =>
        {
            tracing::info!("HANDOVER command issued by {}", operator.user);
            let given = give(socket, shared).await;
            given.map_err(|error| format!("HANDOVER failed: {error}"))
        }
        _ => Err("HANDOVER is for a process of the pooler's own user on its Unix socket".into()),
    }
}

/// What PgBouncer says at login.
fn greeting(key: &CancelKey) -> BytesMut {
    let mut out = BytesMut::new();
    authentication_ok(&mut out);
    let version = format!("{COMPATIBLE_WITH}/bouncer");
    for (name, value) in [
        ("server_version", version.as_str()),
        ("client_encoding", "UTF8"),
        ("server_encoding", "UTF8"),
        ("DateStyle", "ISO"),
        ("TimeZone", "GMT"),
        ("standard_conforming_strings", "on"),
        ("is_superuser", "on"),
    ] {
        parameter_status(&mut out, name, value);
    }
    backend_key_data(&mut out, key.process, &key.key);
    ready_for_query(&mut out, TransactionStatus::Idle);
    out
}

/// Sends what is in `out` and empties it. Cancelled, a part may have been sent.
async fn send(stream: &mut Stream, out: &mut BytesMut) -> io::Result<()> {
    stream.write_all(out).await?;
    out.clear();
    stream.flush().await
}

/// Reads one message: its type and its body. Cancelled, a part of it is lost.
async fn read(stream: &mut Stream) -> Result<(u8, Vec<u8>), End> {
    let mut header = [0; HEADER_LEN];
    let gone = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => End::Eof,
        _ => End::Client(error),
    };
    stream.read_exact(&mut header).await.map_err(gone)?;
    let read = Header::read(&header, MESSAGE_LEN_MAX).map_err(BadMessage::from)?;
    let Some(Header { tag, len }) = read else {
        return Err(End::Eof);
    };
    let mut body = vec![0; len - HEADER_LEN];
    stream.read_exact(&mut body).await.map_err(gone)?;
    Ok((tag, body))
}

/// Answers one query, all but its ReadyForQuery.
async fn answer(
    out: &mut BytesMut,
    text: &str,
    command: Command,
    operator: &Operator,
    shared: &Arc<Shared>,
) {
    if command.needs_admin() && operator.role != Role::Admin {
        return complain(out, SqlState::INSUFFICIENT_PRIVILEGE, "admin access needed");
    }
    match command {
        Command::Show(Show::Help) => {
            notice_with_detail(out, "Console usage", &show::help());
            command_complete(out, "SHOW");
        }
        Command::Show(what) => {
            show::table(what, shared).write(out);
            command_complete(out, "SHOW");
        }
        order => {
            tracing::info!("{text} command issued by {}", operator.user);
            match orders::carry_out(order, shared).await {
                Ok(done) => {
                    if let Some(words) = done.notice {
                        error_response(out, Severity::Notice, SqlState::SUCCESS, words);
                    }
                    command_complete(out, &done.tag);
                }
                Err(refused) => complain(out, refused.code(), &refused.to_string()),
            }
        }
    }
}

fn complain(out: &mut BytesMut, code: SqlState, words: &str) {
    tracing::warn!("console: {words}");
    error_response(out, Severity::Error, code, words);
}
