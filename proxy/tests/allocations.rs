//! A transaction allocates nothing, shown by counting: the pooler runs in this process, PostgreSQL in
//! others, and while the transactions run the client here allocates nothing either.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where it stands"
)]
#![expect(
    dead_code,
    unused_imports,
    reason = "the rest of these modules is for the other tests"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};

/// The tools of the other tests, under the names by which they know each other.
#[path = "integration"]
mod tools {
    pub(crate) mod cluster;
    pub(crate) mod patience;
    pub(crate) mod raw;
    pub(crate) mod site;
}

use raw::Client;
use site::{Against, Pool, Site};
use tools::{cluster, patience, raw, site};

/// The system's allocator, and how often it was asked.
struct Counting;

static ASKED: AtomicU64 = AtomicU64::new(0);

#[expect(unsafe_code, reason = "the trait is unsafe")]
// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        ASKED.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, len) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CLIENTS: u32 = 4;
const TRANSACTIONS: u32 = 5_000;

/// What housekeeping, once a second on each core, may take meanwhile, however slow the machine is.
/// One allocation a transaction would be ten times as many.
const ASIDE_MAX: u64 = TRANSACTIONS as u64 / 10;

/// Sends `request` and reads up to the ReadyForQuery of an idle session that ends the answer.
fn ask(mut client: &TcpStream, request: &[u8], buffer: &mut [u8]) {
    client.write_all(request).expect("send");
    let mut len = 0;
    while !buffer[..len].ends_with(b"Z\0\0\0\x05I") {
        let read = client.read(&mut buffer[len..]).expect("an answer");
        assert!(read > 0, "the pooler has closed the connection");
        len += read;
    }
}

/// Allocations while `request` is asked again and again by `clients` in turn.
fn allocations(clients: &[Client], request: &[u8]) -> u64 {
    let mut buffer = [0; 4096];
    let mut all_ask = |times| {
        for _ in 0..times {
            for client in clients {
                ask(client.stream(), request, &mut buffer);
            }
        }
    };
    // Buffers that are kept grow first.
    all_ask(2);
    let before = ASKED.load(Ordering::Relaxed);
    all_ask(TRANSACTIONS / CLIENTS);
    ASKED.load(Ordering::Relaxed) - before
}

#[test]
fn a_transaction_allocates_nothing() {
    // One thread, so that no server moves to another: that allocates, and is rare.
    let site = Site::start(Against::Proxy, &Pool::of(2).with("worker_threads", 1));
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| site.client()).collect();
    for client in &mut clients {
        assert_eq!(client.run("P named SELECT 1 | S"), "1 | Z I");
    }
    for (kind, request) in [
        ("simple", "Q SELECT 1"),
        ("extended", "P - SELECT 1 | B - - | DP - | E - | S"),
        ("prepared", "B - named | DP - | E - | S"),
    ] {
        let count = allocations(&clients, &raw::bytes_of(request));
        assert!(count <= ASIDE_MAX, "{kind}: {count} allocations");
    }
}
