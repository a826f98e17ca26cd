//! Whose rights a change of the registry can alter, and when that last happened.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use landfall_model::{CaCertificateId, CertificateId, PolicyName, PolicyTarget, Principal, ThingName};
use landfall_registry::{
    CaCertificateChange, CertificateChange, Change, CommitObserver, PolicyChange, ThingChange,
    ThingGroupChange,
};

/// When rights were touched, so that what was read about a principal can be told to be as it was.
///
/// It has to observe commits before everything else of the broker. A time is kept for each of a fixed number of hash values:
/// two that share one are taken for touched together, which costs a read and does no harm.
pub(crate) struct Touches {
    now: AtomicU64,
    cas: Times,
    certificates: Times,
    policies: Times,
    things: Times,
    groups: AtomicU64,
}

/// A moment in the order of the commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AsOf(u64);

/// When each was touched last, by hash.
struct Times {
    hasher: RandomState,
    times: Box<[AtomicU64]>,
}

/// How many hash values there are for each noun: 64 KiB of times.
const HASH_VALUES: usize = 8_192;

/// Whose rights a change can alter: what is attached to a certificate, what the policies say, or what their variables stand
/// for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touched<'c> {
    /// Nobody's.
    Nobody,
    /// Those of the devices of a CA certificate, where they go with it.
    Ca(CaCertificateId),
    /// Those of a certificate.
    Certificate(CertificateId),
    /// Those of whoever has the policy, by attachment or by a thing group.
    Policy(&'c PolicyName),
    /// Those of the principals of a thing.
    Thing(&'c ThingName),
    /// Those of the principals of things in thing groups.
    Groups,
}

impl Touches {
    pub(crate) fn new() -> Self {
        Self {
            now: AtomicU64::new(0),
            cas: Times::new(),
            certificates: Times::new(),
            policies: Times::new(),
            things: Times::new(),
            groups: AtomicU64::new(0),
        }
    }

    /// Now. What is read from the registry after this is at least as new.
    pub(crate) fn now(&self) -> AsOf {
        AsOf(self.now.load(Ordering::SeqCst))
    }

    /// Whether what was read of the principal may be outdated.
    pub(crate) fn is_touched(&self, principal: &Principal, AsOf(as_of): AsOf) -> bool {
        let policies = principal.policies.iter().map(|(name, _)| name);
        let of_groups = principal.things.iter().flat_map(|thing| thing.policies.iter().map(|(name, _)| name));
        self.certificates.last(&principal.certificate) > as_of
            || policies.chain(of_groups).any(|policy| self.policies.last(policy) > as_of)
            || principal.things.iter().any(|thing| self.things.last(&thing.name) > as_of)
            || (!principal.things.is_empty() && self.groups.load(Ordering::SeqCst) > as_of)
    }

    /// Whether the status of a CA certificate may be another than it was.
    pub(crate) fn is_ca_touched(&self, ca: CaCertificateId, AsOf(as_of): AsOf) -> bool {
        self.cas.last(&ca) > as_of
    }

    /// Notes the changes of one transaction, in the writer's turn.
    pub(crate) fn note(&self, changes: &[Change]) {
        for touched in touched(changes) {
            let time = match touched {
                Touched::Nobody => continue,
                Touched::Ca(id) => self.cas.time(&id),
                Touched::Certificate(id) => self.certificates.time(&id),
                Touched::Policy(name) => self.policies.time(name),
                Touched::Thing(name) => self.things.time(name),
                Touched::Groups => &self.groups,
            };
            // In the writer's turn, so that nobody else counts.
            let now = self.now.load(Ordering::SeqCst) + 1;
            time.store(now, Ordering::SeqCst);
            self.now.store(now, Ordering::SeqCst);
        }
    }
}

impl Default for Touches {
    fn default() -> Self {
        Self::new()
    }
}

impl CommitObserver for Touches {
    fn committed(&self, changes: &[Change]) {
        self.note(changes);
    }
}

impl Times {
    fn new() -> Self {
        let times = (0..HASH_VALUES).map(|_| AtomicU64::new(0)).collect();
        Self { hasher: RandomState::new(), times }
    }

    fn time<T: Hash>(&self, key: &T) -> &AtomicU64 {
        let hash = usize::try_from(self.hasher.hash_one(key) % HASH_VALUES as u64).unwrap_or_default();
        &self.times[hash]
    }

    fn last<T: Hash>(&self, key: &T) -> u64 {
        self.time(key).load(Ordering::SeqCst)
    }
}

/// Whose rights the changes of one transaction can alter.
///
/// Nobody acts by a certificate that is only activated in the transaction, nor for a thing that is only created in it, so
/// that what these are attached and added to there touches nobody: else each registration would be taken for a change of
/// its own outcome.
pub(crate) fn touched(changes: &[Change]) -> impl Iterator<Item = Touched<'_>> {
    let activated = changes.iter().rev().find_map(|change| {
        if let Change::Certificate(CertificateChange::Activate { id, .. }) = change {
            Some(*id)
        } else {
            None
        }
    });
    let creates = |change: &Change, name: &ThingName| {
        if let Change::Thing(ThingChange::Insert(thing)) = change { thing.name == *name } else { false }
    };
    let is_new = move |touched: &Touched<'_>| match touched {
        Touched::Certificate(id) => Some(*id) == activated,
        Touched::Thing(name) => changes.iter().any(|change| creates(change, name)),
        Touched::Nobody | Touched::Ca(_) | Touched::Policy(_) | Touched::Groups => false,
    };
    changes.iter().map(Touched::by).filter(move |touched| !is_new(touched))
}

