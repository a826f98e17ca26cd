//! What the suite registers; the tests of adapters may register it too. The same number gives the same, another gives another.

use std::sync::Arc;

use landfall_events::{CertificateRegistered, Event, Operation, ThingEvent};
use landfall_model::{
    AccountId, AttributeName, AttributeValue, Attributes, AutoRegistration, BillingGroup, BillingGroupId,
    BillingGroupName, CaCertificate, CaCertificateId, CaStatus, Certificate, CertificateDer, CertificateId,
    CertificateMode, CertificateStatus, CreationId, Description, DeviceType, Outcome, PlannedPolicy,
    PlannedThing, PlannedThingType, Policy, PolicyName, PolicyVersion, PolicyVersionId, RegistrationPlan,
    RegistrationRecord, Rejection, SignedPart, Tag, TagKey, TagValue, Thing, ThingGroup, ThingGroupId,
    ThingGroupName, ThingId, ThingName, ThingType, ThingTypeId, ThingTypeName, UnixTime, Validity,
};

/// The CA certificate that issued the samples.
pub const CA: CaCertificateId = ca_id(1);

/// When the samples were made.
pub const NOW: UnixTime = UnixTime::from_millis(1_700_000_000_123);

/// When the samples change.
pub const LATER: UnixTime = UnixTime::from_millis(1_700_000_123_456);

/// The id of a CA certificate.
pub const fn ca_id(number: u8) -> CaCertificateId {
    CaCertificateId::from_sha256([number; 32])
}

/// Ids descend as numbers ascend, so that no listing is in order by accident.
pub fn id(number: u32) -> CertificateId {
    let mut digest = [0xd5; 32];
    let [a, b, c, d] = (u32::MAX - number).to_be_bytes();
    digest[..4].copy_from_slice(&[a, b, c, d]);
    CertificateId::from_sha256(digest)
}

/// A CA certificate that registers devices.
pub fn ca_certificate(id: CaCertificateId) -> CaCertificate {
    CaCertificate {
        id,
        status: CaStatus::Active,
        auto_registration: AutoRegistration::Enable,
        mode: CertificateMode::Default,
        der: CertificateDer::new(&id.as_bytes().repeat(20)),
        validity: validity(),
        version: 1,
        registered_at: NOW,
        modified_at: NOW,
    }
}

/// A certificate, of any issuer and status.
pub fn certificate(number: u32, ca: Option<CaCertificateId>, status: CertificateStatus) -> Certificate {
    Certificate {
        id: id(number),
        ca,
        status,
        mode: CertificateMode::Default,
        signed_part: SignedPart::from_sha256(*id(number).as_bytes()),
        der: CertificateDer::new(&id(number).as_bytes().repeat(20)),
        validity: validity(),
        version: 1,
        registered_at: NOW,
        modified_at: NOW,
    }
}

/// A certificate of [`CA`] that was seen for the first time.
pub fn pending(number: u32) -> Certificate {
    certificate(number, Some(CA), CertificateStatus::PendingActivation { creation_id: creation_id(number) })
}

/// The id of a registration.
pub fn creation_id(number: u32) -> CreationId {
    CreationId::from_bytes((u128::MAX - u128::from(number)).to_be_bytes())
}

/// A name that is known to be one.
pub fn thing_name(name: &str) -> ThingName {
    ThingName::parse(name).unwrap()
}

/// A name that is known to be one.
pub fn type_name(name: &str) -> ThingTypeName {
    ThingTypeName::parse(name).unwrap()
}

/// A name that is known to be one.
pub fn group_name(name: &str) -> ThingGroupName {
    ThingGroupName::parse(name).unwrap()
}

/// A name that is known to be one.
pub fn billing_name(name: &str) -> BillingGroupName {
    BillingGroupName::parse(name).unwrap()
}

/// A name that is known to be one.
pub fn policy_name(name: &str) -> PolicyName {
    PolicyName::parse(name).unwrap()
}

/// A number that is known to be one.
pub fn version_id(number: u32) -> PolicyVersionId {
    PolicyVersionId::new(number.try_into().unwrap())
}

/// A description that is known to be one.
pub fn description(text: &str) -> Option<Description> {
    Some(Description::parse(text).unwrap())
}

/// A tag that is known to be one.
pub fn tag(key: &str, value: &str) -> Tag {
    Tag { key: TagKey::parse(key).unwrap(), value: TagValue::parse(value).unwrap() }
}

/// The account of the server.
pub fn account() -> AccountId {
    AccountId::parse("123456789012").unwrap()
}

/// An attribute that is known to be one.
pub fn attribute(name: &str, value: &str) -> (AttributeName, AttributeValue) {
    (AttributeName::parse(name).unwrap(), AttributeValue::parse(value).unwrap())
}

/// Attributes that are known to be such.
pub fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    pairs.iter().map(|(name, value)| attribute(name, value)).collect()
}

