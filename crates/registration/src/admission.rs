use landfall_model::{
    AutoRegistration, CaCertificate, CaStatus, Certificate, CertificateStatus, CreationId, Principal,
    RegistryView,
};

use crate::Refusal;

/// What becomes of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is that of a registered device. Whether it may connect is for its policies to say.
    Admit(Principal),
    /// Its certificate is seen for the first time and is registered now.
    Register,
    /// Its certificate is registered but not provisioned yet: the registration goes on from where it is.
    Resume(CreationId),
    /// It is kept out.
    Refuse(Refusal),
}

/// What becomes of a connection whose certificate is registered without a CA certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinnedAdmission {
    /// It is that of a registered device. Whether it may connect is for its policies to say.
    Admit(Principal),
    /// It is kept out.
    Refuse(Refusal),
}

/// What becomes of registered devices once their CA certificate is set INACTIVE. Nobody new is registered then, either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InactiveCaDevices {
    /// They stay, as at AWS IoT: to keep one out, its certificate has to be deactivated too.
    #[default]
    Stay,
    /// They go, and come in again once it is ACTIVE.
    Go,
}

/// Decides what becomes of a connection whose chain has been verified.
///
/// Pure: the caller reads `view` first, and carries out the admission afterwards.
pub fn decide(view: &RegistryView, inactive_ca_devices: InactiveCaDevices) -> Admission {
    match &view.certificate {
        None => decide_first_sight(view.ca_certificate.as_ref()),
        Some(certificate) => decide_registered(certificate, view, inactive_ca_devices),
    }
}

/// Decides what becomes of a connection whose certificate is registered without a CA certificate: an operator did that, and
/// it is never registered again by connecting. None are given when the certificate is not registered any more.
pub fn decide_pinned(status: Option<CertificateStatus>, principal: Option<Principal>) -> PinnedAdmission {
    let refusal = match (status, principal) {
        (Some(CertificateStatus::Active), Some(principal)) => return PinnedAdmission::Admit(principal),
        (Some(CertificateStatus::Active), None) | (None, _) => Refusal::Unregistered,
        (Some(CertificateStatus::Inactive), _) => Refusal::Deactivated,
        (Some(CertificateStatus::PendingActivation { .. }), _) => Refusal::PendingWithoutCa,
        (Some(CertificateStatus::Revoked), _) => Refusal::Revoked,
    };
    PinnedAdmission::Refuse(refusal)
}

fn decide_registered(
    certificate: &Certificate,
    view: &RegistryView,
    inactive_ca_devices: InactiveCaDevices,
) -> Admission {
    match (certificate.status, &view.principal) {
        (CertificateStatus::Active, Some(principal)) => {
            match refusal_for_ca(view.ca_certificate.as_ref(), inactive_ca_devices) {
                Some(refusal) => Admission::Refuse(refusal),
                None => Admission::Admit(principal.clone()),
            }
        }
        // An ACTIVE certificate always has a principal in the same view; a view without one must not let it in.
        (CertificateStatus::Active, None) => Admission::Refuse(Refusal::Deactivated),
        (CertificateStatus::Inactive, _) => Admission::Refuse(Refusal::Deactivated),
        (CertificateStatus::Revoked, _) => Admission::Refuse(Refusal::Revoked),
        // Auto-registration is asked about at first sight only: once pending, a certificate is never refused for that.
        (CertificateStatus::PendingActivation { creation_id }, _) => match &view.ca_certificate {
            None => Admission::Refuse(Refusal::CaDeleted),
            Some(ca) => match ca.status {
                CaStatus::Active => Admission::Resume(creation_id),
                CaStatus::Inactive => Admission::Refuse(Refusal::CaInactive { ca: ca.id }),
            },
        },
    }
}

/// Why a device whose certificate is ACTIVE is kept out for the sake of its CA certificate.
fn refusal_for_ca(ca: Option<&CaCertificate>, inactive_ca_devices: InactiveCaDevices) -> Option<Refusal> {
    match (inactive_ca_devices, ca.map(|ca| (ca.id, ca.status))) {
        (InactiveCaDevices::Stay, _) | (InactiveCaDevices::Go, Some((_, CaStatus::Active))) => None,
        (InactiveCaDevices::Go, Some((ca, CaStatus::Inactive))) => Some(Refusal::CaInactive { ca }),
        (InactiveCaDevices::Go, None) => Some(Refusal::CaDeleted),
    }
}

/// Registers a certificate seen for the first time, if its CA certificate allows that.
fn decide_first_sight(ca: Option<&CaCertificate>) -> Admission {
    let Some(ca) = ca else {
        return Admission::Refuse(Refusal::CaDeleted);
    };
    match (ca.status, ca.auto_registration) {
        (CaStatus::Active, AutoRegistration::Enable) => Admission::Register,
        (CaStatus::Active, AutoRegistration::Disable) => {
            Admission::Refuse(Refusal::AutoRegistrationDisabled { ca: ca.id })
        }
        (CaStatus::Inactive, _) => Admission::Refuse(Refusal::CaInactive { ca: ca.id }),
    }
}

