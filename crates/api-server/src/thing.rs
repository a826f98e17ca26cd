use landfall_api::thing::{
    AttachThingPrincipalRequest, AttachThingPrincipalResponse, CreateThingRequest, CreateThingResponse,
    DeleteThingRequest, DeleteThingResponse, DescribeThingRequest, DescribeThingResponse,
    DetachThingPrincipalRequest, DetachThingPrincipalResponse, ListPrincipalThingsRequest,
    ListPrincipalThingsResponse, ListPrincipalThingsV2Request, ListPrincipalThingsV2Response,
    ListThingPrincipalsRequest, ListThingPrincipalsResponse, ListThingPrincipalsV2Request,
    ListThingPrincipalsV2Response, ListThingsRequest, ListThingsResponse, PrincipalThingObject,
    ThingAttribute, ThingPrincipalObject, UpdateThingRequest, UpdateThingResponse,
};
use landfall_api::{ApiError, ErrorCode, OperationKey};
use landfall_events::{Event, Operation, Relation, ThingEvent, ThingTypeAssociation};
use landfall_model::{
    AttributeName, AttributeValue, Attributes, BillingGroupName, CertificateId, PrincipalThing, Scope, Thing,
    ThingGroup, ThingId, ThingName, ThingPrincipal, ThingPrincipalType, ThingTypeName,
};
use landfall_registry::{
    AttributeFilter, Conflict, Order, Page, PageRequest, ThingFilter, ThingUpdate, Transaction,
};

use crate::attempts::Attempts;
use crate::attribute::{self, AttributeUpdate, wire_attributes};
use crate::failure::{Failure, invalid};
use crate::handler::{Context, Handle, Handler, check_version, handler, wire_version};
use crate::{named, random, thing_group};

/// The operations of things.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<CreateThingRequest>(),
        handler::<UpdateThingRequest>(),
        handler::<DeleteThingRequest>(),
        handler::<DescribeThingRequest>(),
        handler::<ListThingsRequest>(),
        handler::<AttachThingPrincipalRequest>(),
        handler::<DetachThingPrincipalRequest>(),
        handler::<ListThingPrincipalsRequest>(),
        handler::<ListThingPrincipalsV2Request>(),
        handler::<ListPrincipalThingsRequest>(),
        handler::<ListPrincipalThingsV2Request>(),
    ]
}

impl Handle for CreateThingRequest {
    /// Again with the same configuration it succeeds, and changes nothing.
    async fn handle(self, context: &Context<'_>) -> Result<CreateThingResponse, Failure> {
        let Self { thing_name, thing_type_name, attribute_payload, billing_group_name } = self;
        let thing = Thing {
            name: ThingName::parse(&thing_name).map_err(invalid)?,
            id: ThingId::from_bytes(random::uuid()?),
            thing_type: parse_type(thing_type_name.as_deref())?,
            billing_group: billing_group_name
                .as_deref()
                .map(BillingGroupName::parse)
                .transpose()
                .map_err(invalid)?,
            attributes: AttributeUpdate::parse(attribute_payload)?.apply(&Attributes::default()),
            version: 1,
            made_by: None,
            created_at: context.now,
        };
        check_attributes(&thing)?;
        let mut attempts = Attempts::new();
        loop {
            let Some(conflict) = context.try_commit(creation(&thing, context)).await? else {
                return Ok(created(&thing, context.scope()));
            };
            if let Some(stored) = context.registry().thing(&thing.name).await? {
                check_same(&stored, &thing, context.scope())?;
                return Ok(created(&stored, context.scope()));
            }
            // It may have been deleted since.
            let was_there = matches!(conflict, Conflict::ThingExists(_));
            attempts.again(conflict, was_there)?;
        }
    }
}

impl Handle for UpdateThingRequest {
    async fn handle(self, context: &Context<'_>) -> Result<UpdateThingResponse, Failure> {
        let Self { thing_name, thing_type_name, attribute_payload, expected_version, remove_thing_type } =
            self;
        let name = ThingName::parse(&thing_name).map_err(invalid)?;
        let thing_type = parse_type(thing_type_name.as_deref())?;
        let removes_type = remove_thing_type == Some(true);
        if removes_type && thing_type.is_some() {
            return Err(invalid("thingTypeName and removeThingType exclude each other").into());
        }
        let attributes = AttributeUpdate::parse(attribute_payload)?;
        let mut attempts = Attempts::new();
        loop {
            let stored = existing(&name, context).await?;
            let other_version = || Conflict::ThingVersion(name.clone());
            check_version(Some(stored.version), expected_version, other_version)?;
            let kept = stored.thing_type.clone().filter(|_| !removes_type);
            let updated = Thing {
                thing_type: thing_type.clone().or(kept),
                attributes: attributes.apply(&stored.attributes),
                version: stored.version.saturating_add(1),
                ..stored.clone()
            };
            check_attributes(&updated)?;
            let Some(conflict) = context.try_commit(update(&stored, updated, context)).await? else {
                return Ok(UpdateThingResponse {});
            };
            let is_lost_race = matches!(conflict, Conflict::ThingVersion(_));
            attempts.again(conflict, is_lost_race)?;
        }
    }
}

