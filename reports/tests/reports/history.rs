//! Runs are kept and found again; what is no history is refused and left as it is.

use std::{fs, path::Path};

use poolproof_reports::{
    gate::judge,
    history::{History, Store},
    record::CpuTime,
};
use poolproof_scenarios::threshold::Metric;
use sqlx::{AnyConnection, Connection as _};

use crate::fixture;

fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(future)
}

#[test]
fn runs_are_kept_whole_and_trends_drawn_from_them() {
    let dir = tempfile::tempdir().unwrap();
    // The folder is made, and signs that mean something in an address do no harm.
    let store = Store::File(dir.path().join("new/100%?.sqlite"));
    let record = fixture::record();
    let gate = judge(&record, &[]);
    let mut quick = record.clone();
    quick.quick = true;
    wait(async {
        let mut history = History::open(&store).await.unwrap();
        assert_eq!(history.keep(&record, &gate).await.unwrap(), 1);
        assert_eq!(history.keep(&quick, &gate).await.unwrap(), 2);
        drop(history);
        let mut history = History::open(&store).await.unwrap();
        assert_eq!(history.keep(&record, &gate).await.unwrap(), 3);
        let list = history.list(2).await.unwrap();
        let ids: Vec<i64> = list.iter().map(|run| run.id).collect();
        assert_eq!(ids, [3, 2]);
        assert_eq!(list[0].headline, gate.headline());
        assert!(list[1].quick);
        assert_eq!(history.record(1).await.unwrap(), Some(record.clone()));
        assert_eq!(history.record(9).await.unwrap(), None);
        let trend = history.trend(Metric::P99, 100).await.unwrap();
        // Two scenarios with three targets; the short run is left out.
        assert_eq!(trend.len(), 6);
        let runs: Vec<i64> = trend[0].points.iter().map(|(run, _)| *run).collect();
        assert_eq!(runs, [1, 3]);
    });
}

#[test]
fn a_trend_joins_only_what_can_be_compared() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::File(dir.path().join("history.sqlite"));
    let newest = fixture::record();
    let mut machine = newest.clone();
    machine.environment.cores += 1;
    let mut load = newest.clone();
    load.scenarios[0].driver = "another".to_owned();
    let mut counted = newest.clone();
    counted.environment.cpu_time = Some(CpuTime::Scheduler);
    wait(async {
        let mut history = History::open(&store).await.unwrap();
        for record in [&newest, &machine, &load, &counted, &newest] {
            history.keep(record, &judge(record, &[])).await.unwrap();
        }
        for (metric, runs, left_out) in [
            (Metric::P99, &[1, 4, 5][..], 2),
            // Processor time that the scheduler counted is another figure.
            (Metric::Cpu, &[1, 5], 3),
        ] {
            let trend = history.trend(metric, 100).await.unwrap();
            let name = &newest.scenarios[0].scenario.name;
            let series = trend.iter().find(|one| one.scenario == *name).unwrap();
            let points: Vec<i64> = series.points.iter().map(|(run, _)| *run).collect();
            assert_eq!((&*points, series.left_out), (runs, left_out), "{metric}");
        }
    });
}

/// The sentence with which a file is refused; its bytes stay what they were.
fn refused(path: &Path) -> String {
    let before = fs::read(path).unwrap();
    let store = Store::File(path.to_owned());
    let error = wait(History::open(&store)).unwrap_err().to_string();
    assert_eq!(fs::read(path).unwrap(), before, "{error}");
    error
}

fn execute(path: &Path, sql: &'static str) {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite:{}?mode=rwc", path.display());
    wait(async {
        let mut connection = AnyConnection::connect(&url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

#[test]
fn damaged_newer_and_foreign_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);

    fs::write(path("text"), "Dear diary, this is no database.").unwrap();
    assert!(refused(&path("text")).contains("damaged or no SQLite database"));

    let whole = Store::File(path("torn"));
    let record = fixture::record();
    wait(async {
        let mut history = History::open(&whole).await.unwrap();
        history.keep(&record, &judge(&record, &[])).await.unwrap();
    });
    let bytes = fs::read(path("torn")).unwrap();
    fs::write(path("torn"), &bytes[..bytes.len() / 2]).unwrap();
    assert!(refused(&path("torn")).contains("damaged"));

    wait(History::open(&Store::File(path("newer")))).unwrap();
    execute(
        &path("newer"),
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9001, 'of the future', TRUE, x'00', 1)",
    );
    let newer = refused(&path("newer"));
    assert!(
        newer.contains("newer poolproof (migration 9001)"),
        "{newer}"
    );

    execute(&path("foreign"), "CREATE TABLE recipes (name TEXT)");
    assert!(refused(&path("foreign")).contains("another program"));
}
