//! Core and logger definitions of Greengrass.

use landfall_api::greengrass::{
    CreateResourceResponse, EmptyResponse, GetResourceResponse, GroupInformation, ListVersionsResponse,
    VersionInformation,
};
use landfall_api::greengrass_definition::{
    Core, CoreDefinitionVersion, CreateCoreDefinitionRequest, CreateCoreDefinitionVersionRequest,
    CreateLoggerDefinitionRequest, CreateLoggerDefinitionVersionRequest, DefinitionInformation,
    DeleteCoreDefinitionRequest, DeleteLoggerDefinitionRequest, GetCoreDefinitionRequest,
    GetCoreDefinitionVersionRequest, GetCoreDefinitionVersionResponse, GetLoggerDefinitionRequest,
    GetLoggerDefinitionVersionRequest, GetLoggerDefinitionVersionResponse, ListCoreDefinitionVersionsRequest,
    ListCoreDefinitionsRequest, ListDefinitionsResponse, ListLoggerDefinitionVersionsRequest,
    ListLoggerDefinitionsRequest, Logger, LoggerDefinitionVersion, UpdateCoreDefinitionRequest,
    UpdateLoggerDefinitionRequest,
};
use landfall_api::{ApiError, OperationKey};
use landfall_model::{
    CertificateId, GreengrassContent, GreengrassCore, GreengrassKind, GreengrassLogLevel, GreengrassLogger,
    GreengrassName, GreengrassNewest, GreengrassPartId, GreengrassResource, LogPlace, LoggedComponent,
    ResourceName, Scope, ThingName,
};

use crate::failure::{Failure, invalid};
use crate::greengrass::{
    add_version, create, delete, describe, described_version, group_information, list_versions, new_version,
    page_of, rename, wire_tags,
};
use crate::handler::{Context, Handle, Handler, handler};

const CORES: GreengrassKind = GreengrassKind::CoreDefinition;
const LOGGERS: GreengrassKind = GreengrassKind::LoggerDefinition;

/// The operations of definitions.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<CreateCoreDefinitionRequest>(),
        handler::<CreateCoreDefinitionVersionRequest>(),
        handler::<GetCoreDefinitionRequest>(),
        handler::<GetCoreDefinitionVersionRequest>(),
        handler::<ListCoreDefinitionsRequest>(),
        handler::<ListCoreDefinitionVersionsRequest>(),
        handler::<UpdateCoreDefinitionRequest>(),
        handler::<DeleteCoreDefinitionRequest>(),
        handler::<CreateLoggerDefinitionRequest>(),
        handler::<CreateLoggerDefinitionVersionRequest>(),
        handler::<GetLoggerDefinitionRequest>(),
        handler::<GetLoggerDefinitionVersionRequest>(),
        handler::<ListLoggerDefinitionsRequest>(),
        handler::<ListLoggerDefinitionVersionsRequest>(),
        handler::<UpdateLoggerDefinitionRequest>(),
        handler::<DeleteLoggerDefinitionRequest>(),
    ]
}

impl Handle for CreateCoreDefinitionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<CreateResourceResponse, Failure> {
        let Self { amzn_client_token: _, initial_version, name, tags } = self;
        let content = initial_version
            .map(|CoreDefinitionVersion { cores }| parse_cores(cores, context.scope()))
            .transpose()?;
        create(parse_name(name)?, tags, first(content, CORES, context)?, context).await
    }
}

impl Handle for CreateCoreDefinitionVersionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<VersionInformation, Failure> {
        let Self { amzn_client_token: _, cores, core_definition_id } = self;
        add_version(&core_definition_id, parse_cores(cores, context.scope())?, context).await
    }
}

impl Handle for GetCoreDefinitionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<GetResourceResponse, Failure> {
        describe(CORES, &self.core_definition_id, context).await
    }
}

impl Handle for GetCoreDefinitionVersionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<GetCoreDefinitionVersionResponse, Failure> {
        let Self { core_definition_id: id, core_definition_version_id: version } = self;
        let (content, version) = described_version(CORES, &id, &version, context).await?;
        let VersionInformation { arn, creation_timestamp, id, version } = version;
        let definition = core_definition(content, context.scope());
        // A version is answered whole.
        let next_token = None;
        Ok(GetCoreDefinitionVersionResponse { arn, creation_timestamp, definition, id, next_token, version })
    }
}

