//! Destinations of topic rules: where the HTTP actions of rules may send to.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::operation::api_operation;
use crate::timestamp::WireTimestamp;

/// Creates a destination, which has to be confirmed before it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateTopicRuleDestinationRequest {
    /// What kind of destination it is, and where.
    pub destination_configuration: TopicRuleDestinationConfiguration,
}

/// The answer to [`CreateTopicRuleDestinationRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateTopicRuleDestinationResponse {
    /// The destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_rule_destination: Option<TopicRuleDestination>,
}

api_operation!(
    CreateTopicRuleDestinationRequest,
    Iot,
    "CreateTopicRuleDestination",
    CreateTopicRuleDestinationResponse
);

/// Gets a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetTopicRuleDestinationRequest {
    /// The ARN of the destination.
    pub arn: String,
}

/// The answer to [`GetTopicRuleDestinationRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetTopicRuleDestinationResponse {
    /// The destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_rule_destination: Option<TopicRuleDestination>,
}

api_operation!(
    GetTopicRuleDestinationRequest,
    Iot,
    "GetTopicRuleDestination",
    GetTopicRuleDestinationResponse
);

/// Lists the destinations.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTopicRuleDestinationsRequest {
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// The answer to [`ListTopicRuleDestinationsRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTopicRuleDestinationsResponse {
    /// The destinations of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_summaries: Option<Vec<TopicRuleDestinationSummary>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(
    ListTopicRuleDestinationsRequest,
    Iot,
    "ListTopicRuleDestinations",
    ListTopicRuleDestinationsResponse
);

/// Sets the status of a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateTopicRuleDestinationRequest {
    /// The ARN of the destination.
    pub arn: String,
    /// `ENABLED`, `IN_PROGRESS` or `DISABLED`.
    pub status: String,
}

/// The answer to [`UpdateTopicRuleDestinationRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpdateTopicRuleDestinationResponse {}

api_operation!(
    UpdateTopicRuleDestinationRequest,
    Iot,
    "UpdateTopicRuleDestination",
    UpdateTopicRuleDestinationResponse
);

/// Deletes a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteTopicRuleDestinationRequest {
    /// The ARN of the destination.
    pub arn: String,
}

/// The answer to [`DeleteTopicRuleDestinationRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeleteTopicRuleDestinationResponse {}

api_operation!(
    DeleteTopicRuleDestinationRequest,
    Iot,
    "DeleteTopicRuleDestination",
    DeleteTopicRuleDestinationResponse
);

/// Confirms a destination, which the receiver does by opening the URL that it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfirmTopicRuleDestinationRequest {
    /// The token that the receiver was sent.
    pub confirmation_token: String,
}

/// The answer to [`ConfirmTopicRuleDestinationRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConfirmTopicRuleDestinationResponse {}

api_operation!(
    ConfirmTopicRuleDestinationRequest,
    Iot,
    "ConfirmTopicRuleDestination",
    ConfirmTopicRuleDestinationResponse
);

/// What kind of destination is wanted, and where. Of the kinds of AWS only the first one is built here, so the others are
/// read as far as to refuse them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopicRuleDestinationConfiguration {
    /// A URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_url_configuration: Option<HttpUrlDestinationConfiguration>,
    /// A network at AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_configuration: Option<Value>,
    /// A database.
    #[serde(rename = "influxDBConfiguration", skip_serializing_if = "Option::is_none")]
    pub influx_db_configuration: Option<Value>,
}

/// A URL as a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpUrlDestinationConfiguration {
    /// Where the confirmation is sent; the actions of rules send there and to the paths below it.
    pub confirmation_url: String,
}

/// A destination.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopicRuleDestination {
    /// The ARN of the destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// `ENABLED`, `IN_PROGRESS`, `DISABLED`, `ERROR` or `DELETING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<WireTimestamp>,
    /// When it was changed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated_at: Option<WireTimestamp>,
    /// Why it has its status, where that has a reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// The URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_url_properties: Option<HttpUrlDestinationProperties>,
    /// The network at AWS; no destination here has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_properties: Option<Value>,
    /// The database; no destination here has one.
    #[serde(rename = "influxDBProperties", skip_serializing_if = "Option::is_none")]
    pub influx_db_properties: Option<Value>,
}

/// The URL of a destination.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpUrlDestinationProperties {
    /// Where the confirmation is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation_url: Option<String>,
}

/// A destination in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopicRuleDestinationSummary {
    /// The ARN of the destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// `ENABLED`, `IN_PROGRESS`, `DISABLED`, `ERROR` or `DELETING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<WireTimestamp>,
    /// When it was changed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated_at: Option<WireTimestamp>,
    /// Why it has its status, where that has a reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// The URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_url_summary: Option<HttpUrlDestinationSummary>,
    /// The network at AWS; no destination here has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_destination_summary: Option<Value>,
    /// The database; no destination here has one.
    #[serde(rename = "influxDBSummary", skip_serializing_if = "Option::is_none")]
    pub influx_db_summary: Option<Value>,
}

/// The URL of a destination in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpUrlDestinationSummary {
    /// Where the confirmation is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation_url: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<CreateTopicRuleDestinationRequest>();
        assert_matches_model::<GetTopicRuleDestinationRequest>();
        assert_matches_model::<ListTopicRuleDestinationsRequest>();
        assert_matches_model::<UpdateTopicRuleDestinationRequest>();
        assert_matches_model::<DeleteTopicRuleDestinationRequest>();
        assert_matches_model::<ConfirmTopicRuleDestinationRequest>();
    }
}
