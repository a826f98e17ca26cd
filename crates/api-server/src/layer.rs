use landfall_api::function::FunctionCode;
use landfall_api::layer::{
    DeleteLayerVersionRequest, DeleteLayerVersionResponse, GetLayerVersionByArnRequest,
    GetLayerVersionRequest, GetLayerVersionResponse, LayerVersionContentInput, LayerVersionContentOutput,
    LayerVersionsListItem, LayersListItem, ListLayerVersionsRequest, ListLayerVersionsResponse,
    ListLayersRequest, ListLayersResponse, PublishLayerVersionRequest, PublishLayerVersionResponse,
};
use landfall_api::{ApiError, ErrorCode, OperationKey};
use landfall_model::{
    FunctionDescription, LayerLicense, LayerName, LayerVersion, LayerVersionId, RuntimeName, Scope,
};
use landfall_registry::{Conflict, Order, PageRequest, Transaction};

use crate::attempts::Attempts;
use crate::failure::{Failure, invalid};
use crate::function::{wire_size, wire_text};
use crate::function_host::StoredCode;
use crate::function_settings::archive_of;
use crate::given::unsupported;
use crate::handler::{Context, Handle, Handler, handler};

/// How many versions of a layer are read at once, to find those of a runtime.
const VERSIONS_PER_READ: u32 = 100;

/// The operations of layers.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<PublishLayerVersionRequest>(),
        handler::<GetLayerVersionRequest>(),
        handler::<GetLayerVersionByArnRequest>(),
        handler::<ListLayerVersionsRequest>(),
        handler::<ListLayersRequest>(),
        handler::<DeleteLayerVersionRequest>(),
    ]
}

impl Handle for PublishLayerVersionRequest {
    /// For which architectures the layer was built is taken, and not kept.
    async fn handle(self, context: &Context<'_>) -> Result<PublishLayerVersionResponse, Failure> {
        let Self {
            layer_name,
            description,
            content,
            compatible_architectures: _,
            compatible_runtimes,
            license_info,
        } = self;
        context.app.functions.check_on()?;
        let layer = parse_layer(&layer_name, context.scope())?;
        let description = FunctionDescription::parse(&description.unwrap_or_default()).map_err(invalid)?;
        let license = license_info.as_deref().map(LayerLicense::parse).transpose().map_err(invalid)?;
        let compatible_runtimes = compatible_runtimes.unwrap_or_default();
        let compatible_runtimes = compatible_runtimes.iter().map(|name| parse_runtime(name));
        let compatible_runtimes = compatible_runtimes.collect::<Result<Vec<_>, _>>()?;
        let archive = archive_of(code_of(content), "Content.")?;
        let StoredCode { code, code_size } = context.app.functions.store_code(archive).await?;
        let mut attempts = Attempts::new();
        loop {
            let number = context.registry().next_layer_version(&layer).await?;
            let version = LayerVersion {
                id: LayerVersionId { layer: layer.clone(), version: number },
                description: description.clone(),
                code,
                code_size,
                compatible_runtimes: compatible_runtimes.clone(),
                license: license.clone(),
                created_at: context.now,
            };
            let mut transaction = Transaction::new();
            transaction.publish_layer_version(version.clone());
            let Some(conflict) = context.try_commit(transaction).await? else {
                return published(&version, context.scope());
            };
            let is_lost_race = matches!(conflict, Conflict::LayerVersionNumber(_));
            attempts.again(conflict, is_lost_race)?;
        }
    }
}

impl Handle for GetLayerVersionRequest {
    /// The content cannot be read back, so the answer has no URL of it.
    async fn handle(self, context: &Context<'_>) -> Result<GetLayerVersionResponse, Failure> {
        let Self { layer_name, version_number } = self;
        let layer = parse_layer(&layer_name, context.scope())?;
        described(&version_id(layer, version_number)?, context).await
    }
}

impl Handle for GetLayerVersionByArnRequest {
    async fn handle(self, context: &Context<'_>) -> Result<GetLayerVersionResponse, Failure> {
        let Self { arn } = self;
        described(&context.scope().parse_layer_version(&arn).map_err(invalid)?, context).await
    }
}