impl Handle for DeleteThingRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DeleteThingResponse, Failure> {
        let Self { thing_name, expected_version } = self;
        let name = ThingName::parse(&thing_name).map_err(invalid)?;
        let mut attempts = Attempts::new();
        loop {
            let stored = context.registry().thing(&name).await?;
            let version = stored.as_ref().map(|stored| stored.version);
            check_version(version, expected_version, || Conflict::ThingVersion(name.clone()))?;
            // To delete what is not there succeeds, as at AWS.
            let Some(stored) = stored else { return Ok(DeleteThingResponse {}) };
            let transaction = deletion(stored, context).await?;
            let Some(conflict) = context.try_commit(transaction).await? else {
                return Ok(DeleteThingResponse {});
            };
            let is_lost_race = matches!(
                conflict,
                Conflict::ThingNotFound(_)
                    | Conflict::ThingVersion(_)
                    | Conflict::ThingGroupNotFound(_)
                    | Conflict::ThingNotInGroup { .. }
            );
            attempts.again(conflict, is_lost_race)?;
        }
    }
}

impl Handle for DescribeThingRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DescribeThingResponse, Failure> {
        let Self { thing_name } = self;
        let name = ThingName::parse(&thing_name).map_err(invalid)?;
        let Thing { name, id, thing_type, billing_group, attributes, version, made_by: _, created_at: _ } =
            existing(&name, context).await?;
        Ok(DescribeThingResponse {
            default_client_id: Some(name.to_string()),
            thing_name: Some(name.to_string()),
            thing_id: Some(id.to_string()),
            thing_arn: Some(context.scope().thing_arn(&name)),
            thing_type_name: thing_type.as_ref().map(ToString::to_string),
            attributes: Some(wire_attributes(&attributes)),
            version: Some(wire_version(version)),
            billing_group_name: billing_group.as_ref().map(ToString::to_string),
        })
    }
}

impl Handle for ListThingsRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListThingsResponse, Failure> {
        // The context reads the page from the call.
        let Self {
            next_token: _,
            max_results: _,
            attribute_name,
            attribute_value,
            thing_type_name,
            use_prefix_attribute_value,
        } = self;
        let is_prefix = use_prefix_attribute_value == Some(true);
        let filter = ThingFilter {
            thing_type: parse_type(thing_type_name.as_deref())?,
            attribute: attribute_filter(attribute_name.as_deref(), attribute_value.as_deref(), is_prefix)?,
        };
        let page = context.registry().things(&filter, context.page(Order::Ascending)?).await?;
        Ok(ListThingsResponse {
            things: Some(page.items.iter().map(|thing| list(thing, context.scope())).collect()),
            next_token: context.next_token(page.next)?,
        })
    }
}

impl Handle for AttachThingPrincipalRequest {
    async fn handle(self, context: &Context<'_>) -> Result<AttachThingPrincipalResponse, Failure> {
        let Self { thing_name, principal, thing_principal_type } = self;
        let name = ThingName::parse(&thing_name).map_err(invalid)?;
        let certificate = named::principal(&principal, context.scope())?;
        let principal_type = parse_principal_type(thing_principal_type.as_deref())?.unwrap_or_default();
        let mut transaction = Transaction::new();
        transaction.attach_thing_as(principal_type, certificate, name);
        context.registry().commit(transaction).await?;
        Ok(AttachThingPrincipalResponse {})
    }
}

impl Handle for DetachThingPrincipalRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DetachThingPrincipalResponse, Failure> {
        let Self { thing_name, principal } = self;
        let name = ThingName::parse(&thing_name).map_err(invalid)?;
        let certificate = named::principal(&principal, context.scope())?;
        let mut transaction = Transaction::new();
        transaction.detach_thing(certificate, name);
        context.registry().commit(transaction).await?;
        Ok(DetachThingPrincipalResponse {})
    }
}

impl Handle for ListThingPrincipalsRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListThingPrincipalsResponse, Failure> {
        // The context reads the page from the call.
        let Self { next_token: _, max_results: _, thing_name } = self;
        let page = principals(&thing_name, None, context).await?;
        let arn = |item: &ThingPrincipal| context.scope().certificate_arn(&item.certificate);
        Ok(ListThingPrincipalsResponse {
            principals: Some(page.items.iter().map(arn).collect()),
            next_token: context.next_token(page.next)?,
        })
    }
}

