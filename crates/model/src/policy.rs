use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use crate::name::{NameRule, name_type};
use crate::{CertificateId, GenerationId, ThingGroupName, UnixTime};

name_type! {
    /// The name of a policy: 1 to 128 characters of letters, digits and `_+=,.@-`.
    PolicyName,
    NameRule {
        kind: "policy name",
        length_max: 128,
        punctuation: "_+=,.@-",
        allowed: "letters, digits and _ + = , . @ -",
        may_be_empty: false,
    }
}

/// The number of one version of a policy's document, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyVersionId(NonZeroU32);

/// A policy with the document of its default version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: PolicyName,
    /// The version whose document counts.
    pub default_version: PolicyVersionId,
    /// The document: JSON text that was parsed as a policy before it was stored.
    pub document: Arc<str>,
    /// When it was created.
    pub created_at: UnixTime,
    /// When its default document last changed.
    pub modified_at: UnixTime,
}

/// One version of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyVersion {
    /// Its number.
    pub id: PolicyVersionId,
    /// The document: JSON text that was parsed as a policy before it was stored.
    pub document: Arc<str>,
    /// When it was created.
    pub created_at: UnixTime,
}

/// A policy with all of its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyVersions {
    /// The version whose document counts.
    pub default: PolicyVersionId,
    /// The number that the next version gets: one more than the last ever given.
    pub next: PolicyVersionId,
    /// The versions that there are, the oldest first.
    pub versions: Vec<PolicyVersion>,
}

/// What a policy is attached to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyTarget {
    /// A certificate.
    Certificate(CertificateId),
    /// A thing group: the policy counts for its things and those of the groups in it.
    ThingGroup(ThingGroupName),
}

// The limits are those of <https://docs.aws.amazon.com/general/latest/gr/iot-core.html>.
impl Policy {
    /// The most versions that a policy can have.
    pub const VERSIONS_MAX: usize = 5;

    /// The most policies that a target can have.
    pub const OF_TARGET_MAX: usize = 10;

    /// The most characters of a document that are not white space.
    pub const DOCUMENT_CHARACTERS_MAX: usize = 2_048;

    /// The id of its present state.
    pub fn generation_id(&self) -> GenerationId {
        GenerationId::of_policy(self.created_at, self.default_version, self.modified_at)
    }
}

impl PolicyVersion {
    /// The id of the version: a version never changes.
    pub fn generation_id(&self) -> GenerationId {
        GenerationId::of_policy(self.created_at, self.id, self.created_at)
    }
}

impl From<CertificateId> for PolicyTarget {
    fn from(id: CertificateId) -> Self {
        Self::Certificate(id)
    }
}

impl From<ThingGroupName> for PolicyTarget {
    fn from(name: ThingGroupName) -> Self {
        Self::ThingGroup(name)
    }
}

impl fmt::Display for PolicyTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(id) => write!(f, "certificate {id}"),
            Self::ThingGroup(name) => write!(f, "thing group {name}"),
        }
    }
}

impl PolicyVersionId {
    /// The version that a new policy has.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// The version with this number.
    pub const fn new(number: NonZeroU32) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The version after this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for PolicyVersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
