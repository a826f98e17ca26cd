//! Functions: `lambda`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::blob::WireBlob;
use crate::function_concurrency::Concurrency;
use crate::opaque::OpaqueMember;
use crate::operation::api_operation;

/// Creates a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateFunctionRequest {
    /// The name, the partial ARN or the ARN of the function.
    pub function_name: String,
    /// What runs it, such as `python3.12`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// The ARN of the role that it has at AWS.
    pub role: String,
    /// What the runtime calls, such as `module.function`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// Its code.
    pub code: FunctionCode,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// For how many seconds it may run; 3 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i32>,
    /// How many MiB of memory it may use; 128 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_size: Option<i32>,
    /// Whether a version is published too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<bool>,
    /// Where a version is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_to: Option<String>,
    /// The network that it is in at AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_config: Option<OpaqueMember>,
    /// `Zip`, if absent, or `Image`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package_type: Option<String>,
    /// Where events go that it failed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_config: Option<DeadLetterConfig>,
    /// The variables of its environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// The key that its environment is encrypted with at AWS.
    #[serde(rename = "KMSKeyArn", skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
    /// Whether AWS X-Ray traces it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracing_config: Option<TracingConfig>,
    /// Its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
    /// The ARNs of the versions of layers that it uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<String>>,
    /// The file systems that are mounted at AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_system_configs: Option<OpaqueMember>,
    /// What its code has to be signed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_signing_config_arn: Option<String>,
    /// How its container image is started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_config: Option<OpaqueMember>,
    /// What its code is built for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architectures: Option<Vec<String>>,
    /// How large its `/tmp` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage: Option<EphemeralStorage>,
    /// Whether versions of it start from a snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snap_start: Option<OpaqueMember>,
    /// What its log looks like, and where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging_config: Option<OpaqueMember>,
    /// Whether tenants are kept apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenancy_config: Option<OpaqueMember>,
    /// On which instances it runs at AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_provider_config: Option<OpaqueMember>,
    /// Whether its executions are durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durable_config: Option<OpaqueMember>,
    /// Which runtime of the account runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_config: Option<OpaqueMember>,
    /// Which accelerator it uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accelerator_config: Option<OpaqueMember>,
}

api_operation!(CreateFunctionRequest, Lambda, "CreateFunction", FunctionConfiguration);

/// The code of a function: a zip file, or where it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FunctionCode {
    /// The zip file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip_file: Option<WireBlob>,
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
    /// The container image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_uri: Option<String>,
    /// The key that the zip file is encrypted with.
    #[serde(rename = "SourceKMSKeyArn", skip_serializing_if = "Option::is_none")]
    pub source_kms_key_arn: Option<String>,
}

/// Where events go that a function failed on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeadLetterConfig {
    /// The ARN of a queue or topic; an empty text is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_arn: Option<String>,
}

/// The variables of the environment of a function.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Environment {
    /// The variables by their names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<EnvironmentVariables>,
}

/// Whether AWS X-Ray traces a function.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TracingConfig {
    /// `Active` or `PassThrough`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

/// How large the `/tmp` of a function is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EphemeralStorage {
    /// In MiB.
    pub size: i32,
}