impl Handle for ListThingPrincipalsV2Request {
    async fn handle(self, context: &Context<'_>) -> Result<ListThingPrincipalsV2Response, Failure> {
        // The context reads the page from the call.
        let Self { next_token: _, max_results: _, thing_name, thing_principal_type } = self;
        let page = principals(&thing_name, thing_principal_type.as_deref(), context).await?;
        let object = |ThingPrincipal { certificate, principal_type }: &ThingPrincipal| ThingPrincipalObject {
            principal: context.scope().certificate_arn(certificate),
            thing_principal_type: Some(principal_type.as_str().to_owned()),
        };
        Ok(ListThingPrincipalsV2Response {
            thing_principal_objects: Some(page.items.iter().map(object).collect()),
            next_token: context.next_token(page.next)?,
        })
    }
}

impl Handle for ListPrincipalThingsRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListPrincipalThingsResponse, Failure> {
        // The context reads the page from the call.
        let Self { next_token: _, max_results: _, principal } = self;
        let page = things_of(&principal, None, context).await?;
        Ok(ListPrincipalThingsResponse {
            things: Some(page.items.iter().map(|item| item.thing.to_string()).collect()),
            next_token: context.next_token(page.next)?,
        })
    }
}

impl Handle for ListPrincipalThingsV2Request {
    async fn handle(self, context: &Context<'_>) -> Result<ListPrincipalThingsV2Response, Failure> {
        // The context reads the page from the call.
        let Self { next_token: _, max_results: _, principal, thing_principal_type } = self;
        let page = things_of(&principal, thing_principal_type.as_deref(), context).await?;
        let object = |PrincipalThing { thing, principal_type }: &PrincipalThing| PrincipalThingObject {
            thing_name: thing.to_string(),
            thing_principal_type: Some(principal_type.as_str().to_owned()),
        };
        Ok(ListPrincipalThingsV2Response {
            principal_thing_objects: Some(page.items.iter().map(object).collect()),
            next_token: context.next_token(page.next)?,
        })
    }
}

/// The thing of this name.
///
/// # Errors
/// There is none.
pub(crate) async fn existing(name: &ThingName, context: &Context<'_>) -> Result<Thing, Failure> {
    let found = context.registry().thing(name).await?;
    found.ok_or_else(|| Conflict::ThingNotFound(name.clone()).into())
}

fn creation(thing: &Thing, context: &Context<'_>) -> Transaction {
    let mut transaction = Transaction::new();
    transaction.insert_thing(thing.clone());
    transaction.append(thing_event(Operation::Created, thing.clone(), context));
    if let Some(thing_type) = &thing.thing_type {
        transaction.append(association(Relation::Added, thing, thing_type, context));
    }
    transaction
}

fn update(stored: &Thing, updated: Thing, context: &Context<'_>) -> Transaction {
    let mut transaction = Transaction::new();
    transaction.update_thing(ThingUpdate {
        name: stored.name.clone(),
        id: stored.id,
        version: stored.version,
        thing_type: updated.thing_type.clone(),
        attributes: updated.attributes.clone(),
    });
    if stored.thing_type != updated.thing_type {
        if let Some(thing_type) = &stored.thing_type {
            transaction.append(association(Relation::Removed, stored, thing_type, context));
        }
        if let Some(thing_type) = &updated.thing_type {
            transaction.append(association(Relation::Added, stored, thing_type, context));
        }
    }
    transaction.append(thing_event(Operation::Updated, updated, context));
    transaction
}

/// Deletes a thing after it has left its groups and its type, so that each of these is told.
async fn deletion(stored: Thing, context: &Context<'_>) -> Result<Transaction, Failure> {
    let all = PageRequest::first(u32::try_from(ThingGroup::OF_THING_MAX).unwrap_or(u32::MAX));
    let groups = context.registry().thing_groups_of(&stored.name, all).await?.items;
    let mut transaction = Transaction::new();
    for group in groups {
        transaction.remove_thing_from_group(group.name.clone(), stored.name.clone());
        transaction.append(thing_group::membership(Relation::Removed, &group, &stored, context));
    }
    if let Some(thing_type) = &stored.thing_type {
        transaction.append(association(Relation::Removed, &stored, thing_type, context));
    }
    transaction.delete_thing(stored.name.clone(), stored.id, stored.version);
    transaction.append(thing_event(Operation::Deleted, stored, context));
    Ok(transaction)
}

