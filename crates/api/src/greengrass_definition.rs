//! Core and logger definitions of Greengrass, of which groups are made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::greengrass::{
    CreateResourceResponse, EmptyResponse, GetResourceResponse, ListVersionsResponse, VersionInformation,
};
use crate::operation::api_operation;

/// A definition in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DefinitionInformation {
    /// Its ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// When it was created, such as `2026-01-02T03:04:05.000Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated_timestamp: Option<String>,
    /// The id of its newest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_version: Option<String>,
    /// The ARN of its newest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_version_arn: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
}

/// The answer to a request that lists definitions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListDefinitionsResponse {
    /// The definitions of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definitions: Option<Vec<DefinitionInformation>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// What a version of a core definition consists of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CoreDefinitionVersion {
    /// Its cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<Vec<Core>>,
}

/// A core: the device on which a group runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Core {
    /// The ARN of its certificate.
    pub certificate_arn: String,
    /// Its id, which no other core of the version has.
    pub id: String,
    /// Whether its local shadow is kept equal to that of its thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_shadow: Option<bool>,
    /// The ARN of its thing.
    pub thing_arn: String,
}

/// Creates a core definition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateCoreDefinitionRequest {
    /// Tells a repeated request from a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amzn_client_token: Option<String>,
    /// Its first version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_version: Option<CoreDefinitionVersion>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its tags.
    #[serde(rename = "tags", skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
}

api_operation!(CreateCoreDefinitionRequest, Greengrass, "CreateCoreDefinition", CreateResourceResponse);

/// Adds a version to a core definition, which becomes its newest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateCoreDefinitionVersionRequest {
    /// Tells a repeated request from a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amzn_client_token: Option<String>,
    /// Its cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<Vec<Core>>,
    /// The id of the core definition.
    pub core_definition_id: String,
}

api_operation!(
    CreateCoreDefinitionVersionRequest,
    Greengrass,
    "CreateCoreDefinitionVersion",
    VersionInformation
);

/// Describes a core definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetCoreDefinitionRequest {
    /// The id of the core definition.
    pub core_definition_id: String,
}

api_operation!(GetCoreDefinitionRequest, Greengrass, "GetCoreDefinition", GetResourceResponse);

/// Describes a version of a core definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetCoreDefinitionVersionRequest {
    /// The id of the core definition.
    pub core_definition_id: String,
    /// The id of the version.
    pub core_definition_version_id: String,
}

/// The answer to [`GetCoreDefinitionVersionRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetCoreDefinitionVersionResponse {
    /// The ARN of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// When it was created, such as `2026-01-02T03:04:05.000Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
    /// What it consists of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<CoreDefinitionVersion>,
    /// The id of the core definition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// The id of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

api_operation!(
    GetCoreDefinitionVersionRequest,
    Greengrass,
    "GetCoreDefinitionVersion",
    GetCoreDefinitionVersionResponse
);

/// Lists the core definitions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListCoreDefinitionsRequest {
    /// The largest number of entries on a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<String>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(ListCoreDefinitionsRequest, Greengrass, "ListCoreDefinitions", ListDefinitionsResponse);

/// Lists the versions of a core definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListCoreDefinitionVersionsRequest {
    /// The id of the core definition.
    pub core_definition_id: String,
    /// The largest number of entries on a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<String>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(
    ListCoreDefinitionVersionsRequest,
    Greengrass,
    "ListCoreDefinitionVersions",
    ListVersionsResponse
);

/// Sets the name of a core definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateCoreDefinitionRequest {
    /// The id of the core definition.
    pub core_definition_id: String,
    /// The name that it gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

api_operation!(UpdateCoreDefinitionRequest, Greengrass, "UpdateCoreDefinition", EmptyResponse);

/// Deletes a core definition with all of its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteCoreDefinitionRequest {
    /// The id of the core definition.
    pub core_definition_id: String,
}

api_operation!(DeleteCoreDefinitionRequest, Greengrass, "DeleteCoreDefinition", EmptyResponse);

/// What a version of a logger definition consists of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoggerDefinitionVersion {
    /// Its loggers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loggers: Option<Vec<Logger>>,
}

/// What of a core is logged, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Logger {
    /// `GreengrassSystem` or `Lambda`.
    pub component: String,
    /// Its id, which no other logger of the version has.
    pub id: String,
    /// `DEBUG`, `INFO`, `WARN`, `ERROR` or `FATAL`.
    pub level: String,
    /// How much room it has on the core's file system, in KB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub space: Option<i32>,
    /// `FileSystem` or `AWSCloudWatch`.
    #[serde(rename = "Type")]
    pub kind: String,
}

