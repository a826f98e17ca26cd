//! How often a function may run at once: `lambda`.

use serde::{Deserialize, Serialize};

use crate::operation::api_operation;

/// Sets how often a function may run at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutFunctionConcurrencyRequest {
    /// The name, the partial ARN or the ARN of the function.
    pub function_name: String,
    /// How often; with 0 it cannot be invoked.
    pub reserved_concurrent_executions: i32,
}

/// How often a function may run at once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Concurrency {
    /// How often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_concurrent_executions: Option<i32>,
}

api_operation!(PutFunctionConcurrencyRequest, Lambda, "PutFunctionConcurrency", Concurrency);

/// Shows how often a function may run at once, if that was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetFunctionConcurrencyRequest {
    /// The name, the partial ARN or the ARN of the function.
    pub function_name: String,
}

/// The answer to [`GetFunctionConcurrencyRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetFunctionConcurrencyResponse {
    /// How often; absent when it was not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_concurrent_executions: Option<i32>,
}

api_operation!(
    GetFunctionConcurrencyRequest,
    Lambda,
    "GetFunctionConcurrency",
    GetFunctionConcurrencyResponse
);

/// Takes back how often a function may run at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteFunctionConcurrencyRequest {
    /// The name, the partial ARN or the ARN of the function.
    pub function_name: String,
}

/// The answer to [`DeleteFunctionConcurrencyRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeleteFunctionConcurrencyResponse {}

api_operation!(
    DeleteFunctionConcurrencyRequest,
    Lambda,
    "DeleteFunctionConcurrency",
    DeleteFunctionConcurrencyResponse
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<PutFunctionConcurrencyRequest>();
        assert_matches_model::<GetFunctionConcurrencyRequest>();
        assert_matches_model::<DeleteFunctionConcurrencyRequest>();
    }
}