/// A thing without type and attributes.
pub fn thing(name: &str) -> Thing {
    Thing {
        name: thing_name(name),
        id: ThingId::from_bytes(id_of(b't', name)),
        thing_type: None,
        billing_group: None,
        attributes: Attributes::default(),
        version: 1,
        made_by: None,
        created_at: NOW,
    }
}

/// A thing type with these searchable attributes.
pub fn thing_type(name: &str, searchable: &[&str]) -> ThingType {
    ThingType {
        name: type_name(name),
        id: ThingTypeId::from_bytes(id_of(b'y', name)),
        description: None,
        searchable_attributes: searchable.iter().map(|name| AttributeName::parse(name).unwrap()).collect(),
        propagating_attributes: Vec::new(),
        deprecated_at: None,
        created_at: NOW,
    }
}

/// A thing group in this one, or at the root.
pub fn thing_group(name: &str, parent: Option<&str>) -> ThingGroup {
    ThingGroup {
        name: group_name(name),
        id: ThingGroupId::from_bytes(id_of(b'g', name)),
        parent: parent.map(group_name),
        description: None,
        attributes: Attributes::default(),
        version: 1,
        created_at: NOW,
    }
}

/// A billing group.
pub fn billing_group(name: &str) -> BillingGroup {
    BillingGroup {
        name: billing_name(name),
        id: BillingGroupId::from_bytes(id_of(b'b', name)),
        description: None,
        version: 1,
        created_at: NOW,
    }
}

/// A policy in its first version.
pub fn policy(name: &str, document: &str) -> Policy {
    Policy {
        name: policy_name(name),
        default_version: PolicyVersionId::FIRST,
        document: Arc::from(document),
        created_at: NOW,
        modified_at: NOW,
    }
}

/// A version of a policy.
pub fn policy_version(number: u32, document: &str) -> PolicyVersion {
    PolicyVersion { id: version_id(number), document: Arc::from(document), created_at: LATER }
}

/// The event of a thing that was created.
pub fn thing_event(name: &str) -> Event {
    let event = ThingEvent { operation: Operation::Created, thing: thing(name), account: account(), at: NOW };
    Event::Thing(event)
}

/// The event of a certificate of [`CA`].
pub fn event(number: u32) -> Event {
    Event::CertificateRegistered(CertificateRegistered {
        certificate: id(number),
        ca: CA,
        account: account(),
        at: UnixTime::from_millis(NOW.as_millis() + i64::from(number)),
    })
}

/// The record of a device that was registered, of one kind or the other.
pub fn success(number: u32) -> RegistrationRecord {
    let outcome = Outcome::Success {
        thing: thing_name(&format!("thing-{number}")),
        device_type: if number.is_multiple_of(2) { DeviceType::Iot } else { DeviceType::Greengrass },
    };
    record(number, Some(format!("serial {number}")), outcome)
}

/// The record of a device that was refused.
pub fn failure(number: u32, code: &str) -> RegistrationRecord {
    let message = format!("it failed: {code}");
    record(number, None, Outcome::Failure(Rejection { code: code.to_owned(), message }))
}

fn record(number: u32, serial_number: Option<String>, outcome: Outcome) -> RegistrationRecord {
    RegistrationRecord {
        certificate: id(number),
        ca: CA,
        first_at: NOW,
        last_at: LATER,
        attempts: 1,
        duration_us: 1_234,
        product_id: serial_number.as_ref().map(|_| "sensor \u{fc}".to_owned()),
        serial_number,
        outcome,
    }
}

/// The plan of a device whose thing is named after its number.
pub fn plan(number: u32) -> RegistrationPlan {
    let name = thing_name(&format!("thing-{number}"));
    let attributes = attributes(&[("serial_number", &number.to_string()), ("organization", "Acme")]);
    RegistrationPlan {
        certificate: id(number),
        ca: CA,
        creation_id: creation_id(number),
        device_type: DeviceType::Iot,
        serial_number: number.to_string(),
        product_id: "sensor".to_owned(),
        thing_type: PlannedThingType {
            name: type_name("sensor-device"),
            searchable_attributes: vec![AttributeName::parse("serial_number").unwrap()],
        },
        thing: PlannedThing::Create { name, attributes },
        policy: PlannedPolicy { name: policy_name("iot-access-policy"), document: Arc::from("{}") },
    }
}

/// Bytes that are the same for the same kind and name; of long names the first 15 bytes count.
fn id_of(kind: u8, name: &str) -> [u8; 16] {
    let mut bytes = [kind; 16];
    bytes.iter_mut().skip(1).zip(name.bytes()).for_each(|(byte, of_name)| *byte = of_name);
    bytes
}

fn validity() -> Validity {
    Validity { not_before: UnixTime::from_secs(-5), not_after: UnixTime::from_secs(253_402_300_799) }
}
