use std::collections::BTreeSet;

use landfall_api::thing::AttributePayload;
use landfall_api::thing_group::{
    AddThingToThingGroupRequest, AddThingToThingGroupResponse, CreateThingGroupRequest,
    CreateThingGroupResponse, DeleteThingGroupRequest, DeleteThingGroupResponse, DescribeThingGroupRequest,
    DescribeThingGroupResponse, GroupNameAndArn, ListThingGroupsForThingRequest,
    ListThingGroupsForThingResponse, ListThingGroupsRequest, ListThingGroupsResponse,
    ListThingsInThingGroupRequest, ListThingsInThingGroupResponse, RemoveThingFromThingGroupRequest,
    RemoveThingFromThingGroupResponse, ThingGroupMetadata, ThingGroupProperties, UpdateThingGroupRequest,
    UpdateThingGroupResponse, UpdateThingGroupsForThingRequest, UpdateThingGroupsForThingResponse,
};
use landfall_api::{ApiError, ErrorCode, OperationKey};
use landfall_events::{
    Event, Operation, Relation, ThingGroupEvent, ThingGroupHierarchy, ThingGroupMembership,
};
use landfall_model::{
    Attributes, Description, Scope, TaggedResource, Thing, ThingGroup, ThingGroupId, ThingGroupName,
    ThingGroupView, ThingName,
};
use landfall_registry::{
    Conflict, Expectation, Order, PageRequest, ThingGroupFilter, ThingGroupPlace, ThingGroupUpdate,
    Transaction,
};

use crate::attempts::Attempts;
use crate::attribute::{self, AttributeUpdate, wire_attributes};
use crate::failure::{Failure, invalid};
use crate::handler::{Context, Handle, Handler, check_version, handler, wire_time, wire_version};
use crate::{named, random, tag, thing};

/// The operations of thing groups.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<CreateThingGroupRequest>(),
        handler::<DescribeThingGroupRequest>(),
        handler::<UpdateThingGroupRequest>(),
        handler::<DeleteThingGroupRequest>(),
        handler::<ListThingGroupsRequest>(),
        handler::<AddThingToThingGroupRequest>(),
        handler::<RemoveThingFromThingGroupRequest>(),
        handler::<UpdateThingGroupsForThingRequest>(),
        handler::<ListThingGroupsForThingRequest>(),
        handler::<ListThingsInThingGroupRequest>(),
    ]
}

impl Handle for CreateThingGroupRequest {
    /// Again with the same configuration it succeeds, and changes nothing.
    async fn handle(self, context: &Context<'_>) -> Result<CreateThingGroupResponse, Failure> {
        let Self { thing_group_name, parent_group_name, thing_group_properties, tags } = self;
        let ThingGroupProperties { thing_group_description, attribute_payload } =
            thing_group_properties.unwrap_or_default();
        let group = ThingGroup {
            name: ThingGroupName::parse(&thing_group_name).map_err(invalid)?,
            id: ThingGroupId::from_bytes(random::uuid()?),
            parent: parent_group_name.as_deref().map(ThingGroupName::parse).transpose().map_err(invalid)?,
            description: parse_description(thing_group_description.as_deref())?,
            attributes: AttributeUpdate::parse(attribute_payload)?.apply(&Attributes::default()),
            version: 1,
            created_at: context.now,
        };
        check_attributes(&group.attributes)?;
        let tags = tag::parse(tags)?;
        let mut attempts = Attempts::new();
        loop {
            let mut transaction = creation(&group, context).await?;
            if !tags.is_empty() {
                transaction.set_tags(TaggedResource::ThingGroup(group.name.clone()), tags.clone());
            }
            let Some(conflict) = context.try_commit(transaction).await? else {
                return Ok(created(&group, context.scope()));
            };
            if let Some(stored) = context.registry().thing_group(&group.name).await? {
                check_same(&stored, &group, context.scope())?;
                return Ok(created(&stored, context.scope()));
            }
            // It may have been deleted since.
            let was_there = matches!(conflict, Conflict::ThingGroupExists(_));
            attempts.again(conflict, was_there)?;
        }
    }
}

