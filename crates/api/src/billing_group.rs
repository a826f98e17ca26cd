//! Billing groups and their things.

use serde::{Deserialize, Serialize};

use crate::operation::api_operation;
use crate::tag::Tag;
use crate::thing_group::GroupNameAndArn;
use crate::timestamp::WireTimestamp;

/// Creates a billing group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateBillingGroupRequest {
    /// The name of the billing group.
    pub billing_group_name: String,
    /// The properties of the billing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_group_properties: Option<BillingGroupProperties>,
    /// Tags of the billing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
}

/// The answer to [`CreateBillingGroupRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateBillingGroupResponse {
    /// The name of the billing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_group_name: Option<String>,
    /// The ARN of the billing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_group_arn: Option<String>,
    /// The id of the billing group, a UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_group_id: Option<String>,
}

api_operation!(CreateBillingGroupRequest, Iot, "CreateBillingGroup", CreateBillingGroupResponse);

/// Describes a billing group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeBillingGroupRequest {
    /// The name of the billing group.
    pub billing_group_name: String,
}

/// The answer to [`DescribeBillingGroupRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeBillingGroupResponse {
    /// The name of the billing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_group_name: Option<String>,
    /// The id of the billing group, a UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_group_id: Option<String>,
    /// The ARN of the billing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_group_arn: Option<String>,
    /// The version of the billing group in the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// The properties of the billing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_group_properties: Option<BillingGroupProperties>,
    /// The state of the billing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_group_metadata: Option<BillingGroupMetadata>,
}

api_operation!(DescribeBillingGroupRequest, Iot, "DescribeBillingGroup", DescribeBillingGroupResponse);

/// Changes the properties of a billing group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateBillingGroupRequest {
    /// The name of the billing group.
    pub billing_group_name: String,
    /// The properties of the billing group.
    pub billing_group_properties: BillingGroupProperties,
    /// The version that the billing group has to have; any when it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<i64>,
}

/// The answer to [`UpdateBillingGroupRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateBillingGroupResponse {
    /// The version that the billing group has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

api_operation!(UpdateBillingGroupRequest, Iot, "UpdateBillingGroup", UpdateBillingGroupResponse);

/// Lists the billing groups.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListBillingGroupsRequest {
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    /// Only groups whose names start so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_prefix_filter: Option<String>,
}

/// The answer to [`ListBillingGroupsRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListBillingGroupsResponse {
    /// The billing groups of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_groups: Option<Vec<GroupNameAndArn>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(ListBillingGroupsRequest, Iot, "ListBillingGroups", ListBillingGroupsResponse);

/// Deletes a billing group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteBillingGroupRequest {
    /// The name of the billing group.
    pub billing_group_name: String,
    /// The version that the billing group has to have; any when it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<i64>,
}

/// The answer to [`DeleteBillingGroupRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeleteBillingGroupResponse {}

api_operation!(DeleteBillingGroupRequest, Iot, "DeleteBillingGroup", DeleteBillingGroupResponse);

/// Puts a thing into a billing group; each is named by its name or by its ARN.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddThingToBillingGroupRequest {
    /// The name of the billing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_group_name: Option<String>,
    /// The ARN of the billing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_group_arn: Option<String>,
    /// The name of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_name: Option<String>,
    /// The ARN of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_arn: Option<String>,
}

/// The answer to [`AddThingToBillingGroupRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AddThingToBillingGroupResponse {}

api_operation!(AddThingToBillingGroupRequest, Iot, "AddThingToBillingGroup", AddThingToBillingGroupResponse);

/// Takes a thing out of a billing group; each is named by its name or by its ARN.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveThingFromBillingGroupRequest {
    /// The name of the billing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_group_name: Option<String>,
    /// The ARN of the billing group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_group_arn: Option<String>,
    /// The name of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_name: Option<String>,
    /// The ARN of the thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_arn: Option<String>,
}

/// The answer to [`RemoveThingFromBillingGroupRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RemoveThingFromBillingGroupResponse {}

api_operation!(
    RemoveThingFromBillingGroupRequest,
    Iot,
    "RemoveThingFromBillingGroup",
    RemoveThingFromBillingGroupResponse
);

/// Lists the things of a billing group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingsInBillingGroupRequest {
    /// The name of the billing group.
    pub billing_group_name: String,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
}

/// The answer to [`ListThingsInBillingGroupRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThingsInBillingGroupResponse {
    /// The names of the things of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub things: Option<Vec<String>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(
    ListThingsInBillingGroupRequest,
    Iot,
    "ListThingsInBillingGroup",
    ListThingsInBillingGroupResponse
);

/// The properties of a billing group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BillingGroupProperties {
    /// What the group is, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_group_description: Option<String>,
}

/// The state of a billing group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BillingGroupMetadata {
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_date: Option<WireTimestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<CreateBillingGroupRequest>();
        assert_matches_model::<DescribeBillingGroupRequest>();
        assert_matches_model::<UpdateBillingGroupRequest>();
        assert_matches_model::<ListBillingGroupsRequest>();
        assert_matches_model::<DeleteBillingGroupRequest>();
        assert_matches_model::<AddThingToBillingGroupRequest>();
        assert_matches_model::<RemoveThingFromBillingGroupRequest>();
        assert_matches_model::<ListThingsInBillingGroupRequest>();
    }
}
