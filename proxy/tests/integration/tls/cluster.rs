//! A PostgreSQL that speaks TLS.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::Authority;
use crate::cluster::Cluster;

/// Who gets in how: `tls_only` and `cert_only` over TLS alone, `scram` with a password, the rest
/// either way.
const HBA: &str = "\
local     all all                    trust
hostssl   all tls_only  127.0.0.1/32 trust
hostssl   all cert_only 127.0.0.1/32 cert
hostssl   all scram     127.0.0.1/32 scram-sha-256
hostnossl all tls_only,cert_only,scram 127.0.0.1/32 reject
host      all all       127.0.0.1/32 trust
";

/// The password of role `scram`.
pub(super) const PASSWORD: &str = "geheim";

/// A cluster with TLS, and the folder with the certificates.
pub(super) struct Secure {
    pub(super) cluster: Cluster,
    pub(super) folder: PathBuf,
    pub(super) authority: Authority,
}

impl Secure {
    /// The one that the tests of this room share.
    pub(super) fn shared() -> &'static Self {
        static SHARED: OnceLock<Secure> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        let cluster = Cluster::start();
        let folder = cluster.folder().to_owned();
        let authority = Authority::new("the authority");
        authority.write(&folder, "ca");
        Authority::new("another authority").write(&folder, "other-ca");
        authority.vouch(&folder, "server", "postgres", &["localhost"]);
        authority.vouch(&folder, "pooler", "pooler", &["localhost"]);
        for user in ["cert_only", "login_cert"] {
            authority.vouch(&folder, user, user, &[]);
        }
        for (key, file) in [
            ("ssl_ca_file", "ca.crt"),
            ("ssl_cert_file", "server.crt"),
            ("ssl_key_file", "server.key"),
        ] {
            let path = folder.join(file);
            cluster.sql(&format!("ALTER SYSTEM SET {key} = '{}'", path.display()));
        }
        cluster.sql("ALTER SYSTEM SET ssl = on");
        for role in ["plain", "tls_only", "cert_only", "login_cert"] {
            cluster.sql(&format!("CREATE ROLE {role} LOGIN"));
        }
        cluster.sql(&format!("CREATE ROLE scram LOGIN PASSWORD '{PASSWORD}'"));
        fs::write(folder.join("data/pg_hba.conf"), HBA).expect("write pg_hba.conf");
        cluster.sql("SELECT pg_reload_conf()");
        crate::patience::wait_until("TLS", || cluster.sql("SHOW ssl") == ["on"]);
        Self {
            cluster,
            folder,
            authority,
        }
    }
}
