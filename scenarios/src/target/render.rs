//! Placeholders to values: `${port}` in a file or an argument becomes the port.

use super::{Each, TargetFile, Version};
use crate::pool::PoolSettings;

/// What placeholders stand for.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    /// Address that the target listens on.
    pub listen_host: &'a str,
    /// Where the target's clients connect.
    pub port: u16,
    /// Folders of the target's processes, in order; their files are there.
    pub folders: &'a [String],
    /// Host of the PostgreSQL behind the target.
    pub server_host: &'a str,
    /// Its port.
    pub server_port: u16,
    /// Database of the load, on both sides.
    pub dbname: &'a str,
    /// Role of the load.
    pub user: &'a str,
    /// Its password.
    pub password: &'a str,
    /// What PostgreSQL stores of the password: `SCRAM-SHA-256$…`.
    pub secret: &'a str,
    /// Settings of the scenario.
    pub pool: &'a PoolSettings,
    /// Whether clients find a Unix socket in the folder of each process.
    pub unix_sockets: bool,
    /// Certificate of the target, where the scenario's clients speak TLS.
    pub certificate: Option<CertificateFiles<'a>>,
    /// Processors of the machine.
    pub cores: u32,
    /// Version of the target.
    pub version: Option<&'a Version>,
}

/// Where a target finds what it shows to clients that speak TLS.
#[derive(Clone, Copy, Debug)]
pub struct CertificateFiles<'a> {
    /// The certificate, in PEM.
    pub certificate: &'a str,
    /// Its private key, in PEM.
    pub key: &'a str,
}

/// A target's files and arguments, for one of its processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Name and text of each file, in order.
    pub files: Vec<(String, String)>,
    /// Arguments of the program.
    pub args: Vec<String>,
}

impl Values<'_> {
    /// Every placeholder's name.
    pub const NAMES: [&'static str; 21] = [
        "client_tls",
        "cores",
        "dbname",
        "default_pool_size",
        "folder",
        "index",
        "listen_host",
        "max_client_conn",
        "max_prepared_statements",
        "password",
        "pool_mode",
        "port",
        "processes",
        "query_wait_timeout",
        "query_wait_timeout_ms",
        "secret",
        "server_host",
        "server_port",
        "unix_socket_dir",
        "user",
        "worker_threads",
    ];

    /// Whether every placeholder of `text` has a value; the error is the name of one that has none.
    pub(super) fn check(text: &str) -> Result<(), String> {
        let unknown = |name: &&str| !Self::NAMES.contains(name);
        names(text)
            .find(unknown)
            .map_or(Ok(()), |name| Err(name.to_owned()))
    }

    /// The value of a placeholder for process `index`, counted from 0.
    fn value(&self, name: &str, index: usize) -> Option<String> {
        let PoolSettings {
            pool_mode,
            default_pool_size,
            max_client_conn,
            query_wait_timeout,
            max_prepared_statements,
            worker_threads,
            databases: _,          // every pooler has an entry for all names
            client_tls_sslmode: _, // there is a certificate, or there is none
        } = self.pool;
        let processes = u32::try_from(self.folders.len()).unwrap_or(u32::MAX).max(1);
        Some(match name {
            // Whole lines of PgBouncer's, none in the clear.
            "client_tls" => self
                .certificate
                .map(|CertificateFiles { certificate, key }| {
                    format!(
                        "client_tls_sslmode = require\n\
                         client_tls_cert_file = {certificate}\n\
                         client_tls_key_file = {key}\n"
                    )
                })
                .unwrap_or_default(),
            "cores" => self.cores.to_string(),
            "dbname" => self.dbname.to_owned(),
            // All processes together have as many servers as any other target.
            "default_pool_size" => (default_pool_size / processes).max(1).to_string(),
            "folder" => self.folders.get(index)?.clone(),
            "index" => (index + 1).to_string(),
            "listen_host" => self.listen_host.to_owned(),
            "max_client_conn" => max_client_conn.to_string(),
            "max_prepared_statements" => line(name, *max_prepared_statements),
            "password" => self.password.to_owned(),
            "pool_mode" => pool_mode.to_string(),
            "port" => self.port.to_string(),
            "processes" => processes.to_string(),
            "query_wait_timeout" => query_wait_timeout.to_string(),
            "query_wait_timeout_ms" => u64::from(*query_wait_timeout)
                .saturating_mul(1_000)
                .to_string(),
            "secret" => self.secret.to_owned(),
            "server_host" => self.server_host.to_owned(),
            "server_port" => self.server_port.to_string(),
            // Without a folder PgBouncer opens none.
            "unix_socket_dir" if self.unix_sockets => self.folders.get(index)?.clone(),
            "unix_socket_dir" => String::new(),
            "user" => self.user.to_owned(),
            "worker_threads" => line(name, *worker_threads),
            _ => return None,
        })
    }

    fn fill(&self, text: &str, index: usize) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            filled += before;
            let Some((name, after)) = after.split_once('}') else {
                filled += "${";
                rest = after;
                continue;
            };
            // Names were checked when the file was read.
            filled += &self.value(name, index).unwrap_or_default();
            rest = after;
        }
        filled + rest
    }
}

