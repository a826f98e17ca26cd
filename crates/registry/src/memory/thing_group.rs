use async_trait::async_trait;
use landfall_events::{Event, Relation, ThingGroupMembership};
use landfall_model::{
    PolicyTarget, Scope, TaggedResource, ThingGroup, ThingGroupId, ThingGroupName, ThingGroupView, ThingName,
    UnixTime,
};

use super::MemoryRegistry;
use super::state::State;
use crate::{
    Conflict, Page, PageRequest, RootThingGroup, StorageError, ThingGroupChange, ThingGroupFilter,
    ThingGroupPlace, ThingGroups,
};

#[async_trait]
impl ThingGroups for MemoryRegistry {
    async fn thing_group(&self, name: &ThingGroupName) -> Result<Option<ThingGroup>, StorageError> {
        Ok(self.state().thing_groups.get(name).cloned())
    }

    async fn thing_group_view(&self, name: &ThingGroupName) -> Result<Option<ThingGroupView>, StorageError> {
        let state = self.state();
        let line = state.line_of(name);
        let (group, above) = match line.split_first() {
            None => return Ok(None),
            Some((group, above)) => ((*group).clone(), above),
        };
        let ancestors = above.iter().rev().map(|group| (group.name.clone(), group.id)).collect();
        Ok(Some(ThingGroupView { group, ancestors }))
    }

    async fn thing_groups(
        &self,
        filter: &ThingGroupFilter,
        page: PageRequest,
    ) -> Result<Page<ThingGroup>, StorageError> {
        let state = self.state();
        Ok(state.thing_groups.page(page, |group| state.is_listed(filter, group)))
    }

    async fn thing_groups_of(
        &self,
        thing: &ThingName,
        page: PageRequest,
    ) -> Result<Page<ThingGroup>, StorageError> {
        let state = self.state();
        let is_in = |group: &ThingGroup| state.groups_of.contains(&(thing.clone(), group.name.clone()));
        Ok(state.thing_groups.page(page, is_in))
    }

    async fn thing_group_things(
        &self,
        group: &ThingGroupName,
        is_recursive: bool,
        page: PageRequest,
    ) -> Result<Page<ThingName>, StorageError> {
        let state = self.state();
        let is_in = |thing: &ThingName| {
            state.groups(thing).any(|of| of == group || (is_recursive && state.is_below(of, group)))
        };
        Ok(state.things.page(page, |thing| is_in(&thing.name)).map(|thing| thing.name))
    }
}

impl State {
    pub(super) fn find_thing_group(&self, name: &ThingGroupName) -> Result<&ThingGroup, Conflict> {
        self.thing_groups.get(name).ok_or_else(|| Conflict::ThingGroupNotFound(name.clone()))
    }

    /// What policies are attached to that count for a group: the group and all that it is in.
    pub(super) fn targets_above(&self, group: &ThingGroupName) -> Vec<PolicyTarget> {
        self.line_of(group).iter().map(|group| PolicyTarget::ThingGroup(group.name.clone())).collect()
    }

    /// What policies are attached to that count for a thing: its groups and all that these are in.
    pub(super) fn group_targets(&self, thing: &ThingName) -> Vec<PolicyTarget> {
        self.groups(thing).flat_map(|group| self.targets_above(group)).collect()
    }

    pub(super) fn apply_thing_group(&mut self, change: &ThingGroupChange) -> Result<(), Conflict> {
        match change {
            ThingGroupChange::Ensure(group) => self.ensure_thing_group(group),
            ThingGroupChange::Insert(group) => self.insert_thing_group(group),
            ThingGroupChange::Update(update) => {
                let group = self.thing_group_in_version(&update.name, update.id, update.version)?;
                group.description.clone_from(&update.description);
                group.attributes.clone_from(&update.attributes);
                group.version += 1;
                Ok(())
            }
            ThingGroupChange::Delete { name, id, version } => {
                self.thing_group_in_version(name, *id, *version)?;
                self.delete_thing_group(name)
            }
            ThingGroupChange::AddThing { group, thing } => self.add_thing(group, thing),
            ThingGroupChange::EnsureThing { group, thing, scope, at } => {
                self.ensure_thing_in_group(group, thing, scope, *at)
            }
            ThingGroupChange::RemoveThing { group, thing } => {
                self.find_thing_group(group)?;
                self.find_thing(thing)?;
                let removed = self.groups_of.remove(&(thing.clone(), group.clone()));
                let (thing, group) = (thing.clone(), group.clone());
                removed.then_some(()).ok_or(Conflict::ThingNotInGroup { thing, group })
            }
        }
    }

    /// The groups that a thing was added to, by name.
    fn groups(&self, thing: &ThingName) -> impl Iterator<Item = &ThingGroupName> {
        self.groups_of.iter().filter(move |(name, _)| name == thing).map(|(_, group)| group)
    }

