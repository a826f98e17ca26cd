//! Policies and what they are attached to.

use serde::{Deserialize, Serialize};

use crate::operation::api_operation;
use crate::timestamp::WireTimestamp;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<GetPolicyRequest>();
        assert_matches_model::<ListAttachedPoliciesRequest>();
    }
}