impl Handle for ListCoreDefinitionsRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListDefinitionsResponse, Failure> {
        // The context reads the page from the call.
        let Self { max_results: _, next_token: _ } = self;
        list(CORES, context).await
    }
}

impl Handle for ListCoreDefinitionVersionsRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListVersionsResponse, Failure> {
        let Self { core_definition_id, max_results: _, next_token: _ } = self;
        list_versions(CORES, &core_definition_id, context).await
    }
}

impl Handle for UpdateCoreDefinitionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<EmptyResponse, Failure> {
        let Self { core_definition_id, name } = self;
        rename(CORES, &core_definition_id, name.as_deref(), context).await
    }
}

impl Handle for DeleteCoreDefinitionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<EmptyResponse, Failure> {
        delete(CORES, &self.core_definition_id, context).await
    }
}

impl Handle for CreateLoggerDefinitionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<CreateResourceResponse, Failure> {
        let Self { amzn_client_token: _, initial_version, name, tags } = self;
        let content =
            initial_version.map(|LoggerDefinitionVersion { loggers }| parse_loggers(loggers)).transpose()?;
        create(parse_name(name)?, tags, first(content, LOGGERS, context)?, context).await
    }
}

impl Handle for CreateLoggerDefinitionVersionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<VersionInformation, Failure> {
        let Self { amzn_client_token: _, loggers, logger_definition_id } = self;
        add_version(&logger_definition_id, parse_loggers(loggers)?, context).await
    }
}

impl Handle for GetLoggerDefinitionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<GetResourceResponse, Failure> {
        describe(LOGGERS, &self.logger_definition_id, context).await
    }
}

impl Handle for GetLoggerDefinitionVersionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<GetLoggerDefinitionVersionResponse, Failure> {
        // A version is answered whole: no token was given out.
        let Self { logger_definition_id: id, logger_definition_version_id: version, next_token: _ } = self;
        let (content, version) = described_version(LOGGERS, &id, &version, context).await?;
        let VersionInformation { arn, creation_timestamp, id, version } = version;
        let definition = logger_definition(content);
        Ok(GetLoggerDefinitionVersionResponse { arn, creation_timestamp, definition, id, version })
    }
}

impl Handle for ListLoggerDefinitionsRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListDefinitionsResponse, Failure> {
        // The context reads the page from the call.
        let Self { max_results: _, next_token: _ } = self;
        list(LOGGERS, context).await
    }
}

impl Handle for ListLoggerDefinitionVersionsRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListVersionsResponse, Failure> {
        let Self { logger_definition_id, max_results: _, next_token: _ } = self;
        list_versions(LOGGERS, &logger_definition_id, context).await
    }
}

impl Handle for UpdateLoggerDefinitionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<EmptyResponse, Failure> {
        let Self { logger_definition_id, name } = self;
        rename(LOGGERS, &logger_definition_id, name.as_deref(), context).await
    }
}

impl Handle for DeleteLoggerDefinitionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<EmptyResponse, Failure> {
        delete(LOGGERS, &self.logger_definition_id, context).await
    }
}

/// The first version of a definition, if it has one.
fn first(
    content: Option<GreengrassContent>,
    kind: GreengrassKind,
    context: &Context<'_>,
) -> Result<GreengrassNewest, Failure> {
    Ok(match content {
        None => GreengrassNewest::None(kind),
        Some(content) => GreengrassNewest::Version(new_version(content, context)?),
    })
}

/// The name of a definition, which may have none.
fn parse_name(name: Option<String>) -> Result<Option<GreengrassName>, ApiError> {
    let name = name.filter(|name| !name.is_empty());
    name.as_deref().map(GreengrassName::parse).transpose().map_err(invalid)
}

async fn list(kind: GreengrassKind, context: &Context<'_>) -> Result<ListDefinitionsResponse, Failure> {
    let page = page_of(kind, context).await?;
    let next_token = context.next_token(page.next)?;
    let definition = |resource: &GreengrassResource| {
        let GroupInformation {
            arn,
            creation_timestamp,
            id,
            last_updated_timestamp,
            latest_version,
            latest_version_arn,
            name,
        } = group_information(resource, context.scope())?;
        Ok(DefinitionInformation {
            arn,
            creation_timestamp,
            id,
            last_updated_timestamp,
            latest_version,
            latest_version_arn,
            name,
            tags: wire_tags(&resource.tags),
        })
    };
    let definitions = page.items.iter().map(definition).collect::<Result<_, Failure>>()?;
    Ok(ListDefinitionsResponse { definitions: Some(definitions), next_token })
}

