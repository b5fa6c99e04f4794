use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const A: CoreId = CoreId(0);
const B: CoreId = CoreId(1);

type State = PoolState<u32, u32>;

fn waits(state: &mut State, core: CoreId, client: u32) -> (Ticket, bool) {
    match state.checkout(core, || client) {
        Checkout::Wait { ticket, open } => (ticket, open),
        Checkout::Server(server, _) => panic!("client {client} got server {server}"),
    }
}

fn look(state: &mut State, core: CoreId, ticket: Ticket) -> Waited<u32> {
    state.look(core, ticket, |_| {})
}

#[test]
fn servers_are_opened_as_needed_and_never_above_the_size() {
    let mut state = State::new(2, 1);
    let opens: Vec<bool> = (0..4)
        .map(|client| waits(&mut state, A, client).1)
        .collect();
    assert_eq!(opens, [true, true, false, false]);
    assert_eq!((state.total(), state.opening(), state.waiting()), (2, 2, 4));
}

#[test]
fn an_opened_server_goes_to_the_first_in_the_queue() {
    let mut state = State::new(1, 1);
    let (first, _) = waits(&mut state, A, 1);
    let (second, _) = waits(&mut state, A, 2);
    assert_eq!(state.opened(A, 7), (GiveBack::Handed(1), 0));
    assert_eq!(look(&mut state, A, first), Waited::Server(7));
    assert_eq!(look(&mut state, A, second), Waited::Not);
    assert_eq!(state.give_back(A, 7), GiveBack::Handed(2));
}

#[test]
fn the_server_used_last_is_taken_first_and_the_own_core_before_others() {
    let mut state = State::new(3, 2);
    for (client, core) in [(1, A), (2, A), (3, B)] {
        let _ = waits(&mut state, core, client);
    }
    for (server, core) in [(10, A), (11, A), (12, B)] {
        let _ = state.opened(core, server);
    }
    state.handed.clear();
    for (server, core) in [(10, A), (11, A), (12, B)] {
        assert_eq!(state.give_back(core, server), GiveBack::Idle);
    }
    assert_eq!(state.checkout(A, || 0), Checkout::Server(11, A));
    assert_eq!(state.checkout(B, || 0), Checkout::Server(12, B));
    assert_eq!(
        state.checkout(B, || 0),
        Checkout::Server(10, A),
        "nobody waits beside an idle one"
    );
}

/// A quarter of those who wait, but not less than in a short queue nor more than in the longest.
#[test]
fn locality_has_more_slack_in_a_long_queue() {
    for (waiting, expected) in [
        (0, LOCALITY_SLACK),
        (20, LOCALITY_SLACK),
        (180, 45),
        (980, LOCALITY_SLACK_MAX),
    ] {
        let mut state = State::new(1, 2);
        for _ in 0..waiting {
            let _ = waits(&mut state, A, 0);
        }
        assert_eq!(state.slack(), expected, "{waiting} clients wait");
    }
}

#[test]
fn locality_overtakes_only_within_its_slack() {
    for (between, first) in [(LOCALITY_SLACK - 1, 1000), (LOCALITY_SLACK, 0)] {
        let mut state = State::new(1, 2);
        let _ = waits(&mut state, B, 0);
        for _ in 0..between {
            let (ticket, _) = waits(&mut state, B, 1);
            assert_eq!(state.abandon(B, ticket), None);
        }
        let _ = waits(&mut state, A, 1000);
        assert_eq!(
            state.opened(A, 7),
            (GiveBack::Handed(first), 0),
            "{between} arrivals between"
        );
    }
}

#[test]
fn one_who_leaves_gives_the_server_on() {
    let mut state = State::new(1, 1);
    let (first, _) = waits(&mut state, A, 1);
    let (second, _) = waits(&mut state, A, 2);
    assert_eq!(state.opened(A, 7), (GiveBack::Handed(1), 0));
    assert_eq!(state.abandon(A, first), Some(7));
    assert_eq!(state.give_back(A, 7), GiveBack::Handed(2));
    assert_eq!(look(&mut state, A, second), Waited::Server(7));
}

