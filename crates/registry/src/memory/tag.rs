use async_trait::async_trait;
use landfall_model::{Tag, TaggedResource};

use super::MemoryRegistry;
use super::state::State;
use crate::{Conflict, StorageError, TagChange, Tags};

#[async_trait]
impl Tags for MemoryRegistry {
    async fn tags(&self, resource: &TaggedResource) -> Result<Option<Vec<Tag>>, StorageError> {
        let state = self.state();
        if state.find_tagged(resource).is_err() {
            return Ok(None);
        }
        let tags = state.tags.get(resource).into_iter().flatten();
        Ok(Some(tags.map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()))
    }
}

impl State {
    pub(super) fn apply_tag(&mut self, change: &TagChange) -> Result<(), Conflict> {
        match change {
            TagChange::Set { resource, tags } => {
                self.find_tagged(resource)?;
                self.set_tags(resource, tags)
            }
            TagChange::Remove { resource, keys } => {
                self.find_tagged(resource)?;
                if let Some(known) = self.tags.get_mut(resource) {
                    known.retain(|key, _| !keys.contains(key));
                }
                Ok(())
            }
        }
    }

    /// Sets tags of a resource that exists.
    pub(super) fn set_tags(&mut self, resource: &TaggedResource, tags: &[Tag]) -> Result<(), Conflict> {
        if tags.is_empty() {
            return Ok(());
        }
        let known = self.tags.entry(resource.clone()).or_default();
        known.extend(tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())));
        let is_allowed = known.len() <= Tag::OF_RESOURCE_MAX;
        is_allowed.then_some(()).ok_or_else(|| Conflict::TagsOfResource(resource.clone()))
    }

    fn find_tagged(&self, resource: &TaggedResource) -> Result<(), Conflict> {
        let (exists, conflict) = match resource {
            TaggedResource::BillingGroup(name) => {
                (self.billing_groups.contains(name), Conflict::BillingGroupNotFound(name.clone()))
            }
            TaggedResource::CaCertificate(id) => {
                (self.ca_certificates.contains(id), Conflict::CaCertificateNotFound(*id))
            }
            TaggedResource::Policy(name) => {
                (self.policies.contains(name), Conflict::PolicyNotFound(name.clone()))
            }
            TaggedResource::ThingGroup(name) => {
                (self.thing_groups.contains(name), Conflict::ThingGroupNotFound(name.clone()))
            }
            TaggedResource::ThingType(name) => {
                (self.thing_types.contains(name), Conflict::ThingTypeNotFound(name.clone()))
            }
            TaggedResource::TopicRule(name) => {
                (self.topic_rules.contains(name), Conflict::TopicRuleNotFound(name.clone()))
            }
        };
        exists.then_some(()).ok_or(conflict)
    }
}
