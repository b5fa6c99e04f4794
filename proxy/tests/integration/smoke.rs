//! The tools of the tests, tried on PostgreSQL.

use expect_test::expect;

use crate::cluster::{APP, Cluster};
use crate::patience::bounded;
use crate::raw::{CancelKey, Client, cancel};

#[test]
fn a_conversation_reads_like_a_table() {
    bounded(|| {
        let cluster = Cluster::shared();
        let mut client = Client::connect(cluster.address(), APP, &cluster.database());
        let answers =
            client.run("P s SELECT $1::int | B - s 7 | E - | S | F 177 2 3 | Q SELECT 1/0");
        let expected = expect![[r#"
            1 | 2 | D 7 | C SELECT 1 | Z I
            V 5 | Z I
            E ERROR 22012 division by zero | Z I"#]];
        expected.assert_eq(&answers);
    });
}

#[test]
fn a_forged_cancel_has_no_answer() {
    let forged = CancelKey {
        process: 1,
        secret: 2,
    };
    bounded(move || cancel(Cluster::shared().address(), forged));
}
