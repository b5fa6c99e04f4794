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
        local: local::Choices::default(),
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
        Environment::start(&demand(&CatalogTarget::ALL[..1]), &stop).expect("PostgreSQL");
    assert!(!environment.postgres_version().is_empty());
    let direct = TargetSpec::Catalog(CatalogTarget::Direct);
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
    let both = [CatalogTarget::Direct, CatalogTarget::PgBouncer];
    let mut environment = Environment::start(&demand(&both), &stop).expect("an environment");
    let spec = TargetSpec::Catalog(CatalogTarget::PgBouncer);
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
fn an_end_that_is_asked_for_comes_before_the_start() {
    let stop = Stop::default();
    stop.stop();
    let error = Environment::start(&demand(&CatalogTarget::ALL[..1]), &stop).expect_err("stopped");
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