/// Creates a logger definition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateLoggerDefinitionRequest {
    /// Tells a repeated request from a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amzn_client_token: Option<String>,
    /// Its first version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_version: Option<LoggerDefinitionVersion>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its tags.
    #[serde(rename = "tags", skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
}

api_operation!(CreateLoggerDefinitionRequest, Greengrass, "CreateLoggerDefinition", CreateResourceResponse);

/// Adds a version to a logger definition, which becomes its newest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateLoggerDefinitionVersionRequest {
    /// Tells a repeated request from a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amzn_client_token: Option<String>,
    /// Its loggers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loggers: Option<Vec<Logger>>,
    /// The id of the logger definition.
    pub logger_definition_id: String,
}

api_operation!(
    CreateLoggerDefinitionVersionRequest,
    Greengrass,
    "CreateLoggerDefinitionVersion",
    VersionInformation
);

/// Describes a logger definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetLoggerDefinitionRequest {
    /// The id of the logger definition.
    pub logger_definition_id: String,
}

api_operation!(GetLoggerDefinitionRequest, Greengrass, "GetLoggerDefinition", GetResourceResponse);

/// Describes a version of a logger definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetLoggerDefinitionVersionRequest {
    /// The id of the logger definition.
    pub logger_definition_id: String,
    /// The id of the version.
    pub logger_definition_version_id: String,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// The answer to [`GetLoggerDefinitionVersionRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetLoggerDefinitionVersionResponse {
    /// The ARN of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// When it was created, such as `2026-01-02T03:04:05.000Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
    /// What it consists of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<LoggerDefinitionVersion>,
    /// The id of the logger definition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The id of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

api_operation!(
    GetLoggerDefinitionVersionRequest,
    Greengrass,
    "GetLoggerDefinitionVersion",
    GetLoggerDefinitionVersionResponse
);

/// Lists the logger definitions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListLoggerDefinitionsRequest {
    /// The largest number of entries on a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<String>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(ListLoggerDefinitionsRequest, Greengrass, "ListLoggerDefinitions", ListDefinitionsResponse);

/// Lists the versions of a logger definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListLoggerDefinitionVersionsRequest {
    /// The id of the logger definition.
    pub logger_definition_id: String,
    /// The largest number of entries on a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<String>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

api_operation!(
    ListLoggerDefinitionVersionsRequest,
    Greengrass,
    "ListLoggerDefinitionVersions",
    ListVersionsResponse
);

/// Sets the name of a logger definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateLoggerDefinitionRequest {
    /// The id of the logger definition.
    pub logger_definition_id: String,
    /// The name that it gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

api_operation!(UpdateLoggerDefinitionRequest, Greengrass, "UpdateLoggerDefinition", EmptyResponse);

/// Deletes a logger definition with all of its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteLoggerDefinitionRequest {
    /// The id of the logger definition.
    pub logger_definition_id: String,
}

api_operation!(DeleteLoggerDefinitionRequest, Greengrass, "DeleteLoggerDefinition", EmptyResponse);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<CreateCoreDefinitionRequest>();
        assert_matches_model::<CreateCoreDefinitionVersionRequest>();
        assert_matches_model::<GetCoreDefinitionRequest>();
        assert_matches_model::<GetCoreDefinitionVersionRequest>();
        assert_matches_model::<ListCoreDefinitionsRequest>();
        assert_matches_model::<ListCoreDefinitionVersionsRequest>();
        assert_matches_model::<UpdateCoreDefinitionRequest>();
        assert_matches_model::<DeleteCoreDefinitionRequest>();
        assert_matches_model::<CreateLoggerDefinitionRequest>();
        assert_matches_model::<CreateLoggerDefinitionVersionRequest>();
        assert_matches_model::<GetLoggerDefinitionRequest>();
        assert_matches_model::<GetLoggerDefinitionVersionRequest>();
        assert_matches_model::<ListLoggerDefinitionsRequest>();
        assert_matches_model::<ListLoggerDefinitionVersionsRequest>();
        assert_matches_model::<UpdateLoggerDefinitionRequest>();
        assert_matches_model::<DeleteLoggerDefinitionRequest>();
    }
}
