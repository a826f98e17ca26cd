use async_trait::async_trait;
use landfall_model::{BillingGroup, BillingGroupId, BillingGroupName, TaggedResource, ThingName};

use super::MemoryRegistry;
use super::state::State;
use crate::{BillingGroupChange, BillingGroups, Conflict, Page, PageRequest, StorageError};

#[async_trait]
impl BillingGroups for MemoryRegistry {
    async fn billing_group(&self, name: &BillingGroupName) -> Result<Option<BillingGroup>, StorageError> {
        Ok(self.state().billing_groups.get(name).cloned())
    }

    async fn billing_groups(
        &self,
        name_prefix: Option<&BillingGroupName>,
        page: PageRequest,
    ) -> Result<Page<BillingGroup>, StorageError> {
        let begins = |group: &BillingGroup| {
            name_prefix.is_none_or(|prefix| group.name.as_str().starts_with(prefix.as_str()))
        };
        Ok(self.state().billing_groups.page(page, begins))
    }

    async fn billing_group_things(
        &self,
        group: &BillingGroupName,
        page: PageRequest,
    ) -> Result<Page<ThingName>, StorageError> {
        let things = self.state().things.page(page, |thing| thing.billing_group.as_ref() == Some(group));
        Ok(things.map(|thing| thing.name))
    }
}

impl State {
    pub(super) fn find_billing_group(
        &mut self,
        name: &BillingGroupName,
    ) -> Result<&mut BillingGroup, Conflict> {
        self.billing_groups.get_mut(name).ok_or_else(|| Conflict::BillingGroupNotFound(name.clone()))
    }

    pub(super) fn apply_billing_group(&mut self, change: &BillingGroupChange) -> Result<(), Conflict> {
        match change {
            BillingGroupChange::Ensure { group, tags } => {
                if !self.insert_billing_group(group) {
                    return Ok(());
                }
                self.set_tags(&TaggedResource::BillingGroup(group.name.clone()), tags)
            }
            BillingGroupChange::Insert(group) => {
                let inserted = self.insert_billing_group(group);
                inserted.then_some(()).ok_or_else(|| Conflict::BillingGroupExists(group.name.clone()))
            }
            BillingGroupChange::Update(update) => {
                let group = self.billing_group_in_version(&update.name, update.id, update.version)?;
                group.description.clone_from(&update.description);
                group.version += 1;
                Ok(())
            }
            BillingGroupChange::Delete { name, id, version } => {
                self.billing_group_in_version(name, *id, *version)?;
                self.billing_groups.remove(name);
                self.tags.remove(&TaggedResource::BillingGroup(name.clone()));
                let members = self.things.rows_mut();
                members
                    .filter(|thing| thing.billing_group.as_ref() == Some(name))
                    .for_each(|thing| thing.billing_group = None);
                Ok(())
            }
            BillingGroupChange::AddThing { group, thing } => {
                self.find_billing_group(group)?;
                self.find_thing_mut(thing)?.billing_group = Some(group.clone());
                Ok(())
            }
            BillingGroupChange::EnsureThing { group, thing } => {
                self.find_billing_group(group)?;
                match &mut self.find_thing_mut(thing)?.billing_group {
                    Some(other) if other != group => {
                        Err(Conflict::ThingInBillingGroup { thing: thing.clone(), group: other.clone() })
                    }
                    place => {
                        *place = Some(group.clone());
                        Ok(())
                    }
                }
            }
            BillingGroupChange::RemoveThing { group, thing } => {
                self.find_billing_group(group)?;
                let thing = self.find_thing_mut(thing)?;
                if thing.billing_group.as_ref() == Some(group) {
                    thing.billing_group = None;
                }
                Ok(())
            }
        }
    }

    /// Whether it was inserted.
    fn insert_billing_group(&mut self, group: &BillingGroup) -> bool {
        self.billing_groups.insert_unless_there(&mut self.row_ids, group.name.clone(), group.clone())
    }

    fn billing_group_in_version(
        &mut self,
        name: &BillingGroupName,
        id: BillingGroupId,
        version: u64,
    ) -> Result<&mut BillingGroup, Conflict> {
        let group = self.find_billing_group(name)?;
        let is_expected = group.id == id && group.version == version;
        if is_expected { Ok(group) } else { Err(Conflict::BillingGroupVersion(name.clone())) }
    }
}
