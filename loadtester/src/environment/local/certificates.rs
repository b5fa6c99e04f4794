//! The certificate that servers of a run show: made for it, vouched for by an authority that is forgotten
//! at once, and true for this machine only.

use poolproof_scenarios::target::CertificateFiles;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::site::Site;
use crate::{engine::Tls, environment::EnvironmentError};

/// The names by which the load may call a server.
const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A certificate on disk, and what its clients need.
#[derive(Debug)]
pub(in crate::environment) struct Certificates {
    /// Paths of the certificate and its key.
    paths: [String; 2],
    tls: Tls,
}

impl Certificates {
    /// Makes an authority and a certificate, and writes the latter below the site's folder.
    pub(super) fn make(site: &Site) -> Result<Self, EnvironmentError> {
        let made = Made::new().map_err(|error| EnvironmentError::Certificate(error.to_string()))?;
        let tls = Tls::trusting(&made.authority);
        let tls = tls.map_err(|error| EnvironmentError::Certificate(error.to_string()))?;
        let (certificate, key) = (
            site.path().join("server.crt"),
            site.path().join("server.key"),
        );
        site.file(&certificate, &made.certificate)?;
        site.file(&key, &made.key)?;
        Ok(Self {
            paths: [certificate.display().to_string(), key.display().to_string()],
            tls,
        })
    }

    /// Where the servers find them.
    pub(in crate::environment) fn files(&self) -> CertificateFiles<'_> {
        let [certificate, key] = &self.paths;
        CertificateFiles { certificate, key }
    }

    /// What clients need.
    pub(super) fn tls(&self) -> &Tls {
        &self.tls
    }
}

/// In PEM.
struct Made {
    authority: String,
    certificate: String,
    key: String,
}

impl Made {
    fn new() -> Result<Self, rcgen::Error> {
        let mut authority = params("Poolproof authority of one run", &[])?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let authority_key = KeyPair::generate()?;
        let authority_pem = authority.self_signed(&authority_key)?.pem();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate()?;
        let certificate = params("localhost", &HOSTS)?.signed_by(&key, &issuer)?;
        Ok(Self {
            authority: authority_pem,
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}

fn params(name: &str, hosts: &[&str]) -> Result<CertificateParams, rcgen::Error> {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}
