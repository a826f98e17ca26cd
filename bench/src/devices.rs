use std::sync::Arc;
use std::thread;

use anyhow::{Result, anyhow};
use landfall_model::{SubjectField, UnixTime};
use landfall_pki::{CertificateVersion, DeviceRequest, Issuer, KeyKind, KeyPair, Subject, validity_of_days};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls_pki_types::CertificateDer;

/// A device, ready to connect.
pub(crate) struct Device {
    pub(crate) thing_name: String,
    pub(crate) tls: Arc<ClientConfig>,
}

/// How many threads make keys and certificates.
const THREADS: usize = 2;

/// Makes devices with P-256 keys of their own and certificates of version 3.
pub(crate) fn make(
    issuer: &Issuer,
    server_ca: &rustls::RootCertStore,
    count: usize,
    now: UnixTime,
) -> Result<Vec<Device>> {
    let share = count.div_ceil(THREADS);
    thread::scope(|scope| {
        let make_share = |number: usize| {
            let count = share.min(count.saturating_sub(number * share));
            scope.spawn(move || {
                (0..count).map(|_| make_one(issuer, server_ca, now)).collect::<Result<Vec<_>>>()
            })
        };
        let threads: Vec<_> = (0..THREADS).map(make_share).collect();
        let mut devices = Vec::with_capacity(count);
        for thread in threads {
            devices.extend(thread.join().map_err(|_| anyhow!("a thread that makes devices panicked"))??);
        }
        Ok(devices)
    })
}

fn make_one(issuer: &Issuer, server_ca: &rustls::RootCertStore, now: UnixTime) -> Result<Device> {
    let serial = uuid::Uuid::new_v4().to_string();
    let thing_name = format!("thing-{serial}");
    let mut subject = Subject::new();
    for (field, value) in [
        (SubjectField::Country, "FR"),
        (SubjectField::State, "Paris"),
        (SubjectField::Locality, "Paris"),
        (SubjectField::Organization, "Acme"),
        (SubjectField::OrganizationalUnit, "AcmeUnit"),
        (SubjectField::CommonName, thing_name.as_str()),
        (SubjectField::SerialNumber, serial.as_str()),
        (SubjectField::Title, "iot"),
        (SubjectField::GenerationQualifier, "smart-sensor"),
    ] {
        subject.push(field, value)?;
    }
    let key = KeyPair::generate(KeyKind::P256)?;
    let request = DeviceRequest {
        subject: &subject,
        public_key: key.public_key(),
        validity: validity_of_days(now, 30),
        version: CertificateVersion::V3,
    };
    let certificate = issuer.sign_device(&request)?;
    let chain = vec![CertificateDer::from(certificate.der().as_bytes().to_vec())];
    let mut tls =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(server_ca.clone())
            .with_client_auth_cert(chain, key.to_private_key_der()?)?;
    tls.resumption = Resumption::disabled();
    Ok(Device { thing_name, tls: Arc::new(tls) })
}