impl Handle for DescribeThingGroupRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DescribeThingGroupResponse, Failure> {
        let Self { thing_group_name } = self;
        let name = ThingGroupName::parse(&thing_group_name).map_err(invalid)?;
        let ThingGroupView { group, ancestors } = existing_view(&name, context).await?;
        let ThingGroup { name, id, parent, description, attributes, version, created_at } = group;
        // What a group does not have is left out, as at AWS.
        let attributes = Some(wire_attributes(&attributes)).filter(|attributes| !attributes.is_empty());
        let ancestors: Vec<_> = ancestors.iter().map(|(name, _)| list(name, context.scope())).collect();
        Ok(DescribeThingGroupResponse {
            thing_group_name: Some(name.to_string()),
            thing_group_id: Some(id.to_string()),
            thing_group_arn: Some(context.scope().thing_group_arn(&name)),
            version: Some(wire_version(version)),
            thing_group_properties: Some(ThingGroupProperties {
                thing_group_description: description.as_ref().map(ToString::to_string),
                attribute_payload: attributes
                    .map(|attributes| AttributePayload { attributes: Some(attributes), merge: None }),
            }),
            thing_group_metadata: Some(ThingGroupMetadata {
                parent_group_name: parent.as_ref().map(ToString::to_string),
                root_to_parent_thing_groups: Some(ancestors).filter(|groups| !groups.is_empty()),
                creation_date: Some(wire_time(created_at)),
            }),
            // These are of dynamic groups.
            index_name: None,
            query_string: None,
            query_version: None,
            status: None,
        })
    }
}

impl Handle for UpdateThingGroupRequest {
    /// What the properties do not have stays as it is.
    async fn handle(self, context: &Context<'_>) -> Result<UpdateThingGroupResponse, Failure> {
        let Self { thing_group_name, thing_group_properties, expected_version } = self;
        let name = ThingGroupName::parse(&thing_group_name).map_err(invalid)?;
        let ThingGroupProperties { thing_group_description, attribute_payload } = thing_group_properties;
        let description = parse_description(thing_group_description.as_deref())?;
        let attributes = AttributeUpdate::parse(attribute_payload)?;
        let mut attempts = Attempts::new();
        loop {
            let ThingGroupView { group, ancestors } = existing_view(&name, context).await?;
            let other_version = || Conflict::ThingGroupVersion(name.clone());
            check_version(Some(group.version), expected_version, other_version)?;
            let mut transaction = Transaction::new();
            let update = ThingGroupUpdate {
                name: group.name.clone(),
                id: group.id,
                version: group.version,
                description: description.clone().or_else(|| group.description.clone()),
                attributes: attributes.apply(&group.attributes),
            };
            check_attributes(&update.attributes)?;
            let version = group.version.saturating_add(1);
            let updated = ThingGroup {
                description: update.description.clone(),
                attributes: update.attributes.clone(),
                version,
                ..group
            };
            transaction.update_thing_group(update);
            let view = ThingGroupView { group: updated, ancestors };
            transaction.append(group_event(Operation::Updated, view, context));
            let Some(conflict) = context.try_commit(transaction).await? else {
                return Ok(UpdateThingGroupResponse { version: Some(wire_version(version)) });
            };
            let is_lost_race = matches!(conflict, Conflict::ThingGroupVersion(_));
            attempts.again(conflict, is_lost_race)?;
        }
    }
}

impl Handle for DeleteThingGroupRequest {
    /// Its things leave it. That is not told of each: there may be any number of them.
    async fn handle(self, context: &Context<'_>) -> Result<DeleteThingGroupResponse, Failure> {
        let Self { thing_group_name, expected_version } = self;
        let name = ThingGroupName::parse(&thing_group_name).map_err(invalid)?;
        let mut attempts = Attempts::new();
        loop {
            let view = context.registry().thing_group_view(&name).await?;
            let version = view.as_ref().map(|view| view.group.version);
            check_version(version, expected_version, || Conflict::ThingGroupVersion(name.clone()))?;
            // To delete what is not there succeeds, as at AWS.
            let Some(view) = view else { return Ok(DeleteThingGroupResponse {}) };
            let mut transaction = Transaction::new();
            transaction.delete_thing_group(name.clone(), view.group.id, view.group.version);
            if let Some(parent) = view.ancestors.last() {
                transaction.append(hierarchy(Relation::Removed, parent, &view.group, context));
            }
            transaction.append(group_event(Operation::Deleted, view, context));
            let Some(conflict) = context.try_commit(transaction).await? else {
                return Ok(DeleteThingGroupResponse {});
            };
            let is_lost_race =
                matches!(conflict, Conflict::ThingGroupNotFound(_) | Conflict::ThingGroupVersion(_));
            attempts.again(conflict, is_lost_race)?;
        }
    }
}

