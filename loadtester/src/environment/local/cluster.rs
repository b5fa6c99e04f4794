//! A PostgreSQL cluster that lives as long as the run.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::signal::Signal;
use poolproof_reports::record::{ConfigFile, TargetInfo};
use poolproof_scenarios::target::CertificateFiles;
use rand::{RngExt, distr::Alphanumeric};

use super::{
    await_login,
    binaries::Postgres,
    certificates::Certificates,
    process::{Farewell, Launch, Process},
    site::Site,
};
use crate::{
    engine::{Endpoint, Stop, Tls},
    environment::{Blow, EnvironmentError, Target, login, sockets, wait},
};

/// Role and database of the load: an ordinary one, as an application has.
pub(in crate::environment) const ROLE: &str = "app";
/// The superuser that makes them.
pub(in crate::environment) const SUPERUSER: &str = "postgres";
/// Letters of a password: 24 × log2(62) is 142 bits.
const PASSWORD_CHARS: usize = 24;
/// Longest that `initdb` may take; half a second is usual.
const INITDB_LIMIT: Duration = Duration::from_secs(60);
/// Longest that the server may take from its start to the first login.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Least connections, and those kept beside the clients for the poolers' servers.
const CONNECTIONS_MIN: u32 = 500;
const CONNECTIONS_BESIDE_CLIENTS: u32 = 200;

/// A running cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    process: Process,
    endpoint: Endpoint,
    administrator: Endpoint,
    secret: String,
    version: String,
    settings: String,
    command: String,
    sockets: Option<PathBuf>,
}

impl Cluster {
    /// Makes a cluster below the site's folder, starts it and sets it up for the load.
    pub(super) fn start(
        programs: &Postgres,
        port: u16,
        clients_max: u32,
        certificates: Option<&Certificates>,
        site: &Site,
        stop: &Stop,
    ) -> Result<Self, EnvironmentError> {
        let data = site.folder("postgres")?;
        let superuser = endpoint(port, SUPERUSER, SUPERUSER);
        init(programs, &data, &superuser, site, stop)?;
        // Nobody but the servers' account may enter it, as is true of a pooler's folder.
        let sockets = sockets::fit(&data).then(|| data.clone());
        let certificate = certificates.map(Certificates::files);
        let settings = settings(port, clients_max, sockets.as_deref(), certificate);
        append(&data.join("postgresql.conf"), &settings)?;
        let launch = Launch {
            name: "PostgreSQL",
            program: programs.postgres.clone(),
            args: vec!["-D".into(), data.clone().into()],
            folder: data.clone(),
            log: site.path().join("postgres.log"),
            account: site.account.clone(),
            farewell: Farewell::Postgres,
        };
        let command = format!("{} -D {}", programs.postgres.display(), data.display());
        let mut process = [Process::start(launch, site.workdir.children())?];
        let version = await_login("PostgreSQL", &mut process, &superuser, START_LIMIT, stop)?;
        let [process] = process;
        let endpoint = endpoint(port, ROLE, ROLE);
        let secret = login::ask(&superuser, &set_up(&endpoint)).map_err(EnvironmentError::Setup)?;
        Ok(Self {
            process,
            administrator: Endpoint {
                dbname: endpoint.dbname.clone(),
                ..superuser
            },
            endpoint,
            secret,
            version,
            settings,
            command,
            sockets,
        })
    }

    /// What the server says of its version.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Where clients of the load connect.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The superuser, in the database of the load.
    pub(super) fn administrator(&self) -> &Endpoint {
        &self.administrator
    }

    /// What the server stores of the role's password: `SCRAM-SHA-256$…`.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// The postmaster.
    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Why it is gone, once it is.
    pub(super) fn ended(&mut self) -> Option<EnvironmentError> {
        self.process.ended()
    }

    /// Does to the server what a fault asks for.
    pub(super) fn strike(&mut self, blow: Blow) -> Result<(), EnvironmentError> {
        match blow {
            Blow::Stop => {
                self.process.leave();
                Ok(())
            }
            Blow::Kill => self.process.kill(),
            Blow::Start => self.process.start_again(),
            Blow::Freeze => self.process.signal_all(Signal::SIGSTOP),
            Blow::Thaw => self.process.signal_all(Signal::SIGCONT),
            Blow::Reload => self.process.signal(Signal::SIGHUP),
            Blow::Pause | Blow::Resume => Err(EnvironmentError::no_such_blow(blow, "PostgreSQL")),
        }
    }

    /// Waits until the server lets somebody in.
    pub(super) fn await_login(&mut self, stop: &Stop) -> Result<(), EnvironmentError> {
        let process = std::slice::from_mut(&mut self.process);
        await_login(
            "PostgreSQL",
            process,
            &self.administrator,
            START_LIMIT,
            stop,
        )
        .map(drop)
    }

