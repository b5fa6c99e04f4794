//! Poolers in front of the cluster, each as its file describes it.

use std::{ffi::OsString, path::Path, thread};

use nix::sys::signal::Signal as SystemSignal;
use poolproof_reports::record::{ConfigFile, TargetInfo};
use poolproof_scenarios::{
    TargetFile,
    pool::PoolSettings,
    target::{Rendered, Signal, Values, Version},
};

use super::{
    await_login,
    binaries::Program,
    cluster::Cluster,
    process::{Farewell, Launch, Process},
    site::Site,
};
use crate::{
    engine::{Endpoint, Stop},
    environment::{EnvironmentError, Target},
    mask::mask,
};

/// What one instance of a pooler is called, where it listens and how it pools.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// Its name, also of its folder and its log.
    pub(super) name: &'static str,
    /// Its port on 127.0.0.1.
    pub(super) port: u16,
    /// The scenario's settings.
    pub(super) pool: &'a PoolSettings,
}

/// Writes the configuration, starts every process of the pooler and waits until a client can log in
/// through it.
pub(super) fn start(
    file: &'static TargetFile,
    program: &Program,
    place: &Place<'_>,
    cluster: &Cluster,
    site: &Site,
    stop: &Stop,
) -> Result<Target, EnvironmentError> {
    let Place { name, port, pool } = *place;
    let cores = thread::available_parallelism()
        .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX));
    let count = file.processes.count(cores, pool.default_pool_size);
    let folders = folders(name, count, site)?;
    let server = cluster.endpoint();
    let password = server.password.as_deref().unwrap_or_default();
    let version = Version::of(&program.version);
    let values = Values {
        port,
        folders: &folders,
        server_host: &server.host,
        server_port: server.port,
        dbname: &server.dbname,
        user: &server.user,
        password,
        secret: cluster.secret(),
        pool,
        cores,
        version: version.as_ref(),
    };
    let endpoint = Endpoint {
        port,
        ..server.clone()
    };
    let secrets = [cluster.secret().to_owned(), password.to_owned()];
    let mut info = TargetInfo {
        name: name.to_owned(),
        version: program.version.clone(),
        started_as: String::new(),
        config_files: Vec::new(),
        image: None,
    };
    let mut processes = Vec::new();
    for (index, folder) in folders.iter().enumerate() {
        let Rendered { files, args } = file.render(&values, index);
        for (file, text) in &files {
            site.file(&Path::new(folder).join(file), text)?;
        }
        if index == 0 {
            info.started_as = mask(&in_words(&program.path, &args, count), &secrets);
            info.config_files = masked(&files, &secrets);
        }
        let launch = Launch {
            name,
            program: &program.path,
            args: args.into_iter().map(OsString::from).collect(),
            folder: Path::new(folder),
            log: site
                .path()
                .join(format!("{}.log", process_name(name, index))),
            account: &site.account,
            farewell: Farewell::Pooler(signal(file.stop)),
        };
        processes.push(Process::start(launch, site.workdir.children())?);
    }
    await_login(name, &mut processes, &endpoint, file.ready_within, stop)?;
    Ok(Target::pooler(info, endpoint, processes, cluster.pid()))
}

/// A folder for each process.
fn folders(name: &str, count: u32, site: &Site) -> Result<Vec<String>, EnvironmentError> {
    let folder = |index| {
        let folder = site.folder(&process_name(name, index))?;
        Ok(folder.display().to_string())
    };
    (0..count as usize).map(folder).collect()
}

/// The first process has the target's own name.
fn process_name(name: &str, index: usize) -> String {
    match index {
        0 => name.to_owned(),
        _ => format!("{name}.{}", index + 1),
    }
}

fn masked(files: &[(String, String)], secrets: &[String]) -> Vec<ConfigFile> {
    let file = |(name, text): &(String, String)| ConfigFile {
        name: name.clone(),
        text: mask(text, secrets),
    };
    files.iter().map(file).collect()
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

fn in_words(program: &Path, args: &[String], count: u32) -> String {
    let words = std::iter::once(program.to_string_lossy().into_owned()).chain(args.iter().cloned());
    let line = words.collect::<Vec<_>>().join(" ");
    match count {
        1 => line,
        _ => format!("{count} × {line}"),
    }
}
