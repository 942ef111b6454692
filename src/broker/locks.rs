//! Who holds which recorder. A pure table: it knows neither the bus nor a clock.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::clock;
use crate::api::{Error, ErrorKind, Result};

/// The table of grants.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LockTable {
    grants: BTreeMap<LockId, Grant>,
    next: u64,
}

/// A grant's number; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LockId(u64);

/// What is held, as what, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Every recorder, or one.
    pub scope: Scope,
    /// What the lock is for.
    pub purpose: Purpose,
    /// Who holds it.
    pub holder: Holder,
}

/// What a lock covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// Every recorder, those plugged in later included.
    Whole,
    /// The recorder of this id.
    One(String),
}

/// What a lock is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// A session, from `Open` to `Close`.
    Session,
    /// `OpenExclusive`: the recorder itself, without a session.
    Exclusive,
    /// A verb of the recorder (`Eject`, `Load`, `Erase`), for its own length.
    Verb,
}

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The user.
    pub uid: u32,
    /// The bus connection; `None` when the lock is the user's, whatever connection they come by.
    pub connection: Option<String>,
    /// Who to name to others.
    pub client_name: String,
    /// Since when.
    pub since: SystemTime,
}

/// Who asks for a lock.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The user.
    pub uid: u32,
    /// The bus connection.
    pub connection: &'a str,
}

impl LockTable {
    /// Grants a lock to `asker`, unless that collides with one granted before.
    ///
    /// # Errors
    /// The collision by its name, with a sentence that tells who holds what since when: `AlreadyOpen`, `StashInUse`,
    /// `DeviceNotAccessible` or `Busy`.
    pub fn acquire(&mut self, grant: Grant, asker: Asker<'_>) -> Result<LockId> {
        for present in self.grants.values().filter(|present| present.scope.overlaps(&grant.scope)) {
            let own = present.holder.is(asker);
            if let Some(kind) = collision(grant.purpose, present.purpose, own) {
                return Err(present.complain(kind));
            }
        }
        let id = LockId(self.next);
        self.next += 1;
        self.grants.insert(id, grant);
        Ok(id)
    }

    /// Gives a lock back.
    pub fn release(&mut self, id: LockId) -> Option<Grant> {
        self.grants.remove(&id)
    }

    /// Refuses when somebody else holds this recorder with `OpenExclusive`.
    ///
    /// # Errors
    /// `DeviceNotAccessible`, naming the holder.
    pub fn check_not_exclusive(&self, recorder: &str, askers: &[Asker<'_>]) -> Result<()> {
        let foreign = self.covering(recorder).find(|(_, grant)| {
            grant.purpose == Purpose::Exclusive && !askers.iter().any(|asker| grant.holder.is(*asker))
        });
        foreign.map_or(Ok(()), |(_, grant)| Err(grant.complain(ErrorKind::DeviceNotAccessible)))
    }

    /// Whether the asker holds this recorder, by a session or with `OpenExclusive`.
    pub fn holds(&self, recorder: &str, asker: Asker<'_>) -> bool {
        self.covering(recorder).any(|(_, grant)| grant.purpose != Purpose::Verb && grant.holder.is(asker))
    }

    /// The asker's own `OpenExclusive` on this recorder.
    pub fn exclusive_of(&self, recorder: &str, asker: Asker<'_>) -> Option<LockId> {
        self.covering(recorder)
            .find(|(_, grant)| grant.purpose == Purpose::Exclusive && grant.holder.is(asker))
            .map(|(id, _)| *id)
    }

    /// Somebody other than the asker who holds this recorder.
    pub fn foreign(&self, recorder: &str, asker: Asker<'_>) -> Option<&Grant> {
        self.covering(recorder).map(|(_, grant)| grant).find(|grant| !grant.holder.is(asker))
    }

    /// The one to name as this recorder's holder.
    pub fn holder(&self, recorder: &str) -> Option<&Grant> {
        self.covering(recorder).map(|(_, grant)| grant).next()
    }

    /// Forgets the locks of verbs, but for these.
    pub fn keep_verbs(&mut self, kept: &[LockId]) {
        self.grants.retain(|id, grant| grant.purpose != Purpose::Verb || kept.contains(id));
    }

    /// Nobody holds anything.
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty()
    }

    /// Every connection that holds something.
    pub fn connections(&self) -> impl Iterator<Item = String> {
        self.grants.values().filter_map(|grant| grant.holder.connection.clone())
    }

