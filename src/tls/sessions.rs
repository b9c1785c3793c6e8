//! The sessions of one site under one generation: what a client needs to resume instead of verifying
//! anew. They live here, in memory, and die with the generation, so that no session ever reaches
//! another site or outlives a change of trust. What a resumed client may do is judged again by its chain.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustls::server::StoresServerSessions;

/// The longest session that is kept. It holds the chain that the client presented, which may fill a handshake
/// message; who presents so much makes a full handshake each time.
const BYTES_MAX: usize = 16 * 1024;

/// A bounded store whose entries end after a while.
pub(super) struct Sessions {
    lifetime: Duration,
    count_max: usize,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_key: HashMap<Vec<u8>, (Instant, Box<[u8]>)>,
    /// Keys in the order in which they end. A key that was taken meanwhile is skipped.
    by_age: VecDeque<(Instant, Vec<u8>)>,
}

impl Sessions {
    pub(super) fn new(lifetime: Duration, count_max: usize) -> Self {
        Self { lifetime, count_max, entries: Mutex::default() }
    }

    /// Entries are whole at every moment at which a thread could panic, so a poisoned lock holds no harm.
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn drop_until(&mut self, now: Instant, count_max: usize) {
        while let Some((ends, _)) = self.by_age.front()
            && (*ends <= now || self.by_age.len() > count_max)
            && let Some((ends, key)) = self.by_age.pop_front()
        {
            if self.by_key.get(&key).is_some_and(|(at, _)| *at == ends) {
                self.by_key.remove(&key);
            }
        }
    }
}

impl StoresServerSessions for Sessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        if value.len() > BYTES_MAX {
            return false;
        }
        let now = Instant::now();
        let ends = now + self.lifetime;
        let mut entries = self.entries();
        entries.by_age.push_back((ends, key.clone()));
        // Without the room that it has grown with.
        entries.by_key.insert(key, (ends, value.into_boxed_slice()));
        entries.drop_until(now, self.count_max);
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let entries = self.entries();
        let (ends, value) = entries.by_key.get(key)?;
        (*ends > Instant::now()).then(|| value.to_vec())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let (ends, value) = self.entries().by_key.remove(key)?;
        (ends > Instant::now()).then(|| value.into_vec())
    }

    fn can_cache(&self) -> bool {
        true
    }
}

impl std::fmt::Debug for Sessions {
    /// Without the sessions: they are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_session_makes_room() {
        let sessions = Sessions::new(Duration::from_secs(60), 2);
        for key in [b"a", b"b", b"c"] {
            assert!(sessions.put(key.to_vec(), key.to_vec()));
        }
        assert_eq!(sessions.get(b"a"), None);
        assert_eq!(sessions.get(b"b"), Some(b"b".to_vec()));
        assert_eq!(sessions.get(b"c"), Some(b"c".to_vec()));
    }

    #[test]
    fn a_session_with_a_chain_without_measure_is_not_kept() {
        let sessions = Sessions::new(Duration::from_secs(60), 2);
        assert!(!sessions.put(b"a".to_vec(), vec![0; BYTES_MAX + 1]));
        assert_eq!(sessions.get(b"a"), None);
        assert!(sessions.entries().by_age.is_empty());
        assert!(sessions.put(b"a".to_vec(), vec![0; BYTES_MAX]));
    }

    #[test]
    fn a_session_that_was_taken_is_gone() {
        let sessions = Sessions::new(Duration::from_secs(60), 2);
        sessions.put(b"a".to_vec(), b"1".to_vec());
        assert_eq!(sessions.take(b"a"), Some(b"1".to_vec()));
        assert_eq!(sessions.take(b"a"), None);
    }

    #[test]
    fn a_session_that_was_renewed_lives_on() {
        let sessions = Sessions::new(Duration::from_secs(60), 2);
        sessions.put(b"a".to_vec(), b"1".to_vec());
        sessions.put(b"a".to_vec(), b"2".to_vec());
        sessions.put(b"b".to_vec(), b"3".to_vec());
        assert_eq!(sessions.get(b"a"), Some(b"2".to_vec()));
    }

    #[test]
    fn a_session_ends_with_its_lifetime() {
        let sessions = Sessions::new(Duration::ZERO, 2);
        sessions.put(b"a".to_vec(), b"1".to_vec());
        assert_eq!(sessions.get(b"a"), None);
        assert_eq!(sessions.take(b"a"), None);
        assert!(sessions.entries().by_key.is_empty());
    }
}
