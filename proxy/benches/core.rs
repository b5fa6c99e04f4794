//! What can be measured alone, without sockets: `cargo bench -p poolproof-proxy`.

#![expect(clippy::expect_used, reason = "a bench stops where it stands")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use poolproof_proxy::auth::scram::client::{AwaitServerFirst, Binding};
use poolproof_proxy::auth::scram::server::AwaitFirst;
use poolproof_proxy::auth::scram::{ScramKeys, ScramSecret};
use poolproof_proxy::config::Config;
use poolproof_proxy::cores::CoreId;
use poolproof_proxy::pool::state::{Checkout, GiveBack, PoolState, Ticket, Waited};
use poolproof_proxy::prepared::translate::{Parties, Passage, Translator};
use poolproof_proxy::prepared::{Catalog, Names, Shelf};
use poolproof_proxy::protocol::exchange::Exchange;
use poolproof_proxy::protocol::frame::Header;
use poolproof_proxy::protocol::tag::Frontend;
use poolproof_proxy::protocol::walker::{WalkError, Walker};
use poolproof_proxy::server::residue::Residue;
use poolproof_proxy::stats::CoreStats;

const MESSAGE_MAX: u32 = 1 << 30;

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short message");
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

/// The answer to `SELECT` with so many rows of 100 bytes.
fn answer(rows: usize) -> Vec<u8> {
    let mut bytes = message(b'T', &[1; 28]);
    for _ in 0..rows {
        bytes.extend(message(b'D', &[2; 100]));
    }
    bytes.extend(message(b'C', b"SELECT 1\0"));
    bytes.extend(message(b'Z', b"I"));
    bytes
}

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frames");
    for rows in [1, 500] {
        let bytes = answer(rows);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("walk {rows} rows"), |bencher| {
            let mut walker = Walker::default();
            let whole = |tag| matches!(tag, b'Z' | b'S' | b'C' | b'E');
            bencher.iter(|| {
                let report = |tag, body: &[u8]| {
                    black_box((tag, body));
                    Ok::<_, WalkError>(())
                };
                walker
                    .walk(black_box(&bytes), whole, report)
                    .expect("a sound stream");
            });
        });
    }
    group.finish();
}

/// The messages of one batch go through the translator and are answered.
fn renaming(criterion: &mut Criterion) {
    let batch: Vec<Vec<u8>> = vec![
        message(b'B', b"\0statement_1\0\0\0\0\0\0\0"),
        message(b'D', b"P\0"),
        message(b'E', b"\0\0\0\0\0"),
        message(b'S', b""),
    ];
    let prepare = vec![
        message(b'P', b"statement_1\0SELECT 1\0\0\0"),
        message(b'S', b""),
    ];
    criterion.bench_function("renaming: bind of a known statement", |bencher| {
        let mut session = Session::default();
        session.say(&prepare);
        session.hear(b"1Z");
        bencher.iter(|| {
            black_box(session.say(black_box(&batch)));
            session.hear(b"2TDCZ");
        });
    });
}

#[derive(Default)]
struct Session {
    exchange: Exchange,
    shelf: Shelf,
    residue: Residue,
    names: Option<Box<Names>>,
    catalog: Catalog,
    stats: CoreStats,
    out: Vec<u8>,
}

impl Session {
    fn say(&mut self, messages: &[Vec<u8>]) -> usize {
        let source = messages.concat();
        self.out.clear();
        let parties = Parties {
            exchange: &mut self.exchange,
            shelf: &mut self.shelf,
            residue: &mut self.residue,
            names: &mut self.names,
            catalog: &self.catalog,
            stats: &self.stats,
            statements_max: 100,
        };
        let mut translator = Translator::new(parties, &source, &mut self.out);
        let mut at = 0;
        while let Ok(Some(header)) = Header::read(&source[at..], MESSAGE_MAX) {
            let tag = Frontend::from_tag(header.tag).expect("a message of a client");
            let passage = translator.message(tag, at, &source[at..at + header.len]);
            assert_eq!(passage, Passage::Goes);
            at += header.len;
        }
        translator.finish(at).len()
    }

    fn hear(&mut self, tags: &[u8]) {
        for tag in tags {
            let verdict = self
                .exchange
                .server_sent(*tag, b"I")
                .expect("an expected answer");
            if verdict.confirmed {
                self.shelf.confirm();
            }
        }
    }
}

