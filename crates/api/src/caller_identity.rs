//! Who the caller is: `sts` `GetCallerIdentity`.

use serde::{Deserialize, Serialize};

use crate::operation::api_operation;

/// Asks who the caller is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetCallerIdentityRequest {}

/// The answer to [`GetCallerIdentityRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetCallerIdentityResponse {
    /// The id of the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The account of the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The ARN of the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
}

api_operation!(GetCallerIdentityRequest, Sts, "GetCallerIdentity", GetCallerIdentityResponse);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<GetCallerIdentityRequest>();
    }
}
