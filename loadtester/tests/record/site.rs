//! A PostgreSQL, and what stands in front of it.

use std::{
    future::Future,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use poolproof::{
    diff::{Beside, Limits, Stage, Trace},
    engine::{Endpoint, Stop},
    environment::{Choices, Demand, Environment},
    record::{Relay, Tape},
    targets::{CatalogTarget, TargetSpec},
};
use poolproof_scenarios::{Session, pool::PoolSettings};
use tokio::runtime::Runtime;

use crate::applications::Application;

/// Where an application connects to.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) dbname: String,
}

impl Address {
    pub(crate) fn url(&self) -> String {
        let Self {
            port,
            user,
            password,
            dbname,
        } = self;
        format!("postgres://{user}:{password}@127.0.0.1:{port}/{dbname}")
    }
}

/// The PostgreSQL.
pub(crate) struct Site {
    _environment: Environment,
    administrator: Endpoint,
    endpoint: Endpoint,
    runtime: Runtime,
}

/// The program under test.
pub(crate) fn poolproof() -> Command {
    Command::new(env!("CARGO_BIN_EXE_poolproof"))
}

impl Site {
    pub(crate) fn start() -> Self {
        let (stop, target) = (
            Stop::default(),
            TargetSpec::Catalog(CatalogTarget::direct()),
        );
        let demand = Demand {
            targets: vec![target.clone()],
            clients_max: 50,
            tls: false,
            choices: Choices::default(),
        };
        let environment = Environment::start(&demand, &stop).expect("PostgreSQL starts");
        let direct = environment.target(&target, &PoolSettings::default(), &stop);
        let endpoint = direct.expect("PostgreSQL lets us in").endpoint;
        let administrator = environment.administrator().expect("a superuser").clone();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        let site = Self {
            _environment: environment,
            administrator,
            endpoint,
            runtime: runtime.expect("a runtime"),
        };
        // An application finds the schema that a replay finds.
        site.perform_twice(&Session {
            header: poolproof_scenarios::session::Header {
                fixture: poolproof_scenarios::session::Fixture::None,
                ..Default::default()
            },
            steps: Vec::new(),
        });
        site
    }

    pub(crate) fn password(&self) -> &str {
        self.endpoint.password.as_deref().unwrap_or("no password")
    }

    fn address(&self, port: u16) -> Address {
        Address {
            port,
            user: self.endpoint.user.clone(),
            password: self.endpoint.password.clone().unwrap_or_default(),
            dbname: self.endpoint.dbname.clone(),
        }
    }

    /// Waits for an application.
    pub(crate) fn wait_for(&self, application: impl Future<Output = ()>) {
        self.runtime.block_on(application);
    }

    /// The script of what `application` says through a relay.
    pub(crate) fn record(&self, tape: Tape, application: Application) -> String {
        let upstream = (self.endpoint.host.clone(), self.endpoint.port);
        self.runtime.block_on(async {
            let loopback = "127.0.0.1:0".parse().expect("an address");
            let relay = Relay::bind(loopback, upstream, tape).await;
            let relay = Arc::new(relay.expect("a relay"));
            let port = relay.address().expect("a port").port();
            let served = Arc::clone(&relay);
            let serves = tokio::spawn(async move { served.serve().await });
            application(self.address(port)).await;
            serves.abort();
            relay.tape().session("a test").to_string()
        })
    }

    /// What comes of a session on PostgreSQL, two times.
    pub(crate) fn perform_twice(&self, session: &Session) -> [Trace; 2] {
        self.runtime.block_on(async {
            let beside = Beside::connect(&self.administrator, &self.endpoint.user).await;
            let beside = Arc::new(beside.expect("a connection beside"));
            let stage = Stage::new(self.endpoint.clone(), beside, Limits::default());
            let mut stage = stage.expect("a stage");
            let first = stage.perform(session).await.expect("a trace");
            [first, stage.perform(session).await.expect("a trace")]
        })
    }

    /// `poolproof record` in front of it, and where an application finds it.
    pub(crate) fn recorder(&self, out: &Path) -> (Child, Address) {
        let mut recorder = poolproof()
            .args(["record", "--listen", "127.0.0.1:0", "--upstream"])
            .arg(self.address(self.endpoint.port).url())
            .arg("--out")
            .arg(out)
            .stderr(Stdio::piped())
            .spawn()
            .expect("a recorder");
        let mut words = String::new();
        let said = recorder.stderr.take().expect("its words");
        BufReader::new(said)
            .read_line(&mut words)
            .expect("a first line");
        let port = words
            .split([' ', ';'])
            .find_map(|word| word.strip_prefix("127.0.0.1:")?.parse().ok());
        let port = port.unwrap_or_else(|| panic!("no port in {words:?}"));
        (recorder, self.address(port))
    }
}