#[cfg(test)]
mod tests {
    use landfall_model::{
        CaCertificateId, CertificateDer, CertificateId, CertificateMode, SignedPart, UnixTime, Validity,
    };

    use super::*;

    const CA: CaCertificateId = CaCertificateId::from_sha256([1; 32]);
    const CREATION: CreationId = CreationId::from_bytes([7; 16]);
    const NOW: UnixTime = UnixTime::from_secs(1_000);

    fn ca(status: CaStatus, auto_registration: AutoRegistration) -> CaCertificate {
        CaCertificate {
            id: CA,
            status,
            auto_registration,
            mode: CertificateMode::Default,
            der: CertificateDer::new(&[]),
            validity: Validity { not_before: NOW, not_after: NOW },
            version: 1,
            registered_at: NOW,
            modified_at: NOW,
        }
    }

    fn view(ca: Option<CaCertificate>, status: Option<CertificateStatus>) -> RegistryView {
        let id = CertificateId::from_sha256([2; 32]);
        let certificate = status.map(|status| Certificate {
            id,
            ca: Some(CA),
            status,
            mode: CertificateMode::Default,
            signed_part: SignedPart::from_sha256([2; 32]),
            der: CertificateDer::new(&[]),
            validity: Validity { not_before: NOW, not_after: NOW },
            version: 1,
            registered_at: NOW,
            modified_at: NOW,
        });
        let principal = status.map(|_| principal());
        RegistryView { ca_certificate: ca, certificate, principal }
    }

    fn principal() -> Principal {
        Principal { certificate: CertificateId::from_sha256([2; 32]), things: vec![], policies: vec![] }
    }

    #[test]
    fn every_state_has_its_answer() {
        use Admission::{Admit, Refuse, Register, Resume};
        use AutoRegistration::{Disable, Enable};
        use CaStatus::{Active, Inactive};

        let pending = CertificateStatus::PendingActivation { creation_id: CREATION };
        for (ca, certificate, expected) in [
            (Some(ca(Active, Enable)), None, Register),
            (Some(ca(Active, Disable)), None, Refuse(Refusal::AutoRegistrationDisabled { ca: CA })),
            (Some(ca(Inactive, Enable)), None, Refuse(Refusal::CaInactive { ca: CA })),
            (None, None, Refuse(Refusal::CaDeleted)),
            (Some(ca(Active, Disable)), Some(pending), Resume(CREATION)),
            (Some(ca(Inactive, Enable)), Some(pending), Refuse(Refusal::CaInactive { ca: CA })),
            (None, Some(pending), Refuse(Refusal::CaDeleted)),
            (Some(ca(Active, Enable)), Some(CertificateStatus::Active), Admit(principal())),
            // Devices already registered go on when their CA certificate is deactivated.
            (Some(ca(Inactive, Disable)), Some(CertificateStatus::Active), Admit(principal())),
            (Some(ca(Active, Enable)), Some(CertificateStatus::Inactive), Refuse(Refusal::Deactivated)),
            (Some(ca(Active, Enable)), Some(CertificateStatus::Revoked), Refuse(Refusal::Revoked)),
        ] {
            let found = decide(&view(ca.clone(), certificate), InactiveCaDevices::Stay);
            assert_eq!(found, expected, "{ca:?} {certificate:?}");
        }
    }

    #[test]
    fn devices_of_an_inactive_ca_certificate_go_where_the_setting_says_so() {
        use CaStatus::{Active, Inactive};

        let inactive = Admission::Refuse(Refusal::CaInactive { ca: CA });
        for (ca_status, certificate, expected) in [
            (Some(Active), CertificateStatus::Active, Admission::Admit(principal())),
            (Some(Inactive), CertificateStatus::Active, inactive),
            (None, CertificateStatus::Active, Admission::Refuse(Refusal::CaDeleted)),
            (Some(Active), CertificateStatus::Inactive, Admission::Refuse(Refusal::Deactivated)),
            // The nearer reason is told.
            (Some(Inactive), CertificateStatus::Revoked, Admission::Refuse(Refusal::Revoked)),
        ] {
            let ca = ca_status.map(|status| ca(status, AutoRegistration::Enable));
            let found = decide(&view(ca, Some(certificate)), InactiveCaDevices::Go);
            assert_eq!(found, expected, "{ca_status:?} {certificate:?}");
        }
    }

    #[test]
    fn every_state_of_a_pinned_certificate_has_its_answer() {
        let pending = CertificateStatus::PendingActivation { creation_id: CREATION };
        for (status, expected) in [
            (Some(CertificateStatus::Active), None),
            (Some(CertificateStatus::Inactive), Some(Refusal::Deactivated)),
            (Some(CertificateStatus::Revoked), Some(Refusal::Revoked)),
            (Some(pending), Some(Refusal::PendingWithoutCa)),
            (None, Some(Refusal::Unregistered)),
        ] {
            let expected = expected.map_or(PinnedAdmission::Admit(principal()), PinnedAdmission::Refuse);
            assert_eq!(decide_pinned(status, Some(principal())), expected, "{status:?}");
            let without = decide_pinned(status, None);
            assert!(matches!(without, PinnedAdmission::Refuse(_)), "{status:?}: {without:?}");
        }
    }
}
