use std::time::Duration;

use landfall_api::thing_type::{
    CreateThingTypeRequest, CreateThingTypeResponse, DeleteThingTypeRequest, DeleteThingTypeResponse,
    DeprecateThingTypeRequest, DeprecateThingTypeResponse, DescribeThingTypeRequest,
    DescribeThingTypeResponse, ListThingTypesRequest, ListThingTypesResponse, Mqtt5Configuration,
    PropagatingAttribute as WirePropagatingAttribute, ThingTypeDefinition, ThingTypeMetadata,
    ThingTypeProperties, UpdateThingTypeRequest, UpdateThingTypeResponse,
};
use landfall_api::{ApiError, ErrorCode, OperationKey};
use landfall_events::{Event, Operation, ThingTypeEvent};
use landfall_model::{
    AttributeName, ConnectionAttribute, Description, PropagatingAttribute, PropagationSource, Scope,
    TaggedResource, ThingType, ThingTypeId, ThingTypeName, UnixTime, UserPropertyKey,
};
use landfall_registry::{Conflict, Order, Page, Transaction};

use crate::attempts::Attempts;
use crate::failure::{Failure, invalid};
use crate::handler::{Context, Handle, Handler, handler, wire_time};
use crate::{random, tag};

/// The operations of thing types.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<CreateThingTypeRequest>(),
        handler::<DescribeThingTypeRequest>(),
        handler::<UpdateThingTypeRequest>(),
        handler::<DeprecateThingTypeRequest>(),
        handler::<DeleteThingTypeRequest>(),
        handler::<ListThingTypesRequest>(),
    ]
}

impl Handle for CreateThingTypeRequest {
    /// Again with the same configuration it succeeds, and changes nothing.
    async fn handle(self, context: &Context<'_>) -> Result<CreateThingTypeResponse, Failure> {
        let Self { thing_type_name, thing_type_properties, tags } = self;
        let properties = Properties::parse(thing_type_properties)?;
        let thing_type = ThingType {
            name: ThingTypeName::parse(&thing_type_name).map_err(invalid)?,
            id: ThingTypeId::from_bytes(random::uuid()?),
            description: properties.description,
            searchable_attributes: properties.searchable_attributes.unwrap_or_default(),
            propagating_attributes: properties.propagating_attributes.unwrap_or_default(),
            deprecated_at: None,
            created_at: context.now,
        };
        let tags = tag::parse(tags)?;
        let mut attempts = Attempts::new();
        loop {
            let mut transaction = Transaction::new();
            transaction.insert_thing_type(thing_type.clone());
            if !tags.is_empty() {
                transaction.set_tags(TaggedResource::ThingType(thing_type.name.clone()), tags.clone());
            }
            transaction.append(event(Operation::Created, thing_type.clone(), context));
            let Some(conflict) = context.try_commit(transaction).await? else {
                return Ok(created(&thing_type, context.scope()));
            };
            if let Some(stored) = context.registry().thing_type(&thing_type.name).await? {
                check_same(&stored, &thing_type, context.scope())?;
                return Ok(created(&stored, context.scope()));
            }
            // It may have been deleted since.
            let was_there = matches!(conflict, Conflict::ThingTypeExists(_));
            attempts.again(conflict, was_there)?;
        }
    }
}

impl Handle for DescribeThingTypeRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DescribeThingTypeResponse, Failure> {
        let Self { thing_type_name } = self;
        let name = ThingTypeName::parse(&thing_type_name).map_err(invalid)?;
        let thing_type = existing(&name, context).await?;
        Ok(DescribeThingTypeResponse {
            thing_type_name: Some(thing_type.name.to_string()),
            thing_type_id: Some(thing_type.id.to_string()),
            thing_type_arn: Some(context.scope().thing_type_arn(&thing_type.name)),
            thing_type_properties: Some(wire_properties(&thing_type)),
            thing_type_metadata: Some(wire_metadata(&thing_type)),
        })
    }
}

