//! Greengrass groups and the service role, and what groups have in common with the definitions that they are made of.
//!
//! The client tokens of requests are taken and not kept: a repeated request creates another group or definition.

use std::collections::BTreeMap;

use jiff::Timestamp;
use landfall_api::greengrass::{
    AssociateServiceRoleToAccountRequest, AssociateServiceRoleToAccountResponse, CreateGroupRequest,
    CreateGroupVersionRequest, CreateResourceResponse, DeleteGroupRequest,
    DisassociateServiceRoleFromAccountRequest, DisassociateServiceRoleFromAccountResponse, EmptyResponse,
    GetGroupRequest, GetGroupVersionRequest, GetGroupVersionResponse, GetResourceResponse,
    GetServiceRoleForAccountRequest, GetServiceRoleForAccountResponse, GroupInformation, GroupVersion,
    ListGroupVersionsRequest, ListGroupsRequest, ListGroupsResponse, ListVersionsResponse,
    UpdateGroupRequest, VersionInformation,
};
use landfall_api::{ApiError, ErrorCode, OperationKey};
use landfall_model::{
    GreengrassContent, GreengrassId, GreengrassKind, GreengrassName, GreengrassNewest, GreengrassResource,
    GreengrassServiceRole, GreengrassVersion, GreengrassVersionId, GreengrassVersionRef, RoleArn, Scope, Tag,
    TagKey, TagValue, UnixTime,
};
use landfall_registry::{Order, Page, Transaction};

use crate::failure::{Failure, invalid};
use crate::handler::{Context, Handle, Handler, handler};
use crate::random::uuid;

/// The operations of groups and of the service role.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<CreateGroupRequest>(),
        handler::<CreateGroupVersionRequest>(),
        handler::<GetGroupRequest>(),
        handler::<GetGroupVersionRequest>(),
        handler::<ListGroupsRequest>(),
        handler::<ListGroupVersionsRequest>(),
        handler::<UpdateGroupRequest>(),
        handler::<DeleteGroupRequest>(),
        handler::<AssociateServiceRoleToAccountRequest>(),
        handler::<GetServiceRoleForAccountRequest>(),
        handler::<DisassociateServiceRoleFromAccountRequest>(),
    ]
}

impl Handle for CreateGroupRequest {
    async fn handle(self, context: &Context<'_>) -> Result<CreateResourceResponse, Failure> {
        let Self { amzn_client_token: _, initial_version, name, tags } = self;
        let newest = match initial_version {
            None => GreengrassNewest::None(GreengrassKind::Group),
            Some(version) => {
                GreengrassNewest::Version(new_version(content(version, context).await?, context)?)
            }
        };
        let name = GreengrassName::parse(&name).map_err(invalid)?;
        create(Some(name), tags, newest, context).await
    }
}

impl Handle for CreateGroupVersionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<VersionInformation, Failure> {
        let Self {
            amzn_client_token: _,
            connector_definition_version_arn,
            core_definition_version_arn,
            device_definition_version_arn,
            function_definition_version_arn,
            logger_definition_version_arn,
            resource_definition_version_arn,
            subscription_definition_version_arn,
            group_id,
        } = self;
        let version = GroupVersion {
            connector_definition_version_arn,
            core_definition_version_arn,
            device_definition_version_arn,
            function_definition_version_arn,
            logger_definition_version_arn,
            resource_definition_version_arn,
            subscription_definition_version_arn,
        };
        add_version(&group_id, content(version, context).await?, context).await
    }
}

impl Handle for GetGroupRequest {
    async fn handle(self, context: &Context<'_>) -> Result<GetResourceResponse, Failure> {
        describe(GreengrassKind::Group, &self.group_id, context).await
    }
}

impl Handle for GetGroupVersionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<GetGroupVersionResponse, Failure> {
        let Self { group_id, group_version_id } = self;
        let (content, version) =
            described_version(GreengrassKind::Group, &group_id, &group_version_id, context).await?;
        let VersionInformation { arn, creation_timestamp, id, version } = version;
        let definition = definition(&content, context.scope());
        Ok(GetGroupVersionResponse { arn, creation_timestamp, definition, id, version })
    }
}

impl Handle for ListGroupsRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListGroupsResponse, Failure> {
        // The context reads the page from the call.
        let Self { max_results: _, next_token: _ } = self;
        let page = page_of(GreengrassKind::Group, context).await?;
        let next_token = context.next_token(page.next)?;
        let groups = page.items.iter().map(|group| group_information(group, context.scope()));
        Ok(ListGroupsResponse { groups: Some(groups.collect::<Result<_, _>>()?), next_token })
    }
}