impl<'c> Touched<'c> {
    /// Whose rights this change can alter.
    pub(crate) fn by(change: &'c Change) -> Self {
        match change {
            Change::CaCertificate(change) => Self::by_ca_certificate(change),
            Change::Certificate(change) => Self::by_certificate(change),
            Change::Policy(change) => Self::by_policy(change),
            // The type and the attributes are values of variables. What is deleted has no principals.
            Change::Thing(ThingChange::Update(update)) => Self::Thing(&update.name),
            Change::ThingGroup(
                ThingGroupChange::AddThing { thing, .. }
                | ThingGroupChange::EnsureThing { thing, .. }
                | ThingGroupChange::RemoveThing { thing, .. },
            ) => Self::Thing(thing),
            Change::ThingGroup(ThingGroupChange::Delete { .. }) => Self::Groups,
            Change::Thing(ThingChange::Insert(_) | ThingChange::Delete { .. })
            | Change::ThingGroup(
                ThingGroupChange::Ensure(_) | ThingGroupChange::Insert(_) | ThingGroupChange::Update(_),
            )
            | Change::BillingGroup(_)
            | Change::ConfigureEvents { .. }
            | Change::DeleteRegistrationCode
            | Change::Delivery(_)
            | Change::Destination(_)
            | Change::EnsureRegistrationCode(_)
            | Change::Event(_)
            | Change::EventSourceMapping(_)
            | Change::EventsDelivered(_)
            | Change::Expect(_)
            | Change::Function(_)
            | Change::Greengrass(_)
            | Change::Layer(_)
            | Change::LogSinkPosition { .. }
            | Change::Logging(_)
            | Change::Record(_)
            | Change::RegistrationJob(_)
            | Change::Tag(_)
            | Change::ThingType(_)
            | Change::TopicRule(_) => Self::Nobody,
        }
    }

    fn by_ca_certificate(change: &CaCertificateChange) -> Self {
        match change {
            CaCertificateChange::Update { id, status: Some(_), .. } => Self::Ca(*id),
            // A new one has no devices yet, and one that is deleted is INACTIVE.
            CaCertificateChange::Insert(_)
            | CaCertificateChange::Update { status: None, .. }
            | CaCertificateChange::Delete { .. } => Self::Nobody,
        }
    }

    fn by_certificate(change: &CertificateChange) -> Self {
        match change {
            CertificateChange::Activate { id, .. }
            | CertificateChange::SetStatus { id, .. }
            | CertificateChange::AttachThing { id, .. }
            | CertificateChange::DetachThing { id, .. }
            | CertificateChange::Delete { id, .. } => Self::Certificate(*id),
            CertificateChange::Insert(certificate) => Self::Certificate(certificate.id),
        }
    }

    fn by_policy(change: &'c PolicyChange) -> Self {
        match change {
            PolicyChange::Attach { target, .. } | PolicyChange::Detach { target, .. } => match target {
                PolicyTarget::Certificate(id) => Self::Certificate(*id),
                PolicyTarget::ThingGroup(_) => Self::Groups,
            },
            PolicyChange::InsertVersion { name, is_default: true, .. }
            | PolicyChange::SetDefaultVersion { name, .. } => Self::Policy(name),
            // What these make or remove is attached to nothing, or is no version that counts.
            PolicyChange::Ensure { .. }
            | PolicyChange::Insert(_)
            | PolicyChange::Delete { .. }
            | PolicyChange::InsertVersion { is_default: false, .. }
            | PolicyChange::DeleteVersion { .. } => Self::Nobody,
        }
    }
}

#[cfg(test)]
mod tests {
    use landfall_model::{
        AccountId, AttachedThing, Attributes, AutoRegistration, CaStatus, CertificateStatus, PolicyVersionId,
        Region, Scope, Thing, ThingId, ThingPrincipalType, UnixTime,
    };

    use super::*;

    const ID: CertificateId = CertificateId::from_sha256([1; 32]);
    const AT: UnixTime = UnixTime::from_secs(1);