impl Handle for UpdateThingTypeRequest {
    /// Only the MQTT 5 configuration of a type can change, as at AWS.
    async fn handle(self, context: &Context<'_>) -> Result<UpdateThingTypeResponse, Failure> {
        let Self { thing_type_name, thing_type_properties } = self;
        let name = ThingTypeName::parse(&thing_type_name).map_err(invalid)?;
        let properties = Properties::parse(thing_type_properties)?;
        let mut attempts = Attempts::new();
        loop {
            let stored = existing(&name, context).await?;
            properties.check_unchangeable(&stored)?;
            let wanted = properties.propagating_attributes.as_ref();
            let Some(wanted) = wanted.filter(|wanted| **wanted != stored.propagating_attributes) else {
                return Ok(UpdateThingTypeResponse {});
            };
            let mut transaction = Transaction::new();
            transaction.set_propagating_attributes(stored.clone(), wanted.clone());
            let updated = ThingType { propagating_attributes: wanted.clone(), ..stored };
            transaction.append(event(Operation::Updated, updated, context));
            let Some(conflict) = context.try_commit(transaction).await? else {
                return Ok(UpdateThingTypeResponse {});
            };
            let is_lost_race = matches!(conflict, Conflict::ThingTypeChanged(_));
            attempts.again(conflict, is_lost_race)?;
        }
    }
}

impl Handle for DeprecateThingTypeRequest {
    /// To deprecate a deprecated type leaves the time of its deprecation as it is.
    async fn handle(self, context: &Context<'_>) -> Result<DeprecateThingTypeResponse, Failure> {
        let Self { thing_type_name, undo_deprecate } = self;
        let name = ThingTypeName::parse(&thing_type_name).map_err(invalid)?;
        let deprecates = undo_deprecate != Some(true);
        let mut attempts = Attempts::new();
        loop {
            let stored = existing(&name, context).await?;
            if stored.deprecated_at.is_some() == deprecates {
                return Ok(DeprecateThingTypeResponse {});
            }
            let deprecated_at = deprecates.then_some(context.now);
            let mut transaction = Transaction::new();
            transaction.set_deprecated(stored.clone(), deprecated_at);
            let updated = ThingType { deprecated_at, ..stored };
            transaction.append(event(Operation::Updated, updated, context));
            let Some(conflict) = context.try_commit(transaction).await? else {
                return Ok(DeprecateThingTypeResponse {});
            };
            let is_lost_race = matches!(conflict, Conflict::ThingTypeChanged(_));
            attempts.again(conflict, is_lost_race)?;
        }
    }
}

impl Handle for DeleteThingTypeRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DeleteThingTypeResponse, Failure> {
        let Self { thing_type_name } = self;
        let name = ThingTypeName::parse(&thing_type_name).map_err(invalid)?;
        let mut attempts = Attempts::new();
        loop {
            let stored = existing(&name, context).await?;
            check_delay(&stored, context.app.thing_type_deletion_delay, context.now)?;
            let mut transaction = Transaction::new();
            transaction.delete_thing_type(stored.clone());
            transaction.append(event(Operation::Deleted, stored, context));
            let Some(conflict) = context.try_commit(transaction).await? else {
                return Ok(DeleteThingTypeResponse {});
            };
            let is_lost_race = matches!(conflict, Conflict::ThingTypeChanged(_));
            attempts.again(conflict, is_lost_race)?;
        }
    }
}

impl Handle for ListThingTypesRequest {
    /// `thingTypeName` is a whole name: with it the list has one entry or none.
    async fn handle(self, context: &Context<'_>) -> Result<ListThingTypesResponse, Failure> {
        // The context reads the page from the call.
        let Self { next_token: _, max_results: _, thing_type_name } = self;
        let page = context.page(Order::Ascending)?;
        let page = match thing_type_name {
            None => context.registry().thing_types(page).await?,
            Some(name) => {
                let name = ThingTypeName::parse(&name).map_err(invalid)?;
                let found = context.registry().thing_type(&name).await?;
                Page { items: found.into_iter().collect(), next: None }
            }
        };
        Ok(ListThingTypesResponse {
            thing_types: Some(page.items.iter().map(|item| list(item, context.scope())).collect()),
            next_token: context.next_token(page.next)?,
        })
    }
}

/// The properties that a request has.
struct Properties {
    description: Option<Description>,
    searchable_attributes: Option<Vec<AttributeName>>,
    propagating_attributes: Option<Vec<PropagatingAttribute>>,
}

