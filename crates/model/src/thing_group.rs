use crate::name::{NameRule, name_type};
use crate::uuid::uuid_type;
use crate::{Attributes, Description, UnixTime};

name_type! {
    /// The name of a thing group: 1 to 128 characters of letters, digits and `:_-`.
    ThingGroupName,
    NameRule {
        kind: "thing group name",
        length_max: 128,
        punctuation: ":_-",
        allowed: "letters, digits and : _ -",
        may_be_empty: false,
    }
}

uuid_type! {
    /// The id of a thing group, which tells it from an earlier one of its name.
    ThingGroupId
}

/// A static group of things. It may have a parent, which it keeps for life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingGroup {
    /// Its name.
    pub name: ThingGroupName,
    /// Its id.
    pub id: ThingGroupId,
    /// The group that it was created in; none at the root of a hierarchy.
    pub parent: Option<ThingGroupName>,
    /// What its operator says of it.
    pub description: Option<Description>,
    /// Its own attributes. Neither its things nor the groups in it have them; what they inherit is its policies.
    pub attributes: Attributes,
    /// Goes up by one with each change of description or attributes, from 1.
    pub version: u64,
    /// When it was created.
    pub created_at: UnixTime,
}

/// A thing group with all that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingGroupView {
    /// The group.
    pub group: ThingGroup,
    /// Its parents, direct and indirect, the root first.
    pub ancestors: Vec<(ThingGroupName, ThingGroupId)>,
}

// The limits are those of <https://docs.aws.amazon.com/general/latest/gr/iot_device_management.html>.
impl ThingGroup {
    /// The most groups that a thing can be in.
    pub const OF_THING_MAX: usize = 10;

    /// The most levels of a hierarchy, the root's included.
    pub const LEVELS_MAX: usize = 7;

    /// The most direct children of a group.
    pub const CHILDREN_MAX: usize = 100;

    /// The most attributes of a group.
    pub const ATTRIBUTES_MAX: usize = 50;
}
