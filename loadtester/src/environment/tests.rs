//! The environment with real servers: what is started works, what dies is told, and nothing stays.

use std::{fs, path::PathBuf, time::Duration};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::*;
use crate::targets::CatalogTarget;

fn demand(targets: &[CatalogTarget]) -> Demand {
    Demand {
        targets: targets.iter().copied().map(TargetSpec::Catalog).collect(),
        clients_max: 50,
        tls: false,
        choices: Choices::default(),
    }
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number.cast_signed())
}

fn is_gone(number: u32) -> bool {
    kill(pid(number), None) == Err(Errno::ESRCH)
}

/// The folder that a pooler was started in.
fn folder_of(target: &Target) -> PathBuf {
    let ini = target.info.started_as.split_whitespace().last();
    let ini = PathBuf::from(ini.expect("a configuration file"));
    ini.parent().expect("a folder").to_owned()
}

#[test]
fn a_dead_server_is_told_with_its_last_words() {
    let stop = Stop::default();
    let pool = PoolSettings::default();
    let mut environment =
        Environment::start(&demand(&[CatalogTarget::direct()]), &stop).expect("PostgreSQL");
    assert!(!environment.postgres_version().is_empty());
    let direct = TargetSpec::Catalog(CatalogTarget::direct());
    let mut direct = environment.target(&direct, &pool, &stop).expect("direct");
    assert!(environment.ended(&mut direct).is_none());
    let postgres = direct.watch.postgres[0];
    kill(pid(postgres), Signal::SIGQUIT).expect("a running server");
    assert!(wait::until(Duration::from_secs(10), || {
        environment.ended(&mut direct).is_some()
    }));
    let error = environment.ended(&mut direct).expect("an end").to_string();
    assert!(
        error.starts_with("PostgreSQL ended with exit code"),
        "{error}"
    );
    assert!(error.contains("immediate shutdown"), "{error}");
}

#[test]
fn nothing_stays_when_the_environment_is_dropped() {
    let stop = Stop::default();
    let both = [CatalogTarget::direct(), CatalogTarget::pgbouncer()];
    let mut environment = Environment::start(&demand(&both), &stop).expect("an environment");
    let spec = TargetSpec::Catalog(CatalogTarget::pgbouncer());
    let pool = PoolSettings::default();
    let mut target = environment.target(&spec, &pool, &stop).expect("PgBouncer");
    assert!(target.info.version.starts_with("PgBouncer"));
    let userlist = &target.info.config_files[1].text;
    assert_eq!(userlist, "\"app\" \"********\"\n");
    assert!(environment.ended(&mut target).is_none());
    let (folder, watch) = (folder_of(&target), target.watch.clone());
    assert!(fs::metadata(&folder).is_ok());
    drop(target);
    assert!(is_gone(watch.target[0]), "a dropped target is stopped");
    drop(environment);
    assert!(is_gone(watch.postgres[0]), "PostgreSQL is stopped");
    let workdir = folder.parent().expect("the run's folder");
    assert!(!workdir.exists(), "{} is still there", workdir.display());
}

#[test]
fn targets_of_the_catalog_start_as_their_files_say() {
    let stop = Stop::default();
    let pool = PoolSettings::default();
    let named = |name: &str| name.parse::<CatalogTarget>().expect("in the catalog");
    // `proxy` and `null` are in the program, which a test is not; its own tests start them.
    let started = ["pgbouncer", "pgbouncer-fleet"].map(named);
    let environment = Environment::start(&demand(&started), &stop).expect("an environment");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for (target, processes) in started.into_iter().zip([1, cores]) {
        let spec = TargetSpec::Catalog(target);
        let ready = environment
            .target(&spec, &pool, &stop)
            .unwrap_or_else(|error| panic!("{target}: {error}"));
        let pids = ready.watch.target.clone();
        assert_eq!(pids.len(), processes, "{target}");
        assert!(
            ready
                .info
                .config_files
                .iter()
                .all(|file| !file.text.contains("${"))
        );
        let twin = environment.target(&TargetSpec::Twin(target), &pool, &stop);
        assert!(
            twin.is_ok(),
            "{target} has a second instance beside it: {twin:?}"
        );
        drop(ready);
        assert!(pids.into_iter().all(is_gone), "{target} is stopped");
    }
}

