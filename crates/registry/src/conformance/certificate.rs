//! Promises about certificates and the things that they are attached to.

use landfall_model::{
    Certificate, CertificateMode, CertificateStatus, PrincipalThing, ThingPrincipal, ThingPrincipalType,
};

use super::samples::{
    CA, LATER, ca_id, certificate, creation_id, failure, id, pending, policy, policy_name, thing, thing_name,
};
use super::{assert_pages, commit, conflict};
use crate::{Conflict, Order, PageRequest, RecordFilter, Registry};

/// Every status.
fn statuses() -> [CertificateStatus; 4] {
    [
        CertificateStatus::Active,
        CertificateStatus::Inactive,
        CertificateStatus::PendingActivation { creation_id: creation_id(77) },
        CertificateStatus::Revoked,
    ]
}

/// Every status is kept, with an issuer and without, registered or not; an unknown id finds nothing.
pub async fn a_certificate_is_read_back_as_it_was_inserted(registry: &dyn Registry) {
    assert_eq!(registry.certificate(id(1)).await.unwrap(), None);
    let issuers = [Some(CA), None, Some(ca_id(2)), Some(CA)];
    for (number, (status, ca)) in (1..).zip(statuses().into_iter().zip(issuers)) {
        let mode = if ca.is_some() { CertificateMode::Default } else { CertificateMode::SniOnly };
        let version = u64::from(number) * 1_000_000_000;
        let inserted = Certificate { mode, version, modified_at: LATER, ..certificate(number, ca, status) };
        commit(registry, |tx| tx.insert_certificate(inserted.clone())).await;
        assert_eq!(registry.certificate(id(number)).await.unwrap(), Some(inserted));
    }
}

/// Those that are registered without a CA certificate are listed by themselves.
pub async fn certificates_without_a_ca_are_listed(registry: &dyn Registry) {
    for number in 1..=7 {
        let ca = (number % 2 == 0).then_some(CA);
        let inserted = certificate(number, ca, CertificateStatus::Active);
        commit(registry, |tx| tx.insert_certificate(inserted)).await;
    }
    let expected = [1, 3, 5, 7].map(|number| certificate(number, None, CertificateStatus::Active));
    assert_pages(&expected, |page| registry.certificates_without_ca(page)).await;
}

/// Ids come in their order, whatever the order of registration, and each once.
pub async fn ids_of_certificates_are_read_in_their_order(registry: &dyn Registry) {
    let mut expected: Vec<_> = (1..=7).map(id).collect();
    for number in [4, 1, 7, 2, 6, 3, 5] {
        commit(registry, |tx| tx.insert_certificate(pending(number))).await;
    }
    expected.sort_unstable();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let ids = registry.certificate_ids(after, 3).await.unwrap();
        after = ids.last().copied();
        if ids.is_empty() {
            break;
        }
        assert!(ids.len() <= 3);
        found.extend(ids);
    }
    assert_eq!(found, expected);
}

/// A second insert of an id conflicts and changes nothing.
pub async fn a_certificate_is_inserted_once(registry: &dyn Registry) {
    commit(registry, |tx| tx.insert_certificate(pending(1))).await;
    let second = certificate(1, None, CertificateStatus::Active);
    conflict(registry, Conflict::CertificateExists(id(1)), |tx| tx.insert_certificate(second)).await;
    assert_eq!(registry.certificate(id(1)).await.unwrap(), Some(pending(1)));
}

/// A certificate that differs from a registered one only in its signature conflicts.
pub async fn a_twin_of_a_certificate_is_not_inserted(registry: &dyn Registry) {
    commit(registry, |tx| tx.insert_certificate(pending(1))).await;
    let twin = Certificate { signed_part: pending(1).signed_part, ..pending(2) };
    conflict(registry, Conflict::CertificateTwin(id(2)), |tx| tx.insert_certificate(twin)).await;
    assert_eq!(registry.certificate(id(2)).await.unwrap(), None);
}

/// Activation takes a pending certificate and no other.
pub async fn only_a_pending_certificate_is_activated(registry: &dyn Registry) {
    conflict(registry, Conflict::CertificateNotFound(id(1)), |tx| tx.activate_certificate(id(1), LATER))
        .await;
    for (number, status) in (1..).zip(statuses()) {
        let before = certificate(number, Some(CA), status);
        commit(registry, |tx| tx.insert_certificate(before.clone())).await;
        let after = match status {
            CertificateStatus::PendingActivation { .. } => {
                commit(registry, |tx| tx.activate_certificate(id(number), LATER)).await;
                Certificate { status: CertificateStatus::Active, version: 2, modified_at: LATER, ..before }
            }
            CertificateStatus::Active | CertificateStatus::Inactive | CertificateStatus::Revoked => {
                let expected = Conflict::CertificateNotPending(id(number));
                conflict(registry, expected, |tx| tx.activate_certificate(id(number), LATER)).await;
                before
            }
        };
        assert_eq!(registry.certificate(id(number)).await.unwrap(), Some(after));
    }
}

