//! Event source mappings, which invoke a function with what comes out of a queue: `lambda`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::opaque::OpaqueMember;
use crate::operation::api_operation;
use crate::timestamp::WireTimestamp;

/// Maps a queue to a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateEventSourceMappingRequest {
    /// The ARN of the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_source_arn: Option<String>,
    /// The name, the partial ARN or the ARN of the function.
    pub function_name: String,
    /// Whether it takes records; yes, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How many records the function gets at once at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<i32>,
    /// Which records it gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_criteria: Option<OpaqueMember>,
    /// The key that the filter is encrypted with at AWS.
    #[serde(rename = "KMSKeyArn", skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
    /// Which metrics AWS keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_config: Option<OpaqueMember>,
    /// What AWS logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging_config: Option<OpaqueMember>,
    /// How often the function runs at once at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling_config: Option<OpaqueMember>,
    /// For how many seconds records are gathered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_batching_window_in_seconds: Option<i32>,
    /// Of streams: how many batches of a shard are under way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelization_factor: Option<i32>,
    /// Of streams: where reading starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starting_position: Option<String>,
    /// Of streams: when reading starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starting_position_timestamp: Option<WireTimestamp>,
    /// Of streams: where records go that the function failed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_config: Option<OpaqueMember>,
    /// Of streams: how old a record may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_record_age_in_seconds: Option<i32>,
    /// Of streams: whether a batch is halved when the function fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bisect_batch_on_function_error: Option<bool>,
    /// Of streams: how often a batch is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_retry_attempts: Option<i32>,
    /// Its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
    /// Of streams: how long a window is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tumbling_window_in_seconds: Option<i32>,
    /// Of Kafka: the topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topics: Option<Vec<String>>,
    /// Of Amazon MQ: the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queues: Option<Vec<String>>,
    /// Of brokers: how they are reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_access_configurations: Option<OpaqueMember>,
    /// Of Kafka: its brokers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_managed_event_source: Option<OpaqueMember>,
    /// `ReportBatchItemFailures`, if the function says which records failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_response_types: Option<Vec<String>>,
    /// Of Kafka: its consumer group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amazon_managed_kafka_event_source_config: Option<OpaqueMember>,
    /// Of Kafka: its consumer group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_managed_kafka_event_source_config: Option<OpaqueMember>,
    /// Of DocumentDB: its collection.
    #[serde(rename = "DocumentDBEventSourceConfig", skip_serializing_if = "Option::is_none")]
    pub document_db_event_source_config: Option<OpaqueMember>,
    /// How many pollers AWS keeps ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioned_poller_config: Option<OpaqueMember>,
}

api_operation!(
    CreateEventSourceMappingRequest,
    Lambda,
    "CreateEventSourceMapping",
    EventSourceMappingConfiguration
);

/// An event source mapping.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventSourceMappingConfiguration {
    /// Its id.
    #[serde(rename = "UUID", skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Of streams: where reading starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starting_position: Option<String>,
    /// Of streams: when reading starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starting_position_timestamp: Option<WireTimestamp>,
    /// How many records the function gets at once at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<i32>,
    /// For how many seconds records are gathered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_batching_window_in_seconds: Option<i32>,
    /// Of streams: how many batches of a shard are under way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelization_factor: Option<i32>,
    /// The ARN of the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_source_arn: Option<String>,
    /// Which records the function gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_criteria: Option<OpaqueMember>,
    /// Why the filter cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_criteria_error: Option<OpaqueMember>,
    /// The key that the filter is encrypted with at AWS.
    #[serde(rename = "KMSKeyArn", skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
    /// Which metrics AWS keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_config: Option<OpaqueMember>,
    /// What AWS logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging_config: Option<OpaqueMember>,
    /// How often the function runs at once at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling_config: Option<OpaqueMember>,
    /// The ARN of the function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_arn: Option<String>,
    /// When it was changed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<WireTimestamp>,
    /// What became of the last batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_processing_result: Option<String>,
    /// `Enabled`, `Disabled`, or `Deleting` in the answer to its deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Who set the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_transition_reason: Option<String>,
    /// Of streams: where records go that the function failed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_config: Option<OpaqueMember>,
    /// Of Kafka: the topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topics: Option<Vec<String>>,
    /// Of Amazon MQ: the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queues: Option<Vec<String>>,
    /// Of brokers: how they are reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_access_configurations: Option<OpaqueMember>,
    /// Of Kafka: its brokers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_managed_event_source: Option<OpaqueMember>,
    /// Of streams: how old a record may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_record_age_in_seconds: Option<i32>,
    /// Of streams: whether a batch is halved when the function fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bisect_batch_on_function_error: Option<bool>,
    /// Of streams: how often a batch is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_retry_attempts: Option<i32>,
    /// Of streams: how long a window is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tumbling_window_in_seconds: Option<i32>,
    /// `ReportBatchItemFailures`, if the function says which records failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_response_types: Option<Vec<String>>,
    /// Of Kafka: its consumer group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amazon_managed_kafka_event_source_config: Option<OpaqueMember>,
    /// Of Kafka: its consumer group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_managed_kafka_event_source_config: Option<OpaqueMember>,
    /// Of DocumentDB: its collection.
    #[serde(rename = "DocumentDBEventSourceConfig", skip_serializing_if = "Option::is_none")]
    pub document_db_event_source_config: Option<OpaqueMember>,
    /// Its ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_source_mapping_arn: Option<String>,
    /// How many pollers AWS keeps ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioned_poller_config: Option<OpaqueMember>,
}