/// One more client in the queue, of either core in turn.
fn wait(pool: &mut PoolState<u32, ()>, at: usize) -> (CoreId, Ticket) {
    let core = CoreId(u16::from(!at.is_multiple_of(2)));
    match pool.checkout(core, || ()) {
        Checkout::Wait { ticket, .. } => (core, ticket),
        Checkout::Server(..) => unreachable!("nobody gives one back meanwhile"),
    }
}

fn pool(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pool");
    let near = CoreId(0);
    let full = || {
        let mut pool: PoolState<u32, ()> = PoolState::new(20, 2);
        for server in 0..20 {
            let checkout = pool.checkout(near, || ());
            assert!(matches!(checkout, Checkout::Wait { open: true, .. }));
            let _ = pool.opened(near, server);
        }
        pool
    };
    group.bench_function("checkout and hand-back, servers idle", |bencher| {
        let mut pool: PoolState<u32, ()> = full();
        // Those who asked first take theirs, and one comes back.
        let _ = pool.refuse_all();
        let _ = pool.give_back(near, 0);
        bencher.iter(|| match pool.checkout(near, || ()) {
            Checkout::Server(server, _) => black_box(pool.give_back(near, server)),
            Checkout::Wait { .. } => GiveBack::Idle,
        });
    });
    group.bench_function("hand-back and look, 200 waiting on two cores", |bencher| {
        let mut pool: PoolState<u32, ()> = PoolState::new(1, 2);
        let mut tickets = std::collections::VecDeque::new();
        for at in 0..200 {
            tickets.push_back(wait(&mut pool, at));
        }
        let _ = pool.opened(near, 7);
        let mut at = 0;
        bencher.iter(|| {
            // Whoever it was set aside for is among the oldest few of either core.
            let due = tickets.iter().position(|(core, ticket)| {
                match pool.look(*core, *ticket, |()| ()) {
                    Waited::Server(server) => {
                        black_box(server);
                        true
                    }
                    Waited::Not | Waited::Refused => false,
                }
            });
            let (core, _) = tickets
                .remove(due.expect("somebody's turn"))
                .expect("it is there");
            tickets.push_back(wait(&mut pool, at));
            at += 1;
            black_box(pool.give_back(core, 7))
        });
    });
    group.finish();
}

fn scram(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scram");
    group.bench_function("keys of a password, 4096 iterations", |bencher| {
        bencher.iter(|| ScramKeys::derive(black_box("password"), &[7; 16], 4096));
    });
    let keys = ScramKeys::derive("password", &[7; 16], 4096);
    let secret = ScramSecret::derive("password", &[7; 16], 4096);
    group.bench_function("one exchange, both sides, keys known", |bencher| {
        bencher.iter_batched(
            || secret.clone(),
            |secret| {
                let client = AwaitServerFirst::new(Binding::Impossible).expect("randomness");
                let server = AwaitFirst::new(secret).expect("randomness");
                let first = client.client_first();
                let (server, challenge) = server.client_first(first.as_bytes()).expect("a first");
                let challenge = client
                    .server_first(challenge.as_bytes())
                    .expect("a challenge");
                let (_, proof) = challenge.answer(&keys);
                black_box(server.client_final(proof.as_bytes()).expect("a proof"));
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn configuration(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let users = folder.path().join("userlist.txt");
    let list: String = (0..1000)
        .map(|at| format!("\"user{at}\" \"password{at}\"\n"))
        .collect();
    std::fs::write(&users, list).expect("write");
    let databases: String = (0..100)
        .map(|at| format!("db{at} = host=127.0.0.1 port=5432 pool_size={at}\n"))
        .collect();
    let ini = folder.path().join("pgbouncer.ini");
    let text = format!(
        "[databases]\n{databases}[pgbouncer]\nlisten_addr = 127.0.0.1\nauth_type = scram-sha-256\nauth_file = {}\n",
        users.display()
    );
    std::fs::write(&ini, text).expect("write");
    criterion.bench_function("configuration: 100 databases, 1,000 users", |bencher| {
        bencher.iter(|| Config::load(black_box(&ini)).expect("a sound configuration"));
    });
}

criterion_group!(benches, frames, renaming, pool, scram, configuration);
criterion_main!(benches);
