use landfall_api::tag::{
    ListTagsForResourceRequest, ListTagsForResourceResponse, Tag as WireTag, TagResourceRequest,
    TagResourceResponse, UntagResourceRequest, UntagResourceResponse,
};
use landfall_api::{ApiError, OperationKey};
use landfall_model::{Scope, Tag, TagKey, TagValue, TaggedResource};
use landfall_registry::{Conflict, Order, Transaction};

use crate::failure::{Failure, invalid};
use crate::handler::{Context, Handle, Handler, handler};

/// The operations of tags.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<TagResourceRequest>(),
        handler::<UntagResourceRequest>(),
        handler::<ListTagsForResourceRequest>(),
    ]
}

impl Handle for TagResourceRequest {
    async fn handle(self, context: &Context<'_>) -> Result<TagResourceResponse, Failure> {
        let Self { resource_arn, tags } = self;
        let resource = parse_resource(&resource_arn, context.scope())?;
        let mut transaction = Transaction::new();
        transaction.set_tags(resource, parse(Some(tags))?);
        context.registry().commit(transaction).await?;
        Ok(TagResourceResponse {})
    }
}

impl Handle for UntagResourceRequest {
    /// Removing tags that are not there succeeds.
    async fn handle(self, context: &Context<'_>) -> Result<UntagResourceResponse, Failure> {
        let Self { resource_arn, tag_keys } = self;
        let resource = parse_resource(&resource_arn, context.scope())?;
        let keys =
            tag_keys.iter().map(|key| TagKey::parse(key)).collect::<Result<_, _>>().map_err(invalid)?;
        let mut transaction = Transaction::new();
        transaction.remove_tags(resource, keys);
        context.registry().commit(transaction).await?;
        Ok(UntagResourceResponse {})
    }
}

impl Handle for ListTagsForResourceRequest {
    /// A resource has few tags: all are on the first page.
    async fn handle(self, context: &Context<'_>) -> Result<ListTagsForResourceResponse, Failure> {
        // The context reads the page from the call.
        let Self { resource_arn, next_token: _ } = self;
        let resource = parse_resource(&resource_arn, context.scope())?;
        // No token was given out for this list, so that one that comes is refused.
        context.page(Order::Ascending)?;
        let found = context.registry().tags(&resource).await?;
        let tags = found.ok_or_else(|| not_found(resource))?;
        let wire = |Tag { key, value }: &Tag| WireTag {
            key: key.as_str().to_owned(),
            value: Some(value.as_str().to_owned()),
        };
        Ok(ListTagsForResourceResponse { tags: Some(tags.iter().map(wire).collect()), next_token: None })
    }
}

/// The tags of a request.
///
/// # Errors
/// A key or a value is none, or two tags have the same key.
pub(crate) fn parse(tags: Option<Vec<WireTag>>) -> Result<Vec<Tag>, ApiError> {
    let tags = tags.unwrap_or_default();
    let mut parsed: Vec<Tag> = Vec::with_capacity(tags.len());
    for WireTag { key, value } in tags {
        let key = TagKey::parse(&key).map_err(invalid)?;
        if parsed.iter().any(|earlier| earlier.key == key) {
            return Err(invalid(format!("the tag key {:?} is given twice", key.as_str())));
        }
        let value = TagValue::parse(value.as_deref().unwrap_or_default()).map_err(invalid)?;
        parsed.push(Tag { key, value });
    }
    Ok(parsed)
}

fn parse_resource(arn: &str, scope: &Scope) -> Result<TaggedResource, ApiError> {
    let resource = scope.parse_arn(arn).map_err(|error| invalid(format!("resourceArn: {error}")))?;
    let refuse = || {
        invalid(format!(
            "{arn:?} cannot have tags; CA certificates, policies, thing types, thing groups, billing groups and topic rules can"
        ))
    };
    resource.into_tagged_resource().ok_or_else(refuse)
}

fn not_found(resource: TaggedResource) -> Conflict {
    match resource {
        TaggedResource::BillingGroup(name) => Conflict::BillingGroupNotFound(name),
        TaggedResource::CaCertificate(id) => Conflict::CaCertificateNotFound(id),
        TaggedResource::Policy(name) => Conflict::PolicyNotFound(name),
        TaggedResource::ThingGroup(name) => Conflict::ThingGroupNotFound(name),
        TaggedResource::ThingType(name) => Conflict::ThingTypeNotFound(name),
        TaggedResource::TopicRule(name) => Conflict::TopicRuleNotFound(name),
    }
}
