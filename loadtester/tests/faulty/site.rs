//! One PostgreSQL for all tests of this binary, and places to perform sessions on it.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use poolproof::diff::generate::GROUND;
use poolproof::diff::random::Pair;
use poolproof::diff::{Beside, DiffError, Limits, Stage};
use poolproof::engine::{Endpoint, Stop};
use poolproof::environment::{Choices, Demand, Environment};
use poolproof::targets::{CatalogTarget, TargetSpec};
use poolproof_scenarios::pool::PoolSettings;

use crate::proxy::{Kind, Proxy, Upstream};

/// Nothing is far away here, so that silence is soon a hang.
const LIMITS: Limits = Limits {
    hang: Duration::from_millis(300),
    slow: Duration::from_secs(4),
};

/// The PostgreSQL, with a few databases: sessions of one database take turns.
pub(crate) struct Site {
    _environment: Environment,
    administrator: Endpoint,
    endpoint: Endpoint,
}

impl Site {
    /// Starts it, with so many databases.
    pub(crate) fn start(databases: u32) -> Self {
        let (stop, target) = (
            Stop::default(),
            TargetSpec::Catalog(CatalogTarget::direct()),
        );
        let demand = Demand {
            targets: vec![target.clone()],
            clients_max: 100,
            tls: false,
            choices: Choices::default(),
        };
        let environment = Environment::start(&demand, &stop).expect("PostgreSQL starts");
        let direct = environment.target(&target, &PoolSettings::default(), &stop);
        let endpoint = direct.expect("PostgreSQL lets us in").endpoint;
        let administrator = environment
            .administrator()
            .expect("a cluster of our own")
            .clone();
        let site = Self {
            _environment: environment,
            administrator,
            endpoint,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime
            .expect("a runtime")
            .block_on(site.create(databases))
            .expect("databases");
        site
    }

    async fn create(&self, databases: u32) -> Result<(), DiffError> {
        let role = &self.endpoint.user;
        let beside = Beside::connect(&self.administrator, role).await?;
        for number in 0..databases {
            let name = database(number);
            beside
                .run(&format!("CREATE DATABASE {name} OWNER {role}"))
                .await?;
        }
        Ok(())
    }

    /// A proxy of some kind in front of it.
    pub(crate) fn proxy(&self, kind: Kind) -> Proxy {
        let host = (self.endpoint.host.as_str(), self.endpoint.port);
        let address = host.to_socket_addrs().expect("an address").next();
        let upstream = Upstream {
            address: address.expect("one address at least"),
            password: self.endpoint.password.clone(),
        };
        Proxy::start(upstream, kind).expect("the proxy starts")
    }

    /// PostgreSQL and a proxy, on a database that nobody else uses meanwhile. Not cancel safe.
    pub(crate) async fn pair(&self, number: u32, proxy: SocketAddr) -> Result<Pair, DiffError> {
        let within = |endpoint: &Endpoint| Endpoint {
            dbname: database(number),
            ..endpoint.clone()
        };
        let direct = within(&self.endpoint);
        let through = Endpoint {
            host: proxy.ip().to_string(),
            port: proxy.port(),
            ..direct.clone()
        };
        let administrator = within(&self.administrator);
        let beside = Arc::new(Beside::connect(&administrator, &direct.user).await?);
        Ok(Pair {
            oracle: Stage::new(direct, Arc::clone(&beside), LIMITS)?
                .on(GROUND)
                .with_spares(),
            target: Stage::new(through, beside, LIMITS)?.on(GROUND),
            runs: 0,
        })
    }
}

fn database(number: u32) -> String {
    format!("faulty_{number}")
}
