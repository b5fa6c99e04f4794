//! `poolproof record`: stands between an application and PostgreSQL, and writes what it says as a
//! session script.

use std::{path::Path, time::Duration};

use poolproof_reports::format::counted;
use tokio::time::sleep;

use super::{folder, measure, write};
use crate::{
    cli::{OutputFlags, RecordArgs},
    engine::Stop,
    exit::Exit,
    output,
    problem::Problem,
    record::{Literals, Relay, RelayError, Tape},
};

/// How often it looks whether it is to end.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// Records until it is interrupted, which is how a recording ends.
pub(super) fn run(args: &RecordArgs, flags: OutputFlags) -> Result<Exit, Problem> {
    let interrupts = measure::watch()?;
    folder(&args.out)?;
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let path = args.out.join(format!("recorded-{now}.session"));
    let about = format!("recorded {now} in front of {}", args.upstream.endpoint);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::new(Exit::Environment, error, "Allow more open files."))?;
    runtime.block_on(record(args, flags, &about, &path, interrupts.stop()))
}

/// Not cancel safe: what was recorded since somebody left is not written.
async fn record(
    args: &RecordArgs,
    flags: OutputFlags,
    about: &str,
    path: &Path,
    stop: &Stop,
) -> Result<Exit, Problem> {
    let literals = match args.mask_literals {
        true => Literals::Masked,
        false => Literals::Kept,
    };
    let upstream = &args.upstream.endpoint;
    let upstream = (upstream.host.clone(), upstream.port);
    let relay = Relay::bind(args.listen, upstream, Tape::new(literals)).await;
    let relay = relay.map_err(|error| unlistened(&error))?;
    if !flags.quiet {
        let address = relay.address().unwrap_or(args.listen);
        output::tell(&format!(
            "recording what comes to {address}; Ctrl-C ends it"
        ));
    }
    let mut told_of_full = false;
    let ended = async {
        while !stop.is_stopped() {
            sleep(BETWEEN_LOOKS).await;
            if relay.tape().is_full() && !told_of_full {
                told_of_full = true;
                output::tell("the recording is full; what comes now is passed on and not kept");
            }
        }
    };
    let saves = async {
        loop {
            relay.somebody_left().await;
            if let Err(problem) = save(&relay, about, path) {
                return problem;
            }
        }
    };
    tokio::select! {
        () = relay.serve() => {}
        () = ended => {}
        problem = saves => return Err(problem),
    }
    save(&relay, about, path)?;
    let (clients, strangers) = {
        let tape = relay.tape();
        (tape.clients(), tape.strangers())
    };
    if clients == 0 {
        return Err(Problem::new(
            Exit::NoVerdict,
            "expected an application, nobody has logged in",
            "Let the application connect to the address of --listen, without TLS.",
        ));
    }
    let connections = connections(clients, strangers);
    output::print(&format!("{connections}: {}\n", path.display()))?;
    Ok(Exit::Ok)
}

fn connections(clients: usize, strangers: usize) -> String {
    let count = |number: usize| counted(number as u64, "connection", "connections");
    match strangers {
        0 => count(clients),
        _ => format!(
            "{} (and {} that never logged in, left out)",
            count(clients),
            count(strangers)
        ),
    }
}

fn save(relay: &Relay, about: &str, path: &Path) -> Result<(), Problem> {
    let session = {
        let tape = relay.tape();
        if tape.is_empty() {
            return Ok(());
        }
        tape.session(about)
    };
    write(path, &session.to_string())
}

fn unlistened(error: &RelayError) -> Problem {
    Problem::new(
        Exit::Environment,
        error,
        "Name an address of this machine and a free port with --listen.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_several() {
        assert_eq!(connections(1, 0), "1 connection");
        assert_eq!(
            connections(2, 1),
            "2 connections (and 1 connection that never logged in, left out)"
        );
    }
}
