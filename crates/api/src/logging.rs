//! Logging options and log levels.

use serde::{Deserialize, Serialize};

use crate::operation::api_operation;

/// Gets the logging options, in their first form.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetLoggingOptionsRequest {}

/// The answer to [`GetLoggingOptionsRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetLoggingOptionsResponse {
    /// The role that writes the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// `DEBUG`, `INFO`, `WARN`, `ERROR` or `DISABLED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_level: Option<String>,
}

api_operation!(GetLoggingOptionsRequest, Iot, "GetLoggingOptions", GetLoggingOptionsResponse);

/// Sets the logging options, in their first form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetLoggingOptionsRequest {
    /// The options; they are the whole body.
    pub logging_options_payload: LoggingOptionsPayload,
}

/// The answer to [`SetLoggingOptionsRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SetLoggingOptionsResponse {}

api_operation!(SetLoggingOptionsRequest, Iot, "SetLoggingOptions", SetLoggingOptionsResponse);

/// Gets the logging options.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetV2LoggingOptionsRequest {
    /// Whether the levels of single event types are wanted too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verbose: Option<bool>,
}

/// The answer to [`GetV2LoggingOptionsRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetV2LoggingOptionsResponse {
    /// The role that writes the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// The level of what has none of its own: `DEBUG`, `INFO`, `WARN`, `ERROR` or `DISABLED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_log_level: Option<String>,
    /// Whether nothing is logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_all_logs: Option<bool>,
    /// The levels of single event types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_configurations: Option<Vec<LogEventConfiguration>>,
}

api_operation!(GetV2LoggingOptionsRequest, Iot, "GetV2LoggingOptions", GetV2LoggingOptionsResponse);

/// Sets the logging options.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetV2LoggingOptionsRequest {
    /// The role that writes the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// The level of what has none of its own: `DEBUG`, `INFO`, `WARN`, `ERROR` or `DISABLED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_log_level: Option<String>,
    /// Whether nothing is logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_all_logs: Option<bool>,
    /// The levels of single event types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_configurations: Option<Vec<LogEventConfiguration>>,
}

/// The answer to [`SetV2LoggingOptionsRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SetV2LoggingOptionsResponse {}

api_operation!(SetV2LoggingOptionsRequest, Iot, "SetV2LoggingOptions", SetV2LoggingOptionsResponse);

/// Sets the log level of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetV2LoggingLevelRequest {
    /// What the level is for.
    pub log_target: LogTarget,
    /// `DEBUG`, `INFO`, `WARN`, `ERROR` or `DISABLED`.
    pub log_level: String,
}

/// The answer to [`SetV2LoggingLevelRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SetV2LoggingLevelResponse {}

api_operation!(SetV2LoggingLevelRequest, Iot, "SetV2LoggingLevel", SetV2LoggingLevelResponse);

/// Lists the log levels of the targets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListV2LoggingLevelsRequest {
    /// Only targets of this type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_type: Option<String>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
}

/// The answer to [`ListV2LoggingLevelsRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListV2LoggingLevelsResponse {
    /// The levels of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_target_configurations: Option<Vec<LogTargetConfiguration>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(ListV2LoggingLevelsRequest, Iot, "ListV2LoggingLevels", ListV2LoggingLevelsResponse);

/// Deletes the log level of a target, so that the default one counts for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteV2LoggingLevelRequest {
    /// `DEFAULT`, `THING_GROUP`, `CLIENT_ID`, `SOURCE_IP` or `PRINCIPAL_ID`.
    pub target_type: String,
    /// The name of the target.
    pub target_name: String,
}

/// The answer to [`DeleteV2LoggingLevelRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeleteV2LoggingLevelResponse {}

api_operation!(DeleteV2LoggingLevelRequest, Iot, "DeleteV2LoggingLevel", DeleteV2LoggingLevelResponse);

/// The logging options, in their first form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoggingOptionsPayload {
    /// The role that writes the logs.
    pub role_arn: String,
    /// `DEBUG`, `INFO`, `WARN`, `ERROR` or `DISABLED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_level: Option<String>,
}

/// What is logged of one type of event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEventConfiguration {
    /// The type of the events.
    pub event_type: String,
    /// `DEBUG`, `INFO`, `WARN`, `ERROR` or `DISABLED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_level: Option<String>,
    /// Where they are logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_destination: Option<String>,
}

/// What a log level is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogTarget {
    /// `DEFAULT`, `THING_GROUP`, `CLIENT_ID`, `SOURCE_IP` or `PRINCIPAL_ID`.
    pub target_type: String,
    /// The name of the target; `DEFAULT` has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_name: Option<String>,
}

/// The log level of a target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogTargetConfiguration {
    /// What the level is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_target: Option<LogTarget>,
    /// `DEBUG`, `INFO`, `WARN`, `ERROR` or `DISABLED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_level: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<GetLoggingOptionsRequest>();
        assert_matches_model::<SetLoggingOptionsRequest>();
        assert_matches_model::<GetV2LoggingOptionsRequest>();
        assert_matches_model::<SetV2LoggingOptionsRequest>();
        assert_matches_model::<SetV2LoggingLevelRequest>();
        assert_matches_model::<ListV2LoggingLevelsRequest>();
        assert_matches_model::<DeleteV2LoggingLevelRequest>();
    }
}
