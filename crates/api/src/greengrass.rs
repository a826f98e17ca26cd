//! Greengrass groups, in their first version, and the service role of the account; what several kinds of resources share.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::operation::api_operation;

/// The answer to the creation of a group or definition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateResourceResponse {
    /// Its ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// When it was created, such as `2026-01-02T03:04:05.000Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated_timestamp: Option<String>,
    /// The id of its newest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_version: Option<String>,
    /// The ARN of its newest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_version_arn: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The answer to a request that describes a group or definition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetResourceResponse {
    /// Its ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// When it was created, such as `2026-01-02T03:04:05.000Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated_timestamp: Option<String>,
    /// The id of its newest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_version: Option<String>,
    /// The ARN of its newest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_version_arn: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its tags.
    #[serde(rename = "tags", skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
}

/// A version in an answer: what was created, or an entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VersionInformation {
    /// The ARN of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// When it was created, such as `2026-01-02T03:04:05.000Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
    /// The id of the group or definition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The id of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// The answer to a request that lists versions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListVersionsResponse {
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// The versions of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versions: Option<Vec<VersionInformation>>,
}

/// The answer to a request that changes something: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EmptyResponse {}

/// What a version of a group consists of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupVersion {
    /// The ARN of its connector definition version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connector_definition_version_arn: Option<String>,
    /// The ARN of its core definition version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core_definition_version_arn: Option<String>,
    /// The ARN of its device definition version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_definition_version_arn: Option<String>,
    /// The ARN of its function definition version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_definition_version_arn: Option<String>,
    /// The ARN of its logger definition version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logger_definition_version_arn: Option<String>,
    /// The ARN of its resource definition version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_definition_version_arn: Option<String>,
    /// The ARN of its subscription definition version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription_definition_version_arn: Option<String>,
}

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupInformation {
    /// Its ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// When it was created, such as `2026-01-02T03:04:05.000Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated_timestamp: Option<String>,
    /// The id of its newest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_version: Option<String>,
    /// The ARN of its newest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_version_arn: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Creates a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateGroupRequest {
    /// Tells a repeated request from a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amzn_client_token: Option<String>,
    /// Its first version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_version: Option<GroupVersion>,
    /// Its name.
    pub name: String,
    /// Its tags.
    #[serde(rename = "tags", skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
}

api_operation!(CreateGroupRequest, Greengrass, "CreateGroup", CreateResourceResponse);

/// Adds a version to a group, which becomes its newest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateGroupVersionRequest {
    /// Tells a repeated request from a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amzn_client_token: Option<String>,
    /// The ARN of its connector definition version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connector_definition_version_arn: Option<String>,
    /// The ARN of its core definition version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core_definition_version_arn: Option<String>,
    /// The ARN of its device definition version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_definition_version_arn: Option<String>,
    /// The ARN of its function definition version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_definition_version_arn: Option<String>,
    /// The ARN of its logger definition version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logger_definition_version_arn: Option<String>,
    /// The ARN of its resource definition version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_definition_version_arn: Option<String>,
    /// The ARN of its subscription definition version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription_definition_version_arn: Option<String>,
    /// The id of the group.
    pub group_id: String,
}

api_operation!(CreateGroupVersionRequest, Greengrass, "CreateGroupVersion", VersionInformation);

/// Describes a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetGroupRequest {
    /// The id of the group.
    pub group_id: String,
}

api_operation!(GetGroupRequest, Greengrass, "GetGroup", GetResourceResponse);

/// Describes a version of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetGroupVersionRequest {
    /// The id of the group.
    pub group_id: String,
    /// The id of the version.
    pub group_version_id: String,
}

/// The answer to [`GetGroupVersionRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetGroupVersionResponse {
    /// The ARN of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// When it was created, such as `2026-01-02T03:04:05.000Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
    /// What it consists of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<GroupVersion>,
    /// The id of the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The id of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

api_operation!(GetGroupVersionRequest, Greengrass, "GetGroupVersion", GetGroupVersionResponse);

/// Lists the groups.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListGroupsRequest {
    /// The largest number of entries on a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<String>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// The answer to [`ListGroupsRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListGroupsResponse {
    /// The groups of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<GroupInformation>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(ListGroupsRequest, Greengrass, "ListGroups", ListGroupsResponse);

/// Lists the versions of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListGroupVersionsRequest {
    /// The id of the group.
    pub group_id: String,
    /// The largest number of entries on a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<String>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(ListGroupVersionsRequest, Greengrass, "ListGroupVersions", ListVersionsResponse);

/// Sets the name of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateGroupRequest {
    /// The id of the group.
    pub group_id: String,
    /// The name that it gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

api_operation!(UpdateGroupRequest, Greengrass, "UpdateGroup", EmptyResponse);

/// Deletes a group with all of its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteGroupRequest {
    /// The id of the group.
    pub group_id: String,
}

api_operation!(DeleteGroupRequest, Greengrass, "DeleteGroup", EmptyResponse);

/// Associates a role with the account, as which Greengrass acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssociateServiceRoleToAccountRequest {
    /// The ARN of the role.
    pub role_arn: String,
}

/// The answer to [`AssociateServiceRoleToAccountRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssociateServiceRoleToAccountResponse {
    /// When it was associated, such as `2026-01-02T03:04:05.000Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub associated_at: Option<String>,
}

api_operation!(
    AssociateServiceRoleToAccountRequest,
    Greengrass,
    "AssociateServiceRoleToAccount",
    AssociateServiceRoleToAccountResponse
);

/// Gets the service role of the account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetServiceRoleForAccountRequest {}

/// The answer to [`GetServiceRoleForAccountRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetServiceRoleForAccountResponse {
    /// When it was associated, such as `2026-01-02T03:04:05.000Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub associated_at: Option<String>,
    /// The ARN of the role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
}

api_operation!(
    GetServiceRoleForAccountRequest,
    Greengrass,
    "GetServiceRoleForAccount",
    GetServiceRoleForAccountResponse
);

/// Takes the service role from the account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DisassociateServiceRoleFromAccountRequest {}

/// The answer to [`DisassociateServiceRoleFromAccountRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DisassociateServiceRoleFromAccountResponse {
    /// When it was taken, such as `2026-01-02T03:04:05.000Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disassociated_at: Option<String>,
}

api_operation!(
    DisassociateServiceRoleFromAccountRequest,
    Greengrass,
    "DisassociateServiceRoleFromAccount",
    DisassociateServiceRoleFromAccountResponse
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<CreateGroupRequest>();
        assert_matches_model::<CreateGroupVersionRequest>();
        assert_matches_model::<GetGroupRequest>();
        assert_matches_model::<GetGroupVersionRequest>();
        assert_matches_model::<ListGroupsRequest>();
        assert_matches_model::<ListGroupVersionsRequest>();
        assert_matches_model::<UpdateGroupRequest>();
        assert_matches_model::<DeleteGroupRequest>();
        assert_matches_model::<AssociateServiceRoleToAccountRequest>();
        assert_matches_model::<GetServiceRoleForAccountRequest>();
        assert_matches_model::<DisassociateServiceRoleFromAccountRequest>();
    }
}