impl Handle for ListGroupVersionsRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListVersionsResponse, Failure> {
        let Self { group_id, max_results: _, next_token: _ } = self;
        list_versions(GreengrassKind::Group, &group_id, context).await
    }
}

impl Handle for UpdateGroupRequest {
    async fn handle(self, context: &Context<'_>) -> Result<EmptyResponse, Failure> {
        let Self { group_id, name } = self;
        rename(GreengrassKind::Group, &group_id, name.as_deref(), context).await
    }
}

impl Handle for DeleteGroupRequest {
    async fn handle(self, context: &Context<'_>) -> Result<EmptyResponse, Failure> {
        delete(GreengrassKind::Group, &self.group_id, context).await
    }
}

impl Handle for AssociateServiceRoleToAccountRequest {
    /// There are no roles here: any well-formed ARN of one will do.
    async fn handle(self, context: &Context<'_>) -> Result<AssociateServiceRoleToAccountResponse, Failure> {
        let Self { role_arn } = self;
        let role = RoleArn::parse(&role_arn).map_err(invalid)?;
        let mut transaction = Transaction::new();
        transaction.set_greengrass_service_role(GreengrassServiceRole { role, associated_at: context.now });
        context.registry().commit(transaction).await?;
        Ok(AssociateServiceRoleToAccountResponse { associated_at: Some(wire_moment(context.now)?) })
    }
}

impl Handle for GetServiceRoleForAccountRequest {
    async fn handle(self, context: &Context<'_>) -> Result<GetServiceRoleForAccountResponse, Failure> {
        let Self {} = self;
        let role = context.registry().greengrass_service_role().await?;
        let none =
            || ApiError::new(ErrorCode::NoServiceRole, "You need to attach a service role to this account.");
        let GreengrassServiceRole { role, associated_at } = role.ok_or_else(none)?;
        Ok(GetServiceRoleForAccountResponse {
            associated_at: Some(wire_moment(associated_at)?),
            role_arn: Some(role.as_str().to_owned()),
        })
    }
}

impl Handle for DisassociateServiceRoleFromAccountRequest {
    /// That there was none is a success, as at AWS.
    async fn handle(
        self,
        context: &Context<'_>,
    ) -> Result<DisassociateServiceRoleFromAccountResponse, Failure> {
        let Self {} = self;
        let mut transaction = Transaction::new();
        transaction.remove_greengrass_service_role();
        context.registry().commit(transaction).await?;
        Ok(DisassociateServiceRoleFromAccountResponse { disassociated_at: Some(wire_moment(context.now)?) })
    }
}

/// Creates a group or definition.
pub(crate) async fn create(
    name: Option<GreengrassName>,
    tags: Option<BTreeMap<String, String>>,
    newest: GreengrassNewest,
    context: &Context<'_>,
) -> Result<CreateResourceResponse, Failure> {
    let resource = GreengrassResource {
        id: GreengrassId::from_bytes(uuid()?),
        name,
        tags: parse_tags(tags.unwrap_or_default())?,
        created_at: context.now,
        modified_at: context.now,
        newest,
    };
    let mut transaction = Transaction::new();
    transaction.ensure_greengrass(resource.clone());
    context.registry().commit(transaction).await?;
    let GroupInformation {
        arn,
        creation_timestamp,
        id,
        last_updated_timestamp,
        latest_version,
        latest_version_arn,
        name,
    } = group_information(&resource, context.scope())?;
    Ok(CreateResourceResponse {
        arn,
        creation_timestamp,
        id,
        last_updated_timestamp,
        latest_version,
        latest_version_arn,
        name,
    })
}

/// A new version of this content.
pub(crate) fn new_version(
    content: GreengrassContent,
    context: &Context<'_>,
) -> Result<GreengrassVersion, Failure> {
    let id = GreengrassVersionId::from_bytes(uuid()?);
    Ok(GreengrassVersion { id, content, created_at: context.now })
}

/// Adds a version to the group or definition of this id that is of the content's kind.
pub(crate) async fn add_version(
    id: &str,
    content: GreengrassContent,
    context: &Context<'_>,
) -> Result<VersionInformation, Failure> {
    let kind = content.kind();
    let id = parse_id(kind, id)?;
    let version = new_version(content, context)?;
    let information = version_information(id, &version, context.scope())?;
    let mut transaction = Transaction::new();
    transaction.add_greengrass_version(id, version);
    context.registry().commit(transaction).await?;
    Ok(information)
}