impl Handle for ListThingGroupsRequest {
    /// All groups are listed, or with a parent all below it; if `recursive` is false, those that are in no other, or its
    /// children.
    ///
    /// The developer guide (`thing-groups.html`) says that without `recursive` a parent's children are listed, in an example
    /// whose output the API never had. Measured at AWS, everything below the parent is (moto issue 2961, and moto does so),
    /// as everything is without a parent, in the guide too; the model has a type of its own for a `recursive` without a
    /// default.
    async fn handle(self, context: &Context<'_>) -> Result<ListThingGroupsResponse, Failure> {
        // The context reads the page from the call.
        let Self { next_token: _, max_results: _, parent_group, name_prefix_filter, recursive } = self;
        let parent = parent_group.as_deref().map(ThingGroupName::parse).transpose().map_err(invalid)?;
        let name_prefix = name_prefix_filter.as_deref().map(ThingGroupName::parse);
        let name_prefix = name_prefix.transpose().map_err(invalid)?;
        let page = context.page(Order::Ascending)?;
        if let Some(parent) = &parent {
            existing(parent, context).await?;
        }
        let place = match (parent, recursive) {
            (None, None | Some(true)) => ThingGroupPlace::Anywhere,
            (None, Some(false)) => ThingGroupPlace::Root,
            (Some(parent), None | Some(true)) => ThingGroupPlace::Below(parent),
            (Some(parent), Some(false)) => ThingGroupPlace::ChildOf(parent),
        };
        let page = context.registry().thing_groups(&ThingGroupFilter { place, name_prefix }, page).await?;
        Ok(ListThingGroupsResponse {
            thing_groups: Some(page.items.iter().map(|group| list(&group.name, context.scope())).collect()),
            next_token: context.next_token(page.next)?,
        })
    }
}

impl Handle for AddThingToThingGroupRequest {
    /// Adding a thing again succeeds, and changes nothing.
    async fn handle(self, context: &Context<'_>) -> Result<AddThingToThingGroupResponse, Failure> {
        // There are no dynamic groups to override.
        let Self { thing_group_name, thing_group_arn, thing_name, thing_arn, override_dynamic_groups: _ } =
            self;
        let named = GroupAndThing { thing_group_name, thing_group_arn, thing_name, thing_arn };
        let (group, thing, mut transaction) = named.read(context).await?;
        add(&mut transaction, &group, &thing, context);
        match context.try_commit(transaction).await? {
            None | Some(Conflict::ThingInGroup { .. }) => Ok(AddThingToThingGroupResponse {}),
            Some(conflict) => Err(conflict.into()),
        }
    }
}

impl Handle for RemoveThingFromThingGroupRequest {
    /// Removing a thing that is not in the group succeeds, and changes nothing.
    async fn handle(self, context: &Context<'_>) -> Result<RemoveThingFromThingGroupResponse, Failure> {
        let Self { thing_group_name, thing_group_arn, thing_name, thing_arn } = self;
        let named = GroupAndThing { thing_group_name, thing_group_arn, thing_name, thing_arn };
        let (group, thing, mut transaction) = named.read(context).await?;
        remove(&mut transaction, &group, &thing, context);
        match context.try_commit(transaction).await? {
            None | Some(Conflict::ThingNotInGroup { .. }) => Ok(RemoveThingFromThingGroupResponse {}),
            Some(conflict) => Err(conflict.into()),
        }
    }
}

impl Handle for UpdateThingGroupsForThingRequest {
    /// The groups that are named change, all of them or none; the others stay. What is so already stays so.
    async fn handle(self, context: &Context<'_>) -> Result<UpdateThingGroupsForThingResponse, Failure> {
        // There are no dynamic groups to override.
        let Self { thing_name, thing_groups_to_add, thing_groups_to_remove, override_dynamic_groups: _ } =
            self;
        let name = thing_name.ok_or_else(|| invalid("thingName is missing"))?;
        let name = ThingName::parse(&name).map_err(invalid)?;
        let joined = parse_names("thingGroupsToAdd", thing_groups_to_add)?;
        let left = parse_names("thingGroupsToRemove", thing_groups_to_remove)?;
        if let Some(both) = joined.intersection(&left).next() {
            let message = format!("thing group {both} is in thingGroupsToAdd and in thingGroupsToRemove");
            return Err(invalid(message).into());
        }
        let mut attempts = Attempts::new();
        loop {
            let thing = thing::existing(&name, context).await?;
            let transaction = regrouping(&thing, &joined, &left, context).await?;
            let Some(conflict) = context.try_commit(transaction).await? else {
                return Ok(UpdateThingGroupsForThingResponse {});
            };
            let is_lost_race =
                matches!(conflict, Conflict::ThingInGroup { .. } | Conflict::ThingNotInGroup { .. });
            attempts.again(conflict, is_lost_race)?;
        }
    }
}

