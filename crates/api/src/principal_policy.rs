//! Policies of principals, in the deprecated operations; [`crate::policy`] has the ones that follow them.

use serde::{Deserialize, Serialize};

use crate::operation::api_operation;
use crate::policy::Policy;

/// Attaches a policy to a principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachPrincipalPolicyRequest {
    /// The name of the policy.
    pub policy_name: String,
    /// The ARN of the principal.
    pub principal: String,
}

/// The answer to [`AttachPrincipalPolicyRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AttachPrincipalPolicyResponse {}

api_operation!(AttachPrincipalPolicyRequest, Iot, "AttachPrincipalPolicy", AttachPrincipalPolicyResponse);

/// Detaches a policy from a principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DetachPrincipalPolicyRequest {
    /// The name of the policy.
    pub policy_name: String,
    /// The ARN of the principal.
    pub principal: String,
}

/// The answer to [`DetachPrincipalPolicyRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DetachPrincipalPolicyResponse {}

api_operation!(DetachPrincipalPolicyRequest, Iot, "DetachPrincipalPolicy", DetachPrincipalPolicyResponse);

/// Lists the policies that are attached to a principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPrincipalPoliciesRequest {
    /// The ARN of the principal.
    pub principal: String,
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

/// The answer to [`ListPrincipalPoliciesRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPrincipalPoliciesResponse {
    /// The policies of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<Policy>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
}

api_operation!(ListPrincipalPoliciesRequest, Iot, "ListPrincipalPolicies", ListPrincipalPoliciesResponse);

/// Lists the principals that a policy is attached to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPolicyPrincipalsRequest {
    /// The name of the policy.
    pub policy_name: String,
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

/// The answer to [`ListPolicyPrincipalsRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListPolicyPrincipalsResponse {
    /// The ARNs of the principals of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principals: Option<Vec<String>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
}

api_operation!(ListPolicyPrincipalsRequest, Iot, "ListPolicyPrincipals", ListPolicyPrincipalsResponse);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<AttachPrincipalPolicyRequest>();
        assert_matches_model::<DetachPrincipalPolicyRequest>();
        assert_matches_model::<ListPrincipalPoliciesRequest>();
        assert_matches_model::<ListPolicyPrincipalsRequest>();
    }
}
