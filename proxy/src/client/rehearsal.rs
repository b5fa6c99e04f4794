//! What a client says, without sockets: the way of its bytes through [`Intake`] and [`Translator`] to
//! a server that answers everything at once. For property tests and for fuzzing.

use super::intake::{BadMessage, Intake, Rule};
use crate::prepared::translate::{Parties, Passage, Translator};
use crate::prepared::{Catalog, Names, Shelf};
use crate::protocol::exchange::Exchange;
use crate::server::residue::Residue;
use crate::stats::CoreStats;

/// A client and its server, of whom only the parsers are real.
#[derive(Debug)]
pub struct Rehearsal {
    intake: Intake,
    exchange: Exchange,
    shelf: Shelf,
    residue: Residue,
    names: Option<Box<Names>>,
    catalog: Catalog,
    statements_max: usize,
    stats: CoreStats,
}

impl Rehearsal {
    /// A client whose messages may be `len_max` long, and a server that may have `statements_max`
    /// prepared statements.
    #[must_use]
    pub fn new(len_max: u32, statements_max: usize) -> Self {
        Self {
            intake: Intake::new(len_max),
            exchange: Exchange::default(),
            shelf: Shelf::default(),
            residue: Residue::default(),
            names: None,
            catalog: Catalog::default(),
            statements_max,
            stats: CoreStats::default(),
        }
    }

    /// The client says `bytes`; what goes to the server for them comes back.
    ///
    /// # Errors
    /// What no client may say.
    pub fn say(&mut self, bytes: &[u8], rule: Rule) -> Result<Vec<u8>, BadMessage> {
        self.intake.keep(bytes);
        let mut sent = Vec::new();
        loop {
            let held = self.intake.take();
            let forward = self.intake.cut(&held, rule)?.forward;
            let used = self.forward(&held[..forward], &mut sent);
            self.intake.put_back(held, used);
            // The server has answered: what had to wait for that may go.
            self.exchange = Exchange::default();
            if used == 0 {
                return Ok(sent);
            }
        }
    }

    /// Bytes that could not go yet.
    #[must_use]
    pub fn held_len(&self) -> usize {
        self.intake.held_len()
    }

    fn forward(&mut self, ready: &[u8], sent: &mut Vec<u8>) -> usize {
        let mut out = Vec::new();
        let parties = Parties {
            exchange: &mut self.exchange,
            shelf: &mut self.shelf,
            residue: &mut self.residue,
            names: &mut self.names,
            catalog: &self.catalog,
            statements_max: self.statements_max,
            stats: &self.stats,
        };
        let mut translator = Translator::new(parties, ready, &mut out);
        let mut full = false;
        let used = self.intake.commit(ready, |message, at, frame| {
            // A session stops reading when its server owes it that much.
            full |= translator.exchange.is_full();
            if full {
                return Passage::Waits;
            }
            translator.message(message, at, frame)
        });
        sent.extend_from_slice(translator.finish(used));
        used
    }
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;
    use proptest::prelude::*;

    use super::*;

    /// Longest message, the type not counted.
    const LEN_MAX: u32 = 200_000;

    /// A message of any type and any body whose length is right, or off by a little.
    fn message() -> impl Strategy<Value = Vec<u8>> {
        let tag = prop_oneof![
            9 => prop::sample::select(b"QPBDECSHXFdcf".to_vec()),
            1 => any::<u8>(),
        ];
        let text = prop_oneof![
            Just(b"s\0SELECT 1\0\0\0".to_vec()),
            Just(b"\0s\0\0\0\0\0\0\0".to_vec()),
            Just(b"Ss\0".to_vec()),
            Just(b"DEALLOCATE ALL\0".to_vec()),
            Just(b"\0DISCARD ALL\0\0\0".to_vec()),
            prop::collection::vec(any::<u8>(), 0..40),
            // Longer than what is gathered.
            prop::collection::vec(any::<u8>(), 1).prop_map(|byte| byte.repeat(70_000)),
        ];
        let off = prop_oneof![30 => Just(0i32), 1 => -5..5i32, 1 => any::<i32>()];
        (tag, text, off).prop_map(|(tag, text, off)| {
            let mut bytes = Vec::new();
            bytes.put_u8(tag);
            let len = i32::try_from(text.len() + 4).unwrap_or(i32::MAX);
            bytes.put_i32(len.wrapping_add(off));
            bytes.extend_from_slice(&text);
            bytes
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Nothing that a client says makes the parsers panic, keep more than it said, or send more
        /// than the names that they put in.
        #[test]
        fn any_messages_in_any_pieces(
            messages in prop::collection::vec(message(), 0..12),
            cuts in prop::collection::vec(1..5_000usize, 1..6),
            passes: bool,
            statements_max in 0..3usize,
        ) {
            let bytes = messages.concat();
            let rule = if passes { Rule::Pass } else { Rule::Gather };
            let mut rehearsal = Rehearsal::new(LEN_MAX, statements_max);
            let mut rest = &bytes[..];
            for cut in cuts.into_iter().cycle() {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                rest = after;
                if rehearsal.say(piece, rule).is_err() || rest.is_empty() {
                    break;
                }
                prop_assert!(rehearsal.held_len() <= bytes.len());
            }
        }

        /// How the bytes are cut makes no difference to what the server gets.
        #[test]
        fn pieces_make_no_difference(
            messages in prop::collection::vec(message(), 0..6),
            cut in 1..300usize,
        ) {
            let bytes = messages.concat();
            let mut whole = Rehearsal::new(LEN_MAX, 0);
            let mut pieces = Rehearsal::new(LEN_MAX, 0);
            let mut sent = Vec::new();
            let outcome: Result<(), BadMessage> = bytes.chunks(cut).try_for_each(|piece| {
                sent.extend(pieces.say(piece, Rule::Pass)?);
                Ok(())
            });
            if let Ok(at_once) = whole.say(&bytes, Rule::Pass) {
                prop_assert!(outcome.is_ok());
                prop_assert_eq!(sent, at_once);
            }
        }
    }
}