/// A function without its code.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FunctionConfiguration {
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_name: Option<String>,
    /// The ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_arn: Option<String>,
    /// What runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// The ARN of its role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What the runtime calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// How many bytes its zip file has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_size: Option<i64>,
    /// What it is for; empty when nobody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// For how many seconds it may run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i32>,
    /// How many MiB of memory it may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_size: Option<i32>,
    /// When it was changed last, such as `2026-01-02T03:04:05.000+0000`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// The SHA-256 of its zip file, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_sha256: Option<String>,
    /// The version, which is `$LATEST`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The network that it is in at AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_config: Option<OpaqueMember>,
    /// Where events go that it failed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_config: Option<DeadLetterConfig>,
    /// The variables of its environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentResponse>,
    /// The key that its environment is encrypted with at AWS.
    #[serde(rename = "KMSKeyArn", skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
    /// Whether AWS X-Ray traces it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracing_config: Option<TracingConfig>,
    /// The function that it is a replica of at AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_arn: Option<String>,
    /// Another one after each change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_id: Option<String>,
    /// The versions of layers that it uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<Layer>>,
    /// Whether it can be invoked: `Active`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What there is to say about the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// A name for the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_reason_code: Option<String>,
    /// What became of the last change: `Successful`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_update_status: Option<String>,
    /// What there is to say about the last change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_update_status_reason: Option<String>,
    /// A name for the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_update_status_reason_code: Option<String>,
    /// The file systems that are mounted at AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_system_configs: Option<OpaqueMember>,
    /// What its code was signed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_profile_version_arn: Option<String>,
    /// What signed its code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_job_arn: Option<String>,
    /// `Zip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package_type: Option<String>,
    /// How its container image is started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_config_response: Option<OpaqueMember>,
    /// What it runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architectures: Option<Vec<String>>,
    /// How large its `/tmp` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage: Option<EphemeralStorage>,
    /// Whether versions of it start from a snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snap_start: Option<OpaqueMember>,
    /// Which version of its runtime AWS chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_version_config: Option<OpaqueMember>,
    /// What its log looks like, and where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging_config: Option<OpaqueMember>,
    /// Whether tenants are kept apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenancy_config: Option<OpaqueMember>,
    /// On which instances it runs at AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_provider_config: Option<OpaqueMember>,
    /// The SHA-256 of its configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_sha256: Option<String>,
    /// Whether its executions are durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durable_config: Option<OpaqueMember>,
    /// Which runtime of the account runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_config: Option<OpaqueMember>,
    /// Which accelerator it uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accelerator_config: Option<OpaqueMember>,
}

/// The variables of the environment of a function, or why they cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EnvironmentResponse {
    /// The variables by their names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<EnvironmentVariables>,
    /// Why they cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<OpaqueMember>,
}

/// A version of a layer that a function uses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Layer {
    /// The ARN of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// How many bytes its zip file has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_size: Option<i64>,
    /// What its code was signed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_profile_version_arn: Option<String>,
    /// What signed its code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_job_arn: Option<String>,
}

/// Gives a function other code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateFunctionCodeRequest {
    /// The name, the partial ARN or the ARN of the function.
    pub function_name: String,
    /// The zip file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip_file: Option<WireBlob>,
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
    /// The container image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_uri: Option<String>,
    /// What its code is built for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architectures: Option<Vec<String>>,
    /// Whether a version is published too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<bool>,
    /// Where a version is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_to: Option<String>,
    /// Whether the request is only checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
    /// The revision that is changed; any, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_id: Option<String>,
    /// The key that the zip file is encrypted with.
    #[serde(rename = "SourceKMSKeyArn", skip_serializing_if = "Option::is_none")]
    pub source_kms_key_arn: Option<String>,
}

api_operation!(UpdateFunctionCodeRequest, Lambda, "UpdateFunctionCode", FunctionConfiguration);

/// Changes a function in all but its code; what is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateFunctionConfigurationRequest {
    /// The name, the partial ARN or the ARN of the function.
    pub function_name: String,
    /// The ARN of the role that it has at AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What the runtime calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// For how many seconds it may run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i32>,
    /// How many MiB of memory it may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_size: Option<i32>,
    /// The network that it is in at AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_config: Option<OpaqueMember>,
    /// The variables of its environment, instead of those it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// What runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// Where events go that it failed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_config: Option<DeadLetterConfig>,
    /// The key that its environment is encrypted with at AWS.
    #[serde(rename = "KMSKeyArn", skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
    /// Whether AWS X-Ray traces it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracing_config: Option<TracingConfig>,
    /// The revision that is changed; any, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_id: Option<String>,
    /// The ARNs of the versions of layers that it uses, instead of those it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<String>>,
    /// The file systems that are mounted at AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_system_configs: Option<OpaqueMember>,
    /// How its container image is started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_config: Option<OpaqueMember>,
    /// How large its `/tmp` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage: Option<EphemeralStorage>,
    /// Whether versions of it start from a snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snap_start: Option<OpaqueMember>,
    /// What its log looks like, and where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging_config: Option<OpaqueMember>,
    /// On which instances it runs at AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_provider_config: Option<OpaqueMember>,
    /// Whether its executions are durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durable_config: Option<OpaqueMember>,
    /// Which runtime of the account runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_config: Option<OpaqueMember>,
    /// Which accelerator it uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accelerator_config: Option<OpaqueMember>,
}