    /// The exclusive locks of a connection that is gone, given back.
    pub fn release_exclusives(&mut self, connection: &str) -> Vec<Grant> {
        let gone = |grant: &Grant| {
            grant.purpose == Purpose::Exclusive && grant.holder.connection.as_deref() == Some(connection)
        };
        let ids: Vec<_> = self.grants.iter().filter(|(_, grant)| gone(grant)).map(|(id, _)| *id).collect();
        ids.into_iter().filter_map(|id| self.release(id)).collect()
    }

    fn covering(&self, recorder: &str) -> impl Iterator<Item = (&LockId, &Grant)> {
        self.grants.iter().filter(move |(_, grant)| grant.scope.covers(recorder))
    }
}

impl Grant {
    /// An error of this kind that names the holder, since when, and what they hold.
    pub fn complain(&self, kind: ErrorKind) -> Error {
        let what = match &self.scope {
            Scope::Whole => "every recorder".to_owned(),
            Scope::One(id) => format!("recorder {id}"),
        };
        let since = clock::rfc3339(self.holder.since);
        let next = match (kind, self.purpose) {
            (ErrorKind::AlreadyOpen, Purpose::Session) => "Use that session, or close it first.",
            (ErrorKind::AlreadyOpen, _) => "Close it first.",
            (_, Purpose::Verb) => "Try again when that is done.",
            _ => "Try again when they have closed it.",
        };
        let holds = match self.purpose {
            Purpose::Session => "has a session on",
            Purpose::Exclusive => "has opened for itself alone",
            Purpose::Verb => "is using",
        };
        let who = self.holder.name();
        Error::new(kind, format!("{who} {holds} {what} since {since}. {next}"))
    }
}

impl Scope {
    /// Whether the lock covers this recorder.
    pub fn covers(&self, recorder: &str) -> bool {
        match self {
            Self::Whole => true,
            Self::One(id) => id == recorder,
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        match other {
            Self::Whole => true,
            Self::One(id) => self.covers(id),
        }
    }
}

impl Holder {
    /// Whether this is the asker: the same connection or, for a lock that is the user's, the same user.
    pub fn is(&self, asker: Asker<'_>) -> bool {
        match &self.connection {
            Some(connection) => connection == asker.connection,
            None => self.uid == asker.uid,
        }
    }

