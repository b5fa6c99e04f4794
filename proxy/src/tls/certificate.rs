//! What a certificate says: its common name, and its hash for channel binding.

use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_parser::prelude::{FromDer, X509Certificate};

/// The common name of the subject, if it has exactly one.
#[must_use]
pub fn common_name(certificate: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let mut names = certificate.subject().iter_common_name();
    let name = names.next()?.as_str().ok()?.to_owned();
    // With two of them it would be open which one was meant; and a name with a zero byte in it
    // reads differently to programs that stop there.
    (names.next().is_none() && !name.contains('\0')).then_some(name)
}

/// Whether a certificate without alternative names has `host` as its common name. A leading `*.`
/// stands for one label.
pub(super) fn common_name_fits(certificate: &[u8], host: &str) -> bool {
    let has_alternatives = X509Certificate::from_der(certificate)
        .is_ok_and(|(_, parsed)| !matches!(parsed.subject_alternative_name(), Ok(None)));
    let Some(name) = common_name(certificate).filter(|_| !has_alternatives) else {
        return false;
    };
    match (name.strip_prefix("*."), host.split_once('.')) {
        (Some(zone), Some((label, rest))) => !label.is_empty() && zone.eq_ignore_ascii_case(rest),
        (Some(_), None) => false,
        (None, _) => name.eq_ignore_ascii_case(host),
    }
}

/// What both ends of a connection hash to bind a SCRAM exchange to it: the server's certificate,
/// by the hash of its own signature, and SHA-256 in place of MD5 and SHA-1 (RFC 5929, chapter
/// 4.1). `None` where the signature names no hash, as of Ed25519.
#[must_use]
pub fn end_point_hash(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let hash = match parsed.signature_algorithm.algorithm.to_id_string().as_str() {
        // RSA with MD5, SHA-1, SHA-256; ECDSA with SHA-1, SHA-256.
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => Sha256::digest(certificate).to_vec(),
        // With SHA-384.
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Sha384::digest(certificate).to_vec(),
        // With SHA-512.
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Sha512::digest(certificate).to_vec(),
        _ => return None,
    };
    Some(hash)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn certificate(common_names: &[&str], alternatives: &[&str]) -> Vec<u8> {
        let alternatives: Vec<String> = alternatives.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(alternatives).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for name in common_names {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_common_name() {
        let name = |names: &[&str]| common_name(&certificate(names, &[]));
        assert_eq!(name(&["bob"]).as_deref(), Some("bob"));
        assert_eq!(name(&[]), None);
        assert_eq!(name(&["bob\0eve"]), None);
        assert_eq!(common_name(b"no certificate"), None);
    }

    #[test]
    fn a_common_name_stands_in_for_alternatives_only() {
        let fits = |name: &str, alternatives: &[&str], host: &str| {
            common_name_fits(&certificate(&[name], alternatives), host)
        };
        assert!(fits("db.example.com", &[], "DB.example.com"));
        assert!(fits("*.example.com", &[], "db.example.com"));
        assert!(!fits("*.example.com", &[], "a.db.example.com"));
        assert!(!fits("*.example.com", &[], "example.com"));
        assert!(!fits("db.example.com", &[], "db.example.org"));
        assert!(!fits(
            "db.example.com",
            &["other.example.com"],
            "db.example.com"
        ));
    }

    #[test]
    fn hashes_by_the_signature() {
        // rcgen signs with ECDSA and SHA-256 unless told otherwise.
        let der = certificate(&["x"], &[]);
        assert_eq!(end_point_hash(&der), Some(Sha256::digest(&der).to_vec()));
        let params = CertificateParams::new(vec![]).unwrap();
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        assert_eq!(end_point_hash(&der), Some(Sha384::digest(&der).to_vec()));
        let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        assert_eq!(
            end_point_hash(params.self_signed(&key).unwrap().der()),
            None
        );
        assert_eq!(end_point_hash(b"no certificate"), None);
    }
}
