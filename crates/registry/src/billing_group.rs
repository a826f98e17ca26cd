use async_trait::async_trait;
use landfall_model::{BillingGroup, BillingGroupId, BillingGroupName, Description, Tag, ThingName};

use crate::{Change, Page, PageRequest, StorageError, Transaction};

/// Reads of billing groups.
#[async_trait]
pub trait BillingGroups {
    /// The billing group with this name.
    ///
    /// # Errors
    /// The storage failed.
    async fn billing_group(&self, name: &BillingGroupName) -> Result<Option<BillingGroup>, StorageError>;

    /// Billing groups by time of creation, all or those whose name begins with `name_prefix`.
    ///
    /// # Errors
    /// The storage failed.
    async fn billing_groups(
        &self,
        name_prefix: Option<&BillingGroupName>,
        page: PageRequest,
    ) -> Result<Page<BillingGroup>, StorageError>;

    /// The things in a billing group, by time of their creation.
    ///
    /// # Errors
    /// The storage failed.
    async fn billing_group_things(
        &self,
        group: &BillingGroupName,
        page: PageRequest,
    ) -> Result<Page<ThingName>, StorageError>;
}

/// A change of a billing group or of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BillingGroupChange {
    /// Creates it unless one of its name exists, which then stays as it is. Conflict: it would have more tags than it may
    /// have.
    Ensure {
        /// The group.
        group: BillingGroup,
        /// The tags that it gets if it is created.
        tags: Vec<Tag>,
    },
    /// Creates it. Conflict: it exists.
    Insert(BillingGroup),
    /// Sets its description. Conflict: it does not exist, or not in this version any more.
    Update(BillingGroupUpdate),
    /// Deletes it: its things leave it. Conflict: it does not exist, or not in this version any more.
    Delete {
        /// Its name.
        name: BillingGroupName,
        /// Its id.
        id: BillingGroupId,
        /// The version that it must have.
        version: u64,
    },
    /// Puts a thing into it, which leaves the one that it was in. Conflict: either does not exist.
    AddThing {
        /// The group.
        group: BillingGroupName,
        /// The thing.
        thing: ThingName,
    },
    /// Puts a thing into it, unless it is there. Conflict: either does not exist, or the thing is in another one.
    EnsureThing {
        /// The group.
        group: BillingGroupName,
        /// The thing.
        thing: ThingName,
    },
    /// Removes a thing, if it is in it. Conflict: either does not exist.
    RemoveThing {
        /// The group.
        group: BillingGroupName,
        /// The thing.
        thing: ThingName,
    },
}

/// What a billing group becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingGroupUpdate {
    /// Its name.
    pub name: BillingGroupName,
    /// Its id.
    pub id: BillingGroupId,
    /// The version that it must have. It gets the next.
    pub version: u64,
    /// The description that it gets.
    pub description: Option<Description>,
}

impl Transaction {
    /// Creates a billing group with these tags unless one of its name exists.
    pub fn ensure_billing_group(&mut self, group: BillingGroup, tags: Vec<Tag>) {
        self.push(Change::BillingGroup(BillingGroupChange::Ensure { group, tags }));
    }

    /// Puts a thing into a billing group that it is in already, or that is the first.
    pub fn ensure_thing_in_billing_group(&mut self, group: BillingGroupName, thing: ThingName) {
        self.push(Change::BillingGroup(BillingGroupChange::EnsureThing { group, thing }));
    }

    /// Creates a billing group.
    pub fn insert_billing_group(&mut self, group: BillingGroup) {
        self.push(Change::BillingGroup(BillingGroupChange::Insert(group)));
    }

    /// Sets the description of a billing group.
    pub fn update_billing_group(&mut self, update: BillingGroupUpdate) {
        self.push(Change::BillingGroup(BillingGroupChange::Update(update)));
    }

    /// Deletes a billing group in this version.
    pub fn delete_billing_group(&mut self, name: BillingGroupName, id: BillingGroupId, version: u64) {
        self.push(Change::BillingGroup(BillingGroupChange::Delete { name, id, version }));
    }

    /// Puts a thing into a billing group.
    pub fn add_thing_to_billing_group(&mut self, group: BillingGroupName, thing: ThingName) {
        self.push(Change::BillingGroup(BillingGroupChange::AddThing { group, thing }));
    }

    /// Removes a thing from a billing group.
    pub fn remove_thing_from_billing_group(&mut self, group: BillingGroupName, thing: ThingName) {
        self.push(Change::BillingGroup(BillingGroupChange::RemoveThing { group, thing }));
    }
}
