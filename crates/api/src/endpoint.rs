//! Endpoints: where devices connect.

use serde::{Deserialize, Serialize};

use crate::operation::api_operation;

/// Asks where devices connect.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeEndpointRequest {
    /// Such as `iot:Data-ATS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_type: Option<String>,
}

/// The answer to [`DescribeEndpointRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeEndpointResponse {
    /// The host name of the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_address: Option<String>,
}

api_operation!(DescribeEndpointRequest, Iot, "DescribeEndpoint", DescribeEndpointResponse);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<DescribeEndpointRequest>();
    }
}
