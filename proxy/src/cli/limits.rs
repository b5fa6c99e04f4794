//! How many files the process may open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the limit as far as the system lets us, and warns where it stays below what
/// `max_client_conn` clients need for themselves alone.
pub(super) fn raise_open_files(max_client_conn: u32) {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return;
    };
    let raised = setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok();
    let limit = if raised { hard } else { soft };
    tracing::info!(
        "kernel file descriptor limit: {limit} (hard: {hard}); max_client_conn: {max_client_conn}"
    );
    if limit < u64::from(max_client_conn) {
        tracing::warn!(
            "the limit of {limit} open files is below max_client_conn: raise it (ulimit -n, \
             LimitNOFILE= of systemd), or the last clients cannot connect"
        );
    }
}
