use async_trait::async_trait;
use landfall_model::{RuleName, TaggedResource, TopicRule};

use super::MemoryRegistry;
use super::state::State;
use crate::{Conflict, Page, PageRequest, StorageError, TopicRuleChange, TopicRuleFilter, TopicRules};

#[async_trait]
impl TopicRules for MemoryRegistry {
    async fn topic_rule(&self, name: &RuleName) -> Result<Option<TopicRule>, StorageError> {
        Ok(self.state().topic_rules.get(name).cloned())
    }

    async fn topic_rules(
        &self,
        filter: TopicRuleFilter,
        page: PageRequest,
    ) -> Result<Page<TopicRule>, StorageError> {
        Ok(self.state().topic_rules.page(page, |rule| filter.matches(rule)))
    }

    async fn every_topic_rule(&self) -> Result<Vec<TopicRule>, StorageError> {
        Ok(self.state().topic_rules.rows().cloned().collect())
    }
}

impl State {
    pub(super) fn apply_topic_rule(&mut self, change: &TopicRuleChange) -> Result<(), Conflict> {
        match change {
            TopicRuleChange::Create(rule) => return self.create_topic_rule(rule),
            TopicRuleChange::Replace { name, document, is_disabled, at } => {
                let rule = self.find_topic_rule(name)?;
                rule.document.clone_from(document);
                rule.is_disabled = *is_disabled;
                rule.modified_at = *at;
            }
            TopicRuleChange::SetDisabled { name, is_disabled, at } => {
                let rule = self.find_topic_rule(name)?;
                rule.is_disabled = *is_disabled;
                rule.modified_at = *at;
            }
            TopicRuleChange::Delete { name } => {
                self.find_topic_rule(name)?;
                self.tags.remove(&TaggedResource::TopicRule(name.clone()));
                self.topic_rules.remove(name);
            }
        }
        Ok(())
    }

    fn create_topic_rule(&mut self, rule: &TopicRule) -> Result<(), Conflict> {
        if self.topic_rules.contains(&rule.name) {
            return Err(Conflict::TopicRuleExists(rule.name.clone()));
        }
        if self.topic_rules.len() >= TopicRule::OF_SERVER_MAX {
            return Err(Conflict::TopicRules);
        }
        self.topic_rules.insert_unless_there(&mut self.row_ids, rule.name.clone(), rule.clone());
        Ok(())
    }

    fn find_topic_rule(&mut self, name: &RuleName) -> Result<&mut TopicRule, Conflict> {
        self.topic_rules.get_mut(name).ok_or_else(|| Conflict::TopicRuleNotFound(name.clone()))
    }
}
