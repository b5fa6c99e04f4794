use std::collections::BTreeSet;

use poolproof_scenarios::Session;

use super::{
    Weights,
    promise::{self, Promise},
    session,
};

const PROMISES: [Promise; 4] = [
    Promise::Session,
    Promise::TransactionsAndStatements,
    Promise::Transactions,
    Promise::Statements,
];

fn weights() -> Weights {
    Weights::of_the_catalog().expect("the weights of the catalog")
}

#[test]
fn the_same_seed_gives_the_same_session() {
    let scripts = |seed| -> Vec<String> {
        let numbers = 0..50;
        numbers
            .map(|number| session(seed, number, Promise::Transactions, &weights()).to_string())
            .collect()
    };
    assert_eq!(scripts(7), scripts(7));
    assert_ne!(scripts(7), scripts(8));
    let different: BTreeSet<String> = scripts(7).into_iter().collect();
    assert_eq!(different.len(), 50, "numbers of one seed differ");
}

#[test]
fn no_session_asks_for_more_than_its_mode_promises() {
    for promise in PROMISES {
        for number in 0..500 {
            let session = session(1, number, promise, &weights());
            assert!(
                promise::keeps(&session, promise) && promise::is_determined(&session),
                "{number} {promise:?}:\n{session}"
            );
        }
    }
}

#[test]
fn a_session_can_be_written_down_and_read_again() {
    for number in 0..500 {
        let session = session(2, number, Promise::Session, &weights());
        let read = Session::parse(&session.to_string(), "generated").expect("a script");
        assert_eq!(read, session, "{number}");
    }
}

#[test]
fn weights_are_checked() {
    assert!(Weights::parse("select = 1").is_ok());
    for wrong in ["selekt = 1", "select = -1", "select = 0", ""] {
        assert!(Weights::parse(wrong).is_err(), "{wrong}");
    }
}
