//! Names, ids, statuses and documents: what every other crate of Landfall speaks of.
//!
//! Everything here is plain data, parsed once at the edge. This crate does no IO, reads no clock and knows no wire
//! format; which characters a name may have, and how long it may be, is AWS IoT's rule.

mod arn;
mod billing_group;
mod ca_certificate;
mod certificate;
mod client;
mod delivery;
mod description;
mod distinguished_name;
mod environment;
mod event_configuration;
mod event_source_mapping;
mod function;
mod generation_id;
mod greengrass;
mod layer;
mod log_sink;
mod logging;
mod name;
mod policy;
mod principal;
mod queue;
mod registration;
mod registration_code;
mod registration_job;
mod runtime;
mod tag;
mod thing;
mod thing_group;
mod thing_type;
mod time;
mod topic;
mod topic_rule;
mod uuid;

pub use arn::{AccountId, InvalidAccount, InvalidArn, Region, ResourceName, Scope};
pub use billing_group::{BillingGroup, BillingGroupId, BillingGroupName};
pub use ca_certificate::{AutoRegistration, CaCertificate, CaCertificateId, CaStatus, CertificateMode};
pub use certificate::{
    Certificate, CertificateDer, CertificateId, CertificateStatus, InvalidId, SignedPart, Validity,
};
pub use client::{CLIENT_ID_BYTES_MAX, ClientId, InvalidClientId};
pub use delivery::{Delivery, DeliveryAction, DeliveryAttempt, DeliveryId, DeliveryState, DeliveryStatus};
pub use description::Description;
pub use distinguished_name::{DistinguishedName, NameAttribute, SubjectField};
pub use environment::{Environment, InvalidEnvironment};
pub use event_configuration::{EventConfigurations, EventType};
pub use event_source_mapping::{EventSourceMapping, InvalidMapping, MappingId};
pub use function::{
    CodeSha256, Function, FunctionDescription, FunctionName, FunctionPermission, Handler, InvalidFunction,
    InvalidFunctionReference, InvalidRoleArn, RevisionId, RoleArn, StatementId,
};
pub use generation_id::GenerationId;
pub use greengrass::{
    GreengrassContent, GreengrassCore, GreengrassId, GreengrassKind, GreengrassLogLevel, GreengrassLogger,
    GreengrassName, GreengrassNewest, GreengrassPartId, GreengrassResource, GreengrassServiceRole,
    GreengrassVersion, GreengrassVersionId, GreengrassVersionRef, InvalidGreengrassArn, LogPlace,
    LoggedComponent, PlannedGreengrassGroup,
};
pub use layer::{InvalidLayerReference, LayerLicense, LayerName, LayerVersion, LayerVersionId};
pub use log_sink::LogSinkName;
pub use logging::{
    InvalidLogText, LogEventConfiguration, LogLevel, LogTarget, LogTargetKind, LogText, LoggingOptions,
    V2LoggingOptions,
};
pub use name::{InvalidName, UnknownWord};
pub use policy::{Policy, PolicyName, PolicyTarget, PolicyVersion, PolicyVersionId, PolicyVersions};
pub use principal::{AttachedThing, Principal};
pub use queue::{InvalidQueueArn, QueueArn};
pub use registration::{
    CreationId, DeviceType, Outcome, OutcomeKind, PlannedPolicy, PlannedThing, PlannedThingType,
    RegistrationPlan, RegistrationRecord, RegistryView, Rejection, ThingView,
};
pub use registration_code::RegistrationCode;
pub use registration_job::{
    RegistrationAttempt, RegistrationJob, RegistrationJobState, RegistrationJobStatus,
};
pub use runtime::{InvalidRuntime, RuntimeFamily, RuntimeName};
pub use tag::{InvalidTag, Tag, TagKey, TagValue, TaggedResource};
pub use thing::{
    AttributeName, AttributeValue, Attributes, PrincipalThing, Thing, ThingId, ThingName, ThingPrincipal,
    ThingPrincipalType,
};
pub use thing_group::{ThingGroup, ThingGroupId, ThingGroupName, ThingGroupView};
pub use thing_type::{
    ConnectionAttribute, PropagatingAttribute, PropagationSource, ThingType, ThingTypeId, ThingTypeName,
    UserPropertyKey,
};
pub use time::{Clock, UnixTime};
pub use topic::{
    InvalidTopicFilter, InvalidTopicName, InvalidTopicText, RESERVED_TOPIC_LEVELS_MAX, TOPIC_BYTES_MAX,
    TOPIC_LEVELS_MAX, TopicFilter, TopicName,
};
pub use topic_rule::{
    ConfirmationToken, DestinationId, DestinationStatus, InvalidConfirmationToken, RuleName, TopicRule,
    TopicRuleDestination,
};
pub use uuid::InvalidUuid;