#[test]
fn what_is_not_installed_says_how_to_get_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.toml");
    let file = "name = \"mine\"\npurpose = \"Mine.\"\nprogram = \"no-such-pooler\"\n\
                version = [\"-V\"]\nget = \"Ask Grandma.\"\n";
    fs::write(&path, file).expect("a file");
    let mine = CatalogTarget::read(&path).expect("a target");
    let error = Environment::start(&demand(&[mine]), &Stop::default()).expect_err("missing");
    assert!(
        error.to_string().starts_with(
            "no-such-pooler, the program of the target mine, was not found: looked in"
        ),
        "{error}"
    );
    assert_eq!(error.remedy(), "Ask Grandma.");
}

#[test]
fn an_end_that_is_asked_for_comes_before_the_start() {
    let stop = Stop::default();
    stop.stop();
    let error =
        Environment::start(&demand(&[CatalogTarget::direct()]), &stop).expect_err("stopped");
    assert!(matches!(error, EnvironmentError::Interrupted), "{error}");
}

#[test]
fn a_target_that_nobody_runs_cannot_be_reached() {
    let spec: TargetSpec = "mine=postgres://me:sesame@127.0.0.1:1/db"
        .parse()
        .expect("a target");
    let stop = Stop::default();
    let demand = Demand {
        targets: vec![spec.clone()],
        ..demand(&[])
    };
    let environment = Environment::start(&demand, &stop).expect("nothing to start");
    let error = environment
        .target(&spec, &PoolSettings::default(), &stop)
        .expect_err("nobody listens");
    assert!(
        error.to_string().contains("mine as me@127.0.0.1:1/db"),
        "{error}"
    );
    assert!(!error.to_string().contains("sesame"), "{error}");
}

/// What a pooler's console says of a setting.
fn setting(console: &Endpoint, name: &str) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let mut config = tokio_postgres::Config::new();
        config
            .host(&console.host)
            .port(console.port)
            .user(&console.user)
            .password(console.password.as_deref().unwrap_or_default())
            .dbname("pgbouncer");
        let connected = config.connect(tokio_postgres::NoTls).await;
        let (client, connection) = connected.expect("a console");
        tokio::spawn(connection);
        let rows = client.simple_query("SHOW CONFIG").await.expect("settings");
        rows.into_iter().find_map(|row| match row {
            tokio_postgres::SimpleQueryMessage::Row(row) if row.get(0) == Some(name) => {
                row.get(1).map(str::to_owned)
            }
            _ => None,
        })
    })
}

#[test]
fn a_reload_reads_the_configuration_again() {
    let (stop, pool) = (Stop::default(), PoolSettings::default());
    let bouncer = CatalogTarget::pgbouncer();
    let mut environment = Environment::start(&demand(&[bouncer]), &stop).expect("an environment");
    let spec = TargetSpec::Catalog(bouncer);
    let mut target = environment.target(&spec, &pool, &stop).expect("PgBouncer");
    let ini = folder_of(&target).join("pgbouncer.ini");
    let text = fs::read_to_string(&ini).expect("a configuration");
    assert!(text.contains("default_pool_size = 20\n"), "{text}");
    // Written in place, as the file is the pooler's account's.
    let changed = text.replace("default_pool_size = 20\n", "default_pool_size = 7\n");
    fs::write(&ini, changed).expect("a file of ours");
    let console = target.endpoint.clone();
    let size = || setting(&console, "default_pool_size");
    assert_eq!(size().as_deref(), Some("20"));
    environment
        .strike(Struck::Pooler, Blow::Reload, &mut target)
        .expect("a pooler that reloads");
    assert!(wait::until(Duration::from_secs(30), || {
        size().as_deref() == Some("7")
    }));
}
