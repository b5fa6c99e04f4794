//! sqlx.

use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, Error, Executor, Row};

use super::run;
use crate::cluster::APP;
use crate::patience::bounded;
use crate::site::{EVERYWHERE, Pool, Site};

fn options(site: &Site) -> PgConnectOptions {
    PgConnectOptions::new()
        .host(&site.address().ip().to_string())
        .port(site.address().port())
        .username(APP)
        .database(site.database())
        .ssl_mode(PgSslMode::Disable)
}

#[test]
fn a_connection_runs_transactions() {
    bounded(|| {
        for against in EVERYWHERE {
            let site = Site::start(*against, &Pool::of(1));
            site.sql("CREATE TABLE t (n int)");
            run(transact(&site)).unwrap();
            assert_eq!(site.sql("SELECT sum(n) FROM t"), ["45"], "{against:?}");
        }
    });
}

async fn transact(site: &Site) -> Result<(), Error> {
    let mut connection: PgConnection = options(site).connect().await?;
    let mut transaction = connection.begin().await?;
    for n in 0..10_i32 {
        let insert = sqlx::query("INSERT INTO t VALUES ($1)").bind(n);
        insert.execute(&mut *transaction).await?;
    }
    let rows = sqlx::query("SELECT n FROM t ORDER BY n").fetch(&mut *transaction);
    let found: Vec<i32> = rows
        .map_ok(|row| row.get::<i32, _>(0))
        .try_collect()
        .await?;
    assert_eq!(found, (0..10).collect::<Vec<_>>());
    transaction.commit().await?;
    let mut undone = connection.begin().await?;
    undone
        .execute(sqlx::raw_sql("INSERT INTO t VALUES (100)"))
        .await?;
    undone.rollback().await?;
    connection.close().await
}

#[test]
fn a_pool_of_clients_shares_servers() {
    bounded(|| {
        for against in EVERYWHERE {
            let site = Site::start(*against, &Pool::of(2));
            run(ask_together(&site)).unwrap();
        }
    });
}

/// A hundred questions over ten connections to two servers.
async fn ask_together(site: &Site) -> Result<(), Error> {
    let connecting = PgPoolOptions::new()
        .max_connections(10)
        .connect_with(options(site));
    // Boxed, as a connection that may speak TLS is large.
    let pool = Box::pin(connecting).await?;
    let questions = (0..100_i32).map(|n| {
        let pool = &pool;
        async move {
            let sql = sqlx::AssertSqlSafe(format!("SELECT {n}"));
            let row = pool.fetch_one(sqlx::raw_sql(sql)).await?;
            assert_eq!(row.get::<i32, _>(0), n);
            Ok::<_, Error>(())
        }
    });
    try_join_all(questions).await?;
    pool.close().await;
    Ok(())
}

#[test]
fn errors_carry_their_code() {
    bounded(|| {
        for against in EVERYWHERE {
            let site = Site::start(*against, &Pool::of(1));
            let code = run(async {
                let mut connection = options(&site).connect().await.unwrap();
                let failure = connection.execute(sqlx::raw_sql("SELECT 1/0")).await;
                let failure = failure.unwrap_err();
                let code = failure.as_database_error().and_then(|error| error.code());
                connection.execute(sqlx::raw_sql("SELECT 1")).await.unwrap();
                code.map(|code| code.into_owned())
            });
            assert_eq!(code.as_deref(), Some("22012"), "{against:?}");
        }
    });
}