    /// The group and all that it is in, the root last; nothing when it does not exist.
    fn line_of(&self, name: &ThingGroupName) -> Vec<&ThingGroup> {
        let group = self.thing_groups.get(name);
        let parent = |group: &&ThingGroup| self.thing_groups.get(group.parent.as_ref()?);
        std::iter::successors(group, parent).collect()
    }

    fn is_below(&self, name: &ThingGroupName, above: &ThingGroupName) -> bool {
        self.line_of(name).iter().skip(1).any(|group| group.name == *above)
    }

    fn is_listed(&self, filter: &ThingGroupFilter, group: &ThingGroup) -> bool {
        let is_there = match &filter.place {
            ThingGroupPlace::Anywhere => true,
            ThingGroupPlace::Root => group.parent.is_none(),
            ThingGroupPlace::ChildOf(parent) => group.parent.as_ref() == Some(parent),
            ThingGroupPlace::Below(above) => self.is_below(&group.name, above),
        };
        let prefix = filter.name_prefix.as_ref().map_or("", ThingGroupName::as_str);
        is_there && group.name.as_str().starts_with(prefix)
    }

    fn children(&self, name: &ThingGroupName) -> usize {
        self.thing_groups.rows().filter(|group| group.parent.as_ref() == Some(name)).count()
    }

    fn insert_thing_group(&mut self, group: &ThingGroup) -> Result<(), Conflict> {
        if let Some(parent) = &group.parent {
            self.find_thing_group(parent)?;
        }
        if self.thing_groups.contains(&group.name) {
            return Err(Conflict::ThingGroupExists(group.name.clone()));
        }
        if let Some(parent) = &group.parent {
            if self.line_of(parent).len() >= ThingGroup::LEVELS_MAX {
                return Err(Conflict::ThingGroupLevels(parent.clone()));
            }
            if self.children(parent) >= ThingGroup::CHILDREN_MAX {
                return Err(Conflict::ThingGroupChildren(parent.clone()));
            }
        }
        self.thing_groups.insert_unless_there(&mut self.row_ids, group.name.clone(), group.clone());
        Ok(())
    }

    fn ensure_thing_group(&mut self, group: &RootThingGroup) -> Result<(), Conflict> {
        let name = group.name.clone();
        if !self.thing_groups.insert_unless_there(&mut self.row_ids, name.clone(), group.group()) {
            return Ok(());
        }
        self.append(&group.event());
        self.set_tags(&TaggedResource::ThingGroup(name), &group.tags)
    }

    fn thing_group_in_version(
        &mut self,
        name: &ThingGroupName,
        id: ThingGroupId,
        version: u64,
    ) -> Result<&mut ThingGroup, Conflict> {
        let found = self.thing_groups.get_mut(name);
        let group = found.ok_or_else(|| Conflict::ThingGroupNotFound(name.clone()))?;
        let is_expected = group.id == id && group.version == version;
        if is_expected { Ok(group) } else { Err(Conflict::ThingGroupVersion(name.clone())) }
    }

    fn delete_thing_group(&mut self, name: &ThingGroupName) -> Result<(), Conflict> {
        if self.children(name) > 0 {
            return Err(Conflict::ThingGroupHasChildren(name.clone()));
        }
        let target = PolicyTarget::ThingGroup(name.clone());
        self.policies_of.retain(|(of, _)| *of != target);
        self.groups_of.retain(|(_, group)| group != name);
        self.tags.remove(&TaggedResource::ThingGroup(name.clone()));
        self.thing_groups.remove(name);
        Ok(())
    }

    fn ensure_thing_in_group(
        &mut self,
        group: &ThingGroupName,
        thing: &ThingName,
        scope: &Scope,
        at: UnixTime,
    ) -> Result<(), Conflict> {
        let (group_id, thing_id) = (self.find_thing_group(group)?.id, self.find_thing(thing)?.id);
        if self.groups(thing).any(|of| of == group || self.is_below(of, group)) {
            return Ok(());
        }
        self.add_thing(group, thing)?;
        self.append(&Event::ThingGroupMembership(ThingGroupMembership {
            operation: Relation::Added,
            group: group.clone(),
            group_id,
            thing: thing.clone(),
            thing_id,
            scope: scope.clone(),
            at,
        }));
        Ok(())
    }

    fn add_thing(&mut self, group: &ThingGroupName, thing: &ThingName) -> Result<(), Conflict> {
        self.find_thing_group(group)?;
        self.find_thing(thing)?;
        let root = |name: &ThingGroupName| self.line_of(name).last().map(|group| group.name.clone());
        let groups: Vec<_> = self.groups(thing).cloned().collect();
        let thing = thing.clone();
        if groups.contains(group) {
            return Err(Conflict::ThingInGroup { thing, group: group.clone() });
        }
        if let Some(of) = groups.iter().find(|of| root(of) == root(group)) {
            return Err(Conflict::ThingInHierarchy { thing, group: of.clone() });
        }
        if groups.len() >= ThingGroup::OF_THING_MAX {
            return Err(Conflict::GroupsOfThing(thing));
        }
        self.groups_of.insert((thing, group.clone()));
        Ok(())
    }
}