/// Every status can be set in place of every other, only what is REVOKED stays so; an unknown certificate conflicts.
pub async fn every_status_can_follow_but_none_follows_revoked(registry: &dyn Registry) {
    let active = CertificateStatus::Active;
    let unknown = Conflict::CertificateNotFound(id(1));
    conflict(registry, unknown, |tx| tx.set_certificate_status(id(1), active, LATER)).await;
    let pairs = statuses().into_iter().flat_map(|before| statuses().map(|after| (before, after)));
    for (number, (before, after)) in (1..).zip(pairs) {
        commit(registry, |tx| tx.insert_certificate(certificate(number, Some(CA), before))).await;
        let set = |tx: &mut crate::Transaction| tx.set_certificate_status(id(number), after, LATER);
        let unchanged = certificate(number, Some(CA), before);
        let expected = match (before, after) {
            (CertificateStatus::Revoked, CertificateStatus::Revoked) => {
                commit(registry, set).await;
                unchanged
            }
            (CertificateStatus::Revoked, _) => {
                conflict(registry, Conflict::CertificateRevoked(id(number)), set).await;
                unchanged
            }
            _ => {
                commit(registry, set).await;
                Certificate { status: after, version: 2, modified_at: LATER, ..unchanged }
            }
        };
        assert_eq!(registry.certificate(id(number)).await.unwrap(), Some(expected), "{before:?}");
    }
}

/// Both must exist, the certificate is missed first, and a second attachment changes nothing.
pub async fn a_thing_is_attached_once(registry: &dyn Registry) {
    let name = thing_name("t");
    let no_certificate = Conflict::CertificateNotFound(id(1));
    conflict(registry, no_certificate, |tx| tx.attach_thing(id(1), name.clone())).await;
    commit(registry, |tx| tx.insert_certificate(pending(1))).await;
    conflict(registry, Conflict::ThingNotFound(name.clone()), |tx| tx.attach_thing(id(1), name.clone()))
        .await;
    commit(registry, |tx| tx.insert_thing(thing("t"))).await;
    for _ in 0..2 {
        commit(registry, |tx| tx.attach_thing(id(1), name.clone())).await;
        let principals = registry.thing_principals(&name, None, PageRequest::first(9)).await.unwrap();
        let principal_type = ThingPrincipalType::NonExclusive;
        assert_eq!(principals.items, [ThingPrincipal { certificate: id(1), principal_type }]);
    }
}

/// A certificate that is attached exclusively is attached to nothing else. The way can be changed while that holds, and a
/// thing may have several certificates in any way.
pub async fn an_exclusive_certificate_has_one_thing(registry: &dyn Registry) {
    use ThingPrincipalType::{Exclusive, NonExclusive};
    let [t, u] = ["t", "u"].map(thing_name);
    let (t, u) = (&t, &u);
    commit(registry, |tx| {
        ["t", "u"].iter().for_each(|name| tx.insert_thing(thing(name)));
        (1..=3).for_each(|number| tx.insert_certificate(pending(number)));
        tx.attach_thing_as(Exclusive, id(1), t.clone());
        tx.attach_thing_as(NonExclusive, id(2), t.clone());
        tx.attach_thing_as(NonExclusive, id(2), u.clone());
    })
    .await;
    for principal_type in [Exclusive, NonExclusive] {
        let exclusive = Conflict::CertificateExclusive { certificate: id(1), thing: t.clone() };
        conflict(registry, exclusive, |tx| tx.attach_thing_as(principal_type, id(1), u.clone())).await;
    }
    for (thing, other) in [(t, u), (u, t)] {
        let shared = Conflict::CertificateShared { certificate: id(2), thing: other.clone() };
        conflict(registry, shared, |tx| tx.attach_thing_as(Exclusive, id(2), thing.clone())).await;
    }
    let attached = |number, principal_type| ThingPrincipal { certificate: id(number), principal_type };
    let page = PageRequest::first(9);
    let principals = registry.thing_principals(t, None, page).await.unwrap().items;
    assert_eq!(principals, [attached(1, Exclusive), attached(2, NonExclusive)]);

    commit(registry, |tx| {
        tx.attach_thing_as(NonExclusive, id(1), t.clone());
        tx.attach_thing_as(NonExclusive, id(1), u.clone());
        tx.detach_thing(id(2), u.clone());
        tx.attach_thing_as(Exclusive, id(2), t.clone());
    })
    .await;
    let principals = registry.thing_principals(t, None, page).await.unwrap().items;
    assert_eq!(principals, [attached(1, NonExclusive), attached(2, Exclusive)]);
}

