//! Invocations of functions: `lambda`.

use serde::{Deserialize, Serialize};

use crate::blob::WireBlob;
use crate::operation::api_operation;

/// Invokes a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InvokeRequest {
    /// The name, the partial ARN or the ARN of the function.
    pub function_name: String,
    /// `RequestResponse`, if absent, `Event` or `DryRun`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invocation_type: Option<String>,
    /// `Tail` for the end of the log, or `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_type: Option<String>,
    /// What the function is told of the client, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_context: Option<String>,
    /// The name of a durable execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durable_execution_name: Option<String>,
    /// The event, which is the whole body; absent when the body is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<WireBlob>,
    /// A version or an alias; `$LATEST` is the only version here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<String>,
    /// The tenant that the function runs for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
}

/// The answer to [`InvokeRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InvokeResponse {
    /// The status of the answer: 200, 202 for `Event`, 204 for `DryRun`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<i32>,
    /// Present when the function failed: `Unhandled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_error: Option<String>,
    /// The last 4 KiB of the log, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_result: Option<String>,
    /// What the function answered, which is the whole body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<WireBlob>,
    /// The version that ran: `$LATEST`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executed_version: Option<String>,
    /// The ARN of the durable execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durable_execution_arn: Option<String>,
}

api_operation!(InvokeRequest, Lambda, "Invoke", InvokeResponse);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<InvokeRequest>();
    }
}