#[test]
fn after_a_failure_nobody_tries_before_the_retry() {
    let mut state = State::new(2, 1);
    let (first, open) = waits(&mut state, A, 1);
    assert!(open);
    state.failed();
    assert!(!waits(&mut state, A, 2).1);
    assert_eq!(state.retry(), 2);
    assert_eq!(state.opened(A, 7), (GiveBack::Handed(1), 0));
    assert_eq!(look(&mut state, A, first), Waited::Server(7));
}

#[test]
fn a_server_that_dies_is_replaced_while_clients_wait() {
    let mut state = State::new(1, 1);
    let (first, _) = waits(&mut state, A, 1);
    let _ = state.opened(A, 7);
    assert_eq!(look(&mut state, A, first), Waited::Server(7));
    assert!(!waits(&mut state, A, 2).1, "the pool is full");
    assert_eq!(state.closed(), 1);
}

#[test]
fn a_refused_queue_is_empty_and_says_so() {
    let mut state = State::new(1, 2);
    let (first, _) = waits(&mut state, A, 1);
    let (second, _) = waits(&mut state, B, 2);
    assert_eq!(state.refuse_all(), [1, 2]);
    assert_eq!(look(&mut state, A, first), Waited::Refused);
    assert_eq!(look(&mut state, B, second), Waited::Refused);
    assert_eq!(state.waiting(), 0);
}

#[test]
fn those_who_wait_too_long_are_sent_away() {
    let mut state = State::new(1, 2);
    let tickets: Vec<_> = [(1, A), (2, B), (3, A)]
        .map(|(client, core)| waits(&mut state, core, client).0)
        .into();
    assert_eq!(state.expire(|client| *client < 3), [1, 2]);
    assert_eq!(state.heads().collect::<Vec<_>>(), [&3]);
    assert_eq!(look(&mut state, A, tickets[0]), Waited::Refused);
    assert_eq!(look(&mut state, A, tickets[2]), Waited::Not);
    assert_eq!(state.waiting(), 1);
}

#[test]
fn a_pool_that_is_paused_or_too_large_takes_nothing_back() {
    let mut state = State::new(2, 1);
    for client in 0..2 {
        let _ = waits(&mut state, A, client);
        let _ = state.opened(A, client);
    }
    state.handed.clear();
    assert_eq!(state.resize(1), 0);
    assert_eq!(state.give_back(A, 1), GiveBack::Surplus(1));
    assert_eq!(state.closed(), 0);
    assert_eq!(state.give_back(A, 0), GiveBack::Idle);
    state.pause();
    assert!(
        !waits(&mut state, A, 9).1,
        "a paused pool keeps its idle servers to itself"
    );
}

/// What can happen to a pool. Numbers choose among what is there, modulo its count.
#[derive(Clone, Debug)]
enum Step {
    Checkout { core: u16 },
    Opened { core: u16 },
    Failed,
    Retry,
    GiveBack { which: usize, core: u16 },
    Close { which: usize },
    Look { which: usize },
    Abandon { which: usize },
    Resize { size: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let core = 0..3_u16;
    let step = prop_oneof![
        6 => core.clone().prop_map(|core| Step::Checkout { core }),
        3 => core.clone().prop_map(|core| Step::Opened { core }),
        1 => Just(Step::Failed),
        1 => Just(Step::Retry),
        5 => (any::<usize>(), core).prop_map(|(which, core)| Step::GiveBack { which, core }),
        1 => any::<usize>().prop_map(|which| Step::Close { which }),
        4 => any::<usize>().prop_map(|which| Step::Look { which }),
        1 => any::<usize>().prop_map(|which| Step::Abandon { which }),
        1 => (1..6_usize).prop_map(|size| Step::Resize { size }),
    ];
    proptest::collection::vec(step, 0..200)
}

/// The world around a pool: who holds what, and who has been told what.
struct World {
    state: State,
    size: usize,
    held: Vec<u32>,
    waiting: BTreeMap<u64, CoreId>,
    woken: BTreeSet<u64>,
    opening: usize,
    next_server: u32,
    overtaken: BTreeMap<u64, u64>,
    retrying: bool,
}

impl World {
    fn pick<T>(items: &[T], which: usize) -> Option<usize> {
        (!items.is_empty()).then(|| which % items.len())
    }

