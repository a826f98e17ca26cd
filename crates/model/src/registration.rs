use std::sync::Arc;

use crate::uuid::uuid_type;
use crate::{
    AttributeName, Attributes, BillingGroupId, BillingGroupName, CaCertificate, CaCertificateId, Certificate,
    CertificateId, PlannedGreengrassGroup, PolicyName, Principal, Tag, Thing, ThingGroupId, ThingGroupName,
    ThingId, ThingName, ThingTypeId, ThingTypeName, UnixTime, UnknownWord,
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
    /// The thing groups that the thing is in, each once, in this order. One that does not exist is created, at the root.
    pub thing_groups: Vec<ThingGroupName>,
    /// The billing group that the thing is in, created unless it exists.
    pub billing_group: Option<BillingGroupName>,
    /// The policy, created unless it exists, and attached to the certificate.
    pub policy: PlannedPolicy,
    /// The Greengrass group of a Greengrass core.
    pub greengrass: Option<PlannedGreengrassGroup>,
    /// The tags of the thing type, the groups and the policy, of those that the registration creates; each key is there once.
    pub tags: Vec<Tag>,
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
    /// Its certificate became ACTIVE while it waited: a function behind a topic rule did that, or an operator.
    Activated {
        /// The first of its things, if it has one.
        thing: Option<ThingName>,
    },
    /// Its certificate stays as it was.
    Failure(Rejection),
}

/// What entries of the registration log are chosen by: their outcome without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutcomeKind {
    /// Provisioned and ACTIVE.
    Success,
    /// Activated by somebody else while it waited.
    Activated,
    /// As it was.
    Failure,
}

/// Why a certificate was not registered, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// A stable name of the reason, for programs.
    pub code: String,
    /// The reason in words, with the value that was found.
    pub message: String,
}

impl Outcome {
    /// The outcome without its data.
    pub const fn kind(&self) -> OutcomeKind {
        match self {
            Self::Success { .. } => OutcomeKind::Success,
            Self::Activated { .. } => OutcomeKind::Activated,
            Self::Failure(_) => OutcomeKind::Failure,
        }
    }
}

impl OutcomeKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Success, Self::Activated, Self::Failure];

    /// The word for the kind.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Activated => "ACTIVATED",
            Self::Failure => "FAILURE",
        }
    }

    /// The kind by its word.
    ///
    /// # Errors
    /// The word is none of the kinds'.
    pub fn parse(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == word);
        found.ok_or_else(|| UnknownWord::new(word, "SUCCESS, ACTIVATED, FAILURE"))
    }
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

    /// The id of the thing group that this registration creates, unless there is one: of each of its groups, by their number,
    /// another one.
    pub const fn thing_group_id(self, number: u8) -> ThingGroupId {
        let mut bytes = *self.scattered().as_bytes();
        bytes[15] ^= number;
        ThingGroupId::from_bytes(bytes)
    }

    /// The id of the billing group that this registration creates, unless there is one.
    pub const fn billing_group_id(self) -> BillingGroupId {
        BillingGroupId::from_bytes(*self.scattered().as_bytes())
    }

    /// Another id, which differs from this one in about half of its bits, and in others for each: what is made of the ids of
    /// a group and its thing tells them from every other pair.
    const fn scattered(self) -> Self {
        // Multiplication by an odd number gives each its own; this one, of PCG's 128 bits, spreads what differs.
        const FACTOR: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;
        let bits = u128::from_be_bytes(self.0).wrapping_mul(FACTOR);
        // The lower bits depend on few, and go to the front.
        let mut bytes = bits.to_le_bytes();
        // A UUID of version 4 (RFC 9562, section 5.4).
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_word_of_an_outcome_is_read_back() {
        for kind in OutcomeKind::ALL {
            assert_eq!(OutcomeKind::parse(kind.as_str()), Ok(kind));
        }
        let message = "\"success\" is none of SUCCESS, ACTIVATED, FAILURE";
        assert_eq!(OutcomeKind::parse("success").unwrap_err().to_string(), message);
    }

    #[test]
    fn what_one_registration_creates_has_ids_of_its_own() {
        let number = |bytes: &[u8; 16]| u128::from_be_bytes(*bytes);
        let mut memberships = BTreeSet::new();
        let mut groups = BTreeSet::new();
        for creation in 0..64_u128 {
            let creation_id = CreationId::from_bytes((creation << 61).to_be_bytes());
            let thing = number(creation_id.thing_id().as_bytes());
            for group in 0..10 {
                let group = number(creation_id.thing_group_id(group).as_bytes());
                assert_eq!((group >> 76 & 0xf, group >> 62 & 3), (4, 2), "{group:x} is no version 4");
                assert!(groups.insert(group), "{group:x} is there twice");
                assert!(memberships.insert(group ^ thing), "{group:x} and {thing:x} are like another pair");
            }
        }
    }
}
