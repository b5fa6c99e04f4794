//! Which key belongs to which client.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use subtle::ConstantTimeEq as _;

use super::Holder;
use super::peers::PeerLines;
use super::route::{mark, unmarked};
use crate::auth::random::fill;
use crate::client::card::ClientCard;
use crate::protocol::startup::{CancelKey, PROTOCOL_3_2};
use crate::server::connect::ServerAddress;

/// Bytes of a cancel key in protocol 3.0, which every client understands.
const KEY_LEN: usize = 4;
/// Bytes of a cancel key from protocol 3.2 on: too many to be guessed.
const LONG_KEY_LEN: usize = 32;

/// Process ids are positive 32-bit numbers for the clients that print or compare them.
const PROCESS_MASK: u32 = 0x7fff_ffff;

/// A cancel key as it is kept: in place, if it is as short as that of most clients.
#[derive(Debug)]
enum Secret {
    Short([u8; KEY_LEN]),
    Long(Box<[u8]>),
}

impl From<&[u8]> for Secret {
    fn from(key: &[u8]) -> Self {
        key.try_into()
            .map_or_else(|_| Self::Long(key.into()), Self::Short)
    }
}

impl Secret {
    /// Keys are secret: how many bytes are right must not show in the time it takes.
    fn is(&self, key: &[u8]) -> bool {
        let own = match self {
            Self::Short(own) => &own[..],
            Self::Long(own) => own,
        };
        own.ct_eq(key).into()
    }
}

#[derive(Debug)]
struct Entrant {
    secret: Secret,
    holder: Arc<Holder>,
}

/// All clients by the process id in their BackendKeyData, in one map for each core so that
/// clients come and go without meeting.
#[derive(Debug)]
pub struct CancelRegistry {
    shards: Box<[Mutex<HashMap<u32, Entrant>>]>,
    /// Which of several poolers this one is; 0 is the only one.
    peer_id: u32,
    /// The pooler that this one took over from.
    predecessor: OnceLock<ServerAddress>,
    /// The way to the others.
    pub peers: PeerLines,
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
    /// For `cores` cores of the pooler with `peer_id`; 0 is one without peers.
    #[must_use]
    pub fn new(cores: usize, peer_id: u32) -> Self {
        Self {
            shards: (0..cores.max(1)).map(|_| Mutex::default()).collect(),
            peer_id,
            predecessor: OnceLock::new(),
            peers: PeerLines::default(),
        }
    }

    /// Which of several poolers this one is.
    #[must_use]
    pub const fn peer_id(&self) -> u32 {
        self.peer_id
    }

    /// Requests with keys of nobody are passed on to `address`.
    pub fn is_preceded_by(&self, address: Option<ServerAddress>) {
        if let Some(address) = address {
            // A pooler takes over once in its life, when it starts.
            let _ = self.predecessor.set(address);
        }
    }

    /// Where requests with keys of nobody are passed on to.
    #[must_use]
    pub fn predecessor(&self) -> Option<&ServerAddress> {
        self.predecessor.get()
    }

    /// Enters a client under a new random key, which is returned to be sent to it: a long one if
    /// it speaks protocol `version` 3.2.
    ///
    /// # Errors
    ///
    /// When the system has no randomness, without which keys could be guessed.
    pub fn enter(
        self: &Arc<Self>,
        card: ClientCard,
        version: u32,
    ) -> Result<(Registered, CancelKey), getrandom::Error> {
        let holder = Arc::new(Holder::new(card));
        let len = if version >= PROTOCOL_3_2 {
            LONG_KEY_LEN
        } else {
            KEY_LEN
        };
        loop {
            let mut random = [0; size_of::<u32>() + LONG_KEY_LEN];
            let random = &mut random[..size_of::<u32>() + len];
            fill(random)?;
            let (process, secret) = random.split_at(size_of::<u32>());
            let process = process
                .iter()
                .fold(0, |id, byte| id << 8 | u32::from(*byte));
            let mut key = CancelKey {
                process: process & PROCESS_MASK,
                key: secret.into(),
            };
            mark(&mut key, self.peer_id);
            let process = key.process;
            let mut shard = self.shard(process);
            let Entry::Vacant(vacant) = shard.entry(process) else {
                continue;
            };
            vacant.insert(Entrant {
                secret: key.key.as_ref().into(),
                holder: Arc::clone(&holder),
            });
            let registered = Registered {
                registry: Arc::clone(self),
                holder,
                process,
            };
            return Ok((registered, key));
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
        let key = unmarked(key, self.peer_id);
        let shard = self.shard(key.process);
        let entrant = shard.get(&key.process)?;
        entrant
            .secret
            .is(&key.key)
            .then(|| Arc::clone(&entrant.holder))
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
    use crate::protocol::startup::PROTOCOL_3_0;

    #[test]
    fn keys_of_protocol_3_2_are_long_and_no_two_alike() {
        for peer_id in [0, 9] {
            let registry = Arc::new(CancelRegistry::new(1, peer_id));
            let mut seen = std::collections::HashSet::new();
            for _ in 0..50 {
                let entered = registry.enter(ClientCard::sample(), PROTOCOL_3_2);
                let (client, key) = entered.unwrap();
                assert_eq!(key.key.len(), 32);
                assert!(Arc::ptr_eq(&registry.find(&key).unwrap(), &client.holder));
                assert!(seen.insert(key.key), "a key came twice");
            }
        }
    }

    #[test]
    fn a_key_finds_its_client_and_no_other() {
        let registry = Arc::new(CancelRegistry::new(3, 0));
        let clients: Vec<_> = (0..100)
            .map(|_| registry.enter(ClientCard::sample(), PROTOCOL_3_0).unwrap())
            .collect();
        for (client, key) in &clients {
            assert!(Arc::ptr_eq(&registry.find(key).unwrap(), &client.holder));
        }
    }

    #[test]
    fn forged_keys_find_nobody() {
        let registry = Arc::new(CancelRegistry::new(2, 0));
        let (_client, right) = registry.enter(ClientCard::sample(), PROTOCOL_3_0).unwrap();
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
        let registry = Arc::new(CancelRegistry::new(1, 0));
        let (client, key) = registry.enter(ClientCard::sample(), PROTOCOL_3_0).unwrap();
        drop(client);
        assert!(registry.find(&key).is_none());
    }
}
