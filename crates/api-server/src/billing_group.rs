use landfall_api::billing_group::{
    AddThingToBillingGroupRequest, AddThingToBillingGroupResponse, BillingGroupMetadata,
    BillingGroupProperties, CreateBillingGroupRequest, CreateBillingGroupResponse, DeleteBillingGroupRequest,
    DeleteBillingGroupResponse, DescribeBillingGroupRequest, DescribeBillingGroupResponse,
    ListBillingGroupsRequest, ListBillingGroupsResponse, ListThingsInBillingGroupRequest,
    ListThingsInBillingGroupResponse, RemoveThingFromBillingGroupRequest,
    RemoveThingFromBillingGroupResponse, UpdateBillingGroupRequest, UpdateBillingGroupResponse,
};
use landfall_api::thing_group::GroupNameAndArn;
use landfall_api::{ApiError, ErrorCode, OperationKey};
use landfall_model::{BillingGroup, BillingGroupId, BillingGroupName, Description, Scope, TaggedResource};
use landfall_registry::{BillingGroupUpdate, Conflict, Order, Transaction};

use crate::attempts::Attempts;
use crate::failure::{Failure, invalid};
use crate::handler::{Context, Handle, Handler, check_version, handler, wire_time, wire_version};
use crate::{named, random, tag};

/// The operations of billing groups.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<CreateBillingGroupRequest>(),
        handler::<DescribeBillingGroupRequest>(),
        handler::<UpdateBillingGroupRequest>(),
        handler::<DeleteBillingGroupRequest>(),
        handler::<ListBillingGroupsRequest>(),
        handler::<AddThingToBillingGroupRequest>(),
        handler::<RemoveThingFromBillingGroupRequest>(),
        handler::<ListThingsInBillingGroupRequest>(),
    ]
}

impl Handle for CreateBillingGroupRequest {
    /// Again with the same configuration it succeeds, and changes nothing.
    async fn handle(self, context: &Context<'_>) -> Result<CreateBillingGroupResponse, Failure> {
        let Self { billing_group_name, billing_group_properties, tags } = self;
        let group = BillingGroup {
            name: BillingGroupName::parse(&billing_group_name).map_err(invalid)?,
            id: BillingGroupId::from_bytes(random::uuid()?),
            description: parse_description(billing_group_properties.unwrap_or_default())?,
            version: 1,
            created_at: context.now,
        };
        let tags = tag::parse(tags)?;
        let mut attempts = Attempts::new();
        loop {
            let mut transaction = Transaction::new();
            transaction.insert_billing_group(group.clone());
            if !tags.is_empty() {
                transaction.set_tags(TaggedResource::BillingGroup(group.name.clone()), tags.clone());
            }
            let Some(conflict) = context.try_commit(transaction).await? else {
                return Ok(created(&group, context.scope()));
            };
            if let Some(stored) = context.registry().billing_group(&group.name).await? {
                check_same(&stored, &group, context.scope())?;
                return Ok(created(&stored, context.scope()));
            }
            // It may have been deleted since.
            let was_there = matches!(conflict, Conflict::BillingGroupExists(_));
            attempts.again(conflict, was_there)?;
        }
    }
}

impl Handle for DescribeBillingGroupRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DescribeBillingGroupResponse, Failure> {
        let Self { billing_group_name } = self;
        let name = BillingGroupName::parse(&billing_group_name).map_err(invalid)?;
        let BillingGroup { name, id, description, version, created_at } = existing(&name, context).await?;
        Ok(DescribeBillingGroupResponse {
            billing_group_name: Some(name.to_string()),
            billing_group_id: Some(id.to_string()),
            billing_group_arn: Some(context.scope().billing_group_arn(&name)),
            version: Some(wire_version(version)),
            billing_group_properties: Some(BillingGroupProperties {
                billing_group_description: description.as_ref().map(ToString::to_string),
            }),
            billing_group_metadata: Some(BillingGroupMetadata { creation_date: Some(wire_time(created_at)) }),
        })
    }
}

impl Handle for UpdateBillingGroupRequest {
    /// What the properties do not have stays as it is.
    async fn handle(self, context: &Context<'_>) -> Result<UpdateBillingGroupResponse, Failure> {
        let Self { billing_group_name, billing_group_properties, expected_version } = self;
        let name = BillingGroupName::parse(&billing_group_name).map_err(invalid)?;
        let description = parse_description(billing_group_properties)?;
        let mut attempts = Attempts::new();
        loop {
            let stored = existing(&name, context).await?;
            let other_version = || Conflict::BillingGroupVersion(name.clone());
            check_version(Some(stored.version), expected_version, other_version)?;
            let mut transaction = Transaction::new();
            transaction.update_billing_group(BillingGroupUpdate {
                name: stored.name,
                id: stored.id,
                version: stored.version,
                description: description.clone().or(stored.description),
            });
            let Some(conflict) = context.try_commit(transaction).await? else {
                let version = wire_version(stored.version.saturating_add(1));
                return Ok(UpdateBillingGroupResponse { version: Some(version) });
            };
            let is_lost_race = matches!(conflict, Conflict::BillingGroupVersion(_));
            attempts.again(conflict, is_lost_race)?;
        }
    }
}