impl Properties {
    fn parse(properties: Option<ThingTypeProperties>) -> Result<Self, ApiError> {
        let ThingTypeProperties { thing_type_description, searchable_attributes, mqtt5_configuration } =
            properties.unwrap_or_default();
        let propagating = mqtt5_configuration.and_then(|configuration| {
            let Mqtt5Configuration { propagating_attributes } = configuration;
            propagating_attributes
        });
        Ok(Self {
            description: thing_type_description
                .as_deref()
                .map(Description::parse)
                .transpose()
                .map_err(invalid)?,
            searchable_attributes: searchable_attributes.as_deref().map(parse_searchable).transpose()?,
            propagating_attributes: propagating.map(parse_propagating).transpose()?,
        })
    }

    fn check_unchangeable(&self, stored: &ThingType) -> Result<(), ApiError> {
        let describes = self.description.is_none() || self.description == stored.description;
        let searchable = self.searchable_attributes.as_ref();
        if describes && searchable.is_none_or(|names| is_same_set(names, &stored.searchable_attributes)) {
            return Ok(());
        }
        let name = &stored.name;
        Err(invalid(format!(
            "Can only update mqtt5Configuration. The description and the searchable attributes of thing type {name} \
             stay as they are"
        )))
    }
}

fn parse_searchable(names: &[String]) -> Result<Vec<AttributeName>, ApiError> {
    if names.len() > ThingType::SEARCHABLE_MAX {
        let (count, count_max) = (names.len(), ThingType::SEARCHABLE_MAX);
        return Err(invalid(format!(
            "a thing type can have at most {count_max} searchable attributes, not {count}"
        )));
    }
    let parsed: Vec<_> =
        names.iter().map(|name| AttributeName::parse(name)).collect::<Result<_, _>>().map_err(invalid)?;
    for (index, name) in parsed.iter().enumerate() {
        if parsed.iter().take(index).any(|earlier| earlier == name) {
            return Err(invalid(format!("the searchable attribute {name} is named twice")));
        }
    }
    Ok(parsed)
}

fn parse_propagating(
    attributes: Vec<WirePropagatingAttribute>,
) -> Result<Vec<PropagatingAttribute>, ApiError> {
    if attributes.len() > ThingType::PROPAGATING_MAX {
        let (count, count_max) = (attributes.len(), ThingType::PROPAGATING_MAX);
        return Err(invalid(format!(
            "a thing type can have at most {count_max} propagating attributes, not {count}"
        )));
    }
    let mut parsed: Vec<PropagatingAttribute> = Vec::with_capacity(attributes.len());
    for attribute in attributes {
        let attribute = parse_propagating_attribute(attribute)?;
        if parsed.iter().any(|earlier| earlier.key == attribute.key) {
            return Err(invalid(format!("the userPropertyKey {} is named twice", attribute.key)));
        }
        parsed.push(attribute);
    }
    Ok(parsed)
}

fn parse_propagating_attribute(
    attribute: WirePropagatingAttribute,
) -> Result<PropagatingAttribute, ApiError> {
    let WirePropagatingAttribute { user_property_key, thing_attribute, connection_attribute } = attribute;
    let key = user_property_key.ok_or_else(|| invalid("a propagating attribute has no userPropertyKey"))?;
    let key = UserPropertyKey::parse(&key).map_err(invalid)?;
    let source = match (thing_attribute, connection_attribute) {
        (Some(name), None) => PropagationSource::Thing(AttributeName::parse(&name).map_err(invalid)?),
        (None, Some(name)) => {
            PropagationSource::Connection(ConnectionAttribute::parse(&name).map_err(invalid)?)
        }
        (None, None) | (Some(_), Some(_)) => {
            return Err(invalid(format!(
                "the propagating attribute {key} needs either thingAttribute or connectionAttribute"
            )));
        }
    };
    Ok(PropagatingAttribute { key, source })
}

async fn existing(name: &ThingTypeName, context: &Context<'_>) -> Result<ThingType, Failure> {
    let found = context.registry().thing_type(name).await?;
    found.ok_or_else(|| Conflict::ThingTypeNotFound(name.clone()).into())
}

fn event(operation: Operation, thing_type: ThingType, context: &Context<'_>) -> Event {
    let account = context.scope().account.clone();
    Event::ThingType(ThingTypeEvent { operation, thing_type, account, at: context.now })
}

fn created(thing_type: &ThingType, scope: &Scope) -> CreateThingTypeResponse {
    CreateThingTypeResponse {
        thing_type_name: Some(thing_type.name.to_string()),
        thing_type_arn: Some(scope.thing_type_arn(&thing_type.name)),
        thing_type_id: Some(thing_type.id.to_string()),
    }
}

