//! tokio-postgres.

use std::pin::pin;

use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::{SinkExt, TryStreamExt};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, Error, NoTls};

use super::run;
use crate::cluster::APP;
use crate::patience::bounded;
use crate::site::{AS_POSTGRES, EVERYWHERE, Pool, Site};

async fn connect(site: &Site) -> Result<Client, Error> {
    let mut config = Config::new();
    config
        .host(site.address().ip().to_string())
        .port(site.address().port())
        .user(APP)
        .dbname(site.database());
    let (client, connection) = config.connect(NoTls).await?;
    // The client's next call tells of an error.
    tokio::spawn(async { drop(connection.await) });
    Ok(client)
}

#[test]
fn clients_share_servers() {
    bounded(|| {
        for against in EVERYWHERE {
            let site = Site::start(*against, &Pool::of(2));
            site.sql("CREATE TABLE accounts (id bigint PRIMARY KEY, sum bigint)");
            site.sql("INSERT INTO accounts SELECT n, 0 FROM generate_series(0, 9) n");
            let clients = (0..10).map(|id| deposit(&site, id));
            run(try_join_all(clients)).unwrap();
            let sums = site.sql("SELECT sum FROM accounts ORDER BY id");
            assert_eq!(sums, ["10"; 10], "{against:?}");
        }
    });
}

/// Adds one to an account ten times, in transactions that read what they have written.
async fn deposit(site: &Site, id: i64) -> Result<(), Error> {
    let mut client = connect(site).await?;
    for expected in 1..=10_i64 {
        let transaction = client.transaction().await?;
        transaction
            .query_typed(
                "UPDATE accounts SET sum = sum + 1 WHERE id = $1",
                &[(&id, Type::INT8)],
            )
            .await?;
        let rows = transaction
            .query_typed(
                "SELECT sum FROM accounts WHERE id = $1",
                &[(&id, Type::INT8)],
            )
            .await?;
        assert_eq!(rows[0].get::<_, i64>(0), expected);
        transaction.commit().await?;
        let messages = client.simple_query("SELECT 1; SELECT 2").await?;
        assert!(messages.len() >= 4, "{messages:?}");
    }
    Ok(())
}

#[test]
fn statements_are_prepared_within_a_transaction() {
    bounded(|| {
        for against in EVERYWHERE {
            let site = Site::start(*against, &Pool::of(1));
            run(prepare_in_transaction(&site)).unwrap();
        }
    });
}

async fn prepare_in_transaction(site: &Site) -> Result<(), Error> {
    let mut client = connect(site).await?;
    let transaction = client.transaction().await?;
    let add = transaction.prepare("SELECT $1::int4 + $2::int4").await?;
    // Without waiting for one answer before the next question.
    let questions = (0..100).map(|n: i32| {
        let (add, transaction) = (&add, &transaction);
        async move { transaction.query_one(add, &[&n, &n]).await }
    });
    let rows = try_join_all(questions).await?;
    let sums: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
    let expected: Vec<i32> = (0..100).map(|n| 2 * n).collect();
    assert_eq!(sums, expected);
    let failure = transaction.query_one("SELECT 1 / $1::int4", &[&0]).await;
    let code = failure.expect_err("a division by zero").code().cloned();
    assert_eq!(code, Some(SqlState::DIVISION_BY_ZERO));
    transaction.rollback().await
}

#[test]
fn copies_go_both_ways() {
    bounded(|| {
        for against in EVERYWHERE {
            let site = Site::start(*against, &Pool::of(1));
            site.sql("CREATE TABLE t (n int)");
            assert_eq!(
                run(copy_both_ways(&site)).unwrap(),
                "1\n2\n3\n",
                "{against:?}"
            );
        }
    });
}

async fn copy_both_ways(site: &Site) -> Result<String, Error> {
    let mut client = connect(site).await?;
    let transaction = client.transaction().await?;
    let mut sink = pin!(transaction.copy_in("COPY t FROM STDIN").await?);
    for line in ["1\n", "2\n3", "\n"] {
        sink.send(Bytes::from_static(line.as_bytes())).await?;
    }
    assert_eq!(sink.finish().await?, 3);
    let stream = transaction.copy_out("COPY t TO STDOUT").await?;
    let chunks: Vec<Bytes> = stream.try_collect().await?;
    transaction.commit().await?;
    Ok(String::from_utf8(chunks.concat()).expect("UTF-8"))
}

/// The driver leaves as soon as it has asked, which PgBouncer 1.18 does not always take for a cancel.
#[test]
fn a_token_cancels() {
    bounded(|| {
        for against in AS_POSTGRES {
            let site = Site::start(*against, &Pool::of(1));
            run(cancel_by_token(&site)).unwrap();
        }
    });
}

async fn cancel_by_token(site: &Site) -> Result<(), Error> {
    let client = connect(site).await?;
    let token = client.cancel_token();
    let asked = async {
        let asked = client.simple_query("SELECT pg_sleep(60)").await;
        let error = asked.expect_err("a cancel");
        assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED), "{error:?}");
    };
    let cancelled = async {
        while site.running("pg_sleep") == 0 {
            tokio::task::yield_now().await;
        }
        token.cancel_query(NoTls).await
    };
    let ((), outcome) = tokio::join!(asked, cancelled);
    outcome?;
    assert_eq!(client.simple_query("SELECT 1").await?.len(), 3);
    Ok(())
}
