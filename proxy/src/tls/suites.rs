//! Versions and ciphers: from OpenSSL's words, in which the settings are written, to rustls'.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion, version};
use tokio_rustls::rustls;

use super::keys::{Remark, Side};

/// Words for «what is safe today», which is all that rustls knows.
const EVERYTHING: [&str; 8] = [
    "default", "secure", "normal", "fast", "compat", "legacy", "all", "high",
];

/// The versions that `protocols` allows: words that may be separated by `,` or `:`, and taken
/// back by a leading `!`.
pub(super) fn versions(
    side: &Side<'_>,
    warnings: &mut Vec<Remark>,
) -> Result<Vec<&'static SupportedProtocolVersion>, Remark> {
    let key = side.keys.protocols;
    let (mut tls12, mut tls13) = (false, false);
    for word in words(side.protocols) {
        let (allowed, name) = word
            .strip_prefix('!')
            .map_or((true, word), |name| (false, name));
        match name.to_ascii_lowercase().as_str() {
            "secure" | "default" | "all" | "legacy" | "tlsv1" => {
                (tls12, tls13) = (allowed, allowed);
            }
            "tlsv1.2" => tls12 = allowed,
            "tlsv1.3" => tls13 = allowed,
            "tlsv1.0" | "tlsv1.1" => {
                if allowed {
                    let words = format!("{key}: {name} is not offered: it is not safe any more");
                    warnings.push(Remark::new(key, words));
                }
            }
            _ => {
                let expected = "secure, all, tlsv1.2 or tlsv1.3";
                return Err(Remark::new(
                    key,
                    format!("{key}: expected {expected}, got {word:?}"),
                ));
            }
        }
    }
    let mut versions = Vec::new();
    versions.extend(tls13.then_some(&version::TLS13));
    versions.extend(tls12.then_some(&version::TLS12));
    if versions.is_empty() {
        let words = format!(
            "{key}: expected tlsv1.2 or tlsv1.3 to be left, got {:?}",
            side.protocols
        );
        return Err(Remark::new(key, words));
    }
    Ok(versions)
}

/// The provider with the cipher suites that `ciphers` and `tls13_ciphers` leave.
pub(super) fn provider(side: &Side<'_>, warnings: &mut Vec<Remark>) -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    let (old, new): (Vec<_>, Vec<_>) = provider
        .cipher_suites
        .iter()
        .copied()
        .partition(|suite| suite.tls13().is_none());
    let mut suites = match side.tls13_ciphers {
        Some(wanted) => choose(side.keys.tls13_ciphers, wanted, &new, warnings),
        None => new,
    };
    suites.extend(choose(side.keys.ciphers, side.ciphers, &old, warnings));
    provider.cipher_suites = suites;
    Arc::new(provider)
}

/// The suites of `known` that `wanted` names, in its order. OpenSSL's language of ciphers has
/// groups and operators that mean nothing without OpenSSL's list: with any of them all suites of
/// `known` stay, every one of which is safe, and a warning says so.
fn choose(
    key: &'static str,
    wanted: &str,
    known: &[SupportedCipherSuite],
    warnings: &mut Vec<Remark>,
) -> Vec<SupportedCipherSuite> {
    let mut chosen = Vec::new();
    for word in words(wanted) {
        if EVERYTHING.contains(&word.to_ascii_lowercase().as_str()) {
            return known.to_vec();
        }
        match known.iter().find(|suite| openssl_name(**suite) == word) {
            Some(suite) => chosen.push(*suite),
            None => {
                let words = format!(
                    "{key}: {word:?} names no cipher suite that this pooler has: \
                     all of its suites, which are safe, stay allowed"
                );
                warnings.push(Remark::new(key, words));
                return known.to_vec();
            }
        }
    }
    if chosen.is_empty() {
        known.to_vec()
    } else {
        chosen
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ':', ' '])
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

/// OpenSSL's name: `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` is `ECDHE-RSA-AES128-GCM-SHA256` there,
/// `…_CHACHA20_POLY1305_SHA256` leaves its hash away, and TLS 1.3 has the names of the standard.
fn openssl_name(suite: SupportedCipherSuite) -> String {
    let name = format!("{:?}", suite.suite());
    if let Some(rest) = name.strip_prefix("TLS13_") {
        return format!("TLS_{rest}");
    }
    let name = name.trim_start_matches("TLS_").replace("_WITH_", "_");
    let name = name
        .replace("AES_128", "AES128")
        .replace("AES_256", "AES256");
    name.replace("POLY1305_SHA256", "POLY1305")
        .replace('_', "-")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::config::Settings;

    fn check(protocols: &str, ciphers: &str, tls13: Option<&str>, expected: &Expect) {
        let settings = Settings {
            client_tls_protocols: protocols.to_owned(),
            client_tls_ciphers: ciphers.to_owned(),
            client_tls13_ciphers: tls13.map(str::to_owned),
            ..Settings::default()
        };
        let side = Side::clients(&settings);
        let mut warnings = Vec::new();
        let versions = match versions(&side, &mut warnings) {
            Ok(versions) => format!(
                "{:?}",
                versions.iter().map(|v| v.version).collect::<Vec<_>>()
            ),
            Err(remark) => remark.message,
        };
        let suites = provider(&side, &mut warnings).cipher_suites.clone();
        let suites: Vec<_> = suites.into_iter().map(openssl_name).collect();
        let warnings: Vec<_> = warnings
            .iter()
            .map(|warning| warning.message.as_str())
            .collect();
        expected.assert_eq(&format!(
            "{versions}\n{}\n{}",
            suites.join(" "),
            warnings.join("\n")
        ));
    }

    #[test]
    fn everything_that_is_safe_by_default() {
        check(
            "secure",
            "default",
            None,
            &expect![[r#"
            [TLSv1_3, TLSv1_2]
            TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256 TLS_CHACHA20_POLY1305_SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-CHACHA20-POLY1305
        "#]],
        );
    }

    #[test]
    fn what_is_named_is_what_is_allowed() {
        let suite = "ECDHE-RSA-AES256-GCM-SHA384";
        check(
            "tlsv1.2",
            suite,
            Some("TLS_AES_128_GCM_SHA256"),
            &expect![[r#"
            [TLSv1_2]
            TLS_AES_128_GCM_SHA256 ECDHE-RSA-AES256-GCM-SHA384
        "#]],
        );
        check(
            "all,!tlsv1.3",
            "HIGH:!aNULL",
            None,
            &expect![[r#"
            [TLSv1_2]
            TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256 TLS_CHACHA20_POLY1305_SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-CHACHA20-POLY1305
        "#]],
        );
    }

    #[test]
    fn what_rustls_has_not() {
        check(
            "tlsv1.0, tlsv1.1",
            "kRSA:AES128-SHA",
            None,
            &expect![[r#"
            client_tls_protocols: expected tlsv1.2 or tlsv1.3 to be left, got "tlsv1.0, tlsv1.1"
            TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256 TLS_CHACHA20_POLY1305_SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-CHACHA20-POLY1305
            client_tls_protocols: tlsv1.0 is not offered: it is not safe any more
            client_tls_protocols: tlsv1.1 is not offered: it is not safe any more
            client_tls_ciphers: "kRSA" names no cipher suite that this pooler has: all of its suites, which are safe, stay allowed"#]],
        );
        check(
            "sslv3",
            "default",
            None,
            &expect![[r#"
            client_tls_protocols: expected secure, all, tlsv1.2 or tlsv1.3, got "sslv3"
            TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256 TLS_CHACHA20_POLY1305_SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-CHACHA20-POLY1305
        "#]],
        );
    }
}