/// Both must exist, the certificate is missed first, and what is not attached can be detached.
pub async fn a_thing_is_detached(registry: &dyn Registry) {
    let name = thing_name("t");
    let no_certificate = Conflict::CertificateNotFound(id(1));
    conflict(registry, no_certificate, |tx| tx.detach_thing(id(1), name.clone())).await;
    commit(registry, |tx| tx.insert_certificate(pending(1))).await;
    conflict(registry, Conflict::ThingNotFound(name.clone()), |tx| tx.detach_thing(id(1), name.clone()))
        .await;
    commit(registry, |tx| {
        ["t", "u"].iter().for_each(|name| tx.insert_thing(thing(name)));
        ["t", "u"].iter().for_each(|name| tx.attach_thing(id(1), thing_name(name)));
    })
    .await;
    for _ in 0..2 {
        commit(registry, |tx| tx.detach_thing(id(1), name.clone())).await;
        let things = registry.principal_things(id(1), None, PageRequest::first(9)).await.unwrap().items;
        let principal_type = ThingPrincipalType::NonExclusive;
        assert_eq!(things, [PrincipalThing { thing: thing_name("u"), principal_type }]);
    }
}

/// The listing is by time of the things' creation, of those attached in one way or in any.
pub async fn things_of_a_certificate_are_listed_by_page(registry: &dyn Registry) {
    let names = ["e", "b", "d", "a", "c"];
    commit(registry, |tx| {
        (1..=2).for_each(|number| tx.insert_certificate(pending(number)));
        names.iter().for_each(|name| tx.insert_thing(thing(name)));
        ["c", "e", "d"].iter().for_each(|name| tx.attach_thing(id(1), thing_name(name)));
        tx.attach_thing_as(ThingPrincipalType::Exclusive, id(2), thing_name("b"));
    })
    .await;
    let attached = |names: &[&str], principal_type| -> Vec<_> {
        names.iter().map(|name| PrincipalThing { thing: thing_name(name), principal_type }).collect()
    };
    let of_1 = attached(&["e", "d", "c"], ThingPrincipalType::NonExclusive);
    let of_2 = attached(&["b"], ThingPrincipalType::Exclusive);
    let every = &[];
    let (exclusive, non_exclusive) =
        (Some(ThingPrincipalType::Exclusive), Some(ThingPrincipalType::NonExclusive));
    for (number, wanted, expected) in [
        (1, None, &of_1[..]),
        (1, non_exclusive, &of_1),
        (1, exclusive, every),
        (2, None, &of_2),
        (2, non_exclusive, every),
        (2, exclusive, &of_2),
        (3, None, every),
    ] {
        assert_pages(expected, |page| registry.principal_things(id(number), wanted, page)).await;
    }
}

/// It must not be ACTIVE, nor attached to a thing, nor have policies, unless these are to be detached.
pub async fn a_certificate_in_use_is_not_deleted(registry: &dyn Registry) {
    let delete = |forced| move |tx: &mut crate::Transaction| tx.delete_certificate(id(1), forced);
    conflict(registry, Conflict::CertificateNotFound(id(1)), delete(true)).await;
    commit(registry, |tx| {
        tx.insert_certificate(certificate(1, Some(CA), CertificateStatus::Active));
        tx.insert_thing(thing("t"));
        tx.attach_thing(id(1), thing_name("t"));
        tx.ensure_policy(policy("p", "{}"));
        tx.attach_policy(id(1), policy_name("p"));
    })
    .await;
    conflict(registry, Conflict::CertificateActive(id(1)), delete(true)).await;
    for status in statuses().into_iter().filter(|status| *status != CertificateStatus::Active) {
        commit(registry, |tx| tx.set_certificate_status(id(1), status, LATER)).await;
        conflict(registry, Conflict::CertificateHasThings(id(1)), delete(true)).await;
    }
    commit(registry, |tx| tx.detach_thing(id(1), thing_name("t"))).await;
    conflict(registry, Conflict::CertificateHasPolicies(id(1)), delete(false)).await;
    assert!(registry.certificate(id(1)).await.unwrap().is_some());

    commit(registry, delete(true)).await;
    assert_eq!(registry.certificate(id(1)).await.unwrap(), None);
    assert_eq!(registry.principal(id(1)).await.unwrap(), None);
    let targets = registry.policy_targets(&policy_name("p"), PageRequest::first(9)).await.unwrap();
    assert_eq!(targets.items, []);
    conflict(registry, Conflict::CertificateNotFound(id(1)), delete(true)).await;
}

