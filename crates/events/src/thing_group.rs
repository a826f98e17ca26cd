use landfall_model::{
    AccountId, Scope, ThingGroupId, ThingGroupName, ThingGroupView, ThingId, ThingName, TopicName, UnixTime,
};
use serde_json::{Value, json};

use crate::thing::wire_attributes;
use crate::{EventId, Operation, Relation};

/// A thing group was created, updated or deleted.
///
/// Published on `$aws/events/thingGroup/<thingGroupName>/created`, `updated` or `deleted`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingGroupEvent {
    /// What became of it.
    pub operation: Operation,
    /// The group: as it is now, or as it was when it was deleted.
    pub group: ThingGroupView,
    /// The account and region of the server.
    pub scope: Scope,
    /// When.
    pub at: UnixTime,
}

/// A thing came into a group or left it.
///
/// Published on `$aws/events/thingGroupMembership/thingGroup/<thingGroupName>/thing/<thingName>/added` or `removed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingGroupMembership {
    /// Whether it came or left.
    pub operation: Relation,
    /// The group.
    pub group: ThingGroupName,
    /// The group's id.
    pub group_id: ThingGroupId,
    /// The thing.
    pub thing: ThingName,
    /// The thing's id.
    pub thing_id: ThingId,
    /// The account and region of the server.
    pub scope: Scope,
    /// When.
    pub at: UnixTime,
}

/// A group came into a group, or left it with its deletion.
///
/// Published on `$aws/events/thingGroupHierarchy/thingGroup/<parent>/childThingGroup/<child>/added` or `removed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingGroupHierarchy {
    /// Whether it came or left.
    pub operation: Relation,
    /// The group that it is in.
    pub parent: ThingGroupName,
    /// That group's id.
    pub parent_id: ThingGroupId,
    /// The group that came or left.
    pub child: ThingGroupName,
    /// That group's id.
    pub child_id: ThingGroupId,
    /// The account of the server.
    pub account: AccountId,
    /// When.
    pub at: UnixTime,
}

impl ThingGroupEvent {
    pub(crate) fn topic(&self) -> TopicName {
        TopicName::thing_group_event(&self.group.group.name, self.operation.level())
    }

    pub(crate) fn payload(&self, id: EventId) -> Value {
        let ThingGroupView { group, ancestors } = &self.group;
        let parent = ancestors.last();
        let ancestor = |(name, id): &(ThingGroupName, ThingGroupId)| json!({ "groupArn": self.scope.thing_group_arn(name), "groupId": id.to_string() });
        json!({
            "eventType": "THING_GROUP_EVENT",
            "eventId": id.to_string(),
            "timestamp": self.at.as_millis(),
            "operation": self.operation.as_str(),
            "accountId": self.scope.account.as_str(),
            "thingGroupId": group.id.to_string(),
            "thingGroupName": group.name.as_str(),
            "versionNumber": group.version,
            "parentGroupName": parent.map(|(name, _)| name.as_str()),
            "parentGroupId": parent.map(|(_, id)| id.to_string()),
            "description": group.description.as_ref().map(ToString::to_string),
            "rootToParentThingGroups": ancestors.iter().map(ancestor).collect::<Vec<_>>(),
            "attributes": wire_attributes(&group.attributes),
            "dynamicGroupMappingId": null,
        })
    }
}

impl ThingGroupMembership {
    pub(crate) fn topic(&self) -> TopicName {
        TopicName::thing_group_membership_event(&self.group, &self.thing, self.operation.level())
    }

    pub(crate) fn payload(&self, id: EventId) -> Value {
        json!({
            "eventType": "THING_GROUP_MEMBERSHIP_EVENT",
            "eventId": id.to_string(),
            "timestamp": self.at.as_millis(),
            "operation": self.operation.as_str(),
            "accountId": self.scope.account.as_str(),
            "groupArn": self.scope.thing_group_arn(&self.group),
            "groupId": self.group_id.to_string(),
            "thingArn": self.scope.thing_arn(&self.thing),
            "thingId": self.thing_id.to_string(),
            "membershipId": self.membership_id(),
        })
    }

    /// The id of the membership, which tells it from every other. It is made from the ids of both, so that none is stored.
    fn membership_id(&self) -> String {
        let bits =
            u128::from_be_bytes(*self.group_id.as_bytes()) ^ u128::from_be_bytes(*self.thing_id.as_bytes());
        ThingId::from_bytes(bits.to_be_bytes()).to_string()
    }
}

impl ThingGroupHierarchy {
    pub(crate) fn topic(&self) -> TopicName {
        TopicName::thing_group_hierarchy_event(&self.parent, &self.child, self.operation.level())
    }

    pub(crate) fn payload(&self, id: EventId) -> Value {
        json!({
            "eventType": "THING_GROUP_HIERARCHY_EVENT",
            "eventId": id.to_string(),
            "timestamp": self.at.as_millis(),
            "operation": self.operation.as_str(),
            "accountId": self.account.as_str(),
            "thingGroupId": self.parent_id.to_string(),
            "thingGroupName": self.parent.as_str(),
            "childGroupId": self.child_id.to_string(),
            "childGroupName": self.child.as_str(),
        })
    }
}
