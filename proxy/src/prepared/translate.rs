//! From what the client says to what its server understands.
//!
//! Messages are looked at in the buffer that they were read into. Those that can go as they are
//! stay there; the first that cannot begins a copy in `out`, which the core reuses.

use super::catalog::NAME_PREFIX;
use super::{Catalog, Change, Names, Shelf, Statement};
use crate::protocol::exchange::{Errand, Exchange};
use crate::protocol::frame::HEADER_LEN;
use crate::protocol::message::backend::TransactionStatus;
use crate::protocol::sql::{names_used, traces};
use crate::protocol::tag::Frontend;
use crate::server::residue::Residue;
use crate::stats::CoreStats;
use std::sync::Arc;

/// Close of a statement that does not exist: `poolproof_` without a number.
const CLOSE_NOTHING: &[u8] = b"C\0\0\0\x10Spoolproof_\0";
/// Flush.
const FLUSH: &[u8] = b"H\0\0\0\x04";
/// Longest Query or Parse, header included, that is waited for until it is whole. A longer one goes
/// to the server as it is, and taints it; the statement of such a Parse is known there alone, under
/// the client's own name.
pub const TEXT_LEN_MAX: usize = 1 << 20;

/// Translates the messages of one read.
#[derive(Debug)]
pub struct Translator<'a> {
    /// What the server owes.
    pub exchange: &'a mut Exchange,
    /// What the server has.
    pub shelf: &'a mut Shelf,
    /// What is to be cleaned of the server.
    pub residue: &'a mut Residue,
    /// What the client calls its statements.
    pub names: &'a mut Option<Box<Names>>,
    /// The statements of all clients.
    pub catalog: &'a Catalog,
    /// Statements that a server may have; 0 leaves statements alone.
    pub statements_max: usize,
    stats: &'a CoreStats,
    /// What goes to the server, up to `copied`.
    out: &'a mut Vec<u8>,
    source: &'a [u8],
    copied: usize,
}

/// On whose behalf messages are translated.
#[derive(Debug)]
pub struct Parties<'a> {
    /// What the server owes.
    pub exchange: &'a mut Exchange,
    /// What the server has.
    pub shelf: &'a mut Shelf,
    /// What is to be cleaned of the server.
    pub residue: &'a mut Residue,
    /// What the client calls its statements.
    pub names: &'a mut Option<Box<Names>>,
    /// The statements of all clients.
    pub catalog: &'a Catalog,
    /// Statements that a server may have; 0 leaves statements alone.
    pub statements_max: usize,
    /// Where named statements are counted.
    pub stats: &'a CoreStats,
}

/// When a message goes to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// At once.
    Goes,
    /// At once, and the next one only when all are answered: one that deallocates statements
    /// changes what the names after it mean.
    GoesAlone,
    /// When all before it are answered: what it means depends on that.
    Waits,
}

impl<'a> Translator<'a> {
    /// A translator of the messages in `source`; `out` must be empty.
    #[must_use]
    pub fn new(parties: Parties<'a>, source: &'a [u8], out: &'a mut Vec<u8>) -> Self {
        let Parties {
            exchange,
            shelf,
            residue,
            names,
            catalog,
            statements_max,
            stats,
        } = parties;
        Self {
            exchange,
            shelf,
            residue,
            names,
            catalog,
            statements_max,
            stats,
            out,
            source,
            copied: 0,
        }
    }

