//! Certificates and private keys in PEM files.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls;

use super::keys::{Remark, Side};

/// A certificate with those that lead to its authority, and its private key.
pub(super) type Proof = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// All certificates of a file, at least one.
fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Remark> {
    let fault = |words: String| Remark::new(key, format!("{key} {}: {words}", path.display()));
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fault(format!("expected certificates in PEM: {error}")))?;
    if found.is_empty() {
        return Err(fault("expected a certificate in PEM, got none".to_owned()));
    }
    Ok(found)
}

/// Our own certificate, if the settings name one; certificate and key go together.
pub(super) fn proof(side: &Side<'_>) -> Result<Option<Proof>, Remark> {
    let keys = side.keys;
    match (side.cert_file, side.key_file) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            let chain = certificates(keys.cert_file, certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| {
                let (name, path) = (keys.key_file, key.display());
                let words = "expected a private key in PEM, without a password";
                Remark::new(name, format!("{name} {path}: {words}: {error}"))
            })?;
            Ok(Some((chain, key)))
        }
        (Some(_), None) => Err(needs(keys.cert_file, keys.key_file)),
        (None, Some(_)) => Err(needs(keys.key_file, keys.cert_file)),
    }
}

/// The authorities that are trusted, and the certificates themselves.
pub(super) struct Authorities {
    pub(super) roots: RootCertStore,
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

/// The authorities that the settings name, if they do.
pub(super) fn authorities(side: &Side<'_>) -> Result<Option<Authorities>, Remark> {
    let key = side.keys.ca_file;
    let Some(path) = side.ca_file else {
        return Ok(None);
    };
    let certificates = certificates(key, path)?;
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(|error| {
            let words = format!("{key} {}: not an authority: {error}", path.display());
            Remark::new(key, words)
        })?;
    }
    Ok(Some(Authorities {
        roots,
        certificates,
    }))
}

/// One key is set, or has a value, that means nothing without another.
pub(super) fn needs(key: &'static str, other: &'static str) -> Remark {
    Remark::new(key, format!("{key} needs {other}, which is not set"))
}
