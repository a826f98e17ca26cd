//! Promises about CA certificates.

use landfall_model::{AutoRegistration, CaCertificate, CaStatus, CertificateMode, CertificateStatus};

use super::samples::{CA, LATER, ca_certificate, ca_id, certificate, pending};
use super::{assert_pages, commit, conflict};
use crate::{Conflict, PageRequest, Registry};

/// Every status and mode is kept, and an unknown id finds nothing.
pub async fn a_ca_certificate_is_read_back_as_it_was_inserted(registry: &dyn Registry) {
    assert_eq!(registry.ca_certificate(CA).await.unwrap(), None);
    let variants = [
        (CaStatus::Active, AutoRegistration::Enable, CertificateMode::Default),
        (CaStatus::Active, AutoRegistration::Disable, CertificateMode::SniOnly),
        (CaStatus::Inactive, AutoRegistration::Enable, CertificateMode::SniOnly),
        (CaStatus::Inactive, AutoRegistration::Disable, CertificateMode::Default),
    ];
    for (number, (status, auto_registration, mode)) in (1..).zip(variants) {
        let ca = CaCertificate {
            status,
            auto_registration,
            mode,
            version: u64::from(u32::MAX) + 7,
            modified_at: LATER,
            ..ca_certificate(ca_id(number))
        };
        commit(registry, |tx| tx.insert_ca_certificate(ca.clone())).await;
        assert_eq!(registry.ca_certificate(ca.id).await.unwrap(), Some(ca));
    }
}

/// A second insert of an id conflicts and changes nothing.
pub async fn a_ca_certificate_is_inserted_once(registry: &dyn Registry) {
    let first = ca_certificate(CA);
    commit(registry, |tx| tx.insert_ca_certificate(first.clone())).await;
    let second = CaCertificate { status: CaStatus::Inactive, ..first.clone() };
    conflict(registry, Conflict::CaCertificateExists(CA), |tx| tx.insert_ca_certificate(second)).await;
    assert_eq!(registry.ca_certificate(CA).await.unwrap(), Some(first));
}

/// Status and auto-registration change each alone, both or neither; the time of the change is kept.
pub async fn an_update_sets_only_what_is_given(registry: &dyn Registry) {
    let mut expected = ca_certificate(CA);
    commit(registry, |tx| tx.insert_ca_certificate(expected.clone())).await;
    for (status, auto_registration) in [
        (Some(CaStatus::Inactive), None),
        (None, Some(AutoRegistration::Disable)),
        (None, None),
        (Some(CaStatus::Active), Some(AutoRegistration::Enable)),
    ] {
        commit(registry, |tx| tx.update_ca_certificate(CA, status, auto_registration, LATER)).await;
        expected.status = status.unwrap_or(expected.status);
        expected.auto_registration = auto_registration.unwrap_or(expected.auto_registration);
        expected.version += 1;
        expected.modified_at = LATER;
        assert_eq!(registry.ca_certificate(CA).await.unwrap().as_ref(), Some(&expected));
    }
}

/// An update of what is not registered conflicts.
pub async fn an_unknown_ca_certificate_is_not_updated(registry: &dyn Registry) {
    let status = Some(CaStatus::Inactive);
    let expected = Conflict::CaCertificateNotFound(CA);
    conflict(registry, expected, |tx| tx.update_ca_certificate(CA, status, None, LATER)).await;
}

/// An ACTIVE one stays, an unknown one conflicts, an INACTIVE one goes.
pub async fn only_an_inactive_ca_certificate_is_deleted(registry: &dyn Registry) {
    conflict(registry, Conflict::CaCertificateNotFound(CA), |tx| tx.delete_ca_certificate(CA)).await;
    commit(registry, |tx| tx.insert_ca_certificate(ca_certificate(CA))).await;
    conflict(registry, Conflict::CaCertificateActive(CA), |tx| tx.delete_ca_certificate(CA)).await;
    assert!(registry.ca_certificate(CA).await.unwrap().is_some());
    commit(registry, |tx| {
        tx.update_ca_certificate(CA, Some(CaStatus::Inactive), None, LATER);
        tx.delete_ca_certificate(CA);
    })
    .await;
    assert_eq!(registry.ca_certificate(CA).await.unwrap(), None);
    conflict(registry, Conflict::CaCertificateNotFound(CA), |tx| tx.delete_ca_certificate(CA)).await;
}

/// Certificates keep the id of the CA certificate that issued them, and a new registration of it stands last in listings.
pub async fn a_deleted_ca_certificate_leaves_its_devices_and_can_come_back(registry: &dyn Registry) {
    let inactive = CaCertificate { status: CaStatus::Inactive, ..ca_certificate(CA) };
    let other = ca_certificate(ca_id(2));
    commit(registry, |tx| {
        tx.insert_ca_certificate(inactive);
        tx.insert_ca_certificate(other.clone());
        tx.insert_certificate(pending(1));
        tx.insert_certificate(certificate(2, Some(other.id), CertificateStatus::Active));
    })
    .await;
    commit(registry, |tx| tx.delete_ca_certificate(CA)).await;
    assert_eq!(registry.certificate(pending(1).id).await.unwrap(), Some(pending(1)));
    let of_ca = registry.certificates(Some(CA), PageRequest::first(9)).await.unwrap();
    assert_eq!(of_ca.items, [pending(1)]);

    commit(registry, |tx| tx.insert_ca_certificate(ca_certificate(CA))).await;
    let listed = registry.ca_certificates(PageRequest::first(9)).await.unwrap();
    assert_eq!(listed.items, [other, ca_certificate(CA)]);
}

/// The listing is by time of registration, in both directions.
pub async fn ca_certificates_are_listed_by_page(registry: &dyn Registry) {
    assert_pages(&[], |page| registry.ca_certificates(page)).await;
    let all: Vec<_> = (1..=5).rev().map(|number| ca_certificate(ca_id(number))).collect();
    for ca in &all {
        commit(registry, |tx| tx.insert_ca_certificate(ca.clone())).await;
    }
    assert_pages(&all, |page| registry.ca_certificates(page)).await;
}
