//! Who may invoke a function: `lambda`.

use serde::{Deserialize, Serialize};

use crate::operation::api_operation;

/// Lets a service or an account invoke a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddPermissionRequest {
    /// The name, the partial ARN or the ARN of the function.
    pub function_name: String,
    /// Names the statement in the policy of the function.
    pub statement_id: String,
    /// What is allowed, such as `lambda:InvokeFunction`.
    pub action: String,
    /// Who may: a service, an account, an ARN, or `*`.
    pub principal: String,
    /// The resource that has to be the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_arn: Option<String>,
    /// The kind of authentication that a function URL has to have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_url_auth_type: Option<String>,
    /// Whether only invocations by a function URL are allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoked_via_function_url: Option<bool>,
    /// The account that the cause has to be of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_account: Option<String>,
    /// The token that the caller has to send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_source_token: Option<String>,
    /// A version or an alias; `$LATEST` is the only version here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<String>,
    /// The revision that is changed; any, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_id: Option<String>,
    /// The organization that the caller has to be of.
    #[serde(rename = "PrincipalOrgID", skip_serializing_if = "Option::is_none")]
    pub principal_org_id: Option<String>,
}

/// The answer to [`AddPermissionRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddPermissionResponse {
    /// The statement, a JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
}

api_operation!(AddPermissionRequest, Lambda, "AddPermission", AddPermissionResponse);

/// Takes a permission back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RemovePermissionRequest {
    /// The name, the partial ARN or the ARN of the function.
    pub function_name: String,
    /// Names the statement in the policy of the function.
    pub statement_id: String,
    /// A version or an alias; `$LATEST` is the only version here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<String>,
    /// The revision that is changed; any, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_id: Option<String>,
}

/// The answer to [`RemovePermissionRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RemovePermissionResponse {}

api_operation!(RemovePermissionRequest, Lambda, "RemovePermission", RemovePermissionResponse);

/// Shows who may invoke a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetPolicyRequest {
    /// The name, the partial ARN or the ARN of the function.
    pub function_name: String,
    /// A version or an alias; `$LATEST` is the only version here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<String>,
}

/// The answer to [`GetPolicyRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetPolicyResponse {
    /// The policy of the function, a JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The revision of the function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_id: Option<String>,
}

api_operation!(GetPolicyRequest, Lambda, "GetPolicy", GetPolicyResponse);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<AddPermissionRequest>();
        assert_matches_model::<RemovePermissionRequest>();
        assert_matches_model::<GetPolicyRequest>();
    }
}
