use std::sync::Arc;

use crate::uuid::uuid_type;
use crate::{
    AttributeName, Attributes, CaCertificate, CaCertificateId, Certificate, CertificateId, PolicyName,
    Principal, Thing, ThingId, ThingName, ThingTypeId, ThingTypeName, UnixTime,
};

uuid_type! {
    /// The id of one registration, kept by every retry: a random UUID.
    CreationId
}

/// The kind of device that a subject's title names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceType {
    /// `iot`: an ordinary device.
    Iot,
    /// `greengrass`: a Greengrass core.
    Greengrass,
}

/// What the registry holds about one presented certificate: all that a decision needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryView {
    /// The CA certificate that issued it, if that is registered (still).
    pub ca_certificate: Option<CaCertificate>,
    /// The certificate, if it is registered.
    pub certificate: Option<Certificate>,
    /// The certificate with what is attached to it, if it is registered.
    pub principal: Option<Principal>,
}

/// A thing with its principals: what a plan that wants the thing's name needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingView {
    /// The thing.
    pub thing: Thing,
    /// The certificates attached to it, by id, each with the CA certificate that issued it.
    pub principals: Vec<(CertificateId, Option<CaCertificateId>)>,
}

/// Every thing, type, policy and attachment that one registration makes. A value: it can be applied, printed or compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationPlan {
    /// The certificate that becomes ACTIVE, last of all.
    pub certificate: CertificateId,
    /// The CA certificate that issued it.
    pub ca: CaCertificateId,
    /// The id of this registration.
    pub creation_id: CreationId,
    /// The kind of device.
    pub device_type: DeviceType,
    /// The subject's serial number.
    pub serial_number: String,
    /// The subject's product.
    pub product_id: String,
    /// The thing type, created unless it exists.
    pub thing_type: PlannedThingType,
    /// The thing.
    pub thing: PlannedThing,
    /// The policy, created unless it exists, and attached to the certificate.
    pub policy: PlannedPolicy,
}

/// A thing type to be created unless it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedThingType {
    /// Its name.
    pub name: ThingTypeName,
    /// Its searchable attributes.
    pub searchable_attributes: Vec<AttributeName>,
}

/// The thing of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlannedThing {
    /// No thing has the name: it is created.
    Create {
        /// Its name.
        name: ThingName,
        /// Its attributes.
        attributes: Attributes,
    },
    /// The thing is there already and the certificate is attached to it.
    Join {
        /// Its name.
        name: ThingName,
        /// The principals that it had when this was planned; another set makes the plan stale.
        principals: Vec<CertificateId>,
    },
}

/// A policy to be created unless it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPolicy {
    /// Its name.
    pub name: PolicyName,
    /// The document it gets when it is created.
    pub document: Arc<str>,
}

/// What became of the attempts of one certificate to be registered: an entry of the registration log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationRecord {
    /// The certificate.
    pub certificate: CertificateId,
    /// The CA certificate that issued it.
    pub ca: CaCertificateId,
    /// When the first of these attempts began.
    pub first_at: UnixTime,
    /// When the last of these attempts ended.
    pub last_at: UnixTime,
    /// How many attempts ended so, one after the other.
    pub attempts: u64,
    /// From CONNECT to the decision, in microseconds, for the last attempt.
    pub duration_us: u64,
    /// The subject's serial number, where it has one.
    pub serial_number: Option<String>,
    /// The subject's product, where it has one.
    pub product_id: Option<String>,
    /// How they ended.
    pub outcome: Outcome,
}

/// How an attempt to register ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The device was provisioned and its certificate is ACTIVE.
    Success {
        /// Its thing.
        thing: ThingName,
        /// Its kind.
        device_type: DeviceType,
    },
    /// Its certificate stays as it was.
    Failure(Rejection),
}

/// Why a certificate was not registered, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// A stable name of the reason, for programs.
    pub code: String,
    /// The reason in words, with the value that was found.
    pub message: String,
}

impl RegistrationPlan {
    /// The name of the thing.
    pub fn thing_name(&self) -> &ThingName {
        match &self.thing {
            PlannedThing::Create { name, .. } | PlannedThing::Join { name, .. } => name,
        }
    }
}

impl CreationId {
    /// The id of the thing that this registration creates: every retry makes the same.
    pub const fn thing_id(self) -> ThingId {
        ThingId::from_bytes(*self.as_bytes())
    }

    /// The id of the thing type that this registration creates, unless there is one: not that of its thing.
    pub const fn thing_type_id(self) -> ThingTypeId {
        let mut bytes = *self.as_bytes();
        bytes[15] ^= 1;
        ThingTypeId::from_bytes(bytes)
    }
}

impl DeviceType {
    /// The word that a subject's title has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Iot => "iot",
            Self::Greengrass => "greengrass",
        }
    }

    /// The kind that a subject's title names.
    pub fn from_title(title: &str) -> Option<Self> {
        [Self::Iot, Self::Greengrass].into_iter().find(|kind| kind.as_str() == title)
    }
}
