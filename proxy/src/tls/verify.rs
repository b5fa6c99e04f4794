//! Judging a server's certificate as `server_tls_sslmode` says.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use tokio_rustls::rustls;

use super::certificate::common_name_fits;
use super::files::Authorities;

/// What must hold of a server's certificate.
pub(super) enum Demand {
    /// Nothing: the modes up to `require` encrypt against listeners, not against impostors.
    Nothing,
    /// It comes from one of these.
    Authority(Authorities),
    /// And it names the host that was asked for.
    AuthorityAndName(Authorities),
}

/// Checks that, and always that the server has the certificate's private key.
pub(super) struct Verifier {
    demand: Demand,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    pub(super) fn new(demand: Demand, provider: Arc<CryptoProvider>) -> Self {
        Self { demand, provider }
    }

    fn check_authority(
        &self,
        authorities: &Authorities,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        // A self-signed certificate may stand in the file itself; it cannot vouch for a second.
        if authorities
            .certificates
            .iter()
            .any(|known| known == certificate)
        {
            return Ok(());
        }
        let algorithms = self.provider.signature_verification_algorithms.all;
        let parsed = ParsedCertificate::try_from(certificate)?;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &authorities.roots,
            intermediates,
            now,
            algorithms,
        )
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self.demand {
            Demand::Nothing => "Verifier(nothing)",
            Demand::Authority(_) => "Verifier(authority)",
            Demand::AuthorityAndName(_) => "Verifier(authority and name)",
        })
    }
}

fn check_name(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    verify_server_name(&parsed, name).or_else(|error| {
        // As libpq: certificates from before alternative names carry the host as common name.
        if common_name_fits(certificate, &name.to_str()) {
            Ok(())
        } else {
            Err(error)
        }
    })
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.demand {
            Demand::Nothing => {}
            Demand::Authority(authorities) => {
                self.check_authority(authorities, certificate, intermediates, now)?;
            }
            Demand::AuthorityAndName(authorities) => {
                self.check_authority(authorities, certificate, intermediates, now)?;
                check_name(certificate, name)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
