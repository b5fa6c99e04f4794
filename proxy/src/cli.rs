//! The program: from its arguments to its exit code.
//!
//! `poolproof-proxy` and `poolproof proxy` are both this.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use clap::error::ErrorKind;

use crate::config::Config;
use crate::handover::take::{Predecessor, take};
use crate::listen::{Handed, ListenError};
use crate::log::{self, Console, Sink};
use crate::running::{Opened, Running, StartError, open, start_on};

mod args;
mod check;
mod failure;
mod limits;
mod pidfile;
mod signals;
mod systemd;
mod user;

pub use args::Args;
pub use failure::Failure;

/// The arguments or the configuration are wrong.
pub const EXIT_USAGE: u8 = 2;
/// The machine does not give what the configuration asks for: a port, a file, a user.
pub const EXIT_ENVIRONMENT: u8 = 3;

/// Runs the pooler until it is told to stop. The first of `args` is the program's name.
///
/// Must be called before the process has started a thread, as `-d` forks and `-u` changes the
/// user.
pub fn run<I>(args: I) -> ExitCode
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    match Args::try_parse_from(args) {
        Ok(args) => match serve(&args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                complain(&failure.to_string());
                ExitCode::from(failure.exit_code())
            }
        },
        Err(answer) => {
            // Help and version are answers and go to standard output, all else is an error.
            let _ = answer.print();
            match answer.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(EXIT_USAGE),
            }
        }
    }
}

fn serve(args: &Args) -> Result<(), Failure> {
    let config = Config::load(&args.config)?;
    let settings = config.settings.clone();
    user::assume(args.user.as_deref().or(settings.user.as_deref()))?;
    if args.check {
        return check::check(&config);
    }
    let (handed, predecessor) = sockets(args, &config)?;
    if args.daemon {
        check_daemon(&config, claim(predecessor.as_ref()))?;
    }
    let console = if args.quiet || args.daemon {
        Console::Quiet
    } else {
        Console::Stderr
    };
    let sink = log::start(&settings, console, args.verbose)?;
    signals::warn_of(&config);
    let result = open_and_serve(args, config, handed, predecessor, &sink);
    if let Err(failure) = &result
        && console == Console::Quiet
    {
        // Nobody reads standard error of a daemon; its log is where operators look.
        tracing::error!("{failure}");
    }
    result
}

/// What others have opened for us: systemd, or the pooler that `-R` takes over from.
fn sockets(args: &Args, config: &Config) -> Result<(Handed, Option<Predecessor>), Failure> {
    if args.reboot {
        return Ok(match take(&config.settings)? {
            Some((handed, predecessor)) => (handed, Some(predecessor)),
            None => {
                complain("no running pooler found: starting as without -R");
                (Handed::default(), None)
            }
        });
    }
    let handed = Handed::from_systemd().map_err(ListenError::Handed);
    Ok((handed.map_err(StartError::Listen)?, None))
}

fn claim(predecessor: Option<&Predecessor>) -> pidfile::Claim {
    match predecessor {
        None => pidfile::Claim::Free,
        Some(_) => pidfile::Claim::TakenOver,
    }
}

/// The sockets on which clients come.
enum Doors {
    /// They listen already: whoever goes to the background finds out first whether they can, while
    /// there is still somebody to tell.
    Open(Opened),
    /// They are to be opened, or were by others.
    Closed(Handed),
}

fn open_and_serve(
    args: &Args,
    config: Config,
    handed: Handed,
    predecessor: Option<Predecessor>,
    sink: &Arc<Sink>,
) -> Result<(), Failure> {
    limits::raise_open_files(config.settings.max_client_conn);
    let doors = if args.daemon {
        Doors::Open(go_daemon(&config, handed)?)
    } else {
        Doors::Closed(handed)
    };
    serve_until_stopped(config, doors, predecessor, sink)
}

/// Goes on in the background; the process that was started ends here.
fn go_daemon(config: &Config, handed: Handed) -> Result<Opened, Failure> {
    let opened = open(config, handed)?;
    // The working directory stays, as paths in the configuration are relative to it.
    nix::unistd::daemon(true, false).map_err(Failure::Daemon)?;
    Ok(opened)
}

fn serve_until_stopped(
    config: Config,
    doors: Doors,
    predecessor: Option<Predecessor>,
    sink: &Arc<Sink>,
) -> Result<(), Failure> {
    let settings = config.settings.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let _guard = runtime.enter();
    // Before the first client can come: a signal without its handler would end the process.
    let signals = signals::Signals::new()?;
    let _pidfile = settings
        .pidfile
        .as_deref()
        .map(|path| pidfile::Pidfile::create(path, claim(predecessor.as_ref())))
        .transpose()?;
    let opened = match doors {
        Doors::Open(opened) => opened,
        Doors::Closed(handed) => open(&config, handed)?,
    };
    let cancels = predecessor.as_ref().and_then(|one| one.cancels.clone());
    let running = Arc::new(start_on(config, opened, cancels)?);
    running.log_to(sink);
    announce(&running);
    if let Some(predecessor) = predecessor {
        dismiss(predecessor);
    }
    systemd::tell(systemd::Standing::Ready);
    Ok(runtime.block_on(signals.obey(running, sink))?)
}

/// Logs where the pooler can be reached.
fn announce(running: &Running) {
    let clients = running.local_addrs().iter();
    let clients = clients.map(|address| format!("listening on {address}"));
    let unix = running.unix_paths().iter();
    let unix = unix.map(|path| format!("listening on unix:{path}"));
    let metrics = running.metrics_addrs().iter();
    let metrics = metrics.map(|address| format!("metrics on http://{address}/metrics"));
    let up = format!("process up: poolproof-proxy {}", env!("CARGO_PKG_VERSION"));
    for words in clients.chain(unix).chain(metrics).chain([up]) {
        tracing::info!("{words}");
    }
}

/// Tells the pooler that we took over from to end with its clients.
fn dismiss(predecessor: Predecessor) {
    match predecessor.dismiss() {
        Ok(()) => tracing::info!("took over from the running pooler, which ends with its clients"),
        // It then goes on beside us, and nobody is lost.
        Err(error) => tracing::error!("the pooler that ran does not end: {error}"),
    }
}

/// Refuses what a daemon cannot do without.
fn check_daemon(config: &Config, claim: pidfile::Claim) -> Result<(), Failure> {
    let Some(pidfile) = &config.settings.pidfile else {
        return Err(Failure::DaemonWithoutPidfile);
    };
    pidfile::Pidfile::check(pidfile, claim)?;
    check::can_create_pidfile(pidfile)?;
    if config.settings.logfile.is_none() {
        complain("WARNING: logfile is not set, so that nobody will see the log of the daemon");
    }
    Ok(())
}

/// Says something to whoever started the program, where the log does not run yet.
fn complain(words: &str) {
    let mut stderr = std::io::stderr().lock();
    for line in words.lines() {
        // Nothing can be done about a closed standard error.
        let _ = writeln!(stderr, "poolproof-proxy: {line}");
    }
}

#[cfg(test)]
mod tests;
