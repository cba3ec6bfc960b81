//! The tokens in memory, so that a request is let in or refused without a look at the disk.

use crate::{
    sessions::{Bucket, Failures},
    store::people::StoredPerson,
};
use model::Timestamp;
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use wire::{access::Role, people::PersonToken, token::verify};

/// Wrong tokens from one address, and from everywhere, before nothing more is said or recorded about them.
const FAILURES_EACH: Bucket = Bucket::new(10, Duration::from_secs(6));
const FAILURES_TOTAL: Bucket = Bucket::new(100, Duration::from_secs(1));

/// A use is stored when the one that is stored is older than this.
const USE_STORED_EVERY_MS: u64 = 60_000;

/// What lets a request in, and for how long what it began may go on.
#[derive(Clone, Debug)]
pub struct Pass {
    /// As recorded with runs and events.
    pub name: String,
    pub role: Role,
    /// `None` for a local user.
    pub expires: Option<Timestamp>,
    /// Cancelled when the token is revoked.
    pub ended: CancellationToken,
}

impl Pass {
    /// A local user, whom the kernel vouches for.
    pub fn local(name: String) -> Self {
        Self { name, role: Role::Admin, expires: None, ended: CancellationToken::new() }
    }

    /// Waits until the token is revoked or has expired; for ever where it cannot be.
    pub async fn over(&self, now: Timestamp) {
        let Some(expires) = self.expires else { return self.ended.cancelled().await };
        tokio::select! {
            () = self.ended.cancelled() => {}
            () = tokio::time::sleep(Duration::from_millis(expires.0.saturating_sub(now.0))) => {}
        }
    }
}

/// Why a text lets nobody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Not a token at all, one that was never made, or one that was revoked.
    Wrong,
    /// The secret was right, once.
    Expired { name: String, at: Timestamp },
}

/// All tokens that are not revoked.
#[derive(Debug)]
pub struct People {
    /// Held by whoever makes or revokes a token, from before it is stored until it is known in memory: what is stored
    /// last is what counts.
    pub changing: tokio::sync::Mutex<()>,
    known: Mutex<BTreeMap<String, Known>>,
    failures: Failures,
}

#[derive(Debug)]
struct Known {
    stored: StoredPerson,
    ended: CancellationToken,
}

impl Default for People {
    fn default() -> Self {
        Self {
            changing: tokio::sync::Mutex::default(),
            known: Mutex::default(),
            failures: Failures::new(FAILURES_TOTAL, FAILURES_EACH),
        }
    }
}

impl People {
    /// Takes over what is stored.
    pub fn remember(&self, stored: Vec<StoredPerson>) {
        stored.into_iter().for_each(|person| self.take(person));
    }

    /// Takes over one token; an expired one of the same name ends with it.
    pub fn take(&self, stored: StoredPerson) {
        let mut known = self.hold();
        known.retain(|_, old| old.stored.name != stored.name);
        known.insert(stored.id.clone(), Known { stored, ended: CancellationToken::new() });
    }

    /// Forgets tokens that expired before `before`: nobody wonders any more why they do not work.
    pub fn forget_expired(&self, before: Timestamp) {
        self.hold().retain(|_, known| known.stored.expires > before);
    }

    /// Forgets a token, and ends at once what goes on with it.
    pub fn forget(&self, name: &str) {
        self.hold().retain(|_, known| {
            let stays = known.stored.name != name;
            if !stays {
                known.ended.cancel();
            }
            stays
        });
    }

