//! Programs that speak to PostgreSQL as programs do.

use std::{future::Future, path::Path, pin::Pin};

use sqlx::{Connection as _, Executor as _, Row as _};
use tokio::process::Command;
use tokio_postgres::{AsyncMessage, NoTls};

use crate::site::Address;

/// What an application is to a test.
pub(crate) type Application = fn(Address) -> Pin<Box<dyn Future<Output = ()>>>;

/// A program of PostgreSQL's, from where Debian puts those that are not in the path.
async fn run(address: &Address, program: &str, arguments: &[&str]) {
    let debian = format!("/usr/lib/postgresql/15/bin/{program}");
    let program = match Path::new(&debian).exists() {
        true => debian,
        false => program.to_owned(),
    };
    let output = Command::new(&program)
        .args(["-h", "127.0.0.1", "-p", &address.port.to_string()])
        .args(["-U", &address.user])
        .args(arguments)
        .env("PGPASSWORD", &address.password)
        .env("PGDATABASE", &address.dbname)
        .output()
        .await
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{output:?}");
}

pub(crate) fn psql(address: Address) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let commands = [
            "CREATE TABLE fruit (id int, name text)",
            "INSERT INTO fruit VALUES (1, 'apple'), (2, NULL)",
            "\\copy (SELECT 3, 'pear') TO PROGRAM 'cat > /dev/null'",
            "COPY fruit FROM PROGRAM 'no rights for that'",
            "SELECT * FROM fruit ORDER BY id",
        ];
        let arguments: Vec<&str> = commands
            .iter()
            .flat_map(|command| ["-c", command])
            .collect();
        run(&address, "psql", &arguments).await;
        let copies = ["-c", "\\copy fruit FROM PROGRAM 'printf \"7\\tplum\\n\"'"];
        run(&address, "psql", &copies).await;
    })
}

pub(crate) fn pgbench(address: Address) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        run(&address, "pgbench", &["-i", "-q", "-I", "dtGp"]).await;
        for mode in ["simple", "extended", "prepared"] {
            run(&address, "pgbench", &["-n", "-t", "3", "-M", mode]).await;
        }
    })
}

pub(crate) fn tokio_postgres(address: Address) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let (mut client, connection) = tokio_postgres::connect(&address.url(), NoTls)
            .await
            .expect("a login");
        tokio::spawn(connection);
        let create = "CREATE TABLE orders (id int PRIMARY KEY, item text)";
        client.batch_execute(create).await.expect("a table");
        let insert = client.prepare("INSERT INTO orders VALUES ($1, $2)").await;
        let insert = insert.expect("a statement");
        for id in 0..3_i32 {
            let inserted = client.execute(&insert, &[&id, &"hat"]).await;
            inserted.expect("a row");
        }
        let transaction = client.transaction().await.expect("a transaction");
        let rows = transaction.query("SELECT id FROM orders WHERE item = $1", &[&"hat"]);
        assert_eq!(rows.await.expect("rows").len(), 3);
        transaction.rollback().await.expect("a rollback");
        client
            .execute(&insert, &[&0_i32, &"again"])
            .await
            .expect_err("a unique violation");
    })
}

pub(crate) fn sqlx(address: Address) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut connection = Box::pin(sqlx::PgConnection::connect(&address.url()))
            .await
            .expect("a login");
        let create = "CREATE TABLE carts (id bigint, item text)";
        connection.execute(create).await.expect("a table");
        let mut transaction = connection.begin().await.expect("a transaction");
        for id in 0..3_i64 {
            let insert = sqlx::query("INSERT INTO carts VALUES ($1, $2)");
            let insert = insert.bind(id).bind("hat");
            insert.execute(&mut *transaction).await.expect("a row");
        }
        transaction.commit().await.expect("a commit");
        let row = sqlx::query("SELECT count(*) FROM carts")
            .fetch_one(&mut connection)
            .await
            .expect("a row");
        assert_eq!(row.get::<i64, _>(0), 3);
        connection.close().await.expect("a goodbye");
    })
}

/// An application that counts on its session.
pub(crate) fn leaves_things(address: Address) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let connected = tokio_postgres::connect(&address.url(), NoTls).await;
        let (client, mut connection) = connected.expect("a login");
        let (notifications, mut heard) = tokio::sync::mpsc::channel(8);
        tokio::spawn(async move {
            while let Ok(message) = std::future::poll_fn(|cx| connection.poll_message(cx))
                .await
                .transpose()
            {
                if let Some(AsyncMessage::Notification(notification)) = message {
                    notifications.send(notification).await.ok();
                } else if message.is_none() {
                    return;
                }
            }
        });
        for statement in [
            "SET statement_timeout = '30s'",
            "CREATE TEMPORARY TABLE basket (id int)",
            "LISTEN news",
            "SELECT pg_advisory_lock(7)",
            "INSERT INTO basket VALUES (1)",
            "SHOW statement_timeout",
            "SELECT pg_advisory_unlock(7)",
        ] {
            client.simple_query(statement).await.expect(statement);
        }
        let connected = tokio_postgres::connect(&address.url(), NoTls).await;
        let (other, connection) = connected.expect("a login");
        tokio::spawn(connection);
        other.batch_execute("NOTIFY news").await.expect("a notice");
        heard.recv().await.expect("a notification");
    })
}