    /// What goes to the server for the first `used` bytes.
    #[must_use]
    pub fn finish(self, used: usize) -> &'a [u8] {
        if self.copied == 0 && self.out.is_empty() {
            return &self.source[..used];
        }
        if self.copied < used {
            self.out.extend_from_slice(&self.source[self.copied..used]);
        }
        self.out
    }

    /// The client's next message: `frame` are its bytes at hand, from `at` on.
    pub fn message(&mut self, message: Frontend, at: usize, frame: &'a [u8]) -> Passage {
        if self.exchange.is_skipping() {
            return self.as_it_is(message);
        }
        if self.shelf.awaits_earlier() && self.is_about_a_name(message, frame) {
            self.ask_for_answers(at);
            return Passage::Waits;
        }
        match message {
            Frontend::Query => self.query(at, frame),
            Frontend::Parse => self.parse(at, frame),
            Frontend::Bind => self.bind(at, frame),
            Frontend::Describe => self.describe(at, frame),
            Frontend::Close => self.close(at, frame),
            Frontend::Execute if self.residue.names_armed() => {
                self.send_and_wait(message, at, frame)
            }
            Frontend::CopyDone | Frontend::CopyFail if self.copies_alone() => {
                self.send_and_wait(message, at, frame)
            }
            Frontend::Sync => {
                self.shelf.batch_ended();
                self.as_it_is(message)
            }
            _ => self.as_it_is(message),
        }
    }

    fn is_about_a_name(&self, message: Frontend, frame: &[u8]) -> bool {
        let body = frame.get(HEADER_LEN..).unwrap_or(&[]);
        match message {
            Frontend::Parse => body.first() != Some(&0),
            Frontend::Bind => cut_text(body).is_some_and(|(_, rest)| rest.first() != Some(&0)),
            Frontend::Describe | Frontend::Close => statement_name(frame).is_some(),
            Frontend::Query => traces(text_of(body)).names,
            _ => false,
        }
    }

    /// What is waited for must come: of a batch that has no end yet the server says nothing before a Flush.
    fn ask_for_answers(&mut self, at: usize) {
        if !self.exchange.is_quiet() && !self.exchange.answers_by_itself() {
            self.copy_up_to(at);
            self.out.extend_from_slice(FLUSH);
        }
    }

    fn as_it_is(&mut self, message: Frontend) -> Passage {
        self.exchange.client_sent(message);
        Passage::Goes
    }

    /// Begins to write in place of, or before, the message at `at`.
    fn copy_up_to(&mut self, at: usize) {
        self.out.extend_from_slice(&self.source[self.copied..at]);
        self.copied = at;
    }

    fn query(&mut self, at: usize, frame: &[u8]) -> Passage {
        let text = text_of(&frame[HEADER_LEN..]);
        let traces = traces(text);
        self.residue.text(traces, self.exchange.is_quiet());
        if !is_whole(frame) {
            self.residue.unseen();
        }
        // What has begun cannot go alone, as its rest would wait behind it.
        let is_about_names = traces.names && self.statements_max > 0 && is_whole(frame);
        self.residue.query(is_about_names);
        if !is_about_names {
            return self.as_it_is(Frontend::Query);
        }
        // In a failed transaction nothing but its end is run.
        if self.exchange.status() != TransactionStatus::Failed {
            self.make_names_known(at, text, Errand::HiddenAlias);
        }
        self.exchange.client_sent(Frontend::Query);
        self.shelf.batch_ended();
        Passage::GoesAlone
    }

    fn send_and_wait(&mut self, message: Frontend, at: usize, frame: &[u8]) -> Passage {
        self.exchange.client_sent(message);
        if !is_whole(frame) {
            return Passage::Goes;
        }
        self.ask_for_answers(at + frame.len());
        Passage::GoesAlone
    }

    /// Whether the server takes data for a COPY after which what the client's names mean is open again.
    fn copies_alone(&self) -> bool {
        self.exchange.is_copying_in() && (self.residue.names_armed() || self.residue.query_armed())
    }

    /// SQL that names statements is run by the server, which must know them by these names.
    fn make_names_known(&mut self, at: usize, text: &[u8], errand: Errand) {
        for used in names_used(text) {
            if used.deallocates {
                self.residue.deallocates(&used.name);
            }
            let known = self.names.as_ref().and_then(|names| names.get(&used.name));
            if let Some(statement) = known.cloned() {
                self.copy_up_to(at);
                // The server may have it from before; Close of what it has not is no error.
                self.write_close(&used.name);
                self.note(Errand::HiddenClose, Change::Nothing);
                self.write_parse(&used.name, &statement.definition);
                self.residue.stays();
                self.note(errand, Change::Nothing);
            }
        }
    }

    fn parse(&mut self, at: usize, frame: &'a [u8]) -> Passage {
        let Some((name, definition)) = cut_text(&frame[HEADER_LEN..]) else {
            self.residue.unseen();
            return self.as_it_is(Frontend::Parse);
        };
        if name.is_empty() || self.statements_max == 0 {
            let text = text_of(definition);
            let traces = traces(text);
            self.residue.text(traces, self.exchange.is_quiet());
            if !is_whole(frame) {
                self.residue.unseen();
            }
            if traces.names && self.statements_max > 0 {
                self.residue.arm_names();
                self.make_names_known(at, text, Errand::HiddenParse);
            }
            if !name.is_empty() {
                self.residue.stays();
            }
            return self.as_it_is(Frontend::Parse);
        }
        if !is_whole(frame) {
            self.residue.unseen();
            return self.as_it_is(Frontend::Parse);
        }
        self.stats.client_parses.add(1);
        let names = self.names.get_or_insert_default();
        if let Some(taken) = names.get(name).cloned() {
            // The server says what PostgreSQL says, once it knows the name.
            self.copy_up_to(at);
            self.write_parse(name, &taken.definition);
            self.residue.stays();
            self.note(Errand::HiddenParse, Change::Nothing);
            return self.as_it_is(Frontend::Parse);
        }
        let statement = if self.residue.is_altered() {
            // After a SET the text may mean something else than it does for others.
            Arc::new(Statement::new(definition))
        } else {
            self.catalog.share(definition)
        };
        self.copy_up_to(at);
        self.parse_as(name, &statement);
        self.copied = at + frame.len();
        Passage::Goes
    }

    fn parse_as(&mut self, name: &[u8], statement: &Arc<Statement>) {
        let names = self.names.get_or_insert_default();
        let change = names.define(name, Arc::clone(statement));
        let known = self.shelf.touch(statement.id);
        // In a failed transaction Parse fails and Close does not; one that an earlier batch of the same
        // pipeline may still fail counts as failed.
        let may_have_failed = self.exchange.status() == TransactionStatus::Failed
            || self.exchange.owes_earlier_batch();
        if known && !may_have_failed {
            self.out.extend_from_slice(CLOSE_NOTHING);
            self.note(Errand::KnownParse, Change::Named(change));
            return;
        }
        if known {
            self.evict(statement.id);
        }
        self.make_room();
        self.write_parse(&statement.name, &statement.definition);
        self.note(Errand::Parse, Change::Prepared(statement.id, Some(change)));
    }

    fn bind(&mut self, at: usize, frame: &'a [u8]) -> Passage {
        let body = &frame[HEADER_LEN..];
        let parts = cut_text(body).and_then(|(portal, rest)| Some((portal, cut_text(rest)?)));
        let Some((portal, (name, values))) = parts else {
            return self.as_it_is(Frontend::Bind);
        };
        let Some(statement) = self.lookup(name) else {
            return self.as_it_is(Frontend::Bind);
        };
        self.stats.binds.add(1);
        self.residue
            .text(statement.traces, self.exchange.is_quiet());
        if statement.traces.names {
            self.residue.arm_names();
            self.make_names_known(at, text_of(&statement.definition), Errand::HiddenParse);
        }
        self.copy_up_to(at);
        self.ensure(&statement);
        self.write_header(frame, name, &statement);
        self.out.extend_from_slice(&body[..=portal.len()]);
        self.out.extend_from_slice(&statement.name);
        self.out.push(0);
        self.out.extend_from_slice(values);
        self.copied = at + frame.len();
        self.as_it_is(Frontend::Bind)
    }

    fn describe(&mut self, at: usize, frame: &'a [u8]) -> Passage {
        if let Some(name) = statement_name(frame)
            && let Some(statement) = self.lookup(name)
        {
            self.copy_up_to(at);
            self.ensure(&statement);
            self.write_header(frame, name, &statement);
            self.out.push(b'S');
            self.out.extend_from_slice(&statement.name);
            self.out.push(0);
            self.copied = at + frame.len();
        }
        self.as_it_is(Frontend::Describe)
    }

    fn close(&mut self, at: usize, frame: &'a [u8]) -> Passage {
        let names = self.names.as_mut().filter(|_| self.statements_max > 0);
        if let Some(name) = statement_name(frame)
            && let Some(change) = names.and_then(|names| names.remove(name))
        {
            self.copy_up_to(at);
            self.out.extend_from_slice(CLOSE_NOTHING);
            self.note(Errand::Close, Change::Named(change));
            self.copied = at + frame.len();
            return Passage::Goes;
        }
        self.as_it_is(Frontend::Close)
    }

    fn lookup(&self, name: &[u8]) -> Option<Arc<Statement>> {
        if name.is_empty() || self.statements_max == 0 {
            return None;
        }
        self.names.as_ref()?.get(name).cloned()
    }

    /// Has the server prepare the statement if it does not know it.
    fn ensure(&mut self, statement: &Statement) {
        if !self.shelf.touch(statement.id) {
            self.make_room();
            self.write_parse(&statement.name, &statement.definition);
            self.note(Errand::HiddenParse, Change::Prepared(statement.id, None));
        }
    }

    fn make_room(&mut self) {
        while let Some(id) = self.shelf.surplus(self.statements_max) {
            self.evict(id);
        }
    }

    fn evict(&mut self, id: u64) {
        self.write_close(format!("{NAME_PREFIX}{id}").as_bytes());
        self.note(Errand::HiddenClose, Change::Evicted(id));
    }

    fn note(&mut self, errand: Errand, change: Change) {
        self.shelf.note(change);
        self.exchange.errand_sent(errand);
    }

    fn write_parse(&mut self, name: &[u8], definition: &[u8]) {
        self.stats.server_parses.add(1);
        let start = self.out.len();
        self.out.extend_from_slice(b"P\0\0\0\0");
        self.out.extend_from_slice(name);
        self.out.push(0);
        self.out.extend_from_slice(definition);
        self.write_length(start);
    }

    fn write_close(&mut self, name: &[u8]) {
        let start = self.out.len();
        self.out.extend_from_slice(b"C\0\0\0\0S");
        self.out.extend_from_slice(name);
        self.out.push(0);
        self.write_length(start);
    }

    fn write_length(&mut self, start: usize) {
        // Nothing written here is longer than TEXT_LEN_MAX and a name.
        let length = u32::try_from(self.out.len() - start - 1).unwrap_or(u32::MAX);
        self.out[start + 1..start + HEADER_LEN].copy_from_slice(&length.to_be_bytes());
    }

    /// The header of `frame`, with the statement's name on the server in place of `name`.
    fn write_header(&mut self, frame: &[u8], name: &[u8], statement: &Statement) {
        let length = length_of(frame) - name.len() + statement.name.len();
        self.out.push(frame[0]);
        // At most a name longer than what was read; PostgreSQL refuses what is too long for it.
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.out.extend_from_slice(&length.to_be_bytes());
    }
}

/// The length that the header says.
fn length_of(frame: &[u8]) -> usize {
    match *frame {
        [_, a, b, c, d, ..] => u32::from_be_bytes([a, b, c, d]) as usize,
        _ => 0,
    }
}

fn is_whole(frame: &[u8]) -> bool {
    frame.len() > length_of(frame)
}

/// The string that `bytes` begin with, and what comes after its zero byte.
fn cut_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// The string that `bytes` begin with; all of them if its end is still to come.
fn text_of(bytes: &[u8]) -> &[u8] {
    cut_text(bytes).map_or(bytes, |(text, _)| text)
}

/// The name in a Describe or a Close of a statement.
fn statement_name(frame: &[u8]) -> Option<&[u8]> {
    let (kind, name) = frame.get(HEADER_LEN..)?.split_first()?;
    let (name, rest) = cut_text(name)?;
    (*kind == b'S' && rest.is_empty() && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests;
