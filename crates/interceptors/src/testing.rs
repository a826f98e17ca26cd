//! Devices and files for tests.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use landfall_model::{
    AccountId, AutoRegistration, CaCertificate, CaStatus, CertificateMode, CreationId, Region, Scope,
    SignedPart, SubjectField, UnixTime, Validity,
};
use landfall_pki::{
    CertificateVersion, DeviceRequest, Issuer, KeyKind, KeyPair, ParsedCertificate, Subject, validity_of_days,
};
use landfall_registration::{
    Applicant, CaSettings, InterceptorRequest, InterceptorSettings, Registrar, Retries, Settings,
    SettingsSource, plan,
};
use landfall_registry::{MemoryRegistry, Registry, Transaction};

/// When everything happens here.
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// A device that applies, and the CA that issued its certificate.
pub(crate) struct Device {
    pub(crate) ca: ParsedCertificate,
    pub(crate) certificate: ParsedCertificate,
}

impl Device {
    /// A device of this serial number, with a CA of its own.
    pub(crate) fn new(serial_number: &str) -> Self {
        Self::by(&issuer("root"), serial_number)
    }

    /// A device whose certificate this CA signs.
    pub(crate) fn by(ca: &Issuer, serial_number: &str) -> Self {
        let mut subject = Subject::common_name("pump").unwrap();
        for (field, value) in [
            (SubjectField::SerialNumber, serial_number),
            (SubjectField::Title, "iot"),
            (SubjectField::GenerationQualifier, "smart-sensor"),
        ] {
            subject.push(field, value).unwrap();
        }
        let key = KeyPair::generate(KeyKind::P256).unwrap();
        let (public_key, version) = (key.public_key(), CertificateVersion::V3);
        let request = DeviceRequest { subject: &subject, public_key, validity: validity(), version };
        Self { certificate: ca.sign_device(&request).unwrap(), ca: ca.certificate().clone() }
    }

    /// What interceptors are told about it.
    pub(crate) fn request(&self) -> InterceptorRequest {
        self.request_with(Vec::new())
    }

    /// What these interceptors are told about it.
    pub(crate) fn request_with(&self, interceptors: Vec<InterceptorSettings>) -> InterceptorRequest {
        let certificate = &self.certificate;
        let applicant = Arc::new(Applicant {
            certificate: certificate.id(),
            ca: self.ca.ca_id(),
            mode: CertificateMode::Default,
            subject: certificate.subject().clone(),
            issuer: certificate.issuer().clone(),
            validity: certificate.validity(),
            signed_part: SignedPart::from_sha256(certificate.signed_part_sha256()),
            der: certificate.der().clone(),
        });
        let settings = CaSettings {
            registrar: Registrar::Builtin,
            first_connect_hold: Duration::from_secs(2),
            settings: Settings::compile(&SettingsSource::default(), &scope()).unwrap(),
            retries: Retries::default(),
            interceptors: interceptors.into(),
        };
        let creation_id = CreationId::from_bytes([7; 16]);
        let plan = plan(&applicant, &settings.settings, None, creation_id).unwrap();
        InterceptorRequest { creation_id, applicant, settings: Arc::new(settings), plan, attempt: 1 }
    }
}

/// A CA that is valid at [`NOW`].
pub(crate) fn issuer(name: &str) -> Issuer {
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    Issuer::self_signed(&Subject::common_name(name).unwrap(), key, validity()).unwrap()
}

fn validity() -> Validity {
    validity_of_days(NOW, 10)
}

/// A registry with these CA certificates.
pub(crate) async fn registry(cas: &[&ParsedCertificate]) -> Arc<dyn Registry> {
    let registry = MemoryRegistry::new();
    let mut transaction = Transaction::new();
    for ca in cas {
        transaction.insert_ca_certificate(CaCertificate {
            id: ca.ca_id(),
            status: CaStatus::Active,
            auto_registration: AutoRegistration::Enable,
            mode: CertificateMode::Default,
            der: ca.der().clone(),
            validity: ca.validity(),
            version: 1,
            registered_at: NOW,
            modified_at: NOW,
        });
    }
    registry.commit(transaction).await.unwrap();
    Arc::new(registry)
}

/// The account and region of all here.
pub(crate) fn scope() -> Scope {
    Scope { account: AccountId::parse("000000000000").unwrap(), region: Region::parse("us-east-1").unwrap() }
}

/// Puts a file in the place of another, so that nobody reads a half of it.
pub(crate) fn replace(path: &Path, content: &str) {
    let next = path.with_extension("next");
    fs::write(&next, content).unwrap();
    fs::rename(next, path).unwrap();
}
