//! Poolers in front of the cluster, each as its file describes it.

use std::{ffi::OsString, path::Path};

use nix::sys::signal::Signal as SystemSignal;
use poolproof_scenarios::{TargetFile, target::Order};

use super::{
    await_login,
    cluster::Cluster,
    process::{Farewell, Launch, Process},
    site::Site,
};
use crate::{
    engine::{Endpoint, Stop},
    environment::{
        Blow, EnvironmentError, Target, login,
        signal::system_signal,
        written::{self, Place, Server},
    },
};

/// Writes the configuration, starts every process of the pooler and waits until a client can log in
/// through it. It finds PostgreSQL, which is `cluster`, at `server`.
pub(super) fn start(
    file: &'static TargetFile,
    program: &Path,
    place: &Place<'_>,
    (cluster, server): (&Cluster, &Endpoint),
    site: &Site,
    stop: &Stop,
) -> Result<Target, EnvironmentError> {
    let server = Server {
        endpoint: server,
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
            program: program.to_owned(),
            args: process.args.iter().map(OsString::from).collect(),
            folder: process.folder.clone().into(),
            log: site.path().join(format!("{}.log", process.name)),
            account: site.account.clone(),
            farewell: Farewell::Pooler(system_signal(file.stop)),
        };
        processes.push(Process::start(launch, site.workdir.children())?);
    }
    let endpoint = Endpoint {
        port: place.port,
        tls: place.certificates.map(|shown| shown.tls().clone()),
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
    let fleet = Fleet { file, processes };
    // Other poolers have files in which no socket is named.
    let sockets = written.sockets.filter(|_| file.opens_unix_socket());
    Ok(Target::pooler(info, endpoint, fleet, cluster.pid()).with_sockets(sockets))
}

/// The running processes of a pooler.
#[derive(Debug)]
pub(in crate::environment) struct Fleet {
    file: &'static TargetFile,
    processes: Vec<Process>,
}

impl Fleet {
    /// Their process numbers.
    pub(in crate::environment) fn pids(&self) -> Vec<u32> {
        self.processes.iter().map(Process::pid).collect()
    }

    /// How the first one ended, once it has.
    pub(in crate::environment) fn ended(&mut self) -> Option<EnvironmentError> {
        self.processes.iter_mut().find_map(Process::ended)
    }

    /// Does to all of them what a fault asks for; `endpoint` is where clients connect.
    pub(in crate::environment) fn strike(
        &mut self,
        blow: Blow,
        endpoint: &Endpoint,
    ) -> Result<(), EnvironmentError> {
        let file = self.file;
        let leave = system_signal(file.restart.unwrap_or(file.stop));
        let mut all = |deal: &dyn Fn(&mut Process) -> Result<(), EnvironmentError>| {
            self.processes.iter_mut().try_for_each(deal)
        };
        let order = match blow {
            Blow::Stop => return all(&|process| process.leave_on(leave)),
            Blow::Kill => return all(&Process::kill),
            Blow::Start => return all(&Process::start_again),
            Blow::Freeze => return all(&|process| process.signal_all(SystemSignal::SIGSTOP)),
            Blow::Thaw => return all(&|process| process.signal_all(SystemSignal::SIGCONT)),
            Blow::Reload => &file.reload,
            Blow::Pause => &file.pause,
            Blow::Resume => &file.resume,
        };
        match order {
            Some(Order::Signal(which)) => all(&|process| process.signal(system_signal(*which))),
            Some(Order::Console(command)) => self.say(command, endpoint),
            None => Err(EnvironmentError::no_such_blow(blow, &file.name)),
        }
    }

    /// Gives a command on the admin console.
    fn say(&self, command: &str, endpoint: &Endpoint) -> Result<(), EnvironmentError> {
        let console = Endpoint {
            dbname: self.file.console.clone().unwrap_or_default(),
            ..endpoint.clone()
        };
        login::order(&console, command).map_err(|reason| EnvironmentError::Console {
            name: self.file.name.clone(),
            command: command.to_owned(),
            reason,
        })
    }

    /// Waits until the pooler lets somebody in.
    pub(in crate::environment) fn await_login(
        &mut self,
        endpoint: &Endpoint,
        stop: &Stop,
    ) -> Result<(), EnvironmentError> {
        let Self { file, processes } = self;
        await_login(&file.name, processes, endpoint, file.ready_within, stop).map(drop)
    }
}

fn in_words(program: &Path, args: &[String]) -> String {
    let words = std::iter::once(program.to_string_lossy().into_owned()).chain(args.iter().cloned());
    words.collect::<Vec<_>>().join(" ")
}
