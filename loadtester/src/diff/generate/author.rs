//! Writes steps, and knows as much of each client as the next phrase needs.

use poolproof_scenarios::{
    Session,
    session::{Action, Client, Condition, Cuts, Header, Message, Step, Who},
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::promise::Promise;

/// Most clients of a session. Each may hold a transaction open, and with it a server.
const CLIENTS_MAX: usize = 3;

/// What all clients find. `t` is written to, each row by its owner alone; `fixed` is only read. Nobody
/// else looks at them: with new statistics PostgreSQL may run the same query by another plan, and
/// return a row or none before an error.
const SETUP: [&str; 3] = [
    "CREATE TABLE t (id int PRIMARY KEY, owner text, v text) WITH (autovacuum_enabled = off)",
    "CREATE TABLE fixed (id int PRIMARY KEY, v text) WITH (autovacuum_enabled = off)",
    "INSERT INTO fixed SELECT n, 'row ' || n FROM generate_series(1, 9) n",
];

/// What a client may have left in its session, by which query another client can see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trace {
    Setting,
    Statement,
    Table,
    Channel,
    Lock,
}

impl Trace {
    /// Every one.
    pub(super) const ALL: [Self; 5] = [
        Self::Setting,
        Self::Statement,
        Self::Table,
        Self::Channel,
        Self::Lock,
    ];
}

/// A writer of sessions.
pub(super) struct Author {
    pub(super) random: ChaCha8Rng,
    pub(super) promise: Promise,
    /// Named statements that each client keeps: whose, number and text.
    pub(super) kept: Vec<(usize, u32, String)>,
    pub(super) left: Vec<(Trace, u32, usize)>,
    open: [bool; CLIENTS_MAX],
    steps: Vec<Step>,
    who: usize,
    clients: usize,
    names: u32,
}

impl Author {
    pub(super) fn new(mut random: ChaCha8Rng, promise: Promise) -> Self {
        let clients = random.random_range(1..=CLIENTS_MAX);
        Self {
            random,
            promise,
            kept: Vec::new(),
            left: Vec::new(),
            open: [false; CLIENTS_MAX],
            steps: Vec::new(),
            who: 0,
            clients,
            names: 0,
        }
    }

    /// The session, with every transaction ended that is still open.
    pub(super) fn finish(mut self) -> Session {
        for who in 0..self.clients {
            if self.open[who] {
                self.who = who;
                self.query("COMMIT");
            }
        }
        Session {
            header: Header {
                setup: SETUP.map(str::to_owned).to_vec(),
                ..Header::default()
            },
            steps: self.steps,
        }
    }

    /// Chooses who acts in what follows, and returns its number.
    pub(super) fn someone(&mut self) -> usize {
        self.who = self.random.random_range(0..self.clients);
        self.who
    }

    /// Lets a certain client act in what follows.
    pub(super) fn one(&mut self, who: usize) {
        self.who = who;
    }

    /// The number of whoever acts.
    pub(super) fn acts(&self) -> usize {
        self.who
    }

    /// Everybody.
    pub(super) fn all(&self) -> std::ops::Range<usize> {
        0..self.clients
    }

    /// The name of whoever acts.
    pub(super) fn name(&self) -> Client {
        Client::nth(self.who)
    }

    /// Whether whoever acts has a transaction open.
    pub(super) fn is_open(&self) -> bool {
        self.open[self.who]
    }

    /// Whether any client has a transaction open.
    pub(super) fn anybody_is_open(&self) -> bool {
        self.open.contains(&true)
    }

    /// A number that no other name of the session has.
    pub(super) fn fresh(&mut self) -> u32 {
        self.names += 1;
        self.names
    }

    /// True once in `times`.
    pub(super) fn once_in(&mut self, times: u32) -> bool {
        self.random.random_range(0..times) == 0
    }

    /// Begins a transaction where none is open.
    pub(super) fn begin(&mut self) {
        self.someone();
        if !self.is_open() {
            self.enter();
        }
    }

    /// Ends a transaction that is open.
    pub(super) fn end(&mut self) {
        self.someone();
        if self.is_open() {
            self.depart();
        }
    }

    /// Begins a transaction.
    pub(super) fn enter(&mut self) {
        self.open[self.who] = true;
        self.query("BEGIN");
    }

    fn depart(&mut self) {
        self.open[self.who] = false;
        let rolls_back = self.once_in(4);
        self.query(if rolls_back { "ROLLBACK" } else { "COMMIT" });
    }

    /// Lets whoever acts do something in one transaction, which stays open if it was. In a session of
    /// its own, half the time there is none.
    pub(super) fn within(&mut self, does: impl FnOnce(&mut Self)) {
        let needs_one = self.promise != Promise::Session || self.once_in(2);
        let enters = needs_one && !self.is_open();
        if enters {
            self.enter();
        }
        does(self);
        if enters {
            self.depart();
        }
    }

    /// The connection of whoever acts is gone, and with it its transaction.
    pub(super) fn gone(&mut self, how: Action) {
        self.open[self.who] = false;
        let who = self.who;
        self.kept.retain(|(whose, ..)| *whose != who);
        self.step(how);
    }

    /// A query in the simple protocol, and its answer.
    pub(super) fn query(&mut self, sql: &str) {
        self.batch(vec![Message::Query(sql.into())]);
    }

    /// Messages in one write, and their answers.
    pub(super) fn batch(&mut self, messages: Vec<Message>) {
        self.cut(messages, Cuts::None);
    }

    /// Messages in writes of so many bytes, and their answers.
    pub(super) fn cut(&mut self, messages: Vec<Message>, cuts: Cuts) {
        self.step(Action::Send { messages, cuts });
        self.wait(Condition::Answered);
    }

    /// Messages in one write, whose answers are waited for elsewhere.
    pub(super) fn send(&mut self, messages: Vec<Message>) {
        let cuts = Cuts::None;
        self.step(Action::Send { messages, cuts });
    }

    /// Waits for something that happens to whoever acts.
    pub(super) fn wait(&mut self, condition: Condition) {
        self.step(Action::Wait(condition));
    }

    /// A step of whoever acts.
    pub(super) fn step(&mut self, action: Action) {
        let who = Who::One(self.name());
        self.steps.push(Step { who, action });
    }

    /// A step that concerns everybody.
    pub(super) fn step_of_all(&mut self, action: Action) {
        let who = Who::All;
        self.steps.push(Step { who, action });
    }
}