impl Handle for ListThingGroupsForThingRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListThingGroupsForThingResponse, Failure> {
        // The context reads the page from the call.
        let Self { thing_name, next_token: _, max_results: _ } = self;
        let name = ThingName::parse(&thing_name).map_err(invalid)?;
        let page = context.page(Order::Ascending)?;
        thing::existing(&name, context).await?;
        let page = context.registry().thing_groups_of(&name, page).await?;
        Ok(ListThingGroupsForThingResponse {
            thing_groups: Some(page.items.iter().map(|group| list(&group.name, context.scope())).collect()),
            next_token: context.next_token(page.next)?,
        })
    }
}

impl Handle for ListThingsInThingGroupRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListThingsInThingGroupResponse, Failure> {
        // The context reads the page from the call.
        let Self { thing_group_name, recursive, next_token: _, max_results: _ } = self;
        let name = ThingGroupName::parse(&thing_group_name).map_err(invalid)?;
        let page = context.page(Order::Ascending)?;
        existing(&name, context).await?;
        let page = context.registry().thing_group_things(&name, recursive == Some(true), page).await?;
        Ok(ListThingsInThingGroupResponse {
            things: Some(page.items.iter().map(ToString::to_string).collect()),
            next_token: context.next_token(page.next)?,
        })
    }
}

/// The event of a thing that comes into a group or leaves it.
pub(crate) fn membership(
    operation: Relation,
    group: &ThingGroup,
    thing: &Thing,
    context: &Context<'_>,
) -> Event {
    Event::ThingGroupMembership(ThingGroupMembership {
        operation,
        group: group.name.clone(),
        group_id: group.id,
        thing: thing.name.clone(),
        thing_id: thing.id,
        scope: context.scope().clone(),
        at: context.now,
    })
}

/// A thing group and a thing, each by its name or ARN.
struct GroupAndThing {
    thing_group_name: Option<String>,
    thing_group_arn: Option<String>,
    thing_name: Option<String>,
    thing_arn: Option<String>,
}

impl GroupAndThing {
    /// The group and the thing, both of which have to be there, and a transaction that expects the thing to be there still.
    async fn read(self, context: &Context<'_>) -> Result<(ThingGroup, Thing, Transaction), Failure> {
        let Self { thing_group_name, thing_group_arn, thing_name, thing_arn } = self;
        let scope = context.scope();
        let group = named::thing_group(thing_group_name.as_deref(), thing_group_arn.as_deref(), scope)?;
        let thing = named::thing(thing_name.as_deref(), thing_arn.as_deref(), scope)?;
        let group = existing(&group, context).await?;
        let thing = thing::existing(&thing, context).await?;
        let mut transaction = Transaction::new();
        transaction.expect(Expectation::Thing { name: thing.name.clone(), id: thing.id });
        Ok((group, thing, transaction))
    }
}

async fn existing(name: &ThingGroupName, context: &Context<'_>) -> Result<ThingGroup, Failure> {
    let found = context.registry().thing_group(name).await?;
    found.ok_or_else(|| Conflict::ThingGroupNotFound(name.clone()).into())
}

async fn existing_view(name: &ThingGroupName, context: &Context<'_>) -> Result<ThingGroupView, Failure> {
    let found = context.registry().thing_group_view(name).await?;
    found.ok_or_else(|| Conflict::ThingGroupNotFound(name.clone()).into())
}

/// Creates a group in the parent that there is now.
async fn creation(group: &ThingGroup, context: &Context<'_>) -> Result<Transaction, Failure> {
    let mut transaction = Transaction::new();
    let mut ancestors = Vec::new();
    if let Some(parent) = &group.parent {
        let view = existing_view(parent, context).await?;
        ancestors = view.ancestors;
        ancestors.push((view.group.name.clone(), view.group.id));
        transaction.expect(Expectation::ThingGroup { name: view.group.name, id: view.group.id });
    }
    transaction.insert_thing_group(group.clone());
    let parent = ancestors.last().cloned();
    let view = ThingGroupView { group: group.clone(), ancestors };
    transaction.append(group_event(Operation::Created, view, context));
    if let Some(parent) = parent {
        transaction.append(hierarchy(Relation::Added, &parent, group, context));
    }
    Ok(transaction)
}