    /// The holder as others see it: `brasero (uid 1000)`.
    pub fn name(&self) -> String {
        format!("{} (uid {})", self.client_name, self.uid)
    }
}

/// What a wish collides as with a lock that overlaps, if it does.
const fn collision(wish: Purpose, present: Purpose, own: bool) -> Option<ErrorKind> {
    use ErrorKind::{AlreadyOpen, Busy, DeviceNotAccessible, StashInUse};
    use Purpose::{Exclusive, Session, Verb};
    match (wish, present, own) {
        (Session, Session, true) | (Exclusive, Exclusive, true) => Some(AlreadyOpen),
        (Session | Verb, Session, false) | (Session, Verb, false) => Some(StashInUse),
        (Exclusive, _, false) | (Verb, Exclusive, false) => Some(DeviceNotAccessible),
        (Verb, Verb, _) => Some(Busy),
        // Somebody's exclusive opening stands in the way of recording, not of a session.
        (Session, Exclusive, _)
        | (Session, Verb, true)
        | (Exclusive, Session | Verb, true)
        | (Verb, Session | Exclusive, true) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grant(scope: Scope, purpose: Purpose, uid: u32, connection: Option<&str>) -> Grant {
        let holder = Holder {
            uid,
            connection: connection.map(str::to_owned),
            client_name: format!("client{uid}"),
            since: SystemTime::UNIX_EPOCH,
        };
        Grant { scope, purpose, holder }
    }

    fn one(id: &str) -> Scope {
        Scope::One(id.to_owned())
    }

    fn take(table: &mut LockTable, grant: Grant, connection: &str) -> Result<LockId> {
        let uid = grant.holder.uid;
        table.acquire(grant, Asker { uid, connection })
    }

    #[test]
    fn sessions_on_different_recorders_coexist_and_a_whole_one_overlaps_both() {
        let mut table = LockTable::default();
        let session = |scope, uid, at| grant(scope, Purpose::Session, uid, Some(at));
        take(&mut table, session(one("sr0"), 1, ":1.1"), ":1.1").unwrap();
        let second = take(&mut table, session(one("sr1"), 2, ":1.2"), ":1.2").unwrap();
        let kind = |table: &mut LockTable, scope, uid, at| {
            take(table, session(scope, uid, at), at).map_err(|error| error.kind)
        };
        assert_eq!(kind(&mut table, Scope::Whole, 3, ":1.3"), Err(ErrorKind::StashInUse));
        assert_eq!(kind(&mut table, Scope::Whole, 1, ":1.1"), Err(ErrorKind::AlreadyOpen));
        assert_eq!(kind(&mut table, one("sr0"), 1, ":1.9"), Err(ErrorKind::StashInUse));
        table.release(second).unwrap();
        assert!(kind(&mut table, one("sr1"), 3, ":1.3").is_ok());
    }

    #[test]
    fn a_whole_lock_covers_a_recorder_plugged_in_later() {
        let mut table = LockTable::default();
        take(&mut table, grant(Scope::Whole, Purpose::Session, 1, Some(":1.1")), ":1.1").unwrap();
        assert_eq!(table.holder("sr7").unwrap().holder.uid, 1);
        assert!(table.holds("sr7", Asker { uid: 1, connection: ":1.1" }));
    }

    #[test]
    fn a_detached_session_is_the_users_whatever_the_connection() {
        let mut table = LockTable::default();
        take(&mut table, grant(one("sr0"), Purpose::Session, 1, None), ":1.1").unwrap();
        let again = take(&mut table, grant(one("sr0"), Purpose::Session, 1, None), ":1.2");
        assert_eq!(again.unwrap_err().kind, ErrorKind::AlreadyOpen);
        assert!(table.holds("sr0", Asker { uid: 1, connection: ":1.3" }));
        assert!(!table.holds("sr0", Asker { uid: 2, connection: ":1.1" }));
    }

    #[test]
    fn an_exclusive_opening_keeps_others_from_recording_but_not_its_own_session() {
        let mut table = LockTable::default();
        let own = Asker { uid: 1, connection: ":1.1" };
        take(&mut table, grant(one("sr0"), Purpose::Session, 1, Some(":1.1")), ":1.1").unwrap();
        take(&mut table, grant(one("sr0"), Purpose::Exclusive, 1, Some(":1.1")), ":1.1").unwrap();
        assert!(table.check_not_exclusive("sr0", &[own]).is_ok());
        let other = Asker { uid: 2, connection: ":1.2" };
        let error = table.check_not_exclusive("sr0", &[other]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::DeviceNotAccessible);
        assert_eq!(table.release_exclusives(":1.1").len(), 1);
        assert!(table.check_not_exclusive("sr0", &[other]).is_ok());
    }

    #[test]
    fn a_refusal_names_the_holder_the_recorder_and_since_when() {
        let mut table = LockTable::default();
        take(&mut table, grant(one("sr0"), Purpose::Session, 1000, Some(":1.1")), ":1.1").unwrap();
        let refused = take(&mut table, grant(Scope::Whole, Purpose::Session, 2, Some(":1.2")), ":1.2");
        assert_eq!(
            refused.unwrap_err().message,
            "client1000 (uid 1000) has a session on recorder sr0 since 1970-01-01T00:00:00Z. \
             Try again when they have closed it."
        );
    }

    fn any_grant() -> impl Strategy<Value = (Grant, String)> {
        let scope = prop_oneof![Just(Scope::Whole), Just(one("a")), Just(one("b"))];
        let purpose = prop_oneof![Just(Purpose::Session), Just(Purpose::Exclusive), Just(Purpose::Verb)];
        (scope, purpose, 0..3_u32, 0..2_u32, any::<bool>()).prop_map(|(scope, purpose, uid, at, detached)| {
            let connection = format!(":1.{uid}{at}");
            (grant(scope, purpose, uid, (!detached).then_some(connection.as_str())), connection)
        })
    }

    proptest! {
        #[test]
        fn no_two_holders_ever_share_what_only_one_may_have(
            steps in proptest::collection::vec((any_grant(), any::<bool>()), 1..40)
        ) {
            let mut table = LockTable::default();
            let mut held = Vec::new();
            for ((grant, connection), release) in steps {
                if release && !held.is_empty() {
                    table.release(held.remove(0));
                } else if let Ok(id) = take(&mut table, grant, &connection) {
                    held.push(id);
                }
                let grants: Vec<_> = table.grants.values().collect();
                for (i, one) in grants.iter().enumerate() {
                    for two in &grants[i + 1..] {
                        if one.scope.overlaps(&two.scope) {
                            let mixed = one.purpose != two.purpose;
                            prop_assert!(mixed, "{one:?} beside {two:?}");
                        }
                    }
                }
            }
        }

        #[test]
        fn what_is_given_back_can_be_had_again((grant, connection) in any_grant()) {
            let mut table = LockTable::default();
            let id = take(&mut table, grant.clone(), &connection).unwrap();
            table.release(id).unwrap();
            prop_assert!(take(&mut table, grant, &connection).is_ok());
        }
    }
}
