//! A client that is let in: its session parameters, its greeting, its session.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::BytesMut;

use super::card::ClientAddress;
use super::intake::Queries;
use super::session::{Beginning, Session};
use crate::cancel::Registered;
use crate::config::Config;
use crate::io::Stream;
use crate::parameters::Tracked;
use crate::pool::{Pool, Welcome};
use crate::protocol::message::backend::{
    TransactionStatus, authentication_ok, backend_key_data, ready_for_query,
};
use crate::protocol::options::{self, OPTIONS};
use crate::protocol::startup::{CancelKey, StartupParameters};
use crate::shared::Shared;

/// Bytes that a usual greeting takes: PostgreSQL 17 says some 450, its BackendKeyData included.
const GREETING_LEN: usize = 512;

/// A client that is let in, and what it is to be told.
pub(super) struct Admitted {
    pub(super) pool: Arc<Pool>,
    pub(super) welcome: Arc<Welcome>,
    pub(super) message_len_max: u32,
    pub(super) cancel: Registered,
    pub(super) key: CancelKey,
}

impl Admitted {
    /// Greets the client, which has a session from then on. Cancel safe.
    pub(super) async fn begin(
        self,
        client: Stream,
        startup: &StartupParameters,
        shared: &Shared,
    ) -> Session {
        let Self {
            pool,
            welcome,
            message_len_max,
            cancel,
            key,
        } = self;
        let config = shared.config();
        let interner = &shared.pools.commons().interner;
        let mut wishes = welcome.usual().clone();
        apply(startup, &config, &mut wishes);
        if config.settings.application_name_add_host {
            add_host(startup, cancel.holder.card.address, &mut wishes);
        }
        let greeting = greeting(&welcome, &wishes, &key);
        let tenure = pool.settings().mode.into();
        let queries = if config.settings.disable_pqexec {
            Queries::Refused
        } else {
            Queries::Allowed
        };
        let wishes = welcome.intern(wishes, interner);
        let mut session = Session::new(Beginning {
            client,
            pool,
            cancel,
            wishes,
            message_len_max,
            queries,
            tenure,
        });
        poll_fn(|cx| {
            session.greet(cx, &greeting);
            Poll::Ready(())
        })
        .await;
        session
    }
}

/// What the client says of itself, put into effect: what stands in `options` first, as in
/// PostgreSQL.
fn apply(startup: &StartupParameters, config: &Config, wishes: &mut Tracked) {
    let ignored = &config.settings.ignore_startup_parameters;
    let options = startup.get(OPTIONS);
    let options = options.filter(|_| !ignored.contains_ignoring_case(OPTIONS));
    // What cannot be read was refused before.
    let options = options.and_then(|text| options::options(text).ok());
    let options = options.unwrap_or_default();
    for (name, value) in options.iter().chain(&startup.parameters) {
        wishes.set(name, value);
    }
}

/// `application_name_add_host`: the name that servers see says where the client comes from.
fn add_host(startup: &StartupParameters, address: ClientAddress, wishes: &mut Tracked) {
    const NAME: &str = "application_name";
    let own = startup.get(NAME).unwrap_or("app");
    wishes.set(NAME, &format!("{own} - {address}"));
}

/// AuthenticationOk and everything that follows up to the first ReadyForQuery. What a server said
/// goes on as it was, but for the parameters that are the client's own.
fn greeting(welcome: &Welcome, wishes: &Tracked, key: &CancelKey) -> BytesMut {
    let mut out = BytesMut::with_capacity(GREETING_LEN);
    authentication_ok(&mut out);
    welcome.report(wishes, &mut out);
    backend_key_data(&mut out, key.process, &key.key);
    ready_for_query(&mut out, TransactionStatus::Idle);
    out
}
