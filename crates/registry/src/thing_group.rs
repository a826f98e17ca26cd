use async_trait::async_trait;
use landfall_events::{Event, Operation, ThingGroupEvent};
use landfall_model::{
    Attributes, Description, Scope, Tag, ThingGroup, ThingGroupId, ThingGroupName, ThingGroupView, ThingName,
    UnixTime,
};

use crate::{Change, Page, PageRequest, StorageError, Transaction};

/// Reads of thing groups.
#[async_trait]
pub trait ThingGroups {
    /// The thing group with this name.
    ///
    /// # Errors
    /// The storage failed.
    async fn thing_group(&self, name: &ThingGroupName) -> Result<Option<ThingGroup>, StorageError>;

    /// The thing group with this name and all that it is in.
    ///
    /// # Errors
    /// The storage failed.
    async fn thing_group_view(&self, name: &ThingGroupName) -> Result<Option<ThingGroupView>, StorageError>;

    /// Thing groups by time of creation, those that the filter lets through.
    ///
    /// # Errors
    /// The storage failed.
    async fn thing_groups(
        &self,
        filter: &ThingGroupFilter,
        page: PageRequest,
    ) -> Result<Page<ThingGroup>, StorageError>;

    /// The groups that a thing was added to, by time of their creation. The parents of these are not among them.
    ///
    /// # Errors
    /// The storage failed.
    async fn thing_groups_of(
        &self,
        thing: &ThingName,
        page: PageRequest,
    ) -> Result<Page<ThingGroup>, StorageError>;

    /// The things in a group, by time of their creation: those added to it alone, or also those in all groups below it.
    ///
    /// # Errors
    /// The storage failed.
    async fn thing_group_things(
        &self,
        group: &ThingGroupName,
        is_recursive: bool,
        page: PageRequest,
    ) -> Result<Page<ThingName>, StorageError>;
}

/// Which thing groups a listing has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThingGroupFilter {
    /// Where they are.
    pub place: ThingGroupPlace,
    /// Only those whose name begins with this.
    pub name_prefix: Option<ThingGroupName>,
}

/// Where thing groups are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ThingGroupPlace {
    /// Anywhere.
    #[default]
    Anywhere,
    /// In no other group.
    Root,
    /// Directly in this group.
    ChildOf(ThingGroupName),
    /// In this group, directly or not.
    Below(ThingGroupName),
}

/// A change of a thing group or of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThingGroupChange {
    /// Creates it at the root, unless one of its name exists, which then stays as it is wherever it is. Conflict: it would
    /// have more tags than it may have.
    Ensure(RootThingGroup),
    /// Creates it. Conflict: it exists, its parent does not, the parent is on the last level, or has all the children that
    /// it may have.
    Insert(ThingGroup),
    /// Sets its description and its attributes, whole. Conflict: it does not exist, or not in this version any more.
    Update(ThingGroupUpdate),
    /// Deletes it: its things leave it, and its policies are detached. Conflict: it does not exist, or not in this version
    /// any more, or has children.
    Delete {
        /// Its name.
        name: ThingGroupName,
        /// Its id.
        id: ThingGroupId,
        /// The version that it must have.
        version: u64,
    },
    /// Adds a thing. Conflict: the group or the thing does not exist; the thing is in the group already, or in another one of
    /// its hierarchy, or in as many groups as it may be.
    AddThing {
        /// The group.
        group: ThingGroupName,
        /// The thing.
        thing: ThingName,
    },
    /// Adds a thing, unless it is in the group or in one below it, and appends the event of that. Conflict: the group or the
    /// thing does not exist; the thing is in another group of the hierarchy, or in as many groups as it may be.
    EnsureThing {
        /// The group.
        group: ThingGroupName,
        /// The thing.
        thing: ThingName,
        /// The account and region of the server, for the event.
        scope: Scope,
        /// When.
        at: UnixTime,
    },
    /// Removes a thing. Conflict: the group or the thing does not exist, or the thing is not in the group.
    RemoveThing {
        /// The group.
        group: ThingGroupName,
        /// The thing.
        thing: ThingName,
    },
}

/// A thing group at the root of a hierarchy, as it is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootThingGroup {
    /// Its name.
    pub name: ThingGroupName,
    /// Its id.
    pub id: ThingGroupId,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// The account and region of the server, for the event.
    pub scope: Scope,
    /// When.
    pub created_at: UnixTime,
}

/// What a thing group becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingGroupUpdate {
    /// Its name.
    pub name: ThingGroupName,
    /// Its id.
    pub id: ThingGroupId,
    /// The version that it must have. It gets the next.
    pub version: u64,
    /// The description that it gets.
    pub description: Option<Description>,
    /// The attributes that it gets.
    pub attributes: Attributes,
}

impl RootThingGroup {
    /// The group: without a description and attributes.
    pub fn group(&self) -> ThingGroup {
        ThingGroup {
            name: self.name.clone(),
            id: self.id,
            parent: None,
            description: None,
            attributes: Attributes::default(),
            version: 1,
            created_at: self.created_at,
        }
    }

    /// What is told of its creation.
    pub fn event(&self) -> Event {
        Event::ThingGroup(ThingGroupEvent {
            operation: Operation::Created,
            group: ThingGroupView { group: self.group(), ancestors: Vec::new() },
            scope: self.scope.clone(),
            at: self.created_at,
        })
    }
}

impl Transaction {
    /// Creates a thing group at the root unless one of its name exists, and tells it.
    pub fn ensure_thing_group(&mut self, group: RootThingGroup) {
        self.push(Change::ThingGroup(ThingGroupChange::Ensure(group)));
    }

    /// Adds a thing to a group, unless it is in it or in one below it, and tells it.
    pub fn ensure_thing_in_group(
        &mut self,
        group: ThingGroupName,
        thing: ThingName,
        scope: Scope,
        at: UnixTime,
    ) {
        self.push(Change::ThingGroup(ThingGroupChange::EnsureThing { group, thing, scope, at }));
    }

    /// Creates a thing group.
    pub fn insert_thing_group(&mut self, group: ThingGroup) {
        self.push(Change::ThingGroup(ThingGroupChange::Insert(group)));
    }

    /// Sets the description and the attributes of a thing group.
    pub fn update_thing_group(&mut self, update: ThingGroupUpdate) {
        self.push(Change::ThingGroup(ThingGroupChange::Update(update)));
    }

    /// Deletes a thing group without children, in this version.
    pub fn delete_thing_group(&mut self, name: ThingGroupName, id: ThingGroupId, version: u64) {
        self.push(Change::ThingGroup(ThingGroupChange::Delete { name, id, version }));
    }

    /// Adds a thing to a group that it is not in.
    pub fn add_thing_to_group(&mut self, group: ThingGroupName, thing: ThingName) {
        self.push(Change::ThingGroup(ThingGroupChange::AddThing { group, thing }));
    }

    /// Removes a thing from a group that it is in.
    pub fn remove_thing_from_group(&mut self, group: ThingGroupName, thing: ThingName) {
        self.push(Change::ThingGroup(ThingGroupChange::RemoveThing { group, thing }));
    }
}