    fn settle(&mut self, outcome: &GiveBack<u32, u32>) {
        if let GiveBack::Surplus(_) = outcome {
            self.opening += self.state.closed();
        }
        if let GiveBack::Handed(client) = outcome {
            let client = u64::from(*client);
            assert!(
                self.waiting.contains_key(&client),
                "woke {client}, who does not wait"
            );
            for (other, count) in &mut self.overtaken {
                if *other < client && !self.woken.contains(other) {
                    *count += 1;
                }
            }
            self.woken.insert(client);
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Checkout { core } => self.checkout(CoreId(core)),
            Step::Opened { core } if self.opening > 0 => {
                self.opening -= 1;
                self.next_server += 1;
                let (outcome, more) = self.state.opened(CoreId(core), self.next_server);
                self.opening += more;
                self.retrying = false;
                self.settle(&outcome);
            }
            Step::Failed if self.opening > 0 => {
                self.opening -= 1;
                self.retrying = true;
                self.state.failed();
            }
            Step::Retry => {
                self.retrying = false;
                self.opening += self.state.retry();
            }
            Step::GiveBack { which, core } => {
                if let Some(at) = Self::pick(&self.held, which) {
                    let server = self.held.swap_remove(at);
                    let outcome = self.state.give_back(CoreId(core), server);
                    self.settle(&outcome);
                }
            }
            Step::Close { which } => {
                if let Some(at) = Self::pick(&self.held, which) {
                    self.held.swap_remove(at);
                    self.opening += self.state.closed();
                }
            }
            Step::Look { which } => self.look(which),
            Step::Abandon { which } => self.abandon(which),
            Step::Resize { size } => {
                self.size = size;
                self.opening += self.state.resize(size);
            }
            Step::Opened { .. } | Step::Failed => {}
        }
    }

    fn checkout(&mut self, core: CoreId) {
        let client = u32::try_from(self.state.next.0).unwrap();
        match self.state.checkout(core, || client) {
            Checkout::Server(server, _) => self.held.push(server),
            Checkout::Wait { ticket, open } => {
                self.opening += usize::from(open);
                self.waiting.insert(ticket.0, core);
                self.overtaken.insert(ticket.0, 0);
            }
        }
    }

    fn client(&self, which: usize) -> Option<(u64, CoreId)> {
        let clients: Vec<_> = self
            .waiting
            .iter()
            .map(|(ticket, core)| (*ticket, *core))
            .collect();
        Self::pick(&clients, which).map(|at| clients[at])
    }

    fn forget(&mut self, client: u64) {
        self.waiting.remove(&client);
        self.woken.remove(&client);
        self.overtaken.remove(&client);
    }

    fn look(&mut self, which: usize) {
        let Some((client, core)) = self.client(which) else {
            return;
        };
        match self.state.look(core, Ticket(client), |_| {}) {
            Waited::Server(server) => {
                assert!(
                    self.woken.contains(&client),
                    "{client} has a server and was not woken"
                );
                self.forget(client);
                self.held.push(server);
            }
            Waited::Not => assert!(
                !self.woken.contains(&client),
                "{client} was woken for nothing"
            ),
            Waited::Refused => panic!("{client} was refused"),
        }
    }

    fn abandon(&mut self, which: usize) {
        let Some((client, core)) = self.client(which) else {
            return;
        };
        let server = self.state.abandon(core, Ticket(client));
        assert_eq!(server.is_some(), self.woken.contains(&client));
        self.forget(client);
        if let Some(server) = server {
            let outcome = self.state.give_back(core, server);
            self.settle(&outcome);
        }
    }