/// Describes a group or definition.
pub(crate) async fn describe(
    kind: GreengrassKind,
    id: &str,
    context: &Context<'_>,
) -> Result<GetResourceResponse, Failure> {
    let resource = find(kind, id, context).await?;
    let GroupInformation {
        arn,
        creation_timestamp,
        id,
        last_updated_timestamp,
        latest_version,
        latest_version_arn,
        name,
    } = group_information(&resource, context.scope())?;
    Ok(GetResourceResponse {
        arn,
        creation_timestamp,
        id,
        last_updated_timestamp,
        latest_version,
        latest_version_arn,
        name,
        tags: wire_tags(&resource.tags),
    })
}

/// What a version consists of, and all else that there is to say of it.
pub(crate) async fn described_version(
    kind: GreengrassKind,
    id: &str,
    version: &str,
    context: &Context<'_>,
) -> Result<(GreengrassContent, VersionInformation), Failure> {
    let resource = parse_id(kind, id)?;
    let found = match version.parse() {
        Ok(version) => context.registry().greengrass_version(kind, resource, version).await?,
        Err(_) => None,
    };
    let Some(found) = found else {
        find(kind, id, context).await?;
        let message = format!("version {version:?} of {kind} {resource} does not exist");
        return Err(ApiError::new(ErrorCode::VersionNotFound, message).into());
    };
    let information = version_information(resource, &found, context.scope())?;
    Ok((found.content, information))
}

/// The page of the groups or definitions that the call asks for, the oldest first.
pub(crate) async fn page_of(
    kind: GreengrassKind,
    context: &Context<'_>,
) -> Result<Page<GreengrassResource>, Failure> {
    Ok(context.registry().greengrass_resources(kind, context.page(Order::Ascending)?).await?)
}

/// The page of the versions of a group or definition that the call asks for, the oldest first.
pub(crate) async fn list_versions(
    kind: GreengrassKind,
    id: &str,
    context: &Context<'_>,
) -> Result<ListVersionsResponse, Failure> {
    let page = context.page(Order::Ascending)?;
    let GreengrassResource { id, .. } = find(kind, id, context).await?;
    let page = context.registry().greengrass_versions(kind, id, page).await?;
    let next_token = context.next_token(page.next)?;
    let versions = page.items.iter().map(|version| version_information(id, version, context.scope()));
    Ok(ListVersionsResponse { next_token, versions: Some(versions.collect::<Result<_, _>>()?) })
}

/// Sets the name of a group or definition.
pub(crate) async fn rename(
    kind: GreengrassKind,
    id: &str,
    name: Option<&str>,
    context: &Context<'_>,
) -> Result<EmptyResponse, Failure> {
    let given = name.filter(|name| !name.is_empty());
    let given = given.ok_or_else(|| invalid("Input does not contain any attributes to be updated"))?;
    let name = GreengrassName::parse(given).map_err(invalid)?;
    let mut transaction = Transaction::new();
    transaction.rename_greengrass(kind, parse_id(kind, id)?, name, context.now);
    context.registry().commit(transaction).await?;
    Ok(EmptyResponse {})
}

/// Deletes a group or definition. Groups that are made of it stay as they are, as at AWS.
pub(crate) async fn delete(
    kind: GreengrassKind,
    id: &str,
    context: &Context<'_>,
) -> Result<EmptyResponse, Failure> {
    let mut transaction = Transaction::new();
    transaction.delete_greengrass(kind, parse_id(kind, id)?);
    context.registry().commit(transaction).await?;
    Ok(EmptyResponse {})
}

/// A group or definition in a list; they have the same members, but for the tags of definitions.
pub(crate) fn group_information(
    resource: &GreengrassResource,
    scope: &Scope,
) -> Result<GroupInformation, Failure> {
    let kind = resource.kind();
    let version = resource.version().map(|version| version.id);
    let reference = |version| GreengrassVersionRef { resource: resource.id, version };
    Ok(GroupInformation {
        arn: Some(scope.greengrass_arn(kind, resource.id)),
        creation_timestamp: Some(wire_moment(resource.created_at)?),
        id: Some(resource.id.to_string()),
        last_updated_timestamp: Some(wire_moment(resource.modified_at)?),
        latest_version: version.map(|version| version.to_string()),
        latest_version_arn: version.map(|version| scope.greengrass_version_arn(kind, reference(version))),
        name: resource.name.as_ref().map(ToString::to_string),
    })
}

/// The tags of a group or definition; none if it has none.
pub(crate) fn wire_tags(tags: &[Tag]) -> Option<BTreeMap<String, String>> {
    let pair = |Tag { key, value }: &Tag| (key.as_str().to_owned(), value.as_str().to_owned());
    (!tags.is_empty()).then(|| tags.iter().map(pair).collect())
}

