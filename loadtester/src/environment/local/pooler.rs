//! Poolers in front of the cluster, each as its file describes it.

use std::{ffi::OsString, path::Path};

use nix::sys::signal::Signal as SystemSignal;
use poolproof_scenarios::{TargetFile, target::Signal};

use super::{
    await_login,
    cluster::Cluster,
    process::{Farewell, Launch, Process},
    site::Site,
};
use crate::{
    engine::{Endpoint, Stop},
    environment::{
        EnvironmentError, Target,
        written::{self, Place, Server},
    },
};

/// Writes the configuration, starts every process of the pooler and waits until a client can log in
/// through it.
pub(super) fn start(
    file: &'static TargetFile,
    program: &Path,
    place: &Place<'_>,
    cluster: &Cluster,
    site: &Site,
    stop: &Stop,
) -> Result<Target, EnvironmentError> {
    let server = Server {
        endpoint: cluster.endpoint(),
        secret: cluster.secret(),
    };
    let written = written::write(file, place, &server, site)?;
    let mut processes = Vec::new();
    let mut first = String::new();
    for process in &written.processes {
        if processes.is_empty() {
            first = in_words(program, &process.args);
        }
        let launch = Launch {
            name: place.name,
            program,
            args: process.args.iter().map(OsString::from).collect(),
            folder: Path::new(&process.folder),
            log: site.path().join(format!("{}.log", process.name)),
            account: &site.account,
            farewell: Farewell::Pooler(signal(file.stop)),
        };
        processes.push(Process::start(launch, site.workdir.children())?);
    }
    let endpoint = Endpoint {
        port: place.port,
        ..cluster.endpoint().clone()
    };
    await_login(
        place.name,
        &mut processes,
        &endpoint,
        file.ready_within,
        stop,
    )?;
    let info = written.info(place, &first);
    Ok(Target::pooler(info, endpoint, processes, cluster.pid()))
}

fn signal(signal: Signal) -> SystemSignal {
    match signal {
        Signal::Hup => SystemSignal::SIGHUP,
        Signal::Int => SystemSignal::SIGINT,
        Signal::Term => SystemSignal::SIGTERM,
        Signal::Quit => SystemSignal::SIGQUIT,
        Signal::Usr1 => SystemSignal::SIGUSR1,
        Signal::Usr2 => SystemSignal::SIGUSR2,
    }
}

fn in_words(program: &Path, args: &[String]) -> String {
    let words = std::iter::once(program.to_string_lossy().into_owned()).chain(args.iter().cloned());
    words.collect::<Vec<_>>().join(" ")
}