impl Handle for ListLayerVersionsRequest {
    /// The newest version comes first. Of a page, only those that the runtime can use are told.
    async fn handle(self, context: &Context<'_>) -> Result<ListLayerVersionsResponse, Failure> {
        // The context reads the page from the call.
        let Self { compatible_architecture, compatible_runtime, layer_name, marker: _, max_items: _ } = self;
        refuse_architecture(compatible_architecture.as_deref())?;
        let layer = parse_layer(&layer_name, context.scope())?;
        let runtime = compatible_runtime.as_deref().map(parse_runtime).transpose()?;
        let page = context.registry().layer_versions(&layer, context.page(Order::Descending)?).await?;
        let versions = page.items.iter().filter(|version| is_for(version, runtime));
        let versions = versions.map(|version| list_item(version, context.scope()));
        Ok(ListLayerVersionsResponse {
            layer_versions: Some(versions.collect::<Result<_, _>>()?),
            next_marker: context.next_token(page.next)?,
        })
    }
}

impl Handle for ListLayersRequest {
    /// Of a page, only those with a version that the runtime can use are told.
    async fn handle(self, context: &Context<'_>) -> Result<ListLayersResponse, Failure> {
        // The context reads the page from the call.
        let Self { compatible_architecture, compatible_runtime, marker: _, max_items: _ } = self;
        refuse_architecture(compatible_architecture.as_deref())?;
        let runtime = compatible_runtime.as_deref().map(parse_runtime).transpose()?;
        let page = context.registry().layers(context.page(Order::Ascending)?).await?;
        let mut layers = Vec::with_capacity(page.items.len());
        for newest in page.items {
            let Some(version) = newest_for(newest, runtime, context).await? else { continue };
            layers.push(LayersListItem {
                layer_name: Some(version.id.layer.to_string()),
                layer_arn: Some(context.scope().layer_arn(&version.id.layer)),
                latest_matching_version: Some(list_item(&version, context.scope())?),
            });
        }
        Ok(ListLayersResponse { layers: Some(layers), next_marker: context.next_token(page.next)? })
    }
}

impl Handle for DeleteLayerVersionRequest {
    /// Functions that have the version keep it. Deleting one that is not there succeeds, as at AWS.
    async fn handle(self, context: &Context<'_>) -> Result<DeleteLayerVersionResponse, Failure> {
        let Self { layer_name, version_number } = self;
        let layer = parse_layer(&layer_name, context.scope())?;
        let mut transaction = Transaction::new();
        transaction.delete_layer_version(version_id(layer, version_number)?);
        match context.try_commit(transaction).await? {
            None | Some(Conflict::LayerVersionNotFound(_)) => Ok(DeleteLayerVersionResponse {}),
            Some(conflict) => Err(conflict.into()),
        }
    }
}

/// The newest version of a layer that a runtime can use, given the newest of all.
async fn newest_for(
    newest: LayerVersion,
    runtime: Option<RuntimeName>,
    context: &Context<'_>,
) -> Result<Option<LayerVersion>, Failure> {
    if is_for(&newest, runtime) {
        return Ok(Some(newest));
    }
    let mut page = PageRequest { after: None, limit: VERSIONS_PER_READ, order: Order::Descending };
    loop {
        let versions = context.registry().layer_versions(&newest.id.layer, page).await?;
        if let Some(found) = versions.items.into_iter().find(|version| is_for(version, runtime)) {
            return Ok(Some(found));
        }
        let Some(next) = versions.next else { return Ok(None) };
        page.after = Some(next);
    }
}

fn is_for(version: &LayerVersion, runtime: Option<RuntimeName>) -> bool {
    runtime.is_none_or(|runtime| version.compatible_runtimes.contains(&runtime))
}