    fn check(&self) {
        let state = &self.state;
        let counted = self.held.len() + state.idle() + state.handed.len() + state.opening;
        assert_eq!(state.total, counted, "every server is somewhere");
        assert_eq!(state.opening, self.opening);
        assert_eq!(
            state.waiting,
            self.waiting.len() - self.woken.len(),
            "everyone is somewhere"
        );
        assert_eq!(state.handed.len(), self.woken.len());
        assert!(
            state.waiting == 0 || state.idle() == 0,
            "somebody waits beside an idle server"
        );
        let starved = state.waiting > state.opening && state.total < self.size;
        assert!(
            !starved || self.retrying,
            "somebody waits beside room for a server"
        );
        let most = self.overtaken.values().max().copied().unwrap_or(0);
        assert!(
            most <= LOCALITY_SLACK, // its queues are short
            "somebody was overtaken {most} times"
        );
    }
}

#[test]
fn the_reserve_is_opened_for_those_overdue_and_no_others() {
    let mut state = State::new(1, 1);
    state.set_reserve(2);
    for client in 0..4 {
        let _ = waits(&mut state, A, client);
    }
    assert_eq!((state.total(), state.opening()), (1, 1));
    assert_eq!(state.open_reserve(0), 0);
    assert_eq!(state.open_reserve(1), 0, "one is on its way");
    assert_eq!(state.open_reserve(2), 1);
    assert_eq!(state.open_reserve(9), 1, "the reserve is of two");
    for server in 0..3 {
        assert_eq!(
            state.opened(A, server),
            (GiveBack::Handed(server), 0),
            "in order of arrival"
        );
    }
    state.handed.clear();
    assert_eq!(state.give_back(A, 0), GiveBack::Handed(3));
    assert_eq!(state.give_back(A, 1), GiveBack::Idle, "it stays open");
    state.set_reserve(0);
    assert_eq!(state.give_back(A, 2), GiveBack::Surplus(2));
}

#[test]
fn the_least_number_of_servers_is_opened_within_the_size() {
    let mut state = State::new(2, 1);
    assert_eq!(state.open_up_to(5), 2);
    assert_eq!(state.open_up_to(5), 0);
    state.failed();
    assert_eq!(state.open_up_to(2), 0, "not before it is time to try again");
    assert_eq!(state.retry(), 0);
    assert_eq!(state.open_up_to(2), 1);
}

#[test]
fn without_room_nothing_is_opened_until_there_is_some() {
    let mut state = State::new(3, 1);
    assert!(waits(&mut state, A, 1).1);
    state.put_off();
    assert_eq!((state.total(), state.opening()), (0, 0));
    assert!(!waits(&mut state, A, 2).1);
    assert_eq!(state.room(), 2);
}

#[test]
fn a_server_that_is_looked_after_is_neither_idle_nor_missing() {
    let mut state = State::new(1, 1);
    assert!(waits(&mut state, A, 1).1);
    let _ = state.opened(A, 7);
    state.handed.clear();
    let _ = state.give_back(A, 7);
    assert_eq!(state.checkout(A, || 0), Checkout::Server(7, A));
    state.looked_after();
    assert!(!waits(&mut state, A, 2).1, "it will come back");
    assert_eq!(state.opened(A, 7), (GiveBack::Handed(2), 0));
    state.handed.clear();
    state.looked_after();
    let _ = waits(&mut state, A, 3);
    state.unfit();
    assert_eq!(state.closed(), 1, "another one in its place");
}

#[test]
fn the_oldest_comes_first_on_request() {
    let mut state = State::new(3, 2);
    state.set_order(Order::OldestFirst);
    state.total = 3;
    for (server, core) in [(10, A), (11, B), (12, A)] {
        assert_eq!(state.give_back(core, server), GiveBack::Idle);
    }
    for server in [10, 11, 12, 10] {
        let Checkout::Server(taken, _) = state.checkout(B, || 0) else {
            panic!("no server");
        };
        assert_eq!(taken, server);
        let _ = state.give_back(B, server);
    }
    assert_eq!(state.evict(), Some(11));
}

proptest! {
    #[test]
    fn whatever_happens_the_pool_keeps_its_promises(steps in steps(), size in 1..6_usize) {
        let mut world = World {
            state: State::new(size, 3),
            size,
            held: Vec::new(),
            waiting: BTreeMap::new(),
            woken: BTreeSet::new(),
            opening: 0,
            next_server: 0,
            overtaken: BTreeMap::new(),
            retrying: false,
        };
        let mut most = size;
        for step in &steps {
            let before = world.state.total();
            world.step(step);
            world.check();
            most = world.size.max(before);
            prop_assert!(world.state.total() <= most, "{step:?} made more servers than allowed");
        }
        prop_assert!(most > 0);
    }
}