/// Makes a thing a member of some groups and of others no longer, as far as that is not so.
async fn regrouping(
    thing: &Thing,
    joined: &BTreeSet<ThingGroupName>,
    left: &BTreeSet<ThingGroupName>,
    context: &Context<'_>,
) -> Result<Transaction, Failure> {
    let all = PageRequest::first(u32::try_from(ThingGroup::OF_THING_MAX).unwrap_or(u32::MAX));
    let current = context.registry().thing_groups_of(&thing.name, all).await?.items;
    let is_member = |name: &ThingGroupName| current.iter().any(|group| group.name == *name);
    let mut transaction = Transaction::new();
    transaction.expect(Expectation::Thing { name: thing.name.clone(), id: thing.id });
    // Those that it leaves first: they may be in the way of those that it joins.
    for name in left {
        let group = existing(name, context).await?;
        if is_member(name) {
            remove(&mut transaction, &group, thing, context);
        }
    }
    for name in joined {
        let group = existing(name, context).await?;
        if !is_member(name) {
            add(&mut transaction, &group, thing, context);
        }
    }
    Ok(transaction)
}

fn add(transaction: &mut Transaction, group: &ThingGroup, thing: &Thing, context: &Context<'_>) {
    transaction.expect(Expectation::ThingGroup { name: group.name.clone(), id: group.id });
    transaction.add_thing_to_group(group.name.clone(), thing.name.clone());
    transaction.append(membership(Relation::Added, group, thing, context));
}

fn remove(transaction: &mut Transaction, group: &ThingGroup, thing: &Thing, context: &Context<'_>) {
    transaction.expect(Expectation::ThingGroup { name: group.name.clone(), id: group.id });
    transaction.remove_thing_from_group(group.name.clone(), thing.name.clone());
    transaction.append(membership(Relation::Removed, group, thing, context));
}

fn group_event(operation: Operation, group: ThingGroupView, context: &Context<'_>) -> Event {
    Event::ThingGroup(ThingGroupEvent { operation, group, scope: context.scope().clone(), at: context.now })
}

fn hierarchy(
    operation: Relation,
    (parent, parent_id): &(ThingGroupName, ThingGroupId),
    child: &ThingGroup,
    context: &Context<'_>,
) -> Event {
    Event::ThingGroupHierarchy(ThingGroupHierarchy {
        operation,
        parent: parent.clone(),
        parent_id: *parent_id,
        child: child.name.clone(),
        child_id: child.id,
        account: context.scope().account.clone(),
        at: context.now,
    })
}

fn created(group: &ThingGroup, scope: &Scope) -> CreateThingGroupResponse {
    CreateThingGroupResponse {
        thing_group_name: Some(group.name.to_string()),
        thing_group_arn: Some(scope.thing_group_arn(&group.name)),
        thing_group_id: Some(group.id.to_string()),
    }
}

/// Refuses to create a group that is there with another configuration.
fn check_same(stored: &ThingGroup, wanted: &ThingGroup, scope: &Scope) -> Result<(), ApiError> {
    let difference = if stored.parent != wanted.parent {
        "a different parent"
    } else if stored.description != wanted.description || stored.attributes != wanted.attributes {
        "different properties"
    } else {
        return Ok(());
    };
    let name = &stored.name;
    let message = format!("Thing Group {name} already exists in current account with {difference}");
    let error = ApiError::new(ErrorCode::ResourceAlreadyExists, message);
    Err(error.with_resource(stored.id.to_string(), scope.thing_group_arn(name)))
}

fn check_attributes(attributes: &Attributes) -> Result<(), ApiError> {
    attribute::check(attributes, ThingGroup::ATTRIBUTES_MAX, "a thing group")
}

/// The names of groups, each once.
fn parse_names(member: &str, names: Option<Vec<String>>) -> Result<BTreeSet<ThingGroupName>, ApiError> {
    let names = names.unwrap_or_default();
    if names.len() > ThingGroup::OF_THING_MAX {
        let (count, count_max) = (names.len(), ThingGroup::OF_THING_MAX);
        return Err(invalid(format!(
            "{member} names {count} groups, and a thing can be in at most {count_max}"
        )));
    }
    names.iter().map(|name| ThingGroupName::parse(name)).collect::<Result<_, _>>().map_err(invalid)
}

fn parse_description(text: Option<&str>) -> Result<Option<Description>, ApiError> {
    text.map(Description::parse).transpose().map_err(invalid)
}

fn list(name: &ThingGroupName, scope: &Scope) -> GroupNameAndArn {
    GroupNameAndArn { group_name: Some(name.to_string()), group_arn: Some(scope.thing_group_arn(name)) }
}