/// Its log stays. It can be registered again, as it was or as its twin, stands last in listings then, and has nothing of
/// what was attached before.
pub async fn a_deleted_certificate_can_come_back(registry: &dyn Registry) {
    commit(registry, |tx| {
        (1..=2).for_each(|number| tx.insert_certificate(pending(number)));
        tx.ensure_policy(policy("p", "{}"));
        tx.attach_policy(id(1), policy_name("p"));
        tx.record(failure(1, "a"));
    })
    .await;
    commit(registry, |tx| tx.delete_certificate(id(1), true)).await;
    assert_eq!(registry.certificate_records(id(1)).await.unwrap(), [failure(1, "a")]);
    assert_eq!(
        registry.records(&RecordFilter::default(), PageRequest::first(9)).await.unwrap().items,
        [failure(1, "a")]
    );
    commit(registry, |tx| tx.record(failure(1, "a"))).await;

    let twin = Certificate { signed_part: pending(1).signed_part, ..pending(3) };
    commit(registry, |tx| tx.insert_certificate(twin)).await;
    conflict(registry, Conflict::CertificateTwin(id(1)), |tx| tx.insert_certificate(pending(1))).await;
    commit(registry, |tx| {
        tx.delete_certificate(id(3), false);
        tx.insert_certificate(pending(1));
        tx.record(failure(1, "a"));
    })
    .await;
    let listed = registry.certificates(Some(CA), PageRequest::first(9)).await.unwrap().items;
    assert_eq!(listed, [pending(2), pending(1)]);
    let principal = registry.principal(id(1)).await.unwrap().unwrap();
    assert_eq!((principal.things.len(), principal.policies.len()), (0, 0));
    let mut counted = failure(1, "a");
    counted.attempts = 3;
    assert_eq!(registry.certificate_records(id(1)).await.unwrap(), [counted]);
}

/// The listing is by time of registration: of all certificates, or of those of one CA certificate, registered or not.
pub async fn certificates_are_listed_by_page(registry: &dyn Registry) {
    let issuers = [Some(CA), None, Some(ca_id(2)), Some(CA), Some(CA), None, Some(ca_id(2))];
    let all: Vec<_> =
        (1..).zip(issuers).map(|(number, ca)| certificate(number, ca, CertificateStatus::Active)).collect();
    for certificate in &all {
        commit(registry, |tx| tx.insert_certificate(certificate.clone())).await;
    }
    assert_pages(&all, |page| registry.certificates(None, page)).await;
    for ca in [Some(CA), Some(ca_id(2)), Some(ca_id(3))] {
        let of_ca: Vec<_> = all.iter().filter(|certificate| certificate.ca == ca).cloned().collect();
        assert_pages(&of_ca, |page| registry.certificates(ca, page)).await;
    }
}

/// What was seen does not come again, what was not seen does, whatever is registered or changed in between.
pub async fn a_cursor_stays_in_place_while_rows_come_and_change(registry: &dyn Registry) {
    commit(registry, |tx| (1..=4).for_each(|number| tx.insert_certificate(pending(number)))).await;
    let first = registry.certificates(None, PageRequest::first(2)).await.unwrap();
    let descending = PageRequest { after: None, limit: 2, order: Order::Descending };
    let last = registry.certificates(None, descending).await.unwrap();

    let revoked = CertificateStatus::Revoked;
    commit(registry, |tx| {
        tx.insert_certificate(pending(5));
        (1..=4).for_each(|number| tx.set_certificate_status(id(number), revoked, LATER));
    })
    .await;
    let rest = PageRequest { after: first.next, ..PageRequest::first(9) };
    let ids = |certificates: Vec<Certificate>| certificates.iter().map(|c| c.id).collect::<Vec<_>>();
    assert_eq!(ids(registry.certificates(None, rest).await.unwrap().items), [id(3), id(4), id(5)]);
    let rest = PageRequest { after: last.next, limit: 9, ..descending };
    assert_eq!(ids(registry.certificates(None, rest).await.unwrap().items), [id(2), id(1)]);
}
