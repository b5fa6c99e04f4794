//! Proof that generated sessions find things: a small proxy is made wrong in one way after the other,
//! and the generator alone must notice each, in a bounded number of sessions, and say it in a few
//! steps. In front of the same proxy without a fault, and of a plain byte pump, it must find nothing.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a helper of a test fails the test, and says how much there was to find"
)]

mod fault;
mod proxy;
mod site;

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::Instant;

use poolproof::diff::columns;
use poolproof::diff::generate::Weights;
use poolproof::diff::generate::promise::Promise;
use poolproof::diff::random::{self, Bag, Finding, Hunt, Shown};
use poolproof::engine::Stop;

use fault::Fault;
use proxy::Kind;
use site::Site;

/// Seed of every session here. With another one the numbers of sessions change, not the outcome.
const SEED: u64 = 20_260_301;
/// In so many sessions each fault must be found.
const SESSIONS_MAX: u64 = 400;
/// Most steps of a shrunk session.
const STEPS_MAX: usize = 8;
/// Sessions in which nothing may be found.
const SESSIONS_CLEAN: u64 = 150;
/// Threads, each with a database.
const JOBS: u32 = 2;

fn hunt(site: &Site, kind: Kind, database: u32, sessions: u64) -> Bag {
    let proxy = site.proxy(kind);
    let hunt = Hunt {
        seed: SEED,
        sessions,
        way: (None, None),
        promise: match kind {
            Kind::Pump => Promise::Session,
            Kind::Pooler(_) => Promise::Transactions,
        },
        weights: Weights::of_the_catalog().expect("the weights of the catalog"),
        findings_max: 1,
    };
    let open = async |_| site.pair(database, proxy.address).await;
    let bag = random::run(
        &hunt,
        1,
        open,
        &|_| {},
        &AtomicU64::new(0),
        &Stop::default(),
    );
    bag.expect("sessions can be performed")
}

/// Does `work` with every item, [`JOBS`] at a time, and collects what it complains of.
fn each<T: Send>(items: Vec<T>, work: impl Fn(T, u32) -> Option<String> + Sync) -> String {
    let (items, complaints) = (Mutex::new(items), Mutex::new(String::new()));
    thread::scope(|scope| {
        for job in 0..JOBS {
            let (items, complaints, work) = (&items, &complaints, &work);
            scope.spawn(move || {
                while let Some(item) = { items.lock().expect("a lock").pop() } {
                    if let Some(complaint) = work(item, job) {
                        complaints.lock().expect("a lock").push_str(&complaint);
                    }
                }
            });
        }
    });
    complaints.into_inner().expect("a lock")
}

/// What is wrong with what was found of a fault.
fn judge(fault: Fault, bag: &Bag) -> Option<String> {
    let Some(finding) = bag.confirmed().next() else {
        let sentence = fault.sentence();
        return Some(format!(
            "{fault:?} not found in {} sessions: {sentence}\n",
            bag.sessions
        ));
    };
    let text = describe(&format!("{fault:?}"), finding);
    println!("{text}");
    (finding.shrunk.steps.len() > STEPS_MAX).then(|| format!("too long: {text}"))
}

fn describe(what: &str, finding: &Finding) -> String {
    let Shown {
        oracle,
        target,
        difference,
    } = &finding.shown;
    format!(
        "{what}: session {}, {} steps, {} of {} replays\n{}\n{}",
        finding.number,
        finding.shrunk.steps.len(),
        finding.differs,
        random::REPLAYS,
        finding.shrunk,
        columns(("PostgreSQL", "target"), oracle, target, Some(difference))
    )
}

#[test]
#[ignore = "takes minutes: part of make diff-nightly"]
fn every_planted_fault_is_found_and_nothing_else() {
    println!("seed {SEED}");
    let site = Site::start(JOBS);
    let began = Instant::now();
    let right = vec![Kind::Pump, Kind::Pooler(None)];
    let wrong_alarms = each(right, |kind, job| {
        let bag = hunt(&site, kind, job, SESSIONS_CLEAN);
        let finding = bag.confirmed().next()?;
        Some(describe(&format!("{kind:?}"), finding))
    });
    assert!(wrong_alarms.is_empty(), "{wrong_alarms}");
    let complaints = each(Fault::ALL.to_vec(), |fault, job| {
        judge(
            fault,
            &hunt(&site, Kind::Pooler(Some(fault)), job, SESSIONS_MAX),
        )
    });
    println!("{} faults in {:?}", Fault::ALL.len(), began.elapsed());
    assert!(complaints.is_empty(), "{complaints}");
}