fn version_information(
    resource: GreengrassId,
    version: &GreengrassVersion,
    scope: &Scope,
) -> Result<VersionInformation, Failure> {
    let GreengrassVersion { id, content, created_at } = version;
    let reference = GreengrassVersionRef { resource, version: *id };
    Ok(VersionInformation {
        arn: Some(scope.greengrass_version_arn(content.kind(), reference)),
        creation_timestamp: Some(wire_moment(*created_at)?),
        id: Some(resource.to_string()),
        version: Some(id.to_string()),
    })
}

async fn find(kind: GreengrassKind, id: &str, context: &Context<'_>) -> Result<GreengrassResource, Failure> {
    let found = context.registry().greengrass_resource(kind, parse_id(kind, id)?).await?;
    Ok(found.ok_or_else(|| not_found(kind, id))?)
}

/// What is no id is that of nothing.
fn parse_id(kind: GreengrassKind, id: &str) -> Result<GreengrassId, ApiError> {
    id.parse().map_err(|_| not_found(kind, id))
}

fn not_found(kind: GreengrassKind, id: &str) -> ApiError {
    ApiError::new(ErrorCode::IdNotFound, format!("{kind} {id} does not exist"))
}

fn parse_tags(tags: BTreeMap<String, String>) -> Result<Vec<Tag>, ApiError> {
    let (found, max) = (tags.len(), GreengrassResource::TAGS_MAX);
    if found > max {
        return Err(invalid(format!("{found} tags; at most {max} are allowed")));
    }
    let tag = |(key, value): (String, String)| {
        Ok(Tag {
            key: TagKey::parse(&key).map_err(invalid)?,
            value: TagValue::parse(&value).map_err(invalid)?,
        })
    };
    tags.into_iter().map(tag).collect()
}

/// What a version of a group consists of. The versions of definitions that it names have to exist.
async fn content(version: GroupVersion, context: &Context<'_>) -> Result<GreengrassContent, Failure> {
    let GroupVersion {
        connector_definition_version_arn: connector,
        core_definition_version_arn: core,
        device_definition_version_arn: device,
        function_definition_version_arn: function,
        logger_definition_version_arn: logger,
        resource_definition_version_arn: resource,
        subscription_definition_version_arn: subscription,
    } = version;
    let others = [
        ("ConnectorDefinitionVersionArn", connector),
        ("DeviceDefinitionVersionArn", device),
        ("FunctionDefinitionVersionArn", function),
        ("ResourceDefinitionVersionArn", resource),
        ("SubscriptionDefinitionVersionArn", subscription),
    ];
    if let Some((member, _)) = others.iter().find(|(_, arn)| arn.as_ref().is_some_and(|arn| !arn.is_empty()))
    {
        return Err(invalid(format!("{member}: there are no such definitions here; leave it out")).into());
    }
    Ok(GreengrassContent::Group {
        core: part("CoreDefinitionVersionArn", GreengrassKind::CoreDefinition, core, context).await?,
        logger: part("LoggerDefinitionVersionArn", GreengrassKind::LoggerDefinition, logger, context).await?,
    })
}

/// The version of a definition that a member of a group names, if it names one.
async fn part(
    member: &str,
    kind: GreengrassKind,
    arn: Option<String>,
    context: &Context<'_>,
) -> Result<Option<GreengrassVersionRef>, Failure> {
    let Some(arn) = arn.filter(|arn| !arn.is_empty()) else { return Ok(None) };
    let refuse = |problem: String| Failure::from(invalid(format!("{member}: {problem}")));
    let parsed = context.scope().parse_greengrass_version(kind, &arn);
    let reference = parsed.map_err(|error| refuse(error.to_string()))?;
    let GreengrassVersionRef { resource, version } = reference;
    let found = context.registry().greengrass_version(kind, resource, version).await?;
    let refuse_missing = || refuse(format!("version {version} of {kind} {resource} does not exist"));
    found.map(|_| Some(reference)).ok_or_else(refuse_missing)
}

/// The ARNs of what a version of a group consists of. Only groups are asked for.
fn definition(content: &GreengrassContent, scope: &Scope) -> Option<GroupVersion> {
    let GreengrassContent::Group { core, logger } = content else { return None };
    let arn = |kind, version: &Option<GreengrassVersionRef>| {
        version.map(|version| scope.greengrass_version_arn(kind, version))
    };
    Some(GroupVersion {
        core_definition_version_arn: arn(GreengrassKind::CoreDefinition, core),
        logger_definition_version_arn: arn(GreengrassKind::LoggerDefinition, logger),
        ..GroupVersion::default()
    })
}

/// A moment as Greengrass writes it, such as `2026-01-02T03:04:05.000Z`.
fn wire_moment(moment: UnixTime) -> Result<String, Failure> {
    let moment = Timestamp::from_millisecond(moment.as_millis())
        .map_err(|error| Failure::internal("writing a moment", error))?;
    Ok(moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}