/// A whole line of PgBouncer's file, as a key that is not set must not be there.
fn line(key: &str, value: Option<u32>) -> String {
    value
        .map(|value| format!("{key} = {value}\n"))
        .unwrap_or_default()
}

impl TargetFile {
    /// Files and arguments for process `index` of the target, counted from 0.
    #[must_use]
    pub fn render(&self, values: &Values<'_>, index: usize) -> Rendered {
        let mut files: Vec<(String, String)> = Vec::new();
        for piece in &self.pieces {
            // A program whose version nobody can read is taken for an old one.
            if let Some(since) = &piece.since
                && values.version.is_none_or(|version| version < since)
            {
                continue;
            }
            let text: String = match piece.each {
                Each::Once => values.fill(&piece.text, index),
                Each::Process => (0..values.folders.len())
                    .map(|process| values.fill(&piece.text, process))
                    .collect(),
            };
            match files.iter_mut().find(|(name, _)| *name == piece.name) {
                Some((_, whole)) => *whole += &text,
                None => files.push((piece.name.clone(), text)),
            }
        }
        let args = self.args.iter().map(|arg| values.fill(arg, index));
        Rendered {
            args: args.collect(),
            files,
        }
    }
}

/// Names of the placeholders of a text.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split("${")
        .skip(1)
        .filter_map(|after| after.split_once('}').map(|(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::{Rendered, Values};
    use crate::{catalog::targets, pool::PoolSettings, target::Version};

    fn render(name: &str, version: &str, processes: usize, index: usize) -> Rendered {
        let folders: Vec<String> = (1..=processes).map(|n| format!("/run/{n}")).collect();
        let version = Version::of(version);
        let values = Values {
            listen_host: "127.0.0.1",
            port: 6432,
            folders: &folders,
            server_host: "127.0.0.1",
            server_port: 5432,
            dbname: "shop",
            user: "app",
            password: "sesame",
            secret: "SCRAM",
            unix_sockets: true,
            pool: &PoolSettings::default(),
            certificate: None,
            cores: 4,
            version: version.as_ref(),
        };
        targets::find(name).unwrap().render(&values, index)
    }

    #[test]
    fn every_name_has_a_value() {
        let values = Values {
            listen_host: "127.0.0.1",
            port: 1,
            folders: &["/run".to_owned()],
            server_host: "",
            server_port: 1,
            dbname: "",
            user: "",
            password: "",
            secret: "",
            unix_sockets: true,
            pool: &PoolSettings::default(),
            certificate: None,
            cores: 1,
            version: None,
        };
        for name in Values::NAMES {
            assert!(values.value(name, 0).is_some(), "{name}");
        }
    }

    #[test]
    fn our_pooler_reads_pgbouncers_file_and_a_key_of_its_own() {
        for version in ["x 1.18", "x 1.24"] {
            let ours = render("proxy", version, 1, 0);
            let theirs = render("pgbouncer", version, 1, 0);
            let [(_, ini), users] = &ours.files[..] else {
                panic!("expected two files");
            };
            let shared = ini.replace("circuit_breaker_timeout = 1\n", "");
            assert_ne!(&shared, ini, "the key that PgBouncer has not");
            assert_eq!((&shared, users), (&theirs.files[0].1, &theirs.files[1]));
        }
        let [(name, ini), (_, users)] = &render("pgbouncer", "PgBouncer 1.18.0", 1, 0).files[..]
        else {
            panic!("expected two files");
        };
        assert_eq!(name, "pgbouncer.ini");
        assert!(
            ini.contains("shop = host=127.0.0.1 port=5432 dbname=shop\n"),
            "{ini}"
        );
        assert!(ini.contains("default_pool_size = 20\n"), "{ini}");
        assert!(
            !ini.contains("max_prepared_statements"),
            "1.18 refuses the key: {ini}"
        );
        assert!(!ini.contains("sesame") && !ini.contains("${"), "{ini}");
        assert_eq!(users, "\"app\" \"SCRAM\"\n");
    }

    #[test]
    fn a_fleet_divides_the_pool_and_knows_its_peers() {
        let old = &render("pgbouncer-fleet", "PgBouncer 1.18.0", 2, 1).files[0].1;
        assert!(old.contains("default_pool_size = 10\n"), "{old}");
        assert!(!old.contains("peer"), "{old}");
        let new = &render("pgbouncer-fleet", "PgBouncer 1.24.1", 2, 1).files[0].1;
        let end = new.split_once("peer_id").expect("peers").1;
        assert_eq!(
            end,
            " = 2\n[peers]\n1 = host=/run/1 port=6432\n2 = host=/run/2 port=6432\n"
        );
    }

    #[test]
    fn arguments_are_filled_too() {
        assert_eq!(render("pgbouncer", "", 1, 0).args, ["/run/1/pgbouncer.ini"]);
    }
}
