//! Makes sessions out of numbers: valid and slightly invalid behaviour of a few clients.
//!
//! The same seed gives the same session. What a session asks for is what the pool's mode promises: in a
//! pool that gives servers to others after each transaction, what a client leaves in its session
//! (settings, statements, temporary tables, locks) is mentioned by that client in one transaction and
//! never again ([`promise`]); other clients look for it, and must not find it.
//!
//! Every answer is determined: clients write rows of their own only, every query says its order, and
//! no client waits for another's lock.

mod author;
mod carried;
mod copy;
mod extended;
pub mod names;
mod pipeline;
pub mod promise;
mod simple;
mod state;
mod trouble;
mod weights;

pub use weights::{Phrase, Weights, WeightsError};

use poolproof_scenarios::Session;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Ground;
use author::{Author, Trace};
use promise::Promise;

/// What generated sessions find: they write to `t` alone, and make nothing that outlives them.
pub const GROUND: Ground = Ground::Restored("DELETE FROM t");

/// Fewest and most phrases of a session.
const PHRASES: std::ops::RangeInclusive<usize> = 4..=14;

/// The session number `number` of the run with this seed.
#[must_use]
pub fn session(seed: u64, number: u64, promise: Promise, weights: &Weights) -> Session {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // Streams of one seed are independent of each other.
    random.set_stream(number);
    let phrases = random.random_range(PHRASES);
    let mut author = Author::new(random, promise);
    for _ in 0..phrases {
        let phrase = weights.choose(&mut author.random);
        let promised = match promise {
            Promise::Session | Promise::TransactionsAndStatements => true,
            Promise::Transactions => !phrase.takes_statements_along(),
            Promise::Statements => {
                !phrase.takes_a_transaction() && !phrase.takes_statements_along()
            }
        };
        if promised {
            write(&mut author, phrase);
        }
    }
    author.finish()
}

fn write(author: &mut Author, phrase: Phrase) {
    match phrase {
        Phrase::Select => simple::select(author),
        Phrase::Null => simple::null(author),
        Phrase::Large => simple::large(author),
        Phrase::Empty => simple::empty(author),
        Phrase::Insert => simple::insert(author),
        Phrase::Update => simple::update(author),
        Phrase::Notice => simple::notice(author),
        Phrase::Error => simple::error(author),
        Phrase::Several => simple::several(author),
        Phrase::Together => simple::together(author),
        Phrase::Extended => extended::extended(author),
        Phrase::Described => extended::described(author),
        Phrase::Named => extended::named(author),
        Phrase::Reparsed => extended::reparsed(author),
        Phrase::Limited => extended::limited(author),
        Phrase::Portals => extended::portals(author),
        Phrase::Unknown => extended::unknown(author),
        Phrase::Keep => carried::keep(author),
        Phrase::Reuse => carried::reuse(author),
        Phrase::Forget => carried::forget(author),
        Phrase::Skipped => pipeline::skipped(author),
        Phrase::Pipeline => pipeline::pipeline(author),
        Phrase::Flushed => pipeline::flushed(author),
        Phrase::CopyIn => copy::copy_in(author),
        Phrase::CopyFail => copy::copy_fail(author),
        Phrase::CopyOut => copy::copy_out(author),
        Phrase::Begin => author.begin(),
        Phrase::End => author.end(),
        Phrase::Savepoint => simple::savepoint(author),
        Phrase::SetLocal => state::set_local(author),
        Phrase::Set => state::left(author, Trace::Setting),
        Phrase::Prepare => state::left(author, Trace::Statement),
        Phrase::Temporary => state::left(author, Trace::Table),
        Phrase::Listen => state::left(author, Trace::Channel),
        Phrase::Lock => state::left(author, Trace::Lock),
        Phrase::Handover => state::handover(author),
        Phrase::Probe => state::probe(author),
        Phrase::Fragments => trouble::fragments(author),
        Phrase::Cancel => trouble::cancel(author),
        Phrase::Leave => trouble::leave(author),
    }
}

#[cfg(test)]
mod tests;
