//! Which key belongs to which client.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use subtle::ConstantTimeEq as _;

use super::Holder;
use crate::client::card::ClientCard;
use crate::protocol::startup::CancelKey;

/// Bytes of a cancel key in protocol 3.0, which every client understands.
const KEY_LEN: usize = 4;

/// Process ids are positive 32-bit numbers for the clients that print or compare them.
const PROCESS_MASK: u32 = 0x7fff_ffff;

#[derive(Debug)]
struct Entrant {
    key: [u8; KEY_LEN],
    holder: Arc<Holder>,
}

/// All clients by the process id in their BackendKeyData, in one map for each core so that
/// clients come and go without meeting.
#[derive(Debug)]
pub struct CancelRegistry {
    shards: Box<[Mutex<HashMap<u32, Entrant>>]>,
}

/// A client's entry, which is deleted when this is dropped.
#[derive(Debug)]
pub struct Registered {
    registry: Arc<CancelRegistry>,
    /// What the client tells of itself.
    pub holder: Arc<Holder>,
    process: u32,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.registry.shard(self.process).remove(&self.process);
    }
}

impl CancelRegistry {
    /// For `cores` cores.
    #[must_use]
    pub fn new(cores: usize) -> Self {
        Self {
            shards: (0..cores.max(1)).map(|_| Mutex::default()).collect(),
        }
    }

    /// Enters a client under a new random key, which is returned to be sent to it.
    ///
    /// # Errors
    ///
    /// When the system has no randomness, without which keys could be guessed.
    pub fn enter(
        self: &Arc<Self>,
        card: ClientCard,
    ) -> Result<(Registered, CancelKey), getrandom::Error> {
        let holder = Arc::new(Holder::new(card));
        loop {
            let process = getrandom::u32()? & PROCESS_MASK;
            let mut key = [0; KEY_LEN];
            getrandom::fill(&mut key)?;
            let mut shard = self.shard(process);
            let Entry::Vacant(vacant) = shard.entry(process) else {
                continue;
            };
            vacant.insert(Entrant {
                key,
                holder: Arc::clone(&holder),
            });
            let registered = Registered {
                registry: Arc::clone(self),
                holder,
                process,
            };
            return Ok((
                registered,
                CancelKey {
                    process,
                    key: key.into(),
                },
            ));
        }
    }

    /// All clients at this moment, in the order of their coming.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Holder>> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(shard.values().map(|entrant| Arc::clone(&entrant.holder)));
        }
        all.sort_unstable_by_key(|holder| holder.card.id);
        all
    }

    /// The client whose key this is.
    #[must_use]
    pub fn find(&self, key: &CancelKey) -> Option<Arc<Holder>> {
        let shard = self.shard(key.process);
        let entrant = shard.get(&key.process)?;
        // Keys are secret: how many bytes are right must not show in the time it takes.
        bool::from(entrant.key.ct_eq(&key.key)).then(|| Arc::clone(&entrant.holder))
    }

    fn shard(&self, process: u32) -> MutexGuard<'_, HashMap<u32, Entrant>> {
        let at = process as usize % self.shards.len();
        self.shards[at]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_finds_its_client_and_no_other() {
        let registry = Arc::new(CancelRegistry::new(3));
        let clients: Vec<_> = (0..100)
            .map(|_| registry.enter(ClientCard::sample()).unwrap())
            .collect();
        for (client, key) in &clients {
            assert!(Arc::ptr_eq(&registry.find(key).unwrap(), &client.holder));
        }
    }

    #[test]
    fn forged_keys_find_nobody() {
        let registry = Arc::new(CancelRegistry::new(2));
        let (_client, right) = registry.enter(ClientCard::sample()).unwrap();
        let process = right.process;
        let mut wrong = right.key.clone();
        wrong[3] ^= 1;
        for key in [
            wrong,
            Box::default(),
            right.key[..3].into(),
            [right.key.as_ref(), &[0]].concat().into(),
        ] {
            assert!(registry.find(&CancelKey { process, key }).is_none());
        }
        let other = CancelKey {
            process: process ^ 1,
            key: right.key,
        };
        assert!(registry.find(&other).is_none());
    }

    #[test]
    fn a_client_that_left_is_not_found() {
        let registry = Arc::new(CancelRegistry::new(1));
        let (client, key) = registry.enter(ClientCard::sample()).unwrap();
        drop(client);
        assert!(registry.find(&key).is_none());
    }
}
