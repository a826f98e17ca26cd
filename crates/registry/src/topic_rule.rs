use std::sync::Arc;

use async_trait::async_trait;
use landfall_model::{RuleName, TopicRule, UnixTime};

use crate::{Change, Page, PageRequest, StorageError, Transaction};

/// Reads of topic rules.
#[async_trait]
pub trait TopicRules {
    /// The topic rule with this name.
    ///
    /// # Errors
    /// The storage failed.
    async fn topic_rule(&self, name: &RuleName) -> Result<Option<TopicRule>, StorageError>;

    /// Topic rules by time of creation.
    ///
    /// # Errors
    /// The storage failed.
    async fn topic_rules(
        &self,
        filter: TopicRuleFilter,
        page: PageRequest,
    ) -> Result<Page<TopicRule>, StorageError>;

    /// Every topic rule, by time of creation, as of one moment: at most [`TopicRule::OF_SERVER_MAX`].
    ///
    /// # Errors
    /// The storage failed.
    async fn every_topic_rule(&self) -> Result<Vec<TopicRule>, StorageError>;
}

/// Which topic rules are listed: those for which all that is given holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TopicRuleFilter {
    /// Those that are disabled, or those that are not.
    pub is_disabled: Option<bool>,
}

/// A change of a topic rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicRuleChange {
    /// Creates it. Conflict: it exists, or there are [`TopicRule::OF_SERVER_MAX`].
    Create(TopicRule),
    /// Replaces its document; its tags and its time of creation stay. Conflict: it does not exist.
    Replace {
        /// Its name.
        name: RuleName,
        /// The new document.
        document: Arc<str>,
        /// Whether it takes no messages from now on.
        is_disabled: bool,
        /// When.
        at: UnixTime,
    },
    /// Enables or disables it. Conflict: it does not exist.
    SetDisabled {
        /// Its name.
        name: RuleName,
        /// Whether it takes no messages from now on.
        is_disabled: bool,
        /// When.
        at: UnixTime,
    },
    /// Deletes it with its tags. Its deliveries stay. Conflict: it does not exist.
    Delete {
        /// Its name.
        name: RuleName,
    },
}

impl TopicRuleFilter {
    /// Whether it lets a rule through.
    pub fn matches(&self, rule: &TopicRule) -> bool {
        let Self { is_disabled } = self;
        is_disabled.is_none_or(|wanted| wanted == rule.is_disabled)
    }
}

impl Transaction {
    /// Creates a topic rule.
    pub fn create_topic_rule(&mut self, rule: TopicRule) {
        self.push(Change::TopicRule(TopicRuleChange::Create(rule)));
    }

    /// Replaces the document of a topic rule, and enables or disables it.
    pub fn replace_topic_rule(
        &mut self,
        name: RuleName,
        document: Arc<str>,
        is_disabled: bool,
        at: UnixTime,
    ) {
        self.push(Change::TopicRule(TopicRuleChange::Replace { name, document, is_disabled, at }));
    }

    /// Enables or disables a topic rule.
    pub fn set_topic_rule_disabled(&mut self, name: RuleName, is_disabled: bool, at: UnixTime) {
        self.push(Change::TopicRule(TopicRuleChange::SetDisabled { name, is_disabled, at }));
    }

    /// Deletes a topic rule.
    pub fn delete_topic_rule(&mut self, name: RuleName) {
        self.push(Change::TopicRule(TopicRuleChange::Delete { name }));
    }
}
