//! What the suite registers; the tests of adapters may register it too. The same number gives the same, another gives another.

use std::sync::Arc;

use landfall_events::{CertificateRegistered, Event, Operation, ThingEvent};
use landfall_model::{
    AccountId, AttributeName, AttributeValue, Attributes, AutoRegistration, BillingGroup, BillingGroupId,
    BillingGroupName, CaCertificate, CaCertificateId, CaStatus, Certificate, CertificateDer, CertificateId,
    CertificateMode, CertificateStatus, CodeSha256, ConfirmationToken, CreationId, Delivery, DeliveryAction,
    DeliveryId, DeliveryState, Description, DestinationId, DestinationStatus, DeviceType, Environment,
    EventSourceMapping, Function, FunctionDescription, FunctionName, FunctionPermission, GreengrassContent,
    GreengrassCore, GreengrassId, GreengrassLogLevel, GreengrassLogger, GreengrassName, GreengrassNewest,
    GreengrassPartId, GreengrassResource, GreengrassVersion, GreengrassVersionId, GreengrassVersionRef,
    Handler, LayerLicense, LayerName, LayerVersion, LayerVersionId, LogPlace, LoggedComponent, MappingId,
    Outcome, PlannedPolicy, PlannedThing, PlannedThingType, Policy, PolicyName, PolicyVersion,
    PolicyVersionId, QueueArn, Region, RegistrationPlan, RegistrationRecord, Rejection, RevisionId, RoleArn,
    RuleName, RuntimeName, Scope, SignedPart, StatementId, Tag, TagKey, TagValue, Thing, ThingGroup,
    ThingGroupId, ThingGroupName, ThingId, ThingName, ThingType, ThingTypeId, ThingTypeName, TopicName,
    TopicRule, TopicRuleDestination, UnixTime, Validity,
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

/// A name that is known to be one.
pub fn rule_name(name: &str) -> RuleName {
    RuleName::parse(name).unwrap()
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

/// The account and region of the server.
pub fn scope() -> Scope {
    Scope { account: account(), region: Region::parse("eu-west-1").unwrap() }
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

/// A name that is known to be one.
pub fn function_name(name: &str) -> FunctionName {
    FunctionName::parse(name).unwrap()
}

/// A name that is known to be one.
pub fn layer_name(name: &str) -> LayerName {
    LayerName::parse(name).unwrap()
}

/// The ARN of a queue of this name.
pub fn queue(name: &str) -> QueueArn {
    QueueArn::parse(&format!("arn:aws:sqs:eu-west-1:123456789012:{name}")).unwrap()
}

/// A function without anything that need not be there.
pub fn function(name: &str) -> Function {
    Function {
        name: function_name(name),
        description: FunctionDescription::default(),
        runtime: RuntimeName::parse("python3.12").unwrap(),
        handler: Handler::parse("index.handler").unwrap(),
        role: RoleArn::parse("arn:aws:iam::123456789012:role/functions").unwrap(),
        timeout_s: Function::TIMEOUT_S_DEFAULT,
        memory_mib: Function::MEMORY_MIB_DEFAULT,
        environment: Environment::default(),
        layers: Vec::new(),
        code: CodeSha256::from_sha256([7; 32]),
        code_size: 1_234,
        revision: RevisionId::from_bytes(id_of(b'f', name)),
        created_at: NOW,
        modified_at: NOW,
        reserved_concurrency: None,
        permissions: Vec::new(),
        dead_letter_target: None,
    }
}

/// A function with all that it may have, and with these layers.
pub fn full_function(name: &str, layers: Vec<LayerVersionId>) -> Function {
    let permission = |sid: &str| FunctionPermission {
        sid: StatementId::parse(sid).unwrap(),
        statement: Arc::from(format!(r#"{{"Sid":"{sid}","Effect":"Allow"}}"#)),
    };
    Function {
        description: FunctionDescription::parse("Just \"in\" time,\n\u{fc}ber alles").unwrap(),
        runtime: RuntimeName::parse("nodejs10.x").unwrap(),
        handler: Handler::parse("src/index.handler").unwrap(),
        role: RoleArn::parse("arn:aws-cn:iam::999999999999:role/path/r").unwrap(),
        timeout_s: Function::TIMEOUT_S_MAX,
        memory_mib: Function::MEMORY_MIB_MAX,
        environment: Environment::new([("TOKEN", "a\"b\\\n\u{1}\u{1f600}"), ("EMPTY", "")]).unwrap(),
        layers,
        code: CodeSha256::from_sha256([0xab; 32]),
        code_size: 262_144_000,
        modified_at: LATER,
        reserved_concurrency: Some(0),
        permissions: vec![permission("iot-events"), permission("a_1")],
        dead_letter_target: Some(queue("dead-letters.fifo")),
        ..function(name)
    }
}

/// Which version of which layer.
pub fn layer_version_id(layer: &str, version: u64) -> LayerVersionId {
    LayerVersionId { layer: layer_name(layer), version }
}

/// A version of a layer with everything that it can have.
pub fn layer_version(layer: &str, version: u64) -> LayerVersion {
    let mut digest = [9; 32];
    digest[..8].copy_from_slice(&version.to_be_bytes());
    LayerVersion {
        id: layer_version_id(layer, version),
        description: FunctionDescription::parse(&format!("version {version} of {layer}")).unwrap(),
        code: CodeSha256::from_sha256(digest),
        code_size: 4_321,
        compatible_runtimes: ["python3.12", "nodejs22.x"]
            .map(|name| RuntimeName::parse(name).unwrap())
            .into(),
        license: Some(LayerLicense::parse("MIT").unwrap()),
        created_at: NOW,
    }
}

/// The id of an event-source mapping.
pub fn mapping_id(number: u32) -> MappingId {
    MappingId::from_bytes((u128::MAX - u128::from(number)).to_be_bytes())
}

/// An event-source mapping that was just created.
pub fn mapping(number: u32, function: &str, of_queue: &str) -> EventSourceMapping {
    EventSourceMapping {
        id: mapping_id(number),
        function: function_name(function),
        queue: queue(of_queue),
        batch_size: EventSourceMapping::BATCH_SIZE_DEFAULT,
        batching_window_s: 0,
        is_enabled: true,
        reports_item_failures: false,
        created_at: NOW,
        modified_at: NOW,
        last_result: None,
    }
}

/// The id of a Greengrass group or definition. Ids descend as numbers ascend.
pub fn greengrass_id(number: u32) -> GreengrassId {
    GreengrassId::from_bytes((u128::MAX - u128::from(number)).to_be_bytes())
}

/// The id of a version of a Greengrass group or definition. Ids descend as numbers ascend.
pub fn greengrass_version_id(number: u32) -> GreengrassVersionId {
    GreengrassVersionId::from_bytes((u128::MAX / 2 - u128::from(number)).to_be_bytes())
}

/// A name that is known to be one.
pub fn greengrass_name(name: &str) -> GreengrassName {
    GreengrassName::parse(name).unwrap()
}

/// A Greengrass group or definition with its first version, which has the same number.
pub fn greengrass(number: u32, content: GreengrassContent) -> GreengrassResource {
    GreengrassResource {
        id: greengrass_id(number),
        name: Some(greengrass_name(&format!("name {number}"))),
        tags: Vec::new(),
        created_at: NOW,
        modified_at: NOW,
        newest: GreengrassNewest::Version(greengrass_version(number, content)),
    }
}

/// A version of a Greengrass group or definition.
pub fn greengrass_version(number: u32, content: GreengrassContent) -> GreengrassVersion {
    GreengrassVersion { id: greengrass_version_id(number), content, created_at: NOW }
}

/// A group of the first versions of these definitions.
pub fn greengrass_group_of(core: u32, logger: u32) -> GreengrassContent {
    let first = |number| GreengrassVersionRef {
        resource: greengrass_id(number),
        version: greengrass_version_id(number),
    };
    GreengrassContent::Group { core: Some(first(core)), logger: Some(first(logger)) }
}

/// Two cores.
pub fn greengrass_cores() -> GreengrassContent {
    let core = |number: u32, syncs_shadow| GreengrassCore {
        id: GreengrassPartId::parse(&format!("core_{number}")).unwrap(),
        thing: thing_name(&format!("thing-{number}")),
        certificate: id(number),
        syncs_shadow,
    };
    GreengrassContent::Cores(vec![core(2, true), core(1, false)])
}

/// A logger of each kind.
pub fn greengrass_loggers() -> GreengrassContent {
    let logger = |id: &str, component, level, space_kb, place| GreengrassLogger {
        id: GreengrassPartId::parse(id).unwrap(),
        component,
        level,
        space_kb,
        place,
    };
    let (system, lambda) = (LoggedComponent::System, LoggedComponent::Lambda);
    let (file, cloud_watch) = (LogPlace::FileSystem, LogPlace::CloudWatch);
    GreengrassContent::Loggers(vec![
        logger("2", system, GreengrassLogLevel::Fatal, Some(i32::MAX), file),
        logger("1", lambda, GreengrassLogLevel::Debug, None, cloud_watch),
        logger("4", lambda, GreengrassLogLevel::Info, Some(-1), file),
        logger("3", system, GreengrassLogLevel::Warn, Some(0), cloud_watch),
        logger("5", system, GreengrassLogLevel::Error, None, cloud_watch),
    ])
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

/// A topic rule that is enabled.
pub fn topic_rule(name: &str) -> TopicRule {
    TopicRule {
        name: rule_name(name),
        document: Arc::from(r#"{"sql":"SELECT * FROM 'a'","actions":[]}"#),
        is_disabled: false,
        created_at: NOW,
        modified_at: NOW,
    }
}

/// The id of a destination. Ids descend as numbers ascend.
pub fn destination_id(number: u8) -> DestinationId {
    DestinationId::from_bytes([u8::MAX - number; 16])
}

/// The confirmation URL of a destination.
pub fn destination_url(number: u16) -> Arc<str> {
    Arc::from(format!("https://example.com/{number}?\u{fc}=%20"))
}

/// A destination that waits for its confirmation.
pub fn destination(number: u8) -> TopicRuleDestination {
    let id = destination_id(number);
    TopicRuleDestination {
        id,
        url: destination_url(number.into()),
        status: DestinationStatus::InProgress,
        reason: Some(Arc::from("it was not confirmed yet")),
        confirmation_token: Some(ConfirmationToken::new(id, [number; ConfirmationToken::SECRET_BYTES])),
        created_at: NOW,
        modified_at: NOW,
    }
}

/// The id of a delivery. Ids descend as numbers ascend.
pub fn delivery_id(number: u32) -> DeliveryId {
    DeliveryId::from_bytes((u128::MAX - u128::from(number)).to_be_bytes())
}

/// A delivery of the first action of a rule, which is under way.
pub fn delivery(number: u32, rule: &str) -> Delivery {
    Delivery {
        id: delivery_id(number),
        rule: rule_name(rule),
        action: DeliveryAction::Action(0),
        topic: TopicName::parse("a/b").unwrap(),
        request: Arc::from("{}"),
        error_request: None,
        certificate: None,
        created_at: NOW,
        attempts_failed: 0,
        attempts: Vec::new(),
        state: DeliveryState::Waiting { next_at: NOW },
    }
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

/// The record of a device whose certificate somebody activated, with a thing or without.
pub fn activated(number: u32) -> RegistrationRecord {
    let thing = number.is_multiple_of(2).then(|| thing_name(&format!("thing-{number}")));
    record(number, None, Outcome::Activated { thing })
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
        thing_groups: Vec::new(),
        billing_group: None,
        policy: PlannedPolicy { name: policy_name("iot-access-policy"), document: Arc::from("{}") },
        greengrass: None,
        tags: Vec::new(),
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
