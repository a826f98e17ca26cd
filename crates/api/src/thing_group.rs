//! Thing groups and their members.

use serde::{Deserialize, Serialize};

use crate::operation::api_operation;
use crate::tag::Tag;
use crate::thing::AttributePayload;
use crate::timestamp::WireTimestamp;

/// Creates a thing group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateThingGroupRequest {
    /// The name of the thing group.
    pub thing_group_name: String,
    /// The name of the parent group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_group_name: Option<String>,
    /// The properties of the thing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_group_properties: Option<ThingGroupProperties>,
    /// Tags of the thing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
}

/// The answer to [`CreateThingGroupRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateThingGroupResponse {
    /// The name of the thing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_group_name: Option<String>,
    /// The ARN of the thing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_group_arn: Option<String>,
    /// The id of the thing group, a UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_group_id: Option<String>,
}

api_operation!(CreateThingGroupRequest, Iot, "CreateThingGroup", CreateThingGroupResponse);

/// Describes a thing group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeThingGroupRequest {
    /// The name of the thing group.
    pub thing_group_name: String,
}

/// The answer to [`DescribeThingGroupRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeThingGroupResponse {
    /// The name of the thing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_group_name: Option<String>,
    /// The id of the thing group, a UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_group_id: Option<String>,
    /// The ARN of the thing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_group_arn: Option<String>,
    /// The version of the thing group in the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// The properties of the thing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_group_properties: Option<ThingGroupProperties>,
    /// Where the thing group is among the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_group_metadata: Option<ThingGroupMetadata>,
    /// Dynamic groups: the index that is searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index_name: Option<String>,
    /// Dynamic groups: the query that finds the members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_string: Option<String>,
    /// Dynamic groups: the version of the query language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_version: Option<String>,
    /// Dynamic groups: whether the members have been found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

api_operation!(DescribeThingGroupRequest, Iot, "DescribeThingGroup", DescribeThingGroupResponse);

/// Changes the properties of a thing group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateThingGroupRequest {
    /// The name of the thing group.
    pub thing_group_name: String,
    /// The properties of the thing group.
    pub thing_group_properties: ThingGroupProperties,
    /// The version that the thing group has to have; any when it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<i64>,
}

/// The answer to [`UpdateThingGroupRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateThingGroupResponse {
    /// The version that the thing group has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

api_operation!(UpdateThingGroupRequest, Iot, "UpdateThingGroup", UpdateThingGroupResponse);

/// Lists the thing groups.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingGroupsRequest {
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    /// Only groups below this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_group: Option<String>,
    /// Only groups whose names start so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_prefix_filter: Option<String>,
    /// Whether groups further below are listed too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recursive: Option<bool>,
}

/// The answer to [`ListThingGroupsRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingGroupsResponse {
    /// The thing groups of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_groups: Option<Vec<GroupNameAndArn>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(ListThingGroupsRequest, Iot, "ListThingGroups", ListThingGroupsResponse);

/// Deletes a thing group, which must have no child groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteThingGroupRequest {
    /// The name of the thing group.
    pub thing_group_name: String,
    /// The version that the thing group has to have; any when it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<i64>,
}

/// The answer to [`DeleteThingGroupRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeleteThingGroupResponse {}

api_operation!(DeleteThingGroupRequest, Iot, "DeleteThingGroup", DeleteThingGroupResponse);

/// Makes a thing a member of a thing group; each is named by its name or by its ARN.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddThingToThingGroupRequest {
    /// The name of the thing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_group_name: Option<String>,
    /// The ARN of the thing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_group_arn: Option<String>,
    /// The name of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_name: Option<String>,
    /// The ARN of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_arn: Option<String>,
    /// Whether a static group takes precedence over dynamic ones when the thing is in as many as it may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub override_dynamic_groups: Option<bool>,
}

/// The answer to [`AddThingToThingGroupRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AddThingToThingGroupResponse {}

api_operation!(AddThingToThingGroupRequest, Iot, "AddThingToThingGroup", AddThingToThingGroupResponse);

/// Ends the membership of a thing in a thing group; each is named by its name or by its ARN.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveThingFromThingGroupRequest {
    /// The name of the thing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_group_name: Option<String>,
    /// The ARN of the thing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_group_arn: Option<String>,
    /// The name of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_name: Option<String>,
    /// The ARN of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_arn: Option<String>,
}

/// The answer to [`RemoveThingFromThingGroupRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RemoveThingFromThingGroupResponse {}

api_operation!(
    RemoveThingFromThingGroupRequest,
    Iot,
    "RemoveThingFromThingGroup",
    RemoveThingFromThingGroupResponse
);

/// Changes several memberships of a thing at once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateThingGroupsForThingRequest {
    /// The name of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_name: Option<String>,
    /// The names of the groups that it joins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_groups_to_add: Option<Vec<String>>,
    /// The names of the groups that it leaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_groups_to_remove: Option<Vec<String>>,
    /// Whether a static group takes precedence over dynamic ones when the thing is in as many as it may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub override_dynamic_groups: Option<bool>,
}

/// The answer to [`UpdateThingGroupsForThingRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpdateThingGroupsForThingResponse {}

api_operation!(
    UpdateThingGroupsForThingRequest,
    Iot,
    "UpdateThingGroupsForThing",
    UpdateThingGroupsForThingResponse
);

/// Lists the thing groups that a thing is a member of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingGroupsForThingRequest {
    /// The name of the thing.
    pub thing_name: String,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
}

/// The answer to [`ListThingGroupsForThingRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingGroupsForThingResponse {
    /// The thing groups of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_groups: Option<Vec<GroupNameAndArn>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(
    ListThingGroupsForThingRequest,
    Iot,
    "ListThingGroupsForThing",
    ListThingGroupsForThingResponse
);

/// Lists the things that are members of a thing group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingsInThingGroupRequest {
    /// The name of the thing group.
    pub thing_group_name: String,
    /// Whether things of the groups below are listed too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recursive: Option<bool>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
}

/// The answer to [`ListThingsInThingGroupRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingsInThingGroupResponse {
    /// The names of the things of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub things: Option<Vec<String>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(ListThingsInThingGroupRequest, Iot, "ListThingsInThingGroup", ListThingsInThingGroupResponse);

/// The properties of a thing group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThingGroupProperties {
    /// What the group is, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_group_description: Option<String>,
    /// The attributes of the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute_payload: Option<AttributePayload>,
}

/// Where a thing group is among the others.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThingGroupMetadata {
    /// The name of the parent group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_group_name: Option<String>,
    /// The groups above it, from the root to its parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_to_parent_thing_groups: Option<Vec<GroupNameAndArn>>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_date: Option<WireTimestamp>,
}

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupNameAndArn {
    /// The name of the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// The ARN of the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_arn: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<CreateThingGroupRequest>();
        assert_matches_model::<DescribeThingGroupRequest>();
        assert_matches_model::<UpdateThingGroupRequest>();
        assert_matches_model::<ListThingGroupsRequest>();
        assert_matches_model::<DeleteThingGroupRequest>();
        assert_matches_model::<AddThingToThingGroupRequest>();
        assert_matches_model::<RemoveThingFromThingGroupRequest>();
        assert_matches_model::<UpdateThingGroupsForThingRequest>();
        assert_matches_model::<ListThingGroupsForThingRequest>();
        assert_matches_model::<ListThingsInThingGroupRequest>();
    }
}
