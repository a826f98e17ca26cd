//! Promises about certificates and what is attached to them.

use landfall_model::{Certificate, CertificateStatus};

use super::samples::{
    CA, LATER, ca_id, certificate, creation_id, id, pending, policy, policy_name, thing, thing_name,
};
use super::{assert_pages, commit, conflict};
use crate::{Conflict, Order, PageRequest, Registry};

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
        let inserted = Certificate { modified_at: LATER, ..certificate(number, ca, status) };
        commit(registry, |tx| tx.insert_certificate(inserted.clone())).await;
        assert_eq!(registry.certificate(id(number)).await.unwrap(), Some(inserted));
    }
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
                Certificate { status: CertificateStatus::Active, modified_at: LATER, ..before }
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

/// Every status can be set in place of every other; an unknown certificate conflicts.
pub async fn any_status_can_be_set(registry: &dyn Registry) {
    let active = CertificateStatus::Active;
    let unknown = Conflict::CertificateNotFound(id(1));
    conflict(registry, unknown, |tx| tx.set_certificate_status(id(1), active, LATER)).await;
    commit(registry, |tx| tx.insert_certificate(pending(1))).await;
    for before in statuses() {
        for after in statuses() {
            commit(registry, |tx| {
                tx.set_certificate_status(id(1), before, LATER);
                tx.set_certificate_status(id(1), after, LATER);
            })
            .await;
            let expected = Certificate { status: after, modified_at: LATER, ..pending(1) };
            assert_eq!(registry.certificate(id(1)).await.unwrap(), Some(expected), "{before:?}");
        }
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
        let principals = registry.thing_principals(&name, PageRequest::first(9)).await.unwrap();
        assert_eq!(principals.items, [id(1)]);
    }
}

/// Both must exist, the certificate is missed first, and a second attachment changes nothing.
pub async fn a_policy_is_attached_once(registry: &dyn Registry) {
    let name = policy_name("p");
    let no_certificate = Conflict::CertificateNotFound(id(1));
    conflict(registry, no_certificate, |tx| tx.attach_policy(id(1), name.clone())).await;
    commit(registry, |tx| tx.insert_certificate(pending(1))).await;
    conflict(registry, Conflict::PolicyNotFound(name.clone()), |tx| tx.attach_policy(id(1), name.clone()))
        .await;
    commit(registry, |tx| tx.ensure_policy(policy("p", "{}"))).await;
    for _ in 0..2 {
        commit(registry, |tx| tx.attach_policy(id(1), name.clone())).await;
        let attached = registry.attached_policies(id(1), PageRequest::first(9)).await.unwrap();
        assert_eq!(attached.items, [policy("p", "{}")]);
    }
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