    /// Tells who shows this text. The second value is the token whose use is to be stored now.
    ///
    /// The id is no secret and is looked up as it is; the hashes of the secret are compared in constant time.
    pub fn find(&self, text: &str, now: Timestamp) -> Result<(Pass, Option<String>), Unknown> {
        let shown: PersonToken = text.parse().map_err(|_| Unknown::Wrong)?;
        let mut known = self.hold();
        let found = known.get_mut(&shown.id).filter(|known| verify(shown.secret(), &known.stored.hash));
        let Some(Known { stored, ended }) = found else { return Err(Unknown::Wrong) };
        if stored.expires <= now {
            return Err(Unknown::Expired { name: stored.name.clone(), at: stored.expires });
        }
        let before = stored.last_used.map_or(0, |at| at.0);
        let is_due = now.0 >= before.saturating_add(USE_STORED_EVERY_MS);
        if is_due {
            stored.last_used = Some(now);
        }
        // Not the bare name: nobody shall be able to make a token that looks like a local user in the records.
        let name = format!("token {}", stored.name);
        let pass = Pass { name, role: stored.role, expires: Some(stored.expires), ended: ended.clone() };
        Ok((pass, is_due.then(|| stored.id.clone())))
    }

    /// Counts a wrong token. Answers false when there were too many from that address lately.
    ///
    /// A right token is let in whatever others at its address do: a secret of 256 random bits cannot be guessed, and a
    /// forgotten job behind the same router must not shut its neighbours out. What is limited is the noise.
    pub fn count_failure(&self, address: IpAddr) -> bool {
        let open = self.failures.open(address);
        if open {
            self.failures.count(address);
        }
        open
    }

    fn hold(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::token::hash;

    fn made(people: &People, name: &str, expires: u64) -> PersonToken {
        let token = PersonToken::create().unwrap();
        people.take(StoredPerson {
            id: token.id.clone(),
            name: name.to_owned(),
            role: Role::Viewer,
            hash: hash(token.secret()),
            created_at: Timestamp(1),
            created_by: "root".to_owned(),
            expires: Timestamp(expires),
            last_used: None,
        });
        token
    }

    #[test]
    fn only_the_whole_token_is_known_and_only_for_its_time() {
        let people = People::default();
        let (ci, other) = (made(&people, "ci", 100), made(&people, "other", 100));
        let (pass, _) = people.find(&ci.to_string(), Timestamp(99)).unwrap();
        assert_eq!((pass.name.as_str(), pass.role), ("token ci", Role::Viewer));
        let mixed = format!("standin_{}_{}", ci.id, other.secret());
        for wrong in ["", "standin_", &mixed, &PersonToken::create().unwrap().to_string()] {
            assert_eq!(people.find(wrong, Timestamp(1)).unwrap_err(), Unknown::Wrong, "{wrong}");
        }
        let expired = Unknown::Expired { name: "ci".to_owned(), at: Timestamp(100) };
        assert_eq!(people.find(&ci.to_string(), Timestamp(100)).unwrap_err(), expired);
        assert!(!pass.ended.is_cancelled());
        people.forget("ci");
        assert!(pass.ended.is_cancelled());
        assert_eq!(people.find(&ci.to_string(), Timestamp(1)).unwrap_err(), Unknown::Wrong);
        assert!(people.find(&other.to_string(), Timestamp(1)).is_ok());
    }

    #[test]
    fn a_token_that_expired_long_ago_is_forgotten() {
        let people = People::default();
        let (old, new) = (made(&people, "old", 100), made(&people, "new", 300));
        people.forget_expired(Timestamp(200));
        let shown = |token: &PersonToken| people.find(&token.to_string(), Timestamp(400)).unwrap_err();
        assert_eq!(shown(&old), Unknown::Wrong);
        assert!(matches!(shown(&new), Unknown::Expired { .. }), "whoever wonders is told");
    }

    #[test]
    fn a_use_is_stored_once_a_minute() {
        let people = People::default();
        let token = made(&people, "ci", u64::MAX).to_string();
        let due = |at| people.find(&token, Timestamp(at)).unwrap().1.is_some();
        assert!(due(1_000_000) && !due(1_000_001) && !due(1_059_999) && due(1_060_000));
    }

    #[test]
    fn a_neighbour_in_the_same_network_counts_as_one() {
        let people = People::default();
        let at = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        for n in 0..10 {
            assert!(people.count_failure(at(n)));
        }
        assert!(!people.count_failure(at(99)));
        assert!(people.count_failure(IpAddr::from([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1])));
    }
}
