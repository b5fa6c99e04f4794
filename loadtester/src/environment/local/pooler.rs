//! Poolers in front of the cluster, all from one `pgbouncer.ini`.

use std::{ffi::OsString, path::Path, time::Duration};

use poolproof_reports::record::{ConfigFile, TargetInfo};
use poolproof_scenarios::pool::{PoolMode, PoolSettings};

use super::{
    await_login,
    binaries::PgBouncer,
    cluster::Cluster,
    process::{Farewell, Launch, Process},
    site::Site,
};
use crate::{
    engine::{Endpoint, Stop},
    environment::{EnvironmentError, Target},
    mask::mask,
    targets::CatalogTarget,
};

/// Longest that a pooler may take from its start to the first login.
const START_LIMIT: Duration = Duration::from_secs(10);
/// Name of the configuration file.
const INI: &str = "pgbouncer.ini";
/// Name of the file with the users.
const USERLIST: &str = "userlist.txt";

/// A program that takes PgBouncer's configuration.
#[derive(Debug)]
pub(super) struct Kind<'a> {
    /// Which target it is.
    pub(super) target: CatalogTarget,
    program: &'a Path,
    /// What stands before the configuration file on its command line.
    args: &'static [&'static str],
    version: String,
}

impl<'a> Kind<'a> {
    /// Our own pooler, which is this very program.
    pub(super) fn proxy(program: &'a Path, version: String) -> Self {
        Self {
            target: CatalogTarget::Proxy,
            program,
            args: &["proxy"],
            version,
        }
    }

    /// Stock PgBouncer.
    pub(super) fn pgbouncer(found: &'a PgBouncer) -> Self {
        Self {
            target: CatalogTarget::PgBouncer,
            program: &found.program,
            args: &[],
            version: found.version.clone(),
        }
    }
}

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

/// Writes the configuration, starts the pooler and waits until a client can log in through it.
pub(super) fn start(
    kind: &Kind<'_>,
    place: &Place<'_>,
    cluster: &Cluster,
    site: &Site,
    stop: &Stop,
) -> Result<Target, EnvironmentError> {
    let Kind {
        target: _,
        program,
        args,
        version,
    } = kind;
    let Place { name, port, pool } = *place;
    let folder = site.folder(name)?;
    let (ini_path, userlist_path) = (folder.join(INI), folder.join(USERLIST));
    let server = cluster.endpoint();
    let (ini, userlist) = (
        ini(port, pool, server, &userlist_path),
        userlist(&server.user, cluster.secret()),
    );
    site.file(&ini_path, &ini)?;
    site.file(&userlist_path, &userlist)?;
    let args: Vec<OsString> = args
        .iter()
        .map(Into::into)
        .chain([ini_path.into_os_string()])
        .collect();
    let started_as = in_words(program, &args);
    let launch = Launch {
        name,
        program,
        args,
        folder: &folder,
        log: site.path().join(format!("{name}.log")),
        account: &site.account,
        farewell: Farewell::Pooler,
    };
    let mut process = Process::start(launch, site.workdir.children())?;
    let endpoint = Endpoint {
        port,
        ..server.clone()
    };
    await_login(name, &mut process, &endpoint, START_LIMIT, stop)?;
    let secrets = [cluster.secret().to_owned()];
    let file = |name: &str, text: &str| ConfigFile {
        name: name.to_owned(),
        text: mask(text, &secrets),
    };
    let info = TargetInfo {
        name: name.to_owned(),
        version: version.clone(),
        started_as,
        config_files: vec![file(INI, &ini), file(USERLIST, &userlist)],
        image: None,
    };
    Ok(Target::pooler(info, endpoint, process, cluster.pid()))
}

/// The configuration, the same for every pooler but for the port and the folder. It holds only keys
/// that PgBouncer knows since 1.18, since an older one refuses what it does not know.
fn ini(port: u16, pool: &PoolSettings, server: &Endpoint, userlist: &Path) -> String {
    let PoolSettings {
        pool_mode,
        default_pool_size,
        max_client_conn,
        query_wait_timeout,
    } = pool;
    let pool_mode = match pool_mode {
        PoolMode::Session => "session",
        PoolMode::Transaction => "transaction",
        PoolMode::Statement => "statement",
    };
    format!(
        "[databases]\n\
         {dbname} = host={host} port={server_port} dbname={dbname}\n\
         \n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = scram-sha-256\n\
         auth_file = {userlist}\n\
         admin_users = {user}\n\
         ignore_startup_parameters = extra_float_digits\n\
         pool_mode = {pool_mode}\n\
         default_pool_size = {default_pool_size}\n\
         max_client_conn = {max_client_conn}\n\
         query_wait_timeout = {query_wait_timeout}\n\
         log_connections = 0\n\
         log_disconnections = 0\n",
        dbname = server.dbname,
        host = server.host,
        server_port = server.port,
        user = server.user,
        userlist = userlist.display(),
    )
}

/// The user with what PostgreSQL itself stores of the password, as operators copy it. From a plain
/// password PgBouncer would derive a new secret with every login, which costs it milliseconds; with
/// this one both poolers pass the client's own proof on.
fn userlist(user: &str, secret: &str) -> String {
    format!("\"{user}\" \"{secret}\"\n")
}

fn in_words(program: &Path, args: &[OsString]) -> String {
    let args = args.iter().map(|arg| arg.to_string_lossy());
    std::iter::once(program.to_string_lossy())
        .chain(args)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Endpoint {
        Endpoint {
            host: "127.0.0.1".into(),
            port: 5432,
            user: "app".into(),
            password: Some("sesame".into()),
            dbname: "app".into(),
        }
    }

    #[test]
    fn poolers_differ_in_port_and_folder_alone() {
        let pool = PoolSettings::default();
        let one = ini(6432, &pool, &server(), Path::new("/a/userlist.txt"));
        let other = ini(6433, &pool, &server(), Path::new("/b/userlist.txt"));
        let differing: Vec<&str> = one
            .lines()
            .zip(other.lines())
            .filter(|(one, other)| one != other)
            .map(|(one, _)| one)
            .collect();
        assert_eq!(
            differing,
            ["listen_port = 6432", "auth_file = /a/userlist.txt"]
        );
    }

    #[test]
    fn the_configuration_itself_holds_no_password() {
        let text = ini(6432, &PoolSettings::default(), &server(), Path::new("/a"));
        assert!(!text.contains("sesame"));
        assert_eq!(userlist("app", "SCRAM"), "\"app\" \"SCRAM\"\n");
    }
}
