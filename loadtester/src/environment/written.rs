//! A pooler's files, written and ready for whoever starts it: a process or a container.

use std::{
    path::{Path, PathBuf},
    thread,
};

use poolproof_reports::record::{ConfigFile, TargetInfo};
use poolproof_scenarios::{
    TargetFile,
    pool::PoolSettings,
    target::{Rendered, Values, Version},
};

use super::{
    EnvironmentError,
    local::{Certificates, Site},
    sockets,
};
use crate::{engine::Endpoint, mask::mask};

/// What one instance of a pooler is called, where it listens and how it pools.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// Its name, also of its folder and its log.
    pub(super) name: &'static str,
    /// Address that it listens on.
    pub(super) listen: &'static str,
    /// Its port.
    pub(super) port: u16,
    /// The scenario's settings.
    pub(super) pool: &'a PoolSettings,
    /// What it says of its version.
    pub(super) version: &'a str,
    /// Whether its clients can reach a Unix socket in its folder.
    pub(super) reachable: bool,
    /// What it shows to clients, which speak TLS then.
    pub(super) certificates: Option<&'a Certificates>,
}

/// The PostgreSQL behind it.
#[derive(Debug)]
pub(super) struct Server<'a> {
    /// Where the pooler connects, and as whom.
    pub(super) endpoint: &'a Endpoint,
    /// What PostgreSQL stores of the password.
    pub(super) secret: &'a str,
}

/// One process of a pooler.
#[derive(Debug)]
pub(super) struct Process {
    /// Its name: the first has the pooler's own.
    pub(super) name: String,
    /// Its folder.
    pub(super) folder: String,
    /// Its arguments.
    pub(super) args: Vec<String>,
}

/// A pooler whose files are there.
#[derive(Debug)]
pub(super) struct Written {
    /// Its processes in order; they share the port.
    pub(super) processes: Vec<Process>,
    /// Folder of the Unix socket of the first one, where it has one.
    pub(super) sockets: Option<PathBuf>,
    /// Its files, secrets masked.
    files: Vec<ConfigFile>,
    secrets: [String; 2],
}

/// Makes the folders of a pooler's processes, and writes its files into them.
pub(super) fn write(
    file: &TargetFile,
    place: &Place<'_>,
    server: &Server<'_>,
    site: &Site,
) -> Result<Written, EnvironmentError> {
    let Place {
        name,
        listen,
        port,
        pool,
        version,
        reachable,
        certificates,
    } = *place;
    let Server { endpoint, secret } = *server;
    let cores = thread::available_parallelism()
        .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX));
    let count = file.processes.count(cores, pool.default_pool_size);
    let folders = folders(name, count, site)?;
    let password = endpoint.password.as_deref().unwrap_or_default();
    let version = Version::of(version);
    let fit = |folder: &String| sockets::fit(Path::new(folder));
    let unix_sockets = reachable && folders.iter().all(fit);
    let values = Values {
        unix_sockets,
        listen_host: listen,
        port,
        folders: &folders,
        server_host: &endpoint.host,
        server_port: endpoint.port,
        dbname: &endpoint.dbname,
        user: &endpoint.user,
        password,
        secret,
        pool,
        certificate: certificates.map(Certificates::files),
        cores,
        version: version.as_ref(),
    };
    let mut written = Written {
        processes: Vec::new(),
        sockets: folders.first().filter(|_| unix_sockets).map(PathBuf::from),
        files: Vec::new(),
        secrets: [secret.to_owned(), password.to_owned()],
    };
    for (index, folder) in folders.iter().enumerate() {
        let Rendered { files, args } = file.render(&values, index);
        for (file, text) in &files {
            site.file(&Path::new(folder).join(file), text)?;
        }
        if index == 0 {
            written.files = masked(&files, &written.secrets);
        }
        written.processes.push(Process {
            name: process_name(name, index),
            folder: folder.clone(),
            args,
        });
    }
    Ok(written)
}

impl Written {
    /// What the record says of it, but for its image. `first` is the command line of its first
    /// process.
    pub(super) fn info(&self, place: &Place<'_>, first: &str) -> TargetInfo {
        let line = match self.processes.len() {
            1 => first.to_owned(),
            count => format!("{count} × {first}"),
        };
        TargetInfo {
            name: place.name.to_owned(),
            version: place.version.to_owned(),
            started_as: mask(&line, &self.secrets),
            config_files: self.files.clone(),
            image: None,
        }
    }
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
