//! Layers, what several functions share: `lambda`.

use serde::{Deserialize, Serialize};

use crate::blob::WireBlob;
use crate::opaque::OpaqueMember;
use crate::operation::api_operation;

/// Publishes the next version of a layer, whose first one makes the layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PublishLayerVersionRequest {
    /// The name or the ARN of the layer.
    pub layer_name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its content.
    pub content: LayerVersionContentInput,
    /// What it is built for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatible_architectures: Option<Vec<String>>,
    /// The runtimes that can use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatible_runtimes: Option<Vec<String>>,
    /// The license: its name, a URL, or its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license_info: Option<String>,
}

/// The content of a version: a zip file, or where it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LayerVersionContentInput {
    /// The bucket that the zip file is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_bucket: Option<String>,
    /// The key of the zip file in its bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_key: Option<String>,
    /// The version of the zip file in its bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_object_version: Option<String>,
    /// Whether the zip file is copied from its bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_object_storage_mode: Option<String>,
    /// The zip file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip_file: Option<WireBlob>,
}

/// The answer to [`PublishLayerVersionRequest`]: the version.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PublishLayerVersionResponse {
    /// Its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<LayerVersionContentOutput>,
    /// The ARN of the layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_arn: Option<String>,
    /// The ARN of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_version_arn: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was published, such as `2026-01-02T03:04:05.000+0000`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_date: Option<String>,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// What it is built for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatible_architectures: Option<Vec<String>>,
    /// The runtimes that can use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatible_runtimes: Option<Vec<String>>,
    /// The license: its name, a URL, or its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license_info: Option<String>,
}

api_operation!(PublishLayerVersionRequest, Lambda, "PublishLayerVersion", PublishLayerVersionResponse);

/// The content of a version.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LayerVersionContentOutput {
    /// A URL that it can be read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The SHA-256 of its zip file, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_sha256: Option<String>,
    /// How many bytes its zip file has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_size: Option<i64>,
    /// What it was signed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_profile_version_arn: Option<String>,
    /// What signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_job_arn: Option<String>,
    /// The object that it was copied from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_s3_object: Option<OpaqueMember>,
}

/// Describes a version of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetLayerVersionRequest {
    /// The name or the ARN of the layer.
    pub layer_name: String,
    /// The number of the version.
    pub version_number: i64,
}

/// The answer to [`GetLayerVersionRequest`] and [`GetLayerVersionByArnRequest`]: the version.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetLayerVersionResponse {
    /// Its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<LayerVersionContentOutput>,
    /// The ARN of the layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_arn: Option<String>,
    /// The ARN of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_version_arn: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was published, such as `2026-01-02T03:04:05.000+0000`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_date: Option<String>,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// What it is built for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatible_architectures: Option<Vec<String>>,
    /// The runtimes that can use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatible_runtimes: Option<Vec<String>>,
    /// The license: its name, a URL, or its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license_info: Option<String>,
}

api_operation!(GetLayerVersionRequest, Lambda, "GetLayerVersion", GetLayerVersionResponse);

/// Describes the version of a layer that an ARN names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetLayerVersionByArnRequest {
    /// The ARN of the version.
    pub arn: String,
}

api_operation!(GetLayerVersionByArnRequest, Lambda, "GetLayerVersionByArn", GetLayerVersionResponse);

/// Lists the versions of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListLayerVersionsRequest {
    /// Only those built for this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatible_architecture: Option<String>,
    /// Only those that this runtime can use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatible_runtime: Option<String>,
    /// The name or the ARN of the layer.
    pub layer_name: String,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// The largest number of entries on a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_items: Option<i32>,
}

/// The answer to [`ListLayerVersionsRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListLayerVersionsResponse {
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    /// The versions of this page, the newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_versions: Option<Vec<LayerVersionsListItem>>,
}

api_operation!(ListLayerVersionsRequest, Lambda, "ListLayerVersions", ListLayerVersionsResponse);

/// A version in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LayerVersionsListItem {
    /// The ARN of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_version_arn: Option<String>,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was published, such as `2026-01-02T03:04:05.000+0000`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_date: Option<String>,
    /// What it is built for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatible_architectures: Option<Vec<String>>,
    /// The runtimes that can use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatible_runtimes: Option<Vec<String>>,
    /// The license: its name, a URL, or its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license_info: Option<String>,
}

/// Lists layers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListLayersRequest {
    /// Only those built for this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatible_architecture: Option<String>,
    /// Only those that this runtime can use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatible_runtime: Option<String>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// The largest number of entries on a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_items: Option<i32>,
}

/// The answer to [`ListLayersRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListLayersResponse {
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    /// The layers of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<LayersListItem>>,
}

api_operation!(ListLayersRequest, Lambda, "ListLayers", ListLayersResponse);

/// A layer in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LayersListItem {
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_name: Option<String>,
    /// The ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_arn: Option<String>,
    /// Its newest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_matching_version: Option<LayerVersionsListItem>,
}

/// Deletes a version of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteLayerVersionRequest {
    /// The name or the ARN of the layer.
    pub layer_name: String,
    /// The number of the version.
    pub version_number: i64,
}

/// The answer to [`DeleteLayerVersionRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeleteLayerVersionResponse {}

api_operation!(DeleteLayerVersionRequest, Lambda, "DeleteLayerVersion", DeleteLayerVersionResponse);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<PublishLayerVersionRequest>();
        assert_matches_model::<GetLayerVersionRequest>();
        assert_matches_model::<GetLayerVersionByArnRequest>();
        assert_matches_model::<ListLayerVersionsRequest>();
        assert_matches_model::<ListLayersRequest>();
        assert_matches_model::<DeleteLayerVersionRequest>();
    }
}
