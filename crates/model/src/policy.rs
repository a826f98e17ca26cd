use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use crate::UnixTime;
use crate::name::{NameRule, name_type};

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
}

impl fmt::Display for PolicyVersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
