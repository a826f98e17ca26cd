//! Policies, their versions, and what they are attached to.

use serde::{Deserialize, Serialize};

use crate::operation::api_operation;
use crate::tag::Tag;
use crate::timestamp::WireTimestamp;

/// Creates a policy with its first version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatePolicyRequest {
    /// The name of the policy.
    pub policy_name: String,
    /// The JSON text of the first version.
    pub policy_document: String,
    /// Tags of the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
}

/// The answer to [`CreatePolicyRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatePolicyResponse {
    /// The name of the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_name: Option<String>,
    /// The ARN of the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_arn: Option<String>,
    /// The JSON text of the first version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_document: Option<String>,
    /// The id of the first version, a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_version_id: Option<String>,
}

api_operation!(CreatePolicyRequest, Iot, "CreatePolicy", CreatePolicyResponse);

/// Gets a policy with the document of its default version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetPolicyRequest {
    /// The name of the policy.
    pub policy_name: String,
}

/// The answer to [`GetPolicyRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetPolicyResponse {
    /// The name of the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_name: Option<String>,
    /// The ARN of the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_arn: Option<String>,
    /// The JSON text of the default version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_document: Option<String>,
    /// The id of the default version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_version_id: Option<String>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_date: Option<WireTimestamp>,
    /// When it was last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified_date: Option<WireTimestamp>,
    /// The generation of the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation_id: Option<String>,
}

api_operation!(GetPolicyRequest, Iot, "GetPolicy", GetPolicyResponse);

/// Lists the policies.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPoliciesRequest {
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_size: Option<i32>,
    /// Whether the oldest come first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ascending_order: Option<bool>,
}

/// The answer to [`ListPoliciesRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPoliciesResponse {
    /// The policies of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<Policy>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
}

api_operation!(ListPoliciesRequest, Iot, "ListPolicies", ListPoliciesResponse);

/// Deletes a policy, which must not be attached to anything nor have a version beside the default one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletePolicyRequest {
    /// The name of the policy.
    pub policy_name: String,
}

/// The answer to [`DeletePolicyRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeletePolicyResponse {}

api_operation!(DeletePolicyRequest, Iot, "DeletePolicy", DeletePolicyResponse);

/// Adds a version to a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatePolicyVersionRequest {
    /// The name of the policy.
    pub policy_name: String,
    /// The JSON text of the version.
    pub policy_document: String,
    /// Whether the version becomes the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_as_default: Option<bool>,
}

/// The answer to [`CreatePolicyVersionRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatePolicyVersionResponse {
    /// The ARN of the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_arn: Option<String>,
    /// The JSON text of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_document: Option<String>,
    /// The id of the version, a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_version_id: Option<String>,
    /// Whether it is the default version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_default_version: Option<bool>,
}

api_operation!(CreatePolicyVersionRequest, Iot, "CreatePolicyVersion", CreatePolicyVersionResponse);

/// Gets one version of a policy with its document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetPolicyVersionRequest {
    /// The name of the policy.
    pub policy_name: String,
    /// The id of the version, a number.
    pub policy_version_id: String,
}

/// The answer to [`GetPolicyVersionRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetPolicyVersionResponse {
    /// The ARN of the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_arn: Option<String>,
    /// The name of the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_name: Option<String>,
    /// The JSON text of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_document: Option<String>,
    /// The id of the version, a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_version_id: Option<String>,
    /// Whether it is the default version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_default_version: Option<bool>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_date: Option<WireTimestamp>,
    /// When it was last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified_date: Option<WireTimestamp>,
    /// The generation of the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation_id: Option<String>,
}

api_operation!(GetPolicyVersionRequest, Iot, "GetPolicyVersion", GetPolicyVersionResponse);

/// Makes a version the default one of its policy: the one that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetDefaultPolicyVersionRequest {
    /// The name of the policy.
    pub policy_name: String,
    /// The id of the version, a number.
    pub policy_version_id: String,
}

/// The answer to [`SetDefaultPolicyVersionRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SetDefaultPolicyVersionResponse {}

api_operation!(
    SetDefaultPolicyVersionRequest,
    Iot,
    "SetDefaultPolicyVersion",
    SetDefaultPolicyVersionResponse
);

/// Lists the versions of a policy, all of them at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPolicyVersionsRequest {
    /// The name of the policy.
    pub policy_name: String,
}

/// The answer to [`ListPolicyVersionsRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPolicyVersionsResponse {
    /// The versions of the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_versions: Option<Vec<PolicyVersion>>,
}

api_operation!(ListPolicyVersionsRequest, Iot, "ListPolicyVersions", ListPolicyVersionsResponse);

/// Deletes a version of a policy, which must not be the default one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletePolicyVersionRequest {
    /// The name of the policy.
    pub policy_name: String,
    /// The id of the version, a number.
    pub policy_version_id: String,
}

/// The answer to [`DeletePolicyVersionRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeletePolicyVersionResponse {}

api_operation!(DeletePolicyVersionRequest, Iot, "DeletePolicyVersion", DeletePolicyVersionResponse);

/// Attaches a policy to a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachPolicyRequest {
    /// The name of the policy.
    pub policy_name: String,
    /// The ARN of the certificate or thing group that gets the policy.
    pub target: String,
}

/// The answer to [`AttachPolicyRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AttachPolicyResponse {}

api_operation!(AttachPolicyRequest, Iot, "AttachPolicy", AttachPolicyResponse);

/// Detaches a policy from a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DetachPolicyRequest {
    /// The name of the policy.
    pub policy_name: String,
    /// The ARN of the certificate or thing group that loses the policy.
    pub target: String,
}

/// The answer to [`DetachPolicyRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DetachPolicyResponse {}

api_operation!(DetachPolicyRequest, Iot, "DetachPolicy", DetachPolicyResponse);

/// Lists the policies that are attached to a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListAttachedPoliciesRequest {
    /// The group or principal that the policies are attached to, an ARN.
    pub target: String,
    /// Whether policies of parent groups are listed too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recursive: Option<bool>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_size: Option<i32>,
}

/// The answer to [`ListAttachedPoliciesRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListAttachedPoliciesResponse {
    /// The policies of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<Policy>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
}

api_operation!(ListAttachedPoliciesRequest, Iot, "ListAttachedPolicies", ListAttachedPoliciesResponse);

/// Lists the targets that a policy is attached to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTargetsForPolicyRequest {
    /// The name of the policy.
    pub policy_name: String,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_size: Option<i32>,
}

/// The answer to [`ListTargetsForPolicyRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTargetsForPolicyResponse {
    /// The ARNs of the targets of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<String>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
}

api_operation!(ListTargetsForPolicyRequest, Iot, "ListTargetsForPolicy", ListTargetsForPolicyResponse);

/// A policy in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// The name of the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_name: Option<String>,
    /// The ARN of the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_arn: Option<String>,
}

/// A version of a policy in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyVersion {
    /// The id of the version, a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// Whether it is the default version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_default_version: Option<bool>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_date: Option<WireTimestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<CreatePolicyRequest>();
        assert_matches_model::<GetPolicyRequest>();
        assert_matches_model::<ListPoliciesRequest>();
        assert_matches_model::<DeletePolicyRequest>();
        assert_matches_model::<CreatePolicyVersionRequest>();
        assert_matches_model::<GetPolicyVersionRequest>();
        assert_matches_model::<SetDefaultPolicyVersionRequest>();
        assert_matches_model::<ListPolicyVersionsRequest>();
        assert_matches_model::<DeletePolicyVersionRequest>();
        assert_matches_model::<AttachPolicyRequest>();
        assert_matches_model::<DetachPolicyRequest>();
        assert_matches_model::<ListAttachedPoliciesRequest>();
        assert_matches_model::<ListTargetsForPolicyRequest>();
    }
}
