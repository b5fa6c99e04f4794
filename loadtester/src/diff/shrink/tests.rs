use std::convert::Infallible;

use poolproof_scenarios::Session;

use super::{Promise, shrink};

/// Shrinks `script`, in which every session differs that holds all of `needed`.
fn shrunk(script: &str, needed: &[&str], promise: Promise) -> String {
    let session = Session::parse(script, "test").expect("a script");
    let differs = async |candidate: &Session| -> Result<bool, Infallible> {
        let text = candidate.to_string();
        Ok(needed.iter().all(|needed| text.contains(needed)))
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let shrunk = runtime.block_on(shrink(session, promise, differs));
    shrunk.expect("no error").to_string()
}

#[test]
fn what_is_not_needed_is_left_out() {
    let script = "\
A: Query \"SELECT 1\"
A: wait
B: Query \"SELECT 'b'\" cut every 1
A: Parse \"\" \"SELECT 'aa'; SELECT 'needed'\" | Bind \"\" \"\" | Execute | Sync
B: wait
all: barrier
";
    let smallest = shrunk(script, &["needed", "B: "], Promise::Transactions);
    assert_eq!(
        smallest,
        "A: Parse \"\" \"SELECT 'needed'\" | Sync\nB: wait\n"
    );
}

#[test]
fn what_the_mode_does_not_promise_is_not_tried() {
    let script = "\
A: Query \"BEGIN\"
A: Query \"SET app.v_1 = 'x'\"
A: Query \"SELECT current_setting('app.v_1')\"
A: Query \"COMMIT\"
";
    let needed = ["SET app.v_1", "current_setting"];
    let smallest = shrunk(script, &needed, Promise::Transactions);
    assert!(smallest.contains("BEGIN"), "{smallest}");
    let smallest = shrunk(script, &needed, Promise::Session);
    assert!(!smallest.contains("BEGIN"), "{smallest}");
}
