//! The links that a scenario's faults need around a target.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
};

use poolproof_scenarios::{
    Scenario,
    fault::{LinkPlace, Party},
    target::Role,
};

use crate::{engine::Endpoint, environment::EnvironmentError, faults::Link, targets::TargetSpec};

/// Links of one target. They stand there from before it is started, and end with it.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Between the clients and the target.
    pub(super) client: Option<Link>,
    /// Between the target and PostgreSQL.
    pub(super) server: Option<Link>,
}

impl Links {
    /// The link before PostgreSQL at `server`, if the scenario harms one and the target is not
    /// PostgreSQL itself, whose only link is that of its clients.
    pub(super) fn before(
        server: Option<&Endpoint>,
        spec: &TargetSpec,
        scenario: &Scenario,
    ) -> Result<Self, EnvironmentError> {
        let wanted = wanted(spec, scenario).contains(&LinkPlace::Server);
        let server = server.filter(|_| wanted).map(to).transpose()?;
        Ok(Self {
            client: None,
            server,
        })
    }

    /// Adds the link before the target at `endpoint`, if the scenario harms one.
    pub(super) fn and_client(
        self,
        endpoint: &Endpoint,
        spec: &TargetSpec,
        scenario: &Scenario,
    ) -> Result<Self, EnvironmentError> {
        let wanted = wanted(spec, scenario).contains(&LinkPlace::Client);
        let client = wanted.then(|| to(endpoint)).transpose()?;
        Ok(Self { client, ..self })
    }

    /// `endpoint`, or the link that leads to it.
    pub(super) fn behind(link: Option<&Link>, endpoint: &Endpoint) -> Endpoint {
        match link {
            Some(link) => Endpoint {
                host: link.address().ip().to_string(),
                port: link.address().port(),
                ..endpoint.clone()
            },
            None => endpoint.clone(),
        }
    }
}

/// Which links stand around the target.
fn wanted(spec: &TargetSpec, scenario: &Scenario) -> Vec<LinkPlace> {
    let alone = match spec {
        TargetSpec::Catalog(target) | TargetSpec::Twin(target) => {
            target.file().role == Role::Postgres
        }
        TargetSpec::Running(_) => false,
    };
    let links = scenario.faults.iter();
    let links = links.filter(|fault| fault.kind.party() == Party::Link);
    links
        .map(|fault| if alone { LinkPlace::Client } else { fault.link })
        .collect()
}

fn to(endpoint: &Endpoint) -> Result<Link, EnvironmentError> {
    let started = address(endpoint).and_then(Link::start);
    started.map_err(|source| EnvironmentError::Io {
        doing: format!("stand before {}:{}", endpoint.host, endpoint.port),
        source,
    })
}

fn address(endpoint: &Endpoint) -> io::Result<SocketAddr> {
    let mut addresses = (endpoint.host.as_str(), endpoint.port).to_socket_addrs()?;
    addresses
        .next()
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}
