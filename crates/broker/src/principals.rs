//! The principals that connected or were activated last, so that a known device needs no read of the registry.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use landfall_model::{CertificateId, Principal};
use landfall_registry::{CertificateChange, Change, CommitObserver, PolicyChange, ThingChange};

/// Recent principals of ACTIVE certificates, each as of the last commit that this process has heard of.
///
/// It has to observe commits before whatever ends connections does: a connection that found a principal here before it was
/// forgotten is then found there.
pub(crate) struct RecentPrincipals {
    shards: Vec<Mutex<Shard>>,
    /// How many principals one shard keeps. When it is full it forgets all.
    shard_max: usize,
}

#[derive(Default)]
struct Shard {
    /// Goes up with each change of a certificate of the shard.
    generation: u64,
    principals: HashMap<CertificateId, Principal>,
}

/// What is known of a certificate.
pub(crate) enum Recent {
    /// It is ACTIVE.
    Known(Principal),
    /// It has to be read, and may then be remembered under this generation.
    Unknown(Generation),
}

/// When the registry was read.
#[derive(Clone, Copy)]
pub(crate) struct Generation(u64);

/// Among how many locks the principals are spread.
const SHARDS: usize = 64;

impl RecentPrincipals {
    pub(crate) fn new(principals_max: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, shard_max: principals_max.div_ceil(SHARDS) }
    }

    /// Looks a certificate up, before the registry is read for it.
    pub(crate) fn look_up(&self, id: CertificateId) -> Recent {
        let shard = self.shard(id);
        match shard.principals.get(&id) {
            Some(principal) => Recent::Known(principal.clone()),
            None => Recent::Unknown(Generation(shard.generation)),
        }
    }

    /// Remembers what was read, unless a certificate of its shard has changed since `generation`.
    pub(crate) fn remember(&self, principal: &Principal, Generation(generation): Generation) {
        let mut shard = self.shard(principal.certificate);
        if shard.generation == generation {
            self.insert(&mut shard, principal);
        }
    }

    fn insert(&self, shard: &mut Shard, principal: &Principal) {
        if shard.principals.len() >= self.shard_max {
            shard.principals.clear();
        }
        shard.principals.insert(principal.certificate, principal.clone());
    }

    fn forget(&self, id: CertificateId) {
        let mut shard = self.shard(id);
        shard.generation += 1;
        shard.principals.remove(&id);
    }

    fn shard(&self, id: CertificateId) -> MutexGuard<'_, Shard> {
        let [first, ..] = *id.as_bytes();
        let shard = &self.shards[usize::from(first) % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CommitObserver for RecentPrincipals {
    fn committed(&self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Certificate(change) => match change {
                    CertificateChange::Activate { id, .. }
                    | CertificateChange::SetStatus { id, .. }
                    | CertificateChange::AttachThing { id, .. }
                    | CertificateChange::AttachPolicy { id, .. } => self.forget(*id),
                    CertificateChange::Insert(certificate) => self.forget(certificate.id),
                },
                // None of these changes what is attached to a certificate that is known already.
                Change::Policy(PolicyChange::Ensure(_))
                | Change::Thing(ThingChange::Insert(_))
                | Change::CaCertificate(_)
                | Change::EnsureRegistrationCode(_)
                | Change::EnsureThingType(_)
                | Change::Event(_)
                | Change::EventsDelivered(_)
                | Change::Expect(_)
                | Change::Record(_) => {}
            }
        }
    }

    /// As of this very commit, and in its turn: no other can have come in between.
    fn activated(&self, principal: &Principal) {
        let mut shard = self.shard(principal.certificate);
        self.insert(&mut shard, principal);
    }
}

#[cfg(test)]
mod tests {
    use landfall_model::{CertificateStatus, UnixTime};

    use super::*;

    const ID: CertificateId = CertificateId::from_sha256([1; 32]);

    fn principal(id: CertificateId) -> Principal {
        Principal { certificate: id, things: Vec::new(), policies: Vec::new() }
    }

    fn revoked(id: CertificateId) -> [Change; 1] {
        let (status, at) = (CertificateStatus::Revoked, UnixTime::from_secs(1));
        [Change::Certificate(CertificateChange::SetStatus { id, status, at })]
    }

    fn is_known(recent: &RecentPrincipals, id: CertificateId) -> bool {
        matches!(recent.look_up(id), Recent::Known(_))
    }

    fn generation(recent: &RecentPrincipals) -> Generation {
        match recent.look_up(ID) {
            Recent::Unknown(generation) => generation,
            Recent::Known(_) => panic!("it is known"),
        }
    }

    #[test]
    fn a_change_of_the_certificate_is_forgotten_at_once() {
        let recent = RecentPrincipals::new(1_000);
        recent.remember(&principal(ID), generation(&recent));
        assert!(is_known(&recent, ID));
        recent.committed(&revoked(ID));
        assert!(!is_known(&recent, ID));
    }

    #[test]
    fn what_was_read_before_a_change_is_not_remembered_after_it() {
        let recent = RecentPrincipals::new(1_000);
        let before = generation(&recent);
        recent.committed(&revoked(ID));
        recent.remember(&principal(ID), before);
        assert!(!is_known(&recent, ID));
    }

    #[test]
    fn an_activation_is_remembered_until_the_next_change() {
        let recent = RecentPrincipals::new(1_000);
        let at = UnixTime::from_secs(1);
        recent.committed(&[Change::Certificate(CertificateChange::Activate { id: ID, at })]);
        recent.activated(&principal(ID));
        assert!(is_known(&recent, ID));
        recent.committed(&revoked(ID));
        assert!(!is_known(&recent, ID));
    }

    #[test]
    fn the_number_of_principals_is_bounded() {
        let recent = RecentPrincipals::new(SHARDS);
        for number in 0..=u8::MAX {
            recent.activated(&principal(CertificateId::from_sha256([number; 32])));
        }
        let known = recent.shards.iter().map(|shard| shard.lock().unwrap().principals.len()).sum::<usize>();
        assert_eq!(known, SHARDS);
    }
}
