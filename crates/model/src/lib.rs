//! Names, ids, statuses and documents: what every other crate of Landfall speaks of.
//!
//! Everything here is plain data, parsed once at the edge. This crate does no IO, reads no clock and knows no wire
//! format; which characters a name may have, and how long it may be, is AWS IoT's rule.

mod arn;
mod ca_certificate;
mod certificate;
mod client;
mod distinguished_name;
mod name;
mod policy;
mod principal;
mod registration;
mod registration_code;
mod thing;
mod thing_type;
mod time;
mod topic;

pub use arn::{AccountId, InvalidAccount, Region, Scope};
pub use ca_certificate::{
    AutoRegistration, CaCertificate, CaCertificateId, CaStatus, CertificateMode, UnknownStatus,
};
pub use certificate::{
    Certificate, CertificateDer, CertificateId, CertificateStatus, InvalidId, SignedPart, Validity,
};
pub use client::{CLIENT_ID_BYTES_MAX, ClientId, InvalidClientId};
pub use distinguished_name::{DistinguishedName, NameAttribute, SubjectField};
pub use name::InvalidName;
pub use policy::{Policy, PolicyName, PolicyVersionId};
pub use principal::{AttachedThing, Principal};
pub use registration::{
    CreationId, DeviceType, Outcome, PlannedPolicy, PlannedThing, PlannedThingType, RegistrationPlan,
    RegistrationRecord, RegistryView, Rejection, ThingView,
};
pub use registration_code::RegistrationCode;
pub use thing::{AttributeName, AttributeValue, Attributes, Thing, ThingName};
pub use thing_type::{ThingType, ThingTypeName};
pub use time::{Clock, UnixTime};
pub use topic::{
    InvalidTopicFilter, InvalidTopicName, InvalidTopicText, RESERVED_TOPIC_LEVELS_MAX, TOPIC_BYTES_MAX,
    TOPIC_LEVELS_MAX, TopicFilter, TopicName,
};