api_operation!(
    UpdateFunctionConfigurationRequest,
    Lambda,
    "UpdateFunctionConfiguration",
    FunctionConfiguration
);

/// Describes a function, and says where its code is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetFunctionRequest {
    /// The name, the partial ARN or the ARN of the function.
    pub function_name: String,
    /// A version or an alias; `$LATEST` is the only version here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<String>,
}

/// The answer to [`GetFunctionRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetFunctionResponse {
    /// The function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration: Option<FunctionConfiguration>,
    /// Where its code is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<FunctionCodeLocation>,
    /// Its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
    /// Why its tags cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags_error: Option<OpaqueMember>,
    /// How often it may run at once, if that was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
}

api_operation!(GetFunctionRequest, Lambda, "GetFunction", GetFunctionResponse);

/// Where the code of a function is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FunctionCodeLocation {
    /// What keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_type: Option<String>,
    /// A URL that it can be read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The container image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_uri: Option<String>,
    /// The container image with its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_image_uri: Option<String>,
    /// The object that it was copied from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_s3_object: Option<OpaqueMember>,
    /// The key that the zip file is encrypted with.
    #[serde(rename = "SourceKMSKeyArn", skip_serializing_if = "Option::is_none")]
    pub source_kms_key_arn: Option<String>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<OpaqueMember>,
}

/// Describes a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetFunctionConfigurationRequest {
    /// The name, the partial ARN or the ARN of the function.
    pub function_name: String,
    /// A version or an alias; `$LATEST` is the only version here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<String>,
}

api_operation!(GetFunctionConfigurationRequest, Lambda, "GetFunctionConfiguration", FunctionConfiguration);

/// Lists functions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListFunctionsRequest {
    /// The region that functions are replicas of at AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_region: Option<String>,
    /// `ALL`, for every version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_version: Option<String>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// The largest number of functions on a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_items: Option<i32>,
}

/// The answer to [`ListFunctionsRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListFunctionsResponse {
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    /// The functions of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub functions: Option<Vec<FunctionConfiguration>>,
}

api_operation!(ListFunctionsRequest, Lambda, "ListFunctions", ListFunctionsResponse);

/// Deletes a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteFunctionRequest {
    /// The name, the partial ARN or the ARN of the function.
    pub function_name: String,
    /// A version or an alias; `$LATEST` is the only version here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<String>,
}

/// The answer to [`DeleteFunctionRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteFunctionResponse {
    /// The status of the answer, 204.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<i32>,
}

api_operation!(DeleteFunctionRequest, Lambda, "DeleteFunction", DeleteFunctionResponse);

/// Variables of an environment by their names. `Debug` shows the names only, since values are often secrets.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnvironmentVariables(pub BTreeMap<String, String>);

impl fmt::Debug for EnvironmentVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<CreateFunctionRequest>();
        assert_matches_model::<UpdateFunctionCodeRequest>();
        assert_matches_model::<UpdateFunctionConfigurationRequest>();
        assert_matches_model::<GetFunctionRequest>();
        assert_matches_model::<GetFunctionConfigurationRequest>();
        assert_matches_model::<ListFunctionsRequest>();
        assert_matches_model::<DeleteFunctionRequest>();
    }

    #[test]
    fn the_values_of_variables_are_not_shown() {
        let variables = [("NAME", "secret"), ("OTHER", "hidden")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let shown = format!("{:?}", EnvironmentVariables(variables.into()));
        assert_eq!(shown, r#"{"NAME", "OTHER"}"#);
    }
}