fn parse_cores(cores: Option<Vec<Core>>, scope: &Scope) -> Result<GreengrassContent, ApiError> {
    let core = |core: Core| {
        let Core { certificate_arn, id, sync_shadow, thing_arn } = core;
        Ok(GreengrassCore {
            id: GreengrassPartId::parse(&id).map_err(invalid)?,
            thing: parse_thing(&thing_arn, scope)?,
            certificate: parse_certificate(&certificate_arn, scope)?,
            syncs_shadow: sync_shadow.unwrap_or(false),
        })
    };
    let cores = cores.unwrap_or_default().into_iter().map(core).collect::<Result<Vec<_>, ApiError>>()?;
    check_parts("cores", cores.iter().map(|core| &core.id))?;
    Ok(GreengrassContent::Cores(cores))
}

fn parse_loggers(loggers: Option<Vec<Logger>>) -> Result<GreengrassContent, ApiError> {
    let logger = |logger: Logger| {
        let Logger { component, id, level, space, kind } = logger;
        Ok(GreengrassLogger {
            id: GreengrassPartId::parse(&id).map_err(invalid)?,
            component: LoggedComponent::parse(&component).map_err(invalid)?,
            level: GreengrassLogLevel::parse(&level).map_err(invalid)?,
            space_kb: space,
            place: LogPlace::parse(&kind).map_err(invalid)?,
        })
    };
    let loggers =
        loggers.unwrap_or_default().into_iter().map(logger).collect::<Result<Vec<_>, ApiError>>()?;
    check_parts("loggers", loggers.iter().map(|logger| &logger.id))?;
    Ok(GreengrassContent::Loggers(loggers))
}

/// Checks that the parts of a definition are not too many, and that no two have one id.
fn check_parts<'a>(
    parts: &str,
    ids: impl ExactSizeIterator<Item = &'a GreengrassPartId>,
) -> Result<(), ApiError> {
    let (found, max) = (ids.len(), GreengrassContent::PARTS_MAX);
    if found > max {
        return Err(invalid(format!("{found} {parts}; at most {max} are allowed")));
    }
    let mut known = std::collections::BTreeSet::new();
    for id in ids {
        if !known.insert(id) {
            return Err(invalid(format!("the id {id} is that of two {parts}")));
        }
    }
    Ok(())
}

fn parse_thing(arn: &str, scope: &Scope) -> Result<ThingName, ApiError> {
    let resource = scope.parse_arn(arn).map_err(|error| invalid(format!("ThingArn: {error}")))?;
    let ResourceName::Thing(thing) = resource else {
        return Err(invalid(format!("ThingArn {arn:?} is not the ARN of a thing")));
    };
    Ok(thing)
}

fn parse_certificate(arn: &str, scope: &Scope) -> Result<CertificateId, ApiError> {
    let resource = scope.parse_arn(arn).map_err(|error| invalid(format!("CertificateArn: {error}")))?;
    let ResourceName::Certificate(certificate) = resource else {
        return Err(invalid(format!("CertificateArn {arn:?} is not the ARN of a certificate")));
    };
    Ok(certificate)
}

/// What a version of a core definition consists of. Nothing else is asked for.
fn core_definition(content: GreengrassContent, scope: &Scope) -> Option<CoreDefinitionVersion> {
    let GreengrassContent::Cores(cores) = content else { return None };
    let core = |core: GreengrassCore| {
        let GreengrassCore { id, thing, certificate, syncs_shadow } = core;
        Core {
            certificate_arn: scope.certificate_arn(&certificate),
            id: id.to_string(),
            sync_shadow: Some(syncs_shadow),
            thing_arn: scope.thing_arn(&thing),
        }
    };
    Some(CoreDefinitionVersion { cores: Some(cores.into_iter().map(core).collect()) })
}

/// What a version of a logger definition consists of. Nothing else is asked for.
fn logger_definition(content: GreengrassContent) -> Option<LoggerDefinitionVersion> {
    let GreengrassContent::Loggers(loggers) = content else { return None };
    let logger = |logger: GreengrassLogger| {
        let GreengrassLogger { id, component, level, space_kb, place } = logger;
        Logger {
            component: component.as_str().to_owned(),
            id: id.to_string(),
            level: level.as_str().to_owned(),
            space: space_kb,
            kind: place.as_str().to_owned(),
        }
    };
    Some(LoggerDefinitionVersion { loggers: Some(loggers.into_iter().map(logger).collect()) })
}
