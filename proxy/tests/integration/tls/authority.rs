//! Certificates for one test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::cluster::hand_over;

/// Somebody who vouches for others.
pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Writes the authority's own certificate to `NAME.crt` in `folder`.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> PathBuf {
        write(folder, &format!("{name}.crt"), &self.pem)
    }

    /// Writes a certificate for `common_name` and `hosts` to `NAME.crt` and its key to `NAME.key`.
    pub(crate) fn vouch(&self, folder: &Path, name: &str, common_name: &str, hosts: &[&str]) {
        let key = KeyPair::generate().expect("a key");
        let certificate = params(common_name, hosts).signed_by(&key, &self.issuer);
        let pem = certificate.expect("a certificate").pem();
        write(folder, &format!("{name}.crt"), &pem);
        write(folder, &format!("{name}.key"), &key.serialize_pem());
    }
}

fn params(common_name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut params = CertificateParams::new(hosts).expect("names of hosts");
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("write a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("chmod");
    hand_over(&path);
    path
}
