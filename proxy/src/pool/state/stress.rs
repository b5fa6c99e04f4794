//! The same promises with real threads, which wake each other as sessions do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, Thread};
use std::time::Duration;

use super::*;

const CORES: u16 = 3;
const CLIENTS: usize = 24;
const ROUNDS: usize = 3_000;
const SIZE: usize = 4;

/// Far above what a turn takes; a thread that sleeps that long was not woken.
const WAKE_MAX: Duration = Duration::from_secs(20);

type Shared = Mutex<PoolState<usize, Thread>>;

fn wake(outcome: GiveBack<usize, Thread>) {
    match outcome {
        GiveBack::Idle => {}
        GiveBack::Handed(thread) => thread.unpark(),
        GiveBack::Surplus(server) => panic!("server {server} was too many"),
    }
}

/// Opens as many servers as the pool asks for, as it would be done in tasks of their own.
fn open(pool: &Shared, core: CoreId, opened: &AtomicUsize) {
    let server = opened.fetch_add(1, Ordering::Relaxed);
    let (outcome, more) = pool.lock().unwrap().opened(core, server);
    wake(outcome);
    for _ in 0..more {
        open(pool, core, opened);
    }
}

fn take(pool: &Shared, core: CoreId, opened: &AtomicUsize) -> usize {
    let asked = pool.lock().unwrap().checkout(core, thread::current);
    let ticket = match asked {
        Checkout::Server(server, _) => return server,
        Checkout::Wait { ticket, open: true } => {
            open(pool, core, opened);
            ticket
        }
        Checkout::Wait {
            ticket,
            open: false,
        } => ticket,
    };
    loop {
        match pool.lock().unwrap().look(core, ticket, |_| {}) {
            Waited::Server(server) => return server,
            Waited::Refused => panic!("{ticket:?} was refused"),
            Waited::Not => {}
        }
        let slept = std::time::Instant::now();
        thread::park_timeout(WAKE_MAX);
        assert!(slept.elapsed() < WAKE_MAX, "{ticket:?} was never woken");
    }
}

#[test]
fn threads_share_the_servers_and_nobody_is_forgotten() {
    let pool: Arc<Shared> = Arc::new(Mutex::new(PoolState::new(SIZE, CORES.into())));
    let opened = Arc::new(AtomicUsize::new(0));
    let in_use = Arc::new(AtomicUsize::new(0));
    let holders: Arc<[AtomicUsize; SIZE]> = Arc::default();
    let clients = (0..CLIENTS).map(|client| {
        let (pool, opened, in_use, holders) = (
            pool.clone(),
            opened.clone(),
            in_use.clone(),
            holders.clone(),
        );
        let core = CoreId(u16::try_from(client).unwrap() % CORES);
        thread::spawn(move || {
            for round in 0..ROUNDS {
                let server = take(&pool, core, &opened);
                assert_eq!(
                    holders[server].swap(client + 1, Ordering::SeqCst),
                    0,
                    "in use twice"
                );
                assert!(in_use.fetch_add(1, Ordering::SeqCst) < SIZE);
                if round % 7 == client % 7 {
                    thread::yield_now();
                }
                in_use.fetch_sub(1, Ordering::SeqCst);
                assert_eq!(holders[server].swap(0, Ordering::SeqCst), client + 1);
                let outcome = pool.lock().unwrap().give_back(core, server);
                wake(outcome);
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.join().unwrap();
    }
    let state = pool.lock().unwrap();
    assert_eq!(
        (state.waiting(), state.handed.len(), state.opening()),
        (0, 0, 0)
    );
    assert_eq!(state.idle(), opened.load(Ordering::SeqCst));
    assert!(state.idle() <= SIZE);
}
