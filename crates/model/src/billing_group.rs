use crate::name::{NameRule, name_type};
use crate::uuid::uuid_type;
use crate::{Description, UnixTime};

name_type! {
    /// The name of a billing group: 1 to 128 characters of letters, digits and `:_-`.
    BillingGroupName,
    NameRule {
        kind: "billing group name",
        length_max: 128,
        punctuation: ":_-",
        allowed: "letters, digits and : _ -",
        may_be_empty: false,
    }
}

uuid_type! {
    /// The id of a billing group, which tells it from an earlier one of its name.
    BillingGroupId
}

/// A group of things whose costs belong together. A thing is in one at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingGroup {
    /// Its name.
    pub name: BillingGroupName,
    /// Its id.
    pub id: BillingGroupId,
    /// What its operator says of it.
    pub description: Option<Description>,
    /// Goes up by one with each change of the description, from 1.
    pub version: u64,
    /// When it was created.
    pub created_at: UnixTime,
}
