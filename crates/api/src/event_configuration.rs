//! Which registry events are published.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::operation::api_operation;
use crate::timestamp::WireTimestamp;

/// Asks which registry events are published.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DescribeEventConfigurationsRequest {}

/// The answer to [`DescribeEventConfigurationsRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeEventConfigurationsResponse {
    /// Whether events are published, by their type, such as `THING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_configurations: Option<BTreeMap<String, Configuration>>,
    /// When the configurations were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_date: Option<WireTimestamp>,
    /// When the configurations were last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified_date: Option<WireTimestamp>,
}

api_operation!(
    DescribeEventConfigurationsRequest,
    Iot,
    "DescribeEventConfigurations",
    DescribeEventConfigurationsResponse
);

/// Changes which registry events are published.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateEventConfigurationsRequest {
    /// Whether events are published, by their type; what is not named stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_configurations: Option<BTreeMap<String, Configuration>>,
}

/// The answer to [`UpdateEventConfigurationsRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpdateEventConfigurationsResponse {}

api_operation!(
    UpdateEventConfigurationsRequest,
    Iot,
    "UpdateEventConfigurations",
    UpdateEventConfigurationsResponse
);

/// Whether events of one type are published.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Configuration {
    /// Whether they are published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<DescribeEventConfigurationsRequest>();
        assert_matches_model::<UpdateEventConfigurationsRequest>();
    }
}