    fn policy(name: &str) -> PolicyName {
        PolicyName::parse(name).unwrap()
    }

    fn thing(name: &str) -> ThingName {
        ThingName::parse(name).unwrap()
    }

    /// With the policy `own`, and the thing `thing-1` whose groups give `of-group`.
    fn principal() -> Principal {
        let of_group = vec![(policy("of-group"), PolicyVersionId::FIRST)];
        let attached = AttachedThing {
            name: thing("thing-1"),
            thing_type: None,
            principal_type: ThingPrincipalType::NonExclusive,
            policies: of_group,
        };
        let policies = vec![(policy("own"), PolicyVersionId::FIRST)];
        Principal { certificate: ID, things: vec![attached], policies }
    }

    fn default_version(name: &str) -> Change {
        let (name, version) = (policy(name), PolicyVersionId::FIRST);
        Change::Policy(PolicyChange::SetDefaultVersion { name, version, at: AT })
    }

    fn set_status(id: CertificateId) -> Change {
        Change::Certificate(CertificateChange::SetStatus { id, status: CertificateStatus::Revoked, at: AT })
    }

    fn attach(target: impl Into<PolicyTarget>) -> Change {
        Change::Policy(PolicyChange::Attach { name: policy("another"), target: target.into() })
    }

    fn ensure_in_group(name: &str) -> Change {
        let (account, region) =
            (AccountId::parse("000000000000").unwrap(), Region::parse("us-east-1").unwrap());
        let group = landfall_model::ThingGroupName::parse("group").unwrap();
        let scope = Scope { account, region };
        Change::ThingGroup(ThingGroupChange::EnsureThing { group, thing: thing(name), scope, at: AT })
    }

    fn create(name: &str) -> Change {
        Change::Thing(ThingChange::Insert(Thing {
            name: thing(name),
            id: ThingId::from_bytes([1; 16]),
            thing_type: None,
            billing_group: None,
            attributes: Attributes::default(),
            version: 1,
            made_by: None,
            created_at: AT,
        }))
    }

    fn add_to_group(name: &str) -> Change {
        let group = landfall_model::ThingGroupName::parse("group").unwrap();
        Change::ThingGroup(ThingGroupChange::AddThing { group, thing: thing(name) })
    }

    #[test]
    fn what_a_principal_is_made_of_touches_it() {
        let other = CertificateId::from_sha256([2; 32]);
        let group = landfall_model::ThingGroupName::parse("group").unwrap();
        for (change, expected) in [
            (default_version("own"), true),
            (default_version("of-group"), true),
            (default_version("another"), false),
            (set_status(ID), true),
            (set_status(other), false),
            (attach(ID), true),
            (attach(other), false),
            (attach(group), true),
            (add_to_group("thing-1"), true),
            (add_to_group("thing-2"), false),
            (ensure_in_group("thing-1"), true),
            (ensure_in_group("thing-2"), false),
        ] {
            let touches = Touches::new();
            let before = touches.now();
            touches.note(std::slice::from_ref(&change));
            assert_eq!(touches.is_touched(&principal(), before), expected, "{change:?}");
            assert!(!touches.is_touched(&principal(), touches.now()), "{change:?}");
        }
    }

    #[test]
    fn the_status_of_a_ca_certificate_touches_its_devices_and_no_other_rights() {
        let (ca, other) = (CaCertificateId::from_sha256([1; 32]), CaCertificateId::from_sha256([2; 32]));
        let auto_registration = Some(AutoRegistration::Disable);
        for (status, expected) in
            [(Some(CaStatus::Inactive), true), (Some(CaStatus::Active), true), (None, false)]
        {
            let touches = Touches::new();
            let before = touches.now();
            touches.note(&[Change::CaCertificate(CaCertificateChange::Update {
                id: ca,
                status,
                auto_registration,
                at: AT,
            })]);
            assert_eq!(touches.is_ca_touched(ca, before), expected, "{status:?}");
            assert!(!touches.is_ca_touched(ca, touches.now()), "{status:?}");
            assert!(!touches.is_ca_touched(other, before), "{status:?}");
            assert!(!touches.is_touched(&principal(), before), "{status:?}");
        }
    }

    #[test]
    fn an_activation_touches_nobody_with_what_it_attaches() {
        let touches = Touches::new();
        let before = touches.now();
        let activate = Change::Certificate(CertificateChange::Activate { id: ID, at: AT });
        touches.note(&[create("thing-1"), ensure_in_group("thing-1"), attach(ID), activate.clone()]);
        assert!(!touches.is_touched(&principal(), before));
        touches.note(&[create("thing-2"), ensure_in_group("thing-1"), activate]);
        assert!(touches.is_touched(&principal(), before), "the thing is another one's, too");
    }
}