/// Refuses to create a type that is there with other properties.
fn check_same(stored: &ThingType, wanted: &ThingType, scope: &Scope) -> Result<(), ApiError> {
    let is_same = stored.description == wanted.description
        && is_same_set(&stored.searchable_attributes, &wanted.searchable_attributes)
        && is_same_set(&stored.propagating_attributes, &wanted.propagating_attributes);
    if is_same {
        return Ok(());
    }
    let name = &stored.name;
    let message = format!("Thing Type {name} already exists in current account with different properties");
    let error = ApiError::new(ErrorCode::ResourceAlreadyExists, message);
    Err(error.with_resource(stored.id.to_string(), scope.thing_type_arn(name)))
}

/// Whether two lists, neither of which names anything twice, name the same.
fn is_same_set<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    one.len() == other.len() && one.iter().all(|item| other.contains(item))
}

/// Refuses to delete a type that is not deprecated for long enough. Whether things have it is asked in the commit.
fn check_delay(thing_type: &ThingType, delay: Duration, now: UnixTime) -> Result<(), Failure> {
    let Some(deprecated_at) = thing_type.deprecated_at else {
        return Err(Conflict::ThingTypeNotDeprecated(thing_type.name.clone()).into());
    };
    if now.since(deprecated_at) >= delay {
        return Ok(());
    }
    // Terraform, for one, waits as long as it reads this text.
    let (name, delay) = (&thing_type.name, in_words(delay));
    let message = format!(
        "Cannot delete thing type : {name}. Please wait for {delay} after deprecation and then retry"
    );
    Err(invalid(message).into())
}

fn in_words(span: Duration) -> String {
    let seconds = span.as_secs();
    if span == Duration::from_secs(60) {
        "1 minute".to_owned()
    } else if seconds > 0 && seconds.is_multiple_of(60) && span.subsec_nanos() == 0 {
        format!("{} minutes", seconds / 60)
    } else {
        format!("{} seconds", span.as_secs_f64())
    }
}

fn list(thing_type: &ThingType, scope: &Scope) -> ThingTypeDefinition {
    ThingTypeDefinition {
        thing_type_name: Some(thing_type.name.to_string()),
        thing_type_arn: Some(scope.thing_type_arn(&thing_type.name)),
        thing_type_properties: Some(wire_properties(thing_type)),
        thing_type_metadata: Some(wire_metadata(thing_type)),
    }
}

/// What a type does not have is left out, as at AWS.
fn wire_properties(thing_type: &ThingType) -> ThingTypeProperties {
    let ThingType { description, searchable_attributes, propagating_attributes, .. } = thing_type;
    let searchable: Vec<_> = searchable_attributes.iter().map(ToString::to_string).collect();
    let propagating: Vec<_> = propagating_attributes.iter().map(wire_propagating_attribute).collect();
    ThingTypeProperties {
        thing_type_description: description.as_ref().map(ToString::to_string),
        searchable_attributes: Some(searchable).filter(|names| !names.is_empty()),
        mqtt5_configuration: Some(propagating)
            .filter(|attributes| !attributes.is_empty())
            .map(|attributes| Mqtt5Configuration { propagating_attributes: Some(attributes) }),
    }
}

fn wire_propagating_attribute(attribute: &PropagatingAttribute) -> WirePropagatingAttribute {
    let (thing_attribute, connection_attribute) = match &attribute.source {
        PropagationSource::Thing(name) => (Some(name.to_string()), None),
        PropagationSource::Connection(name) => (None, Some(name.as_str().to_owned())),
    };
    WirePropagatingAttribute {
        user_property_key: Some(attribute.key.to_string()),
        thing_attribute,
        connection_attribute,
    }
}

fn wire_metadata(thing_type: &ThingType) -> ThingTypeMetadata {
    ThingTypeMetadata {
        deprecated: Some(thing_type.deprecated_at.is_some()),
        deprecation_date: thing_type.deprecated_at.map(wire_time),
        creation_date: Some(wire_time(thing_type.created_at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_told_in_words() {
        for (span, expected) in [
            (Duration::from_secs(300), "5 minutes"),
            (Duration::from_secs(60), "1 minute"),
            (Duration::from_secs(90), "90 seconds"),
            (Duration::from_millis(1_500), "1.5 seconds"),
            (Duration::from_millis(120_001), "120.001 seconds"),
        ] {
            assert_eq!(in_words(span), expected);
        }
    }
}
