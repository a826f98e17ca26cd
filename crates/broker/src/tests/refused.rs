//! What is said of devices that do not get in, and of those that ask too often for what is denied.

use landfall_model::CaCertificateId;

use super::*;
use crate::Explained;

const HOUR: i64 = 3_600_000;

/// These hours after [`NOW`].
fn at(hours: i64) -> UnixTime {
    UnixTime::from_millis(NOW.as_millis() + hours * HOUR)
}

fn between(from: i64, to: i64) -> Validity {
    Validity { not_before: at(from), not_after: at(to) }
}

impl World {
    async fn add_ca(&self, name: &str, validity: Validity) -> Issuer {
        let issuer = Issuer::self_signed(&Subject::common_name(name).unwrap(), key(), validity).unwrap();
        let certificate = issuer.certificate();
        let mut transaction = Transaction::new();
        transaction.insert_ca_certificate(CaCertificate {
            id: certificate.ca_id(),
            status: CaStatus::Active,
            auto_registration: AutoRegistration::Enable,
            mode: CertificateMode::Default,
            der: certificate.der().clone(),
            validity,
            version: 1,
            registered_at: NOW,
            modified_at: NOW,
        });
        self.commit(transaction).await;
        issuer
    }

    async fn delete_ca(&self, ca: &Issuer) {
        let id = ca.certificate().ca_id();
        // An ACTIVE one cannot be deleted.
        let mut transaction = Transaction::new();
        transaction.update_ca_certificate(id, Some(CaStatus::Inactive), None, NOW);
        self.commit(transaction).await;
        let mut transaction = Transaction::new();
        transaction.delete_ca_certificate(id);
        self.commit(transaction).await;
    }

    /// Registers a certificate that `issuer` signs, as one of `ca`.
    async fn add(&self, issuer: &Issuer, ca: Option<CaCertificateId>, validity: Validity) -> Device {
        let key = key();
        let request = DeviceRequest {
            subject: &Subject::common_name("a").unwrap(),
            public_key: key.public_key(),
            validity,
            version: CertificateVersion::V3,
        };
        let certificate = issuer.sign_device(&request).unwrap();
        let mut transaction = Transaction::new();
        transaction.insert_certificate(Certificate {
            id: certificate.id(),
            ca,
            status: CertificateStatus::Active,
            mode: CertificateMode::Default,
            signed_part: SignedPart::from_sha256(certificate.signed_part_sha256()),
            der: certificate.der().clone(),
            validity,
            version: 1,
            registered_at: NOW,
            modified_at: NOW,
        });
        self.commit(transaction).await;
        Device { certificate, key }
    }

    async fn explained(&self, device: &Device, action: PolicyAction, resource: &str) -> Explained {
        let client = Some(ClientId::parse("a").unwrap());
        self.explainer.explain(device.certificate.id(), client, action, resource).await.unwrap()
    }
}

#[tokio::test]
async fn explained_is_that_the_certificate_does_not_pass_the_handshake() {
    let world = World::start(USUAL).await;
    let root = world.ca.certificate().ca_id();
    let expired = world.add_ca("expired", between(-2, -1)).await;
    let future = world.add_ca("future", between(1, 2)).await;
    let deleted = world.add_ca("deleted", forever()).await;
    let intermediate =
        Issuer::self_signed(&Subject::common_name("intermediate").unwrap(), key(), forever()).unwrap();
    let id = |ca: &Issuer| Some(ca.certificate().ca_id());
    let own = "no registered CA certificate signed it itself; a device may present intermediates";
    let leaf_expired = Some(["the device's certificate expired at", ""]);
    let leaf_future = Some(["the device's certificate is valid from", ""]);
    let ca_expired = Some(["the CA certificate", "expired at"]);
    let ca_future = Some(["the CA certificate", "is valid from"]);
    let of_deleted = Some(["no registered CA certificate is named CN=deleted", own]);
    let of_unknown = Some(["no registered CA certificate is named CN=intermediate", own]);
    let (now, past) = (between(-1, 1), between(-2, -1));
    let cases = [
        ("valid", &world.ca, Some(root), now, None),
        ("expired", &world.ca, Some(root), past, leaf_expired),
        ("not yet valid", &world.ca, Some(root), between(1, 2), leaf_future),
        ("CA expired", &expired, id(&expired), now, ca_expired),
        ("CA not yet valid", &future, id(&future), now, ca_future),
        ("CA deleted", &deleted, id(&deleted), now, of_deleted),
        ("CA deleted and expired", &deleted, id(&deleted), past, leaf_expired),
        ("below an intermediate", &intermediate, Some(root), now, of_unknown),
        ("pinned", &intermediate, None, now, None),
        ("pinned, expired", &intermediate, None, past, leaf_expired),
    ];
    let mut devices = Vec::new();
    for (_, issuer, ca, validity, _) in &cases {
        devices.push(world.add(issuer, *ca, *validity).await);
    }
    world.delete_ca(&deleted).await;
    for ((name, .., expected), device) in cases.iter().zip(&devices) {
        let found = world.explained(device, PolicyAction::Publish, "topic/a").await.refusal;
        match (expected, &found) {
            (None, None) => {}
            (Some([begin, more]), Some(refusal)) => {
                assert!(refusal.starts_with(begin) && refusal.contains(more), "{name}: {refusal}");
            }
            (None, Some(_)) | (Some(_), None) => panic!("{name}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn explained_is_that_a_connection_outlives_its_ca_certificate() {
    let world = World::start(USUAL).await;
    let device =
        world.device("a", &[allow("Connect", "client/a"), allow("Publish", "topic/a")].join(",")).await;
    let _session = world.enter(&device, "a").await;
    world.delete_ca(&world.ca).await;
    assert_eq!(world.explained(&device, PolicyAction::Publish, "topic/a").await.refusal, None);
    let refusal = world.explained(&device, PolicyAction::Connect, "client/a").await.refusal.unwrap();
    assert!(refusal.starts_with("no registered CA certificate is named"), "{refusal}");
}

#[tokio::test]
async fn reasons_are_told_for_a_few_denials_a_second() {
    let world = World::start(Difference { policy_reasons: true, ..USUAL }).await;
    let device = world.device("a", &allow("Connect", "client/a")).await;
    let mut session = world.enter(&device, "a").await;
    let per_second = usize::try_from(Limits::default().denials_logged_per_second).unwrap();
    let (topic, now) = (TopicName::parse("other").unwrap(), Instant::now().into_std());
    for _ in 0..50 {
        session.client.publish(&topic, "hello".into(), QoS::AtLeastOnce, now).unwrap();
    }
    let mut told = 0;
    for _ in 0..50 {
        let event = session.next().await;
        let Some(ClientEvent::PubAck { reason, reason_string, .. }) = event else { panic!("{event:?}") };
        assert_eq!(reason, ReasonCode::NotAuthorized, "each is refused");
        told += usize::from(reason_string.is_some());
    }
    // They come at once; a slow machine may need a second more or two.
    assert!((per_second..=3 * per_second).contains(&told), "{told}");
}