/// Describes an event source mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetEventSourceMappingRequest {
    /// The id of the mapping.
    #[serde(rename = "UUID")]
    pub uuid: String,
}

api_operation!(
    GetEventSourceMappingRequest,
    Lambda,
    "GetEventSourceMapping",
    EventSourceMappingConfiguration
);

/// Lists event source mappings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListEventSourceMappingsRequest {
    /// Only those of this queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_source_arn: Option<String>,
    /// Only those of this function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_name: Option<String>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// The largest number of mappings on a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_items: Option<i32>,
}

/// The answer to [`ListEventSourceMappingsRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListEventSourceMappingsResponse {
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    /// The mappings of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_source_mappings: Option<Vec<EventSourceMappingConfiguration>>,
}

api_operation!(
    ListEventSourceMappingsRequest,
    Lambda,
    "ListEventSourceMappings",
    ListEventSourceMappingsResponse
);

/// Changes an event source mapping; what is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateEventSourceMappingRequest {
    /// The id of the mapping.
    #[serde(rename = "UUID")]
    pub uuid: String,
    /// The name, the partial ARN or the ARN of another function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_name: Option<String>,
    /// Whether it takes records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How many records the function gets at once at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<i32>,
    /// Which records it gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_criteria: Option<OpaqueMember>,
    /// The key that the filter is encrypted with at AWS.
    #[serde(rename = "KMSKeyArn", skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
    /// Which metrics AWS keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_config: Option<OpaqueMember>,
    /// What AWS logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging_config: Option<OpaqueMember>,
    /// How often the function runs at once at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling_config: Option<OpaqueMember>,
    /// For how many seconds records are gathered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_batching_window_in_seconds: Option<i32>,
    /// Of streams: how many batches of a shard are under way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelization_factor: Option<i32>,
    /// Of streams: where records go that the function failed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_config: Option<OpaqueMember>,
    /// Of streams: how old a record may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_record_age_in_seconds: Option<i32>,
    /// Of streams: whether a batch is halved when the function fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bisect_batch_on_function_error: Option<bool>,
    /// Of streams: how often a batch is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_retry_attempts: Option<i32>,
    /// Of streams: how long a window is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tumbling_window_in_seconds: Option<i32>,
    /// Of brokers: how they are reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_access_configurations: Option<OpaqueMember>,
    /// `ReportBatchItemFailures`, if the function says which records failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_response_types: Option<Vec<String>>,
    /// Of Kafka: its consumer group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amazon_managed_kafka_event_source_config: Option<OpaqueMember>,
    /// Of Kafka: its consumer group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_managed_kafka_event_source_config: Option<OpaqueMember>,
    /// Of DocumentDB: its collection.
    #[serde(rename = "DocumentDBEventSourceConfig", skip_serializing_if = "Option::is_none")]
    pub document_db_event_source_config: Option<OpaqueMember>,
    /// How many pollers AWS keeps ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioned_poller_config: Option<OpaqueMember>,
}

api_operation!(
    UpdateEventSourceMappingRequest,
    Lambda,
    "UpdateEventSourceMapping",
    EventSourceMappingConfiguration
);

/// Deletes an event source mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteEventSourceMappingRequest {
    /// The id of the mapping.
    #[serde(rename = "UUID")]
    pub uuid: String,
}

api_operation!(
    DeleteEventSourceMappingRequest,
    Lambda,
    "DeleteEventSourceMapping",
    EventSourceMappingConfiguration
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<CreateEventSourceMappingRequest>();
        assert_matches_model::<GetEventSourceMappingRequest>();
        assert_matches_model::<ListEventSourceMappingsRequest>();
        assert_matches_model::<UpdateEventSourceMappingRequest>();
        assert_matches_model::<DeleteEventSourceMappingRequest>();
    }
}