impl Handle for DeleteBillingGroupRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DeleteBillingGroupResponse, Failure> {
        let Self { billing_group_name, expected_version } = self;
        let name = BillingGroupName::parse(&billing_group_name).map_err(invalid)?;
        let mut attempts = Attempts::new();
        loop {
            let stored = context.registry().billing_group(&name).await?;
            let version = stored.as_ref().map(|stored| stored.version);
            check_version(version, expected_version, || Conflict::BillingGroupVersion(name.clone()))?;
            // To delete what is not there succeeds, as at AWS.
            let Some(stored) = stored else { return Ok(DeleteBillingGroupResponse {}) };
            let mut transaction = Transaction::new();
            transaction.delete_billing_group(stored.name, stored.id, stored.version);
            let Some(conflict) = context.try_commit(transaction).await? else {
                return Ok(DeleteBillingGroupResponse {});
            };
            let is_lost_race =
                matches!(conflict, Conflict::BillingGroupNotFound(_) | Conflict::BillingGroupVersion(_));
            attempts.again(conflict, is_lost_race)?;
        }
    }
}

impl Handle for ListBillingGroupsRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListBillingGroupsResponse, Failure> {
        // The context reads the page from the call.
        let Self { next_token: _, max_results: _, name_prefix_filter } = self;
        let prefix =
            name_prefix_filter.as_deref().map(BillingGroupName::parse).transpose().map_err(invalid)?;
        let page = context.page(Order::Ascending)?;
        let page = context.registry().billing_groups(prefix.as_ref(), page).await?;
        Ok(ListBillingGroupsResponse {
            billing_groups: Some(page.items.iter().map(|group| list(&group.name, context.scope())).collect()),
            next_token: context.next_token(page.next)?,
        })
    }
}

impl Handle for AddThingToBillingGroupRequest {
    /// A thing that is in another billing group leaves that one.
    async fn handle(self, context: &Context<'_>) -> Result<AddThingToBillingGroupResponse, Failure> {
        let Self { billing_group_name, billing_group_arn, thing_name, thing_arn } = self;
        let scope = context.scope();
        let group = named::billing_group(billing_group_name.as_deref(), billing_group_arn.as_deref(), scope)?;
        let thing = named::thing(thing_name.as_deref(), thing_arn.as_deref(), scope)?;
        let mut transaction = Transaction::new();
        transaction.add_thing_to_billing_group(group, thing);
        context.registry().commit(transaction).await?;
        Ok(AddThingToBillingGroupResponse {})
    }
}

impl Handle for RemoveThingFromBillingGroupRequest {
    /// Removing a thing that is not in the group succeeds, and changes nothing.
    async fn handle(self, context: &Context<'_>) -> Result<RemoveThingFromBillingGroupResponse, Failure> {
        let Self { billing_group_name, billing_group_arn, thing_name, thing_arn } = self;
        let scope = context.scope();
        let group = named::billing_group(billing_group_name.as_deref(), billing_group_arn.as_deref(), scope)?;
        let thing = named::thing(thing_name.as_deref(), thing_arn.as_deref(), scope)?;
        let mut transaction = Transaction::new();
        transaction.remove_thing_from_billing_group(group, thing);
        context.registry().commit(transaction).await?;
        Ok(RemoveThingFromBillingGroupResponse {})
    }
}

impl Handle for ListThingsInBillingGroupRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListThingsInBillingGroupResponse, Failure> {
        // The context reads the page from the call.
        let Self { billing_group_name, next_token: _, max_results: _ } = self;
        let name = BillingGroupName::parse(&billing_group_name).map_err(invalid)?;
        let page = context.page(Order::Ascending)?;
        existing(&name, context).await?;
        let page = context.registry().billing_group_things(&name, page).await?;
        Ok(ListThingsInBillingGroupResponse {
            things: Some(page.items.iter().map(ToString::to_string).collect()),
            next_token: context.next_token(page.next)?,
        })
    }
}

async fn existing(name: &BillingGroupName, context: &Context<'_>) -> Result<BillingGroup, Failure> {
    let found = context.registry().billing_group(name).await?;
    found.ok_or_else(|| Conflict::BillingGroupNotFound(name.clone()).into())
}

fn created(group: &BillingGroup, scope: &Scope) -> CreateBillingGroupResponse {
    CreateBillingGroupResponse {
        billing_group_name: Some(group.name.to_string()),
        billing_group_arn: Some(scope.billing_group_arn(&group.name)),
        billing_group_id: Some(group.id.to_string()),
    }
}

/// Refuses to create a group that is there with other properties.
fn check_same(stored: &BillingGroup, wanted: &BillingGroup, scope: &Scope) -> Result<(), ApiError> {
    if stored.description == wanted.description {
        return Ok(());
    }
    let name = &stored.name;
    let message = format!("Billing Group {name} already exists in current account with different properties");
    let error = ApiError::new(ErrorCode::ResourceAlreadyExists, message);
    Err(error.with_resource(stored.id.to_string(), scope.billing_group_arn(name)))
}

fn parse_description(properties: BillingGroupProperties) -> Result<Option<Description>, ApiError> {
    let BillingGroupProperties { billing_group_description } = properties;
    billing_group_description.as_deref().map(Description::parse).transpose().map_err(invalid)
}

fn list(name: &BillingGroupName, scope: &Scope) -> GroupNameAndArn {
    GroupNameAndArn { group_name: Some(name.to_string()), group_arn: Some(scope.billing_group_arn(name)) }
}