    /// PostgreSQL itself as a target.
    /// `tls` is how its clients speak it.
    pub(super) fn target(&self, name: &str, tls: Option<Tls>) -> Target {
        let info = TargetInfo {
            name: name.to_owned(),
            version: format!("PostgreSQL {}", self.version),
            started_as: self.command.clone(),
            config_files: vec![ConfigFile {
                name: "postgresql.conf".to_owned(),
                text: self.settings.clone(),
            }],
            image: None,
        };
        let endpoint = Endpoint {
            tls,
            ..self.endpoint.clone()
        };
        Target::direct(info, endpoint, self.pid()).with_sockets(self.sockets.clone())
    }
}

/// A login on this machine with a new password.
pub(in crate::environment) fn endpoint(port: u16, user: &str, dbname: &str) -> Endpoint {
    let letters = rand::rng().sample_iter(Alphanumeric).take(PASSWORD_CHARS);
    Endpoint {
        host: "127.0.0.1".to_owned(),
        port,
        user: user.to_owned(),
        password: Some(letters.map(char::from).collect()),
        dbname: dbname.to_owned(),
        tls: None,
    }
}

/// Runs `initdb` and waits for its end.
fn init(
    programs: &Postgres,
    data: &Path,
    superuser: &Endpoint,
    site: &Site,
    stop: &Stop,
) -> Result<(), EnvironmentError> {
    let password_file = site.path().join("superuser");
    site.file(
        &password_file,
        superuser.password.as_deref().unwrap_or_default(),
    )?;
    let launch = Launch {
        name: "initdb",
        program: programs.initdb.clone(),
        args: vec![
            "--pgdata".into(),
            data.into(),
            format!("--username={}", superuser.user).into(),
            "--pwfile".into(),
            password_file.into(),
            "--auth=scram-sha-256".into(),
            "--encoding=UTF8".into(),
            "--locale=C".into(),
            "--no-sync".into(),
            "--no-instructions".into(),
        ],
        folder: data.to_owned(),
        log: site.path().join("initdb.log"),
        account: site.account.clone(),
        farewell: Farewell::ON_TERM,
    };
    let mut process = Process::start(launch, site.workdir.children())?;
    wait::until(INITDB_LIMIT, || {
        stop.is_stopped() || process.status().is_some()
    });
    if stop.is_stopped() {
        return Err(EnvironmentError::Interrupted);
    }
    match process.status() {
        Some(status) if status.success() => Ok(()),
        _ => Err(process.ended().unwrap_or_else(|| EnvironmentError::Ended {
            program: "initdb",
            status: format!("no result after {} s", INITDB_LIMIT.as_secs()),
            log: process.log_tail(),
        })),
    }
}

/// What differs from PostgreSQL's defaults. The cluster is thrown away, so nothing waits for the
/// disk: the disk is not what a comparison of poolers is about. A killed server still loses no
/// commit, as the kernel keeps what it was given.
fn settings(
    port: u16,
    clients_max: u32,
    sockets: Option<&Path>,
    certificate: Option<CertificateFiles<'_>>,
) -> String {
    let sockets = sockets.map(|folder| folder.display().to_string());
    let sockets = sockets.unwrap_or_default();
    let connections = connections(clients_max);
    let tls = certificate.map(|CertificateFiles { certificate, key }| {
        format!("ssl = on\nssl_cert_file = '{certificate}'\nssl_key_file = '{key}'\n")
    });
    let tls = tls.unwrap_or_default();
    format!(
        "listen_addresses = '127.0.0.1'\n\
         port = {port}\n\
         unix_socket_directories = '{sockets}'\n\
         max_connections = {connections}\n\
         fsync = off\n\
         full_page_writes = off\n\
         {tls}"
    )
}

/// `max_connections` for loads of so many clients.
pub(in crate::environment) fn connections(clients_max: u32) -> u32 {
    clients_max
        .saturating_add(CONNECTIONS_BESIDE_CLIENTS)
        .max(CONNECTIONS_MIN)
}

/// Later lines of the file win over earlier ones.
fn append(conf: &Path, settings: &str) -> Result<(), EnvironmentError> {
    use std::io::Write;
    fs::OpenOptions::new()
        .append(true)
        .open(conf)
        .and_then(|mut file| write!(file, "\n{settings}"))
        .map_err(EnvironmentError::io(format!("write {}", conf.display())))
}

/// Makes the role and the database of the load, and asks what the server stores of the password.
pub(in crate::environment) fn set_up(load: &Endpoint) -> [String; 3] {
    // The password is letters and digits, and the names are constants: nothing needs quoting.
    let password = load.password.as_deref().unwrap_or_default();
    let (role, dbname) = (&load.user, &load.dbname);
    [
        format!("CREATE ROLE {role} LOGIN CREATEDB PASSWORD '{password}'"),
        format!("CREATE DATABASE {dbname} OWNER {role}"),
        format!("SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_and_every_pool_finds_a_connection() {
        assert!(settings(5432, 50, None, None).contains("max_connections = 500\n"));
        assert!(settings(5432, 1_000, None, None).contains("max_connections = 1200\n"));
    }

    #[test]
    fn passwords_are_long_and_never_the_same() {
        let one = endpoint(1, ROLE, ROLE).password.expect("a password");
        assert_eq!(one.len(), PASSWORD_CHARS);
        assert_ne!(endpoint(1, ROLE, ROLE).password, Some(one));
    }
}
