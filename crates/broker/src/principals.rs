//! The principals that connected or were activated last, so that a known device needs no read of the registry.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use landfall_model::{CaCertificateId, CertificateId, Principal};
use landfall_registry::{Change, CommitObserver};

use crate::touched::{AsOf, Touches};

/// Recent principals of ACTIVE certificates, each with the moment as of which it was read. One that was touched since does
/// not count any more.
///
/// It has to observe commits before whatever ends connections does: a connection that found a principal here before it was
/// touched is then found there.
pub(crate) struct RecentPrincipals {
    touches: Arc<Touches>,
    shards: Vec<Mutex<HashMap<CertificateId, Remembered>>>,
    /// How many principals one shard keeps. When it is full it forgets all.
    shard_max: usize,
}

/// A principal that may connect, as of a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admitted {
    pub(crate) principal: Principal,
    pub(crate) as_of: AsOf,
}

/// A principal with the CA certificate for whose sake it was let in, if that is known.
struct Remembered {
    admitted: Admitted,
    ca: Option<CaCertificateId>,
}

/// What is known of a certificate.
pub(crate) enum Recent {
    /// It is ACTIVE.
    Known(Admitted),
    /// It has to be read; what is read is as of this moment.
    Unknown(AsOf),
}

/// Among how many locks the principals are spread.
const SHARDS: usize = 64;

impl RecentPrincipals {
    pub(crate) fn new(touches: Arc<Touches>, principals_max: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { touches, shards, shard_max: principals_max.div_ceil(SHARDS) }
    }

    /// Looks a certificate up, before the registry is read for it. With a CA certificate, only what was let in for the sake of
    /// that one counts, as long as its status has not changed.
    pub(crate) fn look_up(&self, id: CertificateId, ca: Option<CaCertificateId>) -> Recent {
        let now = self.touches.now();
        let counts = |remembered: &Remembered| {
            let Admitted { principal, as_of } = &remembered.admitted;
            let is_of_ca =
                ca.is_none_or(|ca| remembered.ca == Some(ca) && !self.touches.is_ca_touched(ca, *as_of));
            is_of_ca && !self.touches.is_touched(principal, *as_of)
        };
        match self.shard(id).get(&id) {
            Some(remembered) if counts(remembered) => {
                Recent::Known(Admitted { principal: remembered.admitted.principal.clone(), as_of: now })
            }
            Some(_) | None => Recent::Unknown(now),
        }
    }

    /// Now, as [`Admitted::as_of`] counts.
    pub(crate) fn now(&self) -> AsOf {
        self.touches.now()
    }

    /// Remembers what was read, and for whose sake it may connect if that was asked.
    pub(crate) fn remember(&self, admitted: Admitted, ca: Option<CaCertificateId>) {
        let id = admitted.principal.certificate;
        let mut shard = self.shard(id);
        if shard.len() >= self.shard_max {
            shard.clear();
        }
        shard.insert(id, Remembered { admitted, ca });
    }

    fn shard(&self, id: CertificateId) -> MutexGuard<'_, HashMap<CertificateId, Remembered>> {
        let [first, ..] = *id.as_bytes();
        let shard = &self.shards[usize::from(first) % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CommitObserver for RecentPrincipals {
    fn committed(&self, _changes: &[Change]) {}

    /// As of this very commit, and in its turn: no other can have come in between.
    fn activated(&self, principal: &Principal) {
        self.remember(Admitted { principal: principal.clone(), as_of: self.touches.now() }, None);
    }
}

#[cfg(test)]
mod tests {
    use landfall_model::{CaStatus, CertificateStatus, UnixTime};
    use landfall_registry::{CaCertificateChange, CertificateChange};

    use super::*;

    const ID: CertificateId = CertificateId::from_sha256([1; 32]);

    fn recent(principals_max: usize) -> RecentPrincipals {
        RecentPrincipals::new(Arc::new(Touches::new()), principals_max)
    }

    fn principal(id: CertificateId) -> Principal {
        Principal { certificate: id, things: Vec::new(), policies: Vec::new() }
    }

    fn revoke(recent: &RecentPrincipals, id: CertificateId) {
        let (status, at) = (CertificateStatus::Revoked, UnixTime::from_secs(1));
        recent.touches.note(&[Change::Certificate(CertificateChange::SetStatus { id, status, at })]);
    }

    fn as_of(recent: &RecentPrincipals) -> Option<AsOf> {
        match recent.look_up(ID, None) {
            Recent::Unknown(as_of) => Some(as_of),
            Recent::Known(_) => None,
        }
    }

    #[test]
    fn a_principal_that_was_touched_is_not_known_any_more() {
        let recent = recent(1_000);
        let before = as_of(&recent).unwrap();
        recent.remember(Admitted { principal: principal(ID), as_of: before }, None);
        assert_eq!(as_of(&recent), None);
        revoke(&recent, ID);
        assert!(as_of(&recent).is_some_and(|now| now > before));
    }

    #[test]
    fn what_was_read_before_a_change_does_not_count_after_it() {
        let recent = recent(1_000);
        let before = as_of(&recent).unwrap();
        revoke(&recent, ID);
        recent.remember(Admitted { principal: principal(ID), as_of: before }, None);
        assert!(as_of(&recent).is_some());
    }

    #[test]
    fn a_ca_certificate_counts_where_it_is_asked_about() {
        let recent = recent(1_000);
        let [ca, other] = [3, 4].map(|number| CaCertificateId::from_sha256([number; 32]));
        let is_known = |ca| matches!(recent.look_up(ID, ca), Recent::Known(_));
        recent.remember(Admitted { principal: principal(ID), as_of: recent.now() }, Some(ca));
        assert!(is_known(None) && is_known(Some(ca)));
        // It was let in for the sake of one: what another says of it has to be asked.
        assert!(!is_known(Some(other)));
        let (status, at) = (Some(CaStatus::Inactive), UnixTime::from_secs(1));
        recent.touches.note(&[Change::CaCertificate(CaCertificateChange::Update {
            id: ca,
            status,
            auto_registration: None,
            at,
        })]);
        assert!(is_known(None) && !is_known(Some(ca)));
    }

    #[test]
    fn an_activation_is_remembered_until_the_next_change() {
        let recent = recent(1_000);
        let at = UnixTime::from_secs(1);
        recent.touches.note(&[Change::Certificate(CertificateChange::Activate { id: ID, at })]);
        recent.activated(&principal(ID));
        assert_eq!(as_of(&recent), None);
        revoke(&recent, ID);
        assert!(as_of(&recent).is_some());
    }

    #[test]
    fn the_number_of_principals_is_bounded() {
        let recent = recent(SHARDS);
        for number in 0..=u8::MAX {
            recent.activated(&principal(CertificateId::from_sha256([number; 32])));
        }
        assert_eq!(recent.shards.iter().map(|shard| shard.lock().unwrap().len()).sum::<usize>(), SHARDS);
    }
}
