//! TLS with clients and with servers: modes, certificates, cancels, and words slipped in in clear.

mod authority;
mod cluster;
mod modes;
mod proofs;
mod session;
mod slipped;
mod storm;

use std::process::{Command, Output};

use authority::Authority;

use crate::auth::poolers::Target;
use crate::cluster::program;

/// What psql gets for `sql` with `tls`, words of a connection string; its complaint if it fails.
fn psql(target: &Target, tls: &str, sql: &str) -> String {
    let output = psql_output(target, tls, sql);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        text(&output.stdout)
    } else {
        format!("error: {}", text(&output.stderr))
    }
}

fn psql_output(target: &Target, tls: &str, sql: &str) -> Output {
    psql_command(target, tls, sql).output().expect("run psql")
}

fn psql_command(target: &Target, tls: &str, sql: &str) -> Command {
    let Target {
        address,
        user,
        database,
    } = target;
    let dsn = format!(
        "host=localhost hostaddr={} port={} user={user} dbname={database} {tls}",
        address.ip(),
        address.port()
    );
    let mut command = Command::new(program("psql"));
    command.args(["--no-psqlrc", "-qAtX", "-w", "-c", sql, &dsn]);
    // Nothing but what the test says: no certificates of whoever runs it.
    command.env("HOME", "/nonexistent");
    command
}
