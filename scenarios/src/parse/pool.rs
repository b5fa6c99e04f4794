//! `[pool]`.

use super::{
    Problems,
    section::Section,
    value::{count, one_of},
};
use crate::pool::{ClientTls, PoolMode, PoolSettings};

const MODES: [(&str, PoolMode); 3] = [
    ("session", PoolMode::Session),
    ("transaction", PoolMode::Transaction),
    ("statement", PoolMode::Statement),
];

const SSLMODES: [(&str, ClientTls); 2] = [
    ("disable", ClientTls::Disable),
    ("require", ClientTls::Require),
];

/// Most servers or clients that a pool may be given.
const SIZE_MAX: u32 = 100_000;
/// As many as our pooler starts at most.
const THREADS_MAX: u32 = 1_024;
/// Most databases that clients are spread over.
const DATABASES_MAX: u32 = 1_000;
/// Longest wait for a server: a day, in seconds.
const WAIT_MAX: u32 = 86_400;

pub(super) fn read(mut section: Section<'_>, problems: &mut Problems<'_>) -> PoolSettings {
    let default = PoolSettings::default();
    let settings = PoolSettings {
        pool_mode: section
            .optional("pool_mode", problems, one_of(&MODES))
            .unwrap_or(default.pool_mode),
        default_pool_size: section
            .optional("default_pool_size", problems, count(1..=SIZE_MAX))
            .unwrap_or(default.default_pool_size),
        max_client_conn: section
            .optional("max_client_conn", problems, count(1..=SIZE_MAX))
            .unwrap_or(default.max_client_conn),
        query_wait_timeout: section
            .optional("query_wait_timeout", problems, count(0..=WAIT_MAX))
            .unwrap_or(default.query_wait_timeout),
        max_prepared_statements: section.optional(
            "max_prepared_statements",
            problems,
            count(1..=SIZE_MAX),
        ),
        worker_threads: section.optional("worker_threads", problems, count(1..=THREADS_MAX)),
        databases: section
            .optional("databases", problems, count(1..=DATABASES_MAX))
            .unwrap_or(default.databases),
        client_tls_sslmode: section
            .optional("client_tls_sslmode", problems, one_of(&SSLMODES))
            .unwrap_or(default.client_tls_sslmode),
    };
    section.end(problems);
    settings
}
