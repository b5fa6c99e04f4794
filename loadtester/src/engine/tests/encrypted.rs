//! TLS: every driver with a PostgreSQL that speaks it, and with servers that are not what they should be.

use std::{
    io,
    net::{TcpListener, TcpStream},
    thread,
};

use poolproof_scenarios::pool::{ClientTls, PoolSettings};

use super::{DriverKind, Limits, closed, connections, errors, run, statements};
use crate::{
    engine::{Endpoint, Stop, Tls},
    environment::{Choices, Demand, Environment},
    targets::{CatalogTarget, TargetSpec},
};

/// A nonce, divided by zero where the server says that this connection is not encrypted.
const ENCRYPTED: &str = r#"{ sql = "SELECT :nonce / ssl::int FROM pg_stat_ssl WHERE pid = pg_backend_pid()", returns = "nonce" }"#;
/// Several reads long, and several records of TLS.
const LONG: &str = r#"{ sql = "SELECT :nonce, repeat('x', 1000) FROM generate_series(1, 500)", returns = { nonce-rows = 500 } }"#;

fn with_postgresql(tls: bool, test: impl FnOnce(&Endpoint)) {
    let stop = Stop::default();
    let direct = TargetSpec::Catalog(CatalogTarget::direct());
    let demand = Demand {
        targets: vec![direct.clone()],
        clients_max: 100,
        tls,
        choices: Choices::default(),
    };
    let environment = Environment::start(&demand, &stop).unwrap();
    let pool = PoolSettings {
        client_tls_sslmode: if tls {
            ClientTls::Require
        } else {
            ClientTls::Disable
        },
        ..PoolSettings::default()
    };
    let target = environment.target(&direct, &pool, &stop).unwrap();
    assert_eq!(target.endpoint.tls.is_some(), tls);
    test(&target.endpoint);
}

/// Somebody whom the server does not know.
fn stranger() -> Tls {
    let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    Tls::trusting(&params.self_signed(&key).unwrap().pem()).unwrap()
}

#[test]
fn every_driver_encrypts_and_knows_the_server() {
    with_postgresql(true, |endpoint| {
        for driver in DriverKind::ALL {
            for protocol in ["simple", "extended", "prepared"] {
                let load = closed(4, 200);
                let asked = statements(&load, protocol, ENCRYPTED);
                let window = run(&asked, endpoint, driver, Limits::default());
                assert_eq!(errors(&window), "", "{driver} {:?}", window.error_samples);
                assert!(window.succeeded >= 4, "{driver}: {}", window.succeeded);
            }
            let load = connections(10, 5, 3);
            for text in [ENCRYPTED, LONG] {
                let asked = statements(&load, "simple", text);
                let window = run(&asked, endpoint, driver, Limits::default());
                let samples = &window.error_samples;
                assert_eq!(
                    (window.succeeded, errors(&window)),
                    (30, String::new()),
                    "{driver} {samples:?}"
                );
            }
            let endpoint = Endpoint {
                tls: Some(stranger()),
                ..endpoint.clone()
            };
            let asked = statements(&connections(3, 3, 1), "simple", ENCRYPTED);
            let window = run(&asked, &endpoint, driver, Limits::default());
            let samples = format!("{:?}", window.error_samples);
            assert_eq!(errors(&window), "connect 3", "{driver} {samples}");
            assert!(samples.contains("UnknownIssuer"), "{driver} {samples}");
        }
    });
}

/// The same server at an address that its certificate does not name.
fn elsewhere(endpoint: &Endpoint) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let address = listener.local_addr().unwrap();
    let behind = (endpoint.host.clone(), endpoint.port);
    // It ends with the test's process.
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(&behind).unwrap());
            for (mut from, mut to) in [
                (client.try_clone().unwrap(), server.try_clone().unwrap()),
                (server, client),
            ] {
                thread::spawn(move || io::copy(&mut from, &mut to));
            }
        }
    });
    Endpoint {
        host: address.ip().to_string(),
        port: address.port(),
        ..endpoint.clone()
    }
}

#[test]
fn a_server_at_another_address_than_its_certificate_names_is_refused() {
    with_postgresql(true, |endpoint| {
        let endpoint = elsewhere(endpoint);
        for driver in DriverKind::ALL {
            let asked = statements(&connections(3, 3, 1), "simple", ENCRYPTED);
            let window = run(&asked, &endpoint, driver, Limits::default());
            let samples = format!("{:?}", window.error_samples);
            assert_eq!(errors(&window), "connect 3", "{driver} {samples}");
            assert!(samples.contains("not valid for name"), "{driver} {samples}");
        }
    });
}

#[test]
fn a_server_without_tls_is_not_spoken_to_in_the_clear() {
    with_postgresql(false, |endpoint| {
        let endpoint = Endpoint {
            tls: Some(stranger()),
            ..endpoint.clone()
        };
        for driver in DriverKind::ALL {
            let asked = statements(&connections(3, 3, 1), "simple", ENCRYPTED);
            let window = run(&asked, &endpoint, driver, Limits::default());
            assert_eq!(
                errors(&window),
                "connect 3",
                "{driver} {:?}",
                window.error_samples
            );
        }
    });
}
