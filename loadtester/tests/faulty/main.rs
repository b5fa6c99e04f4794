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
/// So many sessions that differ are shrunk, where the first one stays larger than that.
const FINDINGS_MAX: usize = 4;
/// Sessions in which nothing may be found.
const SESSIONS_CLEAN: u64 = 150;
/// Threads, each with a database.
const JOBS: u32 = 2;

fn hunt(site: &Site, kind: Kind, database: u32, sessions: u64, findings_max: usize) -> Bag {
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
        findings_max,
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

fn steps(finding: &Finding) -> usize {
    finding.shrunk.steps.len()
}

/// The smallest session that shows a fault.
fn smallest(bag: &Bag) -> Option<&Finding> {
    bag.confirmed().min_by_key(|finding| steps(finding))
}

/// Looks for a fault. What a session leaks shows in another one only if that gets the same server, which is
/// often a matter of who comes first; if it was seldom so in the first session, it cannot be made small,
/// and more are looked at.
fn find(site: &Site, fault: Fault, job: u32) -> Bag {
    let hunt = |findings| hunt(site, Kind::Pooler(Some(fault)), job, SESSIONS_MAX, findings);
    let first = hunt(1);
    match smallest(&first) {
        Some(finding) if steps(finding) > STEPS_MAX => hunt(FINDINGS_MAX),
        _ => first,
    }
}

/// What is wrong with what was found of a fault.
fn judge(fault: Fault, bag: &Bag) -> Option<String> {
    let Some(finding) = smallest(bag) else {
        let sentence = fault.sentence();
        return Some(format!(
            "{fault:?} not found in {} sessions: {sentence}\n",
            bag.sessions
        ));
    };
    let text = describe(&format!("{fault:?}"), finding);
    println!("{text}");
    (steps(finding) > STEPS_MAX).then(|| format!("too long: {text}"))
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
        let bag = hunt(&site, kind, job, SESSIONS_CLEAN, 1);
        let finding = bag.confirmed().next()?;
        Some(describe(&format!("{kind:?}"), finding))
    });
    assert!(wrong_alarms.is_empty(), "{wrong_alarms}");
    let complaints = each(Fault::ALL.to_vec(), |fault, job| {
        judge(fault, &find(&site, fault, job))
    });
    println!("{} faults in {:?}", Fault::ALL.len(), began.elapsed());
    assert!(complaints.is_empty(), "{complaints}");
}