async fn described(id: &LayerVersionId, context: &Context<'_>) -> Result<GetLayerVersionResponse, Failure> {
    let version = context.registry().layer_version(id).await?;
    let version = version.ok_or_else(|| {
        let arn = context.scope().layer_version_arn(id);
        ApiError::new(
            ErrorCode::ResourceNotFound,
            format!("The resource you requested does not exist: {arn}"),
        )
    })?;
    let PublishLayerVersionResponse {
        content,
        layer_arn,
        layer_version_arn,
        description,
        created_date,
        version,
        compatible_architectures,
        compatible_runtimes,
        license_info,
    } = published(&version, context.scope())?;
    Ok(GetLayerVersionResponse {
        content,
        layer_arn,
        layer_version_arn,
        description,
        created_date,
        version,
        compatible_architectures,
        compatible_runtimes,
        license_info,
    })
}

fn published(version: &LayerVersion, scope: &Scope) -> Result<PublishLayerVersionResponse, Failure> {
    let LayerVersion { id, description, code, code_size, compatible_runtimes, license, created_at } = version;
    Ok(PublishLayerVersionResponse {
        content: Some(LayerVersionContentOutput {
            code_sha256: Some(code.to_string()),
            code_size: Some(wire_size(*code_size)),
            ..LayerVersionContentOutput::default()
        }),
        layer_arn: Some(scope.layer_arn(&id.layer)),
        layer_version_arn: Some(scope.layer_version_arn(id)),
        description: Some(description.to_string()),
        created_date: Some(wire_text(*created_at)?),
        version: Some(wire_size(id.version)),
        compatible_architectures: None,
        compatible_runtimes: wire_runtimes(compatible_runtimes),
        license_info: license.as_ref().map(ToString::to_string),
    })
}

fn list_item(version: &LayerVersion, scope: &Scope) -> Result<LayerVersionsListItem, Failure> {
    let LayerVersion { id, description, code: _, code_size: _, compatible_runtimes, license, created_at } =
        version;
    Ok(LayerVersionsListItem {
        layer_version_arn: Some(scope.layer_version_arn(id)),
        version: Some(wire_size(id.version)),
        description: Some(description.to_string()),
        created_date: Some(wire_text(*created_at)?),
        compatible_architectures: None,
        compatible_runtimes: wire_runtimes(compatible_runtimes),
        license_info: license.as_ref().map(ToString::to_string),
    })
}

fn wire_runtimes(runtimes: &[RuntimeName]) -> Option<Vec<String>> {
    (!runtimes.is_empty()).then(|| runtimes.iter().map(ToString::to_string).collect())
}

fn code_of(content: LayerVersionContentInput) -> FunctionCode {
    let LayerVersionContentInput { s3_bucket, s3_key, s3_object_version, s3_object_storage_mode, zip_file } =
        content;
    FunctionCode {
        zip_file,
        s3_bucket,
        s3_key,
        s3_object_version,
        s3_object_storage_mode,
        image_uri: None,
        source_kms_key_arn: None,
    }
}

fn parse_layer(text: &str, scope: &Scope) -> Result<LayerName, ApiError> {
    scope.parse_layer(text).map_err(|error| invalid(format!("LayerName: {error}")))
}

fn parse_runtime(name: &str) -> Result<RuntimeName, ApiError> {
    RuntimeName::parse(name).map_err(|error| invalid(format!("CompatibleRuntimes: {error}")))
}

/// Versions are numbered from 1.
fn version_id(layer: LayerName, number: i64) -> Result<LayerVersionId, ApiError> {
    let version = u64::try_from(number).ok().filter(|version| *version >= LayerVersion::NUMBER_FIRST);
    let version = version.ok_or_else(|| {
        invalid(format!("version {number} of layer {layer} cannot be; versions are numbers from 1"))
    })?;
    Ok(LayerVersionId { layer, version })
}

fn refuse_architecture(architecture: Option<&str>) -> Result<(), ApiError> {
    match architecture {
        Some(_) => {
            let instead = "for which architectures a layer was built is not kept; leave it out";
            Err(unsupported("CompatibleArchitecture", instead))
        }
        None => Ok(()),
    }
}
