//! Devices that are held while interceptors are asked.

use std::num::NonZeroU32;

use landfall_model::{CertificateId, RegistrationJobStatus};
use landfall_registration::{InterceptorKind, OnFailure};
use landfall_registry::{RegistrationJobs as _, Registrations as _};
use tokio::sync::Semaphore;

use super::*;

/// Interceptors that answer when they may, and always the same.
struct Gate {
    answer: Interception,
    answers: Semaphore,
    asked: Semaphore,
}

#[async_trait]
impl Interceptors for Gate {
    async fn intercept(&self, _request: InterceptorRequest) -> Interception {
        self.asked.add_permits(1);
        self.answers.acquire().await.unwrap().forget();
        self.answer.clone()
    }
}

impl Gate {
    fn new(answer: Interception) -> Arc<Self> {
        Arc::new(Self { answer, answers: Semaphore::new(0), asked: Semaphore::new(0) })
    }

    /// Waits until somebody asks.
    async fn is_asked(&self) {
        self.asked.acquire().await.unwrap().forget();
    }
}

async fn world(gate: &Arc<Gate>) -> World {
    let asked = InterceptorSettings {
        name: "gate".into(),
        kind: InterceptorKind::Quota { devices_per_hour: NonZeroU32::MIN },
        deadline: Duration::from_secs(60),
        on_failure: OnFailure::Retry,
    };
    let interceptors = Arc::clone(gate) as Arc<dyn Interceptors>;
    World::start_asking(USUAL, Registrar::Builtin, &[asked], interceptors).await
}

/// A device that is not registered.
fn new_device(world: &World) -> Device {
    let key = key();
    let request = DeviceRequest {
        subject: &Subject::parse("/CN=device/serialNumber=1/title=iot/2.5.4.44=sensor").unwrap(),
        public_key: key.public_key(),
        validity: forever(),
        version: CertificateVersion::V3,
    };
    Device { certificate: world.ca.sign_device(&request).unwrap(), key }
}

fn allow_all() -> Interception {
    Interception::Allow { changes: Vec::new() }
}

async fn codes(world: &World, id: CertificateId) -> Vec<&'static str> {
    let records = world.registry.certificate_records(id).await.unwrap();
    records.iter().map(|record| record.outcome.kind().as_str()).collect()
}

#[tokio::test]
async fn a_device_is_held_until_its_interceptors_allow_it() {
    let gate = Gate::new(allow_all());
    let world = world(&gate).await;
    let device = new_device(&world);
    let mut session = world.connect(&device, "thing-1").await;
    let (event, ()) = tokio::join!(session.next(), async {
        gate.is_asked().await;
        gate.answers.add_permits(1);
    });
    assert!(matches!(event, Some(ClientEvent::Connected { .. })), "{event:?}");
    assert_eq!(codes(&world, device.certificate.id()).await, ["SUCCESS"]);
    assert_eq!(world.registry.registration_job(device.certificate.id()).await.unwrap(), None);
}

#[tokio::test]
async fn a_denied_device_is_told_at_once() {
    let (interceptor, message) = ("gate".into(), "it is stolen".to_owned());
    let gate = Gate::new(Interception::Deny { interceptor, message });
    gate.answers.add_permits(1);
    let world = world(&gate).await;
    let device = new_device(&world);
    let began = Instant::now();
    assert_eq!(world.refused(&device, "thing-1").await, None);
    assert!(began.elapsed() < Duration::from_secs(5), "a refusal ends the hold");
    assert_eq!(codes(&world, device.certificate.id()).await, ["FAILURE"]);
}

/// Whoever activates the certificate meanwhile, the device gets in.
#[tokio::test]
async fn an_operator_can_be_faster_than_interceptors() {
    let gate = Gate::new(allow_all());
    let world = world(&gate).await;
    let device = new_device(&world);
    let mut session = world.connect(&device, "a").await;
    let id = device.certificate.id();
    let (event, ()) = tokio::join!(session.next(), async {
        gate.is_asked().await;
        let policy = PolicyName::parse("all").unwrap();
        let mut transaction = Transaction::new();
        transaction.insert_policy(Policy {
            name: policy.clone(),
            default_version: PolicyVersionId::FIRST,
            document: format!(
                r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#,
                allow("Connect", "client/a")
            )
            .into(),
            created_at: NOW,
            modified_at: NOW,
        });
        transaction.attach_policy(id, policy);
        transaction.set_certificate_status(id, CertificateStatus::Active, NOW);
        world.commit(transaction).await;
    });
    assert!(matches!(event, Some(ClientEvent::Connected { .. })), "{event:?}");
    let job = world.registry.registration_job(id).await.unwrap().unwrap();
    assert_eq!(job.state.status(), RegistrationJobStatus::Waiting, "its interceptors still think");
}

/// A client that hangs up does not take its registration with it.
#[tokio::test]
async fn a_registration_goes_on_without_its_device() {
    let gate = Gate::new(allow_all());
    let world = world(&gate).await;
    let device = new_device(&world);
    let mut session = world.connect(&device, "thing-1").await;
    while let Some(bytes) = session.client.poll_transmit() {
        session.stream.write_all(&bytes).await.unwrap();
    }
    gate.is_asked().await;
    drop(session);
    let mut again = world.connect(&device, "thing-1").await;
    gate.answers.add_permits(1);
    let event = again.next().await;
    assert!(matches!(event, Some(ClientEvent::Connected { .. })), "{event:?}");
    assert_eq!(codes(&world, device.certificate.id()).await, ["SUCCESS"]);
}