fn thing_event(operation: Operation, thing: Thing, context: &Context<'_>) -> Event {
    let account = context.scope().account.clone();
    Event::Thing(ThingEvent { operation, thing, account, at: context.now })
}

fn association(
    operation: Relation,
    thing: &Thing,
    thing_type: &ThingTypeName,
    context: &Context<'_>,
) -> Event {
    Event::ThingTypeAssociation(ThingTypeAssociation {
        operation,
        thing: thing.name.clone(),
        thing_id: thing.id,
        thing_type: thing_type.clone(),
        at: context.now,
    })
}

fn created(thing: &Thing, scope: &Scope) -> CreateThingResponse {
    CreateThingResponse {
        thing_name: Some(thing.name.to_string()),
        thing_arn: Some(scope.thing_arn(&thing.name)),
        thing_id: Some(thing.id.to_string()),
    }
}

/// Refuses to create a thing that is there with another configuration.
fn check_same(stored: &Thing, wanted: &Thing, scope: &Scope) -> Result<(), ApiError> {
    let difference = if stored.attributes != wanted.attributes {
        "attributes"
    } else if stored.thing_type != wanted.thing_type {
        "thing type"
    } else if stored.billing_group != wanted.billing_group {
        "billing group"
    } else {
        return Ok(());
    };
    let message = format!("Thing {} already exists in account with different {difference}", stored.name);
    let error = ApiError::new(ErrorCode::ResourceAlreadyExists, message);
    Err(error.with_resource(stored.id.to_string(), scope.thing_arn(&stored.name)))
}

fn check_attributes(thing: &Thing) -> Result<(), ApiError> {
    match &thing.thing_type {
        Some(_) => attribute::check(&thing.attributes, Attributes::TYPED_MAX, "a thing with a thing type"),
        None => attribute::check(&thing.attributes, Attributes::UNTYPED_MAX, "a thing without a thing type"),
    }
}

/// A page of the principals of a thing that exists.
async fn principals(
    thing: &str,
    principal_type: Option<&str>,
    context: &Context<'_>,
) -> Result<Page<ThingPrincipal>, Failure> {
    let name = ThingName::parse(thing).map_err(invalid)?;
    let principal_type = parse_principal_type(principal_type)?;
    let page = context.page(Order::Ascending)?;
    existing(&name, context).await?;
    Ok(context.registry().thing_principals(&name, principal_type, page).await?)
}

/// A page of the things of a principal that exists.
async fn things_of(
    principal: &str,
    principal_type: Option<&str>,
    context: &Context<'_>,
) -> Result<Page<PrincipalThing>, Failure> {
    let id: CertificateId = named::principal(principal, context.scope())?;
    let principal_type = parse_principal_type(principal_type)?;
    let page = context.page(Order::Ascending)?;
    if context.registry().certificate(id).await?.is_none() {
        return Err(Conflict::CertificateNotFound(id).into());
    }
    Ok(context.registry().principal_things(id, principal_type, page).await?)
}

fn parse_type(name: Option<&str>) -> Result<Option<ThingTypeName>, ApiError> {
    name.map(ThingTypeName::parse).transpose().map_err(invalid)
}

fn parse_principal_type(word: Option<&str>) -> Result<Option<ThingPrincipalType>, ApiError> {
    word.map(ThingPrincipalType::parse).transpose().map_err(invalid)
}

/// A filter has both the name and the value of an attribute, or neither.
fn attribute_filter(
    name: Option<&str>,
    value: Option<&str>,
    is_prefix: bool,
) -> Result<Option<AttributeFilter>, ApiError> {
    match (name, value) {
        (None, None) if is_prefix => {
            Err(invalid("usePrefixAttributeValue needs attributeName and attributeValue"))
        }
        (None, None) => Ok(None),
        (Some(name), Some(value)) => {
            let name = AttributeName::parse(name).map_err(invalid)?;
            let value = AttributeValue::parse(value).map_err(invalid)?;
            let filter = if is_prefix { AttributeFilter::BeginsWith } else { AttributeFilter::Is };
            Ok(Some(filter(name, value)))
        }
        (Some(_), None) => Err(invalid("attributeName needs attributeValue beside it")),
        (None, Some(_)) => Err(invalid("attributeValue needs attributeName beside it")),
    }
}

fn list(thing: &Thing, scope: &Scope) -> ThingAttribute {
    ThingAttribute {
        thing_name: Some(thing.name.to_string()),
        thing_type_name: thing.thing_type.as_ref().map(ToString::to_string),
        thing_arn: Some(scope.thing_arn(&thing.name)),
        attributes: Some(wire_attributes(&thing.attributes)),
        version: Some(wire_version(thing.version)),
    }
}
