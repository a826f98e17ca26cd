use std::collections::BTreeMap;

use landfall_api::ApiError;
use landfall_api::thing::{
    DescribeThingRequest, DescribeThingResponse, ListThingPrincipalsRequest, ListThingPrincipalsResponse,
    ListThingsRequest, ListThingsResponse, ThingAttribute,
};
use landfall_model::{AttributeName, AttributeValue, Attributes, Scope, Thing, ThingName, ThingTypeName};
use landfall_registry::{Conflict, Order, ThingFilter};

use crate::failure::{Failure, invalid, not_built};
use crate::handler::{Context, Handle};

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
        if use_prefix_attribute_value == Some(true) {
            return Err(not_built("usePrefixAttributeValue, the search for the beginning of a value,").into());
        }
        let filter = ThingFilter {
            thing_type: thing_type_name.as_deref().map(ThingTypeName::parse).transpose().map_err(invalid)?,
            attribute: attribute_filter(attribute_name.as_deref(), attribute_value.as_deref())?,
        };
        let page = context.registry().things(&filter, context.page(Order::Ascending)?).await?;
        Ok(ListThingsResponse {
            things: Some(page.items.iter().map(|thing| list(thing, context.scope())).collect()),
            next_token: context.next_token(page.next)?,
        })
    }
}

impl Handle for DescribeThingRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DescribeThingResponse, Failure> {
        let Self { thing_name } = self;
        let name = ThingName::parse(&thing_name).map_err(invalid)?;
        let thing = context.registry().thing(&name).await?.ok_or(Conflict::ThingNotFound(name))?;
        Ok(DescribeThingResponse {
            default_client_id: Some(thing.name.to_string()),
            thing_name: Some(thing.name.to_string()),
            // The registry gives things no id beside their name.
            thing_id: None,
            thing_arn: Some(context.scope().thing_arn(&thing.name)),
            thing_type_name: thing.thing_type.as_ref().map(ToString::to_string),
            attributes: Some(wire_attributes(&thing.attributes)),
            version: Some(wire_version(&thing)),
            billing_group_name: None,
        })
    }
}

impl Handle for ListThingPrincipalsRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListThingPrincipalsResponse, Failure> {
        // The context reads the page from the call.
        let Self { next_token: _, max_results: _, thing_name } = self;
        let name = ThingName::parse(&thing_name).map_err(invalid)?;
        let page = context.page(Order::Ascending)?;
        if context.registry().thing(&name).await?.is_none() {
            return Err(Conflict::ThingNotFound(name).into());
        }
        let page = context.registry().thing_principals(&name, page).await?;
        Ok(ListThingPrincipalsResponse {
            principals: Some(page.items.iter().map(|id| context.scope().certificate_arn(id)).collect()),
            next_token: context.next_token(page.next)?,
        })
    }
}

/// A filter has both the name and the value of an attribute, or neither.
fn attribute_filter(
    name: Option<&str>,
    value: Option<&str>,
) -> Result<Option<(AttributeName, AttributeValue)>, ApiError> {
    match (name, value) {
        (None, None) => Ok(None),
        (Some(name), Some(value)) => {
            let name = AttributeName::parse(name).map_err(invalid)?;
            Ok(Some((name, AttributeValue::parse(value).map_err(invalid)?)))
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
        version: Some(wire_version(thing)),
    }
}

fn wire_attributes(attributes: &Attributes) -> BTreeMap<String, String> {
    attributes.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn wire_version(thing: &Thing) -> i64 {
    i64::try_from(thing.version).unwrap_or(i64::MAX)
}
